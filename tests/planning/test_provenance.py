"""What a plan records of the process that made it."""

from __future__ import annotations

import pytest

from ablate.planning.provenance import provenance


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_variables_that_can_change_numbers_are_recorded_where_they_are_set(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    names = ("NVIDIA_TF32_OVERRIDE", "XLA_FLAGS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert not set(names) & set(provenance(backend))
    for name in names:
        monkeypatch.setenv(name, "--a=0")
    recorded = provenance(backend)
    assert [recorded[name] for name in names] == ["--a=0", "--a=0"]
