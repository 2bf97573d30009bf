"""The actions for GitHub, run by a stand-in for its runner, and held to the linters."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from tests.integration.ci.runner import ACTIONS, Done, Runner
from tests.integration.project import CONFIG, LEAN, SHOP, Project
from tests.integration.warm import path_of_scripts
from tests.unit.documentation.pages import blocks_of

ROOT = ACTIONS.parent
BIN = Path(sys.executable).parent
CALLED = ROOT / ".github/workflows/prodstatus.yml"
EXAMPLES = [ROOT / "docs/ci" / name for name in ("deploy.yml", "shards.yml", "pages.yml")]
WORKFLOWS = [CALLED, *EXAMPLES, *sorted((ROOT / "docs/ci").glob("github*.yml"))]
CRITERIA = {
    "CONFIRMED": "@api\ndef test_a(): pass\n",
    "FAILED": "@api\ndef test_a(): assert False, 'lost'\n",
    "BLOCKED": "@api\ndef test_a(): blocked('not yet', kind='pending')\n",
}
STATUS = {"CONFIRMED": 0, "FAILED": 1, "BLOCKED": 10}
DECLARED = CONFIG.replace('id = "api"\n', 'id = "api"\ncriteria = ["a"]\n').replace(
    'id = "shop"\n', 'id = "shop"\ncriteria = ["open"]\n'
)

NewRunner = Callable[..., Runner]


@pytest.fixture
def job(project: Project, tmp_path_factory: pytest.TempPathFactory) -> NewRunner:
    """Starts a job in a checkout of its own; what jobs share is elsewhere."""
    store = tmp_path_factory.mktemp("github")
    lean = " ".join(f"-pno:{name}" for name in LEAN)
    environ = {
        "HOME": str(store),
        "PYTEST_ADDOPTS": lean,
        "PRODSTATUS_HISTORY": "0",
    }
    started: list[Path] = []

    def start(
        verdict: str = "CONFIRMED", *, config: str = DECLARED, new: bool = False, **more: object
    ) -> Runner:
        files = {"pyproject.toml": config, "test_api.py": CRITERIA[verdict], "test_shop.py": SHOP}
        project.write(files)
        if not (project.root / ".git").exists():
            git(project.root, "init", "--quiet")
        git(project.root, "add", *files)
        # All jobs of a run are of one commit.
        author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        command = ["git", *author, "commit", "--quiet", "-m", "The suite"]
        subprocess.run(command, cwd=project.root, check=False, capture_output=True)
        root = store / f"job{len(started)}"
        started.append(root)
        git(project.root, "clone", "--quiet", str(project.root), str(root))
        # Programs that are new interpreters, as a user's, or come out of the warm process.
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}" if new else path_of_scripts()
        here = {**environ, "PATH": path}
        return Runner(root=root, store=store, environ=here, **more)  # type: ignore[arg-type]

    return start


def git(root: Path, *args: str) -> None:
    """Run git in a folder."""
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *author, *args], cwd=root, check=True, capture_output=True)


def closed(done: Done, status: int = 10) -> None:
    """Assert that a gate's step failed, and that its outputs say so."""
    assert (done.outcome, done.status) == ("failure", status), done.log
    assert done.outputs["open"] != "true"
    assert done.outputs["verdict"] != "CONFIRMED" or done.outputs["rules"]


@pytest.mark.parametrize("verdict", CRITERIA)
def test_a_first_run_in_every_verdict(job: NewRunner, verdict: str) -> None:
    """The judge ends as pytest did, the record is kept, and the gate is open if it is CONFIRMED."""
    here = job(verdict)
    judged = here.use("judge", target="staging")
    assert judged.outputs["status"] == str(STATUS[verdict])
    assert judged.status == STATUS[verdict], judged.log
    kept = here.store / "artifacts/prodstatus-staging"
    assert {"status.json", "status.html"} <= {path.name for path in kept.iterdir()}
    gate = here.use("gate", target="staging")
    if verdict == "CONFIRMED":
        assert gate.outcome == "success", gate.log
        assert gate.outputs == {
            "open": "true", "verdict": "CONFIRMED", "exit-code": "0", "rules": "",
        }  # fmt: skip
    else:
        closed(gate, STATUS[verdict])
        assert gate.outputs["verdict"] == verdict
        assert "::error title=gate" in gate.log


def test_a_gate_in_another_job_takes_the_artifact(job: NewRunner) -> None:
    """It opens by the artifact of the job that judged, and of no other run or target."""
    assert job(new=True).use("judge", enforce="false").outcome == "success"
    assert job(new=True).use("gate", **{"from": "artifact"}).outcome == "success"
    closed(job(run="813").use("gate", **{"from": "artifact"}))
    closed(job().use("gate", target="staging", **{"from": "artifact"}))


def test_a_record_that_is_missing_opens_nothing(job: NewRunner) -> None:
    """If pytest can't even start, no step is green, and there is nothing to open the gate with."""
    here = job()
    broken = here.store / "bin"
    broken.mkdir()
    (broken / "pytest").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    (broken / "pytest").chmod(0o755)
    here.environ = {**here.environ, "PATH": f"{broken}{os.pathsep}{here.environ['PATH']}"}
    judged = here.use("judge", enforce="false")
    assert (judged.outcome, judged.outputs["status"]) == ("failure", "3"), "it has no artifact"
    assert here.use("judge").outcome == "failure"
    closed(here.use("gate"))
    closed(here.use("gate", **{"from": "artifact"}))
    closed(job().use("gate", **{"from": "shards"}))


def test_a_cancelled_job_opens_nothing(job: NewRunner) -> None:
    """A cancelled job keeps its artifact and does nothing else."""
    here = job(cancelled=True)
    here.use("judge", carry_over="true")
    assert (here.store / "artifacts/prodstatus-production").is_dir()
    assert not (here.store / "cache").exists()


def test_a_run_that_is_killed_opens_nothing(job: NewRunner) -> None:
    """Its record is of a run in progress; the artifact is kept, and says so."""
    here = job()
    (here.root / "test_api.py").write_text(
        "import os, pytest\npytestmark = pytest.mark.stage('api')\n"
        "def test_a(): os.kill(os.getpid(), 9)\n",
        encoding="utf-8",
    )
    judged = here.use("judge", enforce="false")
    assert judged.outputs["status"] == "137"
    assert (here.store / "artifacts/prodstatus-production/status.json").is_file()
    gate = here.use("gate")
    closed(gate)
    assert gate.outputs["verdict"] == "BLOCKED"


def test_a_waiver_opens_the_gate_and_not_the_judge(job: NewRunner) -> None:
    """The judge is as red as the run, and the gate is green with a notice."""
    tomorrow = datetime.now(timezone.utc).date() + timedelta(days=1)
    waiver = (
        "\n[[tool.prodstatus.waivers]]\ncriterion = 'api.a'\nreason = '100%, ##[error]'\n"
        f"owner = 'Ann'\nexpires = {tomorrow}\n"
    )
    here = job("FAILED", config=DECLARED + waiver)
    assert here.use("judge", working_directory=".").status == 1
    gate = here.use("gate")
    assert gate.outcome == "success", gate.log
    assert (gate.outputs["open"], gate.outputs["verdict"]) == ("true", "FAILED")
    assert "::notice title=waived by Ann::api.a is FAILED: 100%25, ##[error]" in gate.log


def test_a_shard_carries_over_what_outlives_a_release(job: NewRunner) -> None:
    """Shards open the gate together with the last record, for a stage that holds for longer."""
    declared = DECLARED.replace('criteria = ["open"]\n', 'criteria = ["open"]\nvalid_for = "30d"\n')

    def judged(run: str, carry_over: str, **more: str) -> Done:
        here = job(run=run, config=declared)
        assert here.use("judge", carry_over=carry_over, **more).outcome == "success"
        return job(run=run, config=declared).use(
            "gate", carry_over=carry_over, **{"from": "shards"} if more else {"from": "artifact"}
        )

    assert judged("812", "true").outcome == "success"
    part = {"stages": "api", "shard": "api"}
    closed(judged("813", "false", **part))
    assert judged("814", "true", **part).outcome == "success"
    # The merged record is the next one's last.
    shutil.rmtree(job(config=declared).store / "cache/prodstatus-production-812-1")
    assert judged("815", "true", **part).outcome == "success"
    assert job(config=declared).use("judge", stages="api").status == 2


@pytest.mark.parametrize("lost", [False, True], ids=["all", "one lost"])
def test_shards_open_the_gate_together(job: NewRunner, lost: bool) -> None:
    """Each shard keeps its part, and the gate merges them; a part that is lost closes it."""
    for stage in ("api", "shop"):
        here = job()
        assert here.use("judge", shard=stage, stages=stage).outcome == "success"
    if lost:
        shutil.rmtree(here.store / "artifacts/prodstatus-production-shard-api")
    gate = job().use("gate", **{"from": "shards"})
    if lost:
        closed(gate)
    else:
        assert gate.outcome == "success", gate.log


def test_the_suite_gets_its_variables_and_nothing_is_a_command(job: NewRunner) -> None:
    """A value is never part of a script, and a name that would be a path is refused."""
    here = job()
    (here.root / "test_api.py").write_text(
        "import os, pytest\npytestmark = pytest.mark.stage('api')\n"
        "def test_a(): assert os.environ['TOKEN'] == '$(touch pwned) \"x\" =y'\n",
        encoding="utf-8",
    )
    hostile = "v1'; touch pwned; echo '$(touch pwned)"
    variables = 'TOKEN=$(touch pwned) "x" =y\n\nOTHER=1\n'
    judged = here.use("judge", release=hostile, variables=variables)
    assert judged.outcome == "success", judged.log
    here.use("gate", release=hostile, commit="`touch pwned`", require="api; touch pwned")
    for target in ("../up", "a b", "", "x\nfolder=/etc"):
        assert here.use("judge", target=target).outcome == "failure"
        assert here.use("gate", target=target).outcome == "failure"
    for name in ("judge", "gate"):
        done = here.use(name, working_directory="x\nfolder=/etc")
        assert (done.status, done.outputs.get("folder")) == (2, "" if name == "judge" else None)
    for shard in ("../../up", "a b", "x\nfolder=/etc", "-x"):
        assert here.use("judge", shard=shard).status == 2
    assert here.use("gate", **{"from": "elsewhere"}).status == 2
    assert not list(here.root.glob("**/pwned"))


def test_the_suite_s_variables_are_its_own(job: NewRunner) -> None:
    """No variable changes what is judged; a value is masked in the log, and so is a bad line."""
    here = job()
    (here.root / "test_api.py").write_text(
        "import os, pytest\npytestmark = pytest.mark.stage('api')\n"
        "def test_a():\n    print(os.environ['TOKEN'])\n"
        "    assert [os.environ[n] for n in ('TARGET', 'given', 'A')] == ['eu', 'x', 'b=c d']\n"
        "    assert os.environ['RUN'] == 'mine'\n",
        encoding="utf-8",
    )
    lines = [
        "# from Windows", "TOKEN=100%secret", "TARGET=eu", "RELEASE=v9", "FOLDER=up", "STAGES=shop",
        "PRODSTATUS_RUN_ID=9", "given=x", "  ", "A=b=c d",
        "B=two\rlines here",
    ]  # fmt: skip
    options = f"{here.environ['PYTEST_ADDOPTS']} -s"
    here.environ = {**here.environ, "PYTEST_ADDOPTS": options, "RUN": "mine"}
    judged = here.use("judge", variables="\r\n".join(lines))
    assert judged.outcome == "success", judged.log
    assert " ***\n" in judged.log
    assert "100%secret" not in judged.log
    assert "lines here" not in judged.log
    run = json.loads((here.root / "reports/status.json").read_text(encoding="utf-8"))["run"]
    assert (run["target"], run["id"]) == ("production", "812-1")
    assert run["subject"]["release"] != "v9"
    for line in ("-p", "TOKEN", " TOKEN=hush-hush", "1A=hush-hush", "=hush-hush", "A B=hush-hush"):
        done = here.use("judge", variables=f"A=1\n{line}")
        assert done.status == 2, done.log
        assert "::error::line 2 of variables is not NAME=VALUE" in done.log
        assert "hush" not in done.log


def program(name: str) -> str:
    """Return a linter's path; skip without it."""
    path = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"there is no {name} here")
    return path


def test_actionlint_finds_nothing() -> None:
    """Workflows and the actions that they use are correct, and so are their scripts."""
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [program("actionlint"), *map(str, WORKFLOWS)]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing() -> None:
    """No workflow or action has a weakness that is known."""
    done = subprocess.run(
        [program("zizmor"), "--offline", "--no-progress", str(ACTIONS), *map(str, WORKFLOWS)],
        cwd=ROOT, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_what_a_user_copies_is_short_and_clean(tmp_path: Path) -> None:
    """The workflow on the page has at most 12 lines, and both linters find nothing in it."""
    (block,) = [b for b in blocks_of("docs/consumers/github.md") if b.language == "yaml"]
    assert len(block.text.splitlines()) <= 12
    shutil.copytree(ACTIONS, tmp_path / "actions")
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    shutil.copy(CALLED, folder)
    (folder / "production.yml").write_text(block.text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    for command in (["zizmor", "--offline", "--no-progress", "."], ["actionlint"]):
        done = subprocess.run(
            [program(command[0]), *command[1:]],
            cwd=tmp_path, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_what_a_user_copies_gives_what_the_workflow_takes() -> None:
    """The page names its inputs and secrets, and an environment can have secrets of these names."""
    (block,) = [b for b in blocks_of("docs/consumers/github.md") if b.language == "yaml"]
    (caller,) = yaml.safe_load(block.text)["jobs"].values()
    # YAML reads the key `on` as true.
    takes = yaml.safe_load(CALLED.read_text(encoding="utf-8"))[True]["workflow_call"]
    assert set(caller["with"]) <= set(takes["inputs"])
    assert set(caller["secrets"]) <= set(takes["secrets"])
    assert all(re.fullmatch(r"[a-z_]+", name) for name in takes["secrets"])
    assert not [about for about in takes["secrets"].values() if about["required"]]


@pytest.mark.parametrize("name", ["judge", "gate"])
def test_the_scripts_of_an_action_are_clean(name: str, tmp_path: Path) -> None:
    """ShellCheck finds nothing; actionlint looks only into workflows."""
    action = yaml.safe_load((ACTIONS / name / "action.yml").read_text(encoding="utf-8"))
    for number, step in enumerate(action["runs"]["steps"]):
        if "run" in step:
            script = tmp_path / f"{name}{number}.sh"
            script.write_text(f"#!/usr/bin/env bash\n{step['run']}", encoding="utf-8")
            subprocess.run([program("shellcheck"), str(script)], check=True)


def test_the_called_workflow_asks_the_gate_in_any_case() -> None:
    """It gives its jobs the least rights, and no step after the judge depends on its success."""
    workflow = yaml.safe_load(CALLED.read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    assert (workflow["permissions"], job["permissions"]) == ({}, {"contents": "read"})
    last = job["steps"][-1]
    assert last["uses"].endswith("/actions/gate")
    assert last["if"] == "${{ !cancelled() }}"
    for example in EXAMPLES:
        for part in yaml.safe_load(example.read_text(encoding="utf-8"))["jobs"].values():
            uses = [step.get("uses", "") for step in part["steps"]]
            judged = "$/actions/judge" in uses
            assert part["permissions"] == {"contents": "read"} or not judged
