"""Mistakes in CLIP's loss."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import clip_loss, nt_xent
from mlteach.mistakes._registry import mistake


def _clip_of(logits: Tensor) -> Tensor:
    """The cross-entropy of rows whose positive stands on the diagonal."""
    return F.cross_entropy(logits, torch.arange(len(logits)))


def _image_text(image: Tensor, text: Tensor) -> Tensor:
    return F.normalize(image, dim=1) @ F.normalize(text, dim=1).T


@mistake(
    clip_loss,
    "only images look for their texts: texts look for their images too, average both directions",
)
def one_direction(image, text, *, temperature):
    return _clip_of(_image_text(image, text) / temperature)


@mistake(
    clip_loss,
    "only texts look for their images: images look for their texts too, average both directions",
)
def other_direction(image, text, *, temperature):
    return _clip_of(_image_text(text, image) / temperature)


@mistake(clip_loss, "you add both directions up: the loss is their mean")
def directions_added(image, text, *, temperature):
    return 2 * clip_loss(image, text, temperature=temperature)


@mistake(clip_loss, "you add up over the batch: the loss is the mean over the pairs")
def clip_summed(image, text, *, temperature):
    return len(image) * clip_loss(image, text, temperature=temperature)


@mistake(clip_loss, "image i gets another image's text: its text is row i")
def another_image_s_text(image, text, *, temperature):
    return clip_loss(image, text.roll(1, 0), temperature=temperature)


@mistake(
    clip_loss,
    "you compare dot products: "
    "divide every vector by its length first, for the score is the cosine",
)
def clip_not_normalised(image, text, *, temperature):
    logits = image @ text.T / temperature
    return (_clip_of(logits) + _clip_of(logits.T)) / 2


@mistake(clip_loss, "you multiply by the temperature: it divides the cosine")
def clip_multiplied_by_temperature(image, text, *, temperature):
    return clip_loss(image, text, temperature=1 / temperature)


@mistake(
    clip_loss,
    "you divide the loss by the temperature: it divides the cosines, before the softmax",
)
def clip_loss_divided_by_temperature(image, text, *, temperature):
    return clip_loss(image, text, temperature=1.0) / temperature


@mistake(clip_loss, "the value is right, but the texts are detached: the loss moves both encoders")
def text_detached(image, text, *, temperature):
    return clip_loss(image, text.detach(), temperature=temperature)


@mistake(
    clip_loss,
    "images compete with images, and texts with texts: an image's candidates are the texts only",
)
def one_kind_competes(image, text, *, temperature):
    return nt_xent(image, text, temperature=temperature)


@mistake(clip_loss, "the temperature is missing: it divides the cosines")
def clip_without_temperature(image, text, *, temperature):
    return clip_loss(image, text, temperature=1.0)


@mistake(
    clip_loss,
    "you multiply by exp(temperature), as for a learned logarithm: the temperature divides",
)
def clip_exponential_of_temperature(image, text, *, temperature):
    logits = _image_text(image, text) * torch.as_tensor(temperature).exp()
    return (_clip_of(logits) + _clip_of(logits.T)) / 2


@mistake(clip_loss, "only the images are normalised: divide every text by its length too")
def clip_texts_not_normalised(image, text, *, temperature):
    logits = F.normalize(image) @ text.T / temperature
    return (_clip_of(logits) + _clip_of(logits.T)) / 2


@mistake(clip_loss, "only the texts are normalised: divide every image by its length too")
def clip_images_not_normalised(image, text, *, temperature):
    logits = image @ F.normalize(text).T / temperature
    return (_clip_of(logits) + _clip_of(logits.T)) / 2


@mistake(
    clip_loss,
    "you divide the columns of images and texts by their lengths (dim=0): each row is a vector",
)
def clip_columns_normalised(image, text, *, temperature):
    logits = F.normalize(image, dim=0) @ F.normalize(text, dim=0).T / temperature
    return (_clip_of(logits) + _clip_of(logits.T)) / 2


@mistake(
    clip_loss,
    "you hand probabilities to cross_entropy, which takes logits and applies a softmax itself",
)
def clip_softmax_twice(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    return (_clip_of(logits.softmax(1)) + _clip_of(logits.T.softmax(1))) / 2


@mistake(
    clip_loss,
    "you hand probabilities to cross_entropy, which takes logits and applies a softmax itself; "
    "and the softmax of the rows serves the columns, too",
)
def clip_softmax_of_rows_twice(image, text, *, temperature):
    shares = (_image_text(image, text) / temperature).softmax(1)
    return (_clip_of(shares) + _clip_of(shares.T)) / 2


@mistake(
    clip_loss,
    "row and column share one denominator in yours: each has a softmax, and a loss, of its own",
)
def row_and_column_in_one_softmax(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    return (torch.cat([logits, logits.T], 1).logsumexp(1) - logits.diagonal()).mean()


@mistake(
    clip_loss,
    "you divide by the sum of absolute values, p=1: the length is the root of the sum of squares",
)
def clip_normalised_by_sums(image, text, *, temperature):
    logits = F.normalize(image, p=1, dim=1) @ F.normalize(text, p=1, dim=1).T / temperature
    return (_clip_of(logits) + _clip_of(logits.T)) / 2


@mistake(clip_loss, "the right answer of every row is 0 here: that of row i is i, arange(B)")
def clip_labels_zero(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    own = torch.zeros(len(logits), dtype=torch.long)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


@mistake(
    clip_loss,
    "your denominators hold the wrong texts and images only: the own one is among the candidates",
)
def clip_own_not_in_denominator(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    wrong = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -math.inf)
    return (wrong.logsumexp(1) + wrong.logsumexp(0)).mean() / 2 - logits.diagonal().mean()


@mistake(
    clip_loss,
    "one softmax goes over all B x B pairs: every row has its own, and every column",
)
def one_softmax_for_all_pairs(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    return logits.flatten().logsumexp(0) - logits.diagonal().mean()


@mistake(
    clip_loss,
    "sigmoids judge each pair alone, as in SigLIP: in CLIP's loss candidates share a softmax",
)
def sigmoids_for_softmax(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    labels = 2 * torch.eye(len(logits)).to(logits) - 1
    return -F.logsigmoid(labels * logits).sum() / len(logits)


@mistake(
    clip_loss,
    "you take the logarithm of the mean of both probabilities: take the mean of both logarithms",
)
def clip_logarithm_of_the_mean(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    return -((logits.softmax(0) + logits.softmax(1)) / 2).diagonal().log().mean()


@mistake(
    clip_loss,
    "you take the logarithm of the mean probability of all pairs: take the mean of the logarithms",
)
def clip_logarithm_of_the_mean_of_pairs(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    means = [logits.softmax(dim).diagonal().mean() for dim in (0, 1)]
    return -(means[0].log() + means[1].log()) / 2


@mistake(
    clip_loss,
    "you average both matrices of logits, and take one direction: average the two losses",
)
def clip_logits_averaged(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    return _clip_of((logits + logits.T) / 2)


@mistake(clip_loss, "you compare distances: the score is the cosine")
def clip_distances(image, text, *, temperature):
    distances = torch.cdist(F.normalize(image, dim=1), F.normalize(text, dim=1))
    return (_clip_of(-distances / temperature) + _clip_of(-distances.T / temperature)) / 2


@mistake(
    clip_loss,
    "images are compared with images, and texts with texts: compare each image with each text",
)
def each_kind_by_itself(image, text, *, temperature):
    images, texts = _image_text(image, image), _image_text(text, text)
    return (_clip_of(images / temperature) + _clip_of(texts / temperature)) / 2


@mistake(
    clip_loss,
    "binary_cross_entropy judges each pair alone: in CLIP's loss candidates share a softmax",
)
def binary_for_softmax(image, text, *, temperature):
    logits = _image_text(image, text) / temperature
    truth = torch.eye(len(logits)).to(logits)
    return F.binary_cross_entropy_with_logits(logits, truth)
