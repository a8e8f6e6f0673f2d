"""The folder work/: a learner's copies of the chapters, never overwritten once they are edited.

Standard library only, because run.py uses it. What was copied is remembered by a hash of its cells
and their outputs: a file that still has it holds nothing of the learner's. JupyterLab writes other
metadata into every notebook that it opens.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.environment import only_one

RECORD = ".copied.json"  # {file name: the hash of what was last copied there}
# what JupyterLab writes into the metadata of a notebook, and of its cells, that is only opened
WRITTEN = {"kernelspec", "language_info", "collapsed", "scrolled", "trusted", "jupyter"}


@dataclass
class Copies:
    """What a refresh did."""

    beside: list[Path] = field(default_factory=list)  # new versions put beside edited chapters
    problem: str = ""  # why some of it was not done

    @property
    def news(self) -> str:
        """One line for the terminal about the new versions."""
        names = ", ".join(f'"{path.stem}"' for path in self.beside)
        return f"Chapters that you have changed have newer versions, now beside yours: {names}."


def refresh(chapters: Path, work: Path) -> Copies:
    """Bring the copies up to date that the learner has not edited, and put new versions beside.

    Args:
        chapters: the folder of the repository's chapters, only read.
        work: the folder of the copies, made unless it is there.

    Returns:
        What was done. An error of the file system is told in `problem`, not raised.
    """
    copies = Copies()
    if os.path.lexists(work) and not work.is_dir():
        copies.problem = f"{work} is not a folder; rename it to get copies of the chapters"
        return copies
    try:
        work.mkdir(exist_ok=True)
        with only_one(work / ".lock", "is copying the chapters"):
            record = before = _read_record(work)
            for chapter in sorted(chapters.glob("*.ipynb")):
                try:
                    record = record | _refresh_one(chapter, work, record, copies)
                except OSError as error:
                    copies.problem = f"not all chapters could be copied: {error}"
            if record != before:
                text = json.dumps(record, indent=1, sort_keys=True)
                _write(work / RECORD, text.encode(), over=_hash(work / RECORD))
    except OSError as error:
        copies.problem = f"the chapters could not be copied: {error}"
    return copies


def _refresh_one(
    chapter: Path, work: Path, record: dict[str, str], copies: Copies
) -> dict[str, str]:
    """Find the file that may hold this chapter, and return what to remember of it."""
    content = chapter.read_bytes()
    newest = _hash_content(content)
    for name in _names(chapter):
        path, copied = work / name, record.get(name)
        there = _hash(path)
        if there == newest:
            return {name: newest}
        if copied == newest and not (there is None and name == chapter.name):
            return {}  # edited, or a new version that the learner deleted; nothing is newer
        if there in {None, copied} and _write(path, content, over=there):
            if name != chapter.name:
                copies.beside.append(path)
            return {name: newest}
    return {}  # never reached: the names do not end


def _names(chapter: Path) -> Iterator[str]:
    """The chapter's own name, and those of new versions beside files that have been edited."""
    yield chapter.name
    # beside the learner's own file in a list by name, and told from it where names are cut short
    number, _, name = chapter.stem.partition("_")
    yield "_".join(filter(None, [number, "new", name])) + ".ipynb"
    for version in itertools.count(2):
        yield "_".join(filter(None, [number, f"new{version}", name])) + ".ipynb"


def _hash(path: Path) -> str | None:
    """Of the file's content; None where nothing is, and no hash where the learner put no file."""
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file():
        return "not a file"
    try:
        return _hash_content(path.read_bytes())
    except PermissionError:
        return "not readable"


def _hash_content(content: bytes) -> str:
    """Of what a learner can make of a notebook, without what opening it changes."""
    try:
        notebook = json.loads(content)
        for part in (notebook, *notebook["cells"]):
            for name in WRITTEN & set(part["metadata"]):
                del part["metadata"][name]
        made = json.dumps([_joined(notebook["cells"]), notebook["metadata"]], sort_keys=True)
    except (ValueError, KeyError, TypeError, AttributeError):  # no notebook: all bytes
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(made.encode()).hexdigest()


def _joined(value: object) -> object:
    """A list of lines as one text, at any depth: both are the same to a notebook."""
    if isinstance(value, dict):
        return {key: _joined(inner) for key, inner in value.items()}
    if isinstance(value, list):
        is_text = value and all(isinstance(line, str) for line in value)
        return "".join(value) if is_text else [_joined(inner) for inner in value]
    return value


def _write(path: Path, content: bytes, *, over: str | None) -> bool:
    """All of it or nothing, and only over what has this hash; whether it was done."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if _hash(path) != over:  # saved this very moment by a JupyterLab that runs already
            return False
        part.replace(path)
        return True
    finally:
        part.unlink(missing_ok=True)


def _read_record(work: Path) -> dict[str, str]:
    """What was copied; nothing where that is not known, so that every file counts as edited."""
    try:
        record = json.loads((work / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
