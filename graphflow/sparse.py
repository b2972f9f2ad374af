"""Sparse tensors: TensorFlow's `tf.sparse`."""

from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.ops.segment_reductions import sparse_segment_mean as segment_mean
from graphflow.ops.segment_reductions import sparse_segment_sqrt_n as segment_sqrt_n
from graphflow.ops.segment_reductions import sparse_segment_sum as segment_sum
from graphflow.ops.sparse import sparse_add as add
from graphflow.ops.sparse import sparse_concat as concat
from graphflow.ops.sparse import sparse_slice as slice
from graphflow.ops.sparse import sparse_split as split
from graphflow.ops.sparse_composed import from_dense
from graphflow.ops.sparse_composed import sparse_expand_dims as expand_dims
from graphflow.ops.sparse_composed import sparse_eye as eye
from graphflow.ops.sparse_composed import sparse_mask as mask
from graphflow.ops.sparse_composed import sparse_merge as merge
from graphflow.ops.sparse_composed import sparse_placeholder as placeholder
from graphflow.ops.sparse_composed import sparse_reset_shape as reset_shape
from graphflow.ops.sparse_composed import sparse_retain as retain
from graphflow.ops.sparse_composed import sparse_to_indicator as to_indicator
from graphflow.ops.sparse_composed import sparse_transpose as transpose
from graphflow.ops.sparse_cross import sparse_cross as cross
from graphflow.ops.sparse_cross import sparse_cross_hashed as cross_hashed
from graphflow.ops.sparse_products import sparse_reduce_max as reduce_max
from graphflow.ops.sparse_products import sparse_reduce_max_sparse as reduce_max_sparse
from graphflow.ops.sparse_products import sparse_reduce_sum as reduce_sum
from graphflow.ops.sparse_products import sparse_reduce_sum_sparse as reduce_sum_sparse
from graphflow.ops.sparse_products import sparse_tensor_dense_matmul as matmul
from graphflow.ops.sparse_products import sparse_tensor_dense_matmul as sparse_dense_matmul
from graphflow.ops.sparse_products import sparse_tensor_to_dense as to_dense
from graphflow.ops.sparse_values import sparse_fill_empty_rows as fill_empty_rows
from graphflow.ops.sparse_values import sparse_maximum as maximum
from graphflow.ops.sparse_values import sparse_minimum as minimum
from graphflow.ops.sparse_values import sparse_reorder as reorder
from graphflow.ops.sparse_values import sparse_reshape as reshape
from graphflow.ops.sparse_values import sparse_softmax as softmax

__all__ = [name for name in dir() if not name.startswith("_")]
