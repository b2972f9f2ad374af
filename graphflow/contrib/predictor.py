"""TensorFlow's `tf.contrib.predictor`: a model as a function of dicts of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.estimator.exporting import signatures
from graphflow.estimator.model_fn import ModeKeys
from graphflow.graph.graph import Graph
from graphflow.runtime.session import Session
from graphflow.saved_model.loader import SavedModelLoader, load
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.saved_model.tag_constants import SERVING
from graphflow.train.monitored_session import ChiefSessionCreator, MonitoredSession

__all__ = ["from_estimator", "from_saved_model"]


class Predictor:
    """A graph in a session, called with a dict of inputs.

    Attributes
    ----------
    graph, session : where the model is.
    feed_tensors, fetch_tensors : inputs and outputs by name.
    """

    def __init__(
        self, graph: Graph, session: Any, inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> None:
        self._graph, self._session = graph, session
        self._feeds = {key: graph.get_tensor_by_name(name) for key, name in inputs.items()}
        self._fetches = {key: graph.get_tensor_by_name(name) for key, name in outputs.items()}

    @property
    def graph(self) -> Graph:
        """The model's graph."""
        return self._graph

    @property
    def session(self) -> Any:
        """The session with the model's variables."""
        return self._session

    @property
    def feed_tensors(self) -> dict[str, Any]:
        """Inputs by name."""
        return self._feeds

    @property
    def fetch_tensors(self) -> dict[str, Any]:
        """Outputs by name."""
        return self._fetches

    def __call__(self, input_dict: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs as arrays, by name.

        Raises
        ------
        ValueError : an input that the model has not.
        """
        unexpected = set(input_dict) - set(self._feeds)
        if unexpected:
            raise ValueError(
                f"Got unexpected keys in input_dict: {unexpected}\nexpected: {set(self._feeds)}"
            )
        feeds = {self._feeds[key]: value for key, value in input_dict.items()}
        found: dict[str, Any] = self._session.run(self._fetches, feed_dict=feeds)
        return found

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__} with feed tensors {self._feeds} and fetch_tensors "
            f"{self._fetches}"
        )


class SavedModelPredictor(Predictor):
    """A SavedModel; see `from_saved_model`."""


class CoreEstimatorPredictor(Predictor):
    """An Estimator's latest checkpoint; see `from_estimator`."""


def _names(infos: Mapping[str, Any]) -> dict[str, str]:
    return {key: info.name for key, info in infos.items()}


def from_saved_model(
    export_dir: Any, signature_def_key: str | None = None, signature_def: Any = None,
    input_names: Mapping[str, str] | None = None, output_names: Mapping[str, str] | None = None,
    tags: str | Iterable[str] | None = None, graph: Graph | None = None, config: Any = None,
) -> SavedModelPredictor:  # fmt: skip
    """Return a SavedModel as a function.

    Parameters
    ----------
    export_dir : the SavedModel's folder.
    signature_def_key : the name of one of its signatures; ``"serving_default"`` without any choice.
    signature_def : a signature instead.
    input_names, output_names : names of tensors by names of arguments instead.
    tags : those of the graph, separated by commas; ``"serve"`` when None.
    graph : where it is loaded; a new one when None.
    config : the session's.

    Raises
    ------
    ValueError : more than one choice of inputs and outputs; no signature of that name.
    """
    chosen = sum(c is not None for c in (signature_def_key, signature_def)) + (
        input_names is not None or output_names is not None
    )
    if chosen > 1 or (input_names is None) != (output_names is None):
        raise ValueError(
            "You must specify at most one of signature_def_key OR signature_def OR (input_names "
            "AND output_names)."
        )
    tags = SERVING if tags is None else tags
    tag_set = tags.split(",") if isinstance(tags, str) else list(tags)
    if input_names is None or output_names is None:
        if signature_def is None:
            key = signature_def_key or DEFAULT_SERVING_SIGNATURE_DEF_KEY
            signature_def = _signature(export_dir, tag_set, key)
        input_names = _names(signature_def.inputs)
        output_names = _names(signature_def.outputs)
    graph = graph or Graph()
    with graph.as_default():
        session = Session(config=config)
        load(session, tag_set, export_dir)
    return SavedModelPredictor(graph, session, input_names, output_names)


def _signature(export_dir: Any, tags: Iterable[str], key: str) -> Any:
    found = SavedModelLoader(export_dir).get_meta_graph_def_from_tags(tags).signature_def
    if key not in found:
        raise ValueError(
            f'Got signature_def_key "{key}". Available signatures are {sorted(found)}.'
        )
    return found[key]


def from_estimator(
    estimator: Any, serving_input_receiver_fn: Any, output_key: str | None = None,
    graph: Graph | None = None, config: Any = None,
) -> CoreEstimatorPredictor:  # fmt: skip
    """Return an Estimator's latest checkpoint as a function.

    Parameters
    ----------
    serving_input_receiver_fn : see `Estimator.export_saved_model`.
    output_key : the name of one of the model's export outputs; the default one when None.
    graph, config : as in `from_saved_model`.

    Raises
    ------
    ValueError : no export output of that name; the Estimator was not trained.
    """
    graph = graph or Graph()
    checkpoint = estimator.latest_checkpoint()
    if not checkpoint:
        raise ValueError(f"Couldn't find trained model at {estimator.model_dir}.")
    with graph.as_default():
        receiver = serving_input_receiver_fn()
        spec = estimator._call_model_fn(receiver.features, None, ModeKeys.PREDICT, estimator.config)
        known = signatures(receiver, spec)
        key = output_key or DEFAULT_SERVING_SIGNATURE_DEF_KEY
        if key not in known:
            raise ValueError(f"output_key must be one of {sorted(known)}, got {key!r}")
        session = MonitoredSession(
            ChiefSessionCreator(
                spec.scaffold, config=config, checkpoint_filename_with_path=checkpoint
            )
        )
    signature = known[key]
    return CoreEstimatorPredictor(
        graph, session, _names(signature.inputs), _names(signature.outputs)
    )
