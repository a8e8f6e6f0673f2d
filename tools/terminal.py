"""How run.py speaks to whoever called it, and how it calls other programs.

Standard library only, like all that run.py uses before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NoReturn


def say(text: str) -> None:
    print(text, flush=True)


def stop(reason: str) -> NoReturn:
    """End with one line that says what went wrong and what helps."""
    sys.exit(f"run.py: {reason}")


def ask(question: str) -> bool:
    """The answer to a question; yes where nobody is there to answer it."""
    if not sys.stdin or not sys.stdin.isatty():
        return True
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def call(command: list[str | Path], **options) -> int:
    """Run a command, its output going straight to the terminal, and return its exit status."""
    return subprocess.run([str(part) for part in command], check=False, **options).returncode


def answer(command: list[str | Path], **options) -> str | None:
    """What a command prints; None where it cannot be started or fails."""
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    try:
        done = subprocess.run([str(part) for part in command], check=False, **options)
    except OSError:  # it is missing or cannot be started
        return None
    return done.stdout.strip() if done.returncode == 0 else None
