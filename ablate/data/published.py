"""Published sets of small images with one class each: MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ablate.data import cifar, idx, npz
from ablate.data.arrays import from_arrays
from ablate.data.folders import check_folder, subfolders
from ablate.data.images import Images, Unsplit
from ablate.errors import RequestError
from ablate.fields import check_choice, check_flag
from ablate.wording import error_message, escaped_name

Arrays = Mapping[str, NDArray[Any]]

IDX_FILES = "IDX files (train-images-idx3-ubyte, ..., also with .gz)"
BATCHES = "its python or binary batches"

FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
    "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house",
    "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
    "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy",
    "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal",
    "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar",
    "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman",
    "worm",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Published:
    """A published data set.

    Attributes:
        title: What people call it.
        classes: The names of its classes.
        files: What a folder of it holds, for messages.
        is_folder: Whether a folder holds some of its files.
        read_folder: The arrays of such a folder.
    """

    title: str
    classes: tuple[str, ...]
    files: str
    is_folder: Callable[[Path], bool]
    read_folder: Callable[[Path], Arrays]


def _of_idx_files(title: str, classes: tuple[str, ...]) -> _Published:
    return _Published(
        title, classes, IDX_FILES, lambda folder: bool(idx.find(folder)), idx.read_folder
    )


def _of_batches(title: str, classes: tuple[str, ...], name: str) -> _Published:
    return _Published(
        title,
        classes,
        BATCHES,
        lambda folder: cifar.find(folder, name) is not None,
        lambda folder: cifar.read_folder(folder, name),
    )


SETS = {
    "mnist": _of_idx_files("MNIST", tuple(map(str, range(10)))),
    "fashion_mnist": _of_idx_files("Fashion-MNIST", FASHION),
    "cifar10": _of_batches("CIFAR-10", CIFAR10, "cifar10"),
    "cifar100": _of_batches("CIFAR-100", CIFAR100, "cifar100"),
}


def load(
    *, name: str, path: str | None = None, download: bool = False, split_seed: int = 0
) -> Images | Unsplit:
    """A published data set with its own test images; a fifth of the others is for validation.

    Args:
        name: ``mnist``, ``fashion_mnist``, ``cifar10`` or ``cifar100``.
        path: A NumPy archive with x_train, y_train, x_test and y_test, as Keras keeps it; or a
            folder with the files in which the set is published.
        download: Without a path, download it once with `keras.datasets`.
        split_seed: Seed of the validation part.

    Raises:
        RequestError: There is neither a path nor a download, the files cannot be read, or an array
            is not as described.

    Source: LeCun et al. 1998, http://yann.lecun.com/exdb/mnist; Xiao et al. 2017,
    https://arxiv.org/abs/1708.07747; Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
    """
    check_choice(name, "data.name", choices=SETS)
    check_flag(download, "data.download")
    published = SETS[name]
    if path is not None:
        arrays = _read(path, published)
    elif download:
        arrays = _download(name, published)
    else:
        raise RequestError(
            f"Expected data.path, an .npz file or a folder with {published.files}, or "
            f"data.download=true to download {published.title}; received neither."
        )
    return from_arrays(arrays, classes=published.classes, split_seed=split_seed)


def _read(path: str, published: _Published) -> Arrays:
    """The arrays of an archive or a folder."""
    if isinstance(path, str) and os.path.isfile(os.path.expanduser(path)):
        if zipfile.is_zipfile(os.path.expanduser(path)):
            return npz.read(path)
        raise RequestError(
            f"Expected data.path as an .npz file or a folder with {published.files}; "
            f"{escaped_name(path)} is another file. Extract an archive first."
        )
    folder = check_folder(path)
    if published.is_folder(folder):
        return published.read_folder(folder)
    within = [each for each in subfolders(folder) if published.is_folder(each)]
    hint = f" Did you mean data.path={escaped_name(Path(path) / within[0].name)}?" if within else ""
    raise RequestError(
        f"Expected {published.files} of {published.title} in {escaped_name(path)}; there are "
        f"none.{hint}"
    )


def _download(name: str, published: _Published) -> Arrays:
    # Seconds to import, and needed only for this source.
    module = importlib.import_module(f"keras.datasets.{name}")
    try:
        (x_train, y_train), (x_test, y_test) = module.load_data()
    except Exception as error:  # Keras raises a bare Exception where there is no network
        raise RequestError(
            f"Expected to download {published.title}; {error_message(error)}. Give data.path "
            f"instead: an .npz file with x_train, y_train, x_test and y_test, or a folder with "
            f"{published.files}."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
