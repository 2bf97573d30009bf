"""A criterion in HTML: its verdict, reason, remedy, evidence and traceback.

This module makes text with f-strings and `escape`. `Markup.format`, which the other parts use,
costs several times as much, and a page may have ten thousand criteria. Only the finished piece
becomes a `Markup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from pytest_prodstatus.model.evidence import (
    Entry,
    Item,
    ListEntry,
    ListItem,
    MapEntry,
    MapItem,
    TextEntry,
    TextItem,
    TimeEntry,
    TimeItem,
    shown,
)
from pytest_prodstatus.model.record import CriterionStatus, Failures
from pytest_prodstatus.model.text import format_age, one_line, several_lines
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.model.waiver import Waiver
from pytest_prodstatus.writers.html import CLASS
from pytest_prodstatus.writers.words import counted, instant, label, minute, span

if TYPE_CHECKING:
    from pytest_prodstatus.model.gate import Waived


TRACES = 40_000
"""Characters of all tracebacks on a page together; each has at least `_TRACE_MIN` of its own."""
_TRACE_MIN, _TRACE_MAX = 400, 6_000
# So up to 6 tracebacks may have the greatest length, and from 100 on each has the least.


class Page(NamedTuple):
    """Values that all criteria of one page share.

    Attributes:
        now: when the run ended; ages are measured against it.
        trace: the limit of one traceback, in characters.
        waivers: the waivers in force, by the criterion's id.
        failures: which criteria were seen to fail; None if that isn't known.
        linked: the page stands beside its record, so that links to attachments lead to them.
    """

    now: datetime
    trace: int
    waivers: Mapping[str, Waiver]
    failures: Failures | None = None
    linked: bool = True

    @classmethod
    def of(
        cls,
        now: datetime,
        tracebacks: int,
        waived: Iterable[Waived] = (),
        failures: Failures | None = None,
        *,
        linked: bool = True,
    ) -> Page:
        """Return the values for a page; its tracebacks share `TRACES` characters.

        Args:
            now: when the run ended.
            tracebacks: the number of tracebacks on the page.
            waived: the waived criteria.
            failures: which criteria were seen to fail; None if that isn't known.
            linked: attachments are linked to.
        """
        return cls(
            now=now,
            trace=min(_TRACE_MAX, max(_TRACE_MIN, TRACES // max(1, tracebacks))),
            waivers={item.status.id: item.waiver for item in waived},
            failures=failures,
            linked=linked,
        )


def criterion(status: CriterionStatus, number: int, valid_for: timedelta, page: Page) -> Markup:
    """Return a criterion as a `details` element, which is open if it isn't CONFIRMED.

    Args:
        status: the criterion.
        number: its number on the page, from 1; its anchor is `c` and this number.
        valid_for: how long its stage's CONFIRMED may be carried over.
        page: the values that all criteria share.
    """
    verdict = status.verdict
    style = CLASS[verdict]
    confirmed = verdict is Verdict.CONFIRMED
    took = f"{status.duration:.2f} s" if status.observed_at else "not run"
    # Safe: every text of the record goes through `escape`, here or in the functions called. The
    # rest is numbers, instants, verdicts and kinds, which are enums of our own.
    return Markup(  # noqa: S704
        f'<details class="criterion {style}" id="c{number}"{"" if confirmed else " open"}>'
        f'<summary><b class="tag {style}">{verdict.value}</b> '
        f'<span class="name">{escape(status.title)}</span>{_notes(status, page)}'
        f'<span class="took">{took}</span></summary>'
        f"{'' if confirmed else _reason(status)}{evidence(status.evidence)}"
        f"{_attached(status, linked=page.linked) if status.attachments else ''}"
        f"{_trace(status.detail, page.trace) if status.detail else ''}"
        f"{_facts(status, valid_for, page.failures)}</details>\n"
    )


def _notes(status: CriterionStatus, page: Page) -> str:
    """Return the notes beside a verdict, such as waived, stale or flaky, as HTML."""
    notes = ""
    waiver = page.waivers.get(status.id)
    if waiver:
        until = f"waived until {minute(waiver.expires)} by {escape(waiver.owner)}"
        notes += f'<span class="note">{until}</span>'
    if status.reason and status.reason.kind is Kind.STALE:
        notes += '<span class="note">stale</span>'
    if status.carried_over:
        seen = (
            f", seen {format_age(page.now - status.observed_at)} ago" if status.observed_at else ""
        )
        notes += f'<span class="note">carried over{seen}</span>'
    if status.flaky:
        notes += f'<span class="note">flaky: {status.attempts} attempts</span>'
    if status.exempt:
        notes += f'<span class="note">no assertion required, by its {status.exempt}</span>'
    if status.side_effects:
        notes += '<span class="note">acts on the world</span>'
    return notes


def _reason(status: CriterionStatus) -> str:
    """Return why a criterion isn't CONFIRMED, as HTML; "" if it is."""
    reason = status.reason
    if reason is None:
        return ""
    text = f'<p class="why"><b>{reason.kind}:</b> {escape(reason.text)}</p>'
    if reason.remedy:
        text += f'<p class="remedy"><b>What to do:</b> {escape(reason.remedy)}</p>'
    text += str(address(reason))  # not a Markup, which would escape what is before it
    if status.observed and status.observed is not status.verdict:
        text += f'<p class="dim">By itself it was {status.observed.value}.</p>'
    return text


def address(reason: Reason) -> Markup:
    """Return who takes care of a cause, and a link to what to do; nothing if there is neither."""
    parts = [f"<b>Owner:</b> {escape(reason.owner)}"] if reason.owner else []
    if reason.runbook:
        link = escape(reason.runbook)
        parts.append(f'<b>Runbook:</b> <a href="{link}" rel="noreferrer">{link}</a>')
    # Safe: both are escaped, and a runbook begins with http.
    return Markup(f'<p class="remedy">{" ".join(parts)}</p>' if parts else "")  # noqa: S704


def _trace(detail: str, limit: int) -> str:
    """Return a traceback as a part that opens, cut after so many characters."""
    # A cheaper check than cleaning, which changes nothing of most tracebacks.
    plain = len(detail) <= limit and detail.replace("\n", "").isprintable()
    kept = detail if plain else several_lines(detail, limit=limit)
    lines = counted(detail.count("\n") + 1, "line")
    return (
        f'<details class="trace"><summary>What went wrong in full ({lines})</summary>'
        f"<pre>{escape(kept)}</pre></details>"
    )


def _facts(status: CriterionStatus, valid_for: timedelta, failures: Failures | None) -> str:
    """Return the small print of a criterion: its id, end, attempts, validity and test, as HTML."""
    seen, nodeid = status.observed_at, status.nodeid
    ended = f" ended {instant(seen)}" if seen else ""
    if seen and status.assertions is not None:
        ended += f", {counted(status.assertions, 'assertion')} passed"
    if seen and status.attempts > 1:
        ended += f", {status.attempts} attempts"
    if status.carried_over and seen and status.verdict is Verdict.CONFIRMED:
        ended += f", valid until {instant(seen + valid_for)}"
    if status.carried_over and status.run_id:
        ended += f", by run <code>{escape(status.run_id)}</code>"
        ended += f" on release <code>{escape(status.subject)}</code>" if status.subject else ""
    if failures and nodeid and status.verdict is not Verdict.FAILED:
        last = failures.last.get(status.id)
        runs = counted(failures.runs, "run")
        ended += (
            f", last seen to fail {minute(last)}" if last else f", never seen to fail in {runs}"
        )
    address = ""
    if nodeid:
        # A node id may contain control characters, which `one_line` makes visible. Most have none,
        # and the check is cheaper than the call.
        plain = nodeid if nodeid.isprintable() else one_line(nodeid)
        address = f"<br><code>{escape(plain)}</code>"
    return f'<p class="facts"><code>{escape(status.id)}</code>{ended}{address}</p>'


def evidence(entries: Sequence[Entry]) -> str:
    """Return evidence as sentences, then a list of names and values; "" if there is none.

    An entry shows its instant only if it differs from that of the entry before it.
    """
    if not entries:
        return ""
    # An instant is formatted only if it differs; most criteria record all at one moment.
    last = entries[0].at
    first = printed = instant(last)
    sentences, rows = [], []
    for entry in entries:
        dated = ""
        if entry.at != last:
            last, now = entry.at, instant(entry.at)
            dated = f' <span class="dim">{now}</span>' if now != printed else ""
            printed = now
        if entry.name:
            rows.append(f"<dt>{escape(label(entry))}</dt><dd>{_value(entry)}{dated}</dd>")
        else:
            sentences.append(f'<p class="sentence">{_value(entry)}{dated}</p>')
    values = f'<dl class="evidence">{"".join(rows)}</dl>' if rows else ""
    return f'{"".join(sentences)}<p class="seen">Seen at {first}</p>{values}'


def _attached(status: CriterionStatus, *, linked: bool) -> str:
    """Return what a criterion attached; the files may be gone, and the page says all without."""
    # Not above, since few records have any.
    from pytest_prodstatus.model.attachment import path_of

    items = []
    for one in status.attachments or ():
        name = escape(one.name)
        if linked:
            # A run's folder and a file's name are plain, so that the path is a link as it is.
            name = f'<a href="{escape(path_of(status.run_id or "", one))}">{name}</a>'
        items.append(f"{name} ({escape(one.media_type)}, {one.size:,} bytes)")
    return f'<p class="facts"><b>Attached:</b> {", ".join(items)}</p>'


def _value(value: Entry | Item) -> str:
    """Return a value of evidence as HTML."""
    match value:
        case TextEntry(value=text) | TextItem(value=text):
            # The script puts a copy button at each `code`.
            return f"<code>{escape(text)}</code>" if _is_id(text) else escape(text)
        case TimeEntry() | TimeItem():
            return escape(shown(value).replace("T", " ").replace("Z", " UTC").replace(".000", ""))
        case ListEntry() | ListItem():
            items = [f"<li>{_value(item)}</li>" for item in value.value]
            return f"<ul>{''.join(items)}{_cut(value)}</ul>" if items else "none"
        case MapEntry() | MapItem():
            instants = instants_of(value)
            if instants:
                return f"{timeline(instants)}{_cut(value)}"
            named = [f"<li>{escape(key)} {_value(item)}</li>" for key, item in value.value.items()]
            return f"<ul>{''.join(named)}{_cut(value)}</ul>" if named else "none"
        case _:
            return escape(shown(value))


def _cut(value: ListEntry | ListItem | MapEntry | MapItem) -> str:
    """Return how many values there were, if the record has fewer; else ""."""
    return "" if value.cut_from is None else f"<li>… ({value.cut_from} in all)</li>"


def _is_id(text: str) -> bool:
    """Return whether a text looks like an id that a reader would copy."""
    # A guess at what a reader copies: order_8123, a UUID, a commit.
    return len(text) > 5 and " " not in text and any(map(str.isdigit, text))


def instants_of(value: Entry | Item, least: int = 2) -> dict[str, datetime]:
    """Return the instants of a mapping that has nothing else, the earliest first.

    Empty if the value isn't such a mapping, or has fewer than `least`.
    """
    if not isinstance(value, (MapEntry, MapItem)):
        return {}
    dated = {name: item.value for name, item in value.value.items() if isinstance(item, TimeItem)}
    # A single instant has no distance to show.
    if len(dated) < least or len(dated) < len(value.value):
        return {}
    return dict(sorted(dated.items(), key=lambda pair: pair[1]))


def timeline(instants: Mapping[str, datetime]) -> Markup:
    """Return instants as a list; each item gives the time since the one before it."""
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
