"""Lets torchvision be imported beside a PyTorch that its compiled part does not fit."""

from __future__ import annotations

import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder

import torch

# torchvision describes these two to PyTorch while it is imported, whether or not its compiled part
# defined them.
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")


def repair() -> bool:
    """Declare the two box operators that torchvision's import needs, where they are missing.

    A torchvision built for CUDA beside a PyTorch built for the CPU fails with "operator
    torchvision::nms does not exist". Models, transforms and data sets never call these operators,
    so that declaring them is enough; calling one still fails. With matching builds nothing is
    declared.

    Returns:
        Whether the operators had to be declared.
    """
    if hasattr(torch.ops.torchvision, "nms"):
        return False
    compiled_part = _find_compiled_part()
    if compiled_part is None or _loads(compiled_part):
        return False
    for name in _OPERATORS:
        torch.library.define(f"torchvision::{name}", _SCHEMA)
    return True


def _find_compiled_part() -> str | None:
    """The path of torchvision's compiled operators, found without importing torchvision."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.submodule_search_locations is None:
        return None
    finder = FileFinder(
        package.submodule_search_locations[0], (ExtensionFileLoader, EXTENSION_SUFFIXES)
    )
    module = finder.find_spec("_C")
    return None if module is None else module.origin


def _loads(library: str) -> bool:
    """Whether PyTorch can load the library, which is also what torchvision does first."""
    try:
        torch.ops.load_library(library)
    except OSError:
        return False
    return True
