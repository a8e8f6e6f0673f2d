"""Answers to chapter 09 as students write them, made before the checks were read."""

import copy
import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

import mlteach
from mlteach.evaluate import features
from mlteach.selfsup import SimCLR
from mlteach.training import generator
from mlteach.views import simclr_view
from tests.support.answers import Answers

answers = Answers("09")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# simclr_loss(encoder, projector, x1, x2, temperature)


def _projections(encoder, projector, x1, x2):
    return projector(encoder(torch.cat([x1, x2])))


def _pair(encoder, projector, x1, x2):
    return _projections(encoder, projector, x1, x2).chunk(2)


def _twins(n_views):
    return torch.arange(n_views).roll(n_views // 2)


def _logits(z, temperature, fill=-math.inf):
    z = F.normalize(z, dim=1)
    own = torch.eye(len(z), dtype=torch.bool)
    return (z @ z.T / temperature).masked_fill(own, fill)


def _stub(encoder, projector, x1, x2, temperature):
    return None


def _views_apart(encoder, projector, x1, x2, temperature):
    z1, z2 = projector(encoder(x1)), projector(encoder(x2))
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def _encoder_apart(encoder, projector, x1, x2, temperature):
    h = torch.cat([encoder(x1), encoder(x2)])
    z1, z2 = projector(h).chunk(2)
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def _projector_apart(encoder, projector, x1, x2, temperature):
    h1, h2 = encoder(torch.cat([x1, x2])).chunk(2)
    return mlteach.nt_xent(projector(h1), projector(h2), temperature=temperature)


def _one_image_at_a_time(encoder, projector, x1, x2, temperature):
    z = torch.cat([projector(encoder(x[None])) for x in torch.cat([x1, x2])])
    return mlteach.nt_xent(*z.chunk(2), temperature=temperature)


def _loss_on_h(encoder, projector, x1, x2, temperature):
    h1, h2 = encoder(torch.cat([x1, x2])).chunk(2)
    return mlteach.nt_xent(h1, h2, temperature=temperature)


def _view_2_detached(encoder, projector, x1, x2, temperature):
    z1, z2 = _pair(encoder, projector, x1, x2)
    return mlteach.nt_xent(z1, z2.detach(), temperature=temperature)


def _temperature_forgotten(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2))


def _temperature_of_the_chapter(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=0.2)


def _temperature_multiplied(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=1 / temperature)


def _temperature_twice(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature**2)


def _projections_divided_by_temperature(encoder, projector, x1, x2, temperature):
    z1, z2 = _pair(encoder, projector, x1, x2)
    return mlteach.nt_xent(z1 / temperature, z2 / temperature, temperature=1)


def _every_second_row(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    return mlteach.nt_xent(z[::2], z[1::2], temperature=temperature)


def _chunked_by_column(encoder, projector, x1, x2, temperature):
    z1, z2 = _projections(encoder, projector, x1, x2).chunk(2, dim=1)
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def _one_direction(encoder, projector, x1, x2, temperature):
    z1, z2 = (F.normalize(z, dim=1) for z in _pair(encoder, projector, x1, x2))
    return F.cross_entropy(z1 @ z2.T / temperature, torch.arange(len(z1)))


def _as_in_clip(encoder, projector, x1, x2, temperature):
    z1, z2 = (F.normalize(z, dim=1) for z in _pair(encoder, projector, x1, x2))
    logits, own = z1 @ z2.T / temperature, torch.arange(len(z1))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def _self_in_the_sum(encoder, projector, x1, x2, temperature):
    z = F.normalize(_projections(encoder, projector, x1, x2), dim=1)
    return F.cross_entropy(z @ z.T / temperature, _twins(len(z)))


def _self_masked_with_zero(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    return F.cross_entropy(_logits(z, temperature, fill=0.0), _twins(len(z)))


def _positive_not_in_the_sum(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    logits, twins = _logits(z, temperature), _twins(len(z))
    rows = torch.arange(len(z))
    negatives = logits.clone()
    negatives[rows, twins] = -math.inf
    return (negatives.logsumexp(1) - logits[rows, twins]).mean()


def _summed(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    return F.cross_entropy(_logits(z, temperature), _twins(len(z)), reduction="sum")


def _summed_over_b(encoder, projector, x1, x2, temperature):
    return _summed(encoder, projector, x1, x2, temperature) / len(x1)


def _half(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature) / 2


def _first_view_as_anchor_only(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    logits, twins = _logits(z, temperature), _twins(len(z))
    return F.cross_entropy(logits[: len(x1)], twins[: len(x1)])


def _not_normalised(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    own = torch.eye(len(z), dtype=torch.bool)
    logits = (z @ z.T / temperature).masked_fill(own, -math.inf)
    return F.cross_entropy(logits, _twins(len(z)))


def _normalised_over_the_batch(encoder, projector, x1, x2, temperature):
    z = F.normalize(_projections(encoder, projector, x1, x2), dim=0)
    own = torch.eye(len(z), dtype=torch.bool)
    logits = (z @ z.T / temperature).masked_fill(own, -math.inf)
    return F.cross_entropy(logits, _twins(len(z)))


def _h_normalised_too(encoder, projector, x1, x2, temperature):
    h = F.normalize(encoder(torch.cat([x1, x2])), dim=1)
    return mlteach.nt_xent(*projector(h).chunk(2), temperature=temperature)


def _evaluation_mode(encoder, projector, x1, x2, temperature):
    encoder.eval()
    projector.eval()
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)


def _evaluation_mode_and_back(encoder, projector, x1, x2, temperature):
    encoder.eval()
    z1, z2 = _pair(encoder, projector, x1, x2)
    encoder.train()
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def _projector_in_evaluation_mode(encoder, projector, x1, x2, temperature):
    z1, z2 = _pair(encoder, projector.eval(), x1, x2)
    projector.train()
    return mlteach.nt_xent(z1, z2, temperature=temperature)


@torch.no_grad()
def _no_gradient(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)


def _encoder_without_gradient(encoder, projector, x1, x2, temperature):
    h = encoder(torch.cat([x1, x2])).detach()
    return mlteach.nt_xent(*projector(h).chunk(2), temperature=temperature)


def _item(encoder, projector, x1, x2, temperature):
    loss = mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)
    return loss.item()


def _backward_inside(encoder, projector, x1, x2, temperature):
    loss = mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)
    loss.backward()
    return loss


def _next_row_is_the_positive(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    return F.cross_entropy(_logits(z, temperature), torch.arange(len(z)).roll(-1))


def _flipped_is_the_positive(encoder, projector, x1, x2, temperature):
    z1, z2 = _pair(encoder, projector, x1, x2)
    return mlteach.nt_xent(z1, z2.flip(0), temperature=temperature)


def _minus_forgotten(encoder, projector, x1, x2, temperature):
    return -mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)


def _view_1_twice(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(*_pair(encoder, projector, x1, x1), temperature=temperature)


def _own_projection_as_positive(encoder, projector, x1, x2, temperature):
    z1, _ = _pair(encoder, projector, x1, x2)
    return mlteach.nt_xent(z1, z1, temperature=temperature)


def _joined_along_the_channels(encoder, projector, x1, x2, temperature):
    z = projector(encoder(torch.cat([x1, x2], dim=1)))
    return mlteach.nt_xent(*z.chunk(2), temperature=temperature)


def _in_bits(encoder, projector, x1, x2, temperature):
    loss = mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)
    return loss / math.log(2)


def _with_the_projections(encoder, projector, x1, x2, temperature):
    z1, z2 = _pair(encoder, projector, x1, x2)
    return mlteach.nt_xent(z1, z2, temperature=temperature), (z1, z2)


def _log_of_the_mean(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    found = _logits(z, temperature).softmax(1)[torch.arange(len(z)), _twins(len(z))]
    return -found.mean().log()


def _log_forgotten(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    found = _logits(z, temperature).softmax(1)[torch.arange(len(z)), _twins(len(z))]
    return -found.mean()


def _softmax_before_cross_entropy(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    return F.cross_entropy(_logits(z, temperature).softmax(1), _twins(len(z)))


def _one_loss_per_view(encoder, projector, x1, x2, temperature):
    z = _projections(encoder, projector, x1, x2)
    return F.cross_entropy(_logits(z, temperature), _twins(len(z)), reduction="none")


def _distances(encoder, projector, x1, x2, temperature):
    z = F.normalize(_projections(encoder, projector, x1, x2), dim=1)
    own = torch.eye(len(z), dtype=torch.bool)
    logits = (-(z[:, None] - z).square().sum(2) / temperature).masked_fill(own, -math.inf)
    return F.cross_entropy(logits, _twins(len(z)))


def _relu_after_the_projector(encoder, projector, x1, x2, temperature):
    h = encoder(torch.cat([x1, x2]))
    return mlteach.nt_xent(*F.relu(projector(h)).chunk(2), temperature=temperature)


def _printed(encoder, projector, x1, x2, temperature):
    loss = mlteach.nt_xent(*_pair(encoder, projector, x1, x2), temperature=temperature)
    f"{loss:.3f}"


for label, answer in {
    "the stub": _stub,
    "each view passes alone": _views_apart,
    "encoder sees each view alone": _encoder_apart,
    "projector sees each view alone": _projector_apart,
    "one image at a time": _one_image_at_a_time,
    "loss on h, no projector": _loss_on_h,
    "view 2 detached, as in BYOL": _view_2_detached,
    "temperature forgotten, default 0.5": _temperature_forgotten,
    "temperature 0.2 typed in": _temperature_of_the_chapter,
    "multiplied by the temperature": _temperature_multiplied,
    "divided by the temperature twice": _temperature_twice,
    "projections divided, cosines not": _projections_divided_by_temperature,
    "pairs taken as neighbouring rows": _every_second_row,
    "chunk over columns": _chunked_by_column,
    "other view's rows only, one direction": _one_direction,
    "both directions as in CLIP": _as_in_clip,
    "view itself in the denominator": _self_in_the_sum,
    "view itself masked with 0": _self_masked_with_zero,
    "positive not in the denominator": _positive_not_in_the_sum,
    "sum instead of mean": _summed,
    "sum over 2B divided by B": _summed_over_b,
    "halved once more": _half,
    "anchors from view 1 only": _first_view_as_anchor_only,
    "not normalised": _not_normalised,
    "normalised over the batch": _normalised_over_the_batch,
    "h normalised before the projector": _h_normalised_too,
    "evaluation mode": _evaluation_mode,
    "evaluation mode, put back": _evaluation_mode_and_back,
    "projector in evaluation mode": _projector_in_evaluation_mode,
    "under no_grad": _no_gradient,
    "encoder's output detached": _encoder_without_gradient,
    "item() of the loss": _item,
    "backward called inside": _backward_inside,
    "next row as positive": _next_row_is_the_positive,
    "view 2 in reverse order": _flipped_is_the_positive,
    "minus sign": _minus_forgotten,
    "view 1 twice": _view_1_twice,
    "z1 compared with itself": _own_projection_as_positive,
    "views joined along the channels": _joined_along_the_channels,
    "bits instead of nats": _in_bits,
    "tuple with the projections": _with_the_projections,
    "log of the mean probability": _log_of_the_mean,
    "log forgotten": _log_forgotten,
    "softmax before cross_entropy": _softmax_before_cross_entropy,
    "a loss for every view": _one_loss_per_view,
    "squared distances for cosines": _distances,
    "ReLU after the projector too": _relu_after_the_projector,
    "computed, not returned": _printed,
}.items():
    wrong("simclr_loss", label, answer)


def _loops(encoder, projector, x1, x2, temperature):
    z = F.normalize(projector(encoder(torch.cat([x1, x2]))), dim=1)
    total = 0.0
    for i in range(len(z)):
        twin = (i + len(x1)) % len(z)
        others = torch.stack([z[i] @ z[k] for k in range(len(z)) if k != i]) / temperature
        total = total + others.logsumexp(0) - z[i] @ z[twin] / temperature
    return total / len(z)


def _masked_cross_entropy(encoder, projector, x1, x2, temperature):
    z = projector(encoder(torch.vstack((x1, x2))))
    return F.cross_entropy(_logits(z, temperature), _twins(len(z)))


def _view_2_first(encoder, projector, x1, x2, temperature):
    z2, z1 = projector(encoder(torch.cat([x2, x1]))).split(len(x1))
    return mlteach.nt_xent(z2, z1, temperature=temperature)


def _through_the_class(encoder, projector, x1, x2, temperature):
    return SimCLR(encoder, projector, temperature=temperature).loss(x1, x2)[0]


def _sequential(encoder, projector, x1, x2, temperature):
    z = torch.nn.Sequential(encoder, projector)(torch.cat((x1, x2), 0))
    return mlteach.nt_xent(z1=z[: len(x1)], z2=z[len(x1) :], temperature=temperature)


def _interleaved(encoder, projector, x1, x2, temperature):
    z = projector(encoder(torch.stack([x1, x2], dim=1).flatten(0, 1)))
    return mlteach.nt_xent(z[0::2], z[1::2], temperature=temperature)


def _in_float64(encoder, projector, x1, x2, temperature):
    z = F.normalize(projector(encoder(torch.cat([x1, x2]))).double(), dim=1)
    cosines = torch.einsum("ip,kp->ik", z, z)
    scores = (cosines / temperature).exp() * (1 - torch.eye(len(z), dtype=z.dtype))
    found = scores.gather(1, _twins(len(z))[:, None]).squeeze(1) / scores.sum(1)
    return found.log().neg().mean()


def _large_negative_on_the_diagonal(encoder, projector, x1, x2, temperature):
    z = projector(encoder(torch.cat([x1, x2])))
    logits = F.cosine_similarity(z[:, None], z[None], dim=-1) / temperature
    logits = logits - 1e9 * torch.eye(len(z))
    return F.nll_loss(logits.log_softmax(1), _twins(len(z)))


right("simclr_loss", "loops, as in section 2", _loops)
right("simclr_loss", "masked cosines and cross_entropy", _masked_cross_entropy)
right("simclr_loss", "view 2 first", _view_2_first)
right("simclr_loss", "by selfsup.SimCLR", _through_the_class)
right("simclr_loss", "Sequential and slices, keywords", _sequential)
right("simclr_loss", "views interleaved", _interleaved)
right("simclr_loss", "softmax by hand in float64", _in_float64)
right("simclr_loss", "-1e9 on the diagonal, log_softmax", _large_negative_on_the_diagonal)


# representation(method, images)


def _projected(method, images):
    method.eval()
    with torch.no_grad():
        z = method.projector(method.encoder(images))
    method.train()
    return z


def _training_mode(method, images):
    with torch.no_grad():
        return method.encode(images)


def _training_mode_detached(method, images):
    return method.encoder(images).detach()


def _modes_swapped(method, images):
    method.train()
    with torch.no_grad():
        h = method.encode(images)
    method.eval()
    return h


def _eval_not_called(method, images):
    method.eval
    with torch.no_grad():
        h = method.encode(images)
    method.train()
    return h


def _mode_of_the_projector(method, images):
    method.projector.eval()
    with torch.no_grad():
        h = method.encode(images)
    method.projector.train()
    return h


def _batch_mean_subtracted(method, images):
    h = features(method, images)
    return h - h.mean(0)


def _batch_standardised(method, images):
    h = features(method, images)
    return (h - h.mean(0)) / h.std(0)


def _one_by_one_in_training_mode(method, images):
    with torch.no_grad():
        return torch.cat([method.encode(image[None]) for image in images])


def _a_view_of_the_image(method, images):
    return features(method, simclr_view(images, generator=generator(0)))


def _both(method, images):
    method.eval()
    with torch.no_grad():
        h = method.encode(images)
        z = method.projector(h)
    method.train()
    return h, z


def _joined(method, images):
    method.eval()
    with torch.no_grad():
        h = method.encode(images)
        both = torch.cat([h, method.projector(h)], dim=1)
    method.train()
    return both


def _called_as_a_module(method, images):
    method.eval()
    with torch.no_grad():
        h = method(images)
    method.train()
    return h


def _last_layer_cut_off(method, images):
    method.eval()
    with torch.no_grad():
        h = torch.nn.Sequential(*list(method.encoder.children())[:-1])(images)
    method.train()
    return h


def _averaged(method, images):
    return features(method, images).mean(0)


def _unit_length(method, images):
    return F.normalize(features(method, images), dim=0)


def _warmed_up(method, images):
    with torch.no_grad():
        method.encode(images)  # lets BatchNorm see the images first
        method.eval()
        h = method.encode(images)
    method.train()
    return h


def _hidden_layer_of_the_projector(method, images):
    method.eval()
    with torch.no_grad():
        h = torch.relu(list(method.projector.children())[0](method.encode(images)))
    method.train()
    return h


def _nothing_returned(method, images):
    method.eval()
    with torch.no_grad():
        method.encode(images)
    method.train()


for label, answer in {
    "the stub: z": lambda method, images: method.projector(method.encoder(images)),
    "z, otherwise well": _projected,
    "training mode, no gradients": _training_mode,
    "training mode, detached": _training_mode_detached,
    "train and eval swapped": _modes_swapped,
    "eval without parentheses": _eval_not_called,
    "mode of the projector only": _mode_of_the_projector,
    "mean of the batch subtracted": _batch_mean_subtracted,
    "standardised over the batch": _batch_standardised,
    "one by one in training mode": _one_by_one_in_training_mode,
    "a random view of the image": _a_view_of_the_image,
    "h and z as a tuple": _both,
    "h and z joined": _joined,
    "method(images)": _called_as_a_module,
    "encoder's last layer cut off": _last_layer_cut_off,
    "average over the batch": _averaged,
    "normalised over the batch": _unit_length,
    "a pass in training mode first": _warmed_up,
    "projector's hidden layer": _hidden_layer_of_the_projector,
    "the images as they are": lambda method, images: images,
    "nothing returned": _nothing_returned,
    "the function, not called": lambda method, images: method.encode,
}.items():
    wrong("representation", label, answer)


def _left_in_eval(method, images):
    method.eval()
    with torch.no_grad():
        return method.encode(images)


def _train_after_return(method, images):
    method.eval()
    with torch.no_grad():
        return method.encode(images)
    method.train()


def _encoder_left_in_eval(method, images):
    method.encoder.eval()
    with torch.no_grad():
        return method.encoder(images)


def _only_encoder_put_back(method, images):
    method.eval()
    with torch.no_grad():
        h = method.encode(images)
    method.encoder.train()
    return h


def _with_gradients(method, images):
    method.eval()
    h = method.encode(images)
    method.train()
    return h


def _no_grad_without_with(method, images):
    method.eval()
    torch.no_grad()
    h = method.encode(images)
    method.train()
    return h


def _frozen_for_good(method, images):
    method.requires_grad_(False)
    method.eval()
    h = method.encode(images)
    method.train()
    return h


def _projector_thrown_away(method, images):
    method.projector = torch.nn.Identity()
    method.eval()
    with torch.no_grad():
        h = method.projector(method.encode(images))
    method.train()
    return h


rule("representation", "left in evaluation mode", _left_in_eval)
rule("representation", "train() after the return", _train_after_return)
rule("representation", "encoder left in evaluation mode", _encoder_left_in_eval)
rule("representation", "projector left in evaluation mode", _only_encoder_put_back)
rule("representation", "with gradients", _with_gradients)
rule("representation", "no_grad() without with", _no_grad_without_with)
rule("representation", "parameters frozen for good", _frozen_for_good)
rule("representation", "projector replaced for good", _projector_thrown_away)


def _encoder_mode_only(method, images):
    method.encoder.eval()
    with torch.no_grad():
        h = method.encoder(images)
    method.encoder.train()
    return h


def _on_a_copy(method, images):
    frozen = copy.deepcopy(method.encoder).eval().requires_grad_(False)
    return frozen(images)


def _try_finally(method, images):
    mode = method.training
    try:
        return method.train(False).encode(images).detach()
    finally:
        method.train(mode)


def _modes_one_by_one(method, images):
    modes = {module: module.training for module in method.modules()}
    method.eval()
    with torch.set_grad_enabled(False):
        h = method.encode(images)
    for module, mode in modes.items():
        module.training = mode
    return h


@torch.no_grad()
def _one_by_one(method, images):
    method.eval()
    h = [method.encode(image.unsqueeze(0)).squeeze(0) for image in images]
    method.train(True)
    return torch.stack(h)


right("representation", "mode of the encoder only", _encoder_mode_only)
right("representation", "a copy in evaluation mode", _on_a_copy)
right("representation", "train(False), detach, finally", _try_finally)
right("representation", "modes put back one by one", _modes_one_by_one)
right("representation", "one image at a time, decorator", _one_by_one)
right("representation", "evaluate.features", lambda method, images: features(method, images))
right("representation", "features of the encoder", lambda m, x: features(m.encoder, x))


# false_negatives: (2B - 2) / 8

wrong("false_negatives", "the stub", None)
wrong("false_negatives", "all 2B views", 256 / 8)
wrong("false_negatives", "2B - 1 candidates", 255 / 8)
wrong("false_negatives", "images, not views", 128 / 8)
wrong("false_negatives", "other images, not views", 127 / 8)
wrong("false_negatives", "whole division", 254 // 8)
wrong("false_negatives", "rounded", round(254 / 8))
wrong("false_negatives", "the other shapes", 254 * 7 / 8)
wrong("false_negatives", "all negatives", 254)
wrong("false_negatives", "two views of each, once more", 254 / 4)
wrong("false_negatives", "brackets forgotten", 2 * 128 - 2 / 8)
wrong("false_negatives", "the share", 1 / 8)
wrong("false_negatives", "the share in per cent", 12.5)
wrong("false_negatives", "own shape taken off once more", 254 / 8 - 1)
wrong("false_negatives", "three views taken off", 253 / 8)
wrong("false_negatives", "seven other classes", 254 / 7)
wrong("false_negatives", "over all anchors", 256 * 254 / 8)
wrong("false_negatives", "shapes as in a batch without repeats", 0)
wrong("false_negatives", "the formula as text", "(2 * 128 - 2) / 8")
wrong("false_negatives", "two answers", [31, 32])
wrong("false_negatives", "a function, not called", lambda B=128: (2 * B - 2) / 8)

right("false_negatives", "typed in", 31.75)
right("false_negatives", "a fraction", Fraction(254, 8))
right("false_negatives", "np.float32", np.float32(31.75))
right("false_negatives", "a 0-d tensor", torch.tensor(254) / 8)
right("false_negatives", "twice 127 images, one in eight", 2 * 127 * 0.125)
right(
    "false_negatives",
    "mean of a binomial",
    torch.distributions.Binomial(254, 0.125 * torch.ones(())).mean,
)
