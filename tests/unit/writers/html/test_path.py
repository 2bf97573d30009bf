"""The path shows the configured steps, each with the verdict of a stage or criterion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Step
from pytest_prodstatus.writers.html.path import path
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, entry, observation, record, stage

STAGES = catalogue("order", stage("cycle", requires=("order",)))
STEPS = (
    Step(name="trend", shows="cycle.x"),
    Step(name="buy", shows="order"),
    Step(name="ship", shows="order.x"),
    Step(name="gone", shows="order.renamed"),
)
DATED = observation(evidence=(entry("steps", {"trend": NOW - HOUR, "later": NOW}),))


def drawn(made: Record, steps: Sequence[Step] = STEPS) -> str:
    """Return the path."""
    return path(made, steps, {status.id: f"c{n}" for n, status in enumerate(made.criteria)})


def words(made: Record, steps: Sequence[Step] = STEPS) -> list[str]:
    """Return each step as a reader gets it, without tags."""
    items = re.findall(r"<li.*?</li>", drawn(made, steps), re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", "", item).split()) for item in items]


def test_a_step_has_the_verdict_of_the_stage_or_criterion_it_shows() -> None:
    """A step without either is BLOCKED; an instant of its name dates it."""
    assert words(record(STAGES, {"order.x": C, "cycle.x": DATED})) == [
        "trend CONFIRMED 2026-11-22 11:00",
        "buy CONFIRMED",
        "ship CONFIRMED",
        "gone BLOCKED",
    ]


def test_a_step_that_only_depends_on_trouble_is_not_called_blocked() -> None:
    """It was seen to hold, which is said; a step with trouble of its own has its verdict."""
    made = record(STAGES, {"order.x": F, "order.y": B, "cycle.x": DATED})
    assert [text.split(" 2026")[0] for text in words(made)] == [
        "trend seen to hold", "buy FAILED", "ship FAILED", "gone BLOCKED",
    ]  # fmt: skip
    styles = re.findall(r'<li class="([^"]*)"', drawn(made))
    assert styles == ["C held", "F", "F", "B"]
    assert "is not CONFIRMED while what it requires is not" in drawn(made)


def test_a_step_shows_what_was_seen_of_it() -> None:
    """The first sentence of the criterion that it shows."""
    seen = observation(evidence=(entry("n", 1), entry("", "bought for 9 USD"), entry("", "x")))
    assert words(record(STAGES, {"order.x": seen, "cycle.x": C}))[2] == (
        "ship CONFIRMED bought for 9 USD"
    )


def test_a_date_is_explained_if_there_is_one() -> None:
    """The legend names what the page has, and nothing else."""
    assert "A date says" in drawn(record(STAGES, {"order.x": C, "cycle.x": DATED}))
    assert "A date says" not in drawn(record(STAGES, {"order.x": C, "cycle.x": C}))


def test_without_steps_there_is_no_path() -> None:
    """A project without a configured path gets no drawing."""
    assert path(record(STAGES, {"order.x": C}), (), {}) == ""


def test_the_criterion_that_a_step_shows_dates_it() -> None:
    """Its own instant comes before one of the same name elsewhere: that may be another order's."""
    seen = {
        "order.x": observation(evidence=(entry("t", {"ship": NOW, "trend": NOW}),)),
        "cycle.x": observation(evidence=(entry("t", {"trend": NOW - HOUR}),)),
    }
    assert words(record(STAGES, seen)) == [
        "trend CONFIRMED 2026-11-22 11:00",
        "buy CONFIRMED",
        "ship CONFIRMED 2026-11-22 12:00",
        "gone BLOCKED",
    ]
