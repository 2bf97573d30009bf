"""Records to keep in the tests: short to write, an hour apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from pytest_prodstatus.model.record import Record, Subject
from pytest_prodstatus.model.verdict import Verdict
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, criterion, record, run, stage

STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))
LETTERS = {"C": C, "B": B, "F": F}


def ran(number: int, api: str = "C", shop: str = "C", **more: Any) -> Record:
    """Return the record of one run, with two stages that are each C, B or F.

    Args:
        number: the hour in which it starts; the run is called `run-NUMBER`.
        api: the verdict of the criterion `api.up`.
        shop: the verdict of the criterion `shop.open`; "-" if the run didn't select it.
        more: fields of the run; `release` is of its subject.
    """
    seen: dict[str, Verdict] = {"api.up": LETTERS[api]}
    if shop != "-":
        seen["shop.open"] = LETTERS[shop]
    started = NOW + number * HOUR
    given: dict[str, Any] = {
        "id": f"run-{number}",
        "target": "production",
        "started": started,
        "finished": started + timedelta(minutes=1),
    }
    if "release" in more:
        given["subject"] = Subject(release=more.pop("release"))
    of = run(**{**given, **more})
    tests = (criterion("api.up"), criterion("shop.open"))
    return record(STAGES, seen, of=of, collected=tests, selected=frozenset(seen))


def with_flaky(kept: Record, name: str) -> Record:
    """Return a record in which a criterion passed only after a rerun."""
    stages = tuple(
        replace(s, criteria=tuple(replace(c, flaky=c.id == name) for c in s.criteria))
        for s in kept.stages
    )
    return replace(kept, stages=stages)
