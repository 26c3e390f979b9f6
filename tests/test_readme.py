"""What the README promises exists: its study, its model, its files, the tests of the faults."""

import ast
import re
import shlex

import pytest
import yaml
from PIL import Image

import ablate
from ablate.study.file import study_from_mapping
from tests.conftest import ROOT
from tests.faults.plan_requests import plan_request, write_study

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
"""The model of one's own, then the interface for scripts and notebooks."""
FAULTS = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
INPUTS = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))


def tables():
    """The table of faults and the tables of inputs, without their headings."""
    for part in (FAULTS.partition("| fault |")[2], *INPUTS.split("| form |")[1:]):
        yield part.partition("\n\n")[0].splitlines()[2:]


def named_tests():
    """Module and first words of every test that the tables name."""
    for row in (row for table in tables() for row in table):
        module = ""
        for path, words in re.findall(r"`([\w/]+)`|\*([^*]+)\*", row.split("|")[-2]):
            module = path or module
            if words:
                yield pytest.param(module, words, id=words.replace(" ", "_"))


def test_every_row_of_the_tables_names_its_test():
    rows = [row for table in tables() for row in table]
    assert all(re.search(r"`[\w/]+`: \*", row) for row in rows)


@pytest.mark.parametrize(("module", "words"), list(named_tests()))
def test_test_of_a_table_exists(module, words):
    path = module if "/" in module else f"tests/faults/{module}"
    tree = ast.parse((ROOT / f"{path}.py").read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    start = f"test_{words.replace(' ', '_')}"

    assert [name for name in names if name.startswith(start)] != []


def test_what_the_readme_names_for_a_study_of_ones_own_is_planned(tmp_path, monkeypatch):
    (study,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    (model,) = re.findall(r"echo '(.*?)' > experiments/model/mine.yaml", README)
    (command,) = re.findall(r"study/mine.yaml:  python -m ablate --multirun (.*)", study)
    (tmp_path / "mymodel.py").write_text(PYTHON[0])
    (tmp_path / "experiments" / "model").mkdir(parents=True)
    (tmp_path / "experiments" / "model" / "mine.yaml").write_text(model)
    write_study(tmp_path, study)
    for number in range(12):
        folder = tmp_path / "photographs" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = plan_request(*shlex.split(command))

    assert [factor.name for factor in plan.study.factors] == ["norm", "dropout", "decay"]
    assert len(plan.cells) == 8


def test_study_of_the_guide_can_be_read():
    text, choices = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
    defaults = {"name": "width", "design": "full_factorial"}
    study = study_from_mapping({**defaults, **yaml.safe_load(text)})

    assert [factor.name for factor in study.factors] == ["residual", "third_block", "schedule"]
    assert list(yaml.safe_load(choices)) == ["model", "data", "data.path", "recipe"]


def test_brackets_in_commands_are_quoted_for_zsh():
    text = README + GUIDE + EXAMPLES
    commands = re.findall(r"^(?:pip|python|PYTHONPATH|\.venv|data=).*$", text, flags=re.MULTILINE)
    commands += re.findall(r"`(python -m .*?)`", text)
    bare = [re.sub(r"'[^']*'", "", command).partition("#")[0] for command in commands]

    assert [command for command in bare if re.search(r"\S*=?\[\S+\]", command)] == []


def test_layout_of_contributing_names_every_package():
    layout = CONTRIBUTING.partition("## Layout")[2].partition("## ")[0]
    packages = {path.parent.name for path in (ROOT / "ablate").glob("*/__init__.py")}
    folders = {"examples", "docs", "benchmarks", "tests", "conf", "experiments", "hydra_plugins"}

    assert [name for name in sorted(packages | folders) if f"{name}/" not in layout] == []


def test_python_of_the_readme_names_what_there_is():
    _, text = PYTHON
    ast.parse(text)
    results = set(re.findall(r"study\.(\w+)", text)) - {"replicates"}

    assert set(re.findall(r"ablate\.(\w+)\(", text)) <= set(ablate.__all__)
    assert [name for name in results if not hasattr(ablate.StudyResults, name)] == []


def test_model_of_the_readme_can_be_built():
    text, _ = PYTHON
    tree = ast.parse(text)
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    (factors,) = re.findall(r"factors: \{(.*?)\}", README)
    parts = re.findall(r"(\w+): model\.", factors)

    assert [argument.arg for argument in function.args.kwonlyargs] == parts


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (README, "."),
        (CONTRIBUTING, "."),
        (EXAMPLES, "examples"),
        *((file.read_text(encoding="utf-8"), "docs") for file in DOCS),
    ],
    ids=["readme", "contributing", "examples", *(file.stem for file in DOCS)],
)
def test_linked_files_exist(text, folder):
    links = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [link for link in links if "://" not in link and not (ROOT / folder / link).exists()]

    assert missing == []
