"""Answers to chapter 10 as students write them, made before the checks were read."""

import copy
import math
from collections import deque
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.optim.swa_utils import get_ema_multi_avg_fn

from tests.support.answers import Answers

answers = Answers("10")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# moco_logits(query, key, queue, temperature)


def _unit(*vectors):
    return [F.normalize(x, dim=1) for x in vectors]


def _joined(query, key, queue):
    return torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], dim=1)


def _good(query, key, queue, temperature):
    return _joined(*_unit(query, key.detach(), queue.detach())) / temperature


def _not_normalised(query, key, queue, temperature):
    return _joined(query, key.detach(), queue.detach()) / temperature


def _query_not_normalised(query, key, queue, temperature):
    return _joined(query, *_unit(key.detach(), queue.detach())) / temperature


def _key_not_normalised(query, key, queue, temperature):
    query, queue = _unit(query, queue.detach())
    return _joined(query, key.detach(), queue) / temperature


def _queue_not_normalised(query, key, queue, temperature):
    query, key = _unit(query, key.detach())
    return _joined(query, key, queue.detach()) / temperature


def _normalised_over_the_batch(query, key, queue, temperature):
    vectors = query, key.detach(), queue.detach()
    return _joined(*(F.normalize(x, dim=0) for x in vectors)) / temperature


def _whole_norm(query, key, queue, temperature):
    vectors = query, key.detach(), queue.detach()
    return _joined(*(x / x.norm() for x in vectors)) / temperature


def _softmax_for_normalize(query, key, queue, temperature):
    vectors = query, key.detach(), queue.detach()
    return _joined(*(x.softmax(1) for x in vectors)) / temperature


def _no_temperature(query, key, queue, temperature):
    return _joined(*_unit(query, key.detach(), queue.detach()))


def _multiplied(query, key, queue, temperature):
    return _joined(*_unit(query, key.detach(), queue.detach())) * temperature


def _twice_divided(query, key, queue, temperature):
    return _good(query / temperature, key, queue, temperature) / temperature


def _temperature_of_the_paper(query, key, queue, temperature=0.07):
    return _good(query, key, queue, 0.07)


def _negatives_by_temperature_only(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = (query * key).sum(1, keepdim=True)
    return torch.cat([positive, query @ queue.T / temperature], dim=1)


def _positives_by_temperature_only(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = (query * key).sum(1, keepdim=True) / temperature
    return torch.cat([positive, query @ queue.T], dim=1)


def _positive_last(query, key, queue, temperature):
    return _good(query, key, queue, temperature).roll(-1, 1)


def _all_keys(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    return query @ torch.cat([key, queue]).T / temperature


def _keys_of_the_batch_too(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    return _joined(query, key, torch.cat([key, queue])) / temperature


def _negatives_only(query, key, queue, temperature):
    query, queue = _unit(query, queue.detach())
    return query @ queue.T / temperature


def _positive_replaces_the_first(query, key, queue, temperature):
    return _good(query, key, queue[1:], temperature)


def _next_key(query, key, queue, temperature):
    return _good(query, key.roll(1, 0), queue, temperature)


def _transposed(query, key, queue, temperature):
    return _good(query, key, queue, temperature).T


def _loss(query, key, queue, temperature):
    logits = _good(query, key, queue, temperature)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


def _logits_and_labels(query, key, queue, temperature):
    logits = _good(query, key, queue, temperature)
    return logits, torch.zeros(len(logits), dtype=torch.long)


def _negative_distances(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = -(query - key).square().sum(1, keepdim=True)
    return torch.cat([positive, -torch.cdist(query, queue).square()], dim=1) / temperature


def _mean_for_sum(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = (query * key).mean(1, keepdim=True)
    return torch.cat([positive, query @ queue.T], dim=1) / temperature


def _summed_over_the_batch(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = (query * key).sum().expand(len(query), 1)
    return torch.cat([positive, query @ queue.T], dim=1) / temperature


def _positive_not_a_column(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    return torch.cat([(query * key).sum(1), query @ queue.T], dim=1) / temperature


def _largest_subtracted(query, key, queue, temperature):
    logits = _good(query, key, queue, temperature)
    return logits - logits.amax(1, keepdim=True)


for label, answer in {
    "the stub": lambda query, key, queue, temperature: None,
    "not normalised": _not_normalised,
    "query not normalised": _query_not_normalised,
    "key not normalised": _key_not_normalised,
    "queue not normalised": _queue_not_normalised,
    "normalised over the batch": _normalised_over_the_batch,
    "divided by the norm of the whole matrix": _whole_norm,
    "softmax for normalize": _softmax_for_normalize,
    "temperature forgotten": _no_temperature,
    "multiplied by the temperature": _multiplied,
    "temperature twice": _twice_divided,
    "the paper's temperature typed in": _temperature_of_the_paper,
    "only negatives by the temperature": _negatives_by_temperature_only,
    "only the positive by the temperature": _positives_by_temperature_only,
    "positive in the last column": _positive_last,
    "all keys of the batch as columns": _all_keys,
    "keys of the batch as negatives too": _keys_of_the_batch_too,
    "no positive": _negatives_only,
    "positive instead of the first negative": _positive_replaces_the_first,
    "key of the image before": _next_key,
    "transposed": _transposed,
    "the loss": _loss,
    "logits and labels": _logits_and_labels,
    "probabilities": lambda *a, **k: _good(*a, **k).softmax(1),
    "log-probabilities": lambda *a, **k: _good(*a, **k).log_softmax(1),
    "exponentials": lambda *a, **k: _good(*a, **k).exp(),
    "minus sign": lambda *a, **k: -_good(*a, **k),
    "negative squared distances": _negative_distances,
    "mean for the sum of the positive": _mean_for_sum,
    "positives summed over the batch": _summed_over_the_batch,
    "positive not a column": _positive_not_a_column,
    "row maximum subtracted": _largest_subtracted,
}.items():
    wrong("moco_logits", label, answer)


def _no_detach(query, key, queue, temperature):
    return _joined(*_unit(query, key, queue)) / temperature


def _key_not_detached(query, key, queue, temperature):
    return _joined(*_unit(query, key, queue.detach())) / temperature


def _queue_not_detached(query, key, queue, temperature):
    return _joined(*_unit(query, key.detach(), queue)) / temperature


def _query_detached_too(query, key, queue, temperature):
    return _good(query.detach(), key, queue, temperature)


def _query_detached_for_keys(query, key, queue, temperature):
    return _no_detach(query.detach(), key, queue, temperature)


def _query_detached_for_negatives(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = (query * key).sum(1, keepdim=True)
    return torch.cat([positive, query.detach() @ queue.T], dim=1) / temperature


def _query_detached_for_positive(query, key, queue, temperature):
    query, key, queue = _unit(query, key.detach(), queue.detach())
    positive = (query.detach() * key).sum(1, keepdim=True)
    return torch.cat([positive, query @ queue.T], dim=1) / temperature


def _norm_detached(query, key, queue, temperature):
    query = query / query.norm(dim=1, keepdim=True).detach()
    return _joined(query, *_unit(key.detach(), queue.detach())) / temperature


@torch.no_grad()
def _under_no_grad(query, key, queue, temperature):
    return _good(query, key, queue, temperature)


def _detach_not_kept(query, key, queue, temperature):
    key.detach()
    queue.detach()
    return _joined(*_unit(query, key, queue)) / temperature


rule("moco_logits", "nothing detached", _no_detach)
rule("moco_logits", "key not detached", _key_not_detached)
rule("moco_logits", "queue not detached", _queue_not_detached)
rule("moco_logits", "query detached too", _query_detached_too)
rule("moco_logits", "query detached instead of the keys", _query_detached_for_keys)
rule("moco_logits", "query detached for the negatives", _query_detached_for_negatives)
rule("moco_logits", "query detached for the positive", _query_detached_for_positive)
rule("moco_logits", "query's length detached", _norm_detached)
rule("moco_logits", "all under no_grad", _under_no_grad)
rule("moco_logits", "detach() called, result not kept", _detach_not_kept)


def _cosine_similarity(query, key, queue, temperature):
    key, queue = key.detach(), queue.detach()
    positive = F.cosine_similarity(query, key, dim=1)
    negatives = F.cosine_similarity(query[:, None], queue[None], dim=2)
    return torch.hstack([positive[:, None], negatives]) / temperature


def _einsum(query, key, queue, temperature):
    q, k, n = (x / x.norm(dim=-1, keepdim=True) for x in (query, key.data, queue.data))
    columns = torch.einsum("bp,bp->b", q, k).unsqueeze(-1), torch.einsum("bp,kp->bk", q, n)
    return torch.cat(columns, -1).div(temperature)


def _rows(query, key, queue, temperature):
    rows = []
    for q, k in zip(query, key.detach()):
        candidates = F.normalize(torch.stack([k, *queue.detach()]), dim=1)
        rows.append(candidates @ F.normalize(q, dim=0) / temperature)
    return torch.stack(rows)


def _keys_under_no_grad(query, key, queue, temperature):
    with torch.no_grad():
        key, queue = _unit(key, queue)
    q = F.normalize(query, dim=1) / temperature
    return torch.cat([torch.linalg.vecdot(q, key)[:, None], F.linear(q, queue)], dim=1)


def _written_into_a_new_tensor(query, key, queue, temperature):
    q, k, n = _unit(query, key.detach(), queue.detach())
    logits = q.new_empty(len(q), 1 + len(n))
    logits[:, 0], logits[:, 1:] = (q * k).sum(-1), q.matmul(n.t())
    return logits / temperature


def _diagonal_of_all(query, key, queue, temperature):
    q, k, n = _unit(query, key.clone().detach(), queue.clone().detach())
    return torch.column_stack([(q @ k.T).diagonal(), q @ n.T]) / temperature


right("moco_logits", "cosine_similarity", _cosine_similarity)
right("moco_logits", "einsum and .data", _einsum)
right("moco_logits", "one query at a time", _rows)
right("moco_logits", "keys under no_grad, query divided first", _keys_under_no_grad)
right("moco_logits", "written into an empty tensor", _written_into_a_new_tensor)
right("moco_logits", "diagonal of all pairs", _diagonal_of_all)


# enqueue(queue, pointer, keys)


def _places(queue, pointer, keys):
    return (pointer + torch.arange(len(keys))) % len(queue)


def _written(queue, places, keys):
    queue = queue.clone()
    queue[places] = keys
    return queue


def _next(queue, pointer, keys):
    return (pointer + len(keys)) % len(queue)


def _enqueue(queue, pointer, keys):
    return _written(queue, _places(queue, pointer, keys), keys), _next(queue, pointer, keys)


def _slice(queue, pointer, keys):
    queue = queue.clone()
    queue[pointer : pointer + len(keys)] = keys
    return queue, _next(queue, pointer, keys)


def _places_not_wrapped(queue, pointer, keys):
    places = pointer + torch.arange(len(keys))
    return _written(queue, places, keys), _next(queue, pointer, keys)


def _rest_left_out(queue, pointer, keys):
    room = min(len(keys), len(queue) - int(pointer))
    queue = queue.clone()
    queue[pointer : pointer + room] = keys[:room]
    return queue, _next(queue, pointer, keys)


def _clamped(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))).clamp(max=len(queue) - 1)
    return _written(queue, places, keys), _next(queue, pointer, keys)


def _starts_over(queue, pointer, keys):
    if pointer + len(keys) > len(queue):
        pointer = 0
    return _slice(queue, pointer, keys)


def _wraps_with_first_keys(queue, pointer, keys):
    room = len(queue) - int(pointer)
    if room >= len(keys):
        return _slice(queue, pointer, keys)
    queue = queue.clone()
    queue[pointer:] = keys[:room]
    queue[: len(keys) - room] = keys[: len(keys) - room]
    return queue, len(keys) - room


def _pointer_not_wrapped(queue, pointer, keys):
    return _enqueue(queue, pointer, keys)[0], pointer + len(keys)


def _pointer_stays_at_the_end(queue, pointer, keys):
    after = pointer + len(keys)
    if after > len(queue):
        after = after - len(queue)
    return _enqueue(queue, pointer, keys)[0], after


def _pointer_zero_after_the_end(queue, pointer, keys):
    after = pointer + len(keys)
    return _enqueue(queue, pointer, keys)[0], 0 if after >= len(queue) else after


def _modulo_last_place(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))) % (len(queue) - 1)
    return _written(queue, places, keys), (pointer + len(keys)) % (len(queue) - 1)


def _modulo_batch(queue, pointer, keys):
    return _enqueue(queue, pointer, keys)[0], (pointer + len(keys)) % len(keys)


def _modulo_width(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))) % queue.shape[1]
    return _written(queue, places, keys), (pointer + len(keys)) % queue.shape[1]


def _place_after(queue, pointer, keys):
    return _enqueue(queue, pointer + 1, keys)[0], _next(queue, pointer, keys)


def _places_before(queue, pointer, keys):
    places = (pointer - 1 - torch.arange(len(keys))) % len(queue)
    return _written(queue, places, keys), (pointer - len(keys)) % len(queue)


def _one_key_too_few(queue, pointer, keys):
    return _enqueue(queue, pointer, keys[:-1])


def _first_in_first_out(queue, pointer, keys):
    return torch.cat([queue[len(keys) :], keys]), _next(queue, pointer, keys)


def _newest_in_front(queue, pointer, keys):
    return torch.cat([keys, queue])[: len(queue)], _next(queue, pointer, keys)


def _longer_queue(queue, pointer, keys):
    return torch.cat([queue, keys]), _next(queue, pointer, keys)


def _inserted(queue, pointer, keys):
    parts = queue[:pointer], keys, queue[pointer:]
    return torch.cat(parts)[: len(queue)], _next(queue, pointer, keys)


def _rest_lost(queue, pointer, keys):
    places = _places(queue, pointer, keys)
    return _written(torch.zeros_like(queue), places, keys), _next(queue, pointer, keys)


def _averaged(queue, pointer, keys):
    places = _places(queue, pointer, keys)
    return _written(queue, places, (queue[places] + keys) / 2), _next(queue, pointer, keys)


def _added(queue, pointer, keys):
    queue = queue.clone()
    queue[_places(queue, pointer, keys)] += keys
    return queue, _next(queue, pointer, keys)


def _stepwise_pointer(queue, pointer, keys):
    return _enqueue(queue, pointer, keys)[0], (pointer + 1) % len(queue)


def _place_of_the_newest(queue, pointer, keys):
    return _enqueue(queue, pointer, keys)[0], (pointer + len(keys) - 1) % len(queue)


def _as_deque(queue, pointer, keys):
    queue = deque(queue, maxlen=len(queue))
    queue.extend(keys)
    return torch.stack(list(queue)), pointer


for label, answer in {
    "the stub": lambda queue, pointer, keys: None,
    "a slice, not wrapped": _slice,
    "places not wrapped": _places_not_wrapped,
    "keys after the end are lost": _rest_left_out,
    "places clamped to the last": _clamped,
    "starts at 0 when the batch does not fit": _starts_over,
    "wraps with the first keys again": _wraps_with_first_keys,
    "pointer not wrapped": _pointer_not_wrapped,
    "pointer K at the very end": _pointer_stays_at_the_end,
    "pointer 0 after any wrap": _pointer_zero_after_the_end,
    "modulo K - 1": _modulo_last_place,
    "pointer modulo B": _modulo_batch,
    "modulo the width P": _modulo_width,
    "begins one place too late": _place_after,
    "goes backwards": _places_before,
    "one key too few": _one_key_too_few,
    "drops the first rows, not the oldest": _first_in_first_out,
    "newest in front": _newest_in_front,
    "queue grows": _longer_queue,
    "inserted at the pointer, last rows dropped": _inserted,
    "all other keys become zero": _rest_lost,
    "old and new averaged": _averaged,
    "added to the old": _added,
    "pointer one place on": _stepwise_pointer,
    "pointer at the newest key": _place_of_the_newest,
    "pointer stays": lambda queue, pointer, keys: (_enqueue(queue, pointer, keys)[0], pointer),
    "always at the front": lambda queue, pointer, keys: _enqueue(queue, 0, keys),
    "keys in reverse": lambda queue, pointer, keys: _enqueue(queue, pointer, keys.flip(0)),
    "pointer and queue swapped": lambda *a, **k: _enqueue(*a, **k)[::-1],
    "only the queue": lambda *a, **k: _enqueue(*a, **k)[0],
    "deque, pointer stays": _as_deque,
}.items():
    wrong("enqueue", label, answer)


def _in_place(queue, pointer, keys):
    queue[_places(queue, pointer, keys)] = keys
    return queue, _next(queue, pointer, keys)


def _view_of_all_rows(queue, pointer, keys):
    new = queue[:]
    new[_places(queue, pointer, keys)] = keys
    return new, _next(queue, pointer, keys)


def _shallow_copy(queue, pointer, keys):
    return _in_place(copy.copy(queue), pointer, keys)


def _detached_only(queue, pointer, keys):
    return _in_place(queue.detach(), pointer, keys)


def _copied_too_late(queue, pointer, keys):
    queue, pointer = _in_place(queue, pointer, keys)
    return queue.clone(), pointer


rule("enqueue", "written into the given queue", _in_place)
rule("enqueue", "queue[:] is a view", _view_of_all_rows)
rule("enqueue", "copy.copy shares the memory", _shallow_copy)
rule("enqueue", "detach() shares the memory", _detached_only)
rule("enqueue", "cloned after writing", _copied_too_late)


def _two_slices(queue, pointer, keys):
    pointer, room = int(pointer), len(queue) - int(pointer)
    new = queue.clone()
    new[pointer : pointer + len(keys)] = keys[:room]
    if len(keys) > room:
        new[: len(keys) - room] = keys[room:]
    return new, (pointer + len(keys)) % len(queue)


def _key_by_key(queue, pointer, keys):
    rows = list(queue)
    for key in keys:
        rows[pointer] = key
        pointer += 1
        if pointer == len(rows):
            pointer = 0
    return torch.stack(rows), pointer


def _rolled(queue, pointer, keys):
    turned = torch.roll(queue, -int(pointer), 0)
    turned = torch.cat([keys, turned[len(keys) :]])
    return torch.roll(turned, int(pointer), 0), _next(queue, pointer, keys)


def _index_copy(queue, pointer, keys):
    places = torch.remainder(torch.arange(len(keys)) + pointer, queue.size(0))
    return queue.index_copy(0, places, keys), torch.as_tensor(_next(queue, pointer, keys))


def _by_numpy(queue, pointer, keys):
    places = np.arange(pointer, pointer + len(keys)) % len(queue)
    new = queue.detach().numpy().copy()
    new[places] = keys.detach().numpy()
    return [torch.from_numpy(new), int(pointer + len(keys)) % len(queue)]


right("enqueue", "two slices", _two_slices)
right("enqueue", "key by key in a list", _key_by_key)
right("enqueue", "rolled there and back", _rolled)
right("enqueue", "index_copy, pointer a tensor", _index_copy)
right("enqueue", "numpy places, pair as a list", _by_numpy)


# lowest_loss: log 2

wrong("lowest_loss", "the stub", 0.0)
wrong("lowest_loss", "in bits", math.log2(2))
wrong("lowest_loss", "decimal logarithm", math.log10(2))
wrong("lowest_loss", "minus sign forgotten", math.log(1 / 2))
wrong("lowest_loss", "the probability", 0.5)
wrong("lowest_loss", "three candidates", math.log(3))
wrong("lowest_loss", "counted for both copies", 2 * math.log(2))
wrong("lowest_loss", "chance level of 1,024 keys", math.log(1 + 1024))
wrong("lowest_loss", "batch of 32", math.log(32))
wrong("lowest_loss", "two keys and a negative share", math.log(1.5))
wrong("lowest_loss", "entropy of both halves halved", math.log(2) / 2)
wrong("lowest_loss", "exponential instead of logarithm", math.exp(-2))
wrong("lowest_loss", "one decimal", 0.6)
wrong("lowest_loss", "the text", "log 2")
wrong("lowest_loss", "a number and its unit", (math.log(2), "nats"))
wrong("lowest_loss", "nothing", None)

right("lowest_loss", "log 2", math.log(2))
right("lowest_loss", "four decimals", 0.6931)
right("lowest_loss", "np.float64", -np.log(0.5))
right("lowest_loss", "a 0-d tensor", torch.tensor(2.0).log())
right(
    "lowest_loss", "cross-entropy of equal logits", F.cross_entropy(torch.zeros(2), torch.tensor(0))
)
right("lowest_loss", "log1p", math.log1p(1))


# key_lives: K / B

wrong("key_lives", "the stub", [0, 0, 0])
wrong("key_lives", "own step counted", [65, 9, 257])
wrong("key_lives", "one too few", [63, 7, 255])
wrong("key_lives", "one query each: K", [2048, 2048, 65_536])
wrong("key_lives", "one for each query of a step", [64 * 32, 8 * 256, 256 * 256])
wrong("key_lives", "B / K", [32 / 2048, 256 / 2048, 256 / 65_536])
wrong("key_lives", "on average half as old", [32, 4, 128])
wrong("key_lives", "the batch sizes", [32, 256, 256])
wrong("key_lives", "same batch throughout", [64, 64, 2048])
wrong("key_lives", "last batch taken as 32", [64, 8, 2048])
wrong("key_lives", "first two swapped", [8, 64, 256])
wrong("key_lives", "sorted downwards", [256, 64, 8])
wrong("key_lives", "third number missing", [64, 8])
wrong("key_lives", "first only", 64)
wrong("key_lives", "a fourth number", [64, 8, 256, 328])
wrong("key_lives", "batch taken off first", [(2048 - 32) / 32, (2048 - 256) / 256, 255])
wrong("key_lives", "logarithms", [6, 3, 8])
wrong("key_lives", "two views enter a step", [32, 4, 128.0])
wrong("key_lives", "nested", [[64, 8, 256]])
wrong("key_lives", "texts", ["64", "8", "256"])
wrong("key_lives", "one text", "64, 8, 256")
wrong("key_lives", "one nothing", [64, 8, None])

right("key_lives", "a tuple of integers", (64, 8, 256))
right("key_lives", "whole division", [2048 // 32, 2048 // 256, 65_536 // 256])
right("key_lives", "numpy array", np.array([2048, 2048, 65_536]) / np.array([32, 256, 256]))
right("key_lives", "a tensor", torch.tensor([2048, 2048, 65_536]) / torch.tensor([32, 256, 256]))
right("key_lives", "list of np.int64", list(np.int64([64, 8, 256])))
right("key_lives", "fractions", [Fraction(2048, 32), Fraction(2048, 256), Fraction(65_536, 256)])


# target_update(key_encoder, query_encoder, decay)


def _pairs(key_encoder, query_encoder):
    return zip(key_encoder.parameters(), query_encoder.parameters())


def _move(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.copy_(decay * k + (1 - decay) * q)


def _new_names(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k = decay * k + (1 - decay) * q


def _without_no_grad(key_encoder, query_encoder, decay):
    for k, q in _pairs(key_encoder, query_encoder):
        k.copy_(decay * k + (1 - decay) * q)


def _weights_swapped(key_encoder, query_encoder, decay):
    _move(key_encoder, query_encoder, 1 - decay)


def _query_moved(key_encoder, query_encoder, decay):
    _move(query_encoder, key_encoder, decay)


def _second_weight_forgotten(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.copy_(decay * k + q)


def _decayed_only(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k in key_encoder.parameters():
            k.mul_(decay)


def _copied(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.copy_(q)


def _twice(key_encoder, query_encoder, decay):
    _move(key_encoder, query_encoder, decay)
    _move(key_encoder, query_encoder, decay)


def _decay_of_the_chapter(key_encoder, query_encoder, decay=0.98):
    _move(key_encoder, query_encoder, 0.98)


def _away_from_the_query(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.add_(k - q, alpha=1 - decay)


def _last_only(key_encoder, query_encoder, decay):
    pairs = _pairs(key_encoder, query_encoder)
    for k, q in pairs:
        pass
    k.data.mul_(decay).add_(q.data, alpha=1 - decay)


def _first_only(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.lerp_(q, 1 - decay)
            return


def _matrices_only(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            if k.dim() > 1:
                k.lerp_(q, 1 - decay)


def _on_a_copy(key_encoder, query_encoder, decay):
    key_encoder = copy.deepcopy(key_encoder)
    _move(key_encoder, query_encoder, decay)
    return key_encoder


def _new_list(key_encoder, query_encoder, decay):
    with torch.no_grad():
        return [decay * k + (1 - decay) * q for k, q in _pairs(key_encoder, query_encoder)]


def _lerp_the_other_way(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.lerp_(q, decay)


for label, answer in {
    "the stub": lambda key_encoder, query_encoder, decay: None,
    "a new name for a new tensor": _new_names,
    "without no_grad": _without_no_grad,
    "decay and rest swapped": _weights_swapped,
    "query encoder moved": _query_moved,
    "1 - decay forgotten": _second_weight_forgotten,
    "only decayed": _decayed_only,
    "copied": _copied,
    "moved twice": _twice,
    "the chapter's 0.98 typed in": _decay_of_the_chapter,
    "away from the query encoder": _away_from_the_query,
    "last parameter only": _last_only,
    "first parameter only": _first_only,
    "matrices, no biases": _matrices_only,
    "a copy is moved": _on_a_copy,
    "a list of new tensors": _new_list,
    "lerp with the decay": _lerp_the_other_way,
}.items():
    wrong("target_update", label, answer)


def _buffers_too(key_encoder, query_encoder, decay):
    with torch.no_grad():
        states = zip(key_encoder.state_dict().values(), query_encoder.state_dict().values())
        for k, q in states:
            k.copy_(decay * k + (1 - decay) * q)


def _buffers_copied(key_encoder, query_encoder, decay):
    _move(key_encoder, query_encoder, decay)
    for k, q in zip(key_encoder.buffers(), query_encoder.buffers()):
        k.copy_(q)


def _key_encoder_to_eval(key_encoder, query_encoder, decay):
    key_encoder.eval()
    _move(key_encoder, query_encoder, decay)


def _query_to_eval(key_encoder, query_encoder, decay):
    query_encoder.eval()
    _move(key_encoder, query_encoder, decay)


def _query_scaled(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k.mul_(decay).add_(q.mul_(1 - decay))


def _gradients_cleared(key_encoder, query_encoder, decay):
    _move(key_encoder, query_encoder, decay)
    query_encoder.zero_grad()


rule("target_update", "buffers averaged too", _buffers_too)
rule("target_update", "buffers copied too", _buffers_copied)
rule("target_update", "key encoder put into evaluation mode", _key_encoder_to_eval)
rule("target_update", "query encoder put into evaluation mode", _query_to_eval)
rule("target_update", "query encoder scaled in passing", _query_scaled)
rule("target_update", "query encoder's gradients cleared", _gradients_cleared)


def _data_replaced(key_encoder, query_encoder, decay):
    for k, q in _pairs(key_encoder, query_encoder):
        k.data = decay * k.data + (1 - decay) * q.data


def _mul_add(key_encoder, query_encoder, decay):
    for k, q in _pairs(key_encoder, query_encoder):
        k.data.mul_(decay).add_(q.data, alpha=1 - decay)


def _vectors(key_encoder, query_encoder, decay):
    moved = torch.lerp(
        parameters_to_vector(query_encoder.parameters()).detach(),
        parameters_to_vector(key_encoder.parameters()).detach(),
        decay,
    )
    vector_to_parameters(moved, key_encoder.parameters())


def _by_name(key_encoder, query_encoder, decay):
    online = dict(query_encoder.named_parameters())
    new = {n: decay * k + (1 - decay) * online[n] for n, k in key_encoder.named_parameters()}
    key_encoder.load_state_dict(new, strict=False)


@torch.no_grad()
def _by_swa_utils(key_encoder, query_encoder, decay):
    lists = list(key_encoder.parameters()), list(query_encoder.parameters())
    get_ema_multi_avg_fn(decay)(*lists, torch.tensor(1))


def _small_step(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in _pairs(key_encoder, query_encoder):
            k -= (1 - decay) * (k - q)


right("target_update", "data replaced", _data_replaced)
right("target_update", "mul_ and add_ on data", _mul_add)
right("target_update", "one long vector", _vectors)
right("target_update", "load_state_dict by name", _by_name)
right("target_update", "torch.optim.swa_utils", _by_swa_utils)
right("target_update", "-= under no_grad", _small_step)


@torch.no_grad()
def _lerp_with_other_names(slow, fast, m):
    for follower, leader in zip(slow.parameters(), fast.parameters(), strict=True):
        follower.lerp_(leader, 1 - m)


right("target_update", "lerp_, other argument names", _lerp_with_other_names)
