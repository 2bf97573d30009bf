"""The three verdicts, their order and rollup, and the reason why one isn't CONFIRMED."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import total_ordering
from operator import attrgetter
from typing import TypedDict

from msgspec import Struct, field
from msgspec.structs import force_setattr

from pytest_prodstatus.model.text import one_line


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


class Kind(Enum):
    """The kinds of reason. The first group comes from the run, the second from `blocked()`."""

    OBSERVED = "observed"
    CRASH = "crash"
    KNOWN_FAILURE = "known-failure"
    SKIPPED = "skipped"
    SETUP_ERROR = "setup-error"
    NO_EVIDENCE = "no-evidence"
    COLLECTION_ERROR = "collection-error"
    NOT_RUN = "not-run"
    UPSTREAM = "upstream"
    STALE = "stale"

    NOT_ARMED = "not-armed"
    MISSING_CONFIG = "missing-config"
    NO_DATA = "no-data"
    PROVIDER_UNAVAILABLE = "provider-unavailable"
    TIMEOUT = "timeout"
    PENDING = "pending"
    INCONCLUSIVE = "inconclusive"
    UNRESOLVED_INTENT = "unresolved-intent"
    NOT_IMPLEMENTED = "not-implemented"

    def __str__(self) -> str:
        return self.value


BLOCKED_KINDS = (
    Kind.NOT_ARMED,
    Kind.MISSING_CONFIG,
    Kind.NO_DATA,
    Kind.PROVIDER_UNAVAILABLE,
    Kind.TIMEOUT,
    Kind.PENDING,
    Kind.INCONCLUSIVE,
    Kind.UNRESOLVED_INTENT,
    Kind.NOT_IMPLEMENTED,
)
"""The kinds that a test may give to `blocked()`."""


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One sentence, its kind, and a remedy where one is known; all of it on one line each.

    Attributes:
        text: one sentence that says what.
        kind: what sort of reason it is.
        remedy: what a person can do about it, where that is known.
    """

    text: str = field(name="reason")
    kind: Kind
    remedy: str | None = None

    def __post_init__(self) -> None:
        text = one_line(self.text) or "no reason was given"
        if text is not self.text:
            force_setattr(self, "text", text)
        if self.remedy is not None:
            force_setattr(self, "remedy", one_line(self.remedy) or None)


class Because(TypedDict):
    """A reason as the fields of the value that it explains."""

    sentence: str | None
    kind: Kind | None
    remedy: str | None


def because(reason: Reason | None) -> Because:
    """Return a reason as keyword arguments of a verdict's Struct: `Final(..., **because(why))`."""
    if reason is None:
        return {"sentence": None, "kind": None, "remedy": None}
    return {"sentence": reason.text, "kind": reason.kind, "remedy": reason.remedy}
