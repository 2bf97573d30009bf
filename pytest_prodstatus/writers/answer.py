"""The gate's answer for a person, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pytest_prodstatus.model.answer import Answer
from pytest_prodstatus.model.duration import age
from pytest_prodstatus.model.override import Override
from pytest_prodstatus.model.record import Cause, Run
from pytest_prodstatus.model.text import one_line

SHOWN = 20
"""Causes and ids that the text names; the JSON has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One record's answer: the file, its run where it could be read, and the answer."""

    source: str
    run: Run | None
    answer: Answer


def exit_code_of(told: Sequence[Told]) -> int:
    """Return the exit status of several answers: FAILED before closed before open."""
    codes = {each.answer.exit_code for each in told}
    return min(codes - {0}, default=0)


def answer_lines(told: Told, now: datetime) -> Iterator[str]:
    """Yield an answer as lines, the whole of it in the first."""
    answer = told.answer
    if answer.override:
        yield f"OVERRIDE: {override_words(answer.override)}"
    yield answer.sentence
    yield f"  {told.source}{_described(told.run, now) if told.run else ''}"
    if answer.refusals or answer.causes:
        yield "Why:" if not answer.open else "It would be closed:"
    for refusal in answer.refusals:
        yield f"  {refusal.ground}: {refusal.text}"
    for cause in answer.causes[:SHOWN]:
        yield from _cause(cause)
    if answer.causes[SHOWN:]:
        yield f"  … and {len(answer.causes) - SHOWN:,} more; --format json has all of them"
    if answer.waived:
        yield "Waived:"
    for each in answer.waived:
        until = f"{each.waiver.expires:%Y-%m-%d %H:%M} UTC"
        name = one_line(each.standing.id)
        yield f"  {each.standing.verdict!s:<7}  {name}: {each.waiver.reason}"
        yield f"           accepted by {each.waiver.owner} until {until}"
    if answer.actions:
        yield "Next:"
    for number, action in enumerate(answer.actions[:SHOWN], 1):
        yield f"  {number}. {action}"


def override_words(override: Override) -> str:
    """Return in words what an override does."""
    until = f"{override.until:%Y-%m-%d %H:%M} UTC"
    opened = f"{override.who} opened the gate of {override.target} until {until}"
    return f"{opened}, whatever the verdict: {override.reason}"


def _described(run: Run, now: datetime) -> str:
    parts = [
        f"run {run.id}",
        f"finished {age(now - run.finished)} ago" if run.finished else "not finished",
        f"release {run.subject.release}" if run.subject.release else "",
        f"suite commit {run.commit[:12]}" if run.commit else "",
    ]
    return ": " + ", ".join(filter(None, parts))


def _cause(cause: Cause) -> Iterator[str]:
    named = ", ".join(cause.ids[:SHOWN])
    more = f" and {len(cause.ids) - SHOWN:,} more" if cause.ids[SHOWN:] else ""
    yield f"  {cause.verdict!s:<7}  {named}{more}: {cause.sentence}"
    if cause.affected:
        yield f"           depends on it: {', '.join(cause.affected)}"
