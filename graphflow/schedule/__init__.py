"""Scheduling: groups, their order, and the memory plan."""
