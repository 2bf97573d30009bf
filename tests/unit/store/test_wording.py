"""Text from outside is made safe before it is written."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.store import InvalidRecord
from pytest_prodstatus.store.action import TEXT_LIMIT, State
from pytest_prodstatus.store.journal import receipts_of, resolution_event
from tests.unit.store.plans import action

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=timezone.utc)


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    """No NUL, surrogate, line break, terminal escape or excessive length gets through."""
    event = resolution_event(
        action(State.SENT), state="CONFIRMED", receipts=["." + text], who="Ana", how="." + text,
        now=NOW,
    )  # fmt: skip
    for line in (event.note, *event.receipts):
        assert len(line.splitlines()) == 1
        assert not [character for character in line if character < " " or character == "\x7f"]
        assert len(line) <= TEXT_LIMIT
        line.encode()
        assert receipts_of([line]) == (line,)


def test_long_text_is_cut_visibly() -> None:
    """A text that was cut says how long it was."""
    (line,) = receipts_of(["x" * 3000])
    assert line.endswith("x… (cut from 3,000 characters)")
    assert receipts_of(["x" * TEXT_LIMIT]) == ("x" * TEXT_LIMIT,)


@pytest.mark.parametrize("receipts", [[], [""], ["1", " "], "8198"])
def test_what_was_done_has_a_receipt(receipts: list[str]) -> None:
    """No receipt, an empty one, or one text in place of a sequence is refused."""
    with pytest.raises(InvalidRecord):
        receipts_of(receipts)


def test_receipts_are_texts() -> None:
    """A number, as JSON may give it, is written as its digits."""
    assert receipts_of([8198352049851315]) == ("8198352049851315",)  # type: ignore[list-item]
