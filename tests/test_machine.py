"""tools/machine.py finds a browser, and fetches one only where none is named or there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import machine

PYTHON, FOLDER = Path("python"), Path("browsers")


@pytest.fixture
def bare(monkeypatch):
    """A machine without a browser, apt-get or sudo, on which every command is noted and fails."""
    commands = []

    def fail(command, *, check=False, **options):
        commands.append([str(part) for part in command])
        if check:
            raise subprocess.CalledProcessError(1, command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.delenv("MLTEACH_BROWSER", raising=False)
    monkeypatch.setattr(machine, "USUAL_PLACES", [])
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    monkeypatch.setattr(machine.subprocess, "run", fail)
    return commands


def test_a_named_browser_comes_first(bare, monkeypatch, tmp_path):
    """MLTEACH_BROWSER is taken where it is right; where it is wrong, nothing is fetched instead."""
    browser = tmp_path / "browser"
    browser.touch()
    monkeypatch.setattr(machine, "USUAL_PLACES", [str(tmp_path)])
    assert machine.get_browser(PYTHON, FOLDER) == str(tmp_path)
    monkeypatch.setenv("MLTEACH_BROWSER", str(browser))
    assert machine.get_browser(PYTHON, FOLDER) == str(browser)
    browser.unlink()
    assert machine.get_browser(PYTHON, FOLDER) is None
    assert bare == []


def test_playwrights_own_goes_into_the_folder(bare, monkeypatch):
    """Without a browser Playwright is asked first, and its files stay in the environment."""
    seen = []

    def succeed(command, *, env=None, **options):
        seen.append((command, env))
        return subprocess.CompletedProcess(command, 0, stdout=os.fsencode("/somewhere/chrome\n"))

    monkeypatch.setattr(machine.subprocess, "run", succeed)
    assert machine.get_browser(PYTHON, FOLDER) == "/somewhere/chrome"
    assert seen[0][0][1:4] == ["-m", "playwright", "install"]
    assert seen[0][1]["PLAYWRIGHT_BROWSERS_PATH"] == str(FOLDER)


def test_the_driver_gets_its_library(monkeypatch):
    """Playwright's own Node does not start on a bare Debian until libatomic is there."""
    installed = []
    monkeypatch.setattr(machine, "runs", lambda command: bool(installed))
    monkeypatch.setattr(machine, "install_packages", lambda name: installed.append(name) or True)
    assert machine.has_driver(PYTHON)
    assert installed == ["libatomic1"]
    monkeypatch.setattr(machine, "runs", lambda command: False)
    assert not machine.has_driver(PYTHON)


def test_finds_nvidias_driver(bare, monkeypatch, tmp_path):
    """By its program, or by the files that it makes even where that is not on the path."""
    monkeypatch.setattr(machine, "NVIDIA_PLACES", [str(tmp_path / "nvidiactl")])
    assert not machine.has_nvidia_driver()
    (tmp_path / "nvidiactl").touch()
    assert machine.has_nvidia_driver()
    (tmp_path / "nvidiactl").unlink()
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert machine.has_nvidia_driver()
    assert bare == []


def test_nothing_to_be_had(bare):
    """No network and no packages: None after one try, and no package manager that is not there."""
    assert machine.get_browser(PYTHON, FOLDER) is None
    assert [command[1:3] for command in bare] == [["-m", "playwright"]]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no root")
@pytest.mark.parametrize(("user", "first"), [(0, "env"), (1000, "sudo")])
def test_debians_packages(bare, monkeypatch, user, first):
    """Root installs; others by sudo where that asks for no password, or not at all."""
    done = []

    def succeed(command, **options):
        done.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(machine.subprocess, "run", succeed)
    assert machine.install_packages("one", "two")
    assert [command[0] for command in done] == [first, first]
    assert done[-1][-2:] == ["one", "two"]
    if user:
        assert "-n" in done[0]  # it must not wait for a password
    monkeypatch.setattr(machine.subprocess, "run", lambda c: subprocess.CompletedProcess(c, 1))
    assert not machine.install_packages("one")


def test_without_apt_or_sudo_nothing_is_installed(bare, monkeypatch):
    """A Mac, or a user who may not: no command is tried."""
    assert not machine.install_packages("chromium")
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr(
        machine.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None
    )
    assert not machine.install_packages("chromium")
    assert bare == []


def test_a_browser_without_its_libraries_is_not_taken(tmp_path):
    """What was downloaded may not start on a bare system."""
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    assert not machine.runs([str(broken)])
    assert not machine.runs([str(tmp_path / "missing")])
