"""The explorers of meta-learning on a page: every control by keyboard and by mouse."""

import pytest
from support.explorer_on_page import EveryExplorer
from support.explorer_registry import META
from support.live import Live

MAKE = META


class TestEveryExplorer(EveryExplorer):
    """All that is asked of any explorer."""


# --- prototypes and episodes ---------------------------------------------------------------------


def support(live):
    return live.ask("e.state['support'].tolist()")


def test_a_support_point_is_dragged_and_its_border_moves(explorers):
    """Its prototype moves by a third of the way, because there are three shots; the others stay."""
    live = Live(explorers, "prototypes")
    live.set("n_shot", 3)
    means_of, region_of = (
        "e.state['prototypes'].tolist()",
        "e.regions.get_paths()[0].vertices.tolist()",
    )
    points = support(live)
    means = live.ask(means_of)
    region = live.ask(region_of)
    live.drag("ax", points[1][2], (-2.0, -2.0))
    moved, moved_means = support(live), live.ask(means_of)
    assert moved[1][2] == pytest.approx([-2.0, -2.0], abs=0.05)
    assert (moved[0], moved[2], moved[1][:2]) == (points[0], points[2], points[1][:2])
    third = [(there - here) / 3 for here, there in zip(points[1][2], moved[1][2], strict=True)]
    way = [after - before for before, after in zip(means[1], moved_means[1], strict=True)]
    assert way == pytest.approx(third, abs=1e-4)
    assert moved_means[0] == means[0]
    assert live.ask(region_of) != region


def test_the_query_is_dragged_into_another_class(explorers):
    live = Live(explorers, "prototypes")
    target = live.ask("e.state['prototypes'].tolist()")[2]
    live.drag("ax", live.state("query"), target)
    assert live.state("query") == pytest.approx(target, abs=0.06)
    assert [live.value("x"), live.value("y")] == live.state("query")
    assert live.ask("int(e.state['probabilities'].argmax())") == 2
    assert "the star is C" in live.image.get_attribute("alt")


def test_another_support_is_drawn(explorers):
    live = Live(explorers, "prototypes")
    before, points = live.settle(), support(live)
    live.press("draw another support")
    live.wait_for_change(before)
    assert support(live) != points


def test_other_episodes_give_another_mean_and_more_a_narrow_interval(explorers):
    live = Live(explorers, "episode_accuracy")
    before = live.settle()
    mean = live.state("mean")
    truth = live.state("truth")
    live.press("draw other episodes")
    live.wait_for_change(before)
    live.settle()
    assert live.state("mean") != mean
    assert live.state("truth") == truth
    half_widths = []
    for n_episodes in live.ends("n_episodes"):
        live.set("n_episodes", n_episodes)
        half_widths.append(live.state("half_width"))
    assert half_widths[1] < half_widths[0] / 4


# --- MAML ----------------------------------------------------------------------------------------


def points(live):
    return live.ask("e.state['points'].tolist()")


def test_support_points_are_clicked_and_removed(explorers):
    live = Live(explorers, "inner_loop")
    live.press("no points")
    live.settle()
    assert points(live) == []
    live.set("steps", 5)
    errors_of = "[errors[5].item() for errors in e.state['errors'].values()]"
    errors = live.ask(errors_of)
    for number, (x, y) in enumerate([(-2.0, -0.5), (1.0, 0.2), (2.5, 2.9)], 1):
        live.click("ax", x, y)
        assert len(points(live)) == number
        assert points(live)[-1] == pytest.approx([x, y], abs=0.05)
    assert live.ask(errors_of) != errors
    live.click("ax", 1.0, 0.2)
    assert [x for x, _ in points(live)] == pytest.approx([-2.0, 2.5], abs=0.05)
    live.press("new points on the wave")
    live.settle()
    assert len(points(live)) == 5


def test_the_inner_rate_moves_the_fits_of_all_networks(explorers):
    live = Live(explorers, "inner_loop")
    live.set("steps", 3)
    fits = "[fit.sum().item() for fit in e.state['fits'].values()]"
    before = live.ask(fits)
    live.step("lr", "ArrowLeft")
    assert all(one != other for one, other in zip(before, live.ask(fits), strict=True))


def test_a_known_point_is_dragged_and_every_learner_answers_anew(explorers):
    live = Live(explorers, "context_points")
    live.set("n_points", 2)
    before = points(live)
    fits = "[fit.sum().item() for fit in e.state['fits'].values()]"
    answers = live.ask(fits)
    live.drag("ax", before[1], (2.0, 5.0))
    after = points(live)
    assert after[1] == pytest.approx([2.0, 5.0], abs=0.1)
    assert (after[0], after[2:]) == (before[0], before[2:])
    assert all(one != other for one, other in zip(answers, live.ask(fits), strict=True))
    live.press("other points")
    live.settle()
    assert points(live) != after


def test_a_click_on_the_map_chooses_both_rates(explorers):
    live = Live(explorers, "meta_rates")
    live.set("outer_lr", live.options("outer_lr")[2])
    live.set("inner_lr", live.options("inner_lr")[1])
    live.click("map_ax", 0, 1)
    assert live.value("inner_lr") == live.options("inner_lr")[0]
    assert live.value("outer_lr") == live.options("outer_lr")[1]
    assert live.state("final") == pytest.approx(live.ask("e.losses[1, 0, -1].item()"))


def test_the_initialisation_is_clicked_and_dragged(explorers):
    live = Live(explorers, "curvature")
    live.click("figure.axes[1]", -1.0, 4.0)
    assert live.state("start") == pytest.approx(-1.0, abs=0.05)
    live.drag("figure.axes[1]", (-1.0, 4.0), (1.0, 4.0))
    assert live.state("start") == pytest.approx(1.0, abs=0.05)


# --- Reptile and ANIL ----------------------------------------------------------------------------


def test_the_start_of_the_path_is_dragged(explorers):
    """The path follows the pointer, and every rule still ends where it ended."""
    live = Live(explorers, "reptile_path")
    ends = live.ask("e.state['rests']['Reptile'].tolist()")
    live.drag("ax", (1.0, 1.5), (-1.5, -0.8))
    start = live.ask("e.state['path'][0].tolist()")
    assert start == pytest.approx([-1.5, -0.8], abs=0.051)
    assert start == pytest.approx([live.value("start_x"), live.value("start_y")])
    assert live.ask("e.state['rests']['Reptile'].tolist()") == ends
