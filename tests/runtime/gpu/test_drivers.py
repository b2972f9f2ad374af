"""The drivers over NVIDIA's library and over PyCUDA, with both played by functions of ours.

The library's functions are real C functions, so ctypes converts arguments as for the library. They
keep books: what is created must be destroyed, copies work on the host's memory.
"""

from __future__ import annotations

import ctypes
import types

import numpy as np
import pytest

from graphflow.runtime.gpu import libcuda_driver
from graphflow.runtime.gpu.driver import OUT_OF_MEMORY, DriverError, KernelSource
from graphflow.runtime.gpu.libcuda_driver import LibcudaDriver
from graphflow.runtime.gpu.pycuda_driver import PycudaDriver

PTX = "\n.visible .entry k0_exp(\n)\n{ ret; }\n"
ATTRIBUTES = {75: 9, 76: 0, 16: 132}
CREATED = {  # the function that destroys what another creates
    "cuMemAlloc_v2": "cuMemFree_v2", "cuMemHostAlloc": "cuMemFreeHost",
    "cuStreamCreate": "cuStreamDestroy_v2", "cuEventCreate": "cuEventDestroy_v2",
    "cuModuleLoadDataEx": "cuModuleUnload", "cuGraphInstantiateWithFlags": "cuGraphExecDestroy",
    "cuDevicePrimaryCtxRetain": "cuDevicePrimaryCtxRelease_v2",
    "cuStreamEndCapture": "cuGraphDestroy",
}  # fmt: skip


class Library:
    """Plays ``libcuda.so.1``."""

    def __init__(self, version=13000, missing=(), failing=None):
        self.version, self.failing = version, failing or {}
        self.calls, self.alive, self.memory, self.launched = [], {}, {}, []
        self._number = 100
        for name, arguments in libcuda_driver._SIGNATURES.items():
            if name in missing:
                continue
            prototype = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)
            setattr(self, name, prototype(self.answer(name)))

    def answer(self, name):
        def call(*arguments):
            self.calls.append(name)
            if name in self.failing and not name.startswith("cuGetError"):
                return self.failing[name]
            done = getattr(self, "do_" + name, None)
            if done is not None:
                done(*arguments)
            elif name in CREATED:
                self.create(name, arguments)
            elif name in CREATED.values():
                self.destroy(name, arguments[0])
            return 0

        return call

    def put(self, address, value, kind=ctypes.c_void_p):
        kind.from_address(address).value = value

    def create(self, name, arguments):
        self._number += 1
        value = self._number
        if name in ("cuMemAlloc_v2", "cuMemHostAlloc"):
            memory = np.zeros(arguments[1], np.uint8)
            value = memory.ctypes.data
            self.memory[value] = memory
        self.alive[value] = CREATED[name]
        place = arguments[1] if name == "cuStreamEndCapture" else arguments[0]
        self.put(place, value)

    def destroy(self, name, value):
        if name == "cuDevicePrimaryCtxRelease_v2":
            value = next(k for k, v in self.alive.items() if v == name)
        assert self.alive.pop(value) == name

    def do_cuDriverGetVersion(self, place):
        self.put(place, self.version, ctypes.c_int)

    def do_cuDeviceGetCount(self, place):
        self.put(place, 1, ctypes.c_int)

    def do_cuDeviceGet(self, place, number):
        self.put(place, number, ctypes.c_int)

    def do_cuDeviceGetAttribute(self, place, which, device):
        self.put(place, ATTRIBUTES[which], ctypes.c_int)

    def do_cuDeviceTotalMem_v2(self, place, device):
        self.put(place, 141 << 30, ctypes.c_size_t)

    def do_cuMemGetInfo_v2(self, free, total):
        self.put(free, 5 << 30, ctypes.c_size_t)

    def do_cuMemcpyHtoDAsync_v2(self, target, source, nbytes, stream):
        ctypes.memmove(target, source, nbytes)

    do_cuMemcpyDtoHAsync_v2 = do_cuMemcpyDtoDAsync_v2 = do_cuMemcpyHtoDAsync_v2

    def do_cuModuleGetFunction(self, place, module, name):
        assert self.alive[module] == "cuModuleUnload"
        assert name == b"k0_exp"
        self.put(place, module + 5000)

    def do_cuLaunchKernel(self, kernel, gx, gy, gz, bx, by, bz, shared, stream, places, extra):
        pointers = (ctypes.c_uint64 * 3).from_address(places)
        words = [ctypes.c_uint64.from_address(p).value for p in pointers]
        self.launched.append((kernel, (gx, gy, gz), (bx, by, bz), shared, stream, words))

    def do_cuEventElapsedTime(self, place, start, stop):
        self.put(place, 1.5, ctypes.c_float)

    def do_cuGetErrorName(self, code, place):
        self.put(place, ctypes.cast(ctypes.c_char_p(b"CUDA_ERROR"), ctypes.c_void_p).value)

    do_cuGetErrorString = do_cuGetErrorName


class Cuda(types.SimpleNamespace):
    """Plays ``pycuda.driver``, over the same library."""

    class Error(Exception):
        pass

    class MemoryError(Error):
        pass

    def __init__(self, library):
        super().__init__(library=library, log=[])

    def init(self):
        self.log.append("init")

    def Device(self, number):
        context = types.SimpleNamespace(
            handle=77, push=lambda: self.log.append("push"), detach=lambda: self.log.append("off")
        )
        return types.SimpleNamespace(retain_primary_context=lambda: context)

    @property
    def Context(self):
        return types.SimpleNamespace(pop=lambda: self.log.append("pop"))

    def mem_alloc(self, nbytes):
        if nbytes > 1 << 20:
            raise self.MemoryError("cuMemAlloc failed: out of memory")
        memory = np.zeros(nbytes, np.uint8)
        self.library.memory[memory.ctypes.data] = memory

        class Allocation:
            def __int__(self):
                return memory.ctypes.data

            def free(self):
                pass

        return Allocation()

    def Stream(self, flags):
        assert flags == 1
        return types.SimpleNamespace(handle=55)

    def module_from_buffer(self, ptx):
        assert ptx == PTX.encode()

        def launch(grid, block, stream, *words):
            self.library.launched.append((0, (*grid, 1), block, 0, stream.handle, list(words)))

        kernel = types.SimpleNamespace(
            prepare=lambda formats: self.log.append(formats), prepared_async_call=launch
        )
        return types.SimpleNamespace(get_function=lambda name: kernel)


def make_driver(kind, library):
    return LibcudaDriver(library) if kind == "libcuda" else PycudaDriver(library, Cuda(library))


def source():
    kernel = types.SimpleNamespace(name="k0_exp", buffers=[0, 1], symbols=["n"])
    schedule = types.SimpleNamespace(kernel=kernel, workspace_bytes=0)
    return KernelSource(schedule, None, lambda schedule, target: PTX)


@pytest.mark.parametrize("kind", ["libcuda", "pycuda"])
def test_a_session_with_the_driver(kind):
    library = Library()
    driver = make_driver(kind, library)
    (facts,) = driver.devices()
    assert (facts.capability, facts.memory_bytes, facts.multiprocessors) == (90, 141 << 30, 132)
    driver.open(0)
    assert driver.free_memory() == 5 << 30
    stream, address = driver.make_stream(), driver.allocate(40)
    pinned = driver.allocate_host(40)
    pinned[:] = 3
    out = np.zeros(40, np.uint8)
    driver.copy_to_gpu(stream, address, pinned.ctypes.data, 40)
    driver.copy_to_host(stream, out.ctypes.data, address, 40)
    driver.wait(stream)
    assert out.tolist() == [3] * 40
    kernel = driver.load(source())
    driver.launch(stream, kernel, 7, 256, np.array([address, 2**40, 9], np.uint64))
    (launched,) = library.launched
    assert launched[1:] == ((7, 1, 1), (256, 1, 1), 0, stream, [address, 2**40, 9])
    start, stop = driver.make_event(), driver.make_event()
    driver.record(start, stream)
    driver.record(stop, stream)
    assert driver.milliseconds(start, stop) == 1.5
    driver.begin_capture(stream)
    graph = driver.end_capture(stream)
    driver.replay(stream, graph)
    driver.free_graph(graph)
    driver.free_event(start)
    driver.free_event(stop)
    driver.free_host(pinned)
    driver.free(address)
    driver.free_stream(stream)
    driver.close()
    assert not library.alive


def test_pycuda_is_given_its_formats():
    library = Library()
    cuda = Cuda(library)
    driver = PycudaDriver(library, cuda)
    driver.open(0)
    driver.load(source())
    with pytest.raises(DriverError) as caught:
        driver.allocate(2 << 20)
    assert caught.value.code == OUT_OF_MEMORY
    driver.close()
    assert cuda.log == ["init", "push", "QQQ", "pop", "off"]


def test_errors_have_their_names():
    driver = LibcudaDriver(Library(failing={"cuMemAlloc_v2": 2}))
    with pytest.raises(DriverError, match=r"cuMemAlloc_v2: CUDA_ERROR \(2\)") as caught:
        driver.allocate(40)
    assert caught.value.code == OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (Library(version=11020), "CUDA 11.4 is needed, got 11.2"),
        (Library(missing=["cuGraphInstantiateWithFlags"]), "too old"),
        (Library(failing={"cuInit": 100}), "cuInit: CUDA_ERROR"),
    ],
)
def test_a_driver_that_is_too_old_or_does_not_start(library, message):
    with pytest.raises(DriverError, match=message):
        LibcudaDriver(library)


def test_why_there_is_no_gpu(monkeypatch):
    from graphflow.runtime.gpu import selection

    def reason(library=None, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        def load():
            if library is None:
                raise OSError
            return library

        monkeypatch.setattr(libcuda_driver, "load_library", load)
        monkeypatch.setattr(selection, "_drivers", selection._Drivers())
        assert selection.select_gpu(None) is None
        return selection.why_no_gpu()

    monkeypatch.setenv("GRAPHFLOW_CUDA_DRIVER", "libcuda")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "is not found" in reason()
    assert "does not work: cuInit" in reason(Library(failing={"cuInit": 100}))
    old = Library()
    monkeypatch.setitem(ATTRIBUTES, 75, 6)
    assert "compute capability 7.0 is needed" in reason(old)
    assert "CUDA_VISIBLE_DEVICES hides" in reason(Library(), CUDA_VISIBLE_DEVICES="")
