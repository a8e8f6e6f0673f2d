"""Encodings, images and factors that do not belong together are refused; grey is dark ink."""

import numpy as np
import pytest
import torch

from mlteach.explorers import FactorMatrix, Retrieval


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(count=24, channels=3):
    return random(count, channels, 8, 8, seed=1).sigmoid()


def factors(count=24):
    return {"shape": torch.arange(count) % 3, "size": random(count, seed=2)}


def encodings(count=24):
    """One encoding that knows the shape and one that knows nothing."""
    knowing = torch.eye(3)[torch.arange(count) % 3] + 0.1 * random(count, 3, seed=3)
    return {"knowing": knowing, "blind": random(count, 6, seed=4)}


@pytest.mark.parametrize("maker", [FactorMatrix, Retrieval])
def test_rows_that_do_not_fit_are_refused(maker):
    """The message names the entry that has a row too few."""
    short = {"a": random(23, 4)}
    with pytest.raises(
        ValueError, match=r"encodings\['a'\] must have one row for each of 24 images, got 23"
    ):
        maker(short, pictures(), factors())
    with pytest.raises(ValueError, match=r"factors\['a'\] must have one row"):
        maker(encodings(), pictures(), {"a": torch.arange(5)})
    with pytest.raises(ValueError, match="encodings must have at least one entry"):
        maker({}, pictures(), factors())
    with pytest.raises(ValueError, match="factors must have at least one entry"):
        maker(encodings(), pictures(), {})


@pytest.mark.parametrize("maker", [FactorMatrix, Retrieval])
def test_grey_pictures_are_shown_as_dark_ink(maker):
    """One channel works as well as three."""
    grey = pictures(channels=1)
    explorer = maker(encodings(), grey, factors())
    assert explorer.images.shape == (24, 8, 8, 3)
    assert np.allclose(explorer.images[..., 0], 1 - grey[:, 0].numpy())
    assert explorer.canvas.problem == ""
