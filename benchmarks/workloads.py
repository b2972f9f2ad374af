"""The table of workloads, and their data in NumPy.

A workload belongs to a family, which is the name of the method that builds it in every peer. Sizes
and optimiser come from the table, arrays from `data_of`, the same in every process. Images have
their channels last and filters are height, width, inputs, outputs; `channels_first` turns them for
the peers that want them otherwise. This file also runs on Python 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

BATCHES = 8  # different batches that training goes through in turn
ADAM, SGD = ("adam", 1e-3), ("sgd", 0.01)


@dataclass(frozen=True)
class Workload:
    """One row of the table; ``rounds`` is by how much a step's time is divided."""

    name: str
    family: str
    step: str
    sizes: dict
    optimizer: tuple | None = None
    rounds: int = 1
    tolerance: float = 2e-3


@dataclass
class Data:
    """Batches that are fed, initial values of variables, and which of them are not trained."""

    batches: list
    variables: dict = field(default_factory=dict)
    moving: tuple = ()

    @property
    def trained(self):
        return [name for name in self.variables if name not in self.moving]


def _elementwise(size, text):
    return [
        Workload(
            f"elementwise_{text}_sum", "elementwise", "the sum", dict(size=size, reduced=True)
        ),
        Workload(
            f"elementwise_{text}", "elementwise", "all elements", dict(size=size, reduced=False)
        ),
    ]


def _product(name, left, right):
    text = " by ".join("x".join(map(str, shape)) for shape in (left, right))
    return Workload(f"product_{name}", "product", text, dict(left=left, right=right))


def _perceptron(name, layers, batch, optimizer):
    text = "-".join(map(str, layers)) + f", batch {batch}, {optimizer[0]}"
    return Workload(name, "perceptron", text, dict(layers=layers, batch=batch), optimizer)


def _smile(name, batch, optimizer=None, family="smile"):
    text = "logits" if optimizer is None else "training step"
    sizes = dict(batch=batch)
    return Workload(name, family, f"{text}, 48x48x3, batch {batch}", sizes, optimizer, 1, 5e-3)


WORKLOADS = [
    Workload("scalar_add", "scalars", "one sum of two fed scalars", dict(count=2)),
    Workload("scalar_ten", "scalars", "ten fetches of ten fed scalars", dict(count=10)),
    *_elementwise(10**6, "1e6"),
    *_elementwise(10**7, "1e7"),
    Workload("black_scholes", "black_scholes", "10^6 European calls", dict(size=10**6)),
    Workload(
        "softmax_cross_entropy", "softmax_cross_entropy", "loss and gradient, 4096 x 1000",
        dict(rows=4096, columns=1000),
    ),
    Workload(
        "layer_norm_gelu", "layer_norm_gelu", "mean square and gradient, 2048 x 1024",
        dict(rows=2048, columns=1024),
    ),
    *[_product(str(n), (n, n), (n, n)) for n in (32, 128, 512, 2048)],
    _product("64x784x512", (64, 784), (784, 512)),
    _product("batch", (64, 64, 64), (64, 64, 64)),
    _perceptron("perceptron_sgd", (784, 512, 512, 10), 128, SGD),
    _perceptron("perceptron_adam", (784, 512, 512, 10), 128, ADAM),
    _perceptron("perceptron_small", (64, 32, 10), 32, SGD),
    Workload("chain_scalar", "chain", "5,000 small ops, a scalar", dict(count=5000, shape=())),
    Workload("chain_vector", "chain", "5,000 small ops, 8 elements", dict(count=5000, shape=(8,))),
    _smile("smile_train", 64, ("adam", 1e-4)),
    _smile("smile_fed", 64, ("adam", 1e-4), "smile_fed"),
    _smile("smile_infer_1", 1),
    _smile("smile_infer_64", 64),
    Workload("digits_train", "digits", "training step, batch 128", dict(batch=128), ADAM, 1, 5e-3),
    Workload("digits_infer_1", "digits", "logits, batch 1", dict(batch=1), None, 1, 5e-3),
    Workload("digits_infer_64", "digits", "logits, batch 64", dict(batch=64), None, 1, 5e-3),
    Workload("residual", "residual", "8 convolutions, 56x56", dict(blocks=4, channels=64, side=56)),
    Workload(
        "lstm", "lstm", "training step, 28 steps of 28, hidden 128, batch 128",
        dict(steps=28, width=28, hidden=128, batch=128), ADAM,
    ),
    Workload(
        "transformer", "transformer", "training step of a block, 8 x 128 x 256, 8 heads",
        dict(batch=8, length=128, width=256, heads=8, inner=1024), SGD,
    ),
    Workload(
        "while_loop", "while_loop", "10,000 small steps; time of one", dict(count=10_000, width=16),
        rounds=10_000,
    ),
    Workload("save", "save", "100 MiB of variables to a checkpoint", dict(count=25, side=1024)),
]  # fmt: skip


def select(names):
    """The workloads with these names or families; a name may end in ``*``."""
    chosen = []
    for name in names:
        found = [
            workload
            for workload in WORKLOADS
            if name in (workload.name, workload.family)
            or (name.endswith("*") and workload.name.startswith(name[:-1]))
        ]
        if not found:
            known = ", ".join(workload.name for workload in WORKLOADS)
            raise SystemExit(f"expected names of workloads ({known}), got {name!r}")
        chosen += [workload for workload in found if workload not in chosen]
    return chosen


class Draw:
    """Random arrays of one workload."""

    def __init__(self):
        self.random = np.random.RandomState(7)

    def normal(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def weight(self, *shape):
        """Initial weights whose products keep the variance through a rectifier."""
        return self.normal(*shape, scale=(2.0 / np.prod(shape[:-1])) ** 0.5)

    def near_one(self, *shape):
        return 1 + self.normal(*shape, scale=0.1)

    def uniform(self, low, high, *shape):
        return self.random.uniform(low, high, shape).astype(np.float32)

    def labels(self, count, classes):
        return self.random.randint(0, classes, count).astype(np.int32)

    def batches(self, workload, shape, classes):
        """Batches of x, with labels y when the workload trains."""
        if workload.optimizer is None:
            return [dict(x=self.normal(*shape))]
        return [
            dict(x=self.normal(*shape), y=self.labels(shape[0], classes)) for _ in range(BATCHES)
        ]

    def dense(self, sizes):
        """Variables w1, b1, w2, ... of layers with these sizes."""
        variables = {}
        for layer in range(1, len(sizes)):
            variables[f"w{layer}"] = self.weight(sizes[layer - 1], sizes[layer])
            variables[f"b{layer}"] = np.zeros(sizes[layer], np.float32)
        return variables


def data_of(workload):
    """The arrays of a workload, always the same."""
    return globals()["_data_" + workload.family](workload, Draw(), **workload.sizes)


def _data_scalars(workload, draw, count):
    return Data([{f"x{place}": np.asarray(draw.normal(), np.float32) for place in range(count)}])


def _data_elementwise(workload, draw, size, reduced):
    return Data([dict(x=draw.normal(size))])


def _data_black_scholes(workload, draw, size):
    uniform = draw.uniform
    return Data(
        [
            dict(
                price=uniform(5, 30, size),
                strike=uniform(1, 100, size),
                years=uniform(0.25, 10, size),
            )
        ]
    )


def _data_softmax_cross_entropy(workload, draw, rows, columns):
    return Data([dict(x=draw.normal(rows, columns), y=draw.labels(rows, columns))])


def _data_layer_norm_gelu(workload, draw, rows, columns):
    variables = dict(scale=draw.near_one(columns), offset=draw.normal(columns, scale=0.1))
    return Data([dict(x=draw.normal(rows, columns))], variables)


def _data_product(workload, draw, left, right):
    return Data([dict(left=draw.normal(*left), right=draw.normal(*right))])


def _data_perceptron(workload, draw, layers, batch):
    return Data(draw.batches(workload, (batch, layers[0]), layers[-1]), draw.dense(layers))


def _data_chain(workload, draw, count, shape):
    batch = dict(x=np.asarray(draw.normal(*shape), np.float32))
    return Data([batch], dict(factors=draw.uniform(0.5, 1.5, count)))


def _data_smile(workload, draw, batch):
    variables = {}
    sizes = (3, 12, 24, 48)
    for layer in (1, 2, 3):
        size = sizes[layer]
        variables[f"filter{layer}"] = draw.weight(3, 3, sizes[layer - 1], size)
        variables[f"scale{layer}"] = draw.near_one(size)
        variables[f"offset{layer}"] = draw.normal(size, scale=0.1)
        variables[f"mean{layer}"] = draw.normal(size, scale=0.1)
        variables[f"variance{layer}"] = np.abs(draw.near_one(size))
    variables.update(draw.dense((1200, 128, 2)))
    moving = tuple(name for name in variables if name.startswith(("mean", "variance")))
    return Data(draw.batches(workload, (batch, 48, 48, 3), 2), variables, moving)


def _data_smile_fed(workload, draw, batch):
    """Images of bytes, all in one batch: the program reads them from files."""
    data = _data_smile(workload, draw, batch)
    count = BATCHES * batch
    images = draw.random.randint(0, 256, (count, 48, 48, 3)).astype(np.uint8)
    return Data([dict(x=images, y=draw.labels(count, 2))], data.variables, data.moving)


def _data_digits(workload, draw, batch):
    variables = dict(filter1=draw.weight(5, 5, 1, 32), filter2=draw.weight(5, 5, 32, 64))
    variables.update(bias1=draw.normal(32, scale=0.1), bias2=draw.normal(64, scale=0.1))
    variables.update(draw.dense((3136, 1024, 10)))
    variables["w2"] *= np.float32(0.2)
    return Data(draw.batches(workload, (batch, 28, 28, 1), 10), variables)


def _data_residual(workload, draw, blocks, channels, side):
    variables = {}
    for layer in range(1, 2 * blocks + 1):
        variables[f"filter{layer}"] = draw.weight(3, 3, channels, channels) * np.float32(0.7)
        variables[f"bias{layer}"] = draw.normal(channels, scale=0.1)
    return Data([dict(x=draw.normal(1, side, side, channels))], variables)


def _data_lstm(workload, draw, steps, width, hidden, batch):
    """The kernel's columns are BasicLSTMCell's gates: input, new input, forget, output."""
    kernel = draw.normal(width + hidden, 4 * hidden, scale=(width + hidden) ** -0.5)
    variables = dict(
        kernel=kernel, bias=np.zeros(4 * hidden, np.float32), **draw.dense((hidden, 10))
    )
    return Data(draw.batches(workload, (batch, steps, width), 10), variables)


def _data_transformer(workload, draw, batch, length, width, heads, inner):
    def matrix(rows, columns):
        return draw.normal(rows, columns, scale=rows**-0.5)

    variables = dict(qkv=matrix(width, 3 * width), joined=matrix(width, width))
    variables.update(w1=matrix(width, inner), w2=matrix(inner, width))
    for name, size in dict(qkv_bias=3 * width, joined_bias=width, b1=inner, b2=width).items():
        variables[name] = draw.normal(size, scale=0.1)
    for layer in (1, 2):
        variables[f"scale{layer}"] = draw.near_one(width)
        variables[f"offset{layer}"] = draw.normal(width, scale=0.1)
    shape = (batch, length, width)
    return Data(
        [dict(x=draw.normal(*shape), y=draw.normal(*shape)) for _ in range(BATCHES)], variables
    )


def _data_while_loop(workload, draw, count, width):
    return Data([dict(x=draw.normal(width))])


def _data_save(workload, draw, count, side):
    return Data([{}], {f"v{place}": draw.normal(side, side) for place in range(count)})


def channels_first(data):
    """The data of a network of convolutions with channels first, for torch and Theano.

    The first dense layer's rows follow the flattened image, whose order changes with it.
    """
    batches = [
        {name: np.ascontiguousarray(np.moveaxis(array, 3, 1)) if array.ndim == 4 else array
         for name, array in batch.items()}
        for batch in data.batches
    ]  # fmt: skip
    variables, channels = {}, 0
    for name, array in data.variables.items():
        if array.ndim == 4:
            channels = array.shape[3]
            array = np.ascontiguousarray(array.transpose(3, 2, 0, 1))
        if name == "w1":
            rows = array.reshape(-1, channels, array.shape[1])
            array = np.ascontiguousarray(rows.swapaxes(0, 1)).reshape(array.shape)
        variables[name] = array
    return Data(batches, variables, data.moving)
