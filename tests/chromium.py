"""This machine's headless Chromium, for tests of the page that need a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

WIDE, PHONE = (1280, 800), (390, 844)


def executable() -> str | None:
    """Return the path of Chromium on this machine, None if it isn't installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """Run a Chromium with a profile of its own."""
    with sync_playwright() as playwright:
        # No sandbox: Chromium refuses it as root, as CI often runs. It opens only our own files.
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass  # no slots: Playwright sets an attribute on the receiver of a bound handler
class Opened:
    """A page in a window of its own, and what the page did.

    Attributes:
        console: the lines that it wrote to the console, errors included.
        requests: the addresses that it requested, without its own.
        popped: dialogs that it opened.
    """

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    popped: list[str] = field(default_factory=list)

    def open(self, file: Path) -> None:
        """Open another file in the same window."""
        self.page.goto(file.as_uri())
        self.requests.remove(file.as_uri())

    def dismiss(self, dialog: Dialog) -> None:
        """Note a dialog and close it."""
        self.popped.append(dialog.message)
        dialog.dismiss()

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider


@contextmanager
def opened(
    browser: Browser,
    file: Path,
    size: tuple[int, int] = WIDE,
    *,
    now: str | None = None,
    **context: Any,
) -> Iterator[Opened]:
    """Open a file in a window of `size`.

    Args:
        browser: a running one.
        file: what to open.
        size: the window's, in pixels.
        now: the instant that the page takes for now, as ISO 8601; None for the real one.
        context: further settings, as `Browser.new_context` takes them.
    """
    window = browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
    try:
        shown = Opened(window.new_page())
        page = shown.page
        if now:
            page.clock.set_fixed_time(now)
        page.on("console", lambda message: shown.console.append(message.text))
        page.on("pageerror", lambda error: shown.console.append(str(error)))
        page.on("dialog", shown.dismiss)
        page.on("request", lambda request: shown.requests.append(request.url))
        shown.open(file)
        yield shown
    finally:
        window.close()
