"""In a real kernel: what a training shows, and what an interrupt of it skips."""

from __future__ import annotations

import re

import pytest
from support.kernel import NotebookKernel

IN_A_NOTEBOOK = """
import time
import torch
from torch import nn
from mlteach.training import fit

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 1)

    def loss(self, x):
        return self.net(x).square().mean(), {}

def draw(generator):
    time.sleep(0.02)
    return (torch.randn(4, 3, generator=generator),)
"""


@pytest.fixture(scope="module")
def notebook():
    kernel = NotebookKernel()
    kernel.run(IN_A_NOTEBOOK)
    yield kernel
    kernel.close()


def test_in_a_notebook_the_bar_is_text_and_leaves_nothing(notebook):
    """No widget: without its kernel, a saved one says "model not found" for ever."""
    cell = notebook.begin("run = fit(Tiny(), draw, steps=30)")
    notebook.end(cell)
    kinds = {kind for kind, _ in notebook.of(cell)}
    assert kinds == {"status", "execute_input", "display_data", "update_display_data"}
    shown = notebook.lines(cell)
    assert any(re.match(r" *\d+%, \d+ of 30, .* left, loss=\d", line) for line in shown)
    assert shown[-1] == ""
    drawn = [content["data"] for kind, content in notebook.of(cell) if "display" in kind]
    assert all(data.keys() <= {"text/plain", "text/html"} for data in drawn)
    assert '<progress value="0" max="30"></progress>' in drawn[0]["text/html"]
    assert drawn[-1] == {"text/plain": ""}


def test_an_interrupt_skips_the_cells_that_wait(notebook):
    """As after an error: they would go on with a network that is half trained."""
    training = notebook.begin("run = fit(Tiny(), draw, steps=3000)")
    waiting = notebook.begin("went_on = True")
    notebook.listen(1)
    notebook.press_stop()
    assert [reply["status"] for reply in notebook.ends([training, waiting])] == ["ok", "aborted"]
    told = notebook.printed(training)
    assert "resume=run) goes on.\nWhat follows in this cell has a half-trained network: run" in told
    assert "Cells that waited are not run." in told
    assert notebook.ask("['went_on' in globals(), run.stopped]") == [False, "interrupted"]
