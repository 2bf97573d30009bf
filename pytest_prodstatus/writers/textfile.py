"""Prometheus' text format 0.0.4, for node_exporter's textfile collector: `prodstatus.prom`.

The metrics are those of `openmetrics`; this format has no StateSet, so a verdict is a gauge with a
label. No sample has a timestamp of its own: one makes the collector skip the whole file.
"""

from __future__ import annotations

from pytest_prodstatus.writers.exports import Export, Report
from pytest_prodstatus.writers.openmetrics import escape_help, families, sample_lines


def write(report: Report) -> str:
    """Return a report's decision in the text format."""
    lines: list[str] = []
    for family in families([report.gate], verdict_label="verdict"):
        # Only a label value escapes a quotation mark here.
        about = escape_help(family.about).replace('\\"', '"')
        lines += [f"# HELP {family.name} {about}", f"# TYPE {family.name} gauge"]
        lines += sample_lines(family)
    return "\n".join(lines) + "\n"


EXPORT = Export(
    file="prodstatus.prom", about="Prometheus' text, for node_exporter's textfile", write=write
)
