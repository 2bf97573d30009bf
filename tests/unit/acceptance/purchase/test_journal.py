"""What the suite takes from the journal: an order's key at the supplier, and where it may be."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_prodstatus.journal import State
from tests.acceptance.support.purchase.journal import journal_conditions, out_order_id
from tests.acceptance.support.secrets import Secret
from tests.unit.store.plans import action, day_key

names = st.text(min_size=1, max_size=50)
parts = st.tuples(names, names, st.dates(), st.integers(1, 9999))


def _key(part: tuple[str, str, date, int]) -> str:
    criterion, target, day, attempt = part
    order = action(State.SENT, key=day_key(day), attempt=attempt)
    return out_order_id(replace(order, criterion=criterion, target=target))


def test_it_is_the_same_for_ever() -> None:
    """A key computed by an older version must be found again, so it never changes."""
    part = ("placeorder.real-order-placed", "production", date(2026, 3, 10), 1)
    assert _key(part) == "ps-20260310-1-b04989e83953"


def test_it_is_of_what_is_bought_and_not_of_the_target_s_name() -> None:
    """As the journal's own key is; it never changes, either."""
    order = action(State.SENT, key=day_key(date(2026, 3, 10)))
    order = replace(order, criterion="placeorder.real-order-placed", subject="product 17 for us")
    assert out_order_id(order) == "ps-20260310-1-b7bf9dacbe85"
    assert out_order_id(replace(order, target="staging")) == out_order_id(order)
    for change in ({"subject": "product 18 for us"}, {"project": "another"}):
        assert out_order_id(replace(order, **change)) != out_order_id(order)


@given(parts, parts)
def test_it_differs_if_any_part_differs(
    first: tuple[str, str, date, int], other: tuple[str, str, date, int]
) -> None:
    """Criterion, target, day and attempt all count, and none runs into the next."""
    assert (_key(first) == _key(other)) == (first == other)


@given(parts)
def test_it_fits_the_supplier(part: tuple[str, str, date, int]) -> None:
    """At most 32 letters, digits and hyphens, for any names."""
    assert re.fullmatch(r"[a-z0-9-]{1,32}", _key(part))


@pytest.mark.parametrize(
    ("url", "target", "in_ci", "refused"),
    [
        ("sqlite:////var/lib/state.sqlite3", "production", True, True),
        ("sqlite:////var/lib/state.sqlite3", "production", False, False),
        ("sqlite:////var/lib/state.sqlite3", "demo", True, False),
        ("postgresql://h/journal", "production", True, False),
    ],
)
def test_a_file_of_a_machine_of_ci_guards_nothing(
    url: str, target: str, in_ci: bool, refused: bool
) -> None:
    """It goes away with the machine; the demo's orders aren't real."""
    found = journal_conditions(Secret(url), target=target, in_ci=in_ci)
    assert bool(found) is refused
