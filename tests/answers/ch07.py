"""Answers to chapter 07 as students write them, made before the checks were read."""

import math
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("07")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# position_label(down, across)


def _place(down, across):
    return 3 * (down + 1) + across + 1


def _label(down, across):
    place = _place(down, across)
    return place - (place > 4).long()


def _skipped_from_four(down, across):
    place = _place(down, across)
    return place - (place >= 4).long()


def _skipped_before_four(down, across):
    place = _place(down, across)
    return place - (place < 4).long()


def _added_after_the_centre(down, across):
    place = _place(down, across)
    return place + (place > 4).long()


def _quarter_taken_off(down, across):
    place = _place(down, across)
    return place - place // 4


def _clockwise(down, across):
    order = {
        (-1, -1): 0,
        (-1, 0): 1,
        (-1, 1): 2,
        (0, 1): 3,
        (1, 1): 4,
        (1, 0): 5,
        (1, -1): 6,
        (0, -1): 7,
    }
    pairs = zip(down.tolist(), across.tolist())
    return torch.tensor([order[pair] for pair in pairs])


def _sides_before_corners(down, across):
    places = [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]
    pairs = zip(down.tolist(), across.tolist())
    return torch.tensor([places.index(pair) for pair in pairs])


def _angle(down, across):
    eighths = torch.atan2(down.double(), across.double()) / (math.pi / 4)
    return eighths.round().long() % 8


def _bool_subtracted(down, across):
    place = _place(down, across)
    return place - (place > 4)


def _python_if(down, across):
    place = _place(down, across)
    if place > 4:
        place = place - 1
    return place


def _first_pair_only(down, across):
    place = _place(down[0].item(), across[0].item())
    return torch.tensor(place - (place > 4))


def _written_into_the_arguments(down, across):
    down += 1
    across += 1
    place = 3 * down + across
    return place - (place > 4).long()


def _printed_label(down, across):
    print(_label(down, across))


def _bitwise_base_two(down, across):
    place = 2 * (down + 1) + across + 1
    return place - (place > 3).long()


def _rows_of_the_sign(down, across):
    place = 3 * down.sign().abs() + across + 1
    return place - (place > 4).long()


wrong("position_label", "the stub: None", lambda down, across: None)
wrong("position_label", "column by column", lambda down, across: _label(across, down))
wrong("position_label", "centre counted: 0 to 8", _place)
wrong("position_label", "places before the centre moved down", _skipped_before_four)
wrong("position_label", "moved up by one more, not down", _added_after_the_centre)
wrong("position_label", "one less everywhere: -1 to 7", lambda d, a: _place(d, a) - 1)
wrong("position_label", "minus place // 4", _quarter_taken_off)
wrong("position_label", "8 clamped to 7", lambda d, a: _place(d, a).clamp(max=7))
wrong("position_label", "counted from the lower right", lambda d, a: 7 - _label(d, a))
wrong("position_label", "1 to 8", lambda d, a: _label(d, a) + 1)
wrong("position_label", "down means up", lambda d, a: _label(-d, a))
wrong("position_label", "across counted to the left", lambda d, a: _label(d, -a))
wrong("position_label", "clockwise round the centre", _clockwise)
wrong("position_label", "sides first, then corners", _sides_before_corners)
wrong("position_label", "the angle in eighths", _angle)
wrong("position_label", "without adding 1: 3 * down + across", lambda d, a: 3 * d + a)
wrong("position_label", "2 places a row", _bitwise_base_two)
wrong("position_label", "one-hot rows", lambda d, a: F.one_hot(_label(d, a), 8))
wrong("position_label", "row and column, not one number", lambda d, a: torch.stack([d, a], 1) + 1)
wrong("position_label", "floats, not labels", lambda d, a: _label(d, a).float())
wrong("position_label", "a column (B, 1)", lambda d, a: _label(d, a)[:, None])
wrong("position_label", "a bool subtracted", _bool_subtracted)
wrong("position_label", "if over a whole batch", _python_if)
wrong("position_label", "first pair only", _first_pair_only)
wrong("position_label", "+= on the arguments", _written_into_the_arguments)
wrong("position_label", "up and down not told apart", _rows_of_the_sign)
wrong("position_label", "whether above or below, no more", lambda d, a: (d > 0).long())
wrong("position_label", "counted modulo 8", lambda d, a: _place(d, a) % 8)
wrong("position_label", "prints instead of returning", _printed_label)


def _label_from_a_table(down, across):
    table = torch.tensor([[0, 1, 2], [3, -1, 4], [5, 6, 7]])
    return table[down + 1, across + 1]


def _label_negative_index(d, a):
    return torch.tensor([[-1, 4, 3], [6, 7, 5], [1, 2, 0]])[d.long(), a.long()]


def _label_loop(down, across):
    around = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
    pairs = zip(down.tolist(), across.tolist())
    return torch.tensor([around.index(pair) for pair in pairs])


def _label_where(down, across):
    place = 4 + 3 * down + across
    return torch.where(place > 4, place - 1, place)


def _label_floor(down, across):
    place = 3 * down + across + 4
    return place - (place // 5).clamp(max=1)


def _label_search(down, across):
    kept = torch.tensor([0, 1, 2, 3, 5, 6, 7, 8])
    return torch.searchsorted(kept, 3 * down + across + 4)


def _label_numpy(down, across):
    place = 3 * (down.numpy() + 1) + across.numpy() + 1
    place[place > 4] -= 1
    return torch.from_numpy(place)


def _label_comparison(down, across):
    around = torch.tensor([[r, c] for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c])
    return (torch.stack([down, across], 1)[:, None] == around).all(2).long().argmax(1)


def _label_float_on_the_way(down, across):
    place = 3.0 * (down + 1) + across + 1
    place = place - (place > 4.5).float()
    return place.round().long()


right("position_label", ">= 4: nobody is at the centre", _skipped_from_four)
right("position_label", "a 3 by 3 table", _label_from_a_table)
right("position_label", "list.index over all pairs", _label_loop)
right("position_label", "a table read with index -1", _label_negative_index)
right("position_label", "torch.where", _label_where)
right("position_label", "place // 5 clamped to 1", _label_floor)
right("position_label", "searchsorted of the eight places", _label_search)
right("position_label", "numpy and from_numpy", _label_numpy)
right("position_label", "compared with all eight, argmax", _label_comparison)
right("position_label", "floats on the way, long at the end", _label_float_on_the_way)


# put_back(tiles, permutation): tiles[place] is original[permutation[place]]


def _sorted_twice(tiles, permutation):
    return tiles[permutation.argsort().argsort()]


def _loop_the_other_way(tiles, permutation):
    back = torch.empty_like(tiles)
    for i in range(len(tiles)):
        back[i] = tiles[permutation[i]]
    return back


def _written_into_the_tiles(tiles, permutation):
    tiles[permutation] = tiles.clone()
    return tiles


def _overwritten_on_the_way(tiles, permutation):
    back = tiles.clone()
    for place, tile in enumerate(permutation.tolist()):
        back[tile] = back[place]
    return back


def _swapped_in_pairs(tiles, permutation):
    back = tiles.clone()
    for place, tile in enumerate(permutation.tolist()):
        back[[place, tile]] = back[[tile, place]]
    return back


def _by_content(tiles, permutation):
    return tiles[tiles.flatten(1).mean(1).argsort()]


def _flat_tiles(tiles, permutation):
    return tiles.flatten(1)[permutation.argsort()]


def _nine_tiles(tiles, permutation):
    back = torch.zeros(9, *tiles.shape[1:], dtype=tiles.dtype)
    back[permutation] = tiles
    return back


def _second_axis(tiles, permutation):
    return tiles[:, permutation.argsort()]


def _counted_from_one(tiles, permutation):
    back = torch.empty_like(tiles)
    back[permutation - 1] = tiles
    return back


def _last_left_out(tiles, permutation):
    back = torch.zeros_like(tiles)
    for place in range(len(tiles) - 1):
        back[permutation[place]] = tiles[place]
    return back


def _added_up(tiles, permutation):
    back = torch.ones_like(tiles)
    return back.index_add(0, permutation, tiles)


def _printed_back(tiles, permutation):
    print(tiles[permutation.argsort()])


def _returned_in_the_loop(tiles, permutation):
    back = torch.zeros_like(tiles)
    for place, tile in enumerate(permutation.tolist()):
        back[tile] = tiles[place]
        return back


wrong("put_back", "the stub: None", lambda tiles, permutation: None)
wrong("put_back", "shuffled once more: tiles[permutation]", lambda tiles, p: tiles[p])
wrong("put_back", "argsort twice: the same permutation", _sorted_twice)
wrong("put_back", "loop that reads at permutation[i]", _loop_the_other_way)
wrong("put_back", "unchanged", lambda tiles, permutation: tiles)
wrong("put_back", "sorted permutation: nothing moves", lambda tiles, p: tiles[p.sort().values])
wrong("put_back", "argsort downwards", lambda tiles, p: tiles[p.argsort(descending=True)])
wrong("put_back", "topk for argsort: largest first", lambda tiles, p: tiles[p.topk(len(p))[1]])
wrong("put_back", "turned round", lambda tiles, permutation: tiles.flip(0))
wrong("put_back", "permutation turned round", lambda tiles, p: tiles[p.flip(0)])
wrong("put_back", "shuffled twice", lambda tiles, p: tiles[p][p])
wrong("put_back", "inverse twice", lambda tiles, p: tiles[p.argsort()][p.argsort()])
wrong("put_back", "T - 1 - permutation", lambda tiles, p: tiles[len(p) - 1 - p])
wrong("put_back", "rolled until the first fits", lambda t, p: t.roll(int(p[0]), 0))
wrong("put_back", "minus the permutation as index", lambda tiles, p: tiles[-p])
wrong("put_back", "writes into the learner's tiles", _written_into_the_tiles)
wrong("put_back", "overwrites tiles that are needed later", _overwritten_on_the_way)
wrong("put_back", "swaps pairs in a row", _swapped_in_pairs)
wrong("put_back", "sorted by brightness", _by_content)
wrong("put_back", "pixels of a tile flattened", _flat_tiles)
wrong("put_back", "nine tiles always", _nine_tiles)
wrong("put_back", "second axis permuted", _second_axis)
wrong("put_back", "tiles counted from 1", _counted_from_one)
wrong("put_back", "last tile left out", _last_left_out)
wrong("put_back", "added to ones", _added_up)
wrong("put_back", "the inverse order alone", lambda tiles, p: p.argsort())
wrong(
    "put_back", "rows and columns of a tile swapped", lambda t, p: t[p.argsort()].transpose(-1, -2)
)
wrong("put_back", "whole numbers", lambda tiles, p: tiles[p.argsort()].long())
wrong("put_back", "return in the loop: one tile", _returned_in_the_loop)
wrong("put_back", "prints instead of returning", _printed_back)


def _back_by_index(tiles, permutation):
    original = torch.empty_like(tiles)
    original[permutation] = tiles
    return original


def _back_by_loop(tiles, permutation):
    original = torch.zeros_like(tiles)
    for place in range(len(permutation)):
        original[permutation[place].item()] = tiles[place]
    return original


def _back_by_list(tiles, permutation):
    order = permutation.tolist()
    return torch.stack([tiles[order.index(i)] for i in range(len(order))])


def _back_by_dictionary(t, p):
    where = {int(tile): place for place, tile in enumerate(p)}
    return torch.cat([t[where[i]].unsqueeze(0) for i in sorted(where)])


def _back_by_matrix(tiles, permutation):
    moves = F.one_hot(permutation, len(permutation)).to(tiles.dtype)  # (place, tile)
    return torch.einsum("pt,p...->t...", moves, tiles)


def _back_by_comparison(tiles, permutation):
    numbers = torch.arange(len(permutation))
    return tiles[(permutation == numbers[:, None]).nonzero()[:, 1]]


def _back_by_scatter(tiles, permutation):
    index = permutation.view(-1, *[1] * (tiles.dim() - 1)).expand_as(tiles)
    return torch.zeros_like(tiles).scatter(0, index, tiles)


def _back_by_numpy(tiles, permutation):
    return tiles[torch.as_tensor(np.argsort(permutation.numpy()))]


def _back_by_sort(tiles, permutation):
    _, places = torch.sort(permutation)
    return torch.index_select(tiles, 0, places)


right("put_back", "written into an empty tensor", _back_by_index)
right("put_back", "a loop over places", _back_by_loop)
right("put_back", "list.index and stack", _back_by_list)
right("put_back", "a dictionary tile to place, cat", _back_by_dictionary)
right("put_back", "a permutation matrix", _back_by_matrix)
right("put_back", "comparison and nonzero", _back_by_comparison)
right("put_back", "scatter", _back_by_scatter)
right("put_back", "np.argsort", _back_by_numpy)
right("put_back", "sort and index_select", _back_by_sort)
right("put_back", "index_copy", lambda t, p: torch.empty_like(t).index_copy(0, p, t))


# random_mask(n, grid, ratio, generator)


def _count(grid, ratio):
    size = grid[0] * grid[1]
    return size, min(max(round(ratio * size), 1), size - 1)


def _ranked(n, grid, hidden, generator):
    noise = torch.rand(n, grid[0] * grid[1], generator=generator)
    return (noise.argsort(1).argsort(1) < hidden).view(n, *grid)


def _mask(n, grid, ratio, generator):
    return _ranked(n, grid, _count(grid, ratio)[1], generator)


def _one_for_all(n, grid, ratio, generator):
    return _mask(1, grid, ratio, generator).expand(n, *grid)


def _one_repeated(n, grid, ratio, generator):
    return _mask(1, grid, ratio, generator).repeat(n, 1, 1)


def _coin(n, grid, ratio, generator):
    return torch.rand(n, *grid, generator=generator) < ratio


def _bernoulli(n, grid, ratio, generator):
    return torch.bernoulli(torch.full((n, *grid), ratio), generator=generator).bool()


def _visible_true(n, grid, ratio, generator):
    return ~_mask(n, grid, ratio, generator)


def _shown_instead_of_hidden(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    return _ranked(n, grid, size - hidden, generator)


def _no_limits(n, grid, ratio, generator):
    return _ranked(n, grid, round(ratio * grid[0] * grid[1]), generator)


def _none_allowed(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    return _ranked(n, grid, min(round(ratio * size), size - 1), generator)


def _all_allowed(n, grid, ratio, generator):
    return _ranked(n, grid, max(round(ratio * grid[0] * grid[1]), 1), generator)


def _limited_to_the_size(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    return _ranked(n, grid, min(max(round(ratio * size), 1), size), generator)


def _limits_swapped(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    return _ranked(n, grid, max(min(round(ratio * size), 1), size - 1), generator)


def _rounded_down(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    return _ranked(n, grid, min(max(int(ratio * size), 1), size - 1), generator)


def _rounded_up(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    return _ranked(n, grid, min(max(math.ceil(ratio * size), 1), size - 1), generator)


def _kept_rounded_down(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    kept = min(max(int(size * (1 - ratio)), 1), size - 1)
    return _ranked(n, grid, size - kept, generator)


def _half_rounded_up(n, grid, ratio, generator):
    size = grid[0] * grid[1]
    return _ranked(n, grid, min(max(int(ratio * size + 0.5), 1), size - 1), generator)


def _one_too_many(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    noise = torch.rand(n, size, generator=generator)
    return (noise.argsort(1).argsort(1) <= hidden).view(n, *grid)


def _square_grid(n, grid, ratio, generator):
    size, hidden = _count((grid[0], grid[0]), ratio)
    noise = torch.rand(n, size, generator=generator)
    return (noise.argsort(1).argsort(1) < hidden).view(n, grid[0], grid[0])


def _columns_first(n, grid, ratio, generator):
    return _mask(n, (grid[1], grid[0]), ratio, generator)


def _flat_mask(n, grid, ratio, generator):
    return _mask(n, grid, ratio, generator).flatten(1)


def _as_numbers(n, grid, ratio, generator):
    return _mask(n, grid, ratio, generator).long()


def _as_floats(n, grid, ratio, generator):
    return _mask(n, grid, ratio, generator).float()


def _as_numbers_of_places(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    return torch.rand(n, size, generator=generator).argsort(1)[:, :hidden]


def _without_generator(n, grid, ratio, generator):
    return _mask(n, grid, ratio, None)


def _randperm_without_generator(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    mask = torch.zeros(n, size, dtype=torch.bool)
    for row in mask:
        row[torch.randperm(size)[:hidden]] = True
    return mask.view(n, *grid)


def _own_generator(n, grid, ratio, generator):
    return _mask(n, grid, ratio, torch.Generator().manual_seed(0))


def _seed_set_inside(n, grid, ratio, generator):
    torch.manual_seed(0)
    return _mask(n, grid, ratio, None)


def _generator_started_again(n, grid, ratio, generator):
    return _mask(n, grid, ratio, generator.manual_seed(0))


def _generator_for_the_first_only(n, grid, ratio, generator):
    first = _mask(1, grid, ratio, generator)
    return torch.cat([first, _mask(n, grid, ratio, None)])[:n]


def _numpy_global(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    noise = torch.from_numpy(np.random.rand(n, size))
    return (noise.argsort(1).argsort(1) < hidden).view(n, *grid)


def _first_patches(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    return (torch.arange(size) < hidden).expand(n, size).view(n, *grid)


def _one_run(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    start = torch.randint(size, (n, 1), generator=generator)
    return ((torch.arange(size) - start) % size < hidden).view(n, *grid)


def _with_replacement(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    chosen = torch.randint(size, (n, hidden), generator=generator)
    return torch.zeros(n, size).scatter(1, chosen, 1).bool().view(n, *grid)


def _multinomial_with_replacement(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    chosen = torch.multinomial(torch.ones(n, size), hidden, True, generator=generator)
    return torch.zeros(n, size).scatter(1, chosen, 1).bool().view(n, *grid)


def _last_never(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    noise = torch.rand(n, size - 1, generator=generator)
    mask = noise.argsort(1).argsort(1) < hidden
    return torch.cat([mask, torch.zeros(n, 1, dtype=torch.bool)], 1).view(n, *grid)


def _ranked_over_images(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    noise = torch.rand(n, size, generator=generator)
    return (noise.argsort(0).argsort(0) < hidden).view(n, *grid)


def _counted_over_the_batch(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    order = torch.randperm(n * size, generator=generator)
    return (order < n * hidden).view(n, *grid)


def _all_masks_joined(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    mask = torch.zeros(n, size, dtype=torch.bool)
    for _ in range(n):
        mask[:, torch.randperm(size, generator=generator)[:hidden]] = True
    return mask.view(n, *grid)


def _below_the_quantile(n, grid, ratio, generator):
    noise = torch.rand(n, grid[0] * grid[1], generator=generator)
    return (noise <= noise.quantile(ratio, dim=1, keepdim=True)).view(n, *grid)


def _index_as_a_mask(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    order = torch.rand(n, size, generator=generator).argsort(1)
    mask = torch.zeros(n, size, dtype=torch.bool)
    mask[:, order[0, :hidden]] = True
    return mask.view(n, *grid)


def _rolled_from_the_first(n, grid, ratio, generator):
    mask = _mask(1, grid, ratio, generator)[0]
    return torch.stack([mask.roll(i, 1) for i in range(n)])


def _three_quarters_always(n, grid, ratio, generator):
    return _mask(n, grid, 0.75, generator)


def _printed_mask(n, grid, ratio, generator):
    print(_mask(n, grid, ratio, generator))


wrong("random_mask", "the stub: None", lambda n, grid, ratio, generator: None)
wrong("random_mask", "one mask for all images", _one_for_all)
wrong("random_mask", "one mask repeated", _one_repeated)
wrong("random_mask", "a coin for each patch", _coin)
wrong("random_mask", "bernoulli", _bernoulli)
wrong("random_mask", "True where a patch is visible", _visible_true)
wrong("random_mask", "as many shown as should be hidden", _shown_instead_of_hidden)
wrong("random_mask", "no limits: none and all happen", _no_limits)
wrong("random_mask", "none hidden at ratio 0", _none_allowed)
wrong("random_mask", "all hidden at ratio 1", _all_allowed)
wrong("random_mask", "limited to all patches, not one less", _limited_to_the_size)
wrong("random_mask", "min and max swapped", _limits_swapped)
wrong("random_mask", "int(): rounded down", _rounded_down)
wrong("random_mask", "rounded up", _rounded_up)
wrong("random_mask", "MAE's code: the kept ones rounded down", _kept_rounded_down)
wrong("random_mask", "int(x + 0.5): 4.5 becomes 5", _half_rounded_up)
wrong("random_mask", "<=: one too many", _one_too_many)
wrong("random_mask", "grid taken as a square", _square_grid)
wrong("random_mask", "(n, columns, rows)", _columns_first)
wrong("random_mask", "flat: (n, patches)", _flat_mask)
wrong("random_mask", "numbers 0 and 1", _as_numbers)
wrong("random_mask", "floats 0 and 1", _as_floats)
wrong("random_mask", "the numbers of the hidden patches", _as_numbers_of_places)
wrong("random_mask", "generator not used", _without_generator)
wrong("random_mask", "randperm without the generator", _randperm_without_generator)
wrong("random_mask", "a generator of its own, seed 0", _own_generator)
wrong("random_mask", "torch.manual_seed(0) inside", _seed_set_inside)
wrong("random_mask", "the generator started again each time", _generator_started_again)
wrong("random_mask", "generator for the first image only", _generator_for_the_first_only)
wrong("random_mask", "numpy's global random numbers", _numpy_global)
wrong("random_mask", "always the first patches", _first_patches)
wrong("random_mask", "one run of patches from a random start", _one_run)
wrong("random_mask", "randint: some patches drawn twice", _with_replacement)
wrong("random_mask", "multinomial with replacement", _multinomial_with_replacement)
wrong("random_mask", "last patch never hidden", _last_never)
wrong("random_mask", "ranked over the images", _ranked_over_images)
wrong("random_mask", "right number in the batch, not in each image", _counted_over_the_batch)
wrong("random_mask", "masks of all images joined", _all_masks_joined)
wrong("random_mask", "below the quantile", _below_the_quantile)
wrong("random_mask", "first image's places for all", _index_as_a_mask)
wrong("random_mask", "first image's mask rolled on", _rolled_from_the_first)
wrong("random_mask", "75 % whatever the ratio", _three_quarters_always)
wrong("random_mask", "prints instead of returning", _printed_mask)


def _mask_one_argsort(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    return (torch.rand(n, size, generator=generator).argsort(1) < hidden).reshape(n, *grid)


def _mask_randperm(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    mask = torch.zeros(n, size, dtype=torch.bool)
    for row in mask:
        row[torch.randperm(size, generator=generator)[:hidden]] = True
    return mask.view(n, *grid)


def _mask_randperm_below(n, shape, share, g):
    rows, columns = shape
    hidden = sorted([1, round(share * rows * columns), rows * columns - 1])[1]
    orders = [torch.randperm(rows * columns, generator=g) for _ in range(n)]
    return (torch.stack(orders) < hidden).reshape(n, rows, columns)


def _mask_topk(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    chosen = torch.rand(n, size, generator=generator).topk(hidden, dim=1).indices
    mask = torch.zeros(n, size, dtype=torch.bool)
    return mask.scatter(1, chosen, True).view(n, *grid)


def _mask_multinomial(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    chosen = torch.multinomial(torch.ones(n, size), hidden, generator=generator)
    mask = torch.zeros(n, size, dtype=torch.bool)
    mask[torch.arange(n)[:, None], chosen] = True
    return mask.unflatten(1, tuple(grid))


def _mask_threshold(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    noise = torch.rand(n, size, generator=generator, dtype=torch.float64)
    return (noise <= noise.kthvalue(hidden, dim=1, keepdim=True).values).view(n, *grid)


def _mask_as_in_mae(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    restore = torch.rand(n, size, generator=generator).argsort(1).argsort(1)
    mask = torch.ones(n, size)
    mask[:, : size - hidden] = 0
    return mask.gather(1, restore).bool().view(n, *grid)


def _mask_normal_noise(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    ranks = torch.randn(n, size, generator=generator).argsort(1, descending=True).argsort(1)
    return ranks.lt(hidden).view(n, grid[0], grid[1])


def _mask_drawn_until_enough(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    masks = []
    for _ in range(n):
        chosen = set()
        while len(chosen) < hidden:
            chosen.add(torch.randint(size, (), generator=generator).item())
        masks.append([place in chosen for place in range(size)])
    return torch.tensor(masks).view(n, *grid)


def _mask_fisher_yates(n, grid, ratio, generator):
    size, hidden = _count(grid, ratio)
    mask = torch.zeros(n, size, dtype=torch.bool)
    for row in mask:
        order = list(range(size))
        for i in range(hidden):
            j = int(torch.randint(i, size, (1,), generator=generator))
            order[i], order[j] = order[j], order[i]
        row[order[:hidden]] = True
    return mask.reshape(n, *grid)


right("random_mask", "one argsort, compared at once", _mask_one_argsort)
right("random_mask", "randperm in a loop", _mask_randperm)
right("random_mask", "randperm compared, other argument names", _mask_randperm_below)
right("random_mask", "topk and scatter", _mask_topk)
right("random_mask", "multinomial without replacement", _mask_multinomial)
right("random_mask", "float64 noise and kthvalue", _mask_threshold)
right("random_mask", "as in MAE's code, gather", _mask_as_in_mae)
right("random_mask", "normal noise, largest first", _mask_normal_noise)
right("random_mask", "drawn until enough are hidden", _mask_drawn_until_enough)
right("random_mask", "cards shuffled by hand", _mask_fisher_yates)


# masked_loss(prediction, patches, mask)


def _squares(prediction, patches):
    return (prediction - patches) ** 2


def _masked(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().mean()


def _zeros_counted(prediction, patches, mask):
    return (_squares(prediction, patches) * mask[..., None]).mean()


def _both_blanked(prediction, patches, mask):
    mask = mask.unsqueeze(-1)
    return F.mse_loss(prediction * mask, patches * mask)


def _summed_over_a_patch(prediction, patches, mask):
    return (_squares(prediction, patches).sum(-1) * mask).sum() / mask.sum()


def _mean_of_images(prediction, patches, mask):
    each = (_squares(prediction, patches).mean(2) * mask).sum(1) / mask.sum(1)
    return each.mean()


def _one_an_image(prediction, patches, mask):
    return (_squares(prediction, patches).mean(2) * mask).sum(1) / mask.sum(1)


def _only_the_prediction_blanked(prediction, patches, mask):
    errors = (prediction * mask[..., None] - patches) ** 2
    return errors.sum() / (mask.sum() * patches.shape[2])


def _divided_by_the_batch(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().sum() / len(prediction)


def _divided_by_all_patches(prediction, patches, mask):
    return (_squares(prediction, patches).mean(2) * mask).sum() / mask.numel()


def _divided_by_the_visible(prediction, patches, mask):
    return (_squares(prediction, patches).mean(2) * mask).sum() / (~mask).sum()


def _fixed_ratio(prediction, patches, mask):
    return (_squares(prediction, patches).mean(2) * mask).mean() / 0.75


def _length_of_the_error(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).norm(dim=-1).mean()


def _patches_normalised(prediction, patches, mask):
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    return _masked(prediction, (patches - mean) / (var + 1e-6).sqrt(), mask)


def _mask_as_numbers(prediction, patches, mask):
    mask = mask.long()
    return (prediction[mask] - patches[mask]).square().mean()


def _mask_without_axis(prediction, patches, mask):
    return (_squares(prediction, patches) * mask).sum() / mask.sum()


def _written_into_the_prediction(prediction, patches, mask):
    prediction[~mask] = patches[~mask]
    return _squares(prediction, patches).sum() / (mask.sum() * patches.shape[-1])


def _visible_copied_all_counted(prediction, patches, mask):
    filled = torch.where(mask[..., None], prediction, patches)
    return F.mse_loss(filled, patches)


def _without_gradient(prediction, patches, mask):
    return _masked(prediction.detach(), patches, mask)


def _numpy_loss(prediction, patches, mask):
    errors = prediction.detach().numpy()[mask] - patches.detach().numpy()[mask]
    return torch.tensor((errors**2).mean())


def _variance_of_the_error(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).var()


def _square_of_the_mean(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).mean().square()


def _hidden_and_visible(prediction, patches, mask):
    return _masked(prediction, patches, mask) + 0.1 * _masked(prediction, patches, ~mask)


def _first_image(prediction, patches, mask):
    return _masked(prediction[0], patches[0], mask[0])


def _mask_of_the_first(prediction, patches, mask):
    return _masked(prediction[:, mask[0]], patches[:, mask[0]], ...)


def _printed_masked(prediction, patches, mask):
    print(_masked(prediction, patches, mask))


wrong("masked_loss", "the stub: None", lambda prediction, patches, mask: None)
wrong("masked_loss", "all patches, mask not used", lambda p, x, mask: F.mse_loss(p, x))
wrong("masked_loss", "visible patches", lambda p, x, mask: _masked(p, x, ~mask))
wrong("masked_loss", "zeros of the visible counted in the mean", _zeros_counted)
wrong("masked_loss", "both blanked, mse_loss over everything", _both_blanked)
wrong("masked_loss", "visible copied, then mse_loss over everything", _visible_copied_all_counted)
wrong("masked_loss", "summed over a patch, mean over patches", _summed_over_a_patch)
wrong("masked_loss", "mean of the images' means", _mean_of_images)
wrong("masked_loss", "one loss an image", _one_an_image)
wrong("masked_loss", "prediction blanked, target not", _only_the_prediction_blanked)
wrong("masked_loss", "sum", lambda p, x, mask: (p[mask] - x[mask]).square().sum())
wrong("masked_loss", "sum divided by the batch", _divided_by_the_batch)
wrong("masked_loss", "divided by the number of all patches", _divided_by_all_patches)
wrong("masked_loss", "divided by the number of visible patches", _divided_by_the_visible)
wrong("masked_loss", "divided by 0.75 whatever the mask", _fixed_ratio)
wrong("masked_loss", "half the squared error", lambda p, x, mask: _masked(p, x, mask) / 2)
wrong("masked_loss", "root of the mean square", lambda p, x, mask: _masked(p, x, mask).sqrt())
wrong("masked_loss", "absolute error", lambda p, x, mask: F.l1_loss(p[mask], x[mask]))
wrong("masked_loss", "smooth L1", lambda p, x, mask: F.smooth_l1_loss(p[mask], x[mask]))
wrong("masked_loss", "no square", lambda p, x, mask: (p[mask] - x[mask]).mean())
wrong("masked_loss", "square of the mean error", _square_of_the_mean)
wrong("masked_loss", "variance of the error", _variance_of_the_error)
wrong("masked_loss", "mean length of the error", _length_of_the_error)
wrong("masked_loss", "target normalised a patch", _patches_normalised)
wrong("masked_loss", "mask as whole numbers: patches 0 and 1", _mask_as_numbers)
wrong("masked_loss", "mask without a last axis", _mask_without_axis)
wrong("masked_loss", "a tenth of the visible error added", _hidden_and_visible)
wrong("masked_loss", "first image only", _first_image)
wrong("masked_loss", "first image's mask for all", _mask_of_the_first)
wrong(
    "masked_loss",
    "mean over the numbers of a patch only",
    lambda p, x, m: _squares(p, x)[m].mean(1),
)
wrong("masked_loss", "no mean at all", lambda p, x, mask: _squares(p, x)[mask])
wrong("masked_loss", "sign turned", lambda p, x, mask: -_masked(p, x, mask))
wrong("masked_loss", "writes into the prediction", _written_into_the_prediction)
wrong("masked_loss", "prediction detached", _without_gradient)
wrong("masked_loss", "item(): no gradient", lambda p, x, mask: _masked(p, x, mask).item())
wrong("masked_loss", "numpy: no gradient", _numpy_loss)
wrong("masked_loss", "prints instead of returning", _printed_masked)


def _masked_weighted(prediction, patches, mask):
    weight = mask[:, :, None].to(prediction.dtype)
    errors = (prediction - patches).pow(2) * weight
    return errors.sum() / (weight.sum() * prediction.size(-1))


def _masked_per_patch(prediction, patches, mask):
    per_patch = ((prediction - patches) ** 2).mean(dim=-1)
    return (per_patch * mask).sum() / mask.sum()


def _masked_loop(guess, truth, hidden):
    errors = []
    for b in range(len(guess)):
        for i in range(guess.shape[1]):
            if hidden[b, i]:
                errors.append(((guess[b, i] - truth[b, i]) ** 2).mean())
    return sum(errors) / len(errors)


def _masked_select(prediction, patches, mask):
    wide = mask[..., None].expand_as(patches)
    return F.mse_loss(prediction.masked_select(wide), patches.masked_select(wide))


def _masked_ratio_of_means(prediction, patches, mask):
    weight = mask.double()
    return ((prediction - patches).double().square().mean(2) * weight).mean() / weight.mean()


def _masked_images_weighted(prediction, patches, mask):
    counts = mask.sum(1)
    images = [(p[m] - x[m]).square().mean() for p, x, m in zip(prediction, patches, mask)]
    return (torch.stack(images) * counts).sum() / counts.sum()


def _masked_flat(prediction, patches, mask):
    places = mask.flatten().nonzero().squeeze(1)
    error = (prediction - patches).flatten(0, 1)[places]
    return torch.einsum("kd,kd->", error, error) / error.numel()


def _masked_filled(prediction, patches, mask):
    filled = prediction.masked_fill(~mask[..., None], 0)
    truth = patches.masked_fill(~mask[..., None], 0)
    return F.mse_loss(filled, truth, reduction="sum") / mask.sum() / patches.shape[-1]


def _masked_epsilon(prediction, patches, mask):
    loss = (prediction - patches).square().mean(-1)
    return (loss * mask.float()).sum() / (mask.float().sum() + 1e-8)


right("masked_loss", "mse_loss of the hidden", lambda p, x, m: F.mse_loss(p[m], x[m]))
right("masked_loss", "weights, divided by patches times D", _masked_weighted)
right("masked_loss", "mean of each patch first", _masked_per_patch)
right("masked_loss", "loops, other argument names", _masked_loop)
right("masked_loss", "masked_select", _masked_select)
right("masked_loss", "float64, a ratio of two means", _masked_ratio_of_means)
right("masked_loss", "images' means weighted by their patches", _masked_images_weighted)
right("masked_loss", "flattened, nonzero, einsum", _masked_flat)
right("masked_loss", "masked_fill and a sum", _masked_filled)
right("masked_loss", "1e-8 in the denominator", _masked_epsilon)


# chance_levels: [1/4, 1/8, 1/24, 1/64]

wrong("chance_levels", "the stub", [0, 0, 0, 0])
wrong("chance_levels", "numbers of answers", [4, 8, 24, 64])
wrong("chance_levels", "in percent", [25, 12.5, 100 / 24, 100 / 64])
wrong("chance_levels", "nine places", [1 / 4, 1 / 9, 1 / 24, 1 / 64])
wrong("chance_levels", "four tiles, four answers", [1 / 4, 1 / 8, 1 / 4, 1 / 64])
wrong("chance_levels", "4 to the power 4", [1 / 4, 1 / 8, 1 / 256, 1 / 64])
wrong("chance_levels", "2 * 2 pairs of tiles", [1 / 4, 1 / 8, 1 / 16, 1 / 64])
wrong("chance_levels", "nine tiles, nine answers", [1 / 4, 1 / 8, 1 / 24, 1 / 9])
wrong("chance_levels", "all orders of nine", [1 / 4, 1 / 8, 1 / 24, 1 / math.factorial(9)])
wrong("chance_levels", "64 orders for each of 9 tiles", [1 / 4, 1 / 8, 1 / 24, 1 / (64 * 9)])
wrong("chance_levels", "three rotations besides 0", [1 / 3, 1 / 8, 1 / 24, 1 / 64])
wrong("chance_levels", "half everywhere", [0.5, 0.5, 0.5, 0.5])
wrong("chance_levels", "one minus chance", [3 / 4, 7 / 8, 23 / 24, 63 / 64])
wrong("chance_levels", "losses in nats", [math.log(k) for k in (4, 8, 24, 64)])
wrong("chance_levels", "order turned round", [1 / 64, 1 / 24, 1 / 8, 1 / 4])
wrong("chance_levels", "integer division", [1 // 4, 1 // 8, 1 // 24, 1 // 64])
wrong("chance_levels", "two of them rounded too far", [0.25, 0.125, 0.04, 0.02])
wrong("chance_levels", "last one forgotten", [1 / 4, 1 / 8, 1 / 24])
wrong("chance_levels", "one number", 1 / 4)
wrong("chance_levels", "text", ["1/4", "1/8", "1/24", "1/64"])
wrong("chance_levels", "nothing", None)

right("chance_levels", "a tuple of decimals", (0.25, 0.125, 0.0417, 0.0156))
right("chance_levels", "a tensor", 1 / torch.tensor([4, 8, 24, 64]))
right("chance_levels", "a numpy array", 1 / np.array([4, 8, math.factorial(4), 64]))
right("chance_levels", "fractions", [Fraction(1, k) for k in (4, 8, 24, 64)])
right(
    "chance_levels",
    "0-d tensors and numpy numbers",
    [torch.tensor(0.25), np.float32(0.125), 1 / 24, 2**-6],
)


# seen_patches: [49, 1 / 16]

wrong("seen_patches", "the stub", [0, 0])
wrong("seen_patches", "the hidden patches", [147, 1 / 16])
wrong("seen_patches", "both of the hidden", [147, 9 / 16])
wrong("seen_patches", "share of the patches, not squared", [49, 1 / 4])
wrong("seen_patches", "how many times fewer", [49, 16])
wrong("seen_patches", "the share that is saved", [49, 15 / 16])
wrong("seen_patches", "in percent", [49, 6.25])
wrong("seen_patches", "number of pairs", [49, 49**2])
wrong("seen_patches", "number of pairs of all", [49, 196**2])
wrong("seen_patches", "all patches", [196, 1])
wrong("seen_patches", "a quarter of one side", [3.5, 1 / 16])
wrong("seen_patches", "14 patches a side", [14, 1 / 4])
wrong("seen_patches", "pixels that are seen", [224 * 224 // 4, 1 / 16])
wrong("seen_patches", "class token counted", [50, (50 / 197) ** 2])
wrong("seen_patches", "a quarter of 16 patches", [4, 1 / 16])
wrong("seen_patches", "the other way round", [1 / 16, 49])
wrong("seen_patches", "0.75 squared", [49, 0.75**2])
wrong("seen_patches", "root for square", [49, 0.5])
wrong("seen_patches", "seen pairs with hidden ones too", [49, 7 / 16])
wrong("seen_patches", "one number", 49)
wrong("seen_patches", "nothing", None)

right("seen_patches", "typed", [49, 0.0625])
right("seen_patches", "a tuple", (49, 49 * 49 / (196 * 196)))
right("seen_patches", "a tensor", torch.tensor([49, 0.0625]))
right("seen_patches", "a float and a fraction", [49.0, Fraction(1, 16)])
right("seen_patches", "numpy", np.array([0.25 * (224 / 16) ** 2, 0.25**2]))


# shortcuts: a remedy for each

LINES = "lines and edges go on from patch to patch"
DISTANCE = "a long line crosses the gap and goes on just where it should"
LENS = "a lens shifts red against green towards the corners"
SKY = "the sky is brighter than the ground"
CHOSEN = {LINES: "gap", DISTANCE: "jitter", LENS: "drop colours", SKY: "normalise each patch"}

wrong("shortcuts", "the stub", dict.fromkeys(CHOSEN, ""))
wrong("shortcuts", "gap and jitter swapped", CHOSEN | {LINES: "jitter", DISTANCE: "gap"})
wrong(
    "shortcuts",
    "colours and brightness swapped",
    CHOSEN | {LENS: "normalise each patch", SKY: "drop colours"},
)
wrong("shortcuts", "colours dropped for the lines", CHOSEN | {LINES: "drop colours", LENS: "gap"})
wrong(
    "shortcuts",
    "lines closed by normalising",
    CHOSEN | {LINES: "normalise each patch", SKY: "gap"},
)
wrong("shortcuts", "gap twice", CHOSEN | {DISTANCE: "gap"})
wrong("shortcuts", "gap for everything", dict.fromkeys(CHOSEN, "gap"))
wrong("shortcuts", "jitter against the lens", CHOSEN | {LENS: "jitter", DISTANCE: "drop colours"})
wrong("shortcuts", "each moved by one", dict(zip(CHOSEN, [*list(CHOSEN.values())[1:], "gap"])))
wrong("shortcuts", "one left empty", CHOSEN | {SKY: ""})
wrong("shortcuts", "one missing", {LINES: "gap", DISTANCE: "jitter", LENS: "drop colours"})
wrong("shortcuts", "a word of their own", CHOSEN | {LENS: "grey images"})
wrong("shortcuts", "all remedies for each", {k: list(CHOSEN.values()) for k in CHOSEN})
wrong("shortcuts", "remedy to shortcut", {remedy: k for k, remedy in CHOSEN.items()})
wrong("shortcuts", "None for one", CHOSEN | {DISTANCE: None})
wrong("shortcuts", "nothing", None)

right("shortcuts", "dict of pairs", dict(zip(CHOSEN, CHOSEN.values())))
right("shortcuts", "keys in another order", dict(reversed(list(CHOSEN.items()))))
right("shortcuts", "an OrderedDict", OrderedDict(CHOSEN))


# random_mask: few masks, equal keys


def _ranks_below(n, grid, ratio, generator):
    rows, columns = grid
    hidden = min(max(round(ratio * rows * columns), 1), rows * columns - 1)
    order = torch.rand(n, rows * columns, generator=generator).argsort(1)
    return (order.argsort(1) < hidden).view(n, rows, columns)


def _one_mask_rolled(n, grid, ratio, generator):
    mask = _ranks_below(1, grid, ratio, generator).flatten()
    return torch.stack([mask.roll(i) for i in range(n)]).view(n, *grid)


def _two_masks_in_turn(n, grid, ratio, generator):
    return _ranks_below(2, grid, ratio, generator).repeat(-(-n // 2), 1, 1)[:n]


def _equal_keys(n, grid, ratio, generator):
    rows, columns = grid
    hidden = min(max(round(ratio * rows * columns), 1), rows * columns - 1)
    keys = torch.randint(100, (n, rows * columns), generator=generator)
    return (keys <= keys.kthvalue(hidden, 1, keepdim=True).values).view(n, *grid)


def _by_the_kth_of_doubles(n, grid, ratio, generator):
    rows, columns = grid
    hidden = min(max(round(ratio * rows * columns), 1), rows * columns - 1)
    keys = torch.rand(n, rows * columns, generator=generator, dtype=torch.float64)
    return (keys <= keys.kthvalue(hidden, 1, keepdim=True).values).view(n, *grid)


def _by_seeding_torch(n, grid, ratio, generator):
    torch.manual_seed(torch.randint(10**6, (), generator=generator).item())
    return _ranks_below(n, grid, ratio, None)


wrong("random_mask", "torch seeded by the generator", _by_seeding_torch)
wrong("random_mask", "one mask, rolled", _one_mask_rolled)
wrong("random_mask", "two masks in turn", _two_masks_in_turn)
wrong("random_mask", "keys of 100 numbers", _equal_keys)
right("random_mask", "keys up to the k-th, doubles", _by_the_kth_of_doubles)


# put_back and seen_patches


def _of_four(make):
    def answer(tiles, permutation):
        original = make(tiles)
        for i in range(4):
            original[permutation[i]] = tiles[i]
        return original

    return answer


wrong("put_back", "four tiles written in, a copy", _of_four(torch.clone))
wrong("put_back", "four tiles written in, zeros", _of_four(torch.zeros_like))
right("put_back", "index_copy", lambda t, p: torch.zeros_like(t).index_copy(0, p, t))

right("seen_patches", "three decimals, up", [49, 0.063])
right("seen_patches", "three decimals, to the even", [49, 0.062])
wrong("seen_patches", "two decimals", [49, 0.06])
wrong("seen_patches", "pairs of different patches", [49, 49 * 48 / (196 * 195)])
