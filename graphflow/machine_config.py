"""TensorFlow's `tf.config`: what devices there are, and settings that are kept for who asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

__all__ = [
    "experimental", "get_soft_device_placement", "list_logical_devices", "list_physical_devices",
    "optimizer", "set_soft_device_placement", "threading",
]  # fmt: skip


class PhysicalDevice(NamedTuple):
    """A device of this machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device as programs name it."""

    name: str
    device_type: str


class VirtualDeviceConfiguration(NamedTuple):
    """A part of a device's memory."""

    memory_limit: int | None = None


_CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")
_kept: dict[Any, Any] = {"soft_device_placement": True, "jit": "", "options": {}}


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that programs run on: the processor."""
    return [_CPU] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices under the names that programs use."""
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def _checked(device: Any) -> Any:
    if device != _CPU:
        raise ValueError(f"Unrecognized device: {device}")
    return device


def _setting(key: str) -> tuple[Any, Any]:
    """Functions that get and set a setting."""

    def get() -> Any:
        return _kept.get(key, 0)

    def set(value: Any) -> None:
        _kept[key] = value

    return get, set


def _get_memory_growth(device: Any) -> bool:
    """Whether memory is taken as it is needed: always."""
    _checked(device)
    return True


def _set_memory_growth(device: Any, enable: bool) -> None:
    """Check the device; memory is taken as it is needed anyway."""
    _checked(device)


def _set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Check the devices."""
    for device in devices if isinstance(devices, (list, tuple)) else [devices]:
        _checked(device)


def _get_configuration(device: Any) -> Any:
    """The parts of a device; None where it is whole."""
    return _kept.get(("parts", _checked(device)))


def _set_configuration(device: Any, virtual_devices: Any) -> None:
    """Keep the parts of a device."""
    _kept["parts", _checked(device)] = virtual_devices


get_soft_device_placement, set_soft_device_placement = _setting("soft_device_placement")
_get_inter, _set_inter = _setting("inter_op_threads")
_get_intra, _set_intra = _setting("intra_op_threads")
_get_jit, _set_jit = _setting("jit")
_get_options, _set_options = _setting("options")
threading = SimpleNamespace(
    get_inter_op_parallelism_threads=_get_inter, set_inter_op_parallelism_threads=_set_inter,
    get_intra_op_parallelism_threads=_get_intra, set_intra_op_parallelism_threads=_set_intra,
)  # fmt: skip
optimizer = SimpleNamespace(
    get_jit=_get_jit, set_jit=_set_jit, get_experimental_options=_get_options,
    set_experimental_options=_set_options,
)  # fmt: skip
experimental = SimpleNamespace(
    VirtualDeviceConfiguration=VirtualDeviceConfiguration,
    get_memory_growth=_get_memory_growth, set_memory_growth=_set_memory_growth,
    get_virtual_device_configuration=_get_configuration,
    set_virtual_device_configuration=_set_configuration,
    get_visible_devices=list_physical_devices, set_visible_devices=_set_visible_devices,
    list_logical_devices=list_logical_devices, list_physical_devices=list_physical_devices,
)  # fmt: skip
