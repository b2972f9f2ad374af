"""Small programs that pick, sort, group and scatter, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute, `FAILURES` by how their run fails.
"""

SETUP = """
x = tf.placeholder(tf.float32, [4, 6], name='x')
i = tf.placeholder(tf.int32, [4], name='i')
u = tf.placeholder(tf.float32, None, name='u')
p = tf.placeholder(tf.float32, [None, 3], name='p')
s = tf.placeholder(tf.int32, [None], name='s')
n = tf.placeholder(tf.int32, [], name='n')
z = tf.placeholder(tf.float32, [2, 4, 6, 3], name='z')
"""

SCENARIOS = {
    "segments": """
tf.segment_sum(x, i); tf.segment_mean(x, i); tf.segment_prod(x, i); tf.segment_max(x, i)
tf.math.segment_min(x, i, name='m'); tf.unsorted_segment_sum(x, i, 3)
tf.unsorted_segment_prod(x, i, 3); tf.unsorted_segment_max(x, i, n); tf.unsorted_segment_min(x, i, 3)
tf.unsorted_segment_mean(x, i, 3); tf.unsorted_segment_sqrt_n(x, i, 3); tf.sparse_segment_sum(x, s, s)
tf.sparse_segment_mean(x, s, s); tf.sparse_segment_sqrt_n(x, s, s)
tf.sparse_segment_sum(x, s, s, num_segments=4); tf.sparse_segment_mean(x, s, s, num_segments=n)
note(tf.segment_sum(x, i).shape, tf.segment_sum(p, s).shape, tf.segment_mean(u, s).shape)
note(tf.unsorted_segment_max(x, i, 3).shape)
note(tf.sparse_segment_sum(x, s, s).shape, tf.sparse_segment_sum(x, s, s, num_segments=4).shape)
fails(lambda: tf.segment_sum(x, [[1]]))
fails(lambda: tf.segment_sum(x > 0, i))
fails(lambda: tf.unsorted_segment_max(x, [1, 2], 3))
""",
    "sorting": """
tf.nn.top_k(x, 2); tf.math.top_k(x, n, sorted=False, name='t'); tf.nn.in_top_k(x, i, 2)
tf.math.in_top_k(x, i, 2); tf.sort(x); tf.sort(x, axis=0); tf.argsort(x); tf.argsort(i)
tf.sort(x, direction='DESCENDING', name='d');
tf.searchsorted(x, x); tf.searchsorted(x, x, side='right', out_type=tf.int64)
note([t.shape for t in tf.nn.top_k(x, 2)], [t.shape for t in tf.nn.top_k(x, n)])
note([t.shape for t in tf.nn.top_k(u, 2)], tf.nn.in_top_k(p, s, 2).shape)
note(tf.argsort(p).dtype, tf.argsort(p, axis=0).shape)
fails(lambda: tf.nn.top_k(x, 7))
fails(lambda: tf.nn.top_k(x, -1))
fails(lambda: tf.nn.top_k(1., 1))
fails(lambda: tf.sort(x, direction='up'))
fails(lambda: tf.nn.in_top_k(x, [1, 2], 2))
""",
    "sets": """
tf.unique(i); tf.unique_with_counts(i, tf.int64); tf.setdiff1d(i, i); tf.setdiff1d(i, s, tf.int64)
tf.where(x); tf.where(x > 0, name='w'); tf.boolean_mask(x, [True, False, True, False])
note([t.shape for t in tf.unique(i)], [t.shape for t in tf.unique(s)], tf.unique(i).idx.dtype)
note([t.shape for t in tf.unique_with_counts(i)], [t.shape for t in tf.setdiff1d(i, i)])
note(tf.where(x).shape, tf.where(u).shape)
fails(lambda: tf.unique(x))
fails(lambda: tf.setdiff1d(i, x))
""",
    "partitions": """
tf.dynamic_partition(x, i, 2); tf.dynamic_stitch([[0, 1], [2]], [[1., 2.], [3.]])
tf.dynamic_stitch([i, s], [x, u], name='d'); tf.parallel_stack([x, x])
note([t.shape for t in tf.dynamic_partition(x, i, 2)], tf.dynamic_stitch([[0, 1], [2]], [[1., 2.], [3.]]).shape)
note(tf.dynamic_stitch([i], [x]).shape, tf.dynamic_stitch([s], [p]).shape, tf.parallel_stack([x, x]).shape)
note(tf.dynamic_partition(u, s, 2)[0].shape)
fails(lambda: tf.dynamic_partition(x, [0, 1], 2))
fails(lambda: tf.dynamic_stitch([[0, 1]], [[1.]]))
""",
    "scatters": """
v = tf.Variable(np.zeros([5, 2], np.float32), name='v')
tf.scatter_nd_add(v, [[1]], [[1., 2.]]); tf.scatter_nd_update(v, [[1, 1]], [1.]); tf.scatter_nd_sub(v, [[1]], [[1., 2.]])
tf.tensor_scatter_update(x, [[0, 1]], [1.]); tf.tensor_scatter_add(x, [[0, 1]], [1.])
tf.tensor_scatter_sub(x, [[0, 1]], [1.], name='t'); tf.tensor_scatter_nd_update(x, [[0, 1]], [1.])
note(tf.tensor_scatter_update(p, [[0, 1]], [1.]).shape, tf.scatter_nd_add(v, [[1]], [[1., 2.]]).shape)
fails(lambda: tf.tensor_scatter_add(x, [[0, 1]], [1., 2.]))
fails(lambda: tf.scatter_nd_add(x, [[0, 1]], [1.]))
""",
    "rolls": """
tf.roll(x, 1, 0); tf.roll(x, [1, 2], [0, 1], name='r'); tf.manip.roll(x, n, 0); tf.sequence_mask([1, 3])
tf.sequence_mask(s, 4); tf.sequence_mask(s, n, dtype=tf.float32, name='m'); tf.repeat(x, 2, axis=0)
tf.repeat([1, 2], [1, 2]); tf.repeat(x, 3); tf.reverse_sequence(x, i, 1); tf.unravel_index([3], [2, 2])
note(tf.roll(p, 1, 0).shape, tf.sequence_mask([1, 3]).shape, tf.sequence_mask(s, 4).shape)
note(tf.repeat(x, 2, axis=0).shape, tf.repeat([1, 2], [1, 2]).shape, tf.unravel_index([3], [2, 2]).shape)
fails(lambda: tf.sequence_mask(s, [1, 2]))
fails(lambda: tf.roll(x, [[1]], [0]))
fails(lambda: tf.roll(1., 1, 0))
""",
    "spaces": """
tf.space_to_depth(z, 2); tf.depth_to_space(tf.zeros([1, 2, 2, 4]), 2, name='d'); tf.space_to_batch(z, [[0, 0], [0, 0]], 2)
tf.space_to_batch_nd(z, [2, 3], [[0, 0], [0, 0]]); tf.batch_to_space(tf.zeros([4, 1, 1, 1]), [[0, 0], [0, 0]], 2)
tf.batch_to_space_nd(tf.zeros([4, 1, 1, 1]), [2, 2], [[0, 0], [0, 0]])
note(tf.space_to_depth(z, 2).shape, tf.depth_to_space(tf.zeros([1, 2, 2, 4]), 2).shape)
note(tf.space_to_batch(z, [[0, 0], [1, 1]], 2).shape, tf.space_to_batch_nd(z, [2, 3], [[1, 1], [0, 0]]).shape)
note(tf.batch_to_space(tf.zeros([4, 1, 2, 1]), [[0, 0], [0, 1]], 2).shape, tf.space_to_batch_nd(u, [2, 3], [[1, 1], [0, 0]]).shape)
note(tf.required_space_to_batch_paddings([11], [3])[0].shape)
fails(lambda: tf.space_to_depth(z, 4))
fails(lambda: tf.space_to_depth(z, 1))
fails(lambda: tf.depth_to_space(z, 2))
fails(lambda: tf.space_to_batch(z, [[0, 0], [0, 1]], 2))
fails(lambda: tf.batch_to_space(z, [[0, 0], [0, 0]], 2))
""",
    "counts": """
tf.bincount(i); tf.bincount(i, minlength=3, maxlength=5); tf.bincount(i, tf.zeros([4])); tf.math.bincount(s)
tf.histogram_fixed_width(x, [0., 1.], 5)

note(tf.bincount(i).shape, tf.histogram_fixed_width(x, [0., 1.], 5).shape, tf.histogram_fixed_width_bins(x, [0., 1.], 5).shape)

tf.ensure_shape(p, [4, 3]); tf.guarantee_const(x)
note(tf.ensure_shape(p, [4, None]).shape, tf.ensure_shape(u, [4, None]).shape)
fails(lambda: tf.ensure_shape(p, [4, 4]))
""",
}

_G = "g = lambda y, *xs: tf.gradients(y ** 2, xs); "

VALUES = {
    "segments": """
x = np.arange(1., 13.).reshape(4, 3); i = [0, 0, 2, 2]; f = tf.placeholder(tf.int32, [4]); feed = {f: [0, 1, 1, 3]}
fs = (tf.segment_sum, tf.segment_mean, tf.segment_prod, tf.segment_max, tf.segment_min)
us = (tf.unsorted_segment_sum, tf.unsorted_segment_mean, tf.unsorted_segment_sqrt_n,
      tf.unsorted_segment_prod, tf.unsorted_segment_max, tf.unsorted_segment_min)
ss = (tf.sparse_segment_sum, tf.sparse_segment_mean, tf.sparse_segment_sqrt_n)
result = [h(x, j) for h in fs for j in (i, f)] + [h(x, j, 4) for h in us for j in ([3, -1, 0, 3], f)]
result += [h(x, [3, 0, 0], [0, 0, 2]) for h in ss] + [h(x, [3, 0, 0], [0, 0, 2], num_segments=5) for h in ss]
result += [tf.segment_sum(x[:0], np.zeros([0], 'int32')), tf.segment_max(x.astype('int32'), i), tf.unsorted_segment_max(x.astype('int32'), i, 3)]
""",
    "segment_gradients": _G
    + """
x = tf.constant(np.arange(1., 13.).reshape(4, 3)); i = [0, 0, 2, 2]; d = tf.constant([1., 1., 2., 2.], tf.float64)
result = []
for h in (tf.segment_sum, tf.segment_mean, tf.segment_max, tf.segment_min): result += g(h(x, i), x) + g(h(d, i), d)
for h in (tf.unsorted_segment_sum, tf.unsorted_segment_mean, tf.unsorted_segment_sqrt_n,
      tf.unsorted_segment_prod, tf.unsorted_segment_max, tf.unsorted_segment_min): result += g(h(x, [3, -1, 0, 3], 4), x) + g(h(d, i, 3), d)
for h in (tf.sparse_segment_sum, tf.sparse_segment_mean, tf.sparse_segment_sqrt_n): result += g(h(x, [3, 0, 0], [0, 0, 2]), x)
""",
    "sorting": """
x = np.array([[3., 1., 2., 3., -1., 0.], [0., 0., 5., 4., 4., 9.]]); f = tf.placeholder(tf.float64); feed = {f: x}
result = (list(tf.nn.top_k(x, 3)) + list(tf.nn.top_k(x, 6)) + list(tf.nn.top_k(x, 0)) + list(tf.nn.top_k(x.astype('int32'), 3)) + list(tf.nn.top_k(f, 2))
  + [tf.nn.in_top_k(x.astype('float32'), [0, 3], k) for k in (1, 2, 3)]
  + [tf.sort(x), tf.sort(x, axis=0), tf.sort(x, direction='DESCENDING'), tf.argsort(x), tf.argsort(x, stable=True),
     tf.argsort(x, direction='DESCENDING'), tf.argsort(x.astype('int32'), 0), tf.sort(x.astype('int32'))]
  + [tf.searchsorted([[1., 3., 3., 5.]], [[3., 0., 9.]], side=k) for k in ('left', 'right')]
  + tf.gradients(tf.nn.top_k(f, 2)[0] ** 2, f) + tf.gradients(tf.sort(f) ** 2 * [1., 2., 3., 4., 5., 6.], f))
""",
    "sets": """
x = [4, 2, 4, 7, 2]; f = tf.placeholder(tf.int32, [None]); feed = {f: x}
result = (list(tf.unique(x)) + list(tf.unique_with_counts(f)) + list(tf.unique_with_counts(['b', 'a', 'b'])) + list(tf.setdiff1d(x, [2, 9]))
  + list(tf.setdiff1d(f, [4], tf.int64)) + [tf.where([[True, False], [True, True]]), tf.where(f), tf.boolean_mask(f, [True, False, True, True, False])]
  + [tf.where([0., -1., 2.]), tf.unique(f).y * 2])
""",
    "partitions": _G
    + """
x = tf.constant(np.arange(8.).reshape(4, 2)); f = tf.placeholder(tf.int32, [None]); feed = {f: [1, 0, 1, 2]}
parts = tf.dynamic_partition(x, f, 3)
result = parts + tf.dynamic_partition(x, [0, 1, 0, 1], 2) + [tf.dynamic_stitch([[2, 0], [1, 3]], [x[:2], x[2:]])]
result += [tf.dynamic_stitch([[0, 2], 1, [[3, 0]]], [[1., 2.], 3., [[4., 5.]]]), tf.parallel_stack([x, x])]
result += g(parts[1], x) + g(tf.dynamic_stitch([[0, 2], [1, 0]], [x[:2], x[2:]]), x) + g(tf.dynamic_stitch(tf.dynamic_partition(tf.range(4), f, 3), parts) * x, x)
""",
    "scatters": _G
    + """
t = tf.constant(np.arange(8.).reshape(4, 2)); u = tf.constant([[1., 2.], [3., 4.]], tf.float64)
fs = (tf.tensor_scatter_update, tf.tensor_scatter_add, tf.tensor_scatter_sub)
result = [h(t, [[2], [0]], u) for h in fs] + [h(t, [[2, 1], [0, 0]], [5., 6.]) for h in fs]
for h in fs: result += g(h(t, [[2], [0]], u), t, u)
v = tf.Variable(np.ones([3, 2])); first = [v.initializer, tf.scatter_nd_add(v, [[1], [1]], [[1., 2.], [3., 4.]]), tf.scatter_nd_update(v, [[0, 1]], [9.]), tf.scatter_nd_sub(v, [[2]], [[1., 2.]])]
result += [v + 0]
""",
    "rolls": _G
    + """
x = tf.constant(np.arange(24.).reshape(2, 3, 4)); f = tf.placeholder(tf.int32); feed = {f: [2, 0, 3]}
result = [tf.roll(x, 1, 0), tf.roll(x, [1, -2], [1, 2]), tf.roll(x, [1, 1], [2, 2]), tf.roll(x, 7, 1), tf.sequence_mask([1, 3, 0]), tf.sequence_mask(f, 2),
  tf.sequence_mask(f, dtype=tf.float32), tf.repeat(x, 2, axis=1), tf.repeat([1, 2], [1, 2]), tf.repeat(x, [0, 2], axis=0), tf.repeat([1, 2], 3), tf.repeat(x, f, axis=1)]
result += g(tf.roll(x, 1, 2), x) + [tf.unravel_index([3, 5], [2, 3]), tf.batch_gather([[1, 2], [3, 4]], [[1], [0]])]
""",
    "spaces": _G
    + """
z = tf.constant(np.arange(96.).reshape(2, 4, 4, 3)); d = tf.constant(np.arange(64.).reshape(2, 2, 2, 8))
result = [tf.space_to_depth(z, 2), tf.depth_to_space(d, 2), tf.space_to_batch(z, [[0, 0], [1, 1]], 2), tf.space_to_batch_nd(z, [2, 3], [[1, 1], [0, 2]]),
  tf.batch_to_space(tf.space_to_batch(z, [[0, 0], [0, 0]], 2), [[0, 1], [1, 0]], 2), tf.batch_to_space_nd(d[:, 0], [2], [[1, 0]]), tf.space_to_batch_nd(z, [2], [[0, 0]])]
result += g(tf.space_to_depth(z, 2), z) + g(tf.depth_to_space(d, 2), d) + g(tf.space_to_batch(z, [[0, 0], [1, 1]], 2), z) + g(tf.batch_to_space_nd(d[:, 0], [2], [[1, 0]]), d)
result += list(tf.required_space_to_batch_paddings([11, 4], [3, 2])) + list(tf.required_space_to_batch_paddings([11, 4], [3, 2], [[1, 0], [0, 1]]))
""",
    "counts": _G
    + """
f = tf.placeholder(tf.int32); feed = {f: [1, 3, 3, 0]}; x = np.array([[0., .1, .5], [1., -3., 9.]], 'float32')
z = tf.constant(np.arange(48.).reshape(1, 4, 4, 3))
result = [tf.bincount(f), tf.bincount(f, minlength=6), tf.bincount(f, maxlength=2), tf.bincount(f, [.5, 1., 2., 3.]), tf.bincount(tf.constant([], tf.int32), minlength=2),
  tf.histogram_fixed_width(x, [0., 1.], 5), tf.histogram_fixed_width_bins(x, [0., 1.], 5), tf.confusion_matrix(f, [1, 2, 3, 0]), tf.confusion_matrix([1, 0], [0, 0], 4, weights=[2., 3.], dtype=tf.float32)]
""",
}

FAILURES = {
    "segment_order": "result = tf.segment_sum([1., 2.], [1, 0])",
    "segment_negative": "result = tf.segment_sum([1., 2.], [-1, 0])",
    "sparse_segment_index": "result = tf.sparse_segment_sum([[1.], [2.]], [2], [0])",
    "unsorted_too_large": "result = tf.unsorted_segment_sum([1., 2.], [0, 5], 3)",
    "partition_range": "result = tf.dynamic_partition([1., 2.], [0, 2], 2)",
    "scatter_range": "result = tf.tensor_scatter_update([1., 2.], [[2]], [1.])",
    "top_k_large": "n = tf.placeholder(tf.int32); feed = {n: 3}; result = tf.nn.top_k([1., 2.], n)[0]",
    "ensure": "u = tf.placeholder(tf.float32); feed = {u: [1., 2.]}; result = tf.ensure_shape(tf.square(u, name='s'), [3])",
    "bincount_negative": "f = tf.placeholder(tf.int32); feed = {f: [-1]}; result = tf.bincount(f)",
    "invert": "result = tf.invert_permutation([0, 0])",
}
