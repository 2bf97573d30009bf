"""Why a verdict is not CONFIRMED: one sentence, its kind, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sentence, its kind, and a remedy where one is known; all of it on one line each."""

    text: str
    kind: Kind
    remedy: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text) or "no reason was given")
        object.__setattr__(self, "remedy", one_line(self.remedy) if self.remedy else None)
