"""The one place where arguments are checked and refused.

Every function takes the argument's name first and returns the value in the form that the caller
computes with. It raises a TypeError (wrong kind) or a ValueError (right kind, not allowed) that
names the argument, what is allowed, and what was given.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Collection, Iterable, Sized
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

INTEGERS = (
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
)

MOST = 2**63 - 1  # no tensor counts further

LARGEST = sys.float_info.max  # compared with, it tells NaN, infinity and too long whole numbers

ROUNDING = 1e-3  # how far outside [0, 1] an image may lie: what resizing in 16 bits makes of it

OLDER_NAMES = {"Euclid": "euclidean", "euclid": "euclidean"}


def kind(value: Any) -> str:
    """What was given, in two words: a tensor with its dtype, else the name of the type."""
    if isinstance(value, Tensor):
        return f"a tensor of {str(value.dtype).removeprefix('torch.')}"
    return type(value).__name__


def _row(value: Any) -> str:
    """What was given, and of a list the kinds of what it holds."""
    held = sorted({kind(item) for item in value}) if isinstance(value, list | tuple) else []
    return f"{kind(value)} of {', '.join(held)}" if held else kind(value)


def count(name: str, value: Any, *, at_least: int = 1, at_most: int = MOST) -> int:
    """A whole number, NumPy's included; True and 3.0 are none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {kind(value)}: {value!r}")
    whole = int(value)
    if not at_least <= whole <= at_most:
        unbounded = at_most == MOST and whole < at_least
        allowed = f">= {at_least}" if unbounded else f"between {at_least} and {at_most}"
        raise ValueError(f"{name} must be a whole number {allowed}, got {shown(value)}")
    return whole


def counts(name: str, values: Iterable[Any], *, length: int = 1) -> tuple[int, ...]:
    """Whole numbers >= 1, at least so many."""
    if not isinstance(values, tuple | list | np.ndarray | Tensor) or not np.ndim(values):
        raise TypeError(f"{name} must be whole numbers in a row, got {kind(values)}")
    values = tuple(values.tolist() if isinstance(values, np.ndarray | Tensor) else values)
    if len(values) < length:
        raise ValueError(f"{name} must be at least {length} whole number(s), got {values}")
    return tuple(count(f"{name}[{i}]", value) for i, value in enumerate(values))


def number(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> Any:
    """A finite real number in its range, as a float; a 0-d tensor stays what it is.

    A tensor is refused only where its value is known: `torch.vmap` and `torch.compile` know none.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.floating):  # NumPy would round the ends of the range to its type
        value = float(value)
    is_tensor = isinstance(value, Tensor)
    if isinstance(value, bool) or not (_is_real(value) if is_tensor else isinstance(value, Real)):
        raise TypeError(f"{name} must be a number or a 0-d tensor, got {kind(value)}")
    if is_tensor and value.dim() != 0:
        raise ValueError(
            f"{name} must be a number or a 0-d tensor, got a tensor of shape {tuple(value.shape)}"
        )
    if is_tensor:
        inside = (above < value) & (at_least <= value) & (value <= at_most)
        allowed = holds(value.isfinite() & inside)
    else:
        allowed = abs(value) <= LARGEST and above < value and at_least <= value <= at_most
    if not allowed:
        raise ValueError(f"{name} must be {_range(above, at_least, at_most)}, got {shown(value)}")
    return value if is_tensor else float(value)


def holds(condition: Tensor) -> bool:
    """Whether a () condition is true; assumed where no value is known: vmap, compiled graphs."""
    if torch.compiler.is_compiling():
        return True
    try:
        return bool(condition)
    except RuntimeError:  # vmap has many values here, a meta tensor has none
        return True


def flag(name: str, value: Any) -> bool:
    """True or False, NumPy's included."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {kind(value)}: {shown(value)}")
    return bool(value)


def _is_real(value: Tensor) -> bool:
    return value.dtype != torch.bool and not value.is_complex()


def shown(value: Any) -> str:
    """A value as a message shows it, cut where it is long."""
    try:
        text = str(value)
    except ValueError:  # Python prints no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _range(above: float, at_least: float, at_most: float) -> str:
    low, is_open = max(above, at_least), above >= at_least
    if at_most < math.inf:
        return f"a number in {'(' if is_open else '['}{low:g}, {at_most:g}]"
    return "finite" if low == -math.inf else f"finite and {'>' if is_open else '>='} {low:g}"


def strength(name: str, value: Any, *, at_most: float = math.inf) -> float:
    """A number from 0 on, returned as a float: a probability, an amount, a standard deviation."""
    given = number(name, value, at_least=0, at_most=at_most)
    return given.item() if isinstance(given, Tensor) else given


def interval(
    name: str, value: Any, *, above: float = -math.inf, at_most: float = math.inf
) -> tuple[float, float]:
    """A pair (low, high) of finite numbers in order and in their range, returned as floats."""
    if isinstance(value, np.ndarray | Tensor):
        value = value.tolist()
    if isinstance(value, tuple | list) and len(value) == 2:
        low, high = (float(number(name, end)) for end in value)
        if above < low <= high <= at_most:
            return low, high
    start = f"{above:g} < " if above > -math.inf else ""
    end = f" <= {at_most:g}" if at_most < math.inf else ""
    raise ValueError(f"{name} must be (low, high) with {start}low <= high{end}, got {value!r}")


def choice(name: str, value: Any, allowed: Collection[str]) -> str:
    """One of a few names, or the name that one of them once had."""
    value = OLDER_NAMES.get(value, value) if isinstance(value, str) else value
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def generator(name: str, value: Any) -> Generator | None:
    """A torch.Generator, or None for torch's global one."""
    if value is not None and not isinstance(value, Generator):
        raise TypeError(f"{name} must be a torch.Generator or None, got {kind(value)}: {value!r}")
    return value


def seed(name: str, value: Any) -> int:
    """An integer in 0 ... 2**32 - 1, which Python, NumPy and torch all take."""
    return count(name, value, at_least=0, at_most=2**32 - 1)


def tensor(name: str, value: Any) -> Tensor:
    """A tensor of any type."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {kind(value)}")
    return value


def as_tensor(name: str, value: Any) -> Tensor:
    """A tensor as it is; an array, a (nested) list of numbers, or what NumPy reads, as a tensor.

    For the entrances that learners call with data of their own; losses take tensors only.
    """
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_meta:
            given = "one without values" if value.is_meta else "a sparse one: use .to_dense()"
            raise TypeError(f"{name} must be a dense tensor with values, got {given}")
        return value
    if np.ma.is_masked(value):
        raise ValueError(f"{name} must have no masked entries: leave them out or fill them")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # lists of unequal lengths, or of such tensors
        array = np.array(None)
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be a tensor, an array or a list of numbers, got {_row(value)}"
        )
    if array.dtype.kind in "iu":
        array = array.astype(np.int64 if array.dtype != np.uint8 else np.uint8)
    elif array.dtype == np.longdouble or not array.dtype.isnative:
        array = array.astype(np.float64)
    array = np.ascontiguousarray(array)  # torch has no negative strides
    return torch.tensor(array, device="cpu")  # a copy: what the caller has is never written to


def module(name: str, value: Any) -> nn.Module:
    """A network."""
    return instance(name, value, nn.Module, "a network (torch.nn.Module)")


def modules(**networks: Any) -> None:
    """Each is a network, not its class or a function."""
    for name, network in networks.items():
        module(name, network)


def outputs(
    name: str,
    network: nn.Module,
    x: Tensor,
    *,
    of: str | None = None,
    dims: int = 2,
    whole: bool = False,
) -> Tensor:
    """network(x), with 2 dims a row (B, D), with 3 (B, T, D), with 4 (B, D, h, w), for B inputs.

    What does not fit is said of the network by its name, and of x by the name `of`, if given.
    x is floating-point, or, if whole, `tokens` of whole numbers.
    """
    if whole:
        tokens("tokens", x)
    else:
        floats(of or "x", x)
    try:
        y = network(x)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        given = f"{of} of {tuple(x.shape)}" if of else f"inputs of {tuple(x.shape)}"
        raise ValueError(f"{name} cannot take {given}: {error}") from error
    if not isinstance(y, Tensor) or not y.is_floating_point():
        raise TypeError(f"{name} must give a floating-point tensor, got {kind(y)}")
    if y.dim() != dims or len(y) != len(x) or 0 in y.shape[1:]:
        allowed = {2: "D >= 1", 3: "T >= 1, D >= 1", 4: "D, h, w"}[dims]
        given = f"shape {tuple(y.shape)}" + (f" for {of} of {tuple(x.shape)}" if of else "")
        raise ValueError(f"{name} must give ({len(x)}, {allowed}), got {given}")
    return y


def instance(name: str, value: Any, of: type, what: str) -> Any:
    """An object of a class, not the class itself."""
    if not isinstance(value, of):
        given = f"the class {value.__name__}" if isinstance(value, type) else kind(value)
        raise TypeError(f"{name} must be {what}, got {given}")
    return value


def function(
    name: str,
    value: Any,
    *,
    what: str = "a function",
    takes: int | None = None,
    keywords: tuple[str, ...] = (),
) -> Callable[..., Any]:
    """Something that can be called; `what` says with which arguments: "a function of (x, y)".

    With `takes` it must be no class, and take so many arguments by position, and the keywords.
    """
    if not callable(value):
        raise TypeError(f"{name} must be {what}, got {kind(value)}")
    if takes is not None and not _takes(value, takes, keywords):
        given = f"the class {value.__name__}" if isinstance(value, type) else f"{value!r:.60}"
        raise TypeError(f"{name} must be {what}, got {given}, which takes others")
    return value


def _takes(value: Callable[..., Any], number: int, keywords: tuple[str, ...]) -> bool:
    if isinstance(value, type):
        return False
    called = value.forward if isinstance(value, nn.Module) else value
    try:
        inspect.signature(called).bind(*range(number), **dict.fromkeys(keywords))
    except TypeError:
        return False
    except ValueError:  # a function written in C says nothing of its arguments
        return True
    return True


def length(name: str, value: Sized, size: int) -> None:
    """So many entries."""
    if len(value) != size:
        raise ValueError(f"{name} must have {size} entries, got {len(value)}")


def one_dtype(**tensors: Tensor) -> None:
    """Floating-point tensors of one type."""
    types = [floats(name, value).dtype for name, value in tensors.items()]
    if len(set(types)) > 1:
        given = " and ".join(str(dtype).removeprefix("torch.") for dtype in types)
        raise TypeError(f"{' and '.join(tensors)} must be of one type, got {given}")


def shaped(name: str, value: Any, *sizes: int | str, at_least: int = 0) -> Any:
    """A tensor or array of this shape; a letter stands for one size, of at_least or more."""
    if not isinstance(value, Tensor | np.ndarray):
        raise TypeError(f"{name} must be a tensor, got {kind(value)}")
    given, meant = tuple(value.shape), dict(zip(sizes, value.shape, strict=False))
    letters = [size for size in sizes if isinstance(size, str)]
    expected = tuple(meant.get(size) if size in letters else size for size in sizes)
    if given != expected or any(meant[letter] < at_least for letter in letters):
        raise ValueError(f"{name} must be {_shape(sizes, at_least)}, got shape {given}")
    return value


def _shape(sizes: tuple[int | str, ...], at_least: int) -> str:
    bound = f" >= {at_least}" if at_least else ""
    texts = [f"{size}{bound}" if isinstance(size, str) else str(size) for size in sizes]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def matrices(*, at_least: int = 1, **tensors: Tensor) -> None:
    """Tensors of one shape (N, D) with at least so many rows and a column."""
    shapes = {tuple(x.shape) for x in tensors.values()}
    first = min(shapes)
    if len(shapes) > 1 or len(first) != 2 or first[0] < at_least or first[1] < 1:
        given = ", ".join(f"{name} {tuple(x.shape)}" for name, x in tensors.items())
        allowed = f"(N >= {at_least}, D >= 1){', of one shape' if len(tensors) > 1 else ''}"
        raise ValueError(f"{', '.join(tensors)} must be {allowed}, got {given}")


def floats(name: str, value: Any) -> Tensor:
    """A floating-point tensor."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, got {kind(value)}")
    return value


def finite(name: str, value: Tensor) -> Tensor:
    """A tensor without NaN and infinity."""
    if value.is_floating_point() and not holds(value.isfinite().all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return value


def features(name: str, value: Any, *, at_least: int = 1) -> Tensor:
    """(N, D) features of at least so many rows, all finite, returned in float32 or float64.

    Arrays and lists are taken, integers too; 16-bit floats become float32, in which distances and
    lengths are computed, and so do integers, if it holds them all exactly.
    """
    value = as_tensor(name, value)
    if not _is_real(value):
        raise TypeError(f"{name} must hold numbers, got {kind(value)}")
    if value.dtype not in (torch.float32, torch.float64):
        exact = value.is_floating_point() or value.numel() == 0 or _largest(value) <= 2**24
        value = value.to(torch.float32) if exact else value.double()
    if value.dim() != 2 or len(value) < at_least or value.shape[1] < 1:
        raise ValueError(f"{name} must be (N >= {at_least}, D >= 1), got {tuple(value.shape)}")
    if not value.isfinite().all():
        row = (~value.isfinite()).nonzero()[0, 0]
        raise ValueError(f"{name} must be finite, got NaN or infinity in row {row}")
    return value


def _largest(whole: Tensor) -> float:
    return whole.cpu().double().abs().max().item()  # of uint16 torch knows no largest


def images(
    name: str, value: Any, *, channels: Collection[int] | None = None, unit: bool = True
) -> Tensor:
    """(B, C, H, W) floating-point images, with all values in [0, 1] if unit; B may be 0."""
    if isinstance(value, Tensor) and value.dtype == torch.uint8:
        raise TypeError(
            f"{name} must be a floating-point tensor, got a tensor of uint8: divide by 255"
        )
    floats(name, value)
    if value.dim() != 4 or 0 in value.shape[1:]:
        raise ValueError(f"{name} must be (B, C, H, W), got shape {tuple(value.shape)}")
    if channels is not None:
        has_channels(name, value, channels)
    if unit and len(value) and not value.is_meta:
        low, high = (end.item() for end in value.detach().aminmax())
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # NaN is neither
            raise ValueError(f"{name} must be in [0, 1], got values from {low:.4g} to {high:.4g}")
    return value


def has_channels(name: str, value: Any, allowed: Collection[int]) -> None:
    """(B, C, H, W) with as many channels as is allowed."""
    if value.shape[1] not in allowed:
        numbers = " or ".join(map(str, allowed))
        raise ValueError(f"{name} must have {numbers} channels, got {value.shape[1]}")


def mask(name: str, value: Any, *, size: int) -> Tensor:
    """(size,) True and False, or 1 and 0, returned as booleans."""
    shaped(name, tensor(name, value), size)
    if value.dtype != torch.bool and not holds(((value == 0) | (value == 1)).all()):
        wrong = value[(value != 0) & (value != 1)][0]
        raise ValueError(f"{name} must hold True and False, or 1 and 0, got {wrong}")
    return value == 1


def labels(
    name: str, value: Any, *, size: int | None = None, n_classes: int | None = None
) -> Tensor:
    """(N,) integer classes >= 0 and below n_classes, of any integer type, returned as int64.

    Arrays and lists are taken, as for features.
    """
    value = as_tensor(name, value)
    if value.dtype not in INTEGERS:
        raise TypeError(f"{name} must be a tensor of integers, got {kind(value)}")
    value = shaped(name, value, "N" if size is None else size).long()
    if len(value) and (value.min() < 0 or (n_classes is not None and value.max() >= n_classes)):
        allowed = ">= 0" if n_classes is None else f"in 0 ... {n_classes - 1}"
        raise ValueError(f"{name} must be {allowed}, got {value.min()} to {value.max()}")
    return value


def tokens(name: str, value: Any, *, size: int | None = None) -> Tensor:
    """(B >= 1, L >= 1) numbers of words, whole, >= 0 and below size, as int64."""
    if not isinstance(value, Tensor) or value.dtype not in INTEGERS:
        raise TypeError(f"{name} must be a tensor of whole numbers, got {kind(value)}")
    shaped(name, value, "B", "L", at_least=1)
    low, high = int(value.min()), int(value.max())
    if low < 0 or (size is not None and high >= size):
        allowed = ">= 0" if size is None else f"in 0 ... {size - 1}"
        raise ValueError(f"{name} must be {allowed}, got {low} to {high}")
    return value.long()


def numbered_texts(
    name: str, values: Any, *, size: int | None = None
) -> tuple[Tensor, tuple[str, ...]] | None:
    """(N,) texts as whole numbers from 0 on, and the text of each, sorted; None if none are given.

    For the entrances that learners call with labels of their own; what is not text is left to
    `labels`.
    """
    if isinstance(values, Tensor | str):
        return None
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # lists of unequal lengths
        return None
    given = array.tolist() if isinstance(values, np.ndarray) else values
    is_objects = array.dtype.kind == "O" and any(isinstance(value, str) for value in array.flat)
    if array.size == 0 or not (array.dtype.kind == "U" or is_objects):
        return None
    shaped(name, array, "N" if size is None else size)
    if others := {kind(value) for value in given if not isinstance(value, str)}:
        raise TypeError(f"{name} must be texts throughout, got {', '.join(sorted(others))} too")
    texts, numbers = np.unique(array.astype(str), return_inverse=True)
    return torch.from_numpy(numbers).long(), tuple(texts.tolist())


def texts(name: str, values: Any) -> tuple[str, ...]:
    """At least one text, in a list, a tuple or an array."""
    is_row = isinstance(values, tuple | list) or (isinstance(values, np.ndarray) and values.ndim)
    if not is_row or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name} must be a list of texts, got {_row(values)}")
    if len(values) == 0:
        raise ValueError(f"{name} must have at least one text, got none")
    return tuple(map(str, values))
