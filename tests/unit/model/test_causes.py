"""Why FINAL isn't CONFIRMED, and what to do next, is computed once for all outputs."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.codec import write_record
from pytest_prodstatus.model.gate import decide
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.rollup import cause_line, is_said, why_final
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.model.violations import GateQuery
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.board import board_lines
from pytest_prodstatus.writers.document import write_document
from pytest_prodstatus.writers.html.page import page_pieces
from tests.unit.given import NOW, B, C, F, catalogue, observation, reason, record, run, stage

CHAIN = catalogue(
    "order", stage("sale", requires=("order",)), "oauth", stage("all", rollup=("order", "sale"))
)


def lines(stages: Catalogue, verdicts: dict[str, object], *incidents: object) -> list[str]:
    """Return the causes of a record, a line each."""
    made = record(stages, dict(verdicts), of=run(incidents=incidents))
    return list(map(cause_line, made.decision.causes))


class TestCauses:
    """Each root cause is listed once, the worst first."""

    def test_the_worst_comes_first(self) -> None:
        """FAILED comes before BLOCKED, then the cause that blocks the most stages."""
        assert lines(CHAIN, {"order.x": B, "sale.x": C, "oauth.x": F}) == [
            "oauth.x FAILED: seen to be FAILED",
            "order.x BLOCKED: seen to be BLOCKED",
        ]

    def test_of_equals_what_blocks_most_comes_first(self) -> None:
        """Of equal verdicts, what blocks most comes first, then the catalogue's order counts."""
        down = {f"{name}.x": observation(F, reason=reason(name)) for name in ("oauth", "order")}
        made = record(CHAIN, {**down, "sale.x": C}).decision.causes
        assert [cause.ids[0] for cause in made] == ["order.x", "oauth.x"]
        assert [len(cause.stages + cause.affected) for cause in made] == [3, 1]

    def test_what_only_follows_is_not_repeated(self) -> None:
        """Neither a stage that requires the root nor one that rolls it up is a cause."""
        assert lines(CHAIN, {"order.x": F, "sale.x": C, "oauth.x": C}) == [
            "order.x FAILED: seen to be FAILED"
        ]

    def test_final_failed_is_said_beside_a_root_that_is_only_blocked(self) -> None:
        """The line about FINAL names what FAILED, and the root that it is behind."""
        made = record(CHAIN, {"order.x": B, "sale.x": F, "oauth.x": C})
        why = "order.x BLOCKED: seen to be BLOCKED"
        assert why_final(made) == f"SALE STATUS FAILED, behind {why}"
        made = record(CHAIN, {"order.x": B, "sale.x": C, "oauth.x": C})
        assert why_final(made) == why

    def test_what_it_is_behind_is_no_stage_that_does_not_apply(self) -> None:
        """A stage that isn't judged is neither BLOCKED nor the one that keeps FINAL so."""
        absent = stage("none", applies=False, reason="none", owner="Ann")
        stages = catalogue(
            stage("a"), absent, stage("b", requires=("a",)), stage("final", rollup=("b",))
        )
        made = record(stages, {"a.x": F, "b.x": C})
        assert made.final.verdict is B
        assert why_final(made) == "B STATUS BLOCKED, behind a.x FAILED: seen to be FAILED"

    def test_why_final_is_what_went_wrong_with_the_run(self) -> None:
        """In its own words, without a criterion, also beside a cause that blocks more stages."""
        died = reason("worker gw0 died", Kind.CRASH)
        for verdict in (C, B):
            verdicts = {"order.x": verdict, "sale.x": C, "oauth.x": C}
            made = record(CHAIN, verdicts, of=run(incidents=(died,)))
            assert why_final(made) == "worker gw0 died"
        assert why_final(record(Catalogue(), {})) == "there are no stages"
        assert why_final(record(CHAIN, dict.fromkeys(("order.x", "sale.x", "oauth.x"), C))) == ""

    def test_what_failed_below_a_root_is_not_a_root(self) -> None:
        """A FAILED downstream may follow from the root, so it isn't a root; its verdict stays."""
        made = record(CHAIN, {"order.x": B, "sale.x": F, "oauth.x": C})
        (cause,) = made.decision.causes
        assert (cause.verdict, cause.ids, cause.affected) == (B, ("order.x",), ("sale", "all"))
        sale = next(stage for stage in made.stages if stage.id == "sale")
        assert (sale.verdict, sale.cause, sale.is_root) == (F, "order.x", False)
        assert made.final.verdict is F

    def test_one_stopped_service_is_one_cause_and_one_action(self) -> None:
        """Twelve criteria of four stages that fail for one stopped service are one cause."""
        down = observation(F, reason=reason("connection refused", Kind.OBSERVED))
        names = ("available", "content", "search", "checkout")
        made = catalogue(names[0], *(stage(name, requires=(names[0],)) for name in names[1:]))
        got = record(made, {f"{name}.c{n}": down for name in names for n in range(3)})
        (cause,) = got.decision.causes
        assert cause.ids == ("available.c0", "available.c1", "available.c2")
        assert cause.affected == names[1:]
        assert got.decision.actions == ("fix available.c0 and 2 more: connection refused",)

    def test_criteria_that_give_the_same_reason_are_one_cause(self) -> None:
        """Criteria with the same reason are one cause, even in different stages."""
        unset = observation(B, reason=reason("API_KEY is not set", remedy="set API_KEY"))
        got = record(catalogue("a", "b"), {"a.x": unset, "a.y": unset, "b.x": unset})
        (cause,) = got.decision.causes
        assert (cause.ids, cause.stages) == (("a.x", "a.y", "b.x"), ("a", "b"))
        assert got.decision.actions == ("set API_KEY",)

    def test_a_stage_that_has_the_cause_is_not_affected_by_it(self) -> None:
        """A stage with criteria may roll up another, and both may have the same cause."""
        down = observation(F, reason=reason("it is down"))
        made = catalogue("a", stage("all", rollup=("a",)), stage("b", rollup=("all",)))
        (cause,) = record(made, {"a.x": down, "all.x": down}).decision.causes
        assert (cause.stages, cause.affected) == (("a", "all"), ("b",))

    def test_a_stage_without_criteria(self) -> None:
        """A stage without criteria is its own cause."""
        assert lines(catalogue("a", "b"), {"a.x": C}) == [
            "b BLOCKED: no test provides a criterion of this stage"
        ]

    def test_an_incident(self) -> None:
        """An incident is listed once, with or without a stage `final`."""
        died = reason("worker gw0 died", Kind.CRASH)
        final = stage("final", rollup=("a",))
        for stages in (catalogue("a"), catalogue("a", final)):
            assert lines(stages, {"a.x": C}, died) == ["run BLOCKED: worker gw0 died"]

    def test_a_stage_called_run_is_a_stage_like_any_other(self) -> None:
        """A stage with the id `run` isn't taken for an incident."""
        made = catalogue(stage("sale", requires=("run",)), "run")
        assert lines(made, {"run.x": B, "sale.x": C}) == ["run.x BLOCKED: seen to be BLOCKED"]
        assert lines(made, {"sale.x": C}) == [
            "run BLOCKED: no test provides a criterion of this stage"
        ]

    def test_all_confirmed(self) -> None:
        """If all is CONFIRMED, there is no cause and nothing to do."""
        made = record(catalogue("a"), {"a.x": C}).decision
        assert (made.causes, made.actions) == ((), ())


class TestActions:
    """Each action is listed once."""

    def test_what_unblocks_most_comes_first(self) -> None:
        """Remedies come by the number of stages that wait for them, then in order."""
        made = catalogue("solo", "a", stage("b", requires=("a",)), stage("c", requires=("b",)))
        seen = {
            "solo.x": observation(B, reason=reason("s", remedy="do the small thing")),
            "solo.y": observation(B, reason=reason("s", remedy="do another thing")),
            "a.x": observation(B, reason=reason("r", remedy="do the big thing")),
            "b.x": observation(),
            "c.x": observation(),
        }
        got = record(made, dict(seen)).decision.actions
        assert got == ("do the big thing", "do the small thing", "do another thing")

    def test_also_before_what_failed(self) -> None:
        """What unblocks more stages comes first, even before a fix of what FAILED."""
        made = catalogue("a", stage("b", requires=("a",)), stage("c"), stage("d", requires=("b",)))
        seen = {
            "a.x": observation(B, reason=reason("r", remedy="arm it")),
            "b.x": observation(),
            "c.x": F,
            "d.x": observation(),
        }
        got = record(made, dict(seen)).decision.actions
        assert got == ("arm it", "fix c.x: seen to be FAILED")

    def test_nothing_is_made_up(self) -> None:
        """A BLOCKED without a known remedy gives no action."""
        made = record(catalogue("a"), {"a.x": observation(B, reason=reason("r"))})
        assert made.decision.actions == ()

    def test_a_skip_is_named(self) -> None:
        """What was skipped can be run: the action names it and says why it was skipped."""
        skipped = observation(B, reason=reason("not today", Kind.SKIPPED))
        made = record(catalogue("a"), {"a.x": skipped, "a.y": skipped})
        assert made.decision.actions == ("run a.x and 1 more, which was skipped: not today",)

    def test_a_skip_with_a_remedy_needs_no_other(self) -> None:
        """The test said what to do."""
        skipped = observation(B, reason=reason("not today", Kind.SKIPPED, remedy="wait a day"))
        assert record(catalogue("a"), {"a.x": skipped}).decision.actions == ("wait a day",)

    def test_a_skipped_file_is_no_criterion_to_run(self) -> None:
        """It is an incident of the run, and what it holds isn't known."""
        skipped = run(incidents=(reason("test_a.py was skipped: no server", Kind.SKIPPED),))
        assert record(catalogue("a"), {"a.x": C}, of=skipped).decision.actions == ()

    def test_an_error_names_its_criterion(self) -> None:
        """Several tests raised: each action says which one."""
        key, end = (
            reason(text, Kind.ERROR, remedy=f"it raised {text}") for text in ("KeyError", "OSError")
        )
        seen = {"a.x": observation(F, reason=key), "a.y": observation(F, reason=end)}
        actions = record(catalogue("a"), seen).decision.actions
        assert actions == ("a.x: it raised KeyError", "a.y: it raised OSError")
        assert is_said(end, actions)
        assert not is_said(replace(end, remedy="it raised TypeError"), actions)

    def test_what_to_do_in_a_test_names_it(self) -> None:
        """A remedy of `blocked()` stays as it is."""
        doubt = reason("it returned a value", Kind.PROVES_NOTHING, remedy="return nothing")
        armed = reason("it is not armed", remedy="arm it")
        seen = {"a.x": observation(B, reason=doubt), "a.y": observation(B, reason=armed)}
        made = record(catalogue("a"), dict(seen))
        assert made.decision.actions == ("a.x: return nothing", "arm it")
        assert is_said(doubt, made.decision.actions)
        assert is_said(armed, made.decision.actions)
        assert not is_said(armed, made.decision.actions[:1])

    def test_one_remedy_of_several_tests_is_one_action(self) -> None:
        """What is to be done to tests names the first, also if their reasons differ.

        What helps the system is another action, even if it is said in the same words.
        """
        a, b = (reason(t, Kind.NO_ASSERTION, remedy="assert something") for t in ("line 3", "none"))
        seen = {"a.x": observation(B, reason=a), "b.y": observation(B, reason=b)}
        action = "a.x and 1 more: assert something"
        assert record(catalogue("a", "b"), dict(seen)).decision.actions == (action,)
        seen["b.z"] = observation(B, reason=reason("down", remedy="assert something"))
        got = record(catalogue("a", "b"), dict(seen)).decision.actions
        assert got == (action, "assert something")

    @pytest.mark.parametrize(
        ("remedy", "action"),
        [
            ("the set-up raised OSError", "a.x and 1 more: the set-up raised OSError"),
            (None, "fix a.x and 1 more: set-up failed: no order"),
        ],
    )
    def test_a_failed_set_up_is_something_to_do(self, remedy: str | None, action: str) -> None:
        """A fixture that failed blocks, and the action names whose it is as for a failed test."""
        why = reason("set-up failed: no order", Kind.SETUP_ERROR, remedy=remedy)
        broken = observation(B, reason=why)
        made = record(catalogue("a"), {"a.x": broken, "a.y": broken})
        assert made.decision.actions == (action,)


STAGES = catalogue(
    "first",
    "second",
    stage("third", requires=("first",)),
    stage("fourth", requires=("second", "third")),
    stage("final", rollup=("first", "second", "third", "fourth")),
)
KINDS = {
    "C": observation(),
    "F": observation(F),
    "G": observation(F, reason=reason("it is down", Kind.OBSERVED)),
    "B": observation(B, reason=reason("KEY is not set", Kind.MISSING_CONFIG, remedy="set KEY")),
    "D": observation(B, reason=reason("no data yet", Kind.NO_DATA, remedy="wait for data")),
}
NAMES = [f"{name}.{n}" for name in ("first", "second", "third", "fourth") for n in "xy"]


def numbered(texts: list[str]) -> list[str]:
    """Return a numbered list's items, whose lines were wrapped."""
    joined = " ".join(text.strip() for text in texts)
    return [part.strip() for part in re.split(r"(?:^|\s)\d+\. ", joined) if part.strip()]


def printed_actions(made: Record, config: Config) -> dict[str, list[str]]:
    """Return what to do next as every output prints it."""
    board = [line.text for line in board_lines(made)]
    document = write_document(made, config, None).content.decode()
    (field,) = re.findall(r"\*\*NEXT ACTIONS:\*\*\s(.*?)\n\n\*\*", document, re.DOTALL)
    page = "".join(page_pieces(made, config))
    section = page.partition('id="next"')[2].partition("</section>")[0]
    answer = decide(made, STAGES, GateQuery(target="demo"), NOW)
    data = json.loads(write_record(made))
    return {
        "board": numbered(board[board.index("Next:") + 1 :]) if "Next:" in board else [],
        "document": numbered(field.splitlines()) if field != "none" else [],
        "page": re.findall(r"<li>(.*?)</li>", section),
        "record": data["decision"]["actions"],
        "gate": list(answer.actions),
    }


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=len(NAMES), max_size=len(NAMES)))
def test_every_output_gives_the_same_actions_and_causes(drawn: list[str]) -> None:
    """Board, document, page, record and gate give the same causes and actions in one order."""
    seen = {name: KINDS[kind] for name, kind in zip(NAMES, drawn, strict=True)}
    made = record(STAGES, dict(seen), of=run(catalogue=STAGES.digest))
    config = Config(catalogue=STAGES)
    printed = printed_actions(made, config)
    assert all(actions == printed["gate"] for actions in printed.values()), printed
    answer = decide(made, STAGES, GateQuery(target="demo"), NOW)
    assert answer.causes == made.decision.causes
    page = "".join(page_pieces(made, config))
    closed_by = re.findall(r'<th scope="row">Closed by</th><td>(.*?)</td>', page)
    assert closed_by == list(map(cause_line, made.decision.causes))
    assert bool(made.decision.causes) is (made.final.verdict is not Verdict.CONFIRMED)


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=len(NAMES), max_size=len(NAMES)))
def test_no_cause_is_below_another(drawn: list[str]) -> None:
    """A stage that requires one which isn't CONFIRMED is never a root, nor is its FAILED."""
    seen = {name: KINDS[kind] for name, kind in zip(NAMES, drawn, strict=True)}
    made = record(STAGES, dict(seen))
    verdicts = {stage.id: stage.verdict for stage in made.stages}
    for cause in made.decision.causes:
        for name in cause.stages:
            assert all(verdicts[above] is C for above in STAGES.by_id[name].requires)
    roots = {name for cause in made.decision.causes for name in cause.stages}
    assert {stage.id for stage in made.stages if stage.is_root} == roots
    assert replace(made) == made
