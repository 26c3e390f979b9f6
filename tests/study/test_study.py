from __future__ import annotations

import pytest
from pytest import param

from ablate.errors import RequestError
from ablate.study.file import study_from_mapping
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.study.factors import factor


def mapping(**changes: object) -> dict:
    levels = [{"name": "present", "overrides": ["model.residual=true"]}, {"name": "absent"}]
    return {"name": "mine", "factors": {"residual": {"levels": levels}}, **changes}


def test_a_study_reads_back_what_it_wrote() -> None:
    study = study_from_mapping(mapping(replicates=5, margin=0.02, responses=["val_loss"]))
    assert study_from_mapping(study.as_mapping()) == study
    assert study.factors[0].reference == Level("present", ("model.residual=true",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        param({"replicates": 0}, "whole number of 1 or more; received 0", id="no_replicates"),
        param({"replicates": True}, "whole number of 1 or more; received True", id="boolean"),
        param({"replicates": 2.5}, "whole number of 1 or more; received 2.5", id="half_a_run"),
        param({"margin": 0}, "a number above 0", id="no_margin"),
        param({"margin": float("nan")}, "a number above 0", id="margin_nan"),
        param({"replicate": 3}, "Did you mean 'replicates'", id="misspelt_key"),
        param({"factors": {}}, "Expected study.factors; received nothing", id="no_factors"),
        param({"factors": ["residual"]}, "map a factor's name", id="factors_as_list"),
        param({"factors": {"a": {"levels": "present"}}}, "to be a list", id="levels_as_word"),
        param({"factors": {"a": {"level": []}}}, "two or more distinct", id="misspelt_levels"),
        param({"factors": {"a": "model"}}, "a key that is true or false", id="switch_of_a_group"),
        param(
            {"factors": {"a": "model.x=1"}}, "a key that is true or false", id="switch_with_value"
        ),
        param({"factors": {"a": 3}}, "{level: key=value, ...}", id="factor_as_number"),
        param({"factors": {"a": {}}}, "{levels: [...]}", id="factor_without_levels"),
        param(
            {"factors": {"a": {"p": "model.x=1", "q": "model.x"}}},
            "received 'model.x' for level 'q'",
            id="short_level_without_a_value",
        ),
        param(
            {"factors": {"a": {"p": "model.x=1", "q": ["model.x=2", 3]}}},
            "received ['model.x=2', 3] for level 'q'",
            id="short_level_with_a_number",
        ),
        param(
            {"factors": {"a": {"p": "model.x=1", "q": None}}},
            "received None for level 'q'",
            id="short_level_of_nothing",
        ),
        param(
            {"factors": {"a": {"p": "model.x=1"}}},
            "two or more distinct levels; received ['p']",
            id="one_short_level",
        ),
        param(
            {"factors": {"a": {True: "model.x=1", False: "model.x=2"}}},
            "as the name of a level, such as present or absent; received True",
            id="unquoted_on_as_a_key",
        ),
        param(
            {"factors": {"a": {"levels": [{"name": "present"}]}}},
            "two or more distinct levels; received ['present']",
            id="one_level",
        ),
        param(
            {"factors": {"a": {"levels": [{"name": True}, {"name": False}]}}},
            "received True",
            id="unquoted_on",
        ),
        param(
            {"factors": {"a": {"levels": [{"name": "on"}, {"name": "absent"}]}}},
            "Use present and absent",
            id="quoted_on",
        ),
        param(
            {"factors": {"seed": {"levels": [{"name": "p"}, {"name": "q"}]}}},
            "no other column",
            id="factor_named_as_a_column",
        ),
        param({"responses": [3]}, "a response as its name", id="response_a_number"),
        param({"replicates": {"min": 3}}, "{min: 3, max: 12}", id="half_a_range"),
        param({"replicates": {"min": 5, "max": 5}}, "min 5, max 5", id="empty_range"),
        param({"controls": ["placbo"]}, "Did you mean 'placebo'", id="control"),
        param({"responses": []}, "one or more responses", id="no_responses"),
    ],
)
def test_a_study_file_is_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        study_from_mapping(mapping(**changes))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        param(
            "model.residual",
            [("present", ["model.residual=true"]), ("absent", ["model.residual=false"])],
            id="switch",
        ),
        param(
            {"before": "model.norm=before_activation", "none": "model.norm=none"},
            [("before", ["model.norm=before_activation"]), ("none", ["model.norm=none"])],
            id="levels_in_their_order",
        ),
        param(
            {"wide": ["model.filters=[32,64]", "recipe.epochs=3"], "plain": []},
            [("wide", ["model.filters=[32,64]", "recipe.epochs=3"]), ("plain", [])],
            id="lists_of_overrides",
        ),
        param(
            {"levels": "model.x=1", "absent": "model.x=2"},
            [("levels", ["model.x=1"]), ("absent", ["model.x=2"])],
            id="a_level_called_levels",
        ),
    ],
)
def test_a_short_factor_equals_its_long_form(short: object, long: list) -> None:
    levels = [{"name": name, "overrides": overrides} for name, overrides in long]
    study = study_from_mapping(mapping(factors={"a": short}))
    assert study == study_from_mapping(mapping(factors={"a": {"levels": levels}}))
    assert study_from_mapping(study.as_mapping()) == study


def test_adaptive_seeds_read_back() -> None:
    study = study_from_mapping(mapping(replicates={"min": 3, "max": 12}))
    assert (study.replicates, study.most_replicates) == (3, 12)
    assert study_from_mapping(study.as_mapping()) == study


KNOWN = (Response("test_accuracy", "higher", "fraction"), Response("test_loss", "lower"))


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        param(None, [KNOWN[0]], id="default_is_the_first"),
        param(["test_loss"], [KNOWN[1]], id="by_name"),
        param(["test_loss", "test_accuracy"], [KNOWN[1], KNOWN[0]], id="in_the_order_given"),
        param([{"name": "test_loss", "unit": "nats"}], [Response("test_loss", "lower", "nats")],
              id="unit_of_its_own"),
        param([{"name": "test_loss", "direction": "higher"}], [Response("test_loss", "higher")],
              id="direction_of_its_own"),
    ],
)  # fmt: skip
def test_the_responses_of_a_task_complete_a_study(asked: object, resolved: list[Response]) -> None:
    study = study_from_mapping(mapping(responses=asked)).judged_by(KNOWN)
    assert study.responses == tuple(resolved)
    assert study_from_mapping(study.as_mapping()) == study


def test_an_unknown_response_is_refused_with_the_nearest() -> None:
    study = study_from_mapping(mapping(responses=["test_acuracy"]))
    with pytest.raises(RequestError, match="Did you mean 'test_accuracy'"):
        study.judged_by(KNOWN)


def test_a_factor_named_like_a_response_column_is_refused() -> None:
    levels = {"levels": [{"name": "p"}, {"name": "q"}]}
    study = study_from_mapping(mapping(factors={"test_loss_mean": levels}))
    with pytest.raises(RequestError, match="no other column"):
        study.judged_by(KNOWN[1:])


def test_the_response_of_an_unresolved_study_raises() -> None:
    study = study_from_mapping(mapping(responses=["test_loss"]))
    with pytest.raises(ValueError, match="resolved responses"):
        print(study.response)


def test_a_control_is_added_as_a_factor() -> None:
    study = study_from_mapping(mapping(controls=["placebo"]))
    assert [factor.name for factor in study.factors] == ["residual", "placebo"]
    assert study_from_mapping(study.as_mapping()) == study


def test_a_factor_given_twice_is_refused() -> None:
    twice = (factor("residual", "present", "absent"), factor("residual", "present", "absent"))
    with pytest.raises(RequestError, match="has the factor 'residual' twice"):
        Study("mine", twice)


def test_an_unknown_level_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match="Did you mean 'present'"):
        factor("residual", "present", "absent").level("presnt")


def test_a_response_has_one_of_two_directions() -> None:
    with pytest.raises(RequestError, match="higher or lower"):
        Response("speed", "up")  # type: ignore[arg-type]


def test_a_margin_in_percent_is_refused_for_a_fraction():
    known = (Response("test_accuracy", "higher", "fraction"),)
    study = study_from_mapping(mapping(margin=1))

    with pytest.raises(RequestError, match=r"a margin below 1, since test_accuracy is a fraction"):
        study.judged_by(known)


def test_more_levels_than_a_report_can_compare_are_refused() -> None:
    Factor("rate", tuple(Level(f"v{number}") for number in range(100)))
    with pytest.raises(RequestError, match="'rate' needs at most 100 levels; received 101"):
        Factor("rate", tuple(Level(f"v{number}") for number in range(101)))
