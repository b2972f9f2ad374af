"""`theano.tensor`: variables and functions of them."""

from types import ModuleType as _ModuleType
from typing import Any as _Any

from graphflow.theano.gradient import Lop, Rop, grad, hessian, jacobian
from graphflow.theano.sharing import (
    ScalarSharedVariable,
    TensorSharedVariable,
    shared,
)
from graphflow.theano.tensor import (
    basic,
    elemwise,
    extra_ops,
    methods,
    nlinalg,
    nnet,
    shared_randomstreams,
    sharedvar,
    signal,
    slinalg,
    subtensor,
    type,
    var,
)
from graphflow.theano.tensor.creation import (
    CONSTRUCTORS as _CONSTRUCTORS,
)
from graphflow.theano.tensor.creation import (
    alloc,
    arange,
    constant,
    diag,
    eye,
    fill,
    full,
    identity_like,
    ones,
    ones_like,
    tensor,
    tri,
    tril,
    triu,
    zeros,
    zeros_like,
)
from graphflow.theano.tensor.elementwise import (
    abs_,
    add,
    and_,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cast,
    ceil,
    clip,
    cos,
    cosh,
    deg2rad,
    eq,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    gamma,
    gammaln,
    ge,
    gt,
    int_div,
    inv,
    invert,
    iround,
    isclose,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    lt,
    maximum,
    minimum,
    mod,
    mul,
    neg,
    neq,
    or_,
    pow,
    psi,
    rad2deg,
    round,
    round_half_away_from_zero,
    round_half_to_even,
    sgn,
    sin,
    sinh,
    sqr,
    sqrt,
    square,
    sub,
    switch,
    tan,
    tanh,
    true_div,
    trunc,
    where,
    xor,
)
from graphflow.theano.tensor.extra_ops import (
    bincount,
    compress,
    cumprod,
    cumsum,
    diff,
    fill_diagonal,
    repeat,
    searchsorted,
    squeeze,
    to_one_hot,
)
from graphflow.theano.tensor.indexing import (
    flatnonzero,
    inc_subtensor,
    nonzero,
    nonzero_values,
    set_subtensor,
    take,
)
from graphflow.theano.tensor.joining import (
    concatenate,
    horizontal_stack,
    join,
    split,
    stack,
    stacklists,
    vertical_stack,
)
from graphflow.theano.tensor.products import (
    batched_dot,
    batched_tensordot,
    dot,
    outer,
    tensordot,
)
from graphflow.theano.tensor.reducing import (
    all,
    any,
    argmax,
    argmin,
    argsort,
    logsumexp,
    max,
    max_and_argmax,
    mean,
    min,
    prod,
    ptp,
    sort,
    std,
    sum,
)
from graphflow.theano.tensor.reducing import var as _variance
from graphflow.theano.tensor.shaping import (
    addbroadcast,
    dimshuffle,
    flatten,
    patternbroadcast,
    reshape,
    roll,
    shape,
    shape_padaxis,
    shape_padleft,
    shape_padright,
    swapaxes,
    tile,
    transpose,
    unbroadcast,
)
from graphflow.theano.tensor.var import (
    Elemwise,
    TensorConstant,
    TensorType,
    TensorVariable,
    Variable,
    as_tensor_variable,
)

globals().update(_CONSTRUCTORS)
discrete_dtypes = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
float_dtypes = ["float16", "float32", "float64"]
continuous_dtypes = [*float_dtypes, "complex64", "complex128"]


class _VarianceModule(_ModuleType):
    """Lets ``T.var`` be both Theano's module of variables and the variance."""

    def __call__(self, *args: _Any, **kwargs: _Any) -> TensorVariable:
        """Return the variance along axes."""
        return _variance(*args, **kwargs)


var.__class__ = _VarianceModule
