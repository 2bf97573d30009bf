"""From a test that is marked with a stage to the criterion that it is."""

from __future__ import annotations

import os

import pytest

from pytest_prodstatus.model.catalogue import CatalogueError, Criterion
from pytest_prodstatus.model.text import one_line

STAGE_MARK = "stage"


def criterion_of(item: pytest.Item) -> Criterion:
    """Return the criterion that a stage-marked item is.

    Raises:
        CatalogueError: the mark doesn't name one stage, or takes unknown arguments.
    """
    mark = item.get_closest_marker(STAGE_MARK)
    if mark is None:
        msg = f"{item.nodeid}: carries no stage mark"
        raise CatalogueError(msg)
    extra = [name for name in mark.kwargs if name != "side_effects"]
    side_effects = mark.kwargs.get("side_effects", False)
    named = len(mark.args) == 1 and isinstance(mark.args[0], str) and mark.args[0]
    if not named or extra or not isinstance(side_effects, bool):
        given = ", ".join([*map(repr, mark.args), *(f"{k}={v!r}" for k, v in mark.kwargs.items())])
        msg = (
            f"{item.nodeid}: mark stage({given}) must name one stage and may say "
            "side_effects=True, as in stage('oauth', side_effects=True)"
        )
        raise CatalogueError(msg)
    name, bracket, parameters = item.name.partition("[")
    words = name.removeprefix("test").strip("_").replace("_", "-").lower() or name
    own_id = f"{mark.args[0]}.{words}{bracket}{parameters}"
    function = getattr(item, "function", None)
    doc = (getattr(function, "__doc__", None) or "").strip().partition("\n")[0]
    # pytest-bdd writes one that begins with the feature's file, of this machine.
    doc = doc.removeprefix(f"{item.config.rootpath}{os.sep}")
    return Criterion(
        id=one_line(own_id),
        stage=mark.args[0],
        nodeid=item.nodeid,
        title=one_line(doc.rstrip(".") or words.replace("-", " ").capitalize()),
        side_effects=side_effects,
        function=item.nodeid.removesuffix(f"{bracket}{parameters}"),
    )
