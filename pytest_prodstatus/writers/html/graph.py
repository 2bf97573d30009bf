"""The graph of the stages as SVG: their dependencies, verdicts and root causes.

Nodes stand in layers from left to right, with few crossings (the layered drawing of Sugiyama). A
node's layer is the length of the longest path to it, so its dependencies are to its left. A line
that passes through other layers has its own lane there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Record, StageStatus
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.html import shared_causes, sign_of, style_of

LIMIT = 40
"""A graph of more stages isn't drawn: no one can read it, and the table has them all."""

# Pixels: a node's width and height, the gap between two layers, and the height of a row of nodes.
_WIDTH, _HEIGHT, _GAP, _ROW = 196, 62, 44, 78
_LETTERS = 18
"""Characters that fit on each of a node's two lines."""

_LANE = 0.3
"""The height of a lane; a node's is 1."""

_SWEEPS = 4
"""Passes that reorder the layers, to and fro; further ones change little."""

Point = tuple[int, float]
"""A layer, from 0 at the left, and a height in it, in nodes from the top."""


class Layout(NamedTuple):
    """A graph's geometry, in layers and node heights.

    Attributes:
        nodes: each node's layer, and the middle of its height.
        lines: the points of each line with both ends, by its nodes (from, to).
        layers: the number of layers.
        height: of the highest layer.
    """

    nodes: Mapping[str, Point]
    lines: Mapping[tuple[str, str], Sequence[Point]]
    layers: int
    height: float


def graph(record: Record, catalogue: Catalogue) -> Markup:
    """Return the stages' graph; nothing if no stage depends on another, or there are too many."""
    results = {stage.id: stage for stage in record.stages}
    sources = {
        name: [
            other
            for other in (*catalogue.by_id[name].requires, *catalogue.by_id[name].rollup)
            if other in results
        ]
        for name in catalogue.order
        if name in results
    }
    if not any(sources.values()) or len(sources) > LIMIT:
        return Markup()
    layout = lay_out(sources)
    # No gap after the last layer. 4 and -2: two pixels around for the strokes at the edge.
    width = layout.layers * (_WIDTH + _GAP) - _GAP + 4
    height = round(layout.height * _ROW) + 4
    lines = [
        _line(points, results[name], dashed=name in catalogue.by_id[node].rollup)
        for (name, node), points in layout.lines.items()
    ]
    shared = shared_causes(record)
    roots = {name for name in sources if results[name].is_root} - shared.keys()
    nodes = [
        _node(results[name], layout.nodes[name], catalogue, root=name in roots) for name in sources
    ]
    return Markup(
        '<svg class="graph" role="group" aria-label="The stages and what each depends on" '
        'width="{0}" height="{1}" viewBox="-2 -2 {0} {1}">{2}{3}</svg>'
    ).format(width, height, Markup().join(lines), Markup().join(nodes))


def _corner(point: Point) -> tuple[int, int]:
    """Return the upper left corner of a box in pixels."""
    layer, middle = point
    return layer * (_WIDTH + _GAP), round(middle * _ROW - _HEIGHT / 2)


def _line(points: Sequence[Point], source: StageStatus, *, dashed: bool) -> Markup:
    """Return the line from a stage to the one that depends on it, as SVG."""
    corners = [_corner(point) for point in points]
    x, y = corners[0][0] + _WIDTH, corners[0][1] + _HEIGHT // 2
    path = f"M{x} {y}"
    for left, top in corners[1:]:
        middle, half = top + _HEIGHT // 2, _GAP // 2
        # Both handles of the curve are horizontal, so it leaves and arrives at a right angle.
        path += f"C{x + half} {y} {left - half} {middle} {left} {middle}"
        x, y = left + _WIDTH, middle
        if (left, top) != corners[-1]:  # a lane: straight on, as wide as a node
            path += f"H{x}"
    left, middle = corners[-1][0], corners[-1][1] + _HEIGHT // 2
    confirmed = source.verdict is Verdict.CONFIRMED
    return Markup('<path class="line{}{}" d="{}"/><path class="tip{}" d="{}"/>').format(
        " dash" if dashed else "",
        "" if confirmed else f" {style_of(source)}",
        path,
        "" if confirmed else f" {style_of(source)}",
        f"M{left - 8} {middle - 4}l8 4-8 4z",
    )


def _node(stage: StageStatus, point: Point, catalogue: Catalogue, *, root: bool) -> Markup:
    """Return the box of a stage as SVG."""
    x, y = _corner(point)
    title = textwrap.wrap(stage.title, _LETTERS)
    if len(title) > 2:
        title = [title[0], f"{title[1][: _LETTERS - 1]}…"]
    first = y + (17 if len(title) == 2 else 25)
    rows = Markup().join(
        Markup('<text x="{}" y="{}">{}</text>').format(x + 40, first + 16 * n, row)
        for n, row in enumerate(title)
    )
    unconfirmed = stage.applies and stage.verdict is not Verdict.CONFIRMED
    state = " root" if root else " affected" if unconfirmed else ""
    below = f"{stage.word}{', root cause' if root else ''}"
    return Markup(
        '<a href="#stage-{}" class="node {}{}"><title>{}</title>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="9"/>'
        '<circle cx="{}" cy="{}" r="11"/><path class="sign" d="{}" transform="translate({} {})"/>'
        '{}<text class="sub" x="{}" y="{}">{}</text></a>'
    ).format(
        stage.id, style_of(stage), state, _node_label(stage, below, catalogue),
        x, y, _WIDTH, _HEIGHT,
        x + 21, y + _HEIGHT // 2, sign_of(stage), x + 21, y + _HEIGHT // 2,
        rows, x + 40, first + 16 * len(title), below,
    )  # fmt: skip


def _node_label(stage: StageStatus, below: str, catalogue: Catalogue) -> str:
    """Return what a screen reader says of a box."""
    declared = catalogue.by_id[stage.id]
    titles: Mapping[str, str] = {other.id: other.title for other in catalogue.stages}
    # As the title, not as an aria-label, which would replace the text that is drawn.
    words = f"{stage.title} {below}"
    # A screen reader gets in words what the lines show.
    for relation, names in (("requires", declared.requires), ("rolls up", declared.rollup)):
        if names:
            words += f", {relation} {', '.join(titles[name] for name in names)}"
    return words


def lay_out(sources: Mapping[str, Sequence[str]]) -> Layout:
    """Compute the positions of nodes and lines.

    Args:
        sources: for each node the nodes that it depends on; these come before it in the mapping.
    """
    # In the mapping's order, so that the depths of a node's sources are known.
    depth: dict[str, int] = {}
    for node, above in sources.items():
        depth[node] = 1 + max((depth[name] for name in above), default=-1)
    columns: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for node in sources:
        columns[depth[node]].append(node)
    routes: dict[tuple[str, str], list[str]] = {}
    for node, above in sources.items():
        for name in _direct_sources(above, sources):
            lanes = [f"{name}\n{node}\n{layer}" for layer in range(depth[name] + 1, depth[node])]
            for layer, lane in enumerate(lanes, depth[name] + 1):
                columns[layer].append(lane)
            routes[name, node] = [name, *lanes, node]
    _reduce_crossings(columns, routes)
    positions = _positions(columns)
    return Layout(
        nodes={node: positions[node] for node in sources},
        lines={pair: [positions[stop] for stop in route] for pair, route in routes.items()},
        layers=len(columns),
        height=max((sum(map(_size, column)) for column in columns), default=0.0),
    )


def _direct_sources(above: Sequence[str], sources: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the dependencies of a node without those that follow from others of them.

    Args:
        above: all dependencies of the node.
        sources: the dependencies of every node.
    """
    implied: set[str] = set()
    todo = [further for name in above for further in sources[name]]
    while todo:
        name = todo.pop()
        if name not in implied:
            implied.add(name)
            todo += sources[name]
    return [name for name in dict.fromkeys(above) if name not in implied]


def _reduce_crossings(
    columns: list[list[str]], routes: Mapping[tuple[str, str], Sequence[str]]
) -> None:
    """Sort each column in place by the mean height of its neighbours, the barycenter heuristic."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for route in routes.values():
        for left, right in pairwise(route):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    for sweep in range(_SWEEPS):
        # To the right by the layer before, then back to the left by the layer after.
        neighbours = after if sweep % 2 else before
        for column in reversed(columns) if sweep % 2 else columns:
            at = _positions(columns)
            middle = {
                name: sum(at[n][1] for n in near) / len(near)
                if (near := neighbours.get(name))
                else at[name][1]  # without neighbours on that side it stays
                for name in column
            }
            column.sort(key=middle.__getitem__)


def _positions(columns: Sequence[Sequence[str]]) -> dict[str, Point]:
    """Return where each box stands: its column, and its middle in rows."""
    highest = max((sum(map(_size, column)) for column in columns), default=0.0)
    positions: dict[str, Point] = {}
    for layer, column in enumerate(columns):
        # Each layer is centred.
        top = (highest - sum(map(_size, column))) / 2
        for name in column:
            positions[name] = (layer, top + _size(name) / 2)
            top += _size(name)
    return positions


def _size(name: str) -> float:
    """Return the height that a box or a lane of a line takes, in rows."""
    # A lane's name has a line feed, which no stage id may contain.
    return _LANE if "\n" in name else 1.0
