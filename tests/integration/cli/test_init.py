"""The suite that `prodstatus init` makes runs at once, and is all BLOCKED, not-implemented."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pytest_prodstatus.cli.main import main
from tests.integration.project import SERIAL, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])

FOREIGN = """\
# Launch list

People wrote this. **Note:** keep it.

**OAUTH STATUS:** pending
- CONFIRMED: api_credentials has a `valid` accessToken.
- FAILED: There is no "credential".
- BLOCKED: OAuth isn't completed.

PAYOUT STATUS: CONFIRMED / FAILED / BLOCKED
* CONFIRMED = payouts arrive
* FAILED = they don't
* BLOCKED = no sales

## Sale status

1. CONFIRMED - a sale exists
2. FAILED - none follows
3. BLOCKED - no orders

**FINAL PRODUCTION STATUS:** ?

- CONFIRMED: all of the above

The end
"""


def init(project: Project, *args: str) -> None:
    """Run the command in the project's folder, which has no pyproject.toml then."""
    (project.root / "pyproject.toml").unlink()
    done = CliRunner().invoke(main, ["init", *args], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@MODES
def test_a_suite_of_nothing_runs_at_once(project: Project, mode: tuple[str, ...]) -> None:
    """A stage with one criterion and FINAL are BLOCKED, not-implemented, with a remedy."""
    init(project)
    ran = project.run("-m", "production", "--strict-markers", *mode)
    assert ran.status == 10
    assert ran.verdicts == {"service.holds": "BLOCKED not-implemented"}
    assert ran.criteria["service.holds"]["remedy"] == (
        "write this criterion in tests/acceptance/test_service.py"
    )
    assert ran.stages["final"]["kind"] == "not-implemented"
    assert ran.final == "BLOCKED"


@MODES
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_document_of_another_hand_is_imported_run_and_updated(
    project: Project, mode: tuple[str, ...], end: str
) -> None:
    """Each stage is BLOCKED, not-implemented, as the document shows in place."""
    path = project.root / "LAUNCH.md"
    path.write_bytes(FOREIGN.replace("\n", end).encode())
    init(project, "LAUNCH.md")
    ran = project.run("-m", "production", *mode)
    assert ran.status == 10
    assert set(ran.verdicts.values()) == {"BLOCKED not-implemented"}
    assert list(ran.stages) == ["oauth", "payout", "sale", "final"]
    for stage in ran.stages.values():
        assert (stage["verdict"], stage["kind"]) == ("BLOCKED", "not-implemented")
        assert stage["reason"].endswith("not implemented")
    status = "**BLOCKED** (holds: not implemented)"
    expected = (
        FOREIGN.replace("STATUS:** pending", f"STATUS:** {status}")
        .replace("STATUS: CONFIRMED / FAILED / BLOCKED", f"STATUS: {status}")
        .replace("## Sale status\n", f"## Sale status\n\n**Sale status:** {status}\n")
        .replace("STATUS:** ?", "STATUS:** **BLOCKED** (OAUTH STATUS: not implemented)")
    )
    assert path.read_bytes().decode() == expected.replace("\n", end)
    project.run("-m", "production", *mode)
    assert path.read_bytes().decode() == expected.replace("\n", end)


def test_a_written_criterion_is_confirmed(project: Project) -> None:
    """A criterion that is written in the file of its remedy is CONFIRMED."""
    init(project)
    path = project.root / "tests/acceptance/test_service.py"
    text = path.read_text(encoding="utf-8")
    head, _, _ = text.partition("    blocked(")
    written = head.replace("test_holds()", "test_holds(evidence)") + "    evidence(answered=True)\n"
    path.write_text(written, encoding="utf-8")
    ran = project.run("-m", "production")
    assert ran.verdicts == {"service.holds": "BLOCKED no-assertion"}
    path.write_text(f"{written}    assert 1 + len('x') == 2\n", encoding="utf-8")
    ran = project.run("-m", "production")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_a_suite_below_another_project_is_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pytest.ini further up doesn't change the new suite's root."""
    (project.root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (project.root / "sub").mkdir()
    init(project, "--output", "sub")
    monkeypatch.chdir(project.root / "sub")
    ran = project.run("-m", "production", folder=project.root / "sub/reports")
    assert ran.status == 10
    assert ran.verdicts == {"service.holds": "BLOCKED not-implemented"}
