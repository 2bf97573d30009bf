"""Values from pytest's own configuration files and extra arguments, without importing pytest.

The plugin gets these values from pytest. A command must not import pytest, so this module reads
them for it, in order that `prodstatus gate` looks where the run has written.
Names, order and rules are those of `_pytest/config/findpaths.py` of pytest 9.2.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_prodstatus.readers.config import ConfigError, parse_toml

Values = Mapping[str, Any]

_OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
FILES = (*_OWN, "pyproject.toml", "tox.ini", "setup.cfg")
"""The names of pytest's configuration files; in a folder, the first that exists counts."""


def read_values(name: str, text: str, source: str) -> Values | None:
    """Return pytest's values in a configuration file; None if it doesn't configure pytest.

    Args:
        name: of the file; its ending and name decide how it is read.
        text: the file's content.
        source: the file's name for messages.

    Raises:
        ConfigError: the file can't be parsed.
    """
    values: Values | None = None
    # Every section that counts has this word in its name, so most files needn't be parsed.
    if "pytest" in text:
        if name.endswith(".toml"):
            values = _toml_values(name, text, source)
        elif name.endswith((".ini", ".cfg")):
            section = "tool:pytest" if name.endswith(".cfg") else "pytest"
            values = _ini_values(section, text, source)
    # A file with one of pytest's own names configures pytest even if it is empty.
    return {} if values is None and name in _OWN else values


def text_value(values: Values, key: str) -> str:
    """Return the text of a key, without blanks around it; "" if the key is missing.

    Raises:
        ConfigError: the value isn't text.
    """
    value = values.get(key, "")
    if not isinstance(value, str):
        msg = f"pytest's configuration: {key} = {value!r} must be text"
        raise ConfigError(msg)
    return value.strip()


def split_arguments(value: object, source: str) -> list[str]:
    """Split the value of `addopts` or PYTEST_ADDOPTS into arguments.

    Args:
        value: a text, which is split as in a shell, or a list.
        source: the value's name, for messages.

    Raises:
        ConfigError: a quote isn't closed, or the value is neither text nor a list of texts.
    """
    try:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return list(value)
        if isinstance(value, str):
            return shlex.split(value)
    except ValueError as error:
        msg = f"{source} = {value!r} can't be split into arguments: {error}"
        raise ConfigError(msg) from None
    msg = f"{source} = {value!r} must be text, or a list of texts"
    raise ConfigError(msg)


def option_values(arguments: Sequence[str], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the options with these names among pytest's arguments, as name and value, in order.

    Args:
        arguments: as pytest gets them.
        names: of the options, with their dashes. Each takes a value: after `=` or in the next
            argument if the name is long, directly behind it or in the next if it is short.
    """
    wanted = frozenset(names)
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return  # what follows are paths
        name, equals, value = argument.partition("=")
        # `-mfast` is `-m fast`; of a short option, an equals sign belongs to the value.
        if not argument.startswith("--"):
            name, value = argument[:2], argument[2:]
            equals = value
        if name not in wanted:
            continue
        if not equals:
            following = next(rest, None)
            if following is None:
                return  # pytest itself rejects an option without its value
            value = following
        yield name, value


def _toml_values(name: str, text: str, source: str) -> Values | None:
    """Return pytest's table: `[tool.pytest]`, `[tool.pytest.ini_options]` or `[pytest]`."""
    document = parse_toml(text, source)
    tables = _table(_table(document, "tool") or {}, "pytest") or {}
    native = {key: value for key, value in tables.items() if key != "ini_options"}
    options = _table(tables, "ini_options")
    own = None if name == "pyproject.toml" else _table(document, "pytest")
    if name in _OWN:
        return own  # in pytest.toml, [tool.pytest] means nothing
    if native or options is None:
        return native or own
    # In ini_options pytest reads every scalar as text, as in an ini file.
    return {key: v if isinstance(v, list) else str(v) for key, v in options.items()}


def _table(table: Values, name: str) -> Values | None:
    value = table.get(name)
    return value if isinstance(value, dict) else None


def _ini_values(section: str, text: str, source: str) -> Values | None:
    # Not above: few projects have such a file, so the others shouldn't pay for the import.
    import iniconfig

    try:
        sections = iniconfig.IniConfig(source, data=text).sections
    except iniconfig.ParseError as error:
        msg = f"{error}: correct the file, since pytest reads it too"
        raise ConfigError(msg) from None
    return sections.get(section)
