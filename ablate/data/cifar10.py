"""CIFAR-10: 60,000 colour photographs of 32 x 32 pixels in ten classes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ablate.data import npz
from ablate.data.arrays import from_arrays
from ablate.data.images import Images, Unsplit
from ablate.errors import RequestError
from ablate.wording import error_message

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def load(*, path: str | None = None, split_seed: int = 0) -> Images | Unsplit:
    """CIFAR-10 with its own test images; a fifth of the training images is for validation.

    Args:
        path: A NumPy archive of CIFAR-10 (x_train, y_train, x_test, y_test), for machines without
            a network; None: `keras.datasets`, which downloads it once.
        split_seed: Seed of the validation part.

    Raises:
        RequestError: CIFAR-10 cannot be downloaded or read, or an array is not as described.

    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
    """
    arrays = _download() if path is None else npz.read(path)
    return from_arrays(arrays, classes=CLASSES, split_seed=split_seed)


def _download() -> dict[str, NDArray[Any]]:
    from keras.datasets import cifar10  # seconds to import, and needed only for this source

    try:
        (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    except Exception as error:  # Keras raises a bare Exception where there is no network
        raise RequestError(
            f"Expected to download CIFAR-10; {error_message(error)}. "
            f"Give data.path=FILE.npz with x_train, y_train, x_test and y_test instead."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
