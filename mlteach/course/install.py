"""The cell that brings the package to a machine that has none, such as Colab's."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

# first code cell of every chapter; it does nothing where mlteach can be imported
INSTALL_CELL = """\
from importlib.util import find_spec
from pathlib import Path

if getattr(find_spec("mlteach"), "origin", None) is None:  # not installed, as on Colab
    folders = [Path.cwd(), *Path.cwd().parents, *Path.cwd().glob("*")]
    found = [folder for folder in folders if (folder / "mlteach/losses").is_dir()]
    assert found, "mlteach is not installed: put the folder of the book beside this notebook."
    get_ipython().run_line_magic("pip", f"install --quiet '{found[0]}'")"""


def add_install_cell(notebook: NotebookNode) -> None:
    """Put the cell before a chapter's first code cell, or bring it up to date where it is."""
    cells = [cell for cell in notebook.cells if "install" not in cell.metadata.get("tags", [])]
    first = next(i for i, cell in enumerate(cells) if cell.cell_type == "code")
    cell = new_code_cell(INSTALL_CELL, id="install", metadata={"tags": ["install"]})
    notebook.cells = [*cells[:first], cell, *cells[first:]]
