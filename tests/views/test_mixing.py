"""Mixup and CutMix: images and soft labels by naive loops; the shares' distribution by SciPy's."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import beta
from support.views_cases import N_DRAWS, TOLERANCE, distance_from_uniform, random_images, seeded

from mlteach.mistakes import mistakes_in
from mlteach.mistakes.views.two_images import one_share_for_all
from mlteach.views import blend, cutmix, mixup, paste, soft_labels

CLASSES = 5
BOTH = pytest.mark.parametrize("mix", [mixup, cutmix])


def labelled(n, height=24, width=20):
    """Images that are 1 in the channel of their number, so that a mix tells its parts."""
    images = torch.eye(n, dtype=torch.float64)[:, :, None, None].repeat(1, 1, height, width)
    return images, torch.arange(n) % CLASSES


def shares_seen(mixed):
    """(N, N): how much of each image's area or light is each original's; rows add up to 1."""
    return mixed.mean((2, 3))


# definitions
# -------------------------------------------------------------------------------------------------


def naive_blend(image, other, share):
    out = torch.empty_like(image)
    for place in torch.cartesian_prod(*(torch.arange(n) for n in image.shape)).tolist():
        out[tuple(place)] = share * image[tuple(place)] + (1 - share) * other[tuple(place)]
    return out


def naive_paste(image, other, share, centre):
    """The box's four edges in pixels, rounded; then pixel by pixel."""
    out = image.clone()
    height = image.shape[1]
    width = image.shape[2]
    half = math.sqrt(1 - share) / 2
    kept = 0
    for row in range(height):
        for column in range(width):
            in_x = round(width * (centre[0] - half)) <= column < round(width * (centre[0] + half))
            in_y = round(height * (centre[1] - half)) <= row < round(height * (centre[1] + half))
            if in_x and in_y:
                out[:, row, column] = other[:, row, column]
            else:
                kept += 1
    return out, kept / (height * width)


def test_blend_and_paste_are_their_loops():
    """Every image by its own share and place, on images that are not square."""
    images, others = random_images(4, 2, 7, 10), random_images(4, 2, 7, 10, seed=6)
    share = torch.tensor([0.0, 0.3, 0.75, 1.0], dtype=torch.float64)
    centre = torch.tensor([[0.5, 0.5], [0.1, 0.9], [0.7, 0.33], [0.2, 0.6]], dtype=torch.float64)
    mixed, (pasted, kept) = blend(images, others, share), paste(images, others, share, centre)
    for i in range(4):
        torch.testing.assert_close(mixed[i], naive_blend(images[i], others[i], share[i]))
        expected, expected_kept = naive_paste(
            images[i], others[i], share[i].item(), centre[i].tolist()
        )
        assert torch.equal(pasted[i], expected)
        assert math.isclose(kept[i], expected_kept, abs_tol=1e-12)


def test_values_known_by_hand():
    """Share 1 changes nothing, share 0 takes the other; half a box in a corner keeps 7/8."""
    images, others = random_images(1, 3, 8, 8), random_images(1, 3, 8, 8, seed=6)
    one, none, half = (torch.tensor([share], dtype=torch.float64) for share in (1.0, 0.0, 0.5))
    assert torch.equal(blend(images, others, one), images)
    assert torch.equal(blend(images, others, none), others)
    middle = torch.full((1, 2), 0.5, dtype=torch.float64)
    assert torch.equal(paste(images, others, one, middle)[0], images)
    assert torch.equal(paste(images, others, none, middle)[0], others)
    # sides of 8 * sqrt(1/2) = 5.66 pixels, half of that inside: 3 x 3 pixels of 64
    assert paste(images, others, half, torch.zeros(1, 2).double())[1] == 1 - 9 / 64
    assert labels_known_by_hand(soft_labels)


def labels_known_by_hand(soft_labels):
    labels, partners = torch.tensor([1, 2, 0, 0]), torch.tensor([0, 2, 1, 2])
    soft = soft_labels(labels, partners, torch.tensor([0.75, 0.1, 0.5, 0.25]), n_classes=3)
    right = [[0.25, 0.75, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0], [0.25, 0.0, 0.75]]
    return torch.equal(soft, torch.tensor(right))


# properties
# -------------------------------------------------------------------------------------------------


def label_goes_by_what_is_seen(mix):
    """The soft label of an image is the classes of its parts, in their proportion."""
    images, labels = labelled(40)
    mixed, soft = mix(images, labels, n_classes=CLASSES, alpha=0.7, generator=seeded())
    return torch.allclose(shares_seen(mixed) @ F.one_hot(labels, CLASSES).double(), soft, atol=1e-9)


def every_image_has_its_own_share(mix):
    images, labels = labelled(40)
    mixed, _ = mix(images, labels, n_classes=CLASSES, alpha=1.0, generator=seeded())
    return len(shares_seen(mixed).diagonal().unique()) > 10


@BOTH
def test_mixes(mix):
    """The label goes by what is seen, each image keeps a part, and partners are a permutation."""
    assert label_goes_by_what_is_seen(mix)
    assert every_image_has_its_own_share(mix)
    images, labels = labelled(40)
    mixed, soft = mix(images, labels, n_classes=CLASSES, alpha=5.0, generator=seeded())
    seen = shares_seen(mixed)
    torch.testing.assert_close(soft.sum(1), torch.ones(40).double())
    others = seen - seen.diagonal().diag()
    assert ((others > 0).sum(0) <= 1).all()
    assert ((others > 0).sum(1) <= 1).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_have_the_beta_distribution(alpha):
    """SciPy's distribution function makes Mixup's shares uniform."""
    images = torch.zeros(N_DRAWS, 1, 1, 1, dtype=torch.float64)
    # pairs of a 1 and a 0 show the share, or 1 less it; pairs of one kind show nothing
    images[: N_DRAWS // 2] = 1
    mixed, _ = mixup(
        images, torch.zeros(N_DRAWS).long(), n_classes=1, alpha=alpha, generator=seeded()
    )
    share = torch.where(images == 1, mixed, 1 - mixed).flatten()
    share = share[share != 1]
    assert 0.4 * N_DRAWS < len(share) < 0.6 * N_DRAWS
    # half of the draws, so sqrt(2) times the tolerance
    assert distance_from_uniform(torch.as_tensor(beta.cdf(share, alpha, alpha))) < 1.5 * TOLERANCE


def test_the_box_lies_anywhere():
    """CutMix's centre is uniform: pixels are in the box as often as their flips."""
    images = torch.zeros(N_DRAWS, 1, 1, 9)
    images[: N_DRAWS // 2] = 1
    mixed, _ = cutmix(images, torch.zeros(N_DRAWS).long(), n_classes=1, generator=seeded())
    pasted = (mixed != images).double().mean((0, 1, 2))
    deviations = 5 * math.sqrt(0.5 / N_DRAWS)
    assert (pasted - pasted.flip(0)).abs().max() < deviations
    assert pasted[4] > pasted[0] + deviations


def test_alpha_moves_the_shares_of_one_draw():
    """With the same seed the partners stay; a small alpha leaves images whole, a large halves."""
    images, labels = labelled(40)
    whole, halved = (
        shares_seen(mixup(images, labels, n_classes=CLASSES, alpha=alpha, generator=seeded())[0])
        for alpha in (0.01, 500)
    )
    assert whole.amax(1).mean() > 0.95
    assert halved.amax(1).mean() < 0.6  # 0.5, and 1 for an image that is its own partner
    assert (halved[whole > 0.001] > 0).all()


@BOTH
def test_seed_dtype_input_and_gradient(mix):
    """The seed decides, the input stays, the types fit a loss, and gradients reach the images."""
    images, labels = random_images(6, 3, 8, 8, dtype=torch.float32), torch.arange(6) % CLASSES
    before = images.clone()
    mixed, soft = mix(images.requires_grad_(), labels, n_classes=CLASSES, generator=seeded())
    again, _ = mix(images, labels, n_classes=CLASSES, generator=seeded())
    assert torch.equal(mixed, again)
    assert not torch.equal(mixed, mix(images, labels, n_classes=CLASSES, generator=seeded(1))[0])
    assert torch.equal(images, before)
    assert (mixed.dtype, soft.dtype, soft.shape) == (torch.float32, torch.float32, (6, CLASSES))
    F.cross_entropy(mixed.mean((2, 3)) @ torch.ones(3, CLASSES), soft).backward()
    assert images.grad.isfinite().all()
    assert 0 <= mixed.min() <= mixed.max() <= 1
    state = torch.get_rng_state()
    mix(images, labels, n_classes=CLASSES, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)


# mutants
# -------------------------------------------------------------------------------------------------


MIXED_UP = [*mistakes_in(mixup), *mistakes_in(cutmix)]


@pytest.mark.parametrize("mistake", MIXED_UP, ids=str)
def test_mistaken_mixes_are_caught(mistake):
    """Each is one mistake: all but the shared draw have a share for every image."""
    one_share = mistake.function is one_share_for_all
    assert label_goes_by_what_is_seen(mistake) == one_share
    assert every_image_has_its_own_share(mistake) != one_share


@pytest.mark.parametrize("mistake", mistakes_in(soft_labels), ids=str)
def test_mistaken_labels_are_caught(mistake):
    assert labels_known_by_hand(soft_labels)
    assert not labels_known_by_hand(mistake)


# arguments
# -------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": ["a", "b"]}, TypeError, "labels must be a tensor, .* got list"),
        (
            {"labels": torch.zeros(2)},
            TypeError,
            "labels must be a tensor of integers, got a tensor of float32",
        ),
        (
            {"labels": torch.zeros(3).long()},
            ValueError,
            r"labels must be \(2,\), got shape \(3,\)",
        ),
        ({"labels": torch.tensor([0, 5])}, ValueError, r"labels must be in 0 ... 4, got 0 to 5"),
        ({"labels": torch.tensor([-1, 0])}, ValueError, r"labels must be in 0 ... 4, got -1 to 0"),
        ({"alpha": 0.0}, ValueError, "alpha must be finite and > 0, got 0.0"),
        ({"alpha": math.nan}, ValueError, "alpha must be finite and > 0, got nan"),
        ({"images": torch.zeros(2, 8, 8)}, ValueError, "images"),
    ],
)
def test_bad_arguments(mix, change, error, message):
    """Every wrong argument is named, with what was given."""
    with pytest.raises(error, match=message):
        mix(
            **{
                "images": torch.zeros(2, 1, 8, 8),
                "labels": torch.tensor([0, 1]),
                "n_classes": CLASSES,
            }
            | change
        )
