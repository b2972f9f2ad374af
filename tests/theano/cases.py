"""Expressions that are written for Theano: each gives inputs, their values and an output.

The module runs under the Python of the recording too, 3.7.
"""

import numpy as np

M = np.arange(12, dtype="float32").reshape(3, 4) / 7 - 0.5
V = np.array([0.5, -1.5, 2.0, 0.25], "float32")
IMAGES = np.random.RandomState(0).randn(2, 2, 6, 7).astype("float32")
FILTERS = np.random.RandomState(1).randn(3, 2, 3, 3).astype("float32")
CASES = {}


def _matrix(name, build):
    def make(theano):
        T = theano.tensor
        x = T.fmatrix("x")
        return [x], [M], build(theano, T, x)

    CASES[name] = make


def _vectors(name, build):
    def make(theano):
        T = theano.tensor
        v, n = T.fvector("v"), T.ivector("n")
        return [v, n], [V, np.array([2, 0, 1, -1], "int32")], build(theano, T, v, n)

    CASES[name] = make


def _images(name, build):
    def make(theano):
        import importlib

        T = theano.tensor
        pool = importlib.import_module(T.__name__ + ".signal.pool")
        x = T.ftensor4("x")
        return [x], [IMAGES], build(theano, T, x, pool.pool_2d)

    CASES[name] = make


_matrix("sum_int_axis", lambda th, T, x: T.cast(x * 4, "int32").sum(axis=0))
HOLED = np.array([[np.nan, 3, 3, 1], [2, np.nan, 2, np.nan], [-1, -4, 0, -1]], "float32")


def _holed(name, build):
    def make(theano):
        x = theano.tensor.fmatrix("x")
        return [x], [HOLED], build(theano.tensor, x)

    CASES[name] = make


_holed("nan_maximum", lambda T, x: T.maximum(x, x[::-1]))
_holed("nan_minimum", lambda T, x: T.minimum(1.0, x))
_holed("nan_max", lambda T, x: T.stack([x.max(axis=0), x.min(axis=0)]))
_holed("nan_max_whole", lambda T, x: T.stack([x.max(), x.min(), x[2].max()]))
_holed("nan_argmax", lambda T, x: T.stack([x.argmax(axis=0), x.argmin(axis=0)]))
_holed("ties_max", lambda T, x: T.grad(x[2].max() + x[2].min() + x[2, :2].max(), x))
_matrix("mean_of_bools", lambda th, T, x: T.mean(T.neq(x, x[0])))
_matrix("argmax", lambda th, T, x: T.argmax(x, axis=1))
_matrix("max_flat_argmax", lambda th, T, x: x.argmax())
_matrix("std", lambda th, T, x: x.std(axis=1, keepdims=True))
_matrix("softmax", lambda th, T, x: T.nnet.softmax(x))
_matrix("softmax_vector", lambda th, T, x: T.nnet.softmax(x[1]))
_matrix("set_row", lambda th, T, x: T.set_subtensor(x[1], x[0] * 2))
_matrix("inc_twice", lambda th, T, x: T.inc_subtensor(x[[0, 0, 2]], 1.5))
_matrix("set_part", lambda th, T, x: T.set_subtensor(x[1:, ::2], 9))
_matrix("pairs", lambda th, T, x: x[T.arange(3), [0, -1, 2]])
_matrix("columns", lambda th, T, x: x[:, [3, 0]])
_matrix("backwards", lambda th, T, x: x[::-1, 1:3])
_matrix("where_positive", lambda th, T, x: x[(x > 0).nonzero()])
_matrix("dot_vector", lambda th, T, x: T.dot(x, x[0]))
_matrix("outer", lambda th, T, x: T.outer(x[0], x[1]))
_matrix("norm", lambda th, T, x: x.norm(2, axis=0))
_matrix("flatten_shuffle", lambda th, T, x: x.dimshuffle(1, "x", 0).flatten(2))
_matrix("tile", lambda th, T, x: T.tile(x, (2, 1)))
_matrix("repeat", lambda th, T, x: T.repeat(x, 2, axis=0))
_matrix("cumsum", lambda th, T, x: T.extra_ops.cumsum(x, axis=1))
_matrix("diff", lambda th, T, x: T.extra_ops.diff(x, axis=1))
_matrix("sort", lambda th, T, x: T.sort(-x, axis=1))
_matrix("switch", lambda th, T, x: T.switch(T.gt(x, 0), x, -x * 2))
_matrix("grad_tanh", lambda th, T, x: T.grad(T.tanh(x).sum(), x))
_matrix("grad_rows", lambda th, T, x: T.grad(T.log(T.nnet.softmax(x))[T.arange(3), 1].sum(), x))
_matrix("grad_constant", lambda th, T, x: T.grad((x * x.sum()).sum(), x))
_matrix("rop", lambda th, T, x: T.Rop(T.dot(x, x.T), x, x))
_matrix("lop", lambda th, T, x: T.Lop(x**2, x, x))
_matrix("clone", lambda th, T, x: th.clone((x * 2).sum(), {x: x + 1}))
_matrix("stack", lambda th, T, x: T.stack([x[0], x[1] * 2], axis=1))
_matrix("concatenate", lambda th, T, x: T.concatenate([x, x * 2], axis=1))
_matrix("norm_one", lambda th, T, x: x.norm(1))
_vectors("int_times_float", lambda th, T, v, n: v * n)
_vectors("int_times_number", lambda th, T, v, n: n * 0.5)
_vectors("int_quotient", lambda th, T, v, n: n / 2)
_vectors("int_floor", lambda th, T, v, n: n // 2)
_vectors("int_mod", lambda th, T, v, n: n % 3)
_vectors("int_exp", lambda th, T, v, n: T.exp(n))
_vectors("int_mean", lambda th, T, v, n: n.mean())
_vectors("float_power", lambda th, T, v, n: v**3)
_vectors("round", lambda th, T, v, n: T.round(v))
_vectors("hard_sigmoid", lambda th, T, v, n: T.nnet.hard_sigmoid(v * 3))
_vectors("ultra_fast_sigmoid", lambda th, T, v, n: T.nnet.ultra_fast_sigmoid(v * 3))
_vectors("softplus", lambda th, T, v, n: T.nnet.softplus(v))
_vectors("elu", lambda th, T, v, n: T.nnet.elu(v))
_vectors("relu_slope", lambda th, T, v, n: T.nnet.relu(v, 0.1))
_vectors("crossentropy", lambda th, T, v, n: T.nnet.binary_crossentropy(T.nnet.sigmoid(v), n > 0))
_vectors("jacobian", lambda th, T, v, n: th.gradient.jacobian(v**2 * v.sum(), v))
_vectors("hessian", lambda th, T, v, n: th.gradient.hessian((v**3).sum() * v[0], v))
_vectors("cumulated", lambda th, T, v, n: th.scan(lambda a, b: a + b, v, T.constant(V[0]))[0])
_vectors(
    "grad_of_scan",
    lambda th, T, v, n: T.grad(
        th.scan(lambda p, w: p * w, None, T.ones_like(v), v, n_steps=3)[0][-1].sum(), v
    ),
)
_vectors(
    "taps",
    lambda th, T, v, n: th.scan(
        lambda a, b, c: a + b + c,
        [{"input": v, "taps": [0]}],
        [{"initial": v[:2], "taps": [-2, -1]}],
    )[0],
)
_vectors("go_backwards", lambda th, T, v, n: th.scan(lambda a: a * 2, v, go_backwards=True)[0])
for _mode in ("valid", "full", "half", (1, 2)):
    _images(
        f"conv_{_mode}",
        lambda th, T, x, pool, mode=_mode: T.nnet.conv2d(x, FILTERS, border_mode=mode),
    )
_images(
    "conv_steps",
    lambda th, T, x, pool: T.nnet.conv2d(x, FILTERS, subsample=(2, 2), filter_flip=False),
)
_images(
    "conv_grad",
    lambda th, T, x, pool: T.grad((T.nnet.conv2d(x, FILTERS, border_mode="full") ** 2).sum(), x),
)
for _mode in ("max", "sum", "average_inc_pad", "average_exc_pad"):
    for _ignore in (True, False):
        _images(
            f"pool_{_mode}_{_ignore}",
            lambda th, T, x, pool, mode=_mode, ignore=_ignore: pool(
                x, (2, 2), ignore_border=ignore, mode=mode
            ),
        )
_images("pool_pad", lambda th, T, x, pool: pool(x, (3, 3), True, (2, 2), (1, 1), "max"))
_images("pool_grad", lambda th, T, x, pool: T.grad((pool(x, (2, 2), True) ** 2).sum(), x))
