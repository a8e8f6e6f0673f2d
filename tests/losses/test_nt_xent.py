"""NT-Xent: its definition, its properties, the memory of its chunks, and its mistakes."""

from __future__ import annotations

import math
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mlteach.losses import nt_xent
from mlteach.mistakes import mistakes_in


def normal(*shape, seed=0, dtype=torch.float64):
    """Normal random numbers, the same at every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def two_views(batch, dim, *, seed=0, noise=0.5):
    """Two noisy views, float64, at different scales."""
    image = normal(batch, dim, seed=seed)
    return 3 * (image + noise * normal(batch, dim, seed=seed + 1)), image + noise * normal(
        batch, dim, seed=seed + 2
    )


def cosine(u, v):
    """Cosine of two lists."""
    return sum(a * b for a, b in zip(u, v, strict=True)) / math.hypot(*u) / math.hypot(*v)


def naive_nt_xent(z1, z2, temperature):
    """Chen et al. 2020, Eq. (1) and Algorithm 1, one pair at a time."""
    z = z1.tolist() + z2.tolist()
    views, images = len(z), len(z1)
    total = 0.0
    for i in range(views):
        denominator = sum(
            math.exp(cosine(z[i], z[k]) / temperature) for k in range(views) if k != i
        )
        total -= math.log(
            math.exp(cosine(z[i], z[(i + images) % views]) / temperature) / denominator
        )
    return total / views


def assert_is_nt_xent(loss):
    """What NT-Xent has and its mistakes lack: value and gradient of the definition."""
    for batch, dim, temperature in [(2, 3, 0.5), (5, 4, 1.0), (6, 2, 0.05), (4, 3, 3.0)]:
        z1, z2 = two_views(batch, dim)
        expected = torch.tensor(naive_nt_xent(z1, z2, temperature), dtype=torch.float64)
        torch.testing.assert_close(
            loss(z1, z2, temperature=temperature), expected, rtol=1e-10, atol=1e-10
        )
    z1, z2 = two_views(3, 3)
    inputs = (
        z1.requires_grad_(),
        z2.requires_grad_(),
        torch.tensor(0.4, dtype=torch.float64, requires_grad=True),
    )
    numeric_equals_analytic = torch.autograd.gradcheck(
        lambda z1, z2, temperature: loss(z1, z2, temperature=temperature),
        inputs,
        raise_exception=False,
    )
    assert numeric_equals_analytic


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 4, 100])
def test_equals_the_definition(chunk_size):
    """Value and gradient, also of the temperature, are those of Eq. (1) at any chunk size."""
    assert_is_nt_xent(
        lambda z1, z2, *, temperature: nt_xent(
            z1, z2, temperature=temperature, chunk_size=chunk_size
        )
    )


@pytest.mark.parametrize("mistake", mistakes_in(nt_xent), ids=str)
def test_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_nt_xent(mistake)


@pytest.mark.parametrize("temperature", [0.01, 0.5, 10])
def test_log_of_the_number_of_others_when_all_rows_coincide(temperature):
    """log(2B - 1) whatever the temperature: 2B - 1 equal candidates."""
    z = normal(1, 4).expand(7, 4)
    assert nt_xent(z, 2 * z, temperature=temperature).item() == pytest.approx(
        math.log(13), abs=1e-10
    )


def test_by_hand_for_two_orthogonal_images():
    """Positives coincide, images are orthogonal: log(1 + 2 exp(-1 / temperature))."""
    z = torch.eye(2, dtype=torch.float64)
    assert nt_xent(z, z, temperature=0.5).item() == pytest.approx(
        math.log(1 + 2 * math.exp(-2)), abs=1e-12
    )


def test_symmetries():
    """Views may be swapped, images reordered, each row rescaled, the space rotated."""
    z1, z2 = two_views(6, 4)
    loss = nt_xent(z1, z2)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    scale = normal(6, 1, seed=9).exp()
    rotation = torch.linalg.qr(normal(4, 4, seed=8)).Q
    for same in [
        (z2, z1),
        (z1[order], z2[order]),
        (scale * z1, z2 / scale),
        (z1 @ rotation, z2 @ rotation),
    ]:
        torch.testing.assert_close(nt_xent(*same), loss, rtol=1e-12, atol=1e-12)


def test_limits_of_the_temperature():
    """Hot: all candidates weigh the same. Cold: only the hardest negative's lead counts."""
    z1, z2 = two_views(6, 2)
    assert nt_xent(z1, z2, temperature=1e6).item() == pytest.approx(math.log(11), abs=1e-5)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    cosines = z @ z.T
    other_view = torch.arange(12).roll(6)
    positive = cosines[torch.arange(12), other_view]
    hardest = cosines.fill_diagonal_(-math.inf).scatter(1, other_view[:, None], -math.inf).amax(1)
    expected = (hardest - positive).relu().mean()
    assert expected > 0.01  # otherwise the limit would show nothing
    torch.testing.assert_close(
        1e-4 * nt_xent(z1, z2, temperature=1e-4), expected, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("chunk_size", [None, 48])
def test_float32_at_temperature_one_hundredth(chunk_size):
    """No overflow at logits of 100: value and gradient stay those of float64."""
    results = []
    for dtype in (torch.float32, torch.float64):
        z1, z2 = (z.to(dtype).requires_grad_() for z in two_views(64, 16))
        loss = nt_xent(z1, z2, temperature=0.01, chunk_size=chunk_size)
        loss.backward()
        results.append((loss.double(), z1.grad.double(), z2.grad.double()))
    for single, double in zip(*results, strict=True):
        assert (single - double).norm() <= 1e-5 * double.norm()


def test_chunks_have_second_derivatives():
    """Hessian-vector products are those of the plain path, and finite differences agree."""
    inputs = [z.requires_grad_() for z in two_views(3, 2)]
    assert torch.autograd.gradgradcheck(
        lambda z1, z2: nt_xent(z1, z2, chunk_size=4), inputs, fast_mode=True
    )


class MemoryMeter(TorchDispatchMode):
    """Records the largest tensor made under it, and the most bytes alive at a time."""

    def __init__(self):
        super().__init__()
        self.largest = self.alive = self.peak = 0
        self.storages = weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage() not in self.storages:
                self._made(tensor.numel(), tensor.untyped_storage())
        return result

    def _made(self, elements, storage):
        self.largest = max(self.largest, elements)
        self.storages.add(storage)
        self.alive += storage.nbytes()
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._freed, storage.nbytes())

    def _freed(self, size):
        self.alive -= size


def memory_of(batch, dim, chunk_size):
    """Meter of one forward and backward pass."""
    z1, z2 = (
        normal(batch, dim, seed=seed, dtype=torch.float32).requires_grad_() for seed in (0, 1)
    )
    with MemoryMeter() as meter:
        nt_xent(z1, z2, chunk_size=chunk_size).backward()
    assert z1.grad.norm() > 0
    return meter


def test_memory_of_chunks():
    """B = 1024: in chunks of 128 no tensor exceeds 128 x 2B or 2B x P; else there is 2B x 2B."""
    assert memory_of(1024, 128, 128).largest <= 2048 * 128
    assert memory_of(1024, 128, None).largest == 2048 * 2048


def test_memory_grows_with_the_batch_not_its_square():
    """Twice the batch: about twice the peak memory in chunks, four times on the plain path."""
    chunked = [memory_of(batch, 8, 16).peak for batch in (128, 256)]
    plain = [memory_of(batch, 8, None).peak for batch in (128, 256)]
    assert chunked[1] < 2.3 * chunked[0]
    assert plain[1] > 3.5 * plain[0]
    assert chunked[1] < plain[1] / 10
