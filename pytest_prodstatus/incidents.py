"""What went wrong in a run outside any criterion; each incident caps FINAL."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum

import pytest

from pytest_prodstatus.model.text import one_line, text_of, type_name
from pytest_prodstatus.model.verdict import (
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    EXIT_UNWRITTEN,
    Kind,
    Reason,
)
from pytest_prodstatus.redaction import Redaction

_HARMLESS = (EXIT_OPEN, EXIT_BLOCKED, EXIT_UNWRITTEN)
"""Exit statuses that say that nothing went wrong, or that only this plugin sets."""
_COLLECTION = "collection"
"""The sort of incident for a file that did not collect."""


class End(Enum):
    """What may happen in a process after its last test.

    RAISED: a hook raised. STATUS: one set the exit status. DIED: a thread died. LEFT: one goes on.
    """

    RAISED = "raised"
    STATUS = "status"
    DIED = "died"
    LEFT = "left"


class Incidents:
    """The incidents of one run, in the order in which they count.

    Args:
        redaction: takes secrets out of their texts.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._known: dict[tuple[str, str], Reason] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The incidents so far."""
        return tuple(self._known.values())

    def note(
        self, what: str, text: str, kind: Kind, remedy: str | None = None, *, of: str = ""
    ) -> None:
        """Note an incident.

        Args:
            what: the sort of incident, as in "down" or "output".
            text: one sentence about it.
            kind: the kind of reason.
            remedy: what to do about it.
            of: the id of the thing that it happened to; only its first incident of a sort counts.
        """
        self.keep(what, Reason(text=self._redaction.text(text), kind=kind, remedy=remedy), of=of)

    def keep(self, what: str, reason: Reason, *, of: str = "") -> None:
        """Note an incident by a reason without secrets, as `note` does."""
        self._known.setdefault((what, of), reason)

    def note_manifest(self, error: str) -> None:
        """Note a worker that refused to run.

        It comes first, since it explains xdist's next error: that its workers collected different
        tests.
        """
        reason = Reason(text=self._redaction.text(error), kind=Kind.INCONCLUSIVE)
        self._known = {("manifest", error): reason, **self._known}

    def note_missing(self, nodeid: str, reason: Reason) -> None:
        """Note a file that did not collect."""
        self.keep(_COLLECTION, reason, of=nodeid)

    def note_interrupt(self, text: str) -> None:
        """Note that the run was cut short, unless it was by files that did not collect."""
        if not any(what == _COLLECTION for what, _ in self._known):
            self.note("interrupt", f"the run was interrupted: {text}", Kind.NOT_RUN)

    def note_internal_error(self, excrepr: object) -> None:
        """Note an internal error of pytest, by the last line of its text."""
        last = (text_of(excrepr).strip().splitlines() or ["no more is known"])[-1]
        self.note("internal", f"pytest failed in itself: {last}", Kind.CRASH)

    def note_skews(self, skews: Mapping[str, timedelta]) -> None:
        """Note the workers whose clocks are far from this process's."""
        for worker, behind in skews.items():
            from pytest_prodstatus.model.clocks import skew_reason

            why = skew_reason(f"the clock of worker {worker}", behind, "the controller's")
            if why is not None:
                self.note("clock", why.text, why.kind, why.remedy, of=worker)

    def note_late_failure(self, error: BaseException) -> None:
        """Note that a hook raised after the run was judged."""
        what = text_of(error).strip()
        text = f"a hook raised {type_name(error)} when the session ended{what and ': '}{what}"
        self.note("late", text, Kind.CRASH, "look at pytest's own error")

    def note_end(self, end: End, text: str, worker: str = "") -> None:
        """Note what went wrong in a process after its last test.

        Args:
            end: what.
            text: more of it.
            worker: the worker's id; "" for this process.
        """
        where = f" of worker {worker}" if worker else ""
        if end is End.DIED:
            from pytest_prodstatus.reports import thread_death

            died = thread_death(text)
            text = f"after the last test{where}, {died.text}"
            self.note("thread", text, died.kind, died.remedy, of=text)
        else:
            text = f"a hook raised when the session{where} ended: {text}"
            self.note("late", text, Kind.CRASH, "look at pytest's own error", of=worker)

    def note_early_end(self, status: int) -> None:
        """Note an unexplained exit status that pytest ended with before the first test."""
        harmless = (*_HARMLESS, pytest.ExitCode.NO_TESTS_COLLECTED)
        if status not in harmless and not self._known:
            error = raised()
            text = f"pytest ended with exit status {status} before it collected a test"
            remedy = f"correct what pytest's error {'names' if error else 'says'}"
            self.note("status", f"{text}{error and ': '}{error}", Kind.NOT_RUN, remedy)

    def note_status(
        self, status: int, elsewhere: Sequence[str], *, failed: bool, held: bool, selected: bool
    ) -> None:
        """Note an exit status of pytest that no criterion explains.

        Args:
            status: pytest's.
            elsewhere: the node ids of tests that failed and aren't criteria.
            failed: a criterion failed.
            held: a criterion was held back, since it may have started before.
            selected: criteria were run.
        """
        known = bool(self._known)
        if status == EXIT_FAILED:
            explained = not elsewhere and (failed or held or known)
        else:
            explained = status in _HARMLESS or known
        if explained:
            return
        remedy = 'look at what else pytest reports, or set foreign_status = "ignore"'
        if status == EXIT_FAILED and elsewhere:
            more = len(elsewhere) - 1
            text = f"{elsewhere[0]}{f' and {more} more' if more else ''} failed, which is not a "
            text += "criterion"
        elif selected:
            text = f"pytest ended with exit status {status}, which no criterion explains"
        else:
            error = raised()
            text = f"pytest ended with exit status {status}, and no criterion was run"
            text += f"{error and ': '}{error}"
            remedy = "see whether a path, an option or the key paths leaves the criteria out"
        self.note("status", text, Kind.INCONCLUSIVE, remedy)


def raised() -> str:
    """Return the first line of the error that is ending pytest right now; "" if none is.

    pytest hands it to no hook: it calls the last ones while the error is on its way.
    """
    error = sys.exc_info()[1]
    if not isinstance(error, Exception):
        return ""
    lines = [line.strip() for line in text_of(error).splitlines() if line.strip()]
    # argparse begins with the usage.
    own = next((line for line in lines if ": error: " in line), lines[0] if lines else "")
    own = own or type_name(error)
    return one_line(own.partition(": error: ")[2] or own, limit=200)
