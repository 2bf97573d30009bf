"""The gate's answer as a GitHub workflow takes it: annotations, outputs and a step summary.

Source of the forms: GitHub's "Workflow commands for GitHub Actions". It shows ten annotations of a
kind at most, so the worst come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict, rollup
from pytest_prodstatus.writers.answer import Told, exit_code_of, override_words

SHOWN = 10


def workflow_commands(told: Sequence[Told]) -> Iterator[str]:
    """Yield one workflow command a line: why the gate is closed, what is waived or overridden."""
    for each in told:
        answer = each.answer
        kind = "warning" if answer.open else "error"
        if answer.override:
            yield _command("warning", "gate overridden", override_words(answer.override))
        for rule, reason in answer.closing[: SHOWN - 1]:
            yield _command(kind, f"gate {answer.decision} (rule {rule})", reason)
        for waived in answer.waived[:SHOWN]:
            name = one_line(waived.standing.id)
            text = f"{name} is {waived.standing.verdict}: {waived.waiver.reason}"
            yield _command("notice", f"waived by {waived.waiver.owner}", text)
        yield _command("notice" if answer.open else "error", "gate", answer.sentence)


def step_outputs(told: Sequence[Told]) -> str:
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


def step_summary(told: Sequence[Told]) -> str:
    """Return a short Markdown text for `$GITHUB_STEP_SUMMARY`; what it tells stands in code."""
    lines = ["## Deploy gate", ""]
    for each in told:
        lines += ["```text", _in_fence(each.answer.sentence)]
        lines += [f"- {_in_fence(reason)}" for reason in each.answer.reasons[:SHOWN]]
        lines += [f"next: {_in_fence(action)}" for action in each.answer.actions[:SHOWN]]
        lines += ["```", ""]
    return "\n".join(lines)


def _in_fence(text: str) -> str:
    # One line that doesn't begin with the fence can't end it.
    return f" {text}" if text.startswith("```") else text


def _command(kind: str, title: str, text: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
