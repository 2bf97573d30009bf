"""The status document: generated if there is none, else only its field values are replaced.

The record keeps a digest of the fields, so that a later reader can tell whether someone changed
one. Whatever else stands in the document is the person's and not part of it, nor is the order of
the fields, nor how often one stands there with the same value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime

from pytest_prodstatus.model.catalogue import FINAL, SINCE, TAKEN_TITLES
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.summary import override_line, stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.readers.markdown import (
    Blocks,
    Document,
    FieldLine,
    find_fields,
    find_titles,
    scan,
    split_field,
)
from pytest_prodstatus.version import __version__

# What would open a link, code or emphasis; an underscore inside a word opens nothing.
_MARKUP = re.compile(
    r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=\bwww)\.", re.IGNORECASE
)
# As entities, since a backslash means nothing in a document's own HTML.
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_ENTITY = re.compile(r"[<>]|&(?=#?\w+;)")


def plain(text: str) -> str:
    """Return one line of text so that Markdown, a table's cell included, shows just it."""
    marked = _MARKUP.sub(lambda match: f"\\{match[0]}", text)
    return _ENTITY.sub(lambda match: _HTML[match[0]], marked)


_SHOWN = 80


def fields_in(content: bytes, record: Record) -> list[tuple[str, str]]:
    """Return the fields of a record that stand in a document, in order: titles and values."""
    document = Document.decode(content)
    titles = {title: title for title in field_values(record)}
    found = find_fields(document.lines, scan(document.lines), titles)
    return [(field.key, split_field(document.lines[field.line], field)[1]) for field in found]


def digest_of(content: bytes, record: Record) -> str:
    """Return what tells a document's fields from others, as 16 hexadecimal digits."""
    fields = sorted(set(fields_in(content, record)))
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:16]


def changed_by_hand(content: bytes | None, record: Record) -> str:
    """Return in a sentence how a document differs from what was written; "" where it doesn't.

    Args:
        content: the document; None where there is none.
        record: the one with which it was written.
    """
    if content is None:
        return "it is missing"
    if not record.document:
        return "the record doesn't say what was written into it"
    if digest_of(content, record) == record.document:
        return ""
    fields, written = fields_in(content, record), field_values(record)
    present = {title for title, _ in fields}
    for stage in record.stages:
        if stage.title not in present:
            return f"its field {stage.title!r} was removed"
    for title, value in fields:
        if value != written[title]:
            told = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
            return f"its field {title!r} was edited by hand and says {told!r}"
    return "its fields are not those that the run wrote"


LAST_RUN, NEXT_ACTIONS = TAKEN_TITLES


def write_document(record: Record, config: Config, existing: bytes | None) -> bytes:
    """Return the status document's new content.

    Args:
        record: what to say.
        config: the project's titles and meanings.
        existing: the present content; None where there is no document.

    Everything but the values of known fields stays byte for byte. A field that stands twice is set
    twice; a stage without a field gets one below its title, where that stands alone as a heading or
    in bold, else after the last known field.
    """
    if existing is None:
        return _generated(record, config).encode()
    document = Document.decode(existing)
    return document._replace(lines=_updated(document, record, config)).encode()


def field_values(record: Record) -> dict[str, str]:
    """Return the value of every field, by its title, as it is written after the colon."""
    values = {
        stage.title: f"**{stage.verdict}** ({plain(stage_line(stage))})" for stage in record.stages
    }
    for stage in record.stages:
        before = f", before that {stage.previous}" if stage.previous else ""
        values[_since(stage.title)] = f"{_minute(stage.since)}{before}"
    actions = [f"{n}. {plain(action)}" for n, action in enumerate(record.decision.actions, 1)]
    values[NEXT_ACTIONS] = " ".join(actions) or "none"
    values[LAST_RUN] = _last_run(record)
    if record.overrides:
        told = "; ".join(plain(override_line(override)) for override in record.overrides)
        final = next((stage.title for stage in record.stages if stage.id == FINAL), LAST_RUN)
        values[final] += f"; {told}"
    return values


def _since(title: str) -> str:
    return f"{title}{SINCE}"


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else "unknown"


def _last_run(record: Record) -> str:
    run = record.run
    parts = [
        f"{_minute(run.finished)}" if run.finished else f"in progress since {_minute(run.started)}",
        f"target {run.target}",
        f"release {plain(run.subject.release)}" if run.subject.release else "",
        f"suite commit {run.commit[:12]}{' (with local changes)' if run.dirty else ''}"
        if run.commit
        else "",
        "" if run.complete or not run.finished else "not every criterion was observed in this run",
        f"run {plain(run.id)}",
        f"by pytest-prodstatus {__version__}",
    ]
    return ", ".join(filter(None, parts))


def _meanings(config: Config, stage_id: str) -> list[str]:
    stage = config.catalogue.by_id.get(stage_id)
    if stage is None:
        return []
    told = ((Verdict.CONFIRMED, stage.confirmed), (Verdict.FAILED, stage.failed))
    lines = [f"- {verdict}: {text}" for verdict, text in told if text]
    return [*lines, f"- {Verdict.BLOCKED}: {stage.blocked}"] if stage.blocked else lines


def _generated(record: Record, config: Config) -> str:
    values = field_values(record)
    lines = [
        f"# {config.title}",
        "",
        "Every value below comes from a run of the acceptance suite, not from a person.",
        "",
        "- **CONFIRMED**: it was seen to hold.",
        "- **FAILED**: it was seen not to hold.",
        "- **BLOCKED**: it could not be seen either way; the reason and what to do are given.",
        "",
        f"**{LAST_RUN}:** {values[LAST_RUN]}",
        "",
        f"**{NEXT_ACTIONS}:** {values[NEXT_ACTIONS]}",
    ]
    for stage in record.stages:
        since = f"{_since(stage.title)}"
        lines += ["", f"**{stage.title}:** {values[stage.title]}", ""]
        lines += _meanings(config, stage.id)
        lines += [f"- **{since}:** {values[since]}"]
    if config.success_criteria:
        lines += ["", "## Success criteria", ""]
        lines += [f"- {sentence}" for sentence in config.success_criteria]
    return "\n".join(lines) + "\n"


def _updated(document: Document, record: Record, config: Config) -> tuple[str, ...]:
    values = field_values(record)
    blocks = scan(document.lines)
    fields = find_fields(document.lines, blocks, {title: title for title in values})
    lines = list(document.lines)
    for field in fields:
        lines[field.line] = _with_value(lines[field.line], field, values[field.key])
    present = {field.key for field in fields}
    absent = [stage for stage in record.stages if stage.title not in present]
    if not absent:
        return tuple(lines)
    alone = find_titles(lines, blocks, [stage.title for stage in absent])
    known = [field.line for field in fields if field.key != LAST_RUN and field.key != NEXT_ACTIONS]
    known = sorted([*known, *alone.values()])
    at = _block_end(document.lines, blocks, known[-1]) if known else len(lines)
    if at == len(lines) and blocks.open_from is not None:
        at = blocks.open_from
    added: list[str] = []
    for stage in absent:
        if stage.title not in alone:
            added += ["", f"**{stage.title}:** {values[stage.title]}", ""]
            added += _meanings(config, stage.id)
    lines = _inserted(lines, at, added, document.line_end)
    # From the last to the first, so that the lines above stay where they were.
    for title, index in sorted(alone.items(), key=lambda found: -found[1]):
        below = "".join(lines[index + 1 : index + 2]).strip()
        told = ["", f"**{title}:** {values[title]}", *([""] if below else [])]
        lines = _inserted(lines, index + 1, told, document.line_end)
    return tuple(lines)


def _inserted(lines: list[str], at: int, added: Sequence[str], end: str) -> list[str]:
    """Return a document's lines with new ones before the line at `at`, each ending in `end`."""
    if added and lines and at == len(lines) and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += end
    # Beside the other kind of line end, a lone CR and a lone LF would become one.
    before, after = "".join(lines[at - 1 : at]), "".join(lines[at : at + 1])
    if (end == "\n" and before.endswith("\r")) or (end == "\r" and after.startswith("\n")):
        end = "\r\n"
    return [*lines[:at], *(line + end for line in added), *lines[at:]]


def _with_value(line: str, field: FieldLine, value: str) -> str:
    head, _, end = split_field(line, field)
    return f"{head} {value}{end}"


def _block_end(lines: Sequence[str], blocks: Blocks, index: int) -> int:
    """Return the index after the field at `index` and the meanings that belong to it."""
    at = index + 1
    while at < len(lines):
        following = at
        while following < len(lines) and blocks.prose[following] == "":
            following += 1
        if following == len(lines):
            return at
        told = re.match(r"\s*[-*+] +[*_]*(?:CONFIRMED|FAILED|BLOCKED)\b", lines[following])
        hidden = blocks.prose[following] is None
        if following > at and (hidden or not told):
            return at
        if not hidden and re.match(r"\s*#", lines[following]):
            return at
        at = following + 1
    return at
