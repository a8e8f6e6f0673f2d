"""Chapter 04 in a real JupyterLab: run it, drag the query of each index, move every knob by
keyboard and by mouse.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "04_nearest_neighbours.ipynb"
EXPLORERS = ["cells_explorer", "hash_explorer", "graph_explorer", "recall_explorer"]
# and the knob of its index
PLANES = {"cells_explorer": "cells", "hash_explorer": "buckets", "graph_explorer": "ef"}


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


@pytest.mark.parametrize("variable", PLANES)
def test_the_knob_moves_by_keyboard(chapter, variable):
    """More work: more distances, at least as many neighbours."""
    live, knob = Live(chapter, variable), PLANES[variable]
    before, distances, recall = live.settle(), live.state("distances"), live.state("recall")
    handle = live.control(knob).locator(".noUi-handle")
    for _ in range(3):
        handle.focus()
        chapter.page.keyboard.press("ArrowRight")
        live.settle()
    live.wait_for_change(before)
    assert live.state("setting") == live.value(knob)
    assert live.state("distances") > distances
    assert live.state("recall") >= recall
    assert int(live.control(knob).locator(".widget-readout").inner_text()) == live.value(knob)


@pytest.mark.parametrize("variable", PLANES)
def test_the_knob_moves_by_mouse_to_both_ends(chapter, variable):
    """At the upper end everything is visited and found."""
    live, knob = Live(chapter, variable), PLANES[variable]
    for target, end in ((800, "max"), (-800, "min")):
        live.drag(knob, target)
        live.settle()
        assert live.value(knob) == live.lab.ask(f"{variable}.controls[{knob!r}].{end}")
        assert live.state("setting") == live.value(knob)
        if end == "max":
            assert live.state("recall") == 1
            assert len(live.state("visited")) == 400
    assert live.problem() == ""


@pytest.mark.parametrize("variable", PLANES)
def test_the_query_is_dragged(chapter, variable):
    """The star follows the mouse, and the neighbours are those of its new place."""
    live = Live(chapter, variable)
    before = live.settle()
    chapter.page.mouse.move(*live.place("ax", *live.state("query")))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*live.place("ax", 0.0, -1.0), steps=8)
    chapter.page.mouse.move(*live.place("ax", 1.5, 0.5), steps=8)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()
    assert live.state("query") == pytest.approx([1.5, 0.5], abs=0.05)
    nearest = f"(points - torch.tensor({live.state('query')})).norm(dim=1).argsort()[:8].tolist()"
    assert sorted(live.state("exact")) == sorted(chapter.ask(nearest))


@pytest.mark.parametrize("axis", ["x", "y"])
def test_the_query_moves_by_keyboard_too(chapter, axis):
    """For whoever has no mouse."""
    live = Live(chapter, "graph_explorer")
    value = live.value(axis)
    live.control(axis).locator(".noUi-handle").focus()
    for _ in range(20):
        chapter.page.keyboard.press("ArrowRight")
    live.settle()
    assert live.value(axis) > value
    assert live.state("query")["xy".index(axis)] == pytest.approx(live.value(axis))


def test_another_index_shows_its_own_knob(chapter):
    """The list of indexes changes the picture and the slider under it."""
    live = Live(chapter, "cells_explorer")
    for method, knob in (("hashing", "buckets"), ("graph", "ef"), ("inverted lists", "cells")):
        before = live.settle()
        live.control("method").locator("select").select_option(method)
        live.wait_for_change(before)
        assert live.state("method") == method
        for name in PLANES.values():
            assert live.control(name).is_visible() == (name == knob)


def test_the_demanded_recall_moves_by_keyboard_and_by_mouse(chapter):
    """The best that is good enough is named; at recall 1 fewer settings are."""
    live = Live(chapter, "recall_explorer")
    before, recall = live.settle(), live.value("minimum_recall")
    slider = live.control("minimum_recall")
    slider.locator(".noUi-handle").focus()
    chapter.page.keyboard.press("ArrowRight")
    live.wait_for_change(before)
    assert live.value("minimum_recall") == pytest.approx(recall + 0.01)
    seen, values = [live.settle()], []
    for target, end in ((-800, 0.3), (800, 1.0)):
        live.drag("minimum_recall", target)
        seen.append(live.settle())
        assert live.state("minimum_recall") == pytest.approx(end)
        assert live.state("recall") >= end
        assert (
            f"best is {live.state('index')}" in live.output.locator(".mlteach-readout").inner_text()
        )
        values.append(live.state("value"))
    assert values[0] > values[1]
    assert len(set(seen)) == 3


def test_distances_can_be_compared_instead(chapter):
    """Counted in distances the graph is the best, and the library's lines go."""
    live = Live(chapter, "recall_explorer")
    chapter.ask("[setattr(recall_explorer.controls['minimum_recall'], 'value', 0.95)]")
    before = live.settle()
    live.control("cost").locator("select").select_option("distances computed for a query")
    live.wait_for_change(before)
    assert live.state("index") == "graph"
    assert not [
        name for name in chapter.ask("list(recall_explorer.state['best'])") if "faiss" in name
    ]
    assert live.problem() == ""
