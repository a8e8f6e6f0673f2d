"""What JupyterLab's settings tell of its theme, before a page has told anything."""

import pytest

from mlteach.explorers._core import theme

WRITTEN = """{{
    // Theme
    // @jupyterlab/apputils-extension:themes

    // Selected Theme
    // Application-level visual styling theme. Ignored when Adaptive Theme is enabled.
    "theme": "{0}",
    "adaptive-theme": {1}
}}"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Where the file of the themes belongs, in JupyterLab's usual place for settings."""
    monkeypatch.delenv("JUPYTERLAB_SETTINGS_DIR", raising=False)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    path = tmp_path / "lab" / "user-settings" / theme.FILE
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize(
    ("name", "adaptive", "dark"),
    [
        ("JupyterLab Dark", "false", True),
        ("JupyterLab Dark High Contrast", "false", True),
        ("JupyterLab Light", "false", False),
        ("JupyterLab Dark", "true", False),  # the system has the word, which only the page hears
    ],
)
def test_the_theme_is_read_from_its_file(settings, name, adaptive, dark):
    settings.write_text(WRITTEN.format(name, adaptive), encoding="utf-8")
    assert theme.of_lab() is dark


def test_a_settings_folder_of_its_own_is_looked_into(settings, tmp_path, monkeypatch):
    settings.write_text(WRITTEN.format("JupyterLab Light", "false"), encoding="utf-8")
    other = tmp_path / "other" / theme.FILE
    other.parent.mkdir(parents=True)
    other.write_text('{"theme": "JupyterLab Dark"}', encoding="utf-8")
    assert not theme.of_lab()
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path / "other"))
    assert theme.of_lab()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b'{"themes": {"Dark": 1}}'])
def test_without_a_file_that_can_be_read_it_is_light(settings, content):
    if content is not None:
        settings.write_bytes(content)
    assert not theme.of_lab()
