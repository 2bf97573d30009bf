"""The README can't drift: what can be set, run or chosen is named there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click import Context

from pytest_prodstatus.cli.main import COMMANDS, main
from pytest_prodstatus.options import OPTIONS
from pytest_prodstatus.readers.config import STAGE_KEYS, TABLE_KEYS, WAIVER_KEYS, read_config
from pytest_prodstatus.writers.export import EXPORTS
from tests.acceptance.demo.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name, _, _ in OPTIONS])
def test_every_option_is_documented(name: str) -> None:
    """Each option stands in the README with its variable and its ini key."""
    for form in (f"--prodstatus-{name}", f"PRODSTATUS_{name.upper()}", f"prodstatus_{name}"):
        assert f"`{form}`" in README


@pytest.mark.parametrize(
    "key", sorted({*TABLE_KEYS, *STAGE_KEYS, *WAIVER_KEYS} - {"stages", "waivers"})
)
def test_every_key_of_the_configuration_is_documented(key: str) -> None:
    """Each key of [tool.prodstatus] stands in the README's example."""
    assert re.search(rf"^{key} = ", README, re.MULTILINE)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_sick_store_is_documented(scenario: str) -> None:
    """Each scenario stands in the README's table."""
    assert f"| `{scenario}` |" in README


def test_every_variable_of_the_store_is_documented() -> None:
    """Each variable that the settings read stands in the README or in .env.example."""
    source = "".join(
        (ROOT / "tests/acceptance/support" / name).read_text(encoding="utf-8")
        for name in ("settings.py", "arming.py", "store_command.py")
    )
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    read = set(re.findall(r'read\.\w+\(\s*"([A-Z_]+)"', source))
    shortened = {f"PRODSTATUS_{tail}" for tail in re.findall(r"`…_([A-Z_]+)`", README)}
    assert len(read) > 20
    assert {name for name in read if name not in README + example} <= shortened


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_exit_statuses_are_documented(name: str) -> None:
    """All statuses stand in one place."""
    text = (ROOT / "docs/exit-status.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in text


@pytest.mark.parametrize("name", ["gate", "merge", "render"])
def test_every_option_of_a_command_is_documented(name: str) -> None:
    """The gate's commands are described in docs/gate.md."""
    text = (ROOT / "docs/gate.md").read_text(encoding="utf-8")
    command = main.get_command(Context(main), name)
    assert command
    options = {form for param in command.params for form in param.opts if form.startswith("--")}
    assert not {form for form in options if form not in text}


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_is_documented(name: str) -> None:
    """Each form stands in the table of docs/exports.md with its command and its file."""
    text = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if f"`prodstatus export {name}`" in line]
    assert len(rows) == 1
    assert f'`exports = ["{name}"]`' in rows[0]
    assert f"`{EXPORTS[name].file}`" in rows[0]


def test_the_catalogue_of_the_readme_can_be_used() -> None:
    """Whoever copies it has a catalogue: its stages, its waiver, its path and its exports."""
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    config = read_config(example, "README.md")
    assert [stage.id for stage in config.catalogue.stages] == ["sale", "payout", "final"]
    assert [waiver.owner for waiver in config.waivers] == ["Ann"]
