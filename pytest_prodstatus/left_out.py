"""Tests that a stage mark is on, and that pytest doesn't collect: criteria that nobody would miss.

pytest collects by name, and it leaves out a class that has an `__init__`. It says nothing of the
first, and of the second only warns. A mark on what isn't a test is a mistake, so the run says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType
from typing import NamedTuple

import pytest

from pytest_prodstatus.options import STAGE_MARK

_CASES = "cases"
"""The plugin of pytest-cases, which gives the marks of a case function to tests."""


class LeftOut(NamedTuple):
    """A function or class that has a stage mark and that pytest didn't collect.

    Attributes:
        nodeid: what its node id would be.
        why: why pytest leaves it out; the end of a sentence.
        remedy: what to do about it.
        base: the class, if it may be a base of tests elsewhere; then it isn't left out.
    """

    nodeid: str
    why: str
    remedy: str
    base: type | None = None

    @property
    def certain(self) -> bool:
        """Whether no test is made of it, now that every file was collected."""
        return self.base is None or not self.base.__subclasses__()


def left_out(
    collector: pytest.Collector, found: Sequence[pytest.Item | pytest.Collector]
) -> Iterator[LeftOut]:
    """Yield what has a stage mark in a module or class, and isn't among what pytest found there.

    Args:
        collector: the module or class; of any other sort, nothing is known.
        found: what pytest collected directly in it.
    """
    # Asked for its object, pytest would import a file that `--lf` leaves out without looking at it.
    if vars(collector).get("_obj") is None:
        return
    # Not a subclass that collects something else in the file, such as its doctests.
    if isinstance(collector, pytest.Module) and type(collector).collect is pytest.Module.collect:
        # What is imported is a test of another file, or of none.
        module = getattr(collector.obj, "__name__", None)
        code = _code(getattr(collector.obj, "__dict__", {}))
        own = {name: value for name, value in code.items() if value.__module__ == module}
    elif isinstance(collector, pytest.Class) and getattr(collector.obj, "__test__", True):
        own = _definitions(collector.obj)
        # unittest's classes have one, and are collected otherwise.
        collects = type(collector).collect is pytest.Class.collect
        if collects and _has_init(collector.obj):
            if _holds_criteria(collector, collector.obj):
                yield LeftOut(
                    collector.nodeid,
                    "pytest collects no class with an __init__ or a __new__",
                    "set up in a fixture or in setup_method instead",
                )
            return
    else:
        return
    names = {node.name.partition("[")[0] for node in found}
    collected = {layer for name in names for layer in _layers(own.get(name))}
    cases = collector.config.pluginmanager.hasplugin(_CASES)
    for name, value in own.items():
        if id(value) in collected or vars(value).get("__test__") is False:
            continue
        nodeid = f"{collector.nodeid}::{name}"
        if isinstance(value, type):
            if _holds_criteria(collector, value):
                yield LeftOut(nodeid, *_by_name(collector.classnamefilter(name), "Test…"), value)
        elif _is_marked(value) and not cases:
            yield LeftOut(nodeid, *_by_name(collector.funcnamefilter(name), "test_…"))


def _by_name(fits: bool, pattern: str) -> tuple[str, str]:
    """Return why something is left out, and the remedy, by whether its name is that of a test."""
    if fits:
        return "a conftest or plugin leaves it out", "take it out by --deselect or a skip mark"
    return "pytest doesn't collect what has this name", f"name it {pattern}, or remove the mark"


def _layers(value: object) -> dict[int, object]:
    """Return what a test calls, by identity: itself, and what its decorators wrap."""
    layers: dict[int, object] = {}
    while issubclass(type(value), FunctionType | type) and id(value) not in layers:
        layers[id(value)] = value
        value = vars(value).get("__wrapped__")
    return layers


def _code(names: Mapping[str, object]) -> dict[str, FunctionType | type]:
    """Return the functions and classes among some names.

    By their types alone: a proxy may raise if it is asked for anything.
    """
    functions = {
        name: value.__func__ if isinstance(value, staticmethod | classmethod) else value
        for name, value in names.items()
        if issubclass(type(value), FunctionType | type | staticmethod | classmethod)
    }
    return {n: value for n, value in functions.items() if isinstance(value, FunctionType | type)}


def _definitions(cls: type) -> dict[str, FunctionType | type]:
    """Return what a class and its bases define, by name; of one name, what the class has."""
    defined = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
    return _code(defined)


def _has_init(cls: type) -> bool:
    return any(getattr(cls, name) is not getattr(object, name) for name in ("__init__", "__new__"))


def _holds_criteria(collector: pytest.Module | pytest.Class, cls: type) -> bool:
    """Return whether a class would have criteria: by its functions' marks, or by its own."""
    functions = {n: f for n, f in _definitions(cls).items() if isinstance(f, FunctionType)}
    if any(map(_is_marked, functions.values())):
        return True
    above = any(map(_is_marked, cls.__mro__)) or any(collector.iter_markers(STAGE_MARK))
    return above and any(map(collector.funcnamefilter, functions))


def _is_marked(value: object) -> bool:
    """Return whether a function or class has a stage mark of its own."""
    marks = vars(value).get("pytestmark", ())
    marks = marks if isinstance(marks, list | tuple) else (marks,)
    return any(getattr(getattr(mark, "mark", mark), "name", "") == STAGE_MARK for mark in marks)
