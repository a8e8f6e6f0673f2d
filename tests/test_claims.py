"""The tool that tries claims under other arithmetics and seeds finds each cell that fails."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("claims", ROOT / "tools" / "claims.py")
claims = sys.modules["claims"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(claims)

CELLS = [
    "import os\nseed = int(os.environ.get('MLTEACH_SEED', 0))",
    "values = {seed: 'a | b'}\nassert seed != 1, 'one | fails'",
    "print(f'seed {seed}')",
    "values[0]",
    "assert os.environ['OMP_NUM_THREADS'] == '1'",
]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A tiny chapter: its second cell fails with seed 1, its third then prints another text."""
    cells = [new_code_cell(source) for source in CELLS]
    cells[2].metadata.tags = ["nbval-check-output"]
    cells[2].outputs = [new_output("stream", name="stdout", text="seed 0\n")]
    cells[3].metadata.tags = ["nbval-check-output"]
    cells[3].outputs = [new_output("execute_result", {"text/plain": "'a | b'"}, execution_count=4)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "05_tiny.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "06_other.ipynb")
    return tmp_path


def call(folder: Path, *arguments: str) -> int:
    table = ["--table", str(folder / "claims.md"), "--notebooks", str(folder)]
    return claims.main([*table, "--workers", "1", *arguments])


def test_what_a_chapter_asks_to_change_is_run(folder):
    """A change that ends otherwise than its text says is a row that failed."""
    wrong = {"then": "assert values[0] == 'b'"}
    asked = new_markdown_cell("*Change one thing*: try b.", metadata={"changes": [wrong]})
    cells = [*map(new_code_cell, CELLS[:2]), asked]
    nbformat.write(new_notebook(cells=cells), folder / "07_asks.ipynb")
    assert call(folder, "--changes", "06", "07") == 1
    rows = claims.read_table(folder / "claims.md")
    assert rows[claims.Job("06_other, changes", "native", 0)] == claims.Result("0 changes", "none")
    found = rows[claims.Job("07_asks, changes", "native", 0)]
    assert found.ran == "1 changes"
    assert "AssertionError" in found.failed


@pytest.mark.parametrize("kernel", [[], ["--without-kernels"]], ids=["kernel", "no kernel"])
def test_every_cell_that_fails_is_found_with_its_assertion(folder, kernel, capsys):
    """The cells after a failure are run too; a key that is missing is an error like another."""
    assert call(folder, "--chapters", "05", "--seeds", "0", "1", *kernel) == 1
    rows = claims.read_table(folder / "claims.md")
    good, bad = (rows[claims.Job("05_tiny", "native", seed)] for seed in (0, 1))
    assert good == claims.Result("5 cells", "none")
    assert bad.ran == "5 cells"
    first, second, third = bad.failed.split("; ")
    assert first == "cell 2: AssertionError `assert seed != 1, 'one | fails'` one | fails"
    assert second.startswith("cell 3: prints 'seed 1'")
    assert third == "cell 4: KeyError `values[0]` 0"
    assert "1 of 2 as claimed" in capsys.readouterr().out


def test_a_part_replaces_its_own_rows_only(folder):
    table = folder / "claims.md"
    kept = claims.Job("unit tests", "plain", 0), claims.Result("7 tests", "none")
    old = claims.Job("05_tiny", "native", 0), claims.Result("3 cells", "cell 1: a | b")
    claims.write_table(table, dict([old, kept]))
    assert claims.read_table(table) == dict([old, kept])
    assert call(folder, "--chapters", "05", "--seeds", "0", "--without-kernels") == 0
    rows = claims.read_table(table)
    assert rows == {kept[0]: kept[1], old[0]: claims.Result("5 cells", "none")}
    assert call(folder, "--chapters", "05", "--seeds", "0", "--without-kernels", "--no-table") == 0
    assert claims.read_table(table) == rows


def test_the_failure_of_a_unit_test_and_of_a_process_are_rows(folder):
    (folder / "test_it.py").write_text(
        "def test_good():\n    pass\ndef test_bad():\n    assert 1 == 2\n"
    )
    tests = ["--tests", str(folder / "test_it.py"), "--arithmetics", "native"]
    assert call(folder, *tests) == 1
    ((job, result),) = claims.read_table(folder / "claims.md").items()
    assert job.what.startswith("unit tests ")
    assert result.ran == "2 tests"
    assert "test_bad: " in result.failed
    (folder / "07_broken.ipynb").write_text("no notebook")
    assert call(folder, "--chapters", "07", "--seeds", "0", "--without-kernels") == 1
    rows = claims.read_table(folder / "claims.md")
    assert rows[claims.Job("07_broken", "native", 0)].failed.startswith("ended with 1: ")


def test_what_is_run(folder):
    """Everything without arguments; with both choices, every pair."""

    def chosen(*arguments: str) -> set[tuple]:
        options = claims.read_command_line(["--notebooks", str(folder), *arguments])
        return {tuple(job) for job in claims.jobs(options)}

    arithmetics = {(name, 0) for name in claims.ARITHMETICS}
    pairs = arithmetics | {("native", seed) for seed in range(5)}
    tests = {("unit tests", *pair) for pair in arithmetics}
    chapters = {(name, *pair) for name in ("05_tiny", "06_other") for pair in pairs}
    changes = {(f"{name}, changes", "native", 0) for name in ("05_tiny", "06_other")}
    assert chosen() == tests | chapters | changes
    assert chosen("--changes") == changes
    assert chosen("--tests") == tests
    assert chosen("--chapters") == chapters
    both = chosen("--chapters", "06", "--seeds", "1", "2", "--arithmetics", "plain", "avx2")
    assert both == {("06_other", name, seed) for name in ("plain", "avx2") for seed in (1, 2)}


def test_arithmetics_differ_and_leave_this_process_alone():
    """Whoever imports the tool keeps its own arithmetic."""
    before = dict(os.environ)
    assert len({tuple(sorted(env.items())) for env in claims.ARITHMETICS.values()}) == 4
    assert dict(os.environ) == before
