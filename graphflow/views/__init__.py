"""Pictures of graphs, Programs and kernels: nested boxes, laid out and drawn by our own code."""
