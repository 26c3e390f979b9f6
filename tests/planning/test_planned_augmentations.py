"""Augmentations in plans: none by default, otherwise part of the identity and a factor's level."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.config.variant import read_variant
from ablate.planning.changes import differences
from tests.faults.plan_requests import plan_request, refusal_of, write_study

OWN = ["augment._target_=myaugment.build", "allow=[myaugment]"]


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "myaugment.py").write_text("def build(shape, *, strength=1): ...\n")
    return tmp_path


def test_images_are_not_augmented_by_default() -> None:
    variant = plan_request().cells[0].variant
    assert variant.augment == {}
    assert variant.settings()["augment"] == "none"
    # Runs have the identity that they had before images could be augmented.
    assert not [key for key in variant.identifying_settings() if key.startswith("augment")]
    assert "augment" not in variant.as_json()
    assert read_variant(variant.as_json()) == variant


def test_an_augmentation_identifies_a_run() -> None:
    plans = [
        plan_request(),
        plan_request(*OWN),
        plan_request(*OWN, "+augment.strength=2"),
        plan_request(*OWN, "+augment.strength=2"),
    ]
    plain, own, strong, again = (plan.fingerprint(plan.cells[0], 0) for plan in plans)
    assert len({plain, own, strong}) == 3
    assert strong == again
    variant = plans[2].cells[0].variant
    assert variant.augment == {"_target_": "myaugment.build", "strength": 2}
    assert variant.settings()["augment.strength"] == 2
    assert read_variant(variant.as_json()) == variant
    assert differences(plans[1], plans[2]) == ("augment.strength: not given -> 2",)


def test_an_augmentation_is_a_level_of_a_factor(working_directory: Path) -> None:
    write_study(
        working_directory,
        "factors: {augmentation: {own: augment._target_=myaugment.build, none: augment=none}}",
    )
    plan = plan_request("study=mine", "allow=[myaugment]")
    own, none = (planned.variant.augment for planned in plan.cells)
    assert (own, none) == ({"_target_": "myaugment.build"}, {})
    assert "augment" not in plan.held_constant()
    assert plan_request().held_constant()["augment"] == "none"


def test_a_study_file_chooses_an_augmentation(working_directory: Path) -> None:
    write_study(
        working_directory,
        "factors: {residual: model.residual}\naugment: {_target_: myaugment.build}",
    )
    plan = plan_request("study=mine", "allow=[myaugment]")
    assert plan.held_constant()["augment._target_"] == "myaugment.build"


def test_what_cannot_be_an_augmentation_is_refused_before_training() -> None:
    assert "Unknown augment 'nothing'" in refusal_of("augment=nothing")
    assert "augment=NAME or augment._target_ next to augment.strength" in refusal_of(
        "+augment.strength=2"
    )
    assert "allow=[myaugment]" in refusal_of(OWN[0])
    assert "Expected augment=NAME" in refusal_of("augment=[flip]")
