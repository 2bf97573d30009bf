"""`prodstatus gate`: may this be deployed, by these records, now?"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    FILE,
    UnreadableError,
    dir_option,
    duration,
    place_of,
    record_at,
    root_option,
    shown,
    target_option,
    words,
)
from pytest_prodstatus.cli.overrides import active_override, save_override
from pytest_prodstatus.model.gate import (
    UnknownStageError,
    decide,
    decision_without_record,
    queried_stages,
)
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind, run_again
from pytest_prodstatus.project import Project
from pytest_prodstatus.writers.gate_report import (
    GateReport,
    decision_lines,
    decisions_to_json,
    exit_code_of,
)

FORMATS = ("text", "json", "github")

_EXAMPLES = """\b
Examples:
  prodstatus gate
  prodstatus gate --run "$PRODSTATUS_RUN_ID" --subject v41
  prodstatus gate --target staging --commit "$GITHUB_SHA" --format github
  prodstatus gate eu.json us.json --require oauth,order --max-age 1h
  prodstatus gate --override "the fix itself" --by Ann --for 2h

\b
Exit status:
  0   open: CONFIRMED, or what isn't is waived, or an override is in force
  1   closed: something FAILED
  10  closed: BLOCKED, stale, incomplete, unreadable, or not the record that was asked about
  2   a usage error
"""


@click.command(epilog=_EXAMPLES)
@click.argument("records", nargs=-1, type=FILE, metavar="[RECORD]...")
@target_option
@click.option(
    "--subject",
    callback=words,
    metavar="RELEASE",
    help="The release that must have been judged.  [default: PRODSTATUS_SUBJECT, the ini key "
    "prodstatus_subject, any]",
)
@click.option("--commit", callback=words, metavar="SHA", help="The suite's commit.")
@click.option(
    "--run",
    callback=words,
    metavar="ID",
    help="The run that must have judged.  [default: PRODSTATUS_RUN_ID, any]",
)
@click.option(
    "--max-age",
    callback=duration,
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="How long ago the run may have finished.",
)
@click.option(
    "--require",
    callback=words,
    metavar="STAGE[,STAGE...]",
    help="Ask for these stages, and what they need, instead of FINAL.",
)
@click.option(
    "--check-document", is_flag=True, help="Refuse a status document that was edited by hand."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How to answer.",
)
@click.option(
    "--override", "reason", callback=words, metavar="REASON", help="Open it all the same."
)
@click.option("--by", "who", callback=words, metavar="NAME", help="Who answers for the override.")
@click.option(
    "--for",
    "lasting",
    callback=duration,
    metavar="DURATION",
    help="How long it lasts, at most 24h.",
)
@dir_option
@root_option
def command(
    records: tuple[Path, ...],
    target: str | None,
    subject: str | None,
    commit: str | None,
    run: str | None,
    max_age: timedelta,
    require: str | None,
    check_document: bool,
    form: str,
    reason: str | None,
    who: str | None,
    lasting: timedelta | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Say whether the gate is open, and exit by it.

    By default by the target's record in its usual folder; of several RECORDs each must be open. The
    record is judged again, as of now: by what was observed, the catalogue and waivers of
    pyproject.toml, and every criterion's age. It asks for CONFIRMED, whatever rule the run had.
    """
    place = place_of(root=root, target=target, dir=folder, subject=subject, run=run)
    project, system = place.project, place.inputs.target
    stages = tuple(filter(None, (name.strip() for name in (require or "").split(","))))
    asked = GateQuery(
        target=system,
        subject=place.inputs.subject,
        commit=commit,
        run=place.inputs.run,
        max_age=max_age,
        require=stages,
    )
    now = clock.now()
    if reason or who or lasting:
        if not (reason and who and lasting):
            msg = "an override needs all three: --override REASON --by NAME --for DURATION"
            raise click.UsageError(msg)
        word = Override(target=system, reason=reason, who=who, since=now, until=now + lasting)
        save_override(word, project.root)
    override, problem = active_override(system, now, project.root)
    gate = _Gate(project, asked, override, check_document)
    paths = records or (place.record,)
    try:
        if project.config.catalogue.declared:
            queried_stages(project.config.catalogue, stages)
        told = [gate.told(path) for path in paths]
    except UnknownStageError as error:
        raise click.UsageError(str(error)) from None
    if problem:
        click.echo(f"prodstatus: {problem}", err=True)
    _tell(told, form)
    sys.exit(exit_code_of(told))


@dataclass(frozen=True)
class _Gate:
    """The gate of one project, asked one question."""

    project: Project
    asked: GateQuery
    override: Override | None
    check_document: bool

    def told(self, path: Path) -> GateReport:
        """Return the answer by one record."""
        source = shown(path)
        try:
            record = record_at(path)
        except UnreadableError as error:
            again = run_again(self.asked, same_id=True)
            gone = Violation(kind=ViolationKind.UNREADABLE, text=str(error), remedy=again)
            answer = decision_without_record((gone,), self.asked, self.override)
            return GateReport(source=source, run=None, decision=answer)
        answer = decide(
            record,
            self.project.config.catalogue,
            self.asked,
            clock.now(),
            waivers=self.project.config.waivers,
            override=self.override,
            found=self._document(record, path) if self.check_document else (),
        )
        return GateReport(source=source, run=record.run, decision=answer)

    def _document(self, record: Record, path: Path) -> tuple[Violation, ...]:
        from pytest_prodstatus.writers.document import changed_by_hand

        document = self.project.layout(path.parent).document
        try:
            content = document.read_bytes() if document.exists() else None
            told = changed_by_hand(content, record)
        except OSError as error:
            told = f"it can't be read: {error.strerror or error}"
        if not told:
            return ()
        text = f"the status document {shown(document)} is not the record's: {told}"
        remedy = "run prodstatus render, which writes its fields again from the record"
        return (Violation(kind=ViolationKind.DOCUMENT, text=text, remedy=remedy),)


def _tell(told: list[GateReport], form: str) -> None:
    now = clock.now()
    if form == "json":
        click.echo(decisions_to_json(told, now))
        return
    for each in told:
        for line in decision_lines(each, now):
            click.echo(line)
    if form == "github":
        _tell_github(told)


def _tell_github(told: list[GateReport]) -> None:
    from pytest_prodstatus.writers.github import gate_commands, step_outputs, step_summary

    for line in gate_commands(told):
        click.echo(line)
    files = {"GITHUB_OUTPUT": step_outputs(told), "GITHUB_STEP_SUMMARY": step_summary(told)}
    for name, text in files.items():
        if os.environ.get(name):
            try:
                with Path(os.environ[name]).open("a", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                click.echo(f"prodstatus: {name} can't be written: {error}", err=True)
