"""Le et al. 2012: building high-level features using large scale unsupervised learning.

Nine layers that saw ten million frames of videos, and no label, and had a neuron for faces at the
end. Three stages, each of three sublayers:

1. filters with *local receptive fields*, which share no weights: each place learns its own;
2. *L2 pooling*, the root of the sum of squares of neighbours, which is the same for small shifts;
3. *local contrast normalization*, which takes away the neighbourhood's mean and divides by its
   deviation.

Each stage is an autoencoder whose decoder has weights of its own, with the reconstruction ICA cost
(`gradatim.rules.reconstruction_ica_loss`) on its pools. A thousand machines trained it: local
fields let a model be cut over machines, and replicas of it sent their gradients to a parameter
server without waiting for each other (`gradatim.rules.ParameterServer`).
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn.functional import avg_pool2d, fold, pad, unfold
from gradatim.rules import ZCA
from gradatim.rules.parameter_server import ParameterServer, downpour
from gradatim.rules.reconstruction_ica import reconstruction_ica_loss
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System


def normalize_locally(values: gd.Tensor, window: int, floor: float = 0.1) -> gd.Tensor:
    """Local contrast normalization, over a window of all maps: (N, maps, H, W), same shape.

    The windows at the edge hold what there is of them.

    Args:
        window: its side, odd.
        floor: what is divided by is this at least, so that noise in flat places stays small.
    """
    reach = window // 2

    def around(x: gd.Tensor) -> gd.Tensor:
        mean = x.mean(1, keepdim=True)
        return avg_pool2d(pad(mean, [reach] * 4), window, stride=1)

    there = around(gd.ones_like(values))
    centered = values - around(values) / there
    deviation = (around(centered**2) / there).sqrt()
    return centered / deviation.clamp(min=floor)


class Stage(gd.nn.Module):
    """Filters, pooling and normalization, trained as an autoencoder.

    Args:
        channels, size: of what comes in, (N, channels, size, size).
        field, stride: side of a receptive field, and the distance between two.
        maps: filters at each place.
        pool, pool_stride: side of a pool of neighbours in the same map, and the distance.
        window: side of the normalization.
        sparsity: λ.
        draw: whether the first weights are drawn; otherwise they are zeros, which take no memory
            until something is computed with them.

    Attributes:
        encoder: W₁, parameter (places, maps, channels · field²). decoder: W₂, the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        field: int,
        maps: int,
        pool: int,
        *,
        stride: int = 1,
        pool_stride: int = 1,
        window: int = 5,
        sparsity: float = 0.1,
        generator: gd.Generator | None = None,
        draw: bool = True,
    ) -> None:
        super().__init__()
        smallest = field + (pool - 1) * stride
        if size < smallest:
            raise ArgumentError(
                f"an input of {size} × {size} is smaller than fields of {field} in pools of "
                f"{pool}: the smallest is {smallest} × {smallest}"
            )
        self.channels, self.size, self.field, self.maps = channels, size, field, maps
        self.stride, self.pool, self.pool_stride = stride, pool, pool_stride
        self.window, self.sparsity = window, sparsity
        self.side = (size - field) // stride + 1
        self.out = (self.side - pool) // pool_stride + 1
        width = channels * field**2
        shape = (self.side**2, maps, width)
        if not draw:
            self.encoder, self.decoder = (gd.nn.Parameter(gd.zeros(shape)) for _ in range(2))
            return
        first = gd.randn(shape, generator=generator)
        first = first / first.norm(dim=2, keepdim=True)
        # A value is in several fields, whose answers add up when they come back. Beginning small
        # leaves less noise of the first weights in what is learned.
        overlap = (self.side * field / size) ** 2
        self.encoder = gd.nn.Parameter(0.1 * first / overlap)
        self.decoder = gd.nn.Parameter(first.clone())

    def responses(self, inputs: gd.Tensor) -> gd.Tensor:
        """W₁ x: (N, maps, side, side)."""
        seen = unfold(inputs, self.field, stride=self.stride).permute(2, 0, 1)
        found = seen @ self.encoder.transpose(1, 2)  # (places, N, maps)
        return found.permute(1, 2, 0).reshape(len(inputs), self.maps, self.side, self.side)

    def back(self, responses: gd.Tensor) -> gd.Tensor:
        """W₂ of responses: (N, channels, size, size).

        What a neuron gives back has length 1: small responses with large decoders would cost
        nothing otherwise, and none had to be sparse.
        """
        flat = responses.flatten(2).permute(2, 0, 1)  # (places, N, maps)
        unit = self.decoder / self.decoder.norm(dim=2, keepdim=True)
        fields = (flat @ unit).permute(1, 2, 0)
        return fold(fields, self.size, self.field, stride=self.stride)

    def energy(self, responses: gd.Tensor) -> gd.Tensor:
        """Sums of squares of each pool: (N, maps, out, out)."""
        return self.pool**2 * avg_pool2d(responses**2, self.pool, stride=self.pool_stride)

    def forward(self, inputs: gd.Tensor) -> gd.Tensor:
        """What the next stage sees: (N, maps, out, out)."""
        self._check(inputs)
        pooled = (self.energy(self.responses(inputs)) + 1e-2).sqrt()
        return normalize_locally(pooled, self.window) if self.out > 1 else pooled

    def loss(self, inputs: gd.Tensor) -> gd.Tensor:
        """The cost of reconstruction ICA."""
        self._check(inputs)
        found = self.responses(inputs)
        return reconstruction_ica_loss(inputs, self.back(found), self.energy(found), self.sparsity)

    def _check(self, inputs: gd.Tensor) -> None:
        wanted = (self.channels, self.size, self.size)
        if inputs.dim() != 4 or tuple(inputs.shape[1:]) != wanted:
            raise ShapeError(
                f"inputs have shape {tuple(inputs.shape)}: this stage takes "
                f"(N, {', '.join(map(str, wanted))})"
            )
        if not inputs.is_floating_point():
            raise DataError(f"inputs are {inputs.dtype}: this network takes floats")


class DistributedAutoencoder(gd.nn.Module):
    """Stages one after another, by default with the paper's sizes: 2.4 · 10⁹ weights, 10 GB.

    Args:
        size, channels: of the images.
        fields, strides, maps, pools, pool_strides: of each stage.
        sparsity: λ. seed: of the first weights. draw: as of `Stage`.
    """

    def __init__(
        self,
        size: int = 200,
        channels: int = 3,
        *,
        fields: Sequence[int] = (18, 18, 18),
        strides: Sequence[int] = (1, 1, 1),
        maps: Sequence[int] = (8, 8, 8),
        pools: Sequence[int] = (5, 5, 5),
        pool_strides: Sequence[int] = (1, 1, 1),
        sparsity: float = 0.1,
        seed: int = 0,
        draw: bool = True,
    ) -> None:
        super().__init__()
        generator = gd.Generator().manual_seed(seed)
        self.stages = gd.nn.ModuleList()
        for field, stride, count, pool, pool_stride in zip(
            fields, strides, maps, pools, pool_strides
        ):
            stage = Stage(
                channels, size, field, count, pool, stride=stride, pool_stride=pool_stride,
                sparsity=sparsity, generator=generator, draw=draw,
            )  # fmt: skip
            self.stages.append(stage)
            channels, size = count, stage.out

    def forward(self, images: gd.Tensor) -> gd.Tensor:
        """The last stage's neurons: (N, maps, out, out)."""
        for stage in self.stages:
            images = stage(images)
        return images


def train_stage(
    stage: Stage,
    inputs: gd.Tensor,
    *,
    replicas: int = 2,
    steps: int = 1000,
    batch: int = 100,
    rate: float = 0.02,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> ParameterServer:
    """Asynchronous descent: each replica has its own part of the data and a thread, fetches the
    parameters and pushes gradients. The stage has the server's parameters at the end.

    Raises:
        DataError: fewer inputs than one batch for each replica.
    """
    if len(inputs) < replicas * batch:
        raise DataError(
            f"{len(inputs)} inputs are too few for {replicas} replicas with batches of {batch}"
        )
    server = ParameterServer([one.detach().numpy() for one in stage.parameters()], rate)

    def replica(number: int) -> Callable[..., tuple[float, list[np.ndarray]]]:
        draw = np.random.default_rng((seed, number))
        own, model = inputs[number::replicas], copy.deepcopy(stage)
        weights = list(model.parameters())

        @gd.compile
        def slopes(part: gd.Tensor) -> tuple[gd.Tensor, ...]:
            loss = model.loss(part)
            return loss.detach(), *gd.autograd.grad(loss, weights)

        def gradients(parameters: list[np.ndarray], step: int) -> tuple[float, list[np.ndarray]]:
            with gd.no_grad():
                for weight, value in zip(weights, parameters):
                    weight.copy_(gd.tensor(value))
            places = gd.tensor(draw.integers(0, len(own), batch))
            loss, *found = slopes(own[places])
            return float(loss), [one.numpy() for one in found]

        return gradients

    def said(number: int, step: int, loss: float) -> None:
        if (step + 1) % max(steps // 5, 1) == 0:
            report(f"replica {number}: step {step + 1} of {steps}, cost {loss:.2f}")

    downpour(server, [replica(number) for number in range(replicas)], steps, report=said)
    with gd.no_grad():
        for weight, value in zip(stage.parameters(), server.fetch()[1]):
            weight.copy_(gd.tensor(value))
    return server


class FilterShape(NamedTuple):
    """How localized and how oriented filters are, each (filters,).

    Attributes:
        spread: the part of its field that a filter fills: (Σ w²)² / (n Σ w⁴). 1 for equal weights
            all over, 1/3 for independent normal ones, 1/n for a single one.
        orientation: how one-sided its spectrum is: the difference of the eigenvalues of the power
            spectrum's second moments, divided by their sum. 1 for a grating, 0 for noise or a blob.
    """

    spread: np.ndarray
    orientation: np.ndarray

    @property
    def passes(self) -> np.ndarray:
        """Which filters count as localized and oriented."""
        return (self.spread < LOCALIZED) & (self.orientation > ORIENTED)


# Of independent normal weights in a field of 8 × 8, under 1% have so small a spread or so clear an
# orientation; a Gabor patch that fills a quarter of its field has about 0.15 and 0.8.
LOCALIZED, ORIENTED = 0.24, 0.45


def filter_shape(filters: np.ndarray) -> FilterShape:
    """Measure filters (filters, height, width)."""
    weights = filters - filters.mean((1, 2), keepdims=True)
    squares = weights**2
    n = weights.shape[1] * weights.shape[2]
    spread = squares.sum((1, 2)) ** 2 / np.maximum(n * (squares**2).sum((1, 2)), 1e-30)
    side = 2 * max(weights.shape[1:])  # twice as fine as the filter, so that few angles do not rule
    power = np.abs(np.fft.fft2(weights, (side, side))) ** 2
    down, right = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    yy, xx, xy = ((power * a).sum((1, 2)) for a in (down**2, right**2, down * right))
    orientation = np.sqrt((yy - xx) ** 2 + 4 * xy**2) / np.maximum(yy + xx, 1e-30)
    return FilterShape(spread, orientation)


def best_detector(
    shown: np.ndarray, labels: np.ndarray, hidden: np.ndarray, wanted: np.ndarray
) -> tuple[float, list[int], list[int]]:
    """How well one neuron tells a digit from the nine others, with a threshold and nothing else.

    As many examples of the digit as of others count, so that chance is one half. For each digit
    the neuron, the threshold and the side are chosen on (N, neurons) with `labels`, and measured
    on `hidden` with `wanted`.

    Returns:
        The accuracy, a mean over the digits; the neuron of each digit; and its side: 1 where it
        answers to its digit more than to others, -1 where less.
    """
    accuracies, neurons, sides = [], [], []
    thresholds = np.quantile(shown, np.linspace(0.02, 0.98, 49), axis=0)  # (thresholds, neurons)
    for digit in range(10):
        own, other = shown[labels == digit], shown[labels != digit]
        above = np.stack([(own > t).mean(0) - (other > t).mean(0) for t in thresholds])
        place, neuron = np.unravel_index(np.abs(above).argmax(), above.shape)
        side, threshold = np.sign(above[place, neuron]), thresholds[place, neuron]
        unseen = hidden[:, neuron] > threshold
        gap = unseen[wanted == digit].mean() - unseen[wanted != digit].mean()
        accuracies.append(0.5 + side * gap / 2)
        neurons.append(int(neuron))
        sides.append(int(side))
    return float(np.mean(accuracies)), neurons, sides


def digit_network(seed: int, tiny: bool = False) -> DistributedAutoencoder:
    """Two stages for 28 × 28 digits; the second one's neurons see all of the image."""
    return DistributedAutoencoder(
        28, 1, fields=(8, 5), strides=(2, 1), maps=(8, 32 if tiny else 256), pools=(3, 1),
        pool_strides=(2, 1), seed=seed,
    )  # fmt: skip


def in_parts(function: Callable[[gd.Tensor], gd.Tensor], inputs: gd.Tensor) -> gd.Tensor:
    """A compiled function of many inputs, 500 at a time."""
    run = gd.compile(function)
    with gd.no_grad():
        return gd.cat([run(part) for part in inputs.split(500)])


def whitened_patches(count: int, size: int, seed: int) -> gd.Tensor:
    """Pieces of the photographs, whitened, (count, 1, size, size), with a variance of 1."""
    flat = gd.tensor(gd.data.photograph_patches(count, size, seed=seed)).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    white = ZCA(size**2, epsilon=0.1 * float(flat.var())).fit(flat)(flat)
    return (white / white.std()).reshape(-1, 1, size, size)


def learn_photographs(settings: Settings) -> tuple[Stage, float, ParameterServer]:
    """A stage of untied filters for photographs, and how many of its first, random filters pass as
    localized and oriented."""
    count, steps = settings.of((40_000, 6_000), (500, 20))
    patches = whitened_patches(count, 16, settings.seed)
    generator = gd.Generator().manual_seed(settings.seed)
    stage = Stage(1, 16, 8, 8, 1, stride=2, sparsity=4.0, generator=generator)
    random = float(filter_shape(filters_of(stage)).passes.mean())
    server = train_stage(
        stage, patches, steps=steps, batch=settings.of(100, 20), seed=settings.seed,
        report=lambda line: settings.report(f"photographs: {line}"),
    )  # fmt: skip
    return stage, random, server


def filters_of(stage: Stage) -> np.ndarray:
    """What each neuron looks for, in the first channel: (neurons, field, field)."""
    fields = stage.encoder.detach().numpy().reshape(-1, stage.channels, stage.field, stage.field)
    return fields[:, 0]


def demo(settings: Settings) -> Result:
    """Filters of photographs, measured; then the best digit detectors among unlabelled neurons."""
    stage, random, server = learn_photographs(settings)
    shape = filter_shape(filters_of(stage))
    learned = float(shape.passes.mean())
    settings.report(
        f"{100 * learned:.0f}% of the filters are localized and oriented; mean staleness "
        f"{np.mean(server.staleness):.2f} of {server.pushes:,} pushes"
    )
    train, test, choose, steps = settings.of((60_000, 10_000, 10_000, 2_000), (400, 200, 400, 10))
    digits = gd.data.mnist()
    images, unseen = (
        gd.tensor(part[:count, None] / np.float32(255))
        for part, count in ((digits.train_images, train), (digits.test_images, test))
    )
    labels, wanted = digits.train_labels[:choose], digits.test_labels[:test]

    def detect(function: Callable[[gd.Tensor], gd.Tensor]) -> tuple[float, list[int], list[int]]:
        shown, hidden = (
            in_parts(function, part).flatten(1).numpy() for part in (images[:choose], unseen)
        )
        return best_detector(shown, labels, hidden, wanted)

    network = digit_network(settings.seed, settings.scale == "tiny")
    pixel, *_ = detect(lambda part: part)
    untrained, *_ = detect(network)
    seen = images
    for number, (part, sparsity) in enumerate(zip(network.stages, (1.0, 3.0)), start=1):
        part.sparsity = sparsity
        train_stage(
            part, seen, steps=steps, seed=settings.seed,
            report=lambda line, number=number: settings.report(f"digits, stage {number}: {line}"),
        )  # fmt: skip
        seen = in_parts(part, seen)
    detector, neurons, sides = detect(network)
    settings.report(f"best neurons as digit detectors: {100 * detector:.1f}%")
    measures = [
        Measure(
            "filters of photographs that are localized and oriented", learned, baseline=random,
            baseline_name="random filters",
        ),
        Measure(
            "best single neuron as a digit detector, chance 50%", detector, baseline=untrained,
            baseline_name="best neuron of the random network",
        ),
        Measure("best single pixel as a digit detector", pixel),
    ]  # fmt: skip
    weights = sum(one.numel() for one in network.parameters())
    notes = [
        f"The network for digits has {weights:,} weights in two stages of fields of 8 × 8 and "
        "5 × 5; the paper's has a billion in three, for 200 × 200 pixels in colour.",
        "Stages are trained one after the other; the paper trains all at once. Photographs are "
        "whitened, and their pools hold one filter; the digits' hold 3 × 3.",
        "Two replicas are two threads of this process; the paper's are five, of 169 machines each. "
        f"Of {server.pushes:,} gradients {np.mean(np.array(server.staleness) > 0):.0%} were stale.",
        "The order of the pushes is the threads' own, so that figures differ a little from run to "
        "run. The paper's face neuron has 81.7%, the best random one 67%.",
    ]
    figure = None
    if can_draw():
        answers = in_parts(network, unseen).flatten(1).numpy()
        figure = picture(stage, shape, sides * answers[:, neurons], unseen[:, 0].numpy())
    return Result(measures, figure, notes, model=network)


def picture(stage: Stage, shape: FilterShape, answers: np.ndarray, images: np.ndarray) -> Any:
    """Filters, those that pass first; and the images each digit's best neuron is surest of."""
    figure = new_figure(10, 5)
    left, right = figure.subfigures(1, 2)
    shown = filters_of(stage)[np.argsort(~shape.passes, kind="stable")][:100]
    grid = list(left.subplots(10, 10).flat)
    for axis in grid:
        axis.axis("off")
    for axis, one in zip(grid, shown):
        reach = np.abs(one).max()
        axis.imshow(one, cmap="gray", vmin=-reach, vmax=reach)
    left.suptitle(
        f"Filters of photographs: {shape.passes.sum()} of {len(shape.passes)} pass as localized "
        "and oriented", x=0.01, ha="left", size=9, color=INK,
    )  # fmt: skip
    for row, column in zip(right.subplots(10, 10), answers.T):
        for axis, place in zip(row, np.argsort(-column)[:10]):
            axis.imshow(images[place], cmap="gray_r")
            axis.axis("off")
    right.suptitle(
        "Test digits that the best neuron for 0, 1, ... 9 is surest of", x=0.01, ha="left",
        size=9, color=INK,
    )  # fmt: skip
    return figure


def count_sizes(
    size: int = 200,
    channels: int = 3,
    *,
    fields: Sequence[int] = (18, 18, 18),
    maps: Sequence[int] = (8, 8, 8),
    pools: Sequence[int] = (5, 5, 5),
    window: int = 5,
    examples: int | None = 10_000_000,
) -> Sizes:
    """Of a network with strides of 1: filters, pools and normalizations are neurons. A normalized
    neuron has its pool and a window of all maps. Decoders learn, but are no part of a pass."""
    neurons = connections = parameters = 0
    for field, count, pool in zip(fields, maps, pools):
        side = size - field + 1
        out = side - pool + 1
        filters, pooled, width = count * side**2, count * out**2, channels * field**2
        neurons += filters + 2 * pooled
        connections += filters * width + pooled * pool**2 + pooled * count * window**2
        parameters += 2 * filters * width
        channels, size = count, out
    return Sizes(neurons, connections / neurons, parameters, 2 * connections, examples)


SYSTEM = System(
    number=17,
    name="distributed-autoencoder",
    title="Distributed autoencoder",
    year=2012,
    authors="Le, Ranzato, Monga, Devin, Chen, Corrado, Dean, Ng",
    reference=(
        "Q. V. Le et al., Building high-level features using large scale unsupervised learning, "
        "ICML 2012\nJ. Dean et al., Large scale distributed deep networks, NIPS 2012"
    ),
    idea=(
        "A neuron that answers to faces, and one for cats, came out of a network that was never "
        "told what it saw. Filters with local receptive fields that share no weights, pooling and "
        "normalization in three stages, a billion weights, ten million frames of videos. Replicas "
        "of the model on a thousand machines sent their gradients to a parameter server without "
        "waiting for each other."
    ),
    equations=(
        Equation(
            "min over W₁, W₂ of Σ ‖W₂ W₁ᵀ x − x‖² + λ Σⱼ √(ε + Hⱼ (W₁ᵀ x)²)",
            r"\min_{W_1, W_2} \sum_i \|W_2 W_1^\top x^{(i)} - x^{(i)}\|_2^2 + \lambda \sum_j "
            r"\sqrt{\epsilon + H_j (W_1^\top x^{(i)})^2}",
            "section 3.2",
        ),
        Equation(
            "g = h − mean of h nearby,  y = g / max(c, √(mean of g² nearby))",
            r"g = h - \sum G h,\quad y = g / \max\{c, (\sum G g^2)^{1/2}\}",
            "local contrast normalization",
        ),
        Equation(
            "G ← G + g²,  w ← w − α g / √G",
            r"G \leftarrow G + g^2,\ w \leftarrow w - \alpha\, g / \sqrt{G}",
            "Dean et al. 2012, Adagrad at the server",
        ),
    ),
    # With strides of 1. Its encoders have 1.2 · 10⁹ weights, the paper's billion; the decoders have
    # as many again.
    sizes=count_sizes(),
    data="patches of two photographs; MNIST",
    paper_data="10 million frames of YouTube videos, 200 × 200 in colour",
    paper_result="best face neuron 81.7% (random network: 67%); ImageNet, 22,000 classes: 15.8%",
    network=functools.partial(DistributedAutoencoder, draw=False),
    demo=demo,
)
