"""`gradatim explain`: worksheets, graphs and the update rule on the command line."""

import pytest


def test_a_small_network_of_the_options(gradatim, tmp_path):
    said = gradatim(
        "explain", "--layers", "2,3,1", "--activation", "tanh", "--input", "0.5,-1",
        "--target", "1", "--html", "a.html", "--latex", "a.tex", "--svg", "a.svg",
    )  # fmt: skip
    assert said.status == 0, said.err
    assert "ŷₖ = [tanh(∑ⱼ w²ₖⱼ[tanh(∑ᵢ w¹ⱼᵢ xᵢ + b¹ⱼ)]ⱼ + b²ₖ)]ₖ" in said.out
    assert "5. After the step" in said.out
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "a.tex").read_text().startswith("\\documentclass")
    assert (tmp_path / "a.svg").read_text().startswith("<svg")


def test_the_same_seed_gives_the_same_sheet(gradatim):
    first, second = (gradatim("explain", "--seed", "3").out for _ in range(2))
    assert first == second != gradatim("explain", "--seed", "4").out


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "bce", "kl_div", "multi_margin"])
def test_losses_by_name(gradatim, loss):
    said = gradatim("explain", "--layers", "3,4,2", "--loss", loss)
    assert said.status == 0, said.err
    assert "2. Loss" in said.out


def test_the_graph(gradatim, tmp_path):
    said = gradatim("explain", "graph", "--svg", "g.svg", "--dot", "g.dot")
    assert said.status == 0, said.err
    assert "# loss" in said.out
    assert "# ∂L/∂0.weight" in said.out
    assert (tmp_path / "g.svg").read_text().startswith("<svg")
    assert (tmp_path / "g.dot").read_text().startswith("digraph")


def test_the_decks_updates(gradatim):
    said = gradatim("explain", "updates")
    assert [line.split()[-1] for line in said.out.splitlines()[4:]] == ["0.28", "0.45", "1.20"]
    said = gradatim("explain", "updates", "--weights", "1", "--gradients", "4", "--lr", "0.5")
    assert said.out.splitlines()[-1].split()[-1] == "−1"


def test_a_row_of_a_trained_run(gradatim, run):
    said = gradatim("explain", run, "--row", "2", "--neuron", "1.7", "--html", "row.html")
    assert said.status == 0, said.err
    assert "learning rate 0.001" in said.out
    assert "◀ class" in said.out
    assert "z¹₇" in said.out
    assert gradatim("explain", "graph", run).status == 0


def test_a_run_on_bundled_data(gradatim):
    options = ("--model", "rnn", "--hidden", "2", "--epochs", "1", "--output", "r")
    assert gradatim("train", "basic-motions", *options).status == 0
    said = gradatim("explain", "r")
    assert said.status == 0, said.err


def test_mistakes_end_in_one_line(refused, run):
    assert "there is no run at nothing" in refused("explain", "nothing")
    assert f"{run} was trained on rows 0 to" in refused("explain", run, "--row", "1000")
    assert "there is no activation 'sigmod': did you mean sigmoid" in refused(
        "explain", "--activation", "sigmod"
    )
    assert "did you mean mse" in refused("explain", "--loss", "msee")
    assert "--input has 1 numbers in a row, but the network has 2 inputs" in refused(
        "explain", "--input", "1"
    )
    assert "--input has 2 rows and --target 1" in refused(
        "explain", "--input", "1,0;0,1", "--target", "1"
    )
    assert "--input is 'a,b': expected numbers" in refused("explain", "--input", "a,b")
    assert "expected at least two sizes" in refused("explain", "--layers", "3")
    assert "there is no dense layer 4" in refused("explain", "--neuron", "4.1")
    assert "expected LAYER.NEURON" in refused("explain", "--neuron", "x")
    assert "--dot writes a graph" in refused("explain", "--dot", "g.dot")
    assert "a graph has no --html" in refused("explain", "graph", "--html", "g.html")
