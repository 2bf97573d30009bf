"""Stages are judged from criteria, and FINAL from stages: upstream, rollup, root cause."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec import UNSET

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import CriterionStatus, Final, StageStatus
from pytest_prodstatus.model.rollup import RUN, judge
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because, rollup
from tests.unit.given import B, C, F, by_id, catalogue, reason, stage, status

STORE = catalogue(
    "oauth",
    "order",
    stage("sale", requires=("order",)),
    stage("profit", requires=("sale",)),
    stage("money", rollup=("sale", "profit")),
    stage("final", rollup=("oauth", "order", "money")),
)
CRITERIA = {"oauth.token": C, "order.bought": C, "sale.exists": C, "profit.positive": C}


def judged(
    stages: Catalogue = STORE, verdicts: dict[str, Verdict] | None = None, **more: object
) -> tuple[dict[str, StageStatus], Final]:
    """Return the store's stages by id and FINAL, with some verdicts other than CONFIRMED."""
    of_criteria = {**CRITERIA, **(verdicts or {})} if stages is STORE else verdicts or {}
    results, final = judge(stages, [status(n, v) for n, v in of_criteria.items()], **more)  # type: ignore[arg-type]
    return {result.id: result for result in results}, final


def test_all_criteria_confirmed_make_all_stages_confirmed() -> None:
    """FINAL is CONFIRMED by a full set of positive observations, and by nothing else."""
    stages, final = judged()
    assert {s.verdict for s in stages.values()} == {C}
    assert final == Final(verdict=C)
    assert all(s.reason is None and s.cause is None for s in stages.values())
    assert judged(catalogue("a"), {"a.x": C})[1] == final


@pytest.mark.parametrize("verdicts", [(a, b) for a in Verdict for b in Verdict])
def test_a_stage_is_the_worst_of_its_criteria(verdicts: tuple[Verdict, ...]) -> None:
    """One FAILED among a hundred criteria is FAILED; there are no weights."""
    given = {f"a.c{n}": v for n, v in enumerate(verdicts)}
    stages, final = judged(catalogue("a"), given)
    assert stages["a"].verdict is final.verdict is rollup(verdicts)


def test_the_first_of_the_worst_gives_the_reason_and_the_cause() -> None:
    """The first of the worst is found in the catalogue's order of criteria, then by id."""
    made = catalogue(stage("a", criteria=("a.z", "a.y")))
    stages, _ = judged(made, {"a.b": F, "a.y": F, "a.z": B, "a.c": F})
    assert stages["a"].cause == "a.y"
    assert stages["a"].reason == reason("a.y is FAILED")
    assert [s.id for s in stages["a"].criteria] == ["a.z", "a.y", "a.b", "a.c"]


def test_parameters_stand_where_their_criterion_is_declared() -> None:
    """Items come where they are declared: by the id without brackets, or each by its own."""
    made = catalogue(stage("a", criteria=("a.z", "a.y[2]", "a.y[1]")))
    stages, _ = judged(made, dict.fromkeys(["a.y[1]", "a.b", "a.z[x]", "a.y[2]", "a.z[a]"], C))
    assert [s.id for s in stages["a"].criteria] == ["a.z[a]", "a.z[x]", "a.y[2]", "a.y[1]", "a.b"]


@pytest.mark.parametrize("order", list(permutations(CRITERIA)))
def test_the_order_of_criteria_is_nothing(order: tuple[str, ...]) -> None:
    """Serial, parallel and shuffled runs are judged equally."""
    worse = {"sale.exists": F, "oauth.token": B}
    same = judge(STORE, [status(n, worse.get(n, C)) for n in CRITERIA])
    assert judge(STORE, [status(n, worse.get(n, C)) for n in order]) == same


class TestEmpty:
    """What wasn't observed is BLOCKED."""

    def test_a_stage_without_criteria(self) -> None:
        """A stage without criteria is BLOCKED, not-run, and is itself the cause."""
        stages, final = judged(catalogue("a"), {})
        assert stages["a"].verdict is B
        assert stages["a"].reason == reason(
            "no test provides a criterion of this stage", Kind.NOT_RUN
        )
        assert stages["a"].cause == "a"
        assert final.verdict is B
        assert final.reason == reason(
            "A STATUS: no test provides a criterion of this stage", Kind.NOT_RUN
        )

    def test_a_stage_whose_file_did_not_collect(self) -> None:
        """What did not collect may have the criteria of a stage that has none."""
        missing = reason("test_a.py did not collect: no module x", Kind.COLLECTION_ERROR)
        other = reason("worker gw0 died", Kind.CRASH)
        (first,), _ = judge(catalogue("a"), [], incidents=(other, missing))
        assert (first.reason, first.cause) == (missing, "a")

    def test_no_stage_at_all(self) -> None:
        """The rollup of nothing is BLOCKED."""
        assert judge(Catalogue(), []) == (
            (),
            Final(verdict=B, **because(reason("there are no stages", Kind.NOT_RUN)), cause=RUN),
        )


class TestUpstream:
    """A CONFIRMED proves nothing while a stage that it requires isn't CONFIRMED."""

    @pytest.mark.parametrize("above", [B, F])
    def test_a_confirmed_is_blocked_and_keeps_its_observation(self, above: Verdict) -> None:
        """A CONFIRMED becomes BLOCKED, upstream; its own observation is kept and shown."""
        stages, _ = judged(verdicts={"order.bought": above})
        (sale,) = stages["sale"].criteria
        assert (sale.verdict, sale.observed) == (B, C)
        assert sale.reason == reason(
            f"ORDER STATUS is {above}, which it requires: order.bought is {above}", Kind.UPSTREAM
        )
        assert (stages["sale"].verdict, stages["sale"].cause) == (B, "order.bought")

    def test_a_failed_stays_failed(self) -> None:
        """A FAILED doesn't become BLOCKED in a downstream stage, and isn't a root cause."""
        stages, _ = judged(verdicts={"order.bought": B, "sale.exists": F})
        assert stages["sale"].criteria[0].reason == reason("sale.exists is FAILED")
        assert stages["sale"].reason == reason("sale.exists is FAILED")
        assert (stages["sale"].verdict, stages["sale"].cause) == (F, "order.bought")

    def test_an_own_reason_comes_before_the_upstream_one(self) -> None:
        """A BLOCKED stage shows its own reason, although the root cause is upstream."""
        stages, _ = judged(verdicts={"order.bought": F, "sale.exists": B})
        assert stages["sale"].reason == reason("sale.exists is BLOCKED")
        assert (stages["sale"].verdict, stages["sale"].cause) == (B, "order.bought")

    def test_it_reaches_through_stages_to_the_root(self) -> None:
        """Sentence and remedy are those of the root, however far above it is."""
        root = reason("the token expired", remedy="renew it")
        broken = status("order.bought", F, reason=root)
        rest = [status(name) for name in CRITERIA if name != broken.id]
        results, _ = judge(STORE, [broken, *rest])
        profit = by_id(s for r in results for s in r.criteria)["profit.positive"]
        assert profit.reason == reason(
            "ORDER STATUS is FAILED, which it requires: the token expired",
            Kind.UPSTREAM,
            remedy="renew it",
        )

    def test_the_worst_required_stage_is_named_first(self) -> None:
        """The worst required stage is named, or of equals the first in `requires`."""
        made = catalogue("a", "b", "c", stage("d", requires=("a", "b", "c")))
        stages, _ = judged(made, {"a.x": B, "b.x": F, "c.x": F, "d.x": C})
        assert stages["d"].cause == "b.x"

    def test_a_stage_without_criteria_is_blocked_by_what_it_requires(self) -> None:
        """The reason of such a stage names the one that it requires."""
        made = catalogue("a", stage("d", requires=("a",)))
        stages, _ = judged(made, {"a.x": F})
        assert stages["d"].reason == reason(
            "A STATUS is FAILED, which it requires: a.x is FAILED", Kind.UPSTREAM
        )

    def test_a_derived_stage_may_require_too(self) -> None:
        """A derived stage is BLOCKED by what it requires, even if its rollup is CONFIRMED."""
        made = catalogue("a", "b", stage("d", rollup=("b",), requires=("a",)))
        stages, _ = judged(made, {"a.x": B, "b.x": C})
        assert (stages["d"].verdict, stages["d"].cause) == (B, "a.x")

    def test_an_upstream_reason_of_old_counts_like_any_other(self) -> None:
        """A BLOCKED is never overlooked, even if its reason is of kind upstream."""
        old = status("a.x", B, reason=reason("long ago", Kind.UPSTREAM))
        (result,), final = judge(catalogue("a"), [old, status("a.y", C)])
        assert (result.verdict, final.verdict) == (B, B)

    def test_an_unselected_stage_does_not_count(self) -> None:
        """For the exit status of a partial run, a stage that was never observed blocks nothing."""
        stages, _ = judged(verdicts={"order.bought": B}, unselected=frozenset(["order"]))
        assert stages["sale"].verdict is C
        assert stages["order"].verdict is B


class TestRollup:
    """A derived stage takes over the worst of the stages that it lists."""

    def test_it_names_the_stage_that_the_reason_comes_from(self) -> None:
        """A reason has one title in front, however many stages roll it up."""
        stages, final = judged(verdicts={"profit.positive": F})
        expected = reason("PROFIT STATUS: profit.positive is FAILED")
        assert stages["money"].reason == stages["final"].reason == final.reason == expected
        assert stages["money"].cause == final.cause == "profit.positive"
        assert stages["money"].derived
        assert not stages["profit"].derived

    def test_its_own_criteria_count_and_give_the_reason(self) -> None:
        """A derived stage may have criteria of its own."""
        stages, _ = judged(verdicts={"money.api-used": F, "profit.positive": F})
        assert stages["money"].cause == "money.api-used"
        stages, final = judged(verdicts={"money.api-used": B, "profit.positive": F})
        assert (stages["money"].verdict, stages["money"].cause) == (F, "profit.positive")
        assert final.reason == reason("PROFIT STATUS: profit.positive is FAILED")

    def test_its_own_reason_travels_with_its_own_title(self) -> None:
        """FINAL names the derived stage whose own criterion gave the reason."""
        _, final = judged(verdicts={"money.api-used": F})
        assert final.reason == reason("MONEY STATUS: money.api-used is FAILED")

    def test_final_depends_on_just_what_it_lists(self) -> None:
        """A stage that FINAL doesn't roll up is judged and shown, but doesn't count for FINAL."""
        made = catalogue("a", "b", stage("final", rollup=("a",)))
        stages, final = judged(made, {"a.x": C, "b.x": F})
        assert (stages["b"].verdict, final.verdict) == (F, C)

    def test_without_a_final_stage_every_stage_counts(self) -> None:
        """FINAL is the rollup of all."""
        _, final = judged(catalogue("a", "b"), {"a.x": C, "b.x": B})
        assert final == Final(verdict=B, **because(reason("B STATUS: b.x is BLOCKED")), cause="b.x")


class TestIncidents:
    """What went wrong outside any criterion caps FINAL at BLOCKED."""

    DIED = reason("worker gw0 died", Kind.CRASH)

    @pytest.mark.parametrize("stages", [STORE, catalogue(*list(STORE.stages)[:5])])
    def test_all_confirmed_is_blocked_all_the_same(self, stages: Catalogue) -> None:
        """An incident caps FINAL with and without a stage `final`, and the two agree."""
        results, final = judge(stages, [status(n) for n in CRITERIA], incidents=[self.DIED])
        assert final == Final(verdict=B, **because(self.DIED), cause=RUN)
        stage_final = [r for r in results if r.id == "final"]
        assert all(r.verdict is B and r.cause == RUN for r in stage_final)
        assert {r.verdict for r in results if r.id != "final"} == {C}

    def test_a_failed_is_not_made_better(self) -> None:
        """A cap only worsens a verdict."""
        _, final = judged(verdicts={"oauth.token": F}, incidents=[self.DIED])
        assert (final.verdict, final.cause) == (F, "oauth.token")

    def test_the_incident_comes_before_another_blocked(self) -> None:
        """The first incident is the reason, since what it cut short explains the rest."""
        _, final = judged(
            verdicts={"oauth.token": B}, incidents=[self.DIED, reason("another", Kind.CRASH)]
        )
        assert (final.verdict, final.reason, final.cause) == (B, self.DIED, RUN)

    def test_it_follows_from_no_stage(self) -> None:
        """It is the cause of a stage `final` that another stage blocks as well."""
        made = catalogue("a", stage("final", requires=("a",)))
        stages, final = judged(made, {"a.x": B, "final.x": C}, incidents=[self.DIED])
        assert (stages["final"].cause, final.cause, final.reason) == (RUN, RUN, self.DIED)
        _, final = judged(made, {"a.x": B, "final.x": C})
        assert final.cause == "a.x"

    def test_a_stage_final_with_criteria_of_its_own_is_capped_too(self) -> None:
        """A stage `final` is capped, whether it is derived or not."""
        stages, final = judged(catalogue("final"), {"final.x": C}, incidents=[self.DIED])
        assert stages["final"].verdict is final.verdict is B


class TestAddress:
    """What isn't CONFIRMED has an owner and a runbook, its own or those of its stage."""

    ANN, BOB = "https://ann.example", "https://bob.example"

    def address(self, own: Reason | None, of_stage: dict[str, str]) -> tuple[object, object]:
        """Return owner and runbook of a criterion with a reason, in a stage that may have both."""
        given = status("a.x", C if own is None else B, reason=own)
        ((result,), _) = judge(catalogue(stage("a", **of_stage)), [given])
        (got,) = result.criteria
        assert (result.owner, result.runbook) == (got.owner, got.runbook)
        return got.owner, got.runbook

    def test_its_own_or_its_stage_s(self) -> None:
        """Each by itself, so that a criterion with an owner may have the runbook of its stage."""
        both = {"owner": "Ann", "runbook": self.ANN}
        assert self.address(reason(), {}) == (UNSET, UNSET)
        assert self.address(reason(), both) == ("Ann", self.ANN)
        assert self.address(reason(), {"owner": "Ann"}) == ("Ann", UNSET)
        assert self.address(reason(), {"runbook": self.ANN}) == (UNSET, self.ANN)
        assert self.address(reason(owner="Bob"), both) == ("Bob", self.ANN)
        assert self.address(reason(runbook=self.BOB), both) == ("Ann", self.BOB)
        assert self.address(reason(owner="Bob", runbook=self.BOB), both) == ("Bob", self.BOB)

    def test_a_confirmed_needs_none(self) -> None:
        """There is nothing to take care of."""
        assert self.address(None, {"owner": "Ann", "runbook": self.ANN}) == (UNSET, UNSET)

    def test_what_is_blocked_above_has_that_of_the_root(self) -> None:
        """Its own stage's owner can do nothing about it."""
        made = catalogue(
            stage("a", owner="Ann", runbook=self.ANN),
            stage("d", owner="Bob", runbook=self.BOB, requires=("a",)),
        )
        results, _ = judge(made, [status("a.x", F), status("d.x", C)])
        (blocked,) = results[1].criteria
        assert (blocked.verdict, blocked.owner, blocked.runbook) == (B, "Ann", self.ANN)

    def test_a_stage_without_criteria_has_its_own(self) -> None:
        """It is its own cause."""
        ((result,), _) = judge(catalogue(stage("a", owner="Ann", runbook=self.ANN)), [])
        assert (result.owner, result.runbook) == ("Ann", self.ANN)


def test_only_upstream_changes_a_status() -> None:
    """The record has each criterion's status as it was observed."""
    given: list[CriterionStatus] = [
        status(n, v) for n, v in zip(CRITERIA, (C, F, F, F), strict=True)
    ]
    results, _ = judge(STORE, given)
    assert [s for r in results for s in r.criteria] == given
