"""What the book needs of the machine itself: a browser for the tests, and on Debian its packages.

Standard library only, because run.py uses it before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

BROWSERS = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
]
USUAL_PLACES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
]
NO_DRIVER = (
    "Playwright, which drives the browser of the tests, does not start. "
    "On Debian or Ubuntu: sudo apt install libatomic1"
)
NO_BROWSER = (
    "no browser for the tests: install Chromium (Debian: sudo apt install chromium), Chrome or "
    "Edge, or set MLTEACH_BROWSER to the path of one."
)
WHERE_IS_CHROMIUM = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""
DOWNLOAD_SECONDS = 300
# what NVIDIA's driver for Linux brings; WSL has it in a place of its own
NVIDIA_PLACES = [
    "/proc/driver/nvidia",
    "/dev/nvidia0",
    "/dev/nvidiactl",
    "/usr/lib/wsl/lib/nvidia-smi",
]


def has_nvidia_driver() -> bool:
    """Whether PyTorch's CUDA build for Linux could be of use here."""
    return bool(shutil.which("nvidia-smi")) or any(Path(p).exists() for p in NVIDIA_PLACES)


def find_browser() -> str | None:
    """The browser named by MLTEACH_BROWSER, or one on the path, or one in the usual places."""
    named = os.environ.get("MLTEACH_BROWSER")
    candidates = [named] if named else [shutil.which(name) for name in BROWSERS] + USUAL_PLACES
    return next((name for name in candidates if name and Path(name).exists()), None)


def get_browser(python: Path, folder: Path) -> str | None:
    """One that is there, else Playwright's own in this folder, else the system's from its packages.

    Args:
        python: of the environment that has Playwright.
        folder: what is downloaded goes here, and is found here again.
    """
    found = find_browser()
    if found or os.environ.get("MLTEACH_BROWSER"):
        return found
    found = playwrights_browser(python, folder)
    if found is None and install_packages("chromium"):
        found = find_browser()
    return found if found and starts(found) else None


def playwrights_browser(python: Path, folder: Path) -> str | None:
    """Playwright's Chromium, downloaded unless it is there; None without network or libraries."""
    variables = os.environ | {
        "PLAYWRIGHT_BROWSERS_PATH": str(folder),
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "5000",  # milliseconds
    }
    quiet = {"env": variables, "stderr": subprocess.DEVNULL}
    install = [python, "-m", "playwright", "install", "--no-shell", "chromium"]
    print("No browser found; trying Playwright's own.", flush=True)
    try:
        subprocess.run(install, check=True, timeout=DOWNLOAD_SECONDS, **quiet)
        answer = subprocess.run(
            [python, "-c", WHERE_IS_CHROMIUM], check=True, stdout=subprocess.PIPE, **quiet
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        print("Playwright's own browser cannot be downloaded here.", flush=True)
        return None
    path = os.fsdecode(answer.stdout).strip()
    return path if starts(path) else None


def starts(browser: str) -> bool:
    """Whether a browser that was just fetched has the libraries that it needs."""
    # on Windows it has them, and would open a window
    return os.name == "nt" or runs([browser, "--headless", "--no-sandbox", "--version"])


def has_driver(python: Path) -> bool:
    """Whether Playwright starts: it brings a Node, which needs a library that bare Debian lacks."""
    command = [python, "-m", "playwright", "--version"]
    return runs(command) or (install_packages("libatomic1") and runs(command))


def runs(command: list[str | Path]) -> bool:
    """Whether a command that answers at once can be started and succeeds."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install_packages(*names: str) -> bool:
    """Install packages of Debian or a system made from it, where this is allowed without asking."""
    if not shutil.which("apt-get"):
        return False
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and not shutil.which("sudo"):
        return False
    print(f"Installing with apt-get: {', '.join(names)}.", flush=True)
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    update = [*apt, "update", "-qq"]
    install = [*apt, "install", "-y", "-qq", "--no-install-recommends", *names]
    return all(subprocess.run(command).returncode == 0 for command in (update, install))
