"""Small programs of the array ops, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute, `FAILURES` by how their run fails. Each runs in a fresh graph with `tf`, `np`, `note`,
`fails` and the placeholders of `SETUP`.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 3], name='x')
y = tf.placeholder(tf.float32, [2, 3], name='y')
c = tf.placeholder(tf.complex64, [2, 3], name='c')
u = tf.placeholder(tf.float32, None, name='u')
p = tf.placeholder(tf.float32, [None, 3], name='p')
w = tf.placeholder(tf.float32, [2, None, 4], name='w')
n = tf.placeholder(tf.int32, [], name='n')
v = tf.placeholder(tf.int32, [2], name='v')
s = tf.placeholder(tf.int32, [None], name='s')
"""

SCENARIOS = {
    "filled": """
tf.zeros([2, 3]); tf.zeros(tf.shape(p)); tf.zeros([tf.shape(p)[0], 4]); tf.zeros([2000])
tf.ones(tf.TensorShape([2000]), name='o'); tf.ones([3], tf.int32); tf.zeros([]); tf.ones([2], tf.bool)
tf.ones_like(x); tf.ones_like(p); tf.ones_like(p, dtype=tf.int32, name='q'); tf.zeros_like(x)
tf.zeros_like(p); tf.zeros_like(p, dtype=tf.int32); tf.zeros_like(p, tf.float32)
tf.zeros_like(x, dtype=tf.int32); tf.zeros_like(x, optimize=False); tf.ones_like(x, optimize=False)
tf.zeros_like(np.ones((2, 2))); tf.fill([2, 3], 9); tf.fill(tf.constant([2, 3], tf.int64), 9.)
tf.zeros((n, 2, n)); tf.zeros([2, n]); tf.zeros(n); tf.fill(s, 1.); tf.zeros(v)
note(tf.zeros(tf.shape(p)).shape, tf.zeros([n, 4]).shape, tf.ones_like(p).shape, tf.zeros(v).shape)
note(tf.fill(s, 1.).shape, tf.fill(v, 1.).shape, tf.fill([n, 3], 2).shape, tf.zeros_like(u).shape)
note(tf.zeros([2], 'string').dtype, tf.zeros_like(tf.constant(['a'])).dtype)
fails(lambda: tf.fill([2, 3], [1., 2.]))
fails(lambda: tf.fill([[2]], 1.))
fails(lambda: tf.fill([2., 3.], 1.))
""",
    "shapes": """
tf.shape(x); tf.shape(p); tf.shape(x, out_type=tf.int64); tf.shape(np.ones((2, 2))); tf.shape(u)
tf.shape_n([x, y]); tf.size(x); tf.size(p); tf.size(p, out_type=tf.int64); tf.rank(x); tf.rank(u)
tf.shape(x, name='its_shape'); tf.size([1, 2, 3]); tf.rank(3.)
note(tf.shape(u).shape, tf.shape(p).shape, [t.shape for t in tf.shape_n([p, u])], tf.size(u).shape)
note(tf.shape(p, out_type=tf.int64).dtype, tf.rank(u).dtype)
""",
    "reshapes": """
tf.reshape(x, [-1]); tf.reshape(x, [3, -1, 1]); tf.reshape(p, [3, -1, 1], name='r'); tf.reshape(u, v)
tf.reshape(x, tf.TensorShape([6])); tf.expand_dims(x, 1); tf.expand_dims(x, dim=-1)
tf.squeeze([[[1.]]]); tf.squeeze([[[1.]]], 0); tf.squeeze([[[1.]]], squeeze_dims=[-1, 0])
tf.squeeze(tf.expand_dims(x, 0), axis=[0], name='q'); tf.reshape([1, 2], [2, 1]); tf.reshape(3., [])
note(tf.reshape(x, [-1]).shape, tf.reshape(p, [3, -1, 1]).shape, tf.reshape(p, [-1, 3]).shape)
note(tf.reshape(w, [-1, 4]).shape, tf.reshape(p, tf.stack([tf.shape(p)[0], 784])).shape)
note(tf.reshape(p, tf.stack([n, 784])).shape, tf.reshape(u, s).shape, tf.reshape(u, v).shape)
note(tf.reshape(p, [2, n]).shape, tf.reshape(x, [-1, -1]).shape, tf.reshape(w, tf.shape(p)).shape)
note(tf.reshape(p, tf.concat([tf.shape(p), [1]], 0)).shape, tf.reshape(p, tf.shape(w)[:2]).shape)
note(tf.reshape(x, [tf.size(x)]).shape)
note(tf.expand_dims(p, 1).shape, tf.expand_dims(u, 0).shape, tf.expand_dims(p, n).shape)
note(tf.squeeze(p).shape, tf.squeeze(u).shape, tf.squeeze(tf.zeros([1, 2, 1])).shape)
note(tf.squeeze(tf.expand_dims(p, 0), 0).shape, tf.squeeze(w, 1).shape)
fails(lambda: tf.reshape(x, [4]))
fails(lambda: tf.reshape(x, [4, -1]))
fails(lambda: tf.reshape(x, [[1]]))
fails(lambda: tf.reshape(x, [1.5]))
fails(lambda: tf.expand_dims(x, 3))
fails(lambda: tf.expand_dims(x, 1, dim=1))
fails(lambda: tf.expand_dims(x))
fails(lambda: tf.squeeze(x, [1]))
fails(lambda: tf.squeeze(x, [3]))
fails(lambda: tf.squeeze(x, 0, squeeze_dims=0))
""",
    "transposes": """
tf.transpose(x); tf.transpose(u); tf.transpose(c, conjugate=True); tf.transpose(x, conjugate=True)
tf.transpose(x, [1, 0], name='t'); tf.matrix_transpose(w); tf.matrix_transpose(u)
tf.matrix_transpose(c, conjugate=True); tf.transpose(w, [2, 0, 1]); tf.invert_permutation([1, 0])
tf.transpose([[1, 2]])
note(tf.transpose(p).shape, tf.transpose(u).shape, tf.transpose(u, [1, 0]).shape)
note(tf.transpose(w, [2, 0, 1]).shape, tf.transpose(x, [0, -1]).shape, tf.transpose(x, v).shape)
note(tf.transpose(u, s).shape, tf.matrix_transpose(w).shape, tf.transpose(3.).shape)
fails(lambda: tf.transpose(x, [0, 2]))
fails(lambda: tf.transpose(x, [0]))
fails(lambda: tf.transpose(x, [[0, 1]]))
fails(lambda: tf.matrix_transpose([1., 2.]))
""",
    "broadcasts": """
tf.broadcast_to(x, [4, 2, 3]); tf.broadcast_to(1., v); tf.broadcast_dynamic_shape(tf.shape(p), [3, 1])
note(tf.broadcast_to(x, [4, 2, 3]).shape, tf.broadcast_to(p, [4, 3]).shape)
note(tf.broadcast_to(1., s).shape, tf.broadcast_to(u, [2, 2]).shape)
note(tf.broadcast_dynamic_shape(tf.shape(p), [3, 1]).shape, tf.broadcast_dynamic_shape(s, [1]).shape)
note(tf.broadcast_static_shape(tf.TensorShape([1, 2]), tf.TensorShape([3, 1])))
note(tf.broadcast_static_shape(tf.TensorShape([None, 2]), tf.TensorShape([3, 1])))
fails(lambda: tf.broadcast_to(x, [3, 3]))
fails(lambda: tf.broadcast_to(x, [3]))
fails(lambda: tf.broadcast_static_shape(tf.TensorShape([3, 2]), tf.TensorShape([3, 3])))
""",
    "joins": """
tf.concat([x, y], 1); tf.concat([x, y], -1, name='joined'); tf.concat([x], 1); tf.concat(x, 1)
tf.concat([x[0], [1, 2]], 0); tf.concat([[1, 2], x[0]], 0); tf.concat([x, y], n)
tf.concat([x, y], tf.constant(0, tf.int64)); tf.stack([x, y]); tf.stack([x, y], axis=-1)
tf.stack([1, 2, 3]); tf.stack([1, 2, 3], name='s'); tf.stack([[1, 2], [3, 4]], axis=1)
tf.stack([2, n]); tf.stack([np.ones(2), np.zeros(2)]); tf.stack(x)
tf.stack([]); tf.unstack(x); tf.unstack(x, axis=1, name='u_'); tf.unstack(p, axis=-1, num=3)
tf.unstack(u, num=2); tf.convert_to_tensor([n, 3, [n][0]]); tf.stack([[n, 1], [2, n]])
note(tf.concat([x, y], 1).shape, tf.concat([x, p], 0).shape, tf.concat([x, p], 1).shape)
note(tf.concat([x, y], n).shape, tf.concat([x, u], 1).shape, tf.concat([u, u], 1).shape)
note(tf.stack([x, p]).shape, tf.stack([x, u], -1).shape, tf.stack([u, u]).shape, tf.stack([n, n]).shape)
note([t.shape for t in tf.unstack(x)], [t.shape for t in tf.unstack(w)], tf.unstack(u, 1)[0].shape)
note([t.shape for t in tf.unstack(w, axis=2)])
fails(lambda: tf.concat([x, tf.zeros([2, 4])], 0))
fails(lambda: tf.concat([x, x[0]], 1))
fails(lambda: tf.concat([x, y], 5))
fails(lambda: tf.concat([x, y], -3))
fails(lambda: tf.concat([1., 2.], 0))
fails(lambda: tf.concat([x, y], [0]))
fails(lambda: tf.concat([x, tf.zeros([2, 3], tf.int32)], 0))
fails(lambda: tf.concat([], 0))
fails(lambda: tf.stack([x, y], axis=3))
fails(lambda: tf.stack([x, tf.zeros([2, 4])]))
fails(lambda: tf.unstack(p))
fails(lambda: tf.unstack(u))
fails(lambda: tf.unstack(x, axis=2))
fails(lambda: tf.unstack(x, num=3))
fails(lambda: tf.unstack(3.))
""",
    "splits": """
tf.split(x, 2); tf.split(x, 3, axis=1); tf.split(x, 3, -1, name='thirds'); tf.split(x, [1, 1])
tf.split(x, [1, -1], axis=1, name='parts'); tf.split(x, v); tf.split(x, np.array([1, 2]), 1)
tf.split(x, 2, axis=n); tf.split(x, s, num=2)
note([t.shape for t in tf.split(x, 3, axis=1)], [t.shape for t in tf.split(p, 4)])
note([t.shape for t in tf.split(w, [1, -1, 2], 2)], [t.shape for t in tf.split(w, [1, -1], 1)])
note([t.shape for t in tf.split(x, v)], [t.shape for t in tf.split(x, 2, axis=n)])
note([t.shape for t in tf.split(u, 2)], [t.shape for t in tf.split(u, [2, 3])])
fails(lambda: tf.split(x, 2, 1))
fails(lambda: tf.split(x, [1, 2]))
fails(lambda: tf.split(x, s))
fails(lambda: tf.split(x, 2, axis=5))
fails(lambda: tf.split(x, [1, 1], axis=5))
fails(lambda: tf.split(x, n))
""",
    "brackets": """
x[0]; x[1:, ..., tf.newaxis, ::-2]; w[tf.constant(1), n:]; w[tf.constant(1, tf.int64)]; x[np.int64(1)]
x[[0, 1]]; x[n]; x[n:n + 1]; x[-1]; x[:, 1]; u[0, ...]; x[...]; x[:]; p[1:, 2]; tf.Variable([1., 2.])[0]
tf.Variable([1., 2.])[0].assign(3.); tf.Variable([1., 2.])[:1].assign([3.], name='part')
x[tf.newaxis]; x[:, None, :]; x[0, 1]; x[0][1]; tf.shape(p)[0]; x[::2, ::-1]; x[1:0:-1]; x[-2:]
tf.strided_slice(x, [0, 0], [2, 2]); tf.strided_slice(x, [0, 0], [2, 2], [1, 1], name='part_')
tf.strided_slice(x, [1], [2], shrink_axis_mask=1); tf.strided_slice(x, v, [2, 2], [1, 1])
note(x[0].shape, x[1:, ..., None, ::-2].shape, w[1, n:].shape, u[0, ...].shape, u[0].shape)
note(p[1:, 2].shape, p[:3].shape, p[::-1].shape, p[0].shape, p[-1].shape, p[0:1].shape)
note(w[:, 1:3, 1:].shape, w[..., 0].shape, x[n].shape, x[n:].shape, x[:, n].shape, x[5:].shape)
note(x[2:1].shape, x[::-1, ::-2].shape, x[-1:-3:-1].shape, tf.shape(p)[1:].shape, x[0, None, 1].shape)
note(tf.zeros(tf.shape(p)[1:]).shape, x[None, ..., None].shape)
note(tf.zeros([7])[1:6:2].shape, tf.zeros([7])[6:1:-2].shape, tf.zeros([7])[-3:-1].shape)
fails(lambda: x[1.0])
fails(lambda: x['a'])
fails(lambda: x[7])
fails(lambda: x[-7])
fails(lambda: x[1, 2, 3])
fails(lambda: x[..., ...])
fails(lambda: x[::0])
fails(lambda: x[s])
fails(lambda: x[1.5:])
fails(lambda: tf.strided_slice(x, [1], [2], [-1], shrink_axis_mask=1))
fails(lambda: tf.strided_slice(x, [1, 2], [2], [1]))
fails(lambda: tf.strided_slice(x, [[1]], [[2]], [[1]]))
fails(lambda: [t for t in x])
fails(lambda: len(x))
""",
    "masks": """
m = tf.placeholder(tf.bool, [2], name='m')
x[m]; tf.boolean_mask(x, [True, False]); tf.boolean_mask(x, x > 0); tf.boolean_mask(p, p[:, 0] > 0)
tf.boolean_mask(x, [True, False, True], axis=1, name='columns'); tf.where(x > 0); x[x > 0]
note(tf.boolean_mask(x, m).shape, tf.boolean_mask(p, p[:, 0] > 0).shape, tf.boolean_mask(x, x > 0).shape)
note(tf.boolean_mask(w, w[:, 0, 0] > 0).shape, tf.boolean_mask(x, [True, False, True], axis=1).shape)
note(tf.where(x > 0).shape, tf.where(u > 0).shape, tf.where(x > 0).dtype)
fails(lambda: tf.boolean_mask(x, True))
fails(lambda: tf.boolean_mask(x, u > 0))
fails(lambda: tf.boolean_mask(x, [True]))
""",
    "slices": """
tf.slice(x, [0, 1], [2, -1]); tf.slice(x, v, [1, 1], name='s_'); tf.slice(p, [1, 1], [-1, 2])
note(tf.slice(x, [0, 1], [2, -1]).shape, tf.slice(x, [0, 1], [2, 1]).shape, tf.slice(x, v, [1, 2]).shape)
note(tf.slice(p, [1, 1], [-1, 2]).shape, tf.slice(x, v, [-1, 2]).shape, tf.slice(u, [0, 1], [2, 2]).shape)
note(tf.slice(x, v, v).shape, tf.slice(u, v, v).shape, tf.slice(u, s, s).shape)
tf.pad(x, [[1, 1], [2, 0]]); tf.pad(x, [[1, 1], [2, 0]], constant_values=5); tf.pad(x, [[1, 1], [2, 0]], 'reflect')
tf.pad(x, [[1, 1], [2, 0]], 'SYMMETRIC', name='mirrored'); tf.pad(x, [[1, 1], [2, 0]], constant_values=0)
tf.pad(x, [[1, 1], [2, 0]], constant_values=tf.constant(3.)); tf.pad(x, [[0, 0], [2, 0]], constant_values=0.)
note(tf.pad(x, [[1, 1], [2, 0]]).shape, tf.pad(p, [[1, 1], [2, 0]]).shape, tf.pad(u, [[1, 1], [2, 0]]).shape)
note(tf.pad(x, tf.placeholder(tf.int32, [2, 2])).shape, tf.pad(x, tf.placeholder(tf.int32)).shape)
note(tf.pad(p, [[1, 1], [2, 0]], 'REFLECT').shape)
tf.tile(x, [2, 3]); tf.tile(p, [2, 3], name='t_'); tf.tile(x, v)
note(tf.tile(x, [2, 3]).shape, tf.tile(p, [2, 3]).shape, tf.tile(x, v).shape, tf.tile(u, [2, 3]).shape)
note(tf.tile(x, [0, 1]).shape, tf.tile(x, [n, 2]).shape)
tf.reverse(x, [0]); tf.reverse(x, [-1, 0], name='r_'); tf.reverse_v2(x, [1]); tf.reverse(p, s)
note(tf.reverse(x, [0]).shape, tf.reverse(p, s).shape, tf.reverse(u, [0]).shape)
tf.reverse_sequence(x, [1, 2], seq_axis=1, batch_axis=0); tf.reverse_sequence(x, [1, 2], 1)
note(tf.reverse_sequence(p, s, seq_dim=1, batch_dim=0).shape)
fails(lambda: tf.slice(x, [0], [2]))
fails(lambda: tf.slice(x, [0, 0], [2]))
fails(lambda: tf.slice(x, [[0, 0]], [[2, 2]]))
fails(lambda: tf.pad(x, [[1, 1], [2, 0]], 'foo'))
fails(lambda: tf.pad(x, [[1, 1], [2, -1]]))
fails(lambda: tf.pad(x, [[1, 1]]))
fails(lambda: tf.pad(x, [[1, 1, 1], [2, 2, 2]]))
fails(lambda: tf.pad(x, [1, 1]))
fails(lambda: tf.tile(x, [2]))
fails(lambda: tf.tile(x, [[2, 1]]))
fails(lambda: tf.reverse(x, [2]))
fails(lambda: tf.reverse(x, [0, 0]))
fails(lambda: tf.reverse(x, 0))
fails(lambda: tf.reverse_sequence(x, [1, 2], 2, 0))
fails(lambda: tf.reverse_sequence(x, [1, 2, 3], 1, 0))
""",
    "gathers": """
tf.gather(x, [0, 1]); tf.gather(x, [[0, 2]], axis=1, name='g'); tf.gather(x, [[0, 2]], axis=-1)
tf.gather(tf.Variable([1., 2.]), [0]); tf.gather(w, s, validate_indices=False); tf.gather(x, 1)
tf.gather(w, tf.zeros([2, 3], tf.int32), batch_dims=1); tf.gather(x, tf.constant([1], tf.int64))
tf.gather_nd(x, [[0, 2]]); tf.gather_nd(x, [0]); tf.scatter_nd([[0], [2]], [1., 2.], [4], name='sc')
note(tf.gather(x, [0, 1]).shape, tf.gather(x, [[0, 2]], axis=1).shape, tf.gather(p, 0).shape)
note(tf.gather(w, tf.zeros([2, 3], tf.int32), batch_dims=1).shape, tf.gather(u, [0], axis=1).shape)
note(tf.gather(w, tf.zeros([2, 3], tf.int32), axis=2, batch_dims=1).shape, tf.gather(x, [0], axis=n).shape)
note(tf.gather(w, tf.zeros([2, 3], tf.int32), axis=0, batch_dims=1).shape, tf.gather(x, s).shape)
note(tf.gather(w, tf.zeros([2, 3], tf.int32), batch_dims=-1).shape)
note(tf.gather_nd(x, [[0, 2]]).shape, tf.gather_nd(w, [[0], [1]]).shape, tf.gather_nd(u, [[0]]).shape)
note(tf.gather_nd(x, tf.placeholder(tf.int32, [5, None])).shape, tf.gather_nd(p, v).shape)
note(tf.scatter_nd([[0], [2]], [1., 2.], [4]).shape, tf.scatter_nd([[0]], [1.], s).shape)
note(tf.batch_gather(w, tf.zeros([2, 3], tf.int32)).shape)
note(tf.gather_nd(w, tf.zeros([2, 3, 1], tf.int32), batch_dims=1).shape)
note(tf.unsorted_segment_sum(x, [0, 1], 5).shape, tf.unsorted_segment_sum(x, [0, 1], n).shape)
fails(lambda: tf.gather(3., [0]))
fails(lambda: tf.gather(x, [0], axis=2))
fails(lambda: tf.gather(x, [0], axis=-3))
fails(lambda: tf.gather(x, [0.]))
fails(lambda: tf.gather_nd(x, [[0, 1, 2]]))
fails(lambda: tf.gather_nd(x, 1))
fails(lambda: tf.unsorted_segment_sum(x, [0, 1, 2], 5))
""",
    "sequences": """
tf.range(5); tf.range(2, 5); tf.range(2, 9, 3, name='r'); tf.range(0, 1, 0.25); tf.range(2.5)
tf.range(5, dtype=tf.float32); tf.range(n); tf.range(tf.constant(3, tf.int64)); tf.range(5, 0, -2)
tf.range(1, tf.constant(3, tf.int64)); tf.range(tf.constant(1), tf.constant(3, tf.int64))
note(tf.range(5).shape, tf.range(0, 1, 0.25).shape, tf.range(n).shape, tf.range(5, 0, -2).shape)
note(tf.range(2., 9., 2.).shape, tf.range(tf.constant(3, tf.int64)).dtype, tf.range(2, 9, 3).shape)
tf.linspace(0., 1., 5); tf.lin_space(0., 1., n, name='L')
note(tf.linspace(0., 1., 5).shape, tf.linspace(0., 1., n).shape)
tf.one_hot([0, 1], 3); tf.one_hot([0, 1], 3, on_value=2, off_value=1, axis=0); tf.one_hot(s, n)
tf.one_hot([0, 1], 3, on_value=2., name='oh'); tf.one_hot([0, 1], 3, dtype=tf.int32)
tf.one_hot(v, 3, True, False, dtype=tf.bool); tf.one_hot(1, 3)
note(tf.one_hot(v, 3).shape, tf.one_hot(v, 3, axis=0).shape, tf.one_hot(s, 3).shape, tf.one_hot(v, n).shape)
note(tf.one_hot(tf.cast(u, tf.int32), 3).shape, tf.one_hot(2, 3).shape, tf.one_hot(v, 3, True, False).dtype)
tf.meshgrid([1, 2], [3, 4, 5]); tf.meshgrid([1, 2], s, indexing='ij'); tf.meshgrid([1., 2.])
note([t.shape for t in tf.meshgrid([1, 2], s, indexing='ij')])
note([t.shape for t in tf.meshgrid([1, 2], [1, 2, 3], [1, 2, 3, 4])])
fails(lambda: tf.range(0, 5, 0))
fails(lambda: tf.range(5, 0))
fails(lambda: tf.range(0, 5, -1))
fails(lambda: tf.range([1, 2]))
fails(lambda: tf.linspace(0., 1., 0))
fails(lambda: tf.linspace(0, 1, 3))
fails(lambda: tf.linspace([0.], 1., 3))
fails(lambda: tf.one_hot([0, 1], 3, on_value=2., dtype=tf.int32))
fails(lambda: tf.one_hot([0, 1], 3, on_value=2., off_value=1))
fails(lambda: tf.one_hot(v, -3))
fails(lambda: tf.one_hot([0.5], 3))
fails(lambda: tf.meshgrid([1, 2], [3, 4, 5], indexing='qq'))
fails(lambda: tf.meshgrid([1, 2], foo=1))
""",
    "products": """
tf.matmul(x, x, transpose_b=True); tf.matmul(x, y, transpose_a=True, name='mm'); tf.matmul(x, x, adjoint_b=True)
tf.matmul(c, c, adjoint_b=True); tf.matmul(c, c, adjoint_a=True); tf.matmul(w, w, transpose_b=True)
tf.matmul(tf.zeros([5, 3, 2]), x[0:2]) ; tf.matmul(u, u); tf.matmul(x, y, True, a_is_sparse=True)
tf.matmul(tf.zeros([5, 1, 2, 3]), tf.zeros([7, 3, 4])); x @ tf.transpose(y); tf.linalg.matvec(x, x[0])
tf.linalg.matvec(tf.zeros([5, 3, 2]), tf.zeros([5, 3]), transpose_a=True); tf.matmul([[1., 2.]], [[3.], [4.]])
note(tf.matmul(x, p, transpose_b=True).shape, tf.matmul(u, x).shape, tf.matmul(u, tf.zeros([7, 3, 4])).shape)
note(tf.matmul(tf.zeros([5, 1, 2, 3]), tf.zeros([7, 3, 4])).shape, tf.matmul(w, tf.zeros([4, 6])).shape)
note(tf.matmul(tf.zeros([5, 3, 2]), x).shape, tf.matmul(w, w, transpose_b=True).shape, tf.matmul(x, y, True).dtype)
note(tf.linalg.matvec(x, x[0]).shape, tf.matmul(c, c, adjoint_b=True).dtype)
fails(lambda: tf.matmul(x, y))
fails(lambda: tf.matmul(x, y, transpose_a=True, adjoint_a=True))
fails(lambda: tf.matmul(x, y, transpose_b=True, adjoint_b=True))
fails(lambda: tf.matmul(x, x[0]))
fails(lambda: tf.matmul(tf.zeros([5, 2, 3]), tf.zeros([4, 3, 2])))
fails(lambda: tf.matmul(tf.zeros([5, 2, 3]), tf.zeros([5, 4, 2])))
fails(lambda: tf.matmul(x, tf.zeros([3, 2], tf.float64)))
fails(lambda: tf.matmul(tf.zeros([2, 3], tf.int8), tf.zeros([3, 2], tf.int8)))
fails(lambda: tf.matmul(tf.zeros([2, 3], tf.bool), tf.zeros([3, 2], tf.bool)))
""",
    "tensordots": """
tf.tensordot(x, tf.transpose(y), 1); tf.tensordot(tf.zeros([2, 3, 4]), tf.zeros([4, 3, 5]), [[2, 1], [0, 1]])
tf.tensordot(x[0], y[0], 0); tf.tensordot(p, x, [[1], [1]]); tf.tensordot(p, w, [0, 1], name='td')
tf.tensordot(u, x, 1)
note(tf.tensordot(tf.zeros([2, 3, 4]), tf.zeros([4, 3, 5]), [[2, 1], [0, 1]]).shape)
note(tf.tensordot(p, x, [[1], [1]]).shape, tf.tensordot(p, w, [0, 1]).shape, tf.tensordot(u, x, 1).shape)
note(tf.tensordot(x, y, [[0, 1], [0, 1]]).shape, tf.tensordot(x, y, [-1, -1]).shape)
tf.einsum('ij,kj->ik', x, y); tf.einsum('ij->ji', x); tf.einsum('ij,k->ijk', x, y[0], name='outer')
tf.einsum('bij,bjk->bik', tf.zeros([2, 3, 4]), tf.zeros([2, 4, 5])); tf.einsum('ij->j', x)
tf.einsum('ij,ij->i', x, y); tf.einsum('abc,cd->abd', tf.zeros([2, 3, 4]), tf.zeros([4, 5]))
note(tf.einsum('ij,kj->ik', x, x).shape, tf.einsum('ij,kj', x, y).shape)
note(tf.einsum('...ij,...jk->...ik', tf.zeros([5, 3, 4]), tf.zeros([5, 4, 2])).shape)
fails(lambda: tf.einsum('ij,jk->ik', x))
fails(lambda: tf.einsum('ij;jk->ik', x, y))
fails(lambda: tf.einsum('iij->j', tf.zeros([2, 2, 3])))
fails(lambda: tf.einsum('ij->ik', x))
fails(lambda: tf.einsum('ij->j', x, other=1))
fails(lambda: tf.tensordot(x, y, -1))
fails(lambda: tf.tensordot(x, y, 3))
fails(lambda: tf.tensordot(x, y, [[0]]))
fails(lambda: tf.tensordot(x, y, [[0, 1], [0]]))
fails(lambda: tf.tensordot(x, y, 1))
""",
}

# A run of each fails; compared by class and text.
FAILURES = {
    "reshape": "result = tf.reshape(tf.range(6), tf.placeholder_with_default([4], [None]))",
    "reshape_multiple": "result = tf.reshape(tf.range(6), tf.placeholder_with_default([4, -1], [None]))",
    "gather": "result = tf.gather([1., 2.], tf.placeholder_with_default([[0, 5]], [1, 2]))",
    "gather_scalar": "result = tf.gather([1., 2.], tf.placeholder_with_default(-1, []))",
    "gather_constant": "result = tf.gather([1., 2.], [0, 2])",
    "gather_nd": "result = tf.gather_nd([[1., 2.]], tf.placeholder_with_default([[0, 1], [1, 0]], None))",
    "index": "result = tf.constant([1., 2.])[tf.placeholder_with_default(2, [])]",
    "slice": "result = tf.slice([1., 2.], tf.placeholder_with_default([1], [1]), [2])",
    "slice_begin": "result = tf.slice([1., 2.], tf.placeholder_with_default([-1], [1]), [2])",
    "slice_size": "result = tf.slice([1., 2.], [1], tf.placeholder_with_default([3], [1]))",
    "mirror": "result = tf.pad([1., 2.], [[2, 0]], 'REFLECT')",
    "symmetric": "result = tf.pad([1., 2.], [[3, 0]], 'SYMMETRIC')",
    "tile": "result = tf.tile([1., 2.], tf.placeholder_with_default([-1], [1]))",
    "concat": "result = tf.concat([[[1.]], tf.placeholder_with_default([[1., 2.]], None)], 0)",
    "stack": "result = tf.stack([[1.], tf.placeholder_with_default([1., 2.], None)])",
    "unstack": "result = tf.unstack(tf.placeholder_with_default([1., 2.], None), 3)",
    "split": "result = tf.split(tf.placeholder_with_default([1., 2., 3.], None), 2)",
    "matmul": "result = tf.matmul([[1., 2.]], tf.placeholder_with_default([[1., 2.]], [None, None]))",
    "broadcast_to": "result = tf.broadcast_to([1., 2.], tf.placeholder_with_default([3], [1]))",
    "range": "result = tf.range(tf.placeholder_with_default(-1, []))",
    "squeeze": "result = tf.squeeze(tf.placeholder_with_default([[1., 2.]], [None, None]), 1)",
    "transpose": "result = tf.transpose([[1., 2.]], tf.placeholder_with_default([0, 0], [2]))",
    "reverse_sequence": "result = tf.reverse_sequence([[1., 2.]], tf.placeholder_with_default([3], [1]), 1)",
    "fill": "result = tf.fill(tf.placeholder_with_default([-1], [1]), 1.)",
}

VALUES = {
    "ranges": """
result = [tf.range(5), tf.range(2, 9, 3), tf.range(0, 1, 0.1), tf.range(2.5), tf.range(5, 0, -2),
          tf.range(0., 1000., 0.7), tf.range(3, dtype=tf.float64), tf.range(1., 0., -0.3),
          tf.range(0), tf.linspace(0., 1., 7), tf.linspace(-1., 5., 1), tf.linspace(3., -3.3, 50),
          tf.linspace(tf.constant(0., tf.float64), 10., 13), tf.range(10, 3, -1)]
""",
    "one_hots": """
i = tf.constant([[0, 5, -1], [2, 1, 3]])
result = [tf.one_hot(i, 3), tf.one_hot(i, 4, axis=0), tf.one_hot(i, 4, axis=1, dtype=tf.int64),
          tf.one_hot(i, 3, 5., -1.), tf.one_hot(i, 2, True, False), tf.one_hot(i, 0),
          tf.one_hot(tf.constant([200, 255], tf.uint8), 300, axis=0), tf.one_hot(2, 3),
          tf.one_hot(tf.constant([1, 2**40], tf.int64), 3, dtype=tf.uint8)]
""",
    "grids": """
result = list(tf.meshgrid([1, 2], [3, 4, 5])) + list(tf.meshgrid([1., 2.], [3., 4.], [5.], indexing='ij'))
result += list(tf.meshgrid([1, 2], [3, 4, 5], [6, 7])) + list(tf.meshgrid([1, 2]))
""",
    "gather_gradients": """
x = tf.reshape(tf.range(24.), [2, 3, 4])
i = tf.constant([[1, 0, 1], [2, 2, 1]])
def dense(y, x):
    g = tf.gradients(y, x, grad_ys=tf.reshape(tf.range(tf.cast(tf.size(y), tf.float32)), tf.shape(y)))[0]
    return tf.convert_to_tensor(g)
result = [dense(tf.gather(x, [1, 0, 1]), x), dense(tf.gather(x, [2, 2, 0], axis=1), x),
          dense(tf.gather(x, i, axis=1, batch_dims=1), x),
          dense(tf.gather_nd(x, [[0, 1], [1, 2], [0, 1]]), x), dense(tf.gather_nd(x, [[1], [0], [1]]), x),
          dense(tf.gather_nd(x, [[[1, 1, 1]]]), x), dense(tf.gather(x, 1), x)]
sparse = tf.gradients(tf.gather(x, [1, 0, 1]), x)[0]
result += [sparse.values, sparse.indices, sparse.dense_shape]
""",
    "mirrors": """
x = tf.reshape(tf.range(12.), [3, 4])
result = [tf.pad(x, [[2, 1], [3, 2]], 'REFLECT'), tf.pad(x, [[3, 1], [0, 4]], 'SYMMETRIC')]
for y in result[:2]:
    result += tf.gradients(y, x, grad_ys=tf.reshape(tf.range(tf.cast(tf.size(y), tf.float32)), tf.shape(y)))
""",
    "products": """
a = tf.constant(np.arange(6).reshape(2, 3), tf.int32)
f = tf.constant(np.linspace(-1, 1, 6).reshape(2, 3), tf.float16)
z = tf.constant(np.arange(6).reshape(2, 3) * (1 + 2j), tf.complex64)
result = [tf.matmul(a, a, transpose_b=True), tf.matmul(a * 1000000, a, transpose_a=True),
          tf.matmul(f, f, transpose_b=True), tf.matmul(z, z, adjoint_b=True),
          tf.matmul(z, z, transpose_a=True), tf.matmul(tf.cast(a, tf.int64), tf.cast(a, tf.int64), True),
          tf.transpose(z, conjugate=True), tf.matmul(tf.zeros([0, 3]), tf.ones([3, 2])),
          tf.matmul(tf.ones([2, 0]), tf.ones([0, 3])),
          tf.matmul(tf.cast(f, tf.float32), tf.cast(f, tf.float32), True, a_is_sparse=True)]
""",
}
