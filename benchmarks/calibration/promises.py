"""How often each promise holds: each function yields the rows of a table."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from ablate.analysis.effects import families_of
from ablate.analysis.estimates import (
    ALPHA,
    FLIP_ROOM,
    Estimates,
    estimate,
    sign_flip_p,
    smallest_flip_p,
)
from ablate.analysis.findings import Verdict
from ablate.analysis.power import detectable_effect
from ablate.analysis.simplest import loss_tests, loss_weights
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.study import Study
from benchmarks.calibration.families import (
    Family,
    contrasts,
    families,
    means,
    noise,
    presence,
    two_level_study,
)
from benchmarks.calibration.methods import METHODS

Array = npt.NDArray[np.float64]
Row = Mapping[str, object]
SEEDS = (3, 5, 7, 10)
MARGINS = (0.2, 1.0, 5.0)
"""Margins as multiples of the spread of the full model over seeds."""
STRONG = 50.0
BATCH = 1000


def coverage(studies: int) -> Iterator[Row]:
    """Yield the lowest and highest coverage of 95 % intervals by family and kind of effect."""
    study = two_level_study(3)
    kinds = np.array([contrast.kind for contrast in contrasts(study)])
    for family in families(SEEDS):
        for paired in (True, False) if family.pairing == "none" else (True,):
            hits = []
            for rng, size in _batches("coverage", family, studies):
                cell_means = _planted(study, family, rng, size)
                truth = cell_means @ _weights(study).T
                responses = cell_means[:, None] + noise(family, study, rng, studies=size)
                found = _estimate(study, responses, paired=paired)
                hits.append((found.low <= truth) & (truth <= found.high))
            rates = np.concatenate(hits).mean(axis=0)
            for kind in ("simple", "main", "interaction"):
                own = rates[kinds == kind]
                yield _row(family) | {
                    "seeds used": "yes" if paired else "no",
                    "kind": kind,
                    "lowest": own.min(),
                    "highest": own.max(),
                }


def false_claims(studies: int) -> Iterator[Row]:
    """Yield the share of studies with any false needed or harmful, by family, truth, margin."""
    study = two_level_study(3)
    simple, main = _kind(study, "simple"), _kind(study, "main")
    truths = {"no part does anything": (0.0, 0.0, 0.0), "one part does": (STRONG, 0.0, 0.0)}
    for family in families(SEEDS):
        if family.interactions:
            continue  # With interactions hardly any effect is 0, so fewer claims can be false.
        ways = (True, False) if family.pairing == "none" else (True,)
        for (truth, effects), paired in itertools.product(truths.items(), ways):
            false = {margin: [] for margin in MARGINS}
            for rng, size in _batches(f"false {truth}", family, studies):
                cell_means = means(study, np.tile(effects, (size, 1)))
                responses = cell_means[:, None] + noise(family, study, rng, studies=size)
                found = _estimate(study, responses, paired=paired)
                for margin in MARGINS:
                    false[margin].append(
                        _false_verdicts(found, margin, cell_means @ _weights(study).T)
                    )
            for margin in MARGINS:
                wrong = np.concatenate(false[margin])
                yield _row(family) | {
                    "seeds used": "yes" if paired else "no",
                    "truth": truth,
                    "margin": margin,
                    "in the full model": wrong[:, simple].any(axis=1).mean(),
                    "on average": wrong[:, main].any(axis=1).mean(),
                    "in either": wrong[:, simple | main].any(axis=1).mean(),
                }


def placebo(studies: int) -> Iterator[Row]:
    """Yield the share of studies that call a placebo needed or harmful, next to three parts."""
    study = two_level_study(4)
    indices = {
        contrast.kind: index
        for index, contrast in enumerate(contrasts(study))
        if contrast.name == "placebo"
    }
    for family in families(SEEDS):
        if family.interactions:
            continue  # A part that changes nothing does not interact.
        false = {margin: [] for margin in MARGINS}
        for rng, size in _batches("placebo", family, studies):
            cell_means = means(study, np.tile((STRONG, STRONG, STRONG, 0.0), (size, 1)))
            responses = cell_means[:, None] + noise(family, study, rng, studies=size)
            found = _estimate(study, responses)
            for margin in MARGINS:
                false[margin].append(_false_verdicts(found, margin, cell_means @ _weights(study).T))
        for margin in MARGINS:
            wrong = np.concatenate(false[margin])
            full, average = wrong[:, indices["simple"]], wrong[:, indices["main"]]
            yield _row(family) | {
                "margin": margin,
                "in the full model": full.mean(),
                "on average": average.mean(),
                "in either": (full | average).mean(),
            }


def verdicts(studies: int) -> Iterator[Row]:
    """Yield how components of known effect are judged: 2^3 cells, 5 seeds, margin 1."""
    study = two_level_study(3)
    sizes = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    for tails in ("normal", "t3"):
        family = Family(tails, "equal", "none", False, 5)
        for kind, spread in (("simple", 0.2), ("main", 0.5)):
            planted, judged = [], []
            for rng, size in _batches(f"verdicts {kind}", family, studies):
                effects = rng.choice(sizes, (size, 3))
                own = noise(family, study, rng, studies=size)
                responses = means(study, effects)[:, None] + spread * own
                found = _estimate(study, responses)
                planted.append(effects)
                judged.append(judge(found, study.margin)[:, _kind(study, kind)])
            truth, codes = np.concatenate(planted), np.concatenate(judged)
            for effect in sizes:
                own_codes = codes[truth == effect]
                yield {
                    "tails": tails,
                    "verdict": "in the full model" if kind == "simple" else "on average",
                    "seed spread": spread,
                    "effect": effect,
                    "components": own_codes.size,
                } | {
                    str(verdict): (own_codes == code).mean()
                    for code, verdict in enumerate(VERDICTS)
                }


def simplest(studies: int) -> Iterator[Row]:
    """Yield how often the model named as simplest loses the margin, and how often it is right.

    One part of three is worth exactly the margin, the hardest loss to see; two are worth nothing.
    """
    study = two_level_study(3)
    parts = presence(study).sum(axis=1)
    reference = int(parts.argmax())
    others = np.flatnonzero(np.arange(len(parts)) != reference)
    for family in families(SEEDS):
        if family.interactions:
            continue
        for spread in (0.2, 1.0):
            bad, right = [], []
            for rng, size in _batches("simplest", family, studies):
                cell_means = means(study, np.tile((1.0, 0.0, 0.0), (size, 1)))
                own = noise(family, study, rng, studies=size)
                responses = cell_means[:, None] + spread * own
                weights = loss_weights(len(parts), reference=reference, others=others)
                p = loss_tests(estimate(responses, weights, paired=True), margin=1.0)
                # The fewest parts win, then the first in the design, as in the analysis.
                rank = np.where(p <= ALPHA, parts[others] + others / 100, 99.0)
                named = np.where(rank.min(axis=1) < 99, others[rank.argmin(axis=1)], reference)
                loss = cell_means[:, reference] - cell_means[np.arange(size), named]
                bad.append(loss >= 1.0 - 1e-9)
                right.append((parts[named] == 1) & (loss < 1e-9))
            yield _row(family) | {
                "spread over margin": spread,
                "named one that loses the margin": np.concatenate(bad).mean(),
                "named the simplest": np.concatenate(right).mean(),
            }


def rivals(studies: int) -> Iterator[Row]:
    """Yield the coverage of each method over all families, and its relative mean width."""
    study = two_level_study(3)
    weights = _weights(study)
    for n in SEEDS:
        rates: dict[str, list[Array]] = {name: [] for name in METHODS}
        widths: dict[str, list[float]] = {name: [] for name in METHODS}
        for family in families((n,)):
            if family.interactions:
                continue  # Contrasts are linear: planted means do not change the widths.
            rng = _generator("rivals", family)
            responses = noise(family, study, rng, studies=studies)
            for name, method in METHODS.items():
                low, high = method(responses, weights)
                rates[name].append(((low <= 0) & (high >= 0)).mean(axis=0))
                widths[name].append(float((high - low).mean()))
        in_use = np.array(widths["within blocks, t"])
        for name in METHODS:
            yield {
                "n": n,
                "method": name,
                "lowest": np.concatenate(rates[name]).min(),
                "highest": np.concatenate(rates[name]).max(),
                "width against the one in use": float((np.array(widths[name]) / in_use).mean()),
            }


def exactness(studies: int) -> Iterator[Row]:
    """Yield the power of the exact sign-flip test where that of Student's t is 80 %."""
    for tests, n in itertools.product((1, 3, 6), range(6, 14)):
        level = ALPHA / tests
        if smallest_flip_p(n) > level:
            continue
        row: dict[str, object] = {"tests": tests, "n": n}
        row["in use"] = "sign-flip" if smallest_flip_p(n) <= level / FLIP_ROOM else "t"
        for tails in ("normal", "t3"):
            rng = _generator("exactness", Family(tails, "equal", "none", False, n))
            noise_alone = rng.standard_normal((studies, n, 1))
            if tails == "t3":
                noise_alone = rng.standard_t(3, (studies, n, 1)) / np.sqrt(3)
            for name, effect in (
                ("level", 0.0),
                ("power", detectable_effect(n**-0.5, n - 1, tests=tests)),
            ):
                t = stats.ttest_1samp(noise_alone + effect, 0.0, axis=1).pvalue
                batches = np.array_split(noise_alone + effect, max(1, studies // 500))
                flips = np.concatenate([sign_flip_p(batch) for batch in batches])
                row[f"{name} of t, {tails}"] = (t <= level).mean()
                row[f"{name} of flips, {tails}"] = (flips <= level).mean()
        yield row


def _row(family: Family) -> dict[str, object]:
    names = ("tails", "spread", "pairing", "interactions", "n")
    values = astuple(family)
    return dict(zip(names, values, strict=True)) | {
        "interactions": "yes" if family.interactions else "no"
    }


def _generator(purpose: str, family: Family) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{purpose}, {family}".encode()))


def _batches(
    purpose: str, family: Family, studies: int
) -> Iterator[tuple[np.random.Generator, int]]:
    rng = _generator(purpose, family)
    for start in range(0, studies, BATCH):
        yield rng, min(BATCH, studies - start)


def _planted(study: Study, family: Family, rng: np.random.Generator, size: int) -> Array:
    effects = rng.choice([0.0, 0.5, 1.0, 2.0, 4.0], (size, 3))
    together = rng.normal(0.0, 2.0, (size, 3)) if family.interactions else None
    return means(study, effects, together)


def _weights(study: Study) -> Array:
    return np.array([contrast.weights for contrast in contrasts(study)])


def _kind(study: Study, kind: str) -> npt.NDArray[np.bool_]:
    return np.array([contrast.kind == kind for contrast in contrasts(study)])


def _estimate(study: Study, responses: Array, *, paired: bool = True) -> Estimates:
    families = families_of(contrasts(study))
    return estimate(responses, _weights(study), paired=paired, families=families)


def _false_verdicts(found: Estimates, margin: float, truth: Array) -> npt.NDArray[np.bool_]:
    codes = judge(found, margin)
    needed = (codes == VERDICTS.index(Verdict.NEEDED)) & (truth <= 1e-9)
    harmful = (codes == VERDICTS.index(Verdict.HARMFUL)) & (truth >= -1e-9)
    return np.asarray(needed | harmful)
