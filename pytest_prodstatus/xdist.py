"""xdist: what controller and workers send each other, without a folder that both can see.

A worker gets the values that it must agree on before it starts, and with them a channel of its own,
on which it sends its manifest when it has collected. xdist sends on another channel of the same
connection, which keeps the order. So the manifest is there before xdist gives any worker a test.

xdist sends only builtin values, and only text that UTF-8 can encode. One path, enum or lone
surrogate in a report ends the worker, and the run loses what the worker observed.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.incidents import End
from pytest_prodstatus.model.text import INTO, described, utf8, walked
from pytest_prodstatus.options import worker_input
from pytest_prodstatus.redaction import only_passed
from pytest_prodstatus.reports import ATTRIBUTE, FIRST, SENT, TEST, shown

if TYPE_CHECKING:
    from pytest_prodstatus.collector import Collector
    from pytest_prodstatus.observer import Observer
    from pytest_prodstatus.redaction import Redaction

_UNCHANGED = (type(None), bool, int, float, complex, bytes)
_SCALARS: tuple[type[Any], ...] = (int, float, bytes)
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)


_OWN = frozenset({
    "nodeid", "location", "keywords", "outcome", "longrepr", "when", "user_properties", "sections",
    "duration", "start", "stop", "result", "prodstatus", "prodstatus_first",
    "$report_type",
})  # fmt: skip
"""What pytest and this plugin put into a report themselves."""

_ALWAYS = frozenset({
    "nodeid", "location", "keywords", "longrepr", "user_properties", "sections",
})  # fmt: skip
"""What `_is_portable` looks at, which every report of a test has."""


_CHANNEL = "prodstatus_channel"
"""The key of the channel in a worker's input."""


def open_channel(node: Any) -> None:
    """Give a worker that is about to start a channel for its manifest.

    Args:
        node: xdist's, whose gateway is execnet's.
    """
    node.workerinput[_CHANNEL] = node.gateway.newchannel()


def manifest_from(node: Any) -> str | None:
    """Return the manifest of a worker that has collected; None if it sent none."""
    try:
        text: str = node.workerinput[_CHANNEL].receive(timeout=0)
    except (OSError, EOFError):  # it has no criteria: it sent nothing, or has ended
        return None
    return text


def ends_of(node: Any) -> Iterator[tuple[End, str | int]]:
    """Yield what a worker sent of its end, after its last test: what happened, and more of it."""
    channel = node.workerinput[_CHANNEL]
    with contextlib.suppress(OSError, EOFError):  # there is no more
        while True:
            message = channel.receive(timeout=0)
            if isinstance(message, tuple):  # not a manifest that nobody read
                yield End(message[0]), message[1]


class Worker:
    """The hooks of an xdist worker in a run with criteria: its reports must reach the controller.

    Args:
        config: pytest's.
        redaction: takes secrets out of reports.
        collector: knows the criteria of this process, which may be found later.
        observer: reports what failed after the last test.
        end_forked_process: ends a process that a test forked and that came back from it.
        behind: how many seconds this process's clock is behind its controller's, at least.
    """

    def __init__(
        self,
        config: pytest.Config,
        redaction: Redaction,
        collector: Collector,
        observer: Observer,
        end_forked_process: Callable[[], object],
        behind: float,
    ) -> None:
        self._config = config
        self._redaction = redaction
        self._collector = collector
        self._observer = observer
        self._end_forked_process = end_forked_process
        self._behind = behind

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Send the manifest that the controller begins the run with.

        It runs first, since xdist's own hook lets the controller continue.
        """
        with contextlib.suppress(OSError):  # the controller has gone
            worker_input(self._config)[_CHANNEL].send(self._collector.manifest.to_json())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Redact a report before other hooks see it, and keep the outcome that it has by then."""
        self._end_forked_process()
        values = report.__dict__
        if self._redaction.on and not only_passed(values):
            self._redaction.mask(report)
        if values["outcome"] in ("failed", "skipped"):
            values[FIRST] = values["outcome"]
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self, report: object) -> Generator[None, Any, Any]:
        """Make a report sendable, so that the worker survives; date it.

        Another hook may send something else in its place: what was noted of the test goes with it.
        """
        data = yield
        collecting = isinstance(report, pytest.CollectReport)
        if (self._collector.criteria or collecting) and not _is_portable(data):
            data = to_builtins(data)
        if not collecting and isinstance(data, dict):
            noted = report.__dict__
            data.update((name, noted[name]) for name in (ATTRIBUTE, FIRST, TEST) if name in noted)
            data[SENT] = clock.timestamp(), self._behind
        return data

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Make a warning sendable as well: xdist sends its arguments as they are."""
        message = warning_message.message
        if self._collector.criteria and isinstance(message, Warning):
            message.args = to_builtins(message.args)

    @contextmanager
    def telling(self, session: pytest.Session | None = None) -> Iterator[None]:
        """Tell the controller of a hook in the block that raises, or that sets the exit status.

        xdist doesn't: both would close the gate in one process, and be silent in a worker.

        Args:
            session: pytest's, if the hook is one of its end.
        """
        before = session.exitstatus if session else 0
        try:
            yield
        except BaseException as error:
            self.tell(End.RAISED, shown(error))
            raise
        finally:
            after = session.exitstatus if session else 0
            if after != before and isinstance(after, int):
                self.tell(End.STATUS, int(after))

    def tell(self, end: End, more: str | int) -> None:
        """Send something on the worker's own channel, which xdist's messages don't pass."""
        with contextlib.suppress(OSError):  # the controller has gone
            more = utf8(self._redaction.text(more)) if isinstance(more, str) else more
            worker_input(self._config)[_CHANNEL].send((end.value, more))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Report what failed after the last test.

        After `-x` or `pytest.exit`, pytest tears down here what the next test would have shared.
        If that fails, the worker ends without its output; its last test can still be reported.
        """
        from pytest_prodstatus.model.teardown import LateTearDowns

        late = LateTearDowns()
        try:
            with self._observer.noting_late(late, session):
                return (yield)
        finally:
            report = self._observer.late_report(late)
            if report is not None:
                self._config.hook.pytest_runtest_logreport(report=report)


def start_none_again(scheduler: Any, judging: Callable[[], bool]) -> None:
    """Keep a scheduler of scopes from starting a test again that a worker died in.

    If a worker dies, the schedulers of `loadscope`, `loadfile` and `loadgroup` put the rest of its
    scope back into the queue, with the test that ran (`remove_node`, seen in xdist 3.8). The other
    schedulers don't.

    Args:
        scheduler: xdist's, which is changed.
        judging: returns whether the run has criteria; called when a worker has died.
    """
    remove = getattr(scheduler, "remove_node", None)
    if remove is None or not hasattr(scheduler, "assigned_work"):
        return

    def remove_node(node: object) -> object:
        units = scheduler.assigned_work.get(node, {}).values() if judging() else ()
        for unit in units:
            for running, done in unit.items():
                if not done:
                    # As if it had ended, so that the scheduler gives out only what follows it.
                    unit[running] = True
                    remove(node)
                    return running
        return remove(node)

    scheduler.remove_node = remove_node


def _is_portable(data: Any) -> bool:
    """Return whether a report has only values that xdist can always send; most have."""
    # Another hook may have left some out, and then not all of the rest can be relied on.
    if data is None or not _ALWAYS <= data.keys() <= _OWN or not data["location"]:
        return False
    if data["longrepr"] is not None or data["user_properties"] or data["sections"]:
        return False
    # Names and marks of the test; the cheap test for ASCII covers most.
    keywords = data["keywords"]
    names = [data["nodeid"], data["location"][0], data["location"][2], *keywords]
    builtin = {*map(type, names)} == {str} and {*map(type, keywords.values())} <= {int}
    return builtin and "".join(names).isascii()


def to_builtins(value: Any) -> Any:
    """Replace everything in `value` that xdist can't send to another process.

    A lone surrogate becomes its escape, a subclass of a builtin type that type, and any other
    object its `repr`, as pytest itself writes it into a JUnit file.
    """
    return walked(value, _portable, builtin=True)


def _portable(part: Any) -> Any:
    """Return a value as xdist can send it, or INTO for a collection to look into."""
    if type(part) in _UNCHANGED:
        return part
    if isinstance(part, str):
        return utf8(str.__str__(part))
    if isinstance(part, (Mapping, *_COLLECTIONS)):
        return INTO
    for builtin in _SCALARS:
        if isinstance(part, builtin):
            return builtin(part)
    try:
        return _portable(repr(part))
    except BaseException:  # noqa: BLE001  its code is someone else's
        return described(part)
