"""Schedules of the learning rate whose parts are shares of the whole training.

So a level with more epochs, or with larger batches, has the same shape of schedule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from ablate.fields import check_number


class Cosine(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up to the learning rate, then half a cosine down to a share of it.

    Source: Loshchilov and Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983, equation 5 with one
        period; the warm-up is that of Goyal et al., 2017, https://arxiv.org/abs/1706.02677, 2.2.
    """

    def __init__(
        self, learning_rate: float, steps: int, *, warmup: float = 0.0, final: float = 0.0
    ) -> None:
        """State the shape of the schedule.

        Args:
            learning_rate: The largest rate, at the end of the warm-up.
            steps: Steps of the whole training.
            warmup: Share of the steps in which the rate grows.
            final: What the rate falls to, as a share of the largest.

        Raises:
            RequestError: A share is not from 0 to 1.
        """
        super().__init__()
        for name, share in {"warmup": warmup, "final": final}.items():
            check_number(
                share,
                f"recipe.schedule.{name}",
                accepts=lambda share: 0 <= share < 1,
                expected="a number from 0 to below 1",
            )
        self.learning_rate, self.steps = float(learning_rate), int(steps)
        self.warmup, self.final = float(warmup), float(final)

    def __call__(self, step: Any) -> Any:
        """The rate of a step, counted from 0."""
        warm = round(self.warmup * self.steps)
        step = keras.ops.cast(step, "float32")
        passed = (step - warm) / max(1, self.steps - warm)
        cosine = keras.ops.cos(math.pi * keras.ops.clip(passed, 0.0, 1.0))
        falling = self.final + (1 - self.final) * (1 + cosine) / 2
        growing = (step + 1) / max(1, warm)
        return self.learning_rate * keras.ops.where(step < warm, growing, falling)

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "warmup": self.warmup,
            "final": self.final,
        }


class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is multiplied by a factor at some points of the training.

    Source: He et al., Deep residual learning, 2016, https://arxiv.org/abs/1512.03385, section 4.2:
        divided by 10 after 32,000 and 48,000 of 64,000 steps.
    """

    def __init__(
        self,
        learning_rate: float,
        steps: int,
        *,
        at: Sequence[float] = (0.5, 0.75),
        factor: float = 0.1,
    ) -> None:
        """State the points.

        Args:
            learning_rate: The rate at the start.
            steps: Steps of the whole training.
            at: The points, as shares of the steps.
            factor: What the rate is multiplied by at each of them.

        Raises:
            RequestError: A point or the factor is not between 0 and 1.
        """
        super().__init__()
        for share in (*at, factor):
            check_number(
                share,
                "recipe.schedule, at and factor,",
                accepts=lambda share: 0 < share < 1,
                expected="numbers between 0 and 1",
            )
        self.learning_rate, self.steps = float(learning_rate), int(steps)
        self.at, self.factor = [float(share) for share in at], float(factor)

    def __call__(self, step: Any) -> Any:
        """The rate of a step, counted from 0."""
        step = keras.ops.cast(step, "float32")
        rate = keras.ops.convert_to_tensor(self.learning_rate, "float32")
        for share in self.at:
            rate = keras.ops.where(step < round(share * self.steps), rate, rate * self.factor)
        return rate

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "at": self.at,
            "factor": self.factor,
        }
