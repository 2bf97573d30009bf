"""The shell pipeline in docs/ci is run, and the workflows there are checked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_prodstatus.model.attestation import PREDICATE_TYPE
from tests.integration.project import LEAN, SHOP, TIMEOUT_S, Project
from tests.integration.warm import path_of_scripts

CI = Path(__file__).parents[3] / "docs" / "ci"
WORKFLOWS = sorted(CI.glob("github*.yml"))
BIN = Path(sys.executable).parent

HOLDS = "@api\ndef test_a(): pass\n"
FAILS = "@api\ndef test_a(): assert False\n"
WAITS = '@api\ndef test_a(): blocked("not yet", kind="pending")\n'

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=[path.name for path in WORKFLOWS])


def git(project: Project, *args: str) -> None:
    """Run git in the project."""
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *author, *args], cwd=project.root, check=True, capture_output=True)


def pipeline(project: Project, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline in the project, which is a repository of one commit."""
    if not (project.root / ".git").exists():
        git(project, "init", "--quiet")
        git(project, "add", "pyproject.toml", "test_api.py", "test_shop.py")
        git(project, "commit", "--quiet", "-m", "The suite")
    lean = " ".join(f"-pno:{name}" for name in LEAN)
    return subprocess.run(
        [str(CI / "pipeline.sh"), *args],
        cwd=project.root,
        env={**os.environ, "PATH": path_of_scripts(), "PYTEST_ADDOPTS": lean, **environ},
        text=True,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("criterion", "status", "deploys"),
    [(HOLDS, 0, True), (FAILS, 1, False), (WAITS, 10, False)],
    ids=["confirmed", "failed", "blocked"],
)
def test_the_shell_pipeline_deploys_through_an_open_gate_alone(
    project: Project, criterion: str, status: int, deploys: bool
) -> None:
    """The command runs if all is CONFIRMED; else the exit status shows why not."""
    project.write({"test_api.py": criterion, "test_shop.py": SHOP})
    done = pipeline(project, "v1", "touch", "deployed file")
    assert done.returncode == status, done.stdout + done.stderr
    assert (project.root / "deployed file").exists() == deploys
    assert "FINAL" in done.stdout


def test_the_shell_pipeline_ends_with_the_command_s_status(project: Project) -> None:
    """Behind an open gate the command gives the exit status, for another target too."""
    project.write({"test_api.py": HOLDS, "test_shop.py": SHOP})
    new = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # interpreters, as a user's
    environ = {"TARGET": "staging", "PATH": new}
    assert pipeline(project, "v1", "sh", "-c", "exit 7", **environ).returncode == 7
    assert (project.folder / "staging" / "status.json").exists()


def test_the_shell_pipeline_stops_if_the_suite_cannot_run(project: Project) -> None:
    """If the suite can't run, a green record of just before opens nothing."""
    project.write({"test_api.py": HOLDS, "test_shop.py": SHOP})
    assert pipeline(project, "v1", "true").returncode == 0
    for addopts in ("--no-such-option", "-k nothing"):
        done = pipeline(project, "v1", "touch", "deployed", PYTEST_ADDOPTS=addopts)
        assert done.returncode == 10, done.stdout + done.stderr
        assert "gate closed" in done.stdout
    assert not (project.root / "deployed").exists()


@pytest.mark.parametrize("args", [(), ("v1",), ("", "touch", "deployed")], ids=str)
def test_the_shell_pipeline_says_how_it_is_used(tmp_path: Path, args: tuple[str, ...]) -> None:
    """Without a release or a command it prints its usage and does nothing."""
    command = [str(CI / "pipeline.sh"), *args]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert not (tmp_path / "deployed").exists()


def test_the_shell_pipeline_is_clean() -> None:
    """ShellCheck finds nothing in the shell pipeline."""
    subprocess.run([str(BIN / "shellcheck"), str(CI / "pipeline.sh")], check=True)


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a workflow."""
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_the_workflows_are_valid() -> None:
    """Workflows are valid by the schema of GitHub's editors, which comes with check-jsonschema."""
    command = [sys.executable, "-m", "check_jsonschema"]
    schema = ["--builtin-schema", "vendor.github-workflows"]
    assert len(WORKFLOWS) == 2
    subprocess.run([*command, *schema, *map(str, WORKFLOWS)], check=True)


@each_workflow
def test_a_workflow_takes_no_more_than_it_needs(path: Path) -> None:
    """A workflow has read permission alone, pinned actions, no kept credentials, and time-outs."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is False
    jobs = workflow["jobs"]
    for name, job in jobs.items():
        assert (job.get("permissions") is None) is (name != "attest")
        assert job["timeout-minutes"] <= 30
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs)
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w/-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@each_workflow
def test_nothing_from_outside_becomes_part_of_a_command(path: Path) -> None:
    """Expressions reach a command through its environment, so that no input can be code."""
    for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert "${{" not in step.get("run", "")


@each_workflow
def test_no_exit_status_of_pytest_opens_a_gate(path: Path) -> None:
    """Every run has the workflow's run id and this release, and every gate requires them."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["env"]["PRODSTATUS_RUN_ID"] == "${{ github.run_id }}-${{ github.run_attempt }}"
    named = "PRODSTATUS_SUBJECT" in workflow["env"]
    commands = [" ".join(step.get("run", "").split()) for step in steps(workflow)]
    runs = [command for command in commands if command.startswith("pytest")]
    gates = [command for command in commands if command.startswith("prodstatus gate")]
    assert runs
    assert gates
    assert all(command.endswith("|| true") for command in runs)
    assert not [c for c in gates if "|" in c or '--commit "$GITHUB_SHA"' not in c]
    assert named or all('--prodstatus-subject="$RELEASE"' in command for command in runs)
    assert named or all('--subject "$RELEASE"' in command for command in gates)


@each_workflow
def test_no_verdict_passes_through_an_unsigned_cache(path: Path) -> None:
    """Any job could write a cache: the attestation goes with the record, and signing is a step."""
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    for step in steps(workflow):
        if "actions/cache" in step.get("uses", ""):
            assert step["with"]["path"].split() == [
                "reports/status.json",
                "reports/status.intoto.json",
            ]
        # The key is in the environment of the step that signs, and of no other.
        signs = "prodstatus sign" in step.get("run", "")
        assert signs == ("PRODSTATUS_SIGN_KEY" in step.get("env", {}))
        assert not (signs and "pytest" in step["run"])
    assert "PRODSTATUS_SIGN_KEY" not in str(workflow.get("env"))
    # Each digest has its version beside it, for people and for the tools that update it.
    assert text.count("@") == len(re.findall(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+", text))


@each_workflow
def test_what_is_installed_is_named_by_its_digest(path: Path) -> None:
    """Everything that is installed, to build the project too, is locked by its digest."""
    text = path.read_text(encoding="utf-8")
    commands = [step["run"] for step in steps(yaml.safe_load(text)) if "pip" in step.get("run", "")]
    assert commands
    assert {tuple(command.splitlines()) for command in commands} == {
        (
            "pip install --require-hashes -r requirements.lock",
            "pip install --no-deps --no-build-isolation .",
        )
    }
    assert "#   pip-compile --generate-hashes" in text


def test_nothing_waits_for_the_public_log() -> None:
    """Its attestation is an extra: a log that is out of order neither opens nor closes the gate."""
    workflow = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert jobs["attest"]["continue-on-error"] is True
    assert jobs["attest"]["permissions"] == {"id-token": "write", "attestations": "write"}
    assert not [name for name, job in jobs.items() if "attest" in job.get("needs", [])]
    step = jobs["attest"]["steps"][-1]
    assert step["with"]["predicate-type"] == PREDICATE_TYPE
    assert [name for name, job in jobs.items() if "actions/attest@" in str(job)] == ["attest"]


def test_the_money_is_behind_an_environment_of_its_own() -> None:
    """REAL_PLACEORDER is set in one job, which a person requests and an environment protects."""
    jobs = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))["jobs"]
    armed = [name for name, job in jobs.items() if "REAL_PLACEORDER" in str(job)]
    assert armed == ["real-order"]
    assert jobs["real-order"]["if"] == "${{ inputs.real_order }}"
    environments = {name: job.get("environment") for name, job in jobs.items()}
    assert environments == {
        "staging": "staging",
        "deploy": "production-deploy",
        "acceptance": "production",
        "real-order": "production-money",
        "promote": "production-deploy",
        "attest": None,
    }


@pytest.mark.parametrize(
    ("job", "order"),
    [
        ("staging", ("deploy.sh staging", "pytest", "upload-artifact", "prodstatus gate")),
        ("deploy", ("download-artifact", "prodstatus gate", "deploy.sh production")),
        (
            "promote",
            ("download-artifact", "merge", "prodstatus gate", "promote.sh", "roll-back.sh"),
        ),
    ],
)
def test_the_workflow_goes_on_behind_a_gate(job: str, order: tuple[str, ...]) -> None:
    """Staging is judged before production is deployed, and production before it is promoted."""
    jobs = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))["jobs"]
    taken = [str(step.get("uses", step.get("run"))) for step in jobs[job]["steps"]]
    places = [next(n for n, text in enumerate(taken) if part in text) for part in order]
    assert places == sorted(places)
    after_a_failure = [step["run"] for step in jobs[job]["steps"] if "failure()" in str(step)]
    assert after_a_failure == (['./roll-back.sh "$RELEASE"'] if job == "promote" else [])


def test_the_workflow_s_jobs_follow_each_other() -> None:
    """Production is judged after it is deployed, and then promoted or rolled back."""
    jobs = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["deploy"]["needs"] == "staging"
    assert jobs["acceptance"]["needs"] == "deploy"
    assert jobs["promote"]["needs"] == ["deploy", "acceptance", "real-order"]
    condition = "${{ !cancelled() && needs.deploy.result == 'success' }}"
    assert jobs["promote"]["if"] == condition


LONG_CONFIG = """
[tool.prodstatus]
[[tool.prodstatus.stages]]
id = "api"
[[tool.prodstatus.stages]]
id = "shop"
valid_for = "30d"
"""


@pytest.mark.parametrize("harm", ["", "of an older run", "lost", "FAILED"])
def test_a_shard_carries_over_what_outlives_a_release(
    project: Project, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another job runs the rest, as in the workflow, the last real order still counts."""
    project.write({"pyproject.toml": LONG_CONFIG, "test_api.py": HOLDS, "test_shop.py": SHOP})
    assert project.run("-m", "production").final == "CONFIRMED"
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "812-1")
    if harm == "FAILED":
        project.write({"test_api.py": FAILS})
    if harm != "of an older run":
        project.run("-m", "production", "--stage", "api")
    shard = project.root / "shards/shard-acceptance"
    shard.parent.mkdir()
    project.folder.rename(shard)
    if harm == "lost":
        (shard / "status.json").unlink()
    for command in ("merge shards/*/status.json", "gate --max-age 1h"):
        done = subprocess.run(
            ["sh", "-c", f"prodstatus {command}"],
            cwd=project.root,
            env={**os.environ, "PATH": path_of_scripts()},
            check=False,
        )
    assert done.returncode == {"": 0, "FAILED": 1}.get(harm, 10)
