"""What the terminal says below the board that no verdict says: notices, each one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_prodstatus.criteria import Manifest
from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.criterion_status import file_of
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.settings import Settings

if TYPE_CHECKING:
    from pytest_prodstatus.model.unmet import Basis


def of_unmet(
    basis: Basis, manifest: Manifest, catalogue: Catalogue, record: Record, *, what: str, kept: bool
) -> Iterator[str]:
    """Yield what a run with `--unmet` selected, did not start, and turned.

    Args:
        basis: what was known of earlier runs.
        manifest: what was collected.
        catalogue: the run's.
        record: the run's.
        what: the option's value.
        kept: nothing was unmet, and all files are as they were.
    """
    from pytest_prodstatus.model.unmet import forgotten, turned

    if whole := basis.whole:
        yield f"{whole}: everything is unmet"
    elif unnamed := forgotten(basis.former, record.run.subject.release, catalogue):
        yield unnamed
    if manifest.held:
        names = sorted(manifest.criteria[nodeid].id for nodeid in manifest.held)
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        why = f": {basis.starts_unknown}" if basis.starts_unknown else ""
        everything = ", or run everything" if why else ""
        yield (
            f"{names[0]}{more}: it acts on the world and may have started before{why}, so --unmet "
            "doesn't start it again; to let it act, name it, as in --stage "
            f"{names[0].partition('.')[0]}{everything}"
        )
    elif lost := [s for s in record.criteria if s.selected and s.carried_over]:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        yield (
            f"{lost[0].id}{more}: unmet, and its test isn't found any more in a file that is as it "
            f"was; run all of that: pytest {file_of(lost[0])}"
        )
    elif not manifest.selected and manifest.met:
        word = "BLOCKED" if what == "blocked" else "unmet"
        files = ", and all files are as they were" if kept else ""
        yield f"nothing that was selected is {word}: no criterion ran{files}"
    yield from turned(basis.former, record)


def of_carried(record: Record, former: Record | None, settings: Settings) -> Iterator[str]:
    """Yield that verdicts are carried over whose record nobody answers for.

    Args:
        record: the run's.
        former: the last run's; None if there is none.
        settings: the run's.
    """
    carried = sum(status.carried_over for status in record.criteria)
    machine = former.run.machine if former else ""
    # With `signed_by` the signature answers the question.
    if carried and machine != record.run.machine and not settings.config.signed_by:
        what = "1 verdict is" if carried == 1 else f"{carried} verdicts are"
        yield (
            f"{what} carried over from a record that another machine or user made, and nobody "
            "signed (signed_by)"
        )


def of_project(settings: Settings) -> Iterator[str]:
    """Yield what the project doesn't ask for, so that its absence isn't noticed."""
    if not settings.config.catalogue.requires_assertions:
        yield "assertions are not counted: set require_assertion = true in [tool.prodstatus]"
    if not settings.has_project:
        yield (
            "no [tool.prodstatus] here or above: nothing is declared, so nothing that is missing "
            "can be noticed; prodstatus gate needs --root"
        )
