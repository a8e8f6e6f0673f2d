"""Maps of an embedding: principal components, and t-SNE in its exact form.

Both are small enough to be read and steered. t-SNE keeps all N x N pairs, so use up to about 2,000
points; for more, scikit-learn's ``TSNE`` approximates.
"""

from mlteach.maps.principal_components import PCA, pca
from mlteach.maps.tsne import (
    START_SPREAD,
    affinities,
    conditional_affinities,
    kl_divergence,
    student_t,
    tsne,
    tsne_film,
    tsne_gradient,
    tsne_path,
)

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
