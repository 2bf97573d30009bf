"""The criteria of one process: from marked tests to the manifest that names them all.

Under xdist the controller collects nothing: it knows the criteria from its workers' manifests. The
report of a crash carries no marks, but its node id is in the manifest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import msgspec
import pytest
from msgspec import Struct

from pytest_prodstatus.model.catalogue import CatalogueError, Criterion
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Reason
from pytest_prodstatus.model.walk import printable
from pytest_prodstatus.options import STAGE_MARK


def closest_mark(
    item: pytest.Item,
) -> tuple[pytest.Item | pytest.Collector, pytest.Mark] | tuple[None, None]:
    """Return the closest stage mark of an item, and the item, class or file that carries it."""
    node: pytest.Item | pytest.Collector | None = item
    while node is not None:
        for mark in node.own_markers:
            if mark.name == STAGE_MARK:
                return node, mark
        node = node.parent
    return None, None


def criterion_of(item: pytest.Item, mark: pytest.Mark) -> Criterion:
    """Build the criterion of an item from the mark that puts it into a stage.

    Raises:
        CatalogueError: the mark doesn't name one stage, or takes unknown arguments.
    """
    nodeid = item.nodeid
    stage, side_effects, exempt = _arguments(mark, nodeid)
    name, bracket, parameters = item.name.partition("[")
    words = name.removeprefix("test").strip("_").replace("_", "-").lower() or name
    # Not `item.function`: it costs more, and a method's docstring is the same.
    docstring = item.obj.__doc__ if isinstance(item, pytest.Function) else None
    doc = (docstring or "").strip().partition("\n")[0]
    if os.sep in doc:
        # pytest-bdd's docstring begins with the absolute path of the feature's file.
        doc = doc.removeprefix(f"{item.config.rootpath}{os.sep}")
    return Criterion(
        id=one_line(f"{stage}.{words}{bracket}{parameters}"),
        stage=stage,
        nodeid=nodeid,
        title=one_line(doc.rstrip(".") or words.replace("-", " ").capitalize()),
        side_effects=side_effects,
        exempt=exempt,
        function=nodeid.removesuffix(f"{bracket}{parameters}") if bracket else nodeid,
    )


def _arguments(mark: pytest.Mark, nodeid: str) -> tuple[str, bool, bool]:
    stage = mark.args[0] if len(mark.args) == 1 else None
    side_effects = mark.kwargs.get("side_effects", False)
    required = mark.kwargs.get("require_assertion")
    known = mark.kwargs.keys() <= {"side_effects", "require_assertion"}
    if isinstance(stage, str) and stage and known and isinstance(side_effects, bool):
        if required is None or required is False:
            return stage, side_effects, required is False
        # Whether assertions are counted is known before any mark is.
        msg = (
            f"{nodeid}: mark stage({stage!r}, require_assertion={required!r}) can only be False: "
            "to require an assertion, set require_assertion = true in [tool.prodstatus]"
        )
        raise CatalogueError(msg)
    given = ", ".join([*map(repr, mark.args), *(f"{k}={v!r}" for k, v in mark.kwargs.items())])
    msg = (
        f"{nodeid}: mark stage({given}) must name one stage and may say "
        "side_effects=True or require_assertion=False, as in stage('oauth', side_effects=True)"
    )
    raise CatalogueError(msg)


class AllBut:
    """All names except a few; shorter than a set of the thousands that a run selects."""

    def __init__(self, names: Iterable[str]) -> None:
        self._out = frozenset(names)

    def __contains__(self, name: object) -> bool:
        return name not in self._out


class Manifest(Struct, frozen=True, kw_only=True):
    """What was collected.

    Attributes:
        criteria: every criterion by its node id, selected or not.
        deselected: node ids of those that are not to be run.
        files: test files that were collected completely.
        missing: the files that were not collected, and why. Of several with the same error, xdist
            reports only one to the controller.
        error: why the collected criteria make no catalogue; "" if they make one.
    """

    criteria: Mapping[str, Criterion] = {}
    deselected: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    missing: Mapping[str, Reason] = {}
    error: str = ""

    @property
    def selected(self) -> int:
        """How many criteria are to be run."""
        return len(self.criteria) - len(self.deselected)

    def to_json(self) -> str:
        """Return the manifest as JSON text; lone surrogates in names become their escapes."""
        try:
            return _ENCODE(self).decode()
        except UnicodeEncodeError:
            return _ENCODE(printable(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `to_json` wrote."""
        return _DECODE(text)


_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(Manifest).decode
