"""Metrics of one's own in an estimator that is there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from graphflow.estimator.estimator import Estimator
from graphflow.estimator.model_fn import ModeKeys


def add_metrics(estimator: Estimator, metric_fn: Callable[..., Any]) -> Estimator:
    """An estimator with further metrics.

    Parameters
    ----------
    metric_fn : takes some of ``predictions``, ``features``, ``labels`` and ``config``; returns
        pairs (value, update operation) by name.

    Raises
    ------
    ValueError : the function takes something else.
    """
    names = set(inspect.signature(metric_fn).parameters)
    foreign = names - {"predictions", "features", "labels", "config"}
    if foreign:
        raise ValueError(
            f"metric_fn ({metric_fn}) has following not expected args: {sorted(foreign)}"
        )

    def model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
        spec = estimator.model_fn(features, labels, mode, config)
        if mode != ModeKeys.EVAL:
            return spec
        given = {"predictions": spec.predictions, "features": features, "labels": labels,
                 "config": config}  # fmt: skip
        made = metric_fn(**{name: given[name] for name in names})
        return spec._replace(eval_metric_ops={**(spec.eval_metric_ops or {}), **made})

    return Estimator(
        model_fn, estimator.model_dir, estimator.config,
        warm_start_from=estimator._warm_start_settings,
    )  # fmt: skip
