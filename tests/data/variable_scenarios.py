"""Programs with variables, recorded like those of `graph_scenarios`."""

SCENARIOS = {
    "variable": """
v = tf.Variable([1.0, 2.0])
note(repr(v), v.name, v.dtype.name, v.shape.as_list(), v.op.name, v.op.type, v.trainable)
note(v.initializer.name, v.value().name, v.initial_value.name, v.read_value().name)
note(v.value() is v.value(), v.graph is tf.get_default_graph(), v.device, hash(v) == hash(v), v == v)
note(tf.convert_to_tensor(v).name, [op.name for op in v.initializer.inputs])
fails(lambda: tf.convert_to_tensor(v, tf.int32))
fails(lambda: iter(v))
fails(lambda: len(v))
fails(lambda: v.eval())
fails(lambda: v.load([1.0, 2.0]))
""",
    "variable_arguments": """
fails(lambda: tf.Variable(None))
fails(lambda: tf.Variable(1.0, collections='a'))
fails(lambda: tf.Variable(1.0, constraint=3))
fails(lambda: tf.Variable(tf.placeholder(tf.float32, name='p')))
note(tf.Variable(1, dtype=tf.float64).dtype.name, tf.Variable(lambda: [1.0, 2.0], name='f').name)
u = tf.Variable(tf.placeholder(tf.float32), validate_shape=False, name='u')
note(u.shape.ndims)
u.set_shape([3])
note(u.shape.as_list(), u.value().shape.as_list())
n = tf.Variable(3, trainable=False, name='n', collections=['mine'])
c = tf.Variable(3.0, collections=['mine'])
note(tf.global_variables(), tf.trainable_variables(), tf.get_collection('mine'))
note(tf.local_variables())
""",
    "assignments": """
v = tf.Variable([1.0, 2.0], name='v')
x = tf.constant([1.0, 2.0], name='x')
for t in (tf.assign(v, [1.0, 2.0]), v.assign(x), tf.assign_add(v, x), v.assign_sub(x, name='s')):
    note(t.name, t.dtype.name, t.shape.as_list(), t.op.colocation_groups())
note(v.assign(x, read_value=False).name)
note(tf.assign(tf.assign(v, x), x).name)
fails(lambda: tf.assign(v, [1.0, 2.0, 3.0]))
fails(lambda: tf.assign(v, 1.0))
fails(lambda: tf.assign(v, 'a'))
fails(lambda: tf.assign(v, tf.constant([1, 2])))
fails(lambda: tf.assign(x, [1.0, 2.0]))
fails(lambda: tf.assign_add(v, 3.0))
note(tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False).shape.as_list())
note(tf.is_variable_initialized(v).name)
""",
    "initial_value_of_another": """
v = tf.Variable(1.0, name='v')
m = tf.add(v, 2.0)
w = tf.Variable(m, name='w')
note(tf.get_default_graph()._last_id, w.initial_value.name, w.shape.as_list())
note(w.initializer.inputs[1].name)
""",
    "initialized_value": """
v = tf.Variable(1.0, name='v')
t = v.initialized_value()
note(t.name, t.dtype.name, tf.get_default_graph()._last_id)
w = tf.Variable(t, name='w')
note(tf.get_default_graph()._last_id)
""",
    "initializers_of_all": """
a = tf.Variable(1.0, name='a')
b = tf.get_variable('b', initializer=2.0)
l = tf.get_local_variable('l', initializer=3.0)
note(tf.global_variables_initializer().name, tf.local_variables_initializer().name)
note(tf.initialize_all_variables().name, tf.variables_initializer([a]).name)
note(tf.variables_initializer([]).name, tf.initialize_local_variables().name)
note([op.name for op in tf.global_variables_initializer().control_inputs])
note(l.trainable, tf.local_variables(), tf.global_variables(), tf.all_variables())
""",
    "scopes_twice": """
for _ in range(2):
    with tf.variable_scope('a', reuse=tf.AUTO_REUSE) as scope:
        v = tf.get_variable('v', [2], initializer=tf.zeros_initializer())
        c = tf.constant(1.0)
        note(v.name, c.name, scope.name, scope.original_name_scope)
        with tf.variable_scope('b'):
            note(tf.get_variable('v', [], initializer=tf.zeros_initializer()).name)
            note(tf.constant(1.0).name)
with tf.variable_scope(scope):
    note(tf.get_variable('v', [2]).name, tf.constant(1.0).name, tf.get_variable_scope().name)
with tf.variable_scope(scope, reuse=True) as again:
    with tf.name_scope(again.original_name_scope):
        note(tf.constant(1.0).name)
with tf.variable_scope('a', auxiliary_name_scope=False):
    note(tf.constant(1.0).name)
""",
    "scope_default_name": """
for _ in range(3):
    with tf.variable_scope(None, 'd') as scope:
        note(scope.name, tf.get_variable('v', initializer=1.0).name, tf.constant(1.0).name)
with tf.variable_scope('outer'):
    with tf.variable_scope(None, default_name='d') as scope:
        note(scope.name)
    with tf.variable_scope(None, default_name='d') as scope:
        note(scope.name)
with tf.variable_scope('d'):
    pass
with tf.variable_scope(None, 'd') as scope:
    note(scope.name)
fails(lambda: tf.variable_scope(None))
fails(lambda: tf.variable_scope(None, 'd', reuse=True).__enter__())
fails(lambda: tf.variable_scope('a', reuse=3))
fails(lambda: tf.variable_scope(3).__enter__())
fails(lambda: tf.variable_scope('a', auxiliary_name_scope=1))
""",
    "reuse": """
with tf.variable_scope('s'):
    w = tf.get_variable('w', [2, 3], initializer=tf.zeros_initializer())
    fails(lambda: tf.get_variable('w', [2, 3]))
with tf.variable_scope('s', reuse=True) as scope:
    note(tf.get_variable('w') is w, tf.get_variable('w', [2, 3]) is w, scope.reuse)
    fails(lambda: tf.get_variable('w', [3, 3]))
    fails(lambda: tf.get_variable('w', [2, 3], tf.int32))
    fails(lambda: tf.get_variable('nope', [2]))
    with tf.variable_scope('t') as inner:
        note(inner.reuse)
    with tf.variable_scope('t', reuse=False) as inner:
        note(inner.reuse)
with tf.variable_scope('s', reuse=tf.AUTO_REUSE):
    note(tf.get_variable('w', [2, 3]) is w)
    note(tf.get_variable('n', initializer=1.0).name)
with tf.variable_scope('s') as scope:
    scope.reuse_variables()
    note(tf.get_variable('w') is w)
note(tf.get_variable_scope().reuse, repr(tf.get_variable_scope().name))
""",
    "get_variable_errors": """
fails(lambda: tf.get_variable('a'))
fails(lambda: tf.get_variable('a', [None, 2]))
fails(lambda: tf.get_variable('a', [2], initializer=1.0))
fails(lambda: tf.get_variable('a', dtype=tf.float64, initializer=1.0))
fails(lambda: tf.get_variable('a', [2], tf.complex64))
fails(lambda: tf.get_variable('a', [2], custom_getter=3))
fails(lambda: tf.get_variable('a', [2], partitioner=3))
note(tf.get_variable('b', initializer=tf.constant([1, 2])).dtype.name)
note(tf.get_variable('c', initializer=lambda: tf.constant([1, 2])).shape.as_list())
note(tf.get_variable('i', [2], tf.int32).initial_value.name)
note(tf.get_variable('o', [2], initializer=tf.ones_initializer).initial_value.name)
note(tf.get_variable('z', [40, 50], initializer=tf.zeros_initializer()).initial_value.op.type)
note(tf.get_variable('k', [3], initializer=tf.constant_initializer([1, 2, 3])).dtype.name)
note(tf.get_variable('t', [2], initializer=tf.zeros_initializer(), trainable=False).trainable)
""",
    "scope_defaults": """
def getter(getter, name, *args, **kwargs):
    note('getter', name, sorted(kwargs))
    return getter(name + '_got', *args, **kwargs)
with tf.variable_scope('s', initializer=tf.zeros_initializer(), dtype=tf.float64,
                       regularizer=lambda v: tf.identity(v), custom_getter=getter) as scope:
    v = tf.get_variable('v', [2])
    note(v.name, v.dtype.name)
    with tf.variable_scope('t', regularizer=tf.no_regularizer, custom_getter=getter):
        note(tf.get_variable('v', [2]).name)
note(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
note(scope.trainable_variables(), scope.global_variables(), scope.local_variables())
note(scope.dtype.name, scope.use_resource, scope.caching_device)
""",
    "glorot": """
tf.set_random_seed(1)
tf.get_variable('w', [3, 4])
tf.get_variable('n', [3, 4], initializer=tf.random_normal_initializer(stddev=0.1))
tf.get_variable('t', [3, 4], initializer=tf.truncated_normal_initializer())
note(tf.get_default_graph()._last_id)
""",
    "partitions": """
v = tf.get_variable('p', [5, 2], partitioner=tf.fixed_size_partitioner(2),
                    initializer=tf.zeros_initializer())
note([(q.name, q.shape.as_list(), q._save_slice_info.spec) for q in v], v.name, len(v))
note(tf.convert_to_tensor(v).name, tf.trainable_variables())
fails(lambda: tf.get_variable('p', [5, 2], partitioner=tf.fixed_size_partitioner(2)))
fails(lambda: tf.get_variable('p', [5, 2]))
with tf.variable_scope('', reuse=True):
    note(tf.get_variable('p', [5, 2], partitioner=tf.fixed_size_partitioner(2)) is v)
    fails(lambda: tf.get_variable('p', [5, 2], partitioner=tf.fixed_size_partitioner(3)))
    fails(lambda: tf.get_variable('q', [5, 2], partitioner=tf.fixed_size_partitioner(3)))
for shape, make in [([10, 4], tf.min_max_variable_partitioner(3, min_slice_size=16)),
                    ([10, 4], tf.variable_axis_size_partitioner(32)),
                    ([3, 7], tf.fixed_size_partitioner(9, axis=1))]:
    note(make(shape=tf.TensorShape(shape), dtype=tf.float32))
fails(lambda: tf.get_variable('r', [4, 4], partitioner=lambda shape, dtype: [2, 2]))
fails(lambda: tf.get_variable('r', [4, 4], partitioner=lambda shape, dtype: [2]))
fails(lambda: tf.get_variable('r', [4, 4], partitioner=lambda shape, dtype: [0, 1]))
ones = np.ones((4, 2), np.float32)
c = tf.get_variable('c', [4, 2], partitioner=tf.fixed_size_partitioner(2), initializer=ones)
note([q.shape.as_list() for q in c])
""",
    "initializer_configs": """
for i in [tf.zeros_initializer(), tf.ones_initializer(tf.int32), tf.constant_initializer(3),
          tf.random_uniform_initializer(-1, 1), tf.random_normal_initializer(seed=3),
          tf.truncated_normal_initializer(stddev=2.0), tf.uniform_unit_scaling_initializer(),
          tf.variance_scaling_initializer(2.0, 'fan_avg', 'uniform'),
          tf.glorot_uniform_initializer(4), tf.glorot_normal_initializer()]:
    config = i.get_config()
    again = type(i).from_config(config).get_config()
    note(type(i).__name__, sorted(config.items()), again == config)
fails(lambda: tf.variance_scaling_initializer(-1.0))
fails(lambda: tf.variance_scaling_initializer(mode='x'))
fails(lambda: tf.variance_scaling_initializer(distribution='x'))
fails(lambda: tf.random_normal_initializer(dtype=tf.int32))
fails(lambda: tf.constant_initializer(tf.constant(1)))
""",
    "uninitialized": """
v = tf.Variable([1.0], name='v')
note(tf.report_uninitialized_variables().dtype.name, tf.get_default_graph()._last_id)
""",
    "creators": """
def creator(next_creator, **kwargs):
    note('creator', kwargs['name'], sorted(kwargs)[:4])
    kwargs['name'] = 'renamed'
    return next_creator(**kwargs)
with tf.variable_creator_scope(creator):
    note(tf.Variable(1.0, name='v').name)
note(tf.Variable(1.0, name='v').name)
""",
}
