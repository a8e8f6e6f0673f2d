"""The jobs of chapter 17's table, and that its rows are theirs."""

from __future__ import annotations

import pytest

from mlteach import results
from mlteach.data import glyphs
from mlteach.recipes import together, together_table

KEYS = ("train", "seed", "start", "method", "classes")


def test_all_characters():
    assert together_table.ALL["glyphs"] == len(glyphs("train").classes)


def test_the_table_has_its_jobs():
    """The tracked rows are those of all jobs of its seeds, three at least."""
    rows = results.read("together")
    seeds = sorted({row["seed"] for row in rows})
    assert len(seeds) >= 3
    jobs = {tuple(job[k] for k in KEYS) for job, _ in together_table.jobs(tuple(seeds))}
    assert {tuple(row[k] for k in KEYS) for row in rows} == jobs


@pytest.mark.parametrize("method", ["plain prototypes", "MAML", "mixed", "nearest mean", "pixels"])
def test_a_job_gives_the_rows_of_the_table(monkeypatch, method):
    """After trainings of a few steps: tests and columns are those of the tracked table."""
    monkeypatch.setattr(together, "BUDGET", 4)
    monkeypatch.setattr(together_table, "_started", together_table._started.__wrapped__)
    monkeypatch.setattr(together_table, "_domain", lambda name, part: glyphs(part))
    few = dict.fromkeys(("n_tasks", "n_query"), 2)
    episodes = together_table._episodes
    monkeypatch.setattr(
        together_table, "_episodes", lambda *args, **counts: episodes(*args, **counts | few)
    )
    jobs = [
        (settings, job)
        for settings, job in together_table.jobs((0,))
        if settings["train"] == "glyphs" and settings["method"] == method
    ]
    settings, job = jobs[0]
    tracked = results.where(results.read("together"), **settings)
    rows = [settings | row for row in job()]
    assert list(rows[0]) == list(tracked[0])
    ours, theirs = (
        [(row["test"], row["n_way"], row["n_shot"], row["adapt"]) for row in part]
        for part in (rows, tracked)
    )
    assert ours == theirs
