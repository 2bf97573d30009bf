"""The differences between two runs are printed as lines, as Markdown and as JSON."""

from __future__ import annotations

import json

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from pytest_prodstatus.model.diff import diff
from pytest_prodstatus.model.record import Override, Record, Subject
from pytest_prodstatus.model.waiver import Waiver
from pytest_prodstatus.writers.diff import FORMATS, TITLES, write_json, write_text
from tests.unit.given import (
    HOUR,
    NOW,
    C,
    F,
    catalogue,
    each_hostile_text,
    entry,
    observation,
    reason,
    record,
    run,
)

STAGES = catalogue("api", "shop")
BEFORE = record(
    STAGES,
    {
        "api.up": C,
        "api.gone": C,
        "shop.open": F,
        "shop.pays": observation(evidence=(entry("orders", 3),)),
    },
    of=run(id="run-1", commit="a" * 40),
)
AFTER = replace(
    record(
        STAGES,
        {
            "api.up": F,
            "shop.open": F,
            "shop.new": C,
            "shop.pays": observation(evidence=(entry("orders", 2),)),
        },
        of=run(id="run-2", commit="b" * 40, started=NOW, subject=Subject(release="v2")),
    ),
    waivers=(Waiver(criterion="shop.open", reason="closed", owner="Ann", expires=NOW + HOUR),),
    overrides=(Override(target="demo", reason="now", who="Ben", since=NOW, until=NOW + HOUR),),
)
TEXT = """\
from  2026-11-22 11:00:00 UTC  FAILED     gate closed  target demo, run run-1, release v1, commit aaaaaaaaaaaa
to    2026-11-22 12:00:00 UTC  FAILED     gate closed  target demo, run run-2, release v2, commit bbbbbbbbbbbb

Release, suite, catalogue and versions (2):
  commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -> bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  release: v1 -> v2

Stages (1):
  api: CONFIRMED -> FAILED

Introduced: FAILED now (1):
  api.up: CONFIRMED -> FAILED (observed) seen to be FAILED

Lost: was judged, and isn't any more (1):
  api.gone: CONFIRMED -> not there

Added (1):
  shop.new: not there -> CONFIRMED

Still not CONFIRMED (1):
  shop.open: FAILED (observed) seen to be FAILED

Evidence that changed under the same verdict (1):
  shop.pays (CONFIRMED) orders: 3 -> 2

Waivers added (1):
  shop.open until 2026-11-22 13:00 UTC, by Ann: closed

Overrides added (1):
  OVERRIDE until 2026-11-22 13:00 UTC, by Ben: now
"""  # noqa: E501


def test_as_lines() -> None:
    """Each kind has its heading and number, the worst first; what isn't there has no heading."""
    assert write_text(diff(BEFORE, AFTER)) == TEXT


def test_nothing_differs() -> None:
    """Two equal runs differ in nothing, even if something still isn't CONFIRMED."""
    text = write_text(diff(AFTER, AFTER))
    assert text.endswith("\nNothing differs.\n")
    assert "Still not CONFIRMED (2):\n  api.up: FAILED" in text


def test_as_json() -> None:
    """The JSON has every field, with the kind of each change, in ASCII."""
    data = json.loads(write_json(diff(BEFORE, AFTER)))
    assert [(item["id"], item["change"]) for item in data["criteria"]] == [
        ("api.gone", "lost"), ("api.up", "introduced"), ("shop.new", "added")
    ]  # fmt: skip
    assert data["criteria"][1]["after"] == {
        "verdict": "FAILED", "observed": "FAILED", "kind": "observed", "reason": "seen to be FAILED"
    }  # fmt: skip
    assert data["before"]["run"] == "run-1"
    assert data["evidence"][0]["after"] == "2"
    assert data["waivers_added"][0]["owner"] == "Ann"


def test_every_kind_has_a_heading() -> None:
    """Each kind of change has a heading; without one it would be left out."""
    kinds = {item.change for item in diff(BEFORE, AFTER).criteria}
    assert kinds <= set(TITLES)
    assert len(TITLES) == 7


def hostile(text: str) -> Record:
    """Return a record with a hostile text in each place that is printed."""
    seen = observation(F, reason=reason(text), evidence=(entry("text", text),))
    made = record(STAGES, {"api.up": seen}, of=run(subject=Subject(release=text), selection=text))
    over = Override(target="demo", reason=text, who=text, since=NOW, until=NOW + HOUR)
    waiver = Waiver(criterion="api.up", reason=text, owner=text, expires=NOW)
    return replace(made, overrides=(over,), waivers=(waiver,))


@each_hostile_text
@pytest.mark.parametrize("form", FORMATS)
def test_hostile_texts(text: str, form: str) -> None:
    """No text adds a line or a control character, and in Markdown none is markup."""
    usual = FORMATS[form](diff(BEFORE, hostile("x")))
    written = FORMATS[form](diff(BEFORE, hostile(text)))
    assert len(written.splitlines()) == len(usual.splitlines())
    assert all(char == "\n" or char.isprintable() or char in "\u200d" for char in written)
    if form == "markdown":
        page = MarkdownIt("commonmark").render(written)
        assert all(tag not in page for tag in ("<a ", "<img", "<script", "<em>", "<pre>"))
