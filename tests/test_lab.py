"""tools/lab.py opens the learner's copy, keeps JupyterLab quiet, and says where it is."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook

from tools import lab
from tools.environment import Environment

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def environment(tmp_path, monkeypatch) -> Environment:
    """A checkout with one chapter and an empty .venv, from which nothing is started."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / ".venv").mkdir()
    (tmp_path / "notebooks/00_welcome.ipynb").write_text("welcome")
    monkeypatch.setattr(lab.signal, "signal", lambda *arguments: None)
    monkeypatch.setattr(lab, "answer", lambda command, **options: str(tmp_path / "runtime"))
    (tmp_path / "runtime").mkdir()
    return Environment(tmp_path)


class FakeServer:
    """Stands for JupyterLab's process: is up after one glance at it, and ends at the next."""

    pid = 7
    status = 0
    is_up = True
    says = b""

    def __init__(self, command, *, cwd, env, stderr):
        FakeServer.command, FakeServer.env = command, env
        if stderr:
            stderr.write(self.says)
        self.root, self.glances = cwd, 0

    def wait(self, timeout=None) -> int:
        self.glances += 1
        if self.glances == 1:
            if self.is_up:
                describe_server(self.root / "runtime", root_dir=str(self.root))
            raise subprocess.TimeoutExpired("jupyter", timeout)
        if self.glances == 2 and self.is_up:
            raise KeyboardInterrupt
        return self.status


def describe_server(runtime: Path, **differs) -> None:
    """What a server writes about itself once it is up."""
    server = {"pid": 7, "url": "http://localhost:8888/", "token": "secret", **differs}
    (runtime / f"jpserver-{server['pid']}.json").write_text(json.dumps(server))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(lab.subprocess, "Popen", FakeServer)
    monkeypatch.setattr(lab, "SETTLED", -1)
    monkeypatch.setattr(FakeServer, "status", 0)
    return FakeServer


class HangingServer(FakeServer):
    """Gets Ctrl-C twice, and does not end for it."""

    killed = 0

    def wait(self, timeout=None) -> int:
        if self.killed:
            return self.status
        if self.glances in (1, 2):
            self.glances += 1
            raise KeyboardInterrupt
        if self.glances > 2:
            raise subprocess.TimeoutExpired("jupyter", timeout)
        return super().wait(timeout)

    def kill(self):
        HangingServer.killed += 1


@pytest.mark.parametrize("listens", [False, True])
def test_a_server_that_hangs_after_two_interrupts_is_ended(
    environment, server, monkeypatch, listens
):
    """But not while it still answers: then the second Ctrl-C has not ended it."""
    monkeypatch.setattr(lab.subprocess, "Popen", HangingServer)
    monkeypatch.setattr(HangingServer, "killed", 0)
    looks = iter([listens, False])
    monkeypatch.setattr(lab, "answers", lambda address: next(looks))
    assert lab.lab(environment, ["--no-browser"]) == 0
    assert HangingServer.killed == 1
    assert list(looks) == ([] if listens else [False])


def test_whether_anybody_listens_at_an_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/lab?token=secret"
        assert not lab.answers(address)
        taken.listen()
        assert lab.answers(address)
    assert not lab.answers(address)


def test_says_where_the_first_chapter_is_and_how_to_end(environment, server, capsys, monkeypatch):
    """Three lines, the address once the server is up; a Ctrl-C is JupyterLab's to answer."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    assert lab.lab(environment, ["--no-browser"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Starting JupyterLab.",
        "JupyterLab is at http://localhost:8888/lab/tree/work/00_welcome.ipynb?token=secret",
        "To end it, press Ctrl-C here twice.",
    ]
    root = environment.root
    assert server.command[3:] == [
        f"--NotebookNotary.data_dir={root / '.venv/trust'}",
        f"--ServerApp.root_dir={root}",
        str(root / "work/00_welcome.ipynb"),
        "--no-browser",
    ]
    assert server.env["JUPYTER_CONFIG_PATH"] == os.pathsep.join([str(root), "mine"])
    assert server.env["JUPYTERLAB_WORKSPACES_DIR"] == str(root / ".venv/workspaces")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no root")
@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_starts_for_root_and_says_so(environment, server, monkeypatch, capsys, user, allowed):
    """JupyterLab refuses root, as whom a container runs; others get no such option."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert lab.lab(environment, ["--no-browser"]) == 0
    assert server.command[-1] == "--no-browser"
    assert ("--allow-root" in server.command) == allowed
    assert ("root" in capsys.readouterr().out) == allowed


def test_what_jupyterlab_says_is_shown_where_it_does_not_start(
    environment, server, monkeypatch, capsys
):
    """Only this start's last lines; the exit status is passed on."""
    (environment.folder / "lab.log").write_bytes(b"an old line\n")
    monkeypatch.setattr(server, "is_up", False)
    monkeypatch.setattr(server, "status", 1)
    monkeypatch.setattr(server, "says", b"20 lines\n" * 20 + b"the port is taken\n")
    assert lab.lab(environment, []) == 1
    shown = capsys.readouterr().out
    assert "the port is taken" in shown
    assert "an old line" not in shown
    assert shown.count("20 lines") == 9


def test_the_log_is_nobody_else_s_business(environment, server):
    """It holds the token; and it does not grow for ever."""
    log = environment.folder / "lab.log"
    lab.lab(environment, [])
    if os.name != "nt":
        assert log.stat().st_mode & 0o077 == 0
    log.write_bytes(b"x" * 2_000_000)
    lab.lab(environment, [])
    assert log.stat().st_size == 0


@pytest.mark.parametrize("option", ["--debug", "--log-level=INFO"])
def test_who_asks_for_messages_sees_them(environment, server, option):
    """Then JupyterLab writes to the terminal."""
    lab.lab(environment, [option])
    assert not (environment.folder / "lab.log").exists()


def test_other_servers_are_not_taken_for_this_one(environment, server, monkeypatch):
    """One that runs already, one that left its description behind, and one half written."""
    runtime = environment.root / "runtime"
    describe_server(runtime, pid=8, root_dir="/")
    describe_server(runtime, pid=7, root_dir="/")
    os.utime(runtime / "jpserver-7.json", (0, 0))
    (runtime / "jpserver-9.json").write_text("{")
    started = lab.Server(environment, [])
    assert started.find_address() == ""
    describe_server(runtime, root_dir=str(environment.root))
    with monkeypatch.context() as patch:
        patch.setattr(lab, "SETTLED", 1)
        assert started.find_address() == ""  # its port may be taken yet
    assert started.find_address().endswith("/lab/tree/work/00_welcome.ipynb?token=secret")


@pytest.mark.parametrize(
    ("differs", "address"),
    [
        ({}, "http://localhost:8888/lab/tree/work/a%20b%20%28new%29.ipynb?token=secret"),
        ({"token": ""}, "http://localhost:8888/lab/tree/work/a%20b%20%28new%29.ipynb"),
        ({"url": "https://h/x/"}, "https://h/x/lab/tree/work/a%20b%20%28new%29.ipynb?token=secret"),
        ({"root_dir": "/else"}, "http://localhost:8888/lab?token=secret"),
    ],
)
def test_the_address_of_a_file(differs, address):
    """Blanks and brackets, servers without token or below a prefix, a file outside of the root."""
    server = {"url": "http://localhost:8888/", "token": "secret", "root_dir": "/book", **differs}
    assert lab.address_of(server, Path("/book/work/a b (new).ipynb")) == address


def test_what_a_learner_names_is_opened_instead(environment, monkeypatch, tmp_path):
    """A file of the checkout, seen from anywhere; a file or folder elsewhere; options as given."""
    root, first = environment.root, environment.root / "work/00_welcome.ipynb"
    (root / "mine.ipynb").touch()
    (root / "folder").mkdir()
    elsewhere = tmp_path.parent / f"{tmp_path.name}_elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.ipynb").touch()
    monkeypatch.chdir(elsewhere)
    here = f"--ServerApp.root_dir={root}"
    for arguments, options, opens in [
        (["--port", "8890"], [here, str(first), "--port", "8890"], first),
        (["mine.ipynb", "-y"], [here, str(root / "mine.ipynb"), "-y"], root / "mine.ipynb"),
        (["-y", "other.ipynb"], ["-y", str(elsewhere / "other.ipynb")], elsewhere / "other.ipynb"),
        (["folder"], [str(root / "folder")], None),
        (["--notebook-dir=x"], ["--notebook-dir=x"], None),
        (["--ServerApp.root_dir", "x"], ["--ServerApp.root_dir", "x"], None),
    ]:
        assert lab.what_to_open(root, first, arguments) == (options, opens)


def test_without_copies_the_original_is_opened_and_said(environment, capsys):
    """A file that is called work, a full disk: the book can still be read."""
    (environment.root / "work").write_text("mine")
    chapter = lab.copy_chapters(environment.root)
    assert chapter == environment.root / "notebooks/00_welcome.ipynb"
    shown = capsys.readouterr().out
    assert "work is not a folder; rename it to get copies of the chapters." in shown
    assert "original chapters are opened" in shown


def test_says_once_which_chapters_have_newer_versions(environment, capsys):
    """One line, at the start after an update."""
    chapter = lab.copy_chapters(environment.root)
    assert capsys.readouterr().out == ""
    chapter.write_text("mine")
    (environment.root / "notebooks/00_welcome.ipynb").write_text("newer")
    assert lab.copy_chapters(environment.root) == chapter
    assert capsys.readouterr().out.count("\n") == 1
    lab.copy_chapters(environment.root)
    assert capsys.readouterr().out == ""


def test_chapters_are_signed_once(tmp_path, monkeypatch):
    """What equals a chapter is trusted, other notebooks are not; a second start signs nothing."""
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    monkeypatch.setattr(Environment, "python", Path(sys.executable))
    (tmp_path / "notebooks").mkdir()
    chapter, other = new_notebook(cells=[new_code_cell("1")]), new_notebook()
    nbformat.write(chapter, tmp_path / "notebooks/00.ipynb")
    folder = lab.trust(Environment(tmp_path))
    notary = NotebookNotary(data_dir=str(folder))
    copy = nbformat.read(shutil.copy(tmp_path / "notebooks/00.ipynb", tmp_path), as_version=4)
    assert notary.check_signature(copy)
    assert not notary.check_signature(other)
    notary.store.close()

    monkeypatch.setattr(lab, "answer", lambda command: pytest.fail("signed again"))
    lab.trust(Environment(tmp_path))


def test_a_failed_signing_is_tried_again(environment, monkeypatch):
    """What could not be signed is not noted as signed."""
    tried = []
    monkeypatch.setattr(lab, "answer", lambda command: tried.append(command))
    lab.trust(environment)
    lab.trust(environment)
    assert len(tried) == 2


def test_jupyter_finds_the_settings_from_the_checkout(tmp_path):
    """As the conda environment has it: JUPYTER_CONFIG_PATH is ".", and JupyterLab starts here."""
    program = (
        "import json\nfrom jupyter_server.services.config.manager import ConfigManager\n"
        "manager = ConfigManager(config_dir_name='labconfig')\n"
        "print(json.dumps(manager.get('default_setting_overrides')))"
    )
    variables = os.environ | {"JUPYTER_CONFIG_PATH": ".", "JUPYTER_CONFIG_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    wanted = json.loads((ROOT / "labconfig/default_setting_overrides.json").read_text())
    assert {name: found.get(name) for name in wanted} == wanted
