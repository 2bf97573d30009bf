"""The options of a run, by name only: their values are parsed when a run is judged.

Every run of pytest imports this module, with or without criteria, so it imports nothing of the
model. The grammar of `-m` is the one that pytest documents under "Working with custom markers".
pytest has no public function that evaluates an expression, and we need its value before collection.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.readers import SETTINGS_LIMIT, read_file

MARK = "production"
"""The mark that every criterion carries."""

_WORD = re.compile(r"[\w:+\-.\[\]\\/]+(?:\([^()]*=[^()]*\))?")
_MOST_MARKS = 12
"""The other marks in one expression, at most; all their combinations are tried."""


def asks_for_production(expression: str) -> bool:
    """Return whether a mark expression selects a test because of its mark `production`.

    `production and not slow` asks for production; `not production` and `not slow` don't. An
    expression that can't be parsed asks for nothing, since pytest refuses it.
    """
    if MARK not in expression or _WORD.sub("", expression).strip("() \t\r\n"):
        return False
    # Python's own parser reads it, with a name in place of each mark; a mark with arguments is
    # another mark.
    names: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        word = found[0]
        is_mark = word not in ("and", "or", "not")
        return f" {names.setdefault(word, f'm{len(names)}') if is_mark else word} "

    text = " ".join(_WORD.sub(named, expression).split())
    try:
        tree = ast.parse(text, mode="eval").body
        _is_true(tree, ())
    except (SyntaxError, ValueError):
        return False
    ours = {names.pop(MARK)} if MARK in names else set()
    # 4,096 combinations at most; beyond that, naming the mark is enough.
    if not ours or len(names) > _MOST_MARKS:
        return bool(ours)
    # By trying: whether an expression needs a mark is more than whether it names it.
    some = (combinations(names.values(), size) for size in range(len(names) + 1))
    return any(
        _is_true(tree, {*others, *ours}) and not _is_true(tree, others)
        for others in chain.from_iterable(some)
    )


def _is_true(node: ast.expr, marks: Collection[str]) -> bool:
    """Return whether an expression is true of a test with these marks.

    Raises:
        ValueError: it isn't an expression of marks.
    """
    match node:
        case ast.Name():
            return node.id in marks
        case ast.UnaryOp(op=ast.Not()):
            return not _is_true(node.operand, marks)
        case ast.BoolOp():
            values = [_is_true(value, marks) for value in node.values]
            return all(values) if isinstance(node.op, ast.And) else any(values)
    msg = f"{ast.dump(node)} isn't a mark"
    raise ValueError(msg)


# Name, metavar, help. Each is `--prodstatus-NAME`, PRODSTATUS_NAME and the ini key
# `prodstatus_NAME` (`key_of`), except that there is no key for the root, which may determine the
# ini file, and for the shard, which is another one in every process.
OPTIONS = (
    ("root", "FOLDER", "the project's folder (default: the nearest with [tool.prodstatus])"),
    ("stage", "STAGE[,STAGE…]", "judge only these stages (and the stages that they roll up)"),
    ("unmet", "blocked", "judge only what isn't CONFIRMED; with =blocked, not what FAILED"),
    ("shard", "I/N", "judge only shard I of N, from 1: each criterion is in one of them"),
    ("target", "NAME", "the system to judge (default: production)"),
    ("dir", "FOLDER", "write the outputs here (default: reports/, or reports/TARGET/)"),
    ("gate", "RULE", "confirmed (default), not-failed or off: what ends with exit status 0"),
    ("subject", "RELEASE", "the release that runs on the target and is judged"),
    ("within", "DURATION", "how long the whole run may take, as in 20m (default: no limit)"),
    (
        "termination-message",
        "FILE",
        "write the verdict and why here for Kubernetes (default: its file, in a container)",
    ),
)
_SHORT = ("stage", "unmet", "target")
_NO_KEY = ("root", "shard")
_UNMET = "--prodstatus-unmet"
RUN_ID = "PRODSTATUS_RUN_ID"
"""The variable that gives a run its id."""

NOTHING_RUNS = (
    "help",
    "version",
    "markers",
    "collectonly",
    "setuponly",
    "setupplan",
    "showfixtures",
    "show_fixtures_per_test",
    "cacheshow",
)
"""Options of pytest with which no criterion is judged, so that nothing is written."""

STAGE_MARK = "stage"
"""The mark that makes a test a criterion."""


def add_options(parser: pytest.Parser) -> None:
    """Add the long options and their ini keys."""
    group = parser.getgroup("prodstatus", "production status")
    for name, metavar, text in OPTIONS:
        short = f"; --{name} for short, unless that name is taken" if name in _SHORT else ""
        key = key_of(name)
        ini = "" if name in _NO_KEY else f" and the ini key {key}"
        described = f"{text}{short}; also {key.upper()}{ini}"
        group.addoption(
            f"--prodstatus-{name}",
            dest=key,
            metavar=metavar,
            help=described,
            # `--stage a --stage b` selects both; the last one alone would hide the first.
            action="append" if name == "stage" else "store",
            # Without a value it is "all"; `expand_short_options` writes that, since argparse would
            # take a path that follows.
            nargs="?" if name == "unmet" else None,
        )
        if ini:
            parser.addini(key, described)


def key_of(name: str) -> str:
    """Return the ini key of one of `OPTIONS`; in upper case it is the variable."""
    return f"prodstatus_{name.replace('-', '_')}"


def expand_short_options(
    parser: pytest.Parser, args: list[str], conftests: Iterable[str] = ()
) -> None:
    """Expand the short options, each unless another plugin or a conftest has that option.

    They aren't added to the parser, except for `--help` (`show_short_options`): if a conftest that
    is loaded later adds one, pytest would stop.

    Args:
        parser: pytest's.
        args: the command line, which is changed.
        conftests: texts of conftests that aren't imported yet and may take an option.
    """
    end = args.index("--") if "--" in args else len(args)
    for short in (f"--{name}" for name in _SHORT):
        used = [i for i, arg in enumerate(args[:end]) if arg.partition("=")[0] == short]
        if used and not _is_taken(parser, short) and not any(short in text for text in conftests):
            for index in used:
                args[index] = f"--prodstatus-{args[index].removeprefix('--')}"
    args[:end] = [f"{arg}=all" if arg == _UNMET else arg for arg in args[:end]]


def show_short_options(parser: pytest.Parser, namespace: argparse.Namespace) -> None:
    """Let `--help` list the short options beside the long ones, each unless it is taken.

    For the help alone, since it imports no conftest after the initial ones: see
    `expand_short_options`.
    """
    if not getattr(namespace, "help", False):
        return
    group = parser.getgroup("prodstatus")
    for name, metavar, _ in OPTIONS:
        short = f"--{name}"
        if name in _SHORT and not _is_taken(parser, short):
            nargs = "?" if name == "unmet" else None
            group.addoption(
                short, dest=f"prodstatus_short_{name}", metavar=metavar, nargs=nargs,
                help=f"short for --prodstatus-{name}",
            )  # fmt: skip


def _is_taken(parser: pytest.Parser, option: str) -> bool:
    """Return whether pytest, a plugin or a conftest has added an option."""
    probe = f"{option}=probe"
    try:
        _, unknown = parser.parse_known_and_unknown_args([probe])
    except Exception:  # noqa: BLE001  known to a plugin, whose type may refuse the value in any way
        return True
    return probe not in unknown


def known_before_conftests(
    config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> argparse.Namespace:
    """Return the part of the command line that is known before any conftest is imported.

    The short options count as ours unless a plugin has these options, or the text of a
    conftest that may be imported next contains them.
    """
    expanded = [*args]
    # Files are read only if a short option is used, which few runs do.
    used = {arg.partition("=")[0] for arg in args}
    texts = list(_texts_of(config)) if used & {f"--{name}" for name in _SHORT} else []
    expand_short_options(parser, expanded, [text for text in texts if "addoption" in text])
    if expanded == args:
        return config.known_args_namespace
    return parser.parse_known_args(expanded, namespace=copy.copy(config.option))


def _texts_of(config: pytest.Config) -> Iterator[str]:
    """Yield the texts of the conftests that pytest imports before it collects."""
    # Imported here, since most runs use none of the short options.
    from pytest_prodstatus.readers import read_text

    for path in early_conftests(config):
        with contextlib.suppress(OSError):
            yield read_text(path, errors="replace")


def early_conftests(config: pytest.Config) -> list[Path]:
    """Return the paths at which pytest looks for conftests before it collects.

    They are those of the arguments' folders, of the folders above and of those below whose names
    begin with "test" (documented under "conftest.py: local per-directory plugins").
    """
    here = config.invocation_params.dir
    names = config.known_args_namespace.file_or_dir or config.getini("testpaths") or [""]
    starts = {(here / str(name).partition("::")[0]).resolve() for name in names}
    folders = {folder for start in starts for folder in (start, *start.parents)}
    folders |= {folder for start in starts for folder in start.glob("test*")}
    return [folder / "conftest.py" for folder in sorted(folders)]


def given(
    config: pytest.Config,
    name: str,
    environ: Mapping[str, str] = os.environ,
    namespace: argparse.Namespace | None = None,
) -> str:
    """Return an option's value, from the command line, else the environment, else the ini file.

    Args:
        config: pytest's.
        name: the name of one of `OPTIONS`.
        environ: the environment.
        namespace: the command line; by default `config.option`.
    """
    key = key_of(name)
    chosen = getattr(namespace or config.option, key, None)
    if isinstance(chosen, list):
        chosen = ",".join(chosen)
    if chosen is None:
        chosen = environ.get(key.upper())
        if not chosen and name not in _NO_KEY:
            chosen = config.getini(key)
    return str(chosen or "").strip()


def worker_input(config: pytest.Config) -> dict[str, Any]:
    """Return the values that the controller sent to this xdist worker; else an empty dict."""
    values: dict[str, Any] = getattr(config, "workerinput", {})
    return values


INTENT = "prodstatus_intent"
"""The key under which a controller sends its workers what `intent_of` returns."""
BASIS = "prodstatus_basis"
"""The key under which a controller sends its workers what is known of earlier runs."""


def intent_of(config: pytest.Config) -> dict[str, Any]:
    """Return what the command line itself asks for, without variables, ini files and `addopts`.

    Its items, all of builtin types: `target`, the name given with `--target`; `stages`, those given
    with `--stage`; `production`, whether `-m` asks for production tests; and `nodes`, whether any
    test is named by its node id.
    """
    sent: dict[str, Any] | None = worker_input(config).get(INTENT)
    if sent is not None:
        return sent
    words = [str(word) for word in config.invocation_params.args]
    words = words[: words.index("--")] if "--" in words else words
    marks = str(getattr(config.option, "markexpr", "") or "")
    return {
        "target": next(reversed(_values(words, "target")), ""),
        "stages": [stage.strip() for text in _values(words, "stage") for stage in text.split(",")],
        # The last `-m` counts, and the command line comes after `addopts`.
        "production": any(map(_MARK_OPTION.match, words)) and asks_for_production(marks),
        "nodes": any("::" in str(path) for path in config.args),
    }


_MARK_OPTION = re.compile(r"-[a-zA-Z]*m")


def _values(words: list[str], name: str) -> list[str]:
    """Return the values of one of our options on a command line, in its long or short form."""
    values = []
    for place, word in enumerate(words, start=1):
        option, equals, value = word.partition("=")
        if option in (f"--{name}", f"--prodstatus-{name}"):
            values.append(value if equals else "".join(words[place : place + 1]))
    return values


def judges(namespace: argparse.Namespace) -> bool:
    """Return whether tests will run, so that criteria can be judged."""
    return not any(getattr(namespace, name, False) for name in NOTHING_RUNS)


def asks_to_judge(
    config: pytest.Config,
    environ: Mapping[str, str] = os.environ,
    namespace: argparse.Namespace | None = None,
) -> bool:
    """Return whether a run must judge, even if it finds no criteria.

    A mark expression that asks for production tests, a stage, a shard, `--unmet` or a run id does.
    PRODSTATUS_DIR and PRODSTATUS_TARGET alone don't: a job's unit tests inherit them.
    """
    return narrows_to_criteria(config, environ, namespace) or bool(environ.get(RUN_ID, "").strip())


def narrows_to_criteria(
    config: pytest.Config,
    environ: Mapping[str, str] = os.environ,
    namespace: argparse.Namespace | None = None,
) -> bool:
    """Return whether a mark expression or one of our options selects criteria, and nothing else."""
    marks = str(getattr(namespace or config.option, "markexpr", "") or "")
    narrowing = (given(config, name, environ, namespace) for name in ("stage", "unmet", "shard"))
    return asks_for_production(marks) or any(narrowing)


def may_judge(config: pytest.Config, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a run may be one to judge, as far as is known before the collection.

    It may be because of an option, a variable, a mark or the project's configuration, or because
    pytest-html counts its columns when the session starts.
    """
    if environ.get("PRODSTATUS_HISTORY", "").strip() not in ("", "0", "1"):
        return True  # the settings refuse the value, with a message
    if getattr(config.option, "htmlpath", None) or environ.get(RUN_ID, "").strip():
        return True
    if "production" in str(config.getoption("markexpr", "") or ""):
        return True
    if any(given(config, name, environ) for name, _, _ in OPTIONS):
        return True
    start = config.invocation_params.dir
    return any(map(_mentions_us, (start, *start.parents)))


def _mentions_us(folder: Path) -> bool:
    """Return whether the pyproject.toml in a folder may configure this plugin."""
    try:
        return b"prodstatus" in read_file(folder / "pyproject.toml", limit=SETTINGS_LIMIT)
    except FileNotFoundError:
        return False
    except OSError:
        return (
            folder / "pyproject.toml"
        ).is_file()  # find_project reads it again and reports the error
