"""The project that a run or a command is about: its root, target, subject and output paths.

One resolver for the plugin and the commands, so that an option, a variable and an ini key mean the
same to both. Separate from the settings of a run, since the commands need it without pytest.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pytest_prodstatus.model.text import described, one_line
from pytest_prodstatus.readers import SETTINGS_LIMIT, read_file, read_text
from pytest_prodstatus.readers.config import (
    OUTPUTS,
    TARGET_FORM,
    Config,
    ConfigError,
    read_config,
    read_project_name,
)

PRODUCTION = "production"
"""The default target, and the mark that every criterion carries."""

REPORTS = "reports"
RECORD, PAGE = OUTPUTS


def usual_folder(root: Path, target: str) -> Path:
    """Return the default folder of a target's outputs: reports/, or reports/TARGET/."""
    reports = root / REPORTS
    return reports if target == PRODUCTION else reports / target


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of one set of outputs.

    Attributes:
        root: the project's root folder.
        folder: the output folder.
        document_name: the status document's name; with a slash it is a path from the root.
    """

    root: Path
    folder: Path
    document_name: str

    @property
    def record(self) -> Path:
        """The path of the record."""
        return self.folder / RECORD

    @property
    def page(self) -> Path:
        """The path of the page."""
        return self.folder / PAGE

    @property
    def document(self) -> Path:
        """The path of the status document: beside the record, unless its name has a slash."""
        name = self.document_name
        return self.root / name if "/" in name else self.folder / name


def attestation_of(record: Path) -> Path:
    """Return the path of a record's attestation: `status.intoto.json` beside `status.json`."""
    return record.with_name(f"{record.stem}.intoto.json")


def test_result_of(record: Path) -> Path:
    """Return the path of the same record as a signed test result, for other verifiers."""
    return record.with_name(f"{record.stem}.test-result.intoto.json")


FILE = "pyproject.toml"


class Project(NamedTuple):
    """A project's root folder and its configuration."""

    root: Path
    config: Config

    def layout(self, folder: Path) -> Layout:
        """Return the paths of the outputs in a folder."""
        return Layout(root=self.root, folder=folder, document_name=self.config.document)


def find_project(start: Path) -> Project | None:
    """Find the project that contains a folder: the nearest one upwards that has [tool.prodstatus].

    An empty table is enough. A pyproject.toml that can't be parsed is skipped only if it doesn't
    mention prodstatus, so that it can't be the project's.

    Returns:
        The project; None if no folder has one.

    Raises:
        ConfigError: a file on the way may be the project's, and can't be read or used.
    """
    # Upwards only; pytest's own root plays no part, so that a command finds the same project.
    for folder in (start, *start.parents):
        config = declared_in(folder, str(folder / FILE))
        if config is not None:
            return Project(root=folder, config=config)
    return None


def config_in(root: Path) -> Config:
    """Return what the pyproject.toml in a folder declares; the defaults if it declares nothing.

    Raises:
        ConfigError: the file can't be read or used; one sentence.
    """
    return declared_in(root) or Config()


def declared_in(folder: Path, source: str = FILE) -> Config | None:
    """Return what the pyproject.toml in a folder declares; None if it has no [tool.prodstatus].

    Args:
        folder: the folder.
        source: the file's name for messages.

    Raises:
        ConfigError: the file can't be read or used; one sentence.
    """
    path = folder / FILE
    try:
        content = read_file(path, limit=SETTINGS_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        msg = f"{path}: can't be read: {error.strerror or error}"
        raise ConfigError(msg) from None
    if b"prodstatus" not in content:
        return None  # if it has errors, another tool reports them
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path}: can't be read: {error}"
        raise ConfigError(msg) from None
    config = read_config(text, source)
    if config and config.exports:
        _check_exports(config, source)
    return config


def shown_path(path: Path) -> str:
    """Return a path for a message: relative if it is below the current folder."""
    with contextlib.suppress(OSError):  # the current folder may have been removed
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else path
    return one_line(str(path))


class DotenvError(ValueError):
    """A `.env` file that can't be read; the message is one sentence that names it."""


def dotenv_content(root: Path) -> bytes | None:
    """Return the bytes of the project's `.env` file; None if there is none.

    A folder of this name is none: it may be a virtual environment.

    Raises:
        DotenvError: there is such a file, and it can't be read.
    """
    path = root / ".env"
    try:
        return read_file(path, limit=SETTINGS_LIMIT)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror or error}"
        raise DotenvError(msg) from None


def variables_of(root: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment over the variables of the project's `.env` file.

    So the commands, the history and the tests of a project use the same state store.

    Raises:
        DotenvError: there is such a file, and it can't be read.
    """
    content = dotenv_content(root)
    if content is None:
        return dict(environ)
    from pytest_prodstatus.readers.dotenv import read_dotenv

    # The environment wins, as for python-dotenv: a job overrides a file.
    return {**read_dotenv(content, environ).variables, **environ}


def name_in(root: Path) -> str:
    """Return the name of the project in a folder: from pyproject.toml, else the folder's name."""
    try:
        name = read_project_name(read_text(root / FILE, limit=SETTINGS_LIMIT))
    except (OSError, UnicodeDecodeError):
        name = None
    return name or root.resolve().name


def store_in(root: Path, variables: Mapping[str, str]) -> tuple[str, str]:
    """Return the URL of a project's state store, and the name that the project has in it.

    Args:
        root: the project's folder.
        variables: those of the project, as `variables_of` gives them.

    Raises:
        StateUnavailable: none is set, and the user has no home folder.
    """
    from pytest_prodstatus.store import scope_of, state_url

    return state_url(variables), scope_of(variables, name_in(root), root)


def _check_exports(config: Config, source: str) -> None:
    """Refuse an unknown export, and one that would write the file of another output.

    Raises:
        ConfigError: one sentence.
    """
    from pytest_prodstatus.writers.exports import ExportError, UnknownExportError, load_export

    # Some file systems don't tell names apart by their case.
    taken = {config.document.casefold(): "the document", config.html.casefold(): "the report"}
    record = Path(RECORD)
    own = (*OUTPUTS, attestation_of(record).name, test_result_of(record).name)
    taken |= {name: repr(name) for name in own}
    for name in config.exports:
        try:
            file = load_export(name).file
        except UnknownExportError as error:
            msg = f"{source}: exports: {error}"
            raise ConfigError(msg) from None
        except ExportError:
            continue  # every run says so, and nothing else changes
        owner = taken.get(file.casefold())
        if owner:
            msg = (
                f"{source}: {file!r} is the file of the export {name!r} and of {owner}; "
                "give one of them another name, or leave it out"
            )
            raise ConfigError(msg)
        taken[file.casefold()] = f"the export {name!r}"


LAST_OPEN = "last-open"
"""Names the last run with an open gate, so it can't be a run's id."""

_RUN_FORM = re.compile(r"(?!last-open$)(?!.*\.json$)[A-Za-z0-9][A-Za-z0-9._:+@-]{0,127}")
"""What identifies a run: no path, no name of a file of a record, and safe in every output."""

VARIABLES: Mapping[str, str] = {
    "root": "PRODSTATUS_ROOT",
    "target": "PRODSTATUS_TARGET",
    "dir": "PRODSTATUS_DIR",
    "subject": "PRODSTATUS_SUBJECT",
    "run": "PRODSTATUS_RUN_ID",
}
"""The environment variable of each input, by its name."""

KEYS: Mapping[str, str] = {name: f"prodstatus_{name}" for name in ("target", "dir", "subject")}
"""The ini key of each input that pytest's configuration file may have, by its name."""


class InputError(ValueError):
    """A value that can't be used; the message is one sentence that names the value's source."""


class Inputs(NamedTuple):
    """The resolved values.

    Attributes:
        root: the project's root, if one was named.
        target: the system that is judged.
        folder: the output folder, if one was named.
        subject: the release that is judged, if one was named.
        run: the id of the run, if one was given.
    """

    root: Path | None
    target: str
    folder: Path | None
    subject: str | None
    run: str | None

    def outputs(self, root: Path) -> Path:
        """Return the output folder: the one that was named, else the target's usual one."""
        return self.folder or usual_folder(root, self.target)


def resolve_inputs(
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    ini: Mapping[str, str],
    start: Path,
    *,
    dashes: str = "--",
) -> Inputs:
    """Resolve each input: from the command line, else the environment, else the ini file.

    An empty value in the environment or the file counts as none.

    Args:
        options: the values on the command line, by the input's name; None if it wasn't given.
        environ: the environment.
        ini: the values of pytest's keys, by the input's name.
        start: the current folder; a relative `root` or `dir` from any source starts here.
        dashes: the prefix of an option's name, for messages.

    Raises:
        InputError: a value on the command line is empty, a target isn't a name that a folder can
            have, a run's id isn't of its form, or a root isn't a folder.
    """
    given = {name: _first(name, options, environ, ini, dashes) for name in VARIABLES}
    root, target, folder = given["root"], given["target"], given["dir"]
    if target and not TARGET_FORM.fullmatch(target.value):
        msg = f"{target}: use letters, digits, '.', '_' and '-', as in 'staging'"
        raise InputError(msg)
    if root and not (start / root.value).is_dir():
        msg = f"{root}: there is no such folder; name the folder of the project's pyproject.toml"
        raise InputError(msg)
    subject, run = given["subject"], given["run"]
    if run and not _RUN_FORM.fullmatch(run.value):
        msg = (
            f"{run.source}{described(run.value)}: a run's id has at most 128 letters, digits and "
            f"'._:+@-', begins with a letter or digit, doesn't end with .json and isn't {LAST_OPEN}"
            ", as in 'build-812'"
        )
        raise InputError(msg)
    return Inputs(
        root=start / root.value if root else None,
        target=target.value if target else PRODUCTION,
        folder=start / folder.value if folder else None,
        subject=one_line(subject.value) if subject else None,
        run=run.value if run else None,
    )


class _SourcedValue(NamedTuple):
    """A value, and the text before it in its source, as in "PRODSTATUS_TARGET="."""

    source: str
    value: str

    def __str__(self) -> str:
        return f"{self.source}{self.value!r}"


def _first(
    name: str,
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    ini: Mapping[str, str],
    dashes: str,
) -> _SourcedValue | None:
    """Return the first value of an input, without blanks around it; None if there is none."""
    option = options.get(name)
    if option is not None and not option.strip():
        msg = f"{dashes}{name} {option!r} is empty: leave the option out, or give it a value"
        raise InputError(msg)
    # An unset variable of a CI job is often an empty one: it must not hide the next source.
    candidates = (
        _SourcedValue(f"{dashes}{name} ", (option or "").strip()),
        _SourcedValue(f"{VARIABLES[name]}=", environ.get(VARIABLES[name], "").strip()),
        _SourcedValue(f"{KEYS.get(name, name)} = ", ini.get(name, "").strip()),
    )
    return next((candidate for candidate in candidates if candidate.value), None)


def saves_history(environ: Mapping[str, str], *, configured: bool) -> bool:
    """Return whether the history is saved: by PRODSTATUS_HISTORY, else as it is configured.

    Args:
        environ: the environment.
        configured: the key `history` of the project.

    Raises:
        ValueError: it is neither 0 nor 1; one sentence.
    """
    chosen = environ.get("PRODSTATUS_HISTORY", "").strip()
    if chosen not in ("", "0", "1"):
        msg = f"PRODSTATUS_HISTORY={chosen!r}: set it to 0 to save no history, or to 1"
        raise ValueError(msg)
    return chosen == "1" if chosen else configured
