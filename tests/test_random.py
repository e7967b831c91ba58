"""Random numbers: PyTorch's stream and its states, Philox, and the draws that tensors make of them.

Numbers that stand here as constants are PyTorch 2.13's for the same seed.
"""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import zlib

import ml_dtypes
import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, CheckpointError, DeviceError, Error
from gradatim.ops._drawing import memory_order
from gradatim.ops.draws import dropout_mask
from gradatim.random import DEFAULT_SEED, Generator
from gradatim.random import arithmetic as random_arithmetic
from gradatim.random.arithmetic import fused_multiply_add, libm
from gradatim.random.integers import exchanged
from gradatim.random.streams import MT19937, Philox, philox


@pytest.fixture
def generator():
    return Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def _leave_the_default_stream_as_it_was():
    with gd.fork_rng():
        yield


def checksum(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


# --- the same seed gives PyTorch's numbers -------------------------------------------------------


def test_uniform_numbers(generator):
    expected = ["0x1.fc2ab0p-2", "0x1.89545ep-1", "0x1.6a6750p-4", "0x1.0e6600p-3", "0x1.3acd0cp-2"]
    assert generator.uniform((5,), "float32").tolist() == [float.fromhex(x) for x in expected]


def test_uniform_numbers_of_a_range_are_rounded_once(generator):
    numbers = generator.uniform((3,), "float32", -3.3, 0.1)
    assert numbers.tolist() == [-1.6127276420593262, -0.6880459785461426, -2.9991767406463623]
    assert checksum(generator.uniform((10000,), "float32", -3.3, 0.1)) == 3759450001


def test_uniform_numbers_in_float64(generator):
    assert checksum(generator.uniform((10000,), "float64", -3.3, 0.1)) == 567488272


def test_a_uniform_number_that_rounds_to_its_upper_bound_is_the_lower_one(generator):
    numbers = generator.uniform((4,), ml_dtypes.bfloat16, 10, 10.1)  # 10.1 is 10.125 there
    assert numbers.astype(float).tolist() == [10.0625, 10.0625, 10.0, 10.0]


def test_few_normal_numbers_are_made_in_pairs_and_the_odd_one_is_kept(generator):
    first = generator.normal((3,), "float32")
    between = generator.uniform((1,), "float32")
    last = generator.normal((1,), "float32")
    assert first.tolist() == pytest.approx(
        [1.5409960746765137, -0.293428897857666, -2.1787893772125244], rel=1e-7
    )
    assert between[0] == np.float32(0.455627977848053)
    assert last[0] == pytest.approx(0.5684312582015991, rel=1e-7)


def test_sixteen_and_more_normal_numbers_are_made_in_blocks(generator):
    numbers = generator.normal((18,), "float64")
    expected = [-2.310411800234176, -0.3732508612577643, -1.2609246557194385, -0.726951062065411,
                -0.019964750907762653, 0.2102998901016947, 0.17718935139366584, -0.830510051008449,
                0.23871805816817063, 0.7335283685272841, -0.7730112772958181, -1.5951814880783068,
                -0.6870036940435463, 1.4880743158106724, -0.4484158047114511, -0.8910030351707375,
                0.6748575435940039, 1.0468653769814655]  # fmt: skip
    # 1e-15: the last bit is the C library's, which differs between systems (PyTorch's with it).
    assert numbers.tolist() == pytest.approx(expected, rel=1e-15)


def test_float32_normal_numbers_agree_to_5e_7(generator):
    numbers = generator.normal((18,), "float32")
    expected = [-1.1258398294448853, -1.152360200881958, 0.5666506290435791, 0.7935083508491516,
                0.5988394618034363, -1.5550950765609741, -0.3413603901863098, 1.85300612449646,
                0.46809640526771545, -0.1577124446630478, -0.1733967512845993, 0.18347793817520142,
                1.3893661499023438, 1.586334228515625, 0.946298360824585, -0.843676745891571,
                0.9318265914916992, 1.2590092420578003]  # fmt: skip
    np.testing.assert_allclose(numbers, expected, rtol=0, atol=5e-7)


def test_normal_numbers_are_normal(generator):
    numbers = generator.normal((200_003,), "float64", mean=3.0, std=2.0)
    # Four standard errors of each moment.
    assert abs(numbers.mean() - 3) < 4 * 2 / math.sqrt(numbers.size)
    assert abs(numbers.std() - 2) < 4 * 2 / math.sqrt(2 * numbers.size)
    assert abs(((numbers - 3) ** 3).mean() / 8) < 4 * math.sqrt(6 / numbers.size)


def test_whole_numbers(generator):
    assert generator.integers(0, 10, (8,), "int64").tolist() == [4, 9, 3, 0, 3, 9, 7, 3]
    assert generator.integers(0, 2**40, (2,), "int64").tolist() == [41332891347, 91845220082]
    assert generator.full_range((2,), "int64").tolist() == [
        8072059273656089175,
        7226936298635050456,
    ]


def test_permutations(generator):
    assert generator.permutation(10).tolist() == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]
    assert checksum(generator.permutation(60000)) == 2911789863


def test_masks(generator):
    assert generator.bernoulli_scalar(0.8, (12,)).astype(int).tolist() == [0, 1, 1, 0] + 8 * [1]
    assert checksum(generator.bernoulli_scalar(0.8, (100000,))) == 1273724024


def test_draws_by_probability(generator):
    mask = generator.bernoulli_tensor(np.full(10, 0.5, np.float32))
    assert mask.astype(int).tolist() == [1, 0, 1, 1, 1, 0, 1, 0, 1, 0]


def test_exponential_numbers(generator):
    assert generator.exponential((3,), "float64", 2.0).tolist() == pytest.approx(
        [1.754163093353821, 0.6151923820898384, 0.30752204694700574], rel=1e-15
    )


def test_draws_by_weight(generator):
    weights = np.array([[1, 2, 3, 4], [4, 3, 2, 1]], np.float32)
    assert generator.multinomial(weights, 3).tolist() == [[2, 1, 3], [2, 0, 3]]
    assert generator.multinomial(weights, 5, True).tolist() == [[2, 1, 2, 1, 2], [1, 1, 1, 1, 0]]


def test_the_rarer_distributions(generator):
    assert generator.geometric((5,), "float32", 0.2).tolist() == [1, 2, 4, 1, 2]
    assert generator.cauchy((2,), "float64").tolist() == pytest.approx(
        [1.298836902572973, -1.5911053056628586], rel=1e-15
    )
    assert generator.log_normal((2,), "float64").tolist() == pytest.approx(
        [0.5677192812728218, 22.74492530202928], rel=1e-14
    )
    assert generator.poisson(np.array([3.0, 30.0, 0.0], np.float32)).tolist() == [2, 28, 0]


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda g: g.uniform((100,), "float32"), 100),
        (lambda g: g.uniform((100,), "float64"), 200),
        (lambda g: g.normal((96,), "float32"), 96),
        (lambda g: g.normal((100,), "float32"), 116),
        (lambda g: g.normal((100,), "float16"), 96 + 16),
        (lambda g: g.normal((100,), "float32", contiguous=False), 200),
        (lambda g: g.normal((3,), "float32"), 8),
        (lambda g: g.integers(0, 2**28 - 1, (100,), "int64"), 100),
        (lambda g: g.integers(0, 2**28, (100,), "int64"), 200),
        (lambda g: g.permutation(100), 99),
        (lambda g: g.bernoulli_scalar(0.0, (100,)), 200),
        (lambda g: g.bernoulli_tensor(np.zeros(100, np.float32)), 100),
        (lambda g: g.exponential((100,), "float32"), 200),
        (lambda g: g.multinomial(np.ones((4, 25)), 3), 200),
        (lambda g: g.multinomial(np.ones((4, 25)), 3, True), 24),
        (lambda g: g.poisson(np.zeros(9)), 0),
        (lambda g: g.uniform((0, 7), "float32"), 0),
    ],
)
def test_how_many_words_a_draw_takes(generator, draw, words):
    twin = generator.clone_state()
    draw(generator)
    twin.words(words)
    assert generator.words(1) == twin.words(1)


def test_shuffling_without_a_loop_equals_the_loop():
    rng = np.random.default_rng(0)
    for n in [1, 2, 3, 4, 5, 9, 64, 500]:
        for _ in range(20):
            targets = rng.integers(np.arange(n), n)
            order = list(range(n))
            for i, target in enumerate(targets):
                order[i], order[target] = order[target], order[i]
            assert exchanged(targets).tolist() == order


# --- states --------------------------------------------------------------------------------------


def test_the_state_has_pytorchs_layout(generator):
    generator.manual_seed(42)
    generator.uniform((5,), "float32")
    generator.normal((3,), "float32")
    state = generator.state_bytes()
    assert state.shape == (5056,) and state.dtype == np.uint8
    assert state[:8].view(np.uint64)[0] == 42
    assert checksum(state) == 620611994


@pytest.mark.parametrize("stream", ["mt19937", "philox"])
@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1000])
def test_a_state_brings_back_what_followed_it(stream, drawn):
    generator = Generator(stream=stream).manual_seed(9)
    generator.words(drawn)
    generator.normal((1,), "float64")
    state = generator.get_state()
    expected = [generator.normal((3,), "float64"), generator.words(700)]
    for twin in (Generator(), generator):
        twin.set_state(state)
        assert twin.stream == stream and twin.initial_seed() == 9
        np.testing.assert_array_equal(twin.normal((3,), "float64"), expected[0])
        np.testing.assert_array_equal(twin.words(700), expected[1])


def test_copies_go_their_own_way(generator):
    generator.normal((1,), "float32")
    for twin in (
        generator.clone_state(),
        copy.deepcopy(generator),
        pickle.loads(pickle.dumps(generator)),
    ):
        ahead = copy.deepcopy(twin).normal((4,), "float64")
        np.testing.assert_array_equal(twin.normal((4,), "float64"), ahead)
    np.testing.assert_array_equal(generator.normal((4,), "float64"), ahead)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (np.zeros(5, np.uint8), "Expected a generator state of size 5056"),
        (np.zeros(5056, np.uint8), "Invalid mt19937 state"),
        (np.zeros(5056, np.float32), "RNG state must be a torch.ByteTensor"),
    ],
)
def test_what_is_no_state_is_refused(generator, state, message):
    before = generator.state_bytes()
    with pytest.raises(Error, match=message):
        generator.set_state(state)
    np.testing.assert_array_equal(generator.state_bytes(), before)


def test_a_state_out_of_order_is_refused(generator):
    state = generator.state_bytes()
    state[16:24].view(np.uint64)[0] = 5  # `next` without its `left`
    state[8:12].view(np.int32)[0] = 7
    with pytest.raises(CheckpointError, match="Invalid mt19937 state"):
        generator.load_state_bytes(state)


# --- seeds ---------------------------------------------------------------------------------------


def test_a_negative_seed_counts_from_the_top():
    assert gd.manual_seed(-1).initial_seed() == 2**64 - 1
    assert gd.rand(1).item() == 0.9937993884086609


def test_the_low_32_bits_of_a_seed_count(generator):
    wide = Generator().manual_seed(2**33 + 7)
    assert wide.initial_seed() == 2**33 + 7
    np.testing.assert_array_equal(wide.words(5), generator.manual_seed(7).words(5))


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused(seed):
    with pytest.raises(ArgumentError, match="Overflow when unpacking long long"):
        gd.manual_seed(seed)


def test_a_seed_that_is_no_number_is_refused():
    with pytest.raises(ArgumentError, match="a seed is a whole number"):
        gd.manual_seed("one")
    with pytest.raises(Error, match="a seed is a whole number, got list"):
        gd.manual_seed([1])


def test_seeds_of_the_operating_system_differ():
    seeds = {gd.seed() for _ in range(10)}
    assert len(seeds) == 10
    assert gd.initial_seed() in seeds


def test_a_new_generator_starts_from_a_fixed_seed():
    assert Generator().initial_seed() == DEFAULT_SEED
    assert str(Generator().device) == "cpu"


def test_a_generator_on_a_device_that_is_not_there_is_refused():
    with pytest.raises(DeviceError, match="'cuda'"):
        Generator("cuda")


def test_an_unknown_stream_is_refused():
    with pytest.raises(ArgumentError, match=r"'mersenne'.*mt19937, philox"):
        gd.manual_seed(0, stream="mersenne")


def test_fork_rng_leaves_the_stream_as_it_was():
    gd.manual_seed(0)
    expected = gd.rand(3)
    gd.manual_seed(0)
    with pytest.raises(ZeroDivisionError), gd.fork_rng():
        gd.manual_seed(5)
        gd.rand(7)
        raise ZeroDivisionError
    assert gd.equal(gd.rand(3), expected)
    assert gd.initial_seed() == 0


def test_fork_rng_can_be_switched_off():
    gd.manual_seed(0)
    with gd.fork_rng(enabled=False):
        gd.rand(1)
    assert gd.rand(1).item() == pytest.approx(0.7682217955589294)


def test_the_import_does_not_load_numpys_generators():
    code = "import gradatim.random, sys; print('numpy.random' in sys.modules)"
    numpy = "import numpy, sys; print('numpy.random' in sys.modules)"
    ours, theirs = (
        subprocess.run([sys.executable, "-c", c], capture_output=True, text=True, check=True).stdout
        for c in (code, numpy)
    )
    assert ours == theirs


# --- Philox --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # the authors' known answers (Random123, kat_vectors)
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_known_answers(counter, key, expected):
    assert " ".join(f"{int(word):08x}" for word in philox(counter, key)) == expected


def test_philox_words_are_a_function_of_seed_draw_and_position():
    seed = 2**40 + 3
    stream = Philox(seed)
    stream.words(5)
    stream.words(0)  # no draw
    words = stream.words(70001)  # draw 1
    for i in (0, 1, 4, 69999, 70000):
        block = philox((i // 4, 0, 1, 0), (seed % 2**32, seed >> 32))
        assert words[i] == block[i % 4]


def test_a_shorter_philox_draw_is_the_beginning_of_a_longer_one():
    np.testing.assert_array_equal(Philox(1).words(10), Philox(1).words(1000)[:10])


def test_philox_keeps_nothing_between_draws():
    once, twice = (Generator(stream="philox").manual_seed(4) for _ in range(2))
    once.words(1)
    twice.normal((3,), "float64")
    np.testing.assert_array_equal(once.normal((3,), "float64"), twice.normal((3,), "float64"))


def test_every_distribution_draws_from_philox():
    gd.manual_seed(3, stream="philox")
    assert gd.initial_seed() == 3 and gd.get_rng_state().shape == (16,)
    assert sorted(gd.randperm(50).tolist()) == list(range(50))
    mask = gd.empty(10000).bernoulli_(0.25)
    assert abs(mask.mean().item() - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 10000)
    numbers = gd.randn(10001)
    assert abs(numbers.mean().item()) < 4 / 100
    gd.manual_seed(3)
    assert gd.get_rng_state().shape == (5056,)


# --- arithmetic ----------------------------------------------------------------------------------


def fraction_of(x):
    from fractions import Fraction

    return Fraction(float(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fused_multiply_add_rounds_the_exact_result_once(dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(2000).astype(dtype)
    for scale, offset in [(3.4, -3.3), (1.0, 1e-12), (0.1, 1e3), (1e-5, 1.0), (-7.7, 7.7), (0, 2)]:
        scale, offset = dtype(scale), dtype(offset)
        exact = [fraction_of(v) * fraction_of(scale) + fraction_of(offset) for v in x]
        found = fused_multiply_add(x, scale, offset)
        assert found.dtype == dtype
        if dtype == np.float64:
            expected = [float(v) for v in exact]  # Python rounds a fraction once
            assert found.tolist() == expected
        else:  # the nearest of the number and its neighbours
            for value, result in zip(exact, found):
                near = [np.nextafter(result, dtype(side)) for side in (-np.inf, np.inf)]
                error = abs(fraction_of(result) - value)
                assert all(error <= abs(fraction_of(n) - value) for n in near)


@pytest.mark.parametrize("name", ["log", "log1p", "cos", "sin", "tan", "exp"])
@pytest.mark.parametrize("numpy_is_libm", [True, False])
def test_libm_is_the_c_librarys(name, numpy_is_libm, monkeypatch):
    if not numpy_is_libm:  # as on a processor where NumPy has functions of its own
        monkeypatch.setattr(random_arithmetic, "_numpy_is_libm", lambda name: False)
    elif not random_arithmetic._numpy_is_libm(name):
        pytest.skip("NumPy has its own function here")
    x = np.random.default_rng(2).uniform(0.001, 6, (40, 25))
    expected = [[getattr(math, name)(v) for v in row] for row in x.tolist()]
    assert libm(name, x).tolist() == expected


def test_libm_gives_infinities_where_pythons_functions_raise(monkeypatch):
    monkeypatch.setattr(random_arithmetic, "_numpy_is_libm", lambda name: False)
    assert libm("log", np.array([0.0, 1.0])).tolist() == [-math.inf, 0.0]
    assert libm("exp", np.array([1000.0, 0.0])).tolist() == [math.inf, 1.0]


def test_mt19937_is_the_published_generator():
    # The 10,000th output for the seed 5489 (C++ standard, [rand.predef]).
    assert MT19937(5489).words(10000)[-1] == 4123659995


# --- tensors -------------------------------------------------------------------------------------


def test_linear_layers_numbers():
    gd.manual_seed(0)
    bound = 1 / math.sqrt(2)
    weight = gd.empty(2, 2).uniform_(-bound, bound)
    assert weight.tolist() == [
        [-0.005293981172144413, 0.37932288646698],
        [-0.5819807648658752, -0.5203874707221985],
    ]


def test_shapes_and_dtypes():
    assert gd.rand(2, 3).shape == gd.rand((2, 3)).shape == gd.rand(size=[2, 3]).shape == (2, 3)
    assert gd.rand(()).shape == ()
    assert gd.randn(2, dtype=gd.bfloat16).dtype is gd.bfloat16
    assert gd.randint(5, (2,)).dtype is gd.int64
    assert gd.randperm(3, dtype=gd.int32).dtype is gd.int32
    assert gd.rand_like(gd.zeros(2, 1), dtype=gd.float64).dtype is gd.float64
    assert gd.rand(2, requires_grad=True).requires_grad


def test_draws_happen_when_called_not_when_looked_at():
    gd.manual_seed(0)
    first = gd.rand(1)
    second = gd.rand(1)
    assert second.item() == pytest.approx(0.7682217955589294)
    assert first.item() == pytest.approx(0.49625658988952637)


def test_a_generator_of_ones_own_leaves_the_default_stream_alone():
    gd.manual_seed(0)
    gd.rand(5, generator=Generator())
    assert gd.rand(1).item() == pytest.approx(0.49625658988952637)


def test_filling_gives_the_tensor_itself():
    x = gd.zeros(4)
    for fill in ("uniform_", "normal_", "exponential_", "cauchy_", "log_normal_", "random_"):
        assert getattr(x, fill)() is x
    assert x.bernoulli_(1) is x and x.tolist() == [1, 1, 1, 1]
    assert x.geometric_(0.999999).tolist() == [1, 1, 1, 1]


def test_a_transposed_tensor_is_filled_in_the_order_of_its_memory():
    gd.manual_seed(0)
    expected = gd.rand(3, 4)
    gd.manual_seed(0)
    x = gd.zeros(3, 4)
    x.t().uniform_()
    assert gd.equal(x, expected)


@pytest.mark.parametrize(
    ("shape", "strides", "order"),
    [
        ((2, 3), (3, 1), (0, 1)),
        ((2, 3), (1, 2), (1, 0)),
        ((2, 3, 4), (1, 8, 2), (1, 2, 0)),
        ((5, 8, 3), (0, 1, 0), (0, 1, 2)),  # expanded
        ((2, 1, 4), (4, 999, 1), (0, 1, 2)),  # the stride of a single element means nothing
        ((), (), ()),
    ],
)
def test_memory_order(shape, strides, order):
    assert memory_order(shape, strides) == order


def test_dropout_masks():
    gd.manual_seed(0)
    mask = dropout_mask((3, 4), 0.8, gd.float32)
    assert mask.dtype is gd.float32
    assert mask.flatten().tolist() == [0, 1, 1, 0] + 8 * [1]


def test_a_dropout_mask_that_keeps_all_or_nothing_draws_nothing():
    gd.manual_seed(0)
    before = gd.get_rng_state()
    assert dropout_mask((2, 2), 1.0, gd.float32).tolist() == [[1, 1], [1, 1]]
    assert dropout_mask((2, 2), 0.0, gd.float32).tolist() == [[0, 0], [0, 0]]
    assert gd.equal(gd.get_rng_state(), before)


def test_normal_of_tensors_has_their_means():
    mean = gd.tensor([[0.0], [1000.0]])
    std = gd.tensor([1.0, 0.0, 2.0])
    numbers = gd.normal(mean, std)
    assert numbers.shape == (2, 3)
    assert numbers[:, 1].tolist() == [0.0, 1000.0]
    gd.normal(mean.requires_grad_(), std).sum().backward()
    assert mean.grad.tolist() == [[0.0], [0.0]]


def test_certain_probabilities():
    p = gd.tensor([0.0, 1.0, 0.0, 1.0])
    assert gd.bernoulli(p).tolist() == p.tolist()
    assert gd.zeros(3, 4).bernoulli_(p).tolist() == [p.tolist()] * 3


def test_a_compiled_step_draws_anew_at_each_call():
    @gd.compile
    def step(x):
        return x + gd.rand(3)

    gd.manual_seed(0)
    expected = [gd.rand(3).tolist() for _ in range(4)]
    gd.manual_seed(0)
    assert [step(gd.zeros(3)).tolist() for _ in range(4)] == expected


def test_a_compiled_step_draws_by_probabilities_it_computes():
    @gd.compile
    def step(x):
        return gd.bernoulli(x * 0.5)

    gd.manual_seed(0)
    expected = [gd.bernoulli(gd.full((8,), 0.5)).tolist() for _ in range(4)]
    gd.manual_seed(0)
    assert [step(gd.ones(8)).tolist() for _ in range(4)] == expected


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gd.empty(3).uniform_(2, 1), "found from=2.0 > to=1.0"),
        (lambda: gd.empty(3).normal_(0, -1), "normal expects std >= 0.0, but found std -1.0"),
        (lambda: gd.empty(3).bernoulli_(1.5), r"p to be in \[0, 1\], but got p=1.5"),
        (lambda: gd.bernoulli(gd.tensor([0.5, 1.5])), r"p in \[0, 1\], but got 1.5"),
        (lambda: gd.bernoulli(gd.tensor([1])), "floating probabilities, got int64"),
        (lambda: gd.rand(2, dtype=gd.int32), "uniform draws floating numbers.* int32"),
        (lambda: gd.rand(), r"rand\(\) needs a size"),
        (lambda: gd.rand(-1), "negative dimension -1"),
        (lambda: gd.rand(2, device="cuda"), "cuda"),
        (lambda: gd.rand(2, generator=5), "must be a gradatim Generator, got int"),
        (lambda: gd.randint(5, 3, (2,)), "got from=5 >= to=3"),
        (lambda: gd.randint(0, 300, (2,), dtype=gd.uint8), "to - 1 is out of bounds for uint8"),
        (lambda: gd.randint(3.5, (2,)), "argument 'high' must be int, not float"),
        (lambda: gd.randint(3, 4), "needs a size"),
        (lambda: gd.randperm(-1), "n must be non-negative, got -1"),
        (lambda: gd.randperm(3000, dtype=gd.float16), "greater than 2049 for float16"),
        (lambda: gd.multinomial(gd.ones(3), 5), "without replacement: 5 of 3"),
        (lambda: gd.multinomial(gd.zeros(3), 1), "sum of probabilities <= 0"),
        (lambda: gd.normal(0.0, 1.0), "needs a size"),
        (lambda: gd.normal(gd.zeros(2), gd.ones(3)), r"\[2\] and \[3\]"),
        (lambda: gd.zeros(3, requires_grad=True).uniform_(), "leaf Variable"),
        (lambda: gd.randint(3, (2,), requires_grad=True), "floating point dtype can require"),
    ],
)
def test_bad_input_is_named_in_one_line_and_draws_nothing(call, message):
    gd.manual_seed(0)
    before = gd.get_rng_state()
    with pytest.raises(Error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert gd.equal(gd.get_rng_state(), before)
