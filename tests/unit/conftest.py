"""Fixtures of every unit test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_state_of_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No unit test reaches the state store of the user who runs it."""
    monkeypatch.delenv("PRODSTATUS_STATE_URL", raising=False)
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
