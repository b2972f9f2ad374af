"""Keras's layers: TensorFlow's `tf.keras.layers`."""

from graphflow.keras.core import *
from graphflow.keras.local import *
from graphflow.keras.merging import *
from graphflow.keras.noise import *
from graphflow.keras.pooling import *
from graphflow.keras.recurrent import *
from graphflow.keras.serialization import deserialize, serialize
from graphflow.keras.shaping import *
from graphflow.keras.wrappers import *
