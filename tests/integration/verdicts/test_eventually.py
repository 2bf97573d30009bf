"""`eventually`: what a criterion waits for comes true, or the time is up and it isn't CONFIRMED."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import NamedTuple

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, XDIST, Project
from tests.integration.verdicts.test_assertions import STRICT

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
CONFIRMED, BAD = "CONFIRMED", "BLOCKED inconclusive"
VACUOUS = "BLOCKED proves-nothing"


class Call(NamedTuple):
    """A test's body, its verdict, and words of its reason."""

    source: str
    verdict: str
    words: str = ""


BEFORE = """
import asyncio, contextlib, datetime, functools, itertools, time
S = {"what": "it is paid", "every": datetime.timedelta(milliseconds=20)}
QUICK = {**S, "within": datetime.timedelta(milliseconds=100)}
LONG = {**S, "within": "10s"}

class Order:
    def __init__(self): self.looks = 0
    def look(self):
        self.looks += 1
        return "PAID" if self.looks == 3 else f"NEW {self.looks}"
    def flaky(self):
        if self.look() != "PAID": raise OSError("refused")
        return "PAID"
    async def later(self):
        await asyncio.sleep(0)
        return self.look()
    async def flaky_later(self): return self.flaky()

class Odd:
    def __repr__(self): raise KeyError("odd")

KEPT = []
@pytest.fixture
def order(): return Order()
def is_paid(status): return status == "PAID"
def new(): return "NEW"
async def new_later(): return "NEW"
def secret(): return "x" * 240 + " my-hidden-value " + "y" * 900
def run(coming):
    async def main(): return await coming()
    return asyncio.run(main())
"""

CALLS = {
    "a_generator": Call(
        "eventually(lambda: (n for n in []), **QUICK)", "BLOCKED inconclusive", "is always true"
    ),
    "no_parentheses": Call(
        "eventually(lambda: Order().look, **QUICK)", "BLOCKED inconclusive", "give until=, or call"
    ),
    "a_filter": Call("eventually(lambda: filter(None, []), **QUICK)", "BLOCKED inconclusive"),
    "an_iterator": Call("eventually(lambda: iter([]), **QUICK)", "BLOCKED inconclusive"),
    "a_condition_that_is_a_generator": Call(
        "def until(value): yield False\n    eventually(new, until=until, **QUICK)",
        "BLOCKED inconclusive", "a generator from it is always true",
    ),
    "a_condition_without_parentheses": Call(
        "eventually(order.look, until=lambda status: status.isalpha, **QUICK)",
        "BLOCKED inconclusive", "a builtin_function_or_method from it is always true",
    ),
    "too_late": Call(
        "eventually(lambda: time.sleep(0.2) is None, otherwise='failed', **QUICK)",
        "FAILED observed",
    ),
    "late_but_true": Call("eventually(lambda: time.sleep(0.2) is None, **QUICK)", "CONFIRMED"),
    "comes_true": Call(
        "assert eventually(order.look, until=is_paid, **LONG) == 'PAID'\n"
        "    assert order.looks == 3", CONFIRMED,
    ),
    "truth_of_the_value": Call("eventually(lambda: order.look() == 'PAID', **LONG)", CONFIRMED),
    "is_an_assertion": Call("eventually(order.look, until=is_paid, **LONG)", CONFIRMED),
    "already": Call(
        "eventually(lambda: 1 if order else 0, within='1s', every='1d', what='it is')", CONFIRMED
    ),
    "pending": Call(
        "eventually(new, until=is_paid, **QUICK)", "BLOCKED pending",
        "within 0.1 s it did not come true that it is paid; the last value was 'NEW'",
    ),
    "pending_and_swallowed": Call(
        "with contextlib.suppress(BaseException): eventually(new, until=is_paid, **QUICK)",
        "BLOCKED pending", "come true",
    ),
    "failed": Call(
        "eventually(new, until=is_paid, otherwise='failed', **QUICK)", "FAILED observed",
        "within 0.1 s it did not come true that it is paid; the last value was 'NEW'",
    ),
    "failed_and_swallowed": Call(
        "assert order.looks == 0\n"
        "    with contextlib.suppress(AssertionError):\n"
        "        eventually(new, until=is_paid, otherwise='failed', **QUICK)",
        "FAILED observed", "come true",
    ),
    "last": Call(
        "assert eventually(new, until=is_paid, otherwise='last', **QUICK) == 'NEW'", CONFIRMED
    ),
    "last_is_no_assertion": Call(
        "eventually(new, until=is_paid, otherwise='last', **QUICK)", "BLOCKED no-assertion"
    ),
    "an_exception": Call(
        "eventually(order.flaky, **LONG)", "FAILED error", "OSError: refused"
    ),
    "a_named_exception": Call("eventually(order.flaky, retry_on=OSError, **LONG)", CONFIRMED),
    "a_named_exception_to_the_end": Call(
        "eventually(order.flaky, until=lambda _: False, retry_on=(OSError,), **QUICK)",
        "BLOCKED pending", "the last look raised OSError: refused",
    ),
    "last_exception": Call(
        "def refuse(): raise OSError('refused')\n"
        "    eventually(refuse, otherwise='last', retry_on=(OSError,), **QUICK)",
        "FAILED error", "OSError: refused",
    ),
    "exception_of_the_condition": Call(
        "eventually(new, until=lambda v: v.status, retry_on=(AttributeError,), **LONG)",
        "FAILED error", "AttributeError",
    ),
    "blocked_in_the_probe": Call(
        "eventually(lambda: blocked('no shop', kind='no-data'), retry_on=(Exception,), **LONG)",
        "BLOCKED no-data", "no shop",
    ),
    "async_function": Call(
        "assert run(lambda: eventually(order.later, until=is_paid, **LONG)) == 'PAID'", CONFIRMED
    ),
    "async_lambda": Call(
        "run(lambda: eventually(lambda: order.later(), until=is_paid, **LONG))", CONFIRMED
    ),
    "async_exception": Call(
        "run(lambda: eventually(order.flaky_later, retry_on=(OSError,), **LONG))", CONFIRMED
    ),
    "async_unnamed_exception": Call(
        "run(lambda: eventually(order.flaky_later, **LONG))", "FAILED error", "OSError: refused"
    ),
    "async_pending": Call(
        "run(lambda: eventually(new_later, until=is_paid, **QUICK))", "BLOCKED pending",
        "come true that it is paid; the last value was 'NEW'",
    ),
    "async_goes_on_beside": Call(
        "seen = []\n"
        "    async def beside():\n"
        "        for n in range(3): seen.append(n); await asyncio.sleep(0)\n"
        "    async def main():\n"
        "        await asyncio.gather(beside(), eventually(order.later, until=is_paid, **LONG))\n"
        "    asyncio.run(main())\n"
        "    assert seen == [0, 1, 2]", CONFIRMED,
    ),
    "never_awaited": Call(
        "assert order.looks == 0\n    eventually(new_later, **LONG)", BAD, "never awaited"
    ),
    "always_true": Call("eventually(new, until=lambda _: True, **LONG)", VACUOUS, "always true"),
    "always_true_probe": Call("eventually(lambda: 1, **LONG)", VACUOUS, "always true"),
    "no_repr": Call(
        "eventually(Odd, until=lambda v: v is None, **QUICK)", "BLOCKED pending", "Odd, whose repr"
    ),
    "a_secret": Call(
        "prodstatus_secret('my-hidden-value')\n"
        "    eventually(secret, until=is_paid, **QUICK)",
        "BLOCKED pending", "xx ******** y… (cut from",
    ),
    "in_a_subclass_of_itself": Call(
        "eventually(functools.partial(eventually, new, until=is_paid, **QUICK), **LONG)",
        "BLOCKED pending",
    ),
    "kept_and_never_awaited": Call(
        "kept = eventually(new_later, **LONG)\n    KEPT.append(kept)\n    assert 1 < 1 + len(KEPT)",
        BAD, "it was not seen that it is paid: what eventually() returned was never awaited",
    ),
    "cancelled": Call(
        "async def main():\n"
        "        task = asyncio.ensure_future(eventually(new_later, until=is_paid, **LONG))\n"
        "        await asyncio.sleep(0.05)\n"
        "        task.cancel()\n"
        "        with contextlib.suppress(asyncio.CancelledError): await task\n"
        "    asyncio.run(main())\n    assert order.looks == 0",
        BAD, "it was not seen that it is paid: the wait of eventually() was cancelled",
    ),
    "in_time": Call(
        "async def main():\n"
        "        with contextlib.suppress(asyncio.TimeoutError):\n"
        "            await asyncio.wait_for(eventually(new_later, until=is_paid, **LONG), 0.05)\n"
        "    asyncio.run(main())\n    assert order.looks == 0", BAD, "cancelled",
    ),
    "a_task_that_does_not_end": Call(
        "async def main():\n"
        "        KEPT.append(asyncio.ensure_future(eventually(new_later, until=is_paid, **LONG)))\n"
        "        await asyncio.sleep(0.05)\n"
        "    loop = asyncio.new_event_loop()\n    KEPT.append(loop)\n"
        "    loop.run_until_complete(main())\n    loop.close()\n    assert order.looks == 0",
        BAD, "the test did not wait for the end of eventually()",
    ),
    "a_task_that_raises": Call(
        "async def main():\n"
        "        KEPT.append(asyncio.ensure_future(eventually(order.flaky_later, **LONG)))\n"
        "        await asyncio.sleep(0.05)\n"
        "    asyncio.run(main())\n    assert order.looks == 1",
        BAD, "eventually() raised OSError: refused, and the test went on",
    ),
    "a_thread_that_does_not_end": Call(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "    args = {**LONG, 'until': is_paid, 'within': '400ms', 'every': '20ms'}\n"
        "    KEPT.append(ThreadPoolExecutor(1))\n"
        "    KEPT.append(KEPT[-1].submit(eventually, new, **args))\n"
        "    assert order.looks == 0", BAD, "did not wait for the end",
    ),
    "the_next_test_knows_nothing_of_it": Call(
        "time.sleep(0.1)\n    assert 'is over' in str(KEPT[-1].exception())", CONFIRMED
    ),
    "raised_and_swallowed": Call(
        "with contextlib.suppress(OSError): eventually(order.flaky, **LONG)\n"
        "    assert order.looks == 1",
        BAD, "eventually() raised OSError: refused, and the test went on",
    ),
    "seen_the_second_time": Call(
        "with contextlib.suppress(OSError): eventually(order.flaky, **LONG)\n"
        "    eventually(order.look, until=is_paid, **LONG)", CONFIRMED,
    ),
    "the_last_exception_is_the_test_s": Call(
        "def refuse(): raise OSError('refused')\n"
        "    with pytest.raises(OSError):\n"
        "        eventually(refuse, otherwise='last', retry_on=OSError, **QUICK)", CONFIRMED,
    ),
    "skipped_meanwhile": Call(
        "KEPT.append(eventually(new_later, **LONG))\n    pytest.skip('no shop')",
        "BLOCKED skipped", "no shop",
    ),
    "milliseconds": Call("eventually(lambda: 1 if order else 0, within='300ms', every='5ms',"
                         " what='it is')", CONFIRMED),
    "no_what": Call("eventually(new, within='1s')", BAD,
                    "eventually(…): it needs what; write eventually(look, what="),
    "nothing_at_all": Call("eventually()", BAD, "it needs probe and what and within"),
    "unknown_argument": Call(
        "eventually(new, witin='1s', **LONG)", BAD,
        "eventually(witin='1s'): its arguments are probe, what, within, until, every, otherwise",
    ),
    "unnamed_arguments": Call("eventually(new, is_paid, **LONG)", BAD, "without a name"),
    "error_of_the_probe_s_call": Call(
        "eventually(is_paid, **LONG)", "FAILED error", "TypeError: is_paid() missing 1 required"
    ),
    "bad_within": Call(
        "eventually(new, within='soon', what='it is')", BAD,
        "eventually(within='soon'): write a whole number of at most six digits and ms, s, m, h",
    ),
    "bad_fraction": Call("eventually(new, within='1.5s', what='it is')", BAD, "or d, as in '2m'"),
    "no_time": Call("eventually(new, within='0ms', what='it is')", BAD, "within='0ms'): write a"),
    "bad_number": Call("eventually(new, within=5, what='it is')", BAD, "a positive timedelta"),
    "too_long": Call("eventually(new, within='999999d', what='it is')", BAD,
                     "eventually(within='999999d'): wait at most 365d"),
    "the_longest_timedelta": Call(
        "eventually(new, within=datetime.timedelta.max, what='it is')", BAD, "at most 365d"
    ),
    "the_longest_pause": Call(
        "eventually(new, until=is_paid, **{**QUICK, 'every': datetime.timedelta.max})",
        "BLOCKED pending",
    ),
    "no_repr_of_an_argument": Call("eventually(new, within=Odd(), what='it is')", BAD, "<Odd inst"),
    "bad_every": Call("eventually(new, every=datetime.timedelta(), within='1s', what='it is')", BAD,
                      "positive timedelta"),
    "bad_what": Call("eventually(new, within='1s', what=' ')", BAD, "say in words"),
    "bad_until": Call("eventually(new, until='PAID', **LONG)", BAD, "a plain function"),
    "async_until": Call("eventually(new, until=new_later, **LONG)", BAD, "a plain function"),
    "async_until_lambda": Call(
        "eventually(new, until=lambda _: new_later(), **LONG)", BAD, "a plain function"
    ),
    "bad_otherwise": Call("eventually(new, otherwise='ok', **LONG)", BAD, "blocked, failed, last"),
    "bad_exception": Call("eventually(new, retry_on=(1,), **LONG)", BAD, "kinds of Exception"),
    "exit_as_exception": Call("eventually(new, retry_on=SystemExit, **LONG)", BAD, "Exception"),
    "called_probe": Call("eventually(new(), **LONG)", BAD, "the function itself"),
    "called_async_probe": Call("eventually(new_later(), **LONG)", BAD, "the function itself"),
}  # fmt: skip


def _tests() -> str:
    args = "eventually, order, prodstatus_secret"
    return BEFORE + "".join(
        f"\n@api\ndef test_{name}({args}):\n    {call.source}\n" for name, call in CALLS.items()
    )


@MODES
def test_each_call(project: Project, mode: tuple[str, ...]) -> None:
    """Each call gives its verdict and words, the same with workers; no other call is affected."""
    project.write({"pyproject.toml": STRICT, "test_api.py": _tests()})
    # The tasks that these tests leave end with the process. Collected later, in the middle of
    # an `ast.parse`, they break it: before CPython 3.12 logging a traceback parses, too.
    ran = project.run_alone(*mode)
    verdicts = {name: verdict for name, verdict in ran.verdicts.items() if "shop" not in name}
    assert verdicts == {
        f"api.{name.replace('_', '-')}": call.verdict for name, call in CALLS.items()
    }
    for name, call in CALLS.items():
        criterion = ran.criteria[f"api.{name.replace('_', '-')}"]
        assert call.words in f"{criterion['reason']} {criterion['detail']}", name
    assert ran.values("api.is-an-assertion") == {"it is paid": {"type": "bool", "value": True}}
    everything = ran.out + str(ran.record) + str(ran.page)
    assert "my-hidden-value" not in everything
    ran.check_coherent()


def test_the_terminal_shows_what_was_seen_last(project: Project) -> None:
    """While a criterion waits, a line says for what, how long, and the last value, redacted."""
    project.write(
        {
            "conftest.py": """
                import pytest_prodstatus.terminal
                pytest_prodstatus.terminal.WAITING_S = 0.2
                """,
            "test_api.py": """
                import itertools
                @api
                def test_slow(eventually, prodstatus_secret):
                    prodstatus_secret("my-hidden-value")
                    look = itertools.count(1)
                    eventually(lambda: f"my-hidden-value {next(look)}", until=lambda v: "4" in v,
                               within="9s", every="1s", what="order 7 of my-hidden-value is paid")
                    time.sleep(0.5)
                """,
        }
    )
    out = project.run_alone("-n", "1").out
    line = r"^waiting for api\.slow: \d+ s, until order 7 of \*+ is paid, at most 9s; the last "
    assert re.search(rf"{line}value was '\*+ \d'$", out, re.MULTILINE)
    assert re.search(r"^waiting for api\.slow: \d+ s$", out, re.MULTILINE), "it no longer waits"
    assert "my-hidden-value" not in out


def test_the_run_s_time_ends_a_wait(project: Project) -> None:
    """A wait isn't longer than the run may take, also one in a thread, which no signal reaches."""
    test = """
    from concurrent.futures import ThreadPoolExecutor
    @api
    def test_thread(eventually):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(
                eventually, lambda: [], within="50s", every="1s", what="it is paid"
            ).result()
    """
    project.write({"test_api.py": test, "test_shop.py": ""})
    ran = project.run_alone("--prodstatus-within=3s")
    assert ran.verdicts["api.thread"] == "BLOCKED timeout"
    assert "production status" in ran.out, "the process ended by itself, since the thread did"


@pytest.mark.skipif(find_spec("freezegun") is None, reason="not installed")
def test_a_frozen_clock_does_not_stop_a_wait(project: Project) -> None:
    """Neither its pauses nor its end depend on the time that a test has stopped."""
    project.write(
        {
            "pyproject.toml": CONFIG,
            "test_api.py": """
            import asyncio, datetime
            from freezegun import freeze_time
            PART = datetime.timedelta(milliseconds=50)
            S = {"within": 4 * PART, "every": PART, "what": "it is paid"}
            async def nothing(): return []

            @api
            @freeze_time("2012-01-01")
            def test_frozen(eventually): eventually(lambda: [], **S)

            @api
            @freeze_time("2012-01-01")
            def test_frozen_async(eventually):
                async def main(): await eventually(nothing, **S)
                asyncio.run(main())

            @api
            def test_no_sleep(eventually, monkeypatch):
                monkeypatch.setattr(time, "sleep", lambda _: 1 / 0)
                eventually(lambda: [], **S)
            """,
            "test_shop.py": SHOP,
        }
    )
    ran = project.run_alone("--prodstatus-within=30s")
    names = ("api.frozen", "api.frozen-async", "api.no-sleep")
    assert {ran.verdicts[name] for name in names} == {"BLOCKED pending"}


def test_a_plain_test_may_wait_too(project: Project) -> None:
    """A test that isn't a criterion can use it, and fails if an argument can't be used."""
    project.write(
        {
            "test_a.py": """
            def test_a(eventually): assert eventually(lambda: 7, within="1s", what="it is 7") == 7
            def test_b(eventually): eventually(lambda: 7, within=1, what="it is 7")
            """
        }
    )
    ran = project.run()
    assert "1 failed, 1 passed" in ran.out
    assert "ValueError: eventually(within=1): write a whole number of " in ran.out
