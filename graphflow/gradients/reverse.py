"""Reverse mode: gradients appended to the graph, as TensorFlow 1.15's `tf.gradients` appends them.

The operations between the ys and the xs are walked from the ys back. An operation is reached when
all its consumers on the way have given their part; the parts are summed (`AddN`, or joined slices)
and the operation's own rule maps them to its inputs. Rules hold only the mathematics: accumulation,
missing gradients and paths that lead nowhere are settled here.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Iterator, Sequence, ValuesView
from typing import Any, Union

from graphflow.gradients.loops import loop_gradients
from graphflow.graph.contexts import WhileContext
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import device, get_default_graph, name_scope
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.opdef import get_gradient_function
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import creation, elementwise, shape, slicing
from graphflow.ops.identity import tuple as tuple_op
from graphflow.ops.transposing import conjugate

Gradient = Any  # Tensor, IndexedSlices or None


# Their rules are written for real numbers: the derivative times the gradient. For complex ones
# TensorFlow takes the derivative's conjugate, which is the conjugate of the rule's result for the
# conjugated gradient.
HOLOMORPHIC = frozenset((
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Cumprod", "Div",
    "DivNoNan", "Exp", "Expm1", "Log", "Log1p", "Mul", "MulNoNan", "Pow", "Prod", "RealDiv",
    "Reciprocal", "ReciprocalGrad", "Rsqrt", "RsqrtGrad", "Sigmoid", "SigmoidGrad", "Sin", "Sinh",
    "Sqrt", "SqrtGrad", "Square", "SquaredDifference", "Tan", "Tanh", "TanhGrad", "Xdivy", "Xlogy",
))  # fmt: skip


def _conjugated(function: Any, op: Operation, gradients: Sequence[Gradient]) -> Any:
    """The rule's result, conjugated where the op is a holomorphic function of complex numbers."""
    if op.type not in HOLOMORPHIC or not op.inputs[0].dtype.is_complex:
        return function(op, *gradients)
    made = function(op, *[None if g is None else conjugate(g) for g in gradients])
    return [None if g is None else conjugate(g) for g in made]


class AggregationMethod:
    """How gradients of one tensor are summed; all give the same sum here."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients:
    """What stands for the gradient of an x on which no y depends."""

    NONE = "none"
    ZERO = "zero"


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = UnconnectedGradients.NONE,
) -> list[Gradient]:
    """Derivatives of the sum of `ys` with respect to each of `xs`.

    Parameters
    ----------
    ys, xs : a tensor or a list of them; xs may be variables.
    grad_ys : the gradient of each y, ones where it is None.
    colocate_gradients_with_ops : place each gradient operation on the device of its operation.
    gate_gradients : compute all gradients of an operation before any is used. Runs need it only in
        TensorFlow, where a variable may be updated while a gradient still reads it.
    stop_gradients : tensors to be treated as constants.
    unconnected_gradients : ``"none"`` or ``"zero"``.

    Returns
    -------
    One gradient per x: a Tensor, IndexedSlices for what was only gathered, or None.

    Raises
    ------
    LookupError : an operation on the way has no gradient.
    TypeError, ValueError : arguments that do not fit each other.
    """
    ys, xs = _as_list(ys), _as_list(xs)
    stops = [] if stop_gradients is None else _as_list(stop_gradients)
    grad_ys = [None] * len(ys) if grad_ys is None else _as_list(grad_ys)
    if len(grad_ys) != len(ys):
        raise ValueError(f"Passed {len(grad_ys)} grad_ys for {len(ys)} ys")
    if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
        raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")
    with name_scope(name, "gradients", [*ys, *xs, *stops]) as scope:
        y_tensors = [convert_to_tensor(y, name="y") for y in ys]
        x_tensors = [_reference(x) for x in xs]
        context = get_default_graph()._get_control_flow_context()
        inside = None if context is None else context.innermost_loop()
        stopped = [_reference(s) for s in stops]
        sweep = _Sweep(x_tensors, stopped, colocate_gradients_with_ops, gate_gradients, inside)
        sweep.start(y_tensors, grad_ys)
        sweep.run(scope)
        found = [sweep.total(x) for x in x_tensors]
        if unconnected_gradients == UnconnectedGradients.ZERO:
            found = [creation.zeros_like(x) if g is None else g
                     for g, x in zip(found, x_tensors, strict=True)]  # fmt: skip
    return found


def _as_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple, ValuesView)) else [values]


def _reference(x: Any) -> Tensor:
    """A variable's own reference, so that its gradient is found whichever read was used."""
    if hasattr(x, "_ref") and callable(x._ref):
        return x._ref()
    if isinstance(x, IndexedSlices):
        return x.values
    return convert_to_tensor(x, name="x")


def _is_trainable(tensor: Tensor) -> bool:
    return tensor.dtype.base_dtype.kind in ("float", "complex")


Unit = Union[Operation, WhileContext]  # noqa: UP007  # evaluated at import


class _Sweep:
    """One walk from the ys back to the xs.

    `loop` is the loop whose body it walks in, if any. A loop on the way is one unit, whose inputs
    are those of its Enters and whose outputs are those of its Exits.
    """

    def __init__(
        self, xs: list[Tensor], stops: Collection[Tensor], colocate: bool, gate: bool,
        loop: WhileContext | None = None,
    ) -> None:  # fmt: skip
        self.xs, self.colocate, self.gate, self.loop = xs, colocate, gate, loop
        self.stops = set(stops)
        self.parts: dict[Tensor, list[Gradient]] = {}
        self.totals: dict[Tensor, Gradient] = {}
        self.pending: dict[Unit, int] = {}
        self.between: set[Operation] = set()
        self.members: dict[WhileContext, list[Operation]] = {}
        self.enclosing = _enclosing_loops(loop)
        self.ys: list[Tensor] = []

    def start(self, ys: list[Tensor], grad_ys: Sequence[Any]) -> None:
        """Give every y its gradient and find the operations on the way."""
        self.ys = ys
        for number, (y, given) in enumerate(zip(ys, grad_ys, strict=True)):
            self.parts.setdefault(y, []).append(self.first_gradient(y, given, number))
        reached = _forward_closure(self.xs, self.stops, self.loop)
        self.between = _backward_closure([y.op for y in ys if _is_trainable(y)], reached)
        for op in sorted(self.between, key=lambda op: op._id):
            unit = self.unit_of(op)
            if isinstance(unit, WhileContext):
                self.members.setdefault(unit, []).append(op)
        for unit in self.units():
            for source in self.sources(unit):
                self.pending[source] = self.pending.get(source, 0) + 1

    # ---- units

    def unit_of(self, op: Operation) -> Unit:
        """The operation, or the outermost loop that it is in and that the walk is not in."""
        found: Unit = op
        context = op._control_flow_context
        while context is not None and context not in self.enclosing:
            if isinstance(context, WhileContext):
                found = context
            context = context.outer
        return found

    def units(self) -> list[Unit]:
        return list(dict.fromkeys(self.unit_of(op) for op in self.between))

    def enters(self, loop: WhileContext) -> list[Operation]:
        """The operations through which values come into a loop."""
        return [
            op for op in self.members[loop]
            if op.type in ("Enter", "RefEnter") and op._control_flow_context is loop
        ]  # fmt: skip

    def inputs(self, unit: Unit) -> list[Tensor]:
        if isinstance(unit, Operation):
            return list(unit.inputs)
        return [enter.inputs[0] for enter in self.enters(unit)]

    def sources(self, unit: Unit) -> list[Unit]:
        """The units on the way that give this unit's inputs, in the inputs' order."""
        found = [self.unit_of(t.op) for t in self.inputs(unit) if t.op in self.between]
        return [source for source in dict.fromkeys(found) if source is not unit]

    def place(self, unit: Unit) -> int:
        """A number by which units that are ready are ordered."""
        return unit._id if isinstance(unit, Operation) else self.members[unit][-1]._id

    def first_gradient(self, y: Tensor, given: Any, number: int) -> Gradient:
        if given is None:
            if y.dtype.is_complex:
                raise TypeError(
                    f"Gradients of complex tensors must set grad_ys (y.dtype = {y.dtype!r})"
                )
            with name_scope(f"grad_ys_{number}"):
                return creation.ones_like(y)
        if isinstance(given, IndexedSlices):
            return given
        gradient = convert_to_tensor(given, dtype=y.dtype.base_dtype, name=f"grad_ys_{number}")
        y.shape.assert_is_compatible_with(gradient.shape)
        return gradient

    def run(self, scope: str) -> None:
        """Call the rule of every operation on the way, consumers first."""
        first = [unit for unit in self.units() if not self.pending.get(unit)]
        ready = deque(sorted(first, key=self.place))
        while ready:
            unit = ready.popleft()  # the order of TensorFlow, so names and sums are its
            if isinstance(unit, Operation):
                outputs = [self.total(t) for t in unit.outputs]
                gradients = self.apply_rule(unit, outputs, scope)
            else:
                gradients = self.through_loop(unit, scope)
            for tensor, gradient in zip(self.inputs(unit), gradients, strict=True):
                if gradient is not None and tensor not in self.stops:
                    self.parts.setdefault(tensor, []).append(gradient)
            for source in self.sources(unit):
                self.pending[source] -= 1
                if not self.pending[source]:
                    ready.append(source)

    def through_loop(self, loop: WhileContext, scope: str) -> list[Gradient]:
        """The gradients of what comes into a loop, in the order of `inputs`."""
        enters = self.enters(loop)
        nothing: list[Gradient] = [None] * len(enters)
        if not loop.back_prop:
            return nothing
        inside = set(self.members[loop])
        variables = [
            v for v in loop.variables
            if v.merge in inside and _is_trainable(v.merge.outputs[0]) and v.exit is not None
        ]  # fmt: skip
        exits = {v: self.total(v.exit.outputs[0]) for v in variables if v.exit is not None}
        exits = {v: g for v, g in exits.items() if g is not None}
        if not exits:
            return nothing
        constants = [e for e in enters if e.attrs["is_constant"] and _is_trainable(e.outputs[0])]

        def sweep(ys: list[Tensor], grad_ys: list[Any], xs: list[Tensor]) -> list[Gradient]:
            inner = _Sweep(xs, self.stops, self.colocate, False, loop)
            inner.start(ys, grad_ys)
            inner.run(scope)
            return [inner.total(x) for x in xs]

        with name_scope(f"{scope}{loop.name.split('/while_context')[0]}_grad/"):
            found = loop_gradients(loop, variables, constants, exits, sweep)
            made: list[Gradient] = [found.get(enter) for enter in enters]
            return tuple_op(made) if self.gate and found else made

    def apply_rule(self, op: Operation, outputs: list[Gradient], scope: str) -> list[Gradient]:
        nothing: list[Gradient] = [None] * len(op.inputs)
        if all(g is None for g in outputs) or not op.inputs:
            return nothing
        if all(t in self.xs or t in self.stops for t in op.outputs) and op not in self.inside():
            return nothing
        function = get_gradient_function(op)
        if function is None:
            return nothing
        with self.placed(op), name_scope(f"{scope}{op.name}_grad/"):
            filled = [
                # Of a Switch's output, zeros that are there only when it is.
                creation.zeros_like(t, optimize=op.type != "Switch")
                if g is None and _is_trainable(t)
                else g
                for t, g in zip(op.outputs, outputs, strict=True)
            ]
            made = _conjugated(function, op, filled)
        made = list(made) if isinstance(made, (list, tuple)) else [made]
        if len(made) != len(op.inputs):
            raise ValueError(
                f"Num gradients {len(made)} generated for op {op.name} do not match num inputs "
                f"{len(op.inputs)}"
            )
        # Gates around branches could make a branch wait for what it is part of.
        is_plain = op._control_flow_context is None and op.type not in ("Merge", "RefMerge")
        if self.gate and is_plain and sum(g is not None for g in made) > 1:
            with device(None), name_scope(f"{scope}{op.name}_grad/"):
                made = tuple_op(made)
        return [_checked(g, t, op) for g, t in zip(made, op.inputs, strict=True)]

    def inside(self) -> set[Operation]:
        """Operations whose inputs lead on towards some x."""
        if not hasattr(self, "_inside"):
            self._inside = {
                op for op in self.between
                if any(t.op in self.between or t in self.xs for t in op.inputs)
            }  # fmt: skip
        return self._inside

    @contextlib.contextmanager
    def placed(self, op: Operation) -> Iterator[None]:
        if not self.colocate:
            yield
            return
        with op.graph.colocate_with(op, ignore_existing=True):
            yield

    def total(self, tensor: Tensor) -> Gradient:
        """The sum of what a tensor's consumers gave, built once."""
        parts = self.parts.get(tensor, [])
        if not parts:
            return None
        if tensor not in self.totals:
            self.totals[tensor] = sum_gradients(parts)
        return self.totals[tensor]


def sum_gradients(parts: list[Gradient]) -> Gradient:
    """Sum gradients: dense ones by `AddN`, slices by joining them."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(p, IndexedSlices) for p in parts):
        return IndexedSlices(
            slicing.concat([p.values for p in parts], 0),
            slicing.concat([p.indices for p in parts], 0),
            parts[0].dense_shape,
        )
    return elementwise.add_n([convert_to_tensor(p) for p in parts])


def _checked(gradient: Gradient, tensor: Tensor, op: Operation) -> Gradient:
    """The rule's result, with the tensor's static shape where it lacks one."""
    if gradient is None or not isinstance(gradient, Tensor):
        return gradient
    wanted = tensor.dtype.base_dtype
    if gradient.dtype.base_dtype is not wanted and _is_trainable(tensor):
        raise TypeError(
            f"Gradient type {gradient.dtype.name} generated for op {op.name} does not match "
            f"input type {wanted.name}"
        )
    if not gradient.shape.is_fully_defined() and gradient.shape.is_compatible_with(tensor.shape):
        gradient.set_shape(tensor.shape)
    return gradient


def _enclosing_loops(loop: WhileContext | None) -> set[Any]:
    """The regions that a walk in the body of `loop` is in."""
    found: set[Any] = set()
    context: Any = loop
    while context is not None:
        found.add(context)
        context = context.outer
    return found


def _forward_closure(
    xs: Sequence[Tensor], stops: set[Tensor], loop: WhileContext | None
) -> set[Operation]:
    """Operations that depend on some x, the xs' own among them; in `loop`, within one round."""
    seen: set[Operation] = {x.op for x in xs}
    pending = [c for x in xs for c in x.consumers()]
    while pending:
        op = pending.pop()
        if op in seen:
            continue
        if op.type in ("NextIteration", "RefNextIteration") and op._control_flow_context is loop:
            continue
        seen.add(op)
        for tensor in op.outputs:
            if tensor not in stops and _is_trainable(tensor):
                pending.extend(tensor.consumers())
    return seen


def _backward_closure(starts: Sequence[Operation], within: set[Operation]) -> set[Operation]:
    """Operations of `within` that some start depends on, through operations of `within`."""
    seen: set[Operation] = set()
    pending = [op for op in starts if op in within]
    while pending:
        op = pending.pop()
        if op in seen:
            continue
        seen.add(op)
        pending.extend(t.op for t in op.inputs if t.op in within)
    return seen


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Tensor]:
    """Second derivatives of `ys` with respect to each of `xs`, of shape ``x.shape + x.shape``.

    Raises
    ------
    ValueError : a gradient does not exist.
    """
    xs = _as_list(xs)
    options: dict[str, Any] = {
        "colocate_gradients_with_ops": colocate_gradients_with_ops,
        "gate_gradients": gate_gradients,
        "aggregation_method": aggregation_method,
    }
    found = []
    with name_scope(name):
        for x, first in zip(xs, gradients(ys, xs, **options), strict=True):
            if first is None:
                raise ValueError(f"hessians: no gradient from {ys} to {x}")
            flat = shape.reshape(first, [-1])
            size = flat.shape.as_list()[0]
            if size is None:
                raise ValueError(f"hessians expected an x of known size, got shape {x.shape}")
            rows = [gradients(flat[k], x, **options)[0] for k in range(size)]
            zero = creation.zeros_like(convert_to_tensor(x))
            filled = [zero if r is None else convert_to_tensor(r) for r in rows]
            sizes = convert_to_tensor(x).shape.as_list()
            found.append(shape.reshape(slicing.stack(filled), [*sizes, *sizes]))
    return found


def jvp(ys: Any, xs: Any, grad_xs: Any, name: str = "jvp") -> list[Gradient]:
    """Forward mode: the change of each y for the change `grad_xs` of the xs (the R operator).

    Reverse mode twice: the gradient with respect to xs is linear in the gradient of ys, and the
    derivative of that linear map, applied to `grad_xs`, is its transpose, which is the Jacobian
    (see J. Townsend, "A new trick for calculating Jacobian vector products", 2017). The rewriter
    removes what the two passes have in common.
    """
    ys, xs, grad_xs = _as_list(ys), _as_list(xs), _as_list(grad_xs)
    with name_scope(name):
        duals = [creation.ones_like(convert_to_tensor(y)) for y in ys]
        first = gradients(ys, xs, grad_ys=duals)
        used = [(g, d) for g, d in zip(first, grad_xs, strict=True) if g is not None]
        if not used:
            return [None] * len(ys)
        dense = [convert_to_tensor(g) for g, _ in used]
        return gradients(dense, duals, grad_ys=[convert_to_tensor(d) for _, d in used])


def Rop(f: Any, wrt: Any, eval_points: Any) -> Any:  # Theano's name
    """Theano's R operator: the Jacobian of `f` times `eval_points`."""
    found = jvp(f, wrt, eval_points, name="Rop")
    return found if isinstance(f, (list, tuple)) else found[0]


def Lop(f: Any, wrt: Any, eval_points: Any) -> Any:  # Theano's name
    """Theano's L operator: `eval_points` times the Jacobian of `f`."""
    found = gradients(f, wrt, grad_ys=eval_points, name="Lop")
    return found if isinstance(wrt, (list, tuple)) else found[0]
