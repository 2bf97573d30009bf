"""GitHub Actions, as text: summary, annotations and outputs of a record and of the gate.

The forms are those of "Workflow commands for GitHub Actions" (docs.github.com), read back in the
tests by the rules of the runner (actions/runner, ActionCommand.cs and FileCommandManager.cs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict, rollup
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.board import final_line
from pytest_prodstatus.writers.document import escape_markdown
from pytest_prodstatus.writers.exports import Row, rows_of, worst_first
from pytest_prodstatus.writers.gate_report import GateReport, exit_code_of, override_words
from pytest_prodstatus.writers.words import override_line, stage_line

SUMMARY_LIMIT = 1_000_000
"""Bytes of a step's summary; GitHub drops the whole of one that exceeds 1 MiB."""

ANNOTATIONS_LIMIT = 10
"""Errors that GitHub shows of one step, and as many warnings; it drops the others unsaid."""

Locate = Callable[[Row], tuple[str | None, int | None]]
"""Where a row's test is: its file as GitHub knows it, and the line; None for either not known."""

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


def workflow_commands(record: Record, locate: Locate) -> list[str]:
    """Return the workflow commands: an error for what FAILED, a warning for what is BLOCKED.

    A partial run speaks of what it was asked for. Of each kind there are at most
    `ANNOTATIONS_LIMIT`, causes before consequences; the last one then says how many more there are.
    """
    unconfirmed = [row for row in worst_first(rows_of(record)) if row.asked]
    commands: list[str] = []
    for verdict, kind in _COMMAND.items():
        rows = [row for row in unconfirmed if row.verdict is verdict]
        room = len(rows) if len(rows) <= ANNOTATIONS_LIMIT else ANNOTATIONS_LIMIT - 1
        for row in rows[:room]:
            text = row.reason.text if row.reason else str(verdict)
            remedy = f"\n-> {row.reason.remedy}" if row.reason and row.reason.remedy else ""
            commands.append(_command(kind, f"{row.id} {verdict}", text + remedy, *locate(row)))
        more = len(rows) - room
        if more:
            text = f"{more} more are {verdict}; the step's summary names them"
            commands.append(_command(kind, f"And {more} more", text))
    return commands


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
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items())


def gate_commands(told: Sequence[GateReport]) -> Iterator[str]:
    """Yield one workflow command a line: why the gate is closed, what is waived or overridden."""
    for each in told:
        answer = each.answer
        if answer.override:
            yield _command("warning", "gate overridden", override_words(answer.override))
        for rule, reason in answer.closing[: ANNOTATIONS_LIMIT - 1]:
            kind = "warning" if answer.open else "error"
            yield _command(kind, f"gate {answer.decision} (rule {rule})", reason)
        for waived in answer.waived[:ANNOTATIONS_LIMIT]:
            name = one_line(waived.status.id)
            text = f"{name} is {waived.status.verdict}: {waived.waiver.reason}"
            yield _command("notice", f"waived by {waived.waiver.owner}", text)
        yield _command("notice" if answer.open else "error", "gate", answer.sentence)


def step_outputs(told: Sequence[GateReport]) -> str:
    """Return the lines for `$GITHUB_OUTPUT`; no value of them is free text."""
    verdicts = [each.answer.verdict or Verdict.BLOCKED for each in told]
    opened = all(each.answer.open for each in told)
    values = {
        "open": str(opened).lower(),
        "verdict": rollup(verdicts).value,
        "exit_code": str(exit_code_of(told)),
        "rules": ",".join(dict.fromkeys(rule.value for each in told for rule in each.answer.rules)),
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def step_summary(told: Sequence[GateReport]) -> str:
    """Return a short Markdown text for `$GITHUB_STEP_SUMMARY`, all of it in code."""
    lines = ["## Deploy gate", ""]
    for each in told:
        answer = each.answer
        lines += ["```text", _in_fence(answer.sentence)]
        lines += [f"- {_in_fence(reason)}" for reason in answer.reasons[:ANNOTATIONS_LIMIT]]
        lines += [f"next: {_in_fence(action)}" for action in answer.actions[:ANNOTATIONS_LIMIT]]
        lines += ["```", ""]
    return "\n".join(lines)


def _blocks(record: Record, config: Config) -> Iterator[str]:
    """Yield the summary's lines, what matters most first."""
    yield f"## {escape_markdown(config.title)}"
    yield f"\n**{_SIGN[record.final.verdict]} {escape_markdown(final_line(record).text)}**\n"
    for override in record.overrides:
        yield f"**{escape_markdown(override_line(override))}**\n"
    yield "| stage | verdict | why |\n|---|---|---|"
    for stage in sorted(record.stages, key=lambda stage: -stage.verdict.severity):
        shown = f"{_SIGN[stage.verdict]} {stage.verdict}"
        yield f"| {escape_markdown(stage.title)} | {shown} | {escape_markdown(stage_line(stage))} |"
    unconfirmed = worst_first(rows_of(record))
    if unconfirmed:
        yield "\n### Not confirmed\n"
    for row in unconfirmed:
        yield f"- **{escape_markdown(row.id)}** {row.verdict}: {_why(row)}"
    actions = record.decision.actions
    if actions:
        yield "\n### Next\n"
    for action in actions:
        yield f"1. {escape_markdown(action)}"


def _why(row: Row) -> str:
    if row.reason is None:
        return ""
    remedy = f" → {escape_markdown(row.reason.remedy)}" if row.reason.remedy else ""
    return f"({row.reason.kind}) {escape_markdown(row.reason.text)}{remedy}"


def _in_fence(text: str) -> str:
    # One line that doesn't begin with the fence can't end it.
    return f" {text}" if text.startswith("```") else text


def _command(
    kind: str, title: str, text: str, file: str | None = None, line: int | None = None
) -> str:
    named = {"file": file, "line": str(line) if file and line else None, "title": title}
    properties = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    return f"::{kind} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
