"""The jobs of chapter 18's table, and that its rows are theirs."""

from __future__ import annotations

import pytest

from mlteach import results
from mlteach.recipes import meta_selfsup_table

KEYS = ("tasks", "share", "method", "trained", "seed")


def trainings(seeds):
    return [tuple(job[k] for k in KEYS) for job, _ in meta_selfsup_table.jobs(seeds)]


def tracked():
    """The trainings whose rows are in the table."""
    return {tuple(row[k] for k in KEYS) for row in results.read("meta_selfsup")}


def test_the_table_has_a_job_for_every_setting_once():
    jobs = trainings((0, 1))
    assert len(set(jobs)) == len(jobs)
    assert {key[-1] for key in jobs} == {0, 1}


def test_every_tracked_row_is_of_a_job():
    """So that a job whose rows are there is not computed again."""
    assert tracked() <= set(trainings(range(10)))


def test_the_table_is_complete():
    """On five seeds at least."""
    assert set(trainings(range(5))) <= tracked()


@pytest.mark.parametrize(
    ("method", "trained", "steps", "tested"),
    [
        ("told gains", "gains", 8, {("gains", k) for k in (0, 1, 3, 10, "told")}),
        ("told gains", "gains, half the steps", 4, {("gains", k) for k in (0, 1, 3, 10, "told")}),
        ("random gains", "gains, half the steps", 4, {("gains", k) for k in (0, 1, 3, 10, "told")}),
        ("told gains", "gains, longer", 8, {(a, k) for a in ("gains", "layer") for k in (30, 100)}),
        ("joint", "none, longer", 8, {(a, k) for a in ("gains", "layer") for k in (30, 100)}),
        ("FOMAML", "gains", 4, {("gains", k) for k in (0, 1, 3, 10, "told")}),
    ],
)
def test_rows_of_two_letters(short, method, trained, steps, tested):
    """Told gains have the joint network's outer steps, or FOMAML's, and the same tests."""
    rows = meta_selfsup_table._rows("two letters", 1.0, method, trained, 0)
    assert {row["steps"] for row in rows} == {steps}
    assert {(row["adapted"], row["after"]) for row in rows} == tested


@pytest.mark.parametrize("family", ["scripts", "turns"])
@pytest.mark.parametrize(("method", "trained"), [("joint", "none, layer"), ("FOMAML", "layer")])
def test_the_first_block_adapts_to_scripts_and_turns(short, family, method, trained):
    rows = meta_selfsup_table._rows(family, 1.0, method, trained, 0)
    assert [row["adapted"] for row in rows] == ["layer"] * 4
    assert [row["after"] for row in rows] == [0, 1, 3, 10]
    assert set(short) == {("encoder.0.",)}
    assert (family, 1.0, method, trained, 0) in trainings((0,))


@pytest.mark.parametrize("family", ["scripts", "turns"])
def test_all_weights_with_one_inner_step_have_twice_the_outer_steps(short, family):
    """Three inner steps and the outer one are four passes, one and the outer one are two."""
    three = meta_selfsup_table._rows(family, 1.0, "FOMAML", "all", 0)
    one = meta_selfsup_table._rows(family, 1.0, "FOMAML", "all, one step", 0)
    assert {row["steps"] for row in three} == {2}
    assert {row["steps"] for row in one} == {4}
    assert [row["adapted"] for row in one] == ["all"] * 4
    assert (family, 1.0, "FOMAML", "all, one step", 0) in trainings((0,))


@pytest.fixture
def short(monkeypatch):
    """Trainings of a few steps, neither adapted nor judged afterwards; gives what would adapt."""
    asked = []

    def adaptation(model, task, *, adapt_only, lr, steps, generator):
        asked.append(adapt_only)
        return [dict(model.named_parameters())] * (steps + 1)

    monkeypatch.setattr(meta_selfsup_table, "STEPS", 8)
    monkeypatch.setattr(meta_selfsup_table, "adaptation", adaptation)
    monkeypatch.setattr(meta_selfsup_table, "one_neighbour", lambda *args: 0.5)
    return asked
