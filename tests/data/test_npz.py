"""Archives: read safely, checked, and refused in one helpful line."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ablate.data import npz
from ablate.errors import RequestError
from ablate.tasks.task import prepare


def arrays(**changes):
    """Two classes, ten images each to train and three each to test."""
    generator = np.random.default_rng(0)
    return {
        "x_train": generator.integers(0, 256, (20, 4, 3, 3), np.uint8),
        "y_train": np.tile([0, 1], 10),
        "x_test": generator.integers(0, 256, (6, 4, 3, 3), np.uint8),
        "y_test": np.tile([0, 1], 3),
        **changes,
    }


def float_arrays(**changes):
    own = arrays()
    scaled = {name: own[name] / 255 for name in ("x_train", "x_test")}
    return {**own, **scaled, **changes}


def with_value(value, *indices):
    x = float_arrays()["x_train"]
    x[list(indices), 0, 0, 0] = value
    return x


@pytest.fixture
def save(tmp_path):
    def write(content, name="images.npz"):
        np.savez(tmp_path / name, **content)
        return str(tmp_path / name)

    return write


def load(path, **options):
    return prepare(npz.load(path=path, **options))


def refusal(path):
    with pytest.raises(RequestError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_test_arrays_are_the_test_part_and_a_fifth_validates(save):
    own = arrays()
    images = load(save(own))

    assert np.array_equal(images.test.x, own["x_test"])
    assert np.array_equal(images.test.y, own["y_test"])
    assert np.bincount(images.validation.y).tolist() == [2, 2]
    assert np.bincount(images.train.y).tolist() == [8, 8]
    assert images.classes == ("0", "1")
    assert images.scale == 1 / 255


def test_train_and_validation_are_the_training_arrays(save):
    own = arrays()
    images = load(save(own))
    found = np.concatenate([images.train.x, images.validation.x])

    assert sorted(map(bytes, found)) == sorted(map(bytes, own["x_train"]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"], ids=str)
def test_floats_are_stored_as_float32_and_not_scaled(save, dtype):
    own = float_arrays()
    for name in ("x_train", "x_test"):
        own[name] = own[name].astype(dtype)
    images = load(save(own))

    assert images.train.x.dtype == np.float32
    assert images.scale == 1.0


def test_images_without_channels_get_one(save):
    own = arrays()
    grey = {name: own[name][..., 0] for name in ("x_train", "x_test")}

    assert load(save({**own, **grey})).shape == (4, 3, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64], ids=lambda it: it.__name__)
def test_labels_may_be_a_column_of_any_integer_type(save, dtype):
    own = arrays()
    columns = {name: own[name].astype(dtype)[:, np.newaxis] for name in ("y_train", "y_test")}

    assert load(save({**own, **columns})).fingerprint == load(save(own, "plain.npz")).fingerprint


def test_the_fingerprint_depends_on_images_and_not_on_paths(save):
    own = arrays()
    path = save(own)
    known = load(path).fingerprint
    pixel = own["x_train"].copy()
    pixel[0, 0, 0, 0] ^= 1

    assert load(save(own, "elsewhere.npz")).fingerprint == known
    assert load(save({**own, "x_train": pixel}, "pixel.npz")).fingerprint != known
    assert load(path, split_seed=1).fingerprint != known


def test_a_relative_path_starts_at_the_working_directory(save, monkeypatch):
    path = Path(save(arrays()))
    monkeypatch.chdir(path.parent)

    assert load(path.name).fingerprint == load(str(path)).fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            arrays(x_train=np.zeros((20, 4, 3, 3), int)), "x_train as uint8 .* int64", id="int64"
        ),
        pytest.param(
            arrays(x_test=np.zeros((6, 4, 3, 3), "U1")), "x_test as uint8 .* <U1", id="text"
        ),
        pytest.param(
            arrays(x_train=np.zeros((20, 36), "u1")), r"x_train of shape .*\(20, 36\)", id="flat"
        ),
        pytest.param(
            arrays(x_train=np.zeros((0, 4, 3, 3), "u1")), "images in x_train", id="no_image"
        ),
        pytest.param(
            arrays(x_test=np.zeros((6, 4, 0, 3), "u1")), "images in x_test", id="no_width"
        ),
        pytest.param(
            float_arrays(x_train=with_value(np.nan, 7, 9)),
            "finite values in x_train; 2 of 20 images .* first at index 7",
            id="not_a_number",
        ),
        pytest.param(
            float_arrays(x_train=with_value(np.inf, 3)), "1 of 20 .* index 3", id="infinite"
        ),
        pytest.param(
            float_arrays(x_train=with_value(255, 3)),
            "0 to 1 in x_train.* to 255",
            id="float_to_255",
        ),
        pytest.param(
            float_arrays(x_train=with_value(-1, 3)),
            "0 to 1 in x_train; received -1",
            id="below_zero",
        ),
        pytest.param(
            float_arrays(x_test=arrays()["x_test"]),
            "x_train and x_test of one dtype",
            id="two_dtypes",
        ),
        pytest.param(
            arrays(x_test=np.zeros((6, 3, 4, 3), "u1")),
            "one dtype and shape.*4, 3, 3.*3, 4, 3",
            id="shapes",
        ),
        pytest.param(
            arrays(y_train=np.tile([0, 1], 9)), "20 in x_train and 18 in y_train", id="lengths"
        ),
        pytest.param(
            arrays(y_test=np.tile([0, 1], 4)), "6 in x_test and 8 in y_test", id="test_lengths"
        ),
        pytest.param(
            arrays(y_train=np.tile([0.0, 0.5], 10)),
            "whole numbers in y_train; received 0.5 at index 1",
            id="float_label",
        ),
        pytest.param(
            arrays(y_train=np.tile([0, np.nan], 10)), "received nan at index 1", id="nan_label"
        ),
        pytest.param(
            arrays(y_train=np.tile(["cat", "dog"], 10)), "whole numbers in y_train", id="words"
        ),
        pytest.param(
            arrays(y_train=np.tile([[0.9, 0.1]], (20, 1))),
            r"single 1; received shape \(20, 2\), and \[0.9, 0.1\] at index 0",
            id="soft_labels",
        ),
        pytest.param(
            arrays(y_train=np.array([[1, 0], [1, 1]] * 10)), r"\[1, 1\] at index 1", id="two_ones"
        ),
        pytest.param(
            arrays(y_train=np.eye(3)[[0, 1] * 10]), "no image of class 2", id="one_hot_gap"
        ),
        pytest.param(
            arrays(y_train=np.eye(2)[[0, 1] * 10][:, None]), r"\(20, 1, 2\)", id="three_axes"
        ),
        pytest.param(
            arrays(y_train=np.array([0, 1] * 9 + [0, -1])), "received -1 .* index 19", id="negative"
        ),
        pytest.param(
            arrays(y_train=np.tile([1, 2], 10)), "0 to 2 .* no image of class 0", id="from_one"
        ),
        pytest.param(
            arrays(y_train=np.tile([0, 1, 3, 4], 5)), "0 to 4 .* no image of class 2", id="gap"
        ),
        pytest.param(
            arrays(y_train=np.tile([0, 10**12], 10)), "no image of class 1", id="huge_label"
        ),
        pytest.param(
            arrays(y_test=np.tile([0, 2], 3)), "y_test within .* 0 to 1; received 2", id="too_high"
        ),
        pytest.param(
            arrays(y_train=np.zeros(20, int), y_test=np.zeros(6, int)), "two classes", id="one"
        ),
        pytest.param(
            arrays(y_test=np.zeros(6, int)), "'1' has 8 in train, 2 in valid.* 0 in test", id="none"
        ),
        pytest.param(
            arrays(y_train=np.array([0] * 18 + [1] * 2)),
            "'1' has 2 in train, 0 in validation, 3 in test",
            id="too_few_of_a_class",
        ),
    ],
)
def test_an_archive_is_refused_for(save, content, message):
    with pytest.raises(RequestError, match=message):
        load(save(content))


ONE_HOT = np.eye(2, dtype=np.float32)


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda y: y.astype(float), id="floats"),
        pytest.param(lambda y: y.astype(np.float16)[:, np.newaxis], id="column_of_floats"),
        pytest.param(lambda y: y.astype(bool), id="truth_values"),
        pytest.param(lambda y: ONE_HOT[y], id="one_hot"),
        pytest.param(lambda y: ONE_HOT[y].astype(np.uint8), id="one_hot_integers"),
        pytest.param(lambda y: ONE_HOT[y].astype(bool), id="one_hot_truth_values"),
    ],
)
def test_labels_may_be_written_in_other_ways(save, encode):
    own = arrays()
    other = {**own, **{name: encode(own[name]) for name in ("y_train", "y_test")}}

    assert load(save(other, "other.npz")).fingerprint == load(save(own)).fingerprint


MEDMNIST = {
    f"{kind[0]}_{part}": f"{part}_{kind[1]}"
    for kind in (("x", "images"), ("y", "labels"))
    for part in ("train", "val", "test")
}


@pytest.mark.parametrize(
    "rename",
    [
        pytest.param(str.upper, id="capital"),
        pytest.param(str.capitalize, id="capital_first_letter"),
        pytest.param(MEDMNIST.get, id="medmnist"),
    ],
)
def test_names_of_arrays_may_be_written_in_other_ways(save, rename):
    own = arrays()
    other = {rename(name): array for name, array in own.items()}

    assert load(save(other, "other.npz")).fingerprint == load(save(own)).fingerprint


def in_three_parts(**changes):
    own = arrays(x_val=arrays()["x_test"] ^ 1, y_val=np.tile([0, 1], 3))
    return {**own, **changes}


@pytest.mark.parametrize("end", ["val", "valid", "validation"])
def test_validation_arrays_are_the_validation_part(save, end):
    own = in_three_parts()
    renamed = {name.replace("val", end): array for name, array in own.items()}
    images = load(save(renamed))

    assert np.array_equal(images.validation.x, own["x_val"])
    assert np.array_equal(images.train.x, own["x_train"])
    assert [len(part.y) for part in images.parts.values()] == [20, 6, 6]
    assert images.fingerprint == load(save(renamed), split_seed=1).fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            {name: array for name, array in in_three_parts().items() if name != "y_val"},
            "Expected y_val with x_val in",
            id="images_alone",
        ),
        pytest.param(in_three_parts(y_val=np.tile([0, 1], 4)), "6 in x_val and 8 in", id="lengths"),
        pytest.param(in_three_parts(y_val=np.tile([0, 2], 3)), "y_val within .* 0 to 1", id="high"),
        pytest.param(
            in_three_parts(x_val=arrays()["x_test"] / 255), "x_train and x_val of one", id="dtypes"
        ),
        pytest.param(
            arrays(X_train=arrays()["x_train"]),
            "one array as x_train in .*; received x_train and X_train",
            id="two_of_one_name",
        ),
        pytest.param(
            {"Y_train" if name == "x_train" else name: array for name, array in arrays().items()},
            "one array as y_train",
            id="another_array_is_no_hint",
        ),
    ],
)
def test_arrays_that_are_not_clear_are_refused(save, content, message):
    with pytest.raises(RequestError, match=message):
        load(save(content))


def test_an_array_that_no_part_needs_is_named(save):
    images = load(save(arrays(weights=np.ones(20))))

    assert images.excluded == ("weights: an array that no part needs",)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_in_the_first_axis_are_refused(save, channels):
    first = {
        name: np.zeros((length, channels, 12, 10), np.uint8)
        for name, length in (("x_train", 20), ("x_test", 6))
    }
    message = refusal(save(arrays(**first)))

    assert f"received (20, {channels}, 12, 10): {channels} x 12 pixels with 10 channels" in message
    assert f"transpose to (20, 12, 10, {channels})" in message


@pytest.mark.parametrize("dtype", [np.uint8, bool], ids=lambda it: it.__name__)
def test_bytes_that_hold_0_and_1_alone_are_not_scaled(save, dtype):
    own = arrays()
    drawn = {name: (own[name] > 127).astype(dtype) for name in ("x_train", "x_test")}
    images = load(save(arrays(**drawn)))

    assert images.scale == 1.0
    assert images.values == (0.0, 1.0)
    assert images.notes == ("The images hold 0 and 1 alone, so they are not divided by 255.",)


def test_one_byte_above_1_in_any_part_makes_bytes(save):
    own = arrays()
    drawn = {name: (own[name] > 127).astype(np.uint8) for name in ("x_train", "x_test")}
    drawn["x_test"][0, 0, 0, 0] = 255

    assert load(save(arrays(**drawn))).scale == 1 / 255


@pytest.mark.parametrize(
    "path", ["x" * 300 + ".npz", "~nobody-of-that-name/a.npz"], ids=["too_long", "unknown_home"]
)
def test_an_unreadable_path_is_reported_as_missing(path):
    with pytest.raises(RequestError, match="Expected the file"):
        load(path)


def test_a_missing_file_is_refused_with_the_nearest_one(save):
    path = Path(save(arrays()))

    assert f"Did you mean {path}?" in refusal(str(path.with_name("image.npz")))


def test_a_missing_folder_is_named(tmp_path):
    assert f"no folder {tmp_path / 'no'}" in refusal(str(tmp_path / "no" / "images.npz"))


def test_a_folder_is_refused_with_the_archive_in_it(save):
    path = Path(save(arrays()))

    assert f"Did you mean {path}?" in refusal(str(path.parent))


def test_a_folder_without_an_archive_is_reported(tmp_path):
    assert f"{tmp_path} contains no .npz file" in refusal(str(tmp_path / "images.npz"))


@pytest.mark.parametrize("path", [None, "", 3], ids=repr)
def test_a_path_that_is_not_text_is_refused(path):
    assert "Expected data.path" in refusal(path)


def test_a_missing_array_is_refused_with_the_nearest_one(save):
    own = arrays()
    own["x_tests"] = own.pop("x_test")

    assert "has no x_test. Did you mean 'x_tests'?" in refusal(save(own))
    del own["x_tests"]
    assert refusal(save(own)).endswith("has no x_test.")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not an archive", id="text"),
        pytest.param(None, id="truncated"),
    ],
)
def test_other_content_is_refused(save, content):
    path = Path(save(arrays()))
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)

    assert "Expected an archive that numpy.savez wrote" in refusal(str(path))


def test_a_single_array_is_not_an_archive(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros(3))

    assert "Expected an archive that numpy.savez wrote" in refusal(str(tmp_path / "images.npy"))


def test_an_array_with_flipped_bytes_is_refused(save):
    path = Path(save(arrays()))
    content = bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(content)

    assert "Expected x_train" in refusal(str(path))


def test_a_member_that_is_not_an_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.npz", "w") as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", b"text")

    assert "Expected x_train" in refusal(str(tmp_path / "images.npz"))


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_python_objects_are_refused_and_never_unpickled(save, tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")] * 20, dtype=object)

    assert "received Python objects" in refusal(save(arrays(x_train=trap)))
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_is_refused_and_never_unpickled(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap(tmp_path / "sprung")], dtype=object), allow_pickle=True)
    (tmp_path / "images.npz").write_bytes(buffer.getvalue())

    assert "Expected an archive" in refusal(str(tmp_path / "images.npz"))
    assert not (tmp_path / "sprung").exists()


def test_a_sample_of_cifar10_loads(cifar_sample):
    images = load(str(cifar_sample))

    assert images.shape == (32, 32, 3)
    assert len(images.classes) == 10
    assert len(images.train.y) + len(images.validation.y) == 3805
    assert len(images.test.y) == 761
    assert np.allclose(np.bincount(images.validation.y) / 3805, 0.02, atol=0.002)


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "images.npz")
    assert "images.npz is a pipe" in refusal(str(tmp_path / "images.npz"))
