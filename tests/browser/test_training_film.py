"""TrainingFilm on a page: it follows the training beside it, and a selection by mouse stays."""

import numpy as np
from support.live import Live, LiveTrainingOnPage, set_up_training

SET_UP = set_up_training(n_train=600, n_test=100, batch=32, widths=(8, 16))
MAKE = """
live = explorers.LiveTraining(method, draw, steps=100_000, evaluate_every=5, pictures=test)
live
"""
FILM = """
film = explorers.TrainingFilm(live)
film
"""
NOTEBOOK = "training_film.ipynb"


def until(lab, condition):
    """Waits until an expression is true in the kernel."""
    for _ in range(400):
        if lab.ask(condition):
            return
        lab.page.wait_for_timeout(50)
    raise AssertionError(f"it never came to be: {condition}")


def test_the_film_follows_a_training_and_keeps_what_was_selected(lab):
    """By mouse alone: start, a box on the map while it trains, pause, and the slider back."""
    lab.write(NOTEBOOK, [SET_UP, MAKE, FILM])
    lab.open(NOTEBOOK)
    lab.run_all()
    training, film = LiveTrainingOnPage(lab, "live"), Live(lab, "film")
    before = film.hash()
    training.press("start")
    film.wait_for_change(before)
    until(lab, "film.state['stage'] >= 10")
    mouse = lab.page.mouse
    low, high = film.place("ax", -1.02, 0), film.place("ax", 1.02, 1.02)
    mouse.move(*low)
    mouse.down()
    mouse.move(*high, steps=5)
    mouse.up()
    until(lab, "film.controls['select'].value == 'as dragged' and len(film.selection) > 0")
    # the kernel has heard of the end of the drag, and what it has drawn is what was dragged then
    until(lab, "len(film.trace.get_xdata()) == 0")
    until(lab, "film.selection == film.items[film.by_hand].tolist()")
    chosen, stage = lab.ask("film.selection"), film.state("stage")
    until(lab, f"film.state['stage'] > {stage + 5}")
    assert lab.ask("film.selection") == chosen
    training.press("pause")
    training.wait_for("paused")
    last, there = film.settle(), np.array(lab.ask("film.places.tolist()"))
    film.drag_slider("step", -800)
    film.wait_for_value("step", 0)
    assert film.settle() != last
    assert film.state("stage") == 0
    assert lab.ask("film.selection") == chosen
    assert not np.allclose(lab.ask("film.places.tolist()"), there)
    assert film.readout().startswith(f"step 0: {len(chosen)} of 100 selected")
    film.assert_sound()
    lab.ask("live.stop()")
