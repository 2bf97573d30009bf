"""The fields of a written document, so that a later reader can tell whether a person changed one.

The record keeps a digest of them. Whatever else stands in the document is a person's and no part of
it, nor is the order of the fields, nor how often one stands there with the same value.
"""

from __future__ import annotations

import hashlib
import json

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.blocks import scan
from pytest_prodstatus.readers.document import Document, find_fields, split_field
from pytest_prodstatus.writers.document import field_values

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
