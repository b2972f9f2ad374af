"""Initial values from checkpoints: `init_from_checkpoint` and `warm_start`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import logging
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_collection, name_scope
from graphflow.ops.comparison import where
from graphflow.ops.initializers import glorot_uniform_initializer
from graphflow.ops.partitioned_variables import PartitionedVariable
from graphflow.ops.py_func import py_func
from graphflow.ops.state import assign
from graphflow.ops.variable_lists import global_variables
from graphflow.ops.variables import Variable
from graphflow.train.checkpoints import latest_checkpoint, load_checkpoint
from graphflow.train.saving_ops import restore_v2

Array = np.ndarray[Any, Any]


class VocabInfo(NamedTuple("VocabInfo", [
    ("new_vocab", Any), ("new_vocab_size", int), ("num_oov_buckets", int), ("old_vocab", Any),
    ("old_vocab_size", int), ("backup_initializer", Any), ("axis", int),
])):  # fmt: skip
    """How the rows of a variable follow a vocabulary, which is now another one.

    Parameters
    ----------
    new_vocab, new_vocab_size, num_oov_buckets : the file of now, how many of its lines are used,
        and how many rows follow for what is not in it.
    old_vocab, old_vocab_size : the file that the checkpoint was trained with; all lines when -1.
    backup_initializer : gives the values of new rows; Glorot's uniform one when None.
    axis : 0 when rows follow the vocabulary, 1 when columns do.
    """

    __slots__ = ()

    def __new__(
        cls, new_vocab: Any, new_vocab_size: int, num_oov_buckets: int, old_vocab: Any,
        old_vocab_size: int = -1, backup_initializer: Any = None, axis: int = 0,
    ) -> VocabInfo:  # fmt: skip
        if axis not in (0, 1):
            raise ValueError(
                "The only supported values for the axis argument are 0 and 1.  Provided axis: "
                f"{axis}"
            )
        return super().__new__(
            cls, new_vocab, new_vocab_size, num_oov_buckets, old_vocab, old_vocab_size,
            backup_initializer, axis,
        )  # fmt: skip


def _checkpoint_path(ckpt_dir_or_file: str) -> str:
    return latest_checkpoint(ckpt_dir_or_file) or ckpt_dir_or_file


def init_from_checkpoint(ckpt_dir_or_file: str, assignment_map: Mapping[str, Any]) -> None:
    """Let variables begin with a checkpoint's values in place of what their initializers give.

    Parameters
    ----------
    ckpt_dir_or_file : a checkpoint, or a folder with checkpoints.
    assignment_map : from names in the checkpoint to variables, their names, or lists of a
        variable's parts; from scopes (``"scope/"``) to scopes; ``"/"`` is the root.

    Raises
    ------
    ValueError : the checkpoint or the graph lacks a name, or shapes differ.
    """
    path = _checkpoint_path(ckpt_dir_or_file)
    reader = load_checkpoint(ckpt_dir_or_file)
    shapes = reader.get_variable_to_shape_map()
    for name, given in sorted(assignment_map.items()):
        if isinstance(given, str) and given.endswith("/"):
            _from_scope(path, shapes, name, given)
            continue
        variable = _variables_named(given) if isinstance(given, str) else given
        if name not in shapes:
            raise ValueError(
                f"Tensor {name} is not found in {ckpt_dir_or_file} checkpoint {shapes}"
            )
        _restore_into(variable, path, name, shapes[name])


def _variables_named(name: str) -> Any:
    named = _graph_variables()
    if name not in named:
        raise ValueError(f"Variable {name} is not found in the graph")
    return named[name]


def _graph_variables() -> dict[str, Any]:
    """The variables of the graph by name; parts of one under the name of the whole."""
    found: dict[str, Any] = {}
    for variable in global_variables():
        info = variable._save_slice_info
        if info is None:
            found[variable.op.name] = variable
        else:
            found.setdefault(info.full_name, []).append(variable)
    return found


def _from_scope(path: str, shapes: Mapping[str, Any], source: str, target: str) -> None:
    if not source.endswith("/"):
        raise ValueError(
            f"Assignment map with scope only name {target} should map to scope only {source}. "
            "Should be 'scope/': 'other_scope/'."
        )
    prefix, source = target[:-1], "" if source == "/" else source
    found = {
        name: variable
        for name, variable in _graph_variables().items()
        if name.startswith(target) or not prefix
    }
    for name, variable in sorted(found.items()):
        rest = name[len(target) :] if prefix else name
        if source + rest not in shapes:
            raise ValueError(
                f"Tensor {source + rest} ({source[:-1]} in {prefix}) is not found in {path} "
                "checkpoint"
            )
        _restore_into(variable, path, source + rest, shapes[source + rest])


def _parts(variable: Any) -> list[Variable]:
    if isinstance(variable, (PartitionedVariable, list, tuple)):
        return list(variable)
    return [variable]


def _restore_into(variable: Any, path: str, name: str, shape: Sequence[int]) -> None:
    for part in _parts(variable):
        info = part._save_slice_info
        whole = info.full_shape if info is not None else part.shape.as_list()
        if list(whole) != list(shape):
            raise ValueError(
                f"Shape of variable {part.name} ({tuple(whole)}) doesn't match with shape of "
                f"tensor {name} ({list(shape)}) from checkpoint reader."
            )
        text = info.spec if info is not None else ""
        with control_dependencies(None), name_scope("init_from_checkpoint/"):
            value = restore_v2(convert_to_tensor(path), [name], [text], [part.dtype.base_dtype])[0]
            value.set_shape(part.shape)
        _begin_with(part, value)
        logging.info("Initialize variable %s from checkpoint %s with %s", part.name, path, name)


def _begin_with(variable: Variable, value: Any) -> None:
    with control_dependencies(None), name_scope(f"{variable.op.name}/"):
        variable._initializer_op = assign(variable._ref(), value).op
    variable._initial_value = value


# ---- warm starts


def warm_start(
    ckpt_to_initialize_from: str, vars_to_warm_start: Any = ".*",
    var_name_to_vocab_info: Mapping[str, VocabInfo] | None = None,
    var_name_to_prev_var_name: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Let a model's variables begin with those of an older one.

    Parameters
    ----------
    ckpt_to_initialize_from : a checkpoint, or a folder with checkpoints.
    vars_to_warm_start : an expression that names of trainable variables match, a list of
        expressions for names of any variables, a list of variables; or None, for what has a
        vocabulary only.
    var_name_to_vocab_info : for variables whose rows follow a vocabulary.
    var_name_to_prev_var_name : names in the checkpoint, where they differ.

    Raises
    ------
    ValueError : a name of the two dicts was not used.
    """
    vocabularies = dict(var_name_to_vocab_info or {})
    older = dict(var_name_to_prev_var_name or {})
    path = _checkpoint_path(ckpt_to_initialize_from)
    reader = load_checkpoint(ckpt_to_initialize_from)
    logging.info("Warm-starting from: %s", ckpt_to_initialize_from)
    grouped = _chosen(vars_to_warm_start)
    unused = set(older) - set(grouped), set(vocabularies) - set(grouped)
    for name, parts in grouped.items():
        source = older.get(name, name)
        if name in vocabularies:
            _from_vocabulary(parts, reader, source, vocabularies[name])
        elif vars_to_warm_start is not None:
            init_from_checkpoint(path, {source: parts if len(parts) > 1 else parts[0]})
    for kind, names in zip(("prev_var_name", "vocab_info"), unused, strict=True):
        if names:
            raise ValueError(
                f"You provided the following variables in var_name_to_{kind} that were not used: "
                f"{sorted(names)}.  Perhaps you misspelled them?  Here is the list of viable "
                f"variable names: {sorted(grouped)}"
            )


def _chosen(wanted: Any) -> dict[str, list[Variable]]:
    if isinstance(wanted, str) or wanted is None:
        pattern = wanted or ".*"
        found = get_collection(GraphKeys.TRAINABLE_VARIABLES, scope=pattern)
    elif all(isinstance(item, str) for item in wanted):
        found = []
        for pattern in wanted:
            found += get_collection(GraphKeys.GLOBAL_VARIABLES, scope=pattern)
    else:
        found = [part for item in wanted for part in _parts(item)]
    grouped: dict[str, list[Variable]] = {}
    for variable in dict.fromkeys(found):
        info = variable._save_slice_info
        name = variable.op.name if info is None else info.full_name
        grouped.setdefault(name, []).append(variable)
    return grouped


def _lines(path: str, count: int) -> list[bytes]:
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    return lines if count < 0 else lines[:count]


def _from_vocabulary(parts: Sequence[Variable], reader: Any, source: str, info: VocabInfo) -> None:
    """Begin with the checkpoint's row of each word; with the backup where it has none."""
    old: Array = reader.get_tensor(source)
    places = {word: k for k, word in enumerate(_lines(info.old_vocab, info.old_vocab_size))}
    words = _lines(info.new_vocab, info.new_vocab_size)
    rows = np.array([places.get(w, -1) for w in words] + [-1] * info.num_oov_buckets, np.int64)
    initializer = info.backup_initializer or glorot_uniform_initializer()
    for part in parts:
        sizes: list[Any] = part.shape.as_list()
        place = part._save_slice_info
        start = place.var_offset[info.axis] if place is not None else 0
        chosen = rows[start : start + sizes[info.axis]]
        if len(chosen) != sizes[info.axis]:
            raise ValueError(
                f"expected {sizes[info.axis]} words and buckets for {part.name}, got {len(rows)}"
            )
        _begin_with(part, _mixed(old, chosen, info.axis, initializer, part))


def _mixed(old: Array, rows: Array, axis: int, initializer: Any, part: Variable) -> Any:
    known = rows >= 0
    sizes: list[Any] = part.shape.as_list()
    mask_shape = [1] * len(sizes)
    mask_shape[axis] = -1
    mask = np.broadcast_to(known.reshape(mask_shape), sizes)

    def kept() -> Array:
        return np.ascontiguousarray(np.take(old, np.maximum(rows, 0), axis))

    with control_dependencies(None), name_scope(f"{part.op.name}/"):
        values = py_func(kept, [], part.dtype.base_dtype, stateful=False)
        values.set_shape(part.shape)
        backup = initializer(part.shape.as_list(), dtype=part.dtype.base_dtype)
        return where(np.ascontiguousarray(mask), values, backup)
