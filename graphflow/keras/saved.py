"""What models do with files: whole models and weights, in HDF5 files and in checkpoints."""

from __future__ import annotations

import os
from typing import Any

from graphflow.keras import backend, hdf5_files
from graphflow.keras.configs import save_model
from graphflow.train.checkpoints import update_checkpoint_state
from graphflow.train.object_checkpoints import RestoreStatus, read_object_graph, write_objects
from graphflow.train.saver import Saver
from graphflow.train.trackable import ObjectGraph


class Saved:
    """The part of a model that is about files."""

    layers: list[Any]
    weights: Any

    def save_weights(self, filepath: str, overwrite: bool = True, save_format: Any = None) -> None:
        """Write the variables, and the optimizer's.

        Parameters
        ----------
        save_format : ``h5`` for an HDF5 file, as for a path that ends so; else ``tf``, a checkpoint
            of objects.

        Raises
        ------
        ImportError : an HDF5 file is wanted, and h5py is not installed.
        """
        path = str(filepath)
        if os.path.exists(path) and not overwrite:
            raise ValueError(f"{path} exists, and overwrite=False was given")
        if save_format in ("h5", "hdf5", "keras") or (
            save_format is None and path.endswith(hdf5_files.SUFFIXES)
        ):
            with hdf5_files.library().File(path, "w") as file:
                hdf5_files.write_weights(file, self.layers)
            return
        ObjectGraph.of(self)  # makes an optimizer's variables, which the session then fills
        write_objects(self, path, backend.get_session())
        folder = os.path.dirname(path) or "."
        update_checkpoint_state(folder, path, [path], save_relative_paths=True)

    def save(
        self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True,
        save_format: str | None = None, signatures: Any = None,
    ) -> None:  # fmt: skip
        """Write the model; see `save_model`."""
        save_model(self, filepath, overwrite, include_optimizer, save_format)

    def load_weights(self, filepath: str, by_name: bool = False) -> Any:
        """Read the variables from an HDF5 file or a checkpoint.

        Raises
        ------
        ValueError : `by_name` for a checkpoint; weights of other shapes.
        """
        path = str(filepath)
        if hdf5_files.is_hdf5(path):
            with hdf5_files.library().File(path, "r") as file:
                hdf5_files.read_weights(file, self.layers, by_name)
            return None
        if by_name:
            raise ValueError("Weights may only be loaded based on topology into Models when "
                             "loading TensorFlow-formatted weights (got by_name=True to "
                             "load_weights).")  # fmt: skip
        session = backend.get_session()
        if read_object_graph(path) is None:
            Saver(self.weights).restore(session, path)
            return None
        status = RestoreStatus(self, path).assert_nontrivial_match()
        status.run_restore_ops(session)
        return status
