"""An override: a person's word, on record, that the gate is open although it isn't confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pytest_prodstatus.model.text import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One override of the gate of one target.

    Attributes:
        target: the system whose gate it opens.
        reason: why, in one sentence.
        who: the person who answers for it.
        since, until: the UTC instants between which it is in force, `until` itself excluded.
    """

    target: str
    reason: str
    who: str
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", one_line(self.reason))
        object.__setattr__(self, "who", one_line(self.who))
