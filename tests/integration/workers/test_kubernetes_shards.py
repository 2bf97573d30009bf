"""The Jobs of docs/kubernetes/shards.yml: their commands are run as a pod's shell would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

import yaml

from tests.integration.project import CONFIG, LEAN, SHOP, TIMEOUT_S, Project

PATH = Path(__file__).parents[3] / "docs" / "kubernetes" / "shards.yml"
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(PATH.read_text(encoding="utf-8")))
SHARDS, MERGE, CLAIM = DOCUMENTS
NUMBER = 2


def container(job: dict[str, Any]) -> dict[str, Any]:
    """Return the one container of a job."""
    (only,) = job["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def run(job: dict[str, Any], project: Project, **environ: str) -> int:
    """Run a job's container in the project, and return its status."""
    own = container(job)
    (text,) = own["args"]
    text = text.replace("/tmp/", f"{project.root}/pod-{environ.get('HOSTNAME')}/")
    text = text.replace("/records", f"{project.root}/records").replace("))/100", f"))/{NUMBER}")
    given = {row["name"]: row["value"] for row in own["env"]}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*own["command"], text], cwd=project.root, check=False, timeout=TIMEOUT_S,
        env={**os.environ, **given, "PATH": path, "PRODSTATUS_HISTORY": "0",
             "PYTEST_ADDOPTS": " ".join(f"-pno:{name}" for name in LEAN), **environ},
    )  # fmt: skip
    return done.returncode


def test_the_jobs_agree() -> None:
    """Both jobs judge the same run and release on one volume, with an index for each shard."""
    spec = SHARDS["spec"]
    assert (spec["completionMode"], spec["maxFailedIndexes"]) == ("Indexed", spec["completions"])
    assert f"$((JOB_COMPLETION_INDEX + 1))/{spec['completions']}" in container(SHARDS)["args"][0]
    assert container(SHARDS)["env"] == container(MERGE)["env"]
    for job in (SHARDS, MERGE):
        (volume,) = job["spec"]["template"]["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == CLAIM["metadata"]["name"]
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
        assert job["metadata"]["name"].startswith("prodstatus-RUN_ID")
    assert MERGE["spec"]["backoffLimit"] == 0


def test_shards_that_die_and_come_again(project: Project) -> None:
    """A pod whose run doesn't end leaves no record; the gate opens when its index has run again.

    What the criteria attached comes with the records.
    """
    dies = """
    @api
    @pytest.mark.parametrize("n", range(6))
    def test_a(n, evidence):
        evidence.attach("seen.txt", str(n))
        if os.environ["HOSTNAME"] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if os.environ["HOSTNAME"] == "leaves":
            os._exit(0)
    """
    config = CONFIG.replace("[tool.prodstatus]", "[tool.prodstatus]\nattachments = true")
    project.write({"pyproject.toml": config, "test_api.py": dies, "test_shop.py": SHOP})
    indexes = [str(n) for n in range(NUMBER)]
    for index in indexes[:-1]:
        assert run(SHARDS, project, JOB_COMPLETION_INDEX=index, HOSTNAME=f"pod-{index}") == 0
    for name in ("killed", "leaves"):
        assert run(SHARDS, project, JOB_COMPLETION_INDEX=indexes[-1], HOSTNAME=name) == 11
    assert run(MERGE, project) == 10
    assert run(SHARDS, project, JOB_COMPLETION_INDEX=indexes[-1], HOSTNAME="again") == 0
    records = project.root / "records/RUN_ID"
    assert sorted(path.name for path in (records / "shards").iterdir()) == ["again", "pod-0"]
    assert run(MERGE, project) == 0
    assert len(list((records / "merged/attachments").glob("*/*-seen.txt"))) == 6
    # A merge that is refused leaves nothing by which the gate could decide.
    (records / "shards/again/status.json").write_text("{", encoding="utf-8")
    assert run(MERGE, project) == 10
