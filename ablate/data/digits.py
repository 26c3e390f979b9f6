"""scikit-learn's handwritten digits: 1,797 real images that need no download."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from ablate.data.images import Images, Split
from ablate.data.split import stratified

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def load(*, split_seed: int = 0) -> Images:
    """The digits, 8 x 8 pixels of 17 grey values, ten classes, in parts of 60, 20 and 20 %.

    Args:
        split_seed: Seed of the three parts.

    Raises:
        RequestError: The seed is not a whole number of 0 or more.

    Source: Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49, its test images.
    """
    digits = load_digits()
    x = digits.images.astype(np.uint8)[..., np.newaxis]
    y = digits.target.astype(np.int64)
    parts = stratified(y, SHARES, split_seed=split_seed)
    split = {name: Split(x[chosen], y[chosen]) for name, chosen in parts.items()}
    return Images(classes=tuple(str(digit) for digit in range(10)), scale=1 / 16, **split)
