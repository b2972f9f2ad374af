"""Preparing data for models."""

from graphflow.keras.preprocessing import image, sequence, text
