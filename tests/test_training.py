"""fit: one loop that can be watched, steered, stopped and continued without changing a bit."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import random
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mlteach import data, training
from mlteach.training import Run, TrainingDiverged, fit, pick_device, seed_everything, warmup_cosine
from mlteach.training import loop as loop_module


class Tiny(nn.Module):
    """Everything that a step can change: weights, statistics, dropout's generator, a target."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.net = nn.Sequential(
                nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.3), nn.Linear(4, 1)
            )
        self.register_buffer("target", torch.zeros(()))

    def loss(self, x, y):
        error = self.net(x) - y - 0.1 * self.target
        return error.square().mean(), {"error": error.detach()}

    def after_step(self, aux):
        self.target.lerp_(self.net[4].weight.norm(), 0.1)


def draw(generator):
    """Noisy sums of three random numbers."""
    x = torch.randn(8, 3, generator=generator)
    return x, x.sum(1, keepdim=True) + 0.1 * torch.randn(8, 1, generator=generator)


def score(method):
    """Minus the error on fixed examples, plus random numbers, as of a probe's random start."""
    x = torch.linspace(-1, 1, 30).reshape(10, 3)
    return -(method.net(x) - x.sum(1, keepdim=True)).square().mean() + 0.01 * torch.rand(())


def quiet_fit(method, draw=draw, **arguments):
    arguments = {"steps": 12, "evaluate": score, "evaluate_every": 4, "progress": False} | arguments
    return fit(method, draw, **arguments)


def assert_same(run_a, method_a, run_b, method_b):
    """Not a bit differs: weights, buffers, history, best weights, Adam's moments, generators."""
    assert run_a.history == run_b.history
    assert (run_a.step, run_a.best_score) == (run_b.step, run_b.best_score)
    torch.testing.assert_close(method_a.state_dict(), method_b.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(run_a.best_state, run_b.best_state, rtol=0, atol=0)
    for part in ("method", "optimizer", "generators"):
        torch.testing.assert_close(run_a.state[part], run_b.state[part], rtol=0, atol=0)


@pytest.fixture(scope="module")
def whole():
    """A run that nothing disturbed."""
    method = Tiny()
    return quiet_fit(method), method


@pytest.fixture(scope="module")
def at_seven():
    """The same run, stopped after step 7."""
    method = Tiny()
    return quiet_fit(method, callback=lambda step, loss, aux: step == 7), method


# what a run gives
# -------------------------------------------------------------------------------------------------


def test_learns_and_keeps_its_history():
    """A linear model finds the sum of its inputs; updates and evaluations have an entry each."""
    method = Tiny()
    method.net = nn.Sequential(
        nn.Identity(), nn.Identity(), nn.Identity(), nn.Identity(), nn.Linear(3, 1)
    )
    run = quiet_fit(method, steps=300, lr=0.05, evaluate_every=70)
    assert run.history["step"] == list(range(1, 301))
    assert run.history["score_step"] == [70, 140, 210, 280, 300]
    assert {name: len(values) for name, values in run.history.items()} == {
        "step": 300,
        "loss": 300,
        "lr": 300,
        "score_step": 5,
        "score": 5,
    }
    # 0.01 is the variance of the noise in `draw`, which no model can learn
    assert np.mean(run.history["loss"][-50:]) < 0.03 < np.mean(run.history["loss"][:20])
    assert (run.step, run.steps, run.stopped) == (300, 300, "finished")


def test_same_seed_same_run(whole):
    """The seed alone decides the run, whatever the global state; another gives another run."""
    torch.manual_seed(99)
    method = Tiny()
    assert_same(quiet_fit(method), method, *whole)
    assert quiet_fit(Tiny(), seed=1).history["loss"] != whole[0].history["loss"]


@pytest.mark.parametrize("ending", ["finished", "diverged", "interrupted", "error"])
def test_global_random_state_is_left_alone(ending):
    """However fit ends, the caller's random numbers go on as if it had not been called."""

    def stopping_draw(generator):
        if ending == "interrupted":
            raise KeyboardInterrupt
        if ending == "error":
            raise OSError
        return (
            tuple(view * math.nan for view in draw(generator))
            if ending == "diverged"
            else draw(generator)
        )

    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    try:
        quiet_fit(Tiny(), stopping_draw)
    except (TrainingDiverged, OSError):
        assert ending in ("diverged", "error")
    assert torch.equal(torch.rand(5), expected)


def test_generators_of_draw_and_dropout_differ():
    """The generator that draw gets and the global one do not give the same numbers."""
    seen = []

    class Listening(Tiny):
        def loss(self, x, y):
            seen.append((x, torch.randn(8, 3)))
            return super().loss(x, y)

    quiet_fit(Listening(), steps=1)
    assert not torch.isclose(*seen[0]).any()


def test_watching_does_not_change_the_training(whole):
    """A callback that draws random numbers, and evaluating or not, leave the weights alone."""
    method = Tiny()
    run = quiet_fit(method, callback=lambda *_: torch.rand(7).sum() < 0)
    assert_same(run, method, *whole)
    unwatched = Tiny()
    quiet_fit(unwatched, evaluate=None)
    torch.testing.assert_close(unwatched.state_dict(), method.state_dict(), rtol=0, atol=0)


def test_worker_thread(whole):
    """fit runs in a thread other than the main one, with the same result."""
    method, result = Tiny(), []
    thread = threading.Thread(target=lambda: result.append(quiet_fit(method)))
    thread.start()
    thread.join()
    assert_same(result[0], method, *whole)


def test_works_under_no_grad(whole):
    """A fit inside somebody's evaluation, where gradients are off, trains all the same."""
    method = Tiny()
    with torch.no_grad():
        run = quiet_fit(method)
    assert_same(run, method, *whole)


# one step
# -------------------------------------------------------------------------------------------------


def test_order_of_a_step():
    """loss, weights, after_step without gradients, callback; draw is called once a step."""
    events = []

    class Telling(Tiny):
        def loss(self, x, y):
            events.append(("loss", self.net[0].weight.clone(), self.target.clone()))
            return super().loss(x, y)

        def after_step(self, aux):
            events.append(("after_step", self.net[0].weight.clone(), self.target.clone()))
            assert not torch.is_grad_enabled()
            assert aux["error"].shape == (8, 1)
            super().after_step(aux)

    def telling_draw(generator):
        events.append(("draw",))
        return draw(generator)

    def callback(step, loss, aux):
        events.append(("callback", step, loss, aux["error"]))

    run = quiet_fit(Telling(), telling_draw, steps=2, callback=callback)
    assert [event[0] for event in events] == ["draw", "loss", "after_step", "callback"] * 2
    loss, after = events[1], events[2]
    assert not torch.equal(loss[1], after[1])  # the weights moved in between
    assert torch.equal(loss[2], after[2])  # the target did not
    assert not torch.equal(after[2], events[5][2])  # but after_step moved it
    for event, step in ((events[3], 1), (events[7], 2)):
        assert event[1:3] == (step, run.history["loss"][step - 1])


def test_after_step_is_optional():
    """A method without target or queue needs no after_step."""

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def loss(self, x, y):
            return self.weight.square() * x.square().mean(), None

    method = Plain()
    quiet_fit(method, evaluate=None, steps=3)
    assert method.weight < 1


def test_a_step_is_adamw():
    """Three steps equal three of torch's own AdamW by hand."""
    method, expected = Tiny(), Tiny()
    generator = torch.Generator().manual_seed(0)
    for module in (method, expected):
        module.net[3].p = 0.0
    torch.randint(
        2**62, (), generator=generator
    )  # the seed that fit draws for the global generator
    optimizer = torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0.2, fused=True)
    for _ in range(3):
        optimizer.zero_grad()
        loss, aux = expected.loss(*draw(generator))
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            expected.after_step(aux)
    # rounds as the loop above does
    quiet_fit(method, steps=3, lr=lambda step: 0.01, weight_decay=0.2, threads=None)
    torch.testing.assert_close(method.state_dict(), expected.state_dict())


def test_schedule():
    """Rises evenly over the warm-up, is at half the peak in mid-fall, and ends near 0."""
    rates = [warmup_cosine(step, lr=0.8, steps=110, warmup=10 / 110) for step in range(111)]
    assert rates[:10] == pytest.approx([0.8 * (step + 1) / 11 for step in range(10)])
    assert rates[10] == pytest.approx(0.8)
    assert rates[60] == pytest.approx(0.4)  # halfway between step 10 and step 110
    assert rates[110] == pytest.approx(0, abs=1e-12)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert warmup_cosine(0, lr=0.8, steps=110, warmup=0) == 0.8
    assert warmup_cosine(109, lr=0.8, steps=110, warmup=1) == pytest.approx(0.8 * 110 / 111)
    assert [
        warmup_cosine(step, lr=1, steps=9, warmup=w) for step in (9, 10, 999) for w in (0, 1)
    ] == [0] * 6
    for warmup in np.linspace(0, 1, 23):
        for steps in (1, 2, 7):
            rates = [warmup_cosine(step, lr=1, steps=steps, warmup=warmup) for step in range(steps)]
            assert all(0 < rate <= 1 for rate in rates)
    assert quiet_fit(Tiny(), lr=0.8).history["lr"] == [
        warmup_cosine(step, lr=0.8, steps=12, warmup=0.1) for step in range(12)
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be a whole number >= 1, got 0"),
        ({"step": -1}, "step must be a whole number >= 0, got -1"),
        ({"lr": -1.0}, "lr must be finite and >= 0, got -1"),
        ({"warmup": 1.1}, r"warmup must be a number in \[0, 1\], got 1.1"),
    ],
)
def test_a_schedule_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        warmup_cosine(**{"step": 0, "lr": 1.0, "steps": 5} | arguments)


def test_a_slider_acts_on_the_next_step():
    """A learning rate that changes after step 3 is used by step 4; at 0 no weight moves."""
    slider, weights = {"lr": 0.01}, []
    method = Tiny()

    def callback(step, loss, aux):
        weights.append(method.net[0].weight.detach().clone())
        if step == 3:
            slider["lr"] = 0.0

    run = quiet_fit(method, lr=lambda step: slider["lr"], callback=callback, steps=5)
    assert run.history["lr"] == [0.01, 0.01, 0.01, 0.0, 0.0]
    assert not torch.equal(weights[1], weights[2])
    assert torch.equal(weights[2], weights[4])


# modes and evaluation
# ------------------------------------------------------------------------------------------------


def test_modes():
    """Training in training mode, evaluation without gradients, and afterwards all as it was."""
    method, seen = Tiny(), []
    method.eval()
    method.net.training = True  # a part whose mode differs from that of the whole

    def evaluate(method):
        seen.append((method.training, method.net[1].training, torch.is_grad_enabled()))
        return 0.0

    def callback(step, loss, aux):
        seen.append((method.training, method.net[1].training, True))

    quiet_fit(method, steps=4, evaluate=evaluate, evaluate_every=2, callback=callback)
    train, evaluation = (True, True, True), (False, False, False)
    assert seen == [train, evaluation, train, train, evaluation, train]
    assert [module.training for module in method.modules()] == [False, True] + [False] * 5


def test_best_weights_are_never_lost():
    """Scores rise and fall; the run keeps a copy of the best weights, to be put back."""
    method = Tiny()
    scores = iter([0.1, 0.7, 0.7, 0.3])
    weights = []

    def evaluate(method):
        weights.append(copy.deepcopy(method.state_dict()))
        return next(scores)

    run = quiet_fit(method, steps=8, evaluate=evaluate, evaluate_every=2)
    assert (run.best_score, run.history["score"]) == (0.7, [0.1, 0.7, 0.7, 0.3])
    # the first of the two equal ones
    torch.testing.assert_close(run.best_state, weights[1], rtol=0, atol=0)
    torch.testing.assert_close(method.state_dict(), weights[3], rtol=0, atol=0)
    run.restore_best(method)
    torch.testing.assert_close(method.state_dict(), weights[1], rtol=0, atol=0)
    with pytest.raises(ValueError, match="no best weights"):
        quiet_fit(Tiny(), evaluate=None).restore_best(method)


# stopping and going on
# -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 4, 7])
def test_stopped_by_the_callback_and_continued(whole, step):
    """A true callback stops after that step; going on gives the run that was never stopped."""
    first = quiet_fit(Tiny(), callback=lambda s, loss, aux: s == step)
    assert (first.step, first.stopped, len(first.history["loss"])) == (step, "callback", step)
    method = Tiny()
    run = quiet_fit(method, resume=first)
    assert run.stopped == "finished"
    assert_same(run, method, *whole)


PLACES = ["draw", "loss", "after_step", "evaluate", "callback"]


def fit_that_stops(place, stop, method):
    """Fits a method with all its parts, of which one calls `stop` in step 8, once."""
    calls = {"n": 0}

    def stopping(name, function):
        def wrapped(*arguments):
            result = function(*arguments)
            calls["n"] += name == place
            if name == place and calls["n"] == {"evaluate": 2}.get(place, 8):
                stop()
            return result

        return wrapped

    method.loss = stopping("loss", method.loss)
    method.after_step = stopping("after_step", method.after_step)
    return quiet_fit(
        method,
        stopping("draw", draw),
        evaluate=stopping("evaluate", score),
        callback=stopping("callback", lambda *_: None),
    )


def stopped_at(step):
    """The same run, stopped after a step."""
    method = Tiny()
    return quiet_fit(method, callback=lambda now, loss, aux: now == step), method


def press():
    """What Ctrl-C and Jupyter's stop button do."""
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_waits_for_the_end_of_the_step(whole, place):
    """Interrupted anywhere in step 8, the run ends with it, and the rest gives the whole run."""
    method = Tiny()
    first = fit_that_stops(place, press, method)
    assert (first.step, first.stopped) == (8, "interrupted")
    assert_same(first, method, *stopped_at(8))
    run = quiet_fit(method, resume=first)  # the counters have passed: nothing interrupts any more
    assert_same(run, method, *whole)
    with pytest.raises(KeyboardInterrupt):  # at once, now that nothing is trained
        press()


def broken_off():
    raise KeyboardInterrupt


def pressed_twice():
    press()
    press()


@pytest.mark.parametrize("stop", [broken_off, pressed_twice])
@pytest.mark.parametrize("place", PLACES)
def test_a_step_that_is_broken_off_is_undone(whole, place, stop):
    """Step 8, and no other; the rest gives the run that was never interrupted.

    A second interrupt waits while weights and target move, and the callback comes after the step.
    """
    step = 8 if place == "callback" or (place, stop) == ("after_step", pressed_twice) else 7
    method = Tiny()
    first = fit_that_stops(place, stop, method)
    assert (first.step, first.stopped) == (step, "interrupted")
    assert_same(first, method, *stopped_at(step))
    run = quiet_fit(method, resume=first)
    assert_same(run, method, *whole)


def test_an_interrupt_in_the_last_step_changes_nothing(whole):
    """There is nothing left to stop."""
    method = Tiny()
    run = quiet_fit(method, callback=lambda step, *_: press() if step == 12 else None)
    assert run.stopped == "finished"
    assert_same(run, method, *whole)


def test_a_handler_of_somebody_else_is_left_alone():
    """Whoever handles interrupts in another way goes on doing so, during fit and after it."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("mine"))
    try:
        run = quiet_fit(Tiny(), callback=lambda step, *_: press() if step == 3 else None)
        press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (run.stopped, seen) == ("finished", ["mine", "mine"])


@pytest.mark.parametrize(("evaluate", "copies"), [(None, 2), (score, 2 + 2 * 3 + 3)])
def test_weights_are_copied_now_and_then(evaluate, copies):
    """At both ends of fit and of evaluating, and where the score is the best; not at every step."""
    calls = []

    class Counting(Tiny):
        def state_dict(self, *arguments, **options):
            calls.append(1)
            return super().state_dict(*arguments, **options)

    quiet_fit(Counting(), evaluate=evaluate, lr=0.001)
    assert len(calls) <= copies


def interrupted_at_line(number, lines_of_fit):
    """A trace function that raises KeyboardInterrupt at the number-th line within fit's loop."""
    package = str(Path(training.__file__).parent)
    names = ("fit", "_gradients", "_update", "_score", "copied", "record")
    count = 0

    def local(frame, event, argument):
        nonlocal count
        in_loop = frame.f_lineno in lines_of_fit if frame.f_code.co_name == "fit" else count > 0
        if event == "line" and in_loop:
            count += 1
            if count == number:
                raise KeyboardInterrupt
        return local

    def start(frame, event, argument):
        here = frame.f_code.co_filename.startswith(package)
        return local if here and frame.f_code.co_name in names else None

    return start


def test_interrupted_at_any_line_and_continued():
    """An interrupt between any two lines of the loop leaves a run that goes on bit for bit."""
    source, first_line = inspect.getsourcelines(loop_module.fit)
    stripped = [line.strip() for line in source]
    handler = "except (KeyboardInterrupt, TrainingDiverged) as error:"
    inside = range(stripped.index("try:") + 1, stripped.index(handler))
    lines_of_fit = {first_line + i for i in inside}
    undisturbed = Tiny()
    whole = quiet_fit(undisturbed, steps=2, evaluate_every=1)
    stopped_at = set()
    for number in range(1, 1000, 3):  # every third line: the two steps together meet each kind
        method = Tiny()
        before = sys.gettrace()
        sys.settrace(interrupted_at_line(number, lines_of_fit))
        try:
            run = quiet_fit(method, steps=2, evaluate_every=1)
        finally:
            sys.settrace(before)
        if run.stopped == "finished":
            break
        stopped_at.add(run.step)
        if run.step < 2:
            run = quiet_fit(method, steps=2, evaluate_every=1, resume=run)
        assert_same(run, method, whole, undisturbed)
    assert run.stopped == "finished"
    assert stopped_at == {0, 1, 2}


def test_resume_leaves_the_earlier_run_alone(whole):
    """The same run can be continued twice, also interrupted at once, with the same result."""
    first = quiet_fit(Tiny(), callback=lambda step, loss, aux: step == 5)
    before = copy.deepcopy(first)

    class Interrupted(Tiny):
        def after_step(self, aux):
            raise KeyboardInterrupt

    # Adam has moved its moments in place when the interrupt comes
    again = quiet_fit(Interrupted(), resume=first)
    assert again.step == 5
    for earlier in (first, again, first):
        method = Tiny()
        assert_same(quiet_fit(method, resume=earlier), method, *whole)
    assert (first.step, first.history, first.stopped) == (
        before.step,
        before.history,
        before.stopped,
    )
    torch.testing.assert_close(first.state["optimizer"], before.state["optimizer"], rtol=0, atol=0)


def test_resume_goes_on_from_the_last_weights(whole):
    """Looking at the best weights, or saving the run, does not change how it goes on."""
    method = Tiny()
    first = quiet_fit(method, callback=lambda step, loss, aux: step == 6)
    first.restore_best(method)
    run = quiet_fit(method, resume=pickle.loads(pickle.dumps(first)))
    assert_same(run, method, *whole)


def test_a_run_goes_on_from_a_file_on_another_day(whole, tmp_path):
    """Read by torch.load as it is, in a process that knows no more than fit."""
    first = quiet_fit(Tiny(), callback=lambda step, loss, aux: step == 6)
    torch.save(first, tmp_path / "run.pt")
    for weights_only in (True, False):
        method = Tiny()
        loaded = torch.load(tmp_path / "run.pt", weights_only=weights_only)
        assert_same(quiet_fit(method, resume=loaded), method, *whole)
    code = (
        "import sys, torch; from mlteach.training import fit; run = torch.load(sys.argv[1]); "
        "print(run.step, run.stopped, run.best_score)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code, str(tmp_path / "run.pt")])
    assert printed.decode().split() == ["6", "callback", str(first.best_score)]


def test_a_run_of_another_method_changes_nothing():
    """Refused before a single weight is loaded."""
    run = quiet_fit(Tiny(), callback=lambda step, loss, aux: step == 6)
    other = Tiny()
    other.net[0] = nn.Linear(3, 5)
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(
        ValueError, match=r"resume does not fit: .*net.0.weight is \(5, 3\) here and"
    ):
        quiet_fit(other, resume=run)
    with pytest.raises(ValueError, match="method does not fit: .*net.0.weight"):
        run.restore_best(other)
    torch.testing.assert_close(other.state_dict(), before, rtol=0, atol=0)
    with pytest.raises(ValueError, match="resume must be the Run .* never begun"):
        quiet_fit(Tiny(), resume=Run(12))
    frozen = Tiny()
    frozen.net[0].requires_grad_(False)
    with pytest.raises(ValueError, match="resume trained other parameters"):
        quiet_fit(frozen, resume=run)


def test_resume_uses_the_settings_it_is_given():
    """A longer run, another weight decay and another learning rate act on resume."""
    first = quiet_fit(Tiny())
    shrunk, kept = Tiny(), Tiny()
    quiet_fit(shrunk, steps=13, lr=lambda step: 0.5, weight_decay=1.9, resume=first)
    run = quiet_fit(kept, steps=13, lr=lambda step: 0.5, weight_decay=0.0, resume=first)
    assert (run.step, run.history["lr"][-1]) == (13, 0.5)
    # AdamW's weight decay takes lr * weight_decay = 0.95 of the weights of step 12 away before the
    # update
    expected = kept.net[0].weight - 0.95 * first.state["method"]["net.0.weight"]
    torch.testing.assert_close(shrunk.net[0].weight, expected)


# divergence
# -------------------------------------------------------------------------------------------------


class DivergesAtStep8(Tiny):
    """Once: nan in a view, an infinite loss, or a finite loss with an infinite gradient."""

    def __init__(self, how):
        super().__init__()
        self.how, self.calls = how, 0

    def loss(self, x, y):
        self.calls += 1
        if self.calls != 8:
            return super().loss(x, y)
        loss, aux = super().loss(x * math.nan if self.how == "view" else x, y)
        if self.how == "loss":
            loss = loss * math.inf
        if self.how == "gradient":
            loss = loss + (0 * self.net[4].bias).sum().sqrt()
        return loss, aux


@pytest.mark.parametrize(
    ("how", "what"),
    [("view", r"The loss \(nan\)"), ("loss", r"The loss \(inf\)"), ("gradient", "A gradient")],
)
def test_divergence_is_refused_before_the_weights_are_touched(whole, at_seven, how, what):
    """What is not finite raises at its step; nothing has moved, and the run goes on."""
    method = DivergesAtStep8(how)
    with pytest.raises(
        TrainingDiverged, match=what + r" .* step 8 \(lr 0\.00\d+\).*smaller lr"
    ) as caught:
        quiet_fit(method)
    run = caught.value.run
    assert run.stopped == "diverged"
    assert_same(run, method, *at_seven)
    assert_same(quiet_fit(method, resume=run), method, *whole)


def test_divergence_from_a_huge_learning_rate():
    """The usual cause: the message names the learning rate, a remedy, and what failed."""
    with pytest.raises(
        TrainingDiverged, match=r"(loss|gradient).* is not finite at step \d+ \(lr 1e\+30\).*1e\+29"
    ):
        quiet_fit(Tiny(), lr=lambda step: 1e30, evaluate=None, steps=20)


# progress
# -------------------------------------------------------------------------------------------------


def test_progress_bar(monkeypatch, capsys):
    """The bar counts all steps and shows the loss, then goes away; without it fit says nothing."""
    quiet_fit(Tiny())
    assert capsys.readouterr() == ("", "")
    bar = partial(loop_module.ProgressBar, mininterval=0)
    monkeypatch.setattr(loop_module, "ProgressBar", bar)
    run = fit(Tiny(), draw, steps=3)
    out, err = capsys.readouterr()
    shown = [line.strip() for line in err.split("\r")]
    assert out == ""
    assert any("2/3" in line and f"loss={run.history['loss'][0]:.3f}" in line for line in shown)
    assert shown[-1] == ""  # the last thing written is an empty line over the bar


def test_interrupt_says_how_to_go_on(capsys):
    """One line: how far it came, and the call that continues."""

    def interrupting(generator):
        raise KeyboardInterrupt

    fit(Tiny(), interrupting, steps=5)
    assert (
        "Interrupted after step 0 of 5; fit(..., steps=5, resume=run) goes on."
        in capsys.readouterr().out
    )


# errors
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps"),
        ({"steps": 2.5}, TypeError, "2.5"),
        ({"evaluate_every": 0}, ValueError, "evaluate_every"),
        ({"lr": -1.0}, ValueError, "lr must be finite and >= 0, got -"),
        ({"lr": math.nan}, ValueError, "lr must be finite and >= 0, got nan"),
        ({"lr": lambda step: math.inf}, ValueError, "lr at step 0 .* got inf"),
        ({"lr": "fast"}, TypeError, "lr must be a number or a function"),
        ({"warmup": 1.5}, ValueError, r"warmup must be a number in \[0, 1\], got 1.5"),
        ({"resume": {}}, TypeError, "resume must be the Run"),
        ({"resume": Run(steps=12, step=12)}, ValueError, "12 are made"),
        (
            {"draw": lambda generator: torch.zeros(2)},
            TypeError,
            "draw must return a tuple of tensors, got a tensor of float32",
        ),
        ({"draw": lambda generator: ()}, TypeError, "tuple of tensors"),
        ({"draw": lambda generator: (torch.zeros(2), 3)}, TypeError, r"got \('Tensor', 'int'\)"),
        (
            {"evaluate": lambda method: math.nan},
            ValueError,
            "evaluate's score at step 4 must be finite, got nan",
        ),
        ({"method": nn.Linear(2, 2)}, TypeError, r"loss\(\*views\)"),
        (
            {"method": Tiny().requires_grad_(False)},
            ValueError,
            "no parameter that requires a gradient",
        ),
    ],
)
def test_bad_arguments(arguments, error, message):
    """Every wrong argument is named, with what was given."""
    with pytest.raises(error, match=message):
        quiet_fit(**{"method": Tiny()} | arguments)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (torch.zeros(()), r"return \(loss, aux\), got a tensor of float32"),
        ((torch.zeros(3, requires_grad=True), None), r"a \(\) tensor"),
        ((torch.zeros(()), None), "depends on the parameters"),
        ((0.5, None), r"got 0\.5"),
    ],
)
def test_bad_loss(result, message):
    """A method that breaks the contract is told which part of it."""
    method = Tiny()
    method.loss = lambda *views: result
    with pytest.raises(TypeError, match=message):
        quiet_fit(method)


def test_threads():
    """One unless asked otherwise, and as before when fit returns or raises."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for asked, used in ((None, 3), (2, 2)):
            seen = set()
            quiet_fit(
                Tiny(),
                steps=2,
                threads=asked,
                callback=lambda *_, seen=seen: seen.add(torch.get_num_threads()),
            )
            assert seen == {used}
            assert torch.get_num_threads() == 3
        seen = set()
        quiet_fit(Tiny(), steps=2, callback=lambda *_: seen.add(torch.get_num_threads()))
        assert seen == {1}
        for bad in (0, -1, 1.5, "all"):
            with pytest.raises((TypeError, ValueError), match="threads must be a whole number"):
                quiet_fit(Tiny(), steps=2, threads=bad)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


# seeds and devices
# -------------------------------------------------------------------------------------------------


def test_seed_everything():
    """Python, NumPy and torch give the same numbers again; a bad seed is named."""
    drawn = []
    for _ in range(2):
        seed_everything(7)
        drawn.append((random.random(), np.random.rand(), torch.rand(()).item()))
    assert drawn[0] == drawn[1]
    seed_everything(8)
    assert all(
        a != b
        for a, b in zip(
            drawn[0], (random.random(), np.random.rand(), torch.rand(()).item()), strict=True
        )
    )
    for bad in (-1, 2**32, 1.0, None):
        with pytest.raises((TypeError, ValueError), match="seed must be a whole number"):
            seed_everything(bad)


def test_one_variable_moves_every_random_choice_and_no_data(monkeypatch):
    """MLTEACH_SEED=0 is the book as it stands; with 1 it draws anew, from the same data."""

    def choices() -> list[float]:
        seed_everything(3)
        drawn = [random.random(), np.random.rand(), torch.rand(()).item()]
        run = quiet_fit(Tiny(), steps=2, seed=3)
        return [
            *drawn,
            run.history["loss"][0],
            torch.rand((), generator=training.generator(3)).item(),
        ]

    monkeypatch.delenv("MLTEACH_SEED", raising=False)
    usual, images = choices(), data.shapes(2, seed=3).images
    assert torch.equal(
        training.generator(3).get_state(), torch.Generator().manual_seed(3).get_state()
    )
    monkeypatch.setenv("MLTEACH_SEED", "0")
    assert choices() == usual
    monkeypatch.setenv("MLTEACH_SEED", "1")
    assert all(a != b for a, b in zip(choices(), usual, strict=True))
    assert choices() == choices()
    assert torch.equal(data.shapes(2, seed=3).images, images)
    monkeypatch.setenv("MLTEACH_SEED", "one")
    with pytest.raises(ValueError, match="MLTEACH_SEED must be a whole number >= 0, got 'one'"):
        training.generator()


def test_pick_device(monkeypatch):
    """The fastest device there is, unless asked otherwise; MLTEACH_DEVICE has the last word."""
    monkeypatch.delenv("MLTEACH_DEVICE", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == torch.device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device() == torch.device("mps")
    assert pick_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"prefer is 'cuda', but there is only \['mps', 'cpu'\]"):
        pick_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device() == torch.device("cpu")
    monkeypatch.setenv("MLTEACH_DEVICE", "toaster")
    with pytest.raises(ValueError, match="MLTEACH_DEVICE is 'toaster'"):
        pick_device("cpu")
    monkeypatch.setenv("MLTEACH_DEVICE", "cpu")
    assert pick_device("toaster") == torch.device("cpu")
