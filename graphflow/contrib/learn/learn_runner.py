"""TensorFlow's `tf.contrib.learn.learn_runner`: an experiment's train-and-evaluate run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.estimator.training import EvalSpec, TrainSpec, train_and_evaluate


class Experiment:
    """An estimator with what it is trained and evaluated on.

    Parameters
    ----------
    train_steps : the last global step; until the input ends when None.
    eval_steps : how many batches an evaluation takes.
    """

    def __init__(
        self, estimator: Any, train_input_fn: Callable[..., Any],
        eval_input_fn: Callable[..., Any], eval_metrics: Any = None,
        train_steps: int | None = None, eval_steps: int | None = 100,
    ) -> None:  # fmt: skip
        self.estimator = estimator
        self._train = TrainSpec(train_input_fn, max_steps=train_steps)
        self._eval = EvalSpec(eval_input_fn, steps=eval_steps)

    def train(self) -> Any:
        """Train only."""
        return self.estimator.train(self._train.input_fn, max_steps=self._train.max_steps)

    def evaluate(self) -> Any:
        """Evaluate only."""
        return self.estimator.evaluate(input_fn=self._eval.input_fn, steps=self._eval.steps)

    def train_and_evaluate(self) -> Any:
        """Train, and evaluate checkpoints."""
        return train_and_evaluate(self.estimator, self._train, self._eval)


def run(
    experiment_fn: Callable[..., Experiment], output_dir: str | None = None,
    schedule: str | None = None, run_config: Any = None, hparams: Any = None,
) -> Any:  # fmt: skip
    """Make an experiment, and call its method `schedule`; ``train_and_evaluate`` when None."""
    if (output_dir is None) == (run_config is None):
        raise ValueError("expected either output_dir or run_config")
    if run_config is not None:
        experiment = experiment_fn(run_config=run_config, hparams=hparams)
    else:
        experiment = experiment_fn(output_dir)
    return getattr(experiment, schedule or "train_and_evaluate")()
