"""Exact and approximate nearest-neighbour search: four indexes with one interface, and small codes.

None of them learns what is near: they find neighbours in a space that was learned elsewhere.
"""

from mlteach.neighbours.exact import ExactSearch
from mlteach.neighbours.graph import NeighbourGraph
from mlteach.neighbours.hashing import HashTables
from mlteach.neighbours.index import Index
from mlteach.neighbours.inverted_lists import InvertedLists, k_means
from mlteach.neighbours.product_quantiser import ProductQuantiser
from mlteach.neighbours.recall import Measured, measure, recall

__all__ = [
    "ExactSearch",
    "HashTables",
    "Index",
    "InvertedLists",
    "Measured",
    "NeighbourGraph",
    "ProductQuantiser",
    "k_means",
    "measure",
    "recall",
]
