"""Chapter 01 in a real JupyterLab: every control by keyboard and by mouse; arrows, pairs and
neighbours pointed at.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "01_similarity.ipynb"
EXPLORERS = ["vectors_explorer", "matrix_explorer", "retrieval_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_an_arrow_is_dragged(chapter):
    live = Live(chapter, "vectors_explorer")
    chapter.ask("[vectors_explorer.controls['lengths'].set_trait('value', 'as dragged'), "
                "vectors_explorer.move('A', 1.0, -0.5), vectors_explorer.move('query', -1.0, 0.5)]")  # fmt: skip
    before = live.settle()
    resting = chapter.ask("vectors_explorer.state['tips'].tolist()")
    chapter.page.mouse.move(*live.place("ax", 1.0, -0.5))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*live.place("ax", 1.0, 1.0), steps=8)
    chapter.page.mouse.move(*live.place("ax", -0.6, -1.2), steps=8)
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
    chapter.page.mouse.move(*live.place("axes[2]", 30, 70))
    live.wait_for_change(before)
    row, column = live.state("hover")
    assert abs(row - 70) <= 1
    assert abs(column - 30) <= 1


def test_a_click_on_a_neighbour_makes_it_the_query(chapter):
    live = Live(chapter, "retrieval_explorer")
    before = live.settle()
    chapter.ask("retrieval_explorer.controls['measure'].set_trait('value', 'cosine')")
    wanted = chapter.ask("list(retrieval_explorer.state['neighbours'].values())[3][1]")
    chapter.page.mouse.click(*live.place("rows[3]", 1.5, 0.5))
    live.wait_for_change(before)
    live.settle()
    assert live.state("query") == live.value("query") == wanted
