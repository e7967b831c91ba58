"""The recurrent network for speech: its recurrence, its rule, its streams, and a tiny run."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.rules import SignSteps
from gradatim.zoo.recurrent_speech import STREAMS, STRETCH, Listener, RecurrentSpeechNetwork


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_recurrence_frame_by_frame():
    gd.manual_seed(0)
    network = RecurrentSpeechNetwork(3, 4, 2)
    frames, goes_on = gd.randn(6, 2, 3), gd.ones(6, 2, 1)
    goes_on[3, 1] = 0  # the second recording of the second stream
    scores, last = network(frames, goes_on, network.first_state(2))
    w, b = network.state.weight.detach().numpy(), network.state.bias.detach().numpy()
    v, c = network.output.weight.detach().numpy(), network.output.bias.detach().numpy()
    for stream in range(2):
        x = np.full(4, 0.5, np.float32)
        for t in range(6):
            x = x if goes_on[t, stream].item() else np.full(4, 0.5, np.float32)
            z = np.concatenate([frames[t, stream].numpy(), x])
            np.testing.assert_allclose(scores[t, stream].detach().numpy(), v @ z + c, atol=1e-5)
            x = sigmoid(w @ z + b)
        np.testing.assert_allclose(last[stream].detach().numpy(), x, atol=1e-5)


def test_the_sizes_are_counted():
    system = zoo.system("recurrent-speech")
    network = system.network()
    assert sum(p.numel() for p in network.parameters()) == system.sizes.parameters
    assert system.sizes.connections == network.inputs + network.states + 1


def test_streams_hold_each_frame_once_and_wait_for_the_delay():
    network = RecurrentSpeechNetwork(2, 3, 2, delay=2)
    recordings = [np.full((2, 3 + k), k, np.float32) for k in range(5)]
    listener = Listener(network, recordings)
    labels = np.array([0, 1, 0, 1, 1])
    heard, goes_on, wanted, counts = listener.streams(recordings, labels, np.random.default_rng(0))
    assert heard.shape[0] % STRETCH == 0 and heard.shape[1] == STREAMS
    assert counts.sum().item() == sum(one.shape[1] for one in recordings)
    assert (goes_on == 0).sum().item() == 5
    assert wanted[counts > 0].sum().item() == (3 + 1) + (3 + 3) + (3 + 4)


def test_steps_grow_where_signs_agree_and_shrink_where_not():
    w = gd.nn.Parameter(gd.zeros(2))
    rule = SignSteps([w], first=0.1, average=0.0, least=0.03)
    rule.step([gd.tensor([1.0, 1.0])], factor=2.0)
    rule.step([gd.tensor([1.0, -1.0])], factor=2.0, most=0.08)
    assert rule.steps[0].tolist() == pytest.approx([0.08, 0.03])  # 0.1 and 0.025, kept in bounds
    assert w.tolist() == pytest.approx([-0.05 - 0.08, -0.05 + 0.03])
    with pytest.raises(gd.Error, match="average is 1"):
        SignSteps([w], average=1.0)


def test_a_tiny_run_beats_chance():
    result = zoo.system("recurrent-speech").demo(zoo.Settings(scale="tiny"))
    assert len(result.curve) == 1 and result.measures[0].value >= 0.1
    assert result.figure is not None


def test_frames_of_another_width_are_refused():
    network = RecurrentSpeechNetwork(4, 3, 2)
    with pytest.raises(gd.Error, match="frames have 5 parameters: this network hears 4"):
        network(gd.zeros(2, 1, 5), gd.ones(2, 1, 1), network.first_state(1))
