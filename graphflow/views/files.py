"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile


def write_whole(path: str, content: bytes) -> None:
    """Put bytes into a file by way of a temporary one beside it.

    Raises
    ------
    OSError : the file cannot be written; what was there before is still there.
    """
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
