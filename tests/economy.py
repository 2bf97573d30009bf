"""What each of thousands of runs would do again, and no rule can show: done once, or not at all.

With PRODSTATUS_SWEEP=1, and in every new interpreter that a test starts, nothing is left out.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib.metadata
import inspect
import os
import stat
import sys
import sysconfig
import tempfile
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import _pytest._code.source
import _pytest.fixtures
import pluggy

POSSIBLE = os.environ.get("PRODSTATUS_SWEEP") != "1"
_SAVED = "_prodstatus_tests_saved"
"""Says that a process saves already: this file is read under several names."""


class Installed(importlib.metadata.Distribution):
    """An installed distribution whose files are read once."""

    def __init__(self, found: importlib.metadata.Distribution) -> None:
        self._found = found
        self._texts: dict[str, str | None] = {}

    def read_text(self, filename: str) -> str | None:
        """Return the text of one of its metadata files."""
        if filename not in self._texts:
            self._texts[filename] = self._found.read_text(filename)
        return self._texts[filename]

    def locate_file(self, path: Any) -> Any:
        """Return where one of its files lies."""
        return self._found.locate_file(path)

    @cached_property
    def metadata(self) -> Any:
        """Its metadata."""
        return super().metadata

    @cached_property
    def entry_points(self) -> Any:
        """Its entry points."""
        return super().entry_points

    @cached_property
    def files(self) -> Any:
        """Its files."""
        return super().files


def reading_once(
    find: Callable[..., Any],
) -> Callable[..., Iterator[importlib.metadata.Distribution]]:
    """Return `importlib.metadata.distributions` that reads the environment once, others each time.

    pytest asks for all of them several times in every run, which takes a quarter of a small one.
    """
    environment = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    kept: dict[str, tuple[int, list[Installed]]] = {}

    def distributions(**given: Any) -> Iterator[importlib.metadata.Distribution]:
        if given:
            yield from find(**given)
            return
        for folder in list(sys.path):
            if folder not in environment:
                yield from find(path=[folder])
                continue
            changed = Path(folder).stat().st_mtime_ns
            if kept.get(folder, (None,))[0] != changed:
                kept[folder] = changed, [Installed(one) for one in find(path=[folder])]
            yield from kept[folder][1]

    return distributions


def not_waiting(flush: Callable[[int], None]) -> Callable[[int], None]:
    """Return `os.fsync` that doesn't wait for the disk, as only a power cut could show."""

    def fsync(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            flush(descriptor)

    return fsync


def names_read_once(may_be: Callable[[object, str], bool]) -> Callable[[object], list[str]]:
    """Return `dir` that gives of a plugin only the names that may be what pytest looks for.

    In every run pytest looks at each attribute of each plugin twice, for hooks and for fixtures.
    What is installed has the same names in every run. Our own plugin is looked at as ever.
    """
    installed = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
    kept: weakref.WeakKeyDictionary[object, list[str]] = weakref.WeakKeyDictionary()

    def names(plugin: object) -> list[str]:
        whole = isinstance(plugin, type | types.ModuleType)
        source = plugin if whole else type(plugin)
        found = kept.get(source)
        if found is None:
            module = sys.modules.get(getattr(source, "__module__", ""), source)
            if not (getattr(module, "__file__", None) or "").startswith(installed):
                return dir(plugin)
            found = kept[source] = [name for name in dir(source) if may_be(source, name)]
        return found if whole else [*{**dict.fromkeys(found), **getattr(plugin, "__dict__", {})}]

    return names


def hooks_found_once(find: Callable[[object, str], Any]) -> Callable[[object, str], Any]:
    """Return pluggy's search for a hook that looks once at what is installed: modules and classes.

    In every run pluggy searches for each hook of each plugin twice, without running a descriptor.
    """
    installed = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
    kept: weakref.WeakKeyDictionary[object, dict[str, Any]] = weakref.WeakKeyDictionary()

    @functools.wraps(find)
    def found(plugin: object, name: str) -> Any:
        whole = isinstance(plugin, type | types.ModuleType)
        if not whole and name in getattr(plugin, "__dict__", {}):
            return find(plugin, name)
        source = plugin if whole else type(plugin)
        hooks = kept.get(source)
        if hooks is None:
            module = sys.modules.get(getattr(source, "__module__", ""), source)
            if not (getattr(module, "__file__", None) or "").startswith(installed):
                return find(plugin, name)
            hooks = kept[source] = {}
        if name not in hooks:
            hooks[name] = find(source, name)
        hook = hooks[name]
        if whole:
            return hook
        if hook is None:  # a slot, say, whose value is the instance's
            return find(plugin, name)
        holder, function = hook
        return (holder, function.__get__(plugin, source)) if holder is function else hook

    return found


def may_be_fixture(source: object, name: str) -> bool:
    """Return whether an attribute may be a fixture, of any version of pytest."""
    try:
        return hasattr(inspect.getattr_static(source, name, None), "__wrapped__")
    except Exception:  # noqa: BLE001  an object with a __getattr__ of its own may raise anything
        return True


def may_be_hook(source: object, name: str) -> bool:
    """Return whether an attribute may be a hook."""
    return name.startswith("pytest_")


def parsing_once() -> types.ModuleType:
    """Return `ast` that keeps the trees of the last sources, for what only looks at them.

    pytest parses the whole file again for every failure in it, to find where a statement ends.
    """
    copy = types.ModuleType(ast.__name__)
    vars(copy).update(vars(ast), parse=functools.lru_cache(32)(ast.parse))
    return copy


def files_in_memory() -> None:
    """Let temporary folders lie in memory, if this system has such a place with room enough.

    On a disk, replacing a file by a new one takes milliseconds, and a run replaces six; and to copy
    a database cluster takes nine times as long.
    """
    memory, needed = Path("/dev/shm"), 4 << 30
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        return
    place = os.statvfs(memory)
    # Tests write programs, too; containers mount it without the right to run them.
    if place.f_bavail * place.f_frsize > needed and not place.f_flag & os.ST_NOEXEC:
        for name in ("PYTEST_DEBUG_TEMPROOT", "TMPDIR"):
            os.environ.setdefault(name, str(memory))
        tempfile.tempdir = None  # looked up before
        # Now, and not first in a test that sets TMPDIR: it is kept.
        tempfile.gettempdir()


@contextmanager
def without_garbage() -> Iterator[None]:
    """Let the garbage collector rest during this block.

    What is made while tests are collected lives as long as the process. To look for garbage among
    it took a third of that time. It isn't frozen (`gc.freeze`) afterwards: with Hypothesis 6.100 a
    property test was then called flaky.
    """
    if not POSSIBLE:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def save() -> None:
    """Let this process, and what is forked out of it, do without; once is enough."""
    if POSSIBLE and not hasattr(os, _SAVED):
        setattr(os, _SAVED, True)
        importlib.metadata.distributions = reading_once(importlib.metadata.distributions)
        os.fsync = not_waiting(os.fsync)  # type: ignore[assignment]
        vars(_pytest.fixtures)["dir"] = names_read_once(may_be_fixture)
        vars(pluggy._manager)["dir"] = names_read_once(may_be_hook)
        if hasattr(pluggy._manager, "_static_hook_attr"):  # since pluggy 1.7
            find = pluggy._manager._static_hook_attr
            vars(pluggy._manager)["_static_hook_attr"] = hooks_found_once(find)
        vars(_pytest._code.source)["ast"] = parsing_once()
        files_in_memory()
