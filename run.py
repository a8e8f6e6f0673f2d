#!/usr/bin/env python3
"""Sets the book up and runs it. Needs Python 3.11 or later and nothing else.

python run.py lab            opens the book in JupyterLab; further arguments go to JupyterLab
python run.py test           checks style and types, executes every chapter, runs every test
python run.py book [05 ...]  executes all chapters, or those that begin so, and saves them
python run.py export [05 ..] writes chapters as pages; --pdf, --slides, --student: see the README
python run.py claims         runs chapters and tests under other arithmetics and seeds (hours)
python run.py bench          measures the speed of what the book computes with
python run.py pins           writes the versions in use to constraints.txt

The first call makes the folder .venv and installs the tested versions into it; later calls find it
ready.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from tools import machine

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent
CONSTRAINTS = {"pinned": "constraints.txt", "oldest": "constraints-oldest.txt", "newest": None}
NBVAL = [
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=180",
    "--nbval-kernel-startup-timeout=120",
]
WORKERS = min(os.cpu_count() or 1, 8)
# files side by side, each in its own order
SIDE_BY_SIDE = [f"-n{WORKERS}", "--dist=loadfile", "-p", "no:benchmark"]
# a part of the claims that fails first where rounding decides; all of them take hours
SECOND = ["--arithmetics", "plain", "--no-table", "--chapters", "05", "--tests", "tests/maps"]
SECOND += ["tests/losses", "tests/evaluate", "tests/meta", "tests/test_similarity.py"]
TESTS = {  # the unit tests come last, so that the output ends with their summary
    "style": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "chapters": ["-m", "pytest", "notebooks", *NBVAL, *SIDE_BY_SIDE],
    "browser": ["-m", "pytest", "tests/browser", *SIDE_BY_SIDE],
    "other arithmetic": ["tools/claims.py", *SECOND],
    "unit tests": ["-m", "pytest", "tests", "--ignore=tests/browser", *SIDE_BY_SIDE],
}
BENCHMARKS = [
    "-m",
    "pytest",
    "tests/benchmarks",
    "tests/browser",
    "-o",
    "python_files=bench_*.py",
    "--benchmark-autosave",
]


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

    def fingerprint(self) -> str:
        """Changes with all that makes a finished set-up outdated, a moved checkout included."""
        files = ["pyproject.toml", *filter(None, [CONSTRAINTS[self.versions]])]
        parts = [(self.root / name).read_bytes() for name in files]
        parts.append(os.fsencode(f"{self.versions} {self.root} {sys.version_info[:2]}"))
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def is_ready(self, extras: set[str]) -> bool:
        """Whether a finished set-up is there that fits this checkout and has the extras."""
        if not self.stamp.exists() or not self.python.exists():
            return False
        fingerprint, *installed = self.stamp.read_text().split() or [""]
        return fingerprint == self.fingerprint() and extras <= set(installed)

    def is_healthy(self) -> bool:
        """Whether the folder's Python starts, is the version of this one, and has pip."""
        question = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
        try:
            return call([self.python, "-c", question], stderr=subprocess.DEVNULL) == 0
        except OSError:  # it is missing or cannot be started
            return False

    def set_up(self, extras: set[str]) -> None:
        """Make .venv and install what is missing; quick and harmless where all is there."""
        if self.is_ready(extras):
            return
        with only_one(self.root / ".venv.lock"):
            if self.is_ready(extras):  # another run.py has done it meanwhile
                return
            self.stamp.unlink(missing_ok=True)
            if not self.is_healthy():
                self._make()
            self._install(extras)
            self.stamp.write_text(" ".join([self.fingerprint(), *sorted(extras)]))
        say("Everything is installed.")

    def _make(self) -> None:
        if not can_make_environments() and machine.install_packages("python3-venv"):
            importlib.invalidate_caches()
        if not can_make_environments():
            stop(
                "this Python cannot make environments. "
                "On Debian or Ubuntu: sudo apt install python3-venv"
            )
        if self.folder.exists():
            say("Removing .venv, which is broken or belongs to another Python.")
            shutil.rmtree(self.folder)
        say("Making the folder .venv.")
        # Called from inside .venv, sys.executable has just been removed.
        python = getattr(sys, "_base_executable", sys.executable)
        if call([python, "-m", "venv", self.folder]) != 0:
            stop(f"{python} could not make {self.folder}; its own message stands above.")

    def _install(self, extras: set[str]) -> None:
        say(
            "Installing the requirements: one to three minutes and 1.5 GB the first time, "
            "more on a slow network."
        )
        constraints = CONSTRAINTS[self.versions]
        choice = ["-c", constraints] if constraints else ["--upgrade", "--upgrade-strategy=eager"]
        project = f".[{','.join(sorted(extras))}]"
        pip = [self.python, "-m", "pip", "install", "--disable-pip-version-check"]
        if call([*pip, *choice, "-e", project], cwd=self.root) == 0:
            return
        free = min(shutil.disk_usage(place).free for place in (self.root, tempfile.gettempdir()))
        if free < 1e9:
            stop(f"pip failed, and the disk is full ({free / 1e6:.0f} MB free; 4 GB are needed).")
        stop(
            "pip failed; its own message stands above. Is the network there? "
            "The same command tries again."
        )


def can_make_environments() -> bool:
    """Debian's Python comes without the means."""
    return importlib.util.find_spec("ensurepip") is not None


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Wait until no other run.py holds the lock, which the system frees when its process ends."""
    with lock.open("w") as file:
        if not _try_lock(file):
            say("Another run.py is setting up; waiting for it.")
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


def say(text: str) -> None:
    print(text, flush=True)


def stop(reason: str) -> NoReturn:
    """End with one line that says what went wrong and what helps."""
    sys.exit(f"run.py: {reason}")


def call(command: list[str | Path], **options) -> int:
    """Run a command, its output going straight to the terminal, and return its exit status."""
    return subprocess.run([str(part) for part in command], check=False, **options).returncode


def lab(environment: Environment, arguments: list[str]) -> int:
    """Open JupyterLab with the settings in labconfig/ and stay until it ends."""
    paths = [str(ROOT), os.environ.get("JUPYTER_CONFIG_PATH")]
    variables = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}
    say("Opening JupyterLab in the browser. To end it, press Ctrl-C here.")
    command = [environment.python, "-m", "jupyterlab", "notebooks/00_welcome.ipynb"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        say("You are root, whom JupyterLab refuses by itself: it gets --allow-root.")
        command.append("--allow-root")
    server = subprocess.Popen([*command, *arguments], cwd=ROOT, env=variables)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # JupyterLab got it too, and asks whether to end
            continue


def test(environment: Environment) -> int:
    """Run every step of TESTS, whatever the ones before found, and name those that failed."""
    variables = name_browser(environment)
    failed = []
    for name, command in TESTS.items():
        say(f"\n== {name}: {' '.join(command)}")
        if call([environment.python, *command], cwd=ROOT, env=variables) != 0:
            failed.append(name)
    if failed:
        print(f"run.py: failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


def name_browser(environment: Environment) -> dict[str, str]:
    """This process's variables and MLTEACH_BROWSER, found or fetched."""
    if not machine.has_driver(environment.python):
        stop(machine.NO_DRIVER)
    browser = machine.get_browser(environment.python, environment.folder / "browsers")
    return os.environ | {"MLTEACH_BROWSER": browser or stop(machine.NO_BROWSER)}


def pins(environment: Environment) -> int:
    """Write the constraint files from the environment as it is."""
    if not environment.is_healthy():
        stop("there is no .venv to read versions from. First: python run.py test --versions newest")
    return call([environment.python, "tools/pins.py"], cwd=ROOT)


def read_command_line(arguments: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "command", choices=["lab", "test", "book", "export", "claims", "bench", "pins"]
    )
    parser.add_argument(
        "--versions",
        choices=list(CONSTRAINTS),
        default="pinned",
        help="install the tested versions, or the oldest or newest that the requirements allow",
    )
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in {"lab", "book", "export", "claims"}:
        parser.error(f"{options.command} takes no further arguments: {' '.join(rest)}")
    return options, rest


def is_utf8(path: Path) -> bool:
    try:
        return bool(os.fsencode(path).decode())
    except UnicodeDecodeError:
        return False


def main(arguments: list[str] | None = None) -> int:
    if sys.version_info < OLDEST_PYTHON:
        stop(
            "this book needs Python {}.{} or later; this is {}.{}.".format(
                *OLDEST_PYTHON, *sys.version_info[:2]
            )
        )
    if not is_utf8(ROOT):
        stop("the path of this checkout is not valid UTF-8, and venv and pip fail there: move it.")
    options, rest = read_command_line(arguments)
    environment = Environment(versions=options.versions)
    if options.command == "pins":
        return pins(environment)
    environment.set_up(
        {"course"} if options.command in {"lab", "book", "export"} else {"course", "test"}
    )
    if options.command == "lab":
        return lab(environment, rest)
    if options.command == "test":
        return test(environment)
    if options.command == "export":
        os.environ["MLTEACH_BROWSER"] = machine.find_browser() or ""
        notebooks = ["--notebooks", ROOT / "notebooks"]
        return call([environment.python, "-m", "mlteach.course.export", *notebooks, *rest])
    if options.command == "bench":
        return call([environment.python, *BENCHMARKS], cwd=ROOT, env=name_browser(environment))
    return call([environment.python, f"tools/{options.command}.py", *rest], cwd=ROOT)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        stop(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
