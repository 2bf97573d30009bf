"""Whether a record can be trusted: its signature, and that the state store knows no other.

Separate from the gate's command, since only a gate that wants signatures asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind, run_again
from pytest_prodstatus.project import DotenvError, Project

if TYPE_CHECKING:
    from pytest_prodstatus.signing import Keys


@dataclass(frozen=True, slots=True)
class Trust:
    """What the gate of one project wants of a record before it believes it.

    Attributes:
        project: the project.
        query: the conditions of the gate.
        trusted: sets of public keys; each must vouch for the record. () if it may be unsigned.
        release_digests: digests that the release must have; None for any.
    """

    project: Project
    query: GateQuery
    trusted: Sequence[Keys]
    release_digests: Mapping[str, str] | None = None

    def violations(
        self, path: Path, content: bytes, record: Record, now: datetime, *, first: str = ""
    ) -> Iterator[Violation]:
        """Yield why a record can't be trusted.

        Args:
            path: the record's file.
            content: the bytes that the record was read from.
            record: the record.
            now: the aware instant at which its attestation must hold.
            first: what must be done before a signature can open the gate; "" if nothing else
                closes it.
        """
        if not self.trusted:
            return
        from pytest_prodstatus.signing import ChangedError, UntrustedError, vouched

        try:
            made = vouched(
                path,
                content,
                record,
                self.trusted,
                target=self.query.target,
                project=self.project.config.name,
                now=now,
                release_digests=self.release_digests,
            ).predicate
        except UntrustedError as error:
            remedy = "sign it in the job that has the key, with prodstatus sign, or run it again"
            if first:
                remedy = f"{first}; then sign the record of the new run"
            if isinstance(error, ChangedError):
                # What was changed by someone else would be signed.
                remedy = f"don't sign what was changed: {run_again(self.query, record.run)}"
            yield Violation(kind=ViolationKind.UNTRUSTED, text=str(error), remedy=remedy)
            return
        # The decision that was signed is about FINAL; of --require's stages it says nothing, and
        # the record is judged again anyway.
        if not made.open and not self.query.require:
            # Its reasons are in the record, which is judged as well; a waiver may be newer.
            text = f"the signed decision is that the gate is closed (rule {made.rule})"
            # If it would be open today, such as by a new waiver, only the signature is missing.
            remedy = "sign it again, with prodstatus sign: by today's rules it opens the gate"
            yield Violation(kind=ViolationKind.VERDICT, text=text, remedy=None if first else remedy)
        yield from self._known_otherwise(content, record)

    def _known_otherwise(self, content: bytes, record: Record) -> Iterator[Violation]:
        """Yield that the state store keeps another record of the run, or a later run's."""
        from pytest_prodstatus.replay import KnownRuns
        from pytest_prodstatus.store import StateError

        remedy = run_again(self.query, record.run)
        try:
            known = KnownRuns(self.project.root)
            text = known.other_record(content, record)
            # With --run the record is of the run in question, so it can't be an older one.
            if not text and self.query.run is None:
                text = known.later_run(record)
                remedy = f"ask the gate about its record, or {remedy}"
        except (StateError, DotenvError) as error:
            text = f"what the state store knows of this run and release can't be read: {error}"
            remedy = "make the state store readable for the gate"
        if text:
            yield Violation(kind=ViolationKind.UNTRUSTED, text=text, remedy=remedy)
