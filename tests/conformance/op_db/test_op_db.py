"""Every operator of PyTorch's database that is in scope, with a spread of its sample inputs.

`python -m tests.conformance.op_db.run` runs them all.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from tests.conformance.op_db.gaps import GAPS
from tests.conformance.op_db.run import run_operator
from tests.conformance.op_db.scope import operators

SAMPLES = 6  # of each dtype


@pytest.mark.parametrize("name", operators())
def test_operator(name):
    result = run_operator(name, SAMPLES)
    assert result.tried, "the database has no sample inputs for it"
    known, _ = GAPS.get(name, ((), ""))
    failures = [f"{part}: {text}" for part, text in result.failures if part not in known]
    assert not failures, "\n".join(failures)


def test_gaps_are_of_operators_in_scope():
    assert GAPS.keys() <= operators().keys()
