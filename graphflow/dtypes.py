"""Types of tensors: TensorFlow's `tf.dtypes`."""

from graphflow.graph.dtypes import *
from graphflow.graph.dtypes import bool_ as bool
from graphflow.ops.casting import cast, saturate_cast
from graphflow.ops.complex import complex
from graphflow.ops.text_conversions import as_string

__all__ = [name for name in dir() if not name.startswith("_")]
