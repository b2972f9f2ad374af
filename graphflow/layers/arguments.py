"""Arguments of layers in their normal form: sizes as tuples, layouts as the ops name them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["as_data_format", "as_function", "as_padding", "as_tuple", "op_layout", "output_length"]


def as_tuple(value: Any, length: int, name: str) -> tuple[int, ...]:
    """An integer, repeated, or so many integers.

    Raises
    ------
    ValueError : it is neither.
    """
    if isinstance(value, int):
        return (value,) * length
    wrong = f"The `{name}` argument must be a tuple of {length} integers. Received: {value}"
    try:
        values = tuple(value)
    except TypeError:
        raise ValueError(wrong) from None
    if len(values) != length:
        raise ValueError(wrong)
    for single in values:
        try:
            int(single)
        except (ValueError, TypeError):
            raise ValueError(f"{wrong} including element {single} of type {type(single)}") from None
    return tuple(int(single) for single in values)


def as_data_format(value: Any) -> str:
    """``channels_last`` or ``channels_first``, in small letters."""
    value = "channels_last" if value is None else value
    found = value.lower()
    if found not in ("channels_first", "channels_last"):
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last". '
            f"Received: {value}"
        )
    return found


def as_padding(value: Any) -> str:
    """``valid``, ``same`` or ``causal``, in small letters."""
    found = value.lower()
    if found not in ("valid", "same", "causal"):
        raise ValueError(
            'The `padding` argument must be a list/tuple or one of "valid", "same" (or "causal", '
            f"only for `Conv1D). Received: {found}"
        )
    return found


def op_layout(data_format: str, rank: int) -> str:
    """A layout as ops name it: ``NHWC`` for two axes with the channels last."""
    axes = "DHW"[3 - rank :] if rank > 1 else "W"
    return f"N{axes}C" if data_format == "channels_last" else f"NC{axes}"


def output_length(size: Any, window: int, padding: str, stride: int, dilation: int = 1) -> Any:
    """How many windows lie along an axis; None when its size is not known."""
    if size is None:
        return None
    reach = window + (window - 1) * (dilation - 1)
    count = size - reach + 1 if padding == "valid" else size
    return (count + stride - 1) // stride


def as_function(
    layer: Any, name: str, summary: str, takes_reuse: bool = True, module: str = __name__
) -> Callable[..., Any]:
    """A layer as a function: it takes the inputs, and then what the class takes.

    Parameters
    ----------
    takes_reuse : whether the function takes ``reuse``, which shares the variables of the layer
        that has the same name.
    """
    given = list(inspect.signature(layer).parameters.values())
    given = [p for p in given if p.kind is not p.VAR_KEYWORD]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("inputs", kind, annotation=Any), *given]
    if takes_reuse:
        parameters.append(inspect.Parameter("reuse", kind, default=None, annotation=Any))
    signature = inspect.Signature(parameters, return_annotation=Any)

    @functools.wraps(layer, assigned=(), updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            arguments = dict(signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        inputs = arguments.pop("inputs")
        if takes_reuse:
            arguments["_reuse"] = arguments.pop("reuse", None)
            if "name" in arguments:
                arguments["_scope"] = arguments["name"]
        return layer(**arguments).apply(inputs)

    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = (
        f"{summary}\n\nThe arguments are the inputs and those of `{layer.__name__}`"
        + ("; `reuse` shares the variables of the layer of that name." if takes_reuse else ".")
    )
    return function
