"""`--unmet` runs again only what isn't CONFIRMED in the last record; the rest is carried over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.integration.project import CONFIG, SERIAL, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
REQUIRING = CONFIG.replace('id = "shop"', 'id = "shop"\nrequires = ["api"]').replace(
    "rollup", 'criteria = ["other"]\nrollup'
)
# Every start is one line in a file.
NOTE = """
def note(name):
    with Path(__file__).with_name("started").open("a") as file:
        file.write(f"{name}\\n")

def holds(): return Path(__file__).with_name("healthy").exists()

"""
API = f"""{NOTE}
@api
@pytest.mark.parametrize("region", ["eu", "us"])
def test_a(region):
    note(f"a-{{region}}")
    assert region == "us" or holds()
"""
SHOP = f"""{NOTE}
@shop
def test_open(): note("open")
@shop
@pytest.mark.stage("shop", side_effects=True)
def test_act():
    note("act")
    assert holds() or not Path(__file__).with_name("picky").exists()
"""
OTHER = f"""{NOTE}
@pytest.mark.stage("final")
def test_other(): note("other")
def test_unmarked(): note("unmarked")
"""
FILES = {
    "pyproject.toml": REQUIRING,
    "test_api.py": API,
    "test_shop.py": SHOP,
    "test_other.py": OTHER,
}


@pytest.fixture
def shop(project: Project) -> Project:
    """A project whose first criterion fails until `healthy` exists."""
    project.write(FILES)
    return project


def started(project: Project) -> Counter[str]:
    """Return how often each criterion has started since the last call."""
    path = project.root / "started"
    lines = path.read_text(encoding="utf-8").split() if path.exists() else []
    path.unlink(missing_ok=True)
    return Counter(lines)


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def heal(project: Project) -> None:
    """Let every criterion hold from now on."""
    (project.root / "healthy").touch()


@MODES
def test_only_what_is_unmet_runs(shop: Project, mode: tuple[str, ...]) -> None:
    """Only what is unmet, and what requires it, runs again, until all is as in a full run."""
    first = shop.run("-m", "production", *mode)
    assert (first.status, first.verdicts["shop.open"]) == (1, "BLOCKED upstream")
    assert started(shop) == Counter(["a-eu", "a-us", "open", "act", "other"])
    heal(shop)
    again = shop.run("--unmet", *mode)
    assert started(shop) == Counter(["a-eu", "open"])
    assert (again.status, again.final) == (0, "CONFIRMED")
    assert again.record["run"]["selection"] == "--unmet=all"
    carried = {name for name, criterion in again.criteria.items() if criterion["carried_over"]}
    assert carried == {"api.a[us]", "shop.act", "final.other"}
    for name in carried:
        assert again.criteria[name]["observed_at"] == first.criteria[name]["observed_at"]
    (line,) = [line for line in again.out.splitlines() if ": FAILED at " in line]
    assert line.startswith("api.a[eu]: FAILED at ")
    assert ", CONFIRMED at " in line


@MODES
def test_nothing_is_unmet(shop: Project, mode: tuple[str, ...]) -> None:
    """If nothing is unmet, the run says so, ends with 0, and leaves every file as it was."""
    heal(shop)
    assert shop.run("-m", "production", *mode).status == 0
    started(shop)
    (shop.folder / "status.intoto.json").write_text("signed", encoding="utf-8")
    before = content_of(shop.folder)
    ran = shop.run("-m", "production", "--unmet", *mode)
    assert ran.status == 0, ran.out
    assert "is unmet: no criterion ran, and all files are as they were" in ran.out
    assert "wrote " not in ran.out
    assert content_of(shop.folder) == before
    assert not started(shop)


@MODES
@pytest.mark.parametrize("operator", ["=", "|="], ids=["sets", "adds"])
def test_nothing_is_unmet_beside_a_hook_that_restores_the_status(
    shop: Project, operator: str, mode: tuple[str, ...]
) -> None:
    """Nor does it matter if a hook sets pytest's own 5 for "no tests" again, as syrupy's does."""
    hook = (
        f"def pytest_sessionfinish(session, exitstatus): session.exitstatus {operator} exitstatus"
    )
    shop.write({"conftest.py": hook})
    heal(shop)
    assert shop.run("-m", "production", *mode).status == 0
    before = content_of(shop.folder)
    ran = shop.run("--unmet", *mode)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert content_of(shop.folder) == before


@MODES
def test_what_acts_is_not_started_again(shop: Project, mode: tuple[str, ...]) -> None:
    """What has side effects isn't started again, is named, and counts for the exit status."""
    (shop.root / "picky").touch()
    assert shop.run("-m", "production", *mode).status == 1
    started(shop)
    heal(shop)
    for _ in range(2 if mode == SERIAL else 1):
        ran = shop.run("--unmet", *mode)
        assert (ran.status, ran.verdicts["shop.act"], ran.final) == (1, "FAILED observed", "FAILED")
        assert "shop.act: it acts on the world and may have started before" in ran.out
        assert "name it, as in --stage shop" in ran.out
        assert not ran.record["run"]["incidents"]
    assert started(shop) == Counter(["a-eu", "open"])
    assert shop.run("--stage=shop").status == 0
    assert shop.run("--unmet").status == 0
    assert started(shop) == Counter(["open", "act"])


def test_blocked_leaves_out_what_failed(shop: Project) -> None:
    """A new criterion counts as BLOCKED; if nothing is, the run ends with 0."""
    assert shop.run("-m", "production").status == 1
    started(shop)
    ran = shop.run("--unmet=blocked")
    assert (ran.status, ran.final) == (0, "FAILED")
    assert "nothing that was selected is BLOCKED" in ran.out
    shop.write({"test_more.py": f"{NOTE}@shop\ndef test_new(): note('new')\n"})
    ran = shop.run("--unmet=blocked", "test_more.py", "test_api.py")
    assert (ran.status, ran.verdicts["shop.new"]) == (0, "BLOCKED upstream")
    assert started(shop) == Counter(["new"])


def test_it_composes(shop: Project) -> None:
    """Of what -k, --stage and paths select, only what is unmet runs."""
    assert shop.run("-m", "production").status == 1
    started(shop)
    heal(shop)
    assert shop.run("--unmet", "-k", "open or us").status == 0
    assert started(shop) == Counter(["open"])
    assert shop.run("--unmet", "--stage", "api").status == 0
    assert started(shop) == Counter(["a-eu"])
    assert shop.run("--unmet", "-k", "nosuch").status == 5


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("--prodstatus-dir=elsewhere", "no last record of target production counts"),
        ("--target=staging", "no last record of target staging counts"),
    ],
)
def test_without_a_record_everything_is_unmet(shop: Project, option: str, why: str) -> None:
    """Without a record --unmet says so, and runs everything."""
    heal(shop)
    assert shop.run("-m", "production").status == 0
    started(shop)
    ran = shop.run("--unmet", option)
    assert ran.status == 0
    assert f"{why}: everything is unmet" in ran.out
    assert started(shop) == Counter(["a-eu", "a-us", "open", "act", "other"])


def test_without_a_release_what_was_confirmed_of_one_is_unmet(shop: Project) -> None:
    """A run that forgot to name the release runs all again, and says why and what to do."""
    heal(shop)
    assert shop.run("-m", "production", "--prodstatus-subject=v1").status == 0
    assert "are unmet" not in shop.run("--unmet", "--prodstatus-subject=v1").out
    started(shop)
    why = "criteria that were CONFIRMED of a release are unmet, since this run names none"
    assert f"5 {why}: name the release, --prodstatus-subject=v1" in shop.run("--unmet").out
    assert started(shop) == Counter(["a-eu", "a-us", "open", "other"])


def test_after_a_killed_run_nothing_acts(shop: Project) -> None:
    """After a killed run nothing with side effects starts, since what it started isn't known."""
    shop.write({"test_0.py": f"{NOTE}@api\ndef test_dies():\n    if not holds(): os._exit(3)\n"})
    assert shop.run_alone("-m", "production").status == 3
    heal(shop)
    ran = shop.run("--unmet")
    assert (ran.status, ran.verdicts["shop.act"]) == (10, "BLOCKED not-run")
    assert started(shop) == Counter(["a-eu", "a-us", "open", "other"])
    assert shop.run("--unmet").status == 10
    assert not started(shop), "the killed run isn't forgotten"
    assert shop.run("-m", "production", "-k", "act").status == 0


@pytest.mark.parametrize("content", ["{", "\udcff", "of another target"])
def test_after_a_lost_record_nothing_acts(shop: Project, content: str) -> None:
    """What it had started isn't known, as long as no run of everything follows."""
    heal(shop)
    assert shop.run("-m", "production").status == 0
    started(shop)
    record = shop.folder / "status.json"
    if content == "of another target":
        record.write_text(record.read_text().replace('"production"', '"staging"'))
    else:
        record.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert shop.run("-m", "production", "test_api.py").status == 0
    started(shop)
    for expected in (["open", "other"], []):
        ran = shop.run("--unmet")
        assert (ran.status, ran.verdicts["shop.act"]) == (10, "BLOCKED not-run")
        assert ran.criteria["shop.act"]["remedy"].startswith("to let it act, run everything, or na")
        assert "it acts on the world and may have started before: " in ran.out
        assert started(shop) == Counter(expected)
    shop.write({"test_more.py": f"{NOTE}@pytest.mark.stage('api', side_effects=True)\n"
                                "def test_pay(): note('pay')\n"})  # fmt: skip
    assert shop.run("--unmet").verdicts["api.pay"] == "BLOCKED not-run"
    assert not {"pay", "act"} & started(shop).keys()
    full = shop.run("-m", "production")
    assert (full.status, "starts_unknown" in full.record["run"]) == (0, False)
    assert started(shop)["act"] == 1


def test_with_an_id_there_is_always_a_record(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a run id a record is written even if nothing is unmet, since someone looks for it."""
    heal(shop)
    assert shop.run("-m", "production").status == 0
    started(shop)
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "shardx")
    ran = shop.run("--unmet")
    assert (ran.status, ran.record["run"]["id"], ran.final) == (0, "shardx", "CONFIRMED")
    assert ran.record["run"]["shard"] is True
    assert "is unmet: no criterion ran" in ran.out
    assert "as they were" not in ran.out
    assert not started(shop)


def test_another_release_or_none_is_unmet(shop: Project) -> None:
    """What was CONFIRMED of a named release says nothing of one that isn't named, or another."""
    heal(shop)
    named = "--prodstatus-subject=v41"
    assert shop.run("-m", "production", named).status == 0
    started(shop)
    assert shop.run("--unmet", named).status == 0
    assert not started(shop)
    for other in ("--prodstatus-subject=v42", "--target=production"):
        ran = shop.run("--unmet", other)
        assert not any(criterion["carried_over"] for name, criterion in ran.criteria.items()
                       if name != "shop.act"), ran.out  # fmt: skip
        assert ran.verdicts["shop.act"] == "BLOCKED stale"
        assert started(shop) == Counter(["a-eu", "a-us", "open", "other"])


@pytest.mark.parametrize(
    "args",
    [["--unmet"], ["-m", "production"], ["-m", "production", "test_other.py"]],
    ids=str,
)
def test_a_deleted_test_is_named(shop: Project, args: list[str]) -> None:
    """A declared criterion whose test is gone says which one is no longer collected."""
    heal(shop)
    assert shop.run("-m", "production").status == 0
    shop.write({"test_other.py": f"{NOTE}def test_unmarked(): note('unmarked')\n"})
    ran = shop.run(*args)
    assert ran.verdicts["final.other"] == "BLOCKED not-run"
    assert ran.status in (10, 5), "5 if that was all that was asked for"
    assert ran.criteria["final.other"]["reason"] == (
        "no test provides it: test_other.py::test_other, which did, is no longer collected"
    )


def test_a_parameter_that_is_left_out_for_once_is_unmet(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FAILED isn't forgotten by a run of nothing: the run names it, and how to judge it again."""
    tests = """
    @api
    @pytest.mark.parametrize("host", os.environ["HOSTS"].split())
    def test_up(host): assert host != "us"
    """
    project.write({"test_api.py": tests, "test_shop.py": SHOP})
    monkeypatch.setenv("HOSTS", "eu us")
    assert project.run().status == 1
    monkeypatch.setenv("HOSTS", "eu")
    ran = project.run("--unmet")
    assert (ran.verdicts["api.up[us]"], ran.status) == ("FAILED observed", 1)
    assert "api.up[us]: unmet, and its test isn't found any more" in ran.out
    assert "run all of that: pytest test_api.py" in ran.out
    assert project.run("test_api.py").status == 0


def test_a_criterion_without_a_test_is_unmet(shop: Project) -> None:
    """No test provides it, so nothing can run, and the run can't end with 0."""
    heal(shop)
    shop.write({"pyproject.toml": REQUIRING.replace('["other"]', '["other", "more"]')})
    assert shop.run("-m", "production").status == 10
    started(shop)
    ran = shop.run("--unmet")
    assert (ran.status, ran.verdicts["final.more"]) == (10, "BLOCKED not-run")
    assert not started(shop)


@pytest.mark.parametrize("option", ["--unmet", "--prodstatus-unmet"])
def test_a_path_may_follow(shop: Project, option: str) -> None:
    """The option takes a value only with an equals sign."""
    heal(shop)
    assert shop.run(option, "test_api.py").status == 0
    assert started(shop) == Counter(["a-eu", "a-us"])


def test_an_unknown_value_is_refused(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown value is refused, on the command line and in the variable."""
    ran = shop.run("--unmet=failed")
    assert ran.status == 4
    assert "--unmet 'failed': it takes no value, or blocked" in ran.err
    monkeypatch.setenv("PRODSTATUS_UNMET", "yes")
    assert shop.run("-m", "production").status == 4
