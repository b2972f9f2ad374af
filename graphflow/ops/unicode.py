"""Texts in other encodings, and the scripts of characters."""

from __future__ import annotations

import codecs
import functools
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32, int64, string
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops import sequences
from graphflow.ops.host import define_host_op
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, with_rank
from graphflow.ops.strings import object_array, same_shape

__all__ = ["unicode_encode", "unicode_script", "unicode_transcode"]

Array = np.ndarray[Any, Any]
_NONE = "texts have no gradient"
_OUT = {"UTF-8": "utf-8", "UTF-16-BE": "utf-16-be", "UTF-32-BE": "utf-32-be"}
_ERRORS = ("replace", "ignore", "strict")
_MARKS = {"utf-16": 2, "utf-32": 4}  # encodings whose first character says the order of bytes

# ---- encodings


def _decoder(encoding: str) -> Callable[[bytes], tuple[str, int]]:
    try:
        return codecs.lookup(encoding).decode
    except LookupError:
        raise ValueError(f"Could not create converter for input encoding: {encoding}") from None


def _in_order(text: bytes, encoding: str) -> bytes:
    """The text with a mark of the order of its bytes, which is the network's when there is none."""
    name = codecs.lookup(encoding).name
    if name not in _MARKS:
        return text
    marks = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
    if name == "utf-32":
        marks = (codecs.BOM_UTF32_BE, codecs.BOM_UTF32_LE)
    return text if text.startswith(marks) else marks[0] + text


def _decoded(text: bytes, encoding: str, errors: str, replacement: str) -> str:
    """The characters; what is wrong becomes the replacement, nothing, or an error."""
    decode = _decoder(encoding)
    text = _in_order(text, encoding)
    parts: list[str] = []
    while True:
        try:
            return "".join([*parts, decode(text)[0]])
        except UnicodeDecodeError as error:
            if errors == "strict":
                raise ValueError("Invalid formatting on input string") from None
            parts.append(decode(text[: error.start])[0])
            parts.append(replacement if errors == "replace" else "")
            text = text[max(error.end, 1) :]
            if codecs.lookup(encoding).name in _MARKS:
                text = _in_order(text, encoding)


def _transcoded(
    x: Array, input_encoding: str, output_encoding: str, errors: str, replacement_char: int,
    replace_control_characters: bool,
) -> Array:  # fmt: skip
    replacement = chr(replacement_char)
    if replace_control_characters and errors == "strict":
        controls: dict[int, str] = {}
    else:
        controls = dict.fromkeys(range(32), replacement if errors == "replace" else "")

    def change(text: bytes) -> bytes:
        found = _decoded(text, input_encoding, errors, replacement)
        if replace_control_characters:
            found = found.translate(controls)
        return found.encode(_OUT[output_encoding], "replace")

    return object_array(x.shape, (change(text) for text in x.ravel()))


define_host_op(
    "UnicodeTranscode", same_shape(string), _transcoded, lambda op, x: [x.shape],
    ("input_encoding", "output_encoding", "errors", "replacement_char",
     "replace_control_characters"), no_gradient=_NONE,
)  # fmt: skip
_TRANSCODE = Signature("UnicodeTranscode", "input: string")


def _check(output_encoding: str, errors: str) -> None:
    if output_encoding not in _OUT:
        raise ValueError(f'Attr output_encoding of "{output_encoding}" must be in the list of '
                         'allowed values "UTF-8", "UTF-16-BE", "UTF-32-BE"')  # fmt: skip
    if errors not in _ERRORS:
        raise ValueError(
            f'Attr errors of "{errors}" must be in the list of allowed values "strict", "replace", '
            '"ignore"'
        )


def unicode_transcode(
    input: Any, input_encoding: str, output_encoding: str, errors: str = "replace",
    replacement_char: int = 65533, replace_control_characters: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return texts in another encoding.

    Parameters
    ----------
    input_encoding : any that Python knows; UTF-16 and UTF-32 without a mark are big-endian.
    output_encoding : ``"UTF-8"``, ``"UTF-16-BE"`` or ``"UTF-32-BE"``.
    errors : what becomes of what is wrong: ``"replace"``, ``"ignore"``, or ``"strict"`` for an
        InvalidArgumentError in the run.
    replacement_char : the code point in its place.
    replace_control_characters : whether characters below 32 are taken as wrong.
    """
    _check(output_encoding, errors)
    attrs: dict[str, Any] = {
        "input_encoding": input_encoding, "output_encoding": output_encoding, "errors": errors,
        "replacement_char": replacement_char,
        "replace_control_characters": replace_control_characters,
    }  # fmt: skip
    return _TRANSCODE(input, name=name, **attrs).outputs[0]


def _encoded(
    values: Array, splits: Array, output_encoding: str, errors: str, replacement_char: int
) -> Array:
    """The texts of rows of code points."""

    def character(code: int) -> str:
        if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
            return chr(code)
        if errors == "strict":
            raise ValueError("Code point is out of range for Unicode, or a noncharacter.")
        return chr(replacement_char) if errors == "replace" else ""

    ends = zip(splits.tolist(), splits.tolist()[1:], strict=False)
    rows = [values[start:stop].tolist() for start, stop in ends]
    texts = ("".join(map(character, row)).encode(_OUT[output_encoding]) for row in rows)
    return object_array((len(rows),), texts)


def _infer_encode(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 1)
    (count,) = with_rank(op.inputs[1].shape, 1)
    return [(string, shape_from_tuple((None if count is None else count - 1,)))]


define_host_op(
    "UnicodeEncode", _infer_encode, _encoded, None,
    ("output_encoding", "errors", "replacement_char"), no_gradient=_NONE,
)  # fmt: skip
_ENCODE = Signature("UnicodeEncode", "input_values: int32", "input_splits: int64")


def unicode_encode(
    input: Any, output_encoding: str, errors: str = "replace", replacement_char: int = 65533,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return the texts of code points, int32 (..., characters); see `unicode_transcode`."""
    _check(output_encoding, errors)
    codes = convert_to_tensor(input, dtype=int32, name="input")
    if codes.shape.rank == 0:
        raise ValueError("input_tensor's rank should be at least 1.")
    attrs: dict[str, Any] = {
        "output_encoding": output_encoding, "errors": errors, "replacement_char": replacement_char
    }  # fmt: skip
    with name_scope(name, "UnicodeEncode", [codes]):
        sizes: Any = shape_of(codes, out_type=int64)
        length, count = sizes[-1], reduce_prod(sizes[:-1])
        splits: Any = sequences.range(count + 1) * length
        texts = _ENCODE(reshape(codes, [-1]), splits, **attrs).outputs[0]
        found = reshape(texts, sizes[:-1])
        found.set_shape(codes.shape[:-1])
        return found


# ---- scripts

# ICU's numbers of scripts, by the first word of the names of their characters.
_SCRIPTS = {
    word: number
    for number, word in enumerate(
        "- - ARABIC ARMENIAN BENGALI BOPOMOFO CHEROKEE COPTIC CYRILLIC DESERET DEVANAGARI ETHIOPIC "
        "GEORGIAN GOTHIC GREEK GUJARATI GURMUKHI CJK HANGUL HEBREW HIRAGANA KANNADA KATAKANA KHMER "
        "LAO LATIN MALAYALAM MONGOLIAN MYANMAR OGHAM - ORIYA RUNIC SINHALA SYRIAC TAMIL TELUGU "
        "THAANA THAI TIBETAN CANADIAN YI TAGALOG HANUNOO BUHID TAGBANWA BRAILLE CYPRIOT LIMBU "
        "LINEAR OSMANYA SHAVIAN - UGARITIC".split()
    )
    if word != "-"
}
_COMMON, _INHERITED, _UNKNOWN = 0, 1, 103


@functools.lru_cache(maxsize=4096)
def _script(code: int) -> int:
    if not 0 <= code <= 0x10FFFF:
        return -1
    char = chr(code)
    category = unicodedata.category(char)
    if category in ("Cn", "Co", "Cs"):
        return _UNKNOWN
    words = unicodedata.name(char, "").split()
    if words and words[0] in _SCRIPTS and category[0] in "LMN":
        return _SCRIPTS[words[0]]
    return _INHERITED if category in ("Mn", "Me") else _COMMON


def _scripts(x: Array) -> Array:
    return np.array([_script(code) for code in x.ravel().tolist()], np.int32).reshape(x.shape)


define_host_op(
    "UnicodeScript", same_shape(int32), _scripts, lambda op, x: [x.shape],
    no_gradient="integer output",
)  # fmt: skip
_SCRIPT = Signature("UnicodeScript", "input: int32")


def unicode_script(input: Any, name: str | None = None) -> Tensor:
    """Return ICU's number of the script of each code point, int32; -1 for what is none.

    The number is found from the character's name, which tells the script of letters; signs that
    several scripts use are 0, and marks are 1.
    """
    return _SCRIPT(input, name=name).outputs[0]
