"""The block for another HTML report: harmless, and complete about what isn't CONFIRMED."""

from __future__ import annotations

import re

from pytest_prodstatus.integrations.pytest_html import write_block
from tests.unit.given import C, catalogue, each_hostile_text, record
from tests.unit.writers.shown import full

TAG = re.compile(r"</?\w+[^>]*>")


@each_hostile_text
def test_hostile_text_makes_no_markup(text: str) -> None:
    """The tags and their attributes are those of a plain text."""
    assert TAG.findall(write_block(*full(text))) == TAG.findall(write_block(*full("plain")))


def test_what_is_not_confirmed_is_listed() -> None:
    """Also what never ran; why, and what to do."""
    made, config = full("plain")
    block = write_block(made, config)
    listed = block.partition("Criteria that are not CONFIRMED")[2]
    unmet = [standing.id for standing in made.criteria if standing.verdict is not C]
    assert re.findall(r'<tr><th scope="row">([^<]*)</th>', listed) == unmet
    assert "observed: plain<br>→ plain" in listed


def test_where_all_is_confirmed_nothing_is_listed() -> None:
    """The stages are."""
    made = record(catalogue("a"), {"a.x": C})
    block = write_block(made, full("plain")[1])
    assert "Criteria that are not" not in block
    assert '<th scope="row">A STATUS</th>' in block
