"""The command writes what was asked for and never over what somebody made."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from support.small_chapter import small_chapter

from mlteach.course import export, printing
from tools import commands

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def book(tmp_path):
    """A checkout with two chapters."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name in ("01_one", "02_two"):
        nbformat.write(small_chapter(), notebooks / f"{name}.ipynb")
    return tmp_path


def run(book, *arguments: str) -> int:
    return export.main(["--notebooks", str(book / "notebooks"), *arguments])


def written(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_writes_pages_and_slides(book, capsys):
    """All chapters, or those that begin so; the paths are printed."""
    assert run(book, "02", "--slides") == 0
    folder = book / "work/export"
    assert written(folder) == ["02_two.html", "02_two.slides.html"]
    assert capsys.readouterr().out.split() == [str(folder / name) for name in written(folder)]
    assert run(book) == 0
    assert written(folder) == ["01_one.html", "02_two.html", "02_two.slides.html"]


def test_students_pages_have_a_folder_of_their_own(book):
    """They never take the place of the others, nor do links lead from one kind to the other."""
    assert run(book, "01", "--student") == 0
    assert "it is 7" not in (book / "work/export/student/01_one.html").read_text(encoding="utf-8")


def test_takes_paths_of_other_notebooks(book, tmp_path):
    """A learner's own copy can be exported too, to a folder of their choice."""
    nbformat.write(small_chapter(), book / "mine.ipynb")
    assert run(book, str(book / "mine.ipynb"), "--output", str(tmp_path / "out")) == 0
    assert written(tmp_path / "out") == ["mine.html"]


def test_replaces_only_what_it_wrote(book, capsys):
    """A page that was changed, or was there before, stays; --overwrite is the way to say so."""
    page = book / "work/export/01_one.html"
    page.parent.mkdir(parents=True)
    page.write_text("my notes")
    assert run(book) == 1
    assert page.read_text() == "my notes"
    assert f"{page} was there before" in capsys.readouterr().err
    assert (page.parent / "02_two.html").exists()
    assert run(book, "--overwrite") == 0
    assert "small chapter" in page.read_text(encoding="utf-8")
    assert run(book) == 0  # its own files are replaced without a word
    page.write_text("my notes")
    assert run(book, "01") == 1
    assert page.read_text() == "my notes"


def test_without_a_browser_the_pages_are_written(book, capsys, monkeypatch):
    """One sentence says what is missing."""
    monkeypatch.delenv("MLTEACH_BROWSER", raising=False)
    monkeypatch.setattr(printing.shutil, "which", lambda name: None)
    assert run(book, "--pdf") == 1
    assert written(book / "work/export") == ["01_one.html", "02_two.html"]
    assert capsys.readouterr().err == printing.NO_BROWSER + "\n"


@pytest.mark.parametrize("name", ["07", "missing.ipynb"])
def test_a_chapter_that_is_not_there(book, capsys, name):
    """Nothing is written, and the name is repeated."""
    with pytest.raises(SystemExit):
        run(book, "01", name)
    assert f"no such chapter: {name}" in capsys.readouterr().err
    assert not (book / "work").exists()


def test_run_py_knows_where_chapters_and_browser_are(monkeypatch):
    """Paths on the command line are meant from where it was called."""
    calls = []
    monkeypatch.setattr(commands.Environment, "set_up", lambda self, extras: calls.append(extras))
    monkeypatch.setattr(commands, "call", lambda command: calls.append(command) or 0)
    monkeypatch.setattr(commands.machine, "find_browser", lambda: "a browser")
    monkeypatch.setenv("MLTEACH_BROWSER", "")
    assert commands.main(["export", "05", "--pdf"]) == 0
    extras, command = calls
    assert extras == {"course"}
    assert command[1:3] == ["-m", "mlteach.course.export"]
    assert command[3:] == ["--notebooks", ROOT / "notebooks", "05", "--pdf"]
    assert os.environ["MLTEACH_BROWSER"] == "a browser"
