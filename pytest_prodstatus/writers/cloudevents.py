"""A CloudEvent of the gate's decision: CloudEvents 1.0 in its JSON format.

Its data is the decision in the form of `prodstatus gate --format json`. The same decision about the
same run has the same id, so that a receiver can drop what it has seen.

Source: cloudevents/spec v1.0.2. The tests read it with the library cloudevents.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from pytest_prodstatus.model.codec import data_of, json_text
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.writers.exports import Export, Report
from pytest_prodstatus.writers.gate_report import reported_decision

CONTENT_TYPE = "application/cloudevents+json"
TYPE = "org.pypi.pytest-prodstatus.decision.v1"


def write(report: Report) -> str:
    """Return a report's decision as an event."""
    run = report.record.run
    decision = reported_decision(report.gate)
    digest = hashlib.sha256(msgspec.json.encode(decision)).hexdigest()
    event: dict[str, Any] = {
        "specversion": "1.0",
        # Not random: the same decision, sent twice, has to have the same id.
        "id": f"{run.id}/{digest[:16]}",
        "source": f"/prodstatus/{quote(run.target, safe='')}",
        "type": TYPE,
        "time": utc_isoformat(report.now),
        "datacontenttype": "application/json",
        "data": data_of(decision),
    }
    if run.subject.release:
        event["subject"] = run.subject.release
    return json_text(event) + "\n"


EXPORT = Export(file="cloudevent.json", about="a CloudEvent of the decision", write=write)
