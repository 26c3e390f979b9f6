"""How often each promise holds: each function yields the rows of a table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from scipy import stats

from ablate.analysis.estimates import ALPHA, FLIP_ROOM, estimate, sign_flip_p, smallest_flip_p
from ablate.analysis.power import detectable_effect
from ablate.analysis.simplest import loss_tests, loss_weights
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.study import Study
from benchmarks.calibration.families import (
    FAILING,
    Family,
    contrasts,
    families,
    means,
    noise,
    presence,
    simulate,
    two_level_study,
)
from benchmarks.calibration.methods import METHODS
from benchmarks.calibration.simulation import (
    MARGINS,
    SEEDS,
    STRONG,
    Array,
    Row,
    any_false_claim,
    batches,
    estimate_study,
    generator,
    grid_of,
    of_kind,
    row_of,
    ways_to_pair,
    weights_of,
)

VERDICT_SETTINGS = (
    (5, "simple", 0.2),
    (5, "main", 0.5),
    (3, "simple", 0.6),
    (5, "simple", 0.6),
    (8, "simple", 0.6),
)
"""Seeds, kind of effect, and spread over seeds in margins; about 0.6 in the default study."""


def coverage(studies: int) -> Iterator[Row]:
    """Yield the lowest and highest coverage of 95 % intervals by family and kind of effect."""
    study = two_level_study(3)
    kinds = np.array([contrast.kind for contrast in contrasts(study)])
    for family in families(SEEDS):
        for paired in ways_to_pair(family):
            hits = []
            for rng, size in batches("coverage", family, studies):
                planted = _planted(study, family, rng, size)
                responses, cell_means = simulate(family, study, planted, rng)
                truth = cell_means @ weights_of(study).T
                found = estimate_study(study, responses, family=family, paired=paired)
                hits.append((found.low <= truth) & (truth <= found.high))
            rates = np.concatenate(hits).mean(axis=0)
            for kind in ("simple", "main", "interaction"):
                own = rates[kinds == kind]
                yield row_of(family) | {
                    "seeds used": "yes" if paired else "no",
                    "kind": kind,
                    "lowest": own.min(),
                    "highest": own.max(),
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
        for rng, size in batches("placebo", family, studies):
            planted = means(study, np.tile((STRONG, STRONG, STRONG, 0.0), (size, 1)))
            responses, cell_means = simulate(family, study, planted, rng)
            found = estimate_study(study, responses, family=family)
            truth = cell_means @ weights_of(study).T
            for margin in MARGINS:
                false[margin].append(any_false_claim(judge(found, margin), truth, margin))
        for margin in MARGINS:
            wrong = np.concatenate(false[margin])
            full, average = wrong[:, indices["simple"]], wrong[:, indices["main"]]
            yield row_of(family) | {
                "margin": margin,
                "in the full model": full.mean(),
                "on average": average.mean(),
                "in either": (full | average).mean(),
            }


def verdicts(studies: int) -> Iterator[Row]:
    """Yield how components of known effect are judged: 2^3 cells, margin 1."""
    study = two_level_study(3)
    sizes = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    for tails, (n, kind, spread) in itertools.product(("normal", "t3"), VERDICT_SETTINGS):
        family = Family(tails, "equal", "none", False, n)
        planted, judged = [], []
        for rng, size in batches(f"verdicts {kind}", family, studies):
            effects = rng.choice(sizes, (size, 3))
            responses, _ = simulate(family, study, means(study, effects), rng, spread=spread)
            found = estimate_study(study, responses, family=family)
            planted.append(effects)
            judged.append(judge(found, study.margin)[:, of_kind(study, kind)])
        truth, codes = np.concatenate(planted), np.concatenate(judged)
        for effect in sizes:
            own_codes = codes[truth == effect]
            yield {
                "tails": tails,
                "n": n,
                "verdict": "in the full model" if kind == "simple" else "on average",
                "seed spread": spread,
                "effect": effect,
                "components": own_codes.size,
            } | {str(verdict): (own_codes == code).mean() for code, verdict in enumerate(VERDICTS)}


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
            for rng, size in batches("simplest", family, studies):
                planted = means(study, np.tile((1.0, 0.0, 0.0), (size, 1)))
                responses, cell_means = simulate(family, study, planted, rng, spread=spread)
                weights = loss_weights(len(parts), reference=reference, others=others)
                losses = estimate(responses, weights, paired=True, grid=grid_of(family))
                p = loss_tests(losses, margin=1.0)
                # The fewest parts win, then the first in the design, as in the analysis.
                rank = np.where(p <= ALPHA, parts[others] + others / 100, 99.0)
                named = np.where(rank.min(axis=1) < 99, others[rank.argmin(axis=1)], reference)
                loss = cell_means[:, reference] - cell_means[np.arange(size), named]
                bad.append(loss >= 1.0 - 1e-9)
                right.append((parts[named] == 1) & (loss < 1e-9))
            yield row_of(family) | {
                "spread over margin": spread,
                "named one that loses the margin": np.concatenate(bad).mean(),
                "named the simplest": np.concatenate(right).mean(),
            }


def rivals(studies: int) -> Iterator[Row]:
    """Yield the coverage of each method over all families, and its relative mean width."""
    study = two_level_study(3)
    weights = weights_of(study)
    for n in SEEDS:
        rates: dict[str, list[Array]] = {name: [] for name in METHODS}
        widths: dict[str, list[float]] = {name: [] for name in METHODS}
        for family in families((n,)):
            if family.interactions or family.accident in FAILING:
                continue  # Contrasts are linear: planted means do not change the widths.
            rng = generator("rivals", family)
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
            rng = generator("exactness", Family(tails, "equal", "none", False, n))
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


def _planted(study: Study, family: Family, rng: np.random.Generator, size: int) -> Array:
    effects = rng.choice([0.0, 0.5, 1.0, 2.0, 4.0], (size, 3))
    together = rng.normal(0.0, 2.0, (size, 3)) if family.interactions else None
    return means(study, effects, together)
