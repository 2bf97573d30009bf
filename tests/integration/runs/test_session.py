"""A run that isn't a production run does almost no work until a first criterion is seen."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.integration.project import SERIAL, SHOP, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
UNDECLARED = {"pyproject.toml": "[project]\nname = 'none'\n"}
PLAIN = "def test_plain():\n    pass\n"
MODULES = """
import sys, pytest

@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    ours = [name for name in sys.modules if name.split(".")[0] == "pytest_prodstatus"]
    terminalreporter.write_line("imported: " + " ".join(sorted(ours)))
"""
LIGHT = {
    "clock", "disk", "fixtures", "left_out", "options", "plugin", "readers", "session", "spool",
}  # fmt: skip


def imported(out: str) -> set[str]:
    """Return the package's modules that a run imported."""
    (line,) = [line for line in out.splitlines() if line.startswith("imported: ")]
    names = {name.removeprefix("pytest_prodstatus") for name in line.split()[1:]}
    return {name.removeprefix(".") for name in names} - {""}


def test_a_run_without_criteria_imports_few_small_modules(project: Project) -> None:
    """A run without criteria imports nine small modules, and neither model nor writers."""
    project.write({**UNDECLARED, "conftest.py": MODULES})
    (project.root / "test_a.py").write_text(PLAIN, encoding="utf-8")
    ran = project.run_alone(fresh=True)
    assert (ran.status, ran.files) == (0, frozenset())
    assert imported(ran.out) == LIGHT


def test_a_run_with_one_criterion_imports_few_modules(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run imports what it uses: fifty-six modules at most, also if it saves to a store.

    A later run compares itself with the one before, too. A document that nobody edited is written
    again without the reader of Markdown.
    """
    monkeypatch.delenv("PRODSTATUS_HISTORY")
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{project.root}/state.sqlite3")
    project.write({**UNDECLARED, "conftest.py": MODULES, "test_a.py": "@api\n" + PLAIN})
    for later in (set(), {"model.diff"}):
        ran = project.run_alone(fresh=True)
        assert ran.final == "CONFIRMED"
        modules = imported(ran.out)
        assert later < modules
        assert "store.history" in modules
        assert "readers.markdown" not in modules
        assert len(modules - later) <= 56, sorted(modules)
    document = project.root / "reports/PRODUCTION_STATUS.md"
    document.write_text(f"{document.read_text()}\nSeen by Ada.\n")
    assert "readers.markdown" in imported(project.run_alone(fresh=True).out)


def test_a_worker_imports_nothing_that_judges(project: Project) -> None:
    """A worker imports nothing that judges or writes: its controller does both."""
    conftest = """
    import os, sys
    from pathlib import Path

    def pytest_sessionfinish(session):
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        if worker:
            Path(worker).write_text("\\n".join(sys.modules))
    """
    project.write({**UNDECLARED, "conftest.py": conftest, "test_a.py": "@api\n" + PLAIN})
    ran = project.run("-n1", fresh=True)
    assert ran.verdicts == {"api.plain": "CONFIRMED"}
    imported_here = [
        name.removeprefix("pytest_prodstatus.")
        for name in (project.root / "gw0").read_text().splitlines()
        if name.startswith("pytest_prodstatus.")
    ]
    assert "collector" in imported_here
    heavy = ("recorder", "attempts", "outputs", "publish", "terminal", "integrations", "store",
             "writers.html.page", "writers.document", "readers.markdown", "model.codec",
             "model.record", "model.assemble")  # fmt: skip
    assert not set(imported_here) & set(heavy)


def test_the_plugin_imports_no_library() -> None:
    """SQLAlchemy, requests, psycopg, a template engine and click aren't imported at plugin load."""
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport pytest_prodstatus.plugin\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"pytest_prodstatus"}


@MODES
def test_a_first_criterion_wakes_all_of_it(project: Project, mode: tuple[str, ...]) -> None:
    """A first criterion makes a run judge, even without a declared stage or an option of ours."""
    other = "@api\ndef test_b(evidence):\n    evidence(n=1)\n    assert False, 'no'\n"
    project.write(
        {**UNDECLARED, "test_a.py": PLAIN, "test_b.py": other, "test_c.py": "@shop\n" + PLAIN}
    )
    ran = project.run(*mode)
    assert (ran.status, ran.final) == (1, "FAILED")
    assert ran.verdicts == {"api.b": "FAILED observed", "shop.plain": "CONFIRMED"}
    assert ran.criteria["api.b"]["evidence"][0]["value"] == 1


@MODES
def test_a_mark_from_a_hook_is_seen(project: Project, mode: tuple[str, ...]) -> None:
    """A conftest marks a test once everything was collected; it is a criterion like any other."""
    marks = """
    import pytest

    def pytest_collection_modifyitems(items):
        for item in items:
            item.add_marker(pytest.mark.stage("api"))
    """
    project.write({**UNDECLARED, "conftest.py": marks, "test_a.py": PLAIN})
    ran = project.run(*mode)
    assert (ran.status, ran.verdicts) == (0, {"api.plain": "CONFIRMED"})


@MODES
def test_a_mark_of_a_folder_or_a_class_is_seen(project: Project, mode: tuple[str, ...]) -> None:
    """Marks count on everything that a test is collected from, as in pytest."""
    test = "@api\nclass TestIt:\n    def test_a(self): pass\n"
    project.write({**UNDECLARED, "test_a.py": test})
    ran = project.run(*mode)
    assert (ran.status, ran.verdicts) == (0, {"api.a": "CONFIRMED"})


@MODES
def test_a_file_that_did_not_collect_before_is_heard_of(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A file that failed to collect before the first criterion caps FINAL all the same."""
    project.write({**UNDECLARED, "test_a.py": "import nowhere\n", "test_b.py": "@api\n" + PLAIN})
    ran = project.run(*mode, "--continue-on-collection-errors")
    assert ran.status != 0
    assert ran.final == "BLOCKED"
    assert "nowhere" in ran.record["final"]["reason"]


@MODES
def test_a_file_that_blocks_itself_keeps_its_reason(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A `blocked()` at the top of a file counts, also if no criterion was seen before."""
    top = "blocked('no key', kind='missing-config', remedy='set KEY')\n" + PLAIN
    project.write({**UNDECLARED, "test_a.py": top, "test_b.py": "@api\n" + PLAIN})
    ran = project.run(*mode)
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert ran.record["run"]["incidents"][0]["kind"] == "missing-config"


def test_a_run_without_production_can_be_requested(project: Project) -> None:
    """`-m "not production"` leaves criteria out, although nothing else names the plugin."""
    project.write({**UNDECLARED, "test_a.py": PLAIN, "test_b.py": "@api\n" + PLAIN})
    ran = project.run("-m", "not production")
    assert ran.status == 0
    assert "1 passed, 1 deselected" in ran.out


@MODES
def test_fixtures_work_without_criteria(project: Project, mode: tuple[str, ...]) -> None:
    """A test that isn't a criterion may use them; nothing is judged or written."""
    test = """
    def test_a(evidence, prodstatus_target, prodstatus_run_id, prodstatus_secret):
        evidence(n=1)
        prodstatus_secret("planted-secret")
        assert prodstatus_target == "production"
        assert prodstatus_run_id
        print("planted-secret")
    """
    project.write({**UNDECLARED, "test_a.py": test})
    ran = project.run(*mode)
    assert (ran.status, ran.files) == (0, frozenset())


@MODES
def test_junit_properties_come_with_the_first_criterion(
    project: Project, mode: tuple[str, ...]
) -> None:
    """`--junitxml` is completed if there are criteria, and left alone if there are none."""
    project.write({**UNDECLARED, "test_a.py": PLAIN})
    ran = project.run(*mode, "--junitxml=junit.xml")
    text = (project.root / "junit.xml").read_text(encoding="utf-8")
    assert (ran.status, "prodstatus" in text) == (0, False)
    project.write({"test_b.py": "@api\n" + PLAIN})
    ran = project.run(*mode, "--junitxml=junit.xml")
    text = (project.root / "junit.xml").read_text(encoding="utf-8")
    assert (ran.status, 'value="CONFIRMED"' in text) == (0, True)


@pytest.mark.parametrize("workers", [(), ("-n1", "--max-worker-restart=0"), XDIST], ids=" ".join)
def test_a_killed_run_leaves_no_green_junit_file(
    project: Project, workers: tuple[str, ...]
) -> None:
    """A killed run leaves none, also if nothing showed in advance that it has criteria."""
    project.write({**UNDECLARED, "test_a.py": "@api\n" + PLAIN})
    assert project.run(*workers, "--junitxml=junit.xml").status == 0
    waits = "@api\ndef test_a():\n    Path('running').touch()\n    time.sleep(60)\n"
    project.write({"test_a.py": waits})
    project.run_signalled(signal.SIGKILL, *workers, "--junitxml=junit.xml")
    text = (project.root / "junit.xml").read_text(encoding="utf-8")
    assert "the run is in progress" in text


@pytest.mark.parametrize("breaks", ["builtins.open", "os.open"])
def test_a_test_that_breaks_python_ends_in_one_sentence(project: Project, breaks: str) -> None:
    """What a test takes from Python confirms nothing, and is no traceback of the plugin's."""
    tests = f"import builtins\n@api\ndef test_a(): {breaks} = None\n"
    project.write({"test_api.py": tests, "test_shop.py": SHOP})
    ran = project.run_alone(fresh=True)
    assert (ran.status, ran.final) == (11, "BLOCKED")
    assert "prodstatus: the run can't be judged, so nothing is confirmed: " in ran.err
    assert "Traceback" not in ran.out + ran.err
