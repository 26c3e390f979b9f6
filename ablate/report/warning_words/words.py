"""How a warning is put into words: one function, which each kind of warning registers with."""

from __future__ import annotations

from functools import singledispatch

from ablate.report.wording import amount, scale_of
from ablate.study.study import Study


@singledispatch
def words(warning: object, study: Study) -> tuple[str, str]:
    """Return the title and the text of a warning."""
    raise TypeError(f"Expected a kind of warning with a text; received {warning!r}.")


def detectable_text(study: Study, size: float) -> str:
    """Return which effects would be found, unless not even the largest possible one would be."""
    if study.response.unit == "fraction" and size > 1:
        return "nothing can be detected yet"
    return f"only effects of {amount(study, size)} or more would be found four times in five"


def percent(rate: float) -> str:
    """Return a rate in whole percent."""
    return f"{100 * rate:.0f} %"


def score(value: float, study: Study) -> str:
    """Return a score as the tables show it."""
    scale = scale_of(study)
    return scale.value(value) if scale.unit == "%" else f"{value:.3g}"
