"""TensorFlow's `tf.contrib.learn`; estimators are loaded when one is used."""

from __future__ import annotations

import importlib
from typing import Any

from graphflow.contrib.learn import datasets, preprocessing

_ESTIMATORS = {
    "DNNClassifier", "DNNRegressor", "Estimator", "LinearClassifier", "LinearRegressor",
    "ModeKeys", "ModelFnOps", "RunConfig", "SKCompat", "infer_real_valued_columns_from_input",
    "infer_real_valued_columns_from_input_fn",
}  # fmt: skip

__all__ = sorted([*_ESTIMATORS, "Experiment", "datasets", "learn_runner", "preprocessing"])


def __getattr__(name: str) -> Any:
    if name in _ESTIMATORS:
        return getattr(importlib.import_module("graphflow.contrib.learn.estimators"), name)
    if name in ("learn_runner", "python"):
        return importlib.import_module(f"graphflow.contrib.learn.{name}")
    if name == "Experiment":
        return importlib.import_module("graphflow.contrib.learn.learn_runner").Experiment
    raise AttributeError(f"module 'graphflow.contrib.learn' has no attribute {name!r}")
