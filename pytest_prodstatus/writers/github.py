"""GitHub Actions: the step summary, annotations and step outputs of a record, as text.

The forms are those of "Workflow commands for GitHub Actions" (docs.github.com), read back in the
tests by the rules of the runner (actions/runner, ActionCommand.cs and FileCommandManager.cs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.summary import override_line, stage_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.board import final_line
from pytest_prodstatus.writers.markdown import plain
from pytest_prodstatus.writers.rows import Row, rows_of, worst_first

SUMMARY_LIMIT = 1_000_000
"""Bytes of a step's summary; GitHub drops the whole of one that exceeds 1 MiB."""

ANNOTATIONS_LIMIT = 10
"""Errors that GitHub shows of one step, and as many warnings; it drops the others unsaid."""

_COMMAND = {Verdict.FAILED: "error", Verdict.BLOCKED: "warning"}
_SIGN = {Verdict.CONFIRMED: "✅", Verdict.BLOCKED: "🟡", Verdict.FAILED: "❌"}


def write(record: Record, config: Config) -> str:
    """Return the summary as Markdown."""
    return bounded_summary(record, config, SUMMARY_LIMIT)


def bounded_summary(record: Record, config: Config, limit: int) -> str:
    """Return the summary in at most `limit` bytes of UTF-8, the worst first; it says what was cut.

    A limit that is too small even for FINAL gives "".
    """
    lines: list[str] = []
    left = limit - 200  # for the line that says what was cut
    blocks = list(_blocks(record, config))
    for number, block in enumerate(blocks):
        size = len(block.encode("utf-8", "backslashreplace")) + 1
        if size > left:
            cut = f"\n… and {len(blocks) - number:,} more lines, which the page has.\n"
            return "\n".join(lines) + cut if lines else ""
        left -= size
        lines.append(block)
    return "\n".join(lines) + "\n"


def _blocks(record: Record, config: Config) -> Iterator[str]:
    """Yield the summary's lines, what matters most first."""
    yield f"## {plain(config.title)}"
    yield f"\n**{_SIGN[record.final.verdict]} {plain(final_line(record).text)}**\n"
    for override in record.overrides:
        yield f"**{plain(override_line(override))}**\n"
    yield "| stage | verdict | why |\n|---|---|---|"
    for stage in sorted(record.stages, key=lambda stage: -stage.verdict.severity):
        shown = f"{_SIGN[stage.verdict]} {stage.verdict}"
        yield f"| {plain(stage.title)} | {shown} | {plain(stage_line(stage))} |"
    unmet = worst_first(rows_of(record))
    if unmet:
        yield "\n### Not confirmed\n"
    for row in unmet:
        yield f"- **{plain(row.id)}** {row.verdict}: {_why(row)}"
    actions = record.decision.actions
    if actions:
        yield "\n### Next\n"
    for action in actions:
        yield f"1. {plain(action)}"


def _why(row: Row) -> str:
    if row.reason is None:
        return ""
    remedy = f" → {plain(row.reason.remedy)}" if row.reason.remedy else ""
    return f"({row.reason.kind}) {plain(row.reason.text)}{remedy}"


Locate = Callable[[Row], tuple[str | None, int | None]]
"""Where a row's test is: its file as GitHub knows it, and the line; None for either not known."""


def workflow_commands(record: Record, locate: Locate) -> list[str]:
    """Return the workflow commands: an error for what FAILED, a warning for what is BLOCKED.

    A partial run speaks of what it was asked for. Of each kind there are at most
    `ANNOTATIONS_LIMIT`, causes before consequences; the last one then says how many more there are.
    """
    unmet = [row for row in worst_first(rows_of(record)) if row.asked]
    commands: list[str] = []
    for verdict, command in _COMMAND.items():
        rows = [row for row in unmet if row.verdict is verdict]
        room = len(rows) if len(rows) <= ANNOTATIONS_LIMIT else ANNOTATIONS_LIMIT - 1
        commands += [_command(command, row, *locate(row)) for row in rows[:room]]
        if rows[room:]:
            told = f"{len(rows) - room} more are {verdict}; the step's summary names them"
            commands.append(f"::{command} title=And {len(rows) - room} more::{_data(told)}")
    return commands


def _command(command: str, row: Row, file: str | None, line: int | None) -> str:
    named = {"file": file, "line": str(line) if file and line else None}
    named["title"] = f"{row.id} {row.verdict}"
    properties = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    reason = row.reason
    told = reason.text if reason else str(row.verdict)
    remedy = f"\n-> {reason.remedy}" if reason and reason.remedy else ""
    return f"::{command} {properties}::{_data(told + remedy)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def outputs(record: Record, delimiter: str) -> str:
    """Return what the step hands on: `verdict`, `open` (true or false) and `reason`.

    Args:
        record: what to say.
        delimiter: a text that no value holds; random, so that no reason can forge an output.
    """
    final = record.final
    values = {
        "verdict": final.verdict.value,
        "open": str(record.decision.open).lower(),
        "reason": final.reason.text if final.reason else "",
    }
    return "".join(_output(name, value, delimiter) for name, value in values.items())


def _output(name: str, value: str, delimiter: str) -> str:
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
