"""The graph shows every stage with its verdict in words, in layers from left to right."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.writers.html.graph import LIMIT, graph, lay_out
from tests.unit.given import B, C, F, catalogue, observation, reason, record, stage

SHOP = catalogue(
    "oauth",
    stage("order", requires=("oauth",)),
    stage("sale", requires=("order",)),
    stage("other"),
    stage("final", rollup=("oauth", "order", "sale", "other")),
)


def labels(stages: Catalogue, verdicts: dict[str, object]) -> dict[str, str]:
    """Return the title of each node, which a screen reader reads, by its link."""
    drawn = graph(record(stages, verdicts), stages)
    return dict(re.findall(r'href="#(\S+)"[^>]*><title>([^<]*)</title>', drawn))


def test_every_stage_is_a_link_that_says_its_verdict() -> None:
    """A stage is never recognisable by its colour alone."""
    texts = labels(SHOP, {"oauth.x": C, "order.x": F, "sale.x": C, "other.x": B})
    assert texts == {
        "stage-oauth": "OAUTH STATUS CONFIRMED",
        "stage-order": "ORDER STATUS FAILED, root cause, requires OAUTH STATUS",
        "stage-sale": "SALE STATUS BLOCKED, requires ORDER STATUS",
        "stage-other": "OTHER STATUS BLOCKED, root cause",
        "stage-final": "FINAL STATUS FAILED, rolls up OAUTH STATUS, ORDER STATUS, SALE STATUS, "
        "OTHER STATUS",
    }


def test_stages_affected_by_the_root_cause_are_dimmed() -> None:
    """Affected stages are dimmed, and the root cause is marked."""
    drawn = graph(record(SHOP, {"oauth.x": C, "order.x": F, "sale.x": C, "other.x": C}), SHOP)
    styles = dict(re.findall(r'href="#stage-(\w+)" class="node ([^"]*)"', drawn))
    assert styles == {
        "oauth": "C", "order": "F root", "sale": "B affected", "other": "C", "final": "F affected",
    }  # fmt: skip


def test_one_outage_is_drawn_as_one_root_cause() -> None:
    """It is seen in several stages, each with its own request's id; the first is the root cause."""
    stages = catalogue("a", "b", "c", stage("final", rollup=("a", "b", "c")))
    down, slow = (
        observation(B, reason=reason(f"{text}, request {text}1", kind, remedy="wait for it"))
        for text, kind in (("down", Kind.PROVIDER_UNAVAILABLE), ("slow", Kind.TIMEOUT))
    )
    own = observation(B, reason=reason("no key", Kind.MISSING_CONFIG, remedy="set it"))
    texts = labels(stages, {"a.x": down, "b.x": slow, "c.x": own})
    assert [text.count("root cause") for text in texts.values()] == [1, 0, 1, 0]


def test_what_is_rolled_up_is_dashed() -> None:
    """The two kinds of dependency have two kinds of line."""
    stages = catalogue("a", stage("b", requires=("a",)), stage("final", rollup=("b",)))
    drawn = graph(record(stages, {"a.x": C, "b.x": C}), stages)
    assert re.findall(r'class="(line[^"]*)"', drawn) == ["line", "line dash"]


def test_stages_without_dependencies_have_no_graph() -> None:
    """Without dependencies, or with more stages than a person can follow, there is no graph."""
    plain = catalogue("a", "b")
    assert not graph(record(plain, {"a.x": C, "b.x": C}), plain)
    many = catalogue("s0", *(stage(f"s{n}", requires=("s0",)) for n in range(1, LIMIT + 1)))
    assert not graph(record(many, {f"s{n}.x": C for n in range(LIMIT + 1)}), many)


def test_a_long_title_stays_in_its_node() -> None:
    """A title has at most two lines; the tooltip has the full title."""
    title = "THE WHOLE OF A VERY LONG TITLE THAT NO NODE HAS ROOM FOR"
    stages = catalogue(stage("a", title=title), stage("b", requires=("a",)))
    drawn = graph(record(stages, {"a.x": C, "b.x": C}), stages)
    rows = re.findall(r"<text x[^>]*>([^<]*)</text>", drawn)
    assert rows == ["THE WHOLE OF A", "VERY LONG TITLE…", "B STATUS"]
    assert f"<title>{title} CONFIRMED" in drawn


DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c", "a"], "e": ["d", "a"]}


def test_a_node_stands_right_of_its_dependencies() -> None:
    """A node's layer is the length of the longest path to it."""
    layout = lay_out(DIAMOND)
    assert {name: layer for name, (layer, _) in layout.nodes.items()} == {
        "a": 0, "b": 1, "c": 1, "d": 2, "e": 3,
    }  # fmt: skip
    assert (layout.layers, layout.height) == (4, 2.0)


def test_a_line_that_follows_from_others_is_left_out() -> None:
    """If `d` depends on `a` through `b`, its direct line to `a` is left out."""
    assert set(lay_out(DIAMOND).lines) == {
        ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"),
    }  # fmt: skip


def test_a_line_past_a_layer_has_a_lane_there() -> None:
    """A line has its own lane in each layer, so it doesn't run through the nodes there."""
    layout = lay_out({"a": [], "b": [], "c": ["b"], "d": ["c", "a"]})
    layers = [layer for layer, _ in layout.lines["a", "d"]]
    assert layers == [0, 1, 2]
    lane = layout.lines["a", "d"][1][1]
    assert abs(lane - layout.nodes["c"][1]) >= 0.5


def test_lines_that_need_not_cross_do_not() -> None:
    """The order in a layer follows that of the neighbours, not the declaration."""
    layout = lay_out({"a": [], "b": [], "c": [], "z": ["c"], "y": ["b"], "x": ["a"]})
    height = {name: middle for name, (_, middle) in layout.nodes.items()}
    pairs = [("a", "x"), ("b", "y"), ("c", "z")]
    for (left, right), (other_left, other_right) in combinations(pairs, 2):
        assert (height[left] < height[other_left]) == (height[right] < height[other_right])


def test_nothing_has_no_layout() -> None:
    """Without nodes there are no layers and no height."""
    layout = lay_out({})
    assert (layout.nodes, layout.lines, layout.height) == ({}, {}, 0.0)


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12))
def test_any_graph_can_be_laid_out(above: list[set[int]]) -> None:
    """Nodes never overlap, lines go right, and every dependency has a path."""
    sources = {str(n): [str(m) for m in sorted(names) if m < n] for n, names in enumerate(above)}
    layout = lay_out(sources)
    for (first, second), (left, right) in zip(
        combinations(layout.nodes, 2), combinations(layout.nodes.values(), 2), strict=True
    ):
        assert left[0] != right[0] or abs(left[1] - right[1]) > 0.99, (first, second)
    reached: dict[str, set[str]] = {}
    for node in sources:
        direct = {name for name, to in layout.lines if to == node}
        reached[node] = direct.union(*(reached[name] for name in direct))
        assert set(sources[node]) <= reached[node]
    for route in layout.lines.values():
        assert [layer for layer, _ in route] == list(range(route[0][0], route[-1][0] + 1))
