"""What nbval lacks for executing the chapters under pytest."""

from __future__ import annotations

import os

import pytest

# chapters that run side by side are many times slower with more threads
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a cell that took too long: nbval interrupts it, and passes it if it handles that."""
    result = yield
    if getattr(item.parent, "timed_out", False):
        pytest.fail("the cell took longer than --nbval-cell-timeout allows")
    return result
