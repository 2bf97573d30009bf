"""The catalogue: every stage and criterion declared before the run, which is the denominator.

A stage is declared in the configuration; a criterion joins it through its test. Without declared
stages, the stages are the ones that the tests name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus.model.text import normalize, one_line

FINAL = "final"
"""The stage of this id, where it is declared, gives the FINAL verdict."""

DEFAULT_VALID_FOR = timedelta(hours=24)

TAKEN_TITLES = ("LAST RUN", "NEXT ACTIONS")
"""Fields of the status document that belong to no stage."""

SINCE = " SINCE"
"""What the title of a stage's second field ends with: since when it has its verdict."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SLUG_RULE = "use lower-case words joined by hyphens (api-key)"


class CatalogueError(ValueError):
    """A catalogue that can't be judged; the message names the value and what would do."""


class Stage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named step of the system under judgement.

    Attributes:
        id: lower-case words joined by hyphens.
        title: as it stands in the status document.
        confirmed, failed, blocked: what each verdict means, for the reader.
        criteria: ids (`stage.criterion`) that must exist and run.
        requires: stages without which a CONFIRMED here proves nothing.
        rollup: stages whose verdicts this (derived) stage takes over, worst first.
        valid_for: how long a CONFIRMED criterion may be carried over to later runs.
    """

    id: str
    title: str
    confirmed: str = ""
    failed: str = ""
    blocked: str = ""
    criteria: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    rollup: tuple[str, ...] = ()
    valid_for: timedelta = DEFAULT_VALID_FOR

    def __post_init__(self) -> None:
        normalize(self, "confirmed", "failed", "blocked")

    @property
    def derived(self) -> bool:
        """Whether the verdict comes (also) from other stages."""
        return bool(self.rollup)


class Criterion(Struct, frozen=True, kw_only=True, gc=False):
    """One test item that joined a stage.

    Attributes:
        id: `stage.criterion`, with the parameters in brackets where it has some.
        nodeid: pytest's id of the item.
        title: the first line of its docstring, or its name in words.
        side_effects: it acts on the world, so it starts at most once a run.
        function: where its test function is defined; two functions may not share an id.
    """

    id: str
    stage: str
    nodeid: str
    title: str
    side_effects: bool = False
    function: str = ""

    @property
    def base_id(self) -> str:
        """The id without parameters, which stands for all of them in the catalogue."""
        return base_of(self.id)


def base_of(criterion_id: str) -> str:
    """Return a criterion id without its parameters in brackets."""
    return criterion_id.partition("[")[0]


def title_of(stage_id: str) -> str:
    """Return the title of a stage that was given none."""
    return f"{stage_id.replace('-', ' ').upper()} STATUS"


class Catalogue(Struct, frozen=True, kw_only=True, dict=True):
    """The declared stages, in the order of the document.

    Raises:
        CatalogueError: a bad or doubled id, an unknown stage in `requires` or `rollup`, a criterion
            declared outside its stage, or a cycle.
    """

    stages: tuple[Stage, ...] = ()
    declared: bool = True

    def __post_init__(self) -> None:
        ids = [stage.id for stage in self.stages]
        titles = Counter(stage.title.casefold() for stage in self.stages)
        for stage in self.stages:
            if not _SLUG.fullmatch(stage.id):
                msg = f"stage id {stage.id!r}: {_SLUG_RULE}"
                raise CatalogueError(msg)
            if ids.count(stage.id) > 1:
                msg = f"stage id {stage.id!r} is declared twice: every stage needs an id of its own"
                raise CatalogueError(msg)
            _check_title(stage, titles[stage.title.casefold()])
            for key, names in (("requires", stage.requires), ("rollup", stage.rollup)):
                for name in names:
                    if name not in ids:
                        msg = (
                            f"stage {stage.id!r}: {key} names {name!r}, which is no stage; "
                            f"stages are {', '.join(ids)}"
                        )
                        raise CatalogueError(msg)
            _check_criteria(stage)
        try:
            _ = self.order
        except CycleError as error:
            path = " -> ".join(error.args[1])
            msg = f"requires and rollup form a cycle: {path}; a stage can't wait for itself"
            raise CatalogueError(msg) from None

    @cached_property
    def by_id(self) -> Mapping[str, Stage]:
        """The stages by their ids."""
        return {stage.id: stage for stage in self.stages}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Stage ids such that every stage comes after what it requires or rolls up."""
        graph = {stage.id: (*stage.requires, *stage.rollup) for stage in self.stages}
        return tuple(TopologicalSorter(graph).static_order())

    @property
    def roots(self) -> tuple[str, ...]:
        """The ids of the stages that FINAL is about: itself if it is declared, else all."""
        return (FINAL,) if FINAL in self.by_id else tuple(self.by_id)

    @cached_property
    def needs(self) -> Mapping[str, frozenset[str]]:
        """For each stage, the stages that it requires or rolls up, however deep."""
        found: dict[str, frozenset[str]] = {}
        for name in self.order:
            below = (*self.by_id[name].requires, *self.by_id[name].rollup)
            found[name] = frozenset(below).union(*(found[other] for other in below))
        return found

    @cached_property
    def digest(self) -> str:
        """What tells this declared catalogue from another, as 16 hexadecimal digits.

        It covers whatever bears on a verdict (stages, criteria, their relations and validity), and
        none of the words. Stages that only tests name are no part of it.
        """
        rules = [
            [
                s.id,
                sorted(s.criteria),
                sorted(s.requires),
                sorted(s.rollup),
                s.valid_for.total_seconds(),
            ]
            for s in self.stages
            if self.declared
        ]
        return hashlib.sha256(json.dumps(sorted(rules)).encode()).hexdigest()[:16]

    def closure(self, stage_ids: Iterable[str]) -> frozenset[str]:
        """Return `stage_ids` and every stage that they roll up, however deep."""
        found: set[str] = set()
        todo = list(stage_ids)
        while todo:
            stage_id = todo.pop()
            if stage_id not in found:
                found.add(stage_id)
                todo.extend(self.by_id[stage_id].rollup)
        return frozenset(found)

    def with_needs(self, stage_ids: Collection[str]) -> frozenset[str]:
        """Return `stage_ids` and every stage that they require or roll up, however deep."""
        return frozenset(stage_ids).union(*(self.needs[name] for name in stage_ids))

    def with_stages_of(
        self, criteria: Iterable[Criterion] = (), known: Iterable[str] = ()
    ) -> Catalogue:
        """Return this catalogue, or, if no stage was declared, one of the stages that are named.

        Args:
            criteria: all that were collected.
            known: further stage ids, which a record names; they come first.

        Raises:
            CatalogueError: a test names a stage that isn't declared, two tests share an id, or a
                stage id is malformed.
        """
        found = tuple(criteria)
        _check_tests(found)
        if not self.declared:
            for criterion in found:
                if not _SLUG.fullmatch(criterion.stage):
                    msg = f"{criterion.nodeid}: mark stage({criterion.stage!r}): {_SLUG_RULE}"
                    raise CatalogueError(msg)
            names = dict.fromkeys([*known, *(criterion.stage for criterion in found)])
            stages = tuple(Stage(id=name, title=title_of(name)) for name in names)
            return replace(self, stages=stages)
        for criterion in found:
            if criterion.stage not in self.by_id:
                msg = (
                    f"{criterion.nodeid}: mark stage({criterion.stage!r}) names no stage; "
                    f"stages are {', '.join(self.by_id)}"
                )
                raise CatalogueError(msg)
        return self


def _check_title(stage: Stage, times: int) -> None:
    if not stage.title or stage.title != one_line(stage.title) or set(stage.title) & set("*:`<>"):
        msg = (
            f"stage {stage.id!r}: title {stage.title!r} must be one line of plain words "
            "without * : ` < >"
        )
        raise CatalogueError(msg)
    if times > 1:
        msg = (
            f"stage {stage.id!r}: title {stage.title!r} stands twice; the document needs each once"
        )
        raise CatalogueError(msg)
    if stage.title.upper() in TAKEN_TITLES or stage.title.upper().endswith(SINCE):
        msg = (
            f"stage {stage.id!r}: title {stage.title!r} is a field of the document itself; "
            f"a title is not {' or '.join(TAKEN_TITLES)} and doesn't end with{SINCE}"
        )
        raise CatalogueError(msg)


def _check_criteria(stage: Stage) -> None:
    times = Counter(stage.criteria)
    for criterion_id in stage.criteria:
        prefix, _, name = criterion_id.partition(".")
        if prefix != stage.id or not name:
            msg = f"stage {stage.id!r}: write criterion {criterion_id!r} as {stage.id}.its-name"
            raise CatalogueError(msg)
        plain = base_of(name).replace("_", "-").lower()
        if base_of(name) != plain:
            msg = (
                f"stage {stage.id!r}: no test can provide criterion {criterion_id!r}; "
                f"ids are lower-case with hyphens: {stage.id}.{plain}"
            )
            raise CatalogueError(msg)
        if times[criterion_id] > 1:
            msg = f"stage {stage.id!r}: criterion {criterion_id!r} is declared twice"
            raise CatalogueError(msg)


def _check_tests(criteria: tuple[Criterion, ...]) -> None:
    """Refuse an id that two tests share, since one of them would hide the other."""
    # Mostly none has parameters, and then each is its own base.
    ids = {criterion.id for criterion in criteria}
    if len(ids) == len(criteria) and not any("[" in criterion_id for criterion_id in ids):
        return
    functions: dict[str, Criterion] = {}
    items: dict[str, Criterion] = {}
    for criterion in criteria:
        other = functions.setdefault(criterion.base_id, criterion)
        if other.function != criterion.function:
            msg = (
                f"criterion id {criterion.base_id!r} belongs to two test functions, "
                f"{other.function} and {criterion.function}: rename one of them"
            )
            raise CatalogueError(msg)
        other = items.setdefault(criterion.id, criterion)
        if other.nodeid != criterion.nodeid:
            msg = (
                f"criterion id {criterion.id!r} belongs to two parametrised tests, "
                f"{other.nodeid!r} and {criterion.nodeid!r}: give their parameters plain, short ids"
            )
            raise CatalogueError(msg)
