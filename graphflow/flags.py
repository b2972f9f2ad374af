"""``tf.flags``: command-line flags, declared one by one and parsed when first read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any


class ArgumentError(ValueError):
    """A flag's value is wrong, or a flag is declared twice or unknown."""


Error = ArgumentError


def _truth(text: str) -> bool:
    if text.lower() in ("true", "t", "1", "yes", "y"):
        return True
    if text.lower() in ("false", "f", "0", "no", "n"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")


class FlagValues:
    """The flags; each is an attribute. Reading one parses the command line, once."""

    def __init__(self) -> None:
        self.__dict__["_parser"] = argparse.ArgumentParser(allow_abbrev=False)
        self.__dict__["_values"] = {}
        self.__dict__["_is_parsed"] = False
        self.__dict__["_required"] = set()

    def _define(self, name: str, default: Any, help: str | None, **options: Any) -> None:
        if name in self._values:
            raise ArgumentError(f"The flag '{name}' is defined twice.")
        self._values[name] = default
        names = [f"--{name}", f"-{name}"] if len(name) > 1 else [f"-{name}", f"--{name}"]
        self._parser.add_argument(*names, dest=name, default=None, help=help, **options)
        if options.get("type") is _truth:
            self._parser.add_argument(f"--no{name}", dest=name, action="store_false", default=None)

    def __call__(self, argv: Sequence[str] | None = None, known_only: bool = True) -> list[str]:
        """Parse a command line, program name first; returns what is no flag."""
        arguments = list(sys.argv if argv is None else argv)
        found, rest = self._parser.parse_known_args(arguments[1:])
        for name, value in vars(found).items():
            if value is not None:
                self._values[name] = value
        self.__dict__["_is_parsed"] = True
        for name in self._required:
            if self._values[name] is None:
                raise ArgumentError(f"Flag --{name} must have a value other than None.")
        return arguments[:1] + rest

    def is_parsed(self) -> bool:
        """Whether the command line has been read."""
        return bool(self._is_parsed)

    def mark_as_parsed(self) -> None:
        """Keep the defaults without reading a command line."""
        self.__dict__["_is_parsed"] = True

    def unparse_flags(self) -> None:
        """Read the command line again when a flag is asked for."""
        self.__dict__["_is_parsed"] = False

    def __getattr__(self, name: str) -> Any:
        if name == "__flags":  # where programs of the time find all flags
            return {name: _Flag(self, name) for name in self._values}
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._is_parsed:
            self()
        if name not in self._values:
            raise AttributeError(f"Unknown command line flag '{name}'")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._values:
            raise AttributeError(f"Unknown command line flag '{name}'")
        self._values[name] = value

    def __delattr__(self, name: str) -> None:
        self._values.pop(name, None)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Any:
        return iter(self._values)

    def __getitem__(self, name: str) -> Any:
        return _Flag(self, name)

    def flag_values_dict(self) -> dict[str, Any]:
        """All flags with their values."""
        return dict(self._values)


class _Flag:
    """One flag, with its value."""

    def __init__(self, values: FlagValues, name: str) -> None:
        self.name, self.value = name, getattr(values, name)


FLAGS = FlagValues()
_Define = Callable[..., None]


def DEFINE_string(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag with a text."""
    FLAGS._define(name, default, help, type=str)


def DEFINE_integer(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag with an integer."""
    FLAGS._define(name, default, help, type=int)


def DEFINE_float(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag with a number."""
    FLAGS._define(name, default, help, type=float)


def DEFINE_bool(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag that is on (``--name``) or off (``--noname``)."""
    FLAGS._define(name, default, help, type=_truth, nargs="?", const=True)


DEFINE_boolean = DEFINE_bool


def DEFINE_enum(
    name: str, default: Any, enum_values: Sequence[str], help: str | None = None, **unused: Any
) -> None:
    """Declare a flag with one of several texts."""
    FLAGS._define(name, default, help, type=str, choices=list(enum_values))


def DEFINE_list(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag with texts between commas."""
    start = default.split(",") if isinstance(default, str) else default
    FLAGS._define(name, start, help, type=lambda text: text.split(",") if text else [])


def DEFINE_multi_string(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag that may be given several times."""
    start = [default] if isinstance(default, str) else default
    FLAGS._define(name, start, help, type=str, action="append")


def DEFINE_multi_integer(name: str, default: Any, help: str | None = None, **unused: Any) -> None:
    """Declare a flag with an integer that may be given several times."""
    start = [default] if isinstance(default, int) else default
    FLAGS._define(name, start, help, type=int, action="append")


def mark_flag_as_required(flag_name: str) -> None:
    """Make it an error not to give the flag."""
    FLAGS._required.add(flag_name)


def mark_flags_as_required(flag_names: Sequence[str]) -> None:
    """Make it an error not to give the flags."""
    FLAGS._required.update(flag_names)
