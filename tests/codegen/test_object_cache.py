"""The cache of compiled objects: foreign and broken files, folders that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphflow.codegen import object_cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHFLOW_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_made_once(folder: Path) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"object code"

    assert object_cache.cached_object("key", make) == b"object code"
    assert object_cache.cached_object("key", make) == b"object code"
    assert len(made) == 1


@pytest.mark.parametrize("damage", [b"", b"foreign", b"GRAPHFLOWOBJECT1" + b"x" * 40])
def test_damaged_file_is_ignored_and_made_anew(folder: Path, damage: bytes) -> None:
    object_cache.cached_object("key", lambda: b"good")
    path = object_cache.object_path("key")
    assert path is not None
    path.write_bytes(damage)
    assert object_cache.cached_object("key", lambda: b"good") == b"good"
    assert path.read_bytes().endswith(b"good")


def test_flipped_byte_is_noticed(folder: Path) -> None:
    object_cache.cached_object("key", lambda: b"good code")
    path = object_cache.object_path("key")
    assert path is not None
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert object_cache.cached_object("key", lambda: b"made anew") == b"made anew"


def test_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("no folder")
    monkeypatch.setenv("GRAPHFLOW_CACHE_DIR", str(blocker / "below"))
    assert object_cache.cached_object("key", lambda: b"code") == b"code"


def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHFLOW_CACHE_DIR", "")
    assert object_cache.object_path("key") is None


def test_second_process_compiles_nothing(folder: Path) -> None:
    code = (
        "import graphflow as tf, numpy as np\n"
        "from graphflow.codegen import jit\n"
        "made = []\n"
        "import graphflow.codegen.kernels as k\n"
        "old = k.compile_module\n"
        "k.compile_module = lambda *a, **kw: made.append(1) or old(*a, **kw)\n"
        "x = tf.placeholder(tf.float32, [8])\n"
        "with tf.Session() as s: s.run(tf.exp(x) * 2.0, {x: np.zeros(8)})\n"
        "print(len(made))\n"
    )
    counts = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
        ).stdout.strip()
        for _ in range(2)
    ]
    assert counts == ["1", "0"]
