"""The record: everything that is known after a run; every output is rendered from it alone.

These Structs also define its JSON (`status.json`): the fields, their order and their types. Rules
between fields are checked in `__post_init__`. The JSON must have every field; the defaults are for
Python code that creates a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from math import isfinite
from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import force_setattr, replace

from pytest_prodstatus.model.catalogue import Exemption
from pytest_prodstatus.model.evidence import Attachment, Entry
from pytest_prodstatus.model.text import IDENTITY, Identity, Instant, instant, normalize, one_line
from pytest_prodstatus.model.verdict import Explained, Kind, Reason, Rule, Runbook, Verdict
from pytest_prodstatus.model.waiver import Waiver

SCHEMA = 2
"""The version of the record's JSON form that this release writes and the newest it reads."""

HISTORY_LIMIT = 29
"""How many former runs a record keeps in short; with its own run they are thirty."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
Target: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", extra=IDENTITY)
]


# gc=False, here and below: a value that holds only texts, numbers and other such values can't be
# part of a reference cycle, and the collector has less to look through.
class CriterionStatus(
    Explained, Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """One criterion of the catalogue, its verdict and its evidence.

    Attributes:
        id: stage.criterion, with the test's parameters in brackets if it has any.
        nodeid: pytest's id of the test; null if no test provides the criterion.
        title: its title for the reader, on one line.
        verdict: the verdict after its age and its stage's upstream were considered.
        observed: the verdict by its own outcome; null if it never ran to its end.
        observed_at: when it was observed.
        carried_over: it was observed by an earlier run (`run`, `subject`), not by this one.
        selected: this run selected it.
        sentence: one sentence that says why the verdict is not CONFIRMED; null if it is.
        kind: what sort of reason it is; null if there is none.
        remedy: what a person can do about it, if that is known.
        owner: who takes care of it, if that is known.
        runbook: the URL of what to do, if there is one.
        evidence: what was observed, in the order of recording.
        duration: seconds, of all attempts.
        attempts: how often it was started.
        flaky: it was CONFIRMED only after a rerun.
        side_effects: it changes the system, so it starts at most once in a run.
        run_id: the id of the run that observed it.
        subject: the release that this run judged.
        detail: what went wrong in full, on several lines; empty if nothing did.
        assertions: how many assertions passed in its last attempt; null if they weren't counted.
        exempt: what says that no assertion is required of it, its mark or its stage; null if one
            is, or if the project requires none.
        source: digest of its file, and of those above it, when its test ran; "" if unknown.
        attachments: the files that it attached, if any; they lie in `attachments/RUN/` beside the
            record, RUN being the run that observed it.
    """

    id: Identity
    nodeid: Identity | None
    title: str
    verdict: Verdict
    observed: Verdict | None = None
    observed_at: Instant | None = None
    carried_over: bool = False
    selected: bool = True
    sentence: str | None = field(default=None, name="reason")
    kind: Kind | None = None
    remedy: str | None = None
    # UNSET: without a value, JSON doesn't have the key.
    owner: str | UnsetType = UNSET
    runbook: Runbook | UnsetType = UNSET
    evidence: tuple[Entry, ...] = ()
    duration: Seconds = 0.0
    attempts: Count = 0
    flaky: bool = False
    side_effects: bool = False
    run_id: Identity | None = field(default=None, name="run")
    subject: str | None = None
    detail: str = ""
    assertions: Count | None = None
    exempt: Exemption | None = None
    source: str = ""
    attachments: tuple[Attachment, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        Explained.__post_init__(self)
        # Not by normalize(), which takes twice as long: a record may have thousands of criteria.
        title = one_line(self.title)
        if title is not self.title:
            force_setattr(self, "title", title)
        if self.observed_at is not None:
            force_setattr(self, "observed_at", instant(self.observed_at))
        if self.duration:
            # Also for values that Python code creates, of which msgspec checks no `Meta`.
            if not isfinite(self.duration) or self.duration < 0:
                msg = f"duration is {self.duration!r}; it must be a number of seconds"
                raise ValueError(msg)
            force_setattr(self, "duration", round(self.duration, 6))

    @property
    def observed_now(self) -> bool:
        """Whether the record's own run observed the criterion, so that it isn't carried over."""
        return self.observed is not None and not self.carried_over

    @property
    def is_carried_trouble(self) -> bool:
        """Whether an earlier run observed it, and what it showed doesn't count as CONFIRMED now."""
        # Only what is CONFIRMED by itself is BLOCKED by a stage that it requires.
        confirmed = self.verdict is Verdict.CONFIRMED or self.kind is Kind.UPSTREAM
        return self.carried_over and not self.selected and not confirmed

    @property
    def stage(self) -> str:
        """The id of its stage."""
        return self.id.partition(".")[0]


class StageStatus(Explained, Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stage, its verdict and its criteria.

    Attributes:
        id: its id.
        title: its title in the document.
        verdict: the worst verdict of its criteria and of the stages that it rolls up; BLOCKED at
            best if a stage that it requires isn't CONFIRMED.
        sentence: one sentence that says why the verdict is not CONFIRMED; null if it is.
        kind: what sort of reason it is; null if there is none.
        remedy: what a person can do about it, if that is known.
        owner: who takes care of it, if that is known.
        runbook: the URL of what to do, if there is one.
        derived: the verdict comes (also) from other stages.
        cause: id of the criterion, stage or incident ("run") at the root of a verdict that isn't
            CONFIRMED.
        since: the start of the first run in a row that gave this verdict.
        previous: the verdict before that.
        criteria: its criteria.
        without: titles of the stages that it would require or roll up, and that don't apply.
    """

    id: Identity
    title: str
    verdict: Verdict
    sentence: str | None = field(default=None, name="reason")
    kind: Kind | None = None
    remedy: str | None = None
    owner: str | UnsetType = UNSET
    runbook: Runbook | UnsetType = UNSET
    derived: bool
    cause: Identity | None
    since: Instant | None = None
    previous: Verdict | None = None
    criteria: tuple[CriterionStatus, ...]
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Explained.__post_init__(self)
        normalize(self, "since")
        # A criterion's stage is read from its id alone, everywhere.
        prefix = f"{self.id}."
        for status in self.criteria:
            if not status.id.startswith(prefix):
                msg = f"the criterion {status.id!r} is not of stage {self.id!r}"
                raise ValueError(msg)

    @property
    def applies(self) -> bool:
        """Whether it is judged; if not, it counts nowhere, and its kind is `not-applicable`."""
        return self.kind is not Kind.NOT_APPLICABLE

    @property
    def word(self) -> str:
        """Its verdict for the reader, or that it isn't applicable."""
        return self.verdict.value if self.applies else "not applicable"

    @property
    def is_affected(self) -> bool:
        """Whether the root cause of its verdict lies outside this stage."""
        return (self.cause or self.id).partition(".")[0] != self.id

    @property
    def is_root(self) -> bool:
        """Whether it isn't CONFIRMED and the root cause lies in this stage."""
        return self.applies and self.verdict is not Verdict.CONFIRMED and not self.is_affected


class Final(Explained, Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The FINAL verdict, why it isn't CONFIRMED, and the root of that.

    Attributes:
        verdict: of the stage `final` if one is declared, else the rollup of all stages.
        sentence: one sentence that says why the verdict is not CONFIRMED; null if it is.
        kind: what sort of reason it is; null if there is none.
        remedy: what a person can do about it, if that is known.
        owner: who takes care of it, if that is known.
        runbook: the URL of what to do, if there is one.
        cause: id of the criterion, stage or incident ("run") at the root of a verdict that isn't
            CONFIRMED.
    """

    verdict: Verdict
    sentence: str | None = field(default=None, name="reason")
    kind: Kind | None = None
    remedy: str | None = None
    owner: str | UnsetType = UNSET
    runbook: Runbook | UnsetType = UNSET
    cause: Identity | None = None


class Subject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was judged.

    Attributes:
        release: the deployed release; null if it isn't known.
        endpoints: the addresses of the hosts that were called, by name.
        snapshots: by name, the instants as of which a database was read, in order: one for each
            process that read it.
    """

    release: str | None = None
    endpoints: Mapping[str, str] = {}
    snapshots: Mapping[str, tuple[Instant, ...]] = {}

    def __post_init__(self) -> None:
        cleaned = {one_line(name): one_line(url) for name, url in self.endpoints.items()}
        force_setattr(self, "endpoints", cleaned)
        dated = {
            one_line(name): tuple(sorted(set(map(instant, at))))
            for name, at in self.snapshots.items()
        }
        force_setattr(self, "snapshots", dated)
        force_setattr(self, "release", one_line(self.release) or None if self.release else None)


class Run(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run of the suite.

    Attributes:
        id: the run's id, the same in all of its processes.
        target: the system that was judged.
        subject: what was judged.
        started: when it began.
        finished: when it ended; null while it is in progress.
        commit: the suite's commit; null if it isn't under git, or git doesn't give it.
        no_commit: why git doesn't give the commit; null if it does, or there is none.
        dirty: tracked files differed from that commit; null if that isn't known.
        catalogue: the digest of the declared catalogue (`Catalogue.digest`).
        selection: what the run selected, in words; null for everything.
        complete: every criterion of the catalogue was observed in this run.
        versions: with what the run was made, by name.
        incidents: what went wrong outside any criterion; each of them caps FINAL at BLOCKED.
        machine: a digest of the machine and the user that ran it; it tells two of them apart, and
            says no more.
        shard: it is one of several runs that share an id, each of a part of the catalogue; its
            record counts only after it is merged with the others.
        starts_unknown: it isn't known which criteria with side effects were started before it: a
            run was killed, or its record or that of a shard is lost. A run of all criteria ends
            that.
        rest_unknown: it collected only some files of the suite, and no earlier record knows what
            criteria the others have.
    """

    id: Identity
    target: Target
    subject: Subject
    started: Instant
    finished: Instant | None
    commit: Identity | None = None
    no_commit: str | None = None
    dirty: bool | None = None
    catalogue: Identity = ""
    selection: str | None = None
    complete: bool = False
    versions: Mapping[str, str] = {}
    incidents: tuple[Reason, ...] = ()
    machine: Identity = ""
    shard: bool = False
    starts_unknown: bool | UnsetType = UNSET
    rest_unknown: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        versions = {one_line(name): one_line(number) for name, number in self.versions.items()}
        force_setattr(self, "versions", versions)
        force_setattr(self, "commit", one_line(self.commit) if self.commit else None)
        normalize(self, "id", "started", "finished")
        force_setattr(self, "selection", one_line(self.selection) if self.selection else None)
        force_setattr(self, "no_commit", one_line(self.no_commit) if self.no_commit else None)


class Cause(Explained, Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One root cause of a closed gate.

    Attributes:
        verdict: FAILED or BLOCKED.
        sentence: one sentence that says why.
        kind: what sort of reason it is.
        remedy: what a person can do about it, if that is known.
        owner: who takes care of it, if that is known.
        runbook: the URL of what to do, if there is one.
        ids: the ids of its criteria, or of a stage that has no criterion, or "run".
        stages: ids of the stages of these criteria.
        affected: ids of the further stages that can't be CONFIRMED because of it.
    """

    verdict: Verdict
    sentence: str | None = field(default=None, name="reason")
    kind: Kind | None = None
    remedy: str | None = None
    owner: str | UnsetType = UNSET
    runbook: Runbook | UnsetType = UNSET
    ids: tuple[str, ...]
    stages: tuple[Identity, ...]
    affected: tuple[Identity, ...]


class Selection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The verdict on the criteria that a run selected, which decides its exit status.

    Attributes:
        partial: the run selected only a part of the catalogue.
        verdict: the verdict on the selected part.
        criteria: how many criteria were selected.
    """

    partial: bool
    verdict: Verdict
    criteria: Count


# Nothing of the run is written again when its record is signed, so both stay true then.
UNSIGNED = "closed unless its record is signed"
SIGN = "sign the record, unless it is signed, in the job that has the key: prodstatus sign"


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the gate is open, by the whole catalogue, and why.

    The exit status follows the selection, not the whole catalogue.

    Attributes:
        open: whether the gate is open.
        rule: the rule by which this was decided.
        exit_code: the run's exit status: 0 open, 1 FAILED, 2 to 7 pytest's own and other
            plugins', 10 BLOCKED, 11 the record could not be written.
        causes: why FINAL isn't CONFIRMED: each root cause once, the worst first.
        actions: what to do about them, each once; those that unblock the most come first. Those of
            a partial run are about what it selected; the last one says which stages to run again.
        selection: what the run selected, by which it exits.
        unsigned: the gate wants a signature, and the run made none: but for that it were open.
    """

    open: bool
    rule: Rule
    # Another plugin's status is recorded too, so any number of 32 bits is valid, signed or not.
    exit_code: Annotated[int, Meta(ge=-(2**31), le=2**32)]
    causes: tuple[Cause, ...]
    actions: tuple[str, ...]
    selection: Selection
    unsigned: bool | UnsetType = UNSET

    @property
    def gate(self) -> str:
        """Open, or closed, or until when it is closed, in a few words."""
        if self.unsigned is True:
            return UNSIGNED
        return "open" if self.open else "closed"

    def without_signature(self) -> Decision:
        """Return the decision if the gate wants a signature and there is none."""
        if not self.open:
            return self
        return replace(self, open=False, unsigned=True, actions=(*self.actions, SIGN))


class Past(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A former run of the same target in short, with its verdicts on FINAL and on every stage.

    Attributes:
        run: its id.
        started: when it began.
        commit: the suite's commit; null if it isn't under git.
        release: the release that was judged; null if the run didn't know it.
        final: the FINAL verdict.
        stages: the verdict of each stage by its id.
    """

    run: Identity
    started: Instant
    commit: Identity | None
    release: str | None
    final: Verdict
    stages: Mapping[Identity, Verdict]

    def __post_init__(self) -> None:
        normalize(self, "started")


class Failures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which criteria were seen to fail, in the runs of the history that were looked at.

    A criterion that never was may be one that can't fail.

    Attributes:
        runs: how many runs were looked at, this one included.
        last: by the criterion's id, the start of the last of them in which it FAILED.
    """

    runs: Annotated[int, Meta(ge=1, le=2**53)]
    last: Mapping[Identity, Instant]

    def __post_init__(self) -> None:
        dated = {one_line(name): instant(at) for name, at in self.last.items()}
        force_setattr(self, "last", dated)


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One override of the gate of one target.

    Attributes:
        target: the system whose gate it opens.
        reason: why, in one sentence.
        who: the person who is responsible for it.
        since, until: the UTC instants between which it is in force, `until` itself excluded.
    """

    target: Identity
    reason: str
    who: str
    since: Instant
    until: Instant

    def __post_init__(self) -> None:
        normalize(self, "reason", "who", "since", "until")


class ChangeKind(Enum):
    """How a criterion changed from one run to another; `model/diff` decides it.

    INTRODUCED: it FAILED, and didn't before. BLOCKED: it is newly BLOCKED, also if it FAILED
    before. LOST: it was seen to hold or to fail, and wasn't run any more, whether it still exists
    or not. REMOVED: it is gone, and nothing was ever seen of it. ADDED: it is new. RESOLVED: it is
    CONFIRMED, and wasn't before. STILL: its verdict is the same one, and not CONFIRMED.
    """

    INTRODUCED = "introduced"
    BLOCKED = "blocked"
    LOST = "lost"
    REMOVED = "removed"
    ADDED = "added"
    RESOLVED = "resolved"
    STILL = "still"

    # As in `Verdict`: Enum's own hash is slow.
    __hash__ = object.__hash__

    def __str__(self) -> str:
        return str(self.value)


class CriterionChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """How one criterion changed.

    Attributes:
        id: the criterion.
        change: what sort of change it is.
        before: its verdict before; null if it was not there.
        after: its verdict now; null if it is not there.
    """

    id: Identity
    change: ChangeKind
    before: Verdict | None
    after: Verdict | None


class SinceOpen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has changed since the last run with an open gate.

    Attributes:
        run: that run in short.
        criteria: the criteria that changed since, by id.
    """

    run: Past
    criteria: tuple[CriterionChange, ...]


class Record(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="schema",
    tag=SCHEMA,
):
    """Everything that is known after one run.

    Attributes:
        run: the run.
        final: the FINAL verdict.
        decision: whether the gate is open, by the whole catalogue.
        stages: every stage, in the order of the catalogue.
        history: the former runs of the same target in short, the oldest first.
        document: the digest of the status document's fields as they were written; empty if the
            document wasn't written.
        overrides: the overrides of the target's gate that were in force when the run ended.
        waivers: the waivers of the configuration when the run ended, also those that broke a rule;
            the gate never reads them here. Left out if there were none.
        since_open: what has changed since the last run with an open gate; left out if the history
            knows of none.
        previous: while the run is in progress, the last finished record, so that a killed run loses
            nothing; left out if there is none.
        failures: which criteria were seen to fail; left out if no history is kept.
    """

    run: Run
    final: Final
    decision: Decision
    stages: tuple[StageStatus, ...]
    history: tuple[Past, ...]
    document: Identity
    overrides: tuple[Override, ...]
    waivers: tuple[Waiver, ...] = ()
    since_open: SinceOpen | None = None
    previous: Record | None = None
    failures: Failures | None = None

    def __post_init__(self) -> None:
        ids = [stage.id for stage in self.stages]
        if len(set(ids)) < len(ids):
            twice = next(name for name in ids if ids.count(name) > 1)
            msg = f"the stage {twice!r} appears twice; a record has every stage once"
            raise ValueError(msg)

    @property
    def criteria(self) -> Iterator[CriterionStatus]:
        """All criteria, in the order of the stages."""
        return (status for stage in self.stages for status in stage.criteria)

    @property
    def past(self) -> Past:
        """This run in short, as a later record keeps it."""
        return Past(
            run=self.run.id,
            started=self.run.started,
            commit=self.run.commit,
            release=self.run.subject.release,
            final=self.final.verdict,
            stages={stage.id: stage.verdict for stage in self.stages if stage.applies},
        )

    @property
    def last_finished(self) -> Record | None:
        """This record if its run has finished, else the last finished one inside it."""
        return self if self.run.finished else self.previous
