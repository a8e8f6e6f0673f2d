"""Mistakes in what MoCo is made of: its logits and its queue."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake

# --- MoCo's logits -------------------------------------------------------------------------------


def moco_logits(query, key, queue, *, temperature):
    """Right: cosines of each query with its key, then with the queue, (B, 1 + K)."""
    query, key, queue = (F.normalize(x) for x in (query, key.detach(), queue.detach()))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


def product(query, key):
    """(B, 1) the dot product of each query with its key."""
    return (query * key).sum(1, keepdim=True)


@mistake(
    moco_logits,
    "the positive is in the last column: "
    "it belongs into the first, so that the label of every query is 0",
)
def positive_last(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).roll(-1, dims=1)


@mistake(
    moco_logits,
    "the vectors are not normalised: "
    "divide query, key and queue by their lengths, then a dot product is a cosine",
)
def logits_not_normalised(query, key, queue, *, temperature):
    key, queue = key.detach(), queue.detach()
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


@mistake(moco_logits, "you multiply by the temperature: the cosines are divided by it")
def logits_times_temperature(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=1 / temperature)


@mistake(moco_logits, "the temperature is missing: divide all the cosines by it")
def logits_without_temperature(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=1.0)


@mistake(
    moco_logits, "only the negatives are divided by the temperature: the positive's cosine is too"
)
def positive_without_temperature(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return torch.cat([temperature * logits[:, :1], logits[:, 1:]], dim=1)


@mistake(
    moco_logits,
    "you compare the keys with the queue: it is the queries that must not find themselves there",
)
def keys_ask_the_queue(query, key, queue, *, temperature):
    own = moco_logits(query, key, queue, temperature=temperature)[:, :1]
    others = moco_logits(key, key, queue, temperature=temperature)[:, 1:]
    return torch.cat([own, others], dim=1)


@mistake(moco_logits, "query i is compared with another image's key: its positive is key i")
def key_of_another_image(query, key, queue, *, temperature):
    return moco_logits(query, key.roll(1, 0), queue, temperature=temperature)


@mistake(moco_logits, "the queue is not normalised: divide its keys by their lengths too")
def queue_not_normalised(query, key, queue, *, temperature):
    others = F.normalize(query) @ queue.detach().T / temperature
    own = moco_logits(query, key, queue, temperature=temperature)[:, :1]
    return torch.cat([own, others], dim=1)


@mistake(moco_logits, "a query meets the keys of all the batch: its own key, then the queue, 1 + K")
def keys_of_the_batch_too(query, key, queue, *, temperature):
    others = moco_logits(query, key, queue, temperature=temperature)[:, 1:]
    batch = F.normalize(query) @ F.normalize(key.detach()).T / temperature
    return torch.cat([batch, others], dim=1)


@mistake(moco_logits, "these are exponentials: logits come before the softmax")
def exponentials(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).exp()


@mistake(moco_logits, "these are probabilities: cross_entropy takes the softmax itself")
def probabilities(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).softmax(1)


@mistake(
    moco_logits,
    "the values are right, but the gradient flows into keys and queue: "
    ".detach() both, they are numbers",
)
def nothing_detached(query, key, queue, *, temperature):
    query, key, queue = (F.normalize(x) for x in (query, key, queue))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


@mistake(
    moco_logits,
    "the values are right, but you stopped the wrong side: "
    "the keys get the gradient, the queries none",
)
def queries_detached(query, key, queue, *, temperature):
    return nothing_detached(query.detach(), key, queue.detach(), temperature=temperature)


# --- MoCo's queue --------------------------------------------------------------------------------


def enqueue(queue, pointer, keys):
    """Right: the next queue, keys written from the pointer on, and the next pointer."""
    places = (pointer + torch.arange(len(keys))) % len(queue)
    return queue.index_copy(0, places, keys), (pointer + len(keys)) % len(queue)


@mistake(
    enqueue, "the pointer stays where it was: the next batch would replace these keys, the newest"
)
def pointer_stays(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[0], pointer


@mistake(
    enqueue, "the pointer runs past the end: after place K - 1 comes place 0, take it modulo K"
)
def pointer_past_the_end(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[0], pointer + len(keys)


@mistake(enqueue, "a batch that reaches the end is cut off there: its other keys go on at place 0")
def cut_off_at_the_end(queue, pointer, keys):
    kept = keys[: len(queue) - pointer]
    return enqueue(queue, pointer, kept)[0], (pointer + len(keys)) % len(queue)


@mistake(
    enqueue,
    "you replace the newest keys, those just before the pointer: the oldest begin at the pointer",
)
def newest_replaced(queue, pointer, keys):
    return enqueue(queue, pointer - len(keys), keys)[0], (pointer + len(keys)) % len(queue)


@mistake(enqueue, "the keys go in backwards: row 0 belongs at the pointer")
def backwards(queue, pointer, keys):
    return enqueue(queue, pointer, keys.flip(0))


@mistake(
    enqueue,
    "you move every key that stays: "
    "leave them where they are, and write the new ones from the pointer on",
)
def shifted(queue, pointer, keys):
    return torch.cat([queue[len(keys) :], keys]), (pointer + len(keys)) % len(queue)


@mistake(enqueue, "the pointer moves by one place: it moves by as many as keys came in")
def pointer_by_one(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[0], (pointer + 1) % len(queue)


@mistake(
    enqueue, "a batch that does not fit begins at place 0: write up to the end first, then go on"
)
def batch_kept_together(queue, pointer, keys):
    return enqueue(queue, pointer if pointer + len(keys) <= len(queue) else 0, keys)


@mistake(
    enqueue, "the new keys go to the front and all others move: write them from the pointer on"
)
def pushed_to_the_front(queue, pointer, keys):
    return torch.cat([keys, queue])[: len(queue)], (pointer + len(keys)) % len(queue)
