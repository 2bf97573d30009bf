"""Summary, outputs and annotations of a GitHub Actions step, written at the end of a run.

This is the plugin `prodstatus-github`, registered if GITHUB_ACTIONS is "true"; pytest's own
`-p no:prodstatus-github` switches it off. It reports the verdicts and never changes them: if a file
of GitHub's can't be written, a notice names it and the gate stays as it is.
"""

from __future__ import annotations

import ast
import os
import secrets
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_prodstatus.readers import read_text
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.terminal import reporter_of
from pytest_prodstatus.writers import append_lines, write_failure
from pytest_prodstatus.writers.exports import Row
from pytest_prodstatus.writers.github import (
    SUMMARY_LIMIT,
    bounded_summary,
    outputs,
    workflow_commands,
)


class GitHub:
    """Reports one run to the GitHub Actions step that it runs in."""

    def __init__(self, recorder: Recorder, environ: Mapping[str, str] = os.environ) -> None:
        self.recorder = recorder
        self.environ = environ

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Write the reports after pytest's own, and before the board, whose last line is FINAL."""
        result = yield
        record = self.recorder.record
        if record is None:
            return result
        config = self.recorder.settings.config
        summary = self._file_of("GITHUB_STEP_SUMMARY")
        if summary:
            # The limit is the file's, and this step may have written to it before.
            room = SUMMARY_LIMIT - (summary.stat().st_size if summary.is_file() else 0)
            self._append(summary, bounded_summary(record, config, room))
        output = self._file_of("GITHUB_OUTPUT")
        if output:
            # Random, so that no value contains the delimiter on a line of its own ("Multiline
            # strings" in GitHub's documentation of workflow commands).
            self._append(output, outputs(record, f"prodstatus_{secrets.token_hex(16)}"))
        self._print(session.config, workflow_commands(record, self._locate))
        return result

    def _file_of(self, variable: str) -> Path | None:
        """Return the path that a variable of the runner names; None if it isn't set."""
        name = self.environ.get(variable)
        return Path(name) if name else None

    def _append(self, path: Path, text: str) -> None:
        """Append text to a file of the runner; if that fails, add a notice."""
        try:
            append_lines(path, text)
        except OSError as error:
            notice = f"{write_failure(path, error)}: GitHub doesn't show it"
            self.recorder.outputs.notices.append(notice)

    def _print(self, config: pytest.Config, lines: list[str]) -> None:
        """Print lines on the terminal, each at the start of a line, as the runner requires."""
        reporter = reporter_of(config)
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
        # A parameter may contain `::` too, so the brackets go first.
        name, *names = nodeid.partition("[")[0].split("::")
        path = self.recorder.config.rootpath / name
        try:
            line = line_of(read_text(path), names)
        except (OSError, ValueError):
            line = None
        workspace = Path(self.environ.get("GITHUB_WORKSPACE") or self.recorder.settings.root)
        try:
            return path.resolve().relative_to(workspace.resolve()).as_posix(), line
        except ValueError:
            return name, line


def line_of(source: str, names: Sequence[str]) -> int | None:
    """Return the line, from 1, on which a function is defined; None if it isn't found.

    Args:
        source: a Python file's text.
        names: the classes around the function, the outermost first, and the function itself,
            without the parameters of a parametrised test.
    """
    try:
        body: Sequence[ast.stmt] = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    line = None
    for name in names:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        definitions = [node for node in body if isinstance(node, kinds) and node.name == name]
        if not definitions:
            return None
        # If a name is defined twice, Python keeps the last definition.
        line, body = definitions[-1].lineno, definitions[-1].body
    return line
