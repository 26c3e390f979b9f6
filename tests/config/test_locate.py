from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pytest import param

from ablate.config.locate import locate
from ablate.errors import RequestError


def test_a_name_in_the_program_is_located() -> None:
    assert locate("ablate.seeds.stream_seed", ()).__name__ == "stream_seed"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        param("os.system", "Expected _target_ inside ablate, keras", id="standard_library"),
        param("builtins.eval", "allow=[builtins]", id="builtins"),
        param("ablate_evil.run", "Expected _target_ inside", id="prefix_of_a_name"),
        param("system", "package.module.name", id="no_package"),
        param(None, "package.module.name; received None", id="nothing"),
        param("ablate.nowhere.build", "Cannot import 'ablate.nowhere'", id="no_module"),
        param("ablate.seeds.stream_sed", "Did you mean 'stream_seed'", id="no_such_name"),
    ],
)
def test_other_names_are_refused(target: object, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        locate(target, ())
    assert message in str(refused.value)


def test_a_users_package_is_imported_only_if_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_models.py").write_text("def build(): return 'theirs'\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RequestError, match=r"allow=\[their_models\]"):
        locate("their_models.build", ())
    assert "their_models" not in sys.modules
    assert locate("their_models.build", ("their_models",))() == "theirs"
    del sys.modules["their_models"]
