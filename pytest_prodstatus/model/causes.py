"""Why FINAL isn't CONFIRMED and what to do next, worked out once for every output and the gate.

Three rules: criteria that give the same reason are one cause; a stage that requires one which isn't
CONFIRMED is no root, and neither is its FAILED; the action that unblocks most comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_prodstatus.model.catalogue import FINAL, Catalogue
from pytest_prodstatus.model.record import Cause, StageResult
from pytest_prodstatus.model.rollup import RUN
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Reason, Verdict, because

ACTION_LIMIT = 300


@dataclass(slots=True)
class _Found:
    ids: list[str] = field(default_factory=list)
    stages: dict[str, None] = field(default_factory=dict)


def causes(
    catalogue: Catalogue,
    stages: Iterable[StageResult],
    incidents: Iterable[Reason],
    roots: Collection[str],
) -> tuple[Cause, ...]:
    """Return the root causes, the worst first, then what holds up most.

    Args:
        catalogue: the stages.
        stages: as they were judged.
        incidents: what went wrong outside any criterion.
        roots: ids of the stages that are asked about (`root_stages`).
    """
    bearing = needed(catalogue, roots)
    stages = tuple(stages)
    confirmed = {stage.id for stage in stages if stage.verdict is Verdict.CONFIRMED}
    found: dict[tuple[Verdict, Reason], _Found] = {}
    for stage in stages:
        if stage.id not in bearing or not confirmed.issuperset(catalogue.by_id[stage.id].requires):
            continue
        for standing in stage.criteria:
            reason = standing.reason
            if reason:
                one = found.setdefault((standing.verdict, reason), _Found())
                one.ids.append(one_line(standing.id))
                one.stages[stage.id] = None
        if stage.reason and stage.cause == stage.id:
            one = found.setdefault((stage.verdict, stage.reason), _Found())
            one.ids.append(stage.id)
            one.stages[stage.id] = None
    above = _above(catalogue)
    listed = [
        Cause(
            verdict=verdict,
            **because(reason),
            ids=tuple(one.ids),
            stages=tuple(one.stages),
            affected=_affected(one.stages, above, bearing, catalogue),
        )
        for (verdict, reason), one in found.items()
    ]
    capped = tuple(name for name in roots if name == FINAL)
    listed += [of_run(reason, capped) for reason in incidents]
    return tuple(sorted(listed, key=lambda cause: (-cause.verdict.severity, -_weight(cause))))


def of_run(reason: Reason, affected: tuple[str, ...] = ()) -> Cause:
    """Return the cause that something went wrong outside any criterion."""
    blocked = Verdict.BLOCKED
    return Cause(verdict=blocked, **because(reason), ids=(RUN,), stages=(), affected=affected)


def root_stages(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the ids of the stages that FINAL is about: itself if it is declared, else all."""
    return (FINAL,) if FINAL in catalogue.by_id else tuple(catalogue.by_id)


def cause_line(cause: Cause) -> str:
    """Return what a cause is about, its verdict, and why, in one sentence."""
    more = f" and {len(cause.ids) - 1} more" if len(cause.ids) > 1 else ""
    return f"{cause.ids[0]}{more} {cause.verdict}: {cause.sentence}"


def _weight(cause: Cause) -> int:
    """Return how many stages a cause holds up."""
    return len(cause.stages) + len(cause.affected)


def _action(cause: Cause) -> str | None:
    """Return what a person can do about a cause; None if nothing is known."""
    if cause.remedy or cause.verdict is not Verdict.FAILED:
        return cause.remedy
    more = f" and {len(cause.ids) - 1} more" if len(cause.ids) > 1 else ""
    return one_line(f"fix {cause.ids[0]}{more}: {cause.sentence}", limit=ACTION_LIMIT)


def actions_of(causes: Sequence[Cause]) -> tuple[str, ...]:
    """Return what to do, each thing once: what unblocks most stages first, then what FAILED."""
    helped: dict[str, set[str]] = {}
    for cause in causes:
        action = _action(cause)
        if action:
            helped.setdefault(action, set()).update(cause.stages, cause.affected)
    return tuple(sorted(helped, key=lambda action: -len(helped[action])))


def needed(catalogue: Catalogue, roots: Iterable[str]) -> frozenset[str]:
    """Return `roots` and every stage that these require or roll up, however deep."""
    found: set[str] = set()
    todo = list(roots)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [*catalogue.by_id[name].requires, *catalogue.by_id[name].rollup]
    return frozenset(found)


def _above(catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """Return the stages that directly or indirectly need each stage."""
    above: dict[str, set[str]] = {stage.id: set() for stage in catalogue.stages}
    for name in reversed(catalogue.order):
        stage = catalogue.by_id[name]
        for lower in (*stage.requires, *stage.rollup):
            above[lower] |= {name} | above[name]
    return {name: frozenset(others) for name, others in above.items()}


def _affected(
    stages: Iterable[str],
    above: Mapping[str, frozenset[str]],
    bearing: Collection[str],
    catalogue: Catalogue,
) -> tuple[str, ...]:
    own = set(stages)
    every = {name for stage in own for name in above[stage]} - own
    return tuple(s.id for s in catalogue.stages if s.id in every and s.id in bearing)
