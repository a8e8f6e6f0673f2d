"""Verdicts in a real JupyterLab: read as text, broken between words, styled where not trusted."""

import json
import urllib.request

import pytest

CELLS = [
    "from mlteach import checks",
    'checks.Verdict(True, "4 public checks passed.")',
    """
checks.squared_distances(lambda x, y: x.new_zeros(len(x), len(y)).requires_grad_() + len(y))
""",
]
BOX = "[role=status], .jp-RenderedHTMLCommon > div"


@pytest.fixture(scope="module")
def verdicts(lab):
    lab.write("verdicts.ipynb", CELLS)
    lab.open("verdicts.ipynb")
    lab.run_all()
    return lab


def boxes(lab):
    """For each verdict: its text, and the styles that the page has computed for it."""
    lab.page.wait_for_selector(".jp-RenderedHTMLCommon table")
    return lab.page.evaluate(
        """() => [...document.querySelectorAll(".jp-OutputArea-output.jp-RenderedHTMLCommon")]
            .map((output) => {
                const box = output.firstElementChild;
                const style = getComputedStyle(box);
                const badge = getComputedStyle(box.querySelector("strong"));
                return {
                    text: output.innerText, border: style.borderLeft, wrap: style.overflowWrap,
                    colour: style.color, theme: getComputedStyle(output).color,
                    font: style.fontFamily, badge: badge.backgroundColor, letters: badge.color,
                    inside: box.scrollWidth <= output.clientWidth,
                };
            })"""
    )


def assert_styled(lab):
    passed, failed = boxes(lab)
    assert passed["text"].split() == ["✔", "Passed", "4", "public", "checks", "passed."]
    assert "✘ Not yet" in failed["text"]
    assert "Case 1 of 3: with 4 and 6 vectors." in failed["text"]
    assert passed["border"] == "5px solid rgb(26, 127, 55)"
    assert failed["border"] == "5px solid rgb(207, 34, 46)"
    for box in (passed, failed):
        assert box["wrap"] == "break-word"
        assert box["colour"] == box["theme"]
        assert "mono" not in box["font"]
        assert box["letters"] == "rgb(255, 255, 255)"
        assert box["badge"] in box["border"]
        assert box["inside"]


def test_a_verdict_is_a_box_with_words(verdicts):
    assert_styled(verdicts)


def test_its_text_has_the_colour_of_the_dark_theme(verdicts):
    theme = "(name) => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    verdicts.page.evaluate(theme, "JupyterLab Dark")
    try:
        verdicts.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        assert_styled(verdicts)
    finally:
        verdicts.page.evaluate(theme, "JupyterLab Light")
        verdicts.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")


def test_a_notebook_that_is_not_trusted_shows_the_same(verdicts):
    """Someone else's saved verdicts: JupyterLab drops what could be harmful, not the styles."""
    saved = verdicts.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
    )
    saved["metadata"].pop("signature", None)
    for cell in saved["cells"]:
        cell["metadata"].pop("trusted", None)
        for output in cell["outputs"]:
            output["metadata"] = {"not": "signed"}
    body = json.dumps({"type": "notebook", "format": "json", "content": saved}).encode()
    address = f"{verdicts.address}/api/contents/not_trusted.ipynb"
    urllib.request.urlopen(urllib.request.Request(address, data=body, method="PUT")).close()
    verdicts.open("not_trusted.ipynb")
    cells = "[...window.jupyterapp.shell.currentWidget.content.model.cells]"
    assert verdicts.page.evaluate(f"() => {cells}.map((cell) => cell.trusted)") == [False] * 3
    assert_styled(verdicts)
