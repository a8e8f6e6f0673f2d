"""The cell that brings the package to Colab, and elsewhere says which kernel has it."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

# a checkout whose folder is called mlteach, too, is found by that name, but has no origin
INSTALL_CELL = """\
import sys
from importlib.util import find_spec
from pathlib import Path

if getattr(find_spec("mlteach"), "origin", None) is None:  # not installed
    assert "google.colab" in sys.modules, "Choose the book's .venv as kernel."
    found = sorted(Path.cwd().glob("*/mlteach/losses"))
    assert found, "Put the book's folder beside this notebook and run again."
    get_ipython().run_line_magic("pip", f"install -q '{found[0].parents[1]}'")"""


def add_install_cell(notebook: NotebookNode) -> None:
    """Put the cell above a chapter's title, folded, or bring it up to date where it is."""
    cells = [cell for cell in notebook.cells if "install" not in cell.metadata.get("tags", [])]
    metadata = {"tags": ["install"], "jupyter": {"source_hidden": True}}
    notebook.cells = [new_code_cell(INSTALL_CELL, id="install", metadata=metadata), *cells]
