"""Reading, choosing from and adding to tables of results."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from mlteach import _validate

FOLDER = Path(__file__).parent

Row = dict[str, Any]


def tables() -> tuple[str, ...]:
    """Names of the tables that the package holds."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.csv")))


def read(name: str | Path) -> list[Row]:
    """The rows of a table, in the order in which they were computed.

    Args:
        name: of `tables`, or the path of a CSV file of your own.

    Returns:
        One dict a row, column → value; what can be read as a number is one.

    Raises:
        TypeError, ValueError: there is no such table, or a row has more or fewer values than there
            are columns.
    """
    path = _path(name)
    lines = _lines(path)
    if not lines:
        raise ValueError(f"name must be a table with a line of column names, {path.name} is empty")
    if twice := [name for name in lines[0] if lines[0].count(name) > 1]:
        raise ValueError(
            f"name must be a table of different columns, {path.name} has two {twice[0]!r}"
        )
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]):
            raise ValueError(
                f"name must be a table whose rows have {len(lines[0])} values, line {number} of "
                f"{path.name} has {len(line)}"
            )
    return [dict(zip(lines[0], map(_number, line), strict=True)) for line in lines[1:]]


def write(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows at the end of a CSV file, which begins with their column names if it is new.

    Args:
        path: of the file; rows that are there stay.
        rows: each with the same columns as the file, in its order; values are numbers or texts.

    An interruption leaves the file as it was, or with all rows.

    Raises:
        TypeError, ValueError: rows are none, their columns are not those of the file, or a value is
            neither number nor text.
    """
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(f"rows must be a list of dicts, got {_validate.kind(rows)}")
    if not rows:
        raise ValueError("rows must be at least one, got none")
    path = Path(path)
    old = path.read_bytes() if path.exists() else b""
    columns = _lines(path)[0] if old.strip() else list(rows[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not old.strip():
        writer.writerow(columns)
    for row in rows:
        if list(row) != columns:
            raise ValueError(f"rows must have the columns {columns}, got {list(row)}")
        for column, value in row.items():
            if not isinstance(value, Real | str):
                raise TypeError(
                    f"rows must have numbers or texts, got {_validate.kind(value)} as {column}"
                )
        writer.writerow(row.values())
    if old.strip() and not old.endswith(b"\n"):  # typed by hand: the last line has no end yet
        old += b"\n"
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(old + text.getvalue().encode())
    os.replace(part, path)


def where(rows: Iterable[Row], **chosen: Any) -> list[Row]:
    """The rows that have these values, or one of several in a tuple or list.

    >>> where(rows, method="MAML", classes=(25, 100))

    Raises:
        ValueError: no row has that column, or that value in it; then it says which there are.
    """
    rows = list(rows)
    for column, wanted in chosen.items():
        allowed = wanted if isinstance(wanted, tuple | list) else (wanted,)
        there = list(dict.fromkeys(row.get(column) for row in rows))
        if missing := [value for value in allowed if value not in there]:
            has = ", ".join(map(str, there)) or "no rows"
            raise ValueError(f"{column} must be one of {has}, got {missing[0]!r}")
        rows = [row for row in rows if row[column] in allowed]
    return rows


def values(rows: Iterable[Row], column: str = "accuracy", **chosen: Any) -> list[float]:
    """One column of the rows that `where` chooses, in the order of their seeds.

    Place i need not be the same seed in two settings, see `by_seed`.

    Raises:
        ValueError: as `where`; there is no such column; or a seed occurs twice, so that the choice
            mixes several settings.
    """
    return [row[column] for row in _each_seed_once(rows, column, chosen)]


def by_seed(rows: Iterable[Row], column: str = "accuracy", **chosen: Any) -> dict[int, float]:
    """As `values`, seed → value: what `differences` compares.

    Raises:
        ValueError: as `values`; or a row has no seed.
    """
    rows = _each_seed_once(rows, column, chosen)
    if any("seed" not in row for row in rows):
        raise ValueError(f"rows must have a column seed, got {list(rows[0])}")
    return {row["seed"]: row[column] for row in rows}


def differences(one: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    """What one setting has more than the other, seed by seed, for `mean_and_interval`.

    >>> differences(by_seed(rows, method="MAML"), by_seed(rows, method="ANIL"))

    Args:
        one, other: seed → number, as `by_seed` gives them.

    Returns:
        (n,) one minus other, of the seeds that both have, rising; a seed that one lacks is left
        out.

    Raises:
        TypeError, ValueError: they are no mappings, or have no seed in common.
    """
    for name, given in (("one", one), ("other", other)):
        _validate.instance(name, given, Mapping, "a mapping seed → number")
    both = sorted(one.keys() & other.keys())
    if not both:
        raise ValueError(
            f"one and other must have a seed in common, got {sorted(one)} and {sorted(other)}"
        )
    return [one[seed] - other[seed] for seed in both]


def _each_seed_once(rows: Iterable[Row], column: str, chosen: dict[str, Any]) -> list[Row]:
    rows = sorted(where(rows, **chosen), key=lambda row: row.get("seed", 0))
    if any(column not in row for row in rows):
        raise ValueError(f"column must be one of {list(rows[0])}, got {column!r}")
    seeds = [row["seed"] for row in rows if "seed" in row]
    if len(set(seeds)) < len(seeds):
        different = [k for k in rows[0] if k != column and len({row[k] for row in rows}) > 1]
        raise ValueError(f"rows must have each seed once, choose among {different} too")
    return rows


def mean_and_interval(of_seeds: Sequence[float]) -> tuple[float, float]:
    r"""The mean over trainings with different seeds, and half its 95 % interval by Student's t.

    .. math:: \bar a \pm t_{0.975, n - 1}\, \frac{s}{\sqrt{n}}

    With five seeds t is 2.78. Give it the `differences` of two methods to compare them.

    Args:
        of_seeds: (n >= 2,) finite numbers, one a seed.

    Raises:
        TypeError, ValueError: they are not.
    """
    numbers = _validate.as_tensor("of_seeds", of_seeds).double()
    if numbers.dim() != 1 or len(numbers) < 2:
        given = tuple(numbers.shape)
        raise ValueError(f"of_seeds must be (n >= 2,) numbers, got shape {given}")
    _validate.finite("of_seeds", numbers)
    n = len(numbers)
    half = float(student.ppf(0.975, n - 1)) * numbers.std().item() / math.sqrt(n)
    return numbers.mean().item(), half


def _lines(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def _path(name: str | Path) -> Path:
    if not isinstance(name, str | Path):
        raise TypeError(f"name must be a table or a path, got {_validate.kind(name)}")
    if str(name) in tables():
        return FOLDER / f"{name}.csv"
    if not Path(name).is_file():
        raise ValueError(f"name must be one of {', '.join(tables())}, or a file, got {str(name)!r}")
    return Path(name)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
