"""Answers to chapter 04 as students write them, made before the checks were read."""

import math
from functools import reduce

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

from tests.support.answers import Answers

answers = Answers("04")


# recall(found, exact): the share of the true neighbours that is among the found ones


def _hits(found, exact):
    return (exact[:, :, None] == found[:, None]).any(dim=2)


def _precision(found, exact):
    return _hits(found, exact).double().sum() / (found >= 0).sum()


def _jaccard(found, exact):
    shares = []
    for f, t in zip(found.tolist(), exact.tolist()):
        shares.append(len(set(f) & set(t)) / len(set(f) | set(t)))
    return sum(shares) / len(shares)


def _whole_batch_set(found, exact):
    both = set(found.flatten().tolist()) & set(exact.flatten().tolist())
    return len(both) / len(set(exact.flatten().tolist()))


def _nothing_is_vector_zero(found, exact):
    return _hits(found.clamp(min=0), exact).double().mean()


def _table_wraps_around(found, exact):
    size = max(found.max(), exact.max()) + 1
    table = torch.zeros(len(found), size, dtype=torch.bool)
    table[torch.arange(len(found))[:, None], found] = True  # -1 is the last column
    return table.gather(1, exact).double().mean()


def _answered_queries_only(found, exact):
    answered = (found >= 0).all(dim=1)
    return _hits(found[answered], exact[answered]).double().mean()


def _precision_of_each_query(found, exact):
    shares = []
    for f, t in zip(found.tolist(), exact.tolist()):
        real = {i for i in f if i != -1}
        shares.append(len(real & set(t)) / max(1, len(real)))
    return sum(shares) / len(shares)


def _first_query_only(found, exact):
    for f, t in zip(found.tolist(), exact.tolist()):
        return len(set(f) & set(t)) / len(t)


def _integer_division(found, exact):
    return _hits(found, exact).sum() // exact.numel()


def _sorted_places(found, exact):
    return (found.sort(dim=1).values == exact.sort(dim=1).values).double().mean()


def _forgot_return_recall(found, exact):
    _hits(found, exact).double().mean()


def _printed_recall(found, exact):
    print(_hits(found, exact).double().mean())


wrong = answers.wrong
wrong("recall", "compares place by place", lambda found, exact: (found == exact).double().mean())
wrong("recall", "compares place by place after sorting", _sorted_places)
wrong("recall", "precision: divides by what was found", _precision)
wrong("recall", "mean over queries of each one's precision", _precision_of_each_query)
wrong("recall", "intersection over union", _jaccard)
wrong("recall", "one set for the whole batch", _whole_batch_set)
wrong(
    "recall",
    "isin looks into the other queries' rows too",
    lambda found, exact: torch.isin(exact, found).double().mean(),
)
wrong(
    "recall",
    "share of queries with at least one hit",
    lambda found, exact: _hits(found, exact).any(dim=1).double().mean(),
)
wrong(
    "recall",
    "share of queries with all hits",
    lambda found, exact: _hits(found, exact).all(dim=1).double().mean(),
)
wrong(
    "recall",
    "all instead of any",
    lambda found, exact: (exact[:, :, None] == found[:, None]).all(dim=2).double().mean(),
)
wrong(
    "recall",
    "mean of all k by k comparisons, no any",
    lambda found, exact: (exact[:, :, None] == found[:, None]).double().mean(),
)
wrong(
    "recall",
    "isin over all queries",
    lambda found, exact: torch.isin(found, exact).double().mean(),
)
wrong("recall", "one number a query", lambda found, exact: _hits(found, exact).double().mean(1))
wrong("recall", "a count of hits, no share", lambda found, exact: _hits(found, exact).sum())
wrong(
    "recall",
    "divides by the queries only",
    lambda found, exact: _hits(found, exact).sum() / len(exact),
)
wrong(
    "recall",
    "divides by k only",
    lambda found, exact: _hits(found, exact).sum() / exact.shape[1],
)
wrong(
    "recall",
    "k is always 10",
    lambda found, exact: _hits(found, exact).sum() / (10 * len(exact)),
)
wrong(
    "recall",
    "recall at 1: is the nearest among the found",
    lambda found, exact: (found == exact[:, :1]).any(dim=1).double().mean(),
)
wrong(
    "recall",
    "is the first found among the true ones",
    lambda found, exact: (exact == found[:, :1]).any(dim=1).double().mean(),
)
wrong("recall", "percent", lambda found, exact: 100 * _hits(found, exact).double().mean())
wrong("recall", "what was missed", lambda found, exact: 1 - _hits(found, exact).double().mean())
wrong("recall", "integer division gives 0", _integer_division)
wrong("recall", "nothing found counts as vector 0", _nothing_is_vector_zero)
wrong("recall", "minus one wraps to the last vector", _table_wraps_around)
wrong("recall", "leaves out queries with a missing neighbour", _answered_queries_only)
wrong(
    "recall",
    "rounded to one decimal",
    lambda found, exact: round(_hits(found, exact).double().mean().item(), 1),
)
wrong("recall", "return in the loop: first query only", _first_query_only)
wrong("recall", "forgot return", _forgot_return_recall)
wrong("recall", "prints instead of returning", _printed_recall)
wrong(
    "recall",
    "compares with the found of the next query",
    lambda found, exact: _hits(found.roll(1, 0), exact).double().mean(),
)


def _recall_sets(found, exact):
    pairs = zip(found.tolist(), exact.tolist())
    return sum(len(set(f) & set(t)) for f, t in pairs) / exact.numel()


def _recall_numpy(found, exact):
    found, exact = found.numpy(), exact.numpy()
    return np.mean([np.isin(e, f).mean() for f, e in zip(found, exact)])


def _recall_intersect(a, b):
    return np.mean([len(np.intersect1d(x, y)) / len(y) for x, y in zip(a.numpy(), b.numpy())])


def _recall_table(found, exact):
    size = max(found.max(), exact.max()) + 2  # one more column, for nothing found
    table = torch.zeros(len(found), size, dtype=torch.bool)
    table[torch.arange(len(found))[:, None], found] = True
    return table.gather(1, exact).double().mean()


def _recall_four_loops(found, exact):
    hits = 0
    for q in range(exact.shape[0]):
        for true in exact[q]:
            for candidate in found[q]:
                if candidate == true:
                    hits += 1
                    break
    return hits / (exact.shape[0] * exact.shape[1])


right = answers.right
right("recall", "sets and a Python float", _recall_sets)
right("recall", "numpy isin query by query, an np.float64", _recall_numpy)
right("recall", "intersect1d, other argument names", _recall_intersect)
right("recall", "a table of what was found", _recall_table)
right("recall", "four plain loops", _recall_four_loops)
right(
    "recall",
    "asks the found ones, float32",
    lambda found, exact: (exact[:, :, None] == found[:, None]).any(dim=1).float().mean(),
)
right(
    "recall",
    "mean over queries of their recalls",
    lambda found, exact: (_hits(found, exact).sum(dim=1) / exact.shape[1]).mean().item(),
)


# hash_codes(vectors, planes): bit j, worth 2 ** j, is 1 where the product with plane j is positive


def _bits(vectors, planes):
    return (vectors @ planes.T > 0).long()


def _worth(planes):
    return 2 ** torch.arange(len(planes))


def _packed_from_the_front(vectors, planes):
    packed = np.packbits((vectors @ planes.T > 0).numpy(), axis=1)
    return torch.as_tensor(packed[:, 0].astype(np.int64))


def _shifted_bytes(vectors, planes):
    bits = (vectors @ planes.T > 0).byte()
    return (bits << torch.arange(len(planes), dtype=torch.uint8)).sum(1)


def _mean_as_border(vectors, planes):
    products = vectors @ planes.T
    return ((products > products.mean(0)).long() * _worth(planes)).sum(1)


def _median_as_border(vectors, planes):
    products = vectors @ planes.T
    return ((products > products.median()).long() * _worth(planes)).sum(1)


def _worths_of_dimensions(vectors, planes):
    return (_bits(vectors, planes) * 2 ** torch.arange(vectors.shape[1])).sum(1)


def _binary_strings(vectors, planes):
    return ["".join(map(str, row)) for row in _bits(vectors, planes).tolist()]


def _printed_codes(vectors, planes):
    print((_bits(vectors, planes) * _worth(planes)).sum(1))


def _summed_signs(vectors, planes):
    return ((vectors @ planes.T).sign().long() * _worth(planes)).sum(1)


def _rounded_products(vectors, planes):
    return ((vectors @ planes.T).round().long().clamp(0, 1) * _worth(planes)).sum(1)


def _twos_complement(vectors, planes):
    bits, worth = _bits(vectors, planes), _worth(planes)
    worth[-1] = -worth[-1]
    return (bits * worth).sum(1)


wrong(
    "hash_codes",
    "the first plane is worth most",
    lambda vectors, planes: (_bits(vectors, planes) * _worth(planes).flip(0)).sum(1),
)
wrong(
    "hash_codes",
    "worth begins at 2 instead of 1",
    lambda vectors, planes: (_bits(vectors, planes) * 2 * _worth(planes)).sum(1),
)
wrong(
    "hash_codes",
    "caret is exclusive or, no power",
    lambda vectors, planes: (_bits(vectors, planes) * (2 ^ torch.arange(len(planes)))).sum(1),
)
wrong(
    "hash_codes",
    "worth 2 j",
    lambda vectors, planes: (_bits(vectors, planes) * 2 * torch.arange(len(planes))).sum(1),
)
wrong(
    "hash_codes",
    "worth j squared",
    lambda vectors, planes: (_bits(vectors, planes) * torch.arange(len(planes)) ** 2).sum(1),
)
wrong(
    "hash_codes",
    "number of positive products, no worths",
    lambda vectors, planes: _bits(vectors, planes).sum(1),
)
wrong(
    "hash_codes",
    "zero counts as positive",
    lambda vectors, planes: ((vectors @ planes.T >= 0).long() * _worth(planes)).sum(1),
)
wrong(
    "hash_codes",
    "not signbit: zero counts as positive",
    lambda vectors, planes: ((~(vectors @ planes.T).signbit()).long() * _worth(planes)).sum(1),
)
wrong(
    "hash_codes",
    "bit where the product is negative",
    lambda vectors, planes: ((vectors @ planes.T < 0).long() * _worth(planes)).sum(1),
)
wrong(
    "hash_codes",
    "bit where the product is not zero",
    lambda vectors, planes: ((vectors @ planes.T).bool().long() * _worth(planes)).sum(1),
)
wrong("hash_codes", "signs of minus one instead of bits", _summed_signs)
wrong("hash_codes", "rounds the products to bits", _rounded_products)
wrong(
    "hash_codes",
    "border at one half",
    lambda vectors, planes: ((vectors @ planes.T > 0.5).long() * _worth(planes)).sum(1),
)
wrong("hash_codes", "border at each plane's mean", _mean_as_border)
wrong("hash_codes", "border at the median of all products", _median_as_border)
wrong(
    "hash_codes",
    "adds over the vectors: one number a plane",
    lambda vectors, planes: (_bits(vectors, planes) * _worth(planes)).sum(0),
)
wrong(
    "hash_codes",
    "adds over everything",
    lambda vectors, planes: (_bits(vectors, planes) * _worth(planes)).sum(),
)
wrong("hash_codes", "bits, not added up", _bits)
wrong(
    "hash_codes",
    "bits as booleans",
    lambda vectors, planes: vectors @ planes.T > 0,
)
wrong("hash_codes", "strings of bits", _binary_strings)
wrong("hash_codes", "worths for the dimensions, not the planes", _worths_of_dimensions)
wrong(
    "hash_codes",
    "planes not transposed",
    lambda vectors, planes: ((vectors @ planes > 0).long() * _worth(planes)).sum(1),
)
wrong(
    "hash_codes",
    "always twelve planes",
    lambda vectors, planes: (_bits(vectors, planes) * 2 ** torch.arange(12)).sum(1),
)
wrong(
    "hash_codes",
    "keepdim: (N, 1)",
    lambda vectors, planes: (_bits(vectors, planes) * _worth(planes)).sum(1, keepdim=True),
)
wrong("hash_codes", "packbits: first bit highest, first byte only", _packed_from_the_front)
wrong("hash_codes", "shifted as bytes: nothing beyond bit 7", _shifted_bytes)
wrong(
    "hash_codes",
    "adds up in int8 and overflows",
    lambda vectors, planes: (_bits(vectors, planes) * _worth(planes)).sum(1, dtype=torch.int8),
)
wrong("hash_codes", "the last plane's worth is negative", _twos_complement)
wrong(
    "hash_codes",
    "mean instead of sum",
    lambda vectors, planes: (_bits(vectors, planes) * _worth(planes)).double().mean(1),
)
wrong(
    "hash_codes",
    "nearest plane instead of a code",
    lambda vectors, planes: (vectors @ planes.T).argmax(1),
)
wrong("hash_codes", "prints instead of returning", _printed_codes)


def _codes_by_vector(vectors, planes):
    codes = []
    for vector in vectors:
        codes.append(sum(2**j for j, plane in enumerate(planes) if vector @ plane > 0))
    return torch.tensor(codes)


def _codes_by_comprehension(vectors, planes):
    rows = (vectors @ planes.T > 0).tolist()
    return torch.tensor([int("".join("01"[bit] for bit in row[::-1]), 2) for row in rows])


def _codes_by_plane(vectors, planes):
    return sum(2**j * (vectors @ plane > 0).long() for j, plane in enumerate(planes))


def _codes_horner(vectors, planes):
    bits = (vectors @ planes.T > 0).long()
    return reduce(lambda code, bit: 2 * code + bit, bits.flip(1).unbind(1))


def _codes_in_place(v, p):
    code = torch.zeros(len(v), dtype=torch.long)
    for j in range(p.shape[0]):
        code |= (v @ p[j] > 0).long() << j
    return code


def _codes_numpy(vectors, planes):
    bits = np.einsum("nd,bd->nb", vectors.numpy(), planes.numpy()) > 0
    return torch.from_numpy(bits @ (1 << np.arange(len(planes))))


right("hash_codes", "a loop over the planes only", _codes_by_plane)
right("hash_codes", "doubling from the last plane", _codes_horner)
right("hash_codes", "or with shifted bits, other argument names", _codes_in_place)
right("hash_codes", "numpy, back to a tensor", _codes_numpy)
right(
    "hash_codes",
    "linear and an integer product",
    lambda vectors, planes: F.linear(vectors, planes).gt(0).long() @ _worth(planes),
)
right(
    "hash_codes",
    "einsum over bits and worths",
    lambda vectors, planes: torch.einsum("nb,b->n", _bits(vectors, planes), _worth(planes)),
)
right(
    "hash_codes",
    "heaviside, 0 at zero",
    lambda vectors, planes: (
        torch.heaviside(vectors @ planes.T, torch.zeros((), dtype=vectors.dtype)).long()
        * _worth(planes)
    ).sum(-1),
)
right(
    "hash_codes",
    "product of float64 bits, then long",
    lambda vectors, planes: (_bits(vectors, planes).double() @ _worth(planes).double()).long(),
)


# chance_to_meet(angle, n_bits, n_tables)


def _one(angle):
    return 1 - angle / math.pi


def _exactly_one_table(angle, n_bits, n_tables):
    chance = _one(angle) ** n_bits
    return n_tables * chance * (1 - chance) ** (n_tables - 1)


def _simulated(angle, n_bits, n_tables):
    generator = torch.Generator().manual_seed(0)
    agree = torch.rand(200, n_tables, n_bits, generator=generator) < _one(angle)
    return agree.all(2).any(1).double().mean()


def _printed_chance(angle, n_bits, n_tables):
    print(1 - (1 - _one(angle) ** n_bits) ** n_tables)


wrong(
    "chance_to_meet",
    "one table only",
    lambda angle, n_bits, n_tables: _one(angle) ** n_bits,
)
wrong(
    "chance_to_meet",
    "one bit a table",
    lambda angle, n_bits, n_tables: 1 - (angle / math.pi) ** n_tables,
)
wrong(
    "chance_to_meet",
    "in every table",
    lambda angle, n_bits, n_tables: _one(angle) ** (n_bits * n_tables),
)
wrong(
    "chance_to_meet",
    "the chance to miss everywhere",
    lambda angle, n_bits, n_tables: (1 - _one(angle) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "bits and tables swapped",
    lambda angle, n_bits, n_tables: 1 - (1 - _one(angle) ** n_tables) ** n_bits,
)
wrong(
    "chance_to_meet",
    "all bits must differ to miss",
    lambda angle, n_bits, n_tables: 1 - (angle / math.pi) ** (n_bits * n_tables),
)
wrong(
    "chance_to_meet",
    "any bit in all tables",
    lambda angle, n_bits, n_tables: (1 - (angle / math.pi) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "chance of a different bit instead of equal",
    lambda angle, n_bits, n_tables: 1 - (1 - (angle / math.pi) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "adds the tables' chances",
    lambda angle, n_bits, n_tables: n_tables * _one(angle) ** n_bits,
)
wrong(
    "chance_to_meet",
    "adds the tables' chances, at most 1",
    lambda angle, n_bits, n_tables: min(1.0, float(n_tables * _one(angle) ** n_bits)),
)
wrong("chance_to_meet", "in exactly one table", _exactly_one_table)
wrong(
    "chance_to_meet",
    "full circle: 1 - angle / 2 pi",
    lambda angle, n_bits, n_tables: 1 - (1 - (1 - angle / math.tau) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "takes the angle for degrees",
    lambda angle, n_bits, n_tables: 1 - (1 - (1 - angle / 180) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "forgot to divide by pi",
    lambda angle, n_bits, n_tables: 1 - (1 - (1 - angle) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "cosine instead of the angle's share",
    lambda angle, n_bits, n_tables: 1 - (1 - math.cos(angle) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "cosine moved to 0 to 1",
    lambda angle, n_bits, n_tables: 1 - (1 - ((1 + math.cos(angle)) / 2) ** n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "bits as a factor, not a power",
    lambda angle, n_bits, n_tables: 1 - (1 - _one(angle) * n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "tables as a factor of the miss",
    lambda angle, n_bits, n_tables: 1 - (1 - _one(angle) ** n_bits) * n_tables,
)
wrong(
    "chance_to_meet",
    "one table too few",
    lambda angle, n_bits, n_tables: 1 - (1 - _one(angle) ** n_bits) ** (n_tables - 1),
)
wrong(
    "chance_to_meet",
    "2 to the bits buckets, blind to the angle",
    lambda angle, n_bits, n_tables: 1 - (1 - 0.5**n_bits) ** n_tables,
)
wrong(
    "chance_to_meet",
    "12 bits and 4 tables, as in the text",
    lambda angle, n_bits, n_tables: 1 - (1 - _one(angle) ** 12) ** 4,
)
wrong(
    "chance_to_meet",
    "percent",
    lambda angle, n_bits, n_tables: 100 * (1 - (1 - _one(angle) ** n_bits) ** n_tables),
)
wrong(
    "chance_to_meet",
    "rounded to one decimal",
    lambda angle, n_bits, n_tables: round(float(1 - (1 - _one(angle) ** n_bits) ** n_tables), 1),
)
wrong(
    "chance_to_meet",
    "whole numbers: divides with //",
    lambda angle, n_bits, n_tables: 1 - (1 - (1 - angle // math.pi) ** n_bits) ** n_tables,
)
wrong("chance_to_meet", "simulated with 200 draws", _simulated)
wrong("chance_to_meet", "prints instead of returning", _printed_chance)


def _chance_loops(angle, n_bits, n_tables):
    miss = 1.0
    for _ in range(n_tables):
        bucket = 1.0
        for _ in range(n_bits):
            bucket *= (math.pi - angle) / math.pi
        miss *= 1 - bucket
    return 1 - miss


def _chance_sum(angle, n_bits, n_tables):
    chance = _one(angle) ** n_bits
    return sum(chance * (1 - chance) ** earlier for earlier in range(n_tables))


def _chance_tensor(theta, b, t):
    theta = torch.as_tensor(theta, dtype=torch.float64)
    return 1 - (1 - (1 - theta / torch.pi).pow(b)).pow(t)


right("chance_to_meet", "two loops that multiply", _chance_loops)
right("chance_to_meet", "sum over the first table that meets", _chance_sum)
right("chance_to_meet", "0-d float64 tensor, other argument names", _chance_tensor)
right(
    "chance_to_meet",
    "binomial survival function",
    lambda angle, n_bits, n_tables: stats.binom.sf(0, n_tables, float(_one(angle)) ** n_bits),
)
right(
    "chance_to_meet",
    "np.float64 with np.power",
    lambda angle, n_bits, n_tables: (
        1 - np.power(1 - np.power(1 - np.float64(angle) / np.pi, n_bits), n_tables)
    ),
)
right(
    "chance_to_meet",
    "product of a tensor of misses",
    lambda angle, n_bits, n_tables: (
        1 - torch.full((n_tables,), 1 - float(_one(angle)) ** n_bits).double().prod().item()
    ),
)


# cells_to_probe(query, centres, n_probe): the numbers of the nearest centres, the nearest first


def _far(query, centres):
    return (centres - query).norm(dim=1)


def _cells_of_unit_centres(query, centres, n_probe):
    centres, query = F.normalize(centres, dim=1), F.normalize(query, dim=0)
    return (centres - query).norm(dim=1).topk(n_probe, largest=False).indices


def _nearest_to_the_mean(query, centres, n_probe):
    return _far(centres.mean(0), centres).topk(n_probe, largest=False).indices


def _printed_cells(query, centres, n_probe):
    print(_far(query, centres).topk(n_probe, largest=False).indices)


def _chain_of_centres(query, centres, n_probe):
    first = _far(query, centres).argmin()
    return _far(centres[first], centres).topk(n_probe, largest=False).indices


wrong(
    "cells_to_probe",
    "the stub: largest dot products",
    lambda query, centres, n_probe: (centres @ query).topk(n_probe).indices,
)
wrong(
    "cells_to_probe",
    "largest cosines",
    lambda query, centres, n_probe: F.cosine_similarity(query[None], centres).topk(n_probe).indices,
)
wrong("cells_to_probe", "normalises the centres first", _cells_of_unit_centres)
wrong(
    "cells_to_probe",
    "topk takes the farthest",
    lambda query, centres, n_probe: _far(query, centres).topk(n_probe).indices,
)
wrong(
    "cells_to_probe",
    "argsort descending",
    lambda query, centres, n_probe: _far(query, centres).argsort(descending=True)[:n_probe],
)
wrong(
    "cells_to_probe",
    "the nearest ones, farthest first",
    lambda query, centres, n_probe: _far(query, centres).argsort()[:n_probe].flip(0),
)
wrong(
    "cells_to_probe",
    "the nearest ones, in order of number",
    lambda query, centres, n_probe: _far(query, centres).argsort()[:n_probe].sort().values,
)
wrong(
    "cells_to_probe",
    "a slice from the wrong end",
    lambda query, centres, n_probe: _far(query, centres).argsort()[-n_probe:],
)
wrong(
    "cells_to_probe",
    "leaves out the nearest, as if itself",
    lambda query, centres, n_probe: _far(query, centres).argsort()[1 : n_probe + 1],
)
wrong(
    "cells_to_probe",
    "all cells, not only n_probe",
    lambda query, centres, n_probe: _far(query, centres).argsort(),
)
wrong(
    "cells_to_probe",
    "only the nearest",
    lambda query, centres, n_probe: _far(query, centres).argmin(),
)
wrong(
    "cells_to_probe",
    "four cells always",
    lambda query, centres, n_probe: _far(query, centres).argsort()[:4],
)
wrong(
    "cells_to_probe",
    "distances, not numbers",
    lambda query, centres, n_probe: _far(query, centres).topk(n_probe, largest=False).values,
)
wrong(
    "cells_to_probe",
    "centres, not numbers",
    lambda query, centres, n_probe: centres[_far(query, centres).argsort()[:n_probe]],
)
wrong(
    "cells_to_probe",
    "values and indices of topk",
    lambda query, centres, n_probe: _far(query, centres).topk(n_probe, largest=False),
)
wrong(
    "cells_to_probe",
    "mask of the cells",
    lambda query, centres, n_probe: (
        _far(query, centres) <= _far(query, centres).kthvalue(n_probe).values
    ),
)
wrong(
    "cells_to_probe",
    "ranks: argsort of argsort",
    lambda query, centres, n_probe: _far(query, centres).argsort().argsort()[:n_probe],
)
wrong(
    "cells_to_probe",
    "sum of absolute differences",
    lambda query, centres, n_probe: (
        (centres - query).abs().sum(1).topk(n_probe, largest=False).indices
    ),
)
wrong(
    "cells_to_probe",
    "largest difference of a coordinate",
    lambda query, centres, n_probe: (
        (centres - query).abs().amax(1).topk(n_probe, largest=False).indices
    ),
)
wrong(
    "cells_to_probe",
    "differences added without a square",
    lambda query, centres, n_probe: (
        (centres - query).sum(1).abs().topk(n_probe, largest=False).indices
    ),
)
wrong(
    "cells_to_probe",
    "expanded square without the factor 2",
    lambda query, centres, n_probe: (
        (centres.square().sum(1) - centres @ query).topk(n_probe, largest=False).indices
    ),
)
wrong(
    "cells_to_probe",
    "expanded square, length not squared",
    lambda query, centres, n_probe: (
        (centres.norm(dim=1) - 2 * centres @ query).topk(n_probe, largest=False).indices
    ),
)
wrong(
    "cells_to_probe",
    "2 - 2 cosine, as for unit vectors",
    lambda query, centres, n_probe: (2 - 2 * centres @ query).argsort()[:n_probe],
)
wrong(
    "cells_to_probe",
    "difference of lengths",
    lambda query, centres, n_probe: (centres.norm(dim=1) - query.norm()).abs().argsort()[:n_probe],
)
wrong(
    "cells_to_probe",
    "norm over the cells",
    lambda query, centres, n_probe: (centres - query).norm(dim=0).argsort()[:n_probe],
)
wrong(
    "cells_to_probe",
    "plus instead of minus",
    lambda query, centres, n_probe: (centres + query).norm(dim=1).argsort()[:n_probe],
)
wrong(
    "cells_to_probe",
    "shortest centres, forgot the query",
    lambda query, centres, n_probe: centres.norm(dim=1).argsort()[:n_probe],
)
wrong(
    "cells_to_probe",
    "keeps a leading dimension: (1, n_probe)",
    lambda query, centres, n_probe: (
        torch.cdist(query[None], centres).topk(n_probe, largest=False).indices
    ),
)
wrong("cells_to_probe", "neighbours of the nearest centre", _chain_of_centres)
wrong("cells_to_probe", "nearest to the mean of the centres", _nearest_to_the_mean)
wrong("cells_to_probe", "prints instead of returning", _printed_cells)


def _cells_one_by_one(query, centres, n_probe):
    distances = (centres - query).pow(2).sum(-1).sqrt()
    chosen = []
    for _ in range(n_probe):
        nearest = distances.argmin()
        chosen.append(nearest)
        distances[nearest] = float("inf")
    return torch.stack(chosen)


def _cells_numpy(query, centres, n_probe):
    distances = np.linalg.norm(centres.numpy() - query.numpy(), axis=1)
    return torch.from_numpy(np.argsort(distances)[:n_probe])


def _cells_sorted_list(q, c, k):
    return sorted(range(len(c)), key=lambda i: torch.dist(c[i], q).item())[:k]


right("cells_to_probe", "takes the nearest out, one by one", _cells_one_by_one)
right("cells_to_probe", "numpy argsort, back to a tensor", _cells_numpy)
right("cells_to_probe", "a Python list of numbers, other argument names", _cells_sorted_list)
right(
    "cells_to_probe",
    "cdist in float64",
    lambda query, centres, n_probe: torch.cdist(query[None].double(), centres.double())[
        0
    ].argsort()[:n_probe],
)
right(
    "cells_to_probe",
    "expanded square without the query's length",
    lambda query, centres, n_probe: (centres.square().sum(dim=1) - 2 * centres @ query).argsort()[
        :n_probe
    ],
)
right(
    "cells_to_probe",
    "largest of minus the squared distances",
    lambda query, centres, n_probe: (-(centres - query).square().sum(dim=1)).topk(n_probe).indices,
)
right(
    "cells_to_probe",
    "an array of np.int64",
    lambda query, centres, n_probe: _far(query, centres).sort().indices[:n_probe].numpy(),
)
