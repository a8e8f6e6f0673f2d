"""The exporters that JupyterLab's menu and ``jupyter nbconvert`` offer.

JupyterLab's server imports this file at its start, but needs no PyTorch, which the package brings:
130 MB for each user. So the package is imported by the first export only.
"""

from __future__ import annotations

from nbconvert import Exporter


class ChapterPage(Exporter):
    """One html file that holds all it shows; see ``mlteach.course.exporters``."""

    export_from_notebook = "Page that needs no network"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb, resources=None, **options):
        """What the class of the same name in ``mlteach.course.exporters`` makes of it."""
        from mlteach.course import exporters

        made = getattr(exporters, type(self).__name__)(config=self.config)
        return made.from_notebook_node(nb, resources, **options)


class ChapterSlides(ChapterPage):
    """Slides in one html file."""

    export_from_notebook = "Slides that need no network"


class ChapterPdf(ChapterPage):
    """A PDF, printed by a browser."""

    export_from_notebook = "PDF that needs no TeX"
    output_mimetype = "application/pdf"
