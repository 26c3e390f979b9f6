"""What the evidence says of components, at a margin.

The rule, in this order, for an effect (the loss of response without the component) with a 95 %
interval from `low` to `high` and a p value of no effect, adjusted by Holm over all components, in
the full model and on average together:

* harmful: `high` is below 0 and the adjusted p value is at most 0.05;
* not needed: `high` is below the margin;
* needed: `low` is above 0 and the adjusted p value is at most 0.05;
* undecided: else.

The interval is the one that is shown, so that tables and words agree; the adjusted p value, which
is shown beside it, keeps the chance that a study calls anything needed or harmful wrongly at 5 %,
however many components there are. *Not needed* is a one-sided test, at 2.5 % for each component, of
a loss as large as the margin. An effect that is surely above 0 but surely below the margin is not
needed: that is what the margin is for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ablate.analysis.estimates import ALPHA, Estimates
from ablate.analysis.findings import Verdict

VERDICTS = (Verdict.HARMFUL, Verdict.NOT_NEEDED, Verdict.NEEDED, Verdict.UNDECIDED)


def judge(found: Estimates, margin: float) -> npt.NDArray[np.int_]:
    """The verdict on every contrast as its place in `VERDICTS`."""
    significant = found.p_adjusted <= ALPHA
    rules = [
        (found.high < 0) & significant,
        found.high < margin,
        (found.low > 0) & significant,
    ]
    return np.select(rules, [0, 1, 2], default=3)
