"""A run notifies of what is new, if its configuration and its environment say where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.project import CONFIG, SHOP, Project
from tests.unit.cli.hook import SECRET, Receiver

pytest.importorskip("apprise")
pytest.importorskip("sqlalchemy")

PASSING = "@api\ndef test_a(): pass\n"
FAILING = f"@api\ndef test_a():\n    assert False, 'refused'\n    print('{SECRET}')\n"


def test_a_run_notifies_of_a_flip(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Once, without secrets; a hook that fails is a line and changes no verdict."""
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{tmp_path}/state.sqlite3")
    keyed = CONFIG.replace("[tool.prodstatus]\n", '[tool.prodstatus]\nnotify = ["NOTIFY_URL"]\n')
    project.write({"pyproject.toml": keyed, "test_api.py": PASSING, "test_shop.py": SHOP})
    assert project.run().status == 0  # no address: nothing is sent, and nothing is said
    hook = Receiver()
    try:
        monkeypatch.setenv("NOTIFY_URL", hook.url)
        assert project.run().status == 0
        assert hook.taken() == []
        project.write({"test_api.py": FAILING})
        assert project.run().status == 1
        ((title, text),) = hook.taken()
        assert title == "production: FINAL FAILED, gate closed"
        assert "refused" in text
        assert project.run().status == 1
        assert hook.taken() == []
        hook.status = 500
        project.write({"test_api.py": PASSING})
        ran = project.run()
        assert ran.status == 0
        assert "the notification to NOTIFY_URL was not delivered" in ran.out
        assert SECRET not in ran.out
    finally:
        hook.close()


def test_a_plain_run_imports_nothing_of_it(project: Project) -> None:
    """Without the key, neither a server nor a notification is imported."""
    project.write({"test_api.py": PASSING, "test_shop.py": SHOP})
    code = (
        "import sys, pytest; pytest.main(['-q', '-m', 'production']);"
        "print(sorted({'apprise', 'starlette', 'uvicorn', 'pytest_prodstatus.notify',"
        "'pytest_prodstatus.serve'} & set(sys.modules)))"
    )
    done = project.pytester.run(sys.executable, "-c", code)
    done.stdout.fnmatch_lines(["[[][]]"])
