"""Bengio, De Mori, Flammia and Kompe 1991: a multilayer perceptron that hears a few frames at a
time, through parameters that phoneticians chose, and a hidden Markov model that puts them in order.

A frame of 10 ms becomes a few numbers that tell speech sounds apart (`phonetic_parameters.py`). A
window of frames slides over them, and a perceptron says how likely each *state* of each word is
there:

    h = tanh(W x + b)        P(q | x) = softmax(V h + c)

Words are chains of states (`gradatim.rules.left_to_right`). By Bayes' rule the perceptron's output
over the frequency of the state is, up to a factor that all states share, how likely the state
makes the frames: p(x | q) ∝ P(q | x) / P(q). The best path through a word's chain (Viterbi)
recognizes: the word with the best one was said. It also teaches: nobody knows which frame belongs
to which state, so that the states last equally long at first, the perceptron learns them, the best
path through the word that was said moves their borders, and so on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import can_draw
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.rules import best_paths, even_paths, transitions
from gradatim.zoo.mlp_speech_pictures import picture
from gradatim.zoo.phonetic_parameters import NAMES, phonetic_parameters
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

BATCH = 256
CLASSES = 10

# --- the network ---------------------------------------------------------------------------------


class SpeechPerceptron(gd.nn.Module):
    """A window of frames, one hidden layer, and one output for each state of each word.

    Args:
        parameters: numbers of a frame.
        window: frames that it hears at a time, an odd number.
        hidden: units.
        outputs: states of all words.

    Shape:
        windows (N, window, parameters) to scores (N, outputs), the logarithms of P(q | x) up to a
        number that a row shares.

    Example:
        >>> SpeechPerceptron(parameters=4, window=3, hidden=5, outputs=6)(gd.zeros(2, 3, 4)).shape
        torch.Size([2, 6])
    """

    def __init__(
        self, parameters: int = len(NAMES), window: int = 11, hidden: int = 200, outputs: int = 80
    ) -> None:
        super().__init__()
        sizes = {"parameters": parameters, "window": window, "hidden": hidden, "outputs": outputs}
        for name, count in sizes.items():
            if count < 1:
                raise ArgumentError(f"{name} is {count}: expected 1 or more")
        if window % 2 == 0:
            raise ArgumentError(
                f"window is {window}: expected an odd number, a frame and its sides"
            )
        self.parameters_of_a_frame, self.window = parameters, window
        self.hidden = gd.nn.Linear(window * parameters, hidden)
        self.output = gd.nn.Linear(hidden, outputs)

    def forward(self, windows: gd.Tensor) -> gd.Tensor:
        if tuple(windows.shape[1:]) != (self.window, self.parameters_of_a_frame):
            raise DataError(
                f"windows have shape {tuple(windows.shape)}: this network hears (N, {self.window}, "
                f"{self.parameters_of_a_frame}), frames and their parameters"
            )
        return self.output(gd.tanh(self.hidden(windows.flatten(1))))


class Frames:
    """Recordings one after another, and the window around each frame; at its ends a recording's
    first or last frame is repeated.

    Args:
        recordings: (frames, parameters) each.
        window: an odd number.

    Attributes:
        values: (all frames, parameters).
        rows: which rows the window around each frame holds, (all frames, window).
        lengths: frames of each recording; starts: where it begins.

    Example:
        >>> Frames([np.zeros((2, 1)), np.zeros((2, 1))], 3).rows.tolist()
        [[0, 0, 1], [0, 1, 1], [2, 2, 3], [2, 3, 3]]
    """

    def __init__(self, recordings: list[np.ndarray], window: int) -> None:
        if not recordings:
            raise DataError("there are no recordings: give one or more")
        self.values = np.concatenate(recordings)
        self.lengths = np.array([len(one) for one in recordings])
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        first = np.repeat(self.starts, self.lengths)[:, None]
        last = first + np.repeat(self.lengths, self.lengths)[:, None] - 1
        around = np.arange(len(self.values))[:, None] + np.arange(window) - window // 2
        self.rows = np.clip(around, first, last)

    def in_columns(self, rows: np.ndarray) -> np.ndarray:
        """What each frame has, (all frames, ...), as (longest, recordings, ...), padded with 0."""
        made = np.zeros((self.lengths.max(), len(self.lengths), *rows.shape[1:]), rows.dtype)
        recording = np.repeat(np.arange(len(self.lengths)), self.lengths)
        made[np.arange(len(rows)) - self.starts[recording], recording] = rows
        return made

    def in_rows(self, columns: np.ndarray) -> np.ndarray:
        """The other way: (longest, recordings, ...) to (all frames, ...)."""
        recording = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return columns[np.arange(len(self.values)) - self.starts[recording], recording]


class Recognizer:
    """The perceptron and the chains of words, trained in turns.

    Args:
        recordings: the phonetic parameters of each, (frames, parameters).
        labels: which word each is, (N,).
        states: of each word's chain.
        hidden, window: of the perceptron.
        generator: for the order of the frames.
    """

    def __init__(
        self, recordings: list[np.ndarray], labels: np.ndarray, states: int, hidden: int,
        window: int, generator: np.random.Generator,
    ) -> None:  # fmt: skip
        shortest = min((len(one) for one in recordings), default=0)
        if shortest < states:
            raise DataError(
                f"the shortest recording has {shortest} frames: chains of {states} states need "
                f"{states} or more; at most {shortest} states fit"
            )
        every = np.concatenate(recordings)
        self.mean, self.deviation = every.mean(0), every.std(0) + 1e-6
        self.labels, self.states, self.generator = np.asarray(labels), states, generator
        self.words = int(self.labels.max()) + 1
        self.network = SpeechPerceptron(every.shape[1], window, hidden, self.words * states)
        self.heard = self.scaled(recordings)
        self.values = gd.tensor(self.heard.values)
        self.optimizer = gd.optim.SGD(
            self.network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4
        )
        self.paths = even_paths(self.heard.lengths, states)
        self.learn = gd.compile(self._learn)
        self._count()

    def scaled(self, recordings: list[np.ndarray]) -> Frames:
        """Recordings with each parameter's mean and deviation as 0 and 1."""
        scaled = [((one - self.mean) / self.deviation).astype(np.float32) for one in recordings]
        return Frames(scaled, self.network.window)

    def _learn(self, rows: Any, states: Any) -> Any:
        loss = gd.nn.functional.cross_entropy(self.network(self.values[rows]), states)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def epoch(self, rate: float) -> float:
        """Every frame once, in a random order, with the state it has now; gives the mean loss."""
        states = self.heard.in_rows(self.labels * self.states + self.paths)
        self.optimizer.param_groups[0]["lr"] = rate
        order = self.generator.permutation(len(states))
        whole = max(len(order) // BATCH, 1)
        losses = [
            self.learn(gd.tensor(self.heard.rows[batch]), gd.tensor(states[batch]))
            for batch in np.array_split(order[: whole * BATCH], whole)
        ]
        return float(np.mean([loss.item() for loss in losses]))

    def realign(self) -> float:
        """Move the borders of the states to the best paths; gives the share of frames moved."""
        explained = self.heard.in_columns(self.logarithms(self.heard) - self.frequencies)
        own = explained[:, np.arange(len(self.labels)), self.labels]
        stay, move = self.stay[self.labels], self.move[self.labels]
        _, paths = best_paths(own, self.heard.lengths, stay, move)
        moved = float((self.heard.in_rows(paths) != self.heard.in_rows(self.paths)).mean())
        self.paths = paths
        self._count()
        return moved

    def _count(self) -> None:
        """How often each state occurs, and is left, in the alignment as it is now."""
        states = self.heard.in_rows(self.labels * self.states + self.paths)
        count = np.bincount(states, minlength=self.words * self.states)
        frequencies = np.log(np.maximum(count, 1) / len(states)).astype(np.float32)
        self.frequencies = frequencies.reshape(self.words, self.states)
        found = [
            transitions(self.paths[:, self.labels == word], self.heard.lengths[self.labels == word],
                        self.states)
            for word in range(self.words)
        ]  # fmt: skip
        self.stay, self.move = (np.stack(one) for one in zip(*found))

    def logarithms(self, frames: Frames) -> np.ndarray:
        """log P(q | x) of every frame, (frames, words, states)."""
        values = gd.tensor(frames.values)
        with gd.no_grad():
            parts = [
                gd.log_softmax(self.network(values[gd.tensor(rows)]), -1).numpy()
                for rows in np.array_split(frames.rows, -(-len(frames.rows) // 4096))
            ]
        return np.concatenate(parts).reshape(-1, self.words, self.states)

    def scores(self, recordings: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """How well each word explains each recording, (recordings, words), and the states of the
        best path through each word, (frames, recordings, words)."""
        frames = self.scaled(recordings)
        explained = frames.in_columns(self.logarithms(frames) - self.frequencies)
        longest, count = explained.shape[:2]
        each = explained.reshape(longest, count * self.words, self.states)
        stay, move = np.tile(self.stay, (count, 1)), np.tile(self.move, (count, 1))
        found, paths = best_paths(each, np.repeat(frames.lengths, self.words), stay, move)
        return found.reshape(count, self.words), paths.reshape(longest, count, self.words)

    def recognize(self, recordings: list[np.ndarray]) -> np.ndarray:
        """The word with the best path."""
        return self.scores(recordings)[0].argmax(1)


# --- what stands beside it -----------------------------------------------------------------------


def fixed_length(
    recordings: list[np.ndarray], labels: np.ndarray, unseen: list[np.ndarray], epochs: int,
    generator: np.random.Generator, frames: int = 32, hidden: int = 256,
) -> np.ndarray:  # fmt: skip
    """A perceptron that hears a recording whole: each is stretched or squeezed to as many frames.

    Without a model of time it needs what the other does not: to know where a word begins and ends.
    """

    def squeezed(one: np.ndarray) -> np.ndarray:
        places = np.linspace(0, one.shape[1] - 1, frames)
        low = np.floor(places).astype(int)
        high, part = np.minimum(low + 1, one.shape[1] - 1), places - low
        return ((1 - part) * one[:, low] + part * one[:, high]).ravel()

    inputs, others = (np.stack([squeezed(one) for one in part]) for part in (recordings, unseen))
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-6
    x, y = gd.tensor(((inputs - mean) / deviation).astype(np.float32)), gd.tensor(labels)
    nn = gd.nn
    network = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(x.shape[1], hidden), nn.Tanh(), nn.Dropout(0.5),
        nn.Linear(hidden, CLASSES),
    )  # fmt: skip
    optimizer = gd.optim.SGD(network.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-3)

    @gd.compile
    def learn(rows: Any) -> Any:
        loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    size = min(64, len(labels))
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - epoch / epochs)
        order = generator.permutation(len(labels))
        for at in range(0, len(order) - size + 1, size):
            learn(gd.tensor(order[at : at + size]))
    network.eval()
    with gd.no_grad():
        answers = network(gd.tensor(((others - mean) / deviation).astype(np.float32)))
    return answers.numpy().argmax(1)


# --- the demonstration ---------------------------------------------------------------------------


def trained(
    recordings: list[np.ndarray],
    labels: np.ndarray,
    settings: Settings,
    states: int,
    window: int,
    what: str,
) -> Recognizer:
    """A recognizer after some rounds: the perceptron learns, then borders move."""
    gd.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    recognizer = Recognizer(recordings, labels, states, settings.of(200, 16), window, generator)
    rounds, epochs = settings.of((4, 2), (2, 1))
    for turn in range(rounds):
        for epoch in range(epochs):
            left = 1 - (turn * epochs + epoch) / (rounds * epochs)
            loss = recognizer.epoch(0.05 * left)
        moved = recognizer.realign()
        settings.report(
            f"{what}, round {turn + 1} of {rounds}: loss of a frame {loss:.4f}, "
            f"{moved:.1%} of the frames changed their state"
        )
    return recognizer


def demo(settings: Settings) -> Result:
    """Learn the spoken digits of six speakers; be tested with other recordings of them, and with a
    speaker who was never heard."""
    heard, unheard = gd.data.FreeSpokenDigits(), gd.data.FreeSpokenDigits(train=False)
    pick = settings.of(slice(None), slice(None, None, 18))
    sounds = [heard[k][0].numpy() for k in range(len(heard))][pick]
    unseen = [unheard[k][0].numpy() for k in range(len(unheard))][pick]
    labels, wanted = heard.targets[pick], unheard.targets[pick]
    learned, asked = [list(map(phonetic_parameters, part)) for part in (sounds, unseen)]
    states, window = settings.of(8, 3), settings.of(11, 5)

    recognizer = trained(learned, labels, settings, states, window, "Chains of states")
    accuracy = float((recognizer.recognize(asked) == wanted).mean())
    settings.report(f"recordings right {accuracy:.2%}")
    alone = trained(learned, labels, settings, 1, 1, "Each frame alone")
    baseline = float((alone.recognize(asked) == wanted).mean())
    gd.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    answers = fixed_length(sounds, labels, unseen, settings.of(30, 3), generator)
    whole = float((answers == wanted).mean())
    settings.report(f"recordings of a fixed length right {whole:.2%}")

    strangers: dict[int, list[float]] = {states: [], 1: []}
    for speaker, name in enumerate(heard.speakers[: settings.of(6, 1)]):
        others = np.flatnonzero(heard.speaker[pick] != speaker)
        theirs = np.flatnonzero(unheard.speaker[pick] == speaker)
        known = [learned[k] for k in others]
        for count, found in strangers.items():
            what = f"Without {name}, {count} states"
            without = trained(known, labels[others], settings, count, window, what)
            answers = without.recognize([asked[k] for k in theirs])
            found.append(float((answers == wanted[theirs]).mean()))
        settings.report(f"{name}, never heard before: {strangers[states][-1]:.2%}")

    measures = [
        Measure(
            "spoken digits right, 300 recordings", accuracy, baseline=baseline,
            baseline_name="each frame alone: no window, no order", bar=settings.of(0.95, None),
        ),
        Measure(
            "by a perceptron that hears a fixed length", whole, bar=settings.of(0.97, None)
        ),
        Measure(
            "speakers never heard before, mean of six", float(np.mean(strangers[states])),
            baseline=float(np.mean(strangers[1])), baseline_name="one state for a word: no order",
        ),
    ]  # fmt: skip
    notes = [
        "Phonemes of continuous speech in the paper, single digits here: figures do not compare.",
        "The paper measures its parameters on the sound itself; here they are measured on 40 mel "
        "bands, and the pitch is none of them.",
        "The sizes that are listed are of the network here: the paper's own were not at hand.",
        "Outputs become likelihoods by Bayes' rule; other papers of the authors, of the same year, "
        "model the outputs with Gaussian densities, and train both together.",
    ]
    figure = picture(recognizer, unseen, wanted) if can_draw() else None
    return Result(measures, figure, notes, [], recognizer.network)


SYSTEM = System(
    number=6,
    name="mlp-speech",
    title="Multilayer perceptron for speech",
    year=1991,
    authors="Bengio, De Mori, Flammia, Kompe",
    reference=(
        "Y. Bengio, R. De Mori, G. Flammia and R. Kompe, Phonetically motivated acoustic "
        "parameters for continuous speech recognition using artificial neural networks, "
        "Eurospeech (1991)"
    ),
    idea=(
        "A network need not learn from raw sound: it hears what phoneticians know to tell sounds "
        "apart, such as resonances, friction and their changes. What it says of each moment goes "
        "to a hidden Markov model, which knows that sounds follow each other and last as long as "
        "they like. The best path through the model recognizes a word, and tells the network which "
        "moment belongs to which sound."
    ),
    equations=(
        Equation(
            "h = tanh(W x + b),   P(q | x) = softmax(V h + c)",
            r"\mathbf{h} = \tanh(\mathbf{W}\mathbf{x} + \mathbf{b}),\quad"
            r" P(q \mid \mathbf{x}) = \mathrm{softmax}(\mathbf{V}\mathbf{h} + \mathbf{c})",
            "perceptron",
        ),
        Equation(
            "p(x | q) ∝ P(q | x) / P(q)",
            r"p(\mathbf{x} \mid q) \propto P(q \mid \mathbf{x}) / P(q)",
            "Bayes' rule",
        ),
        Equation(
            "δₜ(j) = log p(xₜ | j) + max(δₜ₋₁(j) + log aⱼⱼ, δₜ₋₁(j−1) + log aⱼ₋₁,ⱼ)",
            r"\delta_t(j) = \log p(\mathbf{x}_t \mid j) + \max(\delta_{t-1}(j) + \log a_{jj},"
            r"\; \delta_{t-1}(j-1) + \log a_{j-1,j})",
            "alignment",
        ),
    ),
    # Of the network here, as its notes say: 200 units read 11 frames of 36 parameters and a bias,
    # 80 states read the 200 units and a bias.
    sizes=Sizes(
        neurons=280,
        connections=(200 * 397 + 80 * 201) / 280,
        parameters=200 * 397 + 80 * 201,
        operations=2 * (200 * 397 + 80 * 201),
        of_paper=False,
    ),
    data="Free Spoken Digits: 2,700 recordings of six speakers",
    paper_data="TIMIT: continuous speech of many speakers",
    paper_result="",
    network=SpeechPerceptron,
    demo=demo,
    minutes=3.0,
)
