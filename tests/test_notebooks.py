"""Every saved chapter is executed in order, free of errors and warnings, with its figures."""

from __future__ import annotations

import ast
import copy
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nbformat
import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from sklearn.manifold import trustworthiness

from mlteach import plots
from mlteach.course.install import add_install_cell
from mlteach.course.slides import mark_slides
from mlteach.explorers._core.output import LINE

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
CHAPTERS = sorted(FOLDER.glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def chapter(path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(chapter: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in chapter.cells if cell.cell_type == "code"]


def outputs(chapter: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(chapter) for output in cell.outputs]


def lines(cell: NotebookNode) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def tagged(chapter: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in chapter.cells if tag in cell.metadata.get("tags", [])]


def hides(cell: NotebookNode, part: str) -> bool:
    """Whether JupyterLab folds the cell's "source" or "outputs" until a reader asks for them."""
    return cell.metadata.get("jupyter", {}).get(f"{part}_hidden", False)


def has_figure(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def printed(output: NotebookNode) -> str:
    """The text of an output as a reader sees it."""
    return output.get("text", "") + output.get("data", {}).get("text/plain", "")


def test_there_are_chapters():
    """The other tests have something to look at; names sort in the order of reading."""
    assert CHAPTERS
    assert [
        path.name for path in CHAPTERS if not re.fullmatch(r"\d\d_[a-z_]+\.ipynb", path.name)
    ] == []


def test_is_a_valid_notebook_for_any_python_kernel(chapter):
    """Whoever opens the chapter has its kernel."""
    nbformat.validate(chapter)
    assert chapter.metadata.kernelspec.name == "python3"


def test_was_executed_in_order_from_a_fresh_kernel(chapter):
    """What the reader sees is what the cells, run once from top to bottom, give."""
    counts = [cell.execution_count for cell in code_cells(chapter)]
    assert counts == list(range(1, len(counts) + 1))


def test_shows_its_outputs(chapter):
    """Cleared outputs would leave a reader on the web with nothing."""
    assert outputs(chapter)


def test_has_no_error_and_no_warning(chapter):
    """Nothing failed, nothing was written to stderr, and no warning stands anywhere."""
    assert [
        output.output_type for output in outputs(chapter) if output.output_type == "error"
    ] == []
    assert [output.text for output in outputs(chapter) if output.get("name") == "stderr"] == []
    assert [
        printed(output) for output in outputs(chapter) if re.search(r"Warning\b", printed(output))
    ] == []


def test_keeps_no_widget_state(chapter):
    """With the state, a chapter's page drops the figures and asks a server for the widgets."""
    assert "widgets" not in chapter.metadata


def test_every_widget_has_a_figure(chapter):
    """An explorer is seen where no kernel runs."""
    explorers = [
        cell
        for cell in code_cells(chapter)
        if any(WIDGET in output.get("data", {}) for output in cell.outputs)
    ]
    assert [cell.source for cell in explorers if not has_figure(cell)] == []


def test_opens_on_a_figure(chapter):
    """A reader sees what the chapter is about before its imports."""
    install, *first = chapter.cells[:4]
    assert install.metadata.tags == ["install"]
    assert any(has_figure(cell) for cell in first)


def test_slides_and_the_install_cell_are_up_to_date(chapter):
    """As `run.py book` writes them."""
    written = copy.deepcopy(chapter)
    mark_slides(written)
    add_install_cell(written)
    for cell in (written.cells[0], chapter.cells[0]):
        cell.update(outputs=[], execution_count=None)
        cell.metadata.pop("slideshow", None)
    assert written == chapter


def test_every_explorer_keeps_a_line_its_figure_and_the_widget(chapter):
    """In this order: the style in the first decides which of them a page shows."""
    for cell in code_cells(chapter):
        kinds = [set(output.get("data", {})) for output in cell.outputs]
        for place in (number for number, kind in enumerate(kinds) if WIDGET in kind):
            line, figure = cell.outputs[place - 2 : place]
            assert LINE in line.data["text/html"]
            assert figure.metadata["image/png"]["alt"] == figure.data["text/plain"] != ""


def test_a_cell_that_needs_a_finished_training_says_what_to_do_without(chapter):
    """The kernel's stop button pauses the training, and the cells below can still be run."""
    cells = code_cells(chapter)
    for waits, below in itertools.pairwise(cells):
        waited = re.findall(r"(\w+)\.wait\(", waits.source)
        if any(f"{name}." in below.source for name in waited) and "assert" in below.source:
            first = next(line for line in below.source.split("\n") if "assert" in line)
            assert '"finished"' in first
            assert '"not finished: ' in below.source


def test_solutions_are_folded(chapter):
    """Neither a solution nor its passed check stands under one's own attempt."""
    solutions = tagged(chapter, "solution")
    assert [cell.source for cell in solutions if not hides(cell, "source")] == []
    assert [cell.source for cell in solutions if not hides(cell, "outputs")] == []


def test_answers_are_folded(chapter):
    """A question that a reader shall decide is not answered by the saved output below it."""
    answers = tagged(chapter, "answer")
    assert [cell.source for cell in answers if not hides(cell, "outputs")] == []
    assert [cell.source for cell in code_cells(chapter) if hides(cell, "outputs")] == [
        cell.source for cell in code_cells(chapter) if cell in answers + tagged(chapter, "solution")
    ]


def test_no_output_names_a_place_on_this_machine(chapter):
    """Where the book was executed is nobody's business, and differs elsewhere."""
    place = re.compile(r"(?<!\w)(/|[A-Z]:\\)\S+\.py\b")
    assert [printed(output) for output in outputs(chapter) if place.search(printed(output))] == []


def test_no_output_is_an_object_left_over(chapter):
    """As a line of matplotlib, or a training, where a cell ends with drawing or with `fit`."""
    left_over = re.compile(r"<.* at 0x[0-9a-f]+>|^Run\(")
    shown = [printed(output) for output in outputs(chapter)]
    assert [text for text in shown if left_over.search(text)] == []


def test_is_small(path):
    """A chapter with its figures loads quickly."""
    assert path.stat().st_size <= 1.5e6


def test_cells_are_short(chapter):
    """A code cell holds one idea."""
    lengths = [len(lines(cell)) for cell in code_cells(chapter)]
    assert max(lengths) <= 15
    assert median(lengths) <= 8


def test_lines_are_short(chapter):
    """Code is read beside figures, in narrow windows and on paper."""
    code = [line for cell in code_cells(chapter) for line in lines(cell)]
    assert [line for line in code if len(line) > 80] == []


def changes(statement: ast.stmt) -> Iterator[str]:
    """The names of lists that the statement makes longer or shorter where they stand."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(ast.Name(name), "append" | "extend" | "insert" | "pop"):
                yield name


def test_a_cell_that_is_run_again_does_not_go_on_where_it_ended(chapter):
    """Whoever was interrupted runs the cell again; what it fills it must first have emptied."""
    for cell in code_cells(chapter):
        statements = ast.parse(cell.source).body
        stored = {
            node.id
            for node in ast.walk(ast.Module(statements, []))
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        changed = {name for statement in statements for name in changes(statement)}
        assert changed <= stored, cell.source


def test_no_pyplot_and_no_installing(chapter):
    """pyplot spoils figures when sliders move; a chapter installs nothing."""
    forbidden = re.compile(r"pyplot|pylab|%matplotlib|[%!]\s*(pip|conda)\b")
    assert [cell.source for cell in code_cells(chapter) if forbidden.search(cell.source)] == []


def test_items_of_a_list_begin_lines(chapter):
    """Written on in the line of the first one, the others would not be items."""
    text = "\n\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    lists = [part for part in text.split("\n\n") if part.startswith("1. ")]
    assert [part for part in lists if re.search(r"\S +2\. [*`A-Z]", part)] == []


def test_other_chapters_are_linked(chapter, path):
    """A chapter that is mentioned is here and can be clicked; every link leads to a chapter."""
    text = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    here = {other.name for other in CHAPTERS}
    assert [name for name in re.findall(r"\]\(([\w/.]+\.ipynb)\)", text) if name not in here] == []
    unlinked = re.findall(r"(?<!\[)\b[Cc]hapter (\d\d)\b", text)
    assert [number for number in unlinked if number != path.name[:2]] == []


@pytest.mark.parametrize("names", [None, ["narrow", "wide"]])
def test_maps_side_by_side_have_one_key_of_their_colours(names):
    """Drawn by chapter 02's own functions; a map of one colour has none."""
    chapter = nbformat.read(FOLDER / "02_seeing_embeddings.ipynb", as_version=4)
    (cell,) = (cell for cell in code_cells(chapter) if "def show_all(" in cell.source)
    known = {"plots": plots, "trustworthiness": trustworthiness}
    exec(cell.source, known)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 2
    for given, expected in ((labels, names or ["0", "1"]), (0 * labels, None)):
        figure, axes = plots.panels(1, 3)
        layouts = {title: x[:, :2] for title in ("a", "b", "c")}
        known["show_all"](axes, layouts, x, given, names)
        keys = [ax.get_legend() for ax in figure.axes]
        assert keys[:2] == [None, None]
        texts = keys[2] and [text.get_text() for text in keys[2].get_texts()]
        assert texts == expected


def test_the_map_of_the_chapters_says_what_each_needs():
    """The table in 00 names what the chapters' own first lines name, or what that needs in turn."""
    texts = {
        path.name[:2]: "\n".join(cell.source for cell in nbformat.read(path, 4).cells[:9])
        for path in CHAPTERS
    }
    tables = "\n".join(cell.source for cell in nbformat.read(CHAPTERS[0], 4).cells)
    rows = re.findall(r"^\| (\d\d) \|.*\|([^|]*)\|$", tables, re.MULTILINE)
    table = {number: set(re.findall(r"\d\d", needs)) for number, needs in rows}
    own = {}
    for number, text in texts.items():
        first = re.search(r"\*\*You need\*\*: (.*?)\.\s", text, re.DOTALL)[1]
        own[number] = set(re.findall(r"\((\d\d)_\w+\.ipynb\)", first))

    def with_theirs(needs: set[str]) -> set[str]:
        more = needs.union(*(table[number] for number in needs))
        return needs if more == needs else with_theirs(more)

    for number, needs in own.items():
        assert needs <= with_theirs(table[number]), number
        assert table[number] <= with_theirs(needs), number


def test_a_cell_that_hangs_fails_its_chapter(tmp_path):
    """A chapter whose cell ran out of time has failed, even if it handled the interrupt."""
    hanging = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass"
    notebook = new_notebook(cells=[new_code_cell(hanging)])
    nbformat.write(notebook, tmp_path / "hangs.ipynb")
    pytest_with_nbval = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:benchmark"]
    options = [
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-cell-timeout=1",
        str(tmp_path / "hangs.ipynb"),
    ]
    result = subprocess.run(
        [*pytest_with_nbval, *options],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 1, result.stdout
    assert "took longer" in result.stdout
