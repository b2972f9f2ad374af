"""Moving elements: TensorFlow's `tf.manip`."""

from graphflow.ops.gathering import gather_nd, scatter_nd
from graphflow.ops.rolling import roll
from graphflow.ops.shape import reshape
from graphflow.ops.slicing import reverse, tile
from graphflow.ops.space_batch import batch_to_space_nd, space_to_batch_nd

__all__ = [name for name in dir() if not name.startswith("_")]
