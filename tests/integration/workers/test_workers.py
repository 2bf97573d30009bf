"""Workers change no verdict, and neither does having none."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import datetime

import pytest

from tests.integration.project import CONFIG, SHOP, XDIST, Project

API = "@api\ndef test_a(): pass\n"


def test_without_xdist_all_is_the_same(project: Project) -> None:
    """The plugin doesn't need xdist: if that is blocked, nothing is missing."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run("-p", "no:xdist", "-p", "no:xdist.looponfail", "--strict-config")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_groups_do_not_change_a_criterion(project: Project) -> None:
    """With `--dist loadgroup` some versions add the group to node ids; criteria keep theirs."""
    test = """
    @api
    @pytest.mark.xdist_group("one")
    def test_a(evidence): evidence(n=1)
    @pytest.mark.stage("api", side_effects=True)
    @pytest.mark.xdist_group("one")
    def test_b(evidence): evidence(n=1)
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*XDIST, "--dist=loadgroup")
    assert ran.verdicts == {"api.a": "CONFIRMED", "api.b": "CONFIRMED", "shop.open": "CONFIRMED"}
    assert (ran.status, ran.record["run"]["complete"]) == (0, True)
    part = project.run("test_api.py")
    assert part.final == "CONFIRMED"


def test_workers_that_collect_differently_close_the_gate(project: Project) -> None:
    """If workers collect differently, nothing runs and nothing is CONFIRMED."""
    test = """
    @api
    def test_a(): pass
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        @api
        def test_b(): pass
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*XDIST)
    assert ran.final == "BLOCKED"
    assert ran.status == 4
    assert "CONFIRMED" not in ran.verdicts.values()
    assert re.search(r"worker gw1 collected the criterion test_api.py::test_b, and gw0", ran.err)


@pytest.mark.parametrize("dist", ["load", "each"])
@pytest.mark.parametrize(
    "differs",
    [
        '@pytest.mark.stage("api", side_effects=WORKER == "gw1")\n',
        '@pytest.mark.stage("api" if WORKER == "gw1" else "shop", side_effects=True)\n',
    ],
)
def test_workers_with_other_criteria_under_the_same_ids(
    dist: str, differs: str, project: Project
) -> None:
    """An older checkout may have the same tests with other marks: it is refused by name.

    Nothing has acted by then.
    """
    acts = ACTS.split("\n", 2)[2]
    test = f'WORKER = os.environ.get("PYTEST_XDIST_WORKER")\n{differs}{acts}'
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*XDIST, f"--dist={dist}", "-m", "production")
    assert re.search(r"worker gw[01] has test_api.py::test_buy as another criterion", ran.err)
    assert (ran.status, ran.final) == (4, "BLOCKED")
    assert bought(project) == 0


@pytest.mark.parametrize("with_mark", ["gw0", "gw1"])
def test_a_worker_without_any_criterion_is_refused(with_mark: str, project: Project) -> None:
    """A worker that finds no criterion is refused, also in a run that no option asks to judge."""
    test = f"""
    marked = os.environ.get("PYTEST_XDIST_WORKER") == "{with_mark}"
    @pytest.mark.parametrize("n", range(4))
    @(api if marked else lambda function: function)
    def test_a(n): pass
    """
    project.write({"pyproject.toml": "", "test_api.py": test})
    ran = project.run(*XDIST)
    other = "gw1" if with_mark == "gw0" else "gw0"
    assert (
        f"worker {with_mark} collected the criterion test_api.py::test_a[0], and {other}" in ran.err
    )
    assert ran.status == 4


@pytest.mark.parametrize(
    ("dist", "differs"),
    [("load", 'criterion="buy-" + WORKER'), ("each", 'side_effects=WORKER == "gw1"')],
)
def test_a_remote_worker_with_other_marks_runs_nothing(
    dist: str, differs: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the same commit and ids, and sees no folder of its controller's: it is refused too."""
    test = f"""
    WORKER = os.environ["PYTEST_XDIST_WORKER"]
    @pytest.mark.stage("api", {differs})
    def test_buy():
        with open("bought", "a") as file: file.write("x")
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    remote = [arg for arg in project.remote(monkeypatch) if not arg.startswith("--dist")]
    ran = project.run(*remote, f"--dist={dist}", "-m", "production")
    assert re.search(r"worker gw[01] has test_api.py::test_buy as another criterion", ran.err)
    assert (ran.status, ran.final, bought(project)) == (4, "BLOCKED", 0)


@pytest.mark.parametrize("other", [True, False])
def test_a_remote_worker_with_another_commit_runs_nothing(
    other: bool, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkout is older, and the catalogue may be the same: it is refused before any test."""
    hook = """
    import pytest
    @pytest.hookimpl(trylast=True)
    def pytest_configure_node(node):
        node.workerinput["prodstatus_commit"] = "0" * 40
    """
    project.write({"test_api.py": ACTS, "test_shop.py": SHOP})
    project.write({"conftest.py": hook if other else ""})
    for command in (
        "init -q", "add test_api.py",
        "-c user.name=a -c user.email=a@example commit -qm x",
    ):  # fmt: skip
        subprocess.run(["git", *command.split()], cwd=project.root, check=True)
    ran = project.run(*project.remote(monkeypatch), "-m", "production")
    assert ("of the suite and its controller 000000000000" in ran.out + ran.err) is other
    assert (ran.status, bought(project)) == ((4, 0) if other else (0, 1))


def test_more_workers_than_tests(project: Project) -> None:
    """Workers that get nothing to do don't count against the run."""
    project.write({"test_shop.py": SHOP, "test_api.py": API})
    ran = project.run("-n", "4")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_no_workers_at_all(project: Project) -> None:
    """With `-n 0` a run is serial."""
    project.write({"test_shop.py": SHOP, "test_api.py": API})
    ran = project.run("-n", "0")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_records_of_all_modes_agree(project: Project) -> None:
    """Serial, `-n 2` and `--dist each` give the same record but for times and workers."""
    test = """
    @api
    @pytest.mark.parametrize("n", range(3))
    def test_held(n, evidence): evidence(n=n)
    @api
    def test_failed(): assert 0, "no"
    @shop
    def test_blocked(): blocked("none yet", kind="no-data", remedy="sell")
    @api
    @pytest.mark.xfail(reason="known")
    def test_known(): assert 0
    @pytest.mark.stage("shop", side_effects=True)
    def test_buy(evidence): evidence(order="A")
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    records = []
    for mode in ((), XDIST, (*XDIST, "--dist=each"), (*XDIST, "--dist=loadfile")):
        ran = project.run(*mode)
        records.append(
            {
                "final": ran.record["final"],
                "decision": ran.record["decision"],
                "criteria": {
                    name: {
                        key: criterion[key]
                        for key in ("verdict", "observed", "reason", "kind", "remedy", "nodeid")
                    }
                    for name, criterion in ran.criteria.items()
                },
                "causes": {name: stage["cause"] for name, stage in ran.stages.items()},
            }
        )
    assert all(found == records[0] for found in records)


ACTS = """
@pytest.mark.stage("api", side_effects=True)
def test_buy(evidence):
    with open("bought", "a") as file: file.write("x")
    evidence(order="A")
"""


def bought(project: Project) -> int:
    """Return how often the criterion with side effects started."""
    path = project.root / "bought"
    return len(path.read_text(encoding="utf-8")) if path.exists() else 0


def test_workers_on_another_machine_share_no_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers without a shared folder send what they collected, and the record is the same."""
    project.write({"test_api.py": ACTS, "test_shop.py": SHOP})
    ran = project.run(*project.remote(monkeypatch), "-m", "production")
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.values("api.buy") == {"order": {"type": "text", "value": "A"}}
    assert bought(project) == 1


def test_a_remote_worker_acts_only_when_the_run_is_marked(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No option asks this run to judge: it begins with what its workers send before any test."""
    acts = f"{ACTS}    shutil.copy('reports/status.json', 'seen')\n"
    project.write({"test_api.py": f"import shutil\n{acts}", "test_shop.py": SHOP})
    ran = project.run(*project.remote(monkeypatch))
    assert ran.verdicts == {"api.buy": "CONFIRMED", "shop.open": "CONFIRMED"}
    assert bought(project) == 1
    seen = json.loads((project.root / "seen").read_text(encoding="utf-8"))
    assert (seen["run"]["id"], seen["run"]["finished"]) == (ran.record["run"]["id"], None)


def test_a_bad_catalogue_is_refused_before_any_test_on_another_machine(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers refuse a bad catalogue before any test, so that no criterion acts."""
    project.write({"test_api.py": ACTS.replace('"api"', '"pay"'), "test_shop.py": SHOP})
    ran = project.run(*project.remote(monkeypatch))
    assert "pay" in ran.out + ran.err
    assert ran.status == 4
    assert bought(project) == 0


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadfile", "loadgroup", "worksteal"])
def test_what_a_worker_died_in_is_never_started_again(
    dist: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test in which a worker died isn't started again, as xdist's scopes would do.

    No shared folder records that it ran.
    """
    dies = ACTS + "    os._exit(1)\ndef test_after(): pass\n"
    project.write({"test_api.py": dies, "test_shop.py": SHOP})
    remote = [arg for arg in project.remote(monkeypatch) if not arg.startswith("--dist")]
    ran = project.run(*remote, f"--dist={dist}", "-m", "production", "--max-worker-restart=4")
    assert ran.verdicts["api.buy"] == "FAILED crash"
    assert bought(project) == 1


def test_each_worker_runs_it_all_and_one_of_them_acts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--dist each` one worker acts, also if the workers share no folder."""
    project.write({"test_api.py": ACTS, "test_shop.py": SHOP})
    remote = [arg for arg in project.remote(monkeypatch) if not arg.startswith("--dist")]
    ran = project.run(*remote, "--dist=each", "-m", "production")
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert bought(project) == 1


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("prodstatus_version", "0.0.1", "has pytest-prodstatus"),
        ("prodstatus_catalogue", "0" * 64, "has another catalogue"),
    ],
)
def test_a_worker_that_disagrees_with_its_controller_runs_nothing(
    key: str, value: str, words: str, project: Project
) -> None:
    """A worker with another release or checkout is refused by name, before any test."""
    hook = f"""
    import pytest
    @pytest.hookimpl(trylast=True)
    def pytest_configure_node(node):
        node.workerinput["{key}"] = "{value}"
    """
    project.write({"conftest.py": hook, "test_api.py": ACTS, "test_shop.py": SHOP})
    ran = project.run(*XDIST, "-m", "production")
    assert words in ran.out + ran.err
    assert "worker gw" in ran.out + ran.err
    assert ran.status == 4
    assert ran.final == "BLOCKED"
    assert bought(project) == 0


DEATHS = """
@api
def test_exits(): os._exit(3)
@api
def test_is_killed(): os.kill(os.getpid(), signal.SIGKILL)
"""


def test_how_a_worker_died_is_in_the_reason(project: Project) -> None:
    """The reasons of criterion and run say how a worker died: exit status or signal."""
    project.write({"test_api.py": DEATHS, "test_shop.py": SHOP})
    ran = project.run(*XDIST, fresh=True)
    reasons = {name: c["reason"] for name, c in ran.criteria.items()}
    assert reasons == {
        "api.exits": "the worker process died while it ran (exit status 3)",
        "api.is-killed": "the worker process died while it ran (signal 9, SIGKILL)",
        "shop.open": None,
    }
    incidents = sorted(i["reason"].partition(" died: ")[2] for i in ran.record["run"]["incidents"])
    assert incidents == ["exit status 3", "signal 9, SIGKILL"]


def test_workers_have_the_run_s_id(project: Project) -> None:
    """The id that a criterion sees in a worker is that of the record."""
    test = "@api\ndef test_a(evidence, prodstatus_run_id): evidence(run=prodstatus_run_id)\n"
    config = CONFIG.replace('id = "api"', 'id = "api"\nrequire_assertion = false')
    config = config.replace("document", "require_assertion = true\ndocument")
    project.write({"pyproject.toml": config, "test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*XDIST, "-m", "production")
    assert ran.values("api.a") == {"run": {"type": "text", "value": ran.record["run"]["id"]}}


def instant(text: str) -> datetime:
    """Return an instant of a record; Python 3.10 doesn't read the `Z`."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize("ahead", [-300, 300])
def test_a_worker_whose_clock_is_off(ahead: int, project: Project) -> None:
    """Its dates are by the controller's clock and within the run; the skew caps FINAL.

    Of a worker that is behind, the time that it takes to start can't be told from its skew.
    """
    test = """
    @api
    @pytest.mark.parametrize("n", range(8))
    def test_held(n, evidence):
        evidence(worker=os.environ["PYTEST_XDIST_WORKER"], now=time.time())
        time.sleep(0.05)
    @api
    def test_failed(): assert 0
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*project.with_clocks(0, ahead))
    run = ran.record["run"]
    started, finished = (instant(run[key]) for key in ("started", "finished"))
    off = set()
    for criterion in ran.criteria.values():
        at = instant(criterion["observed_at"])
        assert started <= at <= finished
        assert (finished - at).total_seconds() < 60
        values = {entry["name"]: entry for entry in criterion["evidence"]}
        for entry in values.values():
            assert started <= instant(entry["at"]) <= finished
        if values:
            off.add((values["worker"]["value"], round(values["now"]["value"] - at.timestamp(), -2)))
    assert off == {("gw0", 0), ("gw1", ahead)}
    (incident,) = run["incidents"]
    size = r"5 min ahead of" if ahead > 0 else r"\d min( \d+ s)? behind"
    assert re.fullmatch(f"the clock of worker gw1 is {size} the controller's", incident["reason"])
    assert "synchronize the clocks" in incident["remedy"]
    assert ran.verdicts["api.held[0]"] == "CONFIRMED"
    assert ran.final == "FAILED"


def test_a_worker_whose_clock_is_a_little_off(project: Project) -> None:
    """Up to 30 s are no incident, and the dates are put right all the same."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run(*project.with_clocks(20))
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    run = ran.record["run"]
    assert run["incidents"] == []
    dates = {criterion["observed_at"] for criterion in ran.criteria.values()}
    assert all(run["started"] <= at <= run["finished"] for at in dates)


ONCE = """
from xdist.looponfail import StatRecorder

def interrupted(*_, **__):
    raise KeyboardInterrupt

StatRecorder.waitonchange = interrupted
"""
"""Ends `-f` where it would wait for a file to change."""
LOOPS = "-f (--looponfail) runs tests again whenever a file changes, so it can't judge criteria"


@pytest.mark.parametrize("args", [("-m", "production"), ("--stage=api",)])
def test_a_loop_that_is_asked_to_judge_is_refused(project: Project, args: tuple[str, ...]) -> None:
    """A criterion could act each time that a file is saved; nothing is locked or written."""
    project.write({"conftest.py": ONCE, "test_api.py": "@api\ndef test_a(): Path('x').touch()\n"})
    ran = project.run_alone("-f", *args)
    assert (ran.status, ran.files) == (4, frozenset())
    assert LOOPS in ran.err
    assert not (project.root / "x").exists()


def test_a_loop_runs_what_is_no_criterion(project: Project) -> None:
    """A criterion among the tests ends the round before any of them starts, and names why."""
    project.write(
        {
            "conftest.py": ONCE,
            "test_api.py": "@api\ndef test_a(): Path('x').touch()\n",
            "test_unit.py": "def test_b(): pass\n",
        }
    )
    refused = project.run_alone("-f")
    assert LOOPS in refused.out
    assert not (project.root / "x").exists()
    plain = project.run_alone("-f", "test_unit.py")
    assert "1 passed" in plain.out
    for ran in (refused, plain):
        assert ran.files == frozenset()
        assert "INTERNALERROR" not in ran.out + ran.err
        assert "Traceback" not in ran.out + ran.err
