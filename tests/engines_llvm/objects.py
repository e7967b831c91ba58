"""Object files: which symbols one wants from elsewhere (ELF, Mach-O and COFF, all of 64 bits)."""

from __future__ import annotations

import struct


def undefined_symbols(code: bytes) -> set[str]:
    """The names that an object file uses and does not define."""
    if code[:4] == b"\x7fELF":
        return _elf(code)
    return _mach_o(code) if code[:4] == b"\xcf\xfa\xed\xfe" else _coff(code)


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _elf(code: bytes) -> set[str]:
    (sections,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    headers = [struct.unpack_from("<IIQQQQII", code, sections + k * size) for k in range(count)]
    names = set()
    for _, kind, _, _, start, length, link, _ in headers:
        if kind == 2:  # a table of symbols; its names are in section `link`
            for at in range(start + 24, start + length, 24):
                name, _, _, section = struct.unpack_from("<IBBH", code, at)
                if not section:
                    names.add(_text(code, headers[link][4] + name))
    return names


def _mach_o(code: bytes) -> set[str]:
    (commands,) = struct.unpack_from("<I", code, 16)
    names = set()
    at = 32
    for _ in range(commands):
        kind, length = struct.unpack_from("<II", code, at)
        if kind == 2:  # LC_SYMTAB
            symbols, count, strings, _ = struct.unpack_from("<IIII", code, at + 8)
            for k in range(count):
                name, what = struct.unpack_from("<IB", code, symbols + 16 * k)
                if not what & 0x0E:  # N_UNDF
                    names.add(_text(code, strings + name))
        at += length
    return names


def _coff(code: bytes) -> set[str]:
    symbols, count = struct.unpack_from("<II", code, 8)
    strings = symbols + 18 * count
    names = set()
    k = 0
    while k < count:
        name, _, section, _, kind, more = struct.unpack_from("<8sIhHBB", code, symbols + 18 * k)
        if section == 0 and kind == 2:  # external
            zeros, place = struct.unpack("<II", name)
            names.add(name.rstrip(b"\0").decode() if zeros else _text(code, strings + place))
        k += 1 + more
    return names
