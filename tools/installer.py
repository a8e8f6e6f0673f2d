"""Runs pip quietly: a few lines of progress, a log of all it says, and what its failure means.

Standard library only, because run.py uses it before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tools.terminal import ask, say, stop

NEWEST_PYTHON = (3, 14)  # for which the pinned PyTorch has a build
LARGE = 50  # MB: a package that is worth a line of its own
SILENCE = 30  # seconds after which a line says that pip is still at work
# pip names a package before it fetches it; the CPU build of PyTorch has less than 200 MB
CUDA = re.compile(
    r"Collecting (nvidia|cuda|triton)\b"
    r"|\s*Downloading torch-\S+\.whl \(([4-9]\d\d|\d{4,})(\.\d+)? MB"
)
CUDA_WARNING = (
    "pip is about to fetch PyTorch's CUDA build, 2.7 GB, and this system has no NVIDIA driver that "
    'could use it. For the CPU build, 0.2 GB: choose "Pip" and "CPU" on PyTorch\'s own page "Start '
    'locally", set the environment variable PIP_EXTRA_INDEX_URL to the address in the command '
    "shown there, and call run.py again."
)
NO_NETWORK = re.compile(
    r"Retry\(total=0|Could not fetch URL|Read ?Time|Connect(ion|Timeout)Error|NewConnectionError"
    r"|NameResolution|ConnectionReset|IncompleteRead|ProtocolError|ProxyError|SSLError"
)
NO_BUILD = re.compile(r"No matching distribution found for ([\w.-]+)")
FAILED_BUILD = re.compile(r"(?:Failed to build|Failed building wheel for) ([\w.-]+)")
ERROR = re.compile(r"(?!error: subprocess-exited)(error|warning: retrying|[\w.]*error):", re.I)
FULL = re.compile(r"No space left on device|not enough space on the disk")


class NoBuildError(Exception):
    """A package has no build for this Python or this system."""


def install(command: list[str | Path], *, cwd: Path, log: Path, without_cuda: bool) -> bool:
    """Run a command of pip and say in a few lines how far it is.

    Args:
        command: pip's command line.
        cwd: where it runs.
        log: gets all that pip says.
        without_cuda: stop and ask before gigabytes are fetched that only a GPU needs.

    Returns:
        Whether pip succeeded; where not, its last errors stand in the terminal.
    """
    status = _run(command, cwd, log, stops_at=CUDA if without_cuda else None)
    if status is None:
        say(CUDA_WARNING)
        if not ask("Fetch the CUDA build all the same?"):
            stop("nothing was fetched.")
        status = _run(command, cwd, log)
    if status != 0:
        lines = [line.strip() for line in _read(log).splitlines() if line.strip()]
        errors = [line for line in lines if ERROR.match(line)]
        say("\n".join(f"  {line}" for line in (errors or lines)[-4:]))
    return status == 0


def _run(
    command: list[str | Path], cwd: Path, log: Path, stops_at: re.Pattern | None = None
) -> int | None:
    """pip's exit status; None where it was stopped at a line of this pattern."""
    start = time.monotonic()
    doing = "looking for the packages"
    pip = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | {"PIP_PROGRESS_BAR": "off", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    stopped = False
    with pip, log.open("w", encoding="utf-8") as file:
        for line in _lines(pip):
            if line is not None:
                file.write(line)
                file.flush()
            if line is not None and stops_at and stops_at.match(line):
                pip.terminate()
                stopped = True
            if stopped:
                continue
            if line is None or (news := describe(line)):
                doing, still = (doing, "still ") if line is None else (news, "")
                minutes, seconds = divmod(int(time.monotonic() - start), 60)
                say(f"  {minutes}:{seconds:02}  {still}{doing}")
    return None if stopped else pip.returncode


def _lines(process: subprocess.Popen) -> Iterator[str | None]:
    """The lines that a process prints, and None after each silence."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(ValueError):  # closed, because run.py was interrupted
            for line in process.stdout:
                lines.put(line)
        lines.put("")  # the end, as readline has it

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=SILENCE)
        except queue.Empty:
            yield None
            continue
        if line == "":
            return
        yield line


def describe(line: str) -> str | None:
    """What a line of pip's tells a learner who waits, if anything."""
    fetched = re.match(r"\s*Downloading (\w[\w.]*)-\S+ \((\d+)(?:\.\d+)? MB\)", line)
    if fetched and int(fetched[2]) >= LARGE:
        return f"fetching {fetched[1]} ({fetched[2]} MB)"
    if line.startswith("Installing collected packages:"):
        return f"unpacking {line.count(',') + 1} packages"
    return None


def explain(log: Path, python: tuple[int, int]) -> str:
    """Why pip failed, and what helps.

    Raises:
        NoBuildError: a package has none for this Python or this system; the text says which.
    """
    # a connection that was tried again may have come about
    lines = [
        line
        for line in _read(log).splitlines()
        if "Retrying (Retry(" not in line or "total=0" in line
    ]
    output = "\n".join(lines)
    everything = f"All that pip said is in {log.name}; the same command tries again."
    if FULL.search(output):
        return "pip failed, and the disk is full (4 GB are needed)."
    if NO_NETWORK.search(output):
        return f"pip failed: is the network there? {everything}"
    if found := NO_BUILD.search(output) or FAILED_BUILD.search(output):
        name = {"torch": "PyTorch"}.get(found[1].split("==")[0], found[1])
        version = ".".join(map(str, python))
        if python > NEWEST_PYTHON:
            newest = ".".join(map(str, NEWEST_PYTHON))
            raise NoBuildError(
                f"{name} has no build for Python {version} yet: use Python 3.11 to {newest}."
            )
        system = f"{platform.system()} {platform.machine()}"
        raise NoBuildError(f"{name} has no build for Python {version} on {system}. {everything}")
    return f"pip failed; its own words stand above. {everything}"


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
