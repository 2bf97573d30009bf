"""A page as a reader follows it: its files written and its commands run, in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from tests.integration.warm import path_of_scripts
from tests.unit.documentation.pages import Block

BIN = Path(sys.executable).parent
TIMEOUT_S = 120
_OURS = re.compile(
    r"PRODSTATUS_|PYTEST|GITHUB_|CI$|COLUMNS|STAGING_URL|PRODUCTION_URL|REAL_PLACEORDER"
)
_END = "\x1e"


@dataclass(frozen=True)
class Step:
    """One command that is run.

    Attributes:
        block: that it stands in.
        command: as it stands there.
        shown: the output that the page shows; "" for none.
        allowed: what it may end with.
        output: the output that it had.
        status: what it ended with.
    """

    block: Block
    command: str
    shown: str
    allowed: frozenset[int]
    output: str = ""
    status: int = 0


def follow(
    blocks: Sequence[Block],
    folder: Path,
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    fresh: bool = False,
) -> list[Step]:
    """Write the files and run the commands of some blocks, in their order.

    Args:
        blocks: those that are marked as not run are passed over.
        folder: where the reader stands at first.
        environ: more variables.
        fresh: `pytest` and `prodstatus` have to be new interpreters, as a reader's are.
    """
    if not fresh:
        environ = {"PATH": path_of_scripts(), **environ}
    script: list[str] = []
    steps: list[Step] = []
    for block in blocks:
        name = block.value("file") or block.value("append")
        if name:
            sign = ">" if block.value("file") else ">>"
            script.append(f'mkdir -p "$(dirname {name})"\ncat {sign} {name} <<"{_END}"')
            script.append(block.text + _END)
        elif block.holds_commands and not block.value("not run"):
            commands = [*block.steps, ("", "")]
            for (command, shown), (after, _) in pairwise(commands):
                steps.append(Step(block, command, shown, _allowed(block, after)))
                # `(exit)`, a subshell's, gives the next command the status to ask for with `$?`.
                script.append(f"{command}\n_s=$?; printf '{_END}%d{_END}' $_s; (exit $_s)")
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=_environment(folder, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    chunks = done.stdout.split(_END)
    output, statuses = chunks[:-1:2], chunks[1::2]
    assert len(output) == len(steps), (
        f"the shell ended early, with {done.returncode}:\n{done.stdout}"
    )
    ended = zip(steps, output, statuses, strict=True)
    return [replace(step, output=text, status=int(status)) for step, text, status in ended]


def _allowed(block: Block, after: str) -> frozenset[int]:
    """Return what a command may end with: anything, where the one `after` it shows what."""
    if after == "echo $?":
        return frozenset(range(256))
    return frozenset(map(int, (block.value("ends with") or "0").split()))


def _environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not _OURS.match(name)},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        # A reader of the pages has the plugin alone, none of its neighbours.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p pytest_prodstatus.plugin",
        "COLUMNS": "80",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_STATE_HOME": str(folder / ".state"),
        "PRODSTATUS_HISTORY": "0",
        **environ,
    }


def check(step: Step) -> None:
    """Assert that a command ended as the page lets it, and said what the page shows."""
    place = f"{step.block.place}: {step.command}"
    assert step.status in step.allowed, f"{place}\nended with {step.status}:\n{step.output}"
    if step.shown:
        shown, output = plain(step.shown), plain(step.output)
        assert matches(shown, output), "\n".join([place, "-- shown", *shown, "-- printed", *output])


_VARYING = {
    r"\d{8}T\d{6}Z-[0-9a-f]{6}": "RUN",
    r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC": "INSTANT",
    r"\d+ (s|min|h|d) ago": "AGE",
    r"\b[0-9a-f]{12,40}\b": "DIGEST",
    r"\b\d+\.\d\ds\b": "SECONDS",
    r"={3,}|-{7,}": "===",
    r"=\d{5}s;": "=86400s;",
}


def plain(text: str) -> list[str]:
    """Return the lines of an output, with one word for each thing that differs from run to run."""
    for pattern, word in _VARYING.items():
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def matches(shown: Sequence[str], output: Sequence[str]) -> bool:
    """Return whether lines are those of a pattern, in which `...` stands for any lines or none."""
    if not shown:
        return not output
    if shown[0] == "...":
        return any(matches(shown[1:], output[start:]) for start in range(len(output) + 1))
    return bool(output) and shown[0] == output[0] and matches(shown[1:], output[1:])
