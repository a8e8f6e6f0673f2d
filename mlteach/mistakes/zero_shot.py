"""Zero-shot classification and retrieval, which exercises ask for, and mistakes in them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.mistakes._registry import mistake

# --- which prompt fits an image ------------------------------------------------------------------


def zero_shot(image: Tensor, prompts: Tensor) -> Tensor:
    """Number of the prompt with the largest cosine, (B, P) and (C, P) -> (B,)."""
    return (F.normalize(image, dim=1) @ F.normalize(prompts, dim=1).T).argmax(1)


def _cosines(image: Tensor, prompts: Tensor) -> Tensor:
    return F.normalize(image, dim=1) @ F.normalize(prompts, dim=1).T


@mistake(
    zero_shot,
    "the prompts are not normalised: a prompt with a long vector wins by its length, "
    "divide each by it",
)
def prompts_not_normalised(image, prompts):
    return (image @ prompts.T).argmax(1)


@mistake(
    zero_shot,
    "you take the smallest Euclidean distance, in which lengths count: "
    "normalise images and prompts first",
)
def nearest_without_normalising(image, prompts):
    return torch.cdist(image, prompts).argmin(1)


@mistake(zero_shot, "only the images are normalised before the distance: normalise the prompts too")
def distance_to_prompts_as_they_are(image, prompts):
    return torch.cdist(F.normalize(image, dim=1), prompts).argmin(1)


@mistake(
    zero_shot,
    "you divide each column by its length (dim=0): every row is a vector, normalise over dim=1",
)
def columns_normalised(image, prompts):
    return (F.normalize(image, dim=0) @ F.normalize(prompts, dim=0).T).argmax(1)


@mistake(
    zero_shot,
    "you divide the columns of the prompts by their lengths (dim=0): each prompt is a row, dim=1",
)
def columns_of_prompts_normalised(image, prompts):
    return (F.normalize(image, dim=1) @ F.normalize(prompts, dim=0).T).argmax(1)


@mistake(
    zero_shot,
    "the prompts are divided by the sum of their absolute values, p=1: their length is the root of "
    "the sum of squares",
)
def prompts_by_sums(image, prompts):
    return (image @ F.normalize(prompts, p=1, dim=1).T).argmax(1)


@mistake(
    zero_shot,
    "the prompts are divided by their squared lengths, which makes the long ones short: "
    "divide by the length, the root of the sum of squares",
)
def prompts_by_squared_lengths(image, prompts):
    return (image @ (prompts / prompts.square().sum(1, keepdim=True)).T).argmax(1)


@mistake(
    zero_shot,
    "the prompts are divided by their largest entry: their length is the root of the sum of "
    "squares",
)
def prompts_by_largest(image, prompts):
    return (image @ F.normalize(prompts, p=torch.inf, dim=1).T).argmax(1)


@mistake(zero_shot, "this is the prompt that fits least: take the largest cosine")
def least_similar(image, prompts):
    return _cosines(image, prompts).argmin(1)


@mistake(
    zero_shot,
    "a cosine of -1 counts like 1 here: take the largest cosine, without absolute values",
)
def absolute_cosines(image, prompts):
    return _cosines(image, prompts).abs().argmax(1)


@mistake(
    zero_shot,
    "this is the best image of each prompt: "
    "the best prompt of each image is asked for, the maximum of a row",
)
def best_image_of_each_prompt(image, prompts):
    return _cosines(image, prompts).argmax(0)


@mistake(zero_shot, "these are the largest cosines: the number of the prompt is asked for")
def largest_cosines(image, prompts):
    return _cosines(image, prompts).amax(1)


@mistake(zero_shot, "these are the cosines with all prompts: which of them is the largest?")
def all_cosines(image, prompts):
    return _cosines(image, prompts)


@mistake(
    zero_shot,
    "these are probabilities of all prompts: the number of the most probable one is asked for",
)
def probabilities(image, prompts):
    return _cosines(image, prompts).softmax(1)


@mistake(zero_shot, "your numbers begin with 1: the first prompt has the number 0")
def numbers_from_one(image, prompts):
    return zero_shot(image, prompts) + 1


@mistake(zero_shot, "this is the second best prompt: is the first one taken for the image itself?")
def second_best(image, prompts):
    return _cosines(image, prompts).argsort(1, descending=True)[:, 1]


@mistake(
    zero_shot,
    "argsort taken twice gives ranks, and yours is that of prompt 0: "
    "the number of the best prompt is asked for, argmax",
)
def rank_of_the_first_prompt(image, prompts):
    return _cosines(image, prompts).argsort(1).argsort(1)[:, 0]


@mistake(zero_shot, "every image gets one prompt, the best on average: each image has its own")
def one_prompt_for_all(image, prompts):
    return _cosines(image, prompts).mean(0).argmax().expand(len(image))


# --- whether an image finds its text -------------------------------------------------------------


def recall_at_k(similarities: Tensor, k: int) -> Tensor:
    """Share of the rows whose own column, i of row i, is among their k largest, (N, N) -> ()."""
    own = similarities.diagonal()[:, None]
    return ((similarities > own).sum(1) < k).float().mean()


def _hits(found: Tensor, own: Tensor) -> Tensor:
    return (found == own).any(1)


def _found(similarities: Tensor, k: int, *, dim: int = 1, largest: bool = True) -> Tensor:
    """(N, k) of each row, or of each column."""
    rows = similarities if dim == 1 else similarities.T
    return rows.topk(k, dim=1, largest=largest).indices


def _own(similarities: Tensor) -> Tensor:
    return torch.arange(len(similarities))[:, None]


@mistake(
    recall_at_k,
    "you look along the columns, where texts look for their images: rows are asked for",
)
def along_columns(similarities, k):
    return _hits(_found(similarities, k, dim=0), _own(similarities)).float().mean()


@mistake(
    recall_at_k,
    "all of the k would have to be the own one: one of them has to, `.any(1)`",
)
def all_for_any(similarities, k):
    return (_found(similarities, k) == _own(similarities)).all(1).float().mean()


@mistake(recall_at_k, "you average both directions: only the rows are asked for")
def both_directions(similarities, k):
    return (recall_at_k(similarities, k) + along_columns(similarities, k)) / 2


@mistake(recall_at_k, "only the best one counts: any of the k largest may be the own one")
def only_the_best(similarities, k):
    return recall_at_k(similarities, 1)


@mistake(recall_at_k, "you take the k smallest: the k largest are the best")
def k_smallest(similarities, k):
    return _hits(_found(similarities, k, largest=False), _own(similarities)).float().mean()


@mistake(
    recall_at_k,
    "you divide by k too, as for precision: a row has one own column, and finds it or not",
)
def divided_by_k(similarities, k):
    return recall_at_k(similarities, k) / k


@mistake(recall_at_k, "this is the number of rows: divide it by N for their share")
def number_of_rows(similarities, k):
    return recall_at_k(similarities, k) * len(similarities)


@mistake(recall_at_k, "these are the rows that miss their own column: those that find it count")
def share_of_misses(similarities, k):
    return 1 - recall_at_k(similarities, k)


@mistake(recall_at_k, "one more than k is allowed: at most k - 1 others may be larger")
def one_more(similarities, k):
    own = similarities.diagonal()[:, None]
    return ((similarities > own).sum(1) <= k).float().mean()


@mistake(recall_at_k, "one less than k is allowed: k - 1 others may be larger")
def one_less(similarities, k):
    own = similarities.diagonal()[:, None]
    return ((similarities >= own).sum(1) < k).float().mean()


@mistake(
    recall_at_k,
    "you leave the diagonal out, as among images alone: here it is what is looked for",
)
def diagonal_left_out(similarities, k):
    others = similarities.masked_fill(torch.eye(len(similarities), dtype=torch.bool), -torch.inf)
    return recall_at_k(others, min(k, len(similarities) - 1))


@mistake(recall_at_k, "only the first row counts: is `return` inside the loop?")
def first_row_only(similarities, k):
    return _hits(_found(similarities, k), _own(similarities))[0].float()


@mistake(recall_at_k, "you look for column 0 in every row: the own column of row i is i")
def always_column_zero(similarities, k):
    return _hits(_found(similarities, k), torch.zeros(len(similarities), 1)).float().mean()


@mistake(
    recall_at_k,
    "you ask whether the own number occurs in any row: it must be in its own row",
)
def found_in_any_row(similarities, k):
    found = _found(similarities, k)
    return torch.isin(torch.arange(len(similarities)), found).float().mean()


@mistake(
    recall_at_k,
    "this is whether each row finds its own column: their share is asked for, one number",
)
def each_row(similarities, k):
    return _hits(_found(similarities, k), _own(similarities)).float()


@mistake(
    recall_at_k,
    "argsort says which column stands at each place of the ranking: "
    "at which place column i stands, a second argsort says",
)
def argsort_as_ranks(similarities, k):
    return (similarities.argsort(1, descending=True).diagonal() < k).float().mean()


@mistake(recall_at_k, "only place k of the ranking counts: any of the first k places will do")
def only_place_k(similarities, k):
    ranking = similarities.argsort(1, descending=True)
    return (ranking[:, k - 1] == torch.arange(len(similarities))).float().mean()


@mistake(
    recall_at_k,
    "you look among the largest of the whole matrix: each row has k largest of its own",
)
def largest_of_the_matrix(similarities, k):
    largest = similarities.flatten().topk(k * len(similarities)).values[-1]
    return (similarities.diagonal() >= largest).float().mean()


@mistake(
    recall_at_k,
    "you look among the k largest of the whole matrix: each row has k largest of its own",
)
def k_largest_of_all(similarities, k):
    largest = similarities.flatten().topk(k).values[-1]
    return (similarities.diagonal() >= largest).float().mean()


@mistake(
    recall_at_k,
    "you compare each column with the number of its place: compare it with the number of its row, "
    "arange(N)[:, None]",
)
def compared_with_the_place(similarities, k):
    return _hits(_found(similarities, k), torch.arange(k)).float().mean()


@mistake(
    recall_at_k,
    "any(0) goes down the rows, and one row that finds its own is enough: ask each row, any(1)",
)
def any_row(similarities, k):
    return (_found(similarities, k) == _own(similarities)).any(0).float().mean()


@mistake(recall_at_k, "this is percent: a share lies between 0 and 1")
def percent(similarities, k):
    return 100 * recall_at_k(similarities, k)
