"""A compiled plan as a callable that CPython enters without Python code.

`make_callable` wraps a `PythonCall` in a native function (see `codegen.fastcall`): adding two 0-d
arrays through it takes a fraction of a microsecond. It is one function for all plans, compiled once
per machine when the caller passes a cache; a plan is a descriptor that the function reads.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from graphflow.runtime.call import Binding, PythonCall

METH_FASTCALL = 0x80
# Positions in the table of NumPy's C API, fixed since NumPy 1.7.
API_ARRAY_TYPE, API_TO_SCALAR, API_NEW_FROM_DESCR, API_SET_BASE_OBJECT = 2, 60, 94, 282


class _MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


class _Descriptor(np.ndarray[Any, Any]):
    """The words that the native function reads, and references to all they point to."""

    keep: Any


class _Native:
    """The compiled function and the addresses that every descriptor needs."""

    def __init__(self, cache: Callable[[str, Callable[[], bytes]], bytes] | None) -> None:
        import llvmlite.binding as llvm  # here and not above: it takes a while to load

        from graphflow.codegen import fastcall as code
        from graphflow.codegen.jit import compile_module, load_object
        from graphflow.codegen.target import host_target

        for name in code.PYTHON_FUNCTIONS:
            function = getattr(ctypes.pythonapi, name)
            llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
        target = host_target()

        def compile_function() -> bytes:
            return compile_module(code.fastcall_module(), target)

        object_code = compile_function() if cache is None else cache("fastcall", compile_function)
        loaded = load_object(object_code, target)
        self.layout = code
        self.definition = _MethodDefinition(
            b"graphflow_plan", loaded.address(code.FUNCTION_NAME), METH_FASTCALL, None
        )
        loaded.keep_forever()  # callables may outlive this module's globals
        api = _numpy_api()
        self.addresses = {
            code.ARRAY_TYPE: api[API_ARRAY_TYPE],
            code.NEW_FROM_DESCR: api[API_NEW_FROM_DESCR],
            code.SET_BASE_OBJECT: api[API_SET_BASE_OBJECT],
            code.TO_SCALAR: api[API_TO_SCALAR],
            code.FLOAT_TYPE: id(float),
            code.INT_TYPE: id(int),
            code.NONE: id(None),
        }


def _numpy_api() -> Any:
    """Return the table of NumPy's C API, an array of addresses."""
    package = "numpy._core" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else "numpy.core"
    numpy_core = importlib.import_module(package + "._multiarray_umath")
    # A prototype of our own: attributes set on `ctypes.pythonapi` would be seen by everybody.
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    get_pointer = prototype(("PyCapsule_GetPointer", ctypes.pythonapi))
    address = get_pointer(numpy_core._ARRAY_API, None)
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_size_t))


@lru_cache(maxsize=1)
def is_supported() -> bool:
    """Whether this interpreter and NumPy have the struct layouts that the native code reads."""
    if sys.implementation.name != "cpython" or not (3, 10) <= sys.version_info[:2] <= (3, 13):
        return False
    if sysconfig.get_config_var("Py_GIL_DISABLED") or sys.byteorder != "little":
        return False
    if object.__basicsize__ != 16 or float.__basicsize__ != 24:
        return False
    from graphflow.codegen import fastcall as code

    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    start = id(array)

    def word(address: int) -> int:
        return int(ctypes.c_size_t.from_address(address).value)

    def half(address: int) -> int:
        return int(ctypes.c_int32.from_address(address).value)

    type_number = half(id(array.dtype) + code.DESCR_TYPE_NUMBER)
    return (
        word(start + code.OBJECT_TYPE) == id(np.ndarray) == _numpy_api()[API_ARRAY_TYPE]
        and word(start + code.ARRAY_DATA) == array.ctypes.data
        and half(start + code.ARRAY_RANK) == 2
        and word(word(start + code.ARRAY_DIMENSIONS) + 8) == 4
        and word(start + code.ARRAY_DESCR) == id(array.dtype)
        and half(start + code.ARRAY_FLAGS) & code.CONTIGUOUS_ALIGNED == code.CONTIGUOUS_ALIGNED
        and type_number == array.dtype.num
        and ctypes.c_char.from_address(id(array.dtype) + code.DESCR_BYTE_ORDER).value == b"="
        and all(_scalar_value_is_at_16(kind) for kind in (np.float32, np.float64, np.int64))
    )


def _scalar_value_is_at_16(kind: Any) -> bool:
    value = kind(3)
    return ctypes.string_at(id(value) + 16, value.nbytes) == value.tobytes()


_lock = threading.Lock()
_native: _Native | None = None


def make_callable(
    call: PythonCall,
    fallback: Callable[..., Any] | None = None,
    cache: Callable[[str, Callable[[], bytes]], bytes] | None = None,
) -> Callable[..., Any] | None:
    """Return a native callable that does what `call` does, or None where there can be none.

    Parameters
    ----------
    call : what to run; its lock and its output memory are shared with the callable.
    fallback : called with the same arguments whenever the native path cannot take them: another
        number, type, dtype, shape or memory layout than the plan's, or while another thread runs
        the plan. `call` itself when None.
    cache : ``cache(key, make)`` keeps compiled code; used at the first call in a process.
    """
    if not is_supported():
        return None
    global _native
    with _lock:
        if _native is None:
            _native = _Native(cache)
    descriptor = _descriptor(_native, call, call if fallback is None else fallback)
    prototype = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
    )
    new_function = prototype(("PyCFunction_NewEx", ctypes.pythonapi))
    result: Callable[..., Any] = new_function(
        ctypes.addressof(_native.definition), descriptor, None
    )
    return result


def _descriptor(native: _Native, call: PythonCall, fallback: Callable[..., Any]) -> _Descriptor:
    code = native.layout
    plan = call.call
    inputs = _records(native, plan.inputs, call, is_output=False)
    outputs = _records(native, plan.outputs, call, is_output=True)
    items = np.array([-1 if item is None else item for item in plan.items] or [0], np.int64)
    words = np.zeros(code.DESCRIPTOR_WORDS, np.int64).view(_Descriptor)
    forms = {
        "none": code.FORM_NONE,
        "single": code.FORM_SINGLE,
        "list": code.FORM_LIST,
        "tuple": code.FORM_TUPLE,
    }
    for place, value in {
        **native.addresses,
        code.ENTRY: plan.entry,
        code.TABLE: plan.table.ctypes.data,
        code.LOCK: call.lock.address,
        code.OWNER: call.owner.ctypes.data,
        code.RELEASE_GIL: int(plan.release_gil),
        code.FALLBACK: id(fallback),
        code.ON_ERROR: id(plan.on_error),
        code.FORM: forms[plan.form],
        code.NUM_INPUTS: len(plan.inputs),
        code.INPUTS: inputs.ctypes.data,
        code.NUM_OUTPUTS: len(plan.outputs),
        code.OUTPUTS: outputs.ctypes.data,
        code.NUM_ITEMS: len(plan.items),
        code.ITEMS: items.ctypes.data,
    }.items():
        words[place] = value
    words.keep = (call, plan, plan.on_error, fallback, inputs, outputs, items)
    return words


def _records(
    native: _Native, bindings: Sequence[Binding], call: PythonCall, is_output: bool
) -> _Descriptor:
    """Return the native records of inputs or outputs."""
    code = native.layout
    records = np.zeros((max(len(bindings), 1), code.RECORD_WORDS), np.int64).view(_Descriptor)
    kinds = {
        np.dtype(np.float32): code.KIND_F32,
        np.dtype(np.float64): code.KIND_F64,
        np.dtype(np.int32): code.KIND_I32,
        np.dtype(np.int64): code.KIND_I64,
    }
    kept: list[Any] = []
    for index, binding in enumerate(bindings):
        dimensions = np.array(binding.shape or (0,), np.int64)
        kept.append((dimensions, binding.dtype))
        record = records[index]
        record[code.SLOT] = binding.slot
        record[code.DESCR] = id(binding.dtype)
        record[code.RANK] = len(binding.shape)
        record[code.DIMENSIONS] = dimensions.ctypes.data
        if not is_output:
            record[code.TYPE_NUMBER] = binding.dtype.num
            record[code.SCALAR_TYPE] = id(binding.dtype.type)
            record[code.PYTHON_KIND] = kinds.get(binding.dtype, code.KIND_OTHER)
        elif index in call.memory:
            record[code.OUTPUT_BASES] = call.memory[index].addresses.ctypes.data
    records.keep = kept
    return records
