"""Overrides from the command line's side: found without opening a store that holds none."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

import pytest

from pytest_prodstatus.cli import overrides
from pytest_prodstatus.cli.overrides import in_force, may_hold
from tests.unit.cli.conftest import Kept, Shop
from tests.unit.given import NOW


def store(
    path: Path, *targets: str, project: str = "shop", table: str = "prodstatus_override"
) -> Path:
    """Make a store with an override of each of a project's targets."""
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, project TEXT, target TEXT)")
        rows = [(project, name) for name in targets]
        made.executemany(f"INSERT INTO {table} (project, target) VALUES (?, ?)", rows)
        made.commit()
    return path


def test_a_store_that_holds_none(tmp_path: Path) -> None:
    """No file, no table, no row, another target's."""
    assert not may_hold(tmp_path / "nothing", "shop", "eu")
    assert not may_hold(store(tmp_path / "old", table="journal"), "shop", "eu")
    assert not may_hold(store(tmp_path / "empty"), "shop", "eu")
    assert not may_hold(store(tmp_path / "us ?#%", "us"), "shop", "eu")
    assert not may_hold(store(tmp_path / "other", "eu", project="bank"), "shop", "eu")
    assert not (tmp_path / "nothing").exists()


def test_a_store_that_may_hold_one(tmp_path: Path) -> None:
    """Of the target; or nobody can say, and the store itself is asked."""
    assert may_hold(store(tmp_path / "eu ?#%", "us", "eu"), "shop", "eu")
    (tmp_path / "broken").write_text("no database", encoding="utf-8")
    assert may_hold(tmp_path / "broken", "shop", "eu")
    assert may_hold(tmp_path, "shop", "eu")


def test_one_that_is_locked(tmp_path: Path) -> None:
    """By a run that is saving its history."""
    path = store(tmp_path / "eu", "eu")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert may_hold(path, "shop", "eu")


def test_the_default_store_is_asked_only_where_it_may_hold_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configured one always."""
    asked: list[str] = []

    def opened(url: str, root: Path) -> AbstractContextManager[Kept]:
        assert root == tmp_path
        asked.append(url)
        return nullcontext(Kept())

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(overrides, "opened", opened)
    assert in_force("eu", NOW, tmp_path) == (None, None)
    (tmp_path / "prodstatus").mkdir()
    path = store(tmp_path / "prodstatus" / "state.sqlite3", "us", project=tmp_path.name)
    assert in_force("eu", NOW, tmp_path) == (None, None)
    assert asked == []
    in_force("us", NOW, tmp_path)
    assert asked == [f"sqlite:///{path}"]
    (tmp_path / ".env").write_text("PRODSTATUS_STATE_URL=postgresql://of-the-file\n")
    in_force("eu", NOW, tmp_path)
    monkeypatch.setenv("PRODSTATUS_STATE_URL", "postgresql://nowhere")
    in_force("eu", NOW, tmp_path)
    assert asked[1:] == ["postgresql://of-the-file", "postgresql://nowhere"]


def test_one_that_is_in_force(shop: Shop, kept: Kept) -> None:
    """None where there is none."""
    assert in_force("eu", NOW, shop.root) == (None, None)
    assert kept.kept == []
