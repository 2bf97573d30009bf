"""Overrides are kept, shown while they are in force, and never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.store import InvalidOverride, StateUnavailable
from pytest_prodstatus.store.database import parse_address
from pytest_prodstatus.store.journal import Journal
from pytest_prodstatus.store.overrides import Overrides, active_overrides
from tests.unit.given import HOUR, NOW

MINE = Override(
    target="production",
    reason="the fix for the payouts itself",
    who="Ana Lima",
    since=NOW,
    until=NOW + 2 * HOUR,
)


@pytest.fixture
def overrides(url: str) -> Iterator[Overrides]:
    """An empty list of overrides."""
    with Overrides.open(url, "shop") as opened:
        yield opened


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (NOW - timedelta(microseconds=1), False),
        (NOW, True),
        (NOW + HOUR, True),
        (NOW + 2 * HOUR - timedelta(microseconds=1), True),
        (NOW + 2 * HOUR, False),
    ],
)
def test_it_holds_from_its_beginning_until_its_end(
    overrides: Overrides, at: datetime, holds: bool
) -> None:
    """An override is in force from its beginning until its end, and reads back unchanged."""
    overrides.add(MINE)
    assert overrides.active("production", at) == ((MINE,) if holds else ())


def test_it_holds_for_its_target_alone(overrides: Overrides) -> None:
    """Several overrides of one target are all returned, the oldest first."""
    second = replace(MINE, who="Ben", until=NOW + HOUR)
    for override in (MINE, replace(MINE, target="staging"), second):
        overrides.add(override)
    assert overrides.active("production", NOW) == (MINE, second)
    assert overrides.active("demo", NOW) == ()


def test_it_holds_for_its_project_alone(overrides: Overrides, url: str) -> None:
    """Each project may call its target "production"; its override opens no other project's gate."""
    overrides.add(MINE)
    with Overrides.open(url, "bank") as others:
        assert others.active("production", NOW) == ()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reason": " "}, "reason"),
        ({"who": ""}, "who"),
        ({"target": ""}, "target"),
        ({"until": NOW}, "later than it begins"),
    ],
)
def test_one_that_says_too_little_is_refused(
    overrides: Overrides, changed: dict[str, object], message: str
) -> None:
    """An override without reason, person or end is refused, and nothing is written."""
    with pytest.raises(InvalidOverride, match=message) as violation:
        overrides.add(replace(MINE, **changed))
    assert "\n" not in str(violation.value)
    assert overrides.active("production", NOW) == ()


@pytest.mark.parametrize("name", ["since", "until"])
def test_an_instant_without_its_time_zone_is_refused(name: str) -> None:
    """An override needs a time zone; otherwise no one knows when it ends."""
    with pytest.raises(ValueError, match="has no time zone"):
        replace(MINE, **{name: NOW.replace(tzinfo=None)})


@pytest.mark.parametrize("until", ["zzz", b"\xff", "2099-01-01 25:00:00.000000"])
def test_a_row_that_nobody_of_ours_wrote_opens_nothing(sqlite_url: str, until: str | bytes) -> None:
    """A row that no release wrote is named, and no other override counts beside it."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with Overrides.open(sqlite_url, "shop") as overrides:
        overrides.add(MINE)
        with closing(sqlite3.connect(path)) as store:
            store.execute(
                "INSERT INTO prodstatus_override (project, target, reason, who, since, until) "
                "VALUES ('shop', 'production', 'x', 'y', '2020-01-01 00:00:00.000000', ?)",
                (until,),
            )
            store.commit()
        with pytest.raises(StateUnavailable, match="with the id 2 can't be read"):
            overrides.active("production", NOW)


def test_a_file_that_was_cut_opens_nothing(sqlite_url: str) -> None:
    """A file that was cut at any byte gives an error or no override, but never a part of one."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with Overrides.open(sqlite_url, "shop") as overrides:
        overrides.add(MINE)
    content = path.read_bytes()
    refused = 0
    for size in range(0, len(content), 512):
        path.write_bytes(content[:size])
        try:
            found = active_overrides(sqlite_url, "shop", "production", NOW)
        except StateUnavailable as violation:
            assert "\n" not in str(violation)  # noqa: PT017
            refused += 1
        else:
            assert found in ((), (MINE,))
    assert refused > 10


def test_a_look_makes_nothing(sqlite_url: str) -> None:
    """Reading makes no file, and no table in a store that has only a journal."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert active_overrides(sqlite_url, "shop", "production", NOW) == ()
    assert not path.parent.exists()
    Journal.open(sqlite_url).close()
    before = path.read_bytes()
    assert active_overrides(sqlite_url, "shop", "production", NOW) == ()
    assert path.read_bytes() == before


def test_a_look_finds_what_was_written(url: str) -> None:
    """Reading finds an override on either database, also by the user who wrote it."""
    with Overrides.open(url, "shop") as overrides:
        overrides.add(MINE)
    assert active_overrides(url, "shop", "production", NOW) == (MINE,)
    assert active_overrides(url, "bank", "production", NOW) == ()
    assert active_overrides(url, "shop", "production", NOW + 2 * HOUR) == ()


def test_one_is_taken_back_by_its_person_alone(overrides: Overrides) -> None:
    """Taking back ends only that person's overrides of that target given so far."""
    overrides.add(MINE)
    overrides.add(replace(MINE, who="Bob"))
    overrides.add(replace(MINE, target="staging"))
    assert overrides.take_back(MINE.target, "Cleo", "no", NOW) == ()
    assert overrides.take_back(MINE.target, MINE.who, "it is deployed", NOW) == (MINE,)
    assert [o.who for o in overrides.active(MINE.target, NOW)] == ["Bob"]
    assert len(overrides.active("staging", NOW)) == 1
    assert overrides.take_back(MINE.target, MINE.who, "again", NOW) == ()
    overrides.add(MINE)
    assert len(overrides.active(MINE.target, NOW)) == 2
    with pytest.raises(InvalidOverride, match="reason is ''"):
        overrides.take_back(MINE.target, MINE.who, " ", NOW)


def test_nobody_can_change_or_remove_one(overrides: Overrides, url: str) -> None:
    """The table itself refuses UPDATE, DELETE and TRUNCATE."""
    overrides.add(MINE)
    engine = create_engine(parse_address(url))
    attacks = ["UPDATE prodstatus_override SET who = 'nobody'", "DELETE FROM prodstatus_override"]
    if "postgresql" in url:
        attacks.append("TRUNCATE prodstatus_override")
    for attack in attacks:
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(attack))
    engine.dispose()
    assert overrides.active("production", NOW) == (MINE,)


def test_a_store_that_cannot_be_used(tmp_path: object) -> None:
    """A store that can't be used is refused in one sentence, without the password."""
    url = f"postgresql://ops:correct-horse@/store?host={tmp_path}"
    with pytest.raises(StateUnavailable, match="list of overrides at") as violation:
        Overrides.open(url, "shop")
    assert "correct-horse" not in str(violation.value)
    assert "action" not in str(violation.value)
