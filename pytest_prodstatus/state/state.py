"""The states of a purchase, and which of them are the end of it."""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    """One step in the life of a purchase, stored as its own name.

    PLANNED and INTENT are written together before anything is asked of the supplier; SENT is
    written before the order leaves; the last three are what came of it.
    """

    PLANNED = "PLANNED"
    INTENT = "INTENT"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"

    def __str__(self) -> str:
        return self.value

    @property
    def settled(self) -> bool:
        """Whether it is known what happened: an order exists, or it is proved that none does."""
        return self in (State.CONFIRMED, State.REJECTED)
