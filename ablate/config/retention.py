"""What a complete run keeps on disk besides its result."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.fields import check_choice, check_flag

KEEP_MODEL = ("best", "all", "none")


@dataclass(frozen=True, slots=True)
class Retention:
    """What a complete run keeps on disk besides its result.

    Attributes:
        checkpoints: Whether it keeps its checkpoints.
        model: ``all``: every run keeps its trained model. ``best``: one run of the full model and
            one of the recommended model, those with the best score on the validation images.
            ``none``: no run.
    """

    checkpoints: bool
    model: str

    def __post_init__(self) -> None:
        check_flag(self.checkpoints, "store.keep_checkpoints")
        check_choice(self.model, "store.keep_model", choices=KEEP_MODEL)
