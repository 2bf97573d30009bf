"""Where the outputs of a run lie: one folder a target, and a document that may lie elsewhere.

Separate from the settings of a run, since the command line asks for the same places without pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_prodstatus.readers.config import OUTPUTS

PRODUCTION = "production"
"""The default target, and the mark that every criterion carries."""

REPORTS = "reports"
RECORD, PAGE = OUTPUTS


def usual_folder(root: Path, target: str) -> Path:
    """Return the folder of a target's outputs where a run isn't told another."""
    reports = root / REPORTS
    return reports if target == PRODUCTION else reports / target


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of one set of outputs.

    Attributes:
        root: the project's root folder.
        folder: where the outputs go.
        document_name: of the status document; one with a slash is a path from the root.
    """

    root: Path
    folder: Path
    document_name: str

    @property
    def record(self) -> Path:
        """Where the record lies."""
        return self.folder / RECORD

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.folder / PAGE

    def export(self, name: str) -> Path:
        """Return where another tool's form lies."""
        # Not above: whoever only reads a record needs no writer.
        from pytest_prodstatus.writers.export import EXPORTS

        return self.folder / EXPORTS[name].file

    @property
    def document(self) -> Path:
        """Where the status document lies: beside the record, or where a path with a slash says."""
        name = self.document_name
        return self.root / name if "/" in name else self.folder / name
