"""Small programs of `tf.losses` and `tf.metrics`, recorded from TensorFlow 1.15.5."""

SETUP = """
x = tf.placeholder(tf.float32, [None, 3], name='x')
y = tf.placeholder(tf.float32, [None, 3], name='y')
a = tf.placeholder(tf.float32, [4, 3], name='a')
i = tf.placeholder(tf.int32, [None], name='i')
w = tf.placeholder(tf.float32, [None, 1], name='w')
p = tf.placeholder(tf.float32, [None], name='p')
def keys(*names): note(*[[v.name for v in tf.get_collection(k)] for k in names])
"""

SCENARIOS = {
    "losses": """
note(tf.losses.absolute_difference(y, x), tf.losses.mean_squared_error(y, x), tf.losses.huber_loss(y, x, delta=2.))
note(tf.losses.hinge_loss(y, x), tf.losses.log_loss(y, x, epsilon=1e-6, scope='s'), tf.losses.cosine_distance(y, x, 1), tf.losses.cosine_distance(y, x, dim=1))
note(tf.losses.sigmoid_cross_entropy(y, x, label_smoothing=0.1), tf.losses.softmax_cross_entropy(y, x, label_smoothing=0.1))
note(tf.losses.softmax_cross_entropy(y, x), tf.losses.sparse_softmax_cross_entropy(i, x), tf.losses.mean_squared_error(a, a))
keys('losses'); note(tf.losses.get_total_loss()); note(tf.losses.get_regularization_loss(), tf.losses.get_losses('s'))
""",
    "weights": """
note(*[tf.losses.mean_squared_error(a, a, 2., reduction=r) for r in ('none', 'weighted_sum', 'weighted_mean', 'weighted_sum_over_batch_size', 'weighted_sum_by_nonzero_weights')])
note(tf.losses.mean_squared_error(a, a, np.ones((4, 1)), loss_collection=None), tf.losses.compute_weighted_loss(a, np.ones((4, 3)), scope='own'))
note(tf.losses.sparse_softmax_cross_entropy(np.zeros((4, 1), int), a, np.ones((4, 1)))); keys('losses')
fails(lambda: tf.losses.mean_squared_error(a, a, np.ones(4)))
fails(lambda: tf.losses.mean_squared_error(a, a, np.ones((4, 2))))
fails(lambda: tf.losses.mean_squared_error(a, a, reduction='all'))
fails(lambda: tf.losses.mean_squared_error(None, a))
fails(lambda: tf.losses.mean_squared_error(a, tf.zeros([4, 2])))
fails(lambda: tf.losses.cosine_distance(a, a))
fails(lambda: tf.losses.get_total_loss(scope='none'))
""",
    "metrics": """
note(tf.metrics.mean(x), tf.metrics.accuracy(i, i), tf.metrics.mean_squared_error(a, a), tf.metrics.mean_absolute_error(a, a, name='m'))
note(tf.metrics.root_mean_squared_error(a, a), tf.metrics.mean_tensor(a), tf.metrics.percentage_below(x, 1.), tf.metrics.mean_cosine_distance(a, a, 1))
note(tf.metrics.mean_relative_error(a, a, a)); keys('local_variables', 'metric_variables', 'variables', 'trainable_variables')
note(tf.metrics.mean(x, metrics_collections='ms', updates_collections=['us'])); keys('ms', 'us')
""",
    "thresholds": """
note(tf.metrics.auc(p > 1, p), tf.metrics.precision(p, p), tf.metrics.recall(p, p), tf.metrics.true_positives(p, p), tf.metrics.false_negatives(p, p))
note(tf.metrics.precision_at_thresholds(p > 1, p, [.2, .5]), tf.metrics.recall_at_thresholds(p > 1, p, [.2, .5]), tf.metrics.false_positives_at_thresholds(p > 1, p, [.2, .5]))
note(tf.metrics.sensitivity_at_specificity(p > 1, p, .5), tf.metrics.specificity_at_sensitivity(p > 1, p, .5))
keys('local_variables')
fails(lambda: tf.metrics.auc(p > 1, p, curve='X')); fails(lambda: tf.metrics.sensitivity_at_specificity(p > 1, p, 5))
""",
    "others": """
note(tf.metrics.mean_iou(i, i, 3), tf.metrics.mean_per_class_accuracy(i, i, 3)); j = tf.placeholder(tf.int64, [None, 1])
note(tf.metrics.precision_at_k(j, x, 2), tf.metrics.recall_at_k(j, x, 2), tf.metrics.recall_at_top_k(j, tf.cast(x, tf.int64), 3), tf.metrics.average_precision_at_k(j, x, 2))
keys('local_variables')
""",
}
# The checks of metrics are made by other operations here, and names in cross entropies differ.
NOTES_ONLY = ("losses", "metrics", "thresholds", "others")

_DATA = """
r = np.random.RandomState(0); feed = {}
def fed(array): t = tf.placeholder(array.dtype, [None] + list(array.shape[1:])); feed[t] = array; return t
v = fed(r.rand(4, 3).astype(np.float32)); u = fed((r.rand(4, 3) > .5).astype(np.float32)); k = fed(r.randint(0, 3, 4)); q = fed(r.rand(4, 1) * (r.rand(4, 1) > .4))
p = fed(r.rand(20)); b = fed(r.rand(20) > .5); z = fed(r.rand(20))
"""

VALUES = {
    "losses": _DATA
    + """
functions = [tf.losses.absolute_difference, tf.losses.mean_squared_error, tf.losses.huber_loss, tf.losses.hinge_loss, tf.losses.log_loss,
    tf.losses.sigmoid_cross_entropy]
result = [f(u, v, weights=c, reduction=r) for f in functions for c in (1., 0., q) for r in ('none', 'weighted_sum', 'weighted_mean', 'weighted_sum_over_batch_size', 'weighted_sum_by_nonzero_weights')]
result += [tf.losses.softmax_cross_entropy(u, v, c, s) for c in (1., tf.squeeze(q)) for s in (0, .3)] + [tf.losses.sparse_softmax_cross_entropy(k, v, c) for c in (2., q)]
result += [tf.losses.cosine_distance(u, v, 1, q), tf.losses.mean_pairwise_squared_error(u, v), tf.losses.mean_pairwise_squared_error(u, v, q)]
result += [tf.losses.huber_loss(u, v, delta=.3), tf.losses.get_total_loss(scope='huber_loss_15')] + tf.gradients(tf.losses.mean_pairwise_squared_error(u, v, q), v)
""",
    "metrics": _DATA
    + """
m = tf.metrics; runs = 3
pairs = [m.mean(v), m.mean(v, q), m.accuracy(k, tf.argmax(v, 1)), m.accuracy(tf.expand_dims(k, 1), tf.argmax(v, 1), tf.squeeze(q)), m.mean_squared_error(u, tf.cast(v, tf.float32), q)]
v4 = tf.cast(v, tf.float32)
pairs += [m.mean_absolute_error(u, v4), m.root_mean_squared_error(u, v4), m.mean_tensor(tf.ensure_shape(v4, [4, 3])), m.percentage_below(v, .5), m.mean_cosine_distance(u, v4, 1), m.mean_relative_error(v4, u, u)]
pairs += [m.auc(b, p), m.auc(b, p, z), m.auc(b, p, num_thresholds=20, curve='PR', summation_method='careful_interpolation'), m.precision(b, p > .5), m.recall(b, p > .5, z)]
pairs += [m.auc(b, p, summation_method=s, thresholds=[.3, .5, .6]) for s in ('minoring', 'majoring')]
pairs += [m.true_positives(b, p > .3), m.true_negatives(b, p > .3), m.false_positives(b, p > .3, z), m.false_negatives(b, p > .3)]
pairs += [f(b, p, [.2, .5, .9]) for f in (m.true_positives_at_thresholds, m.true_negatives_at_thresholds, m.false_positives_at_thresholds, m.false_negatives_at_thresholds, m.precision_at_thresholds, m.recall_at_thresholds)]
pairs += [m.sensitivity_at_specificity(b, p, .6), m.specificity_at_sensitivity(b, p, .6, z), m.mean_iou(k, tf.argmax(v, 1), 3), m.mean_per_class_accuracy(k, tf.argmax(v, 1), 3)]
j = tf.expand_dims(k, 1); pairs += [m.precision_at_k(j, v, 2), m.recall_at_k(k, v, 2), m.precision_at_k(j, v, 2, class_id=1), m.recall_at_k(j, v, 1, class_id=0), m.average_precision_at_k(j, v, 2)]
first = [tf.local_variables_initializer()]
updates = [u for _, u in pairs]
with tf.control_dependencies(updates):
    result = updates + [tf.convert_to_tensor(v) + 0 for v in sorted(tf.local_variables(), key=lambda v: v.name)]
""",
}

FAILURES = {}
