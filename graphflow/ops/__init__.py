"""The operations, one declaration each, by family."""
