"""The emitted random numbers against the NumPy reference."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from graphflow.codegen.mathlib import philox as emitters
from graphflow.ir import philox

sys.path.insert(0, str(Path(__file__).parent))
import native

KEY, COUNTER = philox.initial_state(2**40 + 5, 2**35 + 11)
I32, I64 = ir.IntType(32), ir.IntType(64)
BLOCKS = 960


def words_of(builder, steps, counter=COUNTER):
    """Emit the four words at ``counter + steps``."""
    splat = emitters.splat
    low, high = (splat(steps.type, counter >> shift) for shift in (0, 64))
    narrow = emitters.with_element(steps.type, I32)
    keys = [splat(narrow, KEY), splat(narrow, KEY >> 32)]
    words = emitters.counter_words(builder, low, high, steps)
    return emitters.philox_4x32_10(builder, words, keys)


def run(emitter, lanes, outputs):
    steps = np.arange(BLOCKS, dtype=np.uint64)
    return native.loop(emitter, lanes, ("uint64",), outputs)(steps)


@pytest.mark.parametrize("lanes", [0, 3, 8])
@pytest.mark.parametrize("counter", [COUNTER, (7 << 64) | (2**64 - 5)])
def test_words(lanes, counter):
    words = run(lambda b, s: words_of(b, s, counter), lanes, ("uint32",) * 4)
    got = np.stack(words, axis=-1).reshape(-1)
    np.testing.assert_array_equal(got, philox.random_bits(counter, KEY, 4 * BLOCKS))


@pytest.mark.parametrize("lanes", [0, 8])
def test_uniform_numbers(lanes):
    def emitter(builder, steps):
        words = words_of(builder, steps)
        return [
            *(emitters.uniform_f32(builder, w) for w in words),
            emitters.uniform_f64(builder, words[0], words[1]),
            emitters.uniform_f64(builder, words[2], words[3]),
            *(emitters.uniform_16bit(builder, w, 10) for w in words),
        ]

    results = run(emitter, lanes, ("float32",) * 4 + ("float64",) * 2 + ("float32",) * 4)
    for dtype, part in ((np.float32, results[:4]), (np.float64, results[4:6])):
        got = np.stack(part, axis=-1).reshape(-1)
        np.testing.assert_array_equal(got, philox.uniform(got.size, dtype, KEY, COUNTER))
    half = np.stack(results[6:], axis=-1).reshape(-1)
    expected = philox.uniform(half.size, np.float16, KEY, COUNTER)
    np.testing.assert_array_equal(half, expected.astype(np.float32))


@pytest.mark.parametrize("lanes", [0, 4])
def test_uniform_integers(lanes):
    def emitter(builder, steps):
        words, splat = words_of(builder, steps), emitters.splat
        narrow = words[0].type
        low32, extent32 = splat(narrow, -5), splat(narrow, 2**32 - 9)
        low64, extent64 = splat(steps.type, -7), splat(steps.type, 2**40)
        return [
            *(emitters.uniform_i32(builder, w, low32, extent32) for w in words),
            emitters.uniform_i64(builder, words[0], words[1], low64, extent64),
            emitters.uniform_i64(builder, words[2], words[3], low64, extent64),
        ]

    results = run(emitter, lanes, ("int32",) * 4 + ("int64",) * 2)
    narrow = np.stack(results[:4], axis=-1).reshape(-1)
    bits = philox.random_bits(COUNTER, KEY, narrow.size) % np.uint32(2**32 - 9)
    np.testing.assert_array_equal(narrow, (bits - np.uint32(5)).view(np.int32))
    wide = np.stack(results[4:], axis=-1).reshape(-1)
    expected = philox.uniform_int(wide.size, -7, 2**40 - 7, np.int64, KEY, COUNTER)
    np.testing.assert_array_equal(wide, expected)


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_numbers(dtype, lanes):
    element, count = native.ELEMENTS[np.dtype(dtype).name], 16 // np.dtype(dtype).itemsize

    def emitter(builder, steps):
        return emitters.normal_block(builder, words_of(builder, steps), element)

    results = run(emitter, lanes, (np.dtype(dtype).name,) * count)
    got = np.stack(results, axis=-1).reshape(-1)
    expected = philox.normal(got.size, dtype, KEY, COUNTER)
    difference = np.abs(got - expected) / np.spacing(np.abs(expected))
    if dtype == np.float32:
        assert difference.max() == 0
    else:
        # The f64 functions err by up to one ulp each, the reference by half.
        assert difference.max() <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_truncated_normal_group(dtype, count):
    module = ir.Module()
    element = native.ELEMENTS[np.dtype(dtype).name]
    function = emitters.truncated_normal_function(module, element)
    assert emitters.truncated_normal_function(module, element) is function
    function.linkage = ""
    size = 16 // np.dtype(dtype).itemsize
    count = min(count, size)
    address = native.compile_module(module).get_function_address(function.name)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_uint64] * 4)(address)
    groups, stride = 200, size * philox.RESERVED_PER_OUTPUT // 4
    got = np.full((groups, size), 9, dtype)
    for group in range(groups):
        counter = philox.advance(COUNTER, group * stride)
        call(got[group].ctypes.data, count, counter & (2**64 - 1), counter >> 64, KEY)
    expected = philox.truncated_normal(groups * size, dtype, KEY, COUNTER).reshape(groups, size)
    np.testing.assert_allclose(
        got[:, :count], expected[:, :count], rtol=0 if dtype == np.float32 else 1e-15
    )
    assert (got[:, count:] == 9).all(), "expected only `count` elements to be written"
