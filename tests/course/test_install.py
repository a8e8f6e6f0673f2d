"""The install cell does nothing where mlteach is there, else installs or says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.small_chapter import small_chapter

from mlteach.course.install import INSTALL_CELL, add_install_cell

ROOT = Path(__file__).resolve().parents[2]
# a kernel's function, which here only says what it was asked to do
KERNEL = """
class Shell:
    def run_line_magic(self, name, line): print(name, line)
get_ipython = Shell
"""
COLAB = "import sys; sys.modules['google.colab'] = sys\n"


def run_cell(folder: Path, start: str, *options: str) -> subprocess.CompletedProcess:
    """Run the cell in a fresh Python in this folder."""
    return subprocess.run(
        [sys.executable, *options, "-c", start + KERNEL + INSTALL_CELL],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_without_mlteach(folder: Path, start: str = "") -> subprocess.CompletedProcess:
    """Run it where only the folder itself and the standard library can be imported."""
    return run_cell(folder, "import sys; sys.path.insert(0, '')\n" + start, "-I", "-S")


@pytest.fixture
def content(tmp_path) -> Path:
    """The folder of a notebook, and beside it the book, as somebody unpacked it."""
    (tmp_path / "mlteach/mlteach/losses").mkdir(parents=True)
    (tmp_path / "mlteach/mlteach/__init__.py").touch()
    return tmp_path


def test_installs_the_book_on_colab(content):
    """The folder beside the notebook, even one that is called as the package is."""
    result = run_without_mlteach(content, COLAB)
    assert result.stderr == ""
    assert result.stdout == f"pip install -q '{content / 'mlteach'}'\n"


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (COLAB, "Put the book's folder beside this notebook and run again."),
        ("", "Choose the book's .venv as kernel."),
    ],
)
def test_says_what_is_missing(tmp_path, start, sentence):
    """On Colab the book, elsewhere the right kernel: nothing is installed into another one."""
    result = run_without_mlteach(tmp_path, start)
    assert result.stderr.strip().splitlines()[-1] == f"AssertionError: {sentence}"
    assert result.stdout == ""


@pytest.mark.parametrize("start", ["", COLAB])
def test_does_nothing_where_mlteach_is(content, start):
    """No output, no installation, not even beside a checkout."""
    result = run_cell(content, start)
    assert (result.stdout, result.stderr) == ("", "")


def test_stands_before_the_first_code():
    """Once, however often it is put there, and in its newest form."""
    chapter = small_chapter()
    for _ in range(2):
        add_install_cell(chapter)
        codes = [cell for cell in chapter.cells if cell.cell_type == "code"]
        assert [cell.id for cell in codes[:2]] == ["install", "setup"]
        assert codes[0].source == INSTALL_CELL
        assert len([cell for cell in codes if cell.source == INSTALL_CELL]) == 1


def test_fits_into_a_chapter():
    """Short lines, and no longer than the median cell may be."""
    lines = [line for line in INSTALL_CELL.splitlines() if line]
    assert len(lines) <= 8
    assert max(map(len, lines)) <= 80
