"""`[tool.prodstatus]` of a pyproject.toml: the catalogue and how the project wants to be told."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pytest_prodstatus.model.catalogue import (
    DEFAULT_VALID_FOR,
    Catalogue,
    CatalogueError,
    Stage,
    title_of,
)
from pytest_prodstatus.model.duration import parse_duration
from pytest_prodstatus.model.text import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_DOCUMENT = "PRODUCTION_STATUS.md"
DEFAULT_TITLE = "Production status"


OUTPUTS = ("status.json", "status.html")
"""The record and the page, whose names are fixed."""


class ConfigError(ValueError):
    """A configuration that can't be used; one sentence with the file, the value and the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a project declares.

    Attributes:
        title: heading of the document and the page.
        document: the status document; a bare name lies in the output folder, a path with a slash
            is relative to the project's root.
        html: name of pytest-html's report in the output folder; "" leaves that to `--html`.
        paths: where the criteria live; a production run without a path collects these alone.
        require_evidence: a criterion that recorded nothing is BLOCKED.
        success_criteria: sentences that the document ends with.
        catalogue: the stages.
    """

    title: str = DEFAULT_TITLE
    document: str = DEFAULT_DOCUMENT
    html: str = ""
    paths: tuple[str, ...] = ()
    require_evidence: bool = False
    success_criteria: tuple[str, ...] = ()
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(declared=False))


def read_config(text: str, source: str) -> Config:
    """Return the configuration in a pyproject.toml's `text`; defaults where it has none.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Raises:
        ConfigError: the TOML is broken, a key is unknown or of the wrong type, or the catalogue is
            inconsistent.
    """
    try:
        project = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{source}: not valid TOML: {error}"
        raise ConfigError(msg) from None
    tools = _Table(project.get("tool", {}), f"{source}: [tool]").table
    where = f"{source}: [tool.prodstatus]"
    reader = _Table(tools.get("prodstatus", {}), where)
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
        catalogue=catalogue,
    )


TABLE_KEYS = (
    "title",
    "document",
    "html",
    "paths",
    "require_evidence",
    "success_criteria",
    "valid_for",
    "stages",
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


def _stage(item: Mapping[str, Any], number: int, where: str, valid_for: timedelta) -> Stage:
    name = f"stage {item['id']!r}" if item.get("id") else f"stage number {number}"
    reader = _Table(item, f"{where} {name}")
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


class _Table:
    """One TOML table, read key by key with messages that name the place and the rule."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, Mapping):
            msg = f"{where}: must be a table, not {table!r}"
            raise ConfigError(msg)
        self.table = table
        self.where = where

    def refuse_unknown(self, known: Iterable[str]) -> None:
        names = list(known)
        for key in self.table:
            if key not in names:
                near = difflib.get_close_matches(key, names, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                msg = f"{self.where}: unknown key {key!r}; {hint}keys are {', '.join(names)}"
                raise ConfigError(msg)

    def _of(self, key: str, kind: type, what: str, default: Any) -> Any:
        value = self.table.get(key, default)
        if not isinstance(value, kind):
            msg = f"{self.where}: {key} = {value!r} must be {what}"
            raise ConfigError(msg)
        return value

    def text(self, key: str, default: str) -> str:
        return str(self._of(key, str, "text", default))

    def file(self, key: str, default: str) -> str:
        """Return a file's name: one that a file can have, and that no other output has."""
        name = self.text(key, default)
        if name != one_line(name) or name.endswith("/") or (default and not name):
            msg = f"{self.where}: {key} = {name!r} must be the name of a file, as in 'STATUS.md'"
            raise ConfigError(msg)
        if name in OUTPUTS:
            msg = (
                f"{self.where}: {key} = {name!r} is a file that the plugin writes itself; "
                f"use another name than {' or '.join(OUTPUTS)}"
            )
            raise ConfigError(msg)
        return name

    def boolean(self, key: str, *, default: bool) -> bool:
        return bool(self._of(key, bool, "true or false", default))

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._of(key, list, "a list of texts", [])
        for value in values:
            if not isinstance(value, str):
                msg = f"{self.where}: {key} holds {value!r}; it must be a list of texts"
                raise ConfigError(msg)
        return tuple(values)

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        values = self._of(key, list, "a list of tables ([[tool.prodstatus.stages]])", [])
        return [_Table(value, f"{self.where} {key}").table for value in values]

    def duration(self, key: str, default: timedelta) -> timedelta:
        if key not in self.table:
            return default
        try:
            return parse_duration(self.table[key])
        except ValueError as error:
            msg = f"{self.where}: {key}: {error}"
            raise ConfigError(msg) from None


TARGET_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A target's name is also a folder's name."""
