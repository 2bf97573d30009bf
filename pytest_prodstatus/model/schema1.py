"""Records of schema 1, as releases up to 0.1 wrote them: converted to schema 2, never written."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError, Stage, title_of
from pytest_prodstatus.model.causes import actions_of, causes
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import utf8
from pytest_prodstatus.model.walk import INTO, walked


def converted(data: dict[str, Any]) -> dict[str, Any]:
    """Return the raw data of a schema-1 record as that of a schema-2 record.

    Schema 1 left `shard` out if it was false. Its sentences of why the gate was closed are left
    out: causes are worked out anew. It kept lone surrogates, which UTF-8 can't write; here they
    become visible escapes. What else is wrong is left for the decoder to refuse.
    """
    made: dict[str, Any] = walked({**data, "schema": 2}, _printable)
    if isinstance(data.get("run"), dict):
        made["run"] = {"shard": False, **made["run"]}
    if isinstance(data.get("decision"), dict):
        kept = {name: value for name, value in made["decision"].items() if name != "reasons"}
        made["decision"] = {**kept, "causes": [], "actions": []}
    if isinstance(data.get("previous"), dict):
        made["previous"] = converted(data["previous"])
    return made


def explained(record: Record) -> Record:
    """Return a converted record with its causes and actions, as far as it tells them.

    It doesn't tell which stage requires which; the gate takes that from today's catalogue.
    """
    stages = tuple(Stage(id=stage.id, title=title_of(stage.id)) for stage in record.stages)
    try:
        catalogue = Catalogue(stages=stages, declared=False)
    except CatalogueError:
        return record
    # It doesn't tell what FINAL rolls up either.
    found = causes(catalogue, record.stages, record.run.incidents, tuple(catalogue.by_id))
    decision = replace(record.decision, causes=found, actions=actions_of(found))
    previous = explained(record.previous) if record.previous else None
    return replace(record, decision=decision, previous=previous)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    return INTO if isinstance(value, (dict, list)) else value
