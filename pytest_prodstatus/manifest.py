"""The manifest: what one process collected, as it reaches the process that judges.

Under xdist the controller collects nothing, so each worker writes its manifest into the run's
spool folder before the first test starts; a crash report carries no marks, but its node id is here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_prodstatus.model.catalogue import Criterion
from pytest_prodstatus.model.reason import Kind, Reason


class AllBut:
    """Whatever isn't one of a few names: of thousands of criteria a run looks at most."""

    def __init__(self, names: Iterable[str]) -> None:
        self._out = frozenset(names)

    def __contains__(self, name: object) -> bool:
        return name not in self._out


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was collected.

    Attributes:
        criteria: every criterion by its node id, selected or not.
        deselected: node ids of those that are not to be run.
        files: test files that were collected whole.
        missing: the files that were not collected, and why; xdist tells the controller only one of
            several that say the same.
        error: why the collected criteria make no catalogue; "" when they do.
    """

    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    deselected: frozenset[str] = frozenset()
    files: frozenset[str] = field(default_factory=frozenset)
    missing: Mapping[str, Reason] = field(default_factory=dict)
    error: str = ""

    @property
    def selected(self) -> int:
        """How many criteria are to be run."""
        return len(self.criteria) - len(self.deselected)

    def to_json(self) -> str:
        """Return the manifest as ASCII JSON text, whatever its names hold."""
        return json.dumps(
            {
                "criteria": list(self.criteria.values()),
                "deselected": sorted(self.deselected),
                "files": sorted(self.files),
                "missing": {
                    file: [reason.text, reason.kind.value, reason.remedy]
                    for file, reason in self.missing.items()
                },
                "error": self.error,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `to_json` wrote."""
        data = json.loads(text)
        criteria = (Criterion(*values) for values in data["criteria"])
        return cls(
            criteria={criterion.nodeid: criterion for criterion in criteria},
            deselected=frozenset(data["deselected"]),
            files=frozenset(data["files"]),
            missing={
                file: Reason(text=text, kind=Kind(kind), remedy=remedy)
                for file, (text, kind, remedy) in data["missing"].items()
            },
            error=data["error"],
        )
