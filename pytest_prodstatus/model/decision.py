"""The decision: open or closed, why, and the exit status, which is only ever worsened."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_prodstatus.model.judge import RUN
from pytest_prodstatus.model.record import Decision, Final, Selection, StageResult
from pytest_prodstatus.model.verdict import Rule, Verdict

EXIT_OPEN = 0
EXIT_FAILED = 1
EXIT_BLOCKED = 10
"""The gate is closed and nothing FAILED; pytest and its neighbours use 0 to 7."""
EXIT_UNWRITTEN = 11
"""There is no verdict, since the record could not be written."""


def decide(
    rule: Rule,
    stages: Sequence[StageResult],
    final: Final,
    selection: Selection,
    pytest_status: int,
) -> Decision:
    """Return the decision on the whole catalogue and the exit status for what was selected."""
    opened = rule.admits(final.verdict)
    reasons = () if opened else tuple(closing_reasons(stages, final))
    return Decision(
        open=opened,
        rule=rule,
        exit_code=exit_status(rule, selection.verdict, pytest_status),
        reasons=reasons,
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


def closing_reasons(stages: Sequence[StageResult], final: Final) -> list[str]:
    """Return one sentence per stage that closes the gate, worst first, root causes only once."""
    sentences: dict[str, str] = {}
    for stage in sorted(stages, key=lambda stage: -stage.verdict.severity):
        root = stage.cause or stage.id
        if stage.reason and (root == RUN or root.partition(".")[0] == stage.id):
            sentences.setdefault(root, f"{stage.title} {stage.verdict}: {stage.reason.text}")
    if final.reason and not sentences:
        return [f"FINAL {final.verdict}: {final.reason.text}"]
    return list(sentences.values())
