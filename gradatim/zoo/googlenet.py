"""GoogLeNet: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke & Rabinovich 2014,
*Going deeper with convolutions* (arXiv 1409.4842).

Each module looks at its input with windows of several sizes at once, and narrows the maps by 1 x 1
convolutions before the dear ones: 22 layers deep, with an eighth of AlexNet's parameters. Two
classifiers on the way help the gradient to the lower layers, and are thrown away after training.
"""

from __future__ import annotations

import time

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures import style
from gradatim.nn import functional as F
from gradatim.zoo import digit_images
from gradatim.zoo.alexnet import response_normalization
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

# Table 1: of each module the maps of the 1x1, 3x3 (narrowed to, maps), 5x5 (the same) and pooling
# branches. A pooling over 3 x 3 at every second place stands between those of 3, 4 and 5.
MODULES = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}
VARIANTS = ("paper", "torchvision")


class Convolution(nn.Module):
    """A convolution and a ReLU; in torchvision's network with batch normalization between, which
    is a year younger than the paper, in place of the bias.
    """

    def __init__(self, inputs: int, maps: int, batch_norm: bool, **window: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, maps, bias=not batch_norm, **window)
        self.bn = nn.BatchNorm2d(maps, eps=0.001) if batch_norm else nn.Identity()

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Figure 2(b): four branches, side by side in the result.

    Args:
        inputs: maps below.
        maps: six numbers, as in `MODULES`.
        batch_norm: see `Convolution`.
        third: the window of the third branch: the paper's 5, or the 3 that torchvision's has by
            mistake, and keeps for its weights' sake.

    Shape:
        (N, inputs, H, W) to (N, maps[0] + maps[2] + maps[4] + maps[5], H, W).
    """

    def __init__(
        self, inputs: int, maps: tuple[int, ...], batch_norm: bool = False, third: int = 5
    ) -> None:
        super().__init__()
        one, narrow3, three, narrow5, five, pooled = maps

        def conv(below: int, above: int, size: int) -> Convolution:
            return Convolution(below, above, batch_norm, kernel_size=size, padding=size // 2)

        self.branch1 = conv(inputs, one, 1)
        self.branch2 = nn.Sequential(conv(inputs, narrow3, 1), conv(narrow3, three, 3))
        self.branch3 = nn.Sequential(conv(inputs, narrow5, 1), conv(narrow5, five, third))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(inputs, pooled, 1))
        self.maps = one + three + five + pooled

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return gd.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    """A classifier on the way (section 5): 4 x 4 means, 1 x 1 convolution, two dense layers."""

    def __init__(self, inputs: int, classes: int, batch_norm: bool, width: float) -> None:
        super().__init__()
        maps, hidden = _narrowed(128, width), _narrowed(1024, width)
        self.conv = Convolution(inputs, maps, batch_norm, kernel_size=1)
        self.fc1 = nn.Linear(16 * maps, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
        return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.7, self.training))


def _narrowed(maps: int, width: float) -> int:
    return max(round(maps * width), 2)


class GoogLeNet(nn.Module):
    """Table 1. Weights have torchvision's names.

    Args:
        classes: 1000 in the paper.
        variant: "paper", or "torchvision": batch normalization instead of response normalization
            and biases, and 3 x 3 windows where the paper has 5 x 5.
        auxiliary: the two classifiers on the way.
        channels: of the picture.
        width: every number of maps is multiplied by this.
        stride: of the first convolution; 1 for pictures of a few dozen pixels.

    Shape:
        (N, channels, H, W) to (N, classes): logits. In training with auxiliaries a tuple of three:
        the logits and those of the two, from 4d and from 4a. H and W are 16 strides or more.

    Example:
        >>> model = GoogLeNet(10, width=0.1).eval()
        >>> model(gd.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        classes: int = 1000,
        variant: str = "paper",
        auxiliary: bool = True,
        channels: int = 3,
        width: float = 1.0,
        stride: int = 2,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise gd.ArgumentError(f"variant is {variant!r}: expected one of {', '.join(VARIANTS)}")
        batch_norm = variant == "torchvision"
        self.batch_norm, self.channels, self.smallest = batch_norm, channels, 16 * stride
        first, second = _narrowed(64, width), _narrowed(192, width)
        self.conv1 = Convolution(
            channels, first, batch_norm, kernel_size=7, stride=stride, padding=3
        )
        self.conv2 = Convolution(first, first, batch_norm, kernel_size=1)
        self.conv3 = Convolution(first, second, batch_norm, kernel_size=3, padding=1)
        below, found = second, {}
        for name, maps in MODULES.items():
            narrowed = tuple(_narrowed(m, width) for m in maps)
            module = Inception(below, narrowed, batch_norm, 3 if batch_norm else 5)
            setattr(self, name, module)
            below = found[name] = module.maps
        self.auxiliary = auxiliary
        if auxiliary:
            self.aux1 = Auxiliary(found["inception4a"], classes, batch_norm, width)
            self.aux2 = Auxiliary(found["inception4d"], classes, batch_norm, width)
        self.dropout = nn.Dropout(0.2 if batch_norm else 0.4)
        self.fc = nn.Linear(below, classes)

    def forward(self, x: gd.Tensor) -> gd.Tensor | tuple[gd.Tensor, gd.Tensor, gd.Tensor]:
        digit_images.check_images("GoogLeNet", x, self.channels, self.smallest)
        normalize = nn.Identity() if self.batch_norm else response_normalization
        x = normalize(_pooled(self.conv1(x)))
        x = _pooled(normalize(self.conv3(self.conv2(x))))
        on_the_way = {}
        for name in MODULES:
            if name == "inception5a" and self.batch_norm:
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            elif name in ("inception4a", "inception5a"):
                x = _pooled(x)
            x = on_the_way[name] = getattr(self, name)(x)
        logits = self.fc(self.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1)))
        if not (self.auxiliary and self.training):
            return logits
        return logits, self.aux2(on_the_way["inception4d"]), self.aux1(on_the_way["inception4a"])


def _pooled(x: gd.Tensor) -> gd.Tensor:
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def googlenet(variant: str = "paper", classes: int = 1000, auxiliary: bool = True) -> GoogLeNet:
    """One of the two networks of the name: the paper's (13,378,280 parameters with auxiliaries,
    6,998,552 without) or torchvision's (13,004,888 and 6,624,904; its weights load by their names).

    Raises:
        ArgumentError: another variant.
    """
    return GoogLeNet(classes, variant, auxiliary)


def loss_of(outputs: tuple[gd.Tensor, ...], labels: gd.Tensor) -> gd.Tensor:
    """The loss, and 0.3 of each auxiliary classifier's (section 5)."""
    main, *others = (F.cross_entropy(logits, labels) for logits in outputs)
    return main + 0.3 * sum(others)


def small(classes: int = 10) -> GoogLeNet:
    """The demonstration's network: all 22 layers with a sixth of the maps, and a first stride of 1,
    as digits are small.
    """
    return GoogLeNet(classes, channels=1, width=1 / 6, stride=1)


def demo(settings: Settings) -> Result:
    """Train the small network on MNIST, padded to 32 x 32."""
    gd.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    data = digit_images.digits(settings, pad=2, tiny=200)
    size, epochs = settings.of(100, 50), settings.of(6, 1)
    model = small()
    for (
        layer
    ) in model.modules():  # 22 layers without normalization: the signal has to keep its size
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    optimizer = gd.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)

    def scaled(images: gd.Tensor) -> gd.Tensor:
        return (images.float() / 255 - 0.1) / 0.3

    def update(images: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(scaled(images)), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        return loss

    def classify(images: gd.Tensor) -> gd.Tensor:
        return model(scaled(images))

    step = digit_images.row_step(update, data)
    start, curve = time.perf_counter(), []
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.02 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        model.train()
        loss = digit_images.learn(step, data, size, rng)
        model.eval()
        reached = digit_images.accuracy(classify, data.test_images, data.test_labels)
        curve.append((time.perf_counter() - start, reached))
        settings.report(f"epoch {epoch + 1} of {epochs}: loss {loss:.4f}, test {reached:.2%}")
    linear = digit_images.linear_accuracy(data, rng)
    measure = Measure("MNIST test accuracy", reached, baseline=linear, bar=0.992,
                      baseline_name="linear classifier on pixels")  # fmt: skip
    parameters = sum(p.numel() for p in model.parameters())
    notes = [
        f"{parameters:,} parameters instead of 13,378,280: a sixth of the maps in each of the 22 "
        "layers, one channel, digits of 32 x 32.",
        "The rate falls along a cosine, gradients are clipped to length 2, and first weights are "
        "He's: the paper's schedule (4% less every 8 epochs) and averaged weights are for "
        "hundreds of epochs. No crops and no averaging of seven networks.",
    ]
    return Result([measure], _figure(model), notes, curve, model)


def _figure(model: GoogLeNet) -> object:
    """The kernels of the first convolution."""
    if not style.can_draw():
        return None
    figure = style.new_figure(7, 1.2)
    kernels = model.conv1.conv.weight.detach().numpy()[:, 0]
    digit_images.show_maps(figure.subplots(), kernels, len(kernels), "the first convolution, 7 x 7")
    return figure


def _layers() -> list[tuple[int, int, int]]:
    """(fan-in, maps, places) of each convolution and dense layer for pictures of 224 x 224,
    without the auxiliaries.
    """
    layers = [(3 * 49, 64, 112**2), (64, 64, 56**2), (64 * 9, 192, 56**2)]
    below, sides = 192, {"3": 28, "4": 14, "5": 7}
    for name, (one, narrow3, three, narrow5, five, pooled) in MODULES.items():
        places = sides[name[len("inception")]] ** 2
        layers += [
            (below, one, places), (below, narrow3, places), (narrow3 * 9, three, places),
            (below, narrow5, places), (narrow5 * 25, five, places), (below, pooled, places),
        ]  # fmt: skip
        below = one + three + five + pooled
    return [*layers, (1024, 1000, 1)]


_NEURONS = sum(maps * places for _, maps, places in _layers())
_PRODUCTS = sum(fan_in * maps * places for fan_in, maps, places in _layers())

SYSTEM = System(
    number=20,
    name="googlenet",
    title="GoogLeNet",
    year=2014,
    authors="Szegedy et al.",
    reference=(
        "C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, "
        "A. Rabinovich: Going deeper with convolutions. arXiv 1409.4842, 2014"
    ),
    idea=(
        "Windows of several sizes side by side in each module, made cheap by 1 x 1 convolutions "
        "that narrow the maps first: deeper and wider than before at a fixed cost. A mean over "
        "places in front of the classifier saves the large dense layers. Classifiers on the way "
        "bring the gradient to the lower layers."
    ),
    equations=(
        Equation(
            "y = [conv1(x), conv3(conv1(x)), conv5(conv1(x)), conv1(pool(x))]",
            r"y = [c_1(x),\; c_3(c_1(x)),\; c_5(c_1(x)),\; c_1(p(x))]",
            "figure 2(b)",
        ),
        Equation("L = L_main + 0.3 (L_4a + L_4d)", r"L = L_0 + 0.3\,(L_{4a} + L_{4d})",
                 "section 5"),
    ),
    sizes=Sizes(
        neurons=_NEURONS, connections=_PRODUCTS / _NEURONS, parameters=6_998_552,
        operations=2 * _PRODUCTS, examples=1_200_000,
    ),
    data="MNIST, padded to 32 x 32",
    paper_data="ImageNet (ILSVRC-2014)",
    paper_result="6.67% top-5 errors in ILSVRC-2014 (seven networks, 144 crops), 10.07% with one",
    network=googlenet,
    demo=demo,
)  # fmt: skip
