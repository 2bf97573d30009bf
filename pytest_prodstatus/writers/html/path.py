"""The path through the system as SVG: the steps of the configuration, in order.

It is drawn twice, horizontally and vertically; the style sheet shows the one that fits the window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Step
from pytest_prodstatus.writers.html.criterion import instants_of
from pytest_prodstatus.writers.html.words import CLASS, NOT_APPLICABLE, SIGN
from pytest_prodstatus.writers.words import instant

# Pixels from one stop to the next; 13 letters of a name fit into them, or 30 beside a stop.
_ALONG, _DOWN = 114, 56


class _Stop(NamedTuple):
    """A step as it is drawn.

    Attributes:
        step: as configured.
        anchor: of the stage or criterion that it shows; "" if the record doesn't have that.
        verdict: of that stage or criterion.
        state: `root` if the root cause is here, `affected` if it is elsewhere, else "".
        applies: whether its stage is judged.
        at: when the step was taken; None if no timeline has its name.
    """

    step: Step
    anchor: str
    verdict: Verdict
    state: str
    applies: bool
    at: datetime | None

    @property
    def word(self) -> str:
        """Its verdict for the reader, or that it isn't applicable."""
        return self.verdict.value if self.applies else "not applicable"


def path(record: Record, steps: Sequence[Step], anchors: Mapping[str, str]) -> Markup:
    """Return the path; nothing if no step is configured.

    Args:
        record: gives the verdicts and instants.
        steps: the steps, in order.
        anchors: the anchor of each criterion on the page, by its id.
    """
    if not steps:
        return Markup()
    dates = all_instants(record)
    stops = [
        _Stop(step, *_shown_verdict(step.shows, record, anchors), dates.get(step.name))
        for step in steps
    ]
    # The instants need two more rows, the day and the time.
    width, height = len(stops) * _ALONG, 142 if any(stop.at for stop in stops) else 108
    along = Markup().join(_along(n, stop, stops) for n, stop in enumerate(stops))
    down = Markup().join(_down(n, stop, stops) for n, stop in enumerate(stops))
    return Markup(
        '<svg class="path along" role="group" aria-label="The path" width="{0}" height="{1}" '
        'viewBox="0 0 {0} {1}">{2}</svg>'
        '<svg class="path down" role="group" aria-label="The path" width="330" height="{3}" '
        'viewBox="0 0 330 {3}">{4}</svg>'
    ).format(width, height, along, len(stops) * _DOWN, down)


def all_instants(record: Record) -> dict[str, datetime]:
    """Return the instants of all timelines in the record by their names; the first of a name."""
    dates: dict[str, datetime] = {}
    for status in record.criteria:
        for entry in status.evidence:
            for name, at in instants_of(entry).items():
                dates.setdefault(name, at)
    return dates


def _shown_verdict(
    shows: str, record: Record, anchors: Mapping[str, str]
) -> tuple[str, Verdict, str, bool]:
    """Return anchor, verdict, state and applicability of the stage or criterion of a step.

    If the record has neither, the step is BLOCKED and has no link.
    """
    # A stage's id has no dot and a criterion's has one, so they can't be confused.
    for stage in record.stages:
        if not stage.applies and stage.id == shows.partition(".")[0]:
            return f"stage-{stage.id}", stage.verdict, "", False
        if stage.id == shows:
            state = "root" if stage.is_root else "affected" if stage.is_affected else ""
            return f"stage-{stage.id}", stage.verdict, state, True
        for status in stage.criteria:
            if status.id == shows:
                # Its own observation was better: what it requires made it worse.
                elsewhere = status.observed is not None and status.observed < status.verdict
                state = "root" if stage.cause == shows else "affected" if elsewhere else ""
                return anchors[shows], status.verdict, state, True
    return "", Verdict.BLOCKED, "", True


def _along(number: int, stop: _Stop, stops: Sequence[_Stop]) -> Markup:
    x = number * _ALONG + _ALONG // 2
    rows = [
        Markup('<text class="name" x="{}" y="84">{}</text>').format(
            x, _shorten(stop.step.name, 13)
        ),
        Markup('<text class="sub" x="{}" y="101">{}</text>').format(x, stop.word),
    ]
    # Only once if neighbours show the same stage or criterion.
    if stop.state == "root" and not (number and stops[number - 1].step.shows == stop.step.shows):
        rows.append(Markup('<text class="cause" x="{}" y="15">root cause</text>').format(x))
    if stop.at:
        # To the minute: the seconds and UTC are cut off.
        day, time = instant(stop.at)[:16].split(" ")
        rows.append(
            Markup(
                '<text class="when" x="{0}" y="119">{1}</text>'
                '<text class="when" x="{0}" y="134">{2}</text>'
            ).format(x, day, time)
        )
    line = Markup('<path class="rail{}" d="M{} 46h{}"/>').format(
        _rail_class(number, stops), x, _ALONG if number + 1 < len(stops) else 0
    )
    return line + _draw_stop(stop, x, 46, Markup().join(rows))


def _down(number: int, stop: _Stop, stops: Sequence[_Stop]) -> Markup:
    y = number * _DOWN + _DOWN // 2
    below = f"{stop.word}{_root_label(stop)}"
    rows = [
        Markup('<text class="name" x="62" y="{}">{}</text>').format(
            y - 3, _shorten(stop.step.name, 30)
        ),
        Markup('<text class="sub" x="62" y="{}">{}</text>').format(y + 15, below),
    ]
    if stop.at:
        when = Markup('<text class="when" x="326" y="{}">{}</text>')
        rows.append(when.format(y - 3, instant(stop.at)[:16]))
    line = Markup('<path class="rail{}" d="M28 {}v{}"/>').format(
        _rail_class(number, stops), y, _DOWN if number + 1 < len(stops) else 0
    )
    return line + _draw_stop(stop, 28, y, Markup().join(rows))


def _draw_stop(stop: _Stop, x: int, y: int, rows: Markup) -> Markup:
    """Return a stop with its sign around a point, as a link to its stage or criterion."""
    kind = CLASS[stop.verdict] if stop.applies else NOT_APPLICABLE
    style = f"stop {kind} {stop.state}".rstrip()
    dated = f", {instant(stop.at)}" if stop.at else ""
    words = f"{stop.step.name}: {stop.word}{_root_label(stop)}{dated}, as {stop.step.shows} says"
    shapes = Markup(
        '<circle cx="{0}" cy="{1}" r="17"/>'
        '<path class="sign" d="{2}" transform="translate({0} {1}) scale(1.3)"/>{3}'
    ).format(x, y, SIGN[stop.verdict] if stop.applies else "", rows)
    # Without a target it isn't a link, but a picture with a label.
    if not stop.anchor:
        return Markup('<g class="{}" role="img" aria-label="{}">{}</g>').format(
            style, words, shapes
        )
    return Markup('<a href="#{}" class="{}" aria-label="{}">{}</a>').format(
        stop.anchor, style, words, shapes
    )


def _root_label(stop: _Stop) -> str:
    return ", root cause" if stop.state == "root" else ""


def _rail_class(number: int, stops: Sequence[_Stop]) -> str:
    """Return the CSS class of the rail after a stop: solid if both of its ends are CONFIRMED."""
    ends = stops[number : number + 2]
    whole = all(stop.verdict is Verdict.CONFIRMED or not stop.applies for stop in ends)
    return "" if whole else " broken"


def _shorten(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
