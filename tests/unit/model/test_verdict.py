"""Verdicts have an order, reasons have kinds, and the gate's rule gives the exit status."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from msgspec import UNSET, ValidationError, convert

from pytest_prodstatus.model.record import Final
from pytest_prodstatus.model.verdict import (
    BLOCKED_KINDS,
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    EXIT_UNWRITTEN,
    RUNBOOK_LIMIT,
    Kind,
    Reason,
    Rule,
    Verdict,
    because,
    exit_status,
    rollup,
    runbook_problem,
    worse_status,
)
from tests.unit.given import B, C, F, catalogue, each_hostile_text, record


def test_severity_is_confirmed_then_blocked_then_failed() -> None:
    """CONFIRMED < BLOCKED < FAILED holds in every comparison."""
    assert [sorted(p) for p in permutations(Verdict)] == [[C, B, F]] * 6
    assert [v.severity for v in (C, B, F)] == [0, 1, 2]


def test_a_verdict_prints_as_its_word() -> None:
    """A verdict is printed as its word and nothing else."""
    assert [str(v) for v in Verdict] == ["CONFIRMED", "BLOCKED", "FAILED"]


def test_a_verdict_compares_with_nothing_else() -> None:
    """Comparing with a word is an error, never a silent result."""
    with pytest.raises(TypeError):
        _ = C < "FAILED"


@pytest.mark.parametrize("verdicts", list(product(Verdict, repeat=3)))
def test_the_rollup_is_the_worst_in_any_order(verdicts: tuple[Verdict, ...]) -> None:
    """The rollup is the worst of its verdicts, in any order."""
    worst = F if F in verdicts else B if B in verdicts else C
    assert {rollup(p) for p in permutations(verdicts)} == {worst}


def test_the_rollup_of_nothing_is_blocked() -> None:
    """The rollup of nothing is BLOCKED: absence is never success."""
    assert rollup([]) is B


def test_the_rules_are_the_options_values() -> None:
    """The rules are the values that `--prodstatus-gate` takes."""
    assert [rule.value for rule in Rule] == ["confirmed", "not-failed", "off"]


def test_the_kinds_are_those_of_the_contract() -> None:
    """Record and schema contain a kind's word, so the words stay as they are."""
    assert {str(kind) for kind in Kind} - {str(kind) for kind in BLOCKED_KINDS} == {
        "observed", "error", "crash", "known-failure", "skipped", "setup-error", "evidence-error",
        "no-evidence", "no-assertion", "proves-nothing", "collection-error", "not-collected",
        "not-run", "upstream", "stale", "untrusted", "not-applicable",
    }  # fmt: skip
    assert [str(kind) for kind in BLOCKED_KINDS] == [
        "not-armed", "missing-config", "no-data", "provider-unavailable", "timeout", "pending",
        "inconclusive", "unresolved-intent", "not-implemented",
    ]  # fmt: skip


@each_hostile_text
def test_a_reason_is_one_line(text: str) -> None:
    """Reason and remedy are one line each, for any text of a test."""
    reason = Reason(text=text, kind=Kind.OBSERVED, remedy=text)
    assert len(reason.text.splitlines()) == 1
    assert len((reason.remedy or "").splitlines()) == 1
    assert Reason(text=reason.text, kind=Kind.OBSERVED, remedy=reason.remedy) == reason


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_reason_is_never_empty(text: str) -> None:
    """A reason without a text says that none was given."""
    reason = Reason(text=text, kind=Kind.SKIPPED, remedy="")
    assert reason.text == "no reason was given"
    assert reason.remedy is None


ADMITS = {
    (Rule.CONFIRMED, C): True, (Rule.CONFIRMED, B): False, (Rule.CONFIRMED, F): False,
    (Rule.NOT_FAILED, C): True, (Rule.NOT_FAILED, B): True, (Rule.NOT_FAILED, F): False,
    (Rule.OFF, C): True, (Rule.OFF, B): False, (Rule.OFF, F): False,
}  # fmt: skip


@pytest.mark.parametrize(("rule", "verdict"), list(ADMITS))
def test_what_opens_the_gate(rule: Rule, verdict: Verdict) -> None:
    """The rule `off` still states whether the gate would be open."""
    assert rule.admits(verdict) is ADMITS[rule, verdict]
    made = record(catalogue("a"), {"a.x": verdict}, rule=rule).decision
    assert made.open is ADMITS[rule, verdict]
    assert made.rule is rule
    assert bool(made.causes) is (verdict is not C)


def test_the_numbers_are_the_contract_s() -> None:
    """0 is open, 1 FAILED and 10 BLOCKED; a deploy job relies on them."""
    assert (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED) == (0, 1, 10)


@pytest.mark.parametrize(
    ("rule", "verdict", "status"),
    [
        (Rule.CONFIRMED, C, 0), (Rule.CONFIRMED, B, 10), (Rule.CONFIRMED, F, 1),
        (Rule.NOT_FAILED, C, 0), (Rule.NOT_FAILED, B, 0), (Rule.NOT_FAILED, F, 1),
        (Rule.OFF, C, 0), (Rule.OFF, B, 0), (Rule.OFF, F, 0),
    ],
)  # fmt: skip
def test_the_exit_status_if_pytest_s_is_0(rule: Rule, verdict: Verdict, status: int) -> None:
    """Only a 0 is replaced by ours."""
    assert exit_status(rule, verdict, 0) == status


@pytest.mark.parametrize(("rule", "verdict", "status"), list(product(Rule, Verdict, range(1, 8))))
def test_pytest_s_own_status_is_kept(rule: Rule, verdict: Verdict, status: int) -> None:
    """The statuses 1 to 7 belong to pytest and other plugins, and are kept."""
    assert exit_status(rule, verdict, status) == status


@pytest.mark.parametrize("other", range(12))
def test_a_failure_of_another_plugin_is_kept(other: int) -> None:
    """Only a 0 is replaced by the gate's status; without a record 1 and 10 say nothing either."""
    for ours in (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED):
        assert worse_status(ours, other) == (other or ours)
    replaced = other in (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED)
    assert worse_status(EXIT_UNWRITTEN, other) == (EXIT_UNWRITTEN if replaced else other)


PREFIX = "https://a.example/"


@pytest.mark.parametrize(
    ("value", "usable"),
    [
        ("https://a.example/run?b=1#c", True),
        ("http://a.example", True),
        (PREFIX + "x" * (RUNBOOK_LIMIT - len(PREFIX)), True),
        (PREFIX + "x" * (RUNBOOK_LIMIT - len(PREFIX) + 1), False),
        ("https://ann:secret@a.example", False),
        ("https://ann@a.example", False),
        ("https://", False),
        ("https:///runbook", False),
        ("ftp://a.example", False),
        ("javascript:alert(1)", False),
        ("a.example/runbook", False),
        ("https://a.example/a b", False),
        ("https://a.example/\u202egnp", False),
        ("https://[a.example", False),
        (7, False),
        (None, False),
    ],
)
def test_the_address_of_a_runbook(value: object, usable: bool) -> None:
    """It is an http or https URL of a host, of at most 500 characters, with no user in it."""
    assert bool(runbook_problem(value)) is not usable


def test_one_outage_is_one_cause_however_its_messages_differ() -> None:
    """A time-out and an outage are told apart by what to do about them, if that is known."""
    for kind in Kind:
        for remedy in (None, "ask the provider"):
            one, other = (Reason(text=t, kind=kind, remedy=remedy) for t in ("id 1", "id 2"))
            outage = kind in (Kind.TIMEOUT, Kind.PROVIDER_UNAVAILABLE) and remedy is not None
            assert (one.cause == other.cause) is outage, kind
    down = Reason(text="id 1", kind=Kind.TIMEOUT, remedy="wait", owner="Ann")
    assert down.cause != Reason(text="id 1", kind=Kind.TIMEOUT, remedy="wait", owner="Bo").cause


ABOUT_TESTS = {"error", "setup-error", "known-failure", "evidence-error", "no-evidence",
               "no-assertion", "proves-nothing"}  # fmt: skip


@pytest.mark.parametrize("kind", Kind, ids=str)
def test_remedies_that_are_about_a_test(kind: Kind) -> None:
    """They are those of seven kinds, which only a run gives."""
    assert Reason(text="a", kind=kind).is_about_test is (str(kind) in ABOUT_TESTS)


@pytest.mark.parametrize(
    ("owner", "runbook", "address"),
    [
        (UNSET, UNSET, ""),
        ("Ann", UNSET, "owner: Ann"),
        (UNSET, "https://a.example", "runbook: https://a.example"),
        ("Ann", "https://a.example", "owner: Ann, runbook: https://a.example"),
        (" \n", UNSET, ""),
        ("An\nn", UNSET, "owner: An n"),
    ],
)
def test_the_address_of_a_reason(owner: str, runbook: str, address: str) -> None:
    """Owner and runbook stand in one line; an owner without a letter is none."""
    reason = Reason(text="a", kind=Kind.ERROR, owner=owner, runbook=runbook)
    assert reason.address == address
    assert (reason.owner is UNSET) is (not address.startswith("owner"))


REASON = Reason(text="a", kind=Kind.ERROR, remedy="b", owner="Ann", runbook="https://a.example")


@pytest.mark.parametrize("verdict", [B, F])
@pytest.mark.parametrize(("name", "field"), [("sentence", "reason"), ("kind", "kind")])
def test_what_is_not_confirmed_says_why(verdict: Verdict, name: str, field: str) -> None:
    """Without a sentence, or without a kind, the value isn't made."""
    assert Final(verdict=verdict, cause="api.a", **because(REASON)).reason == REASON
    with pytest.raises(ValueError, match=f"^{field} is None; it must be a text if"):
        Final(verdict=verdict, cause="api.a", **{**because(REASON), name: None})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("sentence", "reason is 'a'"),
        ("kind", "kind is 'error'"),
        ("remedy", "remedy is 'b'"),
        ("owner", "owner is 'Ann'"),
        ("runbook", "runbook is 'https://a.example'"),
    ],
)
def test_what_is_confirmed_has_no_reason(name: str, problem: str) -> None:
    """Any part of a reason beside CONFIRMED is refused, by its name in JSON."""
    assert Final(verdict=C, **because(None)).reason is None
    given = {**because(None), name: because(REASON)[name]}  # type: ignore[literal-required]
    with pytest.raises(ValueError, match=f"^{problem}; it must be null"):
        Final(verdict=C, **given)


def test_a_reason_has_no_other_fields() -> None:
    """What a release doesn't know of a reason is refused, not lost."""
    assert convert({"reason": "a", "kind": "error"}, Reason) == Reason(text="a", kind=Kind.ERROR)
    with pytest.raises(ValidationError, match="unknown field `odd`"):
        convert({"reason": "a", "kind": "error", "odd": 1}, Reason)
