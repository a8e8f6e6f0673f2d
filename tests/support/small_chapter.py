"""A notebook that has one of each kind of cell and output that chapters have."""

from __future__ import annotations

import base64
import io

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

WIDGET = "application/vnd.jupyter.widget-view+json"
FOLDED = {"jupyter": {"source_hidden": True, "outputs_hidden": True}}
ANSWER = {"jupyter": {"outputs_hidden": True}}
LONG_LINE = "x = [" + ", ".join(["'a value that is long'"] * 12) + "]"
NOTE = "<details><summary>For teachers</summary>\n\nAn hour.\n\n</details>"
WIDE = r"$$" + r"\qquad".join([r"\frac{a + b}{c + d} = e"] * 3) + "$$"


def png(width: int = 900, height: int = 300) -> str:
    """A grey figure, as an output holds it."""
    buffer = io.BytesIO()
    Image.new("L", (width, height), 128).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def figure(alt: str | None = None, text: str = "<Figure>") -> NotebookNode:
    """An output with a figure, whose text stands in the metadata or only in text/plain."""
    metadata = {"image/png": {"width": 900, "height": 300} | ({"alt": alt} if alt else {})}
    data = {"image/png": png(), "text/plain": text}
    return new_output("display_data", data, metadata=metadata)


def explorer() -> list[NotebookNode]:
    """What an explorer leaves: its line, its figure and a widget that has no kernel any more."""
    line = '<div class="mlteach-saved"><style>p {}</style>Saved figure. Run this cell.</div>'
    live = {WIDGET: {"model_id": "gone"}, "text/html": "", "text/plain": ""}
    return [
        new_output("display_data", {"text/html": line, "text/plain": "Saved figure."}),
        figure(alt='loss 1.5 at "temperature" 0.1'),
        new_output("display_data", live),
    ]


def text(source: str, *tags: str) -> NotebookNode:
    """A Markdown cell."""
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def code(source: str, *tags: str, outputs=(), **metadata) -> NotebookNode:
    """A code cell."""
    metadata["tags"] = list(tags)
    return new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def printed(words: str) -> NotebookNode:
    """What a cell printed."""
    return new_output("stream", name="stdout", text=words)


def small_chapter() -> NotebookNode:
    """The notebook; its cells have ids that say what they are."""
    cells = {
        "title": text(
            "# 99 · A small chapter\n\nIt costs \\$5, see [05](05_contrastive_loss.ipynb)."
        ),
        "install": code("pass  # install", "install"),
        "setup": code("import torch"),
        "section": text(f"## 1. A section with $\\tau > 0$\n\n{WIDE}\n\n### A part\n\nMore."),
        "long": code(LONG_LINE, outputs=[printed("word " * 60)]),
        "plot": code("figure", outputs=[figure(text="a figure told by its text")]),
        "explorer": code("explorer", outputs=explorer()),
        "asserts": code("assert True"),
        "question": code("guess()", "answer", outputs=[printed("it is 7")], **ANSWER),
        "quiz": text("<details><summary>Why?</summary>\n\nBecause $x$.\n\n</details>", "quiz"),
        "task": text("### Exercise 1: the cosine\n\nWrite it."),
        "stub": code("def mine(): ...", "exercise", outputs=[printed("nothing yet")]),
        "hint": text("<details><summary>Hint 1</summary>Use <code>norm</code>.</details>", "hint"),
        "solution": code("def mine(): right", "solution", outputs=[printed("passed")], **FOLDED),
        "teacher": text(NOTE, "instructor"),
    }
    for name, cell in cells.items():
        cell.id = name
    return new_notebook(cells=list(cells.values()))
