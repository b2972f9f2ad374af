"""When to export during `train_and_evaluate`: always, at the end, or what is best so far."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from graphflow import errors, logging
from graphflow.train.events import summary_iterator


class Exporter:
    """Exports a trained model."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        raise NotImplementedError

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any,
        is_the_final_export: bool,
    ) -> Any:  # fmt: skip
        """Export, or not; returns the folder's path or None."""
        raise NotImplementedError


class _Serving(Exporter):
    """Exports a SavedModel for serving."""

    def __init__(
        self, name: str, serving_input_receiver_fn: Any, assets_extra: Any, as_text: bool
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ValueError('"name" argument is required.')
        self._name, self._receiver_fn = name, serving_input_receiver_fn
        self._assets_extra, self._as_text = assets_extra, as_text

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self._name

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any,
        is_the_final_export: bool,
    ) -> Any:  # fmt: skip
        """Export; returns the folder's path."""
        return estimator.export_saved_model(
            export_path, self._receiver_fn, assets_extra=self._assets_extra,
            as_text=self._as_text, checkpoint_path=checkpoint_path,
        )  # fmt: skip


class FinalExporter(_Serving):
    """Exports once, at the end."""

    def __init__(
        self, name: str, serving_input_receiver_fn: Any, assets_extra: Any = None,
        as_text: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text)

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any,
        is_the_final_export: bool,
    ) -> Any:  # fmt: skip
        """Export if it is the end."""
        if not is_the_final_export:
            return None
        logging.info("Performing the final export in the end of training.")
        return super().export(estimator, export_path, checkpoint_path, eval_result, True)


class _Keeping(_Serving):
    """Exports, and deletes all but the newest exports."""

    def __init__(
        self, name: str, serving_input_receiver_fn: Any, assets_extra: Any, as_text: bool,
        exports_to_keep: int | None,
    ) -> None:  # fmt: skip
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text)
        if exports_to_keep is not None and exports_to_keep <= 0:
            raise ValueError(
                f"`exports_to_keep`, if provided, must be a positive number. Got {exports_to_keep}"
            )
        self._exports_to_keep = exports_to_keep

    def _delete_older(self, folder: str) -> None:
        if self._exports_to_keep is None:
            return
        names = [n for n in os.listdir(folder) if len(n) == 10 and n.isdigit()]
        for name in sorted(names, key=int)[: -self._exports_to_keep]:
            shutil.rmtree(os.path.join(folder, name))


class LatestExporter(_Keeping):
    """Exports after every evaluation."""

    def __init__(
        self, name: str, serving_input_receiver_fn: Any, assets_extra: Any = None,
        as_text: bool = False, exports_to_keep: int | None = 5,
    ) -> None:  # fmt: skip
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text, exports_to_keep)

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any,
        is_the_final_export: bool,
    ) -> Any:  # fmt: skip
        """Export; returns the folder's path."""
        made = super().export(
            estimator, export_path, checkpoint_path, eval_result, is_the_final_export
        )
        self._delete_older(export_path)
        return made


def _smaller_loss(
    best_eval_result: Mapping[str, Any], current_eval_result: Mapping[str, Any]
) -> bool:
    for result in (best_eval_result, current_eval_result):
        if not result or "loss" not in result:
            raise ValueError("eval_result cannot be empty or no loss is found in it.")
    return bool(best_eval_result["loss"] > current_eval_result["loss"])


class BestExporter(_Keeping):
    """Exports after an evaluation that is better than all before.

    Parameters
    ----------
    event_file_pattern : the files in the model's folder with the results so far; none when None.
    compare_fn : called with ``best_eval_result`` and ``current_eval_result``, tells whether the
        current one is better; by default, whether its loss is smaller.
    """

    def __init__(
        self, name: str = "best_exporter", serving_input_receiver_fn: Any = None,
        event_file_pattern: str | None = "eval/*.tfevents.*",
        compare_fn: Callable[..., bool] = _smaller_loss, assets_extra: Any = None,
        as_text: bool = False, exports_to_keep: int | None = 5,
    ) -> None:  # fmt: skip
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text, exports_to_keep)
        if compare_fn is None:
            raise ValueError("`compare_fn` must not be None.")
        self._compare_fn, self._pattern = compare_fn, event_file_pattern
        self._model_dir: str | None = None
        self._best: Mapping[str, Any] | None = None

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any,
        is_the_final_export: bool,
    ) -> Any:  # fmt: skip
        """Export if the result is the best."""
        if self._model_dir != estimator.model_dir and self._pattern:
            self._model_dir = estimator.model_dir
            self._best = self._best_of_files(os.path.join(estimator.model_dir, self._pattern))
        if self._best is not None and not self._compare_fn(
            best_eval_result=self._best, current_eval_result=eval_result
        ):
            return None
        logging.info("Performing best model export.")
        self._best = eval_result
        made = super().export(
            estimator, export_path, checkpoint_path, eval_result, is_the_final_export
        )
        self._delete_older(export_path)
        return made

    def _best_of_files(self, pattern: str) -> Mapping[str, Any] | None:
        best: Mapping[str, Any] | None = None
        for path in glob.glob(pattern):
            try:
                for event in summary_iterator(path):
                    found = {v.tag: v.simple_value for v in event.summary.value}
                    if found and (
                        best is None
                        or self._compare_fn(best_eval_result=best, current_eval_result=found)
                    ):
                        best = found
            except errors.DataLossError:  # a file that is being written
                continue
        return best
