"""Functions over images, lines and volumes against PyTorch: every mode, in float64 and float32,
with gradients; bytes, halves, random sizes, and what is refused.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd

IMAGE = "x = normal(2, 3, 5, 7)"
LINE = "x = normal(2, 3, 7)"
VOLUME = "x = normal(2, 2, 3, 4, 5)"
TABLES = {
    "line": (
        LINE,
        """
        F.interpolate(x, 12)
        F.interpolate(x, 3, mode="nearest-exact")
        F.interpolate(x, scale_factor=2.3, mode="nearest-exact")
        F.interpolate(x, scale_factor=2.3, mode="linear")
        F.interpolate(x, scale_factor=0.37, mode="linear")
        F.interpolate(x, 1, mode="linear", align_corners=True)
        F.interpolate(x, 7, mode="linear", align_corners=True)
        F.interpolate(x, scale_factor=0.5, mode="area")
        F.pad(x, (2, 3), mode="reflect")
        F.pad(x, (2, -3), mode="reflect")
        F.pad(x, (-2, 3), mode="replicate")
        F.pad(x, (7, 7), mode="circular")
        F.pad(x, (-1, 4), mode="circular")
        F.pad(x, (0, 0), mode="circular")
        F.pad(x, (1, 2, 3, 0), value=2.5)
        t.constant_pad_nd(x, (1, -2), 3)
        F.lp_pool1d(x, 2, 3, 2)
        F.conv_tbc(x.reshape(7, 2, 3), t.ones(3, 3, 4).to(x), t.ones(4).to(x), 1)
        F.channel_shuffle(x, 3)
        """,
    ),
    "image": (
        IMAGE,
        """
        F.interpolate(x, scale_factor=2)
        F.interpolate(x, (10, 21))
        F.interpolate(x, (3, 11))
        F.interpolate(x, scale_factor=(0.7, 1.9), mode="nearest-exact")
        F.interpolate(x, (3, 11), mode="bilinear")
        F.interpolate(x, (10, 14), mode="bilinear", align_corners=True)
        F.interpolate(x, (5, 9), mode="bilinear")
        F.interpolate(x, (3, 5), mode="bilinear", antialias=True)
        F.interpolate(x, (2, 13), mode="bilinear", antialias=True, align_corners=True)
        F.interpolate(x, scale_factor=0.4, mode="bilinear", antialias=True)
        F.interpolate(x, scale_factor=1.4, mode="bicubic")
        F.interpolate(x, (11, 3), mode="bicubic", align_corners=True)
        F.interpolate(x, (2, 3), mode="bicubic", antialias=True)
        F.interpolate(x, scale_factor=0.55, mode="bicubic", antialias=True, align_corners=True)
        F.interpolate(x, (4, 3), mode="area")
        F.interpolate(x.transpose(2, 3), (4, 9), mode="bilinear")
        F.upsample(x, scale_factor=2, mode="bilinear")
        F.upsample_nearest(x, 4)
        F.upsample_bilinear(x, scale_factor=2)
        F.pad(x, (1, 2, 3, 4), mode="reflect")
        F.pad(x, (1, -2, -1, 4), mode="reflect")
        F.pad(x, (6, 1, 0, 2), mode="replicate")
        F.pad(x, (6, 1, -2, 3), mode="circular")
        F.pad(x, (1, 1, 0, 2, 1, 0, 0, 1), "constant", -1)
        F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2)
        F.pixel_unshuffle(F.pad(x, (1, 0, 1, 0)), 2)
        t.channel_shuffle(x, 3)
        F.lp_pool2d(x.abs(), 1.5, (2, 3))
        F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=x.shape)
        F.max_unpool2d(*F.max_pool2d(x, 3, 1, return_indices=True), 3, 1)
        """,
    ),
    "volume": (
        VOLUME,
        """
        F.interpolate(x, scale_factor=(2, 1, 3))
        F.interpolate(x, (4, 3, 9), mode="nearest-exact")
        F.interpolate(x, scale_factor=1.5, mode="trilinear")
        F.interpolate(x, (5, 2, 9), mode="trilinear", align_corners=True)
        F.interpolate(x, 2, mode="area")
        F.pad(x, (1, 2, 3, 0, 2, 1), mode="reflect")
        F.pad(x, (1, 2, 3, 0, 2, 1), mode="replicate")
        F.pad(x, (1, 2, 3, 0, 2, 1), mode="circular")
        F.lp_pool3d(x, 2, 2)
        F.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), 2, output_size=x.shape)
        """,
    ),
    "at a grid": (
        IMAGE + "\ng = np.random.default_rng(0).uniform(-1.6, 1.6, (2, 4, 3, 2))",
        "\n".join(
            f'F.grid_sample(x, g, "{mode}", "{padding}", {corners})'
            for mode in ("bilinear", "nearest", "bicubic")
            for padding in ("zeros", "border", "reflection")
            for corners in (True, False)
            if (mode, padding) != ("bicubic", "border")  # see below
        ),
    ),
    "far away": (
        IMAGE + "\ng = np.random.default_rng(0).uniform(-9, 9, (2, 4, 3, 2))",
        "\n".join(
            f'F.grid_sample(x, g, "bilinear", "{padding}", {corners})'
            for padding in ("zeros", "border", "reflection")
            for corners in (True, False)
        ),
    ),
    "at a grid in space": (
        VOLUME + "\ng = np.random.default_rng(0).uniform(-1.3, 1.3, (2, 2, 3, 2, 3))",
        "\n".join(
            f'F.grid_sample(x, g, "{mode}", "{padding}", {corners})'
            for mode in ("bilinear", "nearest")
            for padding in ("zeros", "border", "reflection")
            for corners in (True, False)
        ),
    ),
    "maps": (
        "x = normal(2, 2, 3)\ny = normal(2, 3, 4)",
        """
        F.affine_grid(x, (2, 1, 4, 5), align_corners=True)
        F.affine_grid(x, (2, 3, 1, 5), align_corners=False)
        F.affine_grid(y, (2, 3, 2, 1, 4), align_corners=False)
        F.affine_grid(y, (2, 3, 2, 3, 4), align_corners=True)
        """,
    ),
    "no floats": (
        "x = whole(2, 4, 4, 6)\nb = bits(2, 4, 4, 6)",
        """
        F.pad(x, (1, 2), value=3)
        F.pad(b, (1, 2, 1, 0), value=True)
        F.pad(x, (1, 2, 3, 1), mode="reflect")
        F.pad(b, (1, 2, 3, 1), mode="circular")
        F.pad(x, (1, -2, 3, 1), mode="replicate")
        F.pixel_shuffle(x, 2)
        F.pixel_unshuffle(b, 2)
        F.channel_shuffle(b, 2)
        """,
    ),
}


def test_agrees(table_case, peers):
    peers.agree(table_case)


@pytest.mark.parametrize(("mode", "antialias"), [
    ("nearest", False), ("nearest-exact", False), ("bilinear", False), ("bilinear", True),
    ("bicubic", False), ("bicubic", True),
])  # fmt: skip
def test_bytes(mode, antialias):
    """Images of 8 bits, in whole numbers as PyTorch (and Pillow) has them: to the bit."""
    rng = np.random.default_rng(0)
    for _ in range(25):
        channels, height, width, high, wide = rng.integers(1, 30, 5).tolist()
        image = rng.integers(0, 256, (2, 1 + channels % 6, height, width)).astype(np.uint8)
        options = {"mode": mode, "antialias": antialias}
        if not mode.startswith("nearest"):
            options["align_corners"] = bool(rng.integers(2))
        sizes = (high, wide)
        theirs = torch.nn.functional.interpolate(torch.tensor(image), sizes, **options)
        ours = gd.nn.functional.interpolate(gd.tensor(image), sizes, **options)
        np.testing.assert_array_equal(
            ours.numpy(), theirs.numpy(), err_msg=f"{image.shape} {sizes}"
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves(dtype):
    image = np.random.default_rng(0).normal(size=(2, 3, 6, 9)).astype(np.float32)
    for options in (
        {"size": (9, 4), "mode": "bilinear"},
        {"scale_factor": 1.7, "mode": "bicubic"},
        {"size": (9, 4)},
    ):
        results = []
        for lib in (gd, torch):
            x = lib.tensor(image).to(getattr(lib, dtype))
            y = lib.nn.functional.interpolate(x, **options)
            assert y.dtype is x.dtype
            results.append(y.float().numpy())
        # One rounding of nearly equal float32 numbers, or PyTorch's two.
        rough = 2e-3 if dtype == "float16" else 2e-2
        np.testing.assert_allclose(*results, rtol=rough, atol=rough)


def test_random_sizes():
    """Places are rounded as in PyTorch, in float32 too, over long lines."""
    rng = np.random.default_rng(1)
    for _ in range(40):
        n, out = rng.integers(1, 1500, 2).tolist()
        line = rng.normal(size=(1, 2, n)).astype(np.float32)
        for mode in ("nearest", "nearest-exact", "linear", "linear corners"):
            options = {"mode": mode.split()[0]}
            if mode == "linear corners":
                options["align_corners"] = True
            theirs = torch.nn.functional.interpolate(torch.tensor(line), out, **options)
            ours = gd.nn.functional.interpolate(gd.tensor(line), out, **options)
            # A place is rounded to float32 once or twice (with or without a fused multiply-add).
            near = 0 if mode.startswith("nearest") else 6e-8 * n * 12
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=near, rtol=1e-5)


def test_what_is_not_finite_stays_where_it_is():
    image = np.zeros((1, 1, 6, 6))
    image[0, 0, 2, 3] = np.nan
    image[0, 0, 4, 0] = np.inf
    for options in (
        {"scale_factor": 2, "mode": "bilinear"},
        {"size": 9},
        {"size": 4, "mode": "bicubic"},
    ):
        theirs = torch.nn.functional.interpolate(torch.tensor(image), **options)
        ours = gd.nn.functional.interpolate(gd.tensor(image), **options)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)


@pytest.mark.parametrize("corners", [True, False])
def test_sixteen_elements_around_a_place_at_the_border(corners):
    """In float64 alone: where all of them are the same border's, the gradient with respect to the
    place is a sum of large terms that is 0."""
    rng = np.random.default_rng(0)
    image, grid = rng.normal(size=(2, 3, 5, 7)), rng.uniform(-1.6, 1.6, (2, 4, 3, 2))
    results = []
    for lib in (gd, torch):
        x, g = lib.tensor(image, requires_grad=True), lib.tensor(grid, requires_grad=True)
        y = lib.nn.functional.grid_sample(x, g, "bicubic", "border", corners)
        gradients = lib.autograd.grad((y * y.detach().cos()).sum(), (x, g))
        results.append([y.detach().numpy(), *(gradient.numpy() for gradient in gradients)])
    for mine, other in zip(*results):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


def test_a_grid_that_is_not_finite():
    image = np.random.default_rng(0).normal(size=(1, 1, 3, 3))
    grid = np.array([np.inf, -np.inf, 1e300, 0.2]).reshape(1, 2, 1, 2)
    for padding in ("zeros", "border"):
        results = []
        for lib in (gd, torch):
            sample = lib.nn.functional.grid_sample
            results.append(
                sample(lib.tensor(image), lib.tensor(grid), "nearest", padding, False).numpy()
            )
        np.testing.assert_array_equal(*results)


def test_the_second_derivative_of_resizing_and_sampling():
    x = gd.tensor(np.random.default_rng(0).normal(size=(1, 1, 4, 4)), requires_grad=True)
    g = gd.tensor(np.random.default_rng(1).uniform(-0.9, 0.9, (1, 2, 2, 2)), requires_grad=True)
    F = gd.nn.functional
    for function, inputs in (
        (lambda x: F.interpolate(x**3, (6, 3), mode="bicubic"), (x,)),
        (lambda x, g: F.grid_sample(x, g, align_corners=False), (x, g)),
        (lambda x: F.pad(x**3, (1, 2, 3, 0), mode="reflect"), (x,)),
    ):
        assert gd.autograd.gradcheck(function, inputs)
        assert gd.autograd.gradgradcheck(function, inputs)


# --- what draws ----------------------------------------------------------------------------------

DRAWS = """
F.dropout(x, 0.3)
F.dropout(x.transpose(0, 1), 0.3)
F.alpha_dropout(x, 0.3, True)
F.alpha_dropout(x.transpose(0, 2), 0.4, True)
F.alpha_dropout(x, 1.0, True)
F.alpha_dropout(x, 0.5)
F.alpha_dropout(x.clone(), 0.5, True, True)
F.feature_alpha_dropout(x, 0.5, True)
F.feature_alpha_dropout(x.clone(), 0.5, True, True)
F.feature_alpha_dropout(x, 0.5, False)
t.dropout(x, 0.4, True)
t.alpha_dropout(x, 0.4, True)
t.feature_dropout(x, 0.4, True)
t.feature_alpha_dropout(x, 0.4, True)
t.native_dropout(x, 0.4, True)[0]
t.native_dropout(x, 0.4, False)[1]
t.native_dropout(x, 0.4, True)[1]
F.rrelu(x, training=True)
F.rrelu(x, 0.2, 0.9, True)
F.rrelu(x)
F.rrelu(x.clone(), 0.1, 0.4, True, True)
F.rrelu_(x.clone(), 0.1, 0.4, True)
t.rrelu(x, 0.1, 0.4, True)
F.gumbel_softmax(x)
F.gumbel_softmax(x, 0.5, dim=1)
F.gumbel_softmax(x, 0.5, True, dim=0)
F.fractional_max_pool2d(x.unsqueeze(1), 2, output_ratio=(0.6, 0.7))
F.fractional_max_pool2d(x, 2, 3, return_indices=True)[1]
F.fractional_max_pool2d_with_indices(x, (2, 3), (1, 2))[1]
F.fractional_max_pool3d(x.reshape(1, 1, 4, 5, 6), 2, (2, 3, 2))
F.fractional_max_pool2d(x, 2, 3, _random_samples=t.full((1, 4, 2), 0.5, dtype=x.dtype))
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", list(filter(None, DRAWS.split("\n"))))
def test_the_same_seed_draws_the_same(line, dtype):
    array = np.random.default_rng(3).normal(size=(4, 5, 6)).astype(dtype)
    results = []
    for lib in (gd, torch):
        lib.manual_seed(7)
        x = lib.tensor(array, requires_grad=True)
        y = eval(line, {"F": lib.nn.functional, "t": lib, "x": x})
        found = [y.detach().numpy(), lib.rand(1).item()]
        if y.requires_grad:
            (gradient,) = lib.autograd.grad((y * y.detach().cos()).sum(), x)
            found.append(gradient.numpy())
        results.append(found)
    rough = 1e-12 if dtype == "float64" else 2e-5  # a logarithm of a logarithm, over 0.5
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=rough, atol=rough / 10)


# --- what made a tensor ---------------------------------------------------------------------------

NAMED = """
F.interpolate(x,3)
F.interpolate(x,3,mode='nearest-exact')
F.interpolate(x,3,mode='bilinear')
F.interpolate(x,3,mode='bicubic')
F.interpolate(x,3,mode='bilinear',antialias=True)
F.interpolate(x,3,mode='bicubic',antialias=True)
F.interpolate(x,3,mode='area')
F.interpolate(x[0],3,mode='linear')
F.interpolate(x[None],3,mode='trilinear')
F.interpolate(x[0],3)
F.pad(x,(1,1))
F.pad(x,(1,1,1,1),mode='reflect')
F.pad(x[0],(1,1),mode='replicate')
F.grid_sample(x,g)
F.grid_sample(x[None],x[None,:,:3,:3,:3])
F.affine_grid(t.ones(1,2,3,requires_grad=True),(1,1,2,2))
F.pixel_shuffle(x,2)
F.pixel_unshuffle(x,2)
F.channel_shuffle(x,2)
F.max_unpool2d(*F.max_pool2d(x,2,return_indices=True),2)
F.max_unpool1d(*F.max_pool1d(x[0],2,return_indices=True),2)
F.fractional_max_pool2d(x,2,2)
F.lp_pool2d(x,2,2)
F.rrelu(x)
F.rrelu(x,training=True)
F.alpha_dropout(x,.5,True)
F.dropout(x,.5,True)
F.gumbel_softmax(x)
F.gumbel_softmax(x,hard=True)
F.conv_tbc(x[0],t.ones(2,4,3),t.ones(3))
"""


@pytest.mark.parametrize("line", list(filter(None, NAMED.split("\n"))))
def test_the_name_of_what_made_it(line):
    names = []
    for lib in (gd, torch):
        x, g = lib.ones(1, 4, 4, 4, requires_grad=True), lib.zeros(1, 2, 2, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = eval(line, {"F": lib.nn.functional, "t": lib, "x": x, "g": g})
        names.append(y.grad_fn.name())
    assert names[0] == names[1]


# --- what is refused -----------------------------------------------------------------------------

REFUSED = """
F.interpolate(x)
F.interpolate(x, 3, 2)
F.interpolate(x, (3, 3, 3))
F.interpolate(x, 3, mode="linear")
F.interpolate(x, 3, mode="trilinear")
F.interpolate(x[0], 3, mode="bilinear")
F.interpolate(x, 3, mode="other")
F.interpolate(x, 3, align_corners=True)
F.interpolate(x, 3, antialias=True)
F.interpolate(x[0], 3, mode="linear", antialias=True)
F.interpolate(x, -1)
F.interpolate(x, scale_factor=0.01)
F.interpolate(x[:, :0], 3)
F.interpolate(x[0, 0], 3)
F.interpolate(x.long(), 3)
F.interpolate(x.long(), 3, mode="bilinear")
F.interpolate(x, 3, recompute_scale_factor=True)
F.grid_sample(x, x)
F.grid_sample(x, g.double())
F.grid_sample(x, g[:1])
F.grid_sample(x, g[..., :1])
F.grid_sample(x, g[0])
F.grid_sample(x[0, 0], g[0, 0])
F.grid_sample(x[:, :, :0], g)
F.grid_sample(x, g, mode="linear")
F.grid_sample(x, g, padding_mode="circular")
F.grid_sample(x[None], g[None], mode="bicubic")
F.affine_grid(x, (2, 3, 4, 4))
F.affine_grid(t.ones(2, 2, 3), (2, 3, 4))
F.affine_grid(t.ones(2, 2, 3), (2, 3, 0, 4))
F.affine_grid(t.ones(2, 2, 3).long(), (2, 3, 4, 4))
F.affine_grid(t.ones(2, 3, 4), (2, 3, 4, 4))
F.pad(x, (1, 2, 3))
F.pad(x, (1,) * 10)
F.pad(x, (1, 2), mode="other")
F.pad(x, (1, 2), mode="reflect", value=3)
F.pad(x, (9, 2), mode="reflect")
F.pad(x, (9, 2, 0, 0), mode="reflect")
F.pad(x, (9, 2, 0, 0), mode="circular")
F.pad(x, (-9, 2))
F.pad(x, (-9, 2, 0, 0), mode="replicate")
F.pad(x, "text")
F.pixel_shuffle(x, 2)
F.pixel_unshuffle(x, 3)
F.pixel_unshuffle(x, -1)
F.channel_shuffle(x, 2)
F.channel_shuffle(x, 0)
F.max_unpool2d(x, x, 2)
F.max_unpool2d(x, x.long()[:, :1], 2)
F.fractional_max_pool2d(x, 2)
F.fractional_max_pool2d(x, 5, 2)
F.fractional_max_pool2d(x, 2, 2, _random_samples=t.ones(1, 3, 2))
F.fractional_max_pool2d(x, 2, 2, _random_samples=t.ones(2, 3, 2).double())
F.alpha_dropout(x, 1.5, True)
F.feature_alpha_dropout(x[0, 0, 0], 0.5, True)
F.dropout(x.long(), 0.5, True)
F.rrelu(x, 2, 1)
F.rrelu(x.long())
F.conv_tbc(x[0], x[0], x[0, 0])
t.grid_sampler_2d(x[None], g[None], 0, 0, False)
"""


@pytest.mark.parametrize("line", list(filter(None, REFUSED.split("\n"))))
def test_what_is_refused(line):
    def script(lib):
        names = {
            "F": lib.nn.functional, "t": lib, "x": lib.ones(2, 3, 4, 5),
            "g": lib.zeros(2, 3, 3, 2),
        }  # fmt: skip
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            eval(line, names)
        return caught.value

    theirs, ours = script(torch), script(gd)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, builtin) and isinstance(ours, gd.Error)
