"""TrainingFilm: one selection on map and matrix, at every stage of a training."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.explorer_drawing import differing, shown
from support.explorer_registry import MAKE, TinyMethod, images, labels
from support.explorer_registry import live_training as live_training_of

from mlteach.data import Dataset
from mlteach.evaluate import features
from mlteach.explorers import LiveTraining, TrainingFilm
from mlteach.explorers.training import live_run

pytestmark = pytest.mark.usefixtures("unlaid")


@pytest.fixture
def live():
    """Of 24 images in three classes, a stage at the steps 0, 5, 10 and 12; it has not begun."""
    made = live_training_of()
    yield made
    made.pause()


def run(live):
    live.start()
    live.wait()


def test_it_follows_a_training_that_is_started_later(live):
    film = TrainingFilm(live)
    before = shown(film)
    assert film.state["stage"] == 0
    seen = []
    follow = live.follow
    live.follow = lambda: (follow(), seen.append(film.state["stage"]))
    run(live)
    assert seen == [5, 10, 12]
    assert film.state["step"] == film.controls["step"].max == 12
    assert film.describe().startswith("step 12: ")
    assert differing(shown(film), before) > 0
    run(live)  # as many steps again: the slider grows and stays at its end
    assert film.state["step"] == film.state["stage"] == film.controls["step"].max == 24


def test_what_is_shown_is_what_the_images_were_at_that_step(live):
    """The last stage against the trained method itself, and its cosines pair by pair."""
    film = TrainingFilm(live)
    run(live)
    pictures = live.pictures
    z = F.normalize(features(live.method, pictures.images), dim=1).double()
    film.controls["order"].value = "as given"
    matrix = film.state["matrix"]
    assert matrix.diagonal().isnan().all()
    assert torch.allclose(matrix.nan_to_num(1), (z @ z.T).fill_diagonal_(1), atol=1e-6)
    centred = live.layout - live.layout.mean(0)
    assert np.allclose(film.places, centred / centred.abs().max(), atol=1e-6)
    film.controls["step"].value = 0
    first = F.normalize(features(TinyMethod(), pictures.images), dim=1).double()
    untrained = (first @ first.T).fill_diagonal_(1)
    assert torch.allclose(film.state["matrix"].nan_to_num(1), untrained, atol=1e-6)
    assert (untrained - (z @ z.T).fill_diagonal_(1)).abs().max() > 0.1, "the test can tell them"


def test_the_numbers_of_a_selection_are_measured_anew_at_every_stage(live):
    film = TrainingFilm(live)
    run(live)
    film.controls["order"].value = "as given"
    inside = set()
    for step in (0, 5, 10, 12):
        film.controls["step"].value = step
        own = film.state["matrix"][film.selection][:, film.selection]
        assert film.state["inside"] == pytest.approx(own[~own.isnan()].mean().item())
        inside.add(film.state["inside"])
    assert len(inside) == 4


def test_the_selection_and_the_view_stay_while_the_step_moves_and_while_it_trains(live):
    film = TrainingFilm(live)
    film.select([1, 2, 3, 17])
    film.controls["closer"].click()
    views = dict(film.views)
    run(live)
    for step in (0, 5, 12):
        film.controls["step"].value = step
        assert film.selection == [1, 2, 3, 17]
        assert film.views == views
        chosen = film.places[film.selection]
        dots = film.dots.get_offsets()[-4:]
        assert np.allclose(np.sort(dots, 0), np.sort(chosen, 0)), "they are where they are now"


def test_between_two_stages_the_last_one_is_shown_and_elsewhere_it_stays(live):
    film = TrainingFilm(live)
    film.controls["step"].value = 7
    run(live)
    assert (film.state["step"], film.state["stage"]) == (7, 5)
    live.stop()
    live.start()  # from the first weights again
    live.wait()
    assert (film.state["step"], film.state["stage"]) == (7, 5)


def test_the_title_tells_when_the_slider_is_beyond_the_last_step(live):
    """A training that was stopped before its end, or has not begun."""
    film = TrainingFilm(live)
    assert film.title.get_text().startswith("step 0, the last so far · ")
    run(live)
    assert film.title.get_text().startswith("step 12 · ")
    film.controls["step"].value = 7
    assert film.title.get_text().startswith("step 5 · ")


def test_a_training_that_begins_again_begins_the_film_again(live):
    film = TrainingFilm(live)
    run(live)
    first = film.state["matrix"].clone()
    stages = []
    follow = live.follow
    live.follow = lambda: (follow(), stages.append(film.state["stage"]))
    live.stop()
    live.controls["lr"].value = 0.04
    run(live)
    assert stages == [0, 5, 10, 12]
    assert not torch.equal(film.state["matrix"].nan_to_num(), first.nan_to_num())


def test_the_last_film_follows_and_the_one_before_keeps_what_it_has(live):
    before, after = TrainingFilm(live), TrainingFilm(live)
    run(live)
    assert (before.state["stage"], after.state["stage"]) == (0, 12)
    before.controls["step"].value = 5
    assert before.state["stage"] == 0
    assert before.canvas.problem == ""


def test_of_many_stages_every_second_one_is_dropped(live, monkeypatch):
    monkeypatch.setattr(live_run, "MOST_STAGES", 4)
    live.evaluate_every = 1
    run(live)
    steps = [stage.step for stage in live.stages]
    assert len(steps) <= 4
    assert steps[0] == 0
    assert steps[-1] == 12
    assert steps == sorted(set(steps))


def test_a_film_changes_nothing_in_the_training(live):
    alone = MAKE["live_training"]()
    run(alone)
    TrainingFilm(live)
    run(live)
    assert live.rows == alone.rows
    assert torch.equal(live.layout, alone.layout)


def test_what_is_no_training_with_pictures_is_refused():
    with pytest.raises(TypeError, match="live must be a LiveTraining"):
        TrainingFilm(torch.zeros(3, 2))
    blind = LiveTraining(TinyMethod(), live_training_of().draw, steps=2)
    with pytest.raises(ValueError, match=r"live must have pictures=\.\.\."):
        TrainingFilm(blind)
    twice = Dataset("noise", images(24), labels(24), ("disc", "ring", "disc"), {})
    made = LiveTraining(TinyMethod(), blind.draw, steps=2, pictures=twice)
    with pytest.raises(ValueError, match="live must have pictures whose classes have different"):
        TrainingFilm(made)


def test_a_sample_of_many_images_stays_the_same_sample():
    many = Dataset("noise", images(400), labels(400), ("disc", "ring", "star"), {})
    live = LiveTraining(TinyMethod(), live_training_of().draw, steps=2, pictures=many)
    film = TrainingFilm(live)
    items = film.state["items"].tolist()
    assert len(items) == 300
    run(live)
    assert film.state["items"].tolist() == items
    assert film.state["stage"] == 2
