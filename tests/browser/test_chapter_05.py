"""Chapter 05 in a real JupyterLab: run it, move every control by keyboard and by mouse, drag a point."""

import math

import pytest
from live import Live

CHAPTER = "05_contrastive_loss.ipynb"


@pytest.fixture(scope="module")
def chapter(lab):
    lab.open(CHAPTER)
    lab.run_all()
    return lab


VARIABLES = {"temperature": "temperature_explorer", "matrix": "matrix_explorer", "circle": "circle_explorer"}
SLIDERS = [("temperature", "temperature"), ("temperature", "anchor"), ("matrix", "temperature"),
           ("circle", "temperature"), ("circle", "angle")]  # fmt: skip


@pytest.mark.parametrize(("explorer", "slider"), SLIDERS)
def test_a_slider_moves_the_picture_by_keyboard(chapter, explorer, slider):
    live = Live(chapter, VARIABLES[explorer])
    before, value = live.settle(), live.value(slider)
    live.control(slider).locator(".noUi-handle").focus()
    chapter.page.keyboard.press("ArrowRight")
    live.wait_for_change(before)
    assert live.value(slider) > value
    if slider != "angle":
        assert live.state(slider) == pytest.approx(live.value(slider))
    readout = live.control(slider).locator(".widget-readout").inner_text()
    assert float(readout.replace("−", "-")) == pytest.approx(live.value(slider), rel=0.06)  # two digits


@pytest.mark.parametrize(("explorer", "slider"), SLIDERS)
def test_a_slider_moves_the_picture_by_mouse_to_both_ends(chapter, explorer, slider):
    live = Live(chapter, VARIABLES[explorer])
    seen = [live.settle()]
    for target in (-400, 800):
        box = live.control(slider).locator(".noUi-handle").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        chapter.page.mouse.move(x, y)
        chapter.page.mouse.down()
        chapter.page.mouse.move(x + target, y, steps=12)
        chapter.page.mouse.up()
        seen.append(live.settle())
        if slider != "angle":
            assert live.state(slider) == pytest.approx(live.value(slider))
    end = live.lab.ask(f"{live.variable}.controls[{slider!r}].max")
    assert live.value(slider) == pytest.approx(10**end if slider == "temperature" else end)
    assert len(set(seen)) == 3
    assert live.output.locator(".mlteach-problem").inner_text() == ""


def test_choices_change_the_picture(chapter):
    live = Live(chapter, "matrix_explorer")
    for name, option in (("encoder", "pixels"), ("shown", "probabilities"), ("order", "as drawn")):
        before = live.settle()
        live.control(name).locator("select").select_option(option)
        live.wait_for_change(before)
        assert live.state(name) == option


def test_pointing_at_the_matrix_shows_a_pair(chapter):
    live = Live(chapter, "matrix_explorer")
    before = live.settle()
    box = live.picture.bounding_box()
    chapter.page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.4 * box["height"])
    live.wait_for_change(before)
    row, column = live.state("hover")
    assert 0 <= row < 60
    assert 0 <= column < 60


def test_a_point_of_the_circle_is_dragged(chapter):
    live = Live(chapter, "circle_explorer")
    before = live.settle()
    box = live.picture.bounding_box()

    def place(angle):
        """Where on the page the circle's point with this angle lies."""
        point = (math.cos(angle), math.sin(angle))
        fraction = chapter.ask(
            f"(circle_explorer.ax.transData.transform({point}) / circle_explorer.figure.bbox.size).tolist()"
        )
        return box["x"] + fraction[0] * box["width"], box["y"] + (1 - fraction[1]) * box["height"]

    angles = chapter.ask("circle_explorer.state['angles'].tolist()")
    chapter.page.mouse.move(*place(angles[1][1]))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*place(-1.0), steps=8)
    chapter.page.mouse.move(*place(2.5), steps=8)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()
    after = chapter.ask("circle_explorer.state['angles'].tolist()")
    moved = live.value("point")
    index = chapter.ask(f"circle_explorer._index({moved!r})")
    assert after[index[0]][index[1]] == pytest.approx(2.5, abs=0.05)
    assert math.radians(live.value("angle")) == pytest.approx(2.5, abs=0.05)
    assert sum(a != b for one, two in zip(angles, after, strict=True) for a, b in zip(one, two, strict=True)) == 1


def test_the_buttons_follow_the_pull_and_start_again(chapter):
    live = Live(chapter, "circle_explorer")
    before, loss = live.settle(), live.state("loss")
    live.output.get_by_role("button", name="follow the pull").click()
    live.wait_for_change(before)
    assert live.state("loss") < loss
    live.output.get_by_role("button", name="start again").click()
    live.settle()
    assert chapter.ask("len(circle_explorer.track)") == 1


def test_screen_readers_are_told_what_the_picture_shows(chapter):
    live = Live(chapter, "temperature_explorer")
    assert "loss is" in live.picture.get_attribute("alt")
    readout = live.output.locator(".mlteach-readout")
    assert readout.inner_text() == live.picture.get_attribute("alt")
    assert readout.get_attribute("aria-live") == "polite"
    handles = live.output.get_by_role("slider")
    assert [handle.get_attribute("aria-label") for handle in handles.all()] == ["temperature", "anchor picture"]


def test_a_chapter_that_was_not_run_shows_every_explorer_as_a_picture(lab):
    lab.open(CHAPTER)
    for variable in VARIABLES.values():
        picture = lab.output(variable).locator("img")
        picture.wait_for(timeout=20_000)
        assert picture.evaluate("image => image.naturalWidth") > 900
