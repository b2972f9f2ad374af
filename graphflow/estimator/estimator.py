"""`Estimator`: training, evaluation and prediction of a model that a function describes."""

from __future__ import annotations

import copy
import inspect
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import errors, logging
from graphflow.distribute import InputContext
from graphflow.estimator import running
from graphflow.estimator.exporting import export_model
from graphflow.estimator.model_fn import EstimatorSpec, ModeKeys
from graphflow.estimator.run_config import RunConfig
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.random_seed import set_random_seed
from graphflow.saved_model.utils import get_variables_path
from graphflow.train.checkpoints import latest_checkpoint, load_checkpoint
from graphflow.train.control_hooks import StopAtStepHook
from graphflow.train.global_step import create_global_step, read_global_step
from graphflow.train.saving_hooks import CheckpointSaverListener
from graphflow.train.session_run_hook import SessionRunHook


class WarmStartSettings(NamedTuple):
    """What an Estimator begins with; see `warm_start`."""

    ckpt_to_initialize_from: str
    vars_to_warm_start: Any = ".*"
    var_name_to_vocab_info: Any = None
    var_name_to_prev_var_name: Any = None


class Estimator:
    """Trains and uses the model that a function builds.

    Parameters
    ----------
    model_fn : gets ``features`` and, where it has parameters of these names, ``labels``, ``mode``,
        ``params``, ``config``; returns an `EstimatorSpec`.
    model_dir : the folder of checkpoints and summaries; `config`'s, or a temporary one, when None.
    config : a `RunConfig`.
    params : handed to `model_fn`.
    warm_start_from : a checkpoint, the folder of a SavedModel, or `WarmStartSettings`.

    Raises
    ------
    ValueError : `model_fn` lacks ``features``, has unknown parameters, or lacks ``params`` when
        there are any; `model_dir` and `config` name different folders.
    """

    def __init__(
        self, model_fn: Callable[..., Any], model_dir: Any = None, config: Any = None,
        params: Any = None, warm_start_from: Any = None,
    ) -> None:  # fmt: skip
        if model_fn is None:
            raise ValueError("model_fn must be provided to Estimator.")
        if config is not None and not isinstance(config, RunConfig):
            raise ValueError(f"config must be an instance of `RunConfig`, but provided {config}.")
        self._arguments = _checked_arguments(model_fn, params)
        self._model_fn = model_fn
        self._config = _with_folder(config or RunConfig(), model_dir)
        self._params = copy.deepcopy(params or {})
        self._warm_start_settings = _warm_start_settings(warm_start_from)
        logging.info("Using config: %s", self._config)

    @property
    def model_dir(self) -> str:
        """The folder of checkpoints and summaries."""
        return str(self._config.model_dir)

    @property
    def config(self) -> RunConfig:
        """A copy of the configuration."""
        return copy.deepcopy(self._config)

    @property
    def params(self) -> Any:
        """A copy of the parameters."""
        return copy.deepcopy(self._params)

    @property
    def model_fn(self) -> Callable[..., Any]:
        """The model as a function of features, labels, mode and config."""

        def public_model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
            return self._call_model_fn(features, labels, mode, config)

        return public_model_fn

    # ---- what was trained

    def get_variable_value(self, name: str) -> Any:
        """A variable's value in the latest checkpoint."""
        self._check_checkpoint()
        return load_checkpoint(self.model_dir).get_tensor(name.removesuffix(":0"))

    def get_variable_names(self) -> list[str]:
        """The names of the variables in the latest checkpoint."""
        self._check_checkpoint()
        return sorted(load_checkpoint(self.model_dir).get_variable_to_shape_map())

    def latest_checkpoint(self) -> str | None:
        """The latest checkpoint's path; None when there is none."""
        return latest_checkpoint(self.model_dir)

    def eval_dir(self, name: str | None = None) -> str:
        """The folder of an evaluation's summaries."""
        return os.path.join(self.model_dir, f"eval_{name}" if name else "eval")

    def _check_checkpoint(self) -> None:
        if self.latest_checkpoint() is None:
            raise ValueError(f"Couldn't find trained model at {self.model_dir}.")

    # ---- the three modes

    def train(
        self, input_fn: Callable[..., Any], hooks: Sequence[SessionRunHook] | None = None,
        steps: int | None = None, max_steps: int | None = None,
        saving_listeners: Sequence[CheckpointSaverListener] | None = None,
    ) -> Estimator:  # fmt: skip
        """Train, beginning with the latest checkpoint; returns the Estimator.

        Parameters
        ----------
        input_fn : gives a Dataset of pairs (features, labels), or tensors of a batch.
        hooks : further hooks.
        steps : how many steps; until the input ends when None.
        max_steps : the global step at which to end.
        saving_listeners : called when checkpoints are saved.

        Raises
        ------
        ValueError : both `steps` and `max_steps` are given, or one is not positive.
        """
        if steps is not None and max_steps is not None:
            raise ValueError("Can not provide both steps and max_steps.")
        for name, value in (("steps", steps), ("max_steps", max_steps)):
            if value is not None and value <= 0:
                raise ValueError(f"Must specify {name} > 0, given: {value}")
        if max_steps is not None and self._trained_steps() >= max_steps:
            logging.info("Skipping training since max_steps has already saved.")
            return self
        every = _checked_hooks(hooks)
        if steps is not None or max_steps is not None:
            every.append(StopAtStepHook(steps, max_steps))
        listeners = list(saving_listeners or ())
        for listener in listeners:
            if not isinstance(listener, CheckpointSaverListener):
                raise TypeError(
                    f"saving_listeners must be a list of CheckpointSaverListener, given: {listener}"
                )
        with self._graph() as graph, graph.device(self._config.device_fn):
            read_global_step()
            features, labels, made = running.inputs(self._call_input_fn, input_fn, ModeKeys.TRAIN)
            spec = self._call_model_fn(features, labels, ModeKeys.TRAIN, self.config)
            loss = running.train(
                spec, self._config, [*made, *every], listeners, self._warm_start_settings
            )
        logging.info("Loss for final step: %s.", loss)
        return self

    def evaluate(
        self, input_fn: Callable[..., Any], steps: int | None = None,
        hooks: Sequence[SessionRunHook] | None = None, checkpoint_path: str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The metrics over the input, with the loss's mean and the global step.

        Parameters
        ----------
        steps : how many batches; all when None.
        checkpoint_path : the model to take; the latest when None.
        name : a name for the evaluation, for several data sets.
        """
        if steps is not None and steps <= 0:
            raise ValueError(f"Must specify steps > 0, given: {steps}")
        every = _checked_hooks(hooks)
        path = checkpoint_path or self.latest_checkpoint()
        if path is None:
            logging.info(
                "Could not find trained model in model_dir: %s, running initialization to "
                "evaluate.", self.model_dir,
            )  # fmt: skip
        with self._graph():
            features, labels, made = running.inputs(self._call_input_fn, input_fn, ModeKeys.EVAL)
            spec = self._call_model_fn(features, labels, ModeKeys.EVAL, self.config)
            self._warm_start_without(path)
            return running.evaluate(
                spec, self._config, [*made, *every], steps, path, self.eval_dir(name)
            )

    def predict(
        self, input_fn: Callable[..., Any], predict_keys: Any = None,
        hooks: Sequence[SessionRunHook] | None = None, checkpoint_path: str | None = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:  # fmt: skip
        """Yield the predictions for the input.

        Parameters
        ----------
        predict_keys : the names of the predictions to compute; all when None.
        checkpoint_path : the model to take; the latest when None.
        yield_single_examples : yield row by row, not batch by batch.

        Raises
        ------
        ValueError : no prediction has one of the names; rows do not fit.
        """
        every = _checked_hooks(hooks)
        path = checkpoint_path or self.latest_checkpoint()
        if path is None:
            logging.info(
                "Could not find trained model in model_dir: %s, running initialization to "
                "predict.", self.model_dir,
            )  # fmt: skip
        with self._graph() as graph:
            features, _, made = running.inputs(self._call_input_fn, input_fn, ModeKeys.PREDICT)
            spec = self._call_model_fn(features, None, ModeKeys.PREDICT, self.config)
            self._warm_start_without(path)
            wanted = _chosen_predictions(spec.predictions, predict_keys)
            session = running.prediction_session(spec, self._config, [*made, *every], path)
        # The graph is the default one only while it is in use: a generator may never be finished.
        failed = True
        try:
            while True:
                with graph.as_default():
                    if session.should_stop():
                        break
                    try:
                        found = session.run(wanted)
                    except (errors.OutOfRangeError, StopIteration):
                        break
                if not yield_single_examples:
                    yield found
                elif not isinstance(wanted, Mapping):
                    yield from found
                else:
                    for row in range(_rows(found)):
                        yield {key: value[row] for key, value in found.items()}
            failed = False
        finally:
            with graph.as_default():
                session._close(failed)

    # ---- export

    def export_saved_model(
        self, export_dir_base: str, serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None, as_text: bool = False,
        checkpoint_path: str | None = None, experimental_mode: str = ModeKeys.PREDICT,
    ) -> bytes:  # fmt: skip
        """Write a SavedModel into a new folder, named by the time; returns its path.

        Parameters
        ----------
        export_dir_base : the folder in which the new one is made.
        serving_input_receiver_fn : gives a `ServingInputReceiver`.
        assets_extra : files to copy, by their paths in ``assets.extra``.
        checkpoint_path : the model to take; the latest when None.
        """
        return self.experimental_export_all_saved_models(
            export_dir_base, {experimental_mode: serving_input_receiver_fn}, assets_extra, as_text,
            checkpoint_path,
        )  # fmt: skip

    def export_savedmodel(
        self, export_dir_base: str, serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None, as_text: bool = False,
        checkpoint_path: str | None = None, strip_default_attrs: bool = False,
    ) -> bytes:  # fmt: skip
        """`export_saved_model` under its former name."""
        return self.export_saved_model(
            export_dir_base, serving_input_receiver_fn, assets_extra, as_text, checkpoint_path
        )

    def experimental_export_all_saved_models(
        self, export_dir_base: str, input_receiver_fn_map: Mapping[str, Callable[[], Any]],
        assets_extra: Mapping[str, str] | None = None, as_text: bool = False,
        checkpoint_path: str | None = None,
    ) -> bytes:  # fmt: skip
        """Write one SavedModel with a graph for each mode that has an input receiver."""
        path = checkpoint_path or self.latest_checkpoint()
        if path is None and self._warm_start_settings:
            source = self._warm_start_settings.ckpt_to_initialize_from
            path = latest_checkpoint(source) or source
        if path is None:
            raise ValueError(f"Couldn't find trained model at {self.model_dir}.")
        return export_model(
            self._graph,
            lambda features, labels, mode: self._call_model_fn(
                features, labels, mode, self.config
            ),
            export_dir_base, input_receiver_fn_map, assets_extra, as_text, path,
            self._config.session_config,
        )  # fmt: skip

    # ---- the model

    def _graph(self) -> Any:
        graph = Graph()
        entered = graph.as_default()
        return _Prepared(graph, entered, self._config.tf_random_seed, self._create_global_step)

    def _create_global_step(self, graph: Graph) -> Any:
        return create_global_step(graph)

    def _trained_steps(self) -> int:
        path = self.latest_checkpoint()
        return 0 if path is None else int(load_checkpoint(path).get_tensor("global_step"))

    def _warm_start_without(self, path: str | None) -> None:
        if path is None and self._warm_start_settings:
            running.warm_start_from(self._warm_start_settings)

    def _params_in(self, mode: str) -> Any:
        return self.params

    def _spec_of(self, made: Any) -> Any:
        return made

    def _call_input_fn(self, input_fn: Callable[..., Any], mode: str) -> Any:
        names = _parameters(input_fn)
        given: dict[str, Any] = {}
        if "mode" in names:
            given["mode"] = mode
        if "params" in names:
            given["params"] = self._params_in(mode)
        if "config" in names:
            given["config"] = self.config
        if "input_context" in names and self._is_distributed(mode):
            given["input_context"] = InputContext()
        return input_fn(**given)

    def _is_distributed(self, mode: str) -> bool:
        training, evaluation = self.config.train_distribute, self.config.eval_distribute
        return {ModeKeys.TRAIN: training, ModeKeys.EVAL: evaluation}.get(mode) is not None

    def _call_model_fn(self, features: Any, labels: Any, mode: str, config: Any) -> EstimatorSpec:
        given: dict[str, Any] = {}
        if "labels" in self._arguments:
            given["labels"] = labels
        elif labels is not None:
            raise ValueError("model_fn does not take labels, but input_fn returns labels.")
        params = self._params_in(mode)
        for name, value in (("mode", mode), ("params", params), ("config", config)):
            if name in self._arguments:
                given[name] = value
        logging.info("Calling model_fn.")
        made = self._spec_of(self._model_fn(features=features, **given))
        logging.info("Done calling model_fn.")
        if not isinstance(made, EstimatorSpec):
            raise ValueError("model_fn should return an EstimatorSpec.")
        return made


class _Prepared:
    """A graph with its seed and a global step, as the default graph."""

    def __init__(self, graph: Graph, entered: Any, seed: Any, make_step: Any) -> None:
        self._graph, self._entered, self._seed, self._make_step = graph, entered, seed, make_step

    def __enter__(self) -> Graph:
        self._entered.__enter__()
        set_random_seed(self._seed)
        self._make_step(get_default_graph())
        return self._graph

    def __exit__(self, *exception: Any) -> Any:
        return self._entered.__exit__(*exception)


# ---- helpers


def _parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def _checked_arguments(model_fn: Callable[..., Any], params: Any) -> set[str]:
    kinds = inspect.signature(model_fn).parameters
    names = set(kinds)
    if "features" not in names:
        raise ValueError(f"model_fn ({model_fn}) must include features argument.")
    if params is not None and "params" not in names:
        raise ValueError(
            f"model_fn ({model_fn}) does not include params argument, but params ({params}) is "
            "passed to Estimator."
        )
    if params is None and "params" in names:
        logging.warning("Estimator's model_fn (%s) includes params argument, but params are not "
                        "passed to Estimator.", model_fn)  # fmt: skip
    known = {"features", "labels", "mode", "params", "config", "self"}
    required = {n for n, p in kinds.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    if required - known:
        raise ValueError(
            f"model_fn ({model_fn}) has following not expected args: {required - known}"
        )
    if any(p.kind is p.VAR_KEYWORD for p in kinds.values()):
        names |= known - {"self"}
    return names


def _with_folder(config: RunConfig, model_dir: Any) -> RunConfig:
    folder = None if model_dir is None else os.fspath(model_dir)
    if folder is not None and config.model_dir is not None and config.model_dir != folder:
        raise ValueError(
            "`model_dir` are set both in constructor and `RunConfig`, but with different values. "
            f"In constructor: '{folder}', in `RunConfig`: '{config.model_dir}' "
        )
    found = folder or config.model_dir
    if found is None:
        found = tempfile.mkdtemp()
        logging.warning("Using temporary folder as model directory: %s", found)
    return config.replace(model_dir=found)


def _warm_start_settings(given: Any) -> WarmStartSettings | None:
    if given is None or isinstance(given, WarmStartSettings):
        return given
    if not isinstance(given, str):
        raise ValueError(
            f"warm_start_from must be a string or a WarmStartSettings, instead got {type(given)}"
        )
    variables = get_variables_path(given)
    path = os.fsdecode(variables)
    return WarmStartSettings(path if os.path.exists(f"{path}.index") else given)


def _checked_hooks(hooks: Iterable[Any] | None) -> list[Any]:
    found = list(hooks or ())
    for hook in found:
        if not isinstance(hook, SessionRunHook):
            raise TypeError(f"Hooks must be a SessionRunHook, given: {hook}")
    return found


def _chosen_predictions(predictions: Any, keys: Any) -> Any:
    if not keys:
        return predictions
    wanted = [keys] if isinstance(keys, str) else list(keys)
    if not isinstance(predictions, Mapping):
        raise ValueError("predict_keys argument is not valid in case of non-dict predictions.")
    found = {key: value for key, value in predictions.items() if key in wanted}
    if not found:
        raise ValueError(
            f"Expected to run at least one output from {list(predictions)}, provided {wanted}."
        )
    return found


def _rows(found: Mapping[str, Any]) -> int:
    count: int | None = None
    for key, value in found.items():
        size = len(value) if np.ndim(value) else 0
        if count is not None and size != count:
            raise ValueError(f"Batch length of predictions should be same. {key} has different "
                             "batch length than others.")  # fmt: skip
        count = size
    return count or 0
