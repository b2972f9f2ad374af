"""Keras's models, made of layers, of files and of descriptions."""

from graphflow.keras.configs import (
    clone_model,
    load_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
    save_model,
)
from graphflow.keras.model import Model
from graphflow.keras.sequential import Sequential

__all__ = [
    "Model", "Sequential", "clone_model", "load_model", "model_from_config", "model_from_json",
    "model_from_yaml", "save_model",
]  # fmt: skip
