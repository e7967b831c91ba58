"""Every test with an `engine` runs on each engine there is; the others are skipped."""

import pytest

from gradatim.engines import ENGINES, get_engine

TESTED = ("reference", "llvm")


def pytest_generate_tests(metafunc):
    if "engine_name" in metafunc.fixturenames:
        metafunc.parametrize("engine_name", TESTED, scope="module")


@pytest.fixture(scope="module")
def engine(engine_name):
    if engine_name not in ENGINES:
        pytest.skip(f"the {engine_name} engine is not there")
    return get_engine(engine_name)
