"""The strip of the last runs: what each said, and where the verdict changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from pytest_prodstatus.model.record import HISTORY_LIMIT, Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.html.words import CLASS
from pytest_prodstatus.writers.words import counted

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
