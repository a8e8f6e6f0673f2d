"""Chapter 02 in a real JupyterLab: every control by keyboard and by mouse, points pointed at, the
film walked.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "02_seeing_embeddings.ipynb"
EXPLORERS = ["pca_explorer", "tsne_explorer", "factor_explorer", "film_explorer"]


SLIDERS = [("tsne_explorer", "perplexity"), ("tsne_explorer", "early exaggeration"), ("tsne_explorer", "iterations"),
           ("film_explorer", "frame")]  # fmt: skip


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def shows_what_was_computed(live):
    """Whether the dots are those of the layout that the controls choose, with that layout's
    trustworthiness.
    """
    variable = live.variable
    layout = {
        "pca_explorer": "layouts['pixels']",
        "tsne_explorer": "grid[tuple(values.index(tsne_explorer.controls[name].value)"
        " for name, values in sliders.items())]",
        "factor_explorer": "flat[factor_explorer.controls['map'].value]",
        "film_explorer": "film[film_explorer.controls['frame'].value]",
    }[variable]
    encoding = {
        "factor_explorer": "pixels",
        "film_explorer": "stages[film_explorer.state['frame']]",
    }.get(variable, "x")
    trust = live.lab.ask(f"trustworthiness({encoding}.numpy(), {layout}.numpy())")
    assert live.state("trustworthiness") == pytest.approx(trust)
    assert f"trustworthiness {trust:.3f}" in live.output.locator(".mlteach-readout").inner_text()
    return live.lab.ask(f"torch.equal({variable}.state['layout'], {layout})")


@pytest.mark.parametrize(("variable", "slider"), SLIDERS)
def test_a_slider_walks_over_all_its_stops_by_keyboard(chapter, variable, slider):
    """One stop for each press, from end to end, and another map at each."""
    live = Live(chapter, variable)
    handle = live.control(slider).locator(".noUi-handle")
    handle.focus()
    chapter.page.keyboard.press("Home")
    shown, walked = [live.settle()], [live.state(slider)]
    for _ in live.options(slider)[1:]:
        chapter.page.keyboard.press("ArrowRight")
        shown.append(live.wait_for_change(shown[-1]))
        walked.append(live.state(slider))
        assert live.control(slider).locator(".widget-readout").inner_text() == str(walked[-1])
    assert walked == live.options(slider)
    assert len(set(shown)) == len(shown)
    assert shows_what_was_computed(live)
    assert live.problem() == ""


@pytest.mark.parametrize(
    ("variable", "name"), [("factor_explorer", "map"), *[(name, "colour") for name in EXPLORERS]]
)
def test_every_choice_shows_what_was_computed(chapter, variable, name):
    """Another colour leaves every dot where it is; another map is the one that was asked for."""
    live = Live(chapter, variable)
    for option in live.options(name):
        live.control(name).locator("select").select_option(option)
        live.wait_for_value(name, option)
        live.settle()
        assert live.state(name) == option
        assert shows_what_was_computed(live)


@pytest.mark.parametrize("variable", EXPLORERS)
def test_pointing_at_a_dot_shows_its_picture_and_its_true_neighbours(chapter, variable):
    """The two dots furthest from all others are pointed at, one after the other."""
    live = Live(chapter, variable)
    gaps = f"torch.cdist(*[torch.tensor({variable}.places)] * 2).fill_diagonal_(9).amin(1)"
    for dot in chapter.ask(f"{gaps}.topk(2).indices.tolist()"):
        before = live.settle()
        chapter.page.mouse.move(
            *live.place("ax", *chapter.ask(f"{variable}.places[{dot}].tolist()"))
        )
        if live.state("point") != dot:
            live.wait_for_change(before)
        assert live.state("point") == dot
        assert chapter.ask(
            f"bool(({variable}.image.get_array() == {variable}.images[{dot}]).all())"
        )
        assert (
            f"point {dot}:" in live.output.locator(".mlteach-readout").inner_text()
            or "film" in variable
        )
        encoding = f"{variable}._shown()[1].double()"
        nearest = f"({encoding} - {encoding}[{dot}]).norm(dim=1).argsort()[1:6].tolist()"
        assert sorted(live.state("neighbours")) == sorted(chapter.ask(nearest))
    assert live.problem() == ""


def test_the_film_plays_and_pauses(chapter):
    """Each picture is followed by the next one; after the pause the film stands still."""
    live = Live(chapter, "film_explorer")
    live.control("frame").locator(".noUi-handle").focus()
    chapter.page.keyboard.press("Home")
    before = live.settle()
    play = live.output.locator(".widget-play button").first
    play.click()
    for _ in range(3):
        before = live.wait_for_change(before)
    play.click()
    live.settle()
    frame = live.state("frame")
    assert 3 <= frame < live.options("frame")[-1]
    assert live.state("step") == chapter.ask(f"wanted[{frame}]")
    chapter.page.wait_for_timeout(600)
    assert live.state("frame") == frame
