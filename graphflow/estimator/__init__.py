"""TensorFlow's `tf.estimator`: models with their training, evaluation, prediction and export."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "deep": (
        "DNNClassifier", "DNNEstimator", "DNNLinearCombinedClassifier",
        "DNNLinearCombinedEstimator", "DNNLinearCombinedRegressor", "DNNRegressor",
    ),
    "estimator": ("Estimator", "WarmStartSettings"),
    "exporters": ("BestExporter", "Exporter", "FinalExporter", "LatestExporter"),
    "heads": ("BinaryClassHead", "Head", "MultiClassHead", "RegressionHead"),
    "linear": (
        "BaselineClassifier", "BaselineEstimator", "BaselineRegressor", "LinearClassifier",
        "LinearEstimator", "LinearRegressor",
    ),
    "metrics": ("add_metrics",),
    "model_fn": ("EstimatorSpec", "ModeKeys"),
    "parse_specs": ("classifier_parse_example_spec", "regressor_parse_example_spec"),
    "run_config": ("RunConfig",),
    "training": ("EvalSpec", "TrainSpec", "train_and_evaluate"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = ("experimental", "export", "inputs", "tpu")
# What `tf.train` has under the same names.
_OF_TRAIN = (
    "CheckpointSaverHook", "CheckpointSaverListener", "FeedFnHook", "FinalOpsHook",
    "GlobalStepWaiterHook", "LoggingTensorHook", "NanLossDuringTrainingError", "NanTensorHook",
    "ProfilerHook", "SecondOrStepTimer", "SessionRunArgs", "SessionRunContext", "SessionRunHook",
    "SessionRunValues", "StepCounterHook", "StopAtStepHook", "SummarySaverHook", "VocabInfo",
)  # fmt: skip

__all__ = sorted([*_MODULE_OF, *_MODULES, *_OF_TRAIN])


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"graphflow.estimator.{name}")
    if name in _OF_TRAIN:
        return getattr(importlib.import_module("graphflow.train"), name)
    if name in _MODULE_OF:
        home = importlib.import_module(f"graphflow.estimator.{_MODULE_OF[name]}")
        return getattr(home, name)
    raise AttributeError(f"module 'graphflow.estimator' has no attribute {name!r}")
