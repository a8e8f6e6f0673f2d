"""Executes chapters in a fresh kernel each and saves them with figures: run.py book [05 ...]."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from mlteach.course.install import add_install_cell
from mlteach.course.slides import mark_slides

CHAPTERS = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 600


def execute(path: Path) -> None:
    """Run every cell and replace the file once all have succeeded; else leave it as it was."""
    notebook = nbformat.read(path, as_version=4)
    mark_slides(notebook)
    add_install_cell(notebook)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    clean(notebook)
    nbformat.validate(notebook)
    finished = path.with_name(f".{path.name}.part")
    nbformat.write(notebook, finished)
    os.replace(finished, path)


def clean(notebook: NotebookNode) -> None:
    """Remove what changes from run to run or from machine to machine, and the widget state.

    With the state, nbconvert drops an explorer's figure and asks a server for the widget.
    """
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = NotebookNode(
        kernelspec=kernel, language_info={"name": "python", "pygments_lexer": "ipython3"}
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress_bar(output)]
        for output in cell.get("outputs", []):
            # a saved widget has no kernel, hence no model to point to
            if WIDGET in output.get("data", {}):
                output.data[WIDGET]["model_id"] = cell.id
            # and no display to be brought up to date
            output.get("metadata", {}).pop("mlteach_display", None)


def is_progress_bar(output: NotebookNode) -> bool:
    """Whether this is the place of a bar that has ended, which holds an empty text."""
    return output.get("data") == {"text/plain": ""}


def choose(beginnings: list[str]) -> list[Path]:
    """The chapters whose file names start so, or all of them."""
    chapters = [
        path
        for path in sorted(CHAPTERS.glob("*.ipynb"))
        if path.name.startswith(tuple(beginnings or [""]))
    ]
    if not chapters:
        sys.exit(f"No chapter in {CHAPTERS} starts with {' or '.join(beginnings) or 'anything'}.")
    return chapters


def main(beginnings: list[str]) -> None:
    # the same sums, to the last bit, whatever the number of cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for path in choose(beginnings):
        print(f"{path.name} ...", end=" ", flush=True)
        start = time.perf_counter()
        try:
            execute(path)
        except CellExecutionError as error:
            sys.exit(f"a cell failed; the file is unchanged.\n{error}")
        print(f"{time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
