"""Small programs, one per name, whose graphs and errors were recorded from TensorFlow 1.15.5.

Each runs in a fresh default graph with `tf`, `np` and `note`, which keeps what a program wants
compared beside the graph. `fails(f)` notes the class and the text of the error that `f` raises.
"""

SCENARIOS = {
    "names": """
x = tf.constant(1.0)
y = tf.constant(2.0, name='x')
z = tf.constant(3.0, name='X')
w = tf.constant(3.0, name='x_1')
v = tf.constant(3.0, name='x')
tf.add(x, y); tf.add(x, y); tf.add(x, 1.0, name='Add')
note(v.name, v.op.name, x.op.type)
""",
    "unique_name": """
g = tf.get_default_graph()
note(g.unique_name('a'), g.unique_name('a'), g.unique_name('A'), g.unique_name('a_1'))
note(g.unique_name('b', mark_as_used=False), g.unique_name('b', mark_as_used=False))
with g.name_scope('s'):
    note(g.unique_name('a'), g.unique_name('a'), g.unique_name('s'))
""",
    "name_scopes": """
g = tf.get_default_graph()
with tf.name_scope('a') as a:
    note(a, g.get_name_scope())
    tf.constant(1)
    with tf.name_scope('b') as b:
        note(b)
        tf.constant(1, name='c')
        with tf.name_scope(a):
            tf.constant(1)
        with tf.name_scope(None) as top:
            note(top)
            tf.constant(1)
        with tf.name_scope(''):
            tf.constant(1)
with tf.name_scope('a') as a2:
    note(a2)
    tf.constant(1)
with tf.name_scope('A'):
    tf.constant(1)
with g.name_scope('a/'):
    tf.constant(1, name='last')
with tf.name_scope('new/'):
    tf.constant(1)
tf.constant(1, name='new')
with tf.name_scope(None, 'default', [tf.constant(1)]) as d:
    note(d)
with tf.name_scope('x.y-z/w') as odd:
    note(odd)
""",
    "name_scope_errors": """
fails(lambda: tf.name_scope('_a').__enter__())
fails(lambda: tf.name_scope('a b').__enter__())
with tf.name_scope('s'):
    with tf.name_scope('_a') as inner:
        note(inner)
    fails(lambda: tf.name_scope('a b').__enter__())
fails(lambda: tf.name_scope(None, None, [tf.constant(1)]).__enter__())
fails(lambda: tf.name_scope('a', [tf.constant(1)]))
""",
    "invalid_names": """
fails(lambda: tf.constant(1, name='a b'))
fails(lambda: tf.constant(1, name=''))
fails(lambda: tf.constant(1, name='_a'))
with tf.name_scope('s'):
    tf.constant(1, name='_a')
tf.constant(1, name='exact/')
fails(lambda: tf.constant(1, name='exact/'))
""",
    "graph_elements": """
g = tf.get_default_graph()
x = tf.constant(1.0, name='x')
note(g.as_graph_element('x').name, g.as_graph_element('x:0').name, g.as_graph_element(b'x').name)
note(g.get_tensor_by_name('x:0') is x, g.get_operation_by_name('x') is x.op)
for name in ['y', 'y:0', 'x:1', 'x:y', 'x:0:0', ':', 'x:']:
    fails(lambda: g.as_graph_element(name))
    fails(lambda: g.get_tensor_by_name(name))
    fails(lambda: g.get_operation_by_name(name))
for bad in [3, None, [x]]:
    fails(lambda: g.as_graph_element(bad))
    fails(lambda: g.get_tensor_by_name(bad))
fails(lambda: g.as_graph_element(x, allow_tensor=False))
fails(lambda: g.as_graph_element(x.op, allow_operation=False))
fails(lambda: g.as_graph_element(x, allow_tensor=False, allow_operation=False))
other = tf.Graph()
fails(lambda: other.as_graph_element(x))
""",
    "tensor_errors": """
x = tf.placeholder(tf.float32, [2, None], name='x')
fails(lambda: bool(x))
fails(lambda: [row for row in x])
fails(lambda: len(x))
fails(lambda: np.array(x))
fails(lambda: x.set_shape([3, 2]))
fails(lambda: x.set_shape([2]))
fails(lambda: x.eval())
fails(lambda: x.op.run())
fails(lambda: x.op.get_attr('nothing'))
x.set_shape([None, 3])
note(str(x), repr(x), str(x.shape), x.get_shape().as_list(), repr(x.op))
note(x == x, x is x, hash(x) == hash(x), x != tf.constant(1))
note(str(tf.placeholder(tf.int32)), repr(tf.placeholder(tf.int32)))
note(x.consumers() == [], x.value_index, x.device)
tf.identity(x)
tf.add(x, x)
note([op.name for op in x.consumers()])
""",
    "constants": """
for value in [1, 1.5, True, 'a', b'a', 1j, [1, 2], [1, 2.5], (1, 2), [True, 2], 2**40, 2**63, [],
              [[]], np.float64(3), [np.float64(3)], np.arange(3), np.array(['a', 'b']), [[1], [2]],
              np.float32(1), np.uint16(3), [np.float32(1), 2], np.zeros((0, 3)), u'\\u00e9',
              [np.array(3.0), 2], bytearray(b'abc')]:
    c = tf.constant(value)
    note(c.dtype.name, c.shape.as_list())
""",
    "constant_types": """
for value, dtype in [(1, tf.float32), (True, tf.float32), (1, tf.complex64), (300, tf.uint8),
                     (-1, tf.uint8), (2**40, tf.int32), (float('inf'), tf.float16), (1, 'float64'),
                     (np.array([2.7]), tf.int32), ([], tf.int32), ([tf.Dimension(3)], tf.int32),
                     ('a', tf.string), (1.5, np.float64), (1, float), (True, bool)]:
    c = tf.constant(value, dtype)
    note(c.dtype.name, c.shape.as_list())
""",
    "constant_shapes": """
for value, shape in [(3, [2, 2]), ([1, 2], [2, 3]), ([1, 2, 3], [3, 1]), ([], [0, 3]), ([], [2]),
                     (5, [0]), (7, tf.TensorShape([2])), (1, []), ([1], [])]:
    c = tf.constant(value, shape=shape)
    note(c.dtype.name, c.shape.as_list())
fails(lambda: tf.constant([1, 2, 3], shape=[2]))
fails(lambda: tf.constant([1, 2], shape=[3], verify_shape=True))
fails(lambda: tf.constant(7, shape=3))
fails(lambda: tf.constant(7, shape=[-1]))
""",
    "constant_errors": """
x = tf.placeholder(tf.float32, [2], name='x')
for value in [None, [1, None], {}, {'a': 1}, {1}, [1, 'a'], [[1, 2], [3]], x, [x], [2**70],
              range(3), [np.array([1, 2]), np.array([3, 4])], [tf.Dimension(2), 3],
              np.array([1, 'a', None], object)]:
    fails(lambda: tf.constant(value))
for value, dtype in [(1.5, tf.int32), ('a', tf.int32), (1, tf.bool), (1j, tf.float32),
                     (1.5, tf.string), ([np.bool_(True)], tf.bool), (np.nan, tf.int32),
                     ([1, 2.5, True], tf.bool), (2**70, tf.int32), (1, 'bogus'),
                     ([np.array([1, 2])], tf.int32), ([x], tf.float32)]:
    fails(lambda: tf.constant(value, dtype))
""",
    "conversion": """
x = tf.placeholder(tf.float32, [2], name='x')
note(tf.convert_to_tensor(x) is x)
fails(lambda: tf.convert_to_tensor(x, tf.int32))
fails(lambda: tf.convert_to_tensor(x.op))
fails(lambda: tf.convert_to_tensor(tf.TensorShape([2, None])))
fails(lambda: tf.convert_to_tensor(tf.TensorShape(None)))
fails(lambda: tf.convert_to_tensor(tf.TensorShape([2]), tf.float32))
fails(lambda: tf.convert_to_tensor(tf.Dimension(None)))
for value in [tf.TensorShape([2, 3]), tf.Dimension(3), (1, 2.5), np.arange(3), 2.5]:
    t = tf.convert_to_tensor(value)
    note(t.name, t.dtype.name)
note(tf.convert_to_tensor(3, preferred_dtype=tf.float64).dtype.name)
note(tf.convert_to_tensor('a', preferred_dtype=tf.float64).dtype.name)
note(tf.convert_to_tensor(2.5, preferred_dtype=tf.int32).dtype.name)
note(tf.convert_to_tensor(3, tf.int64, 'named').name)
note(tf.convert_to_tensor(tf.TensorShape([2**31])).dtype.name)
fails(lambda: tf.register_tensor_conversion_function(int, lambda *a, **k: None))
fails(lambda: tf.register_tensor_conversion_function('int', lambda *a, **k: None))
""",
    "autopacking": """
x = tf.placeholder(tf.float32, [], name='x')
v = tf.placeholder(tf.float32, [2], name='v')
note(tf.convert_to_tensor([x, 1]).name)
note(tf.convert_to_tensor([[x, 1], [2, x]]).name)
note(tf.convert_to_tensor([v, [1, 2]]).shape.as_list())
note(tf.convert_to_tensor([v, np.zeros(2)]).name)
note(tf.convert_to_tensor([[1, 2], v], name='n').name)
note(tf.convert_to_tensor((x, x)).name)
fails(lambda: tf.convert_to_tensor([x, tf.constant(1)]))
note(tf.convert_to_tensor([x, 2], tf.float64).dtype.name)
fails(lambda: tf.convert_to_tensor([x, 'a']))
""",
    "op_inputs": """
x = tf.placeholder(tf.float32, [2], name='x')
i = tf.placeholder(tf.int32, [2], name='i')
tf.add(x, 1)
tf.add(1, 2)
fails(lambda: tf.add(1, 2.5))
fails(lambda: tf.add(1, x))
fails(lambda: tf.add(x, i))
fails(lambda: tf.add(x, 'a'))
fails(lambda: tf.add(x, None))
fails(lambda: tf.add(x, [1, 2, 3]))
tf.add(x, np.ones(2), name='named')
fails(lambda: tf.check_numerics(i, 'm'))
fails(lambda: tf.Print(x, x))
with tf.Graph().as_default() as other:
    note(tf.add(x, 1).graph is x.graph, len(other.get_operations()))
    fails(lambda: tf.add(x, tf.constant(1.0)))
""",
    "placeholders": """
note(tf.placeholder(tf.float32).shape.ndims, tf.placeholder('float', 3).shape.as_list())
note(tf.placeholder(float, [None, 2]).dtype.name, tf.placeholder(np.int64, ()).shape.as_list())
fails(lambda: tf.placeholder(tf.float32, 'a'))
fails(lambda: tf.placeholder(3.5))
fails(lambda: tf.placeholder(tf.float32, [2.5]))
fails(lambda: tf.placeholder('float', -1))
d = tf.placeholder_with_default([1.0, 2], [None])
note(d.shape.as_list(), d.name)
fails(lambda: tf.placeholder_with_default([1.0, 2], [3]))
fails(lambda: tf.placeholder_with_default([1.0, 2], [2, 1]))
""",
    "control_dependencies": """
a, b, c = (tf.constant(1.0, name=n) for n in 'abc')
def inputs(t):
    note(t.op.name, [op.name for op in t.op.control_inputs])
with tf.control_dependencies([a, b]):
    d = tf.constant(1.0, name='d')
    inputs(d)
    inputs(tf.identity(a))
    inputs(tf.identity(d))
    with tf.control_dependencies([c, a.op]):
        e = tf.identity(d)
        inputs(e)
        inputs(tf.constant(2.0))
        inputs(tf.identity(e))
        with tf.control_dependencies(None):
            inputs(tf.constant(2.0))
            with tf.control_dependencies([d]):
                inputs(tf.constant(2.0))
        inputs(tf.constant(2.0))
    with tf.control_dependencies(['a', 'c:0']):
        inputs(tf.constant(2.0))
with tf.control_dependencies([]):
    inputs(tf.constant(2.0))
fails(lambda: tf.control_dependencies([3]))
fails(lambda: tf.control_dependencies(['nope']))
fails(lambda: tf.control_dependencies(3))
note(tf.group(a, b).outputs)
note(sorted(op.name for op in tf.group(a, [b, c.op], name='g').control_inputs))
""",
    "devices": """
g = tf.get_default_graph()
def where(text):
    note(tf.constant(1.0).op.device)
with tf.device('/gpu:0'):
    where('')
    with tf.device('/cpu:0'):
        where('')
    with tf.device('/job:worker/task:3'):
        where('')
        with tf.device('/task:1'):
            where('')
    with tf.device(None):
        where('')
        with tf.device('/cpu:0'):
            where('')
    with tf.device(''):
        where('')
with tf.device(lambda op: '/device:GPU:1'):
    where('')
    with tf.device('/cpu:1'):
        where('')
with tf.device('/job:ps/replica:1/task:2/device:GPU:*'):
    where('')
with tf.device('gpu:1'):
    where('')
fails(lambda: tf.device('/foo:0').__enter__())
fails(lambda: tf.device('/gpu:0/cpu:0').__enter__())
s = tf.DeviceSpec(job='w', task=1, device_type='gpu', device_index=2)
note(s.to_string())
with tf.device(s):
    where('')
""",
    "colocation": """
with tf.device('/gpu:0'):
    a = tf.constant(1.0, name='a')
with tf.colocate_with(a):
    b = tf.constant(1.0, name='b')
    with tf.device('/cpu:0'):
        c = tf.constant(1.0, name='c')
    with tf.colocate_with(b):
        d = tf.constant(1.0, name='d')
    with tf.colocate_with(tf.constant(1.0, name='e'), ignore_existing=True):
        f = tf.constant(1.0, name='f')
    with tf.colocate_with(None, True):
        h = tf.constant(1.0, name='h')
for t in (a, b, c, d, f, h):
    note(t.op.name, t.op.device, t.op.colocation_groups())
fails(lambda: tf.colocate_with(None).__enter__())
""",
    "collections": """
g = tf.get_default_graph()
class Named(object):
    def __init__(self, name):
        self.name = name
    def __repr__(self):
        return self.name
a, b = Named('a/x'), Named('b/x')
tf.add_to_collection('k', a)
tf.add_to_collection('k', b)
tf.add_to_collection('k', 3)
tf.add_to_collections(['k', 'l', 'l'], a)
tf.add_to_collections('m', a)
note(tf.get_collection('k'), tf.get_collection('k', 'a'), tf.get_collection('k', 'x'))
note(tf.get_collection('l'))
note(tf.get_collection('none'), tf.get_collection_ref('none'), sorted(g.get_all_collection_keys()))
tf.get_collection('k').append(1)
tf.get_collection_ref('k').append(2)
note(tf.get_collection('k'))
g.clear_collection('k')
note(tf.get_collection('k'))
note(sorted(k for k in vars(tf.GraphKeys) if k.isupper()))
""",
    "finalized": """
g = tf.get_default_graph()
x = tf.constant(1.0)
g.finalize()
note(g.finalized)
fails(lambda: tf.constant(1.0))
fails(lambda: tf.add_to_collection('a', 1))
note(len(g.get_operations()), g.version)
""",
    "default_graphs": """
g = tf.get_default_graph()
h = tf.Graph()
with h.as_default() as entered:
    note(entered is h, tf.get_default_graph() is h)
    x = tf.constant(1.0)
    with g.as_default():
        note(tf.get_default_graph() is g)
note(x.graph is h, tf.get_default_graph() is g)
fails(tf.reset_default_graph)
note(g.building_function, g.version, h.version, g.seed)
""",
    "feeding": """
g = tf.get_default_graph()
x = tf.constant(1.0)
y = tf.constant(1.0)
note(g.is_feedable(x), g.is_fetchable(x), g.is_fetchable(x.op))
g.prevent_feeding(x)
g.prevent_fetching(x.op)
note(g.is_feedable(x), g.is_fetchable(x), g.is_fetchable(x.op), g.is_feedable(y), g.is_fetchable(y))
""",
    "seeds": """
note(get_seed(None), get_seed(5), get_seed(2**31))
tf.constant(1)
tf.set_random_seed(7)
note(get_seed(None), get_seed(5), tf.get_default_graph().seed)
tf.add(1.0, 2.0)
note(get_seed(None), get_seed(0))
tf.set_random_seed(0)
note(get_seed(0), get_seed(2**31 - 1))
""",
    "grouping": """
x, y = tf.constant(1.0, name='x'), tf.constant(2, name='y')
note(tf.group(x, y).name, tf.group().name, tf.no_op().name, tf.group(x, name='n').name)
note([t.name for t in tf.tuple([x, y])])
note([t if t is None else t.name for t in tf.tuple([x, None], name='t', control_inputs=[y.op])])
fails(lambda: tf.tuple([None]))
fails(lambda: tf.tuple([x], control_inputs=[3]))
fails(lambda: tf.group(3))
with tf.device('/gpu:0'):
    z = tf.constant(1.0, name='z')
g = tf.group(x, z, name='two')
note(g.device, [(op.name, op.device) for op in g.control_inputs])
""",
    "identities": """
x, y = tf.constant([1.0, 2], name='x'), tf.constant(2, name='y')
note(tf.identity(x).name, tf.identity(3.0).name, tf.stop_gradient(x).name)
note([t.dtype.name for t in tf.identity_n([x, y])])
fails(lambda: tf.identity_n([]))
note(tf.check_numerics(x, 'm').name, tf.Print(x, [x, y, 3], 'm').shape.as_list())
""",
    "assertions": """
ok = tf.constant(True)
tf.Assert(ok, [tf.constant(1), 'text'])
note(tf.get_default_graph()._last_id)
tf.constant(0)
""",
    "assertion_seeds": """
tf.Assert(tf.constant(True), [tf.constant(1.0)])
note(tf.get_default_graph()._last_id)
tf.Assert(tf.constant(True), [tf.constant(1.0), tf.constant(2), 'a'])
note(tf.get_default_graph()._last_id)
""",
    "py_func": """
x = tf.constant(1.0)
one = tf.py_func(lambda a: a, [x], tf.float32)
many = tf.py_func(lambda a: (a, 1), [x, 3], [tf.float32, tf.int64], stateful=False, name='f')
note(one.name, one.shape.ndims, [t.name for t in many], many[0].op.type)
fails(lambda: tf.py_func(3, [x], tf.float32))
""",
    "printing": """
x = tf.constant([1.0, 2])
note(tf.print('a', x, {'k': x}).name, tf.print(tf.constant('s')).name, tf.print(x, name='p').name)
fails(lambda: tf.print(x, output_stream='nowhere'))
""",
}
