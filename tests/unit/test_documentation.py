"""The documentation can't drift: all that can be set, run, chosen or written is named once."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click import Context

import pytest_prodstatus
from pytest_prodstatus import journal, plugin, session
from pytest_prodstatus.cli.main import COMMANDS, main
from pytest_prodstatus.model.evidence import ENTRIES_LIMIT, ITEMS_LIMIT, TEXT_LIMIT
from pytest_prodstatus.model.verdict import (
    BLOCKED_KINDS,
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    EXIT_UNWRITTEN,
    Kind,
)
from pytest_prodstatus.options import NOTHING_RUNS, OPTIONS, key_of
from pytest_prodstatus.readers.config import (
    DEFAULT_DOCUMENT,
    OUTPUTS,
    STAGE_KEYS,
    STEP_KEYS,
    TABLE_KEYS,
    WAIVER_KEYS,
)
from pytest_prodstatus.store import FILE_NAME
from pytest_prodstatus.writers import NAME
from pytest_prodstatus.writers.exports import export_names, load_export
from tests.acceptance.demo.scenarios import SCENARIOS, STAGES
from tests.unit.documentation import reference
from tests.unit.documentation.pages import PAGES, text_of
from tests.unit.given import declared

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    """Return a page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


CONSUMERS = sorted((ROOT / "docs/consumers").glob("*.md"))
OPTIONS_PAGE = page("reference/options.md")
CONFIGURATION = page("reference/configuration.md")
WRITING = page("reference/writing-criteria.md")
REASONS = page("reference/reasons.md")
FILES = page("reference/files.md")
STORE = page("reference/store.md")


def section(text: str, heading: str) -> str:
    """Return the text below a heading of the second level."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_column(text: str) -> list[str]:
    """Return the code in the first column of a page's tables, in its order."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def test_the_two_commands_of_the_readme_stay() -> None:
    """The README has the two commands that CI uses, and installs the package by its name."""
    install = 'python -m venv .venv && .venv/bin/pip install -e ".[dev]"'
    lines = README.splitlines()
    assert f"{install} && .venv/bin/pytest -m production --target demo" in lines
    assert ".venv/bin/pytest -n 2" in lines
    assert 'pip install "pytest-prodstatus[state]"' in lines


def test_the_readme_is_read_to_its_end() -> None:
    """The README has at most 200 lines; everything else is behind its links."""
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize(("name", "takes", "_"), OPTIONS)
def test_every_option_is_documented(name: str, takes: str, _: str) -> None:
    """Each option has one row with its variable, its value and, mostly, its ini key."""
    rows = [line for line in OPTIONS_PAGE.splitlines() if f"| `--prodstatus-{name}`" in line]
    assert len(rows) == 1
    for form in (key_of(name).upper(), takes):
        assert f"`{form}`" in rows[0]
    assert (f"`{key_of(name)}`" in rows[0]) == (name not in ("root", "shard"))


def test_every_variable_of_the_plugin_is_documented() -> None:
    """Each variable that the plugin reads is on the page, and no other."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "pytest_prodstatus").rglob("*.py")
    )
    read = set(re.findall(r'"((?:PRODSTATUS|GITHUB)_[A-Z_]+)"', source))
    read |= {key_of(name).upper() for name, _, _ in OPTIONS}
    assert len(read) > 10
    assert set(re.findall(r"`((?:PRODSTATUS|GITHUB)_[A-Z_]+)`", OPTIONS_PAGE)) == read


@pytest.mark.parametrize("path", CONSUMERS, ids=lambda path: path.stem)
def test_every_consumer_s_page_has_the_same_shape(path: Path) -> None:
    """Four headings, lines to copy, a row for each verdict, a way to see it fail, and its links."""
    text = path.read_text(encoding="utf-8")
    headings = ["What you get", "Copy", "What each verdict does there", "See it fail"]
    assert (
        re.findall(r"^#+ (.*)$", re.sub(r"(?s)```.*?```", "", text), re.MULTILINE)[1:] == headings
    )
    assert "```" in section(text, "Copy")
    rows = re.findall(r"^\| ([^|]*) \|", section(text, headings[2]), re.MULTILINE)
    assert rows[0] == "verdict"
    first = " ".join(rows)
    for word in ("CONFIRMED", "FAILED", "BLOCKED", "waived", "overrid"):
        assert word in first, f"no row is about {word}"
    # A run that ends so, or a release that doesn't run there.
    assert re.search(r"<!-- ends with: \d+ -->|\bnone\b", section(text, headings[3]))
    assert f"(docs/consumers/{path.name})" in README
    assert f"(consumers/{path.name})" in page("README.md")


def test_every_option_under_which_nothing_is_written_is_documented() -> None:
    """The page lists pytest's options under which a run writes nothing."""
    named = {
        "help": "--help",
        "version": "--version",
        "markers": "--markers",
        "collectonly": "--collect-only",
        "setuponly": "--setup-only",
        "setupplan": "--setup-plan",
        "showfixtures": "--fixtures",
        "show_fixtures_per_test": "--fixtures-per-test",
        "cacheshow": "--cache-show",
    }
    assert set(named) == set(NOTHING_RUNS)
    assert not [option for option in named.values() if f"`{option}`" not in OPTIONS_PAGE]


def test_parts_that_can_be_switched_off_are_named_as_they_are() -> None:
    """Each `-p no:NAME` on the page is a plugin: pytest is silent about an unknown name."""
    off = re.findall(r"^\| `-p no:([\w-]+)`", OPTIONS_PAGE, re.MULTILINE)
    source = Path(session.__file__).read_text(encoding="utf-8")
    entry = {point.name for point in entry_points(group="pytest11")}
    assert len(off) == 5
    assert not [name for name in off if f'"{name}"' not in source and name not in entry]


@pytest.mark.parametrize(
    "key", sorted({*TABLE_KEYS, *STAGE_KEYS, *WAIVER_KEYS} - {"stages", "waivers"})
)
def test_every_key_of_the_configuration_is_in_the_example(key: str) -> None:
    """Each key of [tool.prodstatus] is in the example that can be copied."""
    assert re.search(rf"^{key} = ", CONFIGURATION, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("`[tool.prodstatus]`", TABLE_KEYS),
        ("`[[tool.prodstatus.stages]]`", STAGE_KEYS),
        ("`path`", STEP_KEYS),
        ("`[[tool.prodstatus.waivers]]`", WAIVER_KEYS),
    ],
)
def test_every_key_of_the_configuration_is_documented(heading: str, keys: tuple[str, ...]) -> None:
    """Each table lists all keys, each once, and no other."""
    assert sorted(first_column(section(CONFIGURATION, heading))) == sorted(keys)


def test_the_examples_of_the_configuration_can_be_used() -> None:
    """Each is a valid catalogue: its stages, its waiver, its path and its exports."""
    example, absent = re.findall(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert not declared(absent).catalogue.by_id["payout"].applies
    config = declared(example)
    assert [stage.id for stage in config.catalogue.stages] == ["sale", "payout", "final"]
    assert [waiver.owner for waiver in config.waivers] == ["Ann"]


@pytest.mark.parametrize("page", PAGES)
def test_no_example_can_rot(page: str) -> None:
    """A waiver's end that lies ahead when it is written lies behind when it is read."""
    ends = re.findall(r"^expires = (\S+)", text_of(page), re.MULTILINE)
    assert [end for end in ends if not end.startswith(("$(date", "9999-"))] == []


def test_every_public_name_is_documented() -> None:
    """The table lists what can be imported, and nothing else."""
    listed = first_column(section(WRITING, "Names to import"))
    assert sorted(listed) == sorted(pytest_prodstatus.__all__)
    listed = first_column(section(WRITING, "The journal's names"))
    assert sorted(listed) == sorted(journal.__all__)


def test_every_fixture_is_documented() -> None:
    """The table lists the fixtures that the plugin gives, and nothing else."""
    given = {name for name in vars(plugin) if name.startswith("prodstatus_")}
    given |= {"evidence", "eventually"}
    assert len(given) == 12
    assert set(first_column(section(WRITING, "Fixtures"))) == given


def test_every_mark_is_documented(pytestconfig: pytest.Config) -> None:
    """The table lists the marks that the plugin registers, and nothing else."""
    ours = {"stage", "production"}
    known = {line.partition(":")[0].partition("(")[0] for line in pytestconfig.getini("markers")}
    assert ours <= known
    listed = first_column(section(WRITING, "Marks"))
    assert {mark.partition("(")[0] for mark in listed} == ours
    assert "stage(id, side_effects=True)" in listed


def test_the_limits_of_evidence_are_documented() -> None:
    """The limits of evidence are named as they are in the code."""
    text = " ".join(WRITING.split())
    assert f"{TEXT_LIMIT:,} characters of a text are kept" in text
    assert f"{ITEMS_LIMIT} items of a list or mapping" in text
    assert f"{ENTRIES_LIMIT} entries of a criterion" in text


def test_every_kind_of_reason_is_documented() -> None:
    """Each kind is in the table of those who give it, once, and no other is."""
    given = {kind.value for kind in BLOCKED_KINDS}
    run = first_column(section(REASONS, "Given by the run"))
    test = first_column(section(REASONS, "Given by a test: `blocked(reason, kind=…)`"))
    assert sorted(test) == sorted(given)
    assert sorted(set(run) - {"xfail", "require_evidence"}) == sorted(
        {kind.value for kind in Kind} - given
    )


def test_every_file_is_documented() -> None:
    """Each file that is written is in the table, by its name."""
    names = {*OUTPUTS, DEFAULT_DOCUMENT, NAME, FILE_NAME}
    names |= {load_export(name).file for name in export_names()}
    assert not names - set(first_column(FILES))


def test_every_sick_store_is_documented() -> None:
    """The table has each scenario, with its description and its verdicts of all nine fields."""
    letters = {"CONFIRMED": "C", "FAILED": "**F**", "BLOCKED": "B"}
    expected = [
        " | ".join(
            (f"| `{name}`", scenario.description, *(letters[verdict] for verdict in verdicts))
        )
        + " |"
        for name, scenario in SCENARIOS.items()
        for verdicts in [[scenario.expected[stage] for stage in STAGES]]
    ]
    table = STORE[STORE.index("## Sick stores") :]
    assert [line for line in table.splitlines() if line.startswith("| `")] == expected


def test_every_variable_of_the_store_is_documented() -> None:
    """Each variable that the settings read is on the store's page or in .env.example."""
    source = "".join(
        (ROOT / "tests/acceptance/support" / name).read_text(encoding="utf-8")
        for name in ("settings.py", "purchase/arming.py", "purchase/store_command.py")
    )
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    read = set(re.findall(r'read\.\w+\(\s*"([A-Z_]+)"', source))
    assert len(read) > 20
    named = set(re.findall(r"[A-Z_]{4,}", STORE + example))
    assert not read - named


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_exit_statuses_are_documented(name: str) -> None:
    """All exit statuses are in one place."""
    assert f"| `{name}` |" in page("exit-status.md")


def test_every_exit_status_of_ours_is_documented() -> None:
    """Each exit status that only this plugin gives has a row of its own."""
    rows = re.findall(r"^\| (\d+) \|", section(page("exit-status.md"), "`pytest`"), re.MULTILINE)
    assert {EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED, EXIT_UNWRITTEN} == set(map(int, rows))


@pytest.mark.parametrize("name", ["gate", "merge", "render"])
def test_every_option_of_a_command_is_documented(name: str) -> None:
    """docs/gate.md describes each option of the gate's commands."""
    text = page("gate.md")
    command = main.get_command(Context(main), name)
    assert command
    options = {form for param in command.params for form in param.opts if form.startswith("--")}
    assert not {form for form in options if form not in text}


def test_the_page_of_the_commands_is_current() -> None:
    """The page is generated from the commands: `python -m tests.unit.documentation.reference`."""
    assert page("reference/commands.md") == reference.page()


@pytest.mark.parametrize("name", export_names())
def test_every_export_is_documented(name: str) -> None:
    """Each format is in the table of docs/exports.md with its command and its file."""
    lines = page("exports.md").splitlines()
    rows = [line for line in lines if f"`prodstatus export {name}`" in line]
    (key,) = [line for line in CONFIGURATION.splitlines() if line.startswith("| `exports` |")]
    assert len(rows) == 1
    assert f"`{name}`" in key
    assert f'`exports = ["{name}"]`' in rows[0]
    assert f"`{load_export(name).file}`" in rows[0]


def test_the_way_of_a_report_is_as_contributing_says() -> None:
    """The way has at most twelve files, and each function that it names exists."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("### The way of a report")[2].partition("\n#")[0]
    hops = re.findall(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", table, re.MULTILINE)
    assert 8 <= len({file for file, _ in hops}) <= 12
    assert len(hops) == len(set(hops))
    for file, function in hops:
        tree = ast.parse((ROOT / "pytest_prodstatus" / file).read_text(encoding="utf-8"))
        body: Sequence[ast.stmt] = tree.body
        for name in function.split("."):
            found = [node for node in body if getattr(node, "name", None) == name]
            assert found, f"{file} has no {function}"
            body = getattr(found[0], "body", [])
