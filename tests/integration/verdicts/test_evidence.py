"""Evidence and text cross processes complete, typed, bounded and harmless."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.integration.project import SERIAL, SHOP, XDIST, Project, Ran, plain

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])

ALLOWED = """
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from collections import OrderedDict
from enum import Enum, IntEnum

class Text(str): pass
class Number(IntEnum):
    ONE = 1

@api
def test_allowed(evidence):
    evidence(
        text="paid", empty="", number=7, big=10**39, negative=-1, yes=True, no=False,
        money=Money(Decimal("9.90"), "USD"), tiny=Money("1E-9", "EUR"),
        at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone(timedelta(hours=2))),
        many=["a", 1, True], pair=(1, 2), nothing=[],
        flat={"a": 1, "b": "x", "c": Money("1", "USD")}, ordered=OrderedDict(a=1),
        sub=Text("sub"), one=Number.ONE, ratio=0.1, whole=2.0, missing=None,
        took=timedelta(minutes=1, milliseconds=250),
        nested={"order": {"id": 7, "lines": [{"at": datetime(2026, 1, 2, tzinfo=timezone.utc)}]}},
    )
    evidence(later=1)
"""
TYPED = {
    "text": {"type": "text", "value": "paid"},
    "empty": {"type": "text", "value": ""},
    "number": {"type": "int", "value": 7},
    "big": {"type": "int", "value": 10**39},
    "negative": {"type": "int", "value": -1},
    "yes": {"type": "bool", "value": True},
    "no": {"type": "bool", "value": False},
    "money": {"type": "money", "value": "9.90", "currency": "USD"},
    "tiny": {"type": "money", "value": "0.000000001", "currency": "EUR"},
    "at": {"type": "time", "value": "2026-01-02T01:04:05.678Z"},
    "many": {
        "type": "list",
        "value": [
            {"type": "text", "value": "a"},
            {"type": "int", "value": 1},
            {"type": "bool", "value": True},
        ],
    },
    "pair": {"type": "list", "value": [{"type": "int", "value": 1}, {"type": "int", "value": 2}]},
    "nothing": {"type": "list", "value": []},
    "flat": {
        "type": "map",
        "value": {
            "a": {"type": "int", "value": 1},
            "b": {"type": "text", "value": "x"},
            "c": {"type": "money", "value": "1", "currency": "USD"},
        },
    },
    "ordered": {"type": "map", "value": {"a": {"type": "int", "value": 1}}},
    "sub": {"type": "text", "value": "sub"},
    "one": {"type": "int", "value": 1},
    "ratio": {"type": "float", "value": 0.1},
    "whole": {"type": "float", "value": 2.0},
    "missing": {"type": "none", "value": None},
    "took": {"type": "duration", "value": "PT60.25S"},
    "nested": {
        "type": "map",
        "value": {
            "order": {
                "type": "map",
                "value": {
                    "id": {"type": "int", "value": 7},
                    "lines": {
                        "type": "list",
                        "value": [
                            {
                                "type": "map",
                                "value": {
                                    "at": {"type": "time", "value": "2026-01-02T00:00:00.000Z"}
                                },
                            }
                        ],
                    },
                },
            }
        },
    },
    "later": {"type": "int", "value": 1},
}


def test_a_sentence_is_evidence_without_a_name(project: Project) -> None:
    """It counts as evidence, is redacted and bounded as a text, and must have words."""
    test = """
        @api
        def test_said(evidence):
            evidence.say("the store's own token,\\nvalid for more than an hour")
        @api
        def test_empty(evidence):
            evidence.say(" ")
    """
    project.write({"test_api.py": test})
    ran = project.run()
    (entry,) = ran.criteria["api.said"]["evidence"]
    assert (entry["name"], entry["type"]) == ("", "text")
    assert entry["value"].startswith("the store's own token,")
    assert ran.criteria["api.empty"]["reason"] == ("evidence.say(' '): say in words what was seen")


REFUSED = """
import datetime as dt, decimal, enum, pathlib
class Colour(enum.Enum):
    RED = 1
VALUES = {
    "nan": float("nan"), "complex": 1j, "bytes": b"x", "decimal": decimal.Decimal("1"),
    "naive": dt.datetime(2026, 1, 1), "date": dt.date(2026, 1, 1), "path": pathlib.Path("x"),
    "enum": Colour.RED, "object": object(), "set": {1}, "in-nested": [[1j]], "deep": [[[[[1]]]]],
    "keys": {1: 2}, "huge": 10**40, "in-list": [1j], "generator": (n for n in [1]),
}
@api
@pytest.mark.parametrize("name", sorted(VALUES))
def test_refused(name, evidence):
    evidence(kept=1)
    evidence(fine="x", value=VALUES[name])
"""


@MODES
def test_every_allowed_type_arrives_as_it_was(project: Project, mode: tuple[str, ...]) -> None:
    """Values keep their type and exact content, from whichever process they come."""
    project.write({"test_api.py": ALLOWED, "test_shop.py": SHOP})
    ran = project.run(*mode)
    assert ran.values("api.allowed") == TYPED
    assert ran.status == 0
    for entry in ran.criteria["api.allowed"]["evidence"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["at"])


@MODES
def test_every_other_type_is_refused_at_the_call(project: Project, mode: tuple[str, ...]) -> None:
    """The call fails and names the value; nothing of that call is kept."""
    project.write({"test_api.py": REFUSED, "test_shop.py": SHOP})
    ran = project.run(*mode)
    refused = {name: c for name, c in ran.criteria.items() if name.startswith("api.refused")}
    assert len(refused) == 16
    for name, criterion in refused.items():
        assert (criterion["verdict"], criterion["kind"]) == ("BLOCKED", "evidence-error")
        assert "evidence 'value'" in criterion["reason"]
        assert ran.values(name) == {"kept": {"type": "int", "value": 1}}
    assert "allowed are text, int, float" in ran.criteria["api.refused[complex]"]["reason"]
    assert ran.status == 10
    assert "= FAILURES =" not in ran.out, "the board alone says it"
    assert "= ERRORS =" not in ran.out


@MODES
def test_evidence_of_every_phase_is_kept_in_order(project: Project, mode: tuple[str, ...]) -> None:
    """What set-up, call and tear-down recorded is kept in the order of time."""
    test = """
    @pytest.fixture
    def store(evidence):
        evidence(first=1)
        yield
        evidence(third=3)
    @api
    def test_a(store, evidence): evidence(second=2)
    @api
    def test_b(store, evidence):
        evidence(second=2)
        assert 0
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*mode)
    for name in ("api.a", "api.b"):
        assert list(ran.values(name)) == ["first", "second", "third"]


HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
    "markdown": "**CONFIRMED** [x](http://evil.example) `code` | a | ~~b~~ ![i](http://e.example)",
    "field": "x\n**API STATUS:** **CONFIRMED** (all is well)\n",
    "ansi": "\x1b[2J\x1b[31mred\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "nul": "a\x00b",
    "surrogate": "lone \ud800 and \udfff",
    "direction": "abc\u202edcba\u2066x\u2069",
    "emoji": "👩‍👩‍👧 ok",
    "newlines": "one\r\ntwo\u2028three\x85four\x0bfive",
    "json": '"}], "final": {"verdict": "CONFIRMED"',
    "fence": "```\n~~~\n<!-- ",
}
USES = {
    "evidence": "evidence(value=TEXT)\n    assert 0",
    "evidence name": "evidence(**{TEXT: 1})\n    assert 0",
    "assertion": "assert 0, TEXT",
    "comparison": "assert TEXT == 'other'",
    "exception": "raise RuntimeError(TEXT)",
    "skip": "pytest.skip(TEXT)",
    "blocked": "blocked(TEXT, kind='no-data', remedy=TEXT)",
    "xfail": "pytest.xfail(TEXT)",
    "print": "print(TEXT)\n    assert 0",
}
LONG = ("evidence", "assertion", "blocked")
"""Also from sources that give ten megabytes."""


def hostile_suite() -> str:
    """Return a criterion for every hostile text and every place that a text can come from."""
    lines = [f"TEXTS = {json.dumps(HOSTILE)}", "TEXTS['long'] = 'x' * 10_000_000"]
    for use, code in USES.items():
        name = use.replace(" ", "_")
        names = "list(TEXTS)" if use in LONG else "list(TEXTS)[:-1]"
        lines += [
            "@api",
            f"@pytest.mark.parametrize('name', {names})",
            f"def test_{name}(name, evidence):",
            "    TEXT = TEXTS[name]",
            f"    {code}",
        ]
    return "\n".join(lines) + "\n"


@MODES
def test_no_text_loses_the_run_or_forges_an_output(project: Project, mode: tuple[str, ...]) -> None:
    """With hostile text from anywhere, each criterion has its verdict and outputs are complete."""
    project.write({"test_api.py": hostile_suite(), "test_shop.py": SHOP})
    ran = project.run(*mode, "--tb=no")
    assert ran.status == 1
    ran.check_coherent()
    assert ran.record["run"]["incidents"] == []
    assert len(ran.criteria) == len(USES) * len(HOSTILE) + len(LONG) + 1
    for name, verdict in ran.verdicts.items():
        use = name.removeprefix("api.").partition("[")[0].replace("-", " ")
        wanted = {
            "skip": "BLOCKED skipped",
            "blocked": "BLOCKED no-data",
            "exception": "FAILED error",
        }
        if use == "xfail":
            assert verdict == "FAILED known-failure"
        elif name != "shop.open":
            assert verdict == wanted.get(use, "FAILED observed"), name
    check_harmless(ran)
    big = ran.criteria["api.evidence[long]"]["evidence"][0]["value"]
    assert len(big) < 3_000
    # Of a longer text, the first and the last half million are searched for secrets, and kept.
    assert "cut from 1,000,000 characters" in big
    assert len(json.dumps(ran.record)) < 1_000_000


HOSTILE_TITLES = """
import pytest

def made(text):
    def test(): assert 1 > 2
    test.__doc__ = text
    return pytest.mark.stage("api")(test)

globals().update((f"test_{name.replace(' ', '_')}", made(text)) for name, text in TEXTS.items())
"""


@MODES
def test_a_title_is_one_line(project: Project, mode: tuple[str, ...]) -> None:
    """A criterion's title is one line for every docstring."""
    titles = f"TEXTS = {json.dumps(HOSTILE)}\n{HOSTILE_TITLES}"
    project.write({"test_api.py": titles, "test_shop.py": SHOP})
    ran = project.run(*mode)
    assert ran.status == 1
    assert len(ran.criteria) == len(HOSTILE) + 1
    check_harmless(ran)
    for criterion in ran.criteria.values():
        assert len(criterion["title"].splitlines()) == 1


def check_harmless(ran: Ran) -> None:
    """Assert that no output has an active part or a control character, or a forged line."""
    assert ran.document is not None
    assert ran.page is not None
    board = plain(ran.out[ran.out.index("production status:") :])
    for text in (board, ran.document, ran.page, json.dumps(ran.record, ensure_ascii=False)):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        text.encode("utf-8")
    assert "<script>alert" not in ran.page
    assert "onerror=alert(1)>" not in ran.page
    fields = [line for line in ran.document.splitlines() if line.startswith("**API STATUS:**")]
    assert len(fields) == 1
    assert fields[0].startswith("**API STATUS:** **FAILED** (")
    assert "](http" not in ran.document.replace("\\](", "")


@MODES
@pytest.mark.parametrize("verbosity", [(), ("-vv", "-rA")], ids=["plain", "verbose"])
def test_lone_surrogates_do_not_lose_the_run(
    project: Project, mode: tuple[str, ...], verbosity: tuple[str, ...]
) -> None:
    """A lone surrogate in a message reaches the controller and the terminal as its escape."""
    test = r"""
    @api
    def test_a(evidence):
        evidence(value="\ud800")
        print("captured \ud800")
        assert 0, "message \ud800"
    @api
    @pytest.mark.parametrize("x", ["\ud800"])
    def test_b(x): pass
    # Python 3.13.0 compiles no docstring that holds one.
    test_b.__doc__ = "A title with \ud800."
    @api
    def test_c(record_property):
        record_property("x", "\ud800")
    @api
    def test_e():
        import warnings
        warnings.warn("warned of \ud800")
    @api
    def test_d():
        blocked("\ud800", remedy="\ud800")
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run_alone(*mode, *verbosity) if mode else project.run_alone(*verbosity)
    assert ran.status == 1
    assert ran.record["run"]["incidents"] == []
    assert ran.verdicts["api.a"] == "FAILED observed"
    assert "\\ud800" in ran.criteria["api.a"]["reason"]
    assert ran.verdicts["shop.open"] == "CONFIRMED"
    assert ran.verdicts["api.c"] == "CONFIRMED"
    assert ran.verdicts["api.e"] == "CONFIRMED"
    assert ran.verdicts["api.d"] == "BLOCKED inconclusive"


MISUSED = {
    "evidence(5)": "evidence(5): name each value; write evidence(count=3)",
    "evidence.held()": "evidence.held(…): it needs what; write evidence.held(",
    "evidence.held('it is', cond=1)": "evidence.held(cond=1): its arguments are what, condition",
    "evidence.held(' ')": "evidence.held(' '): say in words what holds",
    "evidence.held('\u200b')": "evidence.held('\\u200b'): say in words what holds",
    "evidence.held('it is', len)": "<built-in function len>): a function, generator or coroutine",
    "evidence.held('it is', (n for n in []))": "a function, generator or coroutine is always true",
    "evidence.held('it is', filter(None, []))": "a function, generator or coroutine is always",
    "evidence.held('it is', iter([]))": "a function, generator or coroutine is always true",
    "evidence.held('it is', NotImplemented)": "evidence.held('it is', NotImplemented): a function",
    "evidence.attach('a.txt')": "evidence.attach(…): it needs data; write evidence.attach(",
    "evidence.attach('a.txt', 'x', 'y')": "evidence.attach(…): it takes fewer arguments without",
    "evidence.say(10**5000)": "say in words what was seen",
    "evidence.remedy()": "evidence.remedy(…): it needs text",
    "evidence.remedy(None)": "evidence.remedy(None): say in words what a person can do",
    "evidence.remedy(Odd())": "evidence.remedy(<Odd instance",
}
"""Wrong calls of `evidence`, and how the sentence about each begins."""
MISUSED_ELSE = {
    "prodstatus_seen_at('yesterday')": "prodstatus_seen_at('yesterday'): give an aware datetime",
    "prodstatus_seen_at()": "prodstatus_seen_at(…): it needs at",
    "prodstatus_seen_at(FIRST)": "prodstatus_seen_at(datetime.datetime(1, 1, 1",
    "prodstatus_snapshot('database', FIRST)": "prodstatus_snapshot(at=datetime.datetime(1, 1, 1",
    "prodstatus_snapshot('database', UNKNOWN)": "give an aware datetime",
    "prodstatus_snapshot(None, FIRST)": "prodstatus_snapshot(name=None): give a text",
    "prodstatus_snapshot('database', None)": "prodstatus_snapshot(at=None): give an aware",
    "prodstatus_snapshot('database', LAST)": "an aware datetime of the years 1 to 9999 in UTC",
    "prodstatus_endpoint('api', 5)": "prodstatus_endpoint(url=5): give a URL",
    "prodstatus_endpoint(None, 'http://api.example')": "prodstatus_endpoint(name=None): give a",
    "prodstatus_endpoint('api', 'http://[::1')": "prodstatus_endpoint('api', …): its url is none",
    "prodstatus_endpoint('api', 'http://me:pass/word@host')": "prodstatus_endpoint('api', …)",
    "prodstatus_secret(None)": "prodstatus_secret(…): give the secret as text, not as NoneType",
    "prodstatus_secret(b'token')": "prodstatus_secret(…): give the secret as text, not as bytes",
    "prodstatus_secret()": "prodstatus_secret(…): it needs value",
    "prodstatus_waiting(Odd(), budget=1)": "prodstatus_waiting(<Odd instance",
    "prodstatus_waiting('it', budget=10**5000)": "give a positive number of seconds",
    "eventually(len, what='it is', within='1s', otherwise=Odd())": "eventually(otherwise=<Odd",
    "prodstatus_waiting('it', budget='1m')": "prodstatus_waiting(budget='1m'): give a positive",
    "prodstatus_waiting('it', 5)": "prodstatus_waiting(…): it needs budget",
    "blocked('no orders', kind='no_data')": "no orders; blocked(kind='no_data'): the kind must be",
    "blocked('no orders', kind=[])": "no orders; blocked(kind=[]): the kind must be one of",
    "blocked('no orders', remedy=3)": "no orders; blocked(remedy=3): give a text, or leave it out",
    "blocked(None)": "blocked(reason=None): give one sentence that says what could not be seen",
    "blocked()": "blocked(reason=''): give one sentence that says what could not be seen",
    "blocked('slow', 'timeout')": "slow; blocked(…, 'timeout'): name kind and remedy",
    "blocked('slow', why='x')": "slow; blocked(why=…): it takes a reason, kind and remedy",
    "blocked(Odd())": "blocked(reason=<Odd instance",
}
"""Wrong calls of other fixtures, and of `blocked`."""


@pytest.mark.parametrize("swallowed", [False, True], ids=["raised", "swallowed"])
def test_a_wrong_call_of_a_fixture_is_blocked(project: Project, *, swallowed: bool) -> None:
    """It says nothing of the system: the reason names the argument, the value and the rule."""
    calls = MISUSED | MISUSED_ELSE
    lines = [
        "import contextlib",
        "from datetime import datetime, timedelta, timezone, tzinfo",
        "FIRST = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))",
        "LAST = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))",
        "class Odd:",
        "    def __repr__(self): raise KeyError('odd')",
        "    def __eq__(self, other): raise KeyError('odd')",
        "class Nowhere(tzinfo):",
        "    def utcoffset(self, at): raise KeyError('nowhere')",
        "UNKNOWN = FIRST.replace(tzinfo=Nowhere())",
        f"CALLS = {list(calls)}",
        "@api",
        "@pytest.mark.parametrize('call', CALLS, ids=range(len(CALLS)))",
        "def test_a(call, evidence, prodstatus_seen_at, prodstatus_snapshot,",
        "           prodstatus_endpoint, prodstatus_waiting, prodstatus_secret, eventually):",
        f"    with contextlib.suppress({'BaseException' if swallowed else ''}):",
        "        eval(call, {**globals(), **locals()})",
    ]
    project.write({"test_api.py": "\n".join(lines), "test_shop.py": SHOP})
    ran = project.run()
    for number, (call, words) in enumerate(calls.items()):
        criterion = ran.criteria[f"api.a[{number}]"]
        kind = "evidence-error" if call in MISUSED else "inconclusive"
        assert (criterion["verdict"], criterion["kind"]) == ("BLOCKED", kind), call
        assert criterion["reason"].startswith(words) or words in criterion["reason"], call
        assert criterion["remedy"] == "correct the call"
    assert ran.status == 10


def test_a_method_that_evidence_does_not_have_is_blocked(project: Project) -> None:
    """The reason names those that there are; to ask whether there is one is no call."""
    test = """
    import copy
    @api
    def test_a(evidence): evidence.hold("it is paid", True)
    @api
    def test_b(evidence): assert not hasattr(evidence, "hold") and hasattr(evidence, "held")
    @api
    def test_c(evidence): copy.copy(evidence)(price=1)
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run()
    assert (ran.verdicts["api.a"], ran.status) == ("BLOCKED evidence-error", 10)
    assert ran.criteria["api.a"]["reason"] == "evidence.hold: it has attach, held, remedy and say"
    assert ran.criteria["api.a"]["remedy"] == "correct the call"
    assert (ran.verdicts["api.b"], ran.verdicts["api.c"]) == ("CONFIRMED", "CONFIRMED")


def test_an_error_within_a_call_is_the_test_s_own(project: Project) -> None:
    """A TypeError that a function given to a fixture raises isn't taken for a wrong call."""
    test = """
    @api
    def test_a(eventually): eventually(lambda: len(5), within="1s", what="it is paid")
    @api
    def test_b(evidence):
        with evidence.held("it is paid"): len(5)
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    verdicts = project.run().verdicts
    assert {verdicts["api.a"], verdicts["api.b"]} == {"FAILED error"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions yet")
def test_a_failure_in_a_group_is_the_reason(project: Project) -> None:
    """The report of pytest begins with how many exceptions there are, which says nothing."""
    test = """
    DOWN = AssertionError("the shop is down")
    @pytest.fixture
    def late():
        yield
        raise ExceptionGroup("tasks", [OSError("gone")])
    @api
    def test_a(): raise ExceptionGroup("tasks", [OSError("gone"), ExceptionGroup("more", [DOWN])])
    @api
    def test_b(late): pass
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run()
    assert ran.criteria["api.a"]["reason"] == "the shop is down"
    assert "ExceptionGroup: tasks" in ran.criteria["api.a"]["detail"]
    assert ran.criteria["api.b"]["reason"] == "tear-down failed: OSError: gone"


def test_too_many_entries_are_refused(project: Project) -> None:
    """A criterion records at most 200 values; the call that would exceed this blocks it."""
    test = "@api\ndef test_a(evidence):\n    for n in range(201): evidence(n=n)\n"
    project.write({"test_api.py": test})
    ran = project.run()
    assert ran.verdicts["api.a"] == "BLOCKED evidence-error"
    assert "at most 200" in ran.criteria["api.a"]["reason"]
    assert len(ran.criteria["api.a"]["evidence"]) == 200


def test_endpoints_are_named_without_their_secrets(project: Project) -> None:
    """The record names the hosts that were called, and no password."""
    test = """
    @api
    def test_a(prodstatus_endpoint): prodstatus_endpoint("api", "https://me:secret@h.example:8/x?k=v")
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    for mode in (SERIAL, XDIST):
        ran = project.run(*mode)
        assert ran.record["run"]["subject"]["endpoints"] == {"api": "https://h.example:8"}
        assert "secret" not in json.dumps(ran.record)


def test_snapshots_are_dated(project: Project) -> None:
    """The record has the instants as of which data was read; one without a zone is refused."""
    test = """
    from datetime import datetime, timezone
    @api
    def test_a(prodstatus_snapshot):
        prodstatus_snapshot("database", datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc))
    @api
    def test_b(prodstatus_snapshot): prodstatus_snapshot("database", datetime(2026, 1, 2))
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    for mode in (SERIAL, XDIST):
        ran = project.run(*mode)
        snapshots = ran.record["run"]["subject"]["snapshots"]
        assert snapshots == {"database": ["2026-01-02T03:04:00.000Z"]}
        assert "give an aware datetime" in ran.criteria["api.b"]["reason"]


def test_a_failure_is_recorded_in_full(project: Project) -> None:
    """The record holds what pytest prints of it; a criterion that passed has no such text."""
    project.write({"test_api.py": "@api\ndef test_a():\n    count = 3\n    assert count == 4\n"})
    project.write({"test_shop.py": SHOP})
    for mode in (SERIAL, XDIST):
        ran = project.run(*mode)
        detail = ran.criteria["api.a"]["detail"].splitlines()
        assert ">       assert count == 4" in detail or ">   assert count == 4" in detail
        assert detail[-1].startswith("test_api.py:")
        assert ran.criteria["shop.open"]["detail"] == ""
