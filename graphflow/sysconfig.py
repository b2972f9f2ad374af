"""Where the package lies: TensorFlow's `tf.sysconfig`. There are no headers to compile with."""

from pathlib import Path

_FOLDER = str(Path(__file__).resolve().parent)
CXX11_ABI_FLAG = 1
MONOLITHIC_BUILD = 0


def get_include() -> str:
    """The package's folder."""
    return _FOLDER


def get_lib() -> str:
    """The package's folder."""
    return _FOLDER


def get_compile_flags() -> list[str]:
    """Flags for a compiler of custom operations, of which there are none here."""
    return [f"-I{_FOLDER}"]


def get_link_flags() -> list[str]:
    """Flags for a linker of custom operations, of which there are none here."""
    return [f"-L{_FOLDER}"]
