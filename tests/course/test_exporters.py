"""Pages and slides hold all they show; a PDF needs a browser, and says so where there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import get_exporter
from support.small_chapter import small_chapter
from traitlets.config import Config

import mlteach_jupyter
from mlteach.course import exporters, printing
from mlteach.course.exporters import ChapterPage, ChapterPdf, ChapterSlides

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def page_of(exporter, notebook=None) -> BeautifulSoup:
    """The page of the small chapter, or of another notebook; a warning is an error."""
    make = exporter.to_print if isinstance(exporter, ChapterPdf) else exporter.from_notebook_node
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return BeautifulSoup(make(notebook or small_chapter())[0], "html.parser")


@pytest.mark.parametrize("exporter", [ChapterPage(), ChapterSlides(), ChapterPdf()])
def test_a_page_needs_nothing_from_elsewhere(exporter):
    """No script, style, font or figure has an address; the page's own policy allows none."""
    page = page_of(exporter)
    sources = [part[name] for name in ("src", "srcset", "data") for part in page(attrs={name: 1})]
    sources += [part["src"] for part in page(src=True)]
    assert {source.partition(",")[0] for source in sources} == {"data:image/png;base64"}
    assert page.find("link") is None
    assert not re.search(r"@import|url\(", "".join(style.text for style in page("style")))
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


@pytest.mark.parametrize("exporter", [ChapterPage(), ChapterSlides(), ChapterPdf()])
def test_every_figure_tells_what_it_shows(exporter):
    """The alternative text of the metadata, quotes and all, or that of the output."""
    texts = [image["alt"] for image in page_of(exporter)("img")]
    assert texts == ["a figure told by its text", 'loss 1.5 at "temperature" 0.1']


def test_the_page_of_a_chapter():
    """Title, formulas, folds, links and the explorer's line."""
    page = page_of(ChapterPage())
    assert page.title.text == "99 · A small chapter"
    assert len(page("math")) == 3
    folds = {fold.summary.text: fold for fold in page("details")}
    assert set(folds) == {"Answer", "Why?", "Hint 1", "Solution", "For teachers"}
    assert not any(fold.has_attr("open") for fold in folds.values())
    assert "it is 7" in folds["Answer"].text
    assert "passed" in folds["Solution"].text
    assert "guess()" not in folds["Answer"].text
    assert "In the notebook this figure moves." in page.text
    assert "Saved figure" not in page.text
    assert page.find("a", string="05")["href"] == "05_contrastive_loss.html"
    assert "It costs $5" in page.text


def test_the_page_for_students():
    """What gives the answers is nowhere in the file."""
    page = page_of(ChapterPage(student=True))
    assert not re.search("it is 7|def mine\\(\\): right|passed|An hour", str(page))
    assert "Use norm" in page.text


def test_the_page_for_paper():
    """The order of the parts; sizes of paper; hints are open at the end."""
    page = page_of(ChapterPdf(paper="letter"))
    assert "size: letter" in page.style.text
    assert page.text.index("Exercise 1") < page.text.index("Hints, solutions")
    assert page.text.index("Hints, solutions") < page.text.index("it is 7")
    shut = [fold.summary.text for fold in page("details") if not fold.has_attr("open")]
    assert shut == ["Why?"]
    addresses = {part.get("id") for part in page(id=True)}
    links = [link["href"] for link in page("a")]
    assert len(links) == 5
    assert {link.removeprefix("#") for link in links} <= addresses


def test_slides_are_sections_with_steps():
    """One section a slide, one part a step, nothing that is skipped."""
    page = page_of(ChapterSlides())
    assert [len(section(class_="step")) for section in page("section")] == [1, 1, 5, 2]
    assert "Hint 1" not in page.text
    assert "assert True" not in page.text


def test_the_same_notebook_gives_the_same_page():
    """Nothing random, no date: a changed file was changed by somebody."""
    for exporter in (ChapterPage, ChapterSlides):
        assert str(page_of(exporter())) == str(page_of(exporter()))
    assert str(page_of(ChapterPdf())) == str(page_of(ChapterPdf()))


def test_the_notebook_stays_as_it_was():
    """An exporter works on a copy."""
    notebook = small_chapter()
    page_of(ChapterPdf(student=True), notebook)
    page_of(ChapterSlides(), notebook)
    assert notebook == small_chapter()


@pytest.mark.parametrize("name", ["00_welcome", "05_contrastive_loss"])
def test_chapters(name):
    """Every figure has its text, nothing asks to run a cell, no formula is left in TeX."""
    notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
    page = page_of(ChapterPage(), notebook)
    assert len(page("img")) >= 2
    assert [image for image in page("img") if len(image.get("alt", "")) < 10] == []
    assert not page.find(class_="mlteach-saved")
    paper = page_of(ChapterPdf(), notebook)
    last = paper.find(id="end")
    assert last.find_previous(class_="celltag_solution") is None
    assert last.find_next(class_="celltag_solution") is not None


def test_jupyter_offers_them():
    """Each is an entry point, by a name that the server's addresses allow: no hyphen."""
    offered = PROJECT["entry-points"]["nbconvert.exporters"]
    assert list(offered) == ["chapter_page", "chapter_pdf", "chapter_slides"]
    for address in offered.values():
        exporter = get_exporter(address.replace(":", "."))
        ours = getattr(exporters, exporter.__name__)
        assert exporter.output_mimetype == ours.output_mimetype
        assert exporter.export_from_notebook


def test_jupyter_makes_the_same_page():
    """With the settings of the command line, and its own kind of file."""
    config = Config({"ChapterPage": {"student": True}})
    html, resources = mlteach_jupyter.ChapterPage(config=config).from_notebook_node(small_chapter())
    assert html == ChapterPage(student=True).from_notebook_node(small_chapter())[0]
    assert resources["output_extension"] == ".html"
    _, resources = mlteach_jupyter.ChapterSlides().from_notebook_node(small_chapter())
    assert resources["output_extension"] == ".slides.html"


def test_jupyter_waits_for_no_torch():
    """The server lists all exporters at its start; PyTorch would cost each user 130 MB."""
    code = "import sys, mlteach_jupyter\nassert 'torch' not in sys.modules, 'torch'"
    paths = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    subprocess.run([sys.executable, "-c", code], check=True, env=paths, timeout=120)


def test_without_a_browser_a_pdf_is_refused_in_words(monkeypatch):
    """nbconvert shows the sentence of this error, not a traceback."""
    monkeypatch.delenv("MLTEACH_BROWSER", raising=False)
    monkeypatch.setattr(printing.shutil, "which", lambda name: None)
    with pytest.raises(printing.PrintError, match=r"install Chromium, Chrome or Edge, or set"):
        ChapterPdf().from_notebook_node(small_chapter())


def test_a_browser_that_fails_is_named(monkeypatch, tmp_path):
    """What it said itself is passed on."""
    monkeypatch.setenv("MLTEACH_BROWSER", str(tmp_path / "missing"))
    with pytest.raises(printing.PrintError, match=r"missing made no PDF"):
        printing.print_pdf("<p>Hello</p>")
