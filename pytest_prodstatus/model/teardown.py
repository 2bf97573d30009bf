"""Failed tear-downs of what several tests share, and the criteria that answer for them.

pytest reports such a failure at the test that came last, in one process: another order, or another
number of workers, would give other verdicts. So it is laid on every criterion that used what was
torn down, in whichever process that was. This module decides which, from what the reports carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus.model.verdict import Reason, Verdict, because

if TYPE_CHECKING:
    from pytest_prodstatus.model.record import CriterionStatus


class TornDown(Struct, frozen=True, kw_only=True):
    """One tear-down, of wider scope than a test, that did not pass.

    Attributes:
        what: what was torn down, in words.
        fixture: the key of the fixture, by which criteria say that they used it; "" if it is not
            known which fixture it was.
        scope: node id of the class, file or folder that was torn down; "" for the session.
        verdict: FAILED, or BLOCKED if the tear-down could not look.
        reason: why.
        detail: pytest's full report of what went wrong.
    """

    what: str
    fixture: str = ""
    scope: str = ""
    verdict: Verdict = Verdict.FAILED
    reason: Reason
    detail: str = ""


class LateTearDowns:
    """What was torn down after the last test, and did not pass.

    Attributes:
        torn: the tear-downs.
        error: what was raised meanwhile; None if nothing.
    """

    def __init__(self) -> None:
        self.torn: list[TornDown] = []
        self.error: BaseException | None = None


class TearDowns:
    """The tear-downs of a run that did not pass, and who used what."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[str, ...]] = {}
        self._torn: list[TornDown] = []
        self._reported: list[tuple[str, Reason]] = []

    def note_uses(self, nodeid: str, fixtures: tuple[str, ...]) -> None:
        """Note that a test used shared fixtures, by their keys."""
        known = self._uses.get(nodeid)
        self._uses[nodeid] = (*known, *fixtures) if known else fixtures

    def note_torn(self, torn: Sequence[TornDown], nodeid: str = "") -> None:
        """Note tear-downs that did not pass, in the order in which they are known.

        Args:
            torn: the tear-downs.
            nodeid: the test at which pytest reported them, which need not have used them; "" if
                there is none.
        """
        self._torn += torn
        self._reported += [(nodeid, one.reason) for one in torn]

    def takes(self, nodeid: str, reason: Reason) -> bool:
        """Return whether a suspect pass is explained by a noted tear-down, and drop that note.

        The test need not have used what was torn down; `lay` gives the doubt to those that did.

        Args:
            nodeid: the test at which pytest reported it.
            reason: why the pass is doubtful.
        """
        known = (nodeid, reason) in self._reported
        # Each note explains one report, so a second doubt of the same words is the test's own.
        if known:
            self._reported.remove((nodeid, reason))
        return known

    def lay(self, statuses: Iterable[CriterionStatus], run_id: str) -> list[CriterionStatus]:
        """Give each failed tear-down to the criteria that used it, and return the statuses.

        The worst verdict wins. Of equals the first in time gives the reason, which is the
        criterion's own, since what is shared is torn down later.

        Args:
            statuses: of all criteria.
            run_id: the run's; a criterion that it didn't start answers for nothing.
        """
        return [
            self._worst(status) if status.run_id == run_id and not status.carried_over else status
            for status in statuses
        ]

    def unused(self, statuses: Iterable[CriterionStatus], run_id: str) -> list[str]:
        """Name the failed tear-downs that no criterion of this run used, in words."""
        started = [s for s in statuses if s.run_id == run_id and not s.carried_over]
        return [
            f"the {torn.what}"
            for torn in self._torn
            if not any(self._answers(status, torn) for status in started)
        ]

    def _worst(self, status: CriterionStatus) -> CriterionStatus:
        """Return a status, or the worst tear-down's in its place if the criterion used that."""
        for torn in self._torn:
            if self._answers(status, torn) and torn.verdict > status.verdict:
                status = replace(
                    status,
                    verdict=torn.verdict,
                    # The tear-down belongs to what was observed, and isn't upstream's.
                    observed=torn.verdict,
                    flaky=False,
                    detail=torn.detail,
                    **because(torn.reason),
                )
        return status

    def _answers(self, status: CriterionStatus, torn: TornDown) -> bool:
        """Return whether a criterion used what was torn down, as far as that is known."""
        nodeid = str(status.nodeid)  # what was started has one
        if torn.fixture:
            return torn.fixture in self._uses.get(nodeid, ())
        # If the fixture isn't known, every test that ran in its scope may have used it.
        return within(nodeid, torn.scope)


def within(nodeid: str, scope: str) -> bool:
    """Return whether a test belongs to a scope: the session, a folder, a file or a class.

    Args:
        nodeid: the test's node id.
        scope: the scope's node id; "" or "." for the session.
    """
    return scope in ("", ".") or nodeid.startswith((f"{scope}::", f"{scope}/"))
