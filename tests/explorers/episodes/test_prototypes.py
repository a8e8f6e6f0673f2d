"""Prototypes shows prototypes and regions as the package computes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.path import Path
from support.explorer_drawing import send
from torch import nn

from mlteach.episodes import Episode
from mlteach.explorers import Prototypes
from mlteach.meta import prototypical_loss

pytestmark = pytest.mark.usefixtures("unlaid")


def shaped(n_way, n_shot, distance):
    explorer = Prototypes()
    for name, value in {"n_way": n_way, "n_shot": n_shot, "distance": distance}.items():
        explorer.controls[name].value = value
    return explorer


@pytest.mark.parametrize(("n_way", "n_shot"), [(2, 1), (3, 3), (6, 10)])
def test_the_loss_is_that_of_the_package(n_way, n_shot):
    """The points of the plane are their own representations."""
    explorer = shaped(n_way, n_shot, "squared Euclid")
    s = explorer.state
    assert s["support"].shape == (n_way, n_shot, 2)
    assert s["prototypes"].allclose(s["support"].mean(1))
    cloud = explorer.cloud[:n_way]
    labels = torch.arange(n_way)
    parts = s["support"].flatten(0, 1), labels.repeat_interleave(n_shot)
    episode = Episode(
        *(part[None] for part in (*parts, cloud.flatten(0, 1), labels.repeat_interleave(40)))
    )
    assert s["loss"] == pytest.approx(prototypical_loss(nn.Identity(), episode).item(), rel=1e-5)
    squared = (torch.tensor(s["query"]) - s["prototypes"]).square().sum(1)
    assert s["probabilities"].allclose((-squared).softmax(0), atol=1e-6)
    guesses = torch.cdist(cloud, s["prototypes"]).argmin(2)
    assert s["accuracy"] == pytest.approx((guesses == labels[:, None]).float().mean().item())
    assert s["accuracies"][n_shot - 1] == pytest.approx(s["accuracy"])


def nearest(distance, points, prototypes):
    if distance == "cosine":
        return torch.cosine_similarity(points[:, None], prototypes[None], dim=2).argmax(1)
    return torch.cdist(points, prototypes).argmin(1)


@pytest.mark.parametrize("distance", ["squared Euclid", "cosine"])
@pytest.mark.parametrize("n_way", [2, 3, 6])
def test_the_regions_are_where_a_prototype_is_the_nearest(n_way, distance):
    """Every point of the plane lies in the region of its nearest prototype, and in no other."""
    explorer = shaped(n_way, 4, distance)
    points = 5.99 * torch.rand(500, 2, generator=torch.Generator().manual_seed(1)) - 2.995
    truth = nearest(distance, points, explorer.state["prototypes"])
    drawn = explorer.regions.get_paths()
    assert len(drawn) == n_way
    inside = np.stack([Path(path.vertices).contains_points(points) for path in drawn], 1)
    # a point may lie on a border
    assert (inside == (truth[:, None] == torch.arange(n_way)).numpy()).mean() > 0.999
    s = explorer.state
    assert (
        s["probabilities"].argmax()
        == nearest(distance, torch.tensor([s["query"]]), s["prototypes"])[0]
    )


def test_a_class_without_a_region_is_drawn_as_nothing():
    """With all prototypes in one place but one, and under the cosine with opposite ones."""
    explorer = shaped(6, 1, "squared Euclid")
    for name in "ABCDE":
        explorer.move(name, 0, 1.0, 1.0)
    explorer.move("F", 0, -1.0, -1.0)
    assert explorer.canvas.problem == ""
    explorer.controls["distance"].value = "cosine"
    explorer.move("A", 0, 0.0, 0.0)  # no direction at all
    assert explorer.canvas.problem == ""
    assert explorer.state["probabilities"].isfinite().all()


def test_a_support_point_is_dragged_and_its_prototype_follows():
    explorer = shaped(3, 2, "squared Euclid")
    support, others = explorer.state["support"], explorer.state["prototypes"][1:]
    start = tuple(support[0, 1].tolist())
    send(explorer, *start)
    send(explorer, -2.0, 1.5, press=start)
    assert explorer.state["support"][0, 1].tolist() == pytest.approx([-2.0, 1.5], abs=0.01)
    assert explorer.state["prototypes"][0].allclose(
        (support[0, 0] + torch.tensor([-2.0, 1.5])) / 2, atol=0.01
    )
    assert explorer.state["prototypes"][1:].equal(others)
    send(explorer, -5.0, 1.5, press=start)  # beyond the edge
    assert explorer.state["support"][0, 1].tolist() == pytest.approx([-3.0, 1.5], abs=0.01)
    explorer.controls["n_shot"].value = 1
    explorer.controls["n_shot"].value = 2
    # it stays where it is
    assert explorer.state["support"][0, 1].tolist() == pytest.approx([-3.0, 1.5], abs=0.01)


def test_the_query_is_dragged_and_its_sliders_follow():
    explorer = Prototypes()
    start = explorer.state["query"]
    send(explorer, *start)
    send(explorer, 1.13, -0.42, press=start)
    send(explorer, 1.13, -0.42, press=start, pressed=False)
    assert (
        explorer.state["query"]
        == (explorer.controls["x"].value, explorer.controls["y"].value)
        == (1.15, -0.4)
    )
    support = explorer.state["support"]
    send(explorer, -2.9, -2.9, presses=2)  # where nothing lies
    send(explorer, 0.0, 0.0, presses=2, press=(-2.9, -2.9))
    assert explorer.state["query"] == (1.15, -0.4)
    assert explorer.state["support"].equal(support)


def test_another_support_is_drawn_of_the_same_classes():
    explorer = Prototypes()
    support, cloud = explorer.state["support"], explorer.cloud.clone()
    explorer.controls["draw"].click()
    assert not explorer.state["support"].isclose(support).any()
    assert explorer.cloud.equal(cloud)


def test_more_shots_help():
    """Over 30 supports of six classes ten points' mean lies nearer to the centre than one point."""
    explorer = Prototypes(n_way=6)
    curves = []
    for _ in range(30):
        explorer.draw_support()
        curves.append(explorer.state["accuracies"])
    mean = torch.stack(curves).mean(0)
    assert mean[9] > mean[4] > mean[0] + 0.1


@pytest.mark.parametrize(
    ("name", "value"), [("n_way", 1), ("n_way", 7), ("n_shot", 0), ("n_shot", 11)]
)
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number between"):
        Prototypes(**{name: value})


def test_the_bars_are_those_of_the_classes_that_there_are():
    explorer = Prototypes()
    for n_way in (3, 6, 2):
        explorer.controls["n_way"].value = n_way
        ax = explorer.bars_ax
        assert [tick.get_text() for tick in ax.get_xticklabels()] == list("ABCDEF"[:n_way])
        low, high = ax.get_xlim()
        assert -1 < low < 0
        assert n_way - 1 < high < n_way
