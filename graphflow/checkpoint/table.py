"""Sorted string tables, LevelDB's format, which TensorFlow keeps a checkpoint's index in.

A file is data blocks, an empty metaindex block, an index block (last key of each data block, with
its place), and a footer with the places of both. A block is entries, each giving how many bytes of
its key it shares with the key before, then restart points; a type byte and a checksum follow it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from graphflow.checkpoint.crc32c import masked_crc32c
from graphflow.errors import DataLossError, UnimplementedError

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
BLOCK_BYTES = 262_144
RESTART_INTERVAL = 16
NO_COMPRESSION = 0


def varint(number: int) -> bytes:
    """An unsigned number, seven bits a byte, low ones first."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A number and the position after it; DataLossError when it does not end."""
    value = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DataLossError(None, None, "a number in a checkpoint's index does not end")


class _Block:
    """A block under construction."""

    def __init__(self, restart_interval: int) -> None:
        self.interval = restart_interval
        self.data = bytearray()
        self.restarts = [0]
        self.count = 0
        self.last = b""

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self.count and self.count % self.interval == 0:
            self.restarts.append(len(self.data))
        elif self.count:
            limit = min(len(key), len(self.last))
            while shared < limit and key[shared] == self.last[shared]:
                shared += 1
        self.data += varint(shared) + varint(len(key) - shared) + varint(len(value))
        self.data += key[shared:] + value
        self.last = key
        self.count += 1

    def finished(self) -> bytes:
        tail = struct.pack(f"<{len(self.restarts) + 1}I", *self.restarts, len(self.restarts))
        content = bytes(self.data) + tail + bytes([NO_COMPRESSION])
        return content + struct.pack("<I", masked_crc32c(content))


def write_table(entries: dict[bytes, bytes]) -> bytes:
    """The file for these entries."""
    file = bytearray()

    def put(block: bytes) -> bytes:
        handle = varint(len(file)) + varint(len(block) - 5)  # without type and checksum
        file.extend(block)
        return handle

    index, block = _Block(1), _Block(RESTART_INTERVAL)
    for key in sorted(entries):
        block.add(key, entries[key])
        if len(block.data) >= BLOCK_BYTES:
            index.add(key, put(block.finished()))
            block = _Block(RESTART_INTERVAL)
    if block.count:
        index.add(block.last, put(block.finished()))
    handles = put(_Block(1).finished())
    handles += put(index.finished())
    return bytes(file) + handles.ljust(FOOTER_BYTES - 8, b"\0") + struct.pack("<Q", MAGIC)


def read_table(data: bytes) -> dict[bytes, bytes]:
    """The entries of a table file.

    Raises
    ------
    DataLossError : the file is damaged or no table.
    UnimplementedError : its blocks are compressed.
    """
    if len(data) < FOOTER_BYTES or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise DataLossError(None, None, "not an sstable (bad magic number)")
    footer = data[-FOOTER_BYTES:]
    _, position = read_varint(footer, 0)
    _, position = read_varint(footer, position)
    offset, position = read_varint(footer, position)
    size, _ = read_varint(footer, position)
    found: dict[bytes, bytes] = {}
    for _, handle in _entries(_block(data, offset, size)):
        start, place = read_varint(handle, 0)
        length, _ = read_varint(handle, place)
        found.update(_entries(_block(data, start, length)))
    return found


def _block(data: bytes, offset: int, size: int) -> bytes:
    content = data[offset : offset + size + 1]
    stored = data[offset + size + 1 : offset + size + 5]
    if len(content) != size + 1 or len(stored) != 4:
        raise DataLossError(None, None, "truncated block read")
    if struct.unpack("<I", stored)[0] != masked_crc32c(content):
        raise DataLossError(None, None, "block checksum mismatch")
    if content[-1] != NO_COMPRESSION:
        raise UnimplementedError(None, None, "compressed blocks in a checkpoint's index")
    return content[:-1]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise DataLossError(None, None, "a block without restart points")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise DataLossError(None, None, "a block with more restart points than bytes")
    position, key = 0, b""
    while position < end:
        shared, position = read_varint(block, position)
        own, position = read_varint(block, position)
        size, position = read_varint(block, position)
        if shared > len(key) or position + own + size > end:
            raise DataLossError(None, None, "an entry that reaches beyond its block")
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + size]
        position += size
