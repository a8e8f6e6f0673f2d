"""Answers to chapter 02 as students write them, made before its checks were read."""

import math
from math import inf

import numpy as np
import torch
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("02")


def ex(s, g):
    return -s / (2 * g[:, None] ** 2)


def off(s):
    return torch.eye(len(s), dtype=torch.bool)


answers.wrong(
    "conditional_affinities",
    "sigma on the columns",
    lambda s, g: (-s / (2 * g**2)).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "sigma not squared",
    lambda s, g: (-s / (2 * g[:, None])).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "no factor 2",
    lambda s, g: (-s / g[:, None] ** 2).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "2 inside the square",
    lambda s, g: (-s / (2 * g[:, None]) ** 2).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong("conditional_affinities", "diagonal kept", lambda s, g: ex(s, g).softmax(1))
answers.wrong(
    "conditional_affinities",
    "diagonal zeroed after softmax",
    lambda s, g: ex(s, g).softmax(1).masked_fill(off(s), 0),
)
answers.wrong(
    "conditional_affinities",
    "normalised over all pairs",
    lambda s, g: (lambda e: e / e.sum())(ex(s, g).exp().masked_fill(off(s), 0)),
)
answers.wrong(
    "conditional_affinities",
    "naive exp and sum (0/0)",
    lambda s, g: (lambda e: e / e.sum(1, keepdim=True))(ex(s, g).exp().masked_fill(off(s), 0)),
)
answers.wrong(
    "conditional_affinities",
    "naive with + 1e-12",
    lambda s, g: (lambda e: e / (e.sum(1, keepdim=True) + 1e-12))(
        ex(s, g).exp().masked_fill(off(s), 0)
    ),
)
answers.wrong(
    "conditional_affinities",
    "naive, nan to 0",
    lambda s, g: (lambda e: e / e.sum(1, keepdim=True))(
        ex(s, g).exp().masked_fill(off(s), 0)
    ).nan_to_num(),
)
answers.wrong(
    "conditional_affinities",
    "softmax(0)",
    lambda s, g: ex(s, g).masked_fill(off(s), -inf).softmax(0),
)
answers.wrong(
    "conditional_affinities",
    "squares the squares",
    lambda s, g: ex(s**2, g).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "root of the squares",
    lambda s, g: ex(s.sqrt(), g).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "sign: + in the exponent",
    lambda s, g: (-ex(s, g)).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "symmetrised",
    lambda s, g: (lambda p: (p + p.T) / 2)(ex(s, g).masked_fill(off(s), -inf).softmax(1)),
)
answers.wrong(
    "conditional_affinities",
    "symmetrised and /2N",
    lambda s, g: (lambda p: (p + p.T) / 2 / len(s))(ex(s, g).masked_fill(off(s), -inf).softmax(1)),
)
answers.wrong(
    "conditional_affinities",
    "in place on squared",
    lambda s, g: (-s.fill_diagonal_(inf) / (2 * g[:, None] ** 2)).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "Student's t instead of Gauss",
    lambda s, g: (lambda e: e / e.sum(1, keepdim=True))(
        (1 / (1 + s / g[:, None] ** 2)).masked_fill(off(s), 0)
    ),
)
answers.wrong(
    "conditional_affinities",
    "exponent of the diagonal 0 by masked_fill 0",
    lambda s, g: ex(s, g).masked_fill(off(s), 0).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "mean sigma for all",
    lambda s, g: (-s / (2 * g.mean() ** 2)).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "subtracts the global maximum",
    lambda s, g: (lambda e: e / e.sum(1, keepdim=True))(
        (ex(s, g) - ex(s, g).max()).exp().masked_fill(off(s), 0)
    ),
)
answers.wrong(
    "conditional_affinities",
    "subtracts the row max with the diagonal in (0)",
    lambda s, g: (lambda e: e / e.sum(1, keepdim=True))(
        (ex(s, g) - ex(s, g).max(1, keepdim=True).values).exp().masked_fill(off(s), 0)
    ),
)
answers.wrong(
    "conditional_affinities",
    "clamps exponents at -50",
    lambda s, g: ex(s, g).clamp(min=-50).masked_fill(off(s), -inf).softmax(1),
)
answers.wrong(
    "conditional_affinities",
    "Gaussian density with 1/(sigma sqrt 2pi), not normalised",
    lambda s, g: (ex(s, g).exp() / (g[:, None] * math.sqrt(2 * math.pi))).masked_fill(off(s), 0),
)
answers.right(
    "conditional_affinities",
    "rows in a loop",
    lambda s, g: torch.stack(
        [
            torch.where(
                torch.arange(len(s)) == i,
                torch.tensor(-inf, dtype=s.dtype),
                -s[i] / (2 * g[i] ** 2),
            ).softmax(0)
            for i in range(len(s))
        ]
    ),
)
answers.right(
    "conditional_affinities",
    "logsumexp",
    lambda s, g: (lambda e: (e - e.logsumexp(1, keepdim=True)).exp())(
        ex(s, g).masked_fill(off(s), -inf)
    ),
)
answers.right(
    "conditional_affinities",
    "row max by hand",
    lambda s, g: (
        lambda e: (lambda w: w / w.sum(1, keepdim=True))((e - e.max(1, keepdim=True).values).exp())
    )(ex(s, g).masked_fill(off(s), -inf)),
)


def _npc(s, g):
    s, g = (s.numpy().astype(float), g.numpy().astype(float))
    e = -s / (2 * g[:, None] ** 2)
    np.fill_diagonal(e, -np.inf)
    e -= e.max(1, keepdims=True)
    w = np.exp(e)
    return torch.from_numpy(w / w.sum(1, keepdims=True))


answers.right("conditional_affinities", "numpy, float64 tensor out", _npc)
answers.right(
    "conditional_affinities",
    "clone, inf on the diagonal",
    lambda s, g: (-s.clone().fill_diagonal_(inf) / (2 * g.view(-1, 1) ** 2)).softmax(dim=1),
)
answers.right(
    "conditional_affinities",
    "log_softmax, exp",
    lambda s, g: F.log_softmax(
        (-0.5 * s * g[:, None] ** (-2)).masked_fill(off(s), -inf), dim=1
    ).exp(),
)
answers.right(
    "conditional_affinities",
    "N-1 columns, put back",
    lambda s, g: torch.zeros_like(s).masked_scatter(
        ~off(s), ex(s, g)[~off(s)].view(len(s), -1).softmax(1)
    ),
)
answers.right(
    "conditional_affinities",
    "float64 inside, cast back",
    lambda s, g: ex(s.double(), g.double()).masked_fill(off(s), -inf).softmax(1).to(s.dtype),
)
answers.right(
    "conditional_affinities",
    "diagonal -1e30",
    lambda s, g: ex(s, g).masked_fill(off(s), -1e30).softmax(1),
)


def H(p):
    return torch.special.entr(p).sum(1)


answers.wrong("perplexity", "no minus sign", lambda p: (-H(p)).exp())
answers.wrong("perplexity", "exp of bits", lambda p: (H(p) / math.log(2)).exp())
answers.wrong("perplexity", "2 to the nats", lambda p: 2 ** H(p))
answers.wrong("perplexity", "entropy itself", lambda p: H(p))
answers.wrong("perplexity", "entropy in bits", lambda p: H(p) / math.log(2))
answers.wrong("perplexity", "0 log 0 = nan", lambda p: (-(p * p.log()).sum(1)).exp())
answers.wrong("perplexity", "sum over dim 0", lambda p: torch.special.entr(p).sum(0).exp())
answers.wrong("perplexity", "one number for all", lambda p: torch.special.entr(p).sum().exp())
answers.wrong("perplexity", "mean over the columns", lambda p: torch.special.entr(p).mean(1).exp())
answers.wrong("perplexity", "1 / sum p^2", lambda p: 1 / p.square().sum(1))
answers.wrong("perplexity", "number of non-zeros", lambda p: (p > 0).sum(1).float())
answers.wrong("perplexity", "mean perplexity of the rows", lambda p: H(p).exp().mean())
answers.wrong(
    "perplexity", "clamp(min=0.01)", lambda p: (-(p * p.clamp(min=0.01).log()).sum(1)).exp()
)
answers.wrong(
    "perplexity",
    "p clamped 1e-2 on both sides",
    lambda p: (lambda c: (-(c * c.log()).sum(1)).exp())(p.clamp(min=0.01)),
)
answers.wrong(
    "perplexity", "mask loses the rows", lambda p: (-(p[p > 0] * p[p > 0].log()).sum()).exp()
)
answers.wrong("perplexity", "keepdim", lambda p: torch.special.entr(p).sum(1, keepdim=True).exp())
answers.wrong(
    "perplexity",
    "geometric mean of 1/p, unweighted",
    lambda p: (-p.clamp(min=1e-12).log().mean(1)).exp(),
)
answers.wrong("perplexity", "1/max", lambda p: 1 / p.max(1).values)
answers.wrong("perplexity", "log1p", lambda p: (-(p * p.log1p()).sum(1)).exp())
answers.right(
    "perplexity",
    "2 to the bits",
    lambda p: 2 ** (-torch.where(p > 0, p * torch.log2(p), torch.zeros_like(p)).sum(1)),
)
answers.right(
    "perplexity",
    "Categorical.entropy",
    lambda p: torch.distributions.Categorical(probs=p).entropy().exp(),
)
answers.right("perplexity", "xlogy", lambda p: torch.exp(-torch.xlogy(p, p).sum(dim=-1)))
answers.right(
    "perplexity",
    "loops",
    lambda p: torch.tensor(
        [math.exp(-sum(v * math.log(v) for v in row if v > 0)) for row in p.tolist()]
    ),
)
answers.right("perplexity", "product of p^-p", lambda p: (p ** (-p)).prod(1))
answers.right(
    "perplexity",
    "eps 1e-12 inside the log",
    lambda p: torch.exp(-(p * torch.log(p + 1e-12)).sum(1)),
)
answers.right("perplexity", "nansum", lambda p: torch.exp(-(p * p.log()).nansum(1)))
answers.right("perplexity", "nan_to_num", lambda p: (-(p * p.log()).nan_to_num(0).sum(1)).exp())
answers.right("perplexity", "base 10", lambda p: 10 ** (H(p) / math.log(10)))
answers.right(
    "perplexity",
    "numpy, float64",
    lambda p: torch.from_numpy(
        np.exp([-sum(v * np.log(v) for v in row if v > 0) for row in p.numpy().astype(float)])
    ),
)


def d2(y):
    return (y[:, None] - y).square().sum(2)


def no(y):
    return 1 - torch.eye(len(y), dtype=y.dtype)


answers.wrong("student_t", "diagonal kept", lambda y: (lambda k: k / k.sum())(1 / (1 + d2(y))))
answers.wrong(
    "student_t",
    "rows sum to 1",
    lambda y: (lambda k: k / k.sum(1, keepdim=True))(no(y) / (1 + d2(y))),
)
answers.wrong(
    "student_t", "columns sum to 1", lambda y: (lambda k: k / k.sum(0))(no(y) / (1 + d2(y)))
)
answers.wrong(
    "student_t",
    "distance not squared",
    lambda y: (lambda k: k / k.sum())(no(y) / (1 + d2(y).sqrt())),
)
answers.wrong("student_t", "Gaussian", lambda y: (lambda k: k / k.sum())(no(y) * (-d2(y)).exp()))
answers.wrong(
    "student_t",
    "diagonal out after normalising",
    lambda y: (lambda k: k / k.sum() * no(y))(1 / (1 + d2(y))),
)
answers.wrong(
    "student_t",
    "each pair once (sum 2)",
    lambda y: (lambda k: k / k.triu(1).sum())(no(y) / (1 + d2(y))),
)
answers.wrong(
    "student_t",
    "upper triangle only",
    lambda y: (lambda k: k / k.sum())((no(y) / (1 + d2(y))).triu(1)),
)
answers.wrong(
    "student_t", "no 1 +", lambda y: (lambda k: k / k.sum())((1 / d2(y)).masked_fill(no(y) == 0, 0))
)
answers.wrong("student_t", "not inverted", lambda y: (lambda k: k / k.sum())((1 + d2(y)) * no(y)))
answers.wrong(
    "student_t", "kernel squared", lambda y: (lambda k: k / k.sum())(no(y) / (1 + d2(y)) ** 2)
)
answers.wrong(
    "student_t", "root of the kernel", lambda y: (lambda k: k / k.sum())(no(y) / (1 + d2(y)).sqrt())
)
answers.wrong("student_t", "not normalised", lambda y: no(y) / (1 + d2(y)))
answers.wrong(
    "student_t",
    "divided by 2N",
    lambda y: (lambda k: k / k.sum(1, keepdim=True))(no(y) / (1 + d2(y))) / (2 * len(y)),
)
answers.wrong(
    "student_t",
    "divided by N",
    lambda y: (lambda k: k / k.sum(1, keepdim=True))(no(y) / (1 + d2(y))) / len(y),
)
answers.wrong(
    "student_t",
    "mean over coordinates",
    lambda y: (lambda k: k / k.sum())(no(y) / (1 + (y[:, None] - y).square().mean(2))),
)
answers.wrong(
    "student_t",
    "only the first coordinate",
    lambda y: (lambda k: k / k.sum())(no(y) / (1 + (y[:, None, 0] - y[:, 0]).square())),
)
answers.wrong(
    "student_t", "softmax of -d2", lambda y: (-d2(y)).masked_fill(no(y) == 0, -inf).softmax(1)
)
answers.wrong(
    "student_t",
    "2 degrees of freedom",
    lambda y: (lambda k: k / k.sum())(no(y) * (1 + d2(y) / 2) ** (-1.5)),
)
answers.right(
    "student_t",
    "cdist squared",
    lambda y: (lambda k: k / k.sum())((1 / (1 + torch.cdist(y, y) ** 2)).fill_diagonal_(0)),
)


def _l(y):
    n = len(y)
    k = torch.zeros(n, n, dtype=y.dtype)
    for i in range(n):
        for j in range(n):
            if i != j:
                k[i, j] = 1 / (1 + ((y[i] - y[j]) ** 2).sum())
    return k / k.sum()


answers.right("student_t", "loops", _l)


def _n(y):
    y = y.numpy().astype(float)
    k = 1 / (1 + ((y[:, None] - y) ** 2).sum(-1))
    np.fill_diagonal(k, 0)
    return torch.from_numpy(k / k.sum())


answers.right("student_t", "numpy, float64 tensor", _n)
answers.right(
    "student_t",
    "softmax over all pairs of -log1p",
    lambda y: (
        (-torch.log1p(d2(y))).masked_fill(no(y) == 0, -inf).flatten().softmax(0).view(len(y), -1)
    ),
)
answers.right(
    "student_t",
    "Gram",
    lambda y: (lambda k: k / k.sum())(
        no(y) / (1 + (y.square().sum(1)[:, None] + y.square().sum(1) - 2 * y @ y.T).clamp(min=0))
    ),
)
answers.right(
    "student_t",
    "sum - N for the diagonal",
    lambda y: (
        lambda k: k.masked_fill(torch.eye(len(y), dtype=torch.bool), 0) / (k.sum() - len(y))
    )(1 / (1 + d2(y))),
)
answers.right(
    "student_t", "float64", lambda y: (lambda k: k / k.sum())(no(y.double()) / (1 + d2(y.double())))
)
answers.right(
    "student_t",
    "einsum",
    lambda y: (
        lambda g: (lambda k: k / k.sum())(no(y) * (1 + torch.einsum("ijd,ijd->ij", g, g)).pow(-1))
    )(y[:, None] - y[None]),
)


def parts(p, y):
    g = y[:, None] - y
    k = no(y) / (1 + g.square().sum(2))
    return (g, k, k / k.sum())


def F_(p, y, sign=-4.0, w=lambda p, q, k: (p - q) * k, dim=1):
    g, k, q = parts(p, y)
    return sign * (w(p, q, k)[..., None] * g).sum(dim)


answers.wrong("spring_forces", "the gradient (sign)", lambda p, y: F_(p, y, 4.0))
answers.wrong("spring_forces", "no factor 4", lambda p, y: F_(p, y, -1.0))
answers.wrong("spring_forces", "factor 2", lambda p, y: F_(p, y, -2.0))
answers.wrong("spring_forces", "no kernel", lambda p, y: F_(p, y, w=lambda p, q, k: p - q))
answers.wrong(
    "spring_forces", "kernel squared", lambda p, y: F_(p, y, w=lambda p, q, k: (p - q) * k**2)
)
answers.wrong("spring_forces", "sum over i", lambda p, y: F_(p, y, dim=0))
answers.wrong(
    "spring_forces",
    "q with rows summing to 1",
    lambda p, y: F_(p, y, w=lambda p, q, k: (p - k / k.sum(1, keepdim=True)) * k),
)
answers.wrong(
    "spring_forces", "q not normalised", lambda p, y: F_(p, y, w=lambda p, q, k: (p - k) * k)
)
answers.wrong("spring_forces", "attraction only", lambda p, y: F_(p, y, w=lambda p, q, k: p * k))
answers.wrong("spring_forces", "repulsion only", lambda p, y: F_(p, y, w=lambda p, q, k: -q * k))
answers.wrong(
    "spring_forces", "precedence p - q*k", lambda p, y: F_(p, y, w=lambda p, q, k: p - q * k)
)
answers.wrong("spring_forces", "mean over j", lambda p, y: F_(p, y) / len(y))
answers.wrong(
    "spring_forces",
    "diagonal in the normaliser of q",
    lambda p, y: F_(p, y, w=lambda p, q, k: (p - k / (k.sum() + len(y))) * k),
)
answers.wrong(
    "spring_forces",
    "unsquared kernel",
    lambda p, y: (
        lambda g: (lambda k: -4 * (((p - k / k.sum()) * k)[..., None] * g).sum(1))(
            no(y) / (1 + g.square().sum(2).sqrt())
        )
    )(y[:, None] - y),
)
answers.wrong(
    "spring_forces",
    "unit vectors",
    lambda p, y: F_(p, y, w=lambda p, q, k: (p - q) * k / (d2(y).sqrt() + 1e-09)),
)
answers.wrong(
    "spring_forces",
    "p/q instead of p-q",
    lambda p, y: F_(p, y, w=lambda p, q, k: torch.nan_to_num(p / q) * k),
)
answers.wrong(
    "spring_forces",
    "not summed over j",
    lambda p, y: (lambda t: -4 * ((p - t[2]) * t[1])[..., None] * t[0])(parts(p, y)),
)
answers.wrong(
    "spring_forces",
    "KL value",
    lambda p, y: torch.special.xlogy(p, p / parts(p, y)[2].clamp(min=1e-12)).sum(),
)
answers.wrong(
    "spring_forces",
    "SNE (Gaussian) gradient",
    lambda p, y: (
        lambda g: (lambda k: -4 * ((p - k / k.sum())[..., None] * g).sum(1))(
            no(y) * (-g.square().sum(2)).exp()
        )
    )(y[:, None] - y),
)
answers.wrong(
    "spring_forces",
    "y_j - y_i with -4",
    lambda p, y: (lambda t: -4 * (((p - t[2]) * t[1])[..., None] * (y[None] - y[:, None])).sum(1))(
        parts(p, y)
    ),
)
answers.right(
    "spring_forces",
    "Laplacian",
    lambda p, y: (lambda s: -4 * (s.sum(1, keepdim=True) * y - s @ y))(
        (p - parts(p, y)[2]) * parts(p, y)[1]
    ),
)


def _lp(p, y):
    n = len(y)
    k = [
        [0.0 if i == j else 1 / (1 + ((y[i] - y[j]) ** 2).sum().item()) for j in range(n)]
        for i in range(n)
    ]
    Z = sum(map(sum, k))
    out = torch.zeros_like(y)
    for i in range(n):
        for j in range(n):
            out[i] += 4 * (p[i, j].item() - k[i][j] / Z) * k[i][j] * (y[j] - y[i])
    return out


answers.right("spring_forces", "loops", _lp)
answers.right(
    "spring_forces",
    "einsum",
    lambda p, y: (
        4 * torch.einsum("ij,jid->id", (p - parts(p, y)[2]) * parts(p, y)[1], y[:, None] - y)
    ),
)


def _ar(p, y):
    g, k, q = parts(p, y)
    pull = 4 * ((p * k)[..., None] * -g).sum(1)
    push = 4 * ((q * k)[..., None] * g).sum(1)
    return pull + push


answers.right("spring_forces", "pull and push apart", _ar)
answers.right("spring_forces", "float64", lambda p, y: F_(p.double(), y.double()))


def _npf(p, y):
    P, Y = (p.numpy().astype(float), y.numpy().astype(float))
    g = Y[:, None] - Y
    k = 1 / (1 + (g**2).sum(-1))
    np.fill_diagonal(k, 0)
    return torch.from_numpy(-4 * (((P - k / k.sum()) * k)[..., None] * g).sum(1))


answers.right("spring_forces", "numpy, float64 tensor", _npf)


def _acc(p, y):
    g, k, q = parts(p, y)
    f = torch.zeros_like(y)
    f -= 4 * torch.bmm(((p - q) * k)[:, None], g).squeeze(1)
    return f


answers.right("spring_forces", "bmm, in place on own tensor", _acc)


def _ag(p, y):
    from mlteach import maps

    z = y.detach().clone().requires_grad_()
    return -torch.autograd.grad(maps.kl_divergence(p, z), z)[0]


answers.rule("spring_forces", "autograd (forbidden by the text)", _ag)
answers.wrong("justified_statement", "A", "A")
answers.wrong("justified_statement", "B", "B")
answers.wrong("justified_statement", "AC", "AC")
answers.wrong("justified_statement", "list A C", ["A", "C"])
answers.wrong("justified_statement", "D", "D")
answers.wrong("justified_statement", "None", None)
answers.right("justified_statement", "C", "C")
