"""`blocked()`: how a test says that it could not observe its criterion.

It imports nothing of a run, since test files and conftests import it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest

from pytest_prodstatus.model.text import described, is_visible
from pytest_prodstatus.model.verdict import BLOCKED_KINDS, Kind, Reason

if TYPE_CHECKING:
    # To a type checker, pytest's own class is a variable, from which nothing can derive.
    class _Skipped(BaseException):
        def __init__(self, msg: str, *, allow_module_level: bool = False) -> None: ...
else:
    _Skipped = pytest.skip.Exception


class Shared(NamedTuple):
    """What went wrong in the tear-down of a fixture of wider scope, also if nothing was raised.

    Attributes:
        fixturedef, request: pytest's, of the fixture.
        reason_by: returns why it did not pass, with its texts passed through a function.
        detail: what went wrong unseen meanwhile, as a traceback or warning; else "".
    """

    fixturedef: pytest.FixtureDef[Any]
    request: Any
    reason_by: Callable[[Callable[[str], str]], Reason]
    detail: str = ""


SHARED: list[Shared] = []
"""What went wrong so in the present phase: all that used the fixture answer for it."""
RAISED: list[Blocked] = []
"""The instances made in the present phase of this process's test, swallowed or not.

A bare `except:` or `contextlib.suppress(BaseException)` may swallow one, and then the test passes.
"""


CORRECT = "correct the call"
"""The remedy for a call with arguments that can't be used."""
_KINDS: dict[str, Kind] = {kind.value: kind for kind in BLOCKED_KINDS}


class Blocked(_Skipped):
    """The criterion could not be observed: its verdict is BLOCKED, for the reason given.

    pytest treats it as a skip in set-up, test, tear-down, in a probe and at module level. It
    derives from BaseException, so `except Exception` in the code under test can't swallow it.

    Attributes:
        stack: where the test was, if the run's deadline ended it; else "".
    """

    stack = ""

    # To a type checker, no argument is of type NoReturn, so it still refuses what is too many.
    def __init__(
        self,
        reason: str = "",
        *more: NoReturn,
        kind: Kind | str = Kind.INCONCLUSIVE,
        remedy: str | None = None,
        **unknown: NoReturn,
    ) -> None:
        # A wrong argument is no reason to fail: all the same, the test could not see its criterion.
        extra: tuple[object, ...] = more
        wrong = [f"blocked(…, {described(value)}): name kind and remedy" for value in extra]
        wrong += [f"blocked({name}=…): it takes a reason, kind and remedy" for name in unknown]
        if not is_visible(reason):
            given = described(reason)
            wrong.append(
                f"blocked(reason={given}): give one sentence that says what could not be seen"
            )
        if not isinstance(kind, Kind):
            known = _KINDS.get(kind) if isinstance(kind, str) else None
            if known is None:
                names = ", ".join(_KINDS)
                wrong.append(f"blocked(kind={described(kind)}): the kind must be one of {names}")
            kind = known or Kind.INCONCLUSIVE
        if remedy is not None and not is_visible(remedy):
            wrong.append(f"blocked(remedy={described(remedy)}): give a text, or leave it out")
            remedy = None
        if wrong:
            reason = "; ".join([reason, *wrong] if is_visible(reason) else wrong)
            remedy = remedy or CORRECT
        # Without this, pytest refuses a skip that a module raises at its top.
        super().__init__(reason, allow_module_level=True)
        self._parts = (reason, kind, remedy)
        # pytest reports this at the test that came last, but every user of the fixture is
        # concerned.
        fixture = torn_down_in(sys._getframe())
        if fixture is None:
            RAISED.append(self)
        else:
            SHARED.append(Shared(*fixture, self.reason_by))

    @property
    def reason(self) -> Reason:
        """The reason, as a record keeps it."""
        return self.reason_by(str)

    def reason_by(self, clean: Callable[[str], str]) -> Reason:
        """Return the reason with its texts passed through `clean`, before they are shortened."""
        text, kind, remedy = self._parts
        return Reason(text=clean(text), kind=kind, remedy=clean(remedy) if remedy else None)


def blocked(
    reason: str = "",
    *more: NoReturn,
    kind: str = Kind.INCONCLUSIVE.value,
    remedy: str | None = None,
    **unknown: NoReturn,
) -> NoReturn:
    """End the criterion as BLOCKED.

    Args:
        reason: one sentence that says what could not be seen.
        *more: none is right.
        kind: not-armed, missing-config, no-data, provider-unavailable, timeout, pending,
            inconclusive, unresolved-intent or not-implemented.
        remedy: what a person can do about it, if that is known.
        **unknown: none is right.

    Raises:
        Blocked: always. Its reason names an argument that can't be used.
    """
    __tracebackhide__ = True
    raise Blocked(reason, *more, kind=kind, remedy=remedy, **unknown)


# A public method: it calls the code after a `yield`, and every finalizer.
_FINISH = pytest.FixtureDef.finish.__code__


def torn_down_in(
    innermost: FrameType | None,
) -> tuple[pytest.FixtureDef[Any], pytest.FixtureRequest] | None:
    """Return the fixture of wider scope that a thread tears down now, and its request.

    Args:
        innermost: the frame that the thread is in.
    """
    frames = []
    while innermost is not None:
        frames.append(innermost)
        innermost = innermost.f_back
    return _wider(frames)


def is_shared(error: BaseException) -> bool:
    """Return whether the tear-down of a fixture raised an exception that the test shares."""
    return _wider(frame for frame, _ in walk_tb(error.__traceback__)) is not None


def _wider(
    frames: Iterable[FrameType],
) -> tuple[pytest.FixtureDef[Any], pytest.FixtureRequest] | None:
    """Return the fixture of wider scope that one of the frames tears down, and its request."""
    finish = next((frame for frame in frames if frame.f_code is _FINISH), None)
    names = finish.f_locals if finish is not None else {}
    if not names or names["request"].scope == "function":
        return None
    return names["self"], names["request"]


class Repeated(Blocked):
    """Raised if a criterion with side effects would start a second time in one run."""

    def __init__(self) -> None:
        super().__init__("it has side effects and started once already", kind=Kind.SKIPPED)
