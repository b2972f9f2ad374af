"""Mathematics: TensorFlow's `tf.math`."""

from graphflow.ops.activations import softsign
from graphflow.ops.comparison import *
from graphflow.ops.complex import angle, conj, imag, real
from graphflow.ops.counting import (
    bincount,
    confusion_matrix,
    is_non_decreasing,
    is_strictly_increasing,
)
from graphflow.ops.elementwise import *
from graphflow.ops.elementwise import div_no_nan as divide_no_nan
from graphflow.ops.nn import l2_normalize, zero_fraction
from graphflow.ops.reductions import *
from graphflow.ops.scans import *
from graphflow.ops.segment_reductions import (
    segment_max,
    segment_mean,
    segment_min,
    segment_prod,
    segment_sum,
    unsorted_segment_max,
    unsorted_segment_mean,
    unsorted_segment_min,
    unsorted_segment_prod,
    unsorted_segment_sqrt_n,
)
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.softmax import log_softmax, softmax
from graphflow.ops.sorting import in_top_k, top_k
from graphflow.ops.special import *
from graphflow.ops.special import bessel_i0, bessel_i0e, bessel_i1, bessel_i1e, nextafter
from graphflow.ops.transposing import invert_permutation
from graphflow.ops.unary import *

__all__ = [name for name in dir() if not name.startswith("_")]
