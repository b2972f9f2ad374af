"""SavedModels into sessions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from graphflow import logging
from graphflow.errors import InvalidArgumentError, NotFoundError
from graphflow.graph.graph import Graph
from graphflow.protos import message
from graphflow.protos.text import parse_text
from graphflow.saved_model import constants
from graphflow.saved_model.utils import (
    get_assets_dir,
    get_element_from_tensor_info,
    get_variables_path,
)
from graphflow.train.meta_graph import import_meta_graph


def maybe_saved_model_directory(export_dir: str) -> bool:
    """Whether a folder has the file of a SavedModel."""
    names = constants.SAVED_MODEL_FILENAME_PB, constants.SAVED_MODEL_FILENAME_PBTXT
    return any(os.path.exists(os.path.join(export_dir, name)) for name in names)


contains_saved_model = maybe_saved_model_directory


def parse_saved_model(export_dir: str) -> Any:
    """The SavedModel message of a folder.

    Raises
    ------
    OSError : there is none, or its file is damaged or something else.
    """
    from google.protobuf.message import DecodeError

    folder = os.fspath(export_dir)
    binary = os.path.join(folder, constants.SAVED_MODEL_FILENAME_PB)
    text = os.path.join(folder, constants.SAVED_MODEL_FILENAME_PBTXT)
    proto = message("SavedModel")()
    if os.path.exists(binary):
        with open(binary, "rb") as file:
            data = file.read()
        try:
            proto.ParseFromString(data)
        except DecodeError as error:
            raise OSError(f"Cannot parse file {binary}: {error}.") from error
        return proto
    if os.path.exists(text):
        with open(text, "rb") as file:
            data = file.read()
        try:
            return parse_text(data, proto)
        except ValueError as error:
            raise OSError(f"Cannot parse file {text}: {error}.") from error
    raise OSError(
        f"SavedModel file does not exist at: {folder}/{{{constants.SAVED_MODEL_FILENAME_PBTXT}|"
        f"{constants.SAVED_MODEL_FILENAME_PB}}}"
    )


def load(
    sess: Any, tags: Iterable[str], export_dir: str, import_scope: str | None = None,
    **saver_kwargs: Any,
) -> Any:  # fmt: skip
    """Add a MetaGraph of a SavedModel to a session's graph, restore its variables, initialise it.

    Parameters
    ----------
    sess : a session whose graph has room for the model's names.
    tags : the tags of the MetaGraph, all of them.
    export_dir : the SavedModel's folder.
    import_scope : a prefix for all names.
    saver_kwargs : see `import_meta_graph`.

    Returns
    -------
    The MetaGraphDef, whose signatures name tensors.

    Raises
    ------
    OSError : there is no SavedModel, or its file is damaged.
    RuntimeError : no MetaGraph has these tags.
    errors.OpError : the checkpoint lacks a variable or is damaged; an asset has a bad path.
    """
    return SavedModelLoader(export_dir).load(sess, tags, import_scope, **saver_kwargs)


class SavedModelLoader:
    """Loads a SavedModel, in one step or in three.

    Raises
    ------
    OSError : there is no SavedModel, or its file is damaged.
    """

    def __init__(self, export_dir: str) -> None:
        self._export_dir = os.fspath(export_dir)
        self._variables_path = get_variables_path(self._export_dir)
        self._saved_model = parse_saved_model(self._export_dir)

    @property
    def export_dir(self) -> str:
        """The folder."""
        return self._export_dir

    @property
    def variables_path(self) -> str:
        """The prefix of the checkpoint."""
        return self._variables_path

    @property
    def saved_model(self) -> Any:
        """The SavedModel message."""
        return self._saved_model

    def get_meta_graph_def_from_tags(self, tags: Iterable[str]) -> Any:
        """The MetaGraphDef that has exactly these tags.

        Raises
        ------
        RuntimeError : there is none; names the tags that there are.
        """
        available = []
        for proto in self._saved_model.meta_graphs:
            available.append(set(proto.meta_info_def.tags))
            if available[-1] == set(tags):
                return proto
        raise RuntimeError(
            f"MetaGraphDef associated with tags {str(tags).strip('[]')} could not be found in "
            "SavedModel. To inspect available tag-sets in the SavedModel, please use the "
            f"SavedModel CLI: `saved_model_cli`\navailable_tags: {available}"
        )

    def load_graph(
        self, graph: Graph, tags: Iterable[str], import_scope: str | None = None,
        **saver_kwargs: Any,
    ) -> Any:  # fmt: skip
        """Add the MetaGraph to a graph; returns its Saver, None without variables."""
        proto = self.get_meta_graph_def_from_tags(tags)
        with graph.as_default():
            return import_meta_graph(proto, import_scope=import_scope, **saver_kwargs)

    def restore_variables(self, sess: Any, saver: Any, import_scope: str | None = None) -> None:
        """Give the variables of a session their values.

        Raises
        ------
        ValueError : there are variables, but no Saver.
        """
        if saver is not None:
            with sess.graph.as_default():
                saver.restore(sess, self._variables_path)
        elif sess.graph.get_collection("variables", import_scope):
            raise ValueError(
                "No tf.train.Saver object was passed to the function "
                "SavedModelLoader.restore_variables. Since there are variables in the graph, a "
                "saver is required."
            )
        else:
            logging.info("The specified SavedModel has no variables; no checkpoints were restored.")

    def run_init_ops(self, sess: Any, tags: Iterable[str], import_scope: str | None = None) -> None:
        """Run the model's main operation, with the paths of its assets."""
        proto = self.get_meta_graph_def_from_tags(tags)
        with sess.graph.as_default():
            feeds = asset_paths(self._export_dir, proto, import_scope)
            operation = main_operation(sess.graph, proto, import_scope)
            if operation is not None:
                sess.run([operation], feed_dict=feeds)

    def load(
        self, sess: Any, tags: Iterable[str], import_scope: str | None = None, **saver_kwargs: Any
    ) -> Any:
        """All three; returns the MetaGraphDef."""
        tags = list(tags) if not isinstance(tags, str) else tags
        proto = self.get_meta_graph_def_from_tags(tags)
        asset_paths(self._export_dir, proto)  # a bad path is refused before the graph is touched
        saver = self.load_graph(sess.graph, tags, import_scope, **saver_kwargs)
        self.restore_variables(sess, saver, import_scope)
        self.run_init_ops(sess, tags, import_scope)
        return proto


def asset_paths(export_dir: str, proto: Any, import_scope: str | None = None) -> dict[str, str]:
    """The paths of a MetaGraph's assets, by the name of the tensor that is fed.

    Raises
    ------
    errors.InvalidArgumentError : a path leads out of the SavedModel's folder.
    """
    assets = list(proto.asset_file_def)
    if not assets and constants.ASSETS_KEY in proto.collection_def:
        for packed in proto.collection_def[constants.ASSETS_KEY].any_list.value:
            asset = message("AssetFileDef")()
            packed.Unpack(asset)
            assets.append(asset)
    folder = get_assets_dir(export_dir)
    found = {}
    for asset in assets:
        name = asset.tensor_info.name
        key = f"{import_scope}/{name}" if import_scope else name
        found[key] = os.path.join(folder, _checked_file(asset.filename))
    return found


def _checked_file(filename: str) -> str:
    normal = os.path.normpath(filename.replace("\\", "/"))
    if not filename or os.path.isabs(normal) or normal.split("/")[0] == ".." or "\0" in filename:
        raise InvalidArgumentError(
            None, None,
            f"expected an asset's path inside the SavedModel's assets folder, got {filename!r}",
        )  # fmt: skip
    return normal


def main_operation(graph: Graph, proto: Any, import_scope: str | None = None) -> Any:
    """The operation that a MetaGraph wants to be run when it is loaded; None without one.

    Raises
    ------
    RuntimeError : it names several.
    errors.NotFoundError : what it names is not in the graph.
    """
    key = constants.INIT_OP_SIGNATURE_KEY
    if key in proto.signature_def:
        info = proto.signature_def[key].outputs[key]
        try:
            return get_element_from_tensor_info(info, graph, import_scope)
        except (KeyError, ValueError) as error:
            raise NotFoundError(
                None, None, f"The {key} could not be found in the graph: {error}"
            ) from error
    for key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
        if key not in proto.collection_def:
            continue
        named = proto.collection_def[key].node_list.value
        if len(named) != 1:
            raise RuntimeError(f"Expected exactly one SavedModel init op. Found: {list(named)}")
        return graph.as_graph_element(f"{import_scope}/{named[0]}" if import_scope else named[0])
    return None
