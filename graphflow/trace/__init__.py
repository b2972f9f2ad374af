"""Tracing: a pruned graph with its feeds becomes a Program."""
