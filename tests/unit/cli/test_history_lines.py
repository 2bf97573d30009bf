"""The history is printed as lines for a terminal, and as JSON."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from pytest_prodstatus.cli.history import history_lines
from pytest_prodstatus.model.codec import data_of
from pytest_prodstatus.model.history import (
    Change,
    Counted,
    Flip,
    History,
    Regression,
    StagePast,
    Unconfirmed,
    saved_run,
)
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, record, run

STAGES = catalogue("api", "shop")
NEWEST = replace(
    saved_run(record(STAGES, {"api.up": F, "shop.open": C}, of=run(id="run-2", commit="b" * 40))),
    partial=True,
    selection="-k api",
)
OLDEST = replace(
    saved_run(record(STAGES, {"api.up": C, "shop.open": C}, of=run(id="run-1", commit="a" * 40))),
    started=NOW - 25 * HOUR,
)
TURNED = Flip(stage="api", at=NEWEST.started, run="run-2", verdict=F, previous=C)
LAPSE = Regression(
    confirmed=OLDEST,
    turned=TURNED,
    changes=(Change(name="release", before="v1", after=None),),
    unconfirmed=(
        Unconfirmed(criterion="api.up", stage="api", verdict=F, kind="observed", reason="it broke"),
    ),
)
SEEN = History(
    project="store",
    target="demo",
    runs=(NEWEST, OLDEST),
    stages=(
        StagePast(id="api", verdict=F, since=TURNED, flips=(TURNED,), regression=LAPSE),
        StagePast(
            id="shop",
            verdict=C,
            since=Flip(stage="shop", at=OLDEST.started, run="run-1", verdict=C, previous=None),
            flips=(),
            regression=None,
        ),
    ),
    flaky=(Counted(criterion="shop.open", times=2, newest=NOW),),
)


def test_it_reads_from_the_present_to_the_past() -> None:
    """Stages come first, with dates and regressions; then flaky criteria and runs."""
    assert list(history_lines(SEEN)) == [
        "Target demo of project store, its newest 2 runs:",
        "2026-11-21 11:00:00 UTC to 2026-11-22 11:00:00 UTC",
        "",
        "api   FAILED     since 2026-11-22 11:00:00 UTC, before that CONFIRMED",
        "    last CONFIRMED 2026-11-21 11:00:00 UTC, run run-1, commit aaaaaaaaaaaa, release v1",
        "    FAILED from 2026-11-22 11:00:00 UTC, run run-2",
        "      release: v1 -> none",
        "    api.up: FAILED (observed) it broke",
        "    1 flip:",
        "      2026-11-22 11:00:00 UTC  CONFIRMED -> FAILED  run run-2",
        "shop  CONFIRMED  since 2026-11-21 11:00:00 UTC",
        "",
        "Flaky, held only after a rerun:",
        "  shop.open: 2 times, last 2026-11-22 12:00:00 UTC",
        "",
        "Runs:",
        "  2026-11-22 11:00:00 UTC  FAILED     run run-2, commit bbbbbbbbbbbb, release v1 (-k api)",
        "  2026-11-21 11:00:00 UTC  CONFIRMED  run run-1, commit aaaaaaaaaaaa, release v1",
    ]


def first_stage_text(regression: Regression) -> str:
    """Return the lines of the first stage as one text."""
    api = replace(SEEN.stages[0], regression=regression)
    return "\n".join(history_lines(replace(SEEN, stages=(api,))))


def test_what_isnt_known_is_said() -> None:
    """The lines say that a stage was never CONFIRMED, or that a run was deleted."""
    assert "    never CONFIRMED\n" in first_stage_text(
        Regression(confirmed=None, turned=None, changes=(), unconfirmed=())
    )
    gone = first_stage_text(Regression(confirmed=None, turned=TURNED, changes=(), unconfirmed=()))
    assert "    last CONFIRMED before 2026-11-22 11:00:00 UTC, by a run that isn't kept\n" in gone


def test_a_long_reason_stays_a_line() -> None:
    """A long reason is cut to one line, and says so."""
    unconfirmed = replace(LAPSE.unconfirmed[0], verdict=B, reason="x" * 600)
    text = first_stage_text(replace(LAPSE, unconfirmed=(unconfirmed,)))
    assert max(map(len, text.splitlines())) < 260
    assert "cut from 600" in text


def test_json_says_the_same() -> None:
    """The JSON has every name of the history, with instants in UTC."""
    data = data_of(SEEN)
    assert (data["project"], data["target"]) == ("store", "demo")
    assert [past["run"] for past in data["runs"]] == ["run-2", "run-1"]
    assert data["runs"][0]["stages"] == {"api": "FAILED", "shop": "CONFIRMED", "final": "FAILED"}
    api, shop = data["stages"]
    at = "2026-11-22T11:00:00.000Z"
    flip = {
        "stage": "api",
        "at": at,
        "run": "run-2",
        "verdict": "FAILED",
        "previous": "CONFIRMED",
    }
    assert (api["since"], api["flips"]) == (flip, [flip])
    assert api["regression"]["turned"] == flip
    assert api["regression"]["confirmed"]["run"] == "run-1"
    assert api["regression"]["changes"] == [{"name": "release", "before": "v1", "after": None}]
    assert api["regression"]["unconfirmed"][0]["reason"] == "it broke"
    assert shop["regression"] is None
    assert data["flaky"] == [
        {"criterion": "shop.open", "times": 2, "newest": "2026-11-22T12:00:00.000Z"}
    ]
    assert NEWEST.finished - NEWEST.started == timedelta(hours=1)


def test_what_was_never_seen_to_fail_is_named() -> None:
    """A criterion that always held may be one that can't fail."""
    seen = replace(SEEN, failed=(Counted(criterion="api.up", times=1, newest=NOW),))
    lines = list(history_lines(seen, ["api.up", "shop.open"]))
    at = lines.index("Seen to fail:")
    assert lines[at + 1 : at + 5] == [
        "  api.up: once, last 2026-11-22 12:00:00 UTC",
        "",
        "Never seen to fail in these runs:",
        "  shop.open",
    ]
