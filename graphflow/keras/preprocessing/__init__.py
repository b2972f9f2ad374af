"""Preparing data for models."""

from graphflow.keras.preprocessing import sequence, text
