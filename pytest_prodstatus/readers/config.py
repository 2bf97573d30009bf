"""`[tool.prodstatus]` of a pyproject.toml: the catalogue and how the project wants to be told."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from pytest_prodstatus.model.catalogue import (
    DEFAULT_VALID_FOR,
    Catalogue,
    CatalogueError,
    Stage,
    title_of,
)
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.waiver import Waivers
from pytest_prodstatus.readers.table import ConfigError, Table
from pytest_prodstatus.readers.waivers import WAIVER_KEYS, read_waivers

if TYPE_CHECKING:
    from pytest_prodstatus.readers.path import Step

__all__ = [
    "STAGE_KEYS",
    "TABLE_KEYS",
    "TARGET_FORM",
    "WAIVER_KEYS",
    "Config",
    "ConfigError",
    "parse_toml",
    "read_config",
    "read_name",
    "read_table",
]

DEFAULT_DOCUMENT = "PRODUCTION_STATUS.md"
DEFAULT_TITLE = "Production status"
FOREIGN_STATUS = ("close", "ignore")
"""What an exit status that no criterion explains does to the gate; the first is the default."""


class Config(Struct, frozen=True, kw_only=True):
    """What a project declares.

    Attributes:
        title: heading of the document and the page.
        document: the status document; a bare name lies in the output folder, a path with a slash
            is relative to the project's root.
        html: name of pytest-html's report in the output folder; "" leaves that to `--html`.
        paths: where the criteria live; a production run without a path collects these alone.
        require_evidence: a criterion that recorded nothing is BLOCKED.
        success_criteria: sentences that the document ends with.
        exports: names of the further forms that a run writes (`writers/export.py`).
        secrets: patterns of variables' names: `*_PIN` holds a secret too, `!CACHE_KEY` holds none.
        path: the steps through the system that the page draws, in order.
        catalogue: the stages.
        foreign_status: whether an exit status of pytest that no criterion explains closes the gate
            ("close") or not ("ignore").
        require_history: a run whose history can't be saved is BLOCKED.
        waivers: what the gate accepts although it isn't CONFIRMED.
    """

    title: str = DEFAULT_TITLE
    document: str = DEFAULT_DOCUMENT
    html: str = ""
    paths: tuple[str, ...] = ()
    require_evidence: bool = False
    success_criteria: tuple[str, ...] = ()
    require_history: bool = False
    foreign_status: str = "close"
    exports: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    path: tuple[Step, ...] = ()
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(declared=False))
    waivers: Waivers = field(default_factory=Waivers)


def read_config(text: str, source: str) -> Config:
    """Return the configuration in a pyproject.toml's `text`; defaults if it has none.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Raises:
        ConfigError: the TOML is broken, a key is unknown or of the wrong type, or the catalogue is
            inconsistent.
    """
    return read_table(text, source) or Config()


def read_table(text: str, source: str) -> Config | None:
    """Return the configuration in a pyproject.toml's `text`; None if it has no [tool.prodstatus].

    A file that only mentions the word, as among its dependencies, has none; an empty table is one.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Raises:
        ConfigError: as `read_config` does.
    """
    tools = _tools(text, source)
    if "prodstatus" not in tools:
        return None
    where = f"{source}: [tool.prodstatus]"
    reader = Table(tools["prodstatus"], where)
    reader.refuse_unknown(TABLE_KEYS)
    default = reader.duration("valid_for", DEFAULT_VALID_FOR)
    try:
        stages = tuple(
            _stage(item, number, where, default)
            for number, item in enumerate(reader.tables("stages"), 1)
        )
        catalogue = Catalogue(stages=stages, declared=bool(stages))
    except CatalogueError as error:
        msg = f"{where} {error}"
        raise ConfigError(msg) from None
    return Config(
        title=one_line(reader.text("title", DEFAULT_TITLE)),
        document=reader.file("document", DEFAULT_DOCUMENT),
        html=reader.file("html", ""),
        paths=reader.texts("paths"),
        require_evidence=reader.boolean("require_evidence", default=False),
        success_criteria=tuple(map(one_line, reader.texts("success_criteria"))),
        require_history=reader.boolean("require_history", default=False),
        foreign_status=reader.choice("foreign_status", FOREIGN_STATUS),
        exports=tuple(dict.fromkeys(reader.texts("exports"))),
        secrets=reader.texts("secrets"),
        path=_path(reader, catalogue),
        catalogue=catalogue,
        waivers=read_waivers(reader, catalogue),
    )


def _path(reader: Table, catalogue: Catalogue) -> tuple[Step, ...]:
    if "path" not in reader.table:
        return ()
    # Not above, since few projects have one to pay for.
    from pytest_prodstatus.readers.path import read_path

    return read_path(reader, catalogue)


def is_configured(text: str, source: str) -> bool:
    """Return whether a pyproject.toml's `text` has a `[tool.prodstatus]`, whatever is in it.

    Raises:
        ConfigError: the TOML is broken.
    """
    return "prodstatus" in _tools(text, source)


def _tools(text: str, source: str) -> Mapping[str, Any]:
    return Table(parse_toml(text, source).get("tool", {}), f"{source}: [tool]").table


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return what a TOML file says; not to be changed.

    Raises:
        ConfigError: it isn't valid TOML.
    """
    try:
        return _toml(text)
    except ValueError as error:
        msg = f"{source}: not valid TOML: {error}"
        raise ConfigError(msg) from None


TABLE_KEYS = (
    "title",
    "document",
    "html",
    "paths",
    "require_evidence",
    "require_history",
    "foreign_status",
    "success_criteria",
    "exports",
    "secrets",
    "valid_for",
    "path",
    "stages",
    "waivers",
    "unwaivable",
    "waiver_max",
)
STAGE_KEYS = (
    "id",
    "title",
    "confirmed",
    "failed",
    "blocked",
    "criteria",
    "requires",
    "rollup",
    "valid_for",
)


def read_name(text: str) -> str | None:
    """Return the name that a pyproject.toml gives its project; None where it gives none."""
    try:
        project = _toml(text).get("project")
    except ValueError:
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return (one_line(name) or None) if isinstance(name, str) else None


@lru_cache(maxsize=4)  # a command reads the project's file for itself and for pytest's settings
def _toml(text: str) -> dict[str, Any]:
    """Return what a text in TOML says.

    Raises:
        ValueError: it isn't TOML.
    """
    # Not above: a project may have no configuration to read.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _stage(item: Mapping[str, Any], number: int, where: str, valid_for: timedelta) -> Stage:
    name = f"stage {item['id']!r}" if item.get("id") else f"stage number {number}"
    reader = Table(item, f"{where} {name}")
    reader.refuse_unknown(STAGE_KEYS)
    stage_id = reader.text("id", "")
    if not stage_id:
        msg = f"{reader.where}: every stage needs an id, as in id = 'oauth'"
        raise ConfigError(msg)
    criteria = tuple(
        text if "." in text.partition("[")[0] else f"{stage_id}.{text}"
        for text in reader.texts("criteria")
    )
    return Stage(
        id=stage_id,
        title=reader.text("title", title_of(stage_id)),
        confirmed=reader.text("confirmed", ""),
        failed=reader.text("failed", ""),
        blocked=reader.text("blocked", ""),
        criteria=criteria,
        requires=reader.texts("requires"),
        rollup=reader.texts("rollup"),
        valid_for=reader.duration("valid_for", valid_for),
    )


TARGET_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A target's name is also a folder's name."""
