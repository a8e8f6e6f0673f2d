"""Film shows a map of every stage, on one scale."""

import numpy as np
import pytest
import torch
from support.map_cases import factors, film_explorer, points

from mlteach.evaluate.layouts import nearest_others
from mlteach.explorers import Film

pytestmark = pytest.mark.usefixtures("unlaid")


def test_the_film_shows_the_step_its_scores_and_how_far_points_moved():
    film = film_explorer()
    assert film.state["frame"] == 3
    for frame, step in enumerate([0, 10, 50, 200]):
        film.controls["frame"].value = frame
        assert film.state["step"] == step
        assert film.now.get_xdata()[0] == step
        assert f"step {step}:" in film.title.get_text()
    layouts = film.layouts["stages"].double()
    gap = (layouts[3] - layouts[2]).norm(dim=1).mean() / layouts[3].square().sum(1).mean().sqrt()
    assert film.state["moved"] == pytest.approx(gap.item(), rel=1e-4)
    assert film.state["scores"] == {"known": 0.9, "forgotten": 0.1}
    film.controls["frame"].value = 0
    assert film.state["moved"] == 0


def test_all_stages_of_a_film_share_one_scale():
    film = film_explorer()
    scales = []
    for frame in range(4):
        film.controls["frame"].value = frame
        centred = film.state["layout"].double()
        scales.append(float(np.abs(film.places).max() / (centred - centred.mean(0)).abs().max()))
    assert scales == pytest.approx([scales[0]] * 4)


def test_the_neighbours_of_a_film_are_those_of_the_stage():
    film = film_explorer()
    seen = []
    for frame in (0, 3):
        film.controls["frame"].value = frame
        assert film.state["neighbours"] == nearest_others(film.stages[frame], 5)[0].tolist()
        seen.append(film.state["neighbours"])
    assert seen[0] != seen[1]


def test_play_is_linked_to_the_slider():
    film = film_explorer()
    assert film.link.source == (film.play, "value")
    assert film.link.target == (film.controls["frame"], "value")
    assert (film.play.min, film.play.max) == (0, 3)


def test_a_film_refuses_what_does_not_fit():
    stages, layouts = torch.stack([points()] * 3), torch.zeros(3, 30, 2)
    with pytest.raises(ValueError, match="layouts must have one entry for each of 3 steps, got 2"):
        Film(stages, layouts[:2], factors(), steps=[0, 1, 2], scores={})
    with pytest.raises(
        ValueError, match=r"scores\['known'\] must have one entry for each of 3 steps"
    ):
        Film(stages, layouts, factors(), steps=[0, 1, 2], scores={"known": [0.5]})
