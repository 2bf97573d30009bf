"""Which assertions prove something, and which can't be false."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.assertions import (
    always_true_text,
    survey,
)
from pytest_prodstatus.model.catalogue import Catalogue, Stage
from pytest_prodstatus.model.codec import read_record, write_record
from pytest_prodstatus.model.criterion_status import (
    RunData,
    carried,
    criterion_statuses,
)
from pytest_prodstatus.model.gate import decide
from pytest_prodstatus.model.outcome import (
    NO_ASSERTION,
    NOT_COUNTED,
    Observation,
    Phase,
    reduce_phases,
    unproved,
)
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.model.violations import GateQuery
from tests.unit import given
from tests.unit.given import NOW, B, C, F, catalogue, criterion, observation, stage, status

ALWAYS = """
(1 == 2, "message")
"not found"
1
f"{x} is not found"
[x]
{"a": x}
(row for row in rows)
lambda: x
x == x
order.paid == order.paid
rows[0] is rows[0]
total <= total
x or True
True or x
True
not None
not ()
not x != x
1 == 1
1 < 2 < 3
not x < 2 < 1
"a" in "abc"
"z" not in "abc"
None is None
len(rows) >= 0
0 <= len(rows)
len(rows) > -1
isinstance(x, object)
bool(1)
1 if x else 1
(y := 1)
True and 1
x == x == x
not (x and 0)
not (0 and x)
not (0 or [])
not not x == x
not 1 > 2
1 if True else x
x if 0 else 1
x in [x]
order.id in (7, order.id)
x is not []
{} is not x
not x is [1]
all([])
all((1, "a"))
any([x, True])
x is None or x is not None
x == y or x != y
x or not x
not x or y or x
""".strip().splitlines()

MAYBE = """
x
x == y
x == 1
order.paid == order.due
next(ids) == next(ids)
x and True
x or y
x or False
[]
[*rows]
{**row}
f"{x}"
""
len(rows) > 0
len(rows) >= 1
not x
not (x or y)
x if True else 0
x if y else 1
x in [y]
x in [*x]
next(x) in [next(x)]
x is not ()
x is not y
all([x])
all([*x])
any([])
any([x])
any([*x])
x is None or y is not None
x == 1 or x != 2
next(x) is y or next(x) is not y
x == next(y) or x != next(y)
next(x) or not next(x)
not x or y
not x == [x]
x < y or x >= y
x is None and x is not None
isinstance(x, str)
x if y else True
x if x == x else 1
1 if x else y
all(row for row in rows)
x is True
x != x
1 == 2
0
approx(x) == x
rows[0] == rows[1]
not 1
not (x and y)
not (0 or x)
not not x
not 1 < 2
x >= 0
x > -1
0 <= x
-1 < x
1 < 2 < x
"a" not in "abc"
count(rows) >= 0
total.size() >= 0
len(rows) == -1
len(rows) < 0
-1 == len(rows)
0 > len(rows)
(
""".strip().splitlines()


@pytest.mark.parametrize("source", ALWAYS)
def test_an_assertion_that_cannot_be_false_is_found(source: str) -> None:
    """A tuple, a constant, a thing compared with itself, `or True`, and their neighbours."""
    assert always_true_text(source)


@pytest.mark.parametrize("source", MAYBE)
def test_an_assertion_that_can_be_false_is_left_alone(source: str) -> None:
    """Two calls may differ, a list may be empty, and what is always false never passes."""
    assert not always_true_text(source)


FILE = b"""
import pytest
from shop import orders

def is_open(): return False
@pytest.fixture
def parcels(): return []

def test_function():
    assert is_open
def test_fixture(parcels):
    assert parcels
def test_variable():
    is_open = orders()
    assert is_open
def test_inner():
    def check(): return False
    assert check
@pytest.mark.stage("shop")
async def test_unittest(self):
    self.assertEqual(self.total, self.total)
def test_held(evidence):
    evidence.held("it is open", True)
def test_both():
    assert orders()
    assert (orders(), "no orders")
def test_status(answer):
    answer.raise_for_status()
def test_fails():
    if not orders(): pytest.fail("no orders")
def test_nothing():
    orders()
class TestShop:
    def test_method(self):
        self.assertTrue(orders())
        self.assertIn(1, orders())
"""


def test_each_function_of_a_file_is_surveyed() -> None:
    """By its first line: what is always true in it, how much it asserts, and what it calls."""
    found = survey(FILE)
    lines = FILE.decode().splitlines()
    by_name = {
        next(text for text in lines[line - 1 :] if "def " in text).split("def ")[1].split("(")[0]: f
        for line, f in found.functions.items()
    }
    assert found.asserts
    vacuous = {name: f.vacuous.text for name, f in by_name.items() if f.vacuous}
    assert vacuous == {
        "test_function": "its assertion in line 10 is always true: is_open",
        "test_inner": "its assertion in line 18 is always true: check",
        "test_unittest": "its assertion in line 21 compares a thing with itself: "
        "self.total == self.total",
        "test_held": "its assertion in line 23 is always true: True",
        "test_both": "its assertion in line 26 is always true: (orders(), 'no orders')",
    }
    both = by_name["test_both"].vacuous
    assert both is not None
    assert both.remedy is not None
    assert "parentheses" in both.remedy
    assert all(f.vacuous.is_about_test for f in by_name.values() if f.vacuous)
    assert by_name["test_method"].assertions == 2
    assert "assertion did not pass" in by_name["test_fixture"].reason.text
    assert "none of its 2 assertions" in by_name["test_method"].reason.text
    assert "raise_for_status" in by_name["test_status"].reason.text
    assert "answered(response)" in (by_name["test_status"].reason.remedy or "")
    assert "pytest.fail()" in by_name["test_fails"].reason.text
    assert by_name["test_nothing"].reason == NO_ASSERTION


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("total <= total", "compares a thing with itself"),
        ("not total < total", "compares a thing with itself"),
        ("1 == 1", "is always true"),
        ("1 <= 2", "is always true"),
        ("not []", "is always true"),
        ("len(total) >= 0", "is always true"),
    ],
)
def test_the_reason_says_what_is_wrong_with_it(condition: str, problem: str) -> None:
    """What a type's own operator gives isn't called always true."""
    (function,) = survey(f"def test_a(total):\n    assert {condition}".encode()).functions.values()
    assert function.vacuous is not None
    assert function.vacuous.text == f"its assertion in line 2 {problem}: {condition}"
    assert function.vacuous.kind is Kind.PROVES_NOTHING


@pytest.mark.parametrize(
    "call",
    [
        "self.assertTrue(1)",
        "self.assertFalse(0)",
        "self.assertIsNone(None)",
        "self.assertIsNotNone(None)",
        "self.assertEqual(x, x)",
        "self.assertNotEqual(1, 2)",
        "evidence.held('it is so', [x])",
        "eventually(look, until=lambda x: x == x)",
        "eventually(lambda: True)",
    ],
)
def test_what_asserts_without_the_statement_is_surveyed_like_one(call: str) -> None:
    """The methods of unittest, `held`, and `eventually` with what it waits for."""
    (function,) = survey(f"def test_a(x, self):\n    {call}".encode()).functions.values()
    assert function.assertions == 1
    assert (function.vacuous is None) == ("assertIsNotNone" in call)


@pytest.mark.parametrize(
    ("call", "assertions"),
    [
        ("eventually(look, until=lambda x: x, otherwise='last')", 0),
        ("eventually(look, until=lambda x: x, otherwise='failed')", 1),
        ("eventually(look, until=lambda x: x, otherwise=how)", 1),
        ("eventually(look, until=is_open)", 1),
        ("self.assertRaises(ValueError)", 0),
        ("self.assertTrue()", 0),
        ("maker()(1)", 0),
    ],
)
def test_a_call_that_asserts_nothing_is_no_assertion(call: str, assertions: int) -> None:
    """`eventually(…, otherwise="last")` only returns what it saw last."""
    (function,) = survey(f"def test_a(x, self):\n    {call}".encode()).functions.values()
    assert function.assertions == assertions


def test_a_decorator_may_make_anything_of_a_function() -> None:
    """Also what is false; an undecorated function is always true."""
    source = b"@cached\ndef is_open(): ...\ndef is_shut(): ...\n"
    plain = survey(source + b"def test_a(): assert is_shut").functions
    decorated = survey(source + b"def test_a(): assert is_open").functions
    assert [bool(one.vacuous) for one in plain.values()] == [False, False, True]
    assert not any(one.vacuous for one in decorated.values())


CALLS = b"""
def test_a(): b()
def b(): c(); test_a()
def c(): assert 1 == one()
def d(): assert 2 == two()
def answers(r): r.raise_for_status()
"""
NAMED = b"def test_a(): return b\ndef b(): pass\n"


def test_what_a_function_may_run_is_reached_through_others() -> None:
    """By the names that it calls, each once; what no one calls is not reached."""
    found = survey(CALLS).reached(["test_a"])
    assert sorted(one.name for one in found) == ["b", "c", "test_a"]
    assert [one.name for one in survey(NAMED).reached(["test_a"])] == ["test_a"]


def test_a_source_explains_why_nothing_passed_if_it_shows_an_assertion() -> None:
    """Or a check of the status that is no assertion."""
    explains = {one.name: one.explains for one in survey(CALLS).functions.values()}
    assert explains == {"test_a": False, "b": False, "c": True, "d": True, "answers": True}


def test_some_methods_run_although_no_one_names_them() -> None:
    """A class is made, entered and called by its own name alone."""
    source = b"class A:\n  def __init__(self): b()\n  def other(self): pass\ndef b(): pass\n"
    assert sorted(one.name for one in survey(source).reached(["A"])) == ["__init__", "b"]


def test_a_function_begins_with_its_first_decorator() -> None:
    """As its code does, by which it is found."""
    assert list(survey(b"\n@a\n@b\ndef f(): pass\ndef g(): pass\n").functions) == [2, 5]


TWICE = """
def test_a(): assert x
@api
def test_a(): assert x
class TestB:
    def test_c(self): assert x
    async def test_c(self): assert x
class TestD:
    def test_e(self): assert x
class TestD:
    def test_f(self): assert x
def describe_g():
    def test_h(): assert x
    def test_h(): assert x
"""
ONCE = """
if x:
    def test_a(): assert x
else:
    def test_a(): assert x
try:
    def test_b(): assert x
except ImportError:
    pass
def test_b(): assert x
def test_c(): assert x
if x:
    def test_c(): assert x
@overload
def test_d(x): ...
@typing.overload
def test_d(x): ...
def test_d(x): assert x
def test_e(): assert x
test_other = test_e
def test_e(): assert x
class TestF:
    def test_a(self): assert x
    @property
    def test_g(self): return x
    @test_g.setter
    def test_g(self, value): assert x
class TestF(TestF):
    def test_b(self): assert x
def test_h(): assert x
del test_h
def test_h(): assert x
@dispatch.register(int)
def _(x): ...
@dispatch.register(str)
def _(x): ...
def test_i(): assert x
def helper(run=test_i): ...
def test_i(): assert x
"""


def test_a_function_that_hides_an_earlier_one_proves_nothing() -> None:
    """The earlier one never runs, and might fail. The tests of a class may be hidden as well."""
    functions = survey(TWICE.encode()).functions
    found = {line: one.vacuous for line, one in functions.items() if one.vacuous}
    hiding = {line: one.text for line, one in found.items()}
    text = "another {} in line {} of its file never runs, since this one has its name"
    assert hiding == {
        3: text.format("test_a", 2),
        7: text.format("test_c", 6),
        11: text.format("TestD", 8),
        14: text.format("test_h", 13),
    }
    assert {one.kind for one in found.values()} == {Kind.PROVES_NOTHING}


def test_a_name_may_be_defined_again_on_purpose() -> None:
    """Under a condition, as an overload or property, or if the name is used in between."""
    functions = survey(ONCE.encode()).functions.values()
    assert [one.vacuous for one in functions if one.vacuous] == []


@pytest.mark.parametrize("name", ["len", "print", "str"])
def test_a_function_of_python_alone_is_always_true(name: str) -> None:
    """It was to be called; a file, or an argument, may give its name to something else."""
    source = f"def test_a(x):\n    assert {name}\n"
    others = [
        f"{name} = x\n{source}",
        f"from x import {name}\n{source}",
        f"from x import *\n{source}",
        source.replace("(x)", f"({name})"),
    ]
    (function,) = survey(source.encode()).functions.values()
    assert function.vacuous is not None
    for other in others:
        (function,) = survey(other.encode()).functions.values()
        assert function.vacuous is None, other


@pytest.mark.parametrize(
    "binding",
    [
        "import x as any",
        "import any.x",
        "@made\ndef any(): pass",
        "@made\nasync def any(): pass",
        "@made\nclass any: pass",
        "try: x\nexcept OSError as any: pass",
        "match x:\n  case any: pass",
        "match x:\n  case [*any]: pass",
        "match x:\n  case {**any}: pass",
        "for any in x: pass",
        "lambda any: x",
    ],
)
def test_what_gives_a_name_of_python_to_something_else(binding: str) -> None:
    """Then it isn't known what an assertion of that name is about."""
    functions = survey(f"{binding}\ndef test_a(): assert any\n".encode()).functions
    assert [one.vacuous for one in functions.values() if one.vacuous] == []


def test_a_name_of_python_may_be_no_function() -> None:
    """As `__doc__`, which each module has for itself."""
    (function,) = survey(b"def test_a(): assert __doc__\n").functions.values()
    assert function.vacuous is None


def test_a_raise_is_noted() -> None:
    """A test that raises by itself can fail without an assertion."""
    functions = survey(b"def test_a(x):\n    raise x\ndef test_b(x):\n    x\n").functions
    assert [one.raises for one in functions.values()] == [True, False]
    assert not survey(b"x = 1").asserts


@pytest.mark.parametrize("source", [b"", b"def (", b"\x00", b"\xff\xfe"])
def test_what_is_not_python_has_no_assertions(source: bytes) -> None:
    """It is pytest that reports the error."""
    assert survey(source).functions == {}


ALWAYS_TRUE = Reason(text="its assertion is always true", kind=Kind.PROVES_NOTHING)
UNSEEN = Reason(text="its helper is not rewritten", kind=Kind.NO_ASSERTION)


@pytest.mark.parametrize(
    ("assertions", "doubt", "why"),
    [
        (1, None, None),
        (0, None, NO_ASSERTION),
        (None, None, NOT_COUNTED),
        (0, UNSEEN, UNSEEN),
        (2, UNSEEN, None),
        (2, ALWAYS_TRUE, ALWAYS_TRUE),
        (0, ALWAYS_TRUE, ALWAYS_TRUE),
    ],
)
def test_why_a_pass_proves_nothing(
    assertions: int | None, doubt: Reason | None, why: Reason | None
) -> None:
    """One assertion that passed and can fail is enough; what is unknown is no proof."""
    assert unproved(assertions, doubt) == why


def test_no_assertion_isn_t_the_same_as_none_counted() -> None:
    """What an earlier run didn't count may have been there, so a person isn't told to write it."""
    assert (NO_ASSERTION.kind, NOT_COUNTED.kind) == (Kind.NO_ASSERTION, Kind.INCONCLUSIVE)
    assert not NOT_COUNTED.is_about_test


def passed(assertions: int, **more: object) -> tuple[Phase, ...]:
    """Return the phases of an attempt that passed."""
    return tuple(
        Phase(
            when=when,
            outcome="passed",
            assertions=assertions if when == "call" else 0,
            **more,  # type: ignore[arg-type]
        )
        for when in ("setup", "call", "teardown")
    )


def test_the_last_attempt_is_counted() -> None:
    """What a rerun superseded proves nothing; on several workers each must prove something."""
    rerun = (
        Phase(when="setup", outcome="passed"),
        Phase(when="call", outcome="rerun", assertions=3),
    )
    assert reduce_phases([*rerun, *passed(0)]).assertions == 0
    assert reduce_phases([*rerun, *passed(2)]).assertions == 2
    assert reduce_phases([*passed(1, worker="gw0"), *passed(0, worker="gw1")]).assertions == 0


STRICT = catalogue(stage("api", require_assertion=True), stage("shop"))


def judged(seen: Observation, *, stages: Catalogue = STRICT, **more: object) -> CriterionStatus:
    """Return the status of the criterion `api.a` or another."""
    name = str(more.pop("name", "api.a"))
    own = criterion(name, **more)
    run_data = RunData(catalogue=stages, collected=[own], selected={own.id}, observe=lambda _: seen)
    return criterion_statuses(run_data, given.run(), NOW)[0]


def test_a_pass_without_an_assertion_is_blocked() -> None:
    """The record says how many passed, and what exempts a criterion from the rule."""
    assert judged(observation(assertions=2)).verdict is C
    assert judged(observation(assertions=2)).assertions == 2
    blocked = judged(observation(assertions=0, doubt=UNSEEN))
    assert (blocked.verdict, blocked.observed, blocked.reason) == (B, B, UNSEEN)
    failed = judged(observation(F, assertions=0))
    assert (failed.verdict, failed.kind) == (F, Kind.OBSERVED)
    marked = judged(observation(assertions=0), exempt=True)
    assert (marked.verdict, marked.assertions, marked.exempt) == (C, None, "mark")
    other = judged(observation(assertions=0), name="shop.a")
    assert (other.verdict, other.assertions, other.exempt) == (C, None, "stage")


def test_a_project_that_requires_nothing_gets_the_plain_mapping() -> None:
    """A pass is CONFIRMED, and nothing is said about assertions."""
    plain = judged(observation(assertions=0, doubt=ALWAYS_TRUE), stages=catalogue("api"))
    assert (plain.verdict, plain.assertions, plain.exempt) == (C, None, None)


@pytest.mark.parametrize(
    ("assertions", "exempt", "verdict"),
    [(1, None, C), (0, None, B), (None, None, B), (None, "stage", B), (None, "mark", C)],
)
def test_the_rule_is_applied_to_what_an_earlier_run_confirmed(
    assertions: int | None, exempt: object, verdict: object
) -> None:
    """By a run that carries it over, and by the gate, also if the rule is newer than the record."""
    record = given.record(catalogue("api"), {"api.a": C})
    release = record.run.subject.release
    old = status("api.a", assertions=assertions, exempt=exempt, subject=release)
    own = STRICT.by_id["api"]
    assert carried(old, own, NOW, None, require_evidence=False).verdict is verdict
    plain = replace(own, require_assertion=False)
    assert carried(old, plain, NOW, None, require_evidence=False).verdict is C
    record = replace(record, stages=(replace(record.stages[0], criteria=(old,)),))
    strict = catalogue(stage("api", require_assertion=True))
    decision = decide(record, strict, GateQuery(target=record.run.target), NOW)
    assert decision.verdict is verdict
    if assertions is None and verdict is B:
        assert any("run it again" in text for text in decision.reasons)


def test_the_rule_changes_the_digest_of_the_catalogue() -> None:
    """Workers and shards must agree on it; without it the digest is what it was."""
    assert catalogue("api").digest != catalogue(stage("api", require_assertion=True)).digest
    assert catalogue("api").digest == catalogue(stage("api", require_assertion=False)).digest


def test_stages_that_only_tests_name_have_the_rule_of_the_project() -> None:
    """Without a declared stage, there is no other place for it."""
    stages = Catalogue(declared=False, require_assertion=True)
    assert stages.requires_assertion(criterion("api.a"))
    assert stages.with_stages_of([criterion("api.a")]).by_id["api"].require_assertion
    assert not Stage(id="api", title="API").require_assertion


def test_the_record_keeps_the_count() -> None:
    """Written and read again, it is the same."""
    record = given.record(STRICT, {"api.a": observation(assertions=3), "shop.a": C})
    assert [s.assertions for s in record.criteria] == [3, None]
    assert read_record(write_record(record), "status.json") == record
