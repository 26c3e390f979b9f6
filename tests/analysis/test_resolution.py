from __future__ import annotations

import numpy as np
import pytest

from ablate.analysis.resolution import grid_of


@pytest.mark.parametrize(
    ("values", "fraction", "step"),
    [
        pytest.param([15 / 16, 15 / 16], True, 1 / 16, id="equal_shares_of_16_images"),
        pytest.param([0.25, 0.5, np.nan, 1.0], True, 0.25, id="smallest_difference"),
        pytest.param([0.1, 0.2, 1e11], False, 0.1, id="a_wild_value_hides_no_step"),
        pytest.param([0.0, 1e-320, 1.0], False, 1.0, id="no_step_below_what_squares_can_hold"),
    ],
)
def test_the_step_of_a_response_is_read_from_its_values(
    values: list[float], fraction: bool, step: float
) -> None:
    assert grid_of(np.array(values), fraction=fraction).step == pytest.approx(step)
