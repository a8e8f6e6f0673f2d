"""The explorers of losses, views and evaluation on a page: controls by keyboard and by mouse."""

import math

import pytest
from support.explorer_on_page import EveryExplorer
from support.explorer_registry import SELF_SUPERVISION
from support.live import Live

MAKE = SELF_SUPERVISION


class TestEveryExplorer(EveryExplorer):
    """All that is asked of any explorer."""


# --- losses --------------------------------------------------------------------------------------


def test_pointing_at_the_matrix_shows_a_pair(explorers):
    live = Live(explorers, "similarity_matrix")
    before = live.settle()
    explorers.page.mouse.move(*live.place("ax", 3, 8))
    live.wait_for_change(before)
    live.settle()
    assert live.state("hover") == [8, 3]


def test_following_the_force_never_goes_back(explorers):
    """The page repeats every angle that Python sets, too late, and must not put it back."""
    live = Live(explorers, "circle")
    for point in live.ask("list(e.names)")[-2:]:
        live.press("start again")
        live.ask(f"setattr(e.controls['point'], 'value', {point!r})")
        for _ in range(3):
            live.press("follow the force")
            live.settle()
        alignments = live.ask("[alignment for _, alignment in e.track]")
        assert len(alignments) >= 30
        assert alignments == sorted(alignments, reverse=True)


def test_a_point_of_the_circle_is_dragged(explorers):
    live = Live(explorers, "circle")

    def place(angle):
        return math.cos(angle), math.sin(angle)

    angles = live.ask("e.state['angles'].flatten().tolist()")
    live.drag("ax", place(angles[5]), place(-1.0), place(2.5))
    after = live.ask("e.state['angles'].flatten().tolist()")
    moved = [i for i, pair in enumerate(zip(angles, after, strict=True)) if pair[0] != pair[1]]
    assert len(moved) == 1
    assert after[moved[0]] == pytest.approx(2.5, abs=0.05)
    assert live.value("point") == live.options("point")[moved[0]]
    assert math.radians(live.value("angle")) == pytest.approx(2.5, abs=0.05)


def test_the_buttons_follow_the_force_and_start_again(explorers):
    live = Live(explorers, "circle")
    live.press("start again")
    before = live.settle()
    start, loss = live.ask("e.state['angles'].tolist()"), live.state("loss")
    live.output.locator("button", has_text="follow").click()
    live.wait_for_change(before)
    live.settle()
    assert live.state("loss") < loss
    live.press("start again")
    live.settle()
    assert live.ask("e.state['angles'].tolist()") == start


# --- views ---------------------------------------------------------------------------------------


def test_the_buttons_of_the_views(explorers):
    """No change, the book's view, and another draw of it."""
    live = Live(explorers, "views")
    live.press("no change")
    live.wait_for_value("hue", 0)
    live.settle()
    assert live.state("change") == 0
    live.press("the book's view")
    live.wait_for_value("hue", 0.5)
    book = live.settle()
    change = live.state("change")
    draw = live.value("draw")
    assert change > 0.1
    live.press("draw again")
    live.wait_for_value("draw", draw + 1)
    live.wait_for_change(book)
    assert live.value("hue") == 0.5
    assert live.state("change") != change


def test_the_box_is_dragged_and_the_label_follows(explorers):
    """To the middle, then over the edge, where less of it is pasted; with Mixup there is none."""
    live = Live(explorers, "mixing")
    for name, value in {"kind": "CutMix", "share": 0.5, "picture": 0, "partner": 1}.items():
        live.set(name, value)
    start = live.value("x") - 0.5, live.value("y") - 0.5
    live.drag("mixed_ax", start, (3.5, 3.5))
    assert (live.value("x"), live.value("y")) == (4, 4)
    assert live.state("kept") == pytest.approx(0.5, abs=0.1)
    live.drag("mixed_ax", (3.5, 3.5), (7.4, 7.4))
    assert min(live.value("x"), live.value("y")) >= 7
    assert live.state("kept") > 0.8
    assert max(live.ask("e.state['soft'].tolist()")) == pytest.approx(live.state("kept"))
    live.select("kind", "Mixup")
    assert not live.control("x").is_visible()
    live.select("kind", "CutMix")
    assert live.control("x").is_visible()


def test_draw_takes_another_share(explorers):
    live = Live(explorers, "mixing")
    seen = {live.value("share")}
    for _ in range(3):
        before = live.settle()
        live.press("draw λ, partner and place")
        live.wait_for_change(before)
        live.settle()
        seen.add(live.value("share"))
        live.assert_sound()
    assert len(seen) > 2


# --- methods and evaluation ----------------------------------------------------------------------


def test_the_alternative_text_tells_the_switches(explorers):
    live = Live(explorers, "switchboard")
    for name in ("predictor", "stop_gradient", "target_average"):
        live.set(name, False)
    text = live.image.get_attribute("alt")
    assert "predictor off, stop gradient off, target average off" in text


def test_the_queue_fills_step_by_step(explorers):
    """With the arrow keys: every step replaces one batch, where the mark was."""
    live = Live(explorers, "conveyor")
    live.set("step", 1)
    assert live.state("oldest") == -1
    for step, pointer in ((2, 0), (3, 4), (4, 8)):
        live.step("step")
        assert (live.state("step"), live.state("oldest")) == (step, step - 2)
        assert live.ask(f"e.state['ages'][{pointer}:{pointer + 4}].tolist()") == [0] * 4


def test_a_press_on_the_curve_sets_k_and_dragging_moves_it(explorers):
    live = Live(explorers, "knn_vote")
    live.drag("ax", (10, 0.5))
    assert live.value("k") == pytest.approx(10, abs=1)
    live.drag("ax", (10, 0.5), (100, 0.4))
    assert live.state("k") == live.value("k") == pytest.approx(100, abs=4)
