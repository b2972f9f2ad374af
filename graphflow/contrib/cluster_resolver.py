"""TensorFlow's `tf.contrib.cluster_resolver`: clusters that are given, as there are no others."""

from typing import Any

__all__ = ["SimpleClusterResolver", "TPUClusterResolver"]


class SimpleClusterResolver:
    """A cluster that is known."""

    def __init__(
        self, cluster_spec: Any, master: str = "", task_type: str | None = None,
        task_id: int | None = None, **_: Any,
    ) -> None:  # fmt: skip
        self._cluster_spec, self._master = cluster_spec, master
        self.task_type, self.task_id = task_type, task_id

    def cluster_spec(self) -> Any:
        """The cluster."""
        return self._cluster_spec

    def master(self, *_: Any, **__: Any) -> str:
        """The address of the master."""
        return self._master


class TPUClusterResolver:
    """Finds TPUs: never any."""

    def __init__(self, tpu: Any = None, *_: Any, **__: Any) -> None:
        raise ValueError(
            f"Expected a program that runs without TPUs, got one that asks for {tpu!r}"
        )
