"""Activations and losses against PyTorch: values, gradients, names of gradients, errors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402

# Both compute in the same precision with other orders of summation and other library functions:
# a few units in the last place, and absolutely where terms cancel.
TOLERANCE = {
    "float32": {"rtol": 3e-6, "atol": 1e-6},
    "float64": {"rtol": 1e-12, "atol": 1e-13},
}
DTYPES = ["float32", "float64"]

GD = SimpleNamespace(lib=gd, nn=gd.nn, F=gd.nn.functional)
TORCH = SimpleNamespace(lib=torch, nn=torch.nn, F=torch.nn.functional)


def tensors(array, requires_grad=False):
    """The same array in both libraries."""
    ours, theirs = gd.tensor(array), torch.tensor(array)
    if requires_grad:
        ours.requires_grad_()
        theirs.requires_grad_()
    return ours, theirs


# PyTorch computes these in float64 with a constant that it holds in float32 (1/6, 1e-12).
SINGLE_CONSTANT = {"rtol": 1e-7, "atol": 1e-13}


def assert_same(ours, theirs, what="value", tolerance=None):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.dtype == theirs.dtype, what
    assert ours.shape == theirs.shape, what
    tolerance = tolerance or TOLERANCE[str(ours.dtype)]
    np.testing.assert_allclose(ours, theirs, **tolerance, err_msg=what)


def assert_same_gradients(ours, theirs, leaves, tolerance=None):
    """Backward through both with the same uneven gradient, then compare every leaf's."""
    assert_same(ours, theirs, tolerance=tolerance)
    expected = theirs.grad_fn.name()
    if expected != "ViewBackward0":  # PyTorch computes it flat, and shows that
        assert ours.grad_fn.name() == expected
    weights = np.linspace(0.5, 1.5, theirs.numel()).reshape(theirs.shape)
    weights = weights.astype(str(theirs.dtype).removeprefix("torch."))
    ours.backward(gd.tensor(weights))
    theirs.backward(torch.tensor(weights))
    for ours_leaf, theirs_leaf in leaves:
        assert (ours_leaf.grad is None) == (theirs_leaf.grad is None)
        if theirs_leaf.grad is not None:
            assert_same(ours_leaf.grad, theirs_leaf.grad, "gradient", tolerance)


# --- activations --------------------------------------------------------------------------------

ACTIVATIONS = [
    ("ReLU", {}),
    ("ReLU6", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.7}),
    ("SELU", {}),
    ("CELU", {}),
    ("CELU", {"alpha": 2.0}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Mish", {}),
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("LogSigmoid", {}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 6.0}),
    ("Softsign", {}),
    ("Tanhshrink", {}),
    ("Softshrink", {}),
    ("Softshrink", {"lambd": 1.0}),
    ("Hardshrink", {}),
    ("Hardshrink", {"lambd": 1.0}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -3.0, "max_val": 0.5}),
    ("Hardsigmoid", {}),
    ("Hardswish", {}),
    ("Threshold", {"threshold": 0.5, "value": -2.0}),
    ("PReLU", {}),
    ("PReLU", {"num_parameters": 6, "init": 0.1}),
    ("GLU", {}),
    ("GLU", {"dim": 0}),
    ("Softmax", {"dim": 1}),
    ("Softmax", {"dim": 0}),
    ("Softmin", {"dim": -1}),
    ("LogSoftmax", {"dim": 1}),
    ("LogSoftmax", {"dim": 0}),
    ("Identity", {}),
]

# Every kink of every function above, and arguments at which a careless formula overflows.
KINKS = np.array(
    [-1000, -100, -20, -6, -3, -1, -0.5, -0.0, 0.0, 0.5, 1, 3, 6, 20, 100, 1000, 2, -2], np.float64
)


def inputs_for_activations(dtype):
    random = np.random.RandomState(0).normal(size=(6, 6)) * 3
    return np.concatenate([random.reshape(-1), KINKS]).reshape(-1, 6)[:8].astype(dtype), (
        np.tile(KINKS, 2).reshape(6, 6).astype(dtype)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, options", ACTIVATIONS, ids=str)
def test_activation(name, options, dtype):
    for array in inputs_for_activations(dtype):
        ours, theirs = (getattr(side.nn, name)(**options) for side in (GD, TORCH))
        assert repr(ours) == repr(theirs)
        if dtype == "float64":
            ours, theirs = ours.double(), theirs.double()
        x, x_theirs = tensors(array, requires_grad=True)
        result, expected = ours(x * 1), theirs(x_theirs * 1)
        leaves = [(x, x_theirs), *zip(ours.parameters(), theirs.parameters())]
        tolerance = SINGLE_CONSTANT if (name, dtype) == ("Hardsigmoid", "float64") else None
        assert_same_gradients(result, expected, leaves, tolerance)


IN_PLACE = "ReLU ReLU6 LeakyReLU ELU SELU CELU SiLU Mish Hardtanh Hardsigmoid Hardswish Threshold"


@pytest.mark.parametrize("name", IN_PLACE.split())
def test_activation_in_place(name):
    options = {"threshold": 0.5, "value": -2.0} if name == "Threshold" else {}
    array = np.array([[-4, -1, 0, 0.25, 2, 7]], np.float64)
    results = []
    for side in (GD, TORCH):
        x = side.lib.tensor(array, requires_grad=True)
        y = x * 1
        result = getattr(side.nn, name)(inplace=True, **options)(y)
        assert result is y
        (result * side.lib.arange(6)).sum().backward()
        results.append((y, x.grad))
    for ours, theirs in zip(*results):
        assert_same(ours, theirs, tolerance=SINGLE_CONSTANT if name == "Hardsigmoid" else None)


@pytest.mark.parametrize("name, options", ACTIVATIONS, ids=str)
def test_activation_of_nan_and_infinities(name, options):
    x = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)
    if name == "PReLU":
        options = {}
    if name in ("GLU", "Softmax", "Softmin", "LogSoftmax"):
        options = {"dim": -1}
    if name in ("GELU", "Hardswish"):
        # At an infinity PyTorch gives what it should or NaN, by its code path and the processor.
        x = x[:1] if name == "GELU" else x[:2]
    ours, theirs = (getattr(side.nn, name)(**options)(side.lib.tensor(x)) for side in (GD, TORCH))
    assert_same(ours, theirs)


def test_softmax_of_masked_logits_has_clean_gradients():
    logits = np.array([[0.0, -np.inf, 2.0], [-np.inf, -np.inf, 1.0]])
    for name in ("softmax", "log_softmax"):
        x, x_theirs = tensors(logits, requires_grad=True)
        result, expected = getattr(GD.F, name)(x, 1), getattr(TORCH.F, name)(x_theirs, 1)
        assert_same(result, expected)
        result[:, 2].sum().backward()
        expected[:, 2].sum().backward()
        assert_same(x.grad, x_theirs.grad)


@pytest.mark.parametrize("shape, dim", [((3, 0), 1), ((0, 3), 0), ((0, 3), 1), ((), 0), ((1,), 0)])
def test_softmax_of_small_shapes(shape, dim):
    for name in ("softmax", "log_softmax"):
        results = [getattr(side.F, name)(side.lib.zeros(shape), dim) for side in (GD, TORCH)]
        assert_same(*results)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_softmax_in_half_precision_sums_in_single(dtype):
    array = np.random.RandomState(1).normal(size=(4, 300)).astype(np.float32)
    for name in ("softmax", "log_softmax"):
        results = []
        for side in (GD, TORCH):
            result = getattr(side.F, name)(side.lib.tensor(array).to(getattr(side.lib, dtype)), 1)
            assert str(result.dtype) == f"torch.{dtype}"
            results.append(result.float().numpy())
        # One rounding of the result may fall to the other side: half a unit in the last place.
        np.testing.assert_allclose(*results, rtol=2**-7 if dtype == "bfloat16" else 2**-10)


# --- losses -------------------------------------------------------------------------------------

REDUCTIONS = ["none", "mean", "sum"]
RANDOM = np.random.RandomState(2)
LOGITS = RANDOM.normal(size=(5, 4)) * 2
OTHER = LOGITS + RANDOM.normal(size=(5, 4)) * 1.5
OTHER[0] = LOGITS[0] + [0.0, 1.0, -1.0, 0.5]  # the kinks of l1, smooth_l1 and huber
PROBABILITIES = np.exp(OTHER) / np.exp(OTHER).sum(1, keepdims=True)
SHARES = RANDOM.uniform(0, 1, size=(5, 4))
SATURATED = np.array([[0.0, 1.0, 0.0, 1.0], [0.5, 0.25, 1e-13, 1 - 1e-13]])
LABELS = np.array([[0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]])
INDICES = np.array([3, 0, 1, 0, 2])
SOME_IGNORED = np.array([3, -100, 1, -100, 2])
IMAGE = RANDOM.normal(size=(2, 4, 3, 2))
IMAGE_INDICES = RANDOM.randint(0, 4, size=(2, 3, 2))
IMAGE_PROBABILITIES = RANDOM.dirichlet(np.ones(4), size=(2, 3, 2)).transpose(0, 3, 1, 2).copy()
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])

# name, options (arrays become tensors), input, target
LOSSES = [
    ("mse_loss", {}, LOGITS, OTHER),
    ("mse_loss", {"weight": SHARES}, LOGITS, OTHER),
    ("l1_loss", {}, LOGITS, OTHER),
    ("l1_loss", {"weight": SHARES}, LOGITS, OTHER),
    ("smooth_l1_loss", {}, LOGITS, OTHER),
    ("smooth_l1_loss", {"beta": 0.5}, LOGITS, OTHER),
    ("smooth_l1_loss", {"beta": 0.0}, LOGITS, OTHER),
    ("huber_loss", {}, LOGITS, OTHER),
    ("huber_loss", {"delta": 0.5}, LOGITS, OTHER),
    ("huber_loss", {"weight": SHARES}, LOGITS, OTHER),
    ("binary_cross_entropy", {}, SHARES, PROBABILITIES),
    ("binary_cross_entropy", {"weight": WEIGHT}, SHARES, PROBABILITIES),
    ("binary_cross_entropy", {}, SATURATED, LABELS),
    ("binary_cross_entropy_with_logits", {}, LOGITS, SHARES),
    ("binary_cross_entropy_with_logits", {}, np.array([[-200.0, 0, 200]]), np.array([[1.0, 1, 0]])),
    ("binary_cross_entropy_with_logits", {"weight": SHARES}, LOGITS, SHARES),
    ("binary_cross_entropy_with_logits", {"pos_weight": WEIGHT}, LOGITS, SHARES),
    ("kl_div", {}, LOGITS, PROBABILITIES),
    ("kl_div", {"log_target": True}, LOGITS, np.log(PROBABILITIES)),
    ("kl_div", {}, LOGITS[:2], LABELS),
    ("nll_loss", {}, LOGITS, INDICES),
    ("nll_loss", {"weight": WEIGHT}, LOGITS, INDICES),
    ("nll_loss", {"ignore_index": 0}, LOGITS, INDICES),
    ("nll_loss", {"weight": WEIGHT}, LOGITS, SOME_IGNORED),
    ("nll_loss", {}, LOGITS[0], INDICES[0]),
    ("nll_loss", {}, LOGITS, INDICES.astype(np.uint8)),
    ("nll_loss", {"weight": WEIGHT}, IMAGE, IMAGE_INDICES),
    ("cross_entropy", {}, LOGITS, INDICES),
    ("cross_entropy", {}, LOGITS * 500, INDICES),
    ("cross_entropy", {"weight": WEIGHT}, LOGITS, INDICES),
    ("cross_entropy", {"ignore_index": 2, "weight": WEIGHT}, LOGITS, INDICES),
    ("cross_entropy", {}, LOGITS, SOME_IGNORED),
    ("cross_entropy", {}, LOGITS[0], INDICES[0]),
    ("cross_entropy", {"label_smoothing": 0.1}, LOGITS, INDICES),
    ("cross_entropy", {"label_smoothing": 0.1, "weight": WEIGHT}, LOGITS, SOME_IGNORED),
    ("cross_entropy", {"label_smoothing": 1.0}, LOGITS, SOME_IGNORED),
    ("cross_entropy", {}, LOGITS, PROBABILITIES),
    ("cross_entropy", {"weight": WEIGHT}, LOGITS, PROBABILITIES),
    ("cross_entropy", {"label_smoothing": 0.2, "weight": WEIGHT}, LOGITS, PROBABILITIES),
    ("cross_entropy", {}, LOGITS[0], PROBABILITIES[0]),
    ("cross_entropy", {"label_smoothing": 0.1, "weight": WEIGHT}, IMAGE, IMAGE_INDICES),
    ("cross_entropy", {"weight": WEIGHT}, IMAGE, IMAGE_PROBABILITIES),
]


def loss_name(value):
    if isinstance(value, dict):
        return ",".join(value) or "plain"
    return "x".join(map(str, value.shape)) if isinstance(value, np.ndarray) else str(value)


@pytest.mark.filterwarnings("ignore:.*reduction:UserWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name, options, input, target", LOSSES, ids=loss_name)
def test_loss(name, options, input, target, reduction, dtype):
    probabilities = np.asarray(target).dtype == np.float64
    results, leaves = [], []
    for side in (GD, TORCH):
        x = side.lib.tensor(input.astype(dtype), requires_grad=True)
        y = side.lib.tensor(target.astype(dtype) if probabilities else target)
        if probabilities and target is not LABELS:
            y.requires_grad_()
        given = {
            key: side.lib.tensor(value.astype(dtype)) if isinstance(value, np.ndarray) else value
            for key, value in options.items()
        }
        results.append(getattr(side.F, name)(x, y, reduction=reduction, **given))
        leaves.append((x, y))
    tolerance = SINGLE_CONSTANT if input is SATURATED and dtype == "float64" else None
    assert_same_gradients(*results, list(zip(*leaves)), tolerance)


@pytest.mark.parametrize("name", ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "KLDivLoss"])
def test_loss_module(name):
    ours, theirs = (
        getattr(side.nn, name)(reduction="sum")(
            side.lib.tensor(LOGITS), side.lib.tensor(PROBABILITIES)
        )
        for side in (GD, TORCH)
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize(
    "name, options, target",
    [
        ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1}, INDICES),
        ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.1}, INDICES),
        ("CrossEntropyLoss", {"ignore_index": 3, "reduction": "sum"}, INDICES),
        ("BCELoss", {"weight": WEIGHT}, SHARES),
        ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": WEIGHT}, SHARES),
    ],
    ids=loss_name,
)
def test_weighted_loss_module(name, options, target):
    results = []
    for side in (GD, TORCH):
        given = {k: side.lib.tensor(v) if k.endswith("weight") else v for k, v in options.items()}
        module = getattr(side.nn, name)(**given)
        input = SHARES if name == "BCELoss" else LOGITS
        results.append(module(side.lib.tensor(input), side.lib.tensor(target)))
        assert list(module.state_dict()) == [k for k in options if k.endswith("weight")]
    assert_same(*results)


def test_mean_over_no_targets_is_nan():
    for side in (GD, TORCH):
        none = side.lib.tensor([-100, -100])
        assert np.isnan(side.F.cross_entropy(side.lib.zeros(2, 3), none).item())
        assert np.isnan(side.F.cross_entropy(side.lib.zeros(0, 3), none[:0]).item())


@pytest.mark.parametrize("size_average", [True, False])
@pytest.mark.parametrize("reduce", [True, False, None])
def test_the_old_names_of_reduction(size_average, reduce):
    results = []
    for side in (GD, TORCH):
        with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
            loss = side.nn.MSELoss(size_average=size_average, reduce=reduce)
        results.append(loss(side.lib.tensor(LOGITS), side.lib.tensor(OTHER)))
    assert_same(*results)


def test_broadcasting_a_target_warns():
    results = []
    for side in (GD, TORCH):
        with pytest.warns(UserWarning, match="Using a target size .torch.Size..1, 4... that is"):
            results.append(side.F.mse_loss(side.lib.tensor(LOGITS), side.lib.tensor(OTHER[:1])))
    assert_same(*results)


WRONG_TARGETS = [
    ("cross_entropy", LOGITS, INDICES[:2], {}),
    ("cross_entropy", LOGITS, INDICES.astype(np.float64), {}),
    ("cross_entropy", LOGITS, INDICES.astype(np.int32), {}),
    ("cross_entropy", LOGITS, np.eye(4, dtype=np.int64)[INDICES], {}),
    ("cross_entropy", LOGITS, SHARES[:, :3], {}),
    ("cross_entropy", LOGITS, INDICES[:, None], {}),
    ("cross_entropy", IMAGE, INDICES[:2], {}),
    ("cross_entropy", LOGITS, INDICES, {"label_smoothing": 2.0}),
    ("cross_entropy", LOGITS, PROBABILITIES, {"ignore_index": 1}),
    ("nll_loss", LOGITS, PROBABILITIES, {}),
    ("nll_loss", LOGITS, INDICES, {"weight": WEIGHT[:3]}),
    ("binary_cross_entropy", SHARES, SHARES[:2], {}),
    ("binary_cross_entropy", SHARES, SHARES.astype(np.float32), {}),
    ("binary_cross_entropy_with_logits", LOGITS, SHARES[:2], {}),
    ("mse_loss", LOGITS, OTHER, {"reduction": "average"}),
    ("mse_loss", LOGITS, OTHER, {"weight": WEIGHT}),
    ("smooth_l1_loss", LOGITS, OTHER, {"beta": -1.0}),
    ("huber_loss", LOGITS, OTHER, {"delta": 0.0}),
]


@pytest.mark.parametrize("name, input, target, options", WRONG_TARGETS, ids=loss_name)
def test_a_wrong_target_raises_what_pytorch_raises(name, input, target, options):
    raised = []
    for side in (GD, TORCH):
        given = {
            key: side.lib.tensor(value) if isinstance(value, np.ndarray) else value
            for key, value in options.items()
        }
        with pytest.raises(Exception) as caught:
            getattr(side.F, name)(side.lib.tensor(input), side.lib.tensor(target), **given)
        raised.append(caught.value)
    ours, theirs = raised
    assert isinstance(ours, gd.Error)
    if not isinstance(ours, gd.ArgumentError):  # a bad option: ValueError here, either there
        assert isinstance(ours, type(theirs))


@pytest.mark.parametrize("target", [4, 9, -1])
def test_an_index_outside_the_classes_raises_an_index_error(target):
    for side in (GD, TORCH):
        with pytest.raises(IndexError):
            side.F.cross_entropy(side.lib.zeros(2, 4), side.lib.tensor([0, target])).item()
