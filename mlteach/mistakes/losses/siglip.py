"""Mistakes in SigLIP's loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import clip_loss, siglip_loss
from mlteach.mistakes._registry import mistake


def _cosines(image: Tensor, text: Tensor) -> Tensor:
    return F.normalize(image, dim=1) @ F.normalize(text, dim=1).T


def _labels(logits: Tensor) -> Tensor:
    """1 for a pair, -1 for all others."""
    return 2 * torch.eye(len(logits)).to(logits) - 1


def _sigmoids(logits: Tensor) -> Tensor:
    """The loss of these logits."""
    return -F.logsigmoid(_labels(logits) * logits).sum() / len(logits)


# --- the labels ----------------------------------------------------------------------------------


@mistake(
    siglip_loss,
    "your labels are 1 and 0: a pair that does not belong together has the label -1",
)
def labels_one_and_zero(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -F.logsigmoid(torch.eye(len(logits)).to(logits) * logits).sum() / len(logits)


@mistake(
    siglip_loss,
    "the labels are flipped: 1 belongs to the diagonal, where text i meets image i, -1 elsewhere",
)
def labels_flipped(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -F.logsigmoid(-_labels(logits) * logits).sum() / len(logits)


@mistake(
    siglip_loss,
    "only the pairs on the diagonal count: each wrong pair has a term too, with the label -1",
)
def only_the_pairs(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -F.logsigmoid(logits.diagonal()).mean()


@mistake(
    siglip_loss,
    "only the wrong pairs count: the pairs on the diagonal have a term too, with the label 1",
)
def only_the_wrong_pairs(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return siglip_loss(image, text, temperature=temperature, bias=bias) + (
        F.logsigmoid(logits.diagonal()).mean()
    )


@mistake(
    siglip_loss,
    "the label of every pair is 1: 1 on the diagonal, and -1 for all the wrong pairs",
)
def every_label_one(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -F.logsigmoid(logits).sum() / len(logits)


@mistake(siglip_loss, "image i gets another image's text: its text is row i")
def siglip_another_image_s_text(image, text, *, temperature, bias):
    return siglip_loss(image, text.roll(1, 0), temperature=temperature, bias=bias)


@mistake(
    siglip_loss,
    "your labels are 0 on the diagonal: eye - 1 is 0 there, 2 eye - 1 is 1",
)
def labels_zero_and_minus_one(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    labels = torch.eye(len(logits)).to(logits) - 1
    return -F.logsigmoid(labels * logits).sum() / len(logits)


@mistake(
    siglip_loss,
    "right and wrong pairs have a mean each: all terms are added, and the sum is divided by B",
)
def pairs_and_wrong_pairs_averaged(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    terms = -F.logsigmoid(_labels(logits) * logits)
    wrong = terms.sum() - terms.diagonal().sum()
    return terms.diagonal().mean() + wrong / (len(logits) * (len(logits) - 1))


@mistake(
    siglip_loss,
    "your labels are 2 on the diagonal and 0 elsewhere: subtract 1 from all of them",
)
def labels_two_and_zero(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -F.logsigmoid(2 * torch.eye(len(logits)).to(logits) * logits).sum() / len(logits)


# --- the bias ------------------------------------------------------------------------------------


@mistake(siglip_loss, "the bias is missing: it is added to every logit")
def without_bias(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=temperature, bias=0.0)


@mistake(siglip_loss, "you subtract the bias: it is added, and begins at -10")
def bias_subtracted(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=temperature, bias=-bias)


@mistake(
    siglip_loss,
    "the bias is divided by the temperature too: only the cosine is",
)
def bias_divided(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=temperature, bias=bias / temperature)


@mistake(
    siglip_loss,
    "the label multiplies the cosine only: it multiplies the whole logit, bias included",
)
def bias_after_the_label(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature
    return -F.logsigmoid(_labels(logits) * logits + bias).sum() / len(logits)


@mistake(
    siglip_loss,
    "only the wrong pairs get the bias: it is added to the logits of the pairs on the diagonal too",
)
def bias_for_the_wrong_pairs(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature
    return _sigmoids(logits + bias * (1 - torch.eye(len(logits)).to(logits)))


@mistake(
    siglip_loss,
    "only the pairs on the diagonal get the bias: it is added to every logit",
)
def bias_for_the_pairs(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature
    return _sigmoids(logits + bias * torch.eye(len(logits)).to(logits))


# --- sigmoid, sum and mean -----------------------------------------------------------------------


@mistake(
    siglip_loss,
    "you average over all B x B pairs: their sum is divided by B, one number an image, "
    "so give binary_cross_entropy_with_logits reduction='sum'",
)
def mean_over_all_pairs(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=temperature, bias=bias) / len(image)


@mistake(siglip_loss, "you add up all pairs: divide their sum by B")
def siglip_summed(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=temperature, bias=bias) * len(image)


@mistake(
    siglip_loss,
    "you add up both directions: the matrix of logits holds every pair once already",
)
def both_directions(image, text, *, temperature, bias):
    return 2 * siglip_loss(image, text, temperature=temperature, bias=bias)


@mistake(
    siglip_loss,
    "a softmax lets the texts of the batch compete: here a sigmoid judges every pair alone",
)
def softmax_for_sigmoid(image, text, *, temperature, bias):
    return clip_loss(image, text, temperature=temperature)  # the bias makes no difference


@mistake(
    siglip_loss,
    "the logarithm is missing: the loss is minus the logarithm of the sigmoid",
)
def sigmoid_without_logarithm(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -(_labels(logits) * logits).sigmoid().sum() / len(logits)


@mistake(
    siglip_loss,
    "you take one minus the sigmoid: the loss is minus its logarithm",
)
def one_minus_the_sigmoid(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return (-_labels(logits) * logits).sigmoid().sum() / len(logits)


@mistake(siglip_loss, "the minus sign is missing: a logarithm of a probability is below 0")
def sign_missing(image, text, *, temperature, bias):
    return -siglip_loss(image, text, temperature=temperature, bias=bias)


@mistake(
    siglip_loss,
    "you take the sigmoid twice: logsigmoid and binary_cross_entropy_with_logits begin with one",
)
def sigmoid_twice(image, text, *, temperature, bias):
    return _sigmoids((_cosines(image, text) / temperature + bias).sigmoid())


@mistake(
    siglip_loss,
    "you take the logarithm of the mean: take the logarithm of each sigmoid, then their sum",
)
def siglip_logarithm_of_the_mean(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -(_labels(logits) * logits).sigmoid().mean().log()


@mistake(
    siglip_loss,
    "binary_cross_entropy_with_logits takes labels 1 and 0, and yours are 1 and -1",
)
def binary_with_minus_one(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return F.binary_cross_entropy_with_logits(logits, _labels(logits), reduction="sum") / len(
        logits
    )


@mistake(
    siglip_loss,
    "binary_cross_entropy_with_logits takes labels 1 and 0, yours are 1 and -1, and its mean goes "
    "over all pairs: divide the sum by B",
)
def binary_mean_with_minus_one(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return F.binary_cross_entropy_with_logits(logits, _labels(logits))


@mistake(siglip_loss, "you take a hinge: the loss is minus the logarithm of the sigmoid")
def hinge(image, text, *, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return (1 - _labels(logits) * logits).relu().sum() / len(logits)


# --- the cosine and the temperature --------------------------------------------------------------


@mistake(
    siglip_loss,
    "you multiply by the temperature: it divides the cosine, the paper's t is 1 / temperature",
)
def siglip_multiplied_by_temperature(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=1 / temperature, bias=bias)


@mistake(
    siglip_loss,
    "you divide the loss by the temperature: it divides the cosines, before the bias is added",
)
def siglip_loss_divided_by_temperature(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=1.0, bias=bias) / temperature


@mistake(siglip_loss, "the temperature is missing: it divides the cosine")
def siglip_without_temperature(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=1.0, bias=bias)


@mistake(
    siglip_loss,
    "you multiply by exp(temperature), as for a learned logarithm: the temperature divides",
)
def siglip_exponential_of_temperature(image, text, *, temperature, bias):
    return _sigmoids(_cosines(image, text) * torch.as_tensor(temperature).exp() + bias)


@mistake(siglip_loss, "you divide by the temperature twice: each cosine is divided by it once")
def siglip_temperature_twice(image, text, *, temperature, bias):
    return siglip_loss(image, text, temperature=temperature**2, bias=bias)


@mistake(
    siglip_loss,
    "you compare dot products: "
    "divide every vector by its length first, for the logit is made of a cosine",
)
def siglip_not_normalised(image, text, *, temperature, bias):
    return _sigmoids(image @ text.T / temperature + bias)


@mistake(siglip_loss, "only the images are normalised: divide every text by its length too")
def siglip_texts_not_normalised(image, text, *, temperature, bias):
    return _sigmoids(F.normalize(image) @ text.T / temperature + bias)


@mistake(siglip_loss, "only the texts are normalised: divide every image by its length too")
def siglip_images_not_normalised(image, text, *, temperature, bias):
    return _sigmoids(image @ F.normalize(text).T / temperature + bias)


@mistake(
    siglip_loss,
    "you divide each column by its length (dim=0): every row is a vector, normalise over dim=1",
)
def siglip_columns_normalised(image, text, *, temperature, bias):
    cosines = F.normalize(image, dim=0) @ F.normalize(text, dim=0).T
    return _sigmoids(cosines / temperature + bias)


# --- gradients -----------------------------------------------------------------------------------


@mistake(
    siglip_loss,
    "the value is right, but the texts are detached: the loss moves both encoders",
)
def siglip_text_detached(image, text, *, temperature, bias):
    return siglip_loss(image, text.detach(), temperature=temperature, bias=bias)


@mistake(
    siglip_loss,
    "the value is right, but the images are detached: the loss moves both encoders",
)
def siglip_image_detached(image, text, *, temperature, bias):
    return siglip_loss(image.detach(), text, temperature=temperature, bias=bias)


@mistake(siglip_loss)
def learned_temperature_detached(image, text, *, temperature, bias):
    """It shows only where the temperature is learned."""
    return siglip_loss(image, text, temperature=torch.as_tensor(temperature).detach(), bias=bias)


@mistake(siglip_loss)
def learned_bias_detached(image, text, *, temperature, bias):
    """It shows only where the bias is learned."""
    return siglip_loss(image, text, temperature=temperature, bias=torch.as_tensor(bias).detach())
