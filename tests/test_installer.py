"""tools/installer.py says how far pip is, asks before gigabytes, and knows why pip failed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools import installer, terminal

TORCH = "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl"
RETRY = (
    "WARNING: Retrying (Retry(total={}, connect=None, read=None, redirect=None, status=None)) "
    "after connection broken by 'NewConnectionError('<HTTPSConnection object>: Failed to "
    "establish a new connection: [Errno -3] Temporary failure in name resolution')': /torch/"
)
NOT_FOUND = (
    "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 "
    "(from versions: 2.15.0)\nERROR: No matching distribution found for torch==2.13.0"
)


@pytest.fixture
def pip(tmp_path):
    """Run a Python program that stands for pip, and return whether it succeeded."""

    def install(program: str, *, without_cuda: bool = True) -> bool:
        return installer.install(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            log=tmp_path / "log",
            without_cuda=without_cuda,
        )

    return install


def prints(*lines: str, status: int = 0) -> str:
    """A program that prints these lines, as pip would."""
    return f"import sys\nfor line in {lines!r}: print(line, flush=True)\nsys.exit({status})"


def test_pip_is_quiet_but_the_log_has_all(pip, tmp_path, capsys):
    """Of three hundred lines a learner sees those that take time."""
    small = [f"Collecting package-{i}" for i in range(300)]
    lines = [*small, f"{TORCH} (191.8 MB)", "Installing collected packages: torch, numpy, ä"]
    assert pip(prints(*lines))
    shown = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in shown] == [
        "0:00  fetching torch (191 MB)",
        "0:00  unpacking 3 packages",
    ]
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == lines


def test_a_long_silence_is_explained(pip, capsys, monkeypatch):
    """A learner who waits for minutes sees that pip is at work, and at what."""
    monkeypatch.setattr(installer, "SILENCE", 0.3)
    assert pip(f"import time\nprint('{TORCH} (191.8 MB)', flush=True)\ntime.sleep(1)")
    assert "still fetching torch (191 MB)" in capsys.readouterr().out


def test_a_failure_shows_the_errors(pip, capsys):
    """pip's own words stand in the terminal, not three hundred lines of them, nor its phrases."""
    many = [f"Collecting {i}" for i in range(300)]
    phrases = ["  error: subprocess-exited-with-error", "  exit code: 1", "", "  note: whatever"]
    assert not pip(prints(*many, "  ERROR: why", *phrases, status=1))
    assert capsys.readouterr().out == "  ERROR: why\n"
    assert not pip(prints(*many, "killed", "", status=1))
    assert capsys.readouterr().out.splitlines()[-2:] == ["  Collecting 299", "  killed"]


CUDA_SIGNS = [
    f"{TORCH} (526.6 MB)",
    "Collecting nvidia-cudnn-cu13==9.20.0.48 (from torch==2.13.0)",
    "Collecting cuda-toolkit[cublas]==13.0.3 (from torch==2.13.0)",
    "Collecting triton==3.7.1 (from torch)",
]


@pytest.mark.parametrize("sign", CUDA_SIGNS)
@pytest.mark.parametrize("answer", [True, False])
def test_asks_before_the_cuda_build(pip, tmp_path, capsys, monkeypatch, sign, answer):
    """At its first sign pip is stopped, before anything large has come; only a yes goes on."""
    questions = []
    monkeypatch.setattr(installer, "ask", lambda text: questions.append(text) or answer)
    program = (
        "import time\nfrom pathlib import Path\n"
        "is_first = not Path('tried').exists()\nPath('tried').touch()\n"
        f"print({sign!r}, flush=True)\n"
        "time.sleep(30 if is_first else 0)\nPath('fetched').touch()"
    )
    if answer:
        assert pip(program)
    else:
        with pytest.raises(SystemExit, match="nothing was fetched"):
            pip(program)
    assert len(questions) == 1
    assert (tmp_path / "fetched").exists() == answer
    shown = capsys.readouterr().out
    assert "2.7 GB" in shown
    assert "PIP_EXTRA_INDEX_URL" in shown


@pytest.mark.parametrize(
    "line",
    [
        f"{TORCH} (191.8 MB)",
        "  Downloading torch-2.6.0-cp311-none-macosx_11_0_arm64.whl (66.5 MB)",
        "  Downloading torchvision-0.28.0-cp311-manylinux_2_28_x86_64.whl (466.5 MB)",
        "Collecting torchvision==0.28.0 (from mlteach==0.1.0)",
        "Collecting tritonclient",
    ],
)
def test_the_cpu_build_comes_unasked(pip, capsys, line):
    """Nothing but the CUDA build is large, or brings NVIDIA's libraries."""
    assert pip(prints(line))
    assert "CUDA" not in capsys.readouterr().out


def test_with_a_driver_nothing_is_asked(pip, capsys):
    """There the CUDA build is the right one."""
    assert pip(prints(*CUDA_SIGNS), without_cuda=False)
    assert "NVIDIA" not in capsys.readouterr().out


def test_without_a_terminal_it_is_said_and_goes_on(pip, monkeypatch, capsys):
    """A server that sets the book up has nobody to ask."""
    monkeypatch.setattr(terminal.sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert pip(prints(*CUDA_SIGNS))
    assert "CPU build" in capsys.readouterr().out
    terminal.sys.stdin.close()
    monkeypatch.setattr(terminal.sys, "stdin", None)
    assert terminal.ask("?")


@pytest.mark.parametrize(
    ("typed", "means"), [("y", True), ("YES", True), ("", False), ("n", False)]
)
def test_only_yes_means_yes(monkeypatch, typed, means):
    """Enter alone fetches nothing."""
    monkeypatch.setattr(
        terminal.sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})()
    )
    monkeypatch.setattr("builtins.input", lambda question: typed)
    assert terminal.ask("Fetch?") is means


def explain(tmp_path: Path, *lines: str, python: tuple[int, int] = (3, 12)) -> str:
    log = tmp_path / ".venv.log"
    log.write_text("\n".join(lines), encoding="utf-8")
    return installer.explain(log, python)


def test_a_python_without_builds_is_told_so(tmp_path):
    """Not the network: the newest Pythons have no PyTorch for some months."""
    with pytest.raises(installer.NoBuildError) as told:
        explain(tmp_path, NOT_FOUND, python=(3, 15))
    assert str(told.value) == "PyTorch has no build for Python 3.15 yet: use Python 3.11 to 3.14."
    with pytest.raises(installer.NoBuildError, match=r"numpy has no build for Python 3\.15 yet"):
        explain(tmp_path, "error: subprocess", "ERROR: Failed to build numpy", python=(3, 15))


def test_a_system_without_builds_is_told_so(tmp_path):
    """A Mac with an Intel processor, say."""
    with pytest.raises(
        installer.NoBuildError, match=r"PyTorch has no build for Python 3\.12 on \w+"
    ):
        explain(tmp_path, NOT_FOUND)


def test_a_connection_that_came_about_is_not_blamed(tmp_path):
    """One retry that helped says nothing about why pip failed."""
    with pytest.raises(installer.NoBuildError):
        explain(tmp_path, RETRY.format(4), NOT_FOUND)


@pytest.mark.parametrize(
    "lines",
    [
        [RETRY.format(1), RETRY.format(0), NOT_FOUND.replace("2.15.0", "none")],
        ["pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='x')"],
        ["WARNING: Could not fetch URL x: There was a problem confirming the ssl certificate"],
        ["urllib3.exceptions.IncompleteRead: IncompleteRead(5 bytes read)"],
    ],
)
def test_a_missing_network_is_told_so(tmp_path, lines):
    """Also for a Python that may have no builds: without a network nobody knows."""
    for python in [(3, 12), (3, 15)]:
        text = explain(tmp_path, *lines, python=python)
        assert "is the network there?" in text
        assert ".venv.log" in text


def test_a_full_disk_and_the_unknown(tmp_path):
    """What is not understood is not guessed at."""
    full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    assert "the disk is full" in explain(tmp_path, full)
    text = explain(tmp_path, "Collecting networkx>=2.5.1", "ERROR: something new")
    assert "network" not in text
    assert ".venv.log" in text
