"""Initial weights, draws, layers with weights and nn.utils against PyTorch."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import LIBRARIES, both, classifier, nested, numbers, state_of

# --- weights and draws ----------------------------------------------------------------------------


def test_the_classifier_starts_from_the_same_bits():
    def script(lib, nn):
        lib.manual_seed(0)
        model = classifier(nn)
        after = lib.rand(3)  # and the stream stands at the same place
        return [p.detach().numpy() for p in model.parameters()] + [after.numpy()]

    for ours, theirs in zip(*both(script)):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(3, 5), (1, 1), (17, 2), (64, 33)])
@pytest.mark.parametrize("name", ["Linear", "Bilinear"])
def test_initial_weights(name, sizes, dtype):
    def script(lib, nn):
        lib.manual_seed(7)
        given = sizes if name == "Linear" else (*sizes, 4)
        layer = getattr(nn, name)(*given, dtype=getattr(lib, dtype))
        return [p.detach().numpy() for p in layer.parameters()]

    for ours, theirs in zip(*both(script)):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(7,), (33, 5), (0, 3), ()])
def test_dropout_drops_the_same_elements(shape, p, dtype):
    def script(lib, nn):
        lib.manual_seed(3)
        x = lib.ones(shape, dtype=getattr(lib, dtype), requires_grad=True)
        layer = nn.Dropout(p)
        y = layer(x * 3)
        (y * 2).sum().backward()
        evaluated = layer.eval()(x)
        assert evaluated is x
        return y.detach().numpy(), x.grad.numpy(), lib.rand(2).numpy()

    for ours, theirs in zip(*both(script)):
        np.testing.assert_array_equal(ours, theirs)


def test_dropout_of_a_transposed_tensor_draws_in_the_order_of_its_memory():
    def script(lib, nn):
        lib.manual_seed(3)
        dropped = nn.Dropout(0.5)(lib.ones(2, 3, 4).transpose(0, 2))
        return numbers(dropped), numbers(nn.functional.dropout(lib.ones(3, 4).t()[1:], 0.3))

    ours, theirs = both(script)
    assert ours == theirs


def test_dropout_in_place():
    def script(lib, nn):
        lib.manual_seed(3)
        x = lib.ones(20)
        y = nn.Dropout(0.5, inplace=True)(x)
        return y is x, numbers(x)

    ours, theirs = both(script)
    assert ours == theirs


INITS = [
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 2.0}),
    ("constant_", {"val": 0.3}),
    ("ones_", {}),
    ("zeros_", {}),
    ("eye_", {}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": 0.1, "mode": "fan_out"}),
    ("kaiming_uniform_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"std": 0.02}),
    ("trunc_normal_", {"a": 2.0, "b": 3.0, "std": 1.5}),
    ("sparse_", {"sparsity": 0.4}),
    ("orthogonal_", {}),
    ("orthogonal_", {"gain": 3.0}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 4), (4, 9)])
@pytest.mark.parametrize("name, options", INITS, ids=str)
def test_init(name, options, shape, dtype):
    def script(lib, nn):
        lib.manual_seed(11)
        weight = nn.Parameter(lib.zeros(shape, dtype=getattr(lib, dtype)))
        result = getattr(nn.init, name)(weight, **options)
        assert result is weight and weight.requires_grad and weight.is_leaf
        return weight.detach().numpy(), lib.rand(2).numpy()

    (ours, after), (theirs, after_theirs) = both(script)
    assert ours.dtype == theirs.dtype
    # Normal draws in float32 go through vectorized functions that differ (5e-7 of the deviation);
    # uniform ones are equal to the bit.
    exact = name in ("uniform_", "xavier_uniform_", "kaiming_uniform_") or dtype == "float64"
    if name == "orthogonal_":
        np.testing.assert_allclose(ours, theirs, atol=1e-5 if dtype == "float32" else 1e-13)
    elif exact and name != "sparse_" and "normal" not in name:
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=3e-6)
    np.testing.assert_array_equal(after, after_theirs)


@pytest.mark.parametrize("shape, groups", [((3, 2, 5), 1), ((4, 2, 3, 3), 2), ((2, 2, 1, 2, 3), 1)])
def test_init_dirac(shape, groups):
    ours, theirs = both(lambda lib, nn: numbers(nn.init.dirac_(lib.ones(shape), groups)))
    assert ours == theirs


@pytest.mark.parametrize("param", [None, 0.3, 1])
@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_calculate_gain(name, param):
    ours, theirs = both(lambda lib, nn: nn.init.calculate_gain(name, param))
    assert ours == theirs


def test_init_refuses():
    for script in (
        lambda lib, nn: nn.init.eye_(lib.zeros(3)),
        lambda lib, nn: nn.init.dirac_(lib.zeros(3, 3)),
        lambda lib, nn: nn.init.dirac_(lib.zeros(3, 3, 1), groups=2),
        lambda lib, nn: nn.init.xavier_uniform_(lib.zeros(3)),
        lambda lib, nn: nn.init.kaiming_normal_(lib.zeros(3, 3), mode="fan"),
        lambda lib, nn: nn.init.calculate_gain("relux"),
        lambda lib, nn: nn.init.calculate_gain("leaky_relu", True),
        lambda lib, nn: nn.Dropout(1.5),
        lambda lib, nn: nn.Dropout(-0.1),
    ):
        for lib, nn in LIBRARIES:
            with pytest.raises(ValueError):
                script(lib, nn)


# --- layers with parameters -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 5, 3), (0, 3), (2, 1, 4, 3)])
def test_linear(shape, bias, dtype):
    array = np.random.RandomState(0).normal(size=shape).astype(dtype)

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.Linear(3, 4, bias=bias, dtype=getattr(lib, dtype))
        x = lib.tensor(array, requires_grad=True)
        y = layer(x)
        (y * y).sum().backward()
        return [t.detach().numpy() for t in (y, x.grad, *(p.grad for p in layer.parameters()))]

    for ours, theirs in zip(*both(script)):
        tolerance = 1e-5 if dtype == "float32" else 1e-13  # sums of up to 40 products
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [(5,), (), (2, 3)])
def test_bilinear(batch, dtype):
    random = np.random.RandomState(0)
    arrays = [random.normal(size=(*batch, n)).astype(dtype) for n in (3, 2)]

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.Bilinear(3, 2, 4, dtype=getattr(lib, dtype))
        x, y = (lib.tensor(array, requires_grad=True) for array in arrays)
        z = layer(x, y)
        (z * z).sum().backward()
        grads = [x.grad, y.grad, *(p.grad for p in layer.parameters())]
        return [t.detach().numpy() for t in (z, *grads)]

    for ours, theirs in zip(*both(script)):
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("start, end", [(1, -1), (0, -1), (1, 2), (-2, -1)])
def test_flatten_and_unflatten(start, end):
    def script(lib, nn):
        x = lib.arange(24.0).reshape(2, 3, 2, 2)
        flat = nn.Flatten(start, end)
        back = nn.Unflatten(start, tuple(x.shape)[start : end + 1 or None])
        y = flat(x)
        return tuple(y.shape), numbers(y), repr(flat), repr(back), numbers(back(y.flatten(1)[0:2]))

    if start == 1 and end == -1:
        ours, theirs = both(script)
        assert ours == theirs
    else:
        ours, theirs = both(
            lambda lib, nn: numbers(nn.Flatten(start, end)(lib.arange(24.0).reshape(2, 3, 2, 2)))
        )
        assert ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_three_steps_of_training(dtype):
    """Forward, backward and update of a nested model, by hand."""
    array = np.random.RandomState(5).normal(size=(8, 2, 3)).astype(dtype)

    def script(lib, nn):
        lib.manual_seed(0)
        model = nested(nn).to(getattr(lib, dtype))
        losses = []
        for _ in range(3):
            logits = model.blocks.one(model.stem(lib.tensor(array)))
            loss = nn.functional.cross_entropy(logits, lib.arange(8) % 2)
            model.zero_grad()
            loss.backward()
            with lib.no_grad():
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter -= 0.5 * parameter.grad
            losses.append(loss.item())
        unused = [name for name, p in model.named_parameters() if p.grad is None]
        return losses, unused, {k: np.array(v) for k, v in state_of(model).items()}

    (ours, unused, state), (theirs, unused_theirs, state_theirs) = both(script)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    assert unused == unused_theirs
    assert list(state) == list(state_theirs)
    for name in state:
        np.testing.assert_allclose(
            state[name], state_theirs[name], rtol=tolerance, atol=tolerance, err_msg=name
        )


# --- nn.utils -------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1000.0])
def test_clip_grad_norm(max_norm, norm_type):
    grads = [np.random.RandomState(k).normal(size=(3, k + 1)).astype(np.float32) for k in range(3)]

    def script(lib, nn):
        parameters = [nn.Parameter(lib.zeros(3, k + 1)) for k in range(4)]
        for parameter, grad in zip(parameters, grads):
            parameter.grad = lib.tensor(grad)
        before = parameters[0].grad
        total = nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
        assert parameters[0].grad is before
        return [total.numpy(), *(p.grad.numpy() for p in parameters[:3])]

    for ours, theirs in zip(*both(script)):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6)


def test_other_utils():
    def script(lib, nn):
        model = nn.Linear(2, 2)
        nn.init.ones_(model.weight), nn.init.zeros_(model.bias)
        model.weight.grad = lib.tensor([[5.0, -5.0], [0.5, 0.0]])
        nn.utils.clip_grad_value_(model.parameters(), 1.0)
        vector = nn.utils.parameters_to_vector(model.parameters())
        seen = [numbers(model.weight.grad), numbers(vector), vector.requires_grad]
        weight = model.weight
        nn.utils.vector_to_parameters(lib.arange(6.0), model.parameters())
        seen += [state_of(model), model.weight is weight, weight.requires_grad]
        with pytest.raises(RuntimeError):
            weight.grad = lib.tensor([[math.nan, 0.0], [0.0, 0.0]])
            nn.utils.clip_grad_norm_([weight], 1.0, error_if_nonfinite=True)
        seen.append(nn.utils.clip_grad_norm_([], 1.0).item())
        return seen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = both(script)
    assert ours == theirs
