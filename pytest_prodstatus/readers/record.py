"""The record from its JSON text, refused with one sentence where it can't be trusted."""

from __future__ import annotations

import json
from typing import NamedTuple, NoReturn

from pytest_prodstatus.model.evidence import Entry, is_value
from pytest_prodstatus.model.override import Override
from pytest_prodstatus.model.reason import Kind, Reason
from pytest_prodstatus.model.record import (
    SCHEMA,
    Decision,
    Final,
    Past,
    Record,
    Run,
    Selection,
    StageResult,
    Standing,
    Subject,
)
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Rule, Verdict
from pytest_prodstatus.readers.fields import FieldError, Fields
from pytest_prodstatus.readers.shape import FLAG, TEXT, TEXT_OR_NULL, WHOLE, Shape


class RecordError(ValueError):
    """A record that can't be read; the message says which and why."""


class NewerRecordError(RecordError):
    """A record that a newer release wrote, which this one must neither judge nor overwrite."""


def read_record(text: str, source: str, *, evidence: bool = True, criteria: bool = True) -> Record:
    """Return the record in `text`.

    Args:
        text: the content of a `status.json`.
        source: its name, for messages.
        evidence: whether the evidence, which is most of a record, is read; a verdict needs none.
        criteria: whether its criteria are read at all; without, its stages have none.

    Raises:
        NewerRecordError: its schema is newer than this release knows.
        RecordError: it isn't JSON, is cut short, or lacks or misuses a field.
    """
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        msg = f"{source}: not a readable record (it may be cut short): {error}"
        raise RecordError(msg) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is not int or schema < 1:
        msg = f"{source}: not a record: it names no schema version"
        raise RecordError(msg)
    if schema > SCHEMA:
        msg = (
            f"{source}: the record's schema {schema} is newer than this release reads ({SCHEMA}): "
            "update pytest-prodstatus, or move the record away"
        )
        raise NewerRecordError(msg)
    try:
        return _record(Fields(data), _Wanted(evidence, criteria))
    except (FieldError, RecursionError) as error:
        msg = f"{source}: not a valid record: {error}"
        raise RecordError(msg) from None


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise ValueError(msg)


class _Wanted(NamedTuple):
    """What of a record is read."""

    evidence: bool
    criteria: bool


def _record(data: Fields, wanted: _Wanted) -> Record:
    final = data.child("final")
    verdict, reason = _judged(final)
    return Record(
        run=_run(data.child("run")),
        final=Final(verdict=verdict, reason=reason, cause=final.text_or_null("cause")),
        decision=_decision(data.child("decision")),
        stages=tuple(_stage(item, wanted) for item in data.children("stages")),
        history=tuple(map(_past, data.children("history"))),
        document=data.text("document"),
        overrides=tuple(map(_override, data.children("overrides"))),
        previous=_record(data.child("previous"), wanted) if data.has("previous") else None,
    )


def _run(data: Fields) -> Run:
    subject = data.child("subject")
    return Run(
        id=data.text("id"),
        target=data.text("target"),
        subject=Subject(
            release=subject.text_or_null("release"),
            endpoints=subject.names("endpoints"),
            snapshots=subject.child("snapshots").all_instants(),
        ),
        started=data.instant("started"),
        finished=None if data.absent("finished") else data.instant("finished"),
        commit=data.text_or_null("commit"),
        dirty=None if data.absent("dirty") else data.flag("dirty"),
        catalogue=data.text("catalogue"),
        selection=data.text_or_null("selection"),
        complete=data.flag("complete"),
        versions=data.names("versions"),
        incidents=tuple(map(_reason, data.children("incidents"))),
        shard=data.has("shard") and data.flag("shard"),
    )


def _decision(data: Fields) -> Decision:
    selection = data.child("selection")
    return Decision(
        open=data.flag("open"),
        rule=data.choice(Rule, "rule"),
        exit_code=data.number("exit_code"),
        reasons=data.texts("reasons"),
        selection=Selection(
            partial=selection.flag("partial"),
            verdict=selection.choice(Verdict, "verdict"),
            criteria=selection.number("criteria"),
        ),
    )


def _stage(data: Fields, wanted: _Wanted) -> StageResult:
    verdict, reason = _judged(data)
    stage_id = data.text("id")
    return StageResult(
        id=stage_id,
        title=data.text("title"),
        verdict=verdict,
        reason=reason,
        derived=data.flag("derived"),
        cause=data.text_or_null("cause"),
        criteria=tuple(
            _standing(item, stage_id, evidence=wanted.evidence)
            for item in data.children("criteria")
        )
        if wanted.criteria
        else (),
        since=None if data.absent("since") else data.instant("since"),
        previous=_verdict(data, "previous"),
    )


_CRITERION = Shape(
    id=TEXT,
    title=TEXT,
    nodeid=TEXT_OR_NULL,
    carried_over=FLAG,
    selected=FLAG,
    attempts=WHOLE,
    flaky=FLAG,
    side_effects=FLAG,
    run=TEXT_OR_NULL,
    subject=TEXT_OR_NULL,
    detail=TEXT,
)


def _standing(data: Fields, stage_id: str, *, evidence: bool) -> Standing:
    verdict, reason = _judged(data)
    name, title, nodeid, carried, selected, attempts, *more = _CRITERION.of(data)
    flaky, side_effects, run, subject, detail = more
    return Standing(
        id=name,
        stage=stage_id,
        title=one_line(title),
        nodeid=nodeid,
        verdict=verdict,
        observed=_verdict(data, "observed"),
        observed_at=None if data.absent("observed_at") else data.instant("observed_at"),
        carried_over=carried,
        selected=selected,
        reason=reason,
        evidence=tuple(map(_entry, data.children("evidence"))) if evidence else (),
        duration=data.seconds("duration"),
        attempts=attempts,
        flaky=flaky,
        side_effects=side_effects,
        run_id=run,
        subject=subject,
        detail=detail,
    )


def _past(data: Fields) -> Past:
    stages = data.child("stages")
    return Past(
        run=data.text("run"),
        started=data.instant("started"),
        commit=data.text_or_null("commit"),
        release=data.text_or_null("release"),
        final=data.choice(Verdict, "final"),
        stages={name: stages.choice(Verdict, name) for name, _ in stages.items()},
    )


def _override(data: Fields) -> Override:
    return Override(
        target=data.text("target"),
        reason=data.text("reason"),
        who=data.text("who"),
        since=data.instant("since"),
        until=data.instant("until"),
    )


def _entry(data: Fields) -> Entry:
    value = {key: item for key, item in data.items() if key not in ("name", "at")}
    if not is_value(value):
        raise data.refusal("a typed value of evidence")
    return Entry(name=data.text("name"), at=data.instant("at"), value=value)


def _judged(data: Fields) -> tuple[Verdict, Reason | None]:
    """Return a verdict and its reason, which every verdict but CONFIRMED has."""
    verdict = data.choice(Verdict, "verdict")
    if verdict is not Verdict.CONFIRMED:
        return verdict, _reason(data)
    for name in ("reason", "kind", "remedy"):
        if not data.absent(name):
            raise data.wrong(name, f"null where the verdict is {verdict}")
    return verdict, None


def _reason(data: Fields) -> Reason:
    return Reason(
        text=data.text("reason"), kind=data.choice(Kind, "kind"), remedy=data.text_or_null("remedy")
    )


def _verdict(data: Fields, name: str) -> Verdict | None:
    return None if data.absent(name) else data.choice(Verdict, name)
