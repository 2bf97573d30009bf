"""The settings of one run: command line over environment over ini file, parsed once."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_prodstatus.archive import saves_history
from pytest_prodstatus.inputs import KEYS, VARIABLES, InputError, Inputs, resolve_inputs
from pytest_prodstatus.layout import Layout
from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.verdict import Rule
from pytest_prodstatus.options import (
    RUN_ID,
    asks_to_judge,
    given,
    judges,
    narrows_to_criteria,
    worker_input,
)
from pytest_prodstatus.project import Project, config_in, find_project
from pytest_prodstatus.readers.config import Config, ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run's settings.

    Attributes:
        config: what the project declares.
        root: the project's root folder.
        has_project: the root was named or has a `[tool.prodstatus]`; else it is where pytest runs.
        target: the system to judge.
        stages: the stages asked for, as given; None for all.
        folder: where the outputs go.
        gate: the gate's rule.
        subject: the release that is judged.
        run_id: of this run; the same in every process of it.
        run_id_given: the id comes from PRODSTATUS_RUN_ID.
        asked: the run was asked to judge, whatever it finds.
        narrowed: the run was asked for criteria alone.
        saves: the run's history is saved, where it can be.
        judges: criteria really run and are judged (not `--collect-only` and the like).
    """

    config: Config
    root: Path
    has_project: bool
    target: str
    stages: tuple[str, ...] | None
    folder: Path
    gate: Rule
    subject: str | None
    run_id: str
    run_id_given: bool
    asked: bool
    narrowed: bool
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
    config: pytest.Config,
    run_id: str,
    environ: Mapping[str, str] = os.environ,
    namespace: argparse.Namespace | None = None,
) -> Settings:
    """Return the run's settings.

    Args:
        config: pytest's.
        run_id: of the run.
        environ: the environment.
        namespace: the command line as far as it is known; by default all of it.

    Raises:
        pytest.UsageError: a value or the project's configuration is unusable; one sentence.
    """
    options = namespace or config.option
    values = {name: given(config, name, environ, namespace) for name in ("gate", "stage")}
    inputs = _inputs(config, options, environ)
    project = _project(config, options, inputs)
    root = project.root if project else config.invocation_params.dir
    rules = {rule.value: rule for rule in Rule}
    gate = values["gate"] or Rule.CONFIRMED.value
    if gate not in rules:
        msg = f"--prodstatus-gate {gate!r}: the rule must be one of {', '.join(rules)}"
        raise pytest.UsageError(msg)
    stages = tuple(filter(None, (part.strip() for part in values["stage"].split(",")))) or None
    settings = Settings(
        config=project.config if project else Config(),
        root=root,
        has_project=project is not None,
        target=inputs.target,
        stages=stages,
        folder=inputs.outputs(root),
        gate=rules[gate],
        subject=inputs.subject,
        run_id=run_id,
        run_id_given=bool(environ.get(RUN_ID, "").strip()),
        asked=asks_to_judge(config, environ, namespace),
        narrowed=narrows_to_criteria(config, environ, namespace),
        saves=_saves(environ),
        judges=judges(options),
    )
    if settings.config.catalogue.declared:
        settings.stage_closure(settings.config.catalogue)
    return settings


def _inputs(
    config: pytest.Config, options: argparse.Namespace, environ: Mapping[str, str]
) -> Inputs:
    values = {name: getattr(options, f"prodstatus_{name}", None) for name in VARIABLES}
    # A worker is started in the folder that its controller was in by then, not always in the same.
    values["root"] = worker_input(config).get("prodstatus_root") or values["root"]
    ini = {name: str(config.getini(key) or "") for name, key in KEYS.items()}
    here = config.invocation_params.dir
    try:
        return resolve_inputs(values, environ, ini, here, dashes="--prodstatus-")
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


def _project(config: pytest.Config, options: argparse.Namespace, inputs: Inputs) -> Project | None:
    """Return the project that a run is about; None if there is none.

    It is the one that was named, else the one that the current folder lies in, else the only one
    that all path arguments lie in. pytest's own root plays no part.
    """
    here = config.invocation_params.dir
    try:
        if inputs.root is not None:
            return Project(root=inputs.root, config=config_in(inputs.root))
        found = find_project(here)
        if found is not None:
            return found
        paths = [here / str(arg).partition("::")[0] for arg in getattr(options, "file_or_dir", ())]
        folders = {path if path.is_dir() else path.parent for path in paths if path.exists()}
        projects = [find_project(folder.resolve()) for folder in sorted(folders)]
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    roots = {project.root if project else None for project in projects}
    return projects[0] if len(roots) == 1 else None


def _saves(environ: Mapping[str, str]) -> bool:
    try:
        return saves_history(environ)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
