"""The wheel, installed without a checkout and run in an empty directory."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


def run(*command, cwd, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def pip(*arguments, cwd):
    done = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: hatchling comes from the test extra, not from a download.
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT), cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `bin` folder of an environment whose only own distribution is the wheel.

    Downloading TensorFlow for it would take minutes, so the dependencies are those of this
    environment, by a path. A checkout that is installed here in editable form is not found that
    way: Python follows .pth files in an environment's own folder only.
    """
    folder = tmp_path_factory.mktemp("environment")
    done = run(sys.executable, "-m", "venv", "--without-pip", str(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    python = folder / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel), cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin"


@pytest.fixture
def ablate(installed, tmp_path):
    """Runs one of the environment's programs in an empty directory."""

    def call(program, *arguments):
        return run(str(installed / program), *arguments, cwd=tmp_path)

    return call


@pytest.mark.parametrize(
    "name",
    [
        "ablate/conf/config.yaml",
        "ablate/conf/data/digits.yaml",
        "ablate/experiments/study/xyz.yaml",
        "ablate/experiments/study/chapter.yaml",
        "hydra_plugins/hydra_ablate/design_sweeper.py",
    ],
)
def test_the_wheel_holds_a_file(wheel, name):
    assert name in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_holds_only_the_program_and_its_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0] for name in names}

    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name for name in folders if not name.endswith(".dist-info")} == {
        "ablate",
        "hydra_plugins",
    }
    assert "hydra_plugins/__init__.py" not in names
    assert [name for name in names if "__pycache__" in name] == []


def test_the_program_that_runs_is_that_of_the_wheel(ablate, installed):
    done = ablate("python", "-c", "import ablate; print(ablate.__file__)")

    assert Path(done.stdout.strip()).is_relative_to(installed.parent)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(("python", "-m", "ablate", "--help"), "--multirun", id="module"),
        pytest.param(("ablate", "--help"), "--multirun", id="script"),
        pytest.param(("python", "-m", "ablate.report", "--help"), "study=", id="report_module"),
        pytest.param(("ablate-report", "--help"), "study=", id="report_script"),
        pytest.param(("ablate-new", "--help"), "NAME.py", id="new_script"),
    ],
)
def test_a_command_prints_its_help(ablate, command, expected):
    done = ablate(*command)

    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", [("python", "-m", "ablate"), ("ablate",)], ids=len)
def test_the_default_plan_is_printed_and_nothing_trained(ablate, tmp_path, command):
    done = ablate(*command, "--multirun", "plan_only=true")

    assert done.returncode == 0, done.stderr
    assert "0 of 40 done" in done.stdout
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "reports").exists()
    assert list(tmp_path.rglob("result.json")) == []


def test_a_study_and_code_in_the_working_directory_are_used(ablate, tmp_path):
    files = {
        "experiments/study/mine.yaml": "replicates: 2\nmodel: mine\nfactors: {deep: model.deep}\n",
        "experiments/model/mine.yaml": "_target_: mymodel.build\ndeep: true\n",
        "mymodel.py": (
            "from ablate.models import convnet\n\n\ndef build(shape, classes, *, deep):\n"
            "    return convnet.build(shape, classes, filters=[4, 4] if deep else [4])\n"
        ),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = ablate("ablate", "--multirun", "study=mine", "allow=[mymodel]", "plan_only=true")

    assert done.returncode == 0, done.stderr
    assert "mine" in done.stdout


def test_an_unknown_study_is_refused_in_one_line(ablate):
    done = ablate("ablate", "--multirun", "study=xzy")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "xyz" in done.stderr
