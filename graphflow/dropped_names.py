"""Names that Python, NumPy, SciPy and Pillow have dropped since TensorFlow 1.x was current.

Scripts of the time use them (``np.float``, ``time.clock``, ``scipy.misc.imread``), and so do
packages that they are written with: Keras 2 takes ``Iterable`` from ``collections`` and asks
``inspect.getargspec``, tflearn wants Pillow's ``ANTIALIAS``. `restore_names` gives back what is
missing: what packages need whenever graphflow is imported, all of it where a script runs in
TensorFlow's name.
"""

from __future__ import annotations

import collections.abc
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

ArgSpec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")

_NUMPY_TYPES = {
    "float": float, "int": int, "bool": bool, "object": object, "str": str, "complex": complex,
    "long": int, "unicode": str,
}  # fmt: skip
_NUMPY_RENAMED = {
    "float_": "float64", "complex_": "complex128", "cfloat": "complex128", "unicode_": "str_",
    "string_": "bytes_", "bool8": "bool_", "Inf": "inf", "Infinity": "inf", "infty": "inf",
    "PINF": "inf", "NaN": "nan", "NAN": "nan", "product": "prod", "cumproduct": "cumprod",
    "sometrue": "any", "alltrue": "all", "round_": "round", "row_stack": "vstack",
    "trapz": "trapezoid", "mat": "asmatrix",
}  # fmt: skip


def _numpy(np: Any) -> dict[str, Any]:
    """NumPy's, of before 1.24 and 2.0 (numpy.org/doc/stable/release)."""

    def random_integers(low: int, high: int | None = None, size: Any = None) -> Any:
        low, high = (1, low) if high is None else (low, high)
        return np.random.randint(low, high + 1, size)

    np.random.__dict__.setdefault("random_integers", random_integers)
    return {
        **_NUMPY_TYPES,
        **{old: getattr(np, new) for old, new in _NUMPY_RENAMED.items()},
        "NINF": -np.inf,
        "asscalar": lambda a: a.item(),
        "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
        "in1d": lambda a, b, **options: np.isin(np.ravel(a), b, **options),
        "msort": lambda a: np.sort(a, axis=0),
        "rank": np.ndim,
    }


def _collections(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(collections.abc, name) for name in collections.abc.__all__}


def _pillow(image: Any) -> dict[str, Any]:
    filters = image.Resampling
    return dict(ANTIALIAS=filters.LANCZOS, LINEAR=filters.BILINEAR, CUBIC=filters.BICUBIC)


def _inspect(inspect: Any) -> dict[str, Any]:
    return {"getargspec": lambda function: ArgSpec(*inspect.getfullargspec(function)[:4])}


def _time(time: Any) -> dict[str, Any]:
    return {"clock": time.perf_counter}


def _fractions(module: ModuleType) -> dict[str, Any]:
    import math

    return {"gcd": math.gcd}


def _scipy_misc(module: ModuleType) -> dict[str, Any]:
    from graphflow import old_images

    return {name: getattr(old_images, name) for name in old_images.__all__}


_PACKAGES_NEED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "collections": _collections, "inspect": _inspect, "PIL.Image": _pillow,
}  # fmt: skip
_SCRIPTS_NEED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "numpy": _numpy, "time": _time, "fractions": _fractions,
    "scipy.misc": _scipy_misc,
}  # fmt: skip


def restore_names(for_scripts: bool = False) -> None:
    """Give modules back the names that they dropped: now, or when they are imported.

    `for_scripts` adds what scripts use to what packages need, and prints NumPy's scalars as NumPy 1
    did.
    """
    wanted = {**_PACKAGES_NEED, **(_SCRIPTS_NEED if for_scripts else {})}
    finder = next((f for f in sys.meta_path if isinstance(f, _Finder)), None)
    if finder is None:
        sys.meta_path.insert(0, finder := _Finder())
    for name, names in wanted.items():
        if name in sys.modules:
            _restore(sys.modules[name], names)
        else:
            finder.waiting[name] = names
    if for_scripts:
        import numpy as np

        np.set_printoptions(legacy="1.25")


def _restore(module: ModuleType, names: Callable[[Any], dict[str, Any]]) -> None:
    for name, value in names(module).items():
        module.__dict__.setdefault(name, value)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules as the finders behind it do, and restores their names when they are loaded."""

    def __init__(self) -> None:
        self.waiting: dict[str, Callable[[Any], dict[str, Any]]] = {}
        self.loaders: dict[str, Any] = {}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return the module's own spec, with this object as its loader."""
        if fullname not in self.waiting:
            return None
        names = self.waiting.pop(fullname)  # the finders behind come next
        spec = importlib.util.find_spec(fullname)
        if spec is None and fullname == "scipy.misc":  # SciPy 2 is without it
            spec = importlib.machinery.ModuleSpec(fullname, None)
        self.waiting[fullname] = names
        if spec is not None:
            self.loaders[fullname], spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: Any) -> ModuleType | None:
        """Return the module that its own loader creates."""
        loader = self.loaders[spec.name]
        return None if loader is None else loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Load the module, then restore its names."""
        loader = self.loaders.pop(module.__name__)
        if loader is not None:
            assert module.__spec__ is not None
            module.__spec__.loader = module.__loader__ = loader
            loader.exec_module(module)
        _restore(module, self.waiting.pop(module.__name__))
