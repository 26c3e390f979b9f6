"""The command `python -m ablate.sync`: MLflow's copy of a study, caught up with its folder."""

from __future__ import annotations

import sys
from pathlib import Path

from ablate.config.store_uri import STORE_URI, check_store_uri
from ablate.errors import RequestError, nearest
from ablate.store.folder import StudyFolder
from ablate.store.lock import study_lock
from ablate.store.state import StudyState
from ablate.tracking.recording import Recording
from ablate.wording import terminal_line, without_password

USAGE = f"""\
Writes to MLflow what it lacks of a study; nothing is trained, and nothing is written twice.

  python -m ablate.sync study=NAME          what lies in runs/NAME/, and its report in reports/NAME/

As needed:
  store.uri={STORE_URI}      where MLflow keeps the runs: an SQLite file or a server
"""
KEYS = ("study", "store.uri")


def main(arguments: list[str] | None = None) -> None:
    """Replay the journals and results of a study.

    Args:
        arguments: Such as ``study=xyz``; those of the command line if None.

    Raises:
        SystemExit: Always: 0 if all is in MLflow, 1 if it is not, 2 if refused, 130 if interrupted.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if not given or {"-h", "--help"} & set(given):
        print(USAGE, end="")
        raise SystemExit(0 if given else 2)
    try:
        code = _sync(_parse(given))
    except RequestError as error:
        print(f"ablate: {terminal_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        print(f"ablate: Cannot read or write the study: {error}.", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(code)


def _parse(arguments: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if key not in KEYS:
            raise RequestError(f"Unknown argument {key!r}.{nearest(key, KEYS)}")
        if not separator or not value:
            raise RequestError(f"Expected {key}=...; received {argument!r}.")
        if key in values:
            raise RequestError(f"Expected {key} once; received it twice.")
        values[key] = value
    if "/" in values.get("study", ""):
        raise RequestError(f"Expected the name of a study; received {values['study']!r}.")
    if "study" not in values:
        raise RequestError(f"Expected study=NAME; received {' '.join(arguments)}.")
    return values


def _sync(values: dict[str, str]) -> int:
    uri = check_store_uri(values.get("store.uri", STORE_URI))
    folder = StudyFolder(Path("runs") / values["study"])
    folder.read_plan()  # an unknown study is refused before its folder is made for the lock
    with study_lock(folder.path):
        plan = folder.read_plan()
        recording = Recording(StudyState.read(folder, plan), uri)
        report = Path("reports") / plan.study.name
        runs = recording.replay(report if report.is_dir() else None)
    if recording.fault:
        print(f"ablate: {recording.fault}", file=sys.stderr)
        return 1
    print(f"{runs} runs of study {plan.study.name} are in {without_password(uri)}.")
    return 0


if __name__ == "__main__":
    main()
