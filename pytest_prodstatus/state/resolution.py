"""How an entry that was left open is settled: by whom, on what grounds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pytest_prodstatus.state.entry import Entry, Event
from pytest_prodstatus.state.errors import InvalidRecord
from pytest_prodstatus.state.state import State
from pytest_prodstatus.state.transition import require_resolution
from pytest_prodstatus.state.wording import one_line, supplier_ids


def resolution_event(
    entry: Entry, *, state: str, order_ids: Sequence[str], who: str, how: str, now: datetime
) -> Event:
    """Return the event that settles `entry` as `state`, which is CONFIRMED or REJECTED.

    Raises:
        InvalidRecord: a state that settles nothing, no name, no grounds, or ids that don't fit.
        IllegalTransition: the entry is settled already.
    """
    if state not in ("CONFIRMED", "REJECTED"):
        msg = f"An entry can't be resolved as {state!r}: it must be CONFIRMED or REJECTED."
        raise InvalidRecord(msg)
    wanted = State(state)
    name, grounds = one_line(who), one_line(how)
    if not name or not grounds:
        msg = f"A resolution needs who ({who!r}) and how ({how!r}): give both in words."
        raise InvalidRecord(msg)
    if wanted is State.REJECTED and order_ids:
        msg = f"REJECTED means that no order exists, yet order ids are given: {order_ids!r}."
        raise InvalidRecord(msg)
    require_resolution(entry, wanted, now)
    ids = supplier_ids(order_ids or entry.order_ids) if wanted is State.CONFIRMED else ()
    return Event(at=now, state=wanted, detail=grounds, who=name, order_ids=ids, resolution=True)
