"""Tables of results that took too long for a chapter: tracked, and computed anew by one command.

>>> rows = results.read("together")
>>> results.mean_and_interval(results.values(rows, method="MAML", classes=25, n_shot=1))

`python -m mlteach results together` computes that table again, row by row. A table is a CSV file in
this folder; every row holds its seed, its settings and the processor seconds that it took.
"""

from mlteach.results.tables import (
    by_seed,
    differences,
    mean_and_interval,
    read,
    tables,
    values,
    where,
    write,
)

__all__ = [
    "by_seed",
    "differences",
    "mean_and_interval",
    "read",
    "tables",
    "values",
    "where",
    "write",
]
