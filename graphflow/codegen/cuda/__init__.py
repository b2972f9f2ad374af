"""Kernels of the loop IR for NVIDIA GPUs, as PTX, and on the host for checks without one.

`schedule` spreads a kernel over blocks and threads, `emitter` writes the code of one thread,
`machines` says what a thread's index, a barrier or a shuffle is: instructions of a GPU (`ptx`), or
of a host that steps through blocks and threads (`stepper`).
"""
