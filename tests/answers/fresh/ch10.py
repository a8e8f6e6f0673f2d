"""Answers to chapter 10 as students write them, made before the checks were read."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("10")


# --- moco_logits
def parts(query, key, queue):
    return (F.normalize(x, dim=1) for x in (query, key.detach(), queue.detach()))


def queue_learns(query, key, queue, temperature):
    q, k, m = (F.normalize(x, dim=1) for x in (query, key.detach(), queue))
    return torch.cat([(q * k).sum(1, keepdim=True), q @ m.T], 1) / temperature


def all_detached(query, key, queue, temperature):
    with torch.no_grad():
        q, k, m = parts(query, key, queue)
        return torch.cat([(q * k).sum(1, keepdim=True), q @ m.T], 1) / temperature


def query_not_normalised(query, key, queue, temperature):
    _, k, m = parts(query, key, queue)
    return torch.cat([(query * k).sum(1, keepdim=True), query @ m.T], 1) / temperature


def queue_not_normalised(query, key, queue, temperature):
    q, k, _ = parts(query, key, queue)
    return torch.cat([(q * k).sum(1, keepdim=True), q @ queue.detach().T], 1) / temperature


def positive_last(query, key, queue, temperature):
    q, k, m = parts(query, key, queue)
    return torch.cat([q @ m.T, (q * k).sum(1, keepdim=True)], 1) / temperature


def negatives_of_key(query, key, queue, temperature):
    q, k, m = parts(query, key, queue)
    return torch.cat([(q * k).sum(1, keepdim=True), k @ m.T], 1) / temperature


def temperature_on_positive_only(query, key, queue, temperature):
    q, k, m = parts(query, key, queue)
    return torch.cat([(q * k).sum(1, keepdim=True) / temperature, q @ m.T], 1)


def times_temperature(query, key, queue, temperature):
    q, k, m = parts(query, key, queue)
    return torch.cat([(q * k).sum(1, keepdim=True), q @ m.T], 1) * temperature


def all_keys_of_batch(query, key, queue, temperature):
    q, k, m = parts(query, key, queue)
    return torch.cat([q @ k.T, q @ m.T], 1) / temperature


def normalised_columns(query, key, queue, temperature):
    q, k, m = (F.normalize(x, dim=0) for x in (query, key.detach(), queue.detach()))
    return torch.cat([(q * k).sum(1, keepdim=True), q @ m.T], 1) / temperature


answers.wrong("moco_logits", "gradient to the queue", queue_learns)
answers.wrong("moco_logits", "no gradient at all", all_detached)
answers.wrong("moco_logits", "query not normalised", query_not_normalised)
answers.wrong("moco_logits", "queue not normalised", queue_not_normalised)
answers.wrong("moco_logits", "positive in the last column", positive_last)
answers.wrong("moco_logits", "negatives from the key", negatives_of_key)
answers.wrong("moco_logits", "temperature for the positive only", temperature_on_positive_only)
answers.wrong("moco_logits", "multiplied by the temperature", times_temperature)
answers.wrong("moco_logits", "every key of the batch", all_keys_of_batch)
answers.wrong("moco_logits", "normalised over the batch", normalised_columns)


def with_einsum(query, key, queue, temperature):
    q = query / query.norm(dim=1, keepdim=True)
    with torch.no_grad():
        k = key / key.norm(dim=1, keepdim=True)
        m = queue / queue.norm(dim=1, keepdim=True)
    positive = torch.einsum("nc,nc->n", q, k).unsqueeze(-1)
    negative = torch.einsum("nc,kc->nk", q, m)
    return torch.cat([positive, negative], dim=1).div(temperature)


def with_cosine(query, key, queue, temperature):
    candidates = torch.cat([key[:, None], queue.expand(len(key), -1, -1)], 1).detach()
    return F.cosine_similarity(query[:, None], candidates, dim=2) / temperature


answers.right("moco_logits", "the paper's einsum", with_einsum)
answers.right("moco_logits", "cosine_similarity of all candidates", with_cosine)


# --- enqueue
def in_place(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))) % len(queue)
    queue[places] = keys
    return queue, (pointer + len(keys)) % len(queue)


def pointer_not_wrapped(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))) % len(queue)
    queue = queue.clone()
    queue[places] = keys
    return queue, pointer + len(keys)


def one_step_of_pointer(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))) % len(queue)
    queue = queue.clone()
    queue[places] = keys
    return queue, (pointer + 1) % len(queue)


def shifted(queue, pointer, keys):
    return torch.cat([queue[len(keys) :], keys]), pointer


def cut_at_end(queue, pointer, keys):
    queue = queue.clone()
    end = min(pointer + len(keys), len(queue))
    queue[pointer:end] = keys[: end - pointer]
    return queue, end % len(queue)


def rest_at_start_wrong_rows(queue, pointer, keys):
    queue = queue.clone()
    n = min(len(keys), len(queue) - pointer)
    queue[pointer : pointer + n] = keys[:n]
    queue[: len(keys) - n] = keys[: len(keys) - n]
    return queue, (pointer + len(keys)) % len(queue)


def pointer_reset(queue, pointer, keys):
    queue = queue.clone()
    if pointer + len(keys) > len(queue):
        pointer = 0
    queue[pointer : pointer + len(keys)] = keys
    return queue, (pointer + len(keys)) % len(queue)


answers.wrong("enqueue", "given queue changed", in_place)
answers.wrong("enqueue", "pointer runs over the end", pointer_not_wrapped)
answers.wrong("enqueue", "pointer moves by one", one_step_of_pointer)
answers.wrong("enqueue", "list that shifts", shifted)
answers.wrong("enqueue", "what is past the end is lost", cut_at_end)
answers.wrong("enqueue", "the first keys again at the start", rest_at_start_wrong_rows)
answers.wrong("enqueue", "does not fit: starts at 0", pointer_reset)


def by_loop(queue, pointer, keys):
    new = queue.detach().clone()
    for key in keys:
        new[pointer] = key
        pointer = (pointer + 1) % queue.shape[0]
    return new, pointer


def by_roll(queue, pointer, keys):
    turned = queue.roll(-int(pointer), 0)
    turned = torch.cat([keys, turned[len(keys) :]])
    return turned.roll(int(pointer), 0), torch.tensor((int(pointer) + len(keys)) % len(queue))


answers.right("enqueue", "key by key", by_loop)
answers.right("enqueue", "roll, pointer as a tensor", by_roll)

# --- lowest_loss
answers.wrong("lowest_loss", "probability instead of nats", 0.5)
answers.wrong("lowest_loss", "bits", 1.0)
answers.wrong("lowest_loss", "sign lost", math.log(0.5))
answers.wrong("lowest_loss", "uniform over three", math.log(3))
answers.right("lowest_loss", "two decimals", 0.693)
answers.right("lowest_loss", "a tensor", torch.tensor(2.0).log())

# --- key_lives
answers.wrong("key_lives", "own step counted too", [65, 9, 257])
answers.wrong("key_lives", "one too few", [63, 7, 255])
answers.wrong("key_lives", "the wrong way up", [32 / 2048, 256 / 2048, 256 / 65536])
answers.wrong("key_lives", "paper's queue as 2^15", [64, 8, 128])
answers.right("key_lives", "an array", np.array([64, 8, 256]))
answers.right("key_lives", "a tuple of whole numbers", (2048 // 32, 2048 // 256, 65536 // 256))


# --- target_update
def swapped(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
            k.copy_((1 - decay) * k + decay * q)


def moves_the_query(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
            q.copy_(decay * k + (1 - decay) * q)


def new_names(key_encoder, query_encoder, decay):
    for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
        k = decay * k + (1 - decay) * q


def first_decayed_then_used(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
            k.mul_(decay).add_(q)


def state_dict(key_encoder, query_encoder, decay):
    new = {
        name: decay * value + (1 - decay) * query_encoder.state_dict()[name]
        for name, value in key_encoder.state_dict().items()
    }
    key_encoder.load_state_dict(new)


def weights_only(key_encoder, query_encoder, decay):
    with torch.no_grad():
        for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
            if k.dim() > 1:
                k.copy_(decay * k + (1 - decay) * q)


def no_graph_left(key_encoder, query_encoder, decay):
    for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
        k.requires_grad_(False)
        q.requires_grad_(False)
        k.copy_(decay * k + (1 - decay) * q)


answers.wrong("target_update", "shares swapped", swapped)
answers.wrong("target_update", "moves the query encoder", moves_the_query)
answers.wrong("target_update", "new names only", new_names)
answers.wrong("target_update", "online added whole", first_decayed_then_used)
answers.wrong("target_update", "buffers averaged too", state_dict)
answers.wrong("target_update", "weights but no biases", weights_only)
answers.wrong("target_update", "query encoder frozen on the way", no_graph_left)


def lerp(key_encoder, query_encoder, decay):
    for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
        k.data.lerp_(q.data, 1 - decay)


@torch.no_grad()
def by_name(key_encoder, query_encoder, decay):
    online = copy.deepcopy(dict(query_encoder.named_parameters()))
    for name, k in key_encoder.named_parameters():
        k += (1 - decay) * (online[name] - k)


answers.right("target_update", "lerp of the data", lerp)
answers.right("target_update", "by name, plus equals", by_name)
