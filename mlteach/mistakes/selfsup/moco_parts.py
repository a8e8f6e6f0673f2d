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


def normalised(query, key, queue, *, temperature, dim=1):
    """The right logits, if dim is 1."""
    query, key, queue = (F.normalize(x, dim=dim) for x in (query, key.detach(), queue.detach()))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


@mistake(moco_logits, "the columns are divided by their lengths: a row is a vector, dim=1")
def normalised_over_the_batch(query, key, queue, *, temperature):
    return normalised(query, key, queue, temperature=temperature, dim=0)


@mistake(
    moco_logits, "each matrix is divided by the length of all its numbers: a row is a vector, dim=1"
)
def normalised_as_one_vector(query, key, queue, *, temperature):
    return normalised(query, key, queue, temperature=temperature, dim=(0, 1))


@mistake(moco_logits, "a softmax stands where a row is to be divided by its length")
def softmax_for_length(query, key, queue, *, temperature):
    query, key, queue = (x.softmax(1) for x in (query, key.detach(), queue.detach()))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


@mistake(moco_logits, "the query is not normalised: divide each query by its length too")
def query_not_normalised(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return logits * query.norm(dim=1, keepdim=True)


@mistake(moco_logits, "the key is not normalised: divide each key by its length too")
def key_not_normalised(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return torch.cat([logits[:, :1] * key.norm(dim=1, keepdim=True), logits[:, 1:]], dim=1)


@mistake(moco_logits, "only the positive is divided by the temperature: the negatives are too")
def negatives_without_temperature(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return torch.cat([logits[:, :1], temperature * logits[:, 1:]], dim=1)


@mistake(moco_logits, "you divide by the temperature twice: each cosine is divided by it once")
def logits_by_temperature_twice(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature**2)


@mistake(
    moco_logits,
    "the batch's keys are negatives too: they come into the queue after the step, "
    "a query meets its own key and the queue, 1 + K",
)
def batch_among_the_negatives(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    batch = F.normalize(query) @ F.normalize(key.detach()).T / temperature
    return torch.cat([logits[:, :1], batch, logits[:, 1:]], dim=1)


@mistake(
    moco_logits,
    "the batch's keys are negatives too: they come into the queue after the step, "
    "and a query meets its own key once, in the first column",
)
def queue_then_batch(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    batch = F.normalize(query) @ F.normalize(key.detach()).T / temperature
    return torch.cat([logits, batch], dim=1)


@mistake(moco_logits, "the positive is missing: its cosine is the first column, before the queue's")
def positive_missing(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature)[:, 1:]


@mistake(
    moco_logits,
    "the positive has taken the place of the first negative: the queue has K columns of its own",
)
def first_negative_replaced(query, key, queue, *, temperature):
    return moco_logits(query, key, queue[1:], temperature=temperature)


@mistake(
    moco_logits,
    "these are log-probabilities: cross_entropy takes the softmax and the logarithm itself",
)
def log_probabilities(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).log_softmax(1)


@mistake(moco_logits, "you use distances: a logit is a cosine, divided by the temperature")
def squared_distances(query, key, queue, *, temperature):
    return 2 * moco_logits(query, key, queue, temperature=temperature) - 2 / temperature


@mistake(moco_logits, "you take the mean over the coordinates: a dot product is their sum")
def mean_over_coordinates(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature) / query.shape[1]


@mistake(
    moco_logits, "the positive is the mean over the coordinates: a dot product is their sum, sum(1)"
)
def mean_for_the_positive(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return torch.cat([logits[:, :1] / query.shape[1], logits[:, 1:]], dim=1)


@mistake(
    moco_logits,
    "all queries have the same positive, over the batch: each has its own, sum over dim 1",
)
def positives_added_up(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    own = logits[:, :1].sum(0).expand(len(query), 1)
    return torch.cat([own, logits[:, 1:]], dim=1)


@mistake(
    moco_logits, "all queries have the same positive, the mean over the batch: each has its own key"
)
def positives_averaged(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    own = logits[:, :1].mean(0).expand(len(query), 1)
    return torch.cat([own, logits[:, 1:]], dim=1)


@mistake(
    moco_logits,
    "the largest logit of each row is subtracted: leave that to cross_entropy",
)
def largest_subtracted(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return logits - logits.amax(1, keepdim=True)


@mistake(moco_logits, "you use 1 - cos: a logit is the cosine, divided by the temperature")
def one_less_cosine(query, key, queue, *, temperature):
    return 1 / temperature - moco_logits(query, key, queue, temperature=temperature)


@mistake(moco_logits, "you divide by the sum of absolute values: a length is the root of squares")
def sums_for_lengths(query, key, queue, *, temperature):
    query, key, queue = (F.normalize(x, p=1) for x in (query, key.detach(), queue.detach()))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


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


@mistake(enqueue, "pointer and queue are swapped: return queue, pointer")
def swapped(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[::-1]


@mistake(enqueue, "the new keys are added to the old ones: they replace them")
def added_to_the_old(queue, pointer, keys):
    new, after = enqueue(queue, pointer, keys)
    return torch.where(new == queue, queue, new + queue), after


@mistake(enqueue, "the new keys are averaged with the old ones: they replace them")
def averaged_with_the_old(queue, pointer, keys):
    new, after = enqueue(queue, pointer, keys)
    return (new + queue) / 2, after


@mistake(enqueue, "all other keys are lost: only those from the pointer on are replaced")
def others_lost(queue, pointer, keys):
    return enqueue(torch.zeros_like(queue), pointer, keys)


@mistake(enqueue, "you write from place 0 on, whatever the pointer says")
def always_at_the_front(queue, pointer, keys):
    return enqueue(queue, 0, keys)[0], (pointer + len(keys)) % len(queue)


@mistake(enqueue, "you write backwards from the pointer: key i belongs at pointer + i")
def written_backwards(queue, pointer, keys):
    return enqueue(queue, pointer - len(keys) + 1, keys.flip(0))[0], (pointer - len(keys)) % len(
        queue
    )
