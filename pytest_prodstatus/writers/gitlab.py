"""Links on a GitLab job's page, from its `reports:annotations`.

Source: docs.gitlab.com/ci/yaml/artifacts_reports (annotations), and GitLab's own schema
`ci/job_annotations.json`.
"""

from __future__ import annotations

from pytest_prodstatus.model.codec import json_text
from pytest_prodstatus.model.rollup import cause_line
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.writers.exports import Export, Report

_SHOWN = 20
"""How many causes are named; the page has all of them."""
_LABEL = 250
"""Characters of a label; GitLab shows it in a narrow column."""


def write(report: Report) -> str:
    """Return the verdict and its causes as links to the page."""
    gate = report.gate
    labels = [gate.headline, gate.decision.sentence]
    labels += [cause_line(cause) for cause in gate.decision.causes[:_SHOWN]]
    links = [
        {"external_link": {"label": one_line(label, limit=_LABEL), "url": report.page}}
        for label in dict.fromkeys(labels)
    ]
    section = one_line(f"Production status: {gate.decision.query.target}")
    return json_text({section: links}) + "\n"


EXPORT = Export(file="gl-annotations.json", about="links on GitLab's job page", write=write)
