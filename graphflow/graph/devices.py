"""Device requests: names, their merging, and the scopes that make them.

A request is a record of job, replica, task, device type and index, any of which may be left open.
Inner scopes win over outer ones, field by field. Graphflow keeps what was asked for; the runtime
decides what it means.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # an Operation is placed, so its graph imports this module
    from graphflow.graph.operation import Operation


class _Fields(NamedTuple):
    job: str | None = None
    replica: int | None = None
    task: int | None = None
    device_type: str | None = None
    device_index: int | None = None


def _parse(name: str | None) -> _Fields:
    """Return the fields of ``/job:worker/task:1/device:GPU:0`` or a part of it."""
    fields: dict[str, Any] = {}
    for part in (name or "").split("/"):
        if not part:
            continue
        key, *values = part.split(":")
        if key == "job" and len(values) == 1:
            fields["job"] = values[0]
        elif key in ("replica", "task") and len(values) == 1:
            fields[key] = int(values[0])
        elif key.upper() in ("CPU", "GPU") and len(values) <= 1:
            _set_type(fields, key.upper(), values[0] if values else "*", name)
        elif key == "device" and len(values) == 2:
            _set_type(fields, values[0], values[1], name)
        elif key:
            raise ValueError(f"Unknown attribute: '{key}' in '{name}'")
    return _Fields(**fields)


def _set_type(fields: dict[str, Any], device_type: str, index: str, name: str | None) -> None:
    if "device_type" in fields:
        raise ValueError(f"Cannot specify multiple device types: {name}")
    fields["device_type"] = device_type
    fields["device_index"] = None if index == "*" else int(index)


def _format(fields: _Fields) -> str:
    text = ""
    for key in ("job", "replica", "task"):
        value = getattr(fields, key)
        text += "" if value is None else f"/{key}:{value}"
    if fields.device_type is not None:
        index = "*" if fields.device_index is None else fields.device_index
        text += f"/device:{fields.device_type}:{index}"
    return text


def _merge(inner: _Fields, outer: _Fields) -> _Fields:
    given = {key: value for key, value in inner._asdict().items() if value is not None}
    return outer._replace(**given)


class DeviceSpec:
    """A device request by its parts; what is None stays open.

    Parameters
    ----------
    job, replica, task, device_type, device_index : the parts of ``/job:ps/task:0/device:GPU:1``.
    """

    def __init__(
        self,
        job: Any = None,
        replica: Any = None,
        task: Any = None,
        device_type: Any = None,
        device_index: Any = None,
    ) -> None:
        self.job = None if job is None else str(job)
        self.replica = None if replica is None else int(replica)
        self.task = None if task is None else int(task)
        device_type = None if device_type is None else str(device_type)
        self.device_type = device_type.upper() if device_type in ("cpu", "gpu") else device_type
        self.device_index = None if device_index is None else int(device_index)

    @property
    def _fields(self) -> _Fields:
        return _Fields(self.job, self.replica, self.task, self.device_type, self.device_index)

    def to_string(self) -> str:
        """Return the request as a name: ``/job:ps/device:GPU:1``."""
        return _format(self._fields)

    @classmethod
    def from_string(cls, spec: str) -> DeviceSpec:
        """Return the request that a name stands for; ValueError when it is malformed."""
        return cls(*_parse(spec))

    def parse_from_string(self, spec: str) -> DeviceSpec:
        """Take over the parts of a name; all others become open."""
        self.__init__(*_parse(spec))  # type: ignore[misc]
        return self

    def merge_from(self, dev: DeviceSpec) -> None:
        """Take over the parts that `dev` has."""
        self.__init__(*_merge(dev._fields, self._fields))  # type: ignore[misc]

    def make_merged_spec(self, dev: DeviceSpec) -> DeviceSpec:
        """Return a new request: the parts of `dev`, else of this one."""
        return type(self)(*_merge(dev._fields, self._fields))

    def replace(self, **parts: Any) -> DeviceSpec:
        """Return a copy with other parts."""
        return type(self)(**{**self._fields._asdict(), **parts})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())

    def __str__(self) -> str:
        return self.to_string()


def device_name(device: Any) -> str:
    """Return the name of a request given as a name, a `DeviceSpec` or None."""
    if device is None:
        return ""
    return device.to_string() if isinstance(device, DeviceSpec) else str(device)


def canonical_name(device: Any) -> str:
    """Return the name of a request in its one canonical form."""
    return _format(_parse(device_name(device)))


def merge_device(spec: Any) -> Callable[[Any], str]:
    """Return a device function: an op's own parts, else those of `spec`."""
    outer = _parse(device_name(spec))

    def merged(op: Any) -> str:
        return _format(_merge(_parse(op.device), outer))

    return merged


class DeviceScopes:
    """The part of a graph that places its operations."""

    def __init__(self) -> None:
        # Outermost first. None resets all that is further out.
        self._device_functions: list[Callable[[Operation], Any] | None] = []
        self._colocation_stack: list[Operation] = []

    def _operation_to_colocate_with(self, item: Any) -> Operation:
        raise NotImplementedError

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Ask for a device for the operations made inside the ``with`` block.

        Takes a name, a `DeviceSpec`, a function of the operation that returns one, or None, which
        forgets what outer scopes ask for.
        """
        function = device_name_or_function
        if function is not None and not callable(function):
            function = merge_device(function)
        self._device_functions.append(function)
        try:
            yield
        finally:
            if not self._device_functions or self._device_functions[-1] is not function:
                raise RuntimeError("Exiting device scope without proper scope nesting.")
            self._device_functions.pop()

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Place the operations made inside the ``with`` block where `op` is.

        Parameters
        ----------
        op : an Operation, Tensor or Variable; None, with `ignore_existing`, forgets what outer
            scopes ask for.
        """
        if op is None and not ignore_existing:
            raise ValueError(
                "Trying to reset colocation (op is None) but ignore_existing is not True"
            )
        target = None if op is None else self._operation_to_colocate_with(op)
        functions, self._device_functions = self._device_functions, []
        outer = self._colocation_stack
        self._colocation_stack = [] if ignore_existing else list(outer)
        if target is not None:
            self._colocation_stack.append(target)
        try:
            yield
        finally:
            self._device_functions = functions
            self._colocation_stack = outer

    def _apply_device_functions(self, op: Any) -> None:
        """Give an operation, or what Keras 2 has in its place, the device of the scopes."""
        for function in reversed(self._device_functions):
            if function is None:
                break
            op._set_device(device_name(function(op)))

    def _place(self, op: Operation) -> None:
        """Apply the device and colocation scopes to a new operation."""
        self._apply_device_functions(op)
        if self._colocation_stack:
            groups: set[bytes] = set()
            for target in reversed(self._colocation_stack):
                groups.update(target.colocation_groups())
                if target.device:
                    op._set_device(target.device)
            op._set_attr("_class", sorted(groups))
