"""The deck's programs give PyTorch's numbers, to 4 significant digits over their first 100 steps.

The slides' four broken statements and the misprinted name are mended, and nothing else. Programs
that print nothing get a line that prints.
"""

import math

import numpy as np
import pytest

from gradatim.data import export_mnist

DIGITS = 5e-5  # half a unit in the fourth significant digit of a number that begins with 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("tensors", "    loss = (y_pred - y).pow(2).sum()\n"),
        ("variables", "    loss = (y_pred - y).pow(2).sum()\n"),
        ("modules", "    loss = criterion(y_pred, y)\n"),
    ],
)
def test_losses_of_a_hundred_steps(both, program, name, line):
    text = program(f"deck/{name}.py")
    assert text.count(line) == 1
    text = text.replace(line, line + "    print('%.9g' % loss.data[0])\n")
    ours, theirs = both(text.replace("range(500)", "range(100)"))
    assert len(ours) == len(theirs) == 100
    assert np.allclose(np.array(ours, float), np.array(theirs, float), rtol=DIGITS, atol=0)


def test_the_graph_with_gradients(both, program):
    names = ("c.data[0]", "grad_t1", "grad_t2", "grad_t3")
    text = program("deck/graph_torch.py").replace("c.backward", "loss = c\nc.backward")
    text += "\nprint('%.9g' % loss.data[0])\n"
    text += "".join(f"print({name}.tolist())\n" for name in names[1:])
    ours, theirs = both(text)
    for a, b in zip(ours, theirs, strict=True):  # randn of float32: 5e-7
        assert np.allclose(eval(a), eval(b), rtol=1e-5, atol=1e-6)


def test_the_graph_of_tensorflow_is_the_graph_of_numpy(ours, program):
    show = "\nprint(repr([float(v) for v in (c{0}, *grad_t1{0}.ravel(), *grad_t3{0}.ravel())]))\n"
    tensorflow = eval(ours(program("deck/graph_tensorflow.py") + show.format("_val")))
    in_numpy = program("deck/graph_numpy.py") + show.format("")
    expected = eval(ours(in_numpy))
    assert math.isclose(expected[0], 8.80812307798, rel_tol=1e-12)
    assert np.allclose(tensorflow, expected, rtol=1e-6)
    on_ours = in_numpy.replace("import numpy", "import gradatim.numpy")
    assert np.allclose(eval(ours(on_ours)), expected, rtol=1e-14)


def _fewer(text, epochs):
    assert text.count("range(100)") == 1
    return text.replace("range(100)", f"range({epochs})")


def test_the_digits(both, program, tmp_path):
    export_mnist(tmp_path / "train.csv", 4000)
    ours, theirs = both(_fewer(program("deck/mnist.py"), 4))
    assert len(ours) == 4
    for a, b in zip(ours, theirs, strict=True):
        (e, loss, accuracy), (f, their_loss, their_accuracy) = map(_numbers, (a, b))
        assert e == f and math.isclose(loss, their_loss, rel_tol=DIGITS)
        assert abs(accuracy - their_accuracy) < 0.002  # of 1,320 digits, two near the border


def _numbers(line):
    return [float(part.partition(": ")[2]) for part in line.split(", ")]


def test_the_digits_on_a_gpu(program, tmp_path, monkeypatch, capsys):
    from gradatim.cli import main

    export_mnist(tmp_path / "train.csv", 300)
    text = _fewer(program("deck/mnist.py"), 1).replace("batch = 1000", "batch = 100")
    for name in ("x", "y", "xt"):
        start = text.index(f"\n{name} = Variable(")
        end = text.index(".type(torch.FloatTensor)\n", start)
        text = text[:end] + ".type(torch.FloatTensor).cuda()\n" + text[end + 25 :]
    text = text.replace("\n# Loss function", "\nmodel.cuda()\n# Loss function")
    text = text.replace("model(xt).data.numpy()", "model(xt).data.cpu().numpy()")
    assert text.count("cuda()") == 4
    (tmp_path / "digits.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "digits.py"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "there is no GPU" in said and "--device cpu" in said
    assert main(["run", "--device", "cpu", "digits.py"]) == 0
    assert capsys.readouterr().out.startswith("Epoch: 1, Loss: ")
