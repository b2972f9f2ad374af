"""Random draws: TensorFlow's `tf.random`."""

from graphflow.graph.random_seed import get_seed, set_random_seed
from graphflow.ops.candidate_sampling import (
    all_candidate_sampler,
    fixed_unigram_candidate_sampler,
    learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    uniform_candidate_sampler,
)
from graphflow.ops.random import random_normal as normal
from graphflow.ops.random import random_uniform as uniform
from graphflow.ops.random import truncated_normal
from graphflow.ops.sampling import (
    categorical,
    multinomial,
    stateless_categorical,
    stateless_multinomial,
    stateless_truncated_normal,
)
from graphflow.ops.sampling import random_gamma as gamma
from graphflow.ops.sampling import random_poisson as poisson
from graphflow.ops.sampling import random_shuffle as shuffle
from graphflow.ops.sampling import stateless_random_normal as stateless_normal
from graphflow.ops.sampling import stateless_random_uniform as stateless_uniform

__all__ = [name for name in dir() if not name.startswith("_")]
