"""run.py's commands, and tools/book.py, which never saves a failed chapter."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import commands, machine
from tools.environment import Environment

ROOT = Path(__file__).resolve().parent.parent


def load(path: str):
    """A script of this repository, imported as a module."""
    spec = importlib.util.spec_from_file_location(f"script_{Path(path).stem}", ROOT / path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run = load("run.py")
book = load("tools/book.py")


@pytest.fixture
def steps(monkeypatch) -> list:
    """The command lines and variables that the steps of `test` get, of which "format" fails."""
    seen = []

    def note(command, *, cwd, env):
        seen.append((command[1:], env))
        return int("format" in command)

    monkeypatch.setattr(commands, "call", note)
    monkeypatch.setattr(machine, "has_driver", lambda python: True)
    return seen


def test_a_failed_step_fails_the_tests_but_not_the_steps_after_it(steps, monkeypatch, capsys):
    """Every step runs, the unit tests last; the exit status and one line name the failed one."""
    monkeypatch.setattr(machine, "get_browser", lambda python, folder: "a browser")
    assert commands.test(Environment()) == 1
    assert [command for command, _ in steps] == list(commands.TESTS.values())
    assert steps[-1][0][:3] == ["-m", "pytest", "tests"]
    assert {variables["MLTEACH_BROWSER"] for _, variables in steps} == {"a browser"}
    assert {variables["OMP_NUM_THREADS"] for _, variables in steps} == {"1"}
    assert capsys.readouterr().err == "run.py: failed: format\n"


def test_without_a_browser_no_step_runs(steps, monkeypatch):
    """One line at the start says what to install, instead of failures twenty minutes later."""
    monkeypatch.setattr(machine, "get_browser", lambda python, folder: None)
    with pytest.raises(SystemExit, match=r"run\.py: no browser .* set MLTEACH_BROWSER"):
        commands.test(Environment())
    monkeypatch.setattr(machine, "has_driver", lambda python: False)
    with pytest.raises(SystemExit, match=r"run\.py: Playwright.* does not start"):
        commands.test(Environment())
    assert steps == []


def test_old_python_gets_one_clear_line(monkeypatch):
    """Nothing is tried with a Python that is too old."""
    monkeypatch.setattr(run.sys, "version_info", (3, 10, 2))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or later; this is 3\.10\."):
        run.main(["lab"])


def test_the_oldest_pythons_can_read_run_py():
    """Else they would show a SyntaxError in place of that line; Python 2 has fewest forms."""
    tree = ast.parse((ROOT / "run.py").read_text(encoding="ascii"), feature_version=(3, 4))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.JoinedStr, ast.Nonlocal))]
    for function in functions:
        arguments = function.args
        assert function.returns is None
        assert not [a for a in arguments.args if a.annotation] + arguments.kwonlyargs
    at_the_top = {a.name for node in tree.body if isinstance(node, ast.Import) for a in node.names}
    assert at_the_top == {"sys"}
    assert not [node for node in tree.body if isinstance(node, ast.ImportFrom)]


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10"])
def test_really_with_an_old_python(version):
    """Where one is installed."""
    python = shutil.which(f"python{version}")
    if python is None:
        pytest.skip(f"no Python {version} here")
    done = subprocess.run([python, "run.py", "lab"], cwd=ROOT, capture_output=True, text=True)
    if "pyenv" in done.stderr:
        pytest.skip(f"Python {version} is installed but switched off")
    assert done.returncode == 1
    assert done.stderr.startswith("run.py: this book needs Python 3.11 or later; this is ")
    assert done.stderr.count("\n") == 1


def test_a_checkout_whose_path_is_not_utf8_gets_one_line(monkeypatch):
    """venv and pip would fail there in the middle, with tracebacks."""
    monkeypatch.setattr(commands, "ROOT", Path("/tmp/caf\udce9"))
    with pytest.raises(SystemExit, match="not valid UTF-8"):
        run.main(["lab"])


@pytest.mark.parametrize("name", ["two words", "Übung", "it's", "北京"])
def test_other_letters_in_the_path_are_welcome(name):
    """Blanks and letters of any script are no reason to refuse."""
    assert commands.is_utf8(Path("/tmp", name))


@pytest.mark.parametrize(
    "arguments", [["test", "more"], ["bench", "--fast"], ["pins", "x"], ["unknown"], []]
)
def test_refuses_arguments_it_would_ignore(arguments, capsys):
    """A mistyped command line is an error, not a silent full run."""
    with pytest.raises(SystemExit) as exit_info:
        commands.read_command_line(arguments)
    assert exit_info.value.code == 2


def test_passes_further_arguments_on():
    """JupyterLab's options, and chapter numbers, reach those who understand them."""
    assert commands.read_command_line(["lab", "--no-browser", "--version"])[1] == [
        "--no-browser",
        "--version",
    ]
    assert commands.read_command_line(["book", "05", "00"])[1] == ["05", "00"]
    claims = ["--chapters", "05", "--seeds", "1", "2", "--no-table"]
    assert commands.read_command_line(["claims", *claims])[1] == claims


def test_every_script_that_it_calls_is_there():
    """A command of the same name is a script in tools/."""
    for command in ["book", "pins"]:
        assert (ROOT / f"tools/{command}.py").is_file()


def write_notebook(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def test_book_saves_outputs_without_widget_state(tmp_path):
    """A saved chapter has its install cell, its outputs, stable metadata, no widget state."""
    path = write_notebook(
        tmp_path / "00.ipynb", "1 + 1", "import ipywidgets\nipywidgets.IntSlider()"
    )
    book.execute(path)
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3]
    install, number, widget = notebook.cells
    assert install.metadata.tags == ["install"]
    assert number.outputs[0].data["text/plain"] == "2"
    assert book.WIDGET in widget.outputs[0].data
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(set(cell.metadata) <= {"slideshow"} for cell in (number, widget))
    assert os.listdir(tmp_path) == ["00.ipynb"]


def test_book_is_reproducible(tmp_path):
    """Executing a chapter again changes no byte of it, widgets included."""
    path = write_notebook(tmp_path / "00.ipynb", "import ipywidgets\nipywidgets.IntSlider()")
    book.execute(path)
    first = path.read_bytes()
    book.execute(path)
    assert path.read_bytes() == first


def test_book_keeps_what_authors_wrote_into_the_metadata(tmp_path):
    """Cell tags survive; timings do not."""
    notebook = new_notebook(
        cells=[new_code_cell("1", metadata={"tags": ["solution"], "execution": {"a": "b"}})]
    )
    book.clean(notebook)
    assert notebook.cells[0].metadata == {"tags": ["solution"]}


def test_book_saves_no_progress_bar(tmp_path):
    """A finished progress bar leaves no empty output behind."""
    path = write_notebook(
        tmp_path / "00.ipynb",
        "from mlteach._kernel import ProgressBar\nfor _ in ProgressBar(range(3), leave=False):\n"
        "    pass\n'done'",
    )
    book.execute(path)
    assert [output.data for output in nbformat.read(path, as_version=4).cells[1].outputs] == [
        {"text/plain": "'done'"}
    ]


def test_book_leaves_a_failed_chapter_untouched(tmp_path, monkeypatch):
    """A cell that raises stops the book with the cell's error, and the old file stays."""
    path = write_notebook(tmp_path / "00_welcome.ipynb", "1 + 1", "raise KeyError('no such thing')")
    before = path.read_bytes()
    monkeypatch.setattr(book, "CHAPTERS", tmp_path)
    with pytest.raises(SystemExit, match="no such thing"):
        book.main(["00"])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["00_welcome.ipynb"]


def test_book_chooses_chapters_by_number(tmp_path, monkeypatch):
    """No number means all chapters, in order; an unknown one is an error."""
    for name in ["05_b.ipynb", "00_a.ipynb", "15_c.ipynb"]:
        (tmp_path / name).touch()
    monkeypatch.setattr(book, "CHAPTERS", tmp_path)
    assert [path.name for path in book.choose([])] == ["00_a.ipynb", "05_b.ipynb", "15_c.ipynb"]
    assert [path.name for path in book.choose(["05"])] == ["05_b.ipynb"]
    with pytest.raises(SystemExit, match="starts with 99"):
        book.choose(["99"])
