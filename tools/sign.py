"""Marks notebooks as trusted for JupyterLab: python tools/sign.py FOLDER NOTEBOOK...

Run by the Python of .venv, which has Jupyter; FOLDER keeps the signatures and their key.
"""

from __future__ import annotations

import sys

import nbformat
from nbformat.sign import NotebookNotary


def sign(folder: str, notebooks: list[str]) -> None:
    notary = NotebookNotary(data_dir=folder)
    for notebook in notebooks:
        notary.sign(nbformat.read(notebook, as_version=4))


if __name__ == "__main__":
    sign(sys.argv[1], sys.argv[2:])
