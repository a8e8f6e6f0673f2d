"""Which cells of a chapter begin a slide, and which are left out of its slides."""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from mlteach.course.cells import FIGURES, HEADING, tags

SKIPPED = {"hint", "solution", "instructor", "install"}
FENCE = re.compile(r" {0,3}(```|~~~)")
CHANGE = "*Change one thing*"  # each has an entry in the cell's metadata "changes"


def mark_slides(notebook: NotebookNode) -> None:
    """Give every cell the slide type that the rules below say, as JupyterLab stores it.

    Text is split where a heading stands inside a cell, because only a cell can begin a slide. A
    heading of the first two levels starts a slide, one below it a subslide. Hints, solutions,
    notes for teachers, the set-up and cells that only assert are skipped. Other code appears one
    cell after the other; other text belongs to what stands before it and has no slide type.
    """
    split_at_headings(notebook)
    code = [
        cell for cell in notebook.cells if cell.cell_type == "code" and not tags(cell) & SKIPPED
    ]
    for cell in notebook.cells:
        kind = "skip" if code and cell is code[0] and is_set_up(cell) else slide_type(cell)
        cell.metadata.pop("slideshow", None)
        if kind != "-":
            cell.metadata["slideshow"] = {"slide_type": kind}


def split_at_headings(notebook: NotebookNode) -> None:
    """Split each Markdown cell before every heading; the first part keeps the cell's id."""
    split = []
    for cell in notebook.cells:
        split.append(cell)
        parts = before_headings(cell.source) if cell.cell_type == "markdown" else []
        if len(parts) < 2 or "attachments" in cell:
            continue
        shared = {name: value for name, value in cell.metadata.items() if name != "changes"}
        changes = list(cell.metadata.pop("changes", []))
        cell.source = parts[0]
        for number, part in enumerate(parts[1:], start=2):
            split.append(new_markdown_cell(part, id=f"{cell.id}-{number}", metadata=dict(shared)))
        for piece in split[-len(parts) :]:
            n_changes = piece.source.count(CHANGE)
            if changes and n_changes:
                piece.metadata["changes"], changes = changes[:n_changes], changes[n_changes:]
    notebook.cells = split


def before_headings(markdown: str) -> list[str]:
    """The parts of a text, of which all but the first begin with a heading."""
    parts: list[list[str]] = [[]]
    fenced = False
    for line in markdown.splitlines():
        fenced ^= bool(FENCE.match(line))
        if HEADING.match(line) and not fenced and any(parts[-1]):
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(part).strip("\n") for part in parts]


def slide_type(cell: NotebookNode) -> str:
    """The slide type of one cell that is not the set-up: slide, subslide, fragment, skip or -."""
    if tags(cell) & SKIPPED:
        return "skip"
    if cell.cell_type == "code":
        return "skip" if only_asserts(cell.source) else "fragment"
    if cell.cell_type == "markdown" and HEADING.match(cell.source):
        return "slide" if cell.source.startswith(("# ", "## ")) else "subslide"
    return "-"


def is_set_up(cell: NotebookNode) -> bool:
    """Whether a chapter's first code cell imports, and shows no figure yet."""
    shown = {kind for output in cell.outputs for kind in output.get("data", {})}
    return cell.source.startswith(("import ", "from ")) and not shown & FIGURES


def only_asserts(source: str) -> bool:
    """Whether every statement is an assertion."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a magic
        return False
    return all(isinstance(statement, ast.Assert) for statement in statements)


def arrange(notebook: NotebookNode) -> None:
    """Leave out what is skipped, and note in the metadata "begins" where a slide or a step does.

    A step appears when the key is pressed again. A notebook without any slide type is marked first.
    """
    if not any("slideshow" in cell.metadata for cell in notebook.cells):
        mark_slides(notebook)
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in notebook.cells]
    begins = {"slide": "slide", "subslide": "slide", "fragment": "step"}
    for cell, kind in zip(notebook.cells, kinds, strict=True):
        cell.metadata["begins"] = begins.get(kind, "")
    notebook.cells = [
        cell
        for cell, kind in zip(notebook.cells, kinds, strict=True)
        if kind not in {"skip", "notes"}
    ]
    if notebook.cells:
        notebook.cells[0].metadata["begins"] = "slide"
