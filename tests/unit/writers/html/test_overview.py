"""All stages at a glance: each with what was seen, or where to look for the cause."""

from __future__ import annotations

from msgspec.structs import replace

from pytest_prodstatus.writers.html.stages import cause_link, overview
from tests.unit.given import C, F, catalogue, record, stage

SHOP = catalogue("a", stage("b", requires=("a",)))
MADE = record(SHOP, {"a.x": F, "b.x": C})


def test_a_stage_that_hangs_on_another_points_to_the_cause() -> None:
    """Where the cause is on the page; else the row says the reason in words."""
    linked = overview(MADE, SHOP, {"a.x": "c1"})
    assert '<td>because of <a href="#c1">a.x</a></td>' in linked
    assert linked.count('<tr class="hangs">') == 1
    assert "because of" not in overview(MADE, SHOP, {})


def test_the_root_cause_is_marked_once() -> None:
    """At the stage that has it."""
    assert overview(MADE, SHOP, {}).count('<span class="note">root cause</span>') == 1


def test_a_cause_inside_the_stage_needs_no_link() -> None:
    """It stands right below."""
    first, second = MADE.stages
    assert cause_link(first, {"a.x": "c1"}) == ""
    assert cause_link(second, {"a.x": "c1"}) == '<a href="#c1">a.x</a>'


def test_stages_without_lines_have_no_picture() -> None:
    """Nor its legend."""
    plain = catalogue("a", "b")
    assert "legend" in overview(MADE, SHOP, {})
    assert "legend" not in overview(record(plain, {"a.x": C}), plain, {})


def test_former_runs_have_a_column() -> None:
    """Where there were any; the head of the table has as many cells as its rows."""
    for made in (MADE, replace(MADE, history=(MADE.past,))):
        text = overview(made, SHOP, {})
        columns = 5 if made.history else 4
        assert text.count('scope="col"') == columns
        assert text.count("<td") + text.count('scope="row"') == columns * 2
