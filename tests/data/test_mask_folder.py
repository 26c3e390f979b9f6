"""Folders of images and masks: pairs, values and sizes are checked, and no class changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytest import param

from ablate.data import mask_folder
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.tasks.segmentation import VOID
from ablate.tasks.task import prepare
from tests.conftest import SHARED

SIZE = (10, 8)
"""Height and width of the photographs; they are read at half of it."""


def mask_values(seed: int) -> np.ndarray:
    """A mask of squares of two pixels, so that it keeps every square at half of the size."""
    squares = np.random.default_rng(seed).integers(0, 3, (SIZE[0] // 2, SIZE[1] // 2), np.uint8)
    return squares.repeat(2, axis=0).repeat(2, axis=1)


def write_pairs(images: Path, masks: Path, *, seeds: Sequence[int]) -> None:
    """Write a JPEG and a mask in grey for each seed."""
    for folder in (images, masks):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(images / f"{seed:02}.jpg")
        Image.fromarray(mask_values(seed)).save(masks / f"{seed:02}.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pairs in the folders images and masks."""
    root = tmp_path / "scenes"
    write_pairs(root / "images", root / "masks", seeds=range(10))
    return root


@pytest.fixture
def in_parts(tmp_path: Path) -> Path:
    """Pairs in folders of parts, without test images."""
    root = tmp_path / "parts"
    write_pairs(root / "train", root / "trainannot", seeds=range(10))
    write_pairs(root / "val", root / "valannot", seeds=range(10, 13))
    return root


def load(folder: Path, **options: Any) -> Images:
    return prepare(mask_folder.load(**{"path": str(folder), "image_size": [5, 4], **options}))


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(RequestError) as caught:
        load(folder, **options)
    message = str(caught.value)
    assert message.isprintable(), "one line without control characters"
    return message


def sizes(images: Images) -> list[int]:
    return [len(part.y) for part in images.parts.values()]


def sorted_masks(*parts: np.ndarray) -> list[bytes]:
    return sorted(mask.tobytes() for part in parts for mask in part)


def resized(seeds: Sequence[int]) -> np.ndarray:
    return np.stack([mask_values(seed)[::2, ::2] for seed in seeds])


def test_images_and_masks_are_split_into_three_parts(folder: Path) -> None:
    images = load(folder)
    assert images.shape == (5, 4, 3)
    assert sum(sizes(images)) == 10
    assert images.task == "segmentation"
    assert images.classes == ("0", "1", "2")
    found = [part.y for part in images.parts.values()]
    assert sorted_masks(*found) == sorted_masks(resized(range(10)))


def test_an_image_keeps_its_mask(folder: Path) -> None:
    for seed in range(10):  # the red channel of every image is its mask
        pixels = np.stack([80 * mask_values(seed), *[np.zeros(SIZE, np.uint8)] * 2], axis=-1)
        (folder / "images" / f"{seed:02}.jpg").unlink()
        Image.fromarray(pixels).save(folder / "images" / f"{seed:02}.png")
    for part in load(folder, image_size=SIZE).parts.values():
        np.testing.assert_array_equal(part.x[..., 0], 80 * part.y)


def test_without_test_images_val_is_the_test_part(in_parts: Path) -> None:
    images = load(in_parts)
    assert sizes(images)[2] == 3
    assert images.notes[0].startswith("There is no folder of test images, so those of val are")
    assert sum(sizes(images)) == 13
    np.testing.assert_array_equal(images.test.y, resized(range(10, 13)))
    other = load(in_parts, split_seed=1)
    np.testing.assert_array_equal(images.test.x, other.test.x)
    assert images.fingerprint != other.fingerprint


def test_with_test_images_all_parts_are_fixed(in_parts: Path) -> None:
    write_pairs(in_parts / "test", in_parts / "testannot", seeds=range(20, 24))
    images = load(in_parts)
    assert sizes(images) == [10, 3, 4]
    np.testing.assert_array_equal(images.validation.y, resized(range(10, 13)))
    assert images.fingerprint == load(in_parts, split_seed=1).fingerprint


def test_the_indices_of_a_palette_are_the_classes(folder: Path) -> None:
    expected = load(folder).fingerprint
    for file in (folder / "masks").iterdir():
        mask = Image.open(file)
        mask.putpalette([*range(255, -1, -1)] * 3)
        assert mask.mode == "P"
        mask.save(file)
    assert load(folder).fingerprint == expected


def test_masks_may_be_bmp_files(folder: Path) -> None:
    expected = load(folder).fingerprint
    for file in sorted((folder / "masks").iterdir()):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
    assert load(folder).fingerprint == expected


def test_void_and_offset_give_the_class_indices(folder: Path) -> None:
    images = load(folder, void=0, label_offset=1, classes=["road", "car"])
    assert images.classes == ("road", "car")
    expected = resized(range(10))
    expected = np.where(expected == 0, VOID, expected - 1).astype(np.uint8)
    found = [part.y for part in images.parts.values()]
    assert sorted_masks(*found) == sorted_masks(expected)
    assert load(folder, void=0, label_offset=1).classes == ("0", "1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        param(
            {"classes": 2}, "Expected mask values from 0 to 1; 10 with others: masks/00.png has 2",
            id="beyond_the_classes",
        ),
        param(
            {"label_offset": 1, "classes": 2, "void": 9},
            "from 1 to 2 or the void value 9; 10 with others: masks/00.png has 0",
            id="below_the_offset",
        ),
        param({"classes": 3, "void": 1}, "outside the values of the 3 classes, 0 to 2; received 1",
              id="void_among_classes"),
        param({"classes": 1}, "two or more distinct names", id="one_class"),
        param({"classes": 10**9}, "their number from 2 to 254", id="too_many_classes"),
        param({"classes": True}, "received True", id="boolean"),
        param({"classes": ["a", "a", "b"]}, "two or more distinct names", id="equal_names"),
        param({"classes": ["a", 3, "b"]}, "two or more distinct names", id="no_name"),
        param({"void": 256}, "data.void to be null or a whole number of 0 or more", id="void"),
        param({"label_offset": -1}, "data.label_offset to be a whole number", id="offset"),
        param({"image_size": 5}, "such as [64,64]; received 5", id="image_size"),
    ],
)  # fmt: skip
def test_arguments_are_refused(folder: Path, options: dict[str, Any], message: str) -> None:
    assert message in refusal(folder, **options)


def test_files_without_a_partner_are_named(folder: Path) -> None:
    (folder / "masks" / "03.png").unlink()
    (folder / "images" / "05.jpg").unlink()
    message = refusal(folder)
    assert "an image in images and a mask in masks of each name; received 9 images and 9" in message
    assert "masks: 03.jpg has no mask; 05.png has no image." in message


def test_more_images_than_masks_are_refused(folder: Path) -> None:
    for seed in range(1, 10):
        (folder / "masks" / f"{seed:02}.png").unlink()
    assert "received 10 images and 1 masks: 01.jpg has no mask; " in refusal(folder)


def change(file: Path, **options: Any) -> None:
    Image.open(file).convert(options.pop("mode", None)).save(file, **options)


BAD = [
    param("masks/03.png", lambda file: file.write_bytes(b""), "images/03.jpg: its mask: ",
          id="empty_mask"),
    param("masks/03.png", lambda file: file.write_bytes(file.read_bytes()[:-30]), "its mask: ",
          id="cut_mask"),
    param("images/03.jpg", lambda file: file.write_bytes(file.read_bytes()[:-30]),
          "images/03.jpg: truncated", id="cut_image"),
    param("masks/03.png", lambda file: change(file, mode="RGB"), "mode RGB, not grey of 8 bits",
          id="colours"),
    param("masks/03.png", lambda file: change(file, mode="1"), "mode 1, not grey", id="one_bit"),
    param("masks/03.png", lambda file: Image.new("L", (8, 9)).save(file),
          "its mask: 8 x 9 for an image of 8 x 10", id="size"),
    param("masks/04.jpg", lambda file: file.touch(), "its name ends in none of .bmp, .png",
          id="jpeg_mask"),
    param("images/04.png", lambda file: Image.new("RGB", (8, 10)).save(file),
          "images/04.png: the same name as 04.jpg", id="two_of_one_name"),
    param("images/more", lambda file: file.mkdir(), "a folder in the folder images", id="folder"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write", "reason"), BAD)
def test_bad_files_are_refused_by_name(folder: Path, name: str, write: Any, reason: str) -> None:
    write(folder / name)
    message = refusal(folder)
    assert reason in message
    assert "; 1 bad: " in message


def test_text_files_and_links_are_no_faults(folder: Path, tmp_path: Path) -> None:
    expected = load(folder).fingerprint
    (folder / "masks" / "notes.txt").touch()
    moved = tmp_path / "elsewhere.jpg"
    (folder / "images" / "03.jpg").rename(moved)
    (folder / "images" / "03.jpg").symlink_to(moved)
    images = load(folder)
    assert images.fingerprint == expected
    assert images.excluded == ("1 text file .txt, such as masks/notes.txt",)


def test_images_of_0_and_1_alone_are_not_scaled(folder: Path) -> None:
    for file in (folder / "images").iterdir():
        Image.new("RGB", SIZE[::-1], (1, 0, 1)).save(file.with_suffix(".png"))
        file.unlink()
    images = load(folder)
    assert images.scale == 1.0
    assert images.notes == ("The images hold 0 and 1 alone, so they are not divided by 255.",)


def test_a_rotated_photograph_has_an_upright_mask(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = folder / "images" / "03.jpg"
    Image.open(file).transpose(Image.Transpose.ROTATE_90).save(file, exif=exif)
    assert sum(sizes(load(folder))) == 10


def test_a_folder_of_another_layout_is_refused(folder: Path) -> None:
    (folder / "masks").rename(folder / "labels")
    message = refusal(folder)
    assert "Expected the folders images and masks, or train and trainannot, in" in message
    assert "its folders: images, labels. Give data.images and data.masks if they are" in message


def test_the_two_folders_may_have_other_names(folder: Path) -> None:
    expected = load(folder).fingerprint
    (folder / "masks").rename(folder / "labels")
    (folder / "images").rename(folder / "photos")
    assert load(folder, images="photos", masks="labels").fingerprint == expected


def test_train_alone_is_split_into_three_parts(in_parts: Path) -> None:
    for name in ("val", "valannot"):
        shutil.rmtree(in_parts / name)
    images = load(in_parts)
    assert sum(sizes(images)) == 10
    assert min(sizes(images)) >= 1
    assert images.notes == ()


def test_without_val_a_fifth_of_train_is_for_validation(in_parts: Path) -> None:
    expected = load(in_parts)
    (in_parts / "val").rename(in_parts / "test")
    (in_parts / "valannot").rename(in_parts / "testannot")
    images = load(in_parts)
    assert images.fingerprint == expected.fingerprint
    assert images.notes == ()


def test_images_of_a_part_without_masks_are_refused(in_parts: Path) -> None:
    (in_parts / "valannot").rename(in_parts / "validannot")
    assert "the folder valannot next to val in" in refusal(in_parts)


def change_masks(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for file in (folder / "masks").iterdir():
        Image.fromarray(change(np.asarray(Image.open(file)))).save(file)


def test_black_and_white_masks_have_two_classes(folder: Path) -> None:
    change_masks(folder, lambda mask: 255 * (mask > 1).astype(np.uint8))
    images = load(folder)
    assert images.classes == ("0", "1")
    assert "The masks hold 0 and 255 alone" in images.notes[0]
    found = [part.y for part in images.parts.values()]
    assert sorted_masks(*found) == sorted_masks(resized(range(10)) > 1)
    assert load(folder, classes=["ground", "plant"]).classes == ("ground", "plant")
    with_void = mask_folder.load(path=str(folder), image_size=[5, 4], void=255, classes=2)
    assert set(np.unique(with_void.y)) == {0, VOID}  # type: ignore[union-attr]


def test_noise_as_masks_is_remarked_upon(folder: Path) -> None:
    for number, file in enumerate(sorted((folder / "masks").iterdir())):
        values = (np.arange(number * 80, number * 80 + 80) % 255).astype(np.uint8)
        Image.fromarray(values.reshape(SIZE)).save(file)
    images = mask_folder.load(path=str(folder), image_size=[5, 4])
    assert images.notes[0].startswith("The masks contain 255 different values, as noise,")


def test_more_classes_than_a_target_can_hold_are_refused(folder: Path) -> None:
    change_masks(folder, lambda mask: mask + 253)
    message = refusal(folder)
    assert "at most 255 classes; they contain 3 values up to 255. Give data.void=255" in message


def test_empty_folders_are_refused(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    assert "of each name; received 0 images and 0 masks." in refusal(tmp_path)


def test_real_street_scenes_load() -> None:
    path = SHARED / "camvid"
    if not path.is_dir():
        pytest.skip("the street scenes of CamVid next to the project are missing")
    images = load(path, image_size=[45, 60], classes=11, void=11)
    assert sizes(images) == [48, 12, 20]
    assert set(np.unique(images.test.y)) == {*range(11), VOID}
