"""A training step with decay, clipping and summaries in one call; summaries of activations."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import summary
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_collection
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.tensor import Tensor
from graphflow.ops.clip import clip_by_global_norm, global_norm
from graphflow.ops.elementwise import multiply
from graphflow.ops.identity import with_dependencies
from graphflow.ops.initializers import Constant
from graphflow.ops.nn import zero_fraction
from graphflow.ops.random import truncated_normal
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.variable_lists import trainable_variables
from graphflow.ops.variable_scope import get_variable, variable_scope
from graphflow.train.global_step import assert_global_step, get_global_step
from graphflow.train.optimizer import Optimizer
from graphflow.train.optimizers import (
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    RMSPropOptimizer,
)
from graphflow.train.proximal import AdagradOptimizer, FtrlOptimizer

__all__ = [
    "OPTIMIZER_CLS_NAMES",
    "OPTIMIZER_SUMMARIES",
    "optimize_loss",
    "summarize_activation",
    "summarize_activations",
    "summarize_collection",
    "summarize_tensor",
    "summarize_tensors",
]

OPTIMIZER_CLS_NAMES = {
    "Adagrad": AdagradOptimizer,
    "Adam": AdamOptimizer,
    "Ftrl": FtrlOptimizer,
    "Momentum": lambda learning_rate: MomentumOptimizer(learning_rate, momentum=0.9),
    "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}
OPTIMIZER_SUMMARIES = [
    "learning_rate",
    "loss",
    "gradients",
    "gradient_norm",
    "global_gradient_norm",
]

Pairs = list[tuple[Any, Any]]


def _rate(learning_rate: Any) -> Any:
    if learning_rate is None:
        return None
    if isinstance(learning_rate, Tensor) and learning_rate.shape.rank == 0:
        return learning_rate
    if not isinstance(learning_rate, float):
        raise ValueError(
            f"Learning rate should be 0d Tensor or float. Got {learning_rate} of type "
            f"{type(learning_rate)}"
        )
    if learning_rate < 0.0:
        raise ValueError("Invalid learning_rate %s.", learning_rate)
    return get_variable("learning_rate", [], trainable=False, initializer=Constant(learning_rate))


def _optimizer(optimizer: Any, rate: Any) -> Optimizer:
    """The optimizer: by name, by class, itself, or what a function of the rate gives."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    is_class = isinstance(optimizer, type) and issubclass(optimizer, Optimizer)
    if isinstance(optimizer, str) or is_class:
        kind = "class" if is_class else "string"
        if rate is None:
            raise ValueError(
                "Learning rate is None, but should be specified if optimizer is "
                f"{kind} ({optimizer})."
            )
        if is_class:
            return optimizer(learning_rate=rate)
        if optimizer not in OPTIMIZER_CLS_NAMES:
            raise ValueError(
                f"Optimizer name should be one of [{', '.join(OPTIMIZER_CLS_NAMES)}], you "
                f"provided {optimizer}."
            )
        return OPTIMIZER_CLS_NAMES[optimizer](learning_rate=rate)  # type: ignore[operator]
    if callable(optimizer):
        made = optimizer() if rate is None else optimizer(rate)
        if not isinstance(made, Optimizer):
            raise ValueError(
                f"Unrecognized optimizer: function should return subclass of Optimizer. Got {made}."
            )
        return made
    raise ValueError(
        "Unrecognized optimizer: should be string, subclass of Optimizer, instance of subclass of "
        f"Optimizer or function with one argument. Got {optimizer}."
    )


def _mapped(gradient: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(gradient, IndexedSlices):
        values = function(gradient.values)
        return IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return function(gradient)


def _noisy(gradient: Any, scale: float) -> Any:
    return _mapped(gradient, lambda t: t + scale * truncated_normal(shape_op(t)))


def _with_noise(pairs: Pairs, scale: float) -> Pairs:
    return [(None if g is None else _noisy(g, scale), v) for g, v in pairs]


def _multiplied(pairs: Pairs, multipliers: dict[Any, Any]) -> Pairs:
    found = []
    for gradient, variable in pairs:
        factor = multipliers.get(variable, multipliers.get(variable.name))
        if gradient is not None and factor is not None:
            gradient = _mapped(gradient, functools.partial(multiply, factor))
        found.append((gradient, variable))
    return found


def _clipped(pairs: Pairs, clip_gradients: Any) -> Pairs:
    if clip_gradients is None:
        return pairs
    if isinstance(clip_gradients, float):
        gradients, variables = zip(*pairs, strict=True)
        clipped, _ = clip_by_global_norm(list(gradients), clip_gradients)
        return list(zip(clipped, variables, strict=True))
    if callable(clip_gradients):
        return clip_gradients(pairs)
    raise ValueError(f"Unknown type {type(clip_gradients)} for clip_gradients")


def _summarize(pairs: Pairs, summaries: Sequence[str]) -> None:
    for gradient, variable in pairs:
        values = gradient.values if isinstance(gradient, IndexedSlices) else gradient
        name = variable.name.replace(":", "_")
        if values is not None and "gradients" in summaries:
            summary.histogram(f"gradients/{name}", values)
        if values is not None and "gradient_norm" in summaries:
            summary.scalar(f"gradient_norm/{name}", global_norm([values]))


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: float | None = None,
    gradient_multipliers: dict[Any, Any] | None = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Any = None,
    update_ops: Any = None,
    variables: Any = None,
    name: str | None = None,
    summaries: Sequence[str] | None = None,
    colocate_gradients_with_ops: bool = False,
    increment_global_step: bool = True,
) -> Tensor:
    """The loss, after a step of training.

    Parameters
    ----------
    global_step : the graph's when None.
    learning_rate : a number or a scalar tensor; None where the optimizer has its own.
    optimizer : a name (``"SGD"``), a class, an optimizer, or a function of the learning rate.
    gradient_multipliers : factors by variable or by its name.
    clip_gradients : the greatest norm of all gradients, or a function of (gradient, variable)
        pairs.
    learning_rate_decay_fn : function of rate and global step.
    update_ops : what to run before; the collection ``UPDATE_OPS`` when None.
    summaries : a selection of `OPTIMIZER_SUMMARIES`.
    """
    loss = convert_to_tensor(loss)
    if global_step is None:
        global_step = get_global_step()
    else:
        assert_global_step(global_step)
    with variable_scope(name, "OptimizeLoss", [loss, global_step]):
        updates = get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
        if updates:
            loss = with_dependencies(list(updates), loss)
        rate = _rate(learning_rate)
        wanted = ["loss", "learning_rate", "global_gradient_norm"]
        wanted = wanted if summaries is None else list(summaries)
        for kind in wanted:
            if kind not in OPTIMIZER_SUMMARIES:
                raise ValueError(
                    f"Summaries should be one of [{', '.join(OPTIMIZER_SUMMARIES)}], you provided "
                    f"{kind}."
                )
        if learning_rate is not None and learning_rate_decay_fn is not None:
            if global_step is None:
                raise ValueError("global_step is required for learning_rate_decay_fn.")
            rate = learning_rate_decay_fn(rate, global_step)
            if "learning_rate" in wanted:
                summary.scalar("learning_rate", rate)
        chosen = _optimizer(optimizer, rate)
        pairs = chosen.compute_gradients(
            loss, trainable_variables() if variables is None else variables,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )  # fmt: skip
        if gradient_noise_scale is not None:
            pairs = _with_noise(pairs, gradient_noise_scale)
        if gradient_multipliers is not None:
            pairs = _multiplied(pairs, gradient_multipliers)
        norms = "global_gradient_norm" in wanted or "gradient_norm" in wanted
        if norms:
            summary.scalar("global_norm/gradient_norm", global_norm([g for g, _ in pairs]))
        pairs = _clipped(pairs, clip_gradients)
        if "loss" in wanted:
            summary.scalar("loss", loss)
        _summarize(pairs, wanted)
        if clip_gradients is not None and norms:
            summary.scalar("global_norm/clipped_gradient_norm", global_norm([g for g, _ in pairs]))
        step = global_step if increment_global_step else None
        return with_dependencies([chosen.apply_gradients(pairs, step, name="train")], loss)


# ---- summaries


def summarize_tensor(tensor: Any, tag: str | None = None) -> Any:
    """A summary of a tensor: a scalar's value, or a histogram."""
    tag = tag or tensor.op.name
    make = summary.scalar if tensor.shape.rank == 0 else summary.histogram
    return make(tag, tensor)


def summarize_activation(op: Any) -> Any:
    """A histogram of activations, with the share of zeros where they are rectified."""
    if op.op.type in ("Relu", "Softplus", "Relu6"):
        summary.scalar(f"{op.op.name}/zeros", zero_fraction(op))
    return summary.histogram(f"{op.op.name}/activation", op)


def summarize_tensors(tensors: Any, summarizer: Any = summarize_tensor) -> list[Any]:
    """A summary of each tensor."""
    return [summarizer(tensor) for tensor in tensors]


def summarize_collection(
    collection: str, name_filter: str | None = None, summarizer: Any = summarize_tensor
) -> list[Any]:
    """A summary of each tensor in a collection whose name matches."""
    found = get_collection(collection)
    chosen = [t for t in found if name_filter is None or re.match(name_filter, t.op.name)]
    return summarize_tensors(chosen, summarizer)


def summarize_activations(
    name_filter: str | None = None, summarizer: Any = summarize_activation
) -> list[Any]:
    """A summary of each tensor in the collection of activations."""
    return summarize_collection(GraphKeys.ACTIVATIONS, name_filter, summarizer)
