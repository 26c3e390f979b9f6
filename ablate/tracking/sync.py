"""What `python -m ablate.sync` does: bring MLflow's copy of a study up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.config.overrides import parse_values
from ablate.config.store_uri import STORE_URI, check_store_uri
from ablate.credentials import without_credentials
from ablate.errors import RequestError
from ablate.fields import check_folder_name
from ablate.store.folder import StudyFolder
from ablate.store.lock import study_lock
from ablate.store.state import StudyState
from ablate.study.study import SINGLE
from ablate.tracking.recording import Recording
from ablate.wording import terminal_line

if TYPE_CHECKING:
    from ablate.tracking.summary import StudySummary

USAGE = f"""\
Write to MLflow what it lacks of a study; nothing is trained, and nothing is written twice.

  python -m ablate.sync study=NAME          the runs in runs/NAME/ and the report in reports/NAME/

Optional:
  store.uri={STORE_URI}      where MLflow keeps the runs: an SQLite file or a server
"""


def main(arguments: list[str] | None = None) -> None:
    """Replay the journals and results of a study.

    Args:
        arguments: Such as ``study=xyz``; those of the command line if None.

    Raises:
        SystemExit: Always: 0 if all is in MLflow, 1 if it is not, 2 if refused.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if not given or {"-h", "--help"} & set(given):
        print(USAGE, end="")
        raise SystemExit(0 if given else 2)
    try:
        code = _sync(parse_values(given, keys=("study", "store.uri"), literal=True))
    except RequestError as error:
        print(f"ablate: {terminal_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        print(f"ablate: Cannot read or write the study: {terminal_line(error)}.", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(code)


def _sync(values: dict[str, str]) -> int:
    if "study" not in values:
        raise RequestError(f"Expected study=NAME; received {' and '.join(values)} alone.")
    uri = check_store_uri(values.get("store.uri", STORE_URI))
    folder = StudyFolder(Path("runs") / check_folder_name(values["study"], "study"))
    folder.read_plan()  # refuses an unknown study before the lock creates its folder
    with study_lock(folder.path):
        plan = folder.read_plan()
        state = StudyState.read(folder, plan)
        recording = Recording(state, uri, limited=False, show=_show)
        report = Path("reports") / plan.study.name
        runs = recording.replay(report if report.is_dir() else None, _summary(state))
    if recording.fault:
        print(f"ablate: {recording.fault}", file=sys.stderr)
        return 1
    print(f"{runs} runs of study {plan.study.name} are in {without_credentials(uri)}.")
    return 0


def _summary(state: StudyState) -> StudySummary | None:
    """What the study found; None if it has no question."""
    if state.plan.study.name == SINGLE:
        return None
    # Seconds to import, and not needed for a request that is refused.
    from ablate.analysis.analyse import analyse_record
    from ablate.store.tables import study_record
    from ablate.tracking.summary import summary_of

    try:
        return summary_of(analyse_record(study_record(state)))
    except RequestError:  # runs that no analysis can read are recorded all the same
        return None


def _show(line: str) -> None:
    print(f"ablate: {line}", file=sys.stderr)
