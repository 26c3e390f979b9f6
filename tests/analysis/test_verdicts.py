from __future__ import annotations

import numpy as np
import pytest
from pytest import param

from ablate.analysis.estimates import Estimates, estimate
from ablate.analysis.findings import Verdict
from ablate.analysis.verdicts import VERDICTS, judge

CLAIMS = (Verdict.NEEDED, Verdict.HELPS, Verdict.HARMFUL)


def evidence(low: float, high: float, p_adjusted: float, n: int = 5) -> Estimates:
    values = {name: np.array([np.nan]) for name in Estimates.__slots__}
    given = {"low": low, "high": high, "p_adjusted": p_adjusted, "n": n}
    return Estimates(**(values | {name: np.array([value]) for name, value in given.items()}))


@pytest.mark.parametrize(
    ("low", "high", "p_adjusted", "expected"),
    [
        param(-3, -1, 0.01, Verdict.HARMFUL, id="below 0"),
        param(-3, -1, 0.06, Verdict.NOT_NEEDED, id="below 0, but not after Holm"),
        param(-0.5, 0.9, 0.4, Verdict.NO_DIFFERENCE, id="within the margin"),
        param(-1.5, 0.9, 0.4, Verdict.NOT_NEEDED, id="below the margin"),
        param(0.1, 0.9, 0.01, Verdict.NO_DIFFERENCE, id="certainly above 0, certainly too small"),
        param(-0.9, -0.1, 0.01, Verdict.NO_DIFFERENCE, id="certainly below 0, certainly too small"),
        param(0.1, 3, 0.01, Verdict.HELPS, id="above 0"),
        param(1, 3, 0.01, Verdict.NEEDED, id="above the margin"),
        param(1.1, 3, 0.06, Verdict.UNDECIDED, id="above the margin, but not after Holm"),
        param(0.1, 3, 0.06, Verdict.UNDECIDED, id="above 0, but not after Holm"),
        param(-0.1, 3, 0.2, Verdict.UNDECIDED, id="anything"),
        param(np.nan, np.nan, np.nan, Verdict.UNDECIDED, id="no evidence"),
    ],
)
def test_rule(low, high, p_adjusted, expected):
    assert VERDICTS[int(judge(evidence(low, high, p_adjusted), 1.0)[0])] is expected


def test_two_seeds_give_no_verdict():
    codes = [judge(evidence(2.0, 3.0, 0.01, n), 1.0)[0] for n in (2, 3)]

    assert [VERDICTS[code] for code in codes] == [Verdict.UNDECIDED, Verdict.NEEDED]


def test_a_study_rarely_makes_a_false_claim():
    # Six parts that do nothing, in models without anything in common.
    runs = np.random.default_rng(3).standard_normal((3000, 5, 7))
    weights = np.hstack([np.ones((6, 1)), -np.eye(6)])
    codes = judge(estimate(runs, weights, paired=True), 0.2)

    claims = np.isin(codes, [VERDICTS.index(word) for word in CLAIMS])
    assert 0.01 < claims.any(axis=1).mean() < 0.06
