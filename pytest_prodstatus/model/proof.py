"""Which criteria can fail: those that held in one run and FAILED in another.

An assertion that passed doesn't show that it can fail. Runs on systems that are known to be sick
do: what FAILED there, and holds elsewhere, looks at what was broken. A BLOCKED criterion judged
nothing, so it shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from pytest_prodstatus.model.record import CriterionStatus, Record
from pytest_prodstatus.model.verdict import Verdict


class Proof(Struct, frozen=True, kw_only=True):
    """One criterion, and the runs that observed it, by its own verdict in each.

    Attributes:
        criterion: its id.
        held, failed, blocked: the runs' names.
        side_effects: it changes the system.
    """

    criterion: str
    held: tuple[str, ...]
    failed: tuple[str, ...]
    blocked: tuple[str, ...]
    side_effects: bool

    @property
    def is_proved(self) -> bool:
        """Whether it was seen to hold, and seen to fail."""
        return bool(self.held and self.failed)

    @property
    def missing(self) -> str:
        """What was not seen of it, in words; "" if it is proved."""
        if self.is_proved:
            return ""
        if self.failed:
            return "never seen to hold"
        seen = f"held in {len(self.held)}" if self.held else "held in none"
        blocked = f", BLOCKED in {len(self.blocked)}" if self.blocked else ""
        return f"never seen to fail: {seen}{blocked}"


def proofs(records: Mapping[str, Record]) -> tuple[Proof, ...]:
    """Compare what each criterion showed in several runs.

    What a run didn't observe itself, and what upstream made of a verdict, doesn't count.

    Args:
        records: of finished runs, by a name of each.

    Returns:
        One for every criterion that has a test, in the order of the records.
    """
    found: dict[str, dict[Verdict, list[str]]] = {}
    acting: set[str] = set()
    for name, record in records.items():
        for status in record.criteria:
            # No test provides it, so nothing can be proved of it.
            if status.nodeid is None:
                continue
            seen = found.setdefault(status.id, {verdict: [] for verdict in Verdict})
            if status.side_effects:
                acting.add(status.id)
            # `observed`, not `verdict`: a stage that it requires may have made it BLOCKED.
            if status.observed is not None and _is_own(status):
                seen[status.observed].append(name)
    return tuple(
        Proof(
            criterion=criterion,
            held=tuple(seen[Verdict.CONFIRMED]),
            failed=tuple(seen[Verdict.FAILED]),
            blocked=tuple(seen[Verdict.BLOCKED]),
            side_effects=criterion in acting,
        )
        for criterion, seen in found.items()
    )


def _is_own(status: CriterionStatus) -> bool:
    """Return whether the record's own run looked at it."""
    return not status.carried_over and status.selected
