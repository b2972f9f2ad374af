"""Printing: of expressions as text, and of values when a function runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import graphflow as gf
from graphflow.theano.tensor.var import TensorVariable, apply

_INFIX = {"add": "+", "sub": "-", "mul": "*", "true_div": "/", "pow": "**", "mod": "%"}


class Print:
    """Called with a variable, returns it; its value is printed whenever it is computed.

    Parameters
    ----------
    message : what is printed before it.
    attrs : attributes of the value to print.
    """

    def __init__(
        self,
        message: str = "",
        attrs: Any = ("__str__",),
        global_fn: Callable[..., Any] | None = None,
    ) -> None:
        self.message, self.attrs = message, attrs

    def __call__(self, x: Any) -> TensorVariable:
        def show(value: Any) -> Any:
            for name in self.attrs:
                found = getattr(value, name)
                print(self.message, name, "=", found() if callable(found) else found)
            return value

        def build(t: Any) -> Any:
            shown = gf.py_func(show, [t], t.dtype.base_dtype)
            with gf.control_dependencies([shown]):
                return gf.identity(t)

        return apply("Print", build, x)


def pp(x: Any) -> str:
    """Return an expression as text."""
    if x.name is not None or x.owner is None:
        return str(getattr(x, "data", x))
    parts = [pp(i) for i in x.owner.inputs]
    infix = _INFIX.get(x.owner.op.name)
    if infix is not None:
        return f"({f' {infix} '.join(parts)})"
    return f"{x.owner.op.name}({', '.join(parts)})"


pprint = pp


def debugprint(obj: Any, depth: int = -1, file: Any = None, **ignored: Any) -> Any:
    """Print expressions as trees, one node to a line; return the text when `file` is ``str``."""
    maker = getattr(obj, "maker", None)
    roots = maker.fgraph.outputs if maker is not None else obj
    lines: list[str] = []

    def show(variable: Any, level: int) -> None:
        node = variable.owner
        lines.append(f"{' |' * level}{node.op if node else variable}")
        for given in node.inputs if node and level != depth else ():
            show(given, level + 1)

    for root in roots if isinstance(roots, (list, tuple)) else [roots]:
        show(root, 0)
    text = "\n".join(lines)
    if file == "str":
        return text
    print(text, file=file or sys.stdout)
    return None


def pydotprint(*args: Any, **kwargs: Any) -> None:
    """Raise: drawings are made by ``graphflow dot``."""
    raise RuntimeError("pydotprint expected pydot, which is not used here")
