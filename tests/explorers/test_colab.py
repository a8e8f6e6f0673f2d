"""On Colab a widget that is not ipywidgets' own shows nothing until its manager is asked for."""

from __future__ import annotations

import sys
from types import ModuleType

import anywidget._util
import pytest

from mlteach.explorers import Circle


@pytest.fixture
def colab(monkeypatch):
    """Stands for Colab's module, and counts how often its manager was asked for."""
    module = ModuleType("google.colab.output")
    module.asked = 0

    def enable_custom_widget_manager():
        module.asked += 1

    module.enable_custom_widget_manager = enable_custom_widget_manager
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.output", module)
    anywidget._util.enable_custom_widget_manager_once.cache_clear()
    yield module
    anywidget._util.enable_custom_widget_manager_once.cache_clear()


def test_the_first_explorer_asks_for_the_manager(colab):
    """anywidget does it for our canvas, once; a release that stopped would fail here."""
    Circle(pairs=2)
    Circle(pairs=2)
    assert colab.asked == 1
