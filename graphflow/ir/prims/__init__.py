"""The primitives of a Program, by family. `PRIMS` maps every name to its declaration."""

from graphflow.ir.prims import (
    contractions,
    control,
    convolutions,
    effects,
    leaves,
    pointwise,
    reductions,
    views,
)
from graphflow.ir.prims.registry import PRIMS

__all__ = [
    "PRIMS", "contractions", "control", "convolutions", "effects", "leaves", "pointwise",
    "reductions", "views",
]  # fmt: skip
