"""What to do next, and the last run that there was nothing to do after."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from pytest_prodstatus.model.record import Past
from pytest_prodstatus.writers.html.head import Head
from pytest_prodstatus.writers.html.words import code, counted, minute

_FIRST = 5
"""Actions that are seen at once; further ones are folded."""


def actions(head: Head, level: int) -> Markup:
    """Return the section, with a heading of the level."""
    return Markup(
        '<section class="next" aria-labelledby="next">'
        '<h{level} id="next">What to do next</h{level}>\n'
        "{todo}{last}</section>\n"
    ).format(level=level, todo=_todo(head.actions), last=_last(head.last_confirmed))


def _todo(told: Sequence[str]) -> Markup:
    if not told:
        return Markup("<p>Nothing.</p>")
    seen = Markup("<ol>{}</ol>\n").format(_items(told[:_FIRST]))
    more = told[_FIRST:]
    if not more:
        return seen
    return seen + Markup(
        '<details><summary>{} more</summary><ol start="{}">{}</ol></details>\n'
    ).format(counted(len(more), "thing", "things"), _FIRST + 1, _items(more))


def _items(told: Sequence[str]) -> Markup:
    return Markup().join(Markup("<li>{}</li>").format(action) for action in told)


def _last(past: Past | None) -> Markup:
    if past is None:
        return Markup()
    told = Markup("Last CONFIRMED {}, run {}").format(minute(past.started), code(past.run))
    if past.release:
        told += Markup(", release {}").format(code(past.release))
    if past.commit:
        told += Markup(", suite commit {}").format(code(past.commit[:12]))
    return Markup('<p class="dim">{}.</p>').format(told)
