"""A waiver: a recorded, owned, expiring acceptance of one criterion that isn't CONFIRMED.

It changes the gate's decision and never a verdict. One that breaks a rule closes the gate, so that
it can neither be forgotten nor cover more than it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta, timezone

from msgspec import Struct

from pytest_prodstatus.model.catalogue import base_of
from pytest_prodstatus.model.text import Instant, format_duration, normalize

WAIVER_MAX = timedelta(days=30)
"""How long a waiver may still live where the configuration doesn't say."""


class Waiver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One waiver.

    Attributes:
        criterion: the criterion's id; without parameters it stands for all of them.
        reason: why it is accepted.
        owner: who answers for it.
        expires: the UTC instant from which it counts no more.
    """

    criterion: str
    reason: str
    owner: str
    expires: Instant

    def __post_init__(self) -> None:
        normalize(self, "reason", "owner", "expires")

    def covers(self, criterion_id: str) -> bool:
        """Return whether it is about a criterion."""
        return self.criterion in (criterion_id, base_of(criterion_id))


def end_of(day: date) -> datetime:
    """Return the instant at which a day has ended in UTC."""
    return datetime.combine(day, time(), timezone.utc) + timedelta(days=1)


class Waivers(Struct, frozen=True, kw_only=True):
    """The waivers of a project and the rules that they keep.

    Attributes:
        given: all of them, good or not.
        unwaivable: ids of criteria and of stages that no waiver may cover.
        longest: how far ahead of now a waiver may expire.
    """

    given: tuple[Waiver, ...] = ()
    unwaivable: tuple[str, ...] = ()
    longest: timedelta = WAIVER_MAX

    def __iter__(self) -> Iterator[Waiver]:
        return iter(self.given)

    def in_force(self, known: Collection[str], now: datetime) -> tuple[Waiver, ...]:
        """Return the waivers that keep every rule; arguments as for `broken`."""
        return tuple(waiver for waiver in self.given if not self._broken_rule(waiver, known, now))

    def broken(self, known: Collection[str], now: datetime) -> Iterator[tuple[Waiver, str]]:
        """Yield each waiver that closes the gate, and a sentence that says why.

        Args:
            known: ids of all criteria, with and without their parameters.
            now: the instant against which they are measured.
        """
        for waiver in self.given:
            fault = self._broken_rule(waiver, known, now)
            if fault:
                yield waiver, f"the waiver of {waiver.criterion!r} ({waiver.owner}) {fault}"

    def misplaced(self, known: Collection[str]) -> Iterator[str]:
        """Yield a sentence for each unwaivable criterion that doesn't exist, and so isn't kept."""
        for name in self.unwaivable:
            if "." in name and name not in known:
                yield f"unwaivable names {name!r}, which is no criterion"

    def _broken_rule(self, waiver: Waiver, known: Collection[str], now: datetime) -> str:
        if waiver.criterion not in known:
            return "is about no criterion"
        if self._protected(waiver.criterion):
            return "is about a criterion that is declared unwaivable"
        if waiver.expires <= now:
            return f"expired on {waiver.expires:%Y-%m-%d %H:%M} UTC"
        if waiver.expires - now > self.longest:
            return (
                f"expires on {waiver.expires:%Y-%m-%d %H:%M} UTC, which is more than "
                f"{format_duration(self.longest)} ahead (waiver_max)"
            )
        return ""

    def _protected(self, criterion_id: str) -> bool:
        covered = (criterion_id, base_of(criterion_id), criterion_id.partition(".")[0])
        # A waiver of all parameters would also cover the one of them that may not be waived.
        return any(name in covered or base_of(name) == criterion_id for name in self.unwaivable)
