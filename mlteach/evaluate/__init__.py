"""Is a representation any good? Neighbours, probes, few labels, few shots, collapse meters."""

from mlteach.evaluate.classify import classify
from mlteach.evaluate.features import accuracy, features, with_statistics
from mlteach.evaluate.few_labels import Curve, few_label_curve, stratified_sample
from mlteach.evaluate.few_shots import (
    adapted_accuracy,
    confidence_interval,
    few_shot_accuracy,
    prototype_accuracies,
)
from mlteach.evaluate.knn import (
    cosine_neighbours,
    knn_accuracy,
    knn_votes,
    nearest_neighbour_accuracy,
)
from mlteach.evaluate.meters import effective_rank, feature_std, linear_cka, spectrum
from mlteach.evaluate.probe import Classifier, fine_tune, linear_classifier, linear_probe

__all__ = [
    "Classifier",
    "Curve",
    "accuracy",
    "adapted_accuracy",
    "classify",
    "confidence_interval",
    "cosine_neighbours",
    "effective_rank",
    "feature_std",
    "features",
    "few_label_curve",
    "few_shot_accuracy",
    "fine_tune",
    "knn_accuracy",
    "knn_votes",
    "linear_cka",
    "linear_classifier",
    "linear_probe",
    "nearest_neighbour_accuracy",
    "prototype_accuracies",
    "spectrum",
    "stratified_sample",
    "with_statistics",
]
