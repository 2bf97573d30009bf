"""Every criterion of the catalogue, the denominator, has a status, observed or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue, Criterion
from pytest_prodstatus.model.criterion_status import (
    KilledRun,
    criterion_statuses,
    valid_until,
)
from pytest_prodstatus.model.evidence import Attachment, Entry
from pytest_prodstatus.model.outcome import NO_EVIDENCE
from pytest_prodstatus.model.record import CriterionStatus, Record, Subject
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    by_id,
    catalogue,
    criterion,
    entry,
    observation,
    reason,
    record,
    run,
    run_data,
    stage,
    status,
)

ONE = catalogue(stage("a", criteria=("a.x", "a.y")), "b")
BROKEN = reason("test_a.py did not collect: boom", Kind.COLLECTION_ERROR)


def stand(
    stages: Catalogue = ONE,
    observed: dict[str, Any] | None = None,
    /,
    **more: Any,
) -> dict[str, CriterionStatus]:
    """Return the statuses by criterion."""
    return by_id(criterion_statuses(run_data(stages, observed, **more), run(), NOW))


def former(
    verdicts: dict[str, Any], at: datetime = NOW - HOUR, release: str | None = "v1", **more: Any
) -> Record:
    """Return the record of an earlier run, by default of the same release."""
    seen = {
        name: value if not isinstance(value, Verdict) else observation(value, observed_at=at)
        for name, value in verdicts.items()
    }
    earlier = run(id="run-0", subject=Subject(release=release))
    return record(ONE, seen, of=earlier, **more)


def narrowed(*selected: str, of: tuple[str, ...] = ("a.x", "a.y", "b.x")) -> dict[str, Any]:
    """Return the data of a run that collected some criteria and selected fewer."""
    return {"collected": tuple(map(criterion, of)), "selected": frozenset(selected)}


class TestObserved:
    """A criterion that ran has the status that was observed."""

    def test_it_stands_as_it_was_seen(self) -> None:
        """A status has verdict, evidence and attempts, and which run saw it about which release."""
        seen = observation(C, evidence=(entry(),), duration=2.5, attempts=2, flaky=True)
        tests = (criterion("a.x", side_effects=True, title="X holds"),)
        assert stand(ONE, {"a.x": seen}, collected=tests)["a.x"] == CriterionStatus(
            id="a.x", title="X holds", nodeid="test_a.py::test_x", verdict=C, observed=C,
            observed_at=NOW, evidence=(entry(),), duration=2.5, attempts=2, flaky=True,
            side_effects=True, run_id="run-1", subject="v1",
        )  # fmt: skip

    def test_what_it_attached_is_kept(self) -> None:
        """A criterion without attachments has no such field."""
        file = Attachment(name="a.png", media_type="image/png", size=3, sha256="0" * 64)
        got = stand(ONE, {"a.x": observation(F, attachments=(file,)), "a.y": observation()})
        assert (got["a.x"].attachments, got["a.y"].attachments) == ((file,), UNSET)

    def test_half_a_run_observed_nothing(self) -> None:
        """A test that ended half-way is BLOCKED, not-run, unobserved; its evidence is kept."""
        half = observation(B, reason=reason("cut", Kind.NOT_RUN), evidence=(entry(),))
        got = stand(ONE, {"a.x": half})["a.x"]
        assert (got.verdict, got.observed, got.evidence) == (B, None, (entry(),))

    def test_a_selected_one_that_was_not_reached(self) -> None:
        """A selected criterion that wasn't reached is BLOCKED, not-run."""
        got = stand(collected=(criterion("a.x"),))
        assert got["a.x"].reason == reason("it was not reached", Kind.NOT_RUN)
        assert (got["a.x"].verdict, got["a.x"].observed, got["a.x"].selected) == (B, None, True)

    @pytest.mark.parametrize("valid_for", [HOUR / 2, HOUR])
    def test_what_is_older_than_the_run_may_be_stale(self, valid_for: timedelta) -> None:
        """What a test showed of an earlier instant; what this run saw is fresh when it ends."""
        stages = catalogue(stage("a", valid_for=valid_for))
        started = NOW - HOUR / 4
        for at, fresh in ((NOW - 3 * HOUR / 4, valid_for == HOUR), (started, True)):
            seen = run_data(stages, {"a.x": observation(observed_at=at)})
            (got,) = criterion_statuses(seen, run(started=started), NOW)
            assert (got.verdict, got.observed) == (C if fresh else B, C)
            assert got.kind is (None if fresh else Kind.STALE)
        late = replace(stages.stages[0], valid_for=HOUR / 8)
        seen = run_data(catalogue(late), {"a.x": observation(observed_at=started)})
        assert criterion_statuses(seen, run(started=started), NOW)[0].verdict is C

    def test_its_mark_names_who_takes_care_of_it(self) -> None:
        """Also of what was carried over, whose former owner or runbook counts beside it."""
        url, other = "https://a.example", "https://b.example"
        both = (criterion("a.x", owner="Ann", runbook=url),)
        for verdict in (F, B):
            got = stand(ONE, {"a.x": observation(verdict)}, collected=both)["a.x"]
            assert (got.owner, got.runbook) == ("Ann", url)
        held = stand(ONE, {"a.x": observation()}, collected=both)["a.x"]
        assert (held.owner, held.runbook) == (UNSET, UNSET)
        why = reason(owner="Bob", runbook=other)
        before = former({"a.x": observation(F, reason=why)})
        for more, address in (
            ({}, ("Bob", other)),
            ({"owner": "Ann"}, ("Ann", other)),
            ({"runbook": url}, ("Bob", url)),
        ):
            tests = (criterion("a.x", **more),)
            got = stand(former=before, collected=tests, selected=frozenset())["a.x"]
            assert (got.owner, got.runbook) == address


class TestUnprovided:
    """A declared criterion that no test provides is BLOCKED, by name."""

    def test_deleted_or_renamed_or_never_written(self) -> None:
        """A declared criterion without a test is BLOCKED, not-run, with a title and a remedy."""
        got = stand(ONE, {"a.x": observation(), "a.new-name": observation()})["a.y"]
        assert got == CriterionStatus(
            id="a.y",
            title="Y",
            nodeid=None,
            verdict=B,
            **because(
                Reason(
                    text="no test provides it",
                    kind=Kind.NOT_RUN,
                    remedy="write a test for each criterion of stage a that has none, "
                    "or take it out of the catalogue",
                )
            ),
        )

    def test_one_parameter_is_enough(self) -> None:
        """The id without brackets stands for all items, at least one of which must run."""
        got = stand(ONE, {"a.x[eu]": observation(), "a.x[us]": observation(F)})
        assert set(got) == {"a.x[eu]", "a.x[us]", "a.y"}

    def test_a_declared_parameter_must_be_that_one(self) -> None:
        """An id with brackets stands for itself."""
        made = catalogue(stage("a", criteria=("a.x[eu]", "a.x[us]")))
        got = stand(made, {"a.x[eu]": observation()})
        assert {name: s.verdict for name, s in got.items()} == {"a.x[eu]": C, "a.x[us]": B}

    @pytest.mark.parametrize(
        ("more", "selected", "text"),
        [
            ({"stages": frozenset("a")}, True, "no test provides it"),
            ({"stages": frozenset("b")}, False, "no test provides it"),
            ({"restricted": True}, False, "it was not selected, and no run observed it"),
        ],
    )
    def test_only_a_run_that_looked_for_it_is_blamed(
        self, more: dict[str, Any], selected: bool, text: str
    ) -> None:
        """`--stage b` doesn't select stage a; a path may leave its file out."""
        got = stand(**more)["a.x"]
        assert got.reason is not None
        assert (got.selected, got.reason.text, got.verdict) == (selected, text, B)
        assert got.reason.kind is Kind.NOT_RUN

    def test_a_file_that_did_not_collect_may_have_provided_it(self) -> None:
        """The collection error is the reason, and the same one in any order of reports."""
        other = reason("test_b.py did not collect", Kind.COLLECTION_ERROR)
        for missing in (
            {"test_a.py": BROKEN, "test_b.py": other},
            {"test_b.py": other, "test_a.py": BROKEN},
        ):
            got = stand(missing=missing)
            assert got["a.x"].reason == got["a.y"].reason == BROKEN

    def test_one_that_never_was_is_not_carried_over(self) -> None:
        """If a test provides it now, only the test counts, even if only a part was collected."""
        before = former({"a.y": C})
        got = stand(ONE, {"a.x[eu]": observation()}, former=before, restricted=True)
        assert set(got) == {"a.x[eu]", "a.y"}


class TestCarriedOver:
    """Each criterion that a partial run didn't select keeps its status."""

    @pytest.mark.parametrize("verdict", [F, B])
    def test_what_is_not_confirmed_stays(self, verdict: Verdict) -> None:
        """A FAILED or BLOCKED stays, however old, with its own reason, run and release."""
        before = former({"a.x": verdict}, at=NOW - 1_000 * HOUR, release="v0")
        got = stand(former=before, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.observed, got.carried_over, got.selected) == (
            verdict, verdict, True, False,
        )  # fmt: skip
        assert got.reason == reason(f"seen to be {verdict}")
        assert (got.run_id, got.subject) == ("run-0", "v0")
        assert got.observed_at == NOW - 1_000 * HOUR

    @pytest.mark.parametrize("hours", [0, 1, 24])
    def test_a_fresh_confirmed_stays(self, hours: int) -> None:
        """A CONFIRMED stays within `valid_for`, to the instant."""
        got = stand(former=former({"a.x": C}, at=NOW - hours * HOUR), **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.reason, got.carried_over) == (C, None, True)

    def test_a_confirmed_of_another_release_is_stale(self) -> None:
        """A CONFIRMED of another release says nothing about the one that is judged now."""
        before = former({"a.x": C}, release="v0")
        got = stand(former=before, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.observed, got.subject) == (B, C, "v0")
        assert got.reason == Reason(
            text="it was CONFIRMED of release 'v0', not of 'v1'",
            kind=Kind.STALE,
            remedy="run again with --stage a",
        )

    def test_a_stage_may_be_declared_to_outlive_a_release(self) -> None:
        """A `valid_for` beyond the default, as of a real order, outlives a release."""
        long = catalogue(stage("a", valid_for=timedelta(days=30)), "b")
        before = former({"a.x": C}, release="v0")
        got = stand(long, former=before, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.reason) == (C, None)

    def test_a_run_that_names_no_release_carries_none_of_a_named_one_over(self) -> None:
        """By now, another release may run than the one that was named; one never named stays."""
        unnamed = run(subject=Subject())
        made = run_data(ONE, None, former=former({"a.x": C}), **narrowed("b.x"))
        got = by_id(criterion_statuses(made, unnamed, NOW))["a.x"]
        assert (got.verdict, got.observed, got.kind) == (B, C, Kind.STALE)
        assert got.sentence == "it was CONFIRMED of release 'v1', and this run names none"
        assert "--prodstatus-subject=v1" in (got.remedy or "")
        made = run_data(ONE, None, former=former({"a.x": C}, release=None), **narrowed("b.x"))
        assert by_id(criterion_statuses(made, unnamed, NOW))["a.x"].verdict is C
        long = catalogue(stage("a", valid_for=timedelta(days=30)), "b")
        made = run_data(long, None, former=former({"a.x": C}), **narrowed("b.x"))
        assert by_id(criterion_statuses(made, unnamed, NOW))["a.x"].verdict is C

    @pytest.mark.parametrize("required", [True, False])
    @pytest.mark.parametrize("evidence", [(), (entry(),)])
    def test_required_evidence_is_required_of_it_too(
        self, evidence: tuple[Entry, ...], required: bool
    ) -> None:
        """Today's configuration counts, not the one of the run that observed it."""
        before = former({"a.x": observation(C, evidence=evidence)})
        got = stand(former=before, require_evidence=required, **narrowed("b.x"))["a.x"]
        lacking = required and not evidence
        assert (got.verdict, got.observed) == (B if lacking else C, C)
        assert got.reason == (NO_EVIDENCE if lacking else None)

    def test_required_evidence_hides_no_failure(self) -> None:
        """A FAILED without evidence stays what it is."""
        got = stand(former=former({"a.x": F}), require_evidence=True, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.kind) == (F, Kind.OBSERVED)

    def test_an_old_confirmed_is_stale(self) -> None:
        """Beyond `valid_for` a CONFIRMED is BLOCKED, stale, with a remedy."""
        at = NOW - 24 * HOUR - timedelta(milliseconds=1)
        got = stand(former=former({"a.x": C}, at=at), **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.observed) == (B, C)
        assert got.reason == Reason(
            text="it was CONFIRMED 24 h ago, which was valid for 1d",
            kind=Kind.STALE,
            remedy="run again with --stage a",
        )

    @pytest.mark.parametrize("at", [None, NOW + 25 * HOUR])
    def test_one_that_nothing_dates_is_stale(self, at: datetime | None) -> None:
        """A CONFIRMED without a date, or dated by a clock that is a day ahead, is stale."""
        got = stand(former=former({"a.x": C}, at=at), **narrowed("b.x"))["a.x"]  # type: ignore[arg-type]
        assert got.verdict is B
        assert got.reason is not None
        assert got.reason.text.startswith("it was CONFIRMED an unknown time ago")

    def test_two_machines_may_differ_a_little(self) -> None:
        """An observation of a moment from now is fresh."""
        got = stand(former=former({"a.x": C}, at=NOW + HOUR), **narrowed("b.x"))["a.x"]
        assert got.verdict is C

    def test_each_stage_has_its_own_validity(self) -> None:
        """The `valid_for` of its stage decides how long a criterion is valid."""
        made = catalogue(stage("a", valid_for=30 * 24 * HOUR), stage("b", valid_for=HOUR))
        before = former({"a.x": C, "b.x": C}, at=NOW - 5 * HOUR)
        got = stand(made, former=before, **narrowed())
        assert (got["a.x"].verdict, got["b.x"].verdict) == (C, B)

    def test_an_upstream_block_is_not_carried(self) -> None:
        """The criterion's own observation is carried; what blocks it is computed for each run."""
        made = catalogue("b", stage("a", requires=("b",)))
        before = record(made, {"a.x": C, "b.x": F})
        got = stand(made, former=before, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.reason) == (C, None)

    def test_a_stale_one_stays_stale(self) -> None:
        """Age counts from the observation, not from the last time it was looked up."""
        first = stand(former=former({"a.x": C}, at=NOW - 25 * HOUR), **narrowed("b.x"))["a.x"]
        assert first.observed_at == NOW - 25 * HOUR
        before = record(ONE, {}, former=former({"a.x": C}, at=NOW - 25 * HOUR), **narrowed())
        assert stand(former=before, **narrowed("b.x"))["a.x"].verdict is B

    def test_a_distrusted_one_stays_distrusted(self) -> None:
        """A trusted record that carried it over has not observed it; only a run of its own has.

        Neither does a block from above hide the distrust.
        """
        made = catalogue("b", stage("a", requires=("b",)))
        why = reason("the record isn't signed", Kind.UNTRUSTED)
        before = record(made, {"a.x": C, "b.x": C})
        before = record(made, {"b.x": F}, former=before, untrusted=why, **narrowed("b.x"))
        got = stand(made, former=before, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.reason, got.observed) == (B, why, C)
        ran = {"a.x": observation(C)}
        seen = stand(made, ran, former=before, **narrowed("a.x"))["a.x"]
        assert (seen.verdict, seen.reason) == (C, None)

    def test_one_that_never_ran_is_carried_as_nothing(self) -> None:
        """A criterion that no run observed is carried over as not observed."""
        before = record(ONE, {}, collected=(criterion("a.x"),))
        got = stand(former=before, **narrowed("b.x"))["a.x"]
        assert (got.verdict, got.observed, got.carried_over) == (B, None, False)
        assert got.reason == reason("it was not reached", Kind.NOT_RUN)

    def test_one_that_no_run_observed(self) -> None:
        """A criterion that no record knows is BLOCKED, not-run."""
        got = stand(**narrowed("b.x"))["a.x"]
        assert got.reason == reason(
            "it was not selected, and no earlier run observed it", Kind.NOT_RUN
        )
        assert not got.selected

    def test_todays_test_names_it(self) -> None:
        """Title, node id and side effects come from today's test."""
        tests = (criterion("a.x", title="New title", nodeid="moved.py::test_x", side_effects=True),)
        got = stand(former=former({"a.x": C}), collected=tests, selected=frozenset())["a.x"]
        assert (got.title, got.nodeid, got.side_effects) == ("New title", "moved.py::test_x", True)

    def test_one_whose_test_is_not_seen_to_be_the_same_does_not_count(self) -> None:
        """Its CONFIRMED may be of another test; a FAILED stays."""
        why = reason("test_a.py was not looked at", Kind.NOT_RUN)
        before = former({"a.x": C, "a.y": F, "b.x": C})
        got = stand(former=before, unseen={"a.x": why, "a.y": why}, **narrowed())
        assert (got["a.x"].verdict, got["a.x"].reason, got["a.x"].observed) == (B, why, C)
        assert (got["a.y"].verdict, got["a.y"].reason) == (F, reason("seen to be FAILED"))
        assert got["b.x"].verdict is C

    @pytest.mark.parametrize("unknown", ["", "a run was killed"])
    def test_what_acts_on_the_world_and_is_held_back(self, unknown: str) -> None:
        """It counts as selected, and says what to do if it may have been started before."""
        got = stand(held=frozenset(["a.x"]), starts_unknown=unknown, **narrowed("b.x"))
        assert (got["a.x"].verdict, got["a.x"].selected) == (B, True)
        assert (got["a.y"].verdict, got["a.y"].selected) == (B, False)
        never = reason("it was not selected, and no earlier run observed it", Kind.NOT_RUN)
        assert got["a.y"].reason == never
        assert got["a.x"].reason == (
            reason(
                "it acts on the world, and may have started before: a run was killed",
                Kind.NOT_RUN,
                remedy="to let it act, run everything, or name it, as in --stage a",
            )
            if unknown
            else never
        )

    def test_a_killed_run_may_have_seen_otherwise(self) -> None:
        """What it may have run and was CONFIRMED isn't known; another verdict is no better."""
        before = former({"a.x": C, "a.y": F, "b.x": C})
        got = stand(former=before, killed=KilledRun(run="run-9"), **narrowed())
        assert {name: s.verdict for name, s in got.items()} == {"a.x": B, "a.y": F, "b.x": B}
        assert (got["a.x"].observed, got["a.x"].carried_over, got["a.x"].selected) == (
            None, False, False,
        )  # fmt: skip
        assert got["a.x"].reason == reason(
            "run run-9 was killed, and may have seen otherwise", Kind.NOT_RUN, remedy="run it again"
        )
        limited = KilledRun(run="run-9", stages=frozenset("b"))
        got = stand(former=before, killed=limited, **narrowed())
        assert {name: s.verdict for name, s in got.items()} == {"a.x": C, "a.y": F, "b.x": B}


class TestUncollected:
    """A criterion that this run didn't collect is kept, BLOCKED or gone, depending on why."""

    @pytest.mark.parametrize("stages", [None, frozenset("a")])
    def test_its_file_did_not_collect(self, stages: frozenset[str] | None) -> None:
        """A selected criterion whose file didn't collect is BLOCKED, collection-error."""
        missing = {"test_a.py": BROKEN}
        got = stand(former=former({"a.x": C, "b.x": C}), missing=missing, stages=stages)["a.x"]
        assert (got.verdict, got.observed, got.reason, got.selected) == (B, None, BROKEN, True)
        assert got.nodeid == "test_a.py::test_x"

    def test_its_file_did_not_collect_but_it_was_not_selected(self) -> None:
        """A run of another stage doesn't overwrite a criterion that it didn't select."""
        missing = {"test_a.py": BROKEN}
        got = stand(former=former({"a.x": C}), missing=missing, stages=frozenset("b"))["a.x"]
        assert (got.verdict, got.carried_over, got.selected) == (C, True, False)

    def test_another_file_was_named(self) -> None:
        """If another file was named, the criterion is carried over: its test may still exist."""
        got = stand(former=former({"b.x": C}), restricted=True, files=frozenset(["test_a.py"]))
        assert (got["b.x"].verdict, got["b.x"].carried_over) == (C, True)

    @pytest.mark.parametrize(
        "more",
        [{}, {"restricted": True, "files": frozenset(["test_b.py"])}, {"stages": frozenset("a")}],
    )
    def test_it_was_deleted(self, more: dict[str, Any]) -> None:
        """A criterion that isn't in its file any more, which was collected completely, is gone."""
        assert "b.x" not in stand(former=former({"b.x": C}), **more)

    @pytest.mark.parametrize(
        ("verdict", "more", "kept"),
        [
            (F, {}, True),
            (B, {}, True),
            (C, {}, False),
            (F, {"sources": {"test_a.py": "edited"}}, False),
            (F, {"sources": {}}, False),
            (F, {"selected": frozenset(["a.x[eu]", "b.y"])}, False),
            (F, {"selected": frozenset(["b.y"])}, False),
            (F, {"selected": frozenset(["a.x[eu]"])}, True),
            (F, {"of": run(shard="1/2")}, False),
        ],
    )
    @pytest.mark.parametrize("met", [False, True])
    def test_a_parameter_that_is_left_out_for_once(
        self, *, verdict: Verdict, more: dict[str, Any], kept: bool, met: bool
    ) -> None:
        """What wasn't CONFIRMED stays so until all of its unedited file runs without it.

        A shard runs a part of the file. With `--unmet` it counts as selected, since it is unmet.
        """
        before = former({"a.x[eu]": C, "b.x": verdict})
        files = {"a.x[eu]": "test_a.py", "b.y": "test_b.py", "b.x": "test_b.py"}
        sources = {"test_a.py": "1", "test_b.py": "1"}
        before = replace(
            before,
            stages=tuple(
                replace(s, criteria=tuple(replace(c, source="1") for c in s.criteria))
                for s in before.stages
            ),
        )
        given = {"sources": sources, "selected": frozenset(), "met": met, **more}
        of = given.pop("of", run())
        tests = tuple(criterion(name, nodeid=f"{files[name]}::t") for name in ("a.x[eu]", "b.y"))
        data = run_data(ONE, {}, collected=tests, former=before, **given)
        got = by_id(criterion_statuses(data, of, NOW))
        assert ("b.x" in got) is kept
        if kept:
            assert (got["b.x"].verdict, got["b.x"].carried_over) == (verdict, True)
            assert got["b.x"].selected is met

    def test_a_plugin_left_its_file_out(self) -> None:
        """It is still there, so its criterion is carried over, though nothing limits the run."""
        got = stand(former=former({"b.x": C}), ignored=frozenset(["test_b.py"]))
        assert (got["b.x"].verdict, got["b.x"].carried_over) == (C, True)

    def test_a_file_that_can_not_be_read_may_have_been_edited(self) -> None:
        """Two digests that aren't known are not the same file."""
        tests = (criterion("b.y", nodeid="test_b.py::t"),)
        unread = {"sources": {"test_b.py": ""}, "selected": frozenset()}
        assert "b.x" not in stand(collected=tests, former=former({"b.x": F}), **unread)

    def test_a_declared_one_that_was_deleted_is_named(self) -> None:
        """Deleting a test never makes the denominator smaller."""
        got = stand(former=former({"a.x": C}))["a.x"]
        assert (got.verdict, got.nodeid) == (B, None)

    @pytest.mark.parametrize("more", [{}, {"restricted": True, "files": frozenset(["test_a.py"])}])
    def test_the_test_that_is_gone_is_named(self, more: dict[str, Any]) -> None:
        """Its file was looked through, so its criterion is no longer provided."""
        got = stand(former=former({"a.x": C}), **more)["a.x"]
        assert got.sentence == (
            "no test provides it: test_a.py::test_x, which did, is no longer collected"
        )

    def test_its_file_was_deleted(self) -> None:
        """A partial run carries nothing over that no longer exists; what is declared is named."""
        before = former({"a.x": C, "b.x": C})
        gone = {"restricted": True, "gone": frozenset(["test_a.py", "test_b.py"])}
        got = stand(former=before, **gone)
        assert "b.x" not in got
        assert (got["a.x"].verdict, got["a.x"].carried_over, got["a.x"].selected) == (
            B, False, False,
        )  # fmt: skip
        assert got["a.x"].reason == Reason(
            text="no test provides it: test_a.py no longer exists",
            kind=Kind.NOT_RUN,
            remedy="write a test for each criterion of stage a that has none, "
            "or take it out of the catalogue",
        )
        other = got["a.y"].reason
        assert other == reason("it was not selected, and no run observed it", Kind.NOT_RUN)

    def test_the_file_of_its_parameters_was_deleted(self) -> None:
        """Its declared id has no brackets."""
        gone = frozenset(["test_a.py"])
        got = stand(former=former({"a.x[eu]": C}), restricted=True, gone=gone)
        assert "test_a.py no longer exists" in (got["a.x"].sentence or "")
        assert "a.x[eu]" not in got

    def test_its_stage_is_gone(self) -> None:
        """A stage that was taken out of the catalogue takes its criteria along."""
        made = catalogue("b")
        assert stand(made, former=former({"a.x": C}), restricted=True) == {}


def test_the_same_test_is_never_counted_twice() -> None:
    """Every id appears once, even if several sources know it."""
    names = ("a.x", "a.y", "b.x")
    tests: tuple[Criterion, ...] = tuple(map(criterion, names))
    data = run_data(
        ONE,
        {"a.x": observation(F)},
        collected=tests,
        former=former(dict.fromkeys(names, C)),
        restricted=True,
    )
    got = criterion_statuses(data, run(), NOW)
    assert sorted(s.id for s in got) == sorted(names)
    assert by_id(got)["a.x"].verdict is F


def test_the_first_confirmed_that_ends() -> None:
    """A FAILED has no end; an undeclared stage has the default validity."""
    made = catalogue(stage("a", valid_for=HOUR), "b")
    seen = [status("a.x", F, observed_at=NOW - HOUR), status("a.y", observed_at=None)]
    assert valid_until(seen, made) is None
    seen += [status("b.x"), status("c.x", observed_at=NOW - HOUR)]
    assert valid_until(seen, made) == NOW + 23 * HOUR
    assert valid_until([*seen, status("a.z")], made) == NOW + HOUR
