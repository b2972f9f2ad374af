"""What is called while a model is trained."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "BaseLogger", "CSVLogger", "Callback", "EarlyStopping", "History", "LambdaCallback",
    "LearningRateScheduler", "ModelCheckpoint", "ProgbarLogger", "ReduceLROnPlateau",
    "TensorBoard", "TerminateOnNaN",
]  # fmt: skip

Logs = dict[str, Any]


class Callback:
    """Base of callbacks; `model` is the model that is trained."""

    model: Any = None

    params: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Say how the training is done: epochs, batch_size, samples, verbose, metrics."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Say which model is trained."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch, with its losses and metrics."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch is trained on."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch, with its loss and metrics."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch is trained on."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch, with its loss and metrics."""
        self.on_batch_end(batch, logs)


class BaseLogger(Callback):
    """Does nothing: `fit` reports means over epochs itself."""

    def __init__(self, stateful_metrics: Any = None) -> None:
        self.stateful_metrics = set(stateful_metrics or [])


class ProgbarLogger(Callback):
    """Shows how far an epoch is."""

    def __init__(self, count_mode: str = "samples", stateful_metrics: Any = None) -> None:
        if count_mode not in ("samples", "steps"):
            raise ValueError(f"Unknown `count_mode`: {count_mode}")
        self.count_mode = count_mode
        self._bar: Any = None
        self._seen = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin a bar."""
        from graphflow.keras.utils import Progbar

        per = "samples" if self.count_mode == "samples" else "steps"
        self._bar, self._seen = Progbar(self.params.get(per), unit_name=per[:-1]), 0

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Move the bar."""
        logs = dict(logs or {})
        self._seen += logs.pop("size", 1) if self.count_mode == "samples" else 1
        logs.pop("batch", None)
        self._bar.update(self._seen, list(logs.items()))


class TerminateOnNaN(Callback):
    """Stops the training when the loss is no number."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stop, if it is none."""
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            sys.stdout.write(f"Batch {batch}: Invalid loss, terminating training\n")
            self.model.stop_training = True


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    Parameters
    ----------
    schedule : function of the epoch, and perhaps of the rate so far.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        from graphflow.keras import backend

        rate = self.model.optimizer.lr
        takes = inspect.signature(self.schedule).parameters
        before = [float(backend.get_value(rate))] if len(takes) > 1 else []
        value = self.schedule(epoch, *before)
        if not isinstance(value, (float, np.floating)):
            raise ValueError('The output of the "schedule" function should be float.')
        backend.set_value(rate, value)
        if self.verbose:
            sys.stdout.write(f"Epoch {epoch + 1}: LearningRateScheduler sets rate {value}\n")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Report the rate."""
        from graphflow.keras import backend

        if logs is not None:
            logs["lr"] = float(backend.get_value(self.model.optimizer.lr))


class CSVLogger(Callback):
    """Writes a line for each epoch to a file."""

    def __init__(self, filename: str, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = filename, separator, append
        self._names: list[str] | None = None
        self._file: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        path = Path(self.filename)
        self._has_head = self.append and path.exists() and path.stat().st_size > 0
        self._file = path.open("a" if self.append else "w")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the line, and before the first the names."""
        logs = logs or {}
        if self._names is None:
            self._names = sorted(logs)
            if not self._has_head:
                self._file.write(self.separator.join(["epoch", *self._names]) + "\n")
        values = [str(epoch), *(str(logs.get(name, "NA")) for name in self._names)]
        self._file.write(self.separator.join(values) + "\n")
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self._file.close()
        self._names = None


class History(Callback):
    """Keeps the losses and metrics of each epoch, in `history`."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep what came of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """Calls functions."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        for name, function in functions.items():
            setattr(self, name, function)


class _Watching(Callback):
    """Watches a loss or metric get better."""

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        self.monitor = monitor
        more = mode == "max" or (mode == "auto" and "acc" in monitor)
        self.sign, self.min_delta = (-1.0 if more else 1.0), min_delta
        self.best, self.wait = np.inf, 0

    def improves(self, logs: Logs | None) -> bool:
        """Whether this epoch is the best so far."""
        if self.monitor not in (logs or {}):
            return True
        value = self.sign * (logs or {})[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.wait = value, 0
            return True
        self.wait += 1
        return False


class EarlyStopping(_Watching):
    """Stops the training when a loss gets no better for `patience` epochs."""

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0,
        mode: str = "auto", baseline: Any = None, restore_best_weights: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.restore_best_weights = restore_best_weights
        self._weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop, if it has been long enough."""
        if self.improves(logs):
            self._weights = self.model.get_weights() if self.restore_best_weights else None
        elif self.wait >= self.patience:
            self.model.stop_training = True
            if self._weights is not None:
                self.model.set_weights(self._weights)


class ModelCheckpoint(_Watching):
    """Writes the variables after each epoch, or after each that is the best so far."""

    def __init__(
        self, filepath: str, monitor: str = "val_loss", verbose: int = 0,
        save_best_only: bool = False, save_weights_only: bool = False, mode: str = "auto", **_: Any,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode)
        self.filepath, self.save_best_only = filepath, save_best_only

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write."""
        if self.improves(logs) or not self.save_best_only:
            self.model.save_weights(self.filepath.format(epoch=epoch + 1, **(logs or {})))


class ReduceLROnPlateau(_Watching):
    """Lowers the learning rate when a loss gets no better for `patience` epochs."""

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10,
        verbose: int = 0, mode: str = "auto", min_delta: float = 1e-4, cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        self.factor, self.patience, self.min_lr = factor, patience, min_lr

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Lower the rate, if it has been long enough."""
        from graphflow.keras import backend

        if not self.improves(logs) and self.wait >= self.patience:
            rate = self.model.optimizer.lr
            lower = max(float(backend.get_value(rate)) * self.factor, self.min_lr)
            backend.set_value(rate, lower)
            self.wait = 0


class TensorBoard(Callback):
    """Writes the losses and metrics of each epoch, and the graph, for TensorBoard.

    Parameters
    ----------
    log_dir : the folder.
    write_graph : whether the graph is written too.
    """

    def __init__(self, log_dir: str = "./logs", write_graph: bool = True, **_: Any) -> None:
        self.log_dir, self.write_graph = log_dir, write_graph
        self.writer: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the event file."""
        from graphflow.graph.default import get_default_graph
        from graphflow.train.events import FileWriter

        graph = get_default_graph() if self.write_graph else None
        self.writer = FileWriter(self.log_dir, graph)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's numbers."""
        from graphflow.protos import message

        summary = message("Summary")()
        for name, value in (logs or {}).items():
            summary.value.add(tag=f"epoch_{name}", simple_value=float(np.mean(value)))
        self.writer.add_summary(summary, epoch)
        self.writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the event file."""
        self.writer.close()
