"""AlexNet: Krizhevsky, Sutskever & Hinton 2012, *ImageNet classification with deep convolutional
neural networks* (NIPS 25).

LeNet's plan, a thousand times larger, with what made that learn: units that do not saturate (ReLU),
dropout, pictures that are never twice the same (crops, reflections, colours), and two GPUs. Each
had half of the kernels, and they met in the third convolution and in the dense layers alone: in
the code, groups of 2 everywhere else.
"""

from __future__ import annotations

import time

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures import style
from gradatim.nn import functional as F
from gradatim.zoo import digit_images
from gradatim.zoo.alexnet_pictures import ColourPCA, crop_views, random_crops
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System


def response_normalization(
    a: gd.Tensor, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> gd.Tensor:
    """b_i = a_i / (k + α Σ a_j²)^β, the sum over the n maps around map i (section 3.3).

    PyTorch's `local_response_norm` divides α by n; the paper does not.

    Args:
        a: (N, maps, H, W), after the ReLU.
    """
    return F.local_response_norm(a, n, alpha=alpha * n, beta=beta, k=k)


class ResponseNormalization(nn.Module):
    """`response_normalization` with the paper's constants, as a layer."""

    def forward(self, a: gd.Tensor) -> gd.Tensor:
        return response_normalization(a)


# What is different in each network of this name: the kernels of the five convolutions, their
# groups, response normalization, and whether dropout stands before the dense layers (as in
# torchvision's and in "One weird trick", Krizhevsky 2014, from which that network is) or behind.
VARIANTS = {
    "paper": ((96, 256, 384, 384, 256), 2, True, False),
    "ungrouped": ((96, 256, 384, 384, 256), 1, True, False),
    "torchvision": ((64, 192, 384, 256, 256), 1, False, True),
}


class AlexNet(nn.Module):
    """The network of figure 2: five convolutions, three dense layers.

    Args:
        classes: 1000 in the paper.
        kernels: of the five convolutions.
        groups: 2 are the paper's towers; they see each other's maps in the third convolution.
        normalize: response normalization behind the first two convolutions.
        dropout_first: dropout before each of the two hidden dense layers, not behind it.
        channels: of the picture.
        hidden: units of each hidden dense layer.
        stride: of the first convolution.
        side: the last maps are pooled to side x side where they are not: 6 for pictures of 224.
        std: standard deviation of the first weights; the paper's 0.01 suits its fan-ins of 363 to
            9,216, and vanishes in narrow networks. None: PyTorch's first weights and biases.

    Shape:
        (N, channels, H, W), the mean taken off, to (N, classes): logits. H and W are 63 or more, as
        the last pooling needs; half of that with a stride of 2.

    Example:
        >>> model = AlexNet(10, (8, 16, 16, 16, 16), hidden=32)
        >>> model(gd.zeros(2, 3, 224, 224)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        classes: int = 1000,
        kernels: tuple[int, ...] = (96, 256, 384, 384, 256),
        groups: int = 2,
        normalize: bool = True,
        dropout_first: bool = False,
        channels: int = 3,
        hidden: int = 4096,
        stride: int = 4,
        side: int = 6,
        std: float | None = 0.01,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = kernels
        norm = [ResponseNormalization()] if normalize else []
        self.channels, self.smallest = channels, 7 + 14 * stride
        # Pooling windows of 3 at every second place overlap: 0.4% fewer errors than windows of 2.
        self.features = nn.Sequential(
            nn.Conv2d(channels, c1, 11, stride, padding=2), nn.ReLU(), *norm, nn.MaxPool2d(3, 2),
            nn.Conv2d(c1, c2, 5, padding=2, groups=groups), nn.ReLU(), *norm, nn.MaxPool2d(3, 2),
            nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c3, c4, 3, padding=1, groups=groups), nn.ReLU(),
            nn.Conv2d(c4, c5, 3, padding=1, groups=groups), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        before, behind = ([nn.Dropout(0.5)], []) if dropout_first else ([], [nn.Dropout(0.5)])
        self.classifier = nn.Sequential(
            *before, nn.Linear(c5 * side * side, hidden), nn.ReLU(), *behind,
            *before, nn.Linear(hidden, hidden), nn.ReLU(), *behind,
            nn.Linear(hidden, classes),
        )  # fmt: skip
        if std is not None:
            self._draw(std)

    def _draw(self, std: float) -> None:
        """Section 5: small weights; biases of 1 in the second, fourth and fifth convolution and in
        the hidden dense layers give their ReLUs something positive to begin with.
        """
        layers = [layer for layer in self.modules() if hasattr(layer, "weight")]
        for number, layer in enumerate(layers, start=1):
            nn.init.normal_(layer.weight, std=std)
            nn.init.constant_(layer.bias, 1.0 if number in (2, 4, 5, 6, 7) else 0.0)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        digit_images.check_images("AlexNet", x, self.channels, self.smallest)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(variant: str = "paper", classes: int = 1000) -> AlexNet:
    """One of the three networks that go by the name.

    Args:
        variant: "paper" (grouped, 60,965,224 parameters), "ungrouped" (62,378,344), or
            "torchvision" (61,100,840; its weights load by their names).

    Raises:
        ArgumentError: another variant.
    """
    if variant not in VARIANTS:
        raise gd.ArgumentError(f"variant is {variant!r}: expected one of {', '.join(VARIANTS)}")
    kernels, groups, normalize, dropout_first = VARIANTS[variant]
    std = None if variant == "torchvision" else 0.01
    return AlexNet(classes, kernels, groups, normalize, dropout_first, std=std)


def small(classes: int = 10) -> AlexNet:
    """The demonstration's network, for one channel and crops of 56 x 56: every layer of the paper
    with an eighth of the kernels or less, and a stride of 2 in the first.
    """
    return AlexNet(
        classes, (16, 32, 48, 48, 32), channels=1, hidden=256, stride=2, side=2, std=None
    )


def enlarged(images: gd.Tensor, side: int) -> gd.Tensor:
    """Bytes (N, C, H, W) as bytes (N, C, side, side), interpolated."""
    parts = [
        F.interpolate(images[k : k + 1000].float(), size=(side, side), mode="bilinear")
        .round()
        .to(gd.uint8)
        for k in range(0, len(images), 1000)
    ]
    return gd.cat(parts)


def demo(settings: Settings) -> Result:
    """Train the small network on MNIST at 64 x 64, with random crops of 56 x 56."""
    gd.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    plain = digit_images.digits(settings)
    data = digit_images.Digits(
        enlarged(plain.train_images, 64), plain.train_labels,
        enlarged(plain.test_images, 64), plain.test_labels,
    )  # fmt: skip
    crop, size, epochs = 56, settings.of(100, 50), settings.of(8, 2)
    mean = float(plain.train_images.float().mean()) / 255
    colours = ColourPCA(plain.train_images[:1000].float() / 255)
    model = small()
    optimizer = gd.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=0.0005)

    def scaled(images: gd.Tensor) -> gd.Tensor:
        return (images.float() / 255 - mean) / 0.3

    def update(images: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
        optimizer.zero_grad()
        # Digits are not mirrored: a 2 would become what is no digit.
        x = colours(scaled(random_crops(images, crop, reflect=False)))
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    def averaged(images: gd.Tensor) -> gd.Tensor:
        views = crop_views(scaled(images), crop, reflect=False)
        logits = model(views.flatten(0, 1)).reshape(len(views), len(images), 10)
        return logits.softmax(2).mean(0)

    def centre(images: gd.Tensor) -> gd.Tensor:
        return model(scaled(images)[:, :, 4 : 4 + crop, 4 : 4 + crop])

    step = digit_images.row_step(update, data)
    start, curve = time.perf_counter(), []
    for epoch in range(epochs):
        # The paper divides the rate by ten when validation stalls: here at fixed epochs.
        done = epoch / epochs
        optimizer.param_groups[0]["lr"] = 0.02 if done < 0.6 else 0.005 if done < 0.85 else 0.001
        model.train()
        loss = digit_images.learn(step, data, size, rng)
        model.eval()
        reached = digit_images.accuracy(centre, data.test_images, data.test_labels)
        curve.append((time.perf_counter() - start, reached))
        settings.report(f"epoch {epoch + 1} of {epochs}: loss {loss:.4f}, test {reached:.2%}")
    crops = digit_images.accuracy(averaged, data.test_images, data.test_labels)
    linear = digit_images.linear_accuracy(plain, rng)
    parameters = sum(p.numel() for p in model.parameters())
    measures = [
        Measure("MNIST test accuracy, five crops", crops, baseline=linear, bar=0.99,
                baseline_name="linear classifier on pixels"),
        Measure("MNIST test accuracy, centre crop", reached),
    ]  # fmt: skip
    notes = [
        f"{parameters:,} parameters instead of 60,965,224: narrower layers, one channel, digits of "
        "64 x 64 of which 56 x 56 are cut (the paper: 224 of 256).",
        "No reflections, so five crops at the test, not ten: mirrored digits are none.",
        "First weights are PyTorch's: the paper's 0.01 vanishes in layers this narrow.",
        "Both towers are on one processor, as groups of one convolution.",
    ]
    return Result(measures, _figure(model), notes, curve, model)


def _figure(model: AlexNet) -> object:
    """The first layer's kernels, the upper row one tower's and the lower the other's."""
    if not style.can_draw():
        return None
    figure = style.new_figure(8, 2.6)
    kernels = model.features[0].weight.detach().numpy()[:, 0]
    digit_images.show_maps(
        figure.subplots(), kernels, len(kernels) // 2, "the first convolution, one row a tower"
    )
    return figure


def _operations() -> int:
    """Twice the products of the paper's network, for one picture of 224 x 224."""
    convolutions = (96 * 363 * 55**2, 256 * 1200 * 27**2, 384 * 2304 * 13**2,
                    384 * 1728 * 13**2, 256 * 1728 * 13**2)  # fmt: skip
    return 2 * (sum(convolutions) + 9216 * 4096 + 4096 * 4096 + 4096 * 1000)


# The paper says 650,000, from 253,440 units in the first layer; with 55 x 55 places it has 290,400.
_NEURONS = 96 * 55**2 + 256 * 27**2 + (384 + 384 + 256) * 13**2 + 4096 + 4096 + 1000

SYSTEM = System(
    number=18,
    name="alexnet",
    title="AlexNet",
    year=2012,
    authors="Krizhevsky, Sutskever, Hinton",
    reference=(
        "A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet classification with deep "
        "convolutional neural networks. NIPS 25, 1097-1105, 2012"
    ),
    idea=(
        "A convolutional network large enough for a million photographs, and means to train it: "
        "units that do not saturate (ReLU), dropout, pictures cropped, mirrored and recoloured "
        "anew in each pass, and two GPUs with half of the kernels each, which meet in some layers "
        "alone. It nearly halved the errors of everything before it."
    ),
    equations=(
        Equation("f(x) = max(0, x)", r"f(x) = \max(0, x)", "section 3.1"),
        Equation(
            "b_i = a_i / (k + α Σ_j a_j²)^β, n = 5 maps j around i, k = 2, α = 10⁻⁴, β = 0.75",
            r"b_i = a_i \Big/ \Bigl(k + \alpha \sum_j a_j^2\Bigr)^{\beta}",
            "section 3.3",
        ),
        Equation(
            "v ← 0.9 v − 0.0005 ε w − ε ∂L/∂w,  w ← w + v",
            r"v \leftarrow 0.9\,v - 0.0005\,\epsilon w - \epsilon\,\partial L/\partial w,\quad"
            r" w \leftarrow w + v",
            "section 5",
        ),
        Equation(
            "pixel ← pixel + [p₁ p₂ p₃] [α₁λ₁ α₂λ₂ α₃λ₃]ᵀ",
            r"I \leftarrow I + [p_1, p_2, p_3][\alpha_1\lambda_1, \alpha_2\lambda_2,"
            r" \alpha_3\lambda_3]^T",
            "section 4.1",
        ),
    ),
    sizes=Sizes(
        neurons=_NEURONS, connections=_operations() / 2 / _NEURONS, parameters=60_965_224,
        operations=_operations(), examples=1_200_000,
    ),
    data="MNIST at 64 x 64",
    paper_data="ImageNet (ILSVRC-2010, 2012)",
    paper_result="15.3% top-5 errors in ILSVRC-2012 (seven networks), 18.2% with one",
    network=alexnet,
    demo=demo,
)  # fmt: skip
