"""The machine that code runs on: processor, caches, memory, GPUs, and the versions of packages."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from graphflow.runtime.protos import Message
from graphflow.version import VERSION

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_PACKAGES = ("numpy", "llvmlite", "ml_dtypes", "networkx", "protobuf")
# LLVM's names of features that decide how kernels are written, by processor.
_TELLING = (
    "sse4.2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512bf16",
    "avx512fp16", "amx-tile", "neon", "fullfp16", "bf16", "sve", "sve2",
)  # fmt: skip


class DeviceLocality(Message):
    """Where a device is; not known here."""

    _fields: ClassVar = {"bus_id": 0, "numa_node": 0, "links": []}


class DeviceAttributes(Message):
    """A device as TensorFlow describes one."""

    _fields: ClassVar = {
        "name": "", "device_type": "", "memory_limit": 0, "locality": DeviceLocality,
        "incarnation": 0, "physical_device_desc": "",
    }  # fmt: skip


@dataclass(frozen=True)
class SessionDevice:
    """A device as `Session.list_devices` tells of it, by its full name."""

    name: str
    device_type: str
    memory_limit_bytes: int
    incarnation: int

    def __repr__(self) -> str:
        return (
            f"_DeviceAttributes({self.name}, {self.device_type}, {self.memory_limit_bytes}, "
            f"{self.incarnation})"
        )


def session_devices() -> list[SessionDevice]:
    """The devices that sessions run on, as `list_local_devices` has them."""
    return [
        SessionDevice(
            f"/job:localhost/replica:0/task:0{d.name}", d.device_type, d.memory_limit, d.incarnation
        )
        for d in list_local_devices()
    ]


def list_local_devices(session_config: Any = None) -> list[DeviceAttributes]:
    """The devices that sessions run on: the processor, and GPUs where there are any."""
    found = [
        DeviceAttributes(
            name="/device:CPU:0", device_type="CPU", memory_limit=memory_bytes(), incarnation=1
        )
    ]
    for number, gpu in enumerate(gpus()):
        found.append(
            DeviceAttributes(
                name=f"/device:GPU:{number}", device_type="GPU", memory_limit=gpu["memory_bytes"],
                incarnation=2 + number,
                physical_device_desc=f"device: {number}, name: {gpu['name']}, "
                f"pci bus id: {gpu['bus']}, compute capability: {gpu['capability']}",
            )
        )  # fmt: skip
    return found


def memory_bytes() -> int:
    """The machine's memory; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def machine_facts() -> dict[str, Any]:
    """What a report of a fault needs, as plain data."""
    from graphflow.codegen.object_cache import cache_contents
    from graphflow.codegen.target import host_target
    from graphflow.runtime.pool import default_threads

    target, contents = host_target(), cache_contents()
    return {
        "processor": {
            "model": _model(),
            "llvm_name": target.cpu,
            "triple": target.triple,
            "features": [name for name in _TELLING if target.has(name)],
            "vector_bits": target.vector_bits,
            "vector_registers": target.num_vector_registers,
            "logical_processors": os.cpu_count() or 1,
            "threads": default_threads(),
            "caches": _caches(),
            "memory_bytes": memory_bytes(),
        },
        "gpus": gpus(),
        "why_no_gpu": why_no_gpu(),
        "versions": _versions(),
        "cache": {
            "folder": None if contents.folder is None else str(contents.folder),
            "objects": len(contents.objects),
            "bytes": contents.size,
        },
    }


def _model() -> str:
    """The processor's name as its maker has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _caches() -> list[dict[str, Any]]:
    """The caches of one core, as Linux describes them."""
    found = []
    for folder in sorted(_CACHES.glob("index*")):
        try:
            level, kind, size = [
                (folder / name).read_text().strip() for name in ("level", "type", "size")
            ]
        except OSError:
            continue
        found.append({"level": int(level), "type": kind.lower(), "size": size})
    return found


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # loads the email package

    import llvmlite.binding as llvm

    found = {"graphflow": VERSION, "python": platform.python_version(), "system": sys.platform}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["llvm"] = ".".join(map(str, llvm.llvm_version_info))
    return found


@lru_cache(maxsize=1)
def _has_driver() -> bool:
    """Whether NVIDIA's driver is installed, and not hidden from this process."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


replaced_drivers: list[Any] = []  # drivers that stand in for NVIDIA's, the newest last


def may_have_gpu() -> bool:
    """Whether a look for GPUs is worth its imports: there is a driver."""
    return bool(replaced_drivers) or _has_driver()


def gpus() -> list[dict[str, Any]]:
    """The GPUs that sessions can use."""
    if not may_have_gpu():
        return []
    from graphflow.runtime.gpu.selection import visible_gpus

    return [
        {
            "name": facts.name,
            "capability": f"{facts.capability // 10}.{facts.capability % 10}",
            "memory_bytes": facts.memory_bytes,
            "bus": facts.bus,
        }
        for facts in visible_gpus()
    ]


def why_no_gpu() -> str:
    """One line that says why sessions use no GPU; empty where they can."""
    from graphflow.runtime.gpu import selection

    return selection.why_no_gpu()
