"""What is shown, folded, moved or left out follows from the metadata of cells and outputs."""

from __future__ import annotations

import pytest
from support.small_chapter import figure, small_chapter

from mlteach.course.cells import END, for_paper, prepare


@pytest.fixture
def chapter():
    return small_chapter()


def by_id(notebook) -> dict:
    return {cell.id: cell for cell in notebook.cells}


def test_folds_what_the_notebook_folds(chapter):
    """A solution is folded whole, an answer its output only, and the install cell is gone."""
    prepare(chapter, student=False)
    cells = by_id(chapter)
    assert "install" not in cells
    assert cells["solution"].metadata["fold"] == "Solution"
    assert cells["question"].metadata["fold_outputs"] == "Answer"
    folded = [name for name, cell in cells.items() if "fold" in str(dict(cell.metadata))]
    assert folded == ["question", "solution"]


def test_code_that_is_folded_without_being_a_solution(chapter):
    """Its output stays in sight."""
    cell = by_id(chapter)["setup"]
    cell.metadata["jupyter"] = {"source_hidden": True}
    cell.outputs = [figure(alt="seen")]
    prepare(chapter, student=False)
    assert cell.metadata["fold_source"] == "Code"
    assert "fold" not in cell.metadata


def test_students_get_no_answers(chapter):
    """Solutions, notes for teachers and the outputs of answers are nowhere; hints stay."""
    prepare(chapter, student=True)
    cells = by_id(chapter)
    assert not {"solution", "teacher"} & set(cells)
    assert {"hint", "stub", "quiz", "question"} <= set(cells)
    assert cells["question"].outputs == []
    assert "it is 7" not in str(chapter)


def test_an_explorer_leaves_its_figure(chapter):
    """The widget without a kernel is gone; the line says where the figure moves."""
    prepare(chapter, student=False)
    line, still = by_id(chapter)["explorer"].outputs
    assert line.data["text/html"] == '<p class="moves">In the notebook this figure moves.</p>'
    assert still.metadata["image/png"]["alt"] == 'loss 1.5 at "temperature" 0.1'


def test_a_figure_without_alt_gets_its_text(chapter):
    """What the notebook says in words is the alternative text; a Python name is none."""
    by_id(chapter)["setup"].outputs = [figure(text="<matplotlib.figure.Figure at 0x7f>")]
    prepare(chapter, student=False)
    (told,) = by_id(chapter)["plot"].outputs
    (silent,) = by_id(chapter)["setup"].outputs
    assert told.metadata["image/png"]["alt"] == "a figure told by its text"
    assert "alt" not in silent.metadata["image/png"]


def test_on_paper_no_answer_stands_under_its_question(chapter):
    """Hints, solutions and answers come last, each under the heading that they belong to."""
    prepare(chapter, student=False)
    for_paper(chapter)
    names = [cell.id for cell in chapter.cells]
    end = names.index("end")
    assert chapter.cells[end].source == f"## {END}"
    assert names[end + 1 :] == [
        "section-end",
        "question-open",
        "quiz-open",
        "task-end",
        "hint-open",
        "solution",
        "teacher-open",
    ]
    cells = by_id(chapter)
    assert "it is 7" not in str(chapter.cells[:end])
    assert "norm" not in str(chapter.cells[:end])
    assert "it is 7" in str(cells["question-open"].outputs)
    assert cells["quiz"].source.startswith("<details><summary>Why?")  # the question stays
    assert cells["quiz-open"].source.startswith("<details open>")


def test_paper_leads_to_the_end_and_back(chapter):
    """One line with a link stands where something was, and the heading at the end leads back."""
    prepare(chapter, student=False)
    for_paper(chapter)
    cells = by_id(chapter)
    assert cells["hint-open-place"].source == "[Hints and solution: at the end](#task-end)"
    assert cells["task-end"].source == "### [Exercise 1: the cosine](#task)"
    assert cells["quiz-open-place"].source == "[Answer: at the end](#section-end)"


def test_a_chapter_without_answers_has_no_last_part(chapter):
    """Nothing is announced that does not come."""
    chapter.cells = chapter.cells[:4]
    prepare(chapter, student=False)
    for_paper(chapter)
    assert [cell.id for cell in chapter.cells] == ["title", "setup", "section"]
