"""Small programs of complex numbers and Fourier transforms, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute, `FAILURES` by how their run fails.
"""

SETUP = """
c = tf.placeholder(tf.complex64, [2, 3], name='c')
x = tf.placeholder(tf.float32, [2, 8], name='x')
p = tf.placeholder(tf.float32, [None, 8], name='p')
u = tf.placeholder(tf.complex64, None, name='u')
"""

SCENARIOS = {
    "names": """
tf.complex(1., 2.); tf.real(c); tf.imag(c); tf.conj(c); tf.angle(c); tf.abs(c); tf.math.real(c, name='r'); tf.real(x)
tf.conj(x); tf.angle(x); tf.complex(tf.zeros([2], tf.float64), tf.zeros([2], tf.float64), name='z'); c * c; c + 1.; tf.square(c)
tf.fft(c); tf.ifft(c); tf.fft2d(c); tf.ifft2d(c); tf.fft3d(tf.zeros([1, 2, 3], tf.complex64)); tf.signal.fft(c, name='f')
tf.signal.rfft(x); tf.spectral.rfft(x, [4]); tf.signal.irfft(c, name='i'); tf.signal.rfft2d(x); tf.signal.irfft2d(c)
note(tf.complex(x, 1.).shape, tf.real(c).dtype, tf.angle(c).dtype, tf.abs(c).dtype, tf.fft(u).shape, tf.fft(c).shape)
note(tf.signal.rfft(x).shape, tf.signal.rfft(x, [4]).shape, tf.signal.irfft(c).shape, tf.signal.rfft(p).shape, tf.signal.rfft2d(x).shape)
fails(lambda: tf.complex(1, 2))
fails(lambda: tf.fft(x))
fails(lambda: tf.fft2d(c[0]))
fails(lambda: tf.complex(x, tf.zeros([2, 8], tf.float64)))
""",
}

_C = """
r = np.random.RandomState(0); a = r.randn(2, 3) + 1j * r.randn(2, 3); b = r.randn(3, 2) + 1j * r.randn(3, 2); x = r.randn(2, 6); z = r.randn(2, 2, 4, 6)
f = tf.placeholder(tf.complex128, [2, 3]); feed = {f: a}
"""

VALUES = {
    "arithmetic": _C
    + """
result = [f + a, f - 1., f * a, f / a, -f, tf.square(f), tf.exp(f), tf.log(f), tf.sqrt(f), tf.sin(f), tf.cos(f), tf.tanh(f), tf.pow(f, 2.), tf.reciprocal(f), tf.sigmoid(f), tf.rsqrt(f),
  tf.real(f), tf.imag(f), tf.conj(f), tf.angle(f), tf.abs(f), tf.matmul(f, b), tf.matmul(f, f, adjoint_b=True), tf.reduce_sum(f), tf.reduce_mean(f, 0), tf.reduce_prod(f, 1),
  tf.equal(f, a), tf.transpose(f, conjugate=True), tf.concat([f, a], 0), f[0], tf.stack([f, f]), tf.reshape(f, [-1]), tf.cast(f, tf.complex64), tf.cast(x, tf.complex128), tf.cast(f, tf.float32),
  tf.gather(f, [1, 0]), tf.where(tf.real(f) > 0, f, -f), tf.complex(x, 2 * x), tf.zeros_like(f), tf.pad(f, [[1, 0], [0, 1]]), tf.cumsum(f, 1), tf.angle(x), tf.sign(f), tf.add_n([f, f]), tf.tile(f, [1, 2])]
""",
    "variables": """
v = tf.Variable([1 + 2j, 3.], dtype=tf.complex64); first = [v.initializer, tf.assign_add(v, [1j, 1.])]
result = [v + 0, v * v]
""",
    "complex_gradients": _C
    + """
g = lambda y: tf.gradients(y, f)
result = g(tf.real(f * f * a)) + g(tf.abs(f)) + g(tf.imag(tf.exp(f))) + g(tf.angle(f)) + g(tf.real(tf.matmul(f, b) ** 2)) + g(tf.real(f / a + a / f)) + g(tf.real(tf.log(f)))
result += g(tf.abs(tf.reduce_sum(f * f))) + g(tf.square(tf.abs(f))) + g(tf.real(tf.sin(f) * tf.conj(f))) + g(tf.real(tf.sqrt(f))) + g(tf.real(tf.tanh(f))) + g(tf.abs(tf.transpose(f, conjugate=True) * b))
""",
    "transforms": _C
    + """
s = x.astype('float32'); w = z.astype('float32')
result = [tf.fft(f), tf.ifft(f), tf.fft2d(f), tf.ifft2d(z + 0j), tf.fft3d(z + 1j), tf.ifft3d(z + 0j), tf.signal.rfft(s), tf.signal.rfft(s, [4]), tf.signal.rfft(s, [9]),
  tf.signal.irfft(a.astype('complex64')), tf.signal.irfft(a.astype('complex64'), [5]), tf.signal.rfft2d(w), tf.signal.rfft3d(w), tf.signal.irfft2d(w + 0j), tf.signal.irfft3d((w + 0j).astype('complex64')), tf.fft(a.astype('complex64'))]
""".replace("tf.signal.irfft2d(w + 0j)", "tf.signal.irfft2d((w + 0j).astype('complex64'))"),
    "transform_gradients": _C
    + """
s = tf.constant(x, tf.float32); q = tf.constant(a, tf.complex64); w = tf.constant(z, tf.float32)
h = lambda y, v: tf.gradients(tf.abs(y) ** 2, v)
result = h(tf.fft(q) * q, q) + h(tf.ifft(q) * q, q) + h(tf.fft2d(q), q) + h(tf.signal.rfft(s), s) + h(tf.signal.irfft(q), q) + h(tf.signal.irfft(q, [5]), q) + h(tf.signal.rfft2d(w) / 9., w)
""",
}

FAILURES = {}
