"""The settings of one run: command line over environment over ini file, parsed once.

Also the part of the suite that the run selects, and the versions of what it runs with.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_prodstatus import __version__, clock
from pytest_prodstatus.criteria import Manifest, Shard
from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError
from pytest_prodstatus.model.text import parse_duration
from pytest_prodstatus.model.verdict import Rule
from pytest_prodstatus.options import (
    RUN_ID,
    asks_to_judge,
    given,
    judges,
    narrows_to_criteria,
    worker_input,
)
from pytest_prodstatus.project import (
    FILE,
    KEYS,
    PRODUCTION,
    VARIABLES,
    InputError,
    Inputs,
    Layout,
    Project,
    config_in,
    find_project,
    resolve_inputs,
    saves_history,
)
from pytest_prodstatus.readers.config import Config, ConfigError

_TIMEOUT_S = 5
_COMMIT = "# branch.oid "
_NO_REPOSITORY = "not a git repository"
OF_ONE_REPOSITORY = frozenset(
    [
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    ]
)
"""What `git rev-parse --local-env-vars` lists, and the namespace: git sets these for its hooks.

Those of its configuration are kept: `safe.directory` may be given there.
"""

NEIGHBOURS = {
    "xdist": "pytest-xdist",
    "pytest_html": "pytest-html",
    "pytest_rerunfailures": "pytest-rerunfailures",
}
"""The distributions of the neighbours that change runs, by the package of their plugin."""


class SuiteCommit(NamedTuple):
    """The state of the suite's repository.

    Attributes:
        commit: its commit; None if that isn't known.
        dirty: whether tracked files differ from it; None if that isn't known.
        problem: why git doesn't give it; "" if it does, or there is no repository or no git.
    """

    commit: str | None = None
    dirty: bool | None = None
    problem: str = ""


def suite_commit(root: Path) -> SuiteCommit:
    """Return the commit of the suite, and whether tracked files differ from it.

    The repository is the one that contains `root`, even if a git hook of another one runs pytest.
    """
    status, problem = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = status.splitlines()
    commits = [line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)]
    if not commits or commits[0] == "(initial)":
        return SuiteCommit(problem=problem)
    return SuiteCommit(commits[0], any(not line.startswith("# ") for line in lines))


def _git(root: Path, *arguments: str) -> tuple[str, str]:
    """Return git's output, and why it refused; both "" without a repository or git."""
    inherited = {n: v for n, v in os.environ.items() if n not in OF_ONE_REPOSITORY}
    try:
        done = subprocess.run(  # noqa: S603  the arguments are ours
            ["git", "-C", str(root), *arguments],  # noqa: S607  whichever git the person uses
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            # A reader leaves the index alone; and its errors are looked at below.
            env={**inherited, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            errors="backslashreplace",
        )
    except subprocess.TimeoutExpired:
        return "", f"git took longer than {_TIMEOUT_S} s"
    except OSError:
        return "", ""
    if done.returncode == 0:
        return done.stdout.strip(), ""
    first = next(iter(done.stderr.strip().splitlines()), f"exit status {done.returncode}")
    if _NO_REPOSITORY in first:
        return "", ""
    # Of a folder of another user's; git's text has more lines, with the command that allows it.
    remedy = f"; run git config --global --add safe.directory {shlex.quote(str(root))}"
    return "", f"git refuses: {first}{remedy if 'dubious ownership' in first else ''}"


def this_machine() -> str:
    """Return a digest of this machine's name and this user's id."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    text = f"{platform.node()}\0{user}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def versions(config: pytest.Config) -> dict[str, str]:
    """Return the versions of Python, pytest, this plugin and the neighbours that change runs."""
    found = {
        "python": platform.python_version(),
        "pytest": pytest.__version__,
        "pytest-prodstatus": __version__,
    }
    for plugin, distribution in config.pluginmanager.list_plugin_distinfo():
        # By its package, since a distribution's own name costs parsing its metadata.
        package = getattr(plugin, "__name__", "").partition(".")[0]
        if package in NEIGHBOURS:
            found[NEIGHBOURS[package]] = distribution.version
    return dict(sorted(found.items()))


def collect_only_criteria(settings: Settings, config: pytest.Config) -> None:
    """Let a production run without path arguments collect only the configured `paths`.

    So a test elsewhere in the project that can't be imported doesn't close the gate.
    """
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    if settings.narrowed and settings.config.paths and not named:
        for path in settings.config.paths:
            if not (settings.root / path).exists():
                msg = (
                    f"paths in [tool.prodstatus] holds {path!r}, and there is no such file or "
                    f"folder in {settings.root}: correct it"
                )
                raise pytest.UsageError(msg)
        here = config.invocation_params.dir
        config.args[:] = [_argument(settings.root / path, here) for path in settings.config.paths]


def _argument(path: Path, here: Path) -> str:
    """Return a path as an argument for pytest, which takes no path with a bracket."""
    with contextlib.suppress(ValueError):  # on another drive
        return os.path.relpath(path, here) if "[" in str(path) else str(path)
    return str(path)


def disagreement(given: Mapping[str, Any], catalogue: str, root: Path | None) -> str:
    """Return why a worker can't take part in its controller's run; "" if it can.

    Args:
        given: what the controller gave.
        catalogue: the digest of the catalogue that the worker's own configuration declares.
        root: the folder of the worker's suite, whose commit must be the controller's; None if they
            share their folders. If git knows no commit, there is nothing to compare.
    """
    worker = given["workerid"]
    version = given.get("prodstatus_version", __version__)
    if version != __version__:
        return (
            f"worker {worker} has pytest-prodstatus {__version__} and its controller {version}: "
            "install the same release on both"
        )
    if given.get("prodstatus_catalogue", catalogue) != catalogue:
        return (
            f"worker {worker} has another catalogue in its pyproject.toml than its controller: "
            "check the same commit out on both"
        )
    commit = given.get("prodstatus_commit")
    own = suite_commit(root).commit if root and commit else None
    if own and commit and own != commit:
        return (
            f"worker {worker} has commit {own[:12]} of the suite and its controller {commit[:12]}: "
            "check the same commit out on both"
        )
    return ""


def holds_criteria(settings: Settings, path: Path) -> bool:
    """Return whether a file may have criteria: it is in one of `paths`, or none is configured."""
    folders = [settings.root / name for name in settings.config.paths]
    return not folders or any(path.is_relative_to(folder) for folder in folders)


def checked_catalogue(
    settings: Settings, manifest: Manifest, known: tuple[str, ...] = ()
) -> Catalogue:
    """Return the run's catalogue: the declared stages and criteria with the collected ones.

    Args:
        settings: the run's.
        manifest: what was collected.
        known: ids of the last record's stages, if the run is restricted.

    Raises:
        pytest.UsageError: the collected criteria make no catalogue; one sentence.
    """
    if manifest.error:
        raise pytest.UsageError(manifest.error)
    try:
        catalogue = settings.config.catalogue.with_stages_of(manifest.criteria.values(), known)
    except CatalogueError as error:
        raise pytest.UsageError(str(error)) from None
    settings.stage_closure(catalogue)
    return catalogue


def covers_suite(settings: Settings, config: pytest.Config) -> bool:
    """Return whether each file that may have criteria is collected.

    What `--ignore` leaves out isn't part of the suite: it mostly stands in the configuration.
    """
    return _holds_suite(settings, config) and not config.getoption("lf", None)


def suite_of(settings: Settings, config: pytest.Config) -> list[Path]:
    """Return where criteria may be: `paths`, pytest's `testpaths`, or the project's folder."""
    paths = [settings.root / name for name in settings.config.paths]
    paths = paths or [config.rootpath / name for name in config.getini("testpaths")]
    return [path.resolve() for path in paths or [settings.root]]


def _holds_suite(settings: Settings, config: pytest.Config) -> bool:
    """Return whether the paths of the command line, if there are any, hold the whole suite."""
    args = [str(arg) for arg in config.args]
    folders = [(config.invocation_params.dir / arg).resolve() for arg in args if "::" not in arg]
    suite = suite_of(settings, config)
    # A plugin may have left no path at all, as --picked does.
    return all(any(path.is_relative_to(f) for f in folders) for path in suite)


def ignored_by_plugin(config: pytest.Config, path: Path) -> bool:
    """Return whether a plugin keeps pytest from collecting a file, as by an option of its own.

    What pytest's own hook leaves out, as by `collect_ignore`, or a conftest's, isn't part of the
    suite.
    """
    hook = config.hook.pytest_ignore_collect
    own = config.pluginmanager.get_plugin("main")
    impls = [
        impl
        for impl in hook.get_hookimpls()
        if impl.plugin is not own and not _is_conftest(impl.plugin) and not impl.wrapper
    ]
    if not impls or not path.is_relative_to(config.rootpath):
        return False
    places = [path, *(place for place in path.parents if place.is_relative_to(config.rootpath))]
    return any(
        _calls(impl, collection_path=place, config=config) for place in places for impl in impls
    )


def _calls(impl: Any, **given: object) -> object:
    """Return what one plugin's hook gives; None if it takes what isn't given here."""
    if not given.keys() >= set(impl.argnames):
        return None
    return impl.function(*(given[name] for name in impl.argnames))


def _is_conftest(plugin: object) -> bool:
    return Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"


def restriction(settings: Settings, config: pytest.Config) -> str:
    """Describe how the command line restricts the files to collect; "" if it doesn't."""
    named = " ".join(_short(str(arg)) for arg in config.args)
    paths = f"paths {named}" if named else "no path"
    parts = [] if _holds_suite(settings, config) else [paths]
    parts += [f"--{name.replace('_', '-')}" for name in ("lf", "ignore", "ignore_glob", "deselect")
             if config.getoption(name, None)]  # fmt: skip
    return ", ".join(parts)


def test_roots(settings: Settings, config: pytest.Config) -> tuple[Path, ...]:
    """Return the folders that node ids may be relative to: an earlier run's root may differ."""
    return config.rootpath, settings.root, config.invocation_params.dir


def _short(arg: str) -> str:
    """Return a path for a record: an absolute one with its last folder only."""
    path = Path(arg)
    return f"{path.parent.name}/{path.name}" if path.is_absolute() else arg


def selection_words(settings: Settings, config: pytest.Config, restricted: str) -> str | None:
    """Describe what the command line selects, as in "--stage oauth, -k eu"; None for everything."""
    parts = [f"--stage {','.join(settings.stages)}"] if settings.stages else []
    parts += [f"--unmet={settings.unmet}"] if settings.unmet else []
    parts += [f"--prodstatus-shard {settings.shard}"] if settings.shard else []
    keyword, marks = config.getoption("keyword", ""), config.getoption("markexpr", "")
    parts += [f"-k {keyword}"] if keyword else []
    parts += [f"-m {marks}"] if marks and marks != PRODUCTION else []
    parts += [restricted] if restricted else []
    return ", ".join(parts) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run's settings.

    Attributes:
        config: what the project declares.
        root: the project's root folder.
        has_project: the root was named or has a `[tool.prodstatus]`; else it is the current folder.
        target: the system to judge.
        stages: the selected stages, as given; None for all.
        unmet: "all" or "blocked" if only what isn't CONFIRMED in the last record is selected; "".
        shard: the part of the criteria that is selected; None for all.
        folder: the output folder.
        gate: the gate's rule.
        subject: the release that is judged.
        run_id: of this run; the same in every process of it.
        run_id_given: the id comes from PRODSTATUS_RUN_ID.
        requested: an option or variable asks to judge, even if there are no criteria.
        narrowed: an option selects criteria and no other tests.
        saves: the run's history is saved, if it can be.
        judges: criteria really run and are judged (not `--collect-only` and the like).
        within: how long the whole run may take; None for no limit.
    """

    config: Config
    root: Path
    has_project: bool
    target: str
    stages: tuple[str, ...] | None
    unmet: str = ""
    shard: Shard | None = None
    folder: Path
    gate: Rule
    subject: str | None
    run_id: str
    run_id_given: bool
    requested: bool
    narrowed: bool
    judges: bool
    saves: bool = True
    within: timedelta | None = None

    @property
    def ephemeral(self) -> bool:
        """Whether the target is made anew for every run, so that no other run is about it."""
        return self.target in self.config.ephemeral

    @property
    def layout(self) -> Layout:
        """The paths of the outputs."""
        return Layout(root=self.root, folder=self.folder, document_name=self.config.document)

    @property
    def record(self) -> Path:
        """The path of the record."""
        return self.layout.record

    @property
    def page(self) -> Path:
        """The path of the page."""
        return self.layout.page

    @property
    def document(self) -> Path:
        """The path of the status document."""
        return self.layout.document

    def stage_closure(self, catalogue: Catalogue) -> frozenset[str] | None:
        """Return the ids of all stages that this run was limited to; None for no limit.

        Raises:
            pytest.UsageError: a selected stage is not in the catalogue, or doesn't apply.
        """
        if self.stages is None:
            return None
        today = catalogue.at(clock.now())
        for name in self.stages:
            if name not in catalogue.by_id:
                known = ", ".join(catalogue.by_id) or "none: no test is marked with a stage"
                msg = f"--stage {name!r}: there is no such stage; stages are {known}"
                raise pytest.UsageError(msg)
            if not today.by_id[name].applies:
                reason = today.by_id[name].reason
                msg = f"--stage {name!r}: this stage doesn't apply here ({reason}); leave it out"
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
        run_id: the id of the run.
        environ: the environment.
        namespace: the part of the command line that is known so far; by default all of it.

    Raises:
        pytest.UsageError: a value or the project's configuration is unusable; one sentence.
    """
    options = namespace or config.option
    values = {name: given(config, name, environ, namespace) for name in ("gate", "stage", "unmet")}
    inputs = _inputs(config, options, environ)
    project = _project(config, options, inputs)
    root = project.root if project else config.invocation_params.dir
    rules = {rule.value: rule for rule in Rule}
    gate = values["gate"] or Rule.CONFIRMED.value
    if gate not in rules:
        msg = f"--prodstatus-gate {gate!r}: the rule must be one of {', '.join(rules)}"
        raise pytest.UsageError(msg)
    if values["unmet"] not in ("", "all", "blocked"):
        msg = f"--unmet {values['unmet']!r}: it takes no value, or blocked, as in --unmet=blocked"
        raise pytest.UsageError(msg)
    stages = tuple(filter(None, (part.strip() for part in values["stage"].split(",")))) or None
    settings = Settings(
        config=project.config if project else Config(),
        root=root,
        has_project=project is not None,
        target=inputs.target,
        stages=stages,
        unmet=values["unmet"],
        shard=_shard(config, environ, namespace),
        folder=inputs.outputs(root),
        gate=rules[gate],
        subject=inputs.subject,
        run_id=run_id,
        run_id_given=bool(environ.get(RUN_ID, "").strip()),
        requested=asks_to_judge(config, environ, namespace),
        narrowed=narrows_to_criteria(config, environ, namespace),
        saves=_saves(environ, project.config if project else Config()),
        within=_within(config, environ, namespace),
        judges=judges(options),
    )
    if settings.config.catalogue.declared:
        settings.stage_closure(settings.config.catalogue)
    if settings.config.signed_by and settings.judges:
        _check_keys(settings)
    return settings


def _check_keys(settings: Settings) -> None:
    """Raise if the gate can't verify a signature, since it lacks a public key.

    Raises:
        pytest.UsageError: it does; the gate would say so only after everything has run.
    """
    # Imported here: only a project with keys pays for it.
    from pytest_prodstatus.signing import SigningError, check_key_files

    config = settings.config
    try:
        check_key_files(config.signed_by, settings.root, config.signed_by_threshold)
    except SigningError as error:
        msg = f"signed_by in {settings.root / FILE}: {error}"
        raise pytest.UsageError(msg) from None


def _inputs(
    config: pytest.Config, options: argparse.Namespace, environ: Mapping[str, str]
) -> Inputs:
    """Return root, target, folder and subject; raise UsageError if one can't be used."""
    values = {name: getattr(options, f"prodstatus_{name}", None) for name in VARIABLES}
    # A worker starts in its controller's current folder, which a test may have changed by then.
    root = worker_input(config).get("prodstatus_root")
    if root and Path(root).is_dir():  # not on another machine
        values["root"] = root
    ini = {name: str(config.getini(key) or "") for name, key in KEYS.items()}
    here = config.invocation_params.dir
    try:
        return resolve_inputs(values, environ, ini, here, dashes="--prodstatus-")
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


def _project(config: pytest.Config, options: argparse.Namespace, inputs: Inputs) -> Project | None:
    """Return the project that a run is about; None if there is none.

    It is the project that was named, else the one that contains the current folder, else the only
    one that contains all path arguments. pytest's own root isn't used.
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


def _shard(
    config: pytest.Config, environ: Mapping[str, str], namespace: argparse.Namespace | None
) -> Shard | None:
    """Return the selected shard, None for all; raise UsageError if it can't be parsed."""
    chosen = getattr(namespace or config.option, "prodstatus_shard", None)
    text = given(config, "shard", environ, namespace) if chosen is None else chosen
    if not text and chosen is None:
        return None
    found = Shard.parse(text)
    if found is None:
        # An empty one, the value of an unset variable, would let every machine judge everything.
        msg = (
            f"--prodstatus-shard {text!r}: write the number of the shard, from 1, and how many "
            "there are, as in 3/12"
        )
        raise pytest.UsageError(msg)
    return found


def _within(
    config: pytest.Config, environ: Mapping[str, str], namespace: argparse.Namespace | None
) -> timedelta | None:
    """Return the run's time limit, None without one; raise UsageError for an empty one."""
    chosen = getattr(namespace or config.option, "prodstatus_within", None)
    if chosen is not None and not chosen.strip():
        # The value of an unset variable: as "no limit" it would drop the deadline in silence.
        msg = f"--prodstatus-within {chosen!r} is empty: leave the option out, or give it a value"
        raise pytest.UsageError(msg)
    text = given(config, "within", environ, namespace)
    try:
        return parse_duration(text) if text else None
    except ValueError as error:
        msg = f"--prodstatus-within: {error}"
        raise pytest.UsageError(msg) from None


def _saves(environ: Mapping[str, str], config: Config) -> bool:
    """Return whether history is saved; raise UsageError for another value than 0 or 1."""
    try:
        return saves_history(environ, configured=config.history)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
