"""Scans as native loops: small whole numbers, so that every sum is exact, on both engines."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.engines.llvm.executable import LLVMEngine, LLVMExecutable, Tiered
from gradatim.engines.llvm.recurrence import Recurrence, batch_blocks
from gradatim.graph.program import close, trace
from tests.engines_llvm.engines import run, same_bits


def whole(rng, *shape):
    return gd.tensor(rng.integers(-2, 3, shape).astype(np.float32))


def step(weights, inner):
    """A step whose rows know nothing of each other: a product, a join, and the old state."""

    def one(state, x):
        new = (state @ weights + x @ inner).clamp(-2, 2)
        joined = gd.cat([new * x[:, :1], new - state], 1)
        return new, (new, state, joined)

    return one


def compare(results):
    expected, got, codes = run([r._read() for r in results])
    assert all(same_bits(a, b) for a, b in zip(expected, got))
    return [code for code in codes if isinstance(code, Recurrence)]


@pytest.mark.parametrize("batch, blocks", [(64, 4), (48, 3), (32, 2), (17, None), (1, None)])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_batch_is_cut_into_blocks_where_it_is_large(batch, blocks, reverse):
    rng = np.random.default_rng(batch)
    first, xs = whole(rng, batch, 20), whole(rng, 6, batch, 5)
    last, ys = gd.scan(step(whole(rng, 20, 20), whole(rng, 5, 20)), first, xs, reverse=reverse)
    (code,) = compare([last, *ys])
    found = batch_blocks(code)
    assert (found and found[1]) == blocks


def test_rows_that_meet_are_not_cut_apart():
    rng = np.random.default_rng(0)
    first, xs = whole(rng, 64, 8), whole(rng, 5, 64, 8)

    def one(state, x):
        new = (state + x + state.sum(0)).clamp(-2, 2)
        return new, new

    last, ys = gd.scan(one, first, xs)
    (code,) = compare([last, ys])
    assert batch_blocks(code) is None


def test_rows_that_change_places_are_not_cut_apart():
    rng = np.random.default_rng(0)
    first, xs = whole(rng, 64, 8), whole(rng, 5, 64, 8)
    last, ys = gd.scan(lambda state, x: ((state.flip(0) + x).clamp(-2, 2), state), first, xs)
    (code,) = compare([last, ys])
    assert batch_blocks(code) is None


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_loops_and_states_that_take_turns(length):
    rng = np.random.default_rng(length)
    states, xs = (whole(rng, 32, 8), whole(rng, 32, 8)), whole(rng, length, 32, 8)

    def one(pair, x):
        a, b = pair
        return (b, (a - x).clamp(-2, 2)), a

    (a, b), ys = gd.scan(one, states, xs)
    assert compare([a, b, ys])


def test_sequences_that_lie_the_other_way_round():
    rng = np.random.default_rng(0)
    xs = whole(rng, 64, 7, 5).realize().transpose(0, 1)  # as layers with batch_first read them
    weights, inner = whole(rng, 12, 12), whole(rng, 5, 12)
    last, ys = gd.scan(step(weights, inner), gd.zeros(64, 12), xs)
    assert compare([last, *ys])


def test_a_loop_over_nothing_gives_its_beginning():
    first = whole(np.random.default_rng(0), 32, 4)
    last, ys = gd.scan(lambda state, x: (state + x, state), first, gd.zeros(0, 32, 4))
    compare([last, ys])


@pytest.mark.parametrize("length, kind", [(3, Tiered), (10_000, LLVMExecutable)])
def test_a_long_loop_is_compiled_at_once_however_small_its_step_is(length, kind):
    """Its first run costs NumPy a call for each operation of each step."""
    last, _ = gd.scan(lambda s, x: (s * 0.5 + x, s), gd.ones(2), gd.ones(length, 2))
    program = close(trace([last._read()]))
    assert type(LLVMEngine().compile(program, "cpu")) is kind
