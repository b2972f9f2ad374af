"""`theano.config`: Theano's settings, from ``THEANO_FLAGS`` and by assignment.

Only `floatX` and the casting of Python numbers change what is computed; other settings are kept as
they are set, since scripts read them back.
"""

from __future__ import annotations

import os
from typing import Any

_DEFAULTS: dict[str, Any] = {
    "floatX": "float64", "device": "cpu", "mode": "Mode", "optimizer": "fast_run", "linker": "cvm",
    "compute_test_value": "off", "exception_verbosity": "low", "profile": False, "warn_float64":
    "ignore", "openmp": False, "allow_gc": True, "cast_policy": "custom", "int_division": "int",
    "on_unused_input": "raise", "base_compiledir": "", "compiledir": "", "cxx": "", "blas.ldflags":
    "", "gcc.cxxflags": "", "lib.cnmem": 0.0, "nvcc.fastmath": False, "dnn.enabled": "auto",
    "dnn.conv.algo_fwd": "small", "dnn.conv.algo_bwd_filter": "none", "scan.allow_gc": False,
    "warn.round": False, "warn.subtensor_merge_bug": True, "traceback.limit": 8,
    "experimental.unpickle_gpu_on_cpu": False, "gpuarray.preallocate": 0.0,
    "reoptimize_unpickled_function": False,
}  # fmt: skip


class Settings:
    """Settings as attributes; dotted names are settings of a section."""

    def __init__(self, section: str = "", values: dict[str, Any] | None = None) -> None:
        self.__dict__["_section"] = section
        self.__dict__["_values"] = values if values is not None else dict(_DEFAULTS)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = self._section + name
        if full in self._values:
            return self._values[full]
        if any(key.startswith(full + ".") for key in self._values):
            return Settings(full + ".", self._values)
        raise AttributeError(f"config expected the name of a setting, got {full!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[self._section + name] = value

    def read_flags(self, flags: str) -> None:
        """Take settings from text like ``floatX=float32,device=cpu``."""
        for flag in filter(None, flags.split(",")):
            name, _, value = flag.partition("=")
            self._values[name.strip()] = value.strip()


config = Settings()
config.read_flags(os.environ.get("THEANO_FLAGS", ""))
