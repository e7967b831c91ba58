"""`gradatim data export`: bundled data as files."""

from __future__ import annotations

import typer

app = typer.Typer(help="Bundled data as files.", no_args_is_help=True)


@app.callback()
def data() -> None:
    """Bundled data as files."""


@app.command("export")
def export(
    name: str = typer.Argument(..., metavar="mnist", help="Which data: mnist."),
    file: str = typer.Argument(..., metavar="FILE", help="The CSV file to write."),
    rows: int = typer.Option(None, help="How many digits, from the first. [default: all 60,000]"),
) -> None:
    """Write the MNIST training digits as CSV: label, pixel0 … pixel783."""
    from gradatim.cli.words import choose
    from gradatim.data import export_mnist

    choose("data set", name, ["mnist"])
    written = export_mnist(file, rows)
    print(f"Wrote {written:,} digits to {file}.")
    print(f"Train on them with  gradatim train {file} --target label")
