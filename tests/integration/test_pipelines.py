"""The ready-made pipelines in docs/ci: the shell one is run, the workflows are checked."""

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

from tests.integration.project import LEAN, SHOP, TIMEOUT_S, Project

CI = Path(__file__).parents[2] / "docs" / "ci"
WORKFLOWS = sorted(CI.glob("*.yml"))
BIN = Path(sys.executable).parent

HOLDS = "@api\ndef test_a(): pass\n"
FAILS = "@api\ndef test_a(): assert False\n"
WAITS = '@api\ndef test_a(): blocked("not yet", kind="pending")\n'

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=[path.name for path in WORKFLOWS])


def git(project: Project, *args: str) -> None:
    """Run git in the project."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *who, *args], cwd=project.root, check=True, capture_output=True)


def pipeline(project: Project, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline in the project, which is a repository of one commit."""
    if not (project.root / ".git").exists():
        git(project, "init", "--quiet")
        git(project, "add", "pyproject.toml", "test_api.py", "test_shop.py")
        git(project, "commit", "--quiet", "-m", "The suite")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    lean = [f"-pno:{name}" for name in LEAN]
    return subprocess.run(
        [str(CI / "pipeline.sh"), *args],
        cwd=project.root,
        env={**os.environ, "PATH": path, "PYTEST_ADDOPTS": " ".join(lean), **environ},
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
    """The command runs where everything is CONFIRMED; else the exit status says why not."""
    project.write({"test_api.py": criterion, "test_shop.py": SHOP})
    done = pipeline(project, "v1", "touch", "deployed file")
    assert done.returncode == status, done.stdout + done.stderr
    assert (project.root / "deployed file").exists() == deploys
    assert "FINAL" in done.stdout


def test_the_shell_pipeline_ends_with_the_command_s_status(project: Project) -> None:
    """Behind an open gate the command has the last word; for another target too."""
    project.write({"test_api.py": HOLDS, "test_shop.py": SHOP})
    assert pipeline(project, "v1", "sh", "-c", "exit 7", TARGET="staging").returncode == 7
    assert (project.folder / "staging" / "status.json").exists()


def test_the_shell_pipeline_stops_where_the_suite_cannot_run(project: Project) -> None:
    """A usage error of pytest is no verdict, and the gate isn't even asked."""
    project.write({"test_api.py": HOLDS, "test_shop.py": SHOP})
    project.write({"test_api.py": '@pytest.mark.stage("nowhere")\ndef test_a(): pass\n'})
    done = pipeline(project, "v1", "touch", "deployed")
    assert done.returncode == 4
    assert "the suite could not run (pytest ended with 4): not going on" in done.stderr
    assert not (project.root / "deployed").exists()


def test_the_shell_pipeline_says_how_it_is_used(project: Project) -> None:
    """Without a command there is nothing to do."""
    done = subprocess.run(
        [str(CI / "pipeline.sh"), "v1"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


def test_the_shell_pipeline_is_clean() -> None:
    """ShellCheck has nothing to say about it."""
    subprocess.run([str(BIN / "shellcheck"), str(CI / "pipeline.sh")], check=True)


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a workflow."""
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_the_workflows_are_valid() -> None:
    """By the schema that GitHub's editors use; it comes with check-jsonschema."""
    command = [sys.executable, "-m", "check_jsonschema"]
    schema = ["--builtin-schema", "vendor.github-workflows"]
    assert len(WORKFLOWS) == 2
    subprocess.run([*command, *schema, *map(str, WORKFLOWS)], check=True)


@each_workflow
def test_a_workflow_takes_no_more_than_it_needs(path: Path) -> None:
    """Read permission alone, pinned actions, no credentials left behind, an end to every job."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is False
    jobs = workflow["jobs"]
    for job in jobs.values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 30
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs)
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w/-]+@v\d+", step["uses"])
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@each_workflow
def test_nothing_from_outside_becomes_part_of_a_command(path: Path) -> None:
    """Expressions reach a command through its environment, so that no input can be code."""
    for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert "${{" not in step.get("run", "")


def test_the_money_is_behind_an_environment_of_its_own() -> None:
    """REAL_PLACEORDER is set in one job, which a person asks for and an environment protects."""
    jobs = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))["jobs"]
    armed = [name for name, job in jobs.items() if "REAL_PLACEORDER" in str(job)]
    assert armed == ["real-order"]
    assert jobs["real-order"]["environment"] == "production-money"
    assert jobs["real-order"]["if"] == "${{ inputs.real_order }}"
    assert len({job["environment"] for job in jobs.values()}) == len(jobs)


def test_the_workflow_deploys_behind_the_gate() -> None:
    """The deploy job gets the artefact, then asks the gate, then deploys."""
    jobs = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))["jobs"]
    told = [str(step.get("uses", step.get("run"))) for step in jobs["deploy"]["steps"]]
    order = [
        next(n for n, text in enumerate(told) if part in text)
        for part in ("download-artifact", "prodstatus gate", "deploy.sh")
    ]
    assert order == sorted(order)
    assert '--commit "$GITHUB_SHA"' in told[order[1]]
    assert {"acceptance", "real-order"} == set(jobs["deploy"]["needs"])
