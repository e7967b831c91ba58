"""Worksheets, pictures of methods, neurons and rules, and the worked examples."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

from benchmarks.deck.learning import _draw
from benchmarks.deck.section import ROOT, Section


def worksheets() -> Section:
    """The deck's update table, and worksheets beside backward()."""
    import gradatim as gd
    from gradatim.graph.dtypes import float64

    section = Section("How it works: one step with every number")
    old, gradients = [0.3, 0.5, 1.0], [0.2, 0.5, -2.0]
    new = (gd.tensor(old, dtype=float64) - 0.1 * gd.tensor(gradients, dtype=float64)).tolist()
    wanted = [0.28, 0.45, 1.20]
    table = str(gd.explain.update_table(old, gradients, lr=0.1))
    shown = all(f"{value:g}" in table for value in wanted)
    off = max(abs(a - b) for a, b in zip(new, wanted)) if shown else 1.0
    section.check("update table: off 0.28, 0.45, 1.20", off, at_most=1e-12, form=".0e")
    section.lines += ["```", *table.strip("\n").splitlines(), "```"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/explain/test_worksheet_agrees.py"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    section.check(
        "200 random networks: worksheets that differ from backward() (tests that failed)",
        float(done.returncode), at_most=0, form=".0f",
    )  # fmt: skip
    return section


def pictures() -> Section:
    section = Section("Pictures of data, functions and methods")
    for name, caption in (
        ("digits", "The first 80 digits"),
        ("activations", "Activation functions and their derivatives"),
        ("learning-rates", "One network at several learning rates"),
        ("descent", "The descent path on a loss surface"),
        ("learning-rate-finder", "A learning-rate finder"),
        ("perceptron", "Rosenblatt's rule, update by update"),
        ("network-types", "Network types"),
    ):
        _draw(section, name, caption)
    return section


def rules() -> Section:
    """McCulloch and Pitts, Rosenblatt, Widrow and Hoff."""
    import gradatim as gd
    from gradatim.rules import AND, NOT, OR, XOR, Perceptron, find_gate

    section = Section("Neurons and learning rules")
    cases = [[0, 0], [0, 1], [1, 0], [1, 1]]
    gates = ((AND, [0, 0, 0, 1]), (OR, [0, 1, 1, 1]), (XOR, [0, 1, 1, 0]))
    right = sum(int((gate(gd.tensor(cases)) == gd.tensor(wanted)).sum()) for gate, wanted in gates)
    right += int((NOT(gd.tensor([[0], [1]])) == gd.tensor([1, 0])).sum())
    section.check(
        "McCulloch and Pitts: AND, OR, NOT, and XOR of three neurons; cases right",
        right, at_least=14, form=".0f",
    )  # fmt: skip
    one = find_gate([0, 1, 1, 0])
    section.lines.append(f"- XOR by one neuron: {'impossible' if one is None else one}")
    x = gd.tensor([[float(v) for v in case] for case in cases])
    for name, targets in (("AND", [0, 0, 0, 1]), ("XOR", [0, 1, 1, 0])):
        with warnings.catch_warnings():  # that it does not converge on XOR is what is shown
            warnings.simplefilter("ignore")
            neuron = Perceptron(2).fit(x, gd.tensor(targets), epochs=100)
        wrong = int((neuron(x).flatten().long() != gd.tensor(targets)).sum())
        end = "converged" if neuron.converged else "did not converge"
        section.lines.append(f"- Rosenblatt's rule on {name}: {end}, {wrong} of 4 wrong")
    return section


def examples() -> Section:
    """Each script in examples/, with what it prints."""
    section = Section("Worked examples")
    for name in ("indoor_positioning", "healthcare", "activity_recognition", "game"):
        done = subprocess.run(
            [sys.executable, f"examples/{name}.py"], cwd=ROOT, capture_output=True, text=True,
            check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        text = [line.rstrip() for line in done.stdout.strip().splitlines()]
        section.lines += [f"`examples/{name}.py`:", "", "```", *text, "```", ""]
    return section
