"""A linear classifier on frozen features, and the same one with the encoder set free."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.evaluate.features import check_labelled, check_pair, features, share
from mlteach.training import fit

ROUNDINGS = (
    4  # so many of them, of the largest entry, a feature that means to be constant differs by
)
SMALLEST = 1e-300  # of a smaller entry a weight would be infinite


def linear_probe(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    penalty: float = 1.0,
) -> float:
    """Linear probe: how well a linear classifier of frozen features does on test features.

    Args:
        train_features: (N, D), any scale: standardised with their own mean and standard deviation.
        train_labels: (N,) integer classes >= 0, two at least.
        test_features: (M, D), standardised with the training features' numbers, of course.
        test_labels: (M,).
        penalty: > 0, see `linear_classifier`.

    Returns:
        Share of the test images that get their own class, 0 to 1. The same on every machine, up
        to rounding: the classifier is the one best one, and no random number is drawn.

    Raises:
        TypeError, ValueError: features or labels of a wrong type or shape, not finite, one class
            only, or penalty <= 0.
    """
    train_features, train_labels, test_features, test_labels = check_pair(
        train_features, train_labels, test_features, test_labels
    )
    train_labels, test_labels = train_labels.cpu(), test_labels.cpu()
    classes, renumbered = train_labels.unique(return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"train_labels must hold two classes at least, got {classes.tolist()}")
    # not every device has float64
    classifier = linear_classifier(train_features.cpu(), renumbered, penalty=penalty)
    guesses = classes[classifier(test_features.detach().cpu().double()).argmax(1)]
    return share(guesses == test_labels)


def linear_classifier(x: Tensor, labels: Tensor, *, penalty: float = 1.0) -> nn.Linear:
    r"""The logistic regression that fits features best, as a linear layer for them as they are.

    .. math:: \min_{W, b}\; \sum_i -\log \operatorname{softmax}(W \tilde f_i + b)_{y_i}
              + \frac{\lambda}{2} \lVert W \rVert^2, \qquad
              \tilde f = \frac{f - \text{mean}}{\text{standard deviation}}

    Args:
        x: (N, D) features.
        labels: (N,) integer classes, 0 to C - 1, each of which occurs; C >= 2.
        penalty: > 0, lambda: larger draws the weights to 0. It makes the best classifier unique.

    Returns:
        Linear layer (B, D) -> (B, C) in float64; the standardisation is folded into its weights and
        biases. A feature that is the same for all N images, but for the rounding of its type, gets
        the weight 0. So does one all of whose entries are smaller than 1e-300.

    Raises:
        TypeError, ValueError: x or labels of a wrong type or shape, not finite, a class without an
            example, or penalty <= 0.
    """
    # here, because it takes longer to import than the whole package
    from sklearn.linear_model import LogisticRegression

    x, labels = check_labelled("x", x, labels)
    classes = labels.unique().tolist()
    if len(classes) < 2 or classes[-1] != len(classes) - 1:
        given = _validate.shown(classes)
        raise ValueError(f"labels must hold each class 0 to C - 1, C >= 2, got {given}")
    penalty = float(_validate.number("penalty", penalty, above=0))
    device, resolution = x.device, torch.finfo(x.dtype).eps
    x = x.detach().cpu().double()
    largest = x.abs().amax(0)
    scale = torch.where(largest > SMALLEST, largest, torch.inf)
    x = x / scale  # no square can overflow now
    mean, std = x.mean(0), x.std(0, correction=0)
    std[x.amax(0) - x.amin(0) <= ROUNDINGS * resolution] = torch.inf  # constant, but for rounding
    x = (x - mean) / std
    binary = len(classes) == 2
    # of two classes scikit-learn fits the difference, whose square is twice the sum of both squares
    # Newton's steps: a few dozen, where L-BFGS takes a thousand on features that lie along few axes
    options = {"solver": "newton-cg", "tol": 1e-7, "max_iter": 1000}
    solver = LogisticRegression(C=(2 if binary else 1) / penalty, **options)
    with warnings.catch_warnings():
        # the last digits may be out of reach of a line search, and nobody needs to hear of it
        warnings.simplefilter("ignore")
        solver.fit(x.numpy(force=True), labels.numpy(force=True))
    weight, bias = (torch.from_numpy(part).to(x) for part in (solver.coef_, solver.intercept_))
    if binary:
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    weight = weight / std  # (C, D)
    # for the features as they are
    return _linear(weight / scale, bias - weight @ mean).to(device)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    # draws nothing
    layer = nn.utils.skip_init(nn.Linear, *weight.T.shape, dtype=weight.dtype, device=weight.device)
    layer.requires_grad_(False)
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
    return layer


class Classifier(nn.Module):
    """An encoder with a linear layer on top, (B, ...) -> (B, C) logits; its loss: cross-entropy."""

    def __init__(self, encoder: nn.Module, head: nn.Linear):
        super().__init__()
        _validate.module("encoder", encoder)
        _validate.instance("head", head, nn.Linear, "a linear layer (torch.nn.Linear)")
        self.encoder, self.head = encoder, head

    def forward(self, images: Tensor) -> Tensor:
        """(B, ...) -> (B, C)."""
        return self.head(getattr(self.encoder, "encode", self.encoder)(images))

    def loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict]:
        """Cross-entropy of the batch, and nothing else to look at."""
        return F.cross_entropy(self(images), labels), {}


def fine_tune(
    encoder: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    view: Callable[..., Tensor] | None = None,
    steps: int = 200,
    lr: float = 1e-3,
    batch_size: int = 64,
    penalty: float = 1.0,
    seed: int = 0,
) -> Classifier:
    """Fine-tuning: from the linear probe on, train encoder and classifier together on the labels.

    `accuracy(features(tuned, test_images), test_labels)` says what it was good for.

    Args:
        encoder: module (B, ...) -> (B, D), or a method with `encode`. A copy is trained, this one
            stays as it is.
        images: (N, ...) the labelled images.
        labels: (N,) integer classes, 0 to C - 1, each of which occurs; C >= 2.
        view: (images, generator=) -> images, such as `mlteach.views.simclr_view`; None takes
            them as they are.
        steps: >= 0 updates; with 0 the result is the linear probe, up to the rounding of the
            encoder's type, which counts where features lie thousands of their spreads from 0.
        lr: > 0, peak learning rate of `mlteach.training.fit`. Larger ones forget what was learned
            before.
        batch_size: >= 1 images of one step, drawn with replacement.
        penalty: > 0, of the probe it starts from.
        seed: of the draws.

    Returns:
        The classifier in evaluation mode, (B, ...) -> (B, C) logits.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Source: the order of probe and fine-tuning is that of Kumar et al. 2022, arXiv:2202.10054.
    """
    if not isinstance(encoder, nn.Module):
        raise TypeError(
            f"encoder must be an nn.Module, which can be trained, got {type(encoder).__name__}"
        )
    if view is not None:
        what = "a function of (images, generator=) or None"
        _validate.function("view", view, what=what, takes=1, keywords=("generator",))
    steps = _validate.count("steps", steps, at_least=0, at_most=10**9)
    batch_size = _validate.count("batch_size", batch_size, at_most=10**9)
    lr = float(_validate.number("lr", lr, above=0))
    penalty = float(_validate.number("penalty", penalty, above=0))
    seed = _validate.seed("seed", seed)
    images = _validate.as_tensor("images", images)
    frozen = features(encoder, images)
    if not frozen.isfinite().all():
        raise ValueError("encoder must give finite features, got NaN or infinity")
    labels = _validate.labels("labels", labels, size=len(images))
    head = linear_classifier(frozen, labels, penalty=penalty).to(frozen.dtype).requires_grad_()
    tuned = Classifier(copy.deepcopy(encoder).requires_grad_(), head)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(images), (batch_size,), generator=generator, device="cpu")
        return (_viewed(view, images[index], generator) if view else images[index]), labels[index]

    if steps:
        fit(tuned, draw, steps=steps, lr=lr, seed=seed, progress=False)
    return tuned.eval()


def _viewed(view: Callable[..., Tensor], images: Tensor, generator: Generator) -> Tensor:
    seen = view(images, generator=generator)
    if not isinstance(seen, Tensor):
        raise TypeError(f"view must return images, got {_validate.kind(seen)}")
    return seen
