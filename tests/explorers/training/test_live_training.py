"""LiveTraining: what is drawn, paused or moved changes no bit but what a knob is to change."""

import _thread
import base64
import copy
import io
import math
import random
import signal
import sys
import threading
import time
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ipywidgets import Checkbox
from PIL import Image
from support.explorer_drawing import assert_all_apart, redrawn, shown
from torch import nn

from mlteach.data import Dataset
from mlteach.explorers import LiveTraining, SideBySide
from mlteach.explorers._core import worker as worker_module
from mlteach.explorers.training import live_run as module
from mlteach.losses import nt_xent
from mlteach.training import TrainingDiverged, fit

pytestmark = pytest.mark.usefixtures("unlaid")
SOON = 20  # seconds; nothing here takes a tenth of it


class Toy(nn.Module):
    """Two views, a temperature, BatchNorm's statistics, and a target that only after_step moves."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
        self.temperature, self.broken = 0.2, False
        self.register_buffer("moved", torch.zeros(()))

    def encode(self, x):
        return self.net(x.flatten(1))

    def loss(self, x1, x2):
        z1, z2 = self.encode(x1), self.encode(x2)
        loss = nt_xent(z1, z2, temperature=self.temperature) + (math.nan if self.broken else 0)
        with torch.no_grad():
            return loss, {"z1": F.normalize(z1), "z2": F.normalize(z2)}

    def after_step(self, aux):
        self.moved += self.temperature


def toy_dataset(count=24):
    generator = torch.Generator().manual_seed(1)
    images, labels = torch.rand(count, 1, 2, 3, generator=generator), torch.arange(count) % 3
    return Dataset("toys", images, labels, ("a", "b", "c"), {})


IMAGES = toy_dataset().images


def draw(generator):
    x = torch.randn(8, 6, generator=generator)
    return x, x + 0.3 * torch.randn(8, 6, generator=generator)


def score(method):
    """Between 0 and 1, falls as the features grow."""
    assert not method.training
    return 1 / (1 + method.encode(IMAGES).square().mean().item())


class Gate:
    """A draw that lets only so many steps through."""

    def __init__(self):
        self.permits = threading.Semaphore(1)  # for the batch that is shown before the first step
        self.calls = 0

    def __call__(self, generator):
        self.calls += 1
        assert self.permits.acquire(timeout=SOON)
        return draw(generator)

    def let(self, steps, live):
        """Lets these steps be made and returns when the next one waits for its views."""
        made = len(live.rows) + steps
        self.permits.release(steps)
        until(lambda: self.calls == made + 2)

    def open(self):
        self.permits.release(10_000)


def until(condition):
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.001)


def make(draw=draw, method=None, **arguments):
    arguments = {
        "steps": 12,
        "knobs": {"temperature": (0.02, 2)},
        "evaluate": score,
        "evaluate_every": 5,
    } | arguments
    return LiveTraining(method or Toy(), draw, **arguments)


def finish(live):
    live.start()
    live.wait()
    return live


def weights(live):
    return {name: tensor.clone() for name, tensor in live.method.state_dict().items()}


def assert_same(one, other):
    """Not a bit differs: steps, scores, weights and buffers."""
    assert one.rows == other.rows
    assert one.scores == other.scores
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=0)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Whatever a test does, halting ends every training."""
    yield
    worker_module._halt_all()
    worker_module._places.clear()
    until(
        lambda: not [thread for thread in threading.enumerate() if thread.name == "live training"]
    )


@pytest.fixture(scope="module")
def whole():
    """A run that nothing disturbed."""
    return finish(make())


# --- the same training as fit's, whatever is seen of it ------------------------------------------


def test_it_is_the_training_of_fit(whole):
    """The weights and losses of a plain call of fit; the method handed in stays as it was."""
    method, given = Toy(), Toy()
    lr = whole.controls["lr"].value
    run = fit(
        method, draw, steps=12, lr=lambda step: lr, evaluate=score, evaluate_every=5, progress=False
    )
    torch.testing.assert_close(weights(whole), method.state_dict(), rtol=0, atol=0)
    assert [row[1] for row in whole.rows] == run.history["loss"]
    assert whole.scores[1:] == list(
        zip(run.history["score_step"], run.history["score"], strict=True)
    )
    live = finish(make(method=given))
    torch.testing.assert_close(given.state_dict(), Toy().state_dict(), rtol=0, atol=0)
    assert_same(live, whole)


def test_drawing_changes_nothing(whole, monkeypatch):
    """Drawn after every step or never: the same run."""
    monkeypatch.setattr(module, "FIGURES_A_SECOND", 1e9)
    monkeypatch.setattr(module, "DRAWING_SHARE", 1.0)
    often = make(pictures=toy_dataset())
    drawings = []
    redraw = often._redraw
    often._redraw = lambda: (drawings.append(len(often.rows)), redraw())
    assert_same(finish(often), whole)
    assert set(range(1, 13)) <= set(drawings)
    never = make()
    never.refresh = lambda change=None: None
    assert_same(finish(never), whole)


def test_the_global_generators_change_nothing(whole):
    """Another seed of torch, and another thread that draws from it all the time."""
    torch.manual_seed(99)
    live = make()
    live.start()
    while live.worker.running:
        torch.rand(10)
    assert_same(live, whole)


def test_pausing_and_going_on_changes_nothing(whole):
    gate = Gate()
    live = make(gate)
    live.start()
    gate.let(7, live)
    pausing = threading.Thread(target=live.pause)
    pausing.start()
    until(lambda: live.worker.halting)
    gate.open()
    pausing.join()
    assert (live.state["status"], live.state["step"]) == ("paused", 8)
    assert not live.worker.running
    assert_same(finish(live), whole)


def test_stop_and_start_is_a_new_run_from_the_first_weights(whole):
    live = finish(make())
    live.stop()
    assert live.state["status"] == "stopped"
    # still there to be used
    torch.testing.assert_close(weights(live), weights(whole), rtol=0, atol=0)
    assert_same(finish(live), whole)
    assert live.state["status"] == "finished"


def test_start_after_the_end_adds_as_many_steps_again():
    live = finish(finish(make()))
    assert (live.state["step"], live.state["steps"], live.bar.max) == (24, 24, 24)
    assert [row[:2] for row in live.rows] == [row[:2] for row in finish(make(steps=24)).rows]


def test_two_at_once_train_as_each_alone(whole):
    one, other = make(), make(seed=3)
    one.start()
    other.start()
    one.wait()
    other.wait()
    assert_same(one, whole)
    assert_same(other, finish(make(seed=3)))
    assert one.rows != other.rows


# --- knobs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["temperature", "lr"])
def test_a_knob_acts_on_the_very_next_step(knob, whole):
    """Moved while step 4 is made, it is drawn at once and used by step 5, and no step before."""
    gate = Gate()
    live = make(gate)
    live.start()
    gate.let(3, live)
    before = live.controls[knob].value
    live.controls[knob].value = new = before / 10
    until(lambda: live.state[knob] == new)
    assert live.state["used"].get(knob, before) == before
    live.rest_until = math.inf  # no figure is due for another reason
    gate.let(2, live)
    until(lambda: live.state["step"] == 5)
    assert live.state["used"][knob] == new
    gate.open()
    live.wait()
    assert [row[2 if knob == "lr" else 3] for row in live.rows] == [before] * 4 + [new] * 8
    assert live.rows[:4] == whole.rows[:4]
    assert live.rows[5][1] != whole.rows[5][1]
    assert live.moved
    assert not whole.moved
    live.stop()
    assert finish(live).rows[0][2:] == live.rows[-1][2:]
    assert not live.moved  # the new run had one setting throughout


def test_a_knob_is_the_attribute_that_the_loss_reads():
    """after_step adds the temperature of each step to a buffer."""
    gate = Gate()
    live = make(gate, steps=4)
    live.start()
    gate.let(1, live)
    live.controls["temperature"].value = 2
    gate.open()
    live.wait()
    assert live.method.moved.item() == pytest.approx(2 * 0.2 + 2 * 2)
    assert live.run.history["lr"] == pytest.approx([4e-3] * 4)


def test_a_knob_moved_in_a_pause_is_seen_at_once_and_used_by_the_next_step():
    live = finish(make())
    png = live.canvas.png
    old = live.controls["temperature"].value
    new = 10 ** live.controls["temperature"].min
    live.controls["temperature"].value = new
    assert live.canvas.png != png
    assert (live.state["used"]["temperature"], live.state["temperature"]) == (old, new)
    assert "temperature 0.2 (next 0.02)" in live.canvas.readout
    assert finish(live).rows[12][3] == new


@pytest.mark.parametrize("narrow", [False, True])
def test_the_knobs_are_dots_where_they_are_now_and_do_not_overlap_at_first(narrow, monkeypatch):
    monkeypatch.undo()  # the panels are laid out
    live = make(narrow=narrow)
    whole = shown(live)
    places = []
    for dot in live.figure.knob_points.values():
        dot.set_visible(False)
        rows, columns = (redrawn(live) != whole).any(2).nonzero()
        dot.set_visible(True)
        assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
        places.append((rows.min(), rows.max()))
    above, below = sorted(places)
    assert above[1] <= below[0]


@pytest.mark.parametrize("narrow", [False, True])
def test_the_key_of_the_knobs_names_what_low_and_high_stand_for(narrow, monkeypatch):
    """And lies inside the figure, apart from all else."""
    monkeypatch.undo()  # the panels are laid out
    live = make(narrow=narrow, lr=2e-3)
    texts = live.figure.axes_by_name["knobs"].get_legend().get_texts()
    assert [text.get_text() for text in texts] == [
        "learning rate 2e-05 to 0.02",
        "temperature 0.02 to 2",
    ]
    assert_all_apart(live, "at first")


def test_a_control_of_ones_own_can_be_a_knob():
    """Such as a switch; it shows the attribute's value before it is touched."""
    live = make(knobs={"broken": Checkbox(False, description="broken")})
    assert finish(live).state["used"]["broken"] is False
    assert live.figure.knob_points["broken"].get_ydata()[0] == 0


@pytest.mark.parametrize(
    "knobs", [{"warmth": (1, 2)}, {"temperature": (0, 1)}, {"temperature": (0.5, 1)}]
)
def test_knobs_that_make_no_sense_are_refused(knobs):
    with pytest.raises(ValueError, match="knobs"):
        make(knobs=knobs)


# --- what can go wrong ---------------------------------------------------------------------------


class BreaksAt:
    """Views that are not a number in one step, but only once."""

    def __init__(self, step):
        self.left = step + 1  # the first batch is shown before the first step

    def __call__(self, generator):
        self.left -= 1
        x1, x2 = draw(generator)
        return (x1, x2) if self.left else (x1 * math.nan, x2)


def test_a_training_that_diverges_stops_says_why_and_keeps_the_last_good_weights(whole):
    live = finish(make(BreaksAt(6)))
    assert (live.state["status"], live.state["step"]) == ("diverged", 5)
    assert "The loss (nan) is not finite at step 6" in live.canvas.problem
    assert live.canvas.readout.startswith("diverged: step 5 of 12")
    good = finish(make(steps=5))
    torch.testing.assert_close(weights(live), weights(good), rtol=0, atol=0)
    assert_same(finish(live), whole)  # mended, it goes on from there
    assert live.canvas.problem == ""


def test_a_learning_rate_moved_up_far_too_high_ends_in_a_divergence():
    live = endless(method=Regression(), similarities=None, evaluate=None, knobs=None)
    live.knobs["lr"].max = 30
    live.start()
    until(lambda: live.rows)
    live.controls["lr"].value = 1e25
    live.wait()
    assert live.state["status"] == "diverged"
    assert live.canvas.problem.startswith(("The loss", "A gradient"))
    assert "is not finite at step" in live.canvas.problem
    assert all(tensor.isfinite().all() for tensor in weights(live).values())
    assert live.headline().startswith(f"diverged: step {len(live.rows)} of ")


def test_diverging_at_the_first_step_keeps_the_first_weights():
    live = finish(make(BreaksAt(1)))
    assert (live.state["status"], live.state["step"], live.state["loss"]) == ("diverged", 0, None)
    torch.testing.assert_close(weights(live), Toy().state_dict(), rtol=0, atol=0)


def test_the_line_of_a_divergence_stays_while_knobs_are_moved():
    live = finish(make(BreaksAt(3)))
    live.controls["lr"].value = 1e-3
    assert "not finite" in live.canvas.problem


def test_an_error_is_shown_and_raised_and_the_next_start_begins_again(whole):
    """Such as a mistake in a learner's draw."""
    live = make()
    live.draw = lambda generator: [][0]
    live.start()
    with pytest.raises(IndexError):
        live.wait()
    assert live.state["status"] == "failed"
    assert live.canvas.problem == "IndexError: list index out of range"
    live.draw = draw
    assert_same(finish(live), whole)
    assert live.canvas.problem == ""


@pytest.fixture
def interruptible():
    """Python's own answer to an interrupt: a program started in the background would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_of_the_kernel_pauses_what_a_cell_waits_for(whole):
    """Ctrl-C reaches the main thread alone; the training goes on later as if nothing had been."""
    live = make()

    def interrupting(generator):
        if len(live.rows) == 4:
            _thread.interrupt_main()
            until(lambda: live.worker.halting)
        return draw(generator)

    live.draw = interrupting
    live.start()
    with pytest.raises(KeyboardInterrupt):
        live.wait()
    assert (live.state["status"], live.state["step"]) == ("paused", 5)
    assert not live.worker.running
    live.draw = draw
    assert_same(finish(live), whole)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_of_other_code_leaves_the_training_alone(whole):
    """Ctrl-C ends what runs in the main thread; the training's thread hears nothing of it."""
    gate = Gate()
    live = make(gate)
    live.start()
    gate.let(3, live)

    def busy():
        _thread.interrupt_main()
        until(lambda: False)

    with pytest.raises(KeyboardInterrupt):
        busy()
    gate.open()
    live.wait()
    assert_same(live, whole)


# --- one place, one training ---------------------------------------------------------------------


def endless(**arguments):
    return make(steps=10**9, evaluate_every=10**9, **arguments)


def test_a_successor_of_the_same_name_stops_its_predecessor_and_joins_it():
    first, other = endless(name="mine"), endless(name="other")
    first.start()
    other.start()
    second = endless(name="mine")
    assert not first.worker.running
    assert first.state["status"] == "paused"
    assert other.worker.running
    second.start()
    assert second.worker.running


class Kernel:
    """What IPython tells of the cell that runs."""

    def __init__(self):
        self.message = {}

    def get_parent(self):
        return self.message

    def execute(self, cell):
        self.message = {"header": {"msg_id": object()}, "metadata": {"cellId": cell}}


def test_running_the_cell_again_stops_what_it_made_before(monkeypatch):
    """All that it made, nothing of another cell; two made by one execution live side by side."""
    kernel = Kernel()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: kernel))
    kernel.execute("a")
    pair = endless(), endless()
    kernel.execute("b")
    other = endless()
    for live in (*pair, other):
        live.start()
    assert all(live.worker.running for live in (*pair, other))
    kernel.execute("a")
    endless()
    assert not any(live.worker.running for live in pair)
    assert other.worker.running


def test_outside_a_notebook_nothing_is_replaced():
    first = endless()
    first.start()
    endless()
    assert first.worker.running


# --- from the page, in any order and any thread --------------------------------------------------


def click(live, label):
    live.buttons[label].click()


def test_buttons_do_what_the_functions_do_and_only_those_that_can_be_pressed_are_active():
    gate = Gate()
    live = make(gate)

    def active():
        return {label for label, made in live.buttons.items() if not made.disabled}

    assert active() == {"start"}
    click(live, "start")
    gate.let(1, live)
    until(lambda: active() == {"pause", "stop"})
    gate.open()
    live.wait()
    assert active() == {"start", "stop"}
    click(live, "stop")
    assert active() == {"start"}
    assert live.state["status"] == "stopped"


def test_any_order_of_moves_ends_well():
    """Two threads press and drag at random, as subshells may, while the main thread does so too."""
    live = make(pictures=toy_dataset())
    errors, settings = [], dict(live.settings)

    def play(seed):
        rng = random.Random(seed)
        try:
            for _ in range(15):
                name = rng.choice(["start", "pause", "stop", "temperature", "lr"])
                if name in live.buttons:
                    click(live, name)
                else:
                    live.controls[name].value = 10 ** rng.uniform(
                        live.controls[name].min, live.controls[name].max
                    )
        except Exception as error:
            errors.append(error)

    players = [threading.Thread(target=play, args=(seed,)) for seed in (1, 2)]
    for player in players:
        player.start()
    play(3)
    for player in players:
        player.join(SOON)
        assert not player.is_alive(), "a deadlock"
    live.stop()
    assert errors == []
    assert live.canvas.problem == ""
    for knob, value in settings.items():
        live.controls[knob].value = value
    assert_same(finish(live), finish(make(pictures=toy_dataset())))


def test_pausing_from_another_thread_ends_the_waiting():
    live = endless()
    live.start()
    threading.Timer(0.05, live.pause).start()
    live.wait()
    until(lambda: live.state["status"] == "paused")


def test_slow_drawings_hold_up_neither_the_mover_nor_the_training(monkeypatch):
    """Each longer than the pause between two: nobody may draw on and on for the other."""
    live = endless()
    draw_figure = live._draw
    monkeypatch.setattr(live, "_draw", lambda: (time.sleep(0.15), draw_figure())[1])
    live.start()
    until(lambda: live.rows)

    def move():
        for i in range(20):
            live.controls["temperature"].value = 0.1 + i / 100

    mover = threading.Thread(target=move)
    mover.start()
    mover.join(SOON)
    assert not mover.is_alive()
    made = len(live.rows)
    until(lambda: len(live.rows) > made + 20)
    until(lambda: live.state["used"]["temperature"] == pytest.approx(0.29))
    live.pause()
    assert (live.state["status"], live.state["step"]) == ("paused", len(live.rows))


# --- the figure ---------------------------------------------------------------------------------


def test_it_draws_at_most_ten_figures_a_second_and_a_quarter_of_the_time(monkeypatch):
    """By a clock on which a step takes a millisecond and a drawing 50, with 200 steps."""
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    drawn = []

    def slow_draw(generator):
        clock[0] += 1e-3
        return draw(generator)

    live = make(slow_draw, steps=200, evaluate_every=1000)

    def refresh(change=None):
        drawn.append(clock[0])
        clock[0] += 0.05

    live.refresh = refresh
    finish(live)
    gaps = np.diff(drawn[:-1])  # the last figure, of the finished run, does not wait
    assert len(gaps) >= 1
    assert gaps.min() == pytest.approx(0.2, abs=2e-3)
    assert gaps.max() == pytest.approx(0.2, abs=2e-3)


def test_the_state_tells_what_the_figure_shows():
    live = finish(make(pictures=toy_dataset(), chance=math.log(15)))
    state = live.state
    assert (state["status"], state["step"], state["steps"], state["why"]) == (
        "finished",
        12,
        12,
        "",
    )
    assert state["loss"] == live.run.history["loss"][-1] == live.figure.loss_line.get_ydata()[-1]
    assert state["score"] == live.run.history["score"][-1] == live.figure.score_line.get_ydata()[-1]
    assert [step for step, _ in live.scores] == [0, 5, 10, 12]
    assert state["matrix"].shape == (8, 8)
    assert np.array_equal(live.figure.cells.get_array(), state["matrix"].numpy())
    assert state["layout"].shape == (24, 2)
    assert np.linalg.norm(live.figure.dots.get_offsets(), axis=1).max() == pytest.approx(1)
    assert live.canvas.readout == live.canvas.alt == live.describe()
    assert live.canvas.readout.startswith(
        f"finished: step 12 of 12 · loss {state['loss']:.3f} · kNN accuracy"
    )
    assert live.bar.value == live.bar.max == 12


def test_before_the_first_step_it_shows_the_untrained_method():
    """Its score, its map, and the cosines of the first batch; none of it changes the training."""
    live = make(pictures=toy_dataset())
    assert (live.state["status"], live.state["step"], live.state["loss"]) == ("ready", 0, None)
    with torch.no_grad():
        assert live.state["score"] == score(Toy().eval())
        x1, x2 = draw(torch.Generator().manual_seed(0))
        z1, z2 = F.normalize(Toy().encode(x1)), F.normalize(Toy().encode(x2))
    torch.testing.assert_close(live.state["matrix"], z1 @ z2.T)
    assert not live.method.training  # ready to be used
    torch.testing.assert_close(weights(live), Toy().state_dict(), rtol=0, atol=0)


def test_the_map_moves_little_from_figure_to_figure():
    """Each layout starts at the last one: no turn, no mirror image."""
    live = make(pictures=toy_dataset(), steps=40, evaluate_every=1)
    layouts = []
    look = live._look
    live._look = lambda method: (look(method), layouts.append(live.layout))[0]
    finish(live)
    spread = torch.stack(layouts).square().sum(2).mean(1).sqrt()
    moves = torch.stack(
        [(b - a).norm(dim=1).mean() for a, b in zip(layouts, layouts[1:], strict=False)]
    )
    assert len(layouts) == 40
    assert (moves[20:] / spread[21:]).median() < 0.2


def test_the_output_carries_the_live_widget_and_the_finished_figure():
    live = finish(make(pictures=toy_dataset()))
    data, metadata = live._repr_mimebundle_()
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    assert np.array_equal(saved, shown(live))
    assert metadata["image/png"]["alt"] == data["text/plain"] == live.describe()


def test_a_knob_at_both_ends_keeps_the_figure_alive():
    live = finish(make(pictures=toy_dataset()))
    for control in live.knobs.values():
        for end in (10**control.min, 10**control.max):
            control.value = end
            finish(live)
    assert live.state["status"] in ("finished", "diverged")
    assert shown(live).std() > 0


def test_blitting_draws_what_a_full_drawing_draws():
    live = finish(make(pictures=toy_dataset()))
    live.controls["temperature"].value = 0.05
    blitted = shown(live)
    live.redraw_all()
    live.refresh()
    assert np.abs(blitted.astype(int) - shown(live)).mean() < 0.05


def test_a_high_loss_and_a_negative_one_stay_in_the_figure():
    live = make(chance=2.0)
    axis = live.figure.axes_by_name["loss"]
    assert axis.get_ylim() == pytest.approx((0, 2.3))
    live.rows = [(1, 2.0, 4e-3, 0.2), (2, 7.0, 4e-3, 0.2), (3, -1.0, 4e-3, 0.2)]
    live.refresh()
    low, high = axis.get_ylim()
    assert low < -1
    assert 7 < high < 14
    live.rows.append((4, 1e9, 4e-3, 0.2))
    live.refresh()
    assert axis.get_ylim()[1] < 40


class Regression(nn.Module):
    """A method of the contract with nothing to encode, as in meta-learning."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(6, 6)

    def loss(self, x, y):
        return (self.net(x) - y).square().mean(), None


@pytest.mark.parametrize(
    ("kind", "narrow"),
    [("bare", False), ("bare", True), ("scored", True), ("mapped", False), ("all", True)],
)
def test_a_figure_has_only_the_panels_that_there_is_something_for(kind, narrow):
    more = {
        "bare": {"method": Regression(), "similarities": None, "evaluate": None, "knobs": None},
        "scored": {"similarities": None, "baselines": {"pixels": 0.4, "random encoder": 0.3}},
        "mapped": {"similarities": None, "pictures": toy_dataset(), "evaluate": None},
        "all": {"pictures": toy_dataset()},
    }[kind]
    panels = {
        "bare": set(),
        "scored": {"score"},
        "mapped": {"map", "key"},
        "all": {"score", "matrix", "map", "key"},
    }
    live = finish(make(narrow=narrow, **more))
    assert set(live.figure.axes_by_name) == {"loss", "knobs"} | panels[kind]
    assert live.state["status"] == "finished"
    assert live.canvas.width == (440 if narrow else 900)
    assert shown(live).std() > 0


def test_side_by_side_shows_both():
    one, other = finish(make(narrow=True)), make(narrow=True, similarities=None)
    data, metadata = SideBySide(one, other)._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.width == shown(one).shape[1] + shown(other).shape[1]
    assert image.height == max(shown(one).shape[0], shown(other).shape[0])
    assert metadata["image/png"]["width"] == 880
    assert data["text/plain"] == f"{one.describe()} | {other.describe()}"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_copy_of_the_method_is_trained_even_where_two_share_it():
    """Two explorers of one method start from the same weights and do not disturb each other."""
    method = Toy()
    one, other = make(method=method), make(method=method)
    finish(one)
    assert_same(finish(other), one)
    assert copy.deepcopy(method).state_dict().keys() == one.method.state_dict().keys()


def test_the_error_of_a_divergence_is_not_raised_by_wait():
    """It is no mistake of the program: the line under the figure says what to do."""
    live = finish(make(BreaksAt(2)))
    assert live.error is None
    assert issubclass(TrainingDiverged, RuntimeError)


@pytest.mark.parametrize("leave", [SystemExit, GeneratorExit])
def test_an_exit_inside_the_training_is_told_like_an_error(leave):
    """A thread that ends with it would leave a training that runs forever."""

    def ends(generator):
        raise leave("enough")

    live = make()
    live.draw = ends
    live.start()
    with pytest.raises(leave):
        live.wait()
    assert live.state["status"] == "failed"
    assert "enough" in live.canvas.problem


def test_a_thread_that_cannot_start_leaves_nothing_to_wait_for(monkeypatch):
    live = make()
    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", lambda thread: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            live.start()
    assert not live.worker.running
    live.stop()
    assert finish(live).state["status"] == "finished"
