"""An address is accepted only if it names a journal that outlives the process."""

from __future__ import annotations

import pytest

from pytest_prodstatus.store import JournalUnavailable
from pytest_prodstatus.store.database import parse_address, shown


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
    """A URL in memory, relative, of another database or invalid is refused in one sentence."""
    with pytest.raises(JournalUnavailable) as violation:
        parse_address(url)
    assert "sqlite:////" in str(violation.value)
    assert "\n" not in str(violation.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_postgresql_is_reached_through_psycopg_3(scheme: str) -> None:
    """Every driver in the URL is replaced by psycopg 3; the parameters stay."""
    address = parse_address(f"{scheme}://buyer:pw@db:6432/journal?sslmode=require")
    assert address.drivername == "postgresql+psycopg"
    assert address.query == {"sslmode": "require"}


def test_a_shown_address_has_no_secret() -> None:
    """An address is shown without its password and its parameters, which may hold one."""
    address = parse_address("postgresql://buyer:correct-horse@db/journal?password=battery-staple")
    assert shown(address) == "postgresql+psycopg://buyer:***@db/journal"


def test_an_unreadable_address_is_not_repeated() -> None:
    """A URL that can't be parsed may hold its password anywhere, so it isn't shown."""
    with pytest.raises(JournalUnavailable) as violation:
        parse_address("postgresql//buyer:correct-horse@db")
    assert "correct-horse" not in str(violation.value)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_half_a_password_is_no_host(scheme: str) -> None:
    """An @ that isn't escaped ends the password early, so the URL is refused and not shown."""
    with pytest.raises(JournalUnavailable, match="write it as %40") as violation:
        parse_address(f"{scheme}://buyer:correct@horse@db/journal")
    assert "horse" not in str(violation.value)
