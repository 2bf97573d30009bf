"""The three verdicts, their order, the rollup, and what a gate admits: the project's algebra."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import total_ordering
from operator import attrgetter


@total_ordering
class Verdict(Enum):
    """What is known of a criterion or stage, ordered by severity.

    CONFIRMED was seen to hold. BLOCKED was not seen either way. FAILED was seen not to hold.
    """

    CONFIRMED = "CONFIRMED"
    BLOCKED = "BLOCKED"
    FAILED = "FAILED"

    severity: int
    """0 for CONFIRMED, 1 for BLOCKED, 2 for FAILED."""

    def __init__(self, _text: str) -> None:
        self.severity = len(type(self).__members__)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        return self.severity < other.severity

    # Each is the only one of its kind; Enum's own hash is slow, and asked for thousands of times.
    __hash__ = object.__hash__

    def __str__(self) -> str:
        return str(self.value)


def rollup(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of `verdicts`; the rollup of nothing is BLOCKED, since nothing was seen."""
    return max(verdicts, key=attrgetter("severity"), default=Verdict.BLOCKED)


class Rule(Enum):
    """The gate's rule: what must hold for a run to end with exit status 0."""

    CONFIRMED = "confirmed"
    NOT_FAILED = "not-failed"
    OFF = "off"

    def admits(self, verdict: Verdict) -> bool:
        """Return whether `verdict` opens the gate; a gate that is off still says what is true."""
        limit = Verdict.BLOCKED if self is Rule.NOT_FAILED else Verdict.CONFIRMED
        return verdict <= limit
