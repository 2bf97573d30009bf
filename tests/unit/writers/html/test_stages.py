"""The stages have an overview, and a section each, with reason and root cause."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import because
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import cause_link, overview, stage_top
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, reason, record, stage

SHOP = catalogue("a", stage("b", requires=("a",)))
MADE = record(SHOP, {"a.x": F, "b.x": C})


def test_an_affected_stage_links_to_the_cause() -> None:
    """The row links to the cause if that is on the page; else it gives the reason."""
    linked = overview(MADE, SHOP, {"a.x": "c1"})
    assert '<td>because of <a href="#c1">a.x</a></td>' in linked
    assert linked.count('<tr class="affected">') == 1
    assert "because of" not in overview(MADE, SHOP, {})


def test_the_root_cause_is_marked_once() -> None:
    """Only the stage that has the root cause is marked."""
    assert overview(MADE, SHOP, {}).count('<span class="note">root cause</span>') == 1


def test_a_cause_inside_the_stage_needs_no_link() -> None:
    """A cause inside the stage has no link, because it is right below."""
    first, second = MADE.stages
    assert cause_link(first, {"a.x": "c1"}) == ""
    assert cause_link(second, {"a.x": "c1"}) == '<a href="#c1">a.x</a>'


def test_stages_without_lines_have_no_picture() -> None:
    """Without dependencies there is neither a graph nor its legend."""
    plain = catalogue("a", "b")
    assert "legend" in overview(MADE, SHOP, {})
    assert "legend" not in overview(record(plain, {"a.x": C}), plain, {})


def test_former_runs_have_a_column() -> None:
    """Former runs have a column if there are any; the head has as many cells as the rows."""
    for made in (MADE, replace(MADE, history=(MADE.past,))):
        text = overview(made, SHOP, {})
        columns = 5 if made.history else 4
        assert text.count('scope="col"') == columns
        assert text.count("<td") + text.count('scope="row"') == columns * 2


THREE = catalogue(
    stage("a", failed="It <broke>."),
    stage("b", requires=("a",)),
    stage("all", rollup=("a", "b")),
)
SEEN = record(THREE, {"a.x": F, "b.x": C})


ALL_CONFIRMED = record(THREE, {"a.x": C, "b.x": C})


def top_of(number: int, config: Config | None = None, of: Record = SEEN, **more: Any) -> str:
    """Return the beginning of the section of a changed stage."""
    result = of.stages[number]
    why = because(more.pop("reason", result.reason))
    changed = replace(result, **why, **more)
    return stage_top(changed, of, config or Config(catalogue=THREE), {"a.x": "c1"})


def test_a_reason_that_a_criterion_says_is_not_repeated() -> None:
    """A reason that no criterion has is shown with its remedy."""
    assert 'class="why"' not in top_of(0)
    own = top_of(0, reason=reason("no <money>", remedy="pay"))
    assert '<p class="why"><b>observed:</b> no &lt;money&gt;</p>' in own
    assert '<p class="remedy"><b>What to do:</b> pay</p>' in own
    assert 'class="remedy"' not in top_of(0, reason=reason("no money"))


def test_dependencies_are_linked() -> None:
    """Dependencies are linked by title, or by id if the record has no such stage."""
    assert 'Requires <a href="#stage-a">A STATUS</a>.' in top_of(1)
    both = '<a href="#stage-a">A STATUS</a>, <a href="#stage-b">B STATUS</a>'
    assert f"Rolls up {both}." in top_of(2)
    gone = Config(catalogue=catalogue("gone", stage("b", requires=("gone",))))
    assert 'Requires <a href="#stage-gone">gone</a>.' in top_of(1, gone)


def test_a_cause_elsewhere_is_linked() -> None:
    """A cause in another stage is linked, and one in the same stage is not."""
    assert 'Root cause: <a href="#c1">a.x</a>' in top_of(1)
    assert "Root cause" not in top_of(0)


def test_since_when_and_until_when() -> None:
    """The section has the former verdict; only a CONFIRMED stage has an end of validity."""
    text = top_of(0, since=NOW - HOUR, previous=B)
    assert "Since 2026-11-22 11:00:00 UTC, before that BLOCKED.\n" in text
    assert "Valid until 2026-11-23 12:00:00 UTC" in top_of(1, of=ALL_CONFIRMED)
    assert "Valid until" not in top_of(1, of=ALL_CONFIRMED, verdict=B, reason=reason())


def test_what_the_verdict_means_is_the_projects_word() -> None:
    """The project's meaning of this verdict is shown, escaped."""
    assert "FAILED means: It &lt;broke&gt;." in top_of(0)
    assert "means:" not in top_of(0, verdict=B)
    assert "means:" not in top_of(0, Config())
