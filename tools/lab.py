"""Opens JupyterLab at the learner's copy of the first chapter, and says where it is.

Standard library only, because run.py uses it; what needs Jupyter is asked of .venv's Python.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import IO

from tools import copies, machine
from tools.environment import ROOT, Environment
from tools.terminal import answer, say

FIRST = "00_welcome.ipynb"
RUNTIME = "from jupyter_core.paths import jupyter_runtime_dir as folder; print(folder())"
ROOT_OPTIONS = ("--ServerApp.root_dir", "--notebook-dir", "--NotebookApp.notebook_dir")
SETTLED = 1  # seconds: a server describes itself a moment before it learns that its port is taken
AGAIN = 5  # seconds in which a second Ctrl-C ends the server, JupyterLab's own
ENDS_WITHIN = 20.0  # seconds after that
LOG_OPTIONS = ("--debug", "--log-level", "--ServerApp.log_level", "--Application.log_level")


def lab(environment: Environment, arguments: list[str]) -> int:
    """Open JupyterLab with the settings in labconfig/ and stay until it ends."""
    server = Server(environment, arguments)
    signal.signal(signal.SIGTERM, lambda *_: server.process.terminate())
    return server.wait()


class Server:
    """A JupyterLab that has been started; what it says goes into a file of .venv."""

    def __init__(self, environment: Environment, arguments: list[str]):
        variables = dict(os.environ)
        for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"):  # labconfig/ and labextensions/
            paths = [str(environment.root), os.environ.get(name)]
            variables[name] = os.pathsep.join(filter(None, paths))
        # what was open in JupyterLab for another course is not opened here, nor the other way round
        variables["JUPYTERLAB_WORKSPACES_DIR"] = str(environment.folder / "workspaces")
        # so that the menu's PDF is printed by a browser that is not on the path, too
        variables["MLTEACH_BROWSER"] = machine.find_browser() or ""
        first = copy_chapters(environment.root)
        options, self.opens = what_to_open(environment.root, first, arguments)
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            say("You are root, whom JupyterLab refuses by itself: it gets --allow-root.")
            options = ["--allow-root", *options]
        signatures = trust(environment)
        self.runtime = answer([environment.python, "-c", RUNTIME], env=variables)
        self.log = None
        if not any(argument.startswith(LOG_OPTIONS) for argument in arguments):
            self.log = open_log(environment.folder / "lab.log")
        self.log_start = self.log.tell() if self.log else 0
        self.started = time.time() - 1  # the times of files are coarse
        say("Starting JupyterLab.")
        command = [environment.python, "-m", "jupyterlab"]
        command += [f"--NotebookNotary.data_dir={signatures}", *options]
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=environment.root, env=variables, stderr=self.log
        )
        if self.log:
            self.log.close()  # the server has its own end of it

    def wait(self) -> int:
        """Say where JupyterLab is as soon as it is up, and stay until it ends."""
        address, pressed = "", -math.inf
        look_again: float | None = 0.2
        while True:
            try:
                if not address and (address := self.find_address()):
                    say(f"JupyterLab is at {address}")
                    say("To end it, press Ctrl-C here twice.")
                    look_again = None
                status = self.process.wait(look_again)
            except KeyboardInterrupt:  # JupyterLab got it too, and asks whether to end
                if time.monotonic() - pressed < AGAIN and address:
                    look_again = ENDS_WITHIN
                pressed = time.monotonic()
                continue
            except subprocess.TimeoutExpired:
                # a server that was ended and hangs: seen once, the port free and a thread waiting
                if look_again == ENDS_WITHIN and not answers(address):
                    self.process.kill()
                continue
            if status != 0 and not address and self.log:
                text = Path(self.log.name).read_bytes()[self.log_start :].decode(errors="replace")
                say("\n".join(text.splitlines()[-10:]))
            return status

    def find_address(self) -> str:
        """What a browser must open; empty until the server is up."""
        for path in Path(self.runtime or os.devnull).glob("jpserver-*.json"):
            try:
                is_new = self.started <= path.stat().st_mtime <= time.time() - SETTLED
                server = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # it is just being written or removed
                continue
            # on Windows the process only launches the server, which has another number
            if is_new and (server["pid"] == self.process.pid or os.name == "nt"):
                return address_of(server, self.opens)
        return ""


def answers(address: str) -> bool:
    """Whether anybody listens at an address."""
    parts = urllib.parse.urlsplit(address)
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=5).close()
    except OSError:
        return False
    return True


def address_of(server: dict, opens: Path | None) -> str:
    """Of a file on a server, which is described as Jupyter does, with what it takes to log in."""
    place = "lab"
    if opens is not None and opens.is_relative_to(server["root_dir"]):
        inside = opens.relative_to(server["root_dir"]).as_posix()
        place = f"lab/tree/{urllib.parse.quote(inside)}"
    query = f"?token={server['token']}" if server["token"] else ""
    return f"{server['url']}{place}{query}"


def copy_chapters(root: Path) -> Path:
    """Bring the learner's copies up to date; returns the first chapter, the original if need be."""
    done = copies.refresh(root / "notebooks", root / "work")
    if done.beside:
        say(done.news)
    copy = root / "work" / FIRST
    if done.problem:
        say(f"{done.problem}.")
    if copy.exists():
        return copy
    say("The original chapters are opened; save what you change under another name.")
    return root / "notebooks" / FIRST


def what_to_open(root: Path, first: Path, arguments: list[str]) -> tuple[list[str], Path | None]:
    """JupyterLab's arguments, and the file that it opens with them, if that is known.

    Args:
        root: the checkout, whose files are shown unless the arguments name another place.
        first: the chapter that is opened unless the arguments name another file.
        arguments: the learner's.
    """
    if any(argument.startswith(ROOT_OPTIONS) for argument in arguments):
        return arguments, None
    here = f"--ServerApp.root_dir={root}"
    for index, argument in enumerate(arguments):
        path = find(argument, root)
        if path is None:
            continue
        options = [*arguments[:index], str(path), *arguments[index + 1 :]]
        if path.is_dir():
            return options, None
        return [here, *options] if path.is_relative_to(root) else options, path
    return [here, str(first), *arguments], first


def find(argument: str, root: Path) -> Path | None:
    """The file or folder that a learner names, seen from where they are or from the checkout."""
    if argument.startswith("-"):
        return None
    return next((p.resolve() for p in (Path(argument), root / argument) if p.exists()), None)


def trust(environment: Environment) -> Path:
    """Sign the chapters, so that JupyterLab shows what is live in them; returns where that is kept.

    Signed is the content: a copy that is not edited is trusted, and so is what is saved from it.
    """
    folder = environment.folder / "trust"
    try:
        folder.mkdir(exist_ok=True)
        noted = folder / "signed"
        chapters = {
            hashlib.sha256(path.read_bytes()).hexdigest(): path
            for path in (environment.root / "notebooks").glob("*.ipynb")
        }
        known = noted.read_text().split() if noted.exists() else []
        new = [path for name, path in chapters.items() if name not in known]
        command = [environment.python, ROOT / "tools/sign.py", folder, *new]
        if new and answer(command) is not None:
            noted.write_text("\n".join([*known, *chapters]))
    except OSError as error:
        say(f"The chapters could not be marked as trusted: {error}.")
    return folder


def open_log(path: Path) -> IO[bytes] | None:
    """A file for what JupyterLab says, begun anew when it is large; None where none can be made."""
    is_large = path.exists() and path.stat().st_size > 1e6
    try:  # it names the token, which is nobody else's business
        return open(
            path, "wb" if is_large else "ab", opener=lambda p, flags: os.open(p, flags, 0o600)
        )
    except OSError:
        return None
