"""`prodstatus prove`: run the criteria against sick systems, and list those that never fail.

The only command that runs pytest. Each run is a process of its own, as a person would start it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from msgspec import Struct

from pytest_prodstatus.cli.common import (
    FILE,
    Place,
    UnreadableError,
    named_record,
    path,
    place_of,
    record_at,
    root_option,
    target,
)
from pytest_prodstatus.model.record import CriterionStatus, Record
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import EXIT_BLOCKED, Verdict
from pytest_prodstatus.writers.words import counted

_EXAMPLES = """\b
Examples (bash makes four runs of the second):
  prodstatus prove --against broken-staging --record reports/status.json
  prodstatus prove --against demo -- --demo-scenario={healthy,empty-store,wrong-key,no-sale}
  PYTEST_ADDOPTS='-n 2' prodstatus prove --against demo -- '--demo-scenario wrong-key --stage oauth'

\b
Exit status:
  0   every criterion was seen to hold in one run, and to fail in another
  10  some were not, or were not started
  2   a usage error, or a run that left no record
"""

# In this form, since pytest's -m sees only the keyword arguments of a mark.
_MARKS = "production and not stage(side_effects=True)"
_NOT_INHERITED = (
    "PRODSTATUS_RUN_ID",  # each run has its own
    "PRODSTATUS_DIR",
    "PRODSTATUS_SIGN_KEY",  # nobody vouches for a sick system
    "GITHUB_STEP_SUMMARY",
)
_SHOWN_LINES = 15
"""Lines of pytest's output that are shown of a run without a record."""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--against",
    callback=target,
    metavar="TARGET",
    help="The target that is known to be sick.",
)
@click.option(
    "--record",
    "records",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="Count this record as well, such as the one of a healthy system. May be repeated.",
)
@click.option(
    "--side-effects",
    is_flag=True,
    help="Also start the criteria with side effects, once in each run.",
)
@click.option(
    "--dir",
    "folder",
    callback=path,
    metavar="FOLDER",
    help="Keep the outputs of the runs here.  [default: a temporary folder]",
)
@root_option
@click.argument("runs", nargs=-1, metavar="[-- OPTIONS...]")
def command(
    against: str | None,
    records: tuple[Path, ...],
    side_effects: bool,
    folder: str | None,
    root: str | None,
    runs: tuple[str, ...],
) -> None:
    """Run the criteria against sick systems, and list those that were never seen to fail.

    Each OPTIONS has pytest's options of one run; without any there is one run. A criterion
    is proved if it was CONFIRMED in a run and FAILED in another: BLOCKED shows nothing. Criteria
    with side effects are not started. No run changes the project's own outputs or its history.
    """
    if against is None and (runs or not records):
        msg = "name the sick system with --against TARGET, or records with --record FILE"
        raise click.UsageError(msg)
    found: dict[str, Record] = {str(file): named_record(file) for file in records}
    if against is not None:
        place = place_of(root=root, target=against)
        _refuse_shared(place)
        with _folder(folder) as outputs:
            for options in runs or ("",):
                name = options or against
                found[name] = _record_of(place, options, outputs, side_effects=side_effects)
                click.echo(f"{one_line(name)}: {_counts(found[name])}")
    seen = proofs(found)
    _print(seen, len(found))
    sys.exit(0 if seen and all(proof.is_proved for proof in seen) else EXIT_BLOCKED)


def _refuse_shared(place: Place) -> None:
    """Refuse a project whose status document lies outside the folder of its run."""
    document = place.project.layout(place.folder).document
    if document.parent != place.folder:
        msg = (
            f"document = {place.project.config.document!r} is the same file for each run, and the "
            "runs would write a sick system's verdicts there; prove it in a copy of the project"
        )
        raise click.UsageError(msg)


@contextmanager
def _folder(name: str | None) -> Iterator[Path]:
    """Give the folder for the runs' outputs: the named one, else a temporary one."""
    if name is not None:
        yield Path(name).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="prodstatus-prove-") as temporary:
        yield Path(temporary)


def _record_of(place: Place, options: str, outputs: Path, *, side_effects: bool) -> Record:
    """Run pytest with the options, and return the record of the run.

    Raises:
        click.UsageError: the options can't be split, or the run left no finished record.
    """
    try:
        own = shlex.split(options)
    except ValueError as error:
        msg = f"{options!r}: not options as on a command line ({error})"
        raise click.UsageError(msg) from None
    name = "".join(c if c.isalnum() or c in "-_=." else "_" for c in options) or "target"
    folder = outputs / name
    record = place.project.layout(folder).record
    folder.mkdir(parents=True, exist_ok=True)
    # Else a run that breaks at once would be taken for the one before in a named folder.
    record.unlink(missing_ok=True)
    marks = "production" if side_effects else _MARKS
    command = [
        *(sys.executable, "-m", "pytest", "-m", marks, f"--prodstatus-root={place.project.root}"),
        *(f"--prodstatus-target={place.inputs.target}", f"--prodstatus-dir={folder}"),
        # The project's own `--lf` must not select by what failed on a sick system.
        *("-o", f"cache_dir={outputs / '.cache'}", *own),
    ]
    log = folder / "pytest.txt"
    with log.open("wb") as output:
        done = subprocess.run(  # noqa: S603  what the person asked for
            command, stdout=output, stderr=subprocess.STDOUT, env=_environ(os.environ), check=False
        )
    made = _finished(record)
    if made is None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        click.echo("\n".join(lines[-_SHOWN_LINES:]), err=True)
        msg = f"the run {options!r} left no record: pytest ended with {done.returncode}"
        raise click.UsageError(msg)
    return made


def _finished(record: Path) -> Record | None:
    """Return the record in a file; None if its run didn't finish or observed nothing."""
    try:
        read = record_at(record)
    except UnreadableError:
        return None
    return read if read.run.finished and any(s.observed for s in read.criteria) else None


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run of pytest, which saves no history."""
    kept = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    # These runs are about sick systems: in the history they would be outages.
    return {**kept, "PRODSTATUS_HISTORY": "0"}


def _counts(record: Record) -> str:
    """Return how many criteria of a run have each verdict, in words."""
    own = [status.observed for status in record.criteria if status.observed_now]
    return ", ".join(f"{own.count(verdict)} {verdict}" for verdict in Verdict)


def _print(seen: Sequence[Proof], runs: int) -> None:
    """Print how many criteria are proved, and what each of the others lacks."""
    unproved = [proof for proof in seen if not proof.is_proved]
    # Those with side effects that no run started aren't tests that can't fail: listed apart.
    acting = [p for p in unproved if p.side_effects and not (p.held or p.failed or p.blocked)]
    unproved = [proof for proof in unproved if proof not in acting]
    click.echo("")
    number = len(seen) - len(unproved) - len(acting)
    click.echo(
        f"{counted(runs, 'run')}: {number} of {counted(len(seen), 'criterion', 'criteria')} "
        "proved, seen to hold and to fail"
    )
    width = max((len(one_line(proof.criterion)) for proof in unproved), default=0)
    for proof in unproved:
        click.echo(f"  {one_line(proof.criterion):<{width}}  {proof.missing}")
    for proof in acting:
        click.echo(f"  {one_line(proof.criterion)}  not started: it has side effects")


class Proof(Struct, frozen=True, kw_only=True):
    """One criterion, and the runs that observed it, by its own verdict in each.

    Attributes:
        criterion: its id.
        held, failed, blocked: the runs' names.
        side_effects: it changes the system.
    """

    criterion: str
    held: tuple[str, ...]
    failed: tuple[str, ...]
    blocked: tuple[str, ...]
    side_effects: bool

    @property
    def is_proved(self) -> bool:
        """Whether it was seen to hold, and seen to fail."""
        return bool(self.held and self.failed)

    @property
    def missing(self) -> str:
        """What was not seen of it, in words; "" if it is proved."""
        if self.is_proved:
            return ""
        if self.failed:
            return "never seen to hold"
        seen = f"held in {len(self.held)}" if self.held else "held in none"
        blocked = f", BLOCKED in {len(self.blocked)}" if self.blocked else ""
        return f"never seen to fail: {seen}{blocked}"


def proofs(records: Mapping[str, Record]) -> tuple[Proof, ...]:
    """Compare what each criterion showed in several runs.

    What a run didn't observe itself, and what upstream made of a verdict, doesn't count.

    Args:
        records: of finished runs, by a name of each.

    Returns:
        One for every criterion that has a test, in the order of the records.
    """
    found: dict[str, dict[Verdict, list[str]]] = {}
    acting: set[str] = set()
    for name, record in records.items():
        for status in record.criteria:
            # No test provides it, so nothing can be proved of it.
            if status.nodeid is None:
                continue
            seen = found.setdefault(status.id, {verdict: [] for verdict in Verdict})
            if status.side_effects:
                acting.add(status.id)
            # `observed`, not `verdict`: a stage that it requires may have made it BLOCKED.
            if status.observed is not None and _is_own(status):
                seen[status.observed].append(name)
    return tuple(
        Proof(
            criterion=criterion,
            held=tuple(seen[Verdict.CONFIRMED]),
            failed=tuple(seen[Verdict.FAILED]),
            blocked=tuple(seen[Verdict.BLOCKED]),
            side_effects=criterion in acting,
        )
        for criterion, seen in found.items()
    )


def _is_own(status: CriterionStatus) -> bool:
    """Return whether the record's own run looked at it."""
    return not status.carried_over and status.selected
