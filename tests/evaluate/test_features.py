"""Features of images, and the statistics of an untrained network."""

from __future__ import annotations

import pytest
import torch
from support.numbers import normal32
from torch import nn

from mlteach import evaluate
from mlteach.networks import conv_encoder

IMAGES = normal32(60, 3, 8, 8) * 0.1 + 0.7


def an_encoder():
    torch.manual_seed(0)
    return conv_encoder(3, widths=(4, 8), out_features=6)


def test_statistics_are_those_of_the_images_layer_by_layer():
    """In one batch, evaluation mode then gives what training mode gives, but for n - 1."""
    encoder = an_encoder()
    filled = evaluate.with_statistics(encoder, IMAGES, batch_size=60)
    expected = encoder.train()(IMAGES)
    found = evaluate.features(filled, IMAGES)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert not torch.allclose(evaluate.features(an_encoder(), IMAGES), expected, atol=0.1)


def test_statistics_are_the_average_over_batches_of_any_size():
    norm = nn.BatchNorm1d(5)
    x = normal32(31, 5) * 3 + 2
    filled = evaluate.with_statistics(nn.Sequential(norm), x, batch_size=10)[0]
    batches = x.split(10)[:3]  # the last has one row, hence no variance
    means = torch.stack([batch.mean(0) for batch in batches])
    variances = torch.stack([batch.var(0) for batch in batches])
    torch.testing.assert_close(filled.running_mean, means.mean(0))
    torch.testing.assert_close(filled.running_var, variances.mean(0))
    assert filled.momentum == norm.momentum


def test_nothing_else_moves():
    """Not the encoder, not the copy's weights and modes, not the random numbers of a dropout."""
    encoder = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 4), nn.BatchNorm1d(4))
    encoder[1].eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    state = torch.get_rng_state()
    filled = evaluate.with_statistics(encoder, IMAGES)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    for old, new in zip(encoder.parameters(), filled.parameters(), strict=True):
        assert torch.equal(old, new)
    assert [part.training for part in filled] == [True, False, True, True]


def test_a_network_without_batch_norm_stays_what_it_is():
    encoder = conv_encoder(3, widths=(4, 8), norm="group")
    filled = evaluate.with_statistics(encoder, IMAGES)
    found, expected = (evaluate.features(network, IMAGES) for network in (filled, encoder))
    assert torch.equal(found, expected)


def test_one_image_has_no_variance():
    with pytest.raises(ValueError, match="images must be two or more, got 1"):
        evaluate.with_statistics(an_encoder(), IMAGES[:1])
    with pytest.raises(ValueError, match="batch_size"):
        evaluate.with_statistics(an_encoder(), IMAGES, batch_size=1)
