"""The templates for GitLab, Azure and Jenkins: valid by schema, and their shell parts are run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("securesystemslib.signer")
pytest.importorskip("cryptography.hazmat.primitives.serialization")

from pytest_prodstatus.signing import new_key
from tests.integration.ci.test_actions import CRITERIA, DECLARED, STATUS, git
from tests.integration.project import LEAN, SHOP, Project
from tests.integration.warm import path_of_scripts

ROOT = Path(__file__).parents[3]
CI = ROOT / "docs/ci"
BIN = Path(sys.executable).parent
GITLAB = (ROOT / "templates/prodstatus.yml").read_text(encoding="utf-8")
AZURE = yaml.safe_load((CI / "azure-prodstatus.yml").read_text(encoding="utf-8"))

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(project: Project) -> Shell:
    """Runs a script as a CI system does, in the checkout of a project of one verdict."""

    def run(script: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=project.root,
            env={
                "PATH": path_of_scripts(),
                "HOME": str(project.root),
                "PRODSTATUS_HISTORY": "0",
                "PYTEST_ADDOPTS": " ".join(f"-pno:{name}" for name in LEAN),
                **environ,
            },
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=120,
        )  # fmt: skip

    return run


def checkout(project: Project, verdict: str) -> str:
    """Make the project a repository of one commit, and return that."""
    files = {"pyproject.toml": DECLARED, "test_api.py": CRITERIA[verdict], "test_shop.py": SHOP}
    project.write(files)
    git(project.root, "init", "--quiet")
    git(project.root, "add", *files)
    git(project.root, "commit", "--quiet", "-m", "The suite")
    head = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        head, cwd=project.root, text=True, capture_output=True, check=True
    ).stdout.strip()


def gitlab_job() -> dict[str, Any]:
    """Return the component's job, with the defaults of its inputs."""
    header, body = GITLAB.split("\n---\n")
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    for name, about in inputs.items():
        body = body.replace(f"$[[ inputs.{name} ]]", about["default"])
    assert "$[[" not in body
    job: dict[str, Any] = yaml.safe_load(body)["prodstatus"]
    return job


@pytest.mark.parametrize("verdict", CRITERIA)
def test_gitlab(project: Project, shell: Shell, verdict: str) -> None:
    """The job ends as the gate, and leaves the four reports that it declares."""
    commit = checkout(project, verdict)
    job = gitlab_job()
    environ = {
        "CI": "true",
        "CI_COMMIT_SHA": commit,
        "CI_PIPELINE_ID": "5",
        "CI_JOB_ID": "7",
        "CI_JOB_URL": "https://gitlab.example/shop/-/jobs/7",
        "CI_PROJECT_DIR": str(project.root),
        **job["variables"],
        "RELEASE": commit,
        "INSTALL": "true",
    }
    done = shell("\n".join(job["script"]), environ)
    assert done.returncode == STATUS[verdict], done.stdout
    reports = job["artifacts"]["reports"]
    texts = {
        name: (project.root / path).read_text(encoding="utf-8") for name, path in reports.items()
    }
    assert f"PRODSTATUS_VERDICT={verdict}\n" in texts["dotenv"]
    assert f"PRODSTATUS_OPEN={str(verdict == 'CONFIRMED').lower()}\n" in texts["dotenv"]
    ((_, links),) = json.loads(texts["annotations"]).items()
    url = "https://gitlab.example/shop/-/jobs/7/artifacts/file/reports/status.html"
    assert {link["external_link"]["url"] for link in links} == {url}
    assert texts["metrics"].endswith("# EOF\n")
    assert ("<failure" in texts["junit"], "<error" in texts["junit"]) == (
        verdict == "FAILED", verdict == "BLOCKED",
    )  # fmt: skip


def test_gitlab_s_job_fails_closed(project: Project, shell: Shell) -> None:
    """If pytest leaves no record, the job fails, and no report says what an earlier run said."""
    commit = checkout(project, "CONFIRMED")
    job = gitlab_job()
    environ = {**job["variables"], "CI_COMMIT_SHA": commit, "RELEASE": commit, "INSTALL": "true"}
    script = "\n".join(job["script"])
    # New interpreters, as a user's.
    path = os.pathsep.join([str(project.root / "bin"), str(BIN), os.environ["PATH"]])
    first = shell(script, {**environ, "PATH": path, "CI_PIPELINE_ID": "5", "CI_JOB_ID": "7"})
    assert first.returncode == 0, first.stdout
    (project.root / "bin").mkdir()
    (project.root / "bin/pytest").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    (project.root / "bin/pytest").chmod(0o755)
    again = {"PATH": path, "CI_PIPELINE_ID": "5", "CI_JOB_ID": "8"}
    done = shell(script, {**environ, **again})
    assert done.returncode == 10, done.stdout
    text = (project.folder / "prodstatus.env").read_text(encoding="utf-8")
    assert "PRODSTATUS_OPEN=false\n" in text
    assert job.get("allow_failure") is None


def test_no_report_is_greener_than_the_gate(project: Project, shell: Shell) -> None:
    """If only the gate's conditions close it, what the CI system shows is closed as well."""
    commit = checkout(project, "CONFIRMED")
    environ = {
        **gitlab_job()["variables"],
        "CI_COMMIT_SHA": "0" * 40, "BUILD_SOURCEVERSION": "0" * 40, "RELEASE": commit,
        "CI_PIPELINE_ID": "5", "CI_JOB_ID": "7", "PRODSTATUS_RUN_ID": "5-7", "INSTALL": "true",
    }  # fmt: skip
    done = shell("\n".join(gitlab_job()["script"]), environ)
    assert done.returncode == 10, done.stdout
    texts = {path.name: path.read_text(encoding="utf-8") for path in project.folder.iterdir()}
    assert "PRODSTATUS_OPEN=false\n" in texts["prodstatus.env"]
    assert "<error" in texts["junit.xml"]
    assert "CONFIRMED until" not in texts["gl-annotations.json"] + texts["metrics.txt"]
    assert 'prodstatus_gate_open{target="production"} 0\n' in texts["metrics.txt"]
    _, gate = (step for step in AZURE["steps"] if "bash" in step)
    (project.folder / "junit.xml").unlink()
    done = shell(gate["bash"], environ)
    assert done.returncode == 10, done.stdout
    assert "result=Failed]BLOCKED" in done.stdout
    assert "result=Succeeded" not in done.stdout
    for name, value in {"verdict": "BLOCKED", "open": "false", "until": ""}.items():
        assert f"variable={name};isoutput=true]{value}\n" in done.stdout
    assert "<error" in (project.folder / "junit.xml").read_text(encoding="utf-8")


def test_azure_shows_nothing_of_an_earlier_build(project: Project, shell: Shell) -> None:
    """An agent keeps its folder: what an earlier build left isn't published as this one's."""
    checkout(project, "CONFIRMED")
    project.folder.mkdir(exist_ok=True)
    for name in ("junit.xml", "summary.md"):
        (project.folder / name).write_text("green", encoding="utf-8")
    judge, gate = (step for step in AZURE["steps"] if "bash" in step)
    environ = {
        "TARGET": "production", "FOLDER": "reports", "RELEASE": "v1", "MAX_AGE": "1h",
        "BUILD_SOURCEVERSION": "0" * 40, "PRODSTATUS_RUN_ID": "1",
    }  # fmt: skip
    stopped = f"pytest() {{ exit 130; }}\n{judge['bash']}"
    assert shell(stopped, environ).returncode == 130
    assert not list(project.folder.iterdir())
    assert shell(gate["bash"], environ).returncode == 10, "there is no record"
    (publish,) = (step for step in AZURE["steps"] if "publish" in step)
    assert publish["artifact"].endswith("-$(System.JobAttempt)"), "an artifact can't be replaced"


@pytest.mark.parametrize("verdict", CRITERIA)
def test_azure(project: Project, shell: Shell, verdict: str) -> None:
    """The step that asks the gate ends as it does, and its commands say the same."""
    commit = checkout(project, verdict)
    environ = {
        "TF_BUILD": "True",
        "TARGET": "production",
        "FOLDER": "reports",
        "RELEASE": commit,
        "MAX_AGE": "1h",
        "BUILD_SOURCEVERSION": commit,
        "PRODSTATUS_RUN_ID": "5-1-7",
    }
    judge, gate = (step for step in AZURE["steps"] if "bash" in step)
    assert shell(judge["bash"], environ).returncode == 0
    done = shell(gate["bash"], environ)
    assert done.returncode == STATUS[verdict], done.stdout
    commands = re.findall(r"^##vso\[([\w.]+) ?([^\]]*)\](.*)$", done.stdout, re.MULTILINE)
    results = [properties for name, properties, _ in commands if name == "task.complete"]
    assert (project.folder / "junit.xml").exists()
    assert results == ["result=Succeeded" if verdict == "CONFIRMED" else "result=Failed"]
    opened = [text for _, properties, text in commands if "variable=open;" in properties]
    assert opened[-1] == str(verdict == "CONFIRMED").lower()
    assert ("task.uploadsummary", "", str(project.folder / "summary.md")) in commands
    for step in AZURE["steps"]:
        assert "${{" not in step.get("bash", ""), "a parameter is no part of a script"


@pytest.mark.parametrize("verdict", ["CONFIRMED", "FAILED", "BLOCKED"])
def test_jenkins(project: Project, shell: Shell, verdict: str) -> None:
    """The pipeline's command deploys and promotes, and fails if the gate is closed."""
    commit = checkout(project, verdict)
    text = (CI / "Jenkinsfile").read_text(encoding="utf-8")
    deploy, roll_back, aborted = re.findall(r"sh '(.*?)' }", text)
    assert aborted == roll_back
    for name in ("deploy.sh", "promote.sh", "roll-back.sh"):
        (project.root / name).write_text(f'#!/bin/sh\necho "{name} $*"\n', encoding="utf-8")
        (project.root / name).chmod(0o755)
    (project.root / "pipeline.sh").symlink_to(CI / "pipeline.sh")
    done = shell(deploy, {"GIT_COMMIT": commit})
    assert done.returncode == STATUS[verdict], done.stdout
    junit = (project.folder / "junit.xml").read_text(encoding="utf-8")
    assert ("<failure" in junit, "<error" in junit) == (verdict == "FAILED", verdict == "BLOCKED")
    assert (f"promote.sh {commit}" in done.stdout) is (verdict == "CONFIRMED")
    assert shell(roll_back, {"GIT_COMMIT": commit}).stdout == f"roll-back.sh {commit}\n"
    assert text.count("{") == text.count("}")


@pytest.fixture
def sign_key(project: Project) -> str:
    """A private key on one line, whose public key the gate wants; a test that sees it fails."""
    private, public = new_key()
    (project.root / "ci.pub").write_bytes(public)
    wanted = DECLARED.replace("[tool.prodstatus]", '[tool.prodstatus]\nsigned_by = ["ci.pub"]')
    unseen = '@api\ndef test_a(): assert not [k for k in os.environ if "SIGN_KEY" in k]\n'
    files = {"pyproject.toml": wanted, "test_api.py": unseen, "test_shop.py": SHOP}
    project.write(files)
    git(project.root, "init", "--quiet")
    git(project.root, "add", *files, "ci.pub")
    git(project.root, "commit", "--quiet", "-m", "The suite")
    return private.decode().strip().replace("\n", r"\n")


@pytest.mark.parametrize("system", ["gitlab", "azure", "pipeline"])
def test_the_record_is_signed_if_there_is_a_key(
    project: Project, shell: Shell, sign_key: str, system: str
) -> None:
    """In a step of its own, and no test sees it; without it the gate, which wants it, is closed."""
    branch = (project.root / ".git/HEAD").read_text(encoding="utf-8").partition(" ")[2].strip()
    commit = (project.root / ".git" / branch).read_text(encoding="utf-8").strip()
    ((_, (sign,)),) = next(step for step in AZURE["steps"] if "bash" not in step).items()
    judge, gate = (step["bash"] for step in AZURE["steps"] if "bash" in step)
    given = {"PRODSTATUS_SIGN_KEY": sign_key}
    environ = {
        **gitlab_job()["variables"],
        "RELEASE": commit, "CI_COMMIT_SHA": commit, "BUILD_SOURCEVERSION": commit,
        "INSTALL": "true", "CI_PIPELINE_ID": "5", "CI_JOB_ID": "7",
    }  # fmt: skip
    if system == "azure":
        environ["PRODSTATUS_RUN_ID"] = "5-7"
        assert shell(judge, environ).returncode == 0
        unsigned = shell(gate, environ)
        shell(sign["bash"], {**environ, **given})
        done = shell(gate, environ)
        holders = [step for step in AZURE["steps"] if "PRODSTATUS_SIGN_KEY" in str(step)]
        assert len(holders) == 1
    else:
        job = "\n".join(gitlab_job()["script"])
        script = job if system == "gitlab" else f"bash {CI}/pipeline.sh {commit} true"
        unsigned = shell(script, environ)
        done = shell(script, {**environ, **given, "CI_JOB_ID": "8"})
    assert unsigned.returncode == 10, unsigned.stdout
    assert "the record isn't signed" in unsigned.stdout
    assert done.returncode == 0, done.stdout
    assert sign_key not in done.stdout


def test_the_templates_are_valid(tmp_path: Path) -> None:
    """GitLab's and Azure's files are valid by the schemas of their editors."""
    header, body = (tmp_path / name for name in ("header.yml", "component.yml"))
    for path, text in zip((header, body), GITLAB.split("\n---\n"), strict=True):
        path.write_text(text, encoding="utf-8")
    azure = ["--regex-variant", "nonunicode", "--data-transform", "azure-pipelines"]
    for schema, options, paths in (
        ("gitlab-ci", [], [CI / "gitlab.yml", header, body]),
        ("azure-pipelines", azure, [CI / "azure.yml", CI / "azure-prodstatus.yml"]),
    ):
        command = [sys.executable, "-m", "check_jsonschema", *options]
        done = subprocess.run(
            [*command, "--builtin-schema", f"vendor.{schema}", *map(str, paths)],
            text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_jenkinsfile_is_groovy() -> None:
    """The Jenkinsfile parses as Groovy, and a broken copy of it doesn't.

    The sections and steps of a declarative pipeline are known to Jenkins' controller alone
    (`pipeline-model-converter/validate`); nothing that can be installed without one checks them.
    """
    treesitter = pytest.importorskip("tree_sitter")
    groovy = pytest.importorskip("dekobon_tree_sitter_groovy")
    parser = treesitter.Parser(treesitter.Language(groovy.language()))
    text = (CI / "Jenkinsfile").read_bytes()
    assert not parser.parse(text).root_node.has_error
    for broken in (text.rstrip(b"}\n"), text.replace(b"sh '", b"sh ", 1), text + b"}"):
        assert parser.parse(broken).root_node.has_error


@pytest.mark.parametrize("script", ["gitlab", "azure"])
def test_the_shell_parts_are_clean(script: str, tmp_path: Path) -> None:
    """ShellCheck finds nothing in what the templates run."""
    parts = {
        "gitlab": ["\n".join(gitlab_job()["script"])],
        "azure": [step["bash"] for step in AZURE["steps"] if "bash" in step],
    }
    for number, text in enumerate(parts[script]):
        path = tmp_path / f"{number}.sh"
        path.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{text}\n", encoding="utf-8")
        subprocess.run([str(BIN / "shellcheck"), str(path)], check=True)


@pytest.mark.parametrize(
    ("name", "most"), [("gitlab.yml", 15), ("azure.yml", 15), ("Jenkinsfile", 15)]
)
def test_a_user_copies_few_lines(name: str, most: int) -> None:
    """What a project copies is short, and its first line says what it is."""
    lines = (CI / name).read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) - 1 <= most
