"""The folder .venv: made, found again, and filled with the versions of the book.

Standard library only, because run.py uses it before anything is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools import installer, machine
from tools.terminal import answer, call, say, stop

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = {"pinned": "constraints.txt", "oldest": "constraints-oldest.txt", "newest": None}
WHICH_PYTHON = "import pip, sys; print(*sys.version_info[:2])"


@dataclass(frozen=True)
class Environment:
    """The folder .venv of one checkout, set up with one choice of versions."""

    root: Path = ROOT
    versions: str = "pinned"

    @property
    def folder(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def stamp(self) -> Path:
        """Written last, so that a set-up without it was never finished."""
        return self.folder / "set_up_finished"

    @property
    def log(self) -> Path:
        """What pip said the last time."""
        return self.root / ".venv.log"

    def fingerprint(self, python: tuple[int, int]) -> str:
        """Changes with all that makes a finished set-up outdated, a moved checkout included."""
        files = ["pyproject.toml", *filter(None, [CONSTRAINTS[self.versions]])]
        parts = [(self.root / name).read_bytes() for name in files]
        parts.append(os.fsencode(f"{self.versions} {self.root} {python}"))
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def find_python(self) -> tuple[int, int] | None:
        """The version of the folder's own Python; None unless that starts and has pip."""
        version = answer([self.python, "-c", WHICH_PYTHON])
        return tuple(map(int, version.split())) if version else None

    def is_ready(self, extras: set[str], python: tuple[int, int] | None) -> bool:
        """Whether a finished set-up is there that fits this checkout and has the extras."""
        if python is None or not self.stamp.exists():
            return False
        fingerprint, *installed = self.stamp.read_text().split() or [""]
        return fingerprint == self.fingerprint(python) and extras <= set(installed)

    def set_up(self, extras: set[str]) -> None:
        """Make .venv and install what is missing; quick and harmless where all is there."""
        python = self.find_python()
        if python and python[:2] != sys.version_info[:2]:
            self._tell_which(python)
        if self.is_ready(extras, python):
            return
        with only_one(self.root / ".venv.lock"):
            found = self.find_python()
            if self.is_ready(extras, found):  # another run.py has done it meanwhile
                return
            python = found or self._make()
            self.stamp.unlink(missing_ok=True)
            self._install(extras, python, is_new=found is None)
            self.stamp.write_text(" ".join([self.fingerprint(python), *sorted(extras)]))
        say("Everything is installed.")

    def _tell_which(self, python: tuple[int, int]) -> None:
        found, called = (".".join(map(str, v[:2])) for v in (python, sys.version_info))
        if python < OLDEST_PYTHON:
            stop(
                f"the folder .venv was made with Python {found}, which is too old. "
                f"Rename or delete it, and Python {called} makes another."
            )
        say(f"The folder .venv has Python {found}, which is used. Without it, {called} would be.")

    def _make(self) -> tuple[int, int]:
        if not can_make_environments() and machine.install_packages("python3-venv"):
            importlib.invalidate_caches()
        if not can_make_environments():
            stop(
                "this Python cannot make environments. "
                "On Debian or Ubuntu: sudo apt install python3-venv"
            )
        if os.path.lexists(self.folder):
            aside = set_aside(self.folder)
            say(f"The folder .venv does not work. It is now {aside.name}, which you may delete.")
        say("Making the folder .venv.")
        # called from inside .venv, sys.executable has just been renamed
        python = getattr(sys, "_base_executable", sys.executable)
        if call([python, "-m", "venv", self.folder]) != 0:
            stop(f"{python} could not make {self.folder}; its own message stands above.")
        return sys.version_info[:2]

    def _install(self, extras: set[str], python: tuple[int, int], *, is_new: bool) -> None:
        say(
            "Installing the requirements: one to three minutes and 1.5 GB the first time, "
            "more on a slow network."
        )
        constraints = CONSTRAINTS[self.versions]
        choice = ["-c", constraints] if constraints else ["--upgrade", "--upgrade-strategy=eager"]
        project = f".[{','.join(sorted(extras))}]"
        command = [self.python, "-m", "pip", "install", "--disable-pip-version-check"]
        command += [*choice, "-e", project]
        without_cuda = sys.platform == "linux" and not machine.has_nvidia_driver()
        if installer.install(command, cwd=self.root, log=self.log, without_cuda=without_cuda):
            return
        free = min(shutil.disk_usage(place).free for place in (self.root, tempfile.gettempdir()))
        if free < 1e9:
            stop(f"pip failed, and the disk is full ({free / 1e6:.0f} MB free; 4 GB are needed).")
        try:
            stop(installer.explain(self.log, python))
        except installer.NoBuildError as reason:
            if is_new:  # made by this call, and in the way of the Python that the reason asks for
                shutil.rmtree(self.folder)
            stop(str(reason))


def set_aside(folder: Path) -> Path:
    """Rename a folder to a name beside it that nothing has; whatever is in it stays."""
    names = (folder.with_name(f"{folder.name}-broken-{i}") for i in itertools.count(1))
    return folder.rename(next(name for name in names if not os.path.lexists(name)))


def can_make_environments() -> bool:
    """Debian's Python comes without the means."""
    return importlib.util.find_spec("ensurepip") is not None


@contextmanager
def only_one(lock: Path, waiting_for: str = "is setting up") -> Iterator[None]:
    """Wait until no other run.py holds the lock, which the system frees when its process ends."""
    with lock.open("w") as file:
        if not _try_lock(file):
            say(f"Another run.py {waiting_for}; waiting for it.")
            while not _try_lock(file):
                time.sleep(0.5)
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
