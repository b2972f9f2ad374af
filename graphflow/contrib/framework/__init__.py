"""TensorFlow's `tf.contrib.framework`."""

from graphflow.contrib.framework.arg_scope import *
from graphflow.contrib.framework.variables import *
from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.clip import clip_by_value
from graphflow.ops.conditionals import smart_cond
from graphflow.ops.orthogonal_initializers import (
    convolutional_delta_orthogonal,
    convolutional_orthogonal_1d,
    convolutional_orthogonal_2d,
    convolutional_orthogonal_3d,
)
from graphflow.ops.sorting import argsort, sort
from graphflow.train.checkpoints import list_variables, load_checkpoint, load_variable
from graphflow.train.global_step import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
)


def is_tensor(x: object) -> bool:
    """Whether this is a tensor, or stands for one."""
    return hasattr(x, "graph") and hasattr(x, "dtype")


def assert_scalar(tensor: object, name: str | None = None) -> Tensor:
    """The value as a tensor; ValueError unless it is a scalar."""
    made = convert_to_tensor(tensor, name=name)
    if made.shape.rank != 0:
        raise ValueError(
            f"Unexpected shape for scalar, expected rank 0, got {made.shape} for {made.name}."
        )
    return made
