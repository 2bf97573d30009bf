"""The project that a run or a command is about, and where its outputs lie.

Separate from the settings of a run, since the commands ask for the same places without pytest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pytest_prodstatus.readers.config import OUTPUTS, Config, ConfigError, read_config, read_name

PRODUCTION = "production"
"""The default target, and the mark that every criterion carries."""

REPORTS = "reports"
RECORD, PAGE = OUTPUTS


def usual_folder(root: Path, target: str) -> Path:
    """Return the folder of a target's outputs where a run isn't told another."""
    reports = root / REPORTS
    return reports if target == PRODUCTION else reports / target


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of one set of outputs.

    Attributes:
        root: the project's root folder.
        folder: where the outputs go.
        document_name: of the status document; one with a slash is a path from the root.
    """

    root: Path
    folder: Path
    document_name: str

    @property
    def record(self) -> Path:
        """Where the record lies."""
        return self.folder / RECORD

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.folder / PAGE

    def export(self, name: str) -> Path:
        """Return where another tool's form lies."""
        # Not above: whoever only reads a record needs no writer.
        from pytest_prodstatus.writers.exports import EXPORTS

        return self.folder / EXPORTS[name].file

    @property
    def document(self) -> Path:
        """Where the status document lies: beside the record, or where a path with a slash says."""
        name = self.document_name
        return self.root / name if "/" in name else self.folder / name


FILE = "pyproject.toml"


class Project(NamedTuple):
    """A project's root folder and its configuration."""

    root: Path
    config: Config

    def layout(self, folder: Path) -> Layout:
        """Return the places of the outputs in a folder."""
        return Layout(root=self.root, folder=folder, document_name=self.config.document)


def find_project(start: Path) -> Project | None:
    """Find the project that a folder lies in: the nearest upwards that has [tool.prodstatus].

    An empty table is enough. A pyproject.toml that can't be read or parsed is passed over only if
    it can't be the project's, that is if it doesn't mention prodstatus.

    Returns:
        The project; None if no folder has one.

    Raises:
        ConfigError: a file on the way may be the project's, and can't be read or used.
    """
    for folder in (start, *start.parents):
        config = _declared_in(folder, str(folder / FILE))
        if config is not None:
            return Project(root=folder, config=config)
    return None


def root_above(folder: Path) -> Path | None:
    """Return the root of the project that a folder lies in; None if it lies in none.

    Raises:
        ConfigError: a file on the way may be the project's, and can't be read or used.
    """
    project = find_project(folder)
    return project.root if project else None


def config_in(root: Path) -> Config:
    """Return what the pyproject.toml in a folder declares; the defaults if it declares nothing.

    Raises:
        ConfigError: the file can't be read or used; one sentence.
    """
    return _declared_in(root, FILE) or Config()


def _declared_in(folder: Path, source: str) -> Config | None:
    path = folder / FILE
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        msg = f"{path}: can't be read: {error}"
        raise ConfigError(msg) from None
    if b"prodstatus" not in content:
        return None  # what may be wrong with it is another tool's affair
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path}: can't be read: {error}"
        raise ConfigError(msg) from None
    config = read_config(text, source)
    if config and config.exports:
        _check_exports(config, source)
    return config


def variables_of(root: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment, and of the project's `.env` file what the environment doesn't have.

    So the command line, the history and the tests of a project mean the same state store.
    """
    try:
        text = (root / ".env").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return dict(environ)
    from pytest_prodstatus.readers.dotenv import read_dotenv

    return {**read_dotenv(text), **environ}


def name_in(root: Path) -> str:
    """Return what the history calls the project in a folder: its own name, else the folder's."""
    try:
        name = read_name((root / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        name = None
    return name or root.resolve().name


def _check_exports(config: Config, source: str) -> None:
    """Refuse a form that there is not, and one whose file is another output's.

    Raises:
        ConfigError: one sentence.
    """
    from pytest_prodstatus.writers.exports import EXPORTS

    for name in config.exports:
        if name not in EXPORTS:
            msg = f"{source}: exports names {name!r}; the forms are {', '.join(EXPORTS)}"
            raise ConfigError(msg)
        if EXPORTS[name].file in (config.document, config.html):
            msg = (
                f"{source}: {EXPORTS[name].file!r} is the file of the export {name!r}; "
                "give the document or the report another name"
            )
            raise ConfigError(msg)
