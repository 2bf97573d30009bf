"""A run in shards, once merged, equals the undivided run; commands work as processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.model.codec import read_record, write_record
from tests.integration.project import CONFIG as PLAIN
from tests.integration.project import SHOP, XDIST, Project
from tests.integration.warm import PLAIN as WITHOUT_NEIGHBOURS
from tests.integration.warm import POSSIBLE, warm

TESTS = """
@api
def test_key(evidence):
    "The key is good."
    evidence(count=3)

@api
@pytest.mark.parametrize("region", ["eu", "us"])
def test_hosts(region): assert region == "eu"

@shop
def test_open(evidence): evidence(at="nine")

@shop
def test_paid(): blocked("no one paid", kind="no-data", remedy="sell something")
"""
CONFIG = """
[tool.prodstatus]
document = "STATUS.md"
[[tool.prodstatus.stages]]
id = "api"
criteria = ["key", "hosts"]
[[tool.prodstatus.stages]]
id = "shop"
requires = ["api"]
criteria = ["open", "missing"]
[[tool.prodstatus.stages]]
id = "final"
rollup = ["api", "shop"]
"""
# The fields that differ from run to run.
TIMES = ("started", "finished", "observed_at", "at", "since", "duration", "document")


def timeless(value: Any) -> Any:
    """Return a record's JSON without times and without the names of workers."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    if isinstance(value, list):
        return [timeless(item) for item in value]
    return re.sub(r"\[gw\d\]", "[worker]", value) if isinstance(value, str) else value


def prodstatus(
    project: Project, *args: str, fresh: bool = not POSSIBLE
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, out of the warm one unless it has to be fresh."""
    state = {"XDG_STATE_HOME": str(project.root / "state")}
    program = [sys.executable, "-c", "from pytest_prodstatus.cli.main import main; main()"]
    if not fresh:
        program = [str(warm(WITHOUT_NEIGHBOURS).programs() / "prodstatus")]
    return subprocess.run(
        [*program, *args],
        cwd=project.root, env={**os.environ, **state}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip


def record_in(folder: Path) -> dict[str, Any]:
    """Return the JSON of the record in a folder."""
    data: dict[str, Any] = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    return data


@pytest.mark.parametrize("mode", [(), XDIST], ids=["serial", "n2"])
def test_shards_make_the_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """Shards by stage, merged, equal one run of all stages, but for times."""
    project.write({"pyproject.toml": CONFIG, "test_all.py": TESTS})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "before")
    assert project.run().status == 1
    folders = [project.root / name for name in ("whole", "one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "status.json").write_bytes((project.folder / "status.json").read_bytes())
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "sharded")
    unsharded = project.run(*mode, f"--prodstatus-dir={folders[0]}", folder=folders[0])
    for folder, stage in zip(folders[1:], ("api", "shop"), strict=True):
        project.run(*mode, f"--prodstatus-dir={folder}", f"--stage={stage}", folder=folder)
    merged = prodstatus(project, "merge", "two/status.json", "one/status.json")
    assert merged.returncode == unsharded.status == 1, merged.stderr
    assert merged.stdout.startswith("no shard ran shop.missing: BLOCKED: no test provides it\n")
    assert timeless(record_in(project.folder)) == timeless(record_in(folders[0]))
    gate = prodstatus(project, "gate", "--check-document")
    assert gate.returncode == 1
    assert "api.hosts[us]" in gate.stdout


def test_shards_by_number_make_the_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--prodstatus-shard` runs each criterion once in all, in shards of which one may be empty.

    What shares an xdist group is in one of them, and so is what acts on the world.
    """
    together = """
    from pathlib import Path
    def run(name):
        shard = os.environ["PRODSTATUS_DIR"]
        with open("ran", "a") as file: file.write(f"{name} {Path(shard).name}\\n")
    @api
    @pytest.mark.parametrize("n", range(5))
    def test_alone(n): run(f"alone{n}")
    @api
    @pytest.mark.xdist_group("one")
    @pytest.mark.parametrize("n", range(5))
    def test_grouped(n): run("grouped")
    @pytest.mark.stage("shop", side_effects=True)
    def test_buy(): run("acts")
    @pytest.mark.stage("shop", side_effects=True)
    def test_pay(): run("acts")
    """
    project.write({"test_all.py": together})
    number = 6
    parts = [project.root / str(n) for n in range(1, number + 1)]
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "sharded")
    statuses = []
    for folder in parts:
        monkeypatch.setenv("PRODSTATUS_DIR", str(folder))
        shard = f"--prodstatus-shard={folder.name}/{number}"
        # By a variable as well, and with workers.
        if folder.name == "2":
            monkeypatch.setenv("PRODSTATUS_SHARD", f"2/{number}")
            ran = project.run(*XDIST, folder=folder)
            monkeypatch.delenv("PRODSTATUS_SHARD")
        else:
            ran = project.run(shard, folder=folder)
        statuses.append(ran.status)
        assert ran.record["run"]["selection"] == f"--prodstatus-shard {folder.name}/{number}"
        assert ran.record["run"]["shard"]
    assert set(statuses) == {0}
    assert any(record_in(f)["decision"]["selection"]["criteria"] == 0 for f in parts)
    lines = (project.root / "ran").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(lines) == 12
    for name in ("grouped", "acts"):
        assert len({line for line in lines if line.startswith(name)}) == 1
    monkeypatch.delenv("PRODSTATUS_DIR")
    merged = prodstatus(project, "merge", *(f"{f.name}/status.json" for f in parts))
    assert (merged.returncode, merged.stderr) == (0, "")
    assert record_in(project.folder)["run"]["complete"]
    acted = next(line.split()[1] for line in lines if line.startswith("acts"))
    left = [f"{folder.name}/status.json" for folder in parts if folder.name != acted]
    lost = prodstatus(project, "merge", *left)
    assert lost.returncode == 10
    assert "no shard ran" in lost.stdout


def test_a_shard_of_every_criterion_is_a_shard(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it was started makes it one, so its signed record may be merged more than once.

    Of a run the state store keeps the record of the shard that ended last, then the merged one.
    """
    pytest.importorskip("securesystemslib.dsse")
    together = """
    pytestmark = pytest.mark.xdist_group("one")
    @api
    def test_a(): pass
    @shop
    def test_b(): pass
    """
    config = PLAIN.replace("document", 'signed_by = ["ci.pub"]\ndocument')
    project.write({"pyproject.toml": config, "test_all.py": together})
    assert prodstatus(project, "key", "new", "ci").returncode == 0
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{project.root}/state.db")
    monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "sharded")
    counts, records = [], []
    for number in "12":
        folder = project.root / number
        args = (f"--prodstatus-shard={number}/2", f"--prodstatus-dir={folder}")
        run = project.run(*args, folder=folder).record
        counts.append(run["decision"]["selection"]["criteria"])
        assert (run["run"]["shard"], run["decision"]["open"]) == (True, False)
        records.append(f"{number}/status.json")
        assert prodstatus(project, "sign", "--key", "ci.key", records[-1]).returncode == 0
    assert sorted(counts) == [0, 2]
    whole = records[counts.index(2)]
    for _ in range(2):
        merged = prodstatus(project, "merge", *records)
        assert (merged.returncode, merged.stderr) == (0, "")
        gate = prodstatus(project, "gate", whole)
        assert (gate.returncode, "rule shard" in gate.stdout) == (10, True)


def test_an_empty_shard_beside_a_hook_that_restores_the_status(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with 0, and the merged FINAL is CONFIRMED, also if a hook sets pytest's 5 again."""
    hook = "def pytest_sessionfinish(session, exitstatus): session.exitstatus = exitstatus"
    together = """
    pytestmark = pytest.mark.xdist_group("one")
    @api
    def test_a(): pass
    @shop
    def test_b(): pass
    """
    project.write({"conftest.py": hook, "test_all.py": together})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "sharded")
    for number in "12":
        folder = project.root / number
        args = (f"--prodstatus-shard={number}/2", f"--prodstatus-dir={folder}")
        assert project.run(*args, folder=folder).status == 0
    merged = prodstatus(project, "merge", "1/status.json", "2/status.json")
    assert (merged.returncode, merged.stderr) == (0, "")


def test_a_shard_of_nothing_that_was_selected_is_not_idle(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing is left before the shard is taken, "no tests" stays pytest's exit status."""
    project.write({"test_all.py": TESTS})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "none")
    assert project.run("-k", "nothing", "--prodstatus-shard=1/2").status == 5


@pytest.mark.parametrize("shard", ["", "0/3", "4/3", "3"])
def test_a_shard_that_does_not_exist_is_a_usage_error(project: Project, shard: str) -> None:
    """A shard that doesn't exist, or an empty value, is a usage error."""
    ran = project.run(f"--prodstatus-shard={shard}")
    assert (ran.status, ran.files) == (4, frozenset())
    assert "how many there are, as in 3/12" in ran.err


def test_a_lost_shard_opens_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard's record, an old one, or a merge without the lost shard keeps the gate closed."""
    tests = "@api\ndef test_a(): pass\n@shop\ndef test_b(): pass\n"
    project.write({"test_all.py": tests})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "yesterday")
    assert project.run().status == 0
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "today")
    gate = prodstatus(project, "gate")
    assert (gate.returncode, "rule run" in gate.stdout) == (10, True)
    before = (project.folder / "status.json").read_bytes()
    for stage in ("api", "shop"):
        folder = project.root / stage
        folder.mkdir()
        (folder / "status.json").write_bytes(before)
        ran = project.run(f"--prodstatus-dir={folder}", f"--stage={stage}", folder=folder)
        assert (ran.status, ran.final) == (0, "CONFIRMED")
    gate = prodstatus(project, "gate", "api/status.json")
    assert (gate.returncode, "rule shard" in gate.stdout) == (10, True)
    lost = prodstatus(project, "merge", "api/status.json")
    assert lost.returncode == 10
    assert lost.stdout.startswith("no shard ran shop.b: BLOCKED: no shard ran it, and an earlier")
    assert prodstatus(project, "gate").returncode == 10
    assert prodstatus(project, "render").returncode == 10
    merged = prodstatus(project, "merge", "api/status.json", "shop/status.json")
    assert (merged.returncode, "no shard ran" in merged.stdout) == (0, False)
    gate = prodstatus(project, "gate", "--run", "today")
    assert (gate.returncode, gate.stderr) == (0, "")


def test_a_lost_file_opens_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """If each shard collects one file, none knows the criteria of a lost one.

    It is enough if one collects all files, or remembers a run that did.
    """
    tests = {"a": "@api\ndef test_a(): pass\n", "b": "@api\ndef test_b(): assert 0\n"}
    project.write({f"test_{name}.py": text for name, text in tests.items()})
    project.write({"test_shop.py": SHOP})

    def lost(*others: str) -> str:
        """Return what the merge of all shards but one prints last."""
        merged = prodstatus(project, "merge", "part/status.json", *others)
        gate = prodstatus(project, "gate")
        assert (merged.returncode, gate.returncode) == (10, 10)
        assert record_in(project.folder)["run"]["starts_unknown"]
        return merged.stdout.splitlines()[-1]

    folder = project.root / "part"
    files = ("test_a.py", "test_shop.py")
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "files")
    ran = project.run("-m", "production", *files, f"--prodstatus-dir={folder}", folder=folder)
    assert (ran.status, ran.final, ran.record["run"]["rest_unknown"]) == (0, "CONFIRMED", True)
    assert "each shard was limited to some files of the suite" in lost()
    other = project.root / "other"
    project.run("--stage=shop", f"--prodstatus-dir={other}", folder=other)
    assert "api.b BLOCKED: it was not selected" in lost("other/status.json")
    monkeypatch.delenv("PRODSTATUS_RUN_ID")
    project.run("-m", "production", f"--prodstatus-dir={folder}", folder=folder)
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "later")
    ran = project.run("-m", "production", *files, f"--prodstatus-dir={folder}", folder=folder)
    assert "rest_unknown" not in ran.record["run"]
    merged = prodstatus(project, "merge", "part/status.json")
    assert (merged.returncode, "api.b FAILED" in merged.stdout) == (1, True)


def test_what_a_lost_shard_may_have_done_is_not_done_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--unmet` starts nothing with side effects that no merged shard ran."""
    acts = """
    @pytest.mark.stage("shop", side_effects=True)
    def test_buy():
        with open("bought", "a") as file: file.write("x")
    """
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": acts})
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "sharded")
    for stage in ("api", "shop"):
        folder = project.root / stage
        project.run(f"--stage={stage}", f"--prodstatus-dir={folder}", folder=folder)
    assert prodstatus(project, "merge", "api/status.json").returncode == 10
    monkeypatch.delenv("PRODSTATUS_RUN_ID")
    ran = project.run("--unmet")
    assert (ran.status, ran.verdicts["shop.buy"]) == (10, "BLOCKED not-run")
    assert "shop.buy: it acts on the world and may have started before" in ran.out
    assert (project.root / "bought").read_text("utf-8") == "x"


def test_exit_statuses(project: Project) -> None:
    """Real processes end with 0 open, 1 FAILED, 10 closed otherwise, 2 a usage error."""
    tests = "@api\ndef test_a(): pass\n@shop\ndef test_b(): pass\n"
    project.write({"test_all.py": tests})
    assert prodstatus(project, "gate", fresh=True).returncode == 10
    assert project.run().status == 0
    done = prodstatus(project, "gate", "--check-document", fresh=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gate open (target production): FINAL CONFIRMED\n")
    assert prodstatus(project, "gate", "--target", "demo", fresh=True).returncode == 10
    assert prodstatus(project, "gate", "--require", "none", fresh=True).returncode == 2
    assert prodstatus(project, "render", fresh=True).returncode == 0
    assert prodstatus(project, "render", "nothing.json", fresh=True).returncode == 2
    project.write({"test_all.py": tests.replace("pass", "assert 0", 1)})
    assert project.run().status == 1
    assert prodstatus(project, "gate", fresh=True).returncode == 1


def test_a_run_of_another_rule_opens_no_gate(project: Project) -> None:
    """A run may end with 0 under its own rule; the deploy gate requires CONFIRMED."""
    project.write({"test_all.py": "@api\ndef test_a(): pytest.skip('later')\n"})
    assert project.run("--prodstatus-gate=not-failed").status == 0
    assert prodstatus(project, "gate").returncode == 10


def test_a_gate_asks_neither_pytest_nor_heavy_libraries(project: Project) -> None:
    """The gate's command imports neither pytest nor a heavy library."""
    program = (
        "import sys; sys.argv = ['prodstatus', 'gate']\n"
        "import click\ntheirs = set(sys.modules)\n"  # on Python 3.10 subprocess, by way of uuid
        "from pytest_prodstatus.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 10, end.code\n"
        "heavy = {'pytest', '_pytest', 'markupsafe', 'sqlalchemy', 'subprocess'}\n"
        "heavy &= set(sys.modules) - theirs\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "XDG_STATE_HOME": str(project.root / "state")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, env=environment, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_is_merged_reads_back(project: Project) -> None:
    """A merge of an undivided run's record alone doesn't change it."""
    project.write({"test_all.py": "@api\ndef test_a(): pass\n@shop\ndef test_b(): pass\n"})
    project.run()
    before = (project.folder / "status.json").read_text(encoding="utf-8")
    assert prodstatus(project, "merge", "reports/status.json").returncode == 0
    after = (project.folder / "status.json").read_text(encoding="utf-8")
    assert after == before
    assert json.loads(write_record(read_record(after, "x")))["run"]["complete"]


def test_a_waiver_that_closes_the_gate_is_named_by_the_run(project: Project) -> None:
    """The board names it; the run's exit status follows from its verdicts alone."""
    waiver = """
    [[tool.prodstatus.waivers]]
    criterion = "api.gone"
    reason = "it was renamed"
    owner = "Ann"
    expires = 2020-12-31
    """
    project.write(
        {
            "pyproject.toml": CONFIG + textwrap.dedent(waiver),
            "test_all.py": TESTS.replace('== "eu"', '!= ""'),
        }
    )
    ran = project.run("--stage=api")
    assert ran.status == 0
    line = "the waiver of 'api.gone' (Ann) is about no criterion: it closes the gate"
    assert line in ran.out.splitlines()
    assert line.partition(":")[0] in prodstatus(project, "gate", "--require", "api").stdout


def test_a_waiver_opens_the_gate_and_not_the_run(project: Project) -> None:
    """The run's own exit status stays, and so does every verdict."""
    day = f"{datetime.now(timezone.utc) + timedelta(days=3):%Y-%m-%d}"
    waiver = (
        "[[tool.prodstatus.waivers]]\ncriterion = 'api.a'\nreason = 'later'\nowner = 'Ann'\n"
        f"expires = {day}\n"
    )
    test = "@api\ndef test_a(): assert 0\n@shop\ndef test_b(): pass\n"
    project.write({"pyproject.toml": PLAIN + waiver, "test_all.py": test})
    ran = project.run()
    assert (ran.status, ran.final) == (1, "FAILED")
    gate = prodstatus(project, "gate")
    assert gate.returncode == 0
    assert gate.stdout.startswith("gate open, 1 waived (target production): FINAL FAILED\n")
