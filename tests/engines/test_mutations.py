"""The differential test, tested: engines with one fault each are found out."""

import functools

import pytest

from gradatim.graph.primitives import PRIMITIVES
from tests.engines import fuzz
from tests.engines.broken import BrokenEngine, WritesBeforeReading
from tests.engines.rows import ROWS
from tests.engines.worker import failure_of, program_of


@functools.cache
def cases():
    return [program_of(seed) for seed in range(2000)]


def tries_until_found(engine, primitive=None):
    """How many programs (with the primitive) it takes."""
    tried = 0
    for case in cases():
        names = {node.primitive.name for node in case.program.nodes}
        if primitive is None or primitive in names:
            tried += 1
            if failure_of(case, engine) is not None:
                return tried
    pytest.fail(f"{engine.name} passed {tried} programs")


COMPUTED = [name for name in ROWS if PRIMITIVES[name].kind != "marker"]


@pytest.mark.parametrize("primitive", COMPUTED)
def test_a_wrong_last_element_of_any_primitive_is_found(primitive):
    assert tries_until_found(BrokenEngine(f"broken:last-{primitive}"), primitive) <= 12


@pytest.mark.parametrize("primitive", ["add", "tanh", "contract", "sum", "mul", "cumsum", "sqrt"])
def test_a_wrong_sign_is_found(primitive):
    assert tries_until_found(BrokenEngine(f"broken:negated-{primitive}"), primitive) <= 12


@pytest.mark.parametrize("primitive", ["contract", "permute", "expand", "reshape"])
def test_swapped_axes_are_found(primitive):
    """Axes of one extent, so that no shape gives them away."""
    assert tries_until_found(BrokenEngine(f"broken:swapped-{primitive}"), primitive) <= 60


@pytest.mark.parametrize("primitive", ["add", "mul", "relu", "max", "maximum", "sum", "sort"])
def test_a_lost_nan_is_found(primitive):
    fault = BrokenEngine(f"broken:without_nan-{primitive}")
    assert tries_until_found(fault, primitive) <= 100


@pytest.mark.parametrize("primitive", ["exp", "tanh", "mul", "sum", "contract", "div", "log"])
def test_lost_precision_is_found(primitive):
    assert tries_until_found(BrokenEngine(f"broken:imprecise-{primitive}"), primitive) <= 20


def test_writing_an_output_over_an_input_that_is_still_read_is_found():
    assert tries_until_found(WritesBeforeReading()) <= 100


@pytest.mark.parametrize("fault", ["reads_behind-add", "reads_before-sum", "writes_behind-mul"])
def test_a_stray_access_is_found_in_guarded_memory(fault):
    events = fuzz.run(f"broken:{fault}", 0, 200, guard=True, quiet=True)
    found = next(event for event in events if isinstance(event, fuzz.Fault))
    events.close()
    assert "SIGSEGV" in found.message or "SIGBUS" in found.message
    assert fault.partition("-")[2] in found.program  # shrunk to the operation to blame
    assert found.program.count("=") <= 12


def test_without_guarded_memory_a_stray_read_goes_unseen():
    """Why the guard is needed."""
    events = list(fuzz.run("broken:reads_behind-add", 0, 60))
    assert not any(isinstance(event, fuzz.Fault) for event in events)


def test_a_failure_says_where_and_is_shrunk_to_one_operation(capsys):
    assert fuzz.main(["--engine", "broken:negated-erfc", "--programs", "600", "--most", "1"]) == 1
    printed = capsys.readouterr().out
    assert "elements are wrong, first at" in printed
    program = printed[printed.index("program ") : printed.index("  return")]
    assert [line.split("= ")[1].split("(")[0] for line in program.splitlines()[1:]] == [
        "input",
        "erfc",
    ]
    seed = int(printed.split("seed ")[1].split(":")[0])
    assert fuzz.main(["--engine", "broken:negated-erfc", "--programs", "1", "--seed", str(seed)])


def test_an_unknown_engine_is_one_line(capsys):
    assert fuzz.main(["--engine", "gpu"]) == 2
    assert "no engine is named 'gpu'" in capsys.readouterr().err
