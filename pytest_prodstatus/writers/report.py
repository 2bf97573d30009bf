"""What stands above the table of another HTML report, as pytest-html's: the page's head in short.

It is a piece of HTML for a page that isn't ours, with a style that touches nothing else there.
"""

from __future__ import annotations

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.summary import stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import head
from pytest_prodstatus.writers.html.template import source, template


def write_block(record: Record, config: Config) -> str:
    """Return the head, the stages, and every criterion that isn't CONFIRMED, ran or not."""
    return template("report.html.j2").render(
        unmet=[s for s in record.criteria if s.verdict is not Verdict.CONFIRMED],
        line=stage_line,
        style=source("report.css"),
        **head(record, config),
    )
