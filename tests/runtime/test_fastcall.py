"""The native call path: the same as the Python path on every argument, and no leaks."""

import gc
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from llvmlite import ir

import graphflow as tf
from graphflow.codegen.control import INDEX, POINTER, counted_loop, indirect_call
from graphflow.codegen.jit import compile_module, load_object
from graphflow.codegen.target import host_target
from graphflow.runtime import fastcall
from graphflow.runtime.call import Binding, Call, PythonCall
from graphflow.runtime.fastcall import is_supported, make_callable

pytestmark = pytest.mark.skipif(not is_supported(), reason="an interpreter we do not know")

IR_TYPES = {
    "float32": ir.FloatType(), "float64": ir.DoubleType(),
    "int32": ir.IntType(32), "int64": ir.IntType(64), "uint8": ir.IntType(8),
}  # fmt: skip
_loaded = []


def compile_add(dtype: np.dtype, size: int) -> int:
    """``table[2][i] = table[0][i] + table[1][i]``; ``table[3]`` is a status or a callback."""
    module = ir.Module()
    run = ir.Function(module, ir.FunctionType(ir.IntType(32), [POINTER]), "run")
    builder = ir.IRBuilder(run.append_basic_block())
    typ = IR_TYPES[dtype.name]

    def slot(index):
        place = builder.gep(run.args[0], [INDEX(index)], source_etype=INDEX)
        return builder.load(place, typ=POINTER)

    with counted_loop(builder, 0, size) as loop:
        a, b = (
            builder.load(builder.gep(slot(i), [loop.index], source_etype=typ), typ=typ)
            for i in (0, 1)
        )
        total = builder.fadd(a, b) if dtype.kind == "f" else builder.add(a, b)
        builder.store(total, builder.gep(slot(2), [loop.index], source_etype=typ))
    hook = slot(4)
    with builder.if_then(builder.icmp_unsigned("!=", hook, ir.Constant(POINTER, None))):
        indirect_call(builder, hook, ir.FunctionType(ir.VoidType(), []), [])
    builder.ret(builder.ptrtoint(slot(3), ir.IntType(32)))
    target = host_target()
    code = load_object(compile_module(module, target), target)
    _loaded.append(code)
    return code.address("run")


class PlanFailed(Exception):
    pass


def on_error(status):
    raise PlanFailed(status)


def make(shape=(), dtype="float32", form="single", items=(0,), status=0, hook=0, **options):
    """A native callable that adds two arrays, its Python path, and the list of fallbacks."""
    dtype = np.dtype(dtype)
    table = np.array([0, 0, 0, status, hook], np.int64)
    call = Call(
        entry=compile_add(dtype, int(np.prod(shape))),
        table=table,
        inputs=[Binding(0, dtype, shape), Binding(1, dtype, shape)],
        outputs=[Binding(2, dtype, shape)],
        items=items,
        form=form,
        on_error=on_error,
        **options,
    )
    python = PythonCall(call)
    fallbacks = []

    def fallback(*arguments):
        fallbacks.append(arguments)
        return python(*arguments)

    return make_callable(python, fallback), python, fallbacks


@pytest.mark.parametrize("dtype", list(IR_TYPES))
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("release_gil", [False, True])
def test_adds_arrays(dtype, shape, release_gil):
    native, python, fallbacks = make(shape, dtype, release_gil=release_gil)
    a = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    b = np.full(shape, 3, dtype)
    result = native(a, b)
    expected = python(a, b)
    assert type(result) is type(expected) is (np.ndarray if shape else np.dtype(dtype).type)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, a + b)
    np.testing.assert_array_equal(expected, a + b)
    if shape:
        assert result.flags.owndata
        assert result.flags.writeable
    assert fallbacks == []


@pytest.mark.parametrize(
    ("form", "items"),
    [
        ("single", (None,)), ("list", (0,)), ("list", (None, 0, None, 0)), ("list", ()),
        ("tuple", (0, None)), ("tuple", ()), ("none", ()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(), (2,)])
def test_forms_of_results(form, items, shape):
    native, python, fallbacks = make(shape, form=form, items=items)
    one = np.ones(shape, np.float32)
    result, expected = native(one, one), python(one, one)
    assert type(result) is type(expected)
    assert str(result) == str(expected)
    assert fallbacks == []


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", 1.5), ("float32", float("inf")), ("float32", float("nan")), ("float32", 3),
        ("float32", np.float32(2.5)), ("float64", 1e300), ("float64", -7),
        ("float64", np.float64(2.5)), ("int32", 2**31 - 1), ("int32", -(2**31) + 1),
        ("int64", 2**62), ("int64", np.int64(5)), ("uint8", np.uint8(9)), ("int32", np.int32(3)),
    ],
)  # fmt: skip
def test_numbers_for_scalars_take_the_native_path(dtype, value):
    native, python, fallbacks = make((), dtype)
    zero = np.zeros((), dtype)
    np.testing.assert_array_equal(native(value, zero), python(value, zero))
    np.testing.assert_array_equal(native(zero, value), np.dtype(dtype).type(value))
    assert fallbacks == []


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", np.float64(1.5)), ("float32", True), ("float32", 2**24 + 1),
        ("float32", [1.5]), ("float64", 2**60 + 1), ("uint8", 3), ("int32", True),
        ("float32", np.array(2.0)), ("float32", np.array(1.0, ">f4")),
        ("int64", np.array(1, np.longlong)), ("int32", -(2**31)),
    ],
)  # fmt: skip
def test_other_scalars_take_the_fallback(dtype, value):
    shape = np.shape(value)
    native, python, fallbacks = make(shape, dtype)
    zero = np.zeros(shape, dtype)
    result = native(value, zero)
    assert len(fallbacks) == 1
    assert fallbacks[0][0] is value
    np.testing.assert_array_equal(result, python(value, zero))
    np.testing.assert_array_equal(result, np.asarray(value, dtype))


@pytest.mark.parametrize(("dtype", "value"), [("int32", 2**31), ("int64", 2**63), ("uint8", 256)])
def test_integers_out_of_range_raise(dtype, value):
    native, _, _ = make((), dtype)
    with pytest.raises((OverflowError, DeprecationWarning)):  # the latter from NumPy 1.x
        native(value, 0)


def test_arrays_of_another_layout_take_the_fallback():
    native, _, fallbacks = make((4, 6))
    whole = np.arange(48, dtype=np.float32).reshape(4, 12)
    unaligned = np.frombuffer(bytearray(97), np.uint8)[1:].view(np.float32).reshape(4, 6)
    zero = np.zeros((4, 6), np.float32)

    class Subclass(np.ndarray):
        pass

    cases = [
        whole[:, ::2], np.asfortranarray(whole[:, :6]), whole[:, :6].astype(">f4"),
        whole[:, :6].astype(np.float64), unaligned, zero.view(Subclass), zero.tolist(),
    ]  # fmt: skip
    for count, value in enumerate(cases, 1):
        np.testing.assert_array_equal(native(value, zero), np.asarray(value, np.float32))
        assert len(fallbacks) == count
    readonly = zero.copy()
    readonly.flags.writeable = False
    native(readonly, zero)
    assert len(fallbacks) == len(cases)


def test_wrong_arguments_raise():
    native, _, _ = make((2, 3))
    good = np.zeros((2, 3), np.float32)
    for bad in (np.zeros((3, 2), np.float32), np.zeros(6, np.float32), np.float32(1), 1.0):
        with pytest.raises(ValueError, match=r"argument 1 expected shape \(2, 3\), got"):
            native(good, bad)
    for arguments in ((), (good,), (good, good, good)):
        with pytest.raises(TypeError, match=f"expected 2 arguments, got {len(arguments)}"):
            native(*arguments)
    with pytest.raises(TypeError, match="keyword"):
        native(good, b=good)
    np.testing.assert_array_equal(native(good, good), good)


@pytest.mark.parametrize("shape", [(), (3,), (1 << 19,)])
@pytest.mark.parametrize("release_gil", [False, True])
def test_a_status_is_raised_and_the_plan_stays_usable(shape, release_gil):
    native, python, _ = make(shape, status=-7, release_gil=release_gil)
    one = np.ones(shape, np.float32)
    for call in (native, native, python, native):
        with pytest.raises(PlanFailed, match="-7"):
            call(one, one)
    python.call.table[3] = 0
    np.testing.assert_array_equal(native(one, one), one + one)


@pytest.mark.parametrize("shape", [(), (5,), (400, 1000)])
def test_nothing_leaks(shape):
    native, _, fallbacks = make(shape, form="list", items=(0, None, 0))
    a, b = np.ones(shape, np.float32), np.ones(shape, np.float32)
    dtype = a.dtype

    def misuse():
        with pytest.raises((ValueError, TypeError)):
            native(a, np.ones((2, 2), np.float32))
        fallbacks.clear()

    def changes():
        """By how much references to what calls touch, and memory, change in a thousand calls."""
        gc.collect()
        before = [sys.getrefcount(value) for value in (a, b, dtype, None, native)]
        tracemalloc.start()
        native(a, b)
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            native(a, b)
        grown = tracemalloc.get_traced_memory()[0] - start
        tracemalloc.stop()
        for _ in range(50):
            misuse()
        gc.collect()
        after = [sys.getrefcount(value) for value in (a, b, dtype, None, native)]
        return [abs(x - y) for x, y in zip(before, after, strict=True)], grown

    for _ in range(50):
        native(a, b)
        misuse()
    # What other tests' threads drop meanwhile is dropped once; a leak is there every time.
    measured = [changes() for _ in range(3)]
    assert any(grown < 5000 for _, grown in measured)
    assert any(max(references) < 500 for references, _ in measured)


def test_results_have_one_reference():
    native, _, _ = make((8,), form="list", items=(0, 0))
    one = np.ones(8, np.float32)
    first, second = native(one, one)
    assert first is second
    del second
    assert sys.getrefcount(first) == 2
    single = make((8,))[0](one, one)
    assert sys.getrefcount(single) == 2


def test_a_callable_keeps_what_it_needs_and_lets_it_go():
    import weakref

    class Kept:
        pass

    kept = Kept()
    gone = weakref.ref(kept)
    native, python, fallbacks = make((3,), keep=kept)
    del kept, python, fallbacks
    gc.collect()
    one = np.ones(3, np.float32)
    np.testing.assert_array_equal(native(one, one), one + one)
    np.testing.assert_array_equal(native(one.tolist(), one), one + one)
    assert gone() is not None
    del native
    gc.collect()
    assert gone() is None


def test_large_outputs_reuse_memory_that_nobody_holds():
    shape = (1 << 19,)
    native, _, fallbacks = make(shape)
    a = np.arange(1 << 19, dtype=np.float32)
    one = np.ones(shape, np.float32)
    held = [native(a, one * i) for i in range(6)]
    assert len(fallbacks) == 6  # all memory is in use: each call has to get some
    for i, array in enumerate(held):
        np.testing.assert_array_equal(array, a + i)
    assert len({array.ctypes.data for array in held}) == 6
    view = held[0][5:9]
    addresses = {array.ctypes.data for array in held}
    first = held[0].ctypes.data
    del held, array
    fallbacks.clear()
    for _ in range(10):
        result = native(a, a)
        assert result.ctypes.data in addresses - {first}
    assert fallbacks == []
    np.testing.assert_array_equal(view, [5, 6, 7, 8])
    np.testing.assert_array_equal(result, a + a)
    del native, fallbacks, _
    gc.collect()
    np.testing.assert_array_equal(result, a + a)


def test_threads_take_turns():
    native, _, _ = make((1000,), release_gil=True)
    wrong = []

    def caller(seed):
        a = np.full(1000, seed, np.float32)
        for _ in range(300):
            if not (native(a, a) == 2 * seed).all():
                wrong.append(seed)

    threads = [threading.Thread(target=caller, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("release_gil", [False, True])
def test_a_plan_that_calls_itself_is_told(release_gil):
    import ctypes

    calls = []

    def again():
        try:
            native(np.float32(1), np.float32(2))
        except RuntimeError as error:
            calls.append(str(error))

    kind = ctypes.CFUNCTYPE if release_gil else ctypes.PYFUNCTYPE
    hook = kind(None)(again)
    native, _, _ = make((), hook=ctypes.cast(hook, ctypes.c_void_p).value, release_gil=release_gil)
    assert native(np.float32(1), np.float32(2)) == 3
    assert calls == ["a plan was called again from inside its own run"]


def test_native_and_python_code_agree_on_the_blocks_of_an_output():
    from graphflow.codegen import fastcall as native
    from graphflow.runtime import call

    assert native.BASES_PER_OUTPUT == call.BASES_PER_OUTPUT


def test_loading_the_runtime_does_not_load_llvm():
    modules = "graphflow.runtime.pool, graphflow.runtime.fastcall, graphflow.runtime.call"
    program = f"import {modules}, sys; sys.exit('llvmlite' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_an_unknown_interpreter_gets_none(monkeypatch):
    _, python, _ = make(())
    monkeypatch.setattr(fastcall, "is_supported", lambda: False)
    assert make_callable(python) is None


def test_wrong_descriptions_are_refused():
    good = {
        "entry": 0, "table": np.zeros(3, np.int64), "inputs": [],
        "outputs": [Binding(2, np.dtype("f4"), ())], "items": [0], "form": "single",
        "on_error": on_error,
    }  # fmt: skip
    Call(**good)
    for change, message in (
        ({"table": np.zeros(3, np.int32)}, "int64 table, got int32"),
        ({"form": "dict"}, "got 'dict'"),
        ({"items": [0, 0]}, "one item, got 2"),
        ({"items": [1]}, "got an item 1"),
        ({"inputs": [Binding(3, np.dtype("f4"), ())]}, "table of 3 got a slot 3"),
    ):
        with pytest.raises(ValueError, match=message):
            Call(**{**good, **change})


def test_large_results_of_a_session_are_made_without_python(monkeypatch):
    calls = []
    slow = PythonCall.__call__
    monkeypatch.setattr(
        PythonCall, "__call__", lambda self, *args: (calls.append(1), slow(self, *args))[1]
    )
    x = tf.placeholder(tf.float32, [1 << 19])
    value = np.arange(1 << 19, dtype=np.float32)
    with tf.Session() as session:
        add = session.make_callable(x + 1.0, [x])
        add(value)
        del calls[:]
        places = {add(value).ctypes.data for _ in range(5)}
        assert calls == []
        assert len(places) == 1  # nobody holds the memory of a result that was let go
        held = [add(value + k) for k in range(6)]
    assert len({array.ctypes.data for array in held}) == 6
    for k, array in enumerate(held):
        np.testing.assert_array_equal(array, value + k + 1)
