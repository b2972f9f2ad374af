"""Compiled objects on disk, so that a second process compiles nothing.

One file an object, named by the hash of its key: the text of what was compiled, the processor, the
LLVM version and a fingerprint of the code generator. A file holds a magic word, the SHA-256 of the
object, and the object; one that does not check is ignored and written anew. Files appear whole
(written aside, then renamed). A folder that cannot be written is used for reading only.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from graphflow.codegen.target import host_target
from graphflow.version import VERSION

MAGIC = b"GRAPHFLOWOBJECT1"


def cache_folder() -> Path | None:
    """The cache's folder; None when caching is switched off by an empty GRAPHFLOW_CACHE_DIR."""
    chosen = os.environ.get("GRAPHFLOW_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "graphflow"


@dataclass(frozen=True)
class CacheContents:
    """What is kept: the folder (None when caching is off), the objects' files, their bytes."""

    folder: Path | None
    objects: list[Path]
    size: int


def cache_contents() -> CacheContents:
    """Look at what is kept."""
    folder = cache_folder()
    if folder is None or not folder.is_dir():
        return CacheContents(folder, [], 0)
    objects = sorted(folder.glob("[0-9a-f][0-9a-f]/*.o"))
    return CacheContents(folder, objects, sum(path.stat().st_size for path in objects))


@lru_cache(maxsize=1)
def _environment_key() -> bytes:
    """What besides the key itself decides the object: processor, LLVM, this package's generator."""
    import llvmlite
    import llvmlite.binding as llvm

    target = host_target()
    digest = hashlib.sha256()
    version = ".".join(map(str, llvm.llvm_version_info))
    for part in (
        VERSION,
        llvmlite.__version__,
        version,
        target.triple,
        target.cpu,
        target.features,
    ):
        digest.update(part.encode() + b"\0")
    package = Path(__file__).resolve().parent.parent
    for folder in ("codegen", "ir", "lowering", "runtime"):
        for source in sorted((package / folder).rglob("*.py")):
            status = source.stat()
            digest.update(f"{source.name}:{status.st_size}:{status.st_mtime_ns}\0".encode())
    return digest.digest()


def object_path(key: str) -> Path | None:
    """The file of the object with this key, whether it exists or not."""
    folder = cache_folder()
    if folder is None:
        return None
    name = hashlib.sha256(_environment_key() + key.encode()).hexdigest()
    return folder / name[:2] / f"{name}.o"


def cached_object(key: str, make: Callable[[], bytes]) -> bytes:
    """The object kept under `key`, or ``make()``, which is then kept if the folder allows."""
    path = object_path(key)
    if path is None:
        return make()
    found = _read(path)
    if found is None:
        found = make()
        _write(path, found)
    return found


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = len(MAGIC) + 32
    content = data[head:]
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : head] != hashlib.sha256(content).digest():
        return None
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    except OSError:
        return  # read-only or full: the object is simply not kept
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(content).digest() + content)
        os.replace(name, path)
    except OSError:
        if os.path.exists(name):
            os.unlink(name)
