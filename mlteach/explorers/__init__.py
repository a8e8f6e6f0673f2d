"""The widgets of the chapters, and the ``Explorer`` that they share."""

from mlteach.explorers.base import Explorer, Pointer
from mlteach.explorers.circle import Circle
from mlteach.explorers.conveyor import Conveyor, QueueRecord
from mlteach.explorers.curvature import Curvature
from mlteach.explorers.embedding_map import EmbeddingMap
from mlteach.explorers.episode_accuracy import EpisodeAccuracy
from mlteach.explorers.film import Film
from mlteach.explorers.inner_loop import InnerLoop
from mlteach.explorers.knn import KnnVote
from mlteach.explorers.layer_change import LayerChange
from mlteach.explorers.live_training import LiveTraining
from mlteach.explorers.meta_rates import MetaRates
from mlteach.explorers.mixing import Mixing
from mlteach.explorers.pair_loss import PairLoss
from mlteach.explorers.prototypes import Prototypes
from mlteach.explorers.recall_curve import RecallCurve
from mlteach.explorers.reptile_path import ReptilePath
from mlteach.explorers.retrieval import Retrieval
from mlteach.explorers.search_plane import SearchPlane
from mlteach.explorers.side_by_side import SideBySide
from mlteach.explorers.similarity import FactorMatrix
from mlteach.explorers.similarity_matrix import SimilarityMatrix
from mlteach.explorers.switchboard import Switchboard
from mlteach.explorers.temperature import Temperature
from mlteach.explorers.triplet import TripletPlane
from mlteach.explorers.vectors import Vectors
from mlteach.explorers.views import Views

__all__ = [
    "Circle",
    "Conveyor",
    "Curvature",
    "EmbeddingMap",
    "EpisodeAccuracy",
    "Explorer",
    "FactorMatrix",
    "Film",
    "InnerLoop",
    "KnnVote",
    "LayerChange",
    "LiveTraining",
    "MetaRates",
    "Mixing",
    "PairLoss",
    "Pointer",
    "Prototypes",
    "QueueRecord",
    "RecallCurve",
    "ReptilePath",
    "Retrieval",
    "SearchPlane",
    "SideBySide",
    "SimilarityMatrix",
    "Switchboard",
    "Temperature",
    "TripletPlane",
    "Vectors",
    "Views",
]
