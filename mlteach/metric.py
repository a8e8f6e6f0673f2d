"""Metric learning: networks that learn a distance from labelled images, and what they compare.

Both networks take a batch with its labels, such as `sample_classes` draws, and mine it: they choose
pairs or triplets out of all that the batch holds. The choice decides what is learned as much as the
loss does.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.losses import contrastive_loss, triplet_loss

PAIRS = ("all", "random", "hard")
TRIPLETS = ("random", "semi-hard", "hard")
REGIONS = ("easy", "semi-hard", "hard")


class Siamese(nn.Module):
    """Siamese network: one encoder for both images of a pair, trained with the contrastive loss.

    Args:
        encoder: module (N, ...) -> (N, D).
        margin: >= 0, the distance from which pairs of different classes are left alone.
        mining: which pairs of a batch are compared, see `mine_pairs`; the paper takes all pairs of
            its data set.
        normalise: put the representations on the unit sphere, where no distance exceeds 2; the
            paper does not.

    Source: Hadsell, Chopra and LeCun 2006, Section 2.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        margin: float = 1.0,
        mining: str = "all",
        normalise: bool = False,
    ):
        super().__init__()
        self.encoder = _validate.module("encoder", encoder)
        self.normalise = _validate.flag("normalise", normalise)
        self.margin = _validate.number("margin", margin, at_least=0)
        self.mining = _validate.choice("mining", mining, PAIRS)

    def encode(self, images: Tensor) -> Tensor:
        """(N, ...) -> (N, D), where the Euclidean distance says how unlike two images are."""
        return _encoded(self.encoder, images, normalise=self.normalise)

    def loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Contrastive loss of the batch's mined pairs; 0 where the batch has none.

        Args:
            images: (N, ...).
            labels: (N,) integer classes.

        Returns:
            (), and {"z": (N, D), "pairs": (M, 2), "active": () share of the M pairs with a loss
            above 0}.
        """
        z = self.encode(images)  # (N, D)
        labels = _validate.labels("labels", labels, size=len(z))
        if not z.isfinite().all():  # no distance to go by: fit says that the training has diverged
            return z.sum() * torch.nan, {"z": z.detach()}
        pairs = mine_pairs(pairwise_distances(z), labels, strategy=self.mining)  # (M, 2)
        first, second = pairs.T
        same = labels[first] == labels[second]
        if len(pairs) == 0:
            return 0 * z.sum(), {"z": z.detach(), "pairs": pairs, "active": z.new_zeros(())}
        loss = contrastive_loss(z[first], z[second], same, margin=self.margin)
        with torch.no_grad():
            active = same | ((z[first] - z[second]).norm(dim=1) < self.margin)
        return loss, {"z": z.detach(), "pairs": pairs, "active": active.float().mean()}

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move: no target network, no queue."""


class Triplet(nn.Module):
    """Triplet network: one encoder for anchor, positive and negative, and the triplet loss.

    Args:
        encoder: module (N, ...) -> (N, D).
        margin: >= 0, by which a negative's squared distance must exceed the positive's.
        mining: which triplets of a batch are compared, see `mine_triplets`.
        normalise: put the representations on the unit sphere, as the paper does.

    Source: Schroff et al. 2015, arXiv:1503.03832, Section 3.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        margin: float = 0.2,
        mining: str = "semi-hard",
        normalise: bool = True,
    ):
        super().__init__()
        self.encoder = _validate.module("encoder", encoder)
        self.normalise = _validate.flag("normalise", normalise)
        self.margin = _validate.number("margin", margin, at_least=0)
        self.mining = _validate.choice("mining", mining, TRIPLETS)

    def encode(self, images: Tensor) -> Tensor:
        """(N, ...) -> (N, D), where the Euclidean distance says how unlike two images are."""
        return _encoded(self.encoder, images, normalise=self.normalise)

    def loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Triplet loss of the mined triplets; 0 where the batch has none.

        Args:
            images: (N, ...).
            labels: (N,) integer classes.

        Returns:
            (), and {"z": (N, D), "triplets": (M, 3), "active": () share of the M triplets with a
            loss above 0}.
        """
        z = self.encode(images)  # (N, D)
        labels = _validate.labels("labels", labels, size=len(z))
        if not z.isfinite().all():  # no distance to go by: fit says that the training has diverged
            return z.sum() * torch.nan, {"z": z.detach()}
        squared = pairwise_distances(z).square()
        triplets = mine_triplets(squared, labels, strategy=self.mining, margin=self.margin)
        anchor, positive, negative = triplets.T  # (M,) each
        active = squared[anchor, positive] + self.margin > squared[anchor, negative]
        share = active.float().sum() / max(len(triplets), 1)
        aux = {"z": z.detach(), "triplets": triplets, "active": share}
        if len(triplets) == 0:
            return 0 * z.sum(), aux
        return triplet_loss(z[anchor], z[positive], z[negative], margin=self.margin), aux

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move: no target network, no queue."""


def _encoded(encoder: nn.Module, images: Tensor, *, normalise: bool) -> Tensor:
    """(N, ...) -> (N, D) in float32 at least: short vectors have no length in 16 bits."""
    _validate.tensor("images", images)
    if images.dim() < 2 or len(images) == 0:
        raise ValueError(f"images must be (N >= 1, ...), got shape {tuple(images.shape)}")
    try:
        z = encoder(images)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        raise ValueError(f"encoder cannot take images {tuple(images.shape)}: {error}") from error
    if not isinstance(z, Tensor) or not z.is_floating_point() or z.dim() != 2:
        given = tuple(z.shape) if isinstance(z, Tensor) else _validate.kind(z)
        raise ValueError(f"encoder must give (N, D) floating-point numbers, got {given}")
    z = z.to(torch.promote_types(z.dtype, torch.float32))
    return F.normalize(z) if normalise else z


def sample_classes(labels: Tensor, *, n_classes: int, n_each: int, generator: Generator) -> Tensor:
    """Draws some classes and some images of each, so that a batch holds pairs and triplets.

    Args:
        labels: (N,) integer classes >= 0 of a data set.
        n_classes: classes to draw, out of those with at least n_each images.
        n_each: images of each class.
        generator: where the random numbers come from.

    Returns:
        (n_classes * n_each,) indices, class by class, none twice.

    Raises:
        TypeError: labels are no integers, a number is not whole, or generator is no Generator.
        ValueError: a number below 1, or too few classes with n_each images.
    """
    labels = _validate.labels("labels", labels)
    n_classes, n_each = _validate.count("n_classes", n_classes), _validate.count("n_each", n_each)
    _validate.generator("generator", generator)
    classes, sizes = labels.unique(return_counts=True)
    enough = classes[sizes >= n_each]
    if len(enough) < n_classes:
        raise ValueError(
            f"n_classes={n_classes}, but only {len(enough)} classes have n_each={n_each} images"
        )
    chosen = enough[_order(len(enough), generator, labels)[:n_classes]]
    members = [(labels == label).nonzero()[:, 0] for label in chosen]
    return torch.cat([group[_order(len(group), generator, labels)[:n_each]] for group in members])


def _order(n: int, generator: Generator | None, like: Tensor) -> Tensor:
    """(n,) random order, drawn on the CPU, where the generator is."""
    return torch.randperm(n, generator=generator, device="cpu").to(like.device)


@torch.no_grad()
def pairwise_distances(z: Tensor) -> Tensor:
    """(N, N) Euclidean distances of the rows of z, for mining and looking, without gradients.

    Args:
        z: (N, D); computed in float32 at least.

    Raises:
        TypeError, ValueError: z is no floating-point matrix.
    """
    _validate.shaped("z", _validate.floats("z", z), "N", "D", at_least=1)
    z = z.to(torch.promote_types(z.dtype, torch.float32))
    # exact also where rows almost coincide
    return torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")


def mine_pairs(
    distances: Tensor, labels: Tensor, *, strategy: str, generator: Generator | None = None
) -> Tensor:
    """Chooses which pairs of a batch are compared.

    Args:
        distances: (N, N), symmetric.
        labels: (N,) integer classes.
        strategy: "all" is every pair; the others take every pair of one class and, so that neither
            kind outweighs the other, as many of different classes: "random" ones, or the closest of
            the batch, "hard".
        generator: for "random"; None for torch's global one.

    Returns:
        (M, 2) indices, the smaller one first; in random or rising order of the distance where pairs
        were chosen.

    Raises:
        TypeError: labels are no integers, or generator is no torch.Generator.
        ValueError: the shapes do not fit, or an unknown strategy.
    """
    labels = _validate.labels("labels", labels)
    distances = _validate.as_tensor("distances", distances)
    _validate.shaped("distances", distances, len(labels), len(labels))
    _validate.finite("distances", distances)
    _validate.choice("strategy", strategy, PAIRS)
    _validate.generator("generator", generator)
    everyone = torch.arange(len(labels), device=labels.device)
    pairs = torch.combinations(everyone)  # (N (N - 1) / 2, 2)
    if strategy == "all":
        return pairs
    first, second = pairs.T
    same = labels[first] == labels[second]
    different = pairs[~same]
    if strategy == "random":
        order = _order(len(different), generator, labels)
    else:
        order = distances[first, second][~same].argsort()
    return torch.cat([pairs[same], different[order[: same.sum()]]])


def mine_triplets(
    distances: Tensor,
    labels: Tensor,
    *,
    strategy: str,
    margin: float,
    generator: Generator | None = None,
) -> Tensor:
    """Chooses which triplets of a batch are compared.

    Args:
        distances: (N, N), symmetric, of the kind that the loss compares: squared for
            `triplet_loss`.
        labels: (N,) integer classes.
        strategy: "random": for each anchor and positive a random negative. "semi-hard": for each of
            them a random one of the negatives that are farther than the positive, but by less than
            the margin, and nothing where there is none. "hard": for each anchor its farthest
            positive with its closest negative.
        margin: >= 0, used by "semi-hard".
        generator: None for torch's global one.

    Returns:
        (M, 3) indices of anchor, positive and negative; M = 0 where no triplet qualifies.

    Raises:
        TypeError: labels are no integers, or generator is no torch.Generator.
        ValueError: the shapes do not fit, an unknown strategy, or margin < 0.

    Source: Schroff et al. 2015, arXiv:1503.03832, Section 3.2; "hard" is "batch hard" of Hermans,
        Beyer and Leibe 2017, arXiv:1703.07737, Eq. (5).
    """
    labels = _validate.labels("labels", labels)
    distances = _validate.as_tensor("distances", distances)
    _validate.shaped("distances", distances, len(labels), len(labels))
    _validate.finite("distances", distances)
    _validate.choice("strategy", strategy, TRIPLETS)
    margin = _validate.number("margin", margin, at_least=0)
    _validate.generator("generator", generator)
    same = labels[:, None] == labels  # (N, N)
    positives = same.clone().fill_diagonal_(False)
    if strategy == "hard":
        anchor = (positives.any(1) & ~same.all(1)).nonzero()[:, 0]
        positive = distances.masked_fill(~positives, -torch.inf).argmax(1)[anchor]
        negative = distances.masked_fill(same, torch.inf).argmin(1)[anchor]
        return torch.stack([anchor, positive, negative], dim=1)
    anchor, positive = positives.nonzero().T
    allowed = ~same[anchor]  # (M, N)
    if strategy == "semi-hard":
        to_positive = distances[anchor, positive][:, None]
        allowed &= (distances[anchor] > to_positive) & (distances[anchor] < to_positive + margin)
    draw = torch.rand(allowed.shape, generator=generator, device="cpu").to(labels.device)
    negative = draw.masked_fill(~allowed, -1).argmax(1)
    return torch.stack([anchor, positive, negative], dim=1)[allowed.any(1)]


def triplet_regions(to_positive: Tensor, to_negative: Tensor, *, margin: float) -> Tensor:
    """Says of each triplet how hard it is: an index into REGIONS.

    Args:
        to_positive: distances from anchor to positive, of the kind that the loss compares.
        to_negative: distances from anchor to negative, of a shape that fits.
        margin: >= 0.

    Returns:
        0, easy: the negative is farther by the margin or more, and the loss 0; 1, semi-hard:
        farther, but by less than the margin; 2, hard: not farther than the positive.

    Raises:
        TypeError, ValueError: a distance is no finite number, the shapes do not fit, or margin < 0.
    """
    to_positive = _validate.finite("to_positive", _distances("to_positive", to_positive))
    to_negative = _validate.finite("to_negative", _distances("to_negative", to_negative))
    try:
        torch.broadcast_shapes(to_positive.shape, to_negative.shape)
    except RuntimeError as error:
        given = f"{tuple(to_positive.shape)} and {tuple(to_negative.shape)}"
        raise ValueError(f"to_positive and to_negative must fit, got {given}") from error
    margin = _validate.number("margin", margin, at_least=0)
    hard = to_negative <= to_positive
    return 2 * hard.long() + (~hard & (to_negative < to_positive + margin)).long()


def _distances(name: str, value: Any) -> Tensor:
    """Numbers of any shape, in a tensor."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = torch.tensor(float(value), device="cpu")
    value = _validate.as_tensor(name, value)
    if value.dtype == torch.bool or value.is_complex():
        raise TypeError(f"{name} must hold distances, got {_validate.kind(value)}")
    return value
