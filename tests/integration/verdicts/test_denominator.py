"""What is declared or known counts, whether or not this run looked at it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from tests.integration.project import CONFIG, LEAN, SERIAL, SHOP, XDIST, Project

API = """
@api
def test_a(evidence): evidence(n=1)
@api
def test_b(): pass
"""
MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])


def declare(project: Project, **keys: str) -> None:
    """Add lines to stages of the configuration: `api="criteria = ['a']"`."""
    config = CONFIG
    for stage, line in keys.items():
        config = config.replace(f'id = "{stage}"', f'id = "{stage}"\n{line}')
    project.write({"pyproject.toml": config})


def make_older(project: Project, span: timedelta) -> None:
    """Make everything older that the last record observed."""
    path = project.folder / "status.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for stage in record["stages"]:
        for criterion in stage["criteria"]:
            at = datetime.fromisoformat(criterion["observed_at"].replace("Z", "+00:00"))
            criterion["observed_at"] = (at - span).isoformat().replace("+00:00", "Z")
    path.write_text(json.dumps(record), encoding="utf-8")


@MODES
def test_declared_criterion_without_a_test_is_blocked_by_name(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A criterion that the catalogue declares and no test provides is BLOCKED, not-run."""
    declare(project, api='criteria = ["a", "b", "renamed-away"]')
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run(*mode)
    assert ran.status == 10
    assert ran.final == "BLOCKED"
    assert ran.verdicts["api.renamed-away"] == "BLOCKED not-run"
    assert "api.renamed-away" in ran.out
    assert ran.criteria["api.renamed-away"]["remedy"]
    assert ran.record["run"]["complete"] is False


def test_declared_base_id_stands_for_its_parameters(project: Project) -> None:
    """The id without brackets is met by any of its items, and unmet if there is none."""
    declare(project, api='criteria = ["a"]')
    test = "@api\n@pytest.mark.parametrize('x', {0})\ndef test_a(x): pass\n"
    project.write({"test_api.py": test.format("['eu']"), "test_shop.py": SHOP})
    ran = project.run()
    assert (ran.status, ran.verdicts["api.a[eu]"]) == (0, "CONFIRMED")
    assert ran.record["run"]["complete"] is True


def test_renamed_criterion_is_missed_by_its_declared_name(project: Project) -> None:
    """A new name is a new criterion; the declared one is BLOCKED in spite of its former verdict."""
    declare(project, api='criteria = ["a"]')
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    assert project.run().status == 0
    project.write({"test_api.py": "@api\ndef test_aa(): pass\n"})
    ran = project.run()
    assert ran.status == 10
    assert ran.verdicts["api.a"] == "BLOCKED not-run"
    assert ran.verdicts["api.aa"] == "CONFIRMED"


def test_undeclared_criterion_that_was_deleted_is_gone(project: Project) -> None:
    """A criterion that is neither declared nor provided any more is deleted by a complete run."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    assert project.run().status == 0
    project.write({"test_api.py": "@api\ndef test_a(): pass\n"})
    assert project.run("test_api.py").verdicts.keys() == {"api.a", "shop.open"}


@MODES
@pytest.mark.parametrize("criteria", [True, False])
def test_what_is_reported_as_deselected_may_be_no_item(
    project: Project, mode: tuple[str, ...], criteria: bool
) -> None:
    """An object without a node id (pytest-testmon), or a text: pytest counts them, and no more."""
    conftest = """
    class Unaffected:
        pass

    def pytest_collection_modifyitems(config, items):
        gone = [Unaffected(), "test_a.py::test_gone"]
        config.hook.pytest_deselected(items=gone)
    """
    mark = "@api\n" if criteria else ""
    project.write({"conftest.py": conftest, "test_a.py": f"{mark}def test_a(): pass\n"})
    ran = project.run(*mode)
    assert "INTERNALERROR" not in ran.out + ran.err
    if criteria:
        assert ran.verdicts == {"api.a": "CONFIRMED"}
    else:
        assert ran.status == 0


def test_declared_criterion_that_was_deselected_is_blocked(project: Project) -> None:
    """A deselected, unobserved criterion is BLOCKED for FINAL, but not for the exit status."""
    declare(project, api='criteria = ["a", "b"]')
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run("-k", "not test_b")
    assert ran.verdicts["api.b"] == "BLOCKED not-run"
    assert ran.final == "BLOCKED"
    assert ran.record["decision"]["open"] is False
    assert ran.record["decision"]["selection"]["partial"] is True
    assert ran.status == 0


def test_items_dropped_by_a_conftest_are_not_forgotten(project: Project) -> None:
    """A hook that drops items without a word leaves their criteria BLOCKED, not-run."""
    project.write(
        {
            "conftest.py": """
            def pytest_collection_modifyitems(items):
                items[:] = [item for item in items if item.name != "test_b"]
            """,
            "test_api.py": API,
            "test_shop.py": SHOP,
        }
    )
    ran = project.run()
    assert ran.verdicts["api.b"] == "BLOCKED not-run"
    assert ran.final == "BLOCKED"


PARTS = {
    "stage": ("--stage", "api"),
    "keyword": ("-k", "test_a or test_b"),
    "path": ("test_api.py",),
    "node ids": ("test_api.py::test_a", "test_api.py::test_b"),
    "deselect": ("--deselect", "test_shop.py::test_open"),
    "ignore": ("--ignore", "test_shop.py"),
    "marks": ("-m", "production and not slow"),
}


@pytest.mark.parametrize(
    ("part", "mode"),
    [
        *(pytest.param(part, SERIAL, id=f"{name}-serial") for name, part in PARTS.items()),
        *(pytest.param(PARTS[n], XDIST, id=f"{n}-n2") for n in ("stage", "path", "deselect")),
    ],
)
def test_partial_run_carries_over_what_it_did_not_look_at(
    project: Project, part: tuple[str, ...], mode: tuple[str, ...]
) -> None:
    """A fresh CONFIRMED is carried over with its own date, run and evidence, in the record."""
    shop = "@shop\n@pytest.mark.slow\ndef test_open(evidence): evidence(orders=7)\n"
    project.write({"test_api.py": API, "test_shop.py": shop})
    full = project.run()
    assert (full.status, full.final) == (0, "CONFIRMED")
    assert full.record["run"]["complete"] is True
    assert full.record["run"]["selection"] is None
    ran = project.run(*mode, *part)
    ran.check_coherent()
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    kept, old = ran.criteria["shop.open"], full.criteria["shop.open"]
    assert kept["carried_over"] is True
    assert kept["selected"] is False
    for key in ("observed_at", "run", "evidence", "verdict", "nodeid", "title"):
        assert kept[key] == old[key]
    for name in ("api.a", "api.b"):
        assert ran.criteria[name]["carried_over"] is False
        assert ran.criteria[name]["run"] == ran.record["run"]["id"]
    assert ran.record["run"]["complete"] is False
    assert ran.record["run"]["selection"]
    selection = ran.record["decision"]["selection"]
    assert selection == {"partial": True, "verdict": "CONFIRMED", "criteria": 2}
    assert "carried over" in ran.out
    again = project.run(*part)
    assert again.criteria["shop.open"]["observed_at"] == old["observed_at"]


def test_stale_confirmed_is_blocked_beyond_valid_for(project: Project) -> None:
    """A carried CONFIRMED is BLOCKED, stale, beyond its stage's `valid_for`, and stands within."""
    declare(project, api='valid_for = "2h"', shop='valid_for = "30d"')
    project.write({"test_api.py": API, "test_shop.py": SHOP, "test_c.py": "@api\ndef test_c(): 1"})
    project.run()
    make_older(project, timedelta(hours=3))
    ran = project.run("test_c.py")
    assert ran.verdicts == {
        "api.a": "BLOCKED stale",
        "api.b": "BLOCKED stale",
        "api.c": "CONFIRMED",
        "shop.open": "CONFIRMED",
    }
    assert ran.criteria["api.a"]["observed"] == "CONFIRMED"
    assert "3 h" in ran.criteria["api.a"]["reason"]
    assert ran.final == "BLOCKED"
    assert ran.record["decision"]["open"] is False
    assert ran.status == 0


@MODES
def test_failed_and_blocked_stay_what_they_were(project: Project, mode: tuple[str, ...]) -> None:
    """A FAILED or BLOCKED that a partial run didn't look at stays, and keeps FINAL closed."""
    shop = """
    @shop
    def test_open(): assert 0, "closed"
    @shop
    def test_paid(): blocked("no orders", kind="no-data", remedy="sell something")
    """
    project.write({"test_api.py": API, "test_shop.py": shop})
    assert project.run().status == 1
    make_older(project, timedelta(days=90))
    ran = project.run(*mode, "--stage", "api")
    assert ran.verdicts["shop.open"] == "FAILED observed"
    assert ran.verdicts["shop.paid"] == "BLOCKED no-data"
    assert ran.criteria["shop.paid"]["remedy"] == "sell something"
    assert ran.final == "FAILED"
    assert ran.record["decision"]["open"] is False
    assert ran.status == 0


@MODES
def test_upstream_never_observed_blocks_the_record_alone(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A required stage that was never observed blocks the record, not a partial run's exit."""
    declare(project, shop='requires = ["api"]')
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run(*mode, "--stage", "shop")
    assert ran.verdicts["shop.open"] == "BLOCKED upstream"
    assert ran.criteria["shop.open"]["observed"] == "CONFIRMED"
    assert ran.final == "BLOCKED"
    assert ran.record["decision"]["open"] is False
    assert ran.record["decision"]["selection"]["verdict"] == "CONFIRMED"
    assert ran.status == 0


def test_upstream_known_to_fail_blocks_the_record_alone(project: Project) -> None:
    """A required stage that an earlier run saw fail blocks the record, not a partial run's exit."""
    declare(project, shop='requires = ["api"]')
    project.write({"test_api.py": "@api\ndef test_a(): assert 0\n", "test_shop.py": SHOP})
    assert project.run().status == 1
    ran = project.run("--stage", "shop")
    assert ran.verdicts["shop.open"] == "BLOCKED upstream"
    assert ran.record["decision"]["open"] is False
    assert ran.status == 0


@MODES
def test_upstream_is_resolved_at_rollup_not_while_it_runs(
    project: Project, mode: tuple[str, ...]
) -> None:
    """All criteria run; only then a stage whose required stage FAILED is BLOCKED, with its root."""
    declare(project, shop='requires = ["api"]')
    project.write({"test_api.py": "@api\ndef test_a(): assert 0, 'no key'\n", "test_a.py": SHOP})
    ran = project.run(*mode)
    assert ran.verdicts == {"api.a": "FAILED observed", "shop.open": "BLOCKED upstream"}
    assert ran.criteria["shop.open"]["observed"] == "CONFIRMED"
    assert ran.stages["shop"]["cause"] == "api.a"
    assert (ran.final, ran.status) == ("FAILED", 1)


PICKS = """
def pytest_addoption(parser): parser.addoption("--choose", action="append", default=None)
def pytest_configure(config):
    if config.option.choose is not None:
        config.args = [name for name in config.option.choose if name]
"""
IGNORES = """
def pytest_addoption(parser): parser.addoption("--choose", action="append", default=None)
def pytest_ignore_collect(collection_path, config):
    chosen = config.option.choose
    if chosen is not None and collection_path.suffix and collection_path.name not in chosen:
        return True
"""


@pytest.mark.parametrize("plugin", [PICKS, IGNORES], ids=["paths", "files"])
@MODES
def test_what_a_plugin_leaves_out_is_carried_over(
    project: Project, mode: tuple[str, ...], plugin: str
) -> None:
    """An option of a plugin, such as --picked or --testmon, leaves tests out that are still there.

    If nothing is left, pytest's 5 closes the gate once, as after `-k`.
    """
    declare(project, api='criteria = ["a"]')
    # With -p a plugin; named conftest.py, it would be what the suite itself leaves out.
    mode = ("-p", "chooses", *mode)
    project.write({"chooses.py": plugin, "test_api.py": API, "test_shop.py": SHOP})
    assert project.run_alone("-m", "production", *mode).final == "CONFIRMED"
    ran = project.run_alone("-m", "production", "--choose=", *mode)
    assert (ran.status, ran.final) == (5, "BLOCKED")
    assert "exit status 5" in ran.record["final"]["reason"]
    assert set(ran.verdicts.values()) == {"CONFIRMED"}
    ran = project.run_alone("-m", "production", "--choose=test_api.py", *mode)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.record["decision"]["selection"]["partial"]
    assert ran.criteria["shop.open"]["carried_over"]
    project.write({"test_shop.py": SHOP + "# edited\n"})
    ran = project.run_alone("-m", "production", "--choose=test_api.py", *mode)
    assert ran.verdicts["shop.open"] == "BLOCKED not-run"
    assert "may have changed" in ran.criteria["shop.open"]["reason"]


LEFT_OUT = {
    "configuration": "collect_ignore = ['test_api.py', 'test_shop.py']\n",
    "hook": "def pytest_ignore_collect(collection_path): return collection_path.suffix == '.py'\n",
}


@pytest.mark.parametrize("conftest", LEFT_OUT.values(), ids=LEFT_OUT)
@MODES
def test_what_a_conftest_leaves_out_is_gone(
    project: Project, mode: tuple[str, ...], conftest: str
) -> None:
    """What the suite itself doesn't collect is no part of it, and what is declared is missed."""
    declare(project, api='criteria = ["a"]')
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    assert project.run("-m", "production").final == "CONFIRMED"
    project.write({"conftest.py": conftest})
    ran = project.run("-m", "production", *mode)
    assert ran.verdicts == {"api.a": "BLOCKED not-run"}
    assert "no test provides it" in ran.criteria["api.a"]["reason"]


def test_last_failed_is_a_partial_run(project: Project) -> None:
    """With `--lf` the criteria that passed are carried over, and those that failed are run."""
    lean = tuple(name for name in LEAN if name != "cacheprovider")
    project.write({"test_api.py": API, "test_shop.py": SHOP.replace("pass", "assert 0")})
    assert project.run(lean=lean).status == 1
    project.write({"test_shop.py": SHOP})
    ran = project.run("--lf", lean=lean)
    assert ran.verdicts == {"api.a": "CONFIRMED", "api.b": "CONFIRMED", "shop.open": "CONFIRMED"}
    assert ran.criteria["api.a"]["carried_over"] is True
    assert ran.criteria["shop.open"]["carried_over"] is False
    assert "--lf" in ran.record["run"]["selection"]
    assert (ran.status, ran.final, ran.record["run"]["complete"]) == (0, "CONFIRMED", False)


@MODES
def test_last_failed_may_collect_everything(project: Project, mode: tuple[str, ...]) -> None:
    """If nothing failed before, `--lf` leaves nothing out; otherwise the rest isn't known."""
    lean = tuple(name for name in LEAN if name != "cacheprovider")
    project.write({"test_api.py": API, "test_shop.py": SHOP.replace("pass", "assert 0")})
    ran = project.run_alone(*mode, "--lf", lean=lean)
    assert (ran.status, ran.final, ran.record["run"]["incidents"]) == (1, "FAILED", [])
    (project.folder / "status.json").unlink()
    project.write({"test_shop.py": SHOP})
    part = project.run_alone(*mode, "--lf", lean=lean)
    assert part.verdicts == {"shop.open": "CONFIRMED"}
    assert part.final == "BLOCKED"
    assert "test_api.py has criteria that weren't" in part.record["run"]["incidents"][0]["reason"]


CLASS = """
@api
class TestApi:
    def test_a(self): pass
    def test_b(self): assert Path('held').exists()
"""


@MODES
@pytest.mark.parametrize(
    ("holds", "part", "observed"),
    [
        (False, ("--lf",), {"api.b"}),
        (False, ("--lf", "test_api.py"), {"api.b"}),
        (True, ("-m", "production", "--lf", "--lfnf=none"), set()),
    ],
    ids=["class", "path", "none-failed"],
)
def test_last_failed_deselects_after_every_hook(
    project: Project, mode: tuple[str, ...], holds: bool, part: tuple[str, ...], observed: set[str]
) -> None:
    """In a class, with a path or if nothing failed, what `--lf` leaves out is carried over."""
    lean = tuple(name for name in LEAN if name != "cacheprovider")
    project.write({"test_api.py": CLASS, "test_shop.py": SHOP})
    if holds:
        project.write({"held": ""})
    assert project.run(lean=lean).final == ("CONFIRMED" if holds else "FAILED")
    project.write({"held": ""})
    ran = project.run(*mode, *part, lean=lean)
    assert set(ran.verdicts.values()) == {"CONFIRMED"}
    assert {name for name, c in ran.criteria.items() if not c["carried_over"]} == observed
    assert ran.status == (0 if observed else 5)


@pytest.mark.parametrize("part", [("test_shop.py",), ("--lf",), ("--deselect", "x")])
def test_criterion_whose_file_was_deleted_is_not_carried_over(
    project: Project, part: tuple[str, ...]
) -> None:
    """A run of another part doesn't keep its CONFIRMED, and names the file."""
    declare(project, api='criteria = ["a"]')
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    assert project.run().status == 0
    (project.root / "test_api.py").unlink()
    ran = project.run(*part, lean=tuple(name for name in LEAN if name != "cacheprovider"))
    assert ran.verdicts == {"api.a": "BLOCKED not-run", "shop.open": "CONFIRMED"}
    assert ran.criteria["api.a"]["reason"] == ("no test provides it: test_api.py no longer exists")
    assert (ran.final, ran.status) == ("BLOCKED", 0)


TESTS = """
import pytest
pytestmark = []
@api
def test_a(): assert 0 == 0
@api
def test_b(): pass
@shop
def test_more(): pass
"""
CHANGES = {
    "renamed": ("test_a(", "test_c("),
    "body": ("0 == 0", "1 == 1"),
    "rebound": ("@shop", "test_a = test_b\n@shop"),
    "fixture": ("@api\ndef test_a", "@pytest.fixture\n@api\ndef test_a"),
    "no-test": ("@shop", "test_a.__test__ = False\n@shop"),
    "other-stage": ("@api\ndef test_a", "@shop\ndef test_a"),
    "other-id": ("@api\ndef test_a", "@pytest.mark.stage('api', criterion='z')\ndef test_a"),
    "parameters": ("@api\ndef test_a()", "@api\n@pytest.mark.parametrize('p', [1])\ndef test_a(p)"),
    "no-stage": ("@api\ndef test_a", "def test_a"),
    "skipped": ("pytestmark = []", "pytestmark = pytest.mark.skip"),
    "module-skipped": ("pytestmark = []", "pytest.skip('off', allow_module_level=True)"),
    "module-raises": ("pytestmark = []", "raise ValueError"),
}


def test_a_changed_test_is_not_carried_over(project: Project) -> None:
    """A CONFIRMED belongs to the test that was run: a run of another file doesn't keep it.

    It stands again once the test is what it was.
    """
    project.write({"test_api.py": TESTS, "test_shop.py": SHOP})
    assert project.run().final == "CONFIRMED"
    for change in CHANGES.values():
        project.write({"test_api.py": TESTS.replace(*change)})
        ran = project.run("test_shop.py")
        assert ran.verdicts["api.a"] == "BLOCKED not-run"
        assert ran.criteria["api.a"]["observed"] == "CONFIRMED"
        assert "its test may have changed since" in ran.criteria["api.a"]["reason"]
        assert (ran.status, ran.final, ran.record["decision"]["open"]) == (0, "BLOCKED", False)
    project.write({"test_api.py": TESTS})
    assert project.run("test_shop.py").verdicts["api.a"] == "CONFIRMED"


@pytest.mark.parametrize(
    ("name", "content", "verdict"),
    [
        ("conftest.py", "collect_ignore = ['test_api.py']\n", "BLOCKED not-run"),
        ("other/conftest.py", "collect_ignore = ['test_api.py']\n", "CONFIRMED"),
        ("helper.py", "broken = True\n", "CONFIRMED"),
    ],
)
def test_what_stands_above_a_test_is_a_part_of_it(
    project: Project, name: str, content: str, verdict: str
) -> None:
    """A conftest on the way to a test may change or ignore it; no other file is looked at."""
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    assert project.run().final == "CONFIRMED"
    project.write({name: content})
    assert project.run("test_shop.py").verdicts["api.a"] == verdict


@MODES
@pytest.mark.parametrize(
    ("args", "verdict"),
    [
        (("--stage=shop",), "BLOCKED not-run"),
        (("-k", "open"), "BLOCKED not-run"),
        (("test_api.py::test_b",), "BLOCKED not-run"),
        (("--unmet",), "CONFIRMED"),
        ((), "CONFIRMED"),
    ],
)
def test_a_changed_test_that_is_collected_is_run_or_blocked(
    project: Project, mode: tuple[str, ...], args: tuple[str, ...], verdict: str
) -> None:
    """It makes no difference whether the changed file is collected; `--unmet` runs it again."""
    tests = "@api\ndef test_a(): assert 0 == 0\n@api\ndef test_b(): pass\n"
    project.write({"test_api.py": tests, "test_shop.py": SHOP})
    assert project.run().final == "CONFIRMED"
    project.write({"test_api.py": tests.replace("0 == 0", "1 == 1")})
    ran = project.run(*mode, *args)
    assert ran.verdicts["api.a"] == verdict
    assert ran.criteria["api.a"]["carried_over"] is (verdict != "CONFIRMED")


@MODES
def test_what_is_no_longer_seen_is_not_carried_over(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A test that is missing from the part of its file that is collected is no longer there."""
    tests = "names = Path('names').read_text().split()\n"
    tests += "@api\n@pytest.mark.parametrize('n', names)\ndef test_a(n): pass\n"
    tests += "@api\ndef test_b(): pass\n"
    project.write({"names": "eu us", "test_api.py": tests, "test_shop.py": SHOP})
    assert project.run().status == 0
    project.write({"names": "eu"})
    ran = project.run(*mode, "test_api.py::test_b")
    assert ran.status == 0
    assert ran.verdicts["api.a[us]"] == "BLOCKED not-run"
    assert "test_a[us] is no longer seen in test_api.py" in ran.criteria["api.a[us]"]["reason"]
    assert ran.verdicts["api.a[eu]"] == "CONFIRMED"


def test_a_part_of_a_file_is_named_from_another_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is known to be run in part, however its path is written."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    project.run()
    (project.root / "below").mkdir()
    monkeypatch.chdir(project.root / "below")
    ran = project.run("--rootdir", "..", "../test_api.py::test_b")
    assert ran.criteria["api.a"]["carried_over"]


@MODES
def test_a_file_outside_of_pytests_root_is_found_by_its_path(
    project: Project, mode: tuple[str, ...]
) -> None:
    """Its node id doesn't begin at the root; of two files with one such path, neither is known."""
    lean = tuple(name for name in LEAN if name != "cacheprovider")
    ini = {"config/pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n"}
    project.write({**ini, "suite/x/test_api.py": API, "suite/x/test_shop.py": SHOP})
    project.write({"pyproject.toml": '[tool.prodstatus]\npaths = ["suite"]\n'})
    part = ("-c", "config/pytest.ini", *mode, "suite")
    assert project.run_alone(*part, "--lf", lean=lean).final == "CONFIRMED"
    assert project.run_alone(*part, "--stage=api").final == "CONFIRMED"
    assert project.run_alone(*part, "--stage=shop").final == "CONFIRMED"
    project.write({"suite/x/test_api.py": f"{API}# edited\n"})
    ran = project.run_alone(*part, "--stage=shop")
    assert ran.verdicts["api.a"] == "BLOCKED not-run"
    assert "was edited" in ran.criteria["api.a"]["reason"]

    project.write({"suite/x/test_api.py": "", "other/x/test_shop.py": API})
    project.run_alone(*part, "other")
    ran = project.run_alone(*part, "other", "--stage=api")
    assert ran.verdicts["shop.open"] == "BLOCKED not-run"
    assert "no digest" in ran.criteria["shop.open"]["reason"]


def test_evidence_required_since_then_is_required_of_what_is_carried_over(
    project: Project,
) -> None:
    """A CONFIRMED without evidence isn't carried over once `require_evidence` is on."""
    project.write({"test_api.py": API, "test_shop.py": "@shop\ndef test_open(): pass\n"})
    assert project.run().status == 0
    config = CONFIG.replace("[tool.prodstatus]", "[tool.prodstatus]\nrequire_evidence = true")
    project.write({"pyproject.toml": config})
    ran = project.run("test_api.py::test_a")
    assert ran.verdicts == {
        "api.a": "CONFIRMED",
        "api.b": "BLOCKED no-evidence",
        "shop.open": "BLOCKED no-evidence",
    }
    assert (ran.final, ran.status) == ("BLOCKED", 0)


def test_whole_run_carries_nothing_over(project: Project) -> None:
    """A run that selects everything never carries over what an earlier one saw."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    assert project.run().status == 0
    project.write({"test_shop.py": "import no_such_module\n"})
    ran = project.run("--continue-on-collection-errors")
    assert ran.verdicts["shop.open"] == "BLOCKED collection-error"
    assert not any(c["carried_over"] for c in ran.criteria.values())
    project.write({"test_shop.py": "pytest.skip('no network', allow_module_level=True)\n"})
    project.run()
    assert project.run().verdicts["shop.open"] == "BLOCKED skipped"


@MODES
def test_files_that_skip_themselves_for_one_reason_are_all_missed(
    project: Project, mode: tuple[str, ...]
) -> None:
    """If a common helper skips two files, known criteria of both are BLOCKED, in every mode."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    assert project.run().status == 0
    project.write(
        {"common.py": "def need():\n    pytest.skip('no net', allow_module_level=True)\n"}
    )
    need = "from common import need\nneed()\n"
    project.write({"test_api.py": need + API, "test_shop.py": need + SHOP})
    project.write({"conftest.py": "import sys\nsys.path.insert(0, '.')\n"})
    project.write({"test_more.py": "@api\ndef test_more(): pass\n"})
    ran = project.run(*mode)
    assert ran.verdicts == {
        "api.a": "BLOCKED skipped",
        "api.b": "BLOCKED skipped",
        "api.more": "CONFIRMED",
        "shop.open": "BLOCKED skipped",
    }


def test_targets_know_nothing_of_each_other(project: Project) -> None:
    """A record of another target counts for nothing, even if it lies in the same folder."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    demo = project.run("--target", "demo", folder=project.folder / "demo")
    assert (demo.status, demo.record["run"]["target"]) == (0, "demo")
    assert project.left(0, "", "").found_record is None
    ran = project.run("--stage", "api")
    assert ran.verdicts["shop.open"] == "BLOCKED not-run"
    ran = project.run(
        "--prodstatus-dir", "reports/demo", "--stage", "api", folder=project.folder / "demo"
    )
    assert ran.verdicts["shop.open"] == "BLOCKED not-run"
    assert "target demo" in ran.out


def test_stage_flag_takes_in_what_a_derived_stage_rolls_up(project: Project) -> None:
    """`--stage final` runs every stage that FINAL rolls up."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run("--stage", "final")
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.record["run"]["complete"] is True


def test_named_stage_without_criteria_does_not_pass(project: Project) -> None:
    """A run of a stage that no test joins is BLOCKED, because it observed nothing."""
    project.write({"test_api.py": API})
    ran = project.run("--stage", "shop")
    assert ran.status != 0
    assert ran.stages["shop"]["verdict"] == "BLOCKED"


def test_history_dates_each_verdict(project: Project) -> None:
    """A stage has the date since which its verdict holds, and the verdict before."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    first = project.run()
    second = project.run()
    assert second.stages["api"]["since"] == first.stages["api"]["since"]
    project.write({"test_api.py": "@api\ndef test_a(): assert 0\n"})
    third = project.run()
    assert third.stages["api"]["previous"] == "CONFIRMED"
    assert third.stages["api"]["since"] == third.record["run"]["started"]
    assert "before that CONFIRMED" in (third.document or "")


def test_undeclared_project_has_the_stages_of_its_marks(project: Project) -> None:
    """Without a catalogue the stages are the marks', and a partial run still knows the others."""
    project.write({"pyproject.toml": "", "test_api.py": API, "test_shop.py": SHOP})
    ran = project.run()
    assert list(ran.stages) == ["api", "shop"]
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    part = project.run("test_api.py")
    assert part.criteria["shop.open"]["carried_over"] is True


def test_clock_of_the_record_is_utc(project: Project) -> None:
    """Every instant in the record is UTC, and the run's start comes before its end."""
    project.write({"test_shop.py": SHOP, "test_api.py": API})
    run = project.run().record["run"]
    assert run["started"].endswith("Z")
    assert run["started"] <= run["finished"]
    started = datetime.fromisoformat(run["started"].replace("Z", "+00:00"))
    assert abs(datetime.now(timezone.utc) - started) < timedelta(minutes=5)


def test_a_killed_run_ends_what_it_may_have_seen(project: Project) -> None:
    """After it, no CONFIRMED of its stages is carried over, until a run looks again."""
    declare(project)
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    assert project.run().final == "CONFIRMED"
    killed = "import os, signal\n@api\ndef test_a(): os.kill(os.getpid(), signal.SIGKILL)\n"
    project.write({"test_api.py": killed})
    assert project.run_alone("--stage", "api", fresh=True).status == -9
    project.write({"test_api.py": "@api\ndef test_a(): pass\n"})
    ran = project.run("--stage", "shop")
    assert ran.verdicts == {"api.a": "BLOCKED not-run", "shop.open": "CONFIRMED"}
    assert "was killed, and may have seen otherwise" in ran.criteria["api.a"]["reason"]
    # The next run doesn't know of it any more, and confirms nothing all the same.
    assert project.run("--stage", "shop").verdicts["api.a"] == "BLOCKED not-run"
    assert project.run("--stage", "api").verdicts == {
        "api.a": "CONFIRMED",
        "shop.open": "CONFIRMED",
    }


def test_a_run_that_began_nothing_ends_nothing(project: Project) -> None:
    """A usage error before the first test leaves the verdicts as they were seen."""
    declare(project)
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    assert project.run().final == "CONFIRMED"
    assert project.run("--stage", "typo").status == 4
    assert project.run("--stage", "shop").verdicts["api.a"] == "CONFIRMED"


OTHER = """
@pytest.mark.stage("shop")
def test_other(): assert False
"""


@MODES
@pytest.mark.parametrize("part", ["test_api.py", "test_api.py::test_b"])
def test_what_was_never_collected_is_not_confirmed(
    project: Project, mode: tuple[str, ...], part: str
) -> None:
    """FINAL isn't known before one run has collected every file that has a criterion's mark."""
    project.write({"pyproject.toml": "", "test_api.py": API, "more/test_other.py": OTHER})
    ran = project.run(*mode, part)
    assert (ran.status, ran.final, ran.record["decision"]["open"]) == (0, "BLOCKED", False)
    (incident,) = ran.record["run"]["incidents"]
    file = "test_api.py" if "::" in part else "more/test_other.py"
    why = f"{file} has criteria that weren't collected, and no earlier run knows them all"
    assert incident["reason"] == why
    assert "run the whole suite once: pytest -m production" in ran.out
    assert project.run(*mode, part).final == "BLOCKED", "two such runs know no more than one"

    whole = project.run(*mode)
    assert (whole.status, whole.final, whole.record["run"].get("rest_unknown")) == (
        1,
        "FAILED",
        None,
    )
    project.write({"more/test_other.py": OTHER.replace("False", "True")})
    assert project.run(*mode, "more").final == "CONFIRMED"
    assert project.run(*mode, part).final == "CONFIRMED"


@pytest.mark.parametrize(
    ("other", "known"),
    [
        ("def test_other(): pass", True),
        ("names = pytest.mark.stage('shop')\n", True),
        ("asks = pytest.mark.stage('shop')\n@asks\ndef test_other(): pass", False),
        ("pytestmark = pytest.mark.stage('shop')\ndef test_other(): pass", False),
        ("@pytest.mark.production\ndef test_other(): pass", False),
        (
            "@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.stage('a'))])",
            False,
        ),
    ],
)
def test_which_other_file_may_have_criteria(project: Project, other: str, known: bool) -> None:
    """One that uses the mark, as far as that can be seen without importing it."""
    project.write({"test_api.py": API.replace("@api", "@pytest.mark.stage('api')")})
    (project.root / "test_other.py").write_text(f"import pytest\n{other}\n", encoding="utf-8")
    ran = project.run("test_api.py")
    assert (ran.status, "rest_unknown" not in ran.record["run"]) == (0, known)


def test_what_is_no_part_of_the_suite_is_not_looked_at(project: Project) -> None:
    """A file outside of `paths`, in an environment, or in a folder that pytest leaves out."""
    files = ["build/test_x.py", "env/test_x.py", ".tox/test_x.py", "unit/check.py", "suite/t.txt"]
    project.write(dict.fromkeys(files, OTHER) | {"env/pyvenv.cfg": "", "test_api.py": API})
    assert "rest_unknown" not in project.run("test_api.py").record["run"]
    config = '[tool.prodstatus]\npaths = ["suite"]\n'
    project.write({"pyproject.toml": config, "suite/test_a.py": API, "unit/test_x.py": OTHER})
    (project.folder / "status.json").unlink()
    assert "rest_unknown" not in project.run("suite/test_a.py").record["run"]
