"""The path shows the configured steps, each with the verdict of a stage or criterion."""

from __future__ import annotations

import re

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Step
from pytest_prodstatus.writers.html.path import all_instants, path
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, entry, observation, record, stage

STAGES = catalogue("order", stage("cycle", requires=("order",)))
STEPS = (
    Step(name="trend", shows="cycle.x"),
    Step(name="buy", shows="order"),
    Step(name="ship", shows="order.x"),
    Step(name="gone", shows="order.renamed"),
)
DATED = observation(evidence=(entry("steps", {"trend": NOW - HOUR, "later": NOW}),))


def labels(made: Record) -> list[str]:
    """Return the label of each step for a screen reader, which both drawings share."""
    anchors = {status.id: f"c{n}" for n, status in enumerate(made.criteria)}
    drawn = path(made, STEPS, anchors)
    texts: list[str] = re.findall(r'class="stop[^"]*"[^>]* aria-label="([^"]*)"', drawn)
    assert texts[: len(STEPS)] == texts[len(STEPS) :]  # along, and down
    return texts[: len(STEPS)]


def test_a_step_has_the_verdict_of_the_stage_or_criterion_it_shows() -> None:
    """A step without either is BLOCKED; a timeline dates the step of its name."""
    assert labels(record(STAGES, {"order.x": C, "cycle.x": DATED})) == [
        "trend: CONFIRMED, 2026-11-22 11:00:00 UTC, as cycle.x says",
        "buy: CONFIRMED, as order says",
        "ship: CONFIRMED, as order.x says",
        "gone: BLOCKED, as order.renamed says",
    ]


def test_the_root_cause_is_marked_and_affected_steps_are_dimmed() -> None:
    """A step that is BLOCKED by another doesn't look broken itself."""
    made = record(STAGES, {"order.x": F, "order.y": B, "cycle.x": DATED})
    assert [label.partition(", ")[0] for label in labels(made)] == [
        "trend: BLOCKED", "buy: FAILED", "ship: FAILED", "gone: BLOCKED",
    ]  # fmt: skip
    drawn = path(made, STEPS, {s.id: "c" for s in made.criteria})
    styles = re.findall(r'class="(stop [^"]*)"', drawn)
    assert styles[:4] == ["stop B affected", "stop F root", "stop F root", "stop B"]


def test_the_rail_is_solid_between_confirmed_steps() -> None:
    """The rail is broken next to a step that isn't CONFIRMED."""
    made = record(STAGES, {"order.x": C, "cycle.x": C})
    drawn = path(made, STEPS, {s.id: "c" for s in made.criteria})
    rails = re.findall(r'class="(rail[^"]*)"', drawn)
    assert rails[:4] == ["rail", "rail", "rail broken", "rail broken"]


def test_without_steps_there_is_no_path() -> None:
    """A project without a configured path gets no drawing."""
    assert path(record(STAGES, {"order.x": C}), (), {}) == ""


def test_neighbours_that_show_the_same_say_once_that_it_is_the_root() -> None:
    """The root cause is marked once if neighbours show the same stage or criterion."""
    steps = (Step(name="a", shows="order"), Step(name="b", shows="order"), STEPS[0])
    made = record(STAGES, {"order.x": F, "cycle.x": F})
    drawn = path(made, (*steps, steps[0]), {s.id: "c" for s in made.criteria})
    along = str(drawn).partition("</svg>")[0]
    assert re.findall(r"(?:name|cause)\"[^>]*>([^<]*)<", along) == [
        "a", "root cause", "b", "trend", "a", "root cause",
    ]  # fmt: skip


def test_the_first_timeline_that_names_a_step_dates_it() -> None:
    """The first timeline with a step's name dates it, in the order of the criteria."""
    seen = {
        "a.x": observation(evidence=(entry("n", 1), entry("t", {"sold": NOW, "paid": NOW}))),
        "a.y": observation(evidence=(entry("t", {"sold": NOW + HOUR, "sent": NOW}),)),
        "a.z": C,
    }
    assert all_instants(record(catalogue("a"), seen)) == {"sold": NOW, "paid": NOW, "sent": NOW}
