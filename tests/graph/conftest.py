"""A `tf` namespace made of the graph layer alone, and stand-ins for ops of other families.

The stand-ins have TensorFlow's op types and input names. Each is registered for the time of one
test, and only where the op is not defined already.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from types import SimpleNamespace

import pytest

from graphflow.graph import constants, convert, default, devices, dimension, opdef, shapes
from graphflow.graph import dtypes as d
from graphflow.graph import random_seed as seeds
from graphflow.graph.apply import Signature
from graphflow.graph.collections import GraphKeys
from graphflow.graph.graph import Graph
from graphflow.graph.shapes import TensorShape


def _shape_of_first(op):
    return [(op.inputs[0].dtype.base_dtype, shapes.TensorShape(None))]


def _broadcast(op):
    x, y = op.inputs
    return [(x.dtype.base_dtype, shapes.broadcast(x.shape, y.shape))]


def _pack(op):
    merged = op.inputs[0].shape
    for i, tensor in reversed(list(enumerate(op.inputs))):
        try:
            merged = shapes.merge_in_op(tensor.shape, merged)
        except ValueError as error:
            text = f"{error}\n\tFrom merging shape {i} with other shapes."
            raise ValueError(text) from None
    return [(op.inputs[0].dtype, TensorShape([len(op.inputs)]).concatenate(merged))]


def _fill(op):
    return [(op.inputs[1].dtype, constants.constant_value_as_shape(op.inputs[0]))]


def _random(op):
    return [(op.attrs["dtype"], constants.constant_value_as_shape(op.inputs[0]))]


def _concat(op):
    parts = [t.shape.as_list() for t in op.inputs[:-1]]
    return [(op.inputs[0].dtype.base_dtype, TensorShape([sum(p[0] for p in parts), *parts[0][1:]]))]


def _slice(op):
    return [(op.inputs[0].dtype, constants.constant_value_as_shape(op.inputs[2]))]


STAND_INS = {
    "Add": _broadcast,
    "Mul": _broadcast,
    "Sub": _broadcast,
    "Cast": lambda op: [(op.attrs["DstT"], op.inputs[0].shape)],
    "Pack": _pack,
    "Fill": _fill,
    "ConcatV2": _concat,
    "Slice": _slice,
    "RandomUniform": _random,
    "RandomStandardNormal": _random,
    "TruncatedNormal": _random,
    "Anything": _shape_of_first,
}

_ADD = Signature("Add", "x: T", "y: T")
_BINARY = {name: Signature(name, "x: T", "y: T") for name in ("Add", "Mul", "Sub")}


def _draw(op_type, shape, dtype, seed):
    shape = constants.constant(list(shape), d.int32, name="shape")
    return shape, lambda: Signature(op_type, "shape: T")(
        shape, dtype=dtype, seeds=seeds.get_seed(seed)
    ).outputs[0]


def _random_uniform(shape, minval=0, maxval=None, dtype=d.float32, seed=None, name=None):
    with default.name_scope(name, "random_uniform") as scope:
        _, draw = _draw("RandomUniform", shape, dtype, seed)
        low = convert.convert_to_tensor(minval, dtype, "min")
        high = convert.convert_to_tensor(1 if maxval is None else maxval, dtype, "max")
        value = draw()
        scaled = _BINARY["Mul"](value, _BINARY["Sub"](high, low, name="sub").outputs[0], name="mul")
        return _BINARY["Add"](scaled.outputs[0], low, name=scope).outputs[0]


def _normal(op_type, default_name):
    def make(shape, mean=0.0, stddev=1.0, dtype=d.float32, seed=None, name=None):
        with default.name_scope(name, default_name) as scope:
            _, draw = _draw(op_type, shape, dtype, seed)
            mean = convert.convert_to_tensor(mean, dtype, "mean")
            stddev = convert.convert_to_tensor(stddev, dtype, "stddev")
            scaled = _BINARY["Mul"](draw(), stddev, name="mul")
            return _BINARY["Add"](scaled.outputs[0], mean, name=scope).outputs[0]

    return make


if importlib.util.find_spec("graphflow.ops.random") is None:
    stand_in = types.ModuleType("graphflow.ops.random")
    stand_in.random_uniform = _random_uniform
    stand_in.random_normal = _normal("RandomStandardNormal", "random_normal")
    stand_in.truncated_normal = _normal("TruncatedNormal", "truncated_normal")
    sys.modules["graphflow.ops.random"] = stand_in
    import graphflow.ops

    graphflow.ops.random = stand_in


@pytest.fixture(autouse=True)
def other_families():
    """Register the stand-ins; take them away after the test."""
    added = [name for name in STAND_INS if name not in opdef._definitions]
    for name in added:
        opdef.define_op(name, STAND_INS[name], lambda b, op, *xs: xs)
    yield
    for name in added:
        del opdef._definitions[name]


@pytest.fixture(autouse=True)
def fresh_graph():
    """Give each test a default graph of its own."""
    with Graph().as_default() as graph:
        yield graph


@pytest.fixture(scope="session")
def tf():
    """The API that the scenarios use."""
    from graphflow.ops import (
        checks,
        identity,
        initializers,
        partitioned_variables,
        py_func,
        state,
        variable_lists,
        variable_scope,
        variables,
    )

    names: dict[str, object] = {}
    for module in (
        constants, convert, default, identity, checks, state, variables, variable_lists,
        py_func, initializers, partitioned_variables, variable_scope, d,
    ):  # fmt: skip
        names |= {key: value for key, value in vars(module).items() if not key.startswith("_")}
    names |= {
        "AUTO_REUSE": variable_scope.AUTO_REUSE,
        "Dimension": dimension.Dimension,
        "DeviceSpec": devices.DeviceSpec,
        "Graph": Graph,
        "GraphKeys": GraphKeys,
        "TensorShape": TensorShape,
        "bool": d.bool_,
        "broadcast_static_shape": shapes.broadcast_shape,
        "print": checks.print_v2,
        "set_random_seed": seeds.set_random_seed,
        "add": lambda x, y, name=None: _BINARY["Add"](x, y, name=name).outputs[0],
    }
    return SimpleNamespace(**names)
