"""The process that runs tests: it finds the criteria and attaches a payload to their reports.

It is the only process of a serial run, and every worker under xdist.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.blocking import RAISED, SHARED, Blocked, Repeated, blocked, is_shared
from pytest_prodstatus.criteria import Manifest, criterion_of, stage_marks
from pytest_prodstatus.model.catalogue import CatalogueError, Criterion
from pytest_prodstatus.model.evidence import (
    ENTRIES_LIMIT,
    Entry,
    EvidenceError,
    entry_of,
)
from pytest_prodstatus.model.teardown import TornDown
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.options import worker_input
from pytest_prodstatus.project import root_above
from pytest_prodstatus.readers.config import ConfigError
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.reports import FILES, Payload, shown
from pytest_prodstatus.scopes import Scopes, widest_ending
from pytest_prodstatus.settings import (
    Settings,
    checked_catalogue,
    disagreement,
    restriction,
    test_roots,
)
from pytest_prodstatus.spool import Spool

if TYPE_CHECKING:
    from typing import TypeGuard

    from pytest_prodstatus.assertions import Assertions
    from pytest_prodstatus.attachments import Attaching
    from pytest_prodstatus.model.unmet import Basis

_ONCE: Mapping[str, Mapping[str, object]] = {
    "rerunfailures": {"reruns": 0},
    "pytest-retry": {"condition": False},
}
"""Plugins that obey a mark `flaky`, and the arguments with which they start a test only once."""

_WAITING_LIMIT = 500
"""Characters of the line about what a criterion waits for."""

_ADDED = "__"
"""The prefix of the parameters that pytest-repeat and pytest-flakefinder add to repeat a test."""


class Collector:
    """Knows the criteria of this process and records what they see.

    Attributes:
        criteria: every criterion by its node id.
        manifest: what was collected; empty until `settle`.
        unmarked: why the run could not write that nothing is confirmed; "" if it could. If it
            could not, no criterion with side effects starts.
        assertions: counts those that pass; None if the project requires none.
    """

    def __init__(
        self, settings: Settings, spool: Spool, redaction: Redaction, scopes: Scopes
    ) -> None:
        self.settings = settings
        self.spool = spool
        self.redaction = redaction
        self.scopes = scopes
        self.criteria: dict[str, Criterion] = {}
        self.manifest = Manifest()
        self.unmarked = ""
        self._endpoints: dict[str, str] = {}
        self._snapshots: dict[str, tuple[datetime, ...]] = {}
        self._error = ""
        self._repeats: frozenset[str] = frozenset()
        self._met: frozenset[str] = frozenset()
        self._held: frozenset[str] = frozenset()
        self._elsewhere = False
        self._started: set[str] = set()
        self._marked: list[tuple[pytest.Item, str]] = []
        self._noted: dict[int, tuple[pytest.Mark, ...]] = {}
        self._owners: dict[int, Callable[[pytest.MarkDecorator], None]] = {}
        self._missing: dict[str, Reason] = {}
        self._fresh: list[Entry] = []
        self._recorded = 0
        self._seen_at: datetime | None = None
        self._acts = self._controller_knows = True
        self._item: pytest.Item | None = None
        self._running: Criterion | None = None
        self.assertions: Assertions | None = None
        self._raised: BaseException | None = None
        self._nextitem: pytest.Item | None = None
        self._began = 0.0
        self._refused: EvidenceError | None = None
        self._unheld: Reason | None = None
        self._remedy = ""
        self._attaching: Attaching | None = None
        self._unready: BaseException | None = None
        self._report: pytest.TestReport | None = None

    def forget(self) -> None:
        """Drop the criteria at the end of the run."""
        self.criteria.clear()
        self.scopes.forget()
        self._item = self._running = self._nextitem = self._report = None

    def add_evidence(self, values: dict[str, object]) -> None:
        """Record named values for the criterion that runs now.

        Raises:
            EvidenceError: a value isn't allowed, or the criterion has recorded too many. Then none
                of these values is recorded, and the criterion is BLOCKED, even if it passes.
        """
        try:
            self._add_evidence(values)
        except EvidenceError as error:
            self._refused = self._refused or error
            raise

    def _add_evidence(self, values: dict[str, object]) -> None:
        now = clock.now()
        clean = self.redaction.output
        entries = [
            entry_of(name, now, value, clean, label=clean(name)) for name, value in values.items()
        ]
        if self._recorded + len(entries) > ENTRIES_LIMIT:
            msg = f"evidence: a criterion records at most {ENTRIES_LIMIT} values; record a list"
            raise EvidenceError(msg)
        for entry in entries:
            self._fresh.append(entry)
            self._recorded += 1
            if self._running is not None and self._running.side_effects:
                self.spool.append_evidence(self._running.id, Payload.entry_text(entry))

    def attach(self, name: object, data: object) -> None:
        """Attach a file to the criterion that runs now, if attachments are on.

        Raises:
            EvidenceError: it is refused; then the criterion is BLOCKED, even if it passes.
        """
        if self._running is None:
            return
        if self._attaching is None:
            # Not above, since few criteria attach anything.
            from pytest_prodstatus.attachments import Attaching

            limits = self.settings.config.attachment_limits
            self._attaching = Attaching(limits, self.spool, self.redaction.output)
        try:
            self._attaching.attach(name, data)
        except EvidenceError as error:
            self._refused = self._refused or error
            raise

    def note_endpoint(self, name: str, host: str) -> None:
        """Let the record name a host that the suite contacts."""
        clean = self.redaction.text
        self._endpoints[clean(name)] = clean(host)

    def note_snapshot(self, name: str, at: datetime) -> None:
        """Let the record name the aware instant as of which the suite read something."""
        key = self.redaction.text(name)
        self._snapshots[key] = (*self._snapshots.get(key, ()), at)

    def note_unheld(self, text: str) -> None:
        """Note that something was seen not to hold, also if the test swallows the exception."""
        if self._unheld is None:
            reason = Reason(text=self.redaction.text(text), kind=Kind.OBSERVED)
            self._unheld = self._with_remedy(reason)

    def _with_remedy(self, reason: Reason) -> Reason:
        """Return a reason with what the test said to do about it, if something didn't hold."""
        if not self._remedy or reason.kind is not Kind.OBSERVED:
            return reason
        return replace(reason, remedy=self.redaction.output(self._remedy))

    def note_remedy(self, text: str) -> None:
        """Note what to do if something is seen not to hold from now on in this attempt."""
        self._remedy = text

    def note_seen(self, at: datetime) -> None:
        """Date what the current criterion shows at an earlier instant, that its age counts from.

        Raises:
            ValueError: the instant has no time zone, or is in the future.
        """
        # Our clock is some milliseconds behind that of the test.
        if at.utcoffset() is None or at > clock.now() + timedelta(seconds=1):
            msg = f"prodstatus_seen_at: {at!r} must be an aware datetime that isn't in the future"
            raise ValueError(msg)
        self._seen_at = at if self._seen_at is None else min(at, self._seen_at)

    def note_waiting(self, text: str) -> None:
        """Let the terminal print what the current criterion waits for; "" if nothing any more."""
        if self._running is not None:
            # Redacted before it is cut: half a secret is not found.
            line = one_line(self.redaction.output(text), limit=_WAITING_LIMIT)
            self.spool.write_waiting(self._running.id, line)

    @property
    def is_observing(self) -> bool:
        """Whether the test that runs now is a criterion."""
        return self._running is not None

    def note_missing(self, report: pytest.CollectReport) -> None:
        """Note why a file was not collected."""
        # Imported here, since files mostly collect, and the import costs every worker.
        from pytest_prodstatus.reports import missing_of

        self._missing.setdefault(report.nodeid.partition("::")[0], missing_of(report))

    def mark(self, items: Iterable[pytest.Item]) -> None:
        """Mark criteria as `production`."""
        for item in {id(item): item for item in items}.values():
            self._note(item)
        self._mark_owners()

    def select(
        self,
        config: pytest.Config,
        items: list[pytest.Item],
        basis: Basis | None,
        files: Collection[str],
    ) -> None:
        """Keep only the items of the stages and the shard of this run, and what is unmet.

        Args:
            config: pytest's.
            items: those to run, which are changed.
            basis: what is known of earlier runs; None unless `--unmet` is given.
            files: node ids of the test files that were collected completely.
        """
        self._note_late(items)
        self._keep_stages(config, items)
        self._keep_shard(config, items)
        if basis is not None:
            self._keep_unmet(config, items, basis, files)

    def _note_late(self, items: Iterable[pytest.Item]) -> None:
        """Note the criteria that other plugins and conftests marked or renamed since `mark`."""
        if any(item.nodeid not in self.criteria for item in items):
            former = {id(item): nodeid for item, nodeid in self._marked if item.nodeid != nodeid}
            for item in items:
                if item.nodeid not in self.criteria:
                    self._follow(item, former.get(id(item)))
        for item in items:
            self._note(item)
        self._mark_owners()

    def settle(
        self,
        session: pytest.Session,
        files: Collection[str],
        deselected: Collection[str],
        parts: Mapping[str, frozenset[str]],
    ) -> None:
        """Fix the criteria and which are selected, in the manifest; refuse what can't be judged.

        Args:
            session: pytest's, with the items to run; emptied in a worker that must not run them.
            files: node ids of the test files that were collected completely.
            deselected: node ids that were reported as deselected. A criterion that is missing and
                was not reported was dropped by a hook, and counts as never reached.
            parts: what was found in each file and class that was looked through, if only a part
                of it is run.

        Raises:
            pytest.UsageError: a test's id holds a secret, in a serial run.
        """
        config, items = session.config, session.items
        self._note_late(items)
        self._marked.clear()
        self._noted.clear()
        self._mask_titles()
        self._error = self._error or self._foreign_criterion(items)
        complete = _complete(files, config)
        ids = [item.nodeid for item in items]
        self.manifest = Manifest(
            criteria=self.criteria,
            deselected=frozenset((self.criteria.keys() - ids) & {*deselected}),
            met=self._met,
            held=self._held,
            elsewhere=self._elsewhere,
            files=complete,
            parts={
                name: ids for name, ids in parts.items() if name.partition("::")[0] not in complete
            },
            missing=dict(self._missing),
            error=self._error,
        )
        self.redaction.on = self.settings.requested or self.manifest.selected > 0
        if self.redaction.on:
            self._refuse_secrets(ids, config, items)
        self._repeats = frozenset(self._repeats_among(items))
        given = worker_input(config)
        if given:
            self._settle_in_worker(given, items)

    def _repeats_among(self, items: Iterable[pytest.Item]) -> Iterator[str]:
        """Yield the node ids of items that repeat an earlier item with side effects."""
        firsts: dict[str, str] = {}
        for item in items:
            criterion = self.criteria.get(item.nodeid)
            if criterion is not None and criterion.side_effects:
                first = firsts.setdefault(_without_repeats(item, criterion), item.nodeid)
                if first != item.nodeid:
                    yield item.nodeid

    def _settle_in_worker(self, given: Mapping[str, Any], items: list[pytest.Item]) -> None:
        """Run nothing if it can't be judged: the controller may find out only after a test ran."""
        error = self.manifest.error or disagreement(
            given,
            self.settings.config.catalogue.digest,
            None if self.spool.shared else self.settings.root,
        )
        if not error and self.manifest.selected:
            try:
                checked_catalogue(self.settings, self.manifest)
            except pytest.UsageError as problem:
                error = str(problem)
        if error:
            items.clear()
            self.manifest = Manifest(error=error)
        self.unmarked = given.get("prodstatus_unmarked", "")
        self._acts = given.get("prodstatus_acts", True)
        self._controller_knows = self.spool.shared or given.get("prodstatus_marked", False)

    def _foreign_criterion(self, items: Sequence[pytest.Item]) -> str:
        """Return an error if a criterion is in another project than the judged one; else ""."""
        root = self.settings.root.resolve() if self.settings.has_project else None
        checked: set[Path] = set()
        for item in items:
            folder = item.path.parent
            if folder in checked or item.nodeid not in self.criteria:
                continue
            checked.add(folder)
            try:
                other = root_above(folder.resolve())
            except ConfigError as error:
                return str(error)
            if other is not None and other != root:
                judged = f"the run judges {root}" if root else "the run judges no project"
                return (
                    f"{item.nodeid}: this criterion is of the project {other}, and {judged}: "
                    f"run pytest in {other}, or name it with --prodstatus-root={other}"
                )
        return ""

    def _refuse_secrets(
        self, ids: Sequence[str], config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Refuse a run with a secret in a test's id, since every process and report uses the id.

        Raises:
            pytest.UsageError: an id has one, in a serial run. A worker puts the message into its
                manifest instead, and runs nothing.
        """
        if self.redaction.source_of("\n".join(ids)) is None:
            return
        name, nodeid = next((s, n) for n in ids if (s := self.redaction.source_of(n)))
        msg = (
            f"{self.redaction.text(nodeid)}: the test's id holds the value of {name}, a secret by "
            "its name; give the parameter an id, as in pytest.param(value, id='eu'), or say that "
            f"it is none, as in secrets = ['!{name}'] in [tool.prodstatus]"
        )
        items.clear()
        self.manifest = Manifest(error=msg)
        if not hasattr(config, "workerinput"):
            raise pytest.UsageError(msg)

    def _note(self, item: pytest.Item) -> None:
        owner, marks = stage_marks(item)
        if owner is None or self._noted.get(id(item)) == marks:
            return
        self._noted[id(item)] = marks
        self._owners[id(owner)] = owner.add_marker
        nodeid = item.nodeid
        if not self.criteria:
            self.redaction.switch(item.config)
        try:
            criterion = criterion_of(item, marks)
        except CatalogueError as error:
            # Raised here, it would be a traceback, and under xdist the worker would die.
            self._error = self._error or str(error)
            return
        self.criteria[nodeid] = criterion
        self._marked.append((item, nodeid))
        if criterion.side_effects:
            self._forbid_reruns(item)

    def _forbid_reruns(self, item: pytest.Item) -> None:
        """Keep the plugins that rerun tests from one with side effects.

        A plugin that does it all the same is stopped when the test starts. Only flaky is refused:
        it withholds the report of a start that failed.
        """
        plugins = item.config.pluginmanager
        if not plugins.hasplugin("flaky"):
            once = {k: v for name, given in _ONCE.items() if plugins.hasplugin(name)
                    for k, v in given.items()}  # fmt: skip
            if once:
                item.add_marker(pytest.mark.flaky(**once), append=False)
        elif _is_rerun_by_flaky(item):
            self._error = self._error or (
                f"{item.nodeid}: the plugin flaky would rerun it, and it has side effects, so it "
                "must start once: take flaky from it, or give -p no:flaky"
            )

    def _mark_owners(self) -> None:
        # Mark the same node: the mark of a file or class counts for all its tests.
        for add_marker in self._owners.values():
            add_marker(pytest.mark.production)
        self._owners.clear()

    def _mask_titles(self) -> None:
        clean = self.redaction.text
        titles = "\n".join([criterion.title for criterion in self.criteria.values()])
        if clean(titles) != titles:
            for nodeid, criterion in self.criteria.items():
                self.criteria[nodeid] = replace(criterion, title=clean(criterion.title))

    def _follow(self, item: pytest.Item, former: str | None) -> None:
        """Follow a renamed criterion: up to pytest 9.1, xdist's loadgroup adds the group's name."""
        if former is not None and former in self.criteria:
            self.criteria[item.nodeid] = replace(self.criteria.pop(former), nodeid=item.nodeid)

    def _keep_shard(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        shard = self.settings.shard
        if shard is not None:
            criteria = self.criteria
            out = [
                item for item in items
                if item.nodeid not in criteria or not shard.holds(item, criteria[item.nodeid])
            ]  # fmt: skip
            self._elsewhere = any(item.nodeid in criteria for item in out)
            _deselect(config, items, out)

    def _keep_stages(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        declared = self.settings.config.catalogue
        if self.settings.stages is None and all(stage.applies for stage in declared.stages):
            return
        try:
            catalogue = declared.with_stages_of(self.criteria.values()).at(clock.now())
            stages = self.settings.stage_closure(catalogue)
        except (CatalogueError, pytest.UsageError):
            return  # the process that judges the manifest reports it
        absent = {stage.id for stage in catalogue.stages if not stage.applies}

        def is_kept(item: pytest.Item) -> bool:
            criterion = self.criteria.get(item.nodeid)
            if criterion is None:
                return stages is None
            return criterion.stage not in absent and (stages is None or criterion.stage in stages)

        _deselect(config, items, [item for item in items if not is_kept(item)])

    def _keep_unmet(
        self,
        config: pytest.Config,
        items: list[pytest.Item],
        basis: Basis,
        files: Collection[str],
    ) -> None:
        """Keep only the criteria that are unmet; those with side effects only if none started."""
        from pytest_prodstatus.model.criterion_status import RunData
        from pytest_prodstatus.model.unmet import choose
        from pytest_prodstatus.presence import with_presence

        settings, former = self.settings, basis.former
        restricted = bool(restriction(settings, config))
        known = tuple(stage.id for stage in former.stages) if former and restricted else ()
        try:
            found = checked_catalogue(settings, Manifest(criteria=self.criteria), known)
        except pytest.UsageError:
            return  # the process that judges the manifest reports it
        manifest = Manifest(criteria=self.criteria, files=_complete(files, config))
        known_of_run = RunData(
            catalogue=found.at(basis.run.started),
            collected=self.criteria.values(),
            restricted=restricted,
            files=manifest.files,
            missing=self._missing,
            former=former,
            require_evidence=settings.config.require_evidence,
        )
        data = with_presence(known_of_run, manifest, test_roots(settings, config))
        chosen = choose(basis, data, settings.unmet)
        ids = {item.nodeid: self.criteria[item.nodeid].id for item in items
               if item.nodeid in self.criteria}  # fmt: skip
        self._held = frozenset(nodeid for nodeid, name in ids.items() if name in chosen.held)
        again = frozenset(nodeid for nodeid, name in ids.items() if name in chosen.again)
        self._met = frozenset(ids) - again - self._held
        _deselect(config, items, [item for item in items if item.nodeid not in again])

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Begin an attempt; refuse one that can't fail, and a second one with side effects.

        It is the innermost wrapper, since the tear-down of others needs what they set up.
        """
        self._unready = None
        try:
            self._begin_attempt(item)
            with self.scopes.watched():
                return (yield)
        except BaseException as error:
            self._unready = self._as_blocked(error)
            if self._unready is not error:
                raise self._unready from None
            raise

    def _begin_attempt(self, item: pytest.Item) -> None:
        """Forget the attempt before, and check whether the criterion may start.

        Raises:
            Blocked: it must not start.
        """
        criterion = self.criteria.get(item.nodeid)
        self._item, self._running = item, criterion
        self.scopes.begin()
        self._fresh.clear()
        RAISED.clear()
        self._raised = self._refused = self._unheld = None
        self._remedy = ""
        self._recorded = 0
        self._seen_at = None
        if self._attaching is not None:
            self._attaching.begin()
        if criterion is None:
            return
        self._began = clock.timestamp()
        if sys.flags.optimize:
            # pytest keeps the asserts of test files, but not those of modules that they import.
            blocked(
                "Python runs without its assert statements, by -O or PYTHONOPTIMIZE",
                remedy="run it without both",
            )
        if criterion.side_effects:
            self._start_acting(item, criterion)

    def _start_acting(self, item: pytest.Item, criterion: Criterion) -> None:
        """Let a criterion with side effects start, once a run.

        Raises:
            Repeated: it has started before, or starts on another worker.
            Blocked: the run can't record that nothing is confirmed before it starts.
        """
        if self.unmarked:
            blocked(
                f"it acts on the world, and the run can't write its record: {self.unmarked}",
                remedy="let the run write its output folder",
            )
        if not self._controller_knows:
            blocked(
                "it acts on the world, and this worker can't notify the controller first",
                kind=Kind.NOT_ARMED.value,
                remedy="ask the run to judge: pytest -m production",
            )
        again = criterion.id in self._started or item.nodeid in self._repeats
        self._started.add(criterion.id)
        if again or not self._acts or not self.spool.claim(criterion.id):
            raise Repeated

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Keep the test's exception before a hook can swallow it: this is the innermost wrapper.

        pytest-retry ignores that a set-up failed or was refused; then the test doesn't start here.
        It also calls a test again for the report that it already has, which then gets the payload
        of this call.
        """
        former, running = self._report, self._running
        try:
            return (yield from self._keep_raised(self._unready))
        finally:
            if former is not None and former.when == "call" and running is not None:
                self._hand_over(self._payload(self._raised, "call"), former)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(
        self, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Keep the tear-down's exception, likewise, and what pytest tears down."""
        self._nextitem = nextitem
        with self.scopes.watched():
            return (yield from self._keep_raised())

    def _keep_raised(self, before: BaseException | None = None) -> Generator[None, object, object]:
        """Keep the exception of a phase; raise the one before instead of starting it."""
        self._raised = before
        if self._running is not None:
            self._began = clock.timestamp()
        if before is not None:
            raise before
        try:
            return (yield)
        except BaseException as error:
            self._raised = self._as_blocked(error)
            if self._raised is not error:
                raise self._raised from None
            raise

    def _as_blocked(self, error: BaseException) -> BaseException:
        """Return an exception as pytest is to see it: a value that evidence refused is a skip.

        Otherwise pytest would count a failure and show the plugin's own lines, and the run would
        end with 1, as if the system had failed. A shared fixture's tear-down stays as it is.
        """
        if self._running is None or not isinstance(error, EvidenceError) or is_shared(error):
            return error
        reason = reason_of(error, str)
        blocked = Blocked(reason.text, kind=reason.kind, remedy=reason.remedy)
        return blocked.with_traceback(error.__traceback__)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach what the criterion recorded to its report, and what others must answer for."""
        running = self._running if item is self._item else self.criteria.get(item.nodeid)
        ended = 0.0 if running is None else clock.timestamp()
        report = self._report = yield
        raised, found = self._raised, call.excinfo.value if call.excinfo else None
        if raised is None or (_is_failure(found) and not _is_assertion(raised)):
            # A plugin for soft assertions puts its own there, which says more.
            raised = found
        torn, own = self._divided(raised, call.when, item)
        if running is not None:
            uses = self.scopes.uses(item, raised if call.when == "setup" else None)
            contacted = self._endpoints or self._snapshots or self._seen_at
            frozen = self._is_frozen(call, ended)
            counted = self.assertions is not None and call.when == "call"
            attached = self._attaching and (self._attaching.fresh or self._attaching.notices)
            noted = self._refused or self._unheld or RAISED or torn or attached
            kept = self._recorded or contacted or raised or noted
            # Most reports of thousands have nothing to carry.
            if kept or uses or frozen or counted:
                doubt = self._doubt(item, running) if counted and report.passed else None
                payload = self._payload(own, call.when, uses, torn, doubt)
                if frozen:
                    took = max(0.0, ended - self._began)
                    payload = replace(payload, stopped=clock.at(ended), duration=took)
                self._hand_over(payload, report)
        elif torn:
            Payload(torn=torn, wider=own is None).attach(report)
        self._raised = None
        RAISED.clear()
        SHARED.clear()
        return report

    def _is_frozen(self, call: pytest.CallInfo[None], ended: float) -> bool:
        """Return whether the test has its own time, so that pytest's instants are of that."""
        # A subtest begins later than its phase.
        began = self._began - 1 < call.start < ended + 1
        return not began or abs(call.stop - ended) > 1

    def _divided(
        self, raised: BaseException | None, when: str, item: pytest.Item
    ) -> tuple[tuple[TornDown, ...], BaseException | None]:
        """Divide what a phase raised, as `torn_down` does."""
        torn: tuple[TornDown, ...] = ()
        own = raised
        if raised is not None and when != "call":
            # In its set-up, pytest may have torn a fixture down that was set up for another
            # parameter.
            widest = None if when == "setup" else widest_ending(item, self._nextitem)
            torn, own = self.torn_down(raised, widest)
        more = self.scopes.unraised(self.redaction.text) if SHARED else []
        died = any(one.detail for one in more)
        if died and isinstance(own, pytest.PytestUnhandledThreadExceptionWarning):
            # Warnings are errors: the death of the thread is what pytest reports.
            more, own = [_failed(one) if one.detail else one for one in more], None
        torn = (*torn, *(one for one in more if one not in torn))
        return torn, raised if when == "setup" else own

    def torn_down(
        self, error: BaseException, widest: pytest.Collector | None
    ) -> tuple[tuple[TornDown, ...], BaseException | None]:
        """Divide what a tear-down raised into what is of wider scope and what is the test's own.

        Args:
            error: the exception.
            widest: the widest scope that pytest tears down; None if it's the test alone.
        """
        return self.scopes.split(error, widest, self.redaction.text)

    def late_report(
        self, session: pytest.Session, error: BaseException
    ) -> pytest.TestReport | None:
        """Return a report of the last test for what failed after it; None if nothing is shared."""
        torn, _ = self.torn_down(error, session)
        item = self._item
        if item is None or not torn:
            return None
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr="".join(traceback.format_exception(error)),
            when="teardown",
        )
        Payload(torn=torn, wider=True).attach(report)
        return report

    def _doubt(self, item: pytest.Item, criterion: Criterion) -> Reason | None:
        """Return why the pass of a criterion that requires an assertion proves nothing."""
        if self.assertions is None:
            return None
        required = self.settings.config.catalogue.requires_assertion(criterion)
        return self.assertions.doubt(item) if required else None

    def _hand_over(self, payload: Payload, report: pytest.TestReport) -> None:
        """Put a payload on a report, and forget what it has, so that it counts once."""
        payload.attach(report)
        self._fresh.clear()
        self._refused = self._unheld = None
        RAISED.clear()
        if self._attaching is not None:
            if self._attaching.unshared:
                setattr(report, FILES, dict(self._attaching.unshared))
            self._attaching.forget()

    def _payload(
        self,
        raised: BaseException | None,
        when: str,
        uses: tuple[str, ...] = (),
        torn: tuple[TornDown, ...] = (),
        doubt: Reason | None = None,
    ) -> Payload:
        clean = self.redaction.output
        # In set-up, a fixture may look at much together, and keep what concerns other criteria; the
        # run's deadline is never that.
        swallowed = RAISED if when != "setup" else [one for one in RAISED if one.stack]
        given = raised if isinstance(raised, Blocked) else next(iter(swallowed), None)
        refused = reason_of(self._refused, clean) if self._refused else None
        reason = given.reason_by(clean) if given else refused
        if torn and reason is None and isinstance(raised, pytest.skip.Exception):
            # pytest reports a skip in a group as a failure.
            reason = Reason(text=clean(shown(raised)), kind=Kind.SKIPPED)
        return Payload(
            evidence=tuple(self._fresh),
            recorded=self._recorded,
            blocked=reason,
            raised=self._with_remedy(reason_of(raised, clean))
            if _is_failure(raised)
            else self._unheld,
            repeat=isinstance(raised, Repeated),
            uses=uses,
            torn=torn,
            wider=bool(torn) and not _is_failure(raised),
            detail=clean(given.stack) if given else "",
            assertions=self.assertions.passed if self.assertions and when == "call" else 0,
            doubt=replace(doubt, text=clean(doubt.text)) if doubt else None,
            endpoints=self._endpoints,
            snapshots=self._snapshots,
            seen_at=self._seen_at,
            attachments=tuple(self._attaching.fresh) if self._attaching else (),
            notices=tuple(self._attaching.notices) if self._attaching else (),
        )

    def keep_reason(self, report: pytest.CollectReport) -> None:
        """Attach the reason that a file gave to `blocked()` to its report."""
        call = getattr(report, "call", None)
        raised = call.excinfo.value if call and call.excinfo else None
        if isinstance(raised, Blocked):
            Payload(blocked=raised.reason_by(self.redaction.output)).attach(report)


def _failed(torn: TornDown) -> TornDown:
    reason = replace(torn.reason, kind=Kind.OBSERVED)
    return replace(torn, verdict=Verdict.FAILED, reason=reason)


def _deselect(
    config: pytest.Config, items: list[pytest.Item], dropped: Sequence[pytest.Item]
) -> None:
    if dropped:
        gone = set(map(id, dropped))
        items[:] = [item for item in items if id(item) not in gone]
        config.hook.pytest_deselected(items=dropped)


def _complete(files: Collection[str], config: pytest.Config) -> frozenset[str]:
    """Return the files of which the command line selects more than a part."""
    named = [arg.partition("::")[0] for arg in config.args if "::" in arg]
    # What is named with --pyargs is a module, and which file it is in isn't known here.
    if config.getoption("lf", False) or (named and config.getoption("pyargs", False)):
        return frozenset()
    if not named:
        return frozenset(files)
    paths = {(config.invocation_params.dir / name).resolve() for name in named}
    return frozenset(file for file in files if (config.rootpath / file).resolve() not in paths)


def _without_repeats(item: pytest.Item, criterion: Criterion) -> str:
    """Return a key that all items share that a plugin made from one test to repeat it."""
    # By the values themselves: pytest numbers a parameter anew for each repetition.
    values = getattr(getattr(item, "callspec", None), "params", {})
    own = [f"{name}={id(value)}" for name, value in values.items() if not name.startswith(_ADDED)]
    return f"{criterion.base_id}[{','.join(own)}]" if len(own) < len(values) else criterion.id


def _is_rerun_by_flaky(item: pytest.Item) -> bool:
    """Return whether PyPI's flaky reruns a test: by its decorator, a mark or its option."""
    holders = (getattr(item, "obj", None), getattr(item, "cls", None))
    decorated = any(getattr(holder, "_flaky_max_runs", None) is not None for holder in holders)
    marked = item.get_closest_marker("flaky") is not None
    return decorated or marked or bool(item.config.getoption("force_flaky", False))


_NO_FAILURES = (
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    KeyboardInterrupt,
)
"""Exceptions that end a test without failing it."""


def _is_failure(raised: BaseException | None) -> TypeGuard[BaseException]:
    """Return whether an exception makes its phase fail."""
    # pytest turns unittest's SkipTest into its own, and imports unittest as little as we do.
    by_unittest = getattr(sys.modules.get("unittest"), "SkipTest", ())
    return raised is not None and not isinstance(raised, (*_NO_FAILURES, by_unittest))


def reason_of(raised: BaseException, clean: Callable[[str], str]) -> Reason:
    """Return why a criterion isn't CONFIRMED that raised an exception.

    Args:
        raised: the exception.
        clean: redacts its text, before it is shortened.
    """
    if isinstance(raised, EvidenceError):
        remedy = "record a value that is allowed"
        return Reason(text=clean(str(raised)), kind=Kind.EVIDENCE_ERROR, remedy=remedy)
    text = clean(shown(raised))
    if _is_assertion(raised):
        return Reason(text=text, kind=Kind.OBSERVED)
    # A refused connection and a time-out are an OSError, also those of urllib and requests.
    advice = "look at the test first"
    if isinstance(raised, OSError):
        advice = "see whether the system answers, then look at the test"
    remedy = f"the test raised {type(raised).__name__}: {advice}"
    return Reason(text=text, kind=Kind.ERROR, remedy=remedy)


def _is_assertion(raised: BaseException) -> bool:
    """Return whether an exception says that something was seen not to hold."""
    if isinstance(raised, (AssertionError, pytest.fail.Exception)):
        return True
    # A group, by its attribute: Python 3.10 has no groups, and the tests' package for them differs.
    members = getattr(raised, "exceptions", ())
    return isinstance(members, tuple) and any(map(_is_assertion, members))
