"""A report's values are converted to those that xdist can send."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from pytest_prodstatus.reports import ATTRIBUTE, FIRST, SENT
from pytest_prodstatus.xdist import Worker, to_builtins

PLAIN: dict[str, Any] = {
    "nodeid": "test_a.py::test_a", "location": ("test_a.py", 1, "test_a"),
    "keywords": {"test_a": 1, "stage": 1}, "outcome": "passed", "longrepr": None, "when": "call",
    "user_properties": [], "sections": [], "duration": 0.1, "start": 1.0, "stop": 2.0,
    "prodstatus": "{}", "$report_type": "TestReport",
}  # fmt: skip


class Odd(str):
    """A subclass of str, which would end the worker."""


def sent(data: dict[str, Any] | None, criteria: tuple[str, ...] = ("a",)) -> Any:
    """Return the data that a worker sends for a report."""
    collector = Mock(criteria=dict.fromkeys(criteria))
    worker = Worker(Mock(), Mock(), collector, Mock(), Mock(), behind=0.0)
    return through(worker, data)


def through(worker: Worker, data: dict[str, Any] | None, **noted: str) -> Any:
    """Return the data after a worker has converted it, without the date that it adds.

    Args:
        worker: the worker.
        data: what other hooks made of the report.
        noted: the plugin's own attributes of the report.
    """
    hook = worker.pytest_report_to_serializable(report=SimpleNamespace(**noted))
    next(hook)
    with pytest.raises(StopIteration) as stopped:
        hook.send(data)
    made = stopped.value.value
    if made is not None:
        assert isinstance(made.pop(SENT), tuple)
    return made


def test_a_plain_report_is_sent_as_it_is() -> None:
    """A plain report, as most are, is sent unchanged and isn't walked through."""
    assert sent(PLAIN) is PLAIN
    assert sent(None) is None


def test_what_was_noted_goes_with_whatever_a_hook_makes_of_a_report() -> None:
    """A hook that sends a dict of its own, with less in it, loses nothing of ours."""
    worker = Worker(Mock(), Mock(), Mock(criteria={"a": 1}), Mock(), Mock(), behind=0.0)
    noted = {ATTRIBUTE: '{"recorded":1}', FIRST: "failed"}
    assert through(worker, {"outcome": "passed"}, **noted) == {"outcome": "passed", **noted}


@pytest.mark.parametrize(
    "more",
    [
        {"nodeid": "test_a.py::test_a[\ud800]"},
        {"location": ("test_\ud800.py", 1, "test_a")},
        {"location": ("test_a.py", 1, "test_\ud800")},
        {"location": (Odd("test_a.py"), 1, "test_a")},
        {"keywords": {"\ud800": 1}},
        {"keywords": {Odd("stage"): 1}},
        {"keywords": {"stage": Odd("x")}},
        {"user_properties": [("path", object())]},
        {"sections": [("Captured", "\ud800")]},
        {"longrepr": "\ud800"},
        {"theirs": object()},
    ],
)
def test_whatever_else_is_made_fit(more: dict[str, Any]) -> None:
    """A lone surrogate, a subclass or an object is converted, at any place of a report."""
    data = {**PLAIN, **more}
    assert sent(data) == to_builtins(data)
    assert sent(data) is not data
    assert sent(data, criteria=()) is data
