"""Text from outside, made fit for a line of the journal.

A supplier may answer with anything, and by then money may have moved: what came back must never
be the reason that it can't be written down. PostgreSQL refuses NUL, UTF-8 refuses lone surrogates.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_prodstatus.state.errors import InvalidRecord

_LIMIT = 2000


def one_line(text: str) -> str:
    """Return `text` as one printable line of at most 2000 characters; never raises."""
    line = " ".join(text[: 2 * _LIMIT].split())
    printable = "".join(character if character.isprintable() else "�" for character in line)
    return printable if len(printable) <= _LIMIT else printable[: _LIMIT - 1] + "…"


def supplier_ids(order_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of an order, each one printable line.

    Raises:
        InvalidRecord: there is none, or `order_ids` is one text instead of several.
    """
    if isinstance(order_ids, str):
        msg = f"The order ids are {order_ids!r}; they must be a sequence of texts."
        raise InvalidRecord(msg)
    ids = tuple(one_line(str(order_id)) for order_id in order_ids)
    if not ids or not all(ids):
        msg = (
            f"The order ids are {tuple(order_ids)!r}; an order is confirmed by at least one id "
            "and none of them empty: without one it is UNKNOWN."
        )
        raise InvalidRecord(msg)
    return ids
