"""Some warnings make a pass prove nothing, each for its own reason."""

from __future__ import annotations

from email.message import Message
from urllib.error import HTTPError, URLError

import pytest

from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.observer import reason_of
from pytest_prodstatus.reports import suspect_pass

DIED = """Exception in thread Thread-1 (probe)

Traceback (most recent call last):
  File "a.py", line 1, in ask
    raise KeyError("x")
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in probe
    assert answer.status == 200
           ^^^^^^^^^^^^^
AssertionError: it answers 500
assert 500 == 200
  +  where 500 = answer.status

Enable tracemalloc to get traceback where the object was allocated.
"""


class Slow(RuntimeWarning):
    """A warning class of another library."""


@pytest.mark.parametrize(
    ("category", "message", "text"),
    [
        (
            RuntimeWarning,
            "coroutine 'Shop.probe' was never awaited",
            "coroutine 'Shop.probe' was never awaited, so what it looks at was not seen",
        ),
        (
            RuntimeWarning,
            "coroutine 'probe' was never awaited\nCoroutine created at (most recent call last)\n",
            "coroutine 'probe' was never awaited, so what it looks at was not seen",
        ),
        (
            pytest.PytestReturnNotNoneWarning,
            "Test functions should return None, but test_a.py::test_a returned <class 'bool'>.",
            "the test returned a value, which nothing asserts",
        ),
        (
            DeprecationWarning,
            "It is deprecated to return a value that is not None from a test case (<bound ...>)",
            "the test returned a value, which nothing asserts",
        ),
        (
            pytest.PytestUnhandledThreadExceptionWarning,
            DIED,
            "a thread died of what the test did not see: AssertionError: it answers 500",
        ),
        (
            pytest.PytestUnhandledThreadExceptionWarning,
            "Exception in thread Thread-1",
            "a thread died of what the test did not see: Exception in thread Thread-1",
        ),
        (
            pytest.PytestUnhandledThreadExceptionWarning,
            "",
            "a thread died of what the test did not see: no more is known",
        ),
    ],
)
def test_a_doubt_has_a_reason(category: type[Warning], message: str, text: str) -> None:
    """A suspicion has its own kind, says what was not seen, and gives a remedy."""
    reason = suspect_pass(category, message)
    assert reason is not None
    assert (reason.text, reason.kind) == (text, Kind.PROVES_NOTHING)
    assert reason.is_about_test, "so the next action names the test"


@pytest.mark.parametrize(
    ("category", "message"),
    [
        (RuntimeWarning, "overflow encountered in multiply"),
        (Slow, "coroutine objects are slow"),
        (UserWarning, "coroutine 'probe' was never awaited"),
        (DeprecationWarning, "datetime.utcnow() is deprecated"),
        (pytest.PytestUnraisableExceptionWarning, "Exception ignored in: <socket.socket>"),
        (ResourceWarning, "unclosed file"),
    ],
)
def test_any_other_warning_is_none(category: type[Warning], message: str) -> None:
    """A warning that isn't about what was observed changes no verdict."""
    assert suspect_pass(category, message) is None


class ConnectError(Exception):
    """What a client raises from the OSError of a refused connection, as httpx does."""


def _refused() -> Exception:
    error = ConnectError("refused")
    error.__cause__ = ConnectionRefusedError()
    return error


@pytest.mark.parametrize(
    ("raised", "advice"),
    [
        (ValueError("x"), "look at the test first"),
        (TimeoutError(), "see whether the system answers, then look at the test"),
        (URLError("refused"), "see whether the system answers, then look at the test"),
        (_refused(), "see whether the system answers, then look at the test"),
        (
            HTTPError("http://a.example/", 500, "Internal Server Error", Message(), None),
            "see what the system answered, then look at the test",
        ),
    ],
)
def test_an_error_says_where_to_look_first(raised: Exception, advice: str) -> None:
    """At the system if the exception comes from it, and at its answer if it gave one."""
    reason = reason_of(raised, str)
    assert (reason.kind, reason.is_about_test) == (Kind.ERROR, True)
    assert reason.remedy == f"the test raised {type(raised).__name__}: {advice}"
