"""Other tools' forms of a record: each a writer with the name of the file that it makes.

A new form is one module of `pytest_prodstatus.writers` that holds a `Writer` as `write`, and its
line in `EXPORTS`. It is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple, Protocol

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Config


class Writer(Protocol):
    """Makes the text of one form; the same record gives the same text."""

    def __call__(self, record: Record, config: Config) -> str:
        """Return the record, of a finished run or one in progress, in this form."""


class Export(NamedTuple):
    """One form.

    Attributes:
        file: its name in the output folder.
        about: what it is, for the help.
    """

    file: str
    about: str


EXPORTS: Mapping[str, Export] = {
    "ctrf": Export(file="ctrf.json", about="Common Test Report Format"),
    "github": Export(file="summary.md", about="a step summary for GitHub"),
    "junit": Export(file="junit.xml", about="JUnit XML of every criterion"),
}
"""The forms by their names; the module of the same name makes it."""


def writer_of(name: str) -> Writer:
    """Return what makes a form of `EXPORTS`."""
    writer: Writer = import_module(f"pytest_prodstatus.writers.{name}").write
    return writer
