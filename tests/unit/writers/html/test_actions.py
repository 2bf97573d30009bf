"""What to do next: the first things at once, the others folded."""

from __future__ import annotations

import re

import pytest

from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import actions, head
from tests.unit.given import C, catalogue, record

HEAD = head(record(catalogue("a"), {"a.x": C}), Config())


@pytest.mark.parametrize(
    ("number", "folded"), [(1, ""), (5, ""), (6, "1 thing more"), (8, "3 things more")]
)
def test_more_than_five_actions_are_folded(number: int, folded: str) -> None:
    """The folded list goes on with the number after the last one seen."""
    told = [f"mend {n}" for n in range(1, number + 1)]
    text = actions(HEAD._replace(actions=told), 2)
    assert re.findall(r"<li>([^<]*)</li>", text) == told
    assert re.findall(r"<summary>([^<]*)</summary>", text) == ([folded] if folded else [])
    seen, _, _ = str(text).partition("<details>")
    assert seen.count("<li>") == min(5, number)
    assert ('<ol start="6">' in text) is bool(folded)


def test_nothing_to_do_is_said() -> None:
    """And an empty list isn't drawn."""
    text = actions(HEAD._replace(actions=()), 3)
    assert "<p>Nothing.</p>" in text
    assert "<ol" not in text
    assert '<h3 id="next">' in text
