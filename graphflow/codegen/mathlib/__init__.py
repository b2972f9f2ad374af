"""Math functions as inlined LLVM IR: branch-free, width-generic, no fast-math flags.

`emit` appends a function's instructions for operands that are scalars or vectors of any length and
gives back a value of the same shape. Floating-point functions take f32 and f64; 16-bit floats are
widened by the caller. sin, cos and tan alone may split the block that the builder is in (see
`reduction`): afterwards the builder stands at the end of the block where both paths have joined.

Special values (nan, infinities, signed zeros, subnormal inputs and outputs) are C99's. Largest
errors in ulp of the result, for f32 over all 2**32 bit patterns against NumPy and SciPy in float64:

    exp 0.988   expm1 0.869   log 0.824   log1p 0.841   tanh 0.981
    sin 0.884   cos 0.883     erf 0.990   softplus 0.998   sigmoid 0.772

and over samples of every exponent (f32: 2 million points, f64: 300,000 against longdouble):

    f32  exp2 0.84  log2 0.93  log10 0.93  sinh 0.73  cosh 0.84  asinh 0.85  acosh 0.85  atanh 0.88
         tan 1.03   asin 0.70  acos 0.67   atan 0.99  erfc 0.95  pow 0.75    atan2 0.86
    f64  exp 0.95   expm1 1.01  log 0.78   log1p 0.83  tanh 0.95  sin 0.86   cos 0.84   erf 0.73
         exp2 0.86  log2 1.00  log10 0.77  sinh 0.69  cosh 0.77  asinh 0.83  acosh 0.82  atanh 0.78
         tan 1.09   asin 0.73  acos 0.70   atan 1.05  erfc 1.92  softplus 0.82  sigmoid 0.67
         pow 0.65   atan2 0.87

lgamma and digamma: one ulp in f32; in f64 some 1e-14 of max(1, result), for they have zeros. On
machines without fma instructions LLVM calls the C library's fma: right, and slow.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from llvmlite import ir

from graphflow.codegen.mathlib import (
    exponential,
    integer,
    logarithm,
    special,
    trigonometric,
)
from graphflow.codegen.mathlib.core import Lanes, square_root

_FLOAT_FUNCTIONS: dict[str, tuple[int, Callable[..., Lanes]]] = {
    "exp": (1, exponential.exp),
    "exp2": (1, exponential.exp2),
    "expm1": (1, exponential.expm1),
    "sigmoid": (1, exponential.sigmoid),
    "tanh": (1, exponential.tanh),
    "sinh": (1, exponential.sinh),
    "cosh": (1, exponential.cosh),
    "log": (1, logarithm.log),
    "log1p": (1, logarithm.log1p),
    "log2": (1, logarithm.log2),
    "log10": (1, logarithm.log10),
    "pow": (2, logarithm.power),
    "softplus": (1, logarithm.softplus),
    "log_sigmoid": (1, logarithm.log_sigmoid),
    "asinh": (1, logarithm.asinh),
    "acosh": (1, logarithm.acosh),
    "atanh": (1, logarithm.atanh),
    "sin": (1, trigonometric.sin),
    "cos": (1, trigonometric.cos),
    "tan": (1, trigonometric.tan),
    "asin": (1, trigonometric.asin),
    "acos": (1, trigonometric.acos),
    "atan": (1, trigonometric.atan),
    "atan2": (2, trigonometric.atan2),
    "erf": (1, special.erf),
    "erfc": (1, special.erfc),
    "lgamma": (1, special.lgamma),
    "digamma": (1, special.digamma),
    "sqrt": (1, square_root),
    "floor": (1, integer.floor),
    "ceil": (1, integer.ceil),
    "trunc": (1, integer.trunc),
    "rint": (1, integer.rint),
}
_INTEGER_FUNCTIONS: dict[str, tuple[int, Callable[..., Lanes]]] = {
    "truncate_div": (2, integer.truncate_div),
    "truncate_mod": (2, integer.truncate_mod),
    "floor_div": (2, integer.floor_div),
    "floor_mod": (2, integer.floor_mod),
    "divide_unsigned": (2, integer.divide_unsigned),
    "modulo_unsigned": (2, integer.modulo_unsigned),
    "is_zero_divisor": (1, integer.is_zero_divisor),
}
FLOAT_FUNCTIONS = frozenset(_FLOAT_FUNCTIONS)
INTEGER_FUNCTIONS = frozenset(_INTEGER_FUNCTIONS)
MATH_FUNCTIONS = FLOAT_FUNCTIONS | INTEGER_FUNCTIONS
SPLITTING = frozenset({"sin", "cos", "tan"})  # these may split the builder's block
ARITY = MappingProxyType(
    {name: arity for name, (arity, _) in (_FLOAT_FUNCTIONS | _INTEGER_FUNCTIONS).items()}
)


def emit(name: str, builder: ir.IRBuilder, *args: ir.Value) -> ir.Value:
    """Append the function `name` of `args` at the builder and return its value.

    Parameters
    ----------
    name
        One of `MATH_FUNCTIONS`.
    builder
        Where the instructions go. sin, cos and tan leave it in another block of the function.
    args
        Operands of one type: float, double or (for `INTEGER_FUNCTIONS`) an integer, or a vector of
        it. The result has that type too, but for ``is_zero_divisor``, which gives i1.
    """
    if name in _FLOAT_FUNCTIONS:
        arity, function = _FLOAT_FUNCTIONS[name]
        kinds: tuple[type, ...] = (ir.FloatType, ir.DoubleType)
    elif name in _INTEGER_FUNCTIONS:
        arity, function = _INTEGER_FUNCTIONS[name]
        kinds = (ir.IntType,)
    else:
        raise ValueError(f"expected one of {sorted(MATH_FUNCTIONS)}, got {name!r}")
    if len(args) != arity:
        raise TypeError(f"{name}: expected {arity} operands, got {len(args)}")
    operands = [Lanes(builder, arg) for arg in args]
    if any(arg.type != args[0].type for arg in args) or not isinstance(operands[0].element, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(
            f"{name}: expected operands of one type with {expected} lanes, "
            f"got {', '.join(str(arg.type) for arg in args)}"
        )
    return function(*operands).value
