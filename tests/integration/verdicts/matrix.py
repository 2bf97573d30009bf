"""Every way a run can go, as one table to be read beside docs/verdicts.md.

The project of a row has the row's tests in `test_api.py` (stage `api`) and, beside them, one
criterion that holds, `shop.open` in `test_shop.py`, so that a row also shows what becomes of the
others (`rest`). FINAL rolls up both stages.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.integration.project import SHOP

CONFIRMED = "CONFIRMED"
NOT_RUN = "BLOCKED not-run"
SUBTESTS = hasattr(pytest, "Subtests") or importlib.util.find_spec("pytest_subtests") is not None
EMPTY = "NOTSET" if pytest.version_tuple >= (8, 4) else "region0"
UNKNOWN = "BLOCKED inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one mode of a run has to give.

    Attributes:
        verdicts: of the row's own criteria, each with the kind of its reason; " or " joins what
            a race between workers may give.
        rest: the verdict of `shop.open`; None if the project doesn't have it.
        final: FINAL; "" if nothing may be written.
        status: the exit status.
        or_status: another one, which a race within xdist may give; never 0.
        finished: False if the process died, so that only its first marker is left.
    """

    verdicts: Mapping[str, str] = field(default_factory=dict)
    rest: str | None = CONFIRMED
    final: str = "CONFIRMED"
    status: int = 0
    or_status: int | None = None
    finished: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way a run can go.

    Attributes:
        name: how the run goes.
        files: the project's, beside the common ones.
        args: the command line.
        serial, xdist, each: what has to come of it in one process, with `-n 2`, and with
            `-n 2 --dist each`.
        alone: a serial run needs a process of its own, which it may kill.
        needs: what must be installed.
        neighbours: plugins that this row needs active.
        terminal: it is about what pytest's terminal reporter does.
        after_green: a run before it confirmed everything, in the same folder.
    """

    name: str
    files: Mapping[str, str]
    serial: Expected
    xdist: Expected
    each: Expected
    args: tuple[str, ...] = ()
    alone: bool = False
    needs: bool = True
    neighbours: tuple[str, ...] = ()
    terminal: bool = False
    after_green: bool = False


def row(
    name: str,
    tests: str,
    verdicts: Mapping[str, str],
    *,
    final: str,
    status: int,
    rest: str | None = CONFIRMED,
    serial: Expected | None = None,
    xdist: Mapping[str, object] | None = None,
    each: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
    args: tuple[str, ...] = (),
    alone: bool = False,
    needs: bool = True,
    neighbours: tuple[str, ...] = (),
    terminal: bool = False,
    after_green: bool = False,
) -> Row:
    """Return a row; `xdist` and `each` hold only what differs from a run in one process."""
    in_process = Expected(verdicts=verdicts, rest=rest, final=final, status=status)
    many = replace(in_process, **(xdist or {}))  # type: ignore[arg-type]
    beside = {"test_shop.py": SHOP} if rest else {}
    return Row(
        name=name,
        files={"test_api.py": tests, **beside, **(files or {})},
        serial=serial or in_process,
        xdist=many,
        each=replace(many, **(each or {})),  # type: ignore[arg-type]
        args=args,
        alone=alone or (serial is not None and not serial.finished),
        needs=needs,
        neighbours=neighbours,
        terminal=terminal,
        after_green=after_green,
    )


def gone(status: int = 3) -> Expected:
    """Return what a process leaves that dies in mid-run: that nothing is confirmed, no stage."""
    return Expected(verdicts={}, rest=None, final="BLOCKED", status=status, finished=False)


IN_A_WORKER = 'os.environ.get("PYTEST_XDIST_WORKER")'

PASSES = [
    row(
        "everything holds",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    row(
        "parametrised criteria, all hold",
        """
        @api
        @pytest.mark.parametrize("region", ["eu", "us"])
        def test_a(region): pass
        """,
        {"api.a[eu]": CONFIRMED, "api.a[us]": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    row(
        "parametrised criteria, one fails",
        """
        @api
        @pytest.mark.parametrize("region", ["eu", "us"])
        def test_a(region): assert region == "eu"
        """,
        {"api.a[eu]": CONFIRMED, "api.a[us]": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
    row(
        "an empty parameter set",
        """
        @api
        @pytest.mark.parametrize("region", [])
        def test_a(region): pass
        """,
        {f"api.a[{EMPTY}]": "BLOCKED skipped"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "doctest items in the tree",
        """
        def documented():
            '''
            >>> 1 + 1
            2
            '''
        @api
        def test_a(): pass
        """,
        {"api.a": CONFIRMED},
        args=("--doctest-modules",),
        final="CONFIRMED",
        status=0,
    ),
    row(
        "a failing doctest is not a criterion: pytest's exit status stays and closes the gate",
        """
        def documented():
            '''
            >>> 1 + 1
            3
            '''
        @api
        def test_a(): pass
        """,
        {"api.a": CONFIRMED},
        args=("--doctest-modules",),
        final="BLOCKED",
        status=1,
    ),
    row(
        "a test beside the criteria fails: pytest's exit status stays and closes the gate",
        "def test_unmarked(): assert 0\n@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        final="BLOCKED",
        status=1,
    ),
]

SKIPS = [
    row(
        "all skipped",
        "@api\n@pytest.mark.skip(reason='later')\ndef test_a(): pass\n",
        {"api.a": "BLOCKED skipped"},
        rest=None,
        final="BLOCKED",
        status=10,
    ),
    row(
        "skip in setup",
        """
        @pytest.fixture
        def ready(): pytest.skip("not ready")
        @api
        def test_a(ready): pass
        """,
        {"api.a": "BLOCKED skipped"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "skip in the body",
        "@api\ndef test_a(): pytest.skip('not today')\n",
        {"api.a": "BLOCKED skipped"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "unittest's own exception for a skip",
        "@api\ndef test_a(): raise unittest.SkipTest('not today')\n",
        {"api.a": "BLOCKED skipped"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "skip in teardown",
        """
        @pytest.fixture
        def ready():
            yield
            pytest.skip("could not look")
        @api
        def test_a(ready): pass
        """,
        {"api.a": "BLOCKED skipped"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "skip at module level, of declared criteria",
        "pytest.skip('no network', allow_module_level=True)\n",
        {"api.a": "BLOCKED skipped"},
        files={"pyproject.toml": "DECLARES api.a"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "skip at module level, of undeclared criteria",
        "pytest.skip('no network', allow_module_level=True)\n@api\ndef test_a(): pass\n",
        {"api.b": CONFIRMED},
        files={"test_more.py": "@api\ndef test_b(): pass\n"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "importorskip of what isn't there",
        "pytest.importorskip('no_such_module')\n",
        {"api.a": "BLOCKED skipped"},
        files={"pyproject.toml": "DECLARES api.a"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked raised in a fixture",
        """
        @pytest.fixture
        def store(): blocked("no store", kind="missing-config", remedy="set STORE")
        @api
        def test_a(store): pass
        """,
        {"api.a": "BLOCKED missing-config"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked raised in the body, past an except Exception",
        """
        @api
        def test_a():
            try:
                blocked("no orders", kind="no-data")
            except Exception:
                pass
        """,
        {"api.a": "BLOCKED no-data"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked raised in teardown",
        """
        @pytest.fixture
        def store():
            yield
            blocked("the provider is away", kind="provider-unavailable")
        @api
        def test_a(store): pass
        """,
        {"api.a": "BLOCKED provider-unavailable"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked raised at module level",
        "blocked('not armed', kind='not-armed', remedy='set ARMED=1')\n",
        {"api.a": "BLOCKED not-armed"},
        files={"pyproject.toml": "DECLARES api.a"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked raised at module level, of undeclared criteria",
        "blocked('not armed', kind='not-armed')\n@api\ndef test_a(): pass\n",
        {"api.b": CONFIRMED},
        files={"test_more.py": "@api\ndef test_b(): pass\n"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "skip at module level outside the folders of criteria changes nothing",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        files={
            "pyproject.toml": "PATHS suite",
            "unit/test_unit.py": "pytest.importorskip('no_such_module')\n",
        },
        final="CONFIRMED",
        status=0,
    ),
    row(
        "Blocked raised in a session fixture, for all that use it",
        """
        @pytest.fixture(scope="session")
        def store(): blocked("no store", kind="missing-config")
        @api
        def test_a(store): pass
        @api
        def test_b(store): pass
        """,
        {"api.a": "BLOCKED missing-config", "api.b": "BLOCKED missing-config"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked with a kind that doesn't exist",
        "@api\ndef test_a(): blocked('hm', kind='sunday')\n",
        {"api.a": UNKNOWN},
        final="BLOCKED",
        status=10,
    ),
]

XFAILS = [
    row(
        "xfail",
        "@api\n@pytest.mark.xfail(reason='known')\ndef test_a(): assert 0\n",
        {"api.a": "FAILED known-failure"},
        final="FAILED",
        status=1,
    ),
    row(
        "xfail called in the body",
        "@api\ndef test_a(): pytest.xfail('known')\n",
        {"api.a": "FAILED known-failure"},
        final="FAILED",
        status=1,
    ),
    row(
        "xfail(run=False)",
        "@api\n@pytest.mark.xfail(run=False)\ndef test_a(): pass\n",
        {"api.a": "BLOCKED known-failure"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "xfail whose fixture fails",
        """
        @pytest.fixture
        def broken(): raise OSError("gone")
        @api
        @pytest.mark.xfail
        def test_a(broken): pass
        """,
        {"api.a": "BLOCKED known-failure"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "xfail called in a fixture",
        """
        @pytest.fixture
        def ready(): pytest.xfail("the step before it failed")
        @api
        def test_a(ready): pass
        """,
        {"api.a": "BLOCKED known-failure"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "xpass",
        "@api\n@pytest.mark.xfail\ndef test_a(): pass\n",
        {"api.a": "BLOCKED known-failure"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "strict xpass",
        "@api\n@pytest.mark.xfail(strict=True)\ndef test_a(): pass\n",
        {"api.a": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
    row(
        "xfail under --runxfail is a failure",
        "@api\n@pytest.mark.xfail\ndef test_a(): assert 0\n",
        {"api.a": "FAILED observed"},
        args=("--runxfail",),
        final="FAILED",
        status=1,
    ),
]

IN_A_GROUP = """
        import asyncio
        class Odd(Exception):
            exceptions = property(lambda self: 1 / 0)
        async def pends(): blocked("no order yet", kind="pending", remedy="wait")
        def together(*work):
            async def main():
                async with asyncio.TaskGroup() as tasks:
                    for one in work: tasks.create_task(one())
            asyncio.run(main())
"""
"""What runs coroutines together, and gives what they raise in a group."""
FAILURES = [
    row(
        "the call fails",
        "@api\ndef test_a(): assert 1 == 2\n",
        {"api.a": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
    row(
        "the call raises what is no assertion",
        "@api\ndef test_a(): nothing.of_this_name\n@api\ndef test_b(): pytest.fail('down')\n",
        {"api.a": "FAILED error", "api.b": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
    row(
        "pytest fails a test for how it is written",
        """
        @pytest.fixture
        def twice():
            yield
            yield
        @pytest.fixture
        def plain(): return 1
        @api
        def test_a(twice): pass
        @api
        def test_b(): plain()
        @api
        def test_c():
            with pytest.raises(OSError): pass
        @api
        def test_d():
            with pytest.warns(UserWarning): pass
        """,
        {
            "api.a": "FAILED error",
            "api.b": "FAILED error",
            "api.c": "FAILED observed",
            "api.d": "FAILED observed",
        },
        final="FAILED",
        status=1,
    ),
    row(
        "the call raises a group",
        """
        @api
        def test_a(): raise ExceptionGroup("tasks", [AssertionError("down"), OSError("gone")])
        @api
        def test_b(): raise ExceptionGroup("tasks", [OSError("gone")])
        """,
        {"api.a": "FAILED observed", "api.b": "FAILED error"},
        needs=sys.version_info >= (3, 11),
        final="FAILED",
        status=1,
    ),
    row(
        "a group of what was not observed",
        f"""{IN_A_GROUP}
        async def skips(): pytest.skip("later")
        async def refuses(): Money("x", "EUR")
        @pytest.fixture
        def early(): together(pends)
        @api
        def test_a(): together(pends)
        @api
        def test_b(): together(skips, pends)
        @api
        def test_c(): together(refuses)
        @api
        def test_d(early): pass
        """,
        {
            "api.a": "BLOCKED pending",
            "api.b": "BLOCKED skipped or BLOCKED pending",
            "api.c": "BLOCKED evidence-error",
            "api.d": "BLOCKED pending",
        },
        needs=sys.version_info >= (3, 11),
        final="BLOCKED",
        status=10,
    ),
    row(
        "a group of a failure and of what was not observed",
        f"""{IN_A_GROUP}
        async def fails(): assert 0, "down"
        async def breaks(): raise OSError("gone")
        @pytest.fixture
        def late():
            yield
            together(pends, fails)
        @api
        def test_a(): together(pends, fails)
        @api
        def test_b(): together(pends, breaks)
        @api
        def test_c(late): pass
        @api
        def test_d(): raise Odd("tasks")
        """,
        {
            "api.a": "FAILED observed",
            "api.b": "FAILED error",
            "api.c": "FAILED observed",
            "api.d": "FAILED error",
        },
        needs=sys.version_info >= (3, 11),
        final="FAILED",
        status=1,
        # At a BaseExceptionGroup pytest ends the tear-down half-way, and refuses the next set-up if
        # that is of another file.
        rest="CONFIRMED or BLOCKED setup-error",
    ),
    row(
        "setup error",
        """
        @pytest.fixture
        def broken(): raise OSError("gone")
        @api
        def test_a(broken): pass
        """,
        {"api.a": "BLOCKED setup-error"},
        final="BLOCKED",
        status=1,
    ),
    row(
        "a fixture that doesn't exist",
        "@api\ndef test_a(nothing): pass\n",
        {"api.a": "BLOCKED setup-error"},
        final="BLOCKED",
        status=1,
    ),
    row(
        "teardown error after a pass",
        """
        @pytest.fixture
        def leaky():
            yield
            raise OSError("still open")
        @api
        def test_a(leaky): pass
        """,
        {"api.a": "FAILED error"},
        final="FAILED",
        status=1,
    ),
    row(
        "setup error, then teardown error: the worst wins",
        """
        @pytest.fixture
        def leaky():
            yield
            raise OSError("still open")
        @pytest.fixture
        def broken(leaky): raise OSError("gone")
        @api
        def test_a(broken): pass
        """,
        {"api.a": "FAILED error"},
        final="FAILED",
        status=1,
    ),
    row(
        "skip in the body, then teardown error: the worst wins",
        """
        @pytest.fixture
        def leaky():
            yield
            raise OSError("still open")
        @api
        def test_a(leaky): pytest.skip("not today")
        """,
        {"api.a": "FAILED error"},
        final="FAILED",
        status=1,
    ),
    row(
        "failing subtest",
        """
        @api
        def test_a(subtests):
            with subtests.test("one"): assert 0
            with subtests.test("two"): pass
        """,
        {"api.a": "FAILED observed"},
        needs=SUBTESTS,
        final="FAILED",
        status=1,
    ),
    row(
        "subtest that raises what is no assertion",
        """
        @api
        def test_a(subtests):
            with subtests.test("one"): nothing.of_this_name
        """,
        {"api.a": "FAILED error"},
        needs=SUBTESTS,
        final="FAILED",
        status=1,
    ),
    row(
        "subtest, then failing parent",
        """
        @api
        def test_a(subtests):
            with subtests.test("one"): pass
            assert 0
        """,
        {"api.a": "FAILED observed"},
        needs=SUBTESTS,
        final="FAILED",
        status=1,
    ),
    row(
        "skipped subtest",
        """
        @api
        def test_a(subtests):
            with subtests.test("one"): pytest.skip("not this one")
        """,
        {"api.a": "BLOCKED skipped"},
        needs=SUBTESTS,
        final="BLOCKED",
        status=10,
    ),
    row(
        "subtest that is Blocked",
        """
        @api
        def test_a(subtests):
            with subtests.test("one"): blocked("none yet", kind="no-data")
        """,
        {"api.a": "BLOCKED no-data"},
        needs=SUBTESTS,
        final="BLOCKED",
        status=10,
    ),
    row(
        "passing subtests",
        """
        @api
        def test_a(subtests):
            with subtests.test("one"): pass
        """,
        {"api.a": CONFIRMED},
        needs=SUBTESTS,
        final="CONFIRMED",
        status=0,
    ),
    row(
        "unittest.TestCase",
        """
        @api
        class Api(unittest.TestCase):
            def test_a(self): pass
            def test_b(self): self.fail("no")
            def test_c(self): self.skipTest("not today")
            def test_d(self): blocked("none yet", kind="no-data")
            @unittest.expectedFailure
            def test_e(self): self.fail("known")
            @unittest.expectedFailure
            def test_f(self): pass
            @unittest.skip("never")
            def test_g(self): pass
        """,
        {
            "api.a": CONFIRMED,
            "api.b": "FAILED observed",
            "api.c": "BLOCKED skipped",
            "api.d": "BLOCKED no-data",
            "api.e": "FAILED known-failure",
            "api.f": "FAILED observed",
            "api.g": "BLOCKED skipped",
        },
        final="FAILED",
        status=1,
    ),
    row(
        "unittest.TestCase whose class set-up is Blocked",
        """
        @api
        class Api(unittest.TestCase):
            @classmethod
            def setUpClass(cls): blocked("no store", kind="missing-config")
            def test_a(self): pass
        """,
        {"api.a": "BLOCKED missing-config"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "unittest.TestCase with a failing subTest",
        """
        @api
        class Api(unittest.TestCase):
            def test_a(self):
                with self.subTest(n=1): self.fail("no")
        """,
        {"api.a": "FAILED observed"},
        needs=SUBTESTS,
        final="FAILED",
        status=1,
    ),
    row(
        "async tests without a plugin for them",
        """
        @api
        async def test_a(): assert 0
        @api
        async def test_b(): yield
        class Later:
            def __await__(self): yield
        @api
        def test_c(): return Later()
        """,
        {"api.a": UNKNOWN, "api.b": UNKNOWN, "api.c": UNKNOWN},
        final="BLOCKED",
        status=10,
    ),
    row(
        "an async test that a plugin runs, and that calls pytest.fail",
        """
        @api
        async def test_a(): pytest.fail("no")
        """,
        {"api.a": "FAILED observed"},
        files={
            "conftest.py": """
            import asyncio, pytest
            @pytest.hookimpl
            def pytest_pyfunc_call(pyfuncitem):
                if not asyncio.iscoroutinefunction(pyfuncitem.obj): return None
                asyncio.run(pyfuncitem.obj())
                return True
            """
        },
        final="FAILED",
        status=1,
    ),
    row(
        "async tests of unittest",
        """
        @api
        class Api(unittest.IsolatedAsyncioTestCase):
            async def test_a(self): pass
            async def test_b(self): self.fail("no")
        """,
        {"api.a": CONFIRMED, "api.b": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
]

SUSPECT = "BLOCKED proves-nothing"
RETURNS = SUSPECT if sys.version_info >= (3, 11) else CONFIRMED  # unittest gives no warning before
DOUBTS = [
    row(
        "a test that returns instead of asserting",
        "@api\ndef test_a(): return 1 == 2\n",
        {"api.a": SUSPECT},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a test of unittest that returns instead of asserting",
        """
        @api
        class Api(unittest.TestCase):
            def test_a(self): return 1 == 2
        """,
        {"api.a": RETURNS},
        final=RETURNS.split()[0],
        status=0 if RETURNS is CONFIRMED else 10,
    ),
    row(
        "a probe that is never awaited",
        """
        async def probe(): assert 0
        @api
        def test_a(): probe()
        @api
        def test_b(): pass
        """,
        {"api.a": SUSPECT, "api.b": CONFIRMED},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a probe that is never awaited, in set-up",
        """
        async def probe(): assert 0
        @pytest.fixture
        def ready(): probe()
        @api
        def test_a(ready): pass
        """,
        {"api.a": SUSPECT},
        final="BLOCKED",
        status=10,
    ),
    row(
        "an async test of a class for tests that aren't",
        """
        @api
        class Api(unittest.TestCase):
            async def test_a(self): self.fail("no")
        """,
        {"api.a": SUSPECT},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a thread that dies unseen",
        """
        import threading
        def probe(): assert 0
        @api
        def test_a():
            thread = threading.Thread(target=probe)
            thread.start()
            thread.join()
        """,
        {"api.a": SUSPECT},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a test that returns a value and fails in its teardown",
        """
        @pytest.fixture
        def broken():
            yield
            assert 0
        @api
        def test_a(broken): return True
        """,
        {"api.a": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
    row(
        "another warning changes nothing",
        """
        import warnings
        @api
        def test_a(): warnings.warn("coroutine 'probe' was never awaited", UserWarning)
        @api
        def test_b(): warnings.warn("too slow", RuntimeWarning)
        """,
        {"api.a": CONFIRMED, "api.b": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
]

EVIDENCE = [
    row(
        "passed without an assertion if one is required",
        """
        @pytest.fixture(scope="session")
        def ready(): assert len("x") == 1
        @api
        def test_a(): pass
        @api
        def test_b(ready): pass
        @api
        def test_c(ready): assert len("x") == 1
        @pytest.mark.stage("api", require_assertion=False)
        def test_d(): pass
        """,
        {
            "api.a": "BLOCKED no-assertion",
            "api.b": "BLOCKED no-assertion",
            "api.c": CONFIRMED,
            "api.d": CONFIRMED,
        },
        files={"pyproject.toml": "ASSERTS ONE"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "an assertion that is always true if one is required",
        "@api\ndef test_a(): assert (1 == 2, 'down')\n@api\ndef test_b(): assert [] or True\n",
        {"api.a": SUSPECT, "api.b": SUSPECT},
        files={"pyproject.toml": "ASSERTS ONE"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "passed without evidence if evidence is required",
        "@api\ndef test_a(): pass\n@api\ndef test_b(evidence): evidence(n=1)\n",
        {"api.a": "BLOCKED no-evidence", "api.b": CONFIRMED},
        files={"pyproject.toml": "REQUIRES EVIDENCE"},
        rest=None,
        final="BLOCKED",
        status=10,
    ),
    row(
        "evidence of a type that isn't allowed",
        "@api\ndef test_a(evidence): evidence(total={1})\n",
        {"api.a": "BLOCKED evidence-error"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "evidence of a type that isn't allowed, in set-up and in tear-down",
        """
        @pytest.fixture
        def before(evidence): evidence(total={1})
        @pytest.fixture
        def after(evidence):
            yield
            evidence(total={1})
        @api
        def test_a(before): pass
        @api
        def test_b(after): pass
        """,
        {"api.a": "BLOCKED evidence-error", "api.b": "BLOCKED evidence-error"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a test swallows that evidence was refused",
        """
        @api
        def test_a(evidence):
            evidence(count=1)
            try:
                evidence(total={1})
            except TypeError:
                pass
        """,
        {"api.a": "BLOCKED evidence-error"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a test swallows that evidence was refused, and fails",
        """
        @api
        def test_a(evidence):
            try:
                evidence(total={1})
            except TypeError:
                pass
            assert 0, "down"
        """,
        {"api.a": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
]

RERUN = ("rerunfailures",)
RERUNS = [
    row(
        "rerun that passes",
        """
        @api
        def test_a():
            if not Path("again").exists():
                Path("again").touch()
                assert 0
        """,
        {"api.a": CONFIRMED},
        args=("--reruns=2",),
        neighbours=RERUN,
        final="CONFIRMED",
        status=0,
        # The worker that comes second doesn't fail at all.
        each={},
    ),
    row(
        "reruns exhausted",
        "@api\ndef test_a(): assert 0\n",
        {"api.a": "FAILED observed"},
        args=("--reruns=2",),
        neighbours=RERUN,
        final="FAILED",
        status=1,
    ),
    row(
        "rerun of a set-up error that passes",
        """
        @pytest.fixture
        def ready():
            if not Path("again").exists():
                Path("again").touch()
                raise OSError("not yet")
        @api
        def test_a(ready): pass
        """,
        {"api.a": CONFIRMED},
        args=("--reruns=2",),
        neighbours=RERUN,
        final="CONFIRMED",
        status=0,
    ),
    row(
        "rerun of a criterion with side effects",
        """
        @pytest.mark.stage("api", side_effects=True)
        def test_a():
            with Path("starts").open("a") as file:
                file.write("x")
            assert Path("starts").read_text() != "x"
        """,
        {"api.a": "FAILED observed"},
        args=("--reruns=2",),
        neighbours=RERUN,
        final="FAILED",
        status=1,
    ),
]

CRASHES = [
    row(
        "worker crash in the body",
        "@api\ndef test_a(): os._exit(3)\n",
        {"api.a": "FAILED crash"},
        serial=gone(),
        final="FAILED",
        status=1,
    ),
    *(
        row(
            f"worker crash that a hook calls {name}",
            "@api\ndef test_a(): os._exit(3)\n",
            {"api.a": "FAILED crash"},
            files={
                "conftest.py": f"""
                import pytest
                @pytest.hookimpl(tryfirst=True, optionalhook=True)
                def pytest_handlecrashitem(report):
                    report.when, report.outcome, report.longrepr = {when!r}, {outcome!r}, None
                """
            },
            serial=gone(),
            final="FAILED",
            status=1,
        )
        for name, when, outcome in [
            ("a call that passed", "call", "passed"),
            ("a set-up that was skipped", "setup", "skipped"),
        ]
    ),
    row(
        "worker crash in a fixture",
        """
        @pytest.fixture
        def deadly(): os._exit(3)
        @api
        def test_a(deadly): pass
        """,
        {"api.a": "FAILED crash"},
        serial=gone(),
        final="FAILED",
        status=1,
    ),
    row(
        "worker crash in teardown after a pass",
        """
        @pytest.fixture
        def deadly():
            yield
            os._exit(3)
        @api
        def test_a(deadly): pass
        """,
        {"api.a": "FAILED crash"},
        serial=gone(),
        final="FAILED",
        status=1,
    ),
    row(
        "every worker crashes at import",
        f"if {IN_A_WORKER}: os._exit(3)\n@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        args=("--max-worker-restart=1",),
        final="CONFIRMED",
        status=0,
        # No worker collected anything, and no production run was requested.
        xdist={"final": "", "status": 5},
    ),
    row(
        "every worker crashes at import in a production run",
        f"if {IN_A_WORKER}: os._exit(3)\n@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        args=("--max-worker-restart=1", "-m", "production"),
        final="CONFIRMED",
        status=0,
        xdist={"verdicts": {}, "rest": None, "final": "BLOCKED", "status": 5},
    ),
    row(
        "one worker crashes at import, and another is started for it",
        f"""
        if {IN_A_WORKER} == "gw0": os._exit(3)
        @api
        def test_a(): pass
        """,
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
        xdist={"final": "BLOCKED", "status": 10},
    ),
    row(
        "worker crash in its own sessionfinish",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        files={
            "conftest.py": f"""
            import os
            def pytest_sessionfinish():
                if {IN_A_WORKER}: os._exit(3)
            """
        },
        final="CONFIRMED",
        status=0,
        xdist={"final": "BLOCKED", "status": 10},
    ),
    row(
        "worker crash with restarts off",
        "@api\ndef test_a(): os._exit(3)\n",
        {"api.a": "FAILED crash"},
        args=("--max-worker-restart=0",),
        serial=gone(),
        final="FAILED",
        # The other worker may have been on its way to the last criterion.
        xdist={"rest": "CONFIRMED or BLOCKED not-run", "status": 1},
        status=1,
    ),
]

ODD = {
    "compares itself with any other": "def __eq__(self, other): return self.code == other.code",
    "has a property of the name that groups have": """
    @property
    def exceptions(self): raise RuntimeError("no group")""",
    "whose text is an exit": "def __str__(self): raise SystemExit(0)",
    "whose text is an interrupt": "def __str__(self): raise KeyboardInterrupt",
}
"""What a class of exceptions may have that has code of its own, by what an exception does."""


CUT_SHORT = [
    row(
        "a collection error in one file",
        "import no_such_module\n@api\ndef test_a(): pass\n",
        {"api.a": "BLOCKED collection-error"},
        files={"pyproject.toml": "DECLARES api.a"},
        rest=NOT_RUN,
        final="BLOCKED",
        status=2,
        xdist={"rest": CONFIRMED, "status": 1},
    ),
    row(
        "a collection error with --continue-on-collection-errors",
        "import no_such_module\n@api\ndef test_a(): pass\n",
        {"api.a": "BLOCKED collection-error"},
        files={"pyproject.toml": "DECLARES api.a"},
        args=("--continue-on-collection-errors",),
        final="BLOCKED",
        status=1,
    ),
    row(
        "a collection error beside the criteria",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        files={"test_zzz.py": "import no_such_module\n"},
        args=("--continue-on-collection-errors",),
        final="BLOCKED",
        status=1,
    ),
    row(
        "-x",
        "@api\ndef test_a(): assert 0\n",
        {"api.a": "FAILED observed"},
        args=("-x",),
        rest=NOT_RUN,
        final="FAILED",
        status=1,
        xdist={"rest": "CONFIRMED or BLOCKED not-run", "status": 2},
    ),
    row(
        "--maxfail",
        "@api\ndef test_a(): assert 0\n@api\ndef test_b(): assert 0\n",
        {"api.a": "FAILED observed", "api.b": "FAILED observed"},
        args=("--maxfail=2",),
        rest=NOT_RUN,
        final="FAILED",
        status=1,
        xdist={"rest": "CONFIRMED or BLOCKED not-run", "status": 2},
    ),
    row(
        "Ctrl-C, as a KeyboardInterrupt in a test",
        "@api\ndef test_a(): raise KeyboardInterrupt\n",
        {"api.a": NOT_RUN},
        rest=NOT_RUN,
        alone=True,
        final="BLOCKED",
        status=2,
        xdist={"rest": "CONFIRMED or BLOCKED not-run"},
    ),
    row(
        "pytest.exit(returncode=0) in a test",
        "@api\ndef test_a(): pytest.exit('enough', returncode=0)\n",
        {"api.a": NOT_RUN},
        rest=NOT_RUN,
        alone=True,
        final="BLOCKED",
        status=10,
        # xdist takes a worker that ends early, and in peace, for a mistake of its own.
        xdist={"rest": "CONFIRMED or BLOCKED not-run", "status": 3},
    ),
    row(
        "pytest.exit(returncode=0) in the last test's teardown",
        """
        @pytest.fixture
        def ending():
            yield
            pytest.exit("enough", returncode=0)
        @api
        def test_a(ending): pass
        """,
        {"api.a": NOT_RUN},
        rest=None,
        alone=True,
        final="BLOCKED",
        status=10,
        xdist={"status": 3},
    ),
    row(
        "SystemExit raised in a test is a failure",
        "@api\ndef test_a(): sys.exit(0)\n",
        {"api.a": "FAILED error"},
        final="FAILED",
        status=1,
    ),
    *(
        row(
            f"an exception that {what}" if not what.startswith("whose") else f"an exception {what}",
            f"""
        class Odd(Exception):
{textwrap.indent(textwrap.dedent(body).strip(), "            ")}
            code, __hash__ = 3, None
        @api
        def test_a(): raise Odd from ValueError("no")
        """,
            {"api.a": "FAILED error"},
            final="FAILED",
            status=1,
        )
        for what, body in ODD.items()
    ),
    row(
        "a test puts something else in the place of the names of its fixtures",
        """
        @pytest.fixture(scope="module")
        def order(): yield
        @api
        def test_a(request, order): request.node.fixturenames = None
        """,
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    row(
        "session.shouldstop set by a conftest",
        "@api\ndef test_a(request): request.session.shouldstop = 'enough'\n",
        {"api.a": "CONFIRMED"},
        rest=NOT_RUN,
        final="BLOCKED",
        status=2,
        xdist={"rest": "CONFIRMED or BLOCKED not-run"},
    ),
    row(
        "an internal error of pytest",
        "@api\ndef test_a(): pass\n",
        {"api.a": "CONFIRMED or BLOCKED not-run"},
        files={
            "conftest.py": """
            import pytest
            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_logreport(report):
                yield
                if report.when == "call":
                    raise RuntimeError("a broken plugin")
            """
        },
        rest="CONFIRMED or BLOCKED not-run",
        final="BLOCKED",
        status=3,
    ),
]

SELECTION = [
    row(
        "all deselected, in a production run",
        "@api\ndef test_a(): pass\n",
        {"api.a": NOT_RUN},
        args=("-m", "production", "-k", "nothing"),
        rest=NOT_RUN,
        final="BLOCKED",
        status=5,
    ),
    row(
        "all deselected, in a run that wasn't called a production run",
        "@api\ndef test_a(): pass\n",
        {},
        args=("-k", "nothing"),
        final="",
        status=5,
    ),
    row(
        "a mistyped mark on the command line",
        "@api\ndef test_a(): pass\n",
        {},
        args=("-m", "prodcution"),
        final="",
        status=5,
    ),
    row(
        "a mistyped mark on a test of a declared criterion",
        "@pytest.mark.satge('api')\ndef test_a(): pass\n",
        {"api.a": NOT_RUN},
        files={"pyproject.toml": "DECLARES api.a"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "a mistyped stage on the command line",
        "@api\ndef test_a(): pass\n",
        {},
        args=("--stage", "apii"),
        final="",
        status=4,
    ),
    row(
        "a mistyped stage on a test",
        "@pytest.mark.stage('apii')\ndef test_a(): pass\n",
        {},
        final="",
        status=4,
    ),
    row(
        "two stages on one test",
        "@api\n@shop\ndef test_a(): pass\n",
        {},
        final="",
        status=4,
    ),
    row(
        "a stage by itself: its upstream wasn't selected, and doesn't change the exit status",
        "@api\ndef test_a(): assert 0\n",
        {"api.a": NOT_RUN},
        files={"pyproject.toml": "CHAINED"},
        args=("--stage", "shop"),
        rest="BLOCKED upstream",
        final="BLOCKED",
        status=0,
    ),
    row(
        "a stage by itself, and its upstream was carried over as CONFIRMED",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        files={"pyproject.toml": "CHAINED"},
        args=("--stage", "shop"),
        final="CONFIRMED",
        status=0,
        after_green=True,
    ),
    row(
        "a stage and the upstream that fails",
        "@api\ndef test_a(): assert 0\n",
        {"api.a": "FAILED observed"},
        files={"pyproject.toml": "CHAINED"},
        args=("--stage", "shop,api"),
        rest="BLOCKED upstream",
        final="FAILED",
        status=1,
    ),
    row(
        "a criterion by its name: its upstream wasn't selected",
        "@api\ndef test_a(): assert 0\n",
        {"api.a": NOT_RUN},
        files={"pyproject.toml": "CHAINED"},
        args=("-k", "open"),
        rest="BLOCKED upstream",
        final="BLOCKED",
        status=0,
    ),
    row(
        "a stage that doesn't apply: its criteria don't run, and nothing requires it",
        "@api\ndef test_a(): assert 0\n",
        {},
        files={"pyproject.toml": "ABSENT"},
        final="CONFIRMED",
        status=0,
    ),
    row(
        "a stage that doesn't apply, by itself",
        "@api\ndef test_a(): pass\n",
        {},
        files={"pyproject.toml": "ABSENT"},
        args=("--stage", "api"),
        rest="",
        final="",
        status=4,
    ),
    row(
        "no test at all, in a production run",
        "",
        {},
        args=("-m", "production"),
        rest=None,
        final="BLOCKED",
        status=5,
    ),
    row(
        "a path that doesn't exist",
        "@api\ndef test_a(): pass\n",
        {},
        args=("-m", "production", "test_nothing.py"),
        rest=None,
        final="BLOCKED",
        status=4,
        xdist={"status": 5},
    ),
]

NEIGHBOURS = [
    row(
        "user data that can't cross to the controller",
        "@api\ndef test_a(record_property): record_property('x', object())\n",
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    row(
        "user data that can't even be shown",
        """
        class Shy:
            def __repr__(self): raise OSError("no")
        @api
        def test_a(record_property): record_property("x", Shy())
        """,
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    *(
        row(
            f"-p no:{name}",
            "@api\ndef test_a(): pass\n@api\ndef test_b(): pytest.skip('not today')\n",
            {"api.a": CONFIRMED, "api.b": "BLOCKED skipped"},
            args=("-p", f"no:{name}"),
            neighbours=("html", "metadata", "cacheprovider", "randomly", "rerunfailures"),
            final="BLOCKED",
            status=10,
        )
        for name in ("html", "cacheprovider", "terminal", "randomly")
    ),
    row(
        "rerunfailures changes the exit status after ours, which closes the gate",
        """
        @api
        def test_a():
            if not Path("again").exists():
                Path("again").touch()
                assert 0
        """,
        {"api.a": CONFIRMED},
        args=("--reruns=2", "--fail-on-flaky"),
        neighbours=RERUN,
        final="BLOCKED",
        # With workers, it looks at the items of each.
        status=7,
    ),
    row(
        "--max-warnings changes the exit status after ours, which closes the gate",
        "import warnings\n@api\ndef test_a(): warnings.warn('old')\n",
        {"api.a": CONFIRMED},
        args=("--max-warnings=0",),
        needs=pytest.version_tuple >= (9, 1),
        terminal=True,
        final="BLOCKED",
        status=6,
    ),
    row(
        "--max-warnings after a BLOCKED: ours stands, since it isn't 0",
        "import warnings\n@api\ndef test_a():\n    warnings.warn('old')\n    pytest.skip('no')\n",
        {"api.a": "BLOCKED skipped"},
        args=("--max-warnings=0",),
        needs=pytest.version_tuple >= (9, 1),
        final="BLOCKED",
        status=10,
    ),
]

ENDINGS = [
    row(
        "a criterion in which os.getpid is another one is no forked child",
        """
        @api
        def test_a(monkeypatch):
            monkeypatch.setattr(os, "getpid", lambda: 1)
            assert os.getpid() == 1
        """,
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    row(
        "a forked child that comes back from a criterion ends there",
        """
        @api
        def test_a():
            child = os.fork()
            if child == 0:
                return
            os.waitpid(child, 0)
            assert 0, "down"
        """,
        {"api.a": "FAILED observed"},
        needs=hasattr(os, "fork"),
        alone=True,
        final="FAILED",
        status=1,
    ),
    row(
        "pytest.exit with 0 when the session ends",
        "@api\ndef test_a(): assert 0\n",
        {"api.a": "FAILED observed"},
        files={
            "conftest.py": """
            import os
            import pytest
            def pytest_sessionfinish():
                if "PYTEST_XDIST_WORKER" not in os.environ:
                    pytest.exit("done", returncode=0)
            """
        },
        alone=True,
        final="FAILED",
        status=1,
    ),
    row(
        "an outermost wrapper sets the status to 0",
        "@api\ndef test_a(): pytest.skip('later')\n",
        {"api.a": "BLOCKED skipped"},
        files={
            "conftest.py": """
            import pytest
            @pytest.hookimpl(wrapper=True, tryfirst=True)
            def pytest_sessionfinish(session):
                yield
                session.exitstatus = 0
            """
        },
        alone=True,
        final="BLOCKED",
        status=10,
    ),
    row(
        "a conftest sets a status of its own",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        files={"conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 8\n"},
        alone=True,
        final="BLOCKED",
        status=8,
    ),
]

PRODUCTION = ("-m", "production")


def early(
    name: str,
    conftest: str,
    *,
    status: int,
    finished: bool,
    xdist: Mapping[str, object] | None = None,
) -> Row:
    """Return a row of a production run that ends before its first test."""
    end = Expected(
        verdicts={"api.a": NOT_RUN} if finished else {},
        rest=None,
        final="BLOCKED",
        status=status,
        finished=finished,
    )
    serial_row = row(
        name,
        "@api\ndef test_a(): pass\n",
        {},
        final="BLOCKED",
        status=status,
        files={"conftest.py": conftest, "test_shop.py": SHOP, "pyproject.toml": "DECLARES a"},
        rest=None,
        args=PRODUCTION,
        alone=True,
        after_green=True,
    )
    many = replace(end, **(xdist or {}))  # type: ignore[arg-type]
    return replace(serial_row, serial=end, xdist=many, each=many)


EARLY = [
    early(
        "a conftest can't be imported", "import nothing_of_this_name\n", status=4, finished=False
    ),
    early("a conftest raises", "raise RuntimeError('no')\n", status=4, finished=False),
    early("a conftest ends the process", "import os\nos._exit(0)\n", status=0, finished=False),
    early(
        "a conftest calls sys.exit as it is imported",
        "import sys\nsys.exit(0)\n",
        status=0,
        finished=False,
    ),
    early(
        "a conftest calls pytest.exit as it is imported",
        "import pytest\npytest.exit('maintenance', returncode=0)\n",
        status=4,
        finished=False,
    ),
    early(
        "a conftest is killed as it is imported",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
        status=-9,
        finished=False,
    ),
    early(
        "pytest_configure ends the process",
        "import os\ndef pytest_configure(): os._exit(0)\n",
        status=0,
        finished=False,
    ),
    early(
        "pytest_configure raises",
        "def pytest_configure(): raise RuntimeError('no')\n",
        status=3,
        finished=True,
    ),
    early(
        "pytest_configure calls pytest.exit",
        "import pytest\ndef pytest_configure(): pytest.exit('maintenance', returncode=0)\n",
        status=10,
        finished=True,
    ),
    early(
        "pytest_sessionstart calls pytest.exit",
        "import pytest\ndef pytest_sessionstart(): pytest.exit('maintenance', returncode=0)\n",
        status=10,
        finished=True,
    ),
    early(
        "pytest_sessionstart raises",
        "def pytest_sessionstart(): raise RuntimeError('no')\n",
        status=3,
        finished=True,
    ),
    early(
        "pytest_sessionstart ends the process",
        "import os\ndef pytest_sessionstart(): os._exit(0)\n",
        status=0,
        finished=False,
    ),
    early(
        "a conftest exits while it collects",
        "import pytest\ndef pytest_collection(): pytest.exit('maintenance', returncode=0)\n",
        status=10,
        finished=True,
        xdist={"status": 3},  # to its controller, a worker that exits has failed in itself
    ),
    early(
        "a conftest ends the process while it collects",
        "import os\ndef pytest_collection(): os._exit(0)\n",
        status=0,
        finished=False,
        # The workers end, and their controller goes on.
        xdist={"status": 5, "finished": True, "verdicts": {"api.a": NOT_RUN}},
    ),
    early(
        "a conftest refuses the command line",
        "import pytest\ndef pytest_configure(): raise pytest.UsageError('no')\n",
        status=4,
        finished=True,
    ),
]


def lying(name: str, conftest: str, tests: str, verdicts: Mapping[str, str], **more: Any) -> Row:
    """Return a row in which a conftest makes something else of what a test showed."""
    worst = "FAILED" if any(v.startswith("FAILED") for v in verdicts.values()) else "BLOCKED"
    status = 1 if worst == "FAILED" else 10
    files = {"conftest.py": conftest}
    return row(name, tests, verdicts, final=worst, status=status, files=files, **more)


FAILS = "@api\ndef test_a(): assert 0, 'down'\n"
STRIPPED = "BLOCKED proves-nothing"
TEARS = """
@pytest.fixture
def torn():
    yield
    assert 0, "torn"
@api
def test_a(torn): pass
"""
SKIPS_ITSELF = "@api\ndef test_a(): pytest.skip('later')\n"
BROKEN = """
@pytest.fixture
def broken(): assert 0, "down"
@api
def test_a(broken): pass
"""
LACKING = BROKEN.replace('assert 0, "down"', 'pytest.skip("later")')
SWALLOWS = {
    "the innermost wrapper": """
        import pytest
        @pytest.hookimpl(wrapper=True, trylast=True)
        def HOOK():
            try:
                return (yield)
            except BaseException:
                return True
        """,
    "the outermost wrapper": """
        import pytest
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def HOOK():
            try:
                return (yield)
            except BaseException:
                return True
        """,
    "an old wrapper": """
        import pytest
        @pytest.hookimpl(hookwrapper=True)
        def HOOK():
            (yield).force_result(True)
        """,
}
"""What a conftest may wrap around each hook that runs a part of a test."""
SCREENS = """
        import pytest
        class Screens:
            @pytest.hookimpl(wrapper=True, trylast=True)
            def HOOK(self):
                try:
                    return (yield)
                except Exception:
                    return True
        """
REGISTERS = """
        import pytest
        from screens import Screens
        @pytest.fixture(scope="session", autouse=True)
        def screens(request): request.config.pluginmanager.register(Screens())
        """
"""A plugin whose hook comes after all that were registered before the first test."""
SETS = """
        import pytest
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if call.when == "call":
                for name in {names}:
                    setattr(report, name, {value})
            return report
        """
AGAIN = """
        from _pytest.runner import runtestprotocol
        def pytest_runtest_protocol(item, nextitem):
            first = runtestprotocol(item, log=False, nextitem=item)
            second = runtestprotocol(item, log=False, nextitem=nextitem)
            for report in {reports}:
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
"""A protocol of a project's own, which reports one of two attempts."""
PRETENDS = """
        import time, pytest
        def pytest_runtest_protocol(item, nextitem):
            if item.name != "test_a":
                return None
            for when in ("setup", "call", "teardown"):
                now = time.time()
                item.ihook.pytest_runtest_logreport(report={report})
            return True
        """
"""A protocol of a project's own, which never calls the test."""
PRETENDED = {
    "reports a new passed report": (
        "pytest.TestReport("
        "item.nodeid, item.location, {}, 'passed', None, when, start=now, stop=now)"
    ),
    "lets pytest report a call of its own": (
        "item.ihook.pytest_runtest_makereport("
        "item=item, call=pytest.CallInfo.from_call(lambda: None, when))"
    ),
}
# A worker of xdist ends itself if a report doesn't have the name of the test that it runs.
RENAMED = """
        import pytest
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_{hook}(item):
            name = item.nodeid + " [chrome]"
            if hasattr(item, "_nodeid"):  # up to pytest 9.1
                item._nodeid = name
            else:
                item._id = type(item._id).parse(name)
"""
RENAMES = {
    "a hook, when it makes it,": """
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if item.name == "test_a" and not hasattr(item.config, "workerinput"):
                report.nodeid = "the shop is up"
            return report
        """,
    "a hook, when it is reported,": """
        import os
        def pytest_runtest_logreport(report):
            if "test_a" in report.nodeid and "PYTEST_XDIST_WORKER" not in os.environ:
                report.nodeid = "the shop is up"
        """,
}
HIDES = """
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_make_collect_report(collector):
            report = yield
            if report.outcome != "passed":
                report.outcome, report.longrepr, report.result = "passed", None, []
            return report
        """
LYING = [
    *(
        row(
            f"a hook makes an empty file of one that {what}",
            "@api\ndef test_a(): pass\n",
            {"api.a": CONFIRMED},
            files={"conftest.py": HIDES, "test_more.py": f"{top}\n@api\ndef test_b(): pass\n"},
            final="BLOCKED",
            status=10,
        )
        for what, top in {
            "does not collect": "import no_such_module",
            "skips itself": "pytest.skip('later', allow_module_level=True)",
        }.items()
    ),
    lying(
        "groups of exceptions are nested",
        "",
        """
        def nested(error):
            for _ in range(50): error = ExceptionGroup("tasks", [error])
            return error
        @pytest.fixture
        def torn():
            yield
            raise nested(ValueError("torn"))
        @api
        def test_a(): raise nested(ValueError("deep"))
        @api
        def test_b(): raise nested(AssertionError("deep"))
        @api
        def test_c(torn): pass
        """,
        {"api.a": "FAILED error", "api.b": "FAILED observed", "api.c": "FAILED error"},
        needs=sys.version_info >= (3, 11),
    ),
    *(
        row(
            f"marks and {' '.join(option)}",
            """
            @api
            @pytest.mark.xfail
            def test_fails(): assert 0
            @api
            @pytest.mark.xfail
            def test_passes(): pass
            @api
            def test_known(): pytest.xfail("known")
            @api
            @pytest.mark.skip
            def test_skipped(): pass
            @api
            def test_skips(): pytest.skip("later")
            """,
            {
                "api.fails": "FAILED observed",
                "api.passes": CONFIRMED,
                "api.known": known,
                "api.skipped": skipped,
                "api.skips": "BLOCKED skipped",
            },
            args=option,
            final="FAILED",
            status=1,
        )
        for option, known, skipped in [
            (("--runxfail",), CONFIRMED, "BLOCKED skipped"),
            (("-p", "no:skipping"), "FAILED observed", CONFIRMED),
        ]
    ),
    lying(
        "a hook returns before the test's function is called",
        "def pytest_pyfunc_call(pyfuncitem): return True\n",
        "@api\ndef test_a(): pass\n",
        {"api.a": SUSPECT},
        rest=SUSPECT,
    ),
    lying(
        "a hook calls the test's function itself, and swallows what it raises",
        """
        def pytest_pyfunc_call(pyfuncitem):
            try:
                pyfuncitem.obj()
            except BaseException:
                pass
            return True
        """,
        FAILS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook puts another method in the place of the test's runtest",
        """
        def pytest_runtest_setup(item):
            if item.name == "test_a":
                item.runtest = lambda: None
        """,
        FAILS,
        {"api.a": SUSPECT},
    ),
    row(
        "a hook calls the test's function itself",
        "@api\ndef test_a(): pass\n",
        {"api.a": CONFIRMED},
        files={
            "conftest.py": "def pytest_pyfunc_call(pyfuncitem): pyfuncitem.obj(); return True\n"
        },
        final="CONFIRMED",
        status=0,
    ),
    *(
        lying(
            f"a hook swallows what {what} raises, by {by}",
            conftest.replace("HOOK", hook),
            tests,
            {"api.a": verdict},
        )
        for hook, what, tests, verdict in [
            ("pytest_pyfunc_call", "a function", FAILS, "FAILED observed"),
            ("pytest_pyfunc_call", "a function that skips", SKIPS_ITSELF, "BLOCKED skipped"),
            ("pytest_runtest_call", "a test that skips", SKIPS_ITSELF, "BLOCKED skipped"),
            # The test is called, and can't start.
            ("pytest_runtest_setup", "a set-up", BROKEN, "FAILED observed"),
            ("pytest_fixture_setup", "a fixture", BROKEN, "BLOCKED setup-error"),
            ("pytest_fixture_setup", "a fixture that skips", LACKING, "BLOCKED skipped"),
        ]
        for by, conftest in SWALLOWS.items()
    ),
    *(
        row(
            f"a plugin that a fixture registers swallows what {what} raises",
            tests,
            {"api.a": verdict},
            files={"conftest.py": REGISTERS, "screens.py": SCREENS.replace("HOOK", hook)},
            final=verdict.partition(" ")[0],
            status=1 if verdict.startswith("FAILED") else 10,
        )
        for hook, what, tests, verdict in [
            ("pytest_pyfunc_call", "a function", FAILS, "FAILED observed"),
            ("pytest_runtest_call", "a test", FAILS, "FAILED observed"),
            ("pytest_fixture_setup", "a fixture", BROKEN, "BLOCKED setup-error"),
            ("pytest_runtest_teardown", "a tear-down", TEARS, "FAILED observed"),
        ]
    ),
    *(
        lying(
            f"a hook puts {value} into start, stop and duration of a failure",
            SETS.format(names=("start", "stop", "duration"), value=value),
            FAILS,
            {"api.a": "FAILED observed"},
        )
        for value in ("0", "float('nan')", "float('inf')", "None", "'soon'")
    ),
    *(
        row(
            f"a hook puts {value} into start, stop and duration of a pass",
            "@api\ndef test_a(): pass\n",
            {"api.a": CONFIRMED},
            files={"conftest.py": SETS.format(names=("start", "stop", "duration"), value=value)},
            final="CONFIRMED",
            status=0,
        )
        for value in ("0", "float('nan')", "float('inf')", "None", "9e9")
    ),
    *(
        lying(
            f"a hook puts {value} into when of a failure",
            SETS.format(names=("when",), value=value),
            FAILS,
            {"api.a": "FAILED observed"},
            rest=NOT_RUN,
        )
        for value in ("'setup'", "'teardown'", "'bogus'", "None")
    ),
    lying(
        "a hook returns no report",
        """
        import pytest
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            return None if "test_api" in item.nodeid else report
        """,
        "@api\ndef test_a(): assert 0\n@api\ndef test_b(): pass\n",
        {"api.a": "FAILED observed", "api.b": UNKNOWN},
    ),
    row(
        "a hook runs a test again, and reports the last time only",
        """
        @api
        def test_a():
            Path("tries").open("a").write("x")
            assert len(Path("tries").read_text()) >= 2
        """,
        {"api.a": CONFIRMED},
        files={"conftest.py": AGAIN.format(reports="second")},
        final="CONFIRMED",
        status=0,
    ),
    lying(
        "a hook runs a test again, and reports the first time only",
        AGAIN.format(reports="first"),
        "@api\ndef test_a(): pass\n",
        {"api.a": UNKNOWN},
        rest=UNKNOWN,
    ),
    lying(
        "a hook calls a failed report passed",
        "def pytest_runtest_logreport(report): report.outcome = 'passed'\n",
        FAILS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook calls a skipped report passed",
        "def pytest_runtest_logreport(report): report.outcome = 'passed'\n",
        "@api\n@pytest.mark.skip\ndef test_a(): pass\n",
        {"api.a": "BLOCKED skipped"},
    ),
    lying(
        "a hook calls a skipped report passed, and takes its reason away",
        "def pytest_runtest_logreport(report): report.outcome, report.longrepr = 'passed', None\n",
        "@api\n@pytest.mark.skip\ndef test_a(): pass\n",
        {"api.a": "BLOCKED skipped"},
    ),
    *(
        lying(
            f"a hook puts a new passed report in the place of a failure's, {how}",
            f"""
        import pytest
        @pytest.hookimpl(wrapper=True, {how})
        def pytest_runtest_makereport(item, call):
            report = yield
            return pytest.TestReport(
                report.nodeid, report.location, report.keywords, "passed", None, report.when
            )
        """,
            FAILS,
            {"api.a": "FAILED observed"},
        )
        for how in ("tryfirst=True", "trylast=True")
    ),
    *(
        lying(
            f"a hook {what} in the place of a test",
            PRETENDS.format(report=report),
            FAILS,
            {"api.a": SUSPECT},
        )
        for what, report in PRETENDED.items()
    ),
    lying(
        "a hook gives the reports of a test that is no criterion a criterion's name",
        """
        from _pytest.runner import runtestprotocol
        def pytest_runtest_protocol(item, nextitem):
            if hasattr(item.config, "workerinput"):
                return None
            if item.name == "test_a":
                return True
            for report in runtestprotocol(item, nextitem=nextitem, log=item.name != "test_b"):
                if item.name == "test_b":
                    report.nodeid = report.nodeid.replace("test_b", "test_a")
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """,
        FAILS + "def test_b(): pass\n",
        {"api.a": SUSPECT},
        xdist={"verdicts": {"api.a": "FAILED observed"}, "final": "FAILED", "status": 1},
    ),
    *(
        lying(
            f"{hook} gives each report another name",
            conftest,
            FAILS,
            {"api.a": "FAILED observed"},
        )
        for hook, conftest in RENAMES.items()
    ),
    *(
        lying(
            f"{hook} gives each test another name",
            RENAMED.format(hook=hook),
            """
            @api
            def test_a(): assert 0
            @pytest.mark.stage("api", side_effects=True)
            def test_b(evidence): evidence(order=7)
            """,
            {"api.a": "FAILED observed", "api.b": UNKNOWN},
            rest=UNKNOWN,
        )
        for hook in ("protocol", "setup")
    ),
    *(
        lying(
            f"a TestCase {what}",
            "",
            f"""
import unittest
@api
class TestShop(unittest.TestCase):
    def run(self, result=None): {run}
    def test_a(self): self.fail("down")
""",
            {"api.a": SUSPECT},
        )
        for what, run in [
            ("runs nothing", "pass"),
            ("keeps its result to itself", "super().run(unittest.TestResult())"),
        ]
    ),
    row(
        "a TestCase runs its test between lines of its own",
        """
import unittest
@api
class TestShop(unittest.TestCase):
    def run(self, result=None): return super().run(result)
    def test_a(self): self.assertTrue(self.id())
""",
        {"api.a": CONFIRMED},
        final="CONFIRMED",
        status=0,
    ),
    lying(
        "a hook makes a passed report of a failure",
        """
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            report.outcome, report.longrepr = "passed", None
            return report
        """,
        FAILS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook makes a skipped report of a failure",
        """
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if report.failed:
                report.outcome, report.longrepr = "skipped", ("a.py", 1, "Skipped: later")
            return report
        """,
        FAILS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook swallows the exception of a test",
        """
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(item):
            try:
                return (yield)
            except BaseException:
                return None
        """,
        FAILS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook swallows the exception of a tear-down",
        """
        import pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_teardown(item):
            try:
                return (yield)
            except BaseException:
                return None
        """,
        TEARS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook drops a criterion from what was collected",
        "def pytest_collection_modifyitems(items):\n"
        "    items[:] = [item for item in items if item.name != 'test_a']\n",
        "@api\ndef test_a(): pass\n@api\ndef test_b(): pass\n",
        {"api.a": NOT_RUN, "api.b": CONFIRMED},
    ),
    row(
        "a test swallows what blocked() raised",
        """
        import contextlib
        @api
        def test_a():
            with contextlib.suppress(BaseException):
                blocked("no order yet", kind="no-data")
        """,
        {"api.a": "BLOCKED no-data"},
        final="BLOCKED",
        status=10,
    ),
    lying(
        "a hook sends a passed report of its own in place of a worker's",
        """
        import pytest
        def pytest_report_to_serializable(report):
            if isinstance(report, pytest.TestReport):
                return {
                    "$report_type": "TestReport", "nodeid": report.nodeid, "when": report.when,
                    "location": report.location, "keywords": {}, "outcome": "passed",
                    "longrepr": None, "stop": report.stop,
                }
        """,
        FAILS,
        {"api.a": "FAILED observed"},
    ),
    lying(
        "a hook takes from a worker's report all but what pytest put there",
        """
        import pytest
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_report_to_serializable(report):
            data = yield
            if isinstance(report, pytest.TestReport):
                data = {k: v for k, v in data.items() if not k.startswith("prodstatus")}
                data.update(outcome="passed", longrepr=None)
            return data
        """,
        FAILS,
        {"api.a": "FAILED observed"},
        xdist={"verdicts": {"api.a": STRIPPED}, "rest": STRIPPED, "final": "BLOCKED", "status": 10},
    ),
    row(
        "a test swallows what blocked() raised, and fails",
        """
        @api
        def test_a():
            try:
                blocked("no order yet", kind="no-data")
            except BaseException:
                assert 0, "down"
        """,
        {"api.a": "FAILED observed"},
        final="FAILED",
        status=1,
    ),
    row(
        "a tear-down swallows what blocked() raised",
        """
        import contextlib
        def swallowed():
            with contextlib.suppress(BaseException):
                blocked("no order yet", kind="no-data")
        @pytest.fixture
        def own():
            yield
            swallowed()
        @pytest.fixture(scope="module")
        def shared():
            yield
            swallowed()
        @api
        def test_a(own): pass
        @api
        def test_b(shared): pass
        """,
        {"api.a": "BLOCKED no-data", "api.b": "BLOCKED no-data"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked with a kind by its name",
        "@api\ndef test_a(): raise Blocked('slow', kind='timeout')\n",
        {"api.a": "BLOCKED timeout"},
        final="BLOCKED",
        status=10,
    ),
    row(
        "Blocked without a reason",
        "@api\ndef test_a(): raise Blocked\n",
        {"api.a": UNKNOWN},
        final="BLOCKED",
        status=10,
    ),
    row(
        "wrong arguments of blocked() are that criterion's alone",
        """
        @api
        @pytest.mark.parametrize("given", [
            {"reason": None}, {"reason": ""}, {"reason": "x", "kind": "no"},
            {"reason": "x", "remedy": 5}, {"reason": "x", "kind": []}, {}, {"reson": "x"},
        ], ids="abcdefg")
        def test_a(given): blocked(**given)
        """,
        {f"api.a[{name}]": UNKNOWN for name in "abcdefg"},
        final="BLOCKED",
        status=10,
    ),
]

TORN = "FAILED observed"


def shared(name: str, tests: str, verdicts: Mapping[str, str], **more: Any) -> Row:
    """Return a row in which the tear-down of something fails that several tests share."""
    files = {"conftest.py": more.pop("conftest", ""), **more.pop("files", {})}
    given: dict[str, Any] = {"final": "FAILED", "status": 1, "files": files, **more}
    return row(name, tests, verdicts, **given)


DYING = """
        import threading
        def dies(): raise OSError("the line is dead")
        @pytest.fixture(scope="session")
        def store():
            yield
            thread = threading.Thread(target=dies, name="it")
            thread.start()
            thread.join()
"""
DROPPING = """
        async def close(): assert 0
        class Odd:
            def __del__(self): assert 0, "lost"
"""
TWO_DEATHS = f"""{DYING}
        @api
        def test_a(store): pass
        @api
        def test_b():
            thread = threading.Thread(target=dies, name="it")
            thread.start()
            thread.join()
"""

SHARED = [
    row(
        "a tear-down raises a group of what was not observed",
        # Of a BaseExceptionGroup, pytest leaves the next file's set-up an error: there is none.
        f"""{IN_A_GROUP}
        @pytest.fixture
        def late():
            yield
            together(pends)
        @pytest.fixture
        def later():
            yield
            together(pends)
        @api
        def test_a(late): pass
        @api
        def test_b(late, later): pass
        @api
        def test_c(): pass
        """,
        {"api.a": "BLOCKED pending", "api.b": "BLOCKED pending", "api.c": CONFIRMED},
        needs=sys.version_info >= (3, 11),
        rest=None,
        final="BLOCKED",
        status=10,
    ),
    row(
        "the tear-down of a shared fixture raises a group of what was not observed",
        f"""{IN_A_GROUP}
        @pytest.fixture(scope="module")
        def late():
            yield
            together(pends)
        @api
        def test_a(late): pass
        @api
        def test_b(): pass
        """,
        {"api.a": "BLOCKED pending", "api.b": CONFIRMED},
        needs=sys.version_info >= (3, 11),
        rest=None,
        final="BLOCKED",
        status=10,
    ),
    shared(
        "tear-downs of every scope fail: for all that used them, and for no other",
        """
        @pytest.fixture(scope="session")
        def store():
            yield
            assert 0, "the store went down"
        @pytest.fixture(scope="package")
        def shelf(): yield from fails("the shelf")
        @pytest.fixture(scope="module")
        def stock(request): request.addfinalizer(lambda: next(fails("the stock"), None))
        @pytest.fixture(scope="class")
        def clerk(): yield from fails("the clerk")
        @pytest.fixture
        def order(): yield from fails("the order")
        @pytest.fixture(scope="session")
        def quiet(): yield
        def fails(what):
            if what != "the stock": yield
            raise RuntimeError(what)
        @api
        def test_a(store): pass
        @api
        def test_b(quiet): pass
        @api
        def test_c(request): request.getfixturevalue("store")
        @api
        class TestOne:
            def test_d(self, shelf): pass
            def test_e(self, clerk): pass
            def test_f(self): pass
        @api
        class TestTwo:
            def test_g(self, clerk): pass
            def test_h(self, stock): pass
        @api
        def test_i(stock, shelf): pass
        @api
        def test_j(order): pass
        @api
        def test_k(): pass
        """,
        {
            **{f"api.{name}": TORN for name in "acdeghi"},
            "api.j": "FAILED error",  # its own, and no assertion
            **{f"api.{name}": CONFIRMED for name in "bfk"},
        },
    ),
    shared(
        "the tear-down of the session's autouse fixture fails, at a test that is no criterion",
        "@api\ndef test_a(): pass\n",
        {"api.a": TORN},
        conftest="""
        import pytest
        @pytest.fixture(scope="session", autouse=True)
        def store():
            yield
            raise RuntimeError("the store went down")
        """,
        rest=TORN,
    ),
    shared(
        "what classes and files tear down fails",
        """
        @api
        class TestOne:
            @classmethod
            def teardown_class(cls): assert 0
            def test_a(self): pass
        @api
        class Two(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): cls().fail("down")
            def test_b(self): pass
            def test_c(self): pass
        @api
        class TestThree:
            def teardown_method(self, method): assert method.__name__ == "test_d"
            def test_d(self): pass
            def test_e(self): pass
            def test_f(self): pass
        """,
        {
            **{f"api.{name}": TORN for name in "abcef"},
            "api.d": CONFIRMED,
        },
    ),
    shared(
        "a tear-down without a name fails: for all that ran in its scope",
        """
        def down(): raise OSError("down")
        @pytest.fixture
        def deep(request): request.session.addfinalizer(down)
        @api
        def test_a(deep): pass
        """,
        {"api.a": TORN},
        rest=TORN,
    ),
    shared(
        "the tear-down fails of what no criterion used",
        "@api\ndef test_a(): pass\n@api\ndef test_b(store): pass\n",
        {"api.a": CONFIRMED, "api.b": CONFIRMED},
        conftest="""
        import pytest
        @pytest.fixture(scope="session")
        def crate():
            yield
            assert 0, "still full"
        @pytest.fixture
        def store(): pass
        """,
        files={
            "test_other.py": "def test_crate(crate): pass\n",
        },
        final="BLOCKED",
    ),
    shared(
        "a tear-down for several can't look",
        """
        @pytest.fixture(scope="module")
        def store():
            yield
            blocked("nothing was sold", kind="no-data")
        @pytest.fixture(scope="module")
        def shelf():
            yield
            pytest.skip("not today")
        @api
        def test_a(store): pass
        @api
        def test_b(shelf): pass
        @api
        def test_c(store): assert 0
        @api
        def test_d(): pass
        """,
        {
            "api.a": "BLOCKED no-data",
            "api.b": "BLOCKED skipped",
            "api.c": "FAILED observed",
            "api.d": CONFIRMED,
        },
    ),
    shared(
        "a tear-down for several swallows that it can't look, at a test that is no criterion",
        """
        @pytest.fixture(scope="session")
        def store():
            yield
            try:
                blocked("nothing was sold", kind="no-data")
            except BaseException:
                pass
        @api
        def test_a(store): pass
        @api
        def test_b(store): assert 0
        @api
        def test_c(): pass
        """,
        {"api.a": "BLOCKED no-data", "api.b": "FAILED observed", "api.c": CONFIRMED},
        files={"test_zoo.py": "def test_none(): pass\n"},
    ),
    shared(
        "a thread dies in a tear-down for several",
        DYING
        + """
        @api
        def test_a(store): pass
        @api
        def test_b(): pass
        """,
        {"api.a": "BLOCKED proves-nothing", "api.b": CONFIRMED},
        final="BLOCKED",
        status=10,
    ),
    *(
        shared(
            f"a tear-down for several {what}{how}",
            f"""{DROPPING}
        @pytest.fixture(scope="module")
        def store():
            yield
            {call}
        @api
        def test_a(store): assert 1
        @api
        def test_b(): assert 1
        def test_plain(): assert 1
        """,
            {"api.a": verdict, "api.b": CONFIRMED},
            args=("-m", "", *args),
            final=verdict.split()[0],
            status=status,
        )
        for what, call in (("drops a coroutine", "close()"), ("loses an assertion", "Odd()"))
        for how, args, verdict, status in (
            ("", (), "BLOCKED proves-nothing", 10),
            (", and warnings are errors", ("-W", "error"), TORN, 1),
        )
    ),
    shared(
        "a thread dies in a tear-down for several, and warnings are errors",
        DYING
        + """
        @api
        def test_a(store): pass
        @api
        def test_b(): pass
        """,
        {"api.a": TORN, "api.b": CONFIRMED},
        args=("-W", "error::pytest.PytestUnhandledThreadExceptionWarning"),
    ),
    shared(
        "threads die in a tear-down for several, and in the test that came last",
        TWO_DEATHS,
        {"api.a": "BLOCKED proves-nothing", "api.b": "BLOCKED proves-nothing"},
        final="BLOCKED",
        status=10,
    ),
    shared(
        "threads die with the same words in a test and in the tear-down of its module after it",
        TWO_DEATHS.replace("session", "module"),
        {"api.a": "BLOCKED proves-nothing", "api.b": "BLOCKED proves-nothing"},
        final="BLOCKED",
        status=10,
    ),
    shared(
        "the tear-down of an async session fixture fails, which a hook runs as a plain function",
        """
        @pytest.fixture(scope="session")
        async def store():
            yield 1
            assert 0, "the store went down"
        @api
        def test_a(store): assert store == 1
        @api
        def test_b(): pass
        """,
        {"api.a": TORN, "api.b": CONFIRMED},
        conftest="""
        import asyncio, inspect, pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_fixture_setup(fixturedef, request):
            given = fixturedef.func
            if not inspect.isasyncgenfunction(given):
                return (yield)
            def plain():
                running = given()
                request.addfinalizer(lambda: asyncio.run(anext(running, None)))
                return asyncio.run(anext(running))
            fixturedef.func = plain
            try:
                return (yield)
            finally:
                fixturedef.func = given
        """,
    ),
    shared(
        "a fixture is torn down for its next parameter, and that fails",
        """
        @pytest.fixture(scope="session", params=["eu", "us"])
        def region(request):
            yield request.param
            assert request.param == "us"
        @api
        def test_a(region): pass
        @api
        def test_b(region): pass
        @api
        def test_c(): pass
        """,
        {
            "api.a[eu]": TORN,
            "api.b[eu]": TORN,
            # pytest lets the first of them fail in its set-up, if the same process runs both.
            "api.a[us]": "CONFIRMED or BLOCKED setup-error",
            "api.b[us]": "CONFIRMED or BLOCKED setup-error",
            "api.c": CONFIRMED,
        },
    ),
    shared(
        "the session is torn down late, after -x, and that fails",
        """
        @pytest.fixture(scope="session")
        def store():
            yield
            raise RuntimeError("the store went down")
        @api
        def test_a(store): pass
        @api
        def test_b(store): pytest.skip("closed")
        @api
        def test_c(): assert 0
        @api
        def test_d(): pass
        """,
        {"api.a": TORN, "api.b": TORN, "api.c": TORN, "api.d": NOT_RUN},
        args=("-x",),
        rest=NOT_RUN,
        alone=True,
        xdist={
            "verdicts": {
                "api.a": TORN,
                "api.b": f"{TORN} or {NOT_RUN}",
                "api.c": TORN,
                "api.d": f"CONFIRMED or {NOT_RUN}",
            },
            "rest": f"CONFIRMED or {NOT_RUN}",
            "status": 2,
        },
    ),
    shared(
        "the session is torn down late, after pytest.exit, and swallows a blocked()",
        """
        import contextlib
        @pytest.fixture(scope="session")
        def store():
            yield
            with contextlib.suppress(BaseException):
                blocked("the store is shut", kind="no-data")
        @api
        def test_a(store): pass
        @api
        def test_b(): pytest.exit("enough")
        @api
        def test_c(store): pass
        """,
        {"api.a": "BLOCKED no-data", "api.b": NOT_RUN, "api.c": NOT_RUN},
        final="BLOCKED",
        rest=NOT_RUN,
        status=2,
        alone=True,
        xdist={
            "verdicts": {
                "api.a": f"BLOCKED no-data or {NOT_RUN}",
                "api.b": NOT_RUN,
                "api.c": f"BLOCKED no-data or {NOT_RUN}",
            },
            "rest": f"CONFIRMED or {NOT_RUN}",
            "status": 2,
        },
    ),
    shared(
        "a hook fails after a test: that is the test's own",
        "@api\ndef test_a(): pass\n@api\ndef test_b(): pass\n",
        {"api.a": CONFIRMED, "api.b": TORN},
        conftest="""
        import pytest
        @pytest.hookimpl(trylast=True)
        def pytest_runtest_teardown(item):
            assert item.name != "test_b"
        """,
    ),
]

ROWS = [
    *EARLY,
    *LYING,
    *SHARED,
    *ENDINGS,
    *PASSES,
    *SKIPS,
    *XFAILS,
    *FAILURES,
    *DOUBTS,
    *EVIDENCE,
    *RERUNS,
    *CRASHES,
    *CUT_SHORT,
    *SELECTION,
    *NEIGHBOURS,
]
