"""A record keeps its own rules, and makes text safe when it enters."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from msgspec import ValidationError, convert, inspect, to_builtins
from msgspec.structs import replace

from pytest_prodstatus.model.record import SIGN, UNSIGNED, Record, Run, StageStatus, Subject
from pytest_prodstatus.model.verdict import Kind, Verdict, because
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
    status,
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


@pytest.mark.parametrize(
    ("verdict", "kind", "trouble"),
    [
        (C, None, False),
        (F, Kind.OBSERVED, True),
        (B, Kind.STALE, True),
        (B, Kind.UPSTREAM, False),
    ],
)
def test_trouble_that_an_earlier_run_saw(
    verdict: Verdict, kind: Kind | None, trouble: bool
) -> None:
    """It is carried over, counts as not CONFIRMED by itself, and wasn't selected anew."""
    why = reason(kind=kind) if kind else None

    def of(*, carried_over: bool, selected: bool) -> bool:
        given = {"carried_over": carried_over, "selected": selected, "reason": why}
        return status("a.x", verdict, **given).is_carried_trouble

    assert of(carried_over=True, selected=False) is trouble
    assert not of(carried_over=True, selected=True)
    assert not of(carried_over=False, selected=True)
    assert not of(carried_over=False, selected=False)


@each_hostile_text
def test_names_from_outside_are_one_line(text: str) -> None:
    """A release, a host, a run id, a selection, a commit and a title can't break a line."""
    made: Run = run(id=text, selection=text, subject=Subject(release=text, endpoints={text: text}))
    lines = [
        made.id,
        made.selection or "",
        made.subject.release or "",
        *made.subject.endpoints,
        *made.subject.endpoints.values(),
        status("a.x", title=text).title,
        *run(versions={text: text}).versions,
        *run(versions={text: text}).versions.values(),
        run(commit=text, no_commit=text).commit or "",
        run(commit=text, no_commit=text).no_commit or "",
    ]
    assert all(len(line.splitlines()) <= 1 for line in lines)
    assert run(id=made.id, selection=made.selection, subject=made.subject) == made


@pytest.mark.parametrize("release", ["", " ", "\n", None])
def test_a_release_without_a_letter_is_none(release: str | None) -> None:
    """It wasn't named."""
    assert Subject(release=release).release is None


def test_a_stage_is_there_once() -> None:
    """Which of two counts isn't known; the message names the one that is there twice."""
    made = record(catalogue("a", "b"), {"a.x": C, "b.x": C})
    with pytest.raises(ValueError, match="the stage 'b' appears twice; a record has every stage"):
        replace(made, stages=(*made.stages, made.stages[1]))


def test_what_most_records_have_none_of_is_left_out() -> None:
    """Of waivers, changes since the gate was open, a record inside, and a history of failures."""
    made = to_builtins(record(catalogue("a"), {"a.x": C}))
    assert {"waivers", "since_open", "previous", "failures"}.isdisjoint(made)


def test_what_is_said_of_the_gate() -> None:
    """An open gate that wants a signature is closed until there is one; a closed one stays so."""
    opened = record(catalogue("a"), {"a.x": C}).decision
    closed = record(catalogue("a"), {"a.x": F}).decision
    unsigned = opened.without_signature()
    assert [d.gate for d in (opened, closed, unsigned)] == ["open", "closed", UNSIGNED]
    assert (unsigned.open, unsigned.unsigned) == (False, True)
    assert unsigned.actions == (*opened.actions, SIGN)
    assert closed.without_signature() == closed


def test_a_duration_is_a_number_of_seconds() -> None:
    """To the microsecond, as JSON has it; none that Python code creates is anything else."""
    assert status("a.x", duration=0.12345678).duration == 0.123457
    assert status("a.x", duration=0.0).duration == 0.0
    for value in (-1.0, nan, inf):
        with pytest.raises(ValueError, match=f"duration is {value}; it must be a number of second"):
            status("a.x", duration=value)


def parts_of(kind: Any, known: dict[type, Any]) -> dict[type, Any]:
    """Return what msgspec knows of each Struct in a type, itself included, by its class."""
    if isinstance(kind, inspect.StructType) and kind.cls not in known:
        known[kind.cls] = kind
        for each in kind.fields:
            parts_of(each.type, known)
    for name in ("type", "item_type", "value_type"):
        if hasattr(kind, name):
            parts_of(getattr(kind, name), known)
    for name in ("types", "item_types"):
        for each in getattr(kind, name, ()):
            parts_of(each, known)
    return known


@pytest.mark.parametrize(
    "part", parts_of(inspect.type_info(Record), {}).values(), ids=lambda part: part.cls.__name__
)
def test_no_part_of_a_record_ignores_what_it_doesn_t_know(part: inspect.StructType) -> None:
    """Also what most records don't have: a waiver, an attachment, each type of evidence."""
    tag = {part.tag_field: part.tag} if part.tag_field else {}
    with pytest.raises(ValidationError, match="unknown field `odd`"):
        convert({**tag, "odd": 1}, part.cls)
