"""Functions with types, and parts of graphs that run one after the other."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.gradients.defun import Defun


def test_a_function_converts_its_arguments_and_has_a_gradient() -> None:
    @Defun(tf.float32, tf.float32)
    def combine(x, y):
        return x * y + 1, x - y

    x = tf.constant(3.0)
    total, difference = combine(x, 2)
    assert combine.name == "combine"
    assert total.dtype == tf.float32
    with tf.Session() as session:
        assert session.run([total, difference, tf.gradients(total, x)[0]]) == [7, 1, 2]
    with pytest.raises(ValueError, match="Expected number of arguments: 2, received: 1"):
        combine(x)
    with pytest.raises(ValueError, match="number of specified input types"):
        Defun(tf.float32)(lambda a, b: a)


def test_gradients_of_ones_own() -> None:
    @Defun(tf.float32, python_grad_func=lambda op, dy: dy * 10 * op.inputs[0] + op.outputs[0])
    def tenfold(x):
        return 2 * x

    @Defun(tf.float32, func_name="Other", grad_func=lambda x, dy: 5 * dy)
    def fivefold(x):
        return tf.square(x)

    x = tf.constant(3.0)
    with tf.Session() as session:
        assert session.run(tf.gradients(tenfold(x), x)[0]) == 36
        assert session.run([fivefold(x), tf.gradients(fivefold(x), x)[0]]) == [9, 5]
    with pytest.raises(ValueError, match="Gradient defined twice"):
        Defun(grad_func=len, python_grad_func=len)


def test_a_critical_section_runs_its_parts_one_after_the_other() -> None:
    counter = tf.Variable(0.0)
    section = tf.CriticalSection(name="one")

    def count():
        value = tf.identity(counter)
        with tf.control_dependencies([value]), tf.control_dependencies([counter.assign_add(1.0)]):
            return tf.identity(value)

    results = [section.execute(count) for _ in range(5)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert sorted(session.run(results)) == [0, 1, 2, 3, 4]
        assert session.run(counter) == 5
    with pytest.raises(ValueError, match="would access resources"):
        tf.CriticalSection(name="two").execute(count)
    tf.CriticalSection(name="three", shared_name="s").execute(lambda x: x + 1, tf.constant(1))


def test_shifted_spectra_and_compressed_texts() -> None:
    import gzip
    import zlib

    x = np.arange(15.0).reshape(3, 5)
    with tf.Session() as session:
        for axes in (None, 1, [0]):
            np.testing.assert_array_equal(
                session.run(tf.signal.fftshift(x, axes)), np.fft.fftshift(x, axes)
            )
            np.testing.assert_array_equal(
                session.run(tf.signal.ifftshift(x, axes)), np.fft.ifftshift(x, axes)
            )
        texts = [tf.decode_compressed([zlib.compress(b"a")], "ZLIB"),
                 tf.io.decode_compressed([gzip.compress(b"b")], "GZIP"),
                 tf.decode_compressed([b"c"])]  # fmt: skip
        assert [v[0] for v in session.run(texts)] == [b"a", b"b", b"c"]
        with pytest.raises(tf.errors.InvalidArgumentError, match="decompress"):
            session.run(tf.decode_compressed("a", "ZLIB"))
        made = session.run(tf.io.decode_json_example(
            '{"features": {"feature": {"a": {"int64List": {"value": ["3"]}}}}}'
        ))  # fmt: skip
        parsed = tf.parse_single_example(made, {"a": tf.FixedLenFeature([], tf.int64)})
        assert session.run(parsed)["a"] == 3
