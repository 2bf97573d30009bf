"""From pytest's reports to the phases of a criterion, with the payload that each report carries.

A report may say what a hook invented, so the calls of tests and fixtures are watched as well.

A payload travels as JSON text in one attribute of the report, since xdist can send text. An enum, a
path or a lone surrogate would be an internal error that loses the whole run.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, wraps
from traceback import walk_tb
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.model.evidence import Attachment, Entry
from pytest_prodstatus.model.outcome import Phase, finding_of, unproved
from pytest_prodstatus.model.teardown import TornDown
from pytest_prodstatus.model.text import (
    Instant,
    one_line,
    printable,
    several_lines,
    text_of,
    type_name,
)
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.spool import worker_id

ATTRIBUTE = "prodstatus"
FIRST = "prodstatus_first"
"""The attribute of a worker's report with its outcome before other hooks could change it."""
SENT = "prodstatus_sent"
"""The attribute of a worker's report with its clock when it was sent, and how far that is behind
the controller's at least, both in seconds."""
TEST = "prodstatus_test"
"""The attribute of a criterion's report with the node id of the test that it was made of."""
FILES = "prodstatus_files"
"""The attribute of a worker's report with the content of attachments that it can't share."""


STRIPPED = Reason(
    text="a hook took from a worker's report what was noted of the test",
    kind=Kind.PROVES_NOTHING,
    remedy="leave what other plugins added in pytest_report_to_serializable, or run without -n",
)
"""Why a pass proves nothing whose report came from a worker without `SENT`."""
INVENTED = Reason(
    text="it was reported as passed, by a report that pytest did not make of its call",
    kind=Kind.PROVES_NOTHING,
    remedy="report what pytest_runtest_makereport returned: look for hooks that make a TestReport",
)
"""Why a pass proves nothing whose report of the call has no `TEST`."""


class Payload(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was recorded during one phase.

    Attributes:
        evidence: the entries of this phase.
        recorded: the number of entries in this attempt so far.
        blocked: the reason given to `blocked()`, or of a value that `evidence` refused, also if
            the test swallowed the exception.
        raised: the exception that left the test itself, and its kind; None if none did.
        grouped: it was in a group, of which pytest's report says only how many there are.
        repeat: the plugin refused to start the criterion once more.
        uses: keys of the fixtures of wider scope that it used and that no earlier phase named.
        torn: tear-downs of wider scope that did not pass in this phase, used by it or not.
        wider: these are all that went wrong; nothing of it is the test's own.
        attempt: how often the test had begun in its process by then.
        when: the phase, if it raised something; a hook may put another name into the report.
        stopped, duration: when the phase ended, and how many seconds it took, if pytest's report is
            wrong about that, because the test froze time; else None.
        detail: where the test was when the run's deadline ended it; else "".
        ended: its process ends now, because it took no notice of the deadline.
        assertions: how many assertions have passed in this attempt so far.
        doubt: why a pass with so many assertions proves nothing, if one is required.
        endpoints: hosts that the suite contacted, by name.
        snapshots: the aware instants as of which it read something, by name.
        seen_at: the earlier aware instant that what it showed is dated by; None for now.
        attachments: the files that were attached in this phase, without their content.
        notices: sentences about these, each of which the run prints once.
    """

    evidence: tuple[Entry, ...] = ()
    recorded: int = 0
    blocked: Reason | None = None
    raised: Reason | None = None
    grouped: bool = False
    repeat: bool = False
    uses: tuple[str, ...] = ()
    torn: tuple[TornDown, ...] = ()
    wider: bool = False
    attempt: int = 1
    when: str = ""
    stopped: Instant | None = None
    duration: float | None = None
    detail: str = ""
    ended: bool = False
    assertions: int = 0
    doubt: Reason | None = None
    endpoints: Mapping[str, str] = {}
    snapshots: Mapping[str, tuple[Instant, ...]] = {}
    seen_at: Instant | None = None
    attachments: tuple[Attachment, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The payload as JSON; just the number of entries if there is nothing else, as usual."""
        number = str(self.recorded)
        if self == _payload(number):  # most reports of thousands say nothing else
            return number
        try:
            return _ENCODE(self).decode()
        except UnicodeEncodeError:
            return _ENCODE(printable(self)).decode()

    def attach(self, report: object) -> None:
        """Put the payload on a report."""
        setattr(report, ATTRIBUTE, self.text)

    @classmethod
    def block(cls, report: object, why: Reason) -> None:
        """Let what a report shows be BLOCKED for a reason, if it isn't for another one yet."""
        payload = cls.of(report) or cls()
        replace(payload, blocked=payload.blocked or why).attach(report)

    @staticmethod
    def entry_text(entry: Entry) -> str:
        """Return one entry of evidence as a line of JSON."""
        return _ENCODE(entry).decode()

    @staticmethod
    def entry_from_text(line: str) -> Entry:
        """Return the entry of evidence in a line of JSON, as `entry_text` writes it."""
        entry: Entry = msgspec.json.decode(line, type=Entry)
        return entry

    @classmethod
    def of(cls, report: object) -> Payload | None:
        """Return a report's payload; None if it carries none."""
        text = getattr(report, ATTRIBUTE, None)
        return _payload(text) if isinstance(text, str) else None


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Payload).decode


# Several hooks read the payload of one report, and most payloads of thousands are equal.
@lru_cache(maxsize=16)
def _payload(text: str) -> Payload:
    """Return the payload that a text stands for."""
    return Payload(recorded=int(text)) if text.isdecimal() else _DECODE(text)


_UNAWAITED = re.compile(r"coroutine '.*' was never awaited")
"""How Python's warning begins (`warnings._warn_unawaited_coroutine`)."""

_RETURNED = "It is deprecated to return a value that is not None from a test case"
"""How unittest's warning begins, since Python 3.11; without it, unittest says nothing."""

SUSPECT_WARNINGS = (
    f"always:{_UNAWAITED.pattern}:RuntimeWarning",
    "always::pytest.PytestReturnNotNoneWarning",
    f"always:{_RETURNED}:DeprecationWarning",
    "always::pytest.PytestUnhandledThreadExceptionWarning",
)
"""Filters, as pytest's `filterwarnings` takes them, that let these warnings through."""


def show_suspect_warnings(config: pytest.Config) -> None:
    """Show the warnings that say that a pass proves nothing, even if their kinds are hidden."""
    # With any of Python's own options for warnings, pytest leaves deprecations hidden.
    if sys.warnoptions or any(map(_hides_kinds, config.getini("filterwarnings"))):
        for line in SUSPECT_WARNINGS:
            config.addinivalue_line("filterwarnings", line)


_WATCHERS = {
    "warnings": "a coroutine that is never awaited, a returned value or a thread that died",
    "threadexception": "a thread that died",
    "unraisableexception": "an assertion that fails in __del__",
}
"""pytest's plugins that notice such a pass, and what nobody notices without one."""


def unwatched(config: pytest.Config) -> list[str]:
    """Return a sentence for each plugin that is switched off and would notice a suspect pass."""
    blocked = config.pluginmanager.is_blocked
    return [
        f"-p no:{name}: {what} isn't noticed, so a CONFIRMED may prove nothing; leave it out"
        for name, what in _WATCHERS.items()
        if blocked(name)
    ]


def _hides_kinds(line: str) -> bool:
    """Return whether a filter hides all warnings of a kind, with any message.

    A filter that names a message, or a warning class of pytest or a library, hides it on purpose.
    """
    action, _, rest = line.partition(":")
    message, _, rest = rest.partition(":")
    category = rest.partition(":")[0]
    hides = bool(action.strip()) and "ignore".startswith(action.strip())
    return hides and not message.strip() and "." not in category


def ignores_deaths(config: pytest.Config) -> bool:
    """Return whether a project has chosen not to hear of threads that die."""
    given = config.getoption("pythonwarnings", None) or []
    lines = [line for line in [*config.getini("filterwarnings"), *given] if line.startswith("i")]
    named = any("PytestUnhandledThreadExceptionWarning" in line for line in lines)
    every = any(line in given and ":" not in line for line in lines)
    return (
        named or every or any(map(config.pluginmanager.is_blocked, ("warnings", "threadexception")))
    )


RETURNED = Reason(
    text="the test returned a value, which nothing asserts",
    kind=Kind.PROVES_NOTHING,
    remedy="assert what must hold, and return nothing",
)


def suspect_pass(category: type[Warning], message: str) -> Reason | None:
    """Return why a pass with this warning proves nothing; None for other warnings.

    Args:
        category: the warning's class.
        message: its text.
    """
    if issubclass(category, RuntimeWarning) and _UNAWAITED.match(message):
        return never_awaited(message)
    by_unittest = issubclass(category, DeprecationWarning) and message.startswith(_RETURNED)
    if by_unittest or issubclass(category, pytest.PytestReturnNotNoneWarning):
        return RETURNED
    if issubclass(category, pytest.PytestUnhandledThreadExceptionWarning):
        return thread_death(message)
    return None


def never_awaited(message: str) -> Reason:
    """Return the reason for a pass that proves nothing, since a coroutine was never awaited.

    Args:
        message: Python's warning about it.
    """
    unawaited = _UNAWAITED.match(message)
    return Reason(
        text=f"{unawaited[0] if unawaited else message}, so what it looks at was not seen",
        kind=Kind.PROVES_NOTHING,
        remedy="await it, and let a plugin for async tests run it",
    )


def lost_assertion(message: str) -> Reason:
    """Return the reason for a pass that proves nothing, since a failed assertion couldn't leave it.

    Args:
        message: the assertion's traceback.
    """
    return Reason(
        text=f"an assertion failed where Python can't raise it: {_raised(message)}",
        kind=Kind.PROVES_NOTHING,
        remedy="assert in the test itself, not in __del__ or in a generator that Python closes",
    )


def thread_death(message: str) -> Reason:
    """Return the reason for a pass that proves nothing, since a thread died during it.

    Args:
        message: pytest's warning about the thread, with its traceback.
    """
    return Reason(
        text=f"a thread died of what the test did not see: {_raised(message)}",
        kind=Kind.PROVES_NOTHING,
        remedy="raise what its threads raise, as concurrent.futures can",
    )


def _raised(message: str) -> str:
    """Return the line of a thread's traceback that names the exception."""
    # Its frames are indented, and the exception is the first line that isn't; more may follow.
    frames = message.rpartition("Traceback (most recent call last):")[2].splitlines()
    lines = (line for line in frames if line.strip() and not line.startswith(" "))
    return next(lines, "no more is known")


def test_of(report: pytest.TestReport) -> str:
    """Return the node id of the test that a report is of, also if a hook gave it another name."""
    return str(vars(report).get(TEST) or report.nodeid)


_MOST_SECONDS = 1e10
"""Since 1970, some centuries; no phase takes as long. NaN isn't less either."""
_WENT_WRONG = ("failed", "rerun")


def phase_of(report: pytest.TestReport) -> Phase:
    """Return what pytest's report and its payload say of one phase of a criterion."""
    payload = Payload.of(report) or Payload()
    stop = stop_of(vars(report))
    duration = report.duration if payload.duration is None else payload.duration
    return Phase(
        when=payload.when or str(report.when),
        outcome=str(report.outcome),
        xfail=hasattr(report, "wasxfail"),
        # pytest's own SubtestReport and pytest-subtests' carry the subtest's context.
        subtest=hasattr(report, "context"),
        text=payload.raised.text if payload.raised and payload.grouped else _text(report),
        detail=payload.detail
        or (several_lines(report.longreprtext) if report.outcome in _WENT_WRONG else ""),
        blocked=payload.blocked,
        raised=payload.raised,
        evidence=payload.evidence,
        attachments=payload.attachments,
        assertions=payload.assertions,
        doubt=payload.doubt,
        repeat=payload.repeat,
        wider=payload.wider,
        worker=worker_id(getattr(report, "node", None)),
        stopped=payload.stopped or (clock.at(stop) if stop else None),
        seen_at=payload.seen_at,
        duration=seconds(duration),
        attempt=payload.attempt,
    )


def stop_of(values: Mapping[str, Any]) -> float:
    """Return when a report's phase ended, in seconds since 1970; 0.0 if it doesn't say.

    Now, if a hook put something there that is no instant.

    Args:
        values: the report's attributes.
    """
    return (seconds(values["stop"]) or clock.timestamp()) if "stop" in values else 0.0


def seconds(value: object) -> float:
    """Return a number of seconds from a report; 0.0 for what a hook put there that is none."""
    number = isinstance(value, (int, float)) and 0 <= value <= _MOST_SECONDS
    return float(value) if number else 0.0  # type: ignore[arg-type]  # a number


def verdict_of(
    report: pytest.TestReport, *, require_evidence: bool, require_assertion: bool
) -> Verdict:
    """Return the verdict that one report of a criterion has by itself, for the terminal."""
    passed = report.outcome == "passed" and not hasattr(report, "wasxfail")
    finding = None if passed else finding_of(phase_of(report))
    if finding:
        return finding[0]
    payload = Payload.of(report) or Payload()
    if payload.torn:
        return max(torn.verdict for torn in payload.torn)
    lacking = require_evidence and not payload.recorded
    if require_assertion and report.when == "call" and not lacking:
        lacking = unproved(payload.assertions, payload.doubt) is not None
    return Verdict.BLOCKED if lacking else Verdict.CONFIRMED


def _text(report: pytest.TestReport) -> str:
    """Return the reason of an xfail, or the problem of any other report; one line."""
    if hasattr(report, "wasxfail"):
        return one_line(text_of(report.wasxfail or "").removeprefix("reason: "))
    return problem_of(report)


def missing_of(report: pytest.CollectReport) -> Reason:
    """Return why the criteria of a file didn't run: it failed to collect, or skipped itself."""
    file, problem = report.nodeid.partition("::")[0], problem_of(report)
    if report.failed:
        text = f"{report.nodeid or 'the suite'} did not collect: {problem}"
        return Reason(text=text, kind=Kind.COLLECTION_ERROR, remedy=_hint(report))
    payload = Payload.of(report)
    skipped = Reason(text=f"{file} was skipped: {problem}", kind=Kind.SKIPPED)
    return payload.blocked if payload and payload.blocked else skipped


def problem_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the first line of a report's error, or the reason of its skip; "" if it has none."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        return one_line(longrepr[2].removeprefix("Skipped: "))
    crash = getattr(longrepr, "reprcrash", None)
    message = str(getattr(crash, "message", None) or longrepr or "")
    lines = [line for line in message.splitlines() if line.strip() and not _is_hint(line)]
    if not lines:
        return ""
    # A collection error is one text. The last line of its traceback names the exception; without
    # one (two files of one name), all of it is the reason.
    traceback = [line for line in lines if line.startswith("E ")]
    if crash is None and isinstance(report, pytest.CollectReport):
        line = traceback[-1] if traceback else " ".join(lines)
    else:
        line = lines[-1] if crash is None and len(lines) > 1 else lines[0]
    return one_line(line.removeprefix("E ").strip().removeprefix("AssertionError: "))


def _is_hint(line: str) -> bool:
    """Return whether a line is pytest's advice, which isn't the reason."""
    return line.strip().lower().startswith("hint:")


def _hint(report: pytest.CollectReport) -> str | None:
    """Return pytest's advice in the error of a file, without its first word; None if it has none.

    The hint of an import error is about the names of folders, which are seldom the cause.
    """
    lines = str(report.longrepr or "").splitlines()
    if any(line.startswith("E ") for line in lines):
        return None
    hints = [line.strip()[len("hint:") :] for line in lines if _is_hint(line)]
    return one_line(hints[-1]) if hints else None


def shown(raised: BaseException) -> str:
    """Return an exception's type and the first line of its text."""
    first = next(iter(text_of(raised).strip().splitlines()), "")
    name = "" if first and isinstance(raised, AssertionError) else type_name(raised)
    return f"{name}: {first}" if name and first else name or first


_FAITHFUL = ("python", "anyio")
"""Plugins that call the function, and let out what it raises."""
NEVER_CALLED = Reason(
    text="the test's function was never called: a hook ran something else in its place",
    kind=Kind.PROVES_NOTHING,
    remedy="let pytest call the function: look for pytest_pyfunc_call in conftests and plugins",
)
NEVER_RUN = Reason(
    text="unittest did not report that it ran the test",
    kind=Kind.PROVES_NOTHING,
    remedy="call super().run(result) with the result that pytest gave: look at the class's run",
)
NEVER_AWAITED = Reason(
    text="the test is async, and no plugin ran it",
    kind=Kind.INCONCLUSIVE,
    remedy="install a plugin for async tests, such as pytest-asyncio, and give the test its mark",
)
UNCALLED = replace(
    NEVER_CALLED,
    text="the test was never called: a hook made the report of its call without it",
    remedy="call the hook pytest_runtest_call: look for pytest_runtest_protocol in conftests and "
    "plugins",
)
NO_REPORT = Reason(
    text="a hook returned no report of it (pytest_runtest_makereport)",
    kind=Kind.INCONCLUSIVE,
    remedy="return in the hook the report that it got",
)


_STARTED = ("startTest", "addSuccess")
"""Methods of unittest's result, one of which is called for each test that passes."""


def _is_result(item: pytest.Item | None) -> bool:
    """Return whether a test is a `unittest.TestCase`'s, which pytest gives itself as the result."""
    return all(hasattr(type(item), name) for name in _STARTED)


class Calls:
    """The innermost hooks around the function of a test and those of its fixtures.

    They and `Around` are registered when everything is collected, and again with each later plugin,
    so that none has a hook further in or further out.

    Attributes:
        called: the test's function was called in this phase.
        hidden: what the function raised, or a fixture whose exception a hook swallowed.
        returned: what the function returned, if pytest itself looks at that.
        unrun: what pytest itself raised in the place of the function, which it can't await.
        failing: what a fixture raised that is being set up.
    """

    def __init__(self) -> None:
        self.called = False
        self.returned: object = None
        self.hidden: BaseException | None = None
        self.unrun: BaseException | None = None
        self.failing: BaseException | None = None

    def begin(self) -> None:
        """Forget what the phase before did."""
        self.called = False
        self.returned = None
        self.hidden = self.unrun = self.failing = None

    def missed(self, item: pytest.Item | None) -> Reason | None:
        """Return why the phase proves nothing: it called a test's hook, and not its function."""
        if self.called:
            return None
        if _is_result(item):
            return NEVER_RUN
        # Another class of test calls its function in its own way.
        plain = getattr(type(item), "runtest", None) is pytest.Function.runtest
        return NEVER_CALLED if plain else None

    @contextmanager
    def watching(self, item: pytest.Item) -> Iterator[None]:
        """Note in the block whether a `unittest.TestCase` reports to pytest that it ran.

        Its own `run` may return early, or hand the outcome to another result.
        """
        if not _is_result(item):
            yield
            return
        for name in _STARTED:
            setattr(item, name, self._noting(getattr(item, name)))
        try:
            yield
        finally:
            for name in _STARTED:
                delattr(item, name)

    def _noting(self, method: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return a method of unittest's result that also notes its call."""

        def noting(testcase: Any) -> object:
            self.called = True
            return method(testcase)

        return noting

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Note that the function was called, and what it raised."""
        function = pyfuncitem.obj
        replaced = any(
            not (hook.wrapper or hook.hookwrapper) and hook.plugin_name not in _FAITHFUL
            for hook in pyfuncitem.ihook.pytest_pyfunc_call.get_hookimpls()
        )
        is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        if replaced:
            pyfuncitem.obj = self._watched(function)
        else:
            self.called = True
            if not is_async:
                pyfuncitem.obj = self._returning(function)
        try:
            return (yield)
        except BaseException as error:
            self.hidden = error
            if _is_by_pytest(error):
                self.unrun = error
            raise
        finally:
            if replaced or not is_async:
                pyfuncitem.obj = function

    def _returning(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that notes what it returns; pytest only warns of that."""

        @wraps(function)
        def returning(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            result = self.returned = function(*args, **kwargs)
            return result

        return returning

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that notes its call, and what it raises, for a hook that calls it."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def watched(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                self.called = True
                try:
                    return await function(*args, **kwargs)
                except BaseException as error:
                    self.hidden = self.hidden or error
                    raise
        else:

            @wraps(function)
            def watched(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                self.called = True
                try:
                    return function(*args, **kwargs)
                except BaseException as error:
                    self.hidden = self.hidden or error
                    raise

        return watched

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Note what a fixture raises; `Around` sees whether that gets out."""
        try:
            return (yield)
        except BaseException as error:
            self.failing = error
            raise


_RUNNERS = ("_pytest", "pluggy", __name__.partition(".")[0])


def _is_by_pytest(error: BaseException) -> bool:
    """Return whether pytest ended a test without a line of the test, since it is async.

    It fails it; up to pytest 8.3, it skips it.
    """
    return isinstance(error, (pytest.fail.Exception, pytest.skip.Exception)) and all(
        str(frame.f_globals.get("__name__")).partition(".")[0] in _RUNNERS
        for frame, _ in walk_tb(error.__traceback__)
    )


_NOTED = (ATTRIBUTE, TEST, FILES)


class Around:
    """The outermost hooks, which see what all others let out."""

    def __init__(self, calls: Calls, last_report: Callable[[], pytest.TestReport | None]) -> None:
        self._calls = calls
        self._last_report = last_report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Note an exception of a fixture that a hook swallowed; a test may catch one itself."""
        calls = self._calls
        try:
            result = yield
            calls.hidden = calls.hidden or calls.failing
        finally:
            calls.failing = None
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, object, pytest.TestReport]:
        """Return the report that there was, if a hook further in returned something else.

        Another report is as good, with what was noted on the one that it replaces.
        """
        report = yield
        last = self._last_report()
        if isinstance(report, pytest.TestReport):
            noted = {} if last is None else vars(last)
            vars(report).update({name: noted[name] for name in _NOTED if name in noted})
            return report
        kept = last or pytest.TestReport.from_item_and_call(item, call)
        Payload.block(kept, NO_REPORT)
        return kept
