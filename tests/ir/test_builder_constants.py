"""Constants that the builder folds: text, repeated values, sizes that are symbols."""

import numpy as np
import pytest

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder, NeedsValue
from graphflow.ir.dims import SymDim

b = Builder()


def test_texts_are_objects_and_never_raw_bytes():
    nothing = [b"", b""]
    for array in (["", ""], np.array(nothing), np.array(nothing, object), np.array(["é", ""])):
        node = b.const(array)
        assert node.op == "const"
        assert node["value"].array.dtype == object
        assert all(isinstance(text, bytes) for text in node["value"].array)
    assert b.const(np.array(["é"]))["value"].array[0] == "é".encode()
    empty = b.const(np.array([], object))
    joined = b.concat([empty, b.const(np.array([b""], object)), empty, b.const(["", "x"])], 0)
    assert b.static(joined).tolist() == [b"", b"", b"x"]
    assert b.static(b.concat([empty, empty], 0)).tolist() == []


def test_repeated_texts_are_written_out():
    text = b.const(np.array(b"x", object))
    assert b.static(b.broadcast(text, (2, 3), ())).tolist() == [[b"x"] * 3] * 2
    assert b.full((5000,), b"", dtypes.string).op == "const"
    index = b.input("i", "feed", b.const(1).type)
    with pytest.raises(NeedsValue):
        b.gather(b.const(["x", "y"]), b.reshape(index, (1,)))


def test_a_repeated_vector_folds_along_its_own_axis():
    column = b.broadcast(b.const([1, 2]), (2, 3), (0,))
    assert b.static(column).tolist() == [[1, 1, 1], [2, 2, 2]]
    matrix = b.add(b.const([[1, 2, 3], [4, 5, 6]]), column)
    assert b.static(matrix).tolist() == [[2, 3, 4], [6, 7, 8]]


def test_views_of_symbols_fold():
    n = SymDim.symbol("n")
    shape = b.shape_value([n, 4, 3])
    first = b.reshape(b.slice(shape, (0,), (1,)), ())
    packed = b.concat([b.reshape(first, (1,)), b.const(np.array([12], np.int32))], 0)
    assert b.static_ints(packed) == [n, 12]
    assert b.static_ints(b.mul(shape, 2)) == [n * 2, 8, 6]
    assert b.static_ints(b.reduce("prod", shape, [0])) == [n * 12]
    assert b.static_ints(b.broadcast(first, (2,), ())) == [n, n]
    assert b.static_ints(b.add(b.gather(shape, b.const([2, 0])), 1)) == [4, n + 1]


def test_symbols_become_run_time_values_where_they_meet_data():
    n = SymDim.symbol("n")
    x = b.input("x", "feed", b.const(np.ones(3, np.int32)).type)
    total = b.add(x, b.dim(n))
    assert "dim_value" in {i.op for node in total.inputs for i in (node, *node.inputs)}
    scalar = b.input("s", "feed", b.const(np.float32(1)).type)
    assert b.div(scalar, b.cast(b.dim(n), dtypes.float32)).op == "div"
