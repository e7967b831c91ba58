"""The XLA engine against the reference engine and the CPU compiler."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("jax")

import gradatim as gd
from gradatim.engines import current_engine, get_engine
from gradatim.nn import functional as F
from tests.engines import fuzz

PROGRAMS = 25


def test_random_programs():
    found = [e for e in fuzz.run("xla", 0, PROGRAMS) if isinstance(e, fuzz.Fault)]
    assert "\n\n".join(f"seed {f.seed}: {f.message}\n{f.program}" for f in found) == ""


def test_every_primitive_has_a_meaning():
    from gradatim.engines.xla.executable import COMPLETE

    assert COMPLETE


@pytest.fixture
def on_xla():
    before = current_engine().name
    gd.set_engine("xla")
    yield
    gd.set_engine(before)


def classifier():
    """The deck's classifier, for batches of 784 numbers."""
    sizes = (784, 1000, 500, 100, 10)
    layers = []
    for before, after in itertools.pairwise(sizes):
        layers += [gd.nn.Linear(before, after), gd.nn.ReLU()]
    return gd.nn.Sequential(*layers[:-1])


def losses_of(device=None, steps=100):
    gd.manual_seed(0)
    model = classifier()
    if device is not None:
        model.to(device)
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)

    @gd.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    numbers = np.random.default_rng(0)
    losses = []
    for _ in range(steps):
        x = gd.tensor(numbers.random((100, 784), dtype=np.float32))
        y = gd.tensor(np.eye(10, dtype=np.float32)[numbers.integers(0, 10, 100)])
        if device is not None:
            x, y = x.to(device), y.to(device)
        losses.append(step(x, y))
    return np.array([loss.item() for loss in losses])


def test_the_classifier_learns_as_on_the_cpu_engine(on_xla):
    on_host, on_device = losses_of(), losses_of("xla:cpu")
    gd.set_engine("llvm")
    expected = losses_of()
    np.testing.assert_allclose(on_host, expected, rtol=1e-4)
    np.testing.assert_allclose(on_device, expected, rtol=1e-4)


FAILURES = [
    (lambda: gd.tensor([1.0, 2.0])[gd.tensor([0, 5])], "index 5 is out of bounds"),
    (lambda: gd.tensor([1, 2]) // gd.tensor([1, 0]), "ZeroDivisionError: integer division"),
    (lambda: gd.tensor([1, 2]) % gd.tensor([0, 1]), "ZeroDivisionError: integer division"),
    (lambda: gd.linalg.inv(gd.zeros(3, 3)), "diagonal element 1 is zero"),
    (lambda: gd.linalg.solve(gd.zeros(2, 3, 3), gd.ones(2, 3, 1)), r"\(Batch element 0\)"),
    (lambda: gd.linalg.cholesky(gd.tensor([[1.0, 2.0], [2.0, 1.0]])), "minor of order 2"),
    (lambda: gd.linalg.svd(gd.full((2, 2), float("nan"))), "non-finite values"),
]


@pytest.mark.parametrize("run, message", FAILURES)
def test_failures_say_what_the_cpu_engine_says(on_xla, run, message):
    with pytest.raises((RuntimeError, IndexError), match=message) as found:
        look(run())
    gd.set_engine("llvm")
    with pytest.raises(type(found.value)) as expected:
        look(run())
    assert str(found.value) == str(expected.value)


def look(result):
    for tensor in result if isinstance(result, tuple) else (result,):
        tensor.tolist()


def test_a_failure_inside_a_loop_stops_the_run():
    from gradatim.graph import dtypes
    from gradatim.graph import primitives as p
    from gradatim.graph.program import close, trace

    table, places = (
        p.value(x, x.shape, d)
        for x, d in ((np.arange(3.0), dtypes.float64), (np.array([0, 7, 9]), dtypes.int64))
    )
    inner_place = p.program_input(0, (), dtypes.int64)
    inner_table = p.program_input(1, (3,), dtypes.float64)
    body = p.Body([inner_place, inner_table], [p.gather(inner_table, inner_place)])
    program = close(trace(p.scan(body, [], [places], [table], 3)))
    failure, results = get_engine("xla").compile(program, "cpu")(
        [np.array([0, 7, 9]), np.arange(3.0)], [None]
    )
    assert results == [] and failure.message.startswith("index 7 is out of bounds")


def test_import_does_not_load_jax():
    code = "import sys, gradatim; gradatim.ones(2).tolist(); print('jax' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_a_missing_jax_is_one_line(monkeypatch):
    import builtins

    from gradatim import engines

    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.partition(".")[0] == "jax":
            raise ModuleNotFoundError("No module named 'jax'", name="jax")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(engines, "_loaded", {})
    for name in [n for n in sys.modules if n.startswith("gradatim.engines.xla")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'gradatim\[xla\]'"):
        engines.get_engine("xla")
