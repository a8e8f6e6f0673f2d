"""Chapter 16's race on four seeds: its own cells, with every random choice moved.

    python -m pytest -s tests/benchmarks/bench_race.py

prints the accuracies and lets the chapter assert what it says of them. It takes some seven minutes,
so a plain test run does not collect this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from support.changes import execute

CHAPTER = Path(__file__).parents[2] / "notebooks" / "16_reptile_anil.ipynb"
SECTIONS = ("# 16", "## 4. Which layers adapt?", "## 6. The race")


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_race(seed, monkeypatch):
    """Training of MAML, then all of the race up to its assertions."""
    monkeypatch.setenv("MLTEACH_SEED", str(seed))
    space: dict[str, Any] = {"__name__": "__main__"}
    execute("import math\nfrom mlteach.meta import adapt, maml_loss", space, "before")
    part = ""
    for cell in nbformat.read(CHAPTER, as_version=4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            part = cell.source.splitlines()[0]
        elif cell.cell_type == "code" and cell.id != "install" and part.startswith(SECTIONS):
            execute(cell.source, space, cell.id)
    for name, curve in space["curves"].items():
        shares = f"{space['one'][name]:.1%} {space['five'][name]:.1%}"
        print(f"\n{seed} {name}: {shares} after {curve[-1][0]:.1f} s", end="")
