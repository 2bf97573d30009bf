"""The fixtures that criteria use, and the protocols that type what they give.

Every run of pytest imports this module, so it imports nothing that only a criterion needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from inspect import isawaitable, signature
from os import PathLike
from sys import float_info
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypeGuard, TypeVar, overload
from urllib.parse import urlsplit

import pytest

from pytest_prodstatus.options import intent_of
from pytest_prodstatus.session import session_of

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_prodstatus.observer import Observer

T = TypeVar("T")


class Evidence(Protocol):
    """What the `evidence` fixture gives: call it with named values, as often as needed."""

    def __call__(self, **values: object) -> None:
        """Record each named value, or raise EvidenceError (a TypeError) and record none."""

    @overload
    def held(self, what: str) -> AbstractContextManager[None]: ...

    @overload
    def held(self, what: str, condition: object) -> None: ...

    def held(self, what: str, condition: object = ...) -> AbstractContextManager[None] | None:
        """Assert that a condition is true, or that a `with` block raises nothing, and record it.

        Args:
            what: what holds then, in words: `evidence.held("the title is Shop", title == "Shop")`.
            condition: what must be true; without it, use a block: `with evidence.held("…"):`.

        Raises:
            AssertionError: the condition is false.
            EvidenceError: it is a function, a generator or a coroutine, which is always true.
        """

    def attach(self, name: str, data: bytes | str | PathLike[str]) -> None:
        """Attach a file: `evidence.attach("checkout.png", page.screenshot())`.

        Without the key `attachments` nothing is kept.

        Args:
            name: its name; what no file's name can have becomes a dash.
            data: its bytes, a text, or the path of a file.

        Raises:
            EvidenceError: it can't be read, is too large, or of a kind that isn't allowed.
        """

    def say(self, text: str) -> None:
        """Record a sentence for those who read the page: `evidence.say("9 of 9 orders shipped")`.

        Raises:
            EvidenceError: it isn't a text.
        """

    def remedy(self, text: str) -> None:
        """Say what to do if an assertion fails from here on: `evidence.remedy("restart it")`.

        Raises:
            EvidenceError: it isn't a text.
        """


class Eventually(Protocol):
    """What the `eventually` fixture gives."""

    @overload
    def __call__(
        self,
        probe: Callable[[], Awaitable[T]],
        *,
        what: str,
        within: str | timedelta,
        until: Callable[[T], object] = ...,
        every: str | timedelta = ...,
        otherwise: Literal["blocked", "failed", "last"] = ...,
        retry_on: type[Exception] | tuple[type[Exception], ...] = ...,
    ) -> Awaitable[T]: ...

    @overload
    def __call__(
        self,
        probe: Callable[[], T],
        *,
        what: str,
        within: str | timedelta,
        until: Callable[[T], object] = ...,
        every: str | timedelta = ...,
        otherwise: Literal["blocked", "failed", "last"] = ...,
        retry_on: type[Exception] | tuple[type[Exception], ...] = ...,
    ) -> T: ...

    def __call__(self, probe: Callable[[], Any], **terms: Any) -> Any:  # noqa: D417  named above
        """Call `probe` until `until` accepts what it returns, or `within` is over; return that.

        Args:
            probe: looks, without a lasting effect; if it is async, await the call.
            what: what is so then, in words.
            within: how long to wait, as in "2m", or a timedelta.
            until: the condition on the value; it is true unless given otherwise.
            every: the longest pause between two looks; the first ones are shorter.
            otherwise: when the time is up: "blocked" (pending), "failed", or "last" for the last
                value, which the test then judges itself.
            retry_on: exceptions of the probe that don't end the wait.

        Raises:
            Blocked: the time is up, or an argument can't be used.
            AssertionError: the time is up, and `otherwise` is "failed".
        """


class Endpoints(Protocol):
    """What the `prodstatus_endpoint` fixture gives."""

    def __call__(self, name: str, url: str) -> None:
        """Note that the suite contacts the host of `url`, which the record then names."""


class Snapshots(Protocol):
    """What the `prodstatus_snapshot` fixture gives."""

    def __call__(self, name: str, at: datetime) -> None:
        """Note that what `name` showed was read as of the aware instant `at`.

        Raises:
            Blocked: the instant has no time zone.
        """


class Secrets(Protocol):
    """What the `prodstatus_secret` fixture gives."""

    def __call__(self, value: str) -> None:
        """Take `value` out of everything that this process writes from now on."""


class Waits(Protocol):
    """What the `prodstatus_waiting` fixture gives."""

    def __call__(self, what: str, *, budget: float) -> None:
        """Say that the criterion waits for `what` now, for at most `budget` seconds.

        Raises:
            Blocked: the budget is not a positive number.
        """


class Dates(Protocol):
    """What the `prodstatus_seen_at` fixture gives."""

    def __call__(self, at: datetime) -> None:
        """Date what the criterion shows at the aware instant `at`.

        Raises:
            Blocked: the instant has no time zone, or is in the future.
        """


def target_of(config: pytest.Config) -> str:
    """Return the name of the system that a run judges, for a conftest's hooks."""
    return session_of(config).activate().settings.target


@pytest.fixture(name="evidence")
def evidence_fixture(pytestconfig: pytest.Config) -> Evidence:
    """Record what a criterion saw: `evidence(order_id="…", count=3, total=Money("9.90", "USD"))`.

    Values are text, numbers, bool, None, Money, an aware datetime, a timedelta, and lists and
    mappings of these.
    Anything else is refused with an EvidenceError that says what is allowed.
    `evidence.say("9 of 9 orders shipped")` records a sentence, which the page shows first.
    `evidence.held("the order is paid", order.paid)` asserts and records a condition in words.
    `evidence.attach("checkout.png", page.screenshot())` attaches a file.
    """
    return _Recording(session_of(pytestconfig).activate().observer)


def _described(value: object) -> str:
    """Return a value's repr for a message."""
    # Not above, since a run without criteria shouldn't pay for the import.
    from pytest_prodstatus.model import text

    return text.described(value)


def _is_visible(value: object) -> TypeGuard[str]:
    """Return whether a value is a text with something to read."""
    from pytest_prodstatus.model import text

    return text.is_visible(value)


def _is_aware(value: object) -> bool:
    """Return whether a value is a datetime with a time zone."""
    from pytest_prodstatus.model import text

    return text.is_aware(value)


def _wrong_call(
    function: Callable[..., Any], form: str, unnamed: int, values: Mapping[str, object]
) -> str:
    """Return what is wrong with the arguments of a call, in one sentence.

    Args:
        function: what was called.
        form: a right call, as an example.
        unnamed: how many arguments it was given without a name.
        values: the named ones.
    """
    name, known = form.partition("(")[0], signature(function).parameters
    unknown = next((key for key in values if key not in known), None)
    lacking = [
        key
        for number, (key, one) in enumerate(known.items())
        if one.default is one.empty and key not in values
        if number >= unnamed or one.kind is one.KEYWORD_ONLY
    ]
    if unknown is not None:
        value = _described(values[unknown])
        problem = f"{name}({unknown}={value}): its arguments are {', '.join(known)}"
    elif lacking:
        problem = f"{name}(…): it needs {' and '.join(lacking)}"
    else:
        problem = f"{name}(…): it takes fewer arguments without a name"
    return f"{problem}; write {form}"


def _is_from_within(error: TypeError) -> bool:
    """Return whether a function raised an error, and not the call of it, for its arguments."""
    # The first entry is the wrapper's own call; a second one is a line inside the function.
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def _checked(
    function: Callable[..., Any], form: str, refuse: Callable[[str], NoReturn]
) -> Callable[..., Any]:
    """Return a fixture's function whose calls with wrong arguments are refused in one sentence."""

    def call(*args: Any, **values: Any) -> Any:
        __tracebackhide__ = True
        try:
            return function(*args, **values)
        except TypeError as error:
            if _is_from_within(error):
                raise
        return refuse(_wrong_call(function, form, len(args), values))

    return call


class _Recording:
    """Records evidence for the criterion that runs."""

    def __init__(self, observer: Observer) -> None:
        # Not above, since a run without criteria shouldn't pay for the import; nor later, since a
        # test may replace what an import needs.
        from pytest_prodstatus import counting  # noqa: F401  loaded for `_count`

        self._observer = observer
        refuse = observer.misused_evidence
        self.held = _checked(self._held, 'evidence.held("it is paid", order.paid)', refuse)
        self.attach = _checked(observer.attach, 'evidence.attach("page.html", page)', refuse)
        self.say = _checked(self._say, 'evidence.say("9 of 9 orders shipped")', refuse)
        self.remedy = _checked(self._remedy, 'evidence.remedy("restart the importer")', refuse)

    def __call__(self, *unnamed: object, **values: object) -> None:
        __tracebackhide__ = True
        if unnamed:
            text = f"evidence({_described(unnamed[0])}): name each value; write evidence(count=3)"
            self._observer.misused_evidence(text)
        self._observer.add_evidence(values)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)  # of Python's own protocols, such as copying
        self._observer.lacks(f"evidence.{name}: it has attach, held, remedy and say")

    def _held(self, what: object, condition: object = ...) -> AbstractContextManager[None] | None:
        """Assert a condition or return a context manager, as `Evidence.held`."""
        __tracebackhide__ = True
        if not _is_visible(what):
            rule = "say in words what holds"
            self._observer.misused_evidence(f"evidence.held({_described(what)}): {rule}")
        if condition is ...:
            return _HeldBlock(self._observer, what)
        # Usually a forgotten call or await, with which the condition would always hold.
        from pytest_prodstatus.counting import is_unread

        if callable(condition) or isawaitable(condition) or is_unread(condition):
            rule = "a function, generator or coroutine is always true; call it, loop or await"
            call = f"evidence.held({what!r}, {_described(condition)})"
            self._observer.misused_evidence(f"{call}: {rule}")
        if not condition:
            msg = f"it did not hold that {what}"
            # Noted as well: a test that swallows the exception must not be CONFIRMED.
            self._observer.note_unheld(msg)
            raise AssertionError(msg)
        _count(self._observer, what)
        return None

    def _say(self, text: object) -> None:
        """Record a sentence, as `Evidence.say`."""
        __tracebackhide__ = True
        if not _is_visible(text):
            rule = "say in words what was seen"
            self._observer.misused_evidence(f"evidence.say({_described(text)}): {rule}")
        # A sentence is evidence without a name.
        self._observer.add_evidence({"": text})

    def _remedy(self, text: object) -> None:
        """Note a remedy for what fails from here on, as `Evidence.remedy`."""
        __tracebackhide__ = True
        if not _is_visible(text):
            rule = "say in words what a person can do"
            self._observer.misused_evidence(f"evidence.remedy({_described(text)}): {rule}")
        self._observer.note_remedy(text)


def _count(observer: Observer, what: str) -> None:
    """Record that something held, and count it as an assertion."""
    from pytest_prodstatus.counting import TALLY

    observer.add_evidence({what: True})
    TALLY.add()


class _HeldBlock(AbstractContextManager[None]):
    """Records that a `with` block raised nothing, or what it raised."""

    def __init__(self, observer: Observer, what: str) -> None:
        self._observer = observer
        self._what = what
        self._entered = False
        # The attempt's: a later one has nothing to do with this block.
        self._waits = observer.waits
        self._note("it has no condition", 'give one, or write with evidence.held("…"):')

    def _note(self, why: str, remedy: str) -> None:
        """Note why the words were not seen to hold, for a test that passes all the same."""
        from pytest_prodstatus.model.verdict import Kind, Reason

        text = self._observer.redaction.output(f"evidence.held({self._what!r}): {why}")
        reason = Reason(text=text, kind=Kind.INCONCLUSIVE, remedy=remedy)
        self._waits[self] = lambda: reason

    def __enter__(self) -> None:
        __tracebackhide__ = True
        if self._entered:
            call = f"evidence.held({self._what!r})"
            self._observer.misused_evidence(f"{call}: call it again for each `with`")
        self._entered = True
        # A fixture may still be in its block at the end of the call.
        self._waits.pop(self, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        if error is None:
            _count(self._observer, self._what)
            return
        from pytest_prodstatus.model.evidence import EvidenceError
        from pytest_prodstatus.raised import deciding, is_assertion
        from pytest_prodstatus.reports import shown

        found = deciding(error)
        is_error = isinstance(found, Exception) and not isinstance(found, EvidenceError)
        # A skip, a cancellation or an exit says nothing of what should hold.
        if is_error or is_assertion(found):
            self._observer.note_unheld(f"it did not hold that {self._what}: {shown(found)}")
        else:
            self._note(f"its block was left by {shown(found)}", "let it come to its end")


@pytest.fixture
def eventually(pytestconfig: pytest.Config) -> Eventually:
    """Look until it is so: `eventually(look, until=…, within="2m", what="it is paid")`.

    It returns the value; when the time is up, the criterion is BLOCKED (pending), with the last
    value as its reason, or FAILED with `otherwise="failed"`. It counts as an assertion.
    """
    # Not above, since few criteria wait; nor later, since a test may replace what an import needs.
    from pytest_prodstatus.waiting import Wait

    session = session_of(pytestconfig)

    def wait(
        probe: Callable[[], Any],
        *,
        what: object,
        within: object,
        until: object = bool,
        every: object = "5s",
        otherwise: object = "blocked",
        retry_on: object = (),
    ) -> Any:
        __tracebackhide__ = True
        return Wait(
            session,
            until=until,
            what=what,
            within=within,
            every=every,
            otherwise=otherwise,
            retry_on=retry_on,
        ).run(probe)

    form = 'eventually(look, what="it is paid", within="2m")'
    return _checked(wait, form, session.activate().observer.misused)


@pytest.fixture(scope="session")
def prodstatus_target(pytestconfig: pytest.Config) -> str:
    """The name of the system that is judged."""
    return session_of(pytestconfig).activate().settings.target


@pytest.fixture(scope="session")
def prodstatus_subject(pytestconfig: pytest.Config) -> str | None:
    """The release that the run is about, from `--prodstatus-subject`; None if none was named.

    A criterion that compares it with the release that the system reports proves that the two are
    the same.
    """
    return session_of(pytestconfig).activate().settings.subject


@pytest.fixture(scope="session")
def prodstatus_run_id(pytestconfig: pytest.Config) -> str:
    """The id of this run, the same in every process of it."""
    return session_of(pytestconfig).run_id


@pytest.fixture(scope="session")
def prodstatus_endpoint(pytestconfig: pytest.Config) -> Endpoints:
    """Name a host that the suite contacts; the record leaves out user names and passwords."""
    observer = session_of(pytestconfig).activate().observer

    def note(name: str, url: str) -> None:
        __tracebackhide__ = True
        if not isinstance(name, str):
            observer.misused(f"prodstatus_endpoint(name={_described(name)}): give a text")
        if not isinstance(url, str):
            observer.misused(f"prodstatus_endpoint(url={_described(url)}): give a URL as text")
        try:
            parts = urlsplit(url)
            port = f":{parts.port}" if parts.hostname and parts.port else ""
        except ValueError:
            # Not quoted, since it may have a password anywhere.
            rule = "its url is none; write one such as https://shop.example:8443"
            observer.misused(f"prodstatus_endpoint({_described(name)}, …): {rule}")
        # Put together from its parts, so that no user name and no password gets in.
        host = f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "a local socket"
        observer.note_endpoint(name, host)

    return _checked(note, 'prodstatus_endpoint("shop", url)', observer.misused)


@pytest.fixture(scope="session")
def prodstatus_snapshot(pytestconfig: pytest.Config) -> Snapshots:
    """Record the instant as of which the suite reads something, such as a database's snapshot."""
    observer = session_of(pytestconfig).activate().observer

    def note(name: str, at: datetime) -> None:
        __tracebackhide__ = True
        if not isinstance(name, str):
            observer.misused(f"prodstatus_snapshot(name={_described(name)}): give a text")
        if not _is_aware(at):
            rule = "give an aware datetime of the years 1 to 9999 in UTC"
            observer.misused(f"prodstatus_snapshot(at={_described(at)}): {rule}")
        observer.note_snapshot(name, at)

    return _checked(note, 'prodstatus_snapshot("database", instant)', observer.misused)


@pytest.fixture(scope="session")
def prodstatus_secret(pytestconfig: pytest.Config) -> Secrets:
    """Register a secret that no variable holds: a token that was just issued, a decrypted key.

    The URL-, JSON-, HTML- and base64-encoded forms of it are redacted too; a value of fewer than
    eight characters is not.
    """
    session = session_of(pytestconfig).activate()

    def register(value: object) -> None:
        __tracebackhide__ = True
        if not isinstance(value, str):
            # Not quoted: it may be the secret, as bytes.
            rule = f"give the secret as text, not as {type(value).__name__}"
            session.observer.misused(f"prodstatus_secret(…): {rule}")
        session.redaction.register(value)

    return _checked(register, "prodstatus_secret(token)", session.observer.misused)


@pytest.fixture
def prodstatus_seen_at(pytestconfig: pytest.Config) -> Dates:
    """Date what the criterion shows, if it is older than the run: `prodstatus_seen_at(paid_at)`.

    Its CONFIRMED then has the age of what it shows, and `valid_for` counts from there.
    """
    observer = session_of(pytestconfig).activate().observer
    return _checked(observer.note_seen, "prodstatus_seen_at(order.paid_at)", observer.misused)


@pytest.fixture
def prodstatus_valid_for(request: pytest.FixtureRequest) -> timedelta:
    """How long a CONFIRMED of the criterion's stage stays valid, by the catalogue."""
    from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR

    catalogue = session_of(request.config).activate().settings.config.catalogue
    stage = catalogue.by_id.get(_stage_of(request))
    return stage.valid_for if stage else DEFAULT_VALID_FOR


@pytest.fixture
def prodstatus_unintended(
    request: pytest.FixtureRequest, prodstatus_target: str
) -> tuple[str, ...]:
    """What the command line lacks to act on the world by intent; empty if it lacks nothing.

    It must name the target with `--target`, and ask for the criterion with `-m production` or its
    stage, and not by its node id: a habit, a variable or an ini file is no intent.
    """
    intent, stage = intent_of(request.config), _stage_of(request)
    lacking = []
    if intent["target"] != prodstatus_target:
        lacking.append(f"--target {prodstatus_target} is not on the command line")
    if not intent["production"] and stage not in intent["stages"]:
        lacking.append(f"neither -m production nor --stage {stage} is on the command line")
    if intent["nodes"]:
        lacking.append("a test is named by its node id")
    return tuple(lacking)


def _stage_of(request: pytest.FixtureRequest) -> str:
    """Return the id of the stage of the test that requests a fixture; "" without one."""
    criterion = session_of(request.config).activate().collector.criteria.get(request.node.nodeid)
    return criterion.stage if criterion else ""


@pytest.fixture
def prodstatus_waiting(pytestconfig: pytest.Config) -> Waits:
    """Say what the criterion waits for: `prodstatus_waiting("order 7 to be known", budget=60)`.

    If it takes long, the terminal's line about it shows this text and the budget in seconds.
    """
    observer = session_of(pytestconfig).activate().observer

    def say(what: str, *, budget: float) -> None:
        __tracebackhide__ = True
        if not isinstance(what, str):
            observer.misused(f"prodstatus_waiting({_described(what)}): say in words for what")
        if not isinstance(budget, (int, float)) or not 0 < budget <= float_info.max:
            rule = "give a positive number of seconds"
            observer.misused(f"prodstatus_waiting(budget={_described(budget)}): {rule}")
        observer.note_waiting(f"for {what}, at most {budget:g} s")

    return _checked(say, 'prodstatus_waiting("order 7", budget=60)', observer.misused)
