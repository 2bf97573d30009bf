"""A run in a container of Kubernetes leaves its verdict as the termination message."""

from __future__ import annotations

import os

import pytest

from tests.integration.project import Project

SECRET = "kR7wq-9xTz-41LmPd"
FAILING = f"@api\ndef test_a():\n    assert False, 'refused {SECRET}'\n"


def test_the_message_of_a_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has FINAL and why, and no secret; a file that can't be written changes nothing."""
    monkeypatch.setenv("SHOP_API_TOKEN", SECRET)
    project.write({"test_api.py": FAILING})
    message = project.root / "message"
    ran = project.run(f"--prodstatus-termination-message={message}")
    assert ran.status == 1
    text = message.read_text(encoding="utf-8")
    assert text.startswith("FINAL FAILED (target production, gate closed): api.")
    assert SECRET not in text
    message.unlink()
    os.mkfifo(message)  # no one reads it
    ran = project.run(f"--prodstatus-termination-message={message}")
    assert ran.status == 1
    assert "it has no termination message" in ran.out
    assert ran.last_line.startswith("FINAL FAILED")
