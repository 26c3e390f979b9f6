"""What flags of Hydra print of a request holds no credentials."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest import param

from tests.conftest import Command

ADDRESS = "postgresql://bob:to/p s3cret@db/x"
TYPED = f"store.uri={ADDRESS}"
NAMED = "store.uri=${oc.env:THEIR_STORE}"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        param(["--cfg", "all", TYPED], "  uri: postgresql://***@db/x", id="all"),
        param(["--cfg", "job", "--package", "store", TYPED], "uri: postgresql://***", id="node"),
        param(["--cfg", "job", "--resolve", NAMED], "postgresql://***@db/x", id="environment"),
        param(["--info", "config", TYPED], "postgresql://***@db/x", id="info"),
        param(["--help", "--resolve", NAMED], "uri: postgresql://***@db/x", id="help"),
    ],
)
def test_a_configuration_is_shown_without_credentials(
    ablate: Command, tmp_path: Path, arguments: list[str], shown: str
) -> None:
    done = ablate(tmp_path, *arguments, THEIR_STORE=ADDRESS)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
    printed = done.stdout + done.stderr
    assert [secret for secret in ("bob", "to/p", "s3cret") if secret in printed] == []
