"""What holds for every unit test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_state_of_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing reaches the state store of whoever runs the tests."""
    monkeypatch.delenv("PRODSTATUS_STATE_URL", raising=False)
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
