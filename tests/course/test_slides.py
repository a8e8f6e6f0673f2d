"""Slides begin where the rules say, and the same notebook is always marked alike."""

from __future__ import annotations

import copy

from nbformat.v4 import new_markdown_cell
from support.small_chapter import figure, small_chapter

from mlteach.course.slides import arrange, before_headings, mark_slides

KINDS = {
    "title": "slide",
    "install": "skip",
    "setup": "skip",
    "section": "slide",
    "section-2": "subslide",
    "long": "fragment",
    "plot": "fragment",
    "explorer": "fragment",
    "asserts": "skip",
    "question": "fragment",
    "quiz": "-",
    "task": "subslide",
    "stub": "fragment",
    "hint": "skip",
    "solution": "skip",
    "teacher": "skip",
}


def kinds(notebook) -> dict[str, str]:
    return {
        cell.id: cell.metadata.get("slideshow", {}).get("slide_type", "-")
        for cell in notebook.cells
    }


def test_every_cell_has_its_type():
    """Headings, code, set-up, assertions, hints, solutions and notes for teachers."""
    chapter = small_chapter()
    mark_slides(chapter)
    assert kinds(chapter) == KINDS


def test_marking_twice_changes_nothing():
    """Chapters can be marked again whenever they were edited."""
    chapter = small_chapter()
    mark_slides(chapter)
    again = copy.deepcopy(chapter)
    mark_slides(again)
    assert again == chapter


def test_a_set_up_that_shows_a_figure_is_seen():
    """A chapter that opens on a figure opens on it in its slides too."""
    chapter = small_chapter()
    chapter.cells[2].outputs = [figure(alt="first")]
    mark_slides(chapter)
    assert kinds(chapter)["setup"] == "fragment"


def test_text_is_split_before_each_heading():
    """Nothing is lost; what only looks like a heading inside code is none."""
    text = "One.\n\n## Two\n\n```\n# a comment\n```\n\n### Three\nlast"
    parts = before_headings(text)
    assert parts == ["One.", "## Two\n\n```\n# a comment\n```", "### Three\nlast"]
    assert before_headings("## Only") == ["## Only"]


def test_changes_go_with_their_texts():
    """The description of *Change one thing* stays in the cell that has these words."""
    text = "*Change one thing*: a.\n\n## Two\n\nNothing.\n\n## Three\n\n*Change one thing*: b."
    chapter = small_chapter()
    metadata = {"changes": [{"then": "a"}, {"then": "b"}], "tags": ["quiz"]}
    chapter.cells = [new_markdown_cell(text, id="both", metadata=metadata)]
    mark_slides(chapter)
    assert [cell.metadata.get("changes") for cell in chapter.cells] == [
        [{"then": "a"}],
        None,
        [{"then": "b"}],
    ]
    assert [cell.metadata.tags for cell in chapter.cells] == [["quiz"]] * 3
    assert [cell.id for cell in chapter.cells] == ["both", "both-2", "both-3"]


def test_slides_and_steps():
    """Skipped cells are gone, the first cell that is left begins a slide."""
    chapter = small_chapter()
    arrange(chapter)
    begins = {cell.id: cell.metadata["begins"] for cell in chapter.cells}
    assert [name for name, what in begins.items() if what == "slide"] == [
        "title",
        "section",
        "section-2",
        "task",
    ]
    assert [name for name, what in begins.items() if what == "step"] == [
        "long",
        "plot",
        "explorer",
        "question",
        "stub",
    ]
    assert "asserts" not in begins


def test_marks_of_a_teacher_are_kept():
    """A notebook that has slide types is not marked anew."""
    chapter = small_chapter()
    chapter.cells[3].metadata["slideshow"] = {"slide_type": "skip"}
    arrange(chapter)
    assert [cell.id for cell in chapter.cells if cell.metadata["begins"]] == ["title"]
    assert "section" not in [cell.id for cell in chapter.cells]
