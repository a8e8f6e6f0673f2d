"""tools/environment.py makes .venv once, brings it up to date, and deletes nothing unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import machine
from tools.environment import Environment, _try_lock, shutil
from tools.installer import NoBuildError

ROOT = Path(__file__).resolve().parent.parent
HERE = sys.version_info[:2]


class FakeCalls:
    """Stands for `venv`, `pip` and .venv's Python, and notes what is run."""

    def __init__(self, environment: Environment):
        self.environment = environment
        self.done: list[str] = []
        self.python = HERE  # the version of .venv's Python; None where it does not start
        self.pip_fails: str | Exception = ""  # with this reason, if any

    def call(self, command) -> int:
        assert "venv" in command
        self.done.append("make")
        self.python = HERE
        self.environment.python.parent.mkdir(parents=True)
        self.environment.python.touch()
        return 0

    def answer(self, command) -> str | None:
        works = self.python and self.environment.python.exists()
        return "{} {}".format(*self.python) if works else None

    def install(self, command, *, cwd, log, without_cuda) -> bool:
        assert not self.environment.stamp.exists(), (
            "a killed installation would pass for a finished one"
        )
        self.without_cuda = without_cuda
        self.done.append(f"install {command[-1]}")
        return not self.pip_fails

    def explain(self, log, python) -> str:
        if isinstance(self.pip_fails, Exception):
            raise self.pip_fails
        return self.pip_fails

    def since_last(self) -> list[str]:
        done, self.done = self.done, []
        return done


@pytest.fixture
def environment(tmp_path) -> Environment:
    """A checkout with nothing set up."""
    for name in ["pyproject.toml", "constraints.txt", "constraints-oldest.txt"]:
        (tmp_path / name).write_text(name)
    return Environment(tmp_path)


@pytest.fixture
def calls(environment, monkeypatch) -> FakeCalls:
    fake = FakeCalls(environment)
    monkeypatch.setattr("tools.environment.call", fake.call)
    monkeypatch.setattr("tools.environment.answer", fake.answer)
    monkeypatch.setattr("tools.installer.install", fake.install)
    monkeypatch.setattr("tools.installer.explain", fake.explain)
    return fake


def test_sets_up_once(environment, calls):
    """The first call makes and installs; the second does nothing."""
    environment.set_up({"course"})
    assert calls.since_last() == ["make", "install .[course]"]
    environment.set_up({"course"})
    assert calls.since_last() == []


def test_installs_missing_extras_and_keeps_more_than_asked(environment, calls):
    """`test` after `lab` installs what is missing; `lab` after `test` finds all it needs."""
    environment.set_up({"course"})
    calls.since_last()
    environment.set_up({"course", "test"})
    assert calls.since_last() == ["install .[course,test]"]
    environment.set_up({"course"})
    assert calls.since_last() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_installs_again_when_the_requirements_change(environment, calls, name):
    """An outdated set-up is brought up to date, without being made anew."""
    environment.set_up({"course"})
    calls.since_last()
    (environment.root / name).write_text("changed")
    environment.set_up({"course"})
    assert calls.since_last() == ["install .[course]"]


def test_installs_again_when_the_checkout_has_moved(environment, calls, tmp_path):
    """The installed package points to the checkout: a moved one would import the old place."""
    environment.set_up({"course"})
    calls.since_last()
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    calls.environment = Environment(moved)
    calls.environment.set_up({"course"})
    assert calls.since_last() == ["install .[course]"]


def test_installs_again_for_other_versions(environment, calls):
    """The oldest versions are not taken for the pinned ones."""
    environment.set_up({"course"})
    calls.since_last()
    Environment(environment.root, "oldest").set_up({"course"})
    assert calls.since_last() == ["install .[course]"]


@pytest.mark.parametrize("stamp", [None, "", "something else", "something else course"])
def test_installs_into_a_healthy_environment_whose_set_up_was_not_finished(
    environment, calls, stamp
):
    """A missing, empty or foreign stamp means install again; a Python that works is kept."""
    environment.set_up({"course"})
    calls.since_last()
    environment.stamp.unlink()
    if stamp is not None:
        environment.stamp.write_text(stamp)
    environment.set_up({"course"})
    assert calls.since_last() == ["install .[course]"]


def test_a_broken_environment_is_set_aside_whole(environment, calls, capsys):
    """A folder without a working Python is renamed, with all in it, and one line says so."""
    for number in [1, 2]:
        (environment.folder / "mine").mkdir(parents=True)
        calls.python = None
        environment.set_up({"course"})
        assert calls.since_last() == ["make", "install .[course]"]
        assert (environment.root / f".venv-broken-{number}/mine").exists()
        assert not (environment.folder / "mine").exists()
        assert f".venv-broken-{number}" in capsys.readouterr().out


@pytest.mark.parametrize("is_link", [True, False])
def test_a_file_or_a_link_that_is_called_venv_is_set_aside(environment, calls, tmp_path, is_link):
    """What it leads to stays where it is."""
    (tmp_path / "elsewhere").write_text("mine")
    if is_link:
        environment.folder.symlink_to(tmp_path / "elsewhere")
    else:
        environment.folder.write_text("mine")
    calls.python = None
    environment.set_up({"course"})
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert (environment.root / ".venv-broken-1").read_text() == "mine"


OTHER = (HERE[0], HERE[1] + 1)


def test_an_environment_of_another_python_is_used(environment, calls, capsys):
    """Its own Python is kept, also where something is missing, and one line says which it is."""
    environment.set_up({"course"})
    assert capsys.readouterr().out.count("Python") == 0
    calls.python = OTHER
    environment.set_up({"course"})  # as if its Python had changed: what is installed is no use
    assert calls.since_last() == ["make", "install .[course]", "install .[course]"]
    environment.set_up({"course"})
    assert calls.since_last() == []
    environment.set_up({"course", "test"})
    assert calls.since_last() == ["install .[course,test]"]
    assert f"has Python {OTHER[0]}.{OTHER[1]}, which is used" in capsys.readouterr().out


def test_an_environment_that_is_too_old_is_named(environment, calls):
    """It may be in use for something else: nothing is installed into it, nothing is deleted."""
    environment.set_up({"course"})
    calls.since_last()
    calls.python = (3, 10)
    with pytest.raises(SystemExit, match=r"made with Python 3\.10, which is too old\. Rename"):
        environment.set_up({"course"})
    assert calls.since_last() == []
    assert environment.stamp.exists()


def test_a_python_without_builds_leaves_no_environment_behind(environment, calls):
    """Else the right Python would find the wrong one's folder; one that was there before stays."""
    calls.pip_fails = NoBuildError("PyTorch has no build")
    with pytest.raises(SystemExit, match=r"run\.py: PyTorch has no build"):
        environment.set_up({"course"})
    assert not environment.folder.exists()
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    with pytest.raises(SystemExit, match="PyTorch has no build"):
        environment.set_up({"course"})
    assert environment.python.exists()


@pytest.mark.parametrize(
    ("system", "driver", "expected"),
    [("linux", False, True), ("linux", True, False), ("darwin", False, False)],
)
def test_the_cpu_build_is_wanted_where_no_driver_is(
    environment, calls, monkeypatch, system, driver, expected
):
    """Elsewhere pip takes the right one by itself."""
    monkeypatch.setattr("tools.environment.sys.platform", system)
    monkeypatch.setattr(machine, "has_nvidia_driver", lambda: driver)
    environment.set_up({"course"})
    assert calls.without_cuda is expected


def test_notices_that_the_environments_python_is_gone(environment, calls):
    """A finished set-up whose Python was uninstalled is not ready."""
    environment.set_up({"course"})
    environment.python.unlink()
    assert not is_ready(environment)


def is_ready(environment: Environment) -> bool:
    return environment.is_ready({"course"}, environment.find_python())


def test_a_failed_installation_is_not_finished(environment, calls):
    """pip's failure ends in one line of advice, leaves no stamp, and the next call tries again."""
    calls.pip_fails = "pip failed"
    with pytest.raises(SystemExit, match=r"run\.py: pip failed"):
        environment.set_up({"course"})
    assert not is_ready(environment)
    calls.pip_fails = ""
    environment.set_up({"course"})
    assert is_ready(environment)


def test_says_when_the_disk_is_full(environment, calls, monkeypatch):
    """A full disk is not blamed on the network."""
    calls.pip_fails = "pip failed"
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(9e9, 9e9, 5e6))
    with pytest.raises(SystemExit, match="the disk is full"):
        environment.set_up({"course"})


def test_says_what_debian_lacks(environment, calls, monkeypatch):
    """Debian's Python comes without the means to make environments."""
    monkeypatch.setattr("tools.environment.can_make_environments", lambda: False)
    monkeypatch.setattr(machine, "install_packages", lambda *names: False)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        environment.set_up({"course"})


def test_installs_what_debian_lacks(environment, calls, monkeypatch):
    """Where packages may be installed, the missing one is, and the set-up goes on."""
    installed = []
    monkeypatch.setattr("tools.environment.can_make_environments", lambda: bool(installed))
    monkeypatch.setattr(machine, "install_packages", lambda *names: installed.extend(names) or True)
    environment.set_up({"course"})
    assert installed == ["python3-venv"]
    assert calls.since_last() == ["make", "install .[course]"]


def test_really_makes_and_recognises_an_environment(environment):
    """Without fakes: a new environment has this Python, and none once that is damaged."""
    environment._make()
    assert environment.find_python() == HERE
    environment.python.unlink()
    assert environment.find_python() is None
    environment.python.write_text("damaged")
    assert environment.find_python() is None


HOLD_LOCK = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tools.environment import only_one
with only_one(Path({lock!r})):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_the_lock_keeps_others_out_and_ends_with_its_process(tmp_path):
    """No second holder while the first lives; a killed holder leaves nothing that blocks."""
    lock = tmp_path / "lock"
    code = HOLD_LOCK.format(root=str(ROOT), lock=str(lock))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "locked\n"
        with lock.open("w") as file:
            assert not _try_lock(file)
        holder.kill()
        holder.wait()
    with lock.open("w") as file:
        assert _try_lock(file)


def test_waits_for_the_other_and_then_finds_all_done(environment, calls, monkeypatch, capsys):
    """Who waited for another set-up does not install a second time."""
    answers = iter([False, False, True])
    monkeypatch.setattr("tools.environment._try_lock", lambda file: next(answers))
    monkeypatch.setattr("tools.environment.time.sleep", lambda seconds: finish_set_up(environment))
    environment.set_up({"course"})
    assert calls.since_last() == []
    assert "waiting" in capsys.readouterr().out


def finish_set_up(environment: Environment) -> None:
    """What another run.py does."""
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.stamp.write_text(f"{environment.fingerprint(HERE)} course")
