"""Runs what a chapter's "Change one thing" asks for, as a reader would, without a kernel.

A Markdown cell that says *Change one thing* has an entry for each such text in its metadata::

    "changes": [{"edit": [["cell id", "old", "new"]], "then": "code", "fails": "AssertionError"}]

``edit`` replaces the one occurrence of ``old`` in the source of a code cell before the text; the
cells from the first edited one down to the text are then run again. ``then`` is code that a reader
types in a new cell; what an explorer is asked for is written as moves of its controls. ``fails`` is
there only where the text itself says that an assertion fails. A change is tried in a copy of the
process, so that the chapter goes on as if nothing had been changed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

ASKED = re.compile(r"\*Change one thing\*")
SECONDS = 180  # of one change, as of one cell


def changes_of(cell: NotebookNode) -> list[dict[str, Any]]:
    """What the text of a cell asks to change."""
    return cell.metadata.get("changes", [])


def gaps(chapter: NotebookNode) -> list[str]:
    """The texts whose change is not written down, and the edits that would not be found."""
    found, seen = [], {}
    for number, cell in enumerate(chapter.cells):
        if cell.cell_type == "code":
            seen[cell.id] = cell.source
            continue
        asked, changes = len(ASKED.findall(cell.source)), changes_of(cell)
        if asked != len(changes):
            found.append(f"cell {number} asks for {asked} changes, {len(changes)} are written down")
        for change in changes:
            if not change.get("edit") and not change.get("then"):
                found.append(f"cell {number}: a change has neither edit nor then")
            for place, old, new in change.get("edit", []):
                if seen.get(place, "").count(old) != 1 or old == new:
                    found.append(f"cell {number}: {old!r} is not there once in cell {place!r}")
    return found


def troubles(path: Path) -> list[str]:
    """Run a chapter with all its changes; what went otherwise than the texts say."""
    chapter = nbformat.read(path, as_version=4)
    space: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}
    before: list[NotebookNode] = []
    found = []
    for number, cell in enumerate(chapter.cells):
        if cell.cell_type == "code":
            before.append(cell)
            execute(cell.source, space, f"{path.stem} cell {number}")
        for change in changes_of(cell):
            ended = _in_a_copy(change, before, space)
            if ended != change.get("fails", ""):
                found.append(f"cell {number}: {change}: {ended or 'no error'}")
    return found


def execute(source: str, space: dict[str, Any], name: str) -> None:
    """Run the source of one cell."""
    exec(compile(source, f"<{name}>", "exec"), space)


def apply(change: dict[str, Any], before: list[NotebookNode], space: dict[str, Any]) -> str:
    """Do what a change says; the name of the error that it ended with, with its line, or ''."""
    try:
        edits = change.get("edit", [])
        edited = {place for place, _, _ in edits}
        first = next((i for i, cell in enumerate(before) if cell.id in edited), len(before))
        for cell in before[first:]:
            source = cell.source
            for place, old, new in edits:
                source = source.replace(old, new) if cell.id == place else source
            execute(source, space, cell.id)
        execute(change.get("then", ""), space, "then")
    except Exception as error:
        kind = type(error).__name__
        if change.get("fails") == kind:
            return kind
        cells = [frame for frame in traceback.extract_tb(error.__traceback__) if "<" in frame[0]]
        place = f"line {cells[-1].lineno} of {cells[-1].filename}" if cells else "no cell"
        return f"{kind} in {place}: {' '.join(str(error).split())}"
    return ""


def _in_a_copy(change: dict[str, Any], before: list[NotebookNode], space: dict[str, Any]) -> str:
    """`apply` in a forked copy of this process, which has the chapter's state and then ends."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def child() -> None:
        there.send(apply(change, before, space))
        there.close()
        os._exit(0)  # the copy has the parent's threads only in name: waiting for them would hang

    process = context.Process(target=child)
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(SECONDS) else f"took longer than {SECONDS} s"
    except EOFError:
        return f"the process ended with status {process.exitcode}"
    finally:
        process.kill()
        process.join()


def main(chapter: str, report: str) -> None:
    """Write how many changes a chapter asks for and what went otherwise than its texts say."""
    path = Path(chapter)
    count = sum(len(changes_of(cell)) for cell in nbformat.read(path, as_version=4).cells)
    Path(report).write_text(json.dumps([count, troubles(path)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
