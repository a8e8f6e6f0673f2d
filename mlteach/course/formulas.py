"""Markdown to html in which every formula is MathML, so that a page needs no MathJax."""

from __future__ import annotations

import re
from functools import cache
from html import escape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from traitlets.log import get_logger

CHAPTER_LINK = re.compile(r"[^:]*\.ipynb(#.*)?")


def to_mathml(tex: str, *, display: bool) -> str:
    """One formula as MathML; where its TeX is not understood, its source and a warning.

    Args:
        tex: without the dollars around it.
        display: whether it stands in a line of its own.
    """
    # not above: JupyterLab imports this module, and must start where only this package is missing
    from math_core import LatexError

    try:
        return _converter().convert_with_local_state(tex.strip(), displaystyle=display)
    except LatexError as error:
        get_logger().warning("this formula stays as it is: %s (%s)", tex.strip(), error)
        return f"<code>{escape(tex.strip())}</code>"


@cache
def _converter():
    from math_core import LatexToMathML

    return LatexToMathML(fancy_error=False)


class Renderer(IPythonRenderer):
    """Writes MathML for formulas, and links to the page of another chapter, not to its notebook.

    Args:
        links: whether other chapters lie beside this one; if not, their links become plain text.
        settings: nbconvert's.
    """

    def __init__(self, *, links: bool, **settings):
        super().__init__(escape=False, embed_images=True, **settings)
        self.links = links

    def block_html(self, html: str) -> str:
        """Html as it is: nbconvert would close a <details> before its text, to embed images."""
        return html

    def inline_html(self, html: str) -> str:
        """Html inside a line as it is."""
        return html

    def block_math(self, body: str) -> str:
        """A formula between double dollars."""
        return f'<span class="formula">{to_mathml(body, display=True)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        """A formula that is written as an environment, without dollars."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def inline_math(self, body: str) -> str:
        """A formula inside a line."""
        return to_mathml(body, display=False)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link, to another chapter's page if it is one to another chapter."""
        if CHAPTER_LINK.fullmatch(url):
            return super().link(text, url.replace(".ipynb", ".html"), title) if self.links else text
        return super().link(text, url, title)


def to_html(markdown: str, *, links: bool = True, **settings) -> str:
    """The html of a Markdown text, its formulas as MathML; the arguments are the Renderer's."""
    return MarkdownWithMath(renderer=Renderer(links=links, **settings)).render(markdown)
