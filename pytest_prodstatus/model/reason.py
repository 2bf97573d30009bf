"""Why a verdict is not CONFIRMED: one sentence, its kind, and what to do about it."""

from __future__ import annotations

from enum import Enum
from typing import TypedDict

from msgspec import Struct, field
from msgspec.structs import force_setattr

from pytest_prodstatus.model.text import one_line


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
