"""The explorers of similarity, maps and search on a page: controls by keyboard and by mouse."""

import numpy as np
import pytest
from support.explorer_on_page import EveryExplorer
from support.explorer_registry import SIMILARITY
from support.live import Live

MAKE = SIMILARITY


class TestEveryExplorer(EveryExplorer):
    """All that is asked of any explorer."""


# --- similarity ----------------------------------------------------------------------------------


def test_an_arrow_is_dragged(explorers):
    live = Live(explorers, "vectors")
    live.set("lengths", "as dragged")
    live.ask("[e.move('A', 1.0, -0.5), e.move('query', -1.0, 0.5)]")
    resting = live.ask("e.state['tips'].tolist()")
    live.drag("ax", (1.0, -0.5), (1.0, 1.0), (-0.6, -1.2))
    query, a, b = live.ask("e.state['tips'].tolist()")
    assert a == pytest.approx([-0.6, -1.2], abs=0.03)
    assert query == pytest.approx(resting[0], abs=1e-6)
    assert b == pytest.approx(resting[2], abs=1e-6)
    assert live.value("arrow") == "A"


def test_pointing_at_a_matrix_shows_a_pair(explorers):
    live = Live(explorers, "factor_matrix")
    before = live.settle()
    explorers.page.mouse.move(*live.place("axes[1]", 6, 14))
    live.wait_for_change(before)
    live.settle()
    assert live.state("hover") == [14, 6]


@pytest.mark.parametrize(("row", "column"), [(1, 1), (0, 2)])
def test_a_click_on_a_neighbour_makes_it_the_query(explorers, row, column):
    live = Live(explorers, "retrieval")
    live.set("query", 0)
    wanted = live.ask(f"list(e.state['neighbours'].values())[{row}][{column}]")
    live.click(f"rows[{row}]", column + 0.5, 0.5)
    assert live.state("query") == live.value("query") == wanted


# --- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["embedding_map", "film"])
def test_pointing_at_a_dot_shows_its_image_and_its_true_neighbours(explorers, name):
    """The two dots furthest from all others are pointed at, one after the other."""
    live = Live(explorers, name)
    places = np.array(live.ask("e.places.tolist()"))
    gaps = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(len(places))
    for dot in gaps.min(1).argsort()[-2:].tolist():
        before = live.settle()
        explorers.page.mouse.move(*live.place("ax", *places[dot]))
        if live.state("point") != dot:
            live.wait_for_change(before)
        live.settle()
        assert live.state("point") == dot
        assert live.ask(f"bool((e.image.get_array() == e.images[{dot}]).all())")
        distances = f"(lambda x: (x - x[{dot}]).norm(dim=1))(e._shown()[1].double())"
        nearest = live.ask(f"{distances}.argsort()[1:6].tolist()")
        assert sorted(live.state("neighbours")) == sorted(nearest)
        live.assert_sound()


def test_a_box_on_the_map_and_a_block_of_the_matrix_select_by_mouse(explorers):
    """Both ways; the next cell reads the same indices."""
    live = Live(explorers, "map_and_matrix")
    places, labels = (np.array(live.ask(f"e.{name}.tolist()")) for name in ("places", "labels"))
    own = places[labels == 1]
    live.drag("ax", own.min(0) - 0.05, own.max(0) + 0.05)
    assert live.ask("e.selection") == np.flatnonzero(labels == 1).tolist()
    assert live.value("select") == "as dragged"
    assert live.ask("e.state['rows'][:10].tolist()") == live.state("selection")
    live.assert_sound()
    live.select("order", "by class")
    live.drag("matrix_ax", (29.3, 29.3), (19.7, 19.7))
    assert live.ask("e.selection") == np.flatnonzero(labels == 2).tolist()
    assert live.ask("(e.dots.get_facecolors()[-10:, 3] == 1).all().item()")
    live.assert_sound()


def test_a_lasso_is_drawn_and_the_wheel_with_control_zooms(explorers):
    live = Live(explorers, "map_and_matrix")
    live.select("drag", "lasso")
    places, labels = (np.array(live.ask(f"e.{name}.tolist()")) for name in ("places", "labels"))
    own = places[labels == 0]
    (left, low), (right, high) = own.min(0) - 0.04, own.max(0) + 0.04
    live.drag("ax", (left, low), (right, low), (right, high), (left, high))
    assert live.ask("e.selection") == np.flatnonzero(labels == 0).tolist()
    live.select("drag", "box")
    before = live.settle()
    for ax, view in (("ax", "map"), ("matrix_ax", "matrix")):
        half = live.ask(f"e.views[{view!r}][2]")
        x, y = live.ask(f"e.{ax}.transAxes.transform((0.4, 0.6)).tolist()")
        x, y = live.ask(f"e.{ax}.transData.inverted().transform(({x}, {y})).tolist()")
        last = live.settle()
        explorers.page.mouse.move(*live.place(ax, x, y))
        explorers.page.keyboard.down("Control")
        explorers.page.mouse.wheel(0, -100)
        explorers.page.keyboard.up("Control")
        live.wait_for_change(last)
        live.settle()
        assert live.ask(f"e.views[{view!r}][2]") == pytest.approx(half / 1.6, rel=0.01)
    live.press("show all")
    live.wait_for_change(last)
    assert live.settle() == before


def test_the_film_plays_and_pauses(explorers):
    """Each stage is followed by the next one; after the pause the film stands still."""
    live = Live(explorers, "film")
    before = live.set("frame", 0)
    play, _, again = live.output.locator(".widget-play button").all()
    again.click()  # a film that begins again is never over before the pause, on a slow machine too
    play.click()
    live.wait_for_change(before)
    play.click()
    live.settle()
    frame = live.state("frame")
    assert live.state("step") == [0, 10, 50, 200][frame]
    explorers.page.wait_for_timeout(600)
    assert live.state("frame") == frame
    again.click()


# --- metric learning -----------------------------------------------------------------------------


def test_the_three_points_are_dragged(explorers):
    """Each goes where the mouse lets it go, the others stay, and the state follows."""
    live = Live(explorers, "triplet_plane")
    live.press("start again")
    live.settle()
    names = ["anchor", "positive", "negative"]
    for number, target in enumerate([(-1.0, 0.8), (-1.5, -0.7), (1.2, 0.3)]):
        points = live.ask("e.state['points'].tolist()")
        live.drag("ax", points[number], (0.1, -1.5), target)
        after = live.ask("e.state['points'].tolist()")
        assert after[number] == pytest.approx(target, abs=0.03)
        assert [after[i] == points[i] for i in range(3) if i != number] == [True, True]
        assert live.value("point") == names[number]
    distances = live.state("distances")
    assert distances["positive"] == pytest.approx((0.5**2 + 1.5**2) ** 0.5, abs=0.05)
    assert distances["negative"] == pytest.approx((2.2**2 + 0.5**2) ** 0.5, abs=0.05)


def test_the_buttons_follow_the_force_and_start_again(explorers):
    live = Live(explorers, "triplet_plane")
    live.press("start again")
    live.settle()
    before, loss = live.set("margin", 2.0), live.state("loss")
    live.output.locator("button", has_text="follow").click()
    live.wait_for_change(before)
    live.settle()
    assert live.state("loss") < loss


# --- search --------------------------------------------------------------------------------------

KNOBS = {"inverted lists": "cells", "hashing": "buckets", "graph": "ef"}


@pytest.mark.parametrize("method", KNOBS)
def test_another_index_shows_its_own_knob_and_the_query_is_dragged(explorers, method):
    """The star follows the mouse with its neighbours; at the knob's end all of them are found."""
    live = Live(explorers, "search_plane")
    live.select("method", method)
    assert [name for name in KNOBS.values() if live.control(name).is_visible()] == [KNOBS[method]]
    live.drag("ax", live.state("query"), (0.0, -1.0), (1.0, 0.5))
    assert live.state("query") == pytest.approx([1.0, 0.5], abs=0.05)
    live.assert_sound()
    distances = "(e.points - e.points.new_tensor(e.state['query'])).norm(dim=1)"
    assert sorted(live.state("exact")) == sorted(live.ask(f"{distances}.argsort()[:5].tolist()"))
    live.set(KNOBS[method], live.ends(KNOBS[method])[1])
    assert live.state("recall") == 1
    assert len(live.state("visited")) == 80
