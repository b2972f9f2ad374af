"""Optimizers and what belongs to training."""
