"""`gradatim plan`: how long a training step will take on a mesh, and what memory it needs."""

from __future__ import annotations

import typer


def plan(
    model: str = typer.Argument(
        ..., metavar="MODEL", help="784-1000-10, deck, gpt-124m, or a workload of gradatim bench"
    ),
    mesh: str = typer.Option("data=1", metavar="AXES", help="data=8, or data=4,model=2"),
    hardware: str = typer.Option(
        "h100", help="h200, h100, a100, rtx-4090, tpu-v5e; or here: this machine, measured"
    ),
    batch_size: int = typer.Option(1024, help="Rows of the whole batch; of a GPT, contexts."),
    precision: str = typer.Option("float32", help="float32, or bf16"),
    optimizer: str = typer.Option("adam", help="sgd, or adam"),
    link: float = typer.Option(
        None, help="GB/s between two devices, for a network: 12.5 is 100 Gbit/s"
    ),
) -> None:
    """Predict the time of a training step on many devices, and the memory of each."""
    import math

    from gradatim.cli.console import wide_console
    from gradatim.cli.words import choose
    from gradatim.costs import find_hardware, network, predict
    from gradatim.train.feed import check_at_least_one
    from gradatim.train.recipe import parse_mesh

    check_at_least_one("batch size", batch_size)
    axes = parse_mesh(mesh)
    precision = choose("precision", precision, ("float32", "bf16"))
    optimizer = choose("optimizer", optimizer, ("sgd", "adam"))
    parts = network(model)
    devices = math.prod(axes.values())
    found = find_hardware(hardware, devices, None if link is None else link * 1e9)
    slots = 2 if optimizer == "adam" else 0
    cost = predict(parts, batch_size, axes, found, precision, slots)
    alone = predict(parts, batch_size, {}, found, precision, slots)

    basis = "from figures measured here" if found.measured else "predicted from data sheets"
    console = wide_console()
    console.print(
        f"{model}: {sum(part.parameters for part in parts):,} parameters, batches of "
        f"{batch_size:,}, {precision}, on {' × '.join(f'{n} {k}' for k, n in axes.items())} "
        f"{found.name} ({basis}, not timed)\n",
        highlight=False,
    )
    lines = [
        ("Compute", cost.compute, "matrix products, forward and backward"),
        ("Memory", cost.moved, "weights, state and activations to and fro; beside the products"),
        ("All-reduce", cost.reduce, "gradients, over data"),
        ("Gather", cost.gather, "activations of cut layers, over model"),
        ("Launch", cost.launch, ""),
        ("Step", cost.step, f"{batch_size / cost.step:,.0f} rows a second"),
    ]
    for name, seconds, note in lines:
        print(f"{name:<12}{_time(seconds):>10}   {note}".rstrip())
    print(f"{'Faster':<12}{alone.step / cost.step:>9.2f}×   than one of the {devices}\n")
    for name, count in (
        ("Parameters", cost.parameters),
        ("Gradients", cost.gradients),
        ("Optimizer", cost.state),
        ("Activations", cost.activations),
        ("Each device", cost.memory),
    ):
        print(f"{name:<12}{count / 1e6:>7,.0f} MB")
    if cost.memory > found.memory:
        print(
            f"That does not fit into {found.memory / 1e9:.0f} GB: more devices along model, a "
            "smaller batch, or --accumulate"
        )


def _time(seconds: float) -> str:
    """Seconds for a person."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
