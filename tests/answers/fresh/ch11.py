"""Answers to chapter 11 as students write them, made before the checks were read."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("11")


# --- byol_step
def same_view(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t1.detach()).mean()
    two = 2 - 2 * F.cosine_similarity(p2, t2.detach()).mean()
    return one + two


def no_stop(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t2).mean()
    two = 2 - 2 * F.cosine_similarity(p2, t1).mean()
    return one + two


def stop_on_predictions(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1.detach(), t2).mean()
    two = 2 - 2 * F.cosine_similarity(p2.detach(), t1).mean()
    return one + two


def halved(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t2.detach()).mean()
    two = 2 - 2 * F.cosine_similarity(p2, t1.detach()).mean()
    return (one + two) / 2


def simsiam(p1, p2, t1, t2):
    one = -F.cosine_similarity(p1, t2.detach()).mean()
    two = -F.cosine_similarity(p2, t1.detach()).mean()
    return (one + two) / 2


def not_normalised(p1, p2, t1, t2):
    one = (p1 - t2.detach()).square().sum(1).mean()
    two = (p2 - t1.detach()).square().sum(1).mean()
    return one + two


def mse_of_normalised(p1, p2, t1, t2):
    p1, p2, t1, t2 = (F.normalize(v, dim=1) for v in (p1, p2, t1, t2))
    return F.mse_loss(p1, t2.detach()) + F.mse_loss(p2, t1.detach())


def per_image(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t2.detach())
    two = 2 - 2 * F.cosine_similarity(p2, t1.detach())
    return one + two


def dim_zero(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t2.detach(), dim=0).mean()
    two = 2 - 2 * F.cosine_similarity(p2, t1.detach(), dim=0).mean()
    return one + two


def one_direction(p1, p2, t1, t2):
    return 2 - 2 * F.cosine_similarity(p1, t2.detach()).mean()


def one_stop_only(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t2.detach()).mean()
    two = 2 - 2 * F.cosine_similarity(p2, t1).mean()
    return one + two


answers.wrong("byol_step", "each predicts its own view", same_view)
answers.wrong("byol_step", "no stop-gradient", no_stop)
answers.wrong("byol_step", "predictions stopped", stop_on_predictions)
answers.wrong("byol_step", "mean of the directions", halved)
answers.wrong("byol_step", "SimSiam's loss", simsiam)
answers.wrong("byol_step", "squared distance, not normalised", not_normalised)
answers.wrong("byol_step", "mse_loss divides by P too", mse_of_normalised)
answers.wrong("byol_step", "one loss for each image", per_image)
answers.wrong("byol_step", "cosines of the columns", dim_zero)
answers.wrong("byol_step", "one direction", one_direction)
answers.wrong("byol_step", "one target not stopped", one_stop_only)


def squared_of_units(p1, p2, t1, t2):
    p, t = torch.cat([p1, p2]), torch.cat([t2, t1]).detach()
    p, t = p / p.norm(dim=1, keepdim=True), t / t.norm(dim=1, keepdim=True)
    return (p - t).pow(2).sum() / len(p1)


def four_minus(p1, p2, t1, t2):
    cosines = F.cosine_similarity(p1, t2.data) + F.cosine_similarity(p2, t1.data)
    return 4 - 2 * cosines.mean()


answers.right("byol_step", "distances of unit vectors, stacked", squared_of_units)
answers.right("byol_step", "four minus twice the cosines", four_minus)


# --- target_update
def copies(target, online, decay):
    target.load_state_dict(online.state_dict())


def shares_swapped(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.copy_((1 - decay) * t + decay * o)


def difference_wrong_sign(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.add_((1 - decay) * (t - o))


def twice(target, online, decay):
    with torch.no_grad():
        for _ in range(2):
            for t, o in zip(target.parameters(), online.parameters()):
                t.copy_(decay * t + (1 - decay) * o)


def new_parameters(target, online, decay):
    for module, other in zip(target.modules(), online.modules()):
        for name, o in other.named_parameters(recurse=False):
            t = getattr(module, name)
            new = torch.nn.Parameter((decay * t + (1 - decay) * o).detach())
            setattr(module, name, new)


def constant_decay(target, online, decay=0.99):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.copy_(0.99 * t + 0.01 * o)


def buffers_copied(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.copy_(decay * t + (1 - decay) * o)
        for t, o in zip(target.buffers(), online.buffers()):
            t.copy_(o)


answers.wrong("target_update", "copies the online network", copies)
answers.wrong("target_update", "shares swapped", shares_swapped)
answers.wrong("target_update", "away from the online network", difference_wrong_sign)
answers.wrong("target_update", "moved twice", twice)
answers.wrong("target_update", "new parameters, not in place", new_parameters)
answers.wrong("target_update", "decay written in", constant_decay)
answers.wrong("target_update", "buffers copied too", buffers_copied)


def foreach(target, online, decay):
    with torch.no_grad():
        torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1 - decay)


answers.right("target_update", "one call for all parameters", foreach)

# --- half_lives
answers.wrong("half_lives", "one over one minus decay", [10, 100, 1000])
answers.wrong("half_lives", "cut, not rounded", [6, 68, 692])
answers.wrong(
    "half_lives", "log base 10 of one half only", [-0.301 / math.log(d) for d in (0.9, 0.99, 0.999)]
)
answers.wrong("half_lives", "half of the life time", [5, 50, 500])
answers.wrong("half_lives", "negative", [-7, -69, -693])
answers.wrong("half_lives", "in the other order", [693, 69, 7])
answers.right("half_lives", "whole steps in a tensor", torch.tensor([7, 69, 693]))
answers.right("half_lives", "NumPy's logs", np.log(0.5) / np.log(np.array([0.9, 0.99, 0.999])))


# --- effective_rank
def entropy_only(z):
    s = torch.linalg.svdvals(z)
    return torch.special.entr(s / s.sum()).sum()


def squared_shares(z):
    s = torch.linalg.svdvals(z).square()
    return torch.special.entr(s / s.sum()).sum().exp()


def nan_at_zero(z):
    s = torch.linalg.svdvals(z)
    p = s / s.sum()
    return (-(p * p.log()).sum()).exp()


def matrix_rank(z):
    return torch.linalg.matrix_rank(z)


def centred(z):
    s = torch.linalg.svdvals(z - z.mean(0))
    return torch.special.entr(s / s.sum()).sum().exp()


def bits(z):
    p = torch.linalg.svdvals(z)
    p = p / p.sum()
    p = p[p > 0]
    return (-(p * p.log2()).sum()).exp()


def unit_rows(z):
    s = torch.linalg.svdvals(F.normalize(z, dim=1))
    return torch.special.entr(s / s.sum()).sum().exp()


def not_shares(z):
    return torch.special.entr(torch.linalg.svdvals(z)).sum().exp()


def wrong_sign(z):
    p = torch.linalg.svdvals(z)
    p = p / p.sum()
    return torch.xlogy(p, p).sum().exp()


def divided_by_largest(z):
    s = torch.linalg.svdvals(z)
    return torch.special.entr(s / s.max()).sum().exp()


answers.wrong("effective_rank", "exp forgotten", entropy_only)
answers.wrong("effective_rank", "shares of the variances", squared_shares)
answers.wrong("effective_rank", "NaN where a value is 0", nan_at_zero)
answers.wrong("effective_rank", "ordinary rank", matrix_rank)
answers.wrong("effective_rank", "mean subtracted first", centred)
answers.wrong("effective_rank", "log2 with exp", bits)
answers.wrong("effective_rank", "rows normalised first", unit_rows)
answers.wrong("effective_rank", "not divided by the sum", not_shares)
answers.wrong("effective_rank", "sign of the entropy", wrong_sign)
answers.wrong("effective_rank", "shares of the largest", divided_by_largest)


def numpy_rank(z):
    s = np.linalg.svd(z.detach().numpy().astype(np.float64), compute_uv=False)
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum())


def from_svd(z):
    s = torch.linalg.svd(z, full_matrices=False).S
    p = s / s.sum()
    return math.exp(-torch.xlogy(p, p).sum())


answers.right("effective_rank", "NumPy, zeros left out", numpy_rank)
answers.right("effective_rank", "xlogy, a plain number", from_svd)
