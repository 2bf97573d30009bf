"""The strip of the last runs: what each said, and where the verdict changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from pytest_prodstatus.model.record import HISTORY_LIMIT, Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.html.words import CLASS, counted

_STEP, _BAR, _HEIGHT = 6, 5, 18
# Told apart by height as well as by colour: what is wrong stands out.
_TALL = {Verdict.CONFIRMED: 6, Verdict.BLOCKED: 11, Verdict.FAILED: 16}


def strip(verdicts: Sequence[Verdict | None]) -> Markup:
    """Return the strip, the newest run at its right end.

    Args:
        verdicts: of the runs, the oldest first; None for a run that said nothing of it.
    """
    slots = HISTORY_LIMIT + 1
    first = slots - len(verdicts)
    bars = dict.fromkeys(Verdict, "")
    flips = ""
    last: Verdict | None = None
    for place, verdict in enumerate(verdicts, first):
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
        '<svg class="strip" role="img" aria-label="{}" width="{}" height="24" '
        'viewBox="0 0 {} 24"><path class="base" d="M0 {}.5h{}"/>{}<path class="flip" d="{}"/></svg>'
    ).format(
        _words(verdicts), slots * _STEP, slots * _STEP, _HEIGHT, slots * _STEP, drawn, flips
    )  # fmt: skip


def stage_strip(record: Record, stage_id: str) -> Markup:
    """Return a stage's strip: the runs before and this one; nothing where there was none before."""
    if not record.history:
        return Markup()
    return strip([past.stages.get(stage_id) for past in (*record.history, record.past)])


def final_strip(record: Record) -> Markup:
    """Return FINAL's strip."""
    if not record.history:
        return Markup()
    return strip([past.final for past in (*record.history, record.past)])


def _words(verdicts: Sequence[Verdict | None]) -> str:
    told = [verdict for verdict in verdicts if verdict is not None]
    counts = [
        f"{told.count(verdict)} {verdict}"
        for verdict in sorted(Verdict, reverse=True)
        if verdict in told
    ]
    turned = sum(a is not b for a, b in pairwise(told))
    changes = counted(turned, "change", "changes")
    return f"The last {counted(len(told), 'run', 'runs')}: {', '.join(counts)}; {changes}"
