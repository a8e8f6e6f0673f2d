"""Answers to chapter 05 as students write them, made before the checks were read."""

import itertools
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("05")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# info_nce(query, positive, negatives, temperature)


def _unit(*vectors):
    return [F.normalize(v, dim=-1) for v in vectors]


def _logits(query, positive, negatives):
    query, positive, negatives = _unit(query, positive, negatives)
    return torch.cat([(query * positive).sum(1, keepdim=True), query @ negatives.T], dim=1)


def _zeros(query):
    return torch.zeros(len(query), dtype=torch.long)


def _loss(query, positive, negatives, temperature):
    return F.cross_entropy(_logits(query, positive, negatives) / temperature, _zeros(query))


def _not_normalised(query, positive, negatives, temperature):
    own = (query * positive).sum(1, keepdim=True)
    return F.cross_entropy(torch.cat([own, query @ negatives.T], 1) / temperature, _zeros(query))


def _query_not_normalised(query, positive, negatives, temperature):
    positive, negatives = _unit(positive, negatives)
    return _not_normalised(query, positive, negatives, temperature)


def _negatives_not_normalised(query, positive, negatives, temperature):
    query, positive = _unit(query, positive)
    return _not_normalised(query, positive, negatives, temperature)


def _normalised_over_the_batch(query, positive, negatives, temperature):
    query, positive, negatives = (F.normalize(x, dim=0) for x in (query, positive, negatives))
    return _not_normalised(query, positive, negatives, temperature)


def _divided_by_the_whole_norm(query, positive, negatives, temperature):
    query, positive, negatives = (x / x.norm() for x in (query, positive, negatives))
    return _not_normalised(query, positive, negatives, temperature)


def _square_not_rooted(query, positive, negatives, temperature):
    parts = (x / x.square().sum(1, keepdim=True) for x in (query, positive, negatives))
    return _not_normalised(*parts, temperature)


def _softmax_as_vectors(query, positive, negatives, temperature):
    query, positive, negatives = (x.softmax(dim=1) for x in (query, positive, negatives))
    return _not_normalised(query, positive, negatives, temperature)


def _summed(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return F.cross_entropy(logits, _zeros(query), reduction="sum")


def _one_a_query(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return F.cross_entropy(logits, _zeros(query), reduction="none")


def _no_temperature(query, positive, negatives, temperature):
    return F.cross_entropy(_logits(query, positive, negatives), _zeros(query))


def _times_temperature(query, positive, negatives, temperature):
    return F.cross_entropy(_logits(query, positive, negatives) * temperature, _zeros(query))


def _fixed_temperature(query, positive, negatives, temperature=0.5):
    return F.cross_entropy(_logits(query, positive, negatives) / 0.5, _zeros(query))


def _temperature_on_the_positive(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives)
    scaled = torch.cat([logits[:, :1] / temperature, logits[:, 1:]], dim=1)
    return F.cross_entropy(scaled, _zeros(query))


def _temperature_outside(query, positive, negatives, temperature):
    return F.cross_entropy(_logits(query, positive, negatives), _zeros(query)) / temperature


def _root_of_temperature(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / math.sqrt(temperature)
    return F.cross_entropy(logits, _zeros(query))


def _positive_left_out(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return (logits[:, 1:].logsumexp(1) - logits[:, 0]).mean()


def _positive_twice(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return F.cross_entropy(torch.cat([logits[:, :1], logits], dim=1), _zeros(query))


def _positive_last_label_0(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives).roll(-1, 1) / temperature
    return F.cross_entropy(logits, _zeros(query))


def _label_one(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return F.cross_entropy(logits, torch.ones(len(query), dtype=torch.long))


def _other_positives_too(query, positive, negatives, temperature):
    query, positive, negatives = _unit(query, positive, negatives)
    logits = query @ torch.cat([positive, negatives]).T / temperature
    return F.cross_entropy(logits, torch.arange(len(query)))


def _only_the_batch(query, positive, negatives, temperature):
    query, positive = _unit(query, positive)
    return F.cross_entropy(query @ positive.T / temperature, torch.arange(len(query)))


def _positive_for_query(query, positive, negatives, temperature):
    query, positive, negatives = _unit(query, positive, negatives)
    own = (query * positive).sum(1, keepdim=True)
    logits = torch.cat([own, positive @ negatives.T], dim=1) / temperature
    return F.cross_entropy(logits, _zeros(query))


def _every_negative_alone(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return F.softplus(logits[:, 1:] - logits[:, :1]).mean()


def _binary(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    truth = torch.zeros_like(logits)
    truth[:, 0] = 1
    return F.binary_cross_entropy_with_logits(logits, truth)


def _mean_of_the_negatives(query, positive, negatives, temperature):
    weights = (_logits(query, positive, negatives) / temperature).exp()
    return -(weights[:, 0] / (weights[:, 0] + weights[:, 1:].mean(1))).log().mean()


def _probability(query, positive, negatives, temperature):
    return -(_logits(query, positive, negatives) / temperature).softmax(1)[:, 0].mean()


def _logarithm_of_the_mean(query, positive, negatives, temperature):
    return -(_logits(query, positive, negatives) / temperature).softmax(1)[:, 0].mean().log()


def _softmax_of_the_columns(query, positive, negatives, temperature):
    return -(_logits(query, positive, negatives) / temperature).log_softmax(0)[:, 0].mean()


def _softmax_twice(query, positive, negatives, temperature):
    probabilities = (_logits(query, positive, negatives) / temperature).softmax(1)
    return F.cross_entropy(probabilities, _zeros(query))


def _as_typed(query, positive, negatives, temperature):
    weights = (_logits(query, positive, negatives) / temperature).exp()
    return -(weights[:, 0] / weights.sum(1)).log().mean()


def _distances(query, positive, negatives, temperature):
    query, positive, negatives = _unit(query, positive, negatives)
    own = (query - positive).norm(dim=1, keepdim=True)
    logits = -torch.cat([own, torch.cdist(query, negatives)], dim=1) / temperature
    return F.cross_entropy(logits, _zeros(query))


def _item(query, positive, negatives, temperature):
    return _loss(query, positive, negatives, temperature).item()


def _no_grad(query, positive, negatives, temperature):
    with torch.no_grad():
        return _loss(query, positive, negatives, temperature)


def _keys_detached(query, positive, negatives, temperature):
    return _loss(query, positive.detach(), negatives.detach(), temperature)


def _first_query_only(query, positive, negatives, temperature):
    return _loss(query[:1], positive[:1], negatives, temperature)


def _printed(query, positive, negatives, temperature):
    print(_loss(query, positive, negatives, temperature))


wrong("info_nce", "not normalised", _not_normalised)
wrong("info_nce", "query not normalised", _query_not_normalised)
wrong("info_nce", "negatives not normalised", _negatives_not_normalised)
wrong("info_nce", "normalised over the batch: dim 0", _normalised_over_the_batch)
wrong("info_nce", "divided by the norm of the whole matrix", _divided_by_the_whole_norm)
wrong("info_nce", "divided by the squared length, no root", _square_not_rooted)
wrong("info_nce", "softmax instead of normalising the vectors", _softmax_as_vectors)
wrong("info_nce", "sum instead of mean", _summed)
wrong("info_nce", "one loss a query, no mean", _one_a_query)
wrong("info_nce", "no temperature", _no_temperature)
wrong("info_nce", "times the temperature", _times_temperature)
wrong("info_nce", "temperature always 0.5", _fixed_temperature)
wrong("info_nce", "temperature for the positive only", _temperature_on_the_positive)
wrong("info_nce", "loss divided by the temperature", _temperature_outside)
wrong("info_nce", "root of the temperature", _root_of_temperature)
wrong("info_nce", "positive left out of the denominator", _positive_left_out)
wrong("info_nce", "positive twice in the denominator", _positive_twice)
wrong("info_nce", "positive in the last column, label 0", _positive_last_label_0)
wrong("info_nce", "label 1 for every query", _label_one)
wrong("info_nce", "other queries' positives as negatives too", _other_positives_too)
wrong("info_nce", "only the batch's positives, negatives not used", _only_the_batch)
wrong("info_nce", "negatives compared with the positive", _positive_for_query)
wrong("info_nce", "positive against each negative alone", _every_negative_alone)
wrong("info_nce", "binary cross-entropy", _binary)
wrong("info_nce", "mean of the negatives in the denominator", _mean_of_the_negatives)
wrong("info_nce", "minus the probability, no logarithm", _probability)
wrong("info_nce", "logarithm of the mean probability", _logarithm_of_the_mean)
wrong("info_nce", "softmax over the queries", _softmax_of_the_columns)
wrong("info_nce", "cross_entropy of probabilities: softmax twice", _softmax_twice)
wrong("info_nce", "exp as typed: nan at temperature 0.01", _as_typed)
wrong("info_nce", "distances instead of cosines", _distances)
wrong("info_nce", "sign forgotten", lambda *args, **names: -_loss(*args, **names))
wrong("info_nce", "bits instead of nats", lambda *a, **names: _loss(*a, **names) / math.log(2))
wrong("info_nce", "item(): a number without gradient", _item)
wrong("info_nce", "no_grad around the loss", _no_grad)
wrong("info_nce", "positive and negatives detached", _keys_detached)
wrong("info_nce", "first query only", _first_query_only)
wrong("info_nce", "prints instead of returning", _printed)


def _info_nce_loop(query, positive, negatives, temperature):
    losses = []
    for q, p in zip(query, positive):
        candidates = torch.cat([p[None], negatives])
        scores = F.cosine_similarity(q[None], candidates) / temperature
        losses.append(scores.logsumexp(0) - scores[0])
    return sum(losses) / len(losses)


def _info_nce_last_column(q, p, n, t):
    own = F.cosine_similarity(q, p)[:, None]
    others = F.cosine_similarity(q[:, None], n[None], dim=2)
    logits = torch.hstack([others, own]) / t
    return nn.CrossEntropyLoss()(logits, torch.full((len(q),), len(n)))


def _info_nce_einsum(query, positive, negatives, temperature):
    query, positive, negatives = (
        x / torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in (query, positive, negatives)
    )
    own = torch.einsum("bd,bd->b", query, positive) / temperature
    others = torch.einsum("bd,kd->bk", query, negatives) / temperature
    return -(own - torch.logaddexp(own, others.logsumexp(-1))).mean()


def _info_nce_double(query, positive, negatives, temperature):
    parts = query.double(), positive.double(), negatives.double()
    return -(_logits(*parts) / temperature).log_softmax(dim=1)[:, 0].mean()


def _info_nce_softplus(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives) / temperature
    return F.softplus((logits[:, 1:] - logits[:, :1]).logsumexp(1)).mean()


def _info_nce_soft_labels(query, positive, negatives, temperature):
    logits = _logits(query, positive, negatives).div(temperature)
    truth = torch.zeros_like(logits)
    truth[:, 0] = 1
    return F.cross_entropy(logits, truth)


right("info_nce", "a loop over queries with cosine_similarity", _info_nce_loop)
right("info_nce", "positive last, label K, other argument names", _info_nce_last_column)
right("info_nce", "einsum and logaddexp", _info_nce_einsum)
right("info_nce", "float64 and log_softmax", _info_nce_double)
right("info_nce", "softplus of the differences", _info_nce_softplus)
right("info_nce", "one-hot rows as labels", _info_nce_soft_labels)


# nt_xent(z1, z2, temperature), with logsumexp and indexing only


def _cosines(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T


def _others(z1, z2, temperature):
    cosines = _cosines(z1, z2)
    return (cosines / temperature).masked_fill(torch.eye(len(cosines)).bool(), -math.inf)


def _twins(z1):
    rows = torch.arange(2 * len(z1))
    return rows, rows.roll(len(z1))


def _nt_xent(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _with_itself(z1, z2, temperature):
    logits = _cosines(z1, z2) / temperature
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _diagonal_zero(z1, z2, temperature):
    logits = (_cosines(z1, z2) / temperature).clone().fill_diagonal_(0)
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _diagonal_minus_one(z1, z2, temperature):
    logits = (_cosines(z1, z2) - 2 * torch.eye(2 * len(z1))) / temperature
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _eye_times_infinity(z1, z2, temperature):
    logits = _cosines(z1, z2) / temperature - torch.eye(2 * len(z1)) * math.inf
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _decoupled(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    own = logits[_twins(z1)]
    negatives = logits.clone()
    negatives[_twins(z1)] = -math.inf
    return (negatives.logsumexp(1) - own).mean()


def _twins_interleaved(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    rows = torch.arange(len(logits))
    return (logits.logsumexp(1) - logits[rows, rows ^ 1]).mean()


def _next_row(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    rows = torch.arange(len(logits))
    return (logits.logsumexp(1) - logits[rows, rows.roll(1)]).mean()


def _twice_the_first_batch(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    rows = torch.arange(len(logits))
    return (logits.logsumexp(1) - logits[rows, len(z1) + rows % len(z1)]).mean()


def _rows_without_arange(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    return (logits.logsumexp(1) - logits[:, _twins(z1)[1]]).mean()


def _across_only(z1, z2, temperature):
    logits = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature
    return (logits.logsumexp(1) - logits.diagonal()).mean()


def _across_both_ways(z1, z2, temperature):
    return (_across_only(z1, z2, temperature) + _across_only(z2, z1, temperature)) / 2


def _first_views_only(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    return (logits.logsumexp(1) - logits[_twins(z1)])[: len(z1)].mean()


def _divided_by_images(z1, z2, temperature):
    return 2 * _nt_xent(z1, z2, temperature)


def _sum_of_anchors(z1, z2, temperature):
    return 2 * len(z1) * _nt_xent(z1, z2, temperature)


def _losses_of_anchors(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    return logits.logsumexp(1) - logits[_twins(z1)]


def _raw_products(z1, z2, temperature):
    z = torch.cat([z1, z2])
    logits = (z @ z.T / temperature).masked_fill(torch.eye(len(z)).bool(), -math.inf)
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _dim_0_normalised(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(len(z)).bool(), -math.inf)
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean()


def _first_batch_normalised(z1, z2, temperature):
    return _raw_products(F.normalize(z1, dim=1), z2, temperature)


def _sum_over_everything(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    return logits.flatten().logsumexp(0) - logits[_twins(z1)].mean()


def _logsumexp_of_cosines(z1, z2, temperature):
    logits = _others(z1, z2, 1.0)
    return (logits.logsumexp(1) - logits[_twins(z1)]).mean() / temperature


def _positive_without_temperature(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    return (logits.logsumexp(1) - logits[_twins(z1)] * temperature).mean()


def _typed_out(z1, z2, temperature):
    weights = (_cosines(z1, z2) / temperature).exp() * (1 - torch.eye(2 * len(z1)))
    return -(weights[_twins(z1)] / weights.sum(1)).log().mean()


def _itself_subtracted(z1, z2, temperature):
    logits = _cosines(z1, z2) / temperature
    total = logits.logsumexp(1).exp() - math.exp(1 / temperature)
    return (total.log() - logits[_twins(z1)]).mean()


def _mean_of_candidates(z1, z2, temperature):
    return _nt_xent(z1, z2, temperature) - math.log(2 * len(z1) - 1)


def _half_detached(z1, z2, temperature):
    return _nt_xent(z1, z2.detach(), temperature)


def _as_number(z1, z2, temperature):
    return _nt_xent(z1, z2, temperature).item()


def _first_pair_returned(z1, z2, temperature):
    logits = _others(z1, z2, temperature)
    for row, twin in zip(*_twins(z1)):
        return logits[row].logsumexp(0) - logits[row, twin]


wrong("nt_xent", "each view is its own candidate", _with_itself)
wrong("nt_xent", "0 on the diagonal, which counts as exp(0)", _diagonal_zero)
wrong("nt_xent", "cosine -1 on the diagonal", _diagonal_minus_one)
wrong("nt_xent", "identity times infinity: nan", _eye_times_infinity)
wrong("nt_xent", "positive left out: decoupled contrastive learning", _decoupled)
wrong("nt_xent", "twins as if interleaved", _twins_interleaved)
wrong("nt_xent", "the row before as positive", _next_row)
wrong("nt_xent", "second half: its own row as positive", _twice_the_first_batch)
wrong("nt_xent", "columns indexed without rows", _rows_without_arange)
wrong("nt_xent", "z1 against z2 only, B candidates", _across_only)
wrong("nt_xent", "z1 against z2 both ways, as CLIP", _across_both_ways)
wrong("nt_xent", "only the first views as anchors", _first_views_only)
wrong("nt_xent", "divided by B, not 2B", _divided_by_images)
wrong("nt_xent", "sum over the anchors", _sum_of_anchors)
wrong("nt_xent", "one loss an anchor, no mean", _losses_of_anchors)
wrong("nt_xent", "not normalised", _raw_products)
wrong("nt_xent", "normalised along dim 0", _dim_0_normalised)
wrong("nt_xent", "only z1 normalised", _first_batch_normalised)
wrong("nt_xent", "one logsumexp over the whole matrix", _sum_over_everything)
wrong("nt_xent", "temperature outside the logsumexp", _logsumexp_of_cosines)
wrong("nt_xent", "positive's cosine without temperature", _positive_without_temperature)
wrong("nt_xent", "exp as typed: nan at temperature 0.01", _typed_out)
wrong("nt_xent", "exp(1/temperature) subtracted: nan at 0.01", _itself_subtracted)
wrong("nt_xent", "mean over the candidates instead of sum", _mean_of_candidates)
wrong(
    "nt_xent",
    "temperature multiplies",
    lambda z1, z2, temperature: _nt_xent(z1, z2, 1 / temperature),
)
wrong("nt_xent", "temperature always 0.5", lambda z1, z2, temperature: _nt_xent(z1, z2, 0.5))
wrong("nt_xent", "sign forgotten", lambda z1, z2, temperature: -_nt_xent(z1, z2, temperature))
wrong("nt_xent", "z1 twice", lambda z1, z2, temperature: _nt_xent(z1, z1, temperature))
wrong("nt_xent", "z2 detached", _half_detached)
wrong("nt_xent", "item(): a number without gradient", _as_number)
wrong("nt_xent", "return in the loop: first anchor only", _first_pair_returned)


def _with_cross_entropy(z1, z2, temperature):
    return F.cross_entropy(_others(z1, z2, temperature), _twins(z1)[1])


def _with_nll(z1, z2, temperature):
    return F.nll_loss(_others(z1, z2, temperature).log_softmax(1), _twins(z1)[1])


def _with_the_module(z1, z2, temperature):
    criterion = nn.CrossEntropyLoss(reduction="sum")
    return criterion(_others(z1, z2, temperature), _twins(z1)[1]) / (2 * len(z1))


def _with_the_book(z1, z2, temperature):
    from mlteach import nt_xent

    return nt_xent(z1, z2, temperature=temperature)


rule("nt_xent", "cross_entropy", _with_cross_entropy)
rule("nt_xent", "log_softmax and nll_loss", _with_nll)
rule("nt_xent", "the CrossEntropyLoss module", _with_the_module)
rule("nt_xent", "the book's own function", _with_the_book)


def _nt_xent_mask(z1, z2, temperature):
    logits, n = _cosines(z1, z2) / temperature, 2 * len(z1)
    candidates = logits[~torch.eye(n, dtype=torch.bool)].view(n, n - 1)
    return (torch.logsumexp(candidates, dim=1) - logits[_twins(z1)]).mean()


def _nt_xent_loop(z1, z2, temperature):
    z = torch.cat([z1, z2])
    z = z / z.norm(dim=1, keepdim=True)
    total = 0
    for i in range(len(z)):
        others = torch.tensor([k for k in range(len(z)) if k != i])
        s = z[others] @ z[i] / temperature
        total = total + torch.logsumexp(s, 0) - z[i] @ z[i - len(z1)] / temperature
    return total / len(z)


def _nt_xent_pairs(a, b, t):
    a, b = F.normalize(a), F.normalize(b)
    own = (a * b).sum(1) / t
    hidden = torch.full((len(a),), float("-inf")).diag_embed().nan_to_num(neginf=-1e9)
    one = torch.cat([a @ a.T / t + hidden, a @ b.T / t], 1).logsumexp(1)
    two = torch.cat([b @ b.T / t + hidden, b @ a.T / t], 1).logsumexp(1)
    return ((one - own).mean() + (two - own).mean()) / 2


def _nt_xent_interleaved(z1, z2, temperature):
    z = F.normalize(torch.stack([z1, z2], dim=1).flatten(0, 1), dim=-1)
    logits = torch.einsum("ip,kp->ik", z, z).div(temperature).fill_diagonal_(-torch.inf)
    rows = torch.arange(len(z))
    return logits.logsumexp(-1).mean() - logits[rows, rows ^ 1].mean()


def _nt_xent_double(z1, z2, temperature):
    z = F.normalize(torch.cat((z1, z2)).to(torch.float64), dim=1)
    logits = z.mm(z.t()) / temperature - 1e9 * torch.eye(len(z), dtype=z.dtype)
    positive = torch.cat([logits.diagonal(len(z1)), logits.diagonal(-len(z1))])
    return torch.mean(torch.logsumexp(logits, 1) - positive)


def _nt_xent_gather(z1, z2, temperature):
    cosines = F.cosine_similarity(torch.cat([z1, z2])[:, None], torch.cat([z1, z2])[None], dim=-1)
    logits = torch.where(torch.eye(len(cosines)).bool(), -math.inf, cosines / temperature)
    positive = ((torch.arange(len(logits)) + len(z1)) % len(logits))[:, None]
    return (logits.logsumexp(1, keepdim=True) - logits.gather(1, positive)).mean()


right("nt_xent", "boolean mask to (2B, 2B - 1)", _nt_xent_mask)
right("nt_xent", "a loop over the anchors", _nt_xent_loop)
right("nt_xent", "four blocks, both halves averaged, other names", _nt_xent_pairs)
right("nt_xent", "views interleaved, einsum", _nt_xent_interleaved)
right("nt_xent", "float64, -1e9, positives from two diagonals", _nt_xent_double)
right("nt_xent", "cosine_similarity, where and gather", _nt_xent_gather)


# pulls(similarities, positive, temperature): minus the gradient, by the formula


def _truth(similarities, positive):
    truth = torch.zeros_like(similarities)
    truth[positive] = 1
    return truth


def _force(similarities, positive, temperature):
    probabilities = (similarities / temperature).softmax(0)
    return (_truth(similarities, positive) - probabilities) / temperature


def _overflowing(similarities, positive, temperature):
    weights = (similarities / temperature).exp()
    return (_truth(similarities, positive) - weights / weights.sum()) / temperature


def _positive_unpushed(similarities, positive, temperature):
    force = -(similarities / temperature).softmax(0) / temperature
    force[positive] = 0
    return force


def _softmax_of_negatives(similarities, positive, temperature):
    masked = similarities.clone()
    masked[positive] = -math.inf
    return (_truth(similarities, positive) - (masked / temperature).softmax(0)) / temperature


def _plus_p(similarities, positive, temperature):
    force = -(similarities / temperature).softmax(0)
    force[positive] = -force[positive]
    return force / temperature


def _log_probabilities(similarities, positive, temperature):
    logs = (similarities / temperature).log_softmax(0)
    return (_truth(similarities, positive) - logs) / temperature


def _truth_of_the_best(similarities, positive, temperature):
    return _force(similarities, similarities.argmax(), temperature)


def _truth_by_value(similarities, positive, temperature):
    truth = (similarities == positive).float()
    return (truth - (similarities / temperature).softmax(0)) / temperature


def _only_negatives(similarities, positive, temperature):
    force = _force(similarities, positive, temperature)
    return torch.cat([force[:positive], force[positive + 1 :]])


def _positive_first(similarities, positive, temperature):
    force = _force(similarities, positive, temperature)
    return torch.cat([force[[positive]], force[:positive], force[positive + 1 :]])


def _normalised_scores(similarities, positive, temperature):
    return _force(F.normalize(similarities, dim=0), positive, temperature)


def _sigmoids(similarities, positive, temperature):
    chances = (similarities / temperature).sigmoid()
    return (_truth(similarities, positive) - chances) / temperature


def _printed_force(similarities, positive, temperature):
    print(_force(similarities, positive, temperature))


def _in_integers(similarities, positive, temperature):
    force = torch.zeros(len(similarities), dtype=torch.long)
    force[:] = _force(similarities, positive, temperature)
    return force


wrong(
    "pulls",
    "the gradient, not minus it",
    lambda similarities, positive, temperature: -_force(similarities, positive, temperature),
)
wrong(
    "pulls",
    "not divided by the temperature",
    lambda similarities, positive, temperature: (
        temperature * _force(similarities, positive, temperature)
    ),
)
wrong(
    "pulls",
    "multiplied by the temperature",
    lambda similarities, positive, temperature: (
        temperature**2 * _force(similarities, positive, temperature)
    ),
)
wrong(
    "pulls",
    "divided by the temperature twice",
    lambda similarities, positive, temperature: (
        _force(similarities, positive, temperature) / temperature
    ),
)
wrong(
    "pulls",
    "softmax without temperature",
    lambda similarities, positive, temperature: _force(similarities, positive, 1.0) / temperature,
)
wrong(
    "pulls",
    "temperature nowhere",
    lambda similarities, positive, temperature: _force(similarities, positive, 1.0),
)
wrong(
    "pulls",
    "softmax of s times temperature",
    lambda similarities, positive, temperature: (
        (_truth(similarities, positive) - (similarities * temperature).softmax(0)) / temperature
    ),
)
wrong(
    "pulls",
    "truth forgotten",
    lambda similarities, positive, temperature: (
        -(similarities / temperature).softmax(0) / temperature
    ),
)
wrong(
    "pulls",
    "probabilities only",
    lambda similarities, positive, temperature: (similarities / temperature).softmax(0),
)
wrong(
    "pulls",
    "positive is always 0",
    lambda similarities, positive, temperature: _force(similarities, 0, temperature),
)
wrong(
    "pulls",
    "positive counted from 1",
    lambda similarities, positive, temperature: _force(similarities, positive - 1, temperature),
)
wrong(
    "pulls",
    "positive is always the last",
    lambda similarities, positive, temperature: _force(similarities, -1, temperature),
)
wrong(
    "pulls",
    "divided by the number of candidates",
    lambda similarities, positive, temperature: (
        _force(similarities, positive, temperature) / len(similarities)
    ),
)
wrong(
    "pulls",
    "absolute values",
    lambda similarities, positive, temperature: _force(similarities, positive, temperature).abs(),
)
wrong(
    "pulls",
    "softmax of minus the scores",
    lambda similarities, positive, temperature: _force(-similarities, positive, temperature),
)
wrong(
    "pulls",
    "the loss instead of the force",
    lambda similarities, positive, temperature: (
        -(similarities / temperature).log_softmax(0)[positive]
    ),
)
wrong(
    "pulls",
    "one number: force on the positive",
    lambda similarities, positive, temperature: _force(similarities, positive, temperature)[
        positive
    ],
)
wrong(
    "pulls",
    "12 candidates, as in the text",
    lambda similarities, positive, temperature: (
        (F.one_hot(torch.tensor(positive), 12) - (similarities / temperature).softmax(0))
        / temperature
    ),
)
wrong("pulls", "exp as typed: nan at temperature 0.01", _overflowing)
wrong("pulls", "no force on the positive", _positive_unpushed)
wrong("pulls", "softmax over the negatives only", _softmax_of_negatives)
wrong("pulls", "positive pushed by p, not 1 - p", _plus_p)
wrong("pulls", "log_softmax instead of softmax", _log_probabilities)
wrong("pulls", "takes the largest score for the positive", _truth_of_the_best)
wrong("pulls", "compares scores with the positive's number", _truth_by_value)
wrong("pulls", "negatives only: (N - 1,)", _only_negatives)
wrong("pulls", "positive moved to the front", _positive_first)
wrong("pulls", "scores normalised to length 1 first", _normalised_scores)
wrong("pulls", "sigmoids instead of a softmax", _sigmoids)
wrong("pulls", "written into whole numbers", _in_integers)
wrong("pulls", "prints instead of returning", _printed_force)


def _with_backward(similarities, positive, temperature):
    scores = similarities.detach().clone().requires_grad_()
    F.cross_entropy(scores[None] / temperature, torch.tensor([positive])).backward()
    return -scores.grad


def _with_autograd_grad(similarities, positive, temperature):
    s = similarities.detach().clone().requires_grad_()
    loss = torch.logsumexp(s / temperature, 0) - s[positive] / temperature
    return -torch.autograd.grad(loss, s)[0]


def _with_func_grad(similarities, positive, temperature):
    def loss(s):
        return -(s / temperature).log_softmax(0)[positive]

    return -torch.func.grad(loss)(similarities)


def _with_jacobian(similarities, positive, temperature):
    return torch.autograd.functional.jacobian(
        lambda s: (s / temperature).log_softmax(0)[positive], similarities
    )


rule("pulls", "backward", _with_backward)
rule("pulls", "torch.autograd.grad", _with_autograd_grad)
rule("pulls", "torch.func.grad", _with_func_grad)
rule("pulls", "the jacobian of the log-probability", _with_jacobian)


def _pulls_in_place(similarities, positive, temperature):
    force = -F.softmax(similarities / temperature, dim=-1)
    force[positive] += 1
    return force / temperature


def _pulls_loop(s, plus, tau):
    largest = max(s.tolist())
    weights = [math.exp((x - largest) / tau) for x in s.tolist()]
    force = [((k == plus) - w / sum(weights)) / tau for k, w in enumerate(weights)]
    return torch.tensor(force)


def _pulls_eye(similarities, positive, temperature):
    truth = torch.eye(len(similarities))[positive]
    return (truth - torch.softmax(similarities / temperature, 0)).div(temperature)


def _pulls_double(similarities, positive, temperature):
    logits = similarities.double() / temperature
    probabilities = (logits - logits.logsumexp(0)).exp()
    truth = torch.arange(len(logits)) == positive
    return (truth.double() - probabilities) / temperature


def _pulls_numpy(similarities, positive, temperature):
    s = similarities.detach().numpy() / temperature
    p = np.exp(s - s.max())
    return torch.as_tensor((np.eye(len(s))[positive] - p / p.sum()) / temperature)


right("pulls", "minus the softmax, 1 added at the positive", _pulls_in_place)
right("pulls", "a plain loop with math.exp, other names", _pulls_loop)
right("pulls", "a row of the identity", _pulls_eye)
right("pulls", "float64 through logsumexp", _pulls_double)
right("pulls", "numpy with the maximum subtracted, a tensor", _pulls_numpy)


# log_sum_exp(logits): every row, with exp, log, amax and sums


def _row_max(logits):
    return logits.amax(1, keepdim=True)


def _lse(logits):
    largest = _row_max(logits)
    return largest[:, 0] + (logits - largest).exp().sum(1).log()


def _one_max(logits):
    largest = logits.amax()
    return largest + (logits - largest).exp().sum(1).log()


def _max_of_columns(logits):
    largest = logits.amax(0)
    return largest + (logits - largest).exp().sum(1).log()


def _max_without_keepdim(logits):
    largest = logits.amax(1)
    return largest + (logits - largest).exp().sum(1).log()


def _sum_of_columns(logits):
    largest = logits.amax(0, keepdim=True)
    return largest[0] + (logits - largest).exp().sum(0).log()


def _max_not_added_back(logits):
    return (logits - _row_max(logits)).exp().sum(1).log()


def _max_subtracted_twice(logits):
    return (logits - _row_max(logits)).exp().sum(1).log() - _row_max(logits)[:, 0]


def _max_of_the_exponentials(logits):
    weights = logits.exp()
    largest = weights.amax(1, keepdim=True)
    return (weights / largest).sum(1).log() + largest[:, 0].log()


def _smallest_subtracted(logits):
    smallest = logits.amin(1, keepdim=True)
    return smallest[:, 0] + (logits - smallest).exp().sum(1).log()


def _mean_subtracted(logits):
    middle = logits.mean(1, keepdim=True)
    return middle[:, 0] + (logits - middle).exp().sum(1).log()


def _largest_size_subtracted(logits):
    largest = logits.abs().amax(1, keepdim=True)
    return largest[:, 0] + (logits - largest).exp().sum(1).log()


def _keeps_the_column(logits):
    return _row_max(logits) + (logits - _row_max(logits)).exp().sum(1, keepdim=True).log()


def _broadcast_to_a_matrix(logits):
    largest = _row_max(logits)
    return largest + (logits - largest).exp().sum(1).log()


def _first_column_subtracted(logits):
    first = logits[:, :1]
    return first[:, 0] + (logits - first).exp().sum(1).log()


def _divided_by_the_max(logits):
    largest = _row_max(logits)
    return largest[:, 0] * (logits / largest).exp().sum(1).log()


def _first_row_returned(logits):
    for row in logits:
        return row.amax() + (row - row.amax()).exp().sum().log()


def _numbers_not_followed(logits):
    return _lse(logits.detach())


def _logs_of_two(logits):
    largest = _row_max(logits)
    return largest[:, 0] + (logits - largest).exp().sum(1).log2()


def _printed_lse(logits):
    print(_lse(logits))


wrong("log_sum_exp", "the stub: exp as typed", lambda logits: logits.exp().sum(1).log())
wrong("log_sum_exp", "maximum of the whole matrix", _one_max)
wrong("log_sum_exp", "maximum of each column", _max_of_columns)
wrong("log_sum_exp", "row maximum without keepdim: meets the columns", _max_without_keepdim)
wrong("log_sum_exp", "every column instead of every row", _sum_of_columns)
wrong("log_sum_exp", "maximum not added back", _max_not_added_back)
wrong("log_sum_exp", "maximum subtracted again, not added", _max_subtracted_twice)
wrong("log_sum_exp", "divides after exp has overflowed", _max_of_the_exponentials)
wrong("log_sum_exp", "row minimum instead of maximum", _smallest_subtracted)
wrong("log_sum_exp", "row mean instead of maximum", _mean_subtracted)
wrong("log_sum_exp", "largest absolute value", _largest_size_subtracted)
wrong("log_sum_exp", "keepdim: (N, 1)", _keeps_the_column)
wrong("log_sum_exp", "(N, 1) plus (N,) becomes a matrix", _broadcast_to_a_matrix)
wrong("log_sum_exp", "first logit subtracted, as in section 6", _first_column_subtracted)
wrong("log_sum_exp", "divides by the maximum", _divided_by_the_max)
wrong("log_sum_exp", "return in the loop: first row only", _first_row_returned)
wrong("log_sum_exp", "detached: no gradient", _numbers_not_followed)
wrong("log_sum_exp", "logarithm of base 2", _logs_of_two)
wrong("log_sum_exp", "always subtracts 100", lambda logits: 100 + (logits - 100).exp().sum(1).log())
wrong(
    "log_sum_exp", "clamps the logits to 80", lambda logits: logits.clamp(max=80).exp().sum(1).log()
)
wrong(
    "log_sum_exp",
    "a small number in the logarithm",
    lambda logits: (logits.exp().sum(1) + 1e-8).log(),
)
wrong(
    "log_sum_exp",
    "infinity replaced by a large number",
    lambda logits: logits.exp().sum(1).log().nan_to_num(),
)
wrong("log_sum_exp", "maximum alone", lambda logits: logits.amax(1))
wrong(
    "log_sum_exp",
    "sum of the whole matrix",
    lambda logits: logits.amax() + (logits - logits.amax()).exp().sum().log(),
)
wrong("log_sum_exp", "logarithm before the sum", lambda logits: logits.exp().log().sum(1))
wrong("log_sum_exp", "mean instead of sum", lambda logits: _lse(logits) - math.log(len(logits)))
wrong(
    "log_sum_exp",
    "log1p of the sum",
    lambda logits: _row_max(logits)[:, 0] + (logits - _row_max(logits)).exp().sum(1).log1p(),
)
wrong(
    "log_sum_exp",
    "log_softmax of the rows",
    lambda logits: (
        logits - _row_max(logits) - (logits - _row_max(logits)).exp().sum(1, keepdim=True).log()
    ),
)
wrong("log_sum_exp", "sign turned", lambda logits: -_lse(logits))
wrong("log_sum_exp", "prints instead of returning", _printed_lse)

rule("log_sum_exp", "torch.logsumexp", lambda logits: torch.logsumexp(logits, dim=1))
rule("log_sum_exp", "the method logsumexp", lambda logits: logits.logsumexp(-1))
rule(
    "log_sum_exp", "log_softmax knows it", lambda logits: logits[:, 0] - logits.log_softmax(1)[:, 0]
)


def _lse_rows(logits):
    rows = []
    for row in logits:
        m = row.max()
        rows.append(m + torch.log(torch.sum(torch.exp(row - m))))
    return torch.stack(rows)


def _lse_max_pair(logits):
    largest, _ = torch.max(logits, dim=1, keepdim=True)
    return (torch.log(torch.sum(torch.exp(logits - largest), 1, keepdim=True)) + largest).squeeze(1)


def _lse_detached_max(x):
    m = x.detach().amax(-1)
    return (x - m.unsqueeze(-1)).exp().sum(-1).log().add(m)


def _lse_transposed(logits):
    columns = logits.T
    return (columns - columns.amax(0)).exp().sum(0).log() + columns.amax(0)


def _lse_double(logits):
    exact = logits.to(torch.float64)
    m = exact.amax(dim=1)
    return m + torch.einsum("nk->n", (exact - m[:, None]).exp()).log()


right("log_sum_exp", "row by row", _lse_rows)
right("log_sum_exp", "max with keepdim, squeezed at the end", _lse_max_pair)
right("log_sum_exp", "maximum detached, other argument name", _lse_detached_max)
right("log_sum_exp", "transposed, so that columns broadcast", _lse_transposed)
right("log_sum_exp", "float64 with an einsum for the sum", _lse_double)


# smallest_batch: 2B - 1 >= e ** 6

wrong("smallest_batch", "the stub", 64)
wrong("smallest_batch", "rounded down", 202)
wrong("smallest_batch", "not rounded", (math.exp(6) + 1) / 2)
wrong("smallest_batch", "e ** 6 / 2, rounded down", int(math.exp(6) / 2))
wrong("smallest_batch", "e ** 6 candidates, rounded up", math.ceil(math.exp(6)))
wrong("smallest_batch", "e ** 6 rounded down", 403)
wrong("smallest_batch", "halved twice", 101)
wrong("smallest_batch", "all views, 2B", 406)
wrong("smallest_batch", "candidates of the answer, 2B - 1", 405)
wrong("smallest_batch", "bits: 2 ** 6", math.ceil((2**6 + 1) / 2))
wrong("smallest_batch", "decimal logarithm", math.ceil((10**6 + 1) / 2))
wrong("smallest_batch", "one too many, to be safe", 204)
wrong("smallest_batch", "next power of two", 256)
wrong("smallest_batch", "power of two of the candidates", 512)
wrong("smallest_batch", "e ** 6 + 1, not halved", math.ceil(math.exp(6) + 1))
wrong("smallest_batch", "minus sign slipped in", -203)
wrong("smallest_batch", "6 nats are 6", 6)
wrong("smallest_batch", "the formula as text", "(exp(6) + 1) / 2")
wrong("smallest_batch", "nothing", None)
wrong("smallest_batch", "a function, not called", lambda: math.ceil((math.exp(6) + 1) / 2))
wrong("smallest_batch", "two answers in a list", [202, 203])

right("smallest_batch", "203 typed in", 203)
right("smallest_batch", "np.int64", np.int64(203))
right("smallest_batch", "a 0-d tensor", torch.tensor(203))
right("smallest_batch", "a float from np.ceil", np.ceil((np.e**6 + 1) / 2))
right(
    "smallest_batch", "counted up", next(b for b in itertools.count(2) if math.log(2 * b - 1) >= 6)
)
right("smallest_batch", "torch.ceil, a float tensor", torch.ceil((torch.tensor(6.0).exp() + 1) / 2))
