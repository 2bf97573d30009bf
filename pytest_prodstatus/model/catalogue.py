"""The catalogue: the stages and criteria that a run must answer for, known before it begins.

A stage is declared in the configuration; a criterion joins it through its test. If no stage is
declared, the stages are those that the tests name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus.model.text import Instant, is_visible, normalize, one_line
from pytest_prodstatus.model.verdict import runbook_problem

FINAL = "final"
"""If a stage with this id is declared, it gives the FINAL verdict."""

DEFAULT_VALID_FOR = timedelta(hours=24)
"""How long a CONFIRMED may be carried over, unless its stage says otherwise."""

Exemption: TypeAlias = Literal["mark", "stage"]
"""What says that no assertion is required of a criterion, in a project that requires them."""

TAKEN_TITLES = ("LAST RUN", "NEXT ACTIONS")
"""Fields of the status document that belong to no stage."""

SINCE = " SINCE"
"""How the title of a stage's second field ends; it says since when the stage has its verdict."""

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""The form of a stage's id."""
SLUG_RULE = "use lower-case words joined by hyphens (api-key)"


class CatalogueError(ValueError):
    """A catalogue that can't be judged; the message names the value, the rule and the remedy."""


class Stage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named step of the system under judgement.

    Attributes:
        id: lower-case words joined by hyphens.
        title: its title in the status document.
        confirmed, failed, blocked: what each verdict means, for the reader.
        criteria: ids (`stage.criterion`) that must exist and run.
        requires: ids of the stages that must be CONFIRMED before this one can be.
        rollup: ids of the stages of which this (derived) stage takes the worst verdict.
        valid_for: how long a CONFIRMED criterion may be carried over to later runs.
        require_assertion: a criterion in which no assertion passed is BLOCKED.
        applies: False for a stage that this system doesn't have; it is not judged.
        reason: why it doesn't apply.
        owner: who takes care of the stage, or answers for its not applying.
        runbook: the URL of what to do if it isn't CONFIRMED.
        expires: the UTC instant from which it applies again; None for never.
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
    require_assertion: bool = False
    applies: bool = True
    reason: str = ""
    owner: str = ""
    runbook: str = ""
    expires: Instant | None = None

    def __post_init__(self) -> None:
        normalize(self, "confirmed", "failed", "blocked", "reason", "owner", "expires")

    @property
    def derived(self) -> bool:
        """Whether the verdict comes (also) from other stages."""
        return bool(self.rollup)


# gc=False: it contains only texts, so it can't be part of a reference cycle.
class Criterion(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One test item that joined a stage.

    Attributes:
        id: `stage.criterion`, with the test's parameters in brackets if it has any.
        stage: the id of its stage.
        nodeid: pytest's id of the item.
        title: the first line of its docstring, or its name in words.
        side_effects: it changes the system, so it starts at most once in a run.
        function: the test function's file and name; two functions may not share an id.
        exempt: its mark says that no assertion is required of it.
        owner, runbook: its own, in place of its stage's.
    """

    id: str
    stage: str
    nodeid: str
    title: str
    side_effects: bool = False
    function: str = ""
    exempt: bool = False
    owner: str = ""
    runbook: str = ""

    @property
    def base_id(self) -> str:
        """The id without parameters, by which the catalogue declares it."""
        return base_of(self.id)


def base_of(criterion_id: str) -> str:
    """Return a criterion id without its parameters in brackets."""
    return criterion_id.partition("[")[0]


def title_of(stage_id: str) -> str:
    """Return the default title of a stage."""
    return f"{stage_id.replace('-', ' ').upper()} STATUS"


# dict=True: a cached_property keeps its value in the instance's `__dict__`.
class Catalogue(Struct, frozen=True, kw_only=True, dict=True):
    """The stages, in the order of the document.

    Attributes:
        stages: all of them.
        declared: whether the configuration declares them; else the tests name them.
        require_assertion: of a stage that only tests name.
        run_rules: the project's rules about a run as a whole that the record of a run doesn't show,
            so that another run's can't be judged by them; each is a word.
        without: for each stage id, the titles of the stages that it would require or roll up, and
            that don't apply (`at`).

    Raises:
        CatalogueError: an id is malformed or declared twice, `requires` or `rollup` names an
            unknown stage or forms a cycle, or a criterion is declared outside its stage.
    """

    stages: tuple[Stage, ...] = ()
    declared: bool = True
    require_assertion: bool = False
    run_rules: tuple[str, ...] = ()
    without: Mapping[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        ids = [stage.id for stage in self.stages]
        # Titles differ by more than their case: the document's reader ignores case.
        titles = Counter(stage.title.casefold() for stage in self.stages)
        for stage in self.stages:
            if not SLUG.fullmatch(stage.id):
                msg = f"stage id {stage.id!r}: {SLUG_RULE}"
                raise CatalogueError(msg)
            if ids.count(stage.id) > 1:
                msg = f"stage id {stage.id!r} is declared twice: every stage needs its own id"
                raise CatalogueError(msg)
            _check_title(stage, titles[stage.title.casefold()])
            _check_applies(stage)
            problem = runbook_problem(stage.runbook) if stage.runbook else ""
            if problem:
                msg = f"stage {stage.id!r}: runbook = {stage.runbook!r} {problem}"
                raise CatalogueError(msg)
            for key, names in (("requires", stage.requires), ("rollup", stage.rollup)):
                for name in names:
                    if name not in ids:
                        msg = (
                            f"stage {stage.id!r}: {key} names {name!r}, which is not a stage; "
                            f"stages are {', '.join(ids)}"
                        )
                        raise CatalogueError(msg)
            _check_criteria(stage)
        try:
            _ = self.order  # sorting is what finds a cycle
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
        """The stage ids, sorted so that each stage comes after those it requires or rolls up."""
        graph = {stage.id: (*stage.requires, *stage.rollup) for stage in self.stages}
        return tuple(TopologicalSorter(graph).static_order())

    @property
    def roots(self) -> tuple[str, ...]:
        """The ids of the stages that decide FINAL: `final` alone if it is declared, else all."""
        return (FINAL,) if FINAL in self.by_id else tuple(self.by_id)

    def at(self, now: datetime) -> Catalogue:
        """Return the catalogue as it is at an instant, in which nothing requires an absent stage.

        A stage that doesn't apply is absent, until its `expires`. A stage that requires it requires
        what it would require instead, and a rollup leaves it out.
        """
        if all(stage.applies for stage in self.stages):
            return self
        stages = tuple(
            replace(stage, applies=True, reason="", expires=None)
            if stage.expires is not None and stage.expires <= now
            else stage
            for stage in self.stages
        )
        absent = {stage.id for stage in stages if not stage.applies}
        made = replace(
            self,
            stages=tuple(
                replace(
                    stage,
                    requires=tuple(dict.fromkeys(self.required(stage.id, absent))),
                    rollup=tuple(name for name in stage.rollup if name not in absent),
                )
                for stage in stages
            ),
            without={
                stage.id: tuple(
                    self.by_id[name].title
                    for name in dict.fromkeys((*stage.requires, *stage.rollup))
                    if name in absent
                )
                for stage in stages
            },
        )
        # The value of the cached property: the digest is of what is declared, at every instant.
        made.__dict__["digest"] = self.digest
        return made

    def required(self, stage_id: str, absent: Collection[str]) -> Iterator[str]:
        """Yield the ids of the stages that a stage requires, without `absent` ones.

        In place of an absent stage come those that it requires itself.
        """
        for name in self.by_id[stage_id].requires:
            if name in absent:
                # This ends, because a catalogue has no cycles.
                yield from self.required(name, absent)
            else:
                yield name

    @cached_property
    def needs(self) -> Mapping[str, frozenset[str]]:
        """For each stage id, the ids of all stages that it requires or rolls up, at any depth."""
        found: dict[str, frozenset[str]] = {}
        for name in self.order:
            below = (*self.by_id[name].requires, *self.by_id[name].rollup)
            # `order` puts the stages below first, so theirs are known.
            found[name] = frozenset(below).union(*(found[other] for other in below))
        return found

    @cached_property
    def digest(self) -> str:
        """A fingerprint of the declared catalogue, as 16 hexadecimal digits.

        It changes with everything that can change a verdict (stages, criteria, their relations and
        validity, and `run_rules`), and not with titles or explanations. It ignores stages that only
        tests name.
        """
        # A rule that isn't set adds nothing: a catalogue without it has the digest that it had
        # before there was the rule.
        rules = [
            [
                s.id,
                # Sorted, because the order has no influence on a verdict.
                sorted(s.criteria),
                sorted(s.requires),
                sorted(s.rollup),
                s.valid_for.total_seconds(),
                *(["require_assertion"] if s.require_assertion else []),
                *([] if s.applies else ["not applicable", str(s.expires)]),
            ]
            for s in self.stages
            if self.declared
        ]
        rules += [[rule] for rule in self.run_rules]
        # 64 bits tell catalogues apart; it isn't a protection against forgery.
        return hashlib.sha256(json.dumps(sorted(rules)).encode()).hexdigest()[:16]

    @property
    def requires_assertions(self) -> bool:
        """Whether any stage requires an assertion, also one that only tests name."""
        return self.require_assertion or any(stage.require_assertion for stage in self.stages)

    def requires_assertion(self, criterion: Criterion) -> bool:
        """Return whether a criterion in which no assertion passed is BLOCKED."""
        stage = self.by_id.get(criterion.stage)
        required = stage.require_assertion if stage else self.require_assertion
        return required and not criterion.exempt

    def exemption(self, criterion: Criterion) -> Exemption | None:
        """Return what exempts a criterion from `require_assertion`: its mark or its stage.

        None if neither does, or if no stage of the project requires an assertion.
        """
        if criterion.exempt:
            return "mark"
        excepted = self.requires_assertions and not self.requires_assertion(criterion)
        return "stage" if excepted else None

    def closure(self, stage_ids: Iterable[str]) -> frozenset[str]:
        """Return `stage_ids` and every stage that they roll up, at any depth."""
        found: set[str] = set()
        todo = list(stage_ids)
        while todo:
            stage_id = todo.pop()
            if stage_id not in found:
                found.add(stage_id)
                todo.extend(self.by_id[stage_id].rollup)
        return frozenset(found)

    def with_needs(self, stage_ids: Collection[str]) -> frozenset[str]:
        """Return `stage_ids` and every stage that they require or roll up, at any depth."""
        return frozenset(stage_ids).union(*(self.needs[name] for name in stage_ids))

    def with_stages_of(
        self, criteria: Iterable[Criterion] = (), known: Iterable[str] = ()
    ) -> Catalogue:
        """Check the criteria's stages, and add them to the catalogue if no stage was declared.

        Args:
            criteria: all criteria that were collected.
            known: further stage ids, from a record; they come first.

        Raises:
            CatalogueError: a test names a stage that isn't declared, two tests share an id, or a
                stage id is malformed.
        """
        found = tuple(criteria)
        _check_tests(found)
        if not self.declared:
            for criterion in found:
                if not SLUG.fullmatch(criterion.stage):
                    msg = f"{criterion.nodeid}: mark stage({criterion.stage!r}): {SLUG_RULE}"
                    raise CatalogueError(msg)
            names = dict.fromkeys([*known, *(criterion.stage for criterion in found)])
            required = self.require_assertion
            stages = tuple(
                Stage(id=name, title=title_of(name), require_assertion=required) for name in names
            )
            return replace(self, stages=stages)
        for criterion in found:
            if criterion.stage not in self.by_id:
                msg = (
                    f"{criterion.nodeid}: mark stage({criterion.stage!r}) names a stage that "
                    f"isn't declared: declare it under [[tool.prodstatus.stages]], or name one of "
                    f"{', '.join(self.by_id)}"
                )
                raise CatalogueError(msg)
        return self


def _check_title(stage: Stage, times: int) -> None:
    """Refuse a title that the status document can't hold; `times` says how many stages have it."""
    # These characters would end the title in the document: `**TITLE:**`, code, HTML.
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


def _check_applies(stage: Stage) -> None:
    """Refuse `applies = false` without a reason and an owner, and a reason or an end without it."""
    if stage.applies and (stage.reason or stage.expires):
        key = "reason" if stage.reason else "expires"
        value = stage.reason or str(stage.expires)
        msg = (
            f"stage {stage.id!r}: {key} = {value!r} is for a stage with applies = false; "
            "take it out, or add that"
        )
        raise CatalogueError(msg)
    if stage.applies:
        return
    if stage.id == FINAL:
        msg = f"stage {stage.id!r}: applies = false, but FINAL always applies; take it out"
        raise CatalogueError(msg)
    for key, value in (("reason", stage.reason), ("owner", stage.owner)):
        if not is_visible(value):
            msg = (
                f"stage {stage.id!r}: applies = false needs a reason and an owner, and its {key} "
                f"is {value!r}; write {key} = '…'"
            )
            raise CatalogueError(msg)


def _check_criteria(stage: Stage) -> None:
    """Refuse a declared id of another stage, one that no test can have, and one declared twice."""
    times = Counter(stage.criteria)
    for criterion_id in stage.criteria:
        prefix, _, name = criterion_id.partition(".")
        if prefix != stage.id or not name:
            msg = f"stage {stage.id!r}: write criterion {criterion_id!r} as {stage.id}.its-name"
            raise CatalogueError(msg)
        # What the collector makes of a test's name; parameters keep their form.
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
    """Refuse an id that two tests share, because one of them would hide the other."""
    # Usually no test has parameters; then distinct ids are distinct base ids as well.
    ids = {criterion.id for criterion in criteria}
    if len(ids) == len(criteria) and not any("[" in criterion_id for criterion_id in ids):
        return
    functions: dict[str, Criterion] = {}
    items: dict[str, Criterion] = {}
    for criterion in criteria:
        # The first test with this id: itself, or the one that it must equal.
        other = functions.setdefault(criterion.base_id, criterion)
        if other.function != criterion.function:
            msg = (
                f"criterion id {criterion.base_id!r} belongs to two test functions, "
                f"{other.function} and {criterion.function}: rename one of them, or give it an id "
                f"of its own, as in stage({criterion.stage!r}, criterion='its-name')"
            )
            raise CatalogueError(msg)
        other = items.setdefault(criterion.id, criterion)
        if other.nodeid != criterion.nodeid:
            msg = (
                f"criterion id {criterion.id!r} belongs to two parametrised tests, "
                f"{other.nodeid!r} and {criterion.nodeid!r}: give their parameters plain, short ids"
            )
            raise CatalogueError(msg)
