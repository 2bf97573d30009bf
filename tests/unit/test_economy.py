"""What the tests save costs them no plugin's hook and no fixture."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import os

import pluggy
import pytest

from tests.economy import (
    POSSIBLE,
    hooks_found_once,
    may_be_fixture,
    may_be_hook,
    names_read_once,
    parsing_once,
    save,
)


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


def found_by_pluggy(plugin: object, name: str) -> object:
    """Search for a hook as pluggy does."""
    find = getattr(pluggy._manager, "_static_hook_attr", None)
    if find is None:
        pytest.skip("this pluggy reads the attribute")
    return inspect.unwrap(find)(plugin, name)


def test_each_hook_of_a_plugin_is_the_one_that_pluggy_finds(pytestconfig: pytest.Config) -> None:
    """What is found once is the same function, bound to the same plugin, the second time too."""
    found_once = hooks_found_once(found_by_pluggy)
    plugins = pytestconfig.pluginmanager.get_plugins()
    pairs = [(plugin, n) for plugin in plugins for n in dir(plugin) if n.startswith("pytest_")]
    assert len(pairs) > 10
    for plugin, name in pairs * 2:
        assert found_once(plugin, name) == found_by_pluggy(plugin, name)


def test_a_hook_of_an_instance_comes_before_that_of_its_class() -> None:
    """A function in an instance's own `__dict__`, and a project's plugin, are found each time."""

    class Plugin:
        def pytest_configure(self) -> None: ...

    found_once = hooks_found_once(found_by_pluggy)
    plugin = Plugin()
    assert found_once(plugin, "pytest_configure")[1] == plugin.pytest_configure
    own = plugin.pytest_configure = lambda: None  # type: ignore[method-assign]
    assert found_once(plugin, "pytest_configure") == (own, own)
    Plugin.pytest_unconfigure = own  # type: ignore[attr-defined]
    assert found_once(plugin, "pytest_unconfigure")[0] is own


def test_a_source_is_parsed_once() -> None:
    """The same text gives the same tree, another text another, and a broken one its error."""
    kept = parsing_once()
    tree = kept.parse("a = 1", "source", "exec")
    assert kept.parse("a = 1", "source", "exec") is tree
    assert ast.dump(kept.parse("a = 2", "source", "exec")) == ast.dump(ast.parse("a = 2"))
    for _ in range(2):
        with pytest.raises(SyntaxError):
            kept.parse("a =", "source", "exec")
    assert (kept.walk, kept.stmt) == (ast.walk, ast.stmt)


@pytest.mark.skipif(not POSSIBLE, reason="nothing is saved here")
def test_a_process_saves_once() -> None:
    """This file is read under several names; a second saving would undo the first."""
    before = importlib.metadata.distributions, os.fsync
    save()
    assert (importlib.metadata.distributions, os.fsync) == before
