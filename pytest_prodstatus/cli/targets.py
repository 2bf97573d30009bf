"""The targets of a project, each judged anew as `prodstatus gate` judges it.

For commands that are about all targets, and that go on while records, configuration, waivers and
overrides change. Everything is read again each time; only a record whose bytes are the same isn't
parsed again.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    Place,
    UnreadableError,
    content_at,
    key_sets,
    record_in,
)
from pytest_prodstatus.cli.gate import Gate
from pytest_prodstatus.cli.overrides import active_override
from pytest_prodstatus.cli.trust import Trust
from pytest_prodstatus.model.gate import UnknownStageError, named_stages
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.violations import MAX_AGE, GateQuery
from pytest_prodstatus.project import FILE as PROJECT_FILE
from pytest_prodstatus.project import (
    PRODUCTION,
    RECORD,
    REPORTS,
    Project,
    declared_in,
    usual_folder,
)
from pytest_prodstatus.readers.config import TARGET_FORM, Config, ConfigError
from pytest_prodstatus.writers.gate_report import GateReport, Judged

if TYPE_CHECKING:
    from pytest_prodstatus.signing import Keys

MOST_TARGETS = 1000
"""Targets, and printed problems, that are remembered, so that a server's memory stays bounded."""

_FOLDER = re.compile(
    r"""(?<=')/[^']*/(?=[^'/]+') | (?<=")/[^"]*/(?=[^"/]+") | (?<![\w:/.'"])/(?:[^\s/'"]+/)+""",
    re.VERBOSE,
)
"""The folders of an absolute path, quoted or not; not those of a URL."""

# By the bytes: a file's date and size may be the same after a change.
_parsed = lru_cache(maxsize=8)(record_in)


class Targets:
    """The targets of a place, each of which can be judged.

    Args:
        place: the project; if it names an output folder, that folder's target is the only one.
        max_age: how long ago a run may have finished.
        now: the clock.
    """

    def __init__(
        self,
        place: Place,
        *,
        max_age: timedelta = MAX_AGE,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._place = place
        self._root = place.project.root
        self._max_age = max_age
        self._now = now or clock.now
        # A dict, for its order: the default target comes first.
        self._known = {self.default: None}
        self._problems: set[str] = set()
        self._declares = place.project.config != Config()

    @property
    def default(self) -> str:
        """The target that the command names, or the usual one."""
        return self._place.inputs.target

    def targets(self) -> list[str]:
        """Return the default target, and each that has a record or had one since the start.

        A target whose record was removed stays, and its gate is closed.
        """
        if self._place.inputs.folder is None:
            for name in _with_record(self._root):
                if len(self._known) < MOST_TARGETS:
                    self._known.setdefault(name)
        return list(self._known)

    def query(self, target: str, conditions: Mapping[str, str]) -> GateQuery:
        """Return what a decision is about.

        Args:
            target: one of the targets.
            conditions: `subject`, `commit`, `run` and `require`, as the options of the gate; a
                release or a run that the command names counts for a target as well.

        Raises:
            UnknownStageError: `require` names no stage.
        """
        inputs = self._place.inputs
        stages = named_stages(conditions["require"]) if "require" in conditions else ()
        return GateQuery(
            target=target,
            subject=conditions.get("subject", inputs.subject),
            commit=conditions.get("commit"),
            run=conditions.get("run", inputs.run),
            max_age=self._max_age,
            require=stages,
        )

    def judged(self, query: GateQuery) -> Judged:
        """Read and judge a target's record now; what goes wrong closes the gate.

        Raises:
            UnknownStageError: the query requires a stage that doesn't exist.
        """
        now = self._now()
        override, problem = active_override(query.target, now, self._root)
        if problem:
            self._complain(problem)
        project, trusted, fault = self._project()
        trust = Trust(project, query, trusted)
        gate = Gate(project, query, override, check_document=False, trust=trust, now=now)
        path = self._record_of(query.target)
        decided = fault or self._decided(gate, path)
        if isinstance(decided, str):
            decided = gate.without_record(path, decided), None
        report, record = decided
        report = self._without_folders(report, path)
        return Judged(report=report, config=project.config, record=record, at=now)

    def _decided(self, gate: Gate, path: Path) -> tuple[GateReport, Record | None] | str:
        """Return the decision by a record; one sentence if it can't be read or judged."""
        try:
            content = content_at(path)
            record = _parsed(content, path)
            return gate.decided(path, content, record), record
        except UnknownStageError:  # an error of the request, not of the record
            raise
        except UnreadableError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  after any error, nothing is confirmed
            return f"the record can't be judged: {type(error).__name__}: {error}"

    def _without_folders(self, report: GateReport, record: Path) -> GateReport:
        """Return a report whose violations name no folder of this machine: it is sent to others."""

        def shown(text: str) -> str:
            for folder in (self._root, record.parent):
                text = text.replace(f"{folder}{os.sep}", "")
            # The state store, `.env` and the keys may lie anywhere.
            return _FOLDER.sub("", text)

        violations = tuple(
            replace(found, text=shown(found.text), remedy=found.remedy and shown(found.remedy))
            for found in report.decision.violations
        )
        decision = replace(report.decision, violations=violations)
        return dataclasses.replace(report, decision=decision)

    def _project(self) -> tuple[Project, list[Keys], str]:
        """Return the project as it is configured now, its keys, and why they can't be used."""
        project = self._place.project
        try:
            config = declared_in(self._root)
            if config is None and self._declares:
                # With the defaults, no signature would be wanted any more.
                return project, [], f"{PROJECT_FILE} has no [tool.prodstatus] any more: restore it"
            self._declares = config is not None
            project = Project(root=self._root, config=config or Config())
            return project, key_sets(project), ""
        except ConfigError as error:
            return project, [], str(error)
        except click.UsageError as error:
            return project, [], error.message

    def _record_of(self, target: str) -> Path:
        """Return the path of a target's record."""
        folder = self._place.inputs.folder or usual_folder(self._root, target)
        return folder / RECORD

    def _complain(self, problem: str) -> None:
        """Print a problem to standard error, only the first time that it occurs."""
        if problem not in self._problems and len(self._problems) < MOST_TARGETS:
            self._problems.add(problem)
            click.echo(f"prodstatus: {one_line(problem)}", err=True)


def _with_record(root: Path) -> list[str]:
    """Return the targets whose usual folder has a record."""
    try:
        names = sorted(entry.name for entry in os.scandir(root / REPORTS))
    except OSError:  # before the first run there is no such folder
        return []
    found = [PRODUCTION] if RECORD in names else []
    return found + [
        name
        for name in names
        if name != PRODUCTION
        and TARGET_FORM.fullmatch(name)
        # `lexists`: a broken link is a record that can't be read, and its gate is closed.
        and os.path.lexists(root / REPORTS / name / RECORD)
    ]
