"""Writes chapters as pages, PDFs or slides that need no network: ``python run.py export``."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import nbformat

from mlteach.course.exporters import ChapterPage, ChapterPdf, ChapterSlides
from mlteach.course.printing import NO_BROWSER, PrintError, find_browser

WRITTEN = ".written.json"  # in the folder of the exports: what this command wrote there
OF_THE_LEARNER = "{} was there before, or was changed since: it stays. --overwrite replaces it."


def read_command_line(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, with the chapters as paths."""
    parser = argparse.ArgumentParser(prog="python run.py export", description=__doc__)
    parser.add_argument(
        "chapters",
        nargs="*",
        metavar="05",
        help="how names of chapters begin, or paths of notebooks; without any, all chapters",
    )
    parser.add_argument("--pdf", action="store_true", help="a PDF too; needs a browser")
    parser.add_argument("--slides", action="store_true", help="slides too, also one html file each")
    parser.add_argument(
        "--student", action="store_true", help="leave out solutions, answers, notes for teachers"
    )
    parser.add_argument("--paper", choices=["a4", "letter"], default="a4", help="size of a PDF")
    parser.add_argument(
        "--notebooks", type=Path, default=Path("notebooks"), help="the folder of the chapters"
    )
    parser.add_argument(
        "--output", type=Path, help="the folder to write to (work/export, or its folder student)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that this command did not write"
    )
    options = parser.parse_args(arguments)
    if options.output is None:
        default = options.notebooks.parent / "work" / "export"
        options.output = default / "student" if options.student else default
    chapters = sorted(options.notebooks.glob("*.ipynb"))
    named = [Path(name) for name in options.chapters if name.endswith(".ipynb")]
    begins = tuple(name for name in options.chapters if not name.endswith(".ipynb"))
    if begins or not named:
        named += [path for path in chapters if path.name.startswith(begins or ("",))]
    lost = [str(path) for path in named if not path.is_file()]
    lost += [name for name in begins if not any(path.name.startswith(name) for path in chapters)]
    if lost or not named:
        parser.error(f"no such chapter: {', '.join(lost) or options.notebooks}")
    options.chapters = named
    return options


class Folder:
    """The folder of the exports, which never loses what somebody made or changed there."""

    def __init__(self, path: Path, *, overwrite: bool):
        self.path, self.overwrite = path, overwrite
        self.path.mkdir(parents=True, exist_ok=True)
        self.list = path / WRITTEN
        self.written = json.loads(self.list.read_text()) if self.list.exists() else {}

    def write(self, name: str, content: bytes) -> bool:
        """Write a file and say so; False where another's file of this name stays."""
        path = self.path / name
        ours = path.exists() and self.written.get(name) == digest(path.read_bytes())
        if path.exists() and not ours and not self.overwrite:
            print(OF_THE_LEARNER.format(path), file=sys.stderr)
            return False
        path.write_bytes(content)
        self.written[name] = digest(content)
        self.list.write_text(json.dumps(self.written, indent=1))
        print(path, flush=True)
        return True


def digest(content: bytes) -> str:
    """What tells a file from a changed one."""
    return hashlib.sha256(content).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Write what the command line asks for; 1 where something could not be written."""
    options = read_command_line(arguments)
    exporters = [ChapterPage(student=options.student)]
    exporters += [ChapterSlides(student=options.student)] if options.slides else []
    all_written = True
    if options.pdf and find_browser():
        exporters.append(ChapterPdf(student=options.student, paper=options.paper))
    elif options.pdf:  # the pages are written all the same
        print(NO_BROWSER, file=sys.stderr)
        all_written = False
    folder = Folder(options.output, overwrite=options.overwrite)
    for chapter in options.chapters:
        notebook = nbformat.read(chapter, as_version=4)
        resources = {"metadata": {"name": chapter.stem, "path": str(chapter.parent)}}
        for exporter in exporters:
            try:
                content, _ = exporter.from_notebook_node(notebook, resources)
            except PrintError as error:
                print(error, file=sys.stderr)
                all_written = False
                continue
            content = content if isinstance(content, bytes) else content.encode()
            name = chapter.stem + exporter.file_extension
            all_written = folder.write(name, content) and all_written
    return 0 if all_written else 1


if __name__ == "__main__":
    sys.exit(main())
