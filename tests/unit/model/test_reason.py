"""A reason is one sentence with its kind, and a remedy where one is known."""

from __future__ import annotations

import pytest

from pytest_prodstatus.model.verdict import BLOCKED_KINDS, Kind, Reason
from tests.unit.given import each_hostile_text


def test_the_kinds_are_those_of_the_contract() -> None:
    """These are the kinds; the record and the schema carry their words."""
    assert {str(kind) for kind in Kind} - {str(kind) for kind in BLOCKED_KINDS} == {
        "observed", "crash", "known-failure", "skipped", "setup-error", "no-evidence",
        "collection-error", "not-run", "upstream", "stale",
    }  # fmt: skip
    assert [str(kind) for kind in BLOCKED_KINDS] == [
        "not-armed", "missing-config", "no-data", "provider-unavailable", "timeout", "pending",
        "inconclusive", "unresolved-intent", "not-implemented",
    ]  # fmt: skip


@each_hostile_text
def test_a_reason_is_one_line(text: str) -> None:
    """Whatever a test says, reason and remedy are one line each and stay what they are."""
    reason = Reason(text=text, kind=Kind.OBSERVED, remedy=text)
    assert len(reason.text.splitlines()) == 1
    assert len((reason.remedy or "").splitlines()) == 1
    assert Reason(text=reason.text, kind=Kind.OBSERVED, remedy=reason.remedy) == reason


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_reason_is_never_empty(text: str) -> None:
    """No verdict without a reason: one that says nothing says so."""
    reason = Reason(text=text, kind=Kind.SKIPPED, remedy="")
    assert reason.text == "no reason was given"
    assert reason.remedy is None
