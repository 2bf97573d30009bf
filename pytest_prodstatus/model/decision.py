"""The decision: open or closed, why, and the exit status, which is only ever worsened."""

from __future__ import annotations

from pytest_prodstatus.model.causes import actions_of
from pytest_prodstatus.model.record import Cause, Decision, Final, Selection
from pytest_prodstatus.model.verdict import Rule, Verdict

EXIT_OPEN = 0
EXIT_FAILED = 1
EXIT_BLOCKED = 10
"""The gate is closed and nothing FAILED; pytest and its neighbours use 0 to 7."""
EXIT_UNWRITTEN = 11
"""There is no verdict, since the record could not be written."""


def decide(
    rule: Rule,
    final: Final,
    causes: tuple[Cause, ...],
    selection: Selection,
    pytest_status: int,
) -> Decision:
    """Return the decision on the whole catalogue and the exit status for what was selected."""
    return Decision(
        open=rule.admits(final.verdict),
        rule=rule,
        exit_code=exit_status(rule, selection.verdict, pytest_status),
        causes=causes,
        actions=actions_of(causes),
        selection=selection,
    )


def exit_status(rule: Rule, verdict: Verdict, pytest_status: int) -> int:
    """Return the exit status of a run: ours only where pytest would have said 0.

    Args:
        rule: the gate's rule; when it is off, pytest's status stays.
        verdict: on what the run was asked to look at.
        pytest_status: what the run would end with otherwise.
    """
    if pytest_status != EXIT_OPEN or rule is Rule.OFF or rule.admits(verdict):
        return pytest_status
    return EXIT_FAILED if verdict is Verdict.FAILED else EXIT_BLOCKED


def worse_status(ours: int, other: int) -> int:
    """Return the exit status of a run that would end with `other` and that we end with `ours`.

    Nobody's status is made better. 11 says that no other status of ours can be relied on.
    """
    replaced = (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED) if ours == EXIT_UNWRITTEN else (EXIT_OPEN,)
    return ours if other in replaced else other
