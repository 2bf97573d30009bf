"""What the tests save costs them no plugin's hook and no fixture."""

from __future__ import annotations

import inspect

import pytest

from tests.economy import may_be_fixture, may_be_hook, names_read_once


def test_no_hook_and_no_fixture_of_a_plugin_is_left_out(pytestconfig: pytest.Config) -> None:
    """The names that are read once include every hook and every fixture of the loaded plugins."""
    manager = pytestconfig.pluginmanager
    hooks, fixtures = names_read_once(may_be_hook), names_read_once(may_be_fixture)
    found = {"hooks": 0, "fixtures": 0}
    for plugin in manager.get_plugins():
        source = plugin if inspect.ismodule(plugin) else type(plugin)
        for name in dir(plugin):
            if manager.parse_hookimpl_opts(plugin, name) is not None:
                assert name in hooks(plugin)
                found["hooks"] += 1
            value = inspect.getattr_static(source, name, None)
            if "fixture" in type(value).__name__.lower() or "_pytestfixturefunction" in dir(value):
                assert name in fixtures(plugin)
                found["fixtures"] += 1
    assert min(found.values()) > 10, found


def test_a_plugin_of_a_project_is_looked_at_each_time() -> None:
    """A name that a plugin beside the environment gets later is found."""
    names = names_read_once(may_be_hook)

    class Plugin:
        pass

    assert "pytest_configure" not in names(Plugin())
    Plugin.pytest_configure = lambda _: None  # type: ignore[attr-defined]
    assert "pytest_configure" in names(Plugin())
