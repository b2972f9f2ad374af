"""Conditionals and loops, recorded like the programs of `graph_scenarios`.

A program's graph is compared by name and type, whatever the order of its operations.
"""

_NOTE = """
note(*sorted((op.name, [t.name for t in op.inputs]) for op in tf.get_default_graph().get_operations()))
"""

SCENARIOS = {
    "conditional": """
x = tf.placeholder(tf.float32, [3], name='x')
p = tf.placeholder(tf.bool, [], name='p')
y = tf.cond(p, lambda: x + 1.0, lambda: x)
z = tf.cond(p, lambda: tf.constant(1), lambda: tf.constant(2), name='named')
note(y.name, str(y.shape), z.name, z.dtype.name)
s = tf.cond(p, lambda: [x, x * 2.0], lambda: [x, x], strict=True)
note([t.name for t in s])
d = tf.cond(p, lambda: {'a': x, 'b': (x,)}, lambda: {'a': x * 2.0, 'b': (x,)})
note(sorted(d), d['b'][0].name)
u = tf.cond(p, lambda: tf.constant([1.0]), lambda: tf.constant([1.0, 2.0]))
note(str(u.shape))
"""
    + _NOTE,
    "conditional_assignments": """
p = tf.placeholder(tf.bool, [], name='p')
v = tf.Variable(1.0)
a = tf.cond(p, lambda: tf.assign(v, 2.0), lambda: v)
b = tf.cond(p, lambda: tf.no_op(), lambda: tf.group(tf.assign(v, 3.0)))
note(a.name, a.dtype.name, b.name, b.dtype.name)
"""
    + _NOTE,
    "nested_conditional": """
x = tf.placeholder(tf.float32, [3], name='x')
p = tf.placeholder(tf.bool, [], name='p')
q = tf.placeholder(tf.bool, [], name='q')
y = tf.cond(p, lambda: tf.cond(q, lambda: x * 2.0, lambda: -x), lambda: x)
note(y.name)
"""
    + _NOTE,
    "loop": """
x = tf.placeholder(tf.float32, [3], name='x')
i, s = tf.while_loop(lambda i, s: i < 10, lambda i, s: [i + 1, s * x], [tf.constant(0), x])
note(i.name, s.name, str(s.shape))
"""
    + _NOTE,
    "limited_loop": """
r = tf.while_loop(lambda i: i < 10, lambda i: i + 1, [0], maximum_iterations=5, name='limited')
note(r.name)
"""
    + _NOTE,
    "nested_loop": """
x = tf.placeholder(tf.float32, [2], name='x')
def body(i, s):
    inner = tf.while_loop(lambda j, t: j < 3, lambda j, t: (j + 1, t * x), [0, s])
    return i + 1, inner[1]
r = tf.while_loop(lambda i, s: i < 2, body, [0, x])
note([t.name for t in r])
"""
    + _NOTE,
    "loop_with_conditional": """
x = tf.placeholder(tf.float32, [2], name='x')
def body(i, s):
    return i + 1, tf.cond(i > 1, lambda: s + x, lambda: s)
r = tf.while_loop(lambda i, s: i < 4, body, [0, x])
note([t.name for t in r])
"""
    + _NOTE,
    "invariants": """
i, a = tf.constant(0), tf.constant([7])
r = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, tf.concat([a, [i]], 0)), [i, a],
                  shape_invariants=[i.shape, tf.TensorShape([None])])
note([str(t.shape) for t in r])
""",
    "structures": """
r = tf.while_loop(lambda d: d['i'] < 3, lambda d: [{'i': d['i'] + 1, 'x': d['x']}],
                  [{'i': tf.constant(0), 'x': tf.constant(1.0)}])
note(type(r).__name__, sorted(r[0]), r[0]['i'].name)
s = tf.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, (t[0], t[1])), (tf.constant(0), (tf.constant(1), tf.constant(2))))
note(type(s).__name__, type(s[1]).__name__)
one = tf.while_loop(lambda i: i < 3, lambda i: [i + 1], [tf.constant(0)])
note(one.name)
same = tf.while_loop(lambda i: i < 3, lambda i: [i + 1], [tf.constant(0)], return_same_structure=True)
note(type(same).__name__, len(same))
""",
    "errors": """
p = tf.constant(True)
fails(lambda: tf.cond(True, lambda: 1, lambda: 2))
fails(lambda: tf.cond(p, 1, lambda: 2))
fails(lambda: tf.cond(p, lambda: 1, 2))
fails(lambda: tf.cond(p, lambda: 1, lambda: 2.0))
fails(lambda: tf.cond(p, lambda: None, lambda: None))
fails(lambda: tf.cond(p, lambda: 1, lambda: (2, 3)))
fails(lambda: tf.cond(tf.constant(1), lambda: 1, lambda: 2))
fails(lambda: tf.while_loop(lambda i: i < 10, lambda i: tf.stack([i, i]), [0]))
fails(lambda: tf.while_loop(lambda i: i < 10, lambda i: [i, i], [0]))
fails(lambda: tf.while_loop(lambda i: 1, lambda i: i, [0]))
fails(lambda: tf.while_loop(lambda i: i < 1, lambda i: i, []))
fails(lambda: tf.while_loop(1, lambda i: i, [0]))
fails(lambda: tf.while_loop(lambda i: i < 1, 1, [0]))
fails(lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [0], parallel_iterations=0))
fails(lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [tf.constant([1, 2])], shape_invariants=[tf.TensorShape([3])]))
fails(lambda: tf.case(1))
fails(lambda: tf.case([1]))
fails(lambda: tf.case([(True, lambda: 1)]))
fails(lambda: tf.case([(tf.constant(1), lambda: 1)]))
fails(lambda: tf.case([(p, 1)]))
fails(lambda: tf.switch_case(0, [lambda: 1]))
fails(lambda: tf.switch_case(tf.constant(1.0), [lambda: 1]))
fails(lambda: tf.switch_case(tf.constant(1), []))
fails(lambda: tf.switch_case(tf.constant(1), [(0, lambda: 1), (2, lambda: 2)]))
inner = []
def body(i):
    inner.append(i + 1)
    return inner[-1]
tf.while_loop(lambda i: i < 3, body, [0])
fails(lambda: inner[0] + 1)
""",
}
