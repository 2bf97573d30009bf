"""The three verdicts, the reason for one that isn't CONFIRMED, the gate's rule, the exit status.

Nearly every other module of the model imports this one, so of the model it imports `text` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import total_ordering
from operator import attrgetter
from typing import Annotated, Any, TypeAlias, TypedDict
from urllib.parse import urlsplit

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import force_setattr

from pytest_prodstatus.model.text import one_line

RUNBOOK_LIMIT = 500
"""Characters of the address of a runbook."""

# A record from elsewhere must not put another kind of link onto the page.
Runbook: TypeAlias = Annotated[str, Meta(pattern=r"^https?://[^\s]+$", max_length=RUNBOOK_LIMIT)]


def runbook_problem(value: object) -> str:
    """Return the rule that the address of a runbook breaks; "" if it can be linked to."""
    rule = f"must be an http or https URL of at most {RUNBOOK_LIMIT} characters, without a password"
    if not isinstance(value, str) or len(value) > RUNBOOK_LIMIT or value != "".join(value.split()):
        return rule
    try:
        parts = urlsplit(value)
    except ValueError:
        return rule
    # What stands before an @ is a user and perhaps a password, and every output prints the URL.
    usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return "" if usable and value == one_line(value) else rule


@total_ordering
class Verdict(Enum):
    """What is known of a criterion or stage, ordered by severity.

    CONFIRMED was observed to be true, FAILED was observed to be false, BLOCKED was neither.
    """

    CONFIRMED = "CONFIRMED"
    BLOCKED = "BLOCKED"
    FAILED = "FAILED"

    severity: int
    """0 for CONFIRMED, 1 for BLOCKED, 2 for FAILED."""

    def __init__(self, _text: str) -> None:
        # At this moment only the members before it are listed.
        self.severity = len(type(self).__members__)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        return self.severity < other.severity

    # Members are singletons. Enum's own hash is slow, and it is needed thousands of times.
    __hash__ = object.__hash__

    def __str__(self) -> str:
        return str(self.value)


class Rule(Enum):
    """The gate's rule: which verdicts let a run end with exit status 0."""

    CONFIRMED = "confirmed"
    NOT_FAILED = "not-failed"
    OFF = "off"

    def admits(self, verdict: Verdict) -> bool:
        """Return whether `verdict` opens the gate; OFF judges as CONFIRMED does, unenforced."""
        limit = Verdict.BLOCKED if self is Rule.NOT_FAILED else Verdict.CONFIRMED
        return verdict <= limit


class Kind(Enum):
    """The kinds of reason. The first group comes from the run, the second from `blocked()`."""

    OBSERVED = "observed"
    ERROR = "error"
    CRASH = "crash"
    KNOWN_FAILURE = "known-failure"
    SKIPPED = "skipped"
    SETUP_ERROR = "setup-error"
    EVIDENCE_ERROR = "evidence-error"
    NO_EVIDENCE = "no-evidence"
    NO_ASSERTION = "no-assertion"
    PROVES_NOTHING = "proves-nothing"
    COLLECTION_ERROR = "collection-error"
    NOT_COLLECTED = "not-collected"
    NOT_RUN = "not-run"
    UPSTREAM = "upstream"
    STALE = "stale"
    UNTRUSTED = "untrusted"
    NOT_APPLICABLE = "not-applicable"

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


# An enum keeps the order of its members, so this is the second group.
BLOCKED_KINDS = tuple(Kind)[tuple(Kind).index(Kind.NOT_ARMED) :]
"""The kinds that a test may give to `blocked()`."""


_ABOUT_TESTS = (
    Kind.ERROR,
    Kind.SETUP_ERROR,
    Kind.KNOWN_FAILURE,
    Kind.EVIDENCE_ERROR,
    Kind.NO_EVIDENCE,
    Kind.NO_ASSERTION,
    Kind.PROVES_NOTHING,
)
"""Kinds that only a run gives. Their remedy is about a test."""


# gc=False: it contains only texts and an enum, so it can't be part of a reference cycle.
class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Why a verdict isn't CONFIRMED.

    Attributes:
        text: one sentence that says why.
        kind: what sort of reason it is.
        remedy: what a person can do about it, if that is known.
        owner: who takes care of it, if that is known.
        runbook: the URL of what to do, if there is one.
    """

    # `reason` in JSON, as in the flat form of `Explained`, where that name is a property.
    text: str = field(name="reason")
    kind: Kind
    remedy: str | None = None
    owner: str | UnsetType = UNSET
    runbook: Runbook | UnsetType = UNSET

    def __post_init__(self) -> None:
        _normalize_text(self, "text")

    @property
    def cause(self) -> object:
        """What is equal for two reasons that have one cause.

        An outage is one, however its messages differ: most have the id of a request, a call or a
        time in them.
        """
        down = self.kind in (Kind.PROVIDER_UNAVAILABLE, Kind.TIMEOUT) and self.remedy
        return (self.remedy, self.owner, self.runbook) if down else self

    @property
    def is_about_test(self) -> bool:
        """Whether its remedy is about a test, and doesn't say which: the test must be named."""
        return self.kind in _ABOUT_TESTS

    @property
    def address(self) -> str:
        """Owner and runbook in words, as they stand beside the reason; "" if there is neither."""
        owner = f"owner: {self.owner}" if self.owner else ""
        runbook = f"runbook: {self.runbook}" if self.runbook else ""
        return ", ".join(filter(None, (owner, runbook)))


class Because(TypedDict):
    """A reason as the fields of the value that it explains."""

    sentence: str | None
    kind: Kind | None
    remedy: str | None
    owner: str | UnsetType
    runbook: str | UnsetType


class Explained:
    """A base for Structs with a verdict and, unless it is CONFIRMED, its reason as flat fields."""

    # Empty, because a base without slots would give each Struct below it a `__dict__`.
    __slots__ = ()

    verdict: Verdict
    sentence: str | None
    kind: Kind | None
    remedy: str | None
    owner: str | UnsetType
    runbook: str | UnsetType

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.CONFIRMED:
            if self.sentence is None or self.kind is None:
                name = "reason" if self.sentence is None else "kind"
                msg = f"{name} is None; it must be a text if the verdict is {self.verdict}"
                raise ValueError(msg)
            _normalize_text(self, "sentence")
        elif (
            self.sentence is not None
            or self.kind is not None
            or self.remedy is not None
            or self.owner
            or self.runbook
        ):
            fields = {
                "reason": self.sentence,
                "kind": self.kind and self.kind.value,
                "remedy": self.remedy,
                "owner": self.owner or None,
                "runbook": self.runbook or None,
            }
            name, value = next(item for item in fields.items() if item[1] is not None)
            msg = f"{name} is {value!r}; it must be null if the verdict is {self.verdict}"
            raise ValueError(msg)

    @property
    def reason(self) -> Reason | None:
        """Why the verdict isn't CONFIRMED; None if it is."""
        if self.sentence is None or self.kind is None:
            return None
        return Reason(
            text=self.sentence,
            kind=self.kind,
            remedy=self.remedy,
            owner=self.owner,
            runbook=self.runbook,
        )


# 1 is also pytest's own status of a failed test.
EXIT_OPEN = 0
EXIT_FAILED = 1
EXIT_BLOCKED = 10
"""The gate is closed and nothing FAILED; pytest and other plugins use 0 to 7."""
EXIT_UNWRITTEN = 11
"""There is no verdict, because the record could not be written."""


def rollup(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of `verdicts`; BLOCKED if there are none, because nothing was observed."""
    # The key is 20 times as fast as `__lt__`, which runs Python code for each comparison.
    return max(verdicts, key=attrgetter("severity"), default=Verdict.BLOCKED)


def because(reason: Reason | None) -> Because:
    """Return a reason as keyword arguments for an `Explained`: `Final(..., **because(reason))`."""
    if reason is None:
        return {"sentence": None, "kind": None, "remedy": None, "owner": UNSET, "runbook": UNSET}
    return {
        "sentence": reason.text,
        "kind": reason.kind,
        "remedy": reason.remedy,
        "owner": reason.owner,
        "runbook": reason.runbook,
    }


def exit_status(rule: Rule, verdict: Verdict, pytest_status: int) -> int:
    """Return the exit status of a run; only pytest's 0 is ever replaced.

    Args:
        rule: the gate's rule; if it is off, pytest's status stays.
        verdict: the verdict on what the run selected.
        pytest_status: the status with which the run would end otherwise.
    """
    if pytest_status != EXIT_OPEN or rule is Rule.OFF or rule.admits(verdict):
        return pytest_status
    return EXIT_FAILED if verdict is Verdict.FAILED else EXIT_BLOCKED


def worse_status(ours: int, other: int) -> int:
    """Choose between our exit status and that of another plugin; a failure never becomes a 0.

    Our 11 also replaces 1 and 10, because without a record these can't be relied on.

    Args:
        ours: the status by the gate's rule, or 11.
        other: the status with which the run would end without us.
    """
    replaced = (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED) if ours == EXIT_UNWRITTEN else (EXIT_OPEN,)
    return ours if other in replaced else other


def _normalize_text(value: Any, name: str) -> None:
    """Put the sentence and the remedy of a new value on one line each.

    Args:
        value: the Struct, within its `__post_init__`.
        name: the field of the sentence.
    """
    old = getattr(value, name)
    text = one_line(old) or "no reason was given"
    if text is not old:
        force_setattr(value, name, text)
    if value.remedy is not None:
        force_setattr(value, "remedy", one_line(value.remedy) or None)
    if value.owner is not UNSET:
        force_setattr(value, "owner", one_line(value.owner) or UNSET)
