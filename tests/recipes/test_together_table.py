"""The jobs of chapter 17's table, and that its rows are theirs."""

from __future__ import annotations

import pytest

from mlteach import results
from mlteach.data import glyphs
from mlteach.recipes import together, together_table

KEYS = ("train", "seed", "start", "method", "classes")


def test_all_characters():
    assert together_table.ALL["glyphs"] == len(glyphs("train").classes)


def trainings(seeds):
    return [tuple(job[k] for k in KEYS) for job, _ in together_table.jobs(seeds)]


def tracked():
    """The trainings whose rows are in the table."""
    return {tuple(row[k] for k in KEYS) for row in results.read("together")}


def test_every_tracked_row_is_of_a_job():
    """So that a job whose rows are there is not computed again; three seeds at least."""
    seeds = tuple(sorted({key[1] for key in tracked()}))
    assert len(seeds) >= 3
    jobs = trainings(seeds)
    assert len(set(jobs)) == len(jobs)
    assert tracked() <= set(jobs)


def test_the_table_is_complete():
    """On five seeds at least."""
    assert set(trainings(range(5))) <= tracked()


def test_methods_are_compared_at_the_same_numbers_of_labelled_characters():
    """The map has the mixed batch wherever it has prototypes, and MAML beside them."""
    jobs = trainings((0,))
    for train in ("glyphs", "omniglot"):
        ways = (("none", "prototypes"), ("SimCLR", "prototypes"), ("SimCLR", "mixed"))
        for way in (*ways, ("none", "MAML"), ("SimCLR", "MAML")):
            sizes = {key[4] for key in jobs if key[0] == train and key[2:4] == way}
            assert sizes == {3, 25, 100, together_table.ALL[train]}, (train, way)


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
        if settings["train"] == "glyphs"
        and settings["method"] == method
        and tuple(settings[k] for k in KEYS) in tracked()
    ]
    settings, job = jobs[0]
    table = results.where(results.read("together"), **settings)
    rows = [settings | row for row in job()]
    assert list(rows[0]) == list(table[0])
    ours, theirs = (
        [(row["test"], row["n_way"], row["n_shot"], row["adapt"]) for row in part]
        for part in (rows, table)
    )
    assert ours == theirs


def test_turned_characters_are_others_only_where_the_method_says_so(monkeypatch):
    """The same plain prototypes; without a word `meta_train` decides."""
    asked = []
    monkeypatch.setattr(together_table, "_domain", lambda name, part: glyphs(part))
    monkeypatch.setattr(
        together, "meta_train", lambda name, few, **given: asked.append((name, given["turned"]))
    )
    for method in ("turned plain prototypes", "plain prototypes"):
        together_table._trained("glyphs", 0, "none", method, 100)
    assert asked == [("plain prototypes", True), ("plain prototypes", None)]
