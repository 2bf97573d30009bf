"""Fixtures of every unit test."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count

import pytest

if find_spec("hypothesis"):  # the wheel is tested without it
    from tests.unit import properties  # noqa: F401  its profile

_NUMBERS = count()


@pytest.fixture(autouse=True)
def _no_state_of_a_person(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No unit test reaches the state store of the user who runs it.

    Each gets a folder of its own that isn't made: to make and remove one takes longer than most
    tests.
    """
    monkeypatch.delenv("PRODSTATUS_STATE_URL", raising=False)
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    state = tmp_path_factory.getbasetemp() / f".state{next(_NUMBERS)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
