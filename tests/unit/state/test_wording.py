"""Text from outside is made fit to be written down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.store.errors import InvalidRecord
from pytest_prodstatus.store.journal import one_line, supplier_ids

anything = st.text(st.characters(exclude_categories=[]))


@given(anything)
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """NUL, surrogates, line breaks and terminal escapes can't get through, nor can length."""
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 2000
    line.encode()
    assert one_line(line) == line


def test_long_text_is_cut_visibly() -> None:
    """What was left out is marked."""
    assert one_line("x" * 3000) == "x" * 1999 + "…"
    assert one_line("x" * 2000) == "x" * 2000


@pytest.mark.parametrize("ids", [[], [""], ["1", " "], "8198"])
def test_an_order_has_an_id(ids: list[str]) -> None:
    """None, an empty one, or one text in place of a sequence is refused."""
    with pytest.raises(InvalidRecord):
        supplier_ids(ids)


def test_ids_are_texts() -> None:
    """A number, as JSON may give it, is written by its digits."""
    assert supplier_ids([8198352049851315]) == ("8198352049851315",)  # type: ignore[list-item]
