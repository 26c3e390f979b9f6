"""What subsamples of the real runs say, against all 20 seeds and against each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from ablate.analysis.components import components_of
from ablate.analysis.effects import Evidence, estimate_contrasts
from ablate.analysis.findings import Effect, Verdict
from benchmarks.calibration.simulation import contradict
from benchmarks.real_runs.subsamples import (
    RESPONSES,
    RealStudy,
    Seeds,
    real_study,
    subsamples,
)

Row = Mapping[str, object]
SEEDS = (3, 5, 8)
KINDS = {"simple": "in the full model", "main": "on average", "interaction": "interaction"}
WORDS = tuple(str(verdict) for verdict in Verdict)
WITHHELD = "no verdict"


def coverage(count: int) -> Iterator[Row]:
    """Yield how often 95 % intervals of subsamples cover the mean of all seeds.

    A subsample without replacement is closer to the whole than to the truth; its error is scaled
    by `1 / sqrt(1 - n / seeds)`.
    """
    for response in RESPONSES:
        real = real_study(response)
        whole = real.evidence(np.arange(real.seeds))
        truth = whole.estimates.estimate
        for n in (n for n in SEEDS if n < real.seeds):
            scale = 1 / np.sqrt(1 - n / real.seeds)
            hits = np.zeros(len(truth))
            for seeds, _ in subsamples(real, n, count=count):
                found = estimate_contrasts(
                    real.study, real.subset(seeds), contrasts=whole.contrasts
                )
                error = truth + (found.estimate - truth) * scale - found.estimate
                hits += (found.low + error <= truth) & (truth <= found.high + error)
            for effect, rate in zip(whole.effects, hits / count, strict=True):
                yield {
                    "response": response,
                    "n": n,
                    "kind": KINDS[effect.kind],
                    "effect": effect.name,
                    "all seeds": effect.estimate,
                    "coverage": rate,
                }


def verdicts(count: int) -> Iterator[Row]:
    """Yield the share of each word by effect, and of pairs of disjoint sets that differ."""
    for response in RESPONSES:
        real = real_study(response)
        for n in (n for n in SEEDS if 2 * n <= real.seeds):
            words: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
            differ: Counter[tuple[str, str]] = Counter()
            opposite: Counter[tuple[str, str]] = Counter()
            studies: Counter[str] = Counter()
            for seeds, others in subsamples(real, n, count=count):
                pair = _judged(real, seeds), _judged(real, others[:n])
                apart = {name for name in pair[0] if pair[0][name] is not pair[1][name]}
                against = {name for name in apart if contradict(pair[0][name], pair[1][name])}
                differ.update(apart)
                opposite.update(against)
                studies.update({"differ": bool(apart), "opposite": bool(against)})
                for judged in pair:
                    for name, verdict in judged.items():
                        words[name][str(verdict or WITHHELD)] += 1
            for (kind, effect), counts in words.items():
                yield {
                    "response": response, "n": n, "kind": KINDS[kind], "effect": effect,
                } | {word: counts[word] / (2 * count) for word in (*WORDS, WITHHELD)} | {
                    "differ": differ[kind, effect] / count,
                    "opposite": opposite[kind, effect] / count,
                    "opposite anywhere": studies["opposite"] / count,
                }  # fmt: skip


def _judged(real: RealStudy, seeds: Seeds) -> dict[tuple[str, str], Verdict | None]:
    return {
        (effect.kind, effect.name): effect.verdict
        for effect in real.evidence(seeds).effects
        if effect.kind != "interaction"
    }


def further_seeds(count: int) -> Iterator[Row]:
    """Yield how often the seeds that the report asks for decide, with real seeds added."""
    for response in RESPONSES:
        real = real_study(response)
        for n in SEEDS[:2]:
            tested: dict[str, list[bool]] = defaultdict(list)
            ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for seeds, others in subsamples(real, n, count=count):
                for component in components_of(real.study, real.evidence(seeds)):
                    if component.further is None:
                        continue
                    high = component.further.high
                    ranges[component.name].append((component.further.low, high))
                    if high > len(others):
                        continue
                    more = real.evidence(np.concatenate([seeds, others[:high]]))
                    tested[component.name].append(_is_decided(more, component.name))
            for name, own in ranges.items():
                decided = tested[name]
                yield {
                    "response": response,
                    "n": n,
                    "effect": name,
                    "asked": len(own),
                    "low": float(np.median([low for low, _ in own])),
                    "high": float(np.median([high for _, high in own])),
                    "tested": len(decided),
                    "decided": float(np.mean(decided)) if decided else float("nan"),
                }


def _is_decided(evidence: Evidence, name: str) -> bool:
    own: list[Effect] = [effect for effect in evidence.effects if effect.name == name]
    return all(effect.verdict is not Verdict.UNDECIDED for effect in own)
