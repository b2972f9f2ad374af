"""What the recorded programs do not show: user's lines, failed operations, speed, isolation."""

import threading
import time
import types

import numpy as np
import pytest

from graphflow import errors
from graphflow.graph import dtypes, opdef, session_stack
from graphflow.graph.constants import (
    constant_value,
    constant_value_as_shape,
    set_static_evaluator,
)
from graphflow.graph.graph import Graph
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.shapes import TensorShape, broadcast, debug_string
from graphflow.graph.tensor import Tensor


def _line(text):
    """Return the number of the line of this file that ends in a marker."""
    with open(__file__) as file:
        return next(i for i, line in enumerate(file, 1) if line.rstrip().endswith(text))


def test_an_operation_knows_the_users_line(tf):
    x = tf.constant(1.0)  # here
    location = x.op.location
    assert (location.file, location.line) == (__file__, _line("# here"))
    assert location.function == "test_an_operation_knows_the_users_line"
    assert location.text == "x = tf.constant(1.0)  # here"
    assert x.op.traceback == [location.as_frame()]


def test_the_line_is_found_through_the_librarys_own_context_managers(tf):
    v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())  # variable
    ops = [v.op, v.initializer, v.value().op, v.initial_value.op]
    assert {op.location.line for op in ops} == {_line("# variable")}


def test_a_failed_operation_leaves_the_graph_as_it_was(tf, fresh_graph):
    a = tf.placeholder(tf.float32, [2, 3], name="a")
    b = tf.placeholder(tf.float32, [4, 3], name="b")
    before = fresh_graph._last_id, dict(fresh_graph._names_in_use)
    for name in ("sum", "sum", "Sum"):
        with pytest.raises(ValueError, match="Dimensions must be equal, but are 2 and 4 for 'sum"):
            fresh_graph.create_op("Add", [a, b], name=name.lower())
    assert (fresh_graph._last_id, fresh_graph._names_in_use) == before
    assert fresh_graph.create_op("Add", [a, a], name="sum").name == "sum"
    assert a.consumers() == fresh_graph.get_operations()[-1:] * 2


def test_a_shape_error_names_inputs_and_lines(tf, fresh_graph):
    a = tf.placeholder(tf.float32, [2, 3], name="a")  # made a
    b = tf.placeholder(tf.float32, [4, None], name="b")
    with pytest.raises(ValueError, match="Dimensions must be equal") as caught:
        fresh_graph.create_op("Add", [a, b], name="sum")  # made sum
    first, *notes = str(caught.value).split("\n")
    assert first == (
        "Dimensions must be equal, but are 2 and 4 for 'sum' (op: 'Add') with input shapes: "
        "[2,3], [4,?]."
    )
    assert notes[0].startswith("  in  'a:0'  float32 [2,3]  made at ")
    assert f"test_graph.py:{_line('# made a')} in test_a_shape_error" in notes[0]
    assert notes[2].startswith("  op  made at  ")
    assert notes[2].endswith('create_op("Add", [a, b], name="sum")  # made sum')


def test_an_unknown_op_type_and_a_second_definition_are_errors(fresh_graph):
    with pytest.raises(ValueError, match="Op type not registered 'Nothing'"):
        fresh_graph.create_op("Nothing", [])
    with pytest.raises(ValueError, match="defined already"):
        opdef.define_op("Const", lambda op: [], lambda b, op: ())


def test_tensors_of_another_graph_are_refused(tf, fresh_graph):
    with Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match="is not from the passed-in graph"):
        fresh_graph.create_op("Identity", [other])
    with pytest.raises(TypeError, match="Input #0 is not a tensor: 3"):
        fresh_graph.create_op("Identity", [3])


def test_gradient_functions(tf, fresh_graph):
    x = tf.constant(1.0)
    assert opdef.get_gradient_function(x.op) is None  # no inputs
    identity = tf.identity(x).op
    assert opdef.get_gradient_function(identity)(identity, "g") == ["g"]
    assert opdef.get_gradient_function(tf.stop_gradient(x).op) is None
    without = next(d for d in opdef.all_opdefs() if not d.gradient and not d.no_gradient)
    fake = types.SimpleNamespace(inputs=[x], type=without.name, attrs={})
    with pytest.raises(LookupError, match=f"gradient registry has no entry for: {without.name}"):
        opdef.get_gradient_function(fake)
    with pytest.raises(LookupError, match=r"Gradient explicitly disabled\. Reason: b'why'"):
        tf.prevent_gradient(x, "why").op.definition.gradient(tf.prevent_gradient(x, "why").op, x)


def test_gradient_override(tf, fresh_graph):
    @opdef.RegisterGradient("GraphTestDoubled")
    def doubled(op, gradient):
        return [gradient, gradient]

    x = tf.constant(1.0)
    with fresh_graph.gradient_override_map({"Identity": "GraphTestDoubled"}):
        overridden = tf.identity(x).op
    plain = tf.identity(x).op
    assert opdef.get_gradient_function(overridden) is doubled
    assert opdef.get_gradient_function(plain) is plain.definition.gradient
    assert overridden.get_attr("_gradient_op_type") == b"GraphTestDoubled"
    with pytest.raises(KeyError, match="Registering two gradient with name 'GraphTestDoubled'"):
        opdef.register_gradient("GraphTestDoubled", doubled)
    with pytest.raises(KeyError, match="Registering two gradient with name 'Identity'"):
        opdef.register_gradient("Identity", doubled)
    with pytest.raises(TypeError, match="must be a dictionary mapping strings to strings"):
        fresh_graph.gradient_override_map({"Identity": doubled}).__enter__()


def test_operators_are_installed_once():
    assert not hasattr(Tensor, "__divmod__")
    with pytest.raises(ValueError, match="Overriding __divmod__ is disallowed"):
        Tensor._override_operator("__divmod__", lambda x, y: x)
    with pytest.raises(ValueError, match="cannot be overwritten again"):
        Tensor._override_operator("__len__", lambda x: x)


def test_a_constant_cannot_be_changed_from_outside(tf):
    array = np.zeros(2, np.float32)
    x = tf.constant(array)
    array[0] = 1
    assert x.op.attrs["value"].tolist() == [0, 0]
    assert not x.op.attrs["value"].flags.writeable


def test_constant_values(tf):
    graph = tf.get_default_graph()
    x = tf.constant([2, -1, 3])
    assert graph.is_feedable(x)
    assert constant_value(x).tolist() == [2, -1, 3]
    assert not graph.is_feedable(x)
    assert constant_value_as_shape(x).as_list() == [2, None, 3]
    assert constant_value(tf.placeholder(tf.float32)) is None
    assert constant_value_as_shape(tf.placeholder(tf.int32, [2])).as_list() == [None, None]
    with pytest.raises(ValueError, match="Dimension -3 must be >= 0"):
        constant_value_as_shape(tf.constant([-3]))


def test_an_evaluator_knows_more_values(tf, monkeypatch):
    from graphflow.graph import constants

    monkeypatch.setattr(constants, "_evaluators", [])
    p = tf.placeholder(tf.int32, [2])
    set_static_evaluator(lambda tensor, partial: np.array([4, None]) if partial else None)
    assert constant_value(p) is None
    assert constant_value_as_shape(p).as_list() == [4, None]


def test_strings_become_bytes(tf):
    value = tf.constant([["a", "é"], ["", "b\0"]]).op.attrs["value"]
    assert value.dtype == object
    assert value.tolist() == [[b"a", "é".encode()], [b"", b"b\0"]]
    assert tf.constant(np.array(["x", "yz"])).op.attrs["value"].tolist() == [b"x", b"yz"]


def test_the_text_of_an_operation(tf):
    x = tf.constant([1, 2], name="x")
    with tf.device("/gpu:0"), tf.control_dependencies([x]):
        y = tf.placeholder(tf.float32, [2, None], name="y")
    text = str(y.op)
    assert text.startswith(
        'name: "y"\nop: "Placeholder"\ninput: "^x"\ndevice: "/device:GPU:0"\nattr {\n'
        '  key: "dtype"\n  value {\n    type: DT_FLOAT\n  }\n}\n'
    )
    assert "size: -1" in text
    assert 'tensor_content: "\\x01' in str(x.op)
    assert "float_val: 2.5" in str(tf.constant(2.5).op)


def test_indexed_slices(tf):
    values, indices = tf.constant([[1.0]]), tf.constant([0])
    slices = IndexedSlices(values, indices)
    assert slices.dtype is tf.float32
    assert slices.graph is values.graph
    assert slices.name == values.name
    assert tf.convert_to_tensor_or_indexed_slices(slices) is slices
    with pytest.raises(ValueError, match="requested dtype int32 for Tensor with dtype float32"):
        tf.convert_to_tensor_or_indexed_slices(slices, tf.int32)
    with tf.control_dependencies([slices]):
        assert tf.no_op().control_inputs == [values.op]
    with Graph().as_default():
        other = tf.constant([0])
    with pytest.raises(ValueError, match="must be from the same graph as"):
        IndexedSlices(values, other)


def test_default_sessions(tf):
    class Session:
        def __init__(self, graph):
            self.graph = graph
            self.runs = []

        def run(self, fetches, feed_dict=None):
            self.runs.append((fetches, feed_dict))
            return 5

    x = tf.constant(1.0)
    session, other = Session(x.graph), Session(Graph())
    with session_stack.as_default_session(session):
        assert session_stack.default_session() is session
        assert x.eval({x: 2}) == 5
        assert x.op.run() is None
        with pytest.raises(ValueError, match="Cannot use the given session to evaluate"):
            x.eval(session=other)
    with (
        session_stack.as_default_session(other),
        pytest.raises(ValueError, match="Cannot use the default session to execute"),
    ):
        x.op.run()
    assert session.runs == [(x, {x: 2}), (x.op, None)]
    assert session_stack.default_session() is None
    session_stack.push_session(session)
    session_stack.push_session(other)
    with pytest.raises(AssertionError, match="Nesting violated"):
        session_stack.pop_session(session)
    session_stack.pop_session(session, enforce_nesting=False)
    session_stack.pop_session(other)


def test_scopes_belong_to_a_thread(tf, fresh_graph):
    names = []

    def build():
        with fresh_graph.as_default(), tf.name_scope("t"):
            names.append(tf.constant(1).name)

    with tf.name_scope("main"):
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
        assert tf.constant(1).name == "main/Const:0"
    assert names == ["t/Const:0"]


def test_threads_that_build_one_graph_get_unique_names(tf, fresh_graph):
    def build():
        with fresh_graph.as_default():
            for _ in range(200):
                tf.constant(1)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    operations = fresh_graph.get_operations()
    assert len({op.name for op in operations}) == 800
    assert [op._id for op in operations] == list(range(1, 801))


def test_errors_carry_op_and_code(tf):
    op = tf.constant(1.0, name="x").op  # failing
    error = errors.InvalidArgumentError(op.node_def, op, "no good")
    assert (error.message, error.op, error.error_code) == ("no good", op, 3)
    assert error.node_def.name == "x"
    assert str(error).startswith("no good\n\nOriginal stack trace for 'x':\n  File ")
    assert f"line {_line('# failing')}" in str(error)
    assert str(errors.NotFoundError(None, None, "gone")) == "gone"
    assert errors.exception_type_from_error_code(errors.DATA_LOSS) is errors.DataLossError
    assert errors.error_code_from_exception_type(errors.AbortedError) == errors.ABORTED
    assert len(errors.OpError.__subclasses__()) == 16


def test_an_error_travels_between_processes(tf):
    import pickle

    op = tf.constant(1.0).op
    error = pickle.loads(pickle.dumps(errors.DataLossError(None, op, "torn")))
    assert isinstance(error, errors.DataLossError)
    assert error.message.startswith("torn")


def test_broadcast_follows_numpy():
    rng = np.random.default_rng(0)
    for _ in range(300):
        shapes = [tuple(rng.integers(0, 3, rng.integers(0, 4)).tolist()) for _ in range(2)]
        first, second = map(TensorShape, shapes)
        try:
            expected = list(np.broadcast_shapes(*shapes))
        except ValueError:
            with pytest.raises(ValueError, match="Dimensions must be equal"):
                broadcast(first, second)
        else:
            assert broadcast(first, second).as_list() == expected


def test_broadcast_of_unknown_sizes():
    cases = {
        ("?", "?"): None, ("?", 1): None, ("?", 4): 4, (4, "?"): 4, ("?", 0): None, (1, 1): 1,
    }  # fmt: skip
    for (a, b), expected in cases.items():
        first, second = ([None if size == "?" else size] for size in (a, b))
        assert broadcast(TensorShape(first), TensorShape(second)).as_list() == [expected]
    assert broadcast(TensorShape(None), TensorShape([2])).ndims is None
    assert debug_string(TensorShape([2, None])) == "[2,?]"


def test_five_thousand_operations_take_well_under_a_second(tf, fresh_graph):
    x = tf.placeholder(tf.float32, [32, 100])
    started = time.process_time()
    total = x
    for _ in range(5000):
        total = fresh_graph.create_op("Add", [total, x]).outputs[0]
    assert time.process_time() - started < 0.5
    assert total.dtype is dtypes.float32
