"""What an exported model is fed: `ServingInputReceiver` and functions that make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphflow.data.examples import parse_example
from graphflow.estimator.export_output import (
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
    RegressionOutput,
)
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import string
from graphflow.graph.graph import Graph
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import placeholder

__all__ = [
    "ClassificationOutput", "ExportOutput", "PredictOutput", "RegressionOutput",
    "ServingInputReceiver", "SupervisedInputReceiver", "TensorServingInputReceiver",
    "UnsupervisedInputReceiver", "build_parsing_serving_input_receiver_fn",
    "build_raw_serving_input_receiver_fn", "build_raw_supervised_input_receiver_fn",
    "build_supervised_input_receiver_fn_from_input_fn",
]  # fmt: skip


def _check(value: Any, what: str, sparse: bool = True) -> None:
    kinds: tuple[type, ...] = (Tensor, SparseTensor) if sparse else (Tensor,)
    if not isinstance(value, kinds):
        raise ValueError(f"{what} must be a Tensor or SparseTensor, got {value}")


def _named(tensors: Any, what: str, any_key: bool = False) -> dict[Any, Any]:
    """Tensors by name; a single one is named after what it is."""
    if tensors is None:
        raise ValueError(f"{what}s must be defined.")
    found = dict(tensors) if isinstance(tensors, Mapping) else {what: tensors}
    for key, value in found.items():
        if not isinstance(key, (str, int) if any_key else str):
            raise ValueError(f"{what} keys must be strings: {key}.")
        _check(value, f"{what} {key}")
    return found


def _checked_alternatives(alternatives: Any) -> Any:
    if alternatives is None:
        return None
    if not isinstance(alternatives, Mapping):
        raise ValueError(f"receiver_tensors_alternatives must be a dict: {alternatives}.")
    return {
        name: given if isinstance(given, Mapping) else {"receiver_tensor": given}
        for name, given in alternatives.items()
    }


class _Receiver(NamedTuple):
    features: Any
    receiver_tensors: Any
    receiver_tensors_alternatives: Any


class ServingInputReceiver(_Receiver):
    """Features, and the tensors that are fed to give them.

    Parameters
    ----------
    features : a tensor or a dict of tensors, for the model.
    receiver_tensors : a tensor or a dict of tensors, which are fed.
    receiver_tensors_alternatives : further ways to feed, by name.
    """

    __slots__ = ()

    def __new__(
        cls, features: Any, receiver_tensors: Any, receiver_tensors_alternatives: Any = None
    ) -> ServingInputReceiver:
        return super().__new__(
            cls, _named(features, "feature", any_key=True),
            _named(receiver_tensors, "receiver_tensor"),
            _checked_alternatives(receiver_tensors_alternatives),
        )  # fmt: skip


class TensorServingInputReceiver(_Receiver):
    """A `ServingInputReceiver` for a model whose features are one tensor."""

    __slots__ = ()

    def __new__(
        cls, features: Any, receiver_tensors: Any, receiver_tensors_alternatives: Any = None
    ) -> TensorServingInputReceiver:
        _check(features, "feature")
        return super().__new__(
            cls, features, _named(receiver_tensors, "receiver_tensor"),
            _checked_alternatives(receiver_tensors_alternatives),
        )  # fmt: skip


class UnsupervisedInputReceiver(ServingInputReceiver):
    """What training or evaluation without labels is fed."""

    __slots__ = ()

    def __new__(cls, features: Any, receiver_tensors: Any) -> UnsupervisedInputReceiver:
        return super().__new__(cls, features, receiver_tensors)  # type: ignore[return-value]


class _Supervised(NamedTuple):
    features: Any
    labels: Any
    receiver_tensors: Any


class SupervisedInputReceiver(_Supervised):
    """What training or evaluation is fed: features and labels."""

    __slots__ = ()

    def __new__(cls, features: Any, labels: Any, receiver_tensors: Any) -> SupervisedInputReceiver:
        _named(features, "feature", any_key=True)
        _named(labels, "label", any_key=True)
        return super().__new__(cls, features, labels, _named(receiver_tensors, "receiver_tensor"))


def build_parsing_serving_input_receiver_fn(
    feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A function that makes a receiver of serialized Examples.

    Parameters
    ----------
    feature_spec : how to parse them, see `parse_example`.
    default_batch_size : how many come at a time; any number when None.
    """

    def serving_input_receiver_fn() -> ServingInputReceiver:
        examples = placeholder(string, [default_batch_size], "input_example_tensor")
        return ServingInputReceiver(parse_example(examples, feature_spec), {"examples": examples})

    return serving_input_receiver_fn


def _fed(tensors: Mapping[str, Any], batch_size: int | None) -> dict[str, Tensor]:
    """A placeholder like each tensor, with its first size open."""
    found = {}
    for name, given in tensors.items():
        shape = given.shape
        if shape.rank is not None and shape.rank > 0:
            shape = TensorShape([batch_size]).concatenate(shape[1:])
        found[name] = placeholder(given.dtype.base_dtype, shape, name)
    return found


def build_raw_serving_input_receiver_fn(
    features: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A function that makes a receiver of the features themselves.

    Parameters
    ----------
    features : tensors or arrays with the features' types and shapes.
    default_batch_size : how many rows come at a time; any number when None.
    """

    def serving_input_receiver_fn() -> ServingInputReceiver:
        fed = _fed({k: _like(v) for k, v in features.items()}, default_batch_size)
        return ServingInputReceiver(fed, fed)

    return serving_input_receiver_fn


def _like(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    with Graph().as_default():
        return convert_to_tensor(value)


def build_raw_supervised_input_receiver_fn(
    features: Any, labels: Any, default_batch_size: int | None = None
) -> Callable[[], SupervisedInputReceiver]:
    """A function that makes a receiver of features and labels.

    Raises
    ------
    ValueError : a feature and a label have one name.
    """
    named, targets = (
        _named(features, "feature", any_key=True),
        _named(labels, "label", any_key=True),
    )
    both = sorted(set(named) & set(targets))
    if both:
        raise ValueError(
            "Features and labels must have distinct keys. Found overlapping keys: "
            f"{', '.join(both)}"
        )

    def supervised_input_receiver_fn() -> SupervisedInputReceiver:
        fed, wanted = _fed(named, default_batch_size), _fed(targets, default_batch_size)
        return SupervisedInputReceiver(
            fed if isinstance(features, Mapping) else fed["feature"],
            wanted if isinstance(labels, Mapping) else wanted["label"],
            {**fed, **wanted},
        )

    return supervised_input_receiver_fn


def build_supervised_input_receiver_fn_from_input_fn(
    input_fn: Callable[..., Any], **input_fn_args: Any
) -> Callable[[], SupervisedInputReceiver]:
    """A function that makes a receiver of what an input function gives."""
    with Graph().as_default():
        found = input_fn(**input_fn_args)
        if hasattr(found, "make_one_shot_iterator"):
            found = found.make_one_shot_iterator().get_next()
        features, labels = found
    return build_raw_supervised_input_receiver_fn(features, labels)
