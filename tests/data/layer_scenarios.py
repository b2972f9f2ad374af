"""Small programs of `tf.layers`, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, names of variables, collections and errors,
`VALUES` by what they compute. Each runs in a fresh graph with `tf`, `np`, `note` and `fails`.
"""

SETUP = """
def x(*sizes): return tf.placeholder(tf.float32, sizes, name='x')
b = tf.placeholder(tf.bool, [], name='b')
def variables(): note([(v.name, v.shape.as_list(), v.dtype.name) for v in tf.global_variables()], [v.name for v in tf.trainable_variables()])
def keys(*names): note(*[[v.name for v in tf.get_collection(k)] for k in names])
"""

# Only what is noted is compared: TensorFlow transposes images for its CPU, counts sizes and
# keeps dilation rates as constants; and it makes switches into a branch at other times.
NOTES_ONLY = (
    "dense_ranks",
    "convolutions",
    "first",
    "transposed",
    "renorm",
    "errors",
    "classes",
    "flat",
    "by_tensor",
)

SCENARIOS = {
    "dense": """
one = tf.layers.dense(x(None, 4), 5, tf.nn.relu)
two = tf.layers.dense(one, 3, use_bias=False, name='out', kernel_initializer=tf.zeros_initializer())
three = tf.layers.dense(one, 3, use_bias=False, name='out', reuse=True)
with tf.variable_scope('deep'):
    four = tf.layers.dense(two, 2, activation=tf.nn.softmax)
    five = tf.layers.dense(two, 2, kernel_regularizer=tf.nn.l2_loss, activity_regularizer=tf.nn.l2_loss)
note(one, two, three, four, five); variables(); keys('regularization_losses')
fails(lambda: tf.layers.dense(one, 3, name='out'))
fails(lambda: tf.layers.dense(x(4), 3))
fails(lambda: tf.layers.dense(x(2, None), 3))
fails(lambda: tf.layers.dense(tf.constant([[1]]), 3))
""",
    "dense_ranks": """
note(tf.layers.dense(x(None, 3, 4), 5), tf.layers.dense(x(2, None, 3, 4), 5, tf.nn.relu)); variables()
""",
    "scopes": """
with tf.variable_scope('a', regularizer=tf.nn.l2_loss, initializer=tf.ones_initializer()):
    tf.layers.dense(x(2, 3), 4)
    tf.layers.dense(x(2, 3), 4)
    tf.layers.conv2d(x(2, 8, 8, 3), 4, 3, name='c')
with tf.variable_scope('a', reuse=True):
    tf.layers.dense(x(2, 3), 4)
    tf.layers.conv2d(x(2, 8, 8, 3), 4, 3, name='c')
with tf.variable_scope('a', reuse=tf.AUTO_REUSE):
    tf.layers.dense(x(2, 3), 4, name='dense_1')
    tf.layers.dense(x(2, 3), 4, name='new')
variables(); keys('regularization_losses')
""",
    "classes": """
layer = tf.layers.Dense(3, name='d'); note(layer.name, layer.built, layer.dtype)
fails(lambda: layer.scope_name)
y = layer(x(None, 4)); z = layer(x(5, 4)); w = layer.apply(x(2, 4))
note(y.shape, z.shape, layer.built, layer.scope_name, layer.kernel, layer.bias.name)
note([v.name for v in layer.weights], [v.name for v in layer.trainable_variables], layer.count_params())
fails(lambda: layer(x(None, 5)))
frozen = tf.layers.Conv2D(3, 2, trainable=False); frozen(x(1, 4, 4, 2)); note(len(frozen.trainable_weights), len(frozen.non_trainable_weights))
norm = tf.layers.BatchNormalization(); norm(x(None, 3), training=True)
note([v.name for v in norm.trainable_weights], [v.name for v in norm.non_trainable_weights], len(norm.updates))
note(tf.layers.Dense(3).name, tf.layers.Dense(3).name, tf.layers.MaxPooling2D(2, 2)(x(None, 5, 5, 1)).name); variables()
pool = tf.layers.AveragePooling3D((2, 1, 2), 2, 'SAME'); note(pool(x(None, 5, 6, 7, 1)))
note(tf.layers.Flatten()(x(None, 2, 3)), tf.layers.Dropout(0.3)(x(2, 3), training=True).shape)
""",
    "convolutions": """
note(tf.layers.conv2d(x(None, 8, 8, 3), 5, 3, padding='same', activation=tf.nn.relu))
note(tf.layers.conv2d(x(None, None, None, 3), 5, [3, 5], (2, 1), use_bias=False, name='c'))
note(tf.layers.conv2d(x(None, 9, 8, 3), 5, 3, dilation_rate=2), tf.layers.conv1d(x(None, 8, 3), 5, 3, strides=2))
note(tf.layers.conv1d(x(None, 8, 3), 5, 3, padding='causal'), tf.layers.conv3d(x(None, 8, 7, 6, 3), 5, 3, 2))
note(tf.layers.separable_conv2d(x(None, 8, 8, 3), 5, 3, strides=2, depth_multiplier=2), tf.layers.separable_conv1d(x(None, 8, 3), 5, 3))
variables()
""",
    "first": """
note(tf.layers.conv2d(x(None, 3, 8, 8), 5, 3, data_format='channels_first'), tf.layers.conv1d(x(None, 3, 8), 5, 3, data_format='channels_first'))
note(tf.layers.max_pooling2d(x(None, 3, 8, 8), 3, 2, 'same', 'channels_first'), tf.layers.average_pooling1d(x(None, 3, 8), 2, 2, data_format='channels_first'))
note(tf.layers.flatten(x(None, 3, 8, 2), data_format='channels_first').shape, tf.layers.batch_normalization(x(None, 3, 8, 2), axis=1).shape)
note(tf.layers.conv2d_transpose(x(None, 3, 8, 8), 5, 3, 2, data_format='channels_first').shape); variables()
""",
    "transposed": """
note(tf.layers.conv2d_transpose(x(None, 8, 8, 3), 5, 3, strides=2), tf.layers.conv2d_transpose(x(None, 8, None, 3), 5, [2, 5], (3, 1), 'same'))
note(tf.layers.conv3d_transpose(x(2, 4, 8, 8, 3), 5, 3, strides=2, padding='same'), tf.layers.conv3d_transpose(x(2, 4, 8, 8, 3), 5, 3, strides=2)); variables()
""",
    "pooling": """
note(tf.layers.max_pooling2d(x(None, 8, 8, 3), 2, 2), tf.layers.average_pooling1d(x(None, 8, 3), 2, 2))
note(tf.layers.max_pooling3d(x(None, 8, 8, 8, 3), 2, 2), tf.layers.average_pooling2d(x(1, 5, 5, 1), (2, 3), 1, 'SAME', name='p'))
note(tf.layers.max_pooling1d(x(2, 7, 3), pool_size=3, strides=2), tf.layers.average_pooling3d(x(2, 5, 5, 5, 1), 2, 2))
""",
    "flat": """
note(tf.layers.flatten(x(None, 8, 8, 3)), tf.layers.flatten(x(None, None, 3)), tf.layers.flatten(x(2, 3, 4)), tf.layers.flatten(x(None)))
note(tf.layers.dropout(x(None, 3), training=b), tf.layers.dropout(x(None, 3), 0.3, seed=2, training=True), tf.layers.dropout(x(None, 3), name='d'))
""",
    "fused": """
note(tf.layers.batch_normalization(x(None, 8, 8, 3), training=True)); note(tf.layers.batch_normalization(x(None, 8, 8, 3)))
note(tf.layers.batch_normalization(x(None, 8, 8, 3), training=True, scale=False, center=False, name='n'))
variables(); keys('update_ops')
""",
    "composed": """
note(tf.layers.batch_normalization(x(None, 3), training=True)); note(tf.layers.batch_normalization(x(None, 3)))
note(tf.layers.batch_normalization(x(None, 4, 4, 3), axis=2, training=True))
note(tf.layers.batch_normalization(x(None, 4, 4, 3), axis=[1, 3], training=True, name='n'))
variables(); keys('update_ops')
""",
    "by_tensor": """
note(tf.layers.batch_normalization(x(None, 3), training=b)); note(tf.layers.batch_normalization(x(None, 4, 4, 3), training=b))
variables(); keys('update_ops')
""",
    "renorm": """
note(tf.layers.batch_normalization(x(None, 3), training=True, renorm=True, renorm_clipping={'rmax': 3., 'rmin': .3, 'dmax': 5.}))
variables(); keys('update_ops')
fails(lambda: tf.layers.batch_normalization(x(None, 3), fused=True, renorm=True))
fails(lambda: tf.layers.batch_normalization(x(None, 3), fused=True))
fails(lambda: tf.layers.batch_normalization(x(None, 3), axis=5))
""",
    "errors": """
fails(lambda: tf.layers.conv2d(x(None, 8, 3), 5, 3))
fails(lambda: tf.layers.conv2d(x(None, 8, 8, 3), 5, (3, 3, 3)))
fails(lambda: tf.layers.conv2d(x(None, 8, 8, 3), 5, 3, padding='full'))
fails(lambda: tf.layers.conv2d(x(None, 8, 8, 3), 5, 3, data_format='NHWC'))
fails(lambda: tf.layers.conv2d(x(None, 8, 8, None), 5, 3))
fails(lambda: tf.layers.max_pooling2d(x(None, 8, 3), 2, 2))
fails(lambda: tf.layers.max_pooling2d(x(None, 8, 8, 3), (2, 2, 2), 2))
fails(lambda: tf.layers.dense(x(None, 8), 2, name='d', reuse=True))
fails(lambda: tf.layers.Dense(3, wrong=1))
""",
}

_INPUTS = """
r = np.random.RandomState(0)
def data(*sizes): return r.randn(*sizes).astype(np.float32)
def feed_of(*sizes):
    array = data(*sizes); t = tf.placeholder(tf.float32, [None] + list(sizes[1:])); feed[t] = array; return t
feed = {}; init = dict(kernel_initializer=tf.random_uniform_initializer(-1, 1, seed=3), bias_initializer=tf.random_uniform_initializer(-1, 1, seed=4))
"""

VALUES = {
    "layers": _INPUTS
    + """
result = [tf.layers.dense(feed_of(3, 4), 5, tf.nn.relu, **init), tf.layers.dense(feed_of(2, 3, 4), 5, **init)]
result += [tf.layers.conv1d(feed_of(2, 8, 3), 4, 3, padding=p, **init) for p in ('same', 'causal')]
result += [tf.layers.conv2d(feed_of(2, 8, 7, 3), 4, (3, 2), (2, 1), **init), tf.layers.conv2d(feed_of(2, 8, 7, 3), 4, 3, dilation_rate=2, padding='same', **init)]
result += [tf.layers.conv3d(feed_of(2, 5, 4, 3, 2), 4, 2, **init), tf.layers.conv2d_transpose(feed_of(2, 3, 4, 2), 3, 3, 2, **init)]
result += [tf.layers.conv2d_transpose(feed_of(2, 3, 4, 2), 3, 3, 2, 'same', **init), tf.layers.conv3d_transpose(feed_of(2, 3, 2, 3, 2), 3, 2, 2, **init)]
part = dict(depthwise_initializer=init['kernel_initializer'], pointwise_initializer=init['kernel_initializer'])
result += [tf.layers.separable_conv2d(feed_of(2, 6, 5, 3), 4, 3, depth_multiplier=2, activation=tf.tanh, **part)]
result += [tf.layers.separable_conv1d(feed_of(2, 8, 3), 4, 3, strides=2, **part)]
first = [tf.global_variables_initializer()]
""",
    "pools": _INPUTS
    + """
result = [f(feed_of(2, 7, 3), 3, 2, p) for f in (tf.layers.max_pooling1d, tf.layers.average_pooling1d) for p in ('same', 'valid')]
result += [f(feed_of(2, 7, 6, 3), (3, 2), 2, p) for f in (tf.layers.max_pooling2d, tf.layers.average_pooling2d) for p in ('same', 'valid')]
result += [f(feed_of(2, 4, 5, 3, 2), 2, 2, p) for f in (tf.layers.max_pooling3d, tf.layers.average_pooling3d) for p in ('same', 'valid')]
result += [tf.layers.flatten(feed_of(2, 3, 4)), tf.layers.dropout(feed_of(5, 6), 0.4, seed=3, training=True)]
t = tf.placeholder(tf.bool, []); feed[t] = True; result += [tf.layers.dropout(feed_of(5, 6), training=tf.logical_not(t))]
first = [tf.global_variables_initializer()]
""",
    "norms": _INPUTS
    + """
t = tf.placeholder(tf.bool, []); feed[t] = True; runs = 3
result = [tf.layers.batch_normalization(feed_of(6, 4), training=k, momentum=0.8) for k in (True, False, t, tf.logical_not(t))]
result += [tf.layers.batch_normalization(feed_of(4, 3, 5, 2), training=k, momentum=0.8) for k in (True, False, t, tf.logical_not(t))]
result += [tf.layers.batch_normalization(feed_of(4, 3, 5, 2), axis=a, training=True, epsilon=0.1) for a in (3, 2, [1, 3])]
result += [tf.layers.batch_normalization(tf.constant(data(4, 3)), training=True, virtual_batch_size=2)]
one = tf.layers.batch_normalization(feed_of(6, 4), training=True, renorm=True, renorm_clipping={'rmax': 1.5, 'rmin': .7, 'dmax': 1.}, momentum=0.7)
result += [one]
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    moving = [tf.identity(v) for v in tf.global_variables() if 'moving' in v.name or 'renorm' in v.name]
result = result + moving
first = [tf.global_variables_initializer()]
""",
}

FAILURES = {}
