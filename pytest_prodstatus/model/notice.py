"""What is worth a notification about a target, and its words.

Each topic has a value; a notification is due if the value isn't the last one that was sent. Only a
verdict or a gate that changed is worth one, so the first one of a target isn't. `store/notices`
keeps the values, and `notify` sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from pytest_prodstatus.model.assemble import broken_off
from pytest_prodstatus.model.catalogue import FINAL
from pytest_prodstatus.model.gate import GateDecision
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line, utc_isoformat
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.model.violations import ViolationKind
from pytest_prodstatus.model.waiver import SOON, Waivers

WITHIN = timedelta(hours=1)
"""How long before its end an open gate is notified, by default."""

PATIENCE = timedelta(hours=1)
"""How long a run that is in progress is waited for before it counts as killed."""

_LIMIT = 300
"""Characters of the sentence of a fact."""
_FLIPS = ("FINAL", "stage ", "gate")
"""How the topics begin whose value is a verdict, or whether the gate is open."""
_SAYS_THE_GATE = {"FINAL", "override"}
"""The topics whose news also say that the gate opened or closed."""


class Fact(Struct, frozen=True, kw_only=True):
    """The present value of a topic.

    Attributes:
        value: what makes it another fact than the last one.
        text: one sentence; `{was}` in it is the former value.
    """

    value: str
    text: str


class Notice(Struct, frozen=True, kw_only=True):
    """One message about a target, with all that is new.

    Attributes:
        title: one line.
        body: a line for each fact.
        verdict: FINAL as it is now.
    """

    title: str
    body: str
    verdict: Verdict


def facts(
    decision: GateDecision,
    record: Record | None,
    waivers: Waivers,
    until: datetime | None,
    now: datetime,
    within: timedelta = WITHIN,
) -> dict[str, Fact]:
    """Return the facts about a target, by topic.

    Args:
        decision: the gate's, as of now.
        record: the record; None if there is none.
        waivers: the project's.
        until: until when an open gate stays open by itself.
        now: the instant.
        within: how long before its end a verdict or a waiver is a fact: a waiver at least `SOON`, a
            verdict at most half of the time that it holds.
    """
    found: dict[str, Fact] = {}
    # While a run is in progress, everything is BLOCKED for some minutes, which isn't news.
    if not _in_progress(decision, record, now):
        verdict = decision.present_verdict
        why = f": {decision.reasons[0]}" if decision.reasons else ""
        found["FINAL"] = _fact(verdict.value, f"FINAL is {verdict}, and was {{was}}", why)
        text = f"the gate is {decision.decision}, and was {{was}}"
        found["gate"] = _fact("open" if decision.open else "closed", text, why)
        for stage in decision.stages:
            if stage.applies and stage.id != FINAL:
                now_is = decision.present_verdict_of(stage)
                why = f": {stage.reason.text}" if stage.reason else ""
                text = f"{stage.id} is {now_is}, and was {{was}}"
                found[f"stage {stage.id}"] = _fact(now_is.value, text, why)
        if until is not None and decision.confirmed and until - now <= _soon(record, until, within):
            end = utc_isoformat(until)
            found["end"] = _fact(end, f"the gate closes by itself at {end}: judge again before")
    override = decision.override
    if override is not None:
        since, end = utc_isoformat(override.since), utc_isoformat(override.until)
        text = f"{override.who} opened the gate by an override until {end}"
        found["override"] = _fact(f"{since} {override.who}", text, f": {override.reason}")
    for waiver in waivers:
        if timedelta() < waiver.expires - now <= max(within, SOON):
            end = utc_isoformat(waiver.expires)
            text = f"the waiver of {waiver.criterion} ({waiver.owner}) ends at {end}"
            found[f"waiver {waiver.criterion}"] = _fact(end, text)
    return found


def notice_of(
    decision: GateDecision, known: Mapping[str, Fact], news: Mapping[str, str | None]
) -> Notice | None:
    """Return the message about what is new; None if there is nothing to say.

    Args:
        decision: the gate's, as of now.
        known: the facts by topic.
        news: the former value of each topic whose value is new; None if there was none.
    """
    lines = [
        known[topic].text.replace("{was}", was or "")
        for topic, was in news.items()
        if was is not None or not topic.startswith(_FLIPS)
        if topic != "gate" or not news.keys() & _SAYS_THE_GATE
    ]
    if not lines:
        return None
    verdict = decision.present_verdict
    title = f"{decision.query.target}: FINAL {verdict}, gate {decision.decision}"
    return Notice(title=title, body="\n".join(lines), verdict=verdict)


def _fact(value: str, text: str, why: str = "") -> Fact:
    """Build a fact from a sentence and the reason behind it, which may hold text of a test."""
    # Only our own words may hold the place of the former value.
    return Fact(value=value, text=one_line(text + why.replace("{was}", "{ was }"), limit=_LIMIT))


def _soon(record: Record | None, until: datetime, within: timedelta) -> timedelta:
    """Return how long before its end a verdict is announced: not when it has just been judged."""
    finished = record.run.finished if record else None
    return min(within, (until - finished) / 2) if finished else within


def _in_progress(decision: GateDecision, record: Record | None, now: datetime) -> bool:
    """Return whether a run is about to give another verdict."""
    running = any(found.kind is ViolationKind.IN_PROGRESS for found in decision.violations)
    if not running or record is None or broken_off(record.run):
        return False
    return now - record.run.started < PATIENCE
