"""Programs for today's PyTorch print the same, character by character, under both.

They compute in float64, where both agree to more digits than are printed.
"""

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def switches_can_be_set(monkeypatch):
    """PyTorch's own test tools, where they are loaded, forbid scripts to set its global flags."""
    names = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(names, "__allow_nonbracketed_mutation_flag", True)


@pytest.mark.parametrize("name", ["checkpoint", "lstm", "transformer", "vae"])
def test_a_program_prints_the_same(both, program, name):
    ours, theirs = both(program(f"today/{name}.py"))
    assert ours == theirs and len(ours) > 5


def test_the_convolutional_network_learns(program, tmp_path, monkeypatch, capsys):
    """With torchvision's names: it is not installed beside PyTorch here."""
    from gradatim.cli import main

    (tmp_path / "cnn.py").write_text(program("today/cnn.py"))
    monkeypatch.chdir(tmp_path)
    assert main(["run", "cnn.py", "--epochs", "2", "--samples", "2000"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Test set: Average loss: ") and int(last.split()[-1][:3]) > 850


def test_the_convolutional_network_gives_pytorchs_losses(both, program):
    """The same with a data set of its own instead of torchvision's, in float64."""
    text = program("today/cnn.py").replace("from torchvision import datasets, transforms\n", "")
    start, end = text.index("    transform = transforms"), text.index("    train_loader = ")
    data = (
        "    x, y = torch.rand(320, 1, 28, 28), torch.arange(320) % 10\n"
        "    train_set = torch.utils.data.TensorDataset(x, y)\n"
        "    test_set = torch.utils.data.TensorDataset(x[:100], y[:100])\n"
    )
    text = text[:start] + data + text[end:]
    text = text.replace(
        "    args = parser", "    torch.set_default_dtype(torch.float64)\n    args = parser"
    )
    text = text.replace("if batch_idx % args.log_interval == 0", "if True")
    ours, theirs = both(text, "--lr", "0.1")
    assert ours == theirs and len(ours) == 12
