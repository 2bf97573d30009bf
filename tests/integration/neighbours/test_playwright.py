"""pytest-playwright: a criterion per browser, and BLOCKED if there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_playwright")

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "writing-criteria.md"

TESTS = """
@api
def test_knows_its_browser(browser_name, is_chromium, browser_type_launch_args):
    assert browser_name == "chromium"
    assert is_chromium

@shop
def test_opens(page): page.goto("data:text/html,open")
"""


def test_without_a_browser(beside: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings are at hand; a page can't be opened, so nothing was seen."""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    assert ran.verdicts == {
        "api.knows-its-browser[chromium]": "CONFIRMED",
        "shop.opens[chromium]": "BLOCKED setup-error",
    }
    assert ran.status == 1


CHROMIUM = """
import os
import pytest

@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    own = {{"executable_path": {path!r}, "args": ["--no-sandbox"]}}
    # The address of a socket is short, and a test's folder for temporary files has a long name.
    return {{**browser_type_launch_args, **own, "env": {{**os.environ, "TMPDIR": "/tmp"}}}}

"""
SHOWN = """
@api
def test_opens(page):
    page.goto("data:text/html,open")
    assert page.inner_text("body") == "open"

@shop
def test_fails(page):
    page.goto("data:text/html,closed")
    assert page.inner_text("body") == "open"

@shop
def test_is_blocked(page): blocked("nothing to look at")
"""


def test_a_screenshot_of_what_failed(beside: Beside) -> None:
    """The documentation's fixture attaches one to each criterion that fails, and to no other."""
    from tests.chromium import executable

    path = executable()
    if path is None:
        pytest.skip("Chromium isn't installed")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (fixture,) = (block for block in blocks if "def screenshot(" in block)
    beside.write({"conftest.py": CHROMIUM.format(path=path) + fixture, "test_all.py": SHOWN})
    config = beside.project.root / "pyproject.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("[tool.prodstatus]", "[tool.prodstatus]\nattachments = true", 1))
    # That is pytest-base-url's fixture, which pytest-playwright uses.
    ran = beside.run("-W", "ignore:Session-scoped fixtures defined as instance methods")
    attached = {name: c.get("attachments", ()) for name, c in ran.criteria.items()}
    assert {name for name, files in attached.items() if files} == {"shop.fails[chromium]"}
    ((picture,),) = filter(None, attached.values())
    assert (picture["name"], picture["media_type"]) == ("page.png", "image/png")
    folder = beside.project.folder / "attachments" / ran.record["run"]["id"]
    assert [path.stat().st_size for path in folder.iterdir()] == [picture["size"]]
