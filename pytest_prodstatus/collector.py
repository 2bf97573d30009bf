"""The process that runs tests finds the criteria, and selects those that this run is to judge.

It is the only process of a serial run, and every worker under xdist. What a test records while it
runs is the observer's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.blocking import Blocked
from pytest_prodstatus.criteria import Manifest, criterion_of, stage_marks
from pytest_prodstatus.left_out import LeftOut
from pytest_prodstatus.model.catalogue import CatalogueError, Criterion
from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.options import worker_input
from pytest_prodstatus.project import find_project
from pytest_prodstatus.readers.config import ConfigError
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.reports import Payload
from pytest_prodstatus.settings import (
    Settings,
    checked_catalogue,
    disagreement,
    restriction,
)
from pytest_prodstatus.spool import Spool

if TYPE_CHECKING:
    from pytest_prodstatus.model.unmet import Basis

_ONCE: Mapping[str, Mapping[str, object]] = {
    "rerunfailures": {"reruns": 0},
    "pytest-retry": {"condition": False},
}
"""Plugins that obey a mark `flaky`, and the arguments with which they start a test only once."""

_ADDED = "__"
"""The prefix of the parameters that pytest-repeat and pytest-flakefinder add to repeat a test."""


class Collector:
    """Finds the criteria of this process, and selects those that this run is to judge.

    Attributes:
        criteria: every criterion by its node id.
        manifest: what was collected; empty until `settle`.
        repeats: node ids of the items that repeat an earlier one with side effects.
        unmarked: why the run could not write that nothing is confirmed; "" if it could. If it
            could not, no criterion with side effects starts.
        acts: whether criteria with side effects may start in this process.
    """

    def __init__(self, settings: Settings, spool: Spool, redaction: Redaction) -> None:
        self.settings = settings
        self.spool = spool
        self.redaction = redaction
        self.criteria: dict[str, Criterion] = {}
        self.manifest = Manifest()
        self.repeats: frozenset[str] = frozenset()
        self.unmarked = ""
        self.acts = True
        self._error = ""
        self._met: frozenset[str] = frozenset()
        self._held: frozenset[str] = frozenset()
        self._elsewhere = False
        self._ids: dict[int, str] = {}
        self._firsts: dict[str, pytest.Item] = {}
        self._marked: list[tuple[pytest.Item, str]] = []
        self._noted: dict[int, tuple[pytest.Mark, ...]] = {}
        self._owners: dict[int, Callable[[pytest.MarkDecorator], None]] = {}
        self._missing: dict[str, Reason] = {}

    def note_missing(self, report: pytest.CollectReport) -> None:
        """Note why the file of a collect report was not collected."""
        # Imported here, since files mostly collect, and the import costs every worker.
        from pytest_prodstatus.reports import missing_of

        self._missing.setdefault(report.nodeid.partition("::")[0], missing_of(report))

    def is_missing(self, file: str) -> bool:
        """Return whether a file, by its node id, was not collected."""
        return file in self._missing

    def keep_reason(self, report: pytest.CollectReport) -> None:
        """Attach the reason that a file gave to `blocked()` to its report."""
        call = getattr(report, "call", None)
        raised = call.excinfo.value if call and call.excinfo else None
        if isinstance(raised, Blocked):
            Payload(blocked=raised.reason_by(self.redaction.output)).attach(report)

    def mark(self, items: Iterable[pytest.Item]) -> None:
        """Note which items are criteria, and mark them as `production`."""
        # An item that was collected may stand in pytest's list as well.
        for item in {id(item): item for item in items}.values():
            self._note(item)
        self._mark_owners()

    def select(
        self,
        config: pytest.Config,
        items: list[pytest.Item],
        basis: Basis | None,
        files: Collection[str],
    ) -> None:
        """Keep only the items of the stages and the shard of this run, and what is unmet.

        Args:
            config: pytest's.
            items: those to run, which are changed.
            basis: what is known of earlier runs; None unless `--unmet` is given.
            files: node ids of the test files that were collected completely.
        """
        self._note_late(items)
        self._keep_stages(config, items)
        self._keep_shard(config, items)
        if basis is not None:
            self._keep_unmet(config, items, basis, files)

    def _note_late(self, items: Iterable[pytest.Item]) -> None:
        """Note the criteria that other plugins and conftests marked or renamed since `mark`."""
        if any(item.nodeid not in self.criteria for item in items):
            # By the object, since the node id is what another plugin changed.
            former = {id(item): nodeid for item, nodeid in self._marked if item.nodeid != nodeid}
            for item in items:
                if item.nodeid not in self.criteria:
                    self._follow(item, former.get(id(item)))
        for item in items:
            self._note(item)
        self._mark_owners()

    def settle(
        self,
        session: pytest.Session,
        files: Collection[str],
        deselected: Collection[str],
        parts: Mapping[str, frozenset[str]],
        left_out: Iterable[LeftOut],
    ) -> None:
        """Fix the criteria and which are selected, in the manifest; refuse what can't be judged.

        Args:
            session: pytest's, with the items to run; emptied in a worker that must not run them.
            files: node ids of the test files that were collected completely.
            deselected: node ids that were reported as deselected. A criterion that is missing and
                was not reported was dropped by a hook, and counts as never reached.
            parts: what was found in each file and class that was looked through, if only a part
                of it is run.
            left_out: what has a stage mark, and may be no test.

        Raises:
            pytest.UsageError: a test's id holds a secret, in a serial run.
        """
        config, items = session.config, session.items
        self._note_late(items)
        for item in items:
            if item.nodeid in self.criteria:
                self._check_alone(item)
        paths = self._paths(config.rootpath)
        self._firsts.clear()
        self._marked.clear()
        self._noted.clear()
        self._mask_titles()
        self._error = self._error or self._foreign_criterion(items)
        complete = _complete(files, config)
        # What is missing here and wasn't reported was dropped by a hook: it stays selected.
        ids = [item.nodeid for item in items]
        self._ids = {id(item): nodeid for item, nodeid in zip(items, ids, strict=True)}
        self.manifest = Manifest(
            criteria=self.criteria,
            deselected=frozenset((self.criteria.keys() - ids) & {*deselected}),
            met=self._met,
            held=self._held,
            elsewhere=self._elsewhere,
            files=complete,
            paths=paths,
            parts={
                name: ids for name, ids in parts.items() if name.partition("::")[0] not in complete
            },
            missing=dict(self._missing),
            left_out={one.nodeid: _reason(one) for one in left_out if one.certain},
            error=self._error,
        )
        self.redaction.on = self.settings.requested or self.manifest.selected > 0
        if self.redaction.on:
            self._refuse_secrets(ids, config, items)
        self.repeats = frozenset(self._repeats_among(items))
        given = worker_input(config)
        if given:
            self._settle_in_worker(given, items)

    def nodeid_of(self, item: pytest.Item) -> str:
        """Return the node id that a test was collected by, also if a hook renames it later."""
        return self._ids.get(id(item), item.nodeid)

    def criterion_of(self, item: pytest.Item) -> Criterion | None:
        """Return the criterion that a test is; None if it is none."""
        return self.criteria.get(self.nodeid_of(item))

    def _repeats_among(self, items: Iterable[pytest.Item]) -> Iterator[str]:
        """Yield the node ids of items that repeat an earlier item with side effects."""
        firsts: dict[str, str] = {}
        for item in items:
            criterion = self.criteria.get(item.nodeid)
            if criterion is not None and criterion.side_effects:
                first = firsts.setdefault(_without_repeats(item, criterion), item.nodeid)
                if first != item.nodeid:
                    yield item.nodeid

    def _settle_in_worker(self, given: Mapping[str, Any], items: list[pytest.Item]) -> None:
        """Empty a worker's list of tests if its controller could not judge them."""
        error = self.manifest.error or disagreement(
            given,
            self.settings.config.catalogue.digest,
            None if self.spool.shared else self.settings.root,
        )
        if not error and self.manifest.selected:
            try:
                checked_catalogue(self.settings, self.manifest)
            except pytest.UsageError as problem:
                error = str(problem)
        if error:
            items.clear()
            self.manifest = Manifest(error=error)
        self.unmarked = given.get("prodstatus_unmarked", "")
        self.acts = given.get("prodstatus_acts", True)

    def _foreign_criterion(self, items: Sequence[pytest.Item]) -> str:
        """Return an error if a criterion is in another project than the judged one; else ""."""
        root = self.settings.root.resolve() if self.settings.has_project else None
        checked: set[Path] = set()
        for item in items:
            folder = item.path.parent
            if folder in checked or item.nodeid not in self.criteria:
                continue
            checked.add(folder)
            try:
                other = find_project(folder.resolve())
            except ConfigError as error:
                return str(error)
            if other is not None and other.root != root:
                judged = f"the run judges {root}" if root else "the run judges no project"
                return (
                    f"{item.nodeid}: this criterion is of the project {other.root}, and {judged}: "
                    f"run pytest in {other.root}, or name it with --prodstatus-root={other.root}"
                )
        return ""

    def _refuse_secrets(
        self, ids: Sequence[str], config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Refuse a run with a secret in a test's id, since every process and report uses the id.

        Raises:
            pytest.UsageError: an id has one, in a serial run. A worker puts the message into its
                manifest instead, and runs nothing.
        """
        if self.redaction.source_of("\n".join(ids)) is None:
            return
        name, nodeid = next((s, n) for n in ids if (s := self.redaction.source_of(n)))
        msg = (
            f"{self.redaction.text(nodeid)}: the test's id holds the value of {name}, a secret by "
            "its name; give the parameter an id, as in pytest.param(value, id='eu'), or say that "
            f"it is none, as in secrets = ['!{name}'] in [tool.prodstatus]"
        )
        items.clear()
        self.manifest = Manifest(error=msg)
        if not hasattr(config, "workerinput"):
            raise pytest.UsageError(msg)

    def _note(self, item: pytest.Item) -> None:
        """Make an item's criterion, if it carries a stage mark that was not seen before."""
        owner, marks = stage_marks(item)
        if owner is None or self._noted.get(id(item)) == marks:
            return
        self._noted[id(item)] = marks
        self._owners[id(owner)] = owner.add_marker
        nodeid = item.nodeid
        if not self.criteria:
            self.redaction.switch(item.config)
        try:
            criterion = criterion_of(item, marks)
        except CatalogueError as error:
            # Raised here, it would be a traceback, and under xdist the worker would die.
            self._error = self._error or str(error)
            return
        self._check_alone(item)
        self.criteria[nodeid] = criterion
        self._marked.append((item, nodeid))
        if criterion.side_effects:
            self._forbid_reruns(item)

    def _check_alone(self, item: pytest.Item) -> None:
        """Note an error if another test has the node id of a criterion: one would hide the other.

        pytest names a file outside its root by the path from the argument that it was found by.
        """
        first = self._firsts.setdefault(item.nodeid, item)
        if _is_same_test(first, item):
            return
        root = self.settings.root.resolve()
        files = [str(path.relative_to(root) if path.is_relative_to(root) else path)
                 for path in dict.fromkeys((first.path, item.path))]  # fmt: skip
        remedy = (
            f"let their node ids begin at one folder, as with --rootdir={root}"
            if len(files) > 1
            else "give each a name of its own"
        )
        self._error = self._error or (
            f"{item.nodeid}: two tests have this node id, in {' and '.join(files)}: {remedy}"
        )

    def _paths(self, root: Path) -> dict[str, str]:
        """Return where the criteria's files are, if it isn't where pytest's root has them."""
        files = {(nodeid.partition("::")[0], item.path) for nodeid, item in self._firsts.items()}
        paths: dict[str, str] = {}
        for file, path in files:
            if root / file != path:
                paths[file] = "" if file in paths else str(path)
        return paths

    def _forbid_reruns(self, item: pytest.Item) -> None:
        """Keep the plugins that rerun tests from one with side effects.

        A plugin that does it all the same is stopped when the test starts. Two are refused: flaky
        withholds the report of a start that failed, and run-parallel calls the function itself.
        """
        plugins = item.config.pluginmanager
        if _is_run_parallel(item):
            self._error = self._error or (
                f"{item.nodeid}: the plugin run-parallel would call it several times, and it has "
                "side effects, so it must start once: give --parallel-threads=1 and --iterations=1 "
                "without its marks, or -p no:run-parallel"
            )
        if not plugins.hasplugin("flaky"):
            once = {k: v for name, given in _ONCE.items() if plugins.hasplugin(name)
                    for k, v in given.items()}  # fmt: skip
            if once:
                item.add_marker(pytest.mark.flaky(**once), append=False)
        elif _is_rerun_by_flaky(item):
            self._error = self._error or (
                f"{item.nodeid}: the plugin flaky would rerun it, and it has side effects, so it "
                "must start once: take flaky from it, or give -p no:flaky"
            )

    def _mark_owners(self) -> None:
        """Mark as `production` each test, class or file that carries a stage mark."""
        # Mark the same node: the mark of a file or class counts for all its tests.
        for add_marker in self._owners.values():
            add_marker(pytest.mark.production)
        self._owners.clear()

    def _mask_titles(self) -> None:
        """Take secrets out of the titles, which come from docstrings."""
        clean = self.redaction.text
        # One search for all titles, since hardly any run has a secret in one.
        titles = "\n".join([criterion.title for criterion in self.criteria.values()])
        if clean(titles) != titles:
            for nodeid, criterion in self.criteria.items():
                self.criteria[nodeid] = replace(criterion, title=clean(criterion.title))

    def _follow(self, item: pytest.Item, former: str | None) -> None:
        """Follow a renamed criterion: up to pytest 9.1, xdist's loadgroup adds the group's name."""
        if former is not None and former in self.criteria:
            self.criteria[item.nodeid] = replace(self.criteria.pop(former), nodeid=item.nodeid)

    def _keep_shard(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect the criteria of other shards; other tests run in no shard."""
        shard = self.settings.shard
        if shard is not None:
            criteria = self.criteria
            out = [
                item for item in items
                if item.nodeid not in criteria or not shard.holds(item, criteria[item.nodeid])
            ]  # fmt: skip
            self._elsewhere = any(item.nodeid in criteria for item in out)
            _deselect(config, items, out)

    def _keep_stages(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect the criteria of stages that weren't selected or don't apply."""
        declared = self.settings.config.catalogue
        if self.settings.stages is None and all(stage.applies for stage in declared.stages):
            return
        try:
            catalogue = declared.with_stages_of(self.criteria.values()).at(clock.now())
            stages = self.settings.stage_closure(catalogue)
        except (CatalogueError, pytest.UsageError):
            return  # the process that judges the manifest reports it
        absent = {stage.id for stage in catalogue.stages if not stage.applies}

        def is_kept(item: pytest.Item) -> bool:
            criterion = self.criteria.get(item.nodeid)
            if criterion is None:
                return stages is None
            return criterion.stage not in absent and (stages is None or criterion.stage in stages)

        _deselect(config, items, [item for item in items if not is_kept(item)])

    def _keep_unmet(
        self,
        config: pytest.Config,
        items: list[pytest.Item],
        basis: Basis,
        files: Collection[str],
    ) -> None:
        """Keep only the criteria that are unmet; those with side effects only if none started."""
        from pytest_prodstatus.model.criterion_status import RunData
        from pytest_prodstatus.model.unmet import choose
        from pytest_prodstatus.presence import seen_files

        settings, former = self.settings, basis.former
        restricted = bool(restriction(settings, config))
        stages = tuple(stage.id for stage in former.stages) if former and restricted else ()
        try:
            found = checked_catalogue(settings, Manifest(criteria=self.criteria), stages)
        except pytest.UsageError:
            return  # the process that judges the manifest reports it
        # A plan only: what is fixed for the run is made in `settle`.
        manifest = Manifest(
            criteria=self.criteria,
            deselected=frozenset(self.criteria),
            files=_complete(files, config),
            paths=self._paths(config.rootpath),
        )
        known = seen_files(settings, config, former, manifest, restricted=restricted)
        data = RunData(
            **known._asdict(),
            catalogue=found.at(basis.run.started),
            collected=self.criteria.values(),
            restricted=restricted,
            files=manifest.files,
            missing=self._missing,
            former=former,
            require_evidence=settings.config.require_evidence,
        )
        chosen = choose(basis, data, settings.unmet)
        ids = {item.nodeid: self.criteria[item.nodeid].id for item in items
               if item.nodeid in self.criteria}  # fmt: skip
        self._held = frozenset(nodeid for nodeid, name in ids.items() if name in chosen.held)
        again = frozenset(nodeid for nodeid, name in ids.items() if name in chosen.again)
        self._met = frozenset(ids) - again - self._held
        _deselect(config, items, [item for item in items if item.nodeid not in again])


def _deselect(
    config: pytest.Config, items: list[pytest.Item], dropped: Sequence[pytest.Item]
) -> None:
    """Take items out of those to run, and report them to pytest as deselected."""
    if dropped:
        gone = set(map(id, dropped))
        # In place, since the list is pytest's own.
        items[:] = [item for item in items if id(item) not in gone]
        config.hook.pytest_deselected(items=dropped)


def _complete(files: Collection[str], config: pytest.Config) -> frozenset[str]:
    """Return the files of which the command line selects more than a part."""
    named = [arg.partition("::")[0] for arg in config.args if "::" in arg]
    # pytest registers this plugin once `--lf` leaves out a part of what it collects. What is named
    # with --pyargs is a module, and which file it is in isn't known here.
    left_out = config.pluginmanager.hasplugin("lfplugin-collskip")
    if left_out or (named and config.getoption("pyargs", False)):
        return frozenset()
    if not named:
        return frozenset(files)
    paths = {(config.invocation_params.dir / name).resolve() for name in named}
    return frozenset(file for file in files if (config.rootpath / file).resolve() not in paths)


def _reason(one: LeftOut) -> Reason:
    """Return why FINAL isn't known without something that has a stage mark and isn't a test."""
    text = f"{one.nodeid} has a stage mark and isn't collected: {one.why}"
    return Reason(text=text, kind=Kind.COLLECTION_ERROR, remedy=one.remedy)


def _is_same_test(first: pytest.Item, item: pytest.Item) -> bool:
    """Return whether two items with one node id are one test that was collected or listed twice."""
    if first is item:
        return True
    function = getattr(item, "function", None)
    own = function is not None and function is getattr(first, "function", None)
    # A hook may have renamed two items of one function, which differ in their parameters.
    return own and first.name == item.name


def _without_repeats(item: pytest.Item, criterion: Criterion) -> str:
    """Return a key that all items share that a plugin made from one test to repeat it."""
    # By the values themselves: pytest numbers a parameter anew for each repetition.
    values = getattr(getattr(item, "callspec", None), "params", {})
    own = [f"{name}={id(value)}" for name, value in values.items() if not name.startswith(_ADDED)]
    return f"{criterion.base_id}[{','.join(own)}]" if len(own) < len(values) else criterion.id


def _is_rerun_by_flaky(item: pytest.Item) -> bool:
    """Return whether PyPI's flaky reruns a test: by its decorator, a mark or its option."""
    holders = (getattr(item, "obj", None), getattr(item, "cls", None))
    decorated = any(getattr(holder, "_flaky_max_runs", None) is not None for holder in holders)
    marked = item.get_closest_marker("flaky") is not None
    return decorated or marked or bool(item.config.getoption("force_flaky", False))


def _is_run_parallel(item: pytest.Item) -> bool:
    """Return whether pytest-run-parallel calls a test more than once, by its options or marks."""
    option = item.config.getoption
    if option("parallel_threads", None) is None:
        return False
    marks = ("parallel_threads", "force_parallel_threads", "iterations")
    given = [option("parallel_threads"), option("iterations", 1)]
    given += [arg for name in marks for mark in item.iter_markers(name) for arg in mark.args]
    return any(str(number) != "1" for number in given)
