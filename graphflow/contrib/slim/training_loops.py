"""Slim's training: `learning.train`, `evaluation.evaluate_once`, and what a model holds."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import control_dependencies, get_collection, get_default_graph
from graphflow.ops.checks import check_numerics
from graphflow.ops.clip import clip_by_norm
from graphflow.ops.identity import group, identity, with_dependencies
from graphflow.ops.variable_lists import (
    global_variables_initializer,
    local_variables_initializer,
    trainable_variables,
)
from graphflow.runtime.session import Session
from graphflow.train.global_step import get_or_create_global_step

__all__ = ["evaluation", "learning", "model_analyzer"]

_USE_GLOBAL_STEP = object()


def clip_gradient_norms(gradients_to_variables: Any, max_norm: float) -> list[tuple[Any, Any]]:
    """Gradients, each clipped to a norm, with their variables."""
    return [
        (None if g is None else clip_by_norm(g, max_norm), v) for g, v in gradients_to_variables
    ]


def multiply_gradients(grads_and_vars: Any, gradient_multipliers: dict[Any, Any]) -> list[Any]:
    """Gradients times factors by variable or by its name."""
    found = []
    for gradient, variable in grads_and_vars:
        factor = gradient_multipliers.get(variable, gradient_multipliers.get(variable.op.name))
        scaled = gradient if factor is None or gradient is None else gradient * factor
        found.append((scaled, variable))
    return found


def create_train_op(
    total_loss: Any, optimizer: Any, global_step: Any = _USE_GLOBAL_STEP, update_ops: Any = None,
    variables_to_train: Any = None, clip_gradient_norm: float = 0,
    summarize_gradients: bool = False, gate_gradients: int = 1, aggregation_method: Any = None,
    colocate_gradients_with_ops: bool = False, gradient_multipliers: Any = None,
    check_numerics: bool = True,
) -> Any:  # fmt: skip
    """The loss, after a step of training.

    Parameters
    ----------
    update_ops : what to run before; the collection ``UPDATE_OPS`` when None.
    clip_gradient_norm : the greatest norm of each gradient; 0 for none.
    check_numerics : fail when the loss is not finite.
    """
    step = get_or_create_global_step() if global_step is _USE_GLOBAL_STEP else global_step
    updates = get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else list(update_ops)
    if updates:
        with control_dependencies(updates):
            total_loss = identity(total_loss)
    pairs = optimizer.compute_gradients(
        total_loss, variables_to_train or trainable_variables(), gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )  # fmt: skip
    if gradient_multipliers:
        pairs = multiply_gradients(pairs, gradient_multipliers)
    if clip_gradient_norm > 0:
        pairs = clip_gradient_norms(pairs, clip_gradient_norm)
    update = optimizer.apply_gradients(pairs, global_step=step)
    if check_numerics:
        total_loss = _checked(total_loss)
    made = with_dependencies([update], total_loss)
    graph_ops = get_default_graph().get_collection_ref(GraphKeys.TRAIN_OP)
    if made not in graph_ops:
        graph_ops.append(made)
    return made


def _checked(loss: Any) -> Any:
    return check_numerics(loss, "LossTensor is inf or nan")


def train(
    train_op: Any, logdir: str | None, number_of_steps: int | None = None, init_op: Any = None,
    init_fn: Callable[[Any], None] | None = None, local_init_op: Any = None, saver: Any = None,
    graph: Any = None, log_every_n_steps: int = 1, session_config: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """Run steps of training in this process; the loss of the last.

    Parameters
    ----------
    logdir : where a checkpoint is written at the end; None for none.
    number_of_steps : until the global step is this; one step when None.
    init_fn : called with the session before the first step.
    """
    from graphflow.train.saver import Saver

    graph = graph or get_default_graph()
    with graph.as_default():
        step = get_or_create_global_step()
        initial = init_op or group(global_variables_initializer(), local_variables_initializer())
        saver = saver or (Saver() if logdir else None)
        loss = None
        with Session(graph=graph, config=session_config) as session:
            session.run(initial)
            if local_init_op is not None:
                session.run(local_init_op)
            if init_fn is not None:
                init_fn(session)
            limit = session.run(step) + 1 if number_of_steps is None else number_of_steps
            while session.run(step) < limit:
                loss = session.run(train_op)
            if saver is not None and logdir:
                saver.save(session, f"{logdir}/model.ckpt", global_step=step)
        return loss


def evaluate_once(
    checkpoint_path: str, eval_op: Any = None, final_op: Any = None, num_evals: int = 1,
    variables_to_restore: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """Restore a checkpoint, run `eval_op` some times, and give the value of `final_op`."""
    from graphflow.train.saver import Saver

    saver = Saver(variables_to_restore)
    with Session() as session:
        session.run([global_variables_initializer(), local_variables_initializer()])
        saver.restore(session, checkpoint_path)
        for _number in range(num_evals):
            if eval_op is not None:
                session.run(eval_op)
        return None if final_op is None else session.run(final_op)


def analyze_vars(variables: Any, print_info: bool = False) -> tuple[int, int]:
    """How many numbers variables hold, and their bytes; `print_info` prints a line for each."""
    total, size = 0, 0
    for variable in variables:
        count = int(variable.shape.num_elements() or 0)
        total, size = total + count, size + count * variable.dtype.size
        if print_info:
            line = f"{variable.name} ({'x'.join(str(d) for d in variable.shape.as_list())})"
            print(f"{line} [{count}, bytes: {count * variable.dtype.size}]")  # noqa: T201
    return total, size


learning = SimpleNamespace(
    clip_gradient_norms=clip_gradient_norms, create_train_op=create_train_op,
    multiply_gradients=multiply_gradients, train=train,
)  # fmt: skip
evaluation = SimpleNamespace(evaluate_once=evaluate_once)
model_analyzer = SimpleNamespace(analyze_vars=analyze_vars)
