"""A group of exceptions says what is in it, and an exception is never read from."""

from __future__ import annotations

import sys

import pytest

from pytest_prodstatus import Blocked, EvidenceError, blocked
from pytest_prodstatus.raised import all_in, deciding, is_assertion, is_failure, leaves

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

DOWN, GONE, REFUSED = AssertionError("down"), OSError("gone"), EvidenceError("NaN")
LATER, STOPPED = pytest.skip.Exception("later"), KeyboardInterrupt()
with pytest.raises(Blocked) as caught:
    blocked("no order yet", kind="pending")
PENDING = caught.value


class Hostile(BaseException):
    """An exception of a suite that answers no question."""

    exceptions = property(lambda _: 1 / 0)
    __class__ = property(lambda _: 1 / 0)


class HostileGroup(BaseExceptionGroup):  # type: ignore[misc]  # Any below Python 3.11
    """A group whose class gives no members."""

    exceptions = property(lambda _: 1 / 0)


@pytest.mark.parametrize(
    ("members", "decides"),
    [
        ([LATER, GONE, DOWN], DOWN),
        ([PENDING, GONE], GONE),
        ([PENDING, LATER], PENDING),
        ([REFUSED, PENDING], REFUSED),
        ([REFUSED, GONE], GONE),
    ],
)
def test_an_assertion_weighs_most_and_then_a_failure(
    members: list[BaseException], decides: BaseException
) -> None:
    """In a group of any depth, what was not observed counts only if nothing failed."""
    flat, nested = BaseExceptionGroup("a", members), BaseExceptionGroup("b", members[1:])
    deep = BaseExceptionGroup("c", [members[0], nested])
    assert deciding(flat) is decides
    assert deciding(deep) is decides
    assert is_failure(flat) is is_failure(decides)


def test_an_interrupt_in_a_group_is_a_failure_as_for_pytest() -> None:
    """For an interrupt in a group pytest ends no run, so the group stays what it is."""
    group = BaseExceptionGroup("a", [LATER, STOPPED])
    assert deciding(group) is group
    assert is_failure(group)
    assert not is_failure(STOPPED)


def test_no_exception_is_read_from() -> None:
    """A class of the suite's that raises where it is read raises nothing here."""
    assert len(leaves(Hostile())) == 1
    assert is_failure(Hostile())
    group = HostileGroup("a", [DOWN])
    assert deciding(group) is DOWN
    assert is_assertion(group)


def test_groups_may_be_nested_deeper_than_python_recurses() -> None:
    """Each exception is found once, also if it is in several groups."""
    error: BaseException = DOWN
    for _ in range(5000):
        error = BaseExceptionGroup("a", [error, error])
    assert leaves(error) == [DOWN]
    assert sum(1 for _ in all_in(error)) == 5001
