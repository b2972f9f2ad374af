"""Small programs of optimizers, decays and `tf.contrib`, recorded from TensorFlow 1.15.5."""

SETUP = """
L = tf.contrib.layers
def x(*sizes): return tf.placeholder(tf.float32, sizes, name='x')
b = tf.placeholder(tf.bool, [], name='b')
def variables(): note([(v.name, v.shape.as_list(), v.dtype.name) for v in tf.global_variables()], [v.name for v in tf.trainable_variables()])
def keys(*names): note(*[[v.name for v in tf.get_collection(k)] for k in names])
"""

SCENARIOS = {
    "connected": """
one = L.fully_connected(x(None, 4), 5); two = L.fully_connected(one, 3, activation_fn=None, biases_initializer=None, scope='out', outputs_collections='o')
three = L.fully_connected(one, 3, None, scope='out', reuse=True, biases_initializer=None)
four = L.fully_connected(one, 3, normalizer_fn=L.batch_norm, normalizer_params={'is_training': b}, weights_regularizer=L.l2_regularizer(0.1))
five = L.linear(one, 2, scope='lin', variables_collections={'weights': ['ws']}); six = L.relu(one, 2)
note(one, two, three, four.shape, five, six); variables(); keys('regularization_losses', 'update_ops', 'model_variables', 'ws', 'o')
fails(lambda: L.fully_connected(one, 3.5)); fails(lambda: L.l2_regularizer(1)); fails(lambda: L.l1_regularizer(-1.))
""",
    "convolved": """
note(L.conv2d(x(None, 8, 8, 3), 4, 3), L.conv2d(x(None, 8, 8, 3), 4, [3, 2], 2, 'VALID', activation_fn=None, scope='c'), L.convolution2d(x(None, 8, 8, 3), 4, 3, rate=2))
note(L.separable_conv2d(x(None, 8, 8, 3), 4, 3, 2), L.separable_conv2d(x(None, 8, 8, 3), None, 3), L.conv2d_transpose(x(None, 8, 8, 3), 4, 3, 2))
note(L.max_pool2d(x(None, 8, 8, 3), 2), L.avg_pool2d(x(None, 8, 8, 3), [3, 3], 1, 'SAME', scope='p'), L.flatten(x(None, 8, 8, 3)), L.dropout(x(2, 3), is_training=b).shape)
note(L.one_hot_encoding([1, 2], 4), L.layer_norm(x(None, 3, 5)), L.unit_norm(x(2, 3), 1).shape, L.softmax(x(2, 3)).shape)
note(L.stack(x(None, 4), L.fully_connected, [5, 6, 7]), L.repeat(x(None, 8, 8, 3), 2, L.conv2d, 4, 3, scope='r')); variables()
""",
    "scopes": """
slim = tf.contrib.slim
with slim.arg_scope([slim.conv2d, slim.fully_connected], weights_initializer=tf.truncated_normal_initializer(0, 0.01), weights_regularizer=slim.l2_regularizer(0.5)):
    with slim.arg_scope([slim.conv2d], stride=2, padding='VALID') as sc:
        one = slim.conv2d(x(None, 9, 9, 3), 4, [3, 3], scope='one')
    with slim.arg_scope(sc):
        two = slim.conv2d(one, 4, 2, stride=1)
    three = slim.fully_connected(slim.flatten(two), 2)
note(one, two, three); variables(); keys('regularization_losses')
note([v.name for v in slim.get_variables('one')], [v.name for v in slim.get_model_variables()], [v.name for v in slim.get_variables_by_name('weights')], [v.name for v in slim.get_variables_to_restore(exclude=['one'])])
fails(lambda: slim.arg_scope([len], a=1).__enter__()); fails(lambda: slim.arg_scope(sc, a=1).__enter__())
note(slim.get_or_create_global_step().name, len(slim.losses.get_losses()))
""",
    "norms": """
L.batch_norm(x(None, 4)); L.batch_norm(x(None, 8, 8, 4), center=False, scale=True); L.batch_norm(x(None, 8, 8, 4), is_training=b, updates_collections=None)
L.batch_norm(x(None, 4), is_training=False, scope='bn'); L.batch_norm(x(None, 3, 4)); L.batch_norm(x(None, 4), zero_debias_moving_mean=True)
variables(); keys('update_ops'); note(len(tf.get_collection('model_variables')))
""",
    "optimized": """
w = tf.get_variable('w', [3]); loss = tf.reduce_sum(w * w); step = tf.train.get_or_create_global_step()
t = L.optimize_loss(loss, step, 0.1, 'SGD', clip_gradients=1.0, learning_rate_decay_fn=lambda r, s: tf.train.exponential_decay(r, s, 10, .5)); note(t.shape)
variables(); keys('summaries')
fails(lambda: L.optimize_loss(loss, step, 0.1, 'Best')); fails(lambda: L.optimize_loss(loss, step, 1, 'SGD')); fails(lambda: L.optimize_loss(loss, step, 0.1, 'SGD', summaries=['x']))
""",
    "averages": """
v = tf.get_variable('v', [2]); w = tf.get_variable('w', [3]); step = tf.train.get_or_create_global_step()
e = tf.train.ExponentialMovingAverage(0.9, step); op = e.apply(); note(op.name, e.average(v).name, e.average_name(w), e.average(step), e.average_name(step))
f = tf.train.ExponentialMovingAverage(0.9, name='F', zero_debias=True); note(f.apply([v, tf.reduce_sum(w)]).name, sorted(f.variables_to_restore()), sorted(e.variables_to_restore()))
variables(); keys('moving_average_variables')
fails(lambda: e.apply([step]))
""",
    "slots": """
w = tf.get_variable('w', [3]); loss = tf.reduce_sum(w * w); step = tf.train.get_or_create_global_step()
T = tf.train; made = [T.AdagradOptimizer(.1), T.AdadeltaOptimizer(.1), T.AdagradDAOptimizer(.1, step), T.FtrlOptimizer(.1), T.ProximalAdagradOptimizer(.1), T.ProximalGradientDescentOptimizer(.1)]
for o in made: note(o.minimize(loss).name, o.get_slot_names(), [v.name for v in o.variables()])
variables(); fails(lambda: T.AdagradOptimizer(.1, 0.)); fails(lambda: T.FtrlOptimizer(.1, 1.))
note(T.exponential_decay(.1, step, 10, .5).name, T.piecewise_constant(step, [1, 2], [.1, .2, .3]).shape)
fails(lambda: T.piecewise_constant(step, [1, 2], [.1, .2]))
""",
}
# Names inside differ, where TensorFlow takes another way to the same values.
NOTES_ONLY = tuple(SCENARIOS)

_TRAIN = """
def trained(make, sparse):
    w = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2) / 4 - .7)
    rows = tf.gather(w, [0, 2, 0]) if sparse else w
    loss = tf.reduce_sum(tf.square(rows + .3) * rows)
    o = make(); update = o.minimize(loss)
    with tf.control_dependencies([update]):
        return [tf.convert_to_tensor(v) + 0 for v in [w] + [o.get_slot(w, n) for n in o.get_slot_names()]]
step = tf.train.get_or_create_global_step(); runs = 3; result = []
"""

VALUES = {
    "optimizers": _TRAIN
    + """
T = tf.train
makes = [lambda: T.AdagradOptimizer(.3), lambda: T.AdadeltaOptimizer(.5, .9, .01), lambda: T.AdagradDAOptimizer(.3, step, .1, .05, .02),
    lambda: T.FtrlOptimizer(.3), lambda: T.FtrlOptimizer(.3, -.3, .2, .1, .2), lambda: T.FtrlOptimizer(.3, l1_regularization_strength=.1, l2_shrinkage_regularization_strength=.1),
    lambda: T.ProximalGradientDescentOptimizer(.1, .2, .1), lambda: T.ProximalAdagradOptimizer(.3, .1, .1, .2), lambda: T.AdagradDAOptimizer(.3, step)]
for sparse in (False, True):
    for make in makes: result += trained(make, sparse)
first = [tf.global_variables_initializer()]
""",
    "contrib_optimizers": _TRAIN
    + """
O = tf.contrib.opt
makes = [lambda: O.NadamOptimizer(.05), lambda: O.LazyAdamOptimizer(.05), lambda: O.AdaMaxOptimizer(.05)]
for sparse in (False, True):
    for make in makes: result += trained(make, sparse)
first = [tf.global_variables_initializer()]
""",
    "decays": """
T = tf.train; s = tf.Variable(0, trainable=False); result = []
args = dict(global_step=s); f = lambda d, *a, **k: result.append(d(.1, s, *a, **k))
for stairs in (False, True):
    for d in (T.exponential_decay, T.natural_exp_decay, T.inverse_time_decay): f(d, 3, .7, stairs)
for c in (False, True): f(T.polynomial_decay, 3, .01, 2., c)
f(T.cosine_decay, 4, .1); f(T.cosine_decay_restarts, 3, 2., .5); f(T.cosine_decay_restarts, 3, 1., .5, .1); f(T.linear_cosine_decay, 4, 2., .1)
result.append(T.piecewise_constant(s, [1, 3], [1., 2., 3.])); first = [s.initializer]; runs = 1
result = [tf.stack(result)]; first = [tf.global_variables_initializer(), s.assign_add(5)]
""",
    "averages": """
v = tf.Variable([1., 2.]); w = tf.Variable(3.); n = tf.Variable(4, trainable=False); runs = 3
e = tf.train.ExponentialMovingAverage(0.9); f = tf.train.ExponentialMovingAverage(0.99, n, name='F'); g = tf.train.ExponentialMovingAverage(0.8, zero_debias=True, name='G')
t = tf.reduce_sum(v) * 2
with tf.control_dependencies([v.assign_add([1., -1.]), w.assign(w * 2)]): ups = [e.apply([v, w]), f.apply([v]), g.apply([t])]
with tf.control_dependencies(ups): result = [tf.convert_to_tensor(a) + 0 for a in (e.average(v), e.average(w), f.average(v), g.average(t))]
first = [tf.global_variables_initializer()]
""",
    "contrib": """
r = np.random.RandomState(0); feed = {}; L = tf.contrib.layers; runs = 2
def fed(*sizes): t = tf.placeholder(tf.float32, [None] + list(sizes[1:])); feed[t] = r.randn(*sizes).astype(np.float32); return t
i = dict(weights_initializer=tf.random_uniform_initializer(-1, 1, seed=3)); b = tf.placeholder(tf.bool, []); feed[b] = True
result = [L.fully_connected(fed(3, 4), 5, **i), L.conv2d(fed(2, 6, 6, 3), 4, 3, 2, **i), L.separable_conv2d(fed(2, 6, 6, 3), 4, 3, 2, **i), L.conv2d_transpose(fed(2, 3, 3, 2), 3, 3, 2, **i)]
result += [L.batch_norm(fed(5, 4), decay=.7, updates_collections=None), L.batch_norm(fed(5, 2, 2, 4), decay=.7, is_training=b, updates_collections=None, scale=True), L.batch_norm(fed(5, 4), decay=.7, is_training=tf.logical_not(b), updates_collections=None)]
result += [L.batch_norm(fed(5, 4), batch_weights=np.arange(1., 6.).astype('f'), updates_collections=None, decay=.7), L.batch_norm(fed(5, 4), zero_debias_moving_mean=True, updates_collections=None, decay=.7)]
result += [L.layer_norm(fed(3, 4, 5)), L.unit_norm(fed(3, 4), 1), L.one_hot_encoding([2, 0], 3), L.maxout(fed(3, 6), 2), L.avg_pool2d(fed(2, 5, 5, 1), 3), L.embed_sequence([[1, 0]], 3, 4, initializer=i['weights_initializer'])]
result += [L.instance_norm(fed(2, 3, 3, 4)), L.group_norm(fed(2, 3, 3, 4), 2), tf.add_n([L.l1_regularizer(.5)(result[0]), L.l2_regularizer(.5)(result[0]), L.l1_l2_regularizer(.5, .3)(result[0])])]
with tf.control_dependencies(result): result = result + [tf.convert_to_tensor(v) + 0 for v in sorted(tf.global_variables(), key=lambda v: v.name) if 'moving' in v.name]
first = [tf.global_variables_initializer()]
""",
    "keras": """
r = np.random.RandomState(0); feed = {}; K = tf.keras.layers
def fed(*sizes): t = tf.placeholder(tf.float32, [None] + list(sizes[1:])); feed[t] = r.randn(*sizes).astype(np.float32); return t
u = tf.random_uniform_initializer; init = dict(kernel_initializer=u(-1, 1, seed=3), recurrent_initializer=u(-1, 1, seed=4), bias_initializer=u(-1, 1, seed=5))
result = [k(4, **init)(fed(2, 5, 3)) for k in (K.SimpleRNN, K.LSTM, K.GRU)] + [k(4, return_sequences=True, go_backwards=True, **init)(fed(2, 5, 3)) for k in (K.SimpleRNN, K.LSTM, K.GRU)]
result += list(K.LSTM(4, return_state=True, unit_forget_bias=False, **init)(fed(2, 5, 3)))
result += [K.Dense(4, 'tanh', kernel_initializer=u(-1, 1, seed=3))(fed(2, 3)), K.Conv2D(4, 3, activation='relu', kernel_initializer=u(-1, 1, seed=3))(fed(2, 5, 5, 1)), K.Embedding(5, 3, embeddings_initializer=u(-1, 1, seed=3))(tf.constant([[1, 4]]))]
first = [tf.global_variables_initializer()]
""",
    "initializers": """
f = tf.contrib.layers.variance_scaling_initializer
result = [g([30, 20], tf.float32) for g in (f(seed=1), f(1., 'FAN_OUT', True, 2), tf.contrib.layers.xavier_initializer(seed=3), tf.contrib.layers.xavier_initializer(False, 4))]
result += [f(seed=5)([3, 3, 4, 5], tf.float32)]
""",
}

FAILURES = {}
