"""Computes the tracked tables of results anew: `python -m mlteach results together`.

A table is computed job by job; jobs whose rows are in the file already are left out, so that a
broken run goes on where it stopped. Each job runs on one processor thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import torch

from mlteach import _validate
from mlteach.results import read, write
from mlteach.results.tables import FOLDER

# table → the module whose `jobs(seeds)` yields (settings, function → rows); a row begins with the
# settings of its job
JOBS = {
    "learned_temperature": "mlteach.recipes.learned_temperature",
    "meta_selfsup": "mlteach.recipes.meta_selfsup_table",
    "one_shot": "mlteach.recipes.one_shot",
    "together": "mlteach.recipes.together_table",
    "unlabelled": "mlteach.recipes.unlabelled",
}


def check(name: str, path: Path, seeds: Iterable[int], only: dict[str, str]) -> None:
    """Nothing is asked for that no job of the table has, and the file is one of its.

    Raises:
        OSError, ValueError: that is not so.
    """
    jobs = import_module(JOBS[name]).jobs(tuple(_validate.seed("--seeds", s) for s in seeds))
    every = [settings for settings, _ in jobs]
    for key, value in only.items():
        known = list(dict.fromkeys(str(settings[key]) for settings in every if key in settings))
        if value not in known:
            allowed = f"{key}={'|'.join(known)}" if known else f"a setting out of {[*every[0]]}"
            raise ValueError(f"--only takes {allowed}, got {key}={value}")
    done = read(path) if path.exists() else []
    if done and (lacking := [key for key in every[0] if key not in done[0]]):
        raise ValueError(f"{path} must be a table with the columns {[*every[0]]}, lacks {lacking}")


def compute(name: str, path: Path, seeds: Iterable[int], only: dict[str, str]) -> None:
    """Adds the rows that are missing from the file."""
    done = read(path) if path.exists() else []
    for settings, job in import_module(JOBS[name]).jobs(tuple(seeds)):
        shown = {key: str(value) for key, value in settings.items()}
        if any(shown.get(key) != value for key, value in only.items()):
            continue
        if any(all(str(row[key]) == shown[key] for key in shown) for row in done):
            continue
        started = time.process_time()
        write(path, [settings | row for row in job()])
        spent = time.process_time() - started
        print(f"{spent:6.1f} s  {' '.join(f'{k}={v}' for k, v in shown.items())}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m mlteach", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    results = commands.add_parser("results", help="compute a table of results anew")
    results.add_argument("table", choices=sorted(JOBS))
    results.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    results.add_argument(
        "--folder", type=Path, default=FOLDER, help="where the CSV file is (the package's own)"
    )
    results.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="SETTING=VALUE",
        help="jobs with these settings, such as train=glyphs",
    )
    given = parser.parse_args(arguments)
    if wrong := [part for part in given.only if "=" not in part]:
        parser.error(f"--only takes SETTING=VALUE, got {wrong[0]}")
    if not given.folder.is_dir():
        parser.error(f"--folder must be a folder that exists, got {given.folder}")
    torch.set_num_threads(1)
    only = dict(part.split("=", 1) for part in given.only)
    path = given.folder / f"{given.table}.csv"
    try:
        check(given.table, path, given.seeds, only)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    compute(given.table, path, given.seeds, only)


if __name__ == "__main__":
    main()
