"""A changed mind: what to do when finished runs no longer fit what is asked for."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ablate.errors import RequestError
from ablate.planning.changes import affected, differences, keeping, still_kept
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.wording import first_few, quantity

MOST_NAMED = 3


def reconcile(plan: Plan, folder: StudyFolder, *, on_change: str, console: Console) -> Plan:
    """The plan, with what it uses of the results of the plan before it.

    Args:
        plan: What is asked for now.
        folder: The folder of the study, where the plan before it may be.
        on_change: ``refuse``, ``rerun``, ``keep``, or ``show`` to go on without a decision.
        console: Where the differences are shown.

    Raises:
        RequestError: Finished runs no longer fit, and the request does not say what to do with them.
    """
    try:
        earlier = folder.read_plan()
    except RequestError:
        return plan
    kept = {} if on_change == "rerun" else still_kept(earlier, folder)
    plan = keeping(plan, kept, changes=earlier.changes)
    unfit, lines = affected(earlier, plan, folder=folder), differences(earlier, plan)
    if not unfit or not lines:
        return plan
    runs = quantity(len(unfit), "finished run")
    console.print(f"Changed since {runs} of study {plan.study.name}:")
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)
    if on_change == "refuse":
        raise RequestError(
            f"Expected what study {plan.study.name!r} was planned with; {runs} of it would not fit "
            f"what is asked now ({first_few(lines, most=MOST_NAMED)}). Give on_change=rerun to "
            f"train again, on_change=keep to use what is there, marked in the report, or another "
            f"study.name."
        )
    if on_change == "keep":
        return keeping(plan, {**kept, **unfit}, changes=(*earlier.changes, *lines))
    return plan
