"""For how long a CONFIRMED counts: carried over to a later run, or asked about later."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Stage
from pytest_prodstatus.model.duration import age, text_of
from pytest_prodstatus.model.reason import Kind, Reason, because
from pytest_prodstatus.model.record import Standing
from pytest_prodstatus.model.verdict import Verdict


def carried(old: Standing, stage: Stage, now: datetime) -> Standing:
    """Return a former standing as it stands now: its own observation, and stale when too old."""
    own = replace(old, carried_over=old.observed is not None, selected=False)
    if old.observed is not Verdict.CONFIRMED:
        return replace(own, verdict=old.observed or Verdict.BLOCKED)
    # A clock that is wrong by more than a whole validity dates nothing.
    reason = stale(old.observed_at, stage, now, ahead=stage.valid_for)
    return replace(own, verdict=Verdict.BLOCKED if reason else Verdict.CONFIRMED, **because(reason))


def stale(seen: datetime | None, stage: Stage, now: datetime, ahead: timedelta) -> Reason | None:
    """Return why a CONFIRMED counts no more; None where it still does.

    Args:
        seen: when it was observed; None where nobody knows.
        stage: its stage, which says how long it stays valid.
        now: the instant against which its age is measured.
        ahead: how far `seen` may lie after `now`, since clocks differ.
    """
    span = now - seen if seen else None
    if span is not None and -ahead <= span <= stage.valid_for:
        return None
    since = "an unknown time" if span is None or span < timedelta() else age(span)
    return Reason(
        text=f"it was CONFIRMED {since} ago, and stays valid for {text_of(stage.valid_for)}",
        kind=Kind.STALE,
        remedy=f"run stage {stage.id} again",
    )
