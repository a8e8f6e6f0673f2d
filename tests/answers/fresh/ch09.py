"""Answers to chapter 09 as students write them, made before the checks were read."""

import numpy as np
import torch
import torch.nn.functional as F

import mlteach
from tests.support.answers import Answers

answers = Answers("09")


# --- simclr_loss
def one_view_at_a_time(encoder, projector, x1, x2, temperature):
    return mlteach.nt_xent(projector(encoder(x1)), projector(encoder(x2)), temperature=temperature)


def same_view_twice(encoder, projector, x1, x2, temperature):
    z1, z2 = projector(encoder(torch.cat([x1, x1]))).chunk(2)
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def second_view_constant(encoder, projector, x1, x2, temperature):
    z1, z2 = projector(encoder(torch.cat([x1, x2]))).chunk(2)
    return mlteach.nt_xent(z1, z2.detach(), temperature=temperature)


def interleaved(encoder, projector, x1, x2, temperature):
    z = projector(encoder(torch.cat([x1, x2])))
    return mlteach.nt_xent(z[::2], z[1::2], temperature=temperature)


def eval_mode(encoder, projector, x1, x2, temperature):
    encoder.eval()
    projector.eval()
    z1, z2 = projector(encoder(torch.cat([x1, x2]))).chunk(2)
    encoder.train()
    projector.train()
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def encoder_in_no_grad(encoder, projector, x1, x2, temperature):
    with torch.no_grad():
        h = encoder(torch.cat([x1, x2]))
    z1, z2 = projector(h).chunk(2)
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def projected_apart(encoder, projector, x1, x2, temperature):
    h1, h2 = encoder(torch.cat([x1, x2])).chunk(2)
    return mlteach.nt_xent(projector(h1), projector(h2), temperature=temperature)


def no_projector(encoder, projector, x1, x2, temperature):
    z1, z2 = encoder(torch.cat([x1, x2])).chunk(2)
    return mlteach.nt_xent(z1, z2, temperature=temperature)


def other_view_only(encoder, projector, x1, x2, temperature):
    z1, z2 = F.normalize(projector(encoder(torch.cat([x1, x2]))), dim=1).chunk(2)
    return F.cross_entropy(z1 @ z2.T / temperature, torch.arange(len(z1)))


def temperature_forgotten(encoder, projector, x1, x2, temperature):
    z1, z2 = projector(encoder(torch.cat([x1, x2]))).chunk(2)
    return mlteach.nt_xent(z1, z2)


def self_not_masked(encoder, projector, x1, x2, temperature):
    z = F.normalize(projector(encoder(torch.cat([x1, x2]))), dim=1)
    n = len(x1)
    target = torch.cat([torch.arange(n) + n, torch.arange(n)])
    return F.cross_entropy(z @ z.T / temperature, target)


answers.wrong("simclr_loss", "each view through the network alone", one_view_at_a_time)
answers.wrong("simclr_loss", "x1 twice", same_view_twice)
answers.wrong("simclr_loss", "second view detached", second_view_constant)
answers.wrong("simclr_loss", "batch split in even and odd rows", interleaved)
answers.wrong("simclr_loss", "in eval mode, then back", eval_mode)
answers.wrong("simclr_loss", "encoder without gradient", encoder_in_no_grad)
answers.wrong("simclr_loss", "only the projector sees the views apart", projected_apart)
answers.wrong("simclr_loss", "projector forgotten", no_projector)
answers.wrong("simclr_loss", "negatives of the other view only", other_view_only)
answers.wrong("simclr_loss", "temperature not passed on", temperature_forgotten)
answers.wrong("simclr_loss", "a view is its own negative", self_not_masked)


def by_hand(encoder, projector, x1, x2, temperature):
    z = F.normalize(projector(encoder(torch.vstack((x1, x2)))), dim=-1)
    n = x1.shape[0]
    logits = (z @ z.T / temperature).masked_fill(torch.eye(2 * n, dtype=torch.bool), -float("inf"))
    target = torch.arange(2 * n).roll(n)
    return F.cross_entropy(logits, target)


def swapped_order(encoder, projector, x1, x2, temperature):
    z = projector(encoder(torch.cat((x2, x1), 0)))
    z2, z1 = z[: len(x2)], z[len(x2) :]
    return mlteach.nt_xent(z1, z2, temperature=temperature)


answers.right("simclr_loss", "by hand with masked diagonal", by_hand)
answers.right("simclr_loss", "second view first", swapped_order)


# --- representation
def projection(method, images):
    method.eval()
    with torch.no_grad():
        z = method.projector(method.encoder(images))
    method.train()
    return z


def left_in_eval(method, images):
    method.eval()
    with torch.no_grad():
        return method.encoder(images)


def train_mode(method, images):
    with torch.no_grad():
        return method.encoder(images)


def eval_without_no_grad(method, images):
    method.eval()
    h = method.encoder(images)
    method.train()
    return h


def requires_grad_left_off(method, images):
    method.requires_grad_(False)
    method.eval()
    h = method.encoder(images)
    method.train()
    return h


def one_by_one_in_training(method, images):
    with torch.no_grad():
        return torch.cat([method.encoder(image[None]) for image in images])


def standardised_by_batch(method, images):
    method.eval()
    with torch.no_grad():
        h = method.encoder(images)
    method.train()
    return (h - h.mean(0)) / h.std(0)


def encoder_back_only_half(method, images):
    method.eval()
    with torch.no_grad():
        h = method.encoder(images)
    method.encoder.train()
    return h


answers.wrong("representation", "the projection, else all right", projection)
answers.wrong("representation", "returns before train()", left_in_eval)
answers.wrong("representation", "training mode under no_grad", train_mode)
answers.wrong("representation", "eval, but with a graph", eval_without_no_grad)
answers.wrong("representation", "parameters left without gradient", requires_grad_left_off)
answers.wrong("representation", "one by one, in training mode", one_by_one_in_training)
answers.wrong("representation", "standardised over the batch", standardised_by_batch)
answers.wrong("representation", "only the encoder back in training", encoder_back_only_half)


def with_detach(method, images):
    method.eval()
    h = method.encoder(images).detach()
    method.train()
    return h


@torch.no_grad()
def encoder_only(method, images):
    method.encoder.eval()
    try:
        return method.encoder(images)
    finally:
        method.encoder.train()


answers.right("representation", "detach instead of no_grad", with_detach)
answers.right("representation", "decorated, encoder's mode only", encoder_only)

# --- false_negatives
answers.wrong("false_negatives", "one view per image", 127 / 8)
answers.wrong("false_negatives", "the positive counted", 255 / 8)
answers.wrong("false_negatives", "the whole batch", 256 / 8)
answers.wrong("false_negatives", "the other images, a view each, of seven", 127 / 7)
answers.wrong("false_negatives", "a share instead of a number", 1 / 8)
answers.right("false_negatives", "float64 of NumPy", np.float64(31.75))
answers.right("false_negatives", "a tensor", torch.tensor(254 / 8))
