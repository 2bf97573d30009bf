"""The path through the system that a project wants to see on its page, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.evidence import NAME_LIMIT
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.readers.table import ConfigError, Table

STEP_KEYS = ("step", "shows")


class Step(NamedTuple):
    """A step of the path.

    Attributes:
        name: what the step is called; an instant of that name in the evidence dates it.
        shows: the stage or criterion whose verdict is the step's.
    """

    name: str
    shows: str


def read_path(reader: Table, catalogue: Catalogue) -> tuple[Step, ...]:
    """Return the steps in the table [tool.prodstatus], in their order.

    Raises:
        ConfigError: a step lacks a key or has a wrong one, or shows something in no stage.
    """
    steps = enumerate(reader.tables("path"), 1)
    return tuple(_step(item, f"{reader.where} step {number}", catalogue) for number, item in steps)


def _step(item: Mapping[str, Any], where: str, catalogue: Catalogue) -> Step:
    reader = Table(item, where)
    reader.refuse_unknown(STEP_KEYS)
    name, shows = one_line(reader.text("step", ""), limit=NAME_LIMIT), reader.text("shows", "")
    if not name or not shows:
        msg = f"{where}: it needs both keys, as in {{ step = 'purchase', shows = 'order' }}"
        raise ConfigError(msg)
    if catalogue.declared and shows.partition(".")[0] not in catalogue.by_id:
        msg = (
            f"{where}: shows = {shows!r} is in no stage; write a stage or stage.criterion; "
            f"stages are {', '.join(catalogue.by_id)}"
        )
        raise ConfigError(msg)
    return Step(name=name, shows=shows)
