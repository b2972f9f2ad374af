"""``tensorflow.python.framework.tensor_like``."""

from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.variables import Variable

TENSOR_LIKE = (Tensor, SparseTensor, IndexedSlices, Variable)  # what `isinstance` takes for a class
