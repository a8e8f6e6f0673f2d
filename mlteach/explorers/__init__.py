"""The widgets of the chapters, and the ``Explorer`` that they share."""

from mlteach.explorers.base import Explorer, Pointer
from mlteach.explorers.circle import Circle
from mlteach.explorers.pair_loss import PairLoss
from mlteach.explorers.retrieval import Retrieval
from mlteach.explorers.similarity import FactorMatrix
from mlteach.explorers.similarity_matrix import SimilarityMatrix
from mlteach.explorers.temperature import Temperature
from mlteach.explorers.triplet import TripletPlane
from mlteach.explorers.vectors import Vectors

__all__ = [
    "Circle",
    "Explorer",
    "FactorMatrix",
    "PairLoss",
    "Pointer",
    "Retrieval",
    "SimilarityMatrix",
    "Temperature",
    "TripletPlane",
    "Vectors",
]
