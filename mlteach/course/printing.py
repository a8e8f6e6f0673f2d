"""Pages printed to PDF by a browser that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from nbconvert.utils.exceptions import ConversionException

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge"]
NO_BROWSER = (
    "There is no browser to print a PDF with: install Chromium, Chrome or Edge, or set the "
    "environment variable MLTEACH_BROWSER to the path of one."
)
SECONDS = 120
# at its start a browser looks for updates, but an export must not leave this machine
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
QUIET += ["--disable-quic", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND"]


class PrintError(ConversionException):
    """No PDF could be made; the message says why and what helps."""


def find_browser() -> str | None:
    """The browser named by MLTEACH_BROWSER, which run.py sets, else one on the path."""
    named = os.environ.get("MLTEACH_BROWSER")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def print_pdf(html: str) -> bytes:
    """The PDF of a page that needs nothing but itself; its own CSS says the size of the paper.

    Raises:
        PrintError: no browser was found, or it made no PDF.
    """
    browser = find_browser()
    if browser is None:
        raise PrintError(NO_BROWSER)
    with tempfile.TemporaryDirectory(prefix="mlteach-", ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, encoding="utf-8")
        command = [browser, "--headless", "--disable-gpu", *QUIET]
        command.append(f"--user-data-dir={folder}/profile")
        command += ["--no-pdf-header-footer", "--generate-pdf-document-outline"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses root with it
        command += [f"--print-to-pdf={printed}", page.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PrintError(f"{browser} made no PDF: {error}") from error
        if not printed.exists():
            raise PrintError(f"{browser} made no PDF: {done.stderr.decode(errors='replace')}")
        return printed.read_bytes()
