"""What several explorers ask of encodings, images and factors that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from mlteach.similarity import factor_groups


def check_rows(encodings: Mapping, images: Tensor, factors: Mapping) -> None:
    """Raises unless all of at least one encoding and one factor have a row for each image."""
    for kind, parts in (("encodings", encodings), ("factors", factors)):
        if not parts:
            raise ValueError(f"{kind} must have at least one entry, got none")
        for name, values in parts.items():
            if len(values) != len(images):
                given = f"one row for each of {len(images)} images, got {len(values)}"
                raise ValueError(f"{kind}[{name!r}] must have {given}")


def value_text(values: Tensor, index: int, names: Sequence[str] | None) -> str:
    """A factor's value of one image: the name of its group where there are names, or the number."""
    if names is not None:
        return names[int(factor_groups(values)[index])]
    value = values[index]
    return f"{value.item():.2f}" if value.is_floating_point() else str(value.item())
