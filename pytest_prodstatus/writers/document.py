"""The status document: generated if there is none, else only its field values are replaced.

The record keeps a digest of the fields, which shows later whether someone edited one. Everything
else in the document belongs to the person who wrote it and isn't part of the digest. Nor is the
order of the fields, nor how often a field is repeated with the same value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pytest_prodstatus import __version__
from pytest_prodstatus.model.assemble import broken_off
from pytest_prodstatus.model.catalogue import FINAL, SINCE, TAKEN_TITLES, title_of
from pytest_prodstatus.model.record import Record, StageStatus
from pytest_prodstatus.model.rollup import why_final
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers import DocumentError
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.words import LINE_LIMIT, meanings, minute, override_line, stage_line

if TYPE_CHECKING:
    from pytest_prodstatus.readers.markdown import Document, Found, Unread

LAST_RUN, NEXT_ACTIONS = TAKEN_TITLES
FINAL_TITLE = title_of(FINAL)

MOST_ACTIONS = 10
"""Actions that the document lists; the page and the record have all of them."""

_SHOWN = 80
"""Characters of an edited value that the message shows."""

# People read the document in a terminal too, so only what would become markup is escaped.
# An address becomes code, since GitHub Flavored Markdown makes a link of a bare one.
_ADDRESS = (
    r"(?:(?<![\w.+-])[\w.+-]*://|(?<![^\W_])www\.)(?:[^\s`|<>\\]*[^\s`|<>\\.,;:!?'\"()\[\]{}*_~])?"
)
# Characters that would open a link, code, emphasis or strikethrough, or end a comment. Without an
# address behind it, a bracket opens nothing, and an underscore inside a word (CommonMark 0.31, 6.2)
# doesn't either.
_MARKUP = r"[\\`*|~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[])|(?<=--)>"
# At the beginning: a heading, quote, list item or rule, the box of a task, a link's definition.
_BLOCK = r"\A(?:#(?=#{0,5}(?:\s|\Z))|[>\[]|\+(?=\s|\Z)|-(?=\s|[-\s]*\Z))"
_NUMBER = r"\A\d{1,9}(?=[.)](?:\s|\Z))"
# What would be a tag becomes code behind its "<". That opens nothing then, in HTML either, where a
# backtick is text, and "\<" would be a tag. An entity does the same, but reads badly.
_TAG = r"<(?=[A-Za-z/!?])(?P<tag>[^\s<>`|\\](?:[^<>`|\\]*[^\s<>`|\\](?=>)|[\w:-]*))"
_HTML = {"<": "&lt;", "&": "&amp;"}
_ENTITY = r"<\Z|&(?=#?\w+;)"
_LITERAL = re.compile(
    rf"{_TAG}|(?P<entity>{_ENTITY})|(?P<number>{_NUMBER})|{_BLOCK}|{_MARKUP}", re.IGNORECASE
)
_ESCAPED = re.compile(rf"(?P<address>{_ADDRESS})|{_LITERAL.pattern}", re.IGNORECASE)
# A value as it is generated, behind the colon of its title; one that a person added to, as with a
# comment or a hard line break, looks different.
_VALUE = re.compile(r" (?:[^\n<]|<(?![A-Za-z/!?]))*[^\s<\\]")
_ACTIONS = re.compile(rf"{_VALUE.pattern}|\n(?:\n\d+\.{_VALUE.pattern})+")
_MEANING = re.compile(rf"\s*[-*+] +[*_]*(?:{'|'.join(map(str, Verdict))})\b")


class Written(NamedTuple):
    """A status document as a run writes it.

    Attributes:
        content: the bytes.
        digest: of its fields.
        notices: one sentence for each line that names a stage and can't be updated.
    """

    content: bytes
    digest: str
    notices: tuple[str, ...] = ()


def write_document(record: Record, config: Config, existing: bytes | None) -> Written:
    """Return the status document with the values of a record.

    Everything but the values of known fields stays byte for byte. A field that occurs twice under
    one heading is set twice. A stage without a field gets one: below its title, if the title is a
    heading or a bold line of its own, else after the last known field.

    Args:
        record: the values.
        config: the project's titles and meanings.
        existing: the present content; None if there is no document.

    Raises:
        DocumentError: the present content can't be updated.
    """
    values = field_values(record)
    if existing is None or _is_generated(existing, values, record, config):
        # Its fields are known: the reader of Markdown takes a fifth of a small run's time.
        return Written(_generated(values, record, config).encode(), _digest(values.items()))
    from pytest_prodstatus.readers.markdown import Document

    document = Document.decode(existing)
    found = document.find(values)
    notices = [_notice(unread) for unread in found.unread]
    if document.undecoded:
        notices.insert(0, document.undecoded)
    content = replace(document, lines=_with_values(document, found, record, config)).encode()
    document, known = Document.decode(content), len(found.fields)
    found = document.find(values)
    if len(found.fields) > known:
        # What was added may stand between a field and what kept its value on one line.
        content = replace(document, lines=_with_values(document, found, record, config)).encode()
        found = Document.decode(content).find(values)
    fields = [(field.title, field.value) for field in found.fields]
    return Written(content, _digest(fields), tuple(notices))


def _notice(unread: Unread) -> str:
    """Return a sentence about a line that names a stage and can't be updated."""
    return (
        f"line {unread.line + 1}: {unread.title!r} stands {unread.where}, where it isn't updated; "
        f"write it as '**{unread.title}:**' on a line of its own, or give it another name"
    )


def field_values(record: Record) -> dict[str, str]:
    """Return the fields of a record: their values in Markdown, by their titles.

    The value of NEXT ACTIONS is one numbered action a line, or "none".
    """
    values = {
        stage.title: f"**{stage.verdict}** ({_addressed(stage)})"
        if stage.applies
        else escape_markdown(stage_line(stage))
        for stage in record.stages
    }
    for stage in record.stages:
        before = f", before that {stage.previous}" if stage.previous else ""
        values[f"{stage.title}{SINCE}"] = f"{minute(stage.since)}{before}"
    values[NEXT_ACTIONS] = _actions_value(record.decision.actions)
    values[LAST_RUN] = _last_run_value(record)
    if _needs_final_line(record):
        why = why_final(record) or "every stage is CONFIRMED"
        line = one_line(why, limit=LINE_LIMIT)
        values[FINAL_TITLE] = f"**{record.final.verdict}** ({escape_markdown(line)})"
    final = next((stage.title for stage in record.stages if stage.id == FINAL), LAST_RUN)
    for override in record.overrides:
        values[final] += f"; {escape_markdown(override_line(override))}"
    return values


def _addressed(stage: StageStatus) -> str:
    """Return a stage in one line, with who takes care of the cause."""
    address = stage.reason.address if stage.reason else ""
    # The project's own link may be followed; one in a reason is anyone's.
    if stage.runbook:
        # RFC 3986 knows no "<" in an address, and a renderer would end the link there.
        address = address.replace(stage.runbook, stage.runbook.replace("<", "%3C"))
    link = _LITERAL.sub(_escape, address)
    return "; ".join(filter(None, (escape_markdown(stage_line(stage)), link)))


def _actions_value(actions: Sequence[str]) -> str:
    """Return the value of NEXT ACTIONS: a numbered action a line, or "none"."""
    shown = [escape_markdown(action) for action in actions[:MOST_ACTIONS]]
    more = len(actions) - len(shown)
    if more:
        shown.append(f"and {more:,} more")
    return "\n".join(f"{n}. {action}" for n, action in enumerate(shown, 1)) or "none"


def _needs_final_line(record: Record) -> bool:
    """Return whether no stage is FINAL, so that the document itself has to say the verdict."""
    return all(
        stage.id != FINAL and stage.title.casefold() != FINAL_TITLE.casefold()
        for stage in record.stages
    )


def escape_markdown(text: str) -> str:
    """Escape one line of text so that Markdown shows it literally, in a table's cell too."""
    return _ESCAPED.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    if match.lastgroup == "address":
        return f"`{match[0]}`"
    if match.lastgroup == "tag":
        return f"<`{match['tag']}`"
    if match.lastgroup == "number":
        return f"{match[0]}\\"
    return _HTML[match[0]] if match.lastgroup == "entity" else f"\\{match[0]}"


def fields_in(content: bytes, record: Record) -> list[tuple[str, str]]:
    """Return title and value of each field in a document, in its order.

    Args:
        content: the document.
        record: whose titles are looked for.

    Raises:
        DocumentError: the document can't be read.
    """
    from pytest_prodstatus.readers.markdown import Document

    fields = Document.decode(content).fields(field_values(record))
    return [(field.title, field.value) for field in fields]


def _digest(fields: Iterable[tuple[str, str]]) -> str:
    """Return a digest of fields, in 16 hexadecimal digits."""
    # A set, sorted: neither a repeated field nor the order of the fields counts.
    pairs = sorted({(title, " ".join(value.split("\n"))) for title, value in fields})
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:16]


def changed_by_hand(content: bytes | None, record: Record) -> str:
    """Describe how a document differs from what the plugin wrote; "" if it doesn't.

    Args:
        content: the document; None if there is none.
        record: the record that it was written from.
    """
    if content is None:
        return "it is missing"
    if not record.document:
        return "the record doesn't say what was written into it"
    try:
        fields, written = fields_in(content, record), field_values(record)
    except DocumentError as error:
        return str(error)
    if _digest(fields) == record.document:
        return ""
    present = {title for title, _ in fields}
    for stage in record.stages:
        if stage.title not in present:
            return f"its field {stage.title!r} was removed"
    for title, value in fields:
        if value != " ".join(written[title].split("\n")):
            shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
            return f"its field {title!r} was edited by hand and says {shown!r}"
    return "its fields are not those that the run wrote"


def _last_run_value(record: Record) -> str:
    """Return the value of LAST RUN: when, of which target, release, commit and run."""
    run = record.run
    dirty = " (with local changes)" if run.dirty else ""
    begun = "broken off, begun at" if broken_off(run) else "in progress since"
    parts = [
        minute(run.finished) if run.finished else f"{begun} {minute(run.started)}",
        f"target {run.target}",
        f"release {escape_markdown(run.subject.release)}" if run.subject.release else "",
        f"suite commit {run.commit[:12]}{dirty}" if run.commit else "",
        "" if run.complete or not run.finished else "not every criterion was observed in this run",
        f"run {escape_markdown(run.id)}",
        f"by pytest-prodstatus {__version__}",
    ]
    return ", ".join(filter(None, parts))


def _is_generated(content: bytes, titles: Iterable[str], record: Record, config: Config) -> bool:
    """Return whether a document is, but for its values, the one that would be generated now."""
    generated = _generated(dict.fromkeys(titles, "\0"), record, config)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    # A NUL stands for each value.
    *before_values, end = generated.split(" \0")
    at = 0
    for literal in before_values:
        value = _ACTIONS if literal.endswith(f"**{NEXT_ACTIONS}:**") else _VALUE
        found = value.match(text, at + len(literal))
        if not found or not text.startswith(literal, at):
            return False
        at = found.end()
    return text[at:] == end


def _generated(values: Mapping[str, str], record: Record, config: Config) -> str:
    """Return the document that is made if there is none.

    Args:
        values: the value of each field, by its title.
        record: gives the stages.
        config: gives the title, the meanings of the verdicts and the success criteria.
    """
    lines = [
        f"# {config.title}",
        "",
        "Every value below comes from a run of the acceptance suite, not from a person.",
        "",
        "- **CONFIRMED**: it was seen to hold.",
        "- **FAILED**: it was seen not to hold.",
        "- **BLOCKED**: it could not be seen either way; the reason and what to do are given.",
        "",
        *([_field(FINAL_TITLE, values), ""] if _needs_final_line(record) else ()),
        _field(LAST_RUN, values),
        "",
        _field(NEXT_ACTIONS, values),
    ]
    for stage in record.stages:
        lines += _stage_lines(stage.id, stage.title, values, config)
        lines += [f"- {_field(f'{stage.title}{SINCE}', values)}"]
    if config.success_criteria:
        lines += ["", "## Success criteria", ""]
        lines += [f"- {sentence}" for sentence in config.success_criteria]
    return "\n".join(lines) + "\n"


def _field(title: str, values: Mapping[str, str]) -> str:
    """Return a field as Markdown: its title and its value."""
    value = values[title]
    # A list, of which a document has only one: it stands below the title.
    return f"**{title}:**\n\n{value}" if value.startswith("1. ") else f"**{title}:** {value}"


def _stage_lines(stage_id: str, title: str, values: Mapping[str, str], config: Config) -> list[str]:
    """Return the lines of a new field for a stage, and of the meanings of its verdicts."""
    declared = config.catalogue.by_id.get(stage_id)
    described = meanings(declared) if declared else {}
    lines = [f"- {verdict}: {text}" for verdict, text in described.items()]
    return ["", _field(title, values), "", *lines]


def _with_values(
    document: Document, found: Found, record: Record, config: Config
) -> tuple[str, ...]:
    """Return a document's lines with the values of a record, and a field for each stage.

    Args:
        document: the present document.
        found: the fields that it has.
        record: gives the values.
        config: gives the meanings of the verdicts, for stages that had no field.
    """
    values = field_values(record)
    fields = found.fields
    lines = list(document.lines)
    for field in fields:
        text = field.with_value(values[field.title], document.lines, document.line_end)
        # The list that was the value is replaced too; no line changes its index.
        lines[field.line : field.last + 1] = [*([""] * (field.last - field.line)), text]
    present = {field.title for field in fields}
    absent = [stage for stage in record.stages if stage.title not in present]
    lone = document.lone_titles(stage.title for stage in absent)
    own = (*TAKEN_TITLES, FINAL_TITLE)
    known = [field.last for field in fields if field.title not in own]
    added = [
        line
        for stage in absent
        if stage.title not in lone
        for line in _stage_lines(stage.id, stage.title, values, config)
    ]
    at = _end_of(document, [*known, *lone.values()])
    if added and _is_indented(document.lines[at:]):
        added += ["<!-- -->", ""]  # else it would become a part of the last meaning's list item
    lines = _with_inserted(lines, at, added, document.line_end)
    # From the last to the first, so that an insertion doesn't move the lines still to come.
    for title, index in sorted(lone.items(), key=lambda found: -found[1]):
        below = "".join(lines[index + 1 : index + 2]).strip()
        field_lines = ["", _field(title, values), *([""] if below else [])]
        lines = _with_inserted(lines, index + 1, field_lines, document.line_end)
    return tuple(lines)


def _is_indented(lines: Sequence[str]) -> bool:
    """Return whether the first line with text is indented, as code may be."""
    return next((line for line in lines if line.strip()), "").startswith((" ", "\t"))


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
        if document.blocks.headings[following]:
            break
        at = following + 1
    if at < len(lines):
        return at
    return len(lines) if document.open_from is None else document.open_from


def _with_inserted(lines: list[str], at: int, added: Sequence[str], end: str) -> list[str]:
    """Return a document's lines with others inserted.

    Args:
        lines: the document's.
        at: index of the line before which they are inserted.
        added: the new lines, without line ends.
        end: their line end.
    """
    if added and lines and at == len(lines) and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += end
    # A CR that ends one line and an LF that begins the next would be read as one line end.
    before, after = "".join(lines[at - 1 : at]), "".join(lines[at : at + 1])
    if (end == "\n" and before.endswith("\r")) or (end == "\r" and after.startswith("\n")):
        end = "\r\n"
    return [*lines[:at], *(line + end for line in added), *lines[at:]]
