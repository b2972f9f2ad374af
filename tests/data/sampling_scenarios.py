"""Small programs of random draws, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
their last run of `runs` draws, `FAILURES` by how their run fails.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 3], name='x')
p = tf.placeholder(tf.float32, [None, 3], name='p')
"""

SCENARIOS = {
    "names": """
tf.multinomial(x, 5); tf.random.categorical(x, 5, dtype=tf.int32, name='c'); tf.random_shuffle(x)
tf.random_gamma([3], [1., 2.]); tf.random_poisson(2., [3]); tf.random.stateless_uniform([2], [1, 2])
tf.random.stateless_normal([2], [1, 2], name='n'); tf.random.stateless_truncated_normal([2], [1, 2])
tf.random.stateless_uniform([2], [1, 2], 0, 5, tf.int32); tf.random.stateless_categorical(x, 3, [1, 2])
note(tf.multinomial(p, 5).shape, tf.random_shuffle(p).shape, tf.random_gamma([3], [1., 2.]).shape)
note(tf.random_poisson([[2.]], [3]).shape, tf.random.stateless_uniform([2], [1, 2]).shape)
fails(lambda: tf.multinomial([1.], 2))
""",
}

VALUES = {
    "multinomial": """
logits = np.log(np.array([[.1, .2, .7], [.5, .25, .25]])); runs = 2
result = [tf.multinomial(logits, 9, seed=3), tf.random.categorical(logits.astype('float32'), 6, seed=4, dtype=tf.int32), tf.multinomial([[0., -np.inf, 1.]], 8, seed=1)]
""",
    "shuffle": """
runs = 2
result = [tf.random_shuffle(np.arange(11), seed=5), tf.random_shuffle(np.arange(24.).reshape(6, 4), seed=6), tf.random_shuffle([1], seed=1)]
""",
    "gamma": """
runs = 2
result = [tf.random_gamma([5], np.array([.3, 1., 4.5]), dtype=tf.float64, seed=2), tf.random_gamma([2, 3], 2., 3., seed=3), tf.random_gamma([4], [[.5], [7.]], seed=7)]
""",
    "poisson": """
runs = 2
result = [tf.random_poisson([.5, 3.], [6], seed=1), tf.random_poisson(np.array([12., 100.]), [7], dtype=tf.float64, seed=2), tf.random_poisson(25., [8], seed=3), tf.random_poisson(0., [2], seed=1)]
""",
    "stateless": """
f = tf.placeholder(tf.int64, [2]); feed = {f: [5, 7]}
result = [h([5], s) for h in (tf.random.stateless_uniform, tf.random.stateless_normal, tf.random.stateless_truncated_normal) for s in ([1, 2], f, [-3, 0])]
result += [tf.random.stateless_uniform([4], [1, 2], 0, 50, tf.int32), tf.random.stateless_uniform([3], [1, 1], dtype=tf.float64), tf.random.stateless_normal([3], f, dtype=tf.float16), tf.random.stateless_categorical([[0., 1., 2.]], 7, [1, 2])]
""",
    "crop": """
runs = 2
result = [tf.random_crop(np.arange(60.).reshape(6, 10), [2, 3], seed=4)]
""",
}

FAILURES = {
    "no_classes": "result = tf.multinomial(np.zeros([1, 0], 'float32'), 3)",
}
