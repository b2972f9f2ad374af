r"""TensorFlow's regular expressions, RE2's, as Python's `re` writes them.

What differs: classes of Unicode (``\p{Lu}``, ``\pN``), classes of POSIX (``[[:alpha:]]``), quotes
(``\Q...\E``), ``\z``, and ``$``, which in Python matches before a last newline too. Texts are
UTF-8; bytes that are not are kept by `ESCAPE`.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata

ESCAPE = "surrogateescape"
_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f", "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": r"!-/:-@\[-`{-~", "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\(?P<sign>[pP])(?:\{(?P<long>\^?\w+)\}|(?P<short>\w))"
    r"|\[:(?P<not>\^?)(?P<posix>\w+):\]|(?P<other>\\.|\[\^?\]?|\]|\$|.)",
    re.DOTALL,
)


@functools.cache
def _category(name: str, inverted: bool) -> str:
    """The characters of a category of Unicode, or of those that begin so, as ranges in a class."""
    parts, first = [], None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and (
            (name == "Any" or unicodedata.category(chr(code)).startswith(name)) != inverted
        )
        if inside and first is None:
            first = code
        elif not inside and first is not None:
            parts.append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first = None
    return "".join(parts)


@functools.cache
def _posix_class(name: str, inverted: bool) -> str:
    if name not in _POSIX:
        raise ValueError(f"invalid character class range: [:{name}:]")
    if not inverted:
        return _POSIX[name]
    inside = re.compile(f"[{_POSIX[name]}]")
    outside = "".join(rf"\x{code:02x}" for code in range(128) if not inside.match(chr(code)))
    return rf"{outside}\x80-\U0010ffff"


def _category_class(token: re.Match[str]) -> str:
    name = token["long"] or token["short"]
    inverted = (token["sign"] == "P") != name.startswith("^")
    found = _category(name.lstrip("^"), inverted)
    if not found:
        raise ValueError(f"invalid character class range: {token.group()}")
    return found


def _is_multiline(pattern: str) -> bool:
    return re.match(r"\(\?[a-zA-Z]*m", pattern) is not None


def as_python(pattern: str) -> str:
    """The pattern in Python's syntax.

    Raises
    ------
    ValueError : there is no such class of characters.
    """
    parts, in_class = [], False
    for token in _TOKEN.finditer(pattern):
        text = token["other"]
        if token["quoted"] is not None:
            parts.append(re.escape(token["quoted"]))
        elif token["sign"]:
            found = _category_class(token)
            parts.append(found if in_class else f"[{found}]")
        elif token["posix"]:
            if in_class:
                parts.append(_posix_class(token["posix"], bool(token["not"])))
            else:  # a class of a colon and letters
                parts.append(token.group())
        elif text == r"\z":
            parts.append(r"\Z")
        elif text == "$" and not in_class and not _is_multiline(pattern):
            parts.append(r"\Z")
        else:
            if text.startswith("[") and in_class:
                text, in_class = "\\" + text, not text.endswith("]")
            elif text.startswith("[") or text == "]":
                in_class = text != "]"
            parts.append(text)
    return "".join(parts)


@functools.lru_cache(maxsize=256)
def compiled(pattern: bytes) -> re.Pattern[str]:
    """A pattern of RE2, compiled for texts that are decoded with `ESCAPE`.

    Raises
    ------
    ValueError : it is none.
    """
    try:
        return re.compile(as_python(pattern.decode("utf-8", ESCAPE)), re.ASCII)
    except (re.error, ValueError) as error:
        shown = pattern.decode("utf-8", "replace")
        raise ValueError(f"Invalid pattern: {shown}, error: {error}") from None
