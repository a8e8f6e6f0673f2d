"""What a check found, and how a page and a terminal show it."""

from __future__ import annotations

import html
import re
import reprlib
from dataclasses import dataclass
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One number of a result beside the right one; the place is "" where there is only one."""

    place: str
    expected: str
    got: str


@dataclass(frozen=True)
class Verdict:
    """What a check found; a notebook shows it as html, a terminal as one to four lines.

    Args:
        passed: whether the answer is right.
        message: the diagnosis in one sentence; what stands in `backticks` is code.
        where: which of the calls showed it.
        entries: the first numbers that differ.
        printed: the first lines that the learner's function wrote meanwhile.
    """

    passed: bool
    message: str
    where: str = ""
    entries: tuple[Entry, ...] = ()
    printed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [f"{'✔' if self.passed else '✘'} {self.message}", self.where]
        lines.append(_capital("; ".join(_in_words(entry) for entry in self.entries)))
        if self.printed:
            lines.append(f"Your function printed: {' / '.join(self.printed)}")
        return "\n".join(one_line(line, LONGEST) for line in lines if line)

    def _repr_html_(self) -> str:
        colour, mark, word = (GREEN, "✔", "Passed") if self.passed else (RED, "✘", "Not yet")
        badge = (
            f'<strong style="{BADGE}; background-color: {colour}">'
            f'<span aria-hidden="true">{mark}</span> {word}</strong>'
        )
        parts = [f"<div>{badge} {_with_code(self.message)}</div>"]
        if self.where:
            parts.append(f'<div style="{BELOW}">{_with_code(self.where)}</div>')
        parts += _table(self.entries)
        if self.printed:
            lines = "\n".join(html.escape(one_line(line, LONGEST)) for line in self.printed)
            parts.append(f'<div style="{BELOW}">Your function printed:</div>')
            parts.append(f'<pre style="{PRINTED}">{lines}</pre>')
        box = f"border-left: 5px solid {colour}; {BOX}"
        return f'<div role="status" style="{box}">{"".join(parts)}</div>'


# Inline styles only: notebooks that are not trusted, and some pages, drop everything else. Text has
# the theme's own colour. The two colours below differ from white and from JupyterLab's dark
# background by at least 3 : 1, as a border must, and white on them by at least 4.5 : 1, as text.

GREEN, RED = "#1a7f37", "#cf222e"
BOX = (
    "margin: 2px 0; padding: 4px 12px; max-width: 760px; line-height: 1.5; "
    "font-family: var(--jp-content-font-family, system-ui, sans-serif); "
    "color: var(--jp-content-font-color1, inherit); "
    "white-space: normal; word-break: normal; overflow-wrap: break-word"
)
BADGE = (
    "color: #ffffff; font-weight: 600; padding: 1px 8px; margin-right: 4px; border-radius: 3px; "
    "white-space: nowrap"
)
BELOW = "margin-top: 4px"
NUMBERS = "margin: 6px 0; width: auto; border-collapse: collapse; text-align: right"
NUMBER = "padding: 2px 12px; text-align: right; white-space: nowrap"
PRINTED = "margin: 2px 0; padding: 0; white-space: pre-wrap; overflow-wrap: break-word"


def _table(entries: tuple[Entry, ...]) -> list[str]:
    if len(entries) == 1 and not entries[0].place:
        return [f'<div style="{BELOW}">{_with_code(_capital(_in_words(entries[0])))}</div>']
    if not entries:
        return []
    names = ("entry", "expected", "got")
    head = "".join(f'<th scope="col" style="{NUMBER}">{name}</th>' for name in names)
    rows = "".join(
        "<tr>"
        + "".join(f'<td style="{NUMBER}">{html.escape(one_line(part, 80))}</td>' for part in entry)
        + "</tr>"
        for entry in entries
    )
    table = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return [f'<table style="{NUMBERS}">{table}</table>']


def _in_words(entry: Entry) -> str:
    where = f"in entry {entry.place} " if entry.place else ""
    return f"{where}expected {entry.expected}, got {entry.got}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with_code(text: str) -> str:
    """Text as html: what stands in backticks is code, everything else is shown as it is."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(one_line(text, LONGEST)))


# --- what comes from a learner's objects ---------------------------------------------------------

LONGEST = 1000  # characters of a line


def one_line(text: str, limit: int = 200) -> str:
    """A text on one line of at most so many characters, without any that cannot be shown."""
    # a repr may have megabytes: what would be cut off anyway need not be cleaned
    words = text[: 4 * limit].split()
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(words))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def kind(value: Any) -> str:
    """The name of a value's class."""
    return one_line(type(value).__name__, 60)


def shown(value: Any, limit: int = 80) -> str:
    """The repr of anything, on one short line; not every object has one."""
    try:
        return one_line(reprlib.repr(value), limit)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a repr can raise anything, and a verdict must be shown
        return "one that cannot be shown"


def told(error: BaseException) -> str:
    """An error as Python reports it, but only the first line: "KeyError: 'label'"."""
    try:
        lines = [line for line in str(error).splitlines() if line.strip()]
    except KeyboardInterrupt:
        raise
    except BaseException:  # as above
        lines = []
    return ": ".join([kind(error), *map(one_line, lines[:1])])
