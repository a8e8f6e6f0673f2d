"""Where data files are found and kept, and the two data sets that come from outside."""

import io
import os
import stat
import sys
import types
import urllib.error
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from mlteach.data import cache, cache_folder, cifar10, omniglot


def needs(file):
    """Skips a test of the real data where they are not at hand."""
    missing = not (cache.Path(os.environ.get("MLTEACH_DATA", "")) / file).is_file()
    return pytest.mark.skipif(missing, reason=f"MLTEACH_DATA names no folder that holds {file}")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """No checkout, an empty folder for MLTEACH_DATA and an empty user's cache."""
    monkeypatch.setattr(
        cache, "__file__", str(tmp_path / "site-packages" / "mlteach" / "data" / "cache.py")
    )
    monkeypatch.setattr(cache, "_user_cache", lambda: tmp_path / "user")
    named = tmp_path / "named"
    named.mkdir()
    monkeypatch.setenv("MLTEACH_DATA", str(named))
    return types.SimpleNamespace(named=named, user=tmp_path / "user" / "mlteach")


def some_arrays():
    return {"a": np.arange(1000) % 7, "b": np.array(["x", "y"])}


def must_not_be_called():
    raise AssertionError("made again, although a good file is there")


def test_cache_folder(tmp_path, monkeypatch):
    """A checkout's data/, elsewhere the user's cache, and MLTEACH_DATA before both."""
    monkeypatch.delenv("MLTEACH_DATA", raising=False)
    assert cache_folder().name == "data"
    assert (cache_folder() / "README.md").is_file()
    monkeypatch.setattr(
        cache, "__file__", str(tmp_path / "site-packages" / "mlteach" / "data" / "cache.py")
    )
    monkeypatch.setattr(cache, "_user_cache", lambda: tmp_path / "user")
    (tmp_path / "site-packages" / "data").mkdir(parents=True)  # somebody else's
    assert cache_folder() == tmp_path / "user" / "mlteach"
    monkeypatch.setenv("MLTEACH_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("MLTEACH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="MLTEACH_DATA names .*nowhere"):
        cache_folder()


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache"),
        ("darwin", None, "Library/Caches"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
    ],
)
def test_user_cache(platform, variable, expected, tmp_path, monkeypatch):
    """Each platform's own place, and the variable that moves it."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(cache.Path, "home", lambda: tmp_path)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert cache._user_cache() == tmp_path / expected
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "moved"))
        assert cache._user_cache() == tmp_path / "moved"


def test_cached_makes_once(folders):
    """The first call makes and keeps, the second reads; nothing else is left in the folder."""
    first = cache.cached("a.npz", ("a", "b"), some_arrays)
    second = cache.cached("a.npz", ("a", "b"), must_not_be_called)
    for name, array in some_arrays().items():
        assert (first[name] == array).all()
        assert (second[name] == array).all()
    assert [file.name for file in folders.named.iterdir()] == ["a.npz"]
    assert stat.S_IMODE((folders.named / "a.npz").stat().st_mode) & 0o400


def damaged(good):
    """Ways a file goes wrong: cut off, a byte changed, empty, not a zip at all, pickled objects."""
    yield from (good[: int(share * len(good))] for share in (0, 0.1, 0.5, 0.9, 0.999))
    for place in range(len(good)):
        yield good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]
    yield b"<html>404</html>"
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([{}]))
    yield pickled.getvalue()


def test_damaged_files_are_never_believed(folders):
    """A damaged file is announced and made again, or the damage lies where it changes no array."""
    cache.cached("a.npz", ("a", "b"), some_arrays)
    file = folders.named / "a.npz"
    good = file.read_bytes()
    remade = 0
    for content in damaged(good):
        file.write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arrays = cache.cached("a.npz", ("a", "b"), some_arrays)
        if caught:
            assert "damaged" in str(caught[0].message)
            assert cache.read(file, ("a", "b")).keys() == arrays.keys()
            remade += 1
        for name, array in some_arrays().items():
            assert (arrays[name] == array).all()
    assert remade > 10


def test_a_file_of_somebody_else_is_kept(folders):
    """What only has the name of a cache file is moved aside, whole, and its new name is said."""
    theirs = folders.named / "a.npz"
    np.savez(theirs, mine=np.arange(3))
    content = theirs.read_bytes()
    with pytest.warns(UserWarning, match="made again, the old file is kept beside it as a-kept-"):
        cache.cached("a.npz", ("a", "b"), some_arrays)
    (kept,) = folders.named.glob("a-kept-*.npz")
    assert kept.read_bytes() == content
    cache.cached("a.npz", ("a", "b"), must_not_be_called)


def test_an_interrupted_write_leaves_nothing(folders, monkeypatch):
    """A write that breaks off leaves no half file, and the next call makes a whole one."""

    def break_off(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", break_off)
        with pytest.raises(KeyboardInterrupt):
            cache.cached("a.npz", ("a", "b"), some_arrays)
    assert list(folders.named.iterdir()) == []
    cache.cached("a.npz", ("a", "b"), some_arrays)
    good = (folders.named / "a.npz").read_bytes()
    monkeypatch.setattr(np, "savez_compressed", break_off)
    with pytest.raises(KeyboardInterrupt):
        cache.save("a.npz", some_arrays())
    with pytest.raises(KeyboardInterrupt):
        cache.save("a.npz", some_arrays(), replace=True)
    assert [file.read_bytes() for file in folders.named.iterdir()] == [good]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no read-only folders")
def test_a_read_only_folder_stays_untouched(folders):
    """A teacher's read-only folder is read, never written, not even by an administrator."""
    folders.named.chmod(0o555)
    cache.cached("a.npz", ("a", "b"), some_arrays)
    assert list(folders.named.iterdir()) == []
    assert [file.name for file in folders.user.iterdir()] == ["a.npz"]
    cache.cached("a.npz", ("a",), must_not_be_called)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no read-only folders")
def test_nowhere_to_write(folders):
    """Where nothing can be kept the arrays come all the same, with a warning that says why."""
    folders.named.chmod(0o555)
    folders.user.parent.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="a.npz could not be kept .*read-only"):
        arrays = cache.cached("a.npz", ("a", "b"), some_arrays)
    assert (arrays["a"] == some_arrays()["a"]).all()


def test_a_file_of_another_format_is_named(folders):
    """A file with the right name and wrong arrays is refused by name of file and array."""
    np.savez(folders.named / "cifar10_jpeg.npz", images=np.zeros(3))
    with pytest.raises(ValueError, match="cifar10_jpeg.npz .*test_jpeg"):
        cifar10("test")
    np.savez(folders.named / "a.npz", images=np.zeros(3))
    with pytest.warns(UserWarning, match="a.npz is damaged .*made again"):
        cache.cached("a.npz", ("a", "b"), some_arrays)


def write_omniglot(folder):
    """Three alphabets of 2, 1 and 1 characters and 20 drawers, in the order of a throw of dice."""
    names = np.array(
        ["Zulu/character01", "Alpha/character02", "Alpha/character01", "Beta/character01"]
    )
    character, drawer = np.repeat(np.arange(4), 20), np.tile(np.arange(20), 4)
    images = np.zeros((80, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = character * 50, drawer * 10
    order = np.random.default_rng(0).permutation(80)
    arrays = {
        "images": images,
        "character": character.astype(np.int16),
        "drawer": drawer.astype(np.int8),
    }
    arrays = {name: array[order] for name, array in arrays.items()}
    evaluation = np.isin(arrays["character"], [0, 3])
    np.savez(folder / "omniglot28.npz", **arrays, evaluation=evaluation, names=names)


def test_omniglot_from_a_folder(folders):
    """Characters in the order of their names, drawers from 0 to 19, labels from 0 in each split."""
    write_omniglot(folders.named)
    background, evaluation, everything = (
        omniglot(split) for split in ("background", "evaluation", "all")
    )
    assert background.classes == ("Alpha/character01", "Alpha/character02")
    assert evaluation.classes == ("Beta/character01", "Zulu/character01")
    assert everything.classes == (*background.classes, *evaluation.classes)
    assert background.images.shape == (40, 1, 28, 28)
    assert background.labels.tolist() == [0] * 20 + [1] * 20
    assert background.factors["drawer"].tolist() == [*range(20)] * 2
    assert background.factors["script"].tolist() == [0] * 40
    assert evaluation.factors["script"].tolist() == [0] * 20 + [1] * 20
    corner = (background.images * 255).round().long()[:, 0, 0]
    # the images moved with their labels
    assert corner[:, 0].tolist() == [2 * 50] * 20 + [1 * 50] * 20
    assert corner[:, 1].tolist() == [10 * drawer for drawer in range(20)] * 2


def jpeg(colour):
    file = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(file, "JPEG", quality=95)
    return file.getvalue()


def write_cifar10_jpeg(folder, names):
    """A red, a green and a blue image, labels 2, 0, 1 of the given names, in both parts."""
    files = [jpeg(colour) for colour in ("red", "lime", "blue")]
    part = {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offset": np.cumsum([0] + [len(file) for file in files]),
        "label": np.array([2, 0, 1], np.uint8),
    }
    arrays = {
        f"{split}_{name}": array for split in ("train", "test") for name, array in part.items()
    }
    np.savez(folder / "cifar10_jpeg.npz", names=np.array(names), **arrays)


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar10_from_a_jpeg_copy(folders, split):
    """Images decode to red, green, blue in that order; labels follow the names in the file."""
    write_cifar10_jpeg(folders.named, ["frog", "cat", "airplane"])
    part = cifar10(split)
    assert part.images.shape == (3, 3, 32, 32)
    assert torch.allclose(part.images.mean((2, 3)), torch.eye(3), atol=0.02)
    assert [part.classes[label] for label in part.labels] == ["airplane", "frog", "cat"]


def install_torchvision(monkeypatch, **data_sets):
    """Puts a torchvision of these data sets in the place of the real one."""
    fake, fake.datasets = types.ModuleType("torchvision"), types.SimpleNamespace(**data_sets)
    monkeypatch.setitem(sys.modules, "torchvision", fake)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", fake.datasets)


def test_omniglot_by_torchvision(folders, monkeypatch):
    """What torchvision unpacks becomes the cached file: inverted, 28 pixels, drawers from 0."""

    def unpack(root, background, download):
        assert download
        part, alphabet = ("background", "Greek") if background else ("evaluation", "Tengwar")
        folder = cache.Path(root, "omniglot-py", f"images_{part}", alphabet, "character01")
        folder.mkdir(parents=True)
        page = Image.new("1", (105, 105), 1)
        page.paste(0, (0, 0, 105, 30))  # ink on the upper two sevenths
        for drawer in (1, 2):
            page.save(folder / f"0007_{drawer:02}.png")

    install_torchvision(monkeypatch, Omniglot=unpack)
    first = omniglot("evaluation")
    assert first.classes == ("Tengwar/character01",)
    assert first.factors["drawer"].tolist() == [0, 1]
    assert first.images[0, 0, :7].min() > 0.9
    assert first.images[0, 0, 9:].max() < 0.1
    install_torchvision(monkeypatch)
    assert torch.equal(omniglot("evaluation").images, first.images)  # from the cache
    assert omniglot("background").classes == ("Greek/character01",)


def test_cifar10_by_torchvision(folders, monkeypatch):
    """What torchvision downloads is cached without loss, and preferred to a JPEG copy."""

    def unpack(root, train, download):
        assert download
        pixels = np.arange(2 * 32 * 32 * 3).reshape(2, 32, 32, 3) % 251 + train
        return types.SimpleNamespace(data=pixels.astype(np.uint8), targets=[9, 3])

    install_torchvision(monkeypatch, CIFAR10=unpack)
    first = cifar10("test")
    install_torchvision(monkeypatch)
    write_cifar10_jpeg(folders.named, ["frog", "cat", "airplane"])
    again = cifar10("test")
    assert torch.equal(first.images, again.images)
    assert again.labels.tolist() == [9, 3]
    assert (again.images[0, :, 0, 1] * 255).round().tolist() == [3, 4, 5]
    assert (cifar10("train").images[0, :, 0, 1] * 255).round().tolist() == [4, 5, 6]


@pytest.mark.parametrize("load", [omniglot, cifar10])
def test_without_a_network(folders, monkeypatch, load):
    """The error says what to do: name a folder, or take the data that are made here."""

    def unreachable(**arguments):
        raise urllib.error.URLError("no route to host")

    install_torchvision(monkeypatch, Omniglot=unreachable, CIFAR10=unreachable)
    with pytest.raises(
        RuntimeError,
        match=r"no route to host.*Set MLTEACH_DATA .*\.npz, or use glyphs\(\) or shapes\(\)",
    ):
        load()
    assert list(folders.named.iterdir()) == []


@needs("omniglot28.npz")
def test_real_omniglot():
    """964 and 659 characters, 20 drawers each, about a twelfth of the page ink."""
    background, evaluation = omniglot("background"), omniglot("evaluation")
    assert (len(background.classes), len(evaluation.classes)) == (964, 659)
    assert background.labels.bincount().unique().tolist() == [20]
    assert len(background.factors["script"].unique()) == 30
    assert len(evaluation.factors["script"].unique()) == 20
    assert 0.07 < background.images.mean() < 0.1


@needs("cifar10_jpeg.npz")
def test_real_cifar10():
    """10,000 test images, a thousand of each kind, with the mean colour that is published.

    Channel means 0.491, 0.482, 0.447 (training part), as most CIFAR-10 code carries them.
    """
    test = cifar10("test")
    assert test.labels.bincount().tolist() == [1000] * 10
    assert test.images.mean((0, 2, 3)).tolist() == pytest.approx([0.491, 0.482, 0.447], abs=0.01)


WRONG_OMNIGLOT = {
    "images": [np.zeros((80, 28, 27), np.uint8), np.zeros((80, 28, 28)), np.zeros(80, np.uint8)],
    "character": [np.full(80, 4), np.full(80, -1), np.zeros(79, int), np.zeros(80)],
    "drawer": [np.full(80, -1), np.zeros((80, 1), int)],
    "evaluation": [np.zeros(80, int), np.zeros(79, bool)],
    "names": [np.arange(4), np.array([["a/b"] * 4])],
}


@pytest.mark.parametrize(
    ("array", "value"), [(name, value) for name, wrong in WRONG_OMNIGLOT.items() for value in wrong]
)
def test_an_archive_with_wrong_arrays_is_not_believed(folders, monkeypatch, array, value):
    """One line names the file and the array; then the set is made again, as for a damaged file."""
    install_torchvision(monkeypatch)  # has nothing to download from
    write_omniglot(folders.named)
    with np.load(folders.named / "omniglot28.npz") as file:
        good = dict(file)
    np.savez(folders.named / "omniglot28.npz", **good | {array: value})
    with (
        pytest.warns(UserWarning, match=rf"omniglot28.npz is damaged .*\({array} must"),
        pytest.raises((RuntimeError, AttributeError)),
    ):
        omniglot()


WRONG_CIFAR10 = {
    "test_jpeg": [np.zeros(3), np.zeros((9, 9), np.uint8)],
    "test_offset": [np.arange(3), np.array([0, 5, 5, 9]), np.array([0, 1, 2, 10**9])],
    "test_label": [np.array([0, 1, 3]), np.array([0.0, 1, 2]), np.zeros((3, 1), int)],
    "names": [np.array(["frog", "cat", "house"]), np.arange(3)],
}


@pytest.mark.parametrize(
    ("array", "value"), [(name, value) for name, wrong in WRONG_CIFAR10.items() for value in wrong]
)
def test_a_jpeg_copy_with_wrong_arrays_is_refused(folders, array, value):
    """One line names the file and the array."""
    write_cifar10_jpeg(folders.named, ["frog", "cat", "airplane"])
    with np.load(folders.named / "cifar10_jpeg.npz") as file:
        good = dict(file)
    np.savez(folders.named / "cifar10_jpeg.npz", **good | {array: value})
    with pytest.raises(ValueError, match=rf"cifar10_jpeg.npz is damaged .*\({array} must"):
        cifar10("test")


@pytest.mark.parametrize(
    "content", [b"no image", Image.new("RGB", (1, 1)), Image.new("L", (32, 32))]
)
def test_a_jpeg_copy_of_other_images_is_refused(folders, content):
    """A single pixel would be spread over the whole image without a word."""
    if not isinstance(content, bytes):
        file = io.BytesIO()
        content.save(file, "PNG")
        content = file.getvalue()
    data = np.frombuffer(content, np.uint8)
    arrays = {"test_jpeg": data, "test_offset": np.array([0, len(data)]), "test_label": [0]}
    np.savez(folders.named / "cifar10_jpeg.npz", **arrays, names=np.array(["cat"]))
    with pytest.raises(ValueError, match="cifar10_jpeg.npz is damaged: image 0 of test"):
        cifar10("test")
