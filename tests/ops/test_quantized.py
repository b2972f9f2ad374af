"""Quantised types: values that TensorFlow 1.15 gives."""

import numpy as np
import pytest

import graphflow as tf

X = [-1.2, -0.5, 0, 0.3, 0.49, 0.51, 2.0, 3.7]
RECORDED = [
    (tf.quint8, "MIN_COMBINED", [0, 32, 64, 83, 95, 96, 191, 255], (-1, 3)),
    (tf.quint8, "MIN_FIRST", [0, 32, 64, 83, 95, 97, 192, 255], (-1, 3)),
    (tf.quint8, "SCALED", [0, 0, 0, 26, 42, 43, 170, 255], (0, 3)),
    (tf.qint8, "MIN_COMBINED", [-128, -96, -64, -45, -33, -32, 63, 127], (-1, 3)),
    (tf.qint8, "MIN_FIRST", [-128, -96, -64, -45, -33, -31, 64, 127], (-1, 3)),
    (tf.qint8, "SCALED", [-51, -21, 0, 13, 21, 22, 85, 127], (-3.023622, 3)),
    (tf.qint16, "MIN_FIRST", [-32768, -24576, -16384, -11469, -8356, -8028, 16384, 32767], (-1, 3)),
    (tf.quint16, "SCALED", [0, 0, 0, 6554, 10704, 11141, 43690, 65535], (0, 3)),
    (tf.qint32, "MIN_FIRST", [-2147483648, -1610612736, -1073741824, -751619264, -547608320,
                              -526133504, 1073741824, 2147483520], (-1, 3)),
]  # fmt: skip
BACK = {
    (tf.quint8, "MIN_COMBINED"): [-1, -0.4980392, 0.00392163, 0.30196083, 0.4901961, 0.5058825,
                                  1.9960785, 3],
    (tf.quint8, "MIN_FIRST"): [-1.0039216, -0.5019608, 0, 0.2980392, 0.48627448, 0.51764715,
                               2.0078435, 2.9960785],
    (tf.qint8, "SCALED"): [-1.2047244, -0.496063, 0, 0.30708662, 0.496063, 0.51968503, 2.007874, 3],
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "mode", "wanted", "ends"), RECORDED)
def test_quantising_there_and_back(dtype, mode, wanted, ends) -> None:
    made = tf.quantization.quantize(X, -1.0, 3.0, dtype, mode)
    assert made.output.dtype is dtype
    assert made.output.shape.as_list() == [8]
    with tf.Session() as session:
        found = session.run(made)
        again = session.run(tf.quantization.dequantize(made.output, -1.0, 3.0, mode))
        fed = session.run(made.output, {made.output: found.output})
    assert found.output.tolist() == wanted == fed.tolist()
    np.testing.assert_allclose([found.output_min, found.output_max], ends, rtol=1e-6)
    if (dtype, mode) in BACK:
        np.testing.assert_allclose(again, BACK[dtype, mode], atol=1e-7, rtol=1e-6)


def test_quantised_types_are_types_of_their_own() -> None:
    assert tf.as_dtype("quint8") is tf.as_dtype(12) is tf.quint8
    assert tf.quint8.is_quantized is not tf.quint8.is_integer
    assert tf.quint8 in tf.QUANTIZED_DTYPES
    assert tf.as_dtype(np.uint8) is tf.uint8 is not tf.quint8
    with pytest.raises(TypeError):
        tf.add(tf.placeholder(tf.quint8), tf.placeholder(tf.quint8))
    with pytest.raises(ValueError, match="expected mode one of"):
        tf.quantize(X, -1.0, 3.0, tf.quint8, "SOME")
    with pytest.raises(TypeError, match="quantised type, got uint8"):
        tf.quantize_v2(X, -1.0, 3.0, tf.uint8)


def test_quantised_tensors_are_moved_joined_and_read_as_bits() -> None:
    first = tf.quantize(X, -1.0, 3.0, tf.quint8)
    second = tf.quantize([2 * x for x in X], -2.0, 6.0, tf.quint8)
    joined = tf.quantized_concat(0, [first.output, second.output], [-1.0, -2.0], [3.0, 6.0])
    assert joined.output.shape.as_list() == [16]
    with tf.Session() as session:
        found = session.run(joined)
        bits = session.run(tf.bitcast(tf.reshape(first.output, [2, 4]), tf.uint8))
        value = tf.placeholder(tf.quint8)
        plain = session.run(tf.dequantize(value, -1.0, 3.0), {value: np.array([0, 255], np.uint8)})
    assert found.output.tolist() == [
        32, 48, 64, 73, 79, 80, 128, 160, 0, 32, 64, 83, 95, 96, 191, 255
    ]  # fmt: skip
    assert (found.output_min, found.output_max) == (-2, 6)
    assert bits.shape == (2, 4)
    assert plain.tolist() == [-1, 3]
