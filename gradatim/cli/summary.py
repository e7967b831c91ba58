"""`gradatim summary`: the layers of a trained model."""

from __future__ import annotations

import typer


def summary(
    run: str = typer.Argument(..., metavar="RUN", help="The folder of a run, or a model file."),
) -> None:
    """Show a model's layers, shapes and parameters."""
    import gradatim
    from gradatim.train import summary as summarize
    from gradatim.train.saved import load_predictor

    model = load_predictor(run)
    x = None if model.input_size is None else gradatim.zeros(1, model.input_size)
    summarize(model.network, x)
