"""Chapter 14 in a real JupyterLab: run it, drag support points and the query, move ways, shots and
episodes.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "14_episodes.ipynb"
EXPLORERS = ["prototypes_explorer", "episodes_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def drag(chapter, live, start, end):
    """From one point of the plane to another, and lets go there."""
    before = live.settle()
    chapter.page.mouse.move(*live.place("ax", *start))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*live.place("ax", *end), steps=8)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()


def support(chapter):
    return chapter.ask("prototypes_explorer.state['support'].tolist()")


def prototypes(chapter):
    return chapter.ask("prototypes_explorer.state['prototypes'].tolist()")


def test_a_support_point_is_dragged_and_its_border_moves(chapter):
    """Its prototype moves by a third of the way, because there are three shots; the others stay."""
    live = Live(chapter, "prototypes_explorer")
    live.set("n_shot", 3)
    points, means = support(chapter), prototypes(chapter)
    region = chapter.ask("prototypes_explorer.regions.get_paths()[0].vertices.tolist()")
    drag(chapter, live, points[1][2], (-2.0, -2.0))
    moved, moved_means = support(chapter), prototypes(chapter)
    assert moved[1][2] == pytest.approx([-2.0, -2.0], abs=0.05)
    assert (moved[0], moved[2], moved[1][:2]) == (points[0], points[2], points[1][:2])
    third = [(there - here) / 3 for here, there in zip(points[1][2], moved[1][2], strict=True)]
    way = [after - before for before, after in zip(means[1], moved_means[1], strict=True)]
    assert way == pytest.approx(third, abs=1e-4)
    assert moved_means[0] == means[0]
    assert chapter.ask("prototypes_explorer.regions.get_paths()[0].vertices.tolist()") != region


def test_the_query_is_dragged_into_another_class(chapter):
    live = Live(chapter, "prototypes_explorer")
    target = prototypes(chapter)[2]
    drag(chapter, live, live.state("query"), target)
    assert live.state("query") == pytest.approx(target, abs=0.06)
    assert [live.value("x"), live.value("y")] == live.state("query")
    assert chapter.ask("int(prototypes_explorer.state['probabilities'].argmax())") == 2
    assert "the star is C" in live.picture.get_attribute("alt")


def test_another_support_is_drawn(chapter):
    live = Live(chapter, "prototypes_explorer")
    before, points = live.settle(), support(chapter)
    live.output.get_by_role("button", name="draw another support").click()
    live.wait_for_change(before)
    assert support(chapter) != points


def test_more_episodes_make_the_interval_narrow(chapter):
    live = Live(chapter, "episodes_explorer")
    live.drag("n_episodes", -800)
    live.settle()
    wide = live.state("half_width")
    live.drag("n_episodes", 800)
    live.settle()
    assert live.state("n_episodes") == 1000
    assert live.state("half_width") < wide / 4


def test_other_episodes_give_another_mean(chapter):
    live = Live(chapter, "episodes_explorer")
    before, mean = live.settle(), live.state("mean")
    live.output.get_by_role("button", name="draw other episodes").click()
    live.wait_for_change(before)
    assert live.state("mean") != mean
    assert live.state("truth") == pytest.approx(
        chapter.ask("singles[episodes_explorer.state['n_shot']].mean().item()")
    )
