"""`prodstatus init`: make a first suite, from a status document or from nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from pytest_prodstatus.readers import SETTINGS_LIMIT, read_file
from pytest_prodstatus.readers.config import ConfigError, is_configured, read_config
from pytest_prodstatus.readers.markdown import Outline, OutlineError, read_outline
from pytest_prodstatus.writers import write_atomically
from pytest_prodstatus.writers.suite import FIRST, Suite, new_suite

FOLDERS = ("tests/acceptance", "tests/production", "tests/prodstatus")
"""The folders for the test files, of which the first free one is used."""

_ROOT = '[tool.pytest.ini_options]\nminversion = "8.3"\n\n'
"""The table that makes pytest take a new pyproject.toml's folder as its root, not one above."""


_EXAMPLES = """\b
Examples:
  prodstatus init
  prodstatus init docs/STATUS.md && pytest -m production
  prodstatus init STATUS.md --output services/shop
"""


@click.command(epilog=_EXAMPLES)
@click.argument("document", required=False, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    show_default=True,
    metavar="FOLDER",
    help="The project's root: the folder of its pyproject.toml, which may not exist yet.",
)
def command(document: Path | None, root: Path) -> None:
    """Make a catalogue and one test file a stage from a status document.

    DOCUMENT has title lines such as "**OAUTH STATUS:**", each followed by the meanings of
    CONFIRMED, FAILED and BLOCKED. Without DOCUMENT, a minimal suite is made. Every criterion is
    BLOCKED, not-implemented, until it is written; a run updates DOCUMENT in place. No existing file
    is overwritten; a table is appended to pyproject.toml.
    """
    outline = _read(document) if document else Outline(title="", sections=FIRST, notices=())
    folder = _free_folder(root)
    suite = new_suite(
        outline.sections,
        title=outline.title,
        document=_named_from(root, document) if document else "",
        folder=folder,
    )
    project = root / "pyproject.toml"
    content = _extended(project, suite)
    _write(root / folder, suite, project, content)
    for notice in outline.notices:
        click.echo(f"note: {notice}")
    stages = len(outline.sections)
    click.echo(f"wrote {project}: [tool.prodstatus] with {stages} stage{'s' * (stages != 1)}")
    for name in suite.files:
        click.echo(f"wrote {root / folder / name}")
    move = "" if root == Path() else f"cd {root} && "
    click.echo(f"next: {move}pytest -m production")


def _read(document: Path) -> Outline:
    """Return the outline of a status document; a usage error if it can't be read."""
    try:
        return read_outline(read_file(document), str(document))
    except OSError as error:
        msg = f"{document} can't be read: {error.strerror or error}"
        raise click.UsageError(msg) from None
    except OutlineError as error:
        raise click.UsageError(str(error)) from None


def _free_folder(root: Path) -> str:
    """Return the first of the usual folders that holds nothing yet."""
    for name in FOLDERS:
        path = root / name
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return name
    msg = f"{', '.join(FOLDERS)} are all in use below {root}: move one of them away"
    raise click.UsageError(msg)


def _named_from(root: Path, document: Path) -> str:
    """Return the document's path for the configuration: relative to the root, with a slash."""
    # Of a bare name, the configuration looks in the output folder.
    name = Path(os.path.relpath(document.resolve(), root.resolve())).as_posix()
    return name if "/" in name else f"./{name}"


def _extended(project: Path, suite: Suite) -> bytes:
    """Return the pyproject.toml with the suite's table at its end."""
    try:
        text = read_file(project, limit=SETTINGS_LIMIT).decode("utf-8") if project.exists() else ""
        configured = is_configured(text, str(project))
    except OSError as error:
        msg = f"{project} can't be read: {error.strerror or error}"
        raise click.UsageError(msg) from None
    except (UnicodeDecodeError, ConfigError) as error:
        msg = f"{project} can't be added to: {error}"
        raise click.UsageError(msg) from None
    if configured:
        msg = f"{project} has a [tool.prodstatus] already: remove it, or choose another --output"
        raise click.UsageError(msg)
    # Appended as text, not parsed and written again: comments and layout are the person's.
    end = "\r\n" if "\r\n" in text else "\n"
    before = text if text.endswith("\n") else text + end
    extended = f"{before}{end}{suite.table.replace(chr(10), end)}" if text else _ROOT + suite.table
    # Read as a whole: an inline `tool = {}` above, for example, forbids a table below.
    try:
        read_config(extended, str(project))
    except ConfigError as error:
        msg = f"the suite doesn't fit in: {error}"
        raise click.UsageError(msg) from None
    return extended.encode("utf-8")


def _write(folder: Path, suite: Suite, project: Path, content: bytes) -> None:
    """Write the new test files and then pyproject.toml: all of them or none."""
    files = {folder / name: text.encode("utf-8") for name, text in suite.files.items()}
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            # "x" refuses a file that appeared since the folder was found empty.
            with path.open("xb") as file:
                written.append(path)
                file.write(data)
        # Last, since a change of an existing pyproject.toml can't be taken back below.
        if project.exists():
            write_atomically(project, content, through_link=True)
        else:
            with project.open("xb") as file:
                written.append(project)
                file.write(content)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        msg = f"nothing was written: {error.filename or folder}: {error.strerror or error}"
        raise click.UsageError(msg) from None
