"""Where a graph's nodes stand: to the right of what they hang on, and never on one another."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.writers.html.graph import lay_out

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c", "a"], "e": ["d", "a"]}


def test_a_node_stands_right_of_what_it_hangs_on() -> None:
    """By the longest way to it."""
    layout = lay_out(DIAMOND)
    assert {name: layer for name, (layer, _) in layout.nodes.items()} == {
        "a": 0, "b": 1, "c": 1, "d": 2, "e": 3,
    }  # fmt: skip
    assert (layout.layers, layout.height) == (4, 2.0)


def test_a_line_that_follows_from_others_is_left_out() -> None:
    """`d` hangs on `a` through `b`, and `e` through `d`."""
    assert set(lay_out(DIAMOND).lines) == {
        ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"),
    }  # fmt: skip


def test_a_line_past_a_layer_has_a_lane_there() -> None:
    """So that it doesn't run through the nodes of that layer."""
    layout = lay_out({"a": [], "b": [], "c": ["b"], "d": ["c", "a"]})
    layers = [layer for layer, _ in layout.lines["a", "d"]]
    assert layers == [0, 1, 2]
    lane = layout.lines["a", "d"][1][1]
    assert abs(lane - layout.nodes["c"][1]) >= 0.5


def test_lines_that_need_not_cross_do_not() -> None:
    """The order within a layer follows the neighbours', whatever order they were named in."""
    layout = lay_out({"a": [], "b": [], "c": [], "z": ["c"], "y": ["b"], "x": ["a"]})
    height = {name: middle for name, (_, middle) in layout.nodes.items()}
    pairs = [("a", "x"), ("b", "y"), ("c", "z")]
    for (left, right), (other_left, other_right) in combinations(pairs, 2):
        assert (height[left] < height[other_left]) == (height[right] < height[other_right])


def test_nothing_has_no_layout() -> None:
    """No node, no layer, no height."""
    layout = lay_out({})
    assert (layout.nodes, layout.lines, layout.height) == ({}, {}, 0.0)


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12))
def test_any_graph_can_be_laid_out(above: list[set[int]]) -> None:
    """Nodes never overlap, every line goes right, and every dependency is still to be followed."""
    sources = {str(n): [str(m) for m in sorted(names) if m < n] for n, names in enumerate(above)}
    layout = lay_out(sources)
    for (one, other), (left, right) in zip(
        combinations(layout.nodes, 2), combinations(layout.nodes.values(), 2), strict=True
    ):
        assert left[0] != right[0] or abs(left[1] - right[1]) > 0.99, (one, other)
    reached: dict[str, set[str]] = {}
    for node in sources:
        direct = {name for name, to in layout.lines if to == node}
        reached[node] = direct.union(*(reached[name] for name in direct))
        assert set(sources[node]) <= reached[node]
    for route in layout.lines.values():
        assert [layer for layer, _ in route] == list(range(route[0][0], route[-1][0] + 1))
