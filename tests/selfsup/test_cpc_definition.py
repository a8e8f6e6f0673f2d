"""CPC and NextFrame from the papers' formulas, in plain loops; what they see; hand values."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from mlteach.mistakes import mistakes_in
from mlteach.mistakes.selfsup import cpc
from mlteach.selfsup import CPC, NextFrame

BATCH, TIME, INPUTS, FEATURES, CONTEXT, STEPS, HORIZON = 3, 9, 4, 5, 6, 2, 4
NEGATIVES = ("all", "batch", "sequence", "later")
every_kind = pytest.mark.parametrize("negatives", NEGATIVES)


def networks(seed=0):
    """Encoder of each frame by itself, and a GRU, in float64; the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = nn.Sequential(nn.Linear(INPUTS, 8), nn.Tanh(), nn.Linear(8, FEATURES))
        return encoder.double(), nn.GRU(FEATURES, CONTEXT, batch_first=True).double()


def make(negatives="all", **options):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        options = {"steps": STEPS, "horizon": HORIZON} | options
        method = CPC(*networks(), negatives=negatives, **options)
        method.double()
    for forecast in method.forecasts:
        forecast.weight.data *= 3  # so that the candidates differ
    return method


def sequences(batch=BATCH, time=TIME, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, time, INPUTS, generator=generator, dtype=torch.float64)


def moments(negatives, step):
    """The moments at which a loss is taken."""
    return range(TIME - (HORIZON if negatives == "later" else step))


def candidates(negatives, b, t, step):
    """(sequence, frame) of all that are compared, the right one among them."""
    return {
        "all": [(i, j) for i in range(BATCH) for j in range(step, TIME)],
        "batch": [(i, t + step) for i in range(BATCH)],
        "sequence": [(b, j) for j in range(TIME)],
        "later": [(b, t + 1 + j) for j in range(HORIZON)],
    }[negatives]


def score(method, z, c, place, b, t, step):
    """z^T W_k c, number by number: Eq. (3) of the paper, of which the logarithm is taken."""
    weight = method.forecasts[step - 1].weight
    return sum(
        z[place][d] * weight[d, e] * c[b, t, e] for d in range(FEATURES) for e in range(CONTEXT)
    )


def naive(method, x, negatives):
    """Eq. (4): for each step its losses and whether the right frame is the best, one a moment."""
    z = method.encoder(x)
    c = method.context(z)[0]
    losses, hits = {}, {}
    for step in range(1, method.steps + 1):
        losses[step], hits[step] = [], []
        for b in range(BATCH):
            for t in moments(negatives, step):
                places = candidates(negatives, b, t, step)
                right = score(method, z, c, (b, t + step), b, t, step)
                others = [p for p in places if p != (b, t + step)]
                assert len(others) == len(places) - 1
                wrong = [score(method, z, c, place, b, t, step) for place in others]
                total = sum(torch.exp(s - right) for s in wrong)
                losses[step].append(torch.log(1 + total))
                hits[step].append(all(right > s for s in wrong))
    return losses, hits


def mean(values):
    return sum(values) / len(values)


@every_kind
def test_the_loss_is_its_definition_in_value_and_gradient(negatives):
    method, x = make(negatives), sequences()
    losses, hits = naive(method, x, negatives)
    expected = mean([mean(of_step) for of_step in losses.values()])
    loss, aux = method.loss(x)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    assert aux["loss"].tolist() == pytest.approx([mean(v).item() for v in losses.values()])
    assert aux["accuracy"].tolist() == pytest.approx([mean(v) for v in hits.values()])
    sizes = [len(candidates(negatives, 0, 0, step)) for step in (1, 2)]
    assert aux["candidates"].tolist() == sizes
    assert not aux["loss"].requires_grad
    weights = list(method.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(loss, weights), torch.autograd.grad(expected, weights)
    )


def test_the_paper_s_candidates_are_the_default():
    """Of which more are better: all frames of the batch."""
    assert CPC(*networks()).negatives == "all"


@pytest.mark.parametrize("mistake", mistakes_in(cpc.cpc_loss), ids=str)
def test_a_mistake_in_the_loss_would_be_seen(mistake):
    """It gives another number than the method with negatives of the same sequence."""
    method, x = make("sequence"), sequences()
    z, c = method.frames(x)
    weights = torch.stack([forecast.weight for forecast in method.forecasts])
    loss, _ = method.loss(x)
    assert cpc.cpc_loss(c, z, weights).item() == pytest.approx(loss.item(), rel=1e-10)
    assert mistake(c, z, weights).item() != pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.parametrize("step", [1, 2])
def test_scores_are_the_products_with_the_frames_that_follow(step):
    method, x = make(), sequences()
    z, c = method.frames(x)
    scores = method.scores(x, step)
    assert scores.shape == (BATCH, TIME - HORIZON, HORIZON)
    for b, t, j in torch.cartesian_prod(*map(torch.arange, scores.shape)).tolist():
        expected = score(method, z, c, (b, t + 1 + j), b, t, step)
        assert scores[b, t, j].item() == pytest.approx(expected.item(), abs=1e-12)


def test_the_right_column_of_the_scores_is_the_one_that_later_trains():
    method, x = make("later"), sequences()
    losses = [-method.scores(x, step).log_softmax(-1)[..., step - 1].mean() for step in (1, 2)]
    assert method.loss(x)[0].item() == pytest.approx(mean(losses).item(), rel=1e-12)


# What is seen


def test_no_context_sees_the_future():
    """A frame that changes changes its own context and later ones, and no earlier one."""
    method, x = make(), sequences().requires_grad_()
    _, c = method.frames(x)
    for t in range(TIME):
        (gradient,) = torch.autograd.grad(c[:, t].sum(), x, retain_graph=True)
        seen = gradient.abs().sum((0, 2)) > 0
        assert seen.tolist() == [frame <= t for frame in range(TIME)]


def test_a_context_that_reads_backwards_is_refused():
    encoder, _ = networks()
    with pytest.raises(ValueError, match="context must have"):
        CPC(encoder, nn.GRU(FEATURES, 4, batch_first=True, bidirectional=True))
    with pytest.raises(ValueError, match="context must have"):
        CPC(encoder, nn.GRU(FEATURES, 4))


@pytest.mark.parametrize("negatives", ["sequence", "later"])
def test_other_sequences_are_no_negatives(negatives):
    """The loss of a batch is the mean of the losses of its sequences."""
    method, x = make(negatives), sequences()
    alone = [method.loss(one[None])[0].item() for one in x]
    assert method.loss(x)[0].item() == pytest.approx(mean(alone), rel=1e-10)


@pytest.mark.parametrize("negatives", ["all", "batch"])
def test_other_sequences_are_negatives(negatives):
    method, x = make(negatives), sequences()
    alone = [method.loss(one[None])[0].item() for one in x]
    assert method.loss(x)[0].item() > mean(alone) + 0.1
    if negatives == "batch":
        assert alone == pytest.approx([0] * BATCH, abs=1e-12)


@every_kind
def test_the_order_of_the_sequences_does_not_matter(negatives):
    method, x = make(negatives), sequences()
    assert method.loss(x)[0].item() == pytest.approx(method.loss(x[[2, 0, 1]])[0].item(), rel=1e-12)


def test_later_frames_alone_cannot_be_told_by_what_was_heard():
    """All frames after the first are alike: only among "sequence" is the heard first one told."""
    x = sequences(time=1).repeat(1, TIME, 1)
    x[:, 0] += 1
    method = make("later")
    assert method.loss(x)[0].item() == pytest.approx(math.log(HORIZON), rel=1e-10)
    method.negatives = "sequence"
    assert method.loss(x)[0].item() != pytest.approx(math.log(TIME), abs=1e-3)


# Hand values


@every_kind
def test_a_collapsed_network_guesses(negatives):
    method = make(negatives)
    for forecast in method.forecasts:
        nn.init.zeros_(forecast.weight)
    loss, aux = method.loss(sequences())
    sizes = aux["candidates"].double()
    assert loss.item() == pytest.approx(sizes.log().mean().item(), rel=1e-12)
    assert aux["loss"].tolist() == pytest.approx(sizes.log().tolist())
    assert aux["accuracy"].tolist() == [0, 0]  # a tie is no hit


class Known(nn.GRU):
    """A context that is the frame itself: it remembers nothing and needs no training."""

    def forward(self, z, *_):
        return z, None


def test_frames_that_sound_alike_set_the_floor_of_the_loss():
    """A round of three one-hot notes, foretold with certainty: log of how often the note comes."""
    notes = torch.arange(TIME) % 3
    x = nn.functional.one_hot(notes, 3).double()[None]
    method = CPC(nn.Identity(), Known(3, 3, batch_first=True), steps=2, horizon=5).double()
    for step, forecast in enumerate(method.forecasts, 1):
        # the note so many steps later
        forecast.weight.data = 50 * torch.eye(3, dtype=torch.float64).roll(step, 0)
    method.negatives = "sequence"
    loss, aux = method.loss(x)
    assert loss.item() == pytest.approx(math.log(3), abs=1e-9)
    assert aux["accuracy"].tolist() == [0, 0]
    method.negatives = "later"
    loss, aux = method.loss(x)  # of 5 frames, two notes come twice and one once
    assert aux["loss"].tolist() == pytest.approx([math.log(2), math.log(2)], abs=1e-9)


def test_who_knows_the_next_frame_reaches_zero():
    """Frames that are all different, and a matrix that knows which follows which."""
    x = torch.eye(TIME, dtype=torch.float64)[None]
    method = CPC(nn.Identity(), Known(TIME, TIME, batch_first=True), steps=1, horizon=3).double()
    method.forecasts[0].weight.data = 60 * torch.eye(TIME, dtype=torch.float64).roll(1, 0)
    for method.negatives in NEGATIVES:
        loss, aux = method.loss(x)
        assert loss.item() == pytest.approx(0, abs=1e-9)
        assert aux["accuracy"].tolist() == [1]


# What is kept and given


@pytest.mark.parametrize("summary", ["mean", "last"])
def test_encode_gives_the_mean_or_the_last_context(summary):
    method, x = make(summary=summary), sequences()
    _, c = method.frames(x)
    expected = c.mean(1) if summary == "mean" else c[:, -1]
    torch.testing.assert_close(method.encode(x), expected)


def test_the_loss_moves_nothing_and_state_is_complete():
    method, x = make(), sequences()
    before = copy.deepcopy(method.state_dict())
    loss, aux = method.loss(x)
    method.after_step(aux)
    assert all(before[name].equal(value) for name, value in method.state_dict().items())
    other = make()
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    other.load_state_dict(method.state_dict())
    assert other.loss(x)[0].equal(loss)


@every_kind
def test_too_few_frames_are_refused(negatives):
    least = HORIZON if negatives == "later" else STEPS
    method = make(negatives)
    with pytest.raises(ValueError, match="frames"):
        method.loss(sequences(time=least))
    assert method.loss(sequences(time=least + 1))[0].isfinite()


def test_what_is_set_later_is_checked_at_the_next_step():
    method, x = make(), sequences()
    method.negatives = "Later"
    with pytest.raises(ValueError, match="negatives must be one of 'all', .*, got 'Later'"):
        method.loss(x)
    method.negatives, method.horizon = "later", STEPS - 1
    for call in (lambda: method.loss(x), lambda: method.scores(x, STEPS)):
        with pytest.raises(ValueError, match="horizon must be a whole number >= 2, got 1"):
            call()


# The rival that regresses


def test_next_frame_is_the_mean_squared_error_of_what_follows():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        method = NextFrame(*networks(), nn.Identity(), target_features=INPUTS, steps=STEPS).double()
    nn.init.normal_(method.bias)
    x = sequences()
    _, c = method.frames(x)
    losses = []
    for step in range(1, STEPS + 1):
        errors = []
        for b in range(BATCH):
            for t in range(TIME - step):
                guess = method.forecasts[step - 1].weight @ c[b, t] + method.bias
                errors += [(x[b, t + step, f] - guess[f]) ** 2 for f in range(INPUTS)]
        losses.append(mean(errors))
    loss, aux = method.loss(x)
    assert loss.item() == pytest.approx(mean(losses).item(), rel=1e-10)
    assert aux["loss"].tolist() == pytest.approx([part.item() for part in losses])
    weights = list(method.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(loss, weights), torch.autograd.grad(mean(losses), weights)
    )


def test_the_target_of_next_frame_gets_no_gradient():
    target = nn.Linear(INPUTS, 2).double()
    method = NextFrame(*networks(), target, target_features=2, steps=1).double()
    method.loss(sequences())[0].backward()
    assert all(parameter.grad is None for parameter in target.parameters())
