"""The files of a run: overwritten at its start, completed at its end; the record is last."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.codec import record_pieces
from pytest_prodstatus.model.criterion_status import NOTHING_YET, KilledRun
from pytest_prodstatus.model.record import Record, Run
from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.project import attestation_of, test_result_of
from pytest_prodstatus.publish import (
    Problem,
    content_of,
    export_files,
    publish_readable,
    publish_record,
)
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers import (
    FolderInUse,
    FolderLock,
    clear_leftovers,
    remove,
    write_atomically,
    write_failure,
)

_REPORTS = {"xmlpath": "--junitxml", "htmlpath": "--html", "json_report_file": "--json-report-file"}
"""Options of pytest, pytest-html and pytest-json-report that name a file to write."""


class Outputs:
    """The document, the page, the exports and the record of one run.

    Attributes:
        notices: sentences for the terminal about these files.
        exports: the paths of the exports that the run wrote.
        problems: the outputs that could not be written at the end of the run.
        unmarked: why the run could not write that nothing is confirmed yet; "" if it could.
        unwritten: the record could not be written, so there is no verdict.
        untrusted: why nothing is carried over from the last record, although it can be read; None
            if it can be trusted.
        killed: the run after the last record that was killed; None if there was none.
        unread: why nothing is known of the last record, although there is one; "" if it is.
        closed_by: what else closes the gate than the run's verdict, in a few words; "" if nothing.

    Args:
        settings: of the run.
        sign_key: the private key that signs the record, or its URI; None if the run signs nothing.
    """

    def __init__(self, settings: Settings, sign_key: str | None = None) -> None:
        self.settings = settings
        self.untrusted: Reason | None = None
        self._sign_key = sign_key
        self.notices: list[str] = []
        self.problems: list[Problem] = []
        self.unmarked = ""
        self.unwritten = False
        self.killed: KilledRun | None = None
        self.unread = ""
        self.closed_by = ""
        self._digest = ""
        self.exports: tuple[Path, ...] = ()
        self._before: dict[Path, bytes | None] = {}
        holder = f"run {settings.run_id} (process {os.getpid()})"
        self._lock = FolderLock(settings.folder, holder)

    def lock(self) -> None:
        """Keep other runs out of the folder until `release`.

        Raises:
            pytest.UsageError: another run is writing it.
        """
        try:
            self._lock.acquire()
        except FolderInUse as error:
            msg = f"{error} with --prodstatus-dir=FOLDER"
            raise pytest.UsageError(msg) from None

    def refuse_reports(self, config: pytest.Config) -> None:
        """Refuse a report of pytest or a plugin that would be written over one of these files.

        Raises:
            pytest.UsageError: there is one.
        """
        others = dict(_reports(config))
        own = {path.resolve(): path.name for path in self._files} if others else {}
        for option, path in others.items():
            # Each is relative to the folder in which pytest was called.
            place = (config.invocation_params.dir / os.path.expandvars(path)).expanduser().resolve()
            if place in own:
                msg = (
                    f"{option}: it would write over {own[place]} in {self.settings.folder}, which "
                    "the run writes itself; let it write elsewhere"
                )
                raise pytest.UsageError(msg)

    def release(self) -> None:
        """Let other runs write the folder."""
        self._lock.release()

    def last_record(self) -> Record | None:
        """Return the last finished record of this target, or None.

        Raises:
            pytest.UsageError: a newer release wrote it, or it or the document is not a regular
                file.
        """
        settings = self.settings
        for what, path in (("status document", settings.document), ("record", settings.record)):
            if path.exists() and not path.is_file():
                kind = "a folder" if path.is_dir() else "not a regular file"
                msg = f"{path}: the {what} is {kind}; name a regular file"
                raise pytest.UsageError(msg)
        try:
            content = read_file(settings.record)
            text = content.decode("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.unread = "the last record can't be read"
            self.notices.append(f"{self.unread}, so nothing is known: {error}")
            return None
        # Imported here, since the first run in a checkout has no record to read: all runs in CI.
        from pytest_prodstatus.model.codec import NewerRecordError, RecordError, read_record

        try:
            read = read_record(text, str(settings.record))
        except NewerRecordError as error:
            raise pytest.UsageError(str(error)) from None
        except RecordError as error:
            self.unread = "the last record is damaged"
            self.notices.append(f"{error}; nothing is carried over")
            return None
        last = read.last_finished
        self.killed = self._killed(read.run)
        if last is not None and last.run.target != settings.target:
            notice = (
                f"{settings.record}: it is about target {last.run.target}, so nothing of it counts"
            )
            self.notices.append(notice)
            self.unread = f"the last record is about target {last.run.target}"
            return None
        if last is not None and settings.config.signed_by:
            self.untrusted = self._distrust(content, last)
        return last

    def _killed(self, run: Run) -> KilledRun | None:
        """Return the last run and what it was limited to, if it never finished."""
        if run.finished is not None or run.selection == NOTHING_YET:
            return None
        # As `selection_words` has it; what follows the stages only narrows them further.
        named = re.match(r"--stage ([\w,.-]+)", run.selection or "")
        known = self.settings.config.catalogue.by_id
        names = [name for name in named[1].split(",") if name in known] if named else []
        stages = self.settings.config.catalogue.closure(names) if names else None
        return KilledRun(run=run.id, stages=stages)

    def _distrust(self, content: bytes, last: Record) -> Reason | None:
        """Return why no verdict may be carried over from a record; None if any may be.

        As at the gate: trusted keys must have signed it, and the state store know no other record
        of its run. Nor may it know a later run of the target: an older record that was put back
        would hide what that one saw, for this release or another.

        A record of a run that was killed holds the last one, and has no signature of its own.
        """
        from pytest_prodstatus.project import DotenvError
        from pytest_prodstatus.replay import KnownRuns
        from pytest_prodstatus.signing import SigningError, UntrustedError, trusted_keys, vouched
        from pytest_prodstatus.store import StateError

        settings, config = self.settings, self.settings.config
        try:
            keys = trusted_keys(config.signed_by, settings.root, config.signed_by_threshold)
            vouched(
                settings.record, content, last, [keys], target=settings.target, project=config.name
            )
            # An old record that was put back is signed as well.
            known = KnownRuns(settings.root)
            text = known.other_record(content, last)
            text = text or known.later_run(last, any_release=True, but=settings.run_id)
        except (SigningError, UntrustedError) as error:
            text = str(error)
        except (StateError, DotenvError) as error:
            text = f"what the state store knows of this run and release can't be read: {error}"
        remedy = "run the whole suite, and sign its record with prodstatus sign"
        return Reason(text=text, kind=Kind.UNTRUSTED, remedy=remedy) if text else None

    def sign(self, record: Record) -> list[Problem]:
        """Write the attestation of a finished record, if this run signs; return what went wrong."""
        if self._sign_key is None:
            return []
        from pytest_prodstatus.attest import Attest
        from pytest_prodstatus.sign_key import VARIABLE
        from pytest_prodstatus.signing import SigningError, signer_of

        path = self.settings.record
        override = max(record.overrides, key=lambda found: found.until, default=None)
        try:
            signer = signer_of(self._sign_key, source=VARIABLE)
            attest = Attest(self.settings.config, [signer])
            # What was composed, not what lies there by now: a test may have written it.
            attest.write(record, b"".join(record_pieces(record)), path, override)
        except SigningError as error:
            text = f"the record can't be signed: {error}"
        except OSError as error:
            text = f"the record can't be signed: {write_failure(path, error)}"
        else:
            return []
        return [Problem(attestation_of(path), text)]

    @property
    def unsigned(self) -> bool:
        """Whether the gate wants a signature of the record that this run doesn't give it.

        A signature of a key that isn't trusted, or one of several, is not enough for the gate.
        """
        if not self.settings.config.signed_by:
            return False
        return self._sign_key is None or not self._is_trusted

    @cached_property
    def _is_trusted(self) -> bool:
        """Whether this run's signature alone satisfies the gate."""
        from pytest_prodstatus.sign_key import VARIABLE
        from pytest_prodstatus.signing import SigningError, signer_of, trusted_keys

        config = self.settings.config
        try:
            signer = signer_of(self._sign_key or "", source=VARIABLE)
            keys = trusted_keys(config.signed_by, self.settings.root, config.signed_by_threshold)
        except SigningError:  # `sign` says why, or the gate
            return False
        trusted = {key.keyid for key in keys.keys}
        return keys.threshold == 1 and signer.public_key.keyid in trusted

    def note_unsigned(self, record: Record) -> None:
        """Add a notice if the gate wants a signature that an open record doesn't have."""
        if record.decision.unsigned is True:
            self.notices.append(
                "the gate wants a trusted key's signature on this record: prodstatus sign"
            )

    def begin(self, marker: Record) -> None:
        """Write `marker`, which says that nothing is confirmed; set `unmarked` if that fails."""
        settings = self.settings
        for path in (settings.document, settings.page, settings.record):
            clear_leftovers(path)
        if not self._before:
            for path in self._files:
                with contextlib.suppress(OSError):
                    self._before[path] = content_of(path)
        done = publish_readable(marker, settings.config, settings.layout)
        problems, _ = publish_record(done.record, settings.record)
        self._digest = done.record.document
        self.unwritten = self.unwritten or bool(problems)
        self.unmarked = "; ".join(problem.text for problem in (*done.problems, *problems))

    def say_begun(self, marker: Record) -> None:
        """Write the record of `begin` again, once it is known what the run selects."""
        marker = replace(marker, document=self._digest)
        problems, _ = publish_record(marker, self.settings.record)
        self.unwritten = self.unwritten or bool(problems)

    @property
    def _files(self) -> list[Path]:
        """The paths of all files of a run; the record and what vouches for it come last."""
        settings = self.settings
        record = settings.record
        exports = export_files(settings.config, settings.layout)
        readable = [settings.document, settings.page, *exports]
        return [*readable, record, attestation_of(record), test_result_of(record)]

    def restore(self) -> list[Problem]:
        """Put every file back as it was before `begin`; return what went wrong.

        One that could not be read then stays as it is.
        """
        found = (self._put_back(path, content) for path, content in self._before.items())
        return [problem for problem in found if problem]

    def _put_back(self, path: Path, content: bytes | None) -> Problem | None:
        """Write one file as it was before the run; return the problem, or None."""
        try:
            if content is None:
                remove(path)
            else:
                write_atomically(path, content, through_link=path == self.settings.document)
        except OSError as error:
            return Problem(path, write_failure(path, error))
        return None

    def publish_record(self, record: Record) -> list[Problem]:
        """Write the record and return what went wrong; without a record there is no verdict."""
        problems, _ = publish_record(record, self.settings.record)
        self.unwritten = self.unwritten or bool(problems)
        self.notices += [problem.text for problem in problems]
        return problems

    def note_waivers(self, record: Record, now: datetime) -> None:
        """Note each waiver that breaks a rule at `now` (aware), or ends soon.

        The first closes the gate. That isn't the run's to judge, so its exit status stays.
        """
        waivers = self.settings.config.waivers
        if waivers.given:
            # Imported here, since most projects have no waivers, and the import costs every run.
            from pytest_prodstatus.model.gate import ending_waivers, waiver_violations

            violations = waiver_violations(waivers, record.criteria, now)
            self.notices += [f"{violation.text}: it closes the gate" for violation in violations]
            self.closed_by = "closed by a waiver" if violations else ""
            self.notices += ending_waivers(waivers, record.criteria, now)

    @property
    def exist(self) -> bool:
        """Whether there is a record or a status document already."""
        return self.settings.record.exists() or self.settings.document.exists()


def _reports(config: pytest.Config) -> Iterator[tuple[str, str]]:
    """Yield what pytest or a plugin is asked to report: the option, and the file that it writes."""
    for name, option in _REPORTS.items():
        path = getattr(config.option, name, None)
        if path:
            yield f"{option}={path}", str(path)
    wanted = getattr(config.option, "cov_report", None)
    folder = wanted.get("html") if isinstance(wanted, dict) else None
    if folder and getattr(config.option, "cov_source", None):
        # Beside the pages, coverage keeps its own state in a file of the record's name.
        yield f"--cov-report=html:{folder}", f"{folder}{os.sep}status.json"
