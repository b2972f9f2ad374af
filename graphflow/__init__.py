"""Graphflow: TensorFlow 1.x's graph API over a small native compiler.

``import graphflow as tf`` (or ``as gf``) gives TensorFlow 1.15's names, with Theano's `function`,
`Rop` and `Lop` beside them. The compiler itself is in the submodules; `graphflow.compiler` is the
place to start reading.
"""

import builtins

from graphflow import (
    bitwise,
    errors,
    gfile,
    initializers,
    linalg,
    logging,
    lookup,
    manip,
    math,
    nn,
    random,
    sparse,
    strings,
    train,
)
from graphflow import ops as _ops
from graphflow.dropped_names import restore_names as _restore_names
from graphflow.errors import OpError
from graphflow.gradients.custom import custom_gradient, grad_pass_through, recompute_grad
from graphflow.gradients.reverse import (
    AggregationMethod,
    Lop,
    Rop,
    UnconnectedGradients,
    gradients,
    hessians,
    jvp,
)
from graphflow.graph import nest
from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant
from graphflow.graph.convert import (
    convert_to_tensor,
    convert_to_tensor_or_indexed_slices,
    register_tensor_conversion_function,
)
from graphflow.graph.default import (
    add_to_collection,
    add_to_collections,
    colocate_with,
    container,
    control_dependencies,
    device,
    get_collection,
    get_collection_ref,
    get_default_graph,
    init_scope,
    name_scope,
    op_scope,
    reset_default_graph,
)
from graphflow.graph.devices import DeviceSpec
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import (
    QUANTIZED_DTYPES,
    DType,
    as_dtype,
    bfloat16,
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    qint8,
    qint16,
    qint32,
    quint8,
    quint16,
    resource,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from graphflow.graph.dtypes import bool_ as bool
from graphflow.graph.graph import Graph
from graphflow.graph.graph_def import import_graph_def, make_tensor_proto
from graphflow.graph.graph_def import tensor_array as make_ndarray
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import RegisterGradient, define_more, no_gradient
from graphflow.graph.opdef import no_gradient as NoGradient
from graphflow.graph.opdef import no_gradient as NotDifferentiable
from graphflow.graph.operation import Operation
from graphflow.graph.random_seed import get_seed, set_random_seed
from graphflow.graph.session_stack import default_session as get_default_session
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor, SparseTensorValue
from graphflow.graph.tensor import Tensor
from graphflow.initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    ones_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    uniform_unit_scaling_initializer,
    variance_scaling_initializer,
    zeros_initializer,
)
from graphflow.lookup import initialize_all_tables, tables_initializer
from graphflow.ops import diagonals as _diagonals
from graphflow.ops import operators as _operators  # installs the operators of tensors
from graphflow.ops import static as _static  # installs the evaluator of what is known early
from graphflow.ops import tensorflow_forms as _tensorflow_forms  # lets GraphDefs be TensorFlow's
from graphflow.ops.assertions import *
from graphflow.ops.batch_updates import batch_scatter_update
from graphflow.ops.casting import *
from graphflow.ops.checks import (
    Assert,
    Print,
    add_check_numerics_ops,
    check_numerics,
    print_v2,
)
from graphflow.ops.checks import print_v2 as print
from graphflow.ops.clip import *
from graphflow.ops.comparison import *
from graphflow.ops.complex import *
from graphflow.ops.conditionals import case, cond, switch_case
from graphflow.ops.contraction import *
from graphflow.ops.counting import *
from graphflow.ops.creation import *
from graphflow.ops.decompositions import *
from graphflow.ops.diagonals import *
from graphflow.ops.einsum import *
from graphflow.ops.elementwise import *
from graphflow.ops.files import *
from graphflow.ops.functional import foldl, foldr, map_fn
from graphflow.ops.gathering import *
from graphflow.ops.identity import (
    group,
    identity,
    identity_n,
    no_op,
    placeholder,
    placeholder_with_default,
    stop_gradient,
    tuple,
)
from graphflow.ops.indexing import *
from graphflow.ops.joining import *
from graphflow.ops.least_squares import *
from graphflow.ops.linear import *
from graphflow.ops.matrices import *
from graphflow.ops.morphology import extract_image_patches, extract_volume_patches
from graphflow.ops.orthogonal_initializers import orthogonal_initializer
from graphflow.ops.partitioned_variables import (
    fixed_size_partitioner,
    min_max_variable_partitioner,
    variable_axis_size_partitioner,
)
from graphflow.ops.partitioning import *
from graphflow.ops.py_func import numpy_function, py_func
from graphflow.ops.quantization import *
from graphflow.ops.quantized import *
from graphflow.ops.random import random_normal, random_uniform, truncated_normal
from graphflow.ops.reductions import *
from graphflow.ops.rolling import *
from graphflow.ops.sampling import *
from graphflow.ops.scans import cumprod, cumsum
from graphflow.ops.scatter import *
from graphflow.ops.scatter_nd import *
from graphflow.ops.segment_reductions import *
from graphflow.ops.segments import *
from graphflow.ops.sequences import *
from graphflow.ops.sets import *
from graphflow.ops.shape import *
from graphflow.ops.shape_assertions import (
    assert_integer,
    assert_proper_iterable,
    assert_rank,
    assert_rank_at_least,
    assert_rank_in,
    assert_same_float_dtype,
    assert_scalar,
    assert_type,
)
from graphflow.ops.slicing import *
from graphflow.ops.small import *
from graphflow.ops.solving import *
from graphflow.ops.sorting import *
from graphflow.ops.space_batch import *
from graphflow.ops.sparse import *
from graphflow.ops.sparse_composed import *
from graphflow.ops.sparse_products import *
from graphflow.ops.sparse_serialization import (
    deserialize_many_sparse,
    serialize_many_sparse,
    serialize_sparse,
)
from graphflow.ops.sparse_values import *
from graphflow.ops.special import *
from graphflow.ops.spectral import fft, fft2d, fft3d, ifft, ifft2d, ifft3d
from graphflow.ops.state import assign, assign_add, assign_sub, count_up_to
from graphflow.ops.strided_slice import *
from graphflow.ops.strings import *
from graphflow.ops.template import make_template
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.text_conversions import *
from graphflow.ops.text_decoding import *
from graphflow.ops.theano_scan import scan, until
from graphflow.ops.transposing import *
from graphflow.ops.unary import *
from graphflow.ops.variable_lists import (
    all_variables,
    assert_variables_initialized,
    global_variables,
    global_variables_initializer,
    initialize_all_variables,
    initialize_local_variables,
    initialize_variables,
    is_variable_initialized,
    local_variables,
    local_variables_initializer,
    model_variables,
    moving_average_variables,
    report_uninitialized_variables,
    trainable_variables,
    variables_initializer,
)
from graphflow.ops.variable_parts import create_partitioned_variables
from graphflow.ops.variable_scope import (
    AUTO_REUSE,
    VariableScope,
    get_local_variable,
    get_variable,
    get_variable_scope,
    no_regularizer,
    variable_creator_scope,
    variable_op_scope,
    variable_scope,
)
from graphflow.ops.variables import Variable, VariableAggregation, VariableSynchronization
from graphflow.ops.while_loops import while_loop
from graphflow.runtime.function import function
from graphflow.runtime.protos import (
    ConfigProto,
    GPUOptions,
    GraphOptions,
    OptimizerOptions,
    RunMetadata,
    RunOptions,
)
from graphflow.runtime.session import InteractiveSession, Session
from graphflow.version import API_VERSION as VERSION
from graphflow.version import FULL_VERSION as __version__
from graphflow.views.drawing import draw
from graphflow.views.profiling import profiling

newaxis = None
GIT_VERSION = COMPILER_VERSION = __git_version__ = __compiler_version__ = "graphflow"
GRAPH_DEF_VERSION, GRAPH_DEF_VERSION_MIN_PRODUCER, GRAPH_DEF_VERSION_MIN_CONSUMER = 134, 0, 0
trace = _diagonals.trace  # the function, in place of the subpackage of that name


def disable_v2_behavior() -> None:
    """Do nothing: there is no other behaviour."""


def enable_resource_variables() -> None:
    """Do nothing: variables are read and written in the order of their dependences anyway."""


def enable_eager_execution(
    config: object = None, device_policy: object = None, execution_mode: object = None
) -> None:
    """Refuse: raises UnimplementedError."""
    text = (
        "graphflow runs graphs in sessions: a script that needs eager execution does not run here"
    )
    raise errors.UnimplementedError(None, None, text)


def executing_eagerly() -> "builtins.bool":
    """Whether operations run as they are made: never."""
    return False


def control_flow_v2_enabled() -> "builtins.bool":
    """Whether control flow is made as functions: never."""
    return False


def resource_variables_enabled() -> "builtins.bool":
    """Whether variables are handles: never."""
    return False


disable_eager_execution = disable_v2_behavior
# There is no other behaviour for these either.
disable_control_flow_v2 = disable_tensor_equality = disable_v2_tensorshape = disable_v2_behavior
disable_resource_variables = enable_resource_variables

_MESSAGES = {
    "AttrValue", "Event", "GraphDef", "HistogramProto", "LogMessage", "MetaGraphDef",
    "NameAttrList", "NodeDef", "SessionLog", "Summary", "SummaryMetadata", "TensorInfo",
}  # fmt: skip
# Parts that most scripts do without, or that take long to load.
_LATE = {
    "app", "audio", "compat", "contrib", "data", "debugging", "distribute", "distributions",
    "dtypes",
    "estimator", "examples", "feature_column", "flags", "graph_util", "image", "io", "keras",
    "layers", "losses", "metrics", "profiler", "python", "python_io", "quantization", "queue",
    "raw_ops", "resource_loader", "saved_model", "sets", "signal", "spectral", "summary",
    "sysconfig", "test",
}  # fmt: skip
# Names that are loaded when they are asked for, by the module that has them.
_LATE_NAMES = {
    name: module
    for module, names in {
        "compat": "dimension_at_index dimension_value",
        "data.accumulators": "ConditionalAccumulator",
        "contrib.util": "get_static_value",
        "data.examples": "FixedLenFeature FixedLenSequenceFeature SparseFeature VarLenFeature "
                         "parse_example parse_single_example",
        "data.file_readers": "FixedLengthRecordReader IdentityReader ReaderBase TFRecordReader "
                             "TextLineReader WholeFileReader",
        "data.queues": "FIFOQueue PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue",
        "ops.critical_section": "CriticalSection",
        "data.sequence_examples": "parse_single_sequence_example",
        "data.session_tensors": "delete_session_tensor get_session_handle get_session_tensor",
        "data.sparse_accumulators": "SparseConditionalAccumulator",
        "runtime.eager_functions": "py_function",
    }.items()
    for name in names.split()
}  # fmt: skip


def _import_all_ops() -> None:
    import importlib
    import pkgutil

    elsewhere = (
        "lookup_ops",
        "train.saving_ops",
        "data.accumulators",
        "data.file_readers",
        "data.iterator",
        "data.queues",
        "data.session_tensors",
        "data.sparse_accumulators",
        "runtime.eager_functions",
    )
    in_ops = [f"ops.{module.name}" for module in pkgutil.iter_modules(_ops.__path__)]
    for module in (*in_ops, *elsewhere):
        importlib.import_module(f"graphflow.{module}")


define_more(_import_all_ops)
_restore_names()


def __getattr__(name: str) -> object:
    if name in _LATE_NAMES:
        import importlib

        return getattr(importlib.import_module(f"graphflow.{_LATE_NAMES[name]}"), name)
    if name in _MESSAGES:
        from graphflow.protos import message  # imports protobuf

        return message(name)
    if name in _LATE:
        import importlib

        return importlib.import_module(f"graphflow.{name}")
    from graphflow.compat.before_v1 import old_name  # most scripts are of 1.x

    return old_name(name)
