"""`gradatim bench` and `gradatim profile`."""

import json

import pytest

from gradatim.bench import sides


def test_bench_times_a_workload_and_writes_it_down(gradatim, tmp_path):
    said = gradatim(
        "bench", "tiny_xor", "--rounds", 1, "--peers", "none", "--json", "b.json",
        "--picture", "b.png",
    )  # fmt: skip
    assert said.status == 0, said
    assert "tiny_xor" in said.out and "Peak" in said.out
    content = json.loads((tmp_path / "b.json").read_text())
    (workload,) = content["workloads"]
    assert workload["name"] == "tiny_xor"
    assert 0 < workload["milliseconds"]["gradatim"] < 1000
    assert workload["met"] is None  # nobody to compare with
    assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"


def test_bench_leaves_out_what_is_not_installed_and_says_so(gradatim, monkeypatch):
    monkeypatch.setattr(sides, "missing", lambda name: ["torch"])
    said = gradatim("bench", "tiny_xor", "--rounds", 1, "--peers", "torch")
    assert said.status == 0, said
    assert "PyTorch left out: not installed" in said.out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["tiny"], "there is no workload 'tiny'"),
        (["--peers", "numpy"], "there is no peer 'numpy'"),
        (["--rounds", "0"], "rounds is 0"),
        (["--threads", "100000"], "threads is 100000: it has to be from 1 to"),
        (["--json", "nowhere/b.json"], "nowhere/b.json: its folder cannot be written to"),
    ],
)
def test_bench_refuses_before_it_begins(refused, arguments, words):
    assert words in refused("bench", *arguments)


def test_bench_times_operators(gradatim, tmp_path):
    said = gradatim(
        "bench", "ops", "cumprod", "isnan(x)", "--rounds", 1, "--peers", "none", "--json", "o.json"
    )
    assert said.status == 0, said
    assert "p.cumprod(1), gradients" in said.out
    found = json.loads((tmp_path / "o.json").read_text())["operators"]
    assert [each["expression"] for each in found] == ["t.isnan(x)", "p.cumprod(1)", "p.cumprod(1)"]
    assert all(0 < each["microseconds"]["gradatim"] < 1e6 for each in found)


def test_bench_names_an_unknown_operator(refused):
    assert "no operator is named walk" in refused("bench", "ops", "walk")
    assert "--picture and --each-step are" in refused("bench", "ops", "--picture", "o.png")


def test_profile_shows_kernels_and_their_times(gradatim, tmp_path):
    said = gradatim("profile", "deck_modules_n50", "--runs", 3, "--json", "p.json")
    assert said.status == 0, said
    assert "contract 50x500 over 100" in said.out
    (program,) = json.loads((tmp_path / "p.json").read_text())["programs"]
    times = [kernel["seconds"] for kernel in program["kernels"]]
    assert all(t >= 0 for t in times)
    assert 0 < sum(times) <= program["step_seconds"]
    products = [k for k in program["kernels"] if k["title"] == "contract 50x500 over 100"]
    assert products[0]["operations"] == 2 * 50 * 500 * 100


def test_profile_wants_one_workload(refused):
    assert "sizes is a group: name one workload" in refused("profile", "sizes")
