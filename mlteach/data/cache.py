"""Where data files are looked for, and where made or downloaded ones are kept."""

from __future__ import annotations

import os
import sys
import uuid
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch

from mlteach import _validate

P = ParamSpec("P")
R = TypeVar("R")
Arrays = dict[str, np.ndarray]
Check = Callable[[Arrays], None]  # raises a ValueError or TypeError that names the array


def cache_folder() -> Path:
    """The folder for made data: `MLTEACH_DATA`, `data/` of a checkout, or the user's cache.

    Raises:
        FileNotFoundError: MLTEACH_DATA names something that is not a folder.
    """
    return data_folders()[0]


def data_folders() -> list[Path]:
    """All folders that data are read from, the first choice first."""
    folders = []
    if named := os.environ.get("MLTEACH_DATA"):
        if not Path(named).is_dir():
            raise FileNotFoundError(
                f"MLTEACH_DATA names {named!r}, which is not a folder: "
                "make it, or unset MLTEACH_DATA"
            )
        folders.append(Path(named))
    checkout = Path(__file__).parents[2]
    # not so in site-packages, where data/ would be somebody else's
    if (checkout / "pyproject.toml").is_file():
        folders.append(checkout / "data")
    return [*folders, _user_cache() / "mlteach"]


def _user_cache() -> Path:
    """The platform's folder for caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def find(name: str) -> Path | None:
    """The first data folder's file of that name, None when no folder has it."""
    return next((folder / name for folder in data_folders() if (folder / name).is_file()), None)


def cached(
    name: str, names: tuple[str, ...], make: Callable[[], Arrays], *, check: Check | None = None
) -> Arrays:
    """The arrays of the cache file `name`; where it is missing or damaged, `make()`'s, cached.

    A file that cannot be used may be somebody's own that only has this name: it gets another one.

    Args:
        name: file name, ending in .npz.
        names: of the arrays in it.
        make: makes these arrays; called only when no data folder has a good file.
        check: what the arrays must fulfil.
    """
    for folder in data_folders():
        if (folder / name).is_file():
            try:
                return read(folder / name, names, check=check)
            except ValueError as error:
                beside = f"the old file is kept beside it as {Path(name).stem}-kept-..."
                warnings.warn(f"{error}; it is made again, {beside}", stacklevel=2)
    arrays = make()
    save(name, arrays)
    return arrays


def read(path: Path, names: tuple[str, ...], *, check: Check | None = None) -> Arrays:
    """Arrays of an npz file, each checked against the sum that the zip format keeps of it.

    Raises:
        ValueError: the file is damaged, cannot be read, lacks one of the arrays, or holds others
            than `check` allows.
    """
    try:
        with open(path, "rb") as file, np.load(file) as content:  # NumPy leaves a bad file open
            arrays = {name: content[name] for name in names}
        if check is not None:
            check(arrays)
        return arrays
    # damage shows as any of a dozen kinds, from BadZipFile to TokenError
    except Exception as error:
        raise ValueError(f"{path} is damaged or cannot be read ({error})") from error


def download(dataset: str, file: str, **arguments):
    """torchvision's data set of that name, downloaded; `file` is what a data folder could hold.

    Raises:
        RuntimeError: it could not be downloaded; says what to do.
    """
    try:
        import torchvision.datasets  # slow to import, and needed nowhere else

        return getattr(torchvision.datasets, dataset)(download=True, **arguments)
    except (ImportError, OSError, RuntimeError) as error:
        raise RuntimeError(
            f"{dataset} could not be downloaded ({error}). Set MLTEACH_DATA to a folder that holds "
            f"{file}, or use glyphs() or shapes(), which need no network"
        ) from error


def bytes_shaped(name: str, array: np.ndarray, *sizes: int | str) -> None:
    """Raises unless this is an array of bytes, of this shape."""
    if array.dtype != np.uint8:
        raise TypeError(f"{name} must be uint8, got {array.dtype}")
    _validate.shaped(name, array, *sizes)


def texts(name: str, array: np.ndarray) -> None:
    """Raises unless this is a row of texts."""
    if array.ndim != 1 or array.dtype.kind != "U":
        raise TypeError(f"{name} must be a row of texts, got {array.dtype} of shape {array.shape}")


def save(name: str, arrays: Arrays, *, replace: bool = False) -> None:
    """Writes the file into the first data folder that takes it; warns where none does.

    With `replace`, over an earlier file of that name; else that one is kept under another.
    """
    refused = []
    for folder in data_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # an administrator's process could write here all the same
            if not folder.stat().st_mode & 0o222:
                raise PermissionError(f"{folder} is read-only")
            _write(folder / name, arrays, replace=replace)
            return
        except OSError as error:
            refused.append(str(error))
    warnings.warn(
        f"{name} could not be kept and will be made again next time: {'; '.join(refused)}",
        stacklevel=3,
    )


def _write(path: Path, arrays: Arrays, *, replace: bool) -> None:
    """Writes beside the file and moves it into place, so that nobody ever reads half a file."""
    contents: dict[str, Any] = arrays  # some versions of NumPy see an allow_pickle in the names
    partial = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.partial")
    try:
        with open(partial, "xb") as file:
            np.savez_compressed(file, **contents)
        if path.exists() and not replace:
            path.rename(path.with_name(f"{path.stem}-kept-{uuid.uuid4().hex[:8]}{path.suffix}"))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def on_cpu(make: Callable[P, R]) -> Callable[P, R]:
    """What makes data makes it on the CPU, whatever torch's default device is."""

    @wraps(make)
    def made(*arguments: P.args, **options: P.kwargs) -> R:
        with torch.device("cpu"):
            return make(*arguments, **options)

    return made
