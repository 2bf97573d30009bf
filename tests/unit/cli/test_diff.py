"""`prodstatus diff`: compares two records, and says by its exit status if something is worse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Shop
from tests.unit.given import B, C, F

OLD, NEW = "old/status.json", "reports/status.json"


@pytest.fixture
def two(shop: Shop) -> Shop:
    """A project with an older record, of an open gate, and a record in which `api.key` FAILED."""
    shop.record(folder=shop.root / "old", id="run-1")
    shop.record({"api.key": F}, id="run-2")
    return shop


def test_two_files(two: Shop) -> None:
    """B is by default the record of the target; the order is from A to B."""
    done = two("diff", OLD)
    assert done.exit_code == 0, done.output
    assert "\nIntroduced: FAILED now (1):\n  api.key: CONFIRMED -> FAILED" in done.stdout
    assert two("diff", OLD, NEW).stdout == done.stdout
    assert "Resolved: CONFIRMED now (2):\n  api.key" in two("diff", NEW, OLD).stdout


def test_the_formats(two: Shop) -> None:
    """The JSON form is one object, and the Markdown form has headings."""
    data = json.loads(two("diff", OLD, "--format", "json").stdout)
    assert {item["id"]: item["change"] for item in data["criteria"]} == {
        "api.key": "introduced", "shop.open": "blocked"
    }  # fmt: skip
    assert "### Newly BLOCKED (1)\n\n- shop.open" in two(
        "diff", OLD, "--format", "markdown"
    ).stdout.replace("\\", "")


def test_the_exit_status(two: Shop) -> None:
    """1 with --exit-code if something is worse, 0 if it is better or the same; else always 0."""
    assert two("diff", OLD, NEW, "--exit-code").exit_code == 1
    assert two("diff", NEW, OLD, "--exit-code").exit_code == 0
    assert two("diff", NEW, NEW, "--exit-code").exit_code == 0
    assert two("diff", OLD, NEW).exit_code == 0


def test_another_target_is_compared_with_a_note(shop: Shop) -> None:
    """Records of two targets are compared, and a note names both targets."""
    shop.record()
    shop.record({"api.key": B}, target="staging", folder=shop.root / "old")
    done = shop("diff", OLD)
    assert done.exit_code == 0
    assert "prodstatus: the runs are of two targets, staging and production" in done.stderr


def test_another_project_is_refused(shop: Shop) -> None:
    """Two records without a common stage have nothing to compare: exit status 2, one sentence."""
    shop.record(folder=shop.root / "old", id="run-1")
    text = '[[tool.prodstatus.stages]]\nid = "other"\n'
    shop.configure(f"[tool.prodstatus]\ndocument = 'S.md'\n{text}")
    shop.record({}, names=("other.x",), selected=("other.x",), id="run-2")
    assert "have no stage in common" in shop.refused("diff", OLD)


def test_a_record_of_a_run_in_progress_counts_as_the_last_finished_one(shop: Shop) -> None:
    """A run in progress has no verdicts; if it holds no finished one, it is refused."""
    shop.record(folder=shop.root / "old", id="run-1")
    shop.record(finished=None, id="run-2")
    assert "in progress" in shop.refused("diff", OLD)


@pytest.mark.parametrize("name", ["../x", "/nowhere/status.json", "x" * 5_000, "a\nb", ""])
def test_a_run_that_is_nowhere(two: Shop, name: str) -> None:
    """A name that is neither a file nor a kept run is refused with one sentence."""
    message = two.refused("diff", "--", name)
    assert "\n" not in message
    assert len(message) < 1_000


def test_a_broken_record(two: Shop) -> None:
    """A file that is no record is refused, with its name."""
    Path(OLD).write_text("{", encoding="utf-8")
    assert OLD in two.refused("diff", OLD)
    assert C.value not in two.refused("diff", OLD)
