"""Choices: `cond`, `case` and `switch_case`.

A branch is made in a context of its own; what it reads from outside goes through a Switch, and its
results meet those of the other branch in a Merge. Only the branch taken has effects.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.graph.contexts import CondContext
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_default_graph, name_scope
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops import casting, checks, comparison, reductions
from graphflow.ops.control_flow_ops import merge, switch
from graphflow.ops.identity import identity, no_op, with_dependencies
from graphflow.ops.joining import stack

__all__ = ["case", "cond", "smart_cond", "switch_case"]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """The results of `true_fn` if `pred` is true, else those of `false_fn`.

    Operations that the functions make run only when their branch is taken; what they take from
    outside is computed in any case.

    Parameters
    ----------
    pred : a bool scalar tensor.
    true_fn, false_fn : functions without arguments; they return the same structure of tensors, of
        the same types.
    strict : return a list for a list of one.
    fn1, fn2 : old names of the functions.

    Raises
    ------
    TypeError : a function is not callable; `pred` is a Python bool; the structures differ.
    ValueError : results of different types, or none.
    """
    true_fn = _renamed("fn1", "true_fn", fn1, true_fn)
    false_fn = _renamed("fn2", "false_fn", fn2, false_fn)
    if not callable(true_fn):
        raise TypeError("true_fn must be callable.")
    if not callable(false_fn):
        raise TypeError("false_fn must be callable.")
    with name_scope(name, "cond", [pred]):
        if isinstance(pred, bool):
            raise TypeError("pred must not be a Python bool")
        graph = get_default_graph()
        sides = switch(pred, pred)
        pivots = [identity(sides[1], name="switch_t"), identity(sides[0], name="switch_f")]
        pred = identity(pred, name="pred_id")
        for tensor in (*sides, *pivots, pred):
            graph.prevent_fetching(tensor.op)
        results = []
        for branch, pivot, function in ((1, pivots[0], true_fn), (0, pivots[1], false_fn)):
            context = CondContext(graph, pred, pivot.op, branch, "cond_text")
            results.append(_build_branch(context, function, pivot))
        taken, other = results
        if taken is None or other is None:
            raise ValueError(
                f"{'true_fn' if taken is None else 'false_fn'} must have a return value."
            )
        if not strict:
            taken, other = _unpacked(taken), _unpacked(other)
        nest.assert_same_structure(taken, other)
        pairs = list(zip(nest.flatten(taken), nest.flatten(other), strict=True))
        if not pairs:
            raise ValueError("true_fn and false_fn must return at least one result.")
        for x, y in pairs:
            if x.dtype.base_dtype is not y.dtype.base_dtype:
                raise ValueError(
                    "Outputs of true_fn and false_fn must have the same type: "
                    f"{x.dtype.name}, {y.dtype.name}"
                )
        merged = nest.pack_sequence_as(taken, [_merged(x, y) for x, y in pairs])
        return merged if strict else _unpacked(merged)


def _renamed(old: str, new: str, old_value: Any, new_value: Any) -> Any:
    if old_value is None:
        return new_value
    if new_value is not None:
        raise TypeError(f"cond(): '{new}' cannot be set if '{old}' is set")
    return old_value


def _unpacked(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    return value


def _build_branch(context: CondContext, function: Callable[[], Any], pivot: Tensor) -> Any:
    """Call a branch's function in its context; its results as tensors of that context."""
    graph = context.graph
    context.external[pivot] = pivot
    with graph.control_dependencies(None):  # what the conditional waits for, its pivots wait for
        with context.active():
            made = function()
            if made is None:
                return None
            return nest.map_structure(lambda v: _branch_result(context, v, pivot), made)


def _branch_result(context: CondContext, value: Any, pivot: Tensor) -> Any:
    if value is None:
        value = no_op()
    if isinstance(value, Operation):
        return with_dependencies([value], pivot)
    if isinstance(value, IndexedSlices):
        size = None if value.dense_shape is None else context.capture(value.dense_shape)
        return IndexedSlices(context.capture(value.values), context.capture(value.indices), size)
    if isinstance(value, SparseTensor):
        parts = (value.indices, value.values, value.dense_shape)
        return SparseTensor(*(context.capture(part) for part in parts))
    if hasattr(value, "flow") and hasattr(value, "handle"):
        return value  # a TensorArray: its flow is merged
    return context.capture(convert_to_tensor(value))


def _merged(taken: Any, other: Any) -> Any:
    if isinstance(taken, IndexedSlices) and isinstance(other, IndexedSlices):
        shapes = (other.dense_shape, taken.dense_shape)
        known = None if None in shapes else merge(list(shapes))[0]
        return IndexedSlices(
            merge([other.values, taken.values])[0], merge([other.indices, taken.indices])[0], known
        )
    if isinstance(taken, SparseTensor) and isinstance(other, SparseTensor):
        return SparseTensor(
            merge([other.indices, taken.indices])[0], merge([other.values, taken.values])[0],
            merge([other.dense_shape, taken.dense_shape])[0],
        )  # fmt: skip
    if hasattr(taken, "flow") and hasattr(taken, "handle"):
        return taken.with_flow(merge([other.flow, taken.flow])[0])
    return merge([convert_to_tensor(other), convert_to_tensor(taken)])[0]


def smart_cond(
    pred: Any, true_fn: Any = None, false_fn: Any = None, name: str | None = None
) -> Any:
    """`cond`, decided at once where the value of `pred` is known."""
    from graphflow.graph.constants import constant_value

    value = pred if isinstance(pred, (bool, int)) else constant_value(pred)
    if value is None:
        return cond(pred, true_fn, false_fn, name=name)
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("`true_fn` and `false_fn` must be callable.")
    return true_fn() if value else false_fn()


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The results of the first function whose predicate is true.

    Parameters
    ----------
    pred_fn_pairs : (bool scalar, function) pairs, or a dict of them.
    default : called when no predicate is true; without it, that is an error of the run.
    exclusive : check that at most one predicate is true.

    Raises
    ------
    TypeError : a pair that is not (bool tensor, callable).
    """
    predicates, actions = _checked_pairs(pred_fn_pairs)
    with name_scope(name, "case", [predicates]):
        if default is None:
            default, predicates, actions = _default_action(predicates, actions)
        chosen = default
        for predicate, action in reversed(list(zip(predicates, actions, strict=True))):
            chosen = _nested(predicate, action, chosen, strict)
        if not exclusive:
            return chosen()
        with control_dependencies([_at_most(predicates, 1, "Input error: exclusive=True")]):
            return chosen()


def _nested(predicate: Tensor, action: Any, otherwise: Any, strict: bool) -> Callable[[], Any]:
    return lambda: cond(predicate, true_fn=action, false_fn=otherwise, strict=strict)


def _checked_pairs(pairs: Any) -> tuple[list[Tensor], list[Any]]:
    if not isinstance(pairs, (list, tuple, dict)):
        raise TypeError("fns must be a list, tuple, or dict")
    if isinstance(pairs, OrderedDict):
        pairs = list(pairs.items())
    elif isinstance(pairs, dict):
        pairs = sorted(pairs.items(), key=lambda item: item[0].name)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError("Each entry in pred_fn_pairs must be a 2-tuple")
        pred, function = pair
        if not isinstance(pred, Tensor):
            raise TypeError(f"pred must be a Tensor, got: {pred}")
        if pred.dtype.base_dtype.name != "bool":
            raise TypeError(f"pred must be Tensor of type bool: {pred.name}")
        if not callable(function):
            raise TypeError(f"fn for pred {pred.name} must be callable.")
    return [p for p, _ in pairs], [f for _, f in pairs]


def _at_most(predicates: Sequence[Tensor], count: int, message: str) -> Operation:
    preds = stack(list(predicates), name="preds_c")
    number = reductions.reduce_sum(casting.cast(preds, "int32"), name="num_true_conds")
    data = [
        f"{message}: more than {count} conditions ({len(predicates)}) evaluated as True:",
        preds,
    ]
    return checks.Assert(comparison.less_equal(number, count), data, summarize=len(predicates))


def _default_action(predicates: list[Tensor], actions: list[Any]) -> Any:
    """Without a default, the last function is called, and its predicate checked."""
    predicate, action = predicates[-1], actions[-1]
    others = predicates[:-1]

    def default_action() -> Any:
        data = ["Input error: None of conditions evaluated as True:", stack(predicates)]
        waits = [checks.Assert(predicate, data)]
        if others:
            waits.append(_at_most(others, 0, "Implementation error: selected default action"))
        with control_dependencies(waits):
            return nest.map_structure(identity, action())

    return default_action, others, actions[:-1]


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None,
    name: str = "switch_case",
) -> Any:  # fmt: skip
    """The results of the function with number `branch_index`.

    Parameters
    ----------
    branch_index : an integer scalar tensor.
    branch_fns : functions, or (number, function) pairs, or a dict of them.
    default : called for other numbers; the last function when None.
    """
    actions = _checked_branches(branch_fns, default, branch_index)
    with name_scope(name, "case", [branch_index]):
        chosen = actions[-1]
        for number in reversed(range(len(actions) - 1)):
            chosen = _nested(comparison.equal(branch_index, number), actions[number], chosen, False)
        return chosen()


def _checked_branches(branches: Any, default: Any, index: Any) -> list[Any]:
    if not isinstance(index, Tensor):
        raise TypeError(f"branch_index must a Tensor, got {type(index)}")
    if not index.dtype.is_integer:
        raise TypeError(f"branch_index must an integer Tensor, got {index.dtype}")
    if not branches:
        raise ValueError("Must provide at least one item in branch_fns")
    if not isinstance(branches, (list, tuple, dict)):
        raise TypeError("branch_fns must be a list, tuple, or dict")
    pairs = list(branches.items()) if isinstance(branches, dict) else list(branches)
    if all(callable(item) for item in pairs):
        pairs = list(enumerate(pairs))
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError("Each entry in branch_fns must be a 2-tuple")
        if not isinstance(pair[0], int):
            raise TypeError(f"key must be a Python `int`, got {type(pair[0])}")
        if not callable(pair[1]):
            raise TypeError(f"fn for key {pair[0]} must be callable.")
    keys = sorted(key for key, _ in pairs)
    if keys != list(range(len(keys))):
        raise ValueError(
            f"branch indices (keys) must form contiguous range of [0 to {len(keys)}) but found "
            f"{{{','.join(map(str, keys))}}}"
        )
    actions = [function for _, function in sorted(pairs, key=lambda pair: pair[0])]
    return [*actions, default] if default is not None else actions
