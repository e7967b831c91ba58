"""Makes `gradatim/data/photographs.xz` from the two photographs that scikit-learn ships.

    python tools/pack_photographs.py

They are kept in gray (0.299 R + 0.587 G + 0.114 B), at half their size: each pixel is the mean of
2 × 2. Needs scikit-learn and pillow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_images

from gradatim.data.packed import pack

TARGET = Path(__file__).resolve().parent.parent / "gradatim" / "data" / "photographs.xz"


def main() -> None:
    found = load_sample_images()
    files = {}
    for name, image in zip(found.filenames, found.images):
        gray = image @ np.array([0.299, 0.587, 0.114])
        height, width = (size // 2 * 2 for size in gray.shape)
        half = gray[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))
        files[Path(name).stem] = np.rint(half).astype(np.uint8).tobytes()
    TARGET.write_bytes(pack(files))
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
