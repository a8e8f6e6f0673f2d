"""Chapter 03 in a real JupyterLab: run it, move every control by keyboard and by mouse, drag the
three points.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "03_metric_learning.ipynb"
EXPLORERS = ["pair_loss_explorer", "triplet_explorer"]
POINTS = ["anchor", "positive", "negative"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_choosing_the_other_formula_changes_the_curves(chapter):
    live = Live(chapter, "pair_loss_explorer")
    before = live.settle()
    live.control("form").locator("select").select_option("not squared")
    live.wait_for_change(before)
    assert live.state("form") == "not squared"
    assert live.state("losses")["same"] == pytest.approx(live.state("distance"))


def test_the_three_points_are_dragged(chapter):
    """Each goes where the mouse lets it go, the others stay, and the state follows."""
    live = Live(chapter, "triplet_explorer")
    live.output.get_by_role("button", name="start again").click()
    targets = [(-1.0, 0.8), (-1.5, -0.7), (1.2, 0.3)]
    for number, target in enumerate(targets):
        before, points = live.settle(), chapter.ask("triplet_explorer.state['points'].tolist()")
        chapter.page.mouse.move(*live.place("ax", *points[number]))
        chapter.page.mouse.down()
        chapter.page.mouse.move(*live.place("ax", 0.1, -1.5), steps=8)
        chapter.page.mouse.move(*live.place("ax", *target), steps=8)
        chapter.page.mouse.up()
        live.wait_for_change(before)
        live.settle()
        after = chapter.ask("triplet_explorer.state['points'].tolist()")
        assert after[number] == pytest.approx(target, abs=0.03)
        assert [after[i] == points[i] for i in range(3) if i != number] == [True, True]
        assert live.value("point") == POINTS[number]
    to_positive, to_negative = (
        live.state("distances")["positive"],
        live.state("distances")["negative"],
    )
    assert to_positive == pytest.approx((0.5**2 + 1.5**2) ** 0.5, abs=0.05)
    assert to_negative == pytest.approx((2.2**2 + 0.5**2) ** 0.5, abs=0.05)


def test_the_buttons_follow_the_pull_and_start_again(chapter):
    live = Live(chapter, "triplet_explorer")
    live.output.get_by_role("button", name="start again").click()
    live.settle()
    chapter.ask("setattr(triplet_explorer.controls['margin'], 'value', 2.0)")
    before, loss = live.settle(), live.state("loss")
    live.output.get_by_role("button", name="follow the force").click()
    live.wait_for_change(before)
    assert live.state("loss") < loss


def test_screen_readers_are_told_where_the_negative_is(chapter):
    assert "so the triplet is" in Live(chapter, "triplet_explorer").picture.get_attribute("alt")
