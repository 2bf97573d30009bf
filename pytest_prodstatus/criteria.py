"""The criteria of one process: from marked tests to the manifest that names them all.

Under xdist the controller collects nothing: it knows the criteria from its workers' manifests. The
report of a crash carries no marks, but its node id is in the manifest.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pytest
from msgspec import Struct

from pytest_prodstatus.model.catalogue import SLUG, CatalogueError, Criterion
from pytest_prodstatus.model.text import described, is_visible, one_line, printable, text_of
from pytest_prodstatus.model.verdict import Reason, runbook_problem
from pytest_prodstatus.options import STAGE_MARK

_ARGUMENTS = {"side_effects", "criterion", "require_assertion", "owner", "runbook"}
"""The keyword arguments that a stage mark takes."""

Owner: TypeAlias = "pytest.Item | pytest.Collector"


class _Stage(NamedTuple):
    """What one stage mark says; None for what it doesn't.

    Attributes:
        id: the stage's.
        side_effects: the test acts on the world.
        criterion: the criterion's name, in place of the test's.
        exempt: no assertion is required of it.
        owner, runbook: its own, in place of its stage's.
    """

    id: str
    side_effects: bool | None
    criterion: str | None
    exempt: bool
    owner: str | None
    runbook: str | None


def stage_marks(item: pytest.Item) -> tuple[Owner | None, tuple[pytest.Mark, ...]]:
    """Return the stage marks of an item, of its class and of its file, the closest first.

    Returns:
        The item, class or file that carries the closest mark, None if there is no mark; the marks.
    """
    owner: Owner | None = None
    marks: tuple[pytest.Mark, ...] = ()
    node: Owner | None = item
    # Not `iter_markers`: which node carries the closest mark counts as well.
    while node is not None:
        for mark in node.own_markers:
            if mark.name == STAGE_MARK:
                marks += (mark,)
                owner = owner or node
        node = node.parent
    return owner, marks


def criterion_of(item: pytest.Item, marks: Sequence[pytest.Mark]) -> Criterion:
    """Build the criterion of an item from the marks that put it into its stage.

    Several marks may name the stage, on a class and on its test. Then what the closest says of
    side effects, and of the criterion's name, counts.

    Args:
        item: the test.
        marks: its stage marks, the closest first; at least one.

    Raises:
        CatalogueError: a mark doesn't name one stage, or takes unknown arguments; or two name
            different stages, or the test itself has two names or an empty one.
    """
    nodeid = item.nodeid
    found = [_arguments(mark, nodeid) for mark in marks]
    stage = found[0].id
    _check_one_stage(item, marks, found)
    side_effects = next((one.side_effects for one in found if one.side_effects is not None), False)
    given = next((one.criterion for one in found if one.criterion is not None), None)
    exempt = any(one.exempt for one in found)
    owner = next((one.owner for one in found if one.owner is not None), "")
    runbook = next((one.runbook for one in found if one.runbook is not None), "")
    name, bracket, parameters = item.name.partition("[")
    # `test_token_accepted` becomes `token-accepted`.
    words = name.removeprefix("test").strip("_").replace("_", "-").lower() or name
    if not is_visible(given or words):
        msg = (
            f"{nodeid}: the item's name is {item.name!r}, of which no criterion's id can be made: "
            "give it another one, or name the criterion, as in stage('shop', criterion='its-name')"
        )
        raise CatalogueError(msg)
    # Not `item.function`: it costs more, and a method's docstring is the same.
    docstring = item.obj.__doc__ if isinstance(item, pytest.Function) else None
    # It may be any object; one that isn't text says nothing.
    doc = text_of(docstring).strip().partition("\n")[0] if isinstance(docstring, str) else ""
    if os.sep in doc:
        # pytest-bdd's docstring begins with the absolute path of the feature's file.
        doc = doc.removeprefix(f"{item.config.rootpath}{os.sep}")
    return Criterion(
        id=one_line(f"{stage}.{given or words}{bracket}{parameters}"),
        stage=stage,
        nodeid=nodeid,
        title=one_line(doc.rstrip(".") or (given or words).replace("-", " ").capitalize()),
        side_effects=side_effects,
        exempt=exempt,
        owner=one_line(owner),
        runbook=runbook,
        function=nodeid.removesuffix(f"{bracket}{parameters}") if bracket else nodeid,
    )


def _check_one_stage(
    item: pytest.Item, marks: Sequence[pytest.Mark], found: Sequence[_Stage]
) -> None:
    """Refuse a test in two stages, since it can have one verdict only; and one with two names.

    Raises:
        CatalogueError: the marks contradict each other.
    """
    if len(found) == 1:
        return
    for mark, one in zip(marks, found, strict=True):
        if one.id != found[0].id:
            msg = (
                f"{item.nodeid}: marks {_shown(marks[0])} and {_shown(mark)} put one test into two "
                "stages: remove one of the marks, or write a test for each stage"
            )
            raise CatalogueError(msg)
    own = [mark for mark in item.own_markers if mark.name == STAGE_MARK]
    named = [m for m in own if m.kwargs.get("criterion") is not None]
    other = next((m for m in named if _named(m) != _named(named[0])), None)
    if other is not None:
        msg = (
            f"{item.nodeid}: marks {_shown(named[0])} and {_shown(other)} give one test two names: "
            "remove one of the marks"
        )
        raise CatalogueError(msg)


def _named(mark: pytest.Mark) -> object:
    """Return the criterion's name that a mark gives."""
    return _plain(mark.kwargs["criterion"])


def _plain(value: Any) -> Any:
    """Return a text itself in place of a subclass, such as an enum's member; else the value."""
    return text_of(value) if isinstance(value, str) else value


def _arguments(mark: pytest.Mark, nodeid: str) -> _Stage:
    """Return what a mark says; raise CatalogueError if it takes arguments that it can't have."""
    stage = _plain(mark.args[0]) if len(mark.args) == 1 else None
    given = {name: _plain(value) for name, value in mark.kwargs.items()}
    side_effects, criterion = given.get("side_effects"), given.get("criterion")
    required = given.get("require_assertion")
    owner, runbook = given.get("owner"), given.get("runbook")
    known = given.keys() <= _ARGUMENTS
    acts = side_effects is None or isinstance(side_effects, bool)
    if not (isinstance(stage, str) and stage and known and acts):
        msg = (
            f"{nodeid}: mark {_shown(mark)} must name one stage and may say side_effects=True, "
            "criterion='its-name', require_assertion=False, owner='…' and runbook='https://…', "
            "as in "
            "stage('oauth', side_effects=True)"
        )
        raise CatalogueError(msg)
    if criterion is not None and not (isinstance(criterion, str) and SLUG.fullmatch(criterion)):
        msg = (
            f"{nodeid}: mark {_shown(mark)}: criterion={described(criterion)} must be the name "
            "without its stage, in lower-case words joined by hyphens, as in "
            "criterion='token-accepted'"
        )
        raise CatalogueError(msg)
    if required is not None and required is not False:
        # Whether assertions are counted is known before any mark is.
        msg = (
            f"{nodeid}: mark {_shown(mark)}: require_assertion={described(required)} can only be "
            "False: to require an assertion, set require_assertion = true in [tool.prodstatus]"
        )
        raise CatalogueError(msg)
    if owner is not None and not is_visible(owner):
        msg = f"{nodeid}: mark {_shown(mark)}: owner={described(owner)} must be a text"
        raise CatalogueError(msg)
    problem = runbook_problem(runbook) if runbook is not None else ""
    if problem:
        msg = f"{nodeid}: mark {_shown(mark)}: runbook={described(runbook)} {problem}"
        raise CatalogueError(msg)
    return _Stage(stage, side_effects, criterion, required is False, owner, runbook)


def _shown(mark: pytest.Mark) -> str:
    """Return a mark as it is written."""
    named = (f"{name}={described(_plain(value))}" for name, value in mark.kwargs.items())
    return f"{mark.name}({', '.join([*map(described, map(_plain, mark.args)), *named])})"


class Shard(NamedTuple):
    """One of several parts that the criteria are divided into, each by its own id.

    So a machine knows its part without the others, and a new criterion moves no other one.

    Attributes:
        number: which one it is, from 1.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Shard | None:
        """Return the shard that a text such as `3/12` names; None if it names none."""
        found = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", text.strip(), re.ASCII)
        shard = cls(int(found[1]), int(found[2])) if found else None
        return shard if shard and shard.number <= shard.of else None

    def holds(self, item: pytest.Item, criterion: Criterion) -> bool:
        """Return whether a criterion is in this shard."""
        key = _together(item, criterion).encode("utf-8", "backslashreplace")
        # Not hash(), which is another one in every process.
        return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % self.of == self.number - 1


def _together(item: pytest.Item, criterion: Criterion) -> str:
    """Return a key that a criterion shares with those that must run on one machine with it.

    That is the group that xdist keeps in one process. Without one, those of a stage that act on the
    world stay together: they start in the order of the file, and no second time as a repetition.
    """
    groups = {
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))
        for mark in item.iter_markers("xdist_group")
    }
    if groups:
        return "@" + "_".join(sorted(groups))  # as xdist joins several
    return f"{criterion.stage}!" if criterion.side_effects else criterion.id


class AllBut:
    """All names except a few; shorter than a set of the thousands that a run selects."""

    def __init__(self, names: Iterable[str]) -> None:
        self._out = frozenset(names)

    def __contains__(self, name: object) -> bool:
        return name not in self._out


class Manifest(Struct, frozen=True, kw_only=True):
    """What was collected.

    Attributes:
        criteria: every criterion by its node id, selected or not.
        deselected: node ids of those that are not to be run.
        met: of these, the ones that `--unmet` left out, since they need no further run.
        held: of these, the ones that are unmet, act on the world and may have started before.
        elsewhere: some were left out because they are in another shard.
        files: test files that were collected completely.
        paths: by their paths in node ids, where the criteria's files are that aren't found so from
            pytest's root; "" for several files of one such path.
        parts: what was found in those that were collected in part: the node ids in each file and
            class that was looked through.
        missing: the files that were not collected, and why. Of several with the same error, xdist
            reports only one to the controller.
        left_out: why FINAL isn't known without what has a stage mark and isn't a test, by what its
            node id would be.
        error: why the collected criteria make no catalogue; "" if they make one.
    """

    criteria: Mapping[str, Criterion] = {}
    deselected: frozenset[str] = frozenset()
    met: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    elsewhere: bool = False
    files: frozenset[str] = frozenset()
    paths: Mapping[str, str] = {}
    parts: Mapping[str, frozenset[str]] = {}
    missing: Mapping[str, Reason] = {}
    left_out: Mapping[str, Reason] = {}
    error: str = ""

    @property
    def selected(self) -> int:
        """How many criteria are to be run."""
        return len(self.criteria) - len(self.deselected)

    def disagreement(self, worker: str, other: Manifest, first: str) -> str:
        """Return why two workers can't take part in one run; "" if they collected the same.

        Args:
            worker: the one that collected this.
            other: what another worker collected.
            first: the other worker.
        """
        # In the order of collection, so that every run names the same criterion first.
        for nodeid in dict.fromkeys([*other.criteria, *self.criteria]):
            own, theirs = self.criteria.get(nodeid), other.criteria.get(nodeid)
            remedy = "check the same commit out on both"
            if own is None or theirs is None:
                has, lacks = (worker, first) if own else (first, worker)
                return (
                    f"worker {has} collected the criterion {nodeid}, and {lacks} didn't: {remedy}"
                )
            if own != theirs or (nodeid in self.deselected) != (nodeid in other.deselected):
                return (
                    f"worker {worker} has {nodeid} as another criterion than {first}, or selects "
                    f"it otherwise: {remedy}"
                )
        return ""

    def to_json(self) -> str:
        """Return the manifest as JSON text; lone surrogates in names become their escapes."""
        try:
            return _ENCODE(self).decode()
        except UnicodeEncodeError:
            return _ENCODE(printable(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `to_json` wrote."""
        return _DECODE(text)


_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(Manifest).decode
