"""For how long a CONFIRMED counts: carried over to a later run, or asked about later."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR, Stage
from pytest_prodstatus.model.duration import age, text_of
from pytest_prodstatus.model.reason import Kind, Reason, because
from pytest_prodstatus.model.record import Standing
from pytest_prodstatus.model.verdict import Verdict


def carried(old: Standing, stage: Stage, now: datetime, release: str | None) -> Standing:
    """Return a former standing as it stands now: its own observation, stale if it counts no more.

    Args:
        old: what an earlier run recorded.
        stage: its stage, which says how long it stays valid.
        now: the instant against which its age is measured.
        release: the release that is judged now; None if it wasn't named.
    """
    own = replace(old, carried_over=old.observed is not None, selected=False)
    if old.observed is not Verdict.CONFIRMED:
        return replace(own, verdict=old.observed or Verdict.BLOCKED)
    # A clock that is wrong by more than a whole validity dates nothing.
    reason = stale(old.observed_at, stage, now, ahead=stage.valid_for)
    reason = reason or of_another_release(old.subject, stage, release)
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


def of_another_release(seen: str | None, stage: Stage, release: str | None) -> Reason | None:
    """Return why a CONFIRMED of one release says nothing of another; None if it does.

    A stage that stays valid for longer than is usual is declared to outlive a release.

    Args:
        seen: the release of which it was observed; None if that wasn't named.
        stage: its stage.
        release: the release that is asked about; None for any.
    """
    if release is None or seen == release or stage.valid_for > DEFAULT_VALID_FOR:
        return None
    other = f"release {seen!r}" if seen else "a release not named"
    return Reason(
        text=f"it was CONFIRMED of {other}, and {release!r} is asked about",
        kind=Kind.STALE,
        remedy=f"run stage {stage.id} again",
    )
