"""Why FINAL isn't CONFIRMED and what to do next, computed here alone for each output and the gate.

Three rules apply. Criteria with the same reason are one cause, and so is an outage, however its
messages differ (`Reason.cause`). A stage is not a root cause, even if it FAILED, while a stage that
it requires isn't CONFIRMED. The action that unblocks the most stages comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from pytest_prodstatus.model.catalogue import FINAL, Catalogue
from pytest_prodstatus.model.record import Cause, Record, StageStatus
from pytest_prodstatus.model.rollup import RUN
from pytest_prodstatus.model.text import format_age, one_line
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because, rollup

ACTION_LIMIT = 300
"""Characters kept of one action."""


def causes(
    catalogue: Catalogue,
    stages: Sequence[StageStatus],
    incidents: Iterable[Reason],
    roots: Collection[str],
    *,
    unselected: frozenset[str] = frozenset(),
) -> tuple[Cause, ...]:
    """Return the root causes, the worst verdict first, then those that block the most stages.

    Args:
        catalogue: the stages.
        stages: as they were judged.
        incidents: what went wrong outside any criterion.
        roots: ids of the stages in question (`Catalogue.roots` for FINAL); causes that don't
            affect them are left out.
        unselected: ids of stages that were left out of the judgement (`rollup.judge`), so that they
            are no cause and hide none.
    """
    relevant = catalogue.with_needs(roots) - unselected
    confirmed = {stage.id for stage in stages if stage.verdict is Verdict.CONFIRMED}
    found: dict[tuple[Verdict, object], tuple[Reason, list[tuple[str, str]]]] = {}
    for stage in stages:
        # The trouble of a stage may follow from that of a stage that it requires.
        required = catalogue.required(stage.id, unselected) if stage.id in relevant else ()
        if stage.id not in relevant or not confirmed.issuperset(required):
            continue
        for status in stage.criteria:
            reason = status.reason
            if reason:
                key = status.verdict, reason.cause
                _, members = found.setdefault(key, (reason, []))
                members.append((stage.id, one_line(status.id)))
        # A stage that is its own cause has no criterion.
        if stage.reason and stage.cause == stage.id:
            key = stage.verdict, stage.reason.cause
            _, members = found.setdefault(key, (stage.reason, []))
            members.append((stage.id, stage.id))
    # Only stages that require or roll up others can be affected by a cause that isn't their own.
    in_order = [stage.id for stage in catalogue.stages if stage.id in relevant]
    dependants = [(name, catalogue.needs[name]) for name in in_order if catalogue.needs[name]]
    result = []
    for (verdict, _), (reason, members) in found.items():
        own = {stage_id: None for stage_id, _ in members}  # each once, in order
        cause = Cause(
            verdict=verdict,
            **because(reason),
            ids=tuple(name for _, name in members),
            stages=tuple(own),
            affected=tuple(
                i for i, needs in dependants if not needs.isdisjoint(own) and i not in own
            ),
        )
        result.append(cause)
    # An incident caps FINAL alone (`rollup.judge`), so no other stage is affected by it.
    capped = tuple(name for name in roots if name == FINAL)
    result += [run_cause(reason, capped) for reason in incidents]
    return tuple(sorted(result, key=lambda cause: (-cause.verdict.severity, -_stage_count(cause))))


def run_cause(reason: Reason, affected: tuple[str, ...] = ()) -> Cause:
    """Build the BLOCKED cause for something that went wrong outside any criterion.

    Args:
        reason: what went wrong.
        affected: ids of the stages that it blocks.
    """
    blocked = Verdict.BLOCKED
    return Cause(verdict=blocked, **because(reason), ids=(RUN,), stages=(), affected=affected)


def actions_of(causes: Sequence[Cause]) -> tuple[str, ...]:
    """Return the actions to take, each once; those that unblock the most stages come first."""
    unblocked: dict[str, set[str]] = {}
    for cause in causes:
        action = _action(cause)
        if action:
            unblocked.setdefault(action, set()).update(cause.stages, cause.affected)
    # `sorted` keeps the order of equals, so what FAILED stays before what is BLOCKED.
    return tuple(sorted(unblocked, key=lambda action: -len(unblocked[action])))


def is_said(reason: Reason, actions: Iterable[str]) -> bool:
    """Return whether one of the actions says the remedy of a reason."""
    if reason.kind is Kind.ERROR:  # behind the criterion's id
        return any(action.endswith(f": {reason.remedy}") for action in actions)
    return any(action == reason.remedy for action in actions)


def _action(cause: Cause) -> str | None:
    """Return what to do about a cause; None if that isn't known."""
    action = cause.remedy
    if action and cause.kind is Kind.ERROR:  # "the test" alone doesn't say which one
        action = f"{_label(cause)}: {action}"
    if not action and cause.verdict is Verdict.FAILED:
        action = one_line(f"fix {_label(cause)}: {cause.sentence}", limit=ACTION_LIMIT)
    elif not action and cause.kind is Kind.SKIPPED and cause.stages:
        text = f"run {_label(cause)}, which was skipped: {cause.sentence}"
        action = one_line(text, limit=ACTION_LIMIT)
    return action


def run_again(stages: Iterable[StageStatus], now: datetime | None) -> str | None:
    """Return the one action about what a partial run carried over; None if all of it is CONFIRMED.

    An earlier run's trouble may be over, so the action is to look again, not to fix it.

    Args:
        stages: as they were judged.
        now: the end of the run.
    """
    found = []
    for stage in stages:
        old = [s for s in stage.criteria if s.is_carried_trouble]
        if old:
            seen = max((status.observed_at for status in old if status.observed_at), default=None)
            found.append((stage, rollup(filter(None, (s.observed for s in old))), seen))
    if not found:
        return None
    first, verdict, seen = found[0]
    ago = f" {format_age(now - seen)} ago" if now and seen else ""
    names = ",".join(stage.id for stage, *_ in found)
    more = len(found) - 1
    others = f", and {more} more {'stage' if more == 1 else 'stages'} not CONFIRMED" if more else ""
    action = f"run {'them' if more else 'it'} again with --stage {names}"
    return f"{first.title} was {verdict}{ago}{others}: {action}"


def cause_line(cause: Cause) -> str:
    """Describe a cause in one sentence: its criterion or stage, its verdict, and why."""
    return f"{_label(cause)} {cause.verdict}: {cause.sentence}"


def why_final(record: Record) -> str:
    """Return why FINAL isn't CONFIRMED: the first root cause, as the gate names it; "" if it is.

    FINAL's own reason may be of a stage that FAILED behind another one, and isn't what to fix.
    """
    final, found = record.final, record.decision.causes
    if final.verdict is Verdict.CONFIRMED or final.reason is None:
        return ""
    # What went wrong with the run as a whole has no criterion.
    if not found or found[0].ids == (RUN,):
        return final.reason.text
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{cause_line(found[0])}{more}"


def _label(cause: Cause) -> str:
    """Return the first id of a cause, and how many more it has."""
    return cause.ids[0] + (f" and {len(cause.ids) - 1} more" if len(cause.ids) > 1 else "")


def _stage_count(cause: Cause) -> int:
    """Return how many stages a cause keeps from being CONFIRMED."""
    return len(cause.stages) + len(cause.affected)
