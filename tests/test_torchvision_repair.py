"""torchvision can be imported after mlteach whatever PyTorch there is; a fitting one stays.

Each case runs in a Python of its own, because operators, once declared, stay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import kiwisolver
import pytest


def run_python(code: str, *, first_on_path: object = "") -> str:
    """Run the code in a fresh Python in which a warning is an error, and return what it printed."""
    command = [sys.executable, "-W", "error", "-c", code]
    environment = os.environ | {"PYTHONPATH": str(first_on_path)}
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def after_mlteach():
    """What three tests look at in one Python, each import after the one before: lines by name."""
    printed = run_python("""
import sys
import mlteach, torch
print("alone:", "torchvision" in sys.modules)
import torchvision
from torchvision import datasets, models
from torchvision.transforms import v2
images = v2.RandomHorizontalFlip(p=1.0)(torch.arange(2.0).repeat(1, 3, 64, 32))
shape = list(models.resnet18()(images).shape)
print("parts:", images[0, 0, 0, :2].tolist(), shape, datasets.Omniglot.__name__)
computed = ""
if not torchvision.extension._has_ops():
    try:
        torchvision.ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)
        computed = "a box operator computed without its compiled part"
    except RuntimeError:
        pass
print("operator:", computed)
""")
    return dict(line.split(":", 1) for line in printed.splitlines())


def test_torchvision_works_after_mlteach(after_mlteach):
    """The parts of torchvision that the book uses can be imported, and compute."""
    assert after_mlteach["parts"] == " [1.0, 0.0] [1, 1000] Omniglot"


def test_mlteach_does_not_import_torchvision(after_mlteach):
    """Whoever needs no torchvision does not wait for it."""
    assert after_mlteach["alone"] == " False"


def test_declared_operators_still_refuse_to_compute(after_mlteach):
    """The declaration pretends nothing: without the compiled part an operator raises an error."""
    assert after_mlteach["operator"].strip() == ""


def test_torchvision_works_when_it_was_tried_before_mlteach():
    """Neither a failed nor a successful import of torchvision spoils the next one."""
    run_python("""
try:
    import torchvision
except RuntimeError as error:
    assert "nms does not exist" in str(error)
import mlteach, torchvision
assert torchvision.models.resnet18
""")


PRINT_WHETHER_DECLARED = (
    "import torch, mlteach\nprint([hasattr(torch.ops.torchvision, n) for n in ('nms', 'qnms')])"
)


@pytest.mark.parametrize(
    ("compiled_part", "declared"),
    [("no library at all", True), ("a library that loads", False), (None, False)],
)
def test_declares_the_operators_only_where_the_compiled_part_does_not_load(
    tmp_path, compiled_part, declared
):
    """Where torchvision brings its own operators, nothing is declared: that would break it."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").touch()
    library = package / f"_C{EXTENSION_SUFFIXES[-1]}"
    if compiled_part == "a library that loads":
        shutil.copy(kiwisolver._cext.__file__, library)
    elif compiled_part:
        library.write_text(compiled_part)
    assert run_python(PRINT_WHETHER_DECLARED, first_on_path=tmp_path) == str([declared, declared])


def test_declares_nothing_without_torchvision():
    """A learner may leave torchvision out."""
    assert (
        run_python(f"import sys\nsys.modules['torchvision'] = None\n{PRINT_WHETHER_DECLARED}")
        == "[False, False]"
    )


def test_leaves_operators_alone_that_are_there():
    """The operators of an already imported torchvision are not declared a second time."""
    run_python("""
import torch
torch.library.define("torchvision::nms", "(Tensor first_come) -> Tensor")
import mlteach
assert torch.ops.torchvision.nms.default._schema.arguments[0].name == "first_come"
""")
