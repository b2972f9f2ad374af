"""Small programs of special functions and fake quantisation, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute, `FAILURES` by how their run fails.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 3], name='x')
u = tf.placeholder(tf.float32, None, name='u')
"""

SCENARIOS = {
    "names": """
tf.igamma(x, x); tf.igammac(x, 1.); tf.zeta(x, x); tf.polygamma(1., x); tf.betainc(x, x, x); tf.lbeta(x)
tf.math.bessel_i0e(x); tf.math.bessel_i1e(x); tf.math.nextafter(tf.zeros([2], tf.float64), 1.)
tf.fake_quant_with_min_max_args(x); tf.fake_quant_with_min_max_vars(x, 0., 1.); tf.quantization.quantize_and_dequantize(x, 0., 1.)
tf.fake_quant_with_min_max_vars_per_channel(x, [0., 0., 0.], [1., 1., 1.], name='f'); tf.math.igamma(x, x)
note(tf.igamma(x, 1.).shape, tf.betainc(x, x, 1.).shape, tf.lbeta(x).shape, tf.polygamma(u, x).shape)
fails(lambda: tf.igamma(tf.zeros([2], tf.int32), 1))
fails(lambda: tf.betainc(x, x, [1., 2.]))
""",
}

VALUES = {
    "gammas": """
a = np.array([.1, .5, 1., 2.5, 10., 100.]); x = np.array([.05, .5, 1., 4., 12., 90.])
result = [tf.igamma(a, x), tf.igammac(a, x), tf.igamma(a[:, None], x), tf.igammac(a[:, None], x), tf.zeta(1. + a, x), tf.polygamma([0., 1., 2., 3.], 2.5 * np.ones(4)),
  tf.polygamma(np.float64(1), x), tf.lbeta(np.array([[1., 2., 3.], [.5, .5, 4.]])), tf.betainc(a, a[::-1].copy(), np.array([.1, .5, .9, .3, .7, .5])),
  tf.betainc(np.float64(2.), np.float64(3.), np.linspace(0., 1., 7)), tf.zeta(np.array([1.5, 2., 5.]), np.array([1., 2., .25])), tf.igamma(1., np.array([-1., 0.])), tf.igammac(2., np.array([0., 1e3])), tf.digamma(x)]
""",
    "bessel": """
x = np.array([-30., -8., -1., -.1, 0., .5, 3., 7.9, 8.1, 100.])
result = [tf.math.bessel_i0e(x), tf.math.bessel_i1e(x), tf.math.bessel_i0e(x.astype('float32')), tf.math.bessel_i1e(x.astype('float32')), tf.math.bessel_i0(x[1:8]), tf.math.bessel_i1(x[1:8]),
  tf.math.nextafter(x, np.ones(10)), tf.math.nextafter(np.float32(1), np.float32(2))]
""",
    "special_gradients": """
a = tf.constant([.5, 1., 2.5, 10.], tf.float64); x = tf.constant([.5, 2., 4., 9.], tf.float64); y = tf.constant([.1, .5, .9, .3], tf.float64)
g = lambda y, *xs: [v for v in tf.gradients(y ** 2, xs) if v is not None]
result = g(tf.igamma(a, x), x) + g(tf.igammac(a, x), x) + g(tf.zeta(a + 1., x), x) + g(tf.polygamma(tf.constant([1., 2., 1., 3.], tf.float64), x), x) + g(tf.betainc(a, x, y), y)
result += g(tf.lbeta(a), a) + g(tf.digamma(x), x) + g(tf.math.bessel_i0e(x), x) + g(tf.math.bessel_i1e(x), x) + g(tf.math.lgamma(x), x)
""",
    "fake_quant": """
x = tf.constant(np.linspace(-7., 7., 29).reshape(29, 1) * [1., .5, .1], tf.float32); lo, hi = tf.constant(-1.3), tf.constant(3.1)
los, his = tf.constant([-1., 0., -3.]), tf.constant([1., 2., -1.])
result = [tf.fake_quant_with_min_max_args(x), tf.fake_quant_with_min_max_args(x, -2, 5, 4, True), tf.fake_quant_with_min_max_vars(x, lo, hi), tf.fake_quant_with_min_max_vars_per_channel(x, los, his),
  tf.fake_quant_with_min_max_vars(x, 1., 3., num_bits=6)]
for y, xs in ((tf.fake_quant_with_min_max_args(x), [x]), (tf.fake_quant_with_min_max_vars(x, lo, hi), [x, lo, hi]), (tf.fake_quant_with_min_max_vars_per_channel(x, los, his), [x, los, his])): result += tf.gradients(y * x, xs)
result += [tf.quantization.quantize_and_dequantize(x, -2., 3., range_given=True), tf.quantization.quantize_and_dequantize(x, 0., 0., range_given=False, num_bits=4), tf.quantization.quantize_and_dequantize(x, 0., 3., signed_input=False, range_given=True)]
result += tf.gradients(tf.quantization.quantize_and_dequantize(x, -2., 3., range_given=True) * x, x)
""",
}

FAILURES = {}
