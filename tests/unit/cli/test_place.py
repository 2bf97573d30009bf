"""Every command is about the project, target and folder that pytest would take."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pytest_prodstatus.cli.main import main
from tests.unit.cli.conftest import Shop
from tests.unit.given import B, F

# Gives the input of this name a value in one place, and returns what the command is called with.
Source = Callable[[Shop, pytest.MonkeyPatch, str, str], list[str]]


def by_option(shop: Shop, patch: pytest.MonkeyPatch, name: str, value: str) -> list[str]:
    """On the command's own line."""
    return [f"--{name}", value]


def by_variable(shop: Shop, patch: pytest.MonkeyPatch, name: str, value: str) -> list[str]:
    """In the environment."""
    patch.setenv(f"PRODSTATUS_{name.upper()}", value)
    return []


def by_addopts_variable(shop: Shop, patch: pytest.MonkeyPatch, name: str, value: str) -> list[str]:
    """In the arguments that pytest is always given."""
    patch.setenv("PYTEST_ADDOPTS", f"-q --prodstatus-{name}={value}")
    return []


def in_file(file: str, section: str, line: str) -> Source:
    """Return a source that is one of pytest's files."""

    def write(shop: Shop, patch: pytest.MonkeyPatch, name: str, value: str) -> list[str]:
        path = shop.root / file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        text = f"{section}\n{line.format(name=name, value=value)}\n"
        path.write_text(f"{before}\n{text}", encoding="utf-8")
        return []

    return write


SOURCES: dict[str, Source] = {
    "option": by_option,
    "variable": by_variable,
    "PYTEST_ADDOPTS": by_addopts_variable,
    "addopts": in_file("pytest.ini", "[pytest]", "addopts = --prodstatus-{name} {value}"),
    "pytest.toml": in_file("pytest.toml", "[pytest]", 'prodstatus_{name} = "{value}"'),
    "pytest.ini": in_file("pytest.ini", "[pytest]", "prodstatus_{name} = {value}"),
    "pyproject.toml": in_file("pyproject.toml", "[tool.pytest]", 'prodstatus_{name} = "{value}"'),
    "ini_options": in_file(
        "pyproject.toml", "[tool.pytest.ini_options]", 'prodstatus_{name} = "{value}"'
    ),
    "tox.ini": in_file("tox.ini", "[pytest]", "prodstatus_{name} = {value}"),
    "setup.cfg": in_file("setup.cfg", "[tool:pytest]", "prodstatus_{name} = {value}"),
}
COMMANDS = {
    "gate": ["gate"],
    "render": ["render"],
    "export": ["export", "github"],
}
FROM_EVERY_SOURCE = pytest.mark.parametrize("source", SOURCES)


@FROM_EVERY_SOURCE
@pytest.mark.parametrize("command", COMMANDS)
def test_the_target(shop: Shop, monkeypatch: pytest.MonkeyPatch, command: str, source: str) -> None:
    """A record of production that is green and lies in its usual folder isn't taken for it."""
    shop.record()
    shop.record({"api.key": F}, target="staging", folder=shop.reports / "staging")
    args = SOURCES[source](shop, monkeypatch, "target", "staging")
    done = shop(*COMMANDS[command], *args)
    assert "staging" in done.stdout
    assert "FAILED" in done.stdout or command == "render"
    assert done.exit_code == (0 if command == "export" else 1), done.output


@FROM_EVERY_SOURCE
@pytest.mark.parametrize("command", COMMANDS)
def test_the_folder(shop: Shop, monkeypatch: pytest.MonkeyPatch, command: str, source: str) -> None:
    """An older record in the usual folder isn't taken for it."""
    shop.record()
    shop.record({"api.key": F}, folder=shop.root / "out")
    args = SOURCES[source](shop, monkeypatch, "dir", "out")
    done = shop(*COMMANDS[command], *args)
    assert ("FAILED" if command == "export" else "out/status.json") in done.stdout
    assert done.exit_code == (0 if command == "export" else 1), done.output


@FROM_EVERY_SOURCE
def test_where_shards_are_merged(shop: Shop, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Into the folder that pytest would have written."""
    shop.record({}, folder=shop.root / "a")
    args = SOURCES[source](shop, monkeypatch, "dir", "out")
    done = shop("merge", "a/status.json", *args)
    assert (done.exit_code, "wrote out/status.json" in done.stdout) == (0, True), done.output
    assert not shop.reports.exists()


@FROM_EVERY_SOURCE
def test_the_release(shop: Shop, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """The gate requires the release that the run would have judged."""
    shop.record()
    args = SOURCES[source](shop, monkeypatch, "subject", "v1")
    assert shop("gate", *args).exit_code == 0
    shop.edit('"release": "v1"', '"release": "v0"')
    assert "is about release 'v0', not 'v1'" in shop.closed(*args)


@FROM_EVERY_SOURCE
def test_the_target_of_the_history(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """`history` finds the target as a run does."""
    args = SOURCES[source](shop, monkeypatch, "target", "staging")
    assert "no run of target staging of project shop" in shop("history", *args).stdout


@pytest.mark.parametrize("source", ["option", "variable", "PYTEST_ADDOPTS", "addopts"])
@pytest.mark.parametrize("command", [*COMMANDS, "merge"])
def test_the_root(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, source: str
) -> None:
    """From outside the project, or from another one, each command uses the named root."""
    shop.record({"api.key": B})
    other = tmp_path / "other"
    shutil.copytree(shop.root, other)
    (other / "reports/status.json").unlink()
    monkeypatch.chdir(other)
    args = SOURCES[source](Shop(other), monkeypatch, "root", "../shop")
    words = COMMANDS.get(command, ["merge", "../shop/reports/status.json"])
    done = shop(*words, *args)
    assert done.exit_code == (0 if command == "export" else 10), done.output
    assert not (other / "reports/status.json").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["gate"],
        ["render"],
        ["merge", "a.json"],
        ["export", "github"],
        ["history"],
        ["journal", "list"],
        ["journal", "resolve", "1", "--rejected", "--by", "Ann", "--because", "x"],
    ],
    ids=" ".join,
)
def test_no_project(shop: Shop, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    """Without a project no record is read, and a usage error says what to do."""
    shop.record()
    monkeypatch.chdir(shop.root.parent)
    shutil.copytree(shop.reports, shop.root.parent / "reports")
    assert shop.refused(*args) == (
        f"Error: no project here: no [tool.prodstatus] in {shop.root.parent}/pyproject.toml or "
        "above; use --root FOLDER"
    )


def test_a_root_without_the_table(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A named root needs no table; then no stage is declared."""
    shop.configure("")
    shop.record(names=("api.key", "shop.open"))
    monkeypatch.chdir(tmp_path)
    assert shop("gate", "--root", "shop").exit_code == 0
    assert "--root 'nothing': there is no such folder" in shop.refused("gate", "--root", "nothing")


def test_the_command_line_wins(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over what pytest is always given, which wins over the environment, and that over the file."""
    for name in ("a", "b", "c", "d"):
        shop.record(target=name, folder=shop.reports / name)
    (shop.root / "pytest.ini").write_text("[pytest]\nprodstatus_target = a\n", encoding="utf-8")
    assert "(target a)" in shop("gate").stdout
    monkeypatch.setenv("PRODSTATUS_TARGET", "b")
    assert "(target b)" in shop("gate").stdout
    monkeypatch.setenv("PYTEST_ADDOPTS", "--target c")
    assert "(target c)" in shop("gate").stdout
    assert "(target d)" in shop("gate", "--target", "d").stdout


@pytest.mark.parametrize("name", ["TARGET", "DIR", "SUBJECT", "ROOT", "RUN_ID"])
def test_an_empty_variable_is_none(shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An empty variable, as a CI job may leave one, counts as unset."""
    shop.record()
    monkeypatch.setenv(f"PRODSTATUS_{name}", " ")
    assert shop("gate").exit_code == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--dir", ""], "'--dir': it is empty"),
        (["--root", " "], "'--root': it is empty"),
        (["--target", ""], "'--target': '': use letters"),
    ],
)
def test_an_empty_option_is_an_error(shop: Shop, args: list[str], message: str) -> None:
    """It must not ask about something else than was meant."""
    shop.record()
    assert message in shop.refused("gate", *args)


def test_a_value_that_can_not_be_used(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that can't be used is named with its source."""
    monkeypatch.setenv("PRODSTATUS_TARGET", "a/b")
    assert "PRODSTATUS_TARGET='a/b': use letters" in shop.refused("gate")
    monkeypatch.delenv("PRODSTATUS_TARGET")
    (shop.root / "pytest.ini").write_text("[pytest\n", encoding="utf-8")
    assert "pytest.ini:1" in shop.refused("gate")


@pytest.mark.parametrize("name", ["export", "journal list", "history"])
def test_the_project_and_the_system_are_chosen_alike(name: str) -> None:
    """Commands about what was recorded take `--root` and `--target`, with one metavar each."""
    command: click.Command | None = main
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    options = {option.name: option.metavar for option in command.params}
    assert options["root"] == "FOLDER"
    assert options["target"] == "NAME"
