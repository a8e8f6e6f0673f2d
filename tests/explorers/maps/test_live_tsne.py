"""LiveTSNE: the descent of tsne_path whatever is seen of it, its knobs, starts and colours."""

import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from support.explorer_drawing import assert_no_key_on_a_curve, differing, redrawn, shown
from support.map_cases import factors, points

from mlteach import maps
from mlteach.evaluate.layouts import trustworthiness
from mlteach.explorers import LiveTSNE
from mlteach.explorers._core import worker as worker_module
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers.maps import live_tsne as module

CHAPTER = Path(module.__file__).parents[3] / "notebooks" / "02_seeing_embeddings.ipynb"
pytestmark = pytest.mark.usefixtures("unlaid")
SOON = 20  # seconds; nothing here takes a tenth of it
X = points(60)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Whatever a test does, halting ends every descent."""
    yield
    worker_module._halt_all()
    worker_module._places.clear()
    until(lambda: not threads())


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "live training"]


def until(condition):
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.001)


def make(**options):
    return LiveTSNE(X, factors(60), **options)


def layout(live, start="PCA"):
    return live.state["layout"][start]


def assert_same(one, other):
    """Not a bit differs: places, divergences and the steps at which they were measured."""
    assert one.seen.curve == other.seen.curve
    for name, places in one.state["layout"].items():
        assert torch.equal(places, other.state["layout"][name])


# --- the same descent, whatever is seen of it ----------------------------------------------------


def test_it_is_the_descent_of_tsne_path():
    """Bit by bit, through the end of the exaggeration."""
    live = make(steps=300)
    perplexity = live.controls["perplexity"].value
    expected = maps.tsne_path(X, at=[0, 100, 300], perplexity=perplexity)
    assert torch.equal(layout(live), expected[0])
    for step, places in ((100, expected[1]), (300, expected[2])):
        live.run(step - live.step)
        assert live.state["step"] == step
        assert torch.equal(layout(live), places)
    assert live.state["status"] == "finished"


def test_the_divergence_is_kl_divergence_without_exaggeration():
    live = make()
    p = maps.affinities(X, live.controls["perplexity"].value)
    for steps in (5, 60):
        live.run(steps)
        expected = maps.kl_divergence(p, layout(live)).item()
        assert live.state["kl"]["PCA"] == pytest.approx(expected, abs=1e-4)
    assert live.seen.curve[-1] == (65, live.state["kl"]["PCA"])


def test_before_the_first_step_the_divergence_is_that_of_the_perplexity_beside_it():
    """Afterwards it stays that of the steps made, until the next one."""
    live = make()
    for perplexity in (2, 5):
        live.controls["perplexity"].value = perplexity
        expected = maps.kl_divergence(maps.affinities(X, perplexity), layout(live))
        assert live.state["kl"]["PCA"] == pytest.approx(expected.item(), rel=1e-5)
        assert live.seen.curve == [(0, live.state["kl"]["PCA"])]
    live.run(5)
    before = live.state["kl"]
    live.controls["perplexity"].value = 2
    assert live.state["kl"] == before


def test_in_the_background_it_makes_the_same_steps():
    whole = make(steps=40)
    whole.run(40)
    live = make(steps=40)
    live.start()
    until(lambda: live.state["status"] == "finished")
    assert_same(live, whole)


def test_pausing_and_going_on_changes_nothing():
    whole = make(steps=60)
    whole.run(60)
    live = make(steps=60)
    live.start()
    until(lambda: live.step >= 10)
    live.pause()
    assert not threads()
    assert live.state["status"] == "paused"
    assert 10 <= live.state["step"] < 60
    live.start()
    until(lambda: live.state["status"] == "finished")
    assert_same(live, whole)


def test_start_after_the_end_makes_as_many_steps_again():
    live = make(steps=20)
    live.run(20)
    live.start()
    until(lambda: (live.state["status"], live.state["step"]) == ("finished", 40))
    assert "step 40 of 40" in live.describe()


def test_no_key_hides_the_curves_of_maps_side_by_side(monkeypatch):
    """Wherever they run: flat along the top, and falling."""
    monkeypatch.undo()  # the panels are laid out
    live = make()
    live.controls["from"].value = "side by side"
    for _ in range(3):
        live.run(120)
        assert_no_key_on_a_curve(live, live.step)
    live.seen = live.seen._replace(
        curve=[(step, 1.9, 1.9, 1.9) for step in range(0, live.steps, 9)]
    )
    live.refresh()
    assert_no_key_on_a_curve(live, "flat to the end")


def test_reset_goes_back_to_the_start_even_while_it_runs():
    live = make()
    start, png = layout(live).clone(), shown(live)
    live.start()
    until(lambda: live.step > 5)
    live.reset()
    assert not threads()
    assert (live.state["status"], live.state["step"]) == ("ready", 0)
    assert torch.equal(layout(live), start)
    assert differing(shown(live), png) == 0


def test_back_to_step_0_keeps_the_knobs_so_that_a_run_can_be_made_again():
    live = make()
    for knob, value in {"perplexity": 5, "exaggeration": 4, "until": 100, "lr": 30}.items():
        live.controls[knob].value = value
    moved = dict(live.settings)
    live.run(30)
    before = layout(live).clone()
    live.buttons["reset"].click()
    assert live.state["step"] == 0
    assert {knob: live.controls[knob].value for knob in moved} == live.settings == moved
    live.run(30)
    assert torch.equal(layout(live), before)


def test_the_chapter_and_the_tooltip_say_what_back_to_step_0_does():
    button = make().buttons["reset"]
    assert button.description == "back to step 0"
    assert "The sliders stay as they are." in button.tooltip
    chapter = nbformat.read(CHAPTER, as_version=4)
    (text,) = (cell.source for cell in chapter.cells if cell.id == "live-tsne-text")
    text = " ".join(text.split())
    assert "**back to step 0** puts the points back and leaves the sliders" in text
    assert "reset" not in text


def test_buttons_can_be_pressed_when_they_do_something():
    live = make()

    def enabled():
        return [label for label, button in live.buttons.items() if not button.disabled]

    assert enabled() == ["start"]
    live.buttons["start"].click()
    until(lambda: enabled() == ["pause", "reset"])
    live.buttons["pause"].click()
    until(lambda: enabled() == ["start", "reset"])
    live.buttons["reset"].click()
    assert enabled() == ["start"]


# --- knobs ---------------------------------------------------------------------------------------


def test_a_knob_acts_on_the_very_next_step():
    """Each moved alone after 30 steps gives another map from step 31 on, and no step before."""
    plain = make()
    plain.run(31)
    for knob, value in (("perplexity", 3), ("exaggeration", 1), ("until", 0), ("lr", 10.0)):
        live = make()
        live.run(30)
        before = layout(live).clone()
        live.controls[knob].value = value
        assert torch.equal(layout(live), before)
        live.run(1)
        assert not torch.equal(layout(live), layout(plain)), knob


def test_knobs_that_were_moved_after_the_last_step_are_told_as_such():
    live = make()
    live.run(5)
    assert "from here on" not in live.headline.get_text() + live.describe()
    live.controls["perplexity"].value = 3
    assert "step 5 · from here on: perplexity 3 " in live.headline.get_text()
    assert "from here on: perplexity 3 " in live.describe()
    live.run(1)
    assert "step 6 · perplexity 3 " in live.headline.get_text()
    live.controls["lr"].value = 30
    live.reset()
    assert "from here on" not in live.headline.get_text()


def test_knobs_moved_while_it_runs_steer_it():
    """A low perplexity of the affinities: the divergence from them is another."""
    live = make(steps=100_000)
    live.start()
    until(lambda: live.step > 20)
    live.controls["perplexity"].value = 3
    then = live.step
    until(lambda: live.step > then + 20)
    live.pause()
    p = maps.affinities(X, 3)
    expected = maps.kl_divergence(p, layout(live)).item()
    assert live.state["kl"]["PCA"] == pytest.approx(expected, abs=1e-4)
    assert "perplexity 3 " in live.describe()


def test_exaggeration_can_come_back():
    """Moved beyond the step at hand, the knob packs the islands again: to 0.05 to 0.08 of it."""
    live = LiveTSNE(points(150), factors(150))
    live.controls["exaggeration"].value = 4

    def size():
        classes = [layout(live)[label::3] for label in range(3)]
        return sum((part - part.mean(0)).norm(dim=1).median().item() for part in classes)

    live.run(500)
    loose = size()
    live.controls["until"].value = 1000
    live.run(200)
    assert size() < 0.3 * loose


def test_affinities_are_computed_once_for_each_perplexity(monkeypatch):
    asked = []
    real = module.affinities
    monkeypatch.setattr(module, "affinities", lambda x, p: asked.append(p) or real(x, p))
    live = make()
    for perplexity in (3, 5, 3, 12, 5):
        live.controls["perplexity"].value = perplexity
        live.run(5)
    assert sorted(asked) == [3, 5, 12]
    for perplexity in live.controls["perplexity"].options:
        live.controls["perplexity"].value = perplexity
        live.run(1)
    assert len(live.known_affinities) <= module.MOST_KNOWN


def test_places_that_leave_all_bounds_end_the_descent_and_start_begins_again():
    live = make(steps=100_000)
    live.run(20)
    live._set("lr", 1e30)
    live.start()
    until(lambda: "lower the learning rate" in live.canvas.problem)
    assert live.state["status"] == "diverged"
    assert layout(live).isfinite().all()
    live._set("lr", 50.0)
    live.run(5)
    assert (live.state["status"], live.state["step"]) == ("paused", 5)
    assert live.canvas.problem == ""


def test_the_kernels_stop_button_pauses_it():
    live = make(steps=100_000)
    live.start()
    until(lambda: live.step > 5)
    worker_module.interrupt_all()
    until(lambda: "stop button paused" in live.canvas.problem)
    assert live.state["status"] == "paused"
    live.start()
    until(lambda: live.state["status"] == "running" and live.canvas.problem == "")


def test_an_error_is_shown_and_raised(monkeypatch):
    live = make()
    raised = []
    monkeypatch.setattr(threading, "excepthook", lambda given: raised.append(given.exc_type))
    monkeypatch.setattr(live, "_make", lambda steps: [][0])
    live.start()
    until(lambda: raised)
    assert raised == [IndexError]
    assert live.state["status"] == "failed"
    assert live.canvas.problem == "IndexError: list index out of range"


# --- starts --------------------------------------------------------------------------------------


def test_several_starts_side_by_side_are_the_descents_of_each_alone():
    live = make(starts=("PCA", 4))
    live.controls["from"].value = "side by side"
    live.run(30)
    for start in ("PCA", "seed 4"):
        alone = make(starts=("PCA", 4))
        alone.controls["from"].value = start
        alone.run(30)
        assert list(alone.state["layout"]) == [start]
        assert torch.equal(layout(live, start), layout(alone, start))
    assert not torch.equal(layout(live, "PCA"), layout(live, "seed 4"))


def test_a_seed_begins_at_a_cloud_as_small_as_pcas():
    live = make(starts=(0, "PCA"))
    assert layout(live, "seed 0").std(0).tolist() == pytest.approx([maps.START_SPREAD] * 2, rel=0.4)


def test_one_start_needs_no_list():
    assert "from" not in make(starts=[7]).controls


def test_the_choice_of_a_start_resets():
    live = make()
    live.run(10)
    live.controls["from"].value = "seed 1"
    assert (live.state["status"], live.state["step"]) == ("ready", 0)
    assert list(live.state["kl"]) == ["seed 1"]


@pytest.mark.parametrize(
    ("starts", "part"),
    [
        ([], "starts must be one to 3, got 0"),
        (["PCA", 0, 1, 2], "starts must be one to 3, got 4"),
        ([0, 0], "starts must be different"),
        (["spectral"], "starts must be"),
        ([-1], "starts must be"),
    ],
)
def test_starts_that_make_no_sense_are_refused(starts, part):
    with pytest.raises(ValueError, match=part):
        make(starts=starts)


@pytest.mark.parametrize("count", [10, 2001])
def test_too_few_and_too_many_points_are_refused(count):
    with pytest.raises(ValueError, match="x must have 11 to 2,000 rows"):
        LiveTSNE(torch.ones(count, 2), {"n": torch.arange(count)})


# --- what is shown -------------------------------------------------------------------------------


def test_the_descent_never_sees_a_factor():
    """Other labels, the same map; only the colours differ."""
    one = make()
    other = LiveTSNE(X, {"class": torch.arange(60) % 7})
    one.run(20)
    other.run(20)
    assert torch.equal(layout(one), layout(other))
    colours = [live.maps[0].dots.get_facecolors() for live in (one, other)]
    assert not np.array_equal(*colours)


def test_at_rest_every_map_has_its_trustworthiness():
    live = make()
    live.controls["from"].value = "side by side"
    live.run(30)
    for name, places in live.state["layout"].items():
        expected = trustworthiness(X, places, k=5)
        assert live.state["trust"][name] == pytest.approx(expected)
        assert f"{name}: KL {live.state['kl'][name]:.2f}, trustworthiness {expected:.3f}" in (
            live.describe()
        )


def test_pointing_marks_the_same_point_on_every_map():
    live = make()
    live.controls["from"].value = "side by side"
    live.run(50)
    panel = live.maps[1]
    x, y = panel.dots.get_offsets()[23]
    live.pointed(Pointer(panel.ax, x, y, False, 0, 0.0, 0.0))
    assert live.state["point"] == 23
    for panel in live.maps:
        assert np.allclose(panel.ring.get_offsets()[0], panel.dots.get_offsets()[23])


def test_all_maps_are_drawn_and_none_beside_a_single_one():
    live = make()
    alone = shown(live)
    live.controls["from"].value = "side by side"
    live.controls["from"].value = "PCA"
    assert differing(shown(live), alone) == 0
    assert differing(redrawn(live), alone) == 0
