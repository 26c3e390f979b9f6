"""The engine suite is no test module: without this, its assertions would not show their values."""

import pytest

pytest.register_assert_rewrite("tests.training.engine_suite")
