"""The random stream against PyTorch's: the same bits, and the same state afterwards.

The tests run each draw on both sides after the same seed, and then compare the whole states of the
two generators, so that a draw that takes a word too many fails too.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import gradatim as gd
from gradatim.ops.draws import dropout_mask
from gradatim.random.samplers import Samplers

FLOATING = ("float32", "float64", "float16", "bfloat16")
INTEGER = ("uint8", "int8", "int16", "int32", "int64")
SIZES = (0, 1, 2, 15, 16, 17, 37, 1000)
SEED = 7


def as_array(tensor):
    """A tensor's values, of either library, in float64 (whole numbers in their own dtype)."""
    tensor = tensor.detach()
    if tensor.is_floating_point():
        return (
            tensor.double() if isinstance(tensor, torch.Tensor) else tensor.to(gd.float64)
        ).numpy()
    return tensor.numpy()


def assert_same(draw, tolerance=0.0):
    """`draw(library)` gives equal tensors, and leaves equal states."""
    torch.manual_seed(SEED)
    gd.manual_seed(SEED)
    expected, found = draw(torch), draw(gd)
    assert tuple(found.shape) == tuple(expected.shape)
    assert repr(found.dtype) == repr(expected.dtype)
    if tolerance:
        np.testing.assert_allclose(as_array(found), as_array(expected), rtol=0, atol=tolerance)
    else:
        np.testing.assert_array_equal(as_array(found), as_array(expected))
    np.testing.assert_array_equal(gd.get_rng_state().numpy(), torch.get_rng_state().numpy())


def dtype_of(library, name):
    return getattr(library, name)


def ramp(library, n):
    """n numbers from 0 to 1, the same in both libraries."""
    return library.arange(n, dtype=library.float64) / (n - 1)


# --- uniform and normal --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("n", SIZES)
def test_rand(dtype, n):
    assert_same(lambda lib: lib.rand(n, dtype=dtype_of(lib, dtype)))


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize(
    "bounds", [(-0.3, 0.7), (10, 10.1), (-3.3, 0.1), (5, 5), (1e-12, 1.0), (1000, 1000.0005)]
)
def test_uniform_is_rounded_once_and_never_its_upper_bound(dtype, bounds):
    assert_same(lambda lib: lib.empty(5000, dtype=dtype_of(lib, dtype)).uniform_(*bounds))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("mean", "std"), [(0, 1), (0.3, 2.5), (-7, 0)])
def test_normal_to_the_bit(n, dtype, mean, std):
    assert_same(lambda lib: lib.empty(n, dtype=dtype_of(lib, dtype)).normal_(mean, std))


@pytest.mark.parametrize("n", SIZES)
def test_randn_in_float32(n):
    # From 16 elements on, PyTorch's logarithm and cosine are its own: 5e-7, one unit in the last
    # place of a number between 4 and 8.
    assert_same(lambda lib: lib.randn(n), tolerance=5e-7 if n >= 16 else 0)


def test_a_million_normals_in_float32():
    assert_same(lambda lib: lib.randn(1000, 1003), tolerance=5e-7)


def test_the_second_normal_of_a_pair_is_kept_for_a_later_draw():
    def draw(lib):
        first = lib.randn(3)
        lib.rand(5)  # other draws, and normals from 16 on, leave it alone
        lib.randn(16)
        return lib.cat([first, lib.randn(2, dtype=lib.float64).to(lib.float32), lib.randn(4)])

    assert_same(draw)


def test_a_seed_forgets_the_kept_normal():
    def draw(lib):
        lib.randn(1)
        lib.manual_seed(3)
        return lib.randn(1)

    assert_same(draw)


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.3)])
def test_normal_of_a_size(dtype, mean, std):
    tolerance = 5e-7 if dtype == "float32" else 0
    assert_same(
        lambda lib: lib.normal(mean, std, (5, 7), dtype=dtype_of(lib, dtype)), tolerance=tolerance
    )


@pytest.mark.parametrize("shapes", [((7,), (7,)), ((4, 1), (5,)), ((40,), None), (None, (3, 9))])
@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float64", "float32"),
                                    ("float32", "float64"), ("float64", "float64")])  # fmt: skip
def test_normal_of_tensors(shapes, dtypes):
    def draw(lib):
        mean, std = (
            0.5 if shape is None else lib.full(shape, value, dtype=dtype_of(lib, dtype))
            for shape, value, dtype in zip(shapes, (2.0, 0.75), dtypes)
        )
        return lib.normal(mean, std)

    assert_same(draw, tolerance=1e-6)


# --- whole numbers -------------------------------------------------------------------------------

RANGES = [(0, 2), (0, 100), (-100, 28), (5, 6), (0, 2**20), (0, 2**27), (0, 2**28 - 1), (0, 2**28),
          (-(2**27), 2**27), (1, 2**31), (0, 2**33), (-(2**62), 2**62), (-(2**63), 2**63 - 1),
          (0, 65504), (-3000, 3001), (2**24 - 1, 2**26)]  # fmt: skip


@pytest.mark.parametrize("dtype", [*INTEGER, *FLOATING, "bool", "uint16", "uint32"])
@pytest.mark.parametrize("bounds", RANGES)
@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of float ranges beyond 2**24
def test_whole_numbers(dtype, bounds):
    def draw(lib):
        return lib.empty(50, dtype=dtype_of(lib, dtype)).random_(*bounds)

    try:
        draw(torch)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            draw(gd)
    else:
        assert_same(draw)


@pytest.mark.parametrize("dtype", [*INTEGER, *FLOATING, "bool"])
@pytest.mark.parametrize("low", ["none", 3, -5, -(2**63), 1000])
def test_whole_numbers_without_an_upper_bound(dtype, low):
    def draw(lib):
        bounds = () if low == "none" else (low, None)
        return lib.empty(50, dtype=dtype_of(lib, dtype)).random_(*bounds)

    try:
        draw(torch)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            draw(gd)
    else:
        assert_same(draw)


@pytest.mark.parametrize(
    "draw",
    [
        lambda lib: lib.randint(10, (20,)),
        lambda lib: lib.randint(3, 10, (4, 5)),
        lambda lib: lib.randint(high=2**40, size=(6,)),
        lambda lib: lib.randint(low=-4, high=4, size=(6,), dtype=lib.int8),
        lambda lib: lib.randint(0, 5, (7,), dtype=lib.float32),
        lambda lib: lib.randint(3, ()),
        lambda lib: lib.randint_like(lib.ones(3, 4), 9),
        lambda lib: lib.randint_like(lib.ones(3, 4).t(), -2, 9, dtype=lib.int64),
    ],
)
def test_randint(draw):
    assert_same(draw)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1000, 5000, 60000])
def test_randperm(n):
    assert_same(lambda lib: lib.randperm(n))


@pytest.mark.parametrize("dtype", [*INTEGER, *FLOATING])
def test_randperm_dtypes(dtype):
    assert_same(lambda lib: lib.randperm(50, dtype=dtype_of(lib, dtype)))


# --- yes or no -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATING, "int64", "uint8", "bool"])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.999, 1.0])
def test_bernoulli_of_a_number(dtype, p):
    assert_same(lambda lib: lib.zeros(1001, dtype=dtype_of(lib, dtype)).bernoulli_(p))
    assert_same(lambda lib: lib.bernoulli(lib.zeros(31, dtype=dtype_of(lib, dtype)), p))


@pytest.mark.parametrize("dtype", FLOATING)
def test_bernoulli_of_probabilities(dtype):
    assert_same(lambda lib: lib.bernoulli(ramp(lib, 777).to(dtype_of(lib, dtype))))
    assert_same(lambda lib: lib.zeros(5, 7).bernoulli_(ramp(lib, 7).to(dtype_of(lib, dtype))))


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_dropout_keeps_the_same_units(p):
    torch.manual_seed(SEED)
    gd.manual_seed(SEED)
    expected = F.dropout(torch.ones(64, 500), p) != 0
    found = dropout_mask((64, 500), 1 - p, gd.float32) != 0
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    np.testing.assert_array_equal(gd.get_rng_state().numpy(), torch.get_rng_state().numpy())


# --- memory order --------------------------------------------------------------------------------

VIEWS = {
    "transposed": lambda x: x.transpose(0, 1),
    "permuted": lambda x: x.permute(2, 0, 1),
    "strided": lambda x: x[:, ::2],
    "one column": lambda x: x[:, :1].transpose(0, 2),
    "reversed dimensions": lambda x: x.permute(2, 1, 0),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("fill", ["uniform_", "normal_", "exponential_", "bernoulli_", "random_"])
def test_views_are_filled_in_the_order_of_memory(view, fill):
    def draw(lib):
        x = lib.zeros(4, 6, 5)
        getattr(VIEWS[view](x), fill)()
        return x

    assert_same(draw)


@pytest.mark.parametrize("view", VIEWS)
def test_like_draws_in_the_order_of_memory(view):
    assert_same(lambda lib: lib.rand_like(VIEWS[view](lib.zeros(4, 6, 5))))
    # In float64, where normal numbers are equal to the bit: in blocks of 16, or not, must show.
    assert_same(lambda lib: lib.randn_like(VIEWS[view](lib.zeros(4, 6, 5, dtype=lib.float64))))


@pytest.mark.parametrize("shape", [(30, 1), (1, 8), (5, 1, 3), (1, 1, 4)])
def test_like_an_expanded_tensor(shape):
    full = tuple(7 if n == 1 else n for n in shape)
    assert_same(lambda lib: lib.rand_like(lib.zeros(shape).expand(full)))
    assert_same(lambda lib: lib.rand_like(lib.zeros(shape).expand(full).transpose(0, -1)))


def test_probabilities_in_another_layout():
    assert_same(lambda lib: lib.bernoulli(ramp(lib, 20).reshape(4, 5).t()))
    assert_same(lambda lib: lib.zeros(4, 5).t().bernoulli_(ramp(lib, 4)))


@pytest.mark.parametrize("view", VIEWS)
def test_dropout_of_a_view_keeps_the_same_units(view):
    torch.manual_seed(SEED)
    gd.manual_seed(SEED)
    x = VIEWS[view](torch.ones(4, 6, 5))
    expected = F.dropout(x, 0.5) != 0
    found = dropout_mask(tuple(x.shape), 0.5, gd.float32, strides=x.stride()) != 0
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


# --- the other distributions ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize(
    "fill",
    [
        lambda x: x.exponential_(),
        lambda x: x.exponential_(0.7),
        lambda x: x.cauchy_(),
        lambda x: x.cauchy_(1.5, 0.3),
        lambda x: x.log_normal_(),
        lambda x: x.log_normal_(0.1, 0.5),
        lambda x: x.geometric_(0.3),
    ],
    ids=[
        "exponential",
        "rate 0.7",
        "cauchy",
        "cauchy 1.5",
        "log_normal",
        "log_normal 0.1",
        "geometric",
    ],
)
def test_other_distributions(dtype, fill):
    assert_same(lambda lib: fill(lib.zeros(333, dtype=dtype_of(lib, dtype))))


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize(("samples", "replacement"), [(1, False), (5, False), (5, True), (1, True)])
def test_multinomial(dtype, samples, replacement):
    def draw(lib):
        weights = lib.rand(7, 50, dtype=lib.float64).to(dtype_of(lib, dtype)) + 0.01
        return lib.multinomial(weights, samples, replacement)

    assert_same(draw)
    assert_same(lambda lib: draw(lib)[0])


def test_multinomial_of_one_row():
    assert_same(lambda lib: lib.multinomial(lib.tensor([0.1, 0.0, 3.0, 2.0]), 9, replacement=True))
    assert_same(lambda lib: lib.multinomial(lib.tensor([0.1, 0.0, 3.0, 2.0]), 3))


@pytest.mark.parametrize("dtype", FLOATING[:2])
def test_binomial(dtype):
    def draw(lib):
        count = (60 * ramp(lib, 500)).round().to(dtype_of(lib, dtype))
        return lib.binomial(count, ramp(lib, 500).flip(0).to(dtype_of(lib, dtype)))

    assert_same(draw)


@pytest.mark.parametrize("dtype", FLOATING)
def test_poisson(dtype):
    assert_same(lambda lib: lib.poisson((60 * ramp(lib, 500)).to(dtype_of(lib, dtype))))


# --- long programs -------------------------------------------------------------------------------


DRAWS = [
    lambda lib, x, n: lib.rand(n, dtype=x.dtype),
    lambda lib, x, n: lib.randn(n, dtype=x.dtype),
    lambda lib, x, n: lib.randperm(n),
    lambda lib, x, n: lib.randint(2**30, (n,)),
    lambda lib, x, n: x.bernoulli_(0.3),
    lambda lib, x, n: x.normal_(2, 0.5),
    lambda lib, x, n: lib.bernoulli(lib.full((n,), 0.5, dtype=x.dtype)),
    lambda lib, x, n: x.exponential_(),
    lambda lib, x, n: lib.zeros(n, 2, dtype=x.dtype)[:, 0].normal_(),
    lambda lib, x, n: x.uniform_(-2, 3),
]


@pytest.mark.parametrize("seed", range(20))
def test_programs_of_many_draws_stay_in_step(seed):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    gd.manual_seed(seed)
    for _ in range(25):
        choice = int(rng.integers(len(DRAWS)))
        dtype = FLOATING[rng.integers(4)]
        n = int(rng.choice([0, 1, 3, 15, 16, 33, 700]))
        expected, found = (
            as_array(DRAWS[choice](lib, lib.zeros(n, dtype=dtype_of(lib, dtype)), n))
            for lib in (torch, gd)
        )
        normal_in_float32 = dtype == "float32" and choice in (1, 5)
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-7 * normal_in_float32)
        np.testing.assert_array_equal(gd.get_rng_state().numpy(), torch.get_rng_state().numpy())


# --- seeds and states ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [0, 1, 2**31, 2**32 - 1, 2**32, 2**40 + 5, 2**64 - 1, -1, -(2**63)]
)
def test_seeds(seed):
    torch.manual_seed(seed)
    gd.manual_seed(seed)
    assert gd.initial_seed() == torch.initial_seed()
    np.testing.assert_array_equal(gd.rand(4).numpy(), torch.rand(4).numpy())


@pytest.mark.parametrize(
    ("seed", "own_words"),
    [(2**64, None), (-(2**63) - 1, None), ("one", "a seed is a whole number, got 'one'")],
)
def test_seeds_that_are_refused(seed, own_words):
    with pytest.raises(ValueError) as expected:
        torch.manual_seed(seed)
    with pytest.raises(ValueError) as found:
        gd.manual_seed(seed)
    assert str(found.value).startswith(own_words or str(expected.value))
    assert str(seed) in str(found.value)


@pytest.mark.parametrize("drawn", [0, 1, 100, 623, 624, 625, 1248, 5000])
def test_states_can_be_exchanged(drawn):
    torch.manual_seed(11)
    torch.rand(drawn)
    torch.randn(1)  # leaves a kept value
    gd.set_rng_state(torch.get_rng_state())
    np.testing.assert_array_equal(gd.get_rng_state().numpy(), torch.get_rng_state().numpy())
    gd.rand(700)
    torch.set_rng_state(torch.from_numpy(gd.get_rng_state().numpy()))
    np.testing.assert_array_equal(gd.randn(5).numpy(), torch.randn(5).numpy())
    np.testing.assert_array_equal(gd.rand(5).numpy(), torch.rand(5).numpy())


def test_a_generator_of_ones_own():
    ours, theirs = gd.Generator(), torch.Generator()
    assert ours.initial_seed() == theirs.initial_seed()
    np.testing.assert_array_equal(
        gd.rand(4, generator=ours).numpy(), torch.rand(4, generator=theirs).numpy()
    )
    assert str(ours.device) == str(theirs.device)
    twin = ours.clone_state()
    np.testing.assert_array_equal(
        gd.randperm(9, generator=twin).numpy(), torch.randperm(9, generator=theirs).numpy()
    )


BAD = {
    "negative std": lambda lib: lib.empty(3).normal_(0, -1),
    "empty range": lambda lib: lib.empty(3).uniform_(2, 1),
    "range too large": lambda lib: lib.empty(3).uniform_(-3e38, 3e38),
    "bound too large": lambda lib: lib.empty(3).uniform_(0, 1e39),
    "negative rate": lambda lib: lib.empty(3).exponential_(-1),
    "p of 1.5": lambda lib: lib.empty(3).bernoulli_(1.5),
    "p tensor of 1.5": lambda lib: lib.bernoulli(lib.tensor([0.5, 1.5])),
    "whole probabilities": lambda lib: lib.bernoulli(lib.tensor([1])),
    "geometric of 1.5": lambda lib: lib.empty(3).geometric_(1.5),
    "sigma": lambda lib: lib.empty(3).cauchy_(0, -1),
    "log_normal std": lambda lib: lib.empty(3).log_normal_(0, 0),
    "uniform integers": lambda lib: lib.empty(3, dtype=lib.int64).uniform_(),
    "rand int32": lambda lib: lib.rand(3, dtype=lib.int32),
    "randn int32": lambda lib: lib.randn(3, dtype=lib.int32),
    "negative size": lambda lib: lib.rand(-1),
    "randint backwards": lambda lib: lib.randint(5, 3, (2,)),
    "randint out of uint8": lambda lib: lib.randint(0, 300, (3,), dtype=lib.uint8),
    "randint of a float": lambda lib: lib.randint(3.5, (2,)),
    "randint without a size": lambda lib: lib.randint(3, 4),
    "randint with a gradient": lambda lib: lib.randint(3, (2,), requires_grad=True),
    "randperm -1": lambda lib: lib.randperm(-1),
    "randperm of a float": lambda lib: lib.randperm(3.0),
    "randperm out of uint8": lambda lib: lib.randperm(300, dtype=lib.uint8),
    "randperm out of half": lambda lib: lib.randperm(3000, dtype=lib.float16),
    "multinomial 3-d": lambda lib: lib.multinomial(lib.ones(2, 2, 2), 1),
    "multinomial too many": lambda lib: lib.multinomial(lib.ones(3), 5),
    "multinomial none": lambda lib: lib.multinomial(lib.ones(3), 0),
    "multinomial negative": lambda lib: lib.multinomial(-lib.ones(3), 1),
    "multinomial zero": lambda lib: lib.multinomial(lib.zeros(3), 1, True),
    "multinomial nan": lambda lib: lib.multinomial(lib.tensor([1, float("nan")]), 1, True),
    "multinomial integers": lambda lib: lib.multinomial(lib.tensor([1, 2]), 1),
    "poisson": lambda lib: lib.poisson(-lib.ones(2)),
    "binomial of integers": lambda lib: lib.binomial(lib.tensor([3]), lib.tensor([0.5])),
    "binomial of a number": lambda lib: lib.binomial(lib.tensor([3.0]), 0.5),
    "binomial dtypes": lambda lib: lib.binomial(lib.ones(1), lib.ones(1, dtype=lib.float64)),
    "normal std tensor": lambda lib: lib.normal(lib.zeros(3), -lib.ones(3)),
    "normal of integers": lambda lib: lib.normal(lib.zeros(3, dtype=lib.int64), 1.0),
    "normal without a size": lambda lib: lib.normal(0.0, 1.0),
    "no generator": lambda lib: lib.rand(3, generator=5),
    "no size": lambda lib: lib.rand(),
    "expanded": lambda lib: lib.zeros(3, 1).expand(3, 4).uniform_(),
    "leaf": lambda lib: lib.zeros(3, requires_grad=True).uniform_(),
    "state of 5 bytes": lambda lib: lib.set_rng_state(lib.zeros(5, dtype=lib.uint8)),
    "state of floats": lambda lib: lib.set_rng_state(lib.zeros(5056)),
    "state of zeros": lambda lib: lib.set_rng_state(lib.zeros(5056, dtype=lib.uint8)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_pytorch_refuses_is_refused_and_draws_nothing(name):
    with pytest.raises(Exception) as expected:
        BAD[name](torch)
    gd.manual_seed(SEED)
    before = gd.get_rng_state().numpy().copy()
    with pytest.raises(gd.Error) as found:
        BAD[name](gd)
    builtin = next(
        c for c in (RuntimeError, ValueError, TypeError) if isinstance(expected.value, c)
    )
    assert isinstance(found.value, builtin)
    assert "\n" not in str(found.value)
    np.testing.assert_array_equal(gd.get_rng_state().numpy(), before)


def test_a_generator_survives_pickling_in_both_libraries():
    generator = gd.Generator().manual_seed(5)
    gd.randn(3, generator=generator)
    twin = pickle.loads(pickle.dumps(generator))
    theirs = torch.Generator()
    theirs.set_state(torch.from_numpy(twin.get_state().numpy()))
    np.testing.assert_array_equal(
        gd.randn(3, generator=generator).numpy(), torch.randn(3, generator=theirs).numpy()
    )


def test_every_distribution_is_compared_here():
    """A distribution added to the samplers must come here too."""
    assert {name for name in dir(Samplers) if name[0] != "_"} == {
        "words", "words64", "kept", "uniform", "normal", "log_normal", "integers",
        "full_range", "permutation", "exchanges", "bernoulli_scalar", "bernoulli_tensor",
        "exponential", "geometric", "cauchy", "poisson", "multinomial", "binomial",
    }  # fmt: skip
