"""The three verdicts, the reason why one isn't CONFIRMED, the gate's rule and the exit status."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import total_ordering
from operator import attrgetter
from typing import Any, TypedDict

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


BLOCKED_KINDS = tuple(Kind)[tuple(Kind).index(Kind.NOT_ARMED) :]
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
        _normalize_text(self, "text")


class Because(TypedDict):
    """A reason as the fields of the value that it explains."""

    sentence: str | None
    kind: Kind | None
    remedy: str | None


class Explained:
    """What has a verdict and, unless that is CONFIRMED, its reason as fields of its own."""

    __slots__ = ()

    verdict: Verdict
    sentence: str | None
    kind: Kind | None
    remedy: str | None

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.CONFIRMED:
            if self.sentence is None or self.kind is None:
                name = "reason" if self.sentence is None else "kind"
                msg = f"{name} is None; it must be a text if the verdict is {self.verdict}"
                raise ValueError(msg)
            _normalize_text(self, "sentence")
        elif self.sentence is not None or self.kind is not None or self.remedy is not None:
            fields = {
                "reason": self.sentence,
                "kind": self.kind and self.kind.value,
                "remedy": self.remedy,
            }
            name, value = next(item for item in fields.items() if item[1] is not None)
            msg = f"{name} is {value!r}; it must be null if the verdict is {self.verdict}"
            raise ValueError(msg)

    @property
    def reason(self) -> Reason | None:
        """Why the verdict isn't CONFIRMED; None if it is."""
        if self.sentence is None or self.kind is None:
            return None
        return Reason(text=self.sentence, kind=self.kind, remedy=self.remedy)


EXIT_OPEN = 0
EXIT_FAILED = 1
EXIT_BLOCKED = 10
"""The gate is closed and nothing FAILED; pytest and its neighbours use 0 to 7."""
EXIT_UNWRITTEN = 11
"""There is no verdict, since the record could not be written."""


def rollup(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of `verdicts`; the rollup of nothing is BLOCKED, since nothing was seen."""
    return max(verdicts, key=attrgetter("severity"), default=Verdict.BLOCKED)


def because(reason: Reason | None) -> Because:
    """Return a reason as keyword arguments of a verdict's Struct: `Final(..., **because(why))`."""
    if reason is None:
        return {"sentence": None, "kind": None, "remedy": None}
    return {"sentence": reason.text, "kind": reason.kind, "remedy": reason.remedy}


def exit_status(rule: Rule, verdict: Verdict, pytest_status: int) -> int:
    """Return the exit status of a run: ours only where pytest would have said 0.

    Args:
        rule: the gate's rule; when it is off, pytest's status stays.
        verdict: on what the run was asked to look at.
        pytest_status: what the run would end with otherwise.
    """
    if pytest_status != EXIT_OPEN or rule is Rule.OFF or rule.admits(verdict):
        return pytest_status
    return EXIT_FAILED if verdict is Verdict.FAILED else EXIT_BLOCKED


def worse_status(ours: int, other: int) -> int:
    """Return the exit status of a run that would end with `other` and that we end with `ours`.

    Nobody's status is made better. 11 says that no other status of ours can be relied on.
    """
    replaced = (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED) if ours == EXIT_UNWRITTEN else (EXIT_OPEN,)
    return ours if other in replaced else other


def _normalize_text(value: Any, name: str) -> None:
    """Put the sentence and the remedy of a new value on one line each."""
    old = getattr(value, name)
    text = one_line(old) or "no reason was given"
    if text is not old:
        force_setattr(value, name, text)
    if value.remedy is not None:
        force_setattr(value, "remedy", one_line(value.remedy) or None)
