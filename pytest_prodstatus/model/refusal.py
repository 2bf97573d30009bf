"""What closes the gate whatever the verdicts are: a record that isn't the one asked about."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.duration import age, text_of
from pytest_prodstatus.model.record import Record, Run
from pytest_prodstatus.model.rejudge import SKEW
from pytest_prodstatus.model.text import one_line

MAX_AGE = timedelta(hours=24)
"""How old a record may be where nothing else is asked."""

_SHORTEST_COMMIT = 7


class Ground(Enum):
    """On what ground a record or a waiver is refused."""

    UNREADABLE = "unreadable"
    IN_PROGRESS = "in-progress"
    TARGET = "target"
    SUBJECT = "subject"
    COMMIT = "commit"
    FUTURE = "future"
    TOO_OLD = "too-old"
    CATALOGUE = "catalogue"
    CONTRADICTION = "contradiction"
    DOCUMENT = "document"
    WAIVER = "waiver"

    def __str__(self) -> str:
        return self.value


ANOTHER = (Ground.UNREADABLE, Ground.IN_PROGRESS, Ground.TARGET, Ground.SUBJECT, Ground.COMMIT)
"""The grounds that say that a record has no answer to what was asked, so none is read from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One sentence, its ground, and what to do about it where that is known."""

    ground: Ground
    text: str
    remedy: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the gate is asked about.

    Attributes:
        target: the system.
        subject: the release that must have been judged; None for any.
        commit: of the suite, in full or its first digits; None for any.
        max_age: how long ago the run may have finished.
        require: ids of the stages that must be CONFIRMED; () for FINAL.
    """

    target: str
    subject: str | None = None
    commit: str | None = None
    max_age: timedelta = MAX_AGE
    require: tuple[str, ...] = ()


def refusals_of(
    record: Record, catalogue: Catalogue, asked: Asked, now: datetime
) -> Iterator[Refusal]:
    """Yield what is wrong with a record as a whole.

    Args:
        record: as it was read.
        catalogue: as it is declared today.
        asked: what must be true of the record.
        now: the instant against which it is measured.
    """
    run = record.run
    again = run_again(asked.target, asked.subject)
    if run.target != asked.target:
        text = f"the record is about target {run.target!r}, and {asked.target!r} is asked about"
        yield Refusal(ground=Ground.TARGET, text=text, remedy=again)
    if asked.subject is not None and run.subject.release != asked.subject:
        text = f"the record is about {_release(run)}, and {asked.subject!r} is asked about"
        yield Refusal(ground=Ground.SUBJECT, text=text, remedy=again)
    if asked.commit is not None and not _same_commit(run, asked.commit):
        text = f"the suite that ran is {_suite(run)}, and commit {asked.commit!r} is asked about"
        yield Refusal(ground=Ground.COMMIT, text=text, remedy=again)
    if run.finished is None:
        since = age(now - run.started)
        text = f"run {run.id} is in progress since {since}, or was killed: nothing is confirmed"
        remedy = "wait for it to end, or run it again if it was killed"
        yield Refusal(ground=Ground.IN_PROGRESS, text=text, remedy=remedy)
        return
    if run.finished - now > SKEW:
        ahead = age(run.finished - now)
        text = f"the record is dated {ahead} ahead of this machine's clock"
        yield Refusal(ground=Ground.FUTURE, text=text, remedy="set the clocks right")
    if now - run.finished > asked.max_age:
        text = (
            f"the record is {age(now - run.finished)} old, "
            f"and may be {text_of(asked.max_age)} (--max-age)"
        )
        yield Refusal(ground=Ground.TOO_OLD, text=text, remedy=again)
    if run.catalogue != catalogue.digest:
        text = "the record was made with another catalogue than is declared now"
        yield Refusal(ground=Ground.CATALOGUE, text=text, remedy=again)


def run_again(target: str, subject: str | None = None) -> str:
    """Return what to do where only another run can help, of a release where one is asked about."""
    of = f" --prodstatus-subject={shlex.quote(subject)}" if subject else ""
    return f"run pytest -m production --target {target}{of}"


def _release(run: Run) -> str:
    return f"release {run.subject.release!r}" if run.subject.release else "no release by name"


def _suite(run: Run) -> str:
    if not run.commit:
        return "of no known commit"
    return f"{run.commit[:12]}{' with local changes' if run.dirty else ''}"


def _same_commit(run: Run, asked: str) -> bool:
    if not run.commit or run.dirty or len(asked) < _SHORTEST_COMMIT:
        return False  # what was changed by hand is no commit
    return run.commit.lower().startswith(asked.lower())
