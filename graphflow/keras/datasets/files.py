"""The files of data sets, where Keras keeps them, read without running anything in them."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

# What pickled arrays are made of; anything else could be a call of anything.
_HARMLESS = {
    ("numpy", "dtype"), ("numpy", "ndarray"), ("_codecs", "encode"),
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Reads arrays and plain values only."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"expected arrays and plain values, got {module}.{name}")
        return super().find_class(module, name)


def data_file(path: str) -> Path:
    """A file given by its path, or by its name in ``~/.keras/datasets``.

    Raises
    ------
    FileNotFoundError : it is in neither place.
    """
    own = Path.home() / ".keras" / "datasets" / path
    place = Path(path) if Path(path).exists() else own
    if not place.exists():
        raise FileNotFoundError(f"expected the data at {path} or {own}: it is not downloaded")
    return place


def unpickled(path: Path) -> Any:
    """The plain values and arrays of a pickle file.

    Raises
    ------
    pickle.UnpicklingError : it holds something else.
    """
    with path.open("rb") as file:
        return _Unpickler(file, encoding="bytes").load()


def arrays_of(path: Path) -> dict[str, Any]:
    """The arrays of an ``.npz`` file, also those of lists."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            file = io.BytesIO(data)
            version = np.lib.format.read_magic(file)
            read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                    else np.lib.format.read_array_header_2_0)  # fmt: skip
            shape, _, dtype = read(file)
            if dtype.hasobject:
                array = np.asarray(_Unpickler(file, encoding="latin1").load()).reshape(shape)
            else:
                array = np.load(io.BytesIO(data))
            found[name.removesuffix(".npy")] = array
    return found
