"""Rewrite rules, by what they are for."""
