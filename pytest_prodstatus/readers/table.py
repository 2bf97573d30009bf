"""One TOML table, read key by key with messages that name the place, the value and the rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from pytest_prodstatus.model.duration import parse_duration
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.waiver import end_of

OUTPUTS = ("status.json", "status.html")
"""The record and the page, whose names are fixed."""


class ConfigError(ValueError):
    """A configuration that can't be used; one sentence with the file, the value and the rule."""


class Table:
    """One TOML table and how messages call it; a value that can't be used is a ConfigError."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, Mapping):
            msg = f"{where}: must be a table, not {table!r}"
            raise ConfigError(msg)
        self.table = table
        self.where = where

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Refuse a key that isn't known, with the nearest that is."""
        names = list(known)
        for key in self.table:
            if key not in names:
                import difflib  # which costs more than reading a good table

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
        """Return a text."""
        return str(self._of(key, str, "text", default))

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """Return one of some texts; the first if there is none."""
        value = self.text(key, choices[0])
        if value not in choices:
            listed = " or ".join(map(repr, choices))
            msg = f"{self.where}: {key} = {value!r} must be {listed}"
            raise ConfigError(msg)
        return value

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
        """Return true or false."""
        return bool(self._of(key, bool, "true or false", default))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; an empty one where there is none."""
        values = self._of(key, list, "a list of texts", [])
        for value in values:
            if not isinstance(value, str):
                msg = f"{self.where}: {key} holds {value!r}; it must be a list of texts"
                raise ConfigError(msg)
        return tuple(values)

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        """Return a list of tables; an empty one where there is none."""
        values = self._of(key, list, f"a list of tables ([[tool.prodstatus.{key}]])", [])
        return [Table(value, f"{self.where} {key}").table for value in values]

    def instant(self, key: str) -> datetime:
        """Return an instant, in UTC; a date stands for its end."""
        value = self.table[key]
        try:
            if isinstance(value, datetime) and value.tzinfo:
                return value.astimezone(timezone.utc)
            if isinstance(value, date) and not isinstance(value, datetime):
                return end_of(value)
        except OverflowError:
            pass
        msg = (
            f"{self.where}: {key} = {str(value)!r} must be a date, as in {key} = 2026-12-31, "
            "or a date and time with its offset, both without quotes"
        )
        raise ConfigError(msg)

    def duration(self, key: str, default: timedelta) -> timedelta:
        """Return a duration."""
        if key not in self.table:
            return default
        try:
            return parse_duration(self.table[key])
        except ValueError as error:
            msg = f"{self.where}: {key}: {error}"
            raise ConfigError(msg) from None
