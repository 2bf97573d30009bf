"""One process's part in a run: the object that pytest's hooks reach.

A run may have criteria even if no option asks for them, so the hooks about collection are always
on. The rest (settings, redaction, collector, observer, recorder) is made when it is first needed:
if the run is asked to judge, a test is marked with a stage, or a file did not collect. Every run of
pytest imports this module, so it imports nothing but what a run without criteria needs.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.left_out import LeftOut, left_out
from pytest_prodstatus.options import (
    BASIS,
    RUN_ID,
    STAGE_MARK,
    asks_to_judge,
    early_conftests,
    given,
    judges,
    known_before_conftests,
    worker_input,
)
from pytest_prodstatus.spool import Spool

if TYPE_CHECKING:
    from pytest_prodstatus.collector import Collector
    from pytest_prodstatus.criteria import Manifest
    from pytest_prodstatus.deadline import Deadline
    from pytest_prodstatus.incidents import End
    from pytest_prodstatus.integrations.junitxml import JUnitXml
    from pytest_prodstatus.model.catalogue import Criterion
    from pytest_prodstatus.model.unmet import Basis
    from pytest_prodstatus.observer import Observer
    from pytest_prodstatus.recorder import Recorder
    from pytest_prodstatus.redaction import Redaction
    from pytest_prodstatus.scopes import Scopes
    from pytest_prodstatus.settings import Settings
    from pytest_prodstatus.terminal import TerminalWords
    from pytest_prodstatus.unseen import Threads
    from pytest_prodstatus.xdist import Worker

_LOOPS = (
    "-f (--looponfail) runs tests again whenever a file changes, so it can't judge criteria: leave "
    "-f out, or select other tests, as with -m 'not production'"
)
"""Why xdist's `-f` is refused: a criterion could act each time that a file is saved."""
_SESSION = pytest.StashKey["Session"]()


def session_of(config: pytest.Config) -> Session:
    """Return this process's session, which is made on first use."""
    if _SESSION not in config.stash:
        config.stash[_SESSION] = Session(config)
    return config.stash[_SESSION]


class Session:
    """What this process knows and does of one run.

    Attributes:
        config: pytest's.
        active: the run is, or may be, one to judge: the rest was made.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.active = False
        self._process = getpid()
        self._started = False
        self._collected: list[pytest.Item] = []
        self._files: set[str] = set()
        self._parts: dict[str, frozenset[str]] = {}
        self._left_out: list[LeftOut] = []
        self._deselected: set[str] = set()
        self._words: TerminalWords | None = None
        self._junit: JUnitXml | None = None
        self._worker: Worker | None = None
        self._threads: Threads | None = None  # until everything is collected
        self._began = clock.elapsed()
        self._deadline: Deadline | None = None
        self._sign_key: str | None = None
        self._unjudged = False
        self._loops = False

    # Parts that are made when first needed. Whether this is an xdist worker is not known before
    # the conftests are loaded.

    @property
    def is_worker(self) -> bool:
        """Whether this is an xdist worker, whose controller judges."""
        return hasattr(self.config, "workerinput")

    @cached_property
    def run_id(self) -> str:
        """The run's id, the same in every process of it."""
        named = worker_input(self.config).get("prodstatus_run_id")
        named = named or os.environ.get(RUN_ID, "").strip()
        return named or f"{clock.now():%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"

    @cached_property
    def spool(self) -> Spool:
        """The folder for what a dying process leaves behind."""
        return Spool(worker_input(self.config).get("prodstatus_spool"))

    @cached_property
    def settings(self) -> Settings:
        """The run's settings.

        Raises:
            pytest.UsageError: an option or the project's configuration is unusable; one sentence.
        """
        from pytest_prodstatus.settings import resolve

        return resolve(self.config, self.run_id)

    @cached_property
    def redaction(self) -> Redaction:
        """The object that takes secrets out of what this process prints and hands on."""
        from pytest_prodstatus.redaction import Redaction

        redaction = Redaction(self.settings)
        if self._sign_key:
            from pytest_prodstatus.sign_key import secrets_in

            for part in secrets_in(self._sign_key):
                redaction.register(part)
        return redaction

    @cached_property
    def collector(self) -> Collector:
        """The object that finds and selects the criteria of this process."""
        from pytest_prodstatus.collector import Collector

        return Collector(self.settings, self.spool, self.redaction)

    @cached_property
    def observer(self) -> Observer:
        """The object that records what the criteria of this process show."""
        from pytest_prodstatus.observer import Observer

        return Observer(self.collector, self.scopes)

    @cached_property
    def scopes(self) -> Scopes:
        """The object that knows the fixtures that the tests of this process share."""
        from pytest_prodstatus.scopes import Scopes

        return Scopes(self.config.pluginmanager)

    @cached_property
    def recorder(self) -> Recorder | None:
        """The object that judges the run; None in an xdist worker."""
        if self.is_worker:
            return None
        from pytest_prodstatus.recorder import Recorder

        return Recorder(self.config, self.settings, self.spool, self.redaction, self._sign_key)

    @property
    def judge(self) -> Recorder | None:
        """The recorder, if this process judges and the session is active."""
        return self.recorder if self.active else None

    def activate(self) -> Session:
        """Take part in the run from now on, and return this session.

        Raises:
            pytest.UsageError: a setting is unusable, another run or another report writes the
                output folder, the last record is a newer release's, or the run's id was used
                before; one sentence.
        """
        if not self.active:
            self.active = True
            self._resolve_again()
            self._begin()
            settings = self.settings
            # Before the session starts, since such a report is written at its end in any case.
            if settings.judges and (settings.requested or settings.has_project) and self.recorder:
                self.recorder.outputs.refuse_reports(self.config)
            self._watch_deadline()
            self._register()
            if self._started:
                self._register_reporters()
        return self

    def _resolve_again(self) -> None:
        """Drop what began early if the settings have changed since, and put its files back.

        A conftest or plugin may have taken one of the short options, or set a variable.
        """
        if "settings" in self.__dict__:
            from pytest_prodstatus.settings import resolve

            self.run_id = os.environ.get(RUN_ID, "").strip() or self.run_id
            final = resolve(self.config, self.run_id)
            if final != self.settings:
                if self.recorder is not None:
                    self.recorder.take_back()
                self.release()
                self._deadline = None
                for name in ("redaction", "collector", "observer", "recorder"):
                    self.__dict__.pop(name, None)
                # Assigned over the cached property: all that is made later uses it.
                self.settings = final

    def begin_early(self, parser: pytest.Parser, args: list[str]) -> None:
        """Write that nothing is confirmed before any conftest is loaded, if the run is to judge.

        So the last run's verdict doesn't survive a conftest that raises, exits or never returns. An
        xdist worker writes nothing; so far only a variable of its environment identifies it. If a
        test in a worker starts pytest, that run inherits the variable, and begins when it is
        configured.

        Raises:
            pytest.UsageError: the settings can't be used, or another run writes the folder.
        """
        if "PRODSTATUS_SIGN_KEY" in os.environ:  # a run that signs nothing imports nothing for it
            from pytest_prodstatus.sign_key import take_key

            self._sign_key = take_key(os.environ)
        namespace = known_before_conftests(self.config, parser, args)
        # Noted, since xdist takes it back in the process that it starts again and again.
        self._loops = bool(getattr(namespace, "looponfail", False))
        if not judges(namespace) or not asks_to_judge(self.config, namespace=namespace):
            return
        if self._loops:
            raise pytest.UsageError(_LOOPS)
        from pytest_prodstatus.settings import resolve

        if "PYTEST_XDIST_WORKER" in os.environ:
            # What is wrong with its settings is reported when it is configured. It doesn't know its
            # run's id before that, so none is made here.
            with contextlib.suppress(pytest.UsageError):
                self._report_assertions(resolve(self.config, "", namespace=namespace))
            return
        self.settings = resolve(self.config, self.run_id, namespace=namespace)
        # pytest calls no hook if it refuses the command line.
        self.config.add_cleanup(self.release)
        self._begin()  # first of all: each failure from here on leaves nothing confirmed
        self._report_assertions(self.settings)
        self._watch_deadline()

    def _report_assertions(self, settings: Settings) -> None:
        """Let the conftests that pytest imports next report assertions, if they are counted."""
        if settings.config.catalogue.requires_assertions:
            from pytest_prodstatus.assertions import remove_stale, switch_on

            switch_on(self.config)
            for path in early_conftests(self.config):
                remove_stale(path)

    def _begin(self) -> None:
        """Write that nothing is confirmed, if the run is to judge and this process does it."""
        if self.recorder is not None and self.settings.requested and self.settings.judges:
            try:
                self.recorder.start()
            except BaseException:
                self.release()
                raise

    def _watch_deadline(self) -> None:
        """Begin to watch the run's deadline, if it has one and nothing watches it yet."""
        if self._deadline is not None or self.settings.within is None or not self.settings.judges:
            return
        from pytest_prodstatus.deadline import IGNORED, Deadline

        # The controller waits until its workers have ended, or given up.
        controls = self.config.pluginmanager.hasplugin("dsession")
        self._deadline = Deadline(
            self.settings.within,
            self._seconds_left(self.settings.within),
            is_criterion=lambda nodeid: nodeid in self.collector.criteria,
            is_judged=self._is_judged,
            clean=self.redaction.text,
            end=self._end_at_deadline,
            steps=2 * IGNORED if controls else IGNORED,
        )
        self._deadline.start(self.config)

    @property
    def seconds_left(self) -> float | None:
        """How much time the run has left by its deadline; None if it has none."""
        return self._seconds_left(self._deadline.within) if self._deadline else None

    def _seconds_left(self, within: timedelta) -> float:
        """Return how much time the run has left; a worker got that from its controller."""
        given: Any = worker_input(self.config).get("prodstatus_seconds_left")
        total = within.total_seconds() if given is None else float(given)
        return total - (clock.elapsed() - self._began)

    def _least_behind(self) -> float:
        """Return how far a worker's clock is behind its controller's at least, in seconds.

        The controller sent its instant before this process began.
        """
        given: Any = worker_input(self.config).get("prodstatus_clock", -math.inf)
        began = clock.timestamp() - (clock.elapsed() - self._began)
        return float(given) - began

    @property
    def passed_deadline(self) -> str:
        """The run's deadline in words if it has passed; else ""."""
        deadline = self._deadline
        return deadline.words if deadline is not None and deadline.passed else ""

    def _is_judged(self) -> bool:
        """Return whether the run has criteria or was asked to judge."""
        recorder = self.recorder
        judged = recorder is not None and recorder.active
        return judged or self.settings.requested or bool(self.collector.criteria)

    def _end_at_deadline(self, report: pytest.TestReport | None) -> None:
        """End this process, since nothing in it takes notice of the deadline, whose thread calls.

        A worker reports its test first; the process that judges writes its record.
        """
        from pytest_prodstatus.model.verdict import EXIT_BLOCKED

        recorder, deadline = self.recorder, self._deadline
        status = EXIT_BLOCKED
        try:
            if recorder is None:
                if report is not None:
                    self.config.hook.pytest_runtest_logreport(report=report)
            elif deadline is not None:
                record = recorder.end_at_deadline(report, deadline.words)
                if record is not None:
                    from pytest_prodstatus.writers.board import final_line

                    deadline.write(f"prodstatus: {final_line(record).text}")
                    status = record.decision.exit_code
        finally:
            self.release()
            self.spool.close()
            # No hook runs any more: the main thread, which would call them, doesn't respond.
            os._exit(status)

    def _register(self) -> None:
        """Let pytest call the hooks that only a run with criteria needs."""
        from pytest_prodstatus.reports import show_suspect_warnings
        from pytest_prodstatus.settings import collect_only_criteria

        register = self.config.pluginmanager.register
        if self._deadline is not None:
            from pytest_prodstatus.deadline import Barrier

            register(self._deadline, "prodstatus-deadline")
            register(Barrier(self._deadline), "prodstatus-barrier")  # after the observer's hook
        register(self.redaction, "prodstatus-redaction")
        register(self.scopes, "prodstatus-scopes")
        register(self.observer, "prodstatus-observer")
        collect_only_criteria(self.settings, self.config)
        if self.settings.config.catalogue.requires_assertions and self.settings.judges:
            from pytest_prodstatus.assertions import Assertions

            self.observer.assertions = Assertions(
                self.config,
                self._may_hold_criteria,
                lambda nodeid: nodeid in self.collector.criteria,
                self.settings.root,
            )
            register(self.observer.assertions, "prodstatus-assertions")
        show_suspect_warnings(self.config)
        recorder = self.recorder
        if recorder is None:
            from pytest_prodstatus.xdist import Worker

            self._worker = Worker(
                self.config,
                self.redaction,
                self.collector,
                self.observer,
                self.end_forked_process,
                self._least_behind(),
            )
            register(self._worker, "prodstatus-worker")
            return
        from pytest_prodstatus.terminal import TerminalWords

        self._words = TerminalWords(recorder)
        recorder.attempts.connect(self.end_forked_process, self._words.show_verdicts)
        register(recorder.attempts, "prodstatus-attempts")
        self._words.begin()
        option = self.config.option
        if getattr(option, "htmlpath", None) or (
            self.settings.config.html and hasattr(option, "htmlpath")
        ):
            from pytest_prodstatus.integrations.pytest_html import HtmlReport, switch_on

            switch_on(self.settings, self.config)
            register(HtmlReport(recorder), "prodstatus-html")
        if self.config.getoption("xmlpath", None):
            from pytest_prodstatus.integrations.junitxml import JUnitXml

            junit = JUnitXml.of(recorder, self.config)
            if register(junit, "prodstatus-junit"):  # not if `-p no:prodstatus-junit` is given
                self._junit = junit

    def _may_hold_criteria(self, path: Path) -> bool:
        """Return whether a file may have criteria that this run judges."""
        from pytest_prodstatus.settings import holds_criteria

        return self.settings.requested or holds_criteria(self.settings, path)

    def _register_reporters(self) -> None:
        """Register what must come after pytest's terminal reporter."""
        recorder = self.recorder
        if recorder is None:
            return
        register = self.config.pluginmanager.register
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from pytest_prodstatus.integrations.github import GitHub

            register(GitHub(recorder), "prodstatus-github")
        if any(name in os.environ for name in recorder.settings.config.notify):
            from pytest_prodstatus.integrations.notify import Notifications

            register(Notifications(recorder), "prodstatus-notify")
        message = given(self.config, "termination-message")
        if message or "KUBERNETES_SERVICE_HOST" in os.environ:
            from pytest_prodstatus.integrations.kubernetes import TerminationMessage, message_file

            path = message_file(message)
            if path is not None:
                register(TerminationMessage(recorder, path), "prodstatus-kubernetes")
        from pytest_prodstatus.terminal import Waiting, reporter_of

        reporter = reporter_of(self.config)
        if reporter is not None and reporter.verbosity >= 0:
            register(Waiting(recorder), "prodstatus-waiting")

    def end_forked_process(self) -> None:
        """End this process if a test forked it: only the one that began the run judges and writes.

        If a test returns in a child of `os.fork`, the child would run the rest of the tests too.
        """
        # Taken when this module was imported: a test may put another one into `os`.
        if getpid() != self._process:
            line = (
                f"prodstatus: process {getpid()}, which a test forked, came back from the test: "
                "it ends here, and the run goes on in its parent; end it with os._exit\n"
            )
            os.write(2, line.encode())
            os._exit(1)

    def release(self) -> None:
        """Unlock the output folder, drop the criteria, and stop watching the deadline."""
        if self._deadline is not None:
            self._deadline.close()
        # At its end pytest collects garbage several times, and every object left is visited.
        parts = self.__dict__
        if "observer" in parts:
            self.collector.criteria.clear()
            self.observer.forget()
        if parts.get("recorder") is not None:
            parts["recorder"].note_broken_off()
            parts["recorder"].release()

    # Collection.

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Remember every item, also one that is deselected later."""
        self._collected.append(item)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Note what a file holds of which only a part is run, and why it was not collected.

        It is the innermost wrapper: `--lf` takes out the tests that it doesn't run, and another
        hook may make a pass of the report. A reason that a file gives at its top may hold a secret.
        """
        report = yield
        if not report.passed:
            self.activate().collector.keep_reason(report)
            self.redaction.mask_collected(report)
            self.collector.note_missing(report)
            return report
        self._left_out += left_out(collector, report.result)
        if self._in_part() and ("::" in report.nodeid or isinstance(collector, pytest.File)):
            found = {node.nodeid for node in report.result}
            if found:  # none, too, if `--lf` leaves the file out without looking
                self._parts[report.nodeid] = self._parts.get(report.nodeid, frozenset()) | found
        return report

    def _in_part(self) -> bool:
        """Whether the command line may select a part of a file."""
        return bool(self.config.getoption("lf", False)) or any(
            "::" in arg for arg in self.config.args
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> Generator[None]:
        """Note which files were collected completely; redact and note a report of any other."""
        if self.active or not report.passed:
            self.activate().redaction.mask_collected(report)
        if not report.passed:
            self.collector.note_missing(report)
            if self.recorder is not None:
                self.recorder.note_missing(report)
        elif report.nodeid and "::" not in report.nodeid and not self._is_missing(report.nodeid):
            self._files.add(report.nodeid)
        return (yield)

    def _is_missing(self, file: str) -> bool:
        """Return whether a file was not collected, also if a hook made a pass of it."""
        return self.active and self.collector.is_missing(file)

    @pytest.hookimpl
    def pytest_deselected(self, items: Sequence[object]) -> None:
        """Remember the items that an option or a plugin deselected and reported."""
        # Only their number counts for pytest: pytest-testmon reports objects that are no items.
        ids = (getattr(item, "nodeid", None) for item in items)
        self._deselected.update(nodeid for nodeid in ids if isinstance(nodeid, str))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None]:
        """Mark the criteria before pytest applies `-m`, and keep the selected stages after it.

        Between the two, a conftest or another plugin may put a test into a stage.
        """
        if self.active or _any_criterion([*self._collected, *items]):
            self.activate().collector.mark([*self._collected, *items])
        yield
        if self.active or _any_criterion(items):
            self.activate().collector.select(config, items, self.basis(), self._files)
        self._collected.clear()

    def basis(self) -> Basis | None:
        """Return what is known of earlier runs; None unless `--unmet` is given."""
        if not self.settings.unmet or not self.settings.judges:
            return None
        if self.recorder is not None:
            return self.recorder.basis()
        from pytest_prodstatus.model.unmet import Basis

        return Basis.from_json(worker_input(self.config)[BASIS])

    def mark_late(self, items: list[pytest.Item]) -> None:
        """Mark the tests that a conftest has just put into a stage, before pytest applies `-m`."""
        if self.active and self.config.getoption("markexpr", ""):
            self.collector.mark(items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None]:
        """Fix what was collected, and begin the run; a worker leaves that to its controller.

        Not before: `--lf` deselects after every other hook. It is a wrapper, so that a worker's
        manifest is complete before it is sent.
        """
        if self._threads is not None:  # xdist's -f calls the hook once more
            return (yield)
        if self.active or _any_criterion(session.items):
            self.activate().collector.settle(
                session, self._files, self._deselected, self._parts, self._left_out
            )
            if self._loops and self.collector.manifest.selected:
                self._unjudged = True
                # A usage error would end the process that waits for changes, with a traceback.
                pytest.exit(_LOOPS)
            from pytest_prodstatus.unseen import Threads

            self.observer.prepare()
            self.observer.enclose(self.config.pluginmanager)
            self._threads = Threads()
        if self.judge is not None:
            self.begin(self.collector.manifest)
        return (yield)

    @pytest.hookimpl
    def pytest_plugin_registered(self, plugin: object) -> None:
        """Keep the innermost hooks the innermost if a test or a fixture registers a plugin."""
        if self._threads is not None and not self.observer.encloses(plugin):
            self.observer.enclose(self.config.pluginmanager)

    def begin(self, manifest: Manifest) -> None:
        """Begin the run with what this process, or a worker, collected.

        Raises:
            pytest.UsageError: the criteria make no catalogue, or a newer release wrote the last
                record.
        """
        recorder = self.activate().recorder
        if recorder is not None:
            recorder.begin(manifest)
            self.collector.unmarked = recorder.outputs.unmarked
            if self._junit is not None:
                self._junit.begin()

    @pytest.hookimpl
    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        """Say that `-m` left out every criterion, and what selects them."""
        criteria = self.collector.criteria if self.active else {}
        selected = any(item.nodeid in criteria for item in items)
        return [] if selected else self.left_out(criteria)

    def left_out(self, criteria: Mapping[str, Criterion]) -> list[str]:
        """Return the line about a mark expression that none of the collected criteria has."""
        expression = self.config.getoption("markexpr", "")
        if not expression or not criteria or self.settings.requested:
            return []
        stages = ", ".join(dict.fromkeys(criterion.stage for criterion in criteria.values()))
        line = f"no criterion has the marks of -m {expression!r}: all have the mark production; "
        return [f"{line}--stage selects those of a stage: {stages}"]

    # The session.

    @pytest.hookimpl
    def pytest_sessionstart(self) -> None:
        """Register the reporters, now that pytest's own is there; leave a worker's process id."""
        self._started = True
        if self.is_worker:
            self.spool.write_pid(worker_input(self.config)["workerid"])
        if self.active:
            self._register_reporters()

    @pytest.hookimpl
    def pytest_internalerror(self, excrepr: object) -> None:
        """Note an internal error of pytest."""
        if self.judge is not None:
            self.judge.incidents.note_internal_error(excrepr)

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that the run was cut short."""
        if self.judge is not None:
            from pytest_prodstatus.model.text import text_of, type_name

            error = excinfo.value
            self.judge.incidents.note_interrupt(text_of(error) or type_name(error))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None]:
        """Judge the run before other plugins report it, and look at its status again after them."""
        self.end_forked_process()
        if self._deadline is not None:
            self._deadline.close()
        if self._worker is not None:
            with self._worker.telling(session):
                self._note_threads(self._worker.tell)
                return (yield)
        recorder = self.judge
        if recorder is None or not self._judge(recorder, session, int(exitstatus)):
            return (yield)
        from pytest_prodstatus.model.teardown import LateTearDowns

        late = LateTearDowns()
        try:
            with self.observer.noting_late(late, session):
                return (yield)
        except BaseException as error:
            recorder.note_late_failure(error)
            raise
        finally:
            from pytest_prodstatus.terminal import print_board, reporter_of

            recorder.note_late_tear_downs(late)
            session.exitstatus = recorder.reconsider(int(session.exitstatus))
            print_board(recorder, reporter_of(self.config))

    def _judge(self, recorder: Recorder, session: pytest.Session, exitstatus: int) -> bool:
        """Judge the run and set its exit status; return whether there was a run to judge."""
        if self._unjudged:
            return False
        try:
            self._note_threads(recorder.note_end)
            record = recorder.finish(exitstatus)
        except Exception as error:  # noqa: BLE001  a test may have taken anything from Python
            self._end_unjudged(session, error)
            return False
        if record is not None:
            session.exitstatus = record.decision.exit_code
        if self._words is not None:
            self._words.show_verdicts()  # in pytest's own summary
        return record is not None

    def _note_threads(self, note: Callable[[End, str], object]) -> None:
        """Note the threads that the tests of this process started, and that outlive them."""
        if self._threads is not None:
            from pytest_prodstatus.incidents import End
            from pytest_prodstatus.reports import ignores_deaths

            if ignores_deaths(self.config):
                return
            deaths, left = self._threads.outlive()
            for text in deaths:
                note(End.DIED, text)
            for name in left:
                note(End.LEFT, name)

    def _end_unjudged(self, session: pytest.Session, error: Exception) -> None:
        """Say in one sentence that the run can't be judged; nothing is confirmed by its record."""
        from pytest_prodstatus.model.text import text_of, type_name
        from pytest_prodstatus.model.verdict import EXIT_UNWRITTEN, worse_status

        self._unjudged = True
        session.exitstatus = worse_status(EXIT_UNWRITTEN, int(session.exitstatus))
        frames = error.__traceback__
        while frames is not None and frames.tb_next is not None:
            frames = frames.tb_next
        where = f" ({frames.tb_frame.f_code.co_filename}:{frames.tb_lineno})" if frames else ""
        text = self.redaction.text(f"{type_name(error)}: {text_of(error)}")
        os.write(
            2,
            f"prodstatus: the run can't be judged, so nothing is confirmed: {text}{where}; see "
            "whether a test replaces a function of Python and doesn't put it back\n".encode(
                errors="backslashreplace"
            ),
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_unconfigure(self) -> Generator[None]:
        """Assert the exit status last of all, unlock the output folder, and remove the spool."""
        recorder = self.judge
        noting = self._worker.telling() if self._worker else contextlib.nullcontext()
        try:
            with noting:
                return (yield)
        except BaseException as error:
            if recorder is not None:
                recorder.note_late_failure(error)
            raise
        finally:
            self.end_forked_process()
            if recorder is not None:
                self._assert_status(recorder)
            self.release()
            self.spool.close()

    def _assert_status(self, recorder: Recorder) -> None:
        """Assert the exit status once more, since a hook may have changed it after the board.

        A run that ended before its session had started is judged here: pytest calls no other hook.
        """
        # pytest registers its session under this name; without one no run was begun.
        session: pytest.Session | None = self.config.pluginmanager.get_plugin("session")
        if session is None:
            return
        before = recorder.record
        if before is None and recorder.started:
            self._judge(recorder, session, int(session.exitstatus))
        session.exitstatus = recorder.reconsider(int(session.exitstatus))
        record = recorder.record
        if record is not None and record is not before:
            from pytest_prodstatus.writers.board import final_line

            sys.stderr.write(f"prodstatus: {final_line(record).text}\n")


def _any_criterion(items: Iterable[pytest.Item]) -> bool:
    """Return whether any item, or anything it is collected from, carries the stage mark."""
    seen: set[int] = set()
    for item in items:
        node: pytest.Item | pytest.Collector | None = item
        while node is not None and id(node) not in seen:
            seen.add(id(node))
            if any(mark.name == STAGE_MARK for mark in node.own_markers):
                return True
            node = node.parent
    return False
