"""Robinson and Fallside 1991: a recurrent network that names what it hears, frame by frame.

One layer of sigmoid units reads the acoustic parameters u(t) beside its own state x(t), and gives
the next state; a second set of units, which reads the same, says which phone it hears:

    z(t) = (u(t), x(t), 1)        x(t+1) = σ(W z(t))        y(t) = softmax(V z(t))

What comes after a sound helps to name it, so that the output speaks of the frame of some time
*before*. Training unfolds the network over a stretch of frames and cuts the gradient there
(truncated back-propagation through time; the state itself goes on), and each weight finds its own
step from the signs of its gradients (`gradatim.rules.SignSteps`). To recognize a recording, the
logarithms of y are added up over its frames.

Here the phones of TIMIT become ten spoken digits, and each frame's target is the digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import BLUE, can_draw, new_figure, plain
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.rules.sign_steps import SignSteps
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

STRETCH = 32  # frames between two updates
STREAMS = 64  # recordings that are heard side by side


class RecurrentSpeechNetwork(gd.nn.Module):
    """The network with the paper's sizes: 192 units of state, 61 phones.

    Args:
        inputs: acoustic parameters of a frame.
        states: units that feed back.
        outputs: classes.
        delay: frames that an output lags behind the sound it names.

    Shape:
        frames (T, N, inputs), `goes_on` (T, N, 1) with 0 where a recording begins and else 1, state
        (N, states) to (scores (T, N, outputs), the last state).

    Example:
        >>> network = RecurrentSpeechNetwork(inputs=4, states=8, outputs=3)
        >>> scores, state = network(gd.zeros(5, 2, 4), gd.ones(5, 2, 1), network.first_state(2))
        >>> scores.shape, state.shape
        (torch.Size([5, 2, 3]), torch.Size([2, 8]))
    """

    def __init__(
        self, inputs: int = 23, states: int = 192, outputs: int = 61, delay: int = 5
    ) -> None:
        super().__init__()
        for name, count in (("inputs", inputs), ("states", states), ("outputs", outputs)):
            if count < 1:
                raise ArgumentError(f"{name} is {count}: expected 1 or more")
        if delay < 0:
            raise ArgumentError(f"delay is {delay}: an output cannot come before the sound")
        self.inputs, self.states, self.delay = inputs, states, delay
        self.state = gd.nn.Linear(inputs + states, states)  # W
        self.output = gd.nn.Linear(inputs + states, outputs)  # V
        with gd.no_grad():
            for layer in (self.state, self.output):
                gd.nn.init.normal_(layer.weight, std=0.1)
                gd.nn.init.zeros_(layer.bias)

    def first_state(self, count: int) -> gd.Tensor:
        """The state in which a recording begins: halfway, where a sigmoid is without input."""
        return gd.full((count, self.states), 0.5)

    def forward(
        self, frames: gd.Tensor, goes_on: gd.Tensor, state: gd.Tensor
    ) -> tuple[gd.Tensor, gd.Tensor]:
        if frames.shape[-1] != self.inputs:
            raise DataError(
                f"frames have {frames.shape[-1]} parameters: this network hears {self.inputs}"
            )
        into_state, back = self.state.weight[:, : self.inputs], self.state.weight[:, self.inputs :]
        heard = gd.nn.functional.linear(frames, into_state, self.state.bias)

        def one_frame(x: Any, at: Any) -> Any:
            heard_now, kept = at
            x = x * kept + 0.5 * (1 - kept)
            return gd.sigmoid(heard_now + gd.nn.functional.linear(x, back)), x

        last, states = gd.scan(one_frame, state, (heard, goes_on))
        return self.output(gd.cat([frames, states], -1)), last


class Listener:
    """Training and recognition: the network with the scale of its parameters.

    Args:
        network: hears as many parameters as a frame of the recordings has.
        recordings: float arrays (inputs, frames) that say what is loud and what is not.
    """

    def __init__(self, network: RecurrentSpeechNetwork, recordings: list[np.ndarray]) -> None:
        if not recordings:
            raise DataError("there are no recordings to learn from")
        every = np.concatenate(recordings, 1).astype(np.float32)
        self.mean, self.deviation = every.mean(1), every.std(1) + 1e-6
        self.network = network
        self.rule = SignSteps(network.parameters(), first=1e-3)
        self.compiled = gd.compile(self._learn)

    def frames(self, recording: np.ndarray) -> np.ndarray:
        """(frames + delay, inputs): after its end a recording's last frame stands still."""
        scaled = (recording.T.astype(np.float32) - self.mean) / self.deviation
        return np.concatenate([scaled, np.repeat(scaled[-1:], self.network.delay, 0)])

    def streams(
        self, recordings: list[np.ndarray], labels: np.ndarray, generator: np.random.Generator
    ) -> tuple[gd.Tensor, ...]:
        """All recordings, in a random order, one after another in each of `STREAMS` streams.

        Returns:
            frames (T, streams, inputs), goes_on (T, streams, 1), labels (T, streams), and which
            frames have one, (T, streams): not the first `delay` of a recording, not the rest of a
            stream. T is a multiple of `STRETCH`.
        """
        lines: list[list[tuple[np.ndarray, int]]] = [[] for _ in range(STREAMS)]
        length = [0] * STREAMS
        for k in generator.permutation(len(recordings)):
            shortest = int(np.argmin(length))
            frames = self.frames(recordings[k])
            lines[shortest].append((frames, int(labels[k])))
            length[shortest] += len(frames)
        whole = -(-max(length) // STRETCH) * STRETCH
        heard = np.zeros((whole, STREAMS, self.network.inputs), np.float32)
        goes_on = np.ones((whole, STREAMS, 1), np.float32)
        wanted = np.zeros((whole, STREAMS), np.int64)
        counts = np.zeros((whole, STREAMS), np.float32)
        for stream, line in enumerate(lines):
            at = 0
            for frames, label in line:
                end = at + len(frames)
                heard[at:end, stream] = frames
                goes_on[at, stream] = 0
                wanted[at:end, stream] = label
                counts[at + self.network.delay : end, stream] = 1
                at = end
        return tuple(map(gd.tensor, (heard, goes_on, wanted, counts)))

    def _learn(
        self, frames: Any, goes_on: Any, labels: Any, counts: Any, state: Any, factor: float,
        most: float,
    ) -> Any:  # fmt: skip
        scores, last = self.network(frames, goes_on, state)
        losses = gd.nn.functional.cross_entropy(
            scores.flatten(0, 1), labels.flatten(), reduction="none"
        )
        loss = (losses * counts.flatten()).sum() / counts.sum().clamp(min=1)
        gradients = gd.autograd.grad(loss, self.rule.parameters)
        self.rule.step(gradients, factor, most)
        return loss.detach(), last.detach()

    def epoch(
        self, recordings: list[np.ndarray], labels: np.ndarray, generator: np.random.Generator,
        factor: float, most: float,
    ) -> float:  # fmt: skip
        """Hear every recording once; gives the mean loss of a frame."""
        every = self.streams(recordings, labels, generator)
        state = self.network.first_state(STREAMS)
        losses = []
        for at in range(0, len(every[0]), STRETCH):
            stretch = [part[at : at + STRETCH] for part in every]
            loss, state = self.compiled(*stretch, state, factor, most)
            losses.append(loss.item())
        return float(np.mean(losses))

    def evidence(self, recordings: list[np.ndarray]) -> list[np.ndarray]:
        """Of each recording the logarithms of y added up so far, (frames, outputs)."""
        heard = [self.frames(recording) for recording in recordings]
        longest = max(map(len, heard))
        frames = np.stack([np.pad(one, ((0, longest - len(one)), (0, 0))) for one in heard], 1)
        goes_on = np.ones((longest, len(heard), 1), np.float32)
        goes_on[0] = 0
        with gd.no_grad():
            scores, _ = self.network(
                gd.tensor(frames), gd.tensor(goes_on), self.network.first_state(len(heard))
            )
            logarithms = gd.log_softmax(scores, -1).numpy()
        delay = self.network.delay
        return [
            np.cumsum(logarithms[delay : len(one), k], 0, dtype=np.float64)
            for k, one in enumerate(heard)
        ]

    def recognize(self, recordings: list[np.ndarray]) -> np.ndarray:
        """The class with the most evidence at the end of each recording."""
        return np.array([sums[-1].argmax() for sums in self.evidence(recordings)])


def single_frames(
    recordings: list[np.ndarray], labels: np.ndarray, unseen: list[np.ndarray], classes: int
) -> np.ndarray:
    """What the network has to beat: each frame scored alone by least squares, scores added up."""
    features = np.concatenate([one.T for one in recordings]).astype(np.float64)
    mean, deviation = features.mean(0), features.std(0) + 1e-6

    def rows(one: np.ndarray) -> np.ndarray:
        return np.pad((one.T - mean) / deviation, ((0, 0), (0, 1)), constant_values=1.0)

    inputs = np.concatenate([rows(one) for one in recordings])
    wanted = np.repeat(np.eye(classes)[labels], [one.shape[1] for one in recordings], 0)
    weights = np.linalg.lstsq(inputs, wanted, rcond=None)[0]
    return np.array([(rows(one) @ weights).sum(0).argmax() for one in unseen])


def demo(settings: Settings) -> Result:
    """Learn the spoken digits of six speakers, and be tested with other recordings of them."""
    gd.manual_seed(settings.seed)
    heard, unheard = gd.data.FreeSpokenDigits(), gd.data.FreeSpokenDigits(train=False)
    pick = settings.of(slice(None), slice(None, None, 18))
    recordings = [heard[k][0].numpy() for k in range(len(heard))][pick]
    unseen = [unheard[k][0].numpy() for k in range(len(unheard))][pick]
    labels, wanted = heard.targets[pick], unheard.targets[pick]
    network = RecurrentSpeechNetwork(40, settings.of(192, 24), 10)
    listener = Listener(network, recordings)
    generator = np.random.default_rng(settings.seed)
    epochs = settings.of(60, 3)
    curve = []
    for epoch in range(epochs):
        left = 1 - epoch / epochs
        loss = listener.epoch(recordings, labels, generator, 1 + 0.1 * left, 0.02 * left + 1e-6)
        if (epoch + 1) % 5 == 0 or epoch + 1 == epochs:
            accuracy = float((listener.recognize(unseen) == wanted).mean())
            curve.append((float(epoch + 1), accuracy))
            settings.report(
                f"epoch {epoch + 1} of {epochs}: loss of a frame {loss:.4f}, "
                f"recordings right {accuracy:.2%}"
            )
    accuracy = curve[-1][1]
    alone = float((single_frames(recordings, labels, unseen, 10) == wanted).mean())
    measures = [
        Measure(
            "spoken digits right, 300 recordings", accuracy, baseline=alone,
            baseline_name="frames scored alone by least squares", bar=settings.of(0.96, None),
        ),
    ]  # fmt: skip
    notes = [
        "Phones of continuous speech in the paper, single digits here: the figures do not compare.",
        "The paper hears power, pitch and voicing beside the spectrum; this network 40 mel bands.",
        "The curve is over epochs, watched on the test recordings; the last epoch is what counts.",
    ]
    figure = picture(listener, unseen, wanted) if can_draw() else None
    return Result(measures, figure, notes, curve, network)


def picture(listener: Listener, recordings: list[np.ndarray], labels: np.ndarray) -> Any:
    """A recording of three digits: its spectrum, the state's units, and how evidence gathers."""
    chosen = [int(np.flatnonzero(labels == digit)[0]) for digit in (3, 7, 9)]
    figure = new_figure(9.5, 6)
    grid = figure.subplots(2, 3, squeeze=False)
    for column, k in enumerate(chosen):
        sums = listener.evidence([recordings[k]])[0]
        top, bottom = grid[:, column]
        top.imshow(recordings[k], aspect="auto", origin="lower", cmap="Greys")
        plain(top, f'"{labels[k]}" is said', "", "mel band" if column == 0 else "")
        top.grid(False)
        shares = np.exp(sums - sums.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        for digit in range(sums.shape[1]):
            right = digit == labels[k]
            bottom.plot(
                shares[:, digit], color=BLUE if right else "#bbbbbb", linewidth=2 if right else 1
            )
            if shares[:, digit].max() > 0.3:
                at = int(shares[:, digit].argmax())
                bottom.text(at, min(shares[at, digit] + 0.03, 1.02), str(digit), size=9)
        plain(bottom, "", "frame (10 ms)", "share of the evidence so far" if column == 0 else "")
        bottom.set_ylim(0, 1.1)
    return figure


SYSTEM = System(
    number=5,
    name="recurrent-speech",
    title="Recurrent network for speech",
    year=1991,
    authors="Robinson, Fallside",
    reference=(
        "T. Robinson and F. Fallside, A recurrent error propagation network speech recognition "
        "system, Computer Speech and Language 5 (1991) 259-274"
    ),
    idea=(
        "Speech has no fixed length, and a sound depends on what was said before it. A network "
        "with feedback needs no window over the past: its state, which nobody designs, keeps what "
        "of it matters. The gradient goes back in time through a stretch of frames, and each "
        "weight finds its own step from the signs of its gradients alone."
    ),
    equations=(
        Equation(
            "z(t) = (u(t), x(t), 1)", r"\mathbf{z}(t) = (\mathbf{u}(t), \mathbf{x}(t), 1)", "input"
        ),
        Equation(
            "x(t+1) = σ(W z(t))", r"\mathbf{x}(t+1) = \sigma(\mathbf{W}\mathbf{z}(t))", "state"
        ),
        Equation(
            "y(t) = softmax(V z(t)),  of the frame t − d",
            r"\mathbf{y}(t) = \mathrm{softmax}(\mathbf{V}\mathbf{z}(t))",
            "output, delayed",
        ),
        Equation(
            "η ← φ η if g ḡ > 0, else η / φ;   w ← w − η sign(g)",
            r"\eta \leftarrow \varphi^{\mathrm{sign}(g \bar g)} \eta,\quad"
            r" w \leftarrow w - \eta\, \mathrm{sign}(g)",
            "steps",
        ),
    ),
    # 192 units of state and 61 phones, each of which reads 23 parameters, the state, and a bias.
    sizes=Sizes(
        neurons=253,
        connections=216,
        parameters=253 * 216,
        operations=2 * 253 * 216,
        examples=None,
    ),
    data="Free Spoken Digits: 2,700 recordings of six speakers",
    paper_data="TIMIT: 3,696 sentences of 462 speakers",
    paper_result="",
    network=RecurrentSpeechNetwork,
    demo=demo,
    minutes=3.0,
)
