"""Exports, JUnit properties and a step on GitHub show a run's verdicts in other tools."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from junitparser import JUnitXml, Properties, TestCase, TestSuite

from tests.integration.project import CONFIG, LEAN, SERIAL, SHOP, XDIST, Project
from tests.unit.documentation.pages import blocks_of

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
EXPORTS = 'exports = ["ctrf", "github", "junit"]\n'
EXPORTING = CONFIG.replace('document = "STATUS.md"\n', f'document = "STATUS.md"\n{EXPORTS}')
API = "@api\ndef test_a(): pass\n"
THREE = {
    "test_api.py": """
        @api
        def test_holds(evidence):
            evidence(text="<a> \\x1b & \\ufffe")

        @api
        def test_fails():
            assert False, "50% of it: a, b"

        @pytest.fixture
        def broken(): raise RuntimeError("no set-up")

        @api
        class TestDeep:
            @pytest.mark.parametrize("way", ["a::b", "c/d.py"])
            def test_set_up(self, broken, way): pass

        def test_of_a_unit(): pass
        """,
    "test_shop.py": SHOP,
}


def cases_of(path: Path) -> tuple[TestSuite, dict[str, list[TestCase]]]:
    """Return a JUnit file's suite, and its cases by name."""
    (suite,) = JUnitXml.fromfile(str(path))
    assert isinstance(suite, TestSuite)
    cases: dict[str, list[TestCase]] = {}
    for case in suite:
        cases.setdefault(str(case.name), []).append(case)
    assert suite.tests == sum(map(len, cases.values()))
    return suite, cases


def properties(element: TestCase | TestSuite) -> dict[str, str]:
    """Return the plugin's properties of a case or suite, without their prefix."""
    groups = element.iterchildren(Properties)  # type: ignore[no-untyped-call]
    found = {p.name: p.value for group in groups for p in group}
    return {name.removeprefix("prodstatus."): value for name, value in found.items()}


@MODES
def test_configured_exports_are_written(project: Project, mode: tuple[str, ...]) -> None:
    """Each configured export is written beside the record, and agrees with it."""
    project.write({**THREE, "pyproject.toml": EXPORTING})
    ran = project.run(*mode)
    assert ran.files == {
        "STATUS.md", "status.html", "status.json", "ctrf.json", "summary.md", "junit.xml",
    }  # fmt: skip
    report = json.loads((project.folder / "ctrf.json").read_text(encoding="utf-8"))
    tests = {test["testId"]: test["rawStatus"] for test in report["results"]["tests"]}
    assert tests == {name: criterion["verdict"] for name, criterion in ran.criteria.items()}
    assert "wrote reports/ctrf.json" in ran.out
    summary = (project.folder / "summary.md").read_text(encoding="utf-8")
    assert "FINAL FAILED" in summary
    suite, cases = cases_of(project.folder / "junit.xml")
    assert properties(suite)["final"] == "FAILED"
    assert properties(cases["test_holds"][0])["verdict"] == "CONFIRMED"


@MODES
def test_a_killed_run_leaves_no_green_export(project: Project, mode: tuple[str, ...]) -> None:
    """While a run goes on, its exports and its JUnit file confirm nothing."""
    waits = """
        @api
        def test_a():
            if Path("wait").exists():
                Path("running").touch()
                time.sleep(60)
        """
    project.write({"pyproject.toml": EXPORTING, "test_api.py": waits, "test_shop.py": SHOP})
    assert project.run(*mode, "--junitxml=j.xml").status == 0
    assert json.loads((project.folder / "ctrf.json").read_text())["results"]["summary"]["passed"]
    project.write({"wait": ""})
    assert project.run_signalled(signal.SIGKILL, *mode, "--junitxml=j.xml").status < 0
    summary = json.loads((project.folder / "ctrf.json").read_text())["results"]["summary"]
    assert (summary["passed"], summary["other"]) == (0, 3)
    assert "in progress" in (project.folder / "summary.md").read_text(encoding="utf-8")
    for path in (project.folder / "junit.xml", project.root / "j.xml"):
        suite, _ = cases_of(path)
        assert suite.errors == suite.tests == 3


def test_an_unknown_export_is_a_usage_error(project: Project) -> None:
    """An unknown format is refused before anything runs; the message lists the known ones."""
    project.write({"pyproject.toml": EXPORTING.replace("junit", "nunit"), "test_shop.py": SHOP})
    ran = project.run()
    assert ran.status == 4
    assert "exports: 'nunit' is not a form; the forms are azure, cloudevents, ctrf, " in ran.err
    assert not ran.files


def test_an_export_and_the_document_need_two_files(project: Project) -> None:
    """An export and the document can't have the same file."""
    config = EXPORTING.replace("STATUS.md", "summary.md")
    project.write({"pyproject.toml": config, "test_shop.py": SHOP})
    ran = project.run()
    assert ran.status == 4
    assert "'summary.md' is the file of the export 'github' and of the document" in ran.err


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the package that docs/exports.md shows."""
    source = tmp_path_factory.mktemp("tap")
    blocks = blocks_of("docs/exports.md")
    (metadata,) = [block.text for block in blocks if "entry-points" in block.text]
    (module,) = [block.text for block in blocks if block.language == "python"]
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    (source / "pyproject.toml").write_text(metadata + build, encoding="utf-8")
    (source / "prodstatus_tap.py").write_text(module, encoding="utf-8")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(source)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = source.glob("*.whl")
    return built


@pytest.fixture
def tap(project: Project, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module of an installed package with a form, to which the project exports."""
    site = project.root / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    config = EXPORTING.replace('"junit"', '"junit", "tap"')
    project.write({"pyproject.toml": config, "test_api.py": API, "test_shop.py": SHOP})
    return site / "prodstatus_tap.py"


def command(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    """Run `prodstatus` in the project."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_prodstatus", *args],
        cwd=project.root, text=True, capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.usefixtures("tap")
def test_another_package_s_form_is_written(project: Project) -> None:
    """The package of the documentation is written by a run, exported, and named by the help."""
    ran = project.run_alone()
    assert ran.status == 0, ran.out
    text = (project.folder / "tap.txt").read_text(encoding="utf-8")
    assert text.startswith("TAP version 14\n1..2\nok 1 - api.a CONFIRMED\n")
    assert "# CONFIRMED until " in text
    assert "wrote reports/tap.txt" in ran.out
    assert command(project, "export", "tap").stdout == text
    assert "the Test Anything Protocol" in command(project, "export", "--help").stdout


@pytest.mark.parametrize(
    ("harm", "why", "left"),
    [
        (("def write", "raise SystemExit(3)\ndef write"), "SystemExit: 3", True),
        (("lines = [", "lines = [1 / 0, "), "ZeroDivisionError: division by zero", False),
    ],
    ids=["import", "raises"],
)
def test_a_broken_form_is_one_sentence(
    project: Project, tap: Path, harm: tuple[str, str], why: str, left: bool
) -> None:
    """A broken form of another package changes no verdict, and is named once."""
    tap.write_text(tap.read_text(encoding="utf-8").replace(*harm), encoding="utf-8")
    project.folder.mkdir()
    (project.folder / "tap.txt").write_text("ok 1 - yesterday's", encoding="utf-8")
    ran = project.run_alone()
    assert (ran.status, ran.final) == (0, "CONFIRMED"), ran.out
    assert ran.out.count("the export 'tap' is broken") == 1
    assert f"the export 'tap' is broken: {why}; it isn't written" in ran.out
    assert "wrote reports/tap.txt" not in ran.out
    assert "wrote reports/ctrf.json" in ran.out
    # The name of its file stands in the module that can't be imported.
    assert (project.folder / "tap.txt").exists() is left
    done = command(project, "export", "tap")
    assert done.returncode == 2
    assert f"Error: the export 'tap' is broken: {why}" in done.stderr


def test_a_plain_run_looks_for_no_form(project: Project) -> None:
    """Without exports a run imports no form, and reads no package's metadata for one."""
    project.write({
        "test_api.py": API,
        "test_shop.py": SHOP,
        "conftest.py": """
            import sys

            def pytest_unconfigure():
                loaded = [name for name in sys.modules if name.startswith("pytest_prodstatus.wr")]
                open("loaded", "w").write(" ".join(loaded))
            """,
    })  # fmt: skip
    assert project.run_alone().status == 0
    loaded = (project.root / "loaded").read_text(encoding="utf-8").split()
    assert "pytest_prodstatus.writers.document" in loaded
    assert "pytest_prodstatus.writers.exports" not in loaded


def test_an_export_that_cannot_be_written_closes_the_gate(project: Project) -> None:
    """An export that can't be replaced may be yesterday's, so the gate is closed."""
    project.write({"pyproject.toml": EXPORTING, "test_shop.py": SHOP, "test_api.py": API})
    (project.folder / "ctrf.json").mkdir(parents=True)
    ran = project.run()
    assert ran.status == 10
    assert "ctrf.json can't be written" in ran.record["final"]["reason"]


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
@MODES
def test_junit_carries_the_verdicts(project: Project, mode: tuple[str, ...], family: str) -> None:
    """Every test case of a criterion has its stage, verdict, reason and evidence."""
    config = CONFIG.replace(
        'id = "shop"\n', 'id = "shop"\nrequires = ["api"]\ncriteria = ["gone"]\n'
    )
    project.write({**THREE, "pyproject.toml": config})
    ran = project.run(
        "--junitxml=out/j.xml", "--junitprefix=ours", f"-ojunit_family={family}", *mode
    )
    assert ran.status == 1
    suite, cases = cases_of(project.root / "out" / "j.xml")
    assert properties(suite)["final"] == "FAILED"
    assert properties(suite)["open"] == "false"
    assert properties(suite)["stage.shop"] == "BLOCKED"
    (holds,) = cases["test_holds"]
    assert holds.classname == "ours.test_api"
    assert properties(holds) == {
        "stage": "api",
        "criterion": "api.holds",
        "verdict": "CONFIRMED",
        "evidence.text": "<a> \\x1b & \\ufffe",
    }
    (fails,) = cases["test_fails"]
    assert properties(fails)["verdict"] == "FAILED"
    assert properties(fails)["reason"] == "50% of it: a, b"
    for param in ("a::b", "c/d.py"):
        (broken,) = cases[f"test_set_up[{param}]"]
        assert properties(broken)["kind"] == "setup-error"
        assert broken.is_error
    (blocked,) = cases["test_open"]
    assert properties(blocked)["verdict"] == "BLOCKED"
    assert properties(blocked)["kind"] == "upstream"
    assert blocked.is_error
    assert properties(cases["test_of_a_unit"][0]) == {}
    (gone,) = cases["shop.gone"]
    assert gone.is_error
    assert properties(gone)["reason"] == "no test provides it"
    assert (suite.failures, suite.errors, suite.skipped) == (1, 4, 0)


BLOCKED = """
@api
@pytest.mark.skip(reason="later")
def test_skipped(): pass
@api
@pytest.mark.xfail
def test_xpass(): pass
@api
@pytest.mark.xfail
def test_xfail(): assert 0
@api
def test_evidence(evidence): evidence(total={1})
@api
def test_returns(): return 1 == 2
@pytest.fixture
def torn():
    yield
    assert 0
@api
def test_torn(torn): assert 0
def test_of_a_unit(): pytest.skip("another's")
"""


@MODES
def test_junit_has_the_verdict_where_pytest_has_another_outcome(
    project: Project, mode: tuple[str, ...]
) -> None:
    """Nothing BLOCKED passes or is skipped, and nothing that FAILED is only an error."""
    project.write({"test_api.py": BLOCKED, "test_shop.py": SHOP})
    ran = project.run("--junitxml=j.xml", *mode)
    suite, cases = cases_of(project.root / "j.xml")
    shown = {
        f"api.{name.removeprefix('test_')}": "FAILED" if case.is_failure else "BLOCKED"
        for name, group in cases.items()
        for case in group
        if case.is_failure or case.is_error
    }
    verdicts = {name: c["verdict"] for name, c in ran.criteria.items()}
    assert shown == {name: word for name, word in verdicts.items() if word != "CONFIRMED"}
    assert [name for name, group in cases.items() if group[0].is_skipped] == ["test_of_a_unit"]
    assert (suite.failures, suite.errors, suite.skipped) == (
        len(cases["test_torn"]) + 1, 4, 1,
    )  # fmt: skip


@MODES
def test_junit_lays_a_shared_tear_down_on_its_users(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A criterion that came last and didn't use the fixture passes; the tear-down stands once."""
    shared = """
        @pytest.fixture(scope="session")
        def store():
            yield
            assert 0, "down"
        @pytest.fixture(scope="session")
        def crate():
            yield
            assert 0, "full"
        @api
        class TestIt:
            def test_a(self, store): pass
            def test_b(self): pass
        """
    project.write({"test_api.py": shared, "test_shop.py": SHOP})
    ran = project.run("--junitxml=j.xml", *mode, *(["--dist=loadscope"] if mode else []))
    verdicts = {"api.a": "FAILED observed", "api.b": "CONFIRMED", "shop.open": "CONFIRMED"}
    assert ran.verdicts == verdicts
    suite, cases = cases_of(project.root / "j.xml")
    assert (cases["test_a"][0].is_failure, cases["test_b"][0].is_passed) == (True, True)
    assert (suite.tests, suite.failures, suite.errors) == (3, 1, 0)
    project.write({"test_unit.py": shared.split("@api")[0] + "def test_n(crate): pass\n"})
    project.write({"test_api.py": "@api\ndef test_a(): pass\n"})
    project.run("--junitxml=j.xml", "test_unit.py", "test_api.py", "test_shop.py")
    suite, cases = cases_of(project.root / "j.xml")
    assert all(cases[name][0].is_passed for name in ("test_a", "test_n", "test_open"))
    (apart,) = cases["tear-down after test_open"]
    assert apart.is_error
    assert "full" in apart.result[0].text


def test_junit_of_reruns(project: Project) -> None:
    """Every case of a criterion that passed in its second attempt is CONFIRMED."""
    flaky = """
        @api
        def test_a():
            first = not Path("ran").exists()
            Path("ran").touch()
            assert not first
        """
    project.write({"test_api.py": flaky, "test_shop.py": SHOP})
    lean = [name for name in LEAN if name != "rerunfailures"]
    ran = project.run("--reruns=1", "--junitxml=j.xml", lean=lean)
    assert ran.criteria["api.a"]["flaky"]
    (suite,) = JUnitXml.fromfile(str(project.root / "j.xml"))
    verdicts = [properties(case)["verdict"] for case in suite if case.name == "test_a"]
    assert verdicts
    assert set(verdicts) == {"CONFIRMED"}


def test_junit_of_a_dead_worker(project: Project) -> None:
    """The crashed criterion, those not reached and the worker itself are all in the file."""
    project.write({
        "test_api.py": "@api\ndef test_dies(): os._exit(3)\n",
        "test_shop.py": SHOP,
    })  # fmt: skip
    project.run("-n1", "--max-worker-restart=0", "--junitxml=j.xml")
    _, cases = cases_of(project.root / "j.xml")
    assert properties(cases["test_dies"][0])["kind"] == "crash"
    assert properties(cases["test_open"][0])["kind"] == "not-run"
    assert properties(cases["run"][0])["kind"] == "crash"


def test_junit_of_a_file_that_does_not_collect(project: Project) -> None:
    """Pytest's case of the file stays, and the declared criterion is BLOCKED."""
    config = CONFIG.replace('id = "api"\n', 'id = "api"\ncriteria = ["a"]\n')
    project.write({"pyproject.toml": config, "test_api.py": "import nothing", "test_shop.py": SHOP})
    project.run("--junitxml=j.xml")
    suite, cases = cases_of(project.root / "j.xml")
    assert suite.errors == sum(case.is_error for group in cases.values() for case in group)
    assert properties(cases["api.a"][0])["kind"] == "collection-error"
    assert cases["api.a"][0].is_error


def test_junit_can_be_left_alone(project: Project) -> None:
    """With `-p no:prodstatus-junit`, or without criteria, the file is as pytest wrote it."""
    project.write(THREE)
    project.run("--junitxml=j.xml", "-pno:prodstatus-junit")
    assert "prodstatus" not in (project.root / "j.xml").read_text(encoding="utf-8")
    project.run("--junitxml=j.xml", "-knot api and not shop")
    assert "prodstatus" not in (project.root / "j.xml").read_text(encoding="utf-8")


def test_a_junit_file_of_another_form_is_left_and_reported(project: Project) -> None:
    """A file that pytest didn't write is left as it is, and a line reports it."""
    project.write({
        **THREE,
        "conftest.py": """
            import pytest

            @pytest.hookimpl(trylast=True)
            def pytest_sessionfinish():
                open("j.xml", "w").write("<html/>")
            """,
    })  # fmt: skip
    ran = project.run("--junitxml=j.xml")
    assert (project.root / "j.xml").read_text(encoding="utf-8") == "<html/>"
    assert "j.xml has no verdicts: it has 0 test suites" in ran.out


class Step:
    """A step on GitHub Actions: its files, and the environment that names them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.summary, self.output = root / "summary", root / "output"
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_WORKSPACE": str(root.parent),
        }.items():
            monkeypatch.setenv(name, value)

    @property
    def values(self) -> dict[str, str]:
        """The step's outputs."""
        lines = self.output.read_text(encoding="utf-8").splitlines()
        return {
            line.partition("<<")[0]: lines[n + 1] for n, line in enumerate(lines) if "<<" in line
        }


@pytest.fixture
def step(project: Project, monkeypatch: pytest.MonkeyPatch) -> Step:
    """A step whose repository is the folder around the project."""
    return Step(project.root, monkeypatch)


@MODES
def test_a_step_on_github_is_reported(project: Project, step: Step, mode: tuple[str, ...]) -> None:
    """Summary, outputs and annotations come after pytest's own output and before FINAL."""
    project.write(THREE)
    step.summary.write_text("Before.\n", encoding="utf-8")
    ran = project.run(*mode)
    lines = ran.out.splitlines()
    commands = [line for line in lines if line.startswith("::")]
    place = f"file={project.root.name}/test_api.py,line="
    assert commands[0].startswith(f"::error {place}")
    assert commands[0].endswith(",title=api.fails FAILED::50%25 of it: a, b")
    assert len([line for line in commands if "set-up failed" in line]) == 2
    assert ran.last_line.startswith("FINAL FAILED")
    assert lines.index(commands[-1]) < lines.index(ran.last_line)
    text = step.summary.read_text(encoding="utf-8")
    assert text.startswith("Before.\n## Production status\n")
    assert "**api.fails** FAILED" in text
    assert step.values == {
        "verdict": "FAILED",
        "open": "false",
        "reason": "API STATUS: 50% of it: a, b",
    }


def test_a_step_is_reported_without_a_terminal(project: Project, step: Step) -> None:
    """With `-p no:terminal` the annotations still reach the runner."""
    project.write(THREE)
    ran = project.run_alone("-pno:terminal")
    assert ran.status == 1
    assert "::error file=" in ran.out


def test_what_did_not_run_is_annotated(project: Project, step: Step) -> None:
    """A crash, a criterion behind it and one without a test are annotated too."""
    config = CONFIG.replace('id = "shop"\n', 'id = "shop"\ncriteria = ["gone"]\n')
    project.write({
        "pyproject.toml": config,
        "test_api.py": "@api\ndef test_dies(): os._exit(3)\n",
        "test_shop.py": SHOP,
    })  # fmt: skip
    out = project.run("-n1", "--max-worker-restart=0").out
    titles = [line for line in out.splitlines() if line.startswith("::")]
    assert "title=api.dies FAILED::the worker process died" in titles[0]
    for name in ("shop.open", "shop.gone", "run"):
        assert any(f"title={name} BLOCKED" in line for line in titles)


def test_github_can_be_switched_off(project: Project, step: Step) -> None:
    """`-p no:prodstatus-github` sends GitHub nothing."""
    project.write(THREE)
    assert "::error" not in project.run("-pno:prodstatus-github").out
    assert not step.summary.exists()
    assert not step.output.exists()


def test_a_run_without_criteria_tells_github_nothing(project: Project, step: Step) -> None:
    """Unit tests on GitHub get no summary and no annotation."""
    project.write({"test_unit.py": "def test_u(): assert False\n"})
    assert "::" not in project.run().out.replace("test_unit.py::test_u", "")
    assert not step.summary.exists()


def test_a_step_file_that_cannot_be_written_is_reported(project: Project, step: Step) -> None:
    """A file of GitHub's that can't be written closes no gate."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    step.summary.mkdir()
    ran = project.run()
    assert ran.status == 0
    assert "summary can't be written" in ran.out
    assert step.values["open"] == "true"


def test_a_summary_stays_below_what_github_takes(project: Project, step: Step) -> None:
    """What a step wrote before counts: both summaries together stay under 1 MiB."""
    project.write(THREE)
    step.summary.write_text("x" * 999_500, encoding="utf-8")
    project.run()
    assert 999_500 < step.summary.stat().st_size <= 1_000_000
    assert "more lines, which the page has" in step.summary.read_text(encoding="utf-8")
