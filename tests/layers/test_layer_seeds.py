"""Seeds that operations take from the count of operations; the numbers are TensorFlow 1.15's.

In a graph with a seed an operation without one takes the count of those made before it, so what
layers make in front of it decides what it draws.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphflow as tf

keras, cells = tf.keras.layers, tf.nn.rnn_cell
DRAWS = ("RandomUniform", "TruncatedNormal", "RandomStandardNormal", "RandomUniformInt")


def images(*sizes: Any) -> Any:
    return tf.placeholder(tf.float32, [4, *sizes])


def open_sequences() -> Any:
    return tf.placeholder(tf.float32, [None, None, 5])


def words() -> Any:
    return tf.placeholder(tf.int32, [None, None])


def open_images() -> Any:
    return tf.placeholder(tf.float32, [None, None, None, 2])


def state(size: int) -> Any:
    return tf.zeros([2, size])


def basic_lstm(is_tuple: bool) -> Any:
    start = (state(3), state(3)) if is_tuple else state(6)
    return cells.BasicLSTMCell(3, state_is_tuple=is_tuple)(tf.ones([2, 5]), start)


def decoded() -> Any:
    seq2seq, cell = tf.contrib.seq2seq, cells.GRUCell(3)
    helper = seq2seq.TrainingHelper(images(7, 5), tf.constant([7, 6, 5, 4]))
    first = cell.zero_state(4, tf.float32)
    decoder = seq2seq.BasicDecoder(cell, helper, first, tf.layers.Dense(6))
    return seq2seq.dynamic_decode(decoder, maximum_iterations=9)


def read_raw() -> Any:
    cell = cells.LSTMCell(3)
    given = tf.TensorArray(tf.float32, 7).unstack(tf.transpose(images(7, 5), [1, 0, 2]))

    def step(time: Any, output: Any, last: Any, _: Any) -> Any:
        following = cell.zero_state(4, tf.float32) if output is None else last
        done = time >= 7
        blank, read = lambda: tf.zeros([4, 5]), lambda: given.read(time)
        return done, tf.cond(tf.reduce_all(done), blank, read), following, output, None

    return tf.nn.raw_rnn(cell, step)


CASES: dict[str, tuple[Any, list[int]]] = {
    "keras dense": (lambda: [keras.Dense(3)(images(5)), keras.Dense(2)(images(3))], [4, 25, 45]),
    "keras conv": (lambda: keras.Conv2D(3, 3)(images(8, 8, 1)), [4, 25]),
    "keras transposed": (lambda: keras.Conv2DTranspose(3, 3)(images(8, 8, 2)), [4, 51]),
    "keras separable": (lambda: keras.SeparableConv2D(3, 3)(images(8, 8, 2)), [4, 15, 39]),
    "keras depthwise": (lambda: keras.DepthwiseConv2D(3)(images(8, 8, 2)), [4, 26]),
    "keras embedding": (lambda: keras.Embedding(9, 3)(words()), [4, 18]),
    "keras batch norm": (lambda: keras.BatchNormalization()(images(5)), [92]),
    "keras fused norm": (lambda: keras.BatchNormalization()(images(8, 8, 3)), [72]),
    "keras dropout": (lambda: keras.Dropout(0.5)(images(5)), [11, 30]),
    "keras masking": (lambda: keras.Masking()(images(7, 5)), [11]),
    "keras reshape": (lambda: keras.Reshape([35])(images(7, 5)), [12]),
    "keras upsampling": (lambda: keras.UpSampling2D()(images(8, 8, 1)), [12]),
    "keras relu6": (lambda: keras.ReLU(6)(images(5)), [5]),
    "keras regularizer": (lambda: keras.Dense(3, kernel_regularizer="l2")(images(5)), [4, 24]),
    "keras steps": (lambda: keras.TimeDistributed(keras.Dense(3))(images(7, 5)), [4, 28]),
    "keras lstm": (lambda: keras.LSTM(3)(images(7, 5)), [4, 15, 284]),
    "keras open lstm": (lambda: keras.LSTM(3)(open_sequences()), [4, 15, 284]),
    "keras masked lstm": (
        lambda: keras.LSTM(3)(keras.Embedding(9, 5, mask_zero=True)(words())), [4, 20, 31, 333]
    ),
    "keras gru": (lambda: keras.GRU(3)(open_sequences()), [4, 15, 278]),
    "keras both ways": (
        lambda: keras.Bidirectional(keras.LSTM(3))(images(7, 5)), [4, 15, 44, 55, 568]
    ),
    "transposed": (lambda: tf.layers.conv2d_transpose(images(8, 8, 2), 3, 3, 2), [4, 47]),
    "separable": (lambda: tf.layers.separable_conv2d(images(8, 8, 2), 3, 3), [4, 14, 33]),
    "dilated": (lambda: tf.layers.conv2d(images(8, 8, 2), 3, 3, dilation_rate=2), [4, 31]),
    "open dilated": (lambda: tf.layers.conv2d(open_images(), 3, 3, dilation_rate=2), [4, 94]),
    "atrous": (lambda: tf.nn.atrous_conv2d(images(8, 8, 2), tf.ones([3, 3, 2, 1]), 2, "SAME"),
               [18]),
    "pool": (lambda: tf.nn.pool(images(8, 8, 2), [2, 2], "MAX", "SAME"), [6]),
    "basic lstm": (lambda: basic_lstm(True), [6, 38]),
    "basic lstm of one state": (lambda: basic_lstm(False), [5, 41]),
    "decoder": (decoded, [128, 142, 179, 274]),
    "raw rnn": (read_raw, [89, 162]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_seeds_come_from_the_count(name: str) -> None:
    make, wanted = CASES[name]
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(3)
        make()
        tf.random_uniform([])
        seeds = [op.get_attr("seed2") for op in graph.get_operations() if op.type in DRAWS]
    assert seeds == wanted


def test_the_counter_of_a_loop_counts_from_its_first_gradient_on() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.Variable(tf.ones([4, 3]))
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True)
        _, array = tf.while_loop(
            lambda i, a: i < 3, lambda i, a: (i + 1, a.write(i, x * 2.0)), (0, array)
        )
        early = graph._early_operations
        assert early > 0
        tf.gradients(array.stack(), x)
        assert graph._early_operations == 0


def test_kerass_draws_take_their_seeds_from_numpy() -> None:
    with tf.Graph().as_default() as graph:
        np.random.seed(0)  # noqa: NPY002  # Keras's own
        keras.GaussianDropout(0.5)(images(8, 2), training=True)
        tf.keras.backend.dropout(images(5), 0.5)
        draws = [op for op in graph.get_operations() if op.type in DRAWS]
    assert [op.get_attr("seed2") for op in draws] == [8325804, 1484405]


def test_kerass_losses_and_updates_are_the_layers_alone() -> None:
    with tf.Graph().as_default() as graph:
        layer = keras.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")
        layer(images(5))
        count = len(graph.get_operations())
        norm = keras.BatchNormalization()
        norm(images(5), training=True)
        assert tf.losses.get_regularization_losses() == []
        assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []
        assert len(norm.updates) == 2
        assert not any("kernel/Regularizer" in op.name for op in graph.get_operations()[:count])
        assert {loss.op.name for loss in layer.losses} == {
            "dense/ActivityRegularizer/truediv", "dense/kernel/Regularizer/add",
        }  # fmt: skip
        assert len(layer.get_losses_for(None)) == 1
