"""Maps of an embedding: principal components, and t-SNE in its exact form, small enough to be read
and steered.

A map keeps all N x N pairs, so use up to about 2,000 points; for more, scikit-learn's ``TSNE``
approximates.
"""

from mlteach.maps.descent import START_SPREAD, tsne, tsne_film, tsne_path
from mlteach.maps.divergence import kl_divergence, student_t, tsne_gradient
from mlteach.maps.neighbour_probabilities import affinities, conditional_affinities
from mlteach.maps.principal_components import PCA, pca

__all__ = [
    "PCA",
    "START_SPREAD",
    "affinities",
    "conditional_affinities",
    "kl_divergence",
    "pca",
    "student_t",
    "tsne",
    "tsne_film",
    "tsne_gradient",
    "tsne_path",
]
