"""CIFAR-10: from an archive, or from Keras with a network."""

import numpy as np
import pytest

from ablate.data import cifar10
from ablate.errors import RequestError
from ablate.tasks.task import prepare


def arrays(classes=10):
    return {
        "x_train": np.zeros((10 * classes, 32, 32, 3), np.uint8),
        "y_train": np.tile(np.arange(classes, dtype=np.uint8), 10)[:, np.newaxis],
        "x_test": np.ones((2 * classes, 32, 32, 3), np.uint8),
        "y_test": np.tile(np.arange(classes, dtype=np.uint8), 2)[:, np.newaxis],
    }


def test_an_archive_gets_the_class_names(tmp_path):
    np.savez(tmp_path / "cifar10.npz", **arrays())
    images = prepare(cifar10.load(path=str(tmp_path / "cifar10.npz")))

    assert images.classes[0] == "airplane"
    assert images.classes[9] == "truck"
    assert [len(part.y) for part in images.parts.values()] == [80, 20, 20]


@pytest.mark.parametrize(
    ("classes", "message"),
    [(9, "0 to 9 .* no image of class 9"), (11, "within 0 to 9; received 10, .* index 10")],
    ids=["nine_classes", "eleven_classes"],
)
def test_an_archive_with_other_classes_is_refused(tmp_path, classes, message):
    np.savez(tmp_path / "cifar10.npz", **arrays(classes))

    with pytest.raises(RequestError, match=message):
        cifar10.load(path=str(tmp_path / "cifar10.npz"))


@pytest.fixture
def download(monkeypatch):
    """Replaces Keras' download, which needs a network."""
    from keras import datasets

    def replace_by(function):
        monkeypatch.setattr(datasets.cifar10, "load_data", function)

    return replace_by


def test_without_a_path_keras_downloads_it(download):
    own = arrays()
    download(lambda: ((own["x_train"], own["y_train"]), (own["x_test"], own["y_test"])))

    assert prepare(cifar10.load()).shape == (32, 32, 3)


def test_a_failed_download_is_refused_with_the_alternative(download):
    def fail():
        raise Exception("URL fetch failure:\nno route to host")

    download(fail)

    with pytest.raises(RequestError, match=r"fetch failure: no route .* data\.path=FILE\.npz"):
        cifar10.load()
