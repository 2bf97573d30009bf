"""The state of an action decides which step may follow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_prodstatus.store import Expired, IllegalTransition, InvalidRecord
from pytest_prodstatus.store.action import Action, Event, State, once_a_release
from pytest_prodstatus.store.journal import require_step, resolution_event
from tests.unit.store.plans import NOON, TODAY, action

PATHS = {
    State.INTENT: (),
    State.SENT: (State.SENT,),
    State.CONFIRMED: (State.SENT, State.CONFIRMED),
    State.REJECTED: (State.SENT, State.REJECTED),
    State.UNKNOWN: (State.SENT, State.UNKNOWN),
    State.LAPSED: (State.SENT, State.CONFIRMED, State.LAPSED),
}
STEPS = {
    (State.INTENT, State.SENT),
    (State.INTENT, State.REJECTED),
    (State.INTENT, State.UNKNOWN),
    (State.SENT, State.CONFIRMED),
    (State.SENT, State.REJECTED),
    (State.SENT, State.UNKNOWN),
    (State.CONFIRMED, State.LAPSED),
}
RESOLUTIONS = {
    (open_end, end)
    for open_end in (State.INTENT, State.SENT, State.UNKNOWN)
    for end in (State.CONFIRMED, State.REJECTED)
} | {(State.CONFIRMED, State.LAPSED)}


@pytest.mark.parametrize("wanted", State)
@pytest.mark.parametrize("stands", PATHS)
def test_every_step_of_the_process(stands: State, wanted: State) -> None:
    """Seven steps are legal and all others are refused."""
    subject = action(*PATHS[stands])
    if (stands, wanted) in STEPS:
        require_step(subject, wanted, NOON)
        return
    with pytest.raises(IllegalTransition, match=f"stands at {stands} .* become {wanted}"):
        require_step(subject, wanted, NOON)


def resolved(subject: Action, wanted: State) -> Event:
    """Resolve an action."""
    receipts = ["1"] if wanted is State.CONFIRMED else []
    return resolution_event(
        subject, state=wanted.value, receipts=receipts, who="Ana", how="seen", now=NOON
    )


@pytest.mark.parametrize("wanted", State)
@pytest.mark.parametrize("stands", PATHS)
def test_every_resolution(stands: State, wanted: State) -> None:
    """What is open becomes CONFIRMED or REJECTED; what is settled stays, or it lapses."""
    subject = action(*PATHS[stands])
    if (stands, wanted) in RESOLUTIONS:
        assert resolved(subject, wanted).state is wanted
        return
    with pytest.raises((IllegalTransition, InvalidRecord)):
        resolved(subject, wanted)


@pytest.mark.parametrize("state", [State.CONFIRMED, State.REJECTED])
def test_a_late_success_follows_a_resolution(state: State) -> None:
    """After a resolution only CONFIRMED may follow, and only for an order that was sent."""
    sent = action(State.SENT, state, resolution=True)
    require_step(sent, State.CONFIRMED, NOON)
    for other in (State.SENT, State.REJECTED, State.UNKNOWN):
        with pytest.raises(IllegalTransition):
            require_step(sent, other, NOON)
    with pytest.raises(IllegalTransition):
        require_step(action(state, resolution=True), State.CONFIRMED, NOON)


@pytest.mark.parametrize(
    ("later", "legal"),
    [
        (timedelta(minutes=59, seconds=59), True),
        (timedelta(hours=1), False),
        (timedelta(days=1), False),
        (timedelta(days=-1), False),
    ],
)
def test_sending_has_an_end(later: timedelta, legal: bool) -> None:
    """Sending is legal before the expiry on the claim's own day; a result may come at any time."""
    if legal:
        require_step(action(), State.SENT, NOON + later)
    else:
        with pytest.raises(Expired):
            require_step(action(), State.SENT, NOON + later)
    require_step(action(State.SENT), State.CONFIRMED, NOON + later)


def test_a_key_that_is_no_day_is_sent_until_its_expiry() -> None:
    """An action whose key isn't a day may be sent past midnight."""
    late = action(key=once_a_release("v41"), day=TODAY - timedelta(days=1))
    require_step(late, State.SENT, NOON)
    with pytest.raises(Expired, match="was good until"):
        require_step(late, State.SENT, late.expires_at)


def test_only_a_future_confirmation_is_redated() -> None:
    """An action CONFIRMED after today may be confirmed again, and not rejected."""
    ahead = action(State.SENT, State.CONFIRMED, at=NOON + timedelta(days=9))
    assert resolved(ahead, State.CONFIRMED).at == NOON
    with pytest.raises(IllegalTransition):
        resolved(ahead, State.REJECTED)
