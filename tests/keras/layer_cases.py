"""Layers by name, their inputs' shapes, and their values with weights that are made by a rule.

The cases are run by graphflow and, to record what is expected, by TensorFlow.
"""

import numpy as np


def values(shape, start=0.0):
    count = int(np.prod(shape))
    return np.sin(np.arange(count) * 0.7 + start).reshape(shape).astype(np.float32)


def cases(L):
    line, image, volume = (2, 5, 3), (2, 5, 6, 3), (2, 4, 4, 5, 2)
    yield "AveragePooling3D", lambda: L.AveragePooling3D(), [volume]
    yield "MaxPool3D", lambda: L.MaxPool3D(), [volume]
    yield "AvgPool1D", lambda: L.AvgPool1D(), [line]
    for name in ("GlobalMaxPool1D", "GlobalAvgPool1D"):
        yield name, lambda name=name: getattr(L, name)(), [line]
    for name in ("GlobalMaxPool3D", "GlobalAvgPool3D"):
        yield name, lambda name=name: getattr(L, name)(), [volume]
    yield "UpSampling1D", lambda: L.UpSampling1D(3), [line]
    yield "UpSampling2D", lambda: L.UpSampling2D((2, 3)), [image]
    yield "UpSampling2D bilinear", lambda: L.UpSampling2D(interpolation="bilinear"), [image]
    yield "UpSampling3D", lambda: L.UpSampling3D(), [volume]
    yield "ZeroPadding1D", lambda: L.ZeroPadding1D((1, 2)), [line]
    yield "ZeroPadding3D", lambda: L.ZeroPadding3D(((1, 0), (0, 2), (1, 1))), [volume]
    yield "Cropping1D", lambda: L.Cropping1D((1, 2)), [line]
    yield "Cropping2D", lambda: L.Cropping2D(((1, 0), (0, 2))), [image]
    yield "Cropping3D", lambda: L.Cropping3D(1), [volume]
    yield "ReLU", lambda: L.ReLU(0.5, 0.1, 0.2), [line]
    yield "ELU", lambda: L.ELU(0.7), [line]
    yield "PReLU", lambda: L.PReLU(shared_axes=[1]), [line]
    yield "ThresholdedReLU", lambda: L.ThresholdedReLU(0.3), [line]
    yield "Softmax", lambda: L.Softmax(1), [line]
    yield "Dot", lambda: L.Dot((2, 1)), [(2, 4, 3), (2, 3, 5)]
    yield "Dot normalized", lambda: L.Dot(1, normalize=True), [(2, 3), (2, 3)]
    yield "Subtract", lambda: L.Subtract(), [line, line]
    yield "Minimum", lambda: L.Minimum(), [line, line]
    yield "Average", lambda: L.Average(), [line, line]
    yield "DepthwiseConv2D", lambda: L.DepthwiseConv2D(3, depth_multiplier=2), [image]
    yield "SeparableConv1D", lambda: L.SeparableConv1D(4, 3), [line]
    yield "Conv3DTranspose", lambda: L.Conv3DTranspose(2, 2, strides=2), [volume]
    yield "LayerNormalization", lambda: L.LayerNormalization(), [line]
    yield "LocallyConnected1D", lambda: L.LocallyConnected1D(4, 3, strides=2), [line]
    yield "LocallyConnected2D", lambda: L.LocallyConnected2D(2, (3, 2)), [image]
    yield "Attention", lambda: L.Attention(), [(2, 4, 3), (2, 5, 3)]
    yield "AdditiveAttention", lambda: L.AdditiveAttention(), [(2, 4, 3), (2, 5, 3)]
    yield "ConvLSTM2D", lambda: L.ConvLSTM2D(2, 3, padding="same"), [(2, 3, 4, 5, 2)]
    yield "SimpleRNN", lambda: L.SimpleRNN(4, return_sequences=True), [line]
    yield "LSTM", lambda: L.LSTM(4, go_backwards=True), [line]
    yield "GRU", lambda: L.GRU(4, reset_after=True), [line]
    yield "RNN", lambda: L.RNN(L.LSTMCell(4)), [line]
    yield "RNN stacked", lambda: L.RNN([L.LSTMCell(4), L.GRUCell(2)]), [line]
    yield "TimeDistributed", lambda: L.TimeDistributed(L.Dense(4)), [line]
    yield "TimeDistributed image", lambda: L.TimeDistributed(L.Conv2D(2, 3)), [(2, 2, 4, 4, 1)]
    yield "Bidirectional", lambda: L.Bidirectional(L.LSTM(3, return_sequences=True)), [line]
    yield "Bidirectional sum", lambda: L.Bidirectional(L.GRU(3), merge_mode="sum"), [line]


def run(tf, make, shapes):
    """The outputs, and the names of the variables."""
    with tf.Graph().as_default():
        inputs = [tf.keras.layers.Input(shape[1:]) for shape in shapes]
        layer = make()
        output = layer(inputs if len(inputs) > 1 else inputs[0])
        weights = layer.weights
        with tf.Session() as session:
            for k, weight in enumerate(weights):
                weight.load(values(weight.shape.as_list(), k) * 0.5, session)
            feed = {t: values(s, k) for k, (t, s) in enumerate(zip(inputs, shapes))}  # noqa: B905  # Python 3.7, too
            return session.run(output, feed), [weight.op.name for weight in weights]
