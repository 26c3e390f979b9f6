"""From a cell's configuration to its images and its model."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.config.variant import Variant, resolve_call
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.wording import error_summary

if TYPE_CHECKING:
    pass


def load_images(variant: Variant) -> Images:
    """The images of a variant, read and checked.

    Raises:
        RequestError: The `data` node does not fit its loader, or the images are not sound.
    """
    function, options = resolve_call(variant.data, "data", allow=variant.allow)
    try:
        images = function(**options)
    except RequestError:
        raise
    except (Exception, SystemExit) as error:  # the code of a user may raise anything
        raise RequestError(_failure(variant.data["_target_"], error)) from error
    if not isinstance(images, Images):
        raise RequestError(
            f"Expected {variant.data['_target_']} to return ablate.data.images.Images; received "
            f"{type(images).__name__}."
        )
    return images


def _failure(target: str, error: BaseException) -> str:
    """An error that the code of a user raised, and where."""
    *_, last = traceback.extract_tb(error.__traceback__)
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"{target} failed with {error_summary(error)} ({where})."
