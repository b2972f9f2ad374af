"""Preparing sequences."""

from graphflow.keras.utils import pad_sequences

__all__ = ["pad_sequences"]
