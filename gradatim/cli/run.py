"""`gradatim run`: programs written for PyTorch or TensorFlow 1, unchanged."""

from __future__ import annotations

from itertools import pairwise

import typer

from gradatim.graph.errors import ArgumentError

SETTINGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,  # what follows the script is the script's
}


def run(
    context: typer.Context,
    script: str = typer.Argument(..., metavar="SCRIPT", help="The Python program."),
    device: str = typer.Option(
        None, help="cpu: run on the processor what the program would put on a GPU."
    ),
) -> int:
    """Run a program written for PyTorch (of 2018 or today) or for TensorFlow-1 graphs.

    What stands behind SCRIPT are its own arguments.
    """
    from gradatim.frontends.running import run as run_program

    arguments = context.args
    if device is None and _asks_for_processor(arguments):
        device = "cpu"
    if device not in (None, "cpu"):
        raise ArgumentError(f"--device is {device!r}: this installation runs on cpu")
    return run_program(script, arguments, device, debug=bool(context.obj))


def _asks_for_processor(arguments: list[str]) -> bool:
    """Whether `--device cpu` stands among the program's own arguments, which it keeps."""
    return "--device=cpu" in arguments or ("--device", "cpu") in pairwise(arguments)
