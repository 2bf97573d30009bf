"""The path through the system as SVG: the steps that the configuration names, in order.

It is drawn twice, along and down; the style shows the one that the reader's window has room for.
Also the timeline: evidence that maps names to instants, as a list in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from pytest_prodstatus.model.evidence import Entry, Item, MapEntry, TimeItem
from pytest_prodstatus.model.record import Record, StageResult
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Step
from pytest_prodstatus.writers.html.words import CLASS, SIGN, instant, span


def instants_of(value: Entry | Item) -> dict[str, datetime]:
    """Return the instants of a mapping of two or more, the earliest first; else nothing."""
    if not isinstance(value, MapEntry):
        return {}
    dated = {name: item.value for name, item in value.value.items() if isinstance(item, TimeItem)}
    if len(dated) < 2 or len(dated) < len(value.value):
        return {}
    return dict(sorted(dated.items(), key=lambda pair: pair[1]))


def timeline(instants: Mapping[str, datetime]) -> Markup:
    """Return the list; each item says how long after the one before it came."""
    rows = []
    last: datetime | None = None
    for name, at in instants.items():
        after = f"+ {span(at - last)}" if last else ""
        rows.append(
            Markup(
                '<li><time datetime="{}">{}</time> <b>{}</b> <span class="dim">{}</span></li>'
            ).format(at.isoformat(), instant(at), name, after)
        )
        last = at
    return Markup('<ol class="timeline">{}</ol>').format(Markup().join(rows))


def all_instants(record: Record) -> dict[str, datetime]:
    """Return every name of every timeline in the record with its instant; the first one counts."""
    found: dict[str, datetime] = {}
    for standing in record.criteria:
        for entry in standing.evidence:
            for name, at in instants_of(entry).items():
                found.setdefault(name, at)
    return found


_ALONG, _DOWN = 114, 56


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stop:
    """A step as it is drawn.

    Attributes:
        anchor: the id of what it shows on the page; "" where the record doesn't have it.
        root: the root cause of what isn't CONFIRMED is here.
        hangs: it isn't CONFIRMED because of something elsewhere.
        at: when the step was taken, where a timeline says so.
    """

    name: str
    shows: str
    anchor: str
    verdict: Verdict
    root: bool
    hangs: bool
    at: datetime | None

    @property
    def style(self) -> str:
        """The style of the step's group."""
        state = " root" if self.root else " hangs" if self.hangs else ""
        return f"stop {CLASS[self.verdict]}{state}"

    @property
    def words(self) -> str:
        """What a screen reader says."""
        root = ", root cause" if self.root else ""
        dated = f", {instant(self.at)}" if self.at else ""
        return f"{self.name}: {self.verdict}{root}{dated}, as {self.shows} says"


def path(record: Record, steps: Sequence[Step], anchors: Mapping[str, str]) -> Markup:
    """Return the path, or nothing where no step is configured.

    Args:
        record: whose verdicts are shown.
        steps: the steps, in order.
        anchors: where each criterion stands on the page, by its id.
    """
    if not steps:
        return Markup()
    dates = all_instants(record)
    stages = {stage.id: stage for stage in record.stages}
    stops = [_stop(step, stages, anchors, dates.get(step.name)) for step in steps]
    width, height = len(stops) * _ALONG, 142 if any(stop.at for stop in stops) else 108
    along = Markup().join(_along(n, stop, stops) for n, stop in enumerate(stops))
    down = Markup().join(_down(n, stop, stops) for n, stop in enumerate(stops))
    return Markup(
        '<svg class="path along" role="group" aria-label="The path" width="{0}" height="{1}" '
        'viewBox="0 0 {0} {1}">{2}</svg>'
        '<svg class="path down" role="group" aria-label="The path" width="330" height="{3}" '
        'viewBox="0 0 330 {3}">{4}</svg>'
    ).format(width, height, along, len(stops) * _DOWN, down)


def _stop(
    step: Step,
    stages: Mapping[str, StageResult],
    anchors: Mapping[str, str],
    at: datetime | None,
) -> _Stop:
    stage_id, is_criterion, _ = step.shows.partition(".")
    stage = stages.get(stage_id)
    standing = next((s for s in stage.criteria if s.id == step.shows), None) if stage else None
    verdict, root, hanging, anchor = Verdict.BLOCKED, False, False, ""
    if stage and not is_criterion:
        anchor = f"stage-{stage.id}"
        verdict, root, hanging = stage.verdict, stage.is_root, stage.hangs
    elif stage and standing:
        anchor = anchors[standing.id]
        verdict, root = standing.verdict, stage.cause == standing.id
        hanging = standing.observed is not None and standing.observed < standing.verdict
    return _Stop(
        name=step.name, shows=step.shows, anchor=anchor, verdict=verdict,
        root=root, hangs=hanging, at=at,
    )  # fmt: skip


def _along(number: int, stop: _Stop, stops: Sequence[_Stop]) -> Markup:
    x = number * _ALONG + _ALONG // 2
    rows = [
        Markup('<text class="name" x="{}" y="84">{}</text>').format(x, _short(stop.name, 13)),
        Markup('<text class="sub" x="{}" y="101">{}</text>').format(x, stop.verdict.value),
    ]
    # Said once of neighbours that show the same.
    if stop.root and not (number and stops[number - 1].shows == stop.shows):
        rows.append(Markup('<text class="cause" x="{}" y="15">root cause</text>').format(x))
    if stop.at:
        day, time = instant(stop.at)[:16].split(" ")
        rows.append(
            Markup(
                '<text class="when" x="{0}" y="119">{1}</text>'
                '<text class="when" x="{0}" y="134">{2}</text>'
            ).format(x, day, time)
        )
    line = Markup('<path class="rail{}" d="M{} 46h{}"/>').format(
        _rail(number, stops), x, _ALONG if number + 1 < len(stops) else 0
    )
    return line + _link(stop, x, 46, Markup().join(rows))


def _down(number: int, stop: _Stop, stops: Sequence[_Stop]) -> Markup:
    y = number * _DOWN + _DOWN // 2
    told = f"{stop.verdict}{', root cause' if stop.root else ''}"
    rows = [
        Markup('<text class="name" x="62" y="{}">{}</text>').format(y - 3, _short(stop.name, 30)),
        Markup('<text class="sub" x="62" y="{}">{}</text>').format(y + 15, told),
    ]
    if stop.at:
        when = Markup('<text class="when" x="326" y="{}">{}</text>')
        rows.append(when.format(y - 3, instant(stop.at)[:16]))
    line = Markup('<path class="rail{}" d="M28 {}v{}"/>').format(
        _rail(number, stops), y, _DOWN if number + 1 < len(stops) else 0
    )
    return line + _link(stop, 28, y, Markup().join(rows))


def _link(stop: _Stop, x: int, y: int, rows: Markup) -> Markup:
    drawn = Markup(
        '<circle cx="{0}" cy="{1}" r="17"/>'
        '<path class="sign" d="{2}" transform="translate({0} {1}) scale(1.3)"/>{3}'
    ).format(x, y, SIGN[stop.verdict], rows)
    if not stop.anchor:
        return Markup('<g class="{}" role="img" aria-label="{}">{}</g>').format(
            stop.style, stop.words, drawn
        )
    return Markup('<a href="#{}" class="{}" aria-label="{}">{}</a>').format(
        stop.anchor, stop.style, stop.words, drawn
    )


def _rail(number: int, stops: Sequence[_Stop]) -> str:
    """Return the style of the rail that follows a stop: solid where both of its ends hold."""
    ends = stops[number : number + 2]
    return "" if all(stop.verdict is Verdict.CONFIRMED for stop in ends) else " broken"


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
