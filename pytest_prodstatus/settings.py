"""What one run was told: command line over environment over ini file, parsed once."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.archive import saves_history
from pytest_prodstatus.layout import PRODUCTION, Layout, usual_folder
from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Rule
from pytest_prodstatus.project import config_in
from pytest_prodstatus.readers.config import TARGET_FORM, Config, ConfigError

# Name, what it takes, help. Each is `--prodstatus-NAME`, PRODSTATUS_NAME and `prodstatus_NAME`.
OPTIONS = (
    ("stage", "STAGE[,STAGE…]", "judge only these stages (and the stages that they roll up)"),
    ("target", "NAME", "the system to judge (default: production)"),
    ("dir", "FOLDER", "write the outputs here (default: reports/, or reports/TARGET/)"),
    ("gate", "RULE", "confirmed (default), not-failed or off: what ends with exit status 0"),
    ("subject", "RELEASE", "the deployed release that is judged, for the record"),
)
_SHORT = ("stage", "target")

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


def add_options(parser: pytest.Parser) -> None:
    """Add the long options and their ini keys."""
    group = parser.getgroup("prodstatus", "production status")
    for name, metavar, text in OPTIONS:
        short = f"; --{name} for short, unless that name is taken" if name in _SHORT else ""
        described = (
            f"{text}{short}; also PRODSTATUS_{name.upper()} and the ini key prodstatus_{name}"
        )
        group.addoption(
            f"--prodstatus-{name}",
            dest=f"prodstatus_{name}",
            metavar=metavar,
            help=described,
            # Of two stages named one by one, neither may be forgotten.
            action="append" if name == "stage" else "store",
        )
        parser.addini(f"prodstatus_{name}", described)


def expand_short_options(parser: pytest.Parser, args: list[str]) -> None:
    """Write `--stage` and `--target` out, each unless another plugin or a conftest has taken it.

    They aren't added to the parser: a conftest that is loaded later and adds one would stop pytest.
    """
    end = args.index("--") if "--" in args else len(args)
    for short in (f"--{name}" for name in _SHORT):
        if not _taken(parser, short):
            for index, arg in enumerate(args[:end]):
                if arg == short or arg.startswith(f"{short}="):
                    args[index] = f"--prodstatus-{arg.removeprefix('--')}"


def _taken(parser: pytest.Parser, option: str) -> bool:
    probe = f"{option}=probe"
    try:
        _, unknown = parser.parse_known_and_unknown_args([probe])
    except (Exception, SystemExit):  # noqa: BLE001  whoever owns it may refuse the value in any way
        return True
    return probe not in unknown


def resolve(config: pytest.Config, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the run's settings.

    Raises:
        pytest.UsageError: a value or the project's configuration is unusable; one sentence.
    """

    def given(name: str) -> str:
        chosen = config.getoption(f"prodstatus_{name}", None)
        if isinstance(chosen, list):
            chosen = ",".join(chosen)
        if chosen is None:
            chosen = environ.get(f"PRODSTATUS_{name.upper()}") or config.getini(
                f"prodstatus_{name}"
            )
        return str(chosen or "").strip()

    project = _project(config.rootpath)
    target = given("target") or PRODUCTION
    if not TARGET_FORM.fullmatch(target):
        msg = f"--target {target!r}: use letters, digits, '.', '_' and '-', as in 'staging'"
        raise pytest.UsageError(msg)
    rules = {rule.value: rule for rule in Rule}
    gate = given("gate") or Rule.CONFIRMED.value
    if gate not in rules:
        msg = f"--prodstatus-gate {gate!r}: the rule must be one of {', '.join(rules)}"
        raise pytest.UsageError(msg)
    stages = tuple(filter(None, (part.strip() for part in given("stage").split(",")))) or None
    folder = (
        config.invocation_params.dir / given("dir")
        if given("dir")
        else usual_folder(config.rootpath, target)
    )
    _refuse_root_from_folder(config, folder)
    worker_input: Mapping[str, str] = getattr(config, "workerinput", {})
    settings = Settings(
        config=project,
        root=config.rootpath,
        target=target,
        stages=stages,
        folder=folder,
        gate=rules[gate],
        subject=given("subject") or None,
        run_id=worker_input.get("prodstatus_run_id")
        or environ.get("PRODSTATUS_RUN_ID")
        or _new_id(),
        asked=stages is not None or _asks_for_production(config.getoption("markexpr", "")),
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


def _asks_for_production(expression: str) -> bool:
    names = re.sub(r"\bnot\s+production\b", "", expression or "")
    return re.search(r"\bproduction\b", names) is not None


def _new_id() -> str:
    return f"{clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
