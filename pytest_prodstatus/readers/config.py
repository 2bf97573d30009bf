"""The configuration in `[tool.prodstatus]` of a pyproject.toml: the catalogue and the options.

The Structs say which keys a table may have and of what type each value is. The functions convert
durations and dates, fill in defaults, and turn an error of msgspec into a sentence that names the
file, the table, the value and the rule. Nothing here reads a file: the caller gives the text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field
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
    is_visible,
    one_line,
    parse_duration,
    plain,
)
from pytest_prodstatus.model.waiver import WAIVER_MAX, Waiver, Waivers, end_of

DEFAULT_DOCUMENT = "PRODUCTION_STATUS.md"
DEFAULT_TITLE = "Production status"
OUTPUTS = ("status.json", "status.html")
"""The record and the page, whose names are fixed."""
SETTINGS = ("pyproject.toml", ".env", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
"""Files that a run reads, so that it must not write them."""

TARGET_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A target's name, which is also the name of a folder."""


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


class ConfigError(ValueError):
    """An invalid configuration; the message is a sentence with the file, the value and the rule."""


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the path through the system that the page draws.

    Attributes:
        name: shown on the page; an instant of the same name in the evidence dates the step.
        shows: the stage or criterion that gives the step its verdict.
    """

    name: str = field(name="step")
    shows: str

    def __post_init__(self) -> None:
        # msgspec's way to set a field of a frozen Struct in `__post_init__`.
        force_setattr(self, "name", one_line(self.name, limit=NAME_LIMIT))


class Attachments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that is kept of what criteria attach, in millions of bytes.

    Attributes:
        file_mb: of one file; a larger one is refused.
        run_mb: of all files of a run.
        folder_mb: of all runs of the output folder; the oldest ones are removed.
    """

    file_mb: Annotated[int, Meta(ge=1, le=200)] = 10
    run_mb: Annotated[int, Meta(ge=1, le=10_000)] = 100
    folder_mb: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000

    def __post_init__(self) -> None:
        if not self.file_mb <= self.run_mb <= self.folder_mb:
            msg = (
                f"file_mb = {self.file_mb}, run_mb = {self.run_mb} and folder_mb = "
                f"{self.folder_mb} of attachments must not get smaller in this order"
            )
            raise ValueError(msg)


class _Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that are the same in the file and in `Config`, which describes them."""

    title: str = DEFAULT_TITLE
    document: str = DEFAULT_DOCUMENT
    html: str = ""
    paths: tuple[str, ...] = ()
    require_evidence: bool = False
    require_assertion: bool = False
    history: bool = True
    require_history: bool = False
    foreign_status: Literal["close", "ignore"] = "close"
    success_criteria: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    signed_by: tuple[str, ...] = ()
    signed_by_threshold: Annotated[int, Meta(ge=1, le=100)] = 1
    path: tuple[Step, ...] = ()
    ephemeral: tuple[str, ...] = ()
    attachments: bool | Attachments = False

    def __post_init__(self) -> None:
        force_setattr(self, "title", one_line(self.title))
        force_setattr(self, "success_criteria", tuple(map(one_line, self.success_criteria)))
        force_setattr(self, "exports", tuple(dict.fromkeys(self.exports)))
        if self.require_history and not self.history:
            msg = "history = false contradicts require_history = true: take one of them out"
            raise ValueError(msg)
        if not all(map(_VARIABLE.fullmatch, self.notify)):
            # Not the value: it may be an address with a password.
            msg = "notify holds the names of environment variables, as in 'NOTIFY_URL'; put the "
            raise ValueError(msg + "addresses into these, since they are secrets")
        _check_file("document", self.document)
        if not all(map(str.strip, self.signed_by)):
            msg = f"signed_by holds {''!r}, which would be every key in the project's folder: name "
            raise ValueError(msg + "files or folders of public keys, as in 'keys'")
        if self.html:
            _check_file("html", self.html)
            # Two outputs of one name would overwrite each other.
            if self.html.removeprefix("./") == self.document:
                msg = f"html = {self.html!r} is the status document: give one of them another name"
                raise ValueError(msg)


def _check_file(key: str, name: str) -> None:
    """Reject a name that no file can have, or that another output has.

    Raises:
        ValueError: the name is rejected; the message says why.
    """
    if not name or name != one_line(name) or name.endswith("/"):
        msg = f"{key} = {name!r} must be the name of a file, as in 'STATUS.md'"
        raise ValueError(msg)
    last = name.rpartition("/")[2]  # `document` may be a path, which may lead to the same file
    if last in OUTPUTS:
        msg = (
            f"{key} = {name!r} is a file that the plugin writes itself; "
            f"use another name than {' or '.join(OUTPUTS)}"
        )
        raise ValueError(msg)
    if last in SETTINGS:
        msg = f"{key} = {name!r} has settings of the project: use another name, as in 'STATUS.md'"
        raise ValueError(msg)


class Config(_Options, frozen=True, kw_only=True):
    """The configuration of a project.

    Attributes:
        title: heading of the document and the page.
        document: path of the status document; a bare name is in the output folder, a path with a
            slash is relative to the project's root.
        html: name of pytest-html's report in the output folder; "" if only `--html` gives one.
        paths: folders and files of the criteria; a production run without a path collects only
            these.
        require_evidence: whether a criterion that recorded no evidence is BLOCKED.
        require_assertion: whether a criterion in which no assertion passed is BLOCKED; the stages
            say it for themselves.
        history: whether the history of runs is saved, unless PRODSTATUS_HISTORY says otherwise.
        require_history: whether a run is BLOCKED if its history can't be saved.
        foreign_status: whether an exit status of pytest that no criterion explains closes the gate
            ("close") or not ("ignore").
        success_criteria: sentences at the end of the document.
        exports: names of the formats that a run also writes (`writers/exports.py`).
        secrets: patterns of variables' names: `*_SEED` is a secret too, `!CACHE_KEY` isn't one.
        notify: names of environment variables, each with an address for notifications.
        signed_by: files and folders of public keys, relative to the project's root; if there are
            any, only a signed record opens the gate or is carried over.
        signed_by_threshold: how many of these keys must have signed.
        path: the steps through the system that the page draws, in order.
        ephemeral: targets that are made anew for every run, which knows nothing of earlier runs.
        attachments: whether what criteria attach is kept, or how much of it.
        name: the project's, `project.name` of the same file; None if it has none there.
        catalogue: the stages.
        waivers: the criteria that the gate accepts although they aren't CONFIRMED.
    """

    name: str | None = None
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(declared=False))
    waivers: Waivers = field(default_factory=Waivers)

    @property
    def attachment_limits(self) -> Attachments | None:
        """How much is kept of what criteria attach; None if they are off."""
        if isinstance(self.attachments, bool):
            return Attachments() if self.attachments else None
        return self.attachments


# Again here: msgspec doesn't pass `forbid_unknown_fields` on to a Struct that inherits.
class Table(_Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tool.prodstatus]` with the keys of the file; `Config` is made of it.

    Attributes:
        valid_for: the default of its stages.
        stages, waivers: its tables of these names.
        unwaivable, waiver_max: the rules of `Waivers`.
    """

    valid_for: timedelta = DEFAULT_VALID_FOR
    stages: tuple[Stage, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    unwaivable: tuple[str, ...] = ()
    waiver_max: timedelta = WAIVER_MAX


def _keys(struct: type[Struct]) -> tuple[str, ...]:
    """Return the keys of a table as the file writes them."""
    return tuple(field.encode_name for field in fields(struct))


# Types that `_converted` has made already. `plain`, because freezegun may have replaced them.
_BUILTIN = (plain(datetime), plain(date), timedelta)
TABLE_KEYS, STAGE_KEYS = _keys(Table), _keys(Stage)
WAIVER_KEYS, STEP_KEYS = _keys(Waiver), _keys(Step)


def read_config(text: str, source: str) -> Config | None:
    """Read the configuration from a pyproject.toml; None if it has no `[tool.prodstatus]`.

    An empty table counts as a configuration.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Raises:
        ConfigError: the TOML is broken, a key is unknown or of the wrong type, or the catalogue is
            inconsistent.
    """
    tools = _tool_table(text, source)
    if "prodstatus" not in tools:
        return None
    _check_table_names(tools, source)
    place = f"{source}: [tool.prodstatus]"
    data = _converted_table(_as_table(tools["prodstatus"], place), place)
    try:
        table = msgspec.convert(data, Table, builtin_types=_BUILTIN)
    except msgspec.ValidationError as error:
        raise ConfigError(_validation_message(error, data, place)) from None
    try:
        catalogue = Catalogue(
            stages=table.stages,
            declared=bool(table.stages),
            # Declared stages have it as their own default (`_converted_table`).
            require_assertion=table.require_assertion and not table.stages,
            run_rules=_run_rules(table),
        )
    except CatalogueError as error:
        msg = f"{place} {error}"
        raise ConfigError(msg) from None
    if "signed_by_threshold" in data and not table.signed_by:
        msg = (
            f"{place} signed_by_threshold = {table.signed_by_threshold} needs signed_by: without "
            "keys no signature is wanted"
        )
        raise ConfigError(msg)
    for number, step in enumerate(table.path, 1):
        _check_stage(step.shows, catalogue, f"{place} step {number}: shows = {step.shows!r} is")
    for name in table.unwaivable:
        _check_stage(name, catalogue, f"{place}: unwaivable holds {name!r}, which is")
    return Config(
        **{name: getattr(table, name) for name in _Options.__struct_fields__},
        name=read_project_name(text),
        catalogue=catalogue,
        waivers=_waivers(table, catalogue, place),
    )


def _run_rules(table: Table) -> tuple[str, ...]:
    """Return the rules of a table that a run applies, and of which its record shows nothing."""
    ignores = ("foreign_status = ignore",) if table.foreign_status == "ignore" else ()
    remembers = ("require_history",) if table.require_history else ()
    return (*ignores, *remembers, *(f"ephemeral {target}" for target in table.ephemeral))


def _check_table_names(tools: Mapping[str, Any], source: str) -> None:
    """Reject a table whose name is nearly ours: its keys would be dropped in silence.

    So `[tool.prodstaus]` above `[[tool.prodstatus.stages]]` would lose every rule of the project.
    """
    for name in tools:
        # The cheap conditions first: difflib has to be imported.
        if name != "prodstatus" and name[:1].lower() == "p" and abs(len(name) - 10) <= 2:
            from difflib import SequenceMatcher

            if SequenceMatcher(None, name.lower(), "prodstatus").ratio() >= 0.85:
                msg = f"{source}: [tool.{name}] is not read; did you mean [tool.prodstatus]?"
                raise ConfigError(msg)


def is_configured(text: str, source: str) -> bool:
    """Return whether a pyproject.toml has a `[tool.prodstatus]`; its content isn't checked.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Raises:
        ConfigError: the TOML is broken.
    """
    return "prodstatus" in _tool_table(text, source)


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse a TOML file.

    Args:
        text: the file's content.
        source: the file's name, for messages.

    Returns:
        The data; it is cached, so the caller must not change it.

    Raises:
        ConfigError: it isn't valid TOML.
    """
    try:
        return _toml(text)
    except ValueError as error:
        msg = f"{source}: not valid TOML: {error}"
        raise ConfigError(msg) from None


def read_project_name(text: str) -> str | None:
    """Return `project.name` of a pyproject.toml; None if there is none, or the TOML is broken."""
    try:
        project = _toml(text).get("project")
    except ValueError:
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return (one_line(name) or None) if isinstance(name, str) else None


def _converted_table(data: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Convert the durations and dates in the table, and fill in the defaults of its stages.

    A value of the wrong type stays as it is: validation reports it.
    """
    # Before validation, because the text "24h" isn't a duration for msgspec, and only the raw table
    # says whether a stage has the key.
    converted = {name: _converted(name, value) for name, value in data.items()}
    default = converted.get("valid_for", DEFAULT_VALID_FOR)
    valid_for = default if isinstance(default, timedelta) else DEFAULT_VALID_FOR
    defaults = {"valid_for": valid_for, "require_assertion": data.get("require_assertion") is True}
    for key, convert in (
        ("stages", _convert_stage),
        ("waivers", _convert_waiver),
        ("path", _convert_step),
    ):
        items = converted.get(key)
        if isinstance(items, list):
            converted[key] = [
                convert(item, _table_place(place, [key, n], data), defaults)
                if isinstance(item, Mapping)
                else item
                for n, item in enumerate(items)
            ]
    return converted


def _converted(key: str, value: object) -> object:
    """Convert a value of a duration or date; any other value is returned unchanged."""
    try:
        if key in ("valid_for", "waiver_max") and isinstance(value, str):
            return parse_duration(value)
        if key == "expires" and isinstance(value, datetime) and value.tzinfo:
            return instant(value)
        # A datetime is a date, too. One without an offset stays as it is, and is rejected: TOML's
        # local times name no instant.
        if key == "expires" and isinstance(value, date) and not isinstance(value, datetime):
            return instant(end_of(value))
    except (ValueError, OverflowError):
        return str(value)  # validation rejects it, and its message shows the value as written
    return value


def _convert_stage(
    item: Mapping[str, Any], place: str, defaults: Mapping[str, object]
) -> dict[str, Any]:
    """Convert a table `[[tool.prodstatus.stages]]`: fill in its title, defaults and criteria's ids.

    Raises:
        ConfigError: it has no id, by which every other message would name it.
    """
    if not item.get("id"):
        msg = f"{place}: every stage needs an id, as in id = 'oauth'"
        raise ConfigError(msg)
    stage = {name: _converted(name, value) for name, value in item.items()}
    names = stage.get("criteria")
    # A name without a stage belongs to this one; a dot inside brackets is a parameter's.
    if isinstance(names, list):
        stage["criteria"] = [
            f"{item['id']}.{name}"
            if isinstance(name, str) and "." not in name.partition("[")[0]
            else name
            for name in names
        ]
    return {"title": title_of(str(item["id"])), **defaults, **stage}


def _convert_waiver(item: Mapping[str, Any], place: str, _: Mapping[str, object]) -> dict[str, Any]:
    """Convert a table `[[tool.prodstatus.waivers]]`.

    Raises:
        ConfigError: a key is missing or blank: each of them is part of what makes it a waiver.
    """
    for key in WAIVER_KEYS:
        if key not in item or (isinstance(item[key], str) and not is_visible(item[key])):
            # The name of a misspelt key says more than the key that is missing in its place.
            unknown = [name for name in item if name not in WAIVER_KEYS]
            if unknown:
                raise ConfigError(_unknown_key(place, unknown[0], WAIVER_KEYS))
            msg = f"{place}: it has no {key}; a waiver needs {', '.join(WAIVER_KEYS)}"
            raise ConfigError(msg)
    return {name: _converted(name, value) for name, value in item.items()}


def _convert_step(item: Mapping[str, Any], place: str, _: Mapping[str, object]) -> dict[str, Any]:
    """Check that a step of `path` has both keys; an unknown key is left to validation.

    Raises:
        ConfigError: a key is missing or empty.
    """
    unknown = [name for name in item if name not in STEP_KEYS]
    if not unknown and not all(item.get(key) for key in STEP_KEYS):
        msg = f"{place}: it needs both keys, as in {{ step = 'purchase', shows = 'order' }}"
        raise ConfigError(msg)
    return dict(item)


def _table_place(place: str, steps: list[str | int], data: Mapping[str, Any]) -> str:
    """Return the place of a table for messages: `pyproject.toml: [tool.prodstatus] stage 'api'`.

    Args:
        place: of the table `[tool.prodstatus]`.
        steps: keys and indices that lead from it to the table.
        data: the content of `[tool.prodstatus]`.
    """
    match steps:
        case [str(key), int(number)]:
            item = data[key][number]
            kind, name = {"stages": ("stage", "id"), "waivers": ("waiver", "criterion")}.get(
                key, ("step", "")
            )
            named = item.get(name) if isinstance(item, Mapping) else None
            if named:
                return f"{place} {kind}{' of' if kind == 'waiver' else ''} {named!r}"
            return f"{place} {kind}{' number' if kind == 'stage' else ''} {number + 1}"
        case _:
            return place


def _validation_message(error: msgspec.ValidationError, data: Mapping[str, Any], place: str) -> str:
    """Return a sentence for a validation error: the place, the key, the value and the rule."""
    from pytest_prodstatus.model.validation import problem_of

    problem = problem_of(error, data, Table)
    steps, value = problem.steps, problem.value
    if problem.unknown:
        return _unknown_key(_table_place(place, steps, data), problem.unknown, problem.names)
    if not problem.rule:
        return f"{_table_place(place, steps, data)}: {problem.message}"
    if isinstance(steps[-1], int):
        key = steps[-2]
        if len(steps) == 2 and "an object" in problem.rule:
            return f"{place} {key}: must be a table, not {value!r}"
        table = _table_place(place, steps[:-2], data)
        return f"{table}: {key} holds {value!r}; it must be a list of texts"
    table, key = _table_place(place, steps[:-1], data), steps[-1]
    if key in ("valid_for", "waiver_max"):
        return f"{table}: {key}: {value!r} is not a duration: {DURATION_FORM}"
    if key == "expires" and str(value).startswith(("9999-", "0001-")):
        return (
            f"{table}: expires = {str(value)!r} must end within the years 1 to 9999 in UTC, and a "
            "waiver's within waiver_max: name an earlier day"
        )
    if key == "expires":
        return (
            f"{table}: {key} = {str(value)!r} must be a date (YYYY-MM-DD), or a date and time with "
            "its offset, both without quotes"
        )
    rules = {
        "a text": "text",
        "a list": f"a list of {problem.listed}",
        "true or false or an object": "true, false or a table of limits",
    }
    rule = rules.get(problem.rule, problem.rule)
    if problem.listed == "objects":
        rule = f"a list of tables ([[tool.prodstatus.{key}]])"
    return f"{table}: {key} = {value!r} must be {rule}"


def _unknown_key(place: str, name: str, names: Iterable[str]) -> str:
    """Return the sentence for a key that the table at `place` doesn't have."""
    from pytest_prodstatus.model.validation import nearest

    known = tuple(names)
    return f"{place}: unknown key {name!r}; {nearest(name, known)}keys are {', '.join(known)}"


def _check_stage(name: str, catalogue: Catalogue, subject: str) -> None:
    """Reject the name of a stage or criterion if no such stage is declared.

    Args:
        name: of the stage, or `stage.criterion`.
        catalogue: the declared stages.
        subject: the beginning of the message, with its verb.
    """
    if catalogue.declared and name.partition(".")[0] not in catalogue.by_id:
        known = ", ".join(catalogue.by_id)
        msg = f"{subject} in no stage; write a stage or stage.criterion; stages are {known}"
        raise ConfigError(msg)


def _waivers(table: Table, catalogue: Catalogue, place: str) -> Waivers:
    """Build the waivers of a table, with their rules.

    An unwaivable rollup has no criteria of its own; those of the stages in it are unwaivable.

    Raises:
        ConfigError: a criterion has two waivers.
    """
    seen: set[str] = set()
    for waiver in table.waivers:
        if waiver.criterion in seen:
            msg = f"{place}: criterion {waiver.criterion!r} has two waivers; keep one of them"
            raise ConfigError(msg)
        seen.add(waiver.criterion)
    unwaivable = list(dict.fromkeys(table.unwaivable))
    for name in unwaivable:  # it grows meanwhile, for a rollup in a rollup
        rolled = catalogue.by_id[name].rollup if name in catalogue.by_id else ()
        unwaivable += [other for other in rolled if other not in unwaivable]
    return Waivers(given=table.waivers, unwaivable=tuple(unwaivable), longest=table.waiver_max)


def _tool_table(text: str, source: str) -> Mapping[str, Any]:
    return _as_table(parse_toml(text, source).get("tool", {}), f"{source}: [tool]")


def _as_table(value: object, place: str) -> Mapping[str, Any]:
    """Return a value that must be a table; `place` names it in the message.

    Raises:
        ConfigError: it isn't a table.
    """
    if not isinstance(value, Mapping):
        msg = f"{place}: must be a table, not {value!r}"
        raise ConfigError(msg)
    return value


@lru_cache(maxsize=4)  # a command reads the project's file for itself and for pytest's settings
def _toml(text: str) -> dict[str, Any]:
    """Parse a text in TOML.

    Raises:
        ValueError: it isn't TOML.
    """
    # Not above: a project without a configuration shouldn't pay for the import.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
