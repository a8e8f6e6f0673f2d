"""A folder of images as a data set: one sub-folder a class, or none at all."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mlteach import _validate
from mlteach._kernel import ProgressBar
from mlteach.data import cache
from mlteach.data.arrays import UNLABELLED
from mlteach.data.cache import Arrays, bytes_shaped, on_cpu
from mlteach.data.dataset import Dataset
from mlteach.data.decoding import as_rgb, square

ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff"),
    *(".webp", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
)
LARGEST = 1024  # pixels a side
MOST = 100_000  # files
MOST_NUMBERS = 10**9  # of all images together: 4 GB
CACHED_FROM = 200  # images: fewer are read again in a second or two
NAMED = 3  # of what is left out

Left = list[tuple[str, str]]  # the name of what is left out, and why


@on_cpu
def folder(path: str | os.PathLike, size: int = 32, *, ink: bool = False) -> Dataset:
    """Reads a folder of your own images: every chapter and every explorer takes what it returns.

    Each sub-folder is a class, with all images in it and in the folders inside it. Where there is
    no sub-folder with images, all images of the folder are one class, "unlabelled". An image is
    turned as its camera says, cut to its middle square and made smaller with antialiasing; what is
    transparent becomes white, and of a moving image the first frame is taken. The folder is only
    read. Of 200 images or more a small copy is kept in `cache_folder()` until the folder changes.

    What is no image, what is damaged, and images that lie beside the sub-folders are left out, and
    a warning names them. Hidden files are passed over.

    Args:
        path: the folder; ``~`` is your home.
        size: height and width of the images, in pixels, 1 to 1024.
        ink: one channel with ink = 1 instead of colours, as the glyphs and Omniglot have it: for
            drawings on light paper.

    Returns:
        Images (N, 3, size, size), or (N, 1, size, size) with ink, in the order of their names;
        classes by the names of the sub-folders; factors "class" and "file", whose texts are the
        names of the files.

    Raises:
        TypeError, ValueError: path is no folder, no image in it can be read, or size is out of
            range.
    """
    place = _place(path)
    size = _validate.count("size", size, at_most=LARGEST)
    if not isinstance(ink, bool | np.bool_):
        raise TypeError(f"ink must be True or False, got {_validate.kind(ink)}")
    files, left = _images_in(place)
    if not files:
        raise ValueError(f"path must be a folder with images, {place} has none{_listed(left)}")
    if len(files) * 3 * size**2 > MOST_NUMBERS:
        memory = len(files) * 12 * size**2 / 1e9
        raise ValueError(f"size must be smaller for {len(files):,} images: {memory:.0f} GB")
    pixels, broken = _pixels(place, files, size)
    left += broken.items()
    files = [file for file in files if _shown(file) not in broken]
    if not files:
        raise ValueError(f"path must be a folder with images, {place} has none{_listed(left)}")
    if left:
        warnings.warn(f"{place.name}: {len(files)} images read{_listed(left)}", stacklevel=3)
    return _data_set(place, files, pixels, bool(ink))


def _place(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"path must be the name of a folder, got {_validate.kind(path)}")
    if os.fspath(path) == "" or "\0" in os.fspath(path):
        raise ValueError(f"path must be the name of a folder, got {os.fspath(path)!r}")
    place = Path(os.path.abspath(Path(path).expanduser()))
    if not place.exists():
        raise ValueError(f"path must be a folder with images, there is no {place}")
    if not place.is_dir():
        raise ValueError(f"path must be a folder with images, {place} is a file")
    return place


# --- what there is -------------------------------------------------------------------------------


def _images_in(place: Path) -> tuple[list[Path], Left]:
    """The images of the sub-folders, or else of the folder itself; and what is left out."""
    files: list[Path] = []
    left: list[tuple[Path, str]] = []
    for file in _files(place, left):
        if len(files) + len(left) == MOST:
            raise ValueError(
                f"path must be a folder of images, {place} holds more than {MOST:,} files"
            )
        if not file.is_file():
            left.append((file, "no file"))
        elif file.suffix.lower() in ENDINGS:
            files.append(file.relative_to(place))
        else:
            left.append((file, "no image"))
    inside = [file for file in files if len(file.parts) > 1]
    if inside:
        beside = [place / file for file in files if len(file.parts) == 1]
        left += [(file, "beside the sub-folders") for file in beside]
        files = inside
    return files, [(_shown(file.relative_to(place)), why) for file, why in left]


def _files(place: Path, left: list[tuple[Path, str]]) -> Iterator[Path]:
    """All files below, by name; hidden ones are passed over, links are followed once."""
    seen: set[str] = set()

    def locked(error: OSError) -> None:
        left.append((Path(error.filename), error.strerror or "cannot be opened"))

    for here, folders, names in os.walk(place, followlinks=True, onerror=locked):
        real = os.path.realpath(here)
        if real in seen:  # a link leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(here, name) for name in sorted(names) if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _shown(file: Path) -> str:
    """A file's name as a text that can be written anywhere."""
    return file.as_posix().encode("utf-8", "replace").decode()


def _listed(left: Left) -> str:
    """The rest of a sentence: how many were left out, the first by name."""
    if not left:
        return ""
    names = [f"{name} ({why})" for name, why in left[:NAMED]]
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"; left out: {', '.join(names)}{more}"


# --- pixels --------------------------------------------------------------------------------------


def _pixels(place: Path, files: list[Path], size: int) -> tuple[np.ndarray, dict[str, str]]:
    """(N, size, size, 3) uint8 of the files that can be read, and why the others cannot."""
    read = _read if len(files) < CACHED_FROM else _cached
    arrays = read(place, files, size)
    names = [_shown(file) for file in files]
    broken = {name: why for name, why in zip(names, arrays["why"].tolist(), strict=True) if why}
    return arrays["pixels"], broken


def _cached(place: Path, files: list[Path], size: int) -> Arrays:
    """The same from the small copy, if the files are those that it was made of."""
    name = f"folder-{_digest(str(place), str(size))}.npz"
    stats = [(place / file).stat() for file in files]
    now = [
        f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in zip(files, stats, strict=True)
    ]
    key = _digest(*now)

    def check(arrays: Arrays) -> None:
        if str(arrays["key"]) != key or arrays["why"].shape != (len(files),):
            raise ValueError("the folder has changed")
        read = int((arrays["why"] == "").sum())
        _validate.length("pixels", arrays["pixels"], read)
        bytes_shaped("pixels", arrays["pixels"], "N", size, size, 3)

    kept = cache.find(name)
    if kept is not None:
        try:
            return cache.read(kept, ("key", "pixels", "why"), check=check)
        except ValueError:  # damaged, or of an earlier state of the folder: it is made again
            pass
    arrays = _read(place, files, size) | {"key": np.array(key)}
    cache.save(name, arrays, replace=True)  # nobody else calls a file by such a sum
    return arrays


def _digest(*texts: str) -> str:
    joined = "\n".join(texts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:16]


def _read(place: Path, files: list[Path], size: int) -> Arrays:
    """Every file as (size, size, 3) colours, or the reason why it cannot be read."""
    pixels, why = [], []
    few = len(files) < CACHED_FROM
    for file in ProgressBar(files, desc="reading images", leave=False, disable=few):
        try:
            pixels.append(_image(place / file, size))
            why.append("")
        # damage shows as any of a dozen kinds, from SyntaxError to struct.error
        except Exception as error:
            why.append(_reason(error))
    shape = (len(pixels), size, size, 3)
    return {"pixels": np.array(pixels, np.uint8).reshape(shape), "why": np.array(why)}


def _image(file: Path, size: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large photographs, and of odd notes beside the pixels
        with Image.open(file) as image:
            image.draft("RGB", (2 * size, 2 * size))  # a JPEG is then decoded at a fraction
            return np.asarray(square(as_rgb(image), size))


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError | SyntaxError):
        return "no image"
    return " ".join(str(error).split())[:60] or type(error).__name__


def _data_set(place: Path, files: list[Path], pixels: np.ndarray, ink: bool) -> Dataset:
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    if ink:
        weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # of lightness, as Pillow's
        images = 1 - (images * weights).sum(1, keepdim=True).clamp(0, 1)
    names = tuple(_shown(file) for file in files)
    of_file = [name.split("/")[0] if "/" in name else UNLABELLED for name in names]
    classes = tuple(sorted(set(of_file)))
    labels = torch.tensor([classes.index(name) for name in of_file])
    return Dataset(
        place.name or "folder",
        images.contiguous(),
        labels,
        classes,
        {"class": labels, "file": torch.arange(len(names))},
        {"class": classes, "file": names},
    )
