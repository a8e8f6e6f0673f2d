"""Every "Change one thing" of every chapter is written down, and its tool sees what it should."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support.changes import gaps, troubles

CHAPTERS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
FORKS = "fork" in multiprocessing.get_all_start_methods()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_change_is_written_down(path):
    assert gaps(nbformat.read(path, as_version=4)) == []


def notebook(tmp_path: Path, *changes: dict, text: str = "*Change one thing*: x = 2.") -> Path:
    first = new_code_cell("x = 1\ny = 2 * x", id="first")
    second = new_code_cell("assert y < 10", id="second")
    asked = new_markdown_cell(text, metadata={"changes": list(changes)})
    chapter = new_notebook(cells=[first, second, asked, new_code_cell("assert x == 1")])
    nbformat.write(chapter, tmp_path / "chapter.ipynb")
    return tmp_path / "chapter.ipynb"


@pytest.mark.skipif(
    not FORKS, reason="this system cannot copy a process; the chapters run on others"
)
@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"edit": [["first", "x = 1", "x = 2"]]}, None),
        ({"edit": [["first", "x = 1", "x = 2"]], "then": "assert (x, y) == (2, 4)"}, None),
        ({"edit": [["first", "x = 1", "x = 7"]]}, "AssertionError"),
        ({"edit": [["first", "x = 1", "x = 7"]], "fails": "AssertionError"}, None),
        ({"edit": [["first", "x = 1", "x = 2"]], "fails": "AssertionError"}, "no error"),
        ({"then": "z"}, "NameError"),
    ],
)
def test_a_change_is_run_in_a_copy_and_the_chapter_goes_on(tmp_path, change, trouble):
    found = troubles(notebook(tmp_path, change))
    assert [trouble in line for line in found] == [True] * (trouble is not None)


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        ([], "asks for 1 changes, 0 are written down"),
        ([{}], "neither edit nor then"),
        ([{"edit": [["first", "x = 3", "x = 2"]]}], "'x = 3' is not there once"),
        ([{"edit": [["second", "x = 1", "x = 2"]]}], "'x = 1' is not there once"),
    ],
)
def test_a_change_that_is_not_written_down_well_is_found(tmp_path, changes, gap):
    (found,) = gaps(nbformat.read(notebook(tmp_path, *changes), as_version=4))
    assert gap in found
