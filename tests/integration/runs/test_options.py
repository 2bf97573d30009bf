"""Options give way to others, sources have an order, and an error is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, XDIST, Project, Ran

API = "@api\ndef test_a(): pass\n"
MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
PASSING = {"test_api.py": API, "test_shop.py": SHOP}


def usage_error(ran: Ran) -> str:
    """Return the one line that says why a run doesn't start, and assert that it wrote nothing."""
    assert ran.status == 4
    assert ran.files == frozenset()
    assert "Traceback" not in ran.out + ran.err
    assert "INTERNALERROR" not in ran.out + ran.err
    errors = [line for line in ran.err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1, ran.err
    assert [line for line in ran.err.splitlines() if line.strip()] == errors
    return errors[0]


@MODES
def test_short_options_give_way_to_a_conftest(project: Project, mode: tuple[str, ...]) -> None:
    """A conftest that owns `--stage` and `--target` keeps them; the long forms are ours."""
    conftest = """
    def pytest_addoption(parser):
        parser.addoption("--stage", default="theirs")
        parser.addoption("--target", default="theirs")
    """
    test = """
    @api
    def test_a(evidence, pytestconfig):
        evidence(stage=pytestconfig.getoption("--stage"))
    """
    project.write({"conftest.py": conftest, "test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*mode, "--stage=x", "--target=y", "--prodstatus-stage=api")
    assert ran.status == 0
    assert ran.values("api.a") == {"stage": {"type": "text", "value": "x"}}
    assert ran.record["run"]["target"] == "production"
    assert ran.criteria["shop.open"]["selected"] is False


@MODES
def test_short_options_give_way_to_a_plugin(project: Project, mode: tuple[str, ...]) -> None:
    """A plugin that owns `--target` keeps it, and `--stage` stays ours."""
    plugin = "def pytest_addoption(parser):\n    parser.addoption('--target', default='theirs')\n"
    project.write({**PASSING, "conftest.py": "", "theirs.py": plugin})
    ran = project.run_alone(*mode, "-p", "theirs", "--target=y", "--stage=api")
    assert ran.status == 0
    assert ran.record["run"]["target"] == "production"
    assert ran.criteria["shop.open"]["selected"] is False


def test_short_options_give_way_to_a_conftest_that_comes_late(project: Project) -> None:
    """A conftest in a folder that pytest finds while it collects may add the same options."""
    conftest = "def pytest_addoption(parser):\n    parser.addoption('--target', default='x')\n"
    project.write({"deep/down/conftest.py": conftest, "deep/down/test_api.py": API})
    project.write({"test_shop.py": SHOP})
    for mode in (SERIAL, XDIST):
        ran = project.run(*mode, "--stage=final")
        assert (ran.status, ran.final) == (0, "CONFIRMED")


@pytest.mark.parametrize("how", ["action='store_true'", "type=int", "choices=['a', 'b']"])
def test_short_options_give_way_to_one_of_another_kind(project: Project, how: str) -> None:
    """An option that refuses our values is still theirs."""
    conftest = f"def pytest_addoption(parser):\n    parser.addoption('--stage', {how})\n"
    project.write({"conftest.py": conftest, **PASSING})
    given = {"action='store_true'": "--stage", "type=int": "--stage=7"}.get(how, "--stage=a")
    ran = project.run(given)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.record["run"]["selection"] is None


@MODES
def test_short_options_work_where_nobody_owns_them(project: Project, mode: tuple[str, ...]) -> None:
    """`--stage` and `--target` are short for the long forms, in every process of the run."""
    test = "@api\ndef test_a(evidence, prodstatus_target): evidence(target=prodstatus_target)\n"
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    folder = project.folder / "staging"
    ran = project.run(*mode, "--stage=api", "--target=staging", folder=folder)
    assert ran.record["run"]["target"] == "staging"
    assert ran.values("api.a") == {"target": {"type": "text", "value": "staging"}}
    assert ran.criteria["shop.open"]["selected"] is False
    assert ran.status == 0


def test_command_line_over_environment_over_ini(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting comes from the command line, else the environment, else the ini file."""
    ini = """
    [tool.pytest.ini_options]
    prodstatus_target = "ini"
    prodstatus_gate = "off"
    prodstatus_subject = "r-ini"
    prodstatus_dir = "out-ini"
    prodstatus_stage = "shop"
    """
    project.write({**PASSING, "pyproject.toml": ini + CONFIG})
    ran = project.run(folder=project.root / "out-ini")
    assert _settings_of(ran) == ("ini", "off", "r-ini", "--stage shop")
    for name, value in {"TARGET": "env", "GATE": "not-failed", "SUBJECT": "r-env"}.items():
        monkeypatch.setenv(f"PRODSTATUS_{name}", value)
    monkeypatch.setenv("PRODSTATUS_DIR", "out-env")
    monkeypatch.setenv("PRODSTATUS_STAGE", "api")
    ran = project.run(folder=project.root / "out-env")
    assert _settings_of(ran) == ("env", "not-failed", "r-env", "--stage api")
    ran = project.run(
        "--prodstatus-target=cli",
        "--prodstatus-gate=confirmed",
        "--prodstatus-subject=r-cli",
        "--prodstatus-dir=out-cli",
        "--prodstatus-stage=api,shop",
        folder=project.root / "out-cli",
    )
    assert _settings_of(ran) == ("cli", "confirmed", "r-cli", "--stage api,shop")


def _settings_of(ran: Ran) -> tuple[str, str, str, str]:
    run, decision = ran.record["run"], ran.record["decision"]
    return run["target"], decision["rule"], run["subject"]["release"], run["selection"]


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (("--stage=apii",), ("'apii'", "api, shop, final")),
        (("--stage=api,shopp",), ("'shopp'",)),
        (("--target=../up",), ("'../up'", "staging")),
        (("--target=",), ("''", "leave the option out")),
        (("--prodstatus-subject=",), ("''", "leave the option out")),
        (("--prodstatus-gate=open",), ("'open'", "confirmed, not-failed, off")),
    ],
    ids=["stage", "one of the stages", "target", "empty target", "empty subject", "gate"],
)
def test_bad_value_is_usage_error(
    project: Project, args: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """A wrong value is refused with the right ones in one sentence, exit 4, without a file."""
    project.write(PASSING)
    ran = project.run(*args)
    message = usage_error(ran)
    assert all(name in message for name in names), message


REPORTING = """
def pytest_addoption(parser):
    parser.addoption("--theirs", dest="{dest}")
    parser.addoption("--of", dest="cov_source", default=[True])
def pytest_configure(config):
    if config.option.{dest} and "{dest}" == "cov_report":
        config.option.cov_report = {{"html": config.option.cov_report}}
"""


@pytest.mark.parametrize("asks", [("-m", "production"), ()], ids=["production", "plain"])
@pytest.mark.parametrize(
    ("dest", "path", "file"),
    [
        ("", "reports/status.json", "status.json"),
        ("", "reports/junit.xml", "junit.xml"),
        ("htmlpath", "reports/../reports/status.html", "status.html"),
        ("json_report_file", "reports/status.json", "status.json"),
        ("cov_report", "reports", "status.json"),
    ],
    ids=["junit", "export", "html", "json", "coverage"],
)
def test_another_report_over_ours_is_a_usage_error(
    project: Project, asks: tuple[str, ...], dest: str, path: str, file: str
) -> None:
    """A report that pytest, or a plugin, would write over one of the run's files is refused."""
    config = CONFIG.replace("document", 'exports = ["junit"]\ndocument')
    conftest = REPORTING.format(dest=dest) if dest else ""
    project.write({**PASSING, "pyproject.toml": config, "conftest.py": conftest})
    option = "--theirs" if dest else "--junitxml"
    ran = project.run(*asks, f"{option}={path}")
    errors = [line for line in ran.err.splitlines() if line.startswith("ERROR: ")]
    assert (ran.status, len(errors)) == (4, 1), ran.out + ran.err
    assert f"it would write over {file} in" in errors[0]
    if asks:
        assert ran.record["run"]["finished"] is None
    else:
        assert ran.files == frozenset()
    assert project.run(*asks, f"{option}={project.root}/elsewhere").status == 0


BAD_MARK = "@pytest.mark.stage({0})\ndef test_a(): pass\n"
CATALOGUES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "doubled id": (
        {"test_api.py": API, "test_more.py": API},
        ("'api.a'", "test_api.py::test_a", "test_more.py::test_a", "rename"),
    ),
    "unknown stage": (
        {"test_api.py": BAD_MARK.format("'apii'")},
        ("'apii'", "test_api.py::test_a", "api, shop, final"),
    ),
    "no stage": ({"test_api.py": BAD_MARK.format("")}, ("stage()", "one stage")),
    "two stages": ({"test_api.py": BAD_MARK.format("'api', 'b'")}, ("'b'",)),
    "stage that isn't text": ({"test_api.py": BAD_MARK.format("7")}, ("stage(7)",)),
    "unknown argument": (
        {"test_api.py": BAD_MARK.format("'api', side_effect=True")},
        ("side_effect=True", "side_effects=True"),
    ),
    "argument of a wrong type": (
        {"test_api.py": BAD_MARK.format("'api', side_effects=1")},
        ("side_effects=1",),
    ),
    "malformed stage id": (
        {"pyproject.toml": "", "test_api.py": BAD_MARK.format("'A B'")},
        ("'A B'", "lower-case"),
    ),
}


@pytest.mark.parametrize("case", CATALOGUES.values(), ids=CATALOGUES)
def test_bad_catalogue_is_usage_error(
    project: Project, case: tuple[dict[str, str], tuple[str, ...]]
) -> None:
    """A mark that no catalogue can hold is refused with its test, exit 4, without a file."""
    files, names = case
    project.write(files)
    message = usage_error(project.run())
    assert all(name in message for name in names), message


@pytest.mark.parametrize("name", ["doubled id", "unknown stage", "unknown argument"])
def test_bad_catalogue_gives_one_sentence_under_xdist(project: Project, name: str) -> None:
    """A worker's finding is one sentence too, not a traceback or the loss of the worker."""
    files, names = CATALOGUES[name]
    project.write(files)
    message = usage_error(project.run(*XDIST))
    assert all(name in message for name in names), message


def test_stage_that_only_the_tests_know(project: Project) -> None:
    """Without declared stages `--stage` is checked against the tests' marks, before any runs."""
    project.write({**PASSING, "pyproject.toml": ""})
    for mode in (SERIAL, XDIST):
        message = usage_error(project.run(*mode, "--stage=apii"))
        assert "'apii'" in message
        assert "api, shop" in message


def test_bad_catalogue_leaves_the_last_outputs_alone(project: Project) -> None:
    """A usage error writes nothing, not even over what an earlier run wrote."""
    project.write(PASSING)
    project.run()
    before = {path: path.read_bytes() for path in project.folder.iterdir()}
    project.write({"test_more.py": API})
    assert project.run().status == 4
    assert project.run(*XDIST).status == 4
    assert {path: path.read_bytes() for path in project.folder.iterdir()} == before


CONFIGS = {
    "unknown key": ('title = "x"\ndocumnet = "S.md"', "'documnet'", "document"),
    "unknown stage key": ('[[tool.prodstatus.stages]]\nid = "api"\nneeds = ["b"]', "'needs'"),
    "unknown stage in requires": (
        '[[tool.prodstatus.stages]]\nid = "api"\nrequires = ["b"]',
        "'b'",
    ),
    "doubled stage": ("[[tool.prodstatus.stages]]\nid = 'api'\n" * 2, "'api'", "twice"),
    "cycle": (
        "[[tool.prodstatus.stages]]\nid = 'api'\nrequires = ['api']\n",
        "cycle",
    ),
    "doubled criterion": ('[[tool.prodstatus.stages]]\nid="api"\ncriteria=["a","a"]', "'api.a'"),
    "bad duration": ('valid_for = "1 week"', "'1 week'", "24h"),
    "wrong type": ('require_evidence = "yes"', "'yes'", "true or false"),
    "not TOML": ("title = ", "not valid TOML"),
}


@pytest.mark.parametrize("case", CONFIGS.values(), ids=CONFIGS)
def test_bad_configuration_is_usage_error(project: Project, case: tuple[str, ...]) -> None:
    """An error in [tool.prodstatus] is refused with file and value, exit 4, without a file."""
    text, *names = case
    project.write({**PASSING, "pyproject.toml": f"[tool.prodstatus]\n{text}\n"})
    ran = project.run()
    if "not TOML" in names[0] or "TOML" in names[0]:
        assert ran.status == 4  # pytest itself reads the file first
        assert ran.files == frozenset()
        return
    message = usage_error(ran)
    assert "pyproject.toml" in message
    assert all(name in message for name in names), message


def test_bad_configuration_and_values_under_xdist(project: Project) -> None:
    """No worker is started for a configuration or a value that can't be used."""
    project.write(PASSING)
    assert "'apii'" in usage_error(project.run(*XDIST, "--stage=apii"))
    assert "'open'" in usage_error(project.run(*XDIST, "--prodstatus-gate=open"))
    project.write({"pyproject.toml": "[tool.prodstatus]\nnope = 1\n"})
    assert "'nope'" in usage_error(project.run(*XDIST))


@MODES
def test_silence_where_nothing_is_marked(project: Project, mode: tuple[str, ...]) -> None:
    """Without a stage mark there is no output and no file, and pytest's exit status stays."""
    project.write(
        {
            "test_plain.py": """
            def test_one(): pass
            @pytest.mark.skip
            def test_two(): pass
            @pytest.mark.xfail
            def test_three(): assert 0
            """
        }
    )
    ran = project.run(*mode, "-rA")
    assert ran.status == 0
    assert not project.folder.exists()
    for word in ("CONFIRMED", "BLOCKED", "production status", "prodstatus:"):
        assert word not in ran.out


@pytest.mark.parametrize(
    ("test", "args", "status"),
    [
        ("def test_one(): assert 0\n", (), 1),
        ("import nothing_there\n", (), 2),
        ("", (), 5),
        ("def test_one(): pass\n", ("-k", "nothing"), 5),
        ("def test_one(): pytest.exit('enough', returncode=0)\n", (), 0),
    ],
    ids=["failing", "uncollectable", "empty", "deselected", "exit 0"],
)
def test_silence_keeps_the_exit_status(
    project: Project, test: str, args: tuple[str, ...], status: int
) -> None:
    """A project without criteria ends as it would without the plugin."""
    project.write({"test_plain.py": test})
    ran = project.run(*args)
    assert ran.status == status
    assert not project.folder.exists()
    assert "prodstatus" not in ran.out.replace("prodstatus-", "")


@pytest.mark.parametrize(
    "args",
    [
        ("--collect-only",),
        ("--collect-only", "-q"),
        ("--setup-plan",),
        ("--setup-only",),
        ("--fixtures",),
        ("--fixtures-per-test",),
        ("--markers",),
        ("--help",),
        ("--version",),
        ("--cache-show",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("selection", [(), ("-m", "production")], ids=["plain", "production"])
def test_what_runs_no_criterion_writes_nothing(
    project: Project, args: tuple[str, ...], selection: tuple[str, ...]
) -> None:
    """A run that looks at no criterion leaves the last outputs as they are, and makes none."""
    project.write(PASSING)
    lean = [name for name in project.lean if name != "cacheprovider"]
    ran = project.run(*args, *selection, lean=lean)
    assert ran.files == frozenset()
    assert "FINAL" not in ran.out
    assert ran.status == 0
    project.run()
    before = {path: path.read_bytes() for path in project.folder.iterdir()}
    project.run(*args, *selection, lean=lean)
    assert {path: path.read_bytes() for path in project.folder.iterdir()} == before


@pytest.mark.parametrize("option", ["--collect-only", "--setup-plan", "--setup-only"])
def test_what_runs_no_criterion_writes_nothing_under_xdist(project: Project, option: str) -> None:
    """With workers too, a run that looks at no criterion writes nothing."""
    project.write(PASSING)
    ran = project.run(*XDIST, option)
    assert ran.files == frozenset()
    assert "FINAL" not in ran.out


def test_folder_is_relative_to_where_pytest_was_called(project: Project) -> None:
    """`--prodstatus-dir` counts from the working folder; the default from the project's root."""
    project.write({"suite/test_api.py": API, "suite/test_shop.py": SHOP})
    project.pytester.chdir()
    import os

    os.chdir(project.root / "suite")
    assert project.run("--prodstatus-dir=out", folder=project.root / "suite" / "out").record
    assert project.run().record
    assert Path("out/status.json").exists()


def test_markers_and_help_name_what_the_plugin_adds(project: Project) -> None:
    """Marks are registered, so strict marks pass; the help names the options' other forms."""
    project.write(PASSING)
    assert project.run("--strict-markers", "--strict-config").status == 0
    text = project.run("--markers").out
    assert "@pytest.mark.stage(id, criterion=None, side_effects=False)" in text
    assert "@pytest.mark.production" in text
    text = " ".join(project.run("--help").out.split())
    for name in ("stage", "target", "dir", "gate", "subject"):
        assert f"--prodstatus-{name}" in text
        assert f"PRODSTATUS_{name.upper()}" in text


def test_help_lists_the_short_options_in_our_group(project: Project) -> None:
    """`--stage`, `--unmet` and `--target` stand there as options, except one that is another's."""

    def group() -> str:
        ran = project.run("--help", "--stage=x")
        assert ran.status == 0
        return ran.out.split("\nproduction status:\n")[1].split("\n\n")[0]

    project.write(PASSING)
    shown = ("  --stage=STAGE", "  --unmet=[blocked]", "  --target=NAME")
    assert all(f"\n{option}" in group() for option in shown), group()
    project.write(
        {"conftest.py": "def pytest_addoption(parser): parser.addoption('--target', help='theirs')"}
    )
    assert "--stage=STAGE" in group()
    assert "\n  --target" not in group()


def test_minus_m_production_selects_the_criteria(project: Project) -> None:
    """Every stage-marked test has the mark `production` before `-m` is evaluated."""
    project.write({"test_api.py": API + "def test_unmarked(): assert 0\n", "test_shop.py": SHOP})
    ran = project.run("-m", "production")
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.record["run"]["complete"] is True
    assert ran.record["run"]["selection"] is None


@pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
def test_production_goes_where_the_stage_mark_is(project: Project, mode: tuple[str, ...]) -> None:
    """A mark on a file, a class, a function or an item makes each criterion `production`."""
    conftest = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(items):
        for item in items:
            if item.name == "test_by_hook":
                item.add_marker(pytest.mark.stage("api"))

    @pytest.fixture(autouse=True)
    def marked(request):
        criterion = "unmarked" not in request.node.name
        assert (request.node.get_closest_marker("production") is not None) is criterion
        assert ("production" in request.node.keywords) is criterion
    """
    project.write(
        {
            "conftest.py": conftest,
            "test_shop.py": SHOP,
            "test_file.py": "pytestmark = api\ndef test_a(): pass\ndef test_b(): pass\n",
            "test_mixed.py": """
            def test_unmarked(): pass
            def test_by_hook(): pass
            class TestOne:
                def test_unmarked(self): pass
            @api
            class TestTwo:
                def test_c(self): pass
                def test_d(self): pass
            @api
            @pytest.mark.parametrize("n", [1, 2])
            def test_e(n): pass
            """,
        }
    )
    full, production = project.run(*mode), project.run("-m", "production", *mode)
    assert full.verdicts == production.verdicts
    assert set(production.verdicts) == {
        "api.a", "api.b", "api.by-hook", "api.c", "api.d", "api.e[1]", "api.e[2]", "shop.open",
    }  # fmt: skip
    assert (full.status, production.status) == (0, 0)
    assert "10 passed" in full.out
    assert "8 passed" in production.out


def test_production_run_collects_the_configured_paths_alone(project: Project) -> None:
    """A broken test elsewhere can't close the gate of a production run without a path."""
    config = CONFIG.replace("[tool.prodstatus]", '[tool.prodstatus]\npaths = ["acceptance"]')
    project.write(
        {
            "pyproject.toml": config,
            "acceptance/test_api.py": API,
            "acceptance/test_shop.py": SHOP,
            "unit/test_broken.py": "import no_such_module\n",
        }
    )
    for mode in (SERIAL, XDIST):
        ran = project.run(*mode, "-m", "production")
        assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert project.run().status == 2
    project.write({"pyproject.toml": config.replace('"acceptance"', '"aceptance"')})
    ran = project.run("-m", "production")
    assert ran.status == pytest.ExitCode.USAGE_ERROR
    assert "paths in [tool.prodstatus] holds 'aceptance'" in ran.err


@pytest.mark.parametrize(
    "args", [("--stage", "api,shop"), ("--stage", "api", "--prodstatus-stage=shop")]
)
def test_several_stages_are_judged_together(project: Project, args: tuple[str, ...]) -> None:
    """Stages are joined by commas or named one by one, and none is forgotten."""
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    ran = project.run(*args)
    assert ran.record["decision"]["selection"]["criteria"] == 2
    assert ran.status == 0
