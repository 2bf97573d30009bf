"""The process that judges: from observations to the record, the outputs and the exit status.

It is the only process of a serial run, and the controller under xdist.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.attempts import Attempts
from pytest_prodstatus.criteria import AllBut, Manifest
from pytest_prodstatus.incidents import End, Incidents, raised
from pytest_prodstatus.model.assemble import (
    BROKEN_OFF,
    IN_PROGRESS,
    UNWRITTEN,
    compose,
    marker_of,
    rest_of,
)
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage
from pytest_prodstatus.model.criterion_status import NOTHING_YET, RunData, criterion_statuses
from pytest_prodstatus.model.record import CriterionStatus, Record, Run, Subject
from pytest_prodstatus.model.teardown import LateTearDowns
from pytest_prodstatus.model.text import traceback_of
from pytest_prodstatus.model.verdict import (
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    EXIT_UNWRITTEN,
    Kind,
    Reason,
    Rule,
    Verdict,
    worse_status,
)
from pytest_prodstatus.notices import of_carried, of_project, of_unmet
from pytest_prodstatus.outputs import Outputs
from pytest_prodstatus.publish import Archive, Problem, Saved, publish_readable
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.reports import missing_of, unwatched, verdict_of
from pytest_prodstatus.settings import (
    Settings,
    checked_catalogue,
    covers_suite,
    holds_criteria,
    restriction,
    selection_words,
    suite_commit,
    suite_of,
    this_machine,
    versions,
)
from pytest_prodstatus.spool import Spool

if TYPE_CHECKING:
    from pytest_prodstatus.model.unmet import Basis
    from pytest_prodstatus.presence import Presence


class Recorder:
    """One run as seen by the process that judges it.

    Attributes:
        record: the run's record; None until it has ended.
        restored: nothing was unmet, so the files are as they were before the run.
        criteria: the criteria by node id; empty until the run has begun.
        attempts: the phases of each criterion, from its reports.
        incidents: what went wrong outside any criterion.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        spool: Spool,
        redaction: Redaction,
        sign_key: str | None = None,
    ) -> None:
        self.config = config
        self.settings = settings
        self.spool = spool
        self.redaction = redaction
        self.outputs = Outputs(settings, sign_key)
        self.archive = Archive(settings.root, saves=settings.saves and not settings.ephemeral)
        self.attempts = Attempts(
            redaction, spool, require_evidence=settings.config.require_evidence
        )
        self.incidents = Incidents(redaction)
        self.record: Record | None = None
        self.restored = False
        self.criteria: Mapping[str, Criterion] = {}
        self._manifest: Manifest | None = None
        self._catalogue: Catalogue | None = None
        self._former: Record | None = None
        self._run: Run | None = None
        self._restricted = False
        self._missing: dict[str, Reason] = {}
        self._presence: Presence | None = None
        self._marked: tuple[str, ...] | None = None
        self._used_id = False
        self._unreached = Reason(text="it was not reached", kind=Kind.NOT_RUN)
        self._statuses: list[CriterionStatus] = []
        self._changed = False  # a status, since the record was written

    @property
    def active(self) -> bool:
        """Whether the run has begun with its criteria: it has some, or an option asks to judge."""
        return self._manifest is not None

    @property
    def started(self) -> bool:
        """Whether the run has written that nothing is confirmed."""
        return self._marked is not None

    @property
    def commit(self) -> str | None:
        """The suite's commit; None if it isn't known, or not yet."""
        return self._run.commit if self._run else None

    def start(self) -> None:
        """Overwrite the last outputs with "nothing is confirmed", before anything is collected.

        Without a project and without outputs there is nothing to overwrite; then `begin` does it.

        Raises:
            pytest.UsageError: another run writes the folder or a newer release wrote the last
                record, and nothing was written; or the run's id was used before.
        """
        if self.started or not (self.settings.has_project or self.outputs.exist):
            return
        self._open()
        declared = self.settings.config.catalogue
        stages = self._former.stages if self._former and not declared.declared else ()
        known = tuple(Stage(id=stage.id, title=stage.title) for stage in stages)
        self._catalogue = declared if declared.declared else Catalogue(stages=known, declared=False)
        # A run that ends before its first test, as with a usage error, has seen nothing. But a
        # worker may start a test before this process hears of it.
        options = self.config.known_args_namespace
        if not (getattr(options, "numprocesses", None) or getattr(options, "tx", None)):
            self._run = replace(self._begun_run(), selection=NOTHING_YET)
        self._mark(self._catalogue, ())
        if self._used_id:
            msg = (
                f"PRODSTATUS_RUN_ID {self.settings.run_id!r}: {self.settings.record} is the record "
                "of a finished run with this id, and nothing is confirmed of it any more; give "
                "every run an id of its own"
            )
            raise pytest.UsageError(msg)

    def _open(self) -> None:
        """Lock the outputs, read the last record, and create the run's data; only once."""
        if self._run is not None:
            return
        settings = self.settings
        self.outputs.lock()
        self._former = self.outputs.last_record()
        last = self._former.run.id if self._former else None
        # A gate that is asked about this id from now on must not read the former run's record.
        self._used_id = settings.run_id_given and last == settings.run_id
        if settings.ephemeral:
            self._former = None  # it is of another system of the same name
        suite = suite_commit(settings.root)
        if suite.problem:
            self.outputs.notices.append(f"the suite's commit isn't known: {suite.problem}")
        self._run = Run(
            id=settings.run_id,
            target=settings.target,
            subject=Subject(release=settings.subject),
            started=clock.now(),
            finished=None,
            commit=suite.commit,
            no_commit=suite.problem or None,
            dirty=suite.dirty,
            catalogue=settings.config.catalogue.digest,
            machine=this_machine(),
        )

    def basis(self) -> Basis:
        """Return what is known of earlier runs, for the choice of what is unmet."""
        from pytest_prodstatus.model.unmet import Basis

        self._open()
        return Basis(
            run=self._begun_run(),
            former=self._former,
            untrusted=self.outputs.untrusted,
            killed=self.outputs.killed,
            starts_unknown=self._starts_unknown,
        )

    @property
    def _starts_unknown(self) -> str:
        """Why it isn't known what earlier runs have started; "" if it is."""
        if self.settings.ephemeral:
            return ""  # no earlier run acted on this system
        if self.outputs.killed:
            return f"run {self.outputs.killed.run} was killed"
        if self._former is not None and self._former.run.starts_unknown is True:
            return "a record before the last one, or of a shard, is lost"
        return self.outputs.unread

    def _mark(self, catalogue: Catalogue, criteria: Collection[Criterion]) -> None:
        """Write that nothing is confirmed yet, and note an incident if that fails."""
        self._marked = tuple(stage.id for stage in catalogue.stages)
        self.outputs.begin(self._marker(catalogue, criteria))
        if self.outputs.unmarked:
            self.incidents.note("outputs", self.outputs.unmarked, Kind.INCONCLUSIVE)

    def _marker(
        self, catalogue: Catalogue, criteria: Collection[Criterion], why: Reason = IN_PROGRESS
    ) -> Record:
        """Return the record of a run in progress, or that was broken off, without secrets."""
        if self._run is None:
            msg = "a run is marked only after it began"
            raise RuntimeError(msg)
        run = replace(self._run, incidents=(why,))
        marker = marker_of(run, self.settings.gate, catalogue, criteria, self._former, why=why)
        return self.redaction.record(marker)

    def begin(self, manifest: Manifest) -> None:
        """Fix the catalogue, and overwrite the last outputs with "nothing is confirmed yet".

        Raises:
            pytest.UsageError: the collected criteria make no catalogue, a newer release wrote the
                last record, or another report is to be written over ours; nothing was written.
        """
        if not self.settings.judges:
            return
        if self._manifest is not None:
            if manifest.error:
                self.incidents.note_manifest(manifest.error)
            return
        wanted = self.settings.requested or manifest.selected > 0
        self.redaction.switch(self.config, on=bool(wanted))
        if not wanted:
            if manifest.error:
                raise pytest.UsageError(manifest.error)
            return
        self.outputs.refuse_reports(self.config)
        self._open()
        for file, reason in manifest.missing.items():
            if file not in self._missing:  # a hook made a pass of its report
                self._note_missing(file, file, reason)
        for nodeid, why in manifest.left_out.items():
            self.incidents.note("left out", why.text, why.kind, why.remedy, of=nodeid)
        narrowed = restriction(self.settings, self.config)
        self._restricted = bool(narrowed)
        known = tuple(s.id for s in self._former.stages) if self._former else ()
        found = checked_catalogue(self.settings, manifest, known if narrowed else ())
        self._catalogue = found.at(self._begun_run().started)
        self._manifest = manifest
        self._presence = self._seen_files(manifest)
        self.criteria = self.attempts.criteria = manifest.criteria
        unsaid = self._begun_run().selection == NOTHING_YET
        self._run = replace(
            self._begun_run(),
            selection=selection_words(self.settings, self.config, narrowed),
            versions=versions(self.config),
        )
        # An export names each criterion: some tools show a report without tests as green.
        named = manifest.criteria.values() if self.settings.config.exports else ()
        if named or self._marked != tuple(stage.id for stage in self._catalogue.stages):
            self._mark(self._catalogue, named)
        elif unsaid:
            self.outputs.say_begun(self._marker(self._catalogue, ()))
        self._refuse_to_act()

    def _seen_files(self, manifest: Manifest) -> Presence:
        """Return what is known of the tests' files, as they are before the first test.

        A test may change them, and even take from Python what it needs to read them.
        """
        from pytest_prodstatus.presence import seen_files

        return seen_files(
            self.settings, self.config, self._former, manifest, restricted=self._restricted
        )

    def _refuse_to_act(self) -> None:
        """Refuse a run whose workers can no longer be stopped from acting on the world.

        Raises:
            pytest.UsageError: it has criteria with side effects; one sentence.
        """
        problem = self.outputs.unmarked
        collects_here = not self.config.pluginmanager.hasplugin("dsession")
        if not problem or collects_here or self.settings.requested:
            return
        acting = [criterion.id for criterion in self.criteria.values() if criterion.side_effects]
        if acting:
            msg = f"{problem}; so {acting[0]}, which acts on the world, must not start"
            raise pytest.UsageError(msg)

    def note_broken_off(self) -> None:
        """Write why nothing is confirmed, if an error ends pytest before it collects anything."""
        error = raised()
        catalogue = self._catalogue
        if not error or catalogue is None or self.record or self._manifest is not None:
            return
        text = self.redaction.text(f"{BROKEN_OFF}: {error}")
        remedy = "correct what pytest's error names, and run again"
        why = Reason(text=text, kind=Kind.NOT_RUN, remedy=remedy)
        # Still a run without an end: the last finished record is kept inside.
        self.outputs.begin(self._marker(catalogue, (), why))

    def take_back(self) -> None:
        """Put back what `start` overwrote: the run turns out to be about something else."""
        self.outputs.restore()

    def release(self) -> None:
        """Unlock the output folder, and drop the criteria and their results."""
        self.outputs.release()
        self.criteria = self.attempts.criteria = {}
        # Without a catalogue it writes nothing any more (`note_broken_off`).
        self.record = self._former = self._manifest = self._catalogue = None
        self._statuses = []

    def verdict_of(self, report: object) -> Verdict | None:
        """Return the verdict that one report has by itself; None if it isn't a criterion's."""
        if not isinstance(report, pytest.TestReport) or report.nodeid not in self.criteria:
            return None
        criterion = self.criteria[report.nodeid]
        required = self._catalogue is not None and self._catalogue.requires_assertion(criterion)
        return verdict_of(
            report,
            require_evidence=self.settings.config.require_evidence,
            require_assertion=required,
        )

    def finish(self, pytest_status: int) -> Record | None:
        """Judge the run, write its outputs and return its record; None if nothing is judged."""
        early = self._manifest is None and self.settings.requested
        if early and (self.started or pytest_status != pytest.ExitCode.USAGE_ERROR):
            # The run ended before the collection was complete.
            self.incidents.note_early_end(pytest_status)
            known = next(iter(self.incidents.reasons), None)
            text = f"no test was collected{f': {known.text}' if known else ''}"
            why = Reason(text=text, kind=Kind.NOT_RUN)
            with contextlib.suppress(pytest.UsageError):
                self._missing.setdefault("", why)
                self.begin(Manifest())
        if not self.active:
            return None
        # The record says what has acted, so nothing may act after it.
        self.spool.end_claims()
        finished = clock.now()
        pytest_status = self._status_of_idle(pytest_status)
        self.attempts.read()
        run = self._begun_run()
        subject = replace(
            run.subject,
            endpoints=dict(sorted(self.attempts.endpoints.items())),
            snapshots={name: tuple(at) for name, at in sorted(self.attempts.snapshots.items())},
        )
        self._run = replace(run, finished=finished, subject=subject)
        skews = self.attempts.date(run.started, finished)
        statuses = criterion_statuses(self._run_data(), self._run, finished)
        self._statuses = self.attempts.lay_tear_downs(statuses, self._run.id)
        self._keep_attachments()
        self._note_status(pytest_status)
        self.incidents.note_skews(skews)
        record = self._restored(pytest_status) or self._write(pytest_status)
        manifest, catalogue = self._begun()
        notices = self.outputs.notices
        if self.settings.unmet:
            notices += of_unmet(
                self.basis(),
                manifest,
                catalogue,
                record,
                what=self.settings.unmet,
                kept=self.restored,
            )
        self.outputs.note_waivers(record, finished)
        self.outputs.note_unsigned(record)
        notices += of_carried(record, self._former, self.settings)
        notices += [self.redaction.unread] if self.redaction.unread else []
        notices += unwatched(self.config)
        notices += of_project(self.settings)
        return record

    def _status_of_idle(self, pytest_status: int) -> int:
        """Return pytest's exit status, or 0 for "no tests" if an option left nothing to run.

        That is `--unmet`, or a shard without a criterion; both say that others were collected.
        """
        manifest, _ = self._begun()
        left_out = manifest.met or manifest.held or manifest.elsewhere
        idle = not manifest.selected and bool(left_out)
        empty = pytest_status == pytest.ExitCode.NO_TESTS_COLLECTED
        return EXIT_OPEN if idle and empty else pytest_status

    def _restored(self, pytest_status: int) -> Record | None:
        """Put the files back if nothing is unmet, and return the record for the terminal.

        A new record would be no better, and lose its signature, its run and that it is complete.

        Returns:
            None if the run has to write its own record.
        """
        manifest, _ = self._begun()
        former, run = self._former, self._begun_run()
        if not manifest.met or manifest.selected or former is None or self.incidents:
            return None
        if self.settings.run_id_given:
            return None  # who named the run looks for its record
        record = self._composed(pytest_status)
        same = (
            former.final.verdict is record.final.verdict
            and former.run.catalogue == run.catalogue
            and run.subject.release == former.run.subject.release
        )
        confirmed = record.decision.selection.verdict is Verdict.CONFIRMED
        if not same or not confirmed or self._note_problems(self.outputs.restore()):
            return None
        self.restored = True
        self.record = Archive(self.settings.root, saves=False).keep(record).record
        return self.record

    def _keep_attachments(self) -> None:
        """Write what the criteria attached, if attachments are on."""
        self.outputs.notices += self.attempts.notices
        limits = self.settings.config.attachment_limits
        if limits is not None:
            from pytest_prodstatus.attachments import Folder

            killed = self.outputs.killed.run if self.outputs.killed else ""
            folder = Folder(self.settings.record.parent, limits)
            self._statuses, notices = folder.keep(
                self._statuses, self.spool, self.redaction.text, killed
            )
            self.outputs.notices += notices

    def end_at_deadline(self, report: pytest.TestReport | None, words: str) -> Record | None:
        """Judge a run that doesn't end by itself, with what it has observed so far.

        Args:
            report: of the test that takes no notice of the deadline, if this process runs it.
            words: the deadline.
        """
        if report is not None:
            # The hook is a generator: running it to its end takes the report in.
            deque(self.attempts.pytest_runtest_logreport(report), maxlen=0)
        text = f"it was not reached before {words} was over"
        self._unreached = Reason(text=text, kind=Kind.TIMEOUT)
        self.incidents.note(
            "deadline", f"{words} was over, and the run did not end by itself", Kind.TIMEOUT
        )
        failed = self.attempts.failed or self.attempts.failed_elsewhere
        return self.finish(EXIT_FAILED if failed else EXIT_OPEN)

    def _write(self, pytest_status: int) -> Record:
        """Compose the record, save it and publish it; again after a new failure."""
        config, layout = self.settings.config, self.settings.layout
        self.restored = False
        # Each new problem is an incident in the record, so all files are written again. It ends,
        # since each path counts once.
        while True:
            saved = self.archive.keep(self._composed(pytest_status))
            if self._note_unsaved(saved):
                continue
            published = publish_readable(saved.record, config, layout)
            new = [text for text in published.notices if text not in self.outputs.notices]
            self.outputs.notices += new
            self.outputs.exports = published.exports
            if self._note_problems(published.problems):
                continue
            self._note_once(self.archive.keep_record(published.record))
            if self._note_problems(self.outputs.publish_record(published.record)):
                continue
            if not self._note_problems(self.outputs.sign(published.record)):
                break
        self._note_once(self.archive.keep_attestations(published.record, layout.record))
        self.record = published.record
        if self.outputs.unwritten:
            self._withdraw(self.record)
        return self.record

    def _withdraw(self, record: Record) -> None:
        """Write into document, page and exports that nothing is confirmed: there is no record."""
        manifest, catalogue = self._begun()
        criteria = manifest.criteria.values()
        rule = self.settings.gate
        marker = marker_of(record.run, rule, catalogue, criteria, why=UNWRITTEN)
        publish_readable(self.redaction.record(marker), self.settings.config, self.settings.layout)

    def _note_unsaved(self, saved: Saved) -> bool:
        """Note that the history wasn't saved; return whether that is new and changes the record."""
        if saved.clash and saved.clash not in self.outputs.notices:
            self.outputs.notices.append(saved.clash)
        if saved.unsaved is None:
            return False
        if self.settings.config.require_history and not self.settings.ephemeral:
            known = len(self.incidents)
            self.incidents.keep("history", saved.unsaved)
            return len(self.incidents) > known
        if saved.tried:
            self._note_once(saved.unsaved.text)
        return False

    def _note_once(self, text: str) -> None:
        """Add a notice, unless it is empty or there already."""
        if text and text not in self.outputs.notices:
            self.outputs.notices.append(text)

    def _note_problems(self, problems: Sequence[Problem]) -> bool:
        """Note what could not be written; return whether any of it is new."""
        known = len(self.incidents)
        for problem in problems:
            self.outputs.problems.append(problem)
            self.incidents.note("output", problem.text, Kind.INCONCLUSIVE, of=str(problem.path))
        return len(self.incidents) > known

    def _composed(self, pytest_status: int) -> Record:
        """Return the record of what is known by now, without secrets."""
        file = self._uncollected
        run = replace(
            self._begun_run(),
            incidents=self.incidents.reasons,
            rest_unknown=True if file else UNSET,
        )
        run_data, rule = self._run_data(), self.settings.gate
        rest = rest_of(file) if file and not self.settings.run_id_given else None
        record = compose(run_data, self._statuses, run, rule, pytest_status, rest=rest)
        if self.outputs.unwritten and rule is not Rule.OFF:
            # Without a record there is no verdict: 11.
            status = worse_status(EXIT_UNWRITTEN, record.decision.exit_code)
            record = replace(record, decision=replace(record.decision, exit_code=status))
        partial = record.decision.selection.partial
        if partial and self._starts_unknown:
            record = replace(record, run=replace(record.run, starts_unknown=True))
        if self.settings.run_id_given and (partial or self.settings.shard is not None):
            # It looked at a part only, or was started to: a shard may happen to get every
            # criterion. The merged record decides.
            closed = replace(record.decision, open=False)
            record = replace(record, run=replace(record.run, shard=True), decision=closed)
        if self.outputs.unsigned:
            record = replace(record, decision=record.decision.without_signature())
        record = replace(record, waivers=self.settings.config.waivers.given)
        return self.redaction.record(record)

    @cached_property
    def _uncollected(self) -> str:
        """A file with criteria that neither this run nor an earlier one collected as a whole."""
        former, settings, config = self._former, self.settings, self.config
        known = former is not None and former.run.rest_unknown is not True
        if known or covers_suite(settings, config):
            return ""
        from pytest_prodstatus.presence import uncollected

        manifest, _ = self._begun()
        names, skip = (config.getini(name) for name in ("python_files", "norecursedirs"))
        files = [manifest.paths.get(file) or file for file in manifest.files]
        return uncollected(suite_of(settings, config), config.rootpath, files, names, skip)

    def reconsider(self, status: int) -> int:
        """Judge again with the exit status that another plugin may have set, and never better it.

        A status that no criterion explains closes the gate, unless the project ignores it.

        Returns:
            The exit status that the run must end with.
        """
        if self.record is None:
            return status
        # A hook may put back what pytest ended with, as syrupy's does.
        status = self._status_of_idle(status)
        self._note_status(status)
        known = self.record.run.incidents
        final = worse_status(self._own_status(), status)
        changed = self._changed or any(one not in known for one in self.incidents.reasons)
        if changed or final != self.record.decision.exit_code:
            self._write(status)
            self._changed = False
            final = worse_status(self._own_status(), status)
        return final

    def note_late_tear_downs(self, late: LateTearDowns) -> None:
        """Lay on its users what was torn down after the run was judged, and did not pass."""
        if self.record is not None and late.torn:
            detail = traceback_of(late.error) if late.error else ""
            self.attempts.note_torn(late.torn, self.redaction.text(detail))
            run_id = self._begun_run().id
            self._statuses = self.attempts.lay_tear_downs(self._statuses, run_id)
            self._changed = True

    def note_late_failure(self, error: BaseException) -> None:
        """Note that a hook raised after the run was judged; it closes the gate."""
        if self.record is not None:
            self.incidents.note_late_failure(error)

    def _own_status(self) -> int:
        """Return the exit status from the record, or the one for a record that isn't there."""
        if self.outputs.unwritten and self.settings.gate is not Rule.OFF:
            return EXIT_UNWRITTEN
        return self.record.decision.exit_code if self.record else EXIT_BLOCKED

    def _note_status(self, status: int) -> None:
        """Note an exit status of pytest that no criterion explains, unless such are ignored."""
        if self.settings.config.foreign_status == "ignore":
            return
        manifest, attempts = self._manifest, self.attempts
        # An xfail is FAILED, and pytest reports no failure of it.
        failed = any(one.selected and one.verdict is Verdict.FAILED for one in self._statuses)
        self.incidents.note_status(
            status,
            attempts.failed_elsewhere,
            failed=attempts.failed or failed,
            held=manifest is not None and bool(manifest.held),
            selected=manifest is not None and bool(manifest.selected),
        )

    def _run_data(self) -> RunData:
        """Return what is known of the run, as the rules of the model need it."""
        manifest, catalogue = self._begun()
        out = AllBut(manifest.criteria[nodeid].id for nodeid in manifest.deselected)
        known = self._presence._asdict() if self._presence else {}
        return RunData(
            **known,
            catalogue=catalogue,
            collected=manifest.criteria.values(),
            selected=out,
            observe=self.attempts.observe,
            stages=self._stages(catalogue, manifest),
            restricted=self._restricted,
            files=manifest.files,
            missing=self._missing,
            former=self._former,
            untrusted=self.outputs.untrusted,
            killed=self.outputs.killed,
            unreached=self._unreached,
            require_evidence=self.settings.config.require_evidence,
            met=bool(manifest.met) or manifest.elsewhere,
            held=frozenset(manifest.criteria[nodeid].id for nodeid in manifest.held),
            starts_unknown=self._starts_unknown,
        )

    def _stages(self, catalogue: Catalogue, manifest: Manifest) -> frozenset[str] | None:
        """Return the stages to which the run was limited; None for no limit.

        `--unmet` alone is about all stages: one without any criterion must not pass.
        """
        limited = self.settings.stage_closure(catalogue)
        alone = self._begun_run().selection == f"--unmet={self.settings.unmet}"
        if limited is not None or not alone or not (manifest.met or manifest.held):
            return limited
        return frozenset(stage.id for stage in catalogue.stages if stage.applies)

    def marker(self) -> Record:
        """Return the record of this run while it is in progress, with all its criteria.

        Raises:
            RuntimeError: the run hasn't begun.
        """
        manifest, catalogue = self._begun()
        return self._marker(catalogue, manifest.criteria.values())

    def _begun(self) -> tuple[Manifest, Catalogue]:
        """Return manifest and catalogue; raise RuntimeError before the run began."""
        if self._manifest is None or self._catalogue is None:
            msg = "a run is judged only after it began"
            raise RuntimeError(msg)
        return self._manifest, self._catalogue

    def _begun_run(self) -> Run:
        """Return the run's data; raise RuntimeError before the run began."""
        if self._run is None:
            msg = "a run is judged only after it began"
            raise RuntimeError(msg)
        return self._run

    def note_missing(self, report: pytest.CollectReport) -> None:
        """Note a file that failed to collect or skipped itself."""
        file = report.nodeid.partition("::")[0]
        self._note_missing(file, report.nodeid, missing_of(report))

    def _note_missing(self, file: str, nodeid: str, reason: Reason) -> None:
        """Note why a file, or what has a node id in it, was not collected."""
        self._missing.setdefault(file, reason)
        # The criteria of a file that skipped itself are unknown, so it caps FINAL as well.
        path = self.config.rootpath / file
        if reason.kind is not Kind.SKIPPED or holds_criteria(self.settings, path):
            self.incidents.note_missing(nodeid, reason)

    def note_end(self, end: End, text: str, worker: str = "") -> None:
        """Note what happened in a process after its last test.

        Args:
            end: what.
            text: more of it.
            worker: the worker's id; "" for this process.
        """
        if end is End.LEFT:
            where = f" of worker {worker}" if worker else ""
            self._note_once(
                f"the thread {self.redaction.text(text)}{where} goes on after the last test, and "
                "what it raises isn't noticed: let the test that starts it wait for it"
            )
        else:
            self.incidents.note_end(end, text, worker)

    def note_worker_down(self, worker: str, error: object, end: str) -> None:
        """Note a worker that died or was interrupted.

        Args:
            worker: its id.
            error: what xdist says.
            end: how its process ended (`process_end.end_of`); "" if that isn't known.
        """
        if error == "keyboard-interrupt":
            self.attempts.interrupted.add(worker)
            self.incidents.note("down", f"worker {worker} was interrupted", Kind.NOT_RUN, of=worker)
        else:
            self.attempts.ends[worker] = end
            self.incidents.note(
                "down", f"worker {worker} died: {end or error}", Kind.CRASH, of=worker
            )
