"""The manifest: what one process collected, as it reaches the process that judges.

Under xdist the controller collects nothing, so each worker writes its manifest into the run's
spool folder before the first test starts; a crash report carries no marks, but its node id is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from pytest_prodstatus.model.catalogue import Criterion
from pytest_prodstatus.model.reason import Reason
from pytest_prodstatus.model.walk import printable


class AllBut:
    """Whatever isn't one of a few names: of thousands of criteria a run looks at most."""

    def __init__(self, names: Iterable[str]) -> None:
        self._out = frozenset(names)

    def __contains__(self, name: object) -> bool:
        return name not in self._out


class Manifest(Struct, frozen=True, kw_only=True):
    """What was collected.

    Attributes:
        criteria: every criterion by its node id, selected or not.
        deselected: node ids of those that are not to be run.
        files: test files that were collected whole.
        missing: the files that were not collected, and why; xdist tells the controller only one of
            several that say the same.
        error: why the collected criteria make no catalogue; "" when they do.
    """

    criteria: Mapping[str, Criterion] = {}
    deselected: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    missing: Mapping[str, Reason] = {}
    error: str = ""

    @property
    def selected(self) -> int:
        """How many criteria are to be run."""
        return len(self.criteria) - len(self.deselected)

    def to_json(self) -> str:
        """Return the manifest as JSON text, whatever its names hold."""
        try:
            return _ENCODE(self).decode()
        except UnicodeEncodeError:
            return _ENCODE(printable(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `to_json` wrote."""
        return _DECODE(text)


_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(Manifest).decode
