"""Maps of an embedding: principal components, t-SNE in its exact form, and UMAP.

All are small enough to be read and steered. t-SNE and UMAP keep all N x N pairs, so use up to about
2,000 points; for more, scikit-learn's ``TSNE`` and umap-learn approximate.
"""

from mlteach.maps.placing import place
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
from mlteach.maps.umap import curve_parameters, fuzzy_graph, umap, umap_loss

__all__ = [
    "PCA",
    "START_SPREAD",
    "affinities",
    "conditional_affinities",
    "curve_parameters",
    "fuzzy_graph",
    "kl_divergence",
    "pca",
    "place",
    "student_t",
    "tsne",
    "tsne_film",
    "tsne_gradient",
    "tsne_path",
    "umap",
    "umap_loss",
]
