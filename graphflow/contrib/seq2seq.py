"""TensorFlow's `tf.contrib.seq2seq`: decoders, attention, beam search, the loss of sequences."""

from graphflow.ops.attention import *
from graphflow.ops.beam_search import *
from graphflow.ops.decoding import *
from graphflow.ops.decoding_helpers import *
from graphflow.ops.seq2seq_losses import *

__all__ = [name for name in dir() if not name.startswith("_")]
