"""Every reason for which the gate is closed is a row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.assemble import BROKEN_OFF
from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.gate import (
    GateDecision,
    UnknownStageError,
    decide,
    decision_without_record,
    end_of_open,
    named_stages,
)
from pytest_prodstatus.model.outcome import NO_EVIDENCE
from pytest_prodstatus.model.record import CriterionStatus, Override, Record, Subject
from pytest_prodstatus.model.verdict import Kind, Rule, Verdict, because
from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind
from pytest_prodstatus.model.waiver import Waiver, Waivers
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    assembled,
    catalogue,
    criterion,
    entry,
    observation,
    reason,
    run,
    run_data,
    stage,
)

SECOND = timedelta(seconds=1)
DAY = 24 * HOUR

SHOP = catalogue(
    stage("oauth", criteria=("oauth.token",)),
    stage("place", criteria=("place.order",), requires=("oauth",), valid_for=30 * DAY),
    stage("sale", criteria=("sale.exists", "sale.linked"), requires=("place",)),
    stage("extra"),
    stage("final", rollup=("oauth", "place", "sale")),
)
ALL = ("oauth.token", "place.order", "sale.exists", "sale.linked", "extra.x")
DIED = reason("worker gw0 died", Kind.CRASH)
BROKEN = reason(f"{BROKEN_OFF}: unrecognized arguments: --nosuch", Kind.NOT_RUN)


def made(
    worse: dict[str, Any] | None = None,
    /,
    *,
    stages: Catalogue = SHOP,
    names: tuple[str, ...] = ALL,
    rule: Rule = Rule.CONFIRMED,
    former: Record | None = None,
    selected: tuple[str, ...] | None = None,
    at: datetime = NOW,
    **of: Any,
) -> Record:
    """Return the record of a run of everything, or of what was selected, that finished `at`."""
    verdicts = {**dict.fromkeys(names if selected is None else selected, C), **(worse or {})}
    seen = {
        name: replace(observation(verdict), observed_at=at)
        if isinstance(verdict, Verdict)
        else verdict
        for name, verdict in verdicts.items()
    }
    given = {"target": "production", "catalogue": stages.digest, "started": at - HOUR}
    collected = tuple(map(criterion, names))
    what = run_data(stages, seen, collected=collected, selected=frozenset(seen), former=former)
    return assembled(what, run(**{**given, "finished": at, **of}), rule, 0, at)


def edited(record: Record, name: str, **changes: Any) -> Record:
    """Return the record with one criterion's data changed, as an edit by hand would."""

    def changed(status: CriterionStatus) -> CriterionStatus:
        return replace(status, **changes) if status.id == name else status

    stages = tuple(
        replace(item, criteria=tuple(map(changed, item.criteria))) for item in record.stages
    )
    return replace(record, stages=stages)


def restaged(record: Record, name: str, **changes: Any) -> Record:
    """Return the record with one stage's data changed."""
    stages = tuple(replace(s, **changes) if s.id == name else s for s in record.stages)
    return replace(record, stages=stages)


def of_run(record: Record, **changes: Any) -> Record:
    """Return the record with its run's data changed."""
    return replace(record, run=replace(record.run, **changes))


def waived(*names: str, expires: datetime = NOW + DAY, **rules: Any) -> Waivers:
    """Return waivers of the criteria with these ids."""
    given = tuple(
        Waiver(criterion=name, reason="the bank is closed", owner="Ann", expires=expires)
        for name in names
    )
    return Waivers(given=given, **rules)


def decision_of(
    record: Record,
    *,
    stages: Catalogue = SHOP,
    now: datetime = NOW,
    waivers: Waivers | None = None,
    override: Override | None = None,
    found: tuple[Violation, ...] = (),
    require_evidence: bool = False,
    **query: Any,
) -> GateDecision:
    """Return the gate's decision on a record."""
    question = GateQuery(**{"target": "production", **query})
    return decide(
        record, stages, question, now, waivers=waivers, override=override, found=found,
        require_evidence=require_evidence,
    )  # fmt: skip


KIND = ViolationKind


@dataclass(frozen=True)
class Row:
    """One case: the record, the query, and the expected decision.

    Attributes:
        ground: the rule of the only violation; None if a verdict closes the gate.
        expected: a part of the first reason.
    """

    record: Callable[[], Record]
    status: int
    kind: ViolationKind | None
    expected: str
    query: dict[str, Any] = field(default_factory=dict)


STALE = "it was CONFIRMED 25 h ago, which was valid for 1d"
YESTERDAY = made(at=NOW - 25 * HOUR)
GATED = replace(made({"oauth.token": F}), final=made().final)
SHAM = replace(made().decision, open=True, causes=(), actions=())

REFUSALS = {
    # The record isn't the one in the query.
    "other target": Row(
        lambda: made(target="demo"), 10, KIND.TARGET,
        "the record is about target 'demo', not 'production'"),
    "other target that FAILED": Row(
        lambda: made({"oauth.token": F}, target="demo"), 10, KIND.TARGET, "target 'demo'"),
    "another target": Row(
        made, 10, KIND.TARGET, "target 'production', not 'demo'",
        {"target": "demo"}),
    "other run": Row(
        made, 10, KIND.RUN, "the record is of run 'run-1', not of run 'run-2'",
        {"run": "run-2"}),
    "other run that FAILED": Row(
        lambda: made({"oauth.token": F}), 10, KIND.RUN, "the record is of run 'run-1'",
        {"run": "run-2"}),
    "a part of a run's id": Row(
        lambda: made(id="run-10"), 10, KIND.RUN, "of run 'run-10'", {"run": "run-1"}),
    "in progress, of this target": Row(
        lambda: made(finished=None), 10, KIND.IN_PROGRESS, "run run-1 has been in progress for",
        {"run": "run-1"}),
    "a shard": Row(
        lambda: made(shard=True), 10, KIND.SHARD,
        "the record is one shard of run 'run-1', which judged only a part of the catalogue"),
    "a shard that FAILED": Row(
        lambda: made({"oauth.token": F}, shard=True), 10, KIND.SHARD, "one shard of run 'run-1'",
        {"run": "run-1"}),
    "other subject": Row(
        made, 10, KIND.SUBJECT, "the record is about release 'v1', not 'v2'",
        {"subject": "v2"}),
    "no subject": Row(
        lambda: made(subject=Subject()), 10, KIND.SUBJECT,
        "the record is about an unnamed release, not 'v2'", {"subject": "v2"}),
    "other commit": Row(
        made, 10, KIND.COMMIT,
        "the suite that ran is 0123456789ab, but commit 'fedcba9876' is required",
        {"commit": "fedcba9876"}),
    "no commit": Row(
        lambda: made(commit=None), 10, KIND.COMMIT,
        "of no known commit (not under git, or git isn't installed)", {"commit": "0123456"}),
    "a commit that git doesn't give": Row(
        lambda: made(commit=None, no_commit="git: dubious ownership"), 10, KIND.COMMIT,
        "of no known commit (git: dubious ownership)", {"commit": "0123456"}),
    "local changes": Row(
        lambda: made(dirty=True), 10, KIND.COMMIT, "0123456789ab with local changes",
        {"commit": "0123456"}),
    "commit too short": Row(made, 10, KIND.COMMIT, "commit '012345' is", {"commit": "012345"}),
    "empty commit": Row(made, 10, KIND.COMMIT, "commit '' is required", {"commit": ""}),
    "in progress": Row(
        lambda: made(finished=None), 10, KIND.IN_PROGRESS,
        "run run-1 has been in progress for 60 min, or was killed: nothing is confirmed"),
    "ended by an error": Row(
        lambda: made(finished=None, incidents=(BROKEN,)), 10, KIND.IN_PROGRESS,
        "run run-1: pytest ended before it collected a test: unrecognized arguments: --nosuch"),
    "no stages": Row(
        lambda: made(stages=Catalogue(declared=False), names=()), 10, KIND.UNREADABLE,
        "the record has no stage at all", {"stages": Catalogue(declared=False)}),
    "stages that are none": Row(
        lambda: restaged(made(), "oauth", id="O", criteria=()), 10, KIND.UNREADABLE,
        "the record's stages make no catalogue: stage id 'O'",
        {"stages": Catalogue(declared=False)}),
    # It is too old, or its clock or catalogue is another.
    "future": Row(
        lambda: made(at=NOW + 6 * timedelta(minutes=1)), 10, KIND.CLOCK,
        "the record is dated 6 min ahead of this machine's clock"),
    "too old": Row(
        made, 10, KIND.MAX_AGE, "the record is 60 min old, and may be at most 30m (--max-age)",
        {"now": NOW + HOUR, "max_age": HOUR / 2}),
    "other catalogue": Row(
        lambda: made(catalogue="0" * 16), 10, KIND.CATALOGUE,
        "the record was made with another catalogue than the declared one"),
    "a stage that is declared no more": Row(
        made, 10, KIND.CATALOGUE, "another catalogue", {"stages": catalogue("oauth", "place")}),
    "no catalogue": Row(lambda: made(catalogue=""), 10, KIND.CATALOGUE, "another catalogue"),
    # It contradicts itself.
    "FINAL edited": Row(
        lambda: replace(made({"oauth.token": B}), final=made().final), 10, KIND.CONTRADICTION,
        "the record contradicts itself: FINAL is called CONFIRMED, but computed as BLOCKED"),
    "FINAL edited to worse": Row(
        lambda: replace(made(), final=made({"oauth.token": F}).final), 10, KIND.CONTRADICTION,
        "FINAL is called FAILED, but computed as CONFIRMED"),
    "decision edited": Row(
        lambda: replace(made({"oauth.token": B}), decision=SHAM), 10, KIND.CONTRADICTION,
        "its decision is open, but FINAL is BLOCKED"),
    "decision edited to closed": Row(
        lambda: replace(made(), decision=made({"oauth.token": B}).decision), 10,
        ViolationKind.CONTRADICTION, "its decision is closed, but FINAL is CONFIRMED"),
    "decision edited to unsigned": Row(
        lambda: replace(made(), decision=replace(made().decision, unsigned=True)), 10,
        ViolationKind.CONTRADICTION, "its decision is open, but FINAL is CONFIRMED"),
    "criterion edited": Row(
        lambda: edited(made({"oauth.token": B}), "oauth.token", verdict=C, **because(None)), 10,
        ViolationKind.CONTRADICTION,
        "oauth.token: the record calls it CONFIRMED, but it was observed as BLOCKED"),
    "criterion edited that FAILED": Row(
        lambda: edited(made({"oauth.token": F}), "oauth.token", verdict=B), 1, None,
        "oauth.token FAILED: the record calls it BLOCKED, but it was observed as FAILED"),
    "criterion never observed": Row(
        lambda: edited(made(), "oauth.token", observed=None), 10, KIND.CONTRADICTION,
        "oauth.token: the record calls it CONFIRMED, but it was never observed"),
    "stage edited": Row(
        lambda: restaged(made({"extra.x": B}), "extra", verdict=C, **because(None)), 10,
        ViolationKind.CONTRADICTION, "stage 'extra' is called CONFIRMED, but computed as BLOCKED"),
    "stage removed": Row(
        lambda: replace(made(), stages=made().stages[:3]), 10, KIND.CONTRADICTION,
        "the record contradicts itself: it has no stage 'extra' (and 1 more)"),
    "stage of nowhere": Row(
        lambda: replace(
            made(), stages=(*made().stages, replace(made().stages[0], id="x", criteria=()))
        ), 10, KIND.CONTRADICTION, "the record contradicts itself: it has a stage 'x'"),
    "complete edited": Row(
        lambda: of_run(made(former=made(), selected=("oauth.token",)), complete=True), 10,
        ViolationKind.CONTRADICTION, "it is called complete, but its criteria say otherwise"),
    "not complete, edited": Row(
        lambda: of_run(made(), complete=False), 10, KIND.CONTRADICTION,
        "it is called not complete, but its criteria say otherwise"),
    # A waiver breaks a rule.
    "unknown waiver": Row(
        made, 10, KIND.WAIVER, "the waiver of 'oauth.tokens' (Ann) is about no criterion",
        {"waivers": waived("oauth.tokens")}),
    "unwaivable": Row(
        lambda: made({"oauth.token": B}), 10, KIND.WAIVER, "declared unwaivable",
        {"waivers": waived("oauth.token", unwaivable=("oauth",))}),
    "expired waiver of what is CONFIRMED": Row(
        made, 10, KIND.WAIVER, "expired on 2026-11-22 12:00 UTC",
        {"waivers": waived("oauth.token", expires=NOW)}),
    "waiver that lives too long": Row(
        made, 10, KIND.WAIVER, "which is more than 30d ahead (waiver_max)",
        {"waivers": waived("oauth.token", expires=NOW + 31 * DAY)}),
    "unwaivable names nothing": Row(
        made, 10, KIND.WAIVER, "unwaivable names 'oauth.tokens', which is not a criterion",
        {"waivers": Waivers(unwaivable=("oauth.tokens",))}),
    # Found elsewhere.
    "document": Row(
        made, 10, KIND.DOCUMENT, "it was edited",
        {"found": (Violation(kind=ViolationKind.DOCUMENT, text="it was edited"),)}),
    # The verdicts, now.
    "FAILED": Row(
        lambda: made({"oauth.token": F}), 1, None, "oauth.token FAILED: seen to be FAILED"),
    "FAILED and too old": Row(
        lambda: made({"oauth.token": F}), 1, None, "oauth.token FAILED: seen to be FAILED",
        {"now": NOW + 25 * HOUR}),
    "BLOCKED": Row(
        lambda: made({"oauth.token": B}), 10, None, "oauth.token BLOCKED: seen to be BLOCKED"),
    "BLOCKED with a rule that lets it pass": Row(
        lambda: made({"oauth.token": B}, rule=Rule.NOT_FAILED), 10, None, "oauth.token BLOCKED"),
    "FAILED with a gate that was off": Row(
        lambda: made({"oauth.token": F}, rule=Rule.OFF), 1, None, "oauth.token FAILED"),
    "not run": Row(
        lambda: made(names=("oauth.token", "place.order", "sale.exists", "extra.x")), 10, None,
        "sale.linked BLOCKED: no test provides it"),
    "never observed": Row(
        lambda: made(selected=ALL[1:]), 10, None, "oauth.token BLOCKED: it was not selected"),
    "stale by now": Row(
        made, 10, None, f"oauth.token BLOCKED: {STALE}",
        {"now": NOW + 25 * HOUR, "max_age": 48 * HOUR, "require": ("sale",)}),
    "carried over and stale": Row(
        lambda: made(former=YESTERDAY, selected=ALL[:2]), 10, None,
        f"sale.exists and 1 more BLOCKED: {STALE}"),
    "no date": Row(
        lambda: edited(made(), "oauth.token", observed_at=None), 10, None,
        "oauth.token BLOCKED: it was CONFIRMED an unknown time ago"),
    "criterion of the future": Row(
        lambda: edited(made(), "oauth.token", observed_at=NOW + HOUR), 10, None,
        "oauth.token BLOCKED: it was CONFIRMED an unknown time ago"),
    "seen on another release": Row(
        lambda: made(former=made(subject=Subject(release="v0")), selected=ALL[1:]), 10, None,
        "oauth.token BLOCKED: it was CONFIRMED of release 'v0', not of 'v1'",
        {"subject": "v1"}),
    "seen on a release without a name": Row(
        lambda: made(former=made(subject=Subject()), selected=ALL[1:]), 10, None,
        "oauth.token BLOCKED: it was CONFIRMED of an unnamed release, not of 'v1'",
        {"subject": "v1"}),
    "edited, and seen on another release than the record's": Row(
        lambda: edited(made(), "oauth.token", subject="v0"), 10, None,
        "oauth.token BLOCKED: it was CONFIRMED of release 'v0', not of 'v1'"),
    "stale and seen on another release": Row(
        lambda: made(former=made(at=NOW - 23 * HOUR, subject=Subject(release="v0")),
                     selected=ALL[1:]),
        10, None,
        "oauth.token BLOCKED: it was CONFIRMED of release 'v0', not of 'v1'",
        {"subject": "v1", "now": NOW + 2 * HOUR}),
    "nothing at all": Row(
        lambda: made(stages=catalogue("oauth"), names=()), 10, None,
        "oauth BLOCKED: no test provides a criterion of this stage",
        {"stages": catalogue("oauth")}),
    "an incident": Row(
        lambda: made(incidents=(DIED,)), 10, None, "run BLOCKED: worker gw0 died"),
    "an incident, of stages that held": Row(
        lambda: made(incidents=(DIED,)), 10, None, "run BLOCKED: worker gw0 died",
        {"require": ("oauth",)}),
    "an empty stage": Row(
        lambda: made(names=ALL[:4]), 10, None,
        "extra BLOCKED: no test provides a criterion of this stage", {"require": ("extra",)}),
    "required": Row(
        lambda: made({"extra.x": F}), 1, None, "extra.x FAILED: seen to be FAILED",
        {"require": ("oauth", "extra")}),
    "required above": Row(
        lambda: made({"oauth.token": F}), 10, None, "oauth.token FAILED: seen to be FAILED",
        {"require": ("sale",)}),
    "an upstream kind that hides nothing": Row(
        lambda: edited(
            made({"oauth.token": B}), "oauth.token",
            **because(reason("x", Kind.UPSTREAM))), 10, None,
        "oauth.token BLOCKED: x"),
    "half waived": Row(
        lambda: made({"oauth.token": F, "place.order": B}), 10, None,
        "place.order BLOCKED: seen to be BLOCKED", {"waivers": waived("oauth.token")}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    """The gate is closed with the exit status, the one rule and the sentence of its row."""
    row = REFUSALS[name]
    got = decision_of(row.record(), **row.query)
    assert not got.open
    assert got.decision == "closed"
    assert got.exit_code == row.status
    assert [violation.kind for violation in got.violations if row.kind] == [row.kind] * bool(
        row.kind
    )
    assert row.expected in (got.violations[0].text if row.kind else got.reasons[0])
    target = str(row.query.get("target", "production"))
    rule = row.kind or ViolationKind.VERDICT
    assert got.rules[0] is rule
    assert got.sentence.startswith(f"gate closed (target {target}, rule {rule}): ")
    assert got.reasons[0] in got.sentence
    assert len(got.sentence.splitlines()) == 1


@pytest.mark.parametrize("remedy", ["take --nosuch out", None])
def test_what_helps_if_an_error_ended_the_run(remedy: str | None) -> None:
    """What the run said, or else what helps after a run that was killed."""
    broken = replace(BROKEN, remedy=remedy)
    (found,) = decision_of(made(finished=None, incidents=(broken,))).violations
    assert found.remedy == (remedy or "wait for it to end, or run it again if it was killed")


OPEN: dict[str, Row] = {
    "everything CONFIRMED": Row(made, 0, None, ""),
    "every condition of the query": Row(
        made, 0, None, "",
        {"subject": "v1", "commit": "0123456789ABCDEF", "run": "run-1", "max_age": SECOND}),
    "short commit": Row(made, 0, None, "", {"commit": "0123456"}),
    "just young enough": Row(made, 0, None, "", {"now": NOW + DAY}),
    "a clock that runs ahead": Row(lambda: made(at=NOW + timedelta(minutes=5)), 0, None, ""),
    "carried over, fresh": Row(
        lambda: made(former=made(at=NOW - HOUR), selected=("oauth.token",)), 0, None, ""),
    "old, and valid for as long": Row(
        lambda: made(former=YESTERDAY, selected=("oauth.token", "sale.exists", "sale.linked")),
        0, None, ""),
    "seen on another release, and declared to outlive it": Row(
        lambda: made(
            former=made(subject=Subject(release="v0")),
            selected=("oauth.token", "sale.exists", "sale.linked")),
        0, None, "", {"subject": "v1"}),
    "what FINAL doesn't roll up": Row(lambda: made({"extra.x": F}), 0, None, ""),
    "what wasn't required": Row(
        lambda: made({"sale.exists": F}), 0, None, "", {"require": ("place",)}),
    "a run that should have signed its record, and could not": Row(
        lambda: replace(made(), decision=made().decision.without_signature()), 0, None, ""),
    "a run with the rule off": Row(lambda: made(rule=Rule.OFF), 0, None, ""),
    "undeclared": Row(
        lambda: made(stages=Catalogue(declared=False).with_stages_of([criterion("api.x")]),
                     names=("api.x",), catalogue=Catalogue(declared=False).digest),
        0, None, "", {"stages": Catalogue(declared=False)}),
    "a waiver that isn't needed": Row(made, 0, None, "", {"waivers": waived("oauth.token")}),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_open(name: str) -> None:
    """The gate is open by what was observed alone."""
    row = OPEN[name]
    got = decision_of(row.record(), **row.query)
    assert (got.open, got.exit_code, got.decision) == (True, 0, "open"), got.sentence
    assert got.verdict is got.effective_verdict is C
    assert (got.violations, got.causes, got.waived) == ((), (), ())
    assert got.actions == got.reasons == ()
    what = "stages place" if "require" in row.query else "FINAL"
    assert got.sentence == f"gate open (target production): {what} CONFIRMED"


def test_an_unknown_stage_is_an_error() -> None:
    """An unknown stage is an error of the query, not of the record."""
    with pytest.raises(UnknownStageError, match=r"--require 'sales': .* stages are oauth, place"):
        decision_of(made(), require=("oauth", "sales"))
    bare = Catalogue(declared=False)
    with pytest.raises(UnknownStageError, match="'sales': there is no such stage; stages are none"):
        decision_of(made(stages=bare, names=()), stages=bare, require=("sales",))


def test_a_query_names_stages_by_a_list_with_commas() -> None:
    """A text that names none is an error, since the decision would be about FINAL."""
    assert named_stages("oauth") == ("oauth",)
    assert named_stages(" oauth, sale,") == ("oauth", "sale")
    with pytest.raises(UnknownStageError, match="--require ' , ': it names no stage"):
        named_stages(" , ")


@pytest.mark.parametrize(
    ("given", "final", "oauth"),
    [
        ({}, C, C),
        ({"target": "demo"}, B, None),
        ({"catalogue": "0" * 16}, B, B),
        ({"verdict": F}, F, F),
        ({"verdict": F, "catalogue": "0" * 16}, F, F),
    ],
)
def test_what_may_be_shown_of_a_record_that_breaks_a_rule(
    given: dict[str, Any], final: Verdict, oauth: Verdict | None
) -> None:
    """No CONFIRMED, neither of FINAL nor of a stage; but a FAILED stays one."""
    of = dict(given)
    got = decision_of(made({"oauth.token": of.pop("verdict", C)}, **of))
    assert got.present_verdict is final
    assert [got.present_verdict_of(s) for s in got.stages[:1]] == ([oauth] if oauth else [])
    assert decision_without_record((), got.query).present_verdict is B


def test_one_reason_is_printed_alone() -> None:
    """A single reason has no count of others; a violation without a remedy gives no action."""
    cut = decision_of(replace(made({"oauth.token": B}), decision=SHAM))
    assert [violation.text for violation in cut.violations] == [
        "the record contradicts itself: its decision is open, but FINAL is BLOCKED"
    ]
    got = decision_of(made({"oauth.token": B}))
    assert got.sentence == (
        "gate closed (target production, rule verdict): FINAL BLOCKED: "
        "oauth.token BLOCKED: seen to be BLOCKED"
    )
    assert (
        decision_of(made(), found=(Violation(kind=ViolationKind.DOCUMENT, text="x"),)).actions == ()
    )


def test_the_remedy_names_the_run_of_the_query() -> None:
    """The command makes a record of the query's target and release."""
    got = decision_of(made(), target="eu", subject="v 2")
    assert got.actions == ("run pytest -m production --target eu --prodstatus-subject='v 2'",)
    assert decision_of(made(), target="eu").actions == ("run pytest -m production --target eu",)


def test_an_id_is_used_once() -> None:
    """If a finished record has the query's run id, the remedy is a run with a new id."""
    assert decision_of(made(), run="run 2").actions == (
        "run PRODSTATUS_RUN_ID='run 2' pytest -m production --target production",
    )
    (action,) = decision_of(made(), run="run-1", subject="v2").actions
    assert action == (
        "run pytest -m production --target production --prodstatus-subject=v2 "
        "with a new PRODSTATUS_RUN_ID"
    )


@pytest.mark.parametrize(
    ("of", "commit", "action"),
    [
        ({"dirty": True}, "0123456", "commit your changes first, then run pytest -m production"),
        ({"dirty": True}, "fedcba9", "commit your changes first, then run pytest -m production"),
        ({"commit": None}, "0123456", "run pytest from a git checkout, with git installed: run"),
        ({}, "fedcba9", "run pytest -m production --target production"),
        ({}, "012345", "name the commit by 7 digits or more"),
    ],
)
def test_what_helps_if_the_commit_is_another(of: dict[str, Any], commit: str, action: str) -> None:
    """The remedy depends on the cause: with local changes, another run would not help."""
    (first,) = decision_of(made(**of), commit=commit).actions
    assert first.startswith(action)


def test_a_shard_is_to_be_merged() -> None:
    """The remedy for a shard is a merge: another run would make another shard."""
    assert decision_of(made(shard=True)).actions == (
        "merge the shards of the run with prodstatus merge, then ask the gate again",
    )


def test_the_rules_of_several_refusals() -> None:
    """Rules come in the order of the reasons; the verdict's is first only if something FAILED."""
    query: dict[str, Any] = {"now": NOW + 25 * HOUR, "waivers": waived("oauth.tokens")}
    names = {F: ["verdict", "max-age", "waiver"], B: ["max-age", "waiver", "verdict"]}
    for verdict, rules in names.items():
        got = decision_of(made({"oauth.token": verdict}), **query)
        assert [str(rule) for rule in got.rules] == rules
        assert got.sentence.startswith(f"gate closed (target production, rule {rules[0]}): ")
        assert f"FINAL {verdict}" in got.sentence
    assert decision_of(made()).rules == ()


class TestWaivers:
    """A waiver changes the decision and never the verdict."""

    @pytest.mark.parametrize("verdict", [B, F])
    def test_open_by_a_waiver(self, verdict: Verdict) -> None:
        """What depends on a waived criterion is free as well, and the verdict doesn't change."""
        got = decision_of(made({"oauth.token": verdict}), waivers=waived("oauth.token"))
        assert (got.open, got.exit_code, got.decision) == (True, 0, "open, 1 waived")
        assert (got.verdict, got.effective_verdict) == (verdict, C)
        assert [item.status.id for item in got.waived] == ["oauth.token"]
        assert got.sentence == f"gate open, 1 waived (target production): FINAL {verdict}"

    def test_what_is_stale_or_unknown_may_be_waived(self) -> None:
        """Everything that isn't CONFIRMED now may be waived."""
        names = ("oauth.token", "place.order", "sale.exists", "extra.x")
        got = decision_of(made(names=names), waivers=waived("sale.linked"))
        assert got.decision == "open, 1 waived"
        late = decision_of(
            made(), now=NOW + 25 * HOUR, max_age=48 * HOUR,
            waivers=waived("oauth.token", "sale.exists", "sale.linked", expires=NOW + 30 * HOUR),
        )  # fmt: skip
        assert late.decision == "open, 3 waived"

    def test_all_parameters_at_once(self) -> None:
        """An id without brackets covers all parameters, each of which is counted once."""
        names = ("oauth.token[eu]", "oauth.token[us]", *ALL[1:])
        worse = {"oauth.token[eu]": F, "oauth.token[us]": F}
        got = decision_of(made(worse, names=names), waivers=waived("oauth.token"))
        assert got.decision == "open, 2 waived"
        both = decision_of(
            made(worse, names=names), waivers=waived("oauth.token", "oauth.token[eu]")
        )
        assert both.decision == "open, 2 waived"
        one = decision_of(made(worse, names=names), waivers=waived("oauth.token[eu]"))
        assert one.reasons == ("oauth.token[us] FAILED: seen to be FAILED",)

    def test_what_bears_on_nothing_is_not_counted(self) -> None:
        """A waiver of a criterion on which the decision doesn't depend isn't counted."""
        got = decision_of(made({"extra.x": F}), waivers=waived("extra.x"))
        assert (got.decision, got.waived) == ("open", ())

    def test_no_waiver_of_what_went_wrong_outside(self) -> None:
        """An incident has no criterion, so no waiver covers it."""
        got = decision_of(
            made({"oauth.token": F}, incidents=(DIED,)), waivers=waived("oauth.token")
        )
        assert (got.exit_code, got.reasons) == (10, ("run BLOCKED: worker gw0 died",))


class TestOverride:
    """A person opens the gate, and all reasons are still listed."""

    WORD = Override(target="production", reason="fix", who="Ann", since=NOW, until=NOW + HOUR)
    GONE = Violation(kind=ViolationKind.UNREADABLE, text="there is no record")

    def test_every_verdict(self) -> None:
        """An override opens the gate over a FAILED, a violation, and an unknown verdict."""
        for got in (
            decision_of(made({"oauth.token": F}), override=self.WORD),
            decision_of(made(target="demo"), override=self.WORD),
            decision_without_record([self.GONE], GateQuery(target="production"), self.WORD),
        ):  # fmt: skip
            assert (got.open, got.exit_code, got.confirmed) == (True, 0, False)
            assert got.decision == "open by an override"
            assert got.sentence.startswith("gate open by an override (target production): ")
            assert got.reasons
            assert got.override == self.WORD

    def test_not_needed(self) -> None:
        """If the gate is open without it, the override is still listed."""
        got = decision_of(made(), override=self.WORD)
        assert (got.decision, got.override) == ("open", self.WORD)


class TestEnd:
    """An open gate closes by itself with the first thing that it rests on."""

    @staticmethod
    def end(worse: dict[str, Any] | None = None, /, **of: Any) -> datetime | None:
        """Return when the gate closes by itself, for a record with these verdicts."""
        record = made(worse)
        return end_of_open(record, SHOP, decision_of(record, **of))

    def test_a_confirmed(self) -> None:
        """The one that becomes stale first, of those that the decision is about."""
        assert self.end() == NOW + DAY
        assert self.end(require=("place",)) == NOW + DAY
        early = edited(made(), "extra.x", observed_at=NOW - HOUR)
        assert end_of_open(early, SHOP, decision_of(early)) == NOW + DAY

    def test_a_waiver(self) -> None:
        """It counts if it is needed."""
        soon = waived("oauth.token", expires=NOW + HOUR)
        assert self.end({"oauth.token": F}, waivers=soon) == NOW + HOUR
        assert self.end(waivers=soon) == NOW + DAY
        long = waived("oauth.token", expires=NOW + 2 * DAY)
        failed = edited(made({"oauth.token": F}), "oauth.token", observed_at=NOW - HOUR)
        assert end_of_open(failed, SHOP, decision_of(failed, waivers=long)) == NOW + DAY
        undated = edited(made(), "oauth.token", observed_at=None)
        assert end_of_open(undated, SHOP, decision_of(undated, waivers=soon)) == NOW + HOUR

    def test_an_override(self) -> None:
        """It counts only if nothing else opens the gate, and then alone."""
        word = replace(TestOverride.WORD, until=NOW + 90 * DAY)
        assert self.end({"oauth.token": F}, override=word) == word.until
        assert self.end(override=TestOverride.WORD) == NOW + DAY

    def test_a_closed_gate(self) -> None:
        """It has no end."""
        assert self.end({"oauth.token": F}) is None


class TestToday:
    """What a CONFIRMED must have is what today's configuration says."""

    @pytest.mark.parametrize("required", [True, False])
    @pytest.mark.parametrize("evidence", [(), (entry(),)])
    def test_evidence(self, evidence: tuple[Entry, ...], required: bool) -> None:
        """A CONFIRMED without evidence closes the gate, even if its run required none."""
        seen = dict.fromkeys(ALL, observation(C, evidence=evidence))
        got = decision_of(made(seen), require_evidence=required)
        lacking = required and not evidence
        assert got.open is not lacking
        assert [cause.kind for cause in got.causes] == ([Kind.NO_EVIDENCE] if lacking else [])
        assert got.actions == ((f"oauth.token: {NO_EVIDENCE.remedy}",) if lacking else ())

    def test_evidence_that_is_waived(self) -> None:
        """A waiver accepts it, as it accepts any other reason."""
        got = decision_of(made(), require_evidence=True, waivers=waived(*ALL))
        assert got.open


class TestCauses:
    """Each root cause is listed once, with what depends on it and what to do."""

    def test_the_root_and_what_depends_on_it(self) -> None:
        """A stage below the root isn't a cause, even if it FAILED; FINAL keeps the verdict."""
        got = decision_of(made({"sale.linked": F, "oauth.token": B, "place.order": B}))
        assert [(c.ids, c.verdict, c.stages, c.affected) for c in got.causes] == [
            (("oauth.token",), B, ("oauth",), ("place", "sale", "final")),
        ]
        assert got.reasons == ("oauth.token BLOCKED: seen to be BLOCKED",)
        assert got.exit_code == 1
        assert got.sentence == (
            "gate closed (target production, rule verdict): FINAL FAILED: "
            "oauth.token BLOCKED: seen to be BLOCKED"
        )

    def test_several_of_one_stage(self) -> None:
        """FAILED comes before BLOCKED, and the sentence counts the others."""
        got = decision_of(made({"sale.linked": F, "sale.exists": B}))
        assert [c.ids for c in got.causes] == [("sale.linked",), ("sale.exists",)]
        assert got.sentence.endswith("sale.linked FAILED: seen to be FAILED (and 1 more)")

    def test_what_the_decision_is_not_about_is_not_listed(self) -> None:
        """A stage on which the decision doesn't depend is neither a cause nor affected."""
        got = decision_of(made({"oauth.token": F, "sale.linked": F}), require=("place",))
        assert [(c.ids, c.affected) for c in got.causes] == [(("oauth.token",), ("place",))]

    def test_an_incident(self) -> None:
        """An incident is about the run, and FINAL depends on it."""
        (cause,) = decision_of(made(incidents=(DIED,))).causes
        assert (cause.ids, cause.stages, cause.affected) == (("run",), (), ("final",))
        (cause,) = decision_of(made(incidents=(DIED,)), require=("oauth",)).causes
        assert (cause.ids, cause.stages, cause.affected) == (("run",), (), ())

    def test_next_actions(self) -> None:
        """Actions come once each: what helps every stage, then what unblocks most."""
        armed = reason("not armed", Kind.NOT_ARMED, remedy="arm it")
        worse = {
            "sale.linked": F,
            "sale.exists": observation(B, reason=armed),
        }
        got = decision_of(made(worse, catalogue="0" * 16))
        assert got.actions == (
            "run pytest -m production --target production --prodstatus-subject=v1",
            "fix sale.linked: seen to be FAILED",
            "arm it",
        )

    def test_a_remedy_is_what_to_do(self) -> None:
        """A remedy is an action, also for what FAILED."""
        got = decision_of(made({"sale.linked": observation(F, reason=reason(remedy="sell again"))}))
        assert got.actions == ("sell again",)

    def test_what_the_record_knows_nothing_of(self) -> None:
        """A declared criterion that the record doesn't have is BLOCKED, not-run."""
        wide = replace(SHOP.stages[0], criteria=("oauth.token", "oauth.fresh", "oauth.[eu]"))
        stages = Catalogue(stages=(wide, *SHOP.stages[1:]))
        got = decision_of(made(catalogue=stages.digest), stages=stages)
        (cause,) = got.causes
        assert (cause.verdict, cause.ids) == (B, ("oauth.fresh", "oauth.[eu]"))
        assert (cause.kind, got.verdict) == (Kind.NOT_RUN, B)
        assert got.actions == ("run again with --stage oauth",)

    def test_kinds(self) -> None:
        """A reason that the gate itself gives has a kind: stale or not-run."""
        former = made(subject=Subject(release="v0"))
        other = decision_of(made(former=former, selected=ALL[1:]), subject="v1")
        assert [cause.kind for cause in other.causes] == [Kind.STALE]
        assert other.actions == ("run again with --stage oauth",)
        sham = decision_of(edited(made(), "oauth.token", observed=None))
        assert [cause.kind for cause in sham.causes] == [Kind.NOT_RUN]

    def test_fix_several(self) -> None:
        """Criteria with the same reason are one action, which counts them."""
        got = decision_of(made({"sale.linked": F, "sale.exists": F}))
        assert got.actions == ("fix sale.exists and 1 more: seen to be FAILED",)

    def test_the_record_comes_first_unless_something_failed(self) -> None:
        """A violation comes before a BLOCKED, and after a FAILED."""
        late = NOW + 25 * HOUR
        blocked = decision_of(made({"oauth.token": B}), now=late, require=("oauth",))
        assert blocked.reasons[0].startswith("the record is 25 h old")
        failed = decision_of(made({"oauth.token": F}), now=late, require=("oauth",))
        assert failed.reasons[1].startswith("the record is 25 h old")
