"""Op types called by name, as ``tf.raw_ops`` and TensorFlow's private modules have them."""

import numpy as np
import pytest
from graphflow.python.ops import gen_array_ops, gen_nn_ops

import graphflow as tf


def test_op_types_are_functions_of_inputs_and_attributes() -> None:
    product = tf.raw_ops.MatMul(a=[[1.0, 2.0]], b=[[3.0, 4.0]], transpose_b=True, name="p")
    assert product.name == "p:0"
    first, second = tf.raw_ops.Split(axis=0, value=[1.0, 2.0], num_split=2)
    best = tf.raw_ops.TopKV2(input=[1.0, 3.0], k=1)
    flat = tf.raw_ops.Squeeze(input=[[5.0]], axis=[0])
    with tf.Session() as session:
        found = session.run([product, first, second, best.values, best.indices, flat])
    for value, wanted in zip(found, [[[11.0]], [1.0], [2.0], [3.0], [1], [5.0]], strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_private_modules_call_them_in_small_letters() -> None:
    joined = gen_array_ops.concat_v2([[1], [2]], 0)
    assert joined.op.type == "ConcatV2"
    pooled = gen_nn_ops.max_pool_v2(np.ones((1, 4, 4, 1), "f"), [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    assert pooled.shape == [1, 2, 2, 1]


def test_a_reference_is_needed_where_one_is_written() -> None:
    variable = tf.Variable(1.0)
    assert tf.raw_ops.Assign(ref=variable, value=2.0).dtype.name == "float32_ref"
    with pytest.raises(TypeError, match="mutable tensor"):
        tf.raw_ops.Assign(ref=tf.constant(1.0), value=2.0)


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="unexpected argument 'c'"):
        tf.raw_ops.MatMul(a=[[1.0]], b=[[1.0]], c=1)
    with pytest.raises(AttributeError, match="NoSuchOp"):
        tf.raw_ops.NoSuchOp  # noqa: B018


def test_modules_have_what_tensorflow_took_over_from_them() -> None:
    from graphflow.python.ops import data_flow_ops

    merged = data_flow_ops.parallel_dynamic_stitch([[0], [1]], [[5.0], [6.0]])
    assert merged.op.type == "ParallelDynamicStitch"


def test_modules_that_wrap_python_s_own() -> None:
    from graphflow.core.protobuf import config_pb2
    from graphflow.python.util import tf_contextlib, tf_decorator, tf_inspect

    assert config_pb2.ConfigProto is tf.ConfigProto

    @tf_contextlib.contextmanager
    def numbered():
        yield 1

    decorated = tf_decorator.make_decorator(numbered, lambda *a: numbered(*a))
    assert decorated.__name__ == "numbered"
    assert tf_decorator.unwrap(decorated)[1] is numbered.__wrapped__

    with numbered() as number:
        assert number == 1
    assert tf_inspect.getfullargspec(numbered).args == []


def test_private_names_that_keras_2_reads() -> None:
    from graphflow.python.framework import ops

    x = tf.placeholder(tf.float32, [None, 3])
    assert isinstance(x, ops._TensorLike)
    assert not isinstance([1.0], ops._TensorLike)
    assert len(x.shape._dims) == 2

    class Placed:
        device = ""

        def _set_device(self, name: str) -> None:
            self.device = name

    placed = Placed()
    with tf.device("/gpu:0"):
        x.graph._apply_device_functions(placed)
    assert placed.device == "/device:GPU:0"
