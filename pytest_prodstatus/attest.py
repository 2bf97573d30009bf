"""Make a record's attestation and write it beside the record, for a run or a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.model.attestation import (
    AttestationError,
    Statement,
    encode_statement,
    read_statement,
    state_decision,
    state_test_result,
)
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.violations import MAX_AGE
from pytest_prodstatus.project import attestation_of, test_result_of
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.signing import (
    Signer,
    digests_of,
    payload_of,
    sign,
)
from pytest_prodstatus.writers import write_atomically


@dataclass(frozen=True, slots=True)
class Attest:
    """Makes and writes the attestations of a project's records.

    Attributes:
        config: the project's configuration.
        signers: the private keys that sign, each for itself.
        valid_for: the longest time for which an attestation holds.
        release_digests: of the release; None if they aren't known.
    """

    config: Config
    signers: Sequence[Signer]
    valid_for: timedelta = MAX_AGE
    release_digests: Mapping[str, str] | None = None

    def write(
        self, record: Record, content: bytes, path: Path, override: Override | None
    ) -> tuple[Statement, list[Path]]:
        """Decide by a record, sign that, and write the two attestations.

        Args:
            record: the record.
            content: the bytes of its file.
            path: its file.
            override: the override of the target's gate that is in force.

        Returns:
            The statement, and the files that were written: the deploy decision, which the gate
            reads, and in-toto's test-result, for other verifiers.

        Raises:
            SigningError: a signer fails.
            OSError: a file can't be written.
        """
        digests = digests_of(content)
        statement = self._statement(record, digests, override)
        payloads = {
            attestation_of(path): encode_statement(statement),
            test_result_of(path): encode_statement(state_test_result(record, digests)),
        }
        for file, payload in payloads.items():
            write_atomically(file, sign(payload, self.signers))
        return statement, list(payloads)

    def add(
        self, record: Record, content: bytes, path: Path, override: Override | None
    ) -> tuple[Statement, list[Path]]:
        """Add this project's signatures to the attestation that lies beside a record.

        It must say what these signers would say now, and end no later: a signature is about
        everything that it stands under, no matter who wrote that.

        Args:
            record: the record.
            content: the bytes of its file.
            path: its file.
            override: the override of the target's gate that is in force.

        Raises:
            AttestationError: there is none, or it says otherwise.
            SigningError: a signer fails.
            OSError: it can't be written.
        """
        file = attestation_of(path)
        try:
            existing = read_file(file)
        except FileNotFoundError:
            msg = f"there is no attestation at {file} to add a signature to"
            raise AttestationError(msg) from None
        payload = payload_of(existing)
        statement = read_statement(payload)
        own = self._statement(record, digests_of(content), override)
        made, ours = statement.predicate, own.predicate
        # Made at another moment, the two decisions differ in their instants alone.
        same = replace(made, valid_from=ours.valid_from, expires=ours.expires) == ours
        if statement.subject != own.subject or not same or made.expires > ours.expires:
            msg = (
                f"{file} says otherwise than this record does now, or holds longer: sign without "
                "--add, with the same --subject-digest and --valid-for"
            )
            raise AttestationError(msg)
        write_atomically(file, sign(payload, self.signers, existing=existing))
        return statement, [file]

    def _statement(
        self, record: Record, digests: Mapping[str, str], override: Override | None
    ) -> Statement:
        """Decide by a record now, and return that as a statement."""
        return state_decision(
            record,
            digests,
            self.config.catalogue,
            clock.now(),
            waivers=self.config.waivers,
            override=override,
            project=self.config.name,
            valid_for=self.valid_for,
            release_digests=self.release_digests,
            # As at the gate, else a signed decision could be open for a record that it refuses.
            require_evidence=self.config.require_evidence,
        )
