"""CIFAR-10: 60,000 colour photographs of 32 x 32 pixels in 10 classes."""

from __future__ import annotations

import dataclasses

from ablate.data.images import Images
from ablate.data.npz import ARRAYS, from_arrays, read_arrays
from ablate.study import Refusal

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
)  # fmt: skip


def load(*, path: str | None = None, split_seed: int = 0) -> Images:
    """CIFAR-10, a fifth of its training images split off to validate.

    Args:
        path: An `.npz` file with the arrays x_train, y_train, x_test and y_test; None takes the
            copy that Keras downloads once and keeps.
        split_seed: Seed of the division into training and validation images.

    Raises:
        Refusal: The file is not what it should be, or the download failed.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    """
    images = from_arrays(_download() if path is None else read_arrays(path), split_seed=split_seed)
    if len(images.classes) != len(CLASSES):
        raise Refusal(
            f"Expected the {len(CLASSES)} classes of CIFAR-10; received {len(images.classes)}. "
            f"Use data=npz for images of another kind."
        )
    return dataclasses.replace(images, classes=CLASSES)


def _download() -> dict:
    from keras.datasets import cifar10  # imports a backend, which a file does not need

    try:
        (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    except Exception as error:
        # Keras wraps whatever the network says in a plain Exception.
        raise Refusal(
            f"Expected to download CIFAR-10 through Keras; it failed ({str(error).splitlines()[0]}"
            f"). With a copy of the images, set data.path to an .npz file."
        ) from error
    return dict(zip(ARRAYS, (x_train, y_train, x_test, y_test), strict=True))
