"""tf.flags and tf.app: options of the command line, and `tf.app.run(main)`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.frontends.names import look_in, own_names


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Call the program's `main`, and end with what it gives."""
    found: Any = main or sys.modules["__main__"].main  # type: ignore[attr-defined]
    sys.exit(found([sys.argv[0], *FLAGS.rest] if argv is None else list(argv)))


class Flags:
    """`tf.flags`: options of the command line, read when the first is asked for."""

    def __init__(self) -> None:
        self.__dict__["known"] = {}
        self.__dict__["values"] = None
        self.__dict__["rest"] = []

    def define(self, name: str, default: Any, help: str | None, kind: Callable[[str], Any]) -> None:
        self.known[name] = (default, help, kind)
        self.__dict__["values"] = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.values is None:
            self._read()
        if name not in self.values:
            raise AttributeError(f"there is no flag {name!r}: there are {', '.join(self.known)}")
        return self.values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if self.values is None:
            self._read()
        self.values[name] = value

    def _read(self) -> None:
        import argparse

        parser = argparse.ArgumentParser()
        for name, (default, help, kind) in self.known.items():
            options: dict[str, Any] = {"default": default, "help": help, "type": kind}
            if kind is _truth:
                options |= {"nargs": "?", "const": True}
            parser.add_argument(f"--{name}", **options)
        found, rest = parser.parse_known_args()
        self.__dict__["values"], self.__dict__["rest"] = vars(found), rest


def _truth(text: str) -> bool:
    return text.lower() in ("true", "t", "1", "yes")


FLAGS = Flags()


def DEFINE_string(name: str, default_value: Any, docstring: str | None = None) -> None:
    FLAGS.define(name, default_value, docstring, str)


def DEFINE_integer(name: str, default_value: Any, docstring: str | None = None) -> None:
    FLAGS.define(name, default_value, docstring, int)


def DEFINE_float(name: str, default_value: Any, docstring: str | None = None) -> None:
    FLAGS.define(name, default_value, docstring, float)


def DEFINE_boolean(name: str, default_value: Any, docstring: str | None = None) -> None:
    FLAGS.define(name, default_value, docstring, _truth)


DEFINE_bool = DEFINE_boolean

__all__ = [*own_names(__name__), "DEFINE_bool"]
__getattr__, __dir__ = look_in("tf.flags", globals())
