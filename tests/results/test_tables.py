"""Tables of results: reading, choosing, adding, and intervals over seeds."""

from __future__ import annotations

import math
import os

import pytest
import torch

from mlteach import __main__ as command
from mlteach import results

ROWS = [
    {"seed": seed, "method": method, "accuracy": accuracy}
    for method, accuracies in {"one": (0.5, 0.75), "two": (0.25, 0.5)}.items()
    for seed, accuracy in enumerate(accuracies)
]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "own.csv"
    results.write(path, ROWS[:2])
    before = path.read_bytes()
    results.write(path, ROWS[2:])
    assert path.read_bytes().startswith(before)
    assert results.read(path) == ROWS
    assert [type(value) for value in results.read(path)[0].values()] == [int, str, float]


def test_rows_with_other_columns_are_refused_and_nothing_is_lost(tmp_path):
    path = tmp_path / "own.csv"
    results.write(path, ROWS)
    with pytest.raises(ValueError, match="rows must have the columns .*method.*, got .*loss"):
        results.write(path, [{"seed": 0, "loss": 1.0}])
    assert results.read(path) == ROWS


@pytest.mark.parametrize("rows", [[], [{"a": 1}, {"b": 1}]])
def test_bad_rows(rows, tmp_path):
    with pytest.raises(ValueError, match="rows must"):
        results.write(tmp_path / "own.csv", rows)
    assert not (tmp_path / "own.csv").exists()


def test_torn_line(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("seed,accuracy\n0,0.5\n1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="whose rows have 2 values, line 3 of own.csv has 1"):
        results.read(path)


def test_a_last_line_without_an_end_is_not_glued_to_the_next(tmp_path):
    """As an editor leaves it, with or without a byte order mark."""
    path = tmp_path / "own.csv"
    path.write_text("\ufeffseed,accuracy\n0,0.5", encoding="utf-8")
    results.write(path, [{"seed": 1, "accuracy": 0.25}])
    assert results.read(path) == [{"seed": 0, "accuracy": 0.5}, {"seed": 1, "accuracy": 0.25}]


def test_an_interruption_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "own.csv"
    results.write(path, ROWS[:2])
    before = path.read_bytes()

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(KeyboardInterrupt):
        results.write(path, ROWS[2:])
    assert path.read_bytes() == before


def test_only_numbers_and_texts_are_kept(tmp_path):
    with pytest.raises(TypeError, match="rows must have numbers or texts, got .* as accuracy"):
        results.write(tmp_path / "own.csv", [{"seed": 0, "accuracy": torch.tensor(0.5)}])
    assert not (tmp_path / "own.csv").exists()


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("seed,accuracy,accuracy\n0,0.5,0.25\n", encoding="utf-8")
    with pytest.raises(ValueError, match="different columns, own.csv has two 'accuracy'"):
        results.read(path)


def test_unknown_table():
    with pytest.raises(ValueError, match="name must be one of .*, or a file, got 'nowhere'"):
        results.read("nowhere")


def test_choosing():
    assert results.where(ROWS, method="two") == ROWS[2:]
    assert results.where(ROWS, method=("one", "two"), seed=1) == ROWS[1::2]
    assert results.values(ROWS[::-1], method="one") == [0.5, 0.75]  # by seed
    with pytest.raises(ValueError, match="method must be one of one, two, got 'three'"):
        results.where(ROWS, method="three")
    with pytest.raises(ValueError, match="choose among .*method"):
        results.values(ROWS)
    with pytest.raises(ValueError, match="column must be one of .*, got 'loss'"):
        results.values(ROWS, "loss", method="one")


def test_differences_pair_seeds_and_not_places():
    """One method lacks seed 1, the other seed 2: 0 and 3 are compared, in any order."""
    accuracies = {"one": {0: 0.5, 2: 0.75, 3: 1.0}, "two": {3: 0.25, 1: 0.125, 0: 0.375}}
    rows = [
        {"seed": seed, "method": method, "accuracy": accuracy}
        for method, of_seeds in accuracies.items()
        for seed, accuracy in of_seeds.items()
    ]
    one, two = (results.by_seed(rows, method=method) for method in accuracies)
    assert (one, two) == tuple(accuracies.values())
    assert results.differences(one, two) == [0.125, 0.75]
    assert results.differences(two, one) == [-0.125, -0.75]
    with pytest.raises(ValueError, match=r"a seed in common, got \[0, 2, 3\] and \[1\]"):
        results.differences(one, {1: 0.5})
    with pytest.raises(TypeError, match="other must be a mapping"):
        results.differences(one, [0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="choose among .*method"):
        results.by_seed(rows)
    with pytest.raises(ValueError, match="rows must have a column seed"):
        results.by_seed([{"accuracy": 1.0}])


def test_interval_by_hand():
    """Of 1, 2, 3 the mean is 2, the deviation 1, and Student's t with two degrees 4.303."""
    mean, half = results.mean_and_interval([1, 2, 3])
    assert mean == 2
    assert half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    with pytest.raises(ValueError, match=r"of_seeds must be \(n >= 2,\)"):
        results.mean_and_interval([1.0])
    with pytest.raises(ValueError, match="of_seeds must be finite"):
        results.mean_and_interval([1.0, math.nan])


def test_interval_covers():
    """Of five normal numbers' intervals 95 in 100 hold the mean."""
    draws = torch.randn(2000, 5, generator=torch.Generator().manual_seed(0))
    held = [abs(mean) <= half for mean, half in map(results.mean_and_interval, draws)]
    assert abs(sum(held) / 2000 - 0.95) < 5 * math.sqrt(0.05 * 0.95 / 2000)


def test_a_broken_run_goes_on(tmp_path, monkeypatch, capsys):
    """Jobs whose rows are there are not computed again; those left out by --only neither."""
    computed = []

    class Jobs:
        @staticmethod
        def jobs(seeds):
            for seed in seeds:
                for method in ("one", "two"):
                    yield {"seed": seed, "method": method}, lambda: computed.append(1) or [{"a": 1}]

    monkeypatch.setattr(command, "JOBS", {"own": "somewhere"})
    monkeypatch.setattr(command, "import_module", lambda name: Jobs)
    monkeypatch.setattr(command.torch, "set_num_threads", lambda count: None)
    order = ["results", "own", "--folder", str(tmp_path), "--seeds", "0", "1"]
    command.main([*order, "--only", "method=two"])
    assert len(computed) == 2
    command.main(order)
    assert len(computed) == 4
    rows = results.read(tmp_path / "own.csv")
    assert {(row["seed"], row["method"]) for row in rows} == {
        (seed, method) for seed in (0, 1) for method in ("one", "two")
    }
    with pytest.raises(SystemExit):
        command.main([*order, "--only", "two"])
    assert "SETTING=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("name", results.tables())
def test_every_tracked_table_can_be_computed(name):
    assert name in command.JOBS
    rows = results.read(name)
    assert {"seed", "seconds"} <= rows[0].keys()


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (["--only", "method=three"], "--only takes method=one|two, got method=three"),
        (
            ["--only", "colour=red"],
            "--only takes a setting out of ['seed', 'method'], got colour=red",
        ),
        (["--seeds", "-1"], "--seeds must be a whole number between 0 and"),
        (["--folder", "nowhere"], "--folder must be a folder that exists, got nowhere"),
    ],
)
def test_an_order_that_no_job_can_follow_is_refused(order, told, tmp_path, monkeypatch, capsys):
    prepare(monkeypatch)
    with pytest.raises(SystemExit):
        command.main(["results", "own", "--folder", str(tmp_path), *order])
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_table_under_the_name_is_left_alone(tmp_path, monkeypatch, capsys):
    path = tmp_path / "own.csv"
    path.write_text("a,b\n1,2\n")
    prepare(monkeypatch)
    with pytest.raises(SystemExit):
        command.main(["results", "own", "--folder", str(tmp_path)])
    assert "must be a table with the columns ['seed', 'method'], lacks" in capsys.readouterr().err
    assert path.read_text() == "a,b\n1,2\n"


def prepare(monkeypatch):
    """A table "own" of two methods, none of which may be computed."""

    class Jobs:
        @staticmethod
        def jobs(seeds):
            for seed in seeds:
                for method in ("one", "two"):
                    yield {"seed": seed, "method": method}, lambda: pytest.fail("was computed")

    monkeypatch.setattr(command, "JOBS", {"own": "somewhere"})
    monkeypatch.setattr(command, "import_module", lambda name: Jobs)
    monkeypatch.setattr(command.torch, "set_num_threads", lambda count: None)
