"""External programs: how their output becomes epochs, results and statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from pytest import param

from ablate.config.program import Program
from ablate.store.folder import RunFolder
from ablate.store.lock import wait_for_workers
from ablate.study.result import Status
from ablate.training.initial_state import FRESH, Epoch
from ablate.workers import guard, program_cell_trainer
from ablate.workers.cell_trainer import Failed, Step
from ablate.workers.failures import failure_message, status_of
from ablate.workers.program_cell_trainer import FinishedProgram, ProgramCellTrainer
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_folder(seed: int) -> RunFolder:
    folder = RunFolder(Path("runs/study/cell") / str(seed))
    folder.make()
    return folder


def train(
    command: str, *seeds: int, needed: tuple[str, ...] = ("accuracy",), **keys: Any
) -> list[Step]:
    trainer = ProgramCellTrainer(
        Program(command, **keys),
        responses=needed,
        run_folder=run_folder,
        lock=Path("workers"),
        threads=3,
        heartbeat=lambda: None,
    )
    return [step for _, step in trainer.train(seeds or (0,), lambda seed: FRESH)]


def numbers(command: str, **keys: Any) -> dict[str, float]:
    *_, last = train(command, **keys)
    assert isinstance(last, FinishedProgram), last.error if isinstance(last, Failed) else last
    return dict(last.responses)


def failure(command: str, **keys: Any) -> tuple[Status, str]:
    *_, last = train(command, **keys)
    assert isinstance(last, Failed), last
    return status_of(last.error), failure_message(last.error)


def printing(*lines: str) -> str:
    text = "\n".join(lines).replace("{", "{{").replace("}", "}}")
    return f"printf '%s\\n' '{text}'"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        param(['{"accuracy": 0.5}'], {"accuracy": 0.5}, id="one_line"),
        param(['{"accuracy": 1}', '{"accuracy": 2}'], {"accuracy": 2.0}, id="the_last_line"),
        param(['{"accuracy": 1}', '{"level": 3}', "done"], {"accuracy": 1.0}, id="other_json"),
        param(['{"accuracy": 1, "n": {"a": 2}, "b": true}'], {"accuracy": 1.0, "n.a": 2.0}, id="n"),
        param(['{"accuracy": [0.5], "x": [1, 2]}'], {"accuracy": 0.5}, id="as_r_writes"),
        param(['{"accuracy": 1, "y": NaN, "z": null}'], {"accuracy": 1.0}, id="not_finite_others"),
        param(['{"accuracy": 1, "parameters": 9}'], {"accuracy": 1.0}, id="a_cost"),
        param(['{"epoch": 1, "accuracy": 3}'], {"epoch": 1.0, "accuracy": 3.0}, id="last_epoch"),
    ],
)
def test_the_result_is_the_last_line_with_the_responses(
    lines: list[str], expected: dict[str, float]
) -> None:
    assert numbers(printing(*lines)) == expected


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        param('sh -c \'echo "{{\\"accuracy\\": 1}}" > {result}\'', {}, id="told_where"),
        param(
            'sh -c \'echo "{{\\"accuracy\\": 1}}" > a/m.json\'', {"result": "a/m.json"}, id="named"
        ),
        param("cp {config} {result}", {"options": {"config": "my result.json"}}, id="option"),
    ],
)
def test_the_result_is_read_from_the_file(command: str, keys: dict[str, Any]) -> None:
    Path("my result.json").write_text('{\n "accuracy": 1}')
    assert numbers(command, **keys) == {"accuracy": 1.0}


def test_the_response_is_found_among_any_number_of_others() -> None:
    others = {f"class{number}": number for number in range(300)}
    found = numbers(printing(json.dumps({**others, "accuracy": 0.5})))
    assert (found["accuracy"], len(found)) == (0.5, 201)


@pytest.mark.parametrize("command", ["true", "sh -c 'echo {{}} > {result}'"])
def test_a_program_that_is_judged_by_its_time_needs_no_result(command: str) -> None:
    found = numbers(command, needed=())
    assert found.keys() == {"train_seconds"}
    assert found["train_seconds"] > 0


def test_lines_with_an_epoch_are_epochs() -> None:
    lines = [
        "starting",
        '{"epoch": 0, "loss": 2.5, "seconds": 4, "seed": 1, "note": "x"}',
        '{"epoch": "1", "loss": 3}',
        '{"epoch": 1, "step": 10, "loss": 4}',
        '{"epoch": 1, "loss": NaN}',
        '{"epoch": 1, "val_loss": 3}',
        '{"accuracy": 0.5, "parameters": 12}',
    ]
    first, second, more, last = train(printing(*lines))
    assert first == Epoch(1, {"loss": 2.5}, 4.0)
    assert isinstance(second, Epoch)
    assert isinstance(more, Epoch)
    assert (second.epoch, str(second.numbers)) == (2, "{'loss': nan}")
    assert (more.epoch, str(more.numbers)) == (2, "{'loss': nan, 'val_loss': 3.0}")
    assert 0 <= second.seconds <= more.seconds < 60
    assert isinstance(last, FinishedProgram)
    assert (last.cost.parameters, last.cost.macs) == (12, 0)
    assert last.cost.peak_memory_bytes > 100_000


def test_epochs_are_read_as_r_writes_them() -> None:
    lines = (
        '{"epoch": [1], "loss": [2]}',
        '{"epoch": 1.5, "loss": 4}',
        '{"epoch": 2.0, "loss": 1}',
    )
    first, second, _ = train(printing(*lines, '{"accuracy": [0.5]}'))
    assert isinstance(first, Epoch)
    assert isinstance(second, Epoch)
    assert [(each.epoch, each.numbers) for each in (first, second)] == [
        (1, {"loss": 2.0}), (2, {"loss": 1.0})
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        param("sh -c 'echo a >&2; echo why it failed >&2; exit 3'", Status.FAILED,
              "why it failed (exit code 3)", id="exit_code"),
        param("sh -c 'printf \"10%%\\r20%%\\n\\n\" >&2; exit 1'", Status.FAILED,
              "20% (exit code 1)", id="progress_bar"),
        param("sh -c 'exit 3'", Status.FAILED,
              "The program ended with exit code 3, without a message.", id="no_message"),
        param(printing("finished"), Status.FAILED, "printed none", id="no_result"),
        param(printing('{"acuracy": 1}'), Status.FAILED, "Did you mean 'acuracy'?", id="typo"),
        param(printing('{"accuracy": "good"}'), Status.FAILED, "It holds no number", id="text"),
        param(printing('{"accuracy": NaN}'), Status.DIVERGED, "accuracy is nan", id="nan"),
        param(printing('{"accuracy": null}'), Status.DIVERGED, "accuracy is nan", id="null"),
        param(printing('{"accuracy": "-Inf"}'), Status.DIVERGED, "accuracy is nan", id="as_r"),
        param(printing('{"accuracy": 1e80}'), Status.DIVERGED, "accuracy is 1e+80", id="too_large"),
        param("sh -c 'kill -SEGV $$'", Status.CRASHED, "signal 11 (SIGSEGV)", id="signal"),
        param("sh -c 'sh -c \"kill -9 \\$\\$\"; exit $?'", Status.CRASHED, "signal 9 (SIGKILL)",
              id="signal_of_a_child"),
        param("sh -c 'echo torch.OutOfMemoryError: CUDA out of memory. >&2; exit 1'",
              Status.OUT_OF_MEMORY, "Memory ran out, and the program ended with exit code 1",
              id="memory_of_a_gpu"),
        param("true {result}", Status.FAILED, "the program has not written it", id="no_file"),
        param("sh -c 'echo nothing > {result}'", Status.FAILED, "it is not JSON", id="no_json"),
        param("sh -c 'echo [1] > {result}'", Status.FAILED, "Expected a JSON object", id="a_list"),
        param("./not-there", Status.FAILED, "Cannot start './not-there'", id="not_there"),
    ],
)  # fmt: skip
def test_how_a_program_ends_is_the_status_of_the_run(
    command: str, status: Status, message: str
) -> None:
    found, text = failure(command)
    assert (found, message in text) == (status, True), text


def test_a_kill_by_the_kernel_for_memory_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([4, 5])
    monkeypatch.setattr(program_cell_trainer, "count_oom_kills", lambda: next(counts))
    assert failure("sh -c 'kill -9 $$'")[0] is Status.OUT_OF_MEMORY


SCRIPT = """
import json, mine, os, sys

open("left", "x")
print(json.dumps({"accuracy": mine.value, "s": int(sys.argv[1])}))
print(sys.argv[2:], os.environ["OMP_NUM_THREADS"])
"""


def test_each_seed_has_its_own_directory_log_and_values() -> None:
    Path("data.txt").write_text("x")
    Path("mine.py").write_text("value = 7\n")
    Path("train.py").write_text(SCRIPT)
    keys: dict[str, Any] = {"options": {"data": "data.txt", "mode": "train"}}
    command = f"{sys.executable} train.py {{seed}} {{overrides}} --x=./data.txt"
    for _ in range(2):  # the second time in empty directories again
        steps = train(command, 0, 5, **keys)
        assert [
            dict(step.responses)["s"] for step in steps if isinstance(step, FinishedProgram)
        ] == [
            0.0,
            5.0,
        ]
    here = os.getcwd()
    for seed in (0, 5):
        assert (run_folder(seed).path / "work" / "left").exists()
        log = run_folder(seed).log.read_text()
        assert log.startswith(f"$ {sys.executable} {here}/train.py {seed} --data {here}/data.txt")
        assert f"['--data', '{here}/data.txt', '--mode', 'train', '--x={here}/data.txt']" in log


def test_a_program_may_run_in_the_directory_of_the_command() -> None:
    Path("data.json").write_text('{"accuracy": 4}')
    assert numbers("cat data.json", directory="here") == {"accuracy": 4.0}


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_options_are_written_to_a_file(kind: str) -> None:
    options = {"accuracy": 3, "deep": {"seed": "{seed}", "none": None, "list": [1, "ü"]}}
    numbers(printing('{"accuracy": 1}') + " {overrides}", options=options, overrides=kind)
    text = (run_folder(0).path / "work" / f"options.{kind}").read_text()
    expected = {"accuracy": 3, "deep": {"seed": 0, "none": None, "list": [1, "ü"]}}
    assert (json.loads(text) if kind == "json" else yaml.safe_load(text)) == expected


def test_a_program_that_takes_too_long_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = "trap '' TERM; sleep 600 & echo $! > child; wait; wait"
    assert failure(f"sh -c \"{script}\"", timeout_seconds=3) == (
        Status.TIMEOUT, "The program ran for more than 3 s (cell.timeout_seconds)"
    )  # fmt: skip
    child = int((run_folder(0).path / "work" / "child").read_text())
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_a_program_leaves_behind_is_ended() -> None:
    script = "sleep 600 & echo $! > child; echo '{{\\\"accuracy\\\": 1}}'"
    assert numbers(f'sh -c "{script}"') == {"accuracy": 1.0}
    assert not is_alive(int((run_folder(0).path / "work" / "child").read_text()))


def test_a_daemon_of_a_program_is_not_waited_for() -> None:
    """It has left the process group, and holds the pipes of the program open."""
    script = (
        "setsid sh -c 'touch ready; exec sleep 600' & echo $! > child; "
        "until [ -e ready ]; do sleep 0.01; done; echo '{{\\\"accuracy\\\": 1}}'"
    )
    assert numbers(f'sh -c "{script}"') == {"accuracy": 1.0}
    os.kill(int((run_folder(0).path / "work" / "child").read_text()), signal.SIGKILL)


def test_output_of_any_size_is_read() -> None:
    script = (
        "import sys; [print('x' * 3000000) for _ in range(3)]; sys.stderr.write('e' * 3000000)\n"
        "print('{\"accuracy\": 1}')"
    )
    Path("loud.py").write_text(script)
    assert numbers(f"{sys.executable} loud.py") == {"accuracy": 1.0}
    assert run_folder(0).log.stat().st_size > 12_000_000


WORKER = """
import sys
from pathlib import Path
from ablate.config.program import Program
from ablate.store.folder import RunFolder
from ablate.training.initial_state import FRESH
from ablate.workers.program_cell_trainer import ProgramCellTrainer

trainer = ProgramCellTrainer(
    Program(sys.argv[1]), responses=["a"], run_folder=lambda seed: RunFolder(Path("runs/s/c/0")),
    lock=Path("workers"), threads=1, heartbeat=lambda: None,
)
print(list(trainer.train([0], lambda seed: FRESH)))
"""


def test_a_program_ends_when_its_worker_is_killed(folder: Path) -> None:
    """The group gets SIGTERM first, and holds the lock of the workers until it has ended."""
    script = (
        "trap 'echo saved > saved; exit' TERM; sleep 600 & echo $! > child; echo $$ > own; wait"
    )
    work = folder / "runs" / "s" / "c" / "0" / "work"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, f'sh -c "{script}"'],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_for(lambda: (work / "own").exists() and (work / "own").read_text().strip())
    pids = [int((work / name).read_text()) for name in ("child", "own")]
    (guarding,) = psutil.Process(worker.pid).children()
    assert wait_for_workers(folder, seconds=0) is False
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_for(lambda: not any(map(is_alive, [*pids, guarding.pid])))
    assert (work / "saved").read_text() == "saved\n"
    assert wait_for_workers(folder, seconds=0)


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_guard_needs_no_package_of_this_program() -> None:
    imports = re.findall(r"^(?:from|import) (\w+)", Path(guard.__file__).read_text(), re.MULTILINE)
    assert set(imports) <= set(sys.stdlib_module_names)
