"""Root causes of a closed gate: each once, with what hangs on it, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_prodstatus.model.catalogue import FINAL, Catalogue
from pytest_prodstatus.model.judge import RUN
from pytest_prodstatus.model.reason import Kind, Reason
from pytest_prodstatus.model.record import StageResult
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict

ACTION_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One root cause.

    Attributes:
        verdict: FAILED or BLOCKED.
        reason: why.
        ids: the criteria that it is about, or the stage that has none, or "run".
        stages: ids of the stages that they are in.
        hanging: ids of the further stages that can't be CONFIRMED because of it.
    """

    verdict: Verdict
    reason: Reason
    ids: tuple[str, ...]
    stages: tuple[str, ...]
    hanging: tuple[str, ...]

    @property
    def weight(self) -> int:
        """How many stages it holds up."""
        return len(self.stages) + len(self.hanging)

    @property
    def action(self) -> str | None:
        """What a person can do about it; None where nothing is known."""
        if self.reason.remedy or self.verdict is not Verdict.FAILED:
            return self.reason.remedy
        more = f" and {len(self.ids) - 1} more" if len(self.ids) > 1 else ""
        return one_line(f"mend {self.ids[0]}{more}: {self.reason.text}", limit=ACTION_LIMIT)


@dataclass(slots=True)
class _Found:
    ids: list[str] = field(default_factory=list)
    stages: dict[str, None] = field(default_factory=dict)


def causes_of(
    catalogue: Catalogue,
    stages: Iterable[StageResult],
    incidents: Iterable[Reason],
    asked: Collection[str],
) -> tuple[Cause, ...]:
    """Return the root causes, the worst first, then what holds up most.

    Args:
        catalogue: the stages.
        stages: as they were judged.
        incidents: what went wrong outside any criterion.
        asked: ids of the stages that the gate is asked about.

    Criteria that say the same of themselves, in whatever stage, have one cause.
    """
    bearing = needed(catalogue, asked)
    found: dict[tuple[Verdict, Reason], _Found] = {}
    for stage in stages:
        if stage.id not in bearing:
            continue
        for standing in stage.criteria:
            reason, held = standing.reason, standing.observed is Verdict.CONFIRMED
            if reason and not (held and reason.kind is Kind.UPSTREAM):
                one = found.setdefault((standing.verdict, reason), _Found())
                one.ids.append(one_line(standing.id))
                one.stages[stage.id] = None
        if stage.reason and stage.cause == stage.id:
            one = found.setdefault((stage.verdict, stage.reason), _Found())
            one.ids.append(stage.id)
            one.stages[stage.id] = None
    above = _above(catalogue)
    causes = [
        Cause(
            verdict=verdict,
            reason=reason,
            ids=tuple(one.ids),
            stages=tuple(one.stages),
            hanging=_hanging(one.stages, above, bearing, catalogue),
        )
        for (verdict, reason), one in found.items()
    ]
    capped = tuple(name for name in asked if name == FINAL)
    causes += [
        Cause(verdict=Verdict.BLOCKED, reason=reason, ids=(RUN,), stages=(), hanging=capped)
        for reason in incidents
    ]
    return tuple(sorted(causes, key=lambda cause: (-cause.verdict.severity, -cause.weight)))


def actions_of(causes: Sequence[Cause]) -> tuple[str, ...]:
    """Return what to do, each thing once: what unblocks most stages first, then what FAILED."""
    helped: dict[str, set[str]] = {}
    for cause in causes:
        if cause.action:
            helped.setdefault(cause.action, set()).update(cause.stages, cause.hanging)
    return tuple(sorted(helped, key=lambda action: -len(helped[action])))


def needed(catalogue: Catalogue, asked: Iterable[str]) -> frozenset[str]:
    """Return `asked` and every stage that these require or roll up, however deep."""
    found: set[str] = set()
    todo = list(asked)
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


def _hanging(
    stages: Iterable[str],
    above: Mapping[str, frozenset[str]],
    bearing: Collection[str],
    catalogue: Catalogue,
) -> tuple[str, ...]:
    own = set(stages)
    every = {name for stage in own for name in above[stage]} - own
    return tuple(s.id for s in catalogue.stages if s.id in every and s.id in bearing)
