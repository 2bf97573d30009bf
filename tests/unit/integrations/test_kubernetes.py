"""The termination message says FINAL and why, in what the kubelet takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_prodstatus.integrations.kubernetes import LIMIT, message_file, message_of
from tests.unit.given import HOSTILE, B, C, F, catalogue, in_progress, observation, reason, record


def test_final_comes_first() -> None:
    """The first line is the run's last line, then the causes and what to do."""
    why = reason("the key is refused", remedy="renew it")
    made = record(catalogue("api"), {"api.key": observation(F, reason=why)}, status=1)
    first, *rest = message_of(made).splitlines()
    assert first.startswith("FINAL FAILED (target demo, gate closed)")
    assert any("the key is refused" in line for line in rest)
    assert rest[-1] == "→ renew it"
    assert message_of(record(catalogue("api"), {"api.key": C})).startswith("FINAL CONFIRMED")
    assert message_of(in_progress()).startswith("FINAL BLOCKED")


def test_it_fits() -> None:
    """However many reasons, it has at most 4096 bytes, cut between two characters."""
    seen = {
        f"api.c{n}": observation(B, reason=reason(f"{n} ä汉👩 {HOSTILE[n % len(HOSTILE)]}"))
        for n in range(300)
    }
    message = message_of(record(catalogue("api"), seen, status=10)).encode()
    assert LIMIT - 8 <= len(message) <= LIMIT
    assert message.decode().endswith("…\n")


@pytest.mark.parametrize("inside", [True, False])
def test_the_file_is_found(tmp_path: Path, inside: bool) -> None:
    """Kubernetes' own file counts only in its container, if it can be written."""
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"} if inside else {}
    file = tmp_path / "termination-log"
    assert message_file("", environ, file) is None
    file.touch()
    assert message_file("", environ, file) == (file if inside else None)
    assert message_file("other", environ, file) == Path("other")
