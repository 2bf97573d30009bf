"""What a run or a command is about: project, target, output folder, release and run.

The plugin and the commands resolve these five here, so that a gate asks about the run that pytest
made: command line before environment before pytest's configuration file. Separate from the settings
of a run, since a command reads them without pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.project import PRODUCTION, usual_folder
from pytest_prodstatus.readers import pytestini
from pytest_prodstatus.readers.config import TARGET_FORM, ConfigError

VARIABLES: Mapping[str, str] = {
    "root": "PRODSTATUS_ROOT",
    "target": "PRODSTATUS_TARGET",
    "dir": "PRODSTATUS_DIR",
    "subject": "PRODSTATUS_SUBJECT",
    "run": "PRODSTATUS_RUN_ID",
}
"""The inputs by name, and the environment variable of each."""

KEYS: Mapping[str, str] = {name: f"prodstatus_{name}" for name in ("target", "dir", "subject")}
"""Those that pytest's configuration file may give, and the key of each."""

_OPTIONS: Mapping[str, str] = {
    "--target": "target",
    **{f"--prodstatus-{name}": name for name in ("root", "target", "dir", "subject")},
}
_OVERRIDES = ("-o", "--override-ini")
_FILE = ("-c", "--config-file")


class InputError(ValueError):
    """A value that can't be used; one sentence that names where it was given."""


class Inputs(NamedTuple):
    """The resolved values.

    Attributes:
        root: the project's root, if one was named.
        target: the system.
        folder: where the outputs lie, if that was named.
        subject: the release.
        run: the id of the run.
    """

    root: Path | None
    target: str
    folder: Path | None
    subject: str | None
    run: str | None

    def outputs(self, root: Path) -> Path:
        """Return a project's output folder: the one that was named, else the target's usual one."""
        return self.folder or usual_folder(root, self.target)


class Configured(NamedTuple):
    """What pytest would be given in a folder, without a word on its command line.

    Attributes:
        options: the values in `addopts` and PYTEST_ADDOPTS, by input.
        ini: the values of the keys in the configuration file, by input.
    """

    options: Mapping[str, str]
    ini: Mapping[str, str]


def resolve_inputs(
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    ini: Mapping[str, str],
    start: Path,
    *,
    dashes: str = "--",
) -> Inputs:
    """Return the inputs: each from the command line, else the environment, else the ini file.

    An empty value in the environment or the file counts as none.

    Args:
        options: the values on the command line by input's name; None if it wasn't given.
        environ: the environment.
        ini: the values of pytest's keys, by input's name.
        start: the current folder, from which `root` and `dir` are relative, whoever gives them.
        dashes: what stands before an option's name, for messages.

    Raises:
        InputError: a value on the command line is empty, a target isn't a name that a folder can
            have, or a root isn't a folder.
    """
    given = {name: _first(name, options, environ, ini, dashes) for name in VARIABLES}
    root, target, folder = given["root"], given["target"], given["dir"]
    if target and not TARGET_FORM.fullmatch(target.value):
        msg = f"{target}: use letters, digits, '.', '_' and '-', as in 'staging'"
        raise InputError(msg)
    if root and not (start / root.value).is_dir():
        msg = f"{root}: there is no such folder; name the folder of the project's pyproject.toml"
        raise InputError(msg)
    subject, run = (one_line(v.value) if v else None for v in (given["subject"], given["run"]))
    return Inputs(
        root=start / root.value if root else None,
        target=target.value if target else PRODUCTION,
        folder=start / folder.value if folder else None,
        subject=subject,
        run=run,
    )


class _Given(NamedTuple):
    """A value, and what stands before it where it was given."""

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
) -> _Given | None:
    """Return the value that counts, without blanks around it; None if there is none."""
    option = options.get(name)
    if option is not None and not option.strip():
        msg = f"{dashes}{name} {option!r} is empty: leave the option out, or give it a value"
        raise InputError(msg)
    candidates = (
        _Given(f"{dashes}{name} ", (option or "").strip()),
        _Given(f"{VARIABLES[name]}=", environ.get(VARIABLES[name], "").strip()),
        _Given(f"{KEYS.get(name, name)} = ", ini.get(name, "").strip()),
    )
    return next((each for each in candidates if each.value), None)


def configured_in(start: Path, environ: Mapping[str, str]) -> Configured:
    """Return what pytest would be given if it were run in a folder without arguments.

    Read are its configuration file, `addopts` in it, PYTEST_ADDOPTS, and `-o` and `-c` there. The
    short `--target` is taken for ours, as it is unless another plugin has an option of this name.

    Args:
        start: the folder.
        environ: the environment.

    Raises:
        ConfigError: pytest couldn't read them either; one sentence.
    """
    extra = pytestini.arguments_of(environ.get("PYTEST_ADDOPTS", ""), "PYTEST_ADDOPTS")
    named = [value for _, value in pytestini.given_in(extra, _FILE)]
    values = dict(_read(start / named[-1]) or {} if named else _values_in(start))
    values.update(_overridden(extra))
    arguments = [*pytestini.arguments_of(values.get("addopts", ""), "addopts"), *extra]
    values.update(_overridden(arguments))
    return Configured(
        options={_OPTIONS[name]: v for name, v in pytestini.given_in(arguments, _OPTIONS)},
        ini={name: pytestini.text_of(values, key) for name, key in KEYS.items()},
    )


def _overridden(arguments: list[str]) -> dict[str, str]:
    pairs = (value.partition("=") for _, value in pytestini.given_in(arguments, _OVERRIDES))
    return {key: value for key, _, value in pairs}


def _values_in(start: Path) -> pytestini.Values:
    for folder in (start, *start.parents):
        for name in pytestini.FILES:
            path = folder / name
            values = _read(path) if path.is_file() else None
            if values is not None:
                return values
    return {}


def _read(path: Path) -> pytestini.Values | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: can't be read, and pytest reads its settings there: {error}"
        raise ConfigError(msg) from None
    return pytestini.read_values(path.name, text, str(path))


def saves_history(environ: Mapping[str, str]) -> bool:
    """Return whether PRODSTATUS_HISTORY lets the history be saved, which is so unless it is 0.

    Raises:
        ValueError: it is neither 0 nor 1; one sentence.
    """
    chosen = environ.get("PRODSTATUS_HISTORY", "").strip()
    if chosen not in ("", "0", "1"):
        msg = f"PRODSTATUS_HISTORY={chosen!r}: set it to 0 to save no history, or to 1"
        raise ValueError(msg)
    return chosen != "0"
