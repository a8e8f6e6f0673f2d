"""What the commands of run.py do.

Standard library only, because run.py uses it before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tools import machine
from tools.environment import CONSTRAINTS, ROOT, Environment
from tools.lab import lab
from tools.terminal import call, say, stop

NBVAL = [
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=180",
    "--nbval-kernel-startup-timeout=120",
]
WORKERS = min(os.cpu_count() or 1, 8)
# each worker has a core of its own: two threads on it only wait for each other
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
# files side by side, each in its own order
SIDE_BY_SIDE = [f"-n{WORKERS}", "--dist=loadfile", "-p", "no:benchmark"]
NO_CHAPTERS = ["-p", "no:nbval"]  # which takes longer to import than pytest
# the files with most tests would come first, and a chapter, with few that take minutes, last
CHAPTERS_FIRST = ["--no-loadscope-reorder"]
# a part of the claims that fails first where rounding decides; all of them take hours
SECOND = ["--arithmetics", "plain", "--no-table", "--chapters", "05", "--tests", "tests/maps"]
SECOND += ["tests/losses", "tests/evaluate", "tests/meta", "tests/test_similarity.py"]
TESTS = {  # the unit tests come last, so that the output ends with their summary
    "style": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "chapters": ["-m", "pytest", "notebooks", *NBVAL, *SIDE_BY_SIDE],
    "browser": ["-m", "pytest", "tests/browser", *SIDE_BY_SIDE, *CHAPTERS_FIRST, *NO_CHAPTERS],
    "other arithmetic": ["tools/claims.py", *SECOND],
    "unit tests": ["-m", "pytest", "tests", "--ignore=tests/browser", *SIDE_BY_SIDE, *NO_CHAPTERS],
}
BENCHMARKS = [
    "-m",
    "pytest",
    "tests/benchmarks",
    "tests/browser",
    "-o",
    "python_files=bench_*.py",
    "--benchmark-autosave",
]


def test(environment: Environment) -> int:
    """Run every step of TESTS, whatever the ones before found, and name those that failed."""
    variables = name_browser(environment) | ONE_THREAD
    failed = []
    for name, command in TESTS.items():
        say(f"\n== {name}: {' '.join(command)}")
        if call([environment.python, *command], cwd=ROOT, env=variables) != 0:
            failed.append(name)
    if failed:
        print(f"run.py: failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


def name_browser(environment: Environment) -> dict[str, str]:
    """This process's variables and MLTEACH_BROWSER, found or fetched."""
    if not machine.has_driver(environment.python):
        stop(machine.NO_DRIVER)
    browser = machine.get_browser(environment.python, environment.folder / "browsers")
    return os.environ | {"MLTEACH_BROWSER": browser or stop(machine.NO_BROWSER)}


def pins(environment: Environment) -> int:
    """Write the constraint files from the environment as it is."""
    if environment.find_python() is None:
        stop("there is no .venv to read versions from. First: python run.py test --versions newest")
    return call([environment.python, "tools/pins.py"], cwd=ROOT)


def read_command_line(
    arguments: list[str] | None, description: str = ""
) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "command", choices=["lab", "test", "book", "export", "claims", "bench", "pins"]
    )
    parser.add_argument(
        "--versions",
        choices=list(CONSTRAINTS),
        default="pinned",
        help="install the tested versions, or the oldest or newest that the requirements allow",
    )
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in {"lab", "book", "export", "claims"}:
        parser.error(f"{options.command} takes no further arguments: {' '.join(rest)}")
    return options, rest


def is_utf8(path: Path) -> bool:
    try:
        return bool(os.fsencode(path).decode())
    except UnicodeDecodeError:
        return False


def main(arguments: list[str] | None = None, *, description: str = "") -> int:
    """Do what the command line asks for; what goes wrong on the way ends in one line."""
    options, rest = read_command_line(arguments, description)
    try:
        return run(options, rest)
    except OSError as error:
        stop(str(error))
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace, rest: list[str]) -> int:
    if not is_utf8(ROOT):
        stop("the path of this checkout is not valid UTF-8, and venv and pip fail there: move it.")
    environment = Environment(versions=options.versions)
    if options.command == "pins":
        return pins(environment)
    needs_no_tests = options.command in {"lab", "book", "export"}
    environment.set_up({"course"} if needs_no_tests else {"course", "test"})
    if options.command == "lab":
        return lab(environment, rest)
    if options.command == "test":
        return test(environment)
    if options.command == "export":
        os.environ["MLTEACH_BROWSER"] = machine.find_browser() or ""
        notebooks = ["--notebooks", ROOT / "notebooks"]
        return call([environment.python, "-m", "mlteach.course.export", *notebooks, *rest])
    if options.command == "bench":
        return call([environment.python, *BENCHMARKS], cwd=ROOT, env=name_browser(environment))
    return call([environment.python, f"tools/{options.command}.py", *rest], cwd=ROOT)
