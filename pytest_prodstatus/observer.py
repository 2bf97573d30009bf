"""What a criterion records while it runs, attached to its reports as a payload.

The fixtures call the observer. Its hooks are the innermost ones, since what a test raised must be
seen before another plugin's hook can swallow or replace it; so they are registered anew whenever a
plugin is that comes later, such as one of a fixture. What may run at all is the collector's.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, NoReturn

import pytest
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.blocking import (
    CORRECT,
    RAISED,
    SHARED,
    Blocked,
    Repeated,
    blocked,
    is_shared,
)
from pytest_prodstatus.collector import Collector
from pytest_prodstatus.model.catalogue import Criterion
from pytest_prodstatus.model.evidence import (
    ENTRIES_LIMIT,
    Entry,
    EvidenceError,
    entry_of,
)
from pytest_prodstatus.model.teardown import LateTearDowns, TornDown
from pytest_prodstatus.model.text import (
    described,
    is_aware,
    one_line,
    several_lines,
    traceback_of,
    type_name,
)
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.raised import deciding, is_assertion, is_failure, leaves
from pytest_prodstatus.reports import (
    FILES,
    NEVER_AWAITED,
    NO_REPORT,
    RETURNED,
    TEST,
    UNCALLED,
    Around,
    Calls,
    Payload,
    shown,
    test_of,
)
from pytest_prodstatus.scopes import Scopes, widest_ending
from pytest_prodstatus.unseen import Filters, Unseen, is_ignored, present_filters

if TYPE_CHECKING:
    from pytest_prodstatus.assertions import Assertions
    from pytest_prodstatus.attachments import Attaching

_WAITING_LIMIT = 500
"""Characters of the line about what a criterion waits for."""
_RENAMED = Reason(
    text="a hook or fixture gave the test another node id while it ran",
    kind=Kind.INCONCLUSIVE,
    remedy="rename tests in pytest_collection_modifyitems, or not at all",
)
"""Why a pass proves nothing: a warning, and other words of pytest, have the new name."""
_RAN_AGAIN = Reason(
    text="it ran again after what was reported of it, and nothing says how that ended",
    kind=Kind.INCONCLUSIVE,
    remedy="report each attempt: look for pytest_runtest_protocol in conftests and plugins",
)


class _Attempt:
    """One attempt at a test, and what it recorded so far.

    Attributes:
        item: the test; None before the first one.
        criterion: what the test proves; None if it isn't a criterion.
        began: when its phase began, in seconds since the epoch.
        unready: what its set-up raised.
        raised: what the phase raised that no report shows yet.
        fresh: the evidence that no report carries yet.
        recorded: how many values it recorded, whether or not a report carries them.
        refused: the first value that evidence refused since the last report.
        unheld: the first thing seen not to hold since the last report.
        remedy: what the test says to do if something doesn't hold.
        seen_at: when what it shows was so; None if now.
        waits: what a call of `eventually` or a block of `held` has not seen, and what says why not.
        unseen: why the phase proves nothing that passed without waiting for one of them.
        beside: why the phase proves nothing: what went wrong unseen in it.
        traceback: of that.
        filters: those for warnings that were set when it began.
        called: its call began.
        number: how often its test has begun in this process by now.
        made: by phase, the reports of the criterion that nothing has logged yet.
    """

    __slots__ = (
        "began", "beside", "called", "criterion", "filters", "fresh", "item", "made", "number",
        "raised", "recorded", "refused", "remedy", "seen_at", "traceback", "unheld", "unready",
        "unseen", "waits",
    )  # fmt: skip

    def __init__(self, item: pytest.Item | None = None, criterion: Criterion | None = None) -> None:
        self.item = item
        self.criterion = criterion
        self.began = 0.0
        self.unready: BaseException | None = None
        self.raised: BaseException | None = None
        self.fresh: list[Entry] = []
        self.recorded = 0
        self.refused: EvidenceError | None = None
        self.unheld: Reason | None = None
        self.remedy = ""
        self.seen_at: datetime | None = None
        self.waits: dict[object, Callable[[], Reason]] = {}
        self.unseen: Reason | None = None
        self.beside: Reason | None = None
        self.traceback = ""
        self.filters: Filters = ()
        self.called = False
        self.number = 1
        self.made: dict[str, pytest.TestReport] = {}


class _NoMethodError(EvidenceError, AttributeError):
    """The test asked `evidence` for a method that it doesn't have."""


class Observer:
    """Records what the running criterion shows, and which criterion may start.

    Attributes:
        assertions: counts those that pass; None if the project requires none.
    """

    def __init__(self, collector: Collector, scopes: Scopes) -> None:
        self.redaction = collector.redaction
        self.assertions: Assertions | None = None
        self._collector = collector
        self._settings = collector.settings
        self._spool = collector.spool
        self._scopes = scopes
        self._attempt = _Attempt()
        self._endpoints: dict[str, str] = {}
        self._snapshots: dict[str, tuple[datetime, ...]] = {}
        self._attaching: Attaching | None = None
        self._nextitem: pytest.Item | None = None
        self._report: pytest.TestReport | None = None
        self._calls = Calls()
        self._begun: set[str] = set()
        self._again: dict[str, int] = {}

    def prepare(self) -> None:
        """Prepare for the tests: everything is collected, and no test has changed anything."""
        if self._settings.judges and self._collector.manifest.selected:
            self._spool.make()
        if self._settings.config.attachment_limits is not None:
            self._take_attachments()

    def enclose(self, plugins: pytest.PytestPluginManager) -> None:
        """Register anew what must be further in, or out, than any hook: all conftests are known."""
        for name, plugin in self._enclosing.items():
            if plugins.has_plugin(name):
                plugins.unregister(name=name)
            plugins.register(plugin, name)

    def encloses(self, plugin: object) -> bool:
        """Return whether a plugin is one of those that `enclose` registers."""
        return any(plugin is one for one in self._enclosing.values())

    @cached_property
    def _enclosing(self) -> dict[str, object]:
        """The plugins whose hooks are the innermost or the outermost, in their order."""
        plugins = {"prodstatus-scopes": self._scopes, "prodstatus-observer": self}
        if self.assertions is not None:
            plugins["prodstatus-assertions"] = self.assertions
        plugins["prodstatus-calls"] = self._calls
        plugins["prodstatus-around"] = Around(self._calls, lambda: self._report)
        return plugins

    def forget(self) -> None:
        """Let go of the tests and fixtures at the end of the run, so that they can be freed."""
        self._scopes.forget()
        self._attempt = _Attempt()
        self._nextitem = self._report = None

    def add_evidence(self, values: dict[str, object]) -> None:
        """Record named values for the criterion that runs now.

        Raises:
            EvidenceError: a value isn't allowed, or the criterion has recorded too many. Then none
                of these values is recorded, and the criterion is BLOCKED, even if it passes.
        """
        try:
            self._add_evidence(values)
        except EvidenceError as error:
            self._attempt.refused = self._attempt.refused or error
            raise

    def _add_evidence(self, values: dict[str, object]) -> None:
        """Record named values: all of them, or none if one is refused."""
        attempt, now = self._attempt, clock.now()
        clean = self.redaction.output
        entries = [
            entry_of(name, now, value, clean, label=clean(name)) for name, value in values.items()
        ]
        if attempt.recorded + len(entries) > ENTRIES_LIMIT:
            msg = f"evidence: a criterion records at most {ENTRIES_LIMIT} values; record a list"
            raise EvidenceError(msg)
        attempt.fresh += entries
        attempt.recorded += len(entries)
        # To disk at once: what was bought is known even if the process dies at the next line.
        if attempt.criterion is not None and attempt.criterion.side_effects:
            for entry in entries:
                self._spool.append_evidence(attempt.criterion.id, Payload.entry_text(entry))

    def attach(self, name: object, data: object) -> None:
        """Attach a file to the criterion that runs now, if attachments are on.

        Raises:
            EvidenceError: it is refused; then the criterion is BLOCKED, even if it passes.
        """
        if self._attempt.criterion is None:
            return
        attaching = self._attaching or self._take_attachments()
        try:
            attaching.attach(name, data)
        except EvidenceError as error:
            self._attempt.refused = self._attempt.refused or error
            raise

    def _take_attachments(self) -> Attaching:
        """Return what takes attachments from now on."""
        # Not above, since few projects keep any.
        from pytest_prodstatus.attachments import Attaching

        limits = self._settings.config.attachment_limits
        self._attaching = Attaching(limits, self._spool, self.redaction.output)
        return self._attaching

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
        attempt = self._attempt
        if attempt.unheld is None:
            reason = Reason(text=self.redaction.text(text), kind=Kind.OBSERVED)
            attempt.unheld = self._with_remedy(reason)

    def _with_remedy(self, reason: Reason) -> Reason:
        """Return a reason with what the test said to do about it, if something didn't hold."""
        if not self._attempt.remedy or reason.kind is not Kind.OBSERVED:
            return reason
        return replace(reason, remedy=self.redaction.output(self._attempt.remedy))

    def note_remedy(self, text: str) -> None:
        """Note what to do if something is seen not to hold from now on in this attempt."""
        self._attempt.remedy = text

    def note_seen(self, at: datetime) -> None:
        """Date what the current criterion shows at an earlier instant, that its age counts from."""
        __tracebackhide__ = True
        # Our clock is some milliseconds behind that of the test.
        if not is_aware(at) or at > clock.now() + timedelta(seconds=1):
            rule = "give an aware datetime of the years 1 to 9999 in UTC, not in the future"
            self.misused(f"prodstatus_seen_at({described(at)}): {rule}")
        attempt = self._attempt
        # The oldest counts: the criterion is as old as the oldest thing that it shows.
        attempt.seen_at = at if attempt.seen_at is None else min(at, attempt.seen_at)

    def note_waiting(self, text: str) -> None:
        """Let the terminal print what the current criterion waits for; "" if nothing any more."""
        if self._attempt.criterion is not None:
            # Redacted before it is cut: half a secret is not found.
            line = one_line(self.redaction.output(text), limit=_WAITING_LIMIT)
            self._spool.write_waiting(self._attempt.criterion.id, line)

    @property
    def waits(self) -> dict[object, Callable[[], Reason]]:
        """What this attempt began and hasn't seen to hold, each with a function for its reason."""
        return self._attempt.waits

    def misused(self, text: str) -> NoReturn:
        """Refuse a call of a fixture: a criterion is BLOCKED, and another test fails.

        Raises:
            Blocked: the test that runs now is a criterion.
            ValueError: it isn't.
        """
        __tracebackhide__ = True
        if self._attempt.criterion is not None:
            raise Blocked(text, remedy=CORRECT)
        raise ValueError(text)

    def misused_evidence(self, text: str) -> NoReturn:
        """Refuse a call of `evidence`: the criterion is BLOCKED, even if it passes.

        Raises:
            EvidenceError: always.
        """
        __tracebackhide__ = True
        error = EvidenceError(text)
        error.remedy = CORRECT
        self._attempt.refused = self._attempt.refused or error
        raise error

    def lacks(self, text: str) -> NoReturn:
        """Refuse a method that `evidence` doesn't have: the criterion is BLOCKED if that leaves it.

        Raises:
            EvidenceError: always. It is an AttributeError as well, for `hasattr`.
        """
        __tracebackhide__ = True
        error = _NoMethodError(text)
        error.remedy = CORRECT
        raise error

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Begin an attempt; refuse one that can't fail, and a second one with side effects.

        It is the innermost wrapper, since the tear-down of others needs what they set up.
        """
        # A rerun is a new attempt: nothing of the one before is evidence for it.
        attempt = self._attempt = _Attempt(item, self._collector.criterion_of(item))
        try:
            self._begin(attempt)
            with self._noting_unseen():
                result = yield
            attempt.unseen = attempt.beside
            attempt.raised = self._calls.hidden
        except BaseException as error:
            attempt.unready = self._as_blocked(error)
            if attempt.unready is not error:
                raise attempt.unready from None
            raise
        else:
            return result

    def _begin(self, attempt: _Attempt) -> None:
        """Begin an attempt, if its criterion may start.

        Raises:
            Blocked: it must not start.
        """
        self._scopes.begin()
        self._calls.begin()
        RAISED.clear()
        attempt.filters = present_filters()
        if self._attaching is not None:
            self._attaching.begin()
        if attempt.criterion is None or attempt.item is None:
            return
        attempt.began = clock.timestamp()
        nodeid = self._collector.nodeid_of(attempt.item)
        if nodeid in self._begun:
            attempt.number = self._again[nodeid] = self._again.get(nodeid, 1) + 1
        self._begun.add(nodeid)
        if sys.flags.optimize:
            # pytest keeps the asserts of test files, but not those of modules that they import.
            blocked(
                "Python runs without its assert statements, by -O or PYTHONOPTIMIZE",
                remedy="run it without both",
            )
        if attempt.criterion.side_effects:
            self._start_acting(attempt.item, attempt.criterion)

    def _start_acting(self, item: pytest.Item, criterion: Criterion) -> None:
        """Let a criterion with side effects start, once a run.

        Raises:
            Repeated: it has started before, or starts on another worker.
            Blocked: the run can't record that nothing is confirmed before it starts, or that it
                starts.
        """
        collector = self._collector
        if collector.unmarked:
            blocked(
                f"it acts on the world, and the run can't write its record: {collector.unmarked}",
                remedy="let the run write its output folder",
            )
        may_start = collector.acts and collector.nodeid_of(item) not in collector.repeats
        try:
            first = may_start and self._spool.claim(criterion.id)
        except Exception as error:  # noqa: BLE001  an audit hook may raise anything
            why = getattr(error, "strerror", None) or shown(error)
            blocked(
                f"it acts on the world, and that it starts can't be noted in {self._spool.folder}: "
                f"{why}",
                remedy="see that no test empties or fills the folder for temporary files",
            )
        if not first:
            raise Repeated

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Keep the test's exception before a hook can swallow it: this is the innermost wrapper.

        pytest-retry ignores that a set-up failed or was refused; then the test doesn't start here.
        It also calls a test again for the report that it already has, which then gets the payload
        of this call.
        """
        former, attempt = self._report, self._attempt
        try:
            attempt.called = True
            with self._noting_unseen(), self._calls.watching(item):
                result = yield from self._keep_raised(attempt.unready)
            if attempt.raised is None:
                attempt.unseen = attempt.unseen or self._calls.missed(item) or self._returned(item)
            return result
        finally:
            if former is not None and former.when == "call" and attempt.criterion is not None:
                self._hand_over(self._payload(attempt.raised, "call"), former)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(
        self, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Keep the tear-down's exception, and note which scopes pytest tears down."""
        self._nextitem = nextitem
        with self._noting_unseen():
            return (yield from self._keep_raised())

    def _keep_raised(self, before: BaseException | None = None) -> Generator[None, object, object]:
        """Keep the exception of a phase; raise the one before instead of starting it."""
        attempt = self._attempt
        attempt.raised, attempt.beside = before, None
        self._calls.begin()
        if attempt.criterion is not None:
            attempt.began = clock.timestamp()
        if before is not None:
            raise before
        try:
            result = yield
        except BaseException as error:
            attempt.raised = self._as_blocked(error)
            if attempt.raised is not error:
                raise attempt.raised from None
            raise
        else:
            attempt.unseen = next((why() for why in attempt.waits.values()), attempt.beside)
            if self._calls.hidden is not None:
                attempt.raised = self._as_blocked(self._calls.hidden)
            return result
        finally:
            attempt.waits.clear()

    def _noting_unseen(self) -> AbstractContextManager[None]:
        """Note in a block what goes wrong unseen: for the test, or the users of a fixture."""
        return self._scopes.noting_unseen(self._note_unseen, partial(self._is_hidden, shared=True))

    def _note_unseen(self, seen: Unseen) -> None:
        """Note the first thing that went wrong unseen in the test's own phase."""
        attempt = self._attempt
        if attempt.beside is None and not self._is_hidden(seen):
            attempt.beside = seen.reason_by(self.redaction.text)
            attempt.traceback = seen.detail if "\n" in seen.detail else ""

    def _is_hidden(self, seen: Unseen, *, shared: bool = False) -> bool:
        """Return whether the configuration hides the warning of what went wrong unseen.

        Args:
            seen: what went wrong.
            shared: others answer for it, for whom a mark of the present test says nothing.
        """
        item = self._attempt.item
        marked = item is not None and item.get_closest_marker("filterwarnings")
        return not (shared and marked) and self._hides(seen.category, seen.message)

    def _hides(self, category: type[Warning], message: str) -> bool:
        """Return whether a filter that the test did not set hides a warning, or `-p no:` does."""
        item = self._attempt.item
        if item is None:
            return False
        blocked = item.config.pluginmanager.is_blocked
        if blocked("warnings") or blocked(_NOTICED_BY.get(category, "warnings")):
            return True
        return is_ignored(self._attempt.filters, category, message)

    def _returned(self, item: pytest.Item) -> Reason | None:
        """Return why the call proves nothing, if the test's function returned a value."""
        value = self._calls.returned
        if value is None:
            return None
        messages = (
            f"Test functions should return None, but {item.nodeid} returned {type(value)!r}.",
            f"Expected None, but {item.nodeid} returned ",  # up to pytest 8.3
        )
        hidden = any(self._hides(pytest.PytestReturnNotNoneWarning, text) for text in messages)
        return None if hidden else RETURNED

    def _as_blocked(self, error: BaseException) -> BaseException:
        """Return an exception as pytest is to see it: a value that evidence refused is a skip.

        Otherwise pytest would count a failure and show the plugin's own lines, and the run would
        end with 1, as if the system had failed. So it is for an async test that pytest didn't run,
        and for a group of skips. A shared fixture's tear-down stays as it is.
        """
        if self._attempt.criterion is None:
            return error
        found, unrun = deciding(error), error is self._calls.unrun
        shared = any(map(is_shared, (error, *leaves(error))))
        if isinstance(found, pytest.skip.Exception) and not unrun and not shared:
            return found
        if not unrun and (shared or not isinstance(found, EvidenceError)):
            return error
        reason = NEVER_AWAITED if unrun else reason_of(found, str)
        blocked = Blocked(reason.text, kind=reason.kind, remedy=reason.remedy)
        return blocked.with_traceback(error.__traceback__)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, object, pytest.TestReport]:
        """Attach what the criterion recorded to its report, and what others must answer for."""
        attempt = self._attempt
        # A plugin may make a report of another test than the one that began last.
        began = item is attempt.item
        running = attempt.criterion if began else self._collector.criterion_of(item)
        ended = 0.0 if running is None else clock.timestamp()
        report = yield
        if not isinstance(report, pytest.TestReport):
            report = pytest.TestReport.from_item_and_call(item, call)
            attempt.unseen = attempt.unseen or NO_REPORT
        self._report = report
        raised, found = attempt.raised, call.excinfo.value if call.excinfo else None
        if found is None and raised is not None and not is_failure(raised):
            attempt.unseen = attempt.unseen or _swallowed(raised, self.redaction.output)
        if raised is None or (is_failure(found) and not is_assertion(raised)):
            # A plugin for soft assertions puts its own there, which says more.
            raised = found
        torn, own = self._divided(raised, call.when, item)
        own = None if own is None else deciding(own)
        if running is not None:
            nodeid = vars(report)[TEST] = self._collector.nodeid_of(item)
            if item.nodeid != nodeid:
                attempt.unseen = attempt.unseen or _RENAMED
            if began:
                attempt.made[call.when] = report
            if call.when == "call" and not (began and attempt.called):
                attempt.unseen = attempt.unseen or UNCALLED
            uses = self._scopes.uses(item, raised if call.when == "setup" else None)
            contacted = self._endpoints or self._snapshots or attempt.seen_at
            frozen = self._is_frozen(call, ended)
            counted = self.assertions is not None and call.when == "call"
            attached = self._attaching and (self._attaching.fresh or self._attaching.notices)
            noted = attempt.refused or attempt.unheld or attempt.unseen or RAISED or attached
            kept = attempt.recorded or contacted or raised or noted or torn or attempt.number > 1
            # Most reports of thousands have nothing to carry.
            if kept or uses or frozen or counted:
                doubt = self._doubt(item, running) if counted and report.passed else None
                payload = self._payload(own, call.when, uses, torn, doubt)
                if own is not raised:
                    payload = replace(payload, grouped=True)
                if frozen:
                    took = max(0.0, ended - attempt.began)
                    payload = replace(payload, stopped=clock.at(ended), duration=took)
                self._hand_over(payload, report)
        elif torn:
            Payload(torn=torn, wider=own is None).attach(report)
        attempt.raised = None
        RAISED.clear()
        SHARED.clear()
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note if the test ran again since, and so may have shown something else."""
        test, attempt = test_of(report), self._attempt
        item = attempt.item if attempt.made else None
        if item is not None and test == self._collector.nodeid_of(item):
            attempt.made.pop(str(report.when), None)
        last = self._again.get(test)
        # A plugin that withholds reports may hand on the first set-up's, which shows nothing.
        if last is not None and not (report.when == "setup" and report.passed):
            payload = Payload.of(report) or Payload()
            if payload.attempt < last:
                Payload.block(report, _RAN_AGAIN)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Log the reports that a plugin kept until the last phase, which was interrupted.

        pytest logs each phase when it has ended; those that rerun tests log all of them together.
        """
        attempt = self._attempt
        for report in [*attempt.made.values()]:
            if attempt.item is not None:
                # The controller may have gone.
                with contextlib.suppress(OSError):
                    attempt.item.ihook.pytest_runtest_logreport(report=report)

    def _is_frozen(self, call: pytest.CallInfo[None], ended: float) -> bool:
        """Return whether the test has its own time, so that pytest's instants are of that."""
        # A subtest begins later than its phase.
        began = self._attempt.began - 1 < call.start < ended + 1
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
        more = self._scopes.unraised(self.redaction.text) if SHARED else []
        unseen = any(one.detail for one in more)
        if unseen and isinstance(own, (*_NOTICED_BY,)):
            # Warnings are errors: what went wrong unseen is what pytest reports.
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
        return self._scopes.split(error, widest, self.redaction.text)

    @contextmanager
    def noting_late(self, late: LateTearDowns, session: pytest.Session) -> Iterator[None]:
        """Note what pytest tears down after the last test and what it raises, as the block ends.

        After `-x` or `pytest.exit`, this is what the next test would have shared.
        """
        try:
            with self._noting_unseen():
                yield
        except BaseException as error:
            late.error = error
            late.torn += self.torn_down(error, session)[0]
            raise
        finally:
            more = self._scopes.unraised(self.redaction.text) if SHARED else []
            late.torn += [one for one in more if one not in late.torn]
            SHARED.clear()

    def late_report(self, late: LateTearDowns) -> pytest.TestReport | None:
        """Return a report of the last test for what failed after it; None if nothing is shared."""
        item, error = self._attempt.item, late.error
        if item is None or not late.torn:
            return None
        report = pytest.TestReport(
            nodeid=self._collector.nodeid_of(item),
            location=item.location,
            keywords={},
            # Without an exception, a fixture swallowed its `blocked()`, or its thread died.
            outcome="failed" if error else "passed",
            longrepr=traceback_of(error) if error else None,
            when="teardown",
        )
        Payload(torn=tuple(late.torn), wider=True).attach(report)
        return report

    def _doubt(self, item: pytest.Item, criterion: Criterion) -> Reason | None:
        """Return why the pass of a criterion that requires an assertion proves nothing."""
        if self.assertions is None:
            return None
        required = self._settings.config.catalogue.requires_assertion(criterion)
        return self.assertions.doubt(item) if required else None

    def _hand_over(self, payload: Payload, report: pytest.TestReport) -> None:
        """Put a payload on a report, and forget what it has, so that it counts once."""
        payload.attach(report)
        self._attempt.fresh.clear()
        self._attempt.refused = self._attempt.unheld = self._attempt.unseen = None
        RAISED.clear()
        if self._attaching is not None:
            if self._attaching.unshared:
                setattr(report, FILES, dict(self._attaching.unshared))
            self._attaching.forget()

    def _detail(self, given: Blocked | None, reason: Reason | None) -> str:
        """Return where the test was at the deadline, or what went wrong unseen was."""
        clean, attempt = self.redaction.output, self._attempt
        if given is not None:
            return clean(given.stack)
        unseen = reason is not None and reason is attempt.beside
        return several_lines(clean(attempt.traceback)) if unseen else ""

    def _payload(
        self,
        raised: BaseException | None,
        when: str,
        uses: tuple[str, ...] = (),
        torn: tuple[TornDown, ...] = (),
        doubt: Reason | None = None,
    ) -> Payload:
        """Return what a phase recorded and raised, redacted, as a report carries it."""
        clean, attempt = self.redaction.output, self._attempt
        # In set-up, a fixture may look at much together, and keep what concerns other criteria; the
        # run's deadline is never that.
        swallowed = RAISED if when != "setup" else [one for one in RAISED if one.stack]
        given = raised if isinstance(raised, Blocked) else next(iter(swallowed), None)
        refused = reason_of(attempt.refused, clean) if attempt.refused else None
        reason = given.reason_by(clean) if given else refused or attempt.unseen
        if torn and reason is None and isinstance(raised, pytest.skip.Exception):
            # pytest reports a skip in a group as a failure.
            reason = Reason(text=clean(shown(raised)), kind=Kind.SKIPPED)
        return Payload(
            evidence=tuple(attempt.fresh),
            recorded=attempt.recorded,
            blocked=reason,
            raised=self._with_remedy(reason_of(raised, clean, when))
            if is_failure(raised)
            else attempt.unheld,
            repeat=isinstance(raised, Repeated),
            uses=uses,
            torn=torn,
            attempt=attempt.number,
            when=when if raised is not None else "",
            wider=bool(torn) and not is_failure(raised),
            detail=self._detail(given, reason),
            assertions=self.assertions.passed if self.assertions and when == "call" else 0,
            doubt=replace(doubt, text=clean(doubt.text)) if doubt else None,
            endpoints=self._endpoints,
            snapshots=self._snapshots,
            seen_at=attempt.seen_at,
            attachments=tuple(self._attaching.fresh) if self._attaching else (),
            notices=tuple(self._attaching.notices) if self._attaching else (),
        )


_NOTICED_BY: dict[type[Warning], str] = {
    pytest.PytestUnhandledThreadExceptionWarning: "threadexception",
    pytest.PytestUnraisableExceptionWarning: "unraisableexception",
}
"""The plugins of pytest that notice what goes wrong unseen; a run can do without one."""


def _failed(torn: TornDown) -> TornDown:
    """Return a tear-down as FAILED: something went wrong unseen, and warnings are errors."""
    reason = replace(torn.reason, kind=Kind.OBSERVED)
    return replace(torn, verdict=Verdict.FAILED, reason=reason)


def _swallowed(raised: BaseException, clean: Callable[[str], str]) -> Reason:
    """Return why a phase proves nothing whose skip, or other end, a hook swallowed."""
    skipped = isinstance(raised, (pytest.skip.Exception, pytest.xfail.Exception))
    kind = Kind.SKIPPED if skipped else Kind.INCONCLUSIVE
    return Reason(text=f"{clean(shown(raised))} (and a hook swallowed that)", kind=kind)


def reason_of(raised: BaseException, clean: Callable[[str], str], when: str = "call") -> Reason:
    """Return the reason for a criterion that raised an exception.

    Args:
        raised: the exception.
        clean: redacts its text, before it is shortened.
        when: the phase that raised it, which says where to look.
    """
    if isinstance(raised, EvidenceError):
        text, kind = clean(str(raised)), Kind.EVIDENCE_ERROR
        return Reason(text=text, kind=kind, remedy=raised.remedy)
    text = clean(shown(raised))
    if is_assertion(raised):
        return Reason(text=text, kind=Kind.OBSERVED)
    what, where = ("the set-up", "the fixtures") if when == "setup" else ("the test", "the test")
    name = type_name(raised)
    advice = f"look at {where} first"
    if name in _ANSWERS:
        advice = f"see what the system answered, then look at {where}"
    elif _is_of_outside(raised):
        advice = f"see whether the system answers, then look at {where}"
    remedy = f"{what} raised {name}: {advice}"
    return Reason(text=text, kind=Kind.ERROR, remedy=remedy)


_ANSWERS = ("HTTPError", "HTTPStatusError")
"""What urllib, requests and httpx raise if the system answered with the status of an error."""


def _is_of_outside(raised: BaseException) -> bool:
    """Return whether an exception is, or is raised from, an OSError, such as a refused connection.

    Those of urllib and requests are; httpx raises its own from it.
    """
    # By their ids: they may compare themselves with code of their own.
    seen: dict[int, BaseException] = {}
    cause: BaseException | None = raised
    while cause is not None and id(cause) not in seen:
        seen[id(cause)] = cause
        cause = cause.__cause__
    return any(isinstance(one, OSError) for one in seen.values())
