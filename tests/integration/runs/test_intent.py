"""Whether a run was started to act on the world, and how old what it shows is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.integration.project import SHOP, XDIST, Project

ACT = """
@pytest.mark.stage("api", side_effects=True)
def test_act(evidence, prodstatus_unintended):
    evidence(lacks=list(prodstatus_unintended))
"""
TARGET = "--target production is not on the command line"
STAGE = "neither -m production nor --stage api is on the command line"
NODE = "a test is named by its node id"


def lacks(project: Project, *args: str) -> list[str]:
    """Return what a run's command line lacked."""
    (entry,) = project.run(*args).criteria["api.act"]["evidence"]
    return [item["value"] for item in entry["value"]]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--target=production", "-m", "production"), []),
        (("--target=production", "--stage=api", *XDIST), []),
        ((), [TARGET, STAGE]),
        (("--target=production", "-m", "production", "test_api.py::test_act"), [NODE]),
        (("--target=production", "--stage", "final"), [STAGE]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_only_the_command_line_shows_intent(
    project: Project, args: tuple[str, ...], expected: list[str]
) -> None:
    """The target by its name, and the criterion by the mark or its stage, in every process."""
    project.write({"test_api.py": ACT, "test_shop.py": SHOP})
    assert lacks(project, *args) == expected


def test_habits_are_no_intent(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables and an ini file stay as they are from one run to the next."""
    project.write({"test_api.py": ACT, "test_shop.py": SHOP})
    monkeypatch.setenv("PRODSTATUS_TARGET", "production")
    monkeypatch.setenv("PRODSTATUS_STAGE", "api")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--target=production -m production")
    ini = "[pytest]\naddopts = --target=production -m production\nprodstatus_target = production\n"
    (project.root / "pytest.ini").write_text(ini, encoding="utf-8")
    assert lacks(project) == [TARGET, STAGE]


OLD = """
from datetime import datetime, timedelta, timezone
@api
def test_old(evidence, prodstatus_seen_at, prodstatus_valid_for):
    evidence(days=prodstatus_valid_for.days)
    prodstatus_seen_at(datetime.now(timezone.utc) - timedelta(days=29, minutes=1))
    {then}
"""


@pytest.mark.parametrize("mode", [(), XDIST], ids=["serial", "n2"])
def test_what_is_older_than_the_run_has_its_own_age(
    project: Project, mode: tuple[str, ...]
) -> None:
    """It isn't valid once more from the day on which it was read; the catalogue says how long."""
    config = project.root / "pyproject.toml"
    project.write({"test_api.py": OLD.format(then=""), "test_shop.py": SHOP})
    text = config.read_text(encoding="utf-8").replace('id = "api"', 'id = "api"\nvalid_for = "30d"')
    config.write_text(text, encoding="utf-8")
    old = project.run(*mode).criteria["api.old"]
    (entry,) = old["evidence"]
    seen = datetime.fromisoformat(old["observed_at"].replace("Z", "+00:00"))
    age = datetime.now(timezone.utc) - seen
    assert (old["verdict"], entry["value"]) == ("CONFIRMED", 30)
    assert timedelta(days=29) <= age < timedelta(days=29, minutes=5)


def test_what_is_too_old_is_stale_in_its_own_run(project: Project) -> None:
    """What was seen more than 24 hours ago is stale in its own run, as it is at the gate."""
    project.write({"test_api.py": OLD.format(then=""), "test_shop.py": SHOP})
    ran = project.run()
    assert (ran.verdicts["api.old"], ran.status) == ("BLOCKED stale", 10)
    assert "it was CONFIRMED 29 d" in ran.criteria["api.old"]["reason"]


@pytest.mark.parametrize(
    ("then", "verdict"),
    [
        ("assert False", "FAILED observed"),
        ("prodstatus_seen_at(datetime.now())", "BLOCKED inconclusive"),
        (
            "prodstatus_seen_at(datetime.now(timezone.utc) + timedelta(hours=1))",
            "BLOCKED inconclusive",
        ),
    ],
)
def test_a_failure_is_of_today(project: Project, then: str, verdict: str) -> None:
    """A failure is dated by the run; a date without a zone, or in the future, is refused."""
    project.write({"test_api.py": OLD.format(then=then), "test_shop.py": SHOP})
    ran = project.run()
    assert ran.verdicts["api.old"] == verdict
    seen = datetime.fromisoformat(ran.criteria["api.old"]["observed_at"].replace("Z", "+00:00"))
    assert datetime.now(timezone.utc) - seen < timedelta(minutes=5)
