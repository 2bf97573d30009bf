"""`[tool.prodstatus]` of a pyproject.toml: the catalogue and how the project wants to be judged."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import fields, force_setattr

from pytest_prodstatus.model.catalogue import (
    DEFAULT_VALID_FOR,
    Catalogue,
    CatalogueError,
    Stage,
    title_of,
)
from pytest_prodstatus.model.text import (
    DURATION_FORM,
    NAME_LIMIT,
    instant,
    one_line,
    parse_duration,
)
from pytest_prodstatus.model.waiver import WAIVER_MAX, Waiver, Waivers, end_of

DEFAULT_DOCUMENT = "PRODUCTION_STATUS.md"
DEFAULT_TITLE = "Production status"
OUTPUTS = ("status.json", "status.html")
"""The record and the page, whose names are fixed."""

TARGET_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A target's name is also a folder's name."""


class ConfigError(ValueError):
    """A configuration that can't be used; one sentence with the file, the value and the rule."""


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the path through the system that the page draws.

    Attributes:
        name: what the step is called; an instant of that name in the evidence dates it.
        shows: the stage or criterion whose verdict is the step's.
    """

    name: str = field(name="step")
    shows: str

    def __post_init__(self) -> None:
        force_setattr(self, "name", one_line(self.name, limit=NAME_LIMIT))


class _Choices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str = DEFAULT_TITLE
    document: str = DEFAULT_DOCUMENT
    html: str = ""
    paths: tuple[str, ...] = ()
    require_evidence: bool = False
    require_history: bool = False
    foreign_status: Literal["close", "ignore"] = "close"
    success_criteria: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    path: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "title", one_line(self.title))
        force_setattr(self, "success_criteria", tuple(map(one_line, self.success_criteria)))
        force_setattr(self, "exports", tuple(dict.fromkeys(self.exports)))
        _check_file("document", self.document)
        if self.html:
            _check_file("html", self.html)


def _check_file(key: str, name: str) -> None:
    """Refuse a name that no file can have, or that another output has."""
    if not name or name != one_line(name) or name.endswith("/"):
        msg = f"{key} = {name!r} must be the name of a file, as in 'STATUS.md'"
        raise ValueError(msg)
    if name in OUTPUTS:
        msg = (
            f"{key} = {name!r} is a file that the plugin writes itself; "
            f"use another name than {' or '.join(OUTPUTS)}"
        )
        raise ValueError(msg)


class Config(_Choices, frozen=True, kw_only=True):
    """What a project declares.

    Attributes:
        title: heading of the document and the page.
        document: the status document; a bare name lies in the output folder, a path with a slash
            is relative to the project's root.
        html: name of pytest-html's report in the output folder; "" leaves that to `--html`.
        paths: where the criteria live; a production run without a path collects these alone.
        require_evidence: a criterion that recorded nothing is BLOCKED.
        require_history: a run whose history can't be saved is BLOCKED.
        foreign_status: whether an exit status of pytest that no criterion explains closes the gate
            ("close") or not ("ignore").
        success_criteria: sentences that the document ends with.
        exports: names of the further forms that a run writes (`writers/exports.py`).
        secrets: patterns of variables' names: `*_PIN` holds a secret too, `!CACHE_KEY` holds none.
        path: the steps through the system that the page draws, in order.
        catalogue: the stages.
        waivers: what the gate accepts although it isn't CONFIRMED.
    """

    catalogue: Catalogue = field(default_factory=lambda: Catalogue(declared=False))
    waivers: Waivers = field(default_factory=Waivers)


class Table(_Choices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tool.prodstatus]` as it is written."""

    valid_for: timedelta = DEFAULT_VALID_FOR
    stages: tuple[Stage, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    unwaivable: tuple[str, ...] = ()
    waiver_max: timedelta = WAIVER_MAX


def _keys(of: type[Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in fields(of))


TABLE_KEYS, STAGE_KEYS = _keys(Table), _keys(Stage)
WAIVER_KEYS, STEP_KEYS = _keys(Waiver), _keys(Step)


def read_config(text: str, source: str) -> Config | None:
    """Return the configuration in a pyproject.toml's `text`; None if it has no [tool.prodstatus].

    A file that only mentions the word, as among its dependencies, has none; an empty table is one.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Raises:
        ConfigError: the TOML is broken, a key is unknown or of the wrong type, or the catalogue is
            inconsistent.
    """
    tools = _tools(text, source)
    if "prodstatus" not in tools:
        return None
    where = f"{source}: [tool.prodstatus]"
    data = _filled(_table(tools["prodstatus"], where), where)
    try:
        table = msgspec.convert(data, Table, builtin_types=(datetime, date, timedelta))
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(error, data, where)) from None
    try:
        catalogue = Catalogue(stages=table.stages, declared=bool(table.stages))
    except CatalogueError as error:
        msg = f"{where} {error}"
        raise ConfigError(msg) from None
    for number, step in enumerate(table.path, 1):
        _check_stage(step.shows, catalogue, f"{where} step {number}: shows = {step.shows!r} is")
    for name in table.unwaivable:
        _check_stage(name, catalogue, f"{where}: unwaivable holds {name!r}, which is")
    return Config(
        **{name: getattr(table, name) for name in _Choices.__struct_fields__},
        catalogue=catalogue,
        waivers=_waivers(table, where),
    )


def is_configured(text: str, source: str) -> bool:
    """Return whether a pyproject.toml's `text` has a `[tool.prodstatus]`, whatever is in it.

    Raises:
        ConfigError: the TOML is broken.
    """
    return "prodstatus" in _tools(text, source)


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


def read_name(text: str) -> str | None:
    """Return the name that a pyproject.toml gives its project; None where it gives none."""
    try:
        project = _toml(text).get("project")
    except ValueError:
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return (one_line(name) or None) if isinstance(name, str) else None


def _filled(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the table's data with what a value stands for, if it is of the right form."""
    filled = {name: _meant(name, value) for name, value in data.items()}
    default = filled.get("valid_for", DEFAULT_VALID_FOR)
    valid_for = default if isinstance(default, timedelta) else DEFAULT_VALID_FOR
    for key, one in (("stages", _stage), ("waivers", _waiver), ("path", _step)):
        items = filled.get(key)
        if isinstance(items, list):
            filled[key] = [
                one(item, _place(where, [key, n], data), valid_for)
                if isinstance(item, Mapping)
                else item
                for n, item in enumerate(items)
            ]
    return filled


def _meant(key: str, value: object) -> object:
    """Return the duration or instant that a value stands for; else the value."""
    try:
        if key in ("valid_for", "waiver_max") and isinstance(value, str):
            return parse_duration(value)
        if key == "expires" and isinstance(value, datetime) and value.tzinfo:
            return instant(value)
        if key == "expires" and isinstance(value, date) and not isinstance(value, datetime):
            return end_of(value)
    except (ValueError, OverflowError):
        return str(value)  # which is refused as what was written
    return value


def _stage(item: Mapping[str, Any], where: str, valid_for: timedelta) -> dict[str, Any]:
    if not item.get("id"):
        msg = f"{where}: every stage needs an id, as in id = 'oauth'"
        raise ConfigError(msg)
    stage = {name: _meant(name, value) for name, value in item.items()}
    names = stage.get("criteria")
    if isinstance(names, list):
        stage["criteria"] = [
            f"{item['id']}.{name}"
            if isinstance(name, str) and "." not in name.partition("[")[0]
            else name
            for name in names
        ]
    return {"title": title_of(str(item["id"])), "valid_for": valid_for, **stage}


def _waiver(item: Mapping[str, Any], where: str, _: timedelta) -> dict[str, Any]:
    for key in WAIVER_KEYS:
        if key not in item or (isinstance(item[key], str) and not item[key].strip()):
            unknown = [name for name in item if name not in WAIVER_KEYS]
            if unknown:
                raise ConfigError(_unknown(where, unknown[0], WAIVER_KEYS))
            msg = f"{where}: it has no {key}; a waiver needs {', '.join(WAIVER_KEYS)}"
            raise ConfigError(msg)
    return {name: _meant(name, value) for name, value in item.items()}


def _step(item: Mapping[str, Any], where: str, _: timedelta) -> dict[str, Any]:
    unknown = [name for name in item if name not in STEP_KEYS]
    if not unknown and not all(item.get(key) for key in STEP_KEYS):
        msg = f"{where}: it needs both keys, as in {{ step = 'purchase', shows = 'order' }}"
        raise ConfigError(msg)
    return dict(item)


def _place(where: str, steps: list[str | int], data: Mapping[str, Any]) -> str:
    """Return how messages call a table at the end of a path."""
    match steps:
        case [str(key), int(number)]:
            item = data[key][number]
            kind, name = {"stages": ("stage", "id"), "waivers": ("waiver", "criterion")}.get(
                key, ("step", "")
            )
            named = item.get(name) if isinstance(item, Mapping) else None
            if named:
                return f"{where} {kind}{' of' if kind == 'waiver' else ''} {named!r}"
            return f"{where} {kind}{' number' if kind == 'stage' else ''} {number + 1}"
        case _:
            return where


def _sentence(error: msgspec.ValidationError, data: Mapping[str, Any], where: str) -> str:
    """Return what is wrong with the table's data: the place, the key, the value and the rule."""
    from pytest_prodstatus.model.validation import problem_of

    wrong = problem_of(error, data, Table)
    steps, value = wrong.steps, wrong.value
    if wrong.unknown:
        return _unknown(_place(where, steps, data), wrong.unknown, wrong.names)
    if not wrong.rule:
        return f"{_place(where, steps, data)}: {wrong.message}"
    if isinstance(steps[-1], int):
        key = steps[-2]
        if len(steps) == 2 and "an object" in wrong.rule:
            return f"{where} {key}: must be a table, not {value!r}"
        return (
            f"{_place(where, steps[:-2], data)}: {key} holds {value!r}; it must be a list of texts"
        )
    place, key = _place(where, steps[:-1], data), steps[-1]
    if key in ("valid_for", "waiver_max"):
        return f"{place}: {key}: {value!r} is not a duration: {DURATION_FORM}"
    if key == "expires":
        return (
            f"{place}: {key} = {str(value)!r} must be a date, as in {key} = 2026-12-31, "
            "or a date and time with its offset, both without quotes"
        )
    rules = {"a text": "text", "a list": f"a list of {wrong.listed}"}
    rule = rules.get(wrong.rule, wrong.rule)
    if wrong.listed == "objects":
        rule = f"a list of tables ([[tool.prodstatus.{key}]])"
    return f"{place}: {key} = {value!r} must be {rule}"


def _unknown(place: str, name: str, names: Iterable[str]) -> str:
    from pytest_prodstatus.model.validation import nearest

    known = tuple(names)
    return f"{place}: unknown key {name!r}; {nearest(name, known)}keys are {', '.join(known)}"


def _check_stage(name: str, catalogue: Catalogue, what: str) -> None:
    """Refuse a name of a stage or criterion that is in no declared stage; `what` says where."""
    if catalogue.declared and name.partition(".")[0] not in catalogue.by_id:
        known = ", ".join(catalogue.by_id)
        msg = f"{what} in no stage; write a stage or stage.criterion; stages are {known}"
        raise ConfigError(msg)


def _waivers(table: Table, where: str) -> Waivers:
    """Return the table's waivers, each of its own criterion, and the rules that they must keep."""
    seen: set[str] = set()
    for waiver in table.waivers:
        if waiver.criterion in seen:
            msg = f"{where}: criterion {waiver.criterion!r} has two waivers; keep one of them"
            raise ConfigError(msg)
        seen.add(waiver.criterion)
    return Waivers(given=table.waivers, unwaivable=table.unwaivable, longest=table.waiver_max)


def _tools(text: str, source: str) -> Mapping[str, Any]:
    return _table(parse_toml(text, source).get("tool", {}), f"{source}: [tool]")


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{where}: must be a table, not {value!r}"
        raise ConfigError(msg)
    return value


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
