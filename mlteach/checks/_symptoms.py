"""Symptoms of a result that fit no known mistake, and still tell where to look.

An exact symptom says what the learner's numbers are of the right ones: twice as large, transposed,
rounded. A pattern says where or how they are wrong: on the diagonal only, in rows that do not sum
to 1. Every sentence holds for all cases that gave numbers, not for one of them by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import permutations, product

import torch
from torch import Tensor

from mlteach.checks._case import Case, Slot, is_number

Tried = Sequence[tuple[Case, Tensor, Tensor]]  # a case, the learner's value, the right one
Pairs = Sequence[tuple[Tensor, Tensor]]  # a learner's value and the right one
Names = Mapping[Slot, str]


def close(value: Tensor, right: Tensor) -> bool:
    """Whether two results are equal, up to what different roundings make of them."""
    if value.shape != right.shape:
        return False
    return torch.allclose(value.detach().double(), right.detach().double(), rtol=2e-4, atol=2e-5)


def exact(tried: Tried, names: Names) -> str:
    """What the learner's results are of the right ones, in every case in the same way, or ""."""
    pairs = [(value.double(), right.double()) for _, value, right in tried]
    if all(right.dtype == torch.bool for _, _, right in tried):
        return _of_all_of_a_mask(pairs)
    if found := _always_the_same(pairs):
        return found
    if found := of_the_right_one(pairs) or _of_another_shape(pairs):
        return found
    if any(value.shape != right.shape for value, right in pairs):
        return ""
    return (
        _alike_within(pairs)
        or _not_clamped(pairs)
        or _about_the_factor(_factor(pairs), tried, names)
        or _about_the_offset(tried, pairs)
        or _about_the_step(tried, names)
        or _about_a_quantity(tried, pairs, names)
        or _about_a_line(pairs)
    )


def _of_all_of_a_mask(pairs: Pairs) -> str:
    if all(close(value, 1 - right) for value, right in pairs):
        return "True and False are swapped"
    for truth, number in ((False, 0.0), (True, 1.0)):
        if all(v.shape == r.shape and (v == number).all() for v, r in pairs):
            return f"your mask is {truth} everywhere"
    return ""


# --- numbers that are made of the right ones -----------------------------------------------------

# what a wrong result is of the right one → what to say
OF_THE_RIGHT_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "every value has the wrong sign": torch.neg,
    "every sign is lost: the absolute values are right": torch.abs,
    "rows and columns are swapped: the result is the transpose of the right one": (
        lambda right: right.mT if right.ndim == 2 else right
    ),
    "every value is the square of the right one": torch.square,
    "every value is the root of the right one": torch.sqrt,
    "every value is exp of the right one: a logarithm is missing": torch.exp,
    "every value is the logarithm of the right one": torch.log,
    "every value is the logarithm of 1 plus the right one": torch.log1p,
    "every value is minus the logarithm of the right one": lambda right: -right.log(),
    "every value is 1 minus the right one": lambda right: 1 - right,
    "every value is 1 divided by the right one": torch.reciprocal,
    "every value is the arc cosine of the right one: the angle, where its cosine is asked for": (
        torch.acos
    ),
    "negative values are lost: where the right result is below 0, yours is 0": torch.relu,
    "your numbers are cut off to whole ones: is // in the way, or a type of whole numbers?": (
        torch.trunc
    ),
    "your numbers are rounded down to whole ones: is // in the way?": torch.floor,
    "your numbers are rounded to whole ones": torch.round,
    "your numbers are bytes, from 0 to 255: numbers from 0 to 1 are expected": (
        lambda right: (255 * right).round()
    ),
    "your numbers are rounded to one digit: leave the rounding out": lambda r: r.round(decimals=1),
    "your numbers are rounded to two digits: leave the rounding out": lambda r: r.round(decimals=2),
    "your numbers are rounded to three digits: leave the rounding out": (
        lambda r: r.round(decimals=3)
    ),
    "every value is the arc cosine of the right one, in degrees": (
        lambda right: right.acos().rad2deg()
    ),
    "only the signs are right: every value is 1 or -1": torch.sign,
    "your rows are the softmax of the right ones": lambda r: r.softmax(1) if r.ndim == 2 else r,
    "your result is the softmax of the right one": lambda r: r.softmax(0) if r.ndim == 1 else r,
    "your rows are the right ones divided by their sums": (
        lambda right: right / right.sum(-1, keepdim=True) if right.ndim else right
    ),
    "your rows are the right ones divided by their lengths": (
        lambda right: right / right.norm(dim=-1, keepdim=True) if right.ndim else right
    ),
    "your rows are the right ones less their means": (
        lambda right: right - right.mean(-1, keepdim=True) if right.ndim else right
    ),
    "your result is the right one divided by its largest number": (
        lambda right: right / right.max() if right.ndim else right
    ),
    "the order is reversed: the last entry comes first": (
        lambda right: right.flip(0) if right.ndim else right
    ),
    "each row is reversed: its last entry comes first": (
        lambda right: right.flip(1) if right.ndim == 2 else right
    ),
    "the entries are shifted by one place: the last one comes first": (
        lambda right: right.roll(1, 0) if right.ndim else right
    ),
    "the entries are shifted by one place: the first one comes last": (
        lambda right: right.roll(-1, 0) if right.ndim else right
    ),
    "your numbers are the right ones in ascending order": (
        lambda right: right.sort(0).values if right.ndim else right
    ),
    "only the upper triangle is there": lambda right: right.triu() if right.ndim == 2 else right,
    "only the lower triangle is there": lambda right: right.tril() if right.ndim == 2 else right,
    "your result lies in [0, 1] because it is clamped: the right one is not": (
        lambda right: right.clamp(0, 1)
    ),
    "your result is clamped to at most 1": lambda right: right.clamp(max=1),
    "your result is clamped to at least 1": lambda right: right.clamp(min=1),
}


def of_the_right_one(pairs: Pairs) -> str:
    """What the learner's numbers are of the right ones, one by one; "" if it is none of the list.

    All cases must agree; where numbers are rounded, at least two different ones must be wrong.
    """
    for what, change in OF_THE_RIGHT_ONE.items():
        if all(close(value, change(right)) for value, right in pairs):
            return what if _differing_numbers(pairs) > 1 or "rounded" not in what else ""
    return ""


def _differing_numbers(pairs: Pairs) -> int:
    """How many different right numbers the learner has wrong."""
    if any(value.shape != right.shape for value, right in pairs):
        return 2  # a shape is no accident
    return len(_entries(pairs)[1].unique())


def _of_another_shape(pairs: Pairs) -> str:
    """What is said where the numbers, or a part or a mean of them, are right, but not the shape."""
    wrong = [(value, right) for value, right in pairs if value.shape != right.shape]
    if not wrong:
        return ""
    value, right = wrong[0]
    shapes = f"it is {tuple(value.shape)}, expected {tuple(right.shape)}"
    if all(close(value.flatten(), right.flatten()) for value, right in pairs):
        return f"the numbers are right, but not their shape: {shapes}"
    for what, fits in SHAPES.items():
        if all(fits(value, right) for value, right in wrong):
            return f"{what} (shape {tuple(value.shape)}, expected {tuple(right.shape)})"
    for order in permutations(range(right.ndim)) if right.ndim == 3 else ():
        if all(v.ndim == 3 and close(v, r.permute(order)) for v, r in wrong):
            return f"the dimensions stand in another order: {shapes}"
    return ""


def _reduced(value: Tensor, right: Tensor, how: Callable[..., Tensor]) -> bool:
    """Whether the right result is this reduction of the learner's, over one or all dimensions."""
    if value.ndim <= right.ndim or not value.numel():
        return False
    if right.ndim == 0 and close(how(value), right):
        return True
    return any(close(how(value, dim), right) for dim in range(value.ndim))


def _is_block(value: Tensor, right: Tensor) -> bool:
    """Whether the right result is a block in a corner of the learner's."""
    if value.ndim != right.ndim or any(map(int.__lt__, value.shape, right.shape)):
        return False
    sizes = list(zip(value.shape, right.shape, strict=True))
    corners = product(*({0, v - r} for v, r in sizes))
    blocks = (tuple(slice(s, s + n) for s, n in zip(c, right.shape, strict=True)) for c in corners)
    return right.ndim > 0 and any(close(value[block], right) for block in blocks)


SHAPES: dict[str, Callable[[Tensor, Tensor], bool]] = {
    "the mean is missing: the right result is the mean of yours": (
        lambda value, right: _reduced(value, right, torch.mean)
    ),
    "the sum is missing: the right result is the sum of yours": (
        lambda value, right: _reduced(value, right, torch.sum)
    ),
    "your result is the mean of the right one: a mean too much is taken": (
        lambda value, right: _reduced(right, value, torch.mean)
    ),
    "your result is the sum of the right one: a sum too much is taken": (
        lambda value, right: _reduced(right, value, torch.sum)
    ),
    "your result holds the right one and more": _is_block,
    "your result is a part of the right one": lambda value, right: _is_block(right, value),
}


# --- factors, offsets ----------------------------------------------------------------------------


def _factor(pairs: Pairs) -> float:
    """The one factor between all values and the right ones, 0 if there is none."""
    if len(pairs) < 2 or any(value.shape != right.shape for value, right in pairs):
        return 0.0
    value, right = (torch.cat([pair[k].flatten() for pair in pairs]) for k in (0, 1))
    if not len(right) or not right.any() or len(right.unique()) < 2:
        return 0.0
    largest = right.abs().argmax()
    factor = (value[largest] / right[largest]).item()
    return factor if close(value, factor * right) else 0.0


KNOWN = {
    1 / math.log(2): "1 / log 2: a logarithm of base 2 stands where the natural one belongs",
    math.log(2): "log 2: a natural logarithm stands where one of base 2 belongs",
    1 / math.log(10): "1 / log 10: a logarithm of base 10 stands where the natural one belongs",
    math.pi: "π",
    1 / math.pi: "1 / π",
    math.tau: "2π",
    180 / math.pi: "180 / π: degrees stand where radians belong",
    math.pi / 180: "π / 180: is an angle taken for degrees?",
    100.0: "100: a share is expected, not percent",
    255.0: "255: numbers from 0 to 1 are expected, not bytes",
    math.sqrt(2): "√2",
    math.sqrt(0.5): "1 / √2",
}


def _about_the_factor(factor: float, tried: Tried, names: Names) -> str:
    if not factor:
        return ""
    known = [words for number, words in KNOWN.items() if math.isclose(number, factor, rel_tol=1e-3)]
    if known:
        return f"every value is too large or too small by the factor {known[0]}"
    share = Fraction(factor).limit_denominator(12)
    if share == 1:  # so near that it is a matter of digits
        return ""
    if not math.isclose(share, factor, rel_tol=1e-3):
        return f"every value is {factor:.4g} times the right one"
    if abs(share) == 2:
        hint = "does something count twice, or is a division by 2 missing?"
    elif abs(share) == Fraction(1, 2):
        hint = "does something count half, or is a factor 2 missing?"
    else:
        size = share.denominator if abs(factor) < 1 else share.numerator
        found = [
            f"{words} is {size}"
            for words, sizes in quantities(tried, names).items()
            if set(sizes) == {size} and abs(share) in (size, Fraction(1, size))
        ]
        kinds = ("a mean", "a sum") if abs(factor) < 1 else ("a sum", "a mean")
        about = f" ({found[0]})" if found else ""
        hint = "is {} taken where {} is asked for, or a factor forgotten?".format(*kinds) + about
    return f"every value is {share} times the right one: {hint}"


def _about_the_offset(tried: Tried, pairs: Pairs) -> str:
    """What is said if all values differ from the right ones by the same number."""
    if len(pairs) < 2 or any(value.shape != right.shape for value, right in pairs):
        return ""
    differences = torch.cat([(value - right).flatten() for value, right in pairs])
    if not len(differences) or not close(differences, differences[:1].expand_as(differences)):
        return ""
    offset = differences[0].item()
    whole = all(not right.is_floating_point() for _, _, right in tried)
    hint = ": the first one has the number 0" if whole and offset == 1 else ""
    return f"every value is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}{hint}"


def _about_the_step(tried: Tried, names: Names) -> str:
    """What is said of a step from the first argument that has the right direction."""
    starts = [case.arguments[0] if case.arguments else None for case, _, _ in tried]
    steps = [
        (value.double() - start.double(), right.double() - start.double())
        for start, (_, value, right) in zip(starts, tried, strict=True)
        if isinstance(start, Tensor) and start.shape == right.shape and right.ndim
    ]
    if len(steps) < len(tried):
        return ""
    if all(close(mine, -right) for mine, right in steps):
        return "you step in the opposite direction"
    if factor := _factor(steps):
        return f"your step has the right direction, and is {_short(factor)} times as long"
    if found := _about_a_quantity(tried, steps, names):
        return found.replace("your numbers are the right ones", "your step is the right one")
    if _up_to_a_factor(steps, steps):
        return "your step has the right direction, and a wrong length: by what is it to be divided?"
    return ""


def quantities(tried: Tried, names: Names) -> dict[str, list[float]]:
    """The sizes and numbers that the cases are made of, in words → one for each case."""
    found: dict[str, list[float]] = {}
    for slot, value in tried[0][0].parts().items():
        values = [case.parts()[slot] for case, _, _ in tried]
        if is_number(value):
            found[names[slot]] = [float(v) for v in values]
        elif isinstance(value, Tensor) and all(v.ndim == value.ndim for v in values):
            for dim in range(value.ndim):
                words = DIMENSIONS.get((dim, value.ndim), f"the size of dimension {dim}")
                found[f"{words} of {names[slot]}"] = [float(v.shape[dim]) for v in values]
    return found


DIMENSIONS = {
    (0, 1): "the length",
    (0, 2): "the number of rows",
    (1, 2): "the number of columns",
    (0, 3): "the size",
    (0, 4): "the number",
}

# what is made of a quantity, in words → the number
MADE: dict[str, Callable[[float], float]] = {
    "{}": lambda q: q,
    "twice {}": lambda q: 2 * q,
    "half of {}": lambda q: q / 2,
    "the square of {}": lambda q: q * q,
    "the root of {}": lambda q: math.sqrt(q) if q > 0 else math.nan,
    "1 + {}": lambda q: q + 1,
    "{} - 1": lambda q: q - 1,
}
ADDED: dict[str, Callable[[float], float]] = {
    **MADE,
    "the logarithm of {}": lambda q: math.log(q) if q > 0 else math.nan,
    "1 / {}": lambda q: 1 / q if q else math.nan,
}


def _about_a_quantity(tried: Tried, pairs: Pairs, names: Names) -> str:
    """What is said if each case is right up to a factor or an offset that its arguments explain."""
    factors = [_ratio(value, right) for value, right in pairs]
    offsets = [_difference(value, right) for value, right in pairs]
    for words, sizes in quantities(tried, names).items():
        if len(set(sizes)) < 2:
            continue
        for made, of in MADE.items():
            amounts = [of(size) for size in sizes]
            name = made.format(words)
            if _agree(factors, amounts):
                return f"your numbers are the right ones times {name}"
            if _agree(factors, [1 / a if a else math.nan for a in amounts]):
                return f"your numbers are the right ones divided by {name}"
        if constant := _share(factors, sizes):
            return f"your numbers are the right ones times {_short(constant)} · {words}"
        if constant := _share(factors, [1 / size if size else math.nan for size in sizes]):
            return f"your numbers are the right ones times {_short(constant)} / {words}"
        for made, of in ADDED.items():
            amounts = [of(size) for size in sizes]
            name = made.format(words)
            if _agree(offsets, amounts):
                return f"your numbers are too large by {name}"
            if _agree(offsets, [-a for a in amounts]):
                return f"your numbers are too small by {name}"
    return ""


def _ratio(value: Tensor, right: Tensor) -> float | None:
    """The factor of one case, None where any would do, nan where there is none."""
    if not right.any():
        return None if not value.any() else math.nan
    largest = right.abs().argmax()
    factor = (value.flatten()[largest] / right.flatten()[largest]).item()
    return factor if close(value, factor * right) else math.nan


def _difference(value: Tensor, right: Tensor) -> float | None:
    if not right.numel():
        return None
    differences = (value - right).flatten()
    same = close(differences, differences[:1].expand_as(differences))
    return differences[0].item() if same else math.nan


def _agree(found: Sequence[float | None], amounts: Sequence[float]) -> bool:
    """Whether the numbers are these, in at least three cases of which two differ."""
    pairs = [(f, a) for f, a in zip(found, amounts, strict=True) if f is not None]
    if len(pairs) < 3 or len({a for _, a in pairs}) < 2:
        return False
    return all(math.isclose(f, a, rel_tol=5e-4, abs_tol=5e-5) for f, a in pairs)


def _share(found: Sequence[float | None], amounts: Sequence[float]) -> float:
    """The c for which the numbers are c times these, three different ones at least; 0 if none."""
    pairs = [(f, a) for f, a in zip(found, amounts, strict=True) if f is not None]
    if len({a for _, a in pairs}) < 3:
        return 0.0
    shares = [f / a if a else math.nan for f, a in pairs]
    return shares[0] if all(math.isclose(s, shares[0], rel_tol=5e-4) for s in shares) else 0.0


def _about_a_line(pairs: Pairs) -> str:
    """What is said if every value is a · right + b, with the same a and b in all cases."""
    value, right = (torch.cat([pair[k].flatten() for pair in pairs]) for k in (0, 1))
    if len(right.unique()) < 4 or len(pairs) < 2:
        return ""
    low, high = right.argmin(), right.argmax()
    slope = ((value[high] - value[low]) / (right[high] - right[low])).item()
    offset = (value[low] - slope * right[low]).item()
    if abs(slope) < 1e-3 or not close(value, slope * right + offset):
        return ""
    sign = "+" if offset > 0 else "-"
    return f"every value is {_short(slope)} times the right one {sign} {_short(abs(offset))}"


def _short(number: float) -> str:
    share = Fraction(number).limit_denominator(12)
    return str(share) if math.isclose(share, number, rel_tol=1e-3) else f"{number:.4g}"


# --- patterns ------------------------------------------------------------------------------------


def pattern(tried: Tried) -> str:
    """Where or how the learner's results are wrong, in all wrong cases in the same way, or ""."""
    if any(value.shape != right.shape for _, value, right in tried):
        return ""
    pairs = [(value.double(), right.double()) for _, value, right in tried]
    wrong = [(v, r) for v, r in pairs if not close(v, r)]
    if tried[0][2].dtype == torch.bool:
        return next((what for what, fits in OF_PLACES.items() if fits(wrong)), "")
    if found := next((what for what, fits in OF_PLACES.items() if fits(wrong)), ""):
        return found + _and_what_is_there(wrong)
    if found := _at_certain_values(wrong):
        return found
    if not any(right.is_floating_point() for _, _, right in tried):
        return next((what for what, fits in OF_WHOLE_NUMBERS.items() if fits(wrong, pairs)), "")
    return (
        next((what for what, fits in TELLING.items() if fits(wrong, pairs)), "")
        or next(_of_sums(pairs), "")
        or _too_small_where_large(pairs)
    )


def _too_small_where_large(pairs: Pairs) -> str:
    """Whether of results that are one number each the largest, and no others, are too small."""
    fine = [right for value, right in pairs if close(value, right)]
    wrong = [(value, right) for value, right in pairs if not close(value, right)]
    if len(fine) < 3 or any(right.ndim for _, right in pairs):
        return ""
    if min(right for _, right in wrong) <= max(fine) or any(v >= r for v, r in wrong):
        return ""
    return (
        "yours is too small where the right result is largest: is a small number added before a "
        "logarithm, or something held between two numbers?"
    )


def weak_pattern(tried: Tried) -> str:
    """What the right results have in common and the learner's do not: it narrows down little."""
    if any(value.shape != right.shape for _, value, right in tried):
        return ""
    pairs = [(value.double(), right.double()) for _, value, right in tried]
    wrong = [(v, r) for v, r in pairs if not close(v, r)]
    if tried[0][2].dtype == torch.bool:
        return _of_a_mask(wrong)
    return next((what for what, fits in WEAK.items() if fits(wrong, pairs)), "")


def nearly_right(tried: Tried) -> bool:
    """Whether no number differs by more than a hundredth."""
    return tried[0][2].is_floating_point() and all(
        ((value - right).abs() <= 0.01 * right.abs() + 1e-4).all() for _, value, right in tried
    )


def _of_a_mask(wrong: Pairs) -> str:
    """Whether a mask is True too often or too seldom, never both."""
    more = sum(int((value > right).sum()) for value, right in wrong)
    less = sum(int((value < right).sum()) for value, right in wrong)
    if more and less:
        return ""
    if more:
        return "your mask has all that belongs into it, and more: is a condition missing?"
    return "all of your mask belongs into it, but some is missing: is a condition too strict?"


def _differ(value: Tensor, right: Tensor) -> Tensor:
    return ~torch.isclose(value, right, rtol=2e-4, atol=2e-5)


def _only_in(value: Tensor, right: Tensor, dim: int, at: int) -> bool:
    """Whether all of what differs stands at one index, and there is more than that index."""
    if right.ndim <= dim or right.shape[dim] < 3:
        return False
    rest = _differ(value, right)
    rest.select(dim, at).fill_(False)
    return not rest.any()


def _only_the_diagonal(value: Tensor, right: Tensor) -> bool:
    if right.ndim != 2 or right.shape[0] != right.shape[1] or len(right) < 2:
        return False
    return not _differ(value, right)[~torch.eye(len(right), dtype=torch.bool)].any()


def _everywhere(fits: Callable[[Tensor, Tensor], bool]) -> Callable[[Pairs], bool]:
    return lambda wrong: all(fits(value, right) for value, right in wrong)


# where the wrong entries are → whether they are only there
OF_PLACES: dict[str, Callable[[Pairs], bool]] = {
    "only the diagonal is wrong, where a row meets itself": _everywhere(_only_the_diagonal),
    "only the first entry along the first dimension is wrong": _everywhere(
        lambda value, right: _only_in(value, right, 0, 0)
    ),
    "only the last entry along the first dimension is wrong": _everywhere(
        lambda value, right: _only_in(value, right, 0, -1)
    ),
    "only the first column is wrong": _everywhere(
        lambda value, right: right.ndim == 2 and _only_in(value, right, 1, 0)
    ),
    "only the last column is wrong": _everywhere(
        lambda value, right: right.ndim == 2 and _only_in(value, right, 1, -1)
    ),
}


def _entries(wrong: Pairs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All entries of the wrong cases: yours and right where they differ, right where they agree."""
    value, right = (torch.cat([pair[k].flatten() for pair in wrong]) for k in (0, 1))
    differ = _differ(value, right)
    return value[differ], right[differ], right[~differ], value[~differ]


def _and_what_is_there(wrong: Pairs) -> str:
    value, right, _, _ = _entries(wrong)
    return (
        f": there {_constant(value)} stands where {_constant(right)} belongs"
        if (_constant(value) and _constant(right))
        else ""
    )


def _constant(numbers: Tensor) -> str:
    """The one number that all of them are, in words, or ""."""
    numbers = numbers.flatten()
    same = len(numbers) > 0 and close(numbers, numbers[:1].expand_as(numbers))
    return f"{numbers[0].item():.4g}" if same else ""


def _at_certain_values(wrong: Pairs) -> str:
    """Whether entries are wrong only where the right result is, or yours is, one certain number."""
    value, right, fine, _ = _entries(wrong)
    if len(value) < 3:
        return ""
    number = _constant(value)
    if number and len(right.unique()) > 1 and len(fine):
        if (right > value).all() and (fine <= value[0] + 1e-6).all():
            return f"yours is never above {number}, where the right result is: is it clamped?"
        if (right < value).all() and (fine >= value[0] - 1e-6).all():
            return f"yours is never below {number}, where the right result is: is it clamped?"
        return f"wherever yours is wrong, it is {number}"
    number = _constant(right)
    if number and len(fine) > 2 and not torch.isclose(fine, right[0]).any():
        return f"yours is wrong just where the right result is {number}"
    if (right < 0).all() and (fine >= 0).all() and (fine > 0).sum() > 2:
        return "yours is wrong just where the right result is negative"
    if (right > 0).all() and (fine <= 0).all() and (fine < 0).sum() > 2:
        return "yours is wrong just where the right result is positive"
    return ""


def _always_the_same(pairs: Pairs) -> str:
    number = _constant(torch.cat([value.flatten() for value, _ in pairs]))
    if len(pairs) < 2 or not number or any(v.shape != r.shape for v, r in pairs):
        return ""
    return f"your result is one and the same number in every case, {number}"


def _not_clamped(pairs: Pairs) -> str:
    """Whether the learner's numbers go beyond one at which the right ones stop, and only there."""
    value, right, fine, _ = _entries(pairs)
    number = _constant(right)
    if len(right) < 3 or not number or len(fine) < 3:
        return ""
    if (value > right).all() and (fine <= right[0]).all():
        return f"your numbers go above {number}, where the right ones stop: is a clamp missing?"
    if (value < right).all() and (fine >= right[0]).all():
        return f"your numbers go below {number}, where the right ones stop: is a clamp missing?"
    return ""


def _alike_within(pairs: Pairs) -> str:
    """Whether each result repeats one number, where the right ones do not."""
    if any(right.numel() > 1 and len(right.unique()) < 2 for _, right in pairs):
        return ""
    if len(pairs) < 2 or any(value.numel() < 3 or not _constant(value) for value, _ in pairs):
        return ""
    numbers = ", ".join(dict.fromkeys(_constant(value) for value, _ in pairs))
    return f"all entries of your result are the same number: {numbers}"


# --- whole numbers: masks, codes, numbers of neighbours


def _sorted_rows_agree(value: Tensor, right: Tensor) -> bool:
    return right.ndim > 0 and close(value.sort(-1).values, right.sort(-1).values)


def _twice(value: Tensor) -> bool:
    ordered = value.sort(-1).values
    return value.ndim > 0 and bool((ordered.diff(dim=-1) == 0).any())


def _own_number(value: Tensor) -> bool:
    return value.ndim == 2 and bool((value == torch.arange(len(value))[:, None]).any())


OF_WHOLE_NUMBERS: dict[str, Callable[[Pairs, Pairs], bool]] = {
    "the right numbers, in another order": lambda wrong, _: all(
        _sorted_rows_agree(v, r) for v, r in wrong
    ),
    "a number stands twice where every number of the right result is another one": (
        lambda wrong, _: all(_twice(v) for v, _ in wrong) and not any(_twice(r) for _, r in wrong)
    ),
    "row i holds the number i itself, which the right result never does": (
        lambda wrong, pairs: (
            any(_own_number(v) for v, _ in wrong) and not any(_own_number(r) for _, r in pairs)
        )
    ),
    "a number below 0 is in your result": lambda wrong, pairs: _negative(wrong, pairs),
}


# --- real numbers


def _up_to_a_factor(wrong: Pairs, _: Pairs) -> bool:
    """Whether the numbers of every wrong case have a factor in common, another one in each."""
    return len(wrong) > 1 and all(
        (right != 0).sum() > 2 and not math.isnan(_ratio(value, right) or math.nan)
        for value, right in wrong
    )


def _rows_up_to_a_factor(wrong: Pairs, _: Pairs) -> bool:
    """Whether each row is right up to a factor; a row of one number proves nothing."""
    if any(right.ndim != 2 or not ((right != 0).sum(1) > 1).all() for _, right in wrong):
        return False
    return all(
        not math.isnan(_ratio(*rows) or math.nan)
        for pair in wrong
        for rows in zip(*pair, strict=True)
    )


def _columns_up_to_a_factor(wrong: Pairs, pairs: Pairs) -> bool:
    if any(right.ndim != 2 for _, right in wrong):
        return False
    return _rows_up_to_a_factor([(value.mT, right.mT) for value, right in wrong], pairs)


def _power(value: Tensor, right: Tensor) -> float:
    """The p for which the positive numbers of a case are proportional to right^p, nan if none."""
    here = (right > 1e-6) & (value > 1e-12)
    if (right < 0).any() or (value < 0).any() or len(right[here].unique()) < 3:
        return math.nan
    value, right = value[here].log(), right[here].log()
    low, high = right.argmin(), right.argmax()
    slope = (value[high] - value[low]) / (right[high] - right[low])
    straight = torch.allclose(value - value[low], slope * (right - right[low]), atol=2e-3)
    return slope.item() if straight else math.nan


def _proportional_to(power: float) -> Callable[[Pairs, Pairs], bool]:
    return lambda wrong, _: all(
        math.isclose(_power(value, right), power, rel_tol=2e-3) for value, right in wrong
    )


def _negative(wrong: Pairs, pairs: Pairs) -> bool:
    return all((right >= 0).all() for _, right in pairs) and any(
        (value < -1e-6).any() for value, _ in wrong
    )


def _near(wrong: Pairs, _: Pairs) -> bool:
    """Whether nothing differs by more than a twentieth, though the right numbers differ by much."""
    of_all = max(right.abs().max() for _, right in wrong)  # a number alone may be 0
    scales = [right.abs().max() if right.ndim else of_all for _, right in wrong]
    return all(
        ((value - right).abs() <= 0.05 * right.abs() + 0.01 * scale).all()
        for (value, right), scale in zip(wrong, scales, strict=True)
    )


def _not_symmetric(wrong: Pairs, pairs: Pairs) -> bool:
    square = all(r.ndim == 2 and r.shape[0] == r.shape[1] > 1 for _, r in pairs)
    return (
        square
        and all(close(r, r.mT) for _, r in pairs)
        and not all(close(v, v.mT) for v, _ in wrong)
    )


def _another_order(wrong: Pairs, _: Pairs) -> bool:
    return all(
        right.numel() > 1 and close(value.flatten().sort().values, right.flatten().sort().values)
        for value, right in wrong
    )


def _in_the_same_order(sign: int) -> Callable[[Pairs, Pairs], bool]:
    """Whether all numbers of a case are ordered as the right ones are, too many for chance."""

    def fits(wrong: Pairs, _: Pairs) -> bool:
        chance = 0.0  # the logarithm of how many orders there are
        for value, right in wrong:
            value = sign * value.flatten()[right.flatten().argsort()]
            if (value.diff() < -1e-6).any() or len(value.unique()) < 0.9 * len(right.unique()):
                return False
            chance += math.lgamma(len(right.unique()) + 1)
        return chance > 9

    return fits


# what a learner's results have in common, the most telling first
TELLING: dict[str, Callable[[Pairs, Pairs], bool]] = {
    "your result has the right numbers in another order": _another_order,
    "in each case your numbers are right up to a factor, which changes from case to case: "
    "by what is the result to be divided?": _up_to_a_factor,
    "each of your rows is right up to a factor of its own: "
    "by what is a row to be divided?": _rows_up_to_a_factor,
    "each of your columns is right up to a factor of its own: "
    "by what is a column to be divided?": _columns_up_to_a_factor,
    "your numbers go with the square of the right ones: "
    "is something squared once too often?": _proportional_to(2),
    "your numbers go with the root of the right ones: "
    "is a root too much, or a square missing?": _proportional_to(0.5),
    "your numbers go with 1 divided by the right ones: "
    "is a fraction upside down, or a minus missing?": _proportional_to(-1),
}
WEAK: dict[str, Callable[[Pairs, Pairs], bool]] = {
    "the right result is symmetric, and yours is not": _not_symmetric,
    "your numbers are ordered as the right ones are, only their sizes are wrong: "
    "what is done to each of them last?": _in_the_same_order(1),
    "your numbers are ordered the other way: what should be large is small": (
        _in_the_same_order(-1)
    ),
    "your numbers are near the right ones, but not equal: is something rounded, estimated from "
    "random numbers, or a small number added that should not be?": _near,
    "the right result is never negative, and yours is in one case at least": _negative,
}


def _of_sums(pairs: Pairs) -> Iterator[str]:
    """Sums that are 1 in every right result, and what they are in the learner's."""
    if any(right.ndim < 2 for _, right in pairs):
        return
    for what, dims in (("every row", (1,)), ("every column", (0,)), ("the whole", (0, 1))):
        sums = [(value.sum(dims), right.sum(dims)) for value, right in pairs]
        if all(close(right, torch.ones_like(right)) for _, right in sums):
            off = [v[_differ(v, r)] for v, r in sums if not close(v, r)]
            if off:
                number = off[0].flatten()[0].item()
                yield f"{what} of the right result sums to 1, and yours to {number:.4g}"


# --- hyperparameters -----------------------------------------------------------------------------


def ignored_hyperparameter(tried: Tried) -> str:
    """The hyperparameter that the right result depends on and the learner's does not, or ""."""
    for name in tried[0][0].keywords:
        apart = [
            (mine, other)
            for i, mine in enumerate(tried)
            for other in tried[:i]
            if _differ_only_in(name, mine[0], other[0]) and not close(mine[2], other[2])
        ]
        if apart and all(close(mine[1], other[1]) for mine, other in apart):
            fits = {case.keywords[name] for case, value, right in tried if close(value, right)}
            fixed = f": it is right for {name} = {fits.pop():g} only" if len(fits) == 1 else ""
            return f"your result does not change with `{name}`{fixed}"
    return ""


def _differ_only_in(name: str, one: Case, other: Case) -> bool:
    rest = [{k: v for k, v in case.keywords.items() if k != name} for case in (one, other)]
    pairs = zip(one.arguments, other.arguments, strict=True)
    return rest[0] == rest[1] and all(_same(a, b) for a, b in pairs)


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    return one is other or (is_number(one) and one == other)
