"""Running compiled Programs on an NVIDIA GPU.

`driver` is what is asked of a GPU's driver, `libcuda_driver` and `pycuda_driver` answer over
NVIDIA's, `stand_in` on the host. `selection` finds the GPU that a session uses, `memory` is what
the session keeps there, `placement` turns a compiled Program into a list of steps for both sides,
and `executable` runs that list. Nothing here is imported before a session has found a driver.
"""
