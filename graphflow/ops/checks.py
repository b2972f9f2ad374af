"""Ops that look at values while a graph runs: Assert, CheckNumerics, Print, tf.print, StringFormat.

Printing goes to Python's ``sys.stderr``, so that notebooks and tests see it.
"""

from __future__ import annotations

import logging
import os
import pprint
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_n_to_tensor, is_dense_tensor_like
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import SCALAR
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import group, no_outputs, same_as_input
from graphflow.ops.summarize import assertion_text, edge_elements, first_elements

Arrays = np.ndarray[Any, Any]


def _infer_assert(op: Operation) -> list[Any]:
    condition = op.inputs[0]
    if condition.shape.rank not in (None, 0):
        raise ValueError(f"Shape must be rank 0 but is rank {condition.shape.rank}")
    return []


# The messages are values, not closures, so that equal operations give equal Programs.
@dataclass(frozen=True)
class _AssertionMessage:
    limit: int

    def __call__(self, *arrays: Arrays) -> str:
        return assertion_text(arrays, self.limit)


@dataclass(frozen=True)
class _NumericsMessage:
    message: str

    def __call__(self, array: Arrays) -> str:
        array = np.asarray(array)
        found = [np.isinf(array).any() and "Inf", np.isnan(array).any() and "NaN"]
        return f"{self.message} : Tensor had {' and '.join(word for word in found if word)} values"


def _lower_assert(b: Any, op: Operation, condition: Any, *data: Any) -> Any:
    if condition.rank != 0:  # in the run, as an earlier check may be what is wrong
        shape = ",".join(str(size) for size in condition.shape)
        message = f"In[0] should be a scalar: [{shape}]"
        b.check(b.const(np.bool_(False)), "InvalidArgumentError", message)
        return ()
    b.check(condition, "InvalidArgumentError", _AssertionMessage(op.attrs["summarize"]), data)
    return ()


def _lower_check_numerics(b: Any, op: Operation, x: Any) -> Any:
    finite = b.reduce("and", b.is_finite(x), range(x.rank))
    b.check(finite, "InvalidArgumentError", _NumericsMessage(op.attrs["message"]), (x,))
    return b.identity(x)


def _check_numerics_gradient(op: Operation, gradient: Any) -> list[Any]:
    found = "Not a number (NaN) or infinity (Inf) values detected in gradient."
    return [check_numerics(gradient, f"{found} {op.get_attr('message')!r}")]


# How often each Print op has printed, for its `first_n`; apart from the op, which never changes.
_times_printed: weakref.WeakKeyDictionary[Operation, int] = weakref.WeakKeyDictionary()


def _printer(op: Operation) -> Callable[..., list[Arrays]]:
    """Return the function that a Print op calls."""

    def show(*arrays: Arrays) -> list[Arrays]:
        times = _times_printed.get(op, 0)
        if not 0 <= op.attrs["first_n"] <= times:
            _times_printed[op] = times + 1
            limit = op.attrs["summarize"]
            shown = "".join(f"[{first_elements(array, limit)}]" for array in arrays)
            sys.stderr.write(f"{op.attrs['message']}{shown}\n")
        return []

    return show


def _lower_print(b: Any, op: Operation, x: Any, *data: Any) -> Any:
    b.call_python(_printer(op), data, (), stateful=True)
    return b.identity(x)


def _writer(op: Operation) -> Callable[[Arrays], list[Arrays]]:
    """Return the function that writes a text to the stream of a PrintV2 op."""
    stream, end = op.attrs["output_stream"], op.attrs["end"]

    def write(text: Arrays) -> list[Arrays]:
        line = np.asarray(text).item().decode("utf-8", "replace") + end
        if stream.startswith("file://"):
            with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
                file.write(line)
        elif stream.startswith("log("):
            level = logging.getLevelName(stream[4:-1].upper())
            logging.getLogger("graphflow").log(level, line.rstrip("\n"))
        else:
            getattr(sys, stream).write(line)
        return []

    return write


def _lower_print_v2(b: Any, op: Operation, text: Any) -> Any:
    b.call_python(_writer(op), (text,), (), stateful=True)
    return ()


def _formatter(op: Operation) -> Callable[..., list[Arrays]]:
    pieces = op.attrs["template"].split(op.attrs["placeholder"])
    edge = op.attrs["summarize"]

    def fill(*arrays: Arrays) -> list[Arrays]:
        text = pieces[0]
        for array, piece in zip(arrays, pieces[1:], strict=True):
            text += edge_elements(array, edge) + piece
        return [np.array(text.encode(), dtype=object)]

    return fill


define_op(
    name="Assert",
    infer=_infer_assert,
    lower=_lower_assert,
    no_gradient="it has no outputs",
    stateful=True,
)
define_op(
    name="CheckNumerics",
    infer=same_as_input,
    lower=_lower_check_numerics,
    gradient=_check_numerics_gradient,
    stateful=True,
)
define_op(
    name="Print",
    infer=same_as_input,
    lower=_lower_print,
    gradient=lambda op, gradient: [gradient] + [None] * (len(op.inputs) - 1),
    stateful=True,
)
define_op(
    name="PrintV2",
    infer=no_outputs,
    lower=_lower_print_v2,
    no_gradient="it has no outputs",
    stateful=True,
)
define_op(
    name="StringFormat",
    infer=lambda op: [(dtypes.string, SCALAR)],
    lower=lambda b, op, *xs: b.call_python(
        _formatter(op), xs, ((dtypes.string, ()),), stateful=False
    ),
    no_gradient="string output",
)

_CHECKABLE = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)
_ASSERT = Signature("Assert", "condition: bool", "data: T...")
_CHECK_NUMERICS = Signature("CheckNumerics", "tensor: T", T=_CHECKABLE)
_PRINT = Signature("Print", "input: T", "data: U...")
_PRINT_V2 = Signature("PrintV2", "input: string")
_STRING_FORMAT = Signature("StringFormat", "inputs: T...")


def Assert(  # TensorFlow's name
    condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None
) -> Operation:
    """Return an operation that fails with InvalidArgumentError unless `condition` holds.

    Parameters
    ----------
    condition : boolean scalar.
    data : tensors that the message shows.
    summarize : how many elements of each it shows; 3 when None.
    """
    summarize = 3 if summarize is None else summarize
    with name_scope(name, "Assert", [condition, *data]):
        tensors = convert_n_to_tensor(data)
        if all(tensor.dtype in (dtypes.string, dtypes.int32) for tensor in tensors):
            return _ASSERT(condition, data, name="Assert", summarize=summarize)
        # TensorFlow guards the assertion by a `cond`, so that `data` need not be copied from a
        # GPU. Here there is nothing to guard; names and the count of operations stay as they were.
        graph = get_default_graph()
        with graph.name_scope("AssertGuard"):
            graph._skip_ids(8)
            operation = _ASSERT(condition, data, name="Assert", summarize=summarize)
            graph._skip_ids(1 + sum(is_dense_tensor_like(item) for item in data))
        return operation


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """Return `tensor`; the run fails with InvalidArgumentError when it has a nan or an infinity."""
    return _CHECK_NUMERICS(tensor, name=name, message=message).outputs[0]


def add_check_numerics_ops() -> Operation:
    """Check every tensor of floating-point numbers in the default graph, in the graph's order.

    Returns
    -------
    An operation that runs all checks.

    Raises
    ------
    ValueError : a tensor is computed within a `cond` or a `while_loop`.
    """
    graph = get_default_graph()
    last: list[Tensor] = []
    for op in list(graph.get_operations()):
        for output in op.outputs:
            if output.dtype not in (dtypes.float16, dtypes.float32, dtypes.float64):
                continue
            if op._get_control_flow_context() is not None:
                raise ValueError(
                    "`tf.add_check_numerics_ops() is not compatible with TensorFlow control flow "
                    "operations such as `tf.cond()` or `tf.while_loop()`."
                )
            with graph.control_dependencies(last):
                last = [check_numerics(output, f"{op.name}:{output.value_index}")]
    return group(*last)


def Print(  # TensorFlow's name
    input_: Any,
    data: Sequence[Any],
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return `input_`; whenever it is computed, a line with the values of `data` is printed.

    Parameters
    ----------
    message : what the line begins with.
    first_n : print only so many times; always when None.
    summarize : how many elements of each tensor to print; 3 when None.
    """
    attrs = {
        "message": message or "",
        "first_n": -1 if first_n is None else first_n,
        "summarize": 3 if summarize is None else summarize,
    }
    return _PRINT(input_, data, name=name, **attrs).outputs[0]


def string_format(
    template: str,
    inputs: Any,
    placeholder: str = "{}",
    summarize: int = 3,
    name: str | None = None,
) -> Tensor:
    """Return `template` with each `placeholder` replaced by the text of one of `inputs`.

    Raises
    ------
    ValueError : there are not as many placeholders as inputs.
    """
    if not isinstance(inputs, (list, tuple)):
        inputs = [inputs]
    wanted = template.count(placeholder)
    if wanted != len(inputs):
        raise ValueError(
            f"{wanted} placeholder(s) in template does not match {len(inputs)} tensor(s) provided"
            " as input"
        )
    attrs = {"template": template, "placeholder": placeholder, "summarize": summarize}
    return _STRING_FORMAT(list(inputs), name=name, **attrs).outputs[0]


def print_v2(
    *inputs: Any,
    output_stream: Any = None,
    name: str | None = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = os.linesep,
) -> Operation:
    """Return an operation that prints `inputs`, tensors as their values: ``tf.print``.

    Parameters
    ----------
    *inputs : tensors, Python values, and nested lists and dicts of them.
    output_stream : ``sys.stdout``, ``sys.stderr`` (when None), a logging level, or a path in the
        form ``file://path``.
    summarize : how many items to show at either end of each axis; all when -1.
    sep, end : printed between the inputs and after the last.
    """
    stream = _stream_name(output_stream)
    first = inputs[0] if len(inputs) == 1 else None
    if isinstance(first, Tensor) and first.dtype == dtypes.string and first.shape.rank == 0:
        text: Any = first
    else:
        text = _format_inputs(inputs, sep, summarize, None if name is None else f"{name}_format")
    return _PRINT_V2(text, name=name, output_stream=stream, end=end)


def _stream_name(stream: Any) -> str:
    if isinstance(stream, str) and stream.startswith("file://"):
        return stream
    if stream is None or stream is sys.stderr:
        return "stderr"
    if stream is sys.stdout:
        return "stdout"
    level = getattr(stream, "__name__", stream)  # tf.logging.info stands for tf.logging.INFO
    names = {"info": logging.INFO, "warn": logging.WARNING, "warning": logging.WARNING}
    level = {**names, "error": logging.ERROR}.get(level, level)
    if level in (logging.INFO, logging.WARNING, logging.ERROR):
        return f"log({logging.getLevelName(level).lower()})"
    raise ValueError(
        f"Unsupported output stream, logging level, or file.{stream}. Supported streams are "
        "sys.stdout, sys.stderr, tf.logging.info, tf.logging.warning, tf.logging.error. File "
        "needs to be in the form of 'file://<filepath>'."
    )


def _format_inputs(inputs: Sequence[Any], sep: str, summarize: int, name: str | None) -> Tensor:
    tensors: list[Any] = []
    literal = " ".join(pprint.pformat(_replace(item, "", [])) for item in inputs)
    placeholder = "{}"
    while placeholder in literal:  # must not occur in what is printed as it stands
        placeholder += "0"
    parts = [
        item if isinstance(item, str) else pprint.pformat(_replace(item, placeholder, tensors))
        for item in inputs
    ]
    template = sep.join(parts).replace(f"'{placeholder}'", placeholder)
    return string_format(template, tensors, placeholder, summarize, name)


def _replace(item: Any, placeholder: str, tensors: list[Any]) -> Any:
    """Return `item` with its tensors, which are appended to `tensors`, replaced."""
    if is_dense_tensor_like(item):
        tensors.append(item)
        return placeholder
    if isinstance(item, dict):
        return {key: _replace(item[key], placeholder, tensors) for key in sorted(item)}
    if isinstance(item, (list, tuple)):
        return type(item)([_replace(part, placeholder, tensors) for part in item])
    return item
