"""What the name and the values of a response show: its direction, its unit and a margin."""

from __future__ import annotations

import re

import pandas as pd

from ablate.analysis.guessing import guessing_reach
from ablate.errors import RequestError
from ablate.report.results.exports import PREFIXES
from ablate.study.record import COSTS
from ablate.study.response import Direction, Response

MARGIN = 0.01
PERCENT_MARGIN = 1.0
"""The margin of a share whose values run from 0 to 100."""
LOWER = frozenset({"loss", "train_loss", "val_loss", "valid_loss", "test_loss", *COSTS})
"""Responses of which lower is known to be better."""
DOUBTFUL = frozenset(
    {"loss", "error", "err", "mae", "mse", "rmse", "mape", "nll", "time", "seconds", "latency"}
    | {"perplexity", "ppl", "cost", "wer", "cer", "fid", "distance", "brier", "regret"}
)
"""Words in the name of a response of which lower is often better."""
SHARES = frozenset(
    {"accuracy", "acc", "iou", "miou", "dice", "f1", "precision", "recall", "auc", "auroc"}
)
"""Words in the name of a response that is a share, shown in percent."""
HIGHER = (
    SHARES
    | {"map", "ap", "r2", "bleu", "psnr", "ssim", "kappa", "mcc", "ndcg", "correct", "jaccard"}
    | {"sensitivity", "specificity", "reward", "rouge", "mrr", "top1", "top5", "spearman", "fbeta"}
)
"""Words in the name of a response of which higher is known to be better."""
UNITS = {"train_seconds": "seconds"}
"""The unit of a response whose name is known."""


def response_of(name: str, values: pd.Series, *, direction: Direction | None) -> Response:
    """The response with its direction and unit.

    Args:
        name: Its name.
        values: Its numbers.
        direction: Its direction; None to infer it from the name.

    Raises:
        RequestError: The name does not show which direction is better, and none is given.
    """
    known = values.dropna()
    unit = UNITS.get(name, "")
    if _is_share(name) and known.between(0, 1).all():
        unit = "fraction"
    elif is_percent(name, known) and known.min() > 1:
        unit = "percent"
    return Response(name, direction or _direction(name), unit)


def default_margin(name: str, values: pd.Series) -> float:
    """The margin that suits the scale of a response: a hundredth, or one of a hundred."""
    return PERCENT_MARGIN if is_percent(name, values) else MARGIN


def is_percent(name: str, values: pd.Series) -> bool:
    """Whether a response is a share whose values run from 0 to 100."""
    known = values.dropna()
    named = "%" in name or bool({"percent", "pct"} & _words(name))
    return (named or _is_share(name)) and bool(1 < known.max() <= 100 and known.min() >= 0)


def check_chance(chance: float, response: Response, *, values: pd.Series) -> None:
    """Refuse a score of guessing that no run reaches, or that is on another scale.

    Raises:
        RequestError: It is; the message names the nearest choice.
    """
    name, lower = response.name, response.direction == "lower"
    if response.unit == "fraction" and chance >= 1:
        expected, nearest_choice = f"below 1, since {name} is a fraction", f"{chance / 100:g}"
    elif is_percent(name, values) and chance < 1:
        expected, nearest_choice = f"in percent, as {name} is", f"{100 * chance:g}"
    else:
        best = float(values.min() if lower else values.max())
        # Runs that guess are spread around the score of guessing.
        if (best - chance if lower else chance - best) <= guessing_reach(
            chance, direction=response.direction
        ):
            return
        side, word = ("or more", "lowest") if lower else ("or less", "highest")
        expected, nearest_choice = f"{best:g} {side}, the {word} {name} of the runs", f"{best:g}"
    raise RequestError(
        f"Expected chance {expected}; received {chance:g}. Nearest choice: {nearest_choice}."
    )


def _is_share(name: str) -> bool:
    words = _words(name)
    return bool(SHARES & words) and not DOUBTFUL & words


def _direction(name: str) -> Direction:
    """The direction of a response whose name shows it.

    Raises:
        RequestError: The name does not show it, or contains a word such as loss or error.
    """
    words = _words(name)
    if _base(name) in LOWER:
        return "lower"
    doubtful = sorted(DOUBTFUL & words)
    if HIGHER & words and not doubtful:
        return "higher"
    reason = (
        f"since {doubtful[0]} is often better when it is lower"
        if doubtful
        else "whose name does not show which is better"
    )
    raise RequestError(
        f"Expected direction=higher or direction=lower for the response {name!r}, {reason}; "
        f"received neither."
    )


def _base(name: str) -> str:
    """The name without an export's prefix, its words joined by underscores."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return re.sub(r"[^\w]+", "_", name).lower()


def _words(name: str) -> set[str]:
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    # Keras calls its metric of the IoU mean_io_u, as the split of capitals would.
    return set(re.split(r"[^a-z0-9]+", words.replace("io_u", "iou")))
