"""The waivers that a project declares, each whole and each of its own criterion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.waiver import WAIVER_MAX, Waiver, Waivers
from pytest_prodstatus.readers.table import ConfigError, Table

WAIVER_KEYS = ("criterion", "reason", "owner", "expires")


def read_waivers(reader: Table, catalogue: Catalogue) -> Waivers:
    """Return the waivers in the table [tool.prodstatus], and the rules that they must keep.

    Raises:
        ConfigError: a waiver lacks a key or has a wrong one, a criterion has two, or `unwaivable`
            names no stage.
    """
    unwaivable = reader.texts("unwaivable")
    for name in unwaivable:
        if catalogue.declared and name.partition(".")[0] not in catalogue.by_id:
            msg = (
                f"{reader.where}: unwaivable holds {name!r}, which is in no stage; write a "
                f"stage or stage.criterion; stages are {', '.join(catalogue.by_id)}"
            )
            raise ConfigError(msg)
    given: dict[str, Waiver] = {}
    for number, item in enumerate(reader.tables("waivers"), 1):
        waiver = _waiver(item, number, reader.where)
        if given.setdefault(waiver.criterion, waiver) is not waiver:
            msg = (
                f"{reader.where}: criterion {waiver.criterion!r} has two waivers; keep one of them"
            )
            raise ConfigError(msg)
    longest = reader.duration("waiver_max", WAIVER_MAX)
    return Waivers(given=tuple(given.values()), unwaivable=unwaivable, longest=longest)


def _waiver(item: Mapping[str, Any], number: int, where: str) -> Waiver:
    name = item.get("criterion")
    reader = Table(item, f"{where} waiver of {name!r}" if name else f"{where} waiver {number}")
    reader.refuse_unknown(WAIVER_KEYS)
    for key in WAIVER_KEYS:
        if key not in item or (isinstance(item[key], str) and not item[key].strip()):
            msg = f"{reader.where}: it has no {key}; a waiver needs {', '.join(WAIVER_KEYS)}"
            raise ConfigError(msg)
    return Waiver(
        criterion=reader.text("criterion", ""),
        reason=reader.text("reason", ""),
        owner=reader.text("owner", ""),
        expires=reader.instant("expires"),
    )
