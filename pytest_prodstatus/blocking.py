"""`blocked()`: how a test says that it could not observe its criterion, for good or bad."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_prodstatus.model.verdict import BLOCKED_KINDS, Kind, Reason

if TYPE_CHECKING:

    class _Skipped(BaseException):
        def __init__(self, msg: str, *, allow_module_level: bool = False) -> None: ...
else:
    _Skipped = pytest.skip.Exception


SHARED: list[Blocked] = []
"""Those made in the tear-down of a fixture of wider scope: its users answer for what is raised."""
RAISED: list[Blocked] = []
"""The instances made in the present phase of this process's test, swallowed or not.

A bare `except:` or `contextlib.suppress(BaseException)` may swallow one, and then the test passes.
"""


class Blocked(_Skipped):
    """The criterion could not be observed: its verdict is BLOCKED, for the reason given.

    pytest treats it as a skip in set-up, test, tear-down, in a probe and at module level. It
    derives from BaseException, so `except Exception` in the code under test can't swallow it.

    Attributes:
        stack: where the test was, if the run's deadline ended it; else "".
    """

    stack = ""

    def __init__(
        self, reason: str, *, kind: Kind | str = Kind.INCONCLUSIVE, remedy: str | None = None
    ) -> None:
        if not _is_text(reason):
            msg = f"blocked(reason={reason!r}): give one sentence that says what could not be seen"
            raise TypeError(msg)
        if remedy is not None and not _is_text(remedy):
            msg = f"blocked(remedy={remedy!r}): give a text, or leave it out"
            raise TypeError(msg)
        super().__init__(reason, allow_module_level=True)
        self._parts = (reason, kind if isinstance(kind, Kind) else _kind(kind), remedy)
        (SHARED if _in_wider_tear_down() else RAISED).append(self)

    @property
    def reason(self) -> Reason:
        """The reason, as a record keeps it."""
        return self.reason_by(str)

    def reason_by(self, clean: Callable[[str], str]) -> Reason:
        """Return the reason with its texts passed through `clean`, before they are shortened."""
        text, kind, remedy = self._parts
        return Reason(text=clean(text), kind=kind, remedy=clean(remedy) if remedy else None)


def blocked(
    reason: str, *, kind: str = Kind.INCONCLUSIVE.value, remedy: str | None = None
) -> NoReturn:
    """End the criterion as BLOCKED.

    Args:
        reason: one sentence that says what could not be seen.
        kind: not-armed, missing-config, no-data, provider-unavailable, timeout, pending,
            inconclusive, unresolved-intent or not-implemented.
        remedy: what a person can do about it, if that is known.

    Raises:
        Blocked: always.
        TypeError: `reason` is not a text, or empty, or `remedy` is not a text.
        ValueError: `kind` is none of these.
    """
    __tracebackhide__ = True
    raise Blocked(reason, kind=kind, remedy=remedy)


_FINISH = pytest.FixtureDef.finish.__code__


def _in_wider_tear_down() -> bool:
    """Return whether a fixture is torn down now that the present test shares with others."""
    frame: FrameType | None = sys._getframe()
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return _is_wider(frames)


def is_shared(error: BaseException) -> bool:
    """Return whether the tear-down of a fixture raised an exception that the test shares."""
    return _is_wider(frame for frame, _ in walk_tb(error.__traceback__))


def _is_wider(frames: Iterable[FrameType]) -> bool:
    finish = next((frame for frame in frames if frame.f_code is _FINISH), None)
    return finish is not None and bool(finish.f_locals["request"].scope != "function")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _kind(name: object) -> Kind:
    """Return the kind with this name.

    Raises:
        ValueError: no kind has this name.
    """
    kinds = {known.value: known for known in BLOCKED_KINDS}
    if not isinstance(name, str) or name not in kinds:
        msg = f"blocked(kind={name!r}): the kind must be one of {', '.join(kinds)}"
        raise ValueError(msg)
    return kinds[name]


class Repeated(Blocked):
    """Raised if a criterion with side effects would start a second time in one run."""

    def __init__(self) -> None:
        super().__init__("it has side effects and started once already", kind=Kind.SKIPPED)
