"""Writes constraints.txt and constraints-oldest.txt: python run.py pins.

constraints.txt gets the versions installed here of everything that the requirements in
pyproject.toml bring in, constraints-oldest.txt the lower bound of every requirement.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OLDEST_PYTHON = PROJECT["requires-python"].removeprefix(">=")

PINNED = """\
# The versions that the tests passed with, of the requirements in pyproject.toml and of all that
# these need in turn.
# Remade by: python run.py test --versions newest && python run.py pins
# Packages that only another system needs are left to pip.
"""
OLDEST = """\
# The lower bound of every requirement in pyproject.toml, for: python run.py test --versions oldest
# Remade by: python run.py pins
"""


def read_requirements() -> list[Requirement]:
    """What pyproject.toml asks for, extras included."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(text) for requirements in lists for text in requirements]


def pin_installed(requirements: list[Requirement]) -> list[str]:
    """The requirements and all that they need on this system, each with its installed version."""
    pins: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        pins[name] = Version(version(name)).public  # torch 2.13.0+cpu is 2.13.0 elsewhere
        for needed in map(Requirement, requires(name) or []):
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}
            ):
                waiting.append(needed)
    return [f"{name}=={pins[name]}" for name in sorted(pins)]


def need_newer_python(pins: list[str]) -> list[str]:
    """The pins that the oldest Python of this book cannot install, such as Debian's 3.11.2."""
    needs = {pin: metadata(pin.split("==")[0])["Requires-Python"] or "" for pin in pins}
    return [
        f"{pin} needs Python {need}"
        for pin, need in needs.items()
        if not SpecifierSet(need).contains(OLDEST_PYTHON)
    ]


def pin_oldest(requirements: list[Requirement]) -> list[str]:
    """The requirements, each with its lower bound."""
    return sorted(str(requirement).replace(">=", "==") for requirement in requirements)


if __name__ == "__main__":
    requirements = read_requirements()
    if too_new := need_newer_python(pin_installed(requirements)):
        sys.exit(f"nothing written, install older versions first: {', '.join(too_new)}")
    for name, title, pins in [
        ("constraints.txt", PINNED, pin_installed(requirements)),
        ("constraints-oldest.txt", OLDEST, pin_oldest(requirements)),
    ]:
        (ROOT / name).write_text(title + "\n".join(pins) + "\n", encoding="utf-8")
        print(f"{name}: {len(pins)} versions")
