"""A stage's section: its reason said once, what it hangs on as links, and since when."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import because
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.stages import stage_top
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, reason, record, stage

SHOP = catalogue(
    stage("a", failed="It <broke>."),
    stage("b", requires=("a",)),
    stage("all", rollup=("a", "b")),
)
MADE = record(SHOP, {"a.x": F, "b.x": C})


HELD = record(SHOP, {"a.x": C, "b.x": C})


def told(number: int, config: Config | None = None, of: Record = MADE, **more: Any) -> str:
    """Return the top of one of the stages, changed."""
    result = of.stages[number]
    why = because(more.pop("reason", result.reason))
    changed = replace(result, **why, **more)
    return stage_top(changed, of, config or Config(catalogue=SHOP), {"a.x": "c1"})


def test_a_reason_that_a_criterion_says_is_not_repeated() -> None:
    """One that stands nowhere below is told with its remedy."""
    assert 'class="why"' not in told(0)
    own = told(0, reason=reason("no <money>", remedy="pay"))
    assert '<p class="why"><b>observed:</b> no &lt;money&gt;</p>' in own
    assert '<p class="remedy"><b>What to do:</b> pay</p>' in own
    assert 'class="remedy"' not in told(0, reason=reason("no money"))


def test_what_a_stage_hangs_on_is_linked() -> None:
    """By title, or by id where the record has no such stage."""
    assert 'Requires <a href="#stage-a">A STATUS</a>.' in told(1)
    both = '<a href="#stage-a">A STATUS</a>, <a href="#stage-b">B STATUS</a>'
    assert f"Rolls up {both}." in told(2)
    gone = Config(catalogue=catalogue("gone", stage("b", requires=("gone",))))
    assert 'Requires <a href="#stage-gone">gone</a>.' in told(1, gone)


def test_a_cause_elsewhere_is_linked() -> None:
    """And the stage's own is not."""
    assert 'Root cause: <a href="#c1">a.x</a>' in told(1)
    assert "Root cause" not in told(0)


def test_since_when_and_until_when() -> None:
    """With the verdict before; only what is CONFIRMED is valid until anything."""
    text = told(0, since=NOW - HOUR, previous=B)
    assert "Since 2026-11-22 11:00:00 UTC, before that BLOCKED.\n" in text
    assert "Valid until 2026-11-23 12:00:00 UTC" in told(1, of=HELD)
    assert "Valid until" not in told(1, of=HELD, verdict=B, reason=reason())


def test_what_the_verdict_means_is_the_projects_word() -> None:
    """Where it has one for this verdict, and it is escaped."""
    assert "FAILED means: It &lt;broke&gt;." in told(0)
    assert "means:" not in told(0, verdict=B)
    assert "means:" not in told(0, Config())
