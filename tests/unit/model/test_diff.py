"""What differs between two runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_prodstatus.model.codec import read_record, write_record
from pytest_prodstatus.model.diff import (
    RunDiff,
    _criterion_diff,
    _divided,
    diff,
    share_nothing,
    since_open,
)
from pytest_prodstatus.model.evidence import Attachment
from pytest_prodstatus.model.record import (
    ChangeKind,
    CriterionStatus,
    Override,
    Record,
    Subject,
)
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.model.waiver import Waiver
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, entry, reason, record, run, status

STAGE = catalogue("api")
NOT_RUN: dict[str, Any] = {"observed": None, "observed_at": None, "attempts": 0}


def of(*statuses: CriterionStatus, **more: Any) -> Record:
    """Return a record that has these criteria, in their stages."""
    named: dict[str, list[CriterionStatus]] = {}
    for item in statuses:
        named.setdefault(item.stage, []).append(item)
    made = record(catalogue("api"), {}, of=run(**more))
    template = made.stages[0]
    stages = tuple(
        replace(template, id=name, title=name, criteria=tuple(own)) for name, own in named.items()
    )
    return replace(made, stages=stages)


def turned_round(found: RunDiff) -> RunDiff:
    """Return the differences from the later run to the earlier one."""
    # Together: what is LOST in one direction may be STILL in the other.
    both = sorted((*found.criteria, *found.still), key=lambda item: item.id)
    # Decided again, because a kind has no single opposite: an INTRODUCED in reverse is RESOLVED
    # or BLOCKED.
    turned = [_criterion_diff(item.id, item.after, item.before) for item in both]
    criteria, still = _divided(filter(None, turned))
    return RunDiff(
        before=found.after,
        after=found.before,
        changes=tuple(replace(c, before=c.after, after=c.before) for c in found.changes),
        stages=tuple(replace(s, before=s.after, after=s.before) for s in found.stages),
        criteria=criteria,
        still=still,
        evidence=tuple(replace(e, before=e.after, after=e.before) for e in found.evidence),
        waivers_added=found.waivers_removed,
        waivers_removed=found.waivers_added,
        overrides_added=found.overrides_removed,
        overrides_removed=found.overrides_added,
    )


def changed(before: CriterionStatus | None, after: CriterionStatus | None) -> ChangeKind | None:
    """Return how the criterion `api.up` changed between two runs."""
    other = status("api.other")
    found = diff(of(other, *filter(None, (before,))), of(other, *filter(None, (after,))))
    assert turned_round(turned_round(found)) == found
    return next((item.change for item in (*found.criteria, *found.still)), None)


CONFIRMED, FAILED, SKIPPED = (status("api.up", verdict) for verdict in (C, F, B))
UNSEEN = status("api.up", B, reason=reason("no test provides it", Kind.NOT_RUN), **NOT_RUN)
UPSTREAM = status("api.up", B, observed=C, reason=reason("net is FAILED", Kind.UPSTREAM))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (CONFIRMED, CONFIRMED, None),
        (CONFIRMED, FAILED, ChangeKind.INTRODUCED),
        (SKIPPED, FAILED, ChangeKind.INTRODUCED),
        (UNSEEN, FAILED, ChangeKind.INTRODUCED),
        (CONFIRMED, SKIPPED, ChangeKind.BLOCKED),
        (CONFIRMED, UPSTREAM, ChangeKind.BLOCKED),
        (FAILED, SKIPPED, ChangeKind.BLOCKED),
        (FAILED, CONFIRMED, ChangeKind.RESOLVED),
        (SKIPPED, CONFIRMED, ChangeKind.RESOLVED),
        (UNSEEN, CONFIRMED, ChangeKind.RESOLVED),
        (FAILED, FAILED, ChangeKind.STILL),
        (SKIPPED, UNSEEN, ChangeKind.STILL),
        (UNSEEN, SKIPPED, ChangeKind.STILL),
        # A FAILED that isn't run any more, or whose test was deleted, isn't resolved.
        (FAILED, UNSEEN, ChangeKind.LOST),
        (CONFIRMED, UNSEEN, ChangeKind.LOST),
        (UPSTREAM, UNSEEN, ChangeKind.LOST),
        (FAILED, None, ChangeKind.LOST),
        (CONFIRMED, None, ChangeKind.LOST),
        (SKIPPED, None, ChangeKind.REMOVED),
        (UNSEEN, None, ChangeKind.REMOVED),
        (None, CONFIRMED, ChangeKind.ADDED),
        (None, FAILED, ChangeKind.ADDED),
    ],
)
def test_the_change_of_a_criterion(
    before: CriterionStatus | None, after: CriterionStatus | None, change: ChangeKind | None
) -> None:
    """Each pair of sides is one kind of change; not to be run any more is never an improvement."""
    assert changed(before, after) is change


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        (CONFIRMED, FAILED, True),
        (CONFIRMED, SKIPPED, True),
        (CONFIRMED, None, True),
        (None, FAILED, True),
        (None, CONFIRMED, False),
        (FAILED, CONFIRMED, False),
        (FAILED, FAILED, False),
        (UNSEEN, None, False),
    ],
)
def test_what_is_worse(
    before: CriterionStatus | None, after: CriterionStatus | None, worse: bool
) -> None:
    """Introduced, newly BLOCKED and lost are worse, and so is a new criterion not CONFIRMED."""
    other = status("api.other")
    found = diff(of(other, *filter(None, (before,))), of(other, *filter(None, (after,))))
    assert found.worse is worse


def test_evidence_is_compared_by_value_under_an_unchanged_verdict() -> None:
    """A new instant is no difference; a new value is one, unless the verdict changed as well."""
    later = NOW + HOUR
    before = status("api.up", evidence=(entry("orders", 3), entry("mode", "a"), entry("mode", "b")))
    after = status("api.up", evidence=(entry("orders", 2, later), entry("mode", "a", later)))
    found = diff(of(before), of(after)).evidence
    assert [(item.name, item.before, item.after) for item in found] == [
        ("mode (2)", "b", None),
        ("orders", "3", "2"),
    ]
    again = status("api.up", evidence=(entry("orders", 3, later),))
    assert diff(of(status("api.up", evidence=(entry("orders", 3),))), of(again)).empty
    failed = status("api.up", F, evidence=(entry("orders", 2),))
    assert diff(of(before), of(failed)).evidence == ()


def test_an_attachment_is_compared_by_its_digest() -> None:
    """One that is gone or has another content differs, by its size and digest."""
    picture: dict[str, Any] = {"name": "a.png", "media_type": "image/png", "size": 1234}
    one, other = (Attachment(**picture, sha256=digit * 64) for digit in "12")
    before, after = (status("api.up", attachments=(file,)) for file in (one, other))
    assert diff(of(before), of(before)).empty
    for now, words in ((after, "1,234 bytes, sha256 222222222222"), (status("api.up"), None)):
        (item,) = diff(of(before), of(now)).evidence
        assert (item.name, item.after) == ("a.png (attached)", words)
        assert item.before == "1,234 bytes, sha256 111111111111"


def test_the_runs_are_compared() -> None:
    """Release, commit with its local changes, catalogue and versions, each if it differs."""
    before = of(CONFIRMED, catalogue="a", subject=Subject(release="v1"))
    more = {"dirty": True, "catalogue": "b", "versions": {"pytest": "9.3.0", "xdist": "3"}}
    after = of(CONFIRMED, subject=Subject(release="v2"), **more)
    found = {c.name: (c.before, c.after) for c in diff(before, after).changes}
    assert found == {
        "commit": ("0123456789abcdef", "0123456789abcdef with local changes"),
        "release": ("v1", "v2"),
        "catalogue": ("a", "b"),
        "pytest": ("9.2.0", "9.3.0"),
        "xdist": (None, "3"),
    }


def waiver(owner: str) -> Waiver:
    """Return a waiver of `api.up`."""
    return Waiver(criterion="api.up", reason="known", owner=owner, expires=NOW + HOUR)


def override(who: str) -> Override:
    """Return an override of the demo target."""
    return Override(target="demo", reason="urgent", who=who, since=NOW, until=NOW + HOUR)


def test_waivers_and_overrides_come_and_go() -> None:
    """A waiver or an override of only one run is added or removed; one of both is neither."""
    before = replace(of(FAILED), waivers=(waiver("Ana"), waiver("Ben")), overrides=(override("C"),))
    after = replace(of(FAILED), waivers=(waiver("Ben"), waiver("Eve")), overrides=())
    found = diff(before, after)
    assert (found.waivers_added, found.waivers_removed) == ((waiver("Eve"),), (waiver("Ana"),))
    assert (found.overrides_added, found.overrides_removed) == ((), (override("C"),))


def test_stages_are_compared_by_their_words() -> None:
    """A stage that came or went, or whose verdict changed, is listed once."""
    before = record(catalogue("api", "old"), {"api.up": C, "old.x": C})
    after = record(catalogue("api", "new"), {"api.up": F, "new.x": C})
    found = [(item.id, item.before, item.after) for item in diff(before, after).stages]
    assert found == [
        ("api", "CONFIRMED", "FAILED"), ("new", None, "CONFIRMED"), ("old", "CONFIRMED", None)
    ]  # fmt: skip


def test_records_without_a_common_stage() -> None:
    """Two records share nothing only if both have stages."""
    api, shop = record(catalogue("api"), {}), record(catalogue("shop"), {})
    assert share_nothing(api, shop)
    assert not share_nothing(api, api)
    assert not share_nothing(api, replace(shop, stages=()))


def test_a_record_keeps_what_changed_since_the_last_open_gate() -> None:
    """Its JSON has that run in short and the criteria that changed, and reads back the same."""
    opened, now = record(STAGE, {"api.up": C}), record(STAGE, {"api.up": F, "api.new": C})
    kept = replace(now, since_open=since_open(opened, now), waivers=(waiver("Ana"),))
    assert kept.since_open is not None
    found = [(c.id, c.change.value, c.before, c.after) for c in kept.since_open.criteria]
    assert found == [("api.new", "added", None, C), ("api.up", "introduced", C, F)]
    text = write_record(kept)
    assert read_record(text, "status.json") == kept
    assert "since_open" not in write_record(now)
    assert "waivers" not in write_record(now)


@pytest.mark.parametrize("name", ["confirmed", "failed", "overridden"])
def test_records_of_schema_1(name: str) -> None:
    """They are compared as well, also with a record of today."""
    path = Path(__file__).with_name("schema1") / f"{name}.json"
    old = read_record(path.read_text(encoding="utf-8"), name)
    assert diff(old, old).empty
    now = of(FAILED)
    assert turned_round(diff(old, now)) == diff(now, old)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Return a record of a few criteria in any state, of any run."""
    statuses = []
    for name in draw(st.lists(st.sampled_from(["api.a", "api.b", "api.c", "shop.a"]), unique=True)):
        verdict = draw(st.sampled_from([C, B, F]))
        observed = draw(st.sampled_from([verdict, C, None])) if verdict is not C else C
        values = st.lists(st.sampled_from([1, 2, "x"]), max_size=2)
        evidence = tuple(
            entry("count", value, NOW + timedelta(seconds=draw(st.integers(0, 1))))
            for value in draw(values)
        )
        statuses.append(status(name, verdict, observed=observed, evidence=evidence))
    owners = st.lists(st.sampled_from(["Ana", "Ben"]), unique=True)
    made = of(
        *statuses,
        id=draw(st.sampled_from(["run-1", "run-2"])),
        subject=Subject(release=draw(st.sampled_from([None, "v1", "v2"]))),
        commit=draw(st.sampled_from([None, "abc"])),
        dirty=draw(st.sampled_from([None, True, False])),
        versions=draw(st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"))),
    )
    return replace(
        made,
        waivers=tuple(map(waiver, draw(owners))),
        overrides=tuple(map(override, draw(owners))),
    )


@given(records())
def test_a_run_does_not_differ_from_itself(one: Record) -> None:
    """Between a run and itself nothing differs, even if much is wrong, and nothing is worse."""
    found = diff(one, one)
    assert found.empty
    assert not found.worse
    bad = {s.id for s in one.criteria if s.verdict is not C}
    assert {item.id for item in found.still} == bad


@given(records(), records())
def test_reversed_differences_are_those_of_the_reversed_runs(one: Record, other: Record) -> None:
    """Nothing is lost on the way: diff(A, B) reversed is diff(B, A)."""
    assert turned_round(diff(one, other)) == diff(other, one)


@given(records(), records())
def test_every_criterion_is_named_at_most_once(one: Record, other: Record) -> None:
    """A criterion that differs is of one kind; one that isn't named is CONFIRMED in both."""
    found = diff(one, other)
    named = [item.id for item in (*found.criteria, *found.still)]
    assert len(named) == len(set(named))
    verdicts: dict[str, list[Verdict]] = {}
    for item in (*one.criteria, *other.criteria):
        verdicts.setdefault(item.id, []).append(item.verdict)
    assert {name for name, seen in verdicts.items() if seen != [C, C]} == set(named)
