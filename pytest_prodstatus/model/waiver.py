"""A waiver: a recorded acceptance, with owner and expiry, of a criterion that isn't CONFIRMED.

It changes the gate's decision, never a verdict. A waiver that breaks a rule closes the gate, so
that it can't be forgotten and can't cover more than its criterion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta, timezone

from msgspec import Struct

from pytest_prodstatus.model.catalogue import base_of
from pytest_prodstatus.model.text import Identity, Instant, format_age, format_duration, normalize

WAIVER_MAX = timedelta(days=30)
"""How far ahead a waiver may expire, unless the configuration says otherwise."""

SOON = timedelta(days=3)
"""A waiver that ends so soon is announced, by every run and by the gate that it opens."""


class Waiver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One waiver.

    Attributes:
        criterion: the criterion's id; an id without parameters covers all of them.
        reason: why it is accepted.
        owner: the person who is responsible for it.
        expires: the UTC instant from which it no longer counts.
    """

    criterion: Identity
    reason: str
    owner: str
    expires: Instant

    def __post_init__(self) -> None:
        normalize(self, "reason", "owner", "expires")

    def covers(self, criterion_id: str) -> bool:
        """Return whether the waiver covers a criterion."""
        return self.criterion in (criterion_id, base_of(criterion_id))


def end_of(day: date) -> datetime:
    """Return the instant at which a day ends in UTC."""
    # A waiver that expires on a day covers the whole of that day.
    return datetime.combine(day, time(), timezone.utc) + timedelta(days=1)


class Waivers(Struct, frozen=True, kw_only=True):
    """The waivers of a project and the rules that they must obey.

    Attributes:
        given: all waivers, also those that break a rule.
        unwaivable: ids of criteria and of stages that no waiver may cover.
        longest: how far ahead of now a waiver may expire.
    """

    given: tuple[Waiver, ...] = ()
    unwaivable: tuple[str, ...] = ()
    longest: timedelta = WAIVER_MAX

    def __iter__(self) -> Iterator[Waiver]:
        return iter(self.given)

    def in_force(self, known: Collection[str], now: datetime) -> tuple[Waiver, ...]:
        """Return the waivers that obey every rule at an instant.

        Args:
            known: ids of all criteria, with and without their parameters.
            now: the instant.
        """
        return tuple(waiver for waiver in self.given if not self._broken_rule(waiver, known, now))

    def broken(self, known: Collection[str], now: datetime) -> Iterator[tuple[Waiver, str]]:
        """Yield each waiver that breaks a rule, with a sentence that says which.

        Args:
            known: ids of all criteria, with and without their parameters.
            now: the instant at which they expire or not.
        """
        for waiver in self.given:
            fault = self._broken_rule(waiver, known, now)
            if fault:
                yield waiver, f"the waiver of {waiver.criterion!r} ({waiver.owner}) {fault}"

    def ending(self, known: Collection[str], now: datetime) -> Iterator[str]:
        """Yield a sentence for each waiver in force that ends soon.

        Args:
            known: ids of all criteria, with and without their parameters.
            now: the instant from which "soon" counts.
        """
        for waiver in self.in_force(known, now):
            if waiver.expires - now <= SOON:
                yield (
                    f"the waiver of {waiver.criterion!r} ({waiver.owner}) ends on "
                    f"{waiver.expires:%Y-%m-%d %H:%M} UTC, in {format_age(waiver.expires - now)}: "
                    "then it no longer opens the gate"
                )

    def misplaced(self, known: Collection[str]) -> Iterator[str]:
        """Yield a sentence for each unwaivable criterion that doesn't exist.

        A typing error would else leave a criterion unprotected.
        """
        for name in self.unwaivable:
            # Without a dot it is a stage's id, which the configuration's reader has checked.
            if "." in name and name not in known:
                yield f"unwaivable names {name!r}, which is not a criterion"

    def _broken_rule(self, waiver: Waiver, known: Collection[str], now: datetime) -> str:
        """Return how a waiver breaks a rule, as the end of a sentence; "" if it obeys all."""
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
        """Return whether no waiver may be of this criterion id, with or without parameters."""
        covered = (criterion_id, base_of(criterion_id), criterion_id.partition(".")[0])
        # A waiver of all parameters would also cover the one that is unwaivable.
        return any(name in covered or base_of(name) == criterion_id for name in self.unwaivable)
