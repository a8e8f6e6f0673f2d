"""Answers to chapter 13 as students write them, made before the checks were read."""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("13")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# clip_loss(image, text, temperature)


def _cosines(image, text):
    return F.normalize(image, dim=1) @ F.normalize(text, dim=1).T


def _own(image):
    return torch.arange(len(image))


def _both(logits):
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def _clip(image, text, temperature):
    return _both(_cosines(image, text) / temperature)


def _images_only(image, text, temperature):
    return F.cross_entropy(_cosines(image, text) / temperature, _own(image))


def _texts_only(image, text, temperature):
    return F.cross_entropy(_cosines(text, image) / temperature, _own(image))


def _rows_twice(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return (F.cross_entropy(logits, _own(image)) + F.cross_entropy(logits, _own(image))) / 2


def _transposed_twice(image, text, temperature):
    logits_image = _cosines(image, text) / temperature
    logits_text = _cosines(text, image).T / temperature
    own = _own(image)
    return (F.cross_entropy(logits_image, own) + F.cross_entropy(logits_text, own)) / 2


def _without_half(image, text, temperature):
    return 2 * _clip(image, text, temperature)


def _summed(image, text, temperature):
    return len(image) * _clip(image, text, temperature)


def _one_a_pair(image, text, temperature):
    logits = _cosines(image, text) / temperature
    rows = F.cross_entropy(logits, _own(image), reduction="none")
    return (rows + F.cross_entropy(logits.T, _own(image), reduction="none")) / 2


def _not_normalised(image, text, temperature):
    return _both(image @ text.T / temperature)


def _text_not_normalised(image, text, temperature):
    return _both(F.normalize(image, dim=1) @ text.T / temperature)


def _image_not_normalised(image, text, temperature):
    return _both(image @ F.normalize(text, dim=1).T / temperature)


def _normalised_over_the_batch(image, text, temperature):
    return _both(F.normalize(image, dim=0) @ F.normalize(text, dim=0).T / temperature)


def _whole_norm(image, text, temperature):
    return _both(image / image.norm() @ (text / text.norm()).T / temperature)


def _root_forgotten(image, text, temperature):
    image = image / image.square().sum(1, keepdim=True)
    return _both(image @ (text / text.square().sum(1, keepdim=True)).T / temperature)


def _no_temperature(image, text, temperature):
    return _both(_cosines(image, text))


def _times_temperature(image, text, temperature):
    return _both(_cosines(image, text) * temperature)


def _exp_of_temperature(image, text, temperature):
    return _both(_cosines(image, text) * math.exp(temperature))


def _fixed_temperature(image, text, temperature):
    return _both(_cosines(image, text) / 0.07)


def _temperature_outside(image, text, temperature):
    return _both(_cosines(image, text)) / temperature


def _temperature_in_one_direction(image, text, temperature):
    cosines, own = _cosines(image, text), _own(image)
    return (F.cross_entropy(cosines / temperature, own) + F.cross_entropy(cosines.T, own)) / 2


def _root_of_temperature(image, text, temperature):
    return _both(_cosines(image, text) / math.sqrt(temperature))


def _positive_left_out(image, text, temperature):
    logits = _cosines(image, text) / temperature
    negatives = logits.masked_fill(torch.eye(len(logits)).bool(), -math.inf)
    both = negatives.logsumexp(1) + negatives.logsumexp(0)
    return (both / 2 - logits.diagonal()).mean()


def _nt_xent(image, text, temperature):
    z = torch.cat([image, text])
    logits = _cosines(z, z) / temperature
    logits = logits.masked_fill(torch.eye(len(z)).bool(), -math.inf)
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(image)))


def _labels_zero(image, text, temperature):
    logits = _cosines(image, text) / temperature
    zeros = torch.zeros(len(image), dtype=torch.long)
    return (F.cross_entropy(logits, zeros) + F.cross_entropy(logits.T, zeros)) / 2


def _next_pair(image, text, temperature):
    logits = _cosines(image, text) / temperature
    own = _own(image).roll(1)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def _softmax_twice(image, text, temperature):
    logits = _cosines(image, text) / temperature
    own = _own(image)
    return (F.cross_entropy(logits.softmax(1), own) + F.cross_entropy(logits.T.softmax(1), own)) / 2


def _probability(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return -(logits.softmax(0) + logits.softmax(1)).diagonal().mean() / 2


def _log_of_the_mean(image, text, temperature):
    logits = _cosines(image, text) / temperature
    rows, columns = logits.softmax(1).diagonal(), logits.softmax(0).diagonal()
    return -(rows.mean().log() + columns.mean().log()) / 2


def _log_of_both_shares(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return -((logits.softmax(0) + logits.softmax(1)).diagonal() / 2).log().mean()


def _softmax_of_everything(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return (logits.logsumexp((0, 1)) - logits.diagonal()).mean()


def _mean_of_all_entries(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return -(logits.log_softmax(1) + logits.log_softmax(0)).mean() / 2


def _logits_made_symmetric(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return F.cross_entropy((logits + logits.T) / 2, _own(image))


def _as_typed(image, text, temperature):
    weights = (_cosines(image, text) / temperature).exp()
    rows = -(weights.diagonal() / weights.sum(1)).log().mean()
    return (rows - (weights.diagonal() / weights.sum(0)).log().mean()) / 2


def _distances(image, text, temperature):
    distances = torch.cdist(F.normalize(image, dim=1), F.normalize(text, dim=1))
    return _both(-distances / temperature)


def _binary(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return F.binary_cross_entropy_with_logits(logits, torch.eye(len(logits), dtype=logits.dtype))


def _images_among_themselves(image, text, temperature):
    own = _own(image)
    images = F.cross_entropy(_cosines(image, image) / temperature, own)
    return (images + F.cross_entropy(_cosines(text, text) / temperature, own)) / 2


def _first_pair(image, text, temperature):
    logits = _cosines(image, text) / temperature
    rows = logits[0].logsumexp(0) - logits[0, 0]
    return (rows + logits[:, 0].logsumexp(0) - logits[0, 0]) / 2


def _text_detached(image, text, temperature):
    return _clip(image, text.detach(), temperature)


def _image_detached(image, text, temperature):
    return _clip(image.detach(), text, temperature)


def _item(image, text, temperature):
    return _clip(image, text, temperature).item()


def _printed(image, text, temperature):
    print(_clip(image, text, temperature))


wrong("clip_loss", "the stub: None", lambda image, text, temperature: None)
wrong("clip_loss", "image to text only", _images_only)
wrong("clip_loss", "text to image only", _texts_only)
wrong("clip_loss", "rows twice, no transpose", _rows_twice)
wrong("clip_loss", "text @ image.T transposed again: rows twice", _transposed_twice)
wrong("clip_loss", "sum of both directions", _without_half)
wrong("clip_loss", "sum over the pairs", _summed)
wrong("clip_loss", "one loss a pair", _one_a_pair)
wrong("clip_loss", "not normalised", _not_normalised)
wrong("clip_loss", "text not normalised", _text_not_normalised)
wrong("clip_loss", "image not normalised", _image_not_normalised)
wrong("clip_loss", "normalised over the batch: dim 0", _normalised_over_the_batch)
wrong("clip_loss", "divided by the norm of the whole matrix", _whole_norm)
wrong("clip_loss", "divided by the squared length", _root_forgotten)
wrong("clip_loss", "no temperature", _no_temperature)
wrong("clip_loss", "times the temperature", _times_temperature)
wrong("clip_loss", "times exp(temperature), as CLIP's code", _exp_of_temperature)
wrong("clip_loss", "temperature always 0.07", _fixed_temperature)
wrong("clip_loss", "loss divided by the temperature", _temperature_outside)
wrong("clip_loss", "temperature in one direction only", _temperature_in_one_direction)
wrong("clip_loss", "root of the temperature", _root_of_temperature)
wrong("clip_loss", "own pair missing below", _positive_left_out)
wrong("clip_loss", "NT-Xent: images against images too", _nt_xent)
wrong("clip_loss", "label 0 for every pair", _labels_zero)
wrong("clip_loss", "label of the pair before", _next_pair)
wrong("clip_loss", "cross_entropy of probabilities: softmax twice", _softmax_twice)
wrong("clip_loss", "minus the probability, no logarithm", _probability)
wrong("clip_loss", "logarithm of the mean probability", _log_of_the_mean)
wrong("clip_loss", "both shares averaged, then the logarithm", _log_of_both_shares)
wrong("clip_loss", "softmax over the whole matrix", _softmax_of_everything)
wrong("clip_loss", "mean of all entries, no diagonal", _mean_of_all_entries)
wrong("clip_loss", "logits made symmetric, one direction", _logits_made_symmetric)
wrong("clip_loss", "exp as typed: nan at temperature 0.01", _as_typed)
wrong("clip_loss", "distances instead of cosines", _distances)
wrong("clip_loss", "binary cross-entropy", _binary)
wrong("clip_loss", "images with images, texts with texts", _images_among_themselves)
wrong("clip_loss", "first pair only", _first_pair)
wrong("clip_loss", "sign forgotten", lambda *args: -_clip(*args))
wrong("clip_loss", "in bits", lambda *args: _clip(*args) / math.log(2))
wrong("clip_loss", "text detached", _text_detached)
wrong("clip_loss", "image detached", _image_detached)
wrong("clip_loss", "item(): no gradient", _item)
wrong("clip_loss", "prints instead of returning", _printed)


def _clip_loop(image, text, temperature):
    losses = []
    for i in range(len(image)):
        texts = F.cosine_similarity(image[i : i + 1], text) / temperature
        images = F.cosine_similarity(text[i : i + 1], image) / temperature
        losses.append(texts.logsumexp(0) - texts[i])
        losses.append(images.logsumexp(0) - images[i])
    return sum(losses) / len(losses)


def _clip_einsum(i, t, tau):
    i = i / torch.linalg.vector_norm(i, dim=-1, keepdim=True)
    t = t / torch.linalg.vector_norm(t, dim=-1, keepdim=True)
    logits = torch.einsum("bp,cp->bc", i, t) / tau
    both = logits.log_softmax(0) + logits.log_softmax(1)
    return -0.5 * both.diagonal().mean()


def _clip_logsumexp(image, text, temperature):
    logits = _cosines(image.double(), text.double()) / temperature
    ends = logits.logsumexp(0).mean() + logits.logsumexp(1).mean()
    return 0.5 * ends - logits.diag().mean()


def _clip_soft_labels(image, text, temperature):
    logits = _cosines(image, text) / temperature
    truth = torch.eye(len(logits), dtype=logits.dtype)
    loss = nn.CrossEntropyLoss()
    return (loss(logits, truth) + loss(logits.mT, truth)) * 0.5


def _clip_from_distances(image, text, temperature):
    image, text = F.normalize(image, dim=1), F.normalize(text, dim=1)
    squares = (image[:, None] - text[None]).square().sum(2)
    return _both((1 - squares / 2) / temperature)


def _clip_joined(image, text, temperature):
    logits = _cosines(image, text).div(temperature)
    everything = torch.cat([logits, logits.T])
    return F.cross_entropy(everything, torch.arange(len(logits)).repeat(2))


right("clip_loss", "a loop with cosine_similarity", _clip_loop)
right("clip_loss", "einsum and log_softmax, other names", _clip_einsum)
right("clip_loss", "float64 and logsumexp", _clip_logsumexp)
right("clip_loss", "identity as soft labels", _clip_soft_labels)
right("clip_loss", "cosines by squared distances", _clip_from_distances)
right("clip_loss", "both directions in one cross_entropy", _clip_joined)


# siglip_loss(image, text, temperature, bias)


def _logits(image, text, temperature, bias):
    return _cosines(image, text) / temperature + bias


def _signs(logits):
    return 2 * torch.eye(len(logits), dtype=logits.dtype) - 1


def _from_logits(logits):
    return -F.logsigmoid(_signs(logits) * logits).sum() / len(logits)


def _siglip(image, text, temperature, bias):
    return _from_logits(_logits(image, text, temperature, bias))


def _by_logits(loss_of):
    def loss(image, text, temperature, bias):
        return loss_of(_logits(image, text, temperature, bias))

    return loss


def _labels_zero_one(logits):
    return -F.logsigmoid(torch.eye(len(logits)) * logits).sum() / len(logits)


def _labels_minus_one_zero(logits):
    return -F.logsigmoid((torch.eye(len(logits)) - 1) * logits).sum() / len(logits)


def _labels_two_zero(logits):
    return -F.logsigmoid(2 * torch.eye(len(logits)) * logits).sum() / len(logits)


def _labels_turned(logits):
    return -F.logsigmoid(-_signs(logits) * logits).sum() / len(logits)


def _all_ones(logits):
    return -F.logsigmoid(logits).sum() / len(logits)


def _mean_of_pairs(logits):
    return -F.logsigmoid(_signs(logits) * logits).mean()


def _sum_of_pairs(logits):
    return -F.logsigmoid(_signs(logits) * logits).sum()


def _divided_by_the_wrong_pairs(logits):
    return -F.logsigmoid(_signs(logits) * logits).sum() / (len(logits) * (len(logits) - 1))


def _one_row(logits):
    return -F.logsigmoid(_signs(logits) * logits).sum(1)


def _own_pairs_only(logits):
    return -F.logsigmoid(logits.diagonal()).mean()


def _wrong_pairs_only(logits):
    terms = F.logsigmoid(-logits)
    return -(terms.sum() - terms.diagonal().sum()) / len(logits)


def _both_kinds_alike(logits):
    own = torch.eye(len(logits)).bool()
    return -(F.logsigmoid(logits[own]).mean() + F.logsigmoid(-logits[~own]).mean())


def _bce_mean(logits):
    return F.binary_cross_entropy_with_logits(logits, torch.eye(len(logits), dtype=logits.dtype))


def _bce_with_signs(logits):
    loss = F.binary_cross_entropy_with_logits(logits, _signs(logits), reduction="sum")
    return loss / len(logits)


def _bce_of_sigmoid(logits):
    truth = torch.eye(len(logits), dtype=logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits.sigmoid(), truth, reduction="sum")
    return loss / len(logits)


def _no_logarithm(logits):
    return -(_signs(logits) * logits).sigmoid().sum() / len(logits)


def _one_minus_probability(logits):
    return (1 - (_signs(logits) * logits).sigmoid()).sum() / len(logits)


def _log_of_sigmoid(logits):
    return -(_signs(logits) * logits).sigmoid().log().sum() / len(logits)


def _logarithm_of_the_sum(logits):
    return -(_signs(logits) * logits).sigmoid().mean().log()


def _signs_outside(logits):
    return -(_signs(logits) * F.logsigmoid(logits)).sum() / len(logits)


def _softmax(logits):
    return F.cross_entropy(logits, torch.arange(len(logits)))


def _hinge(logits):
    return (1 - _signs(logits) * logits).clamp(min=0).sum() / len(logits)


def _tanh(logits):
    return -(_signs(logits) * logits).tanh().sum() / len(logits)


def _two_directions_summed(logits):
    return _from_logits(logits) + _from_logits(logits.T)


def _upper_half(logits):
    return -F.logsigmoid(_signs(logits) * logits).triu().sum() / len(logits)


def _first_column_right(logits):
    signs = -torch.ones_like(logits)
    signs[:, 0] = 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)


def _no_bias(image, text, temperature, bias):
    return _siglip(image, text, temperature, 0)


def _bias_subtracted(image, text, temperature, bias):
    return _siglip(image, text, temperature, -bias)


def _bias_divided_too(image, text, temperature, bias):
    return _from_logits((_cosines(image, text) + bias) / temperature)


def _bias_outside_the_sign(image, text, temperature, bias):
    logits = _cosines(image, text) / temperature
    return -F.logsigmoid(_signs(logits) * logits + bias).sum() / len(logits)


def _bias_outside_the_sigmoid(image, text, temperature, bias):
    return _siglip(image, text, temperature, 0) + bias


def _bias_minus_ten(image, text, temperature, bias):
    return _siglip(image, text, temperature, -10)


def _bias_on_the_wrong_pairs(image, text, temperature, bias):
    logits = _cosines(image, text) / temperature
    return _from_logits(logits + bias * (1 - torch.eye(len(logits))))


def _siglip_times_temperature(image, text, temperature, bias):
    return _from_logits(_cosines(image, text) * temperature + bias)


def _siglip_no_temperature(image, text, temperature, bias):
    return _from_logits(_cosines(image, text) + bias)


def _siglip_t_of_ten(image, text, temperature, bias):
    return _from_logits(_cosines(image, text) * 10 + bias)


def _siglip_exp_of_temperature(image, text, temperature, bias):
    return _from_logits(_cosines(image, text) * math.exp(temperature) + bias)


def _siglip_not_normalised(image, text, temperature, bias):
    return _from_logits(image @ text.T / temperature + bias)


def _siglip_text_not_normalised(image, text, temperature, bias):
    return _from_logits(F.normalize(image, dim=1) @ text.T / temperature + bias)


def _siglip_normalised_over_the_batch(image, text, temperature, bias):
    cosines = F.normalize(image, dim=0) @ F.normalize(text, dim=0).T
    return _from_logits(cosines / temperature + bias)


def _siglip_text_detached(image, text, temperature, bias):
    return _siglip(image, text.detach(), temperature, bias)


def _siglip_image_detached(image, text, temperature, bias):
    return _siglip(image.detach(), text, temperature, bias)


def _siglip_item(image, text, temperature, bias):
    return _siglip(image, text, temperature, bias).item()


def _siglip_printed(image, text, temperature, bias):
    print(_siglip(image, text, temperature, bias))


wrong("siglip_loss", "the stub: None", lambda image, text, temperature, bias: None)
wrong("siglip_loss", "labels 0 and 1", _by_logits(_labels_zero_one))
wrong("siglip_loss", "labels -1 and 0", _by_logits(_labels_minus_one_zero))
wrong("siglip_loss", "labels 0 and 2: the minus 1 forgotten", _by_logits(_labels_two_zero))
wrong("siglip_loss", "labels turned round", _by_logits(_labels_turned))
wrong("siglip_loss", "no labels: all belong together", _by_logits(_all_ones))
wrong("siglip_loss", "labels outside the logarithm", _by_logits(_signs_outside))
wrong("siglip_loss", "first text right for all", _by_logits(_first_column_right))
wrong("siglip_loss", "mean over all B x B pairs", _by_logits(_mean_of_pairs))
wrong("siglip_loss", "sum over all pairs", _by_logits(_sum_of_pairs))
wrong("siglip_loss", "divided by B (B - 1)", _by_logits(_divided_by_the_wrong_pairs))
wrong("siglip_loss", "one sum an image", _by_logits(_one_row))
wrong("siglip_loss", "own pairs only", _by_logits(_own_pairs_only))
wrong("siglip_loss", "wrong pairs only", _by_logits(_wrong_pairs_only))
wrong("siglip_loss", "mean of the own plus mean of the others", _by_logits(_both_kinds_alike))
wrong("siglip_loss", "binary cross-entropy, its mean", _by_logits(_bce_mean))
wrong("siglip_loss", "binary cross-entropy with labels -1 and 1", _by_logits(_bce_with_signs))
wrong("siglip_loss", "sigmoid twice", _by_logits(_bce_of_sigmoid))
wrong("siglip_loss", "no logarithm", _by_logits(_no_logarithm))
wrong("siglip_loss", "one minus the probability", _by_logits(_one_minus_probability))
wrong("siglip_loss", "log of sigmoid: infinite far out", _by_logits(_log_of_sigmoid))
wrong("siglip_loss", "logarithm of the mean", _by_logits(_logarithm_of_the_sum))
wrong("siglip_loss", "CLIP's softmax", _by_logits(_softmax))
wrong("siglip_loss", "hinge", _by_logits(_hinge))
wrong("siglip_loss", "tanh", _by_logits(_tanh))
wrong("siglip_loss", "both directions added", _by_logits(_two_directions_summed))
wrong("siglip_loss", "upper triangle only", _by_logits(_upper_half))
wrong("siglip_loss", "sign forgotten", lambda *args: -_siglip(*args))
wrong("siglip_loss", "in bits", lambda *args: _siglip(*args) / math.log(2))
wrong("siglip_loss", "half of it", lambda *args: _siglip(*args) / 2)
wrong("siglip_loss", "bias forgotten", _no_bias)
wrong("siglip_loss", "bias subtracted", _bias_subtracted)
wrong("siglip_loss", "bias divided by the temperature", _bias_divided_too)
wrong("siglip_loss", "bias outside the label", _bias_outside_the_sign)
wrong("siglip_loss", "bias added to the loss", _bias_outside_the_sigmoid)
wrong("siglip_loss", "bias always -10", _bias_minus_ten)
wrong("siglip_loss", "bias for wrong pairs only", _bias_on_the_wrong_pairs)
wrong("siglip_loss", "times the temperature", _siglip_times_temperature)
wrong("siglip_loss", "no temperature", _siglip_no_temperature)
wrong("siglip_loss", "t = 10 always", _siglip_t_of_ten)
wrong("siglip_loss", "times exp(temperature), as in the paper's code", _siglip_exp_of_temperature)
wrong("siglip_loss", "not normalised", _siglip_not_normalised)
wrong("siglip_loss", "text not normalised", _siglip_text_not_normalised)
wrong("siglip_loss", "normalised over the batch: dim 0", _siglip_normalised_over_the_batch)
wrong("siglip_loss", "text detached", _siglip_text_detached)
wrong("siglip_loss", "image detached", _siglip_image_detached)
wrong("siglip_loss", "item(): no gradient", _siglip_item)
wrong("siglip_loss", "prints instead of returning", _siglip_printed)


def _siglip_bce(image, text, temperature, bias):
    logits = _logits(image, text, temperature, bias)
    truth = torch.eye(len(image), dtype=logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, truth, reduction="sum") / len(image)


def _siglip_softplus(image, text, temperature, bias):
    logits = _logits(image, text, temperature, bias)
    own = torch.eye(len(logits), dtype=torch.bool)
    return F.softplus(torch.where(own, -logits, logits)).sum(1).mean()


def _siglip_mean_then_sum(i, t, tau, b):
    logits = torch.einsum("bp,cp->bc", F.normalize(i), F.normalize(t)) / tau + b
    signs = -torch.ones_like(logits)
    signs.fill_diagonal_(1)
    return -F.logsigmoid(signs * logits).mean(dim=1).sum()


def _siglip_loop(image, text, temperature, bias):
    loss = 0.0
    for i in range(len(image)):
        for k in range(len(text)):
            cosine = F.cosine_similarity(image[i], text[k], dim=0)
            sign = 1 if i == k else -1
            loss = loss - F.logsigmoid(sign * (cosine / temperature + bias))
    return loss / len(image)


def _siglip_double(image, text, temperature, bias):
    logits = _logits(image.double(), text.double(), temperature, bias)
    zero = torch.zeros((), dtype=torch.float64)
    return torch.logaddexp(zero, -_signs(logits) * logits).sum() / len(logits)


def _siglip_trace(image, text, temperature, bias):
    logits = _logits(image, text, temperature, bias)
    return (F.softplus(logits).sum() - logits.trace()) / logits.shape[0]


def _siglip_two_halves(image, text, temperature, bias):
    logits = _logits(image, text, temperature, bias)
    return (_from_logits(logits) + _from_logits(logits.T)) / 2


right("siglip_loss", "binary cross-entropy, its sum divided by B", _siglip_bce)
right("siglip_loss", "softplus, sum of a row, then mean", _siglip_softplus)
right("siglip_loss", "mean of a row, then sum, other names", _siglip_mean_then_sum)
right("siglip_loss", "two loops", _siglip_loop)
right("siglip_loss", "float64 and logaddexp", _siglip_double)
right("siglip_loss", "softplus of all minus the trace", _siglip_trace)
right("siglip_loss", "mean of two directions, which are equal", _siglip_two_halves)


# zero_shot(image, prompts) -> (B,)


def _answers(image, prompts):
    return _cosines(image, prompts).argmax(1)


def _dot_products(image, prompts):
    return (image @ prompts.T).argmax(1)


def _only_images_normalised(image, prompts):
    return (F.normalize(image, dim=1) @ prompts.T).argmax(1)


def _prompts_normalised_over_them(image, prompts):
    return (F.normalize(image, dim=1) @ F.normalize(prompts, dim=0).T).argmax(1)


def _prompts_by_the_whole_norm(image, prompts):
    return (image @ (prompts / prompts.norm()).T).argmax(1)


def _prompts_by_squares(image, prompts):
    return (image @ (prompts / prompts.square().sum(1, keepdim=True)).T).argmax(1)


def _prompts_by_absolute_sums(image, prompts):
    return (image @ F.normalize(prompts, p=1, dim=1).T).argmax(1)


def _prompts_softmax(image, prompts):
    return (image.softmax(1) @ prompts.softmax(1).T).argmax(1)


def _smallest_distance(image, prompts):
    return torch.cdist(image, prompts).argmin(1)


def _largest_distance(image, prompts):
    return torch.cdist(F.normalize(image, dim=1), F.normalize(prompts, dim=1)).argmax(1)


def _centred(image, prompts):
    return _answers(image - image.mean(0), prompts - prompts.mean(0))


def _correlation(image, prompts):
    image = image - image.mean(1, keepdim=True)
    return _answers(image, prompts - prompts.mean(1, keepdim=True))


def _absolute(image, prompts):
    return _cosines(image, prompts).abs().argmax(1)


def _best_image(image, prompts):
    return _cosines(image, prompts).argmax(0)


def _one_for_all(image, prompts):
    return _cosines(image, prompts).argmax()


def _of_the_mean(image, prompts):
    return _cosines(image, prompts).mean(0).argmax().expand(len(image))


def _softmax_over_images(image, prompts):
    return (_cosines(image, prompts) / 0.07).softmax(0).argmax(1)


def _worst(image, prompts):
    return _cosines(image, prompts).argmin(1)


def _values(image, prompts):
    return _cosines(image, prompts).max(1).values


def _shares(image, prompts):
    return (_cosines(image, prompts) / 0.07).softmax(1)


def _one_hot(image, prompts):
    return F.one_hot(_answers(image, prompts), len(prompts))


def _column(image, prompts):
    return _cosines(image, prompts).argmax(1, keepdim=True)


def _top_k(image, prompts):
    return _cosines(image, prompts).topk(1).indices


def _sorted_up(image, prompts):
    return _cosines(image, prompts).argsort(1)[:, 0]


def _second(image, prompts):
    return _cosines(image, prompts).argsort(1)[:, -2]


def _rank_for_number(image, prompts):
    return _cosines(image, prompts).argsort(1).argsort(1)[:, 0]


def _floats(image, prompts):
    return _answers(image, prompts).float()


def _first_image(image, prompts):
    for row in image:
        return F.cosine_similarity(row[None], prompts).argmax()


def _printed_answers(image, prompts):
    print(_answers(image, prompts))


wrong("zero_shot", "the stub: None", lambda image, prompts: None)
wrong("zero_shot", "not normalised", _dot_products)
wrong("zero_shot", "prompts not normalised", _only_images_normalised)
wrong("zero_shot", "prompts normalised over the prompts: dim 0", _prompts_normalised_over_them)
wrong("zero_shot", "prompts divided by the norm of all", _prompts_by_the_whole_norm)
wrong("zero_shot", "prompts divided by the squared length", _prompts_by_squares)
wrong("zero_shot", "prompts divided by their absolute sum", _prompts_by_absolute_sums)
wrong("zero_shot", "softmax for normalising", _prompts_softmax)
wrong("zero_shot", "smallest distance, not normalised", _smallest_distance)
wrong("zero_shot", "largest distance", _largest_distance)
wrong("zero_shot", "means subtracted first", _centred)
wrong("zero_shot", "correlation instead of cosine", _correlation)
wrong("zero_shot", "largest absolute cosine", _absolute)
wrong("zero_shot", "best image for each prompt", _best_image)
wrong("zero_shot", "argmax of the whole matrix", _one_for_all)
wrong("zero_shot", "one answer for all images", _of_the_mean)
wrong("zero_shot", "softmax over the images", _softmax_over_images)
wrong("zero_shot", "smallest cosine", _worst)
wrong("zero_shot", "largest cosine, not its number", _values)
wrong("zero_shot", "softmax, no answer", _shares)
wrong("zero_shot", "one-hot rows", _one_hot)
wrong("zero_shot", "keepdim: (B, 1)", _column)
wrong("zero_shot", "topk(1): (B, 1)", _top_k)
wrong("zero_shot", "argsort upwards, first column", _sorted_up)
wrong("zero_shot", "second best", _second)
wrong("zero_shot", "rank of prompt 0", _rank_for_number)
wrong("zero_shot", "prompts counted from 1", lambda image, prompts: _answers(image, prompts) + 1)
wrong("zero_shot", "floats", _floats)
wrong("zero_shot", "return in the loop: first image only", _first_image)
wrong("zero_shot", "prints instead of returning", _printed_answers)


def _zero_shot_loop(image, prompts):
    numbers = []
    for row in image:
        numbers.append(int(F.cosine_similarity(row[None], prompts).argmax()))
    return torch.tensor(numbers)


def _zero_shot_prompts_only(image, prompts):
    return torch.argmax(image @ F.normalize(prompts, dim=1).T, dim=1)


def _zero_shot_distances(image, prompts):
    unit = F.normalize(image, dim=1), F.normalize(prompts, dim=1)
    return torch.cdist(*unit).argmin(dim=1)


def _zero_shot_softmax(i, p):
    cosines = F.cosine_similarity(i[:, None], p[None], dim=-1)
    return (cosines / 0.1).softmax(dim=-1).max(dim=-1).indices


def _zero_shot_double(image, prompts):
    products = torch.einsum("bp,cp->bc", image.double(), prompts.double())
    lengths = prompts.double().square().sum(1).sqrt()
    return (products / lengths).argsort(dim=1)[:, -1]


def _zero_shot_numpy(image, prompts):
    image, prompts = image.detach().numpy(), prompts.detach().numpy()
    cosines = image @ (prompts / np.linalg.norm(prompts, axis=1, keepdims=True)).T
    return torch.from_numpy(cosines.argmax(axis=1))


right("zero_shot", "a loop with cosine_similarity", _zero_shot_loop)
right("zero_shot", "only the prompts normalised", _zero_shot_prompts_only)
right("zero_shot", "smallest distance of unit vectors", _zero_shot_distances)
right("zero_shot", "softmax, then max, other names", _zero_shot_softmax)
right("zero_shot", "float64 and argsort", _zero_shot_double)
right("zero_shot", "numpy, back as a tensor", _zero_shot_numpy)


# recall_at_k(similarities, k) -> ()


def _hits(similarities, k):
    nearest = similarities.topk(k, dim=1).indices
    return (nearest == torch.arange(len(similarities))[:, None]).any(1)


def _recall(similarities, k):
    return _hits(similarities, k).float().mean()


def _recall_at_one(similarities, k):
    return (similarities.argmax(1) == torch.arange(len(similarities))).float().mean()


def _columns(similarities, k):
    return _recall(similarities.T, k)


def _smallest(similarities, k):
    return _recall(-similarities, k)


def _one_more(similarities, k):
    return _recall(similarities, min(k + 1, len(similarities)))


def _rank_at_most_k(similarities, k):
    ranks = (similarities > similarities.diagonal()[:, None]).sum(1)
    return (ranks <= k).float().mean()


def _place_k_only(similarities, k):
    nearest = similarities.topk(k, dim=1).indices[:, -1]
    return (nearest == torch.arange(len(similarities))).float().mean()


def _precision(similarities, k):
    return _recall(similarities, k) / k


def _mean_of_matches(similarities, k):
    nearest = similarities.topk(k, dim=1).indices
    return (nearest == torch.arange(len(similarities))[:, None]).float().mean()


def _summed_hits(similarities, k):
    return _hits(similarities, k).sum()


def _each_hit(similarities, k):
    return _hits(similarities, k)


def _percent(similarities, k):
    return 100 * _recall(similarities, k)


def _missed(similarities, k):
    return 1 - _recall(similarities, k)


def _integer_division(similarities, k):
    return _hits(similarities, k).sum() // len(similarities)


def _own_without_axis(similarities, k):
    nearest = similarities.topk(k, dim=1).indices
    return (nearest.T == torch.arange(len(similarities))[:, None][:k]).any(0).float().mean()


def _column_zero(similarities, k):
    return (similarities.topk(k, dim=1).indices == 0).any(1).float().mean()


def _anywhere(similarities, k):
    nearest = similarities.topk(k, dim=1).indices
    own = torch.arange(len(similarities))
    return torch.isin(own, nearest).float().mean()


def _argsort_for_rank(similarities, k):
    order = similarities.argsort(1, descending=True)
    return (order.diagonal() < k).float().mean()


def _argsort_upwards(similarities, k):
    order = similarities.argsort(1)[:, :k]
    return (order == torch.arange(len(similarities))[:, None]).any(1).float().mean()


def _against_the_columns(similarities, k):
    ranks = (similarities > similarities.diagonal()).sum(1)
    return (ranks < k).float().mean()


def _ranks_of_columns(similarities, k):
    ranks = (similarities > similarities.diagonal()).sum(0)
    return (ranks < k).float().mean()


def _largest_of_everything(similarities, k):
    threshold = similarities.flatten().topk(k).values[-1]
    return (similarities.diagonal() >= threshold).float().mean()


def _always_five(similarities, k):
    return _recall(similarities, min(5, len(similarities)))


def _without_the_diagonal(similarities, k):
    others = similarities.clone().fill_diagonal_(-math.inf)
    return _recall(others, k)


def _absolute_similarities(similarities, k):
    return _recall(similarities.abs(), k)


def _both_directions(similarities, k):
    return (_recall(similarities, k) + _recall(similarities.T, k)) / 2


def _softmax_of_columns(similarities, k):
    return _recall((similarities / 0.01).softmax(0), k)


def _above_the_mean(similarities, k):
    return (similarities.diagonal() > similarities.mean(1)).float().mean()


def _mean_rank(similarities, k):
    return (similarities > similarities.diagonal()[:, None]).sum(1).float().mean()


def _reciprocal_rank(similarities, k):
    ranks = (similarities > similarities.diagonal()[:, None]).sum(1) + 1.0
    return torch.where(ranks <= k, 1 / ranks, 0).mean()


def _divided_by_n_minus_one(similarities, k):
    return _hits(similarities, k).sum() / (len(similarities) - 1)


def _printed_recall(similarities, k):
    print(_recall(similarities, k))


wrong("recall_at_k", "the stub: None", lambda similarities, k: None)
wrong("recall_at_k", "k not used: recall@1", _recall_at_one)
wrong("recall_at_k", "columns for rows", _columns)
wrong("recall_at_k", "k smallest", _smallest)
wrong("recall_at_k", "k + 1 places", _one_more)
wrong("recall_at_k", "rank <= k, counted from 0", _rank_at_most_k)
wrong("recall_at_k", "place k only", _place_k_only)
wrong("recall_at_k", "precision: divided by k", _precision)
wrong("recall_at_k", "mean of all matches, no any", _mean_of_matches)
wrong("recall_at_k", "number of hits", _summed_hits)
wrong("recall_at_k", "one hit or miss a row", _each_hit)
wrong("recall_at_k", "in percent", _percent)
wrong("recall_at_k", "share of the missed", _missed)
wrong("recall_at_k", "integer division", _integer_division)
wrong("recall_at_k", "compared with the place, not the row", _own_without_axis)
wrong("recall_at_k", "partner is candidate 0", _column_zero)
wrong("recall_at_k", "found by any query", _anywhere)
wrong("recall_at_k", "one argsort taken for ranks", _argsort_for_rank)
wrong("recall_at_k", "argsort upwards", _argsort_upwards)
wrong("recall_at_k", "own column's value broadcast over columns", _against_the_columns)
wrong("recall_at_k", "ranks within columns", _ranks_of_columns)
wrong("recall_at_k", "k largest of the whole matrix", _largest_of_everything)
wrong("recall_at_k", "always five", _always_five)
wrong("recall_at_k", "diagonal blanked, as for neighbours", _without_the_diagonal)
wrong("recall_at_k", "largest absolute values", _absolute_similarities)
wrong("recall_at_k", "mean of both directions", _both_directions)
wrong("recall_at_k", "softmax over the queries first", _softmax_of_columns)
wrong("recall_at_k", "better than the mean of its row", _above_the_mean)
wrong("recall_at_k", "mean rank", _mean_rank)
wrong("recall_at_k", "reciprocal rank", _reciprocal_rank)
wrong("recall_at_k", "divided by N - 1", _divided_by_n_minus_one)
wrong("recall_at_k", "prints instead of returning", _printed_recall)


def _recall_loop(similarities, k):
    hits = 0
    for i, row in enumerate(similarities):
        if i in row.argsort(descending=True)[:k].tolist():
            hits += 1
    return hits / len(similarities)


def _recall_rank(s, k):
    better = (s > s.diagonal().unsqueeze(1)).sum(dim=1)
    return torch.mean((better < k).double())


def _recall_threshold(similarities, k):
    bound = similarities.topk(k).values[:, -1]
    return (similarities.diag() >= bound).float().mean().item()


def _recall_two_argsorts(similarities, k):
    ranks = similarities.argsort(1, descending=True).argsort(1)
    return (ranks.diagonal() < k).sum() / len(similarities)


def _recall_numpy(similarities, k):
    order = np.argsort(-similarities.detach().numpy(), axis=1)[:, :k]
    return np.mean((order == np.arange(len(order))[:, None]).any(axis=1))


def _recall_scatter(similarities, k):
    found = torch.zeros_like(similarities, dtype=torch.bool)
    found.scatter_(1, similarities.topk(k, dim=1).indices, True)
    return found.diagonal().to(torch.float64).mean()


right("recall_at_k", "a loop, a plain number", _recall_loop)
right("recall_at_k", "how many are better, float64", _recall_rank)
right("recall_at_k", "at least the k-th value, item()", _recall_threshold)
right("recall_at_k", "two argsorts are ranks", _recall_two_argsorts)
right("recall_at_k", "numpy's number", _recall_numpy)
right("recall_at_k", "scatter and diagonal", _recall_scatter)


# three numbers

wrong("chance_of_retrieval", "the stub", 0)
wrong("chance_of_retrieval", "recall@1", 1 / 128)
wrong("chance_of_retrieval", "in percent", 100 * 5 / 128)
wrong("chance_of_retrieval", "how many times", 128 / 5)
wrong("chance_of_retrieval", "number of captions", 5)
wrong("chance_of_retrieval", "of the 127 others", 5 / 127)
wrong("chance_of_retrieval", "four of 128", 4 / 128)
wrong("chance_of_retrieval", "one of five", 1 / 5)
wrong("chance_of_retrieval", "both directions", 10 / 128)
wrong("chance_of_retrieval", "to the power of five", (1 / 128) ** 5)
wrong("chance_of_retrieval", "missed", 1 - 5 / 128)
wrong("chance_of_retrieval", "integer division", 5 // 128)
wrong("chance_of_retrieval", "text", "5/128")
wrong("chance_of_retrieval", "nothing", None)

right("chance_of_retrieval", "three figures", 0.0391)
right("chance_of_retrieval", "a fraction", Fraction(5, 128))
right("chance_of_retrieval", "a tensor", torch.tensor(5) / 128)
right("chance_of_retrieval", "numpy", np.float32(5 / 128))

wrong("clip_at_start", "the stub", 0)
wrong("clip_at_start", "in bits", math.log2(64))
wrong("clip_at_start", "decimal logarithm", math.log10(64))
wrong("clip_at_start", "negatives only", math.log(63))
wrong("clip_at_start", "both directions added", 2 * math.log(64))
wrong("clip_at_start", "half, for two directions", math.log(64) / 2)
wrong("clip_at_start", "2 B candidates", math.log(128))
wrong("clip_at_start", "2 B - 1 candidates, as SimCLR", math.log(127))
wrong("clip_at_start", "sum over the pairs", 64 * math.log(64))
wrong("clip_at_start", "sign forgotten", -math.log(64))
wrong("clip_at_start", "the share", 1 / 64)
wrong("clip_at_start", "number of pairs", 64)
wrong("clip_at_start", "all pairs of the matrix", math.log(64 * 64))
wrong("clip_at_start", "log 2: yes or no", math.log(2))
wrong("clip_at_start", "text", "log 64")
wrong("clip_at_start", "nothing", None)

right("clip_at_start", "two decimals", 4.16)
right("clip_at_start", "three decimals", 4.159)
right("clip_at_start", "numpy", np.log(64))
right("clip_at_start", "a tensor", F.cross_entropy(torch.zeros(64, 64), torch.arange(64)))

wrong("siglip_at_start", "the stub", 0)
wrong("siglip_at_start", "mean of all pairs", math.log(2))
wrong("siglip_at_start", "sum of all pairs", 64 * 64 * math.log(2))
wrong("siglip_at_start", "wrong pairs only", 63 * math.log(2))
wrong("siglip_at_start", "as CLIP", math.log(64))
wrong("siglip_at_start", "in bits", 64)
wrong("siglip_at_start", "decimal logarithm", 64 * math.log10(2))
wrong("siglip_at_start", "half a term", 64 * 0.5)
wrong("siglip_at_start", "both directions added", 2 * 64 * math.log(2))
wrong("siglip_at_start", "half, for two directions", 32 * math.log(2))
wrong("siglip_at_start", "sign forgotten", -64 * math.log(2))
wrong("siglip_at_start", "log 2 divided by 64", math.log(2) / 64)
wrong("siglip_at_start", "bias -10", 10.0)
wrong("siglip_at_start", "divided by the temperature", 640 * math.log(2))
wrong("siglip_at_start", "text", "64 log 2")
wrong("siglip_at_start", "nothing", None)

right("siglip_at_start", "one decimal", 44.4)
right("siglip_at_start", "two decimals", 44.36)
right("siglip_at_start", "numpy", 64 * np.log(2))
right("siglip_at_start", "a tensor", 64 * torch.tensor(2.0).log())


# where the temperature and the bias are learned


def _siglip_logits(image, text, temperature, bias):
    logits = _cosines(image, text) / temperature + bias
    return -F.logsigmoid((2 * torch.eye(len(image)) - 1) * logits).sum() / len(image)


def _by_its_logarithm(image, text, temperature):
    sharpness = torch.as_tensor(temperature).reciprocal().log()
    return _both(_cosines(image, text) * sharpness.exp())


def _with_labels_for_the_bias(image, text, temperature, bias):
    y = 2 * torch.eye(len(image)) - 1
    return F.softplus(-y * _cosines(image, text) / temperature - y * bias).sum(1).mean()


wrong("clip_loss", "float(temperature)", lambda i, t, tau: _clip(i, t, float(tau)))
wrong(
    "clip_loss",
    "a new tensor of the temperature",
    lambda i, t, tau: _clip(i, t, torch.tensor(float(tau))),
)
wrong("siglip_loss", "float(temperature)", lambda i, t, tau, b: _siglip_logits(i, t, float(tau), b))
wrong("siglip_loss", "float(bias)", lambda i, t, tau, b: _siglip_logits(i, t, tau, float(b)))
right("clip_loss", "by the temperature's logarithm", _by_its_logarithm)
right("siglip_loss", "labels times both", _with_labels_for_the_bias)


# more slips


def _rows_softmax(image, text, temperature):
    return _both((_cosines(image, text) / temperature).softmax(1))


def _one_logarithm(image, text, temperature):
    logits = _cosines(image, text) / temperature
    return (torch.cat([logits, logits.T], 1).logsumexp(1) - logits.diagonal()).mean()


def _sums_for_lengths(image, text, temperature):
    return _both(F.normalize(image, p=1) @ F.normalize(text, p=1).T / temperature)


def _any_of_the_rows(similarities, k):
    found = similarities.topk(k, dim=1).indices
    return (found == torch.arange(len(found))[:, None]).any(0).double().mean()


wrong("clip_loss", "softmax of the rows before cross_entropy", _rows_softmax)
wrong("clip_loss", "one logarithm over row and column", _one_logarithm)
wrong("clip_loss", "L1 norm", _sums_for_lengths)
wrong("recall_at_k", "any(0)", _any_of_the_rows)
for p in (1, math.inf):
    wrong(
        "zero_shot",
        f"norm {p} of the prompts",
        lambda image, prompts, p=p: (image @ F.normalize(prompts, p=p).T).argmax(1),
    )
wrong("chance_of_retrieval", "two decimals", 0.04)
wrong("chance_of_retrieval", "two decimals, in a tensor", torch.tensor(0.04))
