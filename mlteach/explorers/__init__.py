"""The widgets of the chapters, and the ``Explorer`` that they share."""

from mlteach.explorers.base import Explorer, Pointer
from mlteach.explorers.circle import Circle
from mlteach.explorers.similarity_matrix import SimilarityMatrix
from mlteach.explorers.temperature import Temperature

__all__ = ["Circle", "Explorer", "Pointer", "SimilarityMatrix", "Temperature"]
