"""What the gate answers, with every word of it: decision, exit status, reasons, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_prodstatus.model.causes import actions_of, cause_line
from pytest_prodstatus.model.decision import EXIT_BLOCKED, EXIT_FAILED, EXIT_OPEN
from pytest_prodstatus.model.override import Override
from pytest_prodstatus.model.record import Cause, Standing
from pytest_prodstatus.model.refusal import Asked, Ground, Refusal
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.model.waiver import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """A criterion that isn't CONFIRMED, and the waiver by which that is accepted."""

    standing: Standing
    waiver: Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the gate says.

    Attributes:
        asked: the question.
        verdict: of what was asked about, now, without waivers; None where the record has none.
        decided: the same with what is waived taken for CONFIRMED.
        refusals: what closes the gate whatever the verdicts are.
        causes: what isn't CONFIRMED and not waived, the worst first.
        waived: what isn't CONFIRMED and waived.
        override: the one in force for the target.
    """

    asked: Asked
    verdict: Verdict | None
    decided: Verdict | None = None
    refusals: tuple[Refusal, ...] = ()
    causes: tuple[Cause, ...] = ()
    waived: tuple[Waived, ...] = ()
    override: Override | None = None

    @property
    def held(self) -> bool:
        """Whether the gate is open by what was seen and waived alone."""
        return not self.refusals and self.decided is Verdict.CONFIRMED

    @property
    def open(self) -> bool:
        """Whether the gate is open."""
        return self.held or self.override is not None

    @property
    def exit_code(self) -> int:
        """0 where it is open, 1 where something FAILED, else 10."""
        if self.open:
            return EXIT_OPEN
        return EXIT_FAILED if self.decided is Verdict.FAILED else EXIT_BLOCKED

    @property
    def decision(self) -> str:
        """Open or closed, and by what, in a few words."""
        if not self.held:
            return "open by an override" if self.override else "closed"
        return f"open, {len(self.waived)} waived" if self.waived else "open"

    @property
    def what(self) -> str:
        """What was asked about, in words."""
        return f"stages {', '.join(self.asked.require)}" if self.asked.require else "FINAL"

    @property
    def closing(self) -> tuple[tuple[Ground, str], ...]:
        """Why the gate would be closed, the worst first: the rule, and one sentence."""
        unmet = tuple((Ground.VERDICT, cause_line(cause)) for cause in self.causes)
        refused = tuple((refusal.ground, refusal.text) for refusal in self.refusals)
        failed = self.decided is Verdict.FAILED
        return (*unmet, *refused) if failed else (*refused, *unmet)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate would be closed, one sentence each, the worst first."""
        return tuple(text for _, text in self.closing)

    @property
    def rules(self) -> tuple[Ground, ...]:
        """The rules by which the gate would be closed, in the order of the reasons, each once."""
        return tuple(dict.fromkeys(rule for rule, _ in self.closing))

    @property
    def actions(self) -> tuple[str, ...]:
        """What to do, each thing once; what helps every stage comes first."""
        whole = [refusal.remedy for refusal in self.refusals if refusal.remedy]
        return tuple(dict.fromkeys([*whole, *actions_of(self.causes)]))

    @property
    def sentence(self) -> str:
        """The whole answer in one sentence."""
        about = f"target {self.asked.target}"
        if self.rules and not self.open:
            about += f", rule {self.rules[0]}"
        parts = [f"gate {self.decision} ({about})"]
        if self.verdict:
            parts.append(f"{self.what} {self.verdict}")
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return ": ".join([*parts, *self.reasons[:1]]) + more


def refused(refusals: Sequence[Refusal], asked: Asked, override: Override | None = None) -> Answer:
    """Return the answer where there is no record, or one that is about something else."""
    return Answer(asked=asked, verdict=None, refusals=tuple(refusals), override=override)
