"""The small data sets inside the package: files, unchanged or prepared, in one xz stream each.

    a line of JSON: {"name": size, ...}, then the bytes of each, one after another

`tools/pack_small.py` in the source repository writes them.
"""

from __future__ import annotations

import functools
import json
import lzma
from pathlib import Path

from gradatim.graph.errors import DataError

FOLDER = Path(__file__).parent


@functools.cache
def packed_files(name: str) -> dict[str, bytes]:
    """The files in one of the package's archives, by name.

    Raises:
        DataError: the archive is not there, or damaged.
    """
    path = FOLDER / f"{name}.xz"
    try:
        data = lzma.decompress(path.read_bytes())
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise DataError(
            f"the bundled data {path} cannot be read ({error}): install gradatim again"
        ) from error
    header, _, content = data.partition(b"\n")
    files, start = {}, 0
    for file, size in json.loads(header).items():
        files[file] = content[start : start + size]
        start += size
    return files


def pack(files: dict[str, bytes]) -> bytes:
    """The archive of some files.

    Example:
        >>> lzma.decompress(pack({"a": b"one", "b": b"two"}))
        b'{"a": 3, "b": 3}\\nonetwo'
    """
    header = json.dumps({name: len(data) for name, data in files.items()}).encode()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0, "lc": 4}]
    whole = header + b"\n" + b"".join(files.values())
    return lzma.compress(whole, lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=filters)
