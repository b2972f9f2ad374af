"""Which GPU a session uses: the first that its configuration and the environment let it see."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from graphflow import errors
from graphflow.codegen.cuda.ptx import ptx_text
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.cuda.units import Schedule, schedule_key
from graphflow.codegen.object_cache import cached_object
from graphflow.runtime.devices import replaced_drivers
from graphflow.runtime.gpu.driver import (
    Driver,
    DriverError,
    GpuFacts,
    KernelSource,
    raise_fault,
)

OLDEST_CAPABILITY = 70


class Gpu:
    """A GPU that the process has opened, with the kernels that are loaded on it.

    Attributes
    ----------
    is_lost : a kernel failed; CUDA lets a process do nothing more with such a GPU.
    """

    def __init__(self, driver: Driver, facts: GpuFacts) -> None:
        self.driver, self.facts = driver, facts
        self.target = GpuTarget.of_capability(facts.capability)
        self.is_lost = False
        self._kernels: dict[str, Any] = {}
        self._lock = threading.Lock()
        driver.open(facts.number)

    @property
    def name(self) -> str:
        """TensorFlow's name of the device."""
        return f"/job:localhost/replica:0/task:0/device:GPU:{self.facts.number}"

    def kernel(self, schedule: Schedule) -> Any:
        """The kernel of a schedule, loaded; equal ones are loaded once.

        Raises
        ------
        errors.InternalError : the driver does not take the code.
        """
        key = schedule_key(schedule)
        with self._lock:
            if key not in self._kernels:
                source = KernelSource(schedule, self.target, _kept_ptx)
                try:
                    self._kernels[key] = self.driver.load(source)
                except DriverError as error:
                    name = schedule.kernel.name
                    raise errors.InternalError(
                        None,
                        None,
                        f"the driver does not take kernel {name}: {error}; without the "
                        "GPU, by CUDA_VISIBLE_DEVICES=, the program may run",
                    ) from None
            return self._kernels[key]

    def check(self) -> None:
        """Raise InternalError if the GPU is lost."""
        if self.is_lost:
            raise errors.InternalError(
                None, None, "the GPU failed in an earlier run; a new process can use it again"
            )

    def fail(self, error: DriverError, suspects: Sequence[str]) -> NoReturn:
        """Raise TensorFlow's error for a failure; from now on the GPU is lost."""
        self.is_lost = True
        raise_fault(error, suspects)

    def close(self) -> None:
        """Leave the GPU."""
        if not self.is_lost:
            for kernel in self._kernels.values():
                self.driver.unload(kernel)
            self.driver.close()
        self._kernels.clear()


def _kept_ptx(schedule: Schedule, target: GpuTarget) -> str:
    key = f"ptx {target.capability}\n{schedule_key(schedule)}"
    return cached_object(key, lambda: ptx_text([schedule], target).encode()).decode()


class _Drivers:
    """The process's driver, once somebody has asked for it, and the GPUs opened through it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self.driver: Driver | None = None
        self.reason = ""  # why there is none
        self.facts: list[GpuFacts] = []
        self.opened: dict[int, Gpu] = {}


_drivers = _Drivers()


def _find_driver() -> None:
    """Load the driver: PyCUDA where it is installed, else the library itself."""
    if _drivers.driver is not None or _drivers.reason:
        return
    from graphflow.runtime.gpu import libcuda_driver, pycuda_driver

    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        _drivers.reason = "CUDA_VISIBLE_DEVICES hides all GPUs"
        return
    try:
        library = libcuda_driver.load_library()
    except OSError:
        _drivers.reason = f"there is no driver of NVIDIA's: {libcuda_driver.LIBRARY} is not found"
        return
    try:
        kind = pycuda_driver.PycudaDriver if pycuda_driver.is_wanted() else None
        driver = (kind or libcuda_driver.LibcudaDriver)(library)
        use = driver.devices()
    except DriverError as error:
        _drivers.reason = f"NVIDIA's driver does not work: {error}"
        return
    _use(driver, use)


def _use(driver: Driver, facts: Sequence[GpuFacts]) -> None:
    usable = [f for f in facts if f.capability >= OLDEST_CAPABILITY]
    if usable:
        _drivers.driver, _drivers.facts = driver, usable
    elif facts:
        _drivers.reason = f"{facts[0].name} is too old: compute capability 7.0 is needed"
    else:
        _drivers.reason = "NVIDIA's driver has no GPU"


def visible_gpus() -> list[GpuFacts]:
    """The GPUs that sessions can use."""
    with _drivers.lock:
        _find_driver()
        return list(_drivers.facts)


def why_no_gpu() -> str:
    """One line that says why there is no GPU; empty where there is one."""
    with _drivers.lock:
        _find_driver()
        return _drivers.reason


def select_gpu(config: Any) -> Gpu | None:
    """The GPU for a session with this ConfigProto (or None); None where it is to use none.

    Raises
    ------
    errors.InternalError : there is one, but it cannot be opened.
    """
    facts = visible_gpus()
    if config is not None:
        listed = config.gpu_options.visible_device_list
        if listed:
            numbers = [int(n) for n in listed.split(",") if n.strip().isdecimal()]
            facts = [f for n in numbers for f in facts if f.number == n]
        if "GPU" in config.device_count:
            facts = facts[: config.device_count["GPU"]]
    if not facts:
        return None
    with _drivers.lock:
        number = facts[0].number
        if number not in _drivers.opened:
            assert _drivers.driver is not None
            try:
                _drivers.opened[number] = Gpu(_drivers.driver, facts[0])
            except DriverError as error:
                raise errors.InternalError(
                    None, None, f"GPU {number} cannot be opened: {error}"
                ) from None
        return _drivers.opened[number]


@contextmanager
def using_driver(driver: Driver) -> Iterator[None]:
    """Let sessions that are made inside use another driver, which is closed at the end."""
    before = dict(vars(_drivers))
    _drivers.forget()
    _use(driver, driver.devices())
    replaced_drivers.append(driver)
    try:
        yield
    finally:
        replaced_drivers.remove(driver)
        opened = list(_drivers.opened.values())
        vars(_drivers).update(before)
        for gpu in opened:
            gpu.close()
