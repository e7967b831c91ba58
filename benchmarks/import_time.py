"""How long `import gradatim` takes beside `import numpy`, in fresh processes, by turns.

With byte code from earlier imports, as on any machine where both are in use.

python benchmarks/import_time.py [--rounds 10]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys

MODULES = ("numpy", "gradatim")
PROGRAM = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    for module in MODULES:  # the first import of all reads the disk and writes byte code
        seconds_to_import(module)
    seconds: dict[str, list[float]] = {module: [] for module in MODULES}
    for _ in range(rounds):
        for module in MODULES:
            seconds[module].append(seconds_to_import(module))
    medians = {module: statistics.median(times) for module, times in seconds.items()}
    print(f"{platform.machine()}, Python {platform.python_version()}, median of {rounds}")
    for module, median in medians.items():
        print(f"  import {module:9} {1000 * median:7.1f} ms")
    print(f"  gradatim / numpy: {medians['gradatim'] / medians['numpy']:.2f}")


def seconds_to_import(module: str) -> float:
    command = [sys.executable, "-c", PROGRAM.format(module)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
