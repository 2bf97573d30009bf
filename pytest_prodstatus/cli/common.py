"""What the commands share: options, reading of records and the store, writing of outputs.

No command imports pytest, so what pytest would take from its configuration is read here.
The state store and the signatures are extras: they are imported in the function that needs them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from pytest_prodstatus.model.codec import RecordError, read_record
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line, parse_duration
from pytest_prodstatus.project import FILE as PROJECT_FILE
from pytest_prodstatus.project import (
    KEYS,
    DotenvError,
    InputError,
    Inputs,
    Project,
    attestation_of,
    config_in,
    find_project,
    resolve_inputs,
    shown_path,
    store_in,
    test_result_of,
    usual_folder,
    variables_of,
)
from pytest_prodstatus.publish import publish
from pytest_prodstatus.readers import SETTINGS_LIMIT, pytestini, read_file, read_text
from pytest_prodstatus.readers.config import SETTINGS, TARGET_FORM, ConfigError
from pytest_prodstatus.writers import FolderInUse, FolderLock

if TYPE_CHECKING:
    from pytest_prodstatus.signing import Keys

# `--target` is ours only if no other plugin has it, which can't be known without pytest.
_OPTIONS: Mapping[str, str] = {
    "--target": "target",
    **{f"--prodstatus-{name}": name for name in ("root", "target", "dir", "subject")},
}
# Those by which registries name images. Others can be forged: two files with one MD5 are easy.
_DIGEST_LENGTHS: Mapping[str, int] = {"sha256": 64, "sha384": 96, "sha512": 128}
_OVERRIDES = ("-o", "--override-ini")
_FILE = ("-c", "--config-file")


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:  # noqa: ARG001
    """Return the value of an option, such as `24h`, as a duration; None if it isn't given.

    Raises:
        click.BadParameter: (here and below) the value can't be used.
    """
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def words(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """Return a text on one line; refuse an empty one, such as the value of an unset variable.

    As "no value" it would weaken the gate: `--commit "$UNSET"` would accept any commit.
    """
    text = None if value is None else one_line(value)
    if text == "":
        msg = "it is empty; leave the option out, or give it a value"
        raise click.BadParameter(msg)
    return text


def path(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """Return a path unchanged; refuse an empty one, such as the value of an unset variable."""
    if value is not None and not value.strip():
        msg = "it is empty; leave the option out, or give it a value"
        raise click.BadParameter(msg)
    return value


def paths(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return paths unchanged; refuse an empty one, such as the value of an unset variable."""
    for value in values:
        path(ctx, param, value)
    return values


def target(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """Return the name of a system; refuse one that can't be the name of a folder."""
    if value is not None and not TARGET_FORM.fullmatch(value):
        msg = f"{value!r}: use letters, digits, '.', '_' and '-', as in 'staging'"
        raise click.BadParameter(msg)
    return value


def digests(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, str] | None:  # noqa: ARG001
    """Return a digest, such as `sha256:9f86d0…`, by its algorithm; None if none is given."""
    if value is None:
        return None
    name, _, digits = value.strip().lower().partition(":")
    length = _DIGEST_LENGTHS.get(name)
    if length is None or not re.fullmatch(rf"[0-9a-f]{{{length}}}", digits):
        lengths = ", ".join(f"{known} ({number})" for known, number in _DIGEST_LENGTHS.items())
        msg = (
            f"{value!r}: write the algorithm and all hexadecimal digits, as in sha256:9f86d081…; "
            f"algorithms, with the number of digits, are {lengths}"
        )
        raise click.BadParameter(msg)
    return {name: digits}


FILE = click.Path(path_type=Path)
"""A path that isn't checked by click, so that the command's own error names the file."""


target_option = click.option(
    "--target",
    callback=target,
    metavar="NAME",
    help="The system that the record is about.  [default: PRODSTATUS_TARGET, the ini key "
    "prodstatus_target, production]",
)
dir_option = click.option(
    "--dir",
    "folder",
    callback=path,
    metavar="FOLDER",
    help="The output folder of the run.  [default: PRODSTATUS_DIR, the ini key prodstatus_dir, "
    "reports/ or reports/TARGET/ of the project]",
)
max_age_option = click.option(
    "--max-age",
    callback=duration,
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="How long ago the run may have finished.",
)
root_option = click.option(
    "--root",
    callback=path,
    metavar="FOLDER",
    help="The project's root.  [default: PRODSTATUS_ROOT, the nearest folder upwards with "
    "[tool.prodstatus]]",
)


class Place(NamedTuple):
    """The project and inputs of a command.

    Attributes:
        project: the project.
        inputs: target, release and run.
        folder: the output folder of its runs.
    """

    project: Project
    inputs: Inputs
    folder: Path

    @property
    def record(self) -> Path:
        """The path of the record."""
        return self.project.layout(self.folder).record


def place_of(**options: str | None) -> Place:
    """Resolve the project and inputs of a command, as pytest in the current folder would.

    Args:
        options: the values on the command line, by the input's name; None if it wasn't given.

    Raises:
        click.UsageError: a value can't be used, or there is no project.
    """
    start = Path.cwd()
    try:
        configured = configured_in(start, os.environ)
        # Options that pytest always gets, by addopts, count as given on the command line. Else the
        # gate would judge another folder's record than the one that the run wrote.
        given = {**configured.options, **{n: v for n, v in options.items() if v is not None}}
        inputs = resolve_inputs(given, os.environ, configured.ini, start)
        project = _project(inputs.root, start)
    except (ConfigError, InputError) as error:
        raise click.UsageError(str(error)) from None
    return Place(project, inputs, inputs.outputs(project.root))


def _project(root: Path | None, start: Path) -> Project:
    """Return the project of a command: the named one, else the nearest above a folder."""
    if root is not None:
        return Project(root=root, config=config_in(root))
    found = find_project(start)
    if found is None:
        msg = (
            f"no project here: no [tool.prodstatus] in {start / PROJECT_FILE} or above; "
            "use --root FOLDER"
        )
        raise click.UsageError(msg)
    return found


class UnreadableError(Exception):
    """A record that can't be read; the message is one sentence that names the file."""


def content_at(path: Path) -> bytes:
    """Read the bytes of a record's file.

    Raises:
        UnreadableError: there is no file, or it can't be read.
    """
    try:
        return read_file(path)
    except FileNotFoundError:
        msg = f"there is no record at {path}"
        raise UnreadableError(msg) from None
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror or error}"
        raise UnreadableError(msg) from None


def record_in(content: bytes, path: Path) -> Record:
    """Return the record in the bytes of a file.

    Args:
        content: the bytes.
        path: the file, for messages.

    Raises:
        UnreadableError: it can't be read.
    """
    try:
        return read_record(content.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        msg = f"{path} can't be read: {error}"
        raise UnreadableError(msg) from None
    except RecordError as error:
        raise UnreadableError(str(error)) from None


def record_at(path: Path) -> Record:
    """Read the record in a file such as `status.json`.

    Raises:
        UnreadableError: there is no file, or it can't be read.
    """
    return record_in(content_at(path), path)


def named_content(path: Path) -> bytes:
    """Read the bytes of a record's file that a person named.

    Raises:
        click.UsageError: there is no file, or it can't be read.
    """
    try:
        return content_at(path)
    except UnreadableError as error:
        raise click.UsageError(str(error)) from None


def named_record(path: Path, content: bytes | None = None) -> Record:
    """Read the record in a file that a person named.

    Args:
        path: the file.
        content: its bytes; None to read them.

    Raises:
        click.UsageError: there is no file, or it can't be read.
    """
    try:
        return record_in(named_content(path) if content is None else content, path)
    except UnreadableError as error:
        raise click.UsageError(str(error)) from None


def key_sets(project: Project, named: Sequence[str] = (), threshold: int = 1) -> list[Keys]:
    """Return the sets of public keys that must vouch for a record; none if it may be unsigned.

    The keys of the configuration always count, so that no command line can drop them.

    Args:
        project: the project, with the keys of its configuration.
        named: further keys, relative to the current folder.
        threshold: how many of the further keys must have signed.

    Raises:
        click.UsageError: a key can't be used, or the extra `sign` isn't installed.
    """
    config = project.config
    if not named and not config.signed_by:
        return []
    from pytest_prodstatus.signing import SigningError, trusted_keys

    try:
        # Two sets, of which each must vouch: a key on the command line never replaces a configured
        # one, nor counts for its threshold.
        sets = []
        if config.signed_by:
            least = config.signed_by_threshold
            sets.append(trusted_keys(config.signed_by, project.root, least))
        if named:
            sets.append(trusted_keys(named, Path.cwd(), threshold))
    except SigningError as error:
        raise click.UsageError(str(error)) from None
    return sets


@contextmanager
def state_store(root: Path) -> Iterator[tuple[str, str]]:
    """Yield where a project's runs are; raise the block's StateError as a usage error.

    That is the URL of the state store, from the environment or the `.env` file in `root`, and the
    project's name in it. The URL may contain a password.

    Raises:
        click.UsageError: the store isn't installed, or can't be opened, read or written.
    """
    from pytest_prodstatus.store import check_installed

    with state_errors():
        check_installed()
        yield store_in(root, variables_of(root))


@contextmanager
def state_errors() -> Iterator[None]:
    """Raise the block's errors of the state store as usage errors.

    Raises:
        click.UsageError: the store isn't installed, or can't be opened, read or written.
    """
    from pytest_prodstatus.store import StateError

    try:
        yield
    except (StateError, DotenvError) as error:
        raise click.UsageError(str(error)) from None


def check_not_own(output: Path, place: Place, record: Path | None = None) -> None:
    """Refuse to replace a file that a run wrote or reads, such as the record or its settings.

    Args:
        output: the file that is to be written; what lies beside a record there counts as well.
        place: the project, its settings and its files.
        record: the run's record, if it isn't the usual one.

    Raises:
        click.UsageError: one sentence.
    """
    own = [place.project.root / name for name in SETTINGS]
    # With --dir or a named record, the usual record is still the one that the gate reads.
    records = {place.record, record or place.record}
    beside = place.project.layout(output.parent).record
    for each in records | ({beside} if beside.exists() else set()):
        layout = place.project.layout(each.parent)
        own += [each, layout.page, layout.document, attestation_of(each), test_result_of(each)]
    # Resolved, since a link may lead to one of them.
    if output.resolve() in {path.resolve() for path in own}:
        msg = f"{shown_path(output)} is a file that the run wrote or reads: name another one"
        raise click.UsageError(msg)


def check_replaced(path: Path, record: Record) -> None:
    """Refuse to replace a record by one of an older run, or of another target.

    The gate would judge by the older run, and not know of the newer one any more.

    Raises:
        click.UsageError: a run that is newer, or of another target, has its record there.
    """
    why = _outranked(path, record)
    if why:
        msg = f"{shown_path(path)} is the record of {why}: name another folder"
        raise click.UsageError(msg)


def _outranked(path: Path, record: Record) -> str:
    """Return which run has its record at a path that another record must not replace; else ""."""
    try:
        there = record_at(path).run
    except UnreadableError:  # the gate is closed with it, so nothing is lost
        return ""
    run, which = record.run, f"run {one_line(there.id)}"
    if there.target != run.target:
        return f"{which}, which is of target {there.target}, not of {run.target}"
    # The run itself may be written again: `render` does it, and `merge` when it is repeated.
    is_newer = there.id != run.id and there.started > run.started
    return f"{which}, which is newer than run {one_line(run.id)}" if is_newer else ""


def shown_store(url: str) -> str:
    """Return the store's address as it may be printed: without password and parameters."""
    from pytest_prodstatus.store.database import parse_address, shown

    return shown(parse_address(url))


def publish_at(record: Record, project: Project, folder: Path) -> Record:
    """Write a record's outputs into a folder, print every file, and return the written record.

    Raises:
        click.UsageError: a run is writing this folder, or a newer one has its record there, so
            nothing is written; or an output can't be written, and the others are.
    """
    layout = project.layout(folder)
    try:
        with FolderLock(folder, f"prodstatus (process {os.getpid()})"):
            # Only now: until the lock is held, a run may still write a newer record.
            check_replaced(layout.record, record)
            live = project.layout(usual_folder(project.root, record.run.target))
            if layout.document == live.document and _outranked(live.record, record):
                # All folders share the document, which shows the newer run.
                layout = replace(layout, document_name=layout.document.name)
            done = publish(record, project.config, layout)
    except FolderInUse as error:
        raise click.UsageError(str(error)) from None
    for notice in done.notices:
        click.echo(f"prodstatus: {notice}", err=True)
    if done.problems:
        raise click.UsageError("; ".join(problem.text for problem in done.problems))
    for path in (layout.document, layout.page, *done.exports, layout.record):
        click.echo(f"wrote {shown_path(path)}")
    return done.record


class Configured(NamedTuple):
    """The inputs of a pytest run that has no arguments.

    Attributes:
        options: the values in `addopts` and PYTEST_ADDOPTS, by the input's name.
        ini: the values of the keys in the configuration file, by the input's name.
    """

    options: Mapping[str, str]
    ini: Mapping[str, str]


def configured_in(start: Path, environ: Mapping[str, str]) -> Configured:
    """Return the inputs that pytest would get if it ran in a folder without arguments.

    They are from its configuration file, `addopts` in it, PYTEST_ADDOPTS, and `-o` and `-c` in
    both. The short `--target` counts as ours; only if another plugin has that option is it not.

    Args:
        start: the folder.
        environ: the environment.

    Raises:
        ConfigError: they can't be read, by pytest neither; one sentence.
    """
    extra = pytestini.split_arguments(environ.get("PYTEST_ADDOPTS", ""), "PYTEST_ADDOPTS")
    # In pytest's order (`Config.parse`): PYTEST_ADDOPTS first, since it may name the file with
    # -c and replace its addopts with -o; then the file; then the addopts that are left.
    named = [value for _, value in pytestini.option_values(extra, _FILE)]
    values = dict(_read(start / named[-1]) or {} if named else _values_in(start))
    values.update(_overridden(extra))
    # PYTEST_ADDOPTS comes last, so that it wins: of a repeated option the last value counts.
    arguments = [*pytestini.split_arguments(values.get("addopts", ""), "addopts"), *extra]
    values.update(_overridden(arguments))
    return Configured(
        options={_OPTIONS[name]: v for name, v in pytestini.option_values(arguments, _OPTIONS)},
        ini={name: pytestini.text_value(values, key) for name, key in KEYS.items()},
    )


def _overridden(arguments: list[str]) -> dict[str, str]:
    """Return the ini keys that `-o KEY=VALUE` sets on a command line of pytest."""
    pairs = (value.partition("=") for _, value in pytestini.option_values(arguments, _OVERRIDES))
    return {key: value for key, _, value in pairs}


def _values_in(start: Path) -> pytestini.Values:
    """Return the values of pytest's own configuration file, the nearest one upwards."""
    for folder in (start, *start.parents):
        for name in pytestini.FILES:
            path = folder / name
            # The first file that has values for pytest counts, and pytest reads no other.
            values = _read(path) if path.is_file() else None
            if values is not None:
                return values
    return {}


def _read(path: Path) -> pytestini.Values | None:
    """Return pytest's values in a configuration file; None if they aren't for pytest."""
    try:
        text = read_text(path, limit=SETTINGS_LIMIT)
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else error
        msg = f"{path}: can't be read, and pytest reads its settings there: {cause}"
        raise ConfigError(msg) from None
    return pytestini.read_values(path.name, text, str(path))
