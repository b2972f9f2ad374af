"""Neural-network operations: TensorFlow's `tf.nn`."""

from graphflow import rnn_cell
from graphflow.ops.activations import *
from graphflow.ops.argmax_pooling import *
from graphflow.ops.batch_norm import *
from graphflow.ops.batched_windows import *
from graphflow.ops.candidate_sampling import *
from graphflow.ops.conv import *
from graphflow.ops.conv_variants import *
from graphflow.ops.ctc import *
from graphflow.ops.ctc import ctc_beam_search_decoder_v2
from graphflow.ops.ctc_labels import *
from graphflow.ops.depthwise import *
from graphflow.ops.embedding import *
from graphflow.ops.embedding import safe_embedding_lookup_sparse
from graphflow.ops.fractional_pooling import *
from graphflow.ops.losses import *
from graphflow.ops.morphology import dilation2d, erosion2d
from graphflow.ops.nn import *
from graphflow.ops.normalization import *
from graphflow.ops.pooling import *
from graphflow.ops.rnn import *
from graphflow.ops.sampled_losses import *
from graphflow.ops.softmax import *
from graphflow.ops.sorting import in_top_k, top_k
from graphflow.ops.space_batch import depth_to_space, space_to_batch, space_to_depth
from graphflow.ops.static_rnn import *
from graphflow.ops.unary import log_sigmoid, sigmoid, softplus, tanh

__all__ = [name for name in dir() if not name.startswith("_")]


def __getattr__(name: str) -> object:
    from graphflow.compat.before_v1 import old_name  # most scripts are of 1.x

    return old_name(f"nn.{name}")
