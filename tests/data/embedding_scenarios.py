"""Small programs of embeddings, sampled losses and CTC, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
their run gives, `FAILURES` by how their run fails.
"""

SETUP = """
w = tf.placeholder(tf.float32, [5, 3], name='w'); v = tf.placeholder(tf.float32, [4, 3], name='v')
i = tf.placeholder(tf.int32, [None], name='i'); j = tf.placeholder(tf.int64, [2, 2], name='j')
"""

SCENARIOS = {
    "lookup": """
a = tf.nn.embedding_lookup(w, i); b = tf.nn.embedding_lookup(w, [[1, 2]], name='e'); c = tf.nn.embedding_lookup(w, j)
note(a.shape, b.shape, c.shape, a.name, b.name)
fails(lambda: tf.nn.embedding_lookup(None, i), lambda: tf.nn.embedding_lookup([], i))
""",
    "shapes": """
g = tf.gradients(tf.nn.embedding_lookup(w, i), w)[0]; note(type(g).__name__, g.values.shape, g.indices.shape)
note(tf.nn.embedding_lookup([w, v], i).shape, tf.nn.embedding_lookup([w, v], j, partition_strategy='div').shape, tf.nn.embedding_lookup(w, j, max_norm=1.).shape)
s = tf.SparseTensor([[0, 0], [1, 0]], tf.constant([1, 2], tf.int64), [2, 2])
note(tf.nn.embedding_lookup_sparse(w, s, None, combiner='sum').shape)
fails(lambda: tf.nn.embedding_lookup([w, v], i, partition_strategy='x'))
fails(lambda: tf.nn.embedding_lookup_sparse(w, i, None, combiner='sum'), lambda: tf.nn.embedding_lookup_sparse(w, s, i, combiner='sum'), lambda: tf.nn.embedding_lookup_sparse(w, s, None, combiner='max'))
l = tf.placeholder(tf.int64, [7, 2]); c = tf.nn.uniform_candidate_sampler(l, 2, 3, True, 10)
note(*[t.shape for t in c]); note(*[t.shape for t in tf.nn.compute_accidental_hits(l, c[0], 2)])
note(tf.nn.nce_loss(w, tf.zeros([5]), l, tf.zeros([7, 3]), 2, 5, 2).shape, tf.nn.sampled_softmax_loss(w, tf.zeros([5]), l, tf.zeros([7, 3]), 2, 5, 2).shape)
fails(lambda: tf.nn.uniform_candidate_sampler([1], 2, 3, True, 10), lambda: tf.nn.uniform_candidate_sampler([[1]], 2, 3, True, 10))
x = tf.placeholder(tf.float32, [None, 2, 4]); y = tf.placeholder(tf.int32, [2])
note(tf.nn.ctc_loss(tf.SparseTensor([[0, 0]], [1], [2, 1]), x, y).shape)
d, p = tf.nn.ctc_greedy_decoder(x, y); note(d[0].indices.shape, d[0].values.shape, d[0].shape, p.shape)
d, p = tf.nn.ctc_beam_search_decoder(x, y, top_paths=2); note(d[1].indices.shape, d[1].values.shape, d[1].shape, p.shape)
""",
    "statistics": """
q = tf.placeholder(tf.float32, [None, 3])
a = tf.nn.sufficient_statistics(w, [0]); b = tf.nn.sufficient_statistics(q, [0], shift=1., keep_dims=True); c = tf.nn.normalize_moments(*b)
note(*[t.shape for t in a[:3]]); note(*[t.shape for t in b]); note(*[t.shape for t in c])
""",
}
NOTES_ONLY = ("shapes",)

VALUES = {
    "lookup": """
w = tf.constant(np.arange(27, dtype='float32').reshape(9, 3)); ids = tf.constant([[0, 8], [3, 5], [3, 1]])
parts = [w[:5], w[5:]]; t = tf.stack([1., 2., 3.])
def g(y, x):
    d = tf.convert_to_tensor(tf.gradients(y * t, x)[0]); return d
one, mod = tf.nn.embedding_lookup(w, ids), tf.nn.embedding_lookup([w[::2], w[1::2]], ids)
div, short = tf.nn.embedding_lookup(parts, ids, 'div'), tf.nn.embedding_lookup(w, ids, max_norm=10.)
result = [one, mod, div, short, g(one, w), g(mod, w), g(div, parts[0]), g(short, w), tf.nn.embedding_lookup(parts, ids, 'div', max_norm=3.)]
""",
    "sparse": """
w = tf.constant(np.arange(15, dtype='float32').reshape(5, 3)); ids = tf.SparseTensor([[0, 0], [0, 1], [1, 0], [2, 0], [2, 1]], tf.constant([1, 3, 0, 4, 4], tf.int64), [3, 2])
weights = tf.SparseTensor(ids.indices, [.5, 2., 1., 3., -1.], [3, 2])
result = [tf.nn.embedding_lookup_sparse(w, ids, u, combiner=c) for u in (None, weights) for c in ('sum', 'mean', 'sqrtn')]
result += [tf.convert_to_tensor(tf.gradients(y * [1., 2., 3.], w)[0]) for y in list(result)]
loose = tf.SparseTensor([[0, 0], [0, 1], [2, 0], [3, 1]], tf.constant([1, -1, 2, 3], tf.int64), [4, 2]); lw = tf.SparseTensor(loose.indices, [1., 1., 0., 2.], [4, 2])

safe = tf.nn.safe_embedding_lookup_sparse
result += [safe(w, loose), safe(w, loose, lw, combiner='sqrtn'), safe([w[:3], w[3:]], loose, lw, combiner='sum', default_id=4)]
""",
    "samplers": """
true = tf.constant([[1, 2], [0, 5], [7, 3]], tf.int64); runs = 2
result = [t for u in (True, False) for s in (3, 8) for c in (tf.nn.uniform_candidate_sampler(true, 2, 5, u, 10, seed=s), tf.nn.log_uniform_candidate_sampler(true, 2, 6, u, 12, seed=s), tf.nn.learned_unigram_candidate_sampler(true, 2, 4, u, 9, seed=s), tf.nn.fixed_unigram_candidate_sampler(true, 2, 4, u, 8, unigrams=[3., 1., 5., 2., 2., 9., 1., 4.], distortion=.75, seed=s)) for t in c]
result += list(tf.nn.all_candidate_sampler(true, 2, 6, True)) + list(tf.nn.compute_accidental_hits(true, [5, 4, 1, 0], 2))
result += list(tf.nn.uniform_candidate_sampler(true, 2, 5, True, 8, seed=1)) + list(tf.nn.fixed_unigram_candidate_sampler(true, 2, 4, True, 9, unigrams=[3., 1., 5., 2., 2., 9., 1., 4.], num_reserved_ids=1, seed=2))
""",
    "sampled_losses": """
rng = np.random.RandomState(0); w = tf.constant(rng.randn(20, 4).astype('float32')); b = tf.constant(rng.randn(20).astype('float32')); x = tf.constant(rng.randn(3, 4).astype('float32'))
true = tf.constant([[1, 2], [0, 5], [7, 3]]); s = tf.nn.log_uniform_candidate_sampler(tf.cast(true, tf.int64), 2, 6, True, 20, seed=4)
s1 = tf.nn.log_uniform_candidate_sampler(tf.cast(true[:, :1], tf.int64), 1, 6, True, 20, seed=9)
result = [tf.nn.nce_loss(w, b, true, x, 6, 20, 2, s), tf.nn.nce_loss(w, b, true[:, :1], x, 6, 20, sampled_values=s1), tf.nn.sampled_softmax_loss(w, b, true, x, 6, 20, 2, seed=5), tf.nn.sampled_softmax_loss(w, b, true[:, :1], x, 6, 20, sampled_values=s1, remove_accidental_hits=False), tf.nn.sampled_softmax_loss([w[:10], w[10:]], b, true, x, 6, 20, 2, s, partition_strategy='div')]
result += [tf.convert_to_tensor(g) for y in list(result) for g in tf.gradients(y, [w, b, x])]
""",
    "ctc": """
rng = np.random.RandomState(1); x = tf.constant(2 * rng.randn(7, 3, 4).astype('float32')); n = [7, 5, 6]
labels = tf.SparseTensor([[0, 0], [0, 1], [0, 2], [1, 0], [2, 0], [2, 1]], [0, 1, 1, 2, 1, 0], [3, 3])
losses = [tf.nn.ctc_loss(labels, x, n), tf.nn.ctc_loss(labels, x, n, preprocess_collapse_repeated=True), tf.nn.ctc_loss(labels, x, n, ctc_merge_repeated=False), tf.nn.ctc_loss(labels, tf.transpose(x, [1, 0, 2]), n, time_major=False), tf.nn.ctc_loss(labels, x, [3, 5, 6], ignore_longer_outputs_than_inputs=True)]
result = losses + [tf.gradients(l * [1., 2., 3.], x)[0] for l in losses]
""",
    "decoders": """
rng = np.random.RandomState(2); x = tf.constant(2 * rng.randn(8, 3, 4).astype('float32')); n = [8, 5, 6]
result = []
for d, p in (tf.nn.ctc_greedy_decoder(x, n), tf.nn.ctc_greedy_decoder(x, n, merge_repeated=False), tf.nn.ctc_beam_search_decoder(x, n), tf.nn.ctc_beam_search_decoder(x, n, beam_width=5, top_paths=3, merge_repeated=False)):
    result += [t for s in d for t in (s.indices, s.values, s.dense_shape)] + [p]
""",
    "statistics": """
x = tf.constant(np.arange(12, dtype='float64').reshape(3, 4) ** 2); f = tf.placeholder(tf.float64, [None, None]); feed = {f: np.arange(6.).reshape(2, 3)}
a, b = tf.nn.sufficient_statistics(x, [0]), tf.nn.sufficient_statistics(f, [0, 1], shift=tf.constant(2., tf.float64), keep_dims=True)
result = list(a[:3]) + list(b) + list(tf.nn.normalize_moments(*a)) + list(tf.nn.normalize_moments(*b))
""",
}

FAILURES = {
    "ctc_short": "result = tf.nn.ctc_loss(tf.SparseTensor([[0, 0], [0, 1]], [1, 1], [1, 2]), np.zeros([2, 1, 3], 'float32'), [1])",
    "id_out_of_range": "result = tf.nn.embedding_lookup(np.ones([3, 2], 'float32'), tf.constant([1, 3]))",
    "true_columns": "result = list(tf.nn.uniform_candidate_sampler([[1]], 2, 3, True, 4))",
    "range_too_small": "result = list(tf.nn.uniform_candidate_sampler([[1]], 1, 5, True, 4))",
}
