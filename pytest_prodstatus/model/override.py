"""An override: a person's word, on record, that the gate is open although it isn't confirmed."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import force_setattr

from pytest_prodstatus.model.instant import Instant, instant
from pytest_prodstatus.model.text import Identity, one_line


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One override of the gate of one target.

    Attributes:
        target: the system whose gate it opens.
        reason: why, in one sentence.
        who: the person who answers for it.
        since, until: the UTC instants between which it is in force, `until` itself excluded.
    """

    target: Identity
    reason: str
    who: str
    since: Instant
    until: Instant

    def __post_init__(self) -> None:
        force_setattr(self, "reason", one_line(self.reason))
        force_setattr(self, "who", one_line(self.who))
        force_setattr(self, "since", instant(self.since))
        force_setattr(self, "until", instant(self.until))
