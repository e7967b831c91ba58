"""`gradatim info`: versions, processor, threads, engines and caches."""

from __future__ import annotations

import contextlib
import os
import platform
import stat
import sys
from collections.abc import Iterator


def info() -> None:
    """Show versions, processor features, threads, engines and caches."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts():
        table.add_row(name, value)
    Console(highlight=False).print(table)


def facts() -> Iterator[tuple[str, str]]:
    """Name and value of each line."""
    import gradatim
    from gradatim.engines import ENGINES, current_engine

    yield "Gradatim", f"{gradatim.__version__} in {os.path.dirname(gradatim.__file__)}"
    yield "Python", f"{platform.python_version()} in {sys.prefix}"
    yield "System", f"{platform.system()} {platform.release()} on {platform.machine()}"
    yield (
        "Libraries",
        ", ".join(_versions(["numpy", "llvmlite", "ml_dtypes", "safetensors", "rich", "typer"])),
    )
    extras = ["polars", "matplotlib", "pillow", "pandas", "scikit-learn"]
    yield "Extras", ", ".join(_versions(extras)) or "none installed"
    yield "Processor", _processor()
    yield "Features", ", ".join(_features()) or "unknown"
    yield "Threads", _threads()
    current = current_engine().name
    engines = [f"{name} (in use)" if name == current else name for name in ENGINES]
    yield "Engines", ", ".join(engines)
    yield "Cache", _cache()


def _versions(names: list[str]) -> Iterator[str]:
    from importlib.metadata import PackageNotFoundError, version

    for name in names:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.split(":", 1) for line in file if ":" in line]
        return next(value.strip() for key, value in lines if key.strip() == "model name")
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _features() -> list[str]:
    """The vector instructions that NumPy found on this processor."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__
    except ImportError:
        return []
    return [name for name, found in __cpu_features__.items() if found]


def _threads() -> str:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [
        f"{name}={os.environ[name]}"
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        if name in os.environ
    ]
    return f"{available} processors available" + (f", {', '.join(limits)}" if limits else "")


def _cache() -> str:
    from gradatim.data import cache_dir

    folder = cache_dir()
    if not folder.is_dir():
        return f"{folder} (empty)"
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another process may have removed it by now
            found = path.stat()
            if stat.S_ISREG(found.st_mode):
                sizes.append(found.st_size)
    return f"{folder} ({len(sizes)} files, {sum(sizes) / 1e6:.1f} MB)"
