"""In a real browser the page runs only its own script, and everybody can read it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.model.waiver import Waiver, Waivers
from pytest_prodstatus.readers.config import Config, Step
from pytest_prodstatus.writers.html.page import write_block, write_page
from tests.unit.given import (
    HOSTILE,
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    entry,
    in_progress,
    observation,
    reason,
    record,
    run,
    stage,
)  # fmt: skip
from tests.unit.writers.shown import full, many

pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.chromium import PHONE, WIDE, executable, launched, opened

pytestmark = pytest.mark.skipif(
    executable() is None, reason="Chromium isn't installed on this machine"
)

SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"
AT_ONCE = NOW.isoformat()
SIZES = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all of these tests."""
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a record that fills every field."""
    return written(tmp_path_factory.mktemp("page") / "status.html", write_page(*full("plain")))


def written(file: Path, text: str) -> Path:
    """Return a file with a text in it."""
    file.write_bytes(text.encode("utf-8", "backslashreplace"))
    return file


def visible(page: Page) -> list[str]:
    """Return the ids of the criteria that are shown."""
    shown: list[str] = page.eval_on_selector_all(
        ".criterion", "all => all.filter(one => one.checkVisibility()).map(one => one.id)"
    )
    return shown


def test_hostile_text_does_nothing(browser: Browser, plain: Path, tmp_path: Path) -> None:
    """No field makes a dialog, a console message, a request or an element."""
    made = "script, img, iframe, object, embed, link, base, form, [onload], [onerror]"
    with opened(browser, plain, PHONE, now=AT_ONCE) as shown:
        for number, text in enumerate(HOSTILE):
            shown.open(written(tmp_path / f"{number}.html", write_page(*full(text))))
            shown.page.wait_for_function("!document.getElementById('tools').hidden")
            assert shown.page.locator(made).count() == 1, text  # the page's own script
            assert shown.overflow == 0, text
            assert (shown.popped, shown.console, shown.requests) == ([], [], []), text


def test_script_in_the_page_is_refused_unless_it_is_the_pages_own(
    browser: Browser, tmp_path: Path
) -> None:
    """Even if a text became markup, the policy would stop it."""
    page = write_page(*full("plain")).replace(
        "<main>", "<main><script>alert(1)</script><img src=x onerror=alert(2)>"
    )
    with opened(browser, written(tmp_path / "status.html", page)) as shown:
        assert shown.popped == []
        assert sum("Content Security Policy" in line for line in shown.console) >= 2


def green() -> tuple[Record, Config]:
    """Return a CONFIRMED record with former runs."""
    made = catalogue("a", stage("b", requires=("a",)))
    shown = record(made, {"a.x": observation(evidence=(entry("", "it answers"),)), "b.x": C})
    return replace(shown, history=(shown.past,) * 5), Config(catalogue=made)


def outage() -> tuple[Record, Config]:
    """Return a BLOCKED record: an outage that two stages saw, and one that depends on it."""
    made = catalogue("a", "b", stage("c", requires=("a",)))
    down = observation(B, reason=reason("503", Kind.PROVIDER_UNAVAILABLE, remedy="wait"))
    path = (Step(name="buy", shows="c.x"),)
    return record(made, {"a.x": down, "b.x": down, "c.x": C}), Config(catalogue=made, path=path)


def waived() -> tuple[Record, Config]:
    """Return a record with one waived criterion."""
    made = catalogue("a")
    waiver = Waiver(criterion="a.x", reason="known", owner="Ana", expires=NOW + 24 * HOUR)
    shown = record(made, {"a.x": F, "a.y": C}, of=run(catalogue=made.digest))
    return shown, Config(catalogue=made, waivers=Waivers(given=(waiver,)))


def stale() -> tuple[Record, Config]:
    """Return the record of a part run that carried over what is too old."""
    made = catalogue("a", "b")
    before = record(made, {"a.x": C, "b.x": observation(observed_at=NOW - 48 * HOUR)})
    tests = (criterion("a.x"), criterion("b.x"))
    return record(
        made, {"a.x": C}, collected=tests, selected=frozenset(["a.x"]), former=before
    ), Config(catalogue=made)


STATES: dict[str, Callable[[], tuple[Record, Config]]] = {
    "filled": lambda: full("plain"),
    "green": green,
    "blocked": outage,
    "waived": waived,
    "killed": lambda: (in_progress(), Config()),
    "stale": stale,
    "one": lambda: (record(catalogue("a"), {"a.x": C}), Config(catalogue=catalogue("a"))),
    "many": lambda: many(210, 20),
}
LOOKS = [(size, scheme) for size in (WIDE, PHONE) for scheme in ("light", "dark")]


def violations(page: Page, context: str | None = None) -> list[tuple[str, int, str]]:
    """Return the rules that axe finds broken, also the one that it doesn't try by default."""
    options = {
        "rules": {"label-content-name-mismatch": {"enabled": True}},
        "resultTypes": ["violations"],  # takes half as long
    }
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [(rule["id"], len(rule["nodes"]), rule["nodes"][0]["html"]) for rule in found]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(browser: Browser, tmp_path: Path, state: str) -> None:
    """Contrast, landmarks, headers and names are right, in light and dark, wide and narrow.

    Every day one look of each state, and two of the filled one, which have nothing in common; with
    PRODSTATUS_SWEEP all of them. "many" is just long enough to leave out what is out of sight. Ten
    thousand criteria are made of the same elements, and axe doesn't end on them: the time of its
    rule on contrast grows with their square.
    """
    file = written(tmp_path / "status.html", write_page(*STATES[state]()))
    number = list(STATES).index(state) % len(LOOKS)
    daily = (LOOKS[0], LOOKS[-1]) if state == "filled" else (LOOKS[number],)
    for size, scheme in LOOKS if SWEEP else daily:
        with opened(browser, file, size, color_scheme=scheme) as shown:
            assert violations(shown.page) == []
            assert shown.overflow == 0


def test_no_word_of_a_verdict_breaks_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """On a phone each cell with a verdict is one line high."""
    made, config = green()
    changed = replace(record(config.catalogue, {"a.x": F, "b.x": C}), history=made.history)
    with opened(browser, written(tmp_path / "p.html", write_page(changed, config)), PHONE) as shown:
        cells = shown.page.locator(".changes td").all()
        assert {cell.inner_text() for cell in cells} == {"CONFIRMED", "FAILED", "BLOCKED"}
        assert all((cell.bounding_box() or {"height": 99})["height"] < 30 for cell in cells)
        assert shown.page.locator(".hint").is_visible()  # the graph is wider than the window


def test_axe_finds_nothing_in_what_is_ours_in_the_report_of_pytest_html(
    browser: Browser, tmp_path: Path
) -> None:
    """The block above its table; the rest of that report isn't ours."""
    shell = '<!doctype html><html lang="en"><title>t</title><main><h1>r</h1>{}</main></html>'
    for state in ("filled", "green", "waived", "killed"):
        text = shell.replace("{}", write_block(*STATES[state]()))
        with opened(browser, written(tmp_path / f"{state}.html", text), PHONE) as shown:
            assert violations(shown.page, ".prodstatus") == []


@SIZES
def test_the_page_is_complete_without_a_script(
    browser: Browser, plain: Path, size: tuple[int, int]
) -> None:
    """Without a script every criterion and picture is there; only the tools are missing."""
    with opened(browser, plain, size, java_script_enabled=False) as shown:
        assert shown.page.locator(".criterion").count() == len(list(full("plain")[0].criteria))
        assert not shown.page.locator("#tools").is_visible()
        assert shown.page.locator("ol.path >> visible=true").count() == 1
        assert shown.page.locator(".criterion[open] .evidence").first.is_visible()


def test_criteria_are_found_filtered_and_sorted(browser: Browser, tmp_path: Path) -> None:
    """Criteria are found by words, filtered by verdict, and sorted with the worst first."""
    with opened(browser, written(tmp_path / "status.html", write_page(*many(40, 4)))) as shown:
        page = shown.page
        assert len(visible(page)) == 40
        page.get_by_role("checkbox", name="FAILED").uncheck()
        page.get_by_role("checkbox", name="BLOCKED").uncheck()
        assert len(visible(page)) == 20
        page.get_by_role("checkbox", name="FAILED").check()
        page.get_by_role("searchbox").fill("s2 number-2 ")
        assert page.locator("#tools [role=status]").inner_text() == "3 of 40"
        assert page.locator("section.stage >> visible=true").count() == 1
        page.get_by_role("searchbox").fill("")
        page.get_by_role("combobox").select_option("worst")
        kinds = page.eval_on_selector_all(
            "#stage-s0 .criterion", "all => all.map(one => one.classList[1])"
        )
        assert kinds == sorted(kinds, key="FBC".index)


def test_a_link_opens_what_it_leads_to(browser: Browser, tmp_path: Path) -> None:
    """A link opens its criterion, also if that is filtered out."""
    with opened(browser, written(tmp_path / "status.html", write_page(*many(40, 4)))) as shown:
        page = shown.page
        page.get_by_role("checkbox", name="CONFIRMED").uncheck()
        assert "c1" not in visible(page)
        page.evaluate("location.hash = '#c1'")
        page.wait_for_function("document.getElementById('c1').open")
        assert "c1" in visible(page)


def test_the_keyboard_reaches_everything(browser: Browser, plain: Path) -> None:
    """The tab key reaches each link, tool, criterion and button; the space bar opens."""
    with opened(browser, plain) as shown:
        page = shown.page
        wanted = page.locator("a, summary, button, input, select").filter(visible=True).count()
        reached = set()
        for _ in range(wanted + 5):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.outerHTML"))
        assert any("<summary" in element for element in reached)
        assert any('href="#stage-a"' in element for element in reached)
        assert any("searchbox" in element or 'type="search"' in element for element in reached)
        folded = page.locator(".criterion:not([open]) > summary").first
        criterion = folded.evaluate("one => one.parentElement.id")
        folded.focus()
        page.keyboard.press("Space")
        assert page.locator(f"#{criterion}").evaluate("one => one.open")


def test_an_id_is_copied(browser: Browser, plain: Path) -> None:
    """The button copies the id, or selects it if the clipboard isn't allowed."""
    with opened(browser, plain, permissions=["clipboard-read", "clipboard-write"]) as shown:
        button = shown.page.locator(".criterion[open] button.copy").first
        wanted = button.evaluate("one => one.previousElementSibling.textContent")
        button.click()
        shown.page.wait_for_function(
            "one => one.textContent != 'copy'", arg=button.element_handle()
        )
        if button.inner_text() == "copied":
            assert shown.page.evaluate("navigator.clipboard.readText()") == wanted
        else:
            assert shown.page.evaluate("getSelection().toString()") == wanted


@pytest.mark.parametrize(
    ("now", "warning"),
    [
        ("2026-11-23T11:59:00Z", ""),
        ("2026-11-23T13:30:00Z", "This page is old: what it says stopped being valid 2 h ago."),
        ("2026-11-30T13:00:00Z", "This page is old: what it says stopped being valid 7 d ago."),
    ],
)
def test_an_old_page_says_so(browser: Browser, plain: Path, now: str, warning: str) -> None:
    """A page is old if its first CONFIRMED is too old to be carried over."""
    with opened(browser, plain, now=now) as shown:
        old = shown.page.locator("#old")
        assert (old.inner_text() if old.is_visible() else "").startswith(warning)
        assert old.is_visible() == bool(warning)


def test_print_shows_what_is_folded(browser: Browser, plain: Path) -> None:
    """Folded parts are printed, because paper can't be clicked; the tools aren't."""
    with opened(browser, plain) as shown:
        shown.page.emulate_media(media="print")
        folded = shown.page.locator(".criterion:not([open]) .facts").first
        assert folded.bounding_box()
        assert not shown.page.locator("#tools").is_visible()
        assert re.match(rb"%PDF", shown.page.pdf(format="A4"))


def test_ten_thousand_criteria_stay_usable(browser: Browser, tmp_path: Path) -> None:
    """Ten thousand criteria are found, filtered and linked to like ten."""
    file = written(tmp_path / "status.html", write_page(*many(10_000, 20)))
    with opened(browser, file) as shown:
        shown.page.evaluate("location.hash = '#c7777'")
        shown.page.wait_for_function("document.getElementById('c7777').open")
        expect(shown.page.locator("#c7777 > summary")).to_be_in_viewport()
        shown.page.get_by_role("searchbox").fill("number-9999")
        assert shown.page.locator("#tools [role=status]").inner_text() == "1 of 10000"
        assert (shown.console, shown.overflow) == ([], 0)
