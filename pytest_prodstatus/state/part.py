"""The parts that share one state store, each with its name in sentences and the schema it needs.

A part asks for the revision that it needs and no more. So a purchase never waits for tables that
it doesn't use, and a role that may not create tables keeps its journal after an update.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_prodstatus.state.errors import JournalUnavailable, StateUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the state store.

    Attributes:
        name: what a sentence calls it.
        revision: the oldest schema that has its tables.
        unavailable: what is raised when it can't be used.
        consequence: how such a sentence ends.
    """

    name: str
    revision: int
    unavailable: type[StateUnavailable]
    consequence: str


JOURNAL = Part(
    name="journal",
    revision=1,
    unavailable=JournalUnavailable,
    consequence="; until then nothing may be ordered.",
)
HISTORY = Part(name="history", revision=2, unavailable=StateUnavailable, consequence=".")
OVERRIDES = Part(
    name="list of overrides", revision=2, unavailable=StateUnavailable, consequence="."
)
