"""Answers to chapter 07 as students write them, made before the checks were read."""

import math

import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("07")
wrong, right = answers.wrong, answers.right


def _make_chance_levels_fractions():
    from fractions import Fraction

    my_chance_levels = [Fraction(1, n) for n in (4, 8, math.factorial(4), 64)]
    return my_chance_levels


def _make_chance_levels_numpy():
    import numpy as np

    my_chance_levels = 1 / np.array([4, 8, 24, 64])
    return my_chance_levels


def _masked_loss_msel(prediction, patches, mask):
    return F.mse_loss(prediction[mask], patches[mask])


def _masked_loss_loops(prediction, patches, mask):
    total, count = 0.0, 0
    for b in range(len(mask)):
        for i in range(mask.shape[1]):
            if mask[b, i]:
                for a, c in zip(prediction[b, i], patches[b, i]):
                    total = total + (a - c) ** 2
                    count += 1
    return total / count


def _masked_loss_weighted(prediction, patches, mask):
    m = mask.double()[..., None].expand_as(patches)
    return (m * (prediction - patches) ** 2).sum() / m.sum()


def _masked_loss_einsum(prediction, patches, mask):
    e = prediction - patches
    m = mask.to(e.dtype)
    return torch.einsum("bnd,bnd,bn->", e, e, m) / (m.sum() * e.shape[-1])


def _make_masked_loss_where():
    class Loss:
        def __call__(self, prediction, patches, mask):
            e = torch.where(mask[:, :, None], prediction - patches, torch.nan)
            return torch.nanmean(e.pow(2))

    my_masked_loss = Loss()
    return my_masked_loss


def _masked_loss_select(prediction, patches, mask):
    return torch.masked_select((prediction - patches).square(), mask.unsqueeze(-1)).mean()


def _position_label_table(down, across):
    table = torch.tensor([[0, 1, 2], [3, -1, 4], [5, 6, 7]])
    return table[down + 1, across + 1]


def _position_label_loop(down, across):
    around = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
    return torch.tensor([around.index((int(d), int(a))) for d, a in zip(down, across)])


def _position_label_symm(down, across):
    s = 3 * down + across
    return torch.div(2 * s + 8 - s.sign(), 2, rounding_mode="floor")


def _position_label_match(down, across):
    places = torch.tensor([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c])
    return (places[None] == torch.stack([down, across], 1)[:, None]).all(2).int().argmax(1)


def _position_label_numpy(down, across):
    import numpy as np

    t = np.array([[0, 1, 2], [3, 9, 4], [5, 6, 7]])
    return torch.from_numpy(t[down.numpy() + 1, across.numpy() + 1])


def _put_back_neg(tiles, permutation):
    return tiles[-permutation]


def _put_back_scatter(tiles, permutation):
    out = torch.empty_like(tiles)
    out[permutation] = tiles
    return out


def _put_back_indexlist(tiles, permutation):
    p = permutation.tolist()
    return torch.stack([tiles[p.index(i)] for i in range(len(p))])


def _put_back_matrix(tiles, permutation):
    m = F.one_hot(permutation, len(permutation)).to(tiles.dtype)
    return torch.einsum("ij,i...->j...", m, tiles)


def _put_back_sortedzip(tiles, permutation):
    pairs = sorted(zip(permutation.tolist(), range(len(tiles))))
    return tiles.index_select(0, torch.tensor([i for _, i in pairs]))


def _put_back_numpy(tiles, permutation):
    import numpy as np

    return torch.from_numpy(tiles.numpy()[np.argsort(permutation.numpy())])


def _random_mask_quantile(n, grid, ratio, generator):
    r = torch.rand(n, grid[0] * grid[1], generator=generator)
    return (r < r.quantile(ratio, dim=1, keepdim=True)).reshape(n, *grid)


def _random_mask_perm(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = min(max(round(ratio * total), 1), total - 1)
    mask = torch.zeros(n, total, dtype=torch.bool)
    for row in mask:
        row[torch.randperm(total, generator=generator)[:k]] = True
    return mask.view(n, *grid)


def _random_mask_topk(n, grid, ratio, generator):
    rows, columns = grid
    k = max(1, min(rows * columns - 1, round(ratio * rows * columns)))
    noise = torch.randn(n, rows * columns, generator=generator, dtype=torch.float64)
    return (
        torch.zeros(n, rows * columns, dtype=torch.bool)
        .scatter_(1, noise.topk(k).indices, True)
        .unflatten(1, (rows, columns))
    )


def _random_mask_multinomial(n, grid, ratio, generator):
    total = math.prod(grid)
    k = sorted([1, round(ratio * total), total - 1])[1]
    where = torch.multinomial(torch.ones(n, total), k, generator=generator)
    return F.one_hot(where, total).sum(1).bool().reshape(n, *grid)


def _random_mask_kth(n, grid, ratio, generator):
    total = math.prod(grid)
    k = sorted([1, round(ratio * total), total - 1])[1]
    r = torch.rand(n, total, generator=generator, dtype=torch.float64)
    return (r <= r.kthvalue(k, dim=1, keepdim=True).values).reshape(n, *grid)


def _make_random_mask_pyrandom():
    import random

    def my_random_mask(n, grid, ratio, generator):
        seed = int(torch.randint(2**31, (1,), generator=generator))
        rng = random.Random(seed)
        total = grid[0] * grid[1]
        k = min(max(round(ratio * total), 1), total - 1)
        out = []
        for _ in range(n):
            chosen = set(rng.sample(range(total), k))
            out.append([i in chosen for i in range(total)])
        return torch.tensor(out).reshape(n, *grid)

    return my_random_mask


def _make_seen_patches_frac():
    from fractions import Fraction

    my_seen_patches = [Fraction(196, 4), Fraction(1, 4) ** 2]
    return my_seen_patches


def _make_shortcuts_plain():
    my_shortcuts = {
        "lines and edges go on from patch to patch": "gap",
        "a long line crosses the gap and goes on just where it should": "jitter",
        "a lens shifts red against green towards the corners": "drop colours",
        "the sky is brighter than the ground": "normalise each patch",
    }
    return my_shortcuts


def _make_shortcuts_zip():
    from collections import OrderedDict

    names = [
        "the sky is brighter than the ground",
        "a lens shifts red against green towards the corners",
        "a long line crosses the gap and goes on just where it should",
        "lines and edges go on from patch to patch",
    ]
    my_shortcuts = OrderedDict(
        zip(names, ["normalise each patch", "drop colours", "jitter", "gap"])
    )
    return my_shortcuts


def _make_shortcuts_spaces():
    my_shortcuts = {
        "lines and edges go on from patch to patch": "gap ",
        "a long line crosses the gap and goes on just where it should": "jitter",
        "a lens shifts red against green towards the corners": "drop colours",
        "the sky is brighter than the ground": "normalise each patch",
    }
    return my_shortcuts


def _masked_loss_more_const75(prediction, patches, mask):
    return ((prediction - patches).square() * mask[..., None]).mean() / 0.75


def _masked_loss_more_firstcount(prediction, patches, mask):
    e = ((prediction - patches).square() * mask[..., None]).sum()
    return e / (len(mask) * mask[0].sum() * patches.shape[2])


def _masked_loss_more_d5(prediction, patches, mask):
    return ((prediction - patches).square() * mask[..., None]).sum() / (mask.sum() * 5)


def _masked_loss_more_detachpred_part(prediction, patches, mask):
    p = prediction.detach().clone().requires_grad_()
    return F.mse_loss(p[mask], patches[mask])


def _masked_loss_more_smoothl1(prediction, patches, mask):
    return F.smooth_l1_loss(prediction[mask], patches[mask])


def _masked_loss_more_variance(prediction, patches, mask):
    return (prediction - patches)[mask].var()


def _masked_loss_more_nanmean(prediction, patches, mask):
    return (prediction - patches)[mask].norm(dim=1).mean()


def _masked_loss_more_plusvisible(prediction, patches, mask):
    e = (prediction - patches).square().mean(2)
    return e[mask].mean() + 0.1 * e[~mask].mean()


def _masked_loss_more_median(prediction, patches, mask):
    return (prediction - patches)[mask].square().median()


def _masked_loss_more_detachpatches(prediction, patches, mask):
    return F.mse_loss(prediction[mask], patches[mask].detach())


def _make_masked_loss_more_partial():
    from functools import partial

    def f(weight, prediction, patches, mask):
        return (
            weight
            * torch.linalg.vector_norm((prediction - patches)[mask]) ** 2
            / patches[mask].numel()
        )

    my_masked_loss = partial(f, 1.0)
    return my_masked_loss


def _position_label_more_downgt0(down, across):
    return 3 * (down + 1) + across + 1 - (down > 0).long()


def _position_label_more_either(down, across):
    return 3 * (down + 1) + across + 1 - ((down > 0) | (across > 0)).long()


def _position_label_more_gen(down, across):
    for d, a in zip(down.tolist(), across.tolist()):
        i = 3 * d + a + 4
        yield i - (i > 4)


def _position_label_more_bool(down, across):
    return 3 * down + across + 4 - (3 * down + across > 0).int()


def _put_back_more_thrice(tiles, permutation):
    return tiles[permutation][permutation][permutation]


def _put_back_more_twice2(tiles, permutation):
    return tiles[permutation][permutation]


def _put_back_more_plus(tiles, permutation):
    return tiles[permutation.argsort() - 1]


def _put_back_more_unstack(tiles, permutation):
    return torch.cat([tiles[i] for i in permutation.argsort()])


def _put_back_more_gather(tiles, permutation):
    inverse = torch.empty_like(permutation)
    inverse[permutation] = torch.arange(len(permutation))
    return tiles[inverse]


def _random_mask_more_clampratio(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = round(min(max(ratio, 0.1), 0.9) * total)
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_more_max2(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = min(max(round(ratio * total), 2), total - 2)
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_more_doubleargsort(n, grid, ratio, generator):
    rows, columns = grid
    k = int(
        torch.tensor(ratio * rows * columns, dtype=torch.float64)
        .round()
        .clamp(1, rows * columns - 1)
    )
    return (
        torch.rand(n, rows * columns, generator=generator)
        .argsort(1)
        .argsort(1)
        .lt(k)
        .view(n, rows, columns)
    )


def _random_mask_later_ends(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = round(ratio * total)
    if ratio == 0:
        k = 1
    if ratio == 1:
        k = total - 1
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_later_clampeps(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = round(min(max(ratio, 0.1), 0.9) * total)
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_later_or1(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = round(ratio * total) or 1
    if ratio >= 1:
        k -= 1
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_later_max2b(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = min(max(round(ratio * total), 2), total - 1)
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_later_two_visible(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = min(max(round(ratio * total), 1), total - 2)
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_later_visround(n, grid, ratio, generator):
    total = grid[0] * grid[1]
    k = total - min(max(round((1 - ratio) * total), 1), total - 1)
    return (torch.rand(n, total, generator=generator).argsort(1) < k).reshape(n, *grid)


def _random_mask_later_side(n, grid, ratio, generator):
    rows, columns = grid
    k = min(max(round(ratio * columns) * rows, 1), rows * columns - 1)
    return (torch.rand(n, rows * columns, generator=generator).argsort(1) < k).reshape(n, *grid)


wrong("chance_levels", "// cuts off", [1 // 4, 1 // 8, 1 // 24, 1 // 64])
wrong("chance_levels", "a function", lambda: [1 / 4, 1 / 8, 1 / 24, 1 / 64])
right("chance_levels", "tuple", (1 / 4, 1 / 8, 1 / 24, 1 / 64))
right("chance_levels", "rounded", [0.25, 0.125, 0.0417, 0.0156])
right("chance_levels", "tensor", 1 / torch.tensor([4, 8, 24, 64]))
right("chance_levels", "fractions", _make_chance_levels_fractions())
right("chance_levels", "numpy", _make_chance_levels_numpy())
right("chance_levels", "three-digits", [0.25, 0.125, 0.042, 0.016])
right("masked_loss", "msel", _masked_loss_msel)
right("masked_loss", "loops", _masked_loss_loops)
right("masked_loss", "weighted", _masked_loss_weighted)
right("masked_loss", "einsum", _masked_loss_einsum)
right("masked_loss", "where", _make_masked_loss_where())
right("masked_loss", "select", _masked_loss_select)
right("position_label", "table", _position_label_table)
right("position_label", "loop", _position_label_loop)
right("position_label", "symm", _position_label_symm)
right("position_label", "match", _position_label_match)
right("position_label", "numpy", _position_label_numpy)
wrong("put_back", "negative of permutation", _put_back_neg)
right("put_back", "scatter", _put_back_scatter)
right("put_back", "indexlist", _put_back_indexlist)
right("put_back", "matrix", _put_back_matrix)
right("put_back", "sortedzip", _put_back_sortedzip)
right("put_back", "numpy", _put_back_numpy)
wrong("random_mask", "threshold by quantile", _random_mask_quantile)
right("random_mask", "perm", _random_mask_perm)
right("random_mask", "topk", _random_mask_topk)
right("random_mask", "multinomial", _random_mask_multinomial)
right("random_mask", "kth", _random_mask_kth)
right("random_mask", "pyrandom", _make_random_mask_pyrandom())
wrong("seen_patches", "0 by floor", [49, 49**2 // 196**2])
right("seen_patches", "tuple", (49, 0.0625))
right("seen_patches", "floats", [(224 / 16) ** 2 * 0.25, (49 / 196) ** 2])
right("seen_patches", "tensor", torch.tensor([49, 1 / 16]))
right("seen_patches", "rounded", [49, 0.0625])
right("seen_patches", "frac", _make_seen_patches_frac())
right("seen_patches", "round3", [49, 0.063])
right("shortcuts", "plain", _make_shortcuts_plain())
right("shortcuts", "zip", _make_shortcuts_zip())
right("shortcuts", "spaces", _make_shortcuts_spaces())
wrong("masked_loss", "all mean / 0.75", _masked_loss_more_const75)
wrong("masked_loss", "number hidden of the first image times B", _masked_loss_more_firstcount)
wrong("masked_loss", "D as a constant", _masked_loss_more_d5)
wrong("masked_loss", "both detached then requires_grad", _masked_loss_more_detachpred_part)
wrong("masked_loss", "smooth L1", _masked_loss_more_smoothl1)
wrong("masked_loss", "takes the variance of the error", _masked_loss_more_variance)
wrong("masked_loss", "sqrt per patch", _masked_loss_more_nanmean)
wrong("masked_loss", "hidden + small weight on visible", _masked_loss_more_plusvisible)
wrong("masked_loss", "median", _masked_loss_more_median)
right("masked_loss", "detachpatches", _masked_loss_more_detachpatches)
right("masked_loss", "partial", _make_masked_loss_more_partial())
wrong("position_label", "subtracts one only in the row below", _position_label_more_downgt0)
wrong("position_label", "subtracts where down > 0 or across > 0", _position_label_more_either)
wrong("position_label", "a generator", _position_label_more_gen)
right("position_label", "bool", _position_label_more_bool)
wrong("put_back", "applied three times", _put_back_more_thrice)
wrong("put_back", "applied twice", _put_back_more_twice2)
wrong("put_back", "shifted by one", _put_back_more_plus)
wrong("put_back", "torch.cat not stack", _put_back_more_unstack)
right("put_back", "gather", _put_back_more_gather)
wrong("random_mask", "clamps the ratio, not the number", _random_mask_more_clampratio)
wrong("random_mask", "at least two", _random_mask_more_max2)
right("random_mask", "doubleargsort", _random_mask_more_doubleargsort)
wrong("random_mask", "only ratio == 0 and ratio == 1 are treated", _random_mask_later_ends)
wrong("random_mask", "clamps the ratio to 0.1 .. 0.9", _random_mask_later_clampeps)
wrong("random_mask", "round(...) or 1, and all but one only at ratio 1", _random_mask_later_or1)
wrong("random_mask", "at least two", _random_mask_later_max2b)
wrong("random_mask", "at least two visible", _random_mask_later_two_visible)
wrong("random_mask", "rounds the visible (half the other way)", _random_mask_later_visround)
wrong("random_mask", "round per row, times rows", _random_mask_later_side)
