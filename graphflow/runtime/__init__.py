"""Execution: sessions, executables, memory, threads."""
