"""NVIDIA's driver, called directly: ``libcuda.so.1`` through ctypes.

It needs no package and no compiler on the user's machine, only what comes with the driver itself;
all functions here have kept their binary interface since CUDA 11.4. `pycuda_driver` does the same
with PyCUDA's objects.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_char_p, c_float, c_int, c_size_t, c_uint, c_void_p
from typing import Any

import numpy as np

from graphflow.runtime.gpu.driver import DriverError, GpuFacts, KernelSource

Array = np.ndarray[Any, Any]

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
CAPABILITY_MAJOR, CAPABILITY_MINOR, MULTIPROCESSORS = 75, 76, 16  # of cuDeviceGetAttribute
STREAM_NON_BLOCKING, EVENT_DEFAULT, CAPTURE_THREAD_LOCAL = 1, 0, 1
JIT_ERROR_LOG, JIT_ERROR_LOG_BYTES = 5, 6
LOG_BYTES = 8192
OLDEST_DRIVER = 11040  # CUDA 11.4, whose graphs are used

_ADDRESS = ctypes.c_uint64
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (c_void_p,),
    "cuDeviceGetCount": (c_void_p,),
    "cuDeviceGet": (c_void_p, c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetPCIBusId": (c_char_p, c_int, c_int),
    "cuDeviceTotalMem_v2": (c_void_p, c_int),
    "cuDeviceGetAttribute": (c_void_p, c_int, c_int),
    "cuDevicePrimaryCtxRetain": (c_void_p, c_int),
    "cuDevicePrimaryCtxRelease_v2": (c_int,),
    "cuCtxSetCurrent": (c_void_p,),
    "cuMemGetInfo_v2": (c_void_p, c_void_p),
    "cuMemAlloc_v2": (c_void_p, c_size_t),
    "cuMemFree_v2": (_ADDRESS,),
    "cuMemHostAlloc": (c_void_p, c_size_t, c_uint),
    "cuMemFreeHost": (c_void_p,),
    "cuStreamCreate": (c_void_p, c_uint),
    "cuStreamDestroy_v2": (c_void_p,),
    "cuStreamSynchronize": (c_void_p,),
    "cuMemcpyHtoDAsync_v2": (_ADDRESS, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, _ADDRESS, c_size_t, c_void_p),
    "cuMemcpyDtoDAsync_v2": (_ADDRESS, _ADDRESS, c_size_t, c_void_p),
    "cuEventCreate": (c_void_p, c_uint),
    "cuEventRecord": (c_void_p, c_void_p),
    "cuEventElapsedTime": (c_void_p, c_void_p, c_void_p),
    "cuEventDestroy_v2": (c_void_p,),
    "cuModuleLoadDataEx": (c_void_p, c_char_p, c_uint, c_void_p, c_void_p),
    "cuModuleUnload": (c_void_p,),
    "cuModuleGetFunction": (c_void_p, c_void_p, c_char_p),
    "cuLaunchKernel": (c_void_p, *[c_uint] * 7, c_void_p, c_void_p, c_void_p),
    "cuStreamBeginCapture_v2": (c_void_p, c_int),
    "cuStreamEndCapture": (c_void_p, c_void_p),
    "cuGraphInstantiateWithFlags": (c_void_p, c_void_p, ctypes.c_uint64),
    "cuGraphDestroy": (c_void_p,),
    "cuGraphLaunch": (c_void_p, c_void_p),
    "cuGraphExecDestroy": (c_void_p,),
    "cuGetErrorName": (c_int, c_void_p),
    "cuGetErrorString": (c_int, c_void_p),
}


def load_library() -> Any:
    """The driver's library; OSError where there is none."""
    return ctypes.CDLL(LIBRARY)


class LibcudaDriver:
    """One GPU of NVIDIA's driver, in the primary context that other packages use as well.

    Parameters
    ----------
    library : the driver's library, or what takes its place in tests.

    Raises
    ------
    DriverError : the driver does not start, or is too old.
    """

    name = "libcuda"

    def __init__(self, library: Any) -> None:
        self._functions: dict[str, Any] = {}
        for name, arguments in _SIGNATURES.items():
            function = getattr(library, name, None) or getattr(library, f"{name}_v2", None)
            if function is None:
                raise DriverError(name, 0, "the driver is too old, CUDA 11.4 is needed")
            function.argtypes, function.restype = arguments, c_int
            self._functions[name] = function
        self._call("cuInit", 0)
        version = c_int()
        self._call("cuDriverGetVersion", ctypes.byref(version))
        if version.value < OLDEST_DRIVER:
            known = f"{version.value // 1000}.{version.value % 1000 // 10}"
            raise DriverError("cuDriverGetVersion", 0, f"CUDA 11.4 is needed, got {known}")
        self._device = -1
        self._context = c_void_p()
        self._modules: dict[int, int] = {}
        self._pinned: dict[int, int] = {}

    def _call(self, name: str, *arguments: Any) -> None:
        code = self._functions[name](*arguments)
        if code:
            raise DriverError(name, code, self._text("cuGetErrorName", code),
                              self._text("cuGetErrorString", code))  # fmt: skip

    def _text(self, function: str, code: int) -> str:
        found = c_char_p()
        self._functions[function](code, ctypes.byref(found))
        return (found.value or b"unknown error").decode(errors="replace")

    def _handle(self, name: str, *arguments: Any) -> int:
        """What a function puts where its first argument points."""
        found = c_void_p()
        self._call(name, ctypes.byref(found), *arguments)
        return found.value or 0

    # ---- the GPU

    def devices(self) -> list[GpuFacts]:
        """The GPUs, after CUDA_VISIBLE_DEVICES, which the driver itself obeys."""
        count = c_int()
        self._call("cuDeviceGetCount", ctypes.byref(count))
        return [self._facts(number) for number in range(count.value)]

    def _facts(self, number: int) -> GpuFacts:
        device, memory = c_int(), c_size_t()
        name, bus = ctypes.create_string_buffer(256), ctypes.create_string_buffer(64)
        self._call("cuDeviceGet", ctypes.byref(device), number)
        self._call("cuDeviceGetName", name, len(name), device)
        self._call("cuDeviceGetPCIBusId", bus, len(bus), device)
        self._call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        major, minor, processors = (
            self._attribute(device, which)
            for which in (CAPABILITY_MAJOR, CAPABILITY_MINOR, MULTIPROCESSORS)
        )
        return GpuFacts(
            number, name.value.decode(errors="replace"), 10 * major + minor, memory.value,
            processors, bus.value.decode(errors="replace"),
        )  # fmt: skip

    def _attribute(self, device: c_int, which: int) -> int:
        found = c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(found), which, device)
        return found.value

    def open(self, number: int) -> None:
        device = c_int()
        self._call("cuDeviceGet", ctypes.byref(device), number)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)
        self._device = device.value
        self.make_current()

    def make_current(self) -> None:
        self._call("cuCtxSetCurrent", self._context)

    def close(self) -> None:
        for kernel in list(self._modules):
            self.unload(kernel)
        if self._device >= 0:
            self._call("cuDevicePrimaryCtxRelease_v2", self._device)
            self._device = -1

    # ---- memory

    def free_memory(self) -> int:
        free, total = c_size_t(), c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def allocate(self, nbytes: int) -> int:
        return self._handle("cuMemAlloc_v2", max(nbytes, 1))

    def free(self, address: int) -> None:
        self._call("cuMemFree_v2", address)

    def allocate_host(self, nbytes: int) -> Array:
        size = max(nbytes, 1)
        address = self._handle("cuMemHostAlloc", size, 0)
        memory = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        self._pinned[memory.ctypes.data] = address
        return memory

    def free_host(self, memory: Array) -> None:
        self._call("cuMemFreeHost", self._pinned.pop(memory.ctypes.data))

    # ---- streams and events

    def make_stream(self) -> Any:
        return self._handle("cuStreamCreate", STREAM_NON_BLOCKING)

    def free_stream(self, stream: Any) -> None:
        self._call("cuStreamDestroy_v2", stream)

    def wait(self, stream: Any) -> None:
        self._call("cuStreamSynchronize", stream)

    def copy_to_gpu(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        self._call("cuMemcpyHtoDAsync_v2", target, source, nbytes, stream)

    def copy_to_host(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        self._call("cuMemcpyDtoHAsync_v2", target, source, nbytes, stream)

    def copy(self, stream: Any, target: int, source: int, nbytes: int) -> None:
        self._call("cuMemcpyDtoDAsync_v2", target, source, nbytes, stream)

    def make_event(self) -> Any:
        return self._handle("cuEventCreate", EVENT_DEFAULT)

    def record(self, event: Any, stream: Any) -> None:
        self._call("cuEventRecord", event, stream)

    def milliseconds(self, start: Any, stop: Any) -> float:
        found = c_float()
        self._call("cuEventElapsedTime", ctypes.byref(found), start, stop)
        return found.value

    def free_event(self, event: Any) -> None:
        self._call("cuEventDestroy_v2", event)

    # ---- kernels

    def load(self, source: KernelSource) -> Any:
        """Load a kernel's PTX, which the driver assembles for the GPU that it has."""
        log = ctypes.create_string_buffer(LOG_BYTES)
        names = (c_int * 2)(JIT_ERROR_LOG, JIT_ERROR_LOG_BYTES)
        values = (c_void_p * 2)(ctypes.addressof(log), LOG_BYTES)
        try:
            module = self._handle("cuModuleLoadDataEx", source.ptx.encode(), 2, names, values)
        except DriverError as error:
            said = log.value.decode(errors="replace").strip() or error.details
            raise DriverError(error.call, error.code, error.name, said) from None
        kernel = self._handle("cuModuleGetFunction", module, source.entry.encode())
        self._modules[kernel] = module
        return kernel

    def unload(self, kernel: Any) -> None:
        self._call("cuModuleUnload", self._modules.pop(kernel))

    def launch(self, stream: Any, kernel: Any, grid: int, block: int, words: Array) -> None:
        first = words.ctypes.data
        places = (c_void_p * max(len(words), 1))(*range(first, first + 8 * len(words), 8))
        self._call("cuLaunchKernel", kernel, grid, 1, 1, block, 1, 1, 0, stream, places, None)

    # ---- graphs

    def begin_capture(self, stream: Any) -> None:
        self._call("cuStreamBeginCapture_v2", stream, CAPTURE_THREAD_LOCAL)

    def end_capture(self, stream: Any) -> Any:
        graph = c_void_p()
        self._call("cuStreamEndCapture", stream, ctypes.byref(graph))
        try:
            return self._handle("cuGraphInstantiateWithFlags", graph, 0)
        finally:
            self._call("cuGraphDestroy", graph)

    def replay(self, stream: Any, graph: Any) -> None:
        self._call("cuGraphLaunch", graph, stream)

    def free_graph(self, graph: Any) -> None:
        self._call("cuGraphExecDestroy", graph)
