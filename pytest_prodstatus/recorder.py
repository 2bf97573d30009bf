"""The side that judges: from reports to the record, the outputs and the exit status.

It is registered in a serial run's only process, and in the controller under xdist.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Mapping, Sequence

import pytest
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.attempts import Attempts
from pytest_prodstatus.criteria import AllBut, Manifest
from pytest_prodstatus.model.assemble import IN_PROGRESS, compose, marker_of
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage
from pytest_prodstatus.model.criterion_status import Facts, standings_of
from pytest_prodstatus.model.outcome import CRASHED, Observation, doubted
from pytest_prodstatus.model.record import Record, Run, Standing, Subject
from pytest_prodstatus.model.text import several_lines
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
from pytest_prodstatus.outputs import Outputs
from pytest_prodstatus.publish import Archive, Problem
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.reports import Payload, missing_of, verdict_of
from pytest_prodstatus.settings import (
    Settings,
    checked_catalogue,
    holds_criteria,
    restriction,
    selection_words,
    suite_commit,
    versions,
)
from pytest_prodstatus.spool import Spool, worker_id
from pytest_prodstatus.undisturbed import undisturbed

OURS = (EXIT_OPEN, EXIT_BLOCKED, EXIT_UNWRITTEN)
"""Exit statuses that only this plugin gives, or that say nothing went wrong."""
COLLECTION = "collection"
"""The sort of incident that a file did not collect."""


class Recorder:
    """One run as seen by the process that judges it.

    Attributes:
        record: of the run, once it has ended.
        criteria: by their node ids; none before the run has begun.
        aside: reports that a phase passed, of any test, which weren't read yet.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, spool: Spool, redaction: Redaction
    ) -> None:
        self.config = config
        self.settings = settings
        self.spool = spool
        self.redaction = redaction
        self.outputs = Outputs(settings)
        self.archive = Archive(settings.root, saves=settings.saves)
        self.record: Record | None = None
        self.criteria: Mapping[str, Criterion] = {}
        self._manifest: Manifest | None = None
        self._catalogue: Catalogue | None = None
        self._former: Record | None = None
        self._run: Run | None = None
        self._restricted = False
        self._attempts = Attempts()
        self.aside = self._attempts.aside
        self._doubts: dict[str, tuple[Reason, str]] = {}
        self._missing: dict[str, Reason] = {}
        self._incidents: dict[tuple[str, str], Reason] = {}
        self._interrupted: set[str] = set()
        self._marked: tuple[str, ...] | None = None
        self._used_id = False
        self._failed = False
        self._failed_elsewhere: list[str] = []
        self._standings: list[Standing] = []

    @property
    def active(self) -> bool:
        """Whether the criteria of the run are known: it has some to run, or was asked to judge."""
        return self._manifest is not None

    @property
    def started(self) -> bool:
        """Whether the run has written that nothing is confirmed."""
        return self._marked is not None

    def start(self) -> None:
        """Write that nothing is confirmed over the last outputs, before anything is collected.

        Without a project there may be nothing to write over; then this waits for `begin`.

        Raises:
            pytest.UsageError: another run writes the folder or the last record is a newer
                release's, and nothing was written; or the run's id was used before.
        """
        if self.started or not (self.settings.has_project or self.outputs.exist):
            return
        self._open()
        declared = self.settings.config.catalogue
        stages = self._former.stages if self._former and not declared.declared else ()
        known = tuple(Stage(id=stage.id, title=stage.title) for stage in stages)
        self._catalogue = declared if declared.declared else Catalogue(stages=known, declared=False)
        self._mark(self._catalogue, ())
        if self._used_id:
            msg = (
                f"PRODSTATUS_RUN_ID {self.settings.run_id!r}: {self.settings.record} is the record "
                "of a finished run with this id, and nothing is confirmed of it any more; give "
                "every run an id of its own"
            )
            raise pytest.UsageError(msg)

    def _open(self) -> None:
        """Lock the outputs, read what the last run left, and begin the run's own data, once."""
        if self._run is not None:
            return
        settings = self.settings
        self.outputs.lock()
        self._former = self.outputs.last_record()
        last = self._former.run.id if self._former else None
        # Whoever asks the gate about this id now must not hear of the run that had it before.
        self._used_id = settings.run_id_given and last == settings.run_id
        commit, dirty = suite_commit(settings.root)
        self._run = Run(
            id=settings.run_id,
            target=settings.target,
            subject=Subject(release=settings.subject),
            started=clock.now(),
            finished=None,
            commit=commit,
            dirty=dirty,
            catalogue=settings.config.catalogue.digest,
        )

    def _mark(self, catalogue: Catalogue, criteria: Collection[Criterion]) -> None:
        self._marked = tuple(stage.id for stage in catalogue.stages)
        self.outputs.begin(self._marker(catalogue, criteria))
        if self.outputs.unmarked:
            self.incident("outputs", self.outputs.unmarked, Kind.INCONCLUSIVE)

    def _marker(self, catalogue: Catalogue, criteria: Collection[Criterion]) -> Record:
        if self._run is None:
            msg = "a run is marked only after it began"
            raise RuntimeError(msg)
        run = replace(self._run, incidents=(IN_PROGRESS,))
        marker = marker_of(run, self.settings.gate, catalogue, criteria, self._former)
        return self.redaction.record(marker)

    @undisturbed()
    def begin(self, manifest: Manifest) -> None:
        """Fix the catalogue, and write over the last outputs that nothing is confirmed yet.

        Raises:
            pytest.UsageError: what was collected makes no catalogue, or the last record is a newer
                release's; nothing was written.
        """
        if self._manifest is not None or not self.settings.judges:
            return
        wanted = self.settings.asked or manifest.selected > 0
        self.redaction.switch(self.config, on=bool(wanted))
        if not wanted:
            if manifest.error:
                raise pytest.UsageError(manifest.error)
            return
        self._open()
        for file, reason in manifest.missing.items():
            self._missing.setdefault(file, reason)
        narrowed = restriction(self.settings, self.config)
        self._restricted = bool(narrowed)
        known = tuple(s.id for s in self._former.stages) if self._former else ()
        self._catalogue = checked_catalogue(self.settings, manifest, known if narrowed else ())
        self._manifest, self.criteria = manifest, manifest.criteria
        self._run = replace(
            self._begun_run(),
            selection=selection_words(self.settings, self.config, narrowed),
            versions=versions(self.config),
        )
        # Another tool, too, may take a report of no test for a green one.
        named = manifest.criteria.values() if self.settings.config.exports else ()
        if named or self._marked != tuple(stage.id for stage in self._catalogue.stages):
            self._mark(self._catalogue, named)
        self._refuse_to_act()

    def _refuse_to_act(self) -> None:
        """Refuse a run whose workers can't be told any more that nothing may act on the world.

        Raises:
            pytest.UsageError: it has criteria with side effects; one sentence.
        """
        problem = self.outputs.unmarked
        collects_here = not self.config.pluginmanager.hasplugin("dsession")
        if not problem or collects_here or self.settings.asked:
            return
        acting = [criterion.id for criterion in self.criteria.values() if criterion.side_effects]
        if acting:
            msg = f"{problem}; so {acting[0]}, which acts on the world, must not start"
            raise pytest.UsageError(msg)

    def forget(self) -> None:
        """Let go of the criteria and of what became of them, once nobody asks for them."""
        self.criteria = {}
        self.record = self._former = self._manifest = None
        self._standings = []

    def incident(
        self, what: str, text: str, kind: Kind, remedy: str | None = None, *, of: str = ""
    ) -> None:
        """Note something that went wrong outside any criterion; it caps FINAL.

        Args:
            what: the sort of incident.
            text: one sentence about it.
            kind: the kind of reason that it is.
            remedy: what to do about it.
            of: what it happened to; of each only the first incident of a sort is kept.
        """
        text = self.redaction.text(text)
        self._incidents.setdefault((what, of), Reason(text=text, kind=kind, remedy=remedy))

    def read(self) -> None:
        """Read the reports that were put aside."""
        self._attempts.read(self.criteria)

    def take(self, report: pytest.TestReport) -> None:
        """Take in one report about any test; nothing in a run that isn't judged."""
        if not self.active:
            return
        if self._attempts.put_aside(report):
            return
        if report.nodeid not in self.criteria:
            if report.failed:
                self._failed_elsewhere.append(report.nodeid)
            return
        if report.when == CRASHED and worker_id(getattr(report, "node", None)) in self._interrupted:
            return  # it was told to stop: xdist takes that for a crash
        self.read()
        self._failed = self._failed or report.failed
        self._attempts.add(report)

    def verdict_of(self, report: object) -> Verdict | None:
        """Return what one report says by itself of a criterion; None where it says nothing."""
        if not isinstance(report, pytest.TestReport) or report.nodeid not in self.criteria:
            return None
        return verdict_of(report, require_evidence=self.settings.config.require_evidence)

    @undisturbed()
    def finish(self, pytest_status: int) -> Record | None:
        """Judge the run, write its outputs and return its record; None where nothing is judged."""
        early = self._manifest is None and self.settings.asked
        if early and (self.started or pytest_status != pytest.ExitCode.USAGE_ERROR):
            # No process came as far as its first test.
            self._note_early_end(pytest_status)
            known = next(iter(self._incidents.values()), None)
            text = f"no test was collected{f': {known.text}' if known else ''}"
            why = Reason(text=text, kind=Kind.NOT_RUN)
            with contextlib.suppress(pytest.UsageError):
                self._missing.setdefault("", why)
                self.begin(Manifest())
        if not self.active:
            return None
        finished = clock.now()
        self.read()
        run = self._begun_run()
        subject = replace(
            run.subject,
            endpoints=dict(sorted(self._attempts.endpoints.items())),
            snapshots={name: tuple(at) for name, at in sorted(self._attempts.snapshots.items())},
        )
        self._run = replace(run, finished=finished, subject=subject)
        self._standings = standings_of(self._facts(), self._run, finished)
        self._note_status(pytest_status)
        record = self._write(pytest_status)
        self.outputs.note_waivers(record, finished)
        if not self.settings.has_project:
            self.outputs.notices.append(
                "no [tool.prodstatus] here or above: nothing is declared, so nothing that is "
                "missing can be noticed; prodstatus gate needs --root"
            )
        return record

    def _write(self, pytest_status: int) -> Record:
        """Compose the record, keep its history, and write the outputs."""

        def composed(problems: Sequence[Problem]) -> Record:
            for path, text in problems:
                self.incident("output", text, Kind.INCONCLUSIVE, of=str(path))
            kept = self.archive.keep(self._composed(pytest_status))
            if kept.unsaved and self.settings.config.require_history:
                self._incidents.setdefault(("history", ""), kept.unsaved)
                return self.archive.keep(self._composed(pytest_status)).record
            if kept.unsaved and kept.tried and kept.unsaved.text not in self.outputs.notices:
                self.outputs.notices.append(kept.unsaved.text)
            return kept.record

        self.record = self.outputs.finish(composed)
        return self.record

    def _composed(self, pytest_status: int) -> Record:
        run = replace(self._begun_run(), incidents=tuple(self._incidents.values()))
        facts, rule = self._facts(), self.settings.gate
        record = compose(facts, self._standings, run, rule, pytest_status)
        if self.outputs.unwritten and rule is not Rule.OFF:
            status = worse_status(EXIT_UNWRITTEN, record.decision.exit_code)
            record = replace(record, decision=replace(record.decision, exit_code=status))
        if self.settings.run_id_given and record.decision.selection.partial:
            closed = replace(record.decision, open=False)
            record = replace(record, run=replace(record.run, shard=True), decision=closed)
        return self.redaction.record(record)

    def reconsider(self, status: int) -> int:
        """Return the exit status after another plugin may have changed it: never a better one.

        A status that no criterion explains closes the gate, unless the project ignores it.
        """
        if self.record is None:
            return status
        self._note_status(status)
        if any(reason not in self.record.run.incidents for reason in self._incidents.values()):
            self._write(status)
        final = worse_status(self._own_status(), status)
        if final != self.record.decision.exit_code:
            decision = replace(self.record.decision, exit_code=final)
            self.record = replace(self.record, decision=decision)
            self.outputs.rewrite_record(self.record)
            final = worse_status(self._own_status(), status)
        return final

    def note_late_failure(self, error: BaseException) -> None:
        """Note that another plugin's hook raised after the run was judged; it closes the gate."""
        if self.record is not None:
            text = f"a hook raised {type(error).__name__} when the session ended: {error}"
            self.incident("late", text, Kind.CRASH, "look at pytest's own error")

    def _own_status(self) -> int:
        """Return the exit status that the run has by its record, or because it has none."""
        if self.outputs.unwritten and self.settings.gate is not Rule.OFF:
            return EXIT_UNWRITTEN
        return self.record.decision.exit_code if self.record else EXIT_BLOCKED

    def _note_early_end(self, status: int) -> None:
        """Note an exit status that the run has before its first test, unless its cause is known."""
        if (
            status not in OURS
            and not self._incidents
            and status != pytest.ExitCode.NO_TESTS_COLLECTED
        ):
            text = f"pytest ended with exit status {status} before it collected a test"
            self.incident("status", text, Kind.NOT_RUN, "look at pytest's own error")

    def _note_status(self, status: int) -> None:
        """Note an exit status of pytest that no criterion explains."""
        if status in OURS or self.settings.config.foreign_status == "ignore":
            return
        if status == EXIT_FAILED and not self._failed_elsewhere:
            explained = self._failed or bool(self._incidents)
        else:
            explained = status != EXIT_FAILED and bool(self._incidents)
        if explained:
            return
        remedy = 'look at what else pytest reports, or set foreign_status = "ignore"'
        more = len(self._failed_elsewhere) - 1
        if status == EXIT_FAILED and more >= 0:
            others = f" and {more} more" if more else ""
            text = f"{self._failed_elsewhere[0]}{others} failed, which is no criterion"
        elif self._manifest and self._manifest.selected:
            text = f"pytest ended with exit status {status}, which no criterion explains"
        else:
            text = f"pytest ended with exit status {status}, and no criterion was run"
            remedy = "look at what pytest reports"
        self.incident("status", text, Kind.INCONCLUSIVE, remedy)

    def _facts(self) -> Facts:
        manifest, catalogue = self._begun()
        out = AllBut(manifest.criteria[nodeid].id for nodeid in manifest.deselected)
        return Facts(
            catalogue=catalogue,
            collected=manifest.criteria.values(),
            selected=out,
            observe=self._observe,
            stages=self.settings.stage_closure(catalogue),
            restricted=self._restricted,
            files=manifest.files,
            missing=self._missing,
            former=self._former,
        )

    def marker(self) -> Record:
        """Return the record of this run while it is in progress, its criteria by name.

        Raises:
            RuntimeError: it hasn't begun.
        """
        manifest, catalogue = self._begun()
        return self._marker(catalogue, manifest.criteria.values())

    def _begun(self) -> tuple[Manifest, Catalogue]:
        if self._manifest is None or self._catalogue is None:
            msg = "a run is judged only after it began"
            raise RuntimeError(msg)
        return self._manifest, self._catalogue

    def _begun_run(self) -> Run:
        if self._run is None:
            msg = "a run is judged only after it began"
            raise RuntimeError(msg)
        return self._run

    def _observe(self, criterion: Criterion) -> Observation | None:
        """Return what the reports say of a criterion, once; None where no report spoke of it."""
        nodeid, acts = criterion.nodeid, criterion.side_effects
        crashed = acts and any(p.when == CRASHED for p in self._attempts.phases(nodeid))
        required = self.settings.config.require_evidence
        seen = self._attempts.take(nodeid, side_effects=acts, require_evidence=required)
        if seen and crashed:
            lines = self.spool.read_evidence(criterion.id)
            seen = replace(seen, evidence=tuple(map(Payload.entry_from_text, lines)))
        if seen and nodeid in self._doubts:
            seen = doubted(seen, *self._doubts[nodeid])
        return seen

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in one report about a file that failed to collect or skipped itself."""
        if report.passed:
            return
        reason = missing_of(report)
        file = report.nodeid.partition("::")[0]
        self._missing.setdefault(file, reason)
        # Nobody knows which criteria a file has that skipped itself, so it caps FINAL as well.
        path = self.config.rootpath / file
        if report.failed or reason.kind is not Kind.SKIPPED or holds_criteria(self.settings, path):
            self._incidents.setdefault((COLLECTION, report.nodeid), reason)

    @pytest.hookimpl
    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str
    ) -> None:
        """Note what a criterion was warned of that makes its pass worth nothing.

        It comes once the criterion has ended, of all its attempts together.
        """
        if when != "runtest" or nodeid not in self.criteria:
            return
        # Not above, since few runs have such a warning, and every judged run pays for the import.
        from pytest_prodstatus.reports import doubt_of

        told = str(warning_message.message)  # redacted by now
        reason = doubt_of(warning_message.category, told)
        if reason is not None:
            detail = several_lines(told) if "\n" in told else ""
            self._doubts.setdefault(nodeid, (reason, detail))

    @pytest.hookimpl
    def pytest_internalerror(self, excrepr: object) -> None:
        """Note pytest's own failure."""
        last = (str(excrepr).strip().splitlines() or ["no more is known"])[-1]
        self.incident("internal", f"pytest failed in itself: {last}", Kind.CRASH)

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that the run was cut short."""
        if not any(what == COLLECTION for what, _ in self._incidents):
            told = str(excinfo.value) or excinfo.typename
            self.incident("interrupt", f"the run was interrupted: {told}", Kind.NOT_RUN)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: object) -> None:  # noqa: ARG002
        """Begin with the first worker's manifest."""
        worker = worker_id(node)
        text = self.spool.read_manifest(worker)
        if text is None:
            told = f"worker {worker} left no list of what it collected"
            self.incident("manifest", told, Kind.CRASH, of=worker)
        elif self._manifest is None:
            self.begin(Manifest.from_json(text))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        """Note a worker that died."""
        worker = worker_id(node)
        if error == "keyboard-interrupt":
            self._interrupted.add(worker)
            self.incident("down", f"worker {worker} was interrupted", Kind.NOT_RUN, of=worker)
        elif error:
            self.incident("down", f"worker {worker} died: {error}", Kind.CRASH, of=worker)
