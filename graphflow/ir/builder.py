"""Makes nodes: one method per primitive, with the smallest simplifications applied on the way.

`Builder` normalises while it builds, so that every later stage sees few forms: constants of one
repeated value are broadcast scalars, operations on small constants are folded, views that change
nothing vanish, a view of a view of the same kind is one view. What needs a look at more than the
operands themselves is a rewrite rule's business (`graphflow.rewrite`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.dtypes import DType
from graphflow.ir.dims import Dim, Shape, SymDim, UndecidableDim, dims_equal, is_static, product
from graphflow.ir.node import Literal, Node, Program, intern_node
from graphflow.ir.prims import PRIMS
from graphflow.ir.prims.control import result_types
from graphflow.ir.prims.effects import HostFunction
from graphflow.ir.types import TensorType

Operand = Union[Node, int, float, bool]  # noqa: UP007  # evaluated at import

FOLD_LIMIT = 4096  # elements; larger constants are folded by a rewrite that weighs the size
SYMBOLIC_LIMIT = 64  # elements of a repeated symbol that are written out: those of shapes


_FOLDED = ("pointwise", "view", "reduce", "contract")  # kinds that small constants fold through
COMPUTING = ("pointwise", "reduce", "contract", "nest")  # kinds of primitives that do arithmetic


@dataclass(frozen=True)
class ByReference:
    """A primitive's NumPy reference as a function that a Program calls."""

    name: str
    attrs: tuple[tuple[str, Any], ...]

    def __call__(self, *arrays: Any) -> list[Any]:
        reference = PRIMS[self.name].reference
        assert reference is not None
        return [np.asarray(reference(dict(self.attrs), *arrays), order="C")]


class NeedsValue(Exception):
    """Tracing needs the value of a node that is known at run time only."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"the value of {node!r} decides a shape")
        self.node = node


class Builder:
    """Builds nodes. Pointwise methods broadcast their operands as NumPy does.

    A Python number among the operands takes the element type of the other operand.

    Attributes
    ----------
    speculates : whether `speculate` may be called.
    """

    speculates = False

    def make(self, name: str, /, *inputs: Node, **attrs: Any) -> Node:
        """The node of primitive `name`, folded when all its operands are small constants."""
        prim = PRIMS[name]
        is_text = any(i.dtype.kind == "string" for i in inputs)
        if (inputs and prim.kind in _FOLDED) or (is_text and prim.kind == "nest"):
            folded = self._fold(name, inputs, attrs)
            if folded is not None:
                return folded
            if is_text:
                # Generated code has no text: it is known when it is traced, or not at all.
                unknown = [i for i in inputs if i.op != "const"]
                if not unknown:
                    raise UndecidableDim(f"{name} of a text would have a symbolic size")
                raise NeedsValue(unknown[0])
        if any(_is_symbolic_const(i) for i in inputs):
            inputs = tuple(self.runtime(i) for i in inputs)
        if prim.kind in COMPUTING and prim.reference is not None and _is_complex(inputs, attrs):
            return self._by_reference(name, inputs, attrs)
        return intern_node(prim, inputs, attrs)

    def _by_reference(self, name: str, inputs: tuple[Node, ...], attrs: dict[str, Any]) -> Node:
        """A primitive with complex numbers, which generated code does not compute: by NumPy."""
        function = HostFunction(name, ByReference(name, tuple(sorted(attrs.items()))))
        result = PRIMS[name].infer(attrs, *[i.type for i in inputs])
        return self.host_call(function, inputs, [result])[1][0]

    def _fold(self, name: str, inputs: tuple[Node, ...], attrs: dict[str, Any]) -> Node | None:
        if all(i.op != "const" for i in inputs):
            return None
        known = [_known_array(i) for i in inputs]
        if any(a is None for a in known):
            return None
        result = PRIMS[name].infer(attrs, *[i.type for i in inputs])
        if not result.is_static or not isinstance(result.size, int):
            return None
        is_text = result.dtype.kind == "string"
        if result.size > FOLD_LIMIT and not is_text:
            return None
        arrays: list[Any] = known
        reference = PRIMS[name].reference
        symbolic = any(_is_symbolic_const(i) for i in inputs)
        limit = SYMBOLIC_LIMIT if symbolic else 1
        is_large = name == "broadcast" and result.size > limit and not is_text
        if is_large or reference is None:
            return None
        if symbolic:
            return self._fold_symbolic(name, result, attrs, arrays)
        return self.const(reference(attrs, *arrays), result.dtype)

    def _fold_symbolic(
        self, name: str, result: TensorType, attrs: dict[str, Any], arrays: list[Any]
    ) -> Node | None:
        """Shape arithmetic over symbolic sizes, in Python integers and `SymDim`s."""
        if name == "cast":
            return self._const_object(arrays[0], result.dtype) if result.dtype.is_integer else None
        if result.dtype.is_floating:
            return None
        function = PRIMS[name].reference
        assert function is not None
        try:
            if name in ("min", "max") or not PRIMS[name].kind == "pointwise":
                value = function(attrs, *arrays)
            else:
                operator = _OBJECT_OPERATORS.get(name)
                if operator is None:
                    return None
                value = np.asarray(np.frompyfunc(operator, len(arrays), 1)(*arrays), dtype=object)
        except UndecidableDim:
            return None
        return self._const_object(np.asarray(value, dtype=object), result.dtype)

    def _const_object(self, array: np.ndarray[Any, Any], dtype: DType) -> Node:
        if not any(isinstance(v, SymDim) for v in array.flat):
            return self.const(array.astype(dtype.numpy), dtype)
        return intern_node(PRIMS["const"], (), {"value": Literal(array), "dtype": dtype})

    if TYPE_CHECKING:  # the methods named after pointwise primitives, which are set below

        def __getattr__(self, name: str) -> Callable[..., Node]: ...

    # ---- leaves

    def input(self, name: str, source: str, type: TensorType) -> Node:
        """An input of the Program: `source` is 'feed' or 'variable'."""
        return self.make("input", name=name, source=source, type=type)

    def const(self, value: Any, dtype: DType | None = None) -> Node:
        """A constant; one value repeated over an array becomes a broadcast scalar."""
        array = np.asarray(value) if dtype is None else np.asarray(value, dtype=dtype.numpy)
        dtype = dtype or dtypes.as_dtype(array.dtype)
        if dtype.kind == "string":
            array = _texts(array)  # objects, which have no bytes that could be compared
        elif array.size > 1 and dtype.kind != "resource":
            flat = np.ascontiguousarray(array).reshape(-1)
            raw = flat.view(f"V{array.dtype.itemsize}")
            if raw[0].tobytes() == raw[-1].tobytes() and bool((raw == raw[0]).all()):
                return self.broadcast(self.const(flat[0], dtype), array.shape, ())
        return intern_node(PRIMS["const"], (), {"value": Literal(array), "dtype": dtype})

    def shape_value(self, shape: Sequence[Dim], dtype: DType = dtypes.int32) -> Node:
        """A shape as a constant vector; symbolic dimensions stay symbols in it."""
        array = np.empty(len(shape), dtype=object)
        array[:] = shape
        return self._const_object(array, dtype)

    def dim(self, dim: Dim, dtype: DType = dtypes.int32) -> Node:
        """A dimension as a constant scalar."""
        return self._const_object(np.array(dim, dtype=object), dtype)

    def full(self, shape: Shape, value: Any, dtype: DType) -> Node:
        """An array of one repeated value."""
        return self.broadcast(self.const(value, dtype), tuple(shape), ())

    def iota(self, shape: Shape, axis: int, dtype: DType) -> Node:
        """Every element is its own index along `axis`."""
        if is_static(shape) and product(shape) == 1:
            return self.full(shape, 0, dtype)
        return self.make("iota", dtype=dtype, shape=tuple(shape), axis=axis)

    def empty(self, shape: Shape, dtype: DType) -> Node:
        """An array whose elements nothing reads before it writes them."""
        return self.make("empty", dtype=dtype, shape=tuple(shape))

    def static(self, node: Node) -> np.ndarray[Any, Any]:
        """The node's value, now: integers may be `SymDim`s in an object array.

        Raises
        ------
        NeedsValue : the value is not known before the run.
        """
        if node.op == "const":
            return node["value"].array
        if node.op == "broadcast" and node.inputs[0].op == "const" and is_static(node.shape):
            return _repeated(node)
        if node.op == "iota" and is_static(node.shape):
            reference = PRIMS["iota"].reference
            assert reference is not None
            return reference(dict(node.attrs))
        raise NeedsValue(node)

    def static_ints(self, node: Node) -> list[Dim]:
        """The value of an integer scalar or vector as a list of Python integers or symbols."""
        return [v if isinstance(v, SymDim) else int(v) for v in np.ravel(self.static(node))]

    def static_int(self, node: Node) -> int:
        """The value of an integer scalar; symbolic ones raise UndecidableDim."""
        return int(self.static(node).reshape(()).item())

    def runtime(self, node: Node) -> Node:
        """A node that generated code can compute: symbolic constants become `dim_value`s."""
        if not _is_symbolic_const(node):
            return node
        array, dtype = node["value"].array, node.dtype
        if array.ndim and all(v == array.flat[0] for v in array.flat):
            return self.broadcast(self.runtime(self.dim(array.flat[0], dtype)), array.shape, ())
        parts = [
            self.make("dim_value", dim=v, dtype=dtype) if isinstance(v, SymDim)
            else self.const(v, dtype)
            for v in array.flat
        ]  # fmt: skip
        if array.ndim == 0:
            return parts[0]
        return self.reshape(self.concat([self.reshape(p, (1,)) for p in parts], 0), array.shape)

    # ---- pointwise

    def broadcast_operands(self, *operands: Operand) -> list[Node]:
        """Numbers become constants, shapes become one shape, by NumPy's rules."""
        dtype = next((o.dtype for o in operands if isinstance(o, Node)), None)
        nodes = [o if isinstance(o, Node) else self.const(o, dtype) for o in operands]
        shape = broadcast_shapes(*[n.shape for n in nodes])
        return [self.broadcast_to(n, shape) for n in nodes]

    def pointwise(self, name: str, /, *operands: Operand, **attrs: Any) -> Node:
        """Apply a pointwise primitive to operands that broadcast.

        A function of repeated scalars is computed once and repeated: the broadcast moves out.
        """
        nodes = self.broadcast_operands(*operands)
        if all(n.op == "broadcast" and n.inputs[0].rank == 0 for n in nodes):
            inner = self.make(name, *[self.runtime_unless_foldable(n.inputs[0]) for n in nodes],
                              **attrs)  # fmt: skip
            return self.broadcast(inner, nodes[0].shape, ())
        return self.make(name, *nodes, **attrs)

    def runtime_unless_foldable(self, node: Node) -> Node:
        """The node itself; hook for builders that treat symbolic constants otherwise."""
        return node

    def cast(self, x: Node, dtype: DType) -> Node:
        """Convert the element type; to the same type it is the operand itself."""
        return x if x.dtype is dtype else self.pointwise("cast", x, dtype=dtype)

    def bitcast(self, x: Node, dtype: DType) -> Node:
        """Reinterpret the bits as another type of the same size."""
        return x if x.dtype is dtype else self.pointwise("bitcast", x, dtype=dtype)

    def select(self, condition: Node, x: Operand, y: Operand) -> Node:
        """`x` where the condition holds, `y` elsewhere."""
        dtype = next(o.dtype for o in (x, y) if isinstance(o, Node))
        x, y = (o if isinstance(o, Node) else self.const(o, dtype) for o in (x, y))
        return (
            x
            if x is y and x.shape == condition.shape
            else self.pointwise("select", condition, x, y)
        )

    def square(self, x: Node) -> Node:
        """The product of `x` with itself."""
        return self.pointwise("mul", x, x)

    # ---- views

    def broadcast(self, x: Node, shape: Shape, axes: Sequence[int]) -> Node:
        """Repeat `x` so that its axis k is axis ``axes[k]`` of the result; see `views`."""
        if x.op == "broadcast":
            axes = tuple(axes[a] for a in x["axes"])
            x = x.inputs[0]
        if tuple(axes) == tuple(range(len(shape))) and x.rank == len(shape):
            return x
        return self.make("broadcast", x, shape=tuple(shape), axes=tuple(axes))

    def broadcast_to(self, x: Node, shape: Shape) -> Node:
        """Broadcast by NumPy's rules: align at the last axis, repeat unit axes."""
        if x.shape == tuple(shape):
            return x
        offset = len(shape) - x.rank
        kept = [k for k, dim in enumerate(x.shape)
                if not dims_equal(dim, 1) or dims_equal(shape[k + offset], 1)]  # fmt: skip
        squeezed = self.reshape(x, tuple(x.shape[k] for k in kept))
        return self.broadcast(squeezed, tuple(shape), tuple(k + offset for k in kept))

    def reshape(self, x: Node, shape: Sequence[Dim]) -> Node:
        """The same elements in another shape."""
        shape = tuple(shape)
        if x.op == "reshape":
            x = x.inputs[0]
        if x.shape == shape:
            return x
        if x.op == "broadcast" and x.inputs[0].rank == 0:
            return self.broadcast(x.inputs[0], shape, ())
        return self.make("reshape", x, shape=shape)

    def transpose(self, x: Node, perm: Sequence[int]) -> Node:
        """Permute axes: result axis k is operand axis ``perm[k]``."""
        perm = tuple(perm)
        if x.op == "transpose":
            perm, x = tuple(x["perm"][k] for k in perm), x.inputs[0]
        if perm == tuple(range(x.rank)):
            return x
        return self.make("transpose", x, perm=perm)

    def expand_dims(self, x: Node, axis: int) -> Node:
        """Insert a unit axis at `axis` (0 to rank)."""
        return self.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))

    def slice(
        self,
        x: Node,
        start: Sequence[Dim],
        size: Sequence[Dim],
        stride: Sequence[int] | None = None,
    ) -> Node:
        """``size[k]`` elements along axis k from ``start[k]`` in steps of ``stride[k]``."""
        stride = tuple(stride) if stride is not None else (1,) * x.rank
        if tuple(size) == x.shape and all(s == 1 for s in stride):
            return x
        if x.op == "broadcast" and x.inputs[0].rank == 0:
            return self.broadcast(x.inputs[0], tuple(size), ())
        return self.make("slice", x, start=tuple(start), size=tuple(size), stride=stride)

    def pad(
        self, x: Node, low: Sequence[Dim], high: Sequence[Dim], value: Operand = 0,
        interior: Sequence[int] | None = None,
    ) -> Node:  # fmt: skip
        """Surround `x` with `value`; `interior` elements go between neighbours."""
        fill = value if isinstance(value, Node) else self.const(value, x.dtype)
        interior = tuple(interior) if interior is not None else (0,) * x.rank
        if not any(low) and not any(high) and not any(interior):
            return x
        return self.make("pad", x, fill, low=tuple(low), high=tuple(high), interior=interior)

    def concat(self, parts: Iterable[Node], axis: int) -> Node:
        """Join along `axis`."""
        kept = list(parts)
        nonempty = [p for p in kept if not dims_equal(p.shape[axis], 0)] or kept[:1]
        if len(nonempty) == 1:
            return nonempty[0]
        return self.make("concat", *nonempty, axis=axis)

    def interleave(
        self, parts: Sequence[Node], shape: Shape,
        places: Sequence[tuple[Sequence[int], Sequence[int]]],
    ) -> Node:  # fmt: skip
        """An array of which every part fills the elements from a start on, in steps of a stride."""
        kept = [(p, w) for p, w in zip(parts, places, strict=True) if product(p.shape) != 0]
        if len(kept) == 1 and kept[0][0].shape == tuple(shape):
            return kept[0][0]
        if not kept:
            return self.full(shape, 0, parts[0].dtype)
        where = tuple((tuple(start), tuple(stride)) for _, (start, stride) in kept)
        return self.make("interleave", *[p for p, _ in kept], shape=tuple(shape), places=where)

    def gather(self, x: Node, indices: Node, axis: int = 0, batch_dims: int = 0) -> Node:
        """Elements of `x` along `axis` at `indices`, which must be in range."""
        return self.make("gather", x, indices, axis=axis, batch_dims=batch_dims)

    # ---- reductions and products

    def reduce(self, name: str, x: Node, axes: Sequence[int], keepdims: bool = False) -> Node:
        """Reduce over `axes` with the primitive ``reduce_<name>``; axes of one element just go."""
        axes = tuple(sorted({a % x.rank if x.rank else a for a in axes}))
        wide = tuple(a for a in axes if not dims_equal(x.shape[a], 1))
        reduced = self.make(f"reduce_{name}", x, axes=wide) if wide else x
        if keepdims:
            return self.reshape(reduced, [1 if k in axes else d for k, d in enumerate(x.shape)])
        return self.reshape(reduced, [d for k, d in enumerate(x.shape) if k not in axes])

    def matmul(self, a: Node, b: Node, trans_a: bool = False, trans_b: bool = False) -> Node:
        """Matrix product of the last two axes; leading axes are batches and broadcast."""
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = self.broadcast_to(a, batch + a.shape[-2:])
        b = self.broadcast_to(b, batch + b.shape[-2:])
        return self.make("matmul", a, b, trans_a=bool(trans_a), trans_b=bool(trans_b))

    def conv(
        self, x: Node, kernel: Node, strides: Sequence[int],
        padding: Sequence[tuple[int, int]], dilation: Sequence[int],
    ) -> Node:  # fmt: skip
        """Convolution of ``[batch, spatial..., channels]``; see `prims.convolutions`.

        With a filter of one tap it is a matrix product, and of nothing it is zero.
        """
        attrs = _window_attrs(strides, padding, dilation)
        shape = PRIMS["conv"].infer(attrs, x.type, kernel.type).shape
        if product(shape) == 0 or product(kernel.shape) == 0:
            return self.full(shape, 0, x.dtype)
        if _is_pointwise(attrs, kernel.shape[:-2]):
            rows = self.reshape(x, (product(x.shape[:-1]), x.shape[-1]))
            made = self.matmul(rows, self.reshape(kernel, kernel.shape[-2:]))
            return self.reshape(made, shape)
        _require_static("conv", x, kernel)
        return self.make("conv", x, kernel, **attrs)

    def conv_filter(
        self, x: Node, out: Node, taps: Sequence[int], strides: Sequence[int],
        padding: Sequence[tuple[int, int]], dilation: Sequence[int],
    ) -> Node:  # fmt: skip
        """The gradient of `conv` by its filter, of spatial sizes `taps`."""
        attrs = _window_attrs(strides, padding, dilation)
        shape = (*taps, x.shape[-1], out.shape[-1])
        if product(shape) == 0 or product(out.shape) == 0:
            return self.full(shape, 0, x.dtype)
        if _is_pointwise(attrs, taps):
            rows = self.reshape(x, (product(x.shape[:-1]), x.shape[-1]))
            others = self.reshape(out, (product(out.shape[:-1]), out.shape[-1]))
            return self.reshape(self.matmul(rows, others, trans_a=True), shape)
        _require_static("conv_filter", x, out)
        return self.make("conv_filter", x, out, taps=tuple(taps), **attrs)

    def scatter(self, mode: str, x: Node, indices: Node, updates: Node) -> Node:
        """`x` with rows at `indices` combined with `updates`; mode add, set, max, min or mul."""
        return self.make("scatter", x, indices, updates, mode=mode)

    def scan(self, mode: str, x: Node, axis: int, reverse: bool = False) -> Node:
        """Sums (mode add) or products (mul) of all elements along `axis` up to each."""
        if 0 in x.shape or dims_equal(x.shape[axis], 1):
            return x
        return self.make("scan", x, mode=mode, axis=axis, reverse=bool(reverse))

    # ---- effects and host work

    def host_call(
        self, function: HostFunction, inputs: Sequence[Node], types: Sequence[TensorType],
        effect: bool = False, number: int = 0,
    ) -> tuple[Node, tuple[Node, ...]]:  # fmt: skip
        """Call a Python function between native segments; returns the call and its results."""
        name = "effect_call" if effect else "host_call"
        inputs = [self.runtime(i) for i in inputs]
        call = self.make(name, *inputs, function=function, types=tuple(types), number=number)
        return call, tuple(self.make("result", call, index=k, type=t) for k, t in enumerate(types))

    # ---- control flow

    def while_loop(
        self, flag: Node, starts: Sequence[Node], captures: Sequence[Node], body: Program
    ) -> tuple[Node, tuple[Node, ...]]:
        """A loop (see `ir.prims.control`); returns its token and the variables at the end."""
        operands = [self.runtime(i) for i in (flag, *starts, *captures)]
        token = self.make("while", *operands, carried=len(starts), body=body)
        return token, self.results(token)

    def cond(
        self, flag: Node, captures: Sequence[Node], then: Program, otherwise: Program
    ) -> tuple[Node, tuple[Node, ...]]:
        """A choice between two Programs; returns its token and the outputs of the one taken."""
        operands = [self.runtime(i) for i in (flag, *captures)]
        token = self.make("cond", *operands, then=then, otherwise=otherwise)
        return token, self.results(token)

    def results(self, token: Node) -> tuple[Node, ...]:
        """All values that a control flow node gives."""
        types = result_types(token)
        return tuple(self.make("result", token, index=k, type=t) for k, t in enumerate(types))


def _method(name: str) -> Any:
    def unary_or_binary(self: Builder, *operands: Operand) -> Node:
        return self.pointwise(name, *operands)

    unary_or_binary.__name__ = name
    unary_or_binary.__doc__ = f"The pointwise primitive ``{name}``."
    return unary_or_binary


# `and`, `or` and `not` are words of Python: the methods are and_, or_ and not_.
for _name, _prim in list(PRIMS.items()):
    if _prim.kind == "pointwise" and not hasattr(Builder, _name):
        _attribute = _name + "_" if _name in ("and", "or", "not") else _name
        setattr(Builder, _attribute, _method(_name))


def _window_attrs(
    strides: Sequence[int], padding: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> dict[str, Any]:
    return {
        "strides": tuple(strides),
        "padding": tuple((low, high) for low, high in padding),
        "dilation": tuple(dilation),
    }


def _require_static(name: str, *operands: Node) -> None:
    """Windows are laid out when they are compiled: only the batch may be symbolic."""
    for operand in operands:
        if not is_static(operand.shape[1:]):
            raise UndecidableDim(f"{name} expected concrete sizes, got {operand.type}")


def _is_pointwise(attrs: dict[str, Any], taps: Sequence[Dim]) -> bool:
    """Whether every window is one element, and every element a window."""
    return (
        all(t == 1 for t in taps)
        and all(s == 1 for s in attrs["strides"])
        and all(p == (0, 0) for p in attrs["padding"])
    )


def _floordiv(x: Any, y: Any) -> Any:
    return x // y


_OBJECT_OPERATORS: dict[str, Any] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "neg": lambda x: x * -1,
    "floordiv": _floordiv,
    "truncdiv": _floordiv,
    "floormod": lambda x, y: x % y,
    "truncmod": lambda x, y: x % y,
}


def _is_complex(inputs: Iterable[Node], attrs: dict[str, Any]) -> bool:
    if any(i.dtype.is_complex for i in inputs):
        return True
    target = attrs.get("dtype")
    return target is not None and target.is_complex


def _known_array(node: Node) -> Any:
    """The array of a constant, or of one repeated into a small array; else None."""
    if node.op == "const":
        return node["value"].array
    repeated = node.op == "broadcast" and node.inputs[0].op == "const"
    if not repeated or not is_static(node.shape) or product(node.shape) > FOLD_LIMIT:
        return None
    return _repeated(node)


def _repeated(node: Node) -> np.ndarray[Any, Any]:
    """The array of a constant that is broadcast, by its axes."""
    reference = PRIMS["broadcast"].reference
    assert reference is not None
    return reference(dict(node.attrs), node.inputs[0]["value"].array)


def _texts(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Text as an object array of bytes, the form in which it lies everywhere."""
    if array.dtype == object:
        return array
    result = np.empty(array.shape, dtype=object)
    texts = array.ravel().tolist()
    result.reshape(-1)[:] = [t.encode() if isinstance(t, str) else t for t in texts]
    return result


def _is_symbolic_const(node: Node) -> bool:
    return node.op == "const" and node["value"].array.dtype == object and node.dtype.is_integer


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape to which all of `shapes` broadcast by NumPy's rules.

    Raises
    ------
    ValueError : they do not broadcast together.
    """
    rank = max((len(s) for s in shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for k, dim in enumerate(shape, start=rank - len(shape)):
            if dims_equal(result[k], 1):
                result[k] = dim
            elif not dims_equal(dim, 1) and not dims_equal(dim, result[k]):
                listed = " vs. ".join(str(list(s)) for s in shapes)
                raise ValueError(f"Incompatible shapes: {listed}")
    return tuple(result)
