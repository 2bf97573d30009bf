"""What a worker's reports may hold so that they reach the controller.

xdist sends builtin values alone, and text alone that UTF-8 can write. One path, enum or lone
surrogate anywhere in a report ends the worker, and the run loses what it saw.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from pytest_prodstatus.model.text import utf8
from pytest_prodstatus.model.walk import INTO, walked

_AS_THEY_ARE = (type(None), bool, int, float, complex, bytes)
_SCALARS: tuple[type[Any], ...] = (int, float, bytes)
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)


_OWN = frozenset({
    "nodeid", "location", "keywords", "outcome", "longrepr", "when", "user_properties", "sections",
    "duration", "start", "stop", "result", "prodstatus", "$report_type",
})  # fmt: skip
"""What pytest and this plugin put into a report themselves."""


class Crossing:
    """Lets every report of an xdist worker reach the controller, in a run that has criteria.

    Args:
        criteria: those of this process, which may be found later.
    """

    def __init__(self, criteria: Mapping[str, object]) -> None:
        self._criteria = criteria

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self, report: object) -> Generator[None, Any, Any]:
        """Let no report be lost on its way, and the worker with it."""
        data = yield
        concerned = self._criteria or isinstance(report, pytest.CollectReport)
        return data if not concerned or _is_plain(data) else crossable(data)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Let no warning end a worker either: xdist sends its arguments as they are."""
        message = warning_message.message
        if self._criteria and isinstance(message, Warning):
            message.args = crossable(message.args)


def _is_plain(data: Any) -> bool:
    """Return whether a report holds nothing but what always crosses; most do."""
    if data is None or not data.keys() <= _OWN or not data.get("location"):
        return False
    if data["longrepr"] is not None or data["user_properties"] or data["sections"]:
        return False
    # Names and marks of the test, most of which are ASCII.
    keywords = data["keywords"]
    names = [data["nodeid"], data["location"][0], data["location"][2], *keywords]
    builtin = {*map(type, names)} == {str} and {*map(type, keywords.values())} <= {int}
    return builtin and "".join(names).isascii()


def crossable(value: Any) -> Any:
    """Return `value` with everything replaced that can't cross to another process.

    A lone surrogate becomes its escape, a subclass of a builtin type that type, and any other
    object its `repr`, as pytest itself writes it into a JUnit file.
    """
    return walked(value, _crossing, builtin=True)


def _crossing(part: Any) -> Any:
    if type(part) in _AS_THEY_ARE:
        return part
    if isinstance(part, str):
        return utf8(str.__str__(part))
    if isinstance(part, (Mapping, *_COLLECTIONS)):
        return INTO
    for builtin in _SCALARS:
        if isinstance(part, builtin):
            return builtin(part)
    return _crossing(repr(part))
