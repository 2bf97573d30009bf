"""Variables for the jobs that follow, in GitLab's `reports:dotenv` or a shell: `prodstatus.env`.

They inform; a job that deploys calls the gate itself, since anyone who starts a pipeline can set a
variable. No value is free text. The form has no quotes, comments or blank lines, and at most 5 KB.
"""

from __future__ import annotations

from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.writers.exports import Export, Report


def write(report: Report) -> str:
    """Return a report's decision as variables."""
    gate = report.gate
    decision = gate.decision
    values = {
        "VERDICT": decision.present_verdict.value,
        "OPEN": str(decision.open).lower(),
        "EXIT_CODE": str(decision.exit_code),
        "RULES": ",".join(rule.value for rule in decision.rules),
        "WAIVED": str(len(decision.waived)),
        "OVERRIDDEN": str(decision.override is not None).lower(),
        "UNTIL": utc_isoformat(gate.until) if gate.until else "",
    }
    return "".join(f"PRODSTATUS_{name}={value}\n" for name, value in values.items())


EXPORT = Export(file="prodstatus.env", about="variables for GitLab's dotenv report", write=write)
