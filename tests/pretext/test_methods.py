"""What the methods compute, what moves, and that nothing hidden is seen."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from support.numbers import generator, normal
from torch import nn

from mlteach import pretext
from mlteach.networks import AverageAndMaxPool, mlp
from mlteach.pretext import (
    Jigsaw,
    MaskedLatents,
    MaskedReconstruction,
    RelativePosition,
    Rotation,
    hide,
    random_mask,
)
from mlteach.training import fit


def seeded(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().double()


def rows(d_in=12, d=5):
    return nn.Sequential(nn.Flatten(), nn.Linear(d_in, d), nn.Tanh())


def a_map():
    """(B, 1, 8, 8) -> (B, 6, 4, 4)."""
    return nn.Sequential(nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.Tanh())


def back():
    return nn.ConvTranspose2d(6, 1, 2, stride=2)


def make_rotation():
    return seeded(lambda: Rotation(rows(), nn.Linear(5, 4)))


def make_position():
    return seeded(lambda: RelativePosition(rows(), nn.Linear(10, 8)))


def make_jigsaw():
    return seeded(lambda: Jigsaw(rows(), nn.Linear(20, 6)))


def make_reconstruction(**options):
    return seeded(lambda: MaskedReconstruction(a_map(), back(), **options))


def make_latents(**options):
    return seeded(lambda: MaskedLatents(a_map(), nn.Conv2d(6, 6, 1), **options))


def images(n=5):
    return normal(n, 1, 8, 8).sigmoid()


def a_mask(n=5, ratio=0.5):
    return random_mask(n, 4, ratio, generator=generator())


QUESTIONS = {
    "Rotation": (make_rotation, (normal(7, 3, 2, 2), torch.arange(7) % 4)),
    "RelativePosition": (
        make_position,
        (normal(7, 3, 2, 2), normal(7, 3, 2, 2, seed=1), torch.arange(7) % 8),
    ),
    "Jigsaw": (make_jigsaw, (normal(7, 4, 3, 2, 2), torch.arange(7) % 6)),
    "MaskedReconstruction": (make_reconstruction, (images(), a_mask())),
    "MaskedLatents": (make_latents, (images(), a_mask())),
}
every_method = pytest.mark.parametrize(("make", "question"), QUESTIONS.values(), ids=QUESTIONS)


def naive_cross_entropy(logits, labels):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total -= math.log(math.exp(row[label]) / sum(map(math.exp, row)))
    return total / len(labels)


def test_the_head_reads_the_parts_in_their_order():
    """Centre before neighbour, tile 0 before tile 1; one encoder for all."""
    method, (centre, neighbour, labels) = make_position(), QUESTIONS["RelativePosition"][1]
    h = torch.cat([method.encoder(centre), method.encoder(neighbour)], 1)
    loss, aux = method.loss(centre, neighbour, labels)
    assert loss.item() == pytest.approx(naive_cross_entropy(method.head(h), labels), rel=1e-12)
    torch.testing.assert_close(aux["logits"], method.head(h))
    method, (tiles, labels) = make_jigsaw(), QUESTIONS["Jigsaw"][1]
    h = torch.cat([method.encoder(tiles[:, i]) for i in range(4)], 1)
    loss, aux = method.loss(tiles, labels)
    assert loss.item() == pytest.approx(naive_cross_entropy(method.head(h), labels), rel=1e-12)
    torch.testing.assert_close(method.logits(tiles), method.head(h))
    hits = method.head(h).argmax(1) == labels
    assert aux["accuracy"].item() == pytest.approx(hits.double().mean().item())


def test_rotation_is_cross_entropy():
    method, (x, labels) = make_rotation(), QUESTIONS["Rotation"][1]
    loss, _ = method.loss(x, labels)
    expected = naive_cross_entropy(method.head(method.encoder(x)), labels)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "classes"), [("Rotation", 4), ("RelativePosition", 8), ("Jigsaw", 6)]
)
def test_who_cannot_tell_pays_the_logarithm(name, classes):
    make, question = QUESTIONS[name]
    method = make()
    nn.init.zeros_(method.head.weight)
    nn.init.ones_(method.head.bias)
    assert method.loss(*question)[0].item() == pytest.approx(math.log(classes))


def test_only_hidden_pixels_count():
    """The definition, pixel by pixel."""
    x, mask = images(), a_mask()
    method = make_reconstruction()
    painted = method.decoder(method.encoder(hide(x, mask)))
    hidden, visible = [], []
    for i in range(5):
        for r in range(8):
            for c in range(8):
                error = (painted[i, 0, r, c] - x[i, 0, r, c]).item() ** 2
                (hidden if mask[i, r // 2, c // 2] else visible).append(error)
    loss, aux = method.loss(x, mask)
    assert loss.item() == pytest.approx(sum(hidden) / len(hidden))
    assert aux["hidden"].item() == pytest.approx(sum(hidden) / len(hidden))
    assert aux["visible"].item() == pytest.approx(sum(visible) / len(visible))
    both, _ = make_reconstruction(everywhere=True).loss(x, mask)
    assert both.item() == pytest.approx((sum(hidden) + sum(visible)) / (8 * 8 * 5))


@pytest.mark.parametrize("make", [make_reconstruction, make_latents])
def test_the_network_does_not_see_what_is_hidden(make):
    """The loss's gradient goes to the weights; what is predicted does not depend on the answer."""
    x, mask = images(), a_mask()
    other = torch.where(hide(torch.zeros_like(x), mask, value=1) == 1, 1 - x, x)
    assert not other.equal(x)
    method = make()
    seen = hide(x, mask), hide(other, mask)
    assert seen[0].equal(seen[1])
    if isinstance(method, MaskedReconstruction):
        first, second = method.reconstruct(x, mask), method.reconstruct(other, mask)
        assert first.equal(second)
        assert first[hide(x, mask) == x].equal(x[hide(x, mask) == x])
        assert not first.equal(x)
    assert not method.loss(x, mask)[0].equal(method.loss(other, mask)[0])


def test_latents_are_compared_at_hidden_cells():
    """The definition, cell by cell, with the target's features standardised."""
    x, mask = images(), a_mask()
    method = make_latents()
    method.target = seeded(a_map, seed=7)
    z, p = method.target(x), method.predictor(method.encoder(hide(x, mask)))
    errors = []
    for i, r, c in mask.nonzero().tolist():
        cell = z[i, :, r, c]
        cell = (cell - cell.mean()) / torch.sqrt(cell.var(correction=0) + 1e-5)
        errors.append((p[i, :, r, c] - cell).square().mean().item())
    assert method.loss(x, mask)[0].item() == pytest.approx(sum(errors) / len(errors))


def test_a_cell_is_hidden_where_all_of_its_patches_are():
    x = images(1)
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[0, 2:5, 2:5] = True  # of the 4 x 4 map it covers one cell whole, and parts of three
    coarse = torch.zeros(1, 4, 4, dtype=torch.bool)
    coarse[0, 1, 1] = True
    method = make_latents()
    p = method.predictor(method.encoder(hide(x, mask)))
    z = F.layer_norm(method.target(x).movedim(1, 3), (6,))
    expected = (p.movedim(1, 3)[coarse] - z[coarse]).square().mean()
    assert method.loss(x, mask)[0].item() == pytest.approx(expected.item())
    mask[:] = False
    mask[0, 3:5, 3:5] = True
    with pytest.raises(ValueError, match="mask must hide a whole cell"):
        method.loss(x, mask)


def test_no_gradient_reaches_the_target_and_after_step_alone_moves_it():
    method = make_latents(decay=0.9)
    assert not any(p.requires_grad for p in method.target.parameters())
    nn.init.normal_(method.encoder[0].weight)
    before = copy.deepcopy(method.state_dict())
    loss, aux = method.loss(images(), a_mask())
    loss.backward()
    assert all(p.grad is None for p in method.target.parameters())
    assert all(p.grad is not None for p in method.encoder.parameters())
    assert all(method.state_dict()[key].equal(value) for key, value in before.items())
    method.after_step(aux)
    expected = 0.9 * before["target.0.weight"] + 0.1 * before["encoder.0.weight"]
    torch.testing.assert_close(method.target[0].weight.data, expected)
    changed = {k for k, v in method.state_dict().items() if not v.equal(before[k])}
    assert all(key.startswith("target.") for key in changed)


def test_the_meter_is_zero_for_a_collapsed_target():
    """Standardised over the channels, a constant map is the same in every cell."""
    method = make_latents()
    nn.init.zeros_(method.target[0].weight)
    assert method.loss(images(), a_mask())[1]["std"].item() == pytest.approx(0, abs=1e-9)
    assert make_latents().loss(images(), a_mask())[1]["std"].item() > 0.1


@every_method
def test_loss_moves_nothing_and_aux_has_no_gradient(make, question):
    method = make()
    before = copy.deepcopy(method.state_dict())
    loss, aux = method.loss(*question)
    assert loss.shape == ()
    assert loss.requires_grad
    assert not any(value.requires_grad for value in aux.values())
    assert all(method.state_dict()[key].equal(value) for key, value in before.items())


@every_method
def test_the_loss_has_the_right_gradient(make, question):
    method = make()
    name, weight = next(method.named_parameters())

    def loss_of(w):
        with torch.random.fork_rng():
            return torch.func.functional_call(_Loss(method), {f"method.{name}": w}, question)

    assert torch.autograd.gradcheck(loss_of, weight.detach().clone().requires_grad_())


class _Loss(nn.Module):
    def __init__(self, method):
        super().__init__()
        self.method = method

    def forward(self, *question):
        return self.method.loss(*question)[0]


@every_method
def test_encode_gives_the_representation(make, question):
    method = make()
    x = question[0] if question[0].dim() == 4 else question[0][:, 0]
    h = method.encode(x)
    assert h.dim() == 2
    if hasattr(method, "pool"):
        assert h.equal(AverageAndMaxPool()(method.encoder(x)))
    else:
        assert h.equal(method.encoder(x))


@every_method
def test_fit_trains_it_and_the_loss_falls(make, question):
    method = make()
    run = fit(method, lambda _: question, steps=60, lr=lambda step: 1e-2, progress=False)
    losses = run.history["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_networks_that_do_not_fit_are_named():
    tiles = torch.rand(2, 4, 3, 2, 2)
    with pytest.raises(ValueError, match="head cannot take inputs"):
        Jigsaw(rows(), mlp(12, 3)).loss(tiles, torch.zeros(2, dtype=torch.long))
    with pytest.raises(
        ValueError, match="head must give a logit for each .* got 3 for labels up to 3"
    ):
        Rotation(rows(), nn.Linear(5, 3)).loss(tiles[:, 0], torch.tensor([3, 0]))
    x, mask = torch.rand(2, 1, 8, 8), torch.ones(2, 4, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match="decoder must give images"):
        MaskedReconstruction(a_map(), nn.Conv2d(6, 1, 1)).loss(x, mask)
    with pytest.raises(ValueError, match="encoder must give"):
        MaskedReconstruction(nn.Flatten(), back()).loss(x, mask)
    with pytest.raises(ValueError, match="predictor must give a map"):
        MaskedLatents(a_map(), nn.Conv2d(6, 5, 1)).loss(x, mask)
    with pytest.raises(ValueError, match="mask must hide"):
        MaskedReconstruction(a_map(), back()).loss(x, ~mask)
    with pytest.raises(ValueError, match="of one shape"):
        RelativePosition(rows(), nn.Linear(10, 8)).loss(x, x[:, :, :4], torch.zeros(2).long())


def test_an_empty_batch_has_no_loss():
    method = pretext.Rotation(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), nn.Linear(2, 4))
    with pytest.raises(ValueError, match="labels must be at least one, got none"):
        method.loss(*pretext.rotate(torch.zeros(0, 1, 2, 2)))


def test_an_array_is_no_mask():
    with pytest.raises(TypeError, match="mask must be a tensor, got ndarray"):
        pretext.hide(torch.zeros(1, 1, 4, 4), torch.ones(1, 2, 2).numpy())


def test_a_mask_coarser_than_the_map_is_told_what_is_missing():
    method = pretext.MaskedLatents(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1))
    mask = torch.tensor([[[True, False], [False, False]]])
    with pytest.raises(ValueError, match="for each of 4 x 4 cells of the map, got 2 x 2"):
        method.loss(torch.rand(1, 1, 4, 4), mask)
