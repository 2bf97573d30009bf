"""The record from its JSON text, refused with one sentence where it can't be trusted."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from enum import Enum
from typing import Any, TypeVar

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.reason import Kind, Reason
from pytest_prodstatus.model.record import (
    SCHEMA,
    Decision,
    Final,
    Record,
    Rule,
    Run,
    Selection,
    StageResult,
    Standing,
    Subject,
)
from pytest_prodstatus.model.verdict import Verdict

E = TypeVar("E", bound=Enum)


class RecordError(ValueError):
    """A record that can't be read; the message says which and why."""


class NewerRecordError(RecordError):
    """A record that a newer release wrote, which this one must neither judge nor overwrite."""


def read_record(text: str, source: str) -> Record:
    """Return the record in `text`.

    Args:
        text: the content of a `status.json`.
        source: its name, for messages.

    Raises:
        NewerRecordError: its schema is newer than this release knows.
        RecordError: it isn't JSON, is cut short, or lacks or misuses a field.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        msg = f"{source}: not a readable record (it may be cut short): {error}"
        raise RecordError(msg) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is not int:
        msg = f"{source}: not a record: it names no schema version"
        raise RecordError(msg)
    if schema > SCHEMA:
        msg = (
            f"{source}: the record's schema {schema} is newer than this release reads ({SCHEMA}): "
            "update pytest-prodstatus, or move the record away"
        )
        raise NewerRecordError(msg)
    try:
        return _record(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{source}: not a valid record: {type(error).__name__}: {error}"
        raise RecordError(msg) from None


def entry_from_json(data: dict[str, Any]) -> Entry:
    """Return one evidence entry; the inverse of the writer's form."""
    value = {key: item for key, item in data.items() if key not in ("name", "at")}
    return Entry(name=data["name"], at=_instant(data["at"]), value=value)


def _record(data: dict[str, Any]) -> Record:
    previous = data.get("previous")
    final = data["final"]
    return Record(
        run=_run(data["run"]),
        final=Final(verdict=Verdict(final["verdict"]), reason=_reason(final), cause=final["cause"]),
        decision=_decision(data["decision"]),
        stages=tuple(_stage(stage) for stage in data["stages"]),
        previous=_record(previous) if previous else None,
    )


def _run(data: dict[str, Any]) -> Run:
    incidents = (_reason(incident) for incident in data["incidents"])
    return Run(
        id=data["id"],
        target=data["target"],
        subject=Subject(
            release=data["subject"]["release"], endpoints=dict(data["subject"]["endpoints"])
        ),
        started=_instant(data["started"]),
        finished=_time(data["finished"]),
        commit=data["commit"],
        dirty=data["dirty"],
        selection=data["selection"],
        complete=data["complete"] is True,
        versions=dict(data["versions"]),
        incidents=tuple(incident for incident in incidents if incident),
    )


def _decision(data: dict[str, Any]) -> Decision:
    selection = data["selection"]
    return Decision(
        open=data["open"] is True,
        rule=Rule(data["rule"]),
        exit_code=int(data["exit_code"]),
        reasons=tuple(data["reasons"]),
        selection=Selection(
            partial=selection["partial"] is True,
            verdict=Verdict(selection["verdict"]),
            criteria=int(selection["criteria"]),
        ),
    )


def _stage(data: dict[str, Any]) -> StageResult:
    return StageResult(
        id=data["id"],
        title=data["title"],
        verdict=Verdict(data["verdict"]),
        reason=_reason(data),
        derived=data["derived"] is True,
        cause=data["cause"],
        criteria=tuple(_standing(item, data["id"]) for item in data["criteria"]),
        since=_time(data["since"]),
        previous=_optional(Verdict, data["previous"]),
    )


def _standing(data: dict[str, Any], stage_id: str) -> Standing:
    return Standing(
        id=data["id"],
        stage=stage_id,
        title=data["title"],
        nodeid=data["nodeid"],
        verdict=Verdict(data["verdict"]),
        observed=_optional(Verdict, data["observed"]),
        observed_at=_time(data["observed_at"]),
        carried_over=data["carried_over"] is True,
        selected=data["selected"] is True,
        reason=_reason(data),
        evidence=tuple(entry_from_json(entry) for entry in data["evidence"]),
        duration=float(data["duration"]),
        attempts=int(data["attempts"]),
        flaky=data["flaky"] is True,
        side_effects=data["side_effects"] is True,
        run_id=data["run"],
        subject=data["subject"],
    )


def _reason(data: dict[str, Any]) -> Reason | None:
    if data["reason"] is None:
        return None
    return Reason(text=data["reason"], kind=Kind(data["kind"]), remedy=data["remedy"])


def _optional(kind: type[E], value: str | None) -> E | None:
    return None if value is None else kind(value)


def _time(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


def _instant(text: str) -> datetime:
    # Python 3.10's fromisoformat knows no "Z".
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if instant.tzinfo is None:
        msg = f"instant {text!r} has no time zone"
        raise ValueError(msg)
    return instant.astimezone(timezone.utc)
