"""Differentiation: reverse and forward mode."""
