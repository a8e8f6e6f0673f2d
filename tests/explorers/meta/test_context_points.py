"""ContextPoints shows what every learner answers from the first points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import send, undrawn
from support.explorer_registry import learners

from mlteach.explorers import ContextPoints

pytestmark = pytest.mark.usefixtures("unlaid")


def explorer(**options):
    return ContextPoints(learners(), **options)


@pytest.mark.parametrize("n_points", [1, 4, 10])
def test_the_fits_are_those_of_the_learners_with_the_first_points(n_points):
    shown = explorer()
    shown.controls["n_points"].value = n_points
    s = shown.state
    x, y = (part[None] for part in s["points"][:n_points].split(1, dim=1))
    for name, learner in learners().items():
        with torch.no_grad():
            answers = learner(x, y, s["x"][None, :, None])[0, :, 0]
        torch.testing.assert_close(s["fits"][name], answers, equal_nan=True)
        assert np.allclose(shown.fits[name].get_ydata(), answers, equal_nan=True)
        error = (answers - s["wave"]).square().mean().nan_to_num(math.inf)
        torch.testing.assert_close(s["errors"][name][n_points - 1], error)
    assert np.allclose(shown.dots.get_xydata(), s["points"][:n_points])
    assert np.allclose(shown.later.get_xydata(), s["points"][n_points:])


def test_the_wave_and_its_points():
    """The points keep their errors while the wave moves; others are measured with the noise."""
    shown = explorer(noise=0.3)
    before = shown.state
    for name, value in {"amplitude": 2.0, "phase": 0.5, "frequency": 1.5}.items():
        shown.controls[name].value = value
    s = shown.state
    torch.testing.assert_close(s["wave"], 2 * torch.sin(1.5 * s["x"] - 0.5))

    def errors(s):
        x, y = s["points"].T
        return y - s["amplitude"] * torch.sin(s["frequency"] * x - s["phase"])

    torch.testing.assert_close(errors(s), errors(before), rtol=0, atol=1e-5)
    assert s["points"][:, 0].equal(before["points"][:, 0])
    spread = []
    with undrawn(shown):
        for _ in range(40):
            shown.controls["draw"].click()
            spread.append(errors(shown.state))
    assert torch.cat(spread).std() == pytest.approx(0.3, rel=0.2)
    exact = explorer(noise=0)
    assert errors(exact.state).abs().max() < 1e-5


def test_a_known_point_is_dragged_and_the_others_stay():
    shown = explorer(n_points=2)
    before = shown.state
    fit, here = before["fits"]["line"].clone(), before["points"][1].tolist()
    send(shown, *here, presses=1)
    send(shown, 2.0, 5.0, press=here, presses=1)
    s = shown.state
    assert s["points"][1].tolist() == pytest.approx([2.0, 5.0], abs=1e-4)
    others = [0, *range(2, 10)]
    assert s["points"][others].equal(before["points"][others])
    assert not s["fits"]["line"].equal(fit)
    shown.move(0, 99.0, -99.0)
    assert shown.state["points"][0].tolist() == pytest.approx([5.0, -8.0], abs=1e-4)


def test_a_point_that_is_not_known_yet_cannot_be_dragged():
    shown = explorer(n_points=2)
    before = shown.state["points"]
    away = [i for i in range(2, 10) if (before[:2] - before[i]).norm(dim=1).min() > 1]
    here = before[away[0]].tolist()
    send(shown, *here, presses=1)
    send(shown, here[0] + 1, here[1], press=here, presses=1)
    assert shown.state["points"].equal(before)


def test_a_learner_that_broke_has_no_line_and_the_read_out_says_so():
    shown = explorer()
    shown.controls["n_points"].value = 6
    assert shown.state["errors"]["breaks"][5] == math.inf
    assert np.isnan(shown.fits["breaks"].get_ydata()).all()
    assert shown.describe().endswith("breaks has diverged")
    assert "diverged" not in explorer().describe()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "learners must have at least one entry, got none"),
        ({"one": 3}, r"learners\['one'\] must be a function"),
        ({"one": lambda x: x}, r"learners\['one'\] must be a function"),
        ({"one": lambda x, y, q: q[0]}, r"learners\['one'\] must give .* got \(3, 1\)"),
        ({"one": lambda x, y, q: None}, r"learners\['one'\] must give .* got None"),
        ({"one": lambda x, y, q: q + 0j}, r"learners\['one'\] must give .* of complex64"),
        ({"one": lambda x, y, q: q.to("meta")}, r"learners\['one'\] gives must be a dense tensor"),
        ({str(i): lambda x, y, q: q for i in range(11)}, "learners must hold one to 10 functions"),
    ],
)
def test_what_is_no_learner_is_refused(given, told):
    with pytest.raises((TypeError, ValueError), match=told):
        ContextPoints(given)


@pytest.mark.parametrize(
    "option", [{"noise": -1}, {"noise": 3}, {"n_points": 0}, {"n_points": 11}, {"seed": -1}]
)
def test_options_outside_their_range_are_refused(option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} must be"):
        explorer(**option)


def test_a_learner_that_writes_into_its_task_spoils_no_other():
    def in_place(x, y, q):
        for part in (x, y, q):
            part.sub_(7)
        return q

    def mean(x, y, q):
        return y.mean() + 0 * q

    alone, shown = ContextPoints({"mean": mean}), ContextPoints({"bad": in_place, "mean": mean})
    for both in (alone, shown):
        both.controls["draw"].click()
    for name in ("points", "x", "wave"):
        assert shown.state[name].equal(alone.state[name])
    assert shown.state["errors"]["mean"].equal(alone.state["errors"]["mean"])
    assert shown.state["fits"]["bad"].equal(alone.state["x"] - 7)


@pytest.mark.parametrize(
    ("place", "told"),
    [((math.nan, 0), "x must be finite"), ((0, math.nan), "y must"), (("0", 0), "x must be a num")],
)
def test_a_place_that_is_none_leaves_the_points_alone(place, told):
    shown = explorer()
    before = shown.points
    with pytest.raises((TypeError, ValueError), match=told):
        shown.move(0, *place)
    assert shown.points.equal(before)


def test_any_name_is_drawn_without_a_complaint(recwarn):
    names = ["日本", "$x", "long " * 60, ("a", 1), "\x00"]
    shown = ContextPoints(dict.fromkeys(names, learners()["line"]))
    shown.figure.canvas.draw()
    assert list(shown.state["fits"]) == names
    assert [str(w.message) for w in recwarn if "Glyph" in str(w.message)] == []


def test_what_a_learner_raises_tells_which_one_it_was():
    def picky(x, y, q):
        return q if x.shape[1] > 1 else y / [0]

    with pytest.raises(TypeError) as caught:
        ContextPoints(learners() | {"picky": picky})
    assert caught.value.__notes__ == ["This is what learners['picky'] raised for 1 points."]
