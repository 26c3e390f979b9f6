"""The verdict on a component, at a margin.

The rule looks at an effect (the loss of response without the component), its 95 % interval from
`low` to `high`, and its p value of no effect, adjusted by Holm over all components, in the full
model and on average together. The first line that holds is the verdict:

* harmful: `high` is below 0 and the adjusted p value is at most 0.05;
* not needed: `high` is below the margin;
* needed: `low` is above 0 and the adjusted p value is at most 0.05;
* undecided: otherwise.

The interval is the one that is shown, so tables and sentences agree. The adjusted p value, which is
shown next to it, limits the chance that a study falsely calls any component needed or harmful to
5 %, however many components there are. *Not needed* is a one-sided test, at 2.5 % for each
component, of a loss as large as the margin. An effect that is certainly above 0 but also certainly
below the margin is not needed: this is the purpose of the margin.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ablate.analysis.estimates import ALPHA, Estimates
from ablate.analysis.findings import Verdict

VERDICTS = (Verdict.HARMFUL, Verdict.NOT_NEEDED, Verdict.NEEDED, Verdict.UNDECIDED)


def judge(estimates: Estimates, margin: float) -> npt.NDArray[np.int_]:
    """Return the verdict on every contrast as its index in `VERDICTS`."""
    significant = estimates.p_adjusted <= ALPHA
    rules = [
        (estimates.high < 0) & significant,
        estimates.high < margin,
        (estimates.low > 0) & significant,
    ]
    return np.select(rules, [0, 1, 2], default=3)
