"""What the parts of the page share: words, signs, small elements, and the strip of verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup

from pytest_prodstatus.model.record import HISTORY_LIMIT, Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.words import counted

CLASS = {Verdict.CONFIRMED: "C", Verdict.BLOCKED: "B", Verdict.FAILED: "F"}
"""The style of each verdict: a colour, and a sign that tells it apart without one."""

# Signs are drawn, not typed, since not every font has them: a tick, a bar, a cross.
SIGN = {
    Verdict.CONFIRMED: "M-6 0l4 4.5 8-9",
    Verdict.BLOCKED: "M-6 0h12",
    Verdict.FAILED: "M-5-5l10 10M5-5l-10 10",
}
"""The sign of each verdict, as an SVG path around its own middle, 12 units wide."""


def tag(verdict: Verdict) -> Markup:
    """Return a verdict as a label."""
    return Markup('<b class="tag {}">{}</b>').format(CLASS[verdict], verdict.value)


def code(text: object) -> Markup:
    """Return what is to be read letter by letter: an id, a digest, an address."""
    return Markup("<code>{}</code>").format(text)


def each(template: str, values: Iterable[object]) -> Markup:
    """Return the template once for each value, with the value in its place, escaped."""
    return Markup().join(Markup(template).format(value) for value in values)  # noqa: S704


def optional(template: str, value: object) -> Markup:
    """Return the template with the value in its place, escaped; nothing if the value is empty."""
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
    """Return the cells of a table's head."""
    return each('<th scope="col">{}</th>', names)


def row(name: str, *cells: str, end: str = "\n") -> Markup:
    """Return a table's row, which begins with its name."""
    return Markup('<tr><th scope="row">{}</th>{}</tr>{}').format(
        name, each("<td>{}</td>", cells), end
    )


_STEP, _BAR, _HEIGHT = 6, 5, 18
# Told apart by height as well as by colour: what is wrong stands out.
_TALL = {Verdict.CONFIRMED: 6, Verdict.BLOCKED: 11, Verdict.FAILED: 16}


def strip_of(record: Record, stage_id: str | None = None) -> Markup:
    """Return a stage's strip, or FINAL's; nothing if the record knows of no run before it."""
    if not record.history:
        return Markup()
    runs = (*record.history, record.past)
    return strip([run.stages.get(stage_id) if stage_id else run.final for run in runs])


def strip(verdicts: Sequence[Verdict | None]) -> Markup:
    """Return the strip, the newest run at its right end.

    Args:
        verdicts: of the runs, the oldest first; None for a run that said nothing of it.
    """
    slots = HISTORY_LIMIT + 1
    bars = dict.fromkeys(Verdict, "")
    flips = ""
    last: Verdict | None = None
    for place, verdict in enumerate(verdicts, slots - len(verdicts)):
        if verdict is None:
            continue
        tall = _TALL[verdict]
        bars[verdict] += f"M{place * _STEP} {_HEIGHT - tall}h{_BAR}v{tall}h-{_BAR}z"
        if last not in (None, verdict):
            flips += f"M{place * _STEP - 3} {_HEIGHT + 5}l2.5-4 2.5 4z"
        last = verdict
    drawn = Markup().join(
        Markup('<path class="{}" d="{}"/>').format(CLASS[verdict], path)
        for verdict, path in bars.items()
        if path
    )
    return Markup(
        '<svg class="strip" role="img" aria-label="{words}" width="{width}" height="24" '
        'viewBox="0 0 {width} 24"><path class="base" d="M0 {base}.5h{width}"/>{bars}'
        '<path class="flip" d="{flips}"/></svg>'
    ).format(words=_words(verdicts), width=slots * _STEP, base=_HEIGHT, bars=drawn, flips=flips)


def _words(verdicts: Sequence[Verdict | None]) -> str:
    known = [verdict for verdict in verdicts if verdict is not None]
    counts = [
        f"{known.count(verdict)} {verdict}"
        for verdict in sorted(Verdict, reverse=True)
        if verdict in known
    ]
    changes = counted(sum(a is not b for a, b in pairwise(known)), "change")
    return f"The last {counted(len(known), 'run')}: {', '.join(counts)}; {changes}"
