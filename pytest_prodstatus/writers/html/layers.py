"""Where the stages of a graph stand: in layers from left to right, with few crossings.

Pure geometry. What a node hangs on stands to its left, by the longest way to it; a line that passes
other layers gets a lane of its own there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_LANE = 0.3
"""The height of a lane; a node's is 1."""
_SWEEPS = 4

Point = tuple[int, float]
"""A layer and a height in it."""


class Layout(NamedTuple):
    """A graph's geometry, in layers and node heights.

    Attributes:
        nodes: each node's layer and the middle of its height.
        lines: for each pair (from, to) the points that its line goes through, ends included.
        layers: how many there are.
        height: of the highest layer.
    """

    nodes: Mapping[str, Point]
    lines: Mapping[tuple[str, str], Sequence[Point]]
    layers: int
    height: float


def lay_out(sources: Mapping[str, Sequence[str]]) -> Layout:
    """Return where the nodes stand.

    Args:
        sources: of each node the nodes that it hangs on, in an order in which those come first.
    """
    depth: dict[str, int] = {}
    for node, above in sources.items():
        depth[node] = 1 + max((depth[name] for name in above), default=-1)
    columns: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for node in sources:
        columns[depth[node]].append(node)
    routes: dict[tuple[str, str], list[str]] = {}
    for node, above in sources.items():
        for name in _needed(above, sources):
            lanes = [f"{name}\n{node}\n{layer}" for layer in range(depth[name] + 1, depth[node])]
            for layer, lane in enumerate(lanes, depth[name] + 1):
                columns[layer].append(lane)
            routes[name, node] = [name, *lanes, node]
    _untangle(columns, routes)
    places = _places(columns)
    return Layout(
        nodes={node: places[node] for node in sources},
        lines={pair: [places[stop] for stop in route] for pair, route in routes.items()},
        layers=len(columns),
        height=max((sum(map(_size, column)) for column in columns), default=0.0),
    )


def _needed(above: Sequence[str], sources: Mapping[str, Sequence[str]]) -> list[str]:
    """Return `above` without what another of them hangs on already."""
    implied: set[str] = set()
    todo = [further for name in above for further in sources[name]]
    while todo:
        name = todo.pop()
        if name not in implied:
            implied.add(name)
            todo += sources[name]
    return [name for name in dict.fromkeys(above) if name not in implied]


def _untangle(columns: list[list[str]], routes: Mapping[tuple[str, str], Sequence[str]]) -> None:
    """Order each column by the middle of its neighbours, to and fro."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for route in routes.values():
        for left, right in pairwise(route):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 else before
        for column in reversed(columns) if sweep % 2 else columns:
            at = _places(columns)
            middle = {
                name: sum(at[n][1] for n in near) / len(near)
                if (near := neighbours.get(name))
                else at[name][1]
                for name in column
            }
            column.sort(key=middle.__getitem__)


def _places(columns: Sequence[Sequence[str]]) -> dict[str, Point]:
    highest = max((sum(map(_size, column)) for column in columns), default=0.0)
    places: dict[str, Point] = {}
    for layer, column in enumerate(columns):
        top = (highest - sum(map(_size, column))) / 2
        for name in column:
            places[name] = (layer, top + _size(name) / 2)
            top += _size(name)
    return places


def _size(name: str) -> float:
    return _LANE if "\n" in name else 1.0
