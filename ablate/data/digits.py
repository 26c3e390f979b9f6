"""scikit-learn's handwritten digits: 1,797 real images that need no download."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from ablate.data.images import Unsplit

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def load(*, split_seed: int = 0) -> Unsplit:
    """The digits, 8 x 8 pixels of 17 grey values, ten classes, in parts of 60, 20 and 20 %.

    Args:
        split_seed: Seed of the three parts.

    Source: Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49, its test images.
    """
    digits = load_digits()
    return Unsplit(
        x=digits.images.astype(np.uint8)[..., np.newaxis],
        y=digits.target.astype(np.int64),
        classes=tuple(str(digit) for digit in range(10)),
        scale=1 / 16,
        shares=SHARES,
        split_seed=split_seed,
    )
