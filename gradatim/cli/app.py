"""The commands. What each needs beyond its options is imported when it runs, so that `gradatim
--help` is quick."""

from __future__ import annotations

import typer

from gradatim.cli import (
    bench,
    compare,
    data,
    draw,
    evaluate,
    explain,
    info,
    launch,
    plan,
    play,
    predict,
    profile,
    run,
    summary,
    train,
    zoo,
)

app = typer.Typer(
    help="Deep learning, step by step: train, use and look at neural networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Add --debug to any command to see where an error comes from.",
)


def _version(wanted: bool) -> None:
    if wanted:
        import gradatim

        print(f"gradatim {gradatim.__version__}")
        raise typer.Exit


@app.callback()
def gradatim_(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Deep learning, step by step: train, use and look at neural networks."""


app.command("train")(train.train)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("summary")(summary.summary)
app.command("info")(info.info)
app.command("bench")(bench.bench)
app.command("profile")(profile.profile)
app.command("compare")(compare.compare)
app.command("explain")(explain.explain)
app.command("play")(play.play)
app.command("draw")(draw.draw)
app.command("run", context_settings=run.SETTINGS)(run.run)
app.command("zoo")(zoo.zoo)
app.command("launch", context_settings=launch.SETTINGS)(launch.launch)
app.command("plan")(plan.plan)
app.add_typer(data.app, name="data")
