"""pytest-playwright: a criterion per browser, and BLOCKED if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_playwright")

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
