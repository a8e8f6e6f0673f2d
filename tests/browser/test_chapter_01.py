"""Chapter 01 in a real JupyterLab: every control by keyboard and by mouse; arrows, pairs and neighbours pointed at."""

import pytest
from live import Live

CHAPTER = "01_similarity.ipynb"
VARIABLES = ("vectors_explorer", "matrix_explorer", "retrieval_explorer")
SLIDERS = [("vectors", "angle"), ("vectors", "length"), ("retrieval", "query"), ("retrieval", "k")]


@pytest.fixture(scope="module")
def chapter(lab):
    lab.open(CHAPTER)
    lab.run_all()
    return lab


def place(live, ax, x, y):
    """Where on the page a point in data coordinates lies; ax is an expression such as ``axes[0]``."""
    box = live.picture.bounding_box()
    name = live.variable
    fraction = live.lab.ask(f"({name}.{ax}.transData.transform(({x}, {y})) / {name}.figure.bbox.size).tolist()")
    return box["x"] + fraction[0] * box["width"], box["y"] + (1 - fraction[1]) * box["height"]


@pytest.mark.parametrize(("explorer", "slider"), SLIDERS)
def test_a_slider_moves_the_picture_by_keyboard(chapter, explorer, slider):
    live = Live(chapter, f"{explorer}_explorer")
    before, value = live.settle(), live.value(slider)
    live.control(slider).locator(".noUi-handle").focus()
    chapter.page.keyboard.press("ArrowRight")
    live.wait_for_change(before)
    assert live.value(slider) > value
    readout = live.control(slider).locator(".widget-readout").inner_text()
    assert float(readout.replace("−", "-")) == pytest.approx(live.value(slider), abs=0.01)


@pytest.mark.parametrize(("explorer", "slider"), SLIDERS)
def test_a_slider_moves_the_picture_by_mouse_to_both_ends(chapter, explorer, slider):
    live = Live(chapter, f"{explorer}_explorer")
    seen = [live.settle()]
    for target in (-400, 800):
        box = live.control(slider).locator(".noUi-handle").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        chapter.page.mouse.move(x, y)
        chapter.page.mouse.down()
        chapter.page.mouse.move(x + target, y, steps=12)
        chapter.page.mouse.up()
        seen.append(live.settle())
    assert live.value(slider) == pytest.approx(chapter.ask(f"{live.variable}.controls[{slider!r}].max"))
    assert len(set(seen)) == (2 if slider == "angle" else 3)  # -180 and 180 degrees look the same
    assert live.output.locator(".mlteach-problem").inner_text() == ""


@pytest.mark.parametrize(
    ("explorer", "name", "option"),
    [
        ("vectors", "lengths", "all 1"),
        ("matrix", "sort", "hue"),
        ("matrix", "measure", "Euclid"),
        ("retrieval", "factor", "hue"),
        ("retrieval", "measure", "dot product"),
    ],
)
def test_choices_change_the_picture(chapter, explorer, name, option):
    live = Live(chapter, f"{explorer}_explorer")
    before = live.settle()
    live.control(name).locator("select").select_option(option)
    live.wait_for_change(before)
    assert live.value(name) == option


def test_an_arrow_is_dragged(chapter):
    live = Live(chapter, "vectors_explorer")
    chapter.ask("[vectors_explorer.controls['lengths'].set_trait('value', 'as dragged'), "
                "vectors_explorer.move('A', 1.0, -0.5), vectors_explorer.move('query', -1.0, 0.5)]")  # fmt: skip
    before = live.settle()
    resting = chapter.ask("vectors_explorer.state['tips'].tolist()")
    chapter.page.mouse.move(*place(live, "ax", 1.0, -0.5))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*place(live, "ax", 1.0, 1.0), steps=8)
    chapter.page.mouse.move(*place(live, "ax", -0.6, -1.2), steps=8)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()
    query, a, b = chapter.ask("vectors_explorer.state['tips'].tolist()")
    assert a == pytest.approx([-0.6, -1.2], abs=0.03)
    assert query == pytest.approx(resting[0], abs=1e-6)
    assert b == pytest.approx(resting[2], abs=1e-6)
    assert live.value("arrow") == "A"


def test_pointing_at_a_matrix_shows_a_pair(chapter):
    live = Live(chapter, "matrix_explorer")
    before = live.settle()
    chapter.page.mouse.move(*place(live, "axes[2]", 30, 70))
    live.wait_for_change(before)
    row, column = live.state("hover")
    assert abs(row - 70) <= 1
    assert abs(column - 30) <= 1


def test_a_click_on_a_neighbour_makes_it_the_query(chapter):
    live = Live(chapter, "retrieval_explorer")
    before = live.settle()
    chapter.ask("retrieval_explorer.controls['measure'].set_trait('value', 'cosine')")
    wanted = chapter.ask("list(retrieval_explorer.state['neighbours'].values())[3][1]")
    chapter.page.mouse.click(*place(live, "rows[3]", 1.5, 0.5))
    live.wait_for_change(before)
    live.settle()
    assert live.state("query") == live.value("query") == wanted


def test_a_chapter_that_was_not_run_shows_every_explorer_as_a_picture(lab):
    lab.open(CHAPTER)
    for variable in VARIABLES:
        picture = lab.output(variable).locator("img")
        picture.wait_for(timeout=20_000)
        assert picture.evaluate("image => image.naturalWidth") > 900
