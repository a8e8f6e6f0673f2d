"""Exported pages in a real browser that is cut off: formulas, folds, slides, and PDFs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from support.small_chapter import small_chapter

from mlteach.course.exporters import ChapterPage, ChapterPdf, ChapterSlides
from tools.machine import NO_BROWSER, find_browser

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
WIDTH = {"a4": 210 - 34, "letter": 215.9 - 34}  # of the text, in millimetres
CUT_OFF = """() => [...document.querySelectorAll("main *")]
    .filter((part) => part.getBoundingClientRect().right > innerWidth + 1
        && part.getBoundingClientRect().width > 0)
    .map((part) => `${part.tagName} ${part.textContent.slice(0, 60)}`)"""


@pytest.fixture
def show(browser, tmp_path):
    """Opens html from a file, and afterwards asserts that nothing else was asked for."""
    asked, said = [], []
    context = browser.new_context(viewport={"width": 1366, "height": 768}, offline=True)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def open_page(html: str):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        page.goto(path.as_uri())
        return page

    yield open_page
    context.close()
    others = [url for url in asked if not url.startswith(("data:", tmp_path.as_uri()))]
    assert (others, said) == ([], [])


def chapter(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", ["00_welcome", "05_contrastive_loss"])
def test_a_page_without_a_network(show, name):
    """Every figure is there, every formula is drawn, every answer folded, nothing too wide."""
    page = show(ChapterPage().from_notebook_node(chapter(name))[0])
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 100)")
    assert page.evaluate("document.images.length") >= 2
    drawn = page.evaluate(
        """[...document.querySelectorAll("math")]
        .map((math) => math.getBoundingClientRect().height)"""
    )
    assert drawn
    assert min(drawn) > 5
    assert page.locator("details[open]").count() == 0
    solution = page.locator(".celltag_solution pre").first
    assert not solution.is_visible()
    page.locator(".celltag_solution summary").first.click()
    assert solution.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_formulas_are_laid_out(show):
    """A fraction is higher than its parts, the columns of aligned lines begin below each other."""
    tex = r"$$\begin{aligned} a + b + c &= \frac{x}{y} \\ d &= e \end{aligned}$$"
    notebook = small_chapter()
    notebook.cells = notebook.cells[:1]
    notebook.cells[0].source = tex
    page = show(ChapterPage().from_notebook_node(notebook)[0])
    boxes = page.evaluate(
        """["mfrac", "mfrac mi", "mtr:nth-child(1) mtd:nth-child(1) mi:last-of-type",
            "mtr:nth-child(2) mtd:nth-child(1) mi", "mtr:nth-child(1) mtd:nth-child(2) mo",
            "mtr:nth-child(2) mtd:nth-child(2) mo"]
        .map((name) => document.querySelector(name).getBoundingClientRect().toJSON())"""
    )
    fraction, part, c, d, equals, below = boxes
    assert fraction["height"] > 1.8 * part["height"]
    assert abs(c["right"] - d["right"]) < 4
    assert abs(equals["left"] - below["left"]) < 1


def test_slides_by_keys_and_buttons(show):
    """Steps appear one by one, back and forth, and the address keeps the place."""
    page = show(ChapterSlides().from_notebook_node(small_chapter())[0])
    place, seen = page.locator("#place"), page.locator(".step:visible")
    assert (place.text_content(), seen.count()) == ("1 / 4", 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    page.keyboard.press(" ")
    assert (place.text_content(), seen.count()) == ("3 / 4", 2)
    page.locator("#back").click()
    page.locator("#back").click()
    assert place.text_content() == "2 / 4"
    page.locator("#on").click()
    page.keyboard.press("End")
    assert (place.text_content(), seen.count()) == ("4 / 4", 1)
    page.reload()
    assert place.text_content() == "4 / 4"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert place.text_content() == "1 / 4"


@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize("name", ["small", "00_welcome", "05_contrastive_loss"])
def test_nothing_is_cut_at_the_edge_of_the_paper(show, name, paper):
    """Code wraps and formulas fit at the width that is left between the margins."""
    notebook = small_chapter() if name == "small" else chapter(name)
    page = show(ChapterPdf(paper=paper).to_print(notebook)[0])
    page.set_viewport_size({"width": int(WIDTH[paper] / 25.4 * 96), "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate(CUT_OFF) == []


@pytest.fixture(scope="module")
def pdf() -> bytes:
    """The small chapter on paper; there is no such test without a browser."""
    if find_browser() is None:
        pytest.fail(NO_BROWSER, pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLTEACH_BROWSER", find_browser())
        return ChapterPdf().from_notebook_node(small_chapter())[0]


def test_a_pdf_with_several_pages(pdf):
    """A PDF of A4 pages with text that readers of screens can follow; the end is a new page."""
    assert pdf.startswith(b"%PDF")
    sizes = {
        tuple(map(float, box)) for box in re.findall(rb"MediaBox \[0 0 ([\d.]+) ([\d.]+)", pdf)
    }
    assert {(round(width), round(height)) for width, height in sizes} == {(595, 842)}
    assert len(re.findall(rb"/Type /Page\b", pdf)) >= 2
    assert b"/StructTreeRoot" in pdf
    assert b"a figure told by its text" in pdf or b"/Alt" in pdf
