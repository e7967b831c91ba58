"""Random programs on every engine: a small part of what `make fuzz` runs."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, given, settings

from gradatim.engines import get_engine
from tests.engines import fuzz
from tests.engines.case import generate
from tests.engines.worker import describe, dies

PROGRAMS = 300
GUARDED = 100


def faults(*args, **options):
    found = [e for e in fuzz.run(*args, **options) if isinstance(e, fuzz.Fault)]
    return "\n\n".join(f"seed {f.seed}: {f.message}\n{f.program}" for f in found)


def test_random_programs(engine):
    assert faults(engine.name, 0, PROGRAMS) == ""


def test_random_programs_in_guarded_memory(engine):
    assert faults(engine.name, 1_000_000, GUARDED, guard=True) == ""


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
@given(st.randoms(use_true_random=False))
def _programs_that_hypothesis_draws(name, rng):
    case = generate(rng)
    wrong = dies(case, get_engine(name))  # in a fork, which may crash
    assert wrong is None, describe(case)


def test_programs_that_hypothesis_draws_and_shrinks(engine):
    _programs_that_hypothesis_draws(engine.name)
