"""What holds for all tests."""

import gc
import sys

import pytest

pytest.register_assert_rewrite("support")  # shared test bodies show what differed, as tests do


def pytest_collection_modifyitems(items):
    """No name of a test holds an address, which differs between processes: they share the tests."""
    if addresses := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"give the parameters of this test ids: {addresses[0]}")


def pytest_collection_finish():
    """Twenty thousand tests live to the end: the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def unlaid(monkeypatch):
    """Panels stay where matplotlib puts them first, for tests that measure no place of any.

    Looking for better ones takes half of the time of making an explorer.
    """
    layout = "matplotlib.layout_engine.ConstrainedLayoutEngine.execute"
    monkeypatch.setattr(layout, lambda self, figure: None)


@pytest.fixture(autouse=True)
def new_page():
    """The page of the next test has told nothing yet, neither its density nor a dark theme.

    Afterwards no widget is left: ipywidgets keeps each that is open, and gigabytes with them.
    """
    if explorer := sys.modules.get("mlteach.explorers._core.explorer"):  # not imported for it
        explorer._page.update(density=0.0, dark=False)
    yield
    if ipywidgets := sys.modules.get("ipywidgets"):
        ipywidgets.Widget.close_all()
