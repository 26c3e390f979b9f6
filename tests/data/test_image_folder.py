"""Folders of photographs: equal on every machine, and every bad file reported by name."""

import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pytest import param

from ablate.data import image_folder
from ablate.errors import RequestError
from ablate.tasks.task import prepare
from tests.conftest import SHARED


def picture(seed=0, mode="RGB", size=(40, 30)):
    """A picture with coarse random patches, as a photograph has."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(patches).resize(size).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Two classes of five valid photographs each, of two sizes."""
    root = tmp_path / "pets"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for number in range(5):
            size = (40, 30) if number % 2 else (24, 50)
            picture(10 * label + number, size=size).save(root / name / f"{number}.jpg")
    return root


def load(folder, **options):
    return prepare(image_folder.load(**{"path": str(folder), "image_size": [8, 6], **options}))


def refusal(folder, **options):
    with pytest.raises(RequestError) as caught:
        load(folder, **options)
    message = str(caught.value)
    assert message.isprintable(), "one line without control characters"
    return message


def cut(file, image, share, **options):
    image.save(file, **options)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])


def bomb(file, side):
    """A small file whose header claims many pixels."""
    picture().save(file)
    with file.open("r+b") as stream:
        stream.seek(18)
        stream.write(struct.pack("<ii", side, side))


def deep_png(file):
    """Colour of 16 bits a channel, which Pillow reads as 8 bits and cannot write."""
    rows = b"".join(b"\0" + bytes(range(24)) for _ in range(4))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    content = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def deep_netpbm(file, kind, channels):
    """Values of 16 bits, which Pillow reads as 8 bits where there are colours."""
    header = f"{kind}\n# a comment\n4 2\n65535\n".encode()
    file.write_bytes(header + bytes(range(8 * channels)) * 2)


def transparent(file):
    image = picture(mode="RGBA")
    image.putpixel((3, 3), (0, 0, 0, 254))
    image.save(file)


def animated(file):
    picture().save(file, save_all=True, append_images=[picture(1)])


BAD = [
    param("a.jpg", lambda file: file.touch(), "empty", id="empty"),
    param("a.jpg", lambda file: cut(file, picture(), 0.7), "truncated", id="cut_jpeg"),
    param("a.jpg", lambda file: cut(file, picture(), 0.99), "truncated", id="slightly_cut_jpeg"),
    param("a.jpg", lambda file: cut(file, picture(), 0.02), "truncated", id="cut_header"),
    param(
        "a.jpg",
        lambda file: file.write_bytes(b"\xff\xd8"),
        "not an image, or truncated in its header",
        id="only_a_magic_number",
    ),
    param("a.png", lambda file: cut(file, picture(), 0.5), "truncated", id="cut_png"),
    param("a.bmp", lambda file: cut(file, picture(), 0.5), "truncated", id="cut_bmp"),
    param("a.webp", lambda file: cut(file, picture(), 0.5), "damaged, ", id="cut_webp"),
    param("a.jpg", lambda file: picture().save(file, "GIF"), "a GIF named .jpg", id="gif_as_jpg"),
    param("a.JPG", lambda file: picture().save(file, "BMP"), "a BMP named .JPG", id="bmp_as_jpg"),
    param(
        "a.jpeg", lambda file: picture().save(file, "PNG"), "a PNG named .jpeg", id="png_as_jpeg"
    ),
    param(
        "a.jpg", lambda file: picture().save(file, "TIFF"), "a TIFF named .jpg", id="tiff_as_jpg"
    ),
    param(
        "a.png",
        lambda file: file.write_text("hello"),
        "not an image, or truncated in its header",
        id="text_as_png",
    ),
    param(
        "a.gif",
        lambda file: picture().save(file),
        "its name ends in none of .bmp, .jfif, .jpeg, ",
        id="gif",
    ),
    param(
        "a", lambda file: picture().save(file, "JPEG"), "its name ends in none of", id="no_ending"
    ),
    param(
        "._a.jpg",
        lambda file: picture().save(file),
        "a file that macOS adds to a folder",
        id="apple_double",
    ),
    param("a.jpg", lambda file: picture(mode="CMYK").save(file), "CMYK colours", id="cmyk"),
    param("a.png", lambda file: picture(mode="I;16").save(file), "16 bit", id="grey_of_16_bit"),
    param("a.png", deep_png, "16 bit", id="colour_of_16_bit"),
    param("a.png", lambda file: picture(mode="P").save(file), "a palette", id="palette"),
    param("a.png", lambda file: picture(mode="1").save(file), "1 bit", id="one_bit"),
    param("a.png", transparent, "transparent pixels", id="alpha"),
    param(
        "a.png",
        lambda file: picture().save(file, transparency=(0, 0, 0)),
        "transparent pixels",
        id="transparent_colour",
    ),
    param("a.png", animated, "animated", id="animated_png"),
    param("a.webp", animated, "animated", id="animated_webp"),
    param("a.bmp", lambda file: bomb(file, 10_000), "more than 89478485 pixels", id="bomb"),
    param("a.bmp", lambda file: bomb(file, 60_000), "more than 89478485 pixels", id="large_bomb"),
    param("a.ppm", lambda file: deep_netpbm(file, "P6", 3), "16 bit", id="ppm_of_16_bit"),
    param("a.pgm", lambda file: deep_netpbm(file, "P5", 1), "16 bit", id="pgm_of_16_bit"),
    param("a.ppm", lambda file: picture(mode="1").save(file), "1 bit", id="ppm_of_one_bit"),
    param("a.ppm", lambda file: cut(file, picture(), 0.5), "truncated", id="cut_ppm"),
    param("a.jfif", lambda file: picture().save(file, "PNG"), "a PNG named .jfif", id="jfif"),
    param(
        "a.jpg",
        lambda file: file.symlink_to("nowhere.jpg"),
        "not a readable file",
        id="link_to_nothing",
    ),
    param(
        "a.jpg",
        lambda file: file.symlink_to("a.jpg"),
        "not a readable file",
        id="link_to_itself",
    ),
    param("a.jpg", lambda file: os.mkfifo(file), "not a readable file", id="pipe"),
    param(
        "more",
        lambda file: file.symlink_to(file.parent),
        "a link to a folder that it is in",
        id="link_to_its_own_folder",
    ),
]


@pytest.mark.parametrize(("name", "write", "reason"), BAD)
def test_a_bad_file_is_refused_or_skipped_and_listed(folder, name, write, reason):
    expected = load(folder)
    write(folder / "cat" / name)

    message = refusal(folder)
    assert f"; 1 bad: cat/{name}: {reason}" in message
    assert "data.on_bad=skip" in message
    images = load(folder, on_bad="skip")
    assert len(images.excluded) == 1
    assert images.excluded[0].startswith(f"cat/{name}: {reason}")
    assert images.fingerprint == expected.fingerprint


@pytest.mark.parametrize("cut_at", np.linspace(0.05, 0.97, 12).round(2).tolist())
@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "webp"])
def test_a_file_cut_anywhere_is_found(folder, ending, cut_at):
    cut(folder / "dog" / f"x.{ending}", picture(3), cut_at)

    assert "; 1 bad: dog/x." in refusal(folder)


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_no_cut_of_a_jpeg_is_read_as_an_image(folder, progressive):
    for share in np.linspace(0.1, 0.98, 30):
        file = folder / "cat" / f"x{share:.3f}.jpg"
        cut(file, picture(size=(90, 80)), share, progressive=progressive)

    assert len(load(folder, on_bad="skip").excluded) == 30


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "L", {}),
        ("a.png", "L", {}),
        ("a.PNG", "RGBA", {}),
        ("a.png", "LA", {}),
        ("a.bmp", "RGB", {}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.jpeg", "RGB", {"progressive": True}),
        ("a.jpg", "RGB", {"format": "MPO", "save_all": True, "append_images": [picture(1)]}),
        ("a.jfif", "RGB", {"format": "JPEG"}),
        ("a.ppm", "RGB", {}),
        ("a.pgm", "L", {}),
        ("a b.jpg", "RGB", {}),
        ("🐈.jpg", "RGB", {}),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_a_valid_file_is_an_image(folder, name, mode, options):
    picture(99, mode).save(folder / "cat" / name, **options)
    images = load(folder)

    assert sum(len(part.y) for part in images.parts.values()) == 11
    assert images.excluded == ()


def labelled_bytes(images):
    """Each image as bytes with its label, from all parts."""
    return [
        (int(label), image.tobytes())
        for part in images.parts.values()
        for image, label in zip(part.x, part.y, strict=True)
    ]


def test_images_are_resized_to_height_and_width_in_parts_by_class(folder):
    images = load(folder)

    assert images.shape == (8, 6, 3)
    assert images.train.x.dtype == np.uint8
    assert images.scale == 1 / 255
    assert images.classes == ("cat", "dog")
    assert [np.bincount(part.y).tolist() for part in images.parts.values()] == [
        [3, 3],
        [1, 1],
        [1, 1],
    ]


def test_each_file_becomes_one_image_of_its_class(folder):
    expected = [
        (label, np.asarray(Image.open(file).resize((6, 8), Image.Resampling.BILINEAR)).tobytes())
        for label, name in enumerate(("cat", "dog"))
        for file in sorted((folder / name).iterdir())
    ]

    assert sorted(labelled_bytes(load(folder))) == sorted(expected)


def test_grey_is_repeated_into_three_channels(folder):
    for name in ("cat", "dog"):
        for file in (folder / name).iterdir():
            Image.open(file).convert("L").save(file)
    x = load(folder).train.x

    assert (x == x[..., :1]).all()


def test_a_photograph_is_rotated_by_its_orientation(folder):
    stored, exif = picture(7, size=(16, 12)), Image.Exif()
    exif[0x0112] = 6
    stored.save(folder / "cat" / "5.png", exif=exif)
    upright = stored.transpose(Image.Transpose.ROTATE_270)
    expected = np.asarray(upright.resize((6, 8), Image.Resampling.BILINEAR)).tobytes()

    assert (0, expected) in labelled_bytes(load(folder))


def test_the_images_do_not_depend_on_the_path(folder, tmp_path):
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("dog", "cat"):
        (copy / name).mkdir()
        for file in sorted((folder / name).iterdir(), reverse=True):
            shutil.copy(file, copy / name)

    assert load(copy).fingerprint == load(folder).fingerprint
    assert load(copy, split_seed=1).fingerprint != load(folder).fingerprint


def test_the_same_files_are_left_out_at_every_size(folder):
    (folder / "dog" / "5.jpg").touch()
    small, large = (load(folder, on_bad="skip", image_size=[side, side]) for side in (4, 32))

    assert small.excluded == large.excluded
    assert small.train.y.tolist() == large.train.y.tolist()


def test_hidden_and_system_files_are_ignored(folder):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.jpg"):
        (folder / "cat" / name).write_text("content")
    (folder / "README.txt").write_text("hello")
    (folder / ".git").mkdir()
    (folder / "__MACOSX").mkdir()

    assert load(folder).classes == ("cat", "dog")


def test_an_image_outside_the_class_folders_is_bad(folder):
    picture().save(folder / "stray.jpg")

    assert "1 bad: stray.jpg: an image outside the class folders." in refusal(folder)


def test_a_link_within_the_folder_is_followed(folder):
    (folder / "dog" / "5.jpg").symlink_to("4.jpg")

    assert sum(len(part.y) for part in load(folder).parts.values()) == 11


def test_links_to_files_and_folders_elsewhere_are_followed(folder, tmp_path):
    expected = load(folder).fingerprint
    subset = tmp_path / "subset"
    (subset / "cat").mkdir(parents=True)
    for file in (folder / "cat").iterdir():
        (subset / "cat" / f"{file.stem}.JPEG").symlink_to(file)
    (subset / "dog").symlink_to(folder / "dog")

    assert load(subset).fingerprint == expected


def test_folders_within_a_class_belong_to_it(folder):
    for number in range(5):
        for name in ("cat", "dog"):
            deep = folder / name / "series" / f"{number // 2}"
            deep.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / name / f"{number}.jpg", deep / f"{number}.jpg")
    (folder / "cat" / "series" / "0" / "x.jpg").touch()

    assert "1 bad: cat/series/0/x.jpg: empty" in refusal(folder)
    images = load(folder, on_bad="skip")
    assert images.classes == ("cat", "dog")
    assert sum(len(part.y) for part in images.parts.values()) == 10
    assert images.notes == (
        "11 of 11 photographs are in folders within the folder of their class, such as "
        "cat/series/0/0.jpg.",
    )


def test_parts_within_a_class_are_refused(folder, tmp_path):
    for name in ("train", "test"):
        shutil.copytree(folder, tmp_path / "all" / "pets" / name)
    (tmp_path / "all" / "others").mkdir()

    message = refusal(tmp_path / "all")
    assert "received the folders test and train, which are parts." in message
    assert f"Give data.path={tmp_path}/all/pets if they hold" in message


def test_text_files_are_left_out_and_counted(folder):
    expected = load(folder).fingerprint
    for name in ("cat/list.txt", "dog/list.TXT", "dog/GT-0.csv", "cat/README"):
        (folder / name).write_text("0.jpg 1")
    images = load(folder)

    assert images.fingerprint == expected
    assert images.excluded == (
        "1 text file .csv, such as dog/GT-0.csv",
        "2 text files .txt, such as cat/list.txt",
        "1 text file readme, such as cat/README",
    )


def test_leaving_out_is_not_proposed_where_nothing_remains(folder):
    for name in ("cat", "dog"):
        for file in (folder / name).iterdir():
            file.write_bytes(b"")

    assert "on_bad=skip" not in refusal(folder)


@pytest.mark.parametrize("broken", [0, 3], ids=["empty_folder", "only_bad_files"])
def test_a_class_without_a_valid_image_is_bad(folder, broken):
    (folder / "bird").mkdir()
    for number in range(broken):
        (folder / "bird" / f"{number}.jpg").touch()

    assert f"{broken + 1} bad: bird: no valid image" in refusal(folder)
    images = load(folder, on_bad="skip")
    assert images.classes == ("cat", "dog")
    assert images.excluded[0] == "bird: no valid image"


def test_many_bad_files_are_counted_and_the_first_named(folder):
    for number in range(8):
        (folder / "dog" / f"bad{number}.jpg").touch()
    message = refusal(folder)

    assert "; 8 bad: dog/bad0.jpg: empty; dog/bad1.jpg: empty; " in message
    assert "dog/bad4.jpg: empty; and 3 more." in message


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b\n.jpg", r"dog/a b\n.jpg: empty"),
        ("\x1b[31m.jpg", r"dog/\x1b[31m.jpg: empty"),
        ("\u202egpj.jpg", r"dog/\u202egpj.jpg: empty"),
        (os.fsdecode(b"\xff.jpg"), r"dog/\udcff.jpg: empty"),
        ("🐕 é.jpg", "dog/🐕 é.jpg: empty"),
        ("<script>.jpg", "dog/<script>.jpg: empty"),
    ],
    ids=["newline", "escape", "right_to_left", "no_utf8", "emoji", "script"],
)
def test_odd_names_are_shown_on_one_line(folder, name, shown):
    (folder / "dog" / name).touch()

    assert shown in refusal(folder)
    assert load(folder, on_bad="skip").excluded == (shown,)


def test_odd_names_of_classes_and_files_are_accepted(folder):
    shutil.move(folder / "dog", folder / "dog\n🐕")
    shutil.move(folder / "cat" / "0.jpg", folder / "cat" / "0\n.jpg")

    assert load(folder).classes == ("cat", r"dog\n🐕")


@pytest.mark.parametrize(
    "image_size",
    [None, 64, "64", [64], [64, 64, 3], [0, 64], [64, -1], [64.0, 64], [True, 64], ["64", 64]],
    ids=str,
)
def test_an_image_size_is_refused(folder, image_size):
    assert "such as [64,64]; received" in refusal(folder, image_size=image_size)


@pytest.mark.parametrize("side", [10**6, 10**200], ids=["large", "beyond_floats"])
def test_images_larger_than_memory_are_refused(folder, side):
    assert "Give a smaller data.image_size." in refusal(folder, image_size=[side, side])


def test_an_unknown_policy_is_refused_with_the_nearest(folder):
    assert "Did you mean 'skip'? Known: fail, skip." in refusal(folder, on_bad="skp")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pest", "there is none. Did you mean {tmp}/pets?"),
        ("none/pets", "there is none."),
        ("a" * 300, "there is none."),
        ("a\nb\0c", r"Expected the folder {tmp}/a\nb\x00c; there is none."),
        ("images.npz", "is a file. For an archive, give data=npz."),
        ("pets/cat", "its folders: none. Did you mean data.path={tmp}/pets?"),
        (".", "its folders: pets. Did you mean data.path={tmp}/pets?"),
    ],
    ids=["near", "no_parent", "too_long", "odd", "archive", "a_class", "one_up"],
)
def test_a_path_without_class_folders_is_refused(folder, tmp_path, path, message):
    (tmp_path / "images.npz").touch()

    assert message.format(tmp=tmp_path) in refusal(tmp_path / path)


@pytest.mark.parametrize("path", [None, "", 7], ids=str)
def test_a_path_that_is_not_text_is_refused(path):
    with pytest.raises(RequestError, match="the path of a folder; received"):
        image_folder.load(path=path, image_size=[8, 8])


def in_parts(folder, tmp_path, *names):
    """The classes of a folder in a folder for each part, one more photograph of each in each."""
    root = tmp_path / "parts"
    for number, name in enumerate(names):
        shutil.copytree(folder, root / name)
        for label in ("cat", "dog"):
            picture(100 + number).save(root / name / label / "more.png")
            for more in range(number):
                picture(200 + 10 * number + more).save(root / name / label / f"more{more}.png")
    return root


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        pytest.param(("train", "val", "test"), [12, 14, 16], id="three"),
        pytest.param(("Training", "validation_set", "TEST"), [12, 14, 16], id="other_names"),
        pytest.param(("train", "test"), [10, 2, 14], id="without_val"),
        pytest.param(("train", "val"), [10, 2, 14], id="without_test"),
    ],
)
def test_folders_of_parts_are_the_parts(folder, tmp_path, names, sizes):
    root = in_parts(folder, tmp_path, *names)
    images = load(root)

    assert images.classes == ("cat", "dog")
    assert [len(part.y) for part in images.parts.values()] == sizes
    assert bool(images.notes) == (names == ("train", "val"))
    last = load(root / names[-1]).parts.values()
    expected = sorted(image for part in last for image in map(bytes, part.x))
    assert sorted(map(bytes, images.test.x)) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda root: shutil.rmtree(root / "val" / "dog"),
            "the same classes in train, val and test of {root}; val has no folder dog.",
            id="class_missing",
        ),
        pytest.param(
            lambda root: [shutil.rmtree(root / "test" / name) for name in ("cat", "dog")],
            "a folder for each class in {root}/test; there is none, so its images have no class. "
            "Give data.path={root}/train",
            id="no_labels",
        ),
        pytest.param(
            lambda root: shutil.copytree(root / "val", root / "valid"),
            "one folder for the part validation; received val and valid.",
            id="part_twice",
        ),
        pytest.param(
            lambda root: shutil.copytree(root / "val", root / "more"),
            "1 bad: more: a folder next to train, val and test.",
            id="another_folder",
        ),
        pytest.param(
            lambda root: picture().save(root / "stray.jpg"),
            "1 bad: stray.jpg: an image outside the class folders.",
            id="image_next_to_parts",
        ),
        pytest.param(
            lambda root: picture().save(root / "val" / "stray.jpg"),
            "1 bad: val/stray.jpg: an image outside the class folders.",
            id="image_in_a_part",
        ),
        pytest.param(
            lambda root: [file.write_bytes(b"") for file in (root / "val" / "dog").iterdir()],
            "bad: val/dog: no valid image; val/dog/0.jpg: empty;",
            id="class_without_images",
        ),
    ],
)
def test_folders_of_parts_that_do_not_fit_are_refused(folder, tmp_path, change, message):
    root = in_parts(folder, tmp_path, "train", "val", "test")
    change(root)

    assert message.format(root=root) in refusal(root)


def test_a_class_may_be_called_as_a_part_is(folder):
    (folder / "cat").rename(folder / "train")

    assert load(folder).classes == ("dog", "train")


def test_a_train_folder_next_to_others_is_proposed_as_it_was_given(folder, tmp_path, monkeypatch):
    shutil.move(folder, tmp_path / "both" / "train")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        RequestError, match=r"its folders: train\. Did you mean data\.path=both/train"
    ):
        image_folder.load(path="both", image_size=[8, 6])


@pytest.mark.parametrize(("count", "loads"), [(3, False), (4, True)], ids=["three", "four"])
def test_a_class_needs_an_image_for_each_part(folder, count, loads):
    for number in range(count, 5):
        (folder / "dog" / f"{number}.jpg").unlink()
    if loads:
        assert load(folder).classes == ("cat", "dog")
    else:
        assert "4 valid images or more each" in refusal(folder)
        assert "received 5 of cat, 3 of dog." in refusal(folder)


def test_one_class_left_after_skipping_is_refused(folder):
    for file in (folder / "dog").iterdir():
        file.write_bytes(b"")

    assert "Expected two classes or more" in refusal(folder, on_bad="skip")


def test_real_photographs_of_cats_and_dogs_load():
    path = SHARED / "cats-vs-dogs"
    if not path.is_dir():
        pytest.skip("the photographs of cats and dogs next to the project are missing")
    images = load(path, image_size=[32, 32])

    assert images.classes == ("cat", "dog")
    assert images.excluded == ()
    assert [np.bincount(part.y).tolist() for part in images.parts.values()] == [
        [180, 180],
        [60, 60],
        [60, 60],
    ]
    assert 80 < images.train.x.mean() < 160
