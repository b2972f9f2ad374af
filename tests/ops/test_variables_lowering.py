"""What the ops on state ask the builder for, and what printing and checking show."""

from types import SimpleNamespace

import numpy as np
import pytest

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.constants import constant
from graphflow.graph.graph import Graph
from graphflow.ops import checks, identity, py_func, state
from graphflow.ops.summarize import assertion_text, edge_elements, first_elements
from graphflow.ops.variables import Variable


class Recorder:
    """A builder that answers every call with its own text, and keeps what was asked."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            return f"{name}({', '.join(getattr(arg, 'name', str(arg)) for arg in args)})"

        return call


class Shaped(str):
    """A value of the variable's shape."""

    shape = (2,)


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def lower(op, *nodes):
    builder = Recorder()
    return op.definition.lower(builder, op, *nodes), builder.calls


def test_variables_are_read_and_written_by_their_operation():
    v = Variable([1.0, 2.0], name="v")
    assert lower(v.op)[0] == "read_variable(v)"
    assert lower(v.initializer, None, Shaped("value"))[0] == "write_variable(v, value)"
    chained = state.assign_add(state.assign(v, [1.0, 2.0]), [1.0, 1.0])
    assert state.variable_of(chained) is v.op
    assert lower(chained.op, None, "d")[0] == "write_variable(v, add(read_variable(v), d))"
    assert lower(v.assign_sub([1.0, 1.0]).op, None, "d")[0] == (
        "write_variable(v, sub(read_variable(v), d))"
    )
    assert lower(state.is_variable_initialized(v).op, None)[0] == "is_initialized(v)"
    assert lower(v.initialized_value().op, None, "i")[0] == "read_variable_or(v, i)"
    assert lower(v.value().op, "x")[0] == "identity(x)"


def test_only_ops_that_write_or_ask_take_the_reference():
    v = Variable(1.0)
    takers = [v.initializer, v.assign_add(1.0).op, state.is_variable_initialized(v).op]
    assert all(op.definition.takes_reference for op in takers)
    assert not v.value().op.definition.takes_reference
    assert all(op.definition.stateful for op in [*takers, v.op])


def test_names_of_variables_without_value():
    a, b = Variable(1.0, name="a"), Variable(2.0, name="b")
    names = state.uninitialized_names([a, b], ["a", "b"])
    assert names.dtype is dtypes.string
    _, [(name, (function, nodes, _), _)] = lower(names.op, "x", "y")
    assert (name, nodes) == ("call_python", ("x", "y"))
    assert function(np.array(True), np.array(False))[0].tolist() == [b"b"]
    assert function(np.array(True), np.array(True))[0].tolist() == []


def test_an_assertion_shows_its_data():
    op = checks.Assert(constant(False), [constant([1, 2, 3, 4]), "text"])
    scalar = SimpleNamespace(rank=0)
    _, [(name, (condition, error, describe, data), _)] = lower(op, scalar, "x", "y")
    assert (name, condition, error, data) == ("check", scalar, "InvalidArgumentError", ("x", "y"))
    shown = describe(np.arange(1, 5), np.array(b"text", object))
    assert shown == "assertion failed: [1 2 3...] [text]"
    with pytest.raises(ValueError, match="Shape must be rank 0 but is rank 1"):
        checks.Assert(constant([True]), [1])


@pytest.mark.parametrize(
    ("values", "found"),
    [([1, np.nan], "NaN"), ([np.inf, 1], "Inf"), ([np.nan, -np.inf], "Inf and NaN")],
)
def test_check_numerics_says_what_it_found(values, found):
    x = checks.check_numerics(constant(values, dtypes.float32), "msg")

    class Node(str):
        rank = 1

    _, calls = lower(x.op, Node("x"))
    describe = next(args[2] for name, args, _ in calls if name == "check")
    assert describe(np.array(values)) == f"msg : Tensor had {found} values"


def test_print_writes_to_stderr(capsys):
    x = constant([1.0, 2.5])
    op = checks.Print(x, [x, constant("a")], "say: ", first_n=2).op
    result, calls = lower(op, "x", "x", "y")
    assert result == "identity(x)"
    show = calls[0][1][0]
    for _ in range(3):
        show(np.array([1.0, 2.5]), np.array(b"a", object))
    assert capsys.readouterr().err == "say: [1 2.5][a]\n" * 2


def test_tf_print_fills_a_template(capsys):
    x = constant([1, 2])
    op = checks.print_v2({"a": x, "b": [x, 3]}, "t", 3.5, sep="|", end="<>\n")
    text = op.inputs[0].op
    fill = lower(text, "x", "y")[1][0][1][0]
    (filled,) = fill(np.arange(2), np.array([b"q"], object))
    assert filled.item() == b"{'a': [0 1], 'b': [[\"q\"], 3]}|t|3.5"
    write = lower(op, "s")[1][0][1][0]
    write(filled)
    assert capsys.readouterr().err == "{'a': [0 1], 'b': [[\"q\"], 3]}|t|3.5<>\n"
    with pytest.raises(ValueError, match="does not match 1 tensor"):
        checks.string_format("no place", x)


def test_tf_print_to_a_file_and_to_stdout(tmp_path, capsys):
    import sys

    path = tmp_path / "out.txt"
    for stream in (f"file://{path}", sys.stdout):
        op = checks.print_v2("hello", output_stream=stream, end="!")
        lower(op, "s")[1][0][1][0](np.array(b"hello", object))
    assert path.read_text() == "hello!"
    assert capsys.readouterr().out == "hello!"


def test_py_func_checks_what_comes_back():
    def call(function, types, *arrays):
        outputs = py_func.py_func(function, [constant(1.0)], types, name="f")
        op = (outputs[0] if isinstance(outputs, list) else outputs).op
        return lower(op, "x")[1][0][1][0](*arrays)

    x = np.array(1.0, np.float32)
    (result,) = call(lambda a: a + 1, dtypes.float32, x)
    assert (result.dtype, result.item()) == (np.float32, 2.0)
    assert [r.dtype for r in call(lambda a: (a, 3), [dtypes.float32, dtypes.int64], x)] == [
        np.float32, np.int64,
    ]  # fmt: skip
    (text,) = call(lambda a: "é", dtypes.string, x)
    assert text.item() == "é".encode()
    invalid = errors.InvalidArgumentError
    with pytest.raises(invalid, match="returns 2 values, but expects to see 3 values"):
        call(lambda a: (a, a), [dtypes.float32] * 3, x)
    with pytest.raises(invalid, match="0-th value returned by f_4 is double, but expects float"):
        call(lambda a: 1.5, dtypes.float32, x)
    with pytest.raises(invalid, match="returns 0 values, but expects to see 1 values"):
        call(lambda a: None, dtypes.float32, x)
    with pytest.raises(errors.InternalError, match="Unsupported object type dict"):
        call(lambda a: {}, dtypes.float32, x)


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ValueError("bad"), errors.InvalidArgumentError),
        (StopIteration("bad"), errors.OutOfRangeError),
        (NotImplementedError("bad"), errors.UnimplementedError),
        (KeyError("bad"), errors.UnknownError),
    ],
)
def test_errors_of_python_functions_are_translated(raised, seen):
    def fail():
        raise raised

    op = py_func.py_func(fail, [], dtypes.float32).op
    with pytest.raises(seen, match=f"{type(raised).__name__}: .*bad") as caught:
        lower(op)[1][0][1][0]()
    assert caught.value.op is op
    assert caught.value.__cause__ is raised


def test_group_and_control_dependency_order(fresh_graph):
    a, b = constant(1.0, name="a"), constant(2.0, name="b")
    done = identity.group(a, [b, {"k": a}], name="g")
    assert [op.name for op in done.control_inputs] == ["a", "b"]
    after = identity.with_dependencies([done], a)
    assert after.op.control_inputs == [done]


def test_a_deep_initial_value_needs_no_recursion():
    v = Variable(1.0, name="v")
    value = v.value()
    for _ in range(5000):
        value = identity.identity(value)
    w = Variable(value, name="w")
    assert w.initializer.inputs[1].op is not value.op


# What TensorFlow 1.15.5 printed for these with tf.Print (3 and 5 elements) and tf.print (3, -1, 1).
SHOWN = [
    (np.float32(1.5), "1.5", "1.5", "1.5", "1.5", "1.5"),
    (np.array([1.0, 2, 3, 4, 5]), "1 2 3...", "1 2 3 4 5", "[1 2 3 4 5]", "[1 2 3 4 5]",
     "[1 ... 5]"),
    (np.arange(6).reshape(2, 3), "[0 1 2]...", "[0 1 2][3 4...]...", "[[0 1 2]\n [3 4 5]]",
     "[[0 1 2]\n [3 4 5]]", "[[0 ... 2]\n [3 ... 5]]"),
    (np.arange(24.0).reshape(2, 3, 4), "[[0 1 2...]]...", "[[0 1 2 3][4...]]...",
     "[[[0 1 2 3]\n  [4 5 6 7]\n  [8 9 10 11]]\n\n [[12 13 14 15]\n  [16 17 18 19]\n"
     "  [20 21 22 23]]]",
     "[[[0 1 2 3]\n  [4 5 6 7]\n  [8 9 10 11]]\n\n [[12 13 14 15]\n  [16 17 18 19]\n"
     "  [20 21 22 23]]]",
     "[[[0 ... 3]\n  ...\n  [8 ... 11]]\n\n [[12 ... 15]\n  ...\n  [20 ... 23]]]"),
    (np.array([b"a", b"bc\n"], object), "a bc\\n", "a bc\\n", '["a" "bc\\n"]', '["a" "bc\\n"]',
     '["a" "bc\\n"]'),
    (np.array([True, False]), "1 0", "1 0", "[1 0]", "[1 0]", "[1 0]"),
    (np.float32(1 / 3), "0.333333343", "0.333333343", "0.333333343", "0.333333343", "0.333333343"),
    (np.array([1e20, np.nan, np.inf, -np.inf], np.float32), "1e+20 nan inf...",
     "1e+20 nan inf -inf", "[1e+20 nan inf -inf]", "[1e+20 nan inf -inf]", "[1e+20 ... -inf]"),
    (np.zeros((0, 3)), "", "", "[]", "[]", "[]"),
    (np.float16(0.1), "0.0999755859", "0.0999755859", "0.0999755859", "0.0999755859",
     "0.0999755859"),
    (np.float32(123456789), "123456792", "123456792", "123456792", "123456792", "123456792"),
    (np.int8(-3), "-3", "-3", "-3", "-3", "-3"),
]  # fmt: skip


@pytest.mark.parametrize("shown", SHOWN, ids=range(len(SHOWN)))
def test_values_as_text(shown):
    value, *texts = shown
    got = [first_elements(value, 3), first_elements(value, 5)]
    got += [edge_elements(value, 3), edge_elements(value, -1), edge_elements(value, 1)]
    assert got == texts


def test_text_is_escaped_as_in_c():
    text = "é\"'\n\\".encode()
    assert first_elements(np.array(text, object)) == "\\303\\251\\\"\\'\\n\\\\"
    assert edge_elements(np.array(b"zz", object)) == '"zz"'


def test_assertion_text():
    arrays = [np.arange(5), np.array(b"x", object)]
    assert assertion_text(arrays) == "assertion failed: [0 1 2...] [x]"
    assert assertion_text(arrays, -1) == "assertion failed: [0 1 2 3 4] [x]"
