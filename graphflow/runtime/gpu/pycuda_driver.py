"""NVIDIA's driver through PyCUDA (``pip install graphflow[cuda]``), used where it is installed.

Context, device memory, streams and kernels are PyCUDA's objects, so that a script's own PyCUDA code
shares them. Copies, events and graphs, of which PyCUDA has no form for plain addresses, are the
library's own functions.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from graphflow.codegen.cuda.units import argument_count
from graphflow.runtime.gpu.driver import OUT_OF_MEMORY, DriverError, KernelSource
from graphflow.runtime.gpu.libcuda_driver import STREAM_NON_BLOCKING, LibcudaDriver

Array = np.ndarray[Any, Any]


def is_wanted() -> bool:
    """Whether PyCUDA is installed; GRAPHFLOW_CUDA_DRIVER=libcuda passes it by."""
    return os.environ.get("GRAPHFLOW_CUDA_DRIVER") != "libcuda" and find_spec("pycuda") is not None


class PycudaDriver(LibcudaDriver):
    """One GPU, by PyCUDA's objects.

    Parameters
    ----------
    library : the driver's library.
    module : ``pycuda.driver``, imported when None.
    """

    name = "pycuda"

    def __init__(self, library: Any, module: Any = None) -> None:
        super().__init__(library)
        if module is None:
            import pycuda.driver

            module = pycuda.driver
        self._cuda = module
        self._cuda.init()
        self._primary: Any = None
        self._entered = threading.local()
        self._allocations: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}
        self._loaded: dict[int, tuple[Any, Any]] = {}

    @contextmanager
    def _calling(self, name: str) -> Iterator[None]:
        """Make PyCUDA's errors ours."""
        try:
            yield
        except self._cuda.MemoryError as error:
            raise DriverError(name, OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", str(error)) from None
        except self._cuda.Error as error:
            raise DriverError(name, -1, type(error).__name__, str(error)) from None

    def open(self, number: int) -> None:
        with self._calling("retain_primary_context"):
            self._primary = self._cuda.Device(number).retain_primary_context()
        self._context = ctypes.c_void_p(self._primary.handle)
        self.make_current()

    def make_current(self) -> None:
        """PyCUDA keeps a stack of contexts for each thread; ours goes on top once."""
        if not getattr(self._entered, "is_done", False):
            with self._calling("push"):
                self._primary.push()
            self._entered.is_done = True
        super().make_current()

    def close(self) -> None:
        self._loaded.clear()
        if self._primary is not None:
            if getattr(self._entered, "is_done", False):
                with self._calling("pop"):
                    self._cuda.Context.pop()
                self._entered.is_done = False
            self._primary.detach()
            self._primary = None

    def allocate(self, nbytes: int) -> int:
        with self._calling("mem_alloc"):
            memory = self._cuda.mem_alloc(max(nbytes, 1))
        self._allocations[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        with self._calling("free"):
            self._allocations.pop(address).free()

    def make_stream(self) -> Any:
        with self._calling("Stream"):
            stream = self._cuda.Stream(STREAM_NON_BLOCKING)
        self._streams[stream.handle] = stream
        return stream.handle

    def free_stream(self, stream: Any) -> None:
        del self._streams[stream]

    def load(self, source: KernelSource) -> Any:
        with self._calling("module_from_buffer"):
            module = self._cuda.module_from_buffer(source.ptx.encode())
            function = module.get_function(source.entry)
            function.prepare("Q" * argument_count(source.schedule))
        number = len(self._loaded) + 1
        self._loaded[number] = module, function
        return number

    def unload(self, kernel: Any) -> None:
        self._loaded[kernel] = (None, None)

    def launch(self, stream: Any, kernel: Any, grid: int, block: int, words: Array) -> None:
        with self._calling("launch"):
            _, function = self._loaded[kernel]
            blocks, threads = (grid, 1), (block, 1, 1)
            function.prepared_async_call(blocks, threads, self._streams[stream], *words.tolist())
