"""The random numbers of TensorFlow 1.15's stateful random ops on the CPU, as NumPy arrays.

The generator is Philox 4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011):
a 128-bit counter and a 64-bit key give four 32-bit words, and the counter grows by one a call.

An op's state starts from its attributes: the key is ``seed``, the counter's upper half ``seed2``,
its lower half zero (`initial_state`; with both seeds zero TensorFlow draws some). A run of an
op with n output elements takes its numbers from the current counter on, and then adds 256 n to the
counter (`reserve`), whatever the distribution used.

Output elements come in groups, and group g starts at a counter of its own, so the numbers do not
depend on how groups were spread over threads:

- fixed consumption (uniform, normal, integers): one counter value a group, `counter + g`; a group
  is four elements, or two where an element takes 64 bits;
- truncated normal: groups of four elements (two for float64), group g starts at ``counter + 256 g``
  (``128 g`` for float64) and draws Box-Muller pairs until it has its elements; those with
  ``|x| >= 2`` are dropped.

TensorFlow evaluates Box-Muller with the C library's logf and sincosf, so its own numbers depend on
the machine's C library. Here they are evaluated in a wider format and rounded. Compared with
TensorFlow 1.15.5 over glibc 2.36, whose logf and sinf miss the correctly rounded result in about
one case in a hundred: of 200,000 float32 normals 3,041 differ (truncated normals: 3,033), by 3 ulp
at most; of 200,000 float64 normals 319 (342), by 2 ulp at most. All else is equal bit for bit.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

_MASK64, _MASK128 = (1 << 64) - 1, (1 << 128) - 1
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
EPSILON = 1e-7  # the least argument of Box-Muller's logarithm
TRUNCATION = 2.0
_DRAWN_AHEAD = 256  # words that `generator_words` computes at once
RESERVED_PER_OUTPUT = 256  # counter values that a run reserves for each output element


def initial_state(seed: int, seed2: int) -> tuple[int, int]:
    """(key, counter) of an op with these seed attributes, which may be negative."""
    return seed & _MASK64, (seed2 & _MASK64) << 64


def reserve(n: int) -> int:
    """How far a run with n output elements moves the counter; the same for every op and dtype."""
    return n * RESERVED_PER_OUTPUT


def advance(counter: int, steps: int) -> int:
    """Return the counter after so many steps."""
    return (counter + steps) & _MASK128


def _counter_words(counter: int, steps: np.ndarray) -> list[np.ndarray]:
    """Return the four words (as uint64) of ``counter + steps``, least significant first."""
    low = np.uint64(counter & _MASK64) + steps
    carry = (low < steps).astype(np.uint64)
    high = np.uint64(counter >> 64) + carry
    mask = np.uint64(0xFFFFFFFF)
    return [low & mask, low >> np.uint64(32), high & mask, high >> np.uint64(32)]


def philox_4x32_10(counter: int, key: int, steps: np.ndarray) -> np.ndarray:
    """Blocks of four random words.

    Parameters
    ----------
    counter
        128-bit counter.
    key
        64-bit key.
    steps
        uint64 offsets from the counter, any shape.

    Returns
    -------
    np.ndarray
        uint32, shape ``(*steps.shape, 4)``.
    """
    words = _counter_words(counter, np.asarray(steps, np.uint64))
    keys = [key & 0xFFFFFFFF, key >> 32]
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(ROUNDS):
        product0 = words[0] * np.uint64(MULTIPLIERS[0])
        product1 = words[2] * np.uint64(MULTIPLIERS[1])
        words = [
            (product1 >> half) ^ words[1] ^ np.uint64(keys[0]),
            product1 & mask,
            (product0 >> half) ^ words[3] ^ np.uint64(keys[1]),
            product0 & mask,
        ]
        keys = [(k + weyl) & 0xFFFFFFFF for k, weyl in zip(keys, WEYL, strict=True)]
    return np.stack(words, axis=-1).astype(np.uint32)


def random_bits(counter: int, key: int, n: int) -> np.ndarray:
    """Return the first n words of the stream, uint32."""
    blocks = np.arange(-(-n // 4), dtype=np.uint64)
    return philox_4x32_10(counter, key, blocks).reshape(-1)[:n]


def generator_words(seed: int, seed2: int) -> Iterator[int]:
    """The words of TensorFlow's generator; of a seed that is drawn when both are zero."""
    if not seed and not seed2:
        seed, seed2 = (random.SystemRandom().getrandbits(64) for _ in range(2))
    key, counter = initial_state(seed, seed2)
    while True:
        yield from random_bits(counter, key, _DRAWN_AHEAD).tolist()
        counter += _DRAWN_AHEAD // 4


def wide_words(words: np.ndarray, low: int) -> np.ndarray:
    """uint64 from pairs of words along the last axis; number `low` of each is the lower half.

    TensorFlow puts the second word low for float64 and the first for int64.
    """
    wide = words.astype(np.uint64)
    return wide[..., low::2] | (wide[..., 1 - low :: 2] << np.uint64(32))


def to_unit(bits: np.ndarray, dtype: Any) -> np.ndarray:
    """Random bits to [0, 1): they fill the mantissa of a number in [1, 2), and one is subtracted.

    float32 takes uint32 words; the 16-bit floats take their low bits; float64 takes uint64.
    """
    dtype = np.dtype(dtype)
    if dtype.itemsize == 8:
        mantissa = bits & np.uint64((1 << 52) - 1)
        return (mantissa | np.uint64(1023 << 52)).view(np.float64) - 1.0
    if dtype == np.float32:
        mantissa = bits & np.uint32((1 << 23) - 1)
        return (mantissa | np.uint32(127 << 23)).view(np.float32) - np.float32(1)
    # 10 mantissa bits for float16, 7 for bfloat16: exact in float32, and so is the difference.
    digits = 10 if dtype == np.float16 else 7
    return ((bits & np.uint32((1 << digits) - 1)) / np.float32(1 << digits)).astype(dtype)


def uniform(n: int, dtype: Any, key: int, counter: int) -> np.ndarray:
    """Return n elements of ``RandomUniform``: float16, bfloat16, float32 or float64 in [0, 1)."""
    if np.dtype(dtype).itemsize == 8:
        return to_unit(wide_words(random_bits(counter, key, 2 * n), low=1), dtype)
    return to_unit(random_bits(counter, key, n), dtype)


def uniform_int(n: int, low: int, high: int, dtype: Any, key: int, counter: int) -> np.ndarray:
    """Return n elements of ``RandomUniformInt``: int32 or int64 in [low, high)."""
    dtype = np.dtype(dtype)
    if not low < high:
        raise ValueError(f"expected low < high, got {low} >= {high}")
    unsigned = np.dtype(f"u{dtype.name}")
    bits = random_bits(counter, key, n * dtype.itemsize // 4)
    if dtype.itemsize == 8:
        bits = wide_words(bits, low=0)
    start = unsigned.type(low & ((1 << 8 * dtype.itemsize) - 1))
    return (bits % unsigned.type(high - low) + start).view(dtype)


def box_muller_f32(x0: np.ndarray, x1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two normal float32 numbers from two words: (sine, cosine)."""
    single, double = np.float32, np.float64
    u1 = np.maximum(to_unit(x0, single), single(EPSILON))
    angle = (2.0 * np.pi * to_unit(x1, single).astype(double)).astype(single).astype(double)
    logarithm = np.log(u1.astype(double)).astype(single)
    radius = np.sqrt(single(-2) * logarithm)
    return np.sin(angle).astype(single) * radius, np.cos(angle).astype(single) * radius


def box_muller_f64(x0: np.ndarray, x1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two normal float64 numbers from two 64-bit words: (sine, cosine)."""
    wide, double = np.longdouble, np.float64
    u1 = np.maximum(to_unit(x0, double), EPSILON)
    angle = (2.0 * np.pi * to_unit(x1, double)).astype(wide)
    radius = np.sqrt(-2.0 * np.log(u1.astype(wide)).astype(double))
    return np.sin(angle).astype(double) * radius, np.cos(angle).astype(double) * radius


def normal_blocks(words: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Blocks of words (last axis 4) to blocks of normal numbers (last axis 4, or 2 for float64)."""
    if dtype.itemsize == 8:
        wide = wide_words(words, low=1)
        return np.stack(box_muller_f64(wide[..., 0], wide[..., 1]), axis=-1)
    first = box_muller_f32(words[..., 0], words[..., 1])
    second = box_muller_f32(words[..., 2], words[..., 3])
    return np.stack([*first, *second], axis=-1)


def normal(n: int, dtype: Any, key: int, counter: int) -> np.ndarray:
    """Return n elements of ``RandomStandardNormal``. 16-bit floats are float32's, rounded."""
    dtype = np.dtype(dtype)
    per_block = 2 if dtype.itemsize == 8 else 4
    steps = np.arange(-(-n // per_block), dtype=np.uint64)
    blocks = normal_blocks(philox_4x32_10(counter, key, steps), dtype)
    return blocks.reshape(-1)[:n].astype(dtype)


def truncated_normal(n: int, dtype: Any, key: int, counter: int) -> np.ndarray:
    """Return n elements of ``TruncatedNormal``: normal numbers with magnitude below two."""
    dtype = np.dtype(dtype)
    size = 2 if dtype.itemsize == 8 else 4
    groups = -(-n // size)
    stride = size * RESERVED_PER_OUTPUT // 4
    starts = np.arange(groups, dtype=np.uint64) * np.uint64(stride)
    result = np.empty((groups, size), np.float64 if size == 2 else np.float32)
    filled = np.zeros(groups, np.int64)
    active = np.arange(groups)
    step = 0
    while active.size:
        words = philox_4x32_10(counter, key, starts[active] + np.uint64(step))
        for candidate in np.moveaxis(normal_blocks(words, dtype), -1, 0):
            wanted = (np.abs(candidate) < TRUNCATION) & (filled[active] < size)
            rows = active[wanted]
            result[rows, filled[rows]] = candidate[wanted]
            filled[rows] += 1
        active = active[filled[active] < size]
        step += 1
    return result.reshape(-1)[:n].astype(dtype)


def draw(kind: str, dtype: Any, shape: Any, state: np.ndarray, bounds: Any = ()) -> np.ndarray:
    """Return an array of random numbers: the meaning of a Program's ``random`` node.

    Parameters
    ----------
    kind
        uniform, normal, truncated_normal or uniform_int.
    dtype
        Element type, a graphflow or NumPy one.
    shape
        Sizes of the result.
    state
        uint64[4]: key (low, high) and counter (low, high). The generator's key has 64 bits, so the
        upper half of the key is zero.
    bounds
        Lowest value and the one after the highest, for uniform_int.
    """
    key, counter = int(state[0]), int(state[2]) | int(state[3]) << 64
    n = int(np.prod(shape, dtype=np.int64))
    element = getattr(dtype, "numpy", dtype)
    if kind == "uniform_int":
        low, high = (int(bound) for bound in bounds)
        flat = uniform_int(n, low, high, element, key, counter)
    else:
        functions = {"uniform": uniform, "normal": normal, "truncated_normal": truncated_normal}
        flat = functions[kind](n, element, key, counter)
    return flat.reshape(shape)
