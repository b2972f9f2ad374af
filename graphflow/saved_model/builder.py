"""`SavedModelBuilder` and `simple_save`: a graph with its variables and files, in a folder."""

from __future__ import annotations

import filecmp
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from graphflow import logging
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import add_to_collection, get_collection
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.variable_lists import global_variables
from graphflow.protos import message
from graphflow.saved_model import constants
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.saved_model.signature_def_utils import predict_signature_def
from graphflow.saved_model.tag_constants import SERVING
from graphflow.saved_model.utils import get_assets_dir, get_variables_dir, get_variables_path
from graphflow.train.meta_graph import write_message
from graphflow.train.saver import Saver


class SavedModelBuilder:
    """Writes a SavedModel into a new folder.

    First `add_meta_graph_and_variables`, then `add_meta_graph` for further graphs with the same
    variables, then `save`.

    Raises
    ------
    AssertionError : the folder exists and has something in it.
    """

    def __init__(self, export_dir: str) -> None:
        self._export_dir = os.fspath(export_dir)
        if os.path.exists(self._export_dir) and os.listdir(self._export_dir):
            raise AssertionError(
                "Export directory already exists, and isn't empty. Please choose a different "
                "export directory, or delete all the contents of the specified directory: "
                f"{self._export_dir}"
            )
        os.makedirs(self._export_dir, exist_ok=True)
        self._saved_model = message("SavedModel")(
            saved_model_schema_version=constants.SAVED_MODEL_SCHEMA_VERSION
        )
        self._has_saved_variables = False

    def add_meta_graph_and_variables(
        self, sess: Any, tags: Iterable[str], signature_def_map: Mapping[str, Any] | None = None,
        assets_collection: Any = None, legacy_init_op: Any = None, clear_devices: bool = False,
        main_op: Any = None, strip_default_attrs: bool = False, saver: Saver | None = None,
    ) -> None:  # fmt: skip
        """Add the session's graph, and write its variables.

        Parameters
        ----------
        sess : the session that has the variables.
        tags : what the graph is for.
        signature_def_map : SignatureDefs by name.
        assets_collection : constants that are paths of files, which are copied.
        clear_devices : forget which devices operations were asked for.
        main_op, legacy_init_op : an operation to be run when the model is loaded.
        strip_default_attrs : accepted.
        saver : saves the variables; a new one for all of them when None.

        Raises
        ------
        AssertionError : it was called before; a signature lacks names or types.
        KeyError : a signature has a name that is reserved.
        """
        if self._has_saved_variables:
            raise AssertionError(
                "Graph state including variables and assets has already been saved. Please invoke "
                "`add_meta_graph()` instead."
            )
        signatures = _checked_signatures(signature_def_map)
        with sess.graph.as_default():
            self._add_collections(assets_collection, main_op or legacy_init_op)
            saver = saver or _new_saver()
            os.makedirs(get_variables_dir(self._export_dir), exist_ok=True)
            path = get_variables_path(self._export_dir)
            saver.save(sess, path, write_meta_graph=False, write_state=False)
            self._add(saver, tags, signatures, clear_devices)
        self._has_saved_variables = True

    def add_meta_graph(
        self, tags: Iterable[str], signature_def_map: Mapping[str, Any] | None = None,
        assets_collection: Any = None, legacy_init_op: Any = None, clear_devices: bool = False,
        main_op: Any = None, strip_default_attrs: bool = False, saver: Saver | None = None,
    ) -> None:  # fmt: skip
        """Add the default graph, which has the variables that were written; see above.

        Raises
        ------
        AssertionError : `add_meta_graph_and_variables` was not called.
        """
        if not self._has_saved_variables:
            raise AssertionError(
                "Graph state including variables and assets has not been saved yet. Please invoke "
                "`add_meta_graph_and_variables()` first."
            )
        signatures = _checked_signatures(signature_def_map)
        self._add_collections(assets_collection, main_op or legacy_init_op)
        self._add(saver or _new_saver(), tags, signatures, clear_devices)

    def _add_collections(self, assets: Any, main_op: Any) -> None:
        copied = _collect_assets(assets)
        if copied:
            _copy_assets(copied, self._export_dir)
        else:
            logging.info("No assets to write.")
        if main_op is None:
            return
        if not isinstance(main_op, Operation):
            raise TypeError(f"main_op needs to be an Operation: {main_op!r}")
        for key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
            if get_collection(key):
                raise ValueError(
                    f"Graph already contains one or more main ops under the collection {key}."
                )
        add_to_collection(constants.MAIN_OP_KEY, main_op)

    def _add(
        self, saver: Saver, tags: Iterable[str], signatures: Mapping[str, Any], clear: bool
    ) -> None:
        meta_graph = saver.export_meta_graph(clear_devices=clear)
        meta_graph.meta_info_def.tags.extend([tags] if isinstance(tags, str) else tags)
        for key, signature in signatures.items():
            meta_graph.signature_def[key].CopyFrom(signature)
        self._saved_model.meta_graphs.add().CopyFrom(meta_graph)

    def save(self, as_text: bool = False) -> bytes:
        """Write the graphs' file as a whole; returns its path.

        Parameters
        ----------
        as_text : in protobuf's text form.
        """
        os.makedirs(self._export_dir, exist_ok=True)
        names = constants.SAVED_MODEL_FILENAME_PB, constants.SAVED_MODEL_FILENAME_PBTXT
        path = os.path.join(self._export_dir, names[as_text])
        write_message(self._saved_model, path, as_text)
        logging.info("SavedModel written to: %s", path)
        return path.encode()


def _new_saver() -> Saver:
    saveable = global_variables() + get_collection(GraphKeys.SAVEABLE_OBJECTS)
    return Saver(saveable, sharded=True, allow_empty=True)


# ---- signatures


def _checked_signatures(signature_def_map: Mapping[str, Any] | None) -> Mapping[str, Any]:
    signatures = signature_def_map or {}
    for signature in signatures.values():
        for info in (*signature.inputs.values(), *signature.outputs.values()):
            _check_info(info)
    for key, what in (
        (constants.INIT_OP_SIGNATURE_KEY, "initialization"),
        (constants.TRAIN_OP_SIGNATURE_KEY, "the train op"),
    ):
        if key in signatures:
            raise KeyError(
                f'SignatureDef map key "{key}" is reserved for {what}. Please use a different key.'
            )
    return signatures


def _check_info(info: Any) -> None:
    if info.WhichOneof("encoding") is None:
        raise AssertionError(
            "All TensorInfo protos used in the SignatureDefs must have one of the 'encoding' "
            f"fields (e.g., name or coo_sparse) set: {info}"
        )
    if not info.dtype:
        raise AssertionError(
            f"All TensorInfo protos used in the SignatureDefs must have the dtype field set: {info}"
        )


# ---- assets


def _asset_path(tensor: Any) -> str:
    """The path that a constant is."""
    if not isinstance(tensor, Tensor):
        raise TypeError("Asset path tensor must be a Tensor.")
    if tensor.op.type != "Const":
        raise TypeError("Asset path tensor must be of type constant.")
    if tensor.dtype.kind != "string":
        raise TypeError("Asset path tensor must be of dtype string.")
    value = tensor.op.get_attr("value")
    if value.size != 1:
        raise TypeError("Asset path tensor must be a scalar.")
    path = value.item()
    text = path.decode() if isinstance(path, bytes) else str(path)
    if not text:
        raise ValueError(f"Invalid asset filepath tensor {tensor}")
    return text


def _asset_name(path: str, taken: Mapping[str, str]) -> str:
    """The file's name in the SavedModel; numbered if another file has its name there."""
    name = unique = os.path.basename(path)
    number = 0
    while unique in taken and taken[unique] != path:
        if not number and filecmp.cmp(path, taken[unique], shallow=False):
            return unique
        number += 1
        unique = f"{name}_{number}"
    return unique


def _collect_assets(assets: Any) -> dict[str, str]:
    """Note the assets in the graph's collection; their paths by name in the SavedModel."""
    found: dict[str, str] = {}
    if assets is None:
        logging.info("No assets to save.")
        return found
    for tensor in assets:
        path = _asset_path(tensor)
        name = _asset_name(path, found)
        asset = message("AssetFileDef")(filename=name)
        asset.tensor_info.name = tensor.name
        packed = message("Any")()
        packed.Pack(asset)
        add_to_collection(constants.ASSETS_KEY, packed)
        found[name] = path
    logging.info("Assets added to graph.")
    return found


def _copy_assets(paths: Mapping[str, str], export_dir: str) -> None:
    folder = get_assets_dir(export_dir)
    os.makedirs(folder, exist_ok=True)
    for name, path in paths.items():
        target = os.path.join(folder, name)
        if not os.path.exists(target):
            temporary = f"{target}.tmp{uuid.uuid4().hex}"
            shutil.copyfile(path, temporary)
            os.replace(temporary, target)
    logging.info("Assets written to: %s", folder)


def simple_save(
    session: Any, export_dir: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
    legacy_init_op: Any = None,
) -> None:  # fmt: skip
    """Write a SavedModel with one signature, for prediction.

    Parameters
    ----------
    inputs, outputs : tensors by name.
    legacy_init_op : an operation to be run when the model is loaded.
    """
    builder = SavedModelBuilder(export_dir)
    builder.add_meta_graph_and_variables(
        session, [SERVING],
        {DEFAULT_SERVING_SIGNATURE_DEF_KEY: predict_signature_def(inputs, outputs)},
        assets_collection=session.graph.get_collection(GraphKeys.ASSET_FILEPATHS),
        main_op=legacy_init_op, clear_devices=True,
    )  # fmt: skip
    builder.save()
