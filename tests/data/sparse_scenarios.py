"""Small programs of sparse tensors, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute, `FAILURES` by how their run fails.
"""

# Scenarios of which only the notes are compared: TensorFlow composes the ops in another way.
NOTES_ONLY = {"changes", "class"}

SETUP = """
s = tf.SparseTensor([[0, 0], [1, 2]], [1., 2.], [3, 4])
p = tf.sparse_placeholder(tf.float32, name='p')
q = tf.sparse_placeholder(tf.float32, [None, 3], name='q')
d = tf.placeholder(tf.float32, [4, 2], name='d')
u = tf.placeholder(tf.float32, None, name='u')
"""

SCENARIOS = {
    "class": """
note(s.shape, s.get_shape(), s.dtype, s.indices.shape, s.values.shape, s.dense_shape.shape, p.shape, q.shape)
note(p.indices.shape, q.indices.shape, q.values.shape, p.dense_shape.shape, q.dense_shape.shape)
note(s.op.name, s.values.name, s.graph is tf.get_default_graph()); tf.sparse_placeholder(tf.int32, [2, 3])
note(tf.SparseTensorValue([[0]], [1], [2]), tf.convert_to_tensor_or_sparse_tensor([1]).shape)
note(tf.SparseTensor.from_value(tf.SparseTensorValue([[0]], [1], [2])).shape, str(s))
s / 2.; s * d[0]; tf.sparse.placeholder(tf.float32)
fails(lambda: tf.SparseTensor([[0, 0]], [1., 2.], [3, 4]))
fails(lambda: tf.SparseTensor([[0, 0]], [1.], [3]))
fails(lambda: tf.SparseTensor([0], [1.], [3]))
fails(lambda: tf.sparse_reshape(s, [5, 2]))
""",
    "dense": """
tf.sparse_tensor_dense_matmul(s, d)
tf.sparse.sparse_dense_matmul(s, d, name='m'); tf.sparse_to_dense([[0, 1]], [2, 3], [1.])
tf.sparse_to_dense([1], [3], 5, name='d'); tf.sparse_tensor_to_dense(s); tf.sparse.to_dense(p, default_value=3.)
note(tf.sparse_tensor_dense_matmul(s, d).shape, tf.sparse_tensor_dense_matmul(p, d).shape, tf.sparse_tensor_to_dense(s).shape)
note(tf.sparse_to_dense([[0, 1]], [2, 3], [1.]).shape, tf.sparse_tensor_to_dense(p).shape, tf.sparse_tensor_to_dense(q).shape)
tf.sparse_reduce_sum(s); tf.sparse_reduce_sum(s, 1, keepdims=True); tf.sparse.reduce_max(s, axis=[0])
note(tf.sparse_reduce_sum(s).shape, tf.sparse_reduce_sum(s, 1).shape)
""",
    "changes": """
tf.sparse_add(s, s); tf.sparse_add(s, tf.zeros([3, 4])); tf.sparse_concat(0, [s, s]); tf.sparse_reorder(s)
tf.sparse_reshape(s, [4, 3]); tf.sparse_retain(s, [True, False]); tf.sparse_slice(s, [0, 0], [2, 2])
tf.sparse_softmax(s); tf.sparse_transpose(s); tf.sparse_fill_empty_rows(s, 0.); tf.sparse_reset_shape(s)
tf.sparse_reset_shape(s, [5, 5]); tf.sparse_mask(tf.IndexedSlices(tf.constant([1., 2.]), tf.constant([0, 2])), [2])
tf.sparse_split(sp_input=s, num_split=2, axis=1); tf.sparse_maximum(s, s); tf.sparse_minimum(s, s)
tf.sparse.expand_dims(s, 0); tf.sparse.eye(3); tf.sparse.from_dense([[0., 1.]])
note(tf.sparse_reshape(s, [4, 3]).shape)
note(tf.sparse_concat(0, [s, s]).shape, tf.sparse_add(s, s).shape)
note(tf.sparse_reorder(s).shape, tf.sparse.eye(3).shape, tf.sparse_softmax(s).shape)
""",
}

_S = """
s = tf.SparseTensor([[0, 0], [0, 3], [1, 2]], [1., 2., 3.], [3, 4]); t = tf.SparseTensor([[0, 3], [2, 1]], [5., -7.], [3, 4])
p = tf.sparse_placeholder(tf.float32); feed = {p: tf.SparseTensorValue([[0, 0], [0, 3], [1, 2]], [1., 2., 3.], [3, 4])}
d = tf.constant(np.arange(8.).reshape(4, 2), tf.float32); e = tf.constant(np.arange(6.).reshape(3, 2), tf.float32)
g = lambda y, *xs: [v for v in tf.gradients(y ** 2, xs) if v is not None]
"""

VALUES = {
    "feeds": _S
    + """
result = [p, s, p.values, p.dense_shape, tf.sparse_tensor_to_dense(p), tf.sparse_tensor_dense_matmul(p, d)]
""",
    "dense": _S
    + """
result = [tf.sparse_tensor_dense_matmul(s, d), tf.sparse_tensor_dense_matmul(s, e, adjoint_a=True), tf.sparse_tensor_dense_matmul(s, tf.transpose(d), adjoint_b=True),
  tf.sparse_to_dense([[0, 1], [1, 2]], [2, 3], [1., 2.]), tf.sparse_to_dense([1, 2], [4], 5, -1), tf.sparse_to_dense(2, [4], 5), tf.sparse_tensor_to_dense(s, 9.),
  tf.sparse_reduce_sum(s), tf.sparse_reduce_sum(s, 0), tf.sparse_reduce_sum(p, [1], keepdims=True), tf.sparse_reduce_max(s, 1), tf.sparse_reduce_sum_sparse(s, 1),
  tf.sparse_to_indicator(tf.SparseTensor([[0, 0], [1, 1]], [2, 0], [2, 2]), 4)]
result += g(tf.sparse_tensor_dense_matmul(s, d), s.values, d) + g(tf.sparse_tensor_dense_matmul(s, e, adjoint_a=True), s.values, e)
result += g(tf.sparse_tensor_to_dense(s), s.values) + g(tf.sparse_reduce_sum(s, 1), s.values) + g(tf.sparse_tensor_dense_matmul(s, tf.transpose(d), adjoint_b=True), d)
""",
    "changes": _S
    + """
result = [tf.sparse_add(s, t), tf.sparse_add(s, tf.ones([3, 4])), tf.sparse_add(s, t, threshold=4.5), tf.sparse_concat(0, [s, t]), tf.sparse_concat(1, [s, t, s]),
  tf.sparse_reorder(tf.SparseTensor([[1, 2], [0, 3], [0, 0]], [3., 2., 1.], [3, 4])), tf.sparse_reshape(s, [2, -1]), tf.sparse_retain(s, [True, False, True]),
  tf.sparse_slice(s, [0, 1], [2, 3]), tf.sparse_softmax(s), tf.sparse_transpose(s), tf.sparse_fill_empty_rows(s, -1.)[0], tf.sparse_fill_empty_rows(s, -1.)[1],
  tf.sparse_reset_shape(s), tf.sparse_reset_shape(s, [4, 5]), tf.sparse_maximum(s, t), tf.sparse_minimum(s, t), tf.sparse.expand_dims(s, 0), tf.sparse.expand_dims(s),
  tf.sparse.eye(3), tf.sparse.eye(2, 3), tf.sparse.from_dense([[0., 1.], [2., 0.]]), s / 2., s * tf.constant([1., 2., 3., 4.])]
result += tf.sparse_split(sp_input=s, num_split=2, axis=1) + tf.sparse_split(sp_input=s, num_split=2, axis=0)
m = tf.sparse_mask(tf.IndexedSlices(tf.constant([1., 2.]), tf.constant([0, 2])), [2]); result += [m.values, m.indices]
result += [tf.edit_distance(tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 2, 3], [2, 2]), tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [1, 3, 4], [2, 2]), normalize=k) for k in (True, False)]
result += [tf.sparse.segment_sum([[1.], [2.]], [1, 1], [0, 1])]
""",
    "change_gradients": _S
    + """
result = g(tf.sparse_add(s, t).values, s.values, t.values) + g(tf.sparse_add(s, d[:3, :1] + tf.zeros([3, 4])), s.values)
result += g(tf.sparse_reorder(s).values, s.values) + g(tf.sparse_slice(s, [0, 1], [2, 3]).values, s.values) + g(tf.sparse_concat(0, [s, t]).values, s.values, t.values)
result += g(tf.sparse_softmax(s).values, s.values) + g(tf.sparse_fill_empty_rows(s, -1.)[0].values, s.values) + g(tf.sparse_transpose(s).values, s.values)
result += g((s * tf.constant([1., 2., 3., 4.])).values, s.values)
""",
    "sets": _S
    + """
a = [[1, 2, 2], [3, 4, 0]]; b = [[2, 9], [4, 3]]; c = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [2, 7, 4], [2, 3])
result = [tf.sets.intersection(a, b), tf.sets.union(a, b), tf.sets.difference(a, b), tf.sets.set_difference(a, b, aminusb=False), tf.sets.union(a, c), tf.sets.difference(c, a), tf.sets.intersection(c, c), tf.sets.size(c)]
""",
}

FAILURES = {
    "to_dense_range": "result = tf.sparse_to_dense([[0, 5]], [2, 3], [1.])",
    "to_dense_order": "result = tf.sparse_to_dense([2, 1], [4], [1., 2.])",
    "to_dense_repeated": "result = tf.sparse_to_dense([2, 2], [4], [1., 2.])",
    "matmul_range": "result = tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 9]], [1.], [2, 3]), tf.zeros([3, 1]))",
}
