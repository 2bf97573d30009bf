"""What one run was told: command line over environment over ini file, parsed once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_prodstatus.archive import saves_history
from pytest_prodstatus.layout import PRODUCTION, Layout, usual_folder
from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.verdict import Rule
from pytest_prodstatus.options import OPTIONS, asks_for_production, given
from pytest_prodstatus.project import config_in
from pytest_prodstatus.readers.config import TARGET_FORM, Config, ConfigError

NOTHING_RUNS = (
    "collectonly",
    "setuponly",
    "setupplan",
    "showfixtures",
    "show_fixtures_per_test",
    "cacheshow",
)
"""Options of pytest under which no criterion is judged and so nothing is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run's settings.

    Attributes:
        config: what the project declares.
        root: the project's root folder.
        target: the system to judge.
        stages: the stages asked for, as given; None for all.
        folder: where the outputs go.
        gate: the gate's rule.
        subject: the release that is judged.
        run_id: of this run; the same in every process of it.
        asked: the command line asks for a production run, whatever it finds.
        saves: the run's history is saved, where it can be.
        judges: criteria really run and are judged (not `--collect-only` and the like).
    """

    config: Config
    root: Path
    target: str
    stages: tuple[str, ...] | None
    folder: Path
    gate: Rule
    subject: str | None
    run_id: str
    asked: bool
    judges: bool
    saves: bool = True

    @property
    def layout(self) -> Layout:
        """Where the outputs lie."""
        return Layout(root=self.root, folder=self.folder, document_name=self.config.document)

    @property
    def record(self) -> Path:
        """Where the record lies."""
        return self.layout.record

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.layout.page

    @property
    def document(self) -> Path:
        """Where the status document lies."""
        return self.layout.document

    @property
    def exports(self) -> list[Path]:
        """Where the configured exports lie."""
        return [self.layout.export(name) for name in self.config.exports]

    def stage_closure(self, catalogue: Catalogue) -> frozenset[str] | None:
        """Return the ids of all stages that this run was limited to; None for no limit.

        Raises:
            pytest.UsageError: a stage that was asked for is none of the catalogue's.
        """
        if self.stages is None:
            return None
        for name in self.stages:
            if name not in catalogue.by_id:
                known = ", ".join(catalogue.by_id) or "none: no test is marked with a stage"
                msg = f"--stage {name!r}: there is no such stage; stages are {known}"
                raise pytest.UsageError(msg)
        return catalogue.closure(self.stages)


def resolve(
    config: pytest.Config, run_id: str, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return the run's settings.

    Raises:
        pytest.UsageError: a value or the project's configuration is unusable; one sentence.
    """
    told = {name: given(config, name, environ) for name, _, _ in OPTIONS}
    project = _project(config.rootpath)
    target = told["target"] or PRODUCTION
    if not TARGET_FORM.fullmatch(target):
        msg = f"--target {target!r}: use letters, digits, '.', '_' and '-', as in 'staging'"
        raise pytest.UsageError(msg)
    rules = {rule.value: rule for rule in Rule}
    gate = told["gate"] or Rule.CONFIRMED.value
    if gate not in rules:
        msg = f"--prodstatus-gate {gate!r}: the rule must be one of {', '.join(rules)}"
        raise pytest.UsageError(msg)
    stages = tuple(filter(None, (part.strip() for part in told["stage"].split(",")))) or None
    folder = (
        config.invocation_params.dir / told["dir"]
        if told["dir"]
        else usual_folder(config.rootpath, target)
    )
    _refuse_root_from_folder(config, folder)
    settings = Settings(
        config=project,
        root=config.rootpath,
        target=target,
        stages=stages,
        folder=folder,
        gate=rules[gate],
        subject=told["subject"] or None,
        run_id=run_id,
        asked=stages is not None or asks_for_production(config),
        saves=_saves(environ),
        judges=not any(config.getoption(name, False) for name in NOTHING_RUNS),
    )
    if project.catalogue.declared:
        settings.stage_closure(project.catalogue)
    return settings


def _refuse_root_from_folder(config: pytest.Config, folder: Path) -> None:
    """Refuse a run whose root pytest took from the value of `--prodstatus-dir`.

    Before plugins are loaded, pytest takes every argument that exists as a path for a test path
    (documented under "rootdir"), so `--prodstatus-dir FOLDER` can move the root away from the
    project, and its catalogue with it.
    """
    root, start = config.rootpath, config.invocation_params.dir
    if not start.is_relative_to(root) and folder.resolve().is_relative_to(root):
        msg = (
            f"pytest took the output folder {folder} for the project's root: write "
            f"--prodstatus-dir={folder} with an equals sign"
        )
        raise pytest.UsageError(msg)


def _project(root: Path) -> Config:
    try:
        return config_in(root)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


def _saves(environ: Mapping[str, str]) -> bool:
    try:
        return saves_history(environ)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
