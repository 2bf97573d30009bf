"""What one report carries from the process that ran a criterion to the one that judges it.

It travels as ASCII JSON text in one attribute of the report: xdist passes such text on, while one
enum, path or lone surrogate would be an internal error that loses the whole run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from pytest_prodstatus.model.evidence import Entry, entry_to_json, to_text
from pytest_prodstatus.model.reason import Kind, Reason

ATTRIBUTE = "prodstatus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What was recorded during one phase.

    Attributes:
        evidence: of this phase.
        recorded: entries of the whole attempt so far.
        blocked: the reason given to `blocked()`.
        repeat: the plugin refused to start the criterion once more.
        endpoints: hosts that the suite asked, by name.
        snapshots: the instants as of which it read something, by name.
    """

    evidence: tuple[Entry, ...] = ()
    recorded: int = 0
    blocked: Reason | None = None
    repeat: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The payload as ASCII JSON: mostly a number, how many entries there are."""
        blocked = self.blocked
        if not (self.evidence or blocked or self.repeat or self.endpoints or self.snapshots):
            return str(self.recorded)
        data = {
            "evidence": [entry_to_json(entry) for entry in self.evidence],
            "recorded": self.recorded,
            "blocked": blocked and [blocked.text, blocked.kind.value, blocked.remedy],
            "repeat": self.repeat,
            "endpoints": dict(self.endpoints),
            "snapshots": {name: list(map(to_text, at)) for name, at in self.snapshots.items()},
        }
        return json.dumps(data)

    def attach(self, report: object) -> None:
        """Put the payload on a report."""
        setattr(report, ATTRIBUTE, self.text)

    @staticmethod
    def entry_text(entry: Entry) -> str:
        """Return one entry of evidence as a line of ASCII JSON."""
        return json.dumps(entry_to_json(entry))

    @staticmethod
    def entry_from_text(line: str) -> Entry:
        """Return the entry that `entry_text` wrote."""
        return _entry(json.loads(line))

    @classmethod
    def of(cls, report: object) -> Payload | None:
        """Return a report's payload, or None where it carries none."""
        text = getattr(report, ATTRIBUTE, None)
        return _payload(text) if isinstance(text, str) else None


# Several hooks ask for the payload of one report, and most of thousands say nothing at all.
@lru_cache(maxsize=16)
def _payload(text: str) -> Payload:
    data = json.loads(text)
    if isinstance(data, int):
        return Payload(recorded=data)
    blocked = data["blocked"]
    return Payload(
        evidence=tuple(map(_entry, data["evidence"])),
        recorded=data["recorded"],
        blocked=Reason(text=blocked[0], kind=Kind(blocked[1]), remedy=blocked[2])
        if blocked
        else None,
        repeat=data["repeat"],
        endpoints=data["endpoints"],
        snapshots={name: tuple(map(_instant, at)) for name, at in data["snapshots"].items()},
    )


# What this plugin wrote itself needs none of the care with which a record is read.


def _entry(data: dict[str, Any]) -> Entry:
    return Entry(name=data.pop("name"), at=_instant(data.pop("at")), value=data)


def _instant(text: str) -> datetime:
    # Python 3.10's fromisoformat knows no "Z".
    return datetime.fromisoformat(f"{text[:-1]}+00:00")
