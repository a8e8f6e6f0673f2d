"""Tries what chapters and tests claim under other arithmetics and seeds: python run.py claims.

Without arguments, everything, which takes hours: the unit tests and the chapters under the four
arithmetics, the chapters with five seeds, and all that they ask to change. Arguments choose a part;
its rows replace those in the table, tests/claims.md. A cell that fails does not keep those after it
from being run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# On an x86-64 processor, other instructions are had by asking for them; results differ in the last
# digits between all of these, as they do between processors.
ARITHMETICS = {
    "native": ONE_THREAD,
    "avx2": ONE_THREAD
    | {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "plain": ONE_THREAD
    | {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "threads": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
}
SEEDS = range(5)
CELL_SECONDS = 1800
UNIT_TESTS = ["tests", "--ignore=tests/browser"]
CHANGES = ", changes"  # stands behind the name of a chapter of which all changes are run
HEAD = """# Claims under other arithmetics and seeds

Written by `python run.py claims`; what the columns mean stands in `tools/claims.py`.

| what | arithmetic | seed | ran | failed |
| --- | --- | --- | --- | --- |
"""


class Job(NamedTuple):
    """Something to run; also the first columns of a row of the table."""

    what: str  # "unit tests", perhaps with the chosen ones, or a chapter, perhaps with CHANGES
    arithmetic: str
    seed: int  # MLTEACH_SEED


class Result(NamedTuple):
    """The last columns of a row."""

    ran: str
    failed: str


# --- one chapter, inside the process that has the arithmetic and the seed -------------------------


def execute(path: Path, *, kernel: bool) -> list[str]:
    """Run all code cells of a chapter, errors or not, and tell which failed and how."""
    run = _in_a_kernel if kernel else _in_this_process
    with chdir(path.parent):
        found = list(run(path))
    failures = []
    for number, (cell, (error, text)) in enumerate(zip(code_cells(path), found, strict=True)):
        checked = "nbval-check-output" in cell["metadata"].get("tags", [])
        if error is None and checked and text.strip() != printed(cell["outputs"]).strip():
            error = f"prints {text.strip()[:100]!r}, saved is another text"
        if error is not None:
            failures.append(f"cell {number + 1}: {error}")
    return failures


def _in_a_kernel(path: Path) -> Iterator[tuple[str | None, str]]:
    """For each code cell its error and what it printed, in a Jupyter kernel as a learner has it."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, allow_errors=True, timeout=CELL_SECONDS, kernel_name="python3"
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        errors = [output for output in cell.outputs if output.output_type == "error"]
        text = printed(cell.outputs)
        if not errors:
            yield None, text
            continue
        trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(errors[0].traceback))
        line = re.search(r"^-+> \d+ (.*)$", trace, re.MULTILINE)  # the first is the cell's own
        yield described(errors[0].ename, errors[0].evalue, line[1] if line else ""), text


def _in_this_process(path: Path) -> Iterator[tuple[str | None, str]]:
    """The same without a kernel, where only IPython is installed."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    for cell in code_cells(path):
        with capture_output() as captured:
            result = shell.run_cell(source(cell), store_history=True)
        outputs = [output.data.get("text/plain", "") for output in captured.outputs]
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            # without a kernel the value of a cell is printed, behind a prompt
            text = re.sub(r"^Out\[\d+\]: ?\n?", "", captured.stdout, flags=re.MULTILINE)
            yield None, text + "\n".join(outputs)
            continue
        frame = error.__traceback__
        while frame and "ipython-input" not in frame.tb_frame.f_code.co_filename:
            frame = frame.tb_next
        line = source(cell).splitlines()[frame.tb_lineno - 1] if frame else ""
        yield described(type(error).__name__, str(error), line), captured.stdout


def code_cells(path: Path) -> list[dict]:
    """Those of a saved notebook, read without nbformat."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    """A cell's code, which is saved as a list of lines."""
    return "".join(cell["source"])


def printed(outputs: list[dict]) -> str:
    """What a reader sees as text, saved as a list of lines or as one string."""
    streams = ["".join(o["text"]) for o in outputs if o.get("name") == "stdout"]
    values = ["".join(o["data"].get("text/plain", "")) for o in outputs if "data" in o]
    return "".join(streams) + "\n".join(values)


def described(name: str, message: str, line: str) -> str:
    """The kind of error, the line of the cell that raised it, and what it said."""
    return " ".join(
        filter(None, [name, f"`{line.strip()}`", message.splitlines()[0] if message else ""])
    )


# --- one job, in a process of its own ------------------------------------------------------------


def run(job: Job, *, tests: list[str], notebooks: Path, kernels: bool, beside: int) -> Result:
    """Start the process that runs a job, and read what it found; tests in so many processes."""
    variables = os.environ | ARITHMETICS[job.arithmetic] | {"MLTEACH_SEED": str(job.seed)}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        if job.what.startswith("unit tests"):
            command = ["-m", "pytest", *tests, "-q", "-p", "no:cacheprovider", "-p", "no:benchmark"]
            command += ["-p", "no:nbval"]  # which takes longer to import than pytest
            command += [f"--junitxml={report}", f"-n{beside}", "--dist=loadfile"]
        elif job.what.endswith(CHANGES):
            chapter = notebooks / f"{job.what.removesuffix(CHANGES)}.ipynb"
            command = ["-m", "support.changes", str(chapter), str(report)]
            variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
        else:
            command = [__file__, "--execute", str(notebooks / f"{job.what}.ipynb"), str(report)]
            command += [] if kernels else ["--without-kernels"]
        ended = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            last = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
            return Result("nothing", f"ended with {ended.returncode}: {' '.join(last)}")
        if job.what.startswith("unit tests"):
            return _read_tests(report)
        count, failures = json.loads(report.read_text())
        kind = "changes" if job.what.endswith(CHANGES) else "cells"
        return Result(f"{count} {kind}", "; ".join(failures) or "none")


def _read_tests(report: Path) -> Result:
    cases = list(ElementTree.parse(report).iter("testcase"))
    failures = []
    for case in cases:
        for trouble in [*case.findall("failure"), *case.findall("error")]:
            message = (trouble.get("message") or "").splitlines()[:1]
            failures.append(
                f"{case.get('classname')}.{case.get('name')}: {' '.join(message)[:150]}"
            )
    return Result(f"{len(cases)} tests", "; ".join(failures) or "none")


# --- the table ------------------------------------------------------------------------------------


def read_table(path: Path) -> dict[Job, Result]:
    """The rows that are there; none where there is no table."""
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[2].isdecimal():
            what, arithmetic, seed, ran, failed = (cell.replace(r"\|", "|") for cell in cells)
            rows[Job(what, arithmetic, int(seed))] = Result(ran, failed)
    return rows


def write_table(path: Path, rows: dict[Job, Result]) -> None:
    """The unit tests first, then chapter by chapter."""
    order = list(ARITHMETICS)
    text = HEAD
    for job in sorted(
        rows, key=lambda j: (j.what[0].isdecimal(), j.what, j.seed, order.index(j[1]))
    ):
        cells = [str(cell).replace("|", r"\|") for cell in (*job, *rows[job])]
        text += f"| {' | '.join(cells)} |\n"
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    os.replace(part, path)


# --- the command ----------------------------------------------------------------------------------


def jobs(options: argparse.Namespace) -> list[Job]:
    """Arithmetics with seed 0, and seeds in native arithmetic; all pairs where both are given."""
    if options.seeds and options.arithmetics:
        pairs = [(a, seed) for a in options.arithmetics for seed in options.seeds]
    elif options.seeds:
        pairs = [("native", seed) for seed in options.seeds]
    else:
        pairs = [(arithmetic, 0) for arithmetic in options.arithmetics or ARITHMETICS]
        if not options.arithmetics:
            pairs += [("native", seed) for seed in SEEDS if seed]
    whole = options.chapters is None and options.tests is None and options.changes is None
    found = []
    if whole or options.tests is not None:
        what = " ".join(["unit tests", *(options.tests or [])])
        found += [Job(what, arithmetic, 0) for arithmetic in dict.fromkeys(a for a, _ in pairs)]
    if whole or options.chapters is not None:
        for path in sorted(options.notebooks.glob("*.ipynb")):
            if path.name.startswith(tuple(options.chapters or [""])):
                found += [Job(path.stem, *pair) for pair in pairs]
    if whole or options.changes is not None:
        for path in sorted(options.notebooks.glob("*.ipynb")):
            if path.name.startswith(tuple(options.changes or [""])):
                found.append(Job(f"{path.stem}{CHANGES}", "native", 0))
    return found


def read_command_line(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--chapters", nargs="*", metavar="05", help="only chapters, those whose names begin so")
    add("--tests", nargs="*", metavar="PATH", help="only unit tests, all or those in these files")
    add("--changes", nargs="*", metavar="05", help="only what these chapters ask to change")
    add("--arithmetics", nargs="+", choices=list(ARITHMETICS))
    add("--seeds", nargs="+", type=int, metavar="N", help="values of MLTEACH_SEED")
    add(
        "--workers", type=int, default=os.cpu_count(), help="how many at a time; default: all cores"
    )
    add("--without-kernels", action="store_true", help="run cells in plain Python with IPython")
    add("--no-table", action="store_true", help="only print, as continuous integration does")
    add("--table", type=Path, default=ROOT / "tests" / "claims.md", help=argparse.SUPPRESS)
    add("--notebooks", type=Path, default=ROOT / "notebooks", help=argparse.SUPPRESS)
    add("--execute", nargs=2, type=Path, help=argparse.SUPPRESS)  # the chapter, the report
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = read_command_line(arguments)
    if options.execute:
        path, report = (part.resolve() for part in options.execute)
        failures = execute(path, kernel=not options.without_kernels)
        report.write_text(json.dumps([len(code_cells(path)), failures]))
        return 0
    lock, failed = threading.Lock(), []
    chosen = jobs(options)
    settings = {"tests": options.tests or UNIT_TESTS, "notebooks": options.notebooks.resolve()}
    # the cores that other jobs with tests leave
    with_tests = sum(job.what.startswith("unit tests") for job in chosen)
    settings["beside"] = max(1, (options.workers or 1) // max(1, with_tests))

    def finish(job: Job) -> None:
        result = run(job, **settings, kernels=not options.without_kernels)
        with lock:
            print(f"{job.what}, {job.arithmetic}, seed {job.seed}: {result.ran}", flush=True)
            print(f"  failed: {result.failed}", flush=True)
            if result.failed != "none":
                failed.append(job)
            if not options.no_table:
                write_table(options.table, read_table(options.table) | {job: result})

    with ThreadPoolExecutor(options.workers) as pool:
        list(pool.map(finish, chosen))
    print(f"{len(chosen) - len(failed)} of {len(chosen)} as claimed")
    return int(bool(failed) or not chosen)


if __name__ == "__main__":
    sys.exit(main())
