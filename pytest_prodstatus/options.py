"""The options of a run, by name only: what they mean is read where a run is judged.

Every run of pytest imports this, with or without criteria, so nothing of the model is named here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import pytest

# Name, what it takes, help. Each is `--prodstatus-NAME`, PRODSTATUS_NAME and `prodstatus_NAME`.
OPTIONS = (
    ("stage", "STAGE[,STAGE…]", "judge only these stages (and the stages that they roll up)"),
    ("target", "NAME", "the system to judge (default: production)"),
    ("dir", "FOLDER", "write the outputs here (default: reports/, or reports/TARGET/)"),
    ("gate", "RULE", "confirmed (default), not-failed or off: what ends with exit status 0"),
    ("subject", "RELEASE", "the deployed release that is judged, for the record"),
)
_SHORT = ("stage", "target")

STAGE_MARK = "stage"
"""The mark that makes a test a criterion."""


def add_options(parser: pytest.Parser) -> None:
    """Add the long options and their ini keys."""
    group = parser.getgroup("prodstatus", "production status")
    for name, metavar, text in OPTIONS:
        short = f"; --{name} for short, unless that name is taken" if name in _SHORT else ""
        described = (
            f"{text}{short}; also PRODSTATUS_{name.upper()} and the ini key prodstatus_{name}"
        )
        group.addoption(
            f"--prodstatus-{name}",
            dest=f"prodstatus_{name}",
            metavar=metavar,
            help=described,
            # Of two stages named one by one, neither may be forgotten.
            action="append" if name == "stage" else "store",
        )
        parser.addini(f"prodstatus_{name}", described)


def expand_short_options(parser: pytest.Parser, args: list[str]) -> None:
    """Write `--stage` and `--target` out, each unless another plugin or a conftest has taken it.

    They aren't added to the parser: a conftest that is loaded later and adds one would stop pytest.
    """
    end = args.index("--") if "--" in args else len(args)
    for short in (f"--{name}" for name in _SHORT):
        used = [i for i, arg in enumerate(args[:end]) if arg.partition("=")[0] == short]
        if used and not _taken(parser, short):
            for index in used:
                args[index] = f"--prodstatus-{args[index].removeprefix('--')}"


def _taken(parser: pytest.Parser, option: str) -> bool:
    probe = f"{option}=probe"
    try:
        _, unknown = parser.parse_known_and_unknown_args([probe])
    except (Exception, SystemExit):  # noqa: BLE001  whoever owns it may refuse the value in any way
        return True
    return probe not in unknown


def given(config: pytest.Config, name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return an option's value, from the command line, else the environment, else the ini file."""
    chosen = config.getoption(f"prodstatus_{name}", None)
    if isinstance(chosen, list):
        chosen = ",".join(chosen)
    if chosen is None:
        chosen = environ.get(f"PRODSTATUS_{name.upper()}") or config.getini(f"prodstatus_{name}")
    return str(chosen or "").strip()


def asks_for_production(config: pytest.Config) -> bool:
    """Return whether `-m` asks for the tests that are marked `production`."""
    names = re.sub(r"\bnot\s+production\b", "", _marks(config))
    return re.search(r"\bproduction\b", names) is not None


def may_judge(config: pytest.Config, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a run may be one to judge, by what is known before anything is collected.

    It was told so by an option, a variable, a mark or the project's configuration; or it has a
    report whose columns are counted when the session starts.
    """
    if environ.get("PRODSTATUS_HISTORY", "").strip() not in ("", "0", "1"):
        return True  # whoever reads it says what is wrong
    if "production" in _marks(config) or getattr(config.option, "htmlpath", None):
        return True
    if any(given(config, name, environ) for name, _, _ in OPTIONS):
        return True
    try:
        declared = (config.rootpath / "pyproject.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError):
        return True  # whoever reads it says what is wrong
    return "prodstatus" in declared


def _marks(config: pytest.Config) -> str:
    return str(config.getoption("markexpr", "") or "")
