"""What every table of the calibration needs: batches of studies, their estimates and claims."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, fields

import numpy as np
import numpy.typing as npt

from ablate.analysis.arrays import Array
from ablate.analysis.effects import families_of
from ablate.analysis.estimates import Estimates, estimate
from ablate.analysis.findings import Verdict
from ablate.analysis.resolution import Grid
from ablate.analysis.verdicts import VERDICTS
from ablate.study.study import Study
from benchmarks.calibration.families import STEP, Family, contrasts

Row = Mapping[str, object]
SEEDS = (3, 5, 8)
MARGINS = (0.2, 1.0, 5.0)
"""Margins as multiples of the spread of the full model over seeds."""
STRONG = 50.0
BATCH = 1000
CLAIMS = (Verdict.NEEDED, Verdict.HELPS, Verdict.HARMFUL)
"""The verdicts that claim an effect; at most 5 % of studies may make a false one."""
CONTRADICTIONS = {
    Verdict.NEEDED: {Verdict.NO_DIFFERENCE, Verdict.NOT_NEEDED, Verdict.HARMFUL},
    Verdict.HELPS: {Verdict.HARMFUL},
    Verdict.BETTER: {Verdict.WORSE},
}
"""Verdicts that cannot both be true."""


def ways_to_pair(family: Family) -> tuple[bool, ...]:
    """Return whether runs are analysed with their seeds, without them, or both."""
    return (True, False) if family.pairing == "none" else (True,)


def row_of(family: Family) -> dict[str, object]:
    """Return the columns that name a family."""
    names = [field.name for field in fields(family)]
    return dict(zip(names, astuple(family), strict=True)) | {
        "interactions": "yes" if family.interactions else "no"
    }


def generator(purpose: str, family: Family) -> np.random.Generator:
    """Return the generator of a table and a family."""
    return np.random.default_rng(zlib.crc32(f"{purpose}, {family}".encode()))


def batches(
    purpose: str, family: Family, studies: int
) -> Iterator[tuple[np.random.Generator, int]]:
    """Yield the generator and the size of each batch of studies."""
    rng = generator(purpose, family)
    for start in range(0, studies, BATCH):
        yield rng, min(BATCH, studies - start)


def weights_of(study: Study) -> Array:
    """Return the weights of all contrasts, shape `(contrasts, cells)`."""
    return np.array([contrast.weights for contrast in contrasts(study)])


def of_kind(study: Study, kind: str) -> npt.NDArray[np.bool_]:
    """Return which contrasts are of a kind."""
    return np.array([contrast.kind == kind for contrast in contrasts(study)])


def grid_of(family: Family) -> Grid:
    """Return which values the responses of a family can take."""
    return Grid(step=STEP if family.accident == "grid" else 0.0)


def estimate_study(
    study: Study, responses: Array, *, family: Family, paired: bool = True
) -> Estimates:
    """Return the estimates of all contrasts, as the analysis makes them."""
    return estimate(
        responses,
        weights_of(study),
        paired=paired,
        families=families_of(contrasts(study)),
        grid=grid_of(family),
    )


def is_false(verdict: Verdict, truth: Array, margin: float) -> npt.NDArray[np.bool_]:
    """Return where a verdict would be false.

    Args:
        verdict: The verdict.
        truth: True effects.
        margin: The margin.
    """
    room = 1e-9 * margin
    false = {
        Verdict.NEEDED: truth < margin - room,
        Verdict.HELPS: truth <= room,
        Verdict.HARMFUL: truth >= -room,
        Verdict.NO_DIFFERENCE: np.abs(truth) >= margin - room,
        Verdict.NOT_NEEDED: truth >= margin - room,
        Verdict.BETTER: truth <= room,
        Verdict.WORSE: truth >= -room,
    }
    return np.asarray(false[verdict])


def any_false_claim(
    codes: npt.NDArray[np.int_], truth: Array, margin: float
) -> npt.NDArray[np.bool_]:
    """Return where a component is falsely called needed, helping or harmful."""
    wrong = [
        (codes == VERDICTS.index(verdict)) & is_false(verdict, truth, margin) for verdict in CLAIMS
    ]
    return np.logical_or.reduce(wrong)


def contradict(one: Verdict | None, other: Verdict | None) -> bool:
    """Return whether two verdicts cannot both be true; None is no verdict."""
    return any(
        second in CONTRADICTIONS.get(first, ())
        for first, second in ((one, other), (other, one))
        if first is not None
    )
