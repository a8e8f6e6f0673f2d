"""Future shows the method's scores of the true frame and of negatives, and what follows of them."""

import base64
import io
import itertools
import math
import re
import wave as wav

import numpy as np
import pytest
import torch
from support.explorer_drawing import send, undrawn
from support.explorer_registry import TinyFuture, waves
from torch import nn

from mlteach import data
from mlteach.explorers import Future
from mlteach.explorers._core.output import LINE
from mlteach.selfsup import CPC

pytestmark = pytest.mark.usefixtures("unlaid")

STEPS, HORIZON, FRAMES, N = 3, 6, 12, 5


@pytest.fixture
def explorer():
    return Future(TinyFuture(), waves(N))


def scores(step):
    return TinyFuture().scores(waves(N).waves, step).double()


def go(explorer, **values):
    with explorer.one_redraw():
        for name, value in values.items():
            explorer.controls[name].value = value
    return explorer.state


def test_every_setting_says_what_a_naive_count_says(explorer):
    """The true frame first, then as many others of the sequence, softmax, rank and choice."""
    settings = itertools.product((0, 3), (0, 4, FRAMES - 1 - HORIZON), (1, 3), (1, 3, HORIZON - 1))
    with undrawn(explorer):
        for sequence, present, step, negatives in settings:
            state = go(explorer, sequence=sequence, present=present, step=step, negatives=negatives)
            row = dict(
                zip(range(present + 1, FRAMES), scores(step)[sequence, present], strict=False)
            )
            truth, *others = state["candidates"]
            assert truth == state["truth"] == present + step
            assert len(others) == negatives
            assert len({truth, *others}) == 1 + negatives
            assert {truth, *others} <= set(range(present + 1, present + 1 + HORIZON))
            weights = [math.exp(row[frame]) for frame in state["candidates"]]
            right = [weight / sum(weights) for weight in weights]
            assert state["probabilities"] == pytest.approx(right, abs=1e-6)
            better = [frame for frame in others if row[frame] >= row[truth]]
            assert state["rank"] == 1 + len(better)
            assert state["right"] == (not better) == (state["choice"] == truth)
            assert row[state["choice"]] == max(row[frame] for frame in state["candidates"])


def test_more_negatives_keep_those_that_were_there(explorer):
    """So that a curve against their number compares like with like."""
    few = go(explorer, negatives=2)["candidates"]
    assert go(explorer, negatives=5)["candidates"][:3] == few


def test_accuracy_loss_and_bound_over_all_sequences_and_moments(explorer):
    for step, negatives in itertools.product((1, 2, 3), (1, 3, HORIZON - 1)):
        state = go(explorer, step=step, negatives=negatives)
        right, losses = [], []
        for sequence, present in itertools.product(range(N), range(FRAMES - HORIZON)):
            order = explorer.order[step - 1][sequence, present, : negatives + 1]
            assert order[0] == present + step
            row = scores(step)[sequence, present, order - present - 1]
            right.append(bool((row[0] > row[1:]).all()))
            losses.append((row.logsumexp(0) - row[0]).item())
        assert state["accuracy"] == pytest.approx(np.mean(right))
        assert state["loss"] == pytest.approx(np.mean(losses), abs=1e-6)
        assert state["ceiling"] == pytest.approx(math.log(1 + negatives))
        assert state["bound"] == pytest.approx(state["ceiling"] - state["loss"], abs=1e-6)
        assert state["chance"] == pytest.approx(1 / (1 + negatives))


class Constant(nn.Module):
    """Knows nothing: all scores are equal."""

    steps = 2

    def scores(self, waves, step):
        return torch.zeros(len(waves), 2, 4)


class Knowing(Constant):
    """The true frame has a score of its own."""

    def scores(self, waves, step):
        found = super().scores(waves, step)
        found[..., step - 1] = 40.0
        return found


def test_who_knows_nothing_is_never_right_and_has_a_bound_of_zero():
    state = go(Future(Constant(), waves(2)), negatives=3)
    assert (state["accuracy"], state["right"]) == (0, False)
    assert state["bound"] == pytest.approx(0, abs=1e-6)
    assert state["probabilities"] == pytest.approx([0.25] * 4)
    assert state["choice"] != state["truth"]


def test_who_knows_all_is_always_right_and_reaches_the_ceiling():
    state = go(Future(Knowing(), waves(2)), step=2, negatives=3)
    assert (state["accuracy"], state["rank"]) == (1, 1)
    assert state["bound"] == pytest.approx(math.log(4))


def test_it_shows_what_cpc_says():
    """With the method of the package: the scores of an encoder and a context that hear notes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Unflatten(2, (FRAMES, 32)), nn.Flatten(1, 2), nn.Linear(32, 5))
        method = CPC(encoder, nn.GRU(5, 7, batch_first=True), steps=3, horizon=4)
    explorer = Future(method, waves(N))
    state = go(explorer, sequence=2, present=5, step=3, negatives=3)
    row = method.scores(waves(N).waves, 3)[2, 5].detach().double()
    right = row.softmax(0)[[frame - 6 for frame in state["candidates"]]]
    assert state["truth"] == 8
    assert state["probabilities"] == pytest.approx(right.tolist(), abs=1e-6)
    method.negatives = "later"
    loss, aux = method.loss(waves(N).waves)
    assert state["loss"] == pytest.approx(aux["loss"][2].item(), abs=1e-6)
    assert state["accuracy"] == pytest.approx(aux["accuracy"][2].item())


def test_the_figure_shows_the_state(explorer):
    state = go(explorer, sequence=1, present=5, step=2, negatives=4)
    heights = [bar.get_height() for bar in explorer.bars]
    expected = dict(zip(state["candidates"], state["probabilities"], strict=True))
    assert heights == pytest.approx([expected.get(frame, 0) for frame in range(FRAMES)])
    assert explorer.truth_box.get_x() == state["truth"] == 7
    assert explorer.choice_box.get_visible() == (not state["right"])
    assert [line.get_xdata()[0] for line in explorer.presents] == [6, 6]
    assert explorer.at_step.get_ydata()[0] == pytest.approx(state["accuracy"])
    assert explorer.at_negatives.get_ydata()[0] == pytest.approx(state["bound"])
    assert explorer.chance.get_ydata()[0] == pytest.approx(1 / 5)
    assert explorer.guess.get_ydata()[0] == pytest.approx(1 / 5)
    assert f"probability {state['probabilities'][0]:.2f} among 5" in explorer.canvas.alt


@pytest.mark.parametrize("negatives", [1, 4])
def test_a_candidate_with_no_probability_is_seen_too(explorer, negatives):
    """A dot for each, at its bar's end: the bar of a probability of nothing has no height."""
    state = go(explorer, sequence=1, present=5, step=2, negatives=negatives)
    places, heights = explorer.dots.get_data()
    assert len(state["candidates"]) == negatives + 1
    assert list(places) == [frame + 0.5 for frame in state["candidates"]]
    assert list(heights) == pytest.approx(list(state["probabilities"]))
    assert not explorer.dots.get_clip_on()


def test_presses_set_the_present_the_step_and_the_negatives(explorer):
    send(explorer, 3.7, 100, ax=explorer.ax, presses=1)
    assert explorer.state["present"] == 3
    send(explorer, 4.2, 0.5, ax=explorer.bar_ax, presses=2)
    assert explorer.state["present"] == 4
    send(explorer, 11.9, 0.5, ax=explorer.bar_ax, presses=3)
    assert explorer.state["present"] == FRAMES - 1 - HORIZON
    send(explorer, 2.8, 0.5, ax=explorer.step_ax, presses=4)
    assert explorer.state["step"] == 3
    send(explorer, 4.2, 0.1, ax=explorer.bound_ax, presses=5)
    assert explorer.state["negatives"] == 4
    for x in (4.2, 8):  # let go there, then moved
        send(explorer, x, 0.1, ax=explorer.bound_ax, pressed=False, presses=5)
    assert explorer.state["negatives"] == 4


def sounds(explorer):
    """Name → samples of each player."""
    found = re.findall(
        r'aria-label="([^"]*)"[^>]*src="data:audio/wav;base64,([^"]*)"', explorer.players.value
    )
    read = {}
    for name, text in found:
        with wav.open(io.BytesIO(base64.b64decode(text))) as file:
            read[name] = file.readframes(file.getnframes())
    return read


def test_what_is_played_is_what_is_shown(explorer):
    """The sound grows with what is heard; the choice sounds as the truth where it is right."""
    go(explorer, sequence=0, present=2, step=1, negatives=5)
    short = sounds(explorer)
    assert list(short) == ["heard so far", "what truly follows", "what the network chooses"]
    go(explorer, present=5)
    assert len(sounds(explorer)["heard so far"]) > len(short["heard so far"])
    for present in range(FRAMES - HORIZON):
        state = go(explorer, present=present)
        _, true, chosen = sounds(explorer).values()
        assert (true == chosen) == state["right"]
    assert explorer.players in explorer.widget.children


def test_the_saved_figure_says_that_it_can_be_heard(monkeypatch, explorer):
    """No player is kept in the notebook: the line above the figure tells how to get it."""
    from IPython import display

    shown = []
    monkeypatch.setattr("mlteach.explorers._core.output._one_output", lambda: False)
    monkeypatch.setattr(display, "display", lambda data, **_: shown.append(data))
    monkeypatch.setattr(
        display.DisplayHandle, "display", lambda self, data, **_: shown.append(data)
    )
    explorer._ipython_display_()
    line, still, _live = shown
    assert LINE in line["text/html"]
    assert line["text/plain"] == f"{LINE} It can be heard then, too."
    assert line["text/plain"] in line["text/html"]
    assert set(still) == {"image/png", "text/plain"}
    assert "<audio" not in "".join(map(str, line.values()))


def test_the_method_is_asked_in_evaluation_mode_without_gradients_and_left_as_it_was():
    asked = []

    class Watched(Constant):
        def scores(self, waves, step):
            asked.append((self.training, torch.is_grad_enabled()))
            return super().scores(waves, step)

    method = Watched()
    method.frozen = nn.BatchNorm1d(3).eval()
    Future(method, waves(2))
    assert asked == [(False, False)] * 2
    assert method.training
    assert not method.frozen.training


def of_shape(shape):
    class Wrong(Constant):
        def scores(self, waves, step):
            return torch.zeros(shape)

    return Wrong()


class Unsound(Constant):
    def scores(self, waves, step):
        return super().scores(waves, step) + math.nan


class Late(Constant):
    steps = 5


@pytest.mark.parametrize(
    ("method", "error", "part"),
    [
        (None, TypeError, "method must be a network"),
        (nn.Linear(2, 2), TypeError, "method.steps must be a whole number"),
        (of_shape((2, 5)), ValueError, "scores"),
        (of_shape((2, 5, 1)), ValueError, "scores"),
        (of_shape((3, 5, 4)), ValueError, "scores"),
        (Unsound(), ValueError, "must be finite"),
        (Late(), ValueError, "horizon >= 5"),
    ],
)
def test_a_method_that_does_not_fit_is_refused(method, error, part):
    with pytest.raises(error, match=part):
        Future(method, waves(2))


@pytest.mark.parametrize("sequences", [None, torch.zeros(2, 1, 60), data.sinusoids])
def test_sequences_must_be_sequences(sequences):
    with pytest.raises(TypeError, match="sequences must be Sequences"):
        Future(Constant(), sequences)


@pytest.mark.parametrize(("number", "error"), [(5, ValueError), (-1, ValueError), ("a", TypeError)])
def test_a_sequence_that_is_not_there_is_refused(number, error):
    with pytest.raises(error, match="sequence must be"):
        Future(TinyFuture(), waves(N), sequence=number)


def test_a_method_may_be_asked_about_something_else_than_the_waves(explorer):
    """Spectrograms, say; what is heard are the waves."""

    class OfNotes(TinyFuture):
        def scores(self, notes, step):
            return super().scores(notes.flatten(1)[:, None], step)

    other = Future(OfNotes(), waves(N), inputs=waves(N).waves.unflatten(2, (FRAMES, 32))[:, 0])
    assert other.state == explorer.state
    assert other.players.value == explorer.players.value


@pytest.mark.parametrize(
    ("inputs", "error"), [(torch.zeros(4, 3), ValueError), (3, TypeError), ("a", TypeError)]
)
def test_inputs_must_have_a_row_for_each_wave(inputs, error):
    with pytest.raises(error, match="inputs must"):
        Future(Constant(), waves(N), inputs=inputs)


def test_frames_that_do_not_divide_the_samples():
    """The last sample belongs to the last frame."""
    odd = data.Sequences(
        "odd", torch.rand(2, 1, 1003) - 0.5, torch.zeros(2, dtype=torch.long), ("a",), {}, 8000
    )
    explorer = Future(Constant(), odd)
    assert [explorer._ends(frame) for frame in (-1, 2, 5)] == [0, 501, 1003]
    for present in range(2):
        go(explorer, present=present)
        assert explorer.canvas.problem == ""
