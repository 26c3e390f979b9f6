"""From a cell's configuration to its images."""

from __future__ import annotations

import traceback
from pathlib import Path

from ablate.config.variant import Variant, resolve_call
from ablate.data.images import Images, Unsplit
from ablate.errors import RequestError
from ablate.process import stop
from ablate.tasks.task import prepare
from ablate.wording import error_summary


def load_images(variant: Variant) -> Images:
    """The images of a variant, read, split and checked.

    Raises:
        RequestError: The `data` node does not fit its loader, or the images are not valid.
    """
    function, options = resolve_call(variant.data, "data", allow=variant.allow)
    target = variant.data["_target_"]
    try:
        loaded = stop.call(lambda: function(**options))  # may be a download
    except RequestError:
        raise
    except (Exception, SystemExit) as error:  # the code of a user may raise anything
        raise RequestError(_failure(target, error)) from error
    if not isinstance(loaded, Images | Unsplit):
        raise RequestError(
            f"Expected {target} to return ablate.data.images.Images; received "
            f"{type(loaded).__name__}."
        )
    return prepare(loaded)


def _failure(target: str, error: BaseException) -> str:
    """An error that the code of a user raised, and where."""
    *_, last = traceback.extract_tb(error.__traceback__)
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"{target} failed with {error_summary(error)} ({where})."
