"""TensorFlow's `tf.contrib.layers`."""

from graphflow.contrib.layers.linear import *
from graphflow.contrib.layers.linear import relu_fully_connected as relu
from graphflow.contrib.layers.normalization import *
from graphflow.contrib.layers.optimizing import *
from graphflow.contrib.layers.regularizers import *
from graphflow.contrib.layers.shaping import *
from graphflow.ops.activations import elu, relu6
