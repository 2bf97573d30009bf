"""A run judges, chooses its project, and writes that nothing is confirmed, before all else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, TIMEOUT_S, XDIST, Project, wait_for
from tests.integration.warm import Done, run_pytest

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
API = "@api\ndef test_a(): pass\n"
PASSING = {"test_api.py": API, "test_shop.py": SHOP}
PLAIN = {"unit/test_unit.py": "def test_plain(): pass\n"}
PRODUCTION = ("-m", "production")
SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"


def in_modes(name: str, values: Iterable[Any], **ids: Any) -> pytest.MarkDecorator:
    """Parametrise by values: each serially; the first also with `-n 2`, or each in a sweep."""
    pairs = [(SERIAL, value) for value in values]
    many = [(XDIST, value) for _, value in (pairs if SWEEP else pairs[:1])]
    labels = [f"{'n2' if mode else 'serial'}-{_label(value)}" for mode, value in [*pairs, *many]]
    return pytest.mark.parametrize(("mode", name), [*pairs, *many], ids=labels, **ids)


def _label(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@in_modes(
    "how",
    [
        ({"PRODSTATUS_DIR": "reports"}, ("unit",)),
        ({"PRODSTATUS_TARGET": "production", "PRODSTATUS_SUBJECT": "v1"}, ("unit",)),
        ({}, ("unit", "-m", "not production")),
        ({}, ("--collect-only", "-m", "production")),
        ({}, ("--setup-plan", "-m", "production")),
        ({"PRODSTATUS_RUN_ID": "r2"}, ("--fixtures",)),
        ({"PRODSTATUS_RUN_ID": "r2"}, ("--markers",)),
        ({}, ("--help", "-m", "production")),
        ({}, ("--version", "--version", "-m", "production")),
    ],
)
def test_a_run_that_is_not_a_production_run_writes_nothing(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    mode: tuple[str, ...],
    how: tuple[dict[str, str], tuple[str, ...]],
) -> None:
    """A job of unit tests, or a run that only lists, leaves the last record as it was."""
    project.write({**PASSING, **PLAIN})
    assert project.run("test_api.py", "test_shop.py").final == "CONFIRMED"
    before = contents(project.folder)
    variables, args = how
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    project.run_alone(*mode, *args)
    assert contents(project.folder) == before


@MODES
def test_a_run_id_asks_to_judge(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """With PRODSTATUS_RUN_ID a run that finds no criterion is BLOCKED, with exit status 10 or 5."""
    project.write({**PASSING, **PLAIN})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "r7")
    ran = project.run_alone(*mode, "unit")
    assert ran.status == 10
    assert (ran.final, ran.record["run"]["id"]) == ("BLOCKED", "r7")


@MODES
def test_an_id_is_used_once(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """A second run with the id of a finished record is refused, and nothing is confirmed of it.

    Otherwise the gate would judge the first run instead of the second.
    """
    project.write(PASSING)
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "r7")
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    ran = project.run_alone(*mode, *PRODUCTION)
    assert ran.status == 4
    assert "PRODSTATUS_RUN_ID 'r7'" in ran.err
    assert "an id of its own" in ran.err
    assert "Traceback" not in ran.err
    assert (ran.final, ran.record["decision"]["open"]) == ("BLOCKED", False)
    assert ran.record["previous"]["final"]["verdict"] == "CONFIRMED"


def test_an_id_of_a_killed_run_may_be_used_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed run has no finished record, so nothing can be mistaken for it."""
    stuck = "from pathlib import Path\nimport time\nPath('running').touch()\ntime.sleep(60)\n"
    project.write({**PASSING, "conftest.py": stuck})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "r7")
    ran = project.run_signalled(signal.SIGKILL, *PRODUCTION)
    assert ran.record["run"]["finished"] is None
    project.write({"conftest.py": ""})
    assert project.run(*PRODUCTION).final == "CONFIRMED"


@pytest.mark.parametrize("option", ["--stage=api", "--prodstatus-stage=api"])
def test_a_stage_asks_to_judge_before_a_conftest_is_imported(project: Project, option: str) -> None:
    """The short option counts as well, unless a conftest may own it."""
    project.write(PASSING)
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    project.write({"conftest.py": "raise RuntimeError('no')\n"})
    ran = project.run_alone(option)
    assert (ran.status, ran.final, ran.record["run"]["finished"]) == (4, "BLOCKED", None)


def test_a_conftest_that_owns_the_short_option_keeps_the_record(project: Project) -> None:
    """If a conftest owns `--stage`, a run of unit tests with it writes nothing."""
    conftest = "def pytest_addoption(parser):\n    parser.addoption('--stage')\n"
    project.write({**PASSING, **PLAIN, "conftest.py": conftest})
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    before = contents(project.folder)
    assert project.run_alone("--stage=api", "unit").status == 0
    assert contents(project.folder) == before


@in_modes("variable", ["PRODSTATUS_TARGET", "PRODSTATUS_DIR"])
def test_a_conftest_that_names_another_target_or_folder(
    project: Project, mode: tuple[str, ...], variable: str
) -> None:
    """The run is about that one, and the files that it began with are as they were."""
    project.write(PASSING)
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    (project.folder / "status.intoto.json").write_text("signed", encoding="utf-8")
    before = contents(project.folder)
    project.write({"conftest.py": f"import os\nos.environ['{variable}'] = 'other'\n"})
    place = project.root / "other" if variable.endswith("DIR") else project.folder / "other"
    ran = project.run_alone(*mode, *PRODUCTION, folder=place)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    after = contents(project.folder)
    assert {name: after[name] for name in after if not name.startswith("other")} == before


def test_a_conftest_that_names_a_folder_leaves_no_other(project: Project) -> None:
    """What the run wrote first into a new folder is gone, and so is the folder."""
    project.write({**PASSING, "conftest.py": "import os\nos.environ['PRODSTATUS_DIR'] = 'other'\n"})
    ran = project.run_alone(*PRODUCTION, folder=project.root / "other")
    assert ran.final == "CONFIRMED"
    assert not project.folder.exists()


@MODES
def test_a_conftest_that_names_the_run(project: Project, mode: tuple[str, ...]) -> None:
    """An id that a conftest sets is the run's, and is used once as well."""
    setting = "import os\nos.environ['PRODSTATUS_RUN_ID'] = 'r7'\n"
    project.write({**PASSING, "conftest.py": setting})
    first = project.run_alone(*mode, *PRODUCTION)
    assert (first.final, first.record["run"]["id"]) == ("CONFIRMED", "r7")
    again = project.run_alone(*mode, *PRODUCTION)
    assert (again.status, again.final) == (4, "BLOCKED")
    assert "PRODSTATUS_RUN_ID 'r7'" in again.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("place", ["conftest.py", "test_api.py"])
def test_a_run_that_is_killed_while_it_imports_confirms_nothing(
    project: Project, number: signal.Signals, place: str
) -> None:
    """Record, document and page say that nothing is confirmed, in every mode."""
    project.write(PASSING)
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    waits = "from pathlib import Path\nimport time\nPath('running').touch()\ntime.sleep(60)\n"
    project.write({place: waits})
    ran = project.run_signalled(number, *PRODUCTION)
    ran.check_coherent()
    assert (ran.final, ran.record["run"]["finished"]) == ("BLOCKED", None)
    assert "STATUS:** **CONFIRMED**" not in (ran.document or "")


@MODES
@pytest.mark.parametrize("args", [(), PRODUCTION], ids=["plain", "production"])
def test_nothing_acts_if_nothing_confirmed_can_not_be_written(
    project: Project, mode: tuple[str, ...], args: tuple[str, ...]
) -> None:
    """A run that can't record an order must not place it."""
    acts = """
    @pytest.mark.stage("api", side_effects=True)
    def test_buys(): Path("bought").touch()
    """
    project.write({"test_api.py": acts, "test_shop.py": SHOP, "reports": "not a folder"})
    ran = project.run_alone(*mode, *args)
    assert not (project.root / "bought").exists()
    assert ran.status == (4 if mode and not args else 11)
    assert "can't be written" in ran.out + ran.err


@MODES
def test_an_unwritable_document_stops_what_acts_too(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A document that can't be written would show the last run's verdicts, so nothing acts."""
    acts = """
    @pytest.mark.stage("api", side_effects=True)
    def test_buys(): Path("bought").touch()
    """
    config = CONFIG.replace('"STATUS.md"', '"a/STATUS.md"')
    project.write({"test_api.py": acts, "test_shop.py": SHOP, "pyproject.toml": config, "a": ""})
    ran = project.run_alone(*mode, *PRODUCTION)
    assert not (project.root / "bought").exists()
    assert ran.status == 10
    assert ran.verdicts == {"api.buys": "BLOCKED inconclusive", "shop.open": "CONFIRMED"}
    assert ran.final == "BLOCKED"


FORKED = """
@api
def test_a():
    child = os.fork()
    if child == 0:
        {child}
    os.waitpid(child, 0)
    assert False, "the parent saw it fail"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
@in_modes("child", ["return", "raise SystemExit(0)", "pytest.exit('x', returncode=0)", "assert 0"])
def test_only_the_process_that_began_the_run_judges(
    project: Project, mode: tuple[str, ...], child: str
) -> None:
    """A forked child that comes back from a test ends there, and the parent's verdict stays."""
    after = "@shop\ndef test_open():\n    with open('ran', 'a') as file: file.write('x')\n"
    project.write({"test_api.py": FORKED.format(child=child), "test_shop.py": after})
    ran = project.run_alone(*mode, *PRODUCTION)
    assert ran.verdicts == {"api.a": "FAILED observed", "shop.open": "CONFIRMED"}
    assert (ran.status, ran.final) == (1, "FAILED")
    assert (project.root / "ran").read_text() == "x"


ENDINGS = {
    "sessionfinish": """
    import pytest
    def pytest_sessionfinish(): pytest.exit("done", returncode=0)
    """,
    "terminal summary": """
    import pytest
    def pytest_terminal_summary(): pytest.exit("done", returncode=0)
    """,
    "outermost wrapper": """
    import pytest
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(session):
        yield
        session.exitstatus = 0
    """,
    "unconfigure": """
    import pytest
    def pytest_unconfigure(config):
        config.pluginmanager.get_plugin("session").exitstatus = 0
    """,
}


@in_modes("ending", ENDINGS)
@pytest.mark.parametrize(
    ("test", "status"),
    [("assert 0", 1), ("pytest.skip('later')", 10)],
    ids=["FAILED", "BLOCKED"],
)
def test_no_hook_betters_the_exit_status(
    project: Project, mode: tuple[str, ...], ending: str, test: str, status: int
) -> None:
    """An exit status that a conftest changes after the board is corrected when pytest ends."""
    project.write({"conftest.py": ENDINGS[ending], "test_shop.py": SHOP})
    project.write({"test_api.py": f"@api\ndef test_a(): {test}\n"})
    ran = project.run_alone(*mode, *PRODUCTION)
    assert ran.status == status
    assert ran.record["decision"]["exit_code"] == status
    assert ran.record["decision"]["open"] is False


LEAKS = """
            import pytest
            LEAKS = []
            @pytest.fixture(autouse=True)
            def connection():
                yield
                LEAKS.append(1)
"""

FOREIGN = {
    "a failing test without a stage": (
        {"unit/test_unit.py": "def test_plain(): assert 0\n"},
        1,
        "unit/test_unit.py::test_plain failed, which is not a criterion",
    ),
    "a status set after the board": (
        {
            "conftest.py": """
            import pytest
            @pytest.hookimpl(trylast=True)
            def pytest_unconfigure(config):
                config.pluginmanager.get_plugin("session").exitstatus = 9
            """
        },
        9,
        "exit status 9",
    ),
    "a status set when the session ends": (
        {"conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 8\n"},
        8,
        "exit status 8",
    ),
    "one like pytest's own for a failure": (
        {"conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 1\n"},
        1,
        "exit status 1",
    ),
    "a status set where the tests ran": (
        {
            "conftest.py": LEAKS
            + """
            def pytest_sessionfinish(session):
                if LEAKS: session.exitstatus = 8
            """
        },
        8,
        "exit status 8",
    ),
}


@in_modes("cause", FOREIGN)
def test_a_status_that_no_criterion_explains_closes_the_gate(
    project: Project, mode: tuple[str, ...], cause: str
) -> None:
    """The record notes such a status, so the gate agrees with pytest; an option ignores it."""
    files, status, text = FOREIGN[cause]
    project.write({**PASSING, **files})
    ran = project.run_alone(*mode)
    assert (ran.status, ran.final) == (status, "BLOCKED")
    assert text in ran.record["final"]["reason"]
    assert ran.record["decision"]["exit_code"] == status
    assert "FINAL BLOCKED" in ran.out + ran.err
    ignores = CONFIG.replace("[tool.prodstatus]", '[tool.prodstatus]\nforeign_status = "ignore"')
    project.write({"pyproject.toml": ignores})
    ran = project.run_alone(*mode)
    assert (ran.status, ran.final) == (status, "CONFIRMED")
    assert ran.record["decision"]["open"] is True


LATE = {
    "sessionfinish": "def pytest_sessionfinish(): raise RuntimeError('late')\n",
    "terminal summary": "def pytest_terminal_summary(): raise RuntimeError('late')\n",
    "unconfigure": "def pytest_unconfigure(): raise RuntimeError('late')\n",
    "an exit": "import sys\ndef pytest_sessionfinish(): sys.exit(3)\n",
    "a text that fails": """
    class Late(Exception):
        def __str__(self): return self.no_such_name
    def pytest_sessionfinish(): raise Late
    """,
    "a blank text": "def pytest_sessionfinish(): raise RuntimeError('\\n')\n",
}


@pytest.mark.parametrize("hook", ["sessionfinish", "unconfigure"])
def test_a_hook_that_raises_at_the_end_of_a_worker_closes_the_gate(
    project: Project, hook: str
) -> None:
    """A worker's tests leave something open: xdist drops what a hook says of that at its end."""
    raises = f"""
            def pytest_{hook}():
                assert not LEAKS, "connections leaked"
    """
    project.write({**PASSING, "conftest.py": LEAKS + raises})
    ran = project.run_alone(*XDIST, *PRODUCTION)
    assert (ran.status, ran.final) == (10, "BLOCKED")
    reason = ran.record["final"]["reason"]
    assert reason.startswith("a hook raised when the session of worker gw")
    assert reason.partition(": ")[2].startswith("connections leaked")


@pytest.mark.parametrize("place", LATE)
def test_a_hook_that_raises_after_the_verdict_closes_the_gate(project: Project, place: str) -> None:
    """Pytest ends with a failure, so the record must not show an open gate."""
    project.write({**PASSING, "conftest.py": LATE[place]})
    ran = project.run_alone(*PRODUCTION)
    assert ran.status != 0
    assert (ran.final, ran.record["decision"]["open"]) == ("BLOCKED", False)
    assert "when the session ended" in ran.record["final"]["reason"]


def test_a_report_that_can_not_be_written_by_pytest_closes_the_gate(project: Project) -> None:
    """If the folder of `--junitxml` is a file, as happens, the gate is closed."""
    project.write({**PASSING, "taken": ""})
    ran = project.run_alone(*PRODUCTION, "--junitxml=taken/report.xml")
    assert (ran.status != 0, ran.final) == (True, "BLOCKED")


def test_a_foreign_status_beside_a_failed_criterion_is_noted(project: Project) -> None:
    """A waiver of the criterion must not open the gate over it."""
    conftest = "def pytest_sessionfinish(session): session.exitstatus = 8\n"
    project.write({"test_api.py": "@api\ndef test_a(): assert 0\n", "test_shop.py": SHOP})
    project.write({"conftest.py": conftest})
    ran = project.run_alone(*PRODUCTION)
    assert (ran.status, ran.final) == (8, "FAILED")
    assert "exit status 8" in ran.record["run"]["incidents"][0]["reason"]


@pytest.mark.parametrize("args", [("--stage=api",), ("test_shop.py",)])
def test_a_shard_says_nowhere_that_the_gate_is_open(
    project: Project, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    """Terminal, record and page of a shard call the gate closed until the shards are merged."""
    project.write(PASSING)
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "r8")
    ran = project.run(*PRODUCTION, *args)
    assert (ran.status, ran.record["run"]["shard"], ran.record["decision"]["open"]) == (
        0,
        True,
        False,
    )
    assert "gate open" not in ran.out
    assert "The gate is open" not in (ran.page or "")


@pytest.mark.parametrize("mark", ["", "@pytest.mark.xfail\n"], ids=["failure", "xfail"])
@MODES
def test_a_failed_criterion_explains_its_exit_status(
    project: Project, mode: tuple[str, ...], mark: str
) -> None:
    """A FAILED criterion explains the status 1, so a waiver of it can still open the gate.

    Of an xfail, pytest reports no failure; the plugin sets the status.
    """
    project.write({"test_api.py": f"@api\n{mark}def test_a(): assert 0\n", "test_shop.py": SHOP})
    ran = project.run_alone(*mode, *PRODUCTION)
    assert (ran.status, ran.record["run"]["incidents"]) == (1, [])


NEST = """
[tool.prodstatus]
[[tool.prodstatus.stages]]
id = "api"
criteria = ["a", "never-written"]
"""


def run_in(project: Project, folder: str, *args: str) -> Done:
    """Run pytest in a folder of the project, without its neighbours."""
    lean = [f"-pno:{name}" for name in project.lean]
    return run_pytest([*lean, *args], folder=project.root / folder, timeout=TIMEOUT_S)


@in_modes("above", ["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", ".pytest.ini"])
def test_a_configuration_of_pytest_above_hides_no_project(
    project: Project, mode: tuple[str, ...], above: str
) -> None:
    """The catalogue is read from the nearest [tool.prodstatus], not from pytest's root."""
    section = {"setup.cfg": "[tool:pytest]\n", "pyproject.toml": "[tool.pytest.ini_options]\n"}
    project.write({"pyproject.toml": "", above: section.get(above, "[pytest]\n")})
    project.write({"packages/api/pyproject.toml": NEST, "packages/api/tests/test_api.py": API})
    done = run_in(project, "packages/api", *mode, *PRODUCTION)
    assert done.returncode == 10, done.stdout + done.stderr
    assert "no test provides it" in done.stdout
    assert (project.root / "packages/api/reports/status.json").exists()
    assert not (project.root / "reports").exists()


@MODES
def test_a_project_in_a_folder_with_brackets(project: Project, mode: tuple[str, ...]) -> None:
    """`paths` are collected there too, although pytest takes a bracket for a parameter."""
    config = CONFIG.replace("document", 'paths = ["suite"]\ndocument')
    tests = {"test_api.py": API, "test_shop.py": SHOP}
    project.write({"shop [1]/pyproject.toml": config, "shop [1]/suite/deep/README": ""})
    project.write({f"shop [1]/suite/{name}": text for name, text in tests.items()})
    for folder in (".", "suite/deep"):
        done = run_in(project, f"shop [1]/{folder}", *mode, *PRODUCTION)
        assert done.returncode == 0, done.stdout + done.stderr


@MODES
def test_a_folder_below_with_a_configuration_of_pytest_is_of_the_project(
    project: Project, mode: tuple[str, ...]
) -> None:
    """[tool.prodstatus] above and acceptance/pytest.ini below are one project."""
    project.write({"pyproject.toml": NEST, "acceptance/pytest.ini": "[pytest]\n"})
    project.write({"acceptance/test_api.py": API})
    for folder, args in (("acceptance", ()), (".", ("acceptance",))):
        done = run_in(project, folder, *mode, *PRODUCTION, *args)
        assert done.returncode in (0, 10), done.stdout + done.stderr
        assert "api.never-written" in done.stdout
        assert (project.root / "reports/status.json").exists()


@in_modes(
    "args",
    [
        ("p",),
        ("p/tests/test_api.py",),
        ("p/tests/test_api.py::test_a",),
        ("--rootdir", "p", "p"),
        ("-c", "conf/ci.ini", "p"),
        ("--prodstatus-root=p", "p"),
        ("--prodstatus-root", "p", "--prodstatus-dir", "p/reports", "p"),
    ],
)
def test_a_project_below_is_the_one_that_holds_all_paths(
    project: Project, mode: tuple[str, ...], args: tuple[str, ...]
) -> None:
    """In a run from above, the path arguments decide which project it is about."""
    nested = NEST.replace(', "never-written"', "")
    project.write({"pyproject.toml": "", "conf/ci.ini": "[pytest]\n"})
    project.write({"p/pyproject.toml": nested, "p/tests/test_api.py": API})
    done = run_in(project, ".", *mode, *PRODUCTION, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.root / "p/reports/status.json").exists()
    assert not (project.root / "reports").exists()


@pytest.mark.parametrize("args", [(), PRODUCTION], ids=["plain", "production"])
@in_modes(
    "place",
    [(".", "", ("no project", "a")), ("a", "../b", ("a", "b")), ("a", "b2", ("a", "a/b2"))],
)
def test_criteria_of_another_project_are_a_usage_error(
    project: Project,
    mode: tuple[str, ...],
    args: tuple[str, ...],
    place: tuple[str, str, tuple[str, str]],
) -> None:
    """Criteria that the chosen project doesn't know are refused; the sentence names both."""
    folder, path, names = place
    nested = NEST.replace(', "never-written"', "")
    project.write({"pyproject.toml": ""})
    for name in ("a", "b", "a/b2"):
        project.write({f"{name}/pyproject.toml": nested, f"{name}/tests/test_{name[-1]}.py": API})
    done = run_in(project, folder, *mode, *args, *([path] if path else []))
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "--prodstatus-root=" in done.stderr
    for name in names:
        assert (name if " " in name else str(project.root / name)) in done.stderr


def test_unit_tests_of_a_project_can_be_run_from_above(project: Project) -> None:
    """Tests that aren't criteria need no project, and nothing is written."""
    project.write({"pyproject.toml": "", "p/pyproject.toml": NEST})
    project.write({"p/unit/test_unit.py": "def test_plain(): pass\n"})
    for args in (("p/unit",), ("p/unit/test_unit.py::test_plain",), ("--rootdir", "p", "p/unit")):
        done = run_in(project, ".", *args)
        assert done.returncode == 0, done.stdout + done.stderr
    assert not list(project.root.rglob("status.json"))


def test_a_second_run_is_refused_while_the_first_imports_its_conftest(project: Project) -> None:
    """From its first instant a production run has the folder for itself."""
    conftest = """
    import time
    from pathlib import Path
    if not Path("second").exists():
        Path("running").touch()
        while not Path("second").exists():
            time.sleep(0.01)
        time.sleep(1)
    """
    project.write({**PASSING, "conftest.py": conftest})
    command = [sys.executable, "-m", "pytest", *(f"-pno:{name}" for name in project.lean)]
    first = subprocess.Popen(
        [*command, *PRODUCTION], cwd=project.root, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for((project.root / "running").exists)
        second = run_in(project, ".", *PRODUCTION)
        (project.root / "second").touch()
        out, _ = first.communicate(timeout=TIMEOUT_S)
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 4
    assert "is writing this folder" in second.stderr
    assert first.returncode == 0, out


USAGE = """
import pytest
class Usage(pytest.UsageError):
    def __str__(self): return self.no_such_name
"""


@pytest.mark.parametrize(
    ("args", "files", "text"),
    [
        (
            ("--no-such-option=t0ps3cret",),
            {},
            "unrecognized arguments: --no-such-option=********",
        ),
        (("no_such_file.py",), {}, "file or directory not found: no_such_file.py"),
        ((), {"conftest.py": "raise ImportError('no module x')"}, "ImportError: no module x"),
        ((), {"conftest.py": f"{USAGE}def pytest_configure(): raise Usage"}, ": Usage"),
        ((), {"conftest.py": f"{USAGE}def pytest_collection(): raise Usage"}, ": Usage"),
        (
            (),
            {"conftest.py": "import pytest\ndef pytest_collection(): raise pytest.UsageError(' ')"},
            ": UsageError",
        ),
    ],
)
def test_an_error_before_the_first_test_is_named(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    files: dict[str, str],
    text: str,
) -> None:
    """Record, document and page say what pytest said on its way out, without secrets."""
    project.write({"pyproject.toml": CONFIG, **PASSING})
    assert project.run(*PRODUCTION).final == "CONFIRMED"
    project.write(files)
    monkeypatch.setenv("API_TOKEN", "t0ps3cret")
    ran = project.run_alone(*PRODUCTION, *args)
    assert ran.status == 4
    assert text in ran.record["final"]["reason"]
    shown = text.replace("*", "\\*")  # as Markdown
    assert shown in (ran.document or "")
    assert text in (ran.page or "").replace("&#39;", "'")
    assert "in progress" not in f"{ran.document}{ran.page}"
    for name, content in contents(project.folder).items():
        assert b"t0ps3cret" not in content, name


@MODES
def test_a_mark_that_no_criterion_has_is_named(project: Project, mode: tuple[str, ...]) -> None:
    """Nothing is judged by `-m` with another mark: the run says once what selects criteria."""
    project.write({"pyproject.toml": CONFIG, **PASSING})
    ran = project.run(*mode, "-m", "service")
    assert ran.status == 5
    line = (
        "no criterion has the marks of -m 'service': all have the mark production; --stage selects"
    )
    assert ran.out.count(f"{line} those of a stage: api, shop") == 1
    assert "no criterion has" not in project.run(*mode, "-m", "not nothing").out
