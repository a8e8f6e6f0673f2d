"""What becomes of a chapter outside a notebook: a page, slides or a PDF, without any network.

JupyterLab's menu and ``jupyter nbconvert`` find these classes by way of ``mlteach_jupyter``.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from traitlets import Bool, Enum, Unicode, default
from traitlets.config import Config

from mlteach.course.cells import HEADING, for_paper, prepare
from mlteach.course.formulas import to_html
from mlteach.course.printing import print_pdf
from mlteach.course.slides import arrange

TEMPLATES = Path(__file__).parent / "templates"


class ChapterPage(HTMLExporter):
    """One html file that holds all it shows: figures, formulas, folded hints and solutions."""

    student = Bool(False, help="Leave out solutions, answers and notes for teachers.").tag(
        config=True
    )
    template_name = Unicode("chapter").tag(config=True, affects_template=True)
    template_file = Unicode("page.html.j2").tag(config=True, affects_template=True)
    exclude_anchor_links = Bool(False).tag(config=True)

    @default("extra_template_basedirs")
    def _default_extra_template_basedirs(self) -> list[str]:
        return [str(TEMPLATES)]

    @property
    def default_config(self) -> Config:
        """Shows a figure rather than its text, and never a live widget."""
        config = super().default_config
        config.NbConvertBase.display_data_priority = [
            "text/html",
            "text/markdown",
            "image/svg+xml",
            "image/png",
            "image/jpeg",
            "text/latex",
            "text/plain",
        ]
        return config

    def default_filters(self):
        """nbconvert's, and the one that the template calls for text."""
        yield from super().default_filters()
        yield "to_html", self.to_html

    def to_html(self, markdown: str, cell: NotebookNode, resources: dict[str, Any]) -> str:
        """A text of this cell as html, its formulas as MathML."""
        return to_html(
            markdown,
            links=not resources.get("paper"),
            attachments=cell.get("attachments", {}),
            path=resources["metadata"]["path"],
            exclude_anchor_links=self.exclude_anchor_links,
        )

    def arrange(self, notebook: NotebookNode) -> None:
        """Change a copy of the notebook into what the template shows."""
        prepare(notebook, student=self.student)

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options
    ) -> tuple[Any, dict[str, Any]]:
        """The page, as text or, where a class says so, as bytes, and nbconvert's resources."""
        nb = copy.deepcopy(nb)
        self.arrange(nb)
        resources = {**(resources or {})}
        headings = [found for cell in nb.cells for found in HEADING.findall(cell.source)]
        resources["title"] = headings[0] if headings else "Notebook"
        return super().from_notebook_node(nb, resources, **options)


class ChapterSlides(ChapterPage):
    """Slides in one html file: arrow keys, Page Up and Page Down, or two buttons move them."""

    template_file = Unicode("slides.html.j2").tag(config=True, affects_template=True)
    exclude_anchor_links = Bool(True).tag(config=True)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".slides.html"

    def arrange(self, notebook: NotebookNode) -> None:
        """Order the cells into slides too."""
        super().arrange(notebook)
        arrange(notebook)


class ChapterPdf(ChapterPage):
    """A PDF for paper: hints, solutions and answers stand at its end. It needs a browser."""

    export_from_notebook = "PDF that needs no TeX"
    output_mimetype = "application/pdf"

    paper = Enum(["a4", "letter"], "a4", help="The size of the paper.").tag(config=True)
    exclude_anchor_links = Bool(True).tag(config=True)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".pdf"

    def arrange(self, notebook: NotebookNode) -> None:
        """Move what gives the answers to the end."""
        super().arrange(notebook)
        for_paper(notebook)

    def to_print(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options
    ) -> tuple[str, dict[str, Any]]:
        """The page as it is printed, before it is a PDF."""
        resources = {**(resources or {}), "paper": self.paper}
        return super().from_notebook_node(nb, resources, **options)

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options
    ) -> tuple[bytes, dict[str, Any]]:
        """The PDF.

        Raises:
            PrintError: there is no browser, or it failed.
        """
        html, resources = self.to_print(nb, resources, **options)
        return print_pdf(html), resources
