"""What pytest's own configuration files and extra arguments say about a run, without pytest.

The plugin gets these values from pytest; a command has to read them itself, since it must not
import pytest. Names, order and rules are those of `_pytest/config/findpaths.py` of pytest 9.2.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_prodstatus.readers.config import ConfigError, parse_toml

Values = Mapping[str, Any]

_OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
FILES = (*_OWN, "pyproject.toml", "tox.ini", "setup.cfg")
"""The names of pytest's configuration files; of one folder the first counts."""


def read_values(name: str, text: str, source: str) -> Values | None:
    """Return what a file configures for pytest; None if it isn't pytest's configuration.

    Args:
        name: of the file, which decides how it is read.
        text: its content.
        source: how messages call it.

    Raises:
        ConfigError: it can't be parsed.
    """
    values: Values | None = None
    if "pytest" in text:
        if name.endswith(".toml"):
            values = _in_toml(name, text, source)
        elif name.endswith((".ini", ".cfg")):
            section = "tool:pytest" if name.endswith(".cfg") else "pytest"
            values = _in_ini(section, text, source)
    # A file is pytest's own by its name, also if it is empty.
    return {} if values is None and name in _OWN else values


def text_of(values: Values, key: str) -> str:
    """Return a value that must be text, without blanks around it; "" if there is none.

    Raises:
        ConfigError: it is something else.
    """
    value = values.get(key, "")
    if not isinstance(value, str):
        msg = f"pytest's configuration: {key} = {value!r} must be text"
        raise ConfigError(msg)
    return value.strip()


def arguments_of(value: object, source: str) -> list[str]:
    """Return the arguments in `addopts` or PYTEST_ADDOPTS: a text as in a shell, or a list.

    Raises:
        ConfigError: a quote isn't closed, or it is something else.
    """
    try:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return list(value)
        if isinstance(value, str):
            return shlex.split(value)
    except ValueError as error:
        msg = f"{source} = {value!r} can't be split into arguments: {error}"
        raise ConfigError(msg) from None
    msg = f"{source} = {value!r} must be text, or a list of texts"
    raise ConfigError(msg)


def given_in(arguments: Sequence[str], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of some options among pytest's arguments, in their order.

    Args:
        arguments: as pytest gets them.
        names: of the options, with their dashes; each takes a value, which follows a long one
            after `=` or as the next argument, and a short one directly or as the next.
    """
    wanted = frozenset(names)
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return
        name, equals, value = argument.partition("=")
        if not argument.startswith("--"):
            name, value = argument[:2], argument[2:]
            equals = value
        if name not in wanted:
            continue
        if not equals:
            following = next(rest, None)
            if following is None:
                return  # pytest refuses an option without its value
            value = following
        yield name, value


def _in_toml(name: str, text: str, source: str) -> Values | None:
    """Return the table for pytest: `[tool.pytest]`, `[tool.pytest.ini_options]` or `[pytest]`."""
    whole = parse_toml(text, source)
    tables = _table(_table(whole, "tool") or {}, "pytest") or {}
    native = {key: value for key, value in tables.items() if key != "ini_options"}
    options = _table(tables, "ini_options")
    own = None if name == "pyproject.toml" else _table(whole, "pytest")
    if name in _OWN:
        return own
    if native or options is None:
        return native or own
    # Scalars of ini options are text.
    return {key: v if isinstance(v, list) else str(v) for key, v in options.items()}


def _table(table: Values, name: str) -> Values | None:
    value = table.get(name)
    return value if isinstance(value, dict) else None


def _in_ini(section: str, text: str, source: str) -> Values | None:
    # Not above: few projects have such a file, and most of these are another tool's.
    import iniconfig

    try:
        sections = iniconfig.IniConfig(source, data=text).sections
    except iniconfig.ParseError as error:
        msg = f"{error}: correct the file, since pytest reads it too"
        raise ConfigError(msg) from None
    return sections.get(section)
