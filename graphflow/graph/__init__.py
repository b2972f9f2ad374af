"""The user's graph: operations, tensors, names, scopes."""
