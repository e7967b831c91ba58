"""Pickles as data: a machine that knows the opcodes of a `state_dict`, and nothing that runs code.

A pickle is a program for a stack machine. Python's machine imports any name the program mentions,
and calls it; that is why a pickle from a stranger can do anything. This machine is given a table
of the names it may meet (`Name` to a small function of our own) and refuses all others by name.
What the opcodes do is in the module `pickletools` of Python's library.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

Name = tuple[str, str]
"""A module and a name in it, as a pickle mentions them."""


class Damaged(Exception):
    """The bytes are no pickle, or not a whole one."""


class Refused(Exception):
    """The pickle asks for something that is not data."""


class Call:
    """A function that the pickle may call: one of ours, which stands for one of PyTorch's."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function


class Fixed:
    """A name that is a value, such as a dtype."""

    def __init__(self, value: Any):
        self.value = value


class Machine:
    """Runs one pickle.

    Args:
        data: the pickle.
        find: the `Call` or `Fixed` behind a name; raises `Refused` for names it does not know.
        persistent: what a persistent id (in PyTorch's files: a storage) stands for.

    Example:
        >>> import pickle
        >>> data = pickle.dumps({"lr": 0.1, "sizes": [1, (2, None)]}, protocol=2)
        >>> Machine(data, find=None, persistent=None).run()
        {'lr': 0.1, 'sizes': [1, (2, None)]}
    """

    def __init__(self, data: bytes, find: Callable[[Name], Any], persistent: Callable[[Any], Any]):
        self.data = data
        self.find = find
        self.persistent = persistent
        self.at = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What the pickle describes.

        Raises:
            Refused, Damaged
        """
        try:
            while True:
                opcode = self.take(1)
                if opcode == b".":
                    return self.pop()
                step = OPCODES.get(opcode)
                if step is None:
                    raise Refused(f"uses the pickle opcode {opcode!r}, which no state_dict needs")
                step(self)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error):
            raise Damaged(f"its pickle is no pickle from byte {self.at} on") from None

    # --- reading, and the stack -----------------------------------------------------------------

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise Damaged("its pickle ends too early")
        self.at += count
        return piece

    def take_number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def take_line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise Damaged("its pickle ends too early")
        return self.take(end + 1 - self.at)[:-1].decode()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def pop_marked(self) -> list[Any]:
        """Everything above the last mark, which goes."""
        above, self.stack = self.stack, self.below.pop()
        return above

    # --- what needs more than one line ----------------------------------------------------------

    def name(self, module: str, name: str) -> None:
        found = self.find((module, name))
        self.push(found.value if isinstance(found, Fixed) else found)

    def name_on_stack(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Damaged("its pickle names something by what is no text")
        self.name(module, name)

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Call) or not isinstance(arguments, tuple):
            raise Damaged("its pickle calls what is no function")
        self.push(function.function(*arguments))

    def set_items(self, target: Any, flat: list[Any]) -> None:
        if not isinstance(target, dict):
            raise Damaged("its pickle puts entries into what is no dict")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            target[checked_key(key)] = value

    def extend(self, target: Any, values: list[Any]) -> None:
        if type(target) is not list:
            raise Damaged("its pickle appends to what is no list")
        target.extend(values)

    def add(self, target: Any, values: list[Any]) -> None:
        if type(target) is not set:
            raise Damaged("its pickle adds to what is no set")
        target.update(map(checked_key, values))

    def build(self) -> None:
        """Attributes of an object: of ordered dicts, which is all that has some."""
        attributes, target = self.pop(), self.stack[-1]
        if not isinstance(target, OrderedDict) or not isinstance(attributes, dict):
            raise Refused("gives attributes to an object that is no state_dict")
        if "_metadata" in attributes:
            target._metadata = attributes["_metadata"]  # type: ignore[attr-defined]

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []


def checked_key(key: Any) -> Any:
    """The key of a dict, if it is of a simple kind: hashing deep tuples may crash Python."""
    simple = (str, bytes, int, float, type(None))
    if isinstance(key, simple):
        return key
    if isinstance(key, tuple) and all(isinstance(part, simple) for part in key):
        return key
    raise Refused(f"has a dict with a {type(key).__name__} as its key")


def _last(count: int) -> Callable[[Machine], None]:
    """Makes a tuple of the last values on the stack."""

    def step(m: Machine) -> None:
        m.push(tuple([m.pop() for _ in range(count)][::-1]))

    return step


def _text(size: int) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take(m.take_number(size)).decode("utf-8", "surrogatepass"))


def _octets(size: int) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take(m.take_number(size)))


def _python2_text(size: int) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take(m.take_number(size)).decode("ascii"))


def _whole(size: int, signed: bool = False) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take_number(size, signed))


def _long(size: int) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take_number(m.take_number(size), signed=True))


def _protocol(m: Machine) -> None:
    version = m.take_number(1)
    if version > 5:
        raise Damaged(f"its pickle says protocol {version}, and there are 5")


def _swap_in(method: str) -> Callable[[Machine], None]:
    """Takes the values above the mark into the container under it."""

    def step(m: Machine) -> None:
        values = m.pop_marked()
        getattr(m, method)(m.stack[-1], values)

    return step


def _one_in(method: str, count: int) -> Callable[[Machine], None]:
    """Takes the last values on the stack into the container under them."""

    def step(m: Machine) -> None:
        values = [m.pop() for _ in range(count)][::-1]
        getattr(m, method)(m.stack[-1], values)

    return step


OPCODES: Mapping[bytes, Callable[[Machine], Any]] = {
    b"\x80": _protocol,
    b"\x95": lambda m: m.take(8),  # a frame's length, which says nothing new
    b"(": Machine.mark,
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"K": _whole(1),
    b"M": _whole(2),
    b"J": _whole(4, signed=True),
    b"\x8a": _long(1),
    b"\x8b": _long(4),
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    b"X": _text(4),
    b"\x8c": _text(1),
    b"\x8d": _text(8),
    b"U": _python2_text(1),
    b"T": _python2_text(4),
    b"B": _octets(4),
    b"C": _octets(1),
    b")": lambda m: m.push(()),
    b"\x85": _last(1),
    b"\x86": _last(2),
    b"\x87": _last(3),
    b"t": lambda m: m.push(tuple(m.pop_marked())),
    b"]": lambda m: m.push([]),
    b"a": _one_in("extend", 1),
    b"e": _swap_in("extend"),
    b"}": lambda m: m.push({}),
    b"s": _one_in("set_items", 2),
    b"u": _swap_in("set_items"),
    b"\x8f": lambda m: m.push(set()),
    b"\x90": _swap_in("add"),
    b"q": lambda m: m.remember(m.take_number(1)),
    b"r": lambda m: m.remember(m.take_number(4)),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"h": lambda m: m.push(m.memo[m.take_number(1)]),
    b"j": lambda m: m.push(m.memo[m.take_number(4)]),
    b"c": lambda m: m.name(m.take_line(), m.take_line()),
    b"\x93": Machine.name_on_stack,
    b"R": Machine.call,
    b"b": Machine.build,
    b"Q": lambda m: m.push(m.persistent(m.pop())),
}
"""What each opcode does. Those for objects (OBJ, INST, NEWOBJ), for old text forms of numbers and
for extension codes are left out: what needs them is no state_dict."""
