"""The strip of the last runs has the newest at the right, marks flips, and has a label."""

from __future__ import annotations

import re

from msgspec.structs import replace

from pytest_prodstatus.model.record import Past
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.html import strip, strip_of
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, record


def bars(drawn: str) -> dict[str, int]:
    """Return the number of bars of each style."""
    return {
        style: path.count("h5v") for style, path in re.findall(r'class="(\w)" d="(\S[^"]*)', drawn)
    }


def test_bars_differ_in_height_too() -> None:
    """A bar is higher if its verdict is worse."""
    drawn = strip([C, C, F, B])
    assert bars(drawn) == {"C": 2, "F": 1, "B": 1}
    tall = dict(re.findall(r'class="(\w)" d="M\d+ \d+h5v(\d+)', drawn))
    assert int(tall["C"]) < int(tall["B"]) < int(tall["F"])


def test_flips_are_marked() -> None:
    """There is one mark for each change, and none without a change."""
    assert strip([C, F, F, C]).count("l2.5-4 2.5 4z") == 2
    assert "l2.5-4" not in strip([C, C])


def test_the_strip_has_a_label_in_words() -> None:
    """The label counts the runs that have a verdict of the stage."""
    assert 'aria-label="The last 4 runs: 2 FAILED, 2 CONFIRMED; 2 changes"' in strip([C, F, F, C])
    assert 'aria-label="The last 1 run: 1 BLOCKED; 0 changes"' in strip([None, B])


def test_the_newest_run_stands_at_the_right_end() -> None:
    """The newest run is at the right end, even if there were few."""
    assert 'd="M174 ' in strip([C])
    assert 'd="M168 ' in strip([C, B])


def test_a_record_without_former_runs_has_no_strip() -> None:
    """A record without former runs has no strip; else the last bar is the present run."""
    made = record(catalogue("a"), {"a.x": F})
    assert strip_of(made, "a") == strip_of(made) == ""
    former = Past(
        run="r0", started=NOW - HOUR, commit=None, release=None, final=C, stages={"a": C, "old": B}
    )
    later = replace(made, history=(former,))
    assert bars(strip_of(later, "a")) == bars(strip_of(later)) == {"C": 1, "F": 1}
    assert Verdict.BLOCKED not in [past.final for past in later.history]
