"""The widgets of the chapters, and the ``Explorer`` that they share."""

from mlteach.explorers.base import Explorer, Pointer
from mlteach.explorers.circle import Circle
from mlteach.explorers.embedding_map import EmbeddingMap
from mlteach.explorers.film import Film
from mlteach.explorers.pair_loss import PairLoss
from mlteach.explorers.recall_curve import RecallCurve
from mlteach.explorers.retrieval import Retrieval
from mlteach.explorers.search_plane import SearchPlane
from mlteach.explorers.similarity import FactorMatrix
from mlteach.explorers.similarity_matrix import SimilarityMatrix
from mlteach.explorers.temperature import Temperature
from mlteach.explorers.triplet import TripletPlane
from mlteach.explorers.vectors import Vectors

__all__ = [
    "Circle",
    "EmbeddingMap",
    "Explorer",
    "FactorMatrix",
    "Film",
    "PairLoss",
    "Pointer",
    "RecallCurve",
    "Retrieval",
    "SearchPlane",
    "SimilarityMatrix",
    "Temperature",
    "TripletPlane",
    "Vectors",
]
