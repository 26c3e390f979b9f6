"""When the runs of a study with adaptive seeds are looked at, and what a look may claim.

Each look has an equal share of the error rate (Bonferroni over the looks). With four looks an
interval covers with 98.75 % at each of them, so with 95 % at all of them together, and p values
are multiplied by four. This assumes nothing about how the looks depend on each other or about the
rule by which seeds are added, and holds for every component at whichever look it stops. Boundaries
that use the dependence save another 1 or 2 runs in 100; boundaries that spend less error on early
looks save fewer runs.

Source: Pocock 1977 and Jennison and Turnbull 2000, chapter 9, on repeated confidence intervals;
Mathieu and others 2023 (AdaStop) for the use.
"""

from __future__ import annotations

import math

from ablate.study.study import Study

GROWTH = 1.5
"""By about which factor the seeds of an undecided cell grow from one look to the next."""


def looks_of(study: Study) -> tuple[int, ...]:
    """Return the seeds a cell at each look, in rising order; one look without adaptive seeds."""
    fewest, most = study.replicates, study.most_replicates
    if most is None:
        return (fewest,)
    steps = max(1, round(math.log(most / fewest, GROWTH)))
    growth = (most / fewest) ** (1 / steps)
    return tuple(sorted({round(fewest * growth**step) for step in range(steps + 1)}))
