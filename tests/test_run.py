"""run.py decides rightly when to install, and tools/book.py never saves a failed chapter."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent


def load(path: str):
    """A script of this repository, imported as a module."""
    spec = importlib.util.spec_from_file_location(f"script_{Path(path).stem}", ROOT / path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run = load("run.py")
book = load("tools/book.py")


class FakeCalls:
    """Stands for run.call: notes what is run, acts as `venv`, `pip` and the health check would."""

    def __init__(self, environment: run.Environment):
        self.environment = environment
        self.done: list[str] = []
        self.healthy = True
        self.pip_status = 0

    def __call__(self, command, **options) -> int:
        if "venv" in command:
            self.done.append("make")
            self.healthy = True
            self.environment.python.parent.mkdir(parents=True)
            self.environment.python.touch()
            return 0
        if "pip" in command:
            assert not self.environment.stamp.exists(), (
                "a killed installation would pass for a finished one"
            )
            self.done.append(f"install {command[-1]}")
            return self.pip_status
        if not self.environment.python.exists():
            raise FileNotFoundError(self.environment.python)
        return 0 if self.healthy else 1

    def since_last(self) -> list[str]:
        done, self.done = self.done, []
        return done


@pytest.fixture
def environment(tmp_path) -> run.Environment:
    """A checkout with nothing set up."""
    for name in ["pyproject.toml", "constraints.txt", "constraints-oldest.txt"]:
        (tmp_path / name).write_text(name)
    return run.Environment(tmp_path)


@pytest.fixture
def calls(environment, monkeypatch) -> FakeCalls:
    fake = FakeCalls(environment)
    monkeypatch.setattr(run, "call", fake)
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
    calls.environment = run.Environment(moved)
    calls.environment.set_up({"course"})
    assert calls.since_last() == ["install .[course]"]


def test_installs_again_for_other_versions(environment, calls):
    """The oldest versions are not taken for the pinned ones."""
    environment.set_up({"course"})
    calls.since_last()
    run.Environment(environment.root, "oldest").set_up({"course"})
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


def test_makes_a_broken_environment_anew(environment, calls):
    """A folder without working Python, or of another version, is removed with all in it."""
    rubbish = environment.folder / "rubbish"
    rubbish.mkdir(parents=True)
    calls.healthy = False
    environment.set_up({"course"})
    assert calls.since_last() == ["make", "install .[course]"]
    assert not rubbish.exists()


def test_notices_that_the_environments_python_is_gone(environment, calls):
    """A finished set-up whose Python was uninstalled is not ready."""
    environment.set_up({"course"})
    environment.python.unlink()
    assert not environment.is_ready({"course"})


def test_a_failed_installation_is_not_finished(environment, calls, capsys):
    """pip's failure ends in one line of advice, leaves no stamp, and the next call tries again."""
    calls.pip_status = 1
    with pytest.raises(SystemExit, match=r"run\.py: pip failed"):
        environment.set_up({"course"})
    assert not environment.is_ready({"course"})
    calls.pip_status = 0
    environment.set_up({"course"})
    assert environment.is_ready({"course"})


def test_says_when_the_disk_is_full(environment, calls, monkeypatch):
    """A full disk is not blamed on the network."""
    calls.pip_status = 1
    monkeypatch.setattr(
        run.shutil, "disk_usage", lambda place: run.shutil._ntuple_diskusage(9e9, 9e9, 5e6)
    )
    with pytest.raises(SystemExit, match="the disk is full"):
        environment.set_up({"course"})


def test_says_what_debian_lacks(environment, calls, monkeypatch):
    """Debian's Python comes without the means to make environments."""
    monkeypatch.setattr(run, "can_make_environments", lambda: False)
    monkeypatch.setattr(run.machine, "install_packages", lambda *names: False)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        environment.set_up({"course"})


def test_installs_what_debian_lacks(environment, calls, monkeypatch):
    """Where packages may be installed, the missing one is, and the set-up goes on."""
    installed = []
    monkeypatch.setattr(run, "can_make_environments", lambda: bool(installed))
    monkeypatch.setattr(
        run.machine, "install_packages", lambda *names: installed.extend(names) or True
    )
    environment.set_up({"course"})
    assert installed == ["python3-venv"]
    assert calls.since_last() == ["make", "install .[course]"]


def test_old_python_gets_one_clear_line(monkeypatch):
    """Nothing is tried with a Python that is too old."""
    monkeypatch.setattr(run.sys, "version_info", (3, 10, 2))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or later; this is 3\.10\."):
        run.main(["lab"])


def test_really_makes_and_recognises_an_environment(environment):
    """Without fakes: a new environment is healthy, and is not once its Python is damaged."""
    environment._make()
    assert environment.is_healthy()
    environment.python.unlink()
    assert not environment.is_healthy()
    environment.python.write_text("damaged")
    assert not environment.is_healthy()


HOLD_LOCK = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
import run
with run.only_one(Path({lock!r})):
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
            assert not run._try_lock(file)
        holder.kill()
        holder.wait()
    with lock.open("w") as file:
        assert run._try_lock(file)


def test_waits_for_the_other_and_then_finds_all_done(environment, calls, monkeypatch, capsys):
    """Who waited for another set-up does not install a second time."""
    answers = iter([False, False, True])
    monkeypatch.setattr(run, "_try_lock", lambda file: next(answers))
    monkeypatch.setattr(run.time, "sleep", lambda seconds: finish_set_up(environment))
    environment.set_up({"course"})
    assert calls.since_last() == []
    assert "waiting" in capsys.readouterr().out


def finish_set_up(environment: run.Environment) -> None:
    """What another run.py does."""
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.stamp.write_text(f"{environment.fingerprint()} course")


@pytest.fixture
def steps(monkeypatch) -> list:
    """The command lines and variables that run.test gives to the steps, of which "format" fails."""
    seen = []

    def note(command, *, cwd, env):
        seen.append((command[1:], env))
        return int("format" in command)

    monkeypatch.setattr(run, "call", note)
    monkeypatch.setattr(run.machine, "has_driver", lambda python: True)
    return seen


def test_a_failed_step_fails_the_tests_but_not_the_steps_after_it(steps, monkeypatch, capsys):
    """Every step runs, the unit tests last; the exit status and one line name the failed one."""
    monkeypatch.setattr(run.machine, "get_browser", lambda python, folder: "a browser")
    assert run.test(run.Environment()) == 1
    assert [command for command, _ in steps] == list(run.TESTS.values())
    assert steps[-1][0][:3] == ["-m", "pytest", "tests"]
    assert {variables["MLTEACH_BROWSER"] for _, variables in steps} == {"a browser"}
    assert capsys.readouterr().err == "run.py: failed: format\n"


def test_without_a_browser_no_step_runs(steps, monkeypatch):
    """One line at the start says what to install, instead of failures twenty minutes later."""
    monkeypatch.setattr(run.machine, "get_browser", lambda python, folder: None)
    with pytest.raises(SystemExit, match=r"run\.py: no browser .* set MLTEACH_BROWSER"):
        run.test(run.Environment())
    monkeypatch.setattr(run.machine, "has_driver", lambda python: False)
    with pytest.raises(SystemExit, match=r"run\.py: Playwright.* does not start"):
        run.test(run.Environment())
    assert steps == []


class FakeServer:
    """Stands for JupyterLab's process: notes its command line and ends at once."""

    def __init__(self, command, **options):
        FakeServer.command = command

    def wait(self) -> int:
        return 0


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no root")
@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_lab_starts_for_root_and_says_so(monkeypatch, capsys, user, allowed):
    """JupyterLab refuses root, as whom a container runs; others get no such option."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(run.subprocess, "Popen", FakeServer)
    monkeypatch.setattr(run.signal, "signal", lambda *arguments: None)
    assert run.lab(run.Environment(), ["--no-browser"]) == 0
    assert FakeServer.command[-1] == "--no-browser"
    assert ("--allow-root" in FakeServer.command) == allowed
    assert ("root" in capsys.readouterr().out) == allowed


def test_a_checkout_whose_path_is_not_utf8_gets_one_line(monkeypatch):
    """venv and pip would fail there in the middle, with tracebacks."""
    monkeypatch.setattr(run, "ROOT", Path("/tmp/caf\udce9"))
    with pytest.raises(SystemExit, match="not valid UTF-8"):
        run.main(["lab"])


@pytest.mark.parametrize("name", ["two words", "Übung", "it's", "北京"])
def test_other_letters_in_the_path_are_welcome(name):
    """Blanks and letters of any script are no reason to refuse."""
    assert run.is_utf8(Path("/tmp", name))


@pytest.mark.parametrize(
    "arguments", [["test", "more"], ["bench", "--fast"], ["pins", "x"], ["unknown"], []]
)
def test_refuses_arguments_it_would_ignore(arguments, capsys):
    """A mistyped command line is an error, not a silent full run."""
    with pytest.raises(SystemExit) as exit_info:
        run.read_command_line(arguments)
    assert exit_info.value.code == 2


def test_passes_further_arguments_on():
    """JupyterLab's options, and chapter numbers, reach those who understand them."""
    assert run.read_command_line(["lab", "--no-browser", "--version"])[1] == [
        "--no-browser",
        "--version",
    ]
    assert run.read_command_line(["book", "05", "00"])[1] == ["05", "00"]
    claims = ["--chapters", "05", "--seeds", "1", "2", "--no-table"]
    assert run.read_command_line(["claims", *claims])[1] == claims


def test_every_script_that_it_calls_is_there():
    """A command of the same name is a script in tools/."""
    for command in ["book", "pins"]:
        assert (ROOT / f"tools/{command}.py").is_file()


def write_notebook(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def test_book_saves_outputs_without_widget_state(tmp_path):
    """A saved chapter has its outputs, stable metadata, and no widget state."""
    path = write_notebook(
        tmp_path / "00.ipynb", "1 + 1", "import ipywidgets\nipywidgets.IntSlider()"
    )
    book.execute(path)
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.cells[0].outputs[0].data["text/plain"] == "2"
    assert book.WIDGET in notebook.cells[1].outputs[0].data
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(not cell.metadata for cell in notebook.cells)
    assert os.listdir(tmp_path) == ["00.ipynb"]


def test_book_is_reproducible(tmp_path):
    """Executing a chapter again changes no byte of it, widgets included."""
    path = write_notebook(tmp_path / "00.ipynb", "import ipywidgets\nipywidgets.IntSlider()")
    book.execute(path)
    first = path.read_bytes()
    book.execute(path)
    assert path.read_bytes() == first


def test_book_keeps_what_authors_wrote_into_the_metadata(tmp_path):
    """Cell tags survive; timings do not."""
    notebook = new_notebook(
        cells=[new_code_cell("1", metadata={"tags": ["solution"], "execution": {"a": "b"}})]
    )
    book.clean(notebook)
    assert notebook.cells[0].metadata == {"tags": ["solution"]}


def test_book_saves_no_progress_bar(tmp_path):
    """A finished progress bar, saved at its first moment only, leaves with the kernel."""
    path = write_notebook(
        tmp_path / "00.ipynb",
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass\n'done'",
    )
    book.execute(path)
    assert [output.data for output in nbformat.read(path, as_version=4).cells[0].outputs] == [
        {"text/plain": "'done'"}
    ]


def test_book_leaves_a_failed_chapter_untouched(tmp_path, monkeypatch):
    """A cell that raises stops the book with the cell's error, and the old file stays."""
    path = write_notebook(tmp_path / "00_welcome.ipynb", "1 + 1", "raise KeyError('no such thing')")
    before = path.read_bytes()
    monkeypatch.setattr(book, "CHAPTERS", tmp_path)
    with pytest.raises(SystemExit, match="no such thing"):
        book.main(["00"])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["00_welcome.ipynb"]


def test_book_chooses_chapters_by_number(tmp_path, monkeypatch):
    """No number means all chapters, in order; an unknown one is an error."""
    for name in ["05_b.ipynb", "00_a.ipynb", "15_c.ipynb"]:
        (tmp_path / name).touch()
    monkeypatch.setattr(book, "CHAPTERS", tmp_path)
    assert [path.name for path in book.choose([])] == ["00_a.ipynb", "05_b.ipynb", "15_c.ipynb"]
    assert [path.name for path in book.choose(["05"])] == ["05_b.ipynb"]
    with pytest.raises(SystemExit, match="starts with 99"):
        book.choose(["99"])
