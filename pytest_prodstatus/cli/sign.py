"""`prodstatus sign`: sign the decision about a record, in a step of its own after the run."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path

import click

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    FILE,
    Place,
    digests,
    dir_option,
    duration,
    key_sets,
    named_content,
    named_record,
    place_of,
    root_option,
    state_errors,
    target_option,
)
from pytest_prodstatus.cli.gate import Gate
from pytest_prodstatus.cli.overrides import active_override
from pytest_prodstatus.cli.trust import Trust
from pytest_prodstatus.model.attestation import AttestationError
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.model.violations import GateQuery
from pytest_prodstatus.project import RECORD, saves_history, shown_path
from pytest_prodstatus.publish import Archive, readable_bytes
from pytest_prodstatus.sign_key import VARIABLE, take_key
from pytest_prodstatus.writers import FolderInUse, FolderLock

_EXAMPLES = """\b
Examples:
  prodstatus sign --key file2:signing.key
  prodstatus sign --key awskms:alias/prodstatus --public keys/ci.pub
  prodstatus sign reports/staging/status.json --subject-digest sha256:9f86d081... --valid-for 2h
  prodstatus sign --add --key release-manager.key

\b
Exit status:
  0   signed, whether the gate is open or closed: the statement says which
  2   a usage error: there is no such record or key
"""


@click.command(epilog=_EXAMPLES)
@click.argument("record", required=False, type=FILE)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="The private key: a file, or the URI of one in a KMS, Vault or HSM; it may be repeated.  "
    f"[default: {VARIABLE}, which may also be the key itself]",
)
@click.option(
    "--public",
    type=FILE,
    metavar="FILE",
    help="The public key of a --key that lies in a KMS, Vault or HSM.",
)
@click.option(
    "--valid-for",
    callback=duration,
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="The longest time for which it holds. It ends earlier with the first CONFIRMED "
    "(valid_for), waiver or override that it rests on, so a longer time changes nothing.",
)
@click.option(
    "--subject-digest",
    callback=digests,
    metavar="ALGORITHM:DIGEST",
    help="The digest of the release that was judged.",
)
@click.option("--add", is_flag=True, help="Add a signature to the attestation that is there.")
@target_option
@dir_option
@root_option
def command(
    record: Path | None,
    keys: tuple[str, ...],
    public: Path | None,
    valid_for: timedelta,
    subject_digest: dict[str, str] | None,
    add: bool,
    target: str | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Sign the decision about RECORD, and write the attestation beside it.

    The default is the target's record in its usual folder. The record is judged again as of now.
    PRODSTATUS_RUN_ID and PRODSTATUS_SUBJECT are conditions, as at the gate: a record of another run
    or release isn't signed.
    """
    from pytest_prodstatus.signing import SigningError, signer_of

    place = place_of(root=root, target=target, dir=folder)
    path = record or place.record
    from_variable = take_key(os.environ)
    source, private = "--key", keys
    if from_variable and not keys:
        source, private = VARIABLE, (from_variable,)
    if not private:
        msg = f"no key: give --key KEY, or set {VARIABLE}; prodstatus key new makes a pair"
        raise click.UsageError(msg)
    content = named_content(path)
    read = named_record(path, content)
    _check_meant(read, path, place)
    _check_known(content, read, path, place.project.root)
    trusted = key_sets(place.project)
    try:
        from pytest_prodstatus.attest import Attest

        signers = [signer_of(key, public, source=source) for key in private]
        override, problem = active_override(read.run.target, clock.now(), place.project.root)
        if problem:
            click.echo(f"prodstatus: {problem}", err=True)
        attest = Attest(place.project.config, signers, valid_for, subject_digest)
        done = attest.add if add else attest.write
        statement, written = done(read, content, path, override)
    except (SigningError, AttestationError) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        msg = f"{error.filename} can't be written: {error.strerror or error}"
        raise click.UsageError(msg) from None
    trust = Trust(place.project, GateQuery(target=read.run.target), trusted)
    _keep(read, content, path, trust)
    if read.decision.unsigned is True:
        gate = Gate(
            place.project, trust.query, override, check_document=False, trust=trust, now=clock.now()
        )
        _export_again(gate, content, path)
    for file in written:
        click.echo(f"wrote {shown_path(file)}")
    made = statement.predicate
    state = "open" if made.open else f"closed, rule {made.rule}"
    click.echo(
        f"signed: target {made.target}, gate {state}, {made.verdict or 'no verdict'}, "
        f"until {utc_isoformat(made.expires)}"
    )


def _export_again(gate: Gate, content: bytes, path: Path) -> None:
    """Write the exports beside an unsigned run's record again: programs read them as closed.

    Only those that are there, and only if the record is still the one that was signed.
    """
    config = gate.project.config
    if path.name != RECORD or not config.exports:
        return
    from pytest_prodstatus.cli.export import Forms
    from pytest_prodstatus.writers.exports import ExportError, load_export

    names = []
    for name in config.exports:
        with contextlib.suppress(ExportError):  # a run says of it that it is broken
            if (path.parent / load_export(name).file).is_file():
                names.append(name)
    # If a run uses the folder, it writes them itself.
    with (
        contextlib.suppress(FolderInUse),
        FolderLock(path.parent, f"prodstatus sign (process {os.getpid()})"),
    ):
        report, record = gate.judged(path)
        if record and content == readable_bytes(path):
            Forms(names).write(gate.shown(path, record, report), path)


def _check_meant(record: Record, path: Path, place: Place) -> None:
    """Refuse to sign a record that took the place of the one that this job is about.

    Raises:
        click.UsageError: it is of another run or release than the environment names.
    """
    run, subject = record.run, place.inputs.subject
    if place.inputs.run not in (None, run.id):
        msg = f"{shown_path(path)} is of run {run.id!r}, not of run {place.inputs.run!r}"
        raise click.UsageError(f"{msg} (PRODSTATUS_RUN_ID): sign the record of that run")
    if subject not in (None, run.subject.release):
        msg = f"{shown_path(path)} is about release {run.subject.release!r}, not {subject!r}"
        # It may also be named by pytest's options or configuration.
        raise click.UsageError(f"{msg}, which is judged here: sign the record of that release")


def _check_known(content: bytes, record: Record, path: Path, root: Path) -> None:
    """Refuse to sign a record if the state store keeps another one of its run.

    Raises:
        click.UsageError: it does, or can't be read.
    """
    from pytest_prodstatus.replay import KnownRuns

    with state_errors():
        other = KnownRuns(root).other_record(content, record)
    if other:
        msg = f"{shown_path(path)}: {other}: don't sign what was changed, but run again"
        raise click.UsageError(msg)


def _keep(record: Record, content: bytes, path: Path, trust: Trust) -> None:
    """Keep the attestation in the history, and that the run opens the gate, if it does now."""
    try:
        archive = Archive(trust.project.root, saves=saves_history(os.environ, configured=True))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    archive.reopen()
    problem = archive.keep_attestations(record, path)
    # One signature may be too few (signed_by_threshold), or of a key that isn't trusted.
    was_closed = record.decision.unsigned is True
    if not problem and was_closed:
        distrusted = any(trust.violations(path, content, record, clock.now()))
        problem = "" if distrusted else archive.note_open(record)
    if problem:
        click.echo(f"prodstatus: {problem}", err=True)
