"""Whether a record can be trusted: its signature, and that no later run judged its release.

Separate from the gate's command, since only a gate that wants signatures asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_prodstatus.cli.common import scope_in
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind, run_again
from pytest_prodstatus.project import variables_of

if TYPE_CHECKING:
    from pytest_prodstatus.model.history import SavedRun
    from pytest_prodstatus.signing import Keys


@dataclass(frozen=True, slots=True)
class Trust:
    """What the gate of one project wants of a record before it believes it.

    Attributes:
        root: the project's folder.
        query: the conditions of the gate.
        trusted: sets of public keys; each must vouch for the record. () if it may be unsigned.
        release_digests: digests that the release must have; None for any.
    """

    root: Path
    query: GateQuery
    trusted: Sequence[Keys]
    release_digests: Mapping[str, str] | None = None

    def violations(
        self, path: Path, content: bytes, record: Record, now: datetime
    ) -> Iterator[Violation]:
        """Yield why a record can't be trusted.

        Args:
            path: the record's file.
            content: the bytes that the record was read from.
            record: the record.
            now: the aware instant at which its attestation must hold.
        """
        if not self.trusted:
            return
        from pytest_prodstatus.signing import UntrustedError, vouched

        try:
            made = vouched(
                path,
                content,
                record,
                self.trusted,
                target=self.query.target,
                now=now,
                release_digests=self.release_digests,
            ).predicate
        except UntrustedError as error:
            remedy = "sign it in the job that has the key, with prodstatus sign, or run it again"
            yield Violation(kind=ViolationKind.UNTRUSTED, text=str(error), remedy=remedy)
            return
        if not made.open:
            # Its reasons are in the record, which is judged as well; a waiver may be newer.
            text = f"the signed decision is that the gate is closed (rule {made.rule})"
            remedy = "sign again what has changed since, with prodstatus sign"
            yield Violation(kind=ViolationKind.VERDICT, text=text, remedy=remedy)
        # With --run the record is of the run in question, so it can't be an older one.
        if self.query.run is None:
            yield from self._replayed(record)

    def _replayed(self, record: Record) -> Iterator[Violation]:
        """Yield that a later run judged the same release: an old verdict must not open the gate."""
        from pytest_prodstatus.store.errors import StateError

        try:
            later = self._newest(record)
        except StateError as error:
            text = f"whether a later run judged this release can't be looked for: {error}"
            remedy = "ask the gate about one run: prodstatus gate --run ID"
            yield Violation(kind=ViolationKind.UNTRUSTED, text=text, remedy=remedy)
            return
        run = record.run
        if later is not None and (later.started, later.run) > (run.started, run.id):
            text = (
                f"a later run judged this release: {later.run} began at "
                f"{utc_isoformat(later.started)} and ended {later.final}"
            )
            remedy = f"ask the gate about its record, or {run_again(self.query)}"
            yield Violation(kind=ViolationKind.UNTRUSTED, text=text, remedy=remedy)

    def _newest(self, record: Record) -> SavedRun | None:
        """Return the newest saved run of a record's target and release; None without any."""
        from pytest_prodstatus.store.address import check_installed, state_url, store_may_exist

        environ = variables_of(self.root)
        # Opening a store would create it, and a look must not.
        if not store_may_exist(environ):
            return None
        check_installed()
        from pytest_prodstatus.store.history import HistoryStore

        scope = scope_in(self.root)
        with HistoryStore.open(state_url(environ), scope) as history:
            return history.newest(record.run.target, record.run.subject.release)
