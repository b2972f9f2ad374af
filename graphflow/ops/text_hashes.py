"""Hashes of texts, 64 bits wide: FarmHash's fingerprint, a Murmur hash, and keyed SipHash."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
Pair = tuple[int, int]


def _rotated(x: int, bits: int) -> int:
    """The lower 64 bits of x, turned to the right."""
    x &= _MASK
    return (x >> bits) | (x << (64 - bits)) & _MASK


def _mixed(x: int) -> int:
    x &= _MASK
    return x ^ (x >> 47)


def _word(text: bytes, place: int, size: int = 8) -> int:
    """A number from so many bytes; `place` may count from the end."""
    place = place if place >= 0 else len(text) + place
    return int.from_bytes(text[place : place + size], "little")


def _joined(u: int, v: int, factor: int) -> int:
    a = _mixed(((u ^ v) & _MASK) * factor)
    b = _mixed(((v & _MASK) ^ a) * factor)
    return b * factor & _MASK


def fingerprint64(text: bytes) -> int:
    """FarmHash's fingerprint of a text."""
    if len(text) <= 16:
        return _fingerprint_to_16(text)
    if len(text) <= 32:
        return _fingerprint_to_32(text)
    return _fingerprint_to_64(text) if len(text) <= 64 else _fingerprint_long(text)


def _fingerprint_to_16(text: bytes) -> int:
    count = len(text)
    factor = _K2 + 2 * count
    if count >= 8:
        a, b = _word(text, 0) + _K2, _word(text, -8)
        c = _rotated(b, 37) * factor + a
        d = (_rotated(a, 25) + b) * factor
        return _joined(c, d, factor)
    if count >= 4:
        return _joined(count + (_word(text, 0, 4) << 3), _word(text, -4, 4), factor)
    if count > 0:
        y = text[0] + (text[count >> 1] << 8)
        z = count + (text[-1] << 2)
        return _mixed(y * _K2 ^ z * _K0) * _K2 & _MASK
    return _K2


def _fingerprint_to_32(text: bytes) -> int:
    factor = _K2 + 2 * len(text)
    a, b = _word(text, 0) * _K1, _word(text, 8)
    c, d = _word(text, -8) * factor, _word(text, -16) * _K2
    first = _rotated(a + b, 43) + _rotated(c, 30) + d
    return _joined(first, a + _rotated(b + _K2, 18) + c, factor)


def _fingerprint_to_64(text: bytes) -> int:
    factor = _K2 + 2 * len(text)
    a, b = _word(text, 0) * _K2, _word(text, 8)
    c, d = _word(text, -8) * factor, _word(text, -16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _joined(y, a + _rotated(b + _K2, 18) + c, factor)
    e, f = _word(text, 16) * factor, _word(text, 24)
    g, h = (y + _word(text, -32)) * factor, (z + _word(text, -24)) * factor
    first = _rotated(e + f, 43) + _rotated(g, 30) + h
    return _joined(first, e + _rotated(f + a, 18) + g, factor)


def _weak(text: bytes, place: int, a: int, b: int) -> Pair:
    """Two sums of 32 bytes and two numbers."""
    w, x, y, z = (_word(text, place + 8 * k) for k in range(4))
    a += w
    b = _rotated(b + a + z, 21)
    c = a
    a += x + y
    b += _rotated(a, 44)
    return (a + z) & _MASK, (b + c) & _MASK


def _round(
    text: bytes, place: int, x: int, y: int, z: int, v: Pair, w: Pair, factor: int, scale: int
) -> tuple[int, int, int, Pair, Pair]:
    """Take 64 bytes into the state of the hash of a long text."""
    x = _rotated(x + y + v[0] + _word(text, place + 8), 37) * factor
    y = _rotated(y + v[1] + _word(text, place + 48), 42) * factor
    x ^= w[1] * scale
    y += v[0] * scale + _word(text, place + 40)
    z = _rotated(z + w[0], 33) * factor
    v = _weak(text, place, v[1] * factor, x + w[0])
    w = _weak(text, place + 32, z + w[1], y + _word(text, place + 16))
    return z & _MASK, y & _MASK, x & _MASK, v, w


def _fingerprint_long(text: bytes) -> int:
    seed = 81
    x = seed * _K2 + _word(text, 0)
    y = (seed * _K1 + 113) & _MASK
    z = _mixed(y * _K2 + 113) * _K2
    v: Pair = (0, 0)
    w: Pair = (0, 0)
    last = (len(text) - 1) & 63
    for place in range(0, len(text) - 1 - last, 64):
        x, y, z, v, w = _round(text, place, x, y, z, v, w, _K1, 1)
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    w = (w[0] + last, w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _round(text, len(text) - 64, x, y, z, v, w, factor, 9)
    first = _joined(v[0], w[0], factor) + _mixed(y) * _K0 + z
    return _joined(first, _joined(v[1], w[1], factor) + x, factor)


def joined_fingerprints(first: int, second: int) -> int:
    """One fingerprint of two, in which their order counts."""
    factor = 0xC6A4A7935BD1E995
    result = first ^ factor
    result ^= _mixed((second & _MASK) * factor) * factor & _MASK
    result = result * factor & _MASK
    result = _mixed(result) * factor & _MASK
    return _mixed(result)


def murmur64(text: bytes, seed: int = 0xDECAFCAFFE) -> int:
    """The Murmur hash, of the variant for 64 bits, of a text."""
    factor = 0xC6A4A7935BD1E995
    total = seed ^ (len(text) * factor & _MASK)
    whole = len(text) - len(text) % 8
    for place in range(0, whole, 8):
        word = _mixed(_word(text, place) * factor) * factor & _MASK
        total = (total ^ word) * factor & _MASK
    if whole < len(text):
        total = (total ^ _word(text, whole)) * factor & _MASK
    return _mixed(_mixed(total) * factor)


def _turned(x: int, bits: int) -> int:
    return _rotated(x, 64 - bits)


def _sip_rounds(v: list[int], rounds: int) -> None:
    for _ in range(rounds):
        v[0] = (v[0] + v[1]) & _MASK
        v[1] = _turned(v[1], 13) ^ v[0]
        v[0] = _turned(v[0], 32)
        v[2] = (v[2] + v[3]) & _MASK
        v[3] = _turned(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & _MASK
        v[3] = _turned(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & _MASK
        v[1] = _turned(v[1], 17) ^ v[2]
        v[2] = _turned(v[2], 32)


def siphash64(text: bytes, key: Pair) -> int:
    """SipHash-2-4 of a text with a key of two numbers of 64 bits."""
    k0, k1 = (part & _MASK for part in key)
    v = [
        k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573,
    ]  # fmt: skip
    whole = len(text) - len(text) % 8
    words = [_word(text, place) for place in range(0, whole, 8)]
    words.append(_word(text, whole) | (len(text) & 0xFF) << 56)
    for word in words:
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
