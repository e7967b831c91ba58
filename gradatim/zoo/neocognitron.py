"""Fukushima 1980: the neocognitron, which learns without a teacher to recognize patterns wherever
they are and however they are distorted.

Its layers take turns, as simple and complex cells do in the visual cortex (Hubel & Wiesel 1962).
*S cells* answer to a feature at one place. *C cells* answer if any of some S cells of the same
plane does, so that a feature may be a little to the side. All S cells of a plane share their
weights. What is learned decides between the planes: of all cells that look at the same place the
one with the largest output becomes the *seed cell* of its plane, and what it sees is what the whole
plane learns. Inhibition by *V cells* divides, and makes an S cell deaf to what does not look like
the feature, so that another plane wins there and learns that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn.functional import conv2d, max_pool2d, unfold
from gradatim.rules import L2SVM
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System


def nearness(side: int, decay: float) -> gd.Tensor:
    """`decay` to the power of the distance from the middle, (side, side)."""
    places = gd.arange(side, dtype=gd.float32) - (side - 1) / 2
    return decay ** (places.reshape(-1, 1) ** 2 + places**2).sqrt()


class SLayer(gd.nn.Module):
    """S cells, with the V cells that inhibit them: equations 1 to 3, learning by 7 and 8.

    Args:
        planes_in, planes: of the C layer below, and of this layer.
        field: side of what a cell sees. padding: so many cells of 0 around the layer below.
        column: side of the area within which cells compete.
        selectivity: r, how much more than the feature has to be there: a cell answers if the
            cosine between what it sees and what it learned is above r / (1 + r).
        rate: q of the learning rule.

    Attributes:
        a: buffer (planes, planes_in, field, field), excitatory.
        b: buffer (planes,), inhibitory.
        c: buffer (1, planes_in, field, field), fixed, with the sum 1.
    """

    def __init__(
        self,
        planes_in: int,
        planes: int,
        field: int,
        padding: int,
        column: int,
        selectivity: float,
        rate: float,
        generator: gd.Generator,
        decay: float = 0.9,
    ) -> None:
        super().__init__()
        self.field, self.padding, self.column = field, padding, column
        self.planes, self.selectivity, self.rate = planes, selectivity, rate
        c = nearness(field, decay).expand(1, planes_in, field, field)
        self.c = gd.nn.Buffer(c / c.sum())
        # Small and different, so that someone wins at first. They hardly count once q is added.
        first = gd.rand(planes, planes_in, field, field, generator=generator)
        self.a = gd.nn.Buffer(0.01 * rate * self.c * first)
        self.b = gd.nn.Buffer(gd.zeros(planes))

    def forward(self, below: gd.Tensor) -> gd.Tensor:
        """u_S of all cells, excitation divided by inhibition: (N, planes_in, H, W) to
        (N, planes, H', W')."""
        r = self.selectivity
        excitation = conv2d(below, self.a, padding=self.padding)
        inhibition = 2 * r / (1 + r) * self.b.reshape(-1, 1, 1) * self.v_cells(below)
        return r * gd.relu((1 + excitation) / (1 + inhibition) - 1)

    def v_cells(self, below: gd.Tensor) -> gd.Tensor:
        """v_C, the root of the weighted mean square of what is seen: (N, 1, H', W')."""
        return conv2d(below**2, self.c, padding=self.padding).sqrt()

    def seeds(self, answer: gd.Tensor) -> gd.Tensor:
        """Which cell of each plane is its seed, as 0 and 1 like the answers of one pattern,
        (planes, H, W). A plane may have none.

        A column holds the cells of all planes within a small area. The largest of a column is a
        candidate; of several in one plane the largest is the seed.
        """
        best, which = answer.max(0)
        w = self.column
        columns = max_pool2d(best[None], w, stride=1)  # of each area, its largest
        # A cell has to win in one of the areas that it lies in: in that with the least winner.
        # Areas beyond the edge do not exist: their winner is larger than any.
        beyond = gd.nn.functional.pad(-columns, [w - 1] * 4, value=-gd.inf)
        to_beat = -max_pool2d(beyond, w, stride=1)[0]
        wins = (gd.arange(self.planes).reshape(-1, 1, 1) == which) & (best >= to_beat)
        candidates = gd.where(wins, answer, 0.0).flatten(1)
        largest, place = candidates.max(1, keepdim=True)
        chosen = (gd.arange(candidates.shape[1]) == place) & (largest > 0)
        return chosen.to(answer.dtype).reshape(answer.shape)

    def learn(self, below: gd.Tensor) -> gd.Tensor:
        """Show it one pattern, (1, planes_in, H, W); gives its answer before it learned."""
        answer = self(below)
        seeds = self.seeds(answer[0]).flatten(1)  # (planes, positions)
        seen = unfold(below, self.field, padding=self.padding)[0]  # (values, positions)
        self.a.add_(self.rate * self.c * (seeds @ seen.T).reshape(self.a.shape))
        self.b.add_(self.rate / 2 * (seeds @ self.v_cells(below).flatten()))
        return answer


class CLayer(gd.nn.Module):
    """C cells, with the V cells that inhibit them: equations 4 to 6. Nothing is learned.

    Args:
        field, padding, stride: what S cells of its plane a cell sees.
        saturation: α: an input of α gives half of the largest output, 1.
        decay: of the weights d from the middle of the field. gain: their largest.
    """

    def __init__(
        self,
        field: int,
        padding: int,
        stride: int,
        saturation: float = 0.5,
        decay: float = 0.8,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.field, self.padding, self.stride = field, padding, stride
        self.saturation = saturation
        self.d = gd.nn.Buffer(gain * nearness(field, decay).reshape(1, 1, field, field))

    def forward(self, below: gd.Tensor) -> gd.Tensor:
        """(N, planes, H, W) to (N, planes, H', W')."""
        n, planes, height, width = below.shape
        weighted = conv2d(
            below.reshape(n * planes, 1, height, width),
            self.d, stride=self.stride, padding=self.padding,
        )  # fmt: skip
        weighted = weighted.reshape(n, planes, *weighted.shape[2:])
        v = weighted.mean(1, keepdim=True)
        x = gd.relu((1 + weighted) / (1 + v) - 1)
        return x / (self.saturation + x)


class Neocognitron(gd.nn.Module):
    """Three S and three C layers in turns; the sizes are the paper's.

    The paper gives the sizes of the layers and of the fields. What of a layer stands under a
    field's edge follows: C₁ keeps every second place.

    Args:
        size: side of the input.
        planes: of each of the layers, one number or three.
        selectivity: r of the S layers. rates: q of the S layers.
        s_fields: of each S layer, the side of its fields, and the padding.
        c_fields: of each C layer, these and the stride.
        columns: side of the S columns.
        seed: of the first weights.

    Shape:
        (N, 1, size, size) of 0 to 1, to (N, planes, 1, 1).
    """

    def __init__(
        self,
        size: int = 16,
        planes: int | Sequence[int] = 24,
        *,
        selectivity: Sequence[float] = (4.0, 1.5, 1.5),
        rates: Sequence[float] = (1.0, 16.0, 16.0),
        s_fields: Sequence[tuple[int, int]] = ((5, 2), (5, 1), (5, 0)),
        c_fields: Sequence[tuple[int, int, int]] = ((5, 4, 2), (5, 1, 1), (2, 0, 1)),
        columns: Sequence[int] = (5, 5, 2),
        seed: int = 0,
    ) -> None:
        super().__init__()
        generator = gd.Generator().manual_seed(seed)
        count = len(s_fields)
        planes = [planes] * count if isinstance(planes, int) else list(planes)
        self.size = size
        self.s, self.c = gd.nn.ModuleList(), gd.nn.ModuleList()
        below = 1
        for k in range(count):
            field, padding = s_fields[k]
            self.s.append(
                SLayer(
                    below, planes[k], field, padding, columns[k], selectivity[k], rates[k],
                    generator,
                )
            )  # fmt: skip
            self.c.append(CLayer(*c_fields[k]))
            below = planes[k]
        self._check_size()
        self._learn = gd.compile(self._show)
        self._answers = gd.compile(self._forward)

    def sizes(self, size: int) -> list[int]:
        """The sides of S₁, C₁, S₂, ... for an input of that side."""
        found = []
        for s, c in zip(self.s, self.c):
            size = size + 2 * s.padding - s.field + 1
            found.append(size)
            size = (size + 2 * c.padding - c.field) // c.stride + 1
            found.append(size)
        return found

    def _check_size(self) -> None:
        smallest = next(n for n in range(1, 10_000) if min(self.sizes(n)) > 0)
        if self.size < smallest:
            raise ArgumentError(
                f"an input of {self.size} × {self.size} is smaller than this network's fields: the "
                f"smallest is {smallest} × {smallest}"
            )

    def layers(self, patterns: gd.Tensor) -> list[gd.Tensor]:
        """The answers of S₁, C₁, S₂, ..."""
        found, signal = [], patterns
        for s, c in zip(self.s, self.c):
            found.append(s(signal))
            signal = c(found[-1])
            found.append(signal)
        return found

    def _forward(self, patterns: gd.Tensor) -> gd.Tensor:
        return self.layers(patterns)[-1]

    def forward(self, patterns: gd.Tensor) -> gd.Tensor:
        """What the C cells of the last layer say."""
        self._check(patterns)
        return self._answers(patterns)

    def _show(self, pattern: gd.Tensor) -> gd.Tensor:
        signal = pattern
        for s, c in zip(self.s, self.c):
            signal = c(s.learn(signal))
        return signal

    def learn(self, patterns: gd.Tensor) -> None:
        """Show it patterns one after the other, (N, 1, size, size); all its layers learn."""
        self._check(patterns)
        for pattern in patterns.split(1):
            self._learn(pattern)

    def _check(self, patterns: gd.Tensor) -> None:
        if patterns.dim() != 4 or tuple(patterns.shape[1:]) != (1, self.size, self.size):
            raise ShapeError(
                f"patterns have shape {tuple(patterns.shape)}: this network takes "
                f"(N, 1, {self.size}, {self.size})"
            )
        if not bool((patterns >= 0).all()):
            raise DataError("a neocognitron's cells have no negative outputs: give patterns of 0-1")

    def set_selectivity(self, *selectivity: float) -> None:
        """Other r of the S layers, from now on."""
        for s, r in zip(self.s, selectivity):
            s.selectivity = r
        self._learn, self._answers = gd.compile(self._show), gd.compile(self._forward)


# The patterns of the experiment: numerals of lines one cell wide, as the paper draws them.
NUMERALS = """
...####...|....#.....|..#####...|..#####...|......##..
..#....#..|...##.....|.#.....#..|.#.....#..|.....#.#..
.#......#.|..#.#.....|........#.|........#.|....#..#..
.#......#.|....#.....|........#.|.......#..|...#...#..
.#......#.|....#.....|.......#..|...####...|..#....#..
.#......#.|....#.....|.....##...|.......#..|.#.....#..
.#......#.|....#.....|...##.....|........#.|.#########
.#......#.|....#.....|..#.......|........#.|.......#..
..#....#..|....#.....|.#........|.#.....#..|.......#..
...####...|..#####...|.########.|..#####...|.......#..
"""


def numerals() -> np.ndarray:
    """The numerals 0 to 4 in the middle of the input: float32 (5, 16, 16)."""
    drawn = [[list(part) for part in line.split("|")] for line in NUMERALS.split()]
    cells = np.array(drawn) == "#"  # (rows, numerals, columns)
    return np.pad(cells.transpose(1, 0, 2), [(0, 0), (3, 3), (3, 3)]).astype(np.float32)


def shifted(patterns: np.ndarray, down: int, right: int) -> np.ndarray:
    """Patterns moved by up to 3 cells, after which the numerals touch the edge."""
    return np.roll(patterns, (down, right), (-2, -1))


def distorted(patterns: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Patterns turned, stretched and slanted at random, with a wrong cell: each by up to 5
    degrees, 10%, and 10%, so that cells at the edge of a numeral move by one."""
    turn, slant = draw.uniform(-0.087, 0.087), draw.uniform(-0.1, 0.1)
    tall, wide = draw.uniform(0.9, 1.1, 2)
    matrix = np.array([[tall, turn], [slant - turn, wide]])
    middle = (patterns.shape[-1] - 1) / 2
    places = np.indices(patterns.shape[-2:]).reshape(2, -1) - middle
    rows, columns = np.clip(np.rint(matrix @ places + middle), 0, 15).astype(int)
    found = patterns[..., rows, columns].reshape(patterns.shape).copy()
    row, column = draw.integers(0, 16, 2)
    found[..., row, column] = 1 - found[..., row, column]
    return found


def as_tensor(patterns: np.ndarray) -> gd.Tensor:
    """(..., height, width) as (N, 1, height, width)."""
    return gd.tensor(patterns.reshape(-1, 1, *patterns.shape[-2:]).astype(np.float32))


def learn_numerals(seed: int, presentations: int = 20) -> Neocognitron:
    """The paper's experiment: each numeral is shown 20 times, at places of up to two cells from
    the middle, and nobody says which it is."""
    network, draw = Neocognitron(seed=seed), np.random.default_rng(seed)
    for _ in range(presentations):
        for pattern in numerals():
            network.learn(as_tensor(shifted(pattern, *draw.integers(-2, 3, 2))))
    return network


def same_cell(network: Neocognitron, variants: np.ndarray) -> tuple[float, float]:
    """Of variants (M, 5, 16, 16), for how many the cell of the numeral has the largest output of
    the last layer, and for how many it is the only one with any."""
    cell = network(as_tensor(numerals())).flatten(1).argmax(1)
    answers = network(as_tensor(variants)).reshape(len(variants), 5, -1)
    right = answers.argmax(2) == cell
    alone = right & ((answers > 0).sum(2) == 1)
    return float(right.float().mean()), float(alone.float().mean())


def nearest_numeral(variants: np.ndarray) -> float:
    """Of variants, how many have most cells in common with their numeral where it was shown: what
    can be recognized without tolerance for shifts."""
    flat, known = variants.reshape(len(variants), 5, -1), numerals().reshape(5, -1)
    distance = ((flat[:, :, None] - known) ** 2).sum(-1)
    return float((distance.argmin(-1) == np.arange(5)).mean())


def mnist_network(seed: int = 0) -> Neocognitron:
    """Two stages for the 28 × 28 digits: lines, and 100 combinations of lines."""
    return Neocognitron(
        28, (24, 100), selectivity=(4.0, 1.5), rates=(1.0, 16.0), s_fields=((5, 2), (5, 1)),
        c_fields=((5, 2, 2), (5, 2, 2)), columns=(5, 5), seed=seed,
    )  # fmt: skip


def demo(settings: Settings) -> Result:
    """The experiment of 1980; then MNIST, with a readout that is trained."""
    reach, many = settings.of((3, 100), (1, 5))
    network = learn_numerals(settings.seed)
    draw = np.random.default_rng(settings.seed)
    cells = network(as_tensor(numerals())).flatten(1)
    only = cells.argmax(1)[(cells > 0).sum(1) == 1].tolist()
    moves = [
        shifted(numerals(), down, right)
        for down in range(-reach, reach + 1)
        for right in range(-reach, reach + 1)
    ]
    shifts = np.stack(moves)
    distortions = np.stack(
        [shifted(distorted(numerals(), draw), *draw.integers(-2, 3, 2)) for _ in range(many)]
    )
    (moved, moved_alone), (bent, bent_alone) = (
        same_cell(network, variants) for variants in (shifts, distortions)
    )
    settings.report(
        f"numerals: cells {only}; shifted {100 * moved:.1f}%, distorted {100 * bent:.1f}%"
    )

    learned, train, test, steps = settings.of((1_000, 60_000, 10_000, 60), (20, 300, 300, 10))
    digits = gd.data.mnist()
    images, unseen = (
        as_tensor(part[:count] / np.float32(255))
        for part, count in ((digits.train_images, train), (digits.test_images, test))
    )
    labels, wanted = gd.tensor(digits.train_labels[:train]), gd.tensor(digits.test_labels[:test])

    def readout(features: Any, name: str) -> float:
        shown, hidden = (
            gd.cat([features(part).flatten(1) for part in whole.split(100)])
            for whole in (images, unseen)
        )
        svm = L2SVM(shown.shape[1]).fit(shown, labels, steps)
        found = float((svm(hidden).argmax(1) == wanted).float().mean())
        settings.report(f"MNIST, readout of {name}: {100 * found:.2f}%")
        return found

    pixels = readout(lambda part: part, "pixels")
    reader = mnist_network(settings.seed)
    untrained = readout(reader, "untrained planes")
    reader.learn(images[:learned])
    used = [int((s.b > 0).sum()) for s in reader.s]
    settings.report(f"{learned} digits shown once: {used[0]} and {used[1]} planes have a feature")
    reader.set_selectivity(2.0, 0.5)
    trained = readout(reader, "planes that learned")
    measures = [
        Measure(
            "numerals with a last-layer cell of their own, of five", len(set(only)), unit="",
            bar=settings.of(5, None), paper=5,
        ),
        Measure(
            f"the same cell answers most to shifts of up to {reach}", moved,
            baseline=nearest_numeral(shifts), baseline_name="nearest numeral, cell by cell",
        ),
        Measure(
            "the same cell answers most to distortions, shifted by up to 2", bent,
            baseline=nearest_numeral(distortions), baseline_name="nearest numeral, cell by cell",
        ),
        Measure(
            "MNIST test accuracy of a linear readout", trained, baseline=pixels,
            baseline_name="the same readout on pixels", bar=settings.of(0.95, None),
        ),
        Measure("the same readout on untrained planes", untrained),
    ]  # fmt: skip
    notes = [
        f"No other last-layer cell answers at all in {100 * moved_alone:.1f}% of the shifts and "
        f"{100 * bent_alone:.1f}% of the distortions.",
        f"The MNIST network has two stages of 24 and 100 planes; {learned:,} digits are shown "
        "once, without labels; its readout (an L2-SVM) has labels, which the paper never uses.",
        "It reads with lower thresholds than it learned with (r of 2 and 0.5 for 4 and 1.5), as "
        "Fukushima does since 2003.",
    ]
    figure = picture(network, draw) if can_draw() else None
    return Result(measures, figure, notes, model=network)


def picture(network: Neocognitron, draw: np.random.Generator) -> Any:
    """Numerals with what the last layer says of each, and what the first S planes learned."""
    plain = numerals()
    rows = [plain, shifted(plain, 2, -2), shifted(plain, -3, 3)]
    rows += [distorted(plain, draw) for _ in range(2)]
    cell = network(as_tensor(plain)).flatten(1).argmax(1).tolist()
    figure = new_figure(10, 6.4)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.05))
    for axes, variants in zip(left.subplots(len(rows), 5), rows):
        answers = network(as_tensor(variants)).flatten(1).numpy()
        for axis, pattern, answer, own in zip(axes, variants, answers, cell):
            axis.imshow(pattern, cmap="gray_r")
            axis.set_xticks([])
            axis.set_yticks([])
            which = int(answer.argmax()) if answer.max() > 0 else None
            axis.set_title(
                "none" if which is None else f"cell {which}", size=8,
                color=INK if which == own else "#c2410c",
            )  # fmt: skip
    left.suptitle("The last-layer cell that answers most", x=0.01, ha="left", size=10, color=INK)
    for axis, weight in zip(right.subplots(6, 4).flat, network.s[0].a.numpy()):
        axis.imshow(weight[0], cmap="gray_r")
        axis.axis("off")
    right.suptitle("What the 24 planes of S₁ learned", x=0.01, ha="left", size=10, color=INK)
    return figure


def count_sizes() -> Sizes:
    """Of the paper's network. Each stage: S cells, a V cell for each place, C cells, a V cell for
    each place of these. An S or C cell has its field and one inhibitory connection."""
    network = Neocognitron()
    sides, below = network.sizes(network.size), 1
    neurons = connections = parameters = 0
    for k, (s, c) in enumerate(zip(network.s, network.c)):
        s_places, c_places = sides[2 * k] ** 2, sides[2 * k + 1] ** 2
        seen, pooled = below * s.field**2, c.field**2
        neurons += (s.planes + 1) * s_places + (s.planes + 1) * c_places
        connections += s_places * (s.planes * (seen + 1) + seen)
        connections += c_places * (s.planes * (pooled + 1) + s.planes * pooled)
        parameters += s.planes * (seen + 1)
        below = s.planes
    return Sizes(neurons, connections / neurons, parameters, 2 * connections, 5)


SYSTEM = System(
    number=3,
    name="neocognitron",
    title="Neocognitron",
    year=1980,
    authors="Fukushima",
    reference=(
        "K. Fukushima, Neocognitron: a self-organizing neural network model for a mechanism of "
        "pattern recognition unaffected by shift in position, Biological Cybernetics 36 (1980) "
        "193-202"
    ),
    idea=(
        "Layers of S cells, which find features, and of C cells, which let them be a little to the "
        "side, take turns; all cells of a plane share their weights. It is the first convolutional "
        "network with pooling. It learns without a teacher: of the cells that look at one place "
        "the strongest is its plane's seed, and the whole plane learns what that cell sees."
    ),
    equations=(
        Equation(
            "u_S = r φ[(1 + Σ a u_C) / (1 + 2r/(1+r) b v_C) − 1]",
            r"u_S(k, n) = r\,\varphi\left[\frac{1 + \sum_{\kappa, \nu} a(\kappa, \nu, k)\,"
            r"u_C(\kappa, n + \nu)}{1 + \frac{2r}{1+r} b(k)\, v_C(n)} - 1\right]",
            "eq. 1",
        ),
        Equation(
            "v_C = √(Σ c u_C²)",
            r"v_C(n) = \sqrt{\sum_{\kappa, \nu} c(\nu)\, u_C^2(\kappa, n + \nu)}",
            "eq. 3",
        ),
        Equation(
            "u_C = ψ[(1 + Σ d u_S) / (1 + v_S) − 1],  ψ[x] = φ[x / (α + x)]",
            r"u_C(k, n) = \psi\left[\frac{1 + \sum_\nu d(\nu)\, u_S(k, n + \nu)}{1 + v_S(n)} "
            r"- 1\right],\ \psi[x] = \varphi[x / (\alpha + x)]",
            "eqs. 4, 5",
        ),
        Equation(
            "v_S = 1/K Σ d u_S",
            r"v_S(n) = \frac{1}{K} \sum_{k, \nu} d(\nu)\, u_S(k, n + \nu)",
            "eq. 6",
        ),
        Equation(
            "Δa = q c u_C,  Δb = q/2 v_C   at the seed cell",
            r"\Delta a(\kappa, \nu, \hat k) = q\, c(\nu)\, u_C(\kappa, \hat n + \nu),\ "
            r"\Delta b(\hat k) = \tfrac{q}{2} v_C(\hat n)",
            "eqs. 7, 8",
        ),
    ),
    sizes=count_sizes(),
    data="five numerals of 16 × 16, as in the paper; MNIST",
    paper_data="five numerals of 16 × 16",
    paper_result="each numeral has a last-layer cell of its own, whatever its place and distortion",
    network=Neocognitron,
    demo=demo,
)
