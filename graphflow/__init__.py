"""Graphflow: TensorFlow 1.x's graph API over a small native compiler."""
