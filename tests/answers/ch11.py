"""Answers to chapter 11 as students write them, made before the checks were read."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn
from torch.distributions import Categorical

import mlteach
from tests.support.answers import Answers

answers = Answers("11")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# byol_step(p1, p2, t1, t2)


def _direction(p, t):
    return 2 - 2 * torch.cosine_similarity(p, t).mean()


def _good(p1, p2, t1, t2):
    return _direction(p1, t2.detach()) + _direction(p2, t1.detach())


def _own_view(p1, p2, t1, t2):
    return _direction(p1, t1.detach()) + _direction(p2, t2.detach())


def _one_direction(p1, p2, t1, t2):
    return _direction(p1, t2.detach())


def _one_direction_doubled(p1, p2, t1, t2):
    return 2 * _direction(p1, t2.detach())


def _averaged(p1, p2, t1, t2):
    return _good(p1, p2, t1, t2) / 2


def _joined_and_averaged(p1, p2, t1, t2):
    return _direction(torch.cat([p1, p2]), torch.cat([t2, t1]).detach())


def _one_view_twice(p1, p2, t1, t2):
    return _direction(p1, t2.detach()) + _direction(p1, t1.detach())


def _predictions_compared(p1, p2, t1, t2):
    return _direction(p1, p2.detach()) + _direction(p2, p1.detach())


def _targets_compared(p1, p2, t1, t2):
    return _direction(t1, t2.detach()) + _direction(t2, t1.detach())


def _summed(p1, p2, t1, t2):
    return _good(p1, p2, t1, t2) * len(p1)


def _vector(p1, p2, t1, t2):
    one = 2 - 2 * torch.cosine_similarity(p1, t2.detach())
    return one + 2 - 2 * torch.cosine_similarity(p2, t1.detach())


def _not_normalised(p1, p2, t1, t2):
    one = (p1 - t2.detach()).square().sum(1).mean()
    return one + (p2 - t1.detach()).square().sum(1).mean()


def _prediction_not_normalised(p1, p2, t1, t2):
    t1, t2 = (F.normalize(t.detach(), dim=1) for t in (t1, t2))
    return _not_normalised(p1, p2, t1, t2)


def _target_not_normalised(p1, p2, t1, t2):
    return _not_normalised(F.normalize(p1, dim=1), F.normalize(p2, dim=1), t1, t2)


def _mse_loss(p1, p2, t1, t2):
    p1, p2, t1, t2 = (F.normalize(x, dim=1) for x in (p1, p2, t1.detach(), t2.detach()))
    return F.mse_loss(p1, t2) + F.mse_loss(p2, t1)


def _normalised_over_the_batch(p1, p2, t1, t2):
    return _not_normalised(*(F.normalize(x, dim=0) for x in (p1, p2, t1, t2)))


def _cosine_over_the_batch(p1, p2, t1, t2):
    one = 2 - 2 * torch.cosine_similarity(p1, t2.detach(), dim=0).mean()
    return one + 2 - 2 * torch.cosine_similarity(p2, t1.detach(), dim=0).mean()


def _whole_batch_as_one_vector(p1, p2, t1, t2):
    one = 2 - 2 * torch.cosine_similarity(p1.flatten(), t2.detach().flatten(), dim=0)
    return one + 2 - 2 * torch.cosine_similarity(p2.flatten(), t1.detach().flatten(), dim=0)


def _root(p1, p2, t1, t2):
    p1, p2, t1, t2 = (F.normalize(x, dim=1) for x in (p1, p2, t1.detach(), t2.detach()))
    return (p1 - t2).norm(dim=1).mean() + (p2 - t1).norm(dim=1).mean()


def _absolute_differences(p1, p2, t1, t2):
    p1, p2, t1, t2 = (F.normalize(x, dim=1) for x in (p1, p2, t1.detach(), t2.detach()))
    return (p1 - t2).abs().sum(1).mean() + (p2 - t1).abs().sum(1).mean()


def _as_in_simsiam(p1, p2, t1, t2):
    one = torch.cosine_similarity(p1, t2.detach()).mean()
    return -(one + torch.cosine_similarity(p2, t1.detach()).mean()) / 2


def _one_minus_cosine(p1, p2, t1, t2):
    return _good(p1, p2, t1, t2) / 2


def _constant_left_out(p1, p2, t1, t2):
    return _good(p1, p2, t1, t2) - 4


def _two_once_only(p1, p2, t1, t2):
    return _good(p1, p2, t1, t2) - 2


def _factor_2_once(p1, p2, t1, t2):
    one = 2 - torch.cosine_similarity(p1, t2.detach()).mean()
    return one + 2 - torch.cosine_similarity(p2, t1.detach()).mean()


def _plus(p1, p2, t1, t2):
    return 8 - _good(p1, p2, t1, t2)


def _squared_cosine(p1, p2, t1, t2):
    one = 2 - 2 * torch.cosine_similarity(p1, t2.detach()).square().mean()
    return one + 2 - 2 * torch.cosine_similarity(p2, t1.detach()).square().mean()


def _negative_cosines_cut(p1, p2, t1, t2):
    one = 2 - 2 * torch.cosine_similarity(p1, t2.detach()).clamp(min=0).mean()
    return one + 2 - 2 * torch.cosine_similarity(p2, t1.detach()).clamp(min=0).mean()


def _all_pairs(p1, p2, t1, t2):
    p1, p2, t1, t2 = (F.normalize(x, dim=1) for x in (p1, p2, t1.detach(), t2.detach()))
    return 4 - 2 * (p1 @ t2.T).mean() - 2 * (p2 @ t1.T).mean()


def _with_negatives(p1, p2, t1, t2):
    own = torch.arange(len(p1))
    p1, p2, t1, t2 = (F.normalize(x, dim=1) for x in (p1, p2, t1.detach(), t2.detach()))
    return F.cross_entropy(p1 @ t2.T, own) + F.cross_entropy(p2 @ t1.T, own)


def _cosine_of_means(p1, p2, t1, t2):
    p1, p2, t1, t2 = (x.mean(0, keepdim=True) for x in (p1, p2, t1.detach(), t2.detach()))
    return _direction(p1, t2) + _direction(p2, t1)


def _both_as_a_pair(p1, p2, t1, t2):
    return _direction(p1, t2.detach()), _direction(p2, t1.detach())


for label, answer in {
    "the stub": lambda p1, p2, t1, t2: None,
    "predicts its own view": _own_view,
    "one direction": _one_direction,
    "one direction, doubled": _one_direction_doubled,
    "mean of both directions": _averaged,
    "joined and averaged over 2B": _joined_and_averaged,
    "view 1 predicts both": _one_view_twice,
    "p1 against p2": _predictions_compared,
    "t1 against t2": _targets_compared,
    "sum over the batch": _summed,
    "a loss for every image": _vector,
    "not normalised": _not_normalised,
    "prediction not normalised": _prediction_not_normalised,
    "target not normalised": _target_not_normalised,
    "mse_loss, mean over P too": _mse_loss,
    "normalised over the batch": _normalised_over_the_batch,
    "cosine with dim=0": _cosine_over_the_batch,
    "batch as one long vector": _whole_batch_as_one_vector,
    "distance not squared": _root,
    "absolute differences": _absolute_differences,
    "SimSiam's scale": _as_in_simsiam,
    "1 - cos in each direction": _one_minus_cosine,
    "constant 4 left out": _constant_left_out,
    "constant 2 added once only": _two_once_only,
    "2 - cos": _factor_2_once,
    "2 + 2 cos": _plus,
    "cosine squared": _squared_cosine,
    "negative cosines cut off": _negative_cosines_cut,
    "all pairs of the batch": _all_pairs,
    "with negatives": _with_negatives,
    "cosine of the batch means": _cosine_of_means,
    "both directions, not added": _both_as_a_pair,
    "item()": lambda *a, **k: _good(*a, **k).item(),
}.items():
    wrong("byol_step", label, answer)


def _no_stop_gradient(p1, p2, t1, t2):
    return _direction(p1, t2) + _direction(p2, t1)


def _one_stop_gradient(p1, p2, t1, t2):
    return _direction(p1, t2.detach()) + _direction(p2, t1)


def _predictions_stopped(p1, p2, t1, t2):
    return _direction(p1.detach(), t2) + _direction(p2.detach(), t1)


def _everything_stopped(p1, p2, t1, t2):
    return _good(p1, p2, t1, t2).detach()


def _one_prediction_stopped(p1, p2, t1, t2):
    return _direction(p1, t2.detach()) + _direction(p2.detach(), t1.detach())


def _result_of_detach_lost(p1, p2, t1, t2):
    for t in (t1, t2):
        t.detach()
    return _direction(p1, t2) + _direction(p2, t1)


def _length_stopped(p1, p2, t1, t2):
    p1, p2 = (p / p.norm(dim=1, keepdim=True).detach() for p in (p1, p2))
    t1, t2 = (F.normalize(t.detach(), dim=1) for t in (t1, t2))
    return 4 - 2 * (p1 * t2).sum(1).mean() - 2 * (p2 * t1).sum(1).mean()


def _only_length_of_target_stopped(p1, p2, t1, t2):
    t1, t2 = (t / t.norm(dim=1, keepdim=True).detach() for t in (t1, t2))
    p1, p2 = F.normalize(p1, dim=1), F.normalize(p2, dim=1)
    return 4 - 2 * (p1 * t2).sum(1).mean() - 2 * (p2 * t1).sum(1).mean()


@torch.no_grad()
def _all_under_no_grad(p1, p2, t1, t2):
    return _no_stop_gradient(p1, p2, t1, t2)


rule("byol_step", "no stop-gradient", _no_stop_gradient)
rule("byol_step", "stop-gradient in one direction only", _one_stop_gradient)
rule("byol_step", "stop-gradient on the predictions", _predictions_stopped)
rule("byol_step", "loss detached", _everything_stopped)
rule("byol_step", "p2 stopped as well", _one_prediction_stopped)
rule("byol_step", "detach() called, result not kept", _result_of_detach_lost)
rule("byol_step", "length of the prediction detached", _length_stopped)
rule("byol_step", "only length of the target detached", _only_length_of_target_stopped)
rule("byol_step", "all under no_grad", _all_under_no_grad)


def _squared_distances(p1, p2, t1, t2):
    total = 0
    for p, t in ((p1, t2), (p2, t1)):
        with torch.no_grad():
            t = t / t.norm(dim=-1, keepdim=True)
        total = total + ((p / p.norm(dim=-1, keepdim=True) - t) ** 2).sum(-1).mean()
    return total


def _image_by_image(p1, p2, t1, t2):
    losses = []
    for i in range(len(p1)):
        cosines = F.cosine_similarity(p1[i], t2[i].data, dim=0)
        cosines = cosines + F.cosine_similarity(p2[i], t1[i].data, dim=0)
        losses.append(4 - 2 * cosines)
    return sum(losses) / len(losses)


def _joined_and_doubled(p1, p2, t1, t2):
    p, t = F.normalize(torch.cat([p1, p2]), dim=1), F.normalize(torch.cat([t2, t1]), dim=1)
    return 4 - 4 * torch.einsum("bp,bp->b", p, t.detach()).mean()


def _mse_sum_over_b(p1, p2, t1, t2):
    p, t = torch.stack([p1, p2]), torch.stack([t2, t1]).clone().detach()
    distances = F.mse_loss(F.normalize(p, dim=2), F.normalize(t, dim=2), reduction="sum")
    return distances / p1.shape[0]


def _library(p1, p2, t1, t2):
    return mlteach.byol_loss(p1, t2) + mlteach.byol_loss(prediction=p2, target=t1)


right("byol_step", "squared distances", _squared_distances)
right("byol_step", "image by image", _image_by_image)
right("byol_step", "joined, factor 4, einsum", _joined_and_doubled)
right("byol_step", "mse_loss summed, divided by B", _mse_sum_over_b)
right("byol_step", "byol_loss of the library", _library)


# target_update(target, online, decay)


def _move(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.copy_(decay * t + (1 - decay) * o)


def _new_names(target, online, decay):
    for t, o in zip(target.parameters(), online.parameters()):
        t = decay * t.data + (1 - decay) * o.data


def _without_no_grad(target, online, decay):
    for t, o in zip(target.parameters(), online.parameters()):
        t.mul_(decay).add_(o, alpha=1 - decay)


def _second_product_from_moved(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t *= decay
            t += (1 - decay) * t


def _both_moved(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.copy_(decay * t + (1 - decay) * o)
            o.copy_(t)


def _towards_each_other(target, online, decay):
    _move(target, online, decay)
    _move(online, target, decay)


def _scaled_only(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.copy_(decay * (t + (1 - decay) * o))


def _frozen_copy(target, online, decay):
    frozen = copy.deepcopy(target).requires_grad_(False)
    moved = [p for p in frozen.parameters() if p.requires_grad]
    for t, o in zip(moved, online.parameters()):
        t.data.lerp_(o.data, 1 - decay)


def _linear_layers_directly_inside(target, online, decay):
    for t, o in zip(target.children(), online.children()):
        if isinstance(t, nn.Linear):
            t.weight.data.lerp_(o.weight.data, 1 - decay)


def _state_loaded_into_nothing(target, online, decay):
    state = target.state_dict()
    for name, o in online.state_dict().items():
        state[name] = decay * state[name] + (1 - decay) * o


def _online_state_loaded(target, online, decay):
    target.load_state_dict(online.state_dict())


def _name_bound_to_a_copy(target, online, decay):
    target = copy.deepcopy(online)
    return target


def _reversed_pairs(target, online, decay):
    pairs = zip(target.parameters(), reversed(list(online.parameters())))
    for t, o in pairs:
        if t.shape == o.shape:
            t.data.lerp_(o.data, 1 - decay)


def _decay_squared(target, online, decay):
    _move(target, online, decay**2)


def _mean_of_both(target, online, decay):
    _move(target, online, 0.5)


def _decay_as_percent(target, online, decay):
    _move(target, online, decay / 100)


for label, answer in {
    "the stub": lambda target, online, decay: None,
    "a new name for a new tensor": _new_names,
    "without no_grad": _without_no_grad,
    "target added instead of online": _second_product_from_moved,
    "online gets the average too": _both_moved,
    "both move towards each other": _towards_each_other,
    "bracket in the wrong place": _scaled_only,
    "a frozen copy, nothing moved": _frozen_copy,
    "weights of direct Linear layers only": _linear_layers_directly_inside,
    "state dictionary changed, not loaded": _state_loaded_into_nothing,
    "online copied": _online_state_loaded,
    "name bound to a copy of online": _name_bound_to_a_copy,
    "online parameters in reverse": _reversed_pairs,
    "arguments swapped": lambda target, online, decay: _move(online, target, decay),
    "decay and rest swapped": lambda target, online, decay: _move(target, online, 1 - decay),
    "decay squared": _decay_squared,
    "plain mean": _mean_of_both,
    "decay typed in": lambda target, online, decay=0.99: _move(target, online, 0.99),
    "decay in per cent": _decay_as_percent,
}.items():
    wrong("target_update", label, answer)


def _replaced_parameters(target, online, decay):
    for t, o in zip(target.modules(), online.modules()):
        for name, p in list(t.named_parameters(recurse=False)):
            new = decay * p.data + (1 - decay) * getattr(o, name).data
            setattr(t, name, nn.Parameter(new))


rule("target_update", "new Parameter objects, not in place", _replaced_parameters)


def _foreach(target, online, decay):
    with torch.no_grad():
        torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1 - decay)


def _state_dict_of_parameters(target, online, decay):
    state, names = target.state_dict(), [name for name, _ in target.named_parameters()]
    for name in names:
        state[name] = torch.lerp(online.state_dict()[name], state[name], decay)
    target.load_state_dict(state)


def _in_double(target, online, decay):
    for t, o in zip(target.parameters(), online.parameters()):
        exact = decay * t.detach().double() + (1 - decay) * o.detach().double()
        t.data[...] = exact.to(t.dtype)


@torch.no_grad()
def _recursive(target, online, decay):
    for t, o in zip(target.children(), online.children()):
        _recursive(t, o, decay)
    for name, t in target.named_parameters(recurse=False):
        t.add_((1 - decay) * (getattr(online, name) - t))
    return target


right("target_update", "torch._foreach_lerp_", _foreach)
right("target_update", "state_dict, parameters only", _state_dict_of_parameters)
right("target_update", "float64 in between", _in_double)
right("target_update", "recursive, returns the target", _recursive)


# half_lives: log(1/2) / log(decay) for 0.9, 0.99, 0.999

decays = (0.9, 0.99, 0.999)

wrong("half_lives", "the stub", [0, 0, 0])
wrong("half_lives", "rounded down", [6, 68, 692])
wrong("half_lives", "one step too many", [8, 70, 694])
wrong("half_lives", "1 / (1 - decay)", [10, 100, 1000])
wrong("half_lives", "half of 1 / (1 - decay)", [5, 50, 500])
wrong("half_lives", "until 1 / e is left", [round(-1 / math.log(d)) for d in decays])
wrong("half_lives", "upside down", [math.log(d) / math.log(0.5) for d in decays])
wrong("half_lives", "minus sign", [-7, -69, -693])
wrong("half_lives", "logarithms multiplied", [math.log(d) * math.log(0.5) for d in decays])
wrong("half_lives", "mixed logarithms", [math.log(0.5) / math.log10(d) for d in decays])
wrong("half_lives", "decimal over natural", [math.log10(0.5) / math.log(d) for d in decays])
wrong("half_lives", "left after one step", decays)
wrong("half_lives", "root of one half", [0.5 ** (1 / d) for d in decays])
wrong("half_lives", "until a quarter is left", [13, 138, 1386])
wrong("half_lives", "until a tenth is left", [22, 229, 2301])
wrong("half_lives", "times ten each", [7, 70, 700])
wrong("half_lives", "in reverse", [693, 69, 7])
wrong("half_lives", "last missing", [7, 69])
wrong("half_lives", "one number", 69)
wrong("half_lives", "texts", ["7", "69", "693"])
wrong("half_lives", "one off by one", [7, 69, 692])
wrong("half_lives", "middle rounded down", [7, 68, 693])
wrong("half_lives", "nothing", None)
wrong("half_lives", "digits swapped", [7, 96, 693])

right("half_lives", "typed in, a tuple", (7, 69, 693))
right("half_lives", "np.round", np.round(np.log(0.5) / np.log(decays)))
right("half_lives", "a tensor, rounded", (math.log(0.5) / torch.tensor(decays).log()).round())
right(
    "half_lives", "math.ceil, the first step below", [math.ceil(math.log(0.5, d)) for d in decays]
)
right("half_lives", "list of np.int64", list(np.int64([7, 69, 693])))
right(
    "half_lives",
    "counted by multiplying",
    [next(n for n in range(9**4) if d**n < 0.5) for d in decays],
)


# effective_rank(z)


def _shares(z):
    values = torch.linalg.svdvals(z)
    return values / values.sum()


def _rank(shares):
    return torch.special.entr(shares).sum().exp()


def _squared_values(z):
    values = torch.linalg.svdvals(z).square()
    return _rank(values / values.sum())


def _eigenvalues_of_covariance(z):
    values = torch.linalg.eigvalsh(torch.cov(z.T)).clamp(min=0)
    return _rank(values / values.sum())


def _centred(z):
    return _rank(_shares(z - z.mean(0)))


def _rows_normalised(z):
    return _rank(_shares(F.normalize(z, dim=1)))


def _columns_standardised(z):
    return _rank(_shares((z - z.mean(0)) / (z.std(0) + 1e-6)))


def _nan_at_zero(z):
    shares = _shares(z)
    return (-(shares * shares.log()).sum()).exp()


def _not_a_share(z):
    return _rank(torch.linalg.svdvals(z))


def _by_the_largest(z):
    values = torch.linalg.svdvals(z)
    return _rank(values / values.max())


def _by_the_norm(z):
    values = torch.linalg.svdvals(z)
    return _rank(values / values.norm())


def _softmax_shares(z):
    return _rank(torch.linalg.svdvals(z).softmax(0))


def _bits_and_e(z):
    return (torch.special.entr(_shares(z)).sum() / math.log(2)).exp()


def _nats_and_2(z):
    return torch.special.entr(_shares(z)).sum().exp2()


def _minus_forgotten(z):
    return (-torch.special.entr(_shares(z)).sum()).exp()


def _inverse_simpson(z):
    return 1 / _shares(z).square().sum()


def _participation_ratio(z):
    values = torch.linalg.svdvals(z).square()
    return values.sum() ** 2 / values.square().sum()


def _stable_rank(z):
    return z.square().sum() / torch.linalg.matrix_norm(z, 2) ** 2


def _nuclear_over_spectral(z):
    values = torch.linalg.svdvals(z)
    return values.sum() / values.max()


def _large_eps(z):
    shares = _shares(z) + 1e-2
    return (-(shares * shares.log()).sum()).exp()


def _eps_in_the_logarithm_only(z):
    shares = _shares(z)
    return (-(shares * (shares + 1e-2).log()).sum()).exp()


def _mean_for_sum(z):
    return torch.special.entr(_shares(z)).mean().exp()


def _share_of_maximal_entropy(z):
    shares = _shares(z)
    return torch.special.entr(shares).sum() / math.log(len(shares))


def _smallest_left_out(z):
    shares = _shares(z)
    return _rank(shares[:-1])


def _zeros_as_ones(z):
    values = torch.linalg.svdvals(z)
    values[values == 0] = 1
    return _rank(values / values.sum())


def _weak_dropped_then_renewed(z):
    values = torch.linalg.svdvals(z)
    values = values[values > 0.1 * values.max()]
    return _rank(values / values.sum())


def _entries_as_shares(z):
    return _rank(z.abs().flatten() / z.abs().sum())


def _logits_by_mistake(z):
    return Categorical(logits=torch.linalg.svdvals(z)).perplexity()


def _gram_matrix(z):
    return _rank(_shares(z.T @ z))


for label, answer in {
    "the stub": lambda z: None,
    "squared singular values": _squared_values,
    "eigenvalues of the covariance": _eigenvalues_of_covariance,
    "mean subtracted": _centred,
    "rows normalised first": _rows_normalised,
    "columns standardised first": _columns_standardised,
    "0 log 0 is nan": _nan_at_zero,
    "values not divided by their sum": _not_a_share,
    "divided by the largest": _by_the_largest,
    "divided by their norm": _by_the_norm,
    "softmax of the values": _softmax_shares,
    "bits with exp": _bits_and_e,
    "nats with a power of 2": _nats_and_2,
    "minus sign forgotten": _minus_forgotten,
    "inverse sum of squares": _inverse_simpson,
    "participation ratio": _participation_ratio,
    "stable rank": _stable_rank,
    "sum over the largest": _nuclear_over_spectral,
    "0.01 added to every share": _large_eps,
    "0.01 added in the logarithm": _eps_in_the_logarithm_only,
    "mean instead of sum": _mean_for_sum,
    "entropy over its maximum": _share_of_maximal_entropy,
    "smallest left out": _smallest_left_out,
    "1 in the place of 0": _zeros_as_ones,
    "weak directions dropped": _weak_dropped_then_renewed,
    "entries for singular values": _entries_as_shares,
    "Categorical with logits": _logits_by_mistake,
    "singular values of z.T @ z": _gram_matrix,
    "the entropy": lambda z: torch.special.entr(_shares(z)).sum(),
    "ordinary rank": lambda z: torch.linalg.matrix_rank(z),
    "rounded to whole directions": lambda z: _rank(_shares(z)).round(),
    "number of columns": lambda z: z.shape[1],
    "the spectrum": _shares,
}.items():
    wrong("effective_rank", label, answer)


def _positive_only(z):
    s = _shares(z)
    s = s[s > 0]
    return torch.exp(-(s * torch.log(s)).sum()).item()


def _scipy_entropy(z):
    return np.exp(stats.entropy(np.linalg.svd(z.numpy(), compute_uv=False)))


def _product(z):
    shares = _shares(z.double())
    return (shares**-shares).prod()


def _tiny_eps(z):
    _, values, _ = torch.linalg.svd(z, full_matrices=False)
    shares = values / values.sum()
    return torch.exp(-torch.sum(shares * torch.log(shares + 1e-12)))


def _loop(z):
    total = 0.0
    for share in _shares(z).tolist():
        if share > 0:
            total -= share * math.log(share)
    return math.exp(total)


def _xlogy(z):
    shares = _shares(z)
    return (-torch.xlogy(shares, shares)).nansum().exp()


def _perplexity(z):
    return Categorical(probs=_shares(z)).perplexity()


right("effective_rank", "zeros left out, a float", _positive_only)
right("effective_rank", "scipy's entropy", _scipy_entropy)
right("effective_rank", "product of powers in float64", _product)
right("effective_rank", "1e-12 in the logarithm", _tiny_eps)
right("effective_rank", "a loop", _loop)
right("effective_rank", "xlogy", _xlogy)
right("effective_rank", "perplexity of Categorical", _perplexity)
