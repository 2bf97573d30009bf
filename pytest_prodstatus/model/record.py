"""The record: everything that is known after a run; every output is rendered from it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.reason import Reason
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Rule, Verdict

if TYPE_CHECKING:
    from pytest_prodstatus.model.override import Override

SCHEMA = 1
"""The version of the record's JSON form that this release writes and the newest it reads."""

HISTORY_LIMIT = 29
"""Former runs that a record keeps in short; with its own they are thirty."""


class Standing(NamedTuple):
    """One criterion of the catalogue and what is known of it.

    A tuple, which is made in a third of the time, since a record has thousands.

    Attributes:
        title: on one line, as whoever makes one has seen to.
        verdict: after its age and its stage's upstream were considered.
        observed: the verdict by its own outcome; None where it never ran.
        carried_over: observed by an earlier run (`run_id`, `subject`), not by this one.
        selected: this run was asked to look at it.
        detail: what went wrong in full, on several lines; "" where nothing did.
    """

    id: str
    stage: str
    title: str
    nodeid: str | None
    verdict: Verdict
    observed: Verdict | None = None
    observed_at: datetime | None = None
    carried_over: bool = False
    selected: bool = True
    reason: Reason | None = None
    evidence: tuple[Entry, ...] = ()
    duration: float = 0.0
    attempts: int = 0
    flaky: bool = False
    side_effects: bool = False
    run_id: str | None = None
    subject: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """One stage's verdict.

    Attributes:
        cause: id of the criterion, stage or incident ("run") at the root of a verdict that isn't
            CONFIRMED.
        since: the start of the first run in a row that gave this verdict.
        previous: the verdict before that.
    """

    id: str
    title: str
    verdict: Verdict
    reason: Reason | None
    derived: bool
    cause: str | None
    criteria: tuple[Standing, ...]
    since: datetime | None = None
    previous: Verdict | None = None

    @property
    def hangs(self) -> bool:
        """Whether it isn't CONFIRMED because of something outside it."""
        return (self.cause or self.id).partition(".")[0] != self.id

    @property
    def is_root(self) -> bool:
        """Whether it isn't CONFIRMED, and the root of that is its own."""
        return self.verdict is not Verdict.CONFIRMED and not self.hangs


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The FINAL verdict, why it isn't CONFIRMED, and the root of that."""

    verdict: Verdict
    reason: Reason | None
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was judged.

    Attributes:
        release: what is deployed.
        endpoints: the hosts that were asked, from name to address.
        snapshots: of what was read as of one instant (a database), those instants in order: one
            for each process that read it.
    """

    release: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cleaned = {one_line(name): one_line(url) for name, url in self.endpoints.items()}
        object.__setattr__(self, "endpoints", cleaned)
        dated = {one_line(name): tuple(sorted(set(at))) for name, at in self.snapshots.items()}
        object.__setattr__(self, "snapshots", dated)
        object.__setattr__(self, "release", one_line(self.release) if self.release else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the suite.

    Attributes:
        finished: None while the run is in progress.
        commit, dirty: the suite's version; None where it isn't under git.
        catalogue: the digest of the declared catalogue (`Catalogue.digest`).
        selection: what the run was asked to look at, in words; None for everything.
        complete: every criterion of the catalogue was observed in this run.
        incidents: what went wrong outside any criterion; each of them caps FINAL.
        shard: it is one of several that share an id, and looked at a part of the catalogue; its
            record speaks for the run only when it is merged with the others.
    """

    id: str
    target: str
    subject: Subject
    started: datetime
    finished: datetime | None
    commit: str | None = None
    dirty: bool | None = None
    catalogue: str = ""
    selection: str | None = None
    complete: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    incidents: tuple[Reason, ...] = ()
    shard: bool = False

    def __post_init__(self) -> None:
        versions = {one_line(name): one_line(number) for name, number in self.versions.items()}
        object.__setattr__(self, "versions", versions)
        object.__setattr__(self, "commit", one_line(self.commit) if self.commit else None)
        object.__setattr__(self, "id", one_line(self.id))
        object.__setattr__(self, "selection", one_line(self.selection) if self.selection else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The verdict on what a partial run was asked to look at, which decides its exit status."""

    partial: bool
    verdict: Verdict
    criteria: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Open or closed, by the whole catalogue, and why; the exit status goes by the selection."""

    open: bool
    rule: Rule
    exit_code: int
    reasons: tuple[str, ...]
    selection: Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A former run of the same target in short: what it said of FINAL and of every stage."""

    run: str
    started: datetime
    commit: str | None
    release: str | None
    final: Verdict
    stages: Mapping[str, Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The JSON of one run.

    Attributes:
        history: the former runs, the oldest first, at most `HISTORY_LIMIT`.
        overrides: those of its target that held when the run ended.
        document: the digest of the status document's fields as they were written; "" where the
            document wasn't.
        previous: of a run in progress the last finished record, so that a kill loses nothing.
    """

    run: Run
    final: Final
    decision: Decision
    stages: tuple[StageResult, ...]
    history: tuple[Past, ...] = ()
    document: str = ""
    overrides: tuple[Override, ...] = ()
    previous: Record | None = None

    @property
    def criteria(self) -> Iterator[Standing]:
        """All criteria, in the order of the stages."""
        return (standing for stage in self.stages for standing in stage.criteria)

    @property
    def past(self) -> Past:
        """This run in short."""
        return Past(
            run=self.run.id,
            started=self.run.started,
            commit=self.run.commit,
            release=self.run.subject.release,
            final=self.final.verdict,
            stages={stage.id: stage.verdict for stage in self.stages},
        )

    @property
    def last_finished(self) -> Record | None:
        """This record, or, of a run in progress, the last one that finished."""
        return self if self.run.finished else self.previous
