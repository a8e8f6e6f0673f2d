"""A folder of one's own images: every kind of file, every kind of folder, nothing lost in it."""

import io
import os
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from support.photographs import photographs, write_photographs

from mlteach.data import cache, folder

own = sys.modules["mlteach.data.folder"]
RED = (200, 30, 40)


@pytest.fixture(autouse=True)
def cache_place(tmp_path, monkeypatch):
    """Copies go to a folder of the test's own."""
    place = tmp_path / "cache"
    place.mkdir()
    monkeypatch.setenv("MLTEACH_DATA", str(place))
    return place


@pytest.fixture
def place(tmp_path):
    made = tmp_path / "my images"
    made.mkdir()
    return made


def red(size=(8, 8)):
    return Image.new("RGB", size, RED)


def colours(dataset):
    """(N, 3) mean colours, 0 to 255."""
    return (dataset.images.mean((2, 3)) * 255).round().int().tolist()


def contents(place):
    return {
        file: (file.stat().st_mtime_ns, file.read_bytes())
        for file in place.rglob("*")
        if file.is_file()
    }


# --- kinds of images -----------------------------------------------------------------------------


def half_clear():
    image = Image.new("RGBA", (8, 8), (*RED, 255))
    image.paste((0, 0, 0, 0), (0, 0, 8, 4))  # black where nobody sees it
    return image


def clear_palette():
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 0, *RED])
    image.paste(1, (0, 4, 8, 8))
    image.info["transparency"] = 0
    return image


def grey16(value):
    return Image.fromarray(np.full((8, 8), value, np.uint16))


HALF_WHITE = [228, 142, 148]  # the mean of white and red

KINDS = {
    "colour.png": (red(), list(RED)),
    "grey.png": (Image.new("L", (8, 8), 90), [90] * 3),
    "one bit.png": (Image.new("1", (8, 8), 1), [255] * 3),
    "palette.png": (red().convert("P", palette=Image.Palette.ADAPTIVE), list(RED)),
    "palette.gif": (red().convert("P", palette=Image.Palette.ADAPTIVE), list(RED)),
    "clear.png": (half_clear(), HALF_WHITE),
    "clear grey.png": (half_clear().convert("LA"), [168] * 3),
    "clear palette.png": (clear_palette(), HALF_WHITE),
    "16 bits.png": (grey16(32896), [128] * 3),
    "16 bits.tif": (grey16(32896), [128] * 3),
    "white 16 bits.png": (grey16(65535), [255] * 3),
    "dark 16 bits.png": (grey16(257), [1] * 3),
    "floats.tif": (Image.fromarray(np.full((8, 8), 0.5, np.float32)), [128] * 3),
    "four inks.tif": (red().convert("CMYK"), list(RED)),
    "four inks.jpg": (red().convert("CMYK"), list(RED)),
    "UPPER.JPG": (red(), list(RED)),
    "häßlich 图.png": (red(), list(RED)),
    "web.webp": (red(), list(RED)),
    "old.bmp": (red(), list(RED)),
    "plain.ppm": (red(), list(RED)),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_image_becomes_plain_colours(place, name):
    """Clear parts are white, sixteen bits reach from black to white, four inks are colours."""
    image, expected = KINDS[name]
    image.save(place / name, **({"transparency": 0} if name == "clear palette.png" else {}))
    dataset = folder(place, 8)
    assert dataset.images.shape == (1, 3, 8, 8)
    assert dataset.factor_names["file"] == (name,)
    np.testing.assert_allclose(colours(dataset)[0], expected, atol=4)  # lossy kinds


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_as_their_camera_says(place, orientation):
    """Each of the eight ways to hold a camera ends upright: red above, blue below."""
    upright = Image.new("RGB", (16, 16), "blue")
    upright.paste(RED, (0, 0, 16, 8))
    upright.paste((0, 255, 0), (0, 0, 8, 8))  # above, left
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's numbers of turns and mirrors
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(place / "photo.png", exif=exif)
    image = folder(place, 16).images[0]
    expected = torch.from_numpy(np.array(upright)).permute(2, 0, 1) / 255
    assert torch.allclose(image, expected)


def test_the_first_frame_of_a_moving_image(place):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(place / "moving.gif", save_all=True, append_images=frames[1:])
    frames[1].save(place / "moving.webp", save_all=True, append_images=frames[2:], lossless=True)
    assert colours(folder(place, 8)) == [[255, 0, 0], [0, 255, 0]]


def test_the_middle_square_is_kept_and_made_smaller_without_aliasing(place):
    """A checkerboard of pixels becomes even grey; what lies left and right of the middle goes."""
    board = np.indices((64, 128)).sum(0) % 2 * 255
    board[:, :32], board[:, 96:] = 255, 0
    Image.fromarray(board.astype(np.uint8)).save(place / "board.png")
    image = folder(place, 8).images[0]
    assert (image - 0.5).abs().max() < 0.05
    tall = Image.new("RGB", (8, 24), "black")
    tall.paste("white", (0, 8, 8, 16))
    tall.save(place / "tall.png")
    assert folder(place, 8).images[1].min() == 1


def test_large_photographs_are_as_exact_as_when_decoded_in_full(place):
    """A JPEG is decoded at a fraction of its size; what remains looks the same."""
    photo = photographs(1)["temple"][0].resize((640, 640))
    photo.save(place / "a.jpg", quality=95)
    photo.save(place / "b.png")
    decoded, full = folder(place, 32).images
    assert (decoded - full).abs().max() < 0.1
    assert (decoded - full).abs().mean() < 0.01


def test_ink_is_one_channel_with_dark_strokes_as_one(place):
    page = Image.new("L", (8, 8), 255)
    page.paste(0, (0, 0, 8, 2))
    page.save(place / "page.png")
    image = folder(place, 8, ink=True).images
    assert image.shape == (1, 1, 8, 8)
    assert image[0, 0, :2].min() == 1
    assert image[0, 0, 2:].max() < 1e-6


# --- kinds of folders ----------------------------------------------------------------------------


def test_sub_folders_are_classes(place):
    """In the order of their names; folders inside belong to them; the files are kept by name."""
    for name in ("wolf/a b.png", "Hund 犬/b.png", "wolf/old/c.PNG", "wolf/new/deep/d.png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        red().save(place / name)
    (place / "empty").mkdir()
    dataset = folder(place)
    assert dataset.name == "my images"
    assert dataset.images.shape == (4, 3, 32, 32)
    assert dataset.images.dtype == torch.float32
    assert dataset.classes == ("Hund 犬", "wolf")
    files = ("Hund 犬/b.png", "wolf/a b.png", "wolf/new/deep/d.png", "wolf/old/c.PNG")
    assert dataset.factor_names == {"class": dataset.classes, "file": files}
    assert dataset.labels.tolist() == dataset.factors["class"].tolist() == [0, 1, 1, 1]
    part = dataset.subset([2])
    assert part.factor_names["file"][part.factors["file"][0]] == "wolf/new/deep/d.png"


def test_no_sub_folders_is_one_class(place):
    red().save(place / "b.png")
    dataset = folder(str(place), np.int64(4))
    assert dataset.classes == ("unlabelled",)
    assert dataset.images.shape == (1, 3, 4, 4)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make links")
def test_links_are_followed_once(place, tmp_path):
    """To files and folders, also beside the folder; a link that leads back does no harm."""
    (place / "a").mkdir()
    red().save(place / "a" / "real.png")
    (place / "a" / "link.png").symlink_to("real.png")
    (place / "a" / "loop").symlink_to(place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    red().save(elsewhere / "far.png")
    (place / "b").symlink_to(elsewhere)
    (place / "a" / "broken.png").symlink_to("nowhere.png")
    with pytest.warns(UserWarning, match=r"3 images read; left out: a/broken.png \(no file\)$"):
        dataset = folder(place)
    assert dataset.factor_names["file"] == ("a/link.png", "a/real.png", "b/far.png")


def test_the_home_folder_may_be_a_tilde(place, monkeypatch):
    red().save(place / "a.png")
    monkeypatch.setenv("HOME", str(place.parent))
    monkeypatch.setenv("USERPROFILE", str(place.parent))
    assert len(folder("~/my images")) == 1


def test_what_cannot_be_read_is_named_in_one_line(place):
    """Damaged, empty, of unknown scale, beside the sub-folders; nothing of hidden files."""
    (place / "a").mkdir()
    red((64, 64)).save(place / "a" / "good.png")
    good = (place / "a" / "good.png").read_bytes()
    (place / "a" / "cut.png").write_bytes(good[: len(good) // 2])
    (place / "a" / "empty.jpg").touch()
    (place / "a" / "text.png").write_text("no image at all")
    (place / "a" / "notes.txt").write_text("notes")
    (place / "a" / ".hidden.png").write_bytes(b"")
    (place / ".secret").mkdir()
    (place / "__MACOSX").mkdir()
    (place / "__MACOSX" / "x.png").touch()
    Image.fromarray(np.full((8, 8), 300, np.float32)).save(place / "a" / "heights.tif")
    red().save(place / "beside.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = folder(place)
    (line,) = (str(warning.message) for warning in caught)
    assert caught[0].filename == __file__  # it points at the call
    assert line.startswith("my images: 1 images read; left out: a/notes.txt (no image), beside.png")
    assert line.endswith("and 3 more")
    assert dataset.factor_names["file"] == ("a/good.png",)
    for name, why in {
        "cut.png": "",
        "empty.jpg": "no image",
        "text.png": "no image",
        "heights.tif": "it holds 300 to 300, not 0 to 1",
    }.items():
        (place / "one").mkdir(exist_ok=True)
        (place / "a" / name).rename(place / "one" / name)
        with pytest.raises(ValueError, match=rf"has none; left out: {name} \({why}"):
            folder(place / "one")
        (place / "one" / name).unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_are_read_all_the_same(place):
    os.mkdir(os.fsencode(place) + b"/caf\xe9")
    red().save(place / "a.png")
    os.rename(place / "a.png", os.fsencode(place) + b"/caf\xe9/a.png")
    dataset = folder(place)
    assert dataset.classes == ("caf?",)
    dataset.factor_names["file"][0].encode()


BAD = [
    ({"path": "nowhere"}, "path must be a folder with images, there is no .*nowhere"),
    ({"path": __file__}, "path must be a folder with images, .* is a file"),
    ({"path": ""}, "path must be the name of a folder, got ''"),
    ({"path": "a\0b"}, "path must be the name of a folder"),
    ({"path": None}, "path must be the name of a folder, got NoneType"),
    ({"path": 3}, "path must be the name of a folder, got int"),
    ({"path": b"images"}, "path must be the name of a folder, got bytes"),
    ({"path": ["a"]}, "path must be the name of a folder, got list"),
    ({"size": 0}, "size must be a whole number between 1 and 1024, got 0"),
    ({"size": 5000}, "size must be a whole number between 1 and 1024"),
    ({"size": 32.0}, "size must be a whole number, got float"),
    ({"size": (32, 32)}, "size must be a whole number, got tuple"),
    ({"size": True}, "size must be a whole number, got bool"),
    ({"ink": "yes"}, "ink must be True or False, got str"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_are_refused_by_name(place, change, message):
    red().save(place / "a.png")
    with pytest.raises((ValueError, TypeError), match=message):
        folder(**{"path": place} | change)


def test_a_folder_without_images_says_what_is_there(place):
    with pytest.raises(ValueError, match=r"path must be a folder with images, .* has none$"):
        folder(place)
    (place / "a.heic").touch()
    with pytest.raises(ValueError, match=r"has none; left out: a.heic \(no image\)"):
        folder(place)


def test_too_much_for_memory_is_refused_before_it_is_read(place, monkeypatch):
    red().save(place / "a.png")
    monkeypatch.setattr(own, "MOST_NUMBERS", 3 * 32**2)
    assert len(folder(place)) == 1
    with pytest.raises(ValueError, match="size must be smaller for 1 images"):
        folder(place, 33)
    monkeypatch.setattr(own, "MOST", 1)
    red().save(place / "b.png")
    with pytest.raises(ValueError, match="holds more than 1 files"):
        folder(place)


# --- the copy ------------------------------------------------------------------------------------


@pytest.fixture
def many(place, monkeypatch):
    """Few images that count as many."""
    monkeypatch.setattr(own, "CACHED_FROM", 5)
    for number in range(6):
        (place / f"c{number % 2}").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(place / f"c{number % 2}/{number}.png")
    (place / "c0" / "cut.png").write_bytes(b"\x89PNG")
    return place


def read_files(monkeypatch):
    """The names of the files that are decoded from now on."""
    seen, decode = [], own._image
    monkeypatch.setattr(own, "_image", lambda file, size: seen.append(file) or decode(file, size))
    return seen


def quietly(*arguments):
    with pytest.warns(UserWarning, match=r"6 images read; left out: c0/cut.png"):
        return folder(*arguments)


def test_many_images_are_read_once(many, cache_place, monkeypatch):
    """The second call reads the copy, and names again what was left out; the folder stays."""
    before = contents(many)
    first = quietly(many)
    assert [file.suffix for file in cache_place.iterdir()] == [".npz"]
    seen = read_files(monkeypatch)
    again = quietly(many)
    assert seen == []
    assert torch.equal(first.images, again.images)
    assert first.factor_names == again.factor_names
    assert first.labels.tolist() == again.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert contents(many) == before


@pytest.mark.parametrize("change", ["another image", "a file more", "renamed", "another size"])
def test_a_changed_folder_is_read_again(many, cache_place, monkeypatch, change):
    quietly(many)
    if change == "another image":
        Image.new("RGB", (8, 8), "blue").save(many / "c0" / "0.png")
        os.utime(many / "c0" / "0.png", ns=(1, 1))
    elif change == "a file more":
        red().save(many / "c0" / "7.png")
    elif change == "renamed":
        (many / "c0" / "0.png").rename(many / "c1" / "0.png")
    seen = read_files(monkeypatch)
    with pytest.warns(UserWarning, match="images read; left out: c0/cut.png"):
        dataset = folder(many, 16 if change == "another size" else 32)
    assert len(seen) == len(dataset) + 1
    if change == "another image":
        assert colours(dataset)[0] == [0, 0, 255]
    assert len(list(cache_place.iterdir())) == (2 if change == "another size" else 1)


def test_a_damaged_copy_is_made_again(many, cache_place, monkeypatch):
    first = quietly(many)
    (copy,) = cache_place.iterdir()
    good = dict(np.load(copy))
    wrong = {"pixels": good["pixels"].astype(float)}, {"pixels": good["pixels"][:5]}
    for arrays in (*wrong, {"why": good["why"][1:]}, {"key": np.array("x")}):
        np.savez(copy, **good | arrays)
        assert torch.equal(quietly(many).images, first.images)
    copy.write_bytes(copy.read_bytes()[:100])
    assert torch.equal(quietly(many).images, first.images)
    assert cache.read(copy, ("pixels",))["pixels"].shape == (6, 32, 32, 3)


def test_nothing_is_written_for_few_images(place, cache_place):
    write_photographs(place, 4)
    before = contents(place)
    dataset = folder(place)
    assert dataset.classes == ("flower", "portrait", "temple")
    assert dataset.labels.bincount().tolist() == [4, 4, 4]
    assert list(cache_place.iterdir()) == []
    assert contents(place) == before


def test_progress_is_shown_for_many_only(many, capsys):
    quietly(many)
    assert "reading images" in capsys.readouterr().err


def test_the_bytes_of_a_file_do_not_decide_its_ending(place):
    """A JPEG that is called .png is an image all the same."""
    file = io.BytesIO()
    red().save(file, "JPEG")
    (place / "a.png").write_bytes(file.getvalue())
    assert len(folder(place)) == 1
