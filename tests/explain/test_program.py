"""gd.explain_program and the times of kernels."""

import io

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.explain.profile import profile
from gradatim.explain.watching import watch
from gradatim.realize import state

pytestmark = pytest.mark.skipif(
    not hasattr(gd.engines.current_engine(), "explain"), reason="the engine has no kernels"
)


def mlp(inputs=20):
    """A small network, and its compiled step."""
    model = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)

    @gd.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return model, step, gd.randn(32, inputs), gd.randn(32, 5)


def explained(function, *args):
    file = io.StringIO()
    facts = gd.explain_program(function, *args, file=file)
    return facts, file.getvalue()


def test_the_kernels_of_a_step_are_listed_with_what_was_fused():
    _, step, x, y = mlp()
    (facts,), text = explained(step, x, y)
    titles = [k.title for k in facts.kernels]
    forward = facts.kernels[titles.index("contract 32x64 over 20")]
    assert forward.operations == 2 * 32 * 64 * 20
    assert forward.fused[:2] == ("add", "relu")
    # The update of a weight is done where its gradient is still in registers.
    update = facts.kernels[titles.index("contract 64x20 over 32")]
    assert update.fused[-1] == "sub"
    assert "contract 32x64 over 20\n" in text and "then add" in text
    assert text.splitlines()[0].startswith(f"program {facts.name}: ")


def test_every_kernel_has_a_number_and_its_bytes():
    _, step, x, y = mlp()
    (facts,), text = explained(step, x, y)
    numbers = [line[1:].split()[0] for line in text.splitlines() if line[1:4].strip().isdigit()]
    assert numbers == [str(k + 1) for k in range(len(facts.kernels))]


def test_what_falls_back_is_marked_and_says_why(monkeypatch):
    from gradatim.engines.llvm import fusion

    monkeypatch.setattr(fusion, "can_lower", lambda node: node.primitive.name != "digamma")
    (facts,), text = explained(gd.compile(lambda x: gd.digamma(x @ x)), gd.rand(4, 4))
    (fallen,) = [k for k in facts.kernels if k.fallback]
    assert "digamma" in fallen.title
    assert "1 on the reference engine, marked with !" in text
    assert "falls back: there is no native code for digamma of " in text


def test_a_loop_over_time_shows_one_step():
    layer = nn.LSTM(3, 16, batch_first=True)
    step = gd.compile(lambda x: layer(x)[0].detach())
    _, text = explained(step, gd.randn(8, 10, 3))
    assert "scan of 10 steps" in text
    assert any("each step: contract 8x64 over 16" in line for line in text.splitlines())


def test_an_uncompiled_function_shows_each_program():
    facts, _ = explained(lambda x: ((x + 1).sum().item(), (x * 2).prod().item()), gd.randn(5))
    assert len(facts) == 2


def test_explaining_calls_the_function_once_and_leaves_the_engine():
    model, step, x, y = mlp()
    engine = gd.engines.current_engine()
    step(x, y)
    before = model[0].weight.detach().clone().realize()
    known = len(state.programs)
    explained(step, x, y)
    assert gd.engines.current_engine() is engine
    assert len(state.programs) == known
    assert (model[0].weight != before).any()


def test_the_engine_comes_back_after_an_error():
    engine = gd.engines.current_engine()
    with pytest.raises(ZeroDivisionError), watch():
        raise ZeroDivisionError
    assert gd.engines.current_engine() is engine


def test_times_of_kernels_add_up_to_less_than_the_step():
    _, step, x, y = mlp()
    (found,) = profile(lambda: step(x, y).item(), runs=20)
    assert len(found.seconds) == len(found.facts.kernels)
    assert all(t >= 0 for t in found.seconds)
    assert 0 < sum(found.seconds) < found.whole


def test_a_timed_step_computes_the_same():
    model, step, x, y = mlp()
    start = {k: v.clone() for k, v in model.state_dict().items()}
    losses = [step(x, y).item() for _ in range(4)]
    model.load_state_dict(start)
    timed = []
    profile(lambda: timed.append(step(x, y).item()), runs=1)
    assert timed[:4] == losses


def test_dumped_files_are_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADATIM_DUMP", str(tmp_path))
    _, step, x, y = mlp(inputs=23)  # one that this process has not compiled yet
    step(x, y)
    endings = {path.name.split(".", 1)[1] for path in tmp_path.iterdir()}
    assert endings == {"graph.txt", "schedule.txt", "ll", "s"}
    assert "contract" in next(tmp_path.glob("*.schedule.txt")).read_text()
    assert "define i32 @run0" in next(tmp_path.glob("*.ll")).read_text()
