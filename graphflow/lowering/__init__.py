"""Lowering: groups of nodes to loop nests."""
