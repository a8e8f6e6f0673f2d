"""The widgets of the chapters, and the ``Explorer`` that they share."""

from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers._core.side_by_side import SideBySide
from mlteach.explorers.episodes.episode_accuracy import EpisodeAccuracy
from mlteach.explorers.episodes.prototypes import Prototypes
from mlteach.explorers.evaluate.knn_vote import KnnVote
from mlteach.explorers.evaluate.labelled_classes import LabelledClasses
from mlteach.explorers.evaluate.layer_change import LayerChange
from mlteach.explorers.losses.circle import Circle
from mlteach.explorers.losses.similarity_matrix import SimilarityMatrix
from mlteach.explorers.losses.temperature import Temperature
from mlteach.explorers.maps.embedding_map import EmbeddingMap
from mlteach.explorers.maps.film import Film
from mlteach.explorers.maps.live_tsne import LiveTSNE
from mlteach.explorers.maps.map_and_matrix import MapAndMatrix
from mlteach.explorers.meta.context_points import ContextPoints
from mlteach.explorers.meta.curvature import Curvature
from mlteach.explorers.meta.inner_loop import InnerLoop
from mlteach.explorers.meta.learned_temperature import LearnedTemperature
from mlteach.explorers.meta.meta_rates import MetaRates
from mlteach.explorers.meta.reptile_path import ReptilePath
from mlteach.explorers.metric.pair_loss import PairLoss
from mlteach.explorers.metric.triplet_plane import TripletPlane
from mlteach.explorers.neighbours.recall_curve import RecallCurve
from mlteach.explorers.neighbours.search_plane import SearchPlane
from mlteach.explorers.pretext.jigsaw import Jigsaw
from mlteach.explorers.pretext.masked import Masked
from mlteach.explorers.selfsup.conveyor import Conveyor
from mlteach.explorers.selfsup.dino_switchboard import DINOSwitchboard
from mlteach.explorers.selfsup.future import Future
from mlteach.explorers.selfsup.melody import Melody
from mlteach.explorers.selfsup.switchboard import Switchboard
from mlteach.explorers.selfsup.zero_shot import ZeroShot
from mlteach.explorers.similarity.factor_matrix import FactorMatrix
from mlteach.explorers.similarity.retrieval import Retrieval
from mlteach.explorers.similarity.vectors import Vectors
from mlteach.explorers.training.live_training import LiveTraining
from mlteach.explorers.training.training_film import TrainingFilm
from mlteach.explorers.views.mixing import Mixing
from mlteach.explorers.views.views import Views
from mlteach.selfsup.queue_record import QueueRecord

__all__ = [
    "Circle",
    "ContextPoints",
    "Conveyor",
    "Curvature",
    "DINOSwitchboard",
    "EmbeddingMap",
    "EpisodeAccuracy",
    "Explorer",
    "FactorMatrix",
    "Film",
    "Future",
    "InnerLoop",
    "Jigsaw",
    "KnnVote",
    "LabelledClasses",
    "LayerChange",
    "LearnedTemperature",
    "LiveTSNE",
    "LiveTraining",
    "MapAndMatrix",
    "Masked",
    "Melody",
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
    "TrainingFilm",
    "TripletPlane",
    "Vectors",
    "Views",
    "ZeroShot",
]
