"""The graph of the stages: every stage with its verdict in words, the root cause marked."""

from __future__ import annotations

import re

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.writers.html.graph import LIMIT, graph
from tests.unit.given import B, C, F, catalogue, record, stage

SHOP = catalogue(
    "oauth",
    stage("order", requires=("oauth",)),
    stage("sale", requires=("order",)),
    stage("other"),
    stage("final", rollup=("oauth", "order", "sale", "other")),
)


def labels(stages: Catalogue, verdicts: dict[str, object]) -> dict[str, str]:
    """Return what a screen reader says of each node, by its link."""
    drawn = graph(record(stages, verdicts), stages)
    return dict(re.findall(r'href="#(\S+)"[^>]* aria-label="([^"]*)"', drawn))


def test_every_stage_is_a_link_that_says_its_verdict() -> None:
    """Never by its colour alone."""
    told = labels(SHOP, {"oauth.x": C, "order.x": F, "sale.x": C, "other.x": B})
    assert told == {
        "stage-oauth": "OAUTH STATUS: CONFIRMED",
        "stage-order": "ORDER STATUS: FAILED, root cause, requires OAUTH STATUS",
        "stage-sale": "SALE STATUS: BLOCKED, requires ORDER STATUS",
        "stage-other": "OTHER STATUS: BLOCKED, root cause",
        "stage-final": "FINAL STATUS: FAILED, rolls up OAUTH STATUS, ORDER STATUS, SALE STATUS, "
        "OTHER STATUS",
    }


def test_what_hangs_on_the_root_cause_is_dimmed() -> None:
    """And the root cause stands out."""
    drawn = graph(record(SHOP, {"oauth.x": C, "order.x": F, "sale.x": C, "other.x": C}), SHOP)
    styles = dict(re.findall(r'href="#stage-(\w+)" class="node ([^"]*)"', drawn))
    assert styles == {
        "oauth": "C", "order": "F root", "sale": "B hangs", "other": "C", "final": "F hangs",
    }  # fmt: skip


def test_what_is_rolled_up_is_dashed() -> None:
    """Two kinds of line for two kinds of hanging."""
    stages = catalogue("a", stage("b", requires=("a",)), stage("final", rollup=("b",)))
    drawn = graph(record(stages, {"a.x": C, "b.x": C}), stages)
    assert re.findall(r'class="(line[^"]*)"', drawn) == ["line", "line dash"]


def test_there_is_no_graph_where_nothing_hangs_on_anything() -> None:
    """Nor of more stages than a person can follow."""
    plain = catalogue("a", "b")
    assert not graph(record(plain, {"a.x": C, "b.x": C}), plain)
    many = catalogue("s0", *(stage(f"s{n}", requires=("s0",)) for n in range(1, LIMIT + 1)))
    assert not graph(record(many, {f"s{n}.x": C for n in range(LIMIT + 1)}), many)


def test_a_long_title_stays_in_its_node() -> None:
    """Two lines of it at most; the whole title is told on demand."""
    title = "THE WHOLE OF A VERY LONG TITLE THAT NO NODE HAS ROOM FOR"
    stages = catalogue(stage("a", title=title), stage("b", requires=("a",)))
    drawn = graph(record(stages, {"a.x": C, "b.x": C}), stages)
    rows = re.findall(r"<text x[^>]*>([^<]*)</text>", drawn)
    assert rows == ["THE WHOLE OF A", "VERY LONG TITLE…", "B STATUS"]
    assert f"<title>{title}</title>" in drawn
