"""What holds for the whole project: layers of imports, requirements, versions, docstrings."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mlteach"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# A module imports from lower layers only, and within its layer from nothing but itself.
LAYERS = [
    {"_torchvision", "_validate", "_kernel"},
    {"losses"},
    {"networks"},
    {"views"},
    {"data"},
    {"plots"},
    {"similarity", "maps", "training"},
    {"metric", "neighbours", "pretext", "selfsup", "episodes"},
    {"meta"},
    {"evaluate"},
    {"results"},
    {"recipes"},
    {"mistakes"},
    {"explorers"},
    {"checks"},
    {"course", "__main__"},
]
LAYER_OF = {module: layer for layer, modules in enumerate(LAYERS) for module in modules}
CONDA_NAMES = {
    "torch": "pytorch-cpu",
    "matplotlib": "matplotlib-base",
    "jupyter-core": "jupyter_core",
}
CHAPTER_TESTS = {"nbval", "pytest"}
NOT_IN_CONDA = {"math-core"}


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path, package: Path = PACKAGE) -> str:
    """The module right below mlteach that a file belongs to: a file's name, or its folder's."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def imported_names(path: Path, package: Path = PACKAGE) -> list[str]:
    """The full dotted name of all that a file imports, wherever in the file."""
    parents = ["mlteach", *path.relative_to(package).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = parents[: len(parents) - node.level + 1] if node.level else []
            prefix = ".".join([*start, *filter(None, [node.module])])
            names += [f"{prefix}.{alias.name}" for alias in node.names]
    return names


def layer_violations(path: Path, package: Path = PACKAGE) -> list[str]:
    """The imports of a file that do not point to a lower layer."""
    module = module_of(path, package)
    ours = [
        name.split(".")[1] for name in imported_names(path, package) if name.startswith("mlteach.")
    ]
    return [
        f"{module} imports {target}"
        for target in ours
        if target != module and not LAYER_OF.get(target, len(LAYERS)) < LAYER_OF[module]
    ]


def test_every_module_has_its_layer():
    """A new module gets its place among the layers before it gets imports."""
    assert {module_of(path) for path in source_files()} <= {"__init__", *LAYER_OF}


def test_imports_point_to_a_lower_layer():
    """mlteach has no cycle, and losses, networks and data can be read without the rest."""
    files = [path for path in source_files() if path.parent != PACKAGE or path.stem != "__init__"]
    assert [found for path in files for found in layer_violations(path)] == []


@pytest.mark.parametrize(
    ("name", "line", "violations"),
    [
        ("meta.py", "from mlteach.losses import nt_xent", []),
        ("meta.py", "def f():\n    import mlteach.evaluate", ["meta imports evaluate"]),
        ("losses/pairs.py", "from ._shared import mean", []),
        ("losses/pairs.py", "from ..plots import scatter", ["losses imports plots"]),
        ("metric.py", "from mlteach import selfsup", ["metric imports selfsup"]),
        ("metric.py", "from . import views", []),
        ("metric.py", "from mlteach import nt_xent", ["metric imports nt_xent"]),
    ],
)
def test_the_layer_test_itself(tmp_path, name, line, violations):
    """Every way of writing an import is understood; functions are imported from their module."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(line)
    assert layer_violations(path, tmp_path) == violations


def test_contributors_read_the_same_layers():
    """The list in CONTRIBUTING.md is the one that the imports are held to."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.search(r"```\n(_torchvision.*?)\n```", text, re.DOTALL)[1].splitlines()
    assert [set(row.split("  ")[0].split()) for row in rows] == LAYERS


def test_no_pyplot():
    """pyplot's global state spoils figures once a widget's callback runs in another thread."""
    names = {name for path in source_files() for name in imported_names(path)}
    assert not [name for name in names if "pyplot" in name or "pylab" in name]


def test_the_package_imports_only_what_the_requirements_name():
    """Nothing works only because another package happens to bring it."""
    course = [path for path in source_files() if module_of(path) == "course"]
    library = [path for path in source_files() if path not in course]
    needs = requirements(PROJECT["dependencies"])
    assert imported_distributions(library) <= {need.name for need in needs}
    needs += requirements(PROJECT["optional-dependencies"]["course"])
    assert imported_distributions(course) <= {need.name for need in needs}


def imported_distributions(files: list[Path]) -> set[str]:
    """What these files import that neither Python nor this package brings."""
    names = {name.partition(".")[0] for path in files for name in imported_names(path)}
    third_party = names - sys.stdlib_module_names - {"mlteach"}
    brought_by = packages_distributions()
    return {canonicalize_name(brought_by[name][0]) for name in third_party}


def test_every_module_has_its_tests():
    """tests/test_<module>.py, or a folder of that name, mirrors mlteach/<module>."""
    modules = {module_of(path) for path in source_files()} - {
        "__init__",
        "__main__",
        "_torchvision",
    }
    untested = [
        module
        for module in modules
        if not (ROOT / f"tests/test_{module.removeprefix('_')}.py").exists()
        and not list(ROOT.glob(f"tests/{module}/test_*.py"))
    ]
    assert sorted(untested) == []


def test_everything_public_has_a_docstring():
    """help() answers for every module, function and class; an overriding method may inherit."""
    silent = []
    for path in source_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = [node for node in tree.body if not getattr(node, "name", "_").startswith("_")]
        answered = [node for node in public if ast.get_docstring(node) or is_mistake(node)]
        silent += [f"{path.name}: {node.name}" for node in public if node not in answered]
        silent += [] if ast.get_docstring(tree) else [path.name]
    assert silent == []


def is_mistake(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether it is registered as a mistake, which says there what is wrong."""
    return any(ast.unparse(line).startswith("mistake(") for line in node.decorator_list)


def requirements(texts: list[str]) -> list[Requirement]:
    return [Requirement(text) for text in texts]


ALL_REQUIREMENTS = requirements(
    PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])
)


def test_conda_environment_equals_the_requirements():
    """environment.yml asks for what pyproject.toml asks for, and of tests what chapters need."""
    extras = PROJECT["optional-dependencies"]
    wanted = requirements(PROJECT["dependencies"] + extras["course"])
    wanted += [need for need in requirements(extras["test"]) if need.name in CHAPTER_TESTS]
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    by_pip = ["-e ."] + [str(need) for need in wanted if need.name in NOT_IN_CONDA]
    expected = {
        f"{CONDA_NAMES.get(need.name, need.name)}{need.specifier}"
        for need in wanted
        if need.name not in NOT_IN_CONDA
    }
    expected |= {f"python{PROJECT['requires-python']}", "pip"}
    assert {line for line in lines if isinstance(line, str)} == expected
    assert [line for line in lines if not isinstance(line, str)] == [{"pip": by_pip}]


def read_pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_every_requirement_has_one_lower_bound_and_a_tested_version():
    """constraints-oldest.txt holds the lower bounds, constraints.txt a version that they allow."""
    oldest, pinned = read_pins("constraints-oldest.txt"), read_pins("constraints.txt")
    assert oldest == {
        need.name: str(need.specifier).removeprefix(">=") for need in ALL_REQUIREMENTS
    }
    assert [
        need.name for need in ALL_REQUIREMENTS if not need.specifier.contains(pinned[need.name])
    ] == []


def test_pins_hold_on_every_system():
    """No version is tied to one build (such as +cpu), and each is exact."""
    pins = read_pins("constraints.txt")
    assert [
        name
        for name, version in pins.items()
        if not re.fullmatch(r"\d+(\.\d+)*(\.?(post|rc|a|b)\d+)?", version)
    ] == []


def test_pins_hold_on_the_oldest_python():
    """Debian 12 has Python 3.11.2: a version that asks for 3.11.5 makes the whole set-up fail."""
    oldest = PROJECT["requires-python"].removeprefix(">=")
    installed = {canonicalize_name(found.name): found for found in distributions()}
    pins = [
        installed[name]
        for name, version in read_pins("constraints.txt").items()
        if name in installed and Version(installed[name].version).public == version
    ]
    assert len(pins) > 100
    needs = {found.name: found.metadata["Requires-Python"] or "" for found in pins}
    assert [name for name, need in needs.items() if not SpecifierSet(need).contains(oldest)] == []


def test_one_version_number():
    """The package, the citation and the newest entry of the changelog speak of the same version."""
    version = re.search(
        r'__version__ = "(.+)"', (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    )[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = re.search(
        r"^## \[?(\d[^\] ]*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert citation["version"] == changelog[1] == version
    assert PROJECT["dynamic"] == ["version"]


def test_the_workflow_knows_run_py():
    """Every settings file can be read, and the big matrix asks for versions that run.py knows."""
    files = [*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"]
    read = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in files}
    matrix = read["test.yml"]["jobs"]["big"]["strategy"]["matrix"]
    known = re.search(
        r"^CONSTRAINTS = (.+)$", (ROOT / "tools/environment.py").read_text("utf-8"), re.MULTILINE
    )
    assert set(matrix["versions"]) == set(ast.literal_eval(known[1]))
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert oldest in matrix["python"]


def test_no_chapter_expects_the_versions_of_one_machine():
    """An output that is compared must not name what differs elsewhere, such as Python 3.11.2."""
    cells = [
        ("".join(cell["source"]), cell["metadata"].get("tags", []))
        for path in ROOT.glob("notebooks/*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]
    compared = [source for source, tags in cells if "nbval-check-output" in tags]
    assert len(compared) > 50
    assert [source for source in compared if re.search("version|pick_device", source)] == []


def project_texts() -> dict[str, str]:
    """Every text file of the project: what git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so that the project's files cannot be told from others")
    paths = [
        ROOT / name for name in listed.stdout.splitlines() if not name.endswith((".npz", ".png"))
    ]
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in paths
        if path.is_file()
    }


def test_no_path_of_one_machine():
    """A path into somebody's home folder works for nobody else."""
    home = re.compile(r"(/home/|/Users/|/root/|[A-Z]:\\\\?Users\\)\w")
    assert [name for name, text in project_texts().items() if home.search(text)] == []
