"""Makes `gradatim/data/mnist.xz`, the MNIST digits inside the package, from the original files.

    python tools/pack_mnist.py FOLDER

FOLDER holds the four IDX files, gzipped or not (`train-images-idx3-ubyte.gz` ...). The result is
one xz stream: the four files, unchanged, one after another, so `xz -dc mnist.xz` gives the bytes
that LeCun, Cortes and Burges published. Images compress best as they are: transposing the pixels,
differences between rows and differences between images all gave more bytes, and storing which
pixels are ink apart from their values gave 2% less, which is not worth a format of our own.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import sys
from pathlib import Path

# In the order in which they are stored, with the md5 of the published, unpacked file.
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TARGET = Path(__file__).resolve().parent.parent / "gradatim" / "data" / "mnist.xz"


def read(folder: Path, name: str) -> bytes:
    """The unpacked bytes of one of the four files, checked against its published md5."""
    packed = folder / f"{name}.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
    found = hashlib.md5(data).hexdigest()
    if found != FILES[name]:
        sys.exit(f"{folder / name}: md5 is {found}, the published file's is {FILES[name]}")
    return data


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/pack_mnist.py FOLDER")
    data = b"".join(read(Path(sys.argv[1]), name) for name in FILES)
    # lc=4: the byte before, whole, predicts the next best. pb=0: a pixel's address modulo 4 says
    # nothing. The dictionary holds everything.
    lzma2 = {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "lc": 4,
        "pb": 0,
        "dict_size": 64 << 20,
    }
    packed = lzma.compress(data, lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=[lzma2])
    TARGET.write_bytes(packed)
    print(f"{TARGET}: {len(data):,} bytes packed to {len(packed):,}")


if __name__ == "__main__":
    main()
