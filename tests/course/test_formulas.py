"""Formulas become MathML, and nothing else does."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from mlteach.course.formulas import to_html, to_mathml

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_a_formula_in_a_line_and_one_in_its_own():
    """The two kinds differ in how large a sum is drawn."""
    page = BeautifulSoup(to_html(r"with $x_1 < \tau$ and $$\sum_{i=1}^N x_i$$"), "html.parser")
    inline, block = page.find_all("math")
    assert inline.get("display") is None
    assert block["display"] == "block"
    assert [part.name for part in block.munderover.find_all(recursive=False)] == [
        "mo",
        "mrow",
        "mi",
    ]
    assert inline.get_text() == "x1<τ"
    assert "$" not in page.get_text()


@pytest.mark.parametrize(
    ("tex", "parts"),
    [
        (r"\lVert q \rVert^2", ["msup"]),
        (r"\underbrace{a + b}_{\text{bring together}}", ["munder", "mtext"]),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", ["mtable", "mtr", "mtd"]),
        (r"\begin{cases} 1 & \text{same} \\ 0 & \text{else} \end{cases}", ["mtable", "mtext"]),
        (r"\operatorname{softmax}(z) \log \frac{\mathbf 1}{2}", ["mfrac"]),
        (r"\left( \sqrt{\bar x} \right)", ["msqrt", "mover"]),
    ],
)
def test_what_the_chapters_write(tex, parts):
    """Each construction has its element, and no command is left."""
    page = BeautifulSoup(to_mathml(tex, display=True), "html.parser")
    assert [part for part in parts if page.find(part) is None] == []
    assert not re.search(r"[\\&]", page.get_text())


@pytest.mark.parametrize(
    "text",
    ["it costs $5", r"from \$5 to \$6", "`$x$` is code", "```\na = '$x$'\n```", "    $x$ indented"],
)
def test_dollars_that_are_no_formula(text):
    """Amounts and code stay as they are."""
    page = BeautifulSoup(to_html(text), "html.parser")
    assert page.find("math") is None
    assert "$" in page.get_text()


def test_tex_that_is_not_understood_is_shown_and_named(caplog):
    """A reader sees the source, whoever exports sees a warning."""
    with caplog.at_level(logging.WARNING):
        assert to_mathml(r"\nosuchcommand < x", display=False) == (
            r"<code>\nosuchcommand &lt; x</code>"
        )
    assert r"\nosuchcommand" in caplog.text


def test_every_formula_of_every_chapter_is_understood(caplog):
    """No chapter has a formula that only MathJax could draw."""
    texts = [
        cell.source
        for path in CHAPTERS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
    ]
    pages = [BeautifulSoup(to_html(text), "html.parser") for text in texts]
    assert sum(len(page.find_all("math")) for page in pages) > 300
    assert caplog.messages == []
    for page in pages:
        for code in page.find_all(["code", "pre"]):
            code.decompose()
    assert [page.get_text() for page in pages if re.search(r"\$|\\[a-z]", page.get_text())] == []


def test_links_between_chapters():
    """A page leads to pages; paper, on which nothing lies beside it, to none."""
    text = "see [chapter 05](05_contrastive_loss.ipynb#top) and [a paper](https://arxiv.org)"
    assert 'href="05_contrastive_loss.html#top"' in to_html(text)
    on_paper = to_html(text, links=False)
    assert "chapter 05" in on_paper
    assert "ipynb" not in on_paper
    assert "arxiv.org" in on_paper


def test_folded_text_stays_inside_its_fold():
    """Markdown between html tags is not moved out of them."""
    text = "<details><summary>Why?</summary>\n\nBecause $x$.\n\n</details>"
    fold = BeautifulSoup(to_html(text), "html.parser").details
    assert fold.summary.get_text() == "Why?"
    assert "Because" in fold.p.get_text()
