"""The parts of a data set whose source keeps some of them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablate.data.images import Images, Split, Unsplit

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
TRAIN_SHARES = {"train": 0.8, "validation": 0.2}
"""Shares of the images of train where there are test images, but none for validation."""

NO_TEST_FOLDER = (
    "There is no folder of test images, so those of val are the test part, and a fifth of train is "
    "for validation."
)
"""A note on a data set in folders."""


def in_parts(
    parts: Mapping[str, Split], *, split_seed: int, known: Mapping[str, Any]
) -> Images | Unsplit:
    """Images in the parts that their source keeps apart; the others are split off the train part.

    Args:
        parts: `train`, and possibly `validation` and `test`. A validation part without a test part
            is the test part.
        split_seed: Seed of the split.
        known: What else `Images` holds.
    """
    if len(parts) == len(SHARES):
        return Images(parts["train"], parts["validation"], parts["test"], **known)
    test = parts.get("test", parts.get("validation"))
    fixed, shares = ({}, SHARES) if test is None else ({"test": test}, TRAIN_SHARES)
    rest = parts["train"]
    return Unsplit(rest.x, rest.y, shares=shares, split_seed=split_seed, fixed=fixed, **known)
