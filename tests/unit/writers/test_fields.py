"""A status document that a person edited is told from one that the run wrote."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.document import changed_by_hand, digest_of, write_document
from tests.unit.given import B, C, F, catalogue, each_hostile_text, observation, reason, record

STAGES = catalogue("oauth", "order")
RECORD = record(STAGES, {"oauth.token": C, "order.bought": B})
OWN = (
    b"# My shop\r\n\r\nNotes.\r\n\r\n"
    b"**OAUTH STATUS:** ?  \r\n\r\n- OAUTH STATUS: ?\r\n\r\n> ORDER STATUS: ?\\\r\n\r\nThe end.\r\n"
)


def written(existing: bytes | None, of: Record = RECORD) -> tuple[bytes, Record]:
    """Return a document as a run writes it, and the record that goes with it."""
    content = write_document(of, Config(catalogue=STAGES), existing)
    return content, replace(of, document=digest_of(content, of))


GENERATED, OF_GENERATED = written(None)
IN_PLACE, OF_IN_PLACE = written(OWN)
BOTH = pytest.mark.parametrize(
    ("content", "of"),
    [(GENERATED, OF_GENERATED), (IN_PLACE, OF_IN_PLACE)],
    ids=["generated", "in place"],
)


@BOTH
def test_untouched(content: bytes, of: Record) -> None:
    """As it was written, also with other line ends or another encoding."""
    assert changed_by_hand(content, of) == ""
    for other in (
        content.replace(b"\r\n", b"\n"),
        content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        content.decode().encode("utf-8-sig"),
        content.decode().encode("utf-16"),
    ):
        assert changed_by_hand(other, of) == ""


@BOTH
def test_whatever_else_stands_there_is_a_person_s(content: bytes, of: Record) -> None:
    """Text, the order of the fields, one more place for the same value."""
    fence = b"\n```\n**OAUTH STATUS:** **CONFIRMED** (in a fence)\n```\n"
    assert changed_by_hand(content.replace(b"# ", b"# Mine: ", 1) + fence, of) == ""
    line = next(line for line in content.splitlines() if line.startswith(b"**OAUTH STATUS:"))
    assert changed_by_hand(line + b"\n\n" + content, of) == ""


@BOTH
def test_a_field_that_was_edited_is_named(content: bytes, of: Record) -> None:
    """With what it says now."""
    edited = content.replace(b"**BLOCKED** (seen", b"**CONFIRMED** (seen")
    assert edited != content
    assert changed_by_hand(edited, of) == (
        "its field 'ORDER STATUS' was edited by hand and says "
        r"'**CONFIRMED** (seen to be BLOCKED)'"
    )


def test_one_of_two_places_that_was_edited_is_named() -> None:
    """A field that stands twice is right twice."""
    first, second = IN_PLACE.split(b"- OAUTH STATUS", 1)
    for edited in (
        first.replace(b"CONFIRMED", b"FAILED") + b"- OAUTH STATUS" + second,
        first + b"- OAUTH STATUS" + second.replace(b"CONFIRMED", b"FAILED", 1),
    ):
        assert changed_by_hand(edited, OF_IN_PLACE).startswith("its field 'OAUTH STATUS' was")


@BOTH
def test_a_field_that_was_removed_is_named(content: bytes, of: Record) -> None:
    """Taken out, renamed, or hidden in a comment."""
    lines = content.splitlines(keepends=True)
    for gone in (
        b"".join(line for line in lines if b"ORDER STATUS:" not in line),
        content.replace(b"ORDER STATUS:", b"ORDERS:"),
        b"<!--\n" + content.replace(b"-->", b"") + b"\n-->",
    ):
        assert changed_by_hand(gone, of).endswith("STATUS' was removed")


def test_a_field_of_no_stage_counts_too() -> None:
    """Where it was written it stays; which one was removed can't be told."""
    told = changed_by_hand(GENERATED.replace(b"**LAST RUN:**", b"**LAST:**"), OF_GENERATED)
    assert told == "its fields are not those that the run wrote"
    edited = GENERATED.replace(b"NEXT ACTIONS:** none", b"NEXT ACTIONS:** deploy")
    assert edited != GENERATED
    assert changed_by_hand(edited, OF_GENERATED) == (
        "its field 'NEXT ACTIONS' was edited by hand and says 'deploy'"
    )


def test_no_document_and_no_digest() -> None:
    """Nothing to compare is no agreement."""
    assert changed_by_hand(None, OF_GENERATED) == "it is missing"
    assert changed_by_hand(GENERATED, RECORD) == ("the record doesn't say what was written into it")
    assert changed_by_hand(b"", OF_GENERATED) == "its field 'OAUTH STATUS' was removed"


def test_a_long_value_is_cut() -> None:
    """The sentence stays one that can be read."""
    edited = GENERATED.replace(b"**BLOCKED** (", b"**BLOCKED** (" + b"x" * 500)
    assert len(changed_by_hand(edited, OF_GENERATED)) < 200


@each_hostile_text
def test_hostile_text_is_found_as_it_was_written(text: str) -> None:
    """Whatever a reason holds, the field is read back just as it was written."""
    made = record(STAGES, {"oauth.token": observation(F, reason=reason(text)), "order.bought": C})
    for existing in (None, OWN, OWN.decode().encode("utf-16")):
        content, of = written(existing, made)
        assert changed_by_hand(content, of) == ""
