"""What is judged: the instant of judging, the window before it, the environment, the graces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.acceptance.support.clock import to_column
from tests.acceptance.support.probes.rules import RULES
from tests.acceptance.support.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The bounds that every database criterion shares, fixed once a process.

    Attributes:
        now: the instant of judging (UTC).
        settings: the window, the graces and the environment.
    """

    now: datetime
    settings: Settings

    @property
    def since(self) -> datetime:
        """The start of the window judged."""
        return self.now - self.settings.window

    def parameters(self) -> dict[str, object]:
        """Return the bound parameters of the bounds, with the rules of what is real.

        Times are naive and in UTC, as the store's columns are.
        """
        settings = self.settings
        return {
            **RULES,
            "environment": settings.environment,
            "since": to_column(self.since),
            "purchase_due": to_column(self.now - settings.purchase_grace),
            "sale_due": to_column(self.now - settings.sale_grace),
            "payout_due": to_column(self.now - settings.payout_grace),
        }
