"""Answers to chapter 18 as students write them."""

import random

import torch
import torch.nn.functional as F
from torch import nn

from mlteach.losses import nt_xent
from tests.support.answers import Answers

answers = Answers("18")
wrong, right = answers.wrong, answers.right


# image_task(images, n_way, n_query, view, generator)


def _by_a_loop(images, n_way, n_query, view, generator):
    rows = []
    for i in torch.randperm(len(images), generator=generator)[:n_way].tolist():
        row = [images[i]]
        for _ in range(n_query):
            row.append(view(images[i : i + 1], generator=generator)[0])
        rows.append(torch.stack(row))
    return torch.stack(rows)


def _by_expand(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)][:n_way]
    many = x.unsqueeze(1).expand(-1, n_query, -1, -1, -1).reshape(-1, *x.shape[1:])
    views = view(many, generator=generator).reshape(n_way, n_query, *x.shape[1:])
    return torch.cat((x.unsqueeze(1), views), dim=1)


def _by_multinomial(images, n_way, n_query, view, generator):
    index = torch.multinomial(torch.ones(len(images)), n_way, generator=generator)
    parts = [images[index]]
    for _ in range(n_query):
        parts.append(view(images, generator=generator)[index])
    return torch.stack(parts).transpose(0, 1)


def _by_rand_argsort(images, n_way, n_query, view, generator):
    index = torch.rand(len(images), generator=generator).argsort()[:n_way]
    x = images[index]
    result = torch.empty(n_way, n_query + 1, *images.shape[1:])
    result[:, 0] = x
    for k in range(1, n_query + 1):
        result[:, k] = view(x, generator=generator)
    return result


right("image_task", "a loop over the images", _by_a_loop)
right("image_task", "expand and one view", _by_expand)
right("image_task", "multinomial, the whole set viewed", _by_multinomial)
right("image_task", "argsort of uniforms, filled in", _by_rand_argsort)


def _views_first(*arguments):
    return _by_expand(*arguments).roll(-1, 1)


def _repeat(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    views = view(x.repeat(n_query, 1, 1, 1), generator=generator)
    return torch.cat([x[:, None], views.view(n_way, n_query, *x.shape[1:])], 1)


def _too_few_views(images, n_way, n_query, view, generator):
    return _by_expand(images, n_way, n_query - 1, view, generator)


def _classes_second(*arguments):
    return _by_expand(*arguments).transpose(0, 1)


def _view_of_everything(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    many = x[:, None].repeat(1, n_query + 1, 1, 1, 1).flatten(0, 1)
    return view(many, generator=generator).view(n_way, n_query + 1, *x.shape[1:])


def _copied(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    v = view(x, generator=generator)
    return torch.cat([x[:, None], v[:, None].expand(-1, n_query, -1, -1, -1)], 1)


def _no_view(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    return x[:, None].expand(-1, n_query + 1, -1, -1, -1)


def _randint(images, n_way, n_query, view, generator):
    index = torch.randint(0, len(images), (n_way,), generator=generator)
    return torch.stack(
        [images[index]] + [view(images[index], generator=generator) for _ in range(n_query)], 1
    )


def _random_sample(images, n_way, n_query, view, generator):
    x = images[random.sample(range(len(images)), n_way)]
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1)


def _fixed_seed(images, n_way, n_query, view, generator):
    generator = torch.Generator().manual_seed(0)
    return _by_expand(images, n_way, n_query, view, generator)


def _new_images_as_queries(images, n_way, n_query, view, generator):
    index = torch.randperm(len(images), generator=generator)
    x = images[index[:n_way]]
    parts = [x]
    for _ in range(n_query):
        parts.append(view(images[index[n_way : 2 * n_way]], generator=generator))
    return torch.stack(parts, 1)


def _as_a_pair(images, n_way, n_query, view, generator):
    rows = _by_expand(images, n_way, n_query, view, generator)
    return rows[:, 0], rows[:, 1:]


def _global_generator(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    return torch.stack([x] + [view(x) for _ in range(n_query)], 1)


wrong("image_task", "the stub", lambda *arguments: None)
wrong("image_task", "views before the support", _views_first)
wrong("image_task", "repeat for repeat_interleave", _repeat)
wrong("image_task", "one view too few", _too_few_views)
wrong("image_task", "classes on the second dimension", _classes_second)
wrong("image_task", "the support a view too", _view_of_everything)
wrong("image_task", "one view, expanded", _copied)
wrong("image_task", "no views", _no_view)
wrong("image_task", "randint", _randint)
wrong("image_task", "random.sample", _random_sample)
wrong("image_task", "a generator of its own", _fixed_seed)
wrong("image_task", "queries from other images", _new_images_as_queries)
wrong("image_task", "support and query as a pair", _as_a_pair)
wrong("image_task", "the view without the generator", _global_generator)


# meta_gradient(weights, x1, x2, q1, q2, lr)


def _meta(  # the right answer, with a place for each mistake
    inner=lambda a, b: nt_xent(a, b),
    outer=lambda a, b: nt_xent(a, b),
    gain=torch.exp,
    step=lambda gains, slope, lr: gains - lr * slope,
    keep=False,
    start=torch.zeros,
):
    def answer(weights, x1, x2, q1, q2, lr):
        w = weights.detach().clone().requires_grad_()
        gains = start(x1.shape[1]).requires_grad_()

        def z(x, log_gains):
            return (x * gain(log_gains)) @ w.T

        loss = inner(z(x1, gains), z(x2, gains))
        (slope,) = torch.autograd.grad(loss, gains, create_graph=keep)
        adapted = step(gains, slope, lr)
        adapted = adapted if keep else adapted.detach()
        return torch.autograd.grad(outer(z(q1, adapted), z(q2, adapted)), w)[0]

    return answer


def _joint(weights, x1, x2, q1, q2, lr):
    w = weights.detach().clone().requires_grad_()
    return torch.autograd.grad(nt_xent(q1 @ w.T, q2 @ w.T), w)[0]


def _support_judges(weights, x1, x2, q1, q2, lr):
    return _meta()(weights, x1, x2, x1, x2, lr)


def _query_adapts(weights, x1, x2, q1, q2, lr):
    return _meta()(weights, q1, q2, q1, q2, lr)


def _swapped(weights, x1, x2, q1, q2, lr):
    return _meta()(weights, q1, q2, x1, x2, lr)


def _first_views_are_a_pair(weights, x1, x2, q1, q2, lr):
    return _meta()(weights, x1, q1, x2, q2, lr)


def _weights_step_too(weights, x1, x2, q1, q2, lr):
    w = weights.detach().clone().requires_grad_()
    gains = torch.zeros(x1.shape[1], requires_grad=True)
    loss = nt_xent((x1 * gains.exp()) @ w.T, (x2 * gains.exp()) @ w.T)
    of_w, of_gains = torch.autograd.grad(loss, [w, gains])
    w = (w - lr * of_w).detach().requires_grad_()
    kept = (gains - lr * of_gains).detach().exp()
    return torch.autograd.grad(nt_xent((q1 * kept) @ w.T, (q2 * kept) @ w.T), w)[0]


def _the_step(weights, x1, x2, q1, q2, lr):
    return -lr * _meta()(weights, x1, x2, q1, q2, lr)


def _new_weights(weights, x1, x2, q1, q2, lr):
    return weights - lr * _meta()(weights, x1, x2, q1, q2, lr)


def _adapted_gains(weights, x1, x2, q1, q2, lr):
    gains = torch.zeros(x1.shape[1], requires_grad=True)
    loss = nt_xent((x1 * gains.exp()) @ weights.T, (x2 * gains.exp()) @ weights.T)
    return gains - lr * torch.autograd.grad(loss, gains)[0]


def _both(weights, x1, x2, q1, q2, lr):
    support = _meta()(weights, x1, x2, x1, x2, lr)
    return support + _meta()(weights, x1, x2, q1, q2, lr)


def _transposed(*given):
    return _meta()(*given).T


wrong("meta_gradient", "the stub", lambda *given: None)
wrong("meta_gradient", "no inner step", _joint)
wrong("meta_gradient", "judged by the support", _support_judges)
wrong("meta_gradient", "adapted to the query", _query_adapts)
wrong("meta_gradient", "support and query swapped", _swapped)
wrong("meta_gradient", "x1 and q1 taken for a pair", _first_views_are_a_pair)
wrong("meta_gradient", "second order", _meta(keep=True))
wrong("meta_gradient", "inner step uphill", _meta(step=lambda g, s, lr: g + lr * s))
wrong("meta_gradient", "inner rate forgotten", _meta(step=lambda g, s, lr: g - s))
wrong("meta_gradient", "gains without exp", _meta(gain=lambda a: 1 + a))
wrong("meta_gradient", "weights adapted too", _weights_step_too)
wrong("meta_gradient", "the step, not the gradient", _the_step)
wrong("meta_gradient", "new weights", _new_weights)
wrong("meta_gradient", "the gains", _adapted_gains)
wrong("meta_gradient", "support added", _both)
wrong("meta_gradient", "transposed", _transposed)
wrong(
    "meta_gradient",
    "inner temperature 0.1",
    _meta(inner=lambda a, b: nt_xent(a, b, temperature=0.1)),
)


class _Net(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.gains = nn.Parameter(torch.zeros(weights.shape[1]))
        self.linear = nn.Linear(*weights.shape[::-1], bias=False)
        self.linear.weight = nn.Parameter(weights.detach().clone())

    def forward(self, x):
        return self.linear(x * self.gains.exp())


def _by_an_optimizer(weights, x1, x2, q1, q2, lr):
    net = _Net(weights)
    optimizer = torch.optim.SGD([net.gains], lr=lr)
    nt_xent(net(x1), net(x2)).backward()
    optimizer.step()
    net.zero_grad()
    nt_xent(net(q1), net(q2)).backward()
    return net.linear.weight.grad


def _loss_by_hand(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = z @ z.T / 0.5
    s = s - 1e9 * torch.eye(len(z))
    positive = torch.arange(len(z)).roll(len(z1))
    return F.cross_entropy(s, positive)


right("meta_gradient", "by autograd", _meta())
# all gains the same: NT-Xent normalises it away
right("meta_gradient", "log-gains start at 1", _meta(start=torch.ones))
right("meta_gradient", "by an optimizer", _by_an_optimizer)
right("meta_gradient", "NT-Xent by hand", _meta(inner=_loss_by_hand, outer=_loss_by_hand))


# hypergradient(weights, x1, x2, v1, v2, temperature, lr)


def _hyper(
    step=lambda w, slope, lr: w - lr * slope,
    validation=lambda a, b, t: nt_xent(a, b),
    training=lambda a, b, t: nt_xent(a, b, temperature=t),
):
    def answer(weights, x1, x2, v1, v2, temperature, lr):
        w = weights.detach().clone().requires_grad_()
        t = torch.tensor(float(temperature), requires_grad=True)
        (slope,) = torch.autograd.grad(training(x1 @ w.T, x2 @ w.T, t), w, create_graph=True)
        w = step(w, slope, lr)
        return torch.autograd.grad(validation(v1 @ w.T, v2 @ w.T, t), t)[0]

    return answer


def _training_loss(weights, x1, x2, v1, v2, temperature, lr):
    t = torch.tensor(float(temperature), requires_grad=True)
    loss = nt_xent(x1 @ weights.T, x2 @ weights.T, temperature=t)
    return torch.autograd.grad(loss, t)[0]


def _validation_loss(weights, x1, x2, v1, v2, temperature, lr):
    t = torch.tensor(float(temperature), requires_grad=True)
    loss = nt_xent(v1 @ weights.T, v2 @ weights.T, temperature=t)
    return torch.autograd.grad(loss, t)[0]


def _judged_by_x(weights, x1, x2, v1, v2, temperature, lr):
    return _hyper()(weights, x1, x2, x1, x2, temperature, lr)


def _swapped_views(weights, x1, x2, v1, v2, temperature, lr):
    return _hyper()(weights, v1, v2, x1, x2, temperature, lr)


def _log(weights, x1, x2, v1, v2, temperature, lr):
    return temperature * _hyper()(weights, x1, x2, v1, v2, temperature, lr)


def _minus(*given, **more):
    return -_hyper()(*given, **more)


def _updated(weights, x1, x2, v1, v2, temperature, lr):
    return temperature - lr * _hyper()(weights, x1, x2, v1, v2, temperature, lr)


def _dot_at_the_old_weights(weights, x1, x2, v1, v2, temperature, lr):
    w = weights.detach().clone().requires_grad_()
    t = torch.tensor(float(temperature), requires_grad=True)
    loss = nt_xent(x1 @ w.T, x2 @ w.T, temperature=t)
    (slope,) = torch.autograd.grad(loss, w, create_graph=True)
    (down,) = torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), w)
    return -lr * torch.autograd.grad((slope * down).sum(), t)[0]


wrong("hypergradient", "the stub", lambda *given: None)
wrong("hypergradient", "training loss alone", _training_loss)
wrong("hypergradient", "validation loss without a step", _validation_loss)
wrong("hypergradient", "judged by the training views", _judged_by_x)
wrong("hypergradient", "views swapped", _swapped_views)
wrong("hypergradient", "by the logarithm", _log)
wrong("hypergradient", "sign flipped", _minus)
wrong("hypergradient", "new temperature", _updated)
wrong("hypergradient", "validation gradient at the old weights", _dot_at_the_old_weights)
wrong("hypergradient", "rate forgotten", _hyper(step=lambda w, s, lr: w - s))
wrong("hypergradient", "uphill", _hyper(step=lambda w, s, lr: w + lr * s))
wrong(
    "hypergradient",
    "validated at the learned temperature",
    _hyper(validation=lambda a, b, t: nt_xent(a, b, temperature=t)),
)
wrong(
    "hypergradient",
    "loss times temperature",
    _hyper(training=lambda a, b, t: t * nt_xent(a, b, temperature=t)),
)
wrong("hypergradient", "a detached slope", _hyper(step=lambda w, s, lr: w - lr * s.detach()))


def _by_difference(weights, x1, x2, v1, v2, temperature, lr):
    weights, x1, x2, v1, v2 = (part.detach().double() for part in (weights, x1, x2, v1, v2))

    def after(t):
        w = weights.clone().requires_grad_()
        (slope,) = torch.autograd.grad(nt_xent(x1 @ w.T, x2 @ w.T, temperature=t), w)
        w = (w - lr * slope).detach()
        return nt_xent(v1 @ w.T, v2 @ w.T)

    return (after(temperature + 1e-4) - after(temperature - 1e-4)) / 2e-4


right("hypergradient", "by autograd", _hyper())
right("hypergradient", "by a difference", _by_difference)


def _two_steps(weights, x1, x2, v1, v2, temperature, lr):
    t = torch.tensor(float(temperature), requires_grad=True)
    w = weights.detach().clone().requires_grad_()
    for _ in range(2):
        loss = nt_xent(x1 @ w.T, x2 @ w.T, temperature=t)
        w = w - lr * torch.autograd.grad(loss, w, create_graph=True)[0]
    return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), t)[0]


def _by_the_inverse(weights, x1, x2, v1, v2, temperature, lr):
    inverse = torch.tensor(1 / temperature, requires_grad=True)
    w = weights.detach().clone().requires_grad_()
    loss = nt_xent(x1 @ w.T, x2 @ w.T, temperature=1 / inverse)
    w = w - lr * torch.autograd.grad(loss, w, create_graph=True)[0]
    return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), inverse)[0]


def _no_graph(weights, x1, x2, v1, v2, temperature, lr):
    t = torch.tensor(float(temperature), requires_grad=True)
    w = weights.detach().clone().requires_grad_()
    w = w - lr * torch.autograd.grad(nt_xent(x1 @ w.T, x2 @ w.T, temperature=t), w)[0]
    return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), t)[0]


def _both_batches(weights, x1, x2, v1, v2, temperature, lr):
    return _hyper()(weights, x1, x2, v1, v2, temperature, lr) + _judged_by_x(
        weights, x1, x2, v1, v2, temperature, lr
    )


def _by_functions(weights, x1, x2, v1, v2, temperature, lr):
    def trained(w, t):
        return nt_xent(x1 @ w.T, x2 @ w.T, temperature=t)

    def judged(t):
        w = weights - lr * torch.func.grad(trained)(weights, t)
        return nt_xent(v1 @ w.T, v2 @ w.T)

    return torch.func.grad(judged)(torch.tensor(float(temperature)))


wrong("hypergradient", "two steps", _two_steps)
wrong("hypergradient", "by the inverse", _by_the_inverse)
wrong("hypergradient", "no create_graph", _no_graph)
wrong("hypergradient", "both batches judge", _both_batches)
wrong("hypergradient", "absolute value", lambda *given, **more: _hyper()(*given, **more).abs())
wrong(
    "hypergradient",
    "validated at 0.1",
    _hyper(validation=lambda a, b, t: nt_xent(a, b, temperature=0.1)),
)
wrong("hypergradient", "gradient normalised", _hyper(step=lambda w, s, lr: w - lr * s / s.norm()))
right("hypergradient", "torch.func", _by_functions)


def _two_inner_steps(weights, x1, x2, q1, q2, lr):
    w, gains = weights.detach().clone().requires_grad_(), torch.zeros(x1.shape[1])
    for _ in range(2):
        gains.requires_grad_()
        loss = nt_xent((x1 * gains.exp()) @ w.T, (x2 * gains.exp()) @ w.T)
        gains = (gains - lr * torch.autograd.grad(loss, gains)[0]).detach()
    loss = nt_xent((q1 * gains.exp()) @ w.T, (q2 * gains.exp()) @ w.T)
    return torch.autograd.grad(loss, w)[0]


def _of_the_product(weights, x1, x2, q1, q2, lr, again=False):
    gains = torch.ones(x1.shape[1], requires_grad=True)
    loss = nt_xent((x1 * gains) @ weights.T, (x2 * gains) @ weights.T)
    gains = (-lr * torch.autograd.grad(loss, gains)[0]).exp().detach()
    product = (weights.detach() * gains).requires_grad_()
    slope = torch.autograd.grad(nt_xent(q1 @ product.T, q2 @ product.T), product)[0]
    return slope * gains if again else slope


def _one_gain(weights, x1, x2, q1, q2, lr):
    w, gain = weights.detach().clone().requires_grad_(), torch.zeros((), requires_grad=True)
    loss = nt_xent((x1 * gain.exp()) @ w.T, (x2 * gain.exp()) @ w.T)
    gain = (gain - lr * torch.autograd.grad(loss, gain)[0]).detach().exp()
    return torch.autograd.grad(nt_xent((q1 * gain) @ w.T, (q2 * gain) @ w.T), w)[0]


def _gain_of_one_view(weights, x1, x2, q1, q2, lr):
    w, gains = weights.detach().clone().requires_grad_(), torch.zeros(x1.shape[1]).requires_grad_()
    loss = nt_xent((x1 * gains.exp()) @ w.T, x2 @ w.T)
    gains = (gains - lr * torch.autograd.grad(loss, gains)[0]).detach().exp()
    return torch.autograd.grad(nt_xent((q1 * gains) @ w.T, q2 @ w.T), w)[0]


def _at_a_tenth(a, b):
    return nt_xent(a, b, temperature=0.1)


wrong("meta_gradient", "two steps", _two_inner_steps)
wrong("meta_gradient", "of the product", _of_the_product)
wrong("meta_gradient", "one gain for all", _one_gain)
wrong("meta_gradient", "gains on one view", _gain_of_one_view)
wrong("meta_gradient", "temperature 0.1", _meta(inner=_at_a_tenth, outer=_at_a_tenth))
right("meta_gradient", "by the product", lambda *given: _of_the_product(*given[:5], given[5], True))


def _one_of_each_block(images, n_way, n_query, view, generator):
    size = len(images) // n_way
    within = torch.randint(size, (n_way,), generator=generator)
    x = images[size * torch.arange(n_way) + within]
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1)


def _until_different(images, n_way, n_query, view, generator):
    chosen = []
    while len(chosen) < n_way:
        image = int(torch.randint(len(images), (), generator=generator))
        chosen += [image] if image not in chosen else []
    x = images[sorted(chosen)]
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1)


wrong("image_task", "one image of each block", _one_of_each_block)
right("image_task", "drawn until different, sorted", _until_different)


# meta_gradient and hypergradient: what a call leaves on its arguments


def _backward_on_the_input(weights, x1, x2, q1, q2, lr):
    weights.requires_grad_()
    gains = torch.zeros(x1.shape[1], requires_grad=True)
    loss = nt_xent((x1 * gains.exp()) @ weights.T, (x2 * gains.exp()) @ weights.T)
    kept = (-lr * torch.autograd.grad(loss, gains)[0]).exp()
    nt_xent((q1 * kept) @ weights.T, (q2 * kept) @ weights.T).backward()
    return weights.grad


def _input_requires_gradients(weights, x1, x2, q1, q2, lr):
    weights.requires_grad_()
    gains = torch.zeros(x1.shape[1], requires_grad=True)
    loss = nt_xent((x1 * gains.exp()) @ weights.T, (x2 * gains.exp()) @ weights.T)
    kept = (-lr * torch.autograd.grad(loss, gains)[0]).exp()
    return torch.autograd.grad(nt_xent((q1 * kept) @ weights.T, (q2 * kept) @ weights.T), weights)[
        0
    ]


def _as_it_was_before(weights, x1, x2, q1, q2, lr):
    gradient = _backward_on_the_input(weights, x1, x2, q1, q2, lr)
    weights.grad = None
    weights.requires_grad_(False)
    return gradient


def _hyper_requires_gradients(weights, x1, x2, v1, v2, temperature, lr):
    t = torch.tensor(temperature, requires_grad=True)
    weights.requires_grad_()
    loss = nt_xent(x1 @ weights.T, x2 @ weights.T, temperature=t)
    w = weights - lr * torch.autograd.grad(loss, weights, create_graph=True)[0]
    return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), t)[0]


def _hyper_by_backward(weights, x1, x2, v1, v2, temperature, lr):
    t = torch.tensor(temperature, requires_grad=True)
    w = weights.detach().clone().requires_grad_()
    loss = nt_xent(x1 @ w.T, x2 @ w.T, temperature=t)
    w = w - lr * torch.autograd.grad(loss, w, create_graph=True)[0]
    nt_xent(v1 @ w.T, v2 @ w.T).backward()
    return t.grad


wrong("meta_gradient", "backward on the caller's weights", _backward_on_the_input)
wrong("meta_gradient", "the caller's weights require gradients", _input_requires_gradients)
wrong("hypergradient", "the caller's weights require gradients", _hyper_requires_gradients)
right("meta_gradient", "backward, then all as it was", _as_it_was_before)
right("hypergradient", "backward on tensors of its own", _hyper_by_backward)


def _weights_for_gains(weights, x1, x2, q1, q2, lr):
    w = weights.detach().clone().requires_grad_()
    w = w - lr * torch.autograd.grad(nt_xent(x1 @ w.T, x2 @ w.T), w)[0]
    w = w.detach().requires_grad_()
    return torch.autograd.grad(nt_xent(q1 @ w.T, q2 @ w.T), w)[0]


def _gains_on_x1_only(weights, x1, x2, q1, q2, lr):
    w, gains = weights.detach().clone().requires_grad_(), torch.zeros(x1.shape[1]).requires_grad_()
    loss = nt_xent((x1 * gains.exp()) @ w.T, x2 @ w.T)
    gains = (gains - lr * torch.autograd.grad(loss, gains)[0]).detach().exp()
    return torch.autograd.grad(nt_xent((q1 * gains) @ w.T, (q2 * gains) @ w.T), w)[0]


def _by_the_rate(weights, x1, x2, v1, v2, temperature, lr):
    rate = torch.tensor(lr, requires_grad=True)
    w = weights.detach().clone().requires_grad_()
    loss = nt_xent(x1 @ w.T, x2 @ w.T, temperature=temperature)
    w = w - rate * torch.autograd.grad(loss, w)[0]
    return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), rate)[0]


def _apart(low, high):
    def answer(weights, x1, x2, v1, v2, temperature, lr):
        def after(t):
            w = weights.clone().requires_grad_()
            (slope,) = torch.autograd.grad(nt_xent(x1 @ w.T, x2 @ w.T, temperature=t), w)
            w = (w - lr * slope).detach()
            return nt_xent(v1 @ w.T, v2 @ w.T)

        return (after(temperature + high) - after(temperature + low)) / (high - low)

    return answer


wrong("meta_gradient", "weights adapted in place of gains", _weights_for_gains)
wrong("meta_gradient", "gains on x1 only, within", _gains_on_x1_only)
wrong("hypergradient", "by the rate", _by_the_rate)
wrong("hypergradient", "a coarse difference", _apart(-0.1, 0.1))
wrong("hypergradient", "a difference to one side", _apart(0, 0.01))
wrong(
    "hypergradient",
    "validated at the temperature as a number",
    _hyper(validation=lambda a, b, t: nt_xent(a, b, temperature=t.item())),
)


# image_task: images of other sizes


def _drawn(images, n_way, generator):
    return images[torch.randperm(len(images), generator=generator)[:n_way]]


def _one_channel(images, n_way, n_query, view, generator):
    x = _drawn(images, n_way, generator)[:, :1]
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1)


def _square(images, n_way, n_query, view, generator):
    x = _drawn(images, n_way, generator)
    views = view(x.repeat_interleave(n_query, 0), generator=generator)
    return torch.cat([x[:, None], views.view(n_way, n_query, -1, x.shape[-1], x.shape[-1])], 1)


def _turned(images, n_way, n_query, view, generator):
    x = _drawn(images, n_way, generator)
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1).mT


def _of_twenty(images, n_way, n_query, view, generator):
    x = images[torch.randperm(20, generator=generator)[:n_way]]
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1)


def _of_the_first_five(images, n_way, n_query, view, generator):
    x = images[torch.randperm(min(20, len(images) - 1), generator=generator)[:n_way]]
    return torch.stack([x] + [view(x, generator=generator) for _ in range(n_query)], 1)


wrong("image_task", "one channel", _one_channel)
wrong("image_task", "width taken for height", _square)
wrong("image_task", "height and width swapped", _turned)
wrong("image_task", "20 images written in", _of_twenty)
wrong("image_task", "never the last image", _of_the_first_five)
