"""Which URLs name a journal that outlives the process."""

from __future__ import annotations

import pytest

from pytest_prodstatus.store.address import parse_address, shown
from pytest_prodstatus.store.errors import JournalUnavailable


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///state.sqlite3",
        "sqlite:///~/state.sqlite3",
        "sqlite:////tmp/state.sqlite3?mode=memory&uri=true",
        "mysql://db/journal",
        "oracle://db",
        "state.sqlite3",
        "/var/lib/state.sqlite3",
        "postgresql://db:port/journal",
        "",
    ],
)
def test_what_would_be_lost_is_refused(url: str) -> None:
    """In memory, relative, another database or no URL: one sentence that says what would do."""
    with pytest.raises(JournalUnavailable) as violation:
        parse_address(url)
    assert "sqlite:////" in str(violation.value)
    assert "\n" not in str(violation.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_postgresql_is_reached_through_psycopg_3(scheme: str) -> None:
    """For every driver in the URL, the parameters stay."""
    address = parse_address(f"{scheme}://buyer:pw@db:6432/journal?sslmode=require")
    assert address.drivername == "postgresql+psycopg"
    assert address.query == {"sslmode": "require"}


def test_a_shown_address_has_no_secret() -> None:
    """Neither the password nor the parameters, which may hold one."""
    address = parse_address("postgresql://buyer:correct-horse@db/journal?password=battery-staple")
    assert shown(address) == "postgresql+psycopg://buyer:***@db/journal"


def test_an_unreadable_address_is_not_repeated() -> None:
    """What can't be parsed may hold its password anywhere, so it isn't shown."""
    with pytest.raises(JournalUnavailable) as violation:
        parse_address("postgresql//buyer:correct-horse@db")
    assert "correct-horse" not in str(violation.value)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_half_a_password_is_no_host(scheme: str) -> None:
    """An @ that isn't escaped ends the password early, and its rest would be shown as the host."""
    with pytest.raises(JournalUnavailable, match="write it as %40") as violation:
        parse_address(f"{scheme}://buyer:correct@horse@db/journal")
    assert "horse" not in str(violation.value)
