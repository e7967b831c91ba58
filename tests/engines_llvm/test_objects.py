"""Object code for every level of instructions and every system: it assembles, and wants nothing
from elsewhere but the thread pool. A call of a library function is slow at best, and stops a
Program from loading where the process has no such function.
"""

from __future__ import annotations

import random

import pytest

from gradatim.engines.llvm import native
from gradatim.engines.llvm.driver import emit_schedule
from gradatim.engines.llvm.emit import Module
from gradatim.engines.llvm.schedule import schedule
from gradatim.graph.rewrite import simplify
from tests.engines.case import Case, generate
from tests.engines_llvm.driver import write
from tests.engines_llvm.objects import undefined_symbols
from tests.engines_llvm.test_elementwise import BITCASTS, CASTS, EXACT, MATH, SELECTS

LEVELS = tuple(native.FEATURES)
SEEDS = range(40)


@pytest.fixture(scope="module")
def programs() -> list[Case]:
    return [generate(random.Random(seed)) for seed in SEEDS]


def _code_of(case: Case, level: str, system: str) -> bytes:
    module = Module(native.FEATURES[level])
    emit_schedule(schedule(simplify(case.program)), module)
    return native.object_code(module.text(), target=native.cross_target(level, system))


def test_symbols_that_are_not_defined_are_found():
    ir = "declare double @fmod(double, double)\ndefine double @f(double %x) {\n"
    ir += "  %y = call double @fmod(double %x, double %x)\n  ret double %y\n}\n"
    for system, name in (("linux", "fmod"), ("macos", "_fmod"), ("windows", "fmod")):
        for level in ("sse2", "neon"):
            code = native.object_code(ir, target=native.cross_target(level, system))
            assert undefined_symbols(code) - {"_fltused"} == {name}, (system, level)


@pytest.mark.parametrize("level", LEVELS)
def test_no_elementwise_primitive_calls_a_library_function(level):
    cases = list(dict.fromkeys(EXACT + SELECTS + CASTS + BITCASTS + MATH))
    module = Module(native.FEATURES[level])
    for case in cases:
        write(module, case)
    code = native.object_code(module.text(), target=native.cross_target(level, "linux"))
    assert undefined_symbols(code) == set()


@pytest.mark.parametrize("level", LEVELS)
def test_no_program_calls_a_library_function(programs, level):
    for seed, case in zip(SEEDS, programs):
        names = undefined_symbols(_code_of(case, level, "linux"))
        assert names <= {"gradatim_parallel_for"}, f"seed {seed}"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("half", ["half", "bfloat"])
def test_the_sign_of_a_half_that_was_loaded_alone(level, half):
    """LLVM 22 stopped the process over it."""
    module = Module(native.FEATURES[level])
    f = module.function("signs", ["ptr", "float"], "float")
    sign = f.convert(f.load(half, f.params[0]), "float")
    f.ret(f.binary("copysign", f.params[1], sign))
    code = native.object_code(module.text(), target=native.cross_target(level, "linux"))
    assert undefined_symbols(code) == set()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("system, allowed", [
    ("macos", {"_gradatim_parallel_for"}),
    # What Microsoft's compiler gives every object that computes with floats (`native.load` has it)
    # or has more than a page on the stack (ntdll has it).
    ("windows", {"gradatim_parallel_for", "_fltused", "__chkstk"}),
])  # fmt: skip
def test_programs_assemble_for_other_systems(programs, level, system, allowed):
    for seed, case in list(zip(SEEDS, programs))[:12]:
        names = undefined_symbols(_code_of(case, level, system))
        assert names <= allowed, f"seed {seed}"
