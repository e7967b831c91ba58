"""The perceptron for speech: its parameters, its windows, its training in turns, and a tiny run."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.zoo.mlp_speech import Frames, Recognizer, SpeechPerceptron
from gradatim.zoo.phonetic_parameters import NAMES, phonetic_parameters


def measured(loudness):
    return dict(zip(NAMES, phonetic_parameters(loudness).T))


def sound(band, width=1, frames=8):
    """40 quiet bands, and some loud ones."""
    loudness = np.full((40, frames), -60.0)
    loudness[band : band + width] = 0.0
    return loudness


def test_a_resonance_is_found_where_it_is():
    """Band k of 40 is centered at (k + 1) / 41 of the mel scale from 60 to 4000 Hz."""
    found = measured(np.maximum(sound(6), sound(20)))
    assert found["F1 place"] == pytest.approx(7 / 41, abs=1e-3)
    assert found["F2 place"] == pytest.approx(21 / 41, abs=1e-3)
    assert found["F1 height"] == pytest.approx(10 * np.log10(0.5), abs=0.01)  # half of the power
    assert found["center"] == pytest.approx(14 / 41, abs=1e-3)
    assert found["spread"] == pytest.approx(7 / 41, abs=1e-3)


def test_friction_and_voice_differ():
    hiss, hum = measured(sound(36, 4)), measured(sound(1, 3))
    assert hiss["sonority"][0] < -30 < 30 < hum["sonority"][0]
    assert hiss["friction"][0] == pytest.approx(0, abs=0.1)
    assert hum["voice bar"][0] == pytest.approx(0, abs=0.1)
    assert measured(np.zeros((40, 5)))["flatness"] == pytest.approx(-10 * np.log10(40), abs=1e-3)


def test_how_loud_somebody_speaks_does_not_matter():
    loudness = np.random.default_rng(0).uniform(-60, 0, (40, 9))
    np.testing.assert_allclose(
        phonetic_parameters(loudness), phonetic_parameters(loudness - 12), atol=1e-4
    )


def test_slopes_are_those_of_a_line():
    loudness = np.zeros((40, 12)) + np.arange(12) * 2.0  # 2 dB louder every frame
    assert measured(loudness)["loudness, slope"][2:-2] == pytest.approx([2.0] * 8)


def test_windows_do_not_reach_into_other_recordings():
    recordings = [np.full((3 + k, 2), k, np.float32) for k in range(3)]
    frames = Frames(recordings, 5)
    windows = frames.values[frames.rows]
    assert windows.shape == (3 + 4 + 5, 5, 2)
    assert (windows == windows[:, 2:3]).all()
    columns = frames.in_columns(frames.values)
    assert columns.shape == (5, 3, 2) and not columns[3:, 0].any()
    assert np.array_equal(frames.in_rows(columns), frames.values)


def test_the_sizes_are_counted():
    system = zoo.system("mlp-speech")
    network = system.network()
    assert sum(p.numel() for p in network.parameters()) == system.sizes.parameters
    units = network.hidden.out_features + network.output.out_features
    assert units == system.sizes.neurons
    assert system.sizes.connections * units == pytest.approx(system.sizes.parameters)


def test_alignment_finds_the_borders_that_nobody_told():
    """Two words of the same two sounds in opposite orders: only the order tells them apart, and the
    borders, which are far from the middle, are found."""
    generator = np.random.default_rng(0)
    recordings, labels, borders = [], [], []
    for k in range(120):
        short, long = generator.integers(3, 6), generator.integers(12, 18)
        first = 1 if k % 2 == 0 else -1
        signs = np.repeat([first, -first], [short, long])
        noise = generator.normal(0, 0.3, (len(signs), 3))
        recordings.append((signs[:, None] * [1, 0.5, 0] + noise).astype(np.float32))
        labels.append(k % 2)
        borders.append(short)
    gd.manual_seed(0)
    recognizer = Recognizer(recordings, np.array(labels), 2, 16, 1, generator)
    for _ in range(12):
        recognizer.epoch(0.05)
        recognizer.realign()
    found = np.array(
        [(recognizer.paths[: len(one), k] == 0).sum() for k, one in enumerate(recordings)]
    )
    assert np.abs(found - borders).mean() < 0.5
    assert (recognizer.recognize(recordings) == labels).mean() > 0.97


def test_scores_are_posteriors_over_frequencies_along_the_path():
    generator = np.random.default_rng(1)
    recordings = [generator.normal(size=(6 + k, 3)).astype(np.float32) for k in range(4)]
    recognizer = Recognizer(recordings, np.array([0, 1, 0, 1]), 2, 4, 3, generator)
    scores, paths = recognizer.scores(recordings[:1])
    ratio = recognizer.logarithms(recognizer.scaled(recordings[:1])) - recognizer.frequencies
    for word in range(2):
        path = paths[:, 0, word]
        steps = np.where(np.diff(path), recognizer.move[word, 0], recognizer.stay[word, path[1:]])
        total = ratio[np.arange(6), word, path].sum() + steps.sum()
        assert scores[0, word] == pytest.approx(total, abs=1e-4)


def test_a_tiny_run_beats_chance():
    lines = []
    result = zoo.system("mlp-speech").demo(zoo.Settings(scale="tiny", report=lines.append))
    assert result.measures[0].value > 0.3
    assert result.figure is not None
    assert lines[0].startswith("Chains of states, round 1 of 2: loss of a frame")


def test_what_is_no_speech_is_refused():
    with pytest.raises(gd.Error, match=r"the spectrogram has shape \(28, 28\): .* 40 mel bands"):
        phonetic_parameters(np.zeros((28, 28)))
    with pytest.raises(gd.Error, match=r"shape \(2, 5, 4\): this network hears \(N, 3, 4\)"):
        SpeechPerceptron(4, 3, 5, 6)(gd.zeros(2, 5, 4))
    with pytest.raises(gd.Error, match="window is 4: expected an odd number"):
        SpeechPerceptron(window=4)
    short = [np.zeros((5, 3), np.float32)] * 2
    with pytest.raises(gd.Error, match="5 frames: chains of 8 states need 8 or more; at most 5"):
        Recognizer(short, np.array([0, 1]), 8, 4, 3, np.random.default_rng(0))
