"""CSV files of photographs: one label, several labels or a box in each row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytest import param

from ablate.data import image_csv, image_folder
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.tasks.task import prepare

WIDTH, HEIGHT = 12, 8
LABELS = ("cat", "dog")
COUNT = 12


def write(folder: Path, rows: list[str], *, heading: str = "file,label", ends: str = "\n") -> Path:
    """Write a CSV file with these rows, and return its path."""
    file = folder / "list.csv"
    file.write_text(ends.join([heading, *rows, ""]), encoding="utf-8", newline="")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photographs in a folder of their own."""
    (tmp_path / "photos").mkdir()
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path


def names() -> list[str]:
    return [f"photos/{number:02}.png" for number in range(COUNT)]


def labelled() -> list[str]:
    return [f"{name},{LABELS[number % 2]}" for number, name in enumerate(names())]


def boxed(box: str = "1,2,7,8") -> list[str]:
    return [f"{row},{box}" for row in labelled()]


BOXES = "file,label,x0,y0,x1,y1"


def load(csv: Path, **options: Any) -> Images:
    return prepare(image_csv.load(**{"path": str(csv), "image_size": [4, 6], **options}))


def targets(images: Images) -> np.ndarray:
    return np.concatenate([part.y for part in images.parts.values()])


def refusal(csv: Path, **options: Any) -> str:
    with pytest.raises(RequestError) as caught:
        load(csv, **options)
    message = str(caught.value)
    assert message.isprintable(), "one line without control characters"
    return message


def test_one_label_is_read_as_a_folder_of_classes_is(folder: Path) -> None:
    for number, name in enumerate(names()):
        target = folder / "classes" / LABELS[number % 2] / Path(name).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((folder / name).read_bytes())
    in_order = sorted(labelled(), key=lambda row: (row.split(",")[1], row))
    images = load(write(folder, in_order))
    other = prepare(image_folder.load(path=str(folder / "classes"), image_size=[4, 6]))
    assert (images.fingerprint, images.classes) == (other.fingerprint, other.classes)
    assert images.task == "classification"


@pytest.mark.parametrize(
    ("heading", "separator", "ends"),
    [("\ufefffile,label", ",", "\r\n"), ("file;label", ";", "\n"), ("file\tlabel", "\t", "\n")],
    ids=["windows", "semicolons", "tabs"],
)
def test_a_table_is_the_same_in_any_form(
    folder: Path, heading: str, separator: str, ends: str
) -> None:
    expected = load(write(folder, labelled())).fingerprint
    rows = [row.replace(",", separator) for row in labelled()]
    assert load(write(folder, [*rows, ""], heading=heading, ends=ends)).fingerprint == expected


def test_columns_and_folder_may_have_other_names(folder: Path) -> None:
    expected = load(write(folder, labelled())).fingerprint
    rows = [f"{row.split(',')[1]},{Path(row.split(',')[0]).stem}" for row in labelled()]
    file = write(folder, rows, heading="breed,id")
    options = {"file": "id", "label": "breed", "folder": str(folder / "photos")}
    assert load(file, **options).fingerprint == expected


def test_whole_numbers_are_ordered_by_their_value(folder: Path) -> None:
    rows = [f"{name},{(2, 10)[number % 2]}" for number, name in enumerate(names())]
    assert load(write(folder, rows)).classes == ("2", "10")


def test_several_labels_become_a_column_each(folder: Path) -> None:
    cells = ["red|big", "big", "", " red ", "green|red|big", "green"] * 2
    rows = [f"{name},{cell}" for name, cell in zip(names(), cells, strict=True)]
    images = image_csv.load(path=str(write(folder, rows)), image_size=[4, 6], separator="|")
    assert (images.task, images.classes) == ("multilabel", ("big", "green", "red"))
    expected = [[1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 1], [1, 1, 1], [0, 1, 0]] * 2
    np.testing.assert_array_equal(images.y, np.array(expected, np.uint8))  # type: ignore[union-attr]


def test_several_labels_may_be_in_parts(folder: Path) -> None:
    rows = [f"{name},{('big|red', '')[number % 2]}" for number, name in enumerate(names())]
    in_parts = [f"{row},{('train', 'val', 'test')[number // 4]}" for number, row in enumerate(rows)]
    images = load(write(folder, in_parts, heading="file,label,part"), separator="|", part="part")
    assert [part.y.tolist() for part in images.parts.values()] == [[[1, 1], [0, 0]] * 2] * 3


def test_boxes_become_fractions_of_the_image(folder: Path) -> None:
    images = load(write(folder, boxed("3,2,9,8"), heading=BOXES))
    assert (images.task, images.classes) == ("boxes", LABELS)
    found = targets(images)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :4], [[0.25, 0.25, 0.75, 1]] * COUNT)
    assert sorted(found[:, 4]) == [0] * 6 + [1] * 6


def test_the_box_of_a_rotated_photograph_is_in_upright_pixels(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = Image.open(folder / names()[0]).transpose(Image.Transpose.ROTATE_90)
    pixels.save(folder / "photos" / "00.jpg", exif=exif)
    rows = [row.replace("00.png", "00.jpg") for row in boxed("0,0,12,8")]
    np.testing.assert_array_equal(
        targets(load(write(folder, rows, heading=BOXES)))[:, :4], [[0, 0, 1, 1]] * COUNT
    )


def test_boxes_may_be_fractions(folder: Path) -> None:
    images = load(write(folder, boxed("0.25,0.5,0.75,1"), heading=BOXES))
    np.testing.assert_array_equal(targets(images)[:, :4], [[0.25, 0.5, 0.75, 1]] * COUNT)
    assert images.notes == (
        "The boxes lie within 0 and 1, so they are fractions of width and height.",
    )


def test_columns_of_boxes_may_be_ignored(folder: Path) -> None:
    images = load(write(folder, boxed(), heading=BOXES), task="classification")
    assert (images.task, images.fingerprint) == (
        "classification", load(write(folder, labelled())).fingerprint,
    )  # fmt: skip


def test_a_column_may_give_the_parts(folder: Path) -> None:
    parts = ["train", "train", "Val", "valid", "test", "testing"] * 2
    rows = [f"{row},{part}" for row, part in zip(labelled(), parts, strict=True)]
    images = load(write(folder, rows, heading="file,label,part"), part="part")
    assert [len(each.y) for each in images.parts.values()] == [4, 4, 4]
    first = np.asarray(Image.open(folder / names()[4]))[..., 0].astype(int).sum()
    assert abs(images.test.x[0, ..., 0].astype(int).sum() * 4 - first) < 4 * 24


def test_without_rows_for_test_those_of_val_are_the_test_part(folder: Path) -> None:
    parts = ["train", "train", "train", "train", "val", "val"] * 2
    rows = [f"{row},{part}" for row, part in zip(labelled(), parts, strict=True)]
    images = load(write(folder, rows, heading="file,label,part"), part="part")
    assert len(images.test.y) == 4
    assert images.notes[0].startswith("No row is for test, so those of val are the test part")


def test_a_cell_may_hold_what_ends_a_line_elsewhere(folder: Path) -> None:
    rows = [row.replace("cat", "c\x0bat\u2028") for row in labelled()]
    assert load(write(folder, rows)).classes == ("c\\x0bat", "dog")


def replace(index: int, row: str) -> Callable[[list[str]], list[str]]:
    return lambda rows: [*rows[:index], row, *rows[index + 1 :]]


REFUSED: list[Any] = [
    param(lambda rows: [row.replace("photos", "photo") for row in rows[:3]] + rows[3:], {},
          "3 of 12 missing: photo/00.png; photo/01.png; photo/02.png. See data.folder.",
          id="missing_files"),
    param(replace(2, ",cat"), {}, "1 of 12 missing: (no name). See data.folder.", id="no_name"),
    param(lambda rows: rows, {"folder": "phots"}, "Expected the folder phots; there is none",
          id="no_folder"),
    param(lambda rows: rows, {"folder": 3}, "Expected data.folder to be the path of a folder",
          id="folder_as_number"),
    param(replace(2, "photos/01.png,cat"), {}, "1 file in several: photos/01.png",
          id="one_file_twice"),
    param(replace(2, "photos/02.png,"), {}, "line 4 has none", id="no_label"),
    param(replace(2, "photos/02.png"), {}, "Expected 2 cells in each row", id="short_row"),
    param(lambda rows: [row.replace("dog", "cat") for row in rows], {},
          "two different labels or more in column label of", id="one_value"),
    param(replace(1, "photos/01.png,bird"), {}, "received 1 of bird, 6 of cat, 5 of dog",
          id="one_image_of_a_class"),
    param(lambda rows: rows, {"label": "labels"}, "there is no 'labels'. Did you mean 'label'?",
          id="no_such_column"),
    param(lambda rows: [], {}, "Expected rows below the names of columns", id="no_rows"),
    param(lambda rows: rows, {"task": "multilabel"}, "Expected data.separator, such as '|'",
          id="no_separator"),
    param(lambda rows: rows, {"task": "boxs"}, "Did you mean 'boxes'?", id="task"),
    param(lambda rows: rows, {"part": "label"}, "train, val or test in column label of",
          id="no_parts"),
    param(lambda rows: rows, {"path": "photos"}, "is no file.", id="no_file"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "options", "message"), REFUSED)
def test_rows_are_refused_by_name(
    folder: Path, change: Callable[[list[str]], list[str]], options: dict[str, Any], message: str
) -> None:
    file = write(folder, change(labelled()))
    assert message in refusal(file, **options)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        param("1,2,13,8", "line 5 of {file}: x0=1, y0=2, x1=13, y1=8 for 03.png of 12 x 8 pixels",
              id="outside"),
        param("-1,2,9,8", "within their image; 1 of 12 outside", id="below_0"),
        param("7,2,1,8", "x0 below x1 and y0 below y1 in {file}; line 5 has x0=7", id="swapped"),
        param("1,2,x,8", "line 5 has 'x' in x1", id="no_number"),
        param("1,2,nan,8", "line 5 has 'nan' in x1", id="not_finite"),
    ],
)  # fmt: skip
def test_boxes_are_refused_with_line_and_file(folder: Path, box: str, message: str) -> None:
    rows = boxed()
    rows[3] = f"{labelled()[3]},{box}"
    file = write(folder, rows, heading=BOXES)
    assert message.format(file=file) in refusal(file)


def test_a_broken_photograph_is_refused_by_name(folder: Path) -> None:
    (folder / "photos" / "03.png").write_bytes(b"")
    (folder / "photos" / "04.png").write_bytes(b"GIF89a")
    message = refusal(write(folder, labelled()))
    assert "2 bad: photos/03.png: empty; photos/04.png: " in message


def test_a_file_that_is_no_photograph_is_refused(folder: Path) -> None:
    (folder / "notes.txt").touch()
    file = write(folder, ["notes.txt,cat", *labelled()[1:]])
    assert "notes.txt: its name ends in none of" in refusal(file)
