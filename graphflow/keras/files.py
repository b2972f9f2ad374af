"""`get_file`: files that are downloaded once."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from typing import Any

__all__ = ["get_file"]

# Nothing outside the folder; the first versions of Python 3.10 cannot say that.
_CAREFULLY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def get_file(
    fname: str, origin: str, untar: bool = False, md5_hash: str | None = None,
    file_hash: str | None = None, cache_subdir: str = "datasets", hash_algorithm: str = "auto",
    extract: bool = False, archive_format: Any = "auto", cache_dir: str | None = None,
) -> str:  # fmt: skip
    """Return the path of a file, which is downloaded where it is not in the cache.

    Parameters
    ----------
    fname : its name in the cache; an absolute path is taken as it is.
    origin : its address.
    untar : the file is an archive `fname` + ``.tar.gz``; the path of its folder is returned.
    md5_hash, file_hash, hash_algorithm : what it must have, by ``md5`` or ``sha256``; ``auto``
        goes by the length.
    cache_dir, cache_subdir : where files are kept; ``~/.keras`` when None.
    extract, archive_format : unpack it in the cache when it is an archive; zip, tar, or a list of
        formats, both for ``auto``.

    Raises
    ------
    Exception : it cannot be downloaded.
    ValueError : what came does not have the hash.
    """
    home = os.path.expanduser(os.path.join("~", ".keras")) if cache_dir is None else cache_dir
    if not os.access(os.path.dirname(home) if cache_dir is None else home, os.W_OK):
        home = os.path.join(tempfile.gettempdir(), ".keras")
    folder = os.path.join(home, cache_subdir)
    os.makedirs(folder, exist_ok=True)
    unpacked = os.path.join(folder, fname)
    path = f"{unpacked}.tar.gz" if untar else unpacked
    wanted, algorithm = (md5_hash, "md5") if file_hash is None else (file_hash, hash_algorithm)
    if not os.path.exists(path) or (wanted and not _has_hash(path, wanted, algorithm)):
        _download(origin, path)
        if wanted and not _has_hash(path, wanted, algorithm):
            raise ValueError(f"{path} from {origin} does not have the {algorithm} hash {wanted}")
    if untar:
        if not os.path.exists(unpacked):
            _unpack(path, folder, ["tar"])
        return unpacked
    if extract:
        formats = ["tar", "zip"] if archive_format == "auto" else archive_format
        _unpack(path, folder, [formats] if isinstance(formats, str) else formats or [])
    return path


def _download(origin: str, path: str) -> None:
    """Write what is at an address, all of it or nothing."""
    print("Downloading data from", origin)  # noqa: T201
    part = f"{path}.part"
    try:
        with urllib.request.urlopen(origin) as source, open(part, "wb") as target:
            shutil.copyfileobj(source, target)
        os.replace(part, path)
    except urllib.error.URLError as error:
        code = getattr(error, "code", None)
        reason = f"URL fetch failure on {origin}: {code} -- {error.reason}"
        raise Exception(reason) from error  # TensorFlow's class
    finally:
        if os.path.exists(part):
            os.remove(part)


def _has_hash(path: str, wanted: str, algorithm: str) -> bool:
    is_sha = algorithm == "sha256" or (algorithm == "auto" and len(wanted) == 64)
    digest = hashlib.new("sha256" if is_sha else "md5")
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == wanted


def _unpack(path: str, folder: str, formats: list[str]) -> None:
    for name in formats:
        if name == "tar" and tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                archive.extractall(folder, **_CAREFULLY)
            return
        if name == "zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            return
