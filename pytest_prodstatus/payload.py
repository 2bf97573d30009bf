"""What one report carries from the process that ran a criterion to the one that judges it.

It travels as JSON text in one attribute of the report: xdist passes such text on, while one enum,
path or lone surrogate would be an internal error that loses the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec
from msgspec import Struct

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.instant import Instant
from pytest_prodstatus.model.reason import Reason
from pytest_prodstatus.model.walk import printable

ATTRIBUTE = "prodstatus"


class Payload(Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    endpoints: Mapping[str, str] = {}
    snapshots: Mapping[str, tuple[Instant, ...]] = {}

    @property
    def text(self) -> str:
        """The payload as JSON: mostly a number, how many entries there are."""
        if not (self.evidence or self.blocked or self.repeat or self.endpoints or self.snapshots):
            return str(self.recorded)
        try:
            return _ENCODE(self).decode()
        except UnicodeEncodeError:
            return _ENCODE(printable(self)).decode()

    def attach(self, report: object) -> None:
        """Put the payload on a report."""
        setattr(report, ATTRIBUTE, self.text)

    @staticmethod
    def entry_text(entry: Entry) -> str:
        """Return one entry of evidence as a line of JSON."""
        return _ENCODE(entry).decode()

    @staticmethod
    def entry_from_text(line: str) -> Entry:
        """Return the entry that `entry_text` wrote."""
        entry: Entry = msgspec.json.decode(line, type=Entry)
        return entry

    @classmethod
    def of(cls, report: object) -> Payload | None:
        """Return a report's payload, or None where it carries none."""
        text = getattr(report, ATTRIBUTE, None)
        return _payload(text) if isinstance(text, str) else None


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Payload).decode


# Several hooks ask for the payload of one report, and most of thousands say nothing at all.
@lru_cache(maxsize=16)
def _payload(text: str) -> Payload:
    return Payload(recorded=int(text)) if text.isdecimal() else _DECODE(text)
