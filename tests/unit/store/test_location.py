"""The journal's address is the configured one, else a file of the user."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from sqlalchemy.engine import make_url

from pytest_prodstatus.store import (
    JournalUnavailable,
    StateError,
    is_local_file,
    state_url,
    store_may_exist,
)


@pytest.mark.parametrize("unset", [{}, {"PRODSTATUS_STATE_URL": ""}, {"PRODSTATUS_STATE_URL": " "}])
def test_the_default_is_a_file_of_the_user(
    unset: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If unset or blank, it is state.sqlite3 in the user's state folder, and nothing is created."""
    odd = tmp_path / "a home with #odd %41 names"
    monkeypatch.setattr(platformdirs, "user_state_path", lambda name: odd / name)

    url = state_url(unset)

    assert make_url(url).database == str(odd / "prodstatus" / "state.sqlite3")
    assert is_local_file(url)
    assert not odd.exists()


@pytest.mark.parametrize("older", [True, False])
def test_without_a_home_folder_there_is_no_place(
    monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    """As in a container with a user id of its own; older releases of platformdirs keep the `~`."""

    def no_home(name: str) -> Path:
        if older:
            return Path("~/.local/state") / name
        msg = "could not determine the home directory"
        raise RuntimeError(msg)

    monkeypatch.setattr(platformdirs, "user_state_path", no_home)
    for question in (state_url, store_may_exist):
        with pytest.raises(JournalUnavailable, match=r"HOME is not set.* set PRODSTATUS_STATE_URL"):
            question({})
    assert store_may_exist({"PRODSTATUS_STATE_URL": "postgresql://db/state"})


def test_the_variable_wins() -> None:
    """PRODSTATUS_STATE_URL is used unchanged."""
    url = "postgresql://buyer@db/journal"
    assert state_url({"PRODSTATUS_STATE_URL": f" {url}\n"}) == url


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("sqlite:////var/lib/state.sqlite3", True),
        ("SQLite+pysqlite:////var/lib/state.sqlite3", True),
        ("postgresql://db/journal", False),
        ("postgresql+psycopg://db/journal", False),
        ("postgres://db/sqlite", False),
        ("", False),
    ],
)
def test_a_local_file_is_told_by_its_scheme(url: str, local: bool) -> None:
    """SQLite is a file of this machine and a server isn't; no other part of the URL counts."""
    assert is_local_file(url) is local


def test_a_store_that_may_be_there_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may exist if one is configured or the default file exists."""
    monkeypatch.setattr(platformdirs, "user_state_path", lambda name: tmp_path / name)
    assert not store_may_exist({})
    assert not store_may_exist({"PRODSTATUS_STATE_URL": " "})
    assert store_may_exist({"PRODSTATUS_STATE_URL": "postgresql://db/state"})
    (tmp_path / "prodstatus").mkdir()
    (tmp_path / "prodstatus" / "state.sqlite3").touch()
    assert store_may_exist({})


def test_a_store_that_can_not_be_looked_at_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another user's folder there may be one: a StateError, which every command explains."""
    monkeypatch.setattr(platformdirs, "user_state_path", lambda name: tmp_path / name)

    def stat(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", stat)  # root may look into every folder
    with pytest.raises(StateError, match=r"state.sqlite3 can't be read \(Permission denied\)"):
        store_may_exist({})
