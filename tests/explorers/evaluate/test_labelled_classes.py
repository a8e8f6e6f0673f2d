"""LabelledClasses shows the table's means, intervals and crossings."""

from __future__ import annotations

import numpy as np
import pytest
from support.explorer_drawing import neighbour, shown

from mlteach.explorers import LabelledClasses
from mlteach.results import mean_and_interval

SEEDS = (0, 1, 2, 3, 4)
LEVELS = {  # start, method, classes → the mean; a seed moves all of them alike
    ("none", "pixels", 0): 0.50,
    ("SimCLR", "nearest mean", 0): 0.80,
    ("none", "prototypes", 3): 0.60,
    ("none", "prototypes", 25): 0.75,
    ("none", "prototypes", 690): 0.83,
    ("SimCLR", "prototypes", 3): 0.78,
    ("SimCLR", "prototypes", 25): 0.82,
    ("SimCLR", "prototypes", 690): 0.85,
    ("SimCLR", "mixed", 3): 0.82,
    ("SimCLR", "mixed", 25): 0.79,
    ("SimCLR", "mixed", 690): 0.86,
}


def rows(*, n_shots=(1, 5), tests=("a", "b"), seeds=SEEDS, levels=LEVELS):
    found = []
    for test in tests:
        for n_shot in n_shots:
            for (start, method, classes), level in levels.items():
                for seed in seeds:
                    share = level + 0.01 * seed + 0.001 * ((seed * 7 + classes) % 5)
                    share += 0.05 * (n_shot > 1) - 0.1 * (test == "b")
                    row = {"train": "a", "test": test, "seed": seed, "start": start}
                    row |= {"method": method, "classes": classes, "n_shot": n_shot}
                    found.append(row | {"accuracy": share})
    return found


def of(test, n_shot, start, method, classes):
    found = {"test": test, "n_shot": n_shot, "start": start, "method": method, "classes": classes}
    return [row["accuracy"] for row in rows() if all(row[k] == v for k, v in found.items())]


@pytest.mark.parametrize(("test", "n_shot", "classes"), [("a", 1, 3), ("b", 5, 690)])
def test_means_and_intervals_are_those_of_the_table(test, n_shot, classes):
    explorer = LabelledClasses(rows(), n_classes=classes, n_shot=n_shot)
    explorer.controls["domain"].value = f"a → {test}"
    s = explorer.state
    assert s["start"] == "SimCLR"
    for method in ("prototypes", "mixed"):
        expected = mean_and_interval(of(test, n_shot, "SimCLR", method, classes))
        assert (s["accuracies"][method], s["half_widths"][method]) == pytest.approx(expected)
        line = explorer.lines[method]
        at = list(line.get_xdata()).index(classes)
        assert line.get_ydata()[at] == pytest.approx(100 * expected[0])
        outline = explorer.bands[method].get_paths()[0].vertices
        ends = sorted({round(y, 6) for x, y in outline if x == classes})
        width = [100 * (expected[0] - expected[1]), 100 * sum(expected)]
        assert ends == pytest.approx(width, abs=1e-5)
    name, *level = s["unlabelled"]
    assert name == "SimCLR, nearest mean"
    assert level == pytest.approx(mean_and_interval(of(test, n_shot, "SimCLR", "nearest mean", 0)))
    assert explorer.best.get_ydata()[0] == pytest.approx(100 * level[0])


def test_a_crossing_is_where_all_larger_numbers_are_clearly_ahead():
    """In paired differences: the seeds alone differ by more than the methods."""
    explorer = LabelledClasses(rows())
    assert explorer.state["ahead_from"] == {"prototypes": 25, "mixed": 690}
    assert "clearly ahead of it: prototypes from 25 on, mixed from 690 on" in explorer.describe()
    explorer.controls["start"].value = "none"
    assert explorer.state["ahead_from"] == {"prototypes": 690}
    worse = {key: level - 0.1 * bool(key[2]) for key, level in LEVELS.items()}
    assert "none at any C" in LabelledClasses(rows(levels=worse)).describe()


def test_other_starts_are_grey():
    explorer = LabelledClasses(rows())
    drawn = [list(line.get_ydata()) for line in explorer.pale if len(line.get_xdata())]
    assert len(drawn) == 1
    assert drawn[0] == pytest.approx(
        [100 * np.mean(of("a", 1, "none", "prototypes", size)) for size in (3, 25, 690)]
    )
    explorer.controls["start"].value = "none"
    assert len([line for line in explorer.pale if len(line.get_xdata())]) == 2


def test_a_number_that_was_not_measured_there_is_told():
    """Two data sets have different numbers of classes: the nearest measured one is shown."""
    more = {("none", "pixels", 0): 0.5, ("SimCLR", "prototypes", 964): 0.9}
    other = [row | {"train": "c"} for row in rows(levels=more, tests=("c",))]
    explorer = LabelledClasses(rows() + other, n_classes=964)
    assert explorer.state["shown"] == 690
    assert "C = 690" in explorer.describe()


def test_one_seed_has_no_interval_and_is_never_clearly_ahead():
    explorer = LabelledClasses(rows(seeds=(3,)))
    assert set(explorer.state["half_widths"].values()) == {0.0}
    assert set(explorer.state["ahead_from"].values()) == {None}
    assert "±" not in explorer.describe()


def test_one_step_of_a_control_is_clearly_seen():
    explorer = LabelledClasses(rows())
    for control in explorer.controls.values():
        before, value = shown(explorer), control.value
        control.value = neighbour(control)
        assert (np.abs(shown(explorer) - before).max(-1) > 60).sum() > 100, control.description
        control.value = value


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ([], "at least one"),
        ([row for row in rows() if row["classes"]], "some with classes = 0 for a → a"),
        ([row for row in rows() if not row["classes"]], "some with classes > 0"),
        (rows() + rows()[:1], "each seed of a setting once"),
        ([{k: v for k, v in row.items() if k != "test"} for row in rows()], "lacks 'test'"),
        ([rows()[0] | {"accuracy": 62.5}], "accuracy.*62.5"),
    ],
)
def test_rows_that_are_no_table_are_refused(given, part):
    with pytest.raises(ValueError, match=part):
        LabelledClasses(given)


def test_what_is_no_list_of_rows_is_refused():
    with pytest.raises(TypeError, match="rows must be a list of dicts"):
        LabelledClasses({"accuracy": 1})


def test_a_number_that_does_not_occur_is_refused():
    with pytest.raises(ValueError, match="n_classes must be one of"):
        LabelledClasses(rows(), n_classes=4)
