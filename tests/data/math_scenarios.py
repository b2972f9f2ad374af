"""Small programs of elementwise ops and reductions, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
they compute: at the awkward points, where a formula decides what comes out. Each runs in a fresh
graph with `tf`, `np`, `note`, `fails` and the placeholders of `SETUP`.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 3], name='x')
i = tf.placeholder(tf.int32, [2, 3], name='i')
b = tf.placeholder(tf.bool, [2, 3], name='b')
u = tf.placeholder(tf.float32, None, name='u')
v = tf.placeholder(tf.bool, [2], name='v')
p = tf.placeholder(tf.float32, [None, 3], name='p')
q = tf.placeholder(tf.int32, [1], name='q')
"""

SCENARIOS = {
    "arithmetic_names": """
tf.add(x, 1.); x + 1; 1 + x; x - 2.; 2 - x; x * x; 3 * x; i / 2; 2 / i; x / 2.; i // 2; 7 // i
tf.div(i, 2); tf.div(x, 2.); tf.divide(i, 2); tf.divide(i, 2, name='quotient'); i % 2; 5 % i
tf.mod(i, 2); tf.floormod(i, 2); tf.truncatemod(i, 2); tf.truncatediv(i, 2); tf.floordiv(i, 2)
tf.floor_div(i, 2); tf.realdiv(x, 2.); tf.truediv(i, 2); x ** 2; 2. ** x; tf.pow(x, 2.)
tf.subtract(x, 1.); tf.multiply(x, 2.); tf.maximum(x, 0.); tf.minimum(x, 0.)
tf.squared_difference(x, 1.); tf.div_no_nan(x, 2.); tf.math.multiply_no_nan(x, 2.)
tf.math.reciprocal_no_nan(x); tf.math.polyval([1., 2., 3.], x); tf.scalar_mul(2., x)
tf.atan2(x, 1.); tf.math.xlogy(x, 2.); tf.math.xdivy(x, 2.); np.ones([2, 3], np.float32) * x
tf.constant('a') + 'b'; tf.add('a', 'b'); tf.add(x, x, name='sum'); x + [[1., 2., 3.]]
""",
    "arithmetic_errors": """
fails(lambda: x / i)
fails(lambda: tf.truediv(x, 2))
fails(lambda: x + i)
fails(lambda: x + [1., 2.])
fails(lambda: x + tf.zeros([3, 2]))
fails(lambda: tf.zeros([2, 1, 4]) * tf.zeros([5, 3, 1, 3]))
fails(lambda: tf.constant('a') - 'b')
fails(lambda: b + True)
fails(lambda: b / b)
fails(lambda: x + None)
fails(lambda: i + 1.5)
fails(lambda: 1.5 * i)
fails(lambda: tf.maximum(b, b))
fails(lambda: tf.mod(tf.constant(1, tf.int8), tf.constant(2, tf.int8)))
fails(lambda: tf.scalar_mul([2.], x))
fails(lambda: tf.div_no_nan(i, 2))
fails(lambda: tf.bitwise.bitwise_and(x, 3))
fails(lambda: tf.exp(i))
fails(lambda: tf.sqrt(2))
fails(lambda: tf.abs(tf.constant(1, tf.uint8)))
fails(lambda: tf.sigmoid(i))
fails(lambda: tf.floor(i))
fails(lambda: tf.is_nan(i))
fails(lambda: tf.conj('a'))
fails(lambda: tf.logical_and(x, b))
fails(lambda: ~x)
fails(lambda: x & x)
fails(lambda: tf.less(b, b))
""",
    "arithmetic_shapes": """
one = tf.placeholder(tf.float32, [None, 1])
four = tf.placeholder(tf.float32, [None, 4])
for t in [u + x, p + x, one + four, p + 1., u + u, one * x, tf.zeros([0, 3]) + x[:1], four + one]:
    note(t.shape)
note(tf.zeros([5, 1, 3]).shape, (tf.zeros([5, 1, 3]) - x).shape, (u > 1).shape, (p > x).shape)
""",
    "unary_names": """
-x; abs(x); tf.abs(x); tf.negative(x); tf.sign(x); tf.square(x); tf.sqrt(x); tf.rsqrt(x)
tf.reciprocal(x); tf.exp(x); tf.expm1(x); tf.log(x); tf.log1p(x); tf.sin(x); tf.cos(x); tf.tan(x)
tf.asin(x); tf.acos(x); tf.atan(x); tf.sinh(x); tf.cosh(x); tf.tanh(x); tf.asinh(x); tf.acosh(x)
tf.atanh(x); tf.erf(x); tf.erfc(x); tf.lgamma(x); tf.digamma(x); tf.floor(x); tf.ceil(x); tf.rint(x)
tf.round(x); tf.round(i); tf.is_nan(x); tf.is_inf(x); tf.is_finite(x); tf.sigmoid(x)
tf.sigmoid([1., 2.]); tf.log_sigmoid(x); tf.nn.softplus(x); tf.bitwise.invert(i)
tf.exp(x, name='e'); tf.conj(x); tf.real(x); tf.imag(x); tf.conj([1.]); tf.abs([1., -1.])
note(tf.round(i) is i, tf.conj(x) is x, tf.exp(p).shape, tf.is_nan(u).shape, tf.is_nan(x).dtype)
""",
    "comparison_names": """
x < 1; x <= 1; x > 1; x >= 1; 1 < x; 1 >= x; tf.equal(x, 1.); tf.not_equal(x, x); tf.less(x, 2.)
tf.less_equal(x, 2.); tf.greater(x, 2.); tf.greater_equal(x, 2.); ~b; b & True; True & b; b | b
b ^ b; tf.logical_xor(b, b); tf.logical_and(b, True); tf.logical_or(b, b); tf.logical_not(b)
tf.logical_xor(b, b, name='either'); tf.equal('a', 'b'); tf.bitwise.bitwise_and(i, 3)
tf.bitwise.bitwise_or(i, 3); tf.bitwise.bitwise_xor(i, 3); tf.bitwise.left_shift(i, 1)
tf.bitwise.right_shift(i, 1)
note((x == x), (x == 1), (x != x), (x < 1).dtype)
fails(lambda: tf.not_equal(x, [1., 2.]))
fails(lambda: tf.equal(x, i))
""",
    "where": """
tf.where(v, x, x); tf.where(u > 0, x, x); tf.where(True, x, x); tf.where_v2(x > 0, x, 0.)
tf.where(b, x, x, name='chosen'); tf.where(tf.constant([True, False]), [1, 2], [3, 4])
note(tf.where(v, u, u).shape, tf.where(v, u, tf.placeholder(tf.float32, [None, 4])).shape)
note(tf.where(u > 0, u, u).shape, tf.where(v, p, p).shape, tf.where(b, p, p).shape)
note(tf.where_v2(v[:1], x, p).shape, tf.where_v2(u > 0, x, 1.).shape)
fails(lambda: tf.where(x > 0, x, 1.))
fails(lambda: tf.where(tf.placeholder(tf.bool, [3]), x, x))
fails(lambda: tf.where(tf.placeholder(tf.bool, [3, 2]), x, x))
fails(lambda: tf.where(v, x, tf.zeros([3])))
fails(lambda: tf.where(v, x, None))
fails(lambda: tf.where(v, None, x))
fails(lambda: tf.where(tf.placeholder(tf.bool, [2, 3, 1]), x, x))
fails(lambda: tf.where(x > 0, tf.constant(1.), tf.constant(2.)))
fails(lambda: tf.where(v, tf.constant(1.), tf.constant(2.)))
fails(lambda: tf.where_v2(x > 0, x, [0., 1.]))
fails(lambda: tf.where(i, x, x))
fails(lambda: tf.where(b, x, i))
fails(lambda: tf.where(b, x, tf.zeros([2, 4])))
""",
    "casts": """
tf.cast(x, tf.int32); tf.cast(x, tf.float32); tf.cast(1, tf.float32); tf.cast(1.5, tf.float32)
tf.cast(b, 'float64'); tf.to_float(i); tf.to_double(x); tf.to_int32(x); tf.to_int64(i)
tf.to_bfloat16(x); tf.to_float(x); tf.saturate_cast(x, tf.uint8); tf.saturate_cast(i, tf.int64)
tf.saturate_cast(x, tf.int32); tf.saturate_cast(i, tf.uint8); tf.saturate_cast(i, tf.float32)
tf.bitcast(x, tf.int32); tf.bitcast(x, tf.uint8); tf.cast([1, 2], tf.bool, name='flags')
note(tf.cast(x, tf.float32) is x, tf.cast(p, tf.int8).shape, tf.to_float(i).name)
note(tf.bitcast(x, tf.uint8).shape, tf.bitcast(u, tf.float64).shape)
note(tf.bitcast(tf.placeholder(tf.float32, [3, None]), tf.float64).shape)
note(tf.bitcast(tf.placeholder(tf.float32, [3, 2]), tf.float64).shape)
fails(lambda: tf.bitcast(x, tf.float64))
fails(lambda: tf.bitcast(tf.constant(1.), tf.float64))
fails(lambda: tf.bitcast(b, tf.int8))
fails(lambda: tf.cast(x, 'number'))
""",
    "sums": """
tf.reduce_sum(x); tf.reduce_sum(x, 0); tf.reduce_sum(u); tf.reduce_mean(x, keepdims=True)
tf.reduce_prod(x, -1); tf.reduce_max(x, [0, 1]); tf.reduce_min(x, reduction_indices=1)
tf.reduce_all(b, keep_dims=True); tf.reduce_any(b, 1); tf.reduce_sum(x, []); tf.reduce_sum(x, q)
tf.reduce_sum([1., 2.]); tf.reduce_sum(x, name='total'); tf.math.reduce_euclidean_norm(x)
tf.math.reduce_euclidean_norm(u); tf.reduce_sum(x, np.int64(1)); tf.reduce_sum(x, (0,))
tf.math.reduce_variance(x, 1); tf.math.reduce_std(x); tf.reduce_logsumexp(x)
tf.reduce_logsumexp(u); tf.reduce_logsumexp(x, 1, keepdims=True); tf.reduce_logsumexp(p, 0)
tf.count_nonzero(x, 1); tf.count_nonzero(i, dtype=tf.int32, name='c'); tf.count_nonzero(['', 'a'])
for t in [tf.reduce_sum(u, 0, keepdims=True), tf.reduce_sum(x, q), tf.reduce_sum(x, [0, 0]),
          tf.reduce_sum(x, q, keepdims=True), tf.reduce_sum(p, 0), tf.reduce_sum(p, 1),
          tf.reduce_sum(p, -1, keepdims=True), tf.reduce_sum(u), tf.reduce_sum(u, keepdims=True),
          tf.reduce_logsumexp(u), tf.reduce_logsumexp(p, 1), tf.reduce_sum(x, [0, -2])]:
    note(t.shape)
fails(lambda: tf.reduce_sum(x, 2))
fails(lambda: tf.reduce_sum(x, [0, -3]))
fails(lambda: tf.reduce_sum(x, axis=0, reduction_indices=0))
fails(lambda: tf.reduce_sum(x, keepdims=True, keep_dims=True))
fails(lambda: tf.reduce_sum(x, 0.))
fails(lambda: tf.reduce_sum(x, [[0, 1]]))
fails(lambda: tf.reduce_all(x))
fails(lambda: tf.reduce_sum(b))
fails(lambda: tf.count_nonzero(x, input=x))
""",
    "places": """
tf.argmax(x); tf.argmin(x, axis=-1, output_type=tf.int32); tf.argmax(x, dimension=1)
tf.arg_max(x, 1); tf.arg_min(x, 0, name='least'); tf.argmax(x, 0, 'most')
note(tf.argmax(x).shape, tf.argmax(x, 1).dtype, tf.argmax(u, 0).shape, tf.argmax(p, 1).shape)
note(tf.argmax(x, tf.placeholder(tf.int32, [])).shape, tf.argmax(tf.constant(1.)).shape)
note(tf.argmax([1., 2.]).shape, tf.argmax(x, output_type=tf.int32).dtype)
fails(lambda: tf.argmax(x, axis=1, dimension=1))
fails(lambda: tf.argmax(x, 2))
fails(lambda: tf.argmax(x, [0]))
fails(lambda: tf.argmax(b))
fails(lambda: tf.argmax(x, output_type=tf.float32))
""",
    "add_n": """
tf.add_n([x, x]); tf.add_n([x]); tf.add_n([x], name='only'); tf.add_n([x, u])
tf.add_n([x, np.ones([2, 3], np.float32)]); tf.accumulate_n([x, x]); tf.accumulate_n([u, u])
note(tf.add_n([x]) is x, tf.add_n([x, u]).shape, tf.add_n([p, u]).shape, tf.add_n((x, p)).shape)
note(tf.accumulate_n([u, u], shape=[2, 3]).shape, tf.accumulate_n([x]) is x)
fails(lambda: tf.add_n([x, tf.zeros([3])]))
fails(lambda: tf.add_n([x, i]))
fails(lambda: tf.add_n([]))
fails(lambda: tf.accumulate_n([x, x], shape=[3, 3]))
fails(lambda: tf.accumulate_n([x, x], tensor_dtype=tf.int32))
fails(lambda: tf.accumulate_n([x, i]))
fails(lambda: tf.accumulate_n([]))
""",
    "clips": """
tf.clip_by_value(x, -1., 1.); tf.clip_by_value(i, 0, 3); tf.clip_by_norm(x, 1.)
tf.clip_by_norm(x, 1., axes=[0]); tf.clip_by_norm(u, 1.); tf.clip_by_average_norm(x, 1.)
tf.clip_by_value(p, -1., 1., name='clipped'); tf.clip_by_norm(x, tf.constant(2.), name='short')
note(tf.clip_by_norm(p, 1.).shape, tf.clip_by_value(u, 0., 1.).shape)
fails(lambda: tf.global_norm(x))
fails(lambda: tf.clip_by_global_norm(x, 1.))
fails(lambda: tf.clip_by_value(x, tf.zeros([4, 1, 1]), 1.))
fails(lambda: tf.clip_by_value(i, 0., 3.))
""",
    "global_norm": """
tf.global_norm([x, None, x])
clipped, norm = tf.clip_by_global_norm([x, None, p], 1.)
note(clipped[0].shape, clipped[1], clipped[2].shape, norm.shape)
tf.clip_by_global_norm([x], 1., use_norm=norm, name='again')
""",
}

# What gradients are taken of: f(x), at these points.
UNARY = (
    "abs sign square sqrt rsqrt reciprocal exp expm1 log log1p sigmoid tanh sin cos tan asin acos "
    "atan sinh cosh asinh acosh atanh erf erfc lgamma floor round log_sigmoid"
).split()
SPECIAL = "[0., 1., -1., .5, -.5, 2., -3., 30., -30., 1e-30, 3e38, np.inf, -np.inf, np.nan]"

VALUES = {
    **{
        f"{name}_gradient": f"""
x = tf.constant({SPECIAL})
y = tf.{name}(x)
result = [y] + [g for g in tf.gradients(y, x) if g is not None]
"""
        for name in UNARY
    },
    "digamma": f"result = tf.digamma(tf.constant({SPECIAL}))",
    "softplus": f"""
x = tf.constant({SPECIAL})
y = tf.nn.softplus(x)
result = [y, tf.gradients(y, x)[0], tf.gradients(tf.gradients(y, x)[0], x)[0]]
""",
    "second_gradients": """
x = tf.constant([.5, 1., 2., .25])
result = []
for f in [tf.sqrt, tf.rsqrt, tf.reciprocal, tf.tanh, tf.sigmoid, tf.exp, tf.log, tf.square]:
    result.append(tf.gradients(tf.gradients(f(x), x)[0], x)[0])
""",
    "pow": """
x = tf.constant([0., 0., 0., -1., -2., 2., 1., np.inf, -0.5, np.nan, 3.])
y = tf.constant([0., 1., 2., 2., 3., -1., np.nan, 1., .5, 0., 0.])
z = tf.pow(x, y)
result = [z] + tf.gradients(z, [x, y])
""",
    "divisions": """
x = tf.constant([1., 0., -1., 0., np.inf, 3., 5., -5., np.nan])
y = tf.constant([0., 0., 0., 2., 2., np.inf, 3., 3., 0.])
result = [x / y, tf.div_no_nan(x, y), tf.math.xdivy(x, y), tf.math.xlogy(x, y), x // y,
          tf.math.multiply_no_nan(x, y), tf.truncatediv(x[6:8], y[6:8])]
for t in [x / y, tf.div_no_nan(x, y), tf.math.xdivy(x, y), tf.math.xlogy(x, y),
          tf.math.multiply_no_nan(x, y)]:
    result += tf.gradients(t, [x, y])
""",
    "integer_divisions": """
x = tf.constant([7, -7, 7, -7, 0, 2147483647])
y = tf.constant([2, 2, -2, -2, 5, -1])
result = [x // y, x % y, tf.truncatediv(x, y), tf.truncatemod(x, y), tf.div(x, y), x / y]
for dtype in [tf.int8, tf.int16, tf.uint8, tf.int64]:
    s, t = tf.cast(x[:5], dtype), tf.cast([2, 3, 5, 7, 11], dtype)
    result += [s // t, tf.truncatediv(s, t), s * t, s + t, s - t]
""",
    "float_rests": """
x = tf.constant([5.5, -5.5, 5.5, -5.5, 6., -6., 0.])
y = tf.constant([2., 2., -2., -2., 2., 2., 3.])
result = [tf.floormod(x, y), tf.truncatemod(x, y), tf.floordiv(x, y)]
result += tf.gradients(tf.floormod(x, y), [x, y])
""",
    "extremes": """
x = tf.constant([1., 2., 3., 0., -0.])
y = tf.constant([2., 2., 2., -0., 0.])
result = [tf.maximum(x, y), tf.minimum(x, y)]
result += tf.gradients(tf.maximum(x, y), [x, y]) + tf.gradients(tf.minimum(x, y), [x, y])
""",
    "atan2": """
y = tf.constant([0., 0., 1., -1., 0., 2.])
x = tf.constant([1., -1., 0., 0., 0., 3.])
z = tf.atan2(y, x)
result = [z] + tf.gradients(z, [y, x])
""",
    "broadcast_gradients": """
x = tf.constant([[1., 2., 3.], [4., 5., 6.]])
y = tf.constant([[2.], [3.]])
z = tf.constant(4.)
result = []
for f in [tf.add, tf.subtract, tf.multiply, tf.divide, tf.pow, tf.maximum, tf.squared_difference]:
    result += tf.gradients(f(x, y), [x, y]) + tf.gradients(f(z, x), [z, x])
""",
    "rounding": """
x = tf.constant([.5, 1.5, 2.5, -.5, -1.5, .49999997, 8388609., -2.3, np.inf, np.nan])
result = [tf.round(x), tf.rint(x), tf.floor(x), tf.ceil(x), tf.sign(x)]
""",
    "casts": """
x = tf.constant([1.9, -1.9, 0., 255., 127., -128., 3e4])
result = [tf.cast(x, d) for d in [tf.int32, tf.int64, tf.float64, tf.float16, tf.bool, tf.int16]]
i = tf.constant([300, -1, 70000, 0, 2147483647, -2147483648])
result += [tf.cast(i, d) for d in [tf.uint8, tf.int8, tf.int16, tf.uint16, tf.int64, tf.float32]]
result += [tf.saturate_cast(x * 1e6, d) for d in [tf.uint8, tf.int8, tf.int16]]
result += [tf.saturate_cast(i, d) for d in [tf.uint8, tf.int8, tf.uint16, tf.int64]]
result += [tf.cast(tf.cast(x, tf.bfloat16), tf.float32), tf.cast([True, False], tf.float32)]
result += [tf.bitcast(x, tf.int32), tf.bitcast(x, tf.uint8), tf.bitcast(i, tf.int16)]
pairs = tf.reshape(i, [3, 2])
result += [tf.bitcast(pairs, tf.int64), tf.bitcast(pairs, tf.float64)]
result += tf.gradients(tf.cast(x, tf.float64), x)
""",
    "bits": """
x = tf.constant([5, -1, 1, 0, 12345, -2147483648])
y = tf.constant([3, 4, 31, 7, 2, 1])
f = tf.bitwise
result = [f.bitwise_and(x, y), f.bitwise_or(x, y), f.bitwise_xor(x, y), f.invert(x),
          f.left_shift(x, y), f.right_shift(x, y)]
s, t = tf.cast(x, tf.uint8), tf.cast(y % 8, tf.uint8)
result += [f.left_shift(s, t), f.right_shift(s, t), f.invert(s)]
""",
    "repeated_axes": "result = tf.reduce_sum(tf.constant([[1., 2.]]), [0, 0])",
    "empty": """
x = tf.zeros([0, 3])
i = tf.zeros([0, 3], tf.int32)
b = tf.zeros([0, 3], tf.bool)
result = []
for axis in [0, 1, None]:
    result += [tf.reduce_sum(x, axis), tf.reduce_prod(x, axis), tf.reduce_mean(x, axis),
               tf.reduce_max(x, axis), tf.reduce_min(x, axis), tf.reduce_sum(i, axis),
               tf.reduce_max(i, axis), tf.reduce_min(i, axis), tf.reduce_all(b, axis),
               tf.reduce_any(b, axis), tf.reduce_logsumexp(x, axis)]
result += [tf.math.reduce_euclidean_norm(x), tf.count_nonzero(x), tf.argmax(x, 1)]
result += tf.gradients(tf.reduce_sum(x), x) + tf.gradients(tf.reduce_max(x, 1), x)
""",
    "integer_means": """
x = tf.constant([[7, -7, 2], [-4, 1, -2147483647]])
result = [tf.reduce_mean(x, 1), tf.reduce_mean(x), tf.reduce_mean(tf.cast(x, tf.int64), 0),
          tf.reduce_mean(tf.constant([200, 100, 3], tf.uint8))]
result += [tf.math.reduce_euclidean_norm([3, 4])]
""",
    "reduction_gradients": """
x = tf.constant([[1., 3., 3.], [2., 0., 2.], [0., 0., 5.]])
result = []
for f in [tf.reduce_sum, tf.reduce_mean, tf.reduce_prod, tf.reduce_max, tf.reduce_min,
          tf.reduce_logsumexp]:
    for axis in [None, 0, 1, [0, 1], []]:
        result += tf.gradients(f(x, axis), x) + tf.gradients(f(x, axis, keepdims=True) * 2., x)
result += tf.gradients(tf.math.reduce_std(x, 1), x) + tf.gradients(tf.math.reduce_variance(x), x)
""",
    "logsumexp": """
x = tf.constant([[-np.inf, -np.inf], [np.inf, 1.], [1e4, 1e4], [np.nan, 1.], [-1e4, -1e4]])
result = [tf.reduce_logsumexp(x, 1), tf.reduce_logsumexp(x, 0), tf.reduce_logsumexp(x[2:3])]
""",
    "places": """
x = tf.constant([[1., 5., 5.], [-1., -1., -3.]])
result = [tf.argmax(x), tf.argmax(x, 1), tf.argmin(x, 1), tf.argmin(x, 0, output_type=tf.int32),
          tf.argmax(tf.constant([3, 9, 2], tf.uint8)), tf.argmin(tf.constant([3, -9, 2], tf.int64))]
""",
    "counts": """
x = tf.constant([[0., 1., np.nan], [-0., 2., 0.]])
result = [tf.count_nonzero(x), tf.count_nonzero(x, 0), tf.count_nonzero(x, 1, keepdims=True),
          tf.count_nonzero([True, False]), tf.count_nonzero(['', 'a', 'b'], dtype=tf.int32)]
""",
    "where_gradients": """
x = tf.constant([[1., 2.], [3., 4.]])
y = tf.constant([[5., 6.], [7., 8.]])
result = []
for c in [[[True, False], [False, True]], [True, False], False]:
    z = tf.where(tf.constant(c), x * y, x + y)
    result += [z] + tf.gradients(z, [x, y])
z = tf.where_v2(tf.constant([True, False]), x, tf.constant([[1.], [2.]]))
result += [z, tf.gradients(z, x)[0], tf.gradients(z, z.op.inputs[2])[0]]
""",
    "clips": """
x = tf.constant([[3., -4., 0.], [1., .5, -2.]])
zero = tf.zeros([2, 3])
result = [tf.clip_by_value(x, -1., 1.), tf.clip_by_norm(x, 2.), tf.clip_by_norm(x, 2., axes=[1]),
          tf.clip_by_norm(x, 200.), tf.clip_by_norm(zero, 1.), tf.clip_by_average_norm(x, .25),
          tf.global_norm([x, None, 2 * x]), tf.clip_by_value(x, [[-2.], [0.]], 1.)]
clipped, norm = tf.clip_by_global_norm([x, None, 2 * x], 3.)
result += [clipped[0], clipped[2], norm]
infinite, _ = tf.clip_by_global_norm([x, x * np.inf], 3.)
result += infinite
for y in [tf.clip_by_value(x, -1., 1.), tf.clip_by_norm(x, 2.), clipped[0]]:
    result += tf.gradients(y, x)
result += tf.gradients(tf.clip_by_norm(zero, 1.), zero)
""",
    "half": """
x = tf.constant(np.full(700, .25, np.float16))
y = tf.constant(np.linspace(-3, 3, 31).astype(np.float16))
result = [tf.reduce_mean(x), tf.exp(y), tf.tanh(y), y * y + y, tf.reduce_max(y), tf.sigmoid(y)]
result += tf.gradients(tf.reduce_sum(tf.tanh(y) * y), y)
""",
    "texts": """
x, y = tf.constant(['a', 'b', '']), tf.constant(['a', 'c', 'd'])
result = [tf.equal(x, y), tf.not_equal(x, 'a'), x + y, tf.where([True, False, True], x, y)]
""",
    "compare": """
x = tf.constant([1., np.nan, np.inf, 0., -0.])
y = tf.constant([1., np.nan, 1., -0., 1.])
result = [x < y, x <= y, x > y, x >= y, tf.equal(x, y), tf.not_equal(x, y),
          tf.is_nan(x), tf.is_inf(x), tf.is_finite(x), tf.logical_xor(x < y, x > 0.)]
""",
}

# What a run refuses, and the beginning of its message.
FAILURES = {
    "floordiv_by_zero": "result = tf.constant([1, 2]) // tf.placeholder_with_default([1, 0], [2])",
    "mod_by_zero": "result = tf.constant([1, 2]) % tf.placeholder_with_default([1, 0], [2])",
    "constant_zero": "result = tf.constant([1, 2]) // 0",
    "negative_power": "result = tf.constant([1, 2]) ** tf.placeholder_with_default([1, -1], [2])",
    "argmax_of_nothing": "result = tf.argmax(tf.placeholder_with_default(tf.zeros([0, 3]), None))",
    "argmax_axis": "result = tf.argmax(tf.placeholder_with_default([1., 2.], None), 1)",
    "sum_axis": "result = tf.reduce_sum(tf.placeholder_with_default([1., 2.], None), 1)",
    "broadcast": "result = tf.placeholder_with_default([1., 2.], None) + [1., 2., 3.]",
    "select": "x = tf.placeholder_with_default([1., 2.], None); result = tf.where([True], x, x)",
    "add_n": "result = tf.add_n([tf.placeholder_with_default([1., 2.], None), tf.zeros([3])])",
}
