"""Each row of the matrix holds serially, with `-n 2`, and by PRODSTATUS_SWEEP=1 in every mode.

With `-n 2`, the rows whose tests alone decide share a run every day, one for each command line:
each row is a stage, and a folder with its conftest. A row has a run of its own if it is about the
run: its end, its workers, what was before, or a hook that pytest calls for all tests.

A few rows also run on workers without a common folder. If this user may not mount, they are skipped
by that name.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.project import CONFIG, LEAN, SERIAL, XDIST, Project, Ran
from tests.integration.verdicts.matrix import CONFIRMED, ROWS, SHARED, Expected, Row

DISTS = ("load", "worksteal", "loadscope", "loadfile", "loadgroup", "each")
EVERYDAY: dict[str, tuple[str, ...]] = {"serial": SERIAL, "n2": XDIST}
SWEEP: dict[str, tuple[str, ...]] = {
    **EVERYDAY,
    **{f"n2-{dist}": (*XDIST, f"--dist={dist}") for dist in DISTS},
    "serial-no-terminal": ("-p", "no:terminal"),
    "n2-no-terminal": (*XDIST, "-p", "no:terminal"),
    "remote": (),  # known only in the project's folder
}
SWEEPS = os.environ.get("PRODSTATUS_SWEEP") == "1"
MODES = SWEEP if SWEEPS else EVERYDAY
OF_A_FOLDER = {
    "pytest_pyfunc_call",
    "pytest_fixture_setup",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
}
"""Hooks that pytest calls for a test with the conftests of its folder, and with no other."""
ALWAYS_REMOTE = (
    "everything holds",
    "teardown error after a pass",
    "worker crash in the body",
)
"""Rows that run on workers without a common folder every day, if this user may mount."""


def expected_of(row: Row, mode: str) -> Expected:
    """Return the expected result of a row in a mode."""
    if mode.startswith("serial"):
        return row.serial
    return row.each if mode == "n2-each" else row.xdist


def config_of(row: Row) -> str:
    """Return the row's pyproject.toml."""
    word, _, argument = row.files.get("pyproject.toml", "").partition(" ")
    if word == "DECLARES":
        return CONFIG.replace('id = "api"', f'id = "api"\ncriteria = ["{argument}"]')
    if word == "PATHS":
        return CONFIG.replace("[tool.prodstatus]", f'[tool.prodstatus]\npaths = ["{argument}"]')
    if word == "ASSERTS":
        return CONFIG.replace('id = "api"', 'id = "api"\nrequire_assertion = true')
    if word == "ABSENT":
        absent = 'id = "api"\napplies = false\nreason = "there is none"\nowner = "Ann"'
        return config_chained().replace('id = "api"', absent, 1)
    if word == "CHAINED":
        return config_chained()
    if word == "REQUIRES":
        return CONFIG.replace("[tool.prodstatus]", "[tool.prodstatus]\nrequire_evidence = true")
    return CONFIG


def config_chained() -> str:
    """Return the common pyproject.toml, in which stage shop requires stage api."""
    return CONFIG.replace('id = "shop"', 'id = "shop"\nrequires = ["api"]')


def run(row: Row, mode: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Run a row's project in a mode."""
    files = {**row.files, "pyproject.toml": config_of(row)}
    if row.after_green:
        project.write({name: text for name, text in files.items() if name != "conftest.py"})
        assert project.run().final == "CONFIRMED"
    project.write(files)
    args = [*SWEEP[mode], *row.args]
    if mode == "remote":
        # A worker that can't report to its controller acts on the world only on request.
        acts = any("side_effects" in text for text in files.values())
        args = [*project.remote(monkeypatch), *(["-m", "production"] if acts else []), *row.args]
    lean = [name for name in project.lean if name not in row.neighbours]
    return project.run_alone(*args, lean=lean) if row.alone else project.run(*args, lean=lean)


def check(ran: Ran, expected: Expected) -> None:
    """Assert that a run gave what is expected."""
    assert ran.status in (expected.status, expected.or_status)
    if not expected.final:
        assert ran.files == frozenset()
        return
    ran.check_coherent()
    assert ran.final == expected.final
    assert bool(ran.record["run"]["finished"]) == expected.finished
    if not expected.finished:
        assert {stage["verdict"] for stage in ran.record["stages"]} == {"BLOCKED"}
    verdicts = dict(ran.verdicts)
    wanted = dict(expected.verdicts)
    if expected.rest:
        wanted["shop.open"] = expected.rest
    assert verdicts.keys() == wanted.keys()
    for name, verdict in verdicts.items():
        assert verdict in wanted[name].split(" or "), f"{name}: {ran.criteria[name]['reason']}"


Run = tuple[tuple[str, ...], tuple[str, ...]]
"""The arguments and the neighbours of a run."""


def shares_a_run(row: Row) -> bool:
    """Return whether a row may be a stage of a common project without losing what it shows.

    Its tests alone decide, and what the hooks of its conftest do to them: nothing else is
    configured, every mode gives the same, and FINAL is the worst of its verdicts, so that it is
    also the verdict of the stage. What several tests tear down stays alone, since the last test of
    a worker would tear down that of all rows.
    """
    same = row.serial
    all_verdicts = {*same.verdicts.values(), *([same.rest] if same.rest else [])}
    own = {verdict.split()[0] for verdict in all_verdicts}
    worst = next((v for v in ("FAILED", "BLOCKED", CONFIRMED) if v in own), None)
    written = {name for name, text in row.files.items() if text.strip()}
    plain = Row(name="", files={}, serial=same, xdist=same, each=same)
    return (
        replace(row, name="", files={}, needs=True, args=(), neighbours=()) == plain
        and written <= {"pyproject.toml", "conftest.py", "test_api.py", "test_shop.py"}
        and row.files.get("pyproject.toml", "") in ("", "ASSERTS ONE")
        and of_its_folder(row.files.get("conftest.py", ""))
        and same.final == worst
        and row.name not in {shared.name for shared in SHARED}
    )


def of_its_folder(conftest: str) -> bool:
    """Return whether pytest calls all hooks of a conftest for the tests of its folder alone."""
    hooks = set(re.findall(r"def (pytest_\w+)", conftest))
    return hooks <= OF_A_FOLDER and (bool(hooks) or not conftest)


def shared_runs() -> dict[Run, dict[str, Row]]:
    """Return the rows that share a run, each by the name of its stage."""
    runs: dict[Run, dict[str, Row]] = {}
    for number, row in enumerate(ROWS):
        if row.needs and shares_a_run(row):
            runs.setdefault((row.args, row.neighbours), {})[f"row{number}"] = row
    return {run: rows for run, rows in runs.items() if len(rows) > 1}


def has_shop(row: Row) -> bool:
    """Return whether the criterion beside those of a row may be one of the same stage."""
    return "pyproject.toml" not in row.files


def write_together(rows: Mapping[str, Row], project: Project) -> None:
    """Write a project in which each row is a stage and a folder of the given name."""
    config = ["[tool.prodstatus]", 'document = "STATUS.md"']
    files = {}
    for stage, row in rows.items():
        config += ["[[tool.prodstatus.stages]]", f'id = "{stage}"']
        if "pyproject.toml" in row.files:
            config.append("require_assertion = true")
        # pytest reads the conftests of folders named so as it starts, as it does a project's.
        folder = f"test_{stage}"
        for name, text in row.files.items():
            if name == "conftest.py":
                files[f"{folder}/{name}"] = text
            elif name == "test_api.py" or (name == "test_shop.py" and has_shop(row)):
                tests = textwrap.dedent(text).replace('stage("api"', f'stage("{stage}"')
                mark = f'pytest.mark.stage("{stage}")'
                files[f"{folder}/{name[:-3]}_{stage}.py"] = f"api = shop = {mark}\n{tests}"
    config += ["[[tool.prodstatus.stages]]", 'id = "final"', f"rollup = {[*rows]}"]
    project.write({**files, "pyproject.toml": "\n".join(config)})


def failed_in_xdist(ran: Ran) -> bool:
    """Return whether xdist broke, as its `--dist each` may on a busy machine (seen on 3.8).

    If a worker ends while another starts, the scheduler looks for one that it doesn't know, or
    sends to one that has gone. The promise then is only that the run isn't green.
    """
    return ran.status == 3 and "xdist/scheduler/each.py" in ran.out


def cases() -> list[Any]:
    """Return every row with every mode that it runs in."""
    together = {row.name for rows in shared_runs().values() for row in rows.values()}
    return [
        pytest.param(row, mode, id=f"{row.name}-{mode}")
        for row in ROWS
        for mode in (*MODES, *(() if SWEEPS or row.name not in ALWAYS_REMOTE else ("remote",)))
        if SWEEPS or mode != "n2" or row.name not in together
    ]


@pytest.mark.parametrize(("row", "mode"), cases())
def test_row(row: Row, mode: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts, FINAL and the exit status are those of the table, in every mode."""
    if not row.needs:
        pytest.skip("this pytest can't run the row")
    if row.terminal and mode.endswith("no-terminal"):
        pytest.skip("the row is about the terminal reporter")
    ran = run(row, mode, project, monkeypatch)
    if mode == "n2-each" and failed_in_xdist(ran):
        ran.check_coherent()
        assert ran.final in ("BLOCKED", "FAILED")
        return
    check(ran, expected_of(row, mode))


@pytest.mark.parametrize(
    ("run", "rows"),
    [pytest.param(*each, id=" ".join(each[0][0])) for each in shared_runs().items()],
)
def test_rows_together(run: Run, rows: dict[str, Row], project: Project) -> None:
    """Every row whose tests alone decide gets its verdicts on two workers, beside all others."""
    args, neighbours = run
    write_together(rows, project)
    ran = project.run(*XDIST, *args, lean=[name for name in LEAN if name not in neighbours])
    ran.check_coherent()
    assert (ran.final, ran.status) == ("FAILED", 1)
    for stage, row in rows.items():
        expected = row.xdist
        wanted = {f"{stage}{name[3:]}": verdict for name, verdict in expected.verdicts.items()}
        if expected.rest and has_shop(row):
            wanted[f"{stage}.open"] = expected.rest
        verdicts = {n: verdict for n, verdict in ran.verdicts.items() if n.startswith(f"{stage}.")}
        assert verdicts.keys() == wanted.keys(), row.name
        for name, verdict in verdicts.items():
            assert verdict in wanted[name].split(" or "), (row.name, ran.criteria[name]["reason"])
        assert ran.stages[stage]["verdict"] == expected.final, row.name


def test_the_rows_that_always_run_remotely_exist() -> None:
    """A row that was renamed doesn't leave the daily tests unnoticed."""
    assert {row.name for row in ROWS} >= {*ALWAYS_REMOTE}
