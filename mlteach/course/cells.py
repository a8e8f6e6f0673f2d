"""What of a notebook is shown in a page, on paper or in a student's version, decided by metadata.

Every function takes a notebook that it may change.
"""

from __future__ import annotations

import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

WIDGET = "application/vnd.jupyter.widget-view+json"
STILL = 'class="mlteach-saved"'  # of the line that an explorer shows above its saved figure
MOVES = '<p class="moves">In the notebook this figure moves.</p>'
FIGURES = {"image/png", "image/jpeg", "image/svg+xml"}
END = "Hints, solutions and answers"
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
# a code cell with one of these tags means something in a notebook that runs, and nothing elsewhere
LIVE_ONLY = {"install"}
TEACHERS = {"solution", "instructor"}
KINDS = {"hint": "Hints", "solution": "Solution", "instructor": "For teachers"}


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def is_hidden(cell: NotebookNode, part: str) -> bool:
    """Whether JupyterLab opens the notebook with this part of the cell, source or outputs, folded.

    Args:
        part: "source" or "outputs".
    """
    return bool(cell.metadata.get("jupyter", {}).get(f"{part}_hidden"))


def prepare(notebook: NotebookNode, *, student: bool) -> None:
    """Leave out what is live only, and for students what gives the answers; fold what is folded.

    What is folded gets a label, in the cell's metadata: "fold" for the whole cell, "fold_source"
    and "fold_outputs" for a part.
    """
    left_out = LIVE_ONLY | (TEACHERS if student else set())
    notebook.cells = [cell for cell in notebook.cells if not tags(cell) & left_out]
    for number, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{number}")  # notebooks of an older format have none
        if cell.cell_type != "code":
            continue
        cell.outputs = [still(output) for output in cell.outputs if not is_only_live(output)]
        if student and is_hidden(cell, "outputs"):
            cell.outputs = []
        if "solution" in tags(cell):
            cell.metadata["fold"] = "Solution"
        elif is_hidden(cell, "source"):
            cell.metadata["fold_source"] = "Code"
        if cell.outputs and is_hidden(cell, "outputs") and "fold" not in cell.metadata:
            cell.metadata["fold_outputs"] = "Answer"


def is_only_live(output: NotebookNode) -> bool:
    """Whether this is a widget without a figure, of which nothing is left without a kernel."""
    data = output.get("data", {})
    return WIDGET in data and not FIGURES & set(data)


def still(output: NotebookNode) -> NotebookNode:
    """An output as it is without a kernel: figures have their alt text, the explorer's line is new.

    The alt text stands in the metadata, else it is what a reader without figures would read.
    """
    data = output.get("data", {})
    if STILL in data.get("text/html", ""):
        data["text/html"] = MOVES
    for kind in FIGURES & set(data):
        metadata = output.metadata.setdefault(kind, {})
        if not metadata.get("alt") and not data.get("text/plain", "<").startswith("<"):
            metadata["alt"] = data["text/plain"]
    return output


def for_paper(notebook: NotebookNode) -> None:
    """Move hints, solutions and answers, which cannot be folded on paper, to the end.

    A line with a link takes their place, and the heading over each leads back.
    """
    body, ends, notes = [], {}, []
    place = title = "top"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := HEADING.findall(cell.source)):
            place, title = cell.id, found[-1]
        stays, goes, kind = split(cell)
        if stays is not None:
            body.append(stays)
        if goes is not None and kind == KINDS["instructor"]:
            notes.append(goes)
        elif goes is not None:
            if not body or body[-1].metadata.get("moved_from") != place:
                metadata = {"moved_from": place, "moved": []}
                body.append(new_markdown_cell("", id=f"{goes.id}-place", metadata=metadata))
            body[-1].metadata["moved"].append(kind)
            back = new_markdown_cell(f"### [{title}](#{place})", id=f"{place}-end")
            ends.setdefault(place, [back]).append(goes)
    for cell in body:
        if moved := cell.metadata.get("moved"):
            names = " and ".join(dict.fromkeys(moved)).capitalize()
            cell.source = f"[{names}: at the end](#{cell.metadata.moved_from}-end)"
    if ends or notes:
        body.append(new_markdown_cell(f"## {END}", id="end", metadata={"tags": ["new-page"]}))
    notebook.cells = body + sum(ends.values(), []) + notes


def split(cell: NotebookNode) -> tuple[NotebookNode | None, NotebookNode | None, str]:
    """What of a cell stays in its place on paper, what goes to the end, and what that is called.

    The question of a quiz is the line that stays visible when its answer is folded: it stays.
    """
    moved = [name for tag, name in KINDS.items() if tag in tags(cell)]
    if cell.cell_type == "markdown" and "<details" in cell.source:
        opened = new_markdown_cell(
            cell.source.replace("<details", "<details open"), id=f"{cell.id}-open"
        )
        return (None if moved else cell), opened, (moved or ["Answer"])[0]
    if moved:
        cell.metadata["open"] = True
        return None, cell, moved[0]
    if cell.metadata.pop("fold_outputs", None):
        answer = new_code_cell("", outputs=cell.outputs, id=f"{cell.id}-open")
        cell.outputs = []
        return cell, answer, "Answer"
    return cell, None, ""
