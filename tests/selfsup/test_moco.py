"""MoCo: the paper's algorithm step by step, its queue, and the mistakes people make in it."""

from __future__ import annotations

import copy
from collections import deque

import pytest
import torch
import torch.nn.functional as F
from support.selfsup_cases import BATCH, OUTPUTS, make_moco, parts, sequential, trained, views
from torch import nn

from mlteach.mistakes import mistakes_in
from mlteach.mistakes.selfsup import moco_loss, moco_step
from mlteach.selfsup import MoCo

STEPS, LR = 5, 0.3


def naive_moco(queue, *, n_keys, decay, temperature):
    """The paper's Algorithm 1 with a list as queue; losses and the query network's weights."""
    encoder, projector, _ = parts()
    network = nn.Sequential(encoder, projector)
    slow = copy.deepcopy(network)
    queue, record = deque(queue, maxlen=n_keys), []
    for step in range(STEPS):
        x1, x2 = views(step)
        q = F.normalize(network(x1))
        k = F.normalize(slow(x2)).detach()
        loss = 0
        for i in range(len(q)):
            positive = (q[i] @ k[i] / temperature).exp()
            negatives = torch.stack([(q[i] @ n / temperature).exp() for n in queue])
            loss = loss - (positive / (positive + negatives.sum())).log() / len(q)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        for p, gradient in zip(network.parameters(), gradients, strict=True):
            p.data -= LR * gradient
        for s, p in zip(slow.parameters(), network.parameters(), strict=True):
            s.data = decay * s.data + (1 - decay) * p.data
        queue.extend(k)
        record.append(
            (
                loss.detach(),
                [p.detach().clone() for p in (*network.parameters(), *slow.parameters())],
            )
        )
    return record


def assert_moco(cls):
    """Loss and both encoders after each of five steps, over which the queue wraps twice."""
    for n_keys in (15, 12, BATCH):  # 15: the batches of 6 do not divide it
        options = {"n_keys": n_keys, "decay": 0.7, "temperature": 0.3}
        method = make_moco(cls, **options)
        expected = naive_moco(method.queue.clone(), **options)
        for (loss, state), (naive_loss, weights) in zip(
            trained(method, STEPS, LR), expected, strict=True
        ):
            names = [name for name, _ in method.encoder.named_parameters(prefix="encoder")]
            names += [name for name, _ in method.projector.named_parameters(prefix="projector")]
            names += [name for name, _ in method.key_encoder.named_parameters(prefix="key_encoder")]
            assert loss.item() == pytest.approx(naive_loss.item(), rel=1e-9)
            torch.testing.assert_close([state[name] for name in names], weights)


def test_moco_is_the_paper_s_algorithm():
    assert_moco(MoCo)


@pytest.mark.parametrize("mistake", mistakes_in(MoCo), ids=str)
def test_a_mistake_in_moco_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_moco(mistake.function)


def test_the_parts_of_the_mistakes_are_right():
    """So that each mistake is caught for what is wrong in it."""

    class InParts(MoCo):
        def loss(self, x1, x2):
            return moco_loss(self, sequential(self)(x1), self.key_encoder(x2))

        def after_step(self, aux):
            moco_step(self, aux)

    assert_moco(InParts)


# The queue


def keys(numbers):
    """Recognisable rows."""
    return torch.tensor(numbers, dtype=torch.float64)[:, None].expand(-1, OUTPUTS)


@pytest.mark.parametrize(("n_keys", "batch"), [(12, 4), (12, 5), (7, 7), (7, 6), (5, 1), (4, 3)])
def test_the_queue_is_first_in_first_out(n_keys, batch):
    """Over many wraps it holds the last n_keys keys and ages; batches need not divide it."""
    method = make_moco(n_keys=n_keys)
    expected = deque([(row.tolist(), None) for row in method.queue], maxlen=n_keys)
    for step in range(5 * n_keys // batch + 3):
        numbers = [float(batch * step + i) for i in range(batch)]
        method.after_step({"z2": keys(numbers)})
        expected.extend((row.tolist(), step) for row in keys(numbers))
        oldest_first = (method.pointer + torch.arange(n_keys)) % n_keys
        assert method.queue[oldest_first].tolist() == [row for row, _ in expected]
        ages = [-1 if born is None else step - born for _, born in expected]
        assert method.age[oldest_first].tolist() == ages


def test_batches_of_different_sizes_share_the_queue():
    method = make_moco(n_keys=7)
    expected = deque(maxlen=7)
    for first, size in ((0, 3), (3, 7), (10, 1), (11, 5), (16, 2)):
        numbers = [float(first + i) for i in range(size)]
        method.after_step({"z2": keys(numbers)})
        expected.extend(numbers)
    oldest_first = (method.pointer + torch.arange(7)) % 7
    assert method.queue[oldest_first, 0].tolist() == list(expected)
    assert method.age[oldest_first].tolist() == [2, 1, 1, 1, 1, 1, 0, 0][-7:]


def test_the_queue_starts_with_directions_of_no_image():
    """Unit vectors in all directions, of age -1, drawn from torch's global generator."""
    encoder, projector, _ = parts()
    torch.manual_seed(0)
    one = MoCo(encoder, projector, n_keys=4000)
    torch.manual_seed(0)
    assert one.queue.equal(MoCo(encoder, projector, n_keys=4000).queue)
    torch.testing.assert_close(
        one.queue.norm(dim=1), torch.ones(4000, dtype=projector[-1].weight.dtype)
    )
    assert one.queue.mean(0).norm() < 0.05  # 1 / sqrt(4000) = 0.016 on average
    assert one.age.eq(-1).all()


def test_keys_and_queue_get_no_gradient():
    """Only query encoder and projector are trained."""
    method = make_moco()
    loss, _ = method.loss(*views())
    loss.backward()
    assert all(p.grad is None for p in method.key_encoder.parameters())
    assert not method.queue.requires_grad
    assert all(
        p.grad is not None for p in (*method.encoder.parameters(), *method.projector.parameters())
    )


@pytest.mark.parametrize("decay", [0.0, 0.25, 0.9, 1.0])
def test_the_key_encoder_moves_by_the_formula(decay):
    """decay * itself + (1 - decay) * the query network: 1 stays, 0 copies."""
    method = make_moco(decay=decay)
    _, aux = method.loss(*views())
    for p in sequential(method).parameters():
        p.data.normal_(generator=torch.Generator().manual_seed(1))
    before = [p.clone() for p in method.key_encoder.parameters()]
    method.after_step(aux)
    expected = [
        decay * k + (1 - decay) * q
        for k, q in zip(before, sequential(method).parameters(), strict=True)
    ]
    torch.testing.assert_close(
        list(method.key_encoder.parameters()), [p.detach() for p in expected]
    )


def test_shuffling_a_whole_batch_changes_nothing():
    """Of shuffling: the keys of a permuted batch, put back in order, are the same keys."""
    method = make_moco()
    _, x2 = views()
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(0))
    shuffled = method.key_encoder(x2[order])[order.argsort()]
    torch.testing.assert_close(shuffled, method.key_encoder(x2))
