"""Which part of the suite a run looks at: the paths it collects and what narrows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_prodstatus.layout import PRODUCTION
from pytest_prodstatus.manifest import Manifest
from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError
from pytest_prodstatus.settings import Settings


def collect_only_criteria(settings: Settings, config: pytest.Config) -> None:
    """Let a production run without a path of its own collect the configured `paths` alone.

    So a test that doesn't even import, elsewhere in the project, can't close the gate.
    """
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    if settings.narrowed and settings.config.paths and not named:
        config.args[:] = [str(settings.root / path) for path in settings.config.paths]


def holds_criteria(settings: Settings, path: Path) -> bool:
    """Return whether criteria may be in a file."""
    folders = [settings.root / name for name in settings.config.paths]
    return not folders or any(path.is_relative_to(folder) for folder in folders)


def checked_catalogue(
    settings: Settings, manifest: Manifest, known: tuple[str, ...] = ()
) -> Catalogue:
    """Return the run's catalogue.

    Raises:
        pytest.UsageError: what was collected makes no catalogue; one sentence.
    """
    if manifest.error:
        raise pytest.UsageError(manifest.error)
    try:
        catalogue = settings.config.catalogue.with_stages_of(manifest.criteria.values(), known)
    except CatalogueError as error:
        raise pytest.UsageError(str(error)) from None
    settings.stage_closure(catalogue)
    return catalogue


def restriction(settings: Settings, config: pytest.Config) -> str:
    """Return in words how the command line narrows which files are collected; "" if it doesn't."""
    args = [str(arg) for arg in config.args]
    folders = [(config.invocation_params.dir / arg).resolve() for arg in args if "::" not in arg]
    paths = [settings.root / name for name in settings.config.paths]
    paths = paths or [config.rootpath / name for name in config.getini("testpaths")]
    whole = [path.resolve() for path in paths or [settings.root]]
    covered = all(any(path.is_relative_to(folder) for folder in folders) for path in whole)
    told = [] if covered or not args else ["paths " + " ".join(map(_short, args))]
    told += [f"--{name.replace('_', '-')}" for name in ("lf", "ignore", "ignore_glob", "deselect")
             if config.getoption(name, None)]  # fmt: skip
    return ", ".join(told)


def _short(arg: str) -> str:
    path = Path(arg)
    return f"{path.parent.name}/{path.name}" if path.is_absolute() else arg


def selection_words(settings: Settings, config: pytest.Config, restricted: str) -> str | None:
    """Return what the run was asked to look at, in words; None for everything."""
    told = [f"--stage {','.join(settings.stages)}"] if settings.stages else []
    keyword, marks = config.getoption("keyword", ""), config.getoption("markexpr", "")
    told += [f"-k {keyword}"] if keyword else []
    told += [f"-m {marks}"] if marks and marks != PRODUCTION else []
    told += [restricted] if restricted else []
    return ", ".join(told) or None
