"""Answers to chapter 13 as students write them, made before the checks were read."""

import math

import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("13")
wrong, right = answers.wrong, answers.right


def _make_chance_of_retrieval_frac():
    from fractions import Fraction

    my_recall_by_chance = Fraction(5, 128)
    return my_recall_by_chance


def _make_chance_of_retrieval_numpy():
    import numpy as np

    my_recall_by_chance = np.float32(5) / 128
    return my_recall_by_chance


def _clip_loss_overflow(image, text, temperature):
    e = (F.normalize(image) @ F.normalize(text).T / temperature).exp()
    p = e.diagonal()
    return -((p / e.sum(0)).log() + (p / e.sum(1)).log()).mean() / 2


def _clip_loss_ce(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / temperature
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_lse(image, text, temperature):
    s = (
        torch.einsum("ip,kp->ik", F.normalize(image, dim=-1), F.normalize(text, dim=-1))
        / temperature
    )
    return ((s.logsumexp(0) + s.logsumexp(1)) / 2 - s.diag()).mean()


def _clip_loss_cosine(image, text, temperature):
    s = F.cosine_similarity(image[:, None], text[None], dim=2).div(temperature)
    return -(s.log_softmax(0) + s.log_softmax(1)).trace() / (2 * len(image))


def _clip_loss_loops(image, text, temperature):
    v = image / image.norm(dim=1, keepdim=True)
    t = text / text.norm(dim=1, keepdim=True)
    total = 0
    for i in range(len(v)):
        row = torch.stack([v[i] @ t[k] / temperature for k in range(len(t))])
        col = torch.stack([v[k] @ t[i] / temperature for k in range(len(v))])
        total = total + row.logsumexp(0) - row[i] + col.logsumexp(0) - col[i]
    return total / (2 * len(v))


def _make_clip_loss_double():
    class ClipLoss(torch.nn.Module):
        def forward(self, image, text, temperature):
            v, t = (F.normalize(x.double()) for x in (image, text))
            s = v @ t.T / temperature
            return (-(s.log_softmax(1) + s.T.log_softmax(1)).diagonal().mean() / 2).to(image.dtype)

    my_clip_loss = ClipLoss()
    return my_clip_loss


def _make_clip_loss_kw():
    from functools import partial as _p

    def one(s):
        return F.cross_entropy(s, torch.eye(len(s), dtype=s.dtype))

    def full(image, text, temperature, reduce=torch.mean):
        s = F.normalize(image) @ F.normalize(text).mT / temperature
        return reduce(torch.stack([one(s), one(s.mT)]))

    my_clip_loss = _p(full, reduce=torch.mean)
    return my_clip_loss


def _recall_at_k_strict(similarities, k):
    better = (similarities > similarities.diagonal()[:, None]).sum(1)
    return (better < k).float().mean()


def _recall_at_k_topkloop(similarities, k):
    hits = [i in row.topk(k).indices.tolist() for i, row in enumerate(similarities)]
    return sum(hits) / len(hits)


def _recall_at_k_argsort2(similarities, k):
    ranks = similarities.argsort(1, descending=True).argsort(1).diagonal()
    return (ranks < k).double().mean().item()


def _recall_at_k_numpy(similarities, k):
    import numpy as np

    s = similarities.numpy()
    order = np.argsort(-s, axis=1)[:, :k]
    return np.mean([i in row for i, row in enumerate(order)])


def _recall_at_k_kth(similarities, k):
    least = similarities.sort(1, descending=True).values[:, k - 1]
    return (similarities.diag() >= least).to(torch.float64).mean()


def _recall_at_k_scatter(similarities, k):
    hit = torch.zeros_like(similarities).scatter_(1, similarities.topk(k).indices, 1)
    return hit.trace() / len(hit)


def _siglip_loss_ysumone(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = -torch.ones(len(s), len(s))
    y[0, 0] = 1
    return -F.logsigmoid(y * s).sum() / len(s)


def _siglip_loss_bce(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    return F.binary_cross_entropy_with_logits(
        s, torch.eye(len(s), dtype=s.dtype), reduction="sum"
    ) / len(s)


def _siglip_loss_softplus(image, text, temperature, bias):
    s = F.cosine_similarity(image[:, None], text[None], dim=-1) / temperature + bias
    return (F.softplus(s).sum() - s.trace()) / len(s)


def _siglip_loss_split(image, text, temperature, bias):
    s = torch.einsum("ip,kp->ik", F.normalize(image), F.normalize(text)) / temperature + bias
    own = torch.eye(len(s), dtype=torch.bool)
    return -(F.logsigmoid(s[own]).sum() + F.logsigmoid(-s[~own]).sum()) / len(s)


def _siglip_loss_loops(image, text, temperature, bias):
    v, t = F.normalize(image), F.normalize(text)
    total = 0
    for i in range(len(v)):
        for k in range(len(t)):
            logit = v[i] @ t[k] / temperature + bias
            total = total + F.softplus(-logit if i == k else logit)
    return total / len(v)


def _siglip_loss_rowmean(image, text, temperature, bias):
    s = (F.normalize(image) @ F.normalize(text).T).double() / temperature + bias
    y = torch.full_like(s, -1).fill_diagonal_(1)
    return -F.logsigmoid(y * s).sum(1).mean().to(image.dtype)


def _siglip_loss_logaddexp(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = torch.where(torch.eye(len(s)).bool(), 1.0, -1.0)
    return torch.logaddexp(torch.zeros_like(s), -y * s).mean() * len(s)


def _zero_shot_start0(image, prompts):
    out = []
    for v in image:
        best, number = 0, 0
        for j, p in enumerate(prompts):
            c = F.cosine_similarity(v, p, dim=0)
            if c > best:
                best, number = c, j
        out.append(number)
    return torch.tensor(out)


def _zero_shot_promptsonly(image, prompts):
    return (image @ F.normalize(prompts).T).argmax(1)


def _zero_shot_cos(image, prompts):
    return F.cosine_similarity(image[:, None, :], prompts[None], dim=-1).argmax(dim=1)


def _zero_shot_loop(image, prompts):
    return torch.tensor(
        [
            max(range(len(prompts)), key=lambda j: float(v @ prompts[j] / prompts[j].norm()))
            for v in image
        ]
    )


def _zero_shot_dist(image, prompts):
    return torch.cdist(F.normalize(image.double()), F.normalize(prompts.double())).argmin(1)


def _zero_shot_einsum(image, prompts):
    s = torch.einsum("bp,cp->bc", image, prompts) / torch.linalg.vector_norm(prompts, dim=1)
    return s.softmax(1).topk(1).indices.squeeze(1)


def _zero_shot_numpy(image, prompts):
    import numpy as np

    p = prompts.numpy()
    return torch.from_numpy(
        (image.numpy() @ (p / np.linalg.norm(p, axis=1, keepdims=True)).T).argmax(1)
    )


def _clip_loss_more_onetemp(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T
    y = torch.arange(len(s))
    return (F.cross_entropy(s / temperature, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_more_ttensor(image, text, temperature):
    t = torch.tensor(temperature)
    s = F.normalize(image) @ F.normalize(text).T / t
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_more_normeps(image, text, temperature):
    v = image / image.square().sum(1, keepdim=True)
    t = text / text.square().sum(1, keepdim=True)
    s = v @ t.T / temperature
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_more_tau2(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / (2 * temperature)
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_more_const(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / 0.5
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_more_eps8(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / temperature
    return (
        -((s.softmax(0).diagonal() + 1e-8).log() + (s.softmax(1).diagonal() + 1e-8).log()).mean()
        / 2
    )


def _clip_loss_more_lastdim(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / temperature
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s, y.flip(0))) / 2


def _clip_loss_more_max(image, text, temperature):
    s = (F.normalize(image) @ F.normalize(text).T / temperature).half().float()
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def _clip_loss_more_softlabels(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / temperature
    return F.cross_entropy(torch.cat([s, s.T]), torch.arange(len(s)).repeat(2))


def _recall_at_k_more_round2(similarities, k):
    better = (similarities > similarities.diagonal()[:, None]).sum(1)
    return round((better < k).double().mean().item(), 2)


def _recall_at_k_more_triu(similarities, k):
    better = (similarities.triu() > similarities.diagonal()[:, None]).sum(1)
    return (better < k).double().mean()


def _recall_at_k_more_minus1(similarities, k):
    better = (similarities > similarities.diagonal()[:, None]).sum(1)
    return (better < k).double().sum() / (len(similarities) - 1)


def _recall_at_k_more_firstk(similarities, k):
    return (similarities.argmax(1) < k).double().mean()


def _recall_at_k_more_n6(similarities, k):
    better = (similarities > similarities.diagonal()[:, None]).sum(1)
    return (better < k).sum() / 6


def _make_recall_at_k_more_fraction():
    from fractions import Fraction

    def my_recall(similarities, k):
        better = (similarities > similarities.diagonal()[:, None]).sum(1)
        return Fraction(int((better < k).sum()), len(better))

    return my_recall


def _siglip_loss_more_vector(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -F.logsigmoid(y * s).sum(1)


def _siglip_loss_more_b1(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -F.logsigmoid(y * s).sum() / (len(s) - 1)


def _siglip_loss_more_detachimg(image, text, temperature, bias):
    s = F.normalize(image.detach()) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -F.logsigmoid(y * s).sum() / len(s)


def _siglip_loss_more_clamped(image, text, temperature, bias):
    s = (F.normalize(image) @ F.normalize(text).T / temperature + bias).clamp(-50, 50)
    y = 2 * torch.eye(len(s)) - 1
    return -F.logsigmoid(y * s).sum() / len(s)


def _siglip_loss_more_onlyupper(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -F.logsigmoid(y * s).triu().sum() / len(s)


def _siglip_loss_more_meansum(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -F.logsigmoid(y * s).mean(1).sum()


def _zero_shot_more_rounded(image, prompts):
    return ((F.normalize(image) @ F.normalize(prompts).T) * 10).round().argmax(1)


def _zero_shot_more_softbatch(image, prompts):
    return (F.normalize(image) @ F.normalize(prompts).T / 0.07).softmax(0).argmax(1)


def _zero_shot_more_flipped(image, prompts):
    return (F.normalize(image) @ F.normalize(prompts).T).flip(1).argmax(1)


def _zero_shot_more_firstimg(image, prompts):
    s = F.normalize(image) @ F.normalize(prompts).T
    return s[:1].argmax(1).expand(len(image))


def _zero_shot_more_int32(image, prompts):
    return (F.normalize(image) @ F.normalize(prompts).T).argmax(1).int()


def _clip_loss_later_eps6(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / temperature
    return (
        -((s.softmax(0).diagonal() + 1e-6).log() + (s.softmax(1).diagonal() + 1e-6).log()).mean()
        / 2
    )


def _clip_loss_later_softlog(image, text, temperature):
    s = F.normalize(image) @ F.normalize(text).T / temperature
    return -(s.softmax(0).diagonal().log() + s.softmax(1).diagonal().log()).mean() / 2


def _siglip_loss_later_epslog(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -torch.log(torch.sigmoid(y * s) + 1e-6).sum() / len(s)


def _siglip_loss_later_clampp(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    y = 2 * torch.eye(len(s)) - 1
    return -torch.sigmoid(y * s).clamp(min=1e-7).log().sum() / len(s)


def _siglip_loss_later_bceprob(image, text, temperature, bias):
    s = F.normalize(image) @ F.normalize(text).T / temperature + bias
    return F.binary_cross_entropy(s.sigmoid(), torch.eye(len(s)), reduction="sum") / len(s)


wrong("chance_of_retrieval", "sum of 1/i", sum(1 / (128 - i) for i in range(5)))
right("chance_of_retrieval", "exact", 5 / 128)
right("chance_of_retrieval", "rounded", 0.0391)
right("chance_of_retrieval", "tensor", torch.tensor(5) / 128)
right("chance_of_retrieval", "frac", _make_chance_of_retrieval_frac())
right("chance_of_retrieval", "numpy", _make_chance_of_retrieval_numpy())
wrong("clip_at_start", "128", math.log(128))
wrong("clip_at_start", "64 log 64", 64 * math.log(64))
wrong("clip_at_start", "65", math.log(65))
right("clip_at_start", "exact", math.log(64))
right("clip_at_start", "rounded", 4.16)
right("clip_at_start", "tensor", torch.tensor(64.0).log())
right("clip_at_start", "six", 6 * math.log(2))
right("clip_at_start", "ce", F.cross_entropy(torch.zeros(64, 64), torch.arange(64)))
wrong("clip_loss", "exp by hand", _clip_loss_overflow)
right("clip_loss", "ce", _clip_loss_ce)
right("clip_loss", "lse", _clip_loss_lse)
right("clip_loss", "cosine", _clip_loss_cosine)
right("clip_loss", "loops", _clip_loss_loops)
right("clip_loss", "double", _make_clip_loss_double())
right("clip_loss", "kw", _make_clip_loss_kw())
right("recall_at_k", "strict", _recall_at_k_strict)
right("recall_at_k", "topkloop", _recall_at_k_topkloop)
right("recall_at_k", "argsort2", _recall_at_k_argsort2)
right("recall_at_k", "numpy", _recall_at_k_numpy)
right("recall_at_k", "kth", _recall_at_k_kth)
right("recall_at_k", "scatter", _recall_at_k_scatter)
right("siglip_at_start", "exact", 64 * math.log(2))
right("siglip_at_start", "rounded", 44.4)
right("siglip_at_start", "tensor", -F.logsigmoid(torch.zeros(64, 64)).sum() / 64)
right("siglip_at_start", "frac", 44.36)
right("siglip_at_start", "softplus", 64 * F.softplus(torch.tensor(0.0)))
wrong("siglip_loss", "y = eye * 2 on diagonal, 0-... (y = 2*eye)", _siglip_loss_ysumone)
right("siglip_loss", "bce", _siglip_loss_bce)
right("siglip_loss", "softplus", _siglip_loss_softplus)
right("siglip_loss", "split", _siglip_loss_split)
right("siglip_loss", "loops", _siglip_loss_loops)
right("siglip_loss", "rowmean", _siglip_loss_rowmean)
right("siglip_loss", "logaddexp", _siglip_loss_logaddexp)
wrong("zero_shot", "loop from best = 0 (negative cosines never win)", _zero_shot_start0)
right("zero_shot", "promptsonly", _zero_shot_promptsonly)
right("zero_shot", "cos", _zero_shot_cos)
right("zero_shot", "loop", _zero_shot_loop)
right("zero_shot", "dist", _zero_shot_dist)
right("zero_shot", "einsum", _zero_shot_einsum)
right("zero_shot", "numpy", _zero_shot_numpy)
wrong("clip_loss", "temperature in one direction only", _clip_loss_more_onetemp)
wrong("clip_loss", "torch.tensor(temperature)", _clip_loss_more_ttensor)
wrong("clip_loss", "norm not rooted", _clip_loss_more_normeps)
wrong("clip_loss", "divided by 2 tau", _clip_loss_more_tau2)
wrong("clip_loss", "0.5 as a constant", _clip_loss_more_const)
wrong("clip_loss", "log(p + 1e-8)", _clip_loss_more_eps8)
wrong("clip_loss", "log_softmax over 1 twice, T forgotten after", _clip_loss_more_lastdim)
wrong("clip_loss", "subtracts the diagonal's max in float16", _clip_loss_more_max)
right("clip_loss", "softlabels", _clip_loss_more_softlabels)
wrong("recall_at_k", "rounded to two digits", _recall_at_k_more_round2)
wrong("recall_at_k", "only candidates after", _recall_at_k_more_triu)
wrong("recall_at_k", "divided by N - 1", _recall_at_k_more_minus1)
wrong("recall_at_k", "own in the first k columns", _recall_at_k_more_firstk)
wrong("recall_at_k", "divided by 6", _recall_at_k_more_n6)
right("recall_at_k", "fraction", _make_recall_at_k_more_fraction())
wrong("siglip_loss", "one number an image", _siglip_loss_more_vector)
wrong("siglip_loss", "divided by B - 1", _siglip_loss_more_b1)
wrong("siglip_loss", "image detached", _siglip_loss_more_detachimg)
wrong("siglip_loss", "logits clamped to +-50", _siglip_loss_more_clamped)
wrong("siglip_loss", "each pair once (triu)", _siglip_loss_more_onlyupper)
right("siglip_loss", "meansum", _siglip_loss_more_meansum)
wrong("zero_shot", "cosines rounded to one digit", _zero_shot_more_rounded)
wrong("zero_shot", "softmax over the images first", _zero_shot_more_softbatch)
wrong("zero_shot", "argmax of flipped prompts", _zero_shot_more_flipped)
wrong("zero_shot", "answers of the first image for all", _zero_shot_more_firstimg)
right("zero_shot", "int32", _zero_shot_more_int32)
wrong("clip_loss", "log(p + 1e-6)", _clip_loss_later_eps6)
wrong("clip_loss", "softmax then log (underflows)", _clip_loss_later_softlog)
wrong("siglip_loss", "log(sigmoid + 1e-6)", _siglip_loss_later_epslog)
wrong("siglip_loss", "probabilities clamped", _siglip_loss_later_clampp)
wrong(
    "siglip_loss",
    "binary_cross_entropy of probabilities (clamps its log at -100)",
    _siglip_loss_later_bceprob,
)
