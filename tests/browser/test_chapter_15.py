"""Chapter 15 in a real JupyterLab: run it, click support points, move both learning rates, click
the initialisation.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "15_maml.ipynb"
EXPLORERS = ["inner_explorer", "rates_explorer", "curvature_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def click(chapter, live, ax, x, y):
    """Presses at a point in data coordinates and lets go there."""
    before = live.settle()
    chapter.page.mouse.move(*live.place(ax, x, y))
    chapter.page.mouse.down()
    chapter.page.mouse.up()
    return live.wait_for_change(before)


def points(chapter):
    return chapter.ask("inner_explorer.state['points'].tolist()")


def test_support_points_are_clicked_and_taken_away(chapter):
    live = Live(chapter, "inner_explorer")
    live.output.get_by_role("button", name="no points").click()
    live.settle()
    assert points(chapter) == []
    live.set("steps", 5)
    error = chapter.ask("inner_explorer.state['errors']['MAML'][5].item()")
    for number, (x, y) in enumerate([(-2.0, -0.5), (1.0, 0.2), (2.5, 2.9)], 1):
        click(chapter, live, "ax", x, y)
        assert len(points(chapter)) == number
        assert points(chapter)[-1] == pytest.approx([x, y], abs=0.05)
    assert chapter.ask("inner_explorer.state['errors']['MAML'][5].item()") != error
    click(chapter, live, "ax", 1.0, 0.2)
    assert [x for x, _ in points(chapter)] == pytest.approx([-2.0, 2.5], abs=0.05)
    live.output.get_by_role("button", name="new points on the wave").click()
    live.settle()
    assert len(points(chapter)) == 5


def test_the_inner_rate_moves_the_fits_of_all_networks(chapter):
    live = Live(chapter, "inner_explorer")
    live.set("steps", 3)
    ask = "{name: fit.sum().item() for name, fit in inner_explorer.state['fits'].items()}"
    before = chapter.ask(ask)
    live.drag("lr", -60)
    live.settle()
    after = chapter.ask(ask)
    assert all(before[name] != after[name] for name in ("MAML", "pre-trained", "random"))


def test_both_rates_choose_a_meta_training(chapter):
    """By keyboard and by a click on the map."""
    live = Live(chapter, "rates_explorer")
    seen = [live.state("final")]
    for name in ("outer_lr", "inner_lr"):
        live.set(name, live.options(name)[1])
        live.control(name).locator(".noUi-handle").focus()
        before = live.settle()
        chapter.page.keyboard.press("ArrowRight")
        live.wait_for_change(before)
        assert live.value(name) == live.options(name)[2]
        seen.append(live.state("final"))
    assert len(set(seen[1:])) == 2
    click(chapter, live, "map_ax", 0, 1)
    assert (live.value("inner_lr"), live.value("outer_lr")) == (
        live.options("inner_lr")[0],
        live.options("outer_lr")[1],
    )
    assert live.state("final") == pytest.approx(chapter.ask("losses[1, 0, -1].item()"))


def test_the_initialisation_is_clicked_and_dragged(chapter):
    live = Live(chapter, "curvature_explorer")
    click(chapter, live, "outer_ax", -1.0, 4.0)
    assert live.state("start") == pytest.approx(-1.0, abs=0.05)
    before = live.settle()
    chapter.page.mouse.move(*live.place("outer_ax", -1.0, 4.0))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*live.place("outer_ax", 1.0, 4.0), steps=8)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()
    assert live.state("start") == pytest.approx(1.0, abs=0.05)
