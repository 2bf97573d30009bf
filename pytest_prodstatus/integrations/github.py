"""On GitHub Actions: the step's summary, its outputs and annotations, at the end of a run.

It is the plugin `prodstatus-github`, registered if GITHUB_ACTIONS is "true", so pytest's own
`-p no:prodstatus-github` switches it off. It reports what was judged and changes nothing: a file of
GitHub's that can't be written is named and closes no gate.
"""

from __future__ import annotations

import ast
import os
import secrets
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.writers.exports import Row
from pytest_prodstatus.writers.files import unwritten
from pytest_prodstatus.writers.github import (
    SUMMARY_LIMIT,
    bounded_summary,
    outputs,
    workflow_commands,
)


class GitHub:
    """What a step on GitHub Actions tells of one run."""

    def __init__(self, recorder: Recorder, environ: Mapping[str, str] = os.environ) -> None:
        self.recorder = recorder
        self.environ = environ

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Tell, once pytest has told its own and before the board, whose last line is FINAL."""
        result = yield
        record = self.recorder.record
        if record is None:
            return result
        config = self.recorder.settings.config
        summary = self._path("GITHUB_STEP_SUMMARY")
        if summary:
            room = SUMMARY_LIMIT - (summary.stat().st_size if summary.is_file() else 0)
            self._append(summary, bounded_summary(record, config, room))
        output = self._path("GITHUB_OUTPUT")
        if output:
            self._append(output, outputs(record, f"prodstatus_{secrets.token_hex(16)}"))
        self._print(session.config, workflow_commands(record, self._locate))
        return result

    def _path(self, variable: str) -> Path | None:
        name = self.environ.get(variable)
        return Path(name) if name else None

    def _append(self, path: Path, text: str) -> None:
        try:
            with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
        except OSError as error:
            notice = f"{unwritten(path, error)}: GitHub isn't told"
            self.recorder.outputs.notices.append(notice)

    def _print(self, config: pytest.Config, lines: list[str]) -> None:
        # Not asked for its class, which pytest 8 doesn't name in public.
        reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin(
            "terminalreporter"
        )
        if reporter is not None:
            reporter.ensure_newline()
        for line in lines:
            if reporter is not None:
                reporter.write_line(line)
            else:
                print(line)  # noqa: T201  the runner reads standard output

    def _locate(self, row: Row) -> tuple[str | None, int | None]:
        """Return a row's file, relative to the repository, and the line of its test function."""
        nodeid = row.status.nodeid if row.status else None
        if nodeid is None:
            return None, None
        name, *names = nodeid.partition("[")[0].split("::")
        path = self.recorder.config.rootpath / name
        try:
            line = line_of(path.read_text(encoding="utf-8"), names)
        except (OSError, ValueError):
            line = None
        workspace = Path(self.environ.get("GITHUB_WORKSPACE") or self.recorder.settings.root)
        try:
            return path.resolve().relative_to(workspace.resolve()).as_posix(), line
        except ValueError:
            return name, line


def line_of(source: str, names: Sequence[str]) -> int | None:
    """Return the line on which a function is defined; None where the source hasn't got it.

    Args:
        source: a Python file's text.
        names: the classes around it from the outside in, then the function, without parameters.
    """
    try:
        body: Sequence[ast.stmt] = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    line = None
    for name in names:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = [node for node in body if isinstance(node, kinds) and node.name == name]
        if not found:
            return None
        # Of two that share a name Python keeps the last.
        line, body = found[-1].lineno, found[-1].body
    return line
