"""Small programs of diagonals, scans and linear algebra, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute, `FAILURES` by how their run fails.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 3], name='x')
u = tf.placeholder(tf.float32, None, name='u')
p = tf.placeholder(tf.float32, [None, 3], name='p')
w = tf.placeholder(tf.float32, [2, None, 4], name='w')
s = tf.placeholder(tf.float32, [5, 4, 4], name='s')
n = tf.placeholder(tf.int32, [], name='n')
"""

SCENARIOS = {
    "diagonals": """
tf.diag([1., 2.]); tf.diag(x); tf.diag_part(tf.zeros([2, 3, 2, 3])); tf.matrix_diag(x)
tf.matrix_diag_part(w); tf.matrix_set_diag(s, tf.zeros([5, 4])); tf.matrix_band_part(x, 1, -1)
tf.linalg.band_part(s, 0, 0, name='b'); tf.trace(s); tf.linalg.trace(x); tf.linalg.diag(x)
tf.linalg.diag_part(w); tf.linalg.tensor_diag([1.]); tf.linalg.tensor_diag_part(tf.zeros([1, 1]))
note(tf.diag(p).shape, tf.diag(u).shape, tf.diag_part(u).shape, tf.matrix_diag(p).shape)
note(tf.matrix_diag(u).shape, tf.matrix_diag_part(w).shape, tf.matrix_diag_part(u).shape)
note(tf.matrix_set_diag(u, x).shape, tf.matrix_band_part(u, 1, 1).shape, tf.trace(w).shape)
fails(lambda: tf.diag_part(tf.zeros([2, 3])))
fails(lambda: tf.diag_part(tf.zeros([2, 3, 2])))
fails(lambda: tf.diag(tf.zeros([])))
fails(lambda: tf.matrix_diag_part(tf.zeros([3])))
fails(lambda: tf.matrix_set_diag(x, tf.zeros([4])))
fails(lambda: tf.matrix_diag(tf.zeros([])))
""",
    "eyes": """
tf.eye(3); tf.eye(2, 3); tf.eye(n); tf.eye(3, 2, batch_shape=[4]); tf.eye(2, dtype=tf.int32, name='I')
tf.linalg.eye(2)
note(tf.eye(3).shape, tf.eye(2, 3).shape, tf.eye(n).shape, tf.eye(3, n).shape)
note(tf.eye(2, batch_shape=[4, 5]).shape, tf.eye(2, batch_shape=tf.stack([n])).shape)
""",
    "scans": """
tf.cumsum(x); tf.cumsum(x, 1, exclusive=True); tf.cumprod(x, axis=-1, reverse=True, name='c')
tf.math.cumsum(x)
note(tf.cumsum(p).shape, tf.cumsum(u).shape, tf.cumprod(w, 1).shape)
fails(lambda: tf.cumsum(x, [[1]]))
fails(lambda: tf.cumsum(x > 0))
""",
    "factors": """
tf.cholesky(s); tf.linalg.cholesky(s); tf.cholesky_solve(s, s); tf.matrix_inverse(s)
tf.linalg.inv(s, adjoint=True); tf.matrix_solve(s, s); tf.matrix_triangular_solve(s, s)
tf.matrix_determinant(s); tf.linalg.det(s); tf.linalg.slogdet(s); tf.linalg.logdet(s)
tf.qr(s); tf.svd(s); tf.svd(s, compute_uv=False); tf.self_adjoint_eig(s); tf.self_adjoint_eigvals(s)
tf.linalg.eigh(s); tf.linalg.eigvalsh(s); tf.matrix_solve_ls(s, s); tf.linalg.lstsq(s, s, fast=False)
tf.matrix_solve_ls(s, s, 0.5); tf.linalg.adjoint(s); tf.cross(x, x); tf.linalg.cross(x, x)
tf.linalg.solve(s, s); tf.linalg.triangular_solve(s, s, lower=False); tf.linalg.sqrtm(s)
tf.matrix_solve_ls(tf.zeros([3, 2]), tf.zeros([3, 1]), 0.1, fast=False)
note(tf.cholesky(u).shape, tf.cholesky(tf.zeros([4, 4])).shape, tf.matrix_inverse(w).shape)
note(tf.matrix_solve(s, tf.zeros([5, 4, 2])).shape, tf.matrix_solve(u, u).shape)
note([t.shape for t in tf.qr(tf.zeros([2, 5, 3]))], [t.shape for t in tf.qr(w)])
note([t.shape for t in tf.qr(tf.zeros([5, 3]), full_matrices=True)], [t.shape for t in tf.qr(u)])
note([t.shape for t in tf.svd(tf.zeros([2, 5, 3]))], [t.shape for t in tf.svd(w)])
note([t.shape for t in tf.svd(tf.zeros([5, 3]), full_matrices=True)])
note(tf.svd(tf.zeros([5, 3]), compute_uv=False).shape, tf.matrix_determinant(s).shape)
note([t.shape for t in tf.self_adjoint_eig(s)], tf.self_adjoint_eigvals(u).shape)
note([t.shape for t in tf.linalg.slogdet(s)], tf.matrix_solve_ls(tf.zeros([5, 4, 2]), s).shape)
fails(lambda: tf.cholesky(x))
fails(lambda: tf.cholesky([1., 2.]))
fails(lambda: tf.matrix_inverse(x))
fails(lambda: tf.matrix_solve(s, x))
fails(lambda: tf.matrix_determinant(x))
fails(lambda: tf.cholesky([[1, 2], [2, 1]]))
fails(lambda: tf.cross([1., 2.], [1., 2.]))
fails(lambda: tf.cross([1., 2., 3.], [1., 2., 3., 4.]))
""",
    "norms": """
tf.norm(x); tf.norm(x, axis=1); tf.norm(x, 1); tf.norm(x, np.inf, axis=0, keepdims=True)
tf.norm(x, 3, axis=1, name='third'); tf.norm(s, axis=[-2, -1]); tf.norm(s, 'fro', axis=(1, 2))
tf.norm(s, 1, axis=(1, 2)); tf.norm(s, np.inf, axis=(1, 2)); tf.linalg.norm(x, 'euclidean')
tf.norm(p, axis=1, keep_dims=True)
note(tf.norm(x).shape, tf.norm(p, axis=1).shape, tf.norm(s, 1, axis=(1, 2)).shape)
fails(lambda: tf.norm(x, 'other'))
fails(lambda: tf.norm(x, 'fro'))
fails(lambda: tf.norm(x, 0))
fails(lambda: tf.norm(x, -1))
fails(lambda: tf.norm(x, 3, axis=(0, 1)))
fails(lambda: tf.norm(x, axis=[0, 1, 2]))
fails(lambda: tf.norm(x, axis=0, keepdims=True, keep_dims=True))
""",
}

_A = "a = np.random.RandomState(0).randn(2, 3, 3).astype('float64'); "
_P = _A + "p = np.matmul(a, a.transpose(0, 2, 1)) + np.eye(3); "

VALUES = {
    "diagonals": """
a = np.arange(24.).reshape(2, 3, 4)
result = [tf.diag([1., 2.]), tf.diag(a[0, :2, :2]), tf.diag_part(np.arange(36.).reshape(2, 3, 2, 3)),
          tf.matrix_diag(a), tf.matrix_diag_part(a), tf.matrix_set_diag(a, -np.ones([2, 3])),
          tf.matrix_band_part(a, 1, 0), tf.matrix_band_part(a, -1, 1), tf.matrix_band_part(a, 0, -1),
          tf.trace(a), tf.eye(2, 3), tf.eye(3, 2, batch_shape=[2], dtype=tf.int32), tf.eye(0),
          tf.diag(np.zeros([0])), tf.matrix_diag_part(np.zeros([2, 0, 3]))]
""",
    "scans": """
a = np.arange(1., 25.).reshape(2, 3, 4)
result = [f(a, axis, exclusive=e, reverse=r) for f in (tf.cumsum, tf.cumprod) for axis in (0, 1, -1)
          for e in (False, True) for r in (False, True)]
result += [tf.cumsum(np.zeros([0, 3])), tf.cumsum(np.arange(5), exclusive=True),
           tf.cumsum(tf.constant([1., 2., 3.], tf.float16))]
x = tf.constant(a)
result += tf.gradients(tf.cumprod(x, 1, exclusive=True), x) + tf.gradients(tf.cumsum(x, 2)**2, x)
""",
    "factors": _P
    + """
r = np.arange(6.).reshape(2, 3, 1) + np.ones([2, 3, 2])
result = [tf.cholesky(p), tf.cholesky_solve(tf.cholesky(p), r), tf.matrix_inverse(a),
          tf.matrix_inverse(a, adjoint=True), tf.matrix_solve(a, r), tf.matrix_solve(a, r, adjoint=True),
          tf.matrix_triangular_solve(a, r), tf.matrix_triangular_solve(a, r, lower=False),
          tf.matrix_triangular_solve(a, r, adjoint=True), tf.matrix_determinant(a),
          tf.linalg.logdet(p), tf.self_adjoint_eigvals(p), tf.svd(a, compute_uv=False),
          tf.matrix_solve_ls(a[:, :, :2], r), tf.matrix_solve_ls(a[:, :2], r[:, :2], 0.5),
          tf.matrix_solve_ls(a[:, :, :2], r, fast=False), tf.cross(a, a[::-1]), tf.linalg.adjoint(a),
          tf.matrix_inverse(a.astype('float32') + 0), tf.linalg.expm(a), tf.linalg.sqrtm(p),
          tf.matrix_determinant(np.zeros([2, 0, 0])), tf.cholesky(np.zeros([0, 3, 3]))]
result += list(tf.linalg.slogdet(a))
""",
    "rebuilt": _A
    + """
q, r = tf.qr(a[:, :, :2]); Q, R = tf.qr(a[:, :, :2], full_matrices=True)
s, u, v = tf.svd(a[:, :2]); e, z = tf.self_adjoint_eig(a + a.transpose(0, 2, 1))
result = [tf.matmul(q, r), tf.matmul(Q, R), e, s, tf.abs(u), tf.abs(v), tf.abs(z), tf.abs(q), tf.abs(R)]
""",
    "gradients": _P
    + """
a = tf.constant(a); p = tf.constant(p); r = tf.constant(np.arange(12.).reshape(2, 3, 2))
g = lambda y, *xs: tf.gradients(y ** 2, xs)
sym = (p + tf.matrix_transpose(p)) / 2
e, z = tf.self_adjoint_eig(sym); s, u, v = tf.svd(a); q, t = tf.qr(a)
result = (g(tf.cholesky(p), p) + g(tf.matrix_inverse(a), a) + g(tf.matrix_solve(a, r), a, r)
  + g(tf.matrix_solve(a, r, adjoint=True), a, r) + g(tf.matrix_triangular_solve(a, r), a, r)
  + g(tf.matrix_triangular_solve(a, r, lower=False, adjoint=True), a, r)
  + g(tf.matrix_determinant(a), a) + g(tf.linalg.logdet(p), p) + g(tf.linalg.slogdet(a)[1], a)
  + g(tf.self_adjoint_eigvals(sym), p) + g(z, p) + g(s, a) + g(tf.svd(a, compute_uv=False), a)
  + g(u, a) + g(v, a) + g(q, a) + g(t, a) + g(tf.cross(a, a * 2 + 1), a)
  + g(tf.matrix_solve_ls(a[:, :, :2], r), a, r) + g(tf.matrix_solve_ls(a[:, :2], r[:, :2], 0.5), a, r)
  + g(tf.norm(a), a) + g(tf.norm(a, 1, axis=[1, 2]), a) + g(tf.norm(a, np.inf, axis=1), a))
""",
    "diagonal_gradients": """
x = tf.constant(np.arange(9.).reshape(3, 3)); y = tf.constant([1., 2., 3.], tf.float64)
g = lambda y, *xs: tf.gradients(y ** 3, xs)
result = (g(tf.diag(y), y) + g(tf.diag_part(x), x) + g(tf.matrix_diag(x), x) + g(tf.matrix_diag_part(x[:2]), x)
  + g(tf.matrix_set_diag(x, y), x, y) + g(tf.matrix_band_part(x, 1, 0), x) + g(tf.trace(x), x))
""",
    "norms": _A
    + """
result = [tf.norm(a), tf.norm(a, axis=1), tf.norm(a, 1), tf.norm(a, np.inf), tf.norm(a, 3, axis=2),
          tf.norm(a, 1, axis=(1, 2)), tf.norm(a, np.inf, axis=(0, 2)), tf.norm(a, 'fro', axis=(1, 2)),
          tf.norm(a, axis=[0, 2], keepdims=True), tf.norm(a, 2, axis=[-2, -1])]
""",
}

FAILURES = {
    "singular": "result = tf.matrix_inverse(np.zeros([2, 2]))",
    "singular_solve": "result = tf.matrix_solve(np.zeros([2, 2]), np.ones([2, 1]))",
    "singular_triangular": "result = tf.matrix_triangular_solve(np.zeros([2, 2]), np.ones([2, 1]))",
    "not_positive": "result = tf.cholesky([[1., 2.], [2., 1.]])",
    "not_positive_fed": """
x = tf.placeholder(tf.float32, [2, 2])
result = tf.cholesky(x); feed = {x: [[1., 2.], [2., 1.]]}
""",
}
