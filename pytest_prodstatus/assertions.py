"""Counts each criterion's assertions in a run that requires them, and says why there are none.

pytest calls the hook `pytest_assertion_pass` only if a line in the project's configuration switches
it on before a file is compiled. No public way does that from a plugin: adding the option again and
`override_ini` have no effect. So this module sets one entry in pytest's cache of these lines, and
only in a run that judges.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from pytest_prodstatus.counting import TALLY, counted, is_named, proves, replace_everywhere
from pytest_prodstatus.disk import DISK
from pytest_prodstatus.model.assertions import (
    FunctionSurvey,
    Survey,
    always_true_text,
    survey,
)
from pytest_prodstatus.model.outcome import NO_ASSERTION
from pytest_prodstatus.model.verdict import Kind, Reason

HOOK_LINE = "enable_assertion_pass_hook"
"""The line of pytest's configuration that lets it report an assertion that passed."""

_FAILING, _PASSING = b"_format_explanation", b"_call_assertion_pass"
"""Names in a compiled file that has assertions, and in one that also reports those that pass."""

_REWRITTEN = "@pytest_ar"
"""A name that pytest gives to each module whose assertions it sees."""

_BLOCKS = ("assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex", "assertLogs",
           "assertNoLogs")  # fmt: skip
"""unittest's methods of a context manager, which they return if they get nothing to call."""

_PLAYWRIGHT = ("LocatorAssertions", "PageAssertions", "APIResponseAssertions")


def switch_on(config: pytest.Config) -> None:
    """Let pytest report assertions that pass, in all files that it compiles from now on.

    Raises:
        pytest.UsageError: this release of pytest has no such cache.
    """
    # Without it (`-p no:assertion`) pytest sees no assertion, and each criterion's reason says so.
    if not config.pluginmanager.hasplugin("assertion") or config.getini(HOOK_LINE):
        return
    try:
        config._inicache[HOOK_LINE] = True  # the one private name; see above
        works = bool(config.getini(HOOK_LINE))
    except (AttributeError, TypeError):
        works = False
    if not works:
        msg = (
            f"require_assertion: pytest {pytest.__version__} can't be switched to report "
            f"assertions that pass; set {HOOK_LINE} = true in pytest's configuration"
        )
        raise pytest.UsageError(msg)


def remove_stale(source: Path) -> None:
    """Remove a file's compiled form if it doesn't report assertions that pass.

    pytest reads it without looking at the configuration with which it was compiled.
    """
    path = _compiled(source)
    try:
        if _is_stale(path.read_bytes()):
            path.unlink(missing_ok=True)
    except OSError:
        return  # there is none, or the criteria's reasons say that it is stale


def _compiled(source: Path) -> Path:
    """Return where pytest keeps the compiled form of a file."""
    # pytest adds its own release to the usual name, so other releases leave other files.
    plain = Path(importlib.util.cache_from_source(str(source)))
    tag = f"{sys.implementation.cache_tag}-pytest-{pytest.__version__}"
    return plain.with_name(f"{source.stem}.{tag}.pyc")


def _is_stale(compiled: bytes) -> bool:
    """Return whether a compiled file has assertions and doesn't report those that pass."""
    # A file without any `assert` has neither name, and has nothing to report.
    return _FAILING in compiled and _PASSING not in compiled


class _Counter:
    """Counts the assertions that pytest reports."""

    @pytest.hookimpl
    def pytest_assertion_pass(self, orig: str) -> None:
        """Count an `assert` that passed, unless its condition is always true."""
        # pytest also reports `assert (x, "text")`, which warns only before the file is compiled.
        if TALLY.counts and not always_true_text(orig):
            TALLY.passed += 1


class Assertions:
    """Counts the assertions that pass during the call of each criterion.

    Those of fixtures don't count: the first criterion that uses one would get the credit, so the
    order of the criteria would change their verdicts.

    Attributes:
        passed: how many have passed in the present attempt.

    Args:
        config: pytest's.
        may_judge: returns whether a file may have criteria that this run judges.
        is_criterion: returns whether a node id is a criterion's.
        root: the project's folder.
    """

    def __init__(
        self,
        config: pytest.Config,
        may_judge: Callable[[Path], bool],
        is_criterion: Callable[[str], bool],
        root: Path,
    ) -> None:
        self.passed = 0
        self._config = config
        self._may_judge = may_judge
        self._is_criterion = is_criterion
        self._counter = _Counter()
        self._root = root.resolve()
        self._surveys: dict[str, Survey] = {}
        self._undo: list[Callable[[], object]] = []

    # What is compiled.

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path) -> None:
        """Let a file that may have criteria report its assertions."""
        if self._may_judge(module_path):
            switch_on(self._config)
            remove_stale(module_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path) -> None:
        """Let the conftest of a folder, which pytest imports next, report its assertions."""
        if self._may_judge(path):
            switch_on(self._config)
            remove_stale(path / "conftest.py")

    @pytest.hookimpl
    def pytest_collection_finish(self) -> None:
        """Let what asserts without `assert` count, in the libraries that the suite has imported."""
        # Not earlier: a library that no test file has imported by now needs no wrapper.
        if not self._undo:
            self._undo = [
                *_wrap_pytest(),
                *_wrap_unittest(),
                *_wrap_playwright(),
                *_wrap_numpy(),
            ]

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        """Remove the wrappers: other runs of pytest may follow in this process."""
        while self._undo:
            self._undo.pop()()

    # What is counted.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let pytest report the assertions of criteria alone.

        For a hook that is registered when a test begins, it writes out what each passing assertion
        compares, which doubles the time of a test that asserts in a loop.
        """
        plugins = self._config.pluginmanager
        wanted = self._is_criterion(item.nodeid)
        if wanted != plugins.is_registered(self._counter):
            (plugins.register if wanted else plugins.unregister)(self._counter)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Count from zero for each attempt at a test."""
        self.passed = 0

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Count assertions during the call itself, not in what other plugins do around it."""
        # A test may run pytest in this process, whose criteria count for themselves.
        before = TALLY.passed, TALLY.counts
        TALLY.passed, TALLY.counts = 0, True
        try:
            result = yield
            # A doctest has no `assert`: each example with an expected output is one.
            if isinstance(item, pytest.DoctestItem):
                TALLY.passed += sum(bool(example.want) for example in item.dtest.examples)
            return result
        finally:
            self.passed = TALLY.passed
            TALLY.passed, TALLY.counts = before

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Don't count in a fixture that a test requests while it runs."""
        before, TALLY.counts = TALLY.counts, False
        try:
            return (yield)
        finally:
            TALLY.counts = before

    # Why it proves nothing.

    def doubt(self, item: pytest.Item) -> Reason | None:
        """Return why the pass of a criterion that requires an assertion proves nothing, if it does.

        Called when its call has passed.
        """
        source = self._surveyed(item)
        if source is not None and source.vacuous is not None:
            return source.vacuous
        return None if self.passed else self._missing(item, source)

    def _surveyed(self, item: pytest.Item) -> FunctionSurvey | None:
        """Return what the source of a test's function says; None if it isn't found."""
        code = _code_of(item)
        return self._survey(code.co_filename).functions.get(code.co_firstlineno) if code else None

    def _survey(self, file: str) -> Survey:
        """Return the survey of a source file, which is parsed once; empty if it can't be read."""
        if file not in self._surveys:
            try:
                self._surveys[file] = survey(DISK.read(file))
            except OSError:
                self._surveys[file] = Survey()
        return self._surveys[file]

    def _missing(self, item: pytest.Item, source: FunctionSurvey | None) -> Reason:
        """Return why no assertion of a criterion that passed was counted."""
        # Causes that hide every assertion come first, then those of a module, then of the test.
        blind = ""
        if not self._config.pluginmanager.hasplugin("assertion"):
            blind = "-p no:assertion"
        elif self._config.getoption("assertmode", "rewrite") == "plain":
            blind = "--assert=plain"
        if blind:
            return Reason(
                text=f"pytest runs with {blind}, so no assertion can be seen",
                kind=Kind.INCONCLUSIVE,
                remedy=f"run it without {blind}",
            )
        if isinstance(item, pytest.DoctestItem):
            return Reason(
                text=f"{NO_ASSERTION.text}: none of its examples has an expected output",
                kind=Kind.NO_ASSERTION,
                remedy="write below an example what it must print",
            )
        modules = [m for m in _modules_of(item, source) if self._asserts(m)]
        for module in modules:
            if _REWRITTEN in vars(module) and not _reports(module):
                return _uncounted(module)
        if source is None:
            unseen = [module for module in modules if _REWRITTEN not in vars(module)]
            if unseen:
                return _unseen(unseen[0])
            code = _code_of(item)
            return _MADE if code and code.co_filename.startswith("<") else NO_ASSERTION
        if source.explains:
            home = sys.modules.get(_home(getattr(item, "obj", None)))
            unrewritten = home is not None and _REWRITTEN not in vars(home)
            return _unseen(home) if home and unrewritten and source.assertions else source.reason
        raising = ""
        for module in _modules_of(item, source):
            own = self._own(module)
            helpers = own.reached(source.calls) if own else []
            if _REWRITTEN not in vars(module) and any(helper.assertions for helper in helpers):
                return _unseen(module)
            named = [one.name for one in helpers if one.raises and one.name in source.calls]
            raising = raising or next(iter(named), "")
        return _only_raises(raising) if raising else source.reason

    def _asserts(self, module: ModuleType) -> bool:
        """Return whether a module is the project's, and has an `assert` statement."""
        own = self._own(module)
        return own is not None and own.asserts

    def _own(self, module: ModuleType) -> Survey | None:
        """Return the survey of a module's source; None if the module isn't the project's."""
        file = getattr(module, "__file__", None)
        path = Path(file).resolve() if file else None
        if path is None or not path.is_relative_to(self._root) or "site-packages" in path.parts:
            return None
        return self._survey(str(path))


_MADE = Reason(
    text=f"{NO_ASSERTION.text} that pytest can see: its function was made by exec()",
    kind=Kind.NO_ASSERTION,
    remedy="write the function in a file, or parametrize one",
)
"""Why an assertion in the function of a criterion can't be counted if it is of no file."""


def _code_of(item: pytest.Item) -> CodeType | None:
    """Return the code of a test's function; None if it has none."""
    function = getattr(item, "obj", None)
    return getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None


def _modules_of(item: pytest.Item, source: FunctionSurvey | None) -> Iterator[ModuleType]:
    """Yield the module of a criterion, and those of what it uses by name."""
    parent = item.getparent(pytest.Module)
    own: ModuleType | None = getattr(parent, "obj", None)
    if own is not None:
        yield own
    names = vars(own) if own is not None else {}
    # A scenario of pytest-bdd has no source of its own: its steps are anywhere in the module.
    used = names.keys() & source.names if source else names.keys()
    values = [*(names[name] for name in sorted(used)), *getattr(item, "funcargs", {}).values()]
    found = (v if isinstance(v, ModuleType) else sys.modules.get(_home(v)) for v in values)
    yield from {id(m): m for m in found if m is not None and m is not own}.values()


def _home(value: object) -> str:
    """Return the name of the module that defines a function or class, or the class of a value."""
    name = getattr(value, "__module__", None) if callable(value) else None
    return str(name or type(value).__module__)


def _reports(module: ModuleType) -> bool:
    """Return whether a module, which pytest has compiled, reports assertions that pass."""
    todo: list[Any] = [v for v in vars(module).values() if _home(v) == module.__name__]
    seen: set[int] = set()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, type):
            todo += vars(value).values()
            continue
        value = getattr(value, "__func__", value)
        code = getattr(inspect.unwrap(value), "__code__", None) if callable(value) else value
        if inspect.iscode(code):
            if _PASSING.decode() in code.co_names:
                return True
            todo += [part for part in code.co_consts if inspect.iscode(part)]
    return False


def _uncounted(module: ModuleType) -> Reason:
    """Return the reason for a module compiled without the hook; remove its compiled form."""
    path = Path(str(module.__file__))
    remove_stale(path)
    kept = _compiled(path)
    text = f"{path.name} was compiled before assertions were counted"
    remedy = "run it again, with pytest -m production"
    if kept.exists() and _is_stale(kept.read_bytes()):
        text += f", and {kept.name} can't be removed"
        remedy = f"remove {kept}, and run it again"
    return Reason(text=text, kind=Kind.INCONCLUSIVE, remedy=remedy)


def _unseen(module: ModuleType) -> Reason:
    """Return the reason for a module that has assertions and that pytest doesn't rewrite."""
    name = module.__name__
    text = f"{NO_ASSERTION.text} that pytest can see: it does not rewrite {name}"
    remedy = f'add pytest.register_assert_rewrite("{name}") to conftest.py, above its import'
    if "PYTEST_DONT_REWRITE" in (module.__doc__ or ""):
        remedy = f"remove PYTEST_DONT_REWRITE from the docstring of {name}"
    return Reason(text=text, kind=Kind.NO_ASSERTION, remedy=remedy)


def _only_raises(name: str) -> Reason:
    """Return the reason for a criterion whose helper raises without an `assert`."""
    return Reason(
        text=f"{NO_ASSERTION.text}: {name}() only raises",
        kind=Kind.NO_ASSERTION,
        remedy=f"name it in conftest.py: counts_as_assertion({name})",
    )


# What asserts without `assert`. Each of these returns how to take the wrappers away again.

_Undo = Iterator[Callable[[], object]]


def _wrap(owner: Any, name: str, *, block: bool | None = False) -> Callable[[], object]:
    """Let a function of a class count as an assertion; return what takes that back."""
    before = vars(owner)[name]
    setattr(owner, name, counted(before, block=block))
    return lambda: setattr(owner, name, before)


def _wrap_exit(kind: Any) -> Callable[[], object]:
    """Let each block of a context manager count that ends as it requires."""
    before = kind.__exit__

    def leave(self: Any, error_type: Any, error: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        swallowed = before(self, error_type, error, traceback)
        if proves(self, error, swallowed=swallowed):
            TALLY.add()
        return swallowed

    kind.__exit__ = leave
    return lambda: setattr(kind, "__exit__", before)


def _wrap_pytest() -> _Undo:
    """Let each block of `pytest.raises` and `pytest.warns` count."""
    # By their instances, since older releases have no public names for these classes.
    for kind in (type(pytest.raises(Exception)), type(pytest.warns(BytesWarning))):
        yield _wrap_exit(kind)
    if hasattr(pytest, "RaisesGroup"):
        yield _wrap_exit(pytest.RaisesGroup)
    else:  # up to pytest 8.3, `raises` with a function to call uses none
        before = pytest.raises

        def raises(*args: Any, **values: Any) -> Any:
            __tracebackhide__ = True
            result = before(*args, **values)
            if not hasattr(type(result), "__exit__") and is_named(result.value, args[0]):
                TALLY.add()
            return result

        replace_everywhere(before, raises)
        yield lambda: replace_everywhere(raises, before)


def _wrap_unittest() -> _Undo:
    """Let the assert methods of unittest's TestCase count."""
    if "unittest" in sys.modules:
        from unittest import TestCase

        # pytest calls its hook for `assert` alone, not for these methods.
        names = [name for name in vars(TestCase) if name.startswith("assert")]
        for name in [name for name in names if name not in _BLOCKS]:
            yield _wrap(TestCase, name)
        # By their instances, since these classes have no public names.
        case = TestCase()
        raising = case.assertRaises(OSError)  # noqa: PT027  for its class
        for block in (raising, case.assertWarns(BytesWarning), case.assertLogs()):
            yield _wrap_exit(type(block))


def _wrap_playwright() -> _Undo:
    """Let Playwright's `expect(…).to_…()` count, sync and async."""
    for module_name in ("playwright.sync_api", "playwright.async_api"):
        module = sys.modules.get(module_name)
        for kind in filter(None, (getattr(module, name, None) for name in _PLAYWRIGHT)):
            names = [name for name in vars(kind) if name.startswith(("to_", "not_to_"))]
            for name in names:
                yield _wrap(kind, name)


def _wrap_numpy() -> _Undo:
    """Let the assert functions of `numpy.testing` count."""
    testing = sys.modules.get("numpy.testing")
    for name in getattr(testing, "__all__", ()):
        before = getattr(testing, name)
        if name.startswith("assert") and inspect.isfunction(before):
            # Outside only: numpy's assert functions call each other.
            after = counted(before, block=None)
            replace_everywhere(before, after, outside="numpy.testing")
            yield functools.partial(replace_everywhere, after, before)
