"""Bars of folded cells say what is folded, and nothing of what it says."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

BOTH = {"source_hidden": True, "outputs_hidden": True}
SOURCE, OUTPUTS = {"source_hidden": True}, {"outputs_hidden": True}
CELLS = [  # kind, tag, what is hidden, source, what its bars say
    ("code", "install", SOURCE, "1", ["Set-up outside the book: code"]),
    ("code", "answer", OUTPUTS, "2", ["Answer: output"]),
    ("code", "solution", BOTH, "3", ["Solution: code"]),
    ("markdown", "solution", SOURCE, "four", ["Solution: text"]),
    (
        "markdown",
        "solution",
        SOURCE,
        '<details><summary>When "it" fails</summary>five</details>',
        ['Solution: When "it" fails'],
    ),
    ("code", "mine", SOURCE, "6", [""]),
]


@pytest.fixture(scope="module")
def bars(lab):
    """Of each cell, what its bars say beside the dots."""
    cells = []
    for kind, tag, hidden, source, _ in CELLS:
        make = new_code_cell if kind == "code" else new_markdown_cell
        cells.append(make(source, metadata={"tags": [tag], "jupyter": hidden}))
        if kind == "code":
            cells[-1].outputs = [new_output("stream", text=source)]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    lab.put("folded.ipynb", new_notebook(cells=cells, metadata={"kernelspec": kernel}))
    lab.open("folded.ipynb")
    lab.page.locator(".jp-Placeholder-contentContainer").nth(5).wait_for(state="attached")
    return lab.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) =>
            Array.from(cell.node.querySelectorAll(".jp-Placeholder-contentContainer"))
                .filter((bar) => bar.checkVisibility())
                .map((bar) => [bar.innerText, getComputedStyle(bar, "::before").content]))"""
    )


@pytest.mark.parametrize("number", range(len(CELLS)))
def test_a_bar_says_what_is_folded_and_not_its_first_line(bars, number):
    expected = [["", f'"{name}"' if name else "none"] for name in CELLS[number][-1]]
    assert [[shown, said.replace("\\", "")] for shown, said in bars[number]] == expected
