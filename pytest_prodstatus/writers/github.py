"""Texts for GitHub Actions: summary, annotations and outputs of a record and of the gate.

Their forms are those of "Workflow commands for GitHub Actions" (docs.github.com). The tests parse
them by the rules of the runner (actions/runner, ActionCommand.cs and FileCommandManager.cs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_prodstatus.model.gate import GateDecision
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict, rollup
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.board import final_line
from pytest_prodstatus.writers.document import escape_markdown
from pytest_prodstatus.writers.exports import Export, Report, Row, rows_of, worst_first
from pytest_prodstatus.writers.gate_report import GateReport, exit_code_of, override_sentence
from pytest_prodstatus.writers.words import override_line, stage_line

SUMMARY_LIMIT = 1_000_000
"""Bytes of a step's summary; GitHub drops a summary that exceeds 1 MiB entirely."""

ANNOTATIONS_LIMIT = 10
"""Errors that GitHub shows of one step, and as many warnings; it drops the others silently."""

Locate = Callable[[Row], tuple[str | None, int | None]]
"""Finds a row's test: its file relative to the repository, and its line; None if unknown."""

_COMMAND = {Verdict.FAILED: "error", Verdict.BLOCKED: "warning"}
_SIGN = {Verdict.CONFIRMED: "✅", Verdict.BLOCKED: "🟡", Verdict.FAILED: "❌"}


def write(report: Report) -> str:
    """Return the summary of a record as Markdown, in at most `SUMMARY_LIMIT` bytes."""
    gate = report.gate
    now = f"{escape_markdown(gate.headline)}: {escape_markdown(gate.decision.sentence)}\n"
    limit = SUMMARY_LIMIT - len(now.encode("utf-8", "backslashreplace"))
    summary = bounded_summary(report.record, report.config, limit, gate.decision)
    title, _, rest = summary.partition("\n")
    return f"{title}\n\n{now}{rest}"


def bounded_summary(
    record: Record, config: Config, limit: int, decision: GateDecision | None = None
) -> str:
    """Return the summary in at most `limit` bytes of UTF-8, the worst first.

    Its last line says how much was cut. If even FINAL doesn't fit, the summary is "".

    Args:
        record: of the run.
        config: the project's configuration.
        limit: bytes.
        decision: the gate's as of now; None for what the run itself said.
    """
    lines: list[str] = []
    left = limit - 200  # for the line that says what was cut
    blocks = list(_blocks(record, config, decision))
    for number, block in enumerate(blocks):
        size = len(block.encode("utf-8", "backslashreplace")) + 1
        if size > left:
            cut = f"\n… and {len(blocks) - number:,} more lines, which the page has.\n"
            return "\n".join(lines) + cut if lines else ""
        left -= size
        lines.append(block)
    return "\n".join(lines) + "\n"


def workflow_commands(record: Record, locate: Locate) -> list[str]:
    """Return the workflow commands: an error for each FAILED row, a warning for each BLOCKED one.

    A partial run reports only the criteria that it selected. Of each kind there are at most
    `ANNOTATIONS_LIMIT`, causes before consequences; the last one says how many are left out.
    """
    unconfirmed = [row for row in worst_first(rows_of(record)) if row.selected]
    commands: list[str] = []
    for verdict, kind in _COMMAND.items():
        rows = [row for row in unconfirmed if row.verdict is verdict]
        room = len(rows) if len(rows) <= ANNOTATIONS_LIMIT else ANNOTATIONS_LIMIT - 1
        for row in rows[:room]:
            text = row.reason.text if row.reason else str(verdict)
            remedy = f"\n-> {row.reason.remedy}" if row.reason and row.reason.remedy else ""
            address = f"\n{row.reason.address}" if row.reason and row.reason.address else ""
            message = text + remedy + address
            commands.append(_command(kind, f"{row.id} {verdict}", message, *locate(row)))
        more = len(rows) - room
        if more:
            text = f"{more} more are {verdict}; the step's summary names them"
            commands.append(_command(kind, f"And {more} more", text))
    return commands


def outputs(record: Record, delimiter: str) -> str:
    """Return the step's outputs for `$GITHUB_OUTPUT`: `verdict`, `open` (true or false), `reason`.

    Args:
        record: of the run.
        delimiter: a text that no value contains; random, so that no reason can forge an output.
    """
    final = record.final
    values = {
        "verdict": final.verdict.value,
        "open": str(record.decision.open).lower(),
        "reason": final.reason.text if final.reason else "",
    }
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items())


def gate_commands(reports: Sequence[GateReport]) -> Iterator[str]:
    """Yield workflow commands: why the gate is closed, what is waived, and what is overridden."""
    for report in reports:
        decision = report.decision
        if decision.override:
            yield _command("warning", "gate overridden", override_sentence(decision.override))
        # One is left for the decision itself, the last of these commands.
        for rule, reason in decision.closing[: ANNOTATIONS_LIMIT - 1]:
            kind = "warning" if decision.open else "error"
            yield _command(kind, f"gate {decision.decision} (rule {rule})", reason)
        for waived in decision.waived[:ANNOTATIONS_LIMIT]:
            name = one_line(waived.status.id)
            text = f"{name} is {waived.status.verdict}: {waived.waiver.reason}"
            yield _command("notice", f"waived by {waived.waiver.owner}", text)
        yield _command("notice" if decision.open else "error", "gate", decision.sentence)


def step_outputs(reports: Sequence[GateReport]) -> str:
    """Return the gate's outputs for `$GITHUB_OUTPUT`: open, verdict, exit_code and rules.

    No value is free text, so none needs a delimiter.
    """
    # None: nothing is known, which is BLOCKED.
    verdicts = [report.decision.verdict or Verdict.BLOCKED for report in reports]
    opened = all(report.decision.open for report in reports)
    rules = [rule.value for report in reports for rule in report.decision.rules]
    values = {
        "open": str(opened).lower(),
        "verdict": rollup(verdicts).value,
        "exit_code": str(exit_code_of(reports)),
        "rules": ",".join(dict.fromkeys(rules)),
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def step_summary(reports: Sequence[GateReport]) -> str:
    """Return a short Markdown text for `$GITHUB_STEP_SUMMARY`.

    All free text stands in a code fence, so that nothing in it is read as Markdown.
    """
    lines = ["## Deploy gate", ""]
    for report in reports:
        decision = report.decision
        lines += ["```text", _in_fence(decision.sentence)]
        lines += [f"- {_in_fence(reason)}" for reason in decision.reasons[:ANNOTATIONS_LIMIT]]
        lines += [f"next: {_in_fence(action)}" for action in decision.actions[:ANNOTATIONS_LIMIT]]
        lines += ["```", ""]
    return "\n".join(lines)


def _blocks(record: Record, config: Config, decision: GateDecision | None) -> Iterator[str]:
    """Yield the summary's blocks of lines, the most important first."""
    final = final_line(record, decision.decision if decision else "").text
    yield f"## {escape_markdown(config.title)}"
    opens = decision.open if decision else record.decision.open
    unproved = record.final.verdict is Verdict.CONFIRMED and not opens
    sign = _SIGN[Verdict.BLOCKED if unproved else record.final.verdict]
    yield f"\n**{sign} {escape_markdown(final)}**\n"
    for override in record.overrides:
        yield f"**{escape_markdown(override_line(override))}**\n"
    yield "| stage | verdict | why |\n|---|---|---|"
    for stage in sorted(record.stages, key=lambda stage: -stage.verdict.severity):
        verdict, why = f"{_SIGN[stage.verdict]} {stage.verdict}", escape_markdown(stage_line(stage))
        if not stage.applies:
            verdict = stage.word
        yield f"| {escape_markdown(stage.title)} | {verdict} | {why} |"
    unconfirmed = worst_first(rows_of(record))
    if unconfirmed:
        yield "\n### Not confirmed\n"
    for row in unconfirmed:
        yield f"- **{escape_markdown(row.id)}** {row.verdict}: {_reason_text(row)}"
    actions = decision.actions if decision else record.decision.actions
    if actions:
        yield "\n### Next\n"
    for action in actions:
        yield f"1. {escape_markdown(action)}"


def _reason_text(row: Row) -> str:
    """Return the reason of a row and its remedy, as Markdown; "" without one."""
    if row.reason is None:
        return ""
    remedy = f" → {escape_markdown(row.reason.remedy)}" if row.reason.remedy else ""
    remedy += f"; {escape_markdown(row.reason.address)}" if row.reason.address else ""
    return f"({row.reason.kind}) {escape_markdown(row.reason.text)}{remedy}"


def _in_fence(text: str) -> str:
    """Return a text that can't end the code fence that it stands in."""
    # Only a line that begins with the fence can end it.
    return f" {text}" if text.startswith("```") else text


def _command(
    kind: str, title: str, text: str, file: str | None = None, line: int | None = None
) -> str:
    """Return a line that GitHub's runner shows as an annotation."""
    values = {"file": file, "line": str(line) if file and line else None, "title": title}
    properties = ",".join(
        f"{name}={value.translate(_OF_VALUE)}" for name, value in values.items() if value
    )
    return f"::{kind} {properties}::{text.translate(_OF_TEXT)}"


# The escapes of actions/runner, ActionCommand.cs: a property has two more than the text.
_OF_TEXT = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_OF_VALUE = {**_OF_TEXT, **str.maketrans({":": "%3A", ",": "%2C"})}


EXPORT = Export(file="summary.md", about="a step summary for GitHub", write=write)
