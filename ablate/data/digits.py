"""Handwritten digits that come with scikit-learn: 1,797 images of 8 x 8 pixels, no download."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from ablate.data.images import Images, Split
from ablate.data.split import take_part


def load(*, split_seed: int = 0) -> Images:
    """The digits, 60 % to train on, 20 % to validate and 20 % to test.

    Args:
        split_seed: Seed of the division into parts.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository
    (1998), the test part.
    """
    digits = load_digits()
    whole = Split(digits.images[..., np.newaxis].astype(np.uint8), digits.target.astype(np.int64))
    rest, test = take_part(whole, 0.2, split_seed=split_seed, part="test")
    train, validation = take_part(rest, 0.25, split_seed=split_seed, part="validation")
    names = tuple(str(name) for name in digits.target_names)
    # Pixels count the inked cells of a 4 x 4 square, from 0 to 16.
    return Images(train, validation, test, classes=names, scale=1 / 16)
