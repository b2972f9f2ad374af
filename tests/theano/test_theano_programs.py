"""Small programs as Theano's users write them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphflow.theano as theano
import graphflow.theano.tensor as T
from graphflow.theano.errors import DisconnectedInputError, MissingInputError, UnusedInputError
from graphflow.theano.sandbox.rng_mrg import MRG_RandomStreams
from graphflow.theano.tensor.signal import downsample, pool

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(64, 5).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype("int32")


def test_logistic_regression_learns() -> None:
    x, y = T.matrix("x"), T.ivector("y")
    w = theano.shared(np.zeros((5, 2), "float32"), "w")
    b = theano.shared(np.zeros(2, "float32"), "b")
    chances = T.nnet.softmax(T.dot(x, w) + b)
    cost = -T.mean(T.log(chances)[T.arange(y.shape[0]), y])
    updates = [(p, p - 0.5 * g) for p, g in zip([w, b], T.grad(cost, [w, b]), strict=True)]
    place = T.lscalar()
    data, labels = theano.shared(X, borrow=True), theano.shared(Y)
    rows = slice(place * 16, (place + 1) * 16)
    train = theano.function([place], cost, updates=updates, givens={x: data[rows], y: labels[rows]})
    first = float(train(0))
    for step in range(40):
        last = float(train(step % 4))
    wrong = theano.function([x, y], T.mean(T.neq(T.argmax(chances, axis=1), y)))
    assert first == pytest.approx(np.log(2.0), rel=1e-5)
    assert last < 0.4
    assert wrong(X, Y) < 0.1


def test_mlp_with_dropout_learns() -> None:
    x, y = T.fmatrix(), T.fmatrix()
    streams = MRG_RandomStreams(7)
    weights = [
        theano.shared((RANDOM.randn(*s) * 0.3).astype("float32")) for s in ((5, 32), (32, 2))
    ]
    hidden = T.maximum(T.dot(x, weights[0]), 0.0)
    hidden *= streams.binomial(hidden.shape, p=0.8, dtype="float32") / 0.8
    cost = T.mean(T.nnet.categorical_crossentropy(T.nnet.softmax(T.dot(hidden, weights[1])), y))
    updates = [(w, w - 0.3 * g) for w, g in zip(weights, T.grad(cost, weights), strict=True)]
    train = theano.function([x, y], cost, updates=updates, allow_input_downcast=True)
    costs = [float(train(X.astype("float64"), np.eye(2)[Y])) for _ in range(60)]
    assert np.mean(costs[-5:]) < 0.5 * costs[0]


def test_recurrent_network_learns() -> None:
    x, target = T.matrix(), T.scalar()
    w_in, w_rec, w_out = (
        theano.shared((RANDOM.randn(*s) * 0.3).astype("float32")) for s in ((5, 8), (8, 8), (8,))
    )
    states, _ = theano.scan(
        lambda row, state, w: T.tanh(T.dot(row, w_in) + T.dot(state, w)),
        sequences=x, outputs_info=T.alloc(np.float32(0), 8), non_sequences=w_rec,
    )  # fmt: skip
    cost = T.sqr(T.dot(states[-1], w_out) - target)
    parameters = [w_in, w_rec, w_out]
    updates = [(p, p - 0.05 * g) for p, g in zip(parameters, T.grad(cost, parameters), strict=True)]
    train = theano.function([x, target], cost, updates=updates)
    costs = [float(train(X[:6], 0.7)) for _ in range(30)]
    assert costs[-1] < 0.01


def test_convolutional_step() -> None:
    images, labels = T.tensor4(), T.ivector()
    filters = theano.shared((RANDOM.randn(4, 1, 3, 3) * 0.3).astype("float32"))
    weights = theano.shared((RANDOM.randn(36, 2) * 0.1).astype("float32"))
    maps = T.nnet.conv.conv2d(images, filters, filter_shape=(4, 1, 3, 3), image_shape=(8, 1, 8, 8))
    pooled = downsample.max_pool_2d(T.tanh(maps), (2, 2), ignore_border=True)
    chances = T.nnet.softmax(T.dot(pooled.flatten(2), weights))
    cost = T.nnet.categorical_crossentropy(chances, labels).mean()
    parameters = [filters, weights]
    updates = [(p, p - 0.3 * g) for p, g in zip(parameters, T.grad(cost, parameters), strict=True)]
    train = theano.function([images, labels], cost, updates=updates)
    batch, truth = RANDOM.randn(8, 1, 8, 8).astype("float32"), np.arange(8, dtype="int32") % 2
    costs = [float(train(batch, truth)) for _ in range(20)]
    assert costs[-1] < 0.5 * costs[0]


def test_outputs_are_values_before_updates() -> None:
    state = theano.shared(0)
    step = T.iscalar("step")
    accumulate = theano.function([step], state, updates=[(state, state + step)])
    assert accumulate(1) == 0
    assert accumulate(10) == 1
    assert state.get_value() == 11
    state.set_value(-1)
    assert accumulate(3) == -1


def test_shared_values_change_shape_and_are_pickled() -> None:
    data = theano.shared(X, name="data")
    total = theano.function([], data.sum(axis=0))
    np.testing.assert_allclose(total(), X.sum(0), rtol=1e-5)
    data.set_value(X[:3])
    np.testing.assert_allclose(total(), X[:3].sum(0), rtol=1e-5)
    again = pickle.loads(pickle.dumps(data))
    assert again.name == "data"
    np.testing.assert_array_equal(again.get_value(), X[:3])


def test_scan_updates_shared_values_and_stops() -> None:
    count = theano.shared(np.int64(0))
    _, updates = theano.scan(lambda: {count: count + 1}, n_steps=5)
    theano.function([], [], updates=updates)()
    assert count.get_value() == 5
    doubled, _ = theano.scan(
        lambda a: (a * 2, theano.scan_module.until(a > 20)), outputs_info=T.constant(1.0),
        n_steps=100,
    )  # fmt: skip
    np.testing.assert_array_equal(theano.function([], doubled)(), [2, 4, 8, 16, 32, 64])


def test_random_variables_are_drawn_anew() -> None:
    streams = T.shared_randomstreams.RandomStreams(3)
    draw = theano.function([], streams.uniform((4,), low=-1, high=1))
    first, second = draw(), draw()
    assert not np.array_equal(first, second)
    assert np.abs(first).max() <= 1
    rows = T.matrix()
    picked = theano.function([rows], streams.multinomial(pvals=rows))(np.eye(3, dtype="float32"))
    np.testing.assert_array_equal(picked, np.eye(3))
    assert sorted(theano.function([], streams.permutation(n=6))()) == list(range(6))


def test_inputs_have_names_and_defaults() -> None:
    x, scale = T.vector("x"), T.scalar("scale")
    scaled = theano.function([x, theano.In(scale, value=2.0, name="by")], x * scale)
    one = np.ones(2, "float32")
    np.testing.assert_array_equal(scaled(one), [2, 2])
    np.testing.assert_array_equal(scaled(one, by=3), [3, 3])


def test_wrong_calls_are_refused() -> None:
    x, y = T.vector("x"), T.vector("y")
    double = theano.function([x], x * 2)
    with pytest.raises(TypeError, match="Bad input argument"):
        double(np.ones(2, "float64"))
    with pytest.raises(TypeError, match="Wrong number of dimensions"):
        double(np.ones((2, 2), "float32"))
    with pytest.raises(MissingInputError):
        theano.function([x], x + y)
    with pytest.raises(UnusedInputError):
        theano.function([x, y], x)
    with pytest.raises(DisconnectedInputError):
        T.grad(x.sum(), y)
    with pytest.raises(TypeError, match="scalar"):
        T.grad(x, x)
    with pytest.warns(UserWarning, match="not part of the computational graph"):
        theano.function([x, y], x, on_unused_input="warn")


def test_expressions_print() -> None:
    x, y = T.matrix("x"), T.matrix("y")
    assert theano.pp(x * 2 + y) == "((x * 2.0) + y)"
    assert "dot" in theano.printing.debugprint(T.dot(x, y), file="str")


def test_walks_find_inputs() -> None:
    x = T.matrix("x")
    w = theano.shared(np.ones((2, 2), "float32"), "w")
    found = theano.gof.graph.inputs([T.dot(x, w).sum()])
    assert set(found) == {x, w}
    assert isinstance(w, theano.compile.SharedVariable)
    assert x.type == T.fmatrix


SCRIPT = """
import theano
import theano.tensor as T
from theano import function
from theano.ifelse import ifelse
from theano.sandbox.rng_mrg import MRG_RandomStreams
from theano.tensor.nnet import conv, softmax
from theano.tensor.shared_randomstreams import RandomStreams
from theano.tensor.signal import downsample
x = T.dscalar()
print(function([x], ifelse(T.gt(x, 0), x, -x))(-3.0))
try:
    import theano.sandbox.cuda
except ImportError:
    print("no cuda")
"""


def test_scripts_import_theano(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    code = "import sys; from graphflow.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "run", str(tmp_path / "script.py")]
    subprocess.run(command, check=True)
    assert capfd.readouterr().out.split("\n")[:2] == ["3.0", "no cuda"]


def test_windows_that_begin_with_nan_pool_to_nan() -> None:
    """As Theano 1.0.5's C code, which compares with a window's first element."""
    x = T.ftensor4("x")
    holes = [[np.nan, np.nan, 2, 3], [4, 5, np.nan, np.nan], [8, 9, 10, 11], [12, 13, 14, 15]]
    pooled = theano.function([x], pool.pool_2d(x, (2, 2), ignore_border=True))
    found = pooled(np.array([[holes]], "float32"))
    np.testing.assert_array_equal(found[0, 0], [[np.nan, 3], [13, 15]])
