"""Overrides of the commands: they are read from the store, and from nothing else."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import platformdirs
import pytest
from msgspec.structs import replace

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")

from pytest_prodstatus.cli.overrides import active_override, save_override
from pytest_prodstatus.model.record import Override
from pytest_prodstatus.store import overrides as stored
from tests.unit.cli.conftest import CONFIG, Kept, Shop
from tests.unit.given import HOUR, NOW, F

WORD = Override(target="eu", reason="the fix itself", who="Ann", since=NOW - HOUR, until=NOW + HOUR)


def test_one_that_was_written_is_found(shop: Shop) -> None:
    """A saved override is found for its target and project, until it ends."""
    save_override(WORD, shop.root)
    assert active_override("eu", NOW, shop.root) == (WORD, None)
    assert active_override("us", NOW, shop.root) == (None, None)
    assert active_override("eu", NOW + HOUR, shop.root) == (None, None)
    other = shop.root.parent / "bank"
    other.mkdir()
    assert active_override("eu", NOW, other) == (None, None)


def test_the_person_who_gave_one_can_take_it_back(shop: Shop) -> None:
    """Only the person who gave an override can take it back; it ends at once."""
    shop.record({"api.key": F})
    save_override(replace(WORD, target="production"), shop.root)
    assert shop("gate").exit_code == 0
    assert (
        "no override of target production by this name is in force; those in force are by Ann"
        in (shop.refused("gate", "--take-back", "not mine", "--by", "Bob"))
    )
    assert shop("gate").exit_code == 0
    done = shop("gate", "--take-back", "it is deployed", "--by", "Ann")
    assert "the override of target production by Ann is taken back" in done.stderr
    assert (done.exit_code, "OVERRIDE" in done.stdout) == (1, False)
    assert shop("gate").exit_code == 1
    assert "those in force are by no one" in shop.refused("gate", "--take-back", "x", "--by", "Ann")
    file = shop.root.parent / "state" / "prodstatus" / "state.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT who, reason, since = until FROM prodstatus_override")
        assert rows.fetchall() == [("Ann", "the fix itself", 0), ("Ann", "it is deployed", 1)]
    save_override(replace(WORD, target="production"), shop.root)
    assert shop("gate").exit_code == 0
    for wrong in (["--take-back", "x"], ["--take-back", "x", "--by", "Ann", "--for", "1h"]):
        assert "--take-back REASON needs --by NAME" in shop.refused("gate", *wrong)


def test_two_folders_of_one_name_share_none(shop: Shop) -> None:
    """Two projects of one name on one machine share no override."""
    shop.configure("[project]\nname = 'shop'\n" + CONFIG)
    save_override(WORD, shop.root)
    other = shop.root.parent / "elsewhere" / "shop"
    other.mkdir(parents=True)
    (other / "pyproject.toml").write_text("[project]\nname = 'shop'\n" + CONFIG)
    assert active_override("eu", NOW, other) == (None, None)
    assert active_override("eu", NOW, shop.root) == (WORD, None)


def test_the_one_that_ends_last_counts(shop: Shop) -> None:
    """Of several overrides in force, the one that ends last counts."""
    for hours in (1, 3, 2):
        save_override(replace(WORD, until=NOW + hours * HOUR), shop.root)
    found, _ = active_override("eu", NOW, shop.root)
    assert found is not None
    assert found.until == NOW + 3 * HOUR


def test_where_no_store_is_none_is_made(shop: Shop, tmp_path: Path) -> None:
    """Looking for an override makes no file, even if an address is configured."""
    assert active_override("eu", NOW, shop.root) == (None, None)
    (shop.root / ".env").write_text(f"PRODSTATUS_STATE_URL=sqlite:///{tmp_path}/none/s.sqlite3\n")
    assert active_override("eu", NOW, shop.root) == (None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize(
    ("content", "named"), [("", False), ("no database, " * 100, True), ("SQLite format 3\0", True)]
)
def test_what_is_no_store_opens_nothing(
    shop: Shop, tmp_path: Path, content: str, named: bool
) -> None:
    """An empty store has no override; a broken one is named, so that it isn't taken for empty."""
    (tmp_path / "state" / "prodstatus").mkdir(parents=True)
    (tmp_path / "state" / "prodstatus" / "state.sqlite3").write_text(content, encoding="utf-8")
    found, problem = active_override("eu", NOW, shop.root)
    assert found is None
    sentence = "overrides can't be looked for: The list of overrides at "
    assert (problem or "").startswith(sentence) if named else problem is None


def test_a_dotenv_that_can_t_be_read_is_named_and_the_gate_decides(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may name the store; if the environment does, it isn't needed, but a folder is none."""
    shop.record()
    os.mkfifo(shop.root / ".env")
    done = shop("gate")
    assert done.exit_code == 0
    assert done.stderr == (
        "prodstatus: overrides can't be looked for: "
        f"{shop.root / '.env'} can't be read: it is a pipe, and no one writes it\n"
    )
    assert "it is a pipe" in shop.refused("history")
    (shop.root / ".env").unlink()
    (shop.root / ".env").mkdir()
    assert shop("gate").stderr == ""


def test_without_a_home_folder_the_gate_decides_and_says_what_it_can_t_see(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a home folder, as in a container, the gate decides and names what it can't see."""
    shop.record()

    def no_home(_name: str) -> Path:
        raise RuntimeError

    monkeypatch.setattr(platformdirs, "user_state_path", no_home)
    done = shop("gate")
    assert (done.exit_code, done.stdout.partition(" (")[0]) == (0, "gate open")
    assert done.stderr.startswith("prodstatus: overrides can't be looked for: The state store has")
    for command in (("history",), ("journal", "list")):
        assert "HOME is not set" in shop.refused(*command)
    assert "isn't in force" in shop.refused(
        "gate", "--override", "the fix", "--by", "Ann", "--for", "1h"
    )


def test_the_configured_store_is_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's store counts before the .env file's, and the default one not at all."""
    addresses: list[str] = []

    def active_overrides(
        url: str, project: str, target: str, now: datetime
    ) -> tuple[Override, ...]:
        addresses.append(url)
        return ()

    monkeypatch.setattr(stored, "active_overrides", active_overrides)
    save_override(WORD, shop.root)
    (shop.root / ".env").write_text("PRODSTATUS_STATE_URL=postgresql://of-the-file\n")
    assert active_override("eu", NOW, shop.root) == (None, None)
    monkeypatch.setenv("PRODSTATUS_STATE_URL", "postgresql://nowhere")
    active_override("eu", NOW, shop.root)
    assert addresses == ["postgresql://of-the-file", "postgresql://nowhere"]


def test_one_that_is_in_force(shop: Shop, kept: Kept) -> None:
    """If no override was saved, none is active."""
    assert active_override("eu", NOW, shop.root) == (None, None)
    assert kept.kept == []


@pytest.mark.slow  # runs a process
@pytest.mark.parametrize("written", [False, True])
def test_the_gate_needs_no_sqlalchemy(shop: Shop, written: bool) -> None:
    """Overrides in a file are read and saved without SQLAlchemy."""
    word = ["--override", "the fix", "--by", "Ann", "--for", "1h"] if written else []
    code = (
        "import sys; from pytest_prodstatus.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: status = end.code\n"
        "print(sorted({'sqlalchemy', 'alembic'} & set(sys.modules)), status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "gate", *word], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"[] {0 if written else 10}", done.stderr
