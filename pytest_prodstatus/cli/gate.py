"""`prodstatus gate`: decide whether these records allow a deployment now."""

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
  10  closed: BLOCKED, stale, incomplete, unreadable, or the record of another run,
      release or target
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
    help="Require these stages, and the stages that they require, instead of FINAL.",
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
    help="The form of the output.",
)
@click.option(
    "--override", "reason", callback=words, metavar="REASON", help="Open the gate all the same."
)
@click.option("--by", "who", callback=words, metavar="NAME", help="Who is responsible for it.")
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
    """Print whether the gate is open, and exit accordingly.

    The default is the target's record in its usual folder; of several RECORDs each must be open.
    The record is judged again, as of now: by its observations, the catalogue and waivers of
    pyproject.toml, and every criterion's age. It requires CONFIRMED, even if the run's own rule
    was weaker.
    """
    place = place_of(root=root, target=target, dir=folder, subject=subject, run=run)
    project, system = place.project, place.inputs.target
    stages = tuple(filter(None, (name.strip() for name in (require or "").split(","))))
    query = GateQuery(
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
        new = Override(target=system, reason=reason, who=who, since=now, until=now + lasting)
        save_override(new, project.root)
    override, problem = active_override(system, now, project.root)
    gate = _Gate(project, query, override, check_document)
    paths = records or (place.record,)
    try:
        if project.config.catalogue.declared:
            queried_stages(project.config.catalogue.at(now), stages)
        reports = [gate.report(path) for path in paths]
    except UnknownStageError as error:
        raise click.UsageError(str(error)) from None
    if problem:
        click.echo(f"prodstatus: {problem}", err=True)
    _print(reports, form)
    sys.exit(exit_code_of(reports))


@dataclass(frozen=True)
class _Gate:
    """The gate of one project, with one query."""

    project: Project
    query: GateQuery
    override: Override | None
    check_document: bool

    def report(self, path: Path) -> GateReport:
        """Return the gate's decision by one record."""
        source = shown(path)
        try:
            record = record_at(path)
        except UnreadableError as error:
            again = run_again(self.query, same_id=True)
            gone = Violation(kind=ViolationKind.UNREADABLE, text=str(error), remedy=again)
            decision = decision_without_record((gone,), self.query, self.override)
            return GateReport(source=source, run=None, decision=decision)
        decision = decide(
            record,
            self.project.config.catalogue,
            self.query,
            clock.now(),
            waivers=self.project.config.waivers,
            override=self.override,
            found=self._document(record, path) if self.check_document else (),
        )
        return GateReport(source=source, run=record.run, decision=decision)

    def _document(self, record: Record, path: Path) -> tuple[Violation, ...]:
        from pytest_prodstatus.writers.document import changed_by_hand

        document = self.project.layout(path.parent).document
        try:
            content = document.read_bytes() if document.exists() else None
            difference = changed_by_hand(content, record)
        except OSError as error:
            difference = f"it can't be read: {error.strerror or error}"
        if not difference:
            return ()
        text = f"the status document {shown(document)} is not the record's: {difference}"
        remedy = "run prodstatus render, which writes its fields again from the record"
        return (Violation(kind=ViolationKind.DOCUMENT, text=text, remedy=remedy),)


def _print(reports: list[GateReport], form: str) -> None:
    now = clock.now()
    if form == "json":
        click.echo(decisions_to_json(reports, now))
        return
    for report in reports:
        for line in decision_lines(report, now):
            click.echo(line)
    if form == "github":
        _write_github(reports)


def _write_github(reports: list[GateReport]) -> None:
    """Print GitHub's workflow commands, and append to the step's output and summary files."""
    from pytest_prodstatus.writers.github import gate_commands, step_outputs, step_summary

    for line in gate_commands(reports):
        click.echo(line)
    files = {"GITHUB_OUTPUT": step_outputs(reports), "GITHUB_STEP_SUMMARY": step_summary(reports)}
    for name, text in files.items():
        if os.environ.get(name):
            try:
                with Path(os.environ[name]).open("a", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                click.echo(f"prodstatus: {name} can't be written: {error}", err=True)
