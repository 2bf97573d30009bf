"""`prodstatus gate`: decide whether these records allow a deployment now.

The decision itself is `model.gate.decide`, which is pure; `Gate` gives it what is read: the record,
its signature, the override and the clock. `export`, `serve` and `notify` decide by the same `Gate`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    FILE,
    UnreadableError,
    content_at,
    digests,
    dir_option,
    duration,
    key_sets,
    max_age_option,
    paths,
    place_of,
    record_in,
    root_option,
    target_option,
    words,
)
from pytest_prodstatus.cli.overrides import active_override, save_override, take_back
from pytest_prodstatus.cli.trust import Trust
from pytest_prodstatus.model.gate import (
    GateDecision,
    UnknownStageError,
    decide,
    decision_without_record,
    named_stages,
    queried_stages,
)
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind, run_again
from pytest_prodstatus.project import Project, shown_path
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.writers.gate_report import (
    GateReport,
    decision_lines,
    decisions_to_json,
    exit_code_of,
    report_of,
)

if TYPE_CHECKING:
    from pytest_prodstatus.cli.export import Forms
    from pytest_prodstatus.writers.exports import Report

FORMATS = ("text", "json", "github", "azure", "nagios")

_EXAMPLES = """\b
Examples:
  prodstatus gate
  prodstatus gate --run "$PRODSTATUS_RUN_ID" --subject v41
  prodstatus gate --target staging --commit "$GITHUB_SHA" --format github
  prodstatus gate reports/status.json --export junit --export dotenv
  prodstatus gate eu.json us.json --require oauth,order --max-age 1h
  prodstatus gate --signed-by keys/ --subject v41 --subject-digest sha256:9f86d081...
  prodstatus gate --override "the fix itself" --by Ann --for 2h
  prodstatus gate --take-back "it is deployed" --by Ann

\b
Exit status:
  0   open: CONFIRMED, or what isn't is waived, or an override is in force
  1   closed: something FAILED
  10  closed: BLOCKED, stale, incomplete, unreadable, or the record of another run,
      release or target
  2   a usage error
With --format nagios a plugin's: 0 OK, 1 WARNING (waived, or it ends within an hour), 2 CRITICAL
(FAILED), 3 UNKNOWN (BLOCKED, or a usage error).
"""


class _Command(click.Command):
    """The command, which answers a monitor also if it can't decide: on one line, with UNKNOWN."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return the context of a parsed command line, as click needs it to run the command."""
        with _answering(args):
            # A copy: click's parser takes the words out of the list.
            context = super().make_context(info_name, args[:], parent, **extra)
        context.meta[__name__] = args
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command in its context, and return what it returns."""
        with _answering(ctx.meta[__name__]):
            return super().invoke(ctx)


@contextmanager
def _answering(args: Sequence[str]) -> Iterator[None]:
    """Turn an error into a monitor's answer, if it is a monitor that asks.

    A monitor reads standard output alone, and Python's own status, 1, is a plugin's WARNING.
    """
    try:
        yield
    except click.exceptions.Exit:  # how --help ends
        raise
    except (Exception, KeyboardInterrupt) as error:
        # By the words themselves, since an error of the command line leaves no parsed option.
        if "--format=nagios" not in args and ("--format", "nagios") not in pairwise(args):
            raise
        # Imported here and below: the gate is called often, and mostly for text.
        from pytest_prodstatus.writers import nagios

        status = nagios.CRITICAL if "--blocked-critical" in args else nagios.UNKNOWN
        if isinstance(error, click.ClickException):
            click.echo(nagios.refused(error.format_message(), status))
        else:
            click.echo(nagios.broken(error, status))
        sys.exit(status)


@click.command(cls=_Command, epilog=_EXAMPLES)
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
@max_age_option
@click.option(
    "--require",
    callback=words,
    metavar="STAGE[,STAGE...]",
    help="Require these stages, and the stages that they require, instead of FINAL.",
)
@click.option(
    "--signed-by",
    multiple=True,
    callback=paths,
    metavar="KEY",
    help="Require the signature of this public key, a file or a folder of them; it may be repeated."
    "  [default: the key signed_by, which always counts]",
)
@click.option(
    "--threshold",
    type=click.IntRange(1, 100),
    metavar="N",
    help="How many of the keys of --signed-by must have signed.  [default: 1]",
)
@click.option(
    "--subject-digest",
    callback=digests,
    metavar="ALGORITHM:DIGEST",
    help="The digest of the release that must have been signed.",
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
    "--export",
    "exports",
    multiple=True,
    metavar="FORM",
    help="Also write the decision beside RECORD in this form of prodstatus export; it may be "
    "repeated.",
)
@click.option(
    "--blocked-critical",
    is_flag=True,
    help="With --format nagios: BLOCKED is CRITICAL instead of UNKNOWN.",
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
@click.option(
    "--take-back",
    "back",
    callback=words,
    metavar="REASON",
    help="Take back the overrides that the person named by --by gave.",
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
    signed_by: tuple[str, ...],
    threshold: int | None,
    subject_digest: dict[str, str] | None,
    check_document: bool,
    form: str,
    exports: tuple[str, ...],
    blocked_critical: bool,
    reason: str | None,
    who: str | None,
    lasting: timedelta | None,
    back: str | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Print whether the gate is open, and exit accordingly.

    The default is the target's record in its usual folder; of several RECORDs each must be open.
    The record is judged again, as of now: by its observations, the catalogue and waivers of
    pyproject.toml, and every criterion's age. It requires CONFIRMED, even if the run's own rule
    was weaker.
    """
    forms = _forms_of(exports)
    place = place_of(root=root, target=target, dir=folder, subject=subject, run=run)
    project, system = place.project, place.inputs.target
    try:
        stages = named_stages(require) if require is not None else ()
    except UnknownStageError as error:
        raise click.UsageError(str(error)) from None
    query = GateQuery(
        target=system,
        subject=place.inputs.subject,
        commit=commit,
        run=place.inputs.run,
        max_age=max_age,
        require=stages,
    )
    now = clock.now()
    if threshold and not signed_by:
        msg = (
            f"--threshold {threshold} needs --signed-by KEY, or signed_by_threshold beside the key"
        )
        raise click.UsageError(msg)
    trusted = key_sets(project, signed_by, threshold or 1)
    # A record has no digest of the release; only what was signed has.
    if subject_digest and not trusted:
        msg = "--subject-digest needs --signed-by KEY: only an attestation says it"
        raise click.UsageError(msg)
    paths = records or (place.record,)
    if forms:
        # First: a gate that ends before its decision must leave no green form of an earlier one.
        forms.remove(paths, place)
    try:
        if project.config.catalogue.declared:
            # Only to check the names: without a readable record nothing else would.
            queried_stages(project.config.catalogue.at(now), stages)
    except UnknownStageError as error:
        raise click.UsageError(str(error)) from None
    # After all checks: a command that ends with a usage error has opened and closed nothing.
    if back:
        if reason or lasting or not who:
            msg = "--take-back REASON needs --by NAME, and neither --override nor --for"
            raise click.UsageError(msg)
        take_back(system, who, back, now, project.root)
        click.echo(f"prodstatus: the override of target {system} by {who} is taken back", err=True)
    elif reason or who or lasting:
        if not (reason and who and lasting):
            msg = "an override needs all three: --override REASON --by NAME --for DURATION"
            raise click.UsageError(msg)
        new = Override(target=system, reason=reason, who=who, since=now, until=now + lasting)
        save_override(new, project.root)
    # Also one that was just saved: only what the store has is in force.
    override, problem = active_override(system, now, project.root)
    trust = Trust(project, query, trusted, subject_digest)
    gate = Gate(project, query, override, check_document, trust, now)
    try:
        judged = [gate.judged(path) for path in paths]
    except UnknownStageError as error:
        raise click.UsageError(str(error)) from None
    if problem:
        click.echo(f"prodstatus: {problem}", err=True)
    reports = [report for report, _ in judged]
    for path, (report, record) in zip(paths, judged, strict=True):
        if forms and record:
            forms.write(gate.shown(path, record, report), path)
    if form == "nagios":
        from pytest_prodstatus.writers import nagios

        now, worst = clock.now(), nagios.CRITICAL if blocked_critical else nagios.UNKNOWN
        click.echo(nagios.plugin_output(reports, now, blocked=worst), nl=False)
        # The plugin's statuses, not the gate's: a monitor would read 1 (FAILED) as a WARNING.
        sys.exit(nagios.plugin_status(reports, now, blocked=worst))
    _print(reports, form)
    sys.exit(exit_code_of(reports))


@dataclass(frozen=True)
class Gate:
    """The gate of one project, with one query, at one instant."""

    project: Project
    query: GateQuery
    override: Override | None
    check_document: bool
    trust: Trust
    now: datetime

    def judged(self, path: Path) -> tuple[GateReport, Record | None]:
        """Return the gate's decision by one record, and the record if there is one."""
        # Read once: the signature must be of the very bytes that are judged.
        try:
            content = content_at(path)
            record = record_in(content, path)
        except UnreadableError as error:
            return self.without_record(path, str(error)), None
        return self.decided(path, content, record), record

    def shown(self, path: Path, record: Record, report: GateReport) -> Report:
        """Return what the forms show of a record and the decision by it.

        Args:
            path: the record's file.
            record: the record.
            report: the decision.
        """
        from pytest_prodstatus.publish import page_address
        from pytest_prodstatus.writers.exports import Report

        page = page_address(self.project.layout(path.parent), os.environ)
        config = self.project.config
        return Report(record=record, config=config, gate=report, now=self.now, page=page)

    def without_record(self, path: Path, why: str) -> GateReport:
        """Return the gate's decision if there is no record, or it can't be judged.

        Args:
            path: where it should be.
            why: one sentence.
        """
        # As far as is known, no finished record has the run's id, so a new run may use it.
        again = run_again(self.query, same_id=True)
        gone = Violation(kind=ViolationKind.UNREADABLE, text=why, remedy=again)
        decision = decision_without_record((gone,), self.query, self.override)
        # Nothing but an override can open the gate here, so only that has an end.
        end = self.override.until if self.override else None
        return GateReport(source=shown_path(path), run=None, decision=decision, until=end)

    def decided(self, path: Path, content: bytes, record: Record) -> GateReport:
        """Return the gate's decision by a record that was read.

        Args:
            path: its file.
            content: the bytes of the file.
            record: the record.
        """
        source = shown_path(path)
        # What only the files show: `decide` reads none, and closes the gate by it at any verdict.
        found = self._document(record, path) if self.check_document else ()
        decision = self._decide(record, found)
        first = "" if decision.confirmed else _first_action(decision)
        distrust = tuple(self.trust.violations(path, content, record, self.now, first=first))
        if distrust:
            decision = self._decide(record, (*distrust, *found))
        return report_of(record, decision, self.project.config.catalogue, source)

    def _decide(self, record: Record, found: Sequence[Violation]) -> GateDecision:
        """Return the decision by a record, and by what was found beside it."""
        return decide(
            record,
            self.project.config.catalogue,
            self.query,
            self.now,
            waivers=self.project.config.waivers,
            override=self.override,
            require_evidence=self.project.config.require_evidence,
            found=found,
        )

    def _document(self, record: Record, path: Path) -> tuple[Violation, ...]:
        """Return a violation if the record's status document was changed by hand."""
        from pytest_prodstatus.writers.document import changed_by_hand

        document = self.project.layout(path.parent).document
        try:
            content = read_file(document) if document.exists() else None
            difference = changed_by_hand(content, record)
        except OSError as error:
            difference = f"it can't be read: {error.strerror or error}"
        if not difference:
            return ()
        text = f"the status document {shown_path(document)} is not the record's: {difference}"
        remedy = "run prodstatus render, which writes its fields again from the record"
        return (Violation(kind=ViolationKind.DOCUMENT, text=text, remedy=remedy),)


def _first_action(decision: GateDecision) -> str:
    """Return what to do first about a closed gate: if no action is known, why it is closed."""
    return next(iter((*decision.actions, *decision.reasons, "run the whole suite")))


def _forms_of(names: Sequence[str]) -> Forms | None:
    """Return the forms that `--export` names, loaded; None if it names none."""
    if not names:
        return None
    # Imported here: most calls write no form, and that module needs this one.
    from pytest_prodstatus.cli.export import Forms

    return Forms(names)


def _print(reports: list[GateReport], form: str) -> None:
    """Print the decisions in a form: text, JSON, or with GitHub's or Azure's commands."""
    now = clock.now()
    if form == "json":
        click.echo(decisions_to_json(reports, now))
        return
    for report in reports:
        for line in decision_lines(report, now):
            click.echo(line)
    if form == "github":
        _write_github(reports)
    if form == "azure":
        from pytest_prodstatus.writers.azure import commands

        for line in commands(reports):
            click.echo(line.encode("utf-8", "backslashreplace"))  # as bytes it stays a command


def _write_github(reports: list[GateReport]) -> None:
    """Print GitHub's workflow commands, and append to the step's output and summary files.

    A file that can't be written is named, and changes neither decision nor exit status.
    """
    from pytest_prodstatus.writers import append_lines
    from pytest_prodstatus.writers.github import gate_commands, step_outputs, step_summary

    for line in gate_commands(reports):
        click.echo(line.encode("utf-8", "backslashreplace"))  # as bytes it stays a command
    # Both are unset if a person tries the form at a terminal.
    files = {"GITHUB_OUTPUT": step_outputs(reports), "GITHUB_STEP_SUMMARY": step_summary(reports)}
    for name, text in files.items():
        if os.environ.get(name):
            try:
                append_lines(Path(os.environ[name]), text)
            except OSError as error:
                click.echo(f"prodstatus: {name} can't be written: {error}", err=True)
