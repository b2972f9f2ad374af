"""The configuration messages that scripts make: `ConfigProto`, `RunOptions`, `RunMetadata`.

Plain Python objects with the fields of TensorFlow's protocol buffers, nested ones made on first
use. Unknown fields are refused, so that a misspelt one is noticed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

ALLOCATOR = "cpu"  # TensorFlow's name for the host's memory


class Message:
    """A message with named fields; assigning to nested messages' fields makes them."""

    _fields: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **values: Any) -> None:
        for name, default in self._fields.items():
            made = default() if isinstance(default, type) else copy.copy(default)
            object.__setattr__(self, name, made)
        for name, value in values.items():
            if name not in self._fields:
                raise ValueError(f"{type(self).__name__} has no {name!r} field.")
            setattr(self, name, value)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the fields

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._fields:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        default = self._fields[name]
        if isinstance(default, (bool, int, float, str)) and not isinstance(value, type(default)):
            value = type(default)(value)
        object.__setattr__(self, name, value)

    def CopyFrom(self, other: Message) -> None:  # protobuf's name
        """Take over all fields of another message of the same kind."""
        for name in self._fields:
            object.__setattr__(self, name, copy.deepcopy(getattr(other, name)))

    def MergeFrom(self, other: Message) -> None:  # protobuf's name
        """Take over the fields that differ from their defaults."""
        blank = type(self)()
        for name in self._fields:
            value = getattr(other, name)
            if isinstance(value, Message):
                getattr(self, name).MergeFrom(value)
            elif value != getattr(blank, name):
                object.__setattr__(self, name, copy.deepcopy(value))

    def Clear(self) -> None:  # protobuf's name
        """Set all fields to their defaults."""
        self.CopyFrom(type(self)())

    def HasField(self, name: str) -> bool:  # protobuf's name
        """Whether a field differs from its default."""
        return getattr(self, name) != getattr(type(self)(), name)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        blank = type(self)()
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name in self._fields
            if getattr(self, name) != getattr(blank, name)
        ]  # fmt: skip
        return f"{type(self).__name__}({', '.join(shown)})"


class GPUOptions(Message):
    """Which GPUs a session sees and how much of their memory it may take; the rest is accepted."""

    _fields: ClassVar = {
        "per_process_gpu_memory_fraction": 0.0, "allow_growth": False, "visible_device_list": "",
        "allocator_type": "", "deferred_deletion_bytes": 0, "polling_active_delay_usecs": 0,
        "force_gpu_compatible": False,
    }  # fmt: skip


class OptimizerOptions(Message):
    """How much to optimise: `L0` (-1) switches rewriting and fusion off."""

    L0, L1 = -1, 0
    DEFAULT, OFF, ON_1, ON_2 = 0, -1, 1, 2
    _fields: ClassVar = {
        "do_common_subexpression_elimination": False, "do_constant_folding": False,
        "do_function_inlining": False, "opt_level": 0, "global_jit_level": 0,
        "max_folded_constant_in_bytes": 0, "cpu_global_jit": False,
    }  # fmt: skip


class RewriterConfig(Message):
    """Accepted; graphflow's own rewriting is set by `OptimizerOptions`."""

    DEFAULT, ON, OFF = 0, 1, 2
    NO_MEM_OPT = 1
    _fields: ClassVar = {
        name: 0
        for name in (
            "layout_optimizer", "constant_folding", "shape_optimization", "remapping",
            "arithmetic_optimization", "dependency_optimization", "loop_optimization",
            "function_optimization", "debug_stripper", "disable_model_pruning",
            "memory_optimization", "meta_optimizer_iterations", "auto_mixed_precision",
            "disable_meta_optimizer", "min_graph_nodes", "pin_to_host_optimization",
        )
    }  # fmt: skip


class GraphOptions(Message):
    """Options of a session's graph."""

    _fields: ClassVar = {
        "optimizer_options": OptimizerOptions, "rewrite_options": RewriterConfig,
        "infer_shapes": False, "place_pruned_graph": False, "build_cost_model": 0,
        "build_cost_model_after": 0, "enable_bfloat16_sendrecv": False, "timeline_step": 0,
        "enable_recv_scheduling": False,
    }  # fmt: skip


class ConfigProto(Message):
    """A session's configuration."""

    _fields: ClassVar = {
        "intra_op_parallelism_threads": 0, "inter_op_parallelism_threads": 0,
        "allow_soft_placement": False, "log_device_placement": False, "device_count": {},
        "gpu_options": GPUOptions, "graph_options": GraphOptions, "operation_timeout_in_ms": 0,
        "use_per_session_threads": False, "isolate_session_state": False, "placement_period": 0,
        "device_filters": [], "share_cluster_devices_in_session": False,
    }  # fmt: skip


class RunOptions(Message):
    """Options of one run."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)
    _fields: ClassVar = {
        "trace_level": 0, "timeout_in_ms": 0, "inter_op_thread_pool": 0,
        "output_partition_graphs": False, "report_tensor_allocations_upon_oom": False,
    }  # fmt: skip


class AllocatorMemoryUsed(Message):
    """The memory that a step took: in all, at most at a time, and still in use after it."""

    _fields: ClassVar = {
        "allocator_name": "", "total_bytes": 0, "peak_bytes": 0, "live_bytes": 0,
        "allocator_bytes_in_use": 0,
    }  # fmt: skip


class Dim(Message):
    """One of a shape's sizes."""

    _fields: ClassVar = {"size": 0, "name": ""}


class TensorShapeProto(Message):
    """A shape."""

    _fields: ClassVar = {"dim": [], "unknown_rank": False}


class AllocationDescription(Message):
    """Where a tensor lies and how many bytes it has there."""

    _fields: ClassVar = {"requested_bytes": 0, "allocated_bytes": 0, "allocator_name": ""}


class TensorDescription(Message):
    """A tensor's type, shape and memory."""

    _fields: ClassVar = {
        "dtype": 0, "shape": TensorShapeProto, "allocation_description": AllocationDescription,
    }  # fmt: skip


class NodeOutput(Message):
    """One of the values that a step stores."""

    _fields: ClassVar = {"slot": 0, "tensor_description": TensorDescription}


class NodeExecStats(Message):
    """One step of a run: when it began, how long it took, what it stored."""

    _fields: ClassVar = {
        "node_name": "", "timeline_label": "", "all_start_micros": 0, "all_start_nanos": 0,
        "op_start_rel_micros": 0, "op_end_rel_micros": 0, "all_end_rel_micros": 0,
        "op_start_rel_nanos": 0, "op_end_rel_nanos": 0, "all_end_rel_nanos": 0,
        "scheduled_micros": 0, "thread_id": 0, "memory": [], "output": [],
    }  # fmt: skip


class DeviceStepStats(Message):
    """The steps that ran on one device."""

    _fields: ClassVar = {"device": "", "node_stats": []}


class StepStats(Message):
    """Times of one run's steps, by device."""

    _fields: ClassVar = {"dev_stats": []}


class RunMetadata(Message):
    """What a run reports about itself; `peak_bytes` is its memory, in bytes."""

    _fields: ClassVar = {
        "step_stats": StepStats, "cost_graph": None, "partition_graphs": [], "peak_bytes": 0,
    }  # fmt: skip

    def SerializeToString(self) -> bytes:  # protobuf's name
        """The step statistics in TensorFlow's format, as event files hold them."""
        from graphflow.protos import message

        proto = message("RunMetadata")()
        _fill(proto.step_stats, self.step_stats)
        content: bytes = proto.SerializeToString()
        return content


def _fill(proto: Any, message: Message) -> None:
    """Put the fields of a plain message into one of protobuf's."""
    for name in message._fields:
        value = getattr(message, name)
        if isinstance(value, Message):
            _fill(getattr(proto, name), value)
        elif isinstance(value, list):
            for element in value:
                _fill(getattr(proto, name).add(), element)
        elif value:
            setattr(proto, name, value)
