"""Mistakes in meta-learned self-supervision: the outer gradient, and that of a temperature."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.losses import nt_xent
from mlteach.mistakes._registry import mistake

# --- the outer gradient of a linear encoder whose gains adapt ------------------------------------


def pair_loss(weights, log_gains, x1, x2, *, loss=nt_xent, at=0.5):
    """NT-Xent at temperature 0.5 of two views, times the gains, then through the weights."""
    gains = log_gains.exp()
    return loss((x1 * gains) @ weights.T, (x2 * gains) @ weights.T, temperature=at)


def adapted_gains(weights, x1, x2, lr, *, start=None, **how):
    """The log-gains after one step, from 0 unless said; a function of the weights still."""
    log_gains = torch.zeros(x1.shape[1], dtype=x1.dtype) if start is None else start.detach()
    log_gains.requires_grad_()
    support_loss = pair_loss(weights, log_gains, x1, x2, **how)
    (gradient,) = torch.autograd.grad(support_loss, log_gains, create_graph=True)
    return log_gains - lr * gradient


def of_weights(weights, log_gains, q1, q2):
    """The gradient (P, C) of the query's loss."""
    return torch.autograd.grad(pair_loss(weights, log_gains, q1, q2), weights)[0]


def meta_gradient(weights, x1, x2, q1, q2, lr):
    """Right: the query's gradient in the weights, at gains adapted to the support, as constants."""
    weights = weights.detach().requires_grad_()
    return of_weights(weights, adapted_gains(weights, x1, x2, lr).detach(), q1, q2)


@mistake(
    meta_gradient,
    "the gains stay as they were, or are one for all channels, which NT-Xent does not see: this is "
    "joint training. Take the query's gradient at adapted gains, one a channel",
)
def without_adapting(weights, x1, x2, q1, q2, lr):
    return meta_gradient(weights, x1, x2, q1, q2, 0)


@mistake(
    meta_gradient,
    "you judge the adapted gains by the support, which they have seen: "
    "the outer loss is the query's",
)
def judged_by_the_support(weights, x1, x2, q1, q2, lr):
    return meta_gradient(weights, x1, x2, x1, x2, lr)


@mistake(
    meta_gradient,
    "you adapt to the query: the inner step is on the support, x1 and x2",
)
def adapted_to_the_query(weights, x1, x2, q1, q2, lr):
    return meta_gradient(weights, q1, q2, q1, q2, lr)


@mistake(
    meta_gradient,
    "support and query are swapped: adapt to x1 and x2, judge by q1 and q2",
)
def swapped(weights, x1, x2, q1, q2, lr):
    return meta_gradient(weights, q1, q2, x1, x2, lr)


@mistake(
    meta_gradient,
    "you differentiate through the inner step: first-order takes the adapted gains as constants, "
    "so detach them",
)
def second_order(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    return of_weights(weights, adapted_gains(weights, x1, x2, lr), q1, q2)


@mistake(meta_gradient, "you climb: the inner step subtracts lr times the gradient")
def uphill(weights, x1, x2, q1, q2, lr):
    return meta_gradient(weights, x1, x2, q1, q2, -lr)


@mistake(
    meta_gradient,
    "the adapted numbers are logarithms: the gains are their exponentials, not 1 plus them",
)
def one_plus(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    gains = (1 + adapted_gains(weights, x1, x2, lr)).detach()
    loss = nt_xent((q1 * gains) @ weights.T, (q2 * gains) @ weights.T, temperature=0.5)
    return torch.autograd.grad(loss, weights)[0]


@mistake(
    meta_gradient, "the adapted gains multiply one view only: both go through the same network"
)
def one_view_only(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    gains = adapted_gains(weights, x1, x2, lr).detach().exp()
    loss = nt_xent((q1 * gains) @ weights.T, q2 @ weights.T, temperature=0.5)
    return torch.autograd.grad(loss, weights)[0]


@mistake(
    meta_gradient,
    "your inner step moves the weights too: only the log-gains adapt",
)
def weights_adapted_too(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    log_gains = adapted_gains(weights, x1, x2, lr).detach()
    support_loss = pair_loss(weights, torch.zeros_like(log_gains), x1, x2)
    moved = weights - lr * torch.autograd.grad(support_loss, weights)[0]
    return of_weights(moved.detach().requires_grad_(), log_gains, q1, q2)


@mistake(
    meta_gradient,
    "your inner step moves the weights, and no gains: the log-gains adapt, the weights stay",
)
def weights_for_gains(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    moved = weights - lr * torch.autograd.grad(nt_xent(x1 @ weights.T, x2 @ weights.T), weights)[0]
    return joint_gradient(moved.detach().requires_grad_(), q1, q2)


def joint_gradient(weights, q1, q2):
    """The gradient where every gain is 1."""
    return of_weights(weights, torch.zeros(q1.shape[1], dtype=q1.dtype), q1, q2)


@mistake(
    meta_gradient,
    "the gains multiply one view only in your inner loss: both go through the same network",
)
def one_view_only_in_the_inner_loss(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    log_gains = torch.zeros(x1.shape[1], dtype=x1.dtype, requires_grad=True)
    loss = nt_xent((x1 * log_gains.exp()) @ weights.T, x2 @ weights.T)
    moved = log_gains - lr * torch.autograd.grad(loss, log_gains)[0]
    return of_weights(weights, moved.detach(), q1, q2)


@mistake(
    meta_gradient,
    "only one view looks for the other in your loss: NT-Xent takes all 2B views as anchors, and "
    "the same view's as negatives",
)
def one_direction(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    log_gains = adapted_gains(weights, x1, x2, lr, loss=_towards_the_second).detach()
    loss = pair_loss(weights, log_gains, q1, q2, loss=_towards_the_second)
    return torch.autograd.grad(loss, weights)[0]


def _towards_the_second(z1, z2, *, temperature):
    cosines = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T
    return F.cross_entropy(cosines / temperature, torch.arange(len(z1)))


@mistake(
    meta_gradient,
    "you add the support's gradient: the outer loss is that of the query alone",
)
def support_added(weights, x1, x2, q1, q2, lr):
    both = meta_gradient(weights, x1, x2, q1, q2, lr), meta_gradient(weights, x1, x2, x1, x2, lr)
    return both[0] + both[1]


@mistake(meta_gradient, "the gains take two steps: one is asked for")
def two_inner_steps(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    once = adapted_gains(weights, x1, x2, lr)
    return of_weights(weights, adapted_gains(weights, x1, x2, lr, start=once).detach(), q1, q2)


@mistake(
    meta_gradient,
    "the gains multiply one view only, in both losses: both views go through the same network",
)
def one_view_only_throughout(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    log_gains = torch.zeros(x1.shape[1], dtype=x1.dtype, requires_grad=True)
    loss = nt_xent((x1 * log_gains.exp()) @ weights.T, x2 @ weights.T)
    gains = (log_gains - lr * torch.autograd.grad(loss, log_gains)[0]).detach().exp()
    return torch.autograd.grad(nt_xent((q1 * gains) @ weights.T, q2 @ weights.T), weights)[0]


@mistake(
    meta_gradient,
    "this is the gradient in the weights times the gains: in the weights themselves it has the "
    "gains once more as a factor",
)
def of_the_product(weights, x1, x2, q1, q2, lr):
    gains = adapted_gains(weights, x1, x2, lr).detach().exp()
    product = (weights.detach() * gains).requires_grad_()
    return of_weights(product, torch.zeros_like(gains), q1, q2)


@mistake(meta_gradient, "your losses have the temperature 0.1: the default is 0.5, leave it")
def another_temperature(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    log_gains = adapted_gains(weights, x1, x2, lr, at=0.1).detach()
    return torch.autograd.grad(pair_loss(weights, log_gains, q1, q2, at=0.1), weights)[0]


@mistake(
    meta_gradient, "your inner loss has the temperature 0.1: the default is 0.5, leave it for both"
)
def another_inner_temperature(weights, x1, x2, q1, q2, lr):
    weights = weights.detach().requires_grad_()
    return of_weights(weights, adapted_gains(weights, x1, x2, lr, at=0.1).detach(), q1, q2)


@mistake(meta_gradient, "the sign is flipped: this is the step down, not the gradient")
def step_for_gradient(weights, x1, x2, q1, q2, lr):
    return -meta_gradient(weights, x1, x2, q1, q2, lr)


@mistake(meta_gradient, "these are weights after the outer step: the gradient alone is asked for")
def moved_for_gradient(weights, x1, x2, q1, q2, lr):
    return weights - lr * meta_gradient(weights, x1, x2, q1, q2, lr)


# --- the gradient of a temperature by one step of looking ahead ----------------------------------


def looked_ahead(weights, x1, x2, v1, v2, temperature, lr, *, at=None, loss=nt_xent):
    """The validation loss after one step, and the temperature that it is a function of."""
    weights = weights.detach().requires_grad_()
    temperature = torch.as_tensor(temperature, dtype=x1.dtype).detach().requires_grad_()
    trained = loss(x1 @ weights.T, x2 @ weights.T, temperature=temperature)
    (gradient,) = torch.autograd.grad(trained, weights, create_graph=True)
    moved = weights - lr * gradient
    at = 0.5 if at is None else at(temperature)
    return nt_xent(v1 @ moved.T, v2 @ moved.T, temperature=at), temperature


def hypergradient(weights, x1, x2, v1, v2, temperature, lr):
    """Right: how the validation loss after one training step changes with the temperature."""
    return _slope(weights, x1, x2, v1, v2, temperature, lr)


def _slope(*arguments, **how):
    return torch.autograd.grad(*looked_ahead(*arguments, **how))[0]


@mistake(
    hypergradient,
    "this is the training loss's own derivative: a temperature that makes it small need not teach "
    "anything. Step first, then ask the validation loss",
)
def training_loss_alone(weights, x1, x2, v1, v2, temperature, lr):
    temperature = torch.as_tensor(temperature, dtype=x1.dtype).detach().requires_grad_()
    loss = nt_xent(x1 @ weights.T, x2 @ weights.T, temperature=temperature)
    return torch.autograd.grad(loss, temperature)[0]


@mistake(
    hypergradient,
    "you judge by the training views: the validation loss is that of v1 and v2",
)
def judged_by_the_training_views(weights, x1, x2, v1, v2, temperature, lr):
    return hypergradient(weights, x1, x2, x1, x2, temperature, lr)


@mistake(
    hypergradient,
    "your validation loss has the learned temperature, so that it can be made small by that alone: "
    "it keeps 0.5",
)
def validated_at_the_learned_temperature(weights, x1, x2, v1, v2, temperature, lr):
    return _slope(weights, x1, x2, v1, v2, temperature, lr, at=lambda t: t)


@mistake(
    hypergradient,
    "your validation loss has the training step's temperature, as a number: it keeps 0.5",
)
def validated_at_its_number(weights, x1, x2, v1, v2, temperature, lr):
    return _slope(weights, x1, x2, v1, v2, temperature, lr, at=lambda t: t.detach())


@mistake(hypergradient, "this is the derivative by the rate: that by the temperature is asked for")
def by_the_rate(weights, x1, x2, v1, v2, temperature, lr):
    rate = torch.tensor(lr, dtype=x1.dtype, requires_grad=True)
    loss, _ = looked_ahead(weights, x1, x2, v1, v2, temperature, rate)
    return torch.autograd.grad(loss, rate)[0]


@mistake(
    hypergradient,
    "your temperatures lie 0.2 apart, and the loss bends between them: let autograd differentiate",
)
def coarse_difference(weights, x1, x2, v1, v2, temperature, lr):
    return _difference(weights, x1, x2, v1, v2, lr, temperature - 0.1, temperature + 0.1)


@mistake(
    hypergradient,
    "your difference looks to one side only, and the loss bends on the way: let autograd "
    "differentiate, or look 0.0001 to both sides, in float64",
)
def one_sided_difference(weights, x1, x2, v1, v2, temperature, lr):
    return _difference(weights, x1, x2, v1, v2, lr, temperature, temperature + 0.01)


def _difference(weights, x1, x2, v1, v2, lr, low, high):
    """The slope between two temperatures."""
    weights, *views = (part.double() for part in (weights, x1, x2, v1, v2))
    from_low, to_high = (looked_ahead(weights, *views, t, lr)[0].detach() for t in (low, high))
    return ((to_high - from_low) / (high - low)).to(x1.dtype)


@mistake(
    hypergradient,
    "the validation gradient is taken at the old weights: take it after the step",
)
def validated_at_the_old_weights(weights, x1, x2, v1, v2, temperature, lr):
    small = 1e-4  # so small a step hardly leaves the old weights
    weights, *views = (part.double() for part in (weights, x1, x2, v1, v2))
    return (lr / small * _slope(weights, *views, temperature, small)).to(x1.dtype)


@mistake(hypergradient, "you climb: the training step subtracts lr times the gradient")
def training_uphill(weights, x1, x2, v1, v2, temperature, lr):
    return hypergradient(weights, x1, x2, v1, v2, temperature, -lr)


@mistake(hypergradient, "the step's rate is missing: the weights move by lr times the gradient")
def rate_forgotten(weights, x1, x2, v1, v2, temperature, lr):
    return hypergradient(weights, x1, x2, v1, v2, temperature, 1.0)


@mistake(hypergradient, "this is the derivative by the temperature's logarithm: divide by it")
def by_the_logarithm(weights, x1, x2, v1, v2, temperature, lr):
    return temperature * hypergradient(weights, x1, x2, v1, v2, temperature, lr)


@mistake(
    hypergradient,
    "you multiply the training loss by the temperature: the exercise takes NT-Xent as it is",
)
def scaled_loss(weights, x1, x2, v1, v2, temperature, lr):
    return _slope(weights, x1, x2, v1, v2, temperature, lr, loss=_scaled)


def _scaled(z1, z2, *, temperature):
    return temperature * nt_xent(z1, z2, temperature=temperature)


@mistake(
    hypergradient,
    "training and validation views are swapped: the step is on x1 and x2",
)
def views_swapped(weights, x1, x2, v1, v2, temperature, lr):
    return hypergradient(weights, v1, v2, x1, x2, temperature, lr)


@mistake(hypergradient, "the sign is flipped: this is the way down, not the gradient")
def way_down(weights, x1, x2, v1, v2, temperature, lr):
    return -hypergradient(weights, x1, x2, v1, v2, temperature, lr)


@mistake(hypergradient, "this is the validation loss itself: its derivative is asked for")
def loss_for_slope(weights, x1, x2, v1, v2, temperature, lr):
    return looked_ahead(weights, x1, x2, v1, v2, temperature, lr)[0].detach()


@mistake(hypergradient, "this is a new temperature: the derivative alone is asked for")
def moved_temperature(weights, x1, x2, v1, v2, temperature, lr):
    return temperature - lr * hypergradient(weights, x1, x2, v1, v2, temperature, lr)


@mistake(
    hypergradient,
    "your validation loss has the temperature 0.1, as in the chapter's text: here it has the "
    "default",
)
def validated_at_another_temperature(weights, x1, x2, v1, v2, temperature, lr):
    return _slope(weights, x1, x2, v1, v2, temperature, lr, at=lambda t: 0.1)


@mistake(
    hypergradient,
    "this is the validation loss's derivative by its own temperature: by that of the training step "
    "is asked, through the weights",
)
def by_the_validation_temperature(weights, x1, x2, v1, v2, temperature, lr):
    at = torch.tensor(0.5, dtype=x1.dtype, requires_grad=True)
    loss, _ = looked_ahead(weights, x1, x2, v1, v2, temperature, lr, at=lambda t: at)
    return torch.autograd.grad(loss, at)[0]


@mistake(hypergradient, "this is the derivative by 1 / temperature: the temperature is asked for")
def by_the_inverse(weights, x1, x2, v1, v2, temperature, lr):
    return -(temperature**2) * hypergradient(weights, x1, x2, v1, v2, temperature, lr)


@mistake(
    hypergradient,
    "the training loss is added to the validation loss: judge the step by v1 and v2 alone",
)
def both_losses_after_the_step(weights, x1, x2, v1, v2, temperature, lr):
    training = hypergradient(weights, x1, x2, x1, x2, temperature, lr)
    return training + hypergradient(weights, x1, x2, v1, v2, temperature, lr)


@mistake(hypergradient, "you take two training steps: one is asked for")
def two_training_steps(weights, x1, x2, v1, v2, temperature, lr):
    weights = weights.detach().requires_grad_()
    temperature = torch.as_tensor(temperature, dtype=x1.dtype).detach().requires_grad_()
    moved = weights
    for _ in range(2):
        loss = nt_xent(x1 @ moved.T, x2 @ moved.T, temperature=temperature)
        moved = moved - lr * torch.autograd.grad(loss, moved, create_graph=True)[0]
    return torch.autograd.grad(nt_xent(v1 @ moved.T, v2 @ moved.T), temperature)[0]


@mistake(
    hypergradient, "the sign is lost: a smaller temperature may be better, and then it is negative"
)
def sign_lost(weights, x1, x2, v1, v2, temperature, lr):
    return hypergradient(weights, x1, x2, v1, v2, temperature, lr).abs()


@mistake(
    hypergradient,
    "the gradient is divided by its length: the step is lr times the gradient as it is",
)
def normalised_step(weights, x1, x2, v1, v2, temperature, lr):
    weights = weights.detach().requires_grad_()
    temperature = torch.as_tensor(temperature, dtype=x1.dtype).detach().requires_grad_()
    loss = nt_xent(x1 @ weights.T, x2 @ weights.T, temperature=temperature)
    (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    moved = weights - lr * gradient / gradient.norm()
    return torch.autograd.grad(nt_xent(v1 @ moved.T, v2 @ moved.T), temperature)[0]
