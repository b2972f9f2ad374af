"""Initial values of variables: TensorFlow's `tf.initializers`."""

from graphflow.ops.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    Identity,
    Ones,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    UniformUnitScaling,
    VarianceScaling,
    Zeros,
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    he_normal,
    he_uniform,
    identity_initializer,
    lecun_normal,
    lecun_uniform,
    ones_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    uniform_unit_scaling_initializer,
    variance_scaling_initializer,
    zeros_initializer,
)
from graphflow.ops.orthogonal_initializers import Orthogonal, orthogonal_initializer
from graphflow.ops.variable_lists import (
    global_variables_initializer as global_variables,
)
from graphflow.ops.variable_lists import (
    local_variables_initializer as local_variables,
)
from graphflow.ops.variable_lists import (
    variables_initializer as variables,
)

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
identity = Identity
ones = Ones
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
uniform_unit_scaling = UniformUnitScaling
variance_scaling = VarianceScaling
zeros = Zeros

__all__ = [name for name in dir() if not name.startswith("_")]
