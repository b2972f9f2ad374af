"""Keras's layers: TensorFlow's `tf.keras.layers`."""

from graphflow.keras.core import *
from graphflow.keras.recurrent import GRU, LSTM, SimpleRNN
