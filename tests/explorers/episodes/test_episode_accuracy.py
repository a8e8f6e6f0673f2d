"""EpisodeAccuracy shows intervals as the package computes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mlteach.evaluate import confidence_interval
from mlteach.explorers import EpisodeAccuracy
from mlteach.explorers.episodes.episode_accuracy import EPISODES

pytestmark = pytest.mark.usefixtures("unlaid")


def episode_accuracy(n_episodes=50):
    generator = torch.Generator().manual_seed(0)
    singles = {shots: torch.rand(1000, generator=generator) ** (1 / shots) for shots in (1, 5)}
    return EpisodeAccuracy(singles, n_episodes=n_episodes)


@pytest.mark.parametrize("n_episodes", EPISODES)
def test_the_intervals_are_those_of_the_package(n_episodes):
    """The 40 lines are mean ± half width; their colours say which hold the mean of all."""
    explorer = episode_accuracy(n_episodes)
    s, everything = explorer.state, explorer.accuracies[1]
    assert s["truth"] == pytest.approx(everything.mean().item())
    generator = torch.Generator().manual_seed(0)
    draws = everything[torch.randint(1000, (40, n_episodes), generator=generator)]
    for draw, mean, half_width in zip(draws, s["means"], s["half_widths"], strict=True):
        assert (mean.item(), half_width.item()) == pytest.approx(confidence_interval(draw))
    assert (s["mean"], s["half_width"]) == pytest.approx(confidence_interval(draws[0]))
    holds = (s["means"] - s["truth"]).abs() <= s["half_widths"]
    assert s["held"] == holds.sum()
    ends = np.array(explorer.intervals.get_segments())[:, :, 0]
    assert np.allclose(ends[:, 1] - ends[:, 0], 200 * s["half_widths"])
    assert np.array_equal((ends[:, 0] <= 0) & (ends[:, 1] >= 0), holds)
    blue = explorer.intervals.get_color()[:, 2] > explorer.intervals.get_color()[:, 0]
    assert np.array_equal(blue, holds)
    assert sum(bar.get_height() for bar in explorer.bars) == pytest.approx(1)


def test_the_interval_shrinks_with_the_root_of_the_episodes():
    explorer = episode_accuracy()
    widths = []
    for n_episodes in (10, 1000):
        explorer.controls["n_episodes"].value = n_episodes
        widths.append(explorer.state["half_widths"].mean().item())
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.1)


def test_about_95_of_100_intervals_hold_the_mean():
    """20 draws of 40 intervals: 0.95 with a standard error of 0.008."""
    explorer, held = episode_accuracy(200), 0
    for _ in range(20):
        explorer.controls["draw"].click()
        held += explorer.state["held"]
    assert held / 800 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("given", [{}, {1: torch.rand(99)}])
def test_too_few_episodes_are_refused(given):
    with pytest.raises(ValueError, match="accuracies.* must .* at least (100|one)"):
        EpisodeAccuracy(given)


def test_a_number_of_episodes_that_is_no_stop_is_refused():
    with pytest.raises(ValueError, match="n_episodes must be one of"):
        episode_accuracy(60)
