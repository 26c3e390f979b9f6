"""How long a command waits for MLflow, and what it shows while it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import param

from ablate.process import stop
from ablate.tracking import watchdog
from ablate.tracking.mlflow import client
from ablate.tracking.recording import Recording
from ablate.tracking.watchdog import AbandonedError, NoAnswerError, Watchdog, attempt
from tests.store.written import written


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every limit and every notice comes after a tenth of a second."""
    monkeypatch.setattr(watchdog, "CALL_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(watchdog, "NOTICE_SECONDS", 0.1)


def call_until(event: threading.Event, watching: Watchdog, **options: bool) -> Callable[[], None]:
    """A task of one call, which is answered when the event is set."""

    def task() -> None:
        with watching.call("asking", **options):
            event.wait()
        with watching.call("asking again"):
            pass

    return task


@pytest.mark.usefixtures("impatient")
def test_a_call_without_an_answer_is_abandoned() -> None:
    answered, watching = threading.Event(), Watchdog()
    assert isinstance(attempt(call_until(answered, watching), watching), NoAnswerError)
    answered.set()
    with pytest.raises(AbandonedError), watching.call("asking"):
        pass


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("limited", "options"),
    [
        param(True, {"limited": False}, id="of_this_machine"),
        param(False, {}, id="of_ablate_sync"),
    ],
)
def test_a_call_without_a_limit_is_waited_for(limited: bool, options: dict[str, bool]) -> None:
    answered, lines = threading.Event(), []

    def show(line: str) -> None:
        lines.append(line)
        answered.set()

    watching = Watchdog(limited=limited, show=show)
    assert attempt(call_until(answered, watching, **options), watching) is None
    assert lines == ["Waiting for MLflow (asking). Ctrl-C ends the wait."]


def test_a_signal_ends_the_wait_but_not_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, watching = threading.Event(), Watchdog(limited=False)
    monkeypatch.setattr(stop, "pending", lambda: 130)
    assert str(attempt(call_until(answered, watching), watching)) == "the wait was interrupted"
    answered.set()


@pytest.mark.usefixtures("impatient")
def test_a_slow_machine_creates_its_database_during_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    create, lines = client.create_if_missing, []

    def create_slowly(database: Path) -> None:
        time.sleep(0.5)  # five times as long as a call to a server may take
        create(database)

    monkeypatch.setattr(client, "create_if_missing", create_slowly)
    recording = Recording(written().train().state, "sqlite:///mlflow.db", show=lines.append)
    with recording.thread() as thread:
        pass
    assert thread.fault is None
    assert "Waiting for MLflow (creating or opening mlflow.db). Ctrl-C ends the wait." in lines
