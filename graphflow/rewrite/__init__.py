"""Rewriting: Program to Program, with the same value."""
