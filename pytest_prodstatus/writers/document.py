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
from dataclasses import replace

from pytest_prodstatus.model.catalogue import FINAL, SINCE, TAKEN_TITLES
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.readers.markdown import Document
from pytest_prodstatus.version import __version__
from pytest_prodstatus.writers.words import meanings, minute, override_line, stage_line

LAST_RUN, NEXT_ACTIONS = TAKEN_TITLES

_SHOWN = 80
"""Characters of an edited value that a message shows."""

# What would open a link, code or emphasis; an underscore inside a word opens nothing.
_MARKUP = re.compile(
    r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=\bwww)\.", re.IGNORECASE
)
# As entities, since a backslash means nothing in a document's own HTML.
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_ENTITY = re.compile(r"[<>]|&(?=#?\w+;)")
_MEANING = re.compile(rf"\s*[-*+] +[*_]*(?:{'|'.join(map(str, Verdict))})\b")


def write_document(record: Record, config: Config, existing: bytes | None) -> bytes:
    """Return the status document's new content.

    Args:
        record: what to say.
        config: the project's titles and meanings.
        existing: the present content; None if there is no document.

    Everything but the values of known fields stays byte for byte. A field that stands twice is set
    twice; a stage without a field gets one below its title, if that stands alone as a heading or
    in bold, else after the last known field.
    """
    if existing is None:
        return _generated(record, config).encode()
    document = Document.decode(existing)
    return replace(document, lines=_updated(document, record, config)).encode()


def field_values(record: Record) -> dict[str, str]:
    """Return the value of every field, by its title, as it is written after the colon."""
    values = {
        stage.title: f"**{stage.verdict}** ({escape_markdown(stage_line(stage))})"
        for stage in record.stages
    }
    for stage in record.stages:
        before = f", before that {stage.previous}" if stage.previous else ""
        values[f"{stage.title}{SINCE}"] = f"{minute(stage.since)}{before}"
    actions = [
        f"{n}. {escape_markdown(action)}" for n, action in enumerate(record.decision.actions, 1)
    ]
    values[NEXT_ACTIONS] = " ".join(actions) or "none"
    values[LAST_RUN] = _last_run(record)
    final = next((stage.title for stage in record.stages if stage.id == FINAL), LAST_RUN)
    for override in record.overrides:
        values[final] += f"; {escape_markdown(override_line(override))}"
    return values


def escape_markdown(text: str) -> str:
    """Return one line of text so that Markdown, a table's cell included, shows just it."""
    marked = _MARKUP.sub(lambda match: f"\\{match[0]}", text)
    return _ENTITY.sub(lambda match: _HTML[match[0]], marked)


def fields_in(content: bytes, record: Record) -> list[tuple[str, str]]:
    """Return the fields of a record that stand in a document, in order: titles and values."""
    fields = Document.decode(content).fields(field_values(record))
    return [(field.title, field.value) for field in fields]


def digest_of(content: bytes, record: Record) -> str:
    """Return what tells a document's fields from others, as 16 hexadecimal digits."""
    fields = sorted(set(fields_in(content, record)))
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:16]


def changed_by_hand(content: bytes | None, record: Record) -> str:
    """Return in a sentence how a document differs from what was written; "" if it doesn't.

    Args:
        content: the document; None if there is none.
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
            shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
            return f"its field {title!r} was edited by hand and says {shown!r}"
    return "its fields are not those that the run wrote"


def _last_run(record: Record) -> str:
    run = record.run
    dirty = " (with local changes)" if run.dirty else ""
    parts = [
        minute(run.finished) if run.finished else f"in progress since {minute(run.started)}",
        f"target {run.target}",
        f"release {escape_markdown(run.subject.release)}" if run.subject.release else "",
        f"suite commit {run.commit[:12]}{dirty}" if run.commit else "",
        "" if run.complete or not run.finished else "not every criterion was observed in this run",
        f"run {escape_markdown(run.id)}",
        f"by pytest-prodstatus {__version__}",
    ]
    return ", ".join(filter(None, parts))


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
        _field(LAST_RUN, values),
        "",
        _field(NEXT_ACTIONS, values),
    ]
    for stage in record.stages:
        lines += _stage(stage.id, stage.title, values, config)
        lines += [f"- {_field(f'{stage.title}{SINCE}', values)}"]
    if config.success_criteria:
        lines += ["", "## Success criteria", ""]
        lines += [f"- {sentence}" for sentence in config.success_criteria]
    return "\n".join(lines) + "\n"


def _field(title: str, values: dict[str, str]) -> str:
    return f"**{title}:** {values[title]}"


def _stage(stage_id: str, title: str, values: dict[str, str], config: Config) -> list[str]:
    """Return the lines of a new field for a stage, and of what its verdicts mean."""
    declared = config.catalogue.by_id.get(stage_id)
    meant = meanings(declared) if declared else {}
    lines = [f"- {verdict}: {text}" for verdict, text in meant.items()]
    return ["", _field(title, values), "", *lines]


def _updated(document: Document, record: Record, config: Config) -> tuple[str, ...]:
    values = field_values(record)
    fields = document.fields(values)
    lines = list(document.lines)
    for field in fields:
        lines[field.line] = field.with_value(values[field.title])
    present = {field.title for field in fields}
    absent = [stage for stage in record.stages if stage.title not in present]
    alone = document.lone_titles(stage.title for stage in absent)
    known = [field.line for field in fields if field.title not in TAKEN_TITLES]
    added = [
        line
        for stage in absent
        if stage.title not in alone
        for line in _stage(stage.id, stage.title, values, config)
    ]
    at = _end_of(document, [*known, *alone.values()])
    lines = _inserted(lines, at, added, document.line_end)
    # From the last to the first, so that the lines above stay where they were.
    for title, index in sorted(alone.items(), key=lambda found: -found[1]):
        below = "".join(lines[index + 1 : index + 2]).strip()
        field_lines = ["", _field(title, values), *([""] if below else [])]
        lines = _inserted(lines, index + 1, field_lines, document.line_end)
    return tuple(lines)


def _end_of(document: Document, fields: Sequence[int]) -> int:
    """Return the index after the last of the fields and the meanings that belong to it."""
    lines, prose = document.lines, document.blocks.prose
    at = max(fields, default=len(lines)) + 1
    while at < len(lines):
        following = at
        while following < len(lines) and prose[following] == "":
            following += 1
        if following == len(lines):
            break
        hidden = prose[following] is None
        if following > at and (hidden or not _MEANING.match(lines[following])):
            break
        if not hidden and re.match(r"\s*#", lines[following]):
            break
        at = following + 1
    if at < len(lines):
        return at
    return len(lines) if document.blocks.open_from is None else document.blocks.open_from


def _inserted(lines: list[str], at: int, added: Sequence[str], end: str) -> list[str]:
    """Return a document's lines with new ones before the line at `at`, each ending in `end`."""
    if added and lines and at == len(lines) and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += end
    # Beside the other kind of line end, a lone CR and a lone LF would become one.
    before, after = "".join(lines[at - 1 : at]), "".join(lines[at : at + 1])
    if (end == "\n" and before.endswith("\r")) or (end == "\r" and after.startswith("\n")):
        end = "\r\n"
    return [*lines[:at], *(line + end for line in added), *lines[at:]]
