"""The package works where it is installed from a wheel, without this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent
USE_IT = """
from pathlib import Path
import mlteach, mlteach.explorers
from mlteach.data import glyphs
folder = Path(mlteach.__file__).parent
assert list(folder.rglob("canvas.js")) and list(folder.rglob("canvas.css"))
assert (folder / "py.typed").is_file()
assert list(folder.rglob("page.html.j2")) and list(folder.rglob("slides.js"))
assert (folder.parent / "mlteach_jupyter.py").is_file()
print(folder, len(glyphs("all")))
"""


@pytest.mark.slow
def test_the_wheel_has_what_the_package_reads(tmp_path):
    """Built, unpacked and imported elsewhere: all parts are there, nothing of the checkout."""
    source, installed, empty = (tmp_path / name for name in ("source", "installed", "empty"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mlteach", source / "mlteach", ignore=ignored)
    for name in ["labconfig", "labextensions"]:
        shutil.copytree(ROOT / name, source / name)
    for name in ["pyproject.toml", "README.md", "LICENSE", "mlteach_jupyter.py"]:
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*build, "-w", str(tmp_path), str(source)], check=True)
    with ZipFile(*tmp_path.glob("mlteach-*.whl")) as wheel:
        wheel.extractall(installed)
    (data,) = installed.glob("mlteach-*.data/data")
    for name in ["etc/jupyter/labconfig", "share/jupyter/labextensions/mlteach/static"]:
        assert list((data / name).iterdir())
    empty.mkdir()
    shown = subprocess.run(
        [sys.executable, "-c", USE_IT],
        cwd=empty,
        env=os.environ | {"PYTHONPATH": str(installed), "MLTEACH_DATA": str(empty)},
        capture_output=True,
        text=True,
    )
    assert shown.stderr == ""
    assert shown.stdout.split() == [str(installed / "mlteach"), str(20 * 886)]
    assert list(empty.iterdir()) == []
