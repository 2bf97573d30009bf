"""Fixtures of wider scope than one test: who uses them, and whose tear-down failed.

It runs in the process that runs the tests. What it finds travels on the reports, and
`model.teardown` decides what comes of it.

pytest has no hook for a fixture that is used again, and none that gets a tear-down's exception. So
the users are found by the names of the fixtures that a test was given. The fixture whose tear-down
failed is found in the traceback: it is the `self` of pytest's public `FixtureDef.finish`, which
calls the code after a `yield` and every function that was given to `addfinalizer`.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeAlias

import pytest

from pytest_prodstatus.blocking import SHARED, Blocked, Shared, torn_down_in
from pytest_prodstatus.model.teardown import TornDown, within
from pytest_prodstatus.model.text import several_lines
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.raised import all_in, deciding, members, weightiest
from pytest_prodstatus.reports import shown
from pytest_prodstatus.unseen import Unseen, Watch

FixtureDef: TypeAlias = "pytest.FixtureDef[Any]"

_EXECUTE = pytest.FixtureDef.execute.__code__
_FINISH = pytest.FixtureDef.finish.__code__
_REQUEST = "request"
"""The fixture that gives `getfixturevalue` and `addfinalizer`."""
_PLAIN = frozenset({"pytestconfig"})
"""Fixtures that take `request` and have nothing to tear down; most criteria use them."""
_BY_VALUE = (str, int, float, type(None))


class _Shared(NamedTuple):
    """A fixture of wider scope that was set up.

    Attributes:
        key: by which its users name it, in every process of the run.
        node: the class, file, folder or session that it belongs to.
        base: node id of the part of the suite that sees it.
        hides: a test that uses it can't use another fixture of its name.
        by_name: keys of the fixtures that it may have requested with `getfixturevalue`.
    """

    key: str
    node: pytest.Collector
    base: str
    hides: bool
    by_name: set[str]


class Scopes:
    """Knows the fixtures of wider scope that are set up in this process, and who uses them.

    Args:
        plugins: pytest's plugin manager.
    """

    def __init__(self, plugins: pytest.PytestPluginManager) -> None:
        # pytest's own hooks that tear down, by the name of their plugin (as in `-p no:runner`).
        runner = plugins.get_plugin("runner")
        hooks = (
            getattr(runner, "pytest_" + name) for name in ("runtest_teardown", "sessionfinish")
        )
        self._tears_down = frozenset(hook.__code__ for hook in hooks)
        self._shared: dict[FixtureDef, _Shared] = {}
        self._by_name: dict[str, list[FixtureDef]] = {}
        self._used: dict[str, bool] = {}
        self._set_up: list[_Shared] = []
        self._hidden: set[str] = set()
        self._watch = Watch()

    def begin(self) -> None:
        """Forget which fixtures the test before used."""
        self._used.clear()
        self._set_up.clear()
        self._hidden.clear()

    def forget(self) -> None:
        """Let go of all fixtures at the end of the run."""
        self.begin()
        self._shared.clear()
        self._by_name.clear()
        self._watch.end()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: FixtureDef, request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Note a fixture of wider scope that is set up; the present test uses it.

        It is a wrapper, since pytest-asyncio's puts a plain function into the fixture's place.
        """
        self._note(fixturedef, request)
        return (yield)

    def _note(self, fixturedef: FixtureDef, request: pytest.FixtureRequest) -> None:
        """Note a fixture, if it is of wider scope and may have something to tear down."""
        name = fixturedef.argname
        # An indirect parameter may have given it another scope than its own.
        if request.scope == "function":
            if name in self._by_name and not fixturedef.argnames:
                self._hidden.add(name)
        elif _may_tear_down(fixturedef):
            base = _base_of(fixturedef)
            shared = _Shared(
                key=f"{request.node.nodeid} {base} {name} {_instance_of(request)}",
                node=request.node,
                base=base,
                hides=not fixturedef.argnames,
                by_name=set(),
            )
            if fixturedef not in self._shared:
                self._by_name.setdefault(name, []).append(fixturedef)
            self._shared[fixturedef] = shared
            self._used.setdefault(shared.key, False)
            self._set_up.append(shared)

    def uses(self, item: pytest.Item, failure: BaseException | None) -> tuple[str, ...]:
        """Return the keys of the shared fixtures that a test has used, each one once.

        Args:
            item: the test that runs now.
            failure: what its set-up raised; None if it raised nothing.
        """
        if not self._shared:
            return ()
        given = getattr(item, "funcargs", None) or {}
        for name in given:
            if name in self._by_name:
                self._use(name, item)
        names = getattr(item, "fixturenames", None)  # a test may have put anything there
        if _REQUEST in given and isinstance(names, list):
            planned = {*names}
            for name in given[_REQUEST].fixturenames:
                if name not in planned and name in self._by_name:
                    keys = self._use(name, item)
                    # Next time, a fixture that is set up already doesn't request it again.
                    for shared in self._set_up:
                        shared.by_name.update(keys)
        if failure is not None:
            self._use_until(failure)
        fresh = tuple(key for key, sent in self._used.items() if not sent)
        self._used.update(dict.fromkeys(fresh, True))
        return fresh

    def _use(self, name: str, item: pytest.Item) -> list[str]:
        """Note that a test uses the fixtures of a name, and return their keys."""
        keys = []
        for shared in self._visible(name, item):
            keys += [shared.key, *shared.by_name]
        for key in keys:
            self._used.setdefault(key, False)
        return keys

    def _visible(self, name: str, item: pytest.Item) -> Iterator[_Shared]:
        """Yield the fixtures of a name that a test may have used, the nearest first."""
        if name in self._hidden:
            return
        chain = item.listchain()
        known = [self._shared[fixturedef] for fixturedef in self._by_name[name]]
        found = [s for s in known if s.node in chain and within(item.nodeid, s.base)]
        # One that requests another may, through that, use the one that it overrides.
        for shared in sorted(found, key=lambda one: len(one.base), reverse=True):
            yield shared
            if shared.hides:
                return

    def _use_until(self, failure: BaseException) -> None:
        """Note the fixtures that a test was about to use when its set-up failed."""
        if next(_calls(failure, _FINISH), None) is not None:
            return  # what failed is a tear-down, for another parameter: it isn't this test's
        for fixturedef, _ in _calls(failure, _EXECUTE):
            if fixturedef in self._shared:
                self._used.setdefault(self._shared[fixturedef].key, False)

    def split(
        self, error: BaseException, widest: pytest.Collector | None, clean: Callable[[str], str]
    ) -> tuple[tuple[TornDown, ...], BaseException | None]:
        """Divide what was raised into tear-downs of wider scope and what is the test's own.

        Args:
            error: the exception, perhaps a group that pytest made of several.
            widest: the widest scope that pytest tears down; None if it's the test alone.
            clean: takes secrets out of a text.

        Returns:
            The tear-downs of wider scope that did not pass; and the exception that is the test's
            own and weighs most; None if there is none.
        """
        torn: list[TornDown] = []
        own: list[BaseException] = []
        for leaf in _leaves(error, self._tears_down):
            found = self._torn_down(leaf, widest, clean)
            if found is not None:
                torn.append(found)
            else:
                own.append(leaf.error)
        return tuple(torn), weightiest(own) if own else None

    def unraised(self, clean: Callable[[str], str]) -> list[TornDown]:
        """Return the tear-downs of wider scope in this phase that did not pass, raised or not.

        They called `blocked()`, or something went wrong unseen meanwhile.
        """
        torn = []
        for one in SHARED:
            what, fixture, node = self._place(one.fixturedef, one.request)
            torn.append(
                TornDown(
                    what=clean(what),
                    fixture=fixture,
                    scope=node.nodeid,
                    verdict=Verdict.BLOCKED,
                    reason=one.reason_by(clean),
                    detail=several_lines(clean(one.detail)),
                )
            )
        return torn

    @contextmanager
    def noting_unseen(
        self, note_own: Callable[[Unseen], None], is_hidden: Callable[[Unseen], bool]
    ) -> Iterator[None]:
        """Note what goes wrong unseen, and at whose cost.

        What does while a fixture of wider scope is torn down is its users'. pytest warns of it at
        the test that came last, and names no fixture.

        Args:
            note_own: is called with what is the test's own.
            is_hidden: returns whether what is its users' counts for nothing.
        """
        runner = threading.get_ident()

        def note(seen: Unseen) -> None:
            # A thread that dies calls it, usually while the tear-down waits for it.
            fixture = torn_down_in(sys._current_frames().get(runner))
            if fixture is None:
                note_own(seen)
            elif not is_hidden(seen):
                SHARED.append(Shared(*fixture, seen.reason_by, seen.detail))

        with self._watch.noting(note):
            yield

    def _torn_down(
        self, leaf: _Leaf, widest: pytest.Collector | None, clean: Callable[[str], str]
    ) -> TornDown | None:
        """Return the tear-down of wider scope that raised; None if it's the test's own."""
        if leaf.fixturedef is not None and leaf.request is not None:
            if leaf.fixturedef not in self._shared and leaf.request.scope == "function":
                return None
            what, fixture, node = self._place(leaf.fixturedef, leaf.request)
        elif leaf.by_pytest and widest is not None:
            what, fixture, node = _unnamed(widest), "", widest
        else:
            return None
        blocked = isinstance(leaf.error, pytest.skip.Exception)
        return TornDown(
            what=clean(what),
            fixture=fixture,
            scope=node.nodeid,
            verdict=Verdict.BLOCKED if blocked else Verdict.FAILED,
            reason=_reason_of(leaf.error, what, clean),
        )

    def _place(self, fixturedef: FixtureDef, request: Any) -> tuple[str, str, pytest.Collector]:
        """Return what is torn down in words, the fixture's key if it is known, and its scope."""
        shared = self._shared.get(fixturedef)
        node: pytest.Collector = shared.node if shared else request.node
        name = fixturedef.argname
        what = f"tear-down of the {fixturedef.scope} fixture {name!r}"
        # Those that pytest makes, of setup_module and its like, have names that no one wrote.
        return _unnamed(node) if name.startswith("_") else what, shared.key if shared else "", node


def _unnamed(node: pytest.Collector) -> str:
    """Return a tear-down in words if no fixture can be named."""
    return f"tear-down of {node.nodeid or 'the session'}"


def widest_ending(item: pytest.Item, nextitem: pytest.Item | None) -> pytest.Collector | None:
    """Return the widest scope that pytest tears down after a test; None if it's the test alone."""
    needed = [] if nextitem is None else nextitem.listchain()
    for node in item.listchain():
        if isinstance(node, pytest.Collector) and not any(node is one for one in needed):
            return node
    return None


def _may_tear_down(fixturedef: FixtureDef) -> bool:
    """Return whether a fixture may have something to tear down."""
    func = fixturedef.func
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        return True
    return _REQUEST in fixturedef.argnames and fixturedef.argname not in _PLAIN


def _base_of(fixturedef: FixtureDef) -> str:
    """Return the node id of the part of the suite that sees a fixture."""
    node = getattr(fixturedef, "node", None)  # since pytest 9.1; then `baseid` is deprecated
    return str(fixturedef.baseid if node is None else node.nodeid)


def _instance_of(request: pytest.FixtureRequest) -> str:
    """Return a text that tells a fixture's parameters apart, the same in every process."""
    value = getattr(request, "param", None)
    # The repr of any other object may hold an address, which differs between processes.
    return repr(value) if type(value) in _BY_VALUE else str(getattr(request, "param_index", 0))


def _reason_of(error: BaseException, what: str, clean: Callable[[str], str]) -> Reason:
    """Return why a tear-down did not pass, redacted."""
    if isinstance(error, Blocked):
        return error.reason_by(clean)
    kind = Kind.SKIPPED if isinstance(error, pytest.skip.Exception) else Kind.OBSERVED
    return Reason(text=clean(f"the {what} {_ENDED[kind]}: {shown(error)}"), kind=kind)


_ENDED = {Kind.SKIPPED: "was skipped", Kind.OBSERVED: "failed"}


class _Leaf(NamedTuple):
    """One exception that pytest collected, or the only one.

    Attributes:
        error: the exception; of a group that a fixture raised itself, the one that decides.
        fixturedef, request: the fixture whose tear-down raised it; None if none is known.
        by_pytest: pytest's own tear-down raised it, not a hook of someone else.
    """

    error: BaseException
    fixturedef: FixtureDef | None
    request: Any
    by_pytest: bool


def _leaves(
    error: BaseException, tears_down: frozenset[CodeType], *, by_pytest: bool = False
) -> Iterator[_Leaf]:
    """Yield the exceptions that pytest collected in a group, at any depth; else the one itself."""
    by_pytest = by_pytest or any(frame.f_code in tears_down for frame in _frames(error))
    if _is_of_fixtures(error):
        for inner in members(error):
            yield from _leaves(inner, tears_down, by_pytest=by_pytest)
        return
    fixturedef, request = ([(None, None), *_calls(error, _FINISH)])[-1]
    yield _Leaf(deciding(error), fixturedef, request, by_pytest)


def _is_of_fixtures(error: BaseException) -> bool:
    """Return whether pytest made a group of what fixtures raised; a fixture may raise its own."""
    return any(next(_calls(e, _FINISH), None) for e in all_in(error) if e is not error)


def _calls(error: BaseException, code: CodeType) -> Iterator[tuple[FixtureDef, Any]]:
    """Yield fixture and request of each call of a `FixtureDef` method, the outermost first."""
    for frame in _frames(error):
        if frame.f_code is code:
            names = frame.f_locals
            yield names["self"], names["request"]


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames that an exception passed through, the outermost first."""
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next
