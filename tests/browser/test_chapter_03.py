"""Chapter 03 in a real JupyterLab: run it, move every control by keyboard and by mouse, drag the three points."""

import pytest
from live import Live

CHAPTER = "03_metric_learning.ipynb"


@pytest.fixture(scope="module")
def chapter(lab):
    lab.open(CHAPTER)
    lab.run_all()
    return lab


VARIABLES = {"pair": "pair_loss_explorer", "plane": "triplet_explorer"}
SLIDERS = [("pair", "distance"), ("pair", "margin"), ("pair", "positive_distance"),
           ("plane", "margin"), ("plane", "x"), ("plane", "y")]  # fmt: skip
POINTS = ["anchor", "positive", "negative"]


@pytest.mark.parametrize(("explorer", "slider"), SLIDERS)
def test_a_slider_moves_the_picture_by_keyboard(chapter, explorer, slider):
    live = Live(chapter, VARIABLES[explorer])
    before, value = live.settle(), live.value(slider)
    live.control(slider).locator(".noUi-handle").focus()
    chapter.page.keyboard.press("ArrowRight")
    live.wait_for_change(before)
    assert live.value(slider) > value
    readout = live.control(slider).locator(".widget-readout").inner_text()
    assert float(readout.replace("−", "-")) == pytest.approx(live.value(slider), abs=0.01)


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
    assert live.value(slider) == pytest.approx(live.lab.ask(f"{live.variable}.controls[{slider!r}].max"))
    assert len(set(seen)) == 3
    assert live.output.locator(".mlteach-problem").inner_text() == ""


def test_choosing_the_other_formula_changes_the_curves(chapter):
    live = Live(chapter, VARIABLES["pair"])
    before = live.settle()
    live.control("form").locator("select").select_option("not squared")
    live.wait_for_change(before)
    assert live.state("form") == "not squared"
    assert live.state("losses")["same"] == pytest.approx(live.state("distance"))


def test_the_three_points_are_dragged(chapter):
    """Each goes where the mouse lets it go, the others stay, and the state follows."""
    live = Live(chapter, VARIABLES["plane"])
    live.output.get_by_role("button", name="start again").click()
    targets = [(-1.0, 0.8), (-1.5, -0.7), (1.2, 0.3)]
    for number, target in enumerate(targets):
        before, points = live.settle(), chapter.ask("triplet_explorer.state['points'].tolist()")
        chapter.page.mouse.move(*place(live, points[number]))
        chapter.page.mouse.down()
        chapter.page.mouse.move(*place(live, (0.1, -1.5)), steps=8)
        chapter.page.mouse.move(*place(live, target), steps=8)
        chapter.page.mouse.up()
        live.wait_for_change(before)
        live.settle()
        after = chapter.ask("triplet_explorer.state['points'].tolist()")
        assert after[number] == pytest.approx(target, abs=0.03)
        assert [after[i] == points[i] for i in range(3) if i != number] == [True, True]
        assert live.value("point") == POINTS[number]
    to_positive, to_negative = live.state("distances")["positive"], live.state("distances")["negative"]
    assert to_positive == pytest.approx((0.5**2 + 1.5**2) ** 0.5, abs=0.05)
    assert to_negative == pytest.approx((2.2**2 + 0.5**2) ** 0.5, abs=0.05)


def place(live, point):
    """Where on the page a point of the plane lies."""
    live.picture.scroll_into_view_if_needed()
    box = live.picture.bounding_box()
    across, up = live.lab.ask(
        f"({live.variable}.ax.transData.transform({tuple(point)}) / {live.variable}.figure.bbox.size).tolist()"
    )
    return box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]


def test_the_buttons_follow_the_pull_and_start_again(chapter):
    live = Live(chapter, VARIABLES["plane"])
    live.output.get_by_role("button", name="start again").click()
    live.settle()
    chapter.ask("setattr(triplet_explorer.controls['margin'], 'value', 2.0)")
    before, loss = live.settle(), live.state("loss")
    live.output.get_by_role("button", name="follow the pull").click()
    live.wait_for_change(before)
    assert live.state("loss") < loss


def test_screen_readers_are_told_what_the_picture_shows(chapter):
    live = Live(chapter, VARIABLES["plane"])
    assert "so the triplet is" in live.picture.get_attribute("alt")
    assert live.output.locator(".mlteach-readout").inner_text() == live.picture.get_attribute("alt")


def test_a_chapter_that_was_not_run_shows_every_explorer_as_a_picture(lab):
    lab.open(CHAPTER)
    for variable in VARIABLES.values():
        picture = lab.output(variable).locator("img")
        picture.wait_for(timeout=20_000)
        assert picture.evaluate("image => image.naturalWidth") > 900
