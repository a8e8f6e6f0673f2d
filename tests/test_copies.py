"""The folder work/ follows the chapters, and no byte that a learner wrote is ever lost."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import copies

ROOT = Path(__file__).resolve().parent.parent
NAME = "05_contrastive_loss.ipynb"
NEW = "05_new_contrastive_loss.ipynb"
NEW_2 = "05_new2_contrastive_loss.ipynb"

not_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


@pytest.fixture
def chapters(tmp_path) -> Path:
    """A book with two chapters."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "00_welcome.ipynb").write_text("welcome 1")
    (folder / NAME).write_text("loss 1")
    return folder


@pytest.fixture
def work(tmp_path) -> Path:
    return tmp_path / "work"


def read(folder: Path) -> dict[str, str]:
    """What a learner sees in a folder."""
    return {
        path.name: path.read_text()
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.is_file()
    }


def test_copies_every_chapter_once(chapters, work):
    """The copies equal the chapters; nothing is reported, and nothing is left over."""
    assert copies.refresh(chapters, work) == copies.Copies()
    assert read(work) == read(chapters)
    times = {path: path.stat().st_mtime_ns for path in work.glob("*.ipynb")}
    assert copies.refresh(chapters, work) == copies.Copies()
    assert {path: path.stat().st_mtime_ns for path in work.glob("*.ipynb")} == times
    assert sorted(path.name for path in work.glob(".*")) == [copies.RECORD, ".lock"]


def test_refreshes_what_is_not_edited(chapters, work):
    """A new version replaces a copy that was only read, silently."""
    copies.refresh(chapters, work)
    (chapters / NAME).write_text("loss 2")
    assert copies.refresh(chapters, work) == copies.Copies()
    assert read(work) == read(chapters)


def notebook(source: str, **metadata) -> dict:
    """With one cell that has run."""
    output = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    cell = {"id": "a", "cell_type": "code", "source": [source], "outputs": [output]}
    cell |= {"execution_count": 1, "metadata": {"tags": ["answer"]}}
    return {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def test_refreshes_what_was_only_opened(chapters, work):
    """JupyterLab saves a notebook with metadata of its own, and lines in its own way."""
    (chapters / NAME).write_text(json.dumps(notebook("loss 1", kernelspec={"name": "python3"})))
    copies.refresh(chapters, work)
    opened = notebook("loss 1", language_info={"version": "3.14.0"})
    (cell,) = opened["cells"]
    cell["metadata"] |= {"collapsed": True, "jupyter": {"outputs_hidden": True}}
    cell["source"], cell["outputs"][0]["text"] = "loss 1", "1\n2\n"
    (work / NAME).write_text(json.dumps(opened, indent=4))
    (chapters / NAME).write_text(json.dumps(notebook("loss 2")))
    assert copies.refresh(chapters, work) == copies.Copies()
    assert read(work) == read(chapters)


@pytest.mark.parametrize("change", ["source", "output", "tags", "title"])
def test_keeps_what_is_edited_in_a_notebook(chapters, work, change):
    (chapters / NAME).write_text(json.dumps(notebook("loss 1")))
    copies.refresh(chapters, work)
    edited = notebook("loss 1")
    (cell,) = edited["cells"]
    if change == "source":
        cell["source"] = ["mine"]
    elif change == "output":
        cell["outputs"] = []
    elif change == "tags":
        cell["metadata"]["tags"] = ["mine"]
    else:
        edited["metadata"]["title"] = "mine"
    (work / NAME).write_text(json.dumps(edited))
    (chapters / NAME).write_text(json.dumps(notebook("loss 2")))
    assert copies.refresh(chapters, work).beside == [work / NEW]
    assert json.loads((work / NAME).read_text()) == edited


def test_never_overwrites_what_is_edited(chapters, work):
    """The new version is put beside it once, said once, and is itself kept up to date."""
    copies.refresh(chapters, work)
    (work / NAME).write_text("mine")
    assert copies.refresh(chapters, work) == copies.Copies()  # there is no newer version
    assert not (work / NEW).exists()

    (chapters / NAME).write_text("loss 2")
    done = copies.refresh(chapters, work)
    assert done.beside == [work / NEW]
    assert '"05_new_contrastive_loss"' in done.news
    assert "\n" not in done.news
    assert copies.refresh(chapters, work) == copies.Copies()

    (chapters / NAME).write_text("loss 3")
    assert copies.refresh(chapters, work).beside == [work / NEW]
    assert read(work) == {"00_welcome.ipynb": "welcome 1", NAME: "mine", NEW: "loss 3"}


def test_a_new_version_stands_beside_its_chapter_and_differs_where_names_are_cut():
    """JupyterLab's list of files cuts the end of a long name."""
    chapters = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for chapter in chapters:
        own, *new = itertools.islice(copies._names(chapter), 4)
        assert len({name[:8] for name in (own, *new)}) == 4
        others = [other.name for other in chapters if other != chapter]
        together = sorted([*others, own, *new])
        first = min(together.index(name) for name in (own, *new))
        assert set(together[first : first + 4]) == {own, *new}


def test_an_edited_new_version_is_the_learner_s_too(chapters, work):
    """The next one gets the next name, and none while there is nothing newer."""
    copies.refresh(chapters, work)
    (work / NAME).write_text("mine")
    (chapters / NAME).write_text("loss 2")
    copies.refresh(chapters, work)
    (work / NEW).write_text("mine too")
    assert copies.refresh(chapters, work) == copies.Copies()
    (chapters / NAME).write_text("loss 3")
    assert copies.refresh(chapters, work).beside == [work / NEW_2]
    (chapters / NAME).write_text("loss 4")
    copies.refresh(chapters, work)
    assert read(work) == {
        "00_welcome.ipynb": "welcome 1",
        NAME: "mine",
        NEW: "mine too",
        NEW_2: "loss 4",
    }


def test_a_deleted_copy_begins_anew_and_a_deleted_new_version_stays_away(chapters, work):
    """To begin a chapter anew its copy is deleted; a version that is not wanted is not pressed."""
    copies.refresh(chapters, work)
    (work / NAME).unlink()
    copies.refresh(chapters, work)
    assert read(work) == read(chapters)

    (work / NAME).write_text("mine")
    (chapters / NAME).write_text("loss 2")
    copies.refresh(chapters, work)
    (work / NEW).unlink()
    assert copies.refresh(chapters, work) == copies.Copies()
    assert not (work / NEW).exists()
    (chapters / NAME).write_text("loss 3")
    assert copies.refresh(chapters, work).beside == [work / NEW]


def test_a_new_version_that_took_the_place_of_the_old_is_followed_again(chapters, work):
    """Renamed over one's own file it is an unedited copy like any other."""
    copies.refresh(chapters, work)
    (work / NAME).write_text("mine")
    (chapters / NAME).write_text("loss 2")
    copies.refresh(chapters, work)
    (work / NEW).replace(work / NAME)
    copies.refresh(chapters, work)
    (chapters / NAME).write_text("loss 3")
    assert copies.refresh(chapters, work) == copies.Copies()
    assert read(work) == read(chapters)


def test_a_chapter_that_left_the_book_stays_in_work(chapters, work):
    """Also where it was never touched: nothing is ever deleted."""
    copies.refresh(chapters, work)
    (chapters / NAME).unlink()
    assert copies.refresh(chapters, work) == copies.Copies()
    assert read(work)[NAME] == "loss 1"


@pytest.mark.parametrize("record", [None, "", "{", "[]", '{"x": 1}', "\udc80"])
def test_without_its_record_every_differing_file_counts_as_edited(chapters, work, record):
    """A lost or damaged record costs an old copy beside a new one, and nothing else."""
    copies.refresh(chapters, work)
    (work / "00_welcome.ipynb").write_text("mine")
    (chapters / NAME).write_text("loss 2")
    if record is None:
        (work / copies.RECORD).unlink()
    else:
        (work / copies.RECORD).write_text(record, errors="surrogateescape")
    copies.refresh(chapters, work)
    assert read(work) == {
        "00_welcome.ipynb": "mine",
        "00_new_welcome.ipynb": "welcome 1",
        NAME: "loss 1",
        NEW: "loss 2",
    }
    assert NEW in json.loads((work / copies.RECORD).read_text())


def test_links_and_folders_of_the_learner_s_are_left_alone(chapters, work, tmp_path):
    """Nothing is written through a link, whether or not it leads anywhere."""
    work.mkdir()
    elsewhere = tmp_path / "elsewhere.ipynb"
    elsewhere.write_text("mine")
    (work / NAME).symlink_to(elsewhere)
    (work / NEW).symlink_to(tmp_path / "nowhere")
    (work / "00_welcome.ipynb").mkdir()
    for version in ["1", "2"]:
        (chapters / NAME).write_text(f"loss {version}")
        assert copies.refresh(chapters, work).problem == ""
        assert elsewhere.read_text() == "mine"
        assert read(work)[NEW_2] == f"loss {version}"
    assert (work / NEW).is_symlink()
    assert (work / "00_welcome.ipynb").is_dir()
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_the_way_is_named(chapters, work):
    """It is the learner's, and is not touched."""
    work.write_text("mine")
    assert "work is not a folder" in copies.refresh(chapters, work).problem
    assert work.read_text() == "mine"
    work.unlink()
    work.symlink_to("nowhere")
    assert "work is not a folder" in copies.refresh(chapters, work).problem


def test_a_link_to_a_folder_is_followed(chapters, work, tmp_path):
    """A learner may keep the copies elsewhere."""
    (tmp_path / "documents").mkdir()
    work.symlink_to(tmp_path / "documents")
    copies.refresh(chapters, work)
    assert read(tmp_path / "documents") == read(chapters)


def test_a_full_disk_loses_nothing(chapters, work, monkeypatch):
    """The old copy stays whole, the rest is tried, and the next start makes up for it."""
    copies.refresh(chapters, work)
    (chapters / NAME).write_text("loss 2")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(copies.os, "fsync", fail)
        assert "No space left on device" in copies.refresh(chapters, work).problem
    assert read(work) == {"00_welcome.ipynb": "welcome 1", NAME: "loss 1"}
    assert not list(work.glob(".*.part"))
    assert copies.refresh(chapters, work) == copies.Copies()
    assert read(work) == read(chapters)


def test_what_is_saved_this_very_moment_is_kept(chapters, work, monkeypatch):
    """A JupyterLab that runs already may save while a new version is being written."""
    copies.refresh(chapters, work)
    (chapters / NAME).write_text("loss 2")
    with monkeypatch.context() as patch:
        patch.setattr(copies.os, "fsync", lambda _: (work / NAME).write_text("mine"))
        assert copies.refresh(chapters, work).beside == [work / NEW]
    assert read(work) == {"00_welcome.ipynb": "welcome 1", NAME: "mine", NEW: "loss 2"}


def test_one_chapter_that_cannot_be_read_does_not_keep_the_others(chapters, work):
    """Here it is a folder."""
    (chapters / "00_welcome.ipynb").unlink()
    (chapters / "00_welcome.ipynb").mkdir()
    assert "not all chapters" in copies.refresh(chapters, work).problem
    assert read(work) == {NAME: "loss 1"}


@not_root
def test_a_folder_that_may_not_be_written_is_named(chapters, work):
    """A checkout on a shared disk, say."""
    work.mkdir()
    work.chmod(0o500)
    assert "could not be copied" in copies.refresh(chapters, work).problem
    work.chmod(0o700)


@not_root
def test_an_unreadable_file_counts_as_edited(chapters, work):
    """It is not replaced by a file that can be read."""
    copies.refresh(chapters, work)
    (work / NAME).write_text("mine")
    (work / NAME).chmod(0)
    (chapters / NAME).write_text("loss 2")
    assert copies.refresh(chapters, work).beside == [work / NEW]
    (work / NAME).chmod(0o600)
    assert (work / NAME).read_text() == "mine"


def test_two_starts_at_once(chapters, work):
    """One waits for the other; both find all copies."""
    for number in range(40):
        (chapters / f"{number + 20}.ipynb").write_text(f"chapter {number}")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = [pool.apply_async(copies.refresh, (chapters, work)) for _ in range(2)]
        assert [result.get(60) for result in results] == [copies.Copies()] * 2
    assert read(work) == read(chapters)


@pytest.mark.parametrize("seed", range(20))
def test_no_byte_of_the_learner_s_is_ever_lost(chapters, work, seed):
    """Edits, updates, deletions, lost records and starts in any order."""
    chance = random.Random(seed)
    mine: dict[Path, str] = {}  # what the learner wrote, and where
    unwanted: set[str] = set()  # what the learner removed: it may stay away
    for step in range(80):
        action = chance.choice(["start", "start", "edit", "update", "delete", "rename", "forget"])
        there = sorted(work.glob("*.ipynb")) if work.exists() else []
        path = chance.choice(there) if there else None
        if action == "start":
            assert copies.refresh(chapters, work).problem == ""
        elif action == "update":
            chance.choice(sorted(chapters.glob("*.ipynb"))).write_text(f"upstream {step // 3}")
        elif action == "forget" and work.exists() and chance.random() < 0.3:
            (work / copies.RECORD).unlink(missing_ok=True)
        elif path and action == "edit":
            unwanted.add(path.read_text())
            path.write_text(f"mine {step}")
            mine[path] = f"mine {step}"
        elif path and action == "delete":
            unwanted.add(path.read_text())
            path.unlink()
            mine.pop(path, None)
        elif path and action == "rename":
            target = chance.choice(there)
            unwanted |= {target.read_text()} - {path.read_text()}
            path.replace(target)
            if path != target:
                moved = mine.pop(path, None)
                mine.pop(target, None)
                mine |= {target: moved} if moved else {}
        assert {path: path.read_text() for path in mine} == mine
    copies.refresh(chapters, work)
    contents = [path.read_text() for path in work.glob("*.ipynb")]
    for chapter in chapters.glob("*.ipynb"):
        copy = work / chapter.name
        assert copy in mine or chapter.read_text() in {*contents, *unwanted}


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *name, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git_pull_goes_through_after_a_chapter_was_worked_on(chapters, tmp_path):
    """A real clone: a learner works in the copies, the chapter changes upstream, and git pulls."""
    upstream, clone = chapters.parent, tmp_path / "clone"
    shutil.copy(ROOT / ".gitignore", upstream)
    git(upstream, "init", "-q", "-b", "main")
    git(upstream, "add", ".gitignore", "notebooks")
    git(upstream, "commit", "-qm", "one")
    git(upstream, "clone", "-q", str(upstream), str(clone))
    copies.refresh(clone / "notebooks", clone / "work")
    (clone / "work" / NAME).write_text("mine")
    assert git(clone, "status", "--porcelain") == ""

    (chapters / NAME).write_text("loss 2")
    (chapters / "00_welcome.ipynb").write_text("welcome 2")
    git(upstream, "commit", "-qam", "two")
    git(clone, "pull", "-q", "--ff-only")
    assert copies.refresh(clone / "notebooks", clone / "work").beside == [clone / "work" / NEW]
    assert read(clone / "work") == {"00_welcome.ipynb": "welcome 2", NAME: "mine", NEW: "loss 2"}
    assert git(clone, "status", "--porcelain") == ""


def test_links_between_chapters_lead_to_copies():
    """Every link of a chapter that is no address names a chapter: it leads to the copy beside."""
    names = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        links = [part.partition(")")[0] for part in text.split("](")[1:]]
        local = {link for link in links if not link.startswith(("http", "#", "attachment:"))}
        assert {link.partition("#")[0] for link in local} <= names
