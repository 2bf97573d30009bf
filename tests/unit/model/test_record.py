"""A record keeps its own rules, and makes text safe when it enters."""

from __future__ import annotations

import pytest

from pytest_prodstatus.model.record import Run, StageStatus, Subject
from pytest_prodstatus.model.verdict import Verdict, because
from tests.unit.given import (
    B,
    C,
    F,
    catalogue,
    each_hostile_text,
    in_progress,
    reason,
    record,
    run,
)


def test_criteria_are_in_the_order_of_the_stages() -> None:
    """Criteria come in the order of the stages, not in the order in which they ran."""
    made = record(catalogue("b", "a"), {"a.x": C, "b.y": C, "b.x": C})
    assert [s.id for s in made.criteria] == ["b.x", "b.y", "a.x"]


def test_the_last_finished_record() -> None:
    """The last finished record is the record itself, or the one inside a record in progress."""
    done = record(catalogue("a"), {"a.x": C})
    assert done.last_finished is done
    assert in_progress(done).last_finished is done
    assert in_progress().last_finished is None


@pytest.mark.parametrize(
    ("verdict", "cause", "affected", "root"),
    [
        (C, None, False, False),
        (B, "shop", False, True),
        (F, "shop.open", False, True),
        (B, "api.key", True, False),
        (B, "api", True, False),
        (B, "run", True, False),
        (B, None, False, True),
    ],
)
def test_a_stage_is_affected_from_outside_or_is_a_root(
    verdict: Verdict, cause: str | None, affected: bool, root: bool
) -> None:
    """A stage's root cause is another stage, or itself; a CONFIRMED stage has none."""
    stage = StageStatus(
        id="shop",
        title="SHOP",
        verdict=verdict,
        **because(None if verdict is C else reason()),
        derived=False,
        cause=cause,
        criteria=(),
    )
    assert (stage.is_affected, stage.is_root) == (affected, root)


@each_hostile_text
def test_names_from_outside_are_one_line(text: str) -> None:
    """A release, a host, a run id and a selection can't break a line."""
    made: Run = run(id=text, selection=text, subject=Subject(release=text, endpoints={text: text}))
    lines = [
        made.id,
        made.selection or "",
        made.subject.release or "",
        *made.subject.endpoints,
        *made.subject.endpoints.values(),
    ]
    assert all(len(line.splitlines()) <= 1 for line in lines)
    assert run(id=made.id, selection=made.selection, subject=made.subject) == made
