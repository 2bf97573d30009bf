"""The head in HTML: FINAL, the gate, why, by whose word, and beside what to do the facts.

The page and the block in another report share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_prodstatus.writers.html.actions import actions
from pytest_prodstatus.writers.html.facts import facts
from pytest_prodstatus.writers.html.head import Head
from pytest_prodstatus.writers.html.words import CLASS, SIGN, counted, minute

if TYPE_CHECKING:
    from pytest_prodstatus.model.answer import Waived
    from pytest_prodstatus.model.refusal import Refusal


def front(head: Head, level: int) -> Markup:
    """Return the head.

    Args:
        head: what it tells.
        level: of its heading, 1 to 5; what stands below it has the next one.
    """
    return Markup('{}{}{}<div class="top">\n{}{}</div>').format(
        _final(head, level), _overrides(head), _waivers(head), actions(head, level + 1), facts(head)
    )


def _final(head: Head, level: int) -> Markup:
    verdict = head.record.final.verdict
    return Markup(
        '<div class="final {style}">\n'
        '<svg class="seal" aria-hidden="true" width="64" height="64" viewBox="-16 -16 32 32">'
        '<circle r="15"/><path class="sign" d="{sign}"/></svg>\n'
        '<div class="told">\n'
        '<h{level}><span class="word">{verdict}</span>\n'
        "{gate}</h{level}>\n"
        "{because}</div>\n"
        "{past}</div>\n"
    ).format(
        style=CLASS[verdict],
        sign=SIGN[verdict],
        level=level,
        verdict=verdict,
        gate=_gate(head),
        because=_because(head),
        past=_past(head),
    )


def _gate(head: Head) -> str:
    if not head.record.run.finished:
        return "The run is in progress: nothing is confirmed yet"
    if head.open:
        return "The gate is open" + (f", {len(head.waived)} waived" if head.waived else "")
    if head.overrides:
        return "The gate is open by an override, not by what was seen"
    return "The gate is closed: do not deploy"


def _because(head: Head) -> Markup:
    record = head.record
    if record.final.reason:
        why = record.final.reason.text
    elif head.refusals:
        why = head.refusals[0].text
    elif record.run.finished:
        why = "Everything that FINAL hangs on was seen to hold."
    else:
        return Markup()
    return Markup('<p class="because">{}</p>\n').format(why)


def _past(head: Head) -> Markup:
    if not head.strip:
        return Markup()
    runs = counted(len(head.record.history) + 1, "run", "runs")
    return Markup('<div class="past">{}<span>the last {}</span></div>').format(head.strip, runs)


def _overrides(head: Head) -> Markup:
    return Markup().join(
        Markup('<p class="override">{}</p>\n').format(told) for told in head.overrides
    )


def _waivers(head: Head) -> Markup:
    if not (head.waived or head.refusals):
        return Markup()
    rows = [*map(_refusal, head.refusals), *map(_waived, head.waived)]
    return Markup('<ul class="waivers">\n{}</ul>\n').format(Markup().join(rows))


def _refusal(refusal: Refusal) -> Markup:
    told = f"{refusal.text}: {refusal.remedy}" if refusal.remedy else refusal.text
    return Markup("<li>{}</li>\n").format(told)


def _waived(one: Waived) -> Markup:
    return Markup("<li><b>Waived</b> until {} by {}: {}, because {}</li>\n").format(
        minute(one.waiver.expires), one.waiver.owner, one.standing.id, one.waiver.reason
    )
