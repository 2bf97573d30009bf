"""The page. Here is what its parts share: small elements, signs, and the strip of verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup

from pytest_prodstatus.model.record import HISTORY_LIMIT, Record, StageStatus
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.words import counted

CLASS = {Verdict.CONFIRMED: "C", Verdict.BLOCKED: "B", Verdict.FAILED: "F"}
"""The CSS class of each verdict, which gives its colour."""

# A tick, a bar, a cross: a verdict must be recognisable without its colour. They are drawn, not
# typed, since not every font has them.
SIGN = {
    Verdict.CONFIRMED: "M-6 0l4 4.5 8-9",
    Verdict.BLOCKED: "M-6 0h12",
    Verdict.FAILED: "M-5-5l10 10M5-5l-10 10",
}
"""The sign of each verdict, as an SVG path around its own middle, 12 units wide."""


NOT_APPLICABLE = "N"
"""The CSS class of a stage that isn't judged."""


def shared_causes(record: Record) -> dict[str, str]:
    """Return the stages that an earlier stage's root cause keeps back as well.

    One outage is seen in several stages, and is drawn as a root cause in the first of them.

    Returns:
        The id of that cause, by the ids of the other stages.
    """
    first: dict[object, StageStatus] = {}
    shared: dict[str, str] = {}
    for stage in record.stages:
        if stage.is_root and stage.reason:
            root = first.setdefault((stage.verdict, stage.reason.cause), stage)
            if root is not stage and root.cause:
                shared[stage.id] = root.cause
    return shared


def style_of(stage: StageStatus) -> str:
    """Return the CSS class of a stage."""
    return CLASS[stage.verdict] if stage.applies else NOT_APPLICABLE


def sign_of(stage: StageStatus) -> str:
    """Return the sign of a stage; a stage that isn't judged has none."""
    return SIGN[stage.verdict] if stage.applies else ""


def stage_tag(stage: StageStatus) -> Markup:
    """Return a stage's verdict as a coloured label, or that it isn't applicable."""
    return Markup('<b class="tag {}">{}</b>').format(style_of(stage), stage.word)


def tag(verdict: Verdict) -> Markup:
    """Return a verdict as a coloured label."""
    return Markup('<b class="tag {}">{}</b>').format(CLASS[verdict], verdict.value)


def code(text: object) -> Markup:
    """Return an id, a digest or an address in monospace; the script adds a copy button."""
    return Markup("<code>{}</code>").format(text)


def for_each(template: str, values: Iterable[object]) -> Markup:
    """Return the template once for each value, with the escaped value at its `{}`."""
    # Here and below, a template is a literal of this package, never a value (S704).
    return Markup().join(Markup(template).format(value) for value in values)  # noqa: S704


def optional(template: str, value: object) -> Markup:
    """Return the template with the escaped value at its `{}`; nothing if the value is empty."""
    return Markup(template).format(value) if value else Markup()  # noqa: S704


def section(name: str, title: str, body: Markup, style: str = "") -> Markup:
    """Return a section of the page.

    Args:
        name: the anchor of its heading.
        title: the heading.
        body: what follows it.
        style: the section's class; "" for none.
    """
    return Markup(
        '<section{} aria-labelledby="{name}"><h2 id="{name}">{}</h2>{}</section>\n'
    ).format(optional(' class="{}"', style), title, body, name=name)


def columns(*names: str) -> Markup:
    """Return the cells of a table's head row."""
    return for_each('<th scope="col">{}</th>', names)


def row(name: str, *cells: str, end: str = "\n") -> Markup:
    """Return a table's row: a name as its heading, then the cells."""
    return Markup('<tr><th scope="row">{}</th>{}</tr>{}').format(
        name, for_each("<td>{}</td>", cells), end
    )


# Pixels: from one bar to the next, a bar's width, and the height of the strip.
_STEP, _BAR, _HEIGHT = 6, 5, 18
# Heights in pixels: verdicts differ without colour too, and the worst is the tallest.
_BAR_HEIGHT = {Verdict.CONFIRMED: 6, Verdict.BLOCKED: 11, Verdict.FAILED: 16}


def strip_of(record: Record, stage_id: str | None = None) -> Markup:
    """Return the strip of verdicts of the last runs and this one.

    Args:
        record: of this run, with its history.
        stage_id: the stage; None for FINAL.

    Returns:
        The strip; nothing if the record has no former run.
    """
    if not record.history:
        return Markup()
    runs = (*record.history, record.past)
    return strip([run.stages.get(stage_id) if stage_id else run.final for run in runs])


def strip(verdicts: Sequence[Verdict | None]) -> Markup:
    """Return a strip of bars as SVG, the newest run at its right end, with a mark at each change.

    Args:
        verdicts: of the runs, the oldest first; None for a run that has no verdict of the stage.
    """
    # All strips have the same width and end at this run, so that they can be compared.
    slots = HISTORY_LIMIT + 1
    bars = dict.fromkeys(Verdict, "")
    flips = ""
    last: Verdict | None = None
    for place, verdict in enumerate(verdicts, slots - len(verdicts)):
        if verdict is None:
            continue  # a gap
        height = _BAR_HEIGHT[verdict]
        bars[verdict] += f"M{place * _STEP} {_HEIGHT - height}h{_BAR}v{height}h-{_BAR}z"
        if last not in (None, verdict):
            flips += f"M{place * _STEP - 3} {_HEIGHT + 5}l2.5-4 2.5 4z"
        last = verdict
    paths = Markup().join(
        Markup('<path class="{}" d="{}"/>').format(CLASS[verdict], path)
        for verdict, path in bars.items()
        if path
    )
    return Markup(
        '<svg class="strip" role="img" aria-label="{words}" width="{width}" height="24" '
        'viewBox="0 0 {width} 24"><path class="base" d="M0 {base}.5h{width}"/>{bars}'
        '<path class="flip" d="{flips}"/></svg>'
    ).format(
        words=_strip_label(verdicts), width=slots * _STEP, base=_HEIGHT, bars=paths, flips=flips
    )


def _strip_label(verdicts: Sequence[Verdict | None]) -> str:
    """Return what a screen reader says of a strip of verdicts."""
    known = [verdict for verdict in verdicts if verdict is not None]
    counts = [
        f"{known.count(verdict)} {verdict}"
        for verdict in sorted(Verdict, reverse=True)
        if verdict in known
    ]
    changes = counted(sum(a is not b for a, b in pairwise(known)), "change")
    return f"The last {counted(len(known), 'run')}: {', '.join(counts)}; {changes}"
