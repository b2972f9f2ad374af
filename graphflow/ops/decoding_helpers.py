"""Helpers of a `BasicDecoder`: they sample from its outputs and choose its next inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype, int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater, greater_equal, where
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import fill, zeros_like
from graphflow.ops.elementwise import maximum
from graphflow.ops.gathering import gather
from graphflow.ops.random import random_uniform
from graphflow.ops.reductions import argmax, reduce_all
from graphflow.ops.rnn import transpose_batch_time
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape import size
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.unary import log

__all__ = [
    "CustomHelper",
    "GreedyEmbeddingHelper",
    "Helper",
    "InferenceHelper",
    "SampleEmbeddingHelper",
    "ScheduledEmbeddingTrainingHelper",
    "TrainingHelper",
]


class Helper:
    """Chooses a decoder's inputs.

    A subclass has `batch_size`, `sample_ids_shape`, `sample_ids_dtype`, `initialize`, `sample` and
    `next_inputs`.
    """

    batch_size: Any
    sample_ids_shape: Any = TensorShape([])
    sample_ids_dtype: DType = int32

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs)."""
        raise NotImplementedError("a Helper defines initialize")

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """What is chosen from a step's outputs."""
        raise NotImplementedError("a Helper defines sample")

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> Any:
        """(finished, next inputs, next state)."""
        raise NotImplementedError("a Helper defines next_inputs")


class CustomHelper(Helper):
    """A helper made of three functions."""

    def __init__(
        self, initialize_fn: Callable[..., Any], sample_fn: Callable[..., Any],
        next_inputs_fn: Callable[..., Any], sample_ids_shape: Any = None,
        sample_ids_dtype: Any = None,
    ) -> None:  # fmt: skip
        self._initialize, self._sample, self._next = initialize_fn, sample_fn, next_inputs_fn
        self.sample_ids_shape = TensorShape(sample_ids_shape or [])
        self.sample_ids_dtype = as_dtype(sample_ids_dtype or int32)
        self._batch_size: Any = None

    @property
    def batch_size(self) -> Any:
        """How many sequences there are; known when `initialize` was called."""
        if self._batch_size is None:
            raise ValueError("batch_size accessed before initialize was called")
        return self._batch_size

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs)."""
        finished, inputs = self._initialize()
        if self._batch_size is None:
            self._batch_size = size(finished)
        return finished, inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """What is chosen from a step's outputs."""
        return self._sample(time=time, outputs=outputs, state=state)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> Any:
        """(finished, next inputs, next state)."""
        return self._next(time=time, outputs=outputs, state=state, sample_ids=sample_ids)


class TrainingHelper(Helper):
    """Takes the inputs from given sequences; the sample is the greatest output."""

    def __init__(
        self, inputs: Any, sequence_length: Any, time_major: bool = False, name: str | None = None
    ) -> None:
        with name_scope(name, "TrainingHelper", [inputs, sequence_length]):
            values = nest.map_structure(convert_to_tensor, inputs)
            if not time_major:
                values = nest.map_structure(transpose_batch_time, values)
            self._arrays = nest.map_structure(
                lambda v: TensorArray(
                    v.dtype, size=shape_of(v)[0], element_shape=v.shape[1:]
                ).unstack(v),
                values,
            )
            self._sequence_length = convert_to_tensor(sequence_length, name="sequence_length")
            if self._sequence_length.shape.rank != 1:
                raise ValueError(
                    f"Expected sequence_length to be a vector, but received shape: "
                    f"{self._sequence_length.shape}"
                )
            self._zero_inputs = nest.map_structure(lambda v: zeros_like(v[0]), values)
            self.batch_size = size(self._sequence_length)

    def _inputs_at(self, time: Any, finished: Tensor) -> Any:
        def read() -> Any:
            return nest.map_structure(lambda a: a.read(time), self._arrays)

        made = cond(reduce_all(finished), lambda: self._zero_inputs, read)
        nest.map_structure(lambda v, z: v.set_shape(z.shape), made, self._zero_inputs)
        return made

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs)."""
        with name_scope(name, "TrainingHelperInitialize"):
            finished = equal(0, self._sequence_length)
            return finished, self._inputs_at(0, finished)

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """The place of the greatest output."""
        with name_scope(name, "TrainingHelperSample", [time, outputs]):
            return cast(argmax(outputs, axis=-1), int32)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> Any:
        """(finished, next inputs, next state)."""
        with name_scope(name, "TrainingHelperNextInputs", [time, outputs, state]):
            following = time + 1
            finished = greater_equal(following, self._sequence_length)
            return finished, self._inputs_at(following, finished), state


def categorical_sample(logits: Tensor, seed: int | None = None) -> Tensor:
    """An index for each row, with probabilities proportional to the exponentials."""
    uniform = random_uniform(shape_of(logits), dtype=logits.dtype, seed=seed)
    # The greatest of logits with Gumbel noise is distributed as the softmax.
    noise = -log(-log(maximum(uniform, 1e-30)))
    return cast(argmax(logits + noise, axis=-1), int32)


class ScheduledEmbeddingTrainingHelper(TrainingHelper):
    """A `TrainingHelper` that, at random, takes what it sampled in place of what is given."""

    def __init__(
        self, inputs: Any, sequence_length: Any, embedding: Any, sampling_probability: Any,
        time_major: bool = False, seed: int | None = None, scheduling_seed: int | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inputs, sequence_length, time_major, name)
        self._embed = embedding_function(embedding)
        self._probability = convert_to_tensor(sampling_probability, name="sampling_probability")
        if self._probability.shape.rank not in (0, 1):
            raise ValueError(
                "sampling_probability must be either a scalar or a vector. saw shape: "
                f"{self._probability.shape}"
            )
        self._seed, self._scheduling_seed = seed, scheduling_seed

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """A sample where one is to be used, -1 elsewhere."""
        uniform = random_uniform(
            [self.batch_size], dtype=self._probability.dtype, seed=self._scheduling_seed
        )
        nothing = fill([self.batch_size], convert_to_tensor(-1))
        sampled = categorical_sample(outputs, self._seed)
        return where(greater(self._probability, uniform), sampled, nothing)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> Any:
        """(finished, next inputs, next state)."""
        finished, given, state = super().next_inputs(time, outputs, state, sample_ids)
        embedded = self._embed(maximum(sample_ids, 0))
        following = where(greater(sample_ids, -1), embedded, given)
        following.set_shape(given.shape)
        return finished, following, state


def embedding_function(embedding: Any) -> Callable[[Any], Any]:
    """A function of indices from what was given as an embedding: such a function, or a matrix."""
    return embedding if callable(embedding) else lambda ids: gather(embedding, ids)


class GreedyEmbeddingHelper(Helper):
    """Takes the greatest output as the next input, until it is the end token."""

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any) -> None:
        self._embed = embedding_function(embedding)
        self._start_tokens = convert_to_tensor(start_tokens, dtype=int32, name="start_tokens")
        self._end_token = convert_to_tensor(end_token, dtype=int32, name="end_token")
        if self._start_tokens.shape.rank != 1:
            raise ValueError("start_tokens must be a vector")
        if self._end_token.shape.rank != 0:
            raise ValueError("end_token must be a scalar")
        self.batch_size = size(self._start_tokens)
        self._start_inputs = self._embed(self._start_tokens)

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs)."""
        return fill([self.batch_size], convert_to_tensor(False)), self._start_inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """The place of the greatest output."""
        if not isinstance(outputs, Tensor):
            raise TypeError(f"Expected outputs to be a single Tensor, got: {type(outputs)}")
        return cast(argmax(outputs, axis=-1), int32)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> Any:
        """(finished, next inputs, next state)."""
        finished = equal(sample_ids, self._end_token)
        following = self._embed(sample_ids)
        following.set_shape(self._start_inputs.shape)
        return finished, following, state


class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """Takes a sample from the outputs' distribution as the next input."""

    def __init__(
        self, embedding: Any, start_tokens: Any, end_token: Any,
        softmax_temperature: Any = None, seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(embedding, start_tokens, end_token)
        self._temperature, self._seed = softmax_temperature, seed

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """An index for each row."""
        logits = outputs if self._temperature is None else outputs / self._temperature
        return categorical_sample(logits, self._seed)


class InferenceHelper(Helper):
    """Takes what a function samples as the next input, through another one if there is any."""

    def __init__(
        self, sample_fn: Callable[..., Any], sample_shape: Any, sample_dtype: Any,
        start_inputs: Any, end_fn: Callable[..., Any],
        next_inputs_fn: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        self._sample, self._end, self._next = sample_fn, end_fn, next_inputs_fn
        self.sample_ids_shape = TensorShape(sample_shape)
        self.sample_ids_dtype = as_dtype(sample_dtype)
        self._start_inputs = convert_to_tensor(start_inputs, name="start_inputs")
        self.batch_size = shape_of(start_inputs)[0]

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs)."""
        return fill([self.batch_size], convert_to_tensor(False)), self._start_inputs

    def sample(self, time: Any, outputs: Any, state: Any, name: str | None = None) -> Any:
        """What the function samples."""
        return self._sample(outputs)

    def next_inputs(
        self, time: Any, outputs: Any, state: Any, sample_ids: Any, name: str | None = None
    ) -> Any:
        """(finished, next inputs, next state)."""
        following = sample_ids if self._next is None else self._next(sample_ids)
        return self._end(sample_ids), following, state
