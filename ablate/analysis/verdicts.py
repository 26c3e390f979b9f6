"""The verdict on a component, at a margin.

The rule looks at an effect (the loss of response without the component), its 95 % interval from
`low` to `high`, and its p value of no effect, adjusted by Holm over all components, in the full
model and on average together. The first line that holds is the verdict:

* needed: `low` is at least the margin and the adjusted p value is at most 0.05;
* no difference: the interval lies between minus the margin and the margin;
* helps: `low` is above 0 and the adjusted p value is at most 0.05 (whether the component is worth
  the margin is open);
* harmful: `high` is below 0 and the adjusted p value is at most 0.05;
* not needed: `high` is below the margin (whether removing the component improves is open);
* undecided: otherwise.

The interval is the one that is shown, so tables and sentences agree. *Needed* asks for the adjusted
p value too: with a small margin and several parts that do nothing, `low` alone would call one of
them needed in more than 5 % of studies. The adjusted p value, which is shown next to the interval,
limits the chance that a study falsely calls any component needed, helpful or harmful to 5 %,
however many components there are. *No difference* and *not needed* are tests of a
loss as large as the margin, at 2.5 % for each component. An effect that is certainly above 0 but
also certainly below the margin makes no difference: this is the purpose of the margin.

Two alternatives of which neither is an absence, such as two activations, are *better*, *worse*, *no
difference* or *undecided*.

Two runs that agree by chance look certain, so two seeds give estimates and no verdict.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ablate.analysis.estimates import ALPHA, Estimates
from ablate.analysis.findings import Verdict

FEWEST = 3
"""Fewest observations from which there is a verdict."""
VERDICTS = (
    Verdict.NEEDED,
    Verdict.NO_DIFFERENCE,
    Verdict.HELPS,
    Verdict.HARMFUL,
    Verdict.NOT_NEEDED,
    Verdict.UNDECIDED,
)
OF_ALTERNATIVES = {
    Verdict.NEEDED: Verdict.BETTER,
    Verdict.HELPS: Verdict.BETTER,
    Verdict.HARMFUL: Verdict.WORSE,
    Verdict.NOT_NEEDED: Verdict.UNDECIDED,
}
"""The verdict on the reference level of two alternatives, by the verdict on a part."""


def judge(estimates: Estimates, margin: float) -> npt.NDArray[np.int_]:
    """Return the verdict on every contrast as its index in `VERDICTS`."""
    significant = estimates.p_adjusted <= ALPHA
    enough = estimates.n >= FEWEST
    rules = [
        (estimates.low >= margin) & significant,
        (-margin < estimates.low) & (estimates.high < margin),
        (estimates.low > 0) & significant,
        (estimates.high < 0) & significant,
        estimates.high < margin,
    ]
    return np.select([rule & enough for rule in rules], [0, 1, 2, 3, 4], default=5)
